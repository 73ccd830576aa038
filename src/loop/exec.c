/*
 * exec.c - a child process with three pipes and a time limit.
 *
 * It is over when the process has exited and both its outputs are at their end; so a grandchild that keeps an output
 * open is waited for, but not past the time limit.  With `leader_only` it is over when the process has exited: what is in
 * the pipes at that moment was written before, so it is taken out, and the pipes are let go of.
 *
 * Past the time limit nothing is waited for, not even the end of a process that was killed: one that hangs in the kernel
 * does not die.  It is reaped when it does.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "loop/exec.h"
#include "loop/spawn.h"

enum { PIPE_INPUT, PIPE_OUTPUT, PIPE_ERRORS, PIPES };

struct exec {
	struct loop *loop;
	uv_signal_t child; /* hears that some child has ended */
	pid_t pid;         /* 0: it was never started */
	uv_pipe_t pipes[PIPES];
	uv_write_t write;
	struct timer *timer;
	struct buffer input, outputs[PIPES]; /* [PIPE_INPUT] is not used */
	struct fault fault;
	exec_done *done;
	void *owner;
	int64_t timeout_ms;
	int status, signal;
	int handles; /* that libuv has not let go of */
	int open_outputs;
	bool leader_only;
	bool exited, finished, freed;
	char name[200]; /* of the program, for faults */
	char chunk[16384];
};

static void destroy_when_closed(struct exec *exec)
{
	if (!exec->freed || exec->handles > 0)
		return;
	buffer_done(&exec->input);
	buffer_done(&exec->outputs[PIPE_OUTPUT]);
	buffer_done(&exec->outputs[PIPE_ERRORS]);
	free(exec);
}

static void handle_closed(uv_handle_t *handle)
{
	struct exec *exec = handle->data;

	exec->handles--;
	destroy_when_closed(exec);
}

static void close_handle(void *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, handle_closed);
}

static void kill_group(struct exec *exec)
{
	/* The child leads a session of its own, so its group is its process id. */
	if (!exec->exited && exec->pid > 0)
		kill(-exec->pid, SIGKILL);
}

static void finish(void *owner)
{
	struct exec *exec = owner;
	struct exec_result result = {
		.err = exec->fault.err,
		.status = exec->signal ? -1 : exec->status,
		.signal = exec->signal,
		.output = buffer_bytes(&exec->outputs[PIPE_OUTPUT]),
		.errors = buffer_bytes(&exec->outputs[PIPE_ERRORS]),
		.fault = exec->fault.err < 0 ? &exec->fault : NULL,
	};

	exec->finished = true;
	timer_stop(exec->timer);
	exec->done(exec->owner, &result);
}

static void finish_when_over(struct exec *exec)
{
	if (exec->exited && exec->open_outputs == 0 && !exec->finished && !exec->freed)
		finish(exec);
}

/* Ends it early; the first reason counts.  Its owner may have freed it when this returns. */
static void give_up(struct exec *exec, int err, const char *why, long long number, const char *unit)
{
	if (exec->fault.err == 0)
		fault_set(&exec->fault, err, "the command %s %s %lld %s and was ended", exec->name, why,
			  number, unit);
	kill_group(exec);
	for (int i = 0; i < PIPES; i++)
		close_handle(&exec->pipes[i]);
	exec->open_outputs = 0;
	if (!exec->exited)
		exec->signal = SIGKILL;
	if (!exec->finished && !exec->freed)
		finish(exec);
}

static void time_is_up(void *owner)
{
	struct exec *exec = owner;

	/* It may never have been started: then there is nothing to wait for but the fault. */
	if (exec->fault.err < 0 && exec->pid == 0) {
		finish(exec);
		return;
	}
	give_up(exec, ERR_TIMEOUT, "did not end within", (long long)exec->timeout_ms, "ms");
}

/* Takes in what is in the pipe and waits for no more.  False when it is too much, and then it was given up. */
static bool output_take(struct exec *exec, int pipe)
{
	struct buffer *output = &exec->outputs[pipe];
	uv_os_fd_t fd;
	ssize_t got;

	if (uv_is_closing((uv_handle_t *)&exec->pipes[pipe]) ||
	    uv_fileno((uv_handle_t *)&exec->pipes[pipe], &fd) < 0)
		return true;
	/* libuv has made it non-blocking. */
	while ((got = read(fd, exec->chunk, sizeof exec->chunk)) > 0 || (got < 0 && errno == EINTR)) {
		buffer_put(output, exec->chunk, got > 0 ? (size_t)got : 0);
		if (output->err < 0) {
			give_up(exec, ERR_LIMIT, "wrote more than", (long long)output->limit, "bytes");
			return false;
		}
	}
	return true;
}

static void let_pipes_go(struct exec *exec)
{
	if (!output_take(exec, PIPE_OUTPUT) || !output_take(exec, PIPE_ERRORS))
		return;
	for (int i = 0; i < PIPES; i++)
		close_handle(&exec->pipes[i]);
	exec->open_outputs = 0;
	finish(exec);
}

static void exited(struct exec *exec, int status)
{
	exec->exited = true;
	close_handle(&exec->child);
	if (exec->finished || exec->freed)
		return;
	exec->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	exec->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (exec->leader_only)
		let_pipes_go(exec);
	else
		finish_when_over(exec);
}

static void some_child_ended(uv_signal_t *child, int number)
{
	struct exec *exec = child->data;
	int status = 0;
	pid_t ended;

	(void)number;
	do
		ended = waitpid(exec->pid, &status, WNOHANG);
	while (ended < 0 && errno == EINTR);
	if (ended == 0)
		return; /* another one */
	if (ended < 0)
		fault_set(&exec->fault, ERR_IO, "how the command %s ended cannot be told: %s", exec->name,
			  strerror(errno));
	exited(exec, status);
}

static void room_wanted(uv_handle_t *handle, size_t size, uv_buf_t *out)
{
	struct exec *exec = handle->data;

	(void)size;
	*out = uv_buf_init(exec->chunk, sizeof exec->chunk);
}

static void output_came(uv_stream_t *pipe, ssize_t got, const uv_buf_t *chunk)
{
	struct exec *exec = pipe->data;
	struct buffer *output = &exec->outputs[(uv_pipe_t *)pipe - exec->pipes];

	if (exec->finished || exec->freed)
		return;
	if (got > 0) {
		buffer_put(output, chunk->base, (size_t)got);
		if (output->err < 0)
			give_up(exec, ERR_LIMIT, "wrote more than", (long long)output->limit, "bytes");
	} else if (got < 0) {
		close_handle(pipe);
		exec->open_outputs--;
		finish_when_over(exec);
	}
}

static void input_written(uv_write_t *write, int status)
{
	struct exec *exec = write->data;

	(void)status; /* a command may well end without having read it all */
	close_handle(&exec->pipes[PIPE_INPUT]);
}

/* Our environment (unless `whole`) with `added` behind it; the texts stay where they are. */
static char **make_environment(const char *const *added, bool whole)
{
	size_t ours = 0, theirs = 0, count = 0;
	char **all;

	while (!whole && environ[ours])
		ours++;
	while (added && added[theirs])
		theirs++;
	all = calloc(ours + theirs + 1, sizeof *all);
	if (!all)
		return NULL;
	for (size_t i = 0; i < ours; i++) {
		bool replaced = false;

		for (size_t k = 0; k < theirs; k++) {
			size_t name_size = strcspn(added[k], "=") + 1;

			replaced |= strncmp(environ[i], added[k], name_size) == 0;
		}
		if (!replaced)
			all[count++] = environ[i];
	}
	for (size_t k = 0; k < theirs; k++)
		all[count++] = (char *)added[k];
	return all;
}

static void init_handles(struct exec *exec)
{
	for (int i = 0; i < PIPES; i++) {
		uv_pipe_init(loop_uv(exec->loop), &exec->pipes[i], 0);
		exec->pipes[i].data = exec;
	}
	uv_signal_init(loop_uv(exec->loop), &exec->child);
	exec->child.data = exec;
	exec->handles = PIPES + 1;
}

/* `theirs` become the command's, `ours` stay with us; where there is no input, ours is -1.  0 or a negative errno. */
static int make_pipes(const struct exec *exec, int theirs[PIPES], int ours[PIPES])
{
	for (int i = 0; i < PIPES; i++) {
		int ends[2] = { -1, -1 };

		if (i == PIPE_INPUT && exec->input.size == 0)
			ends[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		else if (pipe2(ends, O_CLOEXEC) < 0)
			return -errno;
		if (ends[0] < 0)
			return -errno;
		theirs[i] = ends[i == PIPE_INPUT ? 0 : 1];
		ours[i] = ends[i == PIPE_INPUT ? 1 : 0];
	}
	return 0;
}

static void close_all(const int fds[PIPES])
{
	for (int i = 0; i < PIPES; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* 0 or a negative errno. */
static int spawn(struct exec *exec, const struct exec_options *options)
{
	int theirs[PIPES] = { -1, -1, -1 }, ours[PIPES] = { -1, -1, -1 }, err;
	char **environment = make_environment(options->environment, options->environment_whole);
	struct spawn_options spawning = {
		.arguments = options->arguments,
		.environment = (const char *const *)environment,
		.folder = options->folder,
	};

	init_handles(exec);
	err = environment ? make_pipes(exec, theirs, ours) : -ENOMEM;
	/* We listen before it can end. */
	err = err ? err : uv_signal_start(&exec->child, some_child_ended, SIGCHLD);
	if (!err) {
		memcpy(spawning.inputs, theirs, sizeof theirs);
		err = spawn_process(&spawning, &exec->pid);
	}
	close_all(theirs);
	free(environment);
	if (err < 0) {
		exec->pid = 0;
		close_all(ours);
		return err;
	}
	for (int i = 0; i < PIPES; i++)
		if (ours[i] >= 0)
			uv_pipe_open(&exec->pipes[i], ours[i]);
	return 0;
}

static void feed(struct exec *exec)
{
	uv_buf_t bytes = uv_buf_init((char *)exec->input.at, (unsigned)exec->input.size);

	exec->write.data = exec;
	if (exec->input.size == 0 ||
	    uv_write(&exec->write, (uv_stream_t *)&exec->pipes[PIPE_INPUT], &bytes, 1, input_written) < 0)
		close_handle(&exec->pipes[PIPE_INPUT]);
}

int exec_start(struct loop *loop, const struct exec_options *options, exec_done *done, void *owner,
	       struct exec **out)
{
	struct exec *exec = calloc(1, sizeof *exec);
	int err;

	if (!exec)
		return ERR_MEMORY;
	if (timer_new(loop, time_is_up, exec, &exec->timer) < 0) {
		free(exec);
		return ERR_MEMORY;
	}
	exec->loop = loop;
	exec->done = done;
	exec->owner = owner;
	exec->timeout_ms = options->timeout_ms;
	exec->leader_only = options->leader_only;
	snprintf(exec->name, sizeof exec->name, "%s", options->arguments[0]);
	buffer_init(&exec->input, options->input.size + 1);
	buffer_view(&exec->input, options->input);
	buffer_init(&exec->outputs[PIPE_OUTPUT], options->output_size_max);
	buffer_init(&exec->outputs[PIPE_ERRORS], options->output_size_max);
	err = spawn(exec, options);
	*out = exec;
	if (err < 0) {
		exec->exited = true;
		fault_set(&exec->fault, err == -ENOENT ? ERR_NOT_FOUND : ERR_IO,
			  "the command %s cannot be started: %s", exec->name, strerror(-err));
		timer_start(exec->timer, 0);
		return 0;
	}
	exec->open_outputs = 2;
	uv_read_start((uv_stream_t *)&exec->pipes[PIPE_OUTPUT], room_wanted, output_came);
	uv_read_start((uv_stream_t *)&exec->pipes[PIPE_ERRORS], room_wanted, output_came);
	feed(exec);
	timer_start(exec->timer, options->timeout_ms);
	return 0;
}

void exec_free(struct exec *exec)
{
	if (!exec || exec->freed)
		return;
	kill_group(exec);
	exec->freed = true;
	timer_free(exec->timer);
	for (int i = 0; i < PIPES; i++)
		close_handle(&exec->pipes[i]);
	/* A running child is let go of by exited(): it must be reaped, whoever still cares. */
	if (exec->exited)
		close_handle(&exec->child);
	destroy_when_closed(exec);
}

/* Splitting a line. */

struct splitter {
	const char *at;
	char *text; /* where the next character goes */
};

/* One word; false for an open quote. */
static bool split_word(struct splitter *s)
{
	char quote = 0;

	for (; *s->at && (quote || !strchr(" \t\r\n", *s->at)); s->at++) {
		if (quote && *s->at == quote) {
			quote = 0;
		} else if (!quote && (*s->at == '"' || *s->at == '\'')) {
			quote = *s->at;
		} else {
			if (*s->at == '\\' && quote != '\'' && s->at[1])
				s->at++;
			*s->text++ = *s->at;
		}
	}
	*s->text++ = 0;
	return !quote;
}

int exec_split(const char *line, char ***out, struct fault *fault)
{
	size_t size = strlen(line), words_max = size / 2 + 2;
	char **block = malloc(words_max * sizeof *block + size + 2);
	struct splitter s = { line, block ? (char *)(block + words_max) : NULL };
	size_t count = 0;

	if (!block)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	for (;;) {
		s.at += strspn(s.at, " \t\r\n");
		if (!*s.at)
			break;
		block[count++] = s.text;
		if (!split_word(&s)) {
			free(block);
			return fault_set(fault, ERR_CONFIG, "a quote in the command is not closed");
		}
	}
	if (count == 0) {
		free(block);
		return fault_set(fault, ERR_CONFIG, "the command is empty");
	}
	block[count] = NULL;
	*out = block;
	return 0;
}
