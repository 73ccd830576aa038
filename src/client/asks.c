/*
 * asks.c - waiting: one request, or many at once, with what they bring copied into the caller's arena.
 */
#include "client/asks.h"

#include <stdlib.h>

#include "client/inside.h"

/* A response that outlives its frame: the bytes are copied and read again, so that every view points into the arena. */
static int reply_copy(const struct api *api, const struct reply *reply, struct arena *arena, void *out,
		      struct fault *fault)
{
	struct view body = arena_copy(arena, reply->body);

	if (!body.at && reply->body.size)
		return fault_set(fault, ERR_LIMIT, "the answer is larger than what we keep for it");
	return message_read(api->response, reply->version, body, arena, out, fault);
}

static void ask_done(void *context, const struct reply *reply)
{
	struct ask *ask = context;
	struct asks *asks = ask->asks;
	void *response;

	ask->call = NULL;
	ask->ended = true;
	ask->place = ++asks->ended_count;
	ask->err = reply->err;
	if (reply->err < 0) {
		ask->fault = *reply->fault;
	} else {
		ask->node = reply->node;
		ask->version = reply->version;
		response = arena_take(asks->arena, message_size(ask->api->response));
		ask->err = response ? reply_copy(ask->api, reply, asks->arena, response, &ask->fault)
				    : fault_set(&ask->fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
		ask->response = ask->err < 0 ? NULL : response;
	}
	if (--asks->open == 0)
		asks->all_ended = true;
}

void asks_init(struct asks *asks, struct cluster *cluster, int64_t timeout_ms, struct arena *arena)
{
	*asks = (struct asks){ .cluster = cluster, .arena = arena };
	asks->deadline_ms = cluster_now(cluster) + timeout_ms;
}

int asks_add_capped(struct asks *asks, int32_t node, int16_t api_key, int16_t version_most, const void *request,
		    void *context)
{
	struct ask *ask = arena_take(asks->arena, sizeof *ask);
	struct call_plan plan = { .node = node, .api_key = api_key, .version_most = version_most };

	if (ask && asks->count == asks->capacity) {
		int capacity = asks->capacity ? 2 * asks->capacity : 16;
		struct ask **at = arena_array(asks->arena, (size_t)capacity, sizeof *at);

		if (at && asks->count)
			memcpy(at, asks->at, (size_t)asks->count * sizeof *at);
		if (!at)
			return ERR_MEMORY;
		asks->at = at;
		asks->capacity = capacity;
	}
	if (!ask)
		return ERR_MEMORY;
	ask->node = node;
	ask->context = context;
	ask->api = api_find(api_key);
	ask->asks = asks;
	asks->at[asks->count++] = ask;
	plan.request = request;
	plan.retry = true;
	plan.deadline_ms = asks->deadline_ms;
	plan.done = ask_done;
	plan.context = ask;
	ask->err = cluster_call(asks->cluster, &plan, &ask->call);
	if (ask->err < 0) {
		ask->ended = true;
		fault_set(&ask->fault, ask->err, "%s: %s", cluster_name(asks->cluster), err_text(ask->err));
		return 0;
	}
	asks->open++;
	return 0;
}

int asks_add(struct asks *asks, int32_t node, int16_t api_key, const void *request, void *context)
{
	return asks_add_capped(asks, node, api_key, 0, request, context);
}

int asks_wait(struct asks *asks)
{
	int err = 0;

	asks->all_ended = asks->open == 0;
	if (!asks->all_ended)
		err = loop_until(cluster_loop(asks->cluster), &asks->all_ended, INT64_MAX);
	for (int i = 0; i < asks->count && !asks->all_ended; i++) {
		struct ask *ask = asks->at[i];

		if (ask->ended)
			continue;
		call_cancel(ask->call);
		ask->call = NULL;
		ask->ended = true;
		ask->err = fault_set(&ask->fault, ERR_CANCELLED, "%s: interrupted", cluster_name(asks->cluster));
	}
	asks->open = 0;
	return err;
}

struct waiting {
	const struct api *api;
	struct arena *arena;
	void *response;
	struct fault *fault;
	int err;
	bool done;
};

static void waiting_done(void *context, const struct reply *reply)
{
	struct waiting *w = context;

	w->done = true;
	w->err = reply->err;
	if (reply->err < 0) {
		if (w->fault)
			*w->fault = *reply->fault;
		return;
	}
	w->err = reply_copy(w->api, reply, w->arena, w->response, w->fault);
}

int cluster_ask(struct cluster *cluster, int32_t node, int16_t api_key, const void *request, int64_t timeout_ms,
		struct arena *arena, void *response, struct fault *fault)
{
	struct waiting w = { .api = api_find(api_key), .arena = arena, .response = response, .fault = fault };
	struct call_plan plan = { .node = node, .api_key = api_key, .request = request, .retry = true };
	struct call *call;
	int err;

	plan.deadline_ms = cluster_now(cluster) + timeout_ms;
	plan.done = waiting_done;
	plan.context = &w;
	err = cluster_call(cluster, &plan, &call);
	if (err < 0)
		return fault_set(fault, err, "%s: %s", cluster_name(cluster), err_text(err));
	err = loop_until(cluster_loop(cluster), &w.done, INT64_MAX);
	if (!w.done) {
		call_cancel(call);
		return fault_set(fault, err < 0 ? err : ERR_CANCELLED, "%s: interrupted", cluster_name(cluster));
	}
	return w.err;
}
