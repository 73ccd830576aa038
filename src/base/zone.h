/*
 * zone.h - local time: how far a place is from UTC at a moment, and when a local time is.
 *
 * From the bytes of a zoneinfo file (RFC 8536, version 2 and up), the rule for the years to come at its end included.
 * Reading a file is one function; all else is pure.
 */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include "base/buffer.h"
#include "base/err.h"

/* When summer time begins or ends in a year: "M3.5.0/2" and its kind. */
struct zone_turn {
	char kind; /* 'M': weekday of a week of a month; 'J': day 1 to 365, no leap day; 'D': day 0 to 365 */
	int month, week, day;
	int seconds; /* after midnight, local time; may be negative or past a day */
};

/* What holds after the last change that the table knows. */
struct zone_rule {
	bool given, has_summer;
	int32_t standard, summer; /* seconds east of UTC */
	struct zone_turn begins, ends;
};

struct zone {
	struct view times, indices, types; /* of the file: 8 bytes, 1 byte, 6 bytes each */
	int count, type_count;
	struct zone_rule rule;
};

/* "UTC": no table, no rule. */
extern const struct zone zone_utc;

/* Views of `bytes`, which must outlive the zone.  ERR_MALFORMED. */
int zone_read(struct view bytes, struct zone *out, struct fault *fault);

/*
 * The zone of that name ("Europe/Berlin", "UTC") from the system's files, into `bytes`, which must be empty and outlive
 * it.  ERR_NOT_FOUND names the file that is not there; ERR_MALFORMED.
 */
int zone_load(struct view name, struct buffer *bytes, struct zone *out, struct fault *fault);

/* Seconds east of UTC at a moment in seconds since 1970. */
int32_t zone_offset(const struct zone *zone, int64_t utc_s);

/*
 * When a local time (seconds since 1970-01-01 00:00 there) is.  In an hour that happens twice, or not at all, there are
 * two answers: the earlier, or with `late` the later.
 */
int64_t zone_utc_of(const struct zone *zone, int64_t local_s, bool late);

/* Days since 1970-01-01 of a date of the Gregorian calendar. */
int64_t zone_days(int year, int month, int day);

#endif
