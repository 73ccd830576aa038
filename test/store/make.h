/* make.h - a store in a folder of its own, batches, and calls that wait for their answer. */
#ifndef TEST_STORE_MAKE_H
#define TEST_STORE_MAKE_H

#include <ftw.h>
#include <unistd.h>

#include "base/check.h"

#include "store/store.h"
#include "wire/batch_writer.h"

static char store_folder[120];

static inline int store_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static inline int store_set_up(void **state)
{
	snprintf(store_folder, sizeof store_folder, "%s/interlock-store-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	return mkdtemp(store_folder) ? 0 : -1;
}

static inline int store_tear_down(void **state)
{
	return nftw(store_folder, store_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline struct store_options small_options(void)
{
	struct store_options options;

	store_options_default(&options);
	options.folder = store_folder;
	options.segment_bytes = 256 << 10;
	options.unflushed_bytes_max = 4 << 20;
	options.cache_bytes_max = 8 << 20;
	options.flush_bytes = 4 << 20;
	return options;
}

static inline struct store *open_with(const struct store_options *options)
{
	struct store *store = NULL;
	struct fault fault = { 0 };

	if (store_open(options, &store, &fault) < 0)
		fail_msg("%s", fault.text);
	return store;
}

static inline struct store *open_small(void)
{
	struct store_options options = small_options();

	return open_with(&options);
}

struct answer {
	bool done;
	int err;
	struct fault fault;
	struct store_appended appended;
	int64_t number;
};

static inline void answered(void *context, int err, const struct fault *fault)
{
	struct answer *answer = context;

	assert_false(answer->done);
	answer->done = true;
	answer->err = err;
	if (fault)
		answer->fault = *fault;
}

static inline void answered_append(void *context, const struct store_appended *appended)
{
	struct answer *answer = context;

	assert_false(answer->done);
	answer->done = true;
	answer->err = appended->err;
	answer->appended = *appended;
}

static inline void wait_for(struct store *store, const bool *done)
{
	for (int i = 0; i < 2000 && !*done; i++) {
		store_wait(store, 10);
		store_poll(store);
		if (i % 10 == 9)
			store_tick(store);
	}
	assert_true(*done);
}

#define WAIT_OK(store, call)                                                                                 \
	do {                                                                                                 \
		struct answer answer = { 0 };                                                                \
		assert_int_equal(call, 0);                                                                   \
		wait_for(store, &answer.done);                                                               \
		if (answer.err)                                                                              \
			fail_msg("%s", answer.fault.text);                                                   \
	} while (0)

static inline struct store_topic *make_topic(struct store *store, const char *name, int32_t count)
{
	struct store_topic_new topic = { .name = view_text(name),
					 .config = VIEW_LITERAL("x=y"),
					 .partition_count = count };

	memset(topic.id, 0, sizeof topic.id);
	memcpy(topic.id, name, strlen(name) < sizeof topic.id ? strlen(name) : sizeof topic.id);
	WAIT_OK(store, store_topic_create(store, &topic, answered, &answer));
	return store_topic_named(store, view_text(name));
}

/* One batch of `count` records of `size` bytes, with times from `timestamp` on. */
static inline struct view make_batch(struct buffer *out, const struct batch_options *options, int count,
				     size_t size, int64_t timestamp)
{
	struct batch_writer writer;
	uint8_t *value = malloc(size + 1);

	batch_writer_init(&writer, options, NULL, 64 << 20);
	for (int i = 0; i < count; i++) {
		memset(value, 'a' + (int)((timestamp + i) % 26), size);
		assert_int_equal(batch_writer_add(&writer, timestamp + i, VIEW_LITERAL("key"),
						  view_of(value, size), NULL, 0),
				 0);
	}
	buffer_reset(out);
	assert_int_equal(batch_writer_finish(&writer, out), 0);
	batch_writer_done(&writer);
	free(value);
	return buffer_bytes(out);
}

static inline struct batch_options producer_options(int64_t id, int16_t epoch, int32_t sequence,
						    bool transactional)
{
	struct batch_options options = batch_options_default;

	options.producer_id = id;
	options.producer_epoch = epoch;
	options.base_sequence = sequence;
	options.transactional = transactional;
	return options;
}

/* Appends and waits, also for room while uploads lag; returns the offset. */
static inline int64_t append_wait(struct store *store, struct partition *partition, struct view batch)
{
	struct answer answer = { 0 };
	int err = store_append(partition, batch, answered_append, &answer);

	for (int i = 0; err == ERR_LIMIT && i < 200; i++) {
		store_wait(store, 100);
		store_poll(store);
		store_tick(store);
		err = store_append(partition, batch, answered_append, &answer);
	}
	assert_int_equal(err, 0);
	wait_for(store, &answer.done);
	assert_int_equal(answer.err, 0);
	return answer.appended.base_offset;
}

static inline int64_t append_plain(struct store *store, struct partition *partition, int count, size_t size,
				   int64_t timestamp)
{
	struct buffer out;
	int64_t offset;

	buffer_init(&out, 64 << 20);
	offset = append_wait(store, partition,
			     make_batch(&out, &batch_options_default, count, size, timestamp));
	buffer_done(&out);
	return offset;
}

static inline void marker_append(struct store *store, struct partition *partition, int64_t id, int16_t epoch,
				 bool commit)
{
	struct batch_options options = producer_options(id, epoch, -1, true);
	struct buffer out;

	buffer_init(&out, 1 << 20);
	assert_int_equal(batch_write_marker(&out, &options, commit, 1, 1000), 0);
	append_wait(store, partition, buffer_bytes(&out));
	buffer_done(&out);
}

struct told {
	struct store_watch watch;
	bool done;
};

static inline void told_changed(struct store_watch *watch)
{
	container_of(watch, struct told, watch)->done = true;
}

/* Reads, and waits while objects are fetched.  0 or the error. */
static inline int read_wait(struct store *store, struct partition *partition, int64_t offset,
			    int64_t size_max, enum store_isolation isolation, struct store_read *out)
{
	for (int i = 0; i < 1000; i++) {
		struct told told = { 0 };
		int err = store_read(partition, offset, size_max, isolation, out, NULL);

		if (err != 1)
			return err;
		store_watch_init(&told.watch, told_changed);
		store_watch_start(partition, &told.watch);
		wait_for(store, &told.done);
	}
	fail_msg("a read never ends");
	return 0;
}

/* Walks the partition from `offset` to its end and returns how many records there are; holds offsets against each other. */
static inline int64_t count_records(struct store *store, struct partition *partition, int64_t offset,
				    int64_t size_max)
{
	struct store_read read = { 0 };
	int64_t count = 0;

	for (;;) {
		assert_int_equal(read_wait(store, partition, offset, size_max, STORE_READ_UNCOMMITTED, &read),
				 0);
		if (read.count == 0)
			break;
		for (int i = 0; i < read.count; i++) {
			struct view bytes = read.pieces[i].bytes;
			struct batch batch;

			while (batch_next(&bytes, &batch) == 1) {
				assert_int_equal(batch_check(&batch, NULL), 0);
				assert_true(batch_last_offset(&batch.head) >= offset);
				offset = batch_last_offset(&batch.head) + 1;
				count += batch.head.count;
			}
			assert_int_equal(bytes.size, 0);
		}
		assert_int_equal(read.next_offset, offset);
	}
	store_read_free(&read);
	return count;
}

#endif
