/* verb_diagnose.c - `interlock diagnose`: what is stuck, why, and the next safe act. */
#include "cli/option_shared.h"
#include "cli/render_diagnose.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "exit/diagnose.h"

struct diagnose_settings {
	SETTINGS_COMMON;
	const char *plan;
	int64_t timeout_ms;
};

#define AT(field) offsetof(struct diagnose_settings, field)

static const struct option options[] = {
	TAKES_PLAN(AT(plan)),
	{ .name = "timeout",
	  .value = "DURATION",
	  .kind = OPTION_DURATION,
	  .at = AT(timeout_ms),
	  .fallback = "10s",
	  .help = "how long a cluster or a lever may be silent" },
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock diagnose", "Something is odd, and nobody knows what:" },
	{ NULL, NULL },
};

static enum status show(struct session *session, const struct diagnose_settings *settings,
			const struct plan *plan, const char *family)
{
	struct diagnose_options how = { .loop = session->loop,
					.plan = plan,
					.plan_file = settings->plan,
					.family = family,
					.timeout_ms = settings->timeout_ms };
	struct output *output = session->output;
	struct fault fault = { 0 };
	json_t *diagnosis = NULL;
	enum status status;
	struct paper paper;

	if (family && !plan_family(plan, view_text(family)))
		return output_error(output, STATUS_USAGE, "the plan has no family '%s'", family);
	if (diagnose(&how, &diagnosis, &fault) < 0)
		return output_fault(output, &fault);
	status = diagnosis_status(diagnosis);
	if (output->json) {
		output_json(output, diagnosis);
		return status;
	}
	output_paper(output, &paper);
	diagnosis_paper(&paper, diagnosis);
	output_show(output, &paper);
	json_decref(diagnosis);
	return status;
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct diagnose_settings *settings = given;
	struct plan_faults faults;
	struct session session;
	struct fault fault = { 0 };
	struct plan *plan = NULL;
	struct buffer lines;
	enum status status;

	if (session_open(&session, output, true, &fault) < 0)
		return output_fault(output, &fault);
	plan_faults_init(&faults, settings->plan);
	if (plan_load(settings->plan, &faults, &plan) < 0) {
		buffer_init(&lines, 1u << 20);
		plan_faults_print(&faults, &lines);
		fputs(buffer_string(&lines), output->err);
		buffer_done(&lines);
		status = output_error(output, STATUS_CONFIG, "%s is wrong: nothing was looked at",
				      settings->plan);
	} else {
		status = show(&session, settings, plan, rest->count ? rest->at[0] : NULL);
	}
	plan_free(plan);
	plan_faults_done(&faults);
	session_close(&session);
	return status;
}

const struct verb verb_diagnose = {
	.name = "diagnose",
	.kind = VERB_READY,
	.summary = "what is stuck, why, and the next safe act",
	.arguments = "[FAMILY]",
	.arguments_most = 1,
	.options = options,
	.settings_size = sizeof(struct diagnose_settings),
	.text = "Looks at every lever and at the logs of both sides, works out who has authority from that "
		"alone, and holds it "
		"against what the journal says should stand. Says what is stuck, and the next safe act in "
		"one sentence; "
		"for a family that is UNKNOWN, what would make observation and journal agree. A journal that "
		"is damaged is "
		"read as far as it holds. Takes no lease and sets nothing.\n\n"
		"Exit status: 0 they agree; 1 they do not; 2 it cannot be told.",
	.examples = examples,
	.run = run,
};
