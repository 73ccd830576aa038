/*
 * test_rule.c - one row a fact: bend honest evidence in one way, and see what the rule makes of it.
 *
 * The rows marked "fail-open" are ways in which other gates are known to have passed without proof: ended before any
 * measurement, too few samples, a group without data, a judge that broke, a failure softened by a later inconclusive
 * result, evidence thrown away while its verdict lives on, an approval without owner, reason or expiry.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "exit/evidence_make.h"

#define CLAIM "parity.faults"

static struct rule rule_made(void)
{
	return (struct rule){
		.name = "parity.lost",
		.gate = GATE_PARITY,
		.scope = RULE_EACH_TOPIC,
		.claim = CLAIM,
		.value = "LOST",
		.unit = "records",
		.success = RULE_ZERO,
		.failure = RULE_SOME,
		.coverage_permille_min = 1000,
		.samples_min = 10,
		.fresh = { 60000, 1000 },
		.control_age_ms_max = 3600000,
		.measured = true,
		.code = "PARITY_LOST",
		.text = "% records are lost",
		.who = "owner",
	};
}

/* The play of one row. */
struct play {
	struct rule rule;
	struct made items[4];
	int count;
	bool lose_last; /* taken from the log after its head was made */
	struct rule_facts facts;
	struct position ends[2];
	struct waiver waiver;
};

typedef void bend_fn(struct play *play);

static void reseal(struct play *play)
{
	assert_int_equal(evidence_seal(&play->items[0].item, NULL), 0);
}

static void honest(struct play *play)
{
}

static void one_lost(struct play *play)
{
	play->items[0].value[0].number = 1;
	reseal(play);
}

static void no_measurement_at_all(struct play *play)
{
	play->count = 0;
}

static void another_subject(struct play *play)
{
	play->items[0].item.subject = VIEW_LITERAL("payments");
	reseal(play);
}

static void another_family(struct play *play)
{
	play->items[0].item.family = VIEW_LITERAL("payments");
	reseal(play);
}

static void instrument_error(struct play *play)
{
	play->items[0].item.status = EVIDENCE_INSTRUMENT_ERROR;
	reseal(play);
}

static void instrument_error_with_fault(struct play *play)
{
	instrument_error(play);
	one_lost(play);
}

static void partial(struct play *play)
{
	play->items[0].item.status = EVIDENCE_PARTIAL;
	reseal(play);
}

static void partial_with_fault(struct play *play)
{
	partial(play);
	one_lost(play);
}

static void low_coverage(struct play *play)
{
	play->items[0].item.covered = 99;
	reseal(play);
}

static void few_samples(struct play *play)
{
	play->items[0].item.samples = 9;
	reseal(play);
}

static void no_data(struct play *play)
{
	play->items[0].item.covered = play->items[0].item.total = play->items[0].item.samples = 0;
	reseal(play);
}

static void value_missing(struct play *play)
{
	play->items[0].value[0].name = VIEW_LITERAL("FOUND");
	reseal(play);
}

static void wrong_unit(struct play *play)
{
	play->items[0].value[0].unit = VIEW_LITERAL("bytes");
	reseal(play);
}

static void negative(struct play *play)
{
	play->items[0].value[0].number = -1;
	reseal(play);
}

static void too_old(struct play *play)
{
	play->facts.now.moment = moment_at(-60000);
}

static void just_young_enough(struct play *play)
{
	play->facts.now.moment = moment_at(-59000);
}

static void another_boot_takes_the_skew_off(struct play *play)
{
	play->facts.now.moment = moment_at(-55000);
	play->facts.now.moment.boot[0] = 8;
}

static void from_the_future(struct play *play)
{
	play->facts.now.moment = moment_at(2000);
}

static void from_the_future_of_another_boot(struct play *play)
{
	play->facts.now.moment = moment_at(20000);
	play->facts.now.moment.boot[0] = 8;
}

static void wall_clock_was_set(struct play *play)
{
	play->facts.now.moment.wall_ms += 10000;
}

static void ended_before_it_began(struct play *play)
{
	play->items[0].item.began = moment_at(0);
	reseal(play);
}

static void redated(struct play *play)
{
	too_old(play);
	play->items[0].item.ended = moment_at(0);
}

static void value_edited(struct play *play)
{
	one_lost(play);
	play->items[0].value[0].number = 0;
}

static void log_grew(struct play *play)
{
	play->ends[SIDE_SOURCE].end = 1101;
}

static void log_grew_a_little(struct play *play)
{
	play->ends[SIDE_SOURCE].end = 1100;
}

static void log_truncated(struct play *play)
{
	play->ends[SIDE_TARGET].end = 99;
}

static void leader_epoch_back(struct play *play)
{
	play->ends[SIDE_TARGET].leader_epoch = 2;
}

static void end_unknown(struct play *play)
{
	play->facts.now.end_count = 1;
}

static void no_positions(struct play *play)
{
	play->items[0].item.position_count = 0;
	reseal(play);
}

static void other_plan(struct play *play)
{
	play->facts.now.epochs.plan.hash.bytes[5] ^= 1;
}

static void config_changed_and_back(struct play *play)
{
	play->facts.now.epochs.context.number += 2;
}

static void other_authority(struct play *play)
{
	play->facts.now.epochs.authority++;
}

static void broken_log(struct play *play)
{
	make(&play->items[1], CLAIM, "orders", "LOST", 5);
	play->count = 2;
	play->lose_last = true;
}

/* fail-open: a failure, then an instrument error: must not be softened when failures stick. */
static void failure_then_error(struct play *play)
{
	play->rule.sticky = true;
	one_lost(play);
	make(&play->items[1], CLAIM, "orders", "LOST", 0);
	play->items[1].item.status = EVIDENCE_INSTRUMENT_ERROR;
	assert_int_equal(evidence_seal(&play->items[1].item, NULL), 0);
	play->count = 2;
}

static void failure_then_good(struct play *play)
{
	play->rule.sticky = true;
	one_lost(play);
	make(&play->items[1], CLAIM, "orders", "LOST", 0);
	play->count = 2;
}

/* What was missing came late: a later look that saw all of it takes the failure back. */
static void missing_then_there(struct play *play)
{
	failure_then_good(play);
	play->rule.heals = true;
}

static void missing_then_there_then_unseen(struct play *play)
{
	missing_then_there(play);
	make(&play->items[2], CLAIM, "orders", "LOST", 0);
	play->items[2].item.status = EVIDENCE_PARTIAL;
	assert_int_equal(evidence_seal(&play->items[2].item, NULL), 0);
	play->count = 3;
}

static void missing_then_there_then_missing(struct play *play)
{
	missing_then_there(play);
	make(&play->items[2], CLAIM, "orders", "LOST", 1);
	make(&play->items[3], CLAIM, "refunds", "LOST", 0);
	play->count = 4;
}

static void there_then_missing(struct play *play)
{
	missing_then_there(play);
	play->items[0].value[0].number = 0;
	play->items[1].value[0].number = 1;
	reseal(play);
	assert_int_equal(evidence_seal(&play->items[1].item, NULL), 0);
}

static void reseal_second(struct play *play)
{
	assert_int_equal(evidence_seal(&play->items[1].item, NULL), 0);
}

static void missing_then_part_of_it(struct play *play)
{
	missing_then_there(play);
	play->items[1].item.status = EVIDENCE_PARTIAL;
	reseal_second(play);
}

static void missing_then_from_later_on(struct play *play)
{
	missing_then_there(play);
	play->items[1].position[SIDE_SOURCE].start = 1;
	reseal_second(play);
}

static void missing_then_less_far(struct play *play)
{
	missing_then_there(play);
	play->items[1].position[SIDE_TARGET].end = 99;
	reseal_second(play);
}

static void missing_then_another_partition(struct play *play)
{
	missing_then_there(play);
	play->items[1].position[SIDE_SOURCE].partition = 1;
	reseal_second(play);
}

static void missing_then_under_another_authority(struct play *play)
{
	missing_then_there(play);
	play->items[1].item.epochs.authority = 2;
	reseal_second(play);
	play->facts.now.epochs.authority = 2;
}

static void missing_then_there_edited(struct play *play)
{
	missing_then_there(play);
	play->items[1].value[0].number = 3;
	reseal_second(play);
	play->items[1].value[0].number = 0; /* not what was sealed */
}

static void failure_before_the_window(struct play *play)
{
	failure_then_good(play);
	play->facts.window = 1;
}

static void failure_grown_old(struct play *play)
{
	failure_then_good(play);
	too_old(play);
}

static void failure_then_good_not_sticky(struct play *play)
{
	failure_then_good(play);
	play->rule.sticky = false;
}

static void stuck_failure_edited_away(struct play *play)
{
	failure_then_good(play);
	play->items[0].value[0].number = 0;
}

/* fail-open: many good samples do not outweigh one bad. */
static void three_good_one_bad(struct play *play)
{
	play->rule.sticky = true;
	for (int i = 1; i < 4; i++)
		make(&play->items[i], CLAIM, "orders", "LOST", i == 2);
	play->count = 4;
}

static void between_the_ranges(struct play *play)
{
	play->rule.failure = (struct rule_range){ 5, INT64_MAX };
	one_lost(play);
}

static void with_controls(struct play *play)
{
	play->rule.controls[0] = "control.same";
	play->rule.controls[1] = "control.planted";
	make_control(&play->items[1], "control.same", 0);
	make_control(&play->items[2], "control.planted", 0);
	play->count = 3;
}

static void control_missing(struct play *play)
{
	with_controls(play);
	play->count = 2;
}

static void control_failed(struct play *play)
{
	with_controls(play);
	make_control(&play->items[2], "control.planted", 1);
}

static void control_of_another_version(struct play *play)
{
	with_controls(play);
	play->items[2].item.version = VIEW_LITERAL("2");
	assert_int_equal(evidence_seal(&play->items[2].item, NULL), 0);
}

static void control_is_no_control(struct play *play)
{
	with_controls(play);
	play->items[2].item.kind = EVIDENCE_MEASUREMENT;
	assert_int_equal(evidence_seal(&play->items[2].item, NULL), 0);
}

static void control_too_old(struct play *play)
{
	with_controls(play);
	play->rule.control_age_ms_max = 500;
}

static void control_on_nothing(struct play *play)
{
	with_controls(play);
	play->items[1].item.samples = 0;
	assert_int_equal(evidence_seal(&play->items[1].item, NULL), 0);
}

static void fault_with_broken_control(struct play *play)
{
	control_failed(play);
	one_lost(play);
}

static void not_measured(struct play *play)
{
	play->rule.measured = false;
}

/* ---- waivers ---- */

static void waived(struct play *play)
{
	one_lost(play);
	play->waiver = (struct waiver){ .rule = VIEW_LITERAL("parity.lost"),
					.subject = VIEW_LITERAL("orders"),
					.value_max = 1,
					.reason = VIEW_LITERAL("a test record"),
					.owner = VIEW_LITERAL("ann"),
					.second = VIEW_LITERAL("bob"),
					.stage = VIEW_LITERAL("OBSERVING"),
					.authority = 1,
					.granted_ms = NOW_WALL_MS - 1000,
					.expires_ms = NOW_WALL_MS + 1000 };
	play->facts.waivers = &play->waiver;
	play->facts.waiver_count = 1;
}

static void waived_exactly(struct play *play)
{
	waived(play);
	play->waiver.evidence = play->items[0].item.id;
}

static void waived_hard(struct play *play)
{
	waived(play);
	play->rule.hard = true;
}

static void waived_past_bound(struct play *play)
{
	waived(play);
	play->items[0].value[0].number = 2;
	reseal(play);
}

static void waived_without_reason(struct play *play)
{
	waived(play);
	play->waiver.reason = VIEW_LITERAL("");
}

static void waived_by_one(struct play *play)
{
	waived(play);
	play->waiver.second = play->waiver.owner;
}

static void waiver_expired(struct play *play)
{
	waived(play);
	play->waiver.expires_ms = NOW_WALL_MS;
}

static void waiver_for_ever(struct play *play)
{
	waived(play);
	play->waiver.expires_ms = INT64_MAX - 1;
	play->waiver.granted_ms = 0;
}

static void waiver_predated(struct play *play)
{
	waived(play);
	play->waiver.granted_ms = NOW_WALL_MS + 500;
}

static void waiver_other_stage(struct play *play)
{
	waived(play);
	play->waiver.stage = VIEW_LITERAL("ARMED");
}

static void waiver_other_epoch(struct play *play)
{
	waived(play);
	play->waiver.authority = 0;
}

static void waiver_other_subject(struct play *play)
{
	waived(play);
	play->waiver.subject = VIEW_NULL;
}

static void waiver_other_evidence(struct play *play)
{
	waived(play);
	play->waiver.evidence = sha256_of(VIEW_LITERAL("another"));
}

static void waiver_on_unknown(struct play *play)
{
	waived(play);
	instrument_error(play);
}

static void waiver_on_partial(struct play *play)
{
	waived(play);
	partial(play);
}

static void waiver_with_broken_log(struct play *play)
{
	broken_log(play);
	play->rule.sticky = true;
	waived(play);
}

static void waiver_does_not_hide_a_worse_stuck_failure(struct play *play)
{
	waived(play);
	play->rule.sticky = true;
	make(&play->items[1], CLAIM, "orders", "LOST", 7);
	make(&play->items[2], CLAIM, "orders", "LOST", 1);
	play->count = 3;
}

#define U VERDICT_UNKNOWN
#define O VERDICT_OPEN
#define S VERDICT_SHUT

/* clang-format off */
static const struct row {
	const char *name;
	bend_fn *bend;
	enum verdict verdict;
	const char *code;
} rows[] = {
	{ "honest", honest, O, "PROVED" },
	{ "a fault", one_lost, S, "PARITY_LOST" },
	{ "fail-open: ended before any measurement", no_measurement_at_all, U, "EVIDENCE_MISSING" },
	{ "another topic's proof", another_subject, U, "EVIDENCE_MISSING" },
	{ "another family's proof", another_family, U, "EVIDENCE_MISSING" },
	{ "fail-open: the judge broke", instrument_error, U, "INSTRUMENT_ERROR" },
	{ "a broken instrument proves no fault either", instrument_error_with_fault, U, "INSTRUMENT_ERROR" },
	{ "partial", partial, U, "EVIDENCE_PARTIAL" },
	{ "a proved fault beats partial", partial_with_fault, S, "PARITY_LOST" },
	{ "fail-open: part left out of the denominator", low_coverage, U, "COVERAGE_LOW" },
	{ "fail-open: too few samples", few_samples, U, "SAMPLES_LOW" },
	{ "fail-open: no data", no_data, U, "SAMPLES_LOW" },
	{ "no value of that name", value_missing, U, "EVIDENCE_NO_VALUE" },
	{ "a value in another unit", wrong_unit, U, "EVIDENCE_NO_VALUE" },
	{ "a value below all ranges", negative, U, "VALUE_UNDECIDED" },
	{ "between success and failure", between_the_ranges, U, "VALUE_UNDECIDED" },
	{ "too old", too_old, U, "EVIDENCE_TOO_OLD" },
	{ "just young enough", just_young_enough, O, "PROVED" },
	{ "across boots the skew counts against it", another_boot_takes_the_skew_off, U, "EVIDENCE_TOO_OLD" },
	{ "from the future", from_the_future, U, "EVIDENCE_CLOCK" },
	{ "from the future, another boot", from_the_future_of_another_boot, U, "EVIDENCE_CLOCK" },
	{ "the wall clock was set", wall_clock_was_set, U, "EVIDENCE_CLOCK" },
	{ "ended before it began", ended_before_it_began, U, "EVIDENCE_CLOCK" },
	{ "re-dated", redated, U, "EVIDENCE_CHANGED" },
	{ "a value edited", value_edited, U, "EVIDENCE_CHANGED" },
	{ "the log grew past it", log_grew, U, "EVIDENCE_BEHIND" },
	{ "the log grew a little", log_grew_a_little, O, "PROVED" },
	{ "the log was truncated", log_truncated, U, "EVIDENCE_TRUNCATED" },
	{ "the leader epoch went back", leader_epoch_back, U, "EVIDENCE_TRUNCATED" },
	{ "the current end is not known", end_unknown, U, "EVIDENCE_END_UNKNOWN" },
	{ "no positions where distance is asked", no_positions, U, "EVIDENCE_END_UNKNOWN" },
	{ "another plan", other_plan, U, "EVIDENCE_OTHER_PLAN" },
	{ "a configuration changed, and changed back", config_changed_and_back, U, "EVIDENCE_OTHER_CONTEXT" },
	{ "another authority epoch", other_authority, U, "EVIDENCE_OTHER_AUTHORITY" },
	{ "fail-open: evidence thrown away, verdict kept", broken_log, U, "EVIDENCE_LOG_BROKEN" },
	{ "fail-open: failure softened by an error", failure_then_error, S, "PARITY_LOST" },
	{ "failure, then good: it sticks", failure_then_good, S, "PARITY_LOST" },
	{ "missing, then there", missing_then_there, O, "PROVED" },
	{ "missing, then there, then not all seen", missing_then_there_then_unseen, U, "EVIDENCE_PARTIAL" },
	{ "missing, then there, then missing", missing_then_there_then_missing, S, "PARITY_LOST" },
	{ "there, then missing", there_then_missing, S, "PARITY_LOST" },
	{ "missing, then not all was looked at", missing_then_part_of_it, S, "PARITY_LOST" },
	{ "missing, then looked at from later on", missing_then_from_later_on, S, "PARITY_LOST" },
	{ "missing, then looked at less far", missing_then_less_far, S, "PARITY_LOST" },
	{ "missing, then another partition was looked at", missing_then_another_partition, S, "PARITY_LOST" },
	{ "missing, then there under another authority", missing_then_under_another_authority, S, "PARITY_LOST" },
	{ "fail-open: missing, then an edited look", missing_then_there_edited, S, "PARITY_LOST" },
	{ "failure before the window", failure_before_the_window, O, "PROVED" },
	{ "a stuck failure does not age", failure_grown_old, S, "PARITY_LOST" },
	{ "a stuck failure edited away", stuck_failure_edited_away, U, "EVIDENCE_LOG_BROKEN" },
	{ "failure, then good, not sticky", failure_then_good_not_sticky, O, "PROVED" },
	{ "fail-open: good samples averaged over a bad one", three_good_one_bad, S, "PARITY_LOST" },
	{ "controls held", with_controls, O, "PROVED" },
	{ "a control is missing", control_missing, U, "CONTROL_NOT_PROVED" },
	{ "a control failed", control_failed, U, "CONTROL_NOT_PROVED" },
	{ "a control of another version", control_of_another_version, U, "CONTROL_NOT_PROVED" },
	{ "a measurement posing as a control", control_is_no_control, U, "CONTROL_NOT_PROVED" },
	{ "a control too old", control_too_old, U, "CONTROL_NOT_PROVED" },
	{ "a control that looked at nothing", control_on_nothing, U, "CONTROL_NOT_PROVED" },
	{ "a fault seen by a broken instrument", fault_with_broken_control, U, "CONTROL_NOT_PROVED" },
	{ "not measured", not_measured, U, "NOT_MEASURED" },
	{ "waived", waived, O, "WAIVED" },
	{ "waived for exactly this evidence", waived_exactly, O, "WAIVED" },
	{ "a hard rule is not waived", waived_hard, S, "PARITY_LOST" },
	{ "past the waiver's bound", waived_past_bound, S, "PARITY_LOST" },
	{ "fail-open: waived without a reason", waived_without_reason, S, "PARITY_LOST" },
	{ "fail-open: waived by one person twice", waived_by_one, S, "PARITY_LOST" },
	{ "fail-open: waiver expired", waiver_expired, S, "PARITY_LOST" },
	{ "fail-open: a waiver for ever", waiver_for_ever, S, "PARITY_LOST" },
	{ "a waiver from the future", waiver_predated, S, "PARITY_LOST" },
	{ "a waiver for another stage", waiver_other_stage, S, "PARITY_LOST" },
	{ "a waiver under another epoch", waiver_other_epoch, S, "PARITY_LOST" },
	{ "a waiver for another subject", waiver_other_subject, S, "PARITY_LOST" },
	{ "a waiver for other evidence", waiver_other_evidence, S, "PARITY_LOST" },
	{ "fail-open: an unknown is not waived", waiver_on_unknown, U, "INSTRUMENT_ERROR" },
	{ "partial evidence is not waived", waiver_on_partial, S, "PARITY_LOST" },
	{ "no waiver while the log is broken", waiver_with_broken_log, S, "PARITY_LOST" },
	{ "the worst stuck failure is what a waiver must cover", waiver_does_not_hide_a_worse_stuck_failure, S, "PARITY_LOST" },
};
/* clang-format on */

static void play_row(const struct row *row)
{
	struct play play = { .rule = rule_made(), .count = 1 };
	struct evidence_log log;
	struct rule_result result;
	struct buffer text;

	evidence_log_init(&log);
	make(&play.items[0], CLAIM, "orders", "LOST", 0);
	play.facts = facts_made(&log);
	memcpy(play.ends, ends_made, sizeof play.ends);
	play.facts.now.ends = play.ends;
	row->bend(&play);
	for (int i = 0; i < play.count; i++)
		assert_int_equal(add(&log, &play.items[i]), 0);
	log.count -= play.lose_last;
	rule_judge(&play.rule, VIEW_LITERAL("orders"), &play.facts, evidence_log_whole(&log), &result);
	if (result.verdict != row->verdict || strcmp(rule_result_code(&result), row->code) != 0)
		fail_msg("%s: %s %s, not %s %s", row->name, verdict_word(result.verdict),
			 rule_result_code(&result), verdict_word(row->verdict), row->code);
	buffer_init(&text, 1 << 16);
	rule_result_text(&result, true, &text);
	assert_true(strlen(buffer_string(&text)) > 0);
	if (result.why == RULE_WAIVED)
		assert_non_null(strstr(buffer_string(&text), "WAIVED by ann and bob: a test record"));
	buffer_done(&text);
	evidence_log_done(&log);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		play_row(&rows[i]);
}

static void a_rule_that_can_say_both_is_refused(void **state)
{
	struct rule rule = rule_made();
	struct fault fault = { 0 };

	assert_int_equal(rule_check(&rule, &fault), 0);
	rule.success = RULE_UP_TO(3);
	rule.failure = (struct rule_range){ 3, INT64_MAX };
	assert_int_equal(rule_check(&rule, &fault), ERR_CONFIG);
	assert_string_equal(fault.text, "rule parity.lost: a value can both prove and disprove it");
	rule.failure = RULE_PAST(3);
	assert_int_equal(rule_check(&rule, &fault), 0);
	rule.success = (struct rule_range){ 1, 0 };
	assert_int_equal(rule_check(&rule, &fault), ERR_CONFIG);
}

/* ---- gates ---- */

static void gates_come_together(void **state)
{
	/* clang-format off */
	static const struct { const char *values; enum verdict verdict; } table[] = {
		{ "", U }, { "o", O }, { "oo", O }, { "ou", U }, { "os", S }, { "us", S }, { "su", S }, { "uuuo", U },
		{ "ooooooooos", S },
	};
	/* clang-format on */
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		enum verdict verdict = VERDICT_UNKNOWN;

		for (const char *at = table[i].values; *at; at++) {
			enum verdict one = *at == 'o' ? O : *at == 's' ? S : U;

			verdict = at == table[i].values ? one : verdict_both(verdict, one);
		}
		assert_int_equal(verdict, table[i].verdict);
	}
}

static struct gate_result judge(const struct rule *rules, int count, const struct rule_facts *facts,
				struct arena *arena)
{
	struct gate_result gate = { 0 };

	assert_int_equal(gate_judge(GATE_PARITY, rules, count, facts, arena, &gate, NULL), 0);
	return gate;
}

static void a_gate_needs_every_subject(void **state)
{
	struct rule rule = rule_made();
	struct made made;
	struct evidence_log log;
	struct rule_facts facts = facts_made(&log);
	struct view topics[] = { VIEW_LITERAL("orders"), VIEW_LITERAL("orders-dlq") };
	struct arena arena;
	struct gate_result gate;

	arena_init(&arena, 1 << 20);
	evidence_log_init(&log);
	make(&made, CLAIM, "orders", "LOST", 0);
	assert_int_equal(add(&log, &made), 0);

	gate = judge(&rule, 0, &facts, &arena);
	assert_int_equal(gate.verdict, U); /* no rules: nothing proved */
	gate = judge(&rule, 1, &facts, &arena);
	assert_int_equal(gate.verdict, U); /* nobody said which topics */
	assert_string_equal(rule_result_code(&gate.results[0]), "NOT_DECLARED");
	facts.subjects[RULE_EACH_TOPIC] = (struct rule_subjects){ topics, 0, true };
	assert_int_equal(judge(&rule, 1, &facts, &arena).verdict, U);
	facts.subjects[RULE_EACH_TOPIC].count = 1;
	assert_int_equal(judge(&rule, 1, &facts, &arena).verdict, O);
	facts.subjects[RULE_EACH_TOPIC].count = 2;
	gate = judge(&rule, 1, &facts, &arena);
	assert_int_equal(gate.verdict, U);
	assert_int_equal(gate.open, 1);
	assert_true(view_is(gate.results[0].subject, "orders-dlq")); /* the trouble comes first */

	rule.advisory = true;
	assert_int_equal(judge(&rule, 1, &facts, &arena).verdict, U); /* advice alone proves nothing */
	rule.failure = rule.success;
	assert_int_equal(gate_judge(GATE_PARITY, &rule, 1, &facts, &arena, &gate, NULL), ERR_CONFIG);
	evidence_log_done(&log);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(a_rule_that_can_say_both_is_refused),
		cmocka_unit_test(gates_come_together),
		cmocka_unit_test(a_gate_needs_every_subject),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
