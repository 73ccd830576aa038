/*
 * canon.h - the small pieces of which canonical bytes are made: texts, hashes, moments, epochs, lists.
 *
 * Integers are big-endian, a text is its size (4 bytes) and its bytes, a list its count (4 bytes) and its elements.  What is read is a view of what it was read from.
 */
#ifndef EXIT_CANON_H
#define EXIT_CANON_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/cursor.h"
#include "exit/evidence.h"

static inline void canon_put_text(struct buffer *out, struct view v)
{
	buffer_i32(out, (int32_t)v.size);
	buffer_put(out, v.at, v.size);
}

static inline void canon_put_hash(struct buffer *out, struct sha256 hash)
{
	buffer_put(out, hash.bytes, SHA256_SIZE);
}

static inline void canon_put_moment(struct buffer *out, const struct moment *moment)
{
	buffer_i64(out, moment->wall_ms);
	buffer_i64(out, moment->monotonic_ms);
	buffer_put(out, moment->boot, sizeof moment->boot);
}

static inline void canon_put_epochs(struct buffer *out, const struct epochs *epochs)
{
	buffer_i64(out, (int64_t)epochs->plan.number);
	canon_put_hash(out, epochs->plan.hash);
	buffer_i64(out, (int64_t)epochs->context.number);
	canon_put_hash(out, epochs->context.hash);
	buffer_i64(out, (int64_t)epochs->authority);
}

static inline struct view canon_take_text(struct cursor *c)
{
	uint32_t size = cursor_u32(c);
	struct view v = cursor_view(c, size);

	return v.at ? v : VIEW_LITERAL("");
}

static inline struct sha256 canon_take_hash(struct cursor *c)
{
	struct sha256 hash = { 0 };
	const uint8_t *at = cursor_take(c, SHA256_SIZE);

	if (at)
		memcpy(hash.bytes, at, SHA256_SIZE);
	return hash;
}

static inline struct moment canon_take_moment(struct cursor *c)
{
	struct moment moment = { 0 };
	const uint8_t *boot;

	moment.wall_ms = cursor_i64(c);
	moment.monotonic_ms = cursor_i64(c);
	boot = cursor_take(c, sizeof moment.boot);
	if (boot)
		memcpy(moment.boot, boot, sizeof moment.boot);
	return moment;
}

static inline struct epochs canon_take_epochs(struct cursor *c)
{
	struct epochs epochs;

	epochs.plan.number = cursor_u64(c);
	epochs.plan.hash = canon_take_hash(c);
	epochs.context.number = cursor_u64(c);
	epochs.context.hash = canon_take_hash(c);
	epochs.authority = cursor_u64(c);
	return epochs;
}

struct canon_reader {
	struct cursor c;
	struct arena *arena;
};

/*
 * Room for as many elements of `size` as the next count says, if the bytes left can hold them at `size_min` each; NULL for an
 * empty list, and with a fault.  *count is 0 unless there is room.
 */
static inline void *canon_take_list(struct canon_reader *r, size_t size_min, size_t size, int *count)
{
	uint32_t wanted = cursor_u32(&r->c);
	void *at;

	*count = 0;
	if (r->c.fault)
		return NULL;
	if (wanted > cursor_left(&r->c) / size_min) {
		cursor_fail(&r->c, "a list is longer than the bytes that are left");
		return NULL;
	}
	if (!wanted)
		return NULL;
	at = arena_array(r->arena, wanted, size);
	if (!at)
		cursor_fail(&r->c, "a list needs more memory than its limit");
	else
		*count = (int)wanted;
	return at;
}

#endif
