/* test_transactions.c - committed, aborted, leaked and torn transactions, in one partition and linked across several. */
#include "model.h"

struct pair {
	struct sample_log logs[2];
	struct parity_report report;
	struct sample_run run;
};

static void pair_init(struct pair *pair, uint64_t seed)
{
	memset(pair, 0, sizeof *pair);
	sample_init(&pair->logs[SOURCE], SOURCE, 2);
	sample_init(&pair->logs[TARGET], TARGET, 2);
	pair->run = (struct sample_run){ .claim = CLAIM_KEY_ORDER, .seed = seed, .chance = seed };
}

static void pair_compare(struct pair *pair)
{
	sample_flush(&pair->logs[SOURCE]);
	sample_flush(&pair->logs[TARGET]);
	parity_report_init(&pair->report, CLAIM_KEY_ORDER);
	assert_int_equal(sample_compare(&pair->run, pair->logs, &pair->report), 0);
}

static void pair_done(struct pair *pair)
{
	parity_report_done(&pair->report);
	sample_done(&pair->logs[SOURCE]);
	sample_done(&pair->logs[TARGET]);
}

/* Record `n` of transaction `producer` (0: none) in a partition, on one side. */
static void put(struct pair *pair, enum log_side side, int32_t partition, int n, int64_t producer)
{
	char key[20], value[20];
	struct sample_record record = { .partition = partition,
					.timestamp = 1700000000000 + n,
					.key = key,
					.value = value,
					.producer_id = producer,
					.producer_epoch = 3 };

	snprintf(key, sizeof key, "k%d", n % 5);
	snprintf(value, sizeof value, "v%d", n);
	sample_add(&pair->logs[side], &record);
}

static void commit(struct pair *pair, enum log_side side, int32_t partition, int64_t producer, bool linked)
{
	sample_end_txn(&pair->logs[side], partition, producer, 3, linked ? 4 : 3, true);
}

#define SEEDS 20

/* The target holds the committed records of the source without any transaction around them. */
static void test_committed_and_aborted(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct pair pair;

		pair_init(&pair, seed);
		for (int n = 0; n < 40; n++) {
			put(&pair, SOURCE, 0, n, 11);
			put(&pair, TARGET, 0, n, 0);
		}
		commit(&pair, SOURCE, 0, 11, false);
		for (int n = 100; n < 120; n++)
			put(&pair, SOURCE, 0, n, 12);
		sample_end_txn(&pair.logs[SOURCE], 0, 12, 3, 3, false);
		for (int n = 40; n < 60; n++) {
			put(&pair, SOURCE, 0, n, 12);
			put(&pair, TARGET, 0, n, 0);
		}
		commit(&pair, SOURCE, 0, 12, false);
		pair_compare(&pair);
		assert_int_equal(found_all(&pair.report), 0);
		assert_int_equal(pair.report.verdict, PARITY_OPEN);
		assert_int_equal(pair.report.proved, CLAIM_PARTITION_ORDER);
		assert_int_equal(pair.report.topics[0].records[SOURCE], 60);
		pair_done(&pair);
	}
}

static void test_leak(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct pair pair;

		pair_init(&pair, seed);
		for (int n = 0; n < 20; n++) {
			put(&pair, SOURCE, 0, n, 0);
			put(&pair, TARGET, 0, n, 0);
		}
		for (int n = 100; n < 110; n++)
			put(&pair, SOURCE, 0, n, 12);
		sample_end_txn(&pair.logs[SOURCE], 0, 12, 3, 3, false);
		put(&pair, TARGET, 0, 104, 0);
		put(&pair, TARGET, 0, 999, 0);
		pair_compare(&pair);
		assert_int_equal(found(&pair.report, FINDING_ABORTED_LEAK), 1);
		assert_int_equal(found(&pair.report, FINDING_PHANTOM), 1);
		assert_int_equal(found_all(&pair.report), 2);
		assert_int_equal(example(&pair.report, FINDING_ABORTED_LEAK)->place[SOURCE].offset, 24);
		assert_int_equal(example(&pair.report, FINDING_ABORTED_LEAK)->place[TARGET].offset, 20);
		pair_done(&pair);
	}
}

/* One partition: part of a transaction missing is one TORN_TXN; all of it, LOST record by record. */
static void test_torn(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct pair pair;

		pair_init(&pair, seed);
		for (int txn = 0; txn < 6; txn++) {
			for (int n = 0; n < 10; n++) {
				put(&pair, SOURCE, 0, txn * 10 + n, 11);
				if (txn != 4 && !(txn == 2 && n >= 3 && n < 7))
					put(&pair, TARGET, 0, txn * 10 + n, 11);
			}
			commit(&pair, SOURCE, 0, 11, false);
			if (txn != 4)
				commit(&pair, TARGET, 0, 11, false);
		}
		pair_compare(&pair);
		assert_int_equal(found(&pair.report, FINDING_TORN_TXN), 1);
		assert_int_equal(found(&pair.report, FINDING_LOST), 10);
		assert_int_equal(found_all(&pair.report), 11);
		assert_int_equal(example(&pair.report, FINDING_TORN_TXN)->place[SOURCE].offset, 25);
		pair_done(&pair);
	}
}

/* Two partitions: whole missing in one of them is torn when the log links the two, and lost when it does not. */
static void test_linked(void **state)
{
	for (uint64_t seed = 0; seed < 2 * SEEDS; seed++) {
		bool linked = seed & 1;
		struct pair pair;

		pair_init(&pair, seed);
		for (int n = 0; n < 10; n++) {
			put(&pair, SOURCE, n & 1, n, 11);
			if (n & 1)
				put(&pair, TARGET, 1, n, 0);
		}
		commit(&pair, SOURCE, 0, 11, linked);
		commit(&pair, SOURCE, 1, 11, linked);
		pair_compare(&pair);
		assert_int_equal(found(&pair.report, FINDING_TORN_TXN), linked ? 1 : 0);
		assert_int_equal(found(&pair.report, FINDING_LOST), linked ? 0 : 5);
		assert_int_equal(found_all(&pair.report), linked ? 1 : 5);
		pair_done(&pair);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_committed_and_aborted),
		cmocka_unit_test(test_leak),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_linked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
