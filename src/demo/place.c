/* place.c - a folder. */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "demo/place.h"

#define OPEN_FOLDERS_MAX 16

static int remove_one(const char *path, const struct stat *what, int kind, struct FTW *where)
{
	remove(path); /* what cannot be removed stays: it is a temporary folder */
	return 0;
}

void place_remove(const char *path)
{
	nftw(path, remove_one, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
}

static int must_be_empty(const char *path, struct fault *fault)
{
	DIR *folder = opendir(path);
	struct dirent *one;
	bool empty = true;

	if (!folder)
		return fault_set(fault, ERR_IO, "%s: %s", path, strerror(errno));
	while (empty && (one = readdir(folder)))
		empty = strcmp(one->d_name, ".") == 0 || strcmp(one->d_name, "..") == 0;
	closedir(folder);
	return empty ? 0
		     : fault_set(fault, ERR_USAGE,
				 "--keep: %s is not empty; name a folder that is new or empty", path);
}

int place_make(const char *keep, char path[PLACE_PATH_SIZE], struct fault *fault)
{
	const char *under = getenv("TMPDIR");
	char *whole;
	int err;

	if (!keep) {
		snprintf(path, PLACE_PATH_SIZE, "%s/interlock-demo-XXXXXX", under && *under ? under : "/tmp");
		return mkdtemp(path) ? 0 : fault_set(fault, ERR_IO, "%s: %s", path, strerror(errno));
	}
	if (mkdir(keep, 0777) < 0 && errno != EEXIST)
		return fault_set(fault, ERR_IO, "--keep %s: %s", keep, strerror(errno));
	err = must_be_empty(keep, fault);
	if (err < 0)
		return err;
	whole = realpath(keep, NULL);
	if (!whole || strlen(whole) >= PLACE_PATH_SIZE)
		err = fault_set(fault, ERR_USAGE, "--keep: the path is too long");
	else
		strcpy(path, whole);
	free(whole);
	return err;
}

int place_write(const char *folder, const char *name, const char *text, bool executable, struct fault *fault)
{
	char path[PLACE_PATH_SIZE + 64];
	int err;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	err = file_replace(path, view_text(text), fault);
	if (err == 0 && executable && chmod(path, 0755) < 0)
		err = fault_set(fault, ERR_IO, "%s: %s", path, strerror(errno));
	return err;
}
