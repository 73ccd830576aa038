/*
 * codec_lz4.c - lz4 frames (lz4_Frame_format.md 1.6.2), little-endian:
 *
 *	magic 4 | flags 1 | block size 1 | [content size 8] | [dictionary 4] | checksum of the head 1
 *	and blocks: size 4, its top bit for "stored as it is" | data | [checksum 4];  size 0 ends them | [checksum 4]
 *
 * The frames are read here rather than by the library's frame reader, because each block then goes straight to its
 * place behind the one before, which linked blocks refer to; and because clients of message format 0 computed the
 * checksum of the head over the magic as well (KAFKA-3160), which that reader refuses.
 */
#include <lz4.h>
#include <lz4frame.h>

#include "base/bits.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "wire/codec.h"

#define FRAME_MAGIC  0x184d2204u
#define SKIP_MAGIC   0x184d2a50u /* and the fifteen after it: frames to be passed over */
#define BLOCK_STORED 0x80000000u
#define LINK_SIZE    65536 /* how far back a linked block can refer */

enum {
	FLAG_VERSION = 0xc0,
	FLAG_VERSION_1 = 0x40,
	FLAG_INDEPENDENT = 0x20,
	FLAG_BLOCK_CHECKSUM = 0x10,
	FLAG_CONTENT_SIZE = 0x08,
	FLAG_CONTENT_CHECKSUM = 0x04,
	FLAG_DICTIONARY = 0x01,
};

struct frame {
	uint8_t flags;
	size_t block_size_max;
	bool content_size_known;
	uint64_t content_size;
	size_t start; /* index in the buffer where its content begins */
};

static int bad(struct fault *fault, const char *what)
{
	return fault_set(fault, ERR_MALFORMED, "lz4: %s", what);
}

static uint32_t cursor_le32(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 4);

	return p ? get_le32(p) : 0;
}

static uint8_t head_checksum(const uint8_t *at, const uint8_t *end)
{
	return (uint8_t)(hash32(at, (size_t)(end - at), 0) >> 8);
}

/* The cursor stands behind the magic. */
static int read_head(struct cursor *c, bool old_lz4, struct frame *out, struct fault *fault)
{
	const uint8_t *start = c->at;
	struct frame frame = { .flags = (uint8_t)cursor_i8(c) };
	int block_size_id = cursor_i8(c) >> 4 & 7;
	uint8_t checksum;

	if (frame.flags & FLAG_CONTENT_SIZE) {
		const uint8_t *p = cursor_take(c, 8);

		frame.content_size_known = true;
		frame.content_size = p ? get_le64(p) : 0;
	}
	if (frame.flags & FLAG_DICTIONARY)
		return c->fault ? bad(fault, "ends in a frame's head")
				: bad(fault, "a frame that wants a dictionary");
	checksum = head_checksum(start, c->at);
	if ((uint8_t)cursor_i8(c) != checksum && !c->fault && !old_lz4)
		return bad(fault, "the checksum of a frame's head does not match");
	if (c->fault)
		return bad(fault, "ends in a frame's head");
	if ((frame.flags & FLAG_VERSION) != FLAG_VERSION_1 || block_size_id < 4)
		return bad(fault, "a frame of an unknown version or block size");
	frame.block_size_max = (size_t)1 << (8 + 2 * block_size_id);
	*out = frame;
	return 0;
}

/* What the block `data` holds goes behind what is in `out`. */
static int inflate_block(const struct frame *frame, struct view data, struct buffer *out, struct fault *fault)
{
	size_t most = codec_room_most(out), room_size = frame->block_size_max,
	       back = out->size - frame->start;
	uint8_t *room;
	int size;

	if (data.size > LZ4_MAX_INPUT_SIZE)
		return bad(fault, "a block of an impossible size");
	if (room_size > data.size * 255) /* no block grows by more */
		room_size = data.size * 255;
	if (room_size > most)
		room_size = most;
	room = buffer_room(out, room_size);
	if (!room)
		return out->err;
	if (frame->flags & FLAG_INDEPENDENT)
		back = 0;
	if (back > LINK_SIZE)
		back = LINK_SIZE;
	size = LZ4_decompress_safe_usingDict((const char *)data.at, (char *)room, (int)data.size,
					     (int)room_size, (const char *)room - back, (int)back);
	if (size < 0)
		return room_size == most ? ERR_LIMIT : bad(fault, "a block that cannot be inflated");
	buffer_grow(out, (size_t)size);
	return 0;
}

static int read_block(struct cursor *c, const struct frame *frame, uint32_t head, struct buffer *out,
		      struct fault *fault)
{
	struct view data = cursor_view(c, head & ~BLOCK_STORED);

	if (frame->flags & FLAG_BLOCK_CHECKSUM && cursor_le32(c) != hash32(data.at, data.size, 0) &&
	    !c->fault)
		return bad(fault, "the checksum of a block does not match");
	if (c->fault)
		return bad(fault, "a block runs past the end");
	if (!(head & BLOCK_STORED))
		return inflate_block(frame, data, out, fault);
	if (data.size > frame->block_size_max)
		return bad(fault, "a block larger than its frame allows");
	buffer_view(out, data);
	return out->err;
}

static int read_frame(struct cursor *c, bool old_lz4, struct buffer *out, struct fault *fault)
{
	struct frame frame = { 0 };
	int err = read_head(c, old_lz4, &frame, fault);
	uint32_t head;

	if (err < 0)
		return err;
	if (frame.content_size_known && frame.content_size > codec_room_most(out))
		return ERR_LIMIT;
	frame.start = out->size;
	while ((head = cursor_le32(c)) != 0 && !c->fault) {
		err = read_block(c, &frame, head, out, fault);
		if (err < 0)
			return err;
	}
	if (frame.flags & FLAG_CONTENT_CHECKSUM &&
	    cursor_le32(c) != hash32(out->at + frame.start, out->size - frame.start, 0) && !c->fault)
		return bad(fault, "the checksum of the content does not match");
	if (c->fault)
		return bad(fault, "ends early");
	if (frame.content_size_known && frame.content_size != out->size - frame.start)
		return bad(fault, "not the size of content that was promised");
	return 0;
}

int codec_lz4_inflate(bool old_lz4, struct view in, struct buffer *out, struct fault *fault)
{
	struct cursor c = cursor_over(in);

	do {
		uint32_t magic = cursor_le32(&c);
		int err = 0;

		if (magic == FRAME_MAGIC)
			err = read_frame(&c, old_lz4, out, fault);
		else if ((magic & ~0xfu) != SKIP_MAGIC || !cursor_view(&c, cursor_le32(&c)).at)
			err = bad(fault, c.fault ? "ends early" : "no frame begins here");
		if (err < 0)
			return err;
	} while (cursor_left(&c));
	return 0;
}

int codec_lz4_deflate(int level, struct view in, struct buffer *out)
{
	LZ4F_preferences_t preferences = {
		/* As KafkaLZ4BlockOutputStream writes them, whose reader knows no linked blocks. */
		.frameInfo = { .blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent },
		.compressionLevel = level == CODEC_LEVEL_DEFAULT ? 0 : level,
	};
	size_t bound = LZ4F_compressFrameBound(in.size, &preferences), result;
	uint8_t *room = buffer_room(out, bound);

	if (!room)
		return out->err;
	result = LZ4F_compressFrame(room, bound, in.at, in.size, &preferences);
	if (LZ4F_isError(result))
		return ERR_INTERNAL;
	buffer_grow(out, result);
	return 0;
}
