/*
 * transaction_rules.c - who may do what with a transaction, as Kafka's coordinator decides it: looking alone, so that its
 * tests are tables.  The requests and the log are elsewhere.
 */
#include "broker/group.h"
#include "broker/transaction.h"

const char *transaction_state_name(enum transaction_state state)
{
	static const char *const names[] = { "Empty",        "Ongoing",        "PrepareCommit",
					     "PrepareAbort", "CompleteCommit", "CompleteAbort" };

	return names[state];
}

bool transaction_prepared(const struct transaction *transaction)
{
	return transaction->is.state == TRANSACTION_PREPARE_COMMIT ||
	       transaction->is.state == TRANSACTION_PREPARE_ABORT;
}

int16_t transaction_epoch_after(int16_t epoch)
{
	return epoch < INT16_MAX ? (int16_t)(epoch + 1) : epoch;
}

bool transaction_has(const struct transaction *transaction, struct view topic, int32_t partition)
{
	uint8_t raw[POSITION_KEY_MAX];

	return map_get(&transaction->partitions, position_key(raw, topic, partition)) != NULL;
}

int16_t transaction_owner_check(const struct transaction *transaction, int64_t producer_id, int16_t epoch)
{
	if (!transaction || transaction->is.producer_id != producer_id)
		return KAFKA_INVALID_PRODUCER_ID_MAPPING;
	if (transaction->is.epoch != epoch)
		return KAFKA_PRODUCER_FENCED;
	if (transaction->busy || transaction_prepared(transaction))
		return KAFKA_CONCURRENT_TRANSACTIONS;
	return KAFKA_NONE;
}

/* ---- InitProducerId -------------------------------------------------------------------------------------------------- */

/* The id it has, or the one before, when that ended for want of epochs. */
static bool id_known(const struct transaction_image *is, int64_t producer_id, int16_t epoch)
{
	return is->epoch < 0 || producer_id == is->producer_id ||
	       (producer_id == is->previous_id && epoch >= TRANSACTION_EPOCH_LAST);
}

enum transaction_init_step transaction_init_rule(const struct transaction *transaction, int64_t producer_id,
						 int16_t epoch, int16_t *error)
{
	const struct transaction_image *is = &transaction->is;
	bool named = producer_id >= 0;

	*error = KAFKA_CONCURRENT_TRANSACTIONS;
	if (transaction->busy)
		return TRANSACTION_INIT_REFUSE;
	if (named && !id_known(is, producer_id, epoch)) {
		*error = KAFKA_PRODUCER_FENCED;
		return TRANSACTION_INIT_REFUSE;
	}
	if (transaction_prepared(transaction))
		return TRANSACTION_INIT_REFUSE;
	*error = KAFKA_NONE;
	/* An older producer of this id fences the younger one: Kafka does not look at its epoch here. */
	if (is->state == TRANSACTION_ONGOING)
		return TRANSACTION_INIT_ABORT;
	if (is->epoch < 0 || (is->epoch >= TRANSACTION_EPOCH_LAST && (!named || epoch == is->epoch)))
		return TRANSACTION_INIT_NEW_ID;
	if (!named || epoch == is->epoch)
		return TRANSACTION_INIT_BUMP;
	if (epoch == is->last_epoch)
		return TRANSACTION_INIT_REPEAT;
	*error = KAFKA_PRODUCER_FENCED;
	return TRANSACTION_INIT_REFUSE;
}

/* ---- EndTxn ---------------------------------------------------------------------------------------------------------- */

static bool decided_so(const struct transaction_image *is, bool commit)
{
	return is->state == (commit ? TRANSACTION_COMPLETE_COMMIT : TRANSACTION_COMPLETE_ABORT);
}

/* Was the answer to this very end lost?  Then the epoch is one further already, or the next id has taken over. */
static bool asked_again(const struct transaction_image *is, int64_t producer_id, int16_t epoch)
{
	if (is->state < TRANSACTION_PREPARE_COMMIT)
		return false;
	return (is->producer_id == producer_id && epoch == is->epoch - 1) ||
	       (is->previous_id == producer_id && epoch == TRANSACTION_EPOCH_LAST && is->epoch == 0);
}

enum transaction_end_step transaction_end_rule(const struct transaction *transaction, int64_t producer_id,
					       int16_t epoch, bool commit, bool bumps, int16_t *error)
{
	*error = KAFKA_NONE;
	if (transaction && bumps && asked_again(&transaction->is, producer_id, epoch)) {
		if (transaction->busy || transaction_prepared(transaction))
			*error = KAFKA_CONCURRENT_TRANSACTIONS;
		else if (!decided_so(&transaction->is, commit))
			*error = KAFKA_INVALID_TXN_STATE;
		return TRANSACTION_END_ANSWER;
	}
	/*
	 * While markers are on their way the answer is CONCURRENT_TRANSACTIONS whatever is asked for, as the coordinator's next
	 * state is pending: franz-go aborts, when it has sent nothing, right after a commit's answer.
	 */
	*error = transaction_owner_check(transaction, producer_id, epoch);
	if (*error)
		return TRANSACTION_END_ANSWER;
	/* With an epoch for each transaction an abort may be of one that the coordinator never heard of. */
	if (transaction->is.state != TRANSACTION_ONGOING && !(bumps && !commit)) {
		if (bumps || !decided_so(&transaction->is, commit))
			*error = KAFKA_INVALID_TXN_STATE;
		return TRANSACTION_END_ANSWER;
	}
	return bumps && transaction->is.epoch >= TRANSACTION_EPOCH_LAST ? TRANSACTION_END_NEW_ID
									: TRANSACTION_END_WRITE;
}

/* ---- expiry ---------------------------------------------------------------------------------------------------------- */

bool transaction_expired(const struct transaction *transaction, int64_t wall_ms, int64_t kept_ms)
{
	const struct transaction_image *is = &transaction->is;

	return !transaction->busy && transaction->markers_left == 0 && is->producer_id >= 0 &&
	       (is->state == TRANSACTION_EMPTY || is->state >= TRANSACTION_COMPLETE_COMMIT) &&
	       wall_ms - is->update_ms >= kept_ms;
}

/* ---- Produce --------------------------------------------------------------------------------------------------------- */

int16_t transaction_write_rule(const struct transaction *transaction, struct view id, struct view topic,
			       int32_t partition, int16_t epoch, int16_t produce_version)
{
	if (!transaction)
		return KAFKA_INVALID_PRODUCER_ID_MAPPING;
	/* The right that was asked for is that to `id`: it is none to write into the transaction of another. */
	if (id.at && !view_is(id, transaction->id))
		return KAFKA_INVALID_PRODUCER_ID_MAPPING;
	if (epoch != transaction->is.epoch)
		return KAFKA_INVALID_PRODUCER_EPOCH;
	if (produce_version >= 12 && (transaction->busy || transaction_prepared(transaction)))
		return KAFKA_CONCURRENT_TRANSACTIONS; /* the markers of the last one are on their way */
	if (transaction->is.state != TRANSACTION_ONGOING || !transaction_has(transaction, topic, partition))
		return produce_version >= 11 ? KAFKA_TRANSACTION_ABORTABLE : KAFKA_INVALID_TXN_STATE;
	return KAFKA_NONE;
}
