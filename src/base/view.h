/*
 * view.h - bytes that somebody else owns.
 *
 * A view never owns.  It holds as long as the frame, arena or string behind it; what outlives that is copied,
 * on a line where the copy can be seen.  `at == NULL` is Kafka's null; an empty string has `at != NULL`.
 */
#ifndef BASE_VIEW_H
#define BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct view {
	const uint8_t *at;
	size_t size;
};

#define VIEW_NULL ((struct view){ NULL, 0 })
#define VIEW_LITERAL(text) ((struct view){ (const uint8_t *)("" text), sizeof(text) - 1 })

/* For printf: printf("%.*s", VIEW_ARGS(v)). */
#define VIEW_ARGS(v) (int)(v).size, (v).at ? (const char *)(v).at : ""

static inline struct view view_of(const void *at, size_t size)
{
	return (struct view){ at, size };
}

static inline struct view view_text(const char *text)
{
	return text ? (struct view){ (const uint8_t *)text, strlen(text) } : VIEW_NULL;
}

/* Null equals null only; the empty view equals the empty view only. */
static inline bool view_equal(struct view a, struct view b)
{
	return (a.at == NULL) == (b.at == NULL) && a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

static inline bool view_is(struct view v, const char *text)
{
	return v.at && v.size == strlen(text) && memcmp(v.at, text, v.size) == 0;
}

/* Byte order, shorter first on a tie; null sorts before everything. */
int view_compare(struct view a, struct view b);

/* A copy on the heap with a NUL behind it, or NULL when memory is out or the view is null.  The caller frees it. */
char *view_string(struct view v);

#endif
