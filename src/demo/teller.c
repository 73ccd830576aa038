/* teller.c - prints, and runs children. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/parent.h"
#include "demo/teller.h"
#include "loop/exec.h"

#define OUTPUT_SIZE_MAX ((size_t)8 << 20)
#define COMMAND_MS      90000
#define WORDS_MAX       32

static void paint(struct teller *teller, const char *code, const char *text)
{
	if (teller->color)
		fprintf(teller->out, "\033[%sm%s\033[0m", code, text);
	else
		fputs(text, teller->out);
}

void tell_scene(struct teller *teller, const char *text)
{
	fputs("\n", teller->out);
	paint(teller, "1;36", "==");
	fputs(" ", teller->out);
	paint(teller, "1", text);
	fputs("\n", teller->out);
	fflush(teller->out);
}

void tell(struct teller *teller, const char *format, ...)
{
	va_list list;

	fputs("   ", teller->out);
	va_start(list, format);
	vfprintf(teller->out, format, list);
	va_end(list);
	fputs("\n", teller->out);
	fflush(teller->out);
}

void tell_typed(struct teller *teller, const char *const *words, const char *behind)
{
	fputs("\n", teller->out);
	paint(teller, "32", "$");
	fputs(" interlock", teller->out);
	for (; *words; words++)
		fprintf(teller->out, strchr(*words, ' ') ? " '%s'" : " %s", *words);
	fprintf(teller->out, "%s\n", behind);
	fflush(teller->out);
}

/* ---- children ---- */

struct beside {
	struct exec *exec;
	bool done;
	int err, status;
	struct fault fault;
	struct buffer output, errors;
};

static void ended(void *owner, const struct exec_result *result)
{
	struct beside *beside = owner;

	beside->err = result->err;
	beside->status = result->status;
	if (result->fault)
		beside->fault = *result->fault;
	buffer_view(&beside->output, result->output);
	buffer_view(&beside->errors, result->errors);
	beside->done = true;
}

static int begin(struct teller *teller, const char *const *words, bool color, int64_t timeout_ms,
		 struct beside **out, struct fault *fault)
{
	const char *arguments[WORDS_MAX + 4] = { teller->program };
	char parent[64];
	const char *const environment[] = { parent, NULL };
	struct exec_options options = { .arguments = arguments,
					.environment = environment,
					.folder = teller->folder,
					.timeout_ms = timeout_ms,
					.output_size_max = OUTPUT_SIZE_MAX };
	struct beside *beside = calloc(1, sizeof *beside);
	int count = 1, err;

	if (!beside)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	parent_word(parent, sizeof parent); /* killed, we leave none of them behind */
	for (; words[count - 1] && count < WORDS_MAX; count++)
		arguments[count] = words[count - 1];
	if (color) {
		arguments[count++] = "--color";
		arguments[count] = "always"; /* it speaks to us, who speak to a terminal */
	}
	buffer_init(&beside->output, OUTPUT_SIZE_MAX);
	buffer_init(&beside->errors, OUTPUT_SIZE_MAX);
	err = exec_start(teller->loop, &options, ended, beside, &beside->exec);
	if (err < 0) {
		teller_end(beside);
		return fault_set(fault, err, "interlock %s could not be started: %s", words[0],
				 err_text(err));
	}
	*out = beside;
	return 0;
}

int teller_begin(struct teller *teller, const char *const *words, struct beside **out, struct fault *fault)
{
	return begin(teller, words, false, 600000, out, fault);
}

int teller_wait(struct teller *teller, struct beside *beside, int64_t timeout_ms, struct fault *fault)
{
	int err = loop_until(teller->loop, &beside->done, loop_now_ms(teller->loop) + timeout_ms);

	if (err == ERR_CANCELLED)
		return fault_set(fault, err, "interrupted");
	if (err < 0)
		return fault_set(fault, err, "a command of the play has not ended in time");
	if (beside->err < 0) {
		*fault = beside->fault;
		return beside->err;
	}
	return 0;
}

void teller_end(struct beside *beside)
{
	if (!beside)
		return;
	exec_free(beside->exec);
	buffer_done(&beside->output);
	buffer_done(&beside->errors);
	free(beside);
}

/* The first `most` lines, and how many more there are. */
static void show(struct teller *teller, struct view text, int most)
{
	int lines = 0, more = 0;

	for (size_t i = 0; i < text.size; i++) {
		if (most && lines >= most)
			more += text.at[i] == '\n';
		else
			fputc(text.at[i], teller->out);
		lines += text.at[i] == '\n';
	}
	if (more)
		fprintf(teller->out, "... and %d lines more\n", more);
}

int teller_run(struct teller *teller, const char *const *words, int expected, int lines_max,
	       struct fault *fault)
{
	int64_t began_ms = loop_now_ms(teller->loop), took_ms;
	struct beside *beside = NULL;
	char line[80];
	int err;

	tell_typed(teller, words, "");
	err = begin(teller, words, teller->color, COMMAND_MS, &beside, fault);
	if (err < 0)
		return err;
	err = teller_wait(teller, beside, COMMAND_MS, fault);
	show(teller, buffer_bytes(&beside->output), lines_max);
	show(teller, buffer_bytes(&beside->errors), 0);
	took_ms = loop_now_ms(teller->loop) - began_ms;
	if (err == 0) {
		snprintf(line, sizeof line, "   (exit status %d, %lld.%lld s)\n", beside->status,
			 (long long)took_ms / 1000, (long long)took_ms % 1000 / 100);
		paint(teller, "2", line);
		if (beside->status != expected)
			err = fault_set(fault, ERR_INTERNAL,
					"`interlock %s` ended with %d where the play expects %d", words[0],
					beside->status, expected);
	}
	if (fflush(teller->out) != 0 && err == 0)
		err = fault_set(fault, ERR_IO, "the story cannot be written: %s", strerror(errno));
	teller_end(beside);
	return err;
}

int teller_ask(struct teller *teller, const char *const *words, struct buffer *out, struct fault *fault)
{
	struct beside *beside = NULL;
	int err = begin(teller, words, false, COMMAND_MS, &beside, fault);

	if (err < 0)
		return err;
	err = teller_wait(teller, beside, COMMAND_MS, fault);
	if (err == 0 && beside->status != 0)
		err = fault_set(fault, ERR_INTERNAL, "`interlock %s` ended with %d: %.300s", words[0],
				beside->status, buffer_string(&beside->errors));
	if (err == 0)
		buffer_view(out, buffer_bytes(&beside->output));
	teller_end(beside);
	return err;
}
