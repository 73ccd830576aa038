/* test_units.c - values with units: what is taken, what is refused, and how it is said. */
#include "check.h"

#include "base/units.h"

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} plays[] = {
		{ "500ms", 500 },  { "5s", 5000 },      { "10m", 600000 },
		{ "2h", 7200000 }, { "7d", 604800000 }, { "1.5s", 1500 },
		{ "0s", 0 },       { "5", -1 },         { "", -1 },
		{ "s", -1 },       { "-5s", -1 },       { "5 s", -1 },
		{ "5S", -1 },      { "1.2.3s", -1 },    { ".5s", -1 },
		{ "5.s", -1 },     { "5parsecs", -1 },  { "99999999999d", -1 },
		{ "0x10s", -1 },   { "1e3s", -1 },
	};

	for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
		struct fault fault;
		int64_t ms = -1;
		int err = duration_parse(view_text(plays[i].text), &ms, &fault);

		if (ms != plays[i].ms || (err < 0) != (plays[i].ms < 0))
			fail_msg("'%s' is %lld", plays[i].text, (long long)ms);
		if (err < 0)
			assert_non_null(strstr(fault.text, plays[i].text));
	}
}

static void sizes_rates_and_others(void **state)
{
	struct fault fault;
	uint64_t bytes;
	double percent;

	assert_int_equal(size_parse(VIEW_LITERAL("64KiB"), &bytes, &fault), 0);
	assert_int_equal(bytes, 65536);
	assert_int_equal(size_parse(VIEW_LITERAL("1GB"), &bytes, &fault), 0);
	assert_int_equal(bytes, 1000000000);
	assert_int_equal(size_parse(VIEW_LITERAL("1.5MiB"), &bytes, &fault), 0);
	assert_int_equal(bytes, 1572864);
	assert_int_equal(size_parse(VIEW_LITERAL("4096"), &bytes, &fault), 0);
	assert_int_equal(bytes, 4096);
	assert_int_equal(size_parse(VIEW_LITERAL("64kib"), &bytes, &fault), ERR_USAGE);
	assert_int_equal(rate_parse(VIEW_LITERAL("100MB/s"), &bytes, &fault), 0);
	assert_int_equal(bytes, 100000000);
	assert_int_equal(rate_parse(VIEW_LITERAL("100MB"), &bytes, &fault), ERR_USAGE);
	assert_int_equal(rate_parse(VIEW_LITERAL("s"), &bytes, &fault), ERR_USAGE);
	assert_int_equal(percent_parse(VIEW_LITERAL("30%"), &percent, &fault), 0);
	assert_true(percent == 30);
	assert_int_equal(percent_parse(VIEW_LITERAL("30"), &percent, &fault), ERR_USAGE);
	assert_int_equal(count_parse(VIEW_LITERAL("1000"), &bytes, &fault), 0);
	assert_int_equal(bytes, 1000);
	assert_int_equal(count_parse(VIEW_LITERAL("1.5"), &bytes, &fault), ERR_USAGE);
	assert_int_equal(count_parse(VIEW_LITERAL("-1"), &bytes, &fault), ERR_USAGE);
}

static void times(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* INT64_MIN: refused */
	} plays[] = {
		{ "2023-11-14T22:13:20Z", 1700000000000 },
		{ "2023-11-14T22:13:20.123Z", 1700000000123 },
		{ "2023-11-14T22:13:20.1239999999Z", 1700000000123 },
		{ "2023-11-14t23:13:20+01:00", 1700000000000 },
		{ "2023-11-14 20:43:20-01:30", 1700000000000 },
		{ "2024-02-29T00:00:00Z", 1709164800000 },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "-2h", 1700000000000 - 7200000 },
		{ "-0s", 1700000000000 },
		{ "2023-02-29T00:00:00Z", INT64_MIN },
		{ "2023-13-01T00:00:00Z", INT64_MIN },
		{ "2023-11-14T24:00:00Z", INT64_MIN },
		{ "2023-11-14T22:13:20", INT64_MIN },
		{ "2023-11-14", INT64_MIN },
		{ "2023-11-14T22:13:20.Z", INT64_MIN },
		{ "2023-11-14T22:13:20Z ", INT64_MIN },
		{ "2023-11-14T22:13:20+1:00", INT64_MIN },
		{ "2h", INT64_MIN },
		{ "-", INT64_MIN },
		{ "now", INT64_MIN },
	};

	for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
		struct view copy = copy_exactly(view_text(plays[i].text));
		int64_t ms = INT64_MIN;
		struct fault fault;
		int err = time_parse(copy, 1700000000000, &ms, &fault);

		if (ms != plays[i].ms || (err < 0) != (plays[i].ms == INT64_MIN))
			fail_msg("'%s' is %lld", plays[i].text, (long long)ms);
		free((void *)copy.at);
	}
}

static void words_for_people(void **state)
{
	char out[UNIT_TEXT_SIZE];

	assert_string_equal(duration_text(999, out), "999 ms");
	assert_string_equal(duration_text(1500, out), "1.5 s");
	assert_string_equal(duration_text(59999, out), "59.9 s");
	assert_string_equal(duration_text(60000, out), "1 min 0 s");
	assert_string_equal(duration_text(7500000, out), "2 h 5 min");
	assert_string_equal(duration_text(90000000, out), "1 d 1 h");
	assert_string_equal(size_text(0, out), "0 B");
	assert_string_equal(size_text(1536, out), "1.5 KiB");
	assert_string_equal(size_text(UINT64_MAX, out), "16.0 EiB");
	assert_string_equal(count_text(0, out), "0");
	assert_string_equal(count_text(999, out), "999");
	assert_string_equal(count_text(104000, out), "104,000");
	assert_string_equal(count_text(UINT64_MAX, out), "18,446,744,073,709,551,615");
	assert_string_equal(time_text(1700000000123, out), "2023-11-14T22:13:20.123Z");
	assert_string_equal(time_text(-1, out), "1969-12-31T23:59:59.999Z");
	time_text(INT64_MAX, out);
	time_text(INT64_MIN, out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(sizes_rates_and_others),
		cmocka_unit_test(times),
		cmocka_unit_test(words_for_people),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
