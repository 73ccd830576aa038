/* test_batch.c - batches written, cut, checked, opened and walked. */
#include "batches.h"

#include "base/bits.h"
#include "base/crc32c.h"

#define LIMIT (64u << 20)

static struct samples samples;

struct bench {
	struct inflater *inflater;
	struct deflater *deflater;
	struct batch_writer writer;
	struct buffer bytes, room;
};

static int set_up(void **state)
{
	struct bench *b = calloc(1, sizeof *b);

	b->inflater = inflater_new(LIMIT);
	b->deflater = deflater_new();
	batch_writer_init(&b->writer, &batch_options_default, b->deflater, LIMIT);
	buffer_init(&b->bytes, LIMIT);
	buffer_init(&b->room, LIMIT);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	inflater_free(b->inflater);
	deflater_free(b->deflater);
	batch_writer_done(&b->writer);
	buffer_done(&b->bytes);
	buffer_done(&b->room);
	free(b);
	return 0;
}

static struct batch_options random_options(struct random *r)
{
	struct batch_options options = batch_options_default;

	options.base_offset = random_below(r, 2) ? 0 : (int64_t)random_below(r, 1ull << 50);
	options.codec = (enum codec)random_below(r, CODEC_COUNT);
	options.partition_leader_epoch = (int32_t)random_below(r, 1000);
	if (random_below(r, 4) == 0) {
		options.log_append_time = true;
		options.append_timestamp = 1800000000000;
	}
	if (random_below(r, 2)) {
		options.producer_id = (int64_t)random_below(r, 1000000);
		options.producer_epoch = (int16_t)random_below(r, 100);
		options.base_sequence = (int32_t)random_below(r, 1000000);
		options.transactional = random_below(r, 2);
	}
	return options;
}

static void what_is_written_is_read(void **state)
{
	struct bench *b = *state;
	struct random r;
	struct fault fault;

	for (uint64_t seed = 0; seed < 300; seed++) {
		struct batch_options options;
		struct records records;
		struct view rest;
		struct batch batch, none;

		random_seed(&r, seed);
		options = random_options(&r);
		buffer_reset(&b->bytes);
		buffer_reset(&b->room);
		random_batch(&r, &b->writer, &options, &samples, &b->bytes);
		rest = buffer_bytes(&b->bytes);
		assert_int_equal(batch_next(&rest, &batch), 1);
		assert_int_equal(rest.size, 0);
		assert_int_equal(batch_next(&rest, &none), 0);
		assert_int_equal(batch_check(&batch, &fault), 0);
		assert_int_equal(batch.head.codec, options.codec);
		assert_int_equal(batch.head.base_offset, options.base_offset);
		assert_int_equal(batch_last_offset(&batch.head), samples.at[samples.count - 1].offset);
		assert_int_equal(batch.head.count, samples.count);
		assert_int_equal(batch.head.partition_leader_epoch, options.partition_leader_epoch);
		assert_int_equal(batch.head.producer_id, options.producer_id);
		assert_int_equal(batch.head.producer_epoch, options.producer_epoch);
		assert_int_equal(batch.head.base_sequence, options.base_sequence);
		assert_int_equal(batch.head.transactional, options.transactional);
		assert_int_equal(batch.head.log_append_time, options.log_append_time);
		assert_false(batch.head.control);
		assert_int_equal(batch_open(&batch, b->inflater, &b->room, &records, &fault), 0);
		assert_records_are(&records, &samples, 1 + (int)random_below(&r, 256));
	}
}

/* For test/real/test_batches.py, which asks the Java client what it makes of them. */
static void batches_can_be_left_for_others(void **state)
{
	const char *path = getenv("INTERLOCK_BATCHES");
	struct bench *b = *state;
	struct random r;
	FILE *file;

	if (!path)
		skip();
	file = fopen(path, "w");
	assert_non_null(file);
	buffer_reset(&b->bytes);
	for (uint64_t seed = 1000; seed < 1060; seed++) {
		struct batch_options options;

		random_seed(&r, seed);
		options = random_options(&r);
		random_batch(&r, &b->writer, &options, &samples, &b->bytes);
		options.producer_id = (int64_t)seed;
		assert_int_equal(batch_write_marker(&b->bytes, &options, seed & 1, 7, 1700000000000), 0);
	}
	assert_int_equal(fwrite(b->bytes.at, 1, b->bytes.size, file), b->bytes.size);
	assert_int_equal(fclose(file), 0);
}

/* Three batches in a row, each of another codec. */
static void write_three(struct bench *b, uint64_t seed)
{
	struct batch_options options = batch_options_default;
	struct random r;

	random_seed(&r, seed);
	buffer_reset(&b->bytes);
	for (int i = 0; i < 3; i++) {
		options.codec = (enum codec)((seed + (uint64_t)i) % CODEC_COUNT);
		options.base_offset += 1000;
		batch_writer_reset(&b->writer, &options);
		for (int k = 0; k < 5; k++) {
			struct header header = { VIEW_LITERAL("id"),
						 k ? VIEW_LITERAL("0123456789") : VIEW_NULL };
			char value[40];

			snprintf(value, sizeof value, "order %llu", (unsigned long long)random_u64(&r));
			batch_writer_add(&b->writer, 1700000000000 + k,
					 k & 1 ? VIEW_NULL : VIEW_LITERAL("key"), view_text(value), &header,
					 k & 1);
		}
		assert_int_equal(batch_writer_finish(&b->writer, &b->bytes), 0);
	}
}

static void a_cut_batch_waits_for_the_rest(void **state)
{
	struct bench *b = *state;

	write_three(b, 0);
	for (size_t size = 0; size < b->bytes.size; size++) {
		struct view rest = view_of(b->bytes.at, size), before = rest;
		struct batch batch;
		int more;

		while ((more = batch_next(&rest, &batch)) > 0) {
			assert_int_equal(batch_check(&batch, NULL), 0);
			before = rest;
		}
		assert_int_equal(more, 0);
		assert_view_equal(rest, before);
		if (rest.size >= 12)
			assert_true(batch.head.size > rest.size && batch.head.size < b->bytes.size);
		else
			assert_int_equal(batch.head.size, 0);
	}
}

static void every_prefix_and_flip_is_survived(void **state)
{
	struct bench *b = *state;

	for (uint64_t seed = 0; seed < CODEC_COUNT; seed++) {
		struct view all;

		write_three(b, seed);
		all = buffer_bytes(&b->bytes);
		assert_int_equal(read_anything(all, b->inflater, &b->room), 15);
		for (size_t size = 0; size < all.size; size++)
			assert_true(read_anything(view_of(all.at, size), b->inflater, &b->room) < 15);
		for (size_t bit = 0; bit < all.size * 8; bit++) {
			b->bytes.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
			read_anything(all, b->inflater, &b->room);
			b->bytes.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void every_flip_behind_the_checksum_is_seen(void **state)
{
	struct bench *b = *state;
	struct view all, rest;
	struct batch batch;

	write_three(b, 3);
	all = rest = buffer_bytes(&b->bytes);
	assert_int_equal(batch_next(&rest, &batch), 1);
	for (size_t bit = 17 * 8; bit < batch.head.size * 8; bit++) {
		struct batch flipped;

		b->bytes.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
		rest = all;
		assert_int_equal(batch_next(&rest, &flipped), 1);
		assert_int_equal(batch_check(&flipped, NULL), ERR_CHECKSUM);
		b->bytes.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void patching_leaves_the_checksum_alone(void **state)
{
	struct bench *b = *state;
	struct batch batch;
	struct view rest;

	write_three(b, 1);
	batch_set_base_offset(b->bytes.at, 77);
	batch_set_leader_epoch(b->bytes.at, 9);
	rest = buffer_bytes(&b->bytes);
	assert_int_equal(batch_next(&rest, &batch), 1);
	assert_int_equal(batch_check(&batch, NULL), 0);
	assert_int_equal(batch.head.base_offset, 77);
	assert_int_equal(batch.head.partition_leader_epoch, 9);
}

/* Puts a right checksum on whatever the head says now. */
static void sign(uint8_t *at, size_t size)
{
	put_be32(at + 17, crc32c(at + 21, size - 21));
}

static void an_unreasonable_head_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
	} changes[] = {
		{ 57, 0xffffffff }, /* count -1 */
		{ 57, 0x7fffffff }, /* two thousand million records */
		{ 57, 6 },          /* more than there are offsets */
		{ 23, 0xffffffff }, /* last offset delta -1 */
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct batch batch;
		struct view rest;
		struct fault fault;

		write_three(b, 0);
		rest = buffer_bytes(&b->bytes);
		assert_int_equal(batch_next(&rest, &batch), 1);
		put_be32(b->bytes.at + changes[i].at, changes[i].value);
		sign(b->bytes.at, batch.head.size);
		rest = buffer_bytes(&b->bytes);
		assert_int_equal(batch_next(&rest, &batch), 1);
		assert_int_equal(batch_check(&batch, &fault), ERR_MALFORMED);
		assert_non_null(strstr(fault.text, "1000"));
	}
}

static void a_length_that_cannot_be_ends_the_cutting(void **state)
{
	uint8_t bytes[100] = { 0 };
	struct view rest = view_of(bytes, sizeof bytes);
	struct batch batch;

	assert_int_equal(batch_next(&rest, &batch), ERR_MALFORMED);
	put_be32(bytes + 8, 0x80000000);
	assert_int_equal(batch_next(&rest, &batch), ERR_MALFORMED);
	put_be32(bytes + 8, 0x7fffffff);
	assert_int_equal(batch_next(&rest, &batch), 0);
	assert_int_equal(batch.head.size, 0x7fffffffull + 12);
	put_be32(bytes + 8, 88);
	bytes[16] = 3;
	assert_int_equal(batch_next(&rest, &batch), 1);
	assert_int_equal(batch_check(&batch, NULL), ERR_UNSUPPORTED);
	assert_int_equal(rest.size, 0);
}

static void a_batch_without_records_is_empty(void **state)
{
	struct bench *b = *state;
	struct batch_options options = batch_options_default;
	struct records records;
	struct record_walk walk;
	struct record_span span;
	struct batch batch;
	struct view rest;

	buffer_reset(&b->bytes);
	options.codec = CODEC_NONE;
	batch_writer_reset(&b->writer, &options);
	batch_writer_skip(&b->writer, 10);
	assert_int_equal(batch_writer_finish(&b->writer, &b->bytes), 0);
	rest = buffer_bytes(&b->bytes);
	assert_int_equal(rest.size, BATCH_HEAD_SIZE);
	assert_int_equal(batch_next(&rest, &batch), 1);
	assert_int_equal(batch_check(&batch, NULL), 0);
	assert_int_equal(batch_last_offset(&batch.head), 9);
	assert_int_equal(batch_open(&batch, b->inflater, &b->room, &records, NULL), 0);
	record_walk_init(&walk, &records);
	assert_int_equal(record_walk_next(&walk, &span, 1), 0);
}

static void a_full_writer_keeps_what_it_has(void **state)
{
	struct batch_writer writer;
	struct buffer out;
	struct view big = view_of(samples.pool, 900);
	struct batch batch;
	struct view rest;
	int count = 0;

	batch_writer_init(&writer, &batch_options_default, NULL, 5000);
	while (batch_writer_add(&writer, 5, VIEW_NULL, big, NULL, 0) == 0)
		count++;
	assert_int_equal(count, 5);
	buffer_init(&out, 100);
	assert_int_equal(batch_writer_finish(&writer, &out), ERR_LIMIT);
	assert_int_equal(out.size, 0);
	buffer_done(&out);
	buffer_init(&out, 10000);
	assert_int_equal(batch_writer_finish(&writer, &out), 0);
	rest = buffer_bytes(&out);
	assert_int_equal(batch_next(&rest, &batch), 1);
	assert_int_equal(batch.head.count, 5);
	buffer_done(&out);
	batch_writer_done(&writer);
}

static void sequences_wrap(void **state)
{
	struct batch_head head = { .base_sequence = INT32_MAX - 1, .last_offset_delta = 3 };

	assert_int_equal(batch_last_sequence(&head), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(batches_can_be_left_for_others),
		cmocka_unit_test(a_cut_batch_waits_for_the_rest),
		cmocka_unit_test(every_prefix_and_flip_is_survived),
		cmocka_unit_test(every_flip_behind_the_checksum_is_seen),
		cmocka_unit_test(patching_leaves_the_checksum_alone),
		cmocka_unit_test(an_unreasonable_head_is_refused),
		cmocka_unit_test(a_length_that_cannot_be_ends_the_cutting),
		cmocka_unit_test(a_batch_without_records_is_empty),
		cmocka_unit_test(a_full_writer_keeps_what_it_has),
		cmocka_unit_test(sequences_wrap),
	};

	return cmocka_run_group_tests_name("batch", tests, set_up, tear_down);
}
