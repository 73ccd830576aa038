/*
 * config_changes.c - IncrementalAlterConfigs and AlterConfigs: the two say one thing in two shapes, a list of changes to each
 * resource.  The older one says all that is to be set: what it does not name goes back to its default.
 */
#include <stdio.h>
#include <stdlib.h>

#include "broker/access.h"
#include "broker/api.h"
#include "broker/broker_config.h"
#include "broker/configs.h"
#include "broker/group_config.h"
#include "broker/topics.h"

#define CONFIG_BYTES_MAX ((size_t)256 << 10)

enum { OP_SET = 0, OP_DELETE = 1, OP_APPEND = 2, OP_SUBTRACT = 3 };

struct alteration {
	struct request *request;
	void *response;
	int left;
	bool validate_only, whole; /* whole: what is not named goes back */
};

struct config_change {
	struct view name, value;
	int8_t operation;
};

/* One resource. */
struct alteration_one {
	struct alteration *alteration;
	int8_t type;
	struct view name;
	struct config_change *changes;
	int32_t count;
	int16_t *error;
	struct view *text;
	int puts; /* under way, of a broker's */
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
		struct store_topic *topic = store_topic_named(broker->store, one->name);

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
static void apply(struct alteration_one *one, struct store_topic *topic, const char *const own[])
{
	struct buffer config;
	int err;

	if (one->alteration->validate_only)
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
		  const struct config_change *wish)
{
	struct request *request = one->alteration->request;
	int place = topic_config_find(wish->name);
	int8_t operation = wish->operation;
	struct view value = wish->value;
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

static void alter_topic(struct alteration_one *one)
{
	struct store_topic *topic = store_topic_named(one->alteration->request->broker->store, one->name);
	const char *own[TOPIC_CONFIGS_MAX] = { NULL };
	int err = 0;

	if (!topic || !topic->owner) {
		refuse(one, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "The topic does not exist.");
		return;
	}
	if (!one->alteration->whole)
		memcpy(own, topic_state(topic)->own, sizeof own);
	for (int32_t i = 0; err == 0 && i < one->count; i++)
		err = change(one, one->alteration->whole ? NULL : topic_state(topic), own, &one->changes[i]);
	if (err == 0)
		apply(one, topic, own);
}

/* ---- groups ---------------------------------------------------------------------------------------------------------- */

static void group_altered(void *context, int err, const struct fault *fault)
{
	struct alteration_one *one = context;

	*one->error = topic_error(err);
	alteration_step(one->alteration);
}

/* Changes `own`; false when it was refused. */
static bool change_group(struct alteration_one *one, struct view own[], const struct config_change *wish)
{
	int place = group_config_find(wish->name);

	if (place < 0) {
		refuse(one, KAFKA_INVALID_CONFIG, "Unknown group config name");
		return false;
	}
	if (wish->operation == OP_APPEND || wish->operation == OP_SUBTRACT) {
		refuse(one, KAFKA_INVALID_CONFIG, "Append and subtract are for configs that are lists");
		return false;
	}
	if (wish->operation != OP_SET && wish->operation != OP_DELETE) {
		refuse(one, KAFKA_INVALID_REQUEST, "Unknown operation");
		return false;
	}
	own[place] = wish->operation == OP_SET ? wish->value : VIEW_NULL;
	return true;
}

static void alter_group(struct alteration_one *one)
{
	struct broker *broker = one->alteration->request->broker;
	struct view own[GROUP_CONFIGS] = { { NULL, 0 } };
	struct fault fault = { 0 };
	int err;

	if (one->name.size == 0) {
		refuse(one, KAFKA_INVALID_REQUEST, "Default group resources are not allowed.");
		return;
	}
	for (int i = 0; i < GROUP_CONFIGS && !one->alteration->whole; i++)
		own[i] = group_config_own(broker, one->name, i);
	for (int32_t i = 0; i < one->count; i++)
		if (!change_group(one, own, &one->changes[i]))
			return;
	if (group_config_check(broker, own, &fault) < 0) {
		refuse(one, KAFKA_INVALID_CONFIG, fault.text);
		return;
	}
	if (one->alteration->validate_only)
		return;
	one->alteration->left++;
	err = group_config_put(broker, one->name, own, group_altered, one);
	if (err != 0) {
		one->alteration->left--;
		refuse(one, topic_error(err), err_text(err));
	}
}

/* ---- brokers --------------------------------------------------------------------------------------------------------- */

static void broker_altered(void *context, int err, const struct fault *fault)
{
	struct alteration_one *one = context;

	if (err < 0)
		*one->error = topic_error(err);
	if (--one->puts == 0 && !one->alteration->request->broker->closing)
		broker_configs_apply(one->alteration->request->broker);
	alteration_step(one->alteration);
}

static void put_broker(struct alteration_one *one, const char *id, int place, struct view value)
{
	struct request *request = one->alteration->request;
	int err;

	one->puts++;
	one->alteration->left++;
	err = store_setting_put(request->broker->store, VIEW_LITERAL(BROKER_CONFIG_KIND),
				broker_config_name(&request->arena, id, place), value, broker_altered, one);
	if (err == 0)
		return;
	one->puts--;
	one->alteration->left--;
	refuse(one, topic_error(err), err_text(err));
}

/* What cannot change while it runs, as Kafka lists it; NULL when all can. */
static const char *names_refused(struct alteration_one *one)
{
	struct arena *arena = &one->alteration->request->arena;
	const char *names = NULL;

	for (int32_t i = 0; i < one->count; i++) {
		struct view name = one->changes[i].name;
		int place = property_find(name);

		if (name.size > 100)
			name.size = 100;
		/* To take back what cannot have been changed changes nothing.  Kafka keeps names that it does not know; here they would
		 * have no effect, ever. */
		if (one->changes[i].operation == OP_DELETE || (place >= 0 && broker_config_dynamic(place)))
			continue;
		names = arena_printf(arena, "%s%s%.*s", names ? names : "", names ? ", " : "",
				     VIEW_ARGS(name));
	}
	return names;
}

/* Decides of all values before anything is changed; false when one was refused. */
static bool check_broker(struct alteration_one *one)
{
	struct arena *arena = &one->alteration->request->arena;
	const struct properties *properties = &one->alteration->request->broker->properties;

	for (int32_t i = 0; i < one->count; i++) {
		struct config_change *wish = &one->changes[i];
		int place = property_find(wish->name);
		const char *wrong = NULL;
		bool given;

		if (wish->operation == OP_DELETE)
			continue;
		if (!wish->value.at) {
			refuse(one, KAFKA_INVALID_REQUEST,
			       arena_printf(arena, "Null value not supported for : %s",
					    property_table[place].name));
			return false;
		}
		if (wish->operation == OP_APPEND || wish->operation == OP_SUBTRACT) {
			const char *now = properties_value(properties, property_table[place].name, &given);

			if (property_table[place].type != CONFIG_LIST)
				wrong = "Append and subtract are for configs that are lists";
			else
				wish->value = view_text(list_change(arena, now ? now : "", wish->value,
								    wish->operation == OP_APPEND));
		} else if (wish->operation != OP_SET) {
			wrong = "Unknown operation";
		}
		if (!wrong)
			wrong = broker_config_check(arena, place, wish->value);
		if (wrong) {
			refuse(one, KAFKA_INVALID_REQUEST, wrong);
			return false;
		}
	}
	return true;
}

static bool is_named(const struct alteration_one *one, int place)
{
	for (int32_t i = 0; i < one->count; i++)
		if (view_is(one->changes[i].name, property_table[place].name))
			return true;
	return false;
}

static void keep_broker(struct alteration_one *one, const char *id)
{
	struct request *request = one->alteration->request;
	struct view kind = VIEW_LITERAL(BROKER_CONFIG_KIND);

	for (int i = 0; one->alteration->whole && property_table[i].name; i++)
		if (!is_named(one, i) &&
		    store_setting(request->broker->store, kind, broker_config_name(&request->arena, id, i))
			    .at)
			put_broker(one, id, i, VIEW_NULL);
	for (int32_t i = 0; i < one->count; i++) {
		int place = property_find(one->changes[i].name);

		if (place >= 0)
			put_broker(one, id, place,
				   one->changes[i].operation == OP_DELETE ? VIEW_NULL
									  : one->changes[i].value);
	}
}

static void alter_broker(struct alteration_one *one)
{
	struct request *request = one->alteration->request;
	struct arena *arena = &request->arena;
	const char *id = one->name.size ? arena_printf(arena, "%d", request->node->id) : NULL, *names;

	if (id && !view_is(one->name, id)) {
		refuse(one, KAFKA_INVALID_REQUEST,
		       arena_printf(arena, "Unexpected broker id, expected %s, but received %.*s", id,
				    VIEW_ARGS(one->name)));
		return;
	}
	if (id && request->broker->node_wish > 1) {
		refuse(one, KAFKA_INVALID_REQUEST,
		       "The nodes of one process have their configs in common: change them for all brokers");
		return;
	}
	names = names_refused(one);
	if (names)
		refuse(one, KAFKA_INVALID_REQUEST,
		       arena_printf(arena, "Cannot update these configs dynamically: [%s]", names));
	else if (check_broker(one) && !one->alteration->validate_only)
		keep_broker(one, id);
}

/* ---- the requests ---------------------------------------------------------------------------------------------------- */

static void alter(struct alteration_one *one)
{
	*one->error =
		config_access(one->alteration->request, ACL_OPERATION_ALTER_CONFIGS, one->type, one->name);
	if (*one->error)
		return;
	if (one->type == RESOURCE_TOPIC)
		alter_topic(one);
	else if (one->type == RESOURCE_GROUP)
		alter_group(one);
	else if (one->type == RESOURCE_BROKER)
		alter_broker(one);
	else
		refuse(one, KAFKA_INVALID_REQUEST,
		       "Only configs of topics, groups and brokers can be changed");
}

static void alter_all(struct alteration_one *ones, int32_t count, struct alteration *alteration)
{
	alteration->left = 1;
	for (int32_t i = 0; i < count; i++)
		alter(&ones[i]);
	alteration_step(alteration);
}

void handle_incremental_alter_configs(struct request *request)
{
	const struct incremental_alter_configs_request *in = request->message;
	struct alteration *alteration = arena_take(&request->arena, sizeof *alteration);
	struct incremental_alter_configs_response *response = request_response(request);
	struct alteration_one *ones = arena_array(&request->arena, (size_t)in->resources.count, sizeof *ones);
	bool ok = alteration && response && ones &&
		  (response->responses.at = REQUEST_ARRAY(
			   request, incremental_alter_configs_response_resource_shape, in->resources.count));

	for (int32_t i = 0; ok && i < in->resources.count; i++) {
		const struct incremental_alter_configs_request_resource *resource = &in->resources.at[i];
		struct incremental_alter_configs_response_resource *out =
			&response->responses.at[response->responses.count++];

		out->resource_type = resource->resource_type;
		out->resource_name = resource->resource_name;
		ones[i] =
			(struct alteration_one){ alteration,
						 resource->resource_type,
						 resource->resource_name,
						 arena_array(&request->arena, (size_t)resource->configs.count,
							     sizeof *ones->changes),
						 resource->configs.count,
						 &out->error_code,
						 &out->error_message };
		ok = ones[i].changes != NULL;
		for (int32_t k = 0; ok && k < resource->configs.count; k++)
			ones[i].changes[k] =
				(struct config_change){ resource->configs.at[k].name,
							resource->configs.at[k].value,
							resource->configs.at[k].config_operation };
	}
	if (!ok) {
		request_answer(request, NULL);
		return;
	}
	*alteration = (struct alteration){ request, response, 0, in->validate_only, false };
	alter_all(ones, in->resources.count, alteration);
}

void handle_alter_configs(struct request *request)
{
	const struct alter_configs_request *in = request->message;
	struct alteration *alteration = arena_take(&request->arena, sizeof *alteration);
	struct alter_configs_response *response = request_response(request);
	struct alteration_one *ones = arena_array(&request->arena, (size_t)in->resources.count, sizeof *ones);
	bool ok = alteration && response && ones &&
		  (response->responses.at = REQUEST_ARRAY(request, alter_configs_response_resource_shape,
							  in->resources.count));

	for (int32_t i = 0; ok && i < in->resources.count; i++) {
		const struct alter_configs_request_resource *resource = &in->resources.at[i];
		struct alter_configs_response_resource *out =
			&response->responses.at[response->responses.count++];

		out->resource_type = resource->resource_type;
		out->resource_name = resource->resource_name;
		ones[i] =
			(struct alteration_one){ alteration,
						 resource->resource_type,
						 resource->resource_name,
						 arena_array(&request->arena, (size_t)resource->configs.count,
							     sizeof *ones->changes),
						 resource->configs.count,
						 &out->error_code,
						 &out->error_message };
		ok = ones[i].changes != NULL;
		for (int32_t k = 0; ok && k < resource->configs.count; k++)
			ones[i].changes[k] = (struct config_change){ resource->configs.at[k].name,
								     resource->configs.at[k].value, OP_SET };
	}
	if (!ok) {
		request_answer(request, NULL);
		return;
	}
	*alteration = (struct alteration){ request, response, 0, in->validate_only, true };
	alter_all(ones, in->resources.count, alteration);
}
