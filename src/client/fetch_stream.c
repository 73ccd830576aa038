/*
 * fetch_stream.c - one broker's fetch requests: one under way at a time, the next as soon as the last has come.
 *
 * Sessions (KIP-227): the broker remembers what we ask for, and a request names only what has changed.  A full request
 * (epoch 0) makes a new session and ends the one whose id it carries.  Where the broker gives no session, every request
 * is a full one and the order in it is ours to rotate.
 */
#include <assert.h>
#include <stdlib.h>

#include "client/fetch_inside.h"

static void waiter_wake(struct allowance_waiter *waiter)
{
	struct fetch_stream *stream = container_of(waiter, struct fetch_stream, waiter);

	fetch_stream_kick(stream);
}

struct fetch_stream *fetch_stream_get(struct fetcher *fetcher, int32_t node)
{
	struct fetch_stream *stream;

	LIST_EACH(&fetcher->streams, at)
		if (container_of(at, struct fetch_stream, link)->node == node)
			return container_of(at, struct fetch_stream, link);
	stream = calloc(1, sizeof *stream);
	if (!stream)
		return NULL;
	stream->fetcher = fetcher;
	stream->node = node;
	stream->waiter.wake = waiter_wake;
	list_init(&stream->parts);
	list_init(&stream->forgotten);
	list_append(&fetcher->streams, &stream->link);
	return stream;
}

static void forgotten_clear(struct fetch_stream *stream)
{
	LIST_EACH_SAFE(&stream->forgotten, at) {
		struct fetch_forgotten *f = container_of(at, struct fetch_forgotten, link);

		list_remove(at);
		free(f->topic);
		free(f);
	}
}

void fetch_session_reset(struct fetch_stream *stream)
{
	stream->session_epoch = 0;
	LIST_EACH(&stream->parts, at)
		container_of(at, struct fetch_part, ring)->in_session = false;
	forgotten_clear(stream);
}

void fetch_stream_free(struct fetch_stream *stream)
{
	call_cancel(stream->call);
	allowance_leave(stream->fetcher->options.allowance, &stream->waiter);
	if (stream->call)
		allowance_settle(stream->fetcher->options.allowance, stream->reserved, 0);
	forgotten_clear(stream);
	list_remove(&stream->link);
	free(stream->topics);
	free(stream->partitions);
	free(stream->forgotten_topics);
	free(stream->forgotten_indexes);
	free(stream);
}

void fetch_stream_leave(struct fetch_part *part)
{
	struct fetch_stream *stream = part->stream;
	struct fetch_forgotten *f;

	if (!stream)
		return;
	part->stream = NULL;
	part->generation++;
	stream->part_count--;
	list_remove(&part->ring);
	list_append(&part->fetcher->adrift, &part->ring);
	if (!part->in_session)
		return;
	part->in_session = false;
	f = stream->session_epoch ? calloc(1, sizeof *f) : NULL;
	if (!f)
		return; /* then what comes for it is dropped until the session ends */
	f->topic = view_string(view_text(part->topic->watch.name));
	f->topic_id = part->topic->watch.info.id;
	f->index = part->index;
	list_append(&stream->forgotten, &f->link);
}

static int room_for(struct fetch_stream *stream, int parts, int forgotten)
{
	void *topics, *partitions, *forgotten_topics, *indexes;

	if (parts > stream->capacity) {
		topics = realloc(stream->topics, (size_t)parts * sizeof *stream->topics);
		stream->topics = topics ? topics : stream->topics;
		partitions = realloc(stream->partitions, (size_t)parts * sizeof *stream->partitions);
		stream->partitions = partitions ? partitions : stream->partitions;
		if (!topics || !partitions)
			return ERR_MEMORY;
		stream->capacity = parts;
	}
	if (forgotten > stream->forgotten_capacity) {
		forgotten_topics = realloc(stream->forgotten_topics,
					   (size_t)forgotten * sizeof *stream->forgotten_topics);
		stream->forgotten_topics = forgotten_topics ? forgotten_topics : stream->forgotten_topics;
		indexes = realloc(stream->forgotten_indexes,
				  (size_t)forgotten * sizeof *stream->forgotten_indexes);
		stream->forgotten_indexes = indexes ? indexes : stream->forgotten_indexes;
		if (!forgotten_topics || !indexes)
			return ERR_MEMORY;
		stream->forgotten_capacity = forgotten;
	}
	return 0;
}

/* Is there, as far as we know, something to be had?  Those get the room of the answer. */
bool fetch_part_hungry(const struct fetch_part *part)
{
	int64_t bound = part->fetcher->options.committed ? part->last_stable_offset : part->high_watermark;

	return bound < 0 || part->position < bound;
}

static int32_t part_size(const struct fetch_part *part, int32_t share)
{
	int64_t size = share;

	if (part->credit < size)
		size = part->credit > 1 ? part->credit : 1;
	if (part->wish_size > size)
		size = part->wish_size;
	return (int32_t)size;
}

static void add_part(struct fetch_stream *stream, struct fetch_part *part, int32_t share, int16_t version)
{
	struct fetch_request *request = &stream->request;
	const struct topic_watch *watch = &part->topic->watch;
	struct fetch_request_partition *p;
	struct fetch_request_topic *topic =
		request->topics.count ? &stream->topics[request->topics.count - 1] : NULL;
	int32_t epoch = part->blind ? -1 : part->position_epoch;
	int32_t size = part_size(part, share);
	/* What the session already says need not be said again; a share that merely shrank or grew a little, neither. */
	bool same = part->in_session && part->asked_offset == part->position &&
		    part->asked_leader_epoch == part->leader_epoch && part->asked_position_epoch == epoch &&
		    part->asked_size >= size && part->asked_size <= 2 * (int64_t)size;

	part->asked_generation = part->generation;
	if (same && !stream->is_full)
		return;
	part->in_session = true;
	part->asked_offset = part->position;
	part->asked_leader_epoch = part->leader_epoch;
	part->asked_position_epoch = epoch;
	part->asked_size = size;
	if (!topic || !view_is(topic->topic, watch->name)) {
		topic = &stream->topics[request->topics.count++];
		memset(topic, 0, sizeof *topic);
		topic->topic = view_text(watch->name);
		topic->topic_id = watch->info.id;
		topic->partitions.at = &stream->partitions[stream->active_count];
	}
	p = &stream->partitions[stream->active_count++];
	memset(p, 0, sizeof *p);
	p->partition = part->index;
	p->current_leader_epoch = part->leader_epoch;
	p->fetch_offset = part->position;
	p->last_fetched_epoch = version >= 12 ? epoch : -1;
	p->log_start_offset = -1;
	p->partition_max_bytes = size;
	p->high_watermark = INT64_MAX;
	topic->partitions.count++;
}

static void add_forgotten(struct fetch_stream *stream, struct view topic, struct uuid id, int32_t index)
{
	struct fetch_request *request = &stream->request;
	int at = request->forgotten_topics_data.count++;
	struct fetch_request_forgotten_topic *f = &stream->forgotten_topics[at];

	memset(f, 0, sizeof *f);
	f->topic = topic;
	f->topic_id = id;
	stream->forgotten_indexes[at] = index;
	f->partitions.at = &stream->forgotten_indexes[at];
	f->partitions.count = 1;
}

/*
 * From Fetch 12 on the broker itself holds our epoch against its history.  An older one has to be asked once for each
 * new leader, as Kafka's own consumer does (KIP-320).
 */
static void check_need(struct fetch_part *part, int16_t version)
{
	if (version >= 12 || part->check_due || part->position_epoch < 0 ||
	    part->leader_epoch <= part->position_epoch || part->checked_epoch == part->leader_epoch)
		return;
	part->check_due = true;
	fetch_due(part->fetcher, 0);
}

/* Fills the request just before it leaves, in the version that will be spoken. */
static int stream_prepare(void *context, int16_t version, int32_t node)
{
	struct fetch_stream *stream = context;
	struct fetcher *fetcher = stream->fetcher;
	struct fetch_request *request = &stream->request;
	int64_t now = fetch_now(fetcher);
	int active = 0, gone = 0, hungry_count = 0;
	bool starved = false, fresh = false;
	int64_t share;

	if (stream->session_epoch && stream->with_ids != (version >= 13))
		fetch_session_reset(stream); /* a session speaks of names or of ids, not of both */
	LIST_EACH(&stream->forgotten, at)
		gone++;
	LIST_EACH(&stream->parts, at) {
		struct fetch_part *part = container_of(at, struct fetch_part, ring);

		check_need(part, version);
		if (fetch_part_active(part, now)) {
			active++;
			hungry_count += fetch_part_hungry(part);
			/* Until its leader has said once that the log is the one we read, nobody should wait for a poll. */
			fresh |= !part->confirmed_ms || part->confirmed_epoch != part->leader_epoch;
		} else {
			gone += part->in_session;
			starved |= part->credit <= 0 && !part->halted && part->position < part->end;
		}
	}
	if (!active)
		return ERR_CANCELLED;
	if (room_for(stream, active, gone) < 0)
		return ERR_MEMORY;
	request_default(API_FETCH, request);
	request->max_wait_ms = starved || fresh ? FETCH_WAIT_SHORT_MS : fetcher->options.wait_ms;
	request->min_bytes = 1;
	request->max_bytes = (int32_t)stream->reserved;
	request->isolation_level = fetcher->options.committed;
	request->rack_id = VIEW_LITERAL("");
	request->session_id = version >= 7 ? stream->session_id : 0;
	request->session_epoch = version >= 7 ? stream->session_epoch : -1;
	request->topics.at = stream->topics;
	request->topics.count = 0;
	request->forgotten_topics_data.at = stream->forgotten_topics;
	request->forgotten_topics_data.count = 0;
	stream->with_ids = version >= 13;
	stream->is_full = version < 7 || stream->session_epoch == 0;
	stream->active_count = 0;

	share = (int64_t)stream->reserved / (hungry_count ? hungry_count : 1);
	share = share > FETCH_PARTITION_MIN ? share : FETCH_PARTITION_MIN;
	LIST_EACH(&stream->parts, at) {
		struct fetch_part *part = container_of(at, struct fetch_part, ring);

		if (fetch_part_active(part, now)) {
			if (part->wish_size > request->max_bytes)
				request->max_bytes = part->wish_size;
			add_part(stream, part, (int32_t)share, version);
		} else if (part->in_session) {
			part->in_session = false;
			if (!stream->is_full)
				add_forgotten(stream, view_text(part->topic->watch.name),
					      part->topic->watch.info.id, part->index);
		}
	}
	LIST_EACH(&stream->forgotten, at) {
		struct fetch_forgotten *f = container_of(at, struct fetch_forgotten, link);

		f->told = true;
		if (!stream->is_full && f->topic)
			add_forgotten(stream, view_text(f->topic), f->topic_id, f->index);
	}
	stream->asked_ms = now;
	return 0;
}

void fetch_stream_kick(struct fetch_stream *stream)
{
	struct fetcher *fetcher = stream->fetcher;
	struct call_plan plan = { .node = stream->node, .lane = fetcher->lane, .api_key = API_FETCH };
	int64_t now = fetch_now(fetcher), due = INT64_MAX;
	size_t piece = allowance_piece(fetcher->options.allowance, (size_t)fetcher->options.request_size);
	bool active = false;

	if (stream->call || stream->waiter.waiting || fetcher->freed)
		return;
	LIST_EACH(&stream->parts, at) {
		struct fetch_part *part = container_of(at, struct fetch_part, ring);

		if (fetch_part_active(part, now)) {
			active = true;
			if (uuid_is_zero(part->topic->watch.info.id))
				plan.version_most = 12; /* from 13 on topics go by id alone */
		} else if (part->retry_at_ms > now && part->retry_at_ms < due) {
			due = part->retry_at_ms;
		}
	}
	if (due < INT64_MAX)
		fetch_due(fetcher, due);
	if (!active)
		return;
	if (stream->not_before_ms > now) {
		fetch_due(fetcher, stream->not_before_ms);
		return;
	}
	if (!allowance_reserve(fetcher->options.allowance, piece, &stream->waiter))
		return;
	stream->reserved = piece;
	stream->asked_ms = now;
	plan.request = &stream->request;
	plan.prepare = stream_prepare;
	plan.deadline_ms = now + fetcher->cluster->config->request_timeout_ms + fetcher->options.wait_ms;
	plan.done = fetch_answered;
	plan.context = stream;
	int err = cluster_call(fetcher->cluster, &plan, &stream->call);
	if (err < 0) {
		stream->call = NULL;
		allowance_settle(fetcher->options.allowance, piece, 0);
		stream->not_before_ms = now + 1000;
		fetch_due(fetcher, stream->not_before_ms);
		return;
	}
	fetcher->totals.requests++;
}
