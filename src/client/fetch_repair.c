/*
 * fetch_repair.c - a position that the broker calls out of range: is it below the log's start, or beyond its end?
 *
 * The answer to Fetch does not say, so the leader is asked for both ends.  A position that lies between them after all
 * (the log moved meanwhile, or the broker could not place our leader epoch) is simply asked for again.
 *
 * Brokers before Fetch 12 are also asked, once for each new leader, where the epoch of our last record ends with them.
 */
#include <stdlib.h>

#include "client/fetch_inside.h"

static void repair_ask(struct fetch_part *part);

static void repair_end(struct fetch_part *part)
{
	free(part->repair);
	part->repair = NULL;
}

static void repair_failed(struct fetch_part *part)
{
	struct fetcher *fetcher = part->fetcher;

	repair_end(part);
	part->retry_at_ms = fetch_now(fetcher) + cluster_backoff(fetcher->cluster, 100, 1000, part->rest_count++);
	fetch_due(fetcher, part->retry_at_ms);
	metadata_refresh(fetcher->cluster);
}

static void repair_decide(struct fetch_part *part, int64_t earliest, int64_t latest)
{
	if (part->position < earliest) {
		part->log_start_offset = earliest;
		fetch_part_halt(part, FETCH_LOG_START_MOVED, earliest, -1,
				"offset %lld is gone: the log now begins at %lld (retention, or records were deleted)",
				(long long)part->position, (long long)earliest);
	} else if (part->position > latest) {
		fetch_part_halt(part, FETCH_TRUNCATED, latest, -1,
				"the log was truncated: it ends at offset %lld, and we have read up to %lld",
				(long long)latest, (long long)part->position);
	} else if (!part->blind && part->position_epoch >= 0) {
		part->blind = true; /* the range is right, so it was the epoch that the broker could not place */
		repair_failed(part);
	} else {
		repair_failed(part);
	}
}

static void repair_answered(void *context, const struct reply *reply)
{
	struct fetch_part *part = context;
	struct fetcher *fetcher = part->fetcher;
	struct repair *repair = part->repair;
	const struct list_offsets_response *said = reply->response;
	const struct list_offsets_response_partition *p = NULL;

	repair->call = NULL;
	if (reply->err == 0 && said->topics.count == 1 && said->topics.at[0].partitions.count == 1)
		p = &said->topics.at[0].partitions.at[0];
	fetch_enter(fetcher);
	if (!p || p->error_code || p->offset < 0) {
		repair_failed(part);
	} else if (!repair->asking_latest) {
		repair->earliest = p->offset;
		repair->asking_latest = true;
		repair_ask(part);
	} else {
		int64_t earliest = repair->earliest, latest = p->offset;

		repair_end(part);
		repair_decide(part, earliest, latest);
	}
	fetch_tell(fetcher);
	fetch_leave(fetcher);
}

static void repair_ask(struct fetch_part *part)
{
	struct repair *repair = part->repair;
	struct cluster *cluster = part->fetcher->cluster;
	struct call_plan plan = { .node = part->leader, .api_key = API_LIST_OFFSETS, .retry = true };

	request_default(API_LIST_OFFSETS, &repair->request);
	repair->request.replica_id = -1;
	repair->request.topics.at = &repair->topic;
	repair->request.topics.count = 1;
	repair->topic.name = view_text(part->topic->watch.name);
	repair->topic.partitions.at = &repair->partition;
	repair->topic.partitions.count = 1;
	repair->partition.partition_index = part->index;
	repair->partition.current_leader_epoch = part->leader_epoch;
	repair->partition.timestamp = repair->asking_latest ? -1 : -2;
	plan.request = &repair->request;
	plan.deadline_ms = cluster_now(cluster) + cluster->config->request_timeout_ms;
	plan.done = repair_answered;
	plan.context = part;
	if (cluster_call(cluster, &plan, &repair->call) < 0)
		repair_failed(part);
}

static void epoch_answered(void *context, const struct reply *reply)
{
	struct fetch_part *part = context;
	struct fetcher *fetcher = part->fetcher;
	const struct offset_for_leader_epoch_response *said = reply->response;
	const struct offset_for_leader_epoch_response_partition *p = NULL;

	part->repair->call = NULL;
	if (reply->err == 0 && said->topics.count == 1 && said->topics.at[0].partitions.count == 1)
		p = &said->topics.at[0].partitions.at[0];
	fetch_enter(fetcher);
	if (reply->err == ERR_UNSUPPORTED) { /* before 2.1: nobody can tell */
		part->check_due = false;
		part->checked_epoch = part->leader_epoch;
		repair_end(part);
	} else if (!p || p->error_code) {
		repair_failed(part);
	} else {
		int64_t end = p->end_offset;
		int32_t epoch = p->leader_epoch;

		part->check_due = false;
		part->checked_epoch = part->leader_epoch;
		repair_end(part);
		if (end >= 0 && (end < part->position || (epoch >= 0 && epoch < part->position_epoch)))
			fetch_part_halt(part, FETCH_TRUNCATED, end, epoch,
					"the log was truncated: leader epoch %d ends at offset %lld, and we have read "
					"up to %lld of epoch %d",
					epoch, (long long)end, (long long)part->position, part->position_epoch);
		fetch_due(fetcher, 0);
	}
	fetch_tell(fetcher);
	fetch_leave(fetcher);
}

void fetch_repair_epoch(struct fetch_part *part)
{
	struct cluster *cluster = part->fetcher->cluster;
	struct call_plan plan = { .node = part->leader, .api_key = API_OFFSET_FOR_LEADER_EPOCH, .retry = true };
	struct repair *repair;

	if (part->repair)
		return;
	repair = part->repair = calloc(1, sizeof *repair);
	if (!repair)
		return; /* tried again at the next tick */
	request_default(API_OFFSET_FOR_LEADER_EPOCH, &repair->epoch_request);
	repair->epoch_request.replica_id = -1;
	repair->epoch_request.topics.at = &repair->epoch_topic;
	repair->epoch_request.topics.count = 1;
	repair->epoch_topic.topic = view_text(part->topic->watch.name);
	repair->epoch_topic.partitions.at = &repair->epoch_partition;
	repair->epoch_topic.partitions.count = 1;
	repair->epoch_partition.partition = part->index;
	repair->epoch_partition.current_leader_epoch = part->leader_epoch;
	repair->epoch_partition.leader_epoch = part->position_epoch;
	plan.request = &repair->epoch_request;
	plan.deadline_ms = cluster_now(cluster) + cluster->config->request_timeout_ms;
	plan.done = epoch_answered;
	plan.context = part;
	if (cluster_call(cluster, &plan, &repair->call) < 0)
		repair_failed(part);
}

void fetch_repair_start(struct fetch_part *part)
{
	if (part->repair)
		return;
	part->repair = calloc(1, sizeof *part->repair);
	if (part->repair)
		repair_ask(part);
}

void fetch_repair_stop(struct fetch_part *part)
{
	if (!part->repair)
		return;
	call_cancel(part->repair->call);
	repair_end(part);
}
