/*
 * shape.h - the tables behind the messages: what the generator writes, and the reader and the writer walk.
 *
 * For the files of this floor and for its tests.  A field's place in the struct is an offset; a field that holds a
 * struct or an array of structs leads to the shape of that struct.
 */
#ifndef WIRE_SHAPE_H
#define WIRE_SHAPE_H

#include "wire/message.h"

enum field_type {
	FIELD_BOOL,
	FIELD_I8,
	FIELD_I16,
	FIELD_U16,
	FIELD_I32,
	FIELD_U32,
	FIELD_I64,
	FIELD_F64,
	FIELD_UUID,
	FIELD_STRING, /* these four are views or structs; those above have a fixed size on the wire */
	FIELD_BYTES,
	FIELD_RECORDS,
	FIELD_STRUCT,
};

enum {
	FIELD_ARRAY = 1,     /* of `type` */
	FIELD_POINTER = 2,   /* a struct that may be null, and so lies elsewhere */
	FIELD_NULL = 4,      /* the default is null */
	FIELD_IGNORABLE = 8, /* may be dropped when a version does not have it */
};

struct field {
	const char *name;
	const struct shape *shape; /* of the struct, or of the array's elements; or NULL */
	int64_t initial;           /* the default of a number */
	uint16_t offset;
	int16_t since, until;   /* versions that have it */
	int16_t nullable_since; /* the first version in which it may be null; INT16_MAX for none */
	int8_t tag;             /* or -1 */
	uint8_t type, flags;
};

struct shape {
	const char *name;           /* "fetch_request_topic" */
	const struct field *fields; /* in order; the tagged ones last, in order of tag */
	uint16_t count, tagged_first;
	uint16_t tags_offset; /* of `struct tags`; 0 when it has none */
	uint32_t size;        /* of the struct in memory */
};

struct message {
	const char *name;
	const struct shape *shape;
	int16_t since, until;
	int16_t flexible_since; /* INT16_MAX for never */
};

/* An array as every generated struct holds it. */
struct array {
	void *at;
	int32_t count; /* -1 is null */
};

/* Every message, in the order of the notation; ends with NULL. */
extern const struct message *const message_table[];

static inline bool field_in(const struct field *field, int16_t version)
{
	return version >= field->since && version <= field->until;
}

/* Bytes in memory of one value of `type`; of a struct by `shape`. */
size_t field_size(enum field_type type, const struct shape *shape);

/* Sets one field of the struct at `out` to its default. */
void field_default(const struct field *field, void *out);

/* Where a fault is: a chain from the field upwards, on the stack of the reader or the writer. */
struct place {
	const struct place *above; /* NULL at the top */
	const struct field *field;
	int32_t index; /* of the array's element, or -1 */
};

/* Writes "FetchRequest v12: topics[3].partitions[0].records: " and the rest into `fault`; returns `err`. */
int place_fault(struct fault *fault, int err, const struct message *message, int16_t version,
		const struct place *place, const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
