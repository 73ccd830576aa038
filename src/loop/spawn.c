/* spawn.c - over posix_spawn(). */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/spawn.h"

#define PATH_USUAL "/usr/local/bin:/usr/bin:/bin"

static int set_actions(posix_spawn_file_actions_t *actions, const struct spawn_options *options)
{
	int err = 0;

	for (int i = 0; i < 3 && !err; i++)
		err = posix_spawn_file_actions_adddup2(actions, options->inputs[i], i);
	if (!err && options->folder)
		err = posix_spawn_file_actions_addchdir_np(actions, options->folder);
	return err;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
	return posix_spawnattr_setflags(attributes,
					POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
}

struct spawning {
	const struct spawn_options *options;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attributes;
	pid_t *out;
};

static int spawn_at(const struct spawning *s, const char *program)
{
	return posix_spawn(s->out, program, s->actions, s->attributes, (char **)s->options->arguments,
			   (char **)s->options->environment);
}

static const char *path_of(const char *const *environment)
{
	for (; *environment; environment++)
		if (strncmp(*environment, "PATH=", 5) == 0)
			return *environment + 5;
	return PATH_USUAL;
}

/* As execvp(): the first that can be started; one that may not be is remembered, for that says more than "not found". */
static int spawn_in_path(const struct spawning *s)
{
	const char *name = s->options->arguments[0], *at = path_of(s->options->environment);
	int worst = ENOENT, err;

	for (;;) {
		size_t size = strcspn(at, ":");
		char *program = NULL;

		if (asprintf(&program, "%.*s/%s", size ? (int)size : 1, size ? at : ".", name) < 0)
			return ENOMEM;
		/* A start costs more than a look; a folder that is relative is so to where the command runs. */
		err = program[0] == '/' && access(program, X_OK) < 0 ? errno : spawn_at(s, program);
		free(program);
		if (err != ENOENT && err != EACCES && err != ENOTDIR)
			return err;
		if (err == EACCES)
			worst = EACCES;
		if (!at[size])
			return worst;
		at += size + 1;
	}
}

int spawn_process(const struct spawn_options *options, pid_t *out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	struct spawning spawning = { options, &actions, &attributes, out };
	int err;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	err = set_actions(&actions, options);
	err = err ? err : set_attributes(&attributes);
	if (!err)
		err = strchr(options->arguments[0], '/') ? spawn_at(&spawning, options->arguments[0])
							 : spawn_in_path(&spawning);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}
