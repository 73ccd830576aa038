/* transaction_requests.c - InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn; and what a produce request needs. */
#include <stdlib.h>

#include "broker/api.h"
#include "broker/coordinator.h"
#include "broker/group.h"
#include "broker/producer_ids.h"
#include "broker/transaction.h"

#define EPOCH_LAST (INT16_MAX - 1) /* then a new id */
#define FENCED_NEW_END                                                                                       \
	2 /* from this version of EndTxn, AddPartitionsToTxn on PRODUCER_FENCED is known (KIP-588) */
#define FENCED_NEW_INIT 4
#define BUMP_SINCE      5 /* of EndTxn: each transaction has an epoch of its own (KIP-890) */

static int16_t serve(struct broker *broker, struct view id)
{
	return id.size == 0 ? KAFKA_INVALID_REQUEST : internal_log_ready(&broker_transactions(broker)->log);
}

static bool prepared(const struct transaction *transaction)
{
	return transaction->is.state == TRANSACTION_PREPARE_COMMIT ||
	       transaction->is.state == TRANSACTION_PREPARE_ABORT;
}

/* ---- InitProducerId -------------------------------------------------------------------------------------------------- */

static void init_answer(struct request *request, int16_t error, int64_t producer_id, int16_t epoch)
{
	struct init_producer_id_response *response = request_response(request);

	if (error == KAFKA_PRODUCER_FENCED && request_version(request) < FENCED_NEW_INIT)
		error = KAFKA_INVALID_PRODUCER_EPOCH;
	if (response) {
		response->error_code = error;
		response->producer_id = error ? -1 : producer_id;
		response->producer_epoch = error ? -1 : epoch;
	}
	request_answer(request, response);
}

static void given(void *context, int16_t error, int64_t id)
{
	init_answer(context, error, id, 0);
}

static void init_written(void *context, struct transaction *transaction, int16_t error)
{
	init_answer(context, error, transaction->is.producer_id, transaction->is.epoch);
}

static void init_with_id(void *context, int16_t error, int64_t id)
{
	struct request *request = context;
	const struct init_producer_id_request *in = request->message;
	struct transactions *all = broker_transactions(request->broker);
	struct transaction *transaction = transaction_named(all, in->transactional_id);
	struct transaction_image next = { .producer_id = id,
					  .next_id = -1,
					  .previous_id = -1,
					  .last_epoch = -1,
					  .timeout_ms = in->transaction_timeout_ms,
					  .state = TRANSACTION_EMPTY,
					  .start_ms = -1 };

	if (error) {
		init_answer(request, error, -1, -1);
	} else if (transaction && (transaction->busy || transaction->is.state == TRANSACTION_ONGOING ||
				   prepared(transaction))) {
		init_answer(request, KAFKA_CONCURRENT_TRANSACTIONS, -1, -1);
	} else if (!transaction && !(transaction = transaction_make(all, in->transactional_id))) {
		init_answer(request, KAFKA_UNKNOWN_SERVER_ERROR, -1, -1);
	} else {
		transaction_write(transaction, &next, NULL, 0, init_written, request);
	}
}

static void fenced_aborted(void *context, struct transaction *transaction, int16_t error)
{
	if (!error)
		transaction_mark(transaction);
	init_answer(context, error ? error : KAFKA_CONCURRENT_TRANSACTIONS, -1, -1);
}

static void init_again(struct request *request, struct transaction *transaction)
{
	const struct init_producer_id_request *in = request->message;
	struct transaction_image next = transaction->is;
	bool named = in->producer_id >= 0;

	if (transaction->busy || prepared(transaction)) {
		init_answer(request, KAFKA_CONCURRENT_TRANSACTIONS, -1, -1);
		return;
	}
	if (named && in->producer_id == next.producer_id && in->producer_epoch == next.last_epoch &&
	    next.last_epoch >= 0 && next.state != TRANSACTION_ONGOING) {
		init_answer(request, KAFKA_NONE, next.producer_id,
			    next.epoch); /* the answer was lost: it asks again */
		return;
	}
	if (named && (in->producer_id != next.producer_id || in->producer_epoch != next.epoch)) {
		init_answer(request, KAFKA_PRODUCER_FENCED, -1, -1);
		return;
	}
	if (next.state == TRANSACTION_ONGOING) {
		next.epoch++; /* whoever had it is fenced */
		next.last_epoch = -1;
		next.state = TRANSACTION_PREPARE_ABORT;
		transaction_write(transaction, &next, NULL, 0, fenced_aborted, request);
		return;
	}
	if (next.epoch < 0 || next.epoch >= EPOCH_LAST) {
		producer_id_take(request->broker, init_with_id, request);
		return;
	}
	next.last_epoch = named ? next.epoch : -1;
	next.previous_id = -1;
	next.epoch++;
	next.state = TRANSACTION_EMPTY;
	next.timeout_ms = in->transaction_timeout_ms;
	next.start_ms = -1;
	transaction_write(transaction, &next, NULL, 0, init_written, request);
}

void handle_init_producer_id(struct request *request)
{
	const struct init_producer_id_request *in = request->message;
	struct transaction *transaction;
	int16_t error;

	if (!in->transactional_id.at) {
		producer_id_take(request->broker, given, request);
		return;
	}
	error = serve(request->broker, in->transactional_id);
	if (!error && (in->transaction_timeout_ms <= 0 ||
		       in->transaction_timeout_ms > request->broker->properties.transaction_timeout_most_ms))
		error = KAFKA_INVALID_TRANSACTION_TIMEOUT;
	if (!error && (in->producer_id >= 0) != (in->producer_epoch >= 0))
		error = KAFKA_INVALID_REQUEST;
	if (error) {
		init_answer(request, error, -1, -1);
		return;
	}
	transaction = transaction_named(broker_transactions(request->broker), in->transactional_id);
	if (transaction && (transaction->is.producer_id >= 0 || transaction->busy))
		init_again(request, transaction);
	else if (in->producer_id >= 0 && !transaction)
		init_answer(request, KAFKA_INVALID_PRODUCER_ID_MAPPING, -1, -1);
	else
		producer_id_take(request->broker, init_with_id, request);
}

/* ---- adding ---------------------------------------------------------------------------------------------------------- */

int16_t transaction_owner_check(const struct transaction *transaction, int64_t producer_id, int16_t epoch)
{
	if (!transaction || transaction->is.producer_id != producer_id)
		return KAFKA_INVALID_PRODUCER_ID_MAPPING;
	if (transaction->is.epoch != epoch)
		return KAFKA_PRODUCER_FENCED;
	if (transaction->busy || prepared(transaction))
		return KAFKA_CONCURRENT_TRANSACTIONS;
	return KAFKA_NONE;
}

struct adding {
	transaction_added *done;
	void *context;
};

static void add_written(void *context, struct transaction *transaction, int16_t error)
{
	struct adding adding = *(struct adding *)context;

	free(context);
	adding.done(adding.context, error);
}

void transaction_add(struct transaction *transaction, const struct view *keys, int count,
		     transaction_added *done, void *context)
{
	struct transaction_image next = transaction->is;
	struct view *fresh = calloc(count ? (size_t)count : 1, sizeof *fresh);
	struct adding *adding = malloc(sizeof *adding);
	int fresh_count = 0;

	for (int i = 0; fresh && i < count; i++)
		if (next.state != TRANSACTION_ONGOING || !map_get(&transaction->partitions, keys[i]))
			fresh[fresh_count++] = keys[i];
	if (!fresh || !adding ||
	    transaction->partitions.count + (size_t)fresh_count > TRANSACTION_PARTITIONS_MAX) {
		free(adding);
		done(context, KAFKA_UNKNOWN_SERVER_ERROR);
	} else if (fresh_count == 0) {
		free(adding);
		done(context, KAFKA_NONE);
	} else {
		*adding = (struct adding){ done, context };
		if (next.state != TRANSACTION_ONGOING)
			next.start_ms = broker_wall_ms(transaction->all->broker);
		next.state = TRANSACTION_ONGOING;
		next.last_epoch = -1;
		transaction_write(transaction, &next, fresh, fresh_count, add_written, adding);
	}
	free(fresh);
}

struct partitions_adding {
	struct request *request;
	struct add_partitions_to_txn_response_topic_result *results;
	int32_t count;
	int16_t *whole;
	int *left;
	void *response;
};

static void tell_partitions(struct partitions_adding *adding, int16_t error)
{
	for (int32_t i = 0; i < adding->count; i++)
		for (int32_t k = 0; k < adding->results[i].results_by_partition.count; k++)
			adding->results[i].results_by_partition.at[k].partition_error_code = error;
}

static void partitions_step(struct partitions_adding *adding)
{
	if (--*adding->left == 0)
		request_answer(adding->request, adding->response);
}

static void partitions_added(void *context, int16_t error)
{
	struct partitions_adding *adding = context;

	tell_partitions(adding, error);
	partitions_step(adding);
}

/* All or nothing: one that is not known, and none is added.  The keys, or NULL. */
static struct view *partition_keys(struct request *request,
				   const struct add_partitions_to_txn_request_topic *topics, int32_t count,
				   struct partitions_adding *adding, int *keys_count, bool *known)
{
	struct view *keys;
	size_t all = 0;

	for (int32_t i = 0; i < count; i++)
		all += (size_t)topics[i].partitions.count;
	keys = arena_array(&request->arena, all, sizeof *keys);
	adding->results = REQUEST_ARRAY(request, add_partitions_to_txn_response_topic_result_shape, count);
	adding->count = 0;
	*keys_count = 0;
	*known = true;
	if (!keys || !adding->results)
		return NULL;
	for (int32_t i = 0; i < count; i++) {
		struct store_topic *topic = store_topic_named(request->broker->store, topics[i].name);
		struct add_partitions_to_txn_response_topic_result *result =
			&adding->results[adding->count++];
		int32_t partitions = topics[i].partitions.count;

		result->name = topics[i].name;
		result->results_by_partition.at = REQUEST_ARRAY(
			request, add_partitions_to_txn_response_partition_result_shape, partitions);
		if (!result->results_by_partition.at)
			return NULL;
		result->results_by_partition.count = partitions;
		for (int32_t k = 0; k < partitions; k++) {
			int32_t index = topics[i].partitions.at[k];
			uint8_t raw[POSITION_KEY_MAX];

			result->results_by_partition.at[k].partition_index = index;
			if (!topic || index < 0 || index >= topic->partition_count) {
				result->results_by_partition.at[k].partition_error_code =
					KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
				*known = false;
				continue;
			}
			result->results_by_partition.at[k].partition_error_code =
				KAFKA_OPERATION_NOT_ATTEMPTED;
			keys[*keys_count] =
				arena_copy(&request->arena, position_key(raw, topics[i].name, index));
			if (!keys[(*keys_count)++].at)
				return NULL;
		}
	}
	return keys;
}

/* One transaction of the request.  Where it cannot even be told, the connection ends. */
static bool add_partitions(struct partitions_adding *adding, struct view id, int64_t producer_id,
			   int16_t epoch, const struct add_partitions_to_txn_request_topic *topics,
			   int32_t count, bool verify_only)
{
	struct request *request = adding->request;
	struct transaction *transaction;
	int16_t error = serve(request->broker, id);
	int keys_count;
	bool known;
	struct view *keys = partition_keys(request, topics, count, adding, &keys_count, &known);

	if (!keys)
		return false;
	transaction = error ? NULL : transaction_named(broker_transactions(request->broker), id);
	if (!error)
		error = transaction_owner_check(transaction, producer_id, epoch);
	if (error == KAFKA_PRODUCER_FENCED && request_version(request) < FENCED_NEW_END)
		error = KAFKA_INVALID_PRODUCER_EPOCH;
	if (error) {
		tell_partitions(adding, error);
	} else if (verify_only) {
		for (int32_t i = 0; i < count; i++)
			for (int32_t k = 0; k < topics[i].partitions.count; k++)
				adding->results[i].results_by_partition.at[k].partition_error_code =
					transaction->is.state == TRANSACTION_ONGOING &&
							transaction_has(transaction, topics[i].name,
									topics[i].partitions.at[k])
						? KAFKA_NONE
						: KAFKA_TRANSACTION_ABORTABLE;
	} else if (known) {
		++*adding->left;
		transaction_add(transaction, keys, keys_count, partitions_added, adding);
	}
	return true;
}

void handle_add_partitions_to_txn(struct request *request)
{
	const struct add_partitions_to_txn_request *in = request->message;
	struct add_partitions_to_txn_response *response = request_response(request);
	bool batch = request_version(request) >= 4;
	int32_t count = batch ? in->transactions.count : 1;
	struct partitions_adding *addings = arena_array(&request->arena, (size_t)count, sizeof *addings);
	int *left = arena_take(&request->arena, sizeof *left);
	bool ok = response && addings && left;

	if (ok && batch) {
		response->results_by_transaction.at = REQUEST_ARRAY(
			request, add_partitions_to_txn_response_results_by_transaction_shape, count);
		ok = response->results_by_transaction.at != NULL;
	}
	if (!ok) {
		request_answer(request, NULL);
		return;
	}
	*left = 1;
	for (int32_t i = 0; i < count && ok; i++) {
		addings[i] =
			(struct partitions_adding){ .request = request, .left = left, .response = response };
		if (batch) {
			const struct add_partitions_to_txn_request_transaction *one = &in->transactions.at[i];

			ok = add_partitions(&addings[i], one->transactional_id, one->producer_id,
					    one->producer_epoch, one->topics.at, one->topics.count,
					    one->verify_only);
			response->results_by_transaction.at[i].transactional_id = one->transactional_id;
			response->results_by_transaction.at[i].topic_results.at = addings[i].results;
			response->results_by_transaction.at[i].topic_results.count =
				ok ? addings[i].count : 0;
			response->results_by_transaction.count++;
		} else {
			ok = add_partitions(&addings[i], in->v3_and_below_transactional_id,
					    in->v3_and_below_producer_id, in->v3_and_below_producer_epoch,
					    in->v3_and_below_topics.at, in->v3_and_below_topics.count, false);
			response->results_by_topic_v3_and_below.at = addings[i].results;
			response->results_by_topic_v3_and_below.count = ok ? addings[i].count : 0;
		}
	}
	partitions_step(&addings[0]);
}

/* ---- AddOffsetsToTxn ------------------------------------------------------------------------------------------------- */

/* The partition of __consumer_offsets that holds the group's positions, as a key of a transaction's. */
static int16_t offsets_key(struct request *request, struct view group, struct view *key)
{
	struct groups *groups = broker_groups(request->broker);
	int16_t error = groups_serve(groups, group);
	uint8_t raw[POSITION_KEY_MAX];
	struct partition *partition;

	if (error)
		return error;
	partition = internal_log_place(&groups->log, group);
	*key = arena_copy(&request->arena,
			  position_key(raw, view_text(groups->log.name), store_partition_index(partition)));
	return key->at ? KAFKA_NONE : KAFKA_UNKNOWN_SERVER_ERROR;
}

static void offsets_added(void *context, int16_t error)
{
	struct request *request = context;
	struct add_offsets_to_txn_response *response = request_response(request);

	if (error == KAFKA_PRODUCER_FENCED && request_version(request) < FENCED_NEW_END)
		error = KAFKA_INVALID_PRODUCER_EPOCH;
	if (response)
		response->error_code = error;
	request_answer(request, response);
}

void handle_add_offsets_to_txn(struct request *request)
{
	const struct add_offsets_to_txn_request *in = request->message;
	int16_t error = serve(request->broker, in->transactional_id);
	struct transaction *transaction = NULL;
	struct view key;

	if (!error) {
		transaction = transaction_named(broker_transactions(request->broker), in->transactional_id);
		error = transaction_owner_check(transaction, in->producer_id, in->producer_epoch);
	}
	if (!error)
		error = offsets_key(request, in->group_id, &key);
	if (error)
		offsets_added(request, error);
	else
		transaction_add(transaction, &key, 1, offsets_added, request);
}

/* ---- EndTxn ---------------------------------------------------------------------------------------------------------- */

static void end_answer(struct request *request, int16_t error, const struct transaction *transaction)
{
	struct end_txn_response *response = request_response(request);

	if (error == KAFKA_PRODUCER_FENCED && request_version(request) < FENCED_NEW_END)
		error = KAFKA_INVALID_PRODUCER_EPOCH;
	if (response) {
		response->error_code = error;
		if (!error && request_version(request) >= BUMP_SINCE) {
			bool over = transaction->is.next_id >= 0;

			response->producer_id = over ? transaction->is.next_id : transaction->is.producer_id;
			response->producer_epoch = over ? 0 : transaction->is.epoch;
		}
	}
	request_answer(request, response);
}

static void decided(void *context, struct transaction *transaction, int16_t error)
{
	/* The answer first: markers are not waited for, but the next transaction is. */
	end_answer(context, error, transaction);
	if (!error)
		transaction_mark(transaction);
}

static bool decided_so(const struct transaction *transaction, bool commit)
{
	return transaction->is.state == (commit ? TRANSACTION_COMPLETE_COMMIT : TRANSACTION_COMPLETE_ABORT);
}

static void end_write(struct request *request, struct transaction *transaction, int64_t next_id)
{
	const struct end_txn_request *in = request->message;
	struct transaction_image next = transaction->is;

	if (request_version(request) >= BUMP_SINCE) {
		next.last_epoch = next.epoch;
		next.epoch++;
		next.next_id = next_id;
		next.previous_id = -1;
	}
	next.state = in->committed ? TRANSACTION_PREPARE_COMMIT : TRANSACTION_PREPARE_ABORT;
	transaction_write(transaction, &next, NULL, 0, decided, request);
}

/* The last epoch of a producer id: the next transaction gets another id. */
static void end_with_id(void *context, int16_t error, int64_t id)
{
	struct request *request = context;
	const struct end_txn_request *in = request->message;
	struct transaction *transaction =
		transaction_named(broker_transactions(request->broker), in->transactional_id);

	if (!error)
		error = transaction_owner_check(transaction, in->producer_id, in->producer_epoch);
	if (error)
		end_answer(request, error, transaction);
	else
		end_write(request, transaction, id);
}

static void end_now(struct request *request, struct transaction *transaction)
{
	const struct end_txn_request *in = request->message;
	bool bumps = request_version(request) >= BUMP_SINCE;

	/* With an epoch for each transaction an abort may be of one that the coordinator never heard of. */
	if (transaction->is.state != TRANSACTION_ONGOING && !(bumps && !in->committed))
		end_answer(request,
			   !bumps && decided_so(transaction, in->committed) ? KAFKA_NONE
									    : KAFKA_INVALID_TXN_STATE,
			   transaction);
	else if (bumps && transaction->is.epoch >= EPOCH_LAST)
		producer_id_take(request->broker, end_with_id, request);
	else
		end_write(request, transaction, -1);
}

/* Was the answer to this very end lost?  Then the epoch is one further already, or the next id has taken over. */
static bool asked_again(const struct request *request, const struct transaction *transaction)
{
	const struct end_txn_request *in = request->message;
	const struct transaction_image *is = &transaction->is;

	if (request_version(request) < BUMP_SINCE || is->state < TRANSACTION_PREPARE_COMMIT)
		return false;
	return (is->producer_id == in->producer_id && in->producer_epoch == is->epoch - 1) ||
	       (is->previous_id == in->producer_id && in->producer_epoch == EPOCH_LAST && is->epoch == 0);
}

void handle_end_txn(struct request *request)
{
	const struct end_txn_request *in = request->message;
	int16_t error = serve(request->broker, in->transactional_id);
	struct transaction *transaction =
		error ? NULL : transaction_named(broker_transactions(request->broker), in->transactional_id);

	if (!error && transaction && asked_again(request, transaction)) {
		if (transaction->busy || prepared(transaction))
			error = KAFKA_CONCURRENT_TRANSACTIONS;
		else if (!decided_so(transaction, in->committed))
			error = KAFKA_INVALID_TXN_STATE;
		end_answer(request, error, transaction);
		return;
	}
	if (!error && (!transaction || transaction->is.producer_id != in->producer_id))
		error = KAFKA_INVALID_PRODUCER_ID_MAPPING;
	if (!error && in->producer_epoch != transaction->is.epoch)
		error = KAFKA_PRODUCER_FENCED;
	if (!error && transaction->busy)
		error = KAFKA_CONCURRENT_TRANSACTIONS;
	if (!error && prepared(transaction))
		error = (transaction->is.state == TRANSACTION_PREPARE_COMMIT) == in->committed
				? KAFKA_CONCURRENT_TRANSACTIONS
				: KAFKA_INVALID_TXN_STATE;
	if (error)
		end_answer(request, error, transaction);
	else
		end_now(request, transaction);
}

/* ---- produce --------------------------------------------------------------------------------------------------------- */

/* A batch outside of its transaction would hang, or fall into the next one: it is refused (KIP-890). */
int16_t coordinator_may_write(struct broker *broker, struct view topic, int32_t partition,
			      const struct batch_head *head, int16_t produce_version)
{
	struct transactions *all = broker_transactions(broker);
	struct transaction *transaction = transaction_of_producer(all, head->producer_id);

	if (!all->log.loaded)
		return KAFKA_NOT_ENOUGH_REPLICAS; /* a moment, please */
	if (!transaction)
		return KAFKA_INVALID_PRODUCER_ID_MAPPING;
	if (head->producer_epoch != transaction->is.epoch)
		return KAFKA_INVALID_PRODUCER_EPOCH;
	if (produce_version >= 12 && (transaction->busy || prepared(transaction)))
		return KAFKA_CONCURRENT_TRANSACTIONS; /* the markers of the last one are on their way */
	if (transaction->is.state != TRANSACTION_ONGOING || !transaction_has(transaction, topic, partition))
		return produce_version >= 11 ? KAFKA_TRANSACTION_ABORTABLE : KAFKA_INVALID_TXN_STATE;
	return KAFKA_NONE;
}

/* ---- TxnOffsetCommit ------------------------------------------------------------------------------------------------- */

struct txn_committing {
	struct request *request;
	struct txn_offset_commit_response *response;
	int64_t now_ms;
};

static void txn_committed(void *context, const struct store_appended *appended)
{
	struct txn_committing *committing = context;
	struct request *request = committing->request;
	const struct txn_offset_commit_request *in = request->message;
	struct group *group = appended->err ? NULL : group_make(broker_groups(request->broker), in->group_id);
	struct pending_positions *pending = group ? pending_positions_of(group, in->producer_id, true) : NULL;

	for (int32_t i = 0; i < in->topics.count; i++) {
		for (int32_t k = 0; k < in->topics.at[i].partitions.count; k++) {
			const struct txn_offset_commit_request_partition *one =
				&in->topics.at[i].partitions.at[k];
			int16_t *error = &committing->response->topics.at[i].partitions.at[k].error_code;

			if (*error)
				continue;
			if (appended->err)
				*error = internal_append_error(appended->err);
			else if (!pending || !position_set(&pending->positions, in->topics.at[i].name,
							   one->partition_index, one->committed_offset,
							   one->committed_leader_epoch,
							   one->committed_metadata, committing->now_ms))
				*error = KAFKA_UNKNOWN_SERVER_ERROR;
		}
	}
	request_answer(request, committing->response);
}

static int16_t txn_commit_one(struct request *request, struct internal_batch *batch, struct view topic_name,
			      const struct txn_offset_commit_request_partition *in, int16_t error,
			      int64_t now_ms)
{
	const struct txn_offset_commit_request *all = request->message;
	struct store_topic *topic = store_topic_named(request->broker->store, topic_name);
	struct position position = { in->committed_offset, now_ms, in->committed_leader_epoch, NULL };
	struct view text = in->committed_metadata.at ? in->committed_metadata : VIEW_LITERAL("");

	if (error)
		return error;
	if (!topic || in->partition_index < 0 || in->partition_index >= topic->partition_count)
		return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	if ((int64_t)text.size > request->broker->properties.commit_metadata_max)
		return KAFKA_OFFSET_METADATA_TOO_LARGE;
	position.metadata = (char *)arena_copy(&request->arena, text).at;
	if (!position.metadata)
		return KAFKA_UNKNOWN_SERVER_ERROR;
	position_put(batch, all->group_id, topic_name, in->partition_index, &position);
	return KAFKA_NONE;
}

/* Answers at once with `error` where it is one. */
static void txn_commit(struct request *request, int16_t error)
{
	const struct txn_offset_commit_request *in = request->message;
	struct txn_committing *committing = arena_take(&request->arena, sizeof *committing);
	struct txn_offset_commit_response *response = request_response(request);
	struct internal_batch batch;
	bool ok = committing && response &&
		  (response->topics.at =
			   REQUEST_ARRAY(request, txn_offset_commit_response_topic_shape, in->topics.count));
	int count = 0, err;

	if (!ok) {
		request_answer(request, NULL);
		return;
	}
	*committing = (struct txn_committing){ request, response, broker_wall_ms(request->broker) };
	response->topics.count = in->topics.count;
	internal_batch_init(&batch, request->broker);
	batch.options.producer_id = in->producer_id;
	batch.options.producer_epoch = in->producer_epoch;
	batch.options.base_sequence = -1;
	batch.options.transactional = true;
	for (int32_t i = 0; i < in->topics.count; i++) {
		struct txn_offset_commit_response_topic *out = &response->topics.at[i];
		int32_t partitions = in->topics.at[i].partitions.count;

		out->name = in->topics.at[i].name;
		out->partitions.at =
			REQUEST_ARRAY(request, txn_offset_commit_response_partition_shape, partitions);
		out->partitions.count = out->partitions.at ? partitions : 0;
		ok &= out->partitions.at != NULL;
		for (int32_t k = 0; k < out->partitions.count; k++) {
			out->partitions.at[k].partition_index =
				in->topics.at[i].partitions.at[k].partition_index;
			out->partitions.at[k].error_code =
				txn_commit_one(request, &batch, out->name, &in->topics.at[i].partitions.at[k],
					       error, committing->now_ms);
			count += out->partitions.at[k].error_code == KAFKA_NONE;
		}
	}
	if (!ok || count == 0) {
		internal_batch_done(&batch);
		request_answer(request, ok ? response : NULL);
		return;
	}
	err = internal_batch_append(&batch,
				    internal_log_place(&broker_groups(request->broker)->log, in->group_id),
				    txn_committed, committing);
	if (err != 0)
		txn_committed(committing, &(struct store_appended){ .err = err });
}

static void txn_commit_added(void *context, int16_t error)
{
	txn_commit(context, error);
}

void handle_txn_offset_commit(struct request *request)
{
	const struct txn_offset_commit_request *in = request->message;
	struct groups *groups = broker_groups(request->broker);
	int16_t error = serve(request->broker, in->transactional_id);
	struct transaction *transaction = NULL;
	struct view key = VIEW_NULL;

	if (!error)
		error = offsets_key(request, in->group_id, &key);
	if (!error)
		error = commit_check(group_named(groups, in->group_id), in->member_id, in->group_instance_id,
				     in->generation_id, true);
	if (!error) {
		transaction = transaction_named(broker_transactions(request->broker), in->transactional_id);
		error = transaction_owner_check(transaction, in->producer_id, in->producer_epoch);
		error = error == KAFKA_PRODUCER_FENCED ? KAFKA_INVALID_PRODUCER_EPOCH : error;
	}
	/* From version 5 on the group's place in the transaction is taken here (KIP-890). */
	if (!error && request_version(request) >= 5) {
		transaction_add(transaction, &key, 1, txn_commit_added, request);
		return;
	}
	if (!error &&
	    (transaction->is.state != TRANSACTION_ONGOING || !map_get(&transaction->partitions, key)))
		error = KAFKA_INVALID_TXN_STATE;
	txn_commit(request, error);
}

/* ---- ListTransactions ------------------------------------------------------------------------------------------------ */

static const char *const state_words[] = { "Empty",        "Ongoing",          "PrepareCommit",
					   "PrepareAbort", "CompleteCommit",   "CompleteAbort",
					   "Dead",         "PrepareEpochFence" };

static bool state_known(struct view word)
{
	for (size_t i = 0; i < sizeof state_words / sizeof *state_words; i++)
		if (view_is(word, state_words[i]))
			return true;
	return false;
}

static bool listed(const struct list_transactions_request *in, const struct transaction *transaction,
		   int64_t wall_ms)
{
	bool state = in->state_filters.count == 0, producer = in->producer_id_filters.count == 0;

	if (transaction->is.producer_id < 0)
		return false;
	for (int32_t i = 0; i < in->state_filters.count; i++)
		state |= view_is(in->state_filters.at[i], transaction_state_name(transaction->is.state));
	for (int32_t i = 0; i < in->producer_id_filters.count; i++)
		producer |= in->producer_id_filters.at[i] == transaction->is.producer_id;
	if (in->duration_filter >= 0 &&
	    (transaction->is.start_ms < 0 || wall_ms - transaction->is.start_ms <= in->duration_filter))
		return false;
	return state && producer;
}

void handle_list_transactions(struct request *request)
{
	const struct list_transactions_request *in = request->message;
	struct list_transactions_response *response = request_response(request);
	struct transactions *all = broker_transactions(request->broker);
	int64_t wall_ms = broker_wall_ms(request->broker);
	bool ok = response &&
		  (response->transaction_states.at = REQUEST_ARRAY(
			   request, list_transactions_response_transaction_state_shape, all->by_id.count)) &&
		  (response->unknown_state_filters.at = arena_array(
			   &request->arena, (size_t)in->state_filters.count, sizeof(struct view)));

	if (ok && internal_log_ready(&all->log) == KAFKA_COORDINATOR_LOAD_IN_PROGRESS) {
		response->error_code = KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
		ok = true;
	} else if (ok) {
		for (int32_t i = 0; i < in->state_filters.count; i++)
			if (!state_known(in->state_filters.at[i]))
				response->unknown_state_filters.at[response->unknown_state_filters.count++] =
					in->state_filters.at[i];
		MAP_EACH(&all->by_id, slot)
		{
			struct transaction *transaction = slot->value;
			struct list_transactions_response_transaction_state *out;

			if (!listed(in, transaction, wall_ms))
				continue;
			out = &response->transaction_states.at[response->transaction_states.count++];
			out->transactional_id = view_text(transaction->id);
			out->producer_id = transaction->is.producer_id;
			out->transaction_state = view_text(transaction_state_name(transaction->is.state));
		}
	}
	request_answer(request, ok ? response : NULL);
}

/* ---- looking at them ------------------------------------------------------------------------------------------------- */

static bool describe_one(struct request *request, struct view id,
			 struct describe_transactions_response_transaction_state *out)
{
	struct transaction *transaction;
	int32_t *ids;

	out->transactional_id = id;
	out->transaction_state = VIEW_LITERAL("");
	out->error_code = serve(request->broker, id);
	transaction = out->error_code ? NULL : transaction_named(broker_transactions(request->broker), id);
	if (!out->error_code && (!transaction || transaction->is.producer_id < 0))
		out->error_code = KAFKA_TRANSACTIONAL_ID_NOT_FOUND;
	if (out->error_code)
		return true;
	out->transaction_state = view_text(transaction_state_name(transaction->is.state));
	out->transaction_timeout_ms = transaction->is.timeout_ms;
	out->transaction_start_time_ms = transaction->is.start_ms;
	out->producer_id = transaction->is.producer_id;
	out->producer_epoch = transaction->is.epoch;
	ids = arena_array(&request->arena, transaction->partitions.count, sizeof *ids);
	out->topics.at = REQUEST_ARRAY(request, describe_transactions_response_topic_shape,
				       transaction->partitions.count);
	if (!ids || !out->topics.at)
		return false;
	MAP_EACH(&transaction->partitions, slot)
	{
		struct describe_transactions_response_topic *topic = &out->topics.at[out->topics.count];

		topic->partitions.at = &ids[out->topics.count++];
		topic->partitions.count = 1;
		position_key_split(slot->key, &topic->topic, topic->partitions.at);
	}
	return true;
}

void handle_describe_transactions(struct request *request)
{
	const struct describe_transactions_request *in = request->message;
	struct describe_transactions_response *response = request_response(request);
	bool ok = response && (response->transaction_states.at = REQUEST_ARRAY(
				       request, describe_transactions_response_transaction_state_shape,
				       in->transactional_ids.count));

	for (int32_t i = 0; ok && i < in->transactional_ids.count; i++)
		ok = describe_one(request, in->transactional_ids.at[i],
				  &response->transaction_states.at[response->transaction_states.count++]);
	request_answer(request, ok ? response : NULL);
}
