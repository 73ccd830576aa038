/* test_stand.c - a join that goes on, looked at, copied and finished, while more comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "parity/join.h"
#include "parity/sample.h"

#define SEED 7

struct play {
	struct sample_log logs[2];
	struct join *join;
	int64_t read[2]; /* offsets of the one partition */
	char says[400];  /* of the last judgement: why it is not known */
};

static void play_open(struct play *play, enum claim claim)
{
	struct join_options options = { .claim = claim,
					.partitions = { 1, 1 },
					.seed = SEED,
					.shards = 1,
					.memory = SIZE_MAX,
					.examples = 20 };

	*play = (struct play){ .join = join_new(&options) };
	assert_non_null(play->join);
	for (int side = 0; side < 2; side++) {
		sample_init(&play->logs[side], (enum log_side)side, 1);
		assert_int_equal(join_begin(play->join, (enum log_side)side, 0, 0, false), 0);
	}
}

static void play_close(struct play *play)
{
	join_free(play->join);
	sample_done(&play->logs[SOURCE]);
	sample_done(&play->logs[TARGET]);
}

static void add(struct play *play, int side, int number)
{
	char key[20], value[20];
	struct sample_record record = { .timestamp = 1700000000000 + number, .key = key, .value = value };

	snprintf(key, sizeof key, "k%d", number % 3);
	snprintf(value, sizeof value, "v%d", number);
	sample_add(&play->logs[side], &record);
}

static void add_both(struct play *play, int first, int count)
{
	for (int side = 0; side < 2; side++)
		for (int i = 0; i < count; i++)
			add(play, side, first + i);
}

/* What has been added since is read, and eaten as a follower does that is asked. */
static void look(struct play *play, struct join_standing *stand)
{
	for (int side = 0; side < 2; side++) {
		struct sample_partition *partition = &play->logs[side].partitions[0];
		const struct decode_options options = { .seed = SEED, .shards = 1 };
		struct decoder *decoder = decoder_new(1 << 20);
		struct decode_input input;
		struct slab *slab;
		int more;

		sample_flush(&play->logs[side]);
		assert_int_equal(play->logs[side].err, 0);
		input = (struct decode_input){ .side = (enum log_side)side,
					       .bytes = buffer_bytes(&partition->bytes),
					       .from = play->read[side],
					       .until = INT64_MAX,
					       .slab_bytes = 1 << 20 };
		assert_int_equal(decode_begin(decoder, &input), 0);
		while ((more = decode_next(decoder, &options, &input, &slab)) > 0)
			join_push(play->join, slab);
		assert_int_equal(more, 0);
		play->read[side] = partition->next_offset;
		decoder_free(decoder);
		join_dry(play->join, (enum log_side)side, 0, true);
	}
	assert_int_equal(join_advance(play->join, 0), 0);
	join_stand(play->join, stand);
	assert_true(stand->sums_agree);
	assert_int_equal(stand->ahead[SOURCE] + stand->ahead[TARGET], 0);
}

/* The copy, brought to its end; only the first `below` offsets count. */
static void judge(struct play *play, int64_t below, uint64_t *findings, uint64_t *asks)
{
	struct parity_report report;
	struct topic_report *topic;
	struct join *copy;

	parity_report_init(&report, CLAIM_KEY_ORDER);
	topic = parity_report_topic(&report, "t", "t");
	assert_int_equal(join_clone(play->join, 1 << 20, &copy), 0);
	for (int side = 0; side < 2; side++) {
		assert_int_equal(join_leave_out(copy, (enum log_side)side, 0, below), 0);
		join_end(copy, (enum log_side)side, 0);
	}
	assert_int_equal(join_advance(copy, 0), 0);
	assert_int_equal(join_finish(copy), 0);
	*asks = join_asks(copy);
	join_unanswered(copy);
	assert_int_equal(join_report(copy, &report, topic), 0);
	assert_int_equal(report.reason_count, 0);
	memcpy(findings, topic->findings, sizeof topic->findings);
	join_free(copy);
	parity_report_done(&report);
}

static void equal_logs_are_level_at_any_time(void **state)
{
	struct join_standing stand;
	struct play play;

	(void)state;
	play_open(&play, CLAIM_PARTITION_ORDER);
	for (int round = 0; round < 5; round++) {
		add_both(&play, round * 10, 10);
		look(&play, &stand);
		assert_int_equal(stand.pending[SOURCE] + stand.pending[TARGET], 0);
		assert_true(stand.proved >= CLAIM_PARTITION_ORDER);
		assert_int_equal(stand.records[TARGET], (round + 1) * 10);
	}
	play_close(&play);
}

static void what_is_missing_waits_and_may_come(void **state)
{
	uint64_t findings[FINDING_CLASSES], asks;
	struct join_standing stand;
	struct record_place place;
	struct play play;

	(void)state;
	play_open(&play, CLAIM_KEY_ORDER);
	add_both(&play, 0, 10);
	add(&play, SOURCE, 10);
	look(&play, &stand);
	assert_int_equal(stand.pending[SOURCE], 1);
	assert_true(join_tail_only(play.join, SOURCE, 0));
	assert_int_equal(join_waiting(play.join, SOURCE, 0, INT64_MAX, &place, 1), 1);
	assert_int_equal(place.offset, 10);
	assert_true(join_waits_below(play.join, SOURCE, 0, 11));
	assert_false(join_waits_below(play.join, SOURCE, 0, 10));
	judge(&play, INT64_MAX, findings, &asks);
	assert_int_equal(findings[FINDING_LOST], 1);
	judge(&play, 10, findings, &asks);
	assert_int_equal(findings[FINDING_LOST], 0);
	/* What comes behind it makes it a hole in the middle. */
	add_both(&play, 11, 5);
	look(&play, &stand);
	assert_int_equal(stand.pending[SOURCE], 1);
	assert_false(join_tail_only(play.join, SOURCE, 0));
	/* It comes late, so another key's record overtook it: no fault of key order when its key waited. */
	add(&play, TARGET, 10);
	look(&play, &stand);
	assert_int_equal(stand.pending[SOURCE] + stand.pending[TARGET], 0);
	assert_int_equal(stand.findings[FINDING_REORDERED_KEY], 1); /* 13 has the same key */
	assert_int_equal(stand.proved, CLAIM_CONTENT);
	play_close(&play);
}

static void what_is_too_much_is_asked_about(void **state)
{
	uint64_t findings[FINDING_CLASSES], asks;
	struct join_standing stand;
	struct play play;

	(void)state;
	play_open(&play, CLAIM_KEY_ORDER);
	add_both(&play, 0, 10);
	add(&play, TARGET, 5);
	look(&play, &stand);
	assert_int_equal(stand.pending[TARGET], 1);
	judge(&play, INT64_MAX, findings, &asks);
	assert_int_equal(asks, 1);
	judge(&play, 10, findings, &asks);
	assert_int_equal(asks, 0);
	add_both(&play, 10, 10);
	look(&play, &stand);
	assert_int_equal(stand.pending[TARGET], 1);
	assert_int_equal(stand.pending[SOURCE], 0);
	play_close(&play);
}

/* A copy changes nothing of what it was made of. */
static void copies_leave_the_join_alone(void **state)
{
	struct join_standing before, after;
	uint64_t findings[FINDING_CLASSES], asks;
	struct play play;

	(void)state;
	play_open(&play, CLAIM_KEY_ORDER);
	add_both(&play, 0, 10);
	add(&play, SOURCE, 10);
	add(&play, TARGET, 11);
	look(&play, &before);
	for (int i = 0; i < 3; i++)
		judge(&play, i ? INT64_MAX : 10, findings, &asks);
	look(&play, &after);
	assert_memory_equal(&before, &after, sizeof before);
	add(&play, TARGET, 10);
	add(&play, SOURCE, 11);
	look(&play, &after);
	assert_int_equal(after.pending[SOURCE] + after.pending[TARGET], 0);
	play_close(&play);
}

/* One look of many at logs that go on: what is lost, and what is behind. */
static uint64_t judge_on(struct play *play, uint64_t *behind)
{
	struct parity_report report;
	struct topic_report *topic;
	struct join *copy;
	uint64_t lost, moved;

	parity_report_init(&report, CLAIM_KEY_ORDER);
	topic = parity_report_topic(&report, "t", "t");
	assert_int_equal(join_clone(play->join, 1 << 20, &copy), 0);
	join_goes_on(copy);
	for (int side = 0; side < 2; side++)
		join_end(copy, (enum log_side)side, 0);
	assert_int_equal(join_advance(copy, 0), 0);
	assert_int_equal(join_finish(copy), 0);
	join_unanswered(copy);
	assert_int_equal(join_report(copy, &report, topic), 0);
	assert_int_equal(parity_report_judge(&report), 0);
	lost = topic->findings[FINDING_LOST];
	moved = topic->findings[FINDING_REORDERED_KEY];
	*behind = topic->behind;
	assert_int_equal(report.verdict, lost || moved ? PARITY_SHUT : *behind ? PARITY_UNKNOWN : PARITY_OPEN);
	assert_int_equal(report.reason_count, (lost > 0) + (moved > 0) + (*behind > 0));
	if (*behind)
		assert_string_equal(report.reasons[0].code, "PARITY_BEHIND");
	snprintf(play->says, sizeof play->says, "%s", *behind ? report.reasons[0].text : "");
	join_free(copy);
	parity_report_done(&report);
	return lost;
}

/* The ends as they are now: what is missing is waited for from here on. */
static void begin_to_wait(struct play *play)
{
	int64_t end = play->read[TARGET];

	join_arrived(play->join, &end);
}

/* A mirror whose broker is away: however many are missing, and however long, they are the newest. */
static void what_nothing_has_overtaken_is_behind(void **state)
{
	struct join_standing stand;
	struct play play;
	uint64_t behind;

	(void)state;
	play_open(&play, CLAIM_KEY_ORDER);
	add_both(&play, 0, 10);
	for (int i = 10; i < 500; i++)
		add(&play, SOURCE, i);
	look(&play, &stand);
	begin_to_wait(&play);
	assert_int_equal(judge_on(&play, &behind), 0);
	assert_int_equal(behind, 490);
	for (int i = 10; i < 400; i++)
		add(&play, TARGET, i);
	look(&play, &stand);
	assert_int_equal(judge_on(&play, &behind), 0);
	assert_int_equal(behind, 100);
	for (int i = 400; i < 500; i++)
		add(&play, TARGET, i);
	look(&play, &stand);
	assert_int_equal(judge_on(&play, &behind), 0);
	assert_int_equal(behind, 0);
	assert_int_equal(stand.proved, CLAIM_OFFSETS);
	play_close(&play);
}

/* Keys go round: 10, 13, 16, 19 are of one, 11, 14, 17 of another, 12, 15, 18 of the third. */
static void what_its_own_key_overtook_before_is_lost(void **state)
{
	struct join_standing stand;
	struct play play;
	uint64_t behind;

	(void)state;
	play_open(&play, CLAIM_KEY_ORDER);
	add_both(&play, 0, 10);
	for (int i = 10; i < 20; i++)
		add(&play, SOURCE, i);
	look(&play, &stand);
	begin_to_wait(&play);
	add(&play, TARGET, 15);
	look(&play, &stand);
	assert_int_equal(judge_on(&play, &behind), 0); /* overtaken only now */
	assert_int_equal(behind, 9);
	begin_to_wait(&play);
	assert_int_equal(judge_on(&play, &behind), 1); /* 12; the others may be of writers that are not back yet */
	assert_int_equal(behind, 8);
	for (int i = 16; i < 20; i++)
		add(&play, TARGET, i);
	look(&play, &stand);
	assert_int_equal(judge_on(&play, &behind), 1);
	begin_to_wait(&play);
	assert_int_equal(judge_on(&play, &behind), 5);
	assert_int_equal(behind, 0);
	for (int i = 10; i < 15; i++)
		add(&play, TARGET, i);
	look(&play, &stand);
	assert_int_equal(judge_on(&play, &behind), 0);
	assert_int_equal(behind, 0);
	assert_true(stand.findings[FINDING_REORDERED_KEY] > 0);
	play_close(&play);
}

#define LATE 800

/* Another writer's records go past it, look after look: behind, until the first who did has been there for long enough. */
static void what_others_overtook_is_lost_when_it_is_late(void **state)
{
	struct join_standing stand;
	struct play play;
	uint64_t behind;

	(void)state;
	play_open(&play, CLAIM_KEY_ORDER);
	add_both(&play, 0, 12);
	add(&play, SOURCE, 12); /* the only one of its key to come */
	for (int i = 0, next = 13, now = 1000; i <= 8; i++, now += 100, next += 3) {
		add_both(&play, next, 2);
		look(&play, &stand);
		begin_to_wait(&play);
		join_overtaken_since(play.join, now, now, LATE);
		assert_int_equal(join_overtaken_lately(play.join), i < 8);
		assert_int_equal(judge_on(&play, &behind), i == 8);
		assert_int_equal(behind, i < 8);
		if (i < 8) /* how many, and until when: by the first moment that is kept */
			assert_string_equal(play.says,
					    "1 record is not on the target yet, and may still come: overtaken by other keys "
					    "alone, and called lost unless it comes before 1970-01-01T00:00:01.800Z");
	}
	/* It came after all, and is no fault of its key's order: nobody of its key went past it. */
	add(&play, TARGET, 12);
	look(&play, &stand);
	assert_int_equal(judge_on(&play, &behind), 0);
	assert_int_equal(behind, 0);
	assert_int_equal(stand.findings[FINDING_REORDERED_KEY], 0);
	play_close(&play);
}

/* What was overtaken long ago says nothing of what was overtaken just now; and a clock that was set back begins again. */
static void each_is_late_by_its_own_time(void **state)
{
	struct join_standing stand;
	struct play play;
	uint64_t behind;

	(void)state;
	play_open(&play, CLAIM_KEY_ORDER);
	add_both(&play, 0, 12);
	add(&play, SOURCE, 12);
	add_both(&play, 13, 2);
	look(&play, &stand);
	begin_to_wait(&play);
	join_overtaken_since(play.join, 1000, 1000, LATE);
	for (int i = 0; i < 2; i++) /* the same number: another record without a twin, overtaken later */
		add(&play, SOURCE, i ? 15 : 18);
	add_both(&play, 16, 2);
	look(&play, &stand);
	begin_to_wait(&play);
	join_overtaken_since(play.join, 1500, 1500, LATE);
	assert_int_equal(judge_on(&play, &behind), 0);
	assert_int_equal(behind, 3);
	join_overtaken_since(play.join, 1900, 1900, LATE);
	assert_int_equal(judge_on(&play, &behind), 1);
	assert_int_equal(behind, 2);
	assert_non_null(strstr(play.says, "the first of which is called lost unless it comes before 1970-01-01T00:00:02.300Z"));
	join_overtaken_since(play.join, 500, 500, LATE);
	assert_int_equal(judge_on(&play, &behind), 0);
	assert_int_equal(behind, 3);
	join_overtaken_since(play.join, 1300, 1300, LATE);
	assert_int_equal(judge_on(&play, &behind), 3);
	play_close(&play);
}

/* Where the order of the whole partition is claimed it does not matter who went past. */
static void partition_order_knows_no_others(void **state)
{
	struct join_standing stand;
	struct play play;
	uint64_t behind;

	(void)state;
	play_open(&play, CLAIM_PARTITION_ORDER);
	add_both(&play, 0, 12);
	add(&play, SOURCE, 12);
	add_both(&play, 13, 1);
	look(&play, &stand);
	begin_to_wait(&play);
	assert_int_equal(judge_on(&play, &behind), 1);
	assert_int_equal(behind, 0);
	play_close(&play);
}

/* What stood on the target when waiting began had arrived, though it is read only now. */
static void what_was_there_unread_had_arrived(void **state)
{
	struct join_standing stand;
	struct play play;
	uint64_t behind;

	(void)state;
	play_open(&play, CLAIM_KEY_ORDER);
	add_both(&play, 0, 10);
	look(&play, &stand);
	for (int i = 10; i < 20; i++)
		add(&play, SOURCE, i);
	for (int i = 12; i < 16; i++)
		add(&play, TARGET, i);
	join_arrived(play.join, (const int64_t[]){ 13 }); /* of these, three */
	look(&play, &stand);
	assert_int_equal(stand.pending[SOURCE], 6);
	assert_int_equal(judge_on(&play, &behind), 2);
	assert_int_equal(behind, 4);
	for (int i = 17; i < 20; i++)
		add(&play, TARGET, i);
	look(&play, &stand);
	assert_int_equal(judge_on(&play, &behind), 2);
	assert_int_equal(behind, 1); /* 16, overtaken since */
	play_close(&play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_logs_are_level_at_any_time),
		cmocka_unit_test(what_is_missing_waits_and_may_come),
		cmocka_unit_test(what_is_too_much_is_asked_about),
		cmocka_unit_test(copies_leave_the_join_alone),
		cmocka_unit_test(what_nothing_has_overtaken_is_behind),
		cmocka_unit_test(what_its_own_key_overtook_before_is_lost),
		cmocka_unit_test(what_others_overtook_is_lost_when_it_is_late),
		cmocka_unit_test(each_is_late_by_its_own_time),
		cmocka_unit_test(partition_order_knows_no_others),
		cmocka_unit_test(what_was_there_unread_had_arrived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
