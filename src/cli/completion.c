/* completion.c - what a shell needs to complete verbs, options and choices, from the tables. */
#include <string.h>

#include "cli/manual.h"

static bool verb_shown(const struct verb *verb)
{
	return verb->kind == VERB_READY || verb->kind == VERB_SUPPORT;
}

static void names_of_verbs(struct buffer *out)
{
	const char *between = "";

	for (const struct verb *const *verb = verbs; *verb; verb++) {
		if (!verb_shown(*verb))
			continue;
		buffer_printf(out, "%s%s", between, (*verb)->name);
		between = " ";
	}
}

/* What may follow `--option`: the words of a choice, files, or nothing that we could know. */
static void bash_values(struct buffer *out, const struct option *options)
{
	for (const struct option *option = options; option && option->name; option++) {
		if (option->kind == OPTION_PATH || option->kind == OPTION_CLUSTER) {
			buffer_printf(out, "\t\t--%s) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n",
				      option->name);
		} else if (option->kind == OPTION_CHOICE) {
			buffer_printf(out, "\t\t--%s) COMPREPLY=($(compgen -W '", option->name);
			for (const char *const *choice = option->choices; *choice; choice++)
				buffer_printf(out, "%s%s", choice == option->choices ? "" : " ", *choice);
			buffer_text(out, "' -- \"$word\")); return ;;\n");
		} else if (option->kind != OPTION_FLAG) {
			buffer_printf(out, "\t\t--%s) return ;;\n", option->name);
		}
	}
}

static void bash_script(struct buffer *out)
{
	buffer_text(out,
		    "# bash completion for interlock\n_interlock()\n{\n"
		    "\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
		    "\tCOMPREPLY=()\n\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n\t\tCOMPREPLY=($(compgen -W '");
	names_of_verbs(out);
	buffer_text(out,
		    " --help --version' -- \"$word\"))\n\t\treturn\n\tfi\n\tcase \"${COMP_WORDS[1]}\" in\n");
	for (const struct verb *const *verb = verbs; *verb; verb++) {
		if (!verb_shown(*verb))
			continue;
		buffer_printf(out, "\t%s)\n\t\tcase \"$before\" in\n", (*verb)->name);
		bash_values(out, (*verb)->options);
		bash_values(out, common_options);
		buffer_text(out, "\t\tesac\n\t\tCOMPREPLY=($(compgen -W '");
		for (const struct option *option = (*verb)->options; option && option->name; option++)
			buffer_printf(out, "--%s ", option->name);
		for (const struct option *option = common_options; option->name; option++)
			buffer_printf(out, "--%s ", option->name);
		buffer_text(out, "' -- \"$word\"))\n\t\t;;\n");
	}
	buffer_text(out, "\tesac\n}\ncomplete -o filenames -o bashdefault -F _interlock interlock\n");
}

/* A single-quoted text: an apostrophe ends the quote, stands alone, and opens it again. */
static void fish_quoted(struct buffer *out, const char *text)
{
	buffer_text(out, "'");
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			buffer_text(out, "\\");
		buffer_put(out, text, 1);
	}
	buffer_text(out, "'");
}

static void fish_options(struct buffer *out, const struct verb *verb, const struct option *options)
{
	for (const struct option *option = options; option && option->name; option++) {
		buffer_printf(out, "complete -c interlock -n '__fish_seen_subcommand_from %s' -l %s",
			      verb->name, option->name);
		if (option->kind == OPTION_PATH || option->kind == OPTION_CLUSTER)
			buffer_text(out, " -rF");
		else if (option->kind == OPTION_CHOICE) {
			buffer_text(out, " -x -a '");
			for (const char *const *choice = option->choices; *choice; choice++)
				buffer_printf(out, "%s%s", choice == option->choices ? "" : " ", *choice);
			buffer_text(out, "'");
		} else if (option->kind != OPTION_FLAG)
			buffer_text(out, " -x");
		buffer_text(out, " -d ");
		fish_quoted(out, option->help);
		buffer_text(out, "\n");
	}
}

static void fish_script(struct buffer *out)
{
	buffer_text(out, "# fish completion for interlock\ncomplete -c interlock -f\n");
	for (const struct verb *const *verb = verbs; *verb; verb++) {
		if (!verb_shown(*verb))
			continue;
		buffer_printf(out, "complete -c interlock -n __fish_use_subcommand -a %s -d ", (*verb)->name);
		fish_quoted(out, (*verb)->summary);
		buffer_text(out, "\n");
		fish_options(out, *verb, (*verb)->options);
		fish_options(out, *verb, common_options);
	}
}

bool completion_script(struct buffer *out, const char *shell)
{
	if (strcmp(shell, "bash") == 0) {
		bash_script(out);
	} else if (strcmp(shell, "zsh") == 0) {
		buffer_text(out, "#compdef interlock\nautoload -U +X bashcompinit && bashcompinit\n");
		bash_script(out);
	} else if (strcmp(shell, "fish") == 0) {
		fish_script(out);
	} else {
		return false;
	}
	return true;
}
