/*
 * test_gather_journal.c - what the journal tells, as evidence, and what the rules make of it: one row a history.
 *
 * An approval without a name, without an end, or of another plan is none; what was tested long ago is not tested.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "exit/gather_run.h"
#include "exit/judge.h"

#define NOW_MS 1700000000000LL
#define HOUR   3600000LL
#define DAY    (24 * HOUR)

static const char plan_text[] =
	"exit: a\nsource: s:1\ntarget: t:1\nclasses:\n"
	"  all: { capacity: { cost-per-day: none }, rollback: { drill: 7d }, operations: { alerts: 30d } "
	"}\nfamilies:\n"
	"- { name: orders, class: all, pattern: dual-write, topics: [ orders ], groups: [ billing ],\n"
	"    owners: { decision: lead@b, on-call: duty@b },\n"
	"    levers: { flag: { get: exec g, set: exec s }, groups: { billing: { get: exec g, set: exec s } } "
	"},\n"
	"    alerts: [ { name: lag, probe: exec p, fire: exec f }, { name: disk, probe: exec p } ] }\n";

static int64_t still_ns(const struct clock *clock)
{
	return 5000000000;
}

static int64_t still_ms(const struct clock *clock)
{
	return NOW_MS;
}

#define NAME(text)                                                                                           \
	{                                                                                                    \
		(const uint8_t *)(text), sizeof(text) - 1                                                    \
	}

struct world {
	struct plan *plan;
	struct arena arena;
	struct evidence_log log;
	struct clock clock;
	struct gathering g;
	struct history history;
	struct history_test levers[4], alerts[4];
	bool no_journal;
};

typedef void bend_fn(struct world *w);

static void all_is_well(struct world *w)
{
	w->history.drill.ended_ms = NOW_MS - DAY;
	w->history.drill.plan = w->history.runbook.plan = w->plan->hash;
	w->history.drill.ok = true;
	w->history.runbook.at_ms = NOW_MS - 2 * DAY;
	w->history.runbook.by = w->history.on_call.by = VIEW_LITERAL("ann");
	w->history.on_call.at_ms = NOW_MS - HOUR;
	w->history.on_call.until_ms = NOW_MS + 8 * HOUR;
	w->levers[0] = (struct history_test){ NAME("flag"), NOW_MS - DAY, true };
	w->levers[1] = (struct history_test){ NAME("group:billing"), NOW_MS - 2 * DAY, true };
	w->alerts[0] = (struct history_test){ NAME("lag"), NOW_MS - 3 * DAY, true };
	w->alerts[1] = (struct history_test){ NAME("disk"), NOW_MS - 4 * DAY, true };
	w->history.levers = w->levers;
	w->history.lever_count = 2;
	w->history.alerts = w->alerts;
	w->history.alert_count = 2;
	w->history.dual_since_ms = NOW_MS - 10 * DAY;
}

static void no_journal(struct world *w)
{
	w->no_journal = true;
}

static void empty_journal(struct world *w)
{
	w->history = (struct history){ 0 };
}

static void drill_failed(struct world *w)
{
	w->history.drill.ok = false;
}

static void drill_is_old(struct world *w)
{
	w->history.drill.ended_ms = NOW_MS - 8 * DAY;
}

static void drill_of_another_plan(struct world *w)
{
	w->history.drill.plan.bytes[0] ^= 1;
}

static void drill_of_tomorrow(struct world *w)
{
	w->history.drill.ended_ms = NOW_MS + 4000;
}

static void drill_of_next_week(struct world *w)
{
	w->history.drill.ended_ms = NOW_MS + 7 * DAY;
}

static void lever_failed(struct world *w)
{
	w->levers[1].ok = false;
}

static void lever_failed_once_and_then_did_not(struct world *w)
{
	w->levers[2] = w->levers[1];
	w->levers[1].ok = false;
	w->history.lever_count = 3;
}

static void lever_never_tested(struct world *w)
{
	w->history.lever_count = 1;
}

static void lever_tested_long_ago(struct world *w)
{
	w->levers[0].at_ms = NOW_MS - 8 * DAY;
}

static void leak(struct world *w)
{
	w->history.leak = true;
}

static void runs_too_long(struct world *w)
{
	w->history.dual_since_ms = NOW_MS - 15 * DAY;
}

static void runs_since_tomorrow(struct world *w)
{
	w->history.dual_since_ms = NOW_MS + DAY;
}

static void on_call_is_nobody(struct world *w)
{
	w->history.on_call.by = VIEW_LITERAL("");
}

static void on_call_is_over(struct world *w)
{
	w->history.on_call.until_ms = NOW_MS - 1;
}

static void on_call_ends_in_a_minute(struct world *w)
{
	w->history.on_call.until_ms = NOW_MS + 60000;
}

static void on_call_without_end(struct world *w)
{
	w->history.on_call.until_ms = 0;
}

static void on_call_of_tomorrow(struct world *w)
{
	w->history.on_call.at_ms = NOW_MS + HOUR;
}

static void runbook_by_nobody(struct world *w)
{
	w->history.runbook.by = VIEW_NULL;
}

static void runbook_of_another_plan(struct world *w)
{
	w->history.runbook.plan.bytes[31] ^= 1;
}

static void alert_was_silent(struct world *w)
{
	w->alerts[0].ok = false;
}

static void alert_never_fired(struct world *w)
{
	w->history.alert_count = 1;
}

static void alert_fired_long_ago(struct world *w)
{
	w->alerts[1].at_ms = NOW_MS - 31 * DAY;
}

/* clang-format off */
static const struct row {
	const char *name;
	bend_fn *bend;
	const char *rule;
	enum verdict verdict;
	const char *says; /* in its code or its evidence */
} rows[] = {
	{ "a drill", all_is_well, "rollback.drill", VERDICT_OPEN, "" },
	{ "no journal, no drill", no_journal, "rollback.drill", VERDICT_UNKNOWN, "DRILL_MISSING" },
	{ "an empty journal, no drill", empty_journal, "rollback.drill", VERDICT_UNKNOWN, "DRILL_MISSING" },
	{ "a drill that failed", drill_failed, "rollback.drill", VERDICT_SHUT, "DRILL_FAILED" },
	{ "an old drill", drill_is_old, "rollback.drill", VERDICT_UNKNOWN, "EVIDENCE_TOO_OLD" },
	{ "a drill of another plan", drill_of_another_plan, "rollback.drill", VERDICT_UNKNOWN, "DRILL_OTHER_PLAN" },
	{ "a drill a little ahead of the clock", drill_of_tomorrow, "rollback.drill", VERDICT_OPEN, "" },
	{ "a drill of next week", drill_of_next_week, "rollback.drill", VERDICT_UNKNOWN, "EVIDENCE_CLOCK" },
	{ "levers tested", all_is_well, "rollback.tested", VERDICT_OPEN, "" },
	{ "a lever failed", lever_failed, "rollback.tested", VERDICT_SHUT, "group:billing failed" },
	{ "the last word counts", lever_failed_once_and_then_did_not, "rollback.tested", VERDICT_OPEN, "" },
	{ "a lever never tested", lever_never_tested, "rollback.tested", VERDICT_UNKNOWN, "LEVER_UNTESTED" },
	{ "a lever tested long ago", lever_tested_long_ago, "rollback.tested", VERDICT_UNKNOWN, "EVIDENCE_TOO_OLD" },
	{ "no leak", all_is_well, "rollback.leak", VERDICT_OPEN, "" },
	{ "a leak", leak, "rollback.leak", VERDICT_SHUT, "FENCE_LEAK" },
	{ "ten days", all_is_well, "capacity.dual-run", VERDICT_OPEN, "" },
	{ "fifteen days", runs_too_long, "capacity.dual-run", VERDICT_SHUT, "DUAL_RUN_OVER" },
	{ "nobody knows since when", no_journal, "capacity.dual-run", VERDICT_UNKNOWN, "DUAL_RUN_UNKNOWN" },
	{ "since tomorrow", runs_since_tomorrow, "capacity.dual-run", VERDICT_UNKNOWN, "DUAL_RUN_UNKNOWN" },
	{ "on call", all_is_well, "operations.on-call", VERDICT_OPEN, "" },
	{ "nobody on call", empty_journal, "operations.on-call", VERDICT_UNKNOWN, "ON_CALL_UNCONFIRMED" },
	{ "an approval without a name", on_call_is_nobody, "operations.on-call", VERDICT_UNKNOWN, "ON_CALL_UNCONFIRMED" },
	{ "an approval that is over", on_call_is_over, "operations.on-call", VERDICT_SHUT, "ON_CALL_UNCONFIRMED" },
	{ "an approval without an end", on_call_without_end, "operations.on-call", VERDICT_SHUT, "ON_CALL_UNCONFIRMED" },
	{ "an approval that ends too soon", on_call_ends_in_a_minute, "operations.on-call", VERDICT_UNKNOWN, "VALUE_UNDECIDED" },
	{ "an approval of tomorrow", on_call_of_tomorrow, "operations.on-call", VERDICT_UNKNOWN, "future" },
	{ "a runbook that was read", all_is_well, "operations.runbook", VERDICT_OPEN, "" },
	{ "a runbook that nobody has read", runbook_by_nobody, "operations.runbook", VERDICT_UNKNOWN, "RUNBOOK_UNACKNOWLEDGED" },
	{ "the runbook of another plan", runbook_of_another_plan, "operations.runbook", VERDICT_UNKNOWN, "RUNBOOK_OTHER_PLAN" },
	{ "alerts that fired", all_is_well, "operations.fired", VERDICT_OPEN, "" },
	{ "an alert that did not", alert_was_silent, "operations.fired", VERDICT_SHUT, "ALERT_SILENT" },
	{ "an alert that was never tried", alert_never_fired, "operations.fired", VERDICT_UNKNOWN, "ALERT_UNTESTED" },
	{ "an alert that fired long ago", alert_fired_long_ago, "operations.fired", VERDICT_UNKNOWN, "EVIDENCE_TOO_OLD" },
};
/* clang-format on */

static void world_init(struct world *w)
{
	struct plan_faults faults;

	memset(w, 0, sizeof *w);
	plan_faults_init(&faults, "p");
	if (plan_parse(view_text(plan_text), "", &faults, &w->plan) < 0)
		fail_msg("%d:%d %s", faults.at[0].at.line, faults.at[0].at.column, faults.at[0].text);
	plan_faults_done(&faults);
	arena_init(&w->arena, 16 << 20);
	evidence_log_init(&w->log);
	w->clock = (struct clock){ still_ns, still_ms, NULL };
	w->g = (struct gathering){ .arena = &w->arena,
				   .clock = &w->clock,
				   .plan = w->plan,
				   .family = &w->plan->families[0],
				   .log = &w->log,
				   .epochs = { .plan = { 1, w->plan->hash }, .authority = 1 } };
}

static bool play(const struct row *row)
{
	struct judging judging = { 0 };
	const struct rule_result *found = NULL;
	struct fault fault = { 0 };
	struct judgement judgement;
	struct gather_run run;
	struct buffer text;
	struct world w;
	bool right;

	world_init(&w);
	all_is_well(&w);
	row->bend(&w);
	run = (struct gather_run){ .g = &w.g, .history = w.no_journal ? NULL : &w.history };
	for (int gate = 0; gate < GATE_COUNT; gate++)
		assert_int_equal(gather_journal(&run, (enum gate)gate, &fault), 0);
	judging = (struct judging){ .family = w.g.family,
				    .log = &w.log,
				    .now = { gathering_now(&w.g), w.g.epochs, NULL, 0 } };
	assert_int_equal(judge_family(&judging, 0, &w.arena, &judgement, &fault), 0);
	for (int gate = 0; gate < GATE_COUNT; gate++)
		for (int i = 0; i < judgement.gates[gate].result_count; i++)
			if (strcmp(judgement.gates[gate].results[i].rule->name, row->rule) == 0)
				found = &judgement.gates[gate].results[i];
	assert_non_null(found);
	assert_non_null(found->evidence);
	buffer_init(&text, 1 << 16);
	buffer_printf(&text, "%s %.*s", rule_result_code(found), VIEW_ARGS(found->evidence->text));
	for (int i = 0; i < found->evidence->excluded_count; i++)
		buffer_printf(&text, " %.*s: %.*s", VIEW_ARGS(found->evidence->excluded[i].what),
			      VIEW_ARGS(found->evidence->excluded[i].why));
	right = found->verdict == row->verdict && strstr(buffer_string(&text), row->says);
	if (!right)
		print_error("%s: %s, %s\n", row->name, verdict_word(found->verdict), buffer_string(&text));
	buffer_done(&text);
	evidence_log_done(&w.log);
	arena_done(&w.arena);
	plan_free(w.plan);
	return right;
}

static void every_row(void **state)
{
	int wrong = 0;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		wrong += !play(&rows[i]);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_row) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
