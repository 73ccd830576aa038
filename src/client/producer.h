/*
 * producer.h - writes batches that somebody else made.
 *
 * A batch is the bytes of one record batch v2 (wire/batch_writer).  With `idempotent` the producer puts its
 * id, epoch and sequence into the head and sends again after a lost connection without doubling; without, a
 * batch whose fate is not known ends as an error.  Batches of one partition are written in the order in which
 * they were given.
 */
#ifndef CLIENT_PRODUCER_H
#define CLIENT_PRODUCER_H

#include "client/cluster.h"

struct producer;

struct producer_options {
	int16_t acks;                 /* 0, 1, -1 */
	bool idempotent;              /* needs acks -1 */
	const char *transactional_id; /* only stands in the request; NULL.  Transactions themselves are not
					 ours yet */
	int64_t timeout_ms;           /* for one batch, from produce to answer; 0 for 30 s */
	size_t memory;                /* bytes of batches under way; 0 for 64 MiB */
};

int producer_new(struct cluster *cluster, const struct producer_options *options, struct producer **out,
		 struct fault *fault);
void producer_free(struct producer *producer); /* what is under way ends with ERR_CANCELLED; NULL is silent */

struct produced {
	int err;                   /* 0; ERR_DENIED, ERR_TIMEOUT, ERR_BROKER, ... */
	const struct fault *fault; /* NULL when err is 0 */
	int16_t error_code;        /* the broker's word, when there was one */
	int64_t offset;            /* of the first record; -1 when not told (acks 0, an old duplicate) */
	int64_t log_append_ms;     /* -1 unless the topic stamps LogAppendTime */
};

typedef void produced_fn(void *context, const struct produced *result);

/*
 * Gives one batch; copied.  `records` may be empty: the broker then says who may write and where the log
 * ends, and appends nothing.  ERR_LIMIT when `memory` is used up: wait for a `done`.  `done` comes once,
 * never before this returns.
 */
int producer_send(struct producer *producer, const char *topic, int32_t partition, struct view records,
		  produced_fn *done, void *context);

/* Waits until nothing is under way (never from a callback): 0, ERR_TIMEOUT. */
int producer_flush(struct producer *producer, int64_t timeout_ms);

/* Send and wait. */
int producer_put(struct producer *producer, const char *topic, int32_t partition, struct view records,
		 int64_t *out_offset, struct fault *fault);

#endif
