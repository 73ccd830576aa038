/* test_mirror.c - a partition that mirrors another log: cut back, filled below its start, promoted. */
#include "make.h"

/* What a mirror is made of, for a test. */
struct play {
	struct store *store;
	struct partition *partition;
	struct store_partition_state is;
	struct buffer one, all;
};

static void look(struct play *play)
{
	store_partition_state(play->partition, &play->is);
}

static void again(struct play *play)
{
	store_close(play->store);
	play->store = open_small();
	play->partition = store_topic_named(play->store, VIEW_LITERAL("orders"))->partitions[0];
	look(play);
}

static void begin(struct play *play)
{
	*play = (struct play){ .store = open_small() };
	buffer_init(&play->one, 1 << 20);
	buffer_init(&play->all, 8 << 20);
	play->partition = make_topic(play->store, "orders", 1)->partitions[0];
}

static void end(struct play *play)
{
	buffer_done(&play->one);
	buffer_done(&play->all);
	store_close(play->store);
}

/* One more batch of five records for the next call. */
static void add(struct play *play, int64_t offset, int64_t producer, int32_t sequence, bool transactional)
{
	struct batch_options options = batch_options_default;

	if (producer >= 0)
		options = producer_options(producer, 1, sequence, transactional);
	options.base_offset = offset;
	options.partition_leader_epoch = 0;
	buffer_view(&play->all, make_batch(&play->one, &options, 5, 100, 1000 + offset));
}

static void add_marker(struct play *play, int64_t offset, int64_t producer, bool commit)
{
	struct batch_options options = producer_options(producer, 1, -1, true);

	options.base_offset = offset;
	options.partition_leader_epoch = 0;
	buffer_reset(&play->one);
	assert_int_equal(batch_write_marker(&play->one, &options, commit, 1, 1000 + offset), 0);
	buffer_view(&play->all, buffer_bytes(&play->one));
}

static void mirror(struct play *play)
{
	struct answer answer = { 0 };

	assert_int_equal(store_append_mirror(play->partition, buffer_bytes(&play->all), INT64_MAX,
					     answered_append, &answer),
			 0);
	wait_for(play->store, &answer.done);
	assert_int_equal(answer.err, 0);
	buffer_reset(&play->all);
	look(play);
}

static void cut(struct play *play, int64_t offset, int32_t epoch)
{
	WAIT_OK(play->store, store_truncate_mirror(play->partition, offset, epoch, answered, &answer));
	look(play);
}

static void flush(struct play *play)
{
	WAIT_OK(play->store, store_flush(play->store, answered, &answer));
}

/* How many data batches a reader of committed records gets from `offset` on. */
static int committed(struct play *play, int64_t offset)
{
	struct store_read read = { 0 };
	struct aborted_filter filter;
	int count = 0;

	aborted_filter_init(&filter);
	do {
		assert_int_equal(
			read_wait(play->store, play->partition, offset, 1, STORE_READ_COMMITTED, &read), 0);
		assert_int_equal(aborted_filter_set(&filter, read.aborted, read.aborted_count), 0);
		for (int i = 0; i < read.count; i++) {
			struct view bytes = read.pieces[i].bytes;
			struct batch batch;

			while (batch_next(&bytes, &batch) == 1)
				count += !batch.head.control && !aborted_filter_drops(&filter, &batch.head);
		}
		offset = read.next_offset;
	} while (read.count);
	aborted_filter_done(&filter);
	store_read_free(&read);
	return count;
}

static void a_mirror_is_cut_back(void **state)
{
	struct store_producer producer;
	struct store_read read = { 0 };
	struct answer none = { 0 };
	struct play play;
	int64_t offset;
	int32_t epoch;

	begin(&play);
	assert_int_equal(store_truncate_mirror(play.partition, 0, 1, answered, &none), ERR_STALE);
	WAIT_OK(play.store, store_epoch_begin(play.partition, 4, true, answered, &answer));
	add(&play, 0, -1, 0, false);
	add(&play, 10, 7, 0, true); /* aborted at 40 */
	add(&play, 20, 8, 0, false);
	mirror(&play);
	flush(&play);
	add(&play, 30, 8, 5, false);
	add_marker(&play, 40, 7, false);
	mirror(&play);
	flush(&play);
	WAIT_OK(play.store, store_epoch_begin(play.partition, 5, true, answered, &answer));
	add(&play, 50, 7, 5, true);
	add(&play, 60, 9, 0, false);
	mirror(&play);
	assert_int_equal(committed(&play, 0), 3);
	assert_int_equal(store_truncate_mirror(play.partition, 60, 5, answered, &none), ERR_STALE);
	cut(&play, 62, 6); /* in the middle of a batch, which nobody has uploaded */
	assert_int_equal(play.is.high_watermark, 60);
	assert_int_equal(play.is.last_stable, 50);
	assert_int_equal(play.is.leader_epoch, 6);
	again(&play);
	assert_int_equal(play.is.high_watermark, 60);
	assert_false(store_producer(play.partition, 9, &producer));
	cut(&play, 33, 7); /* in the middle of an extent, behind a transaction's marker */
	for (int round = 0; round < 2; round++) {
		assert_int_equal(play.is.high_watermark, 30);
		assert_int_equal(play.is.last_stable, 10);
		assert_true(play.is.mirror);
		assert_int_equal(committed(&play, 0), 1);
		assert_int_equal(count_records(play.store, play.partition, 0, 1), 15);
		assert_int_equal(store_read(play.partition, 31, 1, STORE_READ_UNCOMMITTED, &read, NULL),
				 ERR_NOT_FOUND);
		assert_true(store_producer(play.partition, 8, &producer));
		assert_int_equal(producer.last_sequence, 4);
		assert_true(store_producer(play.partition, 7, &producer));
		assert_int_equal(producer.transaction_first, 10);
		store_epoch_end(play.partition, 5, &epoch, &offset);
		assert_int_equal(epoch, 4);
		assert_int_equal(offset, 30);
		again(&play);
	}
	/* What the source has in its place; and the transaction is committed this time. */
	add(&play, 30, 8, 5, false);
	add_marker(&play, 35, 7, true);
	mirror(&play);
	flush(&play);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(committed(&play, 0), 4);
		assert_int_equal(count_records(play.store, play.partition, 0, 300), 21);
		again(&play);
	}
	cut(&play, 0, 8);
	again(&play);
	assert_int_equal(play.is.high_watermark, 0);
	assert_int_equal(play.is.size_bytes, 0);
	assert_int_equal(count_records(play.store, play.partition, 0, 300), 0);
	/* Its source has nothing of that any more: it begins anew, elsewhere. */
	WAIT_OK(play.store, store_begin_mirror(play.partition, 500, 9, answered, &answer));
	again(&play);
	assert_int_equal(play.is.log_start, 500);
	assert_int_equal(play.is.high_watermark, 500);
	store_read_free(&read);
	end(&play);
}

/* The object's block holds what was cut away, and what came in its place lies behind it: nobody gets the old one. */
static void what_was_cut_is_not_read_from_its_object(void **state)
{
	struct store_options options = small_options();
	struct store_timed timed;
	struct store *store;
	struct play play;
	int err;

	begin(&play);
	WAIT_OK(play.store, store_epoch_begin(play.partition, 1, true, answered, &answer));
	for (int i = 0; i < 4; i++)
		add(&play, 5 * i, -1, 0, false);
	mirror(&play);
	flush(&play);
	cut(&play, 10, 2);
	add(&play, 11, -1, 0, false);
	mirror(&play);
	flush(&play);
	/* No cache: everything comes from objects. */
	store_close(play.store);
	options.read_bytes_max = 0;
	play.store = store = open_with(&options);
	play.partition = store_topic_named(store, VIEW_LITERAL("orders"))->partitions[0];
	assert_int_equal(count_records(store, play.partition, 0, 1), 15);
	assert_int_equal(count_records(store, play.partition, 0, 1 << 20), 15);
	while ((err = store_offset_for_time(play.partition, 1010, &timed, NULL)) == 1) {
		struct told told = { 0 };

		store_watch_init(&told.watch, told_changed);
		store_watch_start(play.partition, &told.watch);
		wait_for(store, &told.done);
	}
	assert_int_equal(err, 0);
	assert_int_equal(timed.offset, 11);
	end(&play);
}

/* The batches that were added, as a piece of history from `from` on.  What the call said, or else its answer. */
static int fill(struct play *play, int64_t from)
{
	struct answer answer = { 0 };
	int err = store_backfill_mirror(play->partition, from, buffer_bytes(&play->all), answered, &answer);

	if (err == 0) {
		wait_for(play->store, &answer.done);
		err = answer.err;
	}
	buffer_reset(&play->all);
	look(play);
	return err;
}

static void history_comes_in_below_the_tail(void **state)
{
	struct answer none = { 0 };
	struct play play;
	int64_t offset;
	int32_t epoch;

	begin(&play);
	assert_int_equal(fill(&play, 0), ERR_STALE);
	WAIT_OK(play.store, store_begin_mirror(play.partition, 100, 0, answered, &answer));
	assert_int_equal(store_begin_mirror(play.partition, 100, 0, answered, &none), ERR_CONFLICT);
	look(&play);
	assert_int_equal(play.is.log_start, 100);
	assert_int_equal(play.is.high_watermark, 100);
	assert_int_equal(fill(&play, 100), ERR_USAGE);
	add(&play, 96, -1, 0, false); /* into the tail */
	assert_int_equal(fill(&play, 90), STORE_BATCH_INVALID);
	add(&play, 85, -1, 0, false);
	assert_int_equal(fill(&play, 90), STORE_BATCH_INVALID);
	add(&play, 90, -1, 0, false);
	play.all.at[80] ^= 1;
	assert_int_equal(fill(&play, 90), STORE_BATCH_CORRUPT);
	add(&play, 90, -1, 0, false);
	batch_set_leader_epoch(play.all.at, 1);
	assert_int_equal(fill(&play, 90), STORE_BATCH_INVALID);
	/* Producer 7 has not ended what it began below: with what the tail says so far, nobody knows how it ends. */
	add(&play, 90, 7, 5, true);
	assert_int_equal(fill(&play, 90), ERR_CONFLICT);
	add(&play, 100, 7, 10, true);
	add(&play, 110, 8, 0, true);
	mirror(&play);
	add(&play, 90, 7, 5, true);
	assert_int_equal(fill(&play, 90), ERR_CONFLICT);
	add_marker(&play, 120, 7, false);
	add_marker(&play, 121, 8, true);
	mirror(&play);
	add(&play, 90, 7, 5, true);
	assert_int_equal(fill(&play, 88), 0);
	assert_int_equal(play.is.log_start, 88);
	flush(&play);
	/* The marker is in an object now; what is aborted in three pieces is hidden in all of them. */
	add(&play, 70, -1, 0, false);
	add(&play, 80, 7, 0, true);
	assert_int_equal(fill(&play, 70), 0);
	assert_int_equal(fill(&play, 60), 0); /* nothing is left there */
	for (int round = 0; round < 2; round++) {
		assert_int_equal(play.is.log_start, 60);
		assert_int_equal(play.is.high_watermark, 122);
		assert_int_equal(play.is.last_stable, 122);
		assert_int_equal(count_records(play.store, play.partition, 60, 1), 27);
		assert_int_equal(count_records(play.store, play.partition, 89, 1 << 20), 17);
		assert_int_equal(committed(&play, 60), 2);
		assert_int_equal(committed(&play, 80), 1);
		assert_int_equal(committed(&play, 90), 1);
		store_epoch_end(play.partition, 0, &epoch, &offset);
		assert_int_equal(epoch, 0);
		assert_int_equal(offset, 122);
		again(&play);
	}
	/* Cut in the middle of it: the transaction is open from its first record on. */
	cut(&play, 110, 1);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(play.is.last_stable, 80);
		assert_int_equal(committed(&play, 60), 1);
		again(&play);
	}
	end(&play);
}

static void a_mirror_has_what_its_source_has_committed(void **state)
{
	struct answer own = { 0 };
	struct play play;

	begin(&play);
	WAIT_OK(play.store, store_begin_mirror(play.partition, 10, 3, answered, &answer));
	add(&play, 10, -1, 0, false);
	add(&play, 15, -1, 0, false);
	assert_int_equal(
		store_append_mirror(play.partition, buffer_bytes(&play.all), 14, answered_append, &own),
		STORE_NOT_COMMITTED);
	assert_int_equal(
		store_append_mirror(play.partition, buffer_bytes(&play.all), 19, answered_append, &own), 0);
	wait_for(play.store, &own.done);
	look(&play);
	assert_int_equal(own.err, 0);
	assert_int_equal(play.is.high_watermark, 15);
	assert_int_equal(play.is.end, 15);
	WAIT_OK(play.store, store_promote_mirror(play.partition, 4, false, answered, &answer));
	assert_int_equal(append_plain(play.store, play.partition, 1, 10, 1), 15);
	again(&play);
	assert_false(play.is.mirror);
	assert_int_equal(play.is.leader_epoch, 4);
	assert_int_equal(fill(&play, 0), ERR_STALE);
	end(&play);
}

int main(void)
{
#define PLAY(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)
	const struct CMUnitTest tests[] = {
		PLAY(a_mirror_is_cut_back),
		PLAY(what_was_cut_is_not_read_from_its_object),
		PLAY(history_comes_in_below_the_tail),
		PLAY(a_mirror_has_what_its_source_has_committed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
