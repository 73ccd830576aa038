/*
 * join_eat.c - one record of one side: it finds its twin among those that wait, or begins to wait itself.
 */
#include <stdlib.h>

#include "parity/join_inside.h"

#define CANDIDATES_MAX 64 /* of one group that are looked at for the one that keeps the order */

/* ---- moving along a stream ---- */

void join_retire(struct stream *stream)
{
	struct slab *slab = stream->head;

	slab_totals_add(&stream->totals, &slab->totals);
	stream->until = slab->until;
	stream->queued -= slab_memory(slab);
	stream->head = slab->next;
	if (!stream->head)
		stream->tail = NULL;
	stream->row = stream->run = stream->marker = 0;
	slab_free(slab);
}

/* Markers that stand at the current row. */
static int pass_markers(struct join *join, struct stream *stream)
{
	const struct slab *slab = stream->head;
	int err = 0;

	while (err == 0 && stream->marker < slab->marker_count &&
	       slab->markers[stream->marker].before <= stream->row)
		err = txn_close(join, stream, &slab->markers[stream->marker++]);
	return err;
}

/* Moves `rows` rows on in the head slab, counting transactions on the way. */
int join_pass(struct join *join, struct stream *stream, uint32_t rows)
{
	const struct slab *slab = stream->head;
	uint32_t end = stream->row + rows;
	int err = 0;

	stream->rank += rows;
	if (stream->side == TARGET) {
		stream->row = end;
		return 0;
	}
	while (stream->row < end && err == 0) {
		const struct slab_run *run;
		uint32_t stop = end;

		err = pass_markers(join, stream);
		while (slab->runs[stream->run].first + slab->runs[stream->run].count <= stream->row)
			stream->run++;
		run = &slab->runs[stream->run];
		if (run->first + run->count < stop)
			stop = run->first + run->count;
		stream->current = NULL;
		if (run->transactional && err == 0)
			err = txn_count(join, stream, run, stop - stream->row, slab->offsets[stream->row],
					slab->timestamps[stream->row]);
		stream->row = stop;
	}
	return err;
}

/* True when a row is there; eats empty and finished slabs on the way. */
bool join_has_row(struct join *join, struct stream *stream)
{
	while (stream->head && stream->row == stream->head->count) {
		if (stream->side == SOURCE && pass_markers(join, stream) < 0)
			return false;
		join_retire(stream);
	}
	return stream->head != NULL;
}

/* ---- entries ---- */

static struct unit *watch(struct join *join, uint64_t key, int32_t partition)
{
	uint64_t name = unit_name(join, key, partition);
	struct unit *unit = unit_find(join, name);

	if (unit)
		return unit;
	unit = calloc(1, sizeof *unit);
	if (!unit)
		return NULL;
	unit->name = name;
	unit->key = key;
	if (unit_add(join, unit) < 0) {
		free(unit);
		return NULL;
	}
	join->memory += sizeof *unit;
	return unit;
}

static void unit_link(struct unit *unit, struct entry *entry)
{
	entry->unit = unit;
	entry->unit_next = NULL;
	entry->unit_prev = unit->newest[entry->side];
	if (entry->unit_prev)
		entry->unit_prev->unit_next = entry;
	unit->newest[entry->side] = entry;
	unit->waiting++;
}

static void unit_unlink(struct unit *unit, struct entry *entry)
{
	if (entry->unit_prev)
		entry->unit_prev->unit_next = entry->unit_next;
	if (entry->unit_next)
		entry->unit_next->unit_prev = entry->unit_prev;
	else
		unit->newest[entry->side] = entry->unit_prev;
	unit->waiting--;
}

static void lane_link(struct stream *stream, struct entry *entry)
{
	entry->lane_next = NULL;
	entry->lane_prev = stream->newest;
	if (stream->newest)
		stream->newest->lane_next = entry;
	else
		stream->oldest = entry;
	stream->newest = entry;
	stream->waiting++;
}

static void lane_unlink(struct stream *stream, struct entry *entry)
{
	if (entry->lane_prev)
		entry->lane_prev->lane_next = entry->lane_next;
	else
		stream->oldest = entry->lane_next;
	if (entry->lane_next)
		entry->lane_next->lane_prev = entry->lane_prev;
	else
		stream->newest = entry->lane_prev;
	stream->waiting--;
}

/* The lane's own unit, where order within partitions is claimed; it lives as long as the lane. */
static int lane_unit(struct join *join, struct lane *lane)
{
	if (lane->unit || !join->paired || join->options.claim < CLAIM_PARTITION_ORDER)
		return 0;
	lane->unit = calloc(1, sizeof *lane->unit);
	if (!lane->unit)
		return ERR_MEMORY;
	lane->unit->whole_lane = true;
	return 0;
}

/* Into the stream's list, and under the watch of its key; not yet into its group. */
int entry_link(struct join *join, struct stream *stream, struct entry *entry)
{
	struct unit *unit = NULL;

	if (!entry->details.key_null && !(unit = watch(join, entry->details.key, stream->partition)))
		return ERR_MEMORY;
	if (unit)
		unit_link(unit, entry);
	lane_link(stream, entry);
	return 0;
}

/* The record at the head of the stream begins to wait. */
int join_begin_waiting(struct join *join, struct stream *stream)
{
	const struct slab *slab = stream->head;
	uint32_t row = stream->row;
	struct entry *entry = calloc(1, sizeof *entry);
	int err;

	if (!entry)
		return ERR_MEMORY;
	*entry = (struct entry){
		.digest = slab->digests[row],
		.identity = slab->identities ? slab->identities[row] : 0,
		.timestamp = slab->timestamps[row],
		.offset = slab->offsets[row],
		.rank = stream->rank,
		.before = stream->twin,
		.after = TWIN_WAITING,
		.partition = stream->partition,
		.side = stream->side,
		.details = { .key_null = true },
	};
	if (slab->places[row])
		entry->details = details_of(slab_slice(slab, row), join->options.seed);
	else
		entry->gap = slab->sizes[row];
	join->gaps[stream->side] += entry->gap != 0;
	err = lane_unit(join, join_lane(join, stream->partition));
	if (err == 0)
		err = entry_link(join, stream, entry);
	if (err < 0) {
		free(entry);
		return err;
	}
	join->memory += sizeof *entry;
	if (!entry->gap)
		err = group_add(join, entry_group(join, entry), entry);
	if (err == 0)
		err = join_pass(join, stream, 1);
	if (stream->side == SOURCE && stream->current) {
		entry->txn = stream->current;
		entry->txn->refs++;
	}
	stream->twin = TWIN_WAITING;
	return err;
}

/* Neighbours of `entry` learn where its twin stands. */
static void tell_neighbours(const struct entry *entry, int64_t twin)
{
	if (entry->lane_prev && entry->lane_prev->rank == entry->rank - 1)
		entry->lane_prev->after = twin;
	if (entry->lane_next && entry->lane_next->rank == entry->rank + 1)
		entry->lane_next->before = twin;
}

int entry_drop(struct join *join, struct entry *entry)
{
	struct stream *stream = join_stream(join, entry->side, entry->partition);
	struct lane *lane = join_lane(join, entry->partition);
	struct unit *unit = entry->unit;
	int err = 0;

	if (!entry->gap)
		group_remove(join, entry_group(join, entry), entry);
	lane_unlink(stream, entry);
	if (unit) {
		unit_unlink(unit, entry);
		if (!unit->waiting)
			err = unit_close(join, unit);
	}
	txn_unref(join, entry->txn);
	join->memory -= sizeof *entry;
	free(entry);
	if (lane->unit && err == 0 && !join_stream(join, SOURCE, stream->partition)->waiting &&
	    !join_stream(join, TARGET, stream->partition)->waiting) {
		err = unit_close(join, lane->unit);
		lane->key_moves = 0;
	}
	return err;
}

/* ---- pairs ---- */

int lane_pair(struct join *join, struct lane *lane, int32_t partition, const struct run *pair,
	      const struct entry *waited)
{
	if (!lane->unit)
		return 0;
	for (int side = 0; side < 2; side++)
		lane->unit->newest[side] = join_stream(join, (enum log_side)side, partition)->newest;
	return unit_pair(join, lane->unit, pair, waited);
}

/* A pair crosses another when a record behind it has been matched already. */
static void note_crossing(struct lane *lane, const struct entry *entry, int64_t high)
{
	int64_t far = high - entry->rank;

	if (far <= 0)
		return;
	lane->disordered = true;
	lane->crossings[63 - __builtin_clzll((uint64_t)far)]++;
}

/* A pair of the same identity that is not the same record: a finding at once. */
static void name_changed(struct join *join, const struct entry *entry, const struct details *details,
			 const struct record_place *place, struct digest digest)
{
	enum log_side side = entry->side, other = log_other(side);
	struct finding finding;

	finding.class = name_pair(&entry->details, details);
	finding.place[side] = place_of(entry);
	finding.place[other] = *place;
	join->findings[finding.class]++;
	join->named_sum[side] = digest_add(join->named_sum[side], entry->digest);
	join->named_sum[other] = digest_add(join->named_sum[other], digest);
	add_example(join, &finding);
}

/* The head of `stream` is the twin of `entry`, which has waited for it. */
static int match(struct join *join, struct stream *stream, struct entry *entry)
{
	const struct slab *slab = stream->head;
	uint32_t row = stream->row;
	enum log_side here = stream->side, there = entry->side;
	struct stream *other = join_stream(join, there, entry->partition);
	struct lane *lane = join_lane(join, stream->partition);
	bool near = !join->paired || stream->partition == entry->partition;
	bool time_equal = !join->times_matter || slab->timestamps[row] == entry->timestamp;
	struct record_place place = { true,
				      !entry->details.key_null,
				      stream->partition,
				      slab->offsets[row],
				      slab->timestamps[row],
				      entry->details.key };
	struct run pair = { .weight = 1 };
	int err = 0;

	if (digest_equal(slab->digests[row], entry->digest) && time_equal) {
		join->matched++;
	} else {
		struct details details = details_of(slab_slice(slab, row), join->options.seed);

		place.keyed = !details.key_null;
		place.key = details.key;
		name_changed(join, entry, &details, &place, slab->digests[row]);
	}
	pair.partition[here] = stream->partition;
	pair.partition[there] = entry->partition;
	pair.first[here] = pair.last[here] = stream->rank;
	pair.first[there] = pair.last[there] = entry->rank;
	pair.offset[here] = slab->offsets[row];
	pair.offset[there] = entry->offset;
	pair.timestamp[here] = slab->timestamps[row];
	pair.timestamp[there] = entry->timestamp;
	join->offsets_equal &= slab->offsets[row] == entry->offset;
	if (here == SOURCE)
		late_pair(stream, stream->rank, other, entry->offset, near ? entry->unit : NULL);
	else
		late_pair(other, entry->rank, stream, slab->offsets[row], near ? entry->unit : NULL);
	lane->pairs++;
	if (!join->paired && !entry->details.key_null) {
		struct record_place places[2];

		places[here] = place;
		places[there] = place_of(entry);
		err = home_count(join, entry->details.key, places);
	}
	if (near) {
		if (join->paired) {
			if (stream->newest && stream->newest->rank == stream->rank - 1)
				stream->newest->after = entry->rank;
			tell_neighbours(entry, stream->rank);
			note_crossing(lane, entry, other->high);
			if (err == 0)
				err = lane_pair(join, lane, stream->partition, &pair, entry);
		}
		if (entry->unit && err == 0)
			err = unit_pair(join, entry->unit, &pair, entry);
		stream->twin = join->paired ? entry->rank : TWIN_ELSEWHERE;
		if (stream->rank >= stream->high)
			stream->high = stream->rank + 1;
		if (entry->rank >= other->high)
			other->high = entry->rank + 1;
		/* The last record of the other side may be this very entry; what comes next there has it before. */
		if (entry->rank == other->rank - 1)
			other->twin = join->paired ? stream->rank : TWIN_ELSEWHERE;
	} else {
		join->crossed++;
		lane->disordered = true;
		join_lane(join, entry->partition)->disordered = true;
		if (stream->newest && stream->newest->rank == stream->rank - 1)
			stream->newest->after = TWIN_ELSEWHERE;
		tell_neighbours(entry, TWIN_ELSEWHERE);
		stream->twin = TWIN_ELSEWHERE;
		if (entry->rank == other->rank - 1)
			other->twin = TWIN_ELSEWHERE;
	}
	if (err == 0)
		err = entry_drop(join, entry);
	if (err == 0)
		err = join_pass(join, stream, 1);
	return err;
}

/* The waiting twin of the head row, if there is one: in the same partition and in order, if there is a choice. */
static struct entry *find_twin(struct join *join, struct stream *stream)
{
	const struct slab *slab = stream->head;
	uint32_t row = stream->row;
	uint64_t identity = slab->identities ? slab->identities[row] : 0;
	bool keyed = slab->places[row][0] != 1; /* the varint of -1: no key */
	uint64_t name = group_name(join, slab->digests[row], slab->timestamps[row], identity, keyed,
				   stream->partition);
	const struct group *group = group_find(join, name, slab->digests[row], identity);
	struct entry *entry, *any = NULL;
	int looked = 0;

	for (entry = group ? group->first : NULL; entry && looked < CANDIDATES_MAX;
	     entry = entry->group_next, looked++) {
		int64_t high = 0;

		if (entry->side == stream->side)
			continue;
		if (join->paired && entry->partition != stream->partition) {
			any = any ? any : entry;
			continue;
		}
		if (!any || any->partition != entry->partition)
			any = entry;
		if (entry->unit)
			high = entry->unit->high[entry->side];
		else if (join->paired)
			high = join_stream(join, entry->side, entry->partition)->high;
		if (entry->rank >= high)
			return entry;
	}
	return any;
}

/* A record behind the end of the comparison that nothing waits for. */
static int pass_beyond(struct join *join, struct stream *stream)
{
	const struct slab *slab = stream->head;
	uint32_t row = stream->row;

	stream->beyond_records++;
	stream->beyond_bytes += content_size_of(slab_slice(slab, row));
	join->named_sum[TARGET] = digest_add(join->named_sum[TARGET], slab->digests[row]);
	stream->twin = TWIN_ELSEWHERE;
	return join_pass(join, stream, 1);
}

/* One record of one side.  1 when it found its twin, 0 when it waits. */
int join_eat(struct join *join, struct stream *stream)
{
	struct entry *twin = NULL;
	int err;

	if (stream->head->places[stream->row])
		twin = find_twin(join, stream);
	if (!twin && join->source_done && stream->side == TARGET && stream->head->places[stream->row] &&
	    stream->head->offsets[stream->row] >= stream->limit)
		return pass_beyond(join, stream);
	err = twin ? match(join, stream, twin) : join_begin_waiting(join, stream);
	if (err == 0 && join->memory > join->options.memory)
		return ERR_LIMIT;
	return err < 0 ? err : twin != NULL;
}
