/*
 * join.c - eats slabs: equal heads in runs, all else record by record through the table of those that wait.
 *
 * What a paired lane does depends on nothing but the two logs: when heads differ it goes on only when both are there
 * or a side has ended.  So the answer is the same however fast either side was read.
 */
#include <stdlib.h>

#include "parity/join_state.h"

#define CANDIDATES_MAX 64 /* of one group that are looked at for the one that keeps the order */
#define PATIENCE_MIN   64 /* records of one side without a hit before the other side is read */
#define PATIENCE_MAX   (1 << 20)
#define MIXED_CHUNK    256

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

/* ---- moving along a stream ---- */

static void retire(struct stream *stream)
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
static int pass(struct join *join, struct stream *stream, uint32_t rows)
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
static bool has_row(struct join *join, struct stream *stream)
{
	while (stream->head && stream->row == stream->head->count) {
		if (stream->side == SOURCE && pass_markers(join, stream) < 0)
			return false;
		retire(stream);
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
static int begin_waiting(struct join *join, struct stream *stream)
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
		err = pass(join, stream, 1);
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

static int lane_pair(struct join *join, struct lane *lane, int32_t partition, const struct run *pair,
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

/* A pair: has the source's record overtaken those before it that still wait? */
static void note_arrival(struct stream *source, int64_t rank, const struct stream *target, int64_t offset)
{
	if (offset < target->arrived && rank >= source->passed)
		source->passed = rank + 1;
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
		note_arrival(stream, stream->rank, other, entry->offset);
	else
		note_arrival(other, entry->rank, stream, slab->offsets[row]);
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
		err = pass(join, stream, 1);
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
	return pass(join, stream, 1);
}

/* One record of one side.  1 when it found its twin, 0 when it waits. */
static int eat(struct join *join, struct stream *stream)
{
	struct entry *twin = NULL;
	int err;

	if (stream->head->places[stream->row])
		twin = find_twin(join, stream);
	if (!twin && join->source_done && stream->side == TARGET && stream->head->places[stream->row] &&
	    stream->head->offsets[stream->row] >= stream->limit)
		return pass_beyond(join, stream);
	err = twin ? match(join, stream, twin) : begin_waiting(join, stream);
	if (err == 0 && join->memory > join->options.memory)
		return ERR_LIMIT;
	return err < 0 ? err : twin != NULL;
}

/* ---- paired lanes ---- */

/* How many rows from here on are equal. */
static uint32_t equal_rows(const struct join *join, const struct stream *s, const struct stream *t,
			   uint32_t most)
{
	const struct digest *a = s->head->digests + s->row, *b = t->head->digests + t->row;
	const int64_t *x = s->head->timestamps + s->row, *y = t->head->timestamps + t->row;
	uint32_t i = 0;

	/* Blocks first: equal logs are the common case. */
	while (most - i >= 32 && !memcmp(a + i, b + i, 32 * sizeof *a) &&
	       (!join->times_matter || !memcmp(x + i, y + i, 32 * sizeof *x)))
		i += 32;
	while (i < most && digest_equal(a[i], b[i]) && (!join->times_matter || x[i] == y[i]))
		i++;
	return i;
}

/* While a key has something waiting, its pairs are noted also where the logs run equal. */
static int note_pairs(struct join *join, struct lane *lane, struct stream *s, struct stream *t, uint32_t rows)
{
	struct run pair = { .partition = { s->partition, t->partition }, .weight = 1 };
	int err = 0;

	if (!lane->unit && !join->units.count)
		return 0;
	for (uint32_t i = 0; i < rows && err == 0; i++) {
		struct view slice = slab_slice(s->head, s->row + i);
		uint64_t key;
		struct unit *unit;

		pair.first[SOURCE] = pair.last[SOURCE] = s->rank + i;
		pair.first[TARGET] = pair.last[TARGET] = t->rank + i;
		pair.offset[SOURCE] = s->head->offsets[s->row + i];
		pair.offset[TARGET] = t->head->offsets[t->row + i];
		pair.timestamp[SOURCE] = s->head->timestamps[s->row + i];
		pair.timestamp[TARGET] = t->head->timestamps[t->row + i];
		err = lane_pair(join, lane, s->partition, &pair, NULL);
		if (err < 0 || !join->units.count || slice.at[0] == 1)
			continue;
		key = key_hash_of(slice, join->options.seed);
		unit = unit_find(join, unit_name(join, key, s->partition));
		if (unit)
			err = unit_pair(join, unit, &pair, NULL);
	}
	return err;
}

/* `rows` equal rows at both heads. */
static int match_rows(struct join *join, struct lane *lane, struct stream *s, struct stream *t, uint32_t rows)
{
	int err = 0;

	if (join->offsets_equal)
		join->offsets_equal = !memcmp(s->head->offsets + s->row, t->head->offsets + t->row,
					      rows * sizeof *s->head->offsets);
	if (s->newest && s->newest->rank == s->rank - 1)
		s->newest->after = t->rank;
	if (t->newest && t->newest->rank == t->rank - 1)
		t->newest->after = s->rank;
	for (uint32_t i = rows; i > 0; i--) {
		if (t->head->offsets[t->row + i - 1] >= t->arrived)
			continue;
		note_arrival(s, s->rank + i - 1, t, t->head->offsets[t->row + i - 1]);
		break;
	}
	if (s->waiting || t->waiting)
		err = note_pairs(join, lane, s, t, rows);
	if (err == 0)
		err = pass(join, s, rows);
	if (err == 0)
		err = pass(join, t, rows);
	s->twin = t->rank - 1;
	t->twin = s->rank - 1;
	s->high = s->rank;
	t->high = t->rank;
	join->matched += rows;
	lane->pairs += rows;
	lane->hit = false;
	return err;
}

/*
 * Which head to take when they differ.  After a hit the same side again, for there may be more where that came from;
 * else the older record; but a side that has gone on for long without a hit gives way to the other.
 */
static enum log_side choose(const struct lane *lane, const struct stream *s, const struct stream *t)
{
	int64_t source_time = s->head->timestamps[s->row], target_time = t->head->timestamps[t->row];

	if (!s->head->places[s->row])
		return SOURCE;
	if (!t->head->places[t->row])
		return TARGET;
	if (lane->hit || lane->forced)
		return lane->turn;
	if (lane->streak >= lane->patience)
		return log_other(lane->turn);
	if (source_time != target_time)
		return source_time < target_time ? SOURCE : TARGET;
	return log_other(lane->turn);
}

static int lane_step(struct join *join, struct lane *lane, struct stream *stream)
{
	int hit = eat(join, stream);

	if (hit < 0)
		return hit;
	lane->hit = hit;
	if (hit) {
		lane->streak = lane->forced = 0;
		lane->patience = PATIENCE_MIN;
		lane->turn = stream->side;
		return 0;
	}
	if (lane->forced)
		lane->forced--;
	if (lane->turn != stream->side) {
		if (lane->streak >= lane->patience) {
			lane->forced = lane->patience;
			lane->patience *= lane->patience < PATIENCE_MAX ? 2 : 1;
		}
		lane->turn = stream->side;
		lane->streak = 0;
	}
	lane->streak++;
	return 0;
}

/* Eats what can be eaten of one lane, about `most` rows of it. */
static int lane_advance(struct join *join, int32_t partition, uint64_t most)
{
	struct stream *s = join_stream(join, SOURCE, partition), *t = join_stream(join, TARGET, partition);
	struct lane *lane = join_lane(join, partition);
	uint64_t start = (uint64_t)(s->rank + t->rank);
	int err = 0;

	while (err == 0) {
		bool source = has_row(join, s), target = has_row(join, t);
		uint32_t rows;

		if ((uint64_t)(s->rank + t->rank) - start > most) {
			join->busy = true;
			return 0;
		}
		if (source && target) {
			uint32_t room = s->head->count - s->row, other = t->head->count - t->row;

			rows = equal_rows(join, s, t, room < other ? room : other);
			if (rows)
				err = match_rows(join, lane, s, t, rows);
			else
				err = lane_step(join, lane, choose(lane, s, t) == SOURCE ? s : t);
		} else if (source && (t->ended || t->dry)) {
			err = lane_step(join, lane, s);
		} else if (target && (s->ended || s->dry)) {
			err = lane_step(join, lane, t);
		} else {
			return 0;
		}
	}
	return err;
}

/* ---- the mixed lane of unequal partition counts ---- */

/* The stream of a side that has a row, and stands at the oldest; *ended when none will ever have one. */
static struct stream *oldest_stream(struct join *join, enum log_side side, bool *ended)
{
	struct stream *oldest = NULL;

	*ended = true;
	for (int32_t p = 0; p < join->options.partitions[side]; p++) {
		struct stream *stream = join_stream(join, side, p);

		if (has_row(join, stream)) {
			if (!oldest ||
			    stream->head->timestamps[stream->row] < oldest->head->timestamps[oldest->row])
				oldest = stream;
			*ended = false;
		} else if (!stream->ended && !stream->dry) {
			*ended = false;
		}
	}
	return oldest;
}

static uint64_t waiting_of(const struct join *join, enum log_side side)
{
	uint64_t waiting = 0;

	for (int32_t p = 0; p < join->options.partitions[side]; p++)
		waiting += join_stream(join, side, p)->waiting;
	return waiting;
}

static int mixed_advance(struct join *join, uint64_t most)
{
	uint64_t eaten = 0;
	int err = 0;

	while (err >= 0) {
		bool ended[2];
		struct stream *stream[2] = { oldest_stream(join, SOURCE, &ended[SOURCE]),
					     oldest_stream(join, TARGET, &ended[TARGET]) };
		enum log_side side = waiting_of(join, SOURCE) <= waiting_of(join, TARGET) ? SOURCE : TARGET;

		if (!stream[side]) {
			if (!ended[side] || !stream[log_other(side)])
				return 0;
			side = log_other(side);
		}
		if (eaten > most) {
			join->busy = true;
			return 0;
		}
		for (int i = 0; i < MIXED_CHUNK && err >= 0 && has_row(join, stream[side]); i++, eaten++)
			err = eat(join, stream[side]);
	}
	return err;
}

/* ---- the table view ---- */

static int latest_advance(struct join *join)
{
	int err = 0;

	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; p < join->options.partitions[side]; p++) {
			struct stream *stream = join_stream(join, (enum log_side)side, p);

			while (stream->head && err == 0) {
				const struct slab *slab = stream->head;

				err = latest_eat(join->latest, slab);
				for (uint32_t row = 0; row < slab->count && err == 0; row++) {
					stream->row = row;
					if (!slab->places[row])
						err = begin_waiting(join, stream);
				}
				stream->rank += slab->count;
				retire(stream);
			}
		}
	}
	if (err == 0 && latest_memory(join->latest) > join->options.memory)
		return ERR_LIMIT;
	return err;
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

void stream_passed(struct stream *source)
{
	source->passed = source->rank;
	for (const struct entry *e = source->newest; e && e->rank == source->passed - 1; e = e->lane_prev)
		source->passed--;
}

void join_arrived(struct join *join, const int64_t *target_ends)
{
	for (int32_t p = 0; p < join->options.partitions[TARGET]; p++)
		join_stream(join, TARGET, p)->arrived = target_ends[p];
	for (int32_t p = 0; p < join->options.partitions[SOURCE]; p++)
		stream_passed(join_stream(join, SOURCE, p));
}

void join_goes_on(struct join *join)
{
	join->goes_on = true;
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
