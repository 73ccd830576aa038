/*
 * sample.h - small logs in memory, as a broker would hand them out: for the engine's controls and for tests.
 *
 * What is written here is real bytes: record batches with checksums, codecs, transactions and markers, read back by the
 * same decoder and join that read clusters.
 */
#ifndef PARITY_SAMPLE_H
#define PARITY_SAMPLE_H

#include "base/random.h"
#include "parity/join.h"
#include "wire/batch_writer.h"

struct sample_record {
	int32_t partition;
	int64_t timestamp;
	const char *key, *value;		/* NULL is null */
	const char *header_name, *header_value;	/* one header, or none when the name is NULL */
	int64_t producer_id;			/* of its transaction; 0: in none */
	int16_t producer_epoch;
};

/* One partition as it grows. */
struct sample_partition {
	struct buffer bytes;
	struct batch_writer writer;
	bool writing;
	struct batch_options options;	/* of the batch under way */
	int64_t from, next_offset;	/* log start, log end */
	struct aborted aborted[64], open[64];
	int aborted_count, open_count;
};

struct sample_log {
	enum log_side side;
	int32_t partition_count;
	struct sample_partition *partitions;
	int batch_records;		/* a batch is written when it has as many */
	enum codec codec;
	bool log_append_time;
	struct deflater *deflater;
	int err;			/* sticks */
};

void sample_init(struct sample_log *log, enum log_side side, int32_t partition_count);
void sample_done(struct sample_log *log);

/* Everything sticks its failure to log->err. */
void sample_add(struct sample_log *log, const struct sample_record *record);
void sample_flush(struct sample_log *log);	/* writes the batches under way */
void sample_end_txn(struct sample_log *log, int32_t partition, int64_t producer_id, int16_t producer_epoch,
		    int16_t marker_epoch, bool commit);
void sample_skip(struct sample_log *log, int32_t partition, int64_t count);	/* leaves offsets out */

/* Flips a bit in the batch that holds `offset`. */
void sample_break(struct sample_log *log, int32_t partition, int64_t offset);

/* How to run one comparison of two samples. */
struct sample_run {
	enum claim claim;
	bool ignore_timestamp;
	enum identity_kind identity;
	const char *identity_header;
	const char *const *ignore_headers;
	size_t ignore_header_count;
	size_t memory;		/* of the join; 0: plenty */
	uint64_t seed;
	uint64_t chance;	/* not 0: cuts of slabs and the order of reading are drawn from it */
	int examples;		/* 0: 100 */
	int restarts;		/* how often, at most, the join is saved, thrown away and loaded again on the way */
};

/*
 * Compares, in as many passes as the memory asks for, and adds to `report` (initialised by the caller).  0 or an
 * error.
 */
int sample_compare(const struct sample_run *run, const struct sample_log logs[2], struct parity_report *report);

#endif
