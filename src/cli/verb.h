/*
 * verb.h - one thing that the program can do: its name, its words, its options and its function.
 *
 * One file per verb, `verb_<name>.c`, names a `const struct verb`; `verbs` lists them in the order of --help.
 */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include "cli/options.h"
#include "cli/output.h"
#include "cli/status.h"

/* An example in help and manual: what one types, and what for. */
struct example {
	const char *command, *text;
};

enum verb_kind {
	VERB_READY,
	VERB_LATER,   /* planned, not in this version: help says so, running it says so */
	VERB_SUPPORT, /* help, completion: not about clusters */
	VERB_HIDDEN,  /* for the build, not for operators */
};

struct verb {
	const char *name;
	enum verb_kind kind;
	const char *summary;   /* half a line, lower case */
	const char *arguments; /* "[FAMILY]", or NULL when it takes none */
	int arguments_most;
	int arguments_least;
	const struct option *options; /* ends with a NULL name; NULL for none */
	size_t settings_size;
	const char
		*text; /* paragraphs, parted by empty lines; a line that starts with a tab stays as it is */
	const struct example *examples; /* ends with a NULL command */
	enum status (*run)(struct output *output, const struct verb *verb, const void *settings,
			   const struct texts *rest);
};

/* All verbs; ends with NULL. */
extern const struct verb *const verbs[];

/* NULL when there is none. */
const struct verb *verb_find(const char *name);

/* The options that every verb has besides its own: --json, --color, --quiet, --help.  Ends with a NULL name. */
struct common_settings {
	bool json, quiet;
	int color;
};
enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
extern const struct option common_options[];

/* Every settings struct starts with this one. */
#define SETTINGS_COMMON struct common_settings common

/* Reads argv, runs the verb, returns the exit status. */
int program_run(int count, char **words);

#endif
