/* arena.c - chunks of memory, each twice the one before, given back together. */
#include <stdarg.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

#define ARENA_CHUNK_SIZE_MIN 4096
#define ARENA_CHUNK_SIZE_MAX (1024 * 1024)
#define ARENA_ALIGN alignof(max_align_t)

struct arena_chunk {
	struct arena_chunk *older;
	size_t size, used;		/* bytes of `data` */
	alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *arena, size_t limit)
{
	*arena = (struct arena){ .limit = limit };
}

static void free_chunks(struct arena_chunk *chunk)
{
	while (chunk) {
		struct arena_chunk *older = chunk->older;

		free(chunk);
		chunk = older;
	}
}

void arena_done(struct arena *arena)
{
	free_chunks(arena->chunk);
	*arena = (struct arena){ .limit = arena->limit };
}

void arena_reset(struct arena *arena)
{
	arena->used = 0;
	if (!arena->chunk)
		return;
	free_chunks(arena->chunk->older);
	arena->chunk->older = NULL;
	arena->chunk->used = 0;
	if (arena->chunk->size > ARENA_CHUNK_SIZE_MAX) {
		free_chunks(arena->chunk);
		arena->chunk = NULL;
	}
}

static struct arena_chunk *add_chunk(struct arena *arena, size_t size)
{
	size_t wanted = arena->chunk ? arena->chunk->size * 2 : ARENA_CHUNK_SIZE_MIN;
	struct arena_chunk *chunk;

	if (wanted > ARENA_CHUNK_SIZE_MAX)
		wanted = ARENA_CHUNK_SIZE_MAX;
	if (wanted < size)
		wanted = size;
	chunk = malloc(sizeof *chunk + wanted);
	if (!chunk)
		return NULL;
	*chunk = (struct arena_chunk){ .older = arena->chunk, .size = wanted };
	arena->chunk = chunk;
	return chunk;
}

void *arena_take(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = arena->chunk;
	uint8_t *at;

	if (size > arena->limit || size > SIZE_MAX / 2)
		return NULL;
	size = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	if (size > arena->limit - arena->used)
		return NULL;
	if (!chunk || chunk->size - chunk->used < size)
		chunk = add_chunk(arena, size);
	if (!chunk)
		return NULL;
	at = chunk->data + chunk->used;
	chunk->used += size;
	arena->used += size;
	memset(at, 0, size);
	return at;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return arena_take(arena, total);
}

struct view arena_copy(struct arena *arena, struct view v)
{
	uint8_t *at = v.at ? arena_take(arena, v.size + 1) : NULL;

	if (!at)
		return VIEW_NULL;
	memcpy(at, v.at, v.size);
	return view_of(at, v.size);
}

char *arena_text(struct arena *arena, const char *text)
{
	return (char *)arena_copy(arena, view_text(text)).at;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	char *text;
	int size;

	va_start(arguments, format);
	size = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	text = size < 0 ? NULL : arena_take(arena, (size_t)size + 1);
	if (!text)
		return NULL;
	va_start(arguments, format);
	vsnprintf(text, (size_t)size + 1, format, arguments);
	va_end(arguments);
	return text;
}
