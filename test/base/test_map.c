/* test_map.c - the map against a plain model: an array that is searched from end to end. */
#include "check.h"

#include "base/map.h"
#include "base/random.h"

#define KEYS 500

static struct view key_of(int i, char out[20])
{
	/* The empty key and one with a NUL inside are keys like any other. */
	return i == 0   ? view_of("", 0)
	       : i == 1 ? view_of("a\0b", 3)
			: view_of(out, (size_t)snprintf(out, 20, "key-%d", i));
}

static void the_map_does_what_the_model_does(void **state)
{
	struct random r;
	char text[20];

	for (uint64_t seed = 0; seed < 20; seed++) {
		static int cells[KEYS];
		void *model[KEYS] = { 0 };
		size_t count = 0;
		struct map map;

		random_seed(&r, seed);
		map_init(&map);
		for (int step = 0; step < 3000; step++) {
			/* First more puts than removals, then the other way round. */
			bool puts = random_below(&r, 10) < (step % 1000 < 500 ? 7 : 3);
			int i = (int)random_below(&r, KEYS);
			struct view key = key_of(i, text);

			if (puts) {
				count += model[i] == NULL;
				model[i] = &cells[random_below(&r, KEYS)];
				assert_int_equal(map_put(&map, key, model[i]), 0);
			} else {
				assert_ptr_equal(map_remove(&map, key), model[i]);
				count -= model[i] != NULL;
				model[i] = NULL;
			}
			assert_int_equal(map.count, count);
			i = (int)random_below(&r, KEYS);
			assert_ptr_equal(map_get(&map, key_of(i, text)), model[i]);
		}
		for (int i = 0; i < KEYS; i++)
			assert_ptr_equal(map_get(&map, key_of(i, text)), model[i]);
		MAP_EACH(&map, slot)
		count--;
		assert_int_equal(count, 0);
		map_done(&map);
	}
}

static void an_empty_map_answers(void **state)
{
	struct map map;

	map_init(&map);
	assert_null(map_get(&map, VIEW_LITERAL("x")));
	assert_null(map_get(&map, VIEW_NULL));
	assert_null(map_remove(&map, VIEW_LITERAL("x")));
	MAP_EACH(&map, slot)
	fail();
	assert_int_equal(map_put(&map, VIEW_LITERAL("x"), &map), 0);
	assert_null(map_get(&map, VIEW_NULL));
	assert_ptr_equal(map_remove(&map, VIEW_LITERAL("x")), &map);
	map_done(&map);
	map_done(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_map_does_what_the_model_does),
		cmocka_unit_test(an_empty_map_answers),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
