/* test_record.c - records walked: what is strict, what is loose, and what is canonical. */
#include "batches.h"

#include "base/bits.h"

/* A batch's records from bytes written out by hand. */
static struct records records_of(const void *at, size_t size, int32_t count)
{
	return (struct records){
		.bytes = view_of(at, size),
		.base_offset = 100,
		.base_timestamp = 5000,
		.last_offset_delta = 10,
		.count = count,
	};
}

/* Walks a copy of its own, so that the sanitizer sees a step too far. */
static int walk(const void *at, size_t size, int32_t count, const char **fault, struct record_span *last)
{
	uint8_t *copy = malloc(size ? size : 1);
	struct records records = records_of(copy, size, count);
	struct record_span spans[8];
	struct record_walk w;
	int got, total = 0;

	memcpy(copy, at, size);
	record_walk_init(&w, &records);
	while ((got = record_walk_next(&w, spans, 8)) > 0) {
		total += got;
		*last = spans[got - 1];
	}
	*fault = w.fault;
	free(copy);
	return got < 0 ? got : total;
}

#define WALK(text, count, fault) walk(text, sizeof(text) - 1, count, &fault, &last)

/* length 16 = zigzag 8: attributes, time 1 = 2, offset, key 'k', value "vv", headers 0 */
#define GOOD_0 "\x12\0\2\0\2k\4vv\0"
#define GOOD_1 "\x12\0\2\2\2k\4vv\0"

static void good_records_walk(void **state)
{
	struct record_span last;
	const char *fault;

	assert_int_equal(WALK(GOOD_0 GOOD_1, 2, fault), 2);
	assert_null(fault);
	assert_int_equal(last.offset_delta, 1);
	assert_int_equal(last.timestamp, 5001);
	assert_int_equal(last.size, 6);
	assert_int_equal(last.loose, 0);
}

static void bad_records_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		int count;
		const char *fault;
	} plays[] = {
#define PLAY(text, count, fault) { text, sizeof(text) - 1, count, fault }
		PLAY(GOOD_0 GOOD_1, 1, "left behind"),
		PLAY(GOOD_0 GOOD_1, 3, "end early"),
		PLAY(GOOD_0 GOOD_0, 2, "do not grow"),
		PLAY(GOOD_1 GOOD_0, 2, "do not grow"),
		PLAY("\x12\0\2\x16\2k\4vv\0", 1, "behind the batch"),
		PLAY("\x12\0\2\1\2k\4vv\0", 1, "do not grow"),
		PLAY("\x10\0\2\0\2k\4vv\0", 1, "headers"),
		PLAY("\x14\0\2\0\2k\4vv\0\0", 1, "headers"),
		PLAY("\x14\0\2\0\2k\4vv\0", 1, "length"),
		PLAY("\x11\0\2\0\2k\4vv\0", 1, "length"),
		PLAY("\x0a\0\0\0\1\1\0", 1, "length"),
		PLAY("\x12\0\2\0\3k\4vv\0", 1, "key"),
		PLAY("\x12\0\2\0\x7ek\4vv\0", 1, "key"),
		PLAY("\x12\0\2\0\2k\x0evv\0", 1, "value"),
		PLAY("\x12\0\2\0\2k\3vv\0", 1, "value"),
		PLAY("\x12\0\2\0\2k\4vv\1", 1, "headers"),
		PLAY("\x12\0\2\0\2k\4vv\2", 1, "headers"),
		PLAY("\x16\0\2\0\2k\4vv\2\1\1", 1, "headers"),
		PLAY("\x16\0\2\0\2k\4vv\4\0\0", 1, "headers"),
		PLAY("\x12\0\xff\xff\xff\xff\xff\xff\xff", 1, "length"),
		PLAY("\x1a\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\0", 1, "timestamp"),
		PLAY("\x1a\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\2\0\0", 1, "timestamp"),
		PLAY("\x18\0\0\xff\xff\xff\xff\x1f\1\1\0\0\0\0", 1, "offset"),
		PLAY("\xff\xff\xff\xff\x1f\0", 1, "end early"),
		PLAY("", 1, "end early"),
		PLAY("\x80", 1, "end early"),
	};

	for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
		struct record_span last;
		const char *fault;

		assert_int_equal(walk(plays[i].bytes, plays[i].size, plays[i].count, &fault, &last),
				 ERR_MALFORMED);
		assert_non_null(fault);
		if (!strstr(fault, plays[i].fault))
			fail_msg("play %zu: '%s' has no '%s'", i, fault, plays[i].fault);
	}
}

static void long_varints_are_legal_and_seen(void **state)
{
	/* The length of the key in two bytes, of the value in three, the count of headers in two. */
	static const char loose[] = "\x1a\0\2\0\x82\0k\x84\x80\0vv\x80\0";
	/* Long forms before the slice do not matter. */
	static const char before[] = "\x96\0\0\x82\0\x80\0\2k\4vv\0";
	struct buffer out;
	struct record_span last;
	const char *fault;

	assert_int_equal(walk(loose, sizeof loose - 1, 1, &fault, &last), 1);
	assert_int_equal(last.loose, 1);
	assert_int_equal(walk(before, sizeof before - 1, 1, &fault, &last), 1);
	assert_int_equal(last.loose, 0);
	assert_int_equal(last.timestamp, 5001);
	buffer_init(&out, 100);
	assert_int_equal(record_recode(view_of(loose + 4, sizeof loose - 5), NULL, NULL, &out), 3);
	assert_view_equal(buffer_bytes(&out), VIEW_LITERAL("\2k\4vv\0"));
	buffer_done(&out);
}

static bool not_named_id(void *context, struct view name)
{
	++*(int *)context;
	return !view_is(name, "id");
}

static void recoding_can_leave_headers_out(void **state)
{
	struct header headers[] = {
		{ VIEW_LITERAL("id"), VIEW_LITERAL("1") },
		{ VIEW_LITERAL("trace"), VIEW_NULL },
		{ VIEW_LITERAL("id"), VIEW_LITERAL("") },
	};
	struct buffer with, without, out;
	int asked = 0;

	buffer_init(&with, 100);
	buffer_init(&without, 100);
	buffer_init(&out, 100);
	record_encode(&with, VIEW_NULL, VIEW_LITERAL("value"), headers, 3);
	record_encode(&without, VIEW_NULL, VIEW_LITERAL("value"), headers + 1, 1);
	assert_int_equal(with.size, record_measure(VIEW_NULL, VIEW_LITERAL("value"), headers, 3));
	assert_int_equal(record_recode(buffer_bytes(&with), not_named_id, &asked, &out), 10);
	assert_true(asked >= 3);
	assert_view_equal(buffer_bytes(&out), buffer_bytes(&without));
	out.limit = out.size + 5;
	assert_int_equal(record_recode(buffer_bytes(&with), NULL, NULL, &out), ERR_LIMIT);
	assert_int_equal(record_recode(VIEW_LITERAL("\2"), NULL, NULL, &out), ERR_MALFORMED);
	buffer_done(&with);
	buffer_done(&without);
	buffer_done(&out);
}

static void null_is_not_empty(void **state)
{
	struct view parts[] = { VIEW_NULL, VIEW_LITERAL("") };
	struct buffer slices[4];

	for (int i = 0; i < 4; i++) {
		struct record record;

		buffer_init(&slices[i], 100);
		record_encode(&slices[i], parts[i & 1], parts[i >> 1], NULL, 0);
		assert_int_equal(record_split(buffer_bytes(&slices[i]), &record), 0);
		assert_int_equal(record.key.at == NULL, !(i & 1));
		assert_int_equal(record.value.at == NULL, !(i >> 1));
		for (int k = 0; k < i; k++)
			assert_false(view_equal(buffer_bytes(&slices[i]), buffer_bytes(&slices[k])));
	}
	for (int i = 0; i < 4; i++)
		buffer_done(&slices[i]);
}

static void extreme_timestamps_survive(void **state)
{
	static const int64_t times[] = { INT64_MAX, INT64_MIN, -1, 0, 1700000000000 };
	struct batch_writer writer;
	struct buffer out;
	struct record_span spans[5];
	struct record_walk w;
	struct records records;
	struct batch batch;
	struct view rest;

	buffer_init(&out, 1000);
	batch_writer_init(&writer, &batch_options_default, NULL, 1000);
	for (int i = 0; i < 5; i++)
		assert_int_equal(batch_writer_add(&writer, times[i], VIEW_NULL, VIEW_NULL, NULL, 0), 0);
	assert_int_equal(batch_writer_finish(&writer, &out), 0);
	rest = buffer_bytes(&out);
	assert_int_equal(batch_next(&rest, &batch), 1);
	assert_int_equal(batch.head.max_timestamp, INT64_MAX);
	assert_int_equal(batch_open(&batch, NULL, &out, &records, NULL), 0);
	record_walk_init(&w, &records);
	assert_int_equal(record_walk_next(&w, spans, 5), 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(spans[i].timestamp, times[i]);
	batch_writer_done(&writer);
	buffer_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_records_walk),
		cmocka_unit_test(bad_records_are_refused),
		cmocka_unit_test(long_varints_are_legal_and_seen),
		cmocka_unit_test(recoding_can_leave_headers_out),
		cmocka_unit_test(null_is_not_empty),
		cmocka_unit_test(extreme_timestamps_survive),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
