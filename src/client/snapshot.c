/*
 * snapshot.c - looking at the cluster now, and waiting for it: for top-level code.
 */
#include <stdlib.h>

#include "base/text.h"
#include "client/inside.h"

struct snapshot_ask {
	struct cluster *cluster;
	struct metadata_request request;
	const struct view *patterns;
	int count;
	bool all;
	struct arena *arena;
	struct metadata_response *said;
	struct fault *fault;
	int err;
	bool done;
};

static int snapshot_prepare(void *context, int16_t version, int32_t node)
{
	struct snapshot_ask *ask = context;
	struct metadata_request *request = &ask->request;

	request_default(API_METADATA, request);
	request->allow_auto_topic_creation = version < 4;
	request->topics.count = 0;
	if (ask->all || (version < 4 && ask->count > 0)) {
		request->topics.count = version == 0 ? 0 : -1;
		return 0;
	}
	if (!ask->count)
		return 0;
	request->topics.at = arena_array(ask->arena, (size_t)ask->count, sizeof *request->topics.at);
	if (!request->topics.at)
		return ERR_MEMORY;
	memset(request->topics.at, 0, (size_t)ask->count * sizeof *request->topics.at);
	for (int i = 0; i < ask->count; i++)
		request->topics.at[i].name = ask->patterns[i];
	request->topics.count = ask->count;
	return 0;
}

static void snapshot_done(void *context, const struct reply *reply)
{
	struct snapshot_ask *ask = context;
	struct view body;

	ask->done = true;
	ask->err = reply->err;
	if (reply->err < 0) {
		fault_set(ask->fault, reply->err, "%s", reply->fault->text);
		return;
	}
	if (!cluster_apply(ask->cluster, reply->response, ask->fault)) {
		ask->err = ask->fault ? ask->fault->err : ERR_BROKER;
		return;
	}
	ask->cluster->looked_ms = cluster_now(ask->cluster);
	body = arena_copy(ask->arena, reply->body);
	ask->err = body.at ? message_read(api_find(API_METADATA)->response, reply->version, body, ask->arena,
					  ask->said, ask->fault)
			   : fault_set(ask->fault, ERR_LIMIT, "%s: the metadata is larger than what we keep",
				       ask->cluster->name);
}

static int snapshot_ask(struct snapshot_ask *ask, int64_t deadline_ms)
{
	struct call_plan plan = { .node = NODE_ANY, .api_key = API_METADATA, .retry = true };
	struct call *call;
	struct fault unseen;
	int err;

	if (!ask->fault)
		ask->fault = &unseen;
	ask->done = false;
	plan.request = &ask->request;
	plan.prepare = snapshot_prepare;
	plan.deadline_ms = deadline_ms;
	plan.done = snapshot_done;
	plan.context = ask;
	err = cluster_call(ask->cluster, &plan, &call);
	if (err < 0)
		return fault_set(ask->fault, err, "%s: %s", ask->cluster->name, err_text(err));
	err = loop_until(ask->cluster->loop, &ask->done, INT64_MAX);
	if (!ask->done) {
		call_cancel(call);
		return fault_set(ask->fault, err < 0 ? err : ERR_CANCELLED, "%s: interrupted", ask->cluster->name);
	}
	return ask->err;
}

int cluster_connect(struct cluster *cluster, int64_t timeout_ms, struct fault *fault)
{
	struct metadata_response said;
	struct snapshot_ask ask = { .cluster = cluster, .said = &said, .fault = fault };
	struct arena arena;
	int err;

	arena_init(&arena, REPLY_MEMORY_MAX);
	ask.arena = &arena;
	err = snapshot_ask(&ask, cluster_now(cluster) + timeout_ms);
	arena_done(&arena);
	return err;
}

int cluster_reach(struct cluster *cluster, int32_t node, int64_t timeout_ms, struct fault *fault)
{
	struct api_versions_request request;
	struct api_versions_response response;
	struct arena arena;
	int err;

	request_default(API_API_VERSIONS, &request);
	request.client_software_name = VIEW_LITERAL("interlock");
	request.client_software_version = VIEW_LITERAL(INTERLOCK_VERSION);
	arena_init(&arena, REPLY_MEMORY_MAX);
	err = cluster_ask(cluster, node, API_API_VERSIONS, &request, timeout_ms, &arena, &response, fault);
	arena_done(&arena);
	return err;
}

static int name_order(const void *a, const void *b)
{
	return strcmp(((const struct topic_info *)a)->name, ((const struct topic_info *)b)->name);
}

static bool wanted(const struct snapshot_ask *ask, const struct view *patterns, int count, struct view name)
{
	for (int i = 0; i < count; i++)
		if (glob_is(patterns[i]) ? glob_match(patterns[i], name) : view_equal(patterns[i], name))
			return true;
	return count < 0;
}

static int snapshot_make(struct snapshot_ask *ask, const struct view *patterns, int count,
			 struct metadata_snapshot *out)
{
	const struct metadata_response *said = ask->said;
	struct metadata_snapshot s = { .controller = said->controller_id };
	int32_t most = said->topics.count > 0 ? said->topics.count : 0;

	s.cluster_id = said->cluster_id.at ? (const char *)arena_copy(ask->arena, said->cluster_id).at : NULL;
	s.brokers = arena_array(ask->arena, (size_t)said->brokers.count, sizeof *s.brokers);
	s.topics = arena_array(ask->arena, (size_t)most + (size_t)(count > 0 ? count : 0), sizeof *s.topics);
	if (!s.brokers || !s.topics)
		return ERR_MEMORY;
	for (int32_t i = 0; i < said->brokers.count; i++) {
		s.brokers[i].id = said->brokers.at[i].node_id;
		s.brokers[i].host = (const char *)arena_copy(ask->arena, said->brokers.at[i].host).at;
		s.brokers[i].port = said->brokers.at[i].port;
		s.brokers[i].rack = (const char *)arena_copy(ask->arena, said->brokers.at[i].rack).at;
	}
	s.broker_count = said->brokers.count;
	for (int32_t i = 0; i < most; i++) {
		if (!wanted(ask, patterns, count, said->topics.at[i].name))
			continue;
		if (topic_read(&said->topics.at[i], ask->arena, &s.topics[s.topic_count]) < 0)
			return ERR_MEMORY;
		s.has_topic_ids |= !uuid_is_zero(s.topics[s.topic_count].id);
		s.topic_count++;
	}
	for (int i = 0; i < count; i++) { /* asked for by name and not told of, as when all were asked for */
		bool told = glob_is(patterns[i]);

		for (int t = 0; t < s.topic_count; t++)
			told |= view_is(patterns[i], s.topics[t].name);
		if (told)
			continue;
		s.topics[s.topic_count] = (struct topic_info){ .error = KAFKA_UNKNOWN_TOPIC_OR_PARTITION };
		s.topics[s.topic_count].name = (const char *)arena_copy(ask->arena, patterns[i]).at;
		if (!s.topics[s.topic_count++].name)
			return ERR_MEMORY;
	}
	if (s.topic_count > 1)
		qsort(s.topics, (size_t)s.topic_count, sizeof *s.topics, name_order);
	*out = s;
	return 0;
}

/* A topic that was made a moment ago may not have reached the broker that answers. */
static bool snapshot_young(const struct metadata_snapshot *s)
{
	for (int i = 0; i < s->topic_count; i++)
		if (s->topics[i].error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION ||
		    s->topics[i].error == KAFKA_LEADER_NOT_AVAILABLE)
			return true;
	return false;
}

int metadata_snapshot(struct cluster *cluster, const struct view *patterns, int count, int64_t timeout_ms,
		      struct arena *arena, struct metadata_snapshot *out, struct fault *fault)
{
	struct metadata_response *said = arena_take(arena, sizeof *said);
	struct snapshot_ask ask = { .cluster = cluster, .patterns = patterns, .count = count, .said = said };
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct metadata_snapshot snapshot;
	int err = said ? 0 : ERR_MEMORY;

	ask.arena = arena;
	ask.fault = fault;
	ask.all = count < 0;
	for (int i = 0; i < count; i++)
		ask.all |= glob_is(patterns[i]);
	for (int look = 0; err == 0; look++) {
		err = snapshot_ask(&ask, deadline_ms);
		if (err < 0)
			return err;
		err = snapshot_make(&ask, patterns, count, &snapshot);
		if (err == 0 && (look == 2 || !snapshot_young(&snapshot) ||
				 cluster_now(cluster) + 600 > deadline_ms)) {
			*out = snapshot;
			return 0;
		}
		if (err == 0)
			err = cluster_pause(cluster, 300);
	}
	return fault_set(fault, err, "%s: the metadata: %s", cluster->name, err_text(err));
}

const struct topic_info *metadata_find(const struct metadata_snapshot *snapshot, const char *name)
{
	for (int i = 0; i < snapshot->topic_count; i++)
		if (strcmp(snapshot->topics[i].name, name) == 0)
			return &snapshot->topics[i];
	return NULL;
}
