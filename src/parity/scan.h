/*
 * scan.h - reads ranges of one topic from one side, decoded, in order of offset within each partition.
 *
 * For top-level code that waits until all is read.  What means that the log is not the one that was to be read ends it
 * with a reason: a scan never reads around a hole.
 */
#ifndef PARITY_SCAN_H
#define PARITY_SCAN_H

#include "client/fetcher.h"
#include "parity/decode.h"

struct scan_part {
	int32_t partition;
	int64_t from, until; /* half-open; nothing is read when from >= until */
};

struct scan_options {
	struct cluster *cluster;
	const char *topic;
	struct uuid topic_id; /* zero when not known */
	enum log_side side;
	const struct decode_options *decode;
	struct allowance *allowance;
	int64_t deadline_ms; /* how long a leader may be silent */
	size_t inflate_most; /* bytes that one batch may inflate to */

	/* Called for each piece, on the loop's thread.  An error ends the scan with it. */
	int (*visit)(void *context, const struct slab *slab);
	void (*progress)(void *context, double part); /* may be NULL */
	void *context;
};

/* Why a scan could not be finished: a reason's code ("UNREACHABLE", "COVERAGE_HOLE", ...), NULL when it was the visitor. */
struct scan_stop {
	const char *code;
	int32_t partition;
};

/*
 * Reads all parts.  0; the visitor's error; ERR_CANCELLED when loop_stop() was called; ERR_NETWORK, ERR_DENIED, ERR_STALE
 * (the log changed), ERR_BROKER or ERR_LIMIT with `stop` and `fault` telling why; ERR_MEMORY.
 */
int scan_run(struct loop *loop, const struct scan_options *options, const struct scan_part *parts, int count,
	     struct scan_stop *stop, struct fault *fault);

#endif
