/*
 * topic_sample.h - what the records of a topic were seen to be: formats, codecs, sizes, transactions, schema ids.  Pure.
 *
 * A sample shows what is there, never what is not: whoever rests on it says how many records it was.
 */
#ifndef EXIT_TOPIC_SAMPLE_H
#define EXIT_TOPIC_SAMPLE_H

#include "base/err.h"
#include "exit/schema_id.h"

#define SAMPLE_HEADER_NAMES_MAX 32

struct topic_sample {
	bool sampled; /* false: some of what was wanted could not be read; `why` */
	char why[300];
	int partitions;                   /* that were looked at */
	uint64_t batches, records, bytes; /* data; bytes of keys, values and headers as they are encoded */
	uint64_t control_batches;         /* markers of transactions */
	unsigned codecs;                  /* a bit for each codec number */
	unsigned formats;                 /* a bit for each record format */
	uint64_t batch_size_max;          /* bytes as stored */
	uint64_t inflated_size_max;       /* bytes of a batch's records */
	uint64_t record_size_max;         /* bytes of key, value and headers as they are encoded */
	uint32_t batch_records_max;
	uint64_t transactional, idempotent; /* batches */
	uint64_t log_append, create_time;   /* batches, by who set the time */
	uint64_t unreadable;                /* batches: damaged, or of a codec or format that is not known */
	uint64_t headers;                   /* records with any */
	uint32_t header_count_max;          /* in one record */
	char *header_names[SAMPLE_HEADER_NAMES_MAX];
	int header_name_count;
	bool header_names_cut;                       /* there were more */
	uint64_t null_keys, empty_keys, null_values; /* records */
	uint64_t timeless;                           /* records without a timestamp */
	int64_t timestamp_min, timestamp_max;        /* ms; -1 before any */
	struct schema_uses schemas;
};

void topic_sample_init(struct topic_sample *sample);
void topic_sample_done(struct topic_sample *sample);

/* Notes the first reason why not all could be read. */
void topic_sample_fail(struct topic_sample *sample, const char *why);

/*
 * Adds whole batches as a fetch of this partition brought them, records from `offset` on.  `inflater` and `scratch`
 * are the caller's.  Damage is counted, not an error; ERR_MEMORY.
 */
int topic_sample_add(struct topic_sample *sample, int32_t partition, int64_t offset, struct view batches,
		     struct inflater *inflater, struct buffer *scratch);

#endif
