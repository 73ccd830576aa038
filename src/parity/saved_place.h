/* saved_place.h - the numbers and places that both parts of a checkpoint are written in (checkpoint.c, join_save.c). */
#ifndef PARITY_SAVED_PLACE_H
#define PARITY_SAVED_PLACE_H

#include "base/buffer.h"
#include "base/cursor.h"
#include "parity/report.h"

static inline void put_u64(struct buffer *out, uint64_t v)
{
	buffer_i64(out, (int64_t)v);
}

static inline void put_place(struct buffer *out, const struct record_place *place)
{
	buffer_i8(out, (int8_t)(place->known | place->keyed << 1));
	buffer_i32(out, place->partition);
	buffer_i64(out, place->offset);
	buffer_i64(out, place->timestamp);
	put_u64(out, place->key);
}

static inline struct record_place take_place(struct cursor *in)
{
	struct record_place place = { 0 };
	int8_t bits = cursor_i8(in);

	place.known = bits & 1;
	place.keyed = bits & 2;
	place.partition = cursor_i32(in);
	place.offset = cursor_i64(in);
	place.timestamp = cursor_i64(in);
	place.key = cursor_u64(in);
	return place;
}

#endif
