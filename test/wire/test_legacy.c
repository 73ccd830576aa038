/* test_legacy.c - message sets by hand: what no Java client of today writes, and what none may. */
#include "batches.h"

#include <zlib.h>

#include "base/bits.h"

#define LIMIT (1u << 20)

static struct inflater *inflater;
static struct deflater *deflater;

static int set_up(void **state)
{
	inflater = inflater_new(LIMIT);
	deflater = deflater_new();
	return 0;
}

static int tear_down(void **state)
{
	inflater_free(inflater);
	deflater_free(deflater);
	return 0;
}

static void put_bytes(struct buffer *out, struct view v)
{
	buffer_i32(out, v.at ? (int32_t)v.size : -1);
	buffer_view(out, v);
}

static void put_message(struct buffer *out, int64_t offset, int magic, int attributes, int64_t timestamp,
			struct view key, struct view value)
{
	size_t start = out->size;

	buffer_i64(out, offset);
	buffer_i32(out, 0);
	buffer_i32(out, 0);
	buffer_i8(out, (int8_t)magic);
	buffer_i8(out, (int8_t)attributes);
	if (magic == 1)
		buffer_i64(out, timestamp);
	put_bytes(out, key);
	put_bytes(out, value);
	put_be32(out->at + start + 8, (uint32_t)(out->size - start - 12));
	put_be32(out->at + start + 12,
		 (uint32_t)crc32(0, out->at + start + 16, (uInt)(out->size - start - 16)));
}

/* A wrapper around `inner`. */
static void put_wrapper(struct buffer *out, int64_t offset, int magic, int codec, struct buffer *inner)
{
	struct buffer packed;

	buffer_init(&packed, LIMIT);
	assert_int_equal(codec_deflate(deflater, codec, CODEC_LEVEL_DEFAULT, buffer_bytes(inner), &packed),
			 0);
	put_message(out, offset, magic, codec, 99, VIEW_NULL, buffer_bytes(&packed));
	buffer_done(&packed);
}

static int open_all(struct buffer *bytes, struct buffer *room, struct records *records, struct fault *fault)
{
	struct view rest = buffer_bytes(bytes);
	struct batch batch;
	int err;

	buffer_reset(room);
	assert_int_equal(batch_next(&rest, &batch), 1);
	err = batch_check(&batch, fault);
	return err < 0 ? err : batch_open(&batch, inflater, room, records, fault);
}

static void wrapped_offsets_are_found_again(void **state)
{
	/* Inner offsets, the wrapper's, and what they come to. */
	static const struct {
		int magic, inner_magic;
		int64_t inner[3], outer, expected[3];
	} plays[] = {
		{ 0, 0, { 500, 501, 502 }, 502, { 500, 501, 502 } },
		{ 1, 1, { 0, 1, 2 }, 502, { 500, 501, 502 } },
		{ 1, 1, { 0, 3, 7 }, 507, { 500, 503, 507 } }, /* compacted */
		{ 1, 1, { 2, 3, 7 }, 507, { 502, 503, 507 } },
		{ 1, 0, { 0, 1, 2 }, 2, { 0, 1, 2 } },
	};

	for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
		struct buffer inner, bytes, room;
		struct record_span spans[4];
		struct record_walk walk;
		struct records records;
		struct fault fault;

		buffer_init(&inner, LIMIT);
		buffer_init(&bytes, LIMIT);
		buffer_init(&room, LIMIT);
		for (int k = 0; k < 3; k++)
			put_message(&inner, plays[i].inner[k], plays[i].inner_magic, 0, 1000 + k,
				    VIEW_LITERAL("key"), VIEW_LITERAL("value"));
		put_wrapper(&bytes, plays[i].outer, plays[i].magic, CODEC_SNAPPY, &inner);
		if (open_all(&bytes, &room, &records, &fault) < 0)
			fail_msg("%zu: %s", i, fault.text);
		record_walk_init(&walk, &records);
		assert_int_equal(record_walk_next(&walk, spans, 4), 3);
		for (int k = 0; k < 3; k++) {
			assert_int_equal(record_offset(&walk, &spans[k]), plays[i].expected[k]);
			assert_int_equal(spans[k].timestamp, plays[i].inner_magic ? 1000 + k : -1);
			assert_view_equal(view_of(spans[k].at, spans[k].size),
					  VIEW_LITERAL("\6key\x0avalue\0"));
		}
		buffer_done(&inner);
		buffer_done(&bytes);
		buffer_done(&room);
	}
}

/* Each makes a message set that is wrong in one way. */
static void make_grandchild(struct buffer *inner, struct buffer *out)
{
	put_message(inner, 0, 1, CODEC_GZIP, 0, VIEW_NULL, VIEW_LITERAL("x"));
	put_wrapper(out, 5, 1, CODEC_GZIP, inner);
}

static void make_childless(struct buffer *inner, struct buffer *out)
{
	put_wrapper(out, 5, 1, CODEC_GZIP, inner);
}

static void make_valueless(struct buffer *inner, struct buffer *out)
{
	put_message(out, 5, 1, CODEC_GZIP, 0, VIEW_NULL, VIEW_NULL);
}

static void make_shrinking(struct buffer *inner, struct buffer *out)
{
	put_message(inner, 1, 1, 0, 0, VIEW_NULL, VIEW_NULL);
	put_message(inner, 1, 1, 0, 0, VIEW_NULL, VIEW_NULL);
	put_wrapper(out, 5, 1, CODEC_GZIP, inner);
}

static void make_overtaking(struct buffer *inner, struct buffer *out)
{
	put_message(inner, 6, 1, 0, 0, VIEW_NULL, VIEW_NULL);
	put_wrapper(out, 5, 1, CODEC_GZIP, inner);
}

static void make_cut(struct buffer *inner, struct buffer *out)
{
	put_message(inner, 0, 1, 0, 0, VIEW_NULL, VIEW_LITERAL("cut here"));
	inner->size -= 3;
	put_wrapper(out, 5, 1, CODEC_GZIP, inner);
}

static void make_broken(struct buffer *inner, struct buffer *out)
{
	put_message(inner, 0, 1, 0, 0, VIEW_NULL, VIEW_LITERAL("flip"));
	inner->at[inner->size - 1] ^= 1;
	put_wrapper(out, 5, 1, CODEC_GZIP, inner);
}

static void make_modern(struct buffer *inner, struct buffer *out)
{
	put_message(inner, 0, 2, 0, 0, VIEW_NULL, VIEW_LITERAL("format 2"));
	put_wrapper(out, 5, 1, CODEC_GZIP, inner);
}

static void make_zstd(struct buffer *inner, struct buffer *out)
{
	put_message(inner, 0, 1, 0, 0, VIEW_NULL, VIEW_NULL);
	put_wrapper(out, 5, 1, CODEC_ZSTD, inner);
}

static void make_negative(struct buffer *inner, struct buffer *out)
{
	put_message(out, -5, 1, 0, 0, VIEW_NULL, VIEW_NULL);
}

static void wrong_wrappers_are_refused(void **state)
{
	static const struct {
		void (*make)(struct buffer *inner, struct buffer *out);
		const char *says;
	} plays[] = {
		{ make_grandchild, "inside a wrapper" },
		{ make_childless, "no inner message" },
		{ make_valueless, "no value" },
		{ make_shrinking, "do not grow" },
		{ make_overtaking, "past its own" },
		{ make_cut, "runs past" },
		{ make_broken, "checksum" },
		{ make_modern, "another format" },
		{ make_zstd, "zstd" },
		{ make_negative, "-5" },
	};

	for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
		struct buffer inner, bytes, room;
		struct records records;
		struct fault fault;

		buffer_init(&inner, LIMIT);
		buffer_init(&bytes, LIMIT);
		buffer_init(&room, LIMIT);
		plays[i].make(&inner, &bytes);
		assert_true(open_all(&bytes, &room, &records, &fault) < 0);
		if (!strstr(fault.text, plays[i].says))
			fail_msg("'%s' has no '%s'", fault.text, plays[i].says);
		assert_int_equal(room.size, 0);
		buffer_done(&inner);
		buffer_done(&bytes);
		buffer_done(&room);
	}
}

static void a_full_room_is_told(void **state)
{
	struct buffer bytes, room;
	struct records records;
	struct fault fault;

	buffer_init(&bytes, LIMIT);
	buffer_init(&room, 10);
	put_message(&bytes, 5, 1, 0, 0, VIEW_NULL, VIEW_LITERAL("more than fits"));
	assert_int_equal(open_all(&bytes, &room, &records, &fault), ERR_LIMIT);
	assert_non_null(strstr(fault.text, "10 bytes"));
	assert_int_equal(room.err, 0);
	buffer_done(&bytes);
	buffer_done(&room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrapped_offsets_are_found_again),
		cmocka_unit_test(wrong_wrappers_are_refused),
		cmocka_unit_test(a_full_room_is_told),
	};

	return cmocka_run_group_tests_name("legacy", tests, set_up, tear_down);
}
