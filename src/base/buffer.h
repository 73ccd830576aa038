/*
 * buffer.h - bytes that grow, up to a limit.
 *
 * The first failure sticks in `err` (ERR_MEMORY, ERR_LIMIT): later writes do nothing, so a writer of forty
 * fields asks once.  What was written before the failure stays readable.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include "base/view.h"

struct buffer {
	uint8_t *at;
	size_t size, capacity;
	size_t limit;		/* bytes; never grows past it */
	int err;		/* 0 or the first failure */
};

void buffer_init(struct buffer *b, size_t limit);
void buffer_done(struct buffer *b);

/* Empties it and forgets the error; keeps the memory. */
void buffer_reset(struct buffer *b);

/* Room for `size` more bytes at the end, not yet counted; NULL when there is none.  Follow with buffer_grow(). */
uint8_t *buffer_room(struct buffer *b, size_t size);
void buffer_grow(struct buffer *b, size_t size);

void buffer_put(struct buffer *b, const void *at, size_t size);
void buffer_view(struct buffer *b, struct view v);
void buffer_text(struct buffer *b, const char *text);
void buffer_i8(struct buffer *b, int8_t v);
void buffer_i16(struct buffer *b, int16_t v);	/* big-endian, as all of Kafka */
void buffer_i32(struct buffer *b, int32_t v);
void buffer_i64(struct buffer *b, int64_t v);
void buffer_uvarint(struct buffer *b, uint64_t v);
void buffer_varint(struct buffer *b, int64_t v);	/* zigzag */
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline struct view buffer_bytes(const struct buffer *b)
{
	return view_of(b->at, b->size);
}

/* A NUL behind the bytes (not counted), for C's string functions; "" when memory is out. */
const char *buffer_string(struct buffer *b);

#endif
