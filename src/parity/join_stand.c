/*
 * join_stand.c - a join that goes on, looked at: what is found, what waits, and what would be proved if nothing more
 * came.  Nothing of the join is changed.
 */
#include "parity/join_state.h"

static uint64_t rows_ahead(const struct stream *stream)
{
	uint64_t rows = 0;

	for (const struct slab *slab = stream->head; slab; slab = slab->next)
		rows += slab->count;
	return rows - (stream->head ? stream->row : 0);
}

uint64_t join_ahead(const struct join *join, enum log_side side, int32_t partition)
{
	return rows_ahead(join_stream(join, side, partition));
}

int64_t join_pushed(const struct join *join, enum log_side side, int32_t partition)
{
	const struct stream *stream = join_stream(join, side, partition);

	return stream->rank + (int64_t)rows_ahead(stream);
}

/* With unequal partition counts: what name_homes() would name if the comparison ended here. */
static void stand_homes(const struct join *join, uint64_t *findings)
{
	for (size_t i = 0; i < join->homes.capacity; i++) {
		const struct home *first = &join->homes.slots[i];
		int32_t home;

		if (!first->count || !first->next)
			continue;
		home = home_partition(first);
		for (const struct home *at = first; at; at = at->next)
			if (at->place[TARGET].partition != home)
				findings[FINDING_MISROUTED] += at->count;
	}
	for (size_t i = 0; i < join->moved_count; i++) {
		const struct moved *moved = &join->moved[i];
		const struct home *home = home_find(join, moved->key);

		if (!home || home_partition(home) == moved->finding.place[TARGET].partition)
			findings[FINDING_REORDERED_KEY] += moved->weight;
	}
}

/* As at the end, but over what waits. */
static bool sums_agree(const struct join *join)
{
	struct digest sums[2], rest[2];

	for (int side = 0; side < 2; side++) {
		sums[side] = (struct digest){ 0, 0 };
		rest[side] = join->named_sum[side];
		for (int32_t p = 0; p < join->options.partitions[side]; p++) {
			const struct stream *stream = join_stream(join, (enum log_side)side, p);

			sums[side] = digest_add(sums[side], stream->totals.sum);
			for (const struct entry *e = stream->oldest; e; e = e->lane_next)
				rest[side] = digest_add(rest[side], e->digest);
		}
	}
	return digest_equal(digest_subtract(sums[SOURCE], sums[TARGET]),
			    digest_subtract(rest[SOURCE], rest[TARGET]));
}

void join_stand(const struct join *join, struct join_standing *out)
{
	uint64_t found[FINDING_CLASSES], unreadable = 0;

	*out = (struct join_standing){ .sums_agree = true };
	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; p < join->options.partitions[side]; p++) {
			const struct stream *stream = join_stream(join, (enum log_side)side, p);

			out->ahead[side] += rows_ahead(stream);
			out->pending[side] += stream->waiting;
			out->records[side] += stream->totals.records - stream->beyond_records;
			unreadable += side == TARGET ? stream->totals.unreadable : 0;
		}
		out->gaps[side] = join->gaps[side];
		out->pending[side] -= join->gaps[side];
	}
	memcpy(found, join->findings, sizeof found);
	if (join->latest) {
		out->pending[SOURCE] = latest_differing(join->latest);
		out->proved = out->pending[SOURCE] || unreadable ? CLAIM_NONE : CLAIM_LATEST;
		return;
	}
	if (!join->paired)
		stand_homes(join, found);
	if (!out->ahead[SOURCE] && !out->ahead[TARGET])
		out->sums_agree = sums_agree(join);
	for (int class = 0; class < FINDING_CLASSES; class ++)
		if (join_judges(join, (enum finding_class) class))
			out->findings[class] = found[class];
	out->offsets_shifted = join->options.claim == CLAIM_OFFSETS && !join->offsets_equal;
	if (out->pending[SOURCE] || out->pending[TARGET])
		out->proved = out->records[SOURCE] == out->records[TARGET] ? CLAIM_COUNTS : CLAIM_NONE;
	else
		out->proved =
			join_proves(join, found, out->records[SOURCE], out->records[TARGET], !unreadable);
}

uint64_t join_waiting(const struct join *join, enum log_side side, int32_t partition, int64_t rank,
		      struct record_place *out, size_t most)
{
	const struct stream *stream = join_stream(join, side, partition);
	int64_t at = stream->rank;
	uint32_t row = stream->row;
	uint64_t count = 0;

	for (const struct entry *e = stream->oldest; e && e->rank < rank; e = e->lane_next) {
		if (e->gap)
			continue;
		if (count < most)
			out[count] = place_of(e);
		count++;
	}
	for (const struct slab *slab = stream->head; slab && at < rank; slab = slab->next, row = 0) {
		for (; row < slab->count && at < rank; row++, at++) {
			bool keyed;

			if (!slab->places[row])
				continue;
			keyed = slab->places[row][0] != 1;
			if (count < most)
				out[count] = (struct record_place){
					true,
					keyed,
					partition,
					slab->offsets[row],
					slab->timestamps[row],
					keyed ? key_hash_of(slab_slice(slab, row), join->options.seed) : 0
				};
			count++;
		}
	}
	return count;
}

static const struct entry *first_waiting(const struct stream *stream)
{
	const struct entry *e = stream->oldest;

	while (e && e->gap)
		e = e->lane_next;
	return e;
}

bool join_tail_only(const struct join *join, enum log_side side, int32_t partition)
{
	const struct stream *stream = join_stream(join, side, partition);
	uint64_t waiting = stream->waiting;

	const struct entry *first = first_waiting(stream);

	/* Holes stand before everything else and wait for nothing. */
	for (const struct entry *e = stream->oldest; e != first; e = e->lane_next)
		waiting--;
	return !first ||
	       (stream->newest->rank == stream->rank - 1 && stream->rank - (int64_t)waiting == first->rank);
}

bool join_waits_below(const struct join *join, enum log_side side, int32_t partition, int64_t offset)
{
	const struct entry *first = first_waiting(join_stream(join, side, partition));

	return join_offset(join, side, partition) < offset || (first && first->offset < offset);
}

size_t join_examples(const struct join *join, struct finding *out, size_t most)
{
	size_t count = 0;

	for (int class = 0; class < FINDING_CLASSES; class ++)
		for (size_t i = 0;
		     join_judges(join, (enum finding_class) class) && i < join->examples[class].count; i++)
			if (count < most)
				out[count++] = join->examples[class].at[i];
	return count;
}
