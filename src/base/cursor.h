/*
 * cursor.h - reads bytes from outside without ever indexing them.
 *
 * The first fault sticks: from then on every read gives zero and moves nothing, so a reader of forty fields
 * asks once, at the end, whether all went well.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/view.h"

struct cursor {
	const uint8_t *at, *end;
	const char *fault;	/* NULL while all is well; a phrase that lives for ever */
};

static inline struct cursor cursor_over(struct view bytes)
{
	const uint8_t *at = bytes.at ? bytes.at : (const uint8_t *)"";	/* no arithmetic on null */

	return (struct cursor){ at, at + bytes.size, NULL };
}

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

/* Sets the fault unless one stands already, and moves to the end.  Returns NULL, for the convenience of readers. */
const void *cursor_fail(struct cursor *c, const char *fault);

/* The next `size` bytes, or NULL. */
const uint8_t *cursor_take(struct cursor *c, size_t size);

int8_t cursor_i8(struct cursor *c);
int16_t cursor_i16(struct cursor *c);
int32_t cursor_i32(struct cursor *c);
int64_t cursor_i64(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);

/* Varints: at most 5 bytes for 32 bits and 10 for 64; more, or bits that do not fit, is a fault. */
uint32_t cursor_uvarint(struct cursor *c);
uint64_t cursor_uvarlong(struct cursor *c);
int32_t cursor_varint(struct cursor *c);	/* zigzag */
int64_t cursor_varlong(struct cursor *c);	/* zigzag */

struct view cursor_view(struct cursor *c, size_t size);

#endif
