/* verb_run.c - `interlock run`: the controller of an exit. */
#include "cli/acting.h"
#include "cli/option_shared.h"
#include "cli/verbs.h"

struct run_settings {
	SETTINGS_COMMON;
	const char *plan;
	int64_t timeout_ms;
};

#define AT(field) offsetof(struct run_settings, field)

static const struct option options[] = {
	TAKES_PLAN(AT(plan)),
	TAKES_TIMEOUT(AT(timeout_ms), "10s"),
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock run", "Keep the exit of exit.yaml until told to end:" },
	{ NULL, NULL },
};

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct run_settings *settings = given;
	struct acting_on on = { .steady = true };
	struct fault fault = { 0 };
	enum status status;
	bool opened;
	int err;

	status = acting_open(&on, output, settings->plan, false, settings->timeout_ms, &opened);
	if (!opened)
		return status;
	err = controller_run(on.controller, &fault);
	status = err == 0 || err == ERR_CANCELLED ? STATUS_OPEN : output_fault(output, &fault);
	acting_close(&on);
	return status;
}

const struct verb verb_run = {
	.name = "run",
	.kind = VERB_READY,
	.summary = "the controller: gathers evidence all the time, keeps the stages, carries out acts",
	.options = options,
	.settings_size = sizeof(struct run_settings),
	.text = "Takes the lease of the journal when it is free, brings every crossing that was under way to "
		"where it belongs, "
		"judges each family again and again, arms and disarms it, watches stop conditions, and "
		"carries out the acts that "
		"owners write into the journal. Ends in good order at SIGINT or SIGTERM, and by itself when "
		"every family is retired. It may be killed at "
		"any moment: the next "
		"one goes on. A second one waits until the lease is free.\n\n"
		"The HTTP door (API, metrics, the panel) is not in this version.",
	.examples = examples,
	.run = run,
};
