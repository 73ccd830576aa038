/*
 * cluster.c - the brokers of one cluster, the timer behind everything that waits, and waiting for a call.
 */
#include "client/cluster.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/inside.h"

int64_t cluster_now(const struct cluster *cluster)
{
	return loop_now_ms(cluster->loop);
}

const char *cluster_name(const struct cluster *cluster)
{
	return cluster->name;
}

struct loop *cluster_loop(const struct cluster *cluster)
{
	return cluster->loop;
}

int64_t cluster_backoff(struct cluster *cluster, int64_t first_ms, int64_t most_ms, int failures)
{
	int64_t ms = first_ms > 0 ? first_ms : 1;
	int64_t jitter;

	while (failures-- > 0 && ms < most_ms)
		ms *= 2;
	if (ms > most_ms)
		ms = most_ms > 0 ? most_ms : 1;
	jitter = ms * BACKOFF_JITTER_PCT / 100;
	return ms - jitter + (int64_t)random_below(loop_random(cluster->loop), (uint64_t)(2 * jitter + 1));
}

int cluster_pause(struct cluster *cluster, int64_t ms)
{
	bool never = false;
	int err = loop_until(cluster->loop, &never, cluster_now(cluster) + ms);

	return err == ERR_TIMEOUT ? 0 : err;
}

const char *broker_text(const struct broker *broker, char *out, size_t size)
{
	if (broker->id >= 0)
		snprintf(out, size, "broker %d at %s:%u", broker->id, broker->host, broker->port);
	else
		snprintf(out, size, "%s:%u", broker->host, broker->port);
	return out;
}

struct broker *broker_find(struct cluster *cluster, int32_t id)
{
	LIST_EACH(&cluster->brokers, at) {
		struct broker *broker = container_of(at, struct broker, link);

		if (broker->id == id && !broker->gone)
			return broker;
	}
	return NULL;
}

struct broker *broker_add(struct cluster *cluster, int32_t id, struct view host, uint16_t port,
			  struct view rack)
{
	struct broker *broker = calloc(1, sizeof *broker);
	struct list *after = &cluster->brokers;

	if (!broker)
		return NULL;
	broker->cluster = cluster;
	broker->id = id;
	broker->port = port;
	broker->host = view_string(host);
	broker->rack = view_string(rack);
	if (!broker->host || (rack.at && !broker->rack)) {
		free(broker->host);
		free(broker->rack);
		free(broker);
		return NULL;
	}
	LIST_EACH(&cluster->brokers, at)
		if (container_of(at, struct broker, link)->id <= id || id < 0)
			after = at;
	broker->link.prev = after; /* behind `after`: seeds in their order, brokers in order of id */
	broker->link.next = after->next;
	after->next->prev = &broker->link;
	after->next = &broker->link;
	return broker;
}

static void broker_free(struct broker *broker)
{
	list_remove(&broker->link);
	for (int lane = 0; lane < LANES; lane++)
		link_free(broker->links[lane]);
	free(broker->host);
	free(broker->rack);
	free(broker->apis);
	free(broker);
}

void broker_drop(struct broker *broker)
{
	broker->gone = true; /* freed by the tick: we may stand in a callback of its connection */
	for (int lane = 0; lane < LANES; lane++)
		if (broker->links[lane])
			link_close(broker->links[lane]);
	cluster_schedule(broker->cluster);
}

static bool broker_idle(const struct broker *broker)
{
	for (int lane = 0; lane < LANES; lane++) {
		const struct link *link = broker->links[lane];

		if (link && (!list_empty(&link->waiting) || !list_empty(&link->sent)))
			return false;
	}
	return true;
}

/* Once the real brokers are known and one answers, the seeds are only a way back. */
static void brokers_tidy(struct cluster *cluster)
{
	bool answers = false;

	LIST_EACH(&cluster->brokers, at) {
		const struct broker *broker = container_of(at, struct broker, link);

		if (broker->id >= 0 && !broker->gone && broker->links[LANE_ASK] && broker->links[LANE_ASK]->ready)
			answers = true;
	}
	LIST_EACH_SAFE(&cluster->brokers, at) {
		struct broker *broker = container_of(at, struct broker, link);

		if (broker->gone && broker_idle(broker))
			broker_free(broker);
		else if (broker->id < 0 && answers && broker_idle(broker) && broker->links[LANE_ASK] &&
			 broker->links[LANE_ASK]->connection)
			link_close(broker->links[LANE_ASK]);
	}
}

static void cluster_tick(void *owner)
{
	struct cluster *cluster = owner;
	int64_t now = cluster_now(cluster);

	cluster->in_tick = true;
	LIST_EACH(&cluster->brokers, at)
		for (int lane = 0; lane < LANES; lane++)
			if (container_of(at, struct broker, link)->links[lane])
				link_push(container_of(at, struct broker, link)->links[lane]);
	metadata_tick(cluster, now);
	brokers_tidy(cluster);
	calls_tick(cluster, now);
	cluster->in_tick = false;
	cluster_schedule(cluster);
}

void cluster_schedule(struct cluster *cluster)
{
	int64_t due, now;

	if (cluster->in_tick)
		return; /* at its end */
	due = calls_due_ms(cluster);
	if (cluster->look_at_ms < due && !cluster->look)
		due = cluster->look_at_ms;
	LIST_EACH(&cluster->brokers, at)
		if (container_of(at, struct broker, link)->gone)
			due = 0;
	now = cluster_now(cluster);
	if (due == INT64_MAX)
		timer_stop(cluster->timer);
	else
		timer_start(cluster->timer, due > now ? due - now : 0);
}

int cluster_new(struct loop *loop, const char *name, const struct cluster_config *config, struct cluster **out,
		struct fault *fault)
{
	struct cluster *cluster = calloc(1, sizeof *cluster);
	int err = ERR_MEMORY;

	if (!cluster)
		return fault_set(fault, ERR_MEMORY, "%s: %s", name, err_text(ERR_MEMORY));
	cluster->loop = loop;
	cluster->controller = -1;
	cluster->look_at_ms = INT64_MAX;
	cluster->lanes_taken[LANE_ASK] = cluster->lanes_taken[LANE_FETCH] = true;
	list_init(&cluster->brokers);
	list_init(&cluster->unrouted);
	list_init(&cluster->resting);
	list_init(&cluster->failed);
	list_init(&cluster->watches);
	arena_init(&cluster->arena, REPLY_MEMORY_MAX);
	cluster->config = config_hold(config);
	cluster->name = view_string(view_text(name));
	if (!cluster->name)
		goto done;
	err = timer_new(loop, cluster_tick, cluster, &cluster->timer);
	if (err < 0)
		goto done;
	err = connector_new(loop, config, &cluster->connector, fault);
	if (err < 0) {
		fault_at(fault, "%s", name);
		cluster_free(cluster);
		return err;
	}
	err = ERR_MEMORY;
	for (int i = 0; i < config->bootstrap_count; i++)
		if (!broker_add(cluster, SEED_ID(i), view_text(config->bootstrap[i].host),
				config->bootstrap[i].port, VIEW_NULL))
			goto done;
	*out = cluster;
	return 0;
done:
	cluster_free(cluster);
	return fault_set(fault, err, "%s: %s", name, err_text(err));
}

/* Everything that is under way ends here, whatever state it is in. */
static void calls_cancel(struct cluster *cluster, struct list *calls)
{
	struct fault fault;

	fault_set(&fault, ERR_CANCELLED, "we ended it");
	LIST_EACH_SAFE(calls, at)
		call_fail(container_of(at, struct call, link), ERR_CANCELLED, &fault);
}

void cluster_free(struct cluster *cluster)
{
	if (!cluster)
		return;
	cluster->in_tick = true;
	cluster->closing = true; /* no new calls: a `done` that asks again is refused */
	metadata_free(cluster);
	LIST_EACH(&cluster->brokers, at) {
		struct broker *broker = container_of(at, struct broker, link);

		for (int lane = 0; lane < LANES; lane++) {
			struct link *link = broker->links[lane];

			if (!link)
				continue;
			connection_free(link->connection);
			link->connection = NULL;
			link->ready = false;
			calls_cancel(cluster, &link->sent);
			calls_cancel(cluster, &link->waiting);
		}
	}
	calls_cancel(cluster, &cluster->unrouted);
	calls_cancel(cluster, &cluster->resting);
	while (!calls_tick(cluster, INT64_MIN))
		;
	LIST_EACH_SAFE(&cluster->brokers, at)
		broker_free(container_of(at, struct broker, link));
	connector_free(cluster->connector);
	timer_free(cluster->timer);
	arena_done(&cluster->arena);
	config_release(cluster->config);
	free(cluster->name);
	free(cluster);
}

int cluster_lane_take(struct cluster *cluster)
{
	for (int lane = LANE_FETCH + 1; lane < LANES; lane++) {
		if (!cluster->lanes_taken[lane]) {
			cluster->lanes_taken[lane] = true;
			return lane;
		}
	}
	return LANE_FETCH;
}

/* Its connections stay, for whoever takes it next; the broker closes them when they are idle for long. */
void cluster_lane_give(struct cluster *cluster, int lane)
{
	if (lane > LANE_FETCH)
		cluster->lanes_taken[lane] = false;
}

/* What both sides speak of one API of one broker. */
static int broker_versions(const struct broker *broker, int16_t api_key, int16_t *since, int16_t *until)
{
	const struct api *api = api_find(api_key);

	if (!broker->apis)
		return ERR_STALE;
	for (int i = 0; api && i < broker->api_count; i++) {
		const struct api_known *known = &broker->apis[i];

		if (known->key != api_key)
			continue;
		*since = known->since > api->since ? known->since : api->since;
		*until = known->until < api->until ? known->until : api->until;
		return *since <= *until ? 0 : ERR_UNSUPPORTED;
	}
	return ERR_UNSUPPORTED;
}

int cluster_versions(struct cluster *cluster, int32_t node, int16_t api_key, int16_t *since, int16_t *until)
{
	int err = ERR_STALE;

	LIST_EACH(&cluster->brokers, at) {
		const struct broker *broker = container_of(at, struct broker, link);

		if (broker->gone || (node >= 0 && broker->id != node))
			continue;
		err = broker_versions(broker, api_key, since, until);
		if (err != ERR_STALE)
			return err;
	}
	return err;
}

int cluster_version_everywhere(struct cluster *cluster, int16_t api_key)
{
	int lowest = -1;
	int16_t since, until;

	LIST_EACH(&cluster->brokers, at) {
		const struct broker *broker = container_of(at, struct broker, link);
		int err = broker->gone ? ERR_STALE : broker_versions(broker, api_key, &since, &until);

		if (err == ERR_STALE)
			continue;
		if (err < 0)
			return -1;
		if (lowest < 0 || until < lowest)
			lowest = until;
	}
	return lowest;
}
