/*
 * test_planted.c - each class planted alone: exactly it is found, at its place, and nothing else; whatever the batches,
 * codecs, cuts and the order of reading.
 */
#include "model.h"

#define RECORDS    600
#define KEYS       25
#define PARTITIONS 4

struct play {
	struct model source, target;
	struct random random;
	struct sample_run run;
	struct parity_report report;
};

static void play_init(struct play *play, uint64_t seed, enum claim claim)
{
	memset(play, 0, sizeof *play);
	model_init(&play->source);
	model_init(&play->target);
	random_seed(&play->random, seed);
	model_fill(&play->source, &play->random, RECORDS, KEYS, PARTITIONS, 0);
	model_copy(&play->target, &play->source);
	play->run = (struct sample_run){ .claim = claim, .seed = 7 + seed, .chance = seed };
}

static void play_done(struct play *play)
{
	parity_report_done(&play->report);
	model_done(&play->source);
	model_done(&play->target);
}

static void compare(struct play *play)
{
	model_compare(&play->run, &play->source, &play->target, PARTITIONS, PARTITIONS, &play->report);
}

/* Exactly one finding of this class, at these places (an index below zero: no place on that side). */
static void expect_one(struct play *play, enum finding_class class, int source, int target)
{
	const struct finding *finding;

	compare(play);
	if (found(&play->report, class) != 1 || found_all(&play->report) != 1) {
		print_message("seed %llu, wanted one %s:\n", (unsigned long long)play->run.chance,
			      finding_word(class));
		print_findings(&play->report);
	}
	assert_int_equal(found(&play->report, class), 1);
	assert_int_equal(found_all(&play->report), 1);
	assert_int_equal(play->report.verdict, PARITY_SHUT);
	finding = example(&play->report, class);
	assert_non_null(finding);
	assert_int_equal(finding->place[SOURCE].known, source >= 0);
	assert_int_equal(finding->place[TARGET].known, target >= 0);
	if (source >= 0) {
		assert_int_equal(finding->place[SOURCE].partition, play->source.at[source].is.partition);
		assert_int_equal(finding->place[SOURCE].offset, model_offset(&play->source, source));
		assert_int_equal(finding->place[SOURCE].timestamp, play->source.at[source].is.timestamp);
	}
	if (target >= 0) {
		assert_int_equal(finding->place[TARGET].partition, play->target.at[target].is.partition);
		assert_int_equal(finding->place[TARGET].offset, model_offset(&play->target, target));
	}
}

#define SEEDS 24

static void test_equal(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct play play;

		play_init(&play, seed, CLAIM_KEY_ORDER);
		compare(&play);
		assert_int_equal(found_all(&play.report), 0);
		assert_int_equal(play.report.verdict, PARITY_OPEN);
		assert_int_equal(play.report.proved, CLAIM_OFFSETS);
		assert_int_equal(play.report.topics[0].matched, RECORDS);
		assert_int_equal(play.report.topics[0].records[SOURCE], RECORDS);
		assert_int_equal(play.report.topics[0].bytes[SOURCE], play.report.topics[0].bytes[TARGET]);
		play_done(&play);
	}
}

static void test_lost(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct play play;
		int at;

		play_init(&play, seed, CLAIM_KEY_ORDER);
		at = (int)random_below(&play.random, RECORDS);
		model_remove(&play.target, at);
		expect_one(&play, FINDING_LOST, at, -1);
		assert_int_equal(play.report.proved, CLAIM_NONE);
		play_done(&play);
	}
}

static void test_phantom(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct play play;
		struct model_record *record;
		int at;

		play_init(&play, seed, CLAIM_KEY_ORDER);
		at = (int)random_below(&play.random, RECORDS);
		record = model_insert(&play.target, at);
		memset(record, 0, sizeof *record);
		snprintf(record->key, sizeof record->key, "key-1");
		snprintf(record->value, sizeof record->value, "out of nowhere");
		record->is = (struct sample_record){
			.partition = 1, .timestamp = 1700000000003, .key = record->key, .value = record->value
		};
		expect_one(&play, FINDING_PHANTOM, -1, at);
		play_done(&play);
	}
}

static void test_duplicate(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct play play;
		int at, later;

		play_init(&play, seed, CLAIM_KEY_ORDER);
		at = (int)random_below(&play.random, RECORDS - 100);
		later = at + 1 + (int)random_below(&play.random, 90);
		*model_insert(&play.target, later) = play.target.at[at];
		model_mend(&play.target.at[later]);
		expect_one(&play, FINDING_DUPLICATE, at, later);
		play_done(&play);
	}
}

static void test_altered_value(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct play play;
		int at;

		play_init(&play, seed, CLAIM_KEY_ORDER);
		at = (int)random_below(&play.random, RECORDS);
		play.target.at[at].value[6] = '!';
		expect_one(&play, FINDING_ALTERED, at, at);
		assert_int_equal(play.report.proved, CLAIM_COUNTS);
		play_done(&play);
	}
}

static void test_altered_key(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct play play;
		int at;

		play_init(&play, seed, CLAIM_KEY_ORDER);
		at = (int)random_below(&play.random, RECORDS);
		play.target.at[at].key[0] = 'K';
		expect_one(&play, FINDING_ALTERED, at, at);
		play_done(&play);
	}
}

static void test_meta(void **state)
{
	for (uint64_t seed = 0; seed < 5 * SEEDS; seed++) {
		struct play play;
		struct model_record *record;
		int at;

		play_init(&play, seed, CLAIM_KEY_ORDER);
		at = (int)random_below(&play.random, RECORDS);
		record = &play.target.at[at];
		switch (seed % 5) {
		case 0: record->is.timestamp += 1; break;
		case 1:
			snprintf(record->header, sizeof record->header, "7");
			record->is.header_name = "trace";
			record->is.header_value = record->header;
			break;
		case 2:
			record->value[0] = play.source.at[at].value[0] = 0;
			record->is.value = NULL;
			break;
		case 3:
			play.source.at[at].key[0] = record->key[0] = 0;
			record->is.key = NULL;
			break;
		default: record->is.timestamp = 1600000000000; break;
		}
		expect_one(&play, FINDING_META, at, at);
		play_done(&play);
	}
}

/* Moves record `from` behind `to`. */
static void move_back(struct model *model, int from, int to)
{
	for (int i = from; i < to; i++)
		model_swap(model, i, i + 1);
}

static int next_of_key(const struct model *model, int at)
{
	for (int i = at + 1; i < model->count; i++)
		if (!strcmp(model->at[i].key, model->at[at].key))
			return i;
	return -1;
}

static int next_of_partition(const struct model *model, int at)
{
	for (int i = at + 1; i < model->count; i++)
		if (model->at[i].is.partition == model->at[at].is.partition)
			return i;
	return -1;
}

static void test_reordered_key(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct play play;
		int at, to;

		play_init(&play, seed, seed & 1 ? CLAIM_KEY_ORDER : CLAIM_PARTITION_ORDER);
		at = (int)random_below(&play.random, RECORDS / 3);
		/* Behind two of its key, so that there is no doubt which one moved. */
		to = next_of_key(&play.target, next_of_key(&play.target, at));
		assert_true(to > 0);
		move_back(&play.target, at, to);
		if (seed & 1) {
			expect_one(&play, FINDING_REORDERED_KEY, at, to);
			assert_int_equal(play.report.proved, CLAIM_CONTENT);
		} else {
			compare(&play);
			assert_int_equal(found(&play.report, FINDING_REORDERED_KEY), 1);
			assert_int_equal(found_all(&play.report), 1);
		}
		play_done(&play);
	}
}

static void test_reordered_partition(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct play play;
		int at, to;

		play_init(&play, seed, CLAIM_PARTITION_ORDER);
		do {
			at = (int)random_below(&play.random, RECORDS / 2);
			to = next_of_partition(&play.target, next_of_partition(&play.target, at));
		} while (next_of_key(&play.target, at) <= to);
		move_back(&play.target, at, to);
		expect_one(&play, FINDING_REORDERED_PARTITION, at, to);
		assert_int_equal(play.report.proved, CLAIM_KEY_ORDER);
		parity_report_done(&play.report);
		play.run.claim = CLAIM_KEY_ORDER;
		compare(&play);
		assert_int_equal(play.report.verdict, PARITY_OPEN);
		assert_int_equal(play.report.proved, CLAIM_KEY_ORDER);
		play_done(&play);
	}
}

static void test_misrouted(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct play play;
		int at;

		play_init(&play, seed, CLAIM_KEY_ORDER);
		at = (int)random_below(&play.random, RECORDS);
		play.target.at[at].is.partition = (play.target.at[at].is.partition + 1) % PARTITIONS;
		expect_one(&play, FINDING_MISROUTED, at, at);
		assert_int_equal(play.report.proved, CLAIM_CONTENT);
		parity_report_done(&play.report);
		play.run.claim = CLAIM_CONTENT;
		compare(&play);
		assert_int_equal(found_all(&play.report), 0);
		assert_int_equal(play.report.verdict, PARITY_OPEN);
		assert_int_equal(play.report.proved, CLAIM_CONTENT);
		play_done(&play);
	}
}

/* Half of the records have no key: they go wherever, and nobody minds below partition-order. */
static void test_keyless(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct play play;

		play_init(&play, seed, CLAIM_KEY_ORDER);
		for (int i = 0; i < RECORDS; i += 2) {
			play.source.at[i].is.key = play.target.at[i].is.key = NULL;
			play.source.at[i].is.partition = (int)random_below(&play.random, PARTITIONS);
			play.target.at[i].is.partition = (int)random_below(&play.random, PARTITIONS);
		}
		compare(&play);
		assert_int_equal(found_all(&play.report), 0);
		assert_int_equal(play.report.topics[0].matched, RECORDS);
		assert_int_equal(play.report.verdict, PARITY_OPEN);
		assert_int_equal(play.report.proved, CLAIM_KEY_ORDER);
		parity_report_done(&play.report);
		model_remove(&play.target, 100);
		expect_one(&play, FINDING_LOST, 100, -1);
		play_done(&play);
	}
}

static void test_declared_identity(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct play play;
		int at;

		play_init(&play, seed, CLAIM_KEY_ORDER);
		for (int i = 0; i < RECORDS; i++) {
			snprintf(play.source.at[i].header, sizeof play.source.at[i].header, "id-%d", i);
			play.source.at[i].is.header_name = "id";
			play.source.at[i].is.header_value = play.source.at[i].header;
		}
		model_copy(&play.target, &play.source);
		play.run.identity = seed & 1 ? IDENTITY_HEADER : IDENTITY_KEY_HEADER;
		play.run.identity_header = "id";
		at = (int)random_below(&play.random, RECORDS);
		/* Value and time both changed: only the identity still says that this is the same event. */
		snprintf(play.target.at[at].value, sizeof play.target.at[at].value, "something else");
		play.target.at[at].is.timestamp += 12345;
		expect_one(&play, FINDING_ALTERED, at, at);
		assert_int_equal(play.report.topics[0].unidentified, 0);
		play_done(&play);
	}
}

static void test_ignored_header(void **state)
{
	static const char *const ignored[] = { "trace" };

	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct play play;

		play_init(&play, seed, CLAIM_KEY_ORDER);
		for (int i = 0; i < RECORDS; i += 3) {
			play.target.at[i].is.header_name = "trace";
			play.target.at[i].is.header_value = play.target.at[i].header;
		}
		play.run.ignore_headers = ignored;
		play.run.ignore_header_count = 1;
		compare(&play);
		assert_int_equal(found_all(&play.report), 0);
		assert_int_equal(play.report.verdict, PARITY_OPEN);
		assert_int_equal(play.report.topics[0].bytes[SOURCE], play.report.topics[0].bytes[TARGET]);
		play_done(&play);
	}
}

static void test_unreadable(void **state)
{
	for (uint64_t seed = 0; seed < 2 * SEEDS; seed++) {
		enum log_side side = seed & 1 ? TARGET : SOURCE;
		struct sample_log logs[2];
		struct play play;

		play_init(&play, seed, CLAIM_KEY_ORDER);
		sample_init(&logs[SOURCE], SOURCE, PARTITIONS);
		sample_init(&logs[TARGET], TARGET, PARTITIONS);
		logs[SOURCE].batch_records = 5;
		logs[TARGET].batch_records = 7;
		model_write(&play.source, &logs[SOURCE]);
		model_write(&play.target, &logs[TARGET]);
		sample_break(&logs[side], 2, (int64_t)random_below(&play.random, 100));
		parity_report_init(&play.report, CLAIM_KEY_ORDER);
		assert_int_equal(sample_compare(&play.run, logs, &play.report), 0);
		if (found_all(&play.report) != 1)
			print_findings(&play.report);
		assert_int_equal(found_all(&play.report), 1);
		assert_int_equal(found(&play.report, FINDING_UNREADABLE), 1);
		assert_int_equal(play.report.verdict, side == TARGET ? PARITY_SHUT : PARITY_UNKNOWN);
		assert_int_equal(play.report.topics[0].records[side], RECORDS);
		sample_done(&logs[SOURCE]);
		sample_done(&logs[TARGET]);
		play_done(&play);
	}
}

/* The source has lost its history up to some offset: unknown, and no finding is made of it. */
static void test_hole(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct sample_log logs[2];
		struct play play;

		play_init(&play, seed, CLAIM_KEY_ORDER);
		sample_init(&logs[SOURCE], SOURCE, PARTITIONS);
		sample_init(&logs[TARGET], TARGET, PARTITIONS);
		model_write(&play.source, &logs[SOURCE]);
		model_write(&play.target, &logs[TARGET]);
		logs[seed & 1].partitions[1].from = 1 + (int64_t)random_below(&play.random, 60);
		parity_report_init(&play.report, CLAIM_KEY_ORDER);
		assert_int_equal(sample_compare(&play.run, logs, &play.report), 0);
		assert_int_equal(found_all(&play.report), 0);
		assert_int_equal(play.report.verdict, PARITY_UNKNOWN);
		assert_string_equal(play.report.reasons[0].code, "COVERAGE_HOLE");
		sample_done(&logs[SOURCE]);
		sample_done(&logs[TARGET]);
		play_done(&play);
	}
}

/* An application that writes to both sides at once: neighbours of different keys stand in different order. */
static void test_noise(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct play play;
		int at;

		play_init(&play, seed, CLAIM_KEY_ORDER);
		for (int i = 0; i + 1 < RECORDS; i++)
			if (random_below(&play.random, 2) &&
			    strcmp(play.target.at[i].key, play.target.at[i + 1].key))
				model_swap(&play.target, i, i + 1);
		compare(&play);
		assert_int_equal(found_all(&play.report), 0);
		assert_int_equal(play.report.verdict, PARITY_OPEN);
		parity_report_done(&play.report);
		at = (int)random_below(&play.random, RECORDS);
		model_remove(&play.source, at);
		compare(&play);
		assert_int_equal(found(&play.report, FINDING_PHANTOM), 1);
		assert_int_equal(found_all(&play.report), 1);
		play_done(&play);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_phantom),
		cmocka_unit_test(test_duplicate),
		cmocka_unit_test(test_altered_value),
		cmocka_unit_test(test_altered_key),
		cmocka_unit_test(test_meta),
		cmocka_unit_test(test_reordered_key),
		cmocka_unit_test(test_reordered_partition),
		cmocka_unit_test(test_misrouted),
		cmocka_unit_test(test_keyless),
		cmocka_unit_test(test_declared_identity),
		cmocka_unit_test(test_ignored_header),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_hole),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
