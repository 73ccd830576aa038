/* runbook.c - the list of steps, what stands between them, and what to expect of each. */
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "exit/runbook.h"
#include "exit/step.h"
#include "exit/window.h"

/* How long each step took the last time, from the frames. */
struct timing {
	const char *family;
	json_t *lasted; /* step -> ms */
	json_t *begun;  /* sequence of an intent -> { step, wall } */
	int64_t fenced_ms, quiet_ms, level_ms;
};

static int time_frame(void *context, const struct frame *frame)
{
	struct timing *t = context;
	json_t *body = frame_body_read(frame, NULL);
	const char *family = body_text(body, "family");
	int64_t wall_ms = frame->moment.wall_ms;
	char key[24];

	if (!family || strcmp(family, t->family) != 0) {
		json_decref(body);
		return 0;
	}
	if (frame->kind == FRAME_INTENT) {
		snprintf(key, sizeof key, "%llu", (unsigned long long)frame->sequence);
		json_object_set_new(t->begun, key,
				    json_pack("{s:s?, s:I}", "step", body_text(body, "step"), "wall",
					      (json_int_t)wall_ms));
	} else if (frame->kind == FRAME_OUTCOME && body_text(body, "result") &&
		   strcmp(body_text(body, "result"), "done") == 0) {
		json_t *intent;

		snprintf(key, sizeof key, "%lld", (long long)body_number(body, "intent"));
		intent = json_object_get(t->begun, key);
		if (body_text(intent, "step"))
			json_object_set_new(t->lasted, body_text(intent, "step"),
					    json_integer(wall_ms - body_number(intent, "wall")));
		t->fenced_ms = wall_ms;
	} else if (frame->kind == FRAME_QUIET) {
		json_object_set_new(t->lasted, "silence", json_integer(wall_ms - t->fenced_ms));
		t->quiet_ms = wall_ms;
	} else if (frame->kind == FRAME_LEVEL) {
		json_object_set_new(t->lasted, "level", json_integer(wall_ms - t->quiet_ms));
		t->level_ms = wall_ms;
	} else if (frame->kind == FRAME_DECISION) {
		json_object_set_new(t->lasted, "decision", json_integer(wall_ms - t->level_ms));
	}
	json_decref(body);
	return 0;
}

/* ---- steps ---- */

struct making {
	const struct plan_family *family;
	enum authority to;
	json_t *lasted, *steps;
	char deadline[40];
};

static json_t *view_json(struct view text)
{
	return text.size ? json_stringn((const char *)text.at, text.size) : json_null();
}

/* Who is asked about it: brokers belong to their operators, jobs to the on-call, all else to who decides. */
static struct view owner_of(const struct plan_family *family, const char *lever)
{
	const struct plan_owners *owners = &family->owners;
	struct view who = owners->decision.text;

	if (strstr(lever, "source") && strncmp(lever, "acl", 3) == 0)
		who = owners->source.text;
	else if (strstr(lever, "target") && strncmp(lever, "acl", 3) == 0)
		who = owners->target.text;
	else if (strncmp(lever, "group:", 6) == 0)
		who = owners->on_call.text;
	return who.size ? who : owners->decision.text;
}

static json_t *lasted_of(const struct making *m, const char *step)
{
	json_t *ms = json_object_get(m->lasted, step);

	return ms ? json_incref(ms) : json_null();
}

static void add_proof(struct making *m, const char *step, const char *command, const char *before,
		      const char *stop)
{
	json_array_append_new(m->steps, json_pack("{s:s, s:s, s:s, s:s, s:s, s:n, s:o, s:o, s:s, s:s, s:n}",
						  "step", step, "phase", "proof", "kind", "proof", "command",
						  command, "before", before, "desired", "owner",
						  view_json(m->family->owners.decision.text), "expected_ms",
						  lasted_of(m, step), "stop", stop, "undo",
						  "nothing was changed", "why"));
}

static json_t *same(const json_t *from, const char *key)
{
	json_t *value = json_object_get(from, key);

	return value ? json_incref(value) : json_null();
}

static void add_effect(struct making *m, const json_t *step)
{
	const char *name = body_text(step, "step"), *phase = body_text(step, "phase");
	bool after = strncmp(phase, "open", 4) == 0 || strcmp(phase, "groups last") == 0 ||
		     strcmp(phase, "after") == 0;
	char stop[300];

	if (after)
		snprintf(stop, sizeof stop,
			 "authority has moved: it is set again until it is seen to be so; there is no way "
			 "back "
			 "but a crossing of its own");
	else
		snprintf(stop, sizeof stop,
			 "not seen to be so within the deadline (%s): what was set is set back, and the "
			 "family "
			 "is HELD; an outcome that cannot be told: UNKNOWN, nothing more is touched",
			 m->deadline);
	json_array_append_new(
		m->steps,
		json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "step", name, "phase",
			  phase, "kind", "effect", "command", same(step, "does"), "before",
			  same(step, "before"), "desired", same(step, "desired"), "owner",
			  view_json(owner_of(m->family,
					     body_text(step, "lever") ? body_text(step, "lever") : "")),
			  "expected_ms", lasted_of(m, name), "stop", stop, "undo", same(step, "undo"), "why",
			  same(step, "why")));
}

static void add_phase(struct making *m, const json_t *effects, enum step_phase phase)
{
	json_t *step;
	size_t index;

	json_array_foreach(effects, index, step)
	{
		if (strcmp(body_text(step, "phase"), phase_word(phase)) == 0)
			add_effect(m, step);
	}
}

static void add_steps(struct making *m, const json_t *effects, const struct standing *now)
{
	bool there = m->to == AUTHORITY_TARGET;
	char still[UNIT_TEXT_SIZE], silence[200];

	snprintf(silence, sizeof silence,
		 "ask every leader: canary refused or drained, no open transaction, ends that stand still for %s",
		 duration_text(steps_still_ms(m->family), still));
	add_proof(m, "gates",
		  there ? "gather anew, and judge all six gates"
			: "look at both sides; the way back rests on its own proof",
		  now->verdict.sequence ? verdict_word(now->verdict.verdict) : "nothing was judged yet",
		  there ? "any gate that is not open: refused, nothing was touched"
			: "a side that does not answer: refused");
	add_proof(m, "publish", "sign the journal's head and give it to the holders of the plan",
		  "at least one must hold it", "nobody holds it: refused, nothing was touched");
	add_phase(m, effects, PHASE_BEFORE);
	add_phase(m, effects, PHASE_GROUPS_FIRST);
	add_phase(m, effects, PHASE_FENCE);
	add_proof(m, "silence", silence, "writes are fenced", "not proved within the deadline: it returns by itself");
	add_proof(m, "level", "hold the other side against the ends that were recorded", "silence is proved",
		  "behind at the deadline, or different: it returns by itself");
	add_phase(m, effects, PHASE_PLACE);
	add_proof(m, "decision", "one frame moves authority",
		  "silence and level of this attempt, and the verdict, are in the journal",
		  "from here on there is only forward");
	add_proof(m, "receipt", "sign the journal's head once more, with the decision in it",
		  "one holder outside must have it",
		  "nobody takes it: it is offered again; nothing is opened before");
	add_phase(m, effects, PHASE_OPEN);
	add_phase(m, effects, PHASE_GROUPS_LAST);
	add_phase(m, effects, PHASE_AFTER);
}

/* ---- around them ---- */

static json_t *owners_of(const struct plan_family *family)
{
	const struct plan_owners *owners = &family->owners;

	return json_pack("{s:o, s:o, s:o, s:o}", "decision", view_json(owners->decision.text), "on_call",
			 view_json(owners->on_call.text), "source", view_json(owners->source.text), "target",
			 view_json(owners->target.text));
}

static json_t *stops_of(const struct plan_class *class)
{
	json_t *stops = json_array();

	for (int gate = 0; gate < GATE_COUNT; gate++)
		json_array_append_new(
			stops,
			json_pack("{s:s, s:s}", "gate", gate_word((enum gate)gate), "action",
				  plan_action_words[class->limits[LIMIT_STOP_COMPATIBILITY + gate].value]));
	return stops;
}

static json_t *acknowledged_of(const struct standing *now, const char *plan)
{
	json_t *note = json_object_get(now->json, "acknowledged");
	const char *of = body_text(json_object_get(note, "arguments"), "plan");

	return note ? json_pack("{s:s?, s:I, s:b}", "by", body_text(note, "by"), "wall",
				(json_int_t)body_number(note, "wall"), "current", of && strcmp(of, plan) == 0)
		    : json_null();
}

static json_t *pauses_of(const struct standing *now)
{
	json_t *drill = json_object_get(now->json, "drill");

	return json_pack("{s:o, s:o, s:o}", "last_ms",
			 now->json && now->pause_ms >= 0 ? json_integer(now->pause_ms) : json_null(),
			 "drill_ms", same(drill, "forward_ms"), "drill_total_ms", same(drill, "total_ms"));
}

static int64_t limit_of(const struct plan_family *family, enum plan_limit limit)
{
	return family->class->limits[limit].value;
}

/* What was removed, and what stays.  The journal stays: it alone says what was done. */
static void add_final(json_t *book, const struct standing *now)
{
	json_t *items = json_object_get(now->json, "scaffold"), *each, *removed = json_array(),
	       *standing = json_object_get(now->json, "standing"), *stays = json_array();
	const char *name;

	json_object_foreach(items, name, each)
	{
		json_t *item = json_deep_copy(each);

		json_object_set_new(item, "item", json_string(name));
		json_array_append_new(removed, item);
	}
	json_array_append_new(
		stays,
		json_string("the journal with its evidence, its checkpoints at their holders, and the key "
			    "that signed them"));
	json_object_foreach(standing, name, each)
	{
		char line[600];

		snprintf(line, sizeof line,
			 "%.200s still stands as it was set here; before that it stood at: %.300s", name,
			 json_string_length(each) ? json_string_value(each) : "nothing");
		json_array_append_new(stays, json_string(line));
	}
	json_object_set_new(book, "removed", removed);
	json_object_set_new(book, "stays", stays);
	json_object_set_new(book, "baseline", json_string(authority_word(now->authority)));
}

static json_t *frame_of_book(const struct plan *plan, const struct plan_family *family,
			     const struct state *state, const struct standing *now, enum authority to,
			     int64_t now_ms)
{
	const char *in_force = body_text(json_object_get(state->root, "plan"), "hash");
	char hash[SHA256_TEXT_SIZE], call[500];

	sha256_text(plan->hash, hash);
	snprintf(call, sizeof call, "interlock %s %.*s --as %.*s --reason TEXT",
		 to == AUTHORITY_TARGET ? "promote" : "rollback", VIEW_ARGS(family->name.text),
		 VIEW_ARGS(family->owners.decision.text));
	return json_pack(
		"{s:o, s:s, s:s, s:s, s:b, s:s, s:s?, s:s, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:s, s:o, s:o, "
		"s:o}",
		"family", view_json(family->name.text), "kind",
		now->stage == STAGE_RETIRED ? "final" : "crossing", "to", authority_word(to), "plan", hash,
		"plan_in_force", in_force && strcmp(in_force, hash) == 0, "stage", stage_word(now->stage),
		"overlay", overlay_word(now->overlay), "authority", authority_word(now->authority),
		"acknowledged", acknowledged_of(now, hash), "pause_max_ms",
		(json_int_t)limit_of(family, LIMIT_PAUSE), "deadline_ms",
		(json_int_t)limit_of(family, LIMIT_DEADLINE), "observe_ms",
		(json_int_t)limit_of(family, LIMIT_OBSERVE), "window", window_told(family, now, now_ms),
		"page_after_ms",
		family->page.head.given ? json_integer(family->page.after_ms.value) : json_null(), "owners", owners_of(family), "call", call,
		"pauses", pauses_of(now), "stops", stops_of(family->class), "boundary",
		same(json_object_get(now->json, "verdict"), "boundary"));
}

static int add_crossing(struct controller *controller, const struct plan_family *family,
			const struct standing *now, enum authority to, json_t *book, struct fault *fault)
{
	struct timing timing = { .family = now->name, .lasted = json_object(), .begun = json_object() };
	struct making m = { .family = family, .to = to, .lasted = timing.lasted, .steps = json_array() };
	json_t *effects = NULL;
	int err = journal_walk(controller_journal(controller), 1, time_frame, &timing, fault);

	snprintf(m.deadline, sizeof m.deadline, "%lld s", (long long)limit_of(family, LIMIT_DEADLINE) / 1000);
	err = err ? err : controller_preview(controller, family, to, &effects, fault);
	if (err == 0) {
		add_steps(&m, effects, now);
		json_object_set(book, "steps", m.steps);
	}
	json_decref(effects);
	json_decref(m.steps);
	json_decref(timing.lasted);
	json_decref(timing.begun);
	return err;
}

int runbook_make(struct controller *controller, const struct plan_family *family, enum authority to,
		 json_t **out, struct fault *fault)
{
	const struct state *state = journal_state(controller_journal(controller));
	struct standing now = { .epoch = 1, .pause_ms = -1 };
	char name[300];
	json_t *book;
	int err = 0;

	snprintf(name, sizeof name, "%.*s", VIEW_ARGS(family->name.text));
	now.name = name;
	state_family(state, name, &now);
	book = frame_of_book(controller_plan(controller), family, state, &now, to,
			     clock_wall_ms(journal_clock(controller_journal(controller))));
	if (!book)
		return fault_set(fault, ERR_MEMORY, "no memory for a runbook");
	if (now.stage == STAGE_RETIRED)
		add_final(book, &now);
	else
		err = add_crossing(controller, family, &now, to, book, fault);
	if (err < 0)
		json_decref(book);
	else
		*out = book;
	return err;
}
