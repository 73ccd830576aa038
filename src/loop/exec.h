/*
 * exec.h - runs a command of the operator's: no shell, an argument list, a time limit, bounded output.
 *
 * The command gets a process group of its own; at the time limit or at exec_free() the whole group is killed, and
 * nobody waits for it to be gone.
 */
#ifndef LOOP_EXEC_H
#define LOOP_EXEC_H

#include "base/buffer.h"
#include "base/err.h"
#include "loop/loop.h"

struct exec;

struct exec_options {
	const char *const *arguments;   /* [0] is the program, looked for in PATH; ends with NULL */
	const char *const *environment; /* "NAME=value", added to ours; ends with NULL; may be NULL */
	bool environment_whole;         /* `environment` is all it gets: nothing of ours is added */
	/*
	 * It is over when the command itself has exited: what it had written by then is its output.  A child that it leaves
	 * behind may hold a pipe and is neither waited for nor killed.  Else the outputs must be at their end as well.
	 */
	bool leader_only;
	const char *folder; /* NULL: ours */
	struct view input;  /* goes to its standard input, which is then closed */
	int64_t timeout_ms;
	size_t output_size_max; /* of each of the two outputs; a command that says more is killed */
};

struct exec_result {
	int err; /* 0 when it ran to its end, whatever it answered; ERR_NOT_FOUND, ERR_TIMEOUT, ERR_LIMIT */
	int status;                 /* what it exited with; -1 when a signal ended it */
	int signal;                 /* that signal, or 0 */
	struct view output, errors; /* hold until `done` returns */
	const struct fault *fault;  /* set when err is */
};

typedef void exec_done(void *owner, const struct exec_result *result);

/* Starts it.  `done` comes once, never before this returns, after the process and its outputs have ended or were given up. */
int exec_start(struct loop *loop, const struct exec_options *options, exec_done *done, void *owner,
	       struct exec **out);

/* Kills it when it still runs; no `done` after this.  Due after `done` too.  NULL is silent. */
void exec_free(struct exec *exec);

/*
 * Splits a line into an argument list as a shell would do with quotes and backslashes, and nothing else: no
 * variables, no globs, no pipes.  The list and its texts are one block that the caller frees.  ERR_CONFIG for
 * an open quote.
 */
int exec_split(const char *line, char ***out, struct fault *fault);

#endif
