/*
 * frame.c - the bytes of a frame, little-endian:
 *
 *	 0  magic     4   "ILJ1"; the digit is the format
 *	 4  size      4   of the whole frame
 *	 8  crc32c    4   of everything after it
 *	12  kind      2   enum frame_kind
 *	14  zero      2
 *	16  sequence  8   one more than the frame before
 *	24  wall      8   ms since 1970
 *	32  monotonic 8   ms of the boot
 *	40  lease     8   0 for an owner's act
 *	48  boot     16
 *	64  previous 32   SHA-256 of the frame before, all its bytes
 *	96  body          canonical JSON
 *
 * The checksum finds torn and rotten bytes cheaply; the hash is what vouches.  A store keeps whole frames, so a frame
 * that does not check out is damage and never a tear.
 */
#include "base/bits.h"
#include "base/crc32c.h"
#include "exit/frame.h"
#include "exit/plain.h"

#define MAGIC "ILJ"

const char *frame_kind_word(enum frame_kind kind)
{
	static const char *const words[] = {
		[FRAME_PLAN] = "PLAN",         [FRAME_LEASE] = "LEASE",   [FRAME_VERDICT] = "VERDICT",
		[FRAME_ACT] = "ACT",           [FRAME_ANSWER] = "ANSWER", [FRAME_MOVE] = "MOVE",
		[FRAME_STAGE] = "STAGE",       [FRAME_INTENT] = "INTENT", [FRAME_OBSERVATION] = "OBSERVATION",
		[FRAME_OUTCOME] = "OUTCOME",   [FRAME_QUIET] = "QUIET",   [FRAME_LEVEL] = "LEVEL",
		[FRAME_DECISION] = "DECISION", [FRAME_RETURN] = "RETURN", [FRAME_CHECKPOINT] = "CHECKPOINT",
		[FRAME_SNAPSHOT] = "SNAPSHOT", [FRAME_DRILL] = "DRILL",   [FRAME_LEAK] = "LEAK",
		[FRAME_SCAFFOLD] = "SCAFFOLD", [FRAME_NOTE] = "NOTE",     [FRAME_PAGE] = "PAGE",
	};

	return kind > 0 && kind < FRAME_KINDS ? words[kind] : NULL;
}

int frame_write(struct frame *frame, struct buffer *out)
{
	size_t size = FRAME_HEAD_SIZE + frame->body.size;
	uint8_t *at;

	if (frame->body.size > FRAME_BODY_SIZE_MAX)
		return ERR_LIMIT;
	at = buffer_room(out, size);
	if (!at)
		return ERR_MEMORY;
	memset(at, 0, FRAME_HEAD_SIZE);
	memcpy(at, MAGIC "1", 4);
	put_le32(at + 4, (uint32_t)size);
	put_le16(at + 12, (uint16_t)frame->kind);
	put_le64(at + 16, frame->sequence);
	put_le64(at + 24, (uint64_t)frame->moment.wall_ms);
	put_le64(at + 32, (uint64_t)frame->moment.monotonic_ms);
	put_le64(at + 40, frame->lease);
	memcpy(at + 48, frame->moment.boot, 16);
	memcpy(at + 64, frame->previous.bytes, SHA256_SIZE);
	memcpy(at + FRAME_HEAD_SIZE, frame->body.at, frame->body.size);
	put_le32(at + 8, crc32c(at + 12, size - 12));
	frame->hash = sha256_of(view_of(at, size));
	buffer_grow(out, size);
	return 0;
}

int frame_read(struct view bytes, struct frame *out, struct fault *fault)
{
	const uint8_t *at = bytes.at;
	struct frame frame = { 0 };

	if (bytes.size < FRAME_HEAD_SIZE || memcmp(at, MAGIC, 3) != 0 || get_le32(at + 4) != bytes.size)
		return fault_set(fault, ERR_MALFORMED, "these %zu bytes are no frame of a journal",
				 bytes.size);
	frame.sequence = get_le64(at + 16);
	if (at[3] != '1')
		return fault_set(fault, ERR_UNSUPPORTED,
				 "frame %llu is of a newer format than this version reads; use the version "
				 "that wrote it",
				 (unsigned long long)frame.sequence);
	if (get_le32(at + 8) != crc32c(at + 12, bytes.size - 12))
		return fault_set(fault, ERR_CHECKSUM, "frame %llu does not match its checksum",
				 (unsigned long long)frame.sequence);
	frame.kind = (enum frame_kind)get_le16(at + 12);
	if (!frame_kind_word(frame.kind) || get_le16(at + 14) != 0 ||
	    bytes.size - FRAME_HEAD_SIZE > FRAME_BODY_SIZE_MAX)
		return fault_set(fault, ERR_MALFORMED, "frame %llu has a head that no version writes",
				 (unsigned long long)frame.sequence);
	frame.moment.wall_ms = (int64_t)get_le64(at + 24);
	frame.moment.monotonic_ms = (int64_t)get_le64(at + 32);
	frame.lease = get_le64(at + 40);
	memcpy(frame.moment.boot, at + 48, 16);
	memcpy(frame.previous.bytes, at + 64, SHA256_SIZE);
	frame.body = view_of(at + FRAME_HEAD_SIZE, bytes.size - FRAME_HEAD_SIZE);
	frame.hash = sha256_of(bytes);
	*out = frame;
	return 0;
}

/* ---- the body ---- */

static bool has_fraction(const json_t *value)
{
	const char *key;
	json_t *item;
	size_t index;

	if (json_is_real(value))
		return true;
	json_object_foreach((json_t *)value, key, item)
	{
		if (has_fraction(item))
			return true;
	}
	json_array_foreach(value, index, item)
	{
		if (has_fraction(item))
			return true;
	}
	return false;
}

static int append(const char *text, size_t size, void *context)
{
	buffer_put(context, text, size);
	return 0;
}

int frame_body_write(const json_t *body, struct buffer *out)
{
	if (!json_is_object(body) || has_fraction(body))
		return ERR_MALFORMED;
	if (json_dump_callback(body, append, out, JSON_COMPACT | JSON_SORT_KEYS) < 0)
		return ERR_MEMORY;
	return out->err;
}

json_t *frame_body_read(const struct frame *frame, struct fault *fault)
{
	json_t *body = plain_read(frame->body);
	json_error_t wrong;
	struct buffer again;

	if (body)
		return body;
	body = json_loadb((const char *)frame->body.at, frame->body.size, JSON_REJECT_DUPLICATES, &wrong);
	if (!json_is_object(body)) {
		json_decref(body);
		fault_set(fault, ERR_MALFORMED, "frame %llu: its body is no JSON object",
			  (unsigned long long)frame->sequence);
		return NULL;
	}
	/* Written again it must give the very same bytes, which costs as much as reading it. */
	buffer_init(&again, FRAME_BODY_SIZE_MAX + 1);
	if (frame_body_write(body, &again) < 0 || !view_equal(buffer_bytes(&again), frame->body)) {
		json_decref(body);
		body = NULL;
		fault_set(fault, ERR_MALFORMED, "frame %llu: its body is not in canonical form",
			  (unsigned long long)frame->sequence);
	}
	buffer_done(&again);
	return body;
}
