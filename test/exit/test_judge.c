/*
 * test_judge.c - six gates from one log of honest evidence; and then everything that must not leave them open.
 *
 * The honest log is made from the rules themselves: for each claim and subject one item whose values prove every rule on
 * it.  So a rule that is added to the table is attacked here without anybody remembering to.
 *
 * Ways in which other gates are known to have passed without proof are named where they are tried: ended before any
 * measurement, an unknown status, success and failure at once, a failure softened by a later inconclusive result, evidence
 * thrown away while its verdict lives on, too few samples, a group without data, a judge that broke, nine good ones hiding
 * a bad one, an approval without owner or end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/random.h"
#include "exit/judged_world.h"

/* ---- open ---- */

static void honest_evidence_opens_all_six(void **state)
{
	for (int reference = 0; reference < SIDE_COUNT; reference++) {
		struct world w;

		world_init(&w, (enum side)reference);
		judge_now(&w);
		for (int gate = 0; gate < GATE_COUNT; gate++)
			for (int i = 0; i < w.judgement.gates[gate].result_count; i++) {
				const struct rule_result *result = &w.judgement.gates[gate].results[i];

				if (result->verdict != VERDICT_OPEN)
					fail_msg("%s %s: %s", side_word((enum side)reference),
						 result->rule->name, rule_result_code(result));
			}
		assert_int_equal(w.judgement.verdict, VERDICT_OPEN);
		world_done(&w);
	}
}

/* ---- shut and unknown ---- */

typedef void attack_fn(struct world *w, int victim);

static void remove_it(struct world *w, int victim)
{
	struct moment now = moment_at(0);

	evidence_log_done(&w->log);
	evidence_log_init(&w->log);
	for (int i = 0; i < w->items.count; i++)
		if (i != victim)
			assert_int_equal(evidence_log_append(&w->log, &w->items.at[i].item, &now), 0);
}

static void hide_it(struct world *w, int victim)
{
	memmove(&w->log.items[victim], &w->log.items[victim + 1],
		(size_t)(w->log.count - victim - 1) * sizeof *w->log.items);
	w->log.count--;
}

static void age_it(struct world *w, int victim)
{
	struct honest *old = again(w, victim);

	old->item.began = moment_at(400LL * 86400000);
	old->item.ended = moment_at(399LL * 86400000);
	append(w, old);
}

static void break_the_instrument(struct world *w, int victim)
{
	struct honest *broken = again(w, victim);

	broken->item.status = EVIDENCE_INSTRUMENT_ERROR;
	append(w, broken);
}

static void see_a_part_of_it(struct world *w, int victim)
{
	struct honest *part = again(w, victim);

	part->item.status = EVIDENCE_PARTIAL;
	append(w, part);
}

static void status_that_nobody_knows(struct world *w, int victim)
{
	w->items.at[victim].item.status = (enum evidence_status)7;
}

static void cover_less(struct world *w, int victim)
{
	struct honest *less = again(w, victim);

	less->item.covered = 99;
	append(w, less);
}

static void of_another_plan(struct world *w, int victim)
{
	struct honest *other = again(w, victim);

	other->item.epochs.plan.number--;
	append(w, other);
}

static void of_another_authority(struct world *w, int victim)
{
	struct honest *other = again(w, victim);

	other->item.epochs.authority--;
	append(w, other);
}

static void lose_its_values(struct world *w, int victim)
{
	struct honest *empty = again(w, victim);

	empty->item.value_count = 0;
	append(w, empty);
}

static void date_it_anew(struct world *w, int victim)
{
	w->items.at[victim].item.ended = moment_at(1);
}

static void date_it_tomorrow(struct world *w, int victim)
{
	struct honest *later = again(w, victim);
	struct moment now = moment_at(0);

	later->item.ended = moment_at(-86400000);
	assert_int_equal(evidence_seal(&later->item, NULL), 0);
	assert_int_equal(evidence_log_append(&w->log, &later->item, &now), ERR_STALE);
	hide_it(w, victim); /* it did not get in, and what it was to replace is gone */
}

static const struct {
	const char *name;
	attack_fn *attack;
	bool spares_controls; /* a control's coverage is not asked for */
} attacks[] = {
	{ "a group without data: removed", remove_it, false },
	{ "thrown away while its verdict lives on", hide_it, false },
	{ "grown old", age_it, false },
	{ "a collector that broke", break_the_instrument, false },
	{ "seen in part", see_a_part_of_it, false },
	{ "an unknown status", status_that_nobody_knows, false },
	{ "covered in part", cover_less, true },
	{ "of another plan", of_another_plan, false },
	{ "of another authority", of_another_authority, false },
	{ "without its values", lose_its_values, false },
	{ "dated anew", date_it_anew, false },
	{ "dated tomorrow", date_it_tomorrow, false },
};

/* Every item of the honest log is attacked in every way, in both directions; the family must not stay open. */
static void no_item_can_be_spared(void **state)
{
	int wrong = 0;

	for (int reference = 0; reference < SIDE_COUNT; reference++)
		for (size_t a = 0; a < sizeof attacks / sizeof attacks[0]; a++)
			for (int victim = 0, count = 1; victim < count; victim++) {
				static struct world w;

				world_init(&w, (enum side)reference);
				count = w.items.count;
				if (attacks[a].spares_controls &&
				    w.items.at[victim].item.kind == EVIDENCE_CONTROL) {
					world_done(&w);
					continue;
				}
				attacks[a].attack(&w, victim);
				if (judge_now(&w) == VERDICT_OPEN) {
					wrong++;
					print_error("%s: %.*s, and it is open\n", attacks[a].name,
						    VIEW_ARGS(w.items.at[victim].item.claim));
				}
				world_done(&w);
			}
	assert_int_equal(wrong, 0);
}

/* Each rule alone, disproved: its gate is shut, however many others are open, and none of them hides it. */
static void one_bad_one_is_hidden_by_no_number_of_good_ones(void **state)
{
	for (int reference = 0; reference < SIDE_COUNT; reference++)
		for (int r = 0, count = 1; r < count; r++) {
			static struct world w;
			const struct rule *rule;
			struct honest *made;

			world_init(&w, (enum side)reference);
			count = w.rules.count;
			rule = &w.rules.at[r];
			made = again(&w, index_of(&w, rule->claim, subject_of(&w.judging, rule->scope)));
			for (int i = 0; i < made->item.value_count; i++)
				if (view_is(made->values[i].name, rule->value))
					made->values[i].number = rule->failure.low > INT64_MIN
									 ? rule->failure.low
									 : rule->failure.high;
			append(&w, made);
			judge_now(&w);
			if (w.judgement.gates[rule->gate].verdict != VERDICT_SHUT)
				fail_msg("%s: %s", rule->name,
					 verdict_word(w.judgement.gates[rule->gate].verdict));
			assert_int_equal(w.judgement.verdict, VERDICT_SHUT);
			world_done(&w);
		}
}

/* Something that keeps the family from being open: a rule disproved, an item that is missing, an item that is old. */
static void flaw(struct world *w, struct random *r)
{
	int victim = (int)random_below(r, (uint64_t)w->items.count);
	const struct rule *rule = &w->rules.at[random_below(r, (uint64_t)w->rules.count)];
	struct honest *made;

	switch (random_below(r, 3)) {
	case 0: remove_it(w, victim); return;
	case 1: age_it(w, victim); return;
	default:
		made = again(w, index_of(w, rule->claim, subject_of(&w->judging, rule->scope)));
		for (int i = 0; i < made->item.value_count; i++)
			if (view_is(made->values[i].name, rule->value))
				made->values[i].number = rule->failure.low > INT64_MIN ? rule->failure.low
										       : rule->failure.high;
		append(w, made);
	}
}

/* What somebody may do who wants it open, short of measuring again; and what time does. */
static const char *meddle(struct world *w, struct random *r)
{
	int victim = (int)random_below(r, (uint64_t)w->log.count);
	struct evidence *item = (struct evidence *)w->log.items[victim];

	switch (random_below(r, 8)) {
	case 0: hide_it(w, victim); return "hidden";
	case 1: item->ended = moment_at((int64_t)random_below(r, 100000)); return "dated anew";
	case 2: item->epochs = w->judging.now.epochs; return "epochs made to fit";
	case 3: item->status = EVIDENCE_OK; return "status edited";
	case 4:
		if (item->value_count)
			item->values[random_below(r, (uint64_t)item->value_count)].number =
				(int64_t)random_below(r, 2) * INT64_MAX;
		return "value edited";
	case 5: w->judging.now.epochs.context.number++; return "context changed";
	case 6: w->judging.now.epochs.authority++; return "authority changed";
	default:
		w->judging.now.moment.wall_ms += 3600000;
		w->judging.now.moment.monotonic_ms += 3600000;
		return "time passed";
	}
}

static void nothing_opens_the_six(void **state)
{
	for (uint64_t seed = 1; seed <= 600; seed++) {
		static struct world w;
		const char *what;
		struct random r;

		random_seed(&r, seed);
		world_init(&w, (enum side)random_below(&r, 2));
		flaw(&w, &r);
		assert_int_not_equal(judge_now(&w), VERDICT_OPEN);
		for (int step = 0; step < 4 && w.log.count; step++) {
			what = meddle(&w, &r);
			if (judge_now(&w) == VERDICT_OPEN)
				fail_msg("seed %llu: %s, and it is open", (unsigned long long)seed, what);
		}
		world_done(&w);
	}
}

static void ended_before_any_measurement(void **state)
{
	static struct world w;

	world_init(&w, SIDE_SOURCE);
	evidence_log_done(&w.log);
	evidence_log_init(&w.log);
	judge_now(&w);
	for (int gate = 0; gate < GATE_COUNT; gate++)
		assert_int_equal(w.judgement.gates[gate].verdict, VERDICT_UNKNOWN);
	assert_int_equal(judge_over(w.judgement.gates, 0), VERDICT_UNKNOWN);
	world_done(&w);
}

static void too_few_samples(void **state)
{
	static struct world w;
	struct honest *thin;

	world_init(&w, SIDE_SOURCE);
	thin = again(&w, index_of(&w, "parity.family", VIEW_NULL));
	thin->item.samples = 9;
	append(&w, thin);
	judge_now(&w);
	assert_int_equal(w.judgement.gates[GATE_PARITY].verdict, VERDICT_UNKNOWN);
	world_done(&w);
}

/* A failure, then success, then an instrument that broke: it is shut, and stays so until an owner opens a new window. */
static void a_failure_is_not_softened_by_what_comes_later(void **state)
{
	static struct world w;
	struct honest *altered, *well, *broken;
	int victim;

	world_init(&w, SIDE_SOURCE);
	victim = index_of(&w, "parity.topic", w.topics[0]);
	altered = again(&w, victim);
	for (int i = 0; i < altered->item.value_count; i++)
		if (view_is(altered->values[i].name, "ALTERED"))
			altered->values[i].number = 1;
	append(&w, altered);
	assert_true(judge_sticks(&w.rules, &altered->item));
	assert_false(judge_sticks(&w.rules, &w.items.at[victim].item));
	well = again(&w, victim);
	append(&w, well);
	assert_int_equal(judge_now(&w), VERDICT_SHUT);
	broken = again(&w, victim);
	broken->item.status = EVIDENCE_INSTRUMENT_ERROR;
	append(&w, broken);
	assert_int_equal(judge_now(&w), VERDICT_SHUT);
	w.judging.window = w.log.count - 2;
	assert_int_equal(judge_now(&w), VERDICT_UNKNOWN);
	world_done(&w);
}

/* What was missing, and came late, is missing no more; nor is it when a later look sees less. */
static void what_came_late_is_not_missing(void **state)
{
	static struct world w;
	struct honest *lost, *well, *broken;
	int victim;

	world_init(&w, SIDE_SOURCE);
	victim = index_of(&w, "parity.topic", w.topics[0]);
	lost = again(&w, victim);
	for (int i = 0; i < lost->item.value_count; i++)
		if (view_is(lost->values[i].name, "LOST"))
			lost->values[i].number = 1;
	append(&w, lost);
	assert_true(judge_sticks(&w.rules, &lost->item));
	assert_int_equal(judge_now(&w), VERDICT_SHUT);
	well = again(&w, victim);
	append(&w, well);
	assert_true(judge_heals(&w.rules, &lost->item, &well->item));
	assert_false(judge_heals(&w.rules, &well->item, &lost->item));
	assert_int_equal(judge_now(&w), VERDICT_OPEN);
	broken = again(&w, victim);
	broken->item.status = EVIDENCE_PARTIAL;
	append(&w, broken);
	assert_false(judge_heals(&w.rules, &lost->item, &broken->item));
	assert_int_equal(judge_now(&w), VERDICT_UNKNOWN);
	world_done(&w);
}

static void what_nobody_declared_is_not_none(void **state)
{
	for (int scope = RULE_EACH_TOPIC; scope < RULE_SCOPE_COUNT; scope++) {
		static struct world w;

		world_init(&w, SIDE_SOURCE);
		w.judging.subjects[scope] = (struct rule_subjects){ NULL, 0, false };
		assert_int_equal(judge_now(&w), VERDICT_UNKNOWN);
		world_done(&w);
	}
}

static void a_class_without_a_price_limit_is_unknown(void **state)
{
	static struct world w;

	world_init(&w, SIDE_SOURCE);
	w.judging.family->class->limits[LIMIT_CAPACITY_COST_PER_DAY] = (struct plan_number){ 0 };
	judge_now(&w);
	assert_int_equal(w.judgement.gates[GATE_CAPACITY].verdict, VERDICT_UNKNOWN);
	for (int i = 0; i < w.judgement.gates[GATE_CAPACITY].result_count; i++)
		if (strcmp(w.judgement.gates[GATE_CAPACITY].results[i].rule->name, "capacity.cost") == 0)
			assert_string_equal(rule_result_code(&w.judgement.gates[GATE_CAPACITY].results[i]),
					    "LIMIT_MISSING");
	world_done(&w);
}

static void sentences_name_the_side_that_is_meant(void **state)
{
	static struct world w;

	world_init(&w, SIDE_TARGET);
	for (int i = 0; i < w.rules.count; i++) {
		if (strcmp(w.rules.at[i].name, "parity.lost") == 0)
			assert_non_null(
				strstr(w.rules.at[i].text, "of the target {is|are} not on the source"));
		if (strcmp(w.rules.at[i].name, "compatibility.topic") == 0)
			assert_string_equal(w.rules.at[i].who, "source operator");
		if (strcmp(w.rules.at[i].name, "rollback.target-only") == 0)
			assert_non_null(strstr(w.rules.at[i].text, "on the target alone"));
	}
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_evidence_opens_all_six),
		cmocka_unit_test(no_item_can_be_spared),
		cmocka_unit_test(one_bad_one_is_hidden_by_no_number_of_good_ones),
		cmocka_unit_test(nothing_opens_the_six),
		cmocka_unit_test(ended_before_any_measurement),
		cmocka_unit_test(too_few_samples),
		cmocka_unit_test(a_failure_is_not_softened_by_what_comes_later),
		cmocka_unit_test(what_came_late_is_not_missing),
		cmocka_unit_test(what_nobody_declared_is_not_none),
		cmocka_unit_test(a_class_without_a_price_limit_is_unknown),
		cmocka_unit_test(sentences_name_the_side_that_is_meant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
