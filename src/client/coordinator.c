/* coordinator.c - FindCoordinator: all keys at once where the brokers can, one request a key where they cannot. */
#include "client/coordinator.h"

#include "client/asks.h"
#include "client/inside.h"

static void told(struct coordinator *c, int16_t error_code, int32_t node)
{
	c->error_code = error_code;
	if (kafka_error_retriable(error_code))
		return;
	c->err = error_code_err(error_code);
	c->node = error_code ? -1 : node;
}

static int ask_batched(struct asks *asks, int kind, struct coordinator *at, int count, struct arena *arena)
{
	struct find_coordinator_request *request = arena_take(arena, sizeof *request);

	if (!request)
		return ERR_MEMORY;
	request_default(API_FIND_COORDINATOR, request);
	request->key_type = (int8_t)kind;
	request->coordinator_keys.at = arena_array(arena, (size_t)count, sizeof *request->coordinator_keys.at);
	if (!request->coordinator_keys.at)
		return ERR_MEMORY;
	request->coordinator_keys.count = 0;
	for (int i = 0; i < count; i++)
		if (at[i].err == ERR_STALE)
			request->coordinator_keys.at[request->coordinator_keys.count++] = view_text(at[i].key);
	return asks_add(asks, NODE_ANY, API_FIND_COORDINATOR, request, NULL);
}

static int ask_singly(struct asks *asks, int kind, struct coordinator *at, int count, struct arena *arena)
{
	int err = 0;

	for (int i = 0; i < count && err == 0; i++) {
		struct find_coordinator_request *request;

		if (at[i].err != ERR_STALE)
			continue;
		request = arena_take(arena, sizeof *request);
		if (!request)
			return ERR_MEMORY;
		request_default(API_FIND_COORDINATOR, request);
		request->key_type = (int8_t)kind;
		request->key = view_text(at[i].key);
		err = asks_add_capped(asks, NODE_ANY, API_FIND_COORDINATOR, 3, request, &at[i]);
	}
	return err;
}

static void answer_take(const struct ask *ask, struct coordinator *at, int count)
{
	const struct find_coordinator_response *said = ask->response;

	if (ask->context) {
		told(ask->context, said->error_code, said->node_id);
		return;
	}
	for (int32_t s = 0; s < said->coordinators.count; s++)
		for (int i = 0; i < count; i++)
			if (view_is(said->coordinators.at[s].key, at[i].key))
				told(&at[i], said->coordinators.at[s].error_code, said->coordinators.at[s].node_id);
}

static bool open_still(const struct coordinator *at, int count)
{
	for (int i = 0; i < count; i++)
		if (at[i].err == ERR_STALE)
			return true;
	return false;
}

int coordinators_find(struct cluster *cluster, int kind, struct coordinator *at, int count, int64_t timeout_ms,
		      struct fault *fault)
{
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct fault last = { 0 };
	struct arena arena;
	int err = cluster->known ? 0 : cluster_connect(cluster, timeout_ms, fault);

	if (err < 0)
		return err;
	for (int i = 0; i < count; i++)
		at[i] = (struct coordinator){ .key = at[i].key, .node = -1, .err = ERR_STALE };
	arena_init(&arena, REPLY_MEMORY_MAX);
	for (int round = 0; err == 0 && open_still(at, count) && cluster_now(cluster) < deadline_ms; round++) {
		bool batched = cluster_version_everywhere(cluster, API_FIND_COORDINATOR) >= 4;
		struct asks asks;

		if (round > 0)
			err = cluster_pause(cluster, cluster_backoff(cluster, 100, 1000, round - 1));
		if (err < 0)
			break;
		asks_init(&asks, cluster, deadline_ms - cluster_now(cluster), &arena);
		err = batched ? ask_batched(&asks, kind, at, count, &arena)
			      : ask_singly(&asks, kind, at, count, &arena);
		int stopped = asks_wait(&asks);
		for (int i = 0; i < asks.count; i++) {
			if (asks.at[i]->err == 0)
				answer_take(asks.at[i], at, count);
			else
				last = asks.at[i]->fault;
		}
		if (fault_is_final(last.err))
			err = last.err;
		err = stopped < 0 ? stopped : err;
		arena_reset(&arena);
	}
	arena_done(&arena);
	for (int i = count - 1; i >= 0; i--) {
		if (at[i].err == ERR_STALE)
			at[i].err = err < 0 ? err : last.err ? last.err : ERR_TIMEOUT;
		if (at[i].err < 0)
			fault_set(fault, at[i].err, "%s: coordinator of %s: %s", cluster->name, at[i].key,
				  at[i].error_code ? kafka_error_name(at[i].error_code)
				  : last.err	   ? last.text
						   : err_text(at[i].err));
	}
	for (int i = 0; i < count; i++)
		if (at[i].err < 0)
			return at[i].err;
	return 0;
}
