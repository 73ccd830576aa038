/* admin_topics.c - DescribeConfigs, CreateTopics, DeleteTopics. */
#include "client/admin_topics.h"

#include "client/admin_inside.h"

#define CONFIGS_AT_ONCE 200 /* resources in one request, so that no answer grows past all bounds */

const char *config_source_name(enum config_source source)
{
	switch (source) {
	case CONFIG_SOURCE_TOPIC: return "topic";
	case CONFIG_SOURCE_BROKER_DYNAMIC: return "broker";
	case CONFIG_SOURCE_BROKERS_DYNAMIC: return "all brokers";
	case CONFIG_SOURCE_BROKER_STATIC: return "broker file";
	case CONFIG_SOURCE_DEFAULT: return "default";
	default: return "unknown";
	}
}

static int entry_order(const void *a, const void *b)
{
	return strcmp(((const struct config_entry *)a)->name, ((const struct config_entry *)b)->name);
}

static int list_take(const struct describe_configs_response_result *said, struct arena *arena,
		     struct config_list *out)
{
	int32_t count = said->configs.count > 0 ? said->configs.count : 0;

	out->error_code = said->error_code;
	out->err = error_code_err(said->error_code);
	out->error_text = admin_text(arena, said->error_message);
	out->entries = arena_array(arena, (size_t)count, sizeof *out->entries);
	if (!out->entries)
		return ERR_MEMORY;
	for (int32_t i = 0; i < count; i++) {
		struct config_entry *entry = &out->entries[i];

		entry->name = admin_text(arena, said->configs.at[i].name);
		entry->value = admin_text(arena, said->configs.at[i].value);
		entry->source = said->configs.at[i].config_source < 0
					? CONFIG_SOURCE_UNKNOWN
					: (enum config_source)said->configs.at[i].config_source;
		entry->sensitive = said->configs.at[i].is_sensitive;
		entry->read_only = said->configs.at[i].read_only;
		if (!entry->name)
			return ERR_MEMORY;
	}
	out->count = count;
	if (count > 1)
		qsort(out->entries, (size_t)count, sizeof *out->entries, entry_order);
	return 0;
}

static int configs_ask(struct asks *asks, int kind, const char *const *resources, int count, int64_t node)
{
	struct describe_configs_request *request = arena_take(asks->arena, sizeof *request);
	struct describe_configs_request_resource *at = arena_array(asks->arena, (size_t)count, sizeof *at);

	if (!request || !at)
		return ERR_MEMORY;
	request_default(API_DESCRIBE_CONFIGS, request);
	request->resources.at = at;
	request->resources.count = count;
	for (int i = 0; i < count; i++) {
		at[i].resource_type = (int8_t)kind;
		at[i].resource_name = view_text(resources[i]);
		at[i].configuration_keys.count = -1;
	}
	return asks_add(asks, (int32_t)node, API_DESCRIBE_CONFIGS, request, NULL);
}

int configs_describe(struct cluster *cluster, int kind, const char *const *resources, int count, int64_t timeout_ms,
		     struct arena *arena, struct config_list **out, struct fault *fault)
{
	struct config_list *lists = arena_array(arena, (size_t)count, sizeof *lists);
	struct asks asks;
	int err = admin_ready(cluster, timeout_ms, fault);

	if (err < 0)
		return err;
	if (!lists)
		return admin_no_memory(cluster, fault);
	asks_init(&asks, cluster, timeout_ms, arena);
	for (int i = 0; i < count;) {
		/* A broker's own configs are known to that broker alone. */
		bool of_broker = kind == CONFIG_RESOURCE_BROKER && resources[i][0] != '\0';
		int piece = of_broker ? 1 : count - i < CONFIGS_AT_ONCE ? count - i : CONFIGS_AT_ONCE;

		err = configs_ask(&asks, kind, &resources[i], piece, of_broker ? atoi(resources[i]) : NODE_ANY);
		if (err < 0)
			break;
		i += piece;
	}
	int stopped = asks_wait(&asks);
	for (int i = 0; i < count; i++) {
		lists[i].resource = arena_text(arena, resources[i]);
		lists[i].err = ERR_NOT_FOUND;
	}
	for (int a = 0; a < asks.count && err == 0; a++) {
		const struct describe_configs_response *said = asks.at[a]->response;

		if (asks.at[a]->err < 0) {
			if (fault)
				*fault = asks.at[a]->fault;
			return admin_unsupported(API_DESCRIBE_CONFIGS, asks.at[a]->err, fault);
		}
		for (int32_t r = 0; r < said->results.count && err == 0; r++)
			for (int i = 0; i < count && err == 0; i++)
				if (view_is(said->results.at[r].resource_name, resources[i]))
					err = list_take(&said->results.at[r], arena, &lists[i]);
	}
	if (err < 0)
		return admin_no_memory(cluster, fault);
	if (stopped < 0)
		return fault_set(fault, stopped, "%s: interrupted", cluster->name);
	*out = lists;
	return 0;
}

const struct config_entry *config_find(const struct config_list *list, const char *name)
{
	for (int i = 0; i < list->count; i++)
		if (strcmp(list->entries[i].name, name) == 0)
			return &list->entries[i];
	return NULL;
}

/* ---- creating ---- */

static int create_request(const struct topic_spec *specs, int count, bool validate_only, int64_t timeout_ms,
			  struct arena *arena, struct create_topics_request *request)
{
	request_default(API_CREATE_TOPICS, request);
	request->validate_only = validate_only;
	request->timeout_ms = (int32_t)timeout_ms;
	request->topics.at = arena_array(arena, (size_t)count, sizeof *request->topics.at);
	if (!request->topics.at)
		return ERR_MEMORY;
	for (int i = 0; i < count; i++) {
		struct create_topics_request_topic *topic;
		int configs = 0;

		if (specs[i].err != ERR_STALE)
			continue;
		topic = &request->topics.at[request->topics.count++];
		topic->name = view_text(specs[i].name);
		topic->num_partitions = specs[i].partitions;
		topic->replication_factor = specs[i].replication;
		while (specs[i].configs && specs[i].configs[2 * configs])
			configs++;
		topic->configs.at = arena_array(arena, (size_t)configs, sizeof *topic->configs.at);
		if (!topic->configs.at)
			return ERR_MEMORY;
		topic->configs.count = configs;
		for (int c = 0; c < configs; c++) {
			topic->configs.at[c].name = view_text(specs[i].configs[2 * c]);
			topic->configs.at[c].value = view_text(specs[i].configs[2 * c + 1]);
		}
	}
	return 0;
}

static void create_take(const struct create_topics_response *said, struct topic_spec *specs, int count,
			struct arena *arena)
{
	for (int32_t t = 0; t < said->topics.count; t++) {
		for (int i = 0; i < count; i++) {
			if (!view_is(said->topics.at[t].name, specs[i].name))
				continue;
			specs[i].error_code = said->topics.at[t].error_code;
			specs[i].error_text = admin_text(arena, said->topics.at[t].error_message);
			specs[i].id = said->topics.at[t].topic_id;
			if (specs[i].error_code != KAFKA_NOT_CONTROLLER &&
			    specs[i].error_code != KAFKA_THROTTLING_QUOTA_EXCEEDED)
				specs[i].err = error_code_err(specs[i].error_code);
		}
	}
}

static bool create_open(const struct topic_spec *specs, int count)
{
	for (int i = 0; i < count; i++)
		if (specs[i].err == ERR_STALE)
			return true;
	return false;
}

int topics_create(struct cluster *cluster, struct topic_spec *specs, int count, bool validate_only,
		  int64_t timeout_ms, struct arena *arena, struct fault *fault)
{
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct create_topics_request request;
	struct create_topics_response said;
	int err = admin_ready(cluster, timeout_ms, fault);

	for (int i = 0; i < count; i++)
		specs[i].err = ERR_STALE;
	for (int round = 0; err == 0 && create_open(specs, count) && cluster_now(cluster) < deadline_ms; round++) {
		if (round > 0) { /* another broker is the controller now */
			metadata_refresh(cluster);
			err = cluster_pause(cluster, cluster_backoff(cluster, 100, 1000, round - 1));
		}
		if (err == 0 &&
		    create_request(specs, count, validate_only, deadline_ms - cluster_now(cluster), arena, &request) < 0)
			return admin_no_memory(cluster, fault);
		if (err == 0)
			err = cluster_ask(cluster, NODE_CONTROLLER, API_CREATE_TOPICS, &request,
					  deadline_ms - cluster_now(cluster), arena, &said, fault);
		if (err == 0)
			create_take(&said, specs, count, arena);
	}
	for (int i = 0; i < count; i++)
		if (specs[i].err == ERR_STALE)
			specs[i].err = err < 0 ? err : ERR_TIMEOUT;
	for (int i = 0; i < count && err == 0; i++)
		if (specs[i].err < 0)
			err = fault_set(fault, specs[i].err, "%s: creating topic %s: %s%s%s", cluster->name,
					specs[i].name,
					specs[i].error_code ? kafka_error_name(specs[i].error_code)
							    : err_text(specs[i].err),
					specs[i].error_text ? ": " : "",
					specs[i].error_text ? specs[i].error_text : "");
	return err;
}

int topics_delete(struct cluster *cluster, const char *const *names, int count, int64_t timeout_ms,
		  struct fault *fault)
{
	struct delete_topics_request request;
	struct delete_topics_response said;
	struct arena arena;
	int err = admin_ready(cluster, timeout_ms, fault);

	if (err < 0)
		return err;
	arena_init(&arena, REPLY_MEMORY_MAX);
	request_default(API_DELETE_TOPICS, &request);
	request.timeout_ms = (int32_t)timeout_ms;
	/* By name in either form: version 6 takes a list of structs, the older ones a list of names. */
	if (cluster_version_everywhere(cluster, API_DELETE_TOPICS) >= 6) {
		request.topics.at = arena_array(&arena, (size_t)count, sizeof *request.topics.at);
		for (int i = 0; request.topics.at && i < count; i++)
			request.topics.at[request.topics.count++].name = view_text(names[i]);
	} else {
		request.topic_names.at = arena_array(&arena, (size_t)count, sizeof *request.topic_names.at);
		for (int i = 0; request.topic_names.at && i < count; i++)
			request.topic_names.at[request.topic_names.count++] = view_text(names[i]);
	}
	err = cluster_ask(cluster, NODE_CONTROLLER, API_DELETE_TOPICS, &request, timeout_ms, &arena, &said, fault);
	for (int32_t i = 0; err == 0 && i < said.responses.count; i++)
		if (said.responses.at[i].error_code)
			err = admin_refused(cluster, API_DELETE_TOPICS, said.responses.at[i].error_code,
					    said.responses.at[i].error_message, fault);
	arena_done(&arena);
	return err;
}
