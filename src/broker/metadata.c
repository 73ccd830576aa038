/* metadata.c - Metadata, DescribeCluster, DescribeTopicPartitions: who is who. */
#include <stdlib.h>

#include "broker/access.h"
#include "broker/api.h"
#include "broker/entrance.h"
#include "broker/nodes.h"
#include "broker/throttle.h"
#include "broker/topics.h"

#define PARTITIONS_EACH_PAGE 2000

/* Each node's id: a partition's replicas are one of them, its leader. */
static int32_t *node_list(struct request *request)
{
	const struct broker *broker = request->broker;
	int32_t *list = arena_array(&request->arena, (size_t)broker->node_count, sizeof *list);

	for (int i = 0; list && i < broker->node_count; i++)
		list[i] = broker->nodes[i].id;
	return list;
}

static int32_t *leader_in(struct request *request, int32_t *list, const struct partition *partition)
{
	return list + (node_leading(request->broker, partition) - request->broker->nodes);
}

static struct uuid uuid_of(const struct store_topic *topic)
{
	struct uuid id;

	memcpy(id.bytes, topic->id, sizeof id.bytes);
	return id;
}

static int32_t epoch_of(const struct store_topic *topic, int32_t index)
{
	struct store_partition_state state;

	store_partition_state(topic->partitions[index], &state);
	return state.leader_epoch;
}

/* ---- Metadata -------------------------------------------------------------------------------------------------------- */

struct asking {
	struct request *request;
	struct metadata_response *response;
	int32_t *nodes; /* node_list() */
	int left;       /* topics in creation, and one while we still ask */
};

struct asking_topic {
	struct asking *asking;
	struct metadata_response_topic *result;
};

static void tell_topic(struct asking *asking, struct store_topic *topic, struct metadata_response_topic *out)
{
	struct request *request = asking->request;

	out->name = arena_copy(&request->arena, view_text(topic->name));
	out->topic_id = uuid_of(topic);
	out->is_internal = topic_name_internal(out->name);
	out->partitions.at =
		REQUEST_ARRAY(request, metadata_response_partition_shape, topic->partition_count);
	if (!out->partitions.at) {
		out->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
		return;
	}
	out->partitions.count = topic->partition_count;
	for (int32_t i = 0; i < topic->partition_count; i++) {
		struct metadata_response_partition *partition = &out->partitions.at[i];

		partition->partition_index = i;
		partition->replica_nodes.at = partition->isr_nodes.at =
			leader_in(request, asking->nodes, topic->partitions[i]);
		partition->leader_id = *partition->replica_nodes.at;
		partition->leader_epoch = epoch_of(topic, i);
		partition->replica_nodes.count = partition->isr_nodes.count = 1;
	}
}

/* Of what was denied nothing more is told. */
static void tell_operations(struct asking *asking)
{
	const struct metadata_request *in = asking->request->message;

	for (int32_t i = 0; in->include_topic_authorized_operations && i < asking->response->topics.count;
	     i++) {
		struct metadata_response_topic *topic = &asking->response->topics.at[i];

		if (topic->name.at && topic->error_code != KAFKA_TOPIC_AUTHORIZATION_FAILED &&
		    topic->error_code != KAFKA_UNKNOWN_TOPIC_ID)
			topic->topic_authorized_operations =
				access_operations(asking->request, ACL_RESOURCE_TOPIC, topic->name);
	}
}

static void asking_step(struct asking *asking)
{
	if (--asking->left > 0)
		return;
	tell_operations(asking);
	request_answer(asking->request, asking->response);
}

static void auto_made(void *context, int16_t error, struct store_topic *topic)
{
	struct asking_topic *one = context;
	struct broker *broker = one->asking->request->broker;

	/* Somebody else made it meanwhile. */
	if (error == KAFKA_TOPIC_ALREADY_EXISTS && !broker->closing)
		topic = store_topic_named(broker->store, one->result->name);
	if (topic && topic->owner)
		tell_topic(one->asking, topic, one->result);
	else
		one->result->error_code = KAFKA_LEADER_NOT_AVAILABLE; /* the client asks again */
	asking_step(one->asking);
}

static void auto_create(struct asking *asking, struct metadata_response_topic *out)
{
	struct request *request = asking->request;
	const struct properties *properties = &request->broker->properties;
	struct topic_wish wish = { .name = out->name,
				   .partition_count = (int32_t)properties->partitions,
				   .replication_factor = (int16_t)properties->replication_factor };
	struct asking_topic *one = arena_take(&request->arena, sizeof *one);
	int16_t error;

	if (topic_name_collides(request->broker, out->name)) {
		out->error_code = KAFKA_INVALID_TOPIC_EXCEPTION;
		return;
	}
	if (!one) {
		out->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
		return;
	}
	/* Whoever is over his quota of new partitions gets the topic later; for asking he does not have to wait. */
	if (!throttle_mutate(request, wish.partition_count, 0)) {
		request->throttle_ms = 0;
		out->error_code = KAFKA_LEADER_NOT_AVAILABLE;
		return;
	}
	*one = (struct asking_topic){ asking, out };
	asking->left++;
	error = topic_wish_make(request->broker, &wish, auto_made, one);
	if (error) {
		asking->left--;
		out->error_code = error == KAFKA_TOPIC_ALREADY_EXISTS ? KAFKA_LEADER_NOT_AVAILABLE : error;
	}
}

static bool may_create(const struct request *request, struct view name)
{
	return access_allowed_silently(request, ACL_OPERATION_CREATE, ACL_RESOURCE_CLUSTER, ACCESS_CLUSTER) ||
	       access_allowed(request, ACL_OPERATION_CREATE, ACL_RESOURCE_TOPIC, name);
}

static void ask_by_name(struct asking *asking, struct view name, struct metadata_response_topic *out)
{
	const struct metadata_request *in = asking->request->message;
	struct broker *broker = asking->request->broker;
	struct store_topic *topic = store_topic_named(broker->store, name);

	out->name = name;
	/* Whether it is there is not told to who may not know. */
	out->error_code = access_topic(asking->request, ACL_OPERATION_DESCRIBE, name);
	if (out->error_code)
		return;
	out->is_internal = topic_name_internal(name);
	if (topic && topic->owner)
		tell_topic(asking, topic, out);
	else if (in->allow_auto_topic_creation && broker->properties.auto_create &&
		 !may_create(asking->request, name))
		out->error_code = KAFKA_TOPIC_AUTHORIZATION_FAILED;
	else if (!topic_name_legal(name))
		out->error_code = KAFKA_INVALID_TOPIC_EXCEPTION;
	else if (in->allow_auto_topic_creation && broker->properties.auto_create && !out->is_internal)
		auto_create(asking, out);
	else
		out->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

static void ask_by_id(struct asking *asking, const struct uuid *id, struct metadata_response_topic *out)
{
	struct store_topic *topic = store_topic_by_id(asking->request->broker->store, id->bytes);

	out->topic_id = *id;
	out->name = VIEW_NULL;
	if (!topic || !topic->owner)
		out->error_code = KAFKA_UNKNOWN_TOPIC_ID;
	else if (!(out->error_code =
			   access_topic(asking->request, ACL_OPERATION_DESCRIBE, view_text(topic->name))))
		tell_topic(asking, topic, out);
	if (!out->name.at && request_version(asking->request) < 12)
		out->name = VIEW_LITERAL("");
}

static bool id_is_set(const struct uuid *id)
{
	return memcmp(id, &(struct uuid){ { 0 } }, sizeof *id) != 0;
}

static bool ask_all(struct asking *asking)
{
	struct store *store = asking->request->broker->store;
	int32_t count = 0;

	for (struct store_topic *topic = store_topic_next(store, NULL); topic;
	     topic = store_topic_next(store, topic))
		count++;
	asking->response->topics.at = REQUEST_ARRAY(asking->request, metadata_response_topic_shape, count);
	if (!asking->response->topics.at)
		return false;
	for (struct store_topic *topic = store_topic_next(store, NULL); topic;
	     topic = store_topic_next(store, topic))
		if (topic->owner && access_allowed_silently(asking->request, ACL_OPERATION_DESCRIBE,
							    ACL_RESOURCE_TOPIC, view_text(topic->name)))
			tell_topic(asking, topic,
				   &asking->response->topics.at[asking->response->topics.count++]);
	return true;
}

static bool ask_some(struct asking *asking)
{
	const struct metadata_request *in = asking->request->message;

	asking->response->topics.at =
		REQUEST_ARRAY(asking->request, metadata_response_topic_shape, in->topics.count);
	if (!asking->response->topics.at)
		return false;
	asking->response->topics.count = in->topics.count;
	for (int32_t i = 0; i < in->topics.count; i++) {
		/* The Java client that asks by id says an empty name, not none. */
		if (in->topics.at[i].name.at &&
		    (request_version(asking->request) < 12 || !id_is_set(&in->topics.at[i].topic_id)))
			ask_by_name(asking, in->topics.at[i].name, &asking->response->topics.at[i]);
		else
			ask_by_id(asking, &in->topics.at[i].topic_id, &asking->response->topics.at[i]);
	}
	return true;
}

static int32_t cluster_operations(const struct request *request)
{
	return access_cluster(request, ACL_OPERATION_DESCRIBE)
		       ? 0
		       : access_operations(request, ACL_RESOURCE_CLUSTER, ACCESS_CLUSTER);
}

/* Ids and names are asked for in versions of their own (Kafka refuses what mixes them). */
static bool sensible(const struct request *request)
{
	const struct metadata_request *in = request->message;

	for (int32_t i = 0; i < in->topics.count; i++)
		if (!in->topics.at[i].name.at &&
		    (request_version(request) < 12 || !id_is_set(&in->topics.at[i].topic_id)))
			return false;
	return true;
}

void handle_metadata(struct request *request)
{
	const struct metadata_request *in = request->message;
	const struct broker *broker = request->broker;
	struct metadata_response *response = request_response(request);
	struct asking *asking = arena_take(&request->arena, sizeof *asking);
	bool all = in->topics.count < 0 || (request_version(request) == 0 && in->topics.count == 0);

	if (!sensible(request)) {
		request_fail(request, "Metadata for a topic without name and id");
		return;
	}
	if (!response || !asking ||
	    !(response->brokers.at =
		      REQUEST_ARRAY(request, metadata_response_broker_shape, broker->node_count))) {
		request_answer(request, NULL);
		return;
	}
	*asking = (struct asking){ request, response, node_list(request), 1 };
	response->brokers.count = broker->node_count;
	for (int i = 0; i < broker->node_count; i++) {
		response->brokers.at[i].node_id = broker->nodes[i].id;
		response->brokers.at[i].host = entrance_host(request);
		response->brokers.at[i].port = entrance_port(request, &broker->nodes[i]);
	}
	response->cluster_id = view_text(broker->cluster_id);
	response->controller_id = broker->nodes[0].id;
	if (in->include_cluster_authorized_operations)
		response->cluster_authorized_operations = cluster_operations(request);
	if (!asking->nodes || !(all ? ask_all(asking) : ask_some(asking))) {
		request_answer(request, NULL);
		return;
	}
	asking_step(asking);
}

/* ---- DescribeCluster ------------------------------------------------------------------------------------------------- */

#define ENDPOINT_BROKERS 1

void handle_describe_cluster(struct request *request)
{
	const struct describe_cluster_request *in = request->message;
	const struct broker *broker = request->broker;
	struct describe_cluster_response *response = request_response(request);

	if (response)
		response->brokers.at =
			REQUEST_ARRAY(request, describe_cluster_response_broker_shape, broker->node_count);
	if (!response || !response->brokers.at) {
		request_answer(request, NULL);
		return;
	}
	response->endpoint_type = in->endpoint_type;
	response->cluster_id = view_text(request->broker->cluster_id);
	if (in->endpoint_type != ENDPOINT_BROKERS) {
		response->error_code = in->endpoint_type == 2 ? KAFKA_MISMATCHED_ENDPOINT_TYPE
							      : KAFKA_UNSUPPORTED_ENDPOINT_TYPE;
		response->error_message = VIEW_LITERAL("This listener is for brokers.");
		request_answer(request, response);
		return;
	}
	if (in->include_cluster_authorized_operations)
		response->cluster_authorized_operations = cluster_operations(request);
	response->controller_id = broker->nodes[0].id;
	response->brokers.count = broker->node_count;
	for (int i = 0; i < broker->node_count; i++) {
		response->brokers.at[i].broker_id = broker->nodes[i].id;
		response->brokers.at[i].host = entrance_host(request);
		response->brokers.at[i].port = entrance_port(request, &broker->nodes[i]);
	}
	request_answer(request, response);
}

/* ---- DescribeTopicPartitions (KIP-966) ------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return view_compare(*(const struct view *)a, *(const struct view *)b);
}

/* The topics asked for, or all, in order of name. */
static struct view *names_wanted(struct request *request, int32_t *count)
{
	const struct describe_topic_partitions_request *in = request->message;
	struct store *store = request->broker->store;
	int32_t all = in->topics.count;
	struct view *names;

	if (in->topics.count <= 0) {
		all = 0;
		for (struct store_topic *t = store_topic_next(store, NULL); t; t = store_topic_next(store, t))
			all++;
	}
	names = arena_array(&request->arena, (size_t)all, sizeof *names);
	if (!names)
		return NULL;
	*count = 0;
	for (int32_t i = 0; i < in->topics.count; i++)
		names[(*count)++] = in->topics.at[i].name;
	if (in->topics.count <= 0)
		for (struct store_topic *t = store_topic_next(store, NULL); t; t = store_topic_next(store, t))
			names[(*count)++] = arena_copy(&request->arena, view_text(t->name));
	qsort(names, (size_t)*count, sizeof *names, by_name);
	return names;
}

/* Partitions from `first` on, at most `room`; how many there were. */
static int32_t page_topic(struct request *request, struct store_topic *topic, int32_t first, int32_t room,
			  int32_t *nodes, struct describe_topic_partitions_response_topic *out)
{
	int32_t count = first < topic->partition_count ? topic->partition_count - first : 0;

	count = count < room ? count : room;
	out->topic_id = uuid_of(topic);
	out->is_internal = topic_name_internal(out->name);
	out->partitions.at =
		REQUEST_ARRAY(request, describe_topic_partitions_response_partition_shape, count);
	if (!out->partitions.at)
		return -1;
	out->partitions.count = count;
	for (int32_t i = 0; i < count; i++) {
		struct describe_topic_partitions_response_partition *one = &out->partitions.at[i];

		one->partition_index = first + i;
		one->replica_nodes.at = one->isr_nodes.at =
			leader_in(request, nodes, topic->partitions[first + i]);
		one->leader_id = *one->replica_nodes.at;
		one->leader_epoch = epoch_of(topic, first + i);
		one->replica_nodes.count = one->isr_nodes.count = 1;
		one->eligible_leader_replicas.count = one->last_known_elr.count = 0;
	}
	return count;
}

/* When all are asked for, what is not allowed is as if it were not there. */
static bool may_show(struct request *request, struct view name)
{
	const struct describe_topic_partitions_request *in = request->message;

	return in->topics.count > 0 ||
	       access_allowed_silently(request, ACL_OPERATION_DESCRIBE, ACL_RESOURCE_TOPIC, name);
}

static bool page(struct request *request, struct describe_topic_partitions_response *response)
{
	const struct describe_topic_partitions_request *in = request->message;
	int32_t count = 0, *nodes = node_list(request), room = in->response_partition_limit;
	struct view *names = names_wanted(request, &count);

	if (room <= 0 || room > PARTITIONS_EACH_PAGE)
		room = PARTITIONS_EACH_PAGE;
	if (!names || !nodes ||
	    !(response->topics.at =
		      REQUEST_ARRAY(request, describe_topic_partitions_response_topic_shape, count)))
		return false;
	for (int32_t i = 0; i < count; i++) {
		int order = in->cursor ? view_compare(names[i], in->cursor->topic_name) : 1;
		int32_t first = order == 0 ? in->cursor->partition_index : 0, told;
		struct store_topic *topic = store_topic_named(request->broker->store, names[i]);
		struct describe_topic_partitions_response_topic *out;

		if (order < 0 || (i > 0 && view_equal(names[i], names[i - 1])) ||
		    !may_show(request, names[i]))
			continue;
		if (room == 0) {
			response->next_cursor = arena_take(&request->arena, sizeof *response->next_cursor);
			if (!response->next_cursor)
				return false;
			response->next_cursor->topic_name = names[i];
			return true;
		}
		out = &response->topics.at[response->topics.count++];
		out->name = names[i];
		out->error_code = access_topic(request, ACL_OPERATION_DESCRIBE, names[i]);
		if (out->error_code)
			continue;
		out->topic_authorized_operations = access_operations(request, ACL_RESOURCE_TOPIC, names[i]);
		if (!topic) {
			out->error_code = topic_name_legal(names[i]) ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION
								     : KAFKA_INVALID_TOPIC_EXCEPTION;
			continue;
		}
		told = page_topic(request, topic, first < 0 ? 0 : first, room, nodes, out);
		if (told < 0)
			return false;
		room -= told;
		if (first + told < topic->partition_count) {
			response->next_cursor = arena_take(&request->arena, sizeof *response->next_cursor);
			if (!response->next_cursor)
				return false;
			response->next_cursor->topic_name = names[i];
			response->next_cursor->partition_index = first + told;
			return true;
		}
	}
	return true;
}

void handle_describe_topic_partitions(struct request *request)
{
	struct describe_topic_partitions_response *response = request_response(request);

	request_answer(request, response && page(request, response) ? response : NULL);
}
