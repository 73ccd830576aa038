/* test_buffer.c - growth up to the limit, and the failure that sticks. */
#include "check.h"

#include "base/buffer.h"

static void numbers_are_big_endian(void **state)
{
	struct buffer b;

	buffer_init(&b, 1000);
	buffer_i8(&b, -1);
	buffer_i16(&b, 0x0102);
	buffer_i32(&b, 0x03040506);
	buffer_i64(&b, 0x0708090a0b0c0d0e);
	buffer_uvarint(&b, 300);
	buffer_varint(&b, -1);
	buffer_printf(&b, "%d", 17);
	assert_int_equal(b.err, 0);
	assert_int_equal(b.size, 20);
	assert_memory_equal(b.at,
			    "\xff\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\xac\2\1"
			    "17",
			    20);
	buffer_done(&b);
}

static void the_limit_is_exact_and_sticks(void **state)
{
	struct buffer b;

	buffer_init(&b, 10);
	buffer_put(&b, "0123456789", 10);
	assert_int_equal(b.err, 0);
	buffer_put(&b, "", 0);
	assert_int_equal(b.err, 0);
	assert_string_equal(buffer_string(&b), "0123456789"); /* the NUL is beside the limit */
	buffer_i8(&b, 1);
	assert_int_equal(b.err, ERR_LIMIT);
	assert_int_equal(b.size, 10);
	buffer_reset(&b);
	buffer_put(&b, "01234567", 8);
	buffer_i32(&b, 1);
	assert_int_equal(b.err, ERR_LIMIT);
	buffer_i8(&b, 1); /* would fit, but the failure sticks */
	assert_view_is(buffer_bytes(&b), "01234567");
	assert_string_equal(buffer_string(&b), "01234567");
	buffer_done(&b);
}

static void a_lowered_limit_counts(void **state)
{
	struct buffer b;

	buffer_init(&b, 1000);
	assert_non_null(buffer_room(&b, 1000));
	b.limit = 10;
	assert_null(buffer_room(&b, 11));
	assert_int_equal(b.err, ERR_LIMIT);
	buffer_reset(&b);
	assert_non_null(buffer_room(&b, 10));
	buffer_done(&b);
}

static void memory_stays_near_the_limit(void **state)
{
	struct buffer b;

	buffer_init(&b, 100000);
	for (int i = 0; i < 100000; i++)
		buffer_i8(&b, (int8_t)i);
	assert_int_equal(b.err, 0);
	assert_int_equal(b.capacity, 100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(b.at[i], (uint8_t)i);
	assert_null(buffer_room(&b, SIZE_MAX));
	buffer_done(&b);
	buffer_init(&b, 0);
	assert_non_null(buffer_room(&b, 0));
	assert_string_equal(buffer_string(&b), "");
	assert_null(buffer_room(&b, 1));
	buffer_done(&b);
	buffer_done(&b); /* twice is silent */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(the_limit_is_exact_and_sticks),
		cmocka_unit_test(a_lowered_limit_counts),
		cmocka_unit_test(memory_stays_near_the_limit),
	};

	return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
