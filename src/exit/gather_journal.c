/*
 * gather_journal.c - what only the journal tells, as evidence: drills, tests, acknowledgements, when it began.
 *
 * An item is dated when the thing was, and not when the journal was read: it grows old as the thing does.  An act without
 * a name, or of another plan, is not what is asked for.  Nothing here asks anybody.
 */
#include <stdio.h>

#include "base/units.h"
#include "exit/gather_run.h"

static void begin(struct draft *d, struct gathering *g, const char *claim)
{
	draft_begin(d, g, claim, VIEW_NULL, "journal");
	draft_of_world(d);
}

/* ---- rollback ---- */

static int put_leak(const struct gather_run *run, struct fault *fault)
{
	bool leak = run->history && run->history->leak;
	struct draft d;

	begin(&d, run->g, "rollback.leak");
	draft_value(&d, "leaks", "leaks", leak);
	draft_say(&d, "%s",
		  leak           ? "the journal tells of a record behind a fence"
		  : run->history ? "none is in the journal"
				 : "there is no journal, so nothing was ever fenced");
	return draft_end(&d, fault);
}

static int put_drill(const struct gather_run *run, struct fault *fault)
{
	const struct history *history = run->history;
	char forward[UNIT_TEXT_SIZE], back[UNIT_TEXT_SIZE];
	struct draft d;

	begin(&d, run->g, "rollback.drill");
	if (!history || !history->drill.ended_ms) {
		draft_exclude(&d, "DRILL_MISSING", "no drill is in the journal: run `interlock drill %.*s`",
			      VIEW_ARGS(run->g->family->name.text));
		return draft_end(&d, fault);
	}
	if (!sha256_equal(history->drill.plan, run->g->epochs.plan.hash))
		draft_exclude(&d, "DRILL_OTHER_PLAN", "the last drill was under another plan: drill again");
	draft_value(&d, "failed", "drills", !history->drill.ok);
	draft_value(&d, "forward", "ms", history->drill.forward_pause_ms);
	draft_value(&d, "back", "ms", history->drill.return_pause_ms);
	draft_say(&d, "the last drill paused %s forward and %s back",
		  duration_text(history->drill.forward_pause_ms, forward),
		  duration_text(history->drill.return_pause_ms, back));
	draft_of_then(&d, history->drill.ended_ms);
	return draft_end(&d, fault);
}

/* The last word on each name counts; of all of them the oldest dates the item. */
struct tests {
	struct draft d;
	int count, failed;
	int64_t oldest_ms;
};

static void recall(struct tests *tests, const struct history_test *at, int count, const char *name,
		   const char *code, const char *never)
{
	const struct history_test *last = NULL;

	tests->count++;
	for (int i = 0; i < count; i++)
		if (view_is(at[i].name, name))
			last = &at[i];
	if (!last) {
		draft_exclude(&tests->d, code, "%s %s", name, never);
		return;
	}
	if (!last->ok) {
		tests->failed++;
		draft_say(&tests->d, "%s failed its test", name);
	}
	if (!tests->oldest_ms || last->at_ms < tests->oldest_ms)
		tests->oldest_ms = last->at_ms;
}

static void recall_lever(struct tests *tests, const struct history *history, const char *name)
{
	recall(tests, history ? history->levers : NULL, history ? history->lever_count : 0, name,
	       "LEVER_UNTESTED", "was never set and set back in a test");
}

static int put_tested(const struct gather_run *run, struct fault *fault)
{
	const struct plan_levers *levers = &run->g->family->levers;
	struct tests tests = { .count = 0 };

	begin(&tests.d, run->g, "rollback.tested");
	if (levers->flag.head.given)
		recall_lever(&tests, run->history, "flag");
	if (levers->bootstrap.head.given)
		recall_lever(&tests, run->history, "bootstrap");
	for (int i = 0; i < levers->group_count; i++) {
		const char *name =
			arena_printf(run->g->arena, "group:%.*s", VIEW_ARGS(levers->groups[i].head.name));

		if (name)
			recall_lever(&tests, run->history, name);
		else
			tests.d.err = ERR_MEMORY;
	}
	draft_value(&tests.d, "failed", "levers", tests.failed);
	tests.d.item.samples = (uint64_t)tests.count;
	if (tests.oldest_ms)
		draft_of_then(&tests.d, tests.oldest_ms);
	return draft_end(&tests.d, fault);
}

/* ---- capacity ---- */

static int put_dual_run(const struct gather_run *run, struct fault *fault)
{
	const struct plan_number *limit = &run->g->family->class->limits[LIMIT_CAPACITY_DUAL_RUN];
	int64_t since_ms = run->history ? run->history->dual_since_ms : 0,
		now_ms = clock_wall_ms(run->g->clock);
	char ran[UNIT_TEXT_SIZE], day[UNIT_TEXT_SIZE];
	struct draft d;

	begin(&d, run->g, "capacity.dual-run");
	if (since_ms <= 0 || since_ms > now_ms) {
		draft_exclude(
			&d, "DUAL_RUN_UNKNOWN", "%s",
			since_ms > now_ms
				? "the journal says that both sides run since a day to come"
				: "no journal says since when both sides run: `interlock run` begins one");
		return draft_end(&d, fault);
	}
	draft_value(&d, "ran", "ms", now_ms - since_ms);
	draft_say(&d, "both sides run for %s", duration_text(now_ms - since_ms, ran));
	if (limit->given && !limit->none) {
		draft_value(&d, "limit-at", "ms since 1970", since_ms + limit->value);
		draft_say(&d, "the limit is reached on %.10s", time_text(since_ms + limit->value, day));
	}
	return draft_end(&d, fault);
}

/* ---- operations ---- */

static int put_on_call(const struct gather_run *run, struct fault *fault)
{
	const struct history *history = run->history;
	int64_t now_ms = clock_wall_ms(run->g->clock);
	char until[UNIT_TEXT_SIZE];
	struct draft d;

	begin(&d, run->g, "operations.on-call");
	if (!history || !history->on_call.at_ms || !history->on_call.by.size) {
		draft_exclude(&d, "ON_CALL_UNCONFIRMED", "nobody has confirmed in the journal to be on call");
	} else if (history->on_call.at_ms > now_ms) {
		draft_exclude(&d, "ON_CALL_UNCONFIRMED", "the confirmation is dated in the future");
	} else {
		draft_value(&d, "left", "ms", history->on_call.until_ms - now_ms);
		draft_say(&d, "%.*s until %s", VIEW_ARGS(history->on_call.by),
			  time_text(history->on_call.until_ms, until));
	}
	return draft_end(&d, fault);
}

static int put_runbook(const struct gather_run *run, struct fault *fault)
{
	const struct history *history = run->history;
	struct draft d;

	begin(&d, run->g, "operations.runbook");
	if (!history || !history->runbook.at_ms || !history->runbook.by.size) {
		draft_exclude(&d, "RUNBOOK_UNACKNOWLEDGED",
			      "nobody has acknowledged the runbook: `interlock runbook %.*s --acknowledge`",
			      VIEW_ARGS(run->g->family->name.text));
	} else if (!sha256_equal(history->runbook.plan, run->g->epochs.plan.hash)) {
		draft_exclude(&d, "RUNBOOK_OTHER_PLAN",
			      "the runbook was acknowledged under another plan; read it again");
	} else {
		draft_value(&d, "missing", "runbooks", 0);
		draft_say(&d, "acknowledged by %.*s", VIEW_ARGS(history->runbook.by));
	}
	return draft_end(&d, fault);
}

/* ---- alerts that have fired ---- */

static int put_fired(const struct gather_run *run, struct fault *fault)
{
	const struct plan_probes *alerts = &run->g->family->alerts;
	const struct history *history = run->history;
	struct tests tests = { .count = 0 };

	begin(&tests.d, run->g, "operations.fired");
	if (!alerts->count)
		draft_exclude(&tests.d, "NOT_DECLARED",
			      "the plan names no alerts: name them, or say 'alerts: none' in the class");
	for (int i = 0; i < alerts->count; i++) {
		const char *name = arena_printf(run->g->arena, "%.*s", VIEW_ARGS(alerts->at[i].name.text));

		if (name)
			recall(&tests, history ? history->alerts : NULL, history ? history->alert_count : 0,
			       name, "ALERT_UNTESTED",
			       alerts->at[i].fire.given
				       ? "was never seen to fire: `interlock check --fire` makes it"
				       : "was never seen to fire, and the plan names no way to make it "
					 "('fire')");
		else
			tests.d.err = ERR_MEMORY;
	}
	draft_value(&tests.d, "silent", "alerts", tests.failed);
	tests.d.item.samples = (uint64_t)tests.count;
	if (tests.oldest_ms)
		draft_of_then(&tests.d, tests.oldest_ms);
	return draft_end(&tests.d, fault);
}

int gather_journal(const struct gather_run *run, enum gate gate, struct fault *fault)
{
	int err = 0;

	switch (gate) {
	case GATE_ROLLBACK:
		err = put_drill(run, fault);
		err = err ? err : put_tested(run, fault);
		return err ? err : put_leak(run, fault);
	case GATE_CAPACITY: return put_dual_run(run, fault);
	case GATE_OPERATIONS:
		err = put_on_call(run, fault);
		err = err ? err : put_runbook(run, fault);
		return err || run->fire ? err : put_fired(run, fault);
	default: return 0;
	}
}
