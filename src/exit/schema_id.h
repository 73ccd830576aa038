/*
 * schema_id.h - which schemas records say they were written with.  Pure: bytes in, ids out.
 *
 * Serializers of a Confluent-style schema registry leave an id with each key and value, in one of two ways:
 *
 *	in front of the payload    0 (magic)  id, 4 bytes big-endian  [protobuf: indexes of the message]  payload
 *	in a header of the record  __key_schema_id or __value_schema_id:  1 (magic)  GUID, 16 bytes
 *	                           (or 0 and a number, as in front of a payload)
 *
 * Nothing marks the first one for what it is: a payload that begins with a zero byte may be anybody's.  So the bytes
 * of one record prove nothing, and a topic's share of such payloads says how likely it is.
 */
#ifndef EXIT_SCHEMA_ID_H
#define EXIT_SCHEMA_ID_H

#include "base/arena.h"
#include "wire/record.h"

enum schema_place { SCHEMA_OF_KEY, SCHEMA_OF_VALUE, SCHEMA_PLACES };

/* "key", "value". */
const char *schema_place_word(enum schema_place place);

struct schema_id {
	bool is_guid;   /* then the number is 0; else the GUID is all zero */
	int32_t number; /* 1 and more */
	uint8_t guid[16];
};

#define SCHEMA_ID_TEXT_SIZE 37

/* "42", or "00112233-4455-6677-8899-aabbccddeeff". */
const char *schema_id_text(const struct schema_id *id, char out[SCHEMA_ID_TEXT_SIZE]);
bool schema_id_equal(const struct schema_id *a, const struct schema_id *b);

/* True when the payload begins like one with an id.  A null or empty payload does not. */
bool schema_id_in_payload(struct view payload, struct schema_id *out);

/* True when the header carries an id; `place` then says whose.  A damaged one carries none. */
bool schema_id_in_header(const struct header *header, enum schema_place *place, struct schema_id *out);

/*
 * Past the id of a protobuf payload: the path to the message within its file, as a count and that many indexes in
 * zigzag varints, a single 0 standing for the first message.  Returns the bytes it takes, or ERR_MALFORMED.
 */
int schema_id_message_indexes(struct view after_id, int32_t *indexes, int room, int *count);

/* One id at one place of a topic's records. */
struct schema_use {
	enum schema_place place;
	struct schema_id id;
	bool by_header;
	uint64_t count; /* records */
	int32_t first_partition;
	int64_t first_offset; /* of those that were looked at, the one first looked at */
};

#define SCHEMA_USES_MAX 512

struct schema_uses {
	struct arena *arena;
	struct schema_use *at; /* in the order in which they were found */
	int count, capacity;
	struct schema_share {
		uint64_t payloads; /* neither null nor empty */
		uint64_t framed;   /* begin like one with an id */
		uint64_t eight;    /* of these: 8 bytes long, as a number of 64 bits is */
		uint64_t headers;  /* with an id in a header */
		uint64_t dropped;  /* with an id that found no room */
	} shares[SCHEMA_PLACES];
};

/* Everything lives in `arena`. */
void schema_uses_init(struct schema_uses *uses, struct arena *arena);

/* Looks at one record.  0 or ERR_MEMORY; past SCHEMA_USES_MAX distinct ids the rest are counted as dropped. */
int schema_uses_add(struct schema_uses *uses, const struct record *record, int32_t partition, int64_t offset);

/*
 * True when what was found at this place are ids in all likelihood: they came in headers, or half of the payloads and
 * more begin like that and are not all 8 bytes long.  Where this is false a registry has the last word.
 */
bool schema_uses_likely(const struct schema_uses *uses, enum schema_place place);

#endif
