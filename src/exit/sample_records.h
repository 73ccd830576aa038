/*
 * sample_records.h - reads the oldest and the newest records of each partition, within limits, for a look at them.
 *
 * The oldest, because what was written long ago still has to be read on the target; the newest, because what is
 * written now will be.  What lies between is not looked at.
 */
#ifndef EXIT_SAMPLE_RECORDS_H
#define EXIT_SAMPLE_RECORDS_H

#include "exit/seen.h"

struct cluster;
struct loop;

struct sample_request {
	const char *topic;
	int32_t partition_count;
	struct seen *seen; /* seen_init() was called; filled in, `sampled` and `why` too */
};

struct sample_limits {
	int64_t records;    /* offsets at each end of a partition; 0: 1,000 */
	int64_t bytes;      /* of one partition, as stored; the last answer may pass it; 0: 256 KiB */
	int partitions;     /* of one topic, spread over all of them; 0: 64 */
	int64_t timeout_ms; /* for everything; 0: 30 s */
};

/*
 * Reads and waits (never from a callback).  What could not be read says so in what was seen, and its words live in
 * `arena`.  0, ERR_MEMORY, ERR_CANCELLED.
 */
int sample_records(struct loop *loop, struct cluster *cluster, const struct sample_request *requests,
		   int count, const struct sample_limits *limits, struct arena *arena, struct fault *fault);

#endif
