/*
 * join_order.c - how many records would have to move: the order of matched pairs within one unit.
 *
 * While something of a unit waits, its matched pairs are kept as runs: pairs that follow each other on both sides with
 * nothing waiting between them are one run with a weight, since no later pair can come to stand inside it.  When the
 * unit closes, the fewest records that have to move are all but the heaviest subsequence of runs that grows on both
 * sides (longest increasing subsequence, weighted; n log n with a tree of prefix maxima).
 */
#include <stdlib.h>

#include "parity/join_state.h"

#define RUNS_MIN 4

uint64_t unit_name(const struct join *join, uint64_t key, int32_t partition)
{
	return join->paired ? mix(key ^ mix((uint64_t)partition + 0x2545f491)) : mix(key);
}

/*
 * May the pair be one with the last run?  Not when something of this unit waits between them, for its pair may come to
 * stand there, nor when another run reaches past the last one.
 */
static bool may_extend(const struct unit *unit, const struct run *last, const struct run *pair,
		       const struct entry *waited)
{
	for (int side = 0; side < 2; side++) {
		const struct entry *before =
			waited && (int)waited->side == side ? waited->unit_prev : unit->newest[side];

		if (last->partition[side] != pair->partition[side] ||
		    last->last[side] + 1 != unit->high[side] || pair->first[side] < unit->high[side])
			return false;
		if (before && (before->partition != pair->partition[side] || before->rank > last->last[side]))
			return false;
	}
	return true;
}

/* `waited` is the entry that is one half of the pair, or NULL when both came straight from the heads of the logs. */
int unit_pair(struct join *join, struct unit *unit, const struct run *pair, const struct entry *waited)
{
	struct run *last = unit->run_count ? &unit->runs[unit->run_count - 1] : NULL;
	struct entry lane_view;
	bool extends;

	if (waited && unit->whole_lane) {
		/* For the lane the entry before is that of the stream. */
		lane_view = (struct entry){ .side = waited->side, .unit_prev = waited->lane_prev };
		waited = &lane_view;
	}
	extends = last && may_extend(unit, last, pair, waited);
	for (int side = 0; side < 2; side++)
		if (pair->last[side] >= unit->high[side])
			unit->high[side] = pair->last[side] + 1;
	if (extends) {
		last->last[SOURCE] = pair->last[SOURCE];
		last->last[TARGET] = pair->last[TARGET];
		last->weight += pair->weight;
		return 0;
	}
	if (unit->run_count == unit->run_capacity) {
		uint32_t capacity = unit->run_capacity ? unit->run_capacity * 2 : RUNS_MIN;
		struct run *runs = realloc(unit->runs, capacity * sizeof *runs);

		if (!runs)
			return ERR_MEMORY;
		join->memory += (capacity - unit->run_capacity) * sizeof *runs;
		unit->runs = runs;
		unit->run_capacity = capacity;
	}
	unit->runs[unit->run_count++] = *pair;
	return 0;
}

static int by_source(const void *a, const void *b)
{
	const struct run *x = a, *y = b;

	if (x->partition[SOURCE] != y->partition[SOURCE])
		return x->partition[SOURCE] < y->partition[SOURCE] ? -1 : 1;
	if (x->partition[TARGET] != y->partition[TARGET])
		return x->partition[TARGET] < y->partition[TARGET] ? -1 : 1;
	return x->first[SOURCE] < y->first[SOURCE] ? -1 : x->first[SOURCE] > y->first[SOURCE];
}

struct target_rank {
	int64_t rank;
	uint32_t index;
};

static int by_target(const void *a, const void *b)
{
	const struct target_rank *x = a, *y = b;

	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Scratch for one judgement, all arrays by run. */
struct chain {
	struct target_rank *targets;
	uint32_t *place; /* position of the run in the order of the target, from 1 */
	uint64_t *best;  /* heaviest chain that ends in this run */
	int32_t *before; /* the run before it in that chain, or -1 */
	int32_t *tree; /* Fenwick: the run with the heaviest chain in a prefix of the target's order, or -1 */
	bool *stays;
};

static int chain_init(struct chain *chain, uint32_t count)
{
	*chain = (struct chain){
		.targets = malloc(count * sizeof *chain->targets),
		.place = malloc(count * sizeof *chain->place),
		.best = malloc(count * sizeof *chain->best),
		.before = malloc(count * sizeof *chain->before),
		.tree = malloc((count + 1) * sizeof *chain->tree),
		.stays = calloc(count, sizeof *chain->stays),
	};
	return chain->targets && chain->place && chain->best && chain->before && chain->tree && chain->stays
		       ? 0
		       : ERR_MEMORY;
}

static void chain_done(struct chain *chain)
{
	free(chain->targets);
	free(chain->place);
	free(chain->best);
	free(chain->before);
	free(chain->tree);
	free(chain->stays);
}

/* Marks the runs of the heaviest growing subsequence of `runs`, which are in the order of the source. */
static void chain_judge(struct chain *chain, const struct run *runs, uint32_t count)
{
	int32_t heaviest = -1;

	for (uint32_t i = 0; i < count; i++) {
		chain->targets[i] = (struct target_rank){ runs[i].first[TARGET], i };
		chain->tree[i + 1] = -1;
		chain->stays[i] = false;
	}
	qsort(chain->targets, count, sizeof *chain->targets, by_target);
	for (uint32_t i = 0; i < count; i++)
		chain->place[chain->targets[i].index] = i + 1;
	for (uint32_t i = 0; i < count; i++) {
		int32_t before = -1;

		for (uint32_t at = chain->place[i] - 1; at; at &= at - 1)
			if (chain->tree[at] >= 0 &&
			    (before < 0 || chain->best[chain->tree[at]] > chain->best[before]))
				before = chain->tree[at];
		chain->before[i] = before;
		chain->best[i] = runs[i].weight + (before < 0 ? 0 : chain->best[before]);
		for (uint32_t at = chain->place[i]; at <= count; at += at & -at)
			if (chain->tree[at] < 0 || chain->best[chain->tree[at]] < chain->best[i])
				chain->tree[at] = (int32_t)i;
		if (heaviest < 0 || chain->best[i] > chain->best[heaviest])
			heaviest = (int32_t)i;
	}
	for (int32_t i = heaviest; i >= 0; i = chain->before[i])
		chain->stays[i] = true;
}

static struct record_place run_place(const struct unit *unit, const struct run *run, enum log_side side)
{
	return (struct record_place){
		true,     !unit->whole_lane, run->partition[side], run->offset[side], run->timestamp[side],
		unit->key
	};
}

/* With unequal partition counts it is not yet known which partition is the key's home. */
static int keep_moved(struct join *join, const struct unit *unit, const struct finding *finding,
		      uint64_t weight)
{
	if (join->moved_count == join->moved_capacity) {
		size_t capacity = join->moved_capacity ? join->moved_capacity * 2 : 64;
		struct moved *moved = realloc(join->moved, capacity * sizeof *moved);

		if (!moved)
			return ERR_MEMORY;
		join->memory += (capacity - join->moved_capacity) * sizeof *moved;
		join->moved = moved;
		join->moved_capacity = capacity;
	}
	join->moved[join->moved_count++] = (struct moved){ unit->key, weight, *finding };
	return 0;
}

static bool is_key_example(const struct join *join, const struct finding *finding)
{
	const struct example_list *list = &join->examples[FINDING_REORDERED_KEY];

	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].place[SOURCE].partition == finding->place[SOURCE].partition &&
		    list->at[i].place[SOURCE].offset == finding->place[SOURCE].offset)
			return true;
	return false;
}

static int moved_found(struct join *join, const struct unit *unit, const struct run *run)
{
	struct finding finding = { .class = unit->whole_lane ? FINDING_REORDERED_PARTITION
							     : FINDING_REORDERED_KEY };

	finding.place[SOURCE] = run_place(unit, run, SOURCE);
	finding.place[TARGET] = run_place(unit, run, TARGET);
	if (!join->paired)
		return keep_moved(join, unit, &finding, run->weight);
	if (unit->whole_lane) {
		if (!is_key_example(join, &finding))
			add_example(join, &finding);
		return 0;
	}
	join->findings[FINDING_REORDERED_KEY] += run->weight;
	join_lane(join, run->partition[SOURCE])->key_moves += run->weight;
	add_example(join, &finding);
	return 0;
}

/* Runs of one pair of partitions. */
static int judge_runs(struct join *join, struct unit *unit, struct chain *chain, uint32_t first,
		      uint32_t count)
{
	uint64_t moves = 0;
	int err = 0;

	chain_judge(chain, unit->runs + first, count);
	for (uint32_t i = 0; i < count && err == 0; i++) {
		if (chain->stays[i])
			continue;
		moves += unit->runs[first + i].weight;
		err = moved_found(join, unit, &unit->runs[first + i]);
	}
	if (unit->whole_lane) {
		struct lane *lane = join_lane(join, unit->runs[first].partition[SOURCE]);

		/* Whoever moved within its key has been counted there. */
		join->findings[FINDING_REORDERED_PARTITION] +=
			moves > lane->key_moves ? moves - lane->key_moves : 0;
	}
	return err;
}

int unit_close(struct join *join, struct unit *unit)
{
	struct chain chain;
	int err = 0;

	if (unit->run_count > 1) {
		err = chain_init(&chain, unit->run_count);
		qsort(unit->runs, unit->run_count, sizeof *unit->runs, by_source);
		for (uint32_t first = 0, next; first < unit->run_count && err == 0; first = next) {
			const struct run *run = &unit->runs[first];

			for (next = first + 1; next < unit->run_count; next++)
				if (unit->runs[next].partition[SOURCE] != run->partition[SOURCE] ||
				    unit->runs[next].partition[TARGET] != run->partition[TARGET])
					break;
			err = judge_runs(join, unit, &chain, first, next - first);
		}
		chain_done(&chain);
	}
	join->memory -= unit->run_capacity * sizeof *unit->runs;
	free(unit->runs);
	unit->runs = NULL;
	unit->run_count = unit->run_capacity = 0;
	if (unit->whole_lane)
		return err;
	unit_remove(join, unit);
	join->memory -= sizeof *unit;
	free(unit);
	return err;
}
