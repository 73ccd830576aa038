/* text.h - small things about text: globs, the nearest known word, hex, and what may safely reach a terminal. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buffer.h"

/* `*`, `?` and `[a-z]` over the whole of `text`; no other character is special.  Never backtracks exponentially. */
bool glob_match(struct view pattern, struct view text);

/* True when it contains a character that glob_match() would treat as special. */
bool glob_is(struct view text);

/*
 * The word of `words` (ends with NULL) that a person who typed `text` most likely meant, by Damerau-Levenshtein
 * distance; NULL when none is near.
 */
const char *text_nearest(struct view text, const char *const words[]);

/* How many edits apart; gives up and returns `most` + 1 past `most`. */
int text_distance(struct view a, struct view b, int most);

void text_hex(struct buffer *out, struct view bytes);

/* Exactly `size` bytes; false, with `out` untouched, for any other text. */
bool text_unhex(struct view hex, uint8_t *out, size_t size);

/* Appends `v` with control characters and broken UTF-8 as \xNN, so that a topic's name cannot steer a terminal. */
void text_safe(struct buffer *out, struct view v);

/* Cuts leading and trailing blanks. */
struct view text_trim(struct view v);

/* Valid UTF-8, no surrogates, no overlong forms. */
bool text_is_utf8(struct view v);

#endif
