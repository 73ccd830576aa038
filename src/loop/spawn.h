/*
 * spawn.h - starts a process at a price that does not grow with ours.
 *
 * fork() copies the page tables: with half a gigabyte in memory that is 20 ms in which this thread does nothing, and a
 * crossing has a tenth of a second.  posix_spawn() shares the memory until the program has begun.
 */
#ifndef LOOP_SPAWN_H
#define LOOP_SPAWN_H

#include <sys/types.h>

struct spawn_options {
	const char *const *arguments;   /* [0] is the program; ends with NULL */
	const char *const *environment; /* all of it; ends with NULL */
	const char *folder;             /* where it runs; NULL: here */
	int inputs[3]; /* become its standard input, output and errors; close-on-exec, above 2 */
};

/*
 * It leads a session of its own, with no signal blocked or ignored.  A program without a slash is looked for in the PATH
 * of its environment, one with a slash is relative to `folder`.  0, or a negative errno: nothing was started.
 */
int spawn_process(const struct spawn_options *options, pid_t *out);

#endif
