/* test_store.c - the door: appended means readable, also after the store was closed, or was not. */
#include "make.h"

static void what_was_appended_is_read(void **state)
{
	struct store *store = open_small();
	struct store_topic *topic = make_topic(store, "orders", 3);
	struct store_partition_state is;

	assert_int_equal(append_plain(store, topic->partitions[0], 3, 100, 1000), 0);
	assert_int_equal(append_plain(store, topic->partitions[0], 2, 100, 2000), 3);
	assert_int_equal(append_plain(store, topic->partitions[2], 1, 100, 1000), 0);
	store_partition_state(topic->partitions[0], &is);
	assert_int_equal(is.high_watermark, 5);
	assert_int_equal(is.end, 5);
	assert_int_equal(count_records(store, topic->partitions[0], 0, 1 << 20), 5);
	assert_int_equal(count_records(store, topic->partitions[0], 3, 1 << 20), 2);
	assert_int_equal(count_records(store, topic->partitions[2], 0, 1 << 20), 1);
	store_close(store);
}

static void it_is_there_after_opening_again(void **state)
{
	struct store *store = open_small();
	struct store_topic *topic = make_topic(store, "orders", 2);

	for (int i = 0; i < 50; i++)
		append_plain(store, topic->partitions[i % 2], 10, 1000, 1000 + i);
	store_close(store);
	for (int round = 0; round < 3; round++) {
		store = open_small();
		topic = store_topic_named(store, VIEW_LITERAL("orders"));
		assert_non_null(topic);
		assert_int_equal(topic->partition_count, 2);
		assert_view_is(topic->config, "x=y");
		assert_int_equal(count_records(store, topic->partitions[0], 0, 5000), 250 + 10 * round);
		assert_int_equal(append_plain(store, topic->partitions[0], 10, 1000, 5000), 250 + 10 * round);
		store_close(store);
	}
}

static void objects_take_over_from_memory(void **state)
{
	struct store_options options = small_options();
	struct store *store;
	struct store_topic *topic;
	struct store_partition_state is;
	struct store_numbers numbers;

	options.cache_bytes_max = options.unflushed_bytes_max = 1 << 20;
	options.read_bytes_max = 1 << 20;
	options.flush_bytes = 512 << 10;
	store = open_with(&options);
	topic = make_topic(store, "orders", 2);
	for (int i = 0; i < 400; i++)
		append_plain(store, topic->partitions[i % 2], 10, 1000, 1000 + i);
	WAIT_OK(store, store_flush(store, answered, &answer));
	store_partition_state(topic->partitions[0], &is);
	assert_int_equal(is.committed_end, 2000);
	store_numbers(store, &numbers);
	assert_true(numbers.flushes > 3);
	assert_true(numbers.cache_bytes <= (2 << 20));
	assert_int_equal(numbers.unflushed_bytes, 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(count_records(store, topic->partitions[i], 0, 100000), 2000);
	store_numbers(store, &numbers);
	assert_true(numbers.read_bytes <= (2 << 20));
	store_close(store);
	store = open_with(&options);
	topic = store_topic_named(store, VIEW_LITERAL("orders"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(count_records(store, topic->partitions[i], 1995, 100000), 10);
		assert_int_equal(count_records(store, topic->partitions[i], 0, 100000), 2000);
		assert_int_equal(append_plain(store, topic->partitions[i], 10, 1000, 5000), 2000);
	}
	store_close(store);
}

static void one_process_at_a_time(void **state)
{
	struct store *store = open_small(), *other = NULL;
	struct store_options options = small_options();
	struct fault fault = { 0 };

	assert_int_equal(store_open(&options, &other, &fault), ERR_CONFLICT);
	assert_null(other);
	assert_non_null(strstr(fault.text, "another process"));
	store_close(store);
}

int main(void)
{
#define PLAY(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)
	const struct CMUnitTest tests[] = {
		PLAY(what_was_appended_is_read),
		PLAY(it_is_there_after_opening_again),
		PLAY(objects_take_over_from_memory),
		PLAY(one_process_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
