/* admin_alter.c - IncrementalAlterConfigs, AlterClientQuotas, DeleteGroups; DescribeConfigs and quotas at each broker. */
#include "client/admin_alter.h"

#include "client/admin_inside.h"
#include "client/coordinator.h"

enum { CONFIG_SET = 0, CONFIG_DELETE = 1 };      /* IncrementalAlterConfigs' own numbers */
enum { QUOTA_MATCH_NAME = 0, QUOTA_MATCH_DEFAULT = 1 }; /* DescribeClientQuotas' own */

/* ---- configs ---- */

static int16_t config_code(const void *response)
{
	const struct incremental_alter_configs_response *said = response;

	return said->responses.count > 0 ? said->responses.at[0].error_code : 0;
}

int topic_config_set(struct cluster *cluster, const char *topic, const char *key, const char *value, int64_t timeout_ms,
		     struct fault *fault)
{
	struct incremental_alter_configs_request request;
	struct incremental_alter_configs_response said;
	__typeof__(*request.resources.at) resource = { .resource_type = CONFIG_RESOURCE_TOPIC };
	__typeof__(*resource.configs.at) config = { 0 };
	struct arena arena;
	int err;

	request_default(API_INCREMENTAL_ALTER_CONFIGS, &request);
	request.resources.at = &resource;
	request.resources.count = 1;
	resource.resource_name = view_text(topic);
	resource.configs.at = &config;
	resource.configs.count = 1;
	config.name = view_text(key);
	config.config_operation = value ? CONFIG_SET : CONFIG_DELETE;
	config.value = value ? view_text(value) : VIEW_NULL;
	arena_init(&arena, REPLY_MEMORY_MAX);
	err = admin_change(cluster, API_INCREMENTAL_ALTER_CONFIGS, &request, timeout_ms, &arena, &said, config_code,
			   fault);
	if (err == 0 && said.responses.count != 1)
		err = fault_set(fault, ERR_MALFORMED, "%s: IncrementalAlterConfigs: %d answers to one question",
				cluster->name, said.responses.count);
	if (err == 0 && said.responses.at[0].error_code) {
		err = admin_refused(cluster, API_INCREMENTAL_ALTER_CONFIGS, said.responses.at[0].error_code,
				    said.responses.at[0].error_message, fault);
		fault_at(fault, "%s of topic %s", key, topic);
	}
	arena_done(&arena);
	return err;
}

static void config_take(struct cluster *cluster, const struct ask *ask, const char *topic, const char *key,
			struct arena *arena, struct config_sight *out)
{
	const struct describe_configs_response *said = ask->response;
	const struct describe_configs_response_result *result;

	if (ask->err < 0) {
		out->err = ask->err;
		out->fault = ask->fault;
		return;
	}
	result = said->results.count == 1 ? &said->results.at[0] : NULL;
	if (result && result->error_code) {
		out->err = admin_refused(cluster, API_DESCRIBE_CONFIGS, result->error_code, result->error_message,
					 &out->fault);
		return;
	}
	for (int32_t i = 0; result && i < result->configs.count; i++) {
		if (!view_is(result->configs.at[i].name, key))
			continue;
		out->entry = (struct config_entry){ .name = key, .source = CONFIG_SOURCE_UNKNOWN };
		out->entry.value = admin_text(arena, result->configs.at[i].value);
		if (result->configs.at[i].config_source > 0)
			out->entry.source = (enum config_source)result->configs.at[i].config_source;
		out->entry.sensitive = result->configs.at[i].is_sensitive;
		out->entry.read_only = result->configs.at[i].read_only;
		return;
	}
	out->err = fault_set(&out->fault, ERR_NOT_FOUND, "%s: broker %d knows no config %s of topic %s", cluster->name,
			     out->node, key, topic);
}

int topic_config_seen(struct cluster *cluster, const char *topic, const char *key, int64_t timeout_ms,
		      struct arena *arena, struct config_sight **out, int *count, struct fault *fault)
{
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct describe_configs_request request;
	__typeof__(*request.resources.at) resource = { .resource_type = CONFIG_RESOURCE_TOPIC };
	struct view name = view_text(key);
	struct config_sight *sights;
	struct asks asks;
	int32_t *nodes;
	int node_count, err = admin_brokers_now(cluster, timeout_ms, arena, &nodes, &node_count, fault);

	if (err < 0)
		return err;
	sights = arena_array(arena, (size_t)node_count, sizeof *sights);
	if (!sights)
		return admin_no_memory(cluster, fault);
	request_default(API_DESCRIBE_CONFIGS, &request);
	request.resources.at = &resource;
	request.resources.count = 1;
	resource.resource_name = view_text(topic);
	resource.configuration_keys.at = &name;
	resource.configuration_keys.count = 1;
	asks_init(&asks, cluster, deadline_ms - cluster_now(cluster), arena);
	for (int n = 0; n < node_count && err == 0; n++)
		err = asks_add(&asks, nodes[n], API_DESCRIBE_CONFIGS, &request, NULL);
	int stopped = asks_wait(&asks);
	if (err < 0)
		return admin_no_memory(cluster, fault);
	if (stopped < 0)
		return fault_set(fault, stopped, "%s: interrupted", cluster->name);
	for (int n = 0; n < node_count; n++) {
		sights[n].node = nodes[n];
		config_take(cluster, asks.at[n], topic, key, arena, &sights[n]);
	}
	*out = sights;
	*count = node_count;
	return 0;
}

/* ---- quotas ---- */

static int16_t quota_code(const void *response)
{
	const struct alter_client_quotas_response *said = response;

	return said->entries.count > 0 ? said->entries.at[0].error_code : 0;
}

int quota_set(struct cluster *cluster, const struct quota *quota, bool remove, int64_t timeout_ms, struct fault *fault)
{
	struct alter_client_quotas_request request;
	struct alter_client_quotas_response said;
	__typeof__(*request.entries.at) entry = { 0 };
	__typeof__(*entry.ops.at) op = { .key = view_text(quota->key), .value = quota->value, .remove = remove };
	__typeof__(*entry.entity.at) entity[3] = { 0 };
	struct arena arena;
	int err;

	request_default(API_ALTER_CLIENT_QUOTAS, &request);
	request.entries.at = &entry;
	request.entries.count = 1;
	entry.entity.at = entity;
	entry.ops.at = &op;
	entry.ops.count = 1;
	for (int i = 0; i < quota->entity_count && i < 3; i++) {
		entity[i].entity_type = view_text(quota->entities[i].type);
		entity[i].entity_name = quota->entities[i].name ? view_text(quota->entities[i].name) : VIEW_NULL;
		entry.entity.count++;
	}
	arena_init(&arena, REPLY_MEMORY_MAX);
	err = admin_change(cluster, API_ALTER_CLIENT_QUOTAS, &request, timeout_ms, &arena, &said, quota_code, fault);
	if (err == 0 && said.entries.count != 1)
		err = fault_set(fault, ERR_MALFORMED, "%s: AlterClientQuotas: %d answers to one question", cluster->name,
				said.entries.count);
	if (err == 0 && said.entries.at[0].error_code)
		err = admin_refused(cluster, API_ALTER_CLIENT_QUOTAS, said.entries.at[0].error_code,
				    said.entries.at[0].error_message, fault);
	arena_done(&arena);
	return err;
}

static void quota_take(struct cluster *cluster, const struct ask *ask, const struct quota *quota,
		       struct quota_sight *out)
{
	const struct describe_client_quotas_response *said = ask->response;

	if (ask->err < 0) {
		out->err = ask->err;
		out->fault = ask->fault;
		return;
	}
	if (said->error_code) {
		out->err = admin_refused(cluster, API_DESCRIBE_CLIENT_QUOTAS, said->error_code, said->error_message,
					 &out->fault);
		return;
	}
	/* The question was strict, so each entry is of this entity and no other. */
	for (int32_t e = 0; e < said->entries.count; e++)
		for (int32_t v = 0; v < said->entries.at[e].values.count; v++)
			if (view_is(said->entries.at[e].values.at[v].key, quota->key)) {
				out->there = true;
				out->value = said->entries.at[e].values.at[v].value;
			}
}

int quota_seen(struct cluster *cluster, const struct quota *quota, int64_t timeout_ms, struct arena *arena,
	       struct quota_sight **out, int *count, struct fault *fault)
{
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct describe_client_quotas_request request;
	__typeof__(*request.components.at) components[3] = { 0 };
	struct quota_sight *sights;
	struct asks asks;
	int32_t *nodes;
	int node_count, err = admin_brokers_now(cluster, timeout_ms, arena, &nodes, &node_count, fault);

	if (err < 0)
		return err;
	sights = arena_array(arena, (size_t)node_count, sizeof *sights);
	if (!sights)
		return admin_no_memory(cluster, fault);
	request_default(API_DESCRIBE_CLIENT_QUOTAS, &request);
	request.strict = true;
	request.components.at = components;
	for (int i = 0; i < quota->entity_count && i < 3; i++) {
		components[i].entity_type = view_text(quota->entities[i].type);
		components[i].match_type = quota->entities[i].name ? QUOTA_MATCH_NAME : QUOTA_MATCH_DEFAULT;
		components[i].match = quota->entities[i].name ? view_text(quota->entities[i].name) : VIEW_NULL;
		request.components.count++;
	}
	asks_init(&asks, cluster, deadline_ms - cluster_now(cluster), arena);
	for (int n = 0; n < node_count && err == 0; n++)
		err = asks_add(&asks, nodes[n], API_DESCRIBE_CLIENT_QUOTAS, &request, NULL);
	int stopped = asks_wait(&asks);
	if (err < 0)
		return admin_no_memory(cluster, fault);
	if (stopped < 0)
		return fault_set(fault, stopped, "%s: interrupted", cluster->name);
	for (int n = 0; n < node_count; n++) {
		sights[n].node = nodes[n];
		quota_take(cluster, asks.at[n], quota, &sights[n]);
	}
	*out = sights;
	*count = node_count;
	return 0;
}

/* ---- groups ---- */

/* One round: asks the coordinator of each open group; answers other than "ask another" end the group. */
static int groups_round(struct cluster *cluster, struct coordinator *groups, int count, int64_t left_ms,
			struct arena *arena, struct fault *last)
{
	struct asks asks;
	int err = coordinators_find(cluster, COORDINATOR_GROUP, groups, count, left_ms, last);

	if (err < 0)
		return err;
	asks_init(&asks, cluster, left_ms, arena);
	for (int i = 0; i < count && err == 0; i++) {
		struct delete_groups_request *request = arena_take(arena, sizeof *request);
		struct view *name = arena_take(arena, sizeof *name);

		if (!request || !name)
			err = ERR_MEMORY;
		else {
			request_default(API_DELETE_GROUPS, request);
			*name = view_text(groups[i].key);
			request->groups_names.at = name;
			request->groups_names.count = 1;
			err = asks_add(&asks, groups[i].node, API_DELETE_GROUPS, request, &groups[i]);
		}
	}
	int stopped = asks_wait(&asks);
	if (err < 0)
		return admin_no_memory(cluster, last);
	for (int i = 0; i < asks.count; i++) {
		const struct delete_groups_response *said = asks.at[i]->response;
		struct coordinator *group = asks.at[i]->context;

		group->err = asks.at[i]->err;
		if (group->err < 0) {
			*last = asks.at[i]->fault;
			continue;
		}
		group->error_code = said->results.count == 1 ? said->results.at[0].error_code : KAFKA_UNKNOWN_SERVER_ERROR;
		group->err = error_code_err(group->error_code);
		if (group->error_code == KAFKA_GROUP_ID_NOT_FOUND)
			group->err = 0;
		if (kafka_error_retriable(group->error_code))
			group->err = ERR_STALE;
		if (group->err < 0)
			fault_set(last, group->err, "%s: removing group %s: %s", cluster->name, group->key,
				  kafka_error_name(group->error_code));
	}
	return stopped;
}

int groups_delete(struct cluster *cluster, const char *const *ids, int count, int64_t timeout_ms, struct fault *fault)
{
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct coordinator *open;
	struct arena arena;
	struct fault last = { 0 };
	int left = count, err = 0, refused = 0;

	arena_init(&arena, REPLY_MEMORY_MAX);
	open = calloc((size_t)(count ? count : 1), sizeof *open);
	if (!open)
		err = fault_set(&last, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	for (int i = 0; open && i < count; i++)
		open[i].key = ids[i];
	for (int round = 0; err == 0 && left > 0; round++) {
		int kept = 0;

		if (round > 0)
			err = cluster_pause(cluster, cluster_backoff(cluster, 100, 1000, round - 1));
		if (err == 0 && cluster_now(cluster) >= deadline_ms)
			err = last.err < 0 ? last.err : ERR_TIMEOUT;
		if (err == 0)
			err = groups_round(cluster, open, left, deadline_ms - cluster_now(cluster), &arena, &last);
		for (int i = 0; err == 0 && i < left; i++) {
			if (open[i].err < 0 && open[i].err != ERR_STALE && !fault_is_final(open[i].err) &&
			    open[i].error_code == 0)
				open[i].err = ERR_STALE; /* a lost connection: asking twice does no harm */
			if (open[i].err == ERR_STALE)
				open[kept++].key = open[i].key;
			else if (open[i].err < 0 && refused == 0) {
				refused = open[i].err;
				if (fault)
					*fault = last;
			}
		}
		left = kept;
		arena_reset(&arena);
	}
	arena_done(&arena);
	free(open);
	if (err < 0)
		return fault_set(fault, err, "%s", last.err < 0 ? last.text : err_text(err));
	return refused;
}
