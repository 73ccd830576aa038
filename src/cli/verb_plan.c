/* verb_plan.c - `interlock plan`: the very steps that promote or rollback would take. */
#include "cli/acting.h"
#include "cli/render_steps.h"
#include "cli/verbs.h"

struct plan_settings {
	SETTINGS_COMMON;
	const char *plan;
	int64_t timeout_ms;
	bool back;
};

#define AT(field) offsetof(struct plan_settings, field)

static const struct option options[] = {
	{ .name = "plan",
	  .value = "FILE",
	  .kind = OPTION_PATH,
	  .at = AT(plan),
	  .fallback = "exit.yaml",
	  .help = "the plan; paths in it are relative to it" },
	{ .name = "back",
	  .kind = OPTION_FLAG,
	  .at = AT(back),
	  .help = "the steps of rollback instead of those of promote" },
	{ .name = "timeout",
	  .value = "DURATION",
	  .kind = OPTION_DURATION,
	  .at = AT(timeout_ms),
	  .fallback = "10s",
	  .help = "how long a cluster may be silent before it counts as unreachable" },
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock plan orders", "What promote would do:" },
	{ "interlock plan orders --back --json", "What rollback would do, for a script:" },
	{ NULL, NULL },
};

static enum status show(struct acting_on *on, const char *family, json_t *steps)
{
	struct paper paper;

	if (on->output->json) {
		output_json(on->output, json_pack("{s:s, s:O}", "family", family, "steps", steps));
		return STATUS_OPEN;
	}
	output_paper(on->output, &paper);
	render_steps(steps, &paper);
	paper_gap(&paper);
	paper_wrap(&paper, 0, 0,
		   "Nothing was set. Each step is written to the journal before it is tried and observed "
		   "after it; between fence "
		   "and open, silence and being level are proved.");
	output_show(on->output, &paper);
	return STATUS_OPEN;
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct plan_settings *settings = given;
	const struct plan_family *family;
	struct acting_on on = { 0 };
	struct fault fault = { 0 };
	json_t *steps = NULL;
	enum status status;
	bool opened;

	status = acting_open(&on, output, settings->plan, true, settings->timeout_ms, &opened);
	if (!opened)
		return status;
	family = acting_family(&on, rest->at[0], &status);
	if (family &&
	    controller_preview(on.controller, family, settings->back ? AUTHORITY_SOURCE : AUTHORITY_TARGET,
			       &steps, &fault) < 0)
		status = output_fault(output, &fault);
	else if (family)
		status = show(&on, rest->at[0], steps);
	json_decref(steps);
	acting_close(&on);
	return status;
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
		"promote carries out, and the same words that it writes to the journal. Nothing is set.",
	.examples = examples,
	.run = run,
};
