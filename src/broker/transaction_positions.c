/* transaction_positions.c - TxnOffsetCommit: positions of a group that count once their transaction does. */
#include "broker/access.h"
#include "broker/api.h"
#include "broker/group.h"
#include "broker/transaction.h"

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
			else if (!pending ||
				 !position_set(&pending->positions, in->topics.at[i].name,
					       one->partition_index,
					       &(struct position){ one->committed_offset, committing->now_ms,
								   one->committed_leader_epoch, NULL,
								   appended->base_offset },
					       one->committed_metadata))
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
	struct position position = { in->committed_offset, now_ms, in->committed_leader_epoch, NULL, -1 };
	struct view text = in->committed_metadata.at ? in->committed_metadata : VIEW_LITERAL("");

	/* As OffsetCommit: before the coordinator is asked. */
	if (!topic || in->partition_index < 0 || in->partition_index >= topic->partition_count)
		return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	if (error)
		return error;
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
	bool whole = error == KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED ||
		     error == KAFKA_GROUP_AUTHORIZATION_FAILED;
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

		int16_t denied =
			whole ? error : access_topic(request, ACL_OPERATION_READ, in->topics.at[i].name);

		out->name = in->topics.at[i].name;
		out->partitions.at =
			REQUEST_ARRAY(request, txn_offset_commit_response_partition_shape, partitions);
		out->partitions.count = out->partitions.at ? partitions : 0;
		ok &= out->partitions.at != NULL;
		for (int32_t k = 0; k < out->partitions.count; k++) {
			out->partitions.at[k].partition_index =
				in->topics.at[i].partitions.at[k].partition_index;
			out->partitions.at[k].error_code =
				denied ? denied
				       : txn_commit_one(request, &batch, out->name,
							&in->topics.at[i].partitions.at[k], error,
							committing->now_ms);
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
	int16_t error = access_transactional(request, ACL_OPERATION_WRITE, in->transactional_id);
	struct transaction *transaction = NULL;
	struct view key = VIEW_NULL;

	if (!error)
		error = access_group(request, ACL_OPERATION_READ, in->group_id);
	if (!error)
		error = transactions_ready(broker_transactions(request->broker), in->transactional_id);
	if (!error)
		error = groups_serve(groups, in->group_id);
	if (!error)
		error = transaction_offsets_key(request, in->group_id, &key);
	if (!error)
		error = commit_check(group_named(groups, in->group_id), in->member_id, in->group_instance_id,
				     in->generation_id, true, request_version(request));
	/* What may not be read is left out: what the others are told must not say that it is there. */
	for (int32_t i = 0; !error && i < in->topics.count; i++)
		for (int32_t k = 0; !error && k < in->topics.at[i].partitions.count &&
				    access_allowed_silently(request, ACL_OPERATION_READ, ACL_RESOURCE_TOPIC,
							    in->topics.at[i].name);
		     k++)
			error = commit_place_check(
				group_named(groups, in->group_id), in->member_id, in->generation_id,
				store_topic_named(request->broker->store, in->topics.at[i].name),
				in->topics.at[i].partitions.at[k].partition_index, true);
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
