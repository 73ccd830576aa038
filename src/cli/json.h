/*
 * json.h - small helpers over jansson: texts from outside, and objects that are built step by step.
 *
 * jansson takes valid UTF-8 only, so that a topic's or a group's name with stray bytes would vanish from an object.
 * json_text() writes such bytes as \xNN, as the tables do.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <jansson.h>

#include "base/view.h"

/* A string; JSON null for a null view. */
json_t *json_text(struct view text);
json_t *json_words(const char *text); /* the same for a C string */

/* A list of texts. */
json_t *json_list(const char *const *texts, int count);

/* A count that may not fit JSON's signed 64 bits: then its largest value. */
json_t *json_count(uint64_t count);

/* RFC 3339. */
json_t *json_time(int64_t wall_ms);

#endif
