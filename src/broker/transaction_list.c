/* transaction_list.c - ListTransactions, DescribeTransactions: what an administrator sees of transactions. */
#include "broker/access.h"
#include "broker/api.h"
#include "broker/group.h"
#include "broker/nodes.h"
#include "broker/transaction.h"

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

			if (!node_leads(request->node,
					internal_log_place(&all->log, view_text(transaction->id))) ||
			    !listed(in, transaction, wall_ms) ||
			    !access_allowed_silently(request, ACL_OPERATION_DESCRIBE,
						     ACL_RESOURCE_TRANSACTIONAL_ID,
						     view_text(transaction->id)))
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
	out->error_code = access_transactional(request, ACL_OPERATION_DESCRIBE, id);
	if (!out->error_code)
		out->error_code = transactions_serve(broker_transactions(request->broker), id);
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

		topic->partitions.at = &ids[out->topics.count];
		topic->partitions.count = 1;
		position_key_split(slot->key, &topic->topic, topic->partitions.at);
		out->topics.count += access_allowed_silently(request, ACL_OPERATION_DESCRIBE,
							     ACL_RESOURCE_TOPIC, topic->topic);
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
