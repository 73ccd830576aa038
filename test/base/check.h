/* check.h - what every test of this floor includes. */
#ifndef TEST_BASE_CHECK_H
#define TEST_BASE_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/view.h"

/* The view must hold exactly this text. */
#define assert_view_is(v, text)                                            \
	do {                                                               \
		struct view is_ = (v);                                     \
		assert_non_null(is_.at);                                   \
		assert_int_equal(is_.size, strlen(text));                  \
		assert_memory_equal(is_.at, text, strlen(text));           \
	} while (0)

/* A copy of `bytes` that ends where its allocation ends, so that the sanitizer sees a byte too far. */
static inline struct view copy_exactly(struct view bytes)
{
	uint8_t *copy = malloc(bytes.size ? bytes.size : 1);

	if (bytes.size)
		memcpy(copy, bytes.at, bytes.size);
	return view_of(copy, bytes.size);
}

#endif
