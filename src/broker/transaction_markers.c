/*
 * transaction_markers.c - WriteTxnMarkers: control records that end transactions in partitions.
 *
 * Between brokers of Apache Kafka it is the coordinator's order; here the coordinator writes its own markers itself, and this is for an
 * administrator who ends a transaction that hangs (kafka-transactions abort).  The log itself refuses a marker of an older coordinator
 * or of a producer that a later epoch has fenced.
 */
#include "broker/access.h"
#include "broker/api.h"
#include "broker/group.h"
#include "broker/nodes.h"
#include "broker/topics.h"

typedef struct write_txn_markers_request_marker marker_t;

struct writing {
	struct request *request;
	struct write_txn_markers_response *response;
	int left;
	int16_t denied;
};

struct writing_one {
	struct writing *writing;
	const marker_t *marker;
	struct view topic;
	int32_t index;
	int16_t *error;
};

static int16_t marker_error(int err)
{
	switch (err) {
	case 0: return KAFKA_NONE;
	case STORE_PRODUCER_FENCED: return KAFKA_INVALID_PRODUCER_EPOCH;
	case STORE_COORDINATOR_FENCED: return KAFKA_TRANSACTION_COORDINATOR_FENCED;
	case ERR_NOT_FOUND: return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	default: return topic_error(err);
	}
}

static void step(struct writing *writing)
{
	if (--writing->left == 0)
		request_answer(writing->request, writing->response);
}

static void written(void *context, const struct store_appended *appended)
{
	struct writing_one *one = context;

	*one->error = marker_error(appended->err);
	/* Positions of that transaction are decided with it. */
	if (!appended->err && view_is(one->topic, "__consumer_offsets"))
		groups_transaction_end(broker_groups(one->writing->request->broker), one->index,
				       one->marker->producer_id, one->marker->transaction_result);
	step(one->writing);
}

static int append(struct writing_one *one, struct partition *partition)
{
	struct broker *broker = one->writing->request->broker;
	struct batch_options options = batch_options_default;
	struct buffer batch;
	int err;

	options.producer_id = one->marker->producer_id;
	options.producer_epoch = one->marker->producer_epoch;
	options.transactional = options.control = true;
	buffer_init(&batch, 1024);
	err = batch_write_marker(&batch, &options, one->marker->transaction_result,
				 one->marker->coordinator_epoch, broker_wall_ms(broker));
	if (err == 0)
		err = store_append(partition, buffer_bytes(&batch), written, one);
	buffer_done(&batch);
	return err;
}

static bool write_one(struct writing *writing, const marker_t *marker, struct view name, int32_t index,
		      int16_t *error)
{
	struct request *request = writing->request;
	struct store_topic *topic = store_topic_named(request->broker->store, name);
	struct writing_one *one = arena_take(&request->arena, sizeof *one);
	int err;

	if (!one)
		return false;
	*one = (struct writing_one){ writing, marker, name, index, error };
	if (writing->denied) {
		*error = writing->denied;
	} else if (!topic || !topic->owner || index < 0 || index >= topic->partition_count) {
		*error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	} else if (!node_leads(request->node, topic->partitions[index])) {
		*error = KAFKA_NOT_LEADER_OR_FOLLOWER;
	} else {
		writing->left++;
		err = append(one, topic->partitions[index]);
		if (err != 0) {
			writing->left--;
			*error = marker_error(err);
		}
	}
	return true;
}

static bool write_marker(struct writing *writing, const marker_t *marker,
			 struct write_txn_markers_response_marker *out)
{
	struct request *request = writing->request;

	out->producer_id = marker->producer_id;
	out->topics.at = REQUEST_ARRAY(request, write_txn_markers_response_topic_shape, marker->topics.count);
	if (!out->topics.at)
		return false;
	for (int32_t i = 0; i < marker->topics.count; i++) {
		struct write_txn_markers_response_topic *topic = &out->topics.at[out->topics.count++];
		int32_t count = marker->topics.at[i].partition_indexes.count;

		topic->name = marker->topics.at[i].name;
		topic->partitions.at =
			REQUEST_ARRAY(request, write_txn_markers_response_partition_shape, count);
		if (!topic->partitions.at)
			return false;
		topic->partitions.count = count;
		for (int32_t k = 0; k < count; k++) {
			topic->partitions.at[k].partition_index =
				marker->topics.at[i].partition_indexes.at[k];
			if (!write_one(writing, marker, topic->name, topic->partitions.at[k].partition_index,
				       &topic->partitions.at[k].error_code))
				return false;
		}
	}
	return true;
}

void handle_write_txn_markers(struct request *request)
{
	const struct write_txn_markers_request *in = request->message;
	struct writing *writing = arena_take(&request->arena, sizeof *writing);
	struct write_txn_markers_response *response = request_response(request);
	bool ok = writing && response &&
		  (response->markers.at = REQUEST_ARRAY(request, write_txn_markers_response_marker_shape,
							in->markers.count));

	if (!ok) {
		request_answer(request, NULL);
		return;
	}
	*writing = (struct writing){ .request = request, .response = response, .left = 1 };
	/* Other brokers, and since KIP-664 whoever may alter the cluster. */
	if (!access_allowed_silently(request, ACL_OPERATION_ALTER, ACL_RESOURCE_CLUSTER, ACCESS_CLUSTER))
		writing->denied = access_cluster(request, ACL_OPERATION_CLUSTER_ACTION);
	response->markers.count = in->markers.count;
	for (int32_t i = 0; ok && i < in->markers.count; i++)
		ok = write_marker(writing, &in->markers.at[i], &response->markers.at[i]);
	if (!ok)
		writing->response = NULL; /* memory is out: the connection ends when what was begun is done */
	step(writing);
}
