/*
 * body.h - small readers and writers of JSON objects, for whoever reads bodies of frames and keeps the state.
 *
 * A reader gives NULL, 0 or false for what is not there or of another type: a body may come from anybody.
 */
#ifndef EXIT_BODY_H
#define EXIT_BODY_H

#include <jansson.h>

#include "exit/sha256.h"

const char *body_text(const json_t *body, const char *key);
int64_t body_number(const json_t *body, const char *key);
uint64_t body_count(const json_t *body,
		    const char *key); /* a number that is compared with what cannot be negative */
bool body_hash(const json_t *body, const char *key, struct sha256 *out); /* false: `out` is untouched */

/* What `find` makes of the text there: the value of a word, or -1. */
int body_word(const json_t *body, const char *key, int (*find)(struct view));

/* 0 or ERR_MEMORY, which is also the answer to a `value` of NULL; takes `value` over. */
int body_put(json_t *object, const char *key, json_t *value);
int body_put_hash(json_t *object, const char *key, struct sha256 hash);

/* A copy of what `from` holds under `from_key`; when that is nothing, nothing changes. */
int body_copy(json_t *object, const char *key, const json_t *from, const char *from_key);

/* The object under `key`, made when there is none; NULL: no memory. */
json_t *body_child(json_t *object, const char *key);

/* How many of `list` say under `key` what the one at `from` says, itself included; 0 when one before it does. */
int body_alike(const json_t *list, size_t from, const char *key);

#endif
