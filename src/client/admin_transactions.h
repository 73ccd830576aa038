/*
 * admin_transactions.h - who writes to a partition, and which transactions are open (KIP-664).
 */
#ifndef CLIENT_ADMIN_TRANSACTIONS_H
#define CLIENT_ADMIN_TRANSACTIONS_H

#include "client/admin_groups.h"

struct active_producer {
	const char *topic;
	int32_t partition;
	int64_t id;
	int32_t epoch;
	int32_t last_sequence;
	int64_t last_ms;           /* wall time of its last write; -1 when not told */
	int32_t coordinator_epoch; /* -1 for one that never wrote in a transaction */
	int64_t open_since_offset; /* first offset of its open transaction; -1 for none */
};

struct active_producer_list {
	struct active_producer *at;
	int count;
	int failed_count;    /* partitions that could not be asked */
	struct fault failed; /* of the first of them */
};

int producers_list(struct cluster *cluster, const struct group_partition *partitions, int count,
		   int64_t timeout_ms, struct arena *arena, struct active_producer_list *out,
		   struct fault *fault);

struct transaction {
	const char *id;
	int32_t coordinator;
	const char *state; /* "Ongoing", "PrepareCommit", "CompleteAbort" ... */
	int64_t producer_id;
	int16_t producer_epoch;
	int32_t timeout_ms;
	int64_t start_ms; /* wall time; -1 when none is open */
	struct group_partition *partitions;
	int partition_count;
	int err; /* of its description; id, state and producer_id are known nevertheless */
};

struct transaction_list {
	struct transaction *at; /* in order of id */
	int count;
	int failed_count;
	struct fault failed;
};

/* Lists on every broker, then describes each.  ERR_UNSUPPORTED before 3.0. */
int transactions_list(struct cluster *cluster, int64_t timeout_ms, struct arena *arena,
		      struct transaction_list *out, struct fault *fault);

#endif
