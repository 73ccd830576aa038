/* parent.c - over prctl(). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/parent.h"

#define VARIABLE "INTERLOCK_ENDS_WITH"

void parent_word(char *out, size_t size)
{
	snprintf(out, size, "%s=%ld", VARIABLE, (long)getpid());
}

void parent_watch(void)
{
	const char *word = getenv(VARIABLE);
	long parent = word ? strtol(word, NULL, 10) : 0;

	if (!word)
		return;
	unsetenv(VARIABLE);
#ifdef __linux__
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && (long)getppid() != parent)
		raise(SIGTERM); /* it had gone before we asked */
#endif
}
