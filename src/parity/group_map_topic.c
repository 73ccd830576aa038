/*
 * group_map_topic.c - where the groups of one topic go on at the target.
 *
 *	source   start ....... since ........ anchor .. position ............ end
 *	               (heads: counted)       (the tail: kept)
 *	target   start ....... since ................................... end
 *
 * The tail is read first.  Its oldest timestamp then says how far back equal records can lie at all, since records are
 * matched with their timestamps: so of a long log only its end is read, on both sides.  Where timestamps say nothing
 * (the broker sets them, the writers did not agree on them, or they are to be ignored) both logs are read whole.
 *
 * Both logs may be written to all the while, by several writers that overtake each other.  So one end stands at a time:
 *
 *	source's end	taken once, behind all positions.  The target is read on until nothing of what the source
 *			holds below it is missing, or the time to settle is over: what is missing then is missed
 *	target's end	as it was then.  The source is read on until everything that the target holds has its origin
 *			there; what has none is never passed by, since it may come to stand behind a position
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/offsets.h"
#include "parity/group_map_inside.h"
#include "parity/tail.h"

/*
 * Looked back at first for records before the position, then 16 times as many: more where partitions are few, for half of
 * it is how far a record may be overtaken by others and still be known for one that was read before.
 */
#define ANCHOR_LEAST    ((int64_t)64)
#define ANCHOR_MOST     ((int64_t)1024)
#define ANCHOR_TOGETHER ((int64_t)4096)
#define NEAR_OFFSETS    ((int64_t)10000) /* behind all positions together: read at once, with what is before them */
#define SETTLE_PAUSE_MS 100
#define STILL_LOOKS     3 /* at a source that does not grow: then nothing more is waited for there */
#define INFLATE_MOST    ((size_t)256 << 20)

/* What one partition of one side is known to be. */
struct span {
	int64_t start, end; /* of the log, as far as committed; `end` is where reading ends, and grows */
	int64_t stands;     /* source: the end as it was taken first */
	int64_t since;      /* where reading equal records begins */
	int64_t anchor;     /* source: where the tail begins */
	int64_t lowest;     /* source: the lowest position of any group, -1 when none has one here */
	bool record_before; /* source: there is a record between anchor and lowest */
};

struct work {
	struct mapping *mapping;
	const struct topic_task *task;
	struct tail *tail;
	struct span *spans[2];
	struct decode_options decode;
	bool with_time;   /* timestamps are part of what makes two records equal */
	bool broker_time; /* a record was seen whose time the broker had set */
	bool adding;      /* the visitor adds to the tail; otherwise it counts heads or seeks anchors */
	bool seeking;
	bool fixed;        /* the source's end stands: what is added now is behind it */
	int64_t oldest_ms; /* of the tail */
	uint64_t alone;    /* records of the tail without a twin */
	uint64_t added;    /* to the tail, below the source's end */
	struct scan_stop stop;
	enum log_side stop_side;
	struct fault *fault;
	struct topic_watch watches[2]; /* so that each scan knows the leaders at once */
};

static struct digest key_of(const struct work *work, const struct slab *slab, uint32_t row)
{
	struct digest key = slab->digests[row];

	if (slab->identities && slab->identities[row])
		key = (struct digest){ slab->identities[row], 0 };
	else if (work->with_time)
		key = digest_add(key, (struct digest){ (uint64_t)slab->timestamps[row] * 0x9e3779b97f4a7c15u,
						       (uint64_t)slab->timestamps[row] });
	return key;
}

static int take_source(struct work *work, const struct slab *slab, uint32_t row)
{
	struct span *span = &work->spans[SOURCE][slab->partition];

	if (work->seeking) {
		span->record_before = true;
		return 0;
	}
	if (!work->adding)
		return tail_head(work->tail, key_of(work, slab, row), slab->partition);
	if (slab->timestamps[row] < work->oldest_ms)
		work->oldest_ms = slab->timestamps[row];
	work->added += !work->fixed;
	span->record_before |= slab->offsets[row] < span->lowest;
	return tail_add(work->tail, key_of(work, slab, row), slab->partition, slab->offsets[row]);
}

static int visit(void *context, const struct slab *slab)
{
	struct work *work = context;
	int err = 0;

	if (slab->totals.log_append)
		work->broker_time = true;
	for (uint32_t row = 0; err == 0 && row < slab->count; row++) {
		if (!slab->places[row])
			return ERR_CHECKSUM; /* what cannot be read cannot be matched */
		if (slab->side == SOURCE)
			err = take_source(work, slab, row);
		else
			err = tail_target(work->tail, key_of(work, slab, row), slab->partition,
					  slab->offsets[row]);
	}
	return err;
}

static void tell(void *context, double part)
{
	const struct work *work = context;
	const struct group_map_options *options = work->mapping->options;
	char what[400];

	if (!options->progress)
		return;
	snprintf(what, sizeof what, "%s: reading the %s", work->task->name[work->stop_side],
		 work->stop_side == SOURCE ? "source" : "target");
	options->progress(options->context, what, part);
}

/* Reads [from, until) of each partition of one side, as `choose` says. */
static int read_side(struct work *work, enum log_side side,
		     void (*choose)(const struct span *, struct scan_part *))
{
	const struct topic_task *task = work->task;
	struct scan_part *parts = calloc((size_t)task->partitions[side] + 1, sizeof *parts);
	const struct scan_options options = {
		.cluster = work->mapping->clusters[side],
		.topic = task->name[side],
		.topic_id = task->id[side],
		.side = side,
		.decode = &work->decode,
		.allowance = work->mapping->allowance,
		.deadline_ms = work->mapping->deadline_ms,
		.inflate_most = INFLATE_MOST,
		.visit = visit,
		.progress = tell,
		.context = work,
	};
	int err;

	if (!parts)
		return fault_set(work->fault, ERR_MEMORY, "out of memory");
	for (int32_t partition = 0; partition < task->partitions[side]; partition++) {
		parts[partition].partition = partition;
		choose(&work->spans[side][partition], &parts[partition]);
	}
	work->stop_side = side;
	err = scan_run(work->mapping->loop, &options, parts, task->partitions[side], &work->stop,
		       work->fault);
	free(parts);
	return err;
}

static void choose_tail(const struct span *span, struct scan_part *part)
{
	part->from = span->lowest < 0 ? span->end : span->anchor;
	part->until = span->end;
}

static void choose_heads(const struct span *span, struct scan_part *part)
{
	part->from = span->since;
	part->until = span->lowest < 0 ? span->since : span->anchor;
}

static void choose_target(const struct span *span, struct scan_part *part)
{
	part->from = span->since;
	part->until = span->end;
}

static void choose_before(const struct span *span, struct scan_part *part)
{
	bool wanted = span->lowest >= 0 && !span->record_before;

	part->from = span->anchor;
	part->until = wanted ? span->lowest : span->anchor;
}

/* What is asked of every partition, and the field of its span that the answer goes to. */
struct wish {
	int64_t at;
	size_t field;
};

/* All wishes in one round. */
static int ask_offsets(struct work *work, enum log_side side, const struct wish *wishes, int count)
{
	const struct topic_task *task = work->task;
	int32_t partitions = task->partitions[side];
	struct offset_query *queries = calloc((size_t)partitions * (size_t)count + 1, sizeof *queries);
	int err;

	if (!queries)
		return fault_set(work->fault, ERR_MEMORY, "out of memory");
	for (int32_t i = 0; i < partitions * count; i++)
		queries[i] = (struct offset_query){ .topic = task->name[side],
						    .partition = i % partitions,
						    .at = wishes[i / partitions].at };
	err = offsets_list(work->mapping->clusters[side], queries, partitions * count, true,
			   work->mapping->deadline_ms, work->fault);
	for (int32_t i = 0; err == 0 && i < partitions * count; i++)
		*(int64_t *)((char *)&work->spans[side][i % partitions] + wishes[i / partitions].field) =
			queries[i].offset;
	free(queries);
	work->stop_side = side;
	return err;
}

static const struct wish wish_ends = { OFFSETS_LATEST, offsetof(struct span, end) };

/* Starts as well, which move up alone: one that is older than the end says no less. */
static int ask_ranges(struct work *work)
{
	const struct wish wishes[] = { { OFFSETS_EARLIEST, offsetof(struct span, start) }, wish_ends };
	/* The target first: what a writer brings there from the source is in the source by the time that it is asked. */
	int err = ask_offsets(work, TARGET, wishes, 2);

	if (err == 0)
		err = ask_offsets(work, SOURCE, wishes, 2);
	for (int32_t partition = 0; partition < work->task->partitions[SOURCE]; partition++)
		work->spans[SOURCE][partition].stands = work->spans[SOURCE][partition].end;
	return err;
}

static void find_lowest(struct work *work)
{
	const struct topic_task *task = work->task;

	for (int32_t partition = 0; partition < task->partitions[SOURCE]; partition++) {
		struct span *span = &work->spans[SOURCE][partition];

		span->lowest = -1;
		for (int group = 0; group < task->group_count; group++) {
			int64_t position = task->positions[group][partition];

			if (position >= 0 && (span->lowest < 0 || position < span->lowest))
				span->lowest = position;
		}
		if (span->lowest >= 0 && span->lowest < span->start)
			span->lowest = span->start;
		if (span->lowest > span->end)
			span->lowest = span->end;
	}
}

static int64_t anchor_offsets(const struct work *work)
{
	int64_t each = ANCHOR_TOGETHER / work->task->partitions[SOURCE];

	return each < ANCHOR_LEAST ? ANCHOR_LEAST : each > ANCHOR_MOST ? ANCHOR_MOST : each;
}

/* Goes back from the lowest position until there is a record before it: its twin is what a place can lean on. */
static int find_anchors(struct work *work)
{
	const int64_t least = anchor_offsets(work);
	int err = 0;

	work->seeking = true;
	for (int64_t back = least; err == 0; back *= 16) {
		bool more = false;

		for (int32_t partition = 0; partition < work->task->partitions[SOURCE]; partition++) {
			struct span *span = &work->spans[SOURCE][partition];

			if (span->lowest < 0 || span->record_before)
				continue;
			if (back > least && span->anchor == span->start)
				continue; /* looked through from the log's start on: there is none */
			span->anchor = span->lowest - span->start < back ? span->start : span->lowest - back;
			more |= span->anchor < span->lowest;
		}
		if (!more)
			break;
		err = read_side(work, SOURCE, choose_before);
	}
	work->seeking = false;
	return err;
}

/* How far back a record can lie that is equal to one of the tail. */
static int find_since(struct work *work, enum log_side side)
{
	int err = 0;

	if (work->with_time && work->added)
		err = ask_offsets(work, side, &(struct wish){ work->oldest_ms, offsetof(struct span, since) }, 1);
	for (int32_t partition = 0; err == 0 && partition < work->task->partitions[side]; partition++) {
		struct span *span = &work->spans[side][partition];
		int64_t most = side == SOURCE && span->lowest >= 0 ? span->anchor : span->end;

		if (work->added && !work->with_time)
			span->since = span->start;
		else if (!work->added || span->since < 0 || span->since > most)
			span->since = most;
	}
	return err;
}

/*
 * What is read of the target before the twins of older records is old itself.  Half of what was looked back at is leant on:
 * who is overtaken by no more than the other half is known.  A log that is read from its first record has no older ones.
 */
static void lean(struct work *work)
{
	for (int32_t partition = 0; partition < work->task->partitions[SOURCE]; partition++) {
		const struct span *span = &work->spans[SOURCE][partition];

		if (span->lowest >= 0 && span->anchor > 0)
			tail_lean(work->tail, partition, span->anchor + (span->lowest - span->anchor) / 2);
	}
}

static int read_tail(struct work *work)
{
	int err;

	if (!work->fixed)
		lean(work);
	work->adding = true;
	err = read_side(work, SOURCE, choose_tail);
	work->adding = false;
	return err;
}

static int tail_anew(struct work *work)
{
	work->added = 0;
	work->fixed = false;
	work->oldest_ms = INT64_MAX;
	tail_free(work->tail);
	work->tail = tail_new(work->task->partitions[SOURCE], work->task->partitions[TARGET],
			      work->mapping->memory);
	return work->tail ? 0 : fault_set(work->fault, ERR_MEMORY, "out of memory");
}

/*
 * The tail, and before it what a place can lean on.  Near the end both are read in one go: if the records right before
 * the positions turn out to be none (markers, or what compaction left), it is as if nothing had been read.
 */
static int read_near(struct work *work)
{
	const int64_t back = anchor_offsets(work);
	int64_t behind = 0;
	bool found = true;
	int err;

	for (int32_t partition = 0; partition < work->task->partitions[SOURCE]; partition++) {
		struct span *span = &work->spans[SOURCE][partition];

		if (span->lowest < 0)
			continue;
		behind += span->end - span->lowest;
		span->anchor = span->lowest - span->start < back ? span->start : span->lowest - back;
	}
	if (behind <= NEAR_OFFSETS) {
		err = read_tail(work);
		for (int32_t partition = 0; partition < work->task->partitions[SOURCE]; partition++) {
			const struct span *span = &work->spans[SOURCE][partition];

			found &= span->lowest < 0 || span->record_before || span->anchor == span->start;
		}
		if (err < 0 || found)
			return err;
		err = tail_anew(work);
		if (err < 0)
			return err;
	}
	err = find_anchors(work);
	return err < 0 ? err : read_tail(work);
}

/* Both logs once, as far as they matter; the tail is there. */
static int read_once(struct work *work)
{
	int err;

	if (work->with_time && work->broker_time)
		return ERR_STALE; /* timestamps say nothing: begin again without them */
	err = find_since(work, SOURCE);
	if (err == 0)
		err = find_since(work, TARGET);
	if (err == 0)
		err = read_side(work, SOURCE, choose_heads);
	if (err == 0)
		err = read_side(work, TARGET, choose_target);
	if (err == 0 && work->with_time && work->broker_time)
		return ERR_STALE;
	if (err == 0)
		err = tail_fix(work->tail);
	work->fixed = true;
	if (err == 0)
		work->alone = tail_settle(work->tail);
	return err;
}

/* Lets the logs go on for a moment. */
static int pause(struct work *work)
{
	bool never = false;
	int err = loop_until(work->mapping->loop, &never, loop_now_ms(work->mapping->loop) + SETTLE_PAUSE_MS);

	return err == ERR_CANCELLED ? err : 0;
}

/* The source's end stands: what the target gets, until nothing below that end is missing. */
static int await_target(struct work *work, int64_t until_ms)
{
	int err = 0;

	while (err == 0 && work->alone && loop_now_ms(work->mapping->loop) < until_ms) {
		err = pause(work);
		for (int32_t partition = 0; partition < work->task->partitions[TARGET]; partition++)
			work->spans[TARGET][partition].since = work->spans[TARGET][partition].end;
		if (err == 0)
			err = ask_offsets(work, TARGET, &wish_ends, 1);
		if (err == 0)
			err = read_side(work, TARGET, choose_target);
		if (err == 0)
			work->alone = tail_settle(work->tail);
	}
	return err;
}

/* What the source got behind what was read of it.  1 when there was anything. */
static int read_on_source(struct work *work)
{
	bool grew = false;
	int err;

	for (int32_t partition = 0; partition < work->task->partitions[SOURCE]; partition++)
		work->spans[SOURCE][partition].anchor = work->spans[SOURCE][partition].end;
	err = ask_offsets(work, SOURCE, &wish_ends, 1);
	for (int32_t partition = 0; err == 0 && partition < work->task->partitions[SOURCE]; partition++)
		grew |= work->spans[SOURCE][partition].end > work->spans[SOURCE][partition].anchor;
	if (err == 0)
		err = read_tail(work);
	if (err == 0)
		work->alone = tail_settle(work->tail);
	return err < 0 ? err : grew;
}

/* The target's end stands: what the source gets, until nothing of the target is without an origin, or nothing comes. */
static int await_source(struct work *work, int64_t until_ms)
{
	for (int still = 0;;) {
		int grew = read_on_source(work);

		still = grew ? 0 : still + 1;
		if (grew < 0 || !tail_strangers(work->tail) || still >= STILL_LOOKS ||
		    loop_now_ms(work->mapping->loop) >= until_ms)
			return grew < 0 ? grew : 0;
		grew = pause(work);
		if (grew < 0)
			return grew;
	}
}

static int settle(struct work *work)
{
	int64_t until_ms = loop_now_ms(work->mapping->loop) + work->mapping->options->settle_ms;
	int err = await_target(work, until_ms);

	return err < 0 ? err : await_source(work, until_ms);
}

static int attempt(struct work *work, bool with_time)
{
	const struct group_map_options *options = work->mapping->options;
	int err;

	work->with_time = with_time;
	work->broker_time = false;
	work->alone = 0;
	for (int side = SOURCE; side <= TARGET; side++)
		memset(work->spans[side], 0,
		       (size_t)work->task->partitions[side] * sizeof *work->spans[side]);
	work->decode = (struct decode_options){
		.seed = work->mapping->seed,
		.ignore_headers = options->ignore_headers,
		.ignore_header_count = options->ignore_header_count,
		.identity = options->identity,
		.identity_header = options->identity_header,
		.shards = 1,
	};
	err = tail_anew(work);
	if (err == 0)
		err = ask_ranges(work);
	if (err < 0)
		return err;
	find_lowest(work);
	err = read_near(work);
	if (err == 0)
		err = read_once(work);
	return err < 0 ? err : settle(work);
}

/* With timestamps first, because then little is read; without them when they turn out to say nothing. */
static int read_logs(struct work *work)
{
	bool with_time = !work->mapping->options->ignore_timestamp &&
			 work->mapping->options->identity == IDENTITY_CONTENT;
	int err = attempt(work, with_time);

	if (with_time && ((err == ERR_STALE && !work->stop.code) ||
			  (err == 0 && work->added && work->alone == work->added)))
		err = attempt(work, false);
	return err;
}

static const char *copy_text(struct mapping *mapping, const char *text)
{
	const char *copy = arena_text(&mapping->map->arena, text);

	return copy ? copy : "";
}

/* Nothing could be read to the end: every row says why. */
static int complain_all(struct work *work, const char *code, const char *why, bool shut)
{
	const struct topic_task *task = work->task;
	int32_t count = task->partitions[TARGET] > 0 ? task->partitions[TARGET] : task->partitions[SOURCE];

	why = copy_text(work->mapping, why);
	for (int group = 0; group < task->group_count; group++) {
		for (int32_t partition = 0; partition < count; partition++) {
			struct group_place *place;

			if (task->partitions[SOURCE] == count && task->positions[group][partition] < 0)
				continue;
			place = group_map_row(work->mapping->map, task, group, partition);
			if (!place)
				return fault_set(work->fault, ERR_MEMORY, "out of memory");
			place_complain(work->mapping->map, place, shut, code, "%s", why);
		}
	}
	return 0;
}

static void judge_row(struct work *work, struct group_place *place, const struct tail_place *found)
{
	struct group_map *map = work->mapping->map;
	const struct span *target = &work->spans[TARGET][place->partition];
	bool equal = work->task->partitions[SOURCE] == work->task->partitions[TARGET];
	const struct span *source = equal ? &work->spans[SOURCE][place->partition] : NULL;

	place->target = found->target;
	place->tail = found->tail;
	place->skipped = found->skipped;
	place->awaited = found->awaited;
	place->reread = found->reread;
	place->earliest = target->start;
	place->latest = target->end;
	place->latest_skipped = found->behind - found->reread;
	if (found->target >= 0 && found->next)
		place->proof = PROOF_NEXT;
	else if (found->target >= 0 && (found->behind > found->reread || found->held_back))
		place->proof = PROOF_COVERS;
	else if (found->target >= 0 && found->anchored)
		place->proof = PROOF_END;
	else if (source && source->start >= source->end && target->start >= target->end) {
		place->proof = PROOF_EMPTY;
		place->target = target->end;
	}
	if (place->proof == PROOF_NONE)
		place->target = -1;
	else if (place->proof != PROOF_EMPTY)
		snprintf(place->digest, sizeof place->digest, "%016llx%016llx",
			 (unsigned long long)found->key.high, (unsigned long long)found->key.low);
	if (place->target >= target->start)
		place->earliest_reread = (uint64_t)(place->target - target->start);
	if (source && place->source > source->stands)
		place_complain(map, place, false, "POSITION_BEYOND_END",
			       "the group stands at %lld, and the source's committed log ends at %lld",
			       (long long)place->source, (long long)source->stands);
	if (found->skipped)
		place_complain(map, place, true, "POSITION_SKIPS",
			       "%llu record%s that the group has still to read %s not on the target",
			       (unsigned long long)found->skipped, found->skipped == 1 ? "" : "s",
			       found->skipped == 1 ? "is" : "are");
	if (place->proof == PROOF_NONE)
		place_complain(map, place, false, "POSITION_UNPROVED",
			       found->tail ? "of the %llu records that the group has still to read none is "
					     "on the target, nor is the one "
					     "before them"
					   : "the last record that the group has read is not on the target "
					     "(%llu left to read)",
			       (unsigned long long)found->tail);
	if (found->awaited)
		place_complain(
			map, place, false, "TARGET_BEHIND",
			"the last %llu records that the group has still to read are not on the target yet",
			(unsigned long long)found->awaited);
}

static int place_group(struct work *work, int group, struct tail_place *found)
{
	const struct topic_task *task = work->task;
	bool equal = task->partitions[SOURCE] == task->partitions[TARGET];
	int err = tail_place(work->tail, task->positions[group], found);

	if (err < 0)
		return fault_set(work->fault, err, "out of memory");
	for (int32_t partition = 0; partition < task->partitions[TARGET]; partition++) {
		struct group_place *place;

		if (equal && task->positions[group][partition] < 0)
			continue; /* the group never read it */
		place = group_map_row(work->mapping->map, task, group, partition);
		if (!place)
			return fault_set(work->fault, ERR_MEMORY, "out of memory");
		judge_row(work, place, &found[partition]);
	}
	return 0;
}

/* What stopped the reading, as a reason of every row; or an error that ends all. */
static int stopped(struct work *work, int err)
{
	char why[sizeof work->fault->text];

	if (err == ERR_MEMORY || err == ERR_CANCELLED)
		return err;
	if (err == ERR_LIMIT && !work->stop.code)
		return complain_all(work, "WINDOW_FULL",
				    "the group has more still to read than memory holds; raise --memory",
				    false);
	if (err == ERR_CHECKSUM)
		return complain_all(work, "PARITY_UNREADABLE",
				    work->stop_side == SOURCE ? "a batch of the source cannot be read"
							      : "a batch of the target cannot be read",
				    false);
	snprintf(why, sizeof why, "%s", work->fault->text[0] ? work->fault->text : err_text(err));
	return complain_all(work,
			    work->stop.code     ? work->stop.code
			    : err == ERR_DENIED ? "DENIED"
						: "UNREACHABLE",
			    why, false);
}

static void watch_changed(struct topic_watch *watch)
{
	(void)watch; /* whoever scans watches too, and acts on it */
}

int group_map_topic(struct mapping *mapping, const struct topic_task *task, struct fault *fault)
{
	struct fault local = { 0 };
	struct work work = { .mapping = mapping, .task = task, .fault = &local };
	struct tail_place *found = NULL;
	int err = 0;

	if (task->partitions[TARGET] <= 0)
		return complain_all(&work, "TOPIC_MISSING", "the target has no such topic", true);
	if (task->partitions[SOURCE] <= 0)
		return complain_all(&work, "TOPIC_MISSING", "the source has no such topic any more", false);
	for (int side = SOURCE; side <= TARGET; side++) {
		work.spans[side] = calloc((size_t)task->partitions[side] + 1, sizeof *work.spans[side]);
		err = work.spans[side] ? err : ERR_MEMORY;
	}
	found = calloc((size_t)task->partitions[TARGET] + 1, sizeof *found);
	if (!found || err < 0)
		err = fault_set(&local, ERR_MEMORY, "out of memory");
	for (int side = SOURCE; side <= TARGET && err == 0; side++) {
		err = topic_watch_start(&work.watches[side], mapping->clusters[side], task->name[side],
					&task->id[side], watch_changed, &work);
		if (err == 0)
			topic_watch_tell(&work.watches[side], task->infos[side], loop_now_ms(mapping->loop));
	}
	if (err == 0) {
		err = read_logs(&work);
		if (err < 0)
			err = stopped(&work, err);
		else
			for (int group = 0; err == 0 && group < task->group_count; group++)
				err = place_group(&work, group, found);
	}
	if (err < 0 && fault)
		*fault = local;
	for (int side = SOURCE; side <= TARGET; side++)
		topic_watch_stop(&work.watches[side]);
	tail_free(work.tail);
	free(work.spans[SOURCE]);
	free(work.spans[TARGET]);
	free(found);
	return err;
}
