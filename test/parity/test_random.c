/*
 * test_random.c - many faults at once against a slow model, and the mutations that digests of different kinds miss.
 */
#include "model.h"

#define PARTITIONS 4

static int same(const struct model_record *a, const struct model_record *b)
{
	return a->is.partition == b->is.partition && a->is.timestamp == b->is.timestamp &&
	       !strcmp(a->key, b->key) && !strcmp(a->value, b->value);
}

/* Records of `a` without a twin in `b`, by comparing each with each. */
static int missing(const struct model *a, const struct model *b)
{
	char *taken = calloc((size_t)b->count + 1, 1);
	int count = 0;

	for (int i = 0; i < a->count; i++) {
		int j = 0;

		while (j < b->count && (taken[j] || !same(&a->at[i], &b->at[j])))
			j++;
		if (j < b->count)
			taken[j] = 1;
		else
			count++;
	}
	free(taken);
	return count;
}

/* Lost and doubled records, in logs with repeats, noise and any memory: the multiset is exact. */
static void test_multiset(void **state)
{
	int passes = 0;

	for (uint64_t seed = 1; seed < 80; seed++) {
		struct sample_run run = { .claim = CLAIM_CONTENT, .seed = seed, .chance = seed };
		struct model source, target;
		struct parity_report report;
		struct random r;
		int partitions = seed % 3 ? PARTITIONS : 3;

		random_seed(&r, seed);
		model_init(&source);
		model_init(&target);
		model_fill(&source, &r, 400, 25, PARTITIONS, 30);
		/* Times from a small range, so that repeats are the same records altogether. */
		for (int i = 0; i < source.count; i++)
			source.at[i].is.timestamp = 1700000000000 + (int64_t)(i / 100);
		model_copy(&target, &source);
		if (seed % 5 == 0)
			run.memory = 18000;
		for (int i = 0; i < 12; i++)
			model_remove(&target, (int)random_below(&r, (uint64_t)target.count));
		for (int i = 0; i < 12; i++) {
			int from = (int)random_below(&r, (uint64_t)target.count);
			int to = from + (int)random_below(&r, (uint64_t)(target.count - from));

			struct model_record copy = target.at[from];
			*model_insert(&target, to) = copy;
			model_mend(&target.at[to]);
		}
		if (partitions != PARTITIONS)
			for (int i = 0; i < target.count; i++)
				target.at[i].is.partition = atoi(target.at[i].key + 4) % partitions;
		model_compare(&run, &source, &target, PARTITIONS, partitions, &report);
		if (partitions != PARTITIONS)
			for (int i = 0; i < source.count; i++)
				source.at[i].is.partition = atoi(source.at[i].key + 4) % partitions;
		if ((int)(found(&report, FINDING_LOST) - found(&report, FINDING_DUPLICATE)) !=
			    missing(&source, &target) - missing(&target, &source) ||
		    (int)found(&report, FINDING_LOST) > missing(&source, &target)) {
			print_message("seed %llu: %d lost, %d doubled\n", (unsigned long long)seed,
				      missing(&source, &target), missing(&target, &source));
			print_findings(&report);
		}
		/* A lost and an extra record at the same place are one ALTERED: count those on both sides. */
		assert_int_equal(found(&report, FINDING_LOST) + found(&report, FINDING_ALTERED) +
					 found(&report, FINDING_META),
				 missing(&source, &target));
		assert_int_equal(found(&report, FINDING_DUPLICATE) + found(&report, FINDING_ALTERED) +
					 found(&report, FINDING_META),
				 missing(&target, &source));
		assert_int_equal(found(&report, FINDING_PHANTOM), 0);
		assert_int_equal(report.topics[0].matched,
				 (uint64_t)(source.count - missing(&source, &target)));
		passes += report.passes > 1;
		parity_report_done(&report);
		model_done(&source);
		model_done(&target);
	}
	print_message("%d comparisons took several passes\n", passes);
	assert_true(passes > 0);
}

/* The answer does not depend on batches, cuts or the order of reading, for logs with unique records. */
static void test_independence(void **state)
{
	for (uint64_t seed = 1; seed < 30; seed++) {
		struct model source, target;
		struct parity_report first, report;
		struct random r;

		random_seed(&r, seed);
		model_init(&source);
		model_init(&target);
		model_fill(&source, &r, 500, 25, PARTITIONS, 0);
		model_copy(&target, &source);
		for (int i = 0; i < 15; i++) {
			int at = (int)random_below(&r, (uint64_t)target.count - 60);

			switch (i % 5) {
			case 0: model_remove(&target, at); break;
			case 1: target.at[at].value[0] = '#'; break;
			case 2:
				for (int to = at; to < at + 50; to++)
					model_swap(&target, to, to + 1);
				break;
			case 3:
				target.at[at].is.partition = (target.at[at].is.partition + 1) % PARTITIONS;
				break;
			default: {
				struct model_record copy = target.at[at];
				*model_insert(&target, at + 40) = copy;
				model_mend(&target.at[at + 40]);
			}
			}
		}
		for (uint64_t chance = 0; chance < 12; chance++) {
			struct sample_run run = { .claim = CLAIM_PARTITION_ORDER,
						  .seed = seed,
						  .chance = chance };

			model_compare(&run, &source, &target, PARTITIONS, PARTITIONS,
				      chance ? &report : &first);
			if (!chance)
				continue;
			for (int class = 0; class < FINDING_CLASSES; class ++)
				assert_int_equal(found(&report, class), found(&first, class));
			assert_int_equal(report.topics[0].example_count, first.topics[0].example_count);
			for (size_t i = 0; i < report.topics[0].example_count; i++)
				for (int side = 0; side < 2; side++) {
					const struct record_place *a =
						&report.topics[0].examples[i].place[side];
					const struct record_place *b =
						&first.topics[0].examples[i].place[side];

					assert_int_equal(a->known, b->known);
					assert_int_equal(a->partition, b->partition);
					assert_int_equal(a->offset, b->offset);
				}
			parity_report_done(&report);
		}
		parity_report_done(&first);
		model_done(&source);
		model_done(&target);
	}
}

/* Fewest moves within a key, against the longest common subsequence, found the slow way. */
static int slow_moves(const int *order, int count)
{
	int best[64], most = 0;

	for (int i = 0; i < count; i++) {
		best[i] = 1;
		for (int j = 0; j < i; j++)
			if (order[j] < order[i] && best[j] + 1 > best[i])
				best[i] = best[j] + 1;
		most = best[i] > most ? best[i] : most;
	}
	return count - most;
}

static void test_fewest_moves(void **state)
{
	for (uint64_t seed = 1; seed < 200; seed++) {
		struct sample_run run = { .claim = seed & 1 ? CLAIM_KEY_ORDER : CLAIM_PARTITION_ORDER,
					  .seed = seed,
					  .chance = seed };
		int target_partitions = seed % 4 == 1 ? 2 : 1, order[40], count = 40;
		struct model source, target;
		struct parity_report report;
		struct random r;

		random_seed(&r, seed);
		model_init(&source);
		model_init(&target);
		model_fill(&source, &r, count, 1, 1, 0);
		model_copy(&target, &source);
		for (int i = 0; i < count; i++)
			order[i] = i;
		for (int swaps = (int)random_below(&r, 20); swaps > 0; swaps--) {
			int a = (int)random_below(&r, (uint64_t)count),
			    b = (int)random_below(&r, (uint64_t)count);
			int held = order[a];

			order[a] = order[b];
			order[b] = held;
			model_swap(&target, a, b);
		}
		model_compare(&run, &source, &target, 1, target_partitions, &report);
		if ((int)found_all(&report) != slow_moves(order, count)) {
			print_message("seed %llu: %d moves\n", (unsigned long long)seed,
				      slow_moves(order, count));
			print_findings(&report);
		}
		assert_int_equal(found(&report, FINDING_REORDERED_KEY), slow_moves(order, count));
		assert_int_equal(found_all(&report), slow_moves(order, count));
		parity_report_done(&report);
		model_done(&source);
		model_done(&target);
	}
}

/*
 * The mutations of the matrix: a log with 15 % identical payloads, changed in one way.  Each claim must find what it
 * claims, and what it does not claim must come out open: a blind spot that is not declared would be a lie.
 */
enum mutation {
	LOST_ONE,
	DOUBLED,
	PAYLOAD,
	LOST_AND_DOUBLED,
	PAIR_REPLACED,
	SWAPPED_IN_KEY,
	SWAPPED_ACROSS,
	OTHER_PARTITION,
	KEY_CHANGED,
	TAIL,
	REPEATS_PERMUTED,
	MUTATIONS,
};

/* By mutation: the weakest claim that finds it. */
static const enum claim finds[MUTATIONS] = {
	[LOST_ONE] = CLAIM_CONTENT,
	[DOUBLED] = CLAIM_CONTENT,
	[PAYLOAD] = CLAIM_CONTENT,
	[LOST_AND_DOUBLED] = CLAIM_CONTENT,
	[PAIR_REPLACED] = CLAIM_CONTENT,
	[SWAPPED_IN_KEY] = CLAIM_KEY_ORDER,
	[SWAPPED_ACROSS] = CLAIM_PARTITION_ORDER,
	[OTHER_PARTITION] = CLAIM_KEY_ORDER,
	[KEY_CHANGED] = CLAIM_CONTENT,
	[TAIL] = CLAIM_CONTENT,
	[REPEATS_PERMUTED] = CLAIM_KEY_ORDER,
};

static int find_like(const struct model *model, int from, int like, bool same_key, bool same_value)
{
	for (int i = from; i < model->count; i++)
		if (i != like && model->at[i].is.partition == model->at[like].is.partition &&
		    !strcmp(model->at[i].key, model->at[like].key) == same_key &&
		    !strcmp(model->at[i].value, model->at[like].value) == same_value)
			return i;
	return -1;
}

/* False when this log has no place for the mutation. */
static bool mutate(struct model *source, struct model *target, enum mutation mutation, struct random *r)
{
	int at = (int)random_below(r, 300), other;
	struct model_record copy;

	switch (mutation) {
	case LOST_ONE: model_remove(target, at); return true;
	case DOUBLED:
		copy = target->at[at];
		*model_insert(target, at + 1) = copy;
		model_mend(&target->at[at + 1]);
		return true;
	case PAYLOAD: target->at[at].value[1] ^= 1; return true;
	case LOST_AND_DOUBLED:
		model_remove(target, at);
		copy = target->at[at + 40];
		*model_insert(target, at + 50) = copy;
		model_mend(&target->at[at + 50]);
		return true;
	case PAIR_REPLACED:
		/* Two identical records on the source, two others on the target: an XOR of digests sees nothing. */
		for (int i = 0; i < 2; i++) {
			copy = source->at[at];
			snprintf(copy.value, sizeof copy.value, "pair-one");
			*model_insert(source, at) = copy;
			model_mend(&source->at[at]);
			snprintf(copy.value, sizeof copy.value, "pair-two");
			*model_insert(target, at) = copy;
			model_mend(&target->at[at]);
		}
		return true;
	case SWAPPED_IN_KEY:
		other = find_like(target, at + 1, at, true, false);
		if (other < 0)
			return false;
		model_swap(target, at, other);
		return true;
	case SWAPPED_ACROSS:
		for (other = at + 1; other < target->count; other++)
			if (target->at[other].is.partition == target->at[at].is.partition)
				break;
		if (other == target->count || !strcmp(target->at[other].key, target->at[at].key))
			return false;
		model_swap(target, at, other);
		return true;
	case OTHER_PARTITION:
		target->at[at].is.partition = (target->at[at].is.partition + 1) % PARTITIONS;
		return true;
	case KEY_CHANGED: target->at[at].key[0] = 'q'; return true;
	case TAIL: target->count -= 7; return true;
	case REPEATS_PERMUTED:
		/* a a b a becomes a b a a */
		copy = source->at[at];
		for (int i = 0; i < 4; i++) {
			snprintf(copy.value, sizeof copy.value, i == 2 ? "b" : "a");
			*model_insert(source, at + i) = copy;
			model_mend(&source->at[at + i]);
		}
		model_copy(target, source);
		model_swap(target, at + 1, at + 2);
		return true;
	default: return false;
	}
}

static void test_matrix(void **state)
{
	static const enum claim claims[] = { CLAIM_CONTENT, CLAIM_KEY_ORDER, CLAIM_PARTITION_ORDER };
	struct model source, target;

	model_init(&source);
	model_init(&target);
	for (int mutation = 0; mutation < MUTATIONS; mutation++) {
		for (uint64_t seed = 1; seed <= 30; seed++) {
			struct random r;

			random_seed(&r, seed * 97 + (uint64_t)mutation);
			model_fill(&source, &r, 400, 25, PARTITIONS, 15);
			for (int i = 0; i < source.count; i++)
				source.at[i].is.timestamp = 1700000000000;
			model_copy(&target, &source);
			if (!mutate(&source, &target, (enum mutation)mutation, &r))
				continue;
			for (size_t c = 0; c < sizeof claims / sizeof *claims; c++) {
				struct sample_run run = { .claim = claims[c], .seed = seed, .chance = seed };
				bool expected = claims[c] >= finds[mutation];
				struct parity_report report;

				model_compare(&run, &source, &target, PARTITIONS, PARTITIONS, &report);
				if ((report.verdict == PARITY_SHUT) != expected) {
					print_message("mutation %d seed %llu claim %s: %s\n", mutation,
						      (unsigned long long)seed, claim_word(claims[c]),
						      parity_verdict_word(report.verdict));
					print_findings(&report);
				}
				assert_int_equal(report.verdict, expected ? PARITY_SHUT : PARITY_OPEN);
				parity_report_done(&report);
			}
		}
	}
	model_done(&source);
	model_done(&target);
}

/* Unequal partition counts: a key's home is where most of it stands. */
static void test_unequal(void **state)
{
	for (uint64_t seed = 1; seed < 40; seed++) {
		struct sample_run run = { .claim = CLAIM_KEY_ORDER, .seed = seed, .chance = seed };
		struct model source, target;
		struct parity_report report;
		struct random r;
		int strayed;

		random_seed(&r, seed);
		model_init(&source);
		model_init(&target);
		model_fill(&source, &r, 500, 20, PARTITIONS, 0);
		model_copy(&target, &source);
		for (int i = 0; i < target.count; i++)
			target.at[i].is.partition = atoi(target.at[i].key + 4) % 6;
		model_compare(&run, &source, &target, PARTITIONS, 6, &report);
		assert_int_equal(report.verdict, PARITY_OPEN);
		assert_int_equal(report.proved, CLAIM_KEY_ORDER);
		parity_report_done(&report);

		strayed = (int)random_below(&r, 500);
		target.at[strayed].is.partition = (target.at[strayed].is.partition + 1) % 6;
		model_compare(&run, &source, &target, PARTITIONS, 6, &report);
		if (found_all(&report) != 1)
			print_findings(&report);
		assert_int_equal(found(&report, FINDING_MISROUTED), 1);
		assert_int_equal(found_all(&report), 1);
		assert_int_equal(example(&report, FINDING_MISROUTED)->place[TARGET].offset,
				 model_offset(&target, strayed));
		parity_report_done(&report);

		model_remove(&target, strayed);
		model_compare(&run, &source, &target, PARTITIONS, 6, &report);
		assert_int_equal(found(&report, FINDING_LOST), 1);
		assert_int_equal(found_all(&report), 1);
		parity_report_done(&report);
		model_done(&source);
		model_done(&target);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_multiset),     cmocka_unit_test(test_independence),
		cmocka_unit_test(test_fewest_moves), cmocka_unit_test(test_matrix),
		cmocka_unit_test(test_unequal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
