/*
 * admin_fence.h - a transactional id taken over, so that whoever had it is fenced (InitProducerId, KIP-98 and KIP-360).
 *
 * The coordinator ends a transaction that is open (it is aborted) and raises the id's epoch.  From then on the older
 * producer gets
 *
 *	AddPartitionsToTxn, EndTxn, TxnOffsetCommit	PRODUCER_FENCED (90), to older clients INVALID_PRODUCER_EPOCH (47)
 *	Produce						INVALID_PRODUCER_EPOCH (47), where the partition's leader has seen
 *							the newer epoch: with the abort's marker, or when it asks the
 *							coordinator (transaction.partition.verification.enable, 3.6 on)
 *	InitProducerId with its own id and epoch	PRODUCER_FENCED (90)
 *
 * but nothing keeps the application from starting again and taking the id back: by itself this is no fence, it ends
 * what is under way.  A leader that has seen no newer epoch and verifies nothing would still take a record of a client
 * that skips AddPartitionsToTxn; those that follow the protocol do not.
 */
#ifndef CLIENT_ADMIN_FENCE_H
#define CLIENT_ADMIN_FENCE_H

#include "client/cluster.h"

struct transaction_identity {
	int64_t producer_id;
	int16_t producer_epoch;
	int32_t timeout_ms;
	const char *state; /* "Empty", "Ongoing" ...; of transaction_look() */
};

/*
 * Asks the coordinator who has the id.  ERR_NOT_FOUND: nobody ever had (or it has been forgotten); ERR_DENIED without
 * DESCRIBE on the id; ERR_UNSUPPORTED before 3.0.  `state` is in `arena`.
 */
int transaction_look(struct cluster *cluster, const char *id, int64_t timeout_ms, struct arena *arena,
		     struct transaction_identity *out, struct fault *fault);

/*
 * Takes the id over.  `transaction_timeout_ms` is remembered by the coordinator and shown by transaction_look(), until
 * the next producer takes the id with its own.  Waits while the coordinator aborts what is open.  ERR_DENIED without
 * WRITE on the id; ERR_USAGE for a time-out above the broker's transaction.max.timeout.ms.
 */
int transaction_fence(struct cluster *cluster, const char *id, int32_t transaction_timeout_ms, int64_t timeout_ms,
		      struct transaction_identity *out, struct fault *fault);

#endif
