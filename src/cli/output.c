/* output.c - the two streams of a verb, and what may stand on each. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/output.h"
#include "cli/verb.h"

#define MESSAGE_SIZE 1600

static int terminal_width(FILE *stream)
{
	struct winsize size;

	if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return PAPER_WIDTH_DEFAULT;
}

void output_init(struct output *output, FILE *out, FILE *err)
{
	*output = (struct output){ .out = out, .err = err };
	output->out_terminal = isatty(fileno(out));
	output->err_terminal = isatty(fileno(err));
	output->width = output->out_terminal ? terminal_width(out) : PAPER_WIDTH_DEFAULT;
	output->err_width = output->err_terminal ? terminal_width(err) : PAPER_WIDTH_DEFAULT;
	output_settle(output, false, false, COLOR_AUTO);
}

void output_settle(struct output *output, bool json, bool quiet, int color)
{
	const char *no_color = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");
	bool wanted = !(no_color && *no_color) && terminal && strcmp(terminal, "dumb") != 0;

	output->json = json;
	output->quiet = quiet;
	output->out_color = color == COLOR_ALWAYS || (color == COLOR_AUTO && wanted && output->out_terminal);
	output->err_color = color == COLOR_ALWAYS || (color == COLOR_AUTO && wanted && output->err_terminal);
}

void output_paper(struct output *output, struct paper *paper)
{
	paper_init(paper, output->width, output->out_color);
}

static void write_out(struct output *output, const void *at, size_t size)
{
	if (!output->broken && fwrite(at, 1, size, output->out) != size)
		output->broken = errno;
}

void output_show(struct output *output, struct paper *paper)
{
	output_progress(output, "%s", "");
	write_out(output, paper->text.at, paper->text.size);
	paper_done(paper);
}

void output_json(struct output *output, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;

	output_progress(output, "%s", "");
	if (text) {
		write_out(output, text, strlen(text));
		write_out(output, "\n", 1);
	} else {
		fprintf(output->err, "interlock: out of memory while writing JSON\n");
		output->broken = ENOMEM;
	}
	free(text);
	json_decref(object);
}

void output_progress(struct output *output, const char *format, ...)
{
	char text[MESSAGE_SIZE];
	struct buffer safe;
	va_list arguments;
	int columns;

	if (!output->err_terminal || output->quiet)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (!text[0] && output->progress_columns == 0)
		return;
	buffer_init(&safe, 4 * MESSAGE_SIZE);
	text_safe(&safe, view_text(text));
	columns = text_columns(buffer_bytes(&safe));
	if (columns >=
	    output->err_width) { /* a line that wraps cannot be written over; a cut name does no harm */
		safe.size = output->err_width > 1 ? (size_t)output->err_width - 1 : 0;
		columns = output->err_width - 1;
	}
	fprintf(output->err, "\r%.*s\033[K", VIEW_ARGS(buffer_bytes(&safe)));
	if (columns == 0)
		fprintf(output->err, "\r");
	fflush(output->err);
	output->progress_columns = columns;
	buffer_done(&safe);
}

/* "interlock: parity: text", the text made safe: it may quote names and words from outside. */
static void message(struct output *output, enum ink ink, const char *text)
{
	struct paper paper;
	struct buffer safe;

	paper_init(&paper, output->width, output->err_color);
	buffer_init(&safe, 4 * MESSAGE_SIZE);
	text_safe(&safe, view_text(text));
	paper_ink(&paper, ink, "interlock:");
	paper_line(&paper, " %s%s%s", output->verb ? output->verb : "", output->verb ? ": " : "",
		   buffer_string(&safe));
	fwrite(paper.text.at, 1, paper.text.size, output->err);
	fflush(output->err);
	buffer_done(&safe);
	paper_done(&paper);
}

void output_note(struct output *output, const char *format, ...)
{
	char text[MESSAGE_SIZE];
	va_list arguments;

	if (output->quiet)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	output_progress(output, "%s", "");
	message(output, INK_BOLD, text);
}

/* A text that may hold broken UTF-8 from outside: JSON cannot carry that as it is. */
static json_t *json_safe(const char *text)
{
	struct buffer safe;
	json_t *string;

	buffer_init(&safe, 4 * MESSAGE_SIZE);
	text_safe(&safe, view_text(text));
	string = json_string(buffer_string(&safe));
	buffer_done(&safe);
	return string;
}

enum status output_error(struct output *output, enum status status, const char *format, ...)
{
	char text[MESSAGE_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	output_progress(output, "%s", "");
	message(output, INK_BAD, text);
	if (output->json)
		output_json(output, json_pack("{s:s, s:{s:i, s:o}}", "verdict", "unknown", "error", "status",
					      (int)status, "text", json_safe(text)));
	return status;
}

enum status output_fault(struct output *output, const struct fault *fault)
{
	if (fault->err == ERR_CANCELLED)
		return output_error(output, STATUS_UNKNOWN, "interrupted; nothing was decided");
	return output_error(output, status_of_err(fault->err), "%s", fault->text);
}

enum status output_end(struct output *output, enum status status)
{
	output_progress(output, "%s", "");
	if (!output->broken && fflush(output->out) != 0)
		output->broken = errno;
	if (!output->broken ||
	    output->broken == EPIPE) /* a reader that left, as `| head` does, changes no verdict */
		return status;
	fprintf(output->err, "interlock: standard output could not be written (%s); the result is lost\n",
		strerror(output->broken));
	return STATUS_UNKNOWN;
}

enum ink ink_of_verdict(const char *verdict)
{
	if (strcmp(verdict, "open") == 0)
		return INK_GOOD;
	return strcmp(verdict, "shut") == 0 ? INK_BAD : INK_DOUBT;
}
