/* verb_countdown.c - `interlock countdown`: the plan read in reverse. */
#include "cli/acting.h"
#include "cli/option_shared.h"
#include "cli/render_countdown.h"
#include "cli/verbs.h"
#include "exit/countdown_read.h"

struct countdown_settings {
	SETTINGS_COMMON;
	const char *plan;
};

static const struct option options[] = {
	TAKES_PLAN(offsetof(struct countdown_settings, plan)),
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock countdown orders", "What is still missing, and whose it is:" },
	{ NULL, NULL },
};

static enum status show(struct acting_on *on, const void *settings, const struct plan_family *family,
			const char *name)
{
	struct journal *journal = controller_journal(on->controller);
	struct fault fault = { 0 };
	json_t *countdown = NULL;
	enum status status;
	struct paper paper;

	if (countdown_read(journal, controller_plan(on->controller), family, &countdown, &fault) < 0)
		return output_fault(on->output, &fault);
	status = countdown_status(countdown);
	if (on->output->json) {
		output_json(on->output, countdown_json(countdown));
	} else {
		output_paper(on->output, &paper);
		countdown_paper(&paper, countdown, clock_wall_ms(journal_clock(journal)));
		output_show(on->output, &paper);
	}
	json_decref(countdown);
	return status;
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct countdown_settings *settings = given;

	return acting_look(output, settings->plan, 0, rest, show, settings);
}

const struct verb verb_countdown = {
	.name = "countdown",
	.kind = VERB_READY,
	.summary = "what must be true a week, a day and an hour before",
	.arguments = "FAMILY",
	.arguments_most = 1,
	.arguments_least = 1,
	.options = options,
	.settings_size = sizeof(struct countdown_settings),
	.text = "Reads the plan in reverse: what must be true a week, a day and an hour before the family "
		"crosses, which "
		"of it is not, and which owner has to make it so. It is the last verdict in the journal, "
		"judged again "
		"from its evidence; no cluster is asked.\n\n"
		"Exit status: 0 all of it is true; 1 something is not; 2 something cannot be told, or the "
		"verdict is no "
		"longer fresh.",
	.examples = examples,
	.run = run,
};
