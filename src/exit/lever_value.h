/*
 * lever_value.h - the values of levers on a cluster: one line of JSON, the same bytes for the same thing.
 *
 * Each is a list of rows, each row a list of texts, whole numbers and nulls, in an order that the lever settles.  JSON
 * since names of principals, topics and transactional ids may hold any character.  Between the levers on clusters only.
 */
#ifndef EXIT_LEVER_VALUE_H
#define EXIT_LEVER_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/err.h"

struct cluster;

/* Appends `rows` and lets go of it, also when it fails (and when it is NULL): ERR_MEMORY, ERR_LIMIT. */
int lever_value_put(json_t *rows, struct buffer *out, struct fault *fault);

/* Reads a value back; `lever` is for the fault.  ERR_USAGE.  json_decref() it. */
int lever_value_read(const char *lever, const char *value, json_t **out, struct fault *fault);

/* The text in a row's column; NULL when it is none. */
const char *lever_value_text(const json_t *row, size_t column);

/* The names in order, each once, copied.  ERR_MEMORY; ERR_USAGE for one that is no text in UTF-8. */
int lever_names(const char *lever, const char *const *names, int count, struct arena *arena,
		const char ***out, int *out_count, struct fault *fault);

/* What is left of the time, at least one tick. */
int64_t lever_left_ms(const struct cluster *cluster, int64_t deadline_ms);
int64_t lever_deadline_ms(const struct cluster *cluster, int64_t timeout_ms);

/*
 * ERR_DENIED and ERR_USAGE say that nothing has changed: not so when `changed`.  Then ERR_BROKER, in the fault too.
 */
int lever_partly(int err, bool changed, struct fault *fault);

/*
 * What `count` brokers see, one text each, becomes one value: appended when they agree; else ERR_STALE, and what is
 * appended says who sees what.
 */
int lever_value_agree(const char *lever, const int32_t *nodes, struct buffer *texts, int count,
		      struct buffer *out, struct fault *fault);

#endif
