/* verb_status.c - `interlock status`: where each family stands, from the journal alone. */
#include "base/units.h"
#include "cli/acting.h"
#include "cli/json.h"
#include "cli/option_shared.h"
#include "cli/verbs.h"
#include "exit/watch.h"
#include "exit/window.h"

#define REASONS_SAID_MAX 5

struct status_settings {
	SETTINGS_COMMON;
	const char *plan;
};

#define AT(field) offsetof(struct status_settings, field)

static const struct option options[] = {
	TAKES_PLAN(AT(plan)),
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock status", "Every family:" },
	{ "interlock status orders --json", "One family, for a script:" },
	{ NULL, NULL },
};

/* A verdict that has grown old is no verdict, and none of its gates is known. */
static bool is_old(const struct standing *now, int64_t now_ms)
{
	return now->verdict.valid_until_ms < now_ms || now->verdict.authority != now->epoch;
}

static enum verdict verdict_now(const struct standing *now, int64_t now_ms)
{
	return is_old(now, now_ms) ? VERDICT_UNKNOWN : now->verdict.verdict;
}

static enum verdict gate_now(const struct standing *now, enum gate gate, int64_t now_ms)
{
	return is_old(now, now_ms) ? VERDICT_UNKNOWN : now->verdict.gates[gate];
}

/* Authority has moved, and nobody has judged the family since: its gates are unknown until somebody has. */
static bool is_unjudged(const struct standing *now)
{
	return now->stage > STAGE_PLANNED && now->stage < STAGE_SEALED && now->moving == AUTHORITY_NONE &&
	       now->overlay != OVERLAY_UNKNOWN && now->verdict.authority != now->epoch;
}

/* ---- for machines ---- */

/* What was tried last and did not come about: it is tried again (perhaps just now), or set back. */
static bool last_failed(const struct standing *now, struct intent *out)
{
	struct intent each;
	bool found = false;

	for (int i = 0; state_intent_at(now, i, &each); i++) {
		if (each.outcome == OUTCOME_OPEN)
			continue;
		found = each.outcome != OUTCOME_DONE && each.why && each.why[0];
		*out = each;
	}
	return found;
}

static json_t *failed_json(const struct standing *now)
{
	struct intent last;

	return last_failed(now, &last) ? json_pack("{s:s, s:s}", "step", last.step, "why", last.why)
				       : json_null();
}

static json_t *moving_json(const struct standing *now)
{
	enum authority to = now->moving;

	if (to == AUTHORITY_NONE)
		return json_null();
	/* A crossing that is given up goes to where it came from. */
	if (now->returning)
		to = to == AUTHORITY_TARGET ? AUTHORITY_SOURCE : AUTHORITY_TARGET;
	return json_pack("{s:s, s:s, s:o, s:o}", "to", authority_word(to), "step", stage_word(now->stage),
			 "deadline", now->deadline_ms ? json_time(now->deadline_ms) : json_null(), "failed",
			 failed_json(now));
}

static json_t *boundary_json(const struct standing *now)
{
	json_t *boundary = json_object_get(json_object_get(now->json, "verdict"), "boundary");
	json_t *records = json_object_get(boundary, "target_only_records"),
	       *until = json_object_get(boundary, "clean_until");
	json_t *clean = json_is_integer(until) && json_integer_value(until) < INT64_MAX
				? json_time(json_integer_value(until))
				: json_null();

	return json_pack("{s:O?, s:o}", "target_only_records", json_is_integer(records) ? records : NULL,
			 "clean_until", clean);
}

/* What is temporary, as far as the journal has looked. */
static json_t *scaffold_json(const struct standing *now)
{
	json_t *list = json_array(), *note;
	const char *item;

	json_object_foreach(json_object_get(now->json, "scaffold"), item, note)
	{
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s?, s:s?}", "item", item, "event",
						body_text(note, "event"), "proof", body_text(note, "proof"),
						"owner", body_text(note, "owner")));
	}
	return list;
}

/* The observation window, while there is one to wait for. */
static json_t *window_json(const struct standing *now, const struct plan_family *family, int64_t now_ms)
{
	char text[WINDOW_TEXT_SIZE];
	bool over;

	if (now->stage != STAGE_TARGET || !family)
		return json_null();
	over = window_is_over(now, family, now_ms, text, sizeof text);
	return json_pack("{s:b, s:s}", "over", over, "text", text);
}

/* Acts that somebody asked for, and nobody has answered: whoever has the lease next carries them out. */
static json_t *acts_that_wait(const json_t *root, const struct standing *now)
{
	json_t *list = json_array(), *act;
	const char *key;

	json_object_foreach(json_object_get(root, "acts"), key, act)
	{
		const char *family = body_text(act, "family");

		/* The crossing that is under way is told as such. */
		if (now->moving != AUTHORITY_NONE && strtoull(key, NULL, 10) == now->act)
			continue;
		if (family && strcmp(family, now->name) == 0)
			json_array_append_new(
				list, json_pack("{s:s, s:s, s:s, s:o}", "act", body_text(act, "act"), "by",
						body_text(act, "by"), "reason", body_text(act, "reason"),
						"since", json_time(body_number(act, "wall"))));
	}
	return list;
}

static json_t *unseen_json(const struct standing *now)
{
	const json_t *unseen = json_object_get(now->json, "unseen");

	if (!unseen)
		return json_null();
	return json_pack("{s:o, s:s}", "since", json_time(body_number(unseen, "since")), "text",
			 body_text(unseen, "text"));
}

static json_t *family_json(const json_t *root, const struct standing *now, const struct plan_family *family,
			   int64_t now_ms)
{
	json_t *gates = json_object(),
	       *reasons = json_object_get(json_object_get(now->json, "verdict"), "reasons");

	for (int gate = 0; gate < GATE_COUNT; gate++)
		json_object_set_new(gates, gate_word((enum gate)gate),
				    json_string(verdict_word(gate_now(now, (enum gate)gate, now_ms))));
	return json_pack(
		"{s:s, s:s, s:o, s:s?, s:b, s:b, s:o, s:s, s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"family", now->name, "stage", stage_word(now->stage), "overlay",
		json_words(overlay_word(now->overlay)), "cause", now->cause, "cause_gone",
		watch_cause_is_gone(now, now_ms), "looking", is_unjudged(now), "unseen", unseen_json(now),
		"authority", authority_word(now->authority), "epoch", (json_int_t)now->epoch, "moving",
		moving_json(now), "verdict", verdict_word(verdict_now(now, now_ms)), "gates", gates,
		"boundary", boundary_json(now), "pause_ms",
		now->pause_ms >= 0 ? json_integer(now->pause_ms) : json_null(), "reasons",
		reasons ? json_incref(reasons) : json_array(), "scaffold", scaffold_json(now), "window",
		window_json(now, family, now_ms), "acts", acts_that_wait(root, now));
}

/* ---- for people ---- */

/* A family whose scaffold stands is not complete. */
static void say_scaffold(struct paper *paper, const struct standing *now)
{
	json_t *note;
	const char *item;

	if (now->stage == STAGE_SEALED)
		paper_line(paper,
			   "  not complete: its scaffold stands until `interlock retire %s` has removed it",
			   now->name);
	json_object_foreach(json_object_get(now->json, "scaffold"), item, note)
	{
		const char *event = body_text(note, "event");

		if (event && strcmp(event, "absent") != 0)
			paper_line(paper, "  scaffold: %s (%s)", item, event);
	}
}

/* A cluster is away, or a login is refused: what was judged before grows old, and this is why. */
static void say_unseen(struct paper *paper, const struct standing *now, int64_t now_ms)
{
	const json_t *unseen = json_object_get(now->json, "unseen");
	char line[1300], ago[UNIT_TEXT_SIZE];

	if (!unseen || now->stage >= STAGE_SEALED)
		return;
	snprintf(line, sizeof line, "no look has succeeded for %s: %s",
		 duration_text(now_ms - body_number(unseen, "since"), ago), body_text(unseen, "text"));
	buffer_text(&paper->text, "  ");
	paper_wrap_safe(paper, 2, 4, line);
}

/* What the sentence before does not say: that the gates are not known yet, or that a hold has outlived its cause. */
static void say_aside(struct paper *paper, const struct standing *now, bool alive, int64_t now_ms)
{
	char line[600] = "", ago[UNIT_TEXT_SIZE];

	if (!is_unjudged(now) && now->verdict.sequence && is_old(now, now_ms) &&
	    now->moving == AUTHORITY_NONE && now->stage < STAGE_SEALED)
		snprintf(line, sizeof line, "judged %s ago, which is too long to know the gates by%s",
			 duration_text(now_ms - now->verdict.wall_ms, ago),
			 alive ? "" : ": `interlock run` judges all the time");
	else if (is_unjudged(now) && !now->verdict.sequence)
		snprintf(line, sizeof line, "nothing was judged yet: %s",
			 alive ? "the controller does, from now on" : "`interlock run` does, all the time");
	else if (is_unjudged(now))
		snprintf(line, sizeof line,
			 "%s: what was judged before authority moved says nothing any more, so every gate is "
			 "unknown until %s",
			 alive ? "looking" : "nobody looks",
			 alive ? "the controller has looked, which it does at once"
			       : "`interlock run` has looked");
	else if (watch_cause_is_gone(now, now_ms))
		snprintf(
			line, sizeof line,
			"the cause of the hold is gone: %s is open again%s. It stays held until an owner has "
			"read why it was shut: then `interlock resume %s`",
			gate_word(watch_held_by(now)),
			now->verdict.verdict == VERDICT_OPEN ? ", and so is every other gate" : "",
			now->name);
	if (!line[0])
		return;
	buffer_text(&paper->text, "  ");
	paper_wrap_safe(paper, 2, 4, line);
}

static void say_acts(struct paper *paper, const json_t *root, const struct standing *now, bool alive)
{
	json_t *acts = acts_that_wait(root, now), *act;
	size_t index;

	json_array_foreach(acts, index, act)
	{
		char line[1200];

		snprintf(line, sizeof line, "%s was asked for by %s (%s), and waits: %s",
			 body_text(act, "act"), body_text(act, "by"), body_text(act, "reason"),
			 alive ? "the controller carries it out"
			       : "whoever acts next, or `interlock run`, carries it out");
		buffer_text(&paper->text, "  ");
		paper_wrap_safe(paper, 2, 4, line);
	}
	json_decref(acts);
}

/* Who finds it so at night must know that writers may be held, and who lets them go. */
static void say_moving(struct paper *paper, const struct standing *now, bool alive)
{
	struct intent last;
	char line[1400];

	snprintf(line, sizeof line, "a crossing is %s%s", now->returning ? "being given up" : "under way",
		 alive ? ""
		       : ", writers may be held, and nobody carries it on: start `interlock run`, which goes "
			 "on from the journal");
	if (!alive && !now->returning)
		snprintf(line + strlen(line), sizeof line - strlen(line), ", %s",
			 stage_is_decided(now->stage) ? "forward, for it is decided"
						      : "for as long as its deadline allows, else back");
	if (last_failed(now, &last))
		snprintf(line + strlen(line), sizeof line - strlen(line), "; '%s' did not come about: %.800s",
			 last.step, last.why);
	buffer_text(&paper->text, "  ");
	paper_wrap_safe(paper, 2, 4, line);
}

/* One cause may hold back several rules: it is said once. */
static void say_reasons(struct paper *paper, const struct standing *now)
{
	json_t *reason, *reasons = json_object_get(json_object_get(now->json, "verdict"), "reasons");
	int said = 0, left = 0;
	size_t index;

	json_array_foreach(reasons, index, reason)
	{
		const char *text = body_text(reason, "text");
		int alike = body_alike(reasons, index, "text");
		char line[1200], more[40] = "";

		/* The sentence above may have it. */
		if (!alike || (text && now->cause && strstr(now->cause, text)))
			continue;
		if (said == REASONS_SAID_MAX) {
			left++;
			continue;
		}
		if (alike > 1)
			snprintf(more, sizeof more, "; %d rule%s more", alike - 1, alike == 2 ? "" : "s");
		snprintf(line, sizeof line, "%s: %s (%s%s)", body_text(reason, "gate"), text,
			 body_text(reason, "code"), more);
		buffer_text(&paper->text, "  ");
		paper_wrap_safe(paper, 2, 4, line);
		said++;
	}
	if (left)
		paper_line(paper, "  and %d more reason%s; `interlock check` has all of them", left,
			   left == 1 ? "" : "s");
}

/* One sentence: where it stands, why, and what comes next. */
static void say(struct paper *paper, const json_t *root, const struct standing *now,
		const struct plan_family *family, bool alive, int64_t now_ms)
{
	char since[UNIT_TEXT_SIZE], sentence[1200], watched[WINDOW_TEXT_SIZE];

	paper_ink(paper, INK_BOLD, "%s  ", now->name);
	snprintf(sentence, sizeof sentence, "%s%s%s%s%s: %s", stage_word(now->stage),
		 now->overlay ? ", " : "", now->overlay ? overlay_word(now->overlay) : "",
		 now->since_ms ? " for " : "",
		 now->since_ms ? duration_text(now_ms - now->since_ms, since) : "",
		 now->stage == STAGE_DECIDED && !now->overlay
			 ? "authority is decided; from here there is only forward"
		 : now->cause ? now->cause
			      : "");
	paper_wrap_safe(paper, text_columns(view_text(now->name)) + 2, 2, sentence);
	say_acts(paper, root, now, alive);
	if (now->moving != AUTHORITY_NONE)
		say_moving(paper, now, alive);
	else if (now->stage == STAGE_TARGET && family) {
		bool over = window_is_over(now, family, now_ms, watched, sizeof watched);

		snprintf(sentence, sizeof sentence, "%s: %s", over ? "watched long enough" : "still watched",
			 watched);
		buffer_text(&paper->text, "  ");
		paper_wrap_safe(paper, 2, 4, sentence);
	}
	say_aside(paper, now, alive, now_ms);
	say_unseen(paper, now, now_ms);
	say_scaffold(paper, now);
	say_reasons(paper, now);
}

static void put_row(struct table *table, const struct standing *now, int64_t now_ms)
{
	int64_t until = body_number(json_object_get(json_object_get(now->json, "verdict"), "boundary"),
				    "clean_until");
	char text[UNIT_TEXT_SIZE];

	table_name(table, INK_BOLD, view_text(now->name));
	table_cell(table, now->overlay ? INK_DOUBT : INK_PLAIN, "%s%s%s", stage_word(now->stage),
		   now->overlay ? " " : "", now->overlay ? overlay_word(now->overlay) : "");
	table_cell(table, INK_PLAIN, "%s", authority_word(now->authority));
	table_cell(table, INK_PLAIN, "%llu", (unsigned long long)now->epoch);
	for (int gate = 0; gate < GATE_COUNT; gate++) {
		const char *word = verdict_word(gate_now(now, (enum gate)gate, now_ms));

		/* Nothing is judged any more, and there is no way back that could stay clean. */
		if (now->stage == STAGE_RETIRED)
			table_cell(table, INK_DIM, "-");
		else
			table_cell(table, ink_of_verdict(word), "%s", word);
	}
	if (now->stage >= STAGE_SEALED)
		table_cell(table, INK_DIM, "-");
	else if (until > now_ms && until < INT64_MAX)
		table_cell(table, INK_PLAIN, "for %s", duration_text(until - now_ms, text));
	else
		table_cell(table, INK_DIM, "%s", until == INT64_MAX ? "no end" : until ? "no" : "-");
}

/* ---- which ---- */

struct shown {
	struct standing now;
	const struct plan_family *plan; /* NULL: of a shadow, or of a family that the plan has lost */
	char *name;                     /* what now.name points to, when it is not the journal's */
};

struct list {
	struct shown *at;
	int count;
};

static void list_done(struct list *list)
{
	for (int i = 0; i < list->count; i++)
		free(list->at[i].name);
	free(list->at);
}

/* Those that the journal knows; a shadow only when it is asked for. */
static void add_known(const struct acting_on *on, const char *only, struct list *list)
{
	const struct state *state = journal_state(controller_journal(on->controller));
	const char *name;
	json_t *each;

	json_object_foreach(json_object_get(state->root, "families"), name, each)
	{
		struct shown *one = &list->at[list->count];

		if ((only && strcmp(only, name) != 0) || !state_family(state, name, &one->now) ||
		    (one->now.of && !only))
			continue;
		one->plan = plan_family(controller_plan(on->controller), view_text(name));
		list->count++;
	}
}

/* Those of the plan that nothing was written down of yet. */
static int add_planned(const struct acting_on *on, const char *only, struct list *list)
{
	const struct plan *plan = controller_plan(on->controller);
	const struct state *state = journal_state(controller_journal(on->controller));

	for (int i = 0; i < plan->family_count; i++) {
		struct view text = plan->families[i].name.text;
		char *name = strndup((const char *)text.at, text.size);
		struct standing known;

		if (!name)
			return ERR_MEMORY;
		if ((only && strcmp(only, name) != 0) || state_family(state, name, &known)) {
			free(name);
			continue;
		}
		list->at[list->count++] =
			(struct shown){ .now = { .name = name,
						 .stage = STAGE_PLANNED,
						 .cause = "nothing is written down of it yet; `interlock "
							  "run` begins to observe it",
						 .authority = AUTHORITY_SOURCE,
						 .moving = AUTHORITY_NONE,
						 .pause_ms = -1,
						 .epoch = 1 },
					.plan = &plan->families[i],
					.name = name };
	}
	return 0;
}

static int list_make(const struct acting_on *on, const char *only, struct list *list)
{
	const struct state *state = journal_state(controller_journal(on->controller));
	size_t most = json_object_size(json_object_get(state->root, "families")) +
		      (size_t)controller_plan(on->controller)->family_count;

	*list = (struct list){ .at = calloc(most + 1, sizeof *list->at) };
	if (!list->at)
		return ERR_MEMORY;
	add_known(on, only, list);
	return add_planned(on, only, list);
}

/* The file says something else than the plan in force: nobody reads it before a controller begins anew. */
static bool plan_has_changed(const struct acting_on *on)
{
	const json_t *plan =
		json_object_get(journal_state(controller_journal(on->controller))->root, "plan");
	struct sha256 in_force;

	return body_hash(plan, "hash", &in_force) &&
	       !sha256_equal(in_force, controller_plan(on->controller)->hash);
}

static void show_json(struct acting_on *on, const struct list *list, bool alive, int64_t now_ms)
{
	json_t *root = journal_state(controller_journal(on->controller))->root;
	json_t *lease = json_object_get(root, "lease"), *families = json_array();

	for (int i = 0; i < list->count; i++)
		json_array_append_new(families,
				      family_json(root, &list->at[i].now, list->at[i].plan, now_ms));
	output_json(on->output, json_pack("{s:o, s:b, s:b, s:{s:I, s:b}, s:o}", "exit",
					  json_text(controller_plan(on->controller)->exit.text), "complete",
					  json_object_get(root, "complete") != NULL, "plan_changed",
					  plan_has_changed(on), "controller", "lease",
					  (json_int_t)body_number(lease, "number"), "alive", alive,
					  "families", families));
}

static void show_paper(struct acting_on *on, const struct list *list, bool alive, int64_t now_ms)
{
	json_t *root = journal_state(controller_journal(on->controller))->root;
	struct paper paper;
	struct table table;

	output_paper(on->output, &paper);
	table_init(&table, "lllrlllllll", 0);
	table_head(&table, "family", "stage", "authority", "epoch", "compat.", "parity", "progress",
		   "rollback", "capacity", "operations", "clean", NULL);
	for (int i = 0; i < list->count; i++)
		put_row(&table, &list->at[i].now, now_ms);
	table_print(&table, &paper);
	paper_gap(&paper);
	for (int i = 0; i < list->count; i++)
		say(&paper, root, &list->at[i].now, list->at[i].plan, alive, now_ms);
	if (json_object_get(root, "complete"))
		paper_line(&paper, "every family is retired: the exit is complete");
	paper_line(&paper, "%s", alive ? "a controller keeps this exit" : "no controller is at work");
	if (plan_has_changed(on))
		paper_line(&paper, "the plan file is not the plan in force any more: %s",
			   alive ? "the controller reads it when `interlock run` is started again"
				 : "the next controller puts it in force");
	output_show(on->output, &paper);
	table_done(&table);
}

static enum status show(struct acting_on *on, const void *settings, const struct plan_family *family,
			const char *only)
{
	int64_t now_ms = clock_wall_ms(journal_clock(controller_journal(on->controller)));
	bool alive = controller_is_alive(on->controller);
	struct list list;

	if (list_make(on, only, &list) < 0) {
		list_done(&list);
		return output_error(on->output, STATUS_BUG, "no memory");
	}
	if (on->output->json)
		show_json(on, &list, alive, now_ms);
	else
		show_paper(on, &list, alive, now_ms);
	list_done(&list);
	return STATUS_OPEN;
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct status_settings *settings = given;

	return acting_look(output, settings->plan, 0, rest, show, settings);
}

const struct verb verb_status = {
	.name = "status",
	.kind = VERB_READY,
	.summary = "where each family stands, and why",
	.arguments = "[FAMILY]",
	.arguments_most = 1,
	.options = options,
	.settings_size = sizeof(struct status_settings),
	.text = "Reads the journal and nothing else: no cluster is asked. A verdict that has grown old is "
		"shown as unknown. Names what was asked for and waits to be carried out, and a crossing that "
		"nobody "
		"carries on. Exit status 0 whenever the journal could be read.",
	.examples = examples,
	.run = run,
};
