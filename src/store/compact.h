/*
 * compact.h - of each key only the latest record: what compaction keeps of a batch.  Pure: batches in, batches out.
 *
 * First every batch that is to count is learned: which key was last written where.  Then batches are sieved, the same or others
 * before them: a record goes when its key was learned at a later offset; a tombstone, or a transaction's marker, when its batch
 * says since when it may (the delete horizon, KIP-534), and a batch that does not say it yet is given one; and what was aborted
 * goes at once.  What stays keeps offset, timestamp, producer, epoch and sequence, so a log that was compacted reads as before
 * with holes in it.  A batch that cannot be read stays as it is, and so does a record without a key.
 */
#ifndef STORE_COMPACT_H
#define STORE_COMPACT_H

#include "base/buffer.h"
#include "base/hash.h"
#include "store/producers.h"
#include "store/transactions.h"
#include "wire/batch_writer.h"

struct compact_slot {
	struct digest key;
	int64_t offset; /* -1: empty */
};

struct compaction {
	struct compact_slot *slots; /* open addressing */
	size_t count, capacity;
	uint64_t seed;
	const struct transaction *aborted;
	size_t aborted_count;
	int64_t now_ms, delete_retention_ms;
	struct inflater *inflater;
	struct deflater *deflater;
	struct buffer inflated;
	struct batch_writer writer;
	struct producers live; /* those that have data in the log whose marker was not seen yet */
	int64_t dropped, kept; /* records so far */
};

#define COMPACT_KEYS_MAX (1 << 21) /* 48 MiB at most for the table */

/* `aborted` must hold until compaction_done().  ERR_MEMORY. */
int compaction_init(struct compaction *compaction, const struct transaction *aborted, size_t aborted_count,
		    int64_t now_ms, int64_t delete_retention_ms, size_t batch_size_max);
void compaction_done(struct compaction *compaction);

/* 0; ERR_LIMIT when no more keys fit, and nothing of this batch was learned for sure; ERR_MEMORY. */
int compaction_learn(struct compaction *compaction, const struct batch *batch);

/*
 * From the log's start on, batch by batch in order.  Appends what stays of the batch to `out`, which may be nothing.  1 when an abort marker went: its transaction is then to be
 * forgotten; 0 otherwise; ERR_MEMORY, ERR_LIMIT.
 */
int compaction_sieve(struct compaction *compaction, const struct batch *batch, struct buffer *out);

#endif
