/*
 * notation.h - the messages as the notation tells them.
 *
 * The notation (src/wire/schema/NAME.wire), line by line; indentation is by tabs:
 *
 *	# a comment, which travels to what stands below it
 *	request fetch 1  v4-18  flex 12+	an API: name, key, versions, the first version with compact
 *						lengths and tags; without `flex` there is none
 *		max_wait_ms  i32		a field and its type
 *	response fetch				has the key and versions of the request
 *	data end_txn_marker  v0			a struct that travels inside bytes
 *
 * Types: bool i8 i16 u16 i32 u32 i64 f64 uuid string bytes records, a struct by its name, and [any of these].  A
 * struct is described by the deeper lines below its first use; other fields of the message may use its name again.
 * `?` after a type: may be null, `?7`: may be null from version 7.  Then, in this order and each only if needed:
 *
 *	v7+ v4-12 v9	the versions that have the field; otherwise all that have the struct around it
 *	tag 0		it is a tagged field
 *	= -1		the default: a number, true, null; otherwise zero, "", no elements.  A struct that may be null is
 *			null by default
 *	ignorable	may be dropped silently when a version without it is written
 *
 * Names are Kafka's, with an underscore before each capital but the first, in lower case.  A generated struct is
 * named after its message and the word in the notation: fetch_request, fetch_request_topic.
 */
#ifndef WIRE_GEN_NOTATION_H
#define WIRE_GEN_NOTATION_H

#include <stdbool.h>
#include <stdint.h>

enum { VERSION_MAX = INT16_MAX };

enum type {
	TYPE_BOOL,
	TYPE_I8,
	TYPE_I16,
	TYPE_U16,
	TYPE_I32,
	TYPE_U32,
	TYPE_I64,
	TYPE_F64,
	TYPE_UUID,
	TYPE_STRING,
	TYPE_BYTES,
	TYPE_RECORDS,
	TYPE_STRUCT,
};

/* How a type is called in the notation, in C, and in the tables. */
struct type_words {
	const char *notation, *c, *table;
};

extern const struct type_words type_words[];

struct field {
	struct field *next;
	const char *name, *comment; /* comment may be NULL; lines are parted by \n */
	enum type type;
	struct shape *shape; /* of a struct or of an array's elements */
	bool array, nullable, null_default, ignorable;
	int nullable_since;    /* a version; 0 for always */
	int since, until, tag; /* tag -1: none */
	int64_t initial;
};

struct shape {
	struct shape *next; /* of the same message */
	const char *name;   /* in the notation; the message's own has none */
	const char *c_name; /* fetch_request, fetch_request_topic */
	struct field *fields;
	int line;
	bool printed;
};

enum kind { KIND_REQUEST, KIND_RESPONSE, KIND_DATA };

struct message {
	enum kind kind;
	const char *name, *comment;
	int key;                          /* -1 for data */
	int since, until, flexible_since; /* VERSION_MAX for never */
	struct shape *shapes;             /* the first is the message itself */
};

#define MESSAGE_COUNT_MAX 400

extern struct message messages[MESSAGE_COUNT_MAX];
extern int message_count;

/* Reads one file into `messages`; a mistake ends the program with its file and line. */
void notation_read(const char *path);

/* What can only be seen once everything is read: every request has its response. */
void notation_check(void);

/* The printers, to standard output. */
void print_header(void);
void print_tables(void);
void print_json(void);

#endif
