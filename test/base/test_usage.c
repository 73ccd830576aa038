/* test_usage.c - the kernel's figures are there, and grow with what is used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/usage.h"

#define MORE (64u << 20)

static void test_memory_and_time_grow(void **state)
{
	struct usage before, after;
	char *more;

	usage_read(&before);
	assert_true(before.peak_rss_bytes > 0);
	more = malloc(MORE);
	assert_non_null(more);
	for (int round = 0; round < 8; round++)
		memset(more, round + 1, MORE);
	usage_read(&after);
	assert_int_equal(more[MORE - 1], 8);
	free(more);
	assert_true(after.peak_rss_bytes >= before.peak_rss_bytes + MORE / 2);
	assert_true(after.cpu_seconds > before.cpu_seconds);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_memory_and_time_grow) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
