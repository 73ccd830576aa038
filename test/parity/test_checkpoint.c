/* test_checkpoint.c - a join that is saved, thrown away and loaded again, anywhere and often, says the same in the end. */
#include "model.h"

#include "parity/controls.h"

static void same_report(const struct parity_report *a, const struct parity_report *b)
{
	const struct topic_report *x = &a->topics[0], *y = &b->topics[0];

	for (int class = 0; class < FINDING_CLASSES; class ++)
		assert_int_equal(x->findings[class], y->findings[class]);
	for (int side = 0; side < 2; side++) {
		assert_int_equal(x->records[side], y->records[side]);
		assert_int_equal(x->bytes[side], y->bytes[side]);
	}
	assert_int_equal(x->matched, y->matched);
	assert_int_equal(a->verdict, b->verdict);
	assert_int_equal(a->proved, b->proved);
	assert_int_equal(x->example_count, y->example_count);
	for (size_t i = 0; i < x->example_count; i++)
		for (int side = 0; side < 2; side++) {
			assert_int_equal(x->examples[i].place[side].known, y->examples[i].place[side].known);
			assert_int_equal(x->examples[i].place[side].offset,
					 y->examples[i].place[side].offset);
		}
	for (size_t i = 0; i < x->range_count; i++)
		for (int side = 0; side < 2; side++) {
			assert_int_equal(x->ranges[i].covered[side].from, y->ranges[i].covered[side].from);
			assert_int_equal(x->ranges[i].covered[side].until, y->ranges[i].covered[side].until);
		}
}

static void test_restarts(void **state)
{
	for (uint64_t seed = 1; seed < 60; seed++) {
		struct sample_run run = { .claim = seed % 3 ? CLAIM_PARTITION_ORDER : CLAIM_KEY_ORDER,
					  .seed = seed,
					  .chance = seed };
		int target_partitions = seed % 3 ? 4 : 6;
		struct model source, target;
		struct parity_report whole, parts;
		struct random r;

		random_seed(&r, seed);
		model_init(&source);
		model_init(&target);
		model_fill(&source, &r, 500, 25, 4, 0);
		model_copy(&target, &source);
		for (int i = 0; i < 12; i++) {
			int at = (int)random_below(&r, (uint64_t)target.count - 60);

			switch (i % 4) {
			case 0: model_remove(&target, at); break;
			case 1: target.at[at].value[0] = '#'; break;
			case 2:
				for (int to = at; to < at + 50; to++)
					model_swap(&target, to, to + 1);
				break;
			default: target.at[at].is.partition = (target.at[at].is.partition + 1) % 4;
			}
		}
		model_compare(&run, &source, &target, 4, target_partitions, &whole);
		run.restarts = 1 + (int)(seed % 20);
		model_compare(&run, &source, &target, 4, target_partitions, &parts);
		same_report(&whole, &parts);
		parity_report_done(&whole);
		parity_report_done(&parts);
		model_done(&source);
		model_done(&target);
	}
}

/* Transactions that are open when the program is killed are torn or whole as before. */
static void test_restarts_in_transactions(void **state)
{
	for (uint64_t seed = 1; seed < 40; seed++) {
		struct sample_run run = {
			.claim = CLAIM_KEY_ORDER, .seed = seed, .chance = seed, .restarts = (int)(seed % 10)
		};
		struct parity_report report;
		struct sample_log logs[2];

		sample_init(&logs[SOURCE], SOURCE, 1);
		sample_init(&logs[TARGET], TARGET, 1);
		logs[SOURCE].batch_records = 3;
		for (int n = 0; n < 200; n++) {
			char key[20], value[20];
			struct sample_record record = {
				.timestamp = 1700000000000 + n, .key = key, .value = value, .producer_id = 5
			};

			snprintf(key, sizeof key, "k%d", n % 7);
			snprintf(value, sizeof value, "v%d", n);
			sample_add(&logs[SOURCE], &record);
			if (n % 10 == 9)
				sample_end_txn(&logs[SOURCE], 0, 5, 0, 0, true);
			record.producer_id = 0;
			/* Of the fifth a part is missing, of the ninth all. */
			if (!(n >= 42 && n < 45) && n / 10 != 8)
				sample_add(&logs[TARGET], &record);
		}
		sample_flush(&logs[TARGET]);
		parity_report_init(&report, CLAIM_KEY_ORDER);
		assert_int_equal(sample_compare(&run, logs, &report), 0);
		assert_int_equal(found(&report, FINDING_TORN_TXN), 1);
		assert_int_equal(found(&report, FINDING_LOST), 10);
		assert_int_equal(found_all(&report), 11);
		parity_report_done(&report);
		sample_done(&logs[SOURCE]);
		sample_done(&logs[TARGET]);
	}
}

/* Whatever the bytes are: an error or a join, never harm. */
static void test_damaged(void **state)
{
	struct join_options options = { .claim = CLAIM_PARTITION_ORDER,
					.partitions = { 2, 2 },
					.shards = 1,
					.memory = SIZE_MAX,
					.examples = 20 };
	struct random r;

	random_seed(&r, 3);
	for (int round = 0; round < 3000; round++) {
		uint8_t bytes[600];
		struct join *join = join_new(&options);
		struct cursor in = cursor_over(view_of(bytes, sizeof bytes - random_below(&r, 500)));

		for (size_t i = 0; i < sizeof bytes; i++)
			bytes[i] = (uint8_t)(random_below(&r, 8) ? 0 : random_u64(&r));
		join_load(join, &in);
		join_free(join);
	}
}

static void test_controls(void **state)
{
	struct fault fault = { 0 };

	if (controls_run(&fault) < 0)
		print_message("%s\n", fault.text);
	assert_int_equal(controls_run(&fault), 0);
}

/* Compaction on one side, tombstones taken away: the same table. */
static void test_latest(void **state)
{
	for (uint64_t seed = 1; seed < 40; seed++) {
		struct sample_run run = {
			.claim = CLAIM_LATEST, .seed = seed, .chance = seed, .memory = seed % 4 ? 0 : 150000
		};
		struct model source, target;
		struct parity_report report;
		struct random r;
		int last = -1;

		random_seed(&r, seed);
		model_init(&source);
		model_init(&target);
		model_fill(&source, &r, 800, 60, 4, 0);
		for (int i = 0; i < source.count; i++)
			if (atoi(source.at[i].key + 4) < 5)
				source.at[i].is.value = NULL;
		/* The target keeps the last of each key, and no tombstones. */
		for (int i = 0; i < source.count; i++) {
			bool later = false;

			for (int j = i + 1; j < source.count; j++)
				later |= !strcmp(source.at[i].key, source.at[j].key);
			if (later || !source.at[i].is.value)
				continue;
			target.at[target.count] = source.at[i];
			model_mend(&target.at[target.count]);
			target.at[target.count].is.timestamp++;
			last = target.count++;
		}
		model_compare(&run, &source, &target, 4, 4, &report);
		assert_int_equal(found_all(&report), 0);
		assert_int_equal(report.verdict, PARITY_OPEN);
		assert_int_equal(report.proved, CLAIM_LATEST);
		parity_report_done(&report);
		target.at[last].value[0] = '#';
		model_compare(&run, &source, &target, 4, 4, &report);
		assert_int_equal(found(&report, FINDING_COMPACTED), 1);
		assert_int_equal(found_all(&report), 1);
		assert_int_equal(report.verdict, PARITY_SHUT);
		parity_report_done(&report);
		model_done(&source);
		model_done(&target);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restarts), cmocka_unit_test(test_restarts_in_transactions),
		cmocka_unit_test(test_damaged),  cmocka_unit_test(test_controls),
		cmocka_unit_test(test_latest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
