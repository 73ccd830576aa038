/*
 * offsets.c - ListOffsets for many partitions: rounds of one look at the leaders and one request (or a few) to each.
 */
#include "client/offsets.h"

#include <stdlib.h>

#include "client/asks.h"
#include "client/inside.h"

typedef __typeof__(*((struct list_offsets_request *)0)->topics.at) asked_topic;
typedef __typeof__(*((struct list_offsets_request *)0)->topics.at->partitions.at) asked_partition;

struct place {
	struct offset_query *query;
	int32_t leader, leader_epoch;
	int layer; /* a request may name a partition once, so a second question about it is in a second request */
};

static int place_order(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = (x->layer > y->layer) - (x->layer < y->layer);

	if (!order)
		order = (x->leader > y->leader) - (x->leader < y->leader);
	if (!order)
		order = strcmp(x->query->topic, y->query->topic);
	if (!order)
		order = (x->query->partition > y->query->partition) - (x->query->partition < y->query->partition);
	return order ? order : (x->query > y->query) - (x->query < y->query);
}

static bool open_still(const struct offset_query *query)
{
	return query->err == ERR_STALE;
}

/* Where each open question goes; those that can have no answer get their error.  Returns how many go somewhere. */
static int places_find(struct offset_query *queries, int count, const struct metadata_snapshot *snapshot,
		       struct place *out)
{
	int found = 0;

	for (int i = 0; i < count; i++) {
		const struct topic_info *topic;
		const struct partition_info *partition = NULL;

		if (!open_still(&queries[i]))
			continue;
		topic = metadata_find(snapshot, queries[i].topic);
		queries[i].error_code = topic ? topic->error : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
		for (int32_t p = 0; topic && p < topic->partition_count; p++)
			if (topic->partitions[p].index == queries[i].partition)
				partition = &topic->partitions[p];
		if (!partition) {
			if (queries[i].error_code == 0)
				queries[i].error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
			if (queries[i].error_code == KAFKA_UNKNOWN_TOPIC_OR_PARTITION ||
			    !kafka_error_retriable(queries[i].error_code))
				queries[i].err = error_code_err(queries[i].error_code);
			continue;
		}
		queries[i].error_code = partition->leader < 0 ? KAFKA_LEADER_NOT_AVAILABLE : 0;
		if (partition->leader >= 0)
			out[found++] = (struct place){ &queries[i], partition->leader, partition->leader_epoch };
	}
	qsort(out, (size_t)found, sizeof *out, place_order);
	for (int i = 1; i < found; i++)
		if (out[i].leader == out[i - 1].leader && out[i].query->partition == out[i - 1].query->partition &&
		    strcmp(out[i].query->topic, out[i - 1].query->topic) == 0)
			out[i].layer = out[i - 1].layer + 1;
	qsort(out, (size_t)found, sizeof *out, place_order);
	return found;
}

/* One request for the run of places with one leader and one layer. */
static int ask_run(struct asks *asks, struct place *run, int count, bool committed, struct arena *arena)
{
	struct list_offsets_request *request = arena_take(arena, sizeof *request);
	asked_topic *topics = arena_array(arena, (size_t)count, sizeof *topics);
	asked_partition *partitions = arena_array(arena, (size_t)count, sizeof *partitions);
	int topic_count = 0;

	if (!request || !topics || !partitions)
		return ERR_MEMORY;
	request_default(API_LIST_OFFSETS, request);
	request->replica_id = -1;
	request->isolation_level = committed;
	request->timeout_ms = (int32_t)asks->cluster->config->request_timeout_ms;
	for (int i = 0; i < count; i++) {
		const struct offset_query *query = run[i].query;

		if (i == 0 || strcmp(query->topic, run[i - 1].query->topic) != 0) {
			topics[topic_count].name = view_text(query->topic);
			topics[topic_count++].partitions.at = &partitions[i];
		}
		partitions[i].partition_index = query->partition;
		partitions[i].current_leader_epoch = run[i].leader_epoch;
		partitions[i].timestamp = query->at;
		topics[topic_count - 1].partitions.count++;
	}
	request->topics.at = topics;
	request->topics.count = topic_count;
	return asks_add(asks, run[0].leader, API_LIST_OFFSETS, request, run);
}

static void answer_take(const struct ask *ask, struct place *run, int count)
{
	const struct list_offsets_response *said = ask->response;

	for (int i = 0; i < count; i++) {
		struct offset_query *query = run[i].query;

		for (int32_t t = 0; t < said->topics.count; t++) {
			if (!view_is(said->topics.at[t].name, query->topic))
				continue;
			for (int32_t p = 0; p < said->topics.at[t].partitions.count; p++) {
				const __typeof__(*said->topics.at->partitions.at) *part =
					&said->topics.at[t].partitions.at[p];

				if (part->partition_index != query->partition)
					continue;
				query->error_code = part->error_code;
				if (part->error_code && kafka_error_retriable(part->error_code))
					continue;
				query->err = error_code_err(part->error_code);
				query->offset = part->offset;
				query->timestamp = part->timestamp;
				query->leader_epoch = part->leader_epoch;
			}
		}
	}
}

static int run_length(const struct place *run, int most)
{
	int count = 1;

	while (count < most && run[count].leader == run->leader && run[count].layer == run->layer)
		count++;
	return count;
}

/* One round.  Returns 0, or an error after which another round makes no sense. */
static int round_do(struct cluster *cluster, struct offset_query *queries, int count, bool committed,
		    int64_t deadline_ms, struct arena *arena, struct fault *last)
{
	struct metadata_snapshot snapshot;
	struct view *names = arena_array(arena, (size_t)count, sizeof *names);
	struct place *places = arena_array(arena, (size_t)count, sizeof *places);
	struct asks asks;
	int name_count = 0, found, err;

	if (!names || !places)
		return fault_set(last, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	for (int i = 0; i < count; i++) {
		bool named = !open_still(&queries[i]);

		for (int n = name_count - 1; n >= 0 && !named; n--) /* the same topic is most often the last one */
			named = view_is(names[n], queries[i].topic);
		if (!named)
			names[name_count++] = view_text(queries[i].topic);
	}
	err = metadata_snapshot(cluster, names, name_count, deadline_ms - cluster_now(cluster), arena, &snapshot,
				last);
	if (err < 0)
		return err;
	found = places_find(queries, count, &snapshot, places);
	asks_init(&asks, cluster, deadline_ms - cluster_now(cluster), arena);
	/* A leader that hangs must not eat the time in which its successor would answer. */
	if (deadline_ms - cluster_now(cluster) > ANY_ATTEMPT_MS)
		asks.deadline_ms = cluster_now(cluster) + ANY_ATTEMPT_MS;
	for (int i = 0; i < found && err == 0; i += run_length(&places[i], found - i))
		err = ask_run(&asks, &places[i], run_length(&places[i], found - i), committed, arena);
	int stopped = asks_wait(&asks);
	for (int i = 0; i < asks.count; i++) {
		struct place *run = asks.at[i]->context;
		int length = run_length(run, (int)(places + found - run));

		if (asks.at[i]->err == 0) {
			answer_take(asks.at[i], run, length);
			continue;
		}
		*last = asks.at[i]->fault;
		for (int r = 0; r < length && fault_is_final(asks.at[i]->err); r++)
			run[r].query->err = asks.at[i]->err;
	}
	return stopped < 0 ? fault_set(last, stopped, "interrupted") : err;
}

int offsets_list(struct cluster *cluster, struct offset_query *queries, int count, bool committed,
		 int64_t timeout_ms, struct fault *fault)
{
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct fault last = { 0 };
	struct arena arena;
	int err = 0;

	for (int i = 0; i < count; i++) {
		queries[i].err = ERR_STALE; /* no answer yet */
		queries[i].error_code = 0;
		queries[i].offset = queries[i].timestamp = -1;
		queries[i].leader_epoch = -1;
	}
	arena_init(&arena, REPLY_MEMORY_MAX);
	for (int round = 0;; round++) {
		bool open = false;

		for (int i = 0; i < count; i++)
			open |= open_still(&queries[i]);
		if (!open || err < 0 || cluster_now(cluster) >= deadline_ms)
			break;
		if (round > 0)
			err = cluster_pause(cluster, cluster_backoff(cluster, 100, 1000, round - 1));
		if (err == 0)
			err = round_do(cluster, queries, count, committed, deadline_ms, &arena, &last);
		arena_reset(&arena);
	}
	arena_done(&arena);
	for (int i = count - 1; i >= 0; i--) {
		struct offset_query *query = &queries[i];

		if (open_still(query))
			query->err = err < 0 && err != ERR_STALE ? err : last.err ? last.err : ERR_TIMEOUT;
		if (query->err < 0)
			fault_set(fault, query->err, "%s: offset of %s-%d: %s", cluster->name, query->topic,
				  query->partition,
				  query->error_code ? kafka_error_name(query->error_code)
				  : last.err	    ? last.text
						    : err_text(query->err));
	}
	for (int i = 0; i < count; i++)
		if (queries[i].err < 0)
			return queries[i].err;
	return 0;
}
