/* cursor.c - the reads of cursor.h. */
#include "base/bits.h"
#include "base/cursor.h"

const void *cursor_fail(struct cursor *c, const char *fault)
{
	if (!c->fault)
		c->fault = fault;
	c->at = c->end;
	return NULL;
}

const uint8_t *cursor_take(struct cursor *c, size_t size)
{
	if (c->fault || (size_t)(c->end - c->at) < size)
		return cursor_fail(c, "message ends early");
	c->at += size;
	return c->at - size;
}

int8_t cursor_i8(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 1);

	return p ? (int8_t)*p : 0;
}

uint16_t cursor_u16(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 2);

	return p ? get_be16(p) : 0;
}

uint32_t cursor_u32(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 4);

	return p ? get_be32(p) : 0;
}

uint64_t cursor_u64(struct cursor *c)
{
	const uint8_t *p = cursor_take(c, 8);

	return p ? get_be64(p) : 0;
}

int16_t cursor_i16(struct cursor *c)
{
	return (int16_t)cursor_u16(c);
}

int32_t cursor_i32(struct cursor *c)
{
	return (int32_t)cursor_u32(c);
}

int64_t cursor_i64(struct cursor *c)
{
	return (int64_t)cursor_u64(c);
}

/* Up to `bits` bits, seven a byte, least first. */
static uint64_t uvar(struct cursor *c, int bits)
{
	uint64_t value = 0;

	for (int shift = 0; shift < bits; shift += 7) {
		const uint8_t *p = cursor_take(c, 1);

		if (!p)
			return 0;
		if (shift + 7 > bits && (*p & 0x7f) >> (bits - shift))
			break;
		value |= (uint64_t)(*p & 0x7f) << shift;
		if (*p < 0x80)
			return value;
	}
	cursor_fail(c, "varint too long");
	return 0;
}

uint32_t cursor_uvarint(struct cursor *c)
{
	return (uint32_t)uvar(c, 32);
}

uint64_t cursor_uvarlong(struct cursor *c)
{
	return uvar(c, 64);
}

int32_t cursor_varint(struct cursor *c)
{
	return (int32_t)zigzag_decode(uvar(c, 32));
}

int64_t cursor_varlong(struct cursor *c)
{
	return zigzag_decode(uvar(c, 64));
}

struct view cursor_view(struct cursor *c, size_t size)
{
	const uint8_t *p = cursor_take(c, size);

	return p ? view_of(p, size) : VIEW_NULL;
}
