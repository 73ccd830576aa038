/*
 * leak.h - is anything written behind the ends of a side that is fenced?
 *
 * Markers that brokers write for themselves (transactions that end after the fence) are growth, but no leak.  Any record
 * is one, also of a transaction that is open or was aborted: whoever sent it was not stopped.
 */
#ifndef PARITY_LEAK_H
#define PARITY_LEAK_H

#include "base/err.h"
#include "loop/loop.h"

struct cluster;

/* One partition: its end as recorded goes in, what is found comes out. */
struct leak_watch {
	const char *topic;
	int32_t partition;
	int64_t end; /* one behind the last record, markers included */

	int64_t now; /* where the log ends now; -1 when that is not known */
	bool leaked; /* what follows speaks of the first record behind `end` */
	int64_t offset;
	int64_t timestamp;   /* of its batch's first record; milliseconds since 1970, -1 for none */
	int64_t producer_id; /* -1 when the producer is not idempotent */
	int16_t producer_epoch;
	bool transactional;
};

/*
 * Looks at all of them and waits (never from a callback): one round trip when nothing has grown.  Returns how many
 * partitions leaked.  ERR_STALE when a log ends before its recorded end: it was cut back.  ERR_NETWORK, ERR_TIMEOUT,
 * ERR_DENIED, ERR_CHECKSUM (what stands behind an end cannot be read), ERR_MEMORY: nothing is known then of partitions
 * that are not `leaked`.
 */
int leak_look(struct loop *loop, struct cluster *cluster, struct leak_watch *watches, int count,
	      int64_t timeout_ms, struct fault *fault);

#endif
