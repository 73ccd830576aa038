/* test_freeze.c - one row a moment: does the freeze hold, until when, and when does the next one begin? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/units.h"
#include "exit/freeze.h"
#include "exit/plan_value.h"

#define WEEKEND "fri 16:00 .. mon 07:00 Europe/Berlin"
#define NIGHT   "tue 01:00 .. tue 03:00 America/New_York"
#define SWITCH  "sun 02:30 .. sun 02:45 Europe/Berlin"
#define YULE    "2026-12-24 .. 2027-01-02 Europe/Berlin"
#define ALWAYS  "mon 00:00 .. mon 00:00 UTC"

/* clang-format off */
static const struct row {
	const char *name, *freeze, *now, *until, *next;	/* until NULL: it does not hold; next NULL: never */
} rows[] = {
	{ "a Wednesday", WEEKEND, "2026-11-25T12:00:00Z", NULL, "2026-11-27T15:00:00Z" },
	{ "the minute before", WEEKEND, "2026-11-27T14:59:59Z", NULL, "2026-11-27T15:00:00Z" },
	{ "the minute itself", WEEKEND, "2026-11-27T15:00:00Z", "2026-11-30T06:00:00Z", "2026-12-04T15:00:00Z" },
	{ "the last moment", WEEKEND, "2026-11-30T05:59:59Z", "2026-11-30T06:00:00Z", "2026-12-04T15:00:00Z" },
	{ "over", WEEKEND, "2026-11-30T06:00:00Z", NULL, "2026-12-04T15:00:00Z" },
	{ "Sunday, across the week's end", WEEKEND, "2026-11-29T23:30:00Z", "2026-11-30T06:00:00Z", "2026-12-04T15:00:00Z" },
	{ "summer begins within it", WEEKEND, "2026-03-28T12:00:00Z", "2026-03-30T05:00:00Z", "2026-04-03T14:00:00Z" },
	{ "summer ends within it", WEEKEND, "2026-10-24T12:00:00Z", "2026-10-26T06:00:00Z", "2026-10-30T15:00:00Z" },
	{ "in summer", WEEKEND, "2026-07-15T12:00:00Z", NULL, "2026-07-17T14:00:00Z" },
	{ "years ahead, by the rule", WEEKEND, "2061-07-13T12:00:00Z", NULL, "2061-07-15T14:00:00Z" },
	{ "elsewhere it is still Monday", NIGHT, "2026-11-24T05:59:00Z", NULL, "2026-11-24T06:00:00Z" },
	{ "elsewhere it is Tuesday", NIGHT, "2026-11-24T06:00:00Z", "2026-11-24T08:00:00Z", "2026-12-01T06:00:00Z" },
	{ "an hour that is missing: the longer window", SWITCH, "2026-03-29T00:31:00Z", "2026-03-29T01:45:00Z", "2026-04-05T00:30:00Z" },
	{ "an hour that comes twice: the first time", SWITCH, "2026-10-25T00:31:00Z", "2026-10-25T01:45:00Z", "2026-11-01T01:30:00Z" },
	{ "an hour that comes twice: between", SWITCH, "2026-10-25T00:50:00Z", "2026-10-25T01:45:00Z", "2026-11-01T01:30:00Z" },
	{ "before Christmas", YULE, "2026-12-23T22:59:59Z", NULL, "2026-12-23T23:00:00Z" },
	{ "Christmas", YULE, "2026-12-23T23:00:00Z", "2027-01-02T23:00:00Z", NULL },
	{ "the last day is in it", YULE, "2027-01-02T22:59:59Z", "2027-01-02T23:00:00Z", NULL },
	{ "after", YULE, "2027-01-02T23:00:00Z", NULL, NULL },
	{ "always", ALWAYS, "2026-11-25T12:00:00Z", "2026-11-30T00:00:00Z", "2026-11-30T00:00:00Z" },
};
/* clang-format on */

static int64_t ms_of(const char *text)
{
	int64_t ms;

	assert_int_equal(time_parse(view_text(text), 0, &ms, NULL), 0);
	return ms;
}

static struct freeze_state judge(const char *text, int64_t now_ms, struct freeze_state state)
{
	struct plan_freeze freeze = { 0 };
	struct buffer bytes;
	struct zone zone;

	buffer_init(&bytes, 1 << 20);
	assert_int_equal(plan_freeze_parse(view_text(text), &freeze, NULL), 0);
	assert_int_equal(zone_load(freeze.zone, &bytes, &zone, NULL), 0);
	freeze_judge(&freeze, &zone, now_ms, &state);
	buffer_done(&bytes);
	return state;
}

static void every_row(void **state)
{
	int wrong = 0;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct freeze_state found = judge(rows[i].freeze, ms_of(rows[i].now), FREEZE_NONE);
		int64_t until = rows[i].until ? ms_of(rows[i].until) : 0;
		int64_t next = rows[i].next ? ms_of(rows[i].next) : FREEZE_NEVER;

		if (found.frozen == (rows[i].until != NULL) && found.until_ms == until &&
		    found.next_ms == next)
			continue;
		wrong++;
		print_error("%s: frozen %d until %lld (%lld off), next %lld (%lld off)\n", rows[i].name,
			    found.frozen, (long long)found.until_ms,
			    (long long)(found.until_ms - until) / 60000, (long long)found.next_ms,
			    (long long)(found.next_ms - next) / 60000);
	}
	assert_int_equal(wrong, 0);
}

static void of_several_the_longest_holds(void **state)
{
	int64_t now_ms = ms_of("2026-12-27T12:00:00Z");
	struct freeze_state both = judge(YULE, now_ms, judge(WEEKEND, now_ms, FREEZE_NONE));
	struct freeze_state other = judge(WEEKEND, now_ms, judge(YULE, now_ms, FREEZE_NONE));

	assert_true(both.frozen && both.until_ms == ms_of("2027-01-02T23:00:00Z"));
	assert_int_equal(both.next_ms, ms_of("2027-01-01T15:00:00Z"));
	assert_true(other.frozen && other.until_ms == both.until_ms && other.next_ms == both.next_ms);
}

/* Minute by minute over a year: a freeze holds exactly between the beginning that was told and the end that was told. */
static void what_was_told_comes_true(void **state)
{
	int64_t at_ms = ms_of("2026-01-01T00:00:00Z"), end_ms = ms_of("2027-01-01T00:00:00Z");
	struct freeze_state told = judge(WEEKEND, at_ms, FREEZE_NONE);

	assert_false(told.frozen);
	for (; at_ms < end_ms; at_ms += 15 * 60000) {
		struct freeze_state now = judge(WEEKEND, at_ms, FREEZE_NONE);

		if (told.frozen)
			assert_int_equal(now.frozen, at_ms < told.until_ms);
		else
			assert_int_equal(now.frozen, at_ms >= told.next_ms);
		told = now;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(of_several_the_longest_holds),
		cmocka_unit_test(what_was_told_comes_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
