/* verb_plan.c - `interlock plan`: the very steps that promote or rollback would take. */
#include <stdio.h>

#include "base/units.h"
#include "cli/acting.h"
#include "cli/option_shared.h"
#include "cli/render_steps.h"
#include "cli/verbs.h"
#include "exit/step.h"

struct plan_settings {
	SETTINGS_COMMON;
	const char *plan;
	int64_t timeout_ms;
	bool back;
};

#define AT(field) offsetof(struct plan_settings, field)

static const struct option options[] = {
	TAKES_PLAN(AT(plan)),
	{ .name = "back",
	  .kind = OPTION_FLAG,
	  .at = AT(back),
	  .help = "the steps of rollback instead of those of promote" },
	TAKES_TIMEOUT(AT(timeout_ms), "10s"),
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock plan orders", "What promote would do:" },
	{ "interlock plan orders --back --json", "What rollback would do, for a script:" },
	{ NULL, NULL },
};

/* What preflight will say of the pause without having looked: the part of it that no speed makes shorter. */
static void say_stillness(const struct plan_family *family, struct paper *paper)
{
	int64_t still_ms = steps_still_ms(family), most_ms = family->class->limits[LIMIT_PAUSE].value;
	char still[UNIT_TEXT_SIZE], most[UNIT_TEXT_SIZE], line[400];

	if (still_ms < STEPS_STILL_LONG_MS)
		return;
	snprintf(line, sizeof line,
		 "Writers would be held for %s at the least, for the plan has nothing that proves silence "
		 "sooner (a "
		 "flag with `drained`); the class allows a pause of %s%s.",
		 duration_text(still_ms, still), duration_text(most_ms, most),
		 still_ms > most_ms ? ", so that promote and rollback will refuse" : "");
	paper_gap(paper);
	paper_wrap(paper, 0, 0, line);
}

/*
 * Where authority is already the act would do nothing, and the steps are those of a next time; false of a family that the
 * journal does not know, unless it is about the way back.
 */
static bool is_there(struct acting_on *on, const char *name, bool back, struct standing *now)
{
	if (!state_family(journal_state(controller_journal(on->controller)), name, now))
		return back;
	return now->moving == AUTHORITY_NONE &&
	       now->authority == (back ? AUTHORITY_SOURCE : AUTHORITY_TARGET);
}

static void say_there(const struct standing *now, bool back, struct paper *paper)
{
	char line[300];

	snprintf(line, sizeof line, "authority is on the %s already (%s): %s would do nothing now.%s",
		 back ? "source" : "target", stage_word(now->stage), back ? "rollback" : "promote",
		 now->stage < STAGE_SEALED ? " The steps of a next time:" : "");
	paper_wrap(paper, 0, 0, line);
}

static enum status show_steps(struct acting_on *on, const struct plan_family *family, const char *name,
			      bool back, json_t *steps)
{
	struct standing now = { .stage = STAGE_PLANNED };
	bool there = is_there(on, name, back, &now);
	struct paper paper;

	if (on->output->json) {
		output_json(on->output,
			    json_pack("{s:s, s:b, s:O, s:I, s:I}", "family", name, "there", there, "steps",
				      steps, "still_ms", (json_int_t)steps_still_ms(family), "pause_max_ms",
				      (json_int_t)family->class->limits[LIMIT_PAUSE].value));
		return STATUS_OPEN;
	}
	output_paper(on->output, &paper);
	if (now.stage >= STAGE_SEALED) {
		if (there)
			say_there(&now, back, &paper);
		else
			paper_line(&paper, "the family is %s: the way back was closed on purpose",
				   stage_word(now.stage));
		output_show(on->output, &paper);
		return STATUS_OPEN;
	}
	if (there) {
		say_there(&now, back, &paper);
		paper_gap(&paper);
	}
	render_steps(steps, &paper);
	paper_gap(&paper);
	paper_wrap(&paper, 0, 0,
		   "Nothing was set. Each step is written to the journal before it is tried and observed "
		   "after it; between fence "
		   "and open, silence and being level are proved.");
	say_stillness(family, &paper);
	output_show(on->output, &paper);
	return STATUS_OPEN;
}

static enum status show(struct acting_on *on, const void *given, const struct plan_family *family,
			const char *name)
{
	const struct plan_settings *settings = given;
	struct fault fault = { 0 };
	json_t *steps = NULL;
	enum status status;

	if (controller_preview(on->controller, family, settings->back ? AUTHORITY_SOURCE : AUTHORITY_TARGET,
			       &steps, &fault) < 0)
		status = output_fault(on->output, &fault);
	else
		status = show_steps(on, family, name, settings->back, steps);
	json_decref(steps);
	return status;
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct plan_settings *settings = given;

	return acting_look(output, settings->plan, settings->timeout_ms, rest, show, settings);
}

const struct verb verb_plan = {
	.name = "plan",
	.kind = VERB_READY,
	.summary = "the very steps that promote, or rollback, would take",
	.arguments = "FAMILY",
	.arguments_most = 1,
	.arguments_least = 1,
	.options = options,
	.settings_size = sizeof(struct plan_settings),
	.text = "Asks each lever where it stands and shows, in order, what would be set from what to what: "
		"the same list that "
		"promote carries out, and the same words that it writes to the journal. Nothing is set. "
		"Where nothing in "
		"the plan proves silence soon, so that writers would be held for minutes, it says so, and "
		"when authority is "
		"there already.",
	.examples = examples,
	.run = run,
};
