/*
 * seen.h - what the records of a topic were seen to be: formats, codecs, sizes, transactions, schema ids.  Pure.
 *
 * Taken from a sample (sample_records.h).  A sample shows what is there, never what is not: the evidence says how many
 * records it rests on.
 */
#ifndef EXIT_SEEN_H
#define EXIT_SEEN_H

#include "base/err.h"
#include "exit/schema_id.h"

#define SEEN_HEADER_NAMES_MAX 32

struct seen {
	bool sampled;                     /* false: some of it could not be read; `why` */
	const char *why;                  /* the first reason; NULL while there is none */
	int partitions;                   /* that were looked at */
	uint64_t batches, records, bytes; /* data; bytes of keys, values and headers as they are encoded */
	uint64_t control_batches;         /* markers of transactions */
	unsigned codecs;                  /* a bit for each codec number */
	unsigned formats;                 /* a bit for each record format */
	uint64_t batch_size_max;          /* bytes as stored */
	uint64_t inflated_size_max;       /* bytes of one batch's records */
	uint64_t record_size_max;         /* bytes of key, value and headers as they are encoded */
	uint64_t batch_records_max;
	uint64_t headers;          /* records with any */
	uint32_t header_count_max; /* of one record */
	struct view header_names[SEEN_HEADER_NAMES_MAX];
	int header_name_count;
	bool header_names_cut;                       /* there were more */
	uint64_t null_keys, empty_keys, null_values; /* records */
	uint64_t transactional, idempotent;          /* batches */
	int64_t ahead_ms_max; /* how far a record's time was ahead of the clock; 0 when none was */
	uint64_t log_append;  /* batches whose time the broker set */
	uint64_t create_time; /* ... the producer */
	uint64_t timeless;    /* records without a time: format 0 */
	uint64_t unreadable;  /* batches: damaged, or of a codec or format that is not known */
	struct schema_uses schemas;
};

/* Everything lives in `arena`. */
void seen_init(struct seen *seen, struct arena *arena);

/* A piece of one partition, as a fetch brought it. */
struct seen_input {
	int32_t partition;
	struct view batches; /* whole ones */
	int64_t from, until; /* records and batches outside of these offsets are left out */
	int64_t now_ms;      /* wall time */
	struct inflater *inflater;
	struct buffer *scratch;
};

/* Adds it.  Damage is counted, not an error; ERR_MEMORY. */
int seen_add(struct seen *seen, const struct seen_input *input);

#endif
