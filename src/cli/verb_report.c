/* verb_report.c - `interlock report`: what was done, when, by whom, on which evidence. */
#include "cli/acting.h"
#include "cli/option_shared.h"
#include "cli/page.h"
#include "cli/render_report.h"
#include "cli/verbs.h"
#include "exit/report_journal.h"

struct report_settings {
	SETTINGS_COMMON;
	const char *plan, *file;
	bool html;
};

#define AT(field) offsetof(struct report_settings, field)

static const struct option options[] = {
	TAKES_PLAN(AT(plan)),
	TAKES_HTML(AT(html)),
	TAKES_OUTPUT(AT(file)),
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock report", "The whole exit:" },
	{ "interlock report orders --html --output orders.html", "One family, as a page to hand on:" },
	{ NULL, NULL },
};

static enum status show(struct acting_on *on, const void *given, const struct plan_family *family,
			const char *name)
{
	const struct report_settings *settings = given;
	struct fault fault = { 0 };
	json_t *report = NULL;
	struct document page;
	enum status status = STATUS_OPEN;

	if (report_journal(controller_journal(on->controller), name, &report, &fault) < 0)
		return output_fault(on->output, &fault);
	if (on->output->json) {
		output_json(on->output, report_json(report));
	} else {
		document_init(&page, settings->html, "Report");
		report_document(&page, report);
		status = page_write(on->output, &page, settings->file, status);
		document_done(&page);
	}
	json_decref(report);
	return status;
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct report_settings *settings = given;

	return acting_look(output, settings->plan, 0, rest, show, settings);
}

const struct verb verb_report = {
	.name = "report",
	.kind = VERB_READY,
	.summary = "what was done, when, by whom, on which evidence",
	.arguments = "[FAMILY]",
	.arguments_most = 1,
	.options = options,
	.settings_size = sizeof(struct report_settings),
	.text = "Tells the journal as a page: every crossing with its pause, the verdict and the proofs that "
		"it rested on, "
		"every act with who asked and what came of it, what was held and waived, drills, leaks, and "
		"what was "
		"temporary; then what an outsider needs in order to check it: frames, head, plans, "
		"checkpoints with "
		"their holders and the signing key. Reads the journal and nothing else. Exit status 0 "
		"whenever it could "
		"be read.",
	.examples = examples,
	.run = run,
};
