/* test_compact.c - of each key the latest record, and nothing else is lost: batches sieved, a topic compacted, extents merged. */
#include "make.h"

#include "store/compact.h"

/* Key and value of records: "a1" is key a with value 1, "a-" a tombstone of a, "?1" a record without a key. */
static struct view text_batch(struct buffer *out, const struct batch_options *options, const char *text)
{
	struct batch_writer writer;
	struct deflater *deflater = deflater_new();

	batch_writer_init(&writer, options, deflater, 1 << 20);
	for (int i = 0; text[2 * i]; i++) {
		const char *at = text + 2 * i;

		assert_int_equal(batch_writer_add(&writer, 5000 + i,
						  at[0] == '?' ? VIEW_NULL : view_of(at, 1),
						  at[1] == '-' ? VIEW_NULL : view_of(at + 1, 1), NULL, 0),
				 0);
	}
	buffer_reset(out);
	assert_int_equal(batch_writer_finish(&writer, out), 0);
	batch_writer_done(&writer);
	deflater_free(deflater);
	return buffer_bytes(out);
}

/* The same shape read back, with the offset in front of each record. */
static void batch_text(const struct batch *batch, char *out, size_t size)
{
	struct inflater *inflater = inflater_new(1 << 20);
	struct record_walk walk;
	struct record_span span;
	struct records records;
	struct record record;
	struct buffer inflated;
	size_t used = strlen(out);

	buffer_init(&inflated, 1 << 20);
	assert_int_equal(batch_check(batch, NULL), 0);
	assert_int_equal(batch_open(batch, inflater, &inflated, &records, NULL), 0);
	record_walk_init(&walk, &records);
	while (record_walk_next(&walk, &span, 1) == 1) {
		assert_int_equal(record_split(view_of(span.at, span.size), &record), 0);
		if (batch->head.control)
			used += (size_t)snprintf(out + used, size - used, "%lld:marker ",
						 (long long)record_offset(&walk, &span));
		else
			used += (size_t)snprintf(out + used, size - used, "%lld:%.*s%.*s ",
						 (long long)record_offset(&walk, &span),
						 record.key.at ? 1 : 1,
						 record.key.at ? (const char *)record.key.at : "?", 1,
						 record.value.at ? (const char *)record.value.at : "-");
	}
	assert_null(walk.fault);
	buffer_done(&inflated);
	inflater_free(inflater);
}

struct sieve {
	struct compaction compaction;
	struct buffer in, out;
	char text[300];
	struct batch batch; /* the first one that came out */
};

static void sieve_init(struct sieve *sieve, const struct transaction *aborted, size_t count, int64_t now_ms)
{
	assert_int_equal(compaction_init(&sieve->compaction, aborted, count, now_ms, 100, 1 << 20), 0);
	buffer_init(&sieve->in, 1 << 20);
	buffer_init(&sieve->out, 1 << 20);
}

static void sieve_done(struct sieve *sieve)
{
	compaction_done(&sieve->compaction);
	buffer_done(&sieve->in);
	buffer_done(&sieve->out);
}

static void learn(struct sieve *sieve, struct view bytes)
{
	struct batch batch;

	assert_int_equal(batch_next(&bytes, &batch), 1);
	assert_int_equal(compaction_learn(&sieve->compaction, &batch), 0);
}

static int sieve(struct sieve *sieve, struct view bytes)
{
	struct batch batch;
	struct view rest;
	int went;

	assert_int_equal(batch_next(&bytes, &batch), 1);
	buffer_reset(&sieve->out);
	went = compaction_sieve(&sieve->compaction, &batch, &sieve->out);
	*sieve->text = 0;
	rest = buffer_bytes(&sieve->out);
	if (sieve->out.size) {
		assert_int_equal(batch_next(&rest, &sieve->batch), 1);
		assert_int_equal(rest.size, 0);
		assert_int_equal(sieve->batch.head.base_offset, batch.head.base_offset);
		assert_int_equal(batch_last_offset(&sieve->batch.head), batch_last_offset(&batch.head));
		assert_int_equal(sieve->batch.head.base_sequence, batch.head.base_sequence);
		assert_int_equal(sieve->batch.head.producer_id, batch.head.producer_id);
		batch_text(&sieve->batch, sieve->text, sizeof sieve->text);
	}
	return went;
}

static void the_latest_of_each_key_stays(void **state)
{
	static const enum codec codecs[] = { CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD };
	struct batch_options options = batch_options_default;

	for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
		struct sieve s;

		options.codec = codecs[i];
		options.base_offset = 10;
		sieve_init(&s, NULL, 0, 9000);
		learn(&s, text_batch(&s.in, &options, "a1b1a2c1?1"));
		options.base_offset = 20;
		learn(&s, text_batch(&s.in, &options, "c2d1"));
		options.base_offset = 10;
		assert_int_equal(sieve(&s, text_batch(&s.in, &options, "a1b1a2c1?1")), 0);
		assert_string_equal(s.text, "11:b1 12:a2 14:?1 ");
		assert_int_equal(s.batch.head.codec, codecs[i]);
		assert_int_equal(s.batch.head.count, 3);
		options.base_offset = 20;
		text_batch(&s.in, &options, "c2d1");
		assert_int_equal(sieve(&s, buffer_bytes(&s.in)), 0);
		assert_true(view_equal(buffer_bytes(&s.in),
				       buffer_bytes(&s.out))); /* nothing to do: the very bytes */
		options.base_offset = 5;
		assert_int_equal(sieve(&s, text_batch(&s.in, &options, "a0c0")), 0);
		assert_string_equal(s.text, "");
		assert_int_equal(s.compaction.dropped, 2 + 2);
		sieve_done(&s);
	}
}

static void tombstones_have_their_time(void **state)
{
	struct batch_options options = batch_options_default;
	struct buffer once;
	struct sieve s;

	buffer_init(&once, 1000);
	sieve_init(&s, NULL, 0, 9000);
	learn(&s, text_batch(&s.in, &options, "a1b-c1"));
	sieve(&s, buffer_bytes(&s.in));
	assert_string_equal(s.text, "0:a1 1:b- 2:c1 ");
	assert_true(s.batch.head.delete_horizon);
	assert_int_equal(s.batch.head.base_timestamp, 9100);
	assert_int_equal(s.batch.head.max_timestamp, 5002);
	buffer_view(&once, buffer_bytes(&s.out));
	s.compaction.now_ms = 9099;
	sieve(&s, buffer_bytes(&once));
	assert_string_equal(s.text, "0:a1 1:b- 2:c1 ");
	assert_int_equal(s.batch.head.base_timestamp, 9100); /* once given, it stays */
	s.compaction.now_ms = 9100;
	sieve(&s, buffer_bytes(&once));
	assert_string_equal(s.text, "0:a1 2:c1 ");
	sieve_done(&s);
	buffer_done(&once);
}

static void aborted_data_goes_and_then_its_marker(void **state)
{
	struct transaction aborted[] = { { 7, 100, 104 } };
	struct batch_options options = producer_options(7, 0, 0, true), marker;
	struct buffer once;
	struct sieve s;

	buffer_init(&once, 1000);
	sieve_init(&s, aborted, 1, 9000);
	options.base_offset = 90;
	learn(&s, text_batch(&s.in, &options, "a1"));
	options.base_offset = 100;
	learn(&s, text_batch(&s.in, &options, "a2")); /* does not count */
	options.base_offset = 90;
	sieve(&s, text_batch(&s.in, &options, "a1"));
	assert_string_equal(s.text, "90:a1 ");
	/* The commit of what stays must stay. */
	marker = options;
	marker.base_offset = 91;
	buffer_reset(&s.in);
	batch_write_marker(&s.in, &marker, true, 1, 10);
	assert_int_equal(sieve(&s, buffer_bytes(&s.in)), 0);
	assert_string_equal(s.text, "91:marker ");
	assert_false(s.batch.head.delete_horizon);
	options.base_offset = 100;
	assert_int_equal(sieve(&s, text_batch(&s.in, &options, "a2")), 0);
	assert_string_equal(s.text, "");
	marker.base_offset = 104;
	buffer_reset(&s.in);
	batch_write_marker(&s.in, &marker, false, 1, 10);
	assert_int_equal(sieve(&s, buffer_bytes(&s.in)), 0);
	assert_string_equal(s.text, "104:marker ");
	assert_int_equal(s.batch.head.base_timestamp, 9100);
	buffer_view(&once, buffer_bytes(&s.out));
	s.compaction.now_ms = 9100;
	assert_int_equal(sieve(&s, buffer_bytes(&once)), 1);
	assert_string_equal(s.text, "");
	sieve_done(&s);
	buffer_done(&once);
}

/* ---- through the door */

static int64_t moved_ms = 1000000;

static int64_t moved_monotonic(const struct clock *clock)
{
	return moved_ms * 1000000;
}

static int64_t moved_wall(const struct clock *clock)
{
	return moved_ms;
}

static const struct clock moved_clock = { moved_monotonic, moved_wall, NULL };

static struct store *open_moved(void)
{
	struct store_options options = small_options();

	options.clock = &moved_clock;
	options.flush_ms = 1 << 30;
	return open_with(&options);
}

/* Lets `ms` pass, and whatever is due be done. */
static void pass_time(struct store *store, int64_t ms)
{
	moved_ms += ms;
	for (int i = 0; i < 30; i++) {
		store_tick(store);
		store_wait(store, 5);
		store_poll(store);
	}
}

static const char *log_text(struct store *store, struct partition *partition, enum store_isolation isolation)
{
	static char text[2000];
	struct store_read read = { 0 };
	struct store_partition_state is;
	struct aborted_filter filter;
	int64_t offset;

	*text = 0;
	store_partition_state(partition, &is);
	aborted_filter_init(&filter);
	for (offset = is.log_start;; offset = read.next_offset) {
		assert_int_equal(read_wait(store, partition, offset, 1 << 20, isolation, &read), 0);
		if (read.count == 0 && read.next_offset == offset)
			break;
		assert_int_equal(aborted_filter_set(&filter, read.aborted, read.aborted_count), 0);
		for (int i = 0; i < read.count; i++) {
			struct view bytes = read.pieces[i].bytes;
			struct batch batch;

			while (batch_next(&bytes, &batch) == 1) {
				if (batch.head.control)
					aborted_filter_ends(&filter, &batch.head);
				if (isolation == STORE_READ_UNCOMMITTED || batch.head.control ||
				    !aborted_filter_drops(&filter, &batch.head))
					batch_text(&batch, text, sizeof text);
			}
		}
	}
	aborted_filter_done(&filter);
	store_read_free(&read);
	return text;
}

static void append_text(struct store *store, struct partition *partition, const struct batch_options *options,
			const char *text)
{
	struct buffer out;

	buffer_init(&out, 1 << 20);
	append_wait(store, partition, text_batch(&out, options, text));
	buffer_done(&out);
}

static void a_topic_is_compacted(void **state)
{
	struct store_log_options log = {
		.retention_ms = -1, .retention_bytes = -1, .compact = true, .delete_retention_ms = 100000
	};
	struct batch_options aborts = producer_options(7, 0, 0, true);
	struct store *store = open_moved();
	struct store_topic *topic = make_topic(store, "orders", 1);
	struct partition *partition = topic->partitions[0];
	struct store_numbers numbers;
	struct store_partition_state is;

	store_topic_log_options(topic, &log);
	append_text(store, partition, &batch_options_default, "a1b1c1"); /* 0 to 2 */
	append_text(store, partition, &aborts, "a9");                    /* 3 */
	WAIT_OK(store, store_flush(store, answered, &answer));
	marker_append(store, partition, 7, 0, false);                  /* 4 */
	append_text(store, partition, &batch_options_default, "a2b-"); /* 5, 6 */
	aborts.base_sequence = 1;
	append_text(store, partition, &aborts, "d1"); /* 7 */
	marker_append(store, partition, 7, 0, true);  /* 8 */
	WAIT_OK(store, store_flush(store, answered, &answer));
	append_text(store, partition, &batch_options_default,
		    "c2"); /* 9: not in an object yet, so nothing is known of it */
	assert_string_equal(log_text(store, partition, STORE_READ_COMMITTED),
			    "0:a1 1:b1 2:c1 4:marker 5:a2 6:b- 7:d1 8:marker 9:c2 ");
	pass_time(store, 31000);
	store_numbers(store, &numbers);
	assert_int_equal(numbers.rewrite_err, 0);
	assert_true(numbers.rewrites > 0);
	for (int round = 0; round < 2; round++) {
		for (int isolation = 0; isolation < 2; isolation++)
			assert_string_equal(log_text(store, partition, isolation),
					    "2:c1 4:marker 5:a2 6:b- 7:d1 8:marker 9:c2 ");
		store_close(store);
		store = open_moved();
		topic = store_topic_named(store, VIEW_LITERAL("orders"));
		partition = topic->partitions[0];
		store_topic_log_options(topic, &log);
	}
	/* The horizon has passed: tombstone and abort go; the commit stays with its record. */
	append_text(store, partition, &batch_options_default, "e1"); /* 10 */
	WAIT_OK(store, store_flush(store, answered, &answer));
	pass_time(store, 131000);
	for (int round = 0; round < 2; round++) {
		for (int isolation = 0; isolation < 2; isolation++)
			assert_string_equal(log_text(store, partition, isolation),
					    "5:a2 7:d1 8:marker 9:c2 10:e1 ");
		store_partition_state(partition, &is);
		assert_int_equal(is.log_start, 0);
		assert_int_equal(is.high_watermark, 11);
		store_close(store);
		store = open_moved();
		topic = store_topic_named(store, VIEW_LITERAL("orders"));
		partition = topic->partitions[0];
	}
	append_text(store, partition, &batch_options_default, "f1");
	assert_string_equal(log_text(store, partition, STORE_READ_UNCOMMITTED),
			    "5:a2 7:d1 8:marker 9:c2 10:e1 11:f1 ");
	store_close(store);
}

/* Everything that was in objects is superseded or gone: what is left is a hole, and then the rest. */
static void nothing_may_be_left(void **state)
{
	struct store_log_options log = { .retention_ms = -1, .retention_bytes = -1, .compact = true };
	struct store *store = open_moved();
	struct store_topic *topic = make_topic(store, "orders", 1);
	struct partition *partition = topic->partitions[0];

	store_topic_log_options(topic, &log);
	append_text(store, partition, &batch_options_default, "a-b-");
	WAIT_OK(store, store_flush(store, answered, &answer));
	for (int i = 0; i < 2; i++) {
		pass_time(store, 31000);
		append_text(store, partition, &batch_options_default, "a-");
		WAIT_OK(store, store_flush(store, answered, &answer));
	}
	pass_time(store, 31000);
	store_close(store);
	store = open_moved();
	topic = store_topic_named(store, VIEW_LITERAL("orders"));
	store_topic_log_options(topic, &log);
	partition = topic->partitions[0];
	pass_time(store, 31000);
	assert_string_equal(log_text(store, partition, STORE_READ_UNCOMMITTED), "");
	append_text(store, partition, &batch_options_default, "x1");
	assert_string_equal(log_text(store, partition, STORE_READ_UNCOMMITTED), "4:x1 ");
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

static void small_extents_become_one(void **state)
{
	struct store *store = open_moved();
	struct store_topic *topic = make_topic(store, "orders", 2);
	struct store_numbers numbers;
	int64_t size[2];
	struct store_partition_state is;

	for (int i = 0; i < 10; i++) {
		for (int k = 0; k < 2; k++)
			append_plain(store, topic->partitions[k], 5, 100, 1000);
		WAIT_OK(store, store_flush(store, answered, &answer));
	}
	for (int k = 0; k < 2; k++) {
		store_partition_state(topic->partitions[k], &is);
		size[k] = is.size_bytes;
	}
	assert_int_equal(objects_there(), 10);
	for (int i = 0; i < 4; i++)
		pass_time(store, 31000);
	store_numbers(store, &numbers);
	assert_int_equal(numbers.rewrites, 2);
	assert_int_equal(objects_there(), 2); /* one for each partition now */
	for (int round = 0; round < 2; round++) {
		for (int k = 0; k < 2; k++) {
			store_partition_state(topic->partitions[k], &is);
			assert_int_equal(is.size_bytes, size[k]);
			assert_int_equal(count_records(store, topic->partitions[k], 0, 1000), 50);
		}
		store_close(store);
		store = open_moved();
		topic = store_topic_named(store, VIEW_LITERAL("orders"));
	}
	store_close(store);
}

int main(void)
{
#define PLAY(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_latest_of_each_key_stays),
		cmocka_unit_test(tombstones_have_their_time),
		cmocka_unit_test(aborted_data_goes_and_then_its_marker),
		PLAY(a_topic_is_compacted),
		PLAY(nothing_may_be_left),
		PLAY(small_extents_become_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
