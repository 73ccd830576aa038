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

/* 1,000 records of 1,000 bytes, all of them kept; groups have read all of it. */
#define LEVEL                                                                                                \
	.start = 0, .end = 1000, .needed = 1000, .needed_ms = NOW, .size_bytes = 1000000, .bytes_per_s = 100

/* clang-format off */
static const struct row {
	const char *name;
	struct boundary_log log;
	int64_t until;
} rows[] = {
	{ "kept for ever", { LEVEL, .retention_ms = NONE, .retention_bytes = NONE }, NONE },
	{ "kept for a day", { LEVEL, .retention_ms = 24 * HOUR, .retention_bytes = NONE }, NOW + 24 * HOUR },
	{ "not kept at all", { LEVEL, .retention_ms = 0, .retention_bytes = NONE }, NOW },
	{ "a time that no clock reaches", { LEVEL, .retention_ms = INT64_MAX - 1, .retention_bytes = NONE }, NONE },
	{ "a group is 20 h behind", { LEVEL, .needed = 400, .needed_ms = NOW - 20 * HOUR, .retention_ms = 24 * HOUR, .retention_bytes = NONE }, NOW + 4 * HOUR },
	{ "what it needs is gone", { LEVEL, .start = 500, .needed = 400, .needed_ms = NOW - HOUR, .retention_ms = NONE, .retention_bytes = NONE }, NOW - HOUR },
	{ "gone, although it looks young", { LEVEL, .start = 500, .needed = 400, .needed_ms = NOW + HOUR, .retention_ms = NONE, .retention_bytes = NONE }, NOW },
	{ "the oldest is the one it needs", { LEVEL, .start = 400, .needed = 400, .retention_ms = HOUR, .retention_bytes = NONE }, NOW + HOUR },
	{ "room for 3,600,000 bytes more", { LEVEL, .retention_ms = NONE, .retention_bytes = 3600000 }, NOW + 10 * HOUR },
	{ "less room, for half of it is needed", { LEVEL, .needed = 500, .retention_ms = NONE, .retention_bytes = 3600000 }, NOW + 31000000 },
	{ "no room is left", { LEVEL, .needed = 0, .retention_ms = NONE, .retention_bytes = 1000000 }, NOW },
	{ "nothing is written", { LEVEL, .bytes_per_s = 0, .retention_ms = NONE, .retention_bytes = 10 }, NONE },
	{ "time before size", { LEVEL, .retention_ms = HOUR, .retention_bytes = 3600000 }, NOW + HOUR },
	{ "size before time", { LEVEL, .retention_ms = 24 * HOUR, .retention_bytes = 3600000 }, NOW + 10 * HOUR },
	{ "retention not told", { LEVEL, .retention_ms = DARK, .retention_bytes = NONE }, DARK },
	{ "size not told, and limited by it", { LEVEL, .size_bytes = -1, .retention_ms = HOUR, .retention_bytes = 10 }, DARK },
	{ "rate not told, and limited by it", { LEVEL, .bytes_per_s = -1, .retention_ms = HOUR, .retention_bytes = 10 }, DARK },
	{ "size not told, and not limited by it", { LEVEL, .size_bytes = -1, .retention_ms = HOUR, .retention_bytes = NONE }, NOW + HOUR },
	{ "over by time, dark by size", { LEVEL, .needed = 1, .needed_ms = NOW - 2 * HOUR, .size_bytes = -1, .retention_ms = HOUR, .retention_bytes = 10 }, NOW - HOUR },
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
