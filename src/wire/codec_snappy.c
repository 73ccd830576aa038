/*
 * codec_snappy.c - snappy in the two dialects that are found in logs: raw, one block whose head says its size, and the
 * framing of snappy-java (SnappyOutputStream), which every Java client writes:
 *
 *	 0  0x82 'S' 'N' 'A' 'P' 'P' 'Y' 0    8
 *	 8  version of the writer             4  big-endian
 *	12  oldest version that can read it   4
 *	16  and then blocks: size (4), a raw snappy block; where a size would stand a whole head may begin again
 */
#include <snappy-c.h>

#include "base/bits.h"
#include "base/cursor.h"
#include "wire/codec.h"

#define FRAME_HEAD_SIZE  16
#define FRAME_BLOCK_SIZE (32 * 1024) /* what snappy-java cuts its input into */
#define FRAME_VERSION    1

/* No raw block grows by more: a copy of 64 bytes takes three (format_description.txt of snappy). */
#define SNAPPY_RATIO_MAX 64

static const uint8_t frame_magic[8] = { 0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0 };

static bool is_framed(struct view in)
{
	return in.size >= FRAME_HEAD_SIZE && memcmp(in.at, frame_magic, sizeof frame_magic) == 0;
}

static int inflate_block(struct view in, struct buffer *out, struct fault *fault)
{
	uint8_t *room;
	size_t size;

	if (snappy_uncompressed_length((const char *)in.at, in.size, &size) != SNAPPY_OK ||
	    size / SNAPPY_RATIO_MAX > in.size)
		return fault_set(fault, ERR_MALFORMED, "snappy: a block without a sensible size");
	if (size > codec_room_most(out))
		return ERR_LIMIT;
	room = buffer_room(out, size);
	if (!room)
		return out->err;
	if (snappy_uncompress((const char *)in.at, in.size, (char *)room, &size) != SNAPPY_OK)
		return fault_set(fault, ERR_MALFORMED, "snappy: a block that cannot be inflated");
	buffer_grow(out, size);
	return 0;
}

int codec_snappy_inflate(struct view in, struct buffer *out, struct fault *fault)
{
	struct cursor c = cursor_over(in);

	if (!is_framed(in))
		return inflate_block(in, out, fault);
	while (cursor_left(&c)) {
		struct view block;
		uint32_t size;
		int err;

		if (is_framed(view_of(c.at, cursor_left(&c)))) {
			cursor_take(&c, FRAME_HEAD_SIZE);
			continue;
		}
		size = cursor_u32(&c);
		block = cursor_view(&c, size);
		if (c.fault)
			return fault_set(fault, ERR_MALFORMED, "snappy: a block runs past the end");
		err = inflate_block(block, out, fault);
		if (err < 0)
			return err;
	}
	return 0;
}

int codec_snappy_deflate(struct view in, struct buffer *out)
{
	buffer_put(out, frame_magic, sizeof frame_magic);
	buffer_i32(out, FRAME_VERSION);
	buffer_i32(out, FRAME_VERSION);
	while (in.size && !out->err) {
		size_t part = in.size < FRAME_BLOCK_SIZE ? in.size : FRAME_BLOCK_SIZE;
		size_t size = snappy_max_compressed_length(part);
		uint8_t *room = buffer_room(out, size + 4);

		if (!room)
			break;
		if (snappy_compress((const char *)in.at, part, (char *)room + 4, &size) != SNAPPY_OK)
			return ERR_INTERNAL;
		put_be32(room, (uint32_t)size);
		buffer_grow(out, size + 4);
		in = view_of(in.at + part, in.size - part);
	}
	return out->err;
}
