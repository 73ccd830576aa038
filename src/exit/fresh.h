/*
 * fresh.h - is a fact still so?  Three tests, all of which must hold: young enough, near enough to the current end,
 * and measured under the plan, context and authority of now.
 */
#ifndef EXIT_FRESH_H
#define EXIT_FRESH_H

#include "exit/evidence.h"

struct fresh_limits {
	int64_t age_ms_max; /* since the measurement ended */
	int64_t behind_max; /* offsets between its end and the current end, a partition; -1: not judged */
};

/* How far two wall clocks, or a wall clock and a monotonic one, may differ before neither is believed. */
#define FRESH_SKEW_MS_MAX 5000

struct fresh_now {
	struct moment moment;
	struct epochs epochs;
	/* Current ends, in order (evidence_position_order()); only side, topic, partition, epoch and end are read. */
	const struct position *ends;
	int end_count;
};

/* STALE_NOT is not zero: a fact is not fresh until it has been found to be. */
enum staleness {
	STALE_UNJUDGED,
	STALE_NOT,
	STALE_AGE,
	STALE_CLOCK,       /* dated in the future, or the clocks disagree about how long ago it was */
	STALE_BEHIND,      /* the log has grown past it by more than the limit */
	STALE_TRUNCATED,   /* the log now ends before what was measured, or its leader epoch went back */
	STALE_END_UNKNOWN, /* no current end to hold it against */
	STALE_PLAN,
	STALE_CONTEXT,
	STALE_AUTHORITY,
};

enum staleness fresh_judge(const struct evidence *item, const struct fresh_limits *limits,
			   const struct fresh_now *now);

/* "EVIDENCE_TOO_OLD", ... for machines; and a phrase for people. */
const char *staleness_code(enum staleness staleness);
const char *staleness_text(enum staleness staleness);

#endif
