/*
 * manual.c - manual pages in mdoc(7), from the tables.
 *
 * roff gives a meaning to a dot or a quote at the start of a line, to backslashes, and breaks sentences better when
 * each stands on its own line; mdoc_text() is the one place that knows.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/manual.h"

#define MANUAL_DATE "November 22, 2026" /* of the last change to what the pages say */
#define LINE_WIDTH  68                  /* leaves room for escapes below 80 */

/* One word, with what roff would take for its own made harmless. */
static void mdoc_word(struct buffer *out, const char *word, size_t size, bool starts_line)
{
	if (starts_line && (*word == '.' || *word == '\''))
		buffer_text(out, "\\&");
	for (size_t index = 0; index < size; index++) {
		if (word[index] == '\\')
			buffer_text(out, "\\e");
		else if (word[index] == '-')
			buffer_text(out, "\\-");
		else
			buffer_put(out, &word[index], 1);
	}
}

/* Running text: lines of a page's width, and a new one after each full stop, as mdoc asks for. */
static void mdoc_text(struct buffer *out, const char *text, size_t size)
{
	size_t column = 0;

	while (size) {
		size_t blanks = 0, word = 0;

		while (blanks < size && isspace((unsigned char)text[blanks]))
			blanks++;
		text += blanks;
		size -= blanks;
		while (word < size && !isspace((unsigned char)text[word]))
			word++;
		if (!word)
			break;
		if (column && column + word > LINE_WIDTH) {
			buffer_text(out, "\n");
			column = 0;
		}
		if (column)
			buffer_text(out, " ");
		mdoc_word(out, text, word, column == 0);
		column += word + 1;
		if (text[word - 1] == '.' && !(word > 1 && text[word - 2] == '.'))
			column = LINE_WIDTH;
		text += word;
		size -= word;
	}
	buffer_text(out, "\n");
}

static void mdoc_string(struct buffer *out, const char *text)
{
	mdoc_text(out, text, strlen(text));
}

/* Lines as they are; each may start with a tab, which goes. */
static void mdoc_literal(struct buffer *out, const char *text, size_t size)
{
	buffer_text(out, ".Bd -literal -offset indent\n");
	while (size) {
		const char *end = memchr(text, '\n', size);
		size_t line = end ? (size_t)(end - text) : size;
		size_t skip = line && *text == '\t';

		if (line > skip && (text[skip] == '.' || text[skip] == '\''))
			buffer_text(out, "\\&");
		for (size_t index = skip; index < line; index++)
			buffer_printf(out,
				      text[index] == '\\'  ? "\\e"
				      : text[index] == '-' ? "\\-"
							   : "%c",
				      text[index]);
		buffer_text(out, "\n");
		text += line + (end != NULL);
		size -= line + (end != NULL);
	}
	buffer_text(out, ".Ed\n");
}

static void mdoc_paragraphs(struct buffer *out, const char *text)
{
	bool first = true;

	while (text && *text) {
		const char *end = strstr(text, "\n\n");
		size_t size = end ? (size_t)(end - text) : strlen(text);

		if (*text == '\t') {
			mdoc_literal(out, text, size);
		} else {
			buffer_text(out, first ? "" : ".Pp\n");
			mdoc_text(out, text, size);
		}
		first = false;
		text += size + (end ? 2 : 0);
	}
}

static void mdoc_head(struct buffer *out, const char *name, const char *summary)
{
	char title[64];
	size_t size = (size_t)snprintf(title, sizeof title, "%s", name);

	for (size_t index = 0; index < size; index++)
		title[index] = (char)toupper((unsigned char)title[index]);
	buffer_printf(out, ".Dd %s\n.Dt %s 1\n.Os\n.Sh NAME\n.Nm %s\n.Nd ", MANUAL_DATE, title, name);
	mdoc_string(out, summary);
}

static void mdoc_option(struct buffer *out, const struct option *option)
{
	buffer_printf(out, ".It Fl \\-%s", option->name);
	if (option->value)
		buffer_printf(out, " Ar %s", option->value);
	buffer_text(out, "\n");
	mdoc_string(out, option->help);
	if (option->fallback) {
		buffer_text(out, "(default ");
		mdoc_word(out, option->fallback, strlen(option->fallback), false);
		buffer_text(out, ")\n");
	}
	if (option->required)
		buffer_text(out, "(required)\n");
}

static void mdoc_statuses(struct buffer *out)
{
	buffer_text(out, ".Sh EXIT STATUS\n.Bl -tag -width Ds\n");
	for (const struct status_line *line = status_lines; line->text; line++) {
		buffer_printf(out, ".It %d\n", line->status);
		mdoc_string(out, line->text);
	}
	buffer_text(out, ".El\n");
}

static void mdoc_see_also(struct buffer *out, const struct verb *self)
{
	const char *between = "";

	buffer_text(out, ".Sh SEE ALSO\n");
	if (self) {
		buffer_text(out, ".Xr interlock 1");
		between = " ,\n";
	}
	/* the pages stand in the order of the alphabet, as mandoc asks for */
	for (const char *last = "";;) {
		const char *next = NULL;

		for (const struct verb *const *verb = verbs; *verb; verb++)
			if ((*verb)->kind == VERB_READY && *verb != self && strcmp((*verb)->name, last) > 0 &&
			    (!next || strcmp((*verb)->name, next) < 0))
				next = (*verb)->name;
		if (!next)
			break;
		buffer_printf(out, "%s.Xr interlock-%s 1", between, next);
		between = " ,\n";
		last = next;
	}
	buffer_text(out, "\n");
}

void manual_verb(struct buffer *out, const struct verb *verb)
{
	char name[64];

	snprintf(name, sizeof name, "interlock-%s", verb->name);
	mdoc_head(out, name, verb->summary);
	buffer_printf(out, ".Sh SYNOPSIS\n.Nm interlock %s\n", verb->name);
	for (const struct option *option = verb->options; option && option->name; option++)
		if (option->required)
			buffer_printf(out, ".Fl \\-%s Ar %s%s\n", option->name, option->value,
				      option->kind == OPTION_TEXTS ? " ..." : "");
	buffer_text(out, ".Op Ar options\n");
	if (verb->arguments)
		buffer_printf(out, ".Ar %s\n", verb->arguments);
	buffer_text(out, ".Sh DESCRIPTION\n");
	mdoc_paragraphs(out, verb->text);
	buffer_text(out, ".Pp\nThe options are as follows:\n.Bl -tag -width Ds\n");
	for (const struct option *option = verb->options; option && option->name; option++)
		mdoc_option(out, option);
	for (const struct option *option = common_options; option->name; option++)
		mdoc_option(out, option);
	buffer_text(out, ".El\n");
	mdoc_statuses(out);
	if (verb->examples && verb->examples->command)
		buffer_text(out, ".Sh EXAMPLES\n");
	for (const struct example *example = verb->examples; example && example->command; example++) {
		buffer_text(out, example == verb->examples ? "" : ".Pp\n");
		mdoc_string(out, example->text);
		mdoc_literal(out, example->command, strlen(example->command));
	}
	mdoc_see_also(out, verb);
}

void manual_program(struct buffer *out)
{
	mdoc_head(out, "interlock", "ends a Kafka dual write with proof");
	buffer_text(out, ".Sh SYNOPSIS\n.Nm\n.Ar verb\n.Op Ar options\n.Nm\n.Ar verb\n.Fl \\-help\n"
			 ".Nm\n.Fl \\-version\n.Sh DESCRIPTION\n.Nm\n");
	mdoc_string(out, "reads two Kafka-compatible clusters that receive the same events, says open, shut "
			 "or unknown, and names "
			 "every difference by class and position. Each verb has a page of its own.");
	buffer_text(out, ".Bl -tag -width interlock-offsets\n");
	for (const struct verb *const *verb = verbs; *verb; verb++) {
		if ((*verb)->kind != VERB_READY)
			continue;
		buffer_printf(out, ".It Xr interlock-%s 1\n", (*verb)->name);
		mdoc_string(out, (*verb)->summary);
	}
	buffer_text(out, ".El\n.Ss Clusters\n");
	mdoc_string(out, "A cluster is host:port[,host:port...], or the path of a .properties file with the "
			 "keys that the Java "
			 "clients and librdkafka share. Secrets in it may be written ${env:NAME} or "
			 "${file:PATH}. An unknown key "
			 "is an error that names the nearest known one.");
	buffer_text(out,
		    ".Ss Values\n.Bl -tag -width durations\n.It durations\n500ms 5s 10m 2h 7d\n.It sizes\n"
		    "64KiB 256MiB 1GB\n.It rates\n100MB/s\n.It times\n");
	mdoc_string(out, "RFC 3339, or back from now, such as -2h");
	buffer_text(out, ".El\n");
	buffer_text(out, ".Sh ENVIRONMENT\n.Bl -tag -width NO_COLOR\n.It Ev NO_COLOR\n");
	mdoc_string(out, "When set and not empty, nothing is coloured.");
	buffer_text(out, ".El\n");
	mdoc_statuses(out);
	mdoc_see_also(out, NULL);
}
