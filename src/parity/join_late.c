/*
 * join_late.c - what is missing from logs that go on: behind, or lost?
 *
 * A pair is an overtaking of everything of the source that stands before it and still waits.  Whether it means anything depends
 * on who overtook whom.  One writer keeps the order of what it writes, so a record whose own key went past it was left out.
 * Several writers keep none among each other: after an outage each comes back in its own time, and those that are back
 * overtake those that are not.  Nobody can tell such a record from one that was lost, until it has been so for long.
 *
 *	source   a1 b2 a3 a4 c5 b6	target   a1 a3 c5		a4: lost, if c5 was of key a; else behind
 *	                                                                b2: behind, until a3 has been there for `late`
 *	                                                                b6: behind, for as long as nothing follows it
 *
 * Time is the owner's: it says since when what is overtaken now has been so.  A few such moments are kept, at least an eighth of
 * `late` apart; a clock that was set back makes those after it void, and what they spoke of is waited for once more.
 */
#include "parity/join_state.h"

/* ---- who was overtaken ---- */

void late_pair(struct stream *source, int64_t rank, const struct stream *target, int64_t offset,
	       struct unit *unit)
{
	if (offset >= target->arrived)
		return;
	if (rank >= source->passed)
		source->passed = rank + 1;
	if (unit && (unit->passed_partition != source->partition || rank >= unit->passed)) {
		unit->passed = rank + 1;
		unit->passed_partition = source->partition;
	}
}

/* All that has a twin now had arrived. */
static void stream_passed(struct stream *source)
{
	source->passed = source->rank;
	for (const struct entry *e = source->newest; e && e->rank == source->passed - 1; e = e->lane_prev)
		source->passed--;
}

static void unit_passed(struct unit *unit)
{
	unit->passed = 0;
	for (uint32_t i = 0; i < unit->run_count; i++) {
		const struct run *run = &unit->runs[i];

		if (run->partition[SOURCE] == unit->passed_partition && run->last[SOURCE] < unit->passed)
			continue;
		unit->passed = run->last[SOURCE] + 1;
		unit->passed_partition = run->partition[SOURCE];
	}
}

void join_arrived(struct join *join, const int64_t *target_ends)
{
	for (int32_t p = 0; p < join->options.partitions[TARGET]; p++)
		join_stream(join, TARGET, p)->arrived = target_ends[p];
	for (int32_t p = 0; p < join->options.partitions[SOURCE]; p++)
		stream_passed(join_stream(join, SOURCE, p));
	for (size_t i = 0; i < join->units.capacity; i++)
		if (join->units.slots[i])
			unit_passed(join->units.slots[i]);
}

void late_copy(const struct join *join, struct join *copy)
{
	for (int32_t p = 0; p < join->options.partitions[TARGET]; p++)
		join_stream(copy, TARGET, p)->arrived = join_stream(join, TARGET, p)->arrived;
	for (int32_t p = 0; p < join->options.partitions[SOURCE]; p++) {
		join_stream(copy, SOURCE, p)->passed = join_stream(join, SOURCE, p)->passed;
		join_stream(copy, SOURCE, p)->late = join_stream(join, SOURCE, p)->late;
	}
	for (size_t i = 0; i < join->units.capacity; i++) {
		const struct unit *unit = join->units.slots[i];
		struct unit *other = unit ? unit_find(copy, unit->name) : NULL;

		if (!other)
			continue;
		other->passed = unit->passed;
		other->passed_partition = unit->passed_partition;
	}
}

/* ---- since when ---- */

static void forget_future(struct late *late, int64_t now_ms)
{
	while (late->count && late->at[late->count - 1].wall_ms > now_ms)
		late->count--;
}

static void drop_first(struct late *late)
{
	memmove(&late->at[0], &late->at[1], (size_t)--late->count * sizeof late->at[0]);
}

static void note(struct late *late, int64_t since_ms, int64_t rank, int64_t late_ms)
{
	const int64_t apart_ms = late_ms / 8;

	if (late->count && (rank <= late->at[late->count - 1].rank ||
			    since_ms - late->at[late->count - 1].wall_ms < apart_ms))
		return;
	/* Of those that are over only the newest says anything; it is taken away when room is needed at the latest. */
	if (late->count == LATE_MARKS)
		drop_first(late);
	late->at[late->count].wall_ms = since_ms;
	late->at[late->count++].rank = rank;
}

static bool is_overtaken_lately(const struct join *join, const struct entry *entry);

/* The oldest that waits was overtaken first; where no moment is kept for it yet, it is from now on. */
static int64_t first_lost(const struct join *join, const struct stream *stream, int64_t now_ms, int64_t late_ms)
{
	const struct entry *first = stream->oldest;

	while (first && !is_overtaken_lately(join, first))
		first = first->lane_next;
	if (!first)
		return 0;
	for (int i = 0; i < stream->late.count; i++)
		if (stream->late.at[i].rank > first->rank)
			return stream->late.at[i].wall_ms + late_ms;
	return now_ms + late_ms;
}

void join_overtaken_since(struct join *join, int64_t since_ms, int64_t now_ms, int64_t late_ms)
{
	for (int32_t p = 0; p < join->options.partitions[SOURCE]; p++) {
		struct stream *stream = join_stream(join, SOURCE, p);
		struct late *late = &stream->late;

		forget_future(late, now_ms);
		if (since_ms <= now_ms && stream->waiting)
			note(late, since_ms, stream->passed, late_ms);
		while (late->count > 1 && late->at[1].wall_ms <= now_ms - late_ms)
			drop_first(late);
		late->lost = late->count && late->at[0].wall_ms <= now_ms - late_ms ? late->at[0].rank : 0;
		late->first_lost_ms = first_lost(join, stream, now_ms, late_ms);
	}
}

/* ---- so ---- */

/* What breaks the order that is claimed is a finding, whether it comes or not. */
static bool breaks_order(const struct join *join, const struct entry *entry)
{
	if (join->paired && join->options.claim >= CLAIM_PARTITION_ORDER)
		return true;
	return entry->unit && entry->unit->passed_partition == entry->partition &&
	       entry->rank < entry->unit->passed;
}

static bool is_overtaken_lately(const struct join *join, const struct entry *entry)
{
	const struct stream *stream = join_stream(join, SOURCE, entry->partition);

	return !entry->gap && entry->rank < stream->passed && entry->rank >= stream->late.lost &&
	       !breaks_order(join, entry);
}

bool join_overtaken_lately(const struct join *join)
{
	for (int32_t p = 0; p < join->options.partitions[SOURCE]; p++)
		for (const struct entry *e = join_stream(join, SOURCE, p)->oldest; e; e = e->lane_next)
			if (is_overtaken_lately(join, e))
				return true;
	return false;
}

void late_judge(struct join *join)
{
	for (int32_t p = 0; p < join->options.partitions[SOURCE]; p++)
		for (struct entry *e = join_stream(join, SOURCE, p)->oldest; e; e = e->lane_next)
			e->behind = e->rank >= join_stream(join, SOURCE, p)->passed ||
				    is_overtaken_lately(join, e);
}

void join_goes_on(struct join *join)
{
	join->goes_on = true;
}
