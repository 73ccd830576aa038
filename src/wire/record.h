/*
 * record.h - the records of an opened batch, read in place.
 *
 *	length  attributes  timestamp delta  offset delta | key length  key  value length  value  headers
 *	                                                  |<---- the slice: free of what the batch adds ---->|
 *
 * All lengths are zigzag varints, -1 is null.  The slice is the record's content: two records carry the same key,
 * value and headers exactly when their slices are equal, as long as every varint is as short as it can be.  One
 * that is not is legal, and seen: such a record is `loose`, and record_recode() gives its canonical slice.
 */
#ifndef WIRE_RECORD_H
#define WIRE_RECORD_H

#include "wire/batch.h"

struct record_span {
	const uint8_t *at; /* the slice */
	uint32_t size : 31;
	uint32_t loose : 1; /* a varint of the slice is longer than it need be */
	int32_t offset_delta;
	int64_t timestamp; /* absolute, ms; -1 when format 0 has none */
};

struct record_walk {
	const uint8_t *at, *end;
	int64_t base_offset, base_timestamp, append_timestamp;
	uint64_t content_size;     /* bytes of keys, values, header names and values walked so far */
	const char *fault;         /* what was wrong, for ever valid; NULL while all is well */
	int32_t last_offset_delta; /* the offset delta of the last record may not lie behind it */
	int32_t before_delta;      /* of the record before; -1 at first */
	int32_t left;              /* records that the head still promises */
	bool log_append_time;
	bool loose; /* any record so far */
};

void record_walk_init(struct record_walk *walk, const struct records *records);

/*
 * Finds the next records, at most `room`, checking every field: lengths that match exactly, offsets that grow
 * and stay within the batch, a count that is right.  Returns how many, 0 at the end, ERR_MALFORMED with
 * `walk->fault` set; the records found before the bad one are lost with it, because a batch is either
 * readable or not.
 */
int record_walk_next(struct record_walk *walk, struct record_span *out, int room);

static inline int64_t record_offset(const struct record_walk *walk, const struct record_span *span)
{
	return walk->base_offset + span->offset_delta;
}

/* The slice taken apart: views of it. */
struct record {
	struct view key, value; /* at == NULL is null */
	struct view headers;    /* behind their count, for header_next() */
	int32_t header_count;
};

/* ERR_MALFORMED for anything that record_walk_next() would not have let through. */
int record_split(struct view slice, struct record *out);

struct header {
	struct view name, value; /* the value may be null, the name not */
};

/* Cuts the next header off the front of `headers` (that of a struct record).  1, 0 at the end, ERR_MALFORMED.
 */
int header_next(struct view *headers, struct header *out);

/*
 * Appends the canonical slice to `out`, without the headers that `keep` says no to (NULL keeps all).  Returns
 * the bytes of keys, values, names and header values that it kept, or ERR_MALFORMED, ERR_LIMIT, ERR_MEMORY.
 */
typedef bool header_keep(void *context, struct view name);
int64_t record_recode(struct view slice, header_keep *keep, void *context, struct buffer *out);

/* The fields in front of a slice of `slice_size` bytes.  Failures stick in the buffer, as they do below. */
void record_head_encode(struct buffer *out, int64_t timestamp_delta, int32_t offset_delta, size_t slice_size);

/* Appends the canonical slice of these parts, and the bytes that it takes. */
void record_encode(struct buffer *out, struct view key, struct view value, const struct header *headers,
		   int header_count);
size_t record_measure(struct view key, struct view value, const struct header *headers, int header_count);

#endif
