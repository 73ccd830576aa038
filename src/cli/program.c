/* program.c - from argv to an exit status: finds the verb, reads its options, runs it. */
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/parent.h"
#include "base/text.h"
#include "cli/help.h"

#define ARGUMENTS_SIZE_MAX (16u << 20)

static const char *const color_words[] = { "auto", "always", "never", NULL };

/* clang-format off */
const struct option common_options[] = {
	{ .name = "json", .kind = OPTION_FLAG, .at = offsetof(struct common_settings, json),
	  .help = "print one JSON object on standard output and nothing else there" },
	{ .name = "quiet", .kind = OPTION_FLAG, .at = offsetof(struct common_settings, quiet),
	  .help = "no progress and no notes on standard error; errors are still said" },
	{ .name = "color", .value = "WHEN", .kind = OPTION_CHOICE, .at = offsetof(struct common_settings, color),
	  .choices = color_words, .fallback = "auto", .help = "auto (on a terminal, unless NO_COLOR is set), always or never" },
	{ .name = NULL },
};
/* clang-format on */

const struct verb *verb_find(const char *name)
{
	for (const struct verb *const *verb = verbs; *verb; verb++)
		if (strcmp((*verb)->name, name) == 0)
			return *verb;
	return NULL;
}

static enum status refuse_verb(struct output *output, const char *word)
{
	const char *names[64];
	const char *nearest;
	int count = 0;

	for (const struct verb *const *verb = verbs; *verb && count < 63; verb++)
		if ((*verb)->kind != VERB_HIDDEN)
			names[count++] = (*verb)->name;
	names[count] = NULL;
	if (word[0] == '-')
		return output_error(output, STATUS_USAGE,
				    "'%s' where a verb should stand; interlock help lists the verbs", word);
	nearest = text_nearest(view_text(word), names);
	if (nearest)
		return output_error(output, STATUS_USAGE, "there is no verb '%s'; did you mean '%s'?", word,
				    nearest);
	return output_error(output, STATUS_USAGE, "there is no verb '%s'; interlock help lists the verbs",
			    word);
}

static enum status show_help(struct output *output, const struct verb *verb)
{
	struct paper paper;

	output_paper(output, &paper);
	if (verb)
		help_verb(&paper, verb);
	else
		help_program(&paper);
	output_show(output, &paper);
	return STATUS_OPEN;
}

/* Looked for by hand, because a wrong argument is told as JSON too when that was asked for. */
static bool asks_for_json(int count, char **words)
{
	for (int index = 0; index < count; index++)
		if (strcmp(words[index], "--json") == 0)
			return true;
	return false;
}

static enum status run_verb(struct output *output, const struct verb *verb, int count, char **words)
{
	struct fault fault = { 0 };
	struct arena arena;
	struct texts rest;
	enum status status;
	bool help = false;
	struct common_settings *settings = calloc(1, verb->settings_size);

	output->verb = verb->name;
	if (!settings)
		return output_error(output, STATUS_BUG, "out of memory");
	arena_init(&arena, ARGUMENTS_SIZE_MAX);
	output->json = asks_for_json(count, words);
	if (options_parse(verb, count, words, clock_wall_ms(&clock_system), &arena, settings, &rest, &help,
			  &fault) < 0) {
		status = output_fault(output, &fault);
	} else {
		output_settle(output, settings->json, settings->quiet, settings->color);
		status = help ? show_help(output, verb) : verb->run(output, verb, settings, &rest);
	}
	arena_done(&arena);
	free(settings);
	return status;
}

static bool is_one_of(const char *word, const char *a, const char *b)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

int program_run(int count, char **words)
{
	struct output output;
	enum status status;

	parent_watch();
	signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of the write that finds it */
	signal(SIGXFSZ, SIG_IGN); /* and so is a limit on the size of files: no reason to die in a crossing */
	output_init(&output, stdout, stderr);
	if (count < 2) {
		status = output_error(&output, STATUS_USAGE,
				      "a verb is missing; interlock help lists the verbs");
	} else if (is_one_of(words[1], "--help", "-h")) {
		status = show_help(&output, NULL);
	} else if (is_one_of(words[1], "--version", "-V")) {
		fprintf(stdout, "interlock %s\n", INTERLOCK_VERSION);
		status = STATUS_OPEN;
	} else {
		const struct verb *verb = verb_find(words[1]);

		status =
			verb ? run_verb(&output, verb, count - 2, words + 2) : refuse_verb(&output, words[1]);
	}
	return output_end(&output, status);
}
