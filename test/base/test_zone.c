/*
 * test_zone.c - local time, held against the C library's over more than a century, and bytes that are no time zone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/zone.h"

#define YEAR_S (365 * 86400LL)

static void as_the_c_library_says(void **state)
{
	static const char *const names[] = { "UTC",
					     "Europe/Berlin",
					     "Europe/Dublin",
					     "America/New_York",
					     "America/St_Johns",
					     "America/Sao_Paulo",
					     "Australia/Lord_Howe",
					     "Asia/Kathmandu",
					     "Asia/Tehran",
					     "Pacific/Apia",
					     "Africa/Casablanca",
					     "Antarctica/Troll" };
	struct random r;
	int wrong = 0;

	random_seed(&r, 5);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct fault fault = { 0 };
		struct buffer bytes;
		struct zone zone;

		buffer_init(&bytes, 1 << 20);
		if (zone_load(view_text(names[i]), &bytes, &zone, &fault) < 0)
			fail_msg("%s: %s", names[i], fault.text);
		setenv("TZ", names[i], 1);
		tzset();
		for (int n = 0; n < 20000; n++) {
			time_t at = (time_t)(random_below(&r, 130 * YEAR_S)); /* 1970 to 2100 */
			struct tm tm;

			localtime_r(&at, &tm);
			if (tm.tm_gmtoff == zone_offset(&zone, at))
				continue;
			if (!wrong++)
				print_error("%s at %lld: %d, not %ld\n", names[i], (long long)at,
					    zone_offset(&zone, at), tm.tm_gmtoff);
		}
		buffer_done(&bytes);
	}
	assert_int_equal(wrong, 0);
}

/* Berlin's clock went from 02:00 to 03:00 on 2026-03-29 at 01:00 UTC, and from 03:00 to 02:00 on 2026-10-25 at 01:00 UTC. */
static void hours_that_are_missing_or_come_twice(void **state)
{
	struct buffer bytes;
	struct zone zone;
	int64_t spring = zone_days(2026, 3, 29) * 86400, autumn = zone_days(2026, 10, 25) * 86400;

	buffer_init(&bytes, 1 << 20);
	assert_int_equal(zone_load(VIEW_LITERAL("Europe/Berlin"), &bytes, &zone, NULL), 0);
	assert_int_equal(zone_utc_of(&zone, spring + 3600, false), spring);
	assert_int_equal(zone_utc_of(&zone, spring + 2 * 3600 + 1800, false), spring + 1800);
	assert_int_equal(zone_utc_of(&zone, spring + 2 * 3600 + 1800, true), spring + 3600 + 1800);
	assert_int_equal(zone_utc_of(&zone, spring + 4 * 3600, true), spring + 2 * 3600);
	assert_int_equal(zone_utc_of(&zone, autumn + 2 * 3600 + 1800, false), autumn + 1800);
	assert_int_equal(zone_utc_of(&zone, autumn + 2 * 3600 + 1800, true), autumn + 3600 + 1800);
	assert_int_equal(zone_utc_of(&zone_utc, 12345, true), 12345);
	buffer_done(&bytes);
}

static void days_of_the_calendar(void **state)
{
	assert_int_equal(zone_days(1970, 1, 1), 0);
	assert_int_equal(zone_days(2000, 2, 29), 11016);
	assert_int_equal(zone_days(2000, 3, 1), 11017);
	assert_int_equal(zone_days(2100, 3, 1) - zone_days(2100, 2, 28), 1);
}

static void bytes_that_are_no_zone(void **state)
{
	struct buffer bytes;
	struct zone zone;
	struct random r;

	buffer_init(&bytes, 1 << 20);
	assert_int_equal(zone_load(VIEW_LITERAL("Europe/Berlin"), &bytes, &zone, NULL), 0);
	for (size_t size = 0; size < bytes.size; size++) {
		uint8_t *copy = malloc(
			size ? size : 1); /* each prefix in memory of its own, for the sanitizers to watch */

		memcpy(copy, bytes.at, size);
		assert_int_equal(zone_read(view_of(copy, size), &zone, NULL), ERR_MALFORMED);
		free(copy);
	}
	random_seed(&r, 9);
	for (int i = 0; i < 20000; i++) {
		uint8_t *copy = malloc(bytes.size);

		memcpy(copy, bytes.at, bytes.size);
		for (int flips = 0; flips < 4; flips++)
			copy[random_below(&r, bytes.size)] ^= (uint8_t)(1 + random_below(&r, 255));
		if (zone_read(view_of(copy, bytes.size), &zone, NULL) == 0)
			zone_utc_of(&zone, (int64_t)random_below(&r, 200 * YEAR_S), false);
		free(copy);
	}
	buffer_done(&bytes);
	buffer_init(&bytes, 1 << 20);
	assert_int_equal(zone_load(VIEW_LITERAL("Europe/Nowhere"), &bytes, &zone, NULL), ERR_NOT_FOUND);
	assert_int_equal(zone_load(VIEW_LITERAL("../../../etc/passwd"), &bytes, &zone, NULL), ERR_NOT_FOUND);
	buffer_done(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_c_library_says),
		cmocka_unit_test(hours_that_are_missing_or_come_twice),
		cmocka_unit_test(days_of_the_calendar),
		cmocka_unit_test(bytes_that_are_no_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
