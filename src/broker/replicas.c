/*
 * replicas.c - ElectLeaders, AlterPartitionReassignments, ListPartitionReassignments: what an administrator does with replicas.
 *
 * A partition has one replica, on the node that leads it.  So it has the leader that it prefers, nothing is ever on its way, and the only
 * assignment that can be is the one there is.
 */
#include "broker/access.h"
#include "broker/api.h"
#include "broker/nodes.h"

static struct partition *partition_of(struct request *request, struct view topic, int32_t index)
{
	struct store_topic *known = store_topic_named(request->broker->store, topic);

	return known && known->owner && index >= 0 && index < known->partition_count
		       ? known->partitions[index]
		       : NULL;
}

/* ---- ElectLeaders ---------------------------------------------------------------------------------------------------- */

static bool elect(struct request *request, struct elect_leaders_response *response)
{
	const struct elect_leaders_request *in = request->message;
	int16_t denied = response->error_code;
	int32_t count = in->topic_partitions.count > 0 ? in->topic_partitions.count : 0;

	/* All partitions: Kafka tells of those only where there was something to do. */
	response->replica_election_results.at =
		REQUEST_ARRAY(request, elect_leaders_response_replica_election_result_shape, count);
	if (!response->replica_election_results.at)
		return false;
	response->replica_election_results.count = count;
	for (int32_t i = 0; i < count; i++) {
		const struct elect_leaders_request_topic_partition *topic = &in->topic_partitions.at[i];
		struct elect_leaders_response_replica_election_result *out =
			&response->replica_election_results.at[i];

		out->topic = topic->topic;
		out->partition_result.at = REQUEST_ARRAY(
			request, elect_leaders_response_partition_result_shape, topic->partitions.count);
		if (!out->partition_result.at)
			return false;
		for (int32_t k = 0; k < topic->partitions.count; k++) {
			struct elect_leaders_response_partition_result *one =
				&out->partition_result.at[out->partition_result.count++];
			bool known = partition_of(request, topic->topic, topic->partitions.at[k]) != NULL;

			one->partition_id = topic->partitions.at[k];
			one->error_code = denied  ? denied
					  : known ? KAFKA_ELECTION_NOT_NEEDED
						  : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
			one->error_message =
				denied  ? VIEW_LITERAL("Cluster authorization failed.")
				: known ? VIEW_LITERAL("Leader election not needed for topic partition.")
					: VIEW_LITERAL("No such partition.");
		}
	}
	return true;
}

void handle_elect_leaders(struct request *request)
{
	const struct elect_leaders_request *in = request->message;
	struct elect_leaders_response *response = request_response(request);

	if (response)
		response->error_code = access_cluster(request, ACL_OPERATION_ALTER);
	if (response && !response->error_code && (in->election_type < 0 || in->election_type > 1))
		response->error_code = KAFKA_INVALID_REQUEST;
	else if (response && !elect(request, response))
		response = NULL;
	request_answer(request, response);
}

/* ---- reassignments --------------------------------------------------------------------------------------------------- */

static int16_t reassign(struct request *request, struct view topic,
			const struct alter_partition_reassignments_request_partition *in, struct view *text)
{
	struct partition *partition = partition_of(request, topic, in->partition_index);

	if (!partition) {
		*text = VIEW_LITERAL("This server does not host this topic-partition.");
		return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	}
	if (in->replicas.count < 0) {
		*text = VIEW_LITERAL("No partition reassignment is in progress.");
		return KAFKA_NO_REASSIGNMENT_IN_PROGRESS;
	}
	if (in->replicas.count == 1 && in->replicas.at[0] == node_leading(request->broker, partition)->id)
		return KAFKA_NONE; /* there it is */
	*text = VIEW_LITERAL(
		"A partition has one replica here, on the node that leads it; it cannot be moved.");
	return KAFKA_INVALID_REPLICA_ASSIGNMENT;
}

void handle_alter_partition_reassignments(struct request *request)
{
	const struct alter_partition_reassignments_request *in = request->message;
	struct alter_partition_reassignments_response *response = request_response(request);
	bool ok = response &&
		  (response->responses.at = REQUEST_ARRAY(
			   request, alter_partition_reassignments_response_topic_shape, in->topics.count));

	if (ok) {
		response->allow_replication_factor_change = in->allow_replication_factor_change;
		response->error_code = access_cluster(request, ACL_OPERATION_ALTER);
		if (response->error_code)
			response->error_message = VIEW_LITERAL("Cluster authorization failed.");
	}
	for (int32_t i = 0; ok && i < in->topics.count; i++) {
		struct alter_partition_reassignments_response_topic *out =
			&response->responses.at[response->responses.count++];
		int32_t count = in->topics.at[i].partitions.count;

		out->name = in->topics.at[i].name;
		out->partitions.at =
			REQUEST_ARRAY(request, alter_partition_reassignments_response_partition_shape, count);
		ok = out->partitions.at != NULL;
		for (int32_t k = 0; ok && k < count; k++) {
			struct alter_partition_reassignments_response_partition *one =
				&out->partitions.at[out->partitions.count++];

			one->partition_index = in->topics.at[i].partitions.at[k].partition_index;
			one->error_message = response->error_message;
			one->error_code = response->error_code ? response->error_code
							       : reassign(request, out->name,
									  &in->topics.at[i].partitions.at[k],
									  &one->error_message);
		}
	}
	request_answer(request, ok ? response : NULL);
}

/* Nothing is on its way: an answer as it begins. */
void handle_list_partition_reassignments(struct request *request)
{
	struct list_partition_reassignments_response *response = request_response(request);

	if (response)
		response->error_code = access_cluster(request, ACL_OPERATION_DESCRIBE);
	request_answer(request, response);
}
