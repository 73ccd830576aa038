/* journal_holder.c - from /proc, as proc(5) describes it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "exit/journal_holder.h"

struct place {
	char host[65], boot[65];
	unsigned long long name_space;
};

struct process {
	long long number;
	unsigned long long start; /* ticks since boot */
	char state;
};

static int small_file(const char *path, char *out, size_t size)
{
	struct buffer text;
	int err;

	buffer_init(&text, size - 1);
	err = file_read(path, &text, NULL);
	if (err == 0)
		snprintf(out, size, "%s", buffer_string(&text));
	buffer_done(&text);
	return err;
}

static int place_read(struct place *out)
{
	struct place place = { 0 };
	struct utsname names;
	struct stat st;

	if (uname(&names) < 0 || stat("/proc/self/ns/pid", &st) < 0 ||
	    small_file("/proc/sys/kernel/random/boot_id", place.boot, sizeof place.boot) < 0)
		return ERR_IO;
	place.boot[strcspn(place.boot, "\n")] = 0;
	snprintf(place.host, sizeof place.host, "%s", names.nodename);
	place.name_space = st.st_ino;
	*out = place;
	return 0;
}

/* The name of a program may hold blanks and brackets, so the fields are counted from the last bracket. */
static int process_read(long long number, struct process *out)
{
	struct process process = { .number = number };
	char path[64], text[2048], *at;

	snprintf(path, sizeof path, "/proc/%lld/stat", number);
	if (small_file(path, text, sizeof text) < 0)
		return ERR_IO;
	at = strrchr(text, ')');
	if (!at ||
	    sscanf(at, ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
		   &process.state, &process.start) != 2)
		return ERR_IO;
	*out = process;
	return 0;
}

int journal_holder_self(char out[JOURNAL_HOLDER_SIZE_MAX], struct fault *fault)
{
	struct process process;
	struct place place;

	if (place_read(&place) < 0 || process_read(getpid(), &process) < 0)
		return fault_set(fault, ERR_IO,
				 "/proc does not say which process this is: it must be mounted");
	snprintf(out, JOURNAL_HOLDER_SIZE_MAX, "host=%s boot=%s pidns=%llu pid=%lld start=%llu", place.host,
		 place.boot, place.name_space, process.number, process.start);
	return 0;
}

enum holder_state journal_holder_state(const char *holder)
{
	struct process then, now;
	struct place there, here;

	if (sscanf(holder, "host=%64s boot=%64s pidns=%llu pid=%lld start=%llu", there.host, there.boot,
		   &there.name_space, &then.number, &then.start) != 5 ||
	    then.number <= 0 || then.number > INT32_MAX || place_read(&here) < 0)
		return HOLDER_UNKNOWN;
	if (strcmp(there.host, here.host) != 0 || strcmp(there.boot, here.boot) != 0 ||
	    there.name_space != here.name_space)
		return HOLDER_UNKNOWN;
	if (kill((pid_t)then.number, 0) < 0 && errno == ESRCH)
		return HOLDER_GONE;
	if (process_read(then.number, &now) < 0)
		return HOLDER_UNKNOWN; /* it ended just now, or may not be looked at */
	if (now.start != then.start || now.state == 'Z' || now.state == 'X')
		return HOLDER_GONE; /* the number was given to another; or it is dead and not yet buried */
	return now.number == getpid() ? HOLDER_SELF : HOLDER_ALIVE;
}
