/* test_file.c - files read with a limit and replaced in one step, also when the disk is full. */
#include <errno.h>
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#include "base/file.h"

static char folder[100];

static int set_up(void **state)
{
	snprintf(folder, sizeof folder, "%s/interlock-file-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	return rmdir(folder); /* fails when a test left something behind */
}

static const char *path_of(const char *name)
{
	static char path[200];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static int files_in_folder(void)
{
	char pattern[200];
	glob_t found;
	int count;

	snprintf(pattern, sizeof pattern, "%s/*", folder);
	count = glob(pattern, 0, NULL, &found) == 0 ? (int)found.gl_pathc : 0;
	globfree(&found);
	return count;
}

static void assert_holds(const char *path, const char *text)
{
	struct fault fault;
	struct buffer b;

	buffer_init(&b, 1000);
	assert_int_equal(file_read(path, &b, &fault), 0);
	assert_view_is(buffer_bytes(&b), text);
	buffer_done(&b);
}

static void a_file_is_replaced_whole(void **state)
{
	const char *path = path_of("checkpoint");
	struct fault fault;
	struct stat stat_;

	assert_int_equal(file_replace(path, VIEW_LITERAL("one"), &fault), 0);
	assert_holds(path, "one");
	assert_int_equal(file_replace(path, VIEW_LITERAL("three"), &fault), 0);
	assert_holds(path, "three");
	assert_int_equal(stat(path, &stat_), 0);
	assert_int_equal(stat_.st_mode & 0777, 0600);
	assert_int_equal(files_in_folder(), 1);
	unlink(path);
}

static void reading_has_a_limit(void **state)
{
	const char *path = path_of("long");
	struct fault fault;
	struct buffer b;
	char *text = calloc(1, 200001);

	memset(text, 'x', 200000);
	assert_int_equal(file_replace(path, view_text(text), &fault), 0);
	buffer_init(&b, 200000);
	assert_int_equal(file_read(path, &b, &fault), 0);
	assert_int_equal(b.size, 200000);
	buffer_done(&b);
	buffer_init(&b, 199999);
	assert_int_equal(file_read(path, &b, &fault), ERR_LIMIT);
	assert_non_null(strstr(fault.text, "199999"));
	buffer_done(&b);
	free(text);
	unlink(path);
	buffer_init(&b, 10);
	assert_int_equal(file_read(path, &b, &fault), ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, path));
	assert_int_equal(file_read(folder, &b, &fault), ERR_IO);
	buffer_done(&b);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
	struct fault fault;

	assert_int_equal(file_replace(path_of("no/such/file"), VIEW_LITERAL("x"), &fault), ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, "no/such/file"));
}

/* Runs `play` in a child of its own, whose limits and mounts end with it.  77 from the child: cannot be tried here. */
static void in_a_child(int (*play)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(play());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int play_file_size_limit(void)
{
	struct rlimit limit = { 1000, 1000 };
	const char *path = path_of("limited");
	static char big[5000];
	struct fault fault;

	signal(SIGXFSZ, SIG_IGN);
	memset(big, 'x', sizeof big);
	if (file_replace(path, VIEW_LITERAL("old"), &fault) != 0)
		return 1;
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 77;
	if (file_replace(path, view_of(big, sizeof big), &fault) != ERR_IO || !strstr(fault.text, "limited"))
		return 2;
	return files_in_folder() == 1 ? 0 : 3;
}

static void what_cannot_be_written_leaves_the_old_file(void **state)
{
	in_a_child(play_file_size_limit);
	assert_holds(path_of("limited"), "old");
	unlink(path_of("limited"));
}

/* A tiny file system of its own, in name spaces of its own, so that it is gone with the child. */
static int play_full_disk(void)
{
	const char *path = path_of("full");
	static char big[200000];
	struct fault fault;
	struct buffer b;

	if ((unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", folder, "tmpfs", 0, "size=64k") < 0)
		return 77;
	memset(big, 'x', sizeof big);
	if (file_replace(path, VIEW_LITERAL("old"), &fault) != 0)
		return 1;
	if (file_replace(path, view_of(big, sizeof big), &fault) != ERR_FULL ||
	    !strstr(fault.text, "No space left"))
		return 2;
	buffer_init(&b, 100);
	if (file_read(path, &b, &fault) != 0 || !view_is(buffer_bytes(&b), "old"))
		return 3;
	buffer_done(&b);
	return files_in_folder() == 1 ? 0 : 4;
}

static void a_full_disk_leaves_the_old_file(void **state)
{
	in_a_child(play_full_disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_replaced_whole),
		cmocka_unit_test(reading_has_a_limit),
		cmocka_unit_test(a_folder_that_is_not_there_is_told),
		cmocka_unit_test(what_cannot_be_written_leaves_the_old_file),
		cmocka_unit_test(a_full_disk_leaves_the_old_file),
	};

	return cmocka_run_group_tests_name("file", tests, set_up, tear_down);
}
