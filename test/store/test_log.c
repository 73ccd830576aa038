/* test_log.c - what a partition is to those above: transactions, times, starts, epochs, mirrors, retention. */
#include "make.h"

static int refusal(struct partition *partition, struct view batch)
{
	struct answer answer = { 0 };

	return store_append(partition, batch, answered_append, &answer);
}

static void a_batch_must_be_one(void **state)
{
	struct store *store = open_small();
	struct store_topic *topic = make_topic(store, "orders", 1);
	struct partition *partition = topic->partitions[0];
	struct store_log_options log = topic->log;
	struct buffer out, two;
	struct view batch;

	buffer_init(&out, 1 << 20);
	buffer_init(&two, 1 << 20);
	batch = make_batch(&out, &batch_options_default, 3, 50, 1000);
	buffer_view(&two, batch);
	buffer_view(&two, batch);
	assert_int_equal(refusal(partition, buffer_bytes(&two)), STORE_BATCH_INVALID);
	assert_int_equal(refusal(partition, view_of(batch.at, batch.size - 1)), STORE_BATCH_INVALID);
	assert_int_equal(refusal(partition, VIEW_LITERAL("")), STORE_BATCH_INVALID);
	out.at[70] ^= 1;
	assert_int_equal(refusal(partition, batch), STORE_BATCH_CORRUPT);
	out.at[70] ^= 1;
	log.batch_size_max = (int32_t)batch.size - 1;
	store_topic_log_options(topic, &log);
	assert_int_equal(refusal(partition, batch), STORE_BATCH_TOO_LARGE);
	log.batch_size_max = (int32_t)batch.size;
	store_topic_log_options(topic, &log);
	assert_int_equal(append_wait(store, partition, batch), 0);
	buffer_done(&out);
	buffer_done(&two);
	store_close(store);
}

static void a_duplicate_gets_the_first_answer(void **state)
{
	struct store *store = open_small();
	struct partition *partition = make_topic(store, "orders", 1)->partitions[0];
	struct batch_options options = producer_options(5, 0, 0, false);
	struct answer answers[3] = { 0 };
	struct store_producer producer;
	struct buffer out;

	buffer_init(&out, 1 << 20);
	append_plain(store, partition, 10, 10, 1000);
	make_batch(&out, &options, 4, 50, 1000);
	/* The second one while the first is on its way. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(store_append(partition, buffer_bytes(&out), answered_append, &answers[i]),
				 0);
	wait_for(store, &answers[1].done);
	assert_true(answers[0].done);
	assert_false(answers[0].appended.duplicate);
	assert_true(answers[1].appended.duplicate);
	assert_int_equal(answers[1].appended.base_offset, 10);
	assert_true(store_producer(partition, 5, &producer));
	assert_int_equal(producer.last_sequence, 3);
	for (int round = 0; round < 2; round++) {
		/* From the log, then from a snapshot. */
		store_close(store);
		store = open_small();
		partition = store_topic_named(store, VIEW_LITERAL("orders"))->partitions[0];
		answers[2] = (struct answer){ 0 };
		assert_int_equal(store_append(partition, buffer_bytes(&out), answered_append, &answers[2]),
				 0);
		wait_for(store, &answers[2].done);
		assert_true(answers[2].appended.duplicate);
		assert_int_equal(answers[2].appended.base_offset, 10);
		WAIT_OK(store, store_flush(store, answered, &answer));
	}
	options.base_sequence = 9;
	assert_int_equal(refusal(partition, make_batch(&out, &options, 1, 10, 1000)),
			 STORE_OUT_OF_ORDER_SEQUENCE);
	assert_int_equal(count_records(store, partition, 0, 1 << 20), 14);
	buffer_done(&out);
	store_close(store);
}

static void append_as(struct store *store, struct partition *partition, int64_t id, int32_t sequence,
		      bool transactional)
{
	struct batch_options options = producer_options(id, 0, sequence, transactional);
	struct buffer out;

	buffer_init(&out, 1 << 20);
	append_wait(store, partition, make_batch(&out, &options, 2, 50, 1000 + sequence));
	buffer_done(&out);
}

static void committed_readers_stop_at_the_open_transaction(void **state)
{
	struct store *store = open_small();
	struct partition *partition = make_topic(store, "orders", 1)->partitions[0];
	struct store_partition_state is;
	struct store_read read = { 0 };

	append_as(store, partition, 1, 0, true);     /* 0, 1: will be aborted */
	append_as(store, partition, 2, 0, true);     /* 2, 3: will be committed */
	append_plain(store, partition, 2, 50, 1000); /* 4, 5 */
	store_partition_state(partition, &is);
	assert_int_equal(is.last_stable, 0);
	marker_append(store, partition, 2, 0, true); /* 6 */
	store_partition_state(partition, &is);
	assert_int_equal(is.last_stable, 0);
	/* The abort comes after an upload: the range spans two objects. */
	WAIT_OK(store, store_flush(store, answered, &answer));
	marker_append(store, partition, 1, 0, false); /* 7 */
	append_as(store, partition, 1, 2, true);      /* 8, 9: stays open */
	for (int round = 0; round < 3; round++) {
		store_partition_state(partition, &is);
		assert_int_equal(is.last_stable, 8);
		assert_int_equal(is.high_watermark, 10);
		assert_int_equal(read_wait(store, partition, 0, 1 << 20, STORE_READ_COMMITTED, &read), 0);
		/* Each object is a read of its own when it has to be fetched. */
		assert_int_equal(read.next_offset, round == 2 ? 7 : 8);
		assert_int_equal(read.aborted_count, 1);
		assert_int_equal(read.aborted[0].producer_id, 1);
		assert_int_equal(read.aborted[0].first_offset, 0);
		assert_int_equal(read_wait(store, partition, 8, 1 << 20, STORE_READ_COMMITTED, &read), 0);
		assert_int_equal(read.count, 0);
		assert_int_equal(read.aborted_count, 0);
		assert_int_equal(read_wait(store, partition, 7, 1 << 20, STORE_READ_COMMITTED, &read), 0);
		assert_int_equal(read.next_offset, 8);
		assert_int_equal(read.aborted_count, 1);
		store_read_free(&read);
		assert_int_equal(count_records(store, partition, 0, 1 << 20), 10);
		if (round == 1)
			WAIT_OK(store, store_flush(store, answered, &answer));
		store_close(store);
		store = open_small();
		partition = store_topic_named(store, VIEW_LITERAL("orders"))->partitions[0];
	}
	store_close(store);
}

static void plain_batches_are_refused_in_a_transaction(void **state)
{
	struct store *store = open_small();
	struct partition *partition = make_topic(store, "orders", 1)->partitions[0];
	struct batch_options options = producer_options(1, 0, 2, false);
	struct buffer out;

	buffer_init(&out, 1 << 20);
	append_as(store, partition, 1, 0, true);
	assert_int_equal(refusal(partition, make_batch(&out, &options, 1, 10, 1)), STORE_INVALID_TXN_STATE);
	marker_append(store, partition, 1, 0, true);
	options.producer_epoch = -1;
	assert_int_equal(refusal(partition, make_batch(&out, &options, 1, 10, 1)), STORE_BATCH_INVALID);
	options = producer_options(1, 0, 2, true);
	options.base_sequence = -1;
	batch_write_marker(&out, &options, true, 0, 1); /* behind what is in it: two batches */
	assert_int_equal(refusal(partition, buffer_bytes(&out)), STORE_BATCH_INVALID);
	buffer_reset(&out);
	batch_write_marker(&out, &options, true, 0,
			   1); /* of an older coordinator: the last one had epoch 1 */
	assert_int_equal(refusal(partition, buffer_bytes(&out)), STORE_COORDINATOR_FENCED);
	buffer_done(&out);
	store_close(store);
}

static void time_wait(struct store *store, struct partition *partition, int64_t timestamp,
		      struct store_timed *out)
{
	for (int i = 0; i < 100; i++) {
		struct told told = { 0 };
		int err = store_offset_for_time(partition, timestamp, out, NULL);

		if (err == 0)
			return;
		assert_int_equal(err, 1);
		store_watch_init(&told.watch, told_changed);
		store_watch_start(partition, &told.watch);
		wait_for(store, &told.done);
	}
	fail_msg("a search for a time never ends");
}

static void times_are_found_wherever_they_are(void **state)
{
	struct store_options options = small_options();
	struct store *store;
	struct partition *partition;
	struct store_timed timed;

	options.cache_bytes_max = options.unflushed_bytes_max = 1 << 20;
	store = open_with(&options);
	partition = make_topic(store, "orders", 1)->partitions[0];
	time_wait(store, partition, 0, &timed);
	assert_int_equal(timed.offset, -1);
	/* Ten records a batch, ten ms apart from batch to batch; batch 300 is late, and the latest of all. */
	for (int i = 0; i < 400; i++) {
		append_plain(store, partition, 10, 500, i == 300 ? 90000 : 1000 + 10 * i);
		if (i == 200 || i == 350)
			WAIT_OK(store, store_flush(store, answered, &answer));
	}
	for (int i = 0; i < 300; i += 23) {
		time_wait(store, partition, 1000 + 10 * i + 3, &timed);
		assert_int_equal(timed.offset, 10 * i + 3);
		assert_int_equal(timed.timestamp, 1000 + 10 * i + 3);
		assert_int_equal(timed.leader_epoch, 0);
	}
	time_wait(store, partition, 4700, &timed);
	assert_int_equal(timed.offset, 3000); /* the late one is the first that is late enough */
	time_wait(store, partition, 5000, &timed);
	assert_int_equal(timed.offset, 3000);
	time_wait(store, partition, STORE_TIME_MAX, &timed);
	assert_int_equal(timed.offset, 3009);
	assert_int_equal(timed.timestamp, 90009);
	time_wait(store, partition, 90010, &timed);
	assert_int_equal(timed.offset, -1);
	WAIT_OK(store, store_log_start_move(partition, 3004, answered, &answer));
	time_wait(store, partition, 0, &timed);
	assert_int_equal(timed.offset, 3004);
	store_close(store);
}

static int objects_there(void)
{
	char path[300];
	int count = 0;

	for (int i = 1; i < 100; i++) {
		snprintf(path, sizeof path, "%s/objects/%020d.obj", store_folder, i);
		count += access(path, F_OK) == 0;
	}
	return count;
}

/* A clock that the test moves. */
static int64_t moved_ms;

static int64_t moved_monotonic(const struct clock *clock)
{
	return clock_system.monotonic_ns(&clock_system) + moved_ms * 1000000;
}

static int64_t moved_wall(const struct clock *clock)
{
	return moved_ms;
}

static const struct clock moved_clock = { moved_monotonic, moved_wall, NULL };

static void pass_time(struct store *store, int64_t ms)
{
	moved_ms += ms;
	for (int i = 0; i < 20; i++) {
		store_tick(store);
		store_wait(store, 5);
		store_poll(store);
	}
}

static void records_are_given_up(void **state)
{
	struct store_options options = small_options();
	struct store *store;
	struct partition *partition;
	struct store_partition_state is;
	struct store_read read = { 0 };
	struct answer own = { 0 };

	options.clock = &moved_clock;
	store = open_with(&options);
	partition = make_topic(store, "orders", 1)->partitions[0];
	for (int i = 0; i < 6; i++) {
		append_plain(store, partition, 10, 100, 1000);
		if (i % 2)
			WAIT_OK(store, store_flush(store, answered, &answer));
	}
	assert_int_equal(objects_there(), 3);
	assert_int_equal(store_log_start_move(partition, 61, answered, &own), ERR_NOT_FOUND);
	WAIT_OK(store, store_log_start_move(partition, 25, answered, &answer));
	store_partition_state(partition, &is);
	assert_int_equal(is.log_start, 25);
	assert_int_equal(store_read(partition, 24, 1000, STORE_READ_UNCOMMITTED, &read, NULL), ERR_NOT_FOUND);
	assert_int_equal(count_records(store, partition, 25, 1000),
			 40); /* the batch that holds 25 begins at 20 */
	pass_time(store, 20000);
	assert_int_equal(objects_there(), 2);
	WAIT_OK(store, store_log_start_move(partition, 60, answered, &answer));
	pass_time(store, 20000);
	assert_int_equal(objects_there(), 0);
	store_close(store);
	store = open_with(&options);
	partition = store_topic_named(store, VIEW_LITERAL("orders"))->partitions[0];
	store_partition_state(partition, &is);
	assert_int_equal(is.log_start, 60);
	assert_int_equal(is.high_watermark, 60);
	assert_int_equal(append_plain(store, partition, 1, 10, 1000), 60);
	store_read_free(&read);
	store_close(store);
}

static void retention_takes_whole_extents(void **state)
{
	struct store_options options = small_options();
	struct store_log_options log = { .retention_ms = -1, .retention_bytes = -1 };
	struct store *store;
	struct store_topic *topic;
	struct store_partition_state is;

	moved_ms = 1000000;
	options.clock = &moved_clock;
	store = open_with(&options);
	topic = make_topic(store, "orders", 1);
	for (int i = 0; i < 5; i++) {
		append_plain(store, topic->partitions[0], 10, 1000, 1000000 + i * 10000);
		WAIT_OK(store, store_flush(store, answered, &answer));
	}
	pass_time(store, 100000);
	store_partition_state(topic->partitions[0], &is);
	assert_int_equal(is.log_start, 0); /* for ever is the default */
	log.retention_bytes = is.size_bytes / 2;
	store_topic_log_options(topic, &log);
	pass_time(store, 31000);
	store_partition_state(topic->partitions[0], &is);
	assert_int_equal(is.log_start, 20); /* 60 % is left: with one more gone it would be less than half */
	log = (struct store_log_options){ .retention_ms = 100000, .retention_bytes = -1 };
	store_topic_log_options(topic, &log);
	pass_time(store, 31000);
	store_partition_state(topic->partitions[0], &is);
	assert_int_equal(is.log_start, 50);
	assert_int_equal(is.high_watermark, 50);
	assert_int_equal(is.size_bytes, 0);
	store_close(store);
}

static void epochs_are_remembered(void **state)
{
	struct store *store = open_small();
	struct partition *partition = make_topic(store, "orders", 1)->partitions[0];
	struct store_read read = { 0 };
	struct batch batch;
	struct view bytes;
	struct answer late = { 0 };
	int64_t end;
	int32_t epoch;

	append_plain(store, partition, 3, 10, 1000);
	assert_int_equal(store_epoch_begin(partition, 0, false, answered, &late), ERR_STALE);
	WAIT_OK(store, store_epoch_begin(partition, 4, false, answered, &answer));
	append_plain(store, partition, 3, 10, 1000);
	for (int round = 0; round < 2; round++) {
		store_epoch_end(partition, 2, &epoch, &end);
		assert_int_equal(epoch, 0);
		assert_int_equal(end, 3);
		store_epoch_end(partition, 4, &epoch, &end);
		assert_int_equal(epoch, 4);
		assert_int_equal(end, 6);
		assert_int_equal(store_read(partition, 3, 1000, STORE_READ_UNCOMMITTED, &read, NULL), 0);
		bytes = read.pieces[0].bytes;
		assert_int_equal(batch_next(&bytes, &batch), 1);
		assert_int_equal(batch.head.partition_leader_epoch, 4);
		store_read_free(&read);
		store_close(store);
		store = open_small();
		partition = store_topic_named(store, VIEW_LITERAL("orders"))->partitions[0];
	}
	store_close(store);
}

static void a_mirror_keeps_offsets_and_gaps(void **state)
{
	struct store *store = open_small();
	struct partition *partition = make_topic(store, "orders", 1)->partitions[0];
	struct batch_options options = producer_options(900, 2, 7, true);
	struct store_partition_state is;
	struct answer own = { 0 };
	struct buffer out, all;

	buffer_init(&out, 1 << 20);
	buffer_init(&all, 1 << 20);
	append_plain(store, partition, 3, 10, 1000);
	options.base_offset = 100;
	buffer_view(&all, make_batch(&out, &options, 5, 50, 1000));
	options.base_offset = 205; /* what lay between was compacted away */
	options.base_sequence = 40;
	buffer_view(&all, make_batch(&out, &options, 5, 50, 2000));
	assert_int_equal(store_append_mirror(partition, buffer_bytes(&all), INT64_MAX, answered_append, &own),
			 ERR_STALE);
	WAIT_OK(store, store_epoch_begin(partition, 1, true, answered, &answer));
	assert_int_equal(refusal(partition, buffer_bytes(&out)), ERR_STALE); /* clients only read a mirror */
	assert_int_equal(store_append_mirror(partition, buffer_bytes(&all), INT64_MAX, answered_append, &own),
			 0);
	wait_for(store, &own.done);
	assert_int_equal(own.err, 0);
	assert_int_equal(store_append_mirror(partition, buffer_bytes(&out), INT64_MAX, answered_append, &own),
			 STORE_BATCH_INVALID);
	for (int round = 0; round < 3; round++) {
		store_partition_state(partition, &is);
		assert_true(is.mirror);
		assert_int_equal(is.high_watermark, 210);
		assert_int_equal(is.last_stable, 100);
		assert_int_equal(count_records(store, partition, 0, 100), 13);
		assert_int_equal(count_records(store, partition, 50, 100), 10);
		assert_int_equal(count_records(store, partition, 150, 100), 5);
		if (round == 1)
			WAIT_OK(store, store_flush(store, answered, &answer));
		store_close(store);
		store = open_small();
		partition = store_topic_named(store, VIEW_LITERAL("orders"))->partitions[0];
	}
	/* Promoted: clients go on behind it. */
	assert_int_equal(store_epoch_begin(partition, 2, false, answered, &own), ERR_STALE);
	own = (struct answer){ 0 };
	assert_int_equal(store_promote_mirror(partition, 2, false, answered, &own), 0);
	wait_for(store, &own.done);
	assert_int_equal(own.err, ERR_CONFLICT); /* a transaction is open */
	assert_non_null(strstr(own.fault.text, "producer 900 at offset 100"));
	WAIT_OK(store, store_promote_mirror(partition, 2, true, answered, &answer));
	options.base_sequence = 45;
	assert_int_equal(append_wait(store, partition, make_batch(&out, &options, 1, 10, 1)), 210);
	marker_append(store, partition, 900, 2, true);
	store_partition_state(partition, &is);
	assert_int_equal(is.last_stable, 212);
	buffer_done(&out);
	buffer_done(&all);
	store_close(store);
}

static void the_store_gives_the_time(void **state)
{
	struct store_options options = small_options();
	struct store_log_options log = { .retention_ms = -1, .retention_bytes = -1, .log_append_time = true };
	struct store *store;
	struct store_topic *topic;
	struct answer answer = { 0 };
	struct store_timed timed;
	struct buffer out;

	moved_ms = 123456;
	options.clock = &moved_clock;
	store = open_with(&options);
	topic = make_topic(store, "orders", 1);
	store_topic_log_options(topic, &log);
	buffer_init(&out, 1 << 20);
	make_batch(&out, &batch_options_default, 3, 10, 99);
	assert_int_equal(store_append(topic->partitions[0], buffer_bytes(&out), answered_append, &answer), 0);
	wait_for(store, &answer.done);
	assert_int_equal(answer.appended.log_append_time, 123456);
	time_wait(store, topic->partitions[0], 100, &timed);
	assert_int_equal(timed.timestamp, 123456);
	assert_int_equal(count_records(store, topic->partitions[0], 0, 1000),
			 3); /* and the checksum is right */
	buffer_done(&out);
	store_close(store);
}

int main(void)
{
#define PLAY(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)
	const struct CMUnitTest tests[] = {
		PLAY(a_batch_must_be_one),
		PLAY(a_duplicate_gets_the_first_answer),
		PLAY(committed_readers_stop_at_the_open_transaction),
		PLAY(plain_batches_are_refused_in_a_transaction),
		PLAY(times_are_found_wherever_they_are),
		PLAY(records_are_given_up),
		PLAY(retention_takes_whole_extents),
		PLAY(epochs_are_remembered),
		PLAY(a_mirror_keeps_offsets_and_gaps),
		PLAY(the_store_gives_the_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
