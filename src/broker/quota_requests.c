/* quota_requests.c - DescribeClientQuotas and AlterClientQuotas. */
#include <arpa/inet.h>
#include <math.h>

#include "broker/access.h"
#include "broker/api.h"
#include "broker/quota.h"
#include "broker/settings.h"
#include "broker/throttle.h"

#define ENTITIES_EACH_REQUEST_MAX 2000 /* all are compared with all */
#define VALUE_SIZE_MAX            256

enum { MATCH_EXACT = 0, MATCH_DEFAULT = 1, MATCH_SPECIFIED = 2 };

static int type_of(struct view name)
{
	for (int i = 0; i < QUOTA_TYPES; i++)
		if (view_is(name, quota_type_names[i]))
			return i;
	return -1;
}

static int key_of(struct view name)
{
	for (int i = 0; i < QUOTA_KEYS; i++)
		if (view_is(name, quota_key_names[i]))
			return i;
	return -1;
}

/* ---- DescribeClientQuotas ---------------------------------------------------------------------------------------------------- */

struct filter {
	bool has[QUOTA_TYPES], any[QUOTA_TYPES];
	struct view name[QUOTA_TYPES]; /* when not any; null: the default */
	bool strict;
};

struct describing {
	struct request *request;
	struct filter filter;
	struct describe_client_quotas_response *response;
	int32_t count;
	bool ok;
};

/* 0, or Kafka's error with its sentence. */
static int16_t read_filter(struct request *request, struct filter *out, const char **text)
{
	const struct describe_client_quotas_request *in = request->message;
	struct filter filter = { .strict = in->strict };

	for (int32_t i = 0; i < in->components.count; i++) {
		struct view type_name = in->components.at[i].entity_type, match = in->components.at[i].match;
		int8_t how = in->components.at[i].match_type;
		int type = type_of(type_name);

		if (type_name.size == 0) {
			*text = "Invalid empty entity type.";
			return KAFKA_INVALID_REQUEST;
		}
		if (type < 0) {
			*text = arena_printf(&request->arena, "Custom entity type %.*s not supported",
					     VIEW_ARGS(type_name));
			return KAFKA_UNSUPPORTED_VERSION;
		}
		if (filter.has[type]) {
			*text = arena_printf(&request->arena,
					     "Entity type %s cannot appear more than once in the filter.",
					     quota_type_names[type]);
			return KAFKA_INVALID_REQUEST;
		}
		if (how < MATCH_EXACT || how > MATCH_SPECIFIED) {
			*text = arena_printf(&request->arena, "Unknown match type %d", how);
			return KAFKA_INVALID_REQUEST;
		}
		if ((how == MATCH_EXACT) != (match.at != NULL)) {
			*text = how == MATCH_EXACT
					? "Request specified MATCH_TYPE_EXACT, but set match string to null."
				: how == MATCH_DEFAULT ? "Request specified MATCH_TYPE_DEFAULT, but also "
							 "specified a match string."
						       : "Request specified MATCH_TYPE_SPECIFIED, but also "
							 "specified a match "
							 "string.";
			return KAFKA_INVALID_REQUEST;
		}
		filter.has[type] = true;
		filter.any[type] = how == MATCH_SPECIFIED;
		filter.name[type] = match;
	}
	if (filter.has[QUOTA_IP] && (filter.has[QUOTA_USER] || filter.has[QUOTA_CLIENT_ID])) {
		*text = "Invalid entity filter component combination. IP filter component should not be used "
			"with user or clientId filter component.";
		return KAFKA_INVALID_REQUEST;
	}
	*out = filter;
	return KAFKA_NONE;
}

static bool matches(const struct filter *filter, const struct quota_entity *entity)
{
	for (int i = 0; i < QUOTA_TYPES; i++) {
		if (filter->strict && filter->has[i] != entity->has[i])
			return false;
		if (filter->has[i] &&
		    (!entity->has[i] || (!filter->any[i] && !view_equal(filter->name[i], entity->name[i]))))
			return false;
	}
	return true;
}

static bool tell(struct describing *describing, const struct quota_entity *entity,
		 const struct quota_values *values)
{
	struct request *request = describing->request;
	struct describe_client_quotas_response_entry *out =
		&describing->response->entries.at[describing->response->entries.count++];

	out->entity.at = REQUEST_ARRAY(request, describe_client_quotas_response_entity_shape, QUOTA_TYPES);
	out->values.at = REQUEST_ARRAY(request, describe_client_quotas_response_value_shape, QUOTA_KEYS);
	if (!out->entity.at || !out->values.at)
		return false;
	for (int i = 0; i < QUOTA_TYPES; i++) {
		if (!entity->has[i])
			continue;
		out->entity.at[out->entity.count].entity_type = view_text(quota_type_names[i]);
		out->entity.at[out->entity.count].entity_name = arena_copy(&request->arena, entity->name[i]);
		if (entity->name[i].at && !out->entity.at[out->entity.count].entity_name.at)
			return false;
		out->entity.count++;
	}
	for (int i = 0; i < QUOTA_KEYS; i++) {
		if (!values->set[i])
			continue;
		out->values.at[out->values.count].key = view_text(quota_key_names[i]);
		out->values.at[out->values.count++].value = values->at[i];
	}
	return true;
}

static void each_quota(void *context, struct view name, struct view value)
{
	struct describing *describing = context;
	struct quota_entity entity;
	struct quota_values values;

	if (!quota_entity_read(name, &entity) || !quota_values_read(value, &values) ||
	    !matches(&describing->filter, &entity))
		return;
	if (!describing->response->entries.at)
		describing->count++;
	else if (describing->ok)
		describing->ok = tell(describing, &entity, &values);
}

void handle_describe_client_quotas(struct request *request)
{
	struct describe_client_quotas_response *response = request_response(request);
	struct describing describing = { .request = request, .response = response, .ok = response != NULL };
	struct store *store = request->broker->store;
	const char *text = NULL;

	if (response && (response->error_code = access_cluster(request, ACL_OPERATION_DESCRIBE_CONFIGS)))
		text = "Cluster authorization failed.";
	else if (response)
		response->error_code = read_filter(request, &describing.filter, &text);
	if (response && response->error_code) {
		response->error_message = view_text(text);
		response->entries.count = -1;
	} else if (response) {
		store_setting_each(store, QUOTA_KIND, each_quota, &describing);
		/* Nothing that matches is an empty list, and not null. */
		response->entries.at = REQUEST_ARRAY(request, describe_client_quotas_response_entry_shape,
						     describing.count ? describing.count : 1);
		describing.ok = response->entries.at != NULL;
		if (describing.ok)
			store_setting_each(store, QUOTA_KIND, each_quota, &describing);
	}
	request_answer(request, describing.ok ? response : NULL);
}

/* ---- AlterClientQuotas ------------------------------------------------------------------------------------------------------- */

typedef struct alter_client_quotas_request_entry wish_t;
typedef struct alter_client_quotas_response_entry result_t;

static void refuse(struct request *request, result_t *result, const char *text)
{
	result->error_code = KAFKA_INVALID_REQUEST;
	result->error_message = arena_copy(&request->arena, view_text(text ? text : "out of memory"));
}

/* Addresses are looked up as the system writes them, so another way to write one would never be found. */
static const char *check_ip(struct request *request, struct view ip)
{
	char text[INET6_ADDRSTRLEN], again[INET6_ADDRSTRLEN];
	uint8_t bytes[16];
	int family;

	if (ip.size >= sizeof text)
		return "The address is too long";
	memcpy(text, ip.at, ip.size);
	text[ip.size] = 0;
	family = strchr(text, ':') ? AF_INET6 : AF_INET;
	/* Kafka resolves names too; we never ask a resolver while we serve. */
	if (strlen(text) != ip.size || inet_pton(family, text, bytes) != 1)
		return arena_printf(&request->arena, "%.*s is not a valid IP.", VIEW_ARGS(ip));
	if (!inet_ntop(family, bytes, again, sizeof again) || strcmp(text, again) != 0)
		return arena_printf(&request->arena, "%.*s is written %s.", VIEW_ARGS(ip), again);
	return NULL;
}

/* NULL, or Kafka's sentence. */
static const char *read_entity(struct request *request, const wish_t *wish, struct quota_entity *out)
{
	struct arena *arena = &request->arena;
	struct quota_entity entity = { 0 };
	bool rest;

	for (int32_t i = 0; i < wish->entity.count; i++) {
		struct view name = wish->entity.at[i].entity_name;
		int type = type_of(wish->entity.at[i].entity_type);

		if (type < 0)
			return arena_printf(arena, "Unhandled client quota entity type: %.*s",
					    VIEW_ARGS(wish->entity.at[i].entity_type));
		if (name.at && name.size == 0)
			return arena_printf(arena, "Empty %s not supported", quota_type_names[type]);
		if (name.size && memchr(name.at, 0, name.size))
			return arena_printf(arena, "A %s cannot hold a zero byte", quota_type_names[type]);
		entity.has[type] = true;
		entity.name[type] = name; /* of several with one type the last counts, as in Kafka */
	}
	rest = entity.has[QUOTA_USER] || entity.has[QUOTA_CLIENT_ID];
	if (entity.has[QUOTA_IP] == rest)
		return "Invalid empty client quota entity"; /* Kafka's words for an address among others, too */
	*out = entity;
	return entity.name[QUOTA_IP].at ? check_ip(request, entity.name[QUOTA_IP]) : NULL;
}

/* Is this a key of this sort of entity? */
static bool key_fits(enum quota_key key, const struct quota_entity *entity)
{
	return (key == QUOTA_CONNECTION_CREATION_RATE) == entity->has[QUOTA_IP];
}

static const char *check_value(struct request *request, enum quota_key key, double value)
{
	bool whole = key != QUOTA_REQUEST_PERCENTAGE && key != QUOTA_CONTROLLER_MUTATION_RATE;
	const char *name = quota_key_names[key];
	double most = key == QUOTA_CONNECTION_CREATION_RATE ? INT32_MAX : (double)INT64_MAX;

	if (!(value > 0))
		return arena_printf(&request->arena, "Quota %s must be greater than 0", name);
	if (!whole)
		return isfinite(value) ? NULL
				       : arena_printf(&request->arena, "Quota %s must be a number", name);
	if (value > most)
		return arena_printf(&request->arena, "Proposed value for %s is too large for %s.", name,
				    key == QUOTA_CONNECTION_CREATION_RATE ? "an INT" : "a LONG");
	if (fabs(value - round(value)) > 1e-6)
		return arena_printf(&request->arena, "%s cannot be a fractional value.", name);
	return NULL;
}

/* Changes `values`; NULL, or a sentence. */
static const char *change(struct request *request, const wish_t *wish, const struct quota_entity *entity,
			  struct quota_values *values)
{
	for (int32_t i = 0; i < wish->ops.count; i++) {
		struct view name = wish->ops.at[i].key;
		int key = key_of(name);
		const char *wrong = NULL;

		for (int32_t k = 0; k < i && i < 100; k++)
			if (view_equal(wish->ops.at[k].key, name))
				return arena_printf(&request->arena, "Duplicate quota key %.*s",
						    VIEW_ARGS(name));
		/* To remove what cannot be there removes nothing. */
		if (wish->ops.at[i].remove) {
			if (key >= 0)
				values->set[key] = false;
			continue;
		}
		if (key < 0 || !key_fits((enum quota_key)key, entity))
			return arena_printf(&request->arena, "Invalid configuration key %.*s",
					    VIEW_ARGS(name));
		wrong = check_value(request, (enum quota_key)key, wish->ops.at[i].value);
		if (wrong)
			return wrong;
		values->set[key] = true;
		values->at[key] = wish->ops.at[i].value;
	}
	return NULL;
}

static void keep(struct settings *settings, struct view name, const struct quota_values *values)
{
	struct buffer value;
	bool any = false;

	for (int i = 0; i < QUOTA_KEYS; i++)
		any |= values->set[i];
	buffer_init(&value, VALUE_SIZE_MAX);
	quota_values_write(values, &value);
	settings_put(settings, "quota", name, any ? buffer_bytes(&value) : VIEW_NULL);
	buffer_done(&value);
}

/* Names of the entities so far, to find one that comes twice. */
struct named {
	struct view *at;
	int32_t count;
};

static bool named_before(struct named *named, struct arena *arena, struct view name, int32_t *place)
{
	for (int32_t i = 0; i < named->count; i++)
		if (view_equal(named->at[i], name)) {
			*place = i;
			return true;
		}
	named->at[named->count++] = arena_copy(arena, name);
	return false;
}

static bool tell_entity(struct request *request, const wish_t *wish, result_t *result)
{
	result->entity.at =
		REQUEST_ARRAY(request, alter_client_quotas_response_entity_shape, wish->entity.count);
	if (!result->entity.at)
		return false;
	result->entity.count = wish->entity.count;
	for (int32_t i = 0; i < wish->entity.count; i++) {
		result->entity.at[i].entity_type = wish->entity.at[i].entity_type;
		result->entity.at[i].entity_name = wish->entity.at[i].entity_name;
	}
	return true;
}

static void alter_one(struct settings *settings, const wish_t *wish, result_t *result, struct named *named)
{
	struct request *request = settings->request;
	const struct alter_client_quotas_request *in = request->message;
	struct alter_client_quotas_response *response = settings->response;
	struct quota_entity entity;
	struct quota_values values = { 0 };
	uint8_t bytes[QUOTA_NAME_MAX];
	struct view name, now;
	const char *wrong = read_entity(request, wish, &entity);
	int32_t before = 0;

	if (wrong) {
		named->at[named->count++] = VIEW_NULL;
		refuse(request, result, wrong);
		return;
	}
	name = quota_entity_name(&entity, bytes);
	if (!name.at) {
		named->at[named->count++] = VIEW_NULL;
		refuse(request, result, "The names of the entity are too long");
		return;
	}
	if (named_before(named, &request->arena, name, &before)) {
		/* Kafka answers once for both; here the first is kept, and each of them is answered. */
		named->at[named->count++] = VIEW_NULL;
		refuse(request, result, "Ignoring duplicate entity");
		refuse(request, &response->entries.at[before], "Ignoring duplicate entity");
		return;
	}
	now = store_setting(request->broker->store, QUOTA_KIND, name);
	if (now.at && !quota_values_read(now, &values)) {
		refuse(request, result, "What is kept of this entity cannot be read");
		return;
	}
	wrong = change(request, wish, &entity, &values);
	if (wrong)
		refuse(request, result, wrong);
	else if (!in->validate_only && wish->ops.count > 0)
		keep(settings, name, &values);
}

static void altered(struct settings *settings, int failed)
{
	struct alter_client_quotas_response *response = settings->response;

	/* The store could not keep something: which, is not known, and asking again is harmless. */
	for (int32_t i = 0; failed && i < response->entries.count; i++) {
		if (response->entries.at[i].error_code)
			continue;
		response->entries.at[i].error_code = KAFKA_UNKNOWN_SERVER_ERROR;
		response->entries.at[i].error_message = VIEW_LITERAL("the store could not keep the change");
	}
	throttle_quotas_changed(settings->request->broker->throttle);
	request_answer(settings->request, response);
}

void handle_alter_client_quotas(struct request *request)
{
	const struct alter_client_quotas_request *in = request->message;
	struct alter_client_quotas_response *response = request_response(request);
	struct settings *settings = response ? settings_begin(request, response, altered) : NULL;
	struct named named = { arena_array(&request->arena, (size_t)in->entries.count + 1, sizeof *named.at),
			       0 };
	bool ok = settings && named.at &&
		  (response->entries.at = REQUEST_ARRAY(request, alter_client_quotas_response_entry_shape,
							in->entries.count));
	int16_t denied;

	if (in->entries.count > ENTITIES_EACH_REQUEST_MAX) {
		request_fail(request, "quotas of more than 2,000 entities in one request");
		return;
	}
	for (int32_t i = 0; ok && i < in->entries.count; i++)
		ok = tell_entity(request, &in->entries.at[i], &response->entries.at[i]);
	if (!ok) {
		request_answer(request, NULL);
		return;
	}
	response->entries.count = in->entries.count;
	denied = access_cluster(request, ACL_OPERATION_ALTER_CONFIGS);
	for (int32_t i = 0; denied && i < in->entries.count; i++) {
		response->entries.at[i].error_code = denied;
		response->entries.at[i].error_message = VIEW_LITERAL("Cluster authorization failed.");
	}
	for (int32_t i = 0; !denied && i < in->entries.count; i++)
		alter_one(settings, &in->entries.at[i], &response->entries.at[i], &named);
	settings_end(settings);
}
