/* test_cursor.c - reads in order, one fault that sticks, varints at their edges. */
#include "check.h"

#include "base/bits.h"
#include "base/cursor.h"
#include "base/random.h"

static void fields_are_read_in_order(void **state)
{
	struct cursor c = cursor_over(
		VIEW_LITERAL("\xff\xff\xfe\0\0\0\x05\xff\xff\xff\xff\xff\xff\xff\xfb\xff\xffrest"));

	assert_int_equal(cursor_i8(&c), -1);
	assert_int_equal(cursor_i16(&c), -2);
	assert_int_equal(cursor_i32(&c), 5);
	assert_int_equal(cursor_i64(&c), -5);
	assert_int_equal(cursor_u16(&c), 0xffff);
	assert_int_equal(cursor_left(&c), 4);
	assert_view_is(cursor_view(&c, 4), "rest");
	assert_null(c.fault);
	assert_int_equal(cursor_left(&c), 0);
}

static void the_first_fault_sticks(void **state)
{
	struct view bytes = copy_exactly(VIEW_LITERAL("\1\2\3"));
	struct cursor c = cursor_over(bytes);

	assert_int_equal(cursor_i8(&c), 1);
	assert_int_equal(cursor_i32(&c), 0);
	assert_string_equal(c.fault, "message ends early");
	assert_int_equal(cursor_i8(&c), 0); /* though two bytes were left */
	assert_null(cursor_view(&c, 0).at);
	cursor_fail(&c, "another");
	assert_string_equal(c.fault, "message ends early");
	free((void *)bytes.at);
}

static void nothing_can_be_read_from_null(void **state)
{
	struct cursor c = cursor_over(VIEW_NULL);

	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_uvarint(&c), 0);
	assert_non_null(c.fault);
	c = cursor_over(view_of("", 0));
	assert_non_null(cursor_view(&c, 0).at);
	assert_null(c.fault);
	assert_null(cursor_view(&c, SIZE_MAX).at);
}

static void varints_come_back(void **state)
{
	struct random r;

	random_seed(&r, 1);
	for (int i = 0; i < 20000; i++) {
		uint64_t v = random_u64(&r) >> random_below(&r, 64);
		uint8_t bytes[10];
		size_t size = (size_t)varint_put(bytes, v);
		struct cursor c = cursor_over(view_of(bytes, size));

		assert_int_equal(size, varint_size(v));
		assert_true(cursor_uvarlong(&c) == v);
		assert_true(!c.fault && cursor_left(&c) == 0);
		c = cursor_over(view_of(bytes, size));
		assert_true(cursor_varlong(&c) == zigzag_decode(v));
		assert_true(zigzag_encode(zigzag_decode(v)) == v);
		c = cursor_over(view_of(bytes, size));
		if (v <= UINT32_MAX) {
			assert_true(cursor_uvarint(&c) == v);
		} else {
			assert_int_equal(cursor_uvarint(&c), 0);
			assert_non_null(c.fault);
		}
		c = cursor_over(view_of(bytes, size - 1));
		cursor_uvarlong(&c);
		assert_non_null(c.fault);
	}
}

static void overlong_varints_are_faults(void **state)
{
	static const struct {
		struct view bytes;
		bool is_32, is_64;
	} plays[] = {
		{ VIEW_LITERAL("\xff\xff\xff\xff\x0f"), true, true },
		{ VIEW_LITERAL("\xff\xff\xff\xff\x1f"), false, true },
		{ VIEW_LITERAL("\x80\x80\x80\x80\x00"), true, true },
		{ VIEW_LITERAL("\x80\x80\x80\x80\x80\x00"), false, true },
		{ VIEW_LITERAL("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), false, true },
		{ VIEW_LITERAL("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), false, false },
		{ VIEW_LITERAL("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"), false, false },
	};

	for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
		struct cursor c = cursor_over(plays[i].bytes);

		cursor_uvarint(&c);
		assert_int_equal(c.fault == NULL, plays[i].is_32);
		c = cursor_over(plays[i].bytes);
		cursor_uvarlong(&c);
		assert_int_equal(c.fault == NULL, plays[i].is_64);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_read_in_order),      cmocka_unit_test(the_first_fault_sticks),
		cmocka_unit_test(nothing_can_be_read_from_null), cmocka_unit_test(varints_come_back),
		cmocka_unit_test(overlong_varints_are_faults),
	};

	return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
