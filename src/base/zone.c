/* zone.c - a zoneinfo file, and the rule at its end. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "base/file.h"
#include "base/zone.h"

#define ZONE_FOLDER    "/usr/share/zoneinfo/"
#define ZONE_FILE_MAX  (1024 * 1024)
#define ZONE_HEAD_SIZE 44
#define DAY_S          86400
#define OFFSET_S_MAX   (26 * 3600) /* RFC 8536: no place is further from UTC */

const struct zone zone_utc;

/* ---- the calendar ---- */

int64_t zone_days(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int year_of(int64_t utc_s)
{
	int64_t days = utc_s / DAY_S - (utc_s % DAY_S < 0);
	int64_t year = 1970 + days / 366;

	/* A guess that is never too high for moments after 1970, nor by much too low. */
	while (zone_days((int)year + 1, 1, 1) <= days)
		year++;
	while (zone_days((int)year, 1, 1) > days)
		year--;
	return (int)year;
}

/* ---- the rule at the end ---- */

struct text {
	const char *at, *end;
	bool wrong;
};

static char peek(const struct text *t)
{
	return t->at < t->end ? *t->at : '\0';
}

static bool eat(struct text *t, char c)
{
	if (peek(t) != c)
		return false;
	t->at++;
	return true;
}

static int take_number(struct text *t, int most)
{
	int n = 0;

	if (!isdigit((unsigned char)peek(t)))
		t->wrong = true;
	while (isdigit((unsigned char)peek(t)) && n <= most)
		n = n * 10 + (*t->at++ - '0');
	if (n > most)
		t->wrong = true;
	return n;
}

/* "CET" or "<+03>" */
static void skip_name(struct text *t)
{
	const char *began = t->at;

	if (eat(t, '<')) {
		while (peek(t) && peek(t) != '>')
			t->at++;
		t->wrong |= !eat(t, '>');
		return;
	}
	while (isalpha((unsigned char)peek(t)))
		t->at++;
	t->wrong |= t->at - began < 3;
}

/* [+-]hh[:mm[:ss]] in seconds */
static int take_time(struct text *t)
{
	bool minus = eat(t, '-');
	int seconds;

	if (!minus)
		eat(t, '+');
	seconds = take_number(t, 167) * 3600;
	if (eat(t, ':'))
		seconds += take_number(t, 59) * 60;
	if (eat(t, ':'))
		seconds += take_number(t, 59);
	return minus ? -seconds : seconds;
}

static struct zone_turn take_turn(struct text *t)
{
	struct zone_turn turn = { .kind = 'D', .seconds = 2 * 3600 };

	if (eat(t, 'M')) {
		turn.kind = 'M';
		turn.month = take_number(t, 12);
		t->wrong |= !eat(t, '.');
		turn.week = take_number(t, 5);
		t->wrong |= !eat(t, '.');
		turn.day = take_number(t, 6);
		t->wrong |= !turn.month || !turn.week;
	} else if (eat(t, 'J')) {
		turn.kind = 'J';
		turn.day = take_number(t, 365);
		t->wrong |= !turn.day;
	} else {
		turn.day = take_number(t, 365);
	}
	if (eat(t, '/'))
		turn.seconds = take_time(t);
	return turn;
}

/* "CET-1CEST,M3.5.0,M10.5.0/3"; its hours count west. */
static bool rule_read(struct view text, struct zone_rule *out)
{
	struct text t = { (const char *)text.at, (const char *)text.at + text.size, false };
	struct zone_rule rule = { .given = true };

	skip_name(&t);
	rule.standard = -take_time(&t);
	if (!t.wrong && t.at < t.end) {
		rule.has_summer = true;
		rule.summer = rule.standard + 3600;
		skip_name(&t);
		if (peek(&t) != ',')
			rule.summer = -take_time(&t);
		t.wrong |= !eat(&t, ',');
		rule.begins = take_turn(&t);
		t.wrong |= !eat(&t, ',');
		rule.ends = take_turn(&t);
	}
	if (t.wrong || t.at != t.end || abs(rule.standard) > OFFSET_S_MAX || abs(rule.summer) > OFFSET_S_MAX)
		return false;
	*out = rule;
	return true;
}

/* When the turn is in a year, in seconds of local time. */
static int64_t turn_in(const struct zone_turn *turn, int year)
{
	int64_t day;

	if (turn->kind == 'M') {
		int64_t first = zone_days(year, turn->month, 1);
		int64_t next =
			turn->month == 12 ? zone_days(year + 1, 1, 1) : zone_days(year, turn->month + 1, 1);

		/* 1970-01-01 was a Thursday; day 0 is a Sunday. */
		day = first + ((turn->day - (first + 4) % 7) % 7 + 7) % 7 + 7 * (turn->week - 1);
		while (day >= next)
			day -= 7;
	} else if (turn->kind == 'J') {
		day = zone_days(year, 1, 1) + turn->day - 1 + (is_leap(year) && turn->day >= 60);
	} else {
		day = zone_days(year, 1, 1) + turn->day;
	}
	return day * DAY_S + turn->seconds;
}

static int32_t rule_offset(const struct zone_rule *rule, int64_t utc_s)
{
	int year;
	int64_t begins, ends;
	bool summer;

	if (!rule->has_summer)
		return rule->standard;
	year = year_of(utc_s + rule->standard);
	begins = turn_in(&rule->begins, year) - rule->standard;
	ends = turn_in(&rule->ends, year) - rule->summer;
	summer = begins < ends ? begins <= utc_s && utc_s < ends : utc_s >= begins || utc_s < ends;
	return summer ? rule->summer : rule->standard;
}

/* ---- the table ---- */

struct head {
	uint8_t version;
	uint32_t utc_count, standard_count, leap_count, time_count, type_count, char_count;
};

static bool head_read(struct cursor *c, struct head *out)
{
	const uint8_t *magic = cursor_take(c, 4);

	if (!magic || memcmp(magic, "TZif", 4) != 0)
		return false;
	out->version = (uint8_t)cursor_i8(c);
	cursor_take(c, 15);
	out->utc_count = cursor_u32(c);
	out->standard_count = cursor_u32(c);
	out->leap_count = cursor_u32(c);
	out->time_count = cursor_u32(c);
	out->type_count = cursor_u32(c);
	out->char_count = cursor_u32(c);
	return !c->fault;
}

/* How many bytes stand behind a head whose times take `time_size` bytes each. */
static uint64_t body_size(const struct head *head, unsigned time_size)
{
	return (uint64_t)head->time_count * (time_size + 1) + (uint64_t)head->type_count * 6 +
	       head->char_count + (uint64_t)head->leap_count * (time_size + 4) + head->standard_count +
	       head->utc_count;
}

static int64_t time_at(const struct zone *zone, int index)
{
	struct cursor c = cursor_over(view_of(zone->times.at + 8 * (size_t)index, 8));

	return cursor_i64(&c);
}

static int32_t offset_of_type(const struct zone *zone, int type)
{
	struct cursor c = cursor_over(view_of(zone->types.at + 6 * (size_t)type, 4));

	return cursor_i32(&c);
}

static bool table_is_sound(const struct zone *zone)
{
	for (int i = 0; i < zone->count; i++)
		if (zone->indices.at[i] >= zone->type_count ||
		    (i && time_at(zone, i - 1) >= time_at(zone, i)))
			return false;
	for (int i = 0; i < zone->type_count; i++)
		if (offset_of_type(zone, i) > OFFSET_S_MAX || offset_of_type(zone, i) < -OFFSET_S_MAX)
			return false;
	return zone->type_count > 0;
}

static bool read_all(struct view bytes, struct zone *out)
{
	struct cursor c = cursor_over(bytes);
	struct zone zone = { 0 };
	struct head head;
	struct view footer;
	const uint8_t *end;

	if (!head_read(&c, &head) || head.version < '2' || body_size(&head, 4) > cursor_left(&c))
		return false;
	cursor_take(&c, (size_t)body_size(&head, 4));
	if (!head_read(&c, &head) || body_size(&head, 8) > cursor_left(&c))
		return false;
	zone.count = (int)head.time_count;
	zone.type_count = (int)head.type_count;
	zone.times = cursor_view(&c, 8 * (size_t)head.time_count);
	zone.indices = cursor_view(&c, head.time_count);
	zone.types = cursor_view(&c, 6 * (size_t)head.type_count);
	cursor_take(&c,
		    head.char_count + 12 * (size_t)head.leap_count + head.standard_count + head.utc_count);
	if (c.fault || !table_is_sound(&zone) || cursor_i8(&c) != '\n')
		return false;
	footer = view_of(c.at, cursor_left(&c));
	end = footer.size ? memchr(footer.at, '\n', footer.size) : NULL;
	if (!end)
		return false;
	footer.size = (size_t)(end - footer.at);
	if (footer.size && !rule_read(footer, &zone.rule))
		return false;
	*out = zone;
	return true;
}

int zone_read(struct view bytes, struct zone *out, struct fault *fault)
{
	if (bytes.size > ZONE_FILE_MAX || !read_all(bytes, out))
		return fault_set(fault, ERR_MALFORMED,
				 "these bytes are not a time zone (zoneinfo, version 2 or later)");
	return 0;
}

int zone_load(struct view name, struct buffer *bytes, struct zone *out, struct fault *fault)
{
	char path[300];
	int err;

	if (view_is(name, "UTC")) {
		*out = zone_utc;
		return 0;
	}
	if (name.size > 200 || memmem(name.at, name.size, "..", 2) || (name.size && name.at[0] == '/'))
		return fault_set(fault, ERR_NOT_FOUND, "'%.*s' is not a time zone", VIEW_ARGS(name));
	snprintf(path, sizeof path, ZONE_FOLDER "%.*s", VIEW_ARGS(name));
	err = file_read(path, bytes, fault);
	if (err < 0)
		return err;
	err = zone_read(buffer_bytes(bytes), out, fault);
	return err < 0 ? fault_at(fault, "%s", path) : 0;
}

/* ---- questions ---- */

int32_t zone_offset(const struct zone *zone, int64_t utc_s)
{
	int low = 0, high = zone->count;

	if (!zone->type_count)
		return 0;
	while (low < high) { /* the first change after the moment */
		int middle = low + (high - low) / 2;

		if (time_at(zone, middle) <= utc_s)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == zone->count && zone->rule.given)
		return rule_offset(&zone->rule, utc_s);
	return offset_of_type(zone, low ? zone->indices.at[low - 1] : 0);
}

int64_t zone_utc_of(const struct zone *zone, int64_t local_s, bool late)
{
	/* No zone changes twice within two days. */
	int32_t before = zone_offset(zone, local_s - DAY_S - OFFSET_S_MAX / 2);
	int32_t after = zone_offset(zone, local_s + DAY_S + OFFSET_S_MAX / 2);
	int64_t a = local_s - before, b = local_s - after;
	bool is_a = zone_offset(zone, a) == before, is_b = zone_offset(zone, b) == after;

	if (is_a != is_b)
		return is_a ? a : b;
	return late == (a > b) ? a : b;
}
