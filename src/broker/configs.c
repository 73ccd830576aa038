/* configs.c - DescribeConfigs, IncrementalAlterConfigs, AlterConfigs: of topics; brokers are described, not changed. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/api.h"
#include "broker/topics.h"

enum { RESOURCE_TOPIC = 2, RESOURCE_BROKER = 4, RESOURCE_GROUP = 32 };

#define CONFIG_BYTES_MAX ((size_t)256 << 10)

/* ---- DescribeConfigs ------------------------------------------------------------------------------------------------- */

typedef struct describe_configs_response_result result_t;
typedef struct describe_configs_response_config config_t;

/* NULL asks for all. */
static bool wanted(const struct describe_configs_request_resource *in, const char *name)
{
	if (in->configuration_keys.count < 0)
		return true;
	for (int32_t i = 0; i < in->configuration_keys.count; i++)
		if (view_is(in->configuration_keys.at[i], name))
			return true;
	return false;
}

static bool add_synonym(struct request *request, config_t *out, const char *name, const char *value,
			enum config_source source)
{
	struct describe_configs_response_synonym *one = &out->synonyms.at[out->synonyms.count++];

	one->name = view_text(name);
	one->value = arena_copy(&request->arena, view_text(value));
	one->source = (int8_t)source;
	return one->value.at || !value;
}

/* Where the value comes from, strongest first: the topic, broker properties, the default. */
static bool tell_synonyms(struct request *request, const struct topic_state *state, int place, config_t *out)
{
	const struct topic_config *config = &topic_config_table[place];
	const char *last = config->synonyms[0];

	out->synonyms.at = REQUEST_ARRAY(request, describe_configs_response_synonym_shape,
					 TOPIC_CONFIG_SYNONYMS_MAX + 2);
	if (!out->synonyms.at)
		return false;
	if (state && state->own[place] &&
	    !add_synonym(request, out, config->name, state->own[place], CONFIG_SOURCE_TOPIC))
		return false;
	for (int i = 0; i < TOPIC_CONFIG_SYNONYMS_MAX && config->synonyms[i]; i++) {
		bool given;
		const char *value =
			properties_value(&request->broker->properties, config->synonyms[i], &given);

		if (given && value &&
		    !add_synonym(request, out, config->synonyms[i], value, CONFIG_SOURCE_BROKER))
			return false;
		if (property_table[property_find(view_text(config->synonyms[i]))].fallback)
			last = config->synonyms[i];
	}
	if (last) {
		const char *value = property_table[property_find(view_text(last))].fallback;

		if (value && !add_synonym(request, out, last, value, CONFIG_SOURCE_DEFAULT))
			return false;
	}
	return true;
}

static bool describe_topic(struct request *request, const struct describe_configs_request_resource *in,
			   result_t *out)
{
	const struct describe_configs_request *asked = request->message;
	struct store_topic *topic = store_topic_named(request->broker->store, in->resource_name);

	if (!topic || !topic->owner) {
		out->error_code = topic_name_legal(in->resource_name) ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION
								      : KAFKA_INVALID_TOPIC_EXCEPTION;
		return true;
	}
	out->configs.at = REQUEST_ARRAY(request, describe_configs_response_config_shape, TOPIC_CONFIGS_MAX);
	for (int i = 0; out->configs.at && topic_config_table[i].name; i++) {
		struct topic_config_value value;
		config_t *one;

		if (!wanted(in, topic_config_table[i].name))
			continue;
		one = &out->configs.at[out->configs.count++];
		topic_config_value(request->broker, topic_state(topic), i, &value);
		one->name = view_text(topic_config_table[i].name);
		one->value = arena_copy(&request->arena, view_text(value.text));
		one->config_source = (int8_t)value.source;
		one->config_type = (int8_t)topic_config_table[i].type;
		if (asked->include_synonyms && !tell_synonyms(request, topic_state(topic), i, one))
			return false;
	}
	return out->configs.at != NULL;
}

static bool describe_broker(struct request *request, const struct describe_configs_request_resource *in,
			    result_t *out)
{
	const struct describe_configs_request *asked = request->message;
	char id[16];

	snprintf(id, sizeof id, "%d", request->node->id);
	if (in->resource_name.size > 0 && !view_is(in->resource_name, id)) {
		out->error_code = KAFKA_INVALID_REQUEST;
		out->error_message = VIEW_LITERAL("Unexpected broker id");
		return true;
	}
	/* The name "" asks for what holds for all brokers: nothing is set there. */
	if (in->resource_name.size == 0)
		return true;
	out->configs.at = REQUEST_ARRAY(request, describe_configs_response_config_shape, PROPERTIES_MAX);
	for (int i = 0; out->configs.at && property_table[i].name; i++) {
		const char *name = property_table[i].name;
		bool given;
		const char *value = properties_value(&request->broker->properties, name, &given);
		config_t *one;

		if (!wanted(in, name))
			continue;
		one = &out->configs.at[out->configs.count++];
		one->name = view_text(name);
		one->value = view_text(value);
		one->read_only = true;
		one->config_source = given ? CONFIG_SOURCE_BROKER : CONFIG_SOURCE_DEFAULT;
		one->config_type = (int8_t)property_table[i].type;
		if (!asked->include_synonyms)
			continue;
		one->synonyms.at = REQUEST_ARRAY(request, describe_configs_response_synonym_shape, 2);
		if (!one->synonyms.at)
			return false;
		if (given)
			add_synonym(request, one, name, value, CONFIG_SOURCE_BROKER);
		if (property_table[i].fallback)
			add_synonym(request, one, name, property_table[i].fallback, CONFIG_SOURCE_DEFAULT);
	}
	return out->configs.at != NULL;
}

void handle_describe_configs(struct request *request)
{
	const struct describe_configs_request *in = request->message;
	struct describe_configs_response *response = request_response(request);
	bool ok = response && (response->results.at = REQUEST_ARRAY(
				       request, describe_configs_response_result_shape, in->resources.count));

	for (int32_t i = 0; ok && i < in->resources.count; i++) {
		const struct describe_configs_request_resource *resource = &in->resources.at[i];
		result_t *out = &response->results.at[response->results.count++];

		out->resource_type = resource->resource_type;
		out->resource_name = resource->resource_name;
		if (resource->resource_type == RESOURCE_TOPIC) {
			ok = describe_topic(request, resource, out);
		} else if (resource->resource_type == RESOURCE_BROKER) {
			ok = describe_broker(request, resource, out);
		} else {
			out->error_code = KAFKA_INVALID_REQUEST;
			out->error_message =
				VIEW_LITERAL("Only topics and brokers have configs in this version");
		}
	}
	request_answer(request, ok ? response : NULL);
}

/* ---- changing -------------------------------------------------------------------------------------------------------- */

enum { OP_SET = 0, OP_DELETE = 1, OP_APPEND = 2, OP_SUBTRACT = 3 };

struct alteration {
	struct request *request;
	void *response;
	int left;
};

struct alteration_one {
	struct alteration *alteration;
	struct view topic;
	int16_t *error;
	struct view *text;
};

static void alteration_step(struct alteration *alteration)
{
	if (--alteration->left == 0)
		request_answer(alteration->request, alteration->response);
}

static void altered(void *context, int err, const struct fault *fault)
{
	struct alteration_one *one = context;
	struct broker *broker = one->alteration->request->broker;

	if (err == 0) {
		struct store_topic *topic = store_topic_named(broker->store, one->topic);

		err = topic ? topic_state_load(broker, topic) : ERR_NOT_FOUND;
	}
	*one->error = topic_error(err);
	alteration_step(one->alteration);
}

static void refuse(struct alteration_one *one, int16_t error, const char *text)
{
	*one->error = error;
	*one->text = arena_copy(&one->alteration->request->arena, view_text(text));
}

/* Stores a topic's new configs, or only says whether it would. */
static void apply(struct alteration_one *one, struct store_topic *topic, const char *const own[],
		  bool validate_only)
{
	struct buffer config;
	int err;

	if (validate_only)
		return;
	buffer_init(&config, CONFIG_BYTES_MAX);
	err = topic_config_write(own, topic_state(topic)->replication_factor, &config);
	if (err == 0) {
		one->alteration->left++;
		err = store_topic_configure(topic, buffer_bytes(&config), altered, one);
		if (err != 0)
			one->alteration->left--;
	}
	buffer_done(&config);
	if (err != 0)
		refuse(one, topic_error(err), err_text(err));
}

/* A list without or with the items of another. */
static const char *list_change(struct arena *arena, const char *list, struct view items, bool add)
{
	struct buffer out;
	char *text;
	struct view rest = view_text(list);

	buffer_init(&out, 4096);
	while (rest.size > 0) {
		const uint8_t *comma = memchr(rest.at, ',', rest.size);
		struct view item = view_of(rest.at, comma ? (size_t)(comma - rest.at) : rest.size),
			    left = items;
		bool drop = false;

		rest = comma ? view_of(comma + 1, rest.size - item.size - 1) : VIEW_LITERAL("");
		while (left.size > 0) {
			const uint8_t *end = memchr(left.at, ',', left.size);
			struct view one = view_of(left.at, end ? (size_t)(end - left.at) : left.size);

			drop |= view_equal(one, item);
			left = end ? view_of(end + 1, left.size - one.size - 1) : VIEW_LITERAL("");
		}
		if (drop)
			continue; /* what is appended stands at the end, once */
		if (out.size)
			buffer_text(&out, ",");
		buffer_view(&out, item);
	}
	if (add && items.size) {
		if (out.size)
			buffer_text(&out, ",");
		buffer_view(&out, items);
	}
	text = out.err ? NULL : arena_text(arena, buffer_string(&out));
	buffer_done(&out);
	return text;
}

/* Changes `own`; 0 or an error that was told. */
static int change(struct alteration_one *one, const struct topic_state *state, const char *own[],
		  struct view name, int8_t operation, struct view value)
{
	struct request *request = one->alteration->request;
	int place = topic_config_find(name);
	struct topic_config_value now;
	struct fault fault = { 0 };

	if (place < 0) {
		refuse(one, KAFKA_INVALID_CONFIG, "Unknown topic config name");
		return ERR_CONFIG;
	}
	if (operation == OP_DELETE) {
		own[place] = NULL;
		return 0;
	}
	if (operation == OP_APPEND || operation == OP_SUBTRACT) {
		if (topic_config_table[place].type != CONFIG_LIST || !value.at) {
			refuse(one, KAFKA_INVALID_CONFIG,
			       "Append and subtract are for configs that are lists");
			return ERR_CONFIG;
		}
		topic_config_value(request->broker, state, place, &now);
		own[place] = list_change(&request->arena, own[place] ? own[place] : now.text, value,
					 operation == OP_APPEND);
		value = view_text(own[place]);
	} else if (operation != OP_SET) {
		refuse(one, KAFKA_INVALID_REQUEST, "Unknown operation");
		return ERR_CONFIG;
	}
	if (topic_config_check(place, value, &fault) < 0) {
		refuse(one, KAFKA_INVALID_CONFIG, fault.text);
		return ERR_CONFIG;
	}
	own[place] = (const char *)arena_copy(&request->arena, value).at;
	return own[place] ? 0 : ERR_MEMORY;
}

static struct store_topic *topic_to_alter(struct alteration_one *one, int8_t type, struct view name)
{
	struct store_topic *topic = store_topic_named(one->alteration->request->broker->store, name);

	if (type != RESOURCE_TOPIC) {
		refuse(one, KAFKA_INVALID_REQUEST, "Only configs of topics can be changed in this version");
		return NULL;
	}
	if (!topic || !topic->owner) {
		refuse(one, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "The topic does not exist.");
		return NULL;
	}
	return topic;
}

void handle_incremental_alter_configs(struct request *request)
{
	const struct incremental_alter_configs_request *in = request->message;
	struct alteration *alteration = arena_take(&request->arena, sizeof *alteration);
	struct incremental_alter_configs_response *response = request_response(request);
	struct alteration_one *ones = arena_array(&request->arena, (size_t)in->resources.count, sizeof *ones);

	if (!alteration || !response || !ones ||
	    !(response->responses.at = REQUEST_ARRAY(
		      request, incremental_alter_configs_response_resource_shape, in->resources.count))) {
		request_answer(request, NULL);
		return;
	}
	*alteration = (struct alteration){ request, response, 1 };
	response->responses.count = in->resources.count;
	for (int32_t i = 0; i < in->resources.count; i++) {
		struct incremental_alter_configs_response_resource *out = &response->responses.at[i];
		const char *own[TOPIC_CONFIGS_MAX];
		struct store_topic *topic;
		int err = 0;

		out->resource_type = in->resources.at[i].resource_type;
		out->resource_name = in->resources.at[i].resource_name;
		ones[i] = (struct alteration_one){ alteration, out->resource_name, &out->error_code,
						   &out->error_message };
		topic = topic_to_alter(&ones[i], out->resource_type, out->resource_name);
		if (!topic)
			continue;
		memcpy(own, topic_state(topic)->own, sizeof own);
		for (int32_t k = 0; err == 0 && k < in->resources.at[i].configs.count; k++)
			err = change(&ones[i], topic_state(topic), own,
				     in->resources.at[i].configs.at[k].name,
				     in->resources.at[i].configs.at[k].config_operation,
				     in->resources.at[i].configs.at[k].value);
		if (err == 0)
			apply(&ones[i], topic, own, in->validate_only);
	}
	alteration_step(alteration);
}

void handle_alter_configs(struct request *request)
{
	const struct alter_configs_request *in = request->message;
	struct alteration *alteration = arena_take(&request->arena, sizeof *alteration);
	struct alter_configs_response *response = request_response(request);
	struct alteration_one *ones = arena_array(&request->arena, (size_t)in->resources.count, sizeof *ones);

	if (!alteration || !response || !ones ||
	    !(response->responses.at =
		      REQUEST_ARRAY(request, alter_configs_response_resource_shape, in->resources.count))) {
		request_answer(request, NULL);
		return;
	}
	*alteration = (struct alteration){ request, response, 1 };
	response->responses.count = in->resources.count;
	for (int32_t i = 0; i < in->resources.count; i++) {
		struct alter_configs_response_resource *out = &response->responses.at[i];
		const char *own[TOPIC_CONFIGS_MAX] = {
			NULL
		}; /* what is not named goes back to its default */
		struct store_topic *topic;
		int err = 0;

		out->resource_type = in->resources.at[i].resource_type;
		out->resource_name = in->resources.at[i].resource_name;
		ones[i] = (struct alteration_one){ alteration, out->resource_name, &out->error_code,
						   &out->error_message };
		topic = topic_to_alter(&ones[i], out->resource_type, out->resource_name);
		if (!topic)
			continue;
		for (int32_t k = 0; err == 0 && k < in->resources.at[i].configs.count; k++)
			err = change(&ones[i], NULL, own, in->resources.at[i].configs.at[k].name, OP_SET,
				     in->resources.at[i].configs.at[k].value);
		if (err == 0)
			apply(&ones[i], topic, own, in->validate_only);
	}
	alteration_step(alteration);
}
