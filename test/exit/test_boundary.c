/* test_boundary.c - one row a log: until when does it keep what going back needs? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "exit/boundary.h"

#define NOW  1700000000000LL
#define HOUR 3600000LL
#define NONE BOUNDARY_NO_END
#define DARK BOUNDARY_NOT_KNOWN

/* clang-format off */
/* Up to 1,000 records of 1,000 bytes. */
#define LOG(start_, needed_, needed_ms_, retention_ms_, retention_bytes_, size, rate) \
	{ .start = start_, .end = 1000, .needed = needed_, .needed_ms = needed_ms_, .retention_ms = retention_ms_, \
	  .retention_bytes = retention_bytes_, .size_bytes = size, .bytes_per_s = rate }

static const struct row {
	const char *name;
	struct boundary_log log;
	int64_t until;
} rows[] = {
	{ "kept for ever", LOG(0, 1000, NOW, NONE, NONE, 1000000, 100), NONE },
	{ "kept for a day", LOG(0, 1000, NOW, 24 * HOUR, NONE, 1000000, 100), NOW + 24 * HOUR },
	{ "not kept at all", LOG(0, 1000, NOW, 0, NONE, 1000000, 100), NOW },
	{ "a time that no clock reaches", LOG(0, 1000, NOW, INT64_MAX - 1, NONE, 1000000, 100), NONE },
	{ "a group is 20 h behind", LOG(0, 400, NOW - 20 * HOUR, 24 * HOUR, NONE, 1000000, 100), NOW + 4 * HOUR },
	{ "what it needs is gone", LOG(500, 400, NOW - HOUR, NONE, NONE, 1000000, 100), NOW - HOUR },
	{ "gone, although it looks young", LOG(500, 400, NOW + HOUR, NONE, NONE, 1000000, 100), NOW },
	{ "the oldest is the one it needs", LOG(400, 400, NOW, HOUR, NONE, 1000000, 100), NOW + HOUR },
	{ "room for 3,600,000 bytes more", LOG(0, 1000, NOW, NONE, 3600000, 1000000, 100), NOW + 10 * HOUR },
	{ "less room, for half of it is needed", LOG(0, 500, NOW, NONE, 3600000, 1000000, 100), NOW + 31000000 },
	{ "no room is left", LOG(0, 0, NOW, NONE, 1000000, 1000000, 100), NOW },
	{ "nothing is written", LOG(0, 1000, NOW, NONE, 10, 1000000, 0), NONE },
	{ "time before size", LOG(0, 1000, NOW, HOUR, 3600000, 1000000, 100), NOW + HOUR },
	{ "size before time", LOG(0, 1000, NOW, 24 * HOUR, 3600000, 1000000, 100), NOW + 10 * HOUR },
	{ "retention not told", LOG(0, 1000, NOW, DARK, NONE, 1000000, 100), DARK },
	{ "size not told, and limited by it", LOG(0, 1000, NOW, HOUR, 10, -1, 100), DARK },
	{ "rate not told, and limited by it", LOG(0, 1000, NOW, HOUR, 10, 1000000, -1), DARK },
	{ "size not told, and not limited by it", LOG(0, 1000, NOW, HOUR, NONE, -1, 100), NOW + HOUR },
	{ "over by time, dark by size", LOG(0, 1, NOW - 2 * HOUR, HOUR, 10, -1, 100), NOW - HOUR },
	{ "ends not told", { .start = -1, .end = -1, .needed = 0, .needed_ms = NOW, .retention_ms = NONE, .retention_bytes = NONE }, DARK },
	{ "an empty log", { .needed_ms = NOW, .retention_ms = HOUR, .retention_bytes = NONE }, NOW + HOUR },
};
/* clang-format on */

static void every_row(void **state)
{
	int wrong = 0;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct boundary found = { 0 };

		boundary_judge(&rows[i].log, 1, NOW, &found);
		if (found.clean_until_ms == rows[i].until)
			continue;
		wrong++;
		print_error("%s: %lld, %lld off\n", rows[i].name, (long long)found.clean_until_ms,
			    (long long)(found.clean_until_ms - rows[i].until));
	}
	assert_int_equal(wrong, 0);
}

/* Another log can only bring the end nearer, or make it dark; it never moves it away. */
static void another_log_never_helps(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
			struct boundary_log both[] = { rows[i].log, rows[j].log };
			struct boundary alone = { 0 }, found = { 0 };

			boundary_judge(both, 1, NOW, &alone);
			boundary_judge(both, 2, NOW, &found);
			assert_true(found.clean_until_ms <= alone.clean_until_ms ||
				    alone.clean_until_ms == DARK);
			if (alone.clean_until_ms == DARK)
				assert_true(found.clean_until_ms <= NOW);
			if (found.clean_until_ms != NONE)
				assert_non_null(found.first);
		}
}

static void no_logs_prove_nothing(void **state)
{
	struct boundary found = { 0 };

	boundary_judge(NULL, 0, NOW, &found);
	assert_int_equal(found.clean_until_ms, BOUNDARY_NOT_KNOWN);
	assert_null(found.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(another_log_never_helps),
		cmocka_unit_test(no_logs_prove_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
