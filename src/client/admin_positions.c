/*
 * admin_positions.c - where groups stand (OffsetFetch), and setting where they stand (OffsetCommit without a member).
 *
 * Both are used up to version 9: from 10 on they name topics by id, and an id says nothing to an operator.
 */
#include "client/admin_groups.h"

#include "client/admin_inside.h"
#include "client/coordinator.h"

#define VERSION_BY_NAME 9

static int position_order(const void *a, const void *b)
{
	const struct group_position *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);

	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static bool position_take(struct group_positions *out, const char *topic, int32_t partition, int64_t offset,
			  int32_t epoch, struct view metadata, int16_t error_code, struct arena *arena)
{
	struct group_position *at = &out->at[out->count];

	if (error_code == 0 && offset < 0)
		return true; /* named, but never committed */
	if (!topic)
		return false;
	*at = (struct group_position){ .topic = topic, .partition = partition, .offset = offset };
	at->leader_epoch = epoch;
	at->metadata = admin_text(arena, metadata);
	at->error_code = error_code;
	at->err = error_code_err(error_code);
	out->count++;
	return true;
}

static void positions_done(struct group_positions *out)
{
	out->err = 0;
	if (out->count > 1)
		qsort(out->at, (size_t)out->count, sizeof *out->at, position_order);
}

/* The answer about one group (version 8 on). */
static int group_take(const struct offset_fetch_response_group *said, struct arena *arena,
		      struct group_positions *out)
{
	size_t most = 0;

	out->error_code = said->error_code;
	if (said->error_code) {
		if (!kafka_error_retriable(said->error_code))
			out->err = error_code_err(said->error_code);
		return 0;
	}
	for (int32_t t = 0; t < said->topics.count; t++)
		for (int32_t p = 0; p < said->topics.at[t].partitions.count; p++, most++)
			if (said->topics.at[t].partitions.at[p].error_code == KAFKA_UNSTABLE_OFFSET_COMMIT)
				return 0; /* undecided: asked again */
	out->at = arena_array(arena, most, sizeof *out->at);
	if (!out->at)
		return ERR_MEMORY;
	out->count = 0;
	for (int32_t t = 0; t < said->topics.count; t++) {
		const char *topic = admin_text(arena, said->topics.at[t].name);

		for (int32_t p = 0; p < said->topics.at[t].partitions.count; p++) {
			const __typeof__(*said->topics.at->partitions.at) *one = &said->topics.at[t].partitions.at[p];

			if (!position_take(out, topic, one->partition_index, one->committed_offset,
					   one->committed_leader_epoch, one->metadata, one->error_code, arena))
				return ERR_MEMORY;
		}
	}
	positions_done(out);
	return 0;
}

/* The same from a broker that answers one group at a time (before version 8). */
static int single_take(const struct offset_fetch_response *said, struct arena *arena, struct group_positions *out)
{
	size_t most = 0;

	out->error_code = said->error_code;
	if (said->error_code) {
		if (!kafka_error_retriable(said->error_code))
			out->err = error_code_err(said->error_code);
		return 0;
	}
	for (int32_t t = 0; t < said->topics.count; t++)
		for (int32_t p = 0; p < said->topics.at[t].partitions.count; p++, most++)
			if (said->topics.at[t].partitions.at[p].error_code == KAFKA_UNSTABLE_OFFSET_COMMIT)
				return 0;
	out->at = arena_array(arena, most, sizeof *out->at);
	if (!out->at)
		return ERR_MEMORY;
	out->count = 0;
	for (int32_t t = 0; t < said->topics.count; t++) {
		const char *topic = admin_text(arena, said->topics.at[t].name);

		for (int32_t p = 0; p < said->topics.at[t].partitions.count; p++) {
			const __typeof__(*said->topics.at->partitions.at) *one = &said->topics.at[t].partitions.at[p];

			if (!position_take(out, topic, one->partition_index, one->committed_offset,
					   one->committed_leader_epoch, one->metadata, one->error_code, arena))
				return ERR_MEMORY;
		}
	}
	positions_done(out);
	return 0;
}

/* One request a group: old and new brokers alike take it, and a slow group holds up no other. */
static int positions_ask(struct asks *asks, struct group_positions *out, int32_t node, bool batched, bool stable)
{
	struct offset_fetch_request *request = arena_take(asks->arena, sizeof *request);

	if (!request)
		return ERR_MEMORY;
	request_default(API_OFFSET_FETCH, request);
	request->require_stable = stable && cluster_version_everywhere(asks->cluster, API_OFFSET_FETCH) >= 7;
	if (batched) {
		request->groups.at = arena_take(asks->arena, sizeof *request->groups.at);
		if (!request->groups.at)
			return ERR_MEMORY;
		request->groups.count = 1;
		request->groups.at[0].group_id = view_text(out->id);
		request->groups.at[0].member_epoch = -1;
		request->groups.at[0].topics.count = -1; /* all */
		return asks_add_capped(asks, node, API_OFFSET_FETCH, VERSION_BY_NAME, request, out);
	}
	request->group_id = view_text(out->id);
	request->topics.count = -1;
	return asks_add_capped(asks, node, API_OFFSET_FETCH, 7, request, out);
}

static int positions_round(struct cluster *cluster, struct group_positions *all, const struct coordinator *at,
			   int count, bool stable, int64_t deadline_ms, struct arena *arena, struct fault *last)
{
	bool batched = cluster_version_everywhere(cluster, API_OFFSET_FETCH) >= 8;
	struct asks asks;
	int err = 0;

	asks_init(&asks, cluster, admin_round_ms(cluster, deadline_ms), arena);
	for (int i = 0; i < count && err == 0; i++)
		if (all[i].err == ERR_STALE && at[i].err == 0)
			err = positions_ask(&asks, &all[i], at[i].node, batched, stable);
	int stopped = asks_wait(&asks);
	for (int i = 0; i < asks.count && err == 0; i++) {
		const struct offset_fetch_response *said = asks.at[i]->response;
		struct group_positions *out = asks.at[i]->context;

		if (asks.at[i]->err < 0) {
			*last = asks.at[i]->fault;
			if (fault_is_final(last->err))
				out->err = last->err;
		} else if (!batched) {
			err = single_take(said, arena, out);
		} else if (said->groups.count == 1) {
			err = group_take(&said->groups.at[0], arena, out);
		}
	}
	return err < 0 ? err : stopped;
}

static bool positions_open(const struct group_positions *at, int count)
{
	for (int i = 0; i < count; i++)
		if (at[i].err == ERR_STALE)
			return true;
	return false;
}

int groups_positions(struct cluster *cluster, const char *const *ids, int count, bool stable, int64_t timeout_ms,
		     struct arena *arena, struct group_positions **out, struct fault *fault)
{
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct group_positions *all = arena_array(arena, (size_t)count, sizeof *all);
	struct coordinator *coordinators = arena_array(arena, (size_t)count, sizeof *coordinators);
	struct fault last = { 0 };
	int err = admin_ready(cluster, timeout_ms, fault);

	if (err < 0)
		return err;
	if (!all || !coordinators)
		return admin_no_memory(cluster, fault);
	for (int i = 0; i < count; i++) {
		all[i].id = arena_text(arena, ids[i]);
		all[i].err = ERR_STALE;
	}
	for (int round = 0; err == 0 && positions_open(all, count) && cluster_now(cluster) < deadline_ms; round++) {
		if (round > 0)
			err = cluster_pause(cluster, cluster_backoff(cluster, 100, 1000, round - 1));
		for (int i = 0; i < count; i++)
			coordinators[i].key = all[i].id;
		if (err == 0)
			coordinators_find(cluster, COORDINATOR_GROUP, coordinators, count,
					  admin_round_ms(cluster, deadline_ms), &last);
		for (int i = 0; i < count; i++)
			if (all[i].err == ERR_STALE && fault_is_final(coordinators[i].err)) {
				all[i].err = coordinators[i].err;
				all[i].error_code = coordinators[i].error_code;
			}
		if (err == 0)
			err = positions_round(cluster, all, coordinators, count, stable, deadline_ms, arena, &last);
	}
	if (err == ERR_MEMORY)
		return admin_no_memory(cluster, fault);
	for (int i = 0; i < count; i++)
		if (all[i].err == ERR_STALE)
			all[i].err = err < 0 ? err : last.err ? last.err : ERR_TIMEOUT;
	if (err < 0)
		return fault_set(fault, err, "%s: positions of groups: %s", cluster->name, err_text(err));
	*out = all;
	return 0;
}

/* ---- setting them ---- */

static int commit_request(const char *id, const struct group_position *at, int count, struct arena *arena,
			  struct offset_commit_request *request)
{
	request_default(API_OFFSET_COMMIT, request);
	request->group_id = view_text(id);
	request->topics.at = arena_array(arena, (size_t)count, sizeof *request->topics.at);
	if (!request->topics.at)
		return ERR_MEMORY;
	for (int i = 0; i < count; i++) {
		struct offset_commit_request_topic *topic = NULL;
		struct offset_commit_request_partition *p;

		if (at[i].err != ERR_STALE)
			continue;
		for (int32_t t = 0; t < request->topics.count; t++)
			if (view_is(request->topics.at[t].name, at[i].topic))
				topic = &request->topics.at[t];
		if (!topic) {
			topic = &request->topics.at[request->topics.count++];
			topic->name = view_text(at[i].topic);
			topic->partitions.at = arena_array(arena, (size_t)count, sizeof *topic->partitions.at);
			if (!topic->partitions.at)
				return ERR_MEMORY;
		}
		p = &topic->partitions.at[topic->partitions.count++];
		p->partition_index = at[i].partition;
		p->committed_offset = at[i].offset;
		p->committed_leader_epoch = at[i].leader_epoch;
		p->committed_metadata = view_text(at[i].metadata ? at[i].metadata : "");
	}
	return 0;
}

static void commit_take(const struct offset_commit_response *said, struct group_position *at, int count)
{
	for (int32_t t = 0; t < said->topics.count; t++) {
		for (int32_t p = 0; p < said->topics.at[t].partitions.count; p++) {
			int16_t code = said->topics.at[t].partitions.at[p].error_code;
			int32_t partition = said->topics.at[t].partitions.at[p].partition_index;

			for (int i = 0; i < count; i++) {
				if (at[i].partition != partition || !view_is(said->topics.at[t].name, at[i].topic))
					continue;
				at[i].error_code = code;
				/* A topic that is not there yet will not be there soon. */
				if (code != KAFKA_UNKNOWN_TOPIC_OR_PARTITION && kafka_error_retriable(code))
					continue;
				at[i].err = error_code_err(code);
			}
		}
	}
}

static bool commit_open(const struct group_position *at, int count)
{
	for (int i = 0; i < count; i++)
		if (at[i].err == ERR_STALE)
			return true;
	return false;
}

int group_commit(struct cluster *cluster, const char *id, struct group_position *at, int count, int64_t timeout_ms,
		 struct fault *fault)
{
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct fault last = { 0 };
	struct arena arena;
	int err = admin_ready(cluster, timeout_ms, fault);

	if (err < 0)
		return err;
	arena_init(&arena, REPLY_MEMORY_MAX);
	for (int i = 0; i < count; i++)
		at[i].err = ERR_STALE;
	for (int round = 0; err == 0 && commit_open(at, count) && cluster_now(cluster) < deadline_ms; round++) {
		struct coordinator coordinator = { .key = id };
		struct offset_commit_request request;
		struct asks asks;

		if (round > 0)
			err = cluster_pause(cluster, cluster_backoff(cluster, 100, 1000, round - 1));
		if (err == 0)
			err = coordinators_find(cluster, COORDINATOR_GROUP, &coordinator, 1,
						deadline_ms - cluster_now(cluster), &last);
		if (err == 0)
			err = commit_request(id, at, count, &arena, &request);
		if (err < 0)
			break;
		asks_init(&asks, cluster, admin_round_ms(cluster, deadline_ms), &arena);
		err = asks_add_capped(&asks, coordinator.node, API_OFFSET_COMMIT, VERSION_BY_NAME, &request, NULL);
		int stopped = asks_wait(&asks);
		if (err == 0 && asks.at[0]->err == 0)
			commit_take(asks.at[0]->response, at, count);
		else if (err == 0)
			last = asks.at[0]->fault;
		if (err == 0)
			err = stopped < 0 ? stopped : fault_is_final(last.err) ? last.err : 0;
	}
	arena_done(&arena);
	for (int i = count - 1; i >= 0; i--) {
		if (at[i].err == ERR_STALE)
			at[i].err = err < 0 ? err : last.err ? last.err : ERR_TIMEOUT;
		if (at[i].err < 0)
			fault_set(fault, at[i].err, "%s: committing %s for %s-%d: %s%s", cluster->name, id, at[i].topic,
				  at[i].partition,
				  at[i].error_code ? kafka_error_name(at[i].error_code)
				  : last.err	   ? last.text
						   : err_text(at[i].err),
				  at[i].err == ERR_CONFLICT ? "; the group has active members: stop them first" : "");
	}
	for (int i = 0; i < count; i++)
		if (at[i].err < 0)
			return at[i].err;
	return 0;
}
