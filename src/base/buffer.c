/* buffer.c - growing bytes. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/buffer.h"
#include "base/err.h"

#define BUFFER_CAPACITY_MIN 256

void buffer_init(struct buffer *b, size_t limit)
{
	*b = (struct buffer){ .limit = limit };
}

void buffer_done(struct buffer *b)
{
	free(b->at);
	*b = (struct buffer){ .limit = b->limit };
}

void buffer_reset(struct buffer *b)
{
	b->size = 0;
	b->err = 0;
}

uint8_t *buffer_room(struct buffer *b, size_t size)
{
	size_t capacity;
	uint8_t *at;

	if (b->err)
		return NULL;
	if (b->size > b->limit || size > b->limit - b->size) {
		b->err = ERR_LIMIT;
		return NULL;
	}
	if (b->at && size <= b->capacity - b->size)
		return b->at + b->size;
	capacity = b->capacity < BUFFER_CAPACITY_MIN ? BUFFER_CAPACITY_MIN : b->capacity * 2;
	if (capacity < b->size + size)
		capacity = b->size + size;
	if (capacity > b->limit)
		capacity = b->limit ? b->limit : 1;	/* what is needed fits, as was just seen */
	at = realloc(b->at, capacity);
	if (!at) {
		b->err = ERR_MEMORY;
		return NULL;
	}
	b->at = at;
	b->capacity = capacity;
	return b->at + b->size;
}

void buffer_grow(struct buffer *b, size_t size)
{
	assert(size <= b->capacity - b->size);
	b->size += size;
}

void buffer_put(struct buffer *b, const void *at, size_t size)
{
	uint8_t *room;

	if (size == 0)
		return;
	room = buffer_room(b, size);
	if (!room)
		return;
	memcpy(room, at, size);
	b->size += size;
}

void buffer_view(struct buffer *b, struct view v)
{
	buffer_put(b, v.at, v.size);
}

void buffer_text(struct buffer *b, const char *text)
{
	buffer_put(b, text, strlen(text));
}

void buffer_i8(struct buffer *b, int8_t v)
{
	buffer_put(b, &v, 1);
}

void buffer_i16(struct buffer *b, int16_t v)
{
	uint8_t raw[2];

	put_be16(raw, (uint16_t)v);
	buffer_put(b, raw, sizeof raw);
}

void buffer_i32(struct buffer *b, int32_t v)
{
	uint8_t raw[4];

	put_be32(raw, (uint32_t)v);
	buffer_put(b, raw, sizeof raw);
}

void buffer_i64(struct buffer *b, int64_t v)
{
	uint8_t raw[8];

	put_be64(raw, (uint64_t)v);
	buffer_put(b, raw, sizeof raw);
}

void buffer_uvarint(struct buffer *b, uint64_t v)
{
	uint8_t raw[10];

	buffer_put(b, raw, (size_t)varint_put(raw, v));
}

void buffer_varint(struct buffer *b, int64_t v)
{
	buffer_uvarint(b, zigzag_encode(v));
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list arguments;
	uint8_t *room;
	int size;

	va_start(arguments, format);
	size = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (size <= 0)
		return;
	room = buffer_room(b, (size_t)size + 1);
	if (!room)
		return;
	va_start(arguments, format);
	vsnprintf((char *)room, (size_t)size + 1, format, arguments);
	va_end(arguments);
	b->size += (size_t)size;
}

const char *buffer_string(struct buffer *b)
{
	int err = b->err;
	uint8_t *room;

	b->err = 0;
	b->limit++;	/* the NUL is not counted against the owner's limit */
	room = buffer_room(b, 1);
	b->limit--;
	b->err = err;
	if (!room)
		return "";
	*room = 0;
	return (const char *)b->at;
}
