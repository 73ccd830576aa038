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

static void topics_come_and_go(void **state)
{
	struct store *store = open_small();
	struct store_topic *topic = make_topic(store, "orders", 2), *other;
	struct store_topic_new again = { .name = VIEW_LITERAL("orders"), .partition_count = 1, .id = { 1 } };
	struct answer late[3] = { 0 };

	assert_int_equal(store_topic_create(store, &again, answered, &late[0]), ERR_CONFLICT);
	memcpy(again.id, topic->id, sizeof again.id);
	again.name = VIEW_LITERAL("other");
	assert_int_equal(store_topic_create(store, &again, answered, &late[0]), ERR_CONFLICT);
	memset(again.id, 0, sizeof again.id);
	assert_int_equal(store_topic_create(store, &again, answered, &late[0]), ERR_USAGE);
	/* Two of one name at once: the second one hears it from the metadata. */
	again.id[0] = 3;
	assert_int_equal(store_topic_create(store, &again, answered, &late[0]), 0);
	again.id[0] = 4;
	assert_int_equal(store_topic_create(store, &again, answered, &late[1]), 0);
	wait_for(store, &late[1].done);
	assert_int_equal(late[0].err, 0);
	assert_int_equal(late[1].err, ERR_CONFLICT);
	other = store_topic_named(store, VIEW_LITERAL("other"));
	assert_int_equal(other->id[0], 3);
	assert_ptr_equal(store_topic_by_id(store, other->id), other);
	assert_ptr_equal(store_topic_next(store, store_topic_next(store, NULL)), other);
	assert_null(store_topic_next(store, other));

	WAIT_OK(store, store_partitions_add(topic, 5, answered, &answer));
	assert_int_equal(topic->partition_count, 5);
	assert_int_equal(store_partition_index(topic->partitions[4]), 4);
	assert_int_equal(append_plain(store, topic->partitions[4], 3, 10, 1), 0);
	WAIT_OK(store, store_topic_configure(topic, VIEW_LITERAL("retention.ms=5"), answered, &answer));
	WAIT_OK(store, store_topic_delete(other, answered, &answer));
	assert_null(store_topic_named(store, VIEW_LITERAL("other")));
	store_close(store);
	store = open_small();
	topic = store_topic_named(store, VIEW_LITERAL("orders"));
	assert_view_is(topic->config, "retention.ms=5");
	assert_int_equal(topic->partition_count, 5);
	assert_int_equal(count_records(store, topic->partitions[4], 0, 1000), 3);
	assert_null(store_topic_named(store, VIEW_LITERAL("other")));
	store_close(store);
}

static void a_topic_is_deleted_while_all_goes_on(void **state)
{
	struct store *store = open_small();
	struct store_topic *topic = make_topic(store, "orders", 2), *kept = make_topic(store, "kept", 1);
	struct answer answers[40] = { 0 }, deleted = { 0 }, flushed = { 0 };
	struct store_numbers numbers;
	struct buffer out;
	bool all = false;

	buffer_init(&out, 1 << 20);
	make_batch(&out, &batch_options_default, 10, 500, 1000);
	append_plain(store, kept->partitions[0], 7, 100, 1000);
	append_plain(store, topic->partitions[0], 7, 100, 1000);
	assert_int_equal(store_flush(store, answered, &flushed), 0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(store_append(topic->partitions[i % 2], buffer_bytes(&out), answered_append,
					      &answers[i]),
				 0);
	assert_int_equal(store_topic_delete(topic, answered, &deleted), 0);
	assert_int_equal(store_append(topic->partitions[0], buffer_bytes(&out), answered_append, &answers[0]),
			 ERR_NOT_FOUND);
	assert_int_equal(store_topic_delete(topic, answered, &answers[0]), ERR_CONFLICT);
	wait_for(store, &deleted.done);
	wait_for(store, &flushed.done);
	for (int i = 0; i < 1000 && !all; i++) {
		store_wait(store, 5);
		store_poll(store);
		all = true;
		for (int k = 0; k < 40; k++)
			all = all && answers[k].done;
	}
	assert_true(all);
	assert_int_equal(deleted.err, 0);
	WAIT_OK(store, store_flush(store, answered, &answer));
	store_numbers(store, &numbers);
	assert_int_equal(numbers.unflushed_bytes, 0);
	topic = make_topic(store, "orders", 1);
	assert_int_equal(append_plain(store, topic->partitions[0], 1, 10, 1),
			 0); /* a new log, not the old one */
	store_close(store);
	store = open_small();
	kept = store_topic_named(store, VIEW_LITERAL("kept"));
	assert_int_equal(count_records(store, kept->partitions[0], 0, 1000), 7);
	topic = store_topic_named(store, VIEW_LITERAL("orders"));
	assert_int_equal(count_records(store, topic->partitions[0], 0, 1000), 1);
	buffer_done(&out);
	store_close(store);
}

static void count_setting(void *context, struct view name, struct view value)
{
	(*(int *)context)++;
}

static void got_ids(void *context, int err, int64_t first, const struct fault *fault)
{
	struct answer *answer = context;

	answer->done = true;
	answer->err = err;
	answer->number = first;
}

static void settings_and_ids_are_kept(void **state)
{
	struct store *store = open_small();
	struct answer ids = { 0 };
	int64_t first;
	int count = 0;

	WAIT_OK(store, store_setting_put(store, VIEW_LITERAL("acl"), VIEW_LITERAL("a"), VIEW_LITERAL("1"),
					 answered, &answer));
	WAIT_OK(store, store_setting_put(store, VIEW_LITERAL("acl"), VIEW_LITERAL("b"), VIEW_LITERAL(""),
					 answered, &answer));
	WAIT_OK(store, store_setting_put(store, VIEW_LITERAL("ac"), VIEW_LITERAL("lb"), VIEW_LITERAL("3"),
					 answered, &answer));
	WAIT_OK(store, store_setting_put(store, VIEW_LITERAL("acl"), VIEW_LITERAL("a"), VIEW_LITERAL("2"),
					 answered, &answer));
	WAIT_OK(store, store_setting_put(store, VIEW_LITERAL("ac"), VIEW_LITERAL("lb"), VIEW_NULL, answered,
					 &answer));
	/* One that cannot be, and none of them is. */
	assert_int_equal(
		store_settings_put(store,
				   (struct store_setting[]){
					   { VIEW_LITERAL("acl"), VIEW_LITERAL("c"), VIEW_LITERAL("4") },
					   { VIEW_LITERAL("acl"), VIEW_LITERAL(""), VIEW_LITERAL("5") } },
				   2, NULL, NULL),
		ERR_USAGE);
	assert_int_equal(store_producer_ids_take(store, 500, got_ids, &ids), 0);
	wait_for(store, &ids.done);
	first = ids.number;
	store_close(store);
	store = open_small();
	assert_view_is(store_setting(store, VIEW_LITERAL("acl"), VIEW_LITERAL("a")), "2");
	assert_view_is(store_setting(store, VIEW_LITERAL("acl"), VIEW_LITERAL("b")), "");
	assert_null(store_setting(store, VIEW_LITERAL("ac"), VIEW_LITERAL("lb")).at);
	store_setting_each(store, VIEW_LITERAL("acl"), count_setting, &count);
	assert_int_equal(count, 2);
	ids = (struct answer){ 0 };
	assert_int_equal(store_producer_ids_take(store, 500, got_ids, &ids), 0);
	wait_for(store, &ids.done);
	assert_int_equal(ids.err, 0);
	assert_true(ids.number >= first + 500);
	store_close(store);
}

/* Many on their way at once, on real threads: each is answered once, in order, with a small write-ahead log that turns over. */
static void many_at_once(void **state)
{
	struct store_options options = small_options();
	struct store *store;
	struct store_topic *topic;
	struct answer *answers = calloc(2000, sizeof *answers);
	struct store_numbers numbers;
	struct buffer out;

	options.unflushed_bytes_max = 2 << 20;
	options.cache_bytes_max = 3 << 20;
	options.flush_bytes = 1 << 20;
	store = open_with(&options);
	topic = make_topic(store, "orders", 8);
	buffer_init(&out, 1 << 20);
	make_batch(&out, &batch_options_default, 5, 1000, 1000);
	for (int i = 0; i < 2000; i++) {
		int err;

		while ((err = store_append(topic->partitions[i % 8], buffer_bytes(&out), answered_append,
					   &answers[i])) == ERR_LIMIT) {
			store_wait(store, 10);
			store_poll(store);
			store_tick(store);
		}
		assert_int_equal(err, 0);
		if (i % 50 == 0)
			store_poll(store);
	}
	for (int i = 0; i < 2000; i++) {
		wait_for(store, &answers[i].done);
		assert_int_equal(answers[i].err, 0);
		assert_int_equal(answers[i].appended.base_offset, i / 8 * 5);
	}
	for (int i = 0; i < 8; i++)
		assert_int_equal(count_records(store, topic->partitions[i], 0, 50000), 1250);
	store_numbers(store, &numbers);
	assert_true(numbers.flushes >= 5);
	assert_true(numbers.wal_groups < 2000);
	assert_true(numbers.wal_bytes_on_disk < (6 << 20));
	free(answers);
	buffer_done(&out);
	store_close(store);
}

/* Those that a store which has had a topic must find. */
static void make_folders(const char *folder)
{
	static const char *const names[] = { "", "/wal", "/objects" };
	char path[300];

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s%s", folder, names[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

/* What lay in it was acknowledged: an empty log in its place would hide that. */
static void a_folder_that_is_gone_is_missed(void **state)
{
	static const char *const names[] = { "wal", "objects" };
	struct store_options options = small_options();
	struct store *store = open_small();
	struct store_topic *topic = make_topic(store, "orders", 1);

	append_plain(store, topic->partitions[0], 1, 10, 1);
	store_close(store);
	for (int i = 0; i < 2; i++) {
		char path[300], away[300];
		struct fault fault = { 0 };

		snprintf(path, sizeof path, "%s/%s", store_folder, names[i]);
		snprintf(away, sizeof away, "%s/away", store_folder);
		assert_int_equal(rename(path, away), 0);
		assert_int_equal(store_open(&options, &store, &fault), ERR_STALE);
		assert_non_null(strstr(fault.text, names[i]));
		assert_int_equal(access(path, F_OK), -1); /* nothing was made in its place */
		assert_int_equal(rename(away, path), 0);
	}
	store = open_small();
	topic = store_topic_named(store, VIEW_LITERAL("orders"));
	assert_int_equal(count_records(store, topic->partitions[0], 0, 50000), 1);
	store_close(store);
}

/* Whoever opens the metadata last wins: the one before changes nothing any more. */
static void an_older_incarnation_is_fenced(void **state)
{
	struct store_options options = small_options(), others;
	char folder[200], metadata[220];
	struct store *store, *other;
	struct store_topic *topic;
	struct store_topic_new fresh = { .name = VIEW_LITERAL("new"), .partition_count = 1, .id = { 9 } };
	struct answer answer = { 0 };

	snprintf(metadata, sizeof metadata, "%s/metadata.db", store_folder);
	options.metadata = metadata;
	store = open_with(&options);
	topic = make_topic(store, "orders", 1);
	/* On another host the lock of the folder does not help. */
	snprintf(folder, sizeof folder, "%s/other", store_folder);
	make_folders(folder);
	others = options;
	others.folder = folder;
	other = open_with(&others);
	assert_int_equal(store_topic_create(store, &fresh, answered, &answer), 0);
	wait_for(store, &answer.done);
	assert_int_equal(answer.err, ERR_STALE);
	assert_non_null(strstr(answer.fault.text, "another process"));
	append_plain(store, topic->partitions[0], 1, 10, 1);
	answer = (struct answer){ 0 };
	assert_int_equal(store_flush(store, answered, &answer), 0);
	wait_for(store, &answer.done);
	assert_int_equal(answer.err, ERR_STALE);
	store_close(store);
	store_close(other);
}

int main(void)
{
#define PLAY(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)
	const struct CMUnitTest tests[] = {
		PLAY(what_was_appended_is_read),
		PLAY(it_is_there_after_opening_again),
		PLAY(objects_take_over_from_memory),
		PLAY(one_process_at_a_time),
		PLAY(topics_come_and_go),
		PLAY(a_topic_is_deleted_while_all_goes_on),
		PLAY(settings_and_ids_are_kept),
		PLAY(many_at_once),
		PLAY(a_folder_that_is_gone_is_missed),
		PLAY(an_older_incarnation_is_fenced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
