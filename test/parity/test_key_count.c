/* test_key_count.c - different keys, counted up to what is enough. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "parity/key_count.h"
#include "parity/sample.h"

/* Adds one log of `count` records whose keys go round `different`; a key of "" is null. */
static bool add(struct key_count *keys, uint64_t topic, int count, int different)
{
	const struct decode_options options = { .seed = 7, .shards = 1 };
	struct decoder *decoder = decoder_new(1 << 20);
	struct decode_input input;
	struct sample_log log;
	struct slab *slab;
	bool enough = false;
	char key[20];
	int more;

	sample_init(&log, TARGET, 1);
	for (int i = 0; i < count; i++) {
		struct sample_record record = { .timestamp = 1700000000000 + i,
						.key = different ? key : NULL,
						.value = "v" };

		snprintf(key, sizeof key, "k%d", different ? i % different : 0);
		sample_add(&log, &record);
	}
	sample_flush(&log);
	assert_int_equal(log.err, 0);
	input = (struct decode_input){ .side = TARGET,
				       .bytes = buffer_bytes(&log.partitions[0].bytes),
				       .until = INT64_MAX,
				       .slab_bytes = 1 << 20 };
	assert_int_equal(decode_begin(decoder, &input), 0);
	while ((more = decode_next(decoder, &options, &input, &slab)) > 0) {
		enough = key_count_add(keys, slab, topic);
		slab_free(slab);
	}
	assert_int_equal(more, 0);
	decoder_free(decoder);
	sample_done(&log);
	return enough;
}

static void each_key_once(void **state)
{
	struct key_count *keys;

	(void)state;
	assert_int_equal(key_count_new(1000, &keys), 0);
	assert_false(add(keys, 1, 500, 0)); /* no keys */
	assert_int_equal(key_count_of(keys), 0);
	assert_false(add(keys, 1, 500, 7));
	assert_int_equal(key_count_of(keys), 7);
	assert_false(add(keys, 1, 500, 20)); /* seven of them again */
	assert_int_equal(key_count_of(keys), 20);
	assert_false(add(keys, 2, 500, 20)); /* another topic's */
	assert_int_equal(key_count_of(keys), 40);
	key_count_free(keys);
	key_count_free(NULL);
}

static void no_more_than_is_enough(void **state)
{
	struct key_count *keys;

	(void)state;
	assert_int_equal(key_count_new(50, &keys), 0);
	assert_true(add(keys, 1, 500, 200));
	assert_int_equal(key_count_of(keys), 50);
	key_count_free(keys);
	assert_int_equal(key_count_new(0, &keys), 0);
	assert_true(add(keys, 1, 10, 10));
	assert_int_equal(key_count_of(keys), 0);
	key_count_free(keys);
	assert_int_equal(key_count_new(KEY_COUNT_MOST + 1, &keys), ERR_LIMIT);
	assert_int_equal(key_count_new(-1, &keys), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_key_once),
					    cmocka_unit_test(no_more_than_is_enough) };

	return cmocka_run_group_tests_name("key_count", tests, NULL, NULL);
}
