/* test_arena.c - pieces aligned, zeroed and apart; the ceiling; reuse. */
#include <stdalign.h>

#include "check.h"

#include "base/arena.h"
#include "base/random.h"

static void pieces_are_aligned_zeroed_and_apart(void **state)
{
	struct arena arena;
	uint8_t *at[300];
	size_t sizes[300];
	struct random r;

	random_seed(&r, 1);
	arena_init(&arena, 1 << 20);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 300; i++) {
			sizes[i] = random_below(&r, random_below(&r, 20) ? 100 : 10000);
			at[i] = arena_take(&arena, sizes[i]);
			assert_non_null(at[i]);
			assert_int_equal((uintptr_t)at[i] % alignof(max_align_t), 0);
			for (size_t k = 0; k < sizes[i]; k++)
				assert_int_equal(at[i][k], 0);
			memset(at[i], i, sizes[i]);
		}
		for (int i = 0; i < 300; i++)
			for (size_t k = 0; k < sizes[i]; k++)
				assert_int_equal(at[i][k], (uint8_t)i);
		arena_reset(&arena);
		assert_int_equal(arena.used, 0);
	}
	arena_done(&arena);
}

static void the_ceiling_holds(void **state)
{
	struct arena arena;

	arena_init(&arena, 1000);
	assert_null(arena_take(&arena, 1001));
	assert_null(arena_take(&arena, SIZE_MAX));
	assert_null(arena_array(&arena, SIZE_MAX / 2, 4));
	assert_non_null(arena_array(&arena, 10, 50));
	assert_null(arena_take(&arena, 500));
	assert_non_null(arena_take(&arena, 480));
	assert_non_null(arena_take(&arena, 0));
	arena_reset(&arena);
	assert_non_null(arena_take(&arena, 900));
	arena_done(&arena);
	arena_init(&arena, 10 << 20);
	assert_non_null(arena_take(&arena, 5 << 20)); /* a piece larger than any chunk */
	arena_reset(&arena);
	assert_non_null(arena_take(&arena, 5 << 20));
	arena_done(&arena);
}

static void copies_end_in_nul_and_null_stays_null(void **state)
{
	struct arena arena;

	arena_init(&arena, 1000);
	assert_view_is(arena_copy(&arena, VIEW_LITERAL("abc")), "abc");
	assert_string_equal((const char *)arena_copy(&arena, VIEW_LITERAL("")).at, "");
	assert_null(arena_copy(&arena, VIEW_NULL).at);
	assert_null(arena_text(&arena, NULL));
	assert_string_equal(arena_text(&arena, "text"), "text");
	assert_string_equal(arena_printf(&arena, "%s-%d", "topic", 3), "topic-3");
	assert_null(arena_printf(&arena, "%2000d", 1));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_aligned_zeroed_and_apart),
		cmocka_unit_test(the_ceiling_holds),
		cmocka_unit_test(copies_end_in_nul_and_null_stays_null),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
