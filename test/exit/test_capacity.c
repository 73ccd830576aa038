/* test_capacity.c - headroom, disks and money, and what is not known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "exit/capacity.h"

#define MB      1000000LL
#define GB      (1000 * MB)
#define DAY     86400000LL
#define UNKNOWN CAPACITY_NOT_KNOWN

/* clang-format off */
static const struct { const char *name; int64_t write, brokers, peak, permille; } headrooms[] = {
	{ "idle", 300 * MB, 3, 0, 1000 },
	{ "a third of what two brokers take", 300 * MB, 3, 66 * MB, 670 },
	{ "all of it", 300 * MB, 3, 200 * MB, 0 },
	{ "more than all of it", 300 * MB, 3, 300 * MB, -500 },
	{ "rounded down", 300 * MB, 3, 140 * MB + 1, 299 },
	{ "one broker, and it is out", 300 * MB, 1, 0, -1000 },
	{ "no brokers", 300 * MB, 0, 0, -1000 },
	{ "takes nothing", 0, 3, 1, -1000 },
	{ "absurd", 1, 3, INT64_MAX, -1000000 },
	{ "peak not known", 300 * MB, 3, -1, UNKNOWN },
	{ "limit not known", -1, 3, 0, UNKNOWN },
};

static const struct { const char *name; int64_t disk, used, growth, in_ms; } disks[] = {
	{ "half full, a tenth a day", 1000 * GB, 500 * GB, 100 * GB, 5 * DAY },
	{ "does not grow", 1000 * GB, 500 * GB, 0, CAPACITY_NEVER },
	{ "full", 1000 * GB, 1000 * GB, 0, 0 },
	{ "more than full", GB, 1000 * GB, 1, 0 },
	{ "hardly grows", INT64_MAX, 0, 1, CAPACITY_NEVER },
	{ "disk not told", -1, 500 * GB, 1, UNKNOWN },
	{ "use not told", 1000 * GB, -1, 1, UNKNOWN },
	{ "growth not known", 1000 * GB, 1, -1, UNKNOWN },
};

static const struct { const char *name; int64_t read, brokers, follow, backlog, ms; } replays[] = {
	{ "nothing to read", 300 * MB, 3, 200 * MB, 0, 0 },
	{ "what is left reads it", 300 * MB, 3, 100 * MB, 50000 * MB, 500001 },
	{ "rounded up", 3000, 3, 0, 1, 1 },
	{ "nothing is left, and nothing is needed", 300 * MB, 3, 200 * MB, 0, 0 },
	{ "nothing is left", 300 * MB, 3, 200 * MB, 1, CAPACITY_NEVER },
	{ "it cannot even follow", 300 * MB, 3, 200 * MB + 1, 0, CAPACITY_NEVER },
	{ "one broker, and it is out", 300 * MB, 1, 0, 0, CAPACITY_NEVER },
	{ "no brokers", 300 * MB, 0, 0, 0, CAPACITY_NEVER },
	{ "gives nothing", 0, 3, 0, 1, CAPACITY_NEVER },
	{ "absurd", 2, 2, 0, INT64_MAX, CAPACITY_NEVER },
	{ "limit not known", -1, 3, 0, 0, UNKNOWN },
	{ "peak not known", 300 * MB, 3, -1, 0, UNKNOWN },
	{ "backlog not known", 300 * MB, 3, 0, -1, UNKNOWN },
};
/* clang-format on */

static void groups_catch_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof replays / sizeof replays[0]; i++) {
		int64_t found = capacity_replay(replays[i].read, replays[i].brokers, replays[i].follow,
						replays[i].backlog);

		if (found != replays[i].ms)
			fail_msg("%s: %lld", replays[i].name, (long long)found);
	}
}

static void headroom_with_one_broker_out(void **state)
{
	for (size_t i = 0; i < sizeof headrooms / sizeof headrooms[0]; i++) {
		int64_t found =
			capacity_headroom(headrooms[i].write, headrooms[i].brokers, headrooms[i].peak);

		if (found != headrooms[i].permille)
			fail_msg("%s: %lld", headrooms[i].name, (long long)found);
	}
}

static void disks_fill(void **state)
{
	for (size_t i = 0; i < sizeof disks / sizeof disks[0]; i++) {
		int64_t found = capacity_full_in(disks[i].disk, disks[i].used, disks[i].growth);

		if (found != disks[i].in_ms)
			fail_msg("%s: %lld", disks[i].name, (long long)found);
	}
}

static struct plan_number money(int64_t millionths, const char *unit)
{
	return (struct plan_number){ .given = true, .value = millionths, .unit = view_text(unit) };
}

static void a_day_costs(void **state)
{
	struct plan_price price = { .broker_day = money(12 * MB, "EUR"),
				    .gb_month = money(90000, "EUR"),
				    .transfer_gb = money(20000, "EUR") };
	struct capacity_side side = {
		.brokers = 3, .used_bytes = 1000 * GB, .day_bytes = 40 * GB, .read_bytes = 10 * GB
	};
	struct fault fault = { 0 };
	struct view unit;
	int64_t cost;

	/* 3 brokers 36, 1000 GB for a day 3, 50 GB moved 1; and a millionth, for it is rounded up. */
	assert_int_equal(capacity_cost(&price, &side, "target", &cost, &unit, &fault), 0);
	assert_int_equal(cost, 40 * MB + 1);
	assert_true(view_is(unit, "EUR"));

	price.gb_month.given = false;
	assert_int_equal(capacity_cost(&price, &side, "target", &cost, &unit, &fault), ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, "prices: { target: { gb-month"));
	price.gb_month = money(90000, "USD");
	assert_int_equal(capacity_cost(&price, &side, "target", &cost, &unit, &fault), ERR_CONFIG);
	price.gb_month = money(90000, "EUR");
	side.used_bytes = -1;
	assert_int_equal(capacity_cost(&price, &side, "target", &cost, &unit, &fault), ERR_NOT_FOUND);
	side.used_bytes = INT64_MAX;
	price.gb_month = money(INT64_MAX, "EUR");
	assert_int_equal(capacity_cost(&price, &side, "target", &cost, &unit, &fault), 0);
	assert_true(cost > 0);
}

static void the_busiest_hour(void **state)
{
	const int64_t ends[] = { 100, 90, 40, 40, 0 }, holes[] = { 100, -1, 40, 10 }, none[] = { 5 };

	assert_int_equal(capacity_busiest(ends, 5), 50);
	assert_int_equal(capacity_busiest(holes, 4), 30);
	assert_int_equal(capacity_busiest(none, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headroom_with_one_broker_out),
		cmocka_unit_test(groups_catch_up),
		cmocka_unit_test(disks_fill),
		cmocka_unit_test(a_day_costs),
		cmocka_unit_test(the_busiest_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
