/*
 * verb_act.c - the verbs that are an owner's act: promote, rollback, hold, resume, drill, waive, seal, retire.
 *
 * Each shows what it will do, asks on a terminal, and is told `--yes` in scripts.  The act is a frame in the journal; the
 * answer comes from whoever holds the lease.
 */
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/units.h"
#include "cli/acting.h"
#include "cli/json.h"
#include "cli/option_shared.h"
#include "cli/render_steps.h"
#include "cli/verbs.h"
#include "exit/act.h"

struct act_settings {
	SETTINGS_COMMON;
	const char *plan, *as, *reason, *key, *second, *second_key, *rule, *subject, *evidence;
	int64_t timeout_ms, for_ms, at_most;
	bool yes, no_wait;
};

#define AT(field) offsetof(struct act_settings, field)

/* clang-format off */
#define OPTIONS_OF_ACTS                                                                                              \
	TAKES_PLAN(AT(plan)),                                                                                        \
	{ .name = "as", .value = "OWNER", .kind = OPTION_TEXT, .at = AT(as), .required = true,                        \
	  .help = "who asks: one of the family's owners, as the plan names them" },                                   \
	{ .name = "reason", .value = "TEXT", .kind = OPTION_TEXT, .at = AT(reason), .required = true,                 \
	  .help = "why: it stands in the journal for good" },                                                         \
	TAKES_KEY(AT(key)),                                                                                           \
	{ .name = "yes", .kind = OPTION_FLAG, .at = AT(yes),                                                          \
	  .help = "do not ask; needed where standard input is no terminal" },                                         \
	TAKES_TIMEOUT(AT(timeout_ms), "10s")

#define OPTION_NO_WAIT                                                                                               \
	{ .name = "no-wait", .kind = OPTION_FLAG, .at = AT(no_wait),                                                  \
	  .help = "end as soon as the act is in the journal; the controller carries it out" }

#define OPTION_SECOND                                                                                                \
	{ .name = "second", .value = "OWNER", .kind = OPTION_TEXT, .at = AT(second),                                  \
	  .help = "the second owner who agrees" },                                                                    \
	{ .name = "second-key", .value = "FILE", .kind = OPTION_PATH, .at = AT(second_key),                           \
	  .help = "the second owner's private key (PEM, Ed25519): signs that he agrees, where the plan has his public key" }

static const struct option crossing_options[] = { OPTIONS_OF_ACTS, OPTION_NO_WAIT, { .name = NULL } };
static const struct option plain_options[] = { OPTIONS_OF_ACTS, { .name = NULL } };
static const struct option seal_options[] = { OPTIONS_OF_ACTS, OPTION_SECOND, { .name = NULL } };
static const struct option waive_options[] = {
	OPTIONS_OF_ACTS, OPTION_SECOND,
	{ .name = "rule", .value = "RULE", .kind = OPTION_TEXT, .at = AT(rule), .required = true,
	  .help = "the rule to let pass, such as parity.duplicates" },
	{ .name = "subject", .value = "NAME", .kind = OPTION_TEXT, .at = AT(subject),
	  .help = "the topic, group or principal; the family unless given" },
	{ .name = "evidence", .value = "ID", .kind = OPTION_TEXT, .at = AT(evidence),
	  .help = "exactly this piece of evidence, by its id" },
	{ .name = "at-most", .value = "N", .kind = OPTION_COUNT, .at = AT(at_most), .required = true,
	  .help = "the bound: a value past it is not waived" },
	{ .name = "for", .value = "DURATION", .kind = OPTION_DURATION, .at = AT(for_ms), .fallback = "1h",
	  .help = "how long it holds, seven days at most" },
	{ .name = NULL },
};
/* clang-format on */

/* ---- showing and asking ---- */

static enum authority goes_to(enum act act)
{
	return act == ACT_PROMOTE    ? AUTHORITY_TARGET
	       : act == ACT_ROLLBACK ? AUTHORITY_SOURCE
				     : AUTHORITY_NONE;
}

static const char *const consequences[ACT_COUNT] = {
	[ACT_PROMOTE] = "moves authority to the target; until the decision a failure leads back by itself",
	[ACT_ROLLBACK] =
		"moves authority back to the source; until the decision a failure leaves it on the target",
	[ACT_HOLD] = "holds the family where it is; a crossing before its decision is given up",
	[ACT_RESUME] = "lets a held family go on; what failed before is judged anew",
	[ACT_DRILL] =
		"rehearses a crossing and the way back on topics and groups of its own, on both clusters",
	[ACT_WAIVE] = "lets one failing rule pass, within its bound, until it ends",
	[ACT_SEAL] = "closes the way back for good",
	[ACT_RETIRE] = "removes what was temporary, one thing at a time, and proves it gone",
};

/* The steps, for people; what does not answer is said, and is no reason not to ask. */
static void show_steps(struct acting_on *on, const struct plan_family *family, enum act act)
{
	json_t *steps = NULL;
	struct fault fault = { 0 };
	struct paper paper;

	if (goes_to(act) == AUTHORITY_NONE)
		return;
	if (controller_preview(on->controller, family, goes_to(act), &steps, &fault) < 0) {
		output_note(on->output, "the steps cannot be shown: %s", fault.text);
		return;
	}
	paper_init(&paper, on->output->err_width, on->output->err_color);
	render_steps(steps, &paper);
	output_progress(on->output, "%s", "");
	fputs(buffer_string(&paper.text), on->output->err);
	paper_done(&paper);
	json_decref(steps);
}

static bool agreed(struct acting_on *on, const struct plan_family *family, enum act act, enum status *status)
{
	char question[600];

	show_steps(on, family, act);
	snprintf(question, sizeof question, "%s %.*s %s", act_word(act), VIEW_ARGS(family->name.text),
		 consequences[act]);
	return acting_agreed(on, family, question, status);
}

/* ---- the act ---- */

static json_t *arguments_of(const struct act_settings *settings, enum act act, int64_t now_ms)
{
	json_t *arguments = json_object();

	if (settings->second)
		json_object_set_new(arguments, "second", json_words(settings->second));
	if (act != ACT_WAIVE)
		return arguments;
	json_object_set_new(arguments, "rule", json_words(settings->rule));
	if (settings->subject)
		json_object_set_new(arguments, "subject", json_words(settings->subject));
	if (settings->evidence)
		json_object_set_new(arguments, "evidence", json_words(settings->evidence));
	json_object_set_new(arguments, "value_max", json_integer(settings->at_most));
	json_object_set_new(arguments, "expires", json_integer(now_ms + settings->for_ms));
	return arguments;
}

/* A waiver is for the stage and the epoch that the family is in. */
static void bind_waiver(struct acting_on *on, const char *family, json_t *arguments)
{
	struct standing now;

	if (!state_family(journal_state(controller_journal(on->controller)), family, &now))
		return;
	json_object_set_new(arguments, "stage", json_string(stage_word(now.stage)));
	json_object_set_new(arguments, "authority", json_integer((json_int_t)now.epoch));
}

static const char *const answer_words[] = { "done", "refused", "returned", "unknown" };
static const enum status answer_status[] = { STATUS_OPEN, STATUS_SHUT, STATUS_SHUT, STATUS_UNKNOWN };

static enum status show(struct acting_on *on, const char *family, enum act act, enum mover_answer answer,
			const char *text)
{
	struct standing now = { 0 };
	struct paper paper;
	enum ink ink = answer == MOVER_DONE ? INK_GOOD : answer == MOVER_UNKNOWN ? INK_DOUBT : INK_BAD;
	bool known;

	known = journal_sync(controller_journal(on->controller), NULL) >= 0 &&
		state_family(journal_state(controller_journal(on->controller)), family, &now);
	if (on->output->json) {
		json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "family", family, "act", act_word(act),
					   "result", answer_words[answer], "text", text);

		if (known) {
			json_object_set_new(object, "stage", json_string(stage_word(now.stage)));
			json_object_set_new(object, "overlay", json_words(overlay_word(now.overlay)));
			json_object_set_new(object, "authority", json_string(authority_word(now.authority)));
			json_object_set_new(object, "epoch", json_integer((json_int_t)now.epoch));
			json_object_set_new(object, "pause_ms",
					    now.pause_ms >= 0 ? json_integer(now.pause_ms) : json_null());
		}
		output_json(on->output, object);
		return answer_status[answer];
	}
	output_paper(on->output, &paper);
	paper_ink(&paper, ink, "%s %s: %s", act_word(act), family, answer_words[answer]);
	paper_line(&paper, "%s", "");
	if (text[0])
		paper_wrap(&paper, 0, 2, text);
	if (known && answer == MOVER_DONE && goes_to(act) != AUTHORITY_NONE && now.pause_ms >= 0 &&
	    !strstr(text, "already"))
		paper_line(&paper, "writes were held for %lld ms", (long long)now.pause_ms);
	if (known)
		paper_line(&paper, "%s stands in %s%s%s, authority %s, epoch %llu", family,
			   stage_word(now.stage), now.overlay ? ", " : "",
			   now.overlay ? overlay_word(now.overlay) : "", authority_word(now.authority),
			   (unsigned long long)now.epoch);
	output_show(on->output, &paper);
	return answer_status[answer];
}

/* As far as we know: the journal may be out of reach just now. */
static enum status interrupted(struct acting_on *on, const char *family)
{
	struct standing now = { 0 };

	journal_sync(controller_journal(on->controller), NULL);
	if (state_family(journal_state(controller_journal(on->controller)), family, &now) &&
	    now.moving != AUTHORITY_NONE)
		return output_error(on->output, STATUS_UNKNOWN,
				    "interrupted: a crossing is under way in %s, and writers may be held "
				    "until a controller "
				    "goes on with it: run `interlock run`, or this verb again",
				    stage_word(now.stage));
	return output_error(on->output, STATUS_UNKNOWN,
			    "interrupted: the act is in the journal and waits for a controller; "
			    "`interlock status` shows it");
}

static enum status carry(struct acting_on *on, const struct act_settings *settings, const char *family,
			 enum act act)
{
	json_t *arguments = arguments_of(settings, act, clock_wall_ms(loop_clock(on->session.loop)));
	enum mover_answer answer = MOVER_UNKNOWN;
	struct fault fault = { 0 };
	struct buffer text;
	enum status status;
	json_t *body;
	int err;

	if (act == ACT_WAIVE)
		bind_waiver(on, family, arguments);
	buffer_init(&text, 8192);
	body = json_pack("{s:s, s:s, s:o, s:o, s:o}", "family", family, "act", act_word(act), "by",
			 json_words(settings->as), "reason", json_words(settings->reason), "arguments",
			 arguments);
	err = acting_sign(on, body, settings->key, settings->second_key, &fault);
	if (err < 0)
		json_decref(body);
	else
		err = controller_act(on->controller, body, !settings->no_wait, &answer, &text, &fault);
	if (err == ERR_CONFLICT)
		status = output_error(on->output, STATUS_BUSY, "%s", fault.text);
	else if (err == ERR_CANCELLED)
		status = interrupted(on, family);
	else if (err < 0)
		status = output_fault(on->output, &fault);
	else if (settings->no_wait)
		status = output_error(on->output, STATUS_OPEN, "%s", "the act is in the journal");
	else
		status = show(on, family, act, answer, buffer_string(&text));
	buffer_done(&text);
	return status;
}

static enum status act_run(struct output *output, const struct act_settings *settings,
			   const struct texts *rest, enum act act)
{
	const struct plan_family *family;
	enum status status;
	struct acting_on on = { 0 };
	bool opened;

	if (!settings->yes && !isatty(STDIN_FILENO))
		return output_error(
			output, STATUS_USAGE,
			"standard input is no terminal, so nobody can be asked: say --yes when it is meant");
	status = acting_open(&on, output, settings->plan, false, settings->timeout_ms, &opened);
	if (!opened)
		return status;
	family = acting_family(&on, rest->at[0], &status);
	if (family && act_allowed(family, act, view_text(settings->as), NULL) < 0) {
		struct fault fault;

		act_allowed(family, act, view_text(settings->as), &fault);
		status = output_error(output, STATUS_SHUT, "%s", fault.text);
	} else if (family && (settings->yes || agreed(&on, family, act, &status))) {
		status = carry(&on, settings, rest->at[0], act);
	}
	acting_close(&on);
	return status;
}

/* clang-format off */
#define ACT_VERB(word, kind_, options_, summary_, text_, example_, example_text)                                     \
	static enum status run_##word(struct output *output, const struct verb *verb, const void *settings,           \
				      const struct texts *rest)                                                       \
	{                                                                                                             \
		return act_run(output, settings, rest, kind_);                                                        \
	}                                                                                                             \
	static const struct example word##_examples[] = { { example_, example_text }, { NULL, NULL } };               \
	const struct verb verb_##word = { .name = #word, .kind = VERB_READY, .summary = summary_,                     \
		.arguments = "FAMILY", .arguments_most = 1, .arguments_least = 1, .options = options_,                \
		.settings_size = sizeof(struct act_settings), .text = text_, .examples = word##_examples,             \
		.run = run_##word }

#define AS " --as lead@example.org --reason "

ACT_VERB(promote, ACT_PROMOTE, crossing_options, "move authority of a family to the target",
	 "Gathers evidence, judges every gate, and when all are open fences the source, proves silence, proves the target level "
	 "with it, decides, and opens the target. Before the decision every failure leads back by itself and leaves the family "
	 "HELD; after it there is only forward. Writes are held for milliseconds; the answer says for how many.\n\n"
	 "Exit status: 0 arrived, or was there already; 1 refused, or returned; 2 where it stands could not be established; 75 "
	 "another act is under way.",
	 "interlock promote orders" AS "'CHG-4711'", "Cross, after being asked:");
ACT_VERB(rollback, ACT_ROLLBACK, crossing_options, "move authority of a family back to the source",
	 "The same crossing, mirrored: the target is fenced, silence is proved, the source is proved to hold every record that "
	 "the target does, and authority goes back. Possible until the family is sealed.",
	 "interlock rollback orders" AS "'latency' --yes", "Go back, from a script:");
ACT_VERB(hold, ACT_HOLD, plain_options, "stop a family where it is",
	 "A crossing that is not decided yet is given up; a family at rest begins nothing until it is resumed. Nobody loses "
	 "authority by it.",
	 "interlock hold orders" AS "'odd alarms'", "Nothing moves until somebody says so:");
ACT_VERB(resume, ACT_RESUME, plain_options, "let a held family go on",
	 "Out of HELD: the gates are judged anew. Out of UNKNOWN: every effect in doubt is looked at first, and it is refused "
	 "while observation and journal disagree.",
	 "interlock resume orders" AS "'understood, mended'", "Go on:");
ACT_VERB(drill, ACT_DRILL, plain_options, "rehearse a crossing and the way back on a shadow family",
	 "Makes topics and groups of its own on both clusters, writes to them as the plan's `drill` says, crosses, returns, "
	 "measures, and takes them away. The family itself is not touched.",
	 "interlock drill orders" AS "'weekly'", "Rehearse:");
ACT_VERB(waive, ACT_WAIVE, waive_options, "let one rule pass, bounded, with a reason and an end",
	 "A waiver is for one rule and one family, in the stage and authority epoch that it is in now. It covers a value that was "
	 "measured and found wanting, up to its bound; never what is unknown, and never a hard rule. It is shown wherever the "
	 "gate is.",
	 "interlock waive orders --rule parity.duplicates --subject orders --at-most 12 --second ops@example.org" AS "'retry storm'",
	 "Twelve duplicates, for an hour:");
ACT_VERB(seal, ACT_SEAL, seal_options, "close the way back on purpose",
	 "The point of no return. The family must have been watched on the target for as long as its class says, and every gate "
	 "must be open.",
	 "interlock seal orders --second ops@example.org" AS "'a week without a finding'", "Seal:");
ACT_VERB(retire, ACT_RETIRE, seal_options, "remove the scaffold and prove it gone",
	 "Sets back what Interlock set and nobody needs any more, and removes each item of the plan's `scaffold`, one at a time: "
	 "its probe, its removal, its probe again.",
	 "interlock retire orders --second ops@example.org" AS "'done'", "Clear up:");
/* clang-format on */
