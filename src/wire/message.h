/*
 * message.h - one reader and one writer for every message of the Kafka protocol.
 *
 * A message is notation (src/wire/schema), which the build turns into a plain struct and a table of fields.  The
 * reader and the writer walk the table.  Strings, bytes and records are views of the frame that was read; arrays and
 * unknown tagged fields come from the arena and are kept, so that what passes through comes out again.
 *
 * Names are Kafka's own (the message definitions of Kafka 4.3.1) in snake case: struct fetch_request has the fields
 * max_wait_ms, topics.at[i].partitions.at[j].fetch_offset.  A string or bytes field is a `struct view`, null is
 * `at == NULL`; an array is { T *at; int32_t count; } with count -1 for null; a nullable struct is a pointer; a uuid
 * is `struct uuid`; every struct that may carry unknown tagged fields ends in `struct tags tags`.
 *
 * Source of the encoding rules: https://kafka.apache.org/protocol, KIP-482 (flexible versions, tagged fields).
 */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/cursor.h"
#include "base/err.h"

struct uuid {
	uint8_t bytes[16];
};

/* A tagged field that our tables do not know, kept as it came. */
struct tag {
	uint32_t number;
	struct view body;
};

struct tags {
	struct tag *at;
	int32_t count;
};

/*
 * Generated: what a message is, and what each struct in it is.  `fetch_request_message` describes a message whose
 * struct is `struct fetch_request`; `fetch_request_topic_shape` describes `struct fetch_request_topic`, which is what
 * `topics` holds.  All of them are declared in wire/messages.h.
 */
struct message;
struct shape;

/*
 * Reads the body of a message in `version` into `out` (message_size() bytes, zeroed by the caller or not).  Fields
 * that the version lacks get their defaults.  Every length is held against the bytes left before anything is taken
 * from the arena; left-over bytes are an error.  ERR_MALFORMED, ERR_LIMIT (arena), ERR_UNSUPPORTED (version), with
 * the field and the offset in `fault`; `out` is then half filled and not to be used.
 */
int message_read(const struct message *message, int16_t version, struct view body, struct arena *arena,
		 void *out, struct fault *fault);

/*
 * The same, but bytes behind the message are told and no error.  For a broker: Kafka's own takes such requests, and
 * librdkafka 2.13 sends them (a field of Metadata that its version no longer has).
 */
int message_read_front(const struct message *message, int16_t version, struct view body, struct arena *arena,
		       void *out, struct view *left, struct fault *fault);

/* Sets every field to its default.  A message that is to be written starts here, not from zero. */
void message_default(const struct message *message, void *out);
void shape_default(const struct shape *shape, void *out);

/* `count` structs in the arena, each with its defaults; NULL when the arena is full. */
void *shape_array(const struct shape *shape, struct arena *arena, int32_t count);

/*
 * Appends the body in `version`.  ERR_UNSUPPORTED when a field that the version lacks, and that must not be ignored,
 * does not hold its default, or a field is null that may not be; ERR_LIMIT when the buffer is full or a string is too
 * long for Kafka.  On failure nothing is appended.
 */
int message_write(const struct message *message, int16_t version, const void *in, struct buffer *out,
		  struct fault *fault);

/* Where bytes of records belong that were left out: positions in the body as it was written, in order. */
struct message_cuts {
	size_t *at;
	int count, capacity;
};

/*
 * The same, but leaves out the bytes (not the size) of records that are not empty: they go out from where they are.
 * `cuts` has room for each of them.
 */
int message_write_around(const struct message *message, int16_t version, const void *in, struct buffer *out,
			 struct message_cuts *cuts, struct fault *fault);

/* Bytes that message_write() would append, or an error. */
int64_t message_measure(const struct message *message, int16_t version, const void *in, struct fault *fault);

const char *message_name(const struct message *message); /* "FetchRequest" */
size_t message_size(const struct message *message);      /* sizeof the struct */

/* One API: both directions, and the versions that our tables know (Kafka 2.1 to 4.3.1). */
struct api {
	int16_t key;
	const char *name;       /* "Fetch" */
	int16_t since, until;   /* versions that our tables know */
	int16_t flexible_since; /* the first version with compact lengths and tags; INT16_MAX for never */
	const struct message *request, *response;
};

/* NULL when our tables do not know the key. */
const struct api *api_find(int16_t key);

/* All of them, in order of key; ends with request == NULL. */
extern const struct api api_table[];

/*
 * The head of a request and of a response, whose layout depends on key and version (the ApiVersions response always
 * has the old one; the client id keeps its old encoding).  request_head_read() leaves the cursor at the body; for a
 * key or version that the tables do not know it returns ERR_UNSUPPORTED with `out` filled but for the tags, so that a
 * broker can answer.  The others leave their results alone on failure.
 */
struct request_head {
	int16_t api_key, api_version;
	int32_t correlation_id;
	struct view client_id;
	struct tags tags;
};

int request_head_read(struct cursor *c, struct arena *arena, struct request_head *out, struct fault *fault);
int request_head_write(const struct request_head *head, struct buffer *out);
int response_head_read(const struct api *api, int16_t version, struct cursor *c, struct arena *arena,
		       int32_t *correlation_id, struct fault *fault);
int response_head_write(const struct api *api, int16_t version, int32_t correlation_id, struct buffer *out);

#endif
