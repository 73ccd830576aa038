/*
 * link.c - one connection to one broker, opened when a call needs it and again, with backoff, when it is lost.
 */
#include <assert.h>
#include <stdlib.h>

#include "client/inside.h"

bool fault_is_final(int err)
{
	switch (err) {
	case ERR_TLS:
	case ERR_LOGIN:
	case ERR_MALFORMED:
	case ERR_UNSUPPORTED:
	case ERR_CONFIG:
	case ERR_USAGE:
	case ERR_DENIED:
	case ERR_INTERNAL: return true;
	default: return false;
	}
}

struct link *link_get(struct broker *broker, int lane)
{
	struct link *link = broker->links[lane];

	if (link)
		return link;
	link = calloc(1, sizeof *link);
	if (!link)
		return NULL;
	link->broker = broker;
	link->lane = lane;
	list_init(&link->waiting);
	list_init(&link->sent);
	broker->links[lane] = link;
	return link;
}

/* What the broker speaks outlives the connection: callers ask before they call. */
static void versions_keep(struct link *link)
{
	const struct api_versions_response *said = connection_api_versions(link->connection);
	struct broker *broker = link->broker;
	struct api_known *apis;

	if (!said || said->api_keys.count <= 0)
		return;
	apis = calloc((size_t)said->api_keys.count, sizeof *apis);
	if (!apis)
		return; /* then the old ones, or none: callers wait or ask */
	for (int32_t i = 0; i < said->api_keys.count; i++) {
		apis[i].key = said->api_keys.at[i].api_key;
		apis[i].since = said->api_keys.at[i].min_version;
		apis[i].until = said->api_keys.at[i].max_version;
	}
	free(broker->apis);
	broker->apis = apis;
	broker->api_count = said->api_keys.count;
}

static void link_is_ready(void *owner)
{
	struct link *link = owner;

	link->ready = true;
	link->failures = 0;
	link->down_since_ms = 0;
	link->fault.err = 0;
	versions_keep(link);
	link_push(link);
	cluster_schedule(link->broker->cluster);
}

static bool others_untried(const struct link *link)
{
	const struct cluster *cluster = link->broker->cluster;

	LIST_EACH(&cluster->brokers, at) {
		const struct broker *broker = container_of(at, struct broker, link);
		const struct link *other = broker->links[LANE_ASK];

		if (broker != link->broker && (!other || !fault_is_final(other->fault.err)))
			return true;
	}
	return false;
}

/* The waiting calls after a failed attempt: those bound to this broker wait for the next one. */
static void waiting_decide(struct link *link, int err)
{
	struct list calls;

	list_init(&calls);
	LIST_EACH_SAFE(&link->waiting, at) {
		list_remove(at);
		list_append(&calls, at);
	}
	LIST_EACH_SAFE(&calls, at) {
		struct call *call = container_of(at, struct call, link);
		bool bound = call->plan.node >= 0;

		if (fault_is_final(err) && (bound || !others_untried(link))) {
			call_fail(call, err, &link->fault);
		} else if (bound) {
			list_remove(at);
			list_append(&link->waiting, at);
		} else {
			call_failed_over(call, err, &link->fault);
		}
	}
}

static void link_failed(struct link *link, const struct fault *fault)
{
	struct cluster *cluster = link->broker->cluster;
	int64_t now = cluster_now(cluster);

	link->ready = false;
	if (fault->err == ERR_CANCELLED) { /* idle for long: not a failure, and nobody waits */
		if (!list_empty(&link->waiting))
			link_push(link);
		return;
	}
	link->fault = *fault;
	if (!link->down_since_ms)
		link->down_since_ms = now;
	link->retry_at_ms = now + cluster_backoff(cluster, cluster->config->reconnect_backoff_ms,
						  cluster->config->reconnect_backoff_ms_max, link->failures);
	link->failures++;
	waiting_decide(link, fault->err);
	if (link->broker->id >= 0)
		metadata_refresh(cluster);
	cluster_schedule(cluster);
}

static void link_is_closed(void *owner, const struct fault *fault)
{
	struct link *link = owner;
	struct fault why = *fault; /* the connection's own memory */

	connection_free(link->connection);
	link->connection = NULL;
	link_failed(link, &why);
}

static const struct connection_events link_events = { .ready = link_is_ready, .closed = link_is_closed };

void link_push(struct link *link)
{
	struct cluster *cluster = link->broker->cluster;
	int64_t now = cluster_now(cluster);

	if (!link->connection) {
		if (list_empty(&link->waiting) || now < link->retry_at_ms)
			return;
		link->tried_ms = now;
		int err = connection_new(cluster->connector, link->broker->host, link->broker->port,
					 &link_events, link, &link->connection);
		if (err < 0) {
			struct fault fault;

			link->connection = NULL;
			fault_set(&fault, err, "a connection cannot be begun: %s", err_text(err));
			link_failed(link, &fault);
		}
		return;
	}
	if (!link->ready || now < link->throttled_until_ms)
		return;
	while (!list_empty(&link->waiting))
		if (call_send(container_of(link->waiting.next, struct call, link)) < 0)
			return;
}

int64_t link_due_ms(const struct link *link)
{
	if (list_empty(&link->waiting))
		return INT64_MAX;
	if (!link->connection)
		return link->retry_at_ms;
	if (link->ready && link->throttled_until_ms > cluster_now(link->broker->cluster))
		return link->throttled_until_ms;
	return INT64_MAX;
}

/* Closes the connection; what was under way is tried elsewhere or fails. */
void link_close(struct link *link)
{
	struct connection *connection = link->connection;
	struct fault fault;

	link->connection = NULL;
	link->ready = false;
	connection_free(connection);
	fault_set(&fault, ERR_NETWORK, "the connection was closed on our side");
	LIST_EACH_SAFE(&link->sent, at)
		call_failed_over(container_of(at, struct call, link), ERR_NETWORK, &fault);
	LIST_EACH_SAFE(&link->waiting, at)
		call_failed_over(container_of(at, struct call, link), ERR_NETWORK, &fault);
}

void link_free(struct link *link)
{
	if (!link)
		return;
	assert(list_empty(&link->sent));
	assert(list_empty(&link->waiting));
	connection_free(link->connection);
	free(link);
}
