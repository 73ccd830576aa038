/* freeze.c - windows of local time on the line of moments. */
#include "exit/freeze.h"

#define MINUTE_S 60
#define DAY_S    86400
#define WEEK_MIN (7 * 24 * 60)

static void add_window(const struct zone *zone, int64_t from_local_s, int64_t to_local_s, int64_t now_ms,
		       struct freeze_state *state)
{
	int64_t from_ms = zone_utc_of(zone, from_local_s, false) * 1000;
	int64_t to_ms = zone_utc_of(zone, to_local_s, true) * 1000;

	if (from_ms <= now_ms && now_ms < to_ms) {
		state->frozen = true;
		if (to_ms > state->until_ms)
			state->until_ms = to_ms;
	} else if (from_ms > now_ms && from_ms < state->next_ms) {
		state->next_ms = from_ms;
	}
}

/* A window that began last week may hold still, and one that begins next week may be the next. */
static void add_weekly(const struct plan_freeze *freeze, const struct zone *zone, int64_t now_ms,
		       struct freeze_state *state)
{
	int64_t now_s = now_ms / 1000, local_s = now_s + zone_offset(zone, now_s);
	int64_t day = local_s / DAY_S - (local_s % DAY_S < 0);
	int64_t monday = day - ((day + 3) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
	int64_t minutes = (freeze->to_minute - freeze->from_minute + WEEK_MIN) % WEEK_MIN;

	if (!minutes)
		minutes = WEEK_MIN; /* from a minute to the same one is all of the time */
	for (int week = -2; week <= 2; week++) {
		int64_t from_s = (monday + 7 * week) * DAY_S + (int64_t)freeze->from_minute * MINUTE_S;

		add_window(zone, from_s, from_s + minutes * MINUTE_S, now_ms, state);
	}
}

static int digits(struct view text, size_t at, size_t count)
{
	int n = 0;

	for (size_t i = at; i < at + count && i < text.size; i++)
		n = n * 10 + (text.at[i] - '0');
	return n;
}

/* Of "2026-12-24", which the plan has checked. */
static int64_t days_of(struct view date)
{
	return zone_days(digits(date, 0, 4), digits(date, 5, 2), digits(date, 8, 2));
}

void freeze_judge(const struct plan_freeze *freeze, const struct zone *zone, int64_t now_ms,
		  struct freeze_state *state)
{
	if (freeze->weekly)
		add_weekly(freeze, zone, now_ms, state);
	else
		add_window(zone, days_of(freeze->from_date) * DAY_S, (days_of(freeze->to_date) + 1) * DAY_S,
			   now_ms, state);
}
