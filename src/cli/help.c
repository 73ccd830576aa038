/* help.c - help texts from the tables of verbs and options. */
#include <stdio.h>
#include <string.h>

#include "cli/help.h"

#define OPTION_COLUMN 28 /* where an option's help starts */

static void help_verbs(struct paper *paper, enum verb_kind kind)
{
	for (const struct verb *const *verb = verbs; *verb; verb++) {
		if ((*verb)->kind != kind)
			continue;
		paper_ink(paper, kind == VERB_LATER ? INK_DIM : INK_BOLD, "  %-12s", (*verb)->name);
		paper_wrap(paper, 13, 14, (*verb)->summary);
	}
}

void help_program(struct paper *paper)
{
	paper_wrap(paper, 0, 0,
		   "interlock ends a Kafka dual write with proof: it reads two clusters that receive the "
		   "same events, says "
		   "open, shut or unknown, and names every difference by class and position.");
	paper_line(paper, "\nusage: interlock VERB [options]\n");
	help_verbs(paper, VERB_READY);
	paper_gap(paper);
	help_verbs(paper, VERB_SUPPORT);
	paper_line(paper, "\nnot finished yet (in the plan, not in this version):\n");
	help_verbs(paper, VERB_LATER);
	paper_gap(paper);
	paper_wrap(
		paper, 0, 0,
		"A cluster is host:port[,host:port...], or the path of a .properties file with the keys that "
		"the Java clients "
		"and librdkafka share. --json prints one object on standard output and nothing else there.");
	paper_line(paper, "\nexit status:");
	for (const struct status_line *line = status_lines; line->text; line++)
		paper_line(paper, "  %2d  %s", line->status, line->text);
	paper_line(paper, "\ninterlock VERB --help says more about one verb.  interlock %s",
		   INTERLOCK_VERSION);
}

static void usage_option(struct buffer *out, const struct option *option)
{
	buffer_printf(out, " --%s%s%s%s", option->name, option->value ? " " : "",
		      option->value ? option->value : "", option->kind == OPTION_TEXTS ? "..." : "");
}

void help_usage(struct buffer *out, const struct verb *verb)
{
	buffer_printf(out, "interlock %s", verb->name);
	for (const struct option *option = verb->options; option && option->name; option++)
		if (option->required)
			usage_option(out, option);
	buffer_text(out, verb->kind == VERB_LATER ? "" : " [options]");
	if (verb->arguments)
		buffer_printf(out, " %s", verb->arguments);
}

/* Paragraphs are wrapped; lines that start with a tab are shown as they are, indented. */
static void help_text(struct paper *paper, const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t size = end ? (size_t)(end - text) : strlen(text);
		char paragraph[4000];

		snprintf(paragraph, sizeof paragraph, "%.*s", (int)size, text);
		if (paragraph[0] == '\t') {
			for (char *line = strtok(paragraph, "\n"); line; line = strtok(NULL, "\n"))
				paper_line(paper, "    %s", line + (*line == '\t'));
		} else {
			paper_wrap(paper, 0, 0, paragraph);
		}
		paper_gap(paper);
		text += size + (end ? 2 : 0);
	}
}

static void help_option(struct paper *paper, const struct option *option)
{
	char head[80], body[1500];
	int used = snprintf(head, sizeof head, "  --%s%s%s", option->name, option->value ? " " : "",
			    option->value ? option->value : "");

	snprintf(body, sizeof body, "%s%s%s%s%s", option->help, option->fallback ? " (default " : "",
		 option->fallback ? option->fallback : "", option->fallback ? ")" : "",
		 option->required ? " (required)" : "");
	paper_ink(paper, INK_BOLD, "%s", head);
	if (used + 2 > OPTION_COLUMN)
		paper_gap(paper);
	paper_ink(paper, INK_PLAIN, "%*s", used + 2 > OPTION_COLUMN ? OPTION_COLUMN : OPTION_COLUMN - used,
		  "");
	paper_wrap(paper, OPTION_COLUMN, OPTION_COLUMN, body);
}

void help_verb(struct paper *paper, const struct verb *verb)
{
	struct buffer usage;

	buffer_init(&usage, 4096);
	help_usage(&usage, verb);
	paper_ink(paper, INK_BOLD, "interlock %s", verb->name);
	paper_line(paper, " - %s", verb->summary);
	paper_ink(paper, INK_PLAIN, "\nusage: ");
	paper_wrap(paper, 7, 9, buffer_string(&usage));
	paper_gap(paper);
	buffer_done(&usage);
	if (verb->text)
		help_text(paper, verb->text);
	if (verb->kind == VERB_LATER)
		return;
	paper_line(paper, "options:");
	for (const struct option *option = verb->options; option && option->name; option++)
		help_option(paper, option);
	for (const struct option *option = common_options; option->name; option++)
		help_option(paper, option);
	for (const struct example *example = verb->examples; example && example->command; example++) {
		paper_line(paper, "%s", example == verb->examples ? "\nexamples:" : "");
		paper_ink(paper, INK_PLAIN, "  ");
		paper_wrap(paper, 2, 2, example->text);
		paper_line(paper, "    $ %s", example->command);
	}
	if (verb->kind == VERB_READY) {
		paper_line(paper, "\nexit status:");
		for (const struct status_line *line = status_lines; line->text; line++)
			paper_line(paper, "  %2d  %s", line->status, line->text);
	}
}
