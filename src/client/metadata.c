/*
 * metadata.c - looks at the cluster: on demand, on trouble with backoff, and on age.
 *
 * Brokers tell each other about changes with a delay, so one odd answer proves nothing: a topic counts as missing or
 * re-created only when several looks in a row say so, and a leader epoch that goes back is an old answer, not news.
 */
#include "client/metadata.h"

#include <stdlib.h>

#include "client/inside.h"

#define ODD_LOOKS	4    /* in a row, before we believe that a topic is gone or another */
#define MISSING_MS	2000 /* ... and this long */
#define TOPIC_MEMORY	((size_t)64 << 20)
#define SPELL_MS	10000 /* trouble that is further apart is new trouble */

typedef struct metadata_response_topic said_topic;
typedef struct metadata_response_partition said_partition;

/* ---- what a look brings ---- */

static bool brokers_apply(struct cluster *cluster, const struct metadata_response *said)
{
	bool changed = false;

	LIST_EACH(&cluster->brokers, at) {
		struct broker *broker = container_of(at, struct broker, link);
		bool there = false;

		for (int32_t i = 0; i < said->brokers.count; i++)
			if (said->brokers.at[i].node_id == broker->id &&
			    said->brokers.at[i].port == broker->port &&
			    view_is(said->brokers.at[i].host, broker->host))
				there = true;
		if (broker->id >= 0 && !broker->gone && !there) {
			broker_drop(broker);
			changed = true;
		}
	}
	for (int32_t i = 0; i < said->brokers.count; i++) {
		const __typeof__(*said->brokers.at) *b = &said->brokers.at[i];

		if (b->node_id < 0 || b->port <= 0 || b->port > UINT16_MAX || !b->host.size)
			continue; /* nothing that can be called */
		if (broker_find(cluster, b->node_id))
			continue;
		if (broker_add(cluster, b->node_id, b->host, (uint16_t)b->port, b->rack))
			changed = true;
	}
	return changed;
}

static void infos_apply(struct cluster *cluster)
{
	struct broker_info *infos;
	int count = 0;

	LIST_EACH(&cluster->brokers, at)
		count++;
	infos = calloc((size_t)count + 1, sizeof *infos);
	if (!infos)
		return;
	free(cluster->infos);
	cluster->infos = infos;
	cluster->info_count = 0;
	LIST_EACH(&cluster->brokers, at) {
		const struct broker *broker = container_of(at, struct broker, link);

		if (broker->id >= 0 && !broker->gone)
			infos[cluster->info_count++] =
				(struct broker_info){ broker->id, broker->host, broker->port, broker->rack };
	}
}

/* True when the answer speaks of our cluster and can be used. */
bool cluster_apply(struct cluster *cluster, const struct metadata_response *said, struct fault *fault)
{
	if (said->brokers.count <= 0) {
		fault_set(fault, ERR_BROKER, "%s: a broker answers without knowing any broker", cluster->name);
		return false;
	}
	if (said->cluster_id.at && cluster->cluster_id && !view_is(said->cluster_id, cluster->cluster_id)) {
		fault_set(fault, ERR_STALE, "%s: the address now answers as another cluster (%.*s, was %s)",
			  cluster->name, VIEW_ARGS(said->cluster_id), cluster->cluster_id);
		return false;
	}
	if (said->cluster_id.at && !cluster->cluster_id)
		cluster->cluster_id = view_string(said->cluster_id);
	brokers_apply(cluster, said);
	infos_apply(cluster);
	cluster->controller = said->controller_id;
	cluster->known = true;
	LIST_EACH_SAFE(&cluster->unrouted, at)
		call_route(container_of(at, struct call, link));
	return true;
}

static int partition_order(const void *a, const void *b)
{
	const struct partition_info *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

int topic_read(const said_topic *said, struct arena *arena, struct topic_info *out)
{
	struct topic_info info = { .id = said->topic_id, .error = said->error_code, .internal = said->is_internal };
	int32_t count = said->partitions.count > 0 ? said->partitions.count : 0;

	info.name = (const char *)arena_copy(arena, said->name).at;
	info.partitions = arena_array(arena, (size_t)count, sizeof *info.partitions);
	if (!info.name || !info.partitions)
		return ERR_MEMORY;
	for (int32_t i = 0; i < count; i++) {
		const said_partition *p = &said->partitions.at[i];

		info.partitions[i] = (struct partition_info){
			.index = p->partition_index,
			.error = p->error_code,
			.leader = p->leader_id,
			.leader_epoch = p->leader_epoch,
			.replica_count = p->replica_nodes.count,
			.in_sync_count = p->isr_nodes.count,
			.offline_count = p->offline_replicas.count,
		};
	}
	info.partition_count = count;
	if (count > 1)
		qsort(info.partitions, (size_t)count, sizeof *info.partitions, partition_order);
	*out = info;
	return 0;
}

/* ---- watched topics ---- */

static struct partition_info *partition_of(const struct topic_info *info, int32_t index)
{
	for (int32_t i = 0; i < info->partition_count; i++)
		if (info->partitions[i].index == index)
			return &info->partitions[i];
	return NULL;
}

/* A broker that lags behind still tells of former leaders.  Counts the partitions whose epoch went back. */
static int keep_newer(const struct topic_info *old, struct topic_info *new)
{
	int regressed = 0;

	for (int32_t i = 0; i < new->partition_count; i++) {
		const struct partition_info *before = partition_of(old, new->partitions[i].index);

		if (before && new->partitions[i].leader_epoch >= 0 &&
		    new->partitions[i].leader_epoch < before->leader_epoch) {
			new->partitions[i] = *before;
			regressed++;
		}
	}
	return regressed;
}

static bool info_equal(const struct topic_info *a, const struct topic_info *b)
{
	return a->partition_count == b->partition_count && uuid_equal(a->id, b->id) && a->error == b->error &&
	       (a->partition_count == 0 ||
		memcmp(a->partitions, b->partitions, (size_t)a->partition_count * sizeof *a->partitions) == 0);
}

static void watch_missing(struct topic_watch *watch, int64_t now, enum topic_state state)
{
	if (watch->missing_count++ == 0)
		watch->missing_since_ms = now;
	if (watch->missing_count >= ODD_LOOKS && now - watch->missing_since_ms >= MISSING_MS)
		watch->state = state;
	else
		metadata_refresh(watch->cluster);
}

/* Returns whether something changed. */
static bool watch_apply(struct topic_watch *watch, const said_topic *said, int64_t now)
{
	enum topic_state before = watch->state;
	struct topic_info info;
	struct arena arena;
	int regressed;

	if (watch->state == TOPIC_RECREATED)
		return false;
	if (!said || said->error_code == KAFKA_UNKNOWN_TOPIC_OR_PARTITION) {
		watch_missing(watch, now, TOPIC_MISSING);
		return watch->state != before;
	}
	if (error_code_err(said->error_code) == ERR_DENIED) {
		watch->state = TOPIC_DENIED;
		return watch->state != before;
	}
	if (said->error_code) { /* between leaders, being made: soon better */
		metadata_refresh(watch->cluster);
		return false;
	}
	if (!uuid_is_zero(watch->info.id) && !uuid_is_zero(said->topic_id) &&
	    !uuid_equal(watch->info.id, said->topic_id)) {
		watch_missing(watch, now, TOPIC_RECREATED);
		return watch->state != before;
	}
	arena_init(&arena, TOPIC_MEMORY);
	if (topic_read(said, &arena, &info) < 0) {
		arena_done(&arena);
		return false; /* the former one stays */
	}
	regressed = keep_newer(&watch->info, &info);
	/* Without topic ids (before 2.8) epochs that stay behind, all of them, are the sign of another topic. */
	if (regressed && uuid_is_zero(info.id) && ++watch->regressed_count >= ODD_LOOKS) {
		watch->state = TOPIC_RECREATED;
	} else if (regressed) {
		metadata_refresh(watch->cluster);
	} else {
		watch->regressed_count = 0;
	}
	if (watch->state != TOPIC_RECREATED)
		watch->state = TOPIC_THERE;
	watch->missing_count = 0;
	watch->seen_ms = now;
	if (uuid_is_zero(info.id))
		info.id = watch->info.id; /* asked of an older broker of the same cluster */
	bool changed = watch->state != before || !info_equal(&watch->info, &info);
	arena_done(&watch->arena);
	watch->arena = arena;
	watch->info = info;
	return changed;
}

static const said_topic *said_find(const struct metadata_response *said, const char *name)
{
	for (int32_t i = 0; i < said->topics.count; i++)
		if (view_is(said->topics.at[i].name, name))
			return &said->topics.at[i];
	return NULL;
}

static void watches_apply(struct cluster *cluster, const struct metadata_response *said)
{
	int64_t now = cluster_now(cluster);
	struct list seen;

	list_init(&seen);
	LIST_EACH_SAFE(&cluster->watches, at) {
		list_remove(at);
		list_append(&seen, at);
	}
	while (!list_empty(&seen)) {
		struct topic_watch *watch = container_of(seen.next, struct topic_watch, link);
		const said_topic *topic = said_find(said, watch->info.name);

		list_remove(&watch->link);
		list_append(&cluster->watches, &watch->link);
		if (said->topics.count < 0 || watch->look_number > cluster->look_number)
			continue; /* came while the look was on its way: was not asked about */
		watch_apply(watch, topic, now);
		watch->changed(watch); /* may stop any watch */
	}
}

void topic_watch_tell(struct topic_watch *watch, const struct topic_info *info, int64_t seen_ms)
{
	struct partition_info *partitions;

	if (watch->state != TOPIC_NOT_KNOWN_YET || info->error ||
	    (!uuid_is_zero(watch->info.id) && !uuid_equal(watch->info.id, info->id)))
		return;
	partitions = arena_array(&watch->arena, (size_t)info->partition_count, sizeof *partitions);
	if (!partitions)
		return; /* the look will bring it */
	if (info->partition_count)
		memcpy(partitions, info->partitions, (size_t)info->partition_count * sizeof *partitions);
	watch->info = *info;
	watch->info.name = watch->name;
	watch->info.partitions = partitions;
	watch->seen_ms = seen_ms;
	watch->state = TOPIC_THERE;
}

/* What another watch of the same topic has seen is as good as what a look would bring; that comes all the same, later. */
static void watch_adopt(struct topic_watch *watch)
{
	LIST_EACH(&watch->cluster->watches, at) {
		const struct topic_watch *other = container_of(at, struct topic_watch, link);

		if (other != watch && other->state == TOPIC_THERE && strcmp(other->name, watch->name) == 0)
			topic_watch_tell(watch, &other->info, other->seen_ms);
	}
}

/* Of a topic that nobody knows yet nothing is wrong: where the last look was well, its owner does not wait for the next. */
static void look_for(const struct topic_watch *watch)
{
	struct cluster *cluster = watch->cluster;
	int64_t now = cluster_now(cluster);

	metadata_refresh(cluster);
	if (watch->state != TOPIC_NOT_KNOWN_YET || cluster->look || cluster->look_count ||
	    cluster->look_at_ms <= now)
		return;
	cluster->look_at_ms = now;
	cluster_schedule(cluster);
}

int topic_watch_start(struct topic_watch *watch, struct cluster *cluster, const char *name,
		      const struct uuid *expected, void (*changed)(struct topic_watch *watch), void *owner)
{
	*watch = (struct topic_watch){ .cluster = cluster, .changed = changed, .owner = owner };
	list_init(&watch->link);
	arena_init(&watch->arena, TOPIC_MEMORY);
	watch->name = view_string(view_text(name));
	if (!watch->name)
		return ERR_MEMORY;
	watch->info.name = watch->name;
	if (expected)
		watch->info.id = *expected;
	watch->look_number = cluster->look_number + 1;
	list_append(&cluster->watches, &watch->link);
	watch_adopt(watch);
	look_for(watch);
	return 0;
}

void topic_watch_stop(struct topic_watch *watch)
{
	if (!watch->cluster)
		return;
	list_remove(&watch->link);
	arena_done(&watch->arena);
	free(watch->name);
	*watch = (struct topic_watch){ 0 };
	list_init(&watch->link);
}

/* ---- looking ---- */

void metadata_refresh(struct cluster *cluster)
{
	const struct cluster_config *config = cluster->config;
	int64_t now = cluster_now(cluster), at = now;

	if (now - cluster->looked_ms > SPELL_MS)
		cluster->look_count = 0;
	if (cluster->looked_ms) {
		at = cluster->looked_ms + cluster_backoff(cluster, config->retry_backoff_ms,
							  config->retry_backoff_ms_max, cluster->look_count);
		at = at > now ? at : now;
	}
	cluster->refresh_wanted = true;
	if (at < cluster->look_at_ms) {
		cluster->look_at_ms = at;
		cluster_schedule(cluster);
	}
}

static void request_names(struct cluster *cluster, struct metadata_request *request, int16_t version)
{
	int32_t count = 0;

	request_default(API_METADATA, request);
	request->allow_auto_topic_creation = version < 4; /* not in those: must hold its default */
	LIST_EACH(&cluster->watches, at)
		count++;
	request->topics.count = 0;
	if (version < 4 && count > 0) { /* asking by name would create; so ask for all */
		request->topics.count = version == 0 ? 0 : -1;
		return;
	}
	if (!count)
		return;
	request->topics.at = calloc((size_t)count, sizeof *request->topics.at);
	if (!request->topics.at)
		return; /* the brokers alone, then */
	LIST_EACH(&cluster->watches, at)
		request->topics.at[request->topics.count++].name =
			view_text(container_of(at, struct topic_watch, link)->name);
}

static void request_done(struct metadata_request *request)
{
	if (request)
		free(request->topics.at);
	free(request);
}

static int look_prepare(void *context, int16_t version, int32_t node)
{
	struct cluster *cluster = context;

	free(cluster->look_request->topics.at);
	request_names(cluster, cluster->look_request, version);
	cluster->look_number++;
	return 0;
}

static void look_done(void *context, const struct reply *reply)
{
	struct cluster *cluster = context;
	const struct metadata_response *said = reply->response;
	struct fault fault;
	bool usable = false, again = cluster->refresh_wanted; /* meanwhile: what came speaks of before */

	cluster->look = NULL;
	cluster->looked_ms = cluster_now(cluster);
	cluster->look_count = again || reply->err < 0 ? cluster->look_count + 1 : 0;
	cluster->refresh_wanted = false;
	cluster->look_at_ms = list_empty(&cluster->watches)
				      ? INT64_MAX
				      : cluster->looked_ms + cluster->config->metadata_age_ms_max;
	if (reply->err == 0)
		usable = cluster_apply(cluster, said, &fault);
	if (usable)
		watches_apply(cluster, said);
	else
		again |= !list_empty(&cluster->watches) || !list_empty(&cluster->unrouted);
	if (again)
		metadata_refresh(cluster);
	cluster_schedule(cluster);
}

void metadata_tick(struct cluster *cluster, int64_t now)
{
	struct call_plan plan = { .node = NODE_ANY, .api_key = API_METADATA, .retry = true };

	if (cluster->look || now < cluster->look_at_ms)
		return;
	if (!cluster->look_request)
		cluster->look_request = calloc(1, sizeof *cluster->look_request);
	if (!cluster->look_request)
		return;
	cluster->look_at_ms = INT64_MAX;
	cluster->refresh_wanted = false;
	plan.request = cluster->look_request;
	plan.prepare = look_prepare;
	plan.deadline_ms = now + cluster->config->request_timeout_ms;
	plan.done = look_done;
	plan.context = cluster;
	if (cluster_call(cluster, &plan, &cluster->look) < 0)
		cluster->look_at_ms = now + cluster->config->retry_backoff_ms_max;
}

void metadata_free(struct cluster *cluster)
{
	call_cancel(cluster->look);
	cluster->look = NULL;
	request_done(cluster->look_request);
	cluster->look_request = NULL;
	free(cluster->cluster_id);
	free(cluster->infos);
}

int metadata_brokers(struct cluster *cluster, const struct broker_info **out)
{
	*out = cluster->infos;
	return cluster->info_count;
}
