/* verb_help.c - help, completion, and the manual pages for the build. */
#include "base/text.h"
#include "broker/property_help.h"
#include "cli/help.h"
#include "cli/manual.h"
#include "cli/verbs.h"
#include "exit/plan_keys.h"

#define PAGE_SIZE_MAX (1u << 20)

static enum status run_help(struct output *output, const struct verb *verb, const void *settings,
			    const struct texts *rest)
{
	const struct verb *asked = rest->count ? verb_find(rest->at[0]) : NULL;
	struct paper paper;

	if (rest->count && !asked)
		return output_error(output, STATUS_USAGE,
				    "there is no verb '%s'; interlock help lists the verbs", rest->at[0]);
	output_paper(output, &paper);
	if (asked)
		help_verb(&paper, asked);
	else
		help_program(&paper);
	output_show(output, &paper);
	return STATUS_OPEN;
}

const struct verb verb_help = {
	.name = "help",
	.kind = VERB_SUPPORT,
	.summary = "this overview, or what one verb does",
	.arguments = "[VERB]",
	.arguments_most = 1,
	.settings_size = sizeof(struct common_settings),
	.text = "Lists the verbs, or says what one of them does, which options it takes and how it ends.",
	.run = run_help,
};

static void show_page(struct output *output, struct buffer *page)
{
	struct paper paper;

	output_paper(output, &paper);
	buffer_view(&paper.text, buffer_bytes(page));
	output_show(output, &paper);
}

static enum status run_completion(struct output *output, const struct verb *verb, const void *settings,
				  const struct texts *rest)
{
	struct buffer page;

	buffer_init(&page, PAGE_SIZE_MAX);
	if (!completion_script(&page, rest->at[0])) {
		buffer_done(&page);
		return output_error(output, STATUS_USAGE,
				    "'%s' is no shell that is known here; one of: bash, zsh, fish",
				    rest->at[0]);
	}
	show_page(output, &page);
	buffer_done(&page);
	return STATUS_OPEN;
}

const struct verb verb_completion = {
	.name = "completion",
	.kind = VERB_SUPPORT,
	.summary = "a completion script for bash, zsh or fish",
	.arguments = "SHELL",
	.arguments_least = 1,
	.arguments_most = 1,
	.settings_size = sizeof(struct common_settings),
	.text = "Prints a script that lets the shell complete verbs, options and their words. For bash:\n\n"
		"\tsource <(interlock completion bash)",
	.run = run_completion,
};

static void plan_reference(struct buffer *out)
{
	buffer_text(out, "# The plan file, key by key\n\n"
			 "What `exit.yaml` may say. This page is written from the table that the reader of "
			 "the plan walks\n"
			 "(`interlock manual plan.md`), so neither knows a key that the other does not. How "
			 "to work with a plan stands in\n"
			 "the [guide](guide.md#the-plan-and-the-gates).\n");
	plan_keys_document(out);
}

static enum status run_manual(struct output *output, const struct verb *verb, const void *settings,
			      const struct texts *rest)
{
	const struct verb *asked = rest->count ? verb_find(rest->at[0]) : NULL;
	bool plan = rest->count && strcmp(rest->at[0], "plan.md") == 0;
	bool properties = rest->count && strcmp(rest->at[0], "broker-properties.md") == 0;
	struct buffer page;

	if (rest->count && !plan && !properties && (!asked || asked->kind == VERB_LATER))
		return output_error(output, STATUS_USAGE, "there is no page for '%s'", rest->at[0]);
	buffer_init(&page, PAGE_SIZE_MAX);
	if (plan)
		plan_reference(&page);
	else if (properties)
		properties_document(&page);
	else if (asked)
		manual_verb(&page, asked);
	else
		manual_program(&page);
	show_page(output, &page);
	buffer_done(&page);
	return STATUS_OPEN;
}

const struct verb verb_manual = {
	.name = "manual",
	.kind = VERB_HIDDEN,
	.summary = "print a manual page in mdoc, or a reference of docs/, for the build",
	.arguments = "[VERB|plan.md|broker-properties.md]",
	.arguments_most = 1,
	.settings_size = sizeof(struct common_settings),
	.text = "Prints interlock(1), the page of one verb, or the reference of the plan file or of the "
		"broker's properties.",
	.run = run_manual,
};
