/* verb_runbook.c - `interlock runbook`: the steps of a crossing for people, and that somebody has read them. */
#include <string.h>
#include <unistd.h>

#include "cli/acting.h"
#include "cli/json.h"
#include "cli/option_shared.h"
#include "cli/page.h"
#include "cli/render_runbook.h"
#include "cli/verbs.h"
#include "exit/act.h"
#include "exit/runbook.h"

struct runbook_settings {
	SETTINGS_COMMON;
	const char *plan, *file, *as, *reason, *key;
	int64_t timeout_ms, until_ms;
	bool html, back, acknowledge, confirm, yes;
};

#define AT(field) offsetof(struct runbook_settings, field)

/* clang-format off */
static const struct option options[] = {
	TAKES_PLAN(AT(plan)),
	{ .name = "back", .kind = OPTION_FLAG, .at = AT(back), .help = "the way back instead of the way to the target" },
	TAKES_HTML(AT(html)),
	TAKES_OUTPUT(AT(file)),
	{ .name = "acknowledge", .kind = OPTION_FLAG, .at = AT(acknowledge),
	  .help = "write into the journal that the runbook of this very plan was read; needs --as and --reason" },
	{ .name = "confirm-on-call", .kind = OPTION_FLAG, .at = AT(confirm),
	  .help = "write into the journal that somebody is on call for --until; needs --as and --reason" },
	{ .name = "until", .value = "DURATION", .kind = OPTION_DURATION, .at = AT(until_ms), .fallback = "12h",
	  .help = "how long from now the confirmation holds" },
	{ .name = "as", .value = "OWNER", .kind = OPTION_TEXT, .at = AT(as),
	  .help = "who acknowledges or confirms: one of the family's owners" },
	{ .name = "reason", .value = "TEXT", .kind = OPTION_TEXT, .at = AT(reason),
	  .help = "why: it stands in the journal for good" },
	TAKES_KEY(AT(key)),
	{ .name = "yes", .kind = OPTION_FLAG, .at = AT(yes),
	  .help = "do not ask; needed where standard input is no terminal" },
	TAKES_TIMEOUT(AT(timeout_ms), "10s"),
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock runbook orders --html --output orders.html", "A page to follow at night:" },
	{ "interlock runbook orders --acknowledge --as lead@example.org --reason 'read it'", "It was read:" },
	{ "interlock runbook orders --confirm-on-call --until 12h --as ops@example.org --reason 'tonight'",
	  "Somebody is there:" },
	{ NULL, NULL },
};
/* clang-format on */

static enum status show(struct acting_on *on, const struct runbook_settings *settings,
			const struct plan_family *family)
{
	int64_t now_ms = clock_wall_ms(loop_clock(on->session.loop));
	enum authority to = settings->back ? AUTHORITY_SOURCE : AUTHORITY_TARGET;
	enum status status = STATUS_OPEN;
	struct fault fault = { 0 };
	struct document page;
	json_t *book = NULL;

	if (runbook_make(on->controller, family, to, &book, &fault) < 0)
		return output_fault(on->output, &fault);
	if (on->output->json) {
		output_json(on->output, runbook_json(book));
	} else {
		document_init(&page, settings->html, "Runbook");
		runbook_document(&page, book, now_ms);
		status = page_write(on->output, &page, settings->file, status);
		document_done(&page);
	}
	json_decref(book);
	return status;
}

static json_t *arguments_of(struct acting_on *on, const struct runbook_settings *settings)
{
	char hash[SHA256_TEXT_SIZE];

	return settings->acknowledge
		       ? json_pack("{s:s}", "plan", sha256_text(controller_plan(on->controller)->hash, hash))
		       : json_pack("{s:I}", "until",
				   (json_int_t)(clock_wall_ms(loop_clock(on->session.loop)) +
						settings->until_ms));
}

static enum status write_act(struct acting_on *on, const struct runbook_settings *settings,
			     const struct plan_family *family, const char *name)
{
	enum act act = settings->acknowledge ? ACT_ACKNOWLEDGE : ACT_CONFIRM;
	enum mover_answer answer = MOVER_UNKNOWN;
	struct fault fault = { 0 };
	struct buffer text;
	enum status status;
	json_t *body;
	int err;

	if (act_allowed(family, act, view_text(settings->as), &fault) < 0)
		return output_error(on->output, STATUS_SHUT, "%s", fault.text);
	if (!settings->yes &&
	    !acting_agreed(on, family,
			   settings->acknowledge ? "The runbook of this plan was read" : "Somebody is on call",
			   &status))
		return status;
	buffer_init(&text, 8192);
	body = json_pack("{s:s, s:s, s:o, s:o, s:o}", "family", name, "act", act_word(act), "by",
			 json_words(settings->as), "reason", json_words(settings->reason), "arguments",
			 arguments_of(on, settings));
	err = acting_sign(on, body, settings->key, NULL, &fault);
	if (err < 0)
		json_decref(body);
	else
		err = controller_act(on->controller, body, true, &answer, &text, &fault);
	status = answer == MOVER_DONE ? STATUS_OPEN : answer == MOVER_UNKNOWN ? STATUS_UNKNOWN : STATUS_SHUT;
	if (err == ERR_CONFLICT)
		status = output_error(on->output, STATUS_BUSY, "%s", fault.text);
	else if (err < 0)
		status = output_fault(on->output, &fault);
	else if (on->output->json)
		output_json(on->output,
			    json_pack("{s:s, s:s, s:s, s:s}", "family", name, "act", act_word(act), "result",
				      answer == MOVER_DONE ? "done" : "refused", "text",
				      buffer_string(&text)));
	else
		fprintf(on->output->out, "%s %s: %s\n", act_word(act), name,
			answer == MOVER_DONE ? "done" : buffer_string(&text));
	buffer_done(&text);
	return status;
}

static enum status check_words(struct output *output, const struct runbook_settings *settings)
{
	bool act = settings->acknowledge || settings->confirm;

	if (settings->acknowledge && settings->confirm)
		return output_error(output, STATUS_USAGE,
				    "--acknowledge and --confirm-on-call are two acts: one at a time");
	if (act && (!settings->as || !settings->reason))
		return output_error(output, STATUS_USAGE,
				    "--%s is missing: who says so, and why, stands in the journal",
				    settings->as ? "reason" : "as");
	if (act && !settings->yes && !isatty(STDIN_FILENO))
		return output_error(
			output, STATUS_USAGE,
			"standard input is no terminal, so nobody can be asked: say --yes when it is meant");
	return STATUS_OPEN;
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct runbook_settings *settings = given;
	const struct plan_family *family;
	struct acting_on on = { 0 };
	enum status status = check_words(output, settings);
	bool opened;

	if (status != STATUS_OPEN)
		return status;
	status = acting_open(&on, output, settings->plan, !settings->acknowledge && !settings->confirm,
			     settings->timeout_ms, &opened);
	if (!opened)
		return status;
	family = acting_family(&on, rest->at[0], &status);
	if (family && (settings->acknowledge || settings->confirm))
		status = write_act(&on, settings, family, rest->at[0]);
	else if (family)
		status = show(&on, settings, family);
	acting_close(&on);
	return status;
}

const struct verb verb_runbook = {
	.name = "runbook",
	.kind = VERB_READY,
	.summary = "the steps of a crossing, for people",
	.arguments = "FAMILY",
	.arguments_most = 1,
	.arguments_least = 1,
	.options = options,
	.settings_size = sizeof(struct runbook_settings),
	.text = "Writes the runbook of this plan as it stands now: who to call, each step of the crossing "
		"with its command, "
		"what was observed before it, its owner, how long it took last time, when to stop and its "
		"exact "
		"inverse, and what is watched afterwards. After `retire` it is the final one: what was "
		"removed, what "
		"stays, and which cluster is the source for restore, replay and reconciliation. Levers are "
		"asked; "
		"nothing is set.\n\n"
		"With --acknowledge or --confirm-on-call it writes that act into the journal instead, which "
		"the gate "
		"operations asks for.",
	.examples = examples,
	.run = run,
};
