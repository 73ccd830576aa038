/*
 * output.h - where words go: results to standard output, everything else to standard error.
 *
 * People get tables, with colour on a terminal only (and not when NO_COLOR is set); machines get one JSON object on
 * standard output and nothing else there.  Progress is one line on standard error that is written over, and only
 * when that is a terminal.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <jansson.h>
#include <stdio.h>

#include "base/err.h"
#include "cli/paper.h"
#include "cli/status.h"

struct output {
	FILE *out, *err;
	bool out_terminal, err_terminal;
	bool json, quiet;
	bool out_color, err_color;
	int width;            /* of the terminal; PAPER_WIDTH_DEFAULT in a pipe */
	int err_width;        /* of the terminal where progress is shown */
	const char *verb;     /* stands in every message: "interlock: parity: ..." */
	int progress_columns; /* what the progress line takes now; 0 when there is none */
	int broken;           /* errno of the first write to standard output that failed */
};

/* Looks at the two streams and the environment. */
void output_init(struct output *output, FILE *out, FILE *err);

/* `json`, `quiet` and a choice of enum color_when, once the arguments are known. */
void output_settle(struct output *output, bool json, bool quiet, int color);

/* A paper as wide as the terminal, for standard output. */
void output_paper(struct output *output, struct paper *paper);

/* Writes it to standard output and frees it. */
void output_show(struct output *output, struct paper *paper);

/* Writes one object to standard output and gives up the reference.  NULL says that memory ran out. */
void output_json(struct output *output, json_t *object);

/* The progress line; an empty text takes it away.  Nothing when standard error is no terminal, or with --quiet. */
void output_progress(struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A line to standard error that stays; not with --quiet. */
void output_note(struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * "interlock: VERB: text" to standard error; with --json also { "verdict": "unknown", "error": ... } on standard output,
 * so that a machine always finds its one object.  Returns `status`, so that a verb can end with it.
 */
enum status output_error(struct output *output, enum status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same from a fault: the status is that of its error. */
enum status output_fault(struct output *output, const struct fault *fault);

/* Flushes; `status`, unless standard output could not be written, which is then said and ends as unknown. */
enum status output_end(struct output *output, enum status status);

/* "open" green, "shut" red, anything else yellow. */
enum ink ink_of_verdict(const char *verdict);

#endif
