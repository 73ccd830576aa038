/*
 * leftover.c - one fault, one finding: what is left over on both sides is paired before it is named.
 *
 *	1  the same record in another partition                    MISROUTED, or simply matched
 *	2  the same declared identity                              ALTERED or META
 *	3  in front of or behind what cannot be read: excused
 *	4  the same place among neighbours, and two of key, value and timestamp equal: ALTERED or META
 *	5  with unequal partition counts, where places cannot be held against each other: two of three within a key
 */
#include <stdlib.h>

#include "parity/join_state.h"

#define LOOK_AHEAD      64    /* leftovers of one place that are looked at for the same event */
#define PLACE_MAX       65536 /* ranks; neighbours further apart than this are no place */
#define CROSSINGS_QUIET 500   /* fewer than one crossing pair in so many: a log in order */

static void name_both(struct join *join, struct entry *source, struct entry *target, enum finding_class class)
{
	struct finding finding = { class, { place_of(source), place_of(target) } };

	source->named = target->named = true;
	join->findings[class]++;
	add_example(join, &finding);
}

/* ---- 1 and 2: by content and identity ---- */

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_content(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
	int order = compare_u64(x->digest.low, y->digest.low);

	if (!order)
		order = compare_u64(x->digest.high, y->digest.high);
	if (!order)
		order = compare_u64((uint64_t)x->timestamp, (uint64_t)y->timestamp);
	if (!order)
		order = x->partition < y->partition ? -1 : x->partition > y->partition;
	return order ? order : compare_u64((uint64_t)x->rank, (uint64_t)y->rank);
}

static int by_identity(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
	int order = compare_u64(x->identity, y->identity);

	return order ? order : by_content(a, b);
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
	int order = compare_u64(x->details.key, y->details.key);

	if (!order)
		order = x->partition < y->partition ? -1 : x->partition > y->partition;
	return order ? order : compare_u64((uint64_t)x->rank, (uint64_t)y->rank);
}

static int content_order(const struct join *join, const struct entry *source, const struct entry *target)
{
	int order = compare_u64(source->digest.low, target->digest.low);

	if (!order)
		order = compare_u64(source->digest.high, target->digest.high);
	if (!order && join->times_matter)
		order = compare_u64((uint64_t)source->timestamp, (uint64_t)target->timestamp);
	return order;
}

static void name_same(struct join *join, struct entry *source, struct entry *target)
{
	bool homed = !source->details.key_null || join->options.claim >= CLAIM_PARTITION_ORDER;

	join->matched++;
	source->named = target->named = true;
	if (source->partition == target->partition || !join->paired)
		return;
	if (homed) {
		join->strayed += source->details.key_null;
		name_both(join, source, target, FINDING_MISROUTED);
		return;
	}
	join->crossed++;
	join_lane(join, source->partition)->disordered = true;
}

static void pair_content(struct join *join, struct leftovers *sorted)
{
	size_t i = 0, j = 0;

	qsort(sorted->at[SOURCE], sorted->count[SOURCE], sizeof *sorted->at[SOURCE], by_content);
	qsort(sorted->at[TARGET], sorted->count[TARGET], sizeof *sorted->at[TARGET], by_content);
	while (i < sorted->count[SOURCE] && j < sorted->count[TARGET]) {
		struct entry *source = sorted->at[SOURCE][i], *target = sorted->at[TARGET][j];
		int order = content_order(join, source, target);

		if (order == 0)
			name_same(join, source, target);
		i += order <= 0;
		j += order >= 0;
	}
}

static void pair_identity(struct join *join, struct leftovers *sorted)
{
	size_t i = 0, j = 0;

	qsort(sorted->at[SOURCE], sorted->count[SOURCE], sizeof *sorted->at[SOURCE], by_identity);
	qsort(sorted->at[TARGET], sorted->count[TARGET], sizeof *sorted->at[TARGET], by_identity);
	while (i < sorted->count[SOURCE] && j < sorted->count[TARGET]) {
		struct entry *source = sorted->at[SOURCE][i], *target = sorted->at[TARGET][j];
		int order = compare_u64(source->identity, target->identity);

		if (source->named || !source->identity) {
			i++;
		} else if (target->named || !target->identity) {
			j++;
		} else {
			if (order == 0)
				name_both(join, source, target,
					  name_pair(&source->details, &target->details));
			i += order <= 0;
			j += order >= 0;
		}
	}
}

/* ---- places ---- */

/* Leftovers of one stream, by rank. */
struct row_view {
	struct entry **at;
	size_t count;
};

/* The first whose rank is not below `rank`. */
static size_t row_lower(const struct row_view *row, int64_t rank)
{
	size_t low = 0, high = row->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (row->at[middle]->rank < rank)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* How far a record of this lane may stand from its place: nothing in a log in order, else what is usual there. */
static int64_t lane_noise(const struct lane *lane)
{
	uint64_t crossings = 0, seen = 0;

	for (int i = 0; i < 64; i++)
		crossings += lane->crossings[i];
	if (crossings < 8 || crossings * CROSSINGS_QUIET < lane->pairs)
		return 0;
	for (int i = 0; i < 16; i++) {
		seen += lane->crossings[i];
		if (seen * 100 >= crossings * 95)
			return (int64_t)2 << i;
	}
	return PLACE_MAX;
}

/*
 * The ranks on the other side, between the twins of its neighbours, where the gap of leftovers at[first..last] belongs;
 * both exclusive.  A neighbour without a twin in this partition leaves only the other one to go by.
 */
struct window {
	int64_t low, high;
};

static bool gap_window(const struct row_view *row, size_t first, size_t last, int64_t noise,
		       struct window *out)
{
	int64_t before = row->at[first]->before, after = row->at[last]->after;
	int64_t size = (int64_t)(last - first) + 1;
	bool has_before = before >= TWIN_START, has_after = after >= 0;

	if (!has_before && !has_after)
		return false;
	if (has_before && has_after && after > before && after - before < PLACE_MAX)
		*out = (struct window){ before - noise, after + noise };
	else if (has_before)
		*out = (struct window){ before - noise, before + size + 1 + noise };
	else
		*out = (struct window){ after - size - 1 - noise, after + noise };
	return true;
}

static size_t gap_end(const struct row_view *row, size_t first)
{
	size_t last = first;

	while (last + 1 < row->count && row->at[last + 1]->rank == row->at[last]->rank + 1)
		last++;
	return last;
}

/* ---- 3: excuses ---- */

static uint64_t excuse(struct join *join, const struct row_view *row, int64_t low, int64_t high,
		       uint64_t most)
{
	uint64_t excused = 0;

	for (size_t i = row_lower(row, low + 1); i < row->count && row->at[i]->rank < high && excused < most;
	     i++) {
		if (!row->at[i]->named && !row->at[i]->gap) {
			row->at[i]->named = true;
			excused++;
		}
	}
	join->excused += excused;
	return excused;
}

static void excuse_lane(struct join *join, const struct row_view rows[2], int64_t noise)
{
	for (int side = 0; side < 2; side++) {
		const struct row_view *row = &rows[side], *other = &rows[!side];

		for (size_t first = 0, last; first < row->count; first = last + 1) {
			uint64_t hidden = 0;
			bool hole = false;
			struct window window;

			last = gap_end(row, first);
			for (size_t i = first; i <= last; i++) {
				hole |= (row->at[i]->gap & (ROW_HOLE | ROW_STOP)) != 0;
				hidden += row->at[i]->gap & ROW_COUNT_MOST;
			}
			if (!hidden || !gap_window(row, first, last, noise, &window))
				continue;
			/* Without an end to go by, an unreadable batch or a hole hides what follows there. */
			if (row->at[first]->before >= TWIN_START && row->at[last]->after >= 0)
				window.high = row->at[last]->after + noise;
			excuse(join, other, window.low, window.high, hole ? UINT64_MAX : hidden);
			if (hole)
				excuse(join, row, row->at[first]->rank - 1, row->at[last]->rank + 1,
				       UINT64_MAX);
		}
	}
}

/* ---- 4: the same place ---- */

static int equal_of_three(const struct entry *source, const struct entry *target)
{
	return (source->details.key == target->details.key) +
	       (source->details.value == target->details.value) + (source->timestamp == target->timestamp);
}

/* The likest are paired first, so that a lost record does not take the twin of its altered neighbour. */
enum likeness { ALIKE_IN_ALL, ALIKE_IN_KEY_AND_VALUE, ALIKE_IN_TWO, LIKENESSES };

static bool is_alike(const struct entry *source, const struct entry *target, enum likeness likeness)
{
	int equal = equal_of_three(source, target);

	if (likeness == ALIKE_IN_ALL)
		return equal == 3;
	if (likeness == ALIKE_IN_KEY_AND_VALUE)
		return source->details.key == target->details.key &&
		       source->details.value == target->details.value;
	return equal >= 2;
}

static bool may_pair(const struct entry *source, const struct entry *target)
{
	/* With a declared identity on both, another identity is another event. */
	return !source->named && !target->named && !source->gap && !target->gap &&
	       !(source->identity && target->identity && source->identity != target->identity);
}

static void pair_gap(struct join *join, const struct row_view *source, size_t first, size_t last,
		     const struct row_view *target, const struct window *window, enum likeness likeness)
{
	size_t next = row_lower(target, window->low + 1);

	for (size_t i = first; i <= last; i++) {
		size_t looked = 0;

		while (next < target->count && target->at[next]->named)
			next++;
		for (size_t j = next;
		     j < target->count && target->at[j]->rank < window->high && looked < LOOK_AHEAD;
		     j++, looked++) {
			if (!may_pair(source->at[i], target->at[j]) ||
			    !is_alike(source->at[i], target->at[j], likeness))
				continue;
			name_both(join, source->at[i], target->at[j],
				  name_pair(&source->at[i]->details, &target->at[j]->details));
			break;
		}
	}
}

static void pair_places(struct join *join, const struct row_view rows[2], int64_t noise)
{
	for (size_t first = 0, last; first < rows[SOURCE].count; first = last + 1) {
		struct window window;

		last = gap_end(&rows[SOURCE], first);
		if (!gap_window(&rows[SOURCE], first, last, noise, &window))
			continue;
		for (int likeness = 0; likeness < LIKENESSES; likeness++)
			pair_gap(join, &rows[SOURCE], first, last, &rows[TARGET], &window,
				 (enum likeness)likeness);
	}
}

/* ---- 5: unequal partition counts ---- */

static void pair_keys(struct join *join, struct leftovers *sorted, enum likeness likeness)
{
	size_t i = 0, j = 0;

	for (; i < sorted->count[SOURCE]; i++) {
		struct entry *source = sorted->at[SOURCE][i];

		while (j < sorted->count[TARGET] && sorted->at[TARGET][j]->details.key < source->details.key)
			j++;
		for (size_t k = j; k < sorted->count[TARGET] && k < j + LOOK_AHEAD; k++) {
			struct entry *target = sorted->at[TARGET][k];

			if (target->details.key != source->details.key)
				break;
			if (!may_pair(source, target) || !is_alike(source, target, likeness))
				continue;
			name_both(join, source, target, name_pair(&source->details, &target->details));
			break;
		}
	}
}

static bool has_gap(const struct leftovers *left, uint32_t kinds)
{
	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < left->count[side]; i++)
			if (left->at[side][i]->gap & kinds)
				return true;
	return false;
}

/* ---- all together ---- */

static struct row_view row_of(const struct leftovers *left, enum log_side side, int32_t partition, size_t *at)
{
	struct row_view row = { left->at[side] + *at, 0 };

	while (*at < left->count[side] && left->at[side][*at]->partition == partition) {
		++*at;
		row.count++;
	}
	return row;
}

int leftovers_pair(struct join *join, struct leftovers *left)
{
	struct leftovers sorted = { .count = { left->count[SOURCE], left->count[TARGET] } };
	size_t at[2] = { 0, 0 };
	int err = 0;

	for (int side = 0; side < 2; side++) {
		sorted.at[side] = malloc((left->count[side] + 1) * sizeof *sorted.at[side]);
		if (!sorted.at[side]) {
			err = ERR_MEMORY;
			goto free_sorted;
		}
		if (left->count[side])
			memcpy(sorted.at[side], left->at[side], left->count[side] * sizeof *sorted.at[side]);
	}
	pair_content(join, &sorted);
	if (join->options.identities)
		pair_identity(join, &sorted);
	for (int32_t p = 0; join->paired && p < join->options.partitions[SOURCE]; p++) {
		struct row_view rows[2] = { row_of(left, SOURCE, p, &at[SOURCE]),
					    row_of(left, TARGET, p, &at[TARGET]) };
		int64_t noise = lane_noise(&join->lanes[p]);

		excuse_lane(join, rows, noise);
		pair_places(join, rows, noise);
	}
	if (!join->paired) {
		qsort(sorted.at[SOURCE], sorted.count[SOURCE], sizeof *sorted.at[SOURCE], by_key);
		qsort(sorted.at[TARGET], sorted.count[TARGET], sizeof *sorted.at[TARGET], by_key);
		for (int likeness = 0; likeness < LIKENESSES; likeness++)
			pair_keys(join, &sorted, (enum likeness)likeness);
	}
	/* Without places, nobody can say what a hole hides: then nothing that is left over is anybody's fault. */
	if (!join->paired && has_gap(left, ROW_HOLE | ROW_STOP))
		for (int side = 0; side < 2; side++)
			for (size_t i = 0; i < left->count[side]; i++)
				left->at[side][i]->named = true;

free_sorted:
	free(sorted.at[SOURCE]);
	free(sorted.at[TARGET]);
	return err;
}
