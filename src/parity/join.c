/*
 * join.c - the door of a join: made and ended, fed, asked how far it is.  What it does with what it is fed is in join_eat.c
 * (one record) and join_lane.c (which record next).
 */
#include <stdlib.h>

#include "parity/join_inside.h"

/* ---- making and ending ---- */

struct join *join_new(const struct join_options *options)
{
	struct join *join = calloc(1, sizeof *join);
	int32_t lanes;

	if (!join)
		return NULL;
	join->options = *options;
	if (options->claim == CLAIM_LATEST && !(join->latest = latest_new(options->seed))) {
		free(join);
		return NULL;
	}
	join->paired = options->partitions[SOURCE] == options->partitions[TARGET];
	join->times_matter = !options->ignore_timestamp;
	join->offsets_equal = join->paired;
	lanes = join->paired && options->partitions[SOURCE] ? options->partitions[SOURCE] : 1;
	join->lanes = calloc((size_t)lanes, sizeof *join->lanes);
	for (int side = 0; side < 2; side++) {
		size_t count = options->partitions[side] > 0 ? (size_t)options->partitions[side] : 1;

		join->streams[side] = calloc(count, sizeof *join->streams[side]);
	}
	if (!join->lanes || !join->streams[SOURCE] || !join->streams[TARGET]) {
		join_free(join);
		return NULL;
	}
	for (int32_t p = 0; p < lanes; p++)
		join->lanes[p].patience = PATIENCE_MIN;
	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; p < options->partitions[side]; p++) {
			join->streams[side][p].partition = p;
			join->streams[side][p].limit = join->streams[side][p].arrived = INT64_MAX;
			join->streams[side][p].side = (enum log_side)side;
			join->streams[side][p].twin = TWIN_START;
		}
	}
	return join;
}

static void stream_done(struct stream *stream)
{
	for (struct slab *slab = stream->head, *next; slab; slab = next) {
		next = slab->next;
		slab_free(slab);
	}
	for (struct entry *entry = stream->oldest, *next; entry; entry = next) {
		next = entry->lane_next;
		if (entry->txn && --entry->txn->refs == 0)
			free(entry->txn);
		free(entry);
	}
	for (struct txn *txn = stream->open, *next; txn; txn = next) {
		next = txn->next;
		if (--txn->refs == 0)
			free(txn);
	}
}

void join_free(struct join *join)
{
	if (!join)
		return;
	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; join->streams[side] && p < join->options.partitions[side]; p++)
			stream_done(&join->streams[side][p]);
		free(join->streams[side]);
	}
	units_done(join);
	groups_done(join);
	homes_done(join);
	for (int32_t p = 0; join->lanes && p < (join->paired ? join->options.partitions[SOURCE] : 1); p++) {
		if (join->lanes[p].unit)
			free(join->lanes[p].unit->runs);
		free(join->lanes[p].unit);
	}
	free(join->lanes);
	for (int class = 0; class < FINDING_CLASSES; class ++)
		free(join->examples[class].at);
	latest_free(join->latest);
	free(join->moved);
	free(join->linked);
	free(join->asks);
	free(join);
}

void add_example(struct join *join, const struct finding *finding)
{
	struct example_list *list = &join->examples[finding->class];

	if (list->count >= (size_t)join->options.examples)
		return;
	if (!list->at) {
		list->at = malloc((size_t)join->options.examples * sizeof *list->at);
		if (!list->at)
			return;
	}
	list->at[list->count++] = *finding;
}

enum finding_class name_pair(const struct details *source, const struct details *target)
{
	return source->key == target->key && source->value == target->value ? FINDING_META : FINDING_ALTERED;
}

/* ---- the door ---- */

static int forget_times(struct join *join)
{
	join->times_matter = false;
	return groups_rename(join);
}

void join_push(struct join *join, struct slab *slab)
{
	struct stream *stream = join_stream(join, slab->side, slab->partition);

	if (!stream->begun) {
		stream->begun = true;
		stream->from = stream->until = slab->from;
	}
	slab->next = NULL;
	if (stream->tail)
		stream->tail->next = slab;
	else
		stream->head = slab;
	stream->tail = slab;
	stream->queued += slab_memory(slab);
}

int join_begin(struct join *join, enum log_side side, int32_t partition, int64_t offset, bool hole)
{
	struct stream *stream = join_stream(join, side, partition);
	struct slab *slab;

	stream->begun = true;
	stream->from = stream->until = offset;
	if (!hole)
		return 0;
	slab = slab_new(side, partition, offset, false);
	if (!slab)
		return ERR_MEMORY;
	if (slab_add_gap(slab, ROW_HOLE, ROW_COUNT_MOST, offset, -1) < 0) {
		slab_free(slab);
		return ERR_MEMORY;
	}
	join_push(join, slab);
	return 0;
}

void join_limit(struct join *join, int32_t target_partition, int64_t offset)
{
	join_stream(join, TARGET, target_partition)->limit = offset;
}

void join_end(struct join *join, enum log_side side, int32_t partition)
{
	join_stream(join, side, partition)->ended = true;
}

void join_dry(struct join *join, enum log_side side, int32_t partition, bool dry)
{
	join_stream(join, side, partition)->dry = dry;
}

static bool source_done(const struct join *join)
{
	for (int32_t p = 0; p < join->options.partitions[SOURCE]; p++) {
		const struct stream *stream = join_stream(join, SOURCE, p);

		if (!stream->ended ||
		    (stream->head && (stream->head->next || stream->row < stream->head->count)))
			return false;
	}
	return true;
}

int join_advance(struct join *join, uint64_t rows_most)
{
	uint64_t most = rows_most ? rows_most : UINT64_MAX / 2;
	int err = 0;

	join->busy = false;
	join->source_done = source_done(join);
	if (join->latest)
		return latest_advance(join);
	/* Times are compared for a whole topic or not at all, and before the first record of such a slab is eaten. */
	for (int side = 0; side < 2 && join->times_matter && err == 0; side++)
		for (int32_t p = 0; p < join->options.partitions[side] && err == 0; p++)
			for (const struct slab *slab = join->streams[side][p].head; slab && err == 0;
			     slab = slab->next)
				if (slab->totals.log_append && join->times_matter)
					err = forget_times(join);
	if (!join->paired)
		return err == 0 ? mixed_advance(join, most) : err;
	for (int32_t p = 0; p < join->options.partitions[SOURCE] && err == 0; p++)
		err = lane_advance(join, p, most);
	return err;
}

bool join_busy(const struct join *join)
{
	return join->busy;
}

size_t join_queued(const struct join *join, enum log_side side, int32_t partition)
{
	return join_stream(join, side, partition)->queued;
}

bool join_starved(const struct join *join, enum log_side side, int32_t partition)
{
	const struct stream *stream = join_stream(join, side, partition);

	return !stream->head && !stream->ended;
}

int64_t join_offset(const struct join *join, enum log_side side, int32_t partition)
{
	const struct stream *stream = join_stream(join, side, partition);

	return stream->head && stream->row < stream->head->count ? stream->head->offsets[stream->row]
								 : stream->until;
}

size_t join_memory(const struct join *join)
{
	return join->memory;
}

uint64_t join_pending(const struct join *join, int32_t partition)
{
	uint64_t waiting = 0;

	for (int side = 0; side < 2; side++)
		if (partition < join->options.partitions[side])
			waiting += join->streams[side][partition].waiting;
	return waiting;
}

void join_look(const struct join *join, struct join_glance *out)
{
	*out = (struct join_glance){ .matched = join->matched };
	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; p < join->options.partitions[side]; p++) {
			const struct stream *stream = &join->streams[side][p];

			out->records[side] += stream->totals.records;
			out->bytes[side] += stream->totals.bytes;
			out->pending[side] += stream->waiting;
		}
	}
	if (join->latest)
		out->pending[SOURCE] += latest_differing(join->latest);
}
