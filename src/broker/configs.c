/* configs.c - DescribeConfigs and ListConfigResources: topics, brokers, groups.  What changes them is config_changes.c. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/access.h"
#include "broker/api.h"
#include "broker/broker_config.h"
#include "broker/configs.h"
#include "broker/group_config.h"
#include "broker/topics.h"

/* ---- DescribeConfigs ------------------------------------------------------------------------------------------------- */

typedef struct describe_configs_response_result result_t;
typedef struct describe_configs_response_config config_t;

/* A topic's own, and four sources of each property that means the same. */
#define SYNONYMS_MAX (4 * TOPIC_CONFIG_SYNONYMS_MAX + 1)

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

/* What properties say that mean one thing, the strongest source first, as Kafka tells it. */
static bool tell_properties(struct request *request, const char *const names[], int count, bool sensitive,
			    bool only_for_all, config_t *out)
{
	const struct properties *properties = &request->broker->properties;

	for (enum config_source source = CONFIG_SOURCE_DYNAMIC_BROKER; source <= CONFIG_SOURCE_DEFAULT;
	     source++)
		for (int i = 0; i < count; i++) {
			const char *value =
				properties_value_of(properties, property_find(view_text(names[i])), source);

			if (!value || (only_for_all && source != CONFIG_SOURCE_DYNAMIC_DEFAULT))
				continue;
			if (!add_synonym(request, out, names[i], sensitive ? NULL : value, source))
				return false;
		}
	return true;
}

/* Where the value comes from, strongest first: the topic, broker properties, the default. */
static bool tell_synonyms(struct request *request, const struct topic_state *state, int place, config_t *out)
{
	const struct topic_config *config = &topic_config_table[place];
	int count = 0;

	while (count < TOPIC_CONFIG_SYNONYMS_MAX && config->synonyms[count])
		count++;
	out->synonyms.at = REQUEST_ARRAY(request, describe_configs_response_synonym_shape, SYNONYMS_MAX);
	if (!out->synonyms.at)
		return false;
	if (state && state->own[place] &&
	    !add_synonym(request, out, config->name, state->own[place], CONFIG_SOURCE_TOPIC))
		return false;
	return tell_properties(request, config->synonyms, count, false, false, out);
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

/* The properties that mean the same as this one in other units, strongest first; or it alone. */
static int family_of(const char *name, const char *out[TOPIC_CONFIG_SYNONYMS_MAX])
{
	for (const struct topic_config *config = topic_config_table; config->name; config++) {
		bool found = false;
		int count = 0;

		for (; count < TOPIC_CONFIG_SYNONYMS_MAX && config->synonyms[count]; count++) {
			out[count] = config->synonyms[count];
			found |= strcmp(out[count], name) == 0;
		}
		if (found)
			return count;
	}
	out[0] = name;
	return 1;
}

static bool describe_property(struct request *request, int place, bool only_for_all, config_t *one)
{
	const struct describe_configs_request *asked = request->message;
	const struct properties *properties = &request->broker->properties;
	const struct property *property = &property_table[place];
	const char *family[TOPIC_CONFIG_SYNONYMS_MAX], *value;
	int count = family_of(property->name, family);
	bool given;

	value = only_for_all ? properties_value_of(properties, place, CONFIG_SOURCE_DYNAMIC_DEFAULT)
			     : properties_value(properties, property->name, &given);
	one->name = view_text(property->name);
	one->is_sensitive = property->type == CONFIG_PASSWORD;
	one->value = one->is_sensitive ? VIEW_NULL : arena_copy(&request->arena, view_text(value));
	one->read_only = !broker_config_dynamic(place);
	one->config_type = (int8_t)property->type;
	one->synonyms.at = REQUEST_ARRAY(request, describe_configs_response_synonym_shape, SYNONYMS_MAX);
	if (!one->synonyms.at ||
	    !tell_properties(request, family, count, one->is_sensitive, only_for_all, one))
		return false;
	/* It begins where this very name has a value: without one it has no synonyms either, as Kafka tells it. */
	while (one->synonyms.count && !view_is(one->synonyms.at[0].name, property->name)) {
		one->synonyms.at++;
		one->synonyms.count--;
	}
	one->config_source = one->synonyms.count ? one->synonyms.at[0].source : CONFIG_SOURCE_DEFAULT;
	if (!asked->include_synonyms)
		one->synonyms.count = 0;
	return true;
}

static bool describe_broker(struct request *request, const struct describe_configs_request_resource *in,
			    result_t *out)
{
	bool for_all = in->resource_name.size == 0;
	char id[16];

	snprintf(id, sizeof id, "%d", request->node->id);
	if (!for_all && !view_is(in->resource_name, id)) {
		out->error_code = KAFKA_INVALID_REQUEST;
		out->error_message = view_text(
			arena_printf(&request->arena,
				     "Unexpected broker id, expected %s or empty string, but received %.*s",
				     id, VIEW_ARGS(in->resource_name)));
		return true;
	}
	out->configs.at = REQUEST_ARRAY(request, describe_configs_response_config_shape, PROPERTIES_MAX);
	for (int i = 0; out->configs.at && property_table[i].name; i++) {
		if (!wanted(in, property_table[i].name))
			continue;
		/* The name "" asks for what was set for all brokers. */
		if (for_all &&
		    !properties_value_of(&request->broker->properties, i, CONFIG_SOURCE_DYNAMIC_DEFAULT))
			continue;
		if (!describe_property(request, i, for_all, &out->configs.at[out->configs.count++]))
			return false;
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

int16_t config_access(const struct request *request, int operation, int8_t type, struct view name)
{
	switch (type) {
	case RESOURCE_TOPIC: return access_topic(request, operation, name);
	case RESOURCE_GROUP: return access_group(request, operation, name);
	case RESOURCE_BROKER:
	case RESOURCE_BROKER_LOGGER:
	case RESOURCE_CLIENT_METRICS: return access_cluster(request, operation);
	default: return KAFKA_NONE; /* refused for what it is */
	}
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
		out->error_code = config_access(request, ACL_OPERATION_DESCRIBE_CONFIGS,
						resource->resource_type, resource->resource_name);
		if (out->error_code)
			continue;
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

	if (response)
		response->error_code = access_cluster(request, ACL_OPERATION_DESCRIBE_CONFIGS);
	for (int32_t i = 0; response && !response->error_code && i < in->resource_types.count; i++)
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
