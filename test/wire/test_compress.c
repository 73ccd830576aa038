/* test_compress.c - codecs in their dialects, bombs, and harmed bytes. */
#include "batches.h"

#include <lz4.h>
#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "base/bits.h"
#include "base/file.h"

#define LIMIT (8u << 20)

static struct inflater *inflater;
static struct deflater *deflater;
static uint8_t sample[300000];

static int set_up(void **state)
{
	struct random r;

	inflater = inflater_new(LIMIT);
	deflater = deflater_new();
	random_seed(&r, 3);
	for (size_t i = 0; i < sizeof sample; i++)
		sample[i] = random_below(&r, 3) ? (uint8_t)("{\"order\":1}"[i % 11])
						: (uint8_t)random_below(&r, 200);
	return 0;
}

static int tear_down(void **state)
{
	inflater_free(inflater);
	deflater_free(deflater);
	return 0;
}

static void assert_inflates_to(int codec, bool old_lz4, struct view in, struct view expected)
{
	struct fault fault = { 0 };
	struct buffer out;

	buffer_init(&out, LIMIT);
	buffer_text(&out, "before");
	if (codec_inflate(inflater, codec, old_lz4, in, &out, &fault) < 0)
		fail_msg("%s: %s", codec_name(codec), fault.text);
	assert_int_equal(out.size, expected.size + 6);
	assert_memory_equal(out.at, "before", 6);
	if (expected.size)
		assert_memory_equal(out.at + 6, expected.at, expected.size);
	buffer_done(&out);
}

static int inflate_fails(int codec, struct view in, struct fault *fault)
{
	struct buffer out;
	int err;

	*fault = (struct fault){ 0 };
	buffer_init(&out, LIMIT);
	buffer_text(&out, "before");
	err = codec_inflate(inflater, codec, false, in, &out, fault);
	if (err < 0) {
		assert_int_equal(out.size, 6);
		assert_int_equal(out.err, 0);
		assert_int_equal(out.limit, LIMIT);
		assert_true(fault->text[0]);
	}
	buffer_done(&out);
	return err;
}

static void every_codec_gives_back_what_it_got(void **state)
{
	static const size_t sizes[] = { 0, 1, 13, 1000, 32768, 32769, 65536, 65537, 200000, sizeof sample };

	for (int codec = 0; codec < CODEC_COUNT; codec++)
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			struct view in = view_of(sample, sizes[i]);
			struct buffer out;

			buffer_init(&out, LIMIT);
			assert_int_equal(codec_deflate(deflater, codec, CODEC_LEVEL_DEFAULT, in, &out), 0);
			assert_inflates_to(codec, false, buffer_bytes(&out), in);
			/* The same bytes twice are two members, frames, streams: all but raw ones may be joined. */
			if (codec != CODEC_NONE) {
				struct buffer twice, both;

				buffer_init(&twice, LIMIT);
				buffer_init(&both, LIMIT);
				for (int k = 0; k < 2; k++) {
					buffer_view(&twice, buffer_bytes(&out));
					buffer_view(&both, in);
				}
				assert_inflates_to(codec, false, buffer_bytes(&twice), buffer_bytes(&both));
				buffer_done(&twice);
				buffer_done(&both);
			}
			buffer_done(&out);
		}
}

static void levels_are_taken(void **state)
{
	static const int codecs[] = { CODEC_GZIP, CODEC_GZIP, CODEC_LZ4, CODEC_ZSTD, CODEC_GZIP };
	static const int levels[] = { 1, 9, 9, 19, 1 };

	for (int i = 0; i < 5; i++) {
		struct buffer out;

		buffer_init(&out, LIMIT);
		assert_int_equal(codec_deflate(deflater, codecs[i], levels[i], view_of(sample, 50000), &out),
				 0);
		assert_inflates_to(codecs[i], false, buffer_bytes(&out), view_of(sample, 50000));
		buffer_done(&out);
	}
}

static void raw_snappy_is_read(void **state)
{
	size_t size = snappy_max_compressed_length(sizeof sample);
	char *out = malloc(size);

	assert_int_equal(snappy_compress((char *)sample, sizeof sample, out, &size), SNAPPY_OK);
	assert_inflates_to(CODEC_SNAPPY, false, view_of(out, size), view_of(sample, sizeof sample));
	free(out);
}

static void every_kind_of_lz4_frame_is_read(void **state)
{
	for (int kind = 0; kind < 64; kind++) {
		LZ4F_preferences_t preferences = {
			.frameInfo = {
				.blockSizeID = (LZ4F_blockSizeID_t)(LZ4F_max64KB + (kind & 3)),
				.blockMode = kind & 4 ? LZ4F_blockIndependent : LZ4F_blockLinked,
				.contentChecksumFlag = kind & 8 ? LZ4F_contentChecksumEnabled : LZ4F_noContentChecksum,
				.blockChecksumFlag = kind & 16 ? LZ4F_blockChecksumEnabled : LZ4F_noBlockChecksum,
				.contentSize = kind & 32 ? sizeof sample : 0,
			},
		};
		size_t size = LZ4F_compressFrameBound(sizeof sample, &preferences);
		uint8_t *out = malloc(size);
		struct fault fault;

		size = LZ4F_compressFrame(out, size, sample, sizeof sample, &preferences);
		assert_false(LZ4F_isError(size));
		assert_inflates_to(CODEC_LZ4, false, view_of(out, size), view_of(sample, sizeof sample));
		if (kind & 8) {
			out[size - 1] ^= 1;
			assert_int_equal(inflate_fails(CODEC_LZ4, view_of(out, size), &fault), ERR_MALFORMED);
			assert_non_null(strstr(fault.text, "content"));
			out[size - 1] ^= 1;
		}
		if (kind & 16) {
			out[size / 2] ^= 1;
			assert_int_equal(inflate_fails(CODEC_LZ4, view_of(out, size), &fault), ERR_MALFORMED);
			out[size / 2] ^= 1;
		}
		/* A wrong checksum of the head is refused, unless it is what the writer always wrote. */
		out[kind & 32 ? 14 : 6] ^= 1;
		assert_int_equal(inflate_fails(CODEC_LZ4, view_of(out, size), &fault), ERR_MALFORMED);
		assert_non_null(strstr(fault.text, "head"));
		assert_inflates_to(CODEC_LZ4, true, view_of(out, size), view_of(sample, sizeof sample));
		free(out);
	}
}

static void old_java_lz4_has_the_wrong_checksum(void **state)
{
	struct fault fault;
	struct buffer file;
	struct view value;

	buffer_init(&file, LIMIT);
	assert_int_equal(file_read("test/wire/vectors/batch/v0-lz4.bin", &file, &fault), 0);
	value = view_of(file.at + 26,
			file.size - 26); /* behind the head, a null key and the value's length */
	assert_int_equal(get_le32(value.at), 0x184d2204);
	assert_int_equal(inflate_fails(CODEC_LZ4, value, &fault), ERR_MALFORMED);
	buffer_done(&file);
}

static void skippable_frames_are_passed_over(void **state)
{
	struct buffer out;

	buffer_init(&out, LIMIT);
	buffer_put(&out, "\x53\x2a\x4d\x18\3\0\0\0abc", 11);
	assert_int_equal(codec_deflate(deflater, CODEC_LZ4, CODEC_LEVEL_DEFAULT, view_of(sample, 100), &out),
			 0);
	assert_inflates_to(CODEC_LZ4, false, buffer_bytes(&out), view_of(sample, 100));
	buffer_done(&out);
}

/* As zstd-jni streams it: no content size in the frame, and pieces flushed as they come. */
static void streamed_zstd_is_read(void **state)
{
	ZSTD_CCtx *stream = ZSTD_createCCtx();
	size_t capacity = ZSTD_compressBound(sizeof sample) + 1000;
	ZSTD_outBuffer out = { malloc(capacity), capacity, 0 };

	for (size_t at = 0; at <= sizeof sample; at += 50000) {
		ZSTD_inBuffer in = { sample + at, at < sizeof sample ? 50000 : 0, 0 };

		assert_false(ZSTD_isError(
			ZSTD_compressStream2(stream, &out, &in, in.size ? ZSTD_e_flush : ZSTD_e_end)));
	}
	assert_int_equal(ZSTD_getFrameContentSize(out.dst, out.pos), ZSTD_CONTENTSIZE_UNKNOWN);
	assert_inflates_to(CODEC_ZSTD, false, view_of(out.dst, out.pos), view_of(sample, sizeof sample));
	ZSTD_freeCCtx(stream);
	free(out.dst);
}

static void a_bomb_meets_the_limit(void **state)
{
	uint8_t *zeros = calloc(1, LIMIT + 1);

	for (int codec = CODEC_NONE; codec < CODEC_COUNT; codec++) {
		struct buffer out, packed;
		struct fault fault;

		buffer_init(&packed, 2 * LIMIT);
		buffer_init(&out, SIZE_MAX);
		assert_int_equal(
			codec_deflate(deflater, codec, CODEC_LEVEL_DEFAULT, view_of(zeros, LIMIT), &packed),
			0);
		assert_int_equal(codec_inflate(inflater, codec, false, buffer_bytes(&packed), &out, &fault),
				 0);
		assert_int_equal(out.size, LIMIT);
		buffer_reset(&packed);
		assert_int_equal(codec_deflate(deflater, codec, CODEC_LEVEL_DEFAULT,
					       view_of(zeros, LIMIT + 1), &packed),
				 0);
		assert_int_equal(codec_inflate(inflater, codec, false, buffer_bytes(&packed), &out, &fault),
				 ERR_LIMIT);
		assert_non_null(strstr(fault.text, "8388608"));
		assert_int_equal(out.size, LIMIT); /* what it held before */
		buffer_done(&out);
		/* The buffer's own limit counts as well, and memory follows it. */
		buffer_init(&out, 1000);
		buffer_text(&out, "before");
		assert_int_equal(codec_inflate(inflater, codec, false, buffer_bytes(&packed), &out, &fault),
				 ERR_LIMIT);
		assert_non_null(strstr(fault.text, "994"));
		assert_true(out.capacity <= 1000);
		buffer_done(&out);
		buffer_done(&packed);
	}
	free(zeros);
}

static void lying_sizes_take_no_memory(void **state)
{
	struct fault fault;

	/* Raw snappy that promises 4 GB; a frame with a block of 2 GB; lz4 and zstd that promise an exabyte. */
	assert_true(inflate_fails(CODEC_SNAPPY, VIEW_LITERAL("\xff\xff\xff\xff\x0f\0"), &fault) < 0);
	assert_true(inflate_fails(CODEC_SNAPPY,
				  VIEW_LITERAL("\x82SNAPPY\0\0\0\0\1\0\0\0\1\x7f\xff\xff\xff\0"),
				  &fault) < 0);
	assert_true(inflate_fails(CODEC_LZ4,
				  VIEW_LITERAL("\x04\x22\x4d\x18\x68\x40\0\0\0\0\0\0\0\x10\xdd\0\0\0\0"),
				  &fault) < 0);
	assert_true(inflate_fails(CODEC_ZSTD, VIEW_LITERAL("\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\0\0\x10\1\0\0"),
				  &fault) < 0);
	assert_int_equal(inflate_fails(5, VIEW_LITERAL("abc"), &fault), ERR_UNSUPPORTED);
	for (int codec = CODEC_GZIP; codec < CODEC_COUNT; codec++)
		assert_true(inflate_fails(codec, VIEW_LITERAL("no codec wrote this, nor would it have"),
					  &fault) < 0);
}

static void harm(int codec, struct view in)
{
	struct random r;
	uint8_t *copy;
	struct buffer out;

	random_seed(&r, (uint64_t)codec);
	buffer_init(&out, LIMIT);
	for (size_t size = 0; size < in.size; size++) {
		copy = malloc(size ? size : 1);
		memcpy(copy, in.at, size);
		buffer_reset(&out);
		codec_inflate(inflater, codec, size & 1, view_of(copy, size), &out, NULL);
		free(copy);
	}
	copy = malloc(in.size);
	memcpy(copy, in.at, in.size);
	for (size_t bit = 0; bit < in.size * 8; bit++) {
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		buffer_reset(&out);
		codec_inflate(inflater, codec, bit & 1, view_of(copy, in.size), &out, NULL);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(copy);
	buffer_done(&out);
}

static void every_prefix_and_flip_is_survived(void **state)
{
	uint8_t both[730];

	memcpy(both, sample, 700);
	memcpy(both + 700, sample, 30);
	for (int codec = CODEC_GZIP; codec < CODEC_COUNT; codec++) {
		struct buffer out;

		buffer_init(&out, LIMIT);
		assert_int_equal(
			codec_deflate(deflater, codec, CODEC_LEVEL_DEFAULT, view_of(sample, 700), &out), 0);
		assert_int_equal(
			codec_deflate(deflater, codec, CODEC_LEVEL_DEFAULT, view_of(sample, 30), &out), 0);
		harm(codec, buffer_bytes(&out));
		assert_inflates_to(codec, false, buffer_bytes(&out), view_of(both, sizeof both));
		buffer_done(&out);
	}
}

static void codecs_have_names(void **state)
{
	for (int codec = 0; codec < CODEC_COUNT; codec++)
		assert_int_equal(codec_named(view_text(codec_name(codec))), codec);
	assert_int_equal(codec_named(VIEW_LITERAL("bzip2")), ERR_NOT_FOUND);
	assert_string_equal(codec_name(7), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_codec_gives_back_what_it_got),
		cmocka_unit_test(levels_are_taken),
		cmocka_unit_test(raw_snappy_is_read),
		cmocka_unit_test(every_kind_of_lz4_frame_is_read),
		cmocka_unit_test(old_java_lz4_has_the_wrong_checksum),
		cmocka_unit_test(skippable_frames_are_passed_over),
		cmocka_unit_test(streamed_zstd_is_read),
		cmocka_unit_test(a_bomb_meets_the_limit),
		cmocka_unit_test(lying_sizes_take_no_memory),
		cmocka_unit_test(every_prefix_and_flip_is_survived),
		cmocka_unit_test(codecs_have_names),
	};

	return cmocka_run_group_tests_name("compress", tests, set_up, tear_down);
}
