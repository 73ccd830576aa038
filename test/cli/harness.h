/*
 * harness.h - what every test of this floor includes, and golden texts.
 *
 * A golden text is a file under test/cli/golden: what an operator sees, letter by letter.  After a change that is
 * meant, GOLDEN=write makes the tests write the files anew; the diff is then read like any other.
 */
#ifndef TEST_CLI_HARNESS_H
#define TEST_CLI_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"

#define GOLDEN_SIZE_MAX (1u << 20)

static inline void golden(const char *name, const char *got)
{
	struct buffer expected;
	struct fault fault;
	char path[200];

	snprintf(path, sizeof path, "test/cli/golden/%s", name);
	if (getenv("GOLDEN") && strcmp(getenv("GOLDEN"), "write") == 0) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fputs(got, file);
		fclose(file);
		return;
	}
	buffer_init(&expected, GOLDEN_SIZE_MAX);
	if (file_read(path, &expected, &fault) < 0)
		fail_msg("%s", fault.text);
	if (strcmp(got, buffer_string(&expected)) != 0)
		fail_msg("%s differs; expected:\n%s\ngot:\n%s", path, buffer_string(&expected), got);
	buffer_done(&expected);
}

#endif
