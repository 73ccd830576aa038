/*
 * place.h - fresh places for databases, on the engine under test.
 *
 * By default each is a file of SQLite in a folder of its own.  INTERLOCK_STATE, when it is set, is a postgres:// address in
 * which `#` stands for the number of a place: test/real/test_state.py makes as many schemas.
 */
#ifndef TEST_BASE_PLACE_H
#define TEST_BASE_PLACE_H

#include <glob.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

static char place_folder[100];
static int place_count;

static inline bool place_is_server(void)
{
	return getenv("INTERLOCK_STATE");
}

static inline int places_set_up(void **state)
{
	snprintf(place_folder, sizeof place_folder, "%s/interlock-place-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	return mkdtemp(place_folder) ? 0 : -1;
}

static inline int places_tear_down(void **state)
{
	char pattern[200];
	glob_t found;

	snprintf(pattern, sizeof pattern, "%s/*", place_folder);
	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
	globfree(&found);
	return rmdir(place_folder);
}

/* A file of SQLite, whatever the engine under test. */
static inline const char *place_file(void)
{
	static char path[200];

	snprintf(path, sizeof path, "%s/%d.db", place_folder, ++place_count);
	return path;
}

/* Holds until the next call. */
static inline const char *place_new(void)
{
	static char address[500];
	const char *given = getenv("INTERLOCK_STATE"), *mark = given ? strchr(given, '#') : NULL;

	if (!given)
		return place_file();
	assert_non_null(mark);
	snprintf(address, sizeof address, "%.*s%d%s", (int)(mark - given), given, ++place_count, mark + 1);
	return address;
}

/*
 * Runs `play` in a child of its own, whose limits and mounts end with it, and which asserts nothing.  77 from it: cannot be
 * tried here.
 */
static inline void in_a_child(int (*play)(void))
{
	int status;
	pid_t child;

	place_count += 10; /* what the child counts is forgotten with it */
	child = fork();

	if (child == 0) {
		place_count -= 5;
		_exit(play());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

#endif
