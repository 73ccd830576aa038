/*
 * gather_operations.c - the people and what they look at: owners, on-call, runbook, dashboards, alerts, freezes.
 *
 * That an address answers is no approval: who is on call, and who has read the runbook, is an owner's act in the journal,
 * with a name and an end.
 */
#include <stdio.h>

#include "base/units.h"
#include "exit/freeze.h"
#include "exit/gather_run.h"
#include "exit/probe.h"

/* How long an alert may take to fire, at most. */
#define FIRE_WAIT_MS 120000

static bool is_asked(const struct gathering *g, enum plan_limit limit)
{
	return !g->family->class->limits[limit].none;
}

static void begin(struct draft *d, struct gathering *g, const char *claim, const char *method)
{
	draft_begin(d, g, claim, VIEW_NULL, method);
	draft_of_world(d);
}

/* ---- people ---- */

static int put_owners(struct gathering *g, struct fault *fault)
{
	const struct plan_owners *owners = &g->family->owners;
	int missing = 0;
	struct draft d;

	begin(&d, g, "operations.owners", "plan");
	if (!owners->decision.text.size) {
		missing++;
		draft_say(&d, "who decides");
	}
	if (is_asked(g, LIMIT_OPERATIONS_ON_CALL) && !owners->on_call.text.size) {
		missing++;
		draft_say(&d, "who is called");
	}
	draft_value(&d, "missing", "owners", missing);
	if (!missing)
		draft_say(&d, "%.*s decides%s%.*s", VIEW_ARGS(owners->decision.text),
			  owners->on_call.text.size ? ", called is " : "", VIEW_ARGS(owners->on_call.text));
	if (!owners->target.text.size)
		draft_say(&d, "open item: nobody is named who runs the target");
	return draft_end(&d, fault);
}

/* ---- what is looked at ---- */

/* The class asks for some and the family names none: which is not the same as having them all. */
static bool none_named(struct draft *d, const struct plan_probes *probes, const char *what)
{
	if (probes->count)
		return false;
	draft_exclude(d, "NOT_DECLARED", "the plan names no %s: name them, or say '%s: none' in the class",
		      what, what);
	return true;
}

static int put_probes(const struct gather_run *run, const struct plan_probes *probes, const char *claim,
		      const char *what, bool must_be_yes, struct fault *fault)
{
	int missing = 0, bare = 0;
	struct draft d;

	begin(&d, run->g, claim, "probe");
	d.item.kind = EVIDENCE_PROBE;
	if (!none_named(&d, probes, what) && !run->asking)
		draft_exclude(&d, "PROBE_SILENT", "nobody can be asked here");
	for (int i = 0; run->asking && i < probes->count; i++) {
		const struct plan_probe *probe = &probes->at[i];
		struct probing probing = probing_of(run->asking, probe, run->g->epochs.authority);
		struct fault why = { 0 };
		bool yes = false;
		int err = probe_yes(&probing, &yes, &why);

		if (err == ERR_CANCELLED || err == ERR_MEMORY) {
			buffer_done(&d.text);
			return fault_set(fault, err, "%s", why.text);
		}
		if (err < 0) {
			draft_exclude(&d, "PROBE_SILENT", "%.*s: %s", VIEW_ARGS(probe->name.text), why.text);
			continue;
		}
		bare += !probe->control.text.size;
		if (must_be_yes && !yes) {
			missing++;
			draft_say(&d, "%.*s", VIEW_ARGS(probe->name.text));
		}
	}
	draft_value(&d, "missing", what, missing);
	d.item.samples = (uint64_t)probes->count;
	if (!missing)
		draft_say(&d, "%d named, all answer", probes->count);
	if (bare)
		draft_say(&d, "%d without a control: that it could come out wrong was not shown", bare);
	return draft_end(&d, fault);
}

/* ---- alerts that are made to fire ---- */

/* One item an alert, so that a journal can tell of it later. */
static int put_fired(struct gathering *g, struct view name, int err, const char *why, struct fault *fault)
{
	struct draft d;

	draft_begin(&d, g, "probe.alert", name, "fire");
	draft_of_world(&d);
	d.item.kind = EVIDENCE_PROBE;
	if (err < 0 && err != ERR_TIMEOUT)
		draft_exclude(&d, "ALERT_UNTESTED", "%s", why);
	draft_value(&d, "silent", "alerts", err == ERR_TIMEOUT);
	draft_say(&d, "%s", err < 0 ? why : "made to fire, and seen to");
	return draft_end(&d, fault);
}

struct firing {
	struct draft d;
	int silent;
};

static int fire(const struct gather_run *run, const struct plan_probe *alert, struct firing *f,
		struct fault *fault)
{
	struct fault why = { 0 };
	int err = probe_alert(run->asking, alert, run->g->epochs.authority, FIRE_WAIT_MS, &why), end;

	if (err == ERR_CANCELLED || err == ERR_MEMORY)
		return fault_set(fault, err, "%s", why.text);
	end = put_fired(run->g, alert->name.text, err, why.text, fault);
	if (err == ERR_TIMEOUT) {
		f->silent++;
		draft_say(&f->d, "%.*s was made to fire and did not", VIEW_ARGS(alert->name.text));
	} else if (err < 0) {
		draft_exclude(&f->d, "ALERT_UNTESTED", "%.*s: %s", VIEW_ARGS(alert->name.text), why.text);
	}
	return end;
}

static int fire_all(const struct gather_run *run, struct fault *fault)
{
	const struct plan_probes *alerts = &run->g->family->alerts;
	struct firing f = { .silent = 0 };
	int err = 0;

	begin(&f.d, run->g, "operations.fired", "fire");
	f.d.item.kind = EVIDENCE_PROBE;
	if (!none_named(&f.d, alerts, "alerts") && !run->asking)
		draft_exclude(&f.d, "PROBE_SILENT", "nobody can be asked here");
	for (int i = 0; run->asking && i < alerts->count && !err; i++) {
		if (alerts->at[i].fire.given)
			err = fire(run, &alerts->at[i], &f, fault);
		else
			draft_exclude(&f.d, "ALERT_UNTESTED",
				      "%.*s: the plan names no way to make it fire ('fire')",
				      VIEW_ARGS(alerts->at[i].name.text));
	}
	if (err < 0) {
		buffer_done(&f.d.text);
		return err;
	}
	draft_value(&f.d, "silent", "alerts", f.silent);
	f.d.item.samples = (uint64_t)alerts->count;
	if (!f.silent && f.d.item.status == EVIDENCE_OK)
		draft_say(&f.d, "%d made to fire, and seen to", alerts->count);
	return draft_end(&f.d, fault);
}

/* ---- regimes, while they are watched for: one item each (window.h) ---- */

static int put_regime(const struct gather_run *run, const struct plan_probe *regime, struct fault *fault)
{
	struct fault why = { 0 };
	bool yes = false;
	struct draft d;
	int err = ERR_UNSUPPORTED;

	draft_begin(&d, run->g, "window.regime", regime->name.text, "probe");
	draft_of_world(&d);
	d.item.kind = EVIDENCE_PROBE;
	fault_set(&why, err, "nobody can be asked here");
	if (run->asking) {
		struct probing probing = probing_of(run->asking, regime, run->g->epochs.authority);

		err = probe_yes(&probing, &yes, &why);
	}
	if (err == ERR_CANCELLED || err == ERR_MEMORY) {
		buffer_done(&d.text);
		return fault_set(fault, err, "%s", why.text);
	}
	if (err < 0)
		draft_exclude(&d, "PROBE_SILENT", "%s", why.text);
	else
		draft_value(&d, "seen", "regimes", yes);
	draft_say(&d, "%s", err < 0 ? why.text : yes ? "it is on" : "it is not on");
	return draft_end(&d, fault);
}

/* ---- freezes ---- */

static void look_at_freeze(struct draft *d, const struct plan_freeze *freeze, int64_t now_ms,
			   struct freeze_state *state)
{
	struct fault why = { 0 };
	struct buffer bytes;
	struct zone zone;

	buffer_init(&bytes, 1024 * 1024);
	if (zone_load(freeze->zone, &bytes, &zone, &why) < 0)
		draft_exclude(d, "ZONE_UNKNOWN", "a change freeze cannot be judged: %s", why.text);
	else
		freeze_judge(freeze, &zone, now_ms, state);
	buffer_done(&bytes);
}

static int put_freeze(struct gathering *g, struct fault *fault)
{
	const struct plan_freezes *freezes = &g->family->class->freezes;
	struct freeze_state state = FREEZE_NONE;
	int64_t now_ms = clock_wall_ms(g->clock);
	char text[UNIT_TEXT_SIZE];
	struct draft d;

	begin(&d, g, "operations.freeze", "calendar");
	for (int i = 0; i < freezes->count; i++)
		look_at_freeze(&d, &freezes->at[i], now_ms, &state);
	draft_value(&d, "left", "ms",
		    state.frozen                    ? 0
		    : state.next_ms == FREEZE_NEVER ? FREEZE_NEVER
						    : state.next_ms - now_ms);
	if (state.frozen)
		draft_say(&d, "until %s", time_text(state.until_ms, text));
	else if (state.next_ms != FREEZE_NEVER)
		draft_say(&d, "none holds; the next begins %s", time_text(state.next_ms, text));
	else
		draft_say(&d, "none is named");
	return draft_end(&d, fault);
}

int gather_operations(const struct gather_run *run, struct fault *fault)
{
	const struct plan_family *family = run->g->family;
	int err;

	if (run->progress)
		run->progress(run->context, "asking about people, dashboards and alerts", -1);
	err = put_owners(run->g, fault);
	err = err ? err : gather_journal(run, GATE_OPERATIONS, fault);
	if (!err && is_asked(run->g, LIMIT_OPERATIONS_DASHBOARDS))
		err = put_probes(run, &family->dashboards, "operations.dashboards", "dashboards", true,
				 fault);
	if (!err && is_asked(run->g, LIMIT_OPERATIONS_ALERTS)) {
		err = put_probes(run, &family->alerts, "operations.alerts", "alerts", false, fault);
		if (!err && run->fire)
			err = fire_all(run, fault);
	}
	for (int i = 0; run->g->mirrored && i < family->regimes.count && !err; i++)
		err = put_regime(run, &family->regimes.at[i], fault);
	return err ? err : put_freeze(run->g, fault);
}
