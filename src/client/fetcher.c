/*
 * fetcher.c - partitions of a fetcher: added, moved between brokers, halted, told about.
 *
 *	adrift (no leader known) <--> in a stream (one for each broker) --> halted (until the owner seeks)
 *
 * Callers' code is run only at the end of what we do (fetch_tell), when no list is being walked; it may call anything.
 */
#include "client/fetcher.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/fetch_inside.h"

int64_t fetch_now(const struct fetcher *fetcher)
{
	return loop_now_ms(fetcher->cluster->loop);
}

void fetch_due(struct fetcher *fetcher, int64_t at_ms)
{
	int64_t now = fetch_now(fetcher);

	if (at_ms >= fetcher->timer_at_ms)
		return;
	fetcher->timer_at_ms = at_ms;
	timer_start(fetcher->timer, at_ms > now ? at_ms - now : 0);
}

/* ---- telling ---- */

void fetch_enter(struct fetcher *fetcher)
{
	fetcher->depth++;
}

static void fetcher_destroy(struct fetcher *fetcher);

bool fetch_leave(struct fetcher *fetcher)
{
	if (--fetcher->depth > 0 || !fetcher->freed)
		return true;
	fetcher_destroy(fetcher);
	return false;
}

static void tell_later(struct fetch_part *part, enum fetch_event_kind kind)
{
	part->telling = kind;
	if (kind == FETCH_UNREACHABLE || kind == FETCH_REACHABLE) {
		part->tell_offset = part->position;
		part->tell_epoch = part->position_epoch;
	}
	if (list_empty(&part->tell))
		list_append(&part->fetcher->tells, &part->tell);
	fetch_due(part->fetcher, 0);
}

void fetch_tell(struct fetcher *fetcher)
{
	static const struct fault none = { 0, "no more is known" };

	while (!list_empty(&fetcher->tells) && !fetcher->freed) {
		struct fetch_part *part = container_of(fetcher->tells.next, struct fetch_part, tell);
		struct fault fault = part->fault ? *part->fault : none;
		struct fetch_event event = {
			.kind = part->telling,
			.part = part,
			.owner = part->owner,
			.offset = part->tell_offset,
			.leader_epoch = part->tell_epoch,
			.since_ms = part->unreachable_since_ms,
			.fault = &fault,
		};

		list_remove(&part->tell);
		if (fetcher->options.event)
			fetcher->options.event(fetcher->options.context, &event);
	}
}

/* ---- what befalls a partition ---- */

static struct fault *part_fault(struct fetch_part *part)
{
	if (!part->fault)
		part->fault = calloc(1, sizeof *part->fault);
	return part->fault;
}

void fetch_part_halt(struct fetch_part *part, enum fetch_event_kind kind, int64_t offset, int32_t epoch,
		     const char *format, ...)
{
	char text[600];
	va_list args;

	if (part->halted)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	part->halted = true;
	part->halted_by = kind;
	part->generation++;
	part->tell_offset = offset;
	part->tell_epoch = epoch;
	fault_set(part_fault(part),
		  kind == FETCH_DENIED	  ? ERR_DENIED
		  : kind == FETCH_MISSING ? ERR_NOT_FOUND
		  : kind == FETCH_REFUSED ? ERR_BROKER
		  : kind == FETCH_TOO_LARGE ? ERR_LIMIT
					    : ERR_STALE,
		  "%s: %s-%d: %s", part->fetcher->cluster->name, part->topic->watch.name, part->index, text);
	fetch_repair_stop(part);
	tell_later(part, kind);
}

/* Its leader did not answer, or said that it is not the leader: the clock of its silence runs from the last good word. */
void fetch_part_trouble(struct fetch_part *part, int err, const struct fault *fault)
{
	int64_t now = fetch_now(part->fetcher);

	if (!part->unreachable_since_ms)
		part->unreachable_since_ms = now;
	part->err = err;
	if (part_fault(part) && fault)
		*part->fault = *fault;
	else if (part->fault)
		fault_set(part->fault, err, "%s: %s-%d: %s", part->fetcher->cluster->name,
			  part->topic->watch.name, part->index, err_text(err));
	fetch_due(part->fetcher, now + FETCH_TICK_MS);
}

void fetch_part_well(struct fetch_part *part)
{
	part->confirmed_ms = fetch_now(part->fetcher);
	part->confirmed_epoch = part->asked_leader_epoch;
	part->refusal_count = part->rest_count = 0;
	if (!part->unreachable_since_ms)
		return;
	part->unreachable_since_ms = 0;
	part->err = 0;
	if (part->told_unreachable) {
		part->told_unreachable = false;
		if (part->fault)
			fault_set(part->fault, ERR_NETWORK, "%s: %s-%d: broker %d answers again",
				  part->fetcher->cluster->name, part->topic->watch.name, part->index, part->leader);
		tell_later(part, FETCH_REACHABLE);
	}
}

bool fetch_part_active(const struct fetch_part *part, int64_t now)
{
	return !part->halted && part->position < part->end && part->credit > 0 && !part->repair &&
	       !part->check_due && part->retry_at_ms <= now;
}

static const struct partition_info *info_of(const struct fetch_part *part)
{
	const struct topic_info *info = &part->topic->watch.info;

	/* Indexes run from 0 without holes, but a broker may tell them in any number. */
	if (part->index < info->partition_count && info->partitions[part->index].index == part->index)
		return &info->partitions[part->index];
	for (int32_t i = 0; i < info->partition_count; i++)
		if (info->partitions[i].index == part->index)
			return &info->partitions[i];
	return NULL;
}

/* Puts it into the stream of its leader, as the metadata has it. */
void fetch_part_assign(struct fetch_part *part)
{
	struct fetcher *fetcher = part->fetcher;
	const struct partition_info *info = info_of(part);
	struct fetch_stream *stream = NULL;
	int32_t leader = info ? info->leader : -1;

	if (part->topic->watch.state == TOPIC_NOT_KNOWN_YET)
		return;
	if (info && part->leader_epoch != info->leader_epoch)
		part->retry_at_ms = 0;
	part->leader_epoch = info ? info->leader_epoch : -1;
	if (part->stream && part->stream->node == leader) {
		fetch_due(fetcher, 0);
		return;
	}
	if (part->leader >= 0 && leader >= 0 && leader != part->leader)
		fetcher->totals.moves++;
	part->leader = leader;
	fetch_stream_leave(part);
	if (leader >= 0)
		stream = fetch_stream_get(fetcher, leader);
	if (!stream) {
		struct fault fault;

		fault_set(&fault, ERR_NETWORK, "%s: %s-%d: %s", fetcher->cluster->name, part->topic->watch.name,
			  part->index, info ? "the partition has no leader" : "the broker does not know the partition");
		fetch_part_trouble(part, ERR_NETWORK, &fault);
		return;
	}
	list_remove(&part->ring);
	list_append(&stream->parts, &part->ring);
	part->stream = stream;
	stream->part_count++;
	part->retry_at_ms = 0;
	fetch_due(fetcher, 0);
}

static void topic_changed(struct topic_watch *watch)
{
	struct fetch_topic *topic = watch->owner;

	for (int32_t i = 0; i < topic->part_capacity; i++) {
		struct fetch_part *part = topic->parts[i];

		if (!part || part->halted)
			continue;
		switch (watch->state) {
		case TOPIC_NOT_KNOWN_YET: break;
		case TOPIC_THERE: fetch_part_assign(part); break;
		case TOPIC_MISSING:
			fetch_part_halt(part, FETCH_MISSING, part->position, part->position_epoch,
					"the topic does not exist (any more)");
			break;
		case TOPIC_DENIED:
			fetch_part_halt(part, FETCH_DENIED, part->position, part->position_epoch,
					"not authorised to describe the topic");
			break;
		case TOPIC_RECREATED:
			fetch_part_halt(part, FETCH_RECREATED, part->position, part->position_epoch,
					"the topic was deleted and created again under the same name");
			break;
		}
	}
}

/* ---- the timer ---- */

/* Since when its leader is silent; 0 when it is not. */
static int64_t silent_since(const struct fetch_part *part, int64_t now)
{
	const struct fetch_stream *stream = part->stream;
	int64_t grace_ms = part->fetcher->options.wait_ms + 2000;

	if (part->halted || part->position >= part->end)
		return 0;
	if (part->unreachable_since_ms)
		return part->unreachable_since_ms;
	if (part->topic->watch.state == TOPIC_NOT_KNOWN_YET && now - part->added_ms > grace_ms)
		return part->added_ms; /* nobody tells us anything about the topic */
	if (stream && stream->call && part->in_session && now - stream->asked_ms > grace_ms)
		return stream->asked_ms;
	return 0;
}

static void look_for_silence(struct fetcher *fetcher, int64_t now)
{
	bool any = false;

	LIST_EACH(&fetcher->topics, at) {
		struct fetch_topic *topic = container_of(at, struct fetch_topic, link);

		for (int32_t i = 0; i < topic->part_capacity; i++) {
			struct fetch_part *part = topic->parts[i];
			int64_t since = part ? silent_since(part, now) : 0;

			if (!since)
				continue;
			any = true;
			if (!part->unreachable_since_ms) {
				struct fault fault;

				fault_set(&fault, ERR_TIMEOUT, "%s: %s-%d: broker %d does not answer",
					  fetcher->cluster->name, topic->watch.name, part->index, part->leader);
				fetch_part_trouble(part, ERR_TIMEOUT, &fault);
				part->unreachable_since_ms = since;
			}
			if (!part->told_unreachable && now - since >= fetcher->options.unreachable_ms) {
				part->told_unreachable = true;
				tell_later(part, FETCH_UNREACHABLE);
			}
		}
	}
	if (any)
		metadata_refresh(fetcher->cluster);
}

static void streams_tidy(struct fetcher *fetcher)
{
	LIST_EACH_SAFE(&fetcher->streams, at) {
		struct fetch_stream *stream = container_of(at, struct fetch_stream, link);

		if (stream->part_count == 0)
			fetch_stream_free(stream);
	}
}

static void checks_start(struct fetcher *fetcher, int64_t now)
{
	LIST_EACH(&fetcher->streams, at) {
		struct fetch_stream *stream = container_of(at, struct fetch_stream, link);

		LIST_EACH(&stream->parts, ring) {
			struct fetch_part *part = container_of(ring, struct fetch_part, ring);

			if (part->check_due && !part->halted && part->retry_at_ms <= now)
				fetch_repair_epoch(part);
		}
	}
}

static void fetcher_tick(void *owner)
{
	struct fetcher *fetcher = owner;
	int64_t now = fetch_now(fetcher);

	fetch_enter(fetcher);
	fetcher->timer_at_ms = INT64_MAX;
	if (fetcher->part_count)
		fetch_due(fetcher, now + FETCH_TICK_MS);
	streams_tidy(fetcher);
	checks_start(fetcher, now);
	LIST_EACH(&fetcher->streams, at)
		fetch_stream_kick(container_of(at, struct fetch_stream, link));
	look_for_silence(fetcher, now);
	fetch_tell(fetcher);
	fetch_leave(fetcher);
}

/* ---- making and ending ---- */

int fetcher_new(struct cluster *cluster, const struct fetcher_options *options, struct fetcher **out)
{
	struct fetcher *fetcher = calloc(1, sizeof *fetcher);
	int err;

	assert(options->allowance && options->records);
	if (!fetcher)
		return ERR_MEMORY;
	fetcher->cluster = cluster;
	fetcher->options = *options;
	if (fetcher->options.request_size <= 0)
		fetcher->options.request_size = FETCH_REQUEST_SIZE;
	if (fetcher->options.batch_size_max <= 0)
		fetcher->options.batch_size_max = FETCH_BATCH_SIZE_MAX;
	if (fetcher->options.wait_ms <= 0)
		fetcher->options.wait_ms = FETCH_WAIT_MS;
	if (fetcher->options.unreachable_ms <= 0)
		fetcher->options.unreachable_ms = FETCH_UNREACHABLE_MS;
	fetcher->timer_at_ms = INT64_MAX;
	list_init(&fetcher->topics);
	list_init(&fetcher->streams);
	list_init(&fetcher->adrift);
	list_init(&fetcher->tells);
	map_init(&fetcher->by_name);
	err = timer_new(cluster->loop, fetcher_tick, fetcher, &fetcher->timer);
	if (err < 0) {
		free(fetcher);
		return err;
	}
	fetcher->lane = cluster_lane_take(cluster);
	*out = fetcher;
	return 0;
}

static void fetcher_destroy(struct fetcher *fetcher)
{
	LIST_EACH_SAFE(&fetcher->streams, at)
		fetch_stream_free(container_of(at, struct fetch_stream, link));
	timer_free(fetcher->timer);
	map_done(&fetcher->by_name);
	free(fetcher->tellings);
	cluster_lane_give(fetcher->cluster, fetcher->lane);
	free(fetcher);
}

void fetcher_free(struct fetcher *fetcher)
{
	if (!fetcher)
		return;
	while (!list_empty(&fetcher->topics)) {
		struct fetch_topic *topic = container_of(fetcher->topics.next, struct fetch_topic, link);

		for (int32_t i = 0; i < topic->part_capacity; i++) {
			if (topic->parts[i]) {
				fetch_part_remove(topic->parts[i]);
				break; /* the last one takes the topic with it */
			}
		}
	}
	fetcher->freed = true;
	if (fetcher->depth == 0)
		fetcher_destroy(fetcher);
}

static struct fetch_topic *topic_get(struct fetcher *fetcher, const char *name, const struct uuid *id)
{
	struct fetch_topic *topic = map_get(&fetcher->by_name, view_text(name));

	if (topic)
		return topic;
	topic = calloc(1, sizeof *topic);
	if (!topic)
		return NULL;
	topic->fetcher = fetcher;
	if (map_put(&fetcher->by_name, view_text(name), topic) < 0 ||
	    topic_watch_start(&topic->watch, fetcher->cluster, name, id, topic_changed, topic) < 0) {
		map_remove(&fetcher->by_name, view_text(name));
		free(topic);
		return NULL;
	}
	list_append(&fetcher->topics, &topic->link);
	return topic;
}

static void topic_drop(struct fetch_topic *topic)
{
	if (topic->part_count > 0)
		return;
	map_remove(&topic->fetcher->by_name, view_text(topic->watch.name));
	topic_watch_stop(&topic->watch);
	list_remove(&topic->link);
	free(topic->parts);
	free(topic);
}

static int topic_room(struct fetch_topic *topic, int32_t index)
{
	int32_t capacity = topic->part_capacity ? topic->part_capacity : 8;
	struct fetch_part **parts;

	if (index < topic->part_capacity)
		return 0;
	while (capacity <= index)
		capacity *= 2;
	parts = realloc(topic->parts, (size_t)capacity * sizeof *parts);
	if (!parts)
		return ERR_MEMORY;
	memset(parts + topic->part_capacity, 0, (size_t)(capacity - topic->part_capacity) * sizeof *parts);
	topic->parts = parts;
	topic->part_capacity = capacity;
	return 0;
}

int fetch_part_add(struct fetcher *fetcher, const char *topic_name, const struct uuid *topic_id, int32_t index,
		   int64_t offset, int32_t leader_epoch, int64_t end, void *owner, struct fetch_part **out)
{
	struct fetch_topic *topic;
	struct fetch_part *part;
	int err;

	if (index < 0 || index > 1000000)
		return ERR_USAGE;
	topic = topic_get(fetcher, topic_name, topic_id);
	if (!topic)
		return ERR_MEMORY;
	err = topic_room(topic, index);
	if (err == 0 && topic->parts[index])
		err = ERR_CONFLICT;
	part = err == 0 ? calloc(1, sizeof *part) : NULL;
	if (!part) {
		topic_drop(topic);
		return err < 0 ? err : ERR_MEMORY;
	}
	part->fetcher = fetcher;
	part->topic = topic;
	part->owner = owner;
	part->index = index;
	part->position = offset;
	part->position_epoch = leader_epoch;
	part->end = end;
	part->credit = INT64_MAX;
	part->added_ms = fetch_now(fetcher);
	part->leader = part->leader_epoch = part->checked_epoch = -1;
	part->high_watermark = part->last_stable_offset = part->log_start_offset = -1;
	list_init(&part->ring);
	list_init(&part->tell);
	list_append(&fetcher->adrift, &part->ring);
	topic->parts[index] = part;
	topic->part_count++;
	fetcher->part_count++;
	if (topic->watch.state == TOPIC_THERE)
		fetch_part_assign(part);
	else if (topic->watch.state != TOPIC_NOT_KNOWN_YET)
		topic_changed(&topic->watch);
	fetch_due(fetcher, fetch_now(fetcher) + FETCH_TICK_MS);
	*out = part;
	return 0;
}

void fetch_part_remove(struct fetch_part *part)
{
	struct fetcher *fetcher;

	if (!part)
		return;
	fetcher = part->fetcher;
	for (int i = 0; i < fetcher->telling_count; i++)
		if (fetcher->tellings[i].part == part)
			fetcher->tellings[i].part = NULL;
	fetch_repair_stop(part);
	fetch_stream_leave(part);
	list_remove(&part->ring);
	list_remove(&part->tell);
	part->topic->parts[part->index] = NULL;
	part->topic->part_count--;
	fetcher->part_count--;
	topic_drop(part->topic);
	free(part->fault);
	free(part);
	fetch_due(fetcher, 0);
}

void fetch_part_seek(struct fetch_part *part, int64_t offset, int32_t leader_epoch, int64_t end)
{
	part->generation++;
	part->position = offset;
	part->position_epoch = leader_epoch;
	part->end = end;
	part->halted = false;
	part->blind = part->check_due = false;
	part->checked_epoch = -1;
	part->wish_size = part->odd_count = part->refusal_count = part->rest_count = 0;
	part->retry_at_ms = 0;
	part->unreachable_since_ms = 0;
	part->told_unreachable = false;
	list_remove(&part->tell);
	fetch_repair_stop(part);
	fetch_part_assign(part);
	fetch_due(part->fetcher, 0);
}

void fetch_part_set_end(struct fetch_part *part, int64_t end)
{
	part->end = end;
	fetch_due(part->fetcher, 0);
}

void fetch_part_credit(struct fetch_part *part, int64_t bytes, bool absolute)
{
	bool was_stopped = part->credit <= 0;

	if (absolute || bytes == INT64_MAX)
		part->credit = bytes;
	else if (part->credit < INT64_MAX - bytes)
		part->credit += bytes;
	else
		part->credit = INT64_MAX;
	if (was_stopped && part->credit > 0)
		fetch_due(part->fetcher, 0);
}

void fetch_part_state(const struct fetch_part *part, struct fetch_state *out)
{
	*out = (struct fetch_state){
		.topic = part->topic->watch.name,
		.partition = part->index,
		.topic_id = part->topic->watch.info.id,
		.position = part->position,
		.end = part->end,
		.position_epoch = part->position_epoch,
		.high_watermark = part->high_watermark,
		.last_stable_offset = part->last_stable_offset,
		.log_start_offset = part->log_start_offset,
		.leader = part->leader,
		.leader_epoch = part->leader_epoch,
		.credit = part->credit,
		.confirmed_ms = part->confirmed_ms,
		.confirmed_epoch = part->confirmed_epoch,
		.unreachable_since_ms = silent_since(part, fetch_now(part->fetcher)),
		.ended = part->position >= part->end,
		.halted = part->halted,
		.halted_by = part->halted_by,
		.err = part->err,
	};
}

void fetcher_totals(const struct fetcher *fetcher, struct fetch_totals *out)
{
	*out = fetcher->totals;
}

/* Topics are few beside partitions, and an answer names each once; ids are looked up among the watched. */
struct fetch_part *fetch_part_find(struct fetcher *fetcher, struct view name, struct uuid id, int32_t index)
{
	struct fetch_topic *topic = NULL;

	if (name.size) {
		topic = map_get(&fetcher->by_name, name);
	} else {
		LIST_EACH(&fetcher->topics, at) {
			struct fetch_topic *one = container_of(at, struct fetch_topic, link);

			if (uuid_equal(one->watch.info.id, id))
				topic = one;
		}
	}
	if (!topic || index < 0 || index >= topic->part_capacity)
		return NULL;
	return topic->parts[index];
}

/* ---- frames ---- */

void fetch_frame_hold(struct fetch_frame *frame)
{
	frame->references++;
}

void fetch_frame_drop(struct fetch_frame *frame)
{
	if (!frame || --frame->references > 0)
		return;
	allowance_release(frame->allowance, frame->size);
	frame_release(frame->frame);
	free(frame->aborted);
	free(frame);
}

size_t fetch_frame_size(const struct fetch_frame *frame)
{
	return frame->size;
}
