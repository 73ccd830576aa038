/*
 * join_lane.c - which record is eaten next: equal heads in runs, all else one by one.
 *
 * What a paired lane does depends on nothing but the two logs: when heads differ it goes on only when both are there
 * or a side has ended.  So the answer is the same however fast either side was read.
 */
#include "parity/join_inside.h"

#define PATIENCE_MAX (1 << 20)
#define MIXED_CHUNK  256

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
		if (!unit)
			continue;
		late_pair(s, pair.first[SOURCE], t, pair.offset[TARGET], unit);
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
		late_pair(s, s->rank + i - 1, t, t->head->offsets[t->row + i - 1], NULL);
		break;
	}
	if (s->waiting || t->waiting)
		err = note_pairs(join, lane, s, t, rows);
	if (err == 0)
		err = join_pass(join, s, rows);
	if (err == 0)
		err = join_pass(join, t, rows);
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
	int hit = join_eat(join, stream);

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
int lane_advance(struct join *join, int32_t partition, uint64_t most)
{
	struct stream *s = join_stream(join, SOURCE, partition), *t = join_stream(join, TARGET, partition);
	struct lane *lane = join_lane(join, partition);
	uint64_t start = (uint64_t)(s->rank + t->rank);
	int err = 0;

	while (err == 0) {
		bool source = join_has_row(join, s), target = join_has_row(join, t);
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

		if (join_has_row(join, stream)) {
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

int mixed_advance(struct join *join, uint64_t most)
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
		for (int i = 0; i < MIXED_CHUNK && err >= 0 && join_has_row(join, stream[side]); i++, eaten++)
			err = join_eat(join, stream[side]);
	}
	return err;
}

/* ---- the table view ---- */

int latest_advance(struct join *join)
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
						err = join_begin_waiting(join, stream);
				}
				stream->rank += slab->count;
				join_retire(stream);
			}
		}
	}
	if (err == 0 && latest_memory(join->latest) > join->options.memory)
		return ERR_LIMIT;
	return err;
}
