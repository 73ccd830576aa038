/*
 * fetch_answer.c - what a broker answered to a Fetch.
 *
 * First every partition's position is moved (only the heads of the batches are looked at), then the next request
 * leaves, and only then is anybody told what came: so the broker works while we do.
 */
#include <assert.h>
#include <stdlib.h>

#include "client/fetch_inside.h"
#include "wire/batch.h"

typedef struct fetch_response_partition said_partition;

static struct telling *telling_add(struct fetcher *fetcher)
{
	if (fetcher->telling_count == fetcher->telling_capacity) {
		int capacity = fetcher->telling_capacity ? 2 * fetcher->telling_capacity : 64;
		void *at = realloc(fetcher->tellings, (size_t)capacity * sizeof *fetcher->tellings);

		if (!at)
			return NULL;
		fetcher->tellings = at;
		fetcher->telling_capacity = capacity;
	}
	memset(&fetcher->tellings[fetcher->telling_count], 0, sizeof *fetcher->tellings);
	return &fetcher->tellings[fetcher->telling_count++];
}

/* ---- errors ---- */

/* Asks again after a pause; the metadata is looked at meanwhile. */
static void part_rest(struct fetch_part *part, int16_t error_code)
{
	struct fetcher *fetcher = part->fetcher;
	struct fault fault;

	fault_set(&fault, error_code_err(error_code), "%s: %s-%d: broker %d says %s", fetcher->cluster->name,
		  part->topic->watch.name, part->index, part->leader, kafka_error_name(error_code));
	fetch_part_trouble(part, fault.err, &fault);
	part->retry_at_ms = fetch_now(fetcher) + cluster_backoff(fetcher->cluster, 50, 1000, part->rest_count++);
	fetch_due(fetcher, part->retry_at_ms);
	metadata_refresh(fetcher->cluster);
}

static void part_error(struct fetch_part *part, int16_t error_code)
{
	part->fetcher->totals.errors++;
	switch (error_code) {
	case KAFKA_OFFSET_OUT_OF_RANGE: fetch_repair_start(part); return;
	case KAFKA_TOPIC_AUTHORIZATION_FAILED:
		fetch_part_halt(part, FETCH_DENIED, part->position, part->position_epoch,
				"not authorised to read the topic");
		return;
	case KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
	case KAFKA_UNKNOWN_TOPIC_ID:
	case KAFKA_INCONSISTENT_TOPIC_ID: /* the metadata will tell: moved, gone, or another topic */
	case KAFKA_NOT_LEADER_OR_FOLLOWER:
	case KAFKA_FENCED_LEADER_EPOCH:
	case KAFKA_UNKNOWN_LEADER_EPOCH:
	case KAFKA_LEADER_NOT_AVAILABLE:
	case KAFKA_REPLICA_NOT_AVAILABLE:
	case KAFKA_OFFSET_NOT_AVAILABLE:
	case KAFKA_KAFKA_STORAGE_ERROR: part_rest(part, error_code); return;
	default:
		if (part->refusal_count++ < FETCH_REFUSALS_MAX)
			part_rest(part, error_code);
		else
			fetch_part_halt(part, FETCH_REFUSED, part->position, part->position_epoch,
					"broker %d answers %s at offset %lld", part->leader,
					kafka_error_name(error_code), (long long)part->position);
	}
}

/* ---- records ---- */

/*
 * Walks the heads of the batches up to the part's end.  Returns what is whole and moves the position behind it; a halt
 * when the bytes can never be read.
 */
static struct view records_take(struct fetch_part *part, struct view bytes)
{
	struct view left = bytes;
	struct batch batch = { 0 };
	int64_t position = part->position;
	int more = 0;

	while (position < part->end && (more = batch_next(&left, &batch)) > 0) {
		if (batch.head.size > (size_t)part->fetcher->options.batch_size_max) {
			left.at = batch.bytes.at;
			more = 0;
			break;
		}
		if (batch_last_offset(&batch.head) >= position) {
			position = batch_last_offset(&batch.head) + 1;
			if (batch.head.partition_leader_epoch >= 0)
				part->position_epoch = batch.head.partition_leader_epoch;
		}
		part->fetcher->totals.batches++;
	}
	if (position > part->position) {
		part->position = position;
		part->wish_size = 0;
		return view_of(bytes.at, (size_t)(left.at - bytes.at));
	}
	if (more < 0) {
		fetch_part_halt(part, FETCH_REFUSED, position, part->position_epoch,
				"at offset %lld the broker sends bytes that are no record batch",
				(long long)position);
	} else if (bytes.size && batch.head.size > (size_t)part->fetcher->options.batch_size_max) {
		fetch_part_halt(part, FETCH_TOO_LARGE, position, part->position_epoch,
				"a record batch of %zu bytes at offset %lld; the most we read is %d", batch.head.size,
				(long long)batch.head.base_offset, part->fetcher->options.batch_size_max);
	} else if (bytes.size && batch.head.size > (size_t)part->asked_size) {
		part->wish_size = (int32_t)batch.head.size; /* asked for in full next time */
	}
	return view_of(bytes.at, 0);
}

static bool part_diverged(struct fetch_part *part, const said_partition *said)
{
	if (said->diverging_epoch.end_offset < 0)
		return false;
	fetch_part_halt(part, FETCH_TRUNCATED, said->diverging_epoch.end_offset, said->diverging_epoch.epoch,
			"the log was truncated: it ends at offset %lld in leader epoch %d, and we have read up to %lld "
			"of epoch %d",
			(long long)said->diverging_epoch.end_offset, said->diverging_epoch.epoch,
			(long long)part->position, part->position_epoch);
	return true;
}

static int64_t bound_of(const struct fetch_part *part)
{
	return part->fetcher->options.committed ? part->last_stable_offset : part->high_watermark;
}

/*
 * A log can end in offsets that hold nothing (all records behind the position were compacted away).  When nothing at
 * all comes, several times, although there should be something, that is the case; then the position moves on.
 */
static bool gap_at_end(struct fetch_part *part, bool answer_empty)
{
	int64_t bound = bound_of(part) < part->end ? bound_of(part) : part->end;

	if (!answer_empty || part->position >= bound) {
		part->odd_count = 0;
		return false;
	}
	if (++part->odd_count < FETCH_ODD_ANSWERS)
		return false;
	part->odd_count = 0;
	part->position = bound;
	return true;
}

/* Notes what is to be told of a partition.  False when memory is out: then it is as if nothing had come. */
static bool tell_fetched(struct fetch_part *part, struct fetch_frame *frame, int64_t offset, struct view records,
			 int32_t node, const struct fetch_aborted *aborted, int aborted_count)
{
	struct telling *telling = telling_add(part->fetcher);

	if (!telling) {
		part->position = offset;
		part->generation++;
		return false;
	}
	telling->part = part;
	telling->generation = part->generation;
	telling->fetched = (struct fetched){
		.part = part,
		.frame = frame,
		.records = records,
		.offset = offset,
		.next_offset = part->position,
		.high_watermark = part->high_watermark,
		.last_stable_offset = part->last_stable_offset,
		.log_start_offset = part->log_start_offset,
		.aborted = aborted,
		.aborted_count = aborted_count > 0 ? aborted_count : 0,
		.node = node,
		.leader_epoch = part->position_epoch,
		.ended = part->position >= part->end,
	};
	return true;
}

static void part_good(struct fetch_part *part, const said_partition *said, struct fetch_frame *frame,
		      bool answer_empty, int32_t node, struct fetch_aborted *aborted)
{
	struct fetcher *fetcher = part->fetcher;
	int64_t stable = said->last_stable_offset >= 0 ? said->last_stable_offset : said->high_watermark;
	bool news = part->high_watermark != said->high_watermark || part->last_stable_offset != stable ||
		    part->log_start_offset != said->log_start_offset;
	struct view records;
	int64_t offset = part->position;

	part->high_watermark = said->high_watermark;
	part->last_stable_offset = stable;
	part->log_start_offset = said->log_start_offset;
	fetch_part_well(part);
	if (part_diverged(part, said))
		return;
	records = records_take(part, said->records);
	if (part->halted)
		return;
	if (records.size)
		part->odd_count = 0;
	else
		news |= gap_at_end(part, answer_empty);
	if (!records.size && !news)
		return;
	if (part->credit < INT64_MAX)
		part->credit -= (int64_t)records.size;
	fetcher->totals.record_bytes += records.size;
	if (!tell_fetched(part, frame, offset, records, node, aborted, said->aborted_transactions.count))
		return;
	if (records.size) { /* who got something stands behind the others next time */
		list_remove(&part->ring);
		list_append(&part->stream->parts, &part->ring);
	}
}

/* ---- the answer as a whole ---- */

static void tell_all(struct fetcher *fetcher)
{
	for (int i = 0; i < fetcher->telling_count && !fetcher->freed; i++) {
		struct telling *t = &fetcher->tellings[i];

		if (t->part && t->part->generation == t->generation) {
			struct fetched fetched = t->fetched; /* the array may grow under us */

			fetched.owner = t->part->owner;
			fetcher->options.records(fetcher->options.context, &fetched);
		}
	}
	fetcher->telling_count = 0;
}

static void stream_failed(struct fetch_stream *stream, int err, const struct fault *fault)
{
	struct fetcher *fetcher = stream->fetcher;
	const struct cluster_config *config = fetcher->cluster->config;
	int64_t now = fetch_now(fetcher);

	stream->not_before_ms = now + cluster_backoff(fetcher->cluster, config->retry_backoff_ms,
						      config->retry_backoff_ms_max, stream->failures);
	stream->failures++;
	fetch_session_reset(stream);
	LIST_EACH(&stream->parts, at) {
		struct fetch_part *part = container_of(at, struct fetch_part, ring);
		int64_t since = part->unreachable_since_ms;

		if (part->halted || part->position >= part->end)
			continue;
		fetch_part_trouble(part, err, fault);
		if (!since)
			part->unreachable_since_ms = stream->asked_ms;
		/* Bytes that can never be read will not be better next time; a few tries, for a proxy that hiccups. */
		if ((err == ERR_MALFORMED || err == ERR_LIMIT || err == ERR_UNSUPPORTED) &&
		    stream->failures > FETCH_ODD_ANSWERS)
			fetch_part_halt(part, err == ERR_LIMIT ? FETCH_TOO_LARGE : FETCH_REFUSED, part->position,
					part->position_epoch, "%.500s", fault ? fault->text : err_text(err));
	}
	metadata_refresh(fetcher->cluster);
	fetch_due(fetcher, stream->not_before_ms);
}

static void session_follow(struct fetch_stream *stream, const struct fetch_response *said, int16_t version)
{
	if (version < 7)
		return;
	if (stream->is_full) {
		stream->session_id = said->session_id;
		stream->session_epoch = said->session_id ? 1 : 0;
		stream->fetcher->totals.full_sessions++;
	} else {
		stream->session_epoch = stream->session_epoch == INT32_MAX ? 1 : stream->session_epoch + 1;
	}
	LIST_EACH_SAFE(&stream->forgotten, at) {
		struct fetch_forgotten *f = container_of(at, struct fetch_forgotten, link);

		if (!f->told)
			continue;
		list_remove(at);
		free(f->topic);
		free(f);
	}
}

/* A session that the broker no longer knows, or that got out of step: a full request makes a new one. */
static bool session_lost(struct fetch_stream *stream, int16_t error_code)
{
	switch (error_code) {
	case KAFKA_FETCH_SESSION_ID_NOT_FOUND:
		stream->session_id = 0;
		break;
	case KAFKA_INVALID_FETCH_SESSION_EPOCH:
	case KAFKA_FETCH_SESSION_TOPIC_ID_ERROR: break;
	default: return false;
	}
	fetch_session_reset(stream);
	if (stream->failures++ > 1)
		stream->not_before_ms =
			fetch_now(stream->fetcher) + cluster_backoff(stream->fetcher->cluster, 20, 1000, stream->failures);
	return true;
}

static struct fetch_frame *frame_make(struct fetcher *fetcher, struct fetch_stream *stream,
				      const struct reply *reply, const struct fetch_response *said, size_t *out_bytes)
{
	struct fetch_frame *frame;
	size_t bytes = 0, aborted = 0;

	for (int32_t t = 0; t < said->responses.count; t++) {
		for (int32_t p = 0; p < said->responses.at[t].partitions.count; p++) {
			const said_partition *part = &said->responses.at[t].partitions.at[p];

			bytes += part->records.size;
			aborted += part->aborted_transactions.count > 0 ? (size_t)part->aborted_transactions.count : 0;
		}
	}
	*out_bytes = bytes;
	frame = calloc(1, sizeof *frame);
	if (frame && aborted)
		frame->aborted = calloc(aborted, sizeof *frame->aborted);
	if (!frame || (aborted && !frame->aborted)) {
		free(frame);
		return NULL;
	}
	frame->frame = frame_hold(reply->frame);
	frame->size = reply->frame->size + aborted * sizeof *frame->aborted;
	frame->references = 1;
	frame->allowance = fetcher->options.allowance;
	return frame;
}

static struct fetch_aborted *aborted_copy(const said_partition *said, struct fetch_aborted **free_at)
{
	struct fetch_aborted *first = *free_at;

	for (int32_t i = 0; i < said->aborted_transactions.count; i++)
		*(*free_at)++ = (struct fetch_aborted){ said->aborted_transactions.at[i].producer_id,
							said->aborted_transactions.at[i].first_offset };
	return first;
}

static void parts_take(struct fetch_stream *stream, const struct fetch_response *said, struct fetch_frame *frame,
		       bool answer_empty, int32_t node)
{
	struct fetcher *fetcher = stream->fetcher;
	struct fetch_aborted *aborted = frame->aborted;

	for (int32_t t = 0; t < said->responses.count; t++) {
		const struct fetch_response_topic *topic = &said->responses.at[t];
		struct view name = stream->with_ids ? VIEW_NULL : topic->topic;

		for (int32_t p = 0; p < topic->partitions.count; p++) {
			const said_partition *partition = &topic->partitions.at[p];
			struct fetch_part *part =
				fetch_part_find(fetcher, name, topic->topic_id, partition->partition_index);
			struct fetch_aborted *own = aborted_copy(partition, &aborted);

			if (!part || part->stream != stream || !part->in_session || part->halted ||
			    part->asked_generation != part->generation || part->repair)
				continue; /* of a former wish */
			part->taken = fetcher->totals.answers;
			if (partition->error_code)
				part_error(part, partition->error_code);
			else
				part_good(part, partition, frame, answer_empty, node, own);
		}
	}
}

/* Was it in the answer that is being taken? */
static bool told_of(const struct fetch_stream *stream, const struct fetch_part *part)
{
	return part->taken == stream->fetcher->totals.answers;
}

/* In a session only what changed is told: silence about a partition is good news about it. */
static void silent_parts(struct fetch_stream *stream, struct fetch_frame *frame, bool answer_empty, int32_t node)
{
	int64_t now = fetch_now(stream->fetcher);

	LIST_EACH(&stream->parts, at) {
		struct fetch_part *part = container_of(at, struct fetch_part, ring);

		int64_t offset = part->position;

		if (!part->in_session || part->asked_generation != part->generation || part->retry_at_ms > now ||
		    part->halted || part->repair || part->high_watermark < 0 || told_of(stream, part))
			continue;
		fetch_part_well(part);
		if (gap_at_end(part, answer_empty))
			tell_fetched(part, frame, offset, VIEW_NULL, node, NULL, 0);
	}
}

void fetch_answered(void *context, const struct reply *reply)
{
	struct fetch_stream *stream = context;
	struct fetcher *fetcher = stream->fetcher;
	struct allowance *allowance = fetcher->options.allowance;
	const struct fetch_response *said = reply->response;
	struct fetch_frame *frame = NULL;
	size_t bytes = 0;

	stream->call = NULL;
	fetch_enter(fetcher);
	if (reply->err < 0) {
		allowance_settle(allowance, stream->reserved, 0);
		if (reply->err != ERR_CANCELLED)
			stream_failed(stream, reply->err, reply->fault);
		else
			fetch_due(fetcher, 0);
		goto tell;
	}
	fetcher->totals.answers++;
	fetcher->totals.wire_bytes += reply->frame->size;
	fetcher->totals.throttled_ms += (uint64_t)reply->throttle_ms;
	if (said->error_code) {
		allowance_settle(allowance, stream->reserved, 0);
		if (!session_lost(stream, said->error_code)) {
			struct fault fault;

			fault_set(&fault, error_code_err(said->error_code), "%s: broker %d answers Fetch with %s",
				  fetcher->cluster->name, reply->node, kafka_error_name(said->error_code));
			stream_failed(stream, fault.err, &fault);
		}
		fetch_stream_kick(stream);
		goto tell;
	}
	session_follow(stream, said, reply->version);
	frame = frame_make(fetcher, stream, reply, said, &bytes);
	allowance_settle(allowance, stream->reserved, frame ? frame->size : 0);
	if (!frame) {
		fetch_session_reset(stream); /* positions have not moved: it comes again */
		stream->not_before_ms = fetch_now(fetcher) + 1000;
		fetch_due(fetcher, stream->not_before_ms);
		goto tell;
	}
	stream->failures = 0;
	fetcher->telling_count = 0;
	parts_take(stream, said, frame, bytes == 0, reply->node);
	silent_parts(stream, frame, bytes == 0, reply->node);
	if (bytes > 0 && bytes < FETCH_SMALL_SIZE) {
		bool at_end = true;

		LIST_EACH(&stream->parts, at)
			at_end &= !fetch_part_hungry(container_of(at, struct fetch_part, ring));
		if (at_end)
			stream->not_before_ms = fetch_now(fetcher) + FETCH_PACE_MS;
	}
	fetch_stream_kick(stream);
tell:
	tell_all(fetcher);
	fetch_tell(fetcher);
	fetch_frame_drop(frame);
	fetch_leave(fetcher);
}
