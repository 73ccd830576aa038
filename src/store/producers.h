/*
 * producers.h - what a partition remembers of its idempotent producers, to take each batch once (KIP-98, KIP-360).
 *
 * Pure: batch heads in, verdicts out.  A partition has two of these tables: what is durable, and, for producers that have
 * batches on their way, what will be.  A batch is judged by the second, where that has the producer.
 */
#ifndef STORE_PRODUCERS_H
#define STORE_PRODUCERS_H

#include "base/buffer.h"
#include "base/err.h"
#include "wire/batch.h"

#define PRODUCER_BATCHES 5 /* that a client may have in flight: max.in.flight.requests.per.connection */

struct producer_batch {
	int32_t first_sequence, last_sequence;
	int64_t base_offset, last_offset;
	int64_t timestamp;
};

struct producer {
	int64_t id;
	int16_t epoch;
	uint8_t count; /* of batches, oldest first; only those of `epoch` */
	bool in_transaction;
	struct producer_batch batches[PRODUCER_BATCHES];
	int32_t coordinator_epoch; /* of its last marker, or -1 */
	int64_t last_timestamp;    /* of its last batch or marker: what the client says */
	int64_t heard_ms;          /* when that came in, or was found at opening: monotonic, ours, not kept */
	int32_t in_flight;         /* in the second table: batches on their way */
};

struct producers {
	struct producer *slots; /* open addressing; id -1 is an empty slot */
	size_t count, capacity;
};

/*
 * Of one partition: then no new ones are taken.  A table that is read back may hold more, since some that were forgotten in the
 * meantime are in it again.
 */
#define PRODUCERS_MAX (1 << 20)

void producers_init(struct producers *producers);
void producers_done(struct producers *producers);
struct producer *producers_find(const struct producers *producers, int64_t id);

/* Would this one be too many? */
bool producers_full(const struct producers *producers, int64_t id);

/* Finds or makes; pointers into the table are void after it.  NULL when memory is out. */
struct producer *producers_add(struct producers *producers, int64_t id);
void producers_remove(struct producers *producers, int64_t id);

enum producer_verdict {
	PRODUCER_TAKE,
	PRODUCER_DUPLICATE,
	PRODUCER_OUT_OF_ORDER,
	PRODUCER_FENCED,
	PRODUCER_COORDINATOR_FENCED,
	PRODUCER_INVALID_STATE, /* a plain batch in the middle of the producer's transaction */
};

/* `producer` may be NULL: not known.  `duplicate` is set for PRODUCER_DUPLICATE.  `control`: read from a control batch. */
enum producer_verdict producer_judge(const struct producer *producer, const struct batch_head *head,
				     int32_t coordinator_epoch, struct producer_batch *duplicate);

/* The batch was taken, at head->base_offset. */
void producer_apply(struct producer *producer, const struct batch_head *head, int32_t coordinator_epoch);

/*
 * All of them as bytes, little-endian: version 4 (1), count 4, then for each: id 8, last timestamp 8, coordinator epoch 4,
 * epoch 2, batches 1, in a transaction 1, and for each batch first sequence 4, last sequence 4, base offset 8, last offset 8, timestamp 8.
 */
void producers_write(const struct producers *producers, struct buffer *out);

/* Fills an empty table from the front of `bytes`.  ERR_MALFORMED, ERR_UNSUPPORTED, ERR_MEMORY; then it is empty. */
int producers_read(struct producers *producers, struct view *bytes);

#endif
