/*
 * seen.h - what the records of a topic were seen to be: formats, codecs, sizes, transactions, schema ids.
 *
 * Taken from a sample of the newest records of each partition.  A sample shows what is there, never what is not: the
 * evidence says how many records it rests on.
 */
#ifndef EXIT_SEEN_H
#define EXIT_SEEN_H

#include "base/err.h"
#include "base/view.h"

struct loop;
struct cluster;
struct gathering;

#define SEEN_SCHEMAS_MAX 256

struct seen {
	bool sampled; /* false: it could not be read; `why` */
	const char *why;
	uint64_t batches, records, bytes;
	unsigned codecs;                    /* a bit for each codec number */
	unsigned formats;                   /* a bit for each record format */
	uint64_t batch_size_max;            /* bytes as stored */
	uint64_t headers;                   /* records with any */
	uint64_t transactional, idempotent; /* batches */
	int64_t ahead_ms_max; /* how far a record's time was ahead of the clock; 0 when none was */
	uint64_t log_append;  /* batches */
	uint64_t unreadable;  /* batches */
	/* Ids in the way of the schema registries: a zero byte and four of the id before the value or key. */
	uint64_t framed; /* records that look like it */
	uint64_t values; /* records with a value or key to look at */
	int32_t schemas[SEEN_SCHEMAS_MAX];
	int schema_count;
	bool schemas_cut; /* there were more */
};

/* Adds whole batches as a fetch brought them at wall time `now_ms`.  Damage is counted, not an error; ERR_MEMORY. */
int seen_batches(struct seen *seen, struct view batches, int64_t now_ms);

/*
 * Reads some of the newest records of each of the gathering's topics on one side and fills g->seen[side].  What could
 * not be read says so there; an error only without memory, or when it was cancelled.
 */
int seen_sample(struct gathering *g, int side, struct loop *loop, struct cluster *cluster, int64_t timeout_ms,
		struct fault *fault);

#endif
