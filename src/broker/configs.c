/* configs.c - DescribeConfigs and ListConfigResources: topics, brokers, groups.  What changes them is config_changes.c. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/api.h"
#include "broker/configs.h"
#include "broker/group_config.h"
#include "broker/topics.h"

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
		one->is_sensitive = property_table[i].type == CONFIG_PASSWORD;
		one->value = one->is_sensitive ? VIEW_NULL : view_text(value);
		one->read_only = true;
		one->config_source = given ? CONFIG_SOURCE_BROKER : CONFIG_SOURCE_DEFAULT;
		one->config_type = (int8_t)property_table[i].type;
		if (!asked->include_synonyms)
			continue;
		one->synonyms.at = REQUEST_ARRAY(request, describe_configs_response_synonym_shape, 2);
		if (!one->synonyms.at)
			return false;
		if (given)
			add_synonym(request, one, name, one->is_sensitive ? NULL : value,
				    CONFIG_SOURCE_BROKER);
		if (property_table[i].fallback)
			add_synonym(request, one, name, property_table[i].fallback, CONFIG_SOURCE_DEFAULT);
	}
	return out->configs.at != NULL;
}

static bool describe_group(struct request *request, const struct describe_configs_request_resource *in,
			   result_t *out)
{
	const struct describe_configs_request *asked = request->message;
	struct broker *broker = request->broker;

	if (in->resource_name.size == 0) {
		out->error_code = KAFKA_INVALID_REQUEST;
		out->error_message = VIEW_LITERAL("Default group resources are not allowed.");
		return true;
	}
	out->configs.at = REQUEST_ARRAY(request, describe_configs_response_config_shape, GROUP_CONFIGS);
	for (int i = 0; out->configs.at && i < GROUP_CONFIGS; i++) {
		const struct group_config *config = &group_config_table[i];
		struct view own = group_config_own(broker, in->resource_name, i);
		bool given;
		const char *value = properties_value(&broker->properties, config->fallback, &given);
		config_t *one;

		if (!wanted(in, config->name))
			continue;
		one = &out->configs.at[out->configs.count++];
		one->name = view_text(config->name);
		one->value = arena_copy(&request->arena, own.at ? own : view_text(value));
		one->config_source = own.at  ? CONFIG_SOURCE_GROUP
				     : given ? CONFIG_SOURCE_BROKER
					     : CONFIG_SOURCE_DEFAULT;
		one->config_type = CONFIG_INT;
		if (!asked->include_synonyms)
			continue;
		one->synonyms.at = REQUEST_ARRAY(request, describe_configs_response_synonym_shape, 3);
		if (!one->synonyms.at)
			return false;
		if (own.at)
			add_synonym(request, one, config->name, (const char *)one->value.at,
				    CONFIG_SOURCE_GROUP);
		if (given)
			add_synonym(request, one, config->fallback, value, CONFIG_SOURCE_BROKER);
		add_synonym(request, one, config->fallback,
			    property_table[property_find(view_text(config->fallback))].fallback,
			    CONFIG_SOURCE_DEFAULT);
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
		} else if (resource->resource_type == RESOURCE_GROUP) {
			ok = describe_group(request, resource, out);
		} else {
			out->error_code = KAFKA_INVALID_REQUEST;
			out->error_message =
				VIEW_LITERAL("Only topics, brokers and groups have configs in this version");
		}
	}
	request_answer(request, ok ? response : NULL);
}

/* ---- ListConfigResources --------------------------------------------------------------------------------------------- */

typedef struct list_config_resources_response_config_resource listed_t;

struct listing {
	struct request *request;
	listed_t *at; /* NULL: only count */
	int32_t count;
};

static void list_one(struct listing *listing, int8_t type, struct view name)
{
	if (listing->at) {
		listing->at[listing->count].resource_type = type;
		listing->at[listing->count].resource_name = name;
	}
	listing->count++;
}

static void list_group(void *context, struct view name, struct view value)
{
	struct listing *listing = context;

	list_one(listing, RESOURCE_GROUP, listing->at ? arena_copy(&listing->request->arena, name) : name);
}

static void list_nodes(struct listing *listing)
{
	struct broker *broker = listing->request->broker;

	for (int i = 0; i < broker->node_count; i++)
		list_one(listing, RESOURCE_BROKER,
			 listing->at ? view_text(arena_printf(&listing->request->arena, "%d",
							      broker->nodes[i].id))
				     : VIEW_NULL);
}

static void list_topics(struct listing *listing)
{
	struct store *store = listing->request->broker->store;

	for (struct store_topic *topic = store_topic_next(store, NULL); topic;
	     topic = store_topic_next(store, topic))
		if (topic->owner)
			list_one(listing, RESOURCE_TOPIC, view_text(topic->name));
}

/* In version 0 it was about the metrics of clients alone, of which there are none here. */
static bool listed(const struct request *request, int8_t type)
{
	const struct list_config_resources_request *in = request->message;

	if (request_version(request) == 0)
		return false;
	for (int32_t i = 0; i < in->resource_types.count; i++)
		if (in->resource_types.at[i] == type)
			return true;
	return in->resource_types.count == 0;
}

static void list_all(struct listing *listing)
{
	struct request *request = listing->request;

	listing->count = 0;
	if (listed(request, RESOURCE_GROUP))
		store_setting_each(request->broker->store, GROUP_CONFIG_KIND, list_group, listing);
	if (listed(request, RESOURCE_BROKER))
		list_nodes(listing);
	if (listed(request, RESOURCE_TOPIC))
		list_topics(listing);
}

void handle_list_config_resources(struct request *request)
{
	const struct list_config_resources_request *in = request->message;
	struct list_config_resources_response *response = request_response(request);
	struct listing listing = { .request = request };

	for (int32_t i = 0; response && i < in->resource_types.count; i++)
		if (!resource_known(in->resource_types.at[i]))
			response->error_code =
				KAFKA_UNSUPPORTED_VERSION; /* what Kafka says of a type that it does not know */
	if (response && !response->error_code) {
		list_all(&listing);
		listing.at = REQUEST_ARRAY(request, list_config_resources_response_config_resource_shape,
					   listing.count);
		if (listing.at)
			list_all(&listing);
		response->config_resources.at = listing.at;
		response->config_resources.count = listing.count;
	}
	request_answer(request, response && (response->error_code || listing.at) ? response : NULL);
}
