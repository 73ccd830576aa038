/* transaction_requests.c - InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn; and what a produce request needs. */
#include <stdlib.h>

#include "broker/access.h"
#include "broker/api.h"
#include "broker/coordinator.h"
#include "broker/group.h"
#include "broker/producer_ids.h"
#include "broker/transaction.h"

#define FENCED_NEW_END                                                                                       \
	2 /* from this version of EndTxn, AddPartitionsToTxn on PRODUCER_FENCED is known (KIP-588) */
#define FENCED_NEW_INIT 4
#define BUMP_SINCE      5   /* of EndTxn: each transaction has an epoch of its own (KIP-890) */
#define ENDING_MS       100 /* the longest that the answer of EndTxn waits for markers */

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

	if (transaction && transaction->is.producer_id >= 0) { /* its epochs are used up */
		next.previous_id = transaction->is.producer_id;
		next.last_epoch = in->producer_id >= 0 ? transaction->is.epoch : -1;
	}
	if (error) {
		init_answer(request, error, -1, -1);
	} else if (transaction && (transaction->busy || transaction->is.state == TRANSACTION_ONGOING ||
				   transaction_prepared(transaction))) {
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

/* It was there before: on from what it is. */
static void init_again(struct request *request, struct transaction *transaction)
{
	const struct init_producer_id_request *in = request->message;
	struct transaction_image next = transaction->is;
	int16_t error = KAFKA_NONE;

	switch (transaction_init_rule(transaction, in->producer_id, in->producer_epoch, &error)) {
	case TRANSACTION_INIT_REFUSE: init_answer(request, error, -1, -1); return;
	case TRANSACTION_INIT_REPEAT: init_answer(request, KAFKA_NONE, next.producer_id, next.epoch); return;
	case TRANSACTION_INIT_ABORT:
		next.epoch = transaction_epoch_after(next.epoch); /* whoever had it is fenced */
		next.last_epoch = -1;
		next.state = TRANSACTION_PREPARE_ABORT;
		transaction_write(transaction, &next, NULL, 0, fenced_aborted, request);
		return;
	case TRANSACTION_INIT_NEW_ID: producer_id_take(request->broker, init_with_id, request); return;
	case TRANSACTION_INIT_BUMP:
		next.last_epoch = in->producer_id >= 0 ? next.epoch : -1;
		next.previous_id = -1;
		next.epoch++;
		next.state = TRANSACTION_EMPTY;
		next.timeout_ms = in->transaction_timeout_ms;
		next.start_ms = -1;
		transaction_write(transaction, &next, NULL, 0, init_written, request);
		return;
	}
}

/* An idempotent producer is one that may write somewhere (KIP-679). */
static int16_t may_init(const struct request *request, struct view transactional_id)
{
	if (transactional_id.at)
		return access_transactional(request, ACL_OPERATION_WRITE, transactional_id);
	if (access_allowed_silently(request, ACL_OPERATION_IDEMPOTENT_WRITE, ACL_RESOURCE_CLUSTER,
				    ACCESS_CLUSTER) ||
	    access_to_some(request, ACL_OPERATION_WRITE, ACL_RESOURCE_TOPIC))
		return KAFKA_NONE;
	return access_cluster(request, ACL_OPERATION_IDEMPOTENT_WRITE);
}

void handle_init_producer_id(struct request *request)
{
	const struct init_producer_id_request *in = request->message;
	struct transaction *transaction;
	int16_t error = may_init(request, in->transactional_id);

	if (!error && (in->producer_id >= 0) != (in->producer_epoch >= 0))
		error = KAFKA_INVALID_REQUEST;
	if (!error && !in->transactional_id.at) {
		producer_id_take(request->broker, given, request);
		return;
	}
	if (!error)
		error = transactions_serve(broker_transactions(request->broker), in->transactional_id);
	if (!error && (in->transaction_timeout_ms <= 0 ||
		       in->transaction_timeout_ms > request->broker->properties.transaction_timeout_most_ms))
		error = KAFKA_INVALID_TRANSACTION_TIMEOUT;
	if (error) {
		init_answer(request, error, -1, -1);
		return;
	}
	/* An id that is not known is new, whatever the producer thinks that it has: it may have expired meanwhile (KIP-360). */
	transaction = transaction_named(broker_transactions(request->broker), in->transactional_id);
	if (transaction && (transaction->is.producer_id >= 0 || transaction->busy))
		init_again(request, transaction);
	else
		producer_id_take(request->broker, init_with_id, request);
}

/* ---- adding ---------------------------------------------------------------------------------------------------------- */

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

/* What clients ask, and not other brokers. */
#define BROKERS_SINCE 4

static int16_t may_add(const struct request *request, struct view topic)
{
	if (request_version(request) >= BROKERS_SINCE)
		return KAFKA_NONE;
	/* Kafka leaves internal topics out of what it asks for, and so denies them to everybody. */
	return topic_name_internal(topic) ? KAFKA_TOPIC_AUTHORIZATION_FAILED
					  : access_topic(request, ACL_OPERATION_WRITE, topic);
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
		int16_t denied = may_add(request, topics[i].name);

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
			if (denied) {
				result->results_by_partition.at[k].partition_error_code = denied;
				*known = false;
				continue;
			}
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
	int16_t denied = request_version(request) < BROKERS_SINCE
				 ? access_transactional(request, ACL_OPERATION_WRITE, id)
				 : KAFKA_NONE,
		error = denied ? denied : transactions_serve(broker_transactions(request->broker), id);
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
	if (!denied && !known)
		return true; /* each says what is wrong with it */
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
	} else {
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
	if (batch)
		response->error_code = access_cluster(request, ACL_OPERATION_CLUSTER_ACTION);
	if (response->error_code) {
		request_answer(request, response);
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

int16_t transaction_offsets_key(struct request *request, struct view group, struct view *key)
{
	struct groups *groups = broker_groups(request->broker);
	int16_t error = groups_ready(groups, group);
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
	int16_t error = access_transactional(request, ACL_OPERATION_WRITE, in->transactional_id);
	struct transaction *transaction = NULL;
	struct view key;

	if (!error)
		error = access_group(request, ACL_OPERATION_READ, in->group_id);
	if (!error)
		error = transactions_serve(broker_transactions(request->broker), in->transactional_id);
	if (!error) {
		transaction = transaction_named(broker_transactions(request->broker), in->transactional_id);
		error = transaction_owner_check(transaction, in->producer_id, in->producer_epoch);
	}
	if (!error)
		error = transaction_offsets_key(request, in->group_id, &key);
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

void transaction_end_tell(struct transaction *transaction)
{
	struct request *request = transaction->ending;

	transaction->ending = NULL;
	if (request)
		end_answer(request, KAFKA_NONE, transaction);
}

/*
 * Kafka answers at once, and lets the producer's next request wait a moment while the markers are on their way
 * (add.partitions.to.txn.retry.backoff.max.ms).  Here the answer waits as long: clients pause up to seconds at a
 * CONCURRENT_TRANSACTIONS, where the markers are milliseconds away.
 */
static void decided(void *context, struct transaction *transaction, int16_t error)
{
	struct request *request = context;

	if (error) {
		end_answer(request, error, transaction);
		return;
	}
	transaction->ending = request;
	transaction->ending_ms = loop_now_ms(request->broker->loop) + ENDING_MS;
	transaction_mark(transaction);
}

static void end_write(struct request *request, struct transaction *transaction, int64_t next_id)
{
	const struct end_txn_request *in = request->message;
	struct transaction_image next = transaction->is;

	if (request_version(request) >= BUMP_SINCE) {
		next.last_epoch = next.epoch;
		next.epoch = transaction_epoch_after(next.epoch);
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

void handle_end_txn(struct request *request)
{
	const struct end_txn_request *in = request->message;
	struct transactions *all = broker_transactions(request->broker);
	int16_t denied = access_transactional(request, ACL_OPERATION_WRITE, in->transactional_id),
		error = denied ? denied : transactions_serve(all, in->transactional_id);
	struct transaction *transaction = error ? NULL : transaction_named(all, in->transactional_id);
	enum transaction_end_step step = TRANSACTION_END_ANSWER;

	if (!error)
		step = transaction_end_rule(transaction, in->producer_id, in->producer_epoch, in->committed,
					    request_version(request) >= BUMP_SINCE, &error);
	if (step == TRANSACTION_END_ANSWER)
		end_answer(request, error, transaction);
	else if (step == TRANSACTION_END_NEW_ID)
		producer_id_take(request->broker, end_with_id, request);
	else
		end_write(request, transaction, -1);
}

/* ---- produce --------------------------------------------------------------------------------------------------------- */

/* A batch outside of its transaction would hang, or fall into the next one: it is refused (KIP-890). */
int16_t coordinator_may_write(struct broker *broker, struct view transactional_id, struct view topic,
			      int32_t partition, const struct batch_head *head, int16_t produce_version)
{
	struct transactions *all = broker_transactions(broker);
	struct transaction *transaction = transaction_of_producer(all, head->producer_id);

	if (!all->log.loaded)
		return KAFKA_NOT_ENOUGH_REPLICAS; /* a moment, please */
	return transaction_write_rule(transaction, transactional_id, topic, partition, head->producer_epoch,
				      produce_version);
}
