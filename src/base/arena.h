/*
 * arena.h - memory of one request: taken piece by piece, given back in one step.
 *
 * An arena has a ceiling, so that a message from outside cannot take more than its bytes deserve.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/view.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunk;	/* newest first */
	size_t used, limit;		/* bytes handed out, and the most that may be */
};

void arena_init(struct arena *arena, size_t limit);
void arena_done(struct arena *arena);

/* Gives everything back but keeps one chunk for the next request. */
void arena_reset(struct arena *arena);

/* `size` zeroed bytes, aligned for any type; NULL past the ceiling or when memory is out.  Size 0 is not NULL. */
void *arena_take(struct arena *arena, size_t size);

/* `count` elements of `size`; NULL also when the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* Copies; null stays null.  A copy always has a NUL behind it.  On failure the result is VIEW_NULL. */
struct view arena_copy(struct arena *arena, struct view v);
char *arena_text(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
