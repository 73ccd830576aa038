/* test_seen.c - what batches are seen to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "exit/seen.h"
#include "wire/batch_writer.h"

#define V(text) VIEW_LITERAL(text)
#define NOW     1700000000000

struct world {
	struct arena arena;
	struct seen seen;
	struct buffer bytes, scratch;
	struct inflater *inflater;
	struct deflater *deflater;
	struct batch_options options;
};

static void world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	arena_init(&w->arena, 1 << 20);
	seen_init(&w->seen, &w->arena);
	buffer_init(&w->bytes, 1 << 22);
	buffer_init(&w->scratch, 1 << 22);
	w->inflater = inflater_new(1 << 20);
	w->deflater = deflater_new();
	w->options = batch_options_default;
}

static void world_done(struct world *w)
{
	inflater_free(w->inflater);
	deflater_free(w->deflater);
	buffer_done(&w->bytes);
	buffer_done(&w->scratch);
	arena_done(&w->arena);
}

/* One batch of so many records, all alike. */
static void batch(struct world *w, int count, struct view key, struct view value,
		  const struct header *headers, int header_count)
{
	struct batch_writer writer;

	batch_writer_init(&writer, &w->options, w->deflater, 1 << 20);
	for (int i = 0; i < count; i++)
		assert_int_equal(batch_writer_add(&writer, NOW, key, value, headers, header_count), 0);
	assert_int_equal(batch_writer_finish(&writer, &w->bytes), 0);
	batch_writer_done(&writer);
	w->options.base_offset += count;
}

static void look(struct world *w, int64_t from, int64_t until)
{
	const struct seen_input input = {
		.partition = 5,
		.batches = buffer_bytes(&w->bytes),
		.from = from,
		.until = until,
		.now_ms = NOW - 1000,
		.inflater = w->inflater,
		.scratch = &w->scratch,
	};

	assert_int_equal(seen_add(&w->seen, &input), 0);
}

static void what_records_are(void **state)
{
	const struct header headers[] = { { V("trace"), V("x") }, { V("id"), VIEW_NULL } };
	struct world w;

	world_init(&w);
	batch(&w, 3, V("k"), V("value"), headers, 2);
	w.options.codec = CODEC_LZ4;
	w.options.producer_id = 7;
	w.options.transactional = true;
	batch(&w, 2, VIEW_NULL, VIEW_NULL, NULL, 0);
	assert_int_equal(batch_write_marker(&w.bytes, &w.options, true, 1, NOW), 0);
	w.options.base_offset++;
	w.options = (struct batch_options){ .base_offset = w.options.base_offset,
					    .partition_leader_epoch = -1,
					    .codec = CODEC_ZSTD,
					    .level = CODEC_LEVEL_DEFAULT,
					    .log_append_time = true,
					    .append_timestamp = NOW + 9000,
					    .producer_id = -1,
					    .producer_epoch = -1,
					    .base_sequence = -1 };
	batch(&w, 1, V(""), V("\0\0\0\0\x2apayload"), NULL, 0);
	look(&w, 0, INT64_MAX);
	assert_int_equal(w.seen.batches, 3);
	assert_int_equal(w.seen.control_batches, 1);
	assert_int_equal(w.seen.records, 6);
	assert_int_equal(w.seen.formats, 1u << 2);
	assert_int_equal(w.seen.codecs, 1u << CODEC_NONE | 1u << CODEC_LZ4 | 1u << CODEC_ZSTD);
	assert_int_equal(w.seen.idempotent, 1);
	assert_true(w.seen.transactional >= 1);
	assert_int_equal(w.seen.log_append, 1);
	assert_int_equal(w.seen.create_time, 2);
	assert_int_equal(w.seen.ahead_ms_max, 1000);
	assert_int_equal(w.seen.headers, 3);
	assert_int_equal(w.seen.header_count_max, 2);
	assert_int_equal(w.seen.header_name_count, 2);
	assert_true(view_is(w.seen.header_names[0], "trace"));
	assert_int_equal(w.seen.null_keys, 2);
	assert_int_equal(w.seen.empty_keys, 1);
	assert_int_equal(w.seen.null_values, 2);
	assert_int_equal(w.seen.batch_records_max, 3);
	assert_int_equal(w.seen.unreadable, 0);
	assert_int_equal(w.seen.schemas.count, 1);
	assert_int_equal(w.seen.schemas.at[0].id.number, 42);
	assert_int_equal(w.seen.schemas.at[0].first_partition, 5);
	assert_int_equal(w.seen.schemas.at[0].first_offset, 6);
	world_done(&w);
}

static void only_what_was_asked_for(void **state)
{
	struct world w;

	world_init(&w);
	for (int i = 0; i < 4; i++)
		batch(&w, 10, V("k"), V("v"), NULL, 0);
	look(&w, 15, 25);
	assert_int_equal(w.seen.batches, 2);
	assert_int_equal(w.seen.records, 10);
	look(&w, 25, 26);
	assert_int_equal(w.seen.records, 11);
	look(&w, 40, INT64_MAX);
	look(&w, 7, 7);
	assert_int_equal(w.seen.records, 11);
	world_done(&w);
}

static void damage_is_counted(void **state)
{
	struct world w;

	world_init(&w);
	batch(&w, 10, V("k"), V("v"), NULL, 0);
	batch(&w, 10, V("k"), V("v"), NULL, 0);
	w.bytes.at[80] ^= 1; /* in the records of the first one */
	look(&w, 0, INT64_MAX);
	assert_int_equal(w.seen.unreadable, 1);
	assert_int_equal(w.seen.records, 10);
	world_done(&w);

	/* Every prefix: a batch that is cut off is left to the next fetch. */
	world_init(&w);
	w.options.codec = CODEC_GZIP;
	batch(&w, 10, V("k"), V("v"), NULL, 0);
	for (size_t size = 0; size < w.bytes.size; size++) {
		uint8_t *copy = malloc(size + 1);
		const struct seen_input input = { .batches = view_of(copy, size),
						  .until = INT64_MAX,
						  .inflater = w.inflater,
						  .scratch = &w.scratch };

		memcpy(copy, w.bytes.at, size);
		assert_int_equal(seen_add(&w.seen, &input), 0);
		free(copy);
	}
	assert_int_equal(w.seen.records, 0);
	world_done(&w);
}

static void header_names_have_a_limit(void **state)
{
	struct world w;
	char name[] = "name-00";

	world_init(&w);
	for (int i = 0; i < SEEN_HEADER_NAMES_MAX + 3; i++) {
		const struct header header = { view_text(name), VIEW_NULL };

		name[5] = (char)('0' + i / 10);
		name[6] = (char)('0' + i % 10);
		batch(&w, 1, VIEW_NULL, VIEW_NULL, &header, 1);
	}
	look(&w, 0, INT64_MAX);
	assert_int_equal(w.seen.header_name_count, SEEN_HEADER_NAMES_MAX);
	assert_true(w.seen.header_names_cut);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_records_are),
		cmocka_unit_test(only_what_was_asked_for),
		cmocka_unit_test(damage_is_counted),
		cmocka_unit_test(header_names_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
