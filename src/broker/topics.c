/* topics.c - CreateTopics, DeleteTopics, CreatePartitions. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/access.h"
#include "broker/api.h"
#include "broker/coordinator.h"
#include "broker/throttle.h"
#include "broker/topics.h"

#define CONFIG_BYTES_MAX ((size_t)256 << 10)

int16_t topic_error(int err)
{
	switch (err) {
	case 0: return KAFKA_NONE;
	case ERR_CONFLICT: return KAFKA_TOPIC_ALREADY_EXISTS;
	case ERR_NOT_FOUND: return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	case ERR_CANCELLED: return KAFKA_COORDINATOR_NOT_AVAILABLE;
	case ERR_FULL:
	case ERR_IO: return KAFKA_KAFKA_STORAGE_ERROR;
	case ERR_LIMIT: return KAFKA_INVALID_PARTITIONS;
	default: return KAFKA_UNKNOWN_SERVER_ERROR;
	}
}

struct making {
	struct broker *broker;
	topic_made *done;
	void *context;
	char name[STORE_TOPIC_NAME_MAX + 1];
};

static void made(void *context, int err, const struct fault *fault)
{
	struct making *making = context;
	struct store_topic *topic = NULL;

	if (err == 0) {
		topic = store_topic_named(making->broker->store, view_text(making->name));
		err = topic ? topic_state_load(making->broker, topic) : ERR_NOT_FOUND;
	}
	making->done(making->context, topic_error(err), err == 0 ? topic : NULL);
	free(making);
}

int16_t topic_wish_make(struct broker *broker, const struct topic_wish *wish, topic_made *done, void *context)
{
	struct store_topic_new new = { .name = wish->name, .partition_count = wish->partition_count };
	struct making *making = calloc(1, sizeof *making);
	struct buffer config;
	int err = ERR_MEMORY;

	buffer_init(&config, CONFIG_BYTES_MAX);
	if (making) {
		making->broker = broker;
		making->done = done;
		making->context = context;
		memcpy(making->name, wish->name.at, wish->name.size);
		broker_uuid_make(new.id);
		err = topic_config_write(wish->own, wish->replication_factor, &config);
		new.config = buffer_bytes(&config);
		if (err == 0)
			err = store_topic_create(broker->store, &new, made, making);
	}
	buffer_done(&config);
	if (err != 0)
		free(making);
	return topic_error(err);
}

bool topic_name_collides(struct broker *broker, struct view name)
{
	if (!memchr(name.at, '.', name.size) && !memchr(name.at, '_', name.size))
		return false;
	for (struct store_topic *topic = store_topic_next(broker->store, NULL); topic;
	     topic = store_topic_next(broker->store, topic)) {
		size_t i = 0;

		if (strlen(topic->name) != name.size)
			continue;
		for (; i < name.size; i++) {
			char a = topic->name[i] == '.' ? '_' : topic->name[i];
			char b = name.at[i] == '.' ? '_' : (char)name.at[i];

			if (a != b)
				break;
		}
		if (i == name.size && !view_is(name, topic->name))
			return true;
	}
	return false;
}

/* ---- CreateTopics ---------------------------------------------------------------------------------------------------- */

/* Kafka's controller takes no more new partitions than this in one request. */
#define PARTITIONS_EACH_REQUEST 10000

/* Versions that are told THROTTLING_QUOTA_EXCEEDED (KIP-599); older ones are only made to wait. */
#define CREATE_THROTTLED_SINCE     6
#define DELETE_THROTTLED_SINCE     5
#define PARTITIONS_THROTTLED_SINCE 3
#define QUOTA_EXCEEDED             "The throttling quota has been exceeded."

struct creation {
	struct request *request;
	struct create_topics_response *response;
	int left;           /* what is not answered, and one while we still ask */
	int64_t partitions; /* asked for so far */
	bool any;           /* whatever it is called: CREATE on the cluster */
};

struct creation_topic {
	struct creation *creation;
	struct create_topics_response_topic *result;
};

static void creation_step(struct creation *creation)
{
	if (--creation->left == 0)
		request_answer(creation->request, creation->response);
}

/* What the answer tells of the topic's configs (v5+). */
static void tell_configs(struct request *request, struct store_topic *topic,
			 struct create_topics_response_topic *out, const struct topic_state *state)
{
	struct broker *broker = request->broker;
	int32_t count = 0;

	while (topic_config_table[count].name)
		count++;
	out->configs.at = REQUEST_ARRAY(request, create_topics_response_config_shape, count);
	if (!out->configs.at)
		return;
	out->configs.count = count;
	for (int32_t i = 0; i < count; i++) {
		struct topic_config_value value;

		topic_config_value(broker, state, i, &value);
		out->configs.at[i].name = view_text(topic_config_table[i].name);
		out->configs.at[i].value = arena_copy(&request->arena, view_text(value.text));
		out->configs.at[i].config_source = (int8_t)value.source;
	}
}

/* Who may not see configs is told of none, and not of the counts either, as in Kafka. */
static void tell_made(struct request *request, struct store_topic *topic,
		      struct create_topics_response_topic *out, int32_t partitions,
		      const struct topic_state *state)
{
	if (!access_allowed_silently(request, ACL_OPERATION_DESCRIBE_CONFIGS, ACL_RESOURCE_TOPIC,
				     out->name)) {
		out->topic_config_error_code = KAFKA_TOPIC_AUTHORIZATION_FAILED;
		return;
	}
	out->num_partitions = partitions;
	out->replication_factor = state->replication_factor;
	tell_configs(request, topic, out, state);
}

static void creation_made(void *context, int16_t error, struct store_topic *topic)
{
	struct creation_topic *one = context;
	struct request *request = one->creation->request;

	one->result->error_code = error;
	if (topic) {
		memcpy(one->result->topic_id.bytes, topic->id, 16);
		tell_made(request, topic, one->result, topic->partition_count, topic_state(topic));
	}
	creation_step(one->creation);
}

static int16_t refuse(struct request *request, struct create_topics_response_topic *result, int16_t error,
		      const char *text)
{
	result->error_code = error;
	result->error_message = text ? arena_copy(&request->arena, view_text(text)) : VIEW_NULL;
	result->num_partitions = -1;
	result->replication_factor = -1;
	return error;
}

static bool named_twice(const struct create_topics_request *in, int32_t place)
{
	for (int32_t i = 0; i < in->topics.count; i++)
		if (i != place && view_equal(in->topics.at[i].name, in->topics.at[place].name))
			return true;
	return false;
}

/* Assignments name brokers; there is one here, and what they say is a count. */
static int16_t read_assignments(const struct create_topics_request_topic *in, struct topic_wish *wish)
{
	if (in->num_partitions != -1 || in->replication_factor != -1)
		return KAFKA_INVALID_REQUEST;
	for (int32_t i = 0; i < in->assignments.count; i++) {
		bool found = false;

		for (int32_t k = 0; k < in->assignments.count; k++)
			found |= in->assignments.at[k].partition_index == i;
		if (!found || in->assignments.at[i].broker_ids.count == 0)
			return KAFKA_INVALID_REPLICA_ASSIGNMENT;
	}
	wish->partition_count = in->assignments.count;
	wish->replication_factor = (int16_t)in->assignments.at[0].broker_ids.count;
	return KAFKA_NONE;
}

static int16_t read_counts(struct request *request, const struct create_topics_request_topic *in,
			   struct topic_wish *wish, struct create_topics_response_topic *result)
{
	const struct properties *properties = &request->broker->properties;

	if (in->assignments.count > 0) {
		int16_t error = read_assignments(in, wish);

		return error ? refuse(request, result, error, "The manual partition assignment is not valid.")
			     : error;
	}
	wish->partition_count =
		in->num_partitions == -1 ? (int32_t)properties->partitions : in->num_partitions;
	wish->replication_factor = in->replication_factor == -1 ? (int16_t)properties->replication_factor
								: in->replication_factor;
	if (wish->partition_count <= 0 || wish->partition_count > STORE_PARTITIONS_MAX)
		return refuse(request, result, KAFKA_INVALID_PARTITIONS,
			      "Number of partitions was set to an invalid non-positive value.");
	if (wish->replication_factor <= 0)
		return refuse(request, result, KAFKA_INVALID_REPLICATION_FACTOR,
			      "Replication factor must be larger than 0, or -1 to use the default value.");
	return KAFKA_NONE;
}

static int16_t read_configs(struct request *request, const struct create_topics_request_topic *in,
			    struct topic_wish *wish, struct create_topics_response_topic *result)
{
	for (int32_t i = 0; i < in->configs.count; i++) {
		int place = topic_config_find(in->configs.at[i].name);
		struct fault fault = { 0 };

		if (place < 0)
			return refuse(request, result, KAFKA_INVALID_CONFIG, "Unknown topic config name");
		if (topic_config_check(place, in->configs.at[i].value, &fault) < 0)
			return refuse(request, result, KAFKA_INVALID_CONFIG, fault.text);
		wish->own[place] = (const char *)arena_copy(&request->arena, in->configs.at[i].value).at;
		if (!wish->own[place])
			return refuse(request, result, KAFKA_INVALID_REQUEST, NULL);
	}
	return KAFKA_NONE;
}

static void create_one(struct creation *creation, int32_t place)
{
	struct request *request = creation->request;
	const struct create_topics_request *in = request->message;
	const struct create_topics_request_topic *topic = &in->topics.at[place];
	struct create_topics_response_topic *result = &creation->response->topics.at[place];
	struct topic_wish wish = { .name = topic->name };
	struct creation_topic *one;

	result->name = topic->name;
	if (named_twice(in, place)) {
		refuse(request, result, KAFKA_INVALID_REQUEST, "Duplicate topic name.");
		return;
	}
	if (!creation->any && access_topic(request, ACL_OPERATION_CREATE, topic->name)) {
		refuse(request, result, KAFKA_TOPIC_AUTHORIZATION_FAILED, "Authorization failed.");
		return;
	}
	if (!topic_name_legal(topic->name)) {
		refuse(request, result, KAFKA_INVALID_TOPIC_EXCEPTION, "Topic name is invalid");
		return;
	}
	if (store_topic_named(request->broker->store, topic->name)) {
		refuse(request, result, KAFKA_TOPIC_ALREADY_EXISTS,
		       arena_printf(&request->arena, "Topic '%.*s' already exists.", VIEW_ARGS(topic->name)));
		return;
	}
	if (topic_name_collides(request->broker, topic->name)) {
		refuse(request, result, KAFKA_INVALID_TOPIC_EXCEPTION,
		       "Topic name collides with an existing topic");
		return;
	}
	if (read_counts(request, topic, &wish, result) || read_configs(request, topic, &wish, result))
		return;
	creation->partitions += wish.partition_count;
	if (creation->partitions > PARTITIONS_EACH_REQUEST) {
		refuse(request, result, KAFKA_POLICY_VIOLATION,
		       "Unable to perform excessively large batch operation.");
		return;
	}
	if (!throttle_mutate(request, wish.partition_count, CREATE_THROTTLED_SINCE)) {
		refuse(request, result, KAFKA_THROTTLING_QUOTA_EXCEEDED, QUOTA_EXCEEDED);
		return;
	}
	if (in->validate_only) {
		struct topic_state state = { 0 };

		memcpy(state.own, wish.own, sizeof state.own);
		state.replication_factor = wish.replication_factor;
		tell_made(request, NULL, result, wish.partition_count, &state);
		return;
	}
	one = arena_take(&request->arena, sizeof *one);
	if (!one) {
		refuse(request, result, KAFKA_INVALID_REQUEST, NULL);
		return;
	}
	*one = (struct creation_topic){ creation, result };
	creation->left++;
	int16_t error = topic_wish_make(request->broker, &wish, creation_made, one);
	if (error) {
		creation->left--;
		refuse(request, result, error, NULL);
	}
}

void handle_create_topics(struct request *request)
{
	const struct create_topics_request *in = request->message;
	struct creation *creation = arena_take(&request->arena, sizeof *creation);
	struct create_topics_response *response = request_response(request);

	if (!creation || !response ||
	    !(response->topics.at =
		      REQUEST_ARRAY(request, create_topics_response_topic_shape, in->topics.count))) {
		request_answer(request, NULL);
		return;
	}
	response->topics.count = in->topics.count;
	*creation = (struct creation){ .request = request, .response = response, .left = 1 };
	creation->any =
		access_allowed_silently(request, ACL_OPERATION_CREATE, ACL_RESOURCE_CLUSTER, ACCESS_CLUSTER);
	for (int32_t i = 0; i < in->topics.count; i++)
		create_one(creation, i);
	creation_step(creation);
}

/* ---- DeleteTopics ---------------------------------------------------------------------------------------------------- */

struct deletion {
	struct request *request;
	struct delete_topics_response *response;
	int left;
	bool any; /* whatever it is called: DELETE on the cluster */
};

struct deletion_topic {
	struct deletion *deletion;
	struct delete_topics_response_topic *result;
	struct topic_state *state;
};

static void deletion_step(struct deletion *deletion)
{
	if (--deletion->left == 0)
		request_answer(deletion->request, deletion->response);
}

static void deleted(void *context, int err, const struct fault *fault)
{
	struct deletion_topic *one = context;

	one->result->error_code = topic_error(err);
	/* And once more, of what was committed while it went. */
	if (err == 0)
		coordinator_topic_deleted(one->deletion->request->broker, one->result->name);
	if (err == 0 && one->state) {
		arena_done(&one->state->arena);
		free(one->state);
	}
	deletion_step(one->deletion);
}

static bool deletion_denied(const struct deletion *deletion, int operation, struct view name)
{
	return !deletion->any && access_topic(deletion->request, operation, name) != KAFKA_NONE;
}

static void delete_one(struct deletion *deletion, struct delete_topics_response_topic *result,
		       struct view name, const struct uuid *id)
{
	struct request *request = deletion->request;
	struct broker *broker = request->broker;
	struct store_topic *topic = name.at ? store_topic_named(broker->store, name)
					    : store_topic_by_id(broker->store, id->bytes);
	struct deletion_topic *one = arena_take(&request->arena, sizeof *one);
	int err;

	result->name = name;
	if (id)
		result->topic_id = *id;
	if (!broker->properties.delete_topics) {
		result->error_code =
			request_version(request) < 3 ? KAFKA_INVALID_REQUEST : KAFKA_TOPIC_DELETION_DISABLED;
		return;
	}
	if (name.at && deletion_denied(deletion, ACL_OPERATION_DESCRIBE, name)) {
		result->error_code = KAFKA_TOPIC_AUTHORIZATION_FAILED;
		return;
	}
	if (!topic || !one) {
		result->error_code = name.at ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_UNKNOWN_TOPIC_ID;
		return;
	}
	if (deletion_denied(deletion, ACL_OPERATION_DELETE, view_text(topic->name))) {
		result->error_code = KAFKA_TOPIC_AUTHORIZATION_FAILED;
		/* Its name is for those who may see it. */
		if (!name.at && !deletion_denied(deletion, ACL_OPERATION_DESCRIBE, view_text(topic->name)))
			result->name = arena_copy(&request->arena, view_text(topic->name));
		return;
	}
	if (topic_name_internal(view_text(topic->name))) {
		result->error_code = KAFKA_INVALID_REQUEST; /* a running coordinator would lose its memory */
		return;
	}
	result->name = arena_copy(&request->arena, view_text(topic->name));
	memcpy(result->topic_id.bytes, topic->id, 16);
	if (!throttle_mutate(request, topic->partition_count, DELETE_THROTTLED_SINCE)) {
		result->error_code = KAFKA_THROTTLING_QUOTA_EXCEEDED;
		result->error_message = VIEW_LITERAL(QUOTA_EXCEEDED);
		return;
	}
	coordinator_topic_deleted(broker, result->name); /* first: a crash must not leave them without it */
	*one = (struct deletion_topic){ deletion, result, topic->owner };
	deletion->left++;
	err = store_topic_delete(topic, deleted, one);
	if (err != 0) {
		deletion->left--;
		result->error_code = topic_error(err);
	}
}

void handle_delete_topics(struct request *request)
{
	const struct delete_topics_request *in = request->message;
	struct deletion *deletion = arena_take(&request->arena, sizeof *deletion);
	struct delete_topics_response *response = request_response(request);
	bool ids = request_version(request) >= 6;
	int32_t count = ids ? in->topics.count : in->topic_names.count;

	if (!deletion || !response ||
	    !(response->responses.at = REQUEST_ARRAY(request, delete_topics_response_topic_shape, count))) {
		request_answer(request, NULL);
		return;
	}
	response->responses.count = count;
	*deletion = (struct deletion){ .request = request, .response = response, .left = 1 };
	deletion->any =
		access_allowed_silently(request, ACL_OPERATION_DELETE, ACL_RESOURCE_CLUSTER, ACCESS_CLUSTER);
	for (int32_t i = 0; i < count; i++)
		delete_one(deletion, &response->responses.at[i],
			   ids ? in->topics.at[i].name : in->topic_names.at[i],
			   ids ? &in->topics.at[i].topic_id : NULL);
	deletion_step(deletion);
}

/* ---- CreatePartitions ------------------------------------------------------------------------------------------------ */

struct addition {
	struct request *request;
	struct create_partitions_response *response;
	int left;
};

struct addition_topic {
	struct addition *addition;
	struct create_partitions_response_result *result;
};

static void addition_step(struct addition *addition)
{
	if (--addition->left == 0)
		request_answer(addition->request, addition->response);
}

static void added(void *context, int err, const struct fault *fault)
{
	struct addition_topic *one = context;

	one->result->error_code = topic_error(err);
	addition_step(one->addition);
}

static void add_one(struct addition *addition, const struct create_partitions_request_topic *in,
		    struct create_partitions_response_result *result, bool validate_only)
{
	struct request *request = addition->request;
	struct store_topic *topic = store_topic_named(request->broker->store, in->name);
	struct addition_topic *one;
	int err;

	result->name = in->name;
	result->error_code = access_topic(request, ACL_OPERATION_ALTER, in->name);
	if (result->error_code)
		return;
	if (!topic) {
		result->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
		return;
	}
	if (in->count <= topic->partition_count || in->count > STORE_PARTITIONS_MAX ||
	    in->count - topic->partition_count > PARTITIONS_EACH_REQUEST) {
		result->error_code = KAFKA_INVALID_PARTITIONS;
		result->error_message = view_text(arena_printf(
			&request->arena, "The topic has %d partition(s); %d would not be an increase.",
			topic->partition_count, in->count));
		return;
	}
	if (in->assignments.count >= 0 && in->assignments.count != in->count - topic->partition_count) {
		result->error_code = KAFKA_INVALID_REPLICA_ASSIGNMENT;
		return;
	}
	if (!throttle_mutate(request, in->count - topic->partition_count, PARTITIONS_THROTTLED_SINCE)) {
		result->error_code = KAFKA_THROTTLING_QUOTA_EXCEEDED;
		result->error_message = VIEW_LITERAL(QUOTA_EXCEEDED);
		return;
	}
	if (validate_only)
		return;
	one = arena_take(&request->arena, sizeof *one);
	if (!one) {
		result->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
		return;
	}
	*one = (struct addition_topic){ addition, result };
	addition->left++;
	err = store_partitions_add(topic, in->count, added, one);
	if (err != 0) {
		addition->left--;
		result->error_code = topic_error(err);
	}
}

void handle_create_partitions(struct request *request)
{
	const struct create_partitions_request *in = request->message;
	struct addition *addition = arena_take(&request->arena, sizeof *addition);
	struct create_partitions_response *response = request_response(request);

	if (!addition || !response ||
	    !(response->results.at =
		      REQUEST_ARRAY(request, create_partitions_response_result_shape, in->topics.count))) {
		request_answer(request, NULL);
		return;
	}
	response->results.count = in->topics.count;
	*addition = (struct addition){ request, response, 1 };
	for (int32_t i = 0; i < in->topics.count; i++)
		add_one(addition, &in->topics.at[i], &response->results.at[i], in->validate_only);
	addition_step(addition);
}
