/*
 * demo.h - the door of this floor: a whole exit on this machine, with nothing but this program.
 *
 * Two brokers, a shop that writes each order to both, and a group that reads live in this process; what an operator would
 * type is this program run again.
 */
#ifndef DEMO_DEMO_H
#define DEMO_DEMO_H

#include <stdbool.h>
#include <stdio.h>

#include "demo/tally.h"

struct demo_options {
	FILE *out; /* the story */
	bool color;
	const char *program; /* the path of this program */
	const char *
		keep; /* a folder for everything, which stays; made, or empty.  NULL: a temporary one, which goes */
};

/*
 * Plays it: about half a minute.  0 when everything went as it should and nothing was lost; ERR_CANCELLED after SIGINT or
 * SIGTERM; ERR_INTERNAL with what was not as the play expects.  Whatever came, nothing of it runs any more.
 */
int demo_play(const struct demo_options *options, struct tally *out, struct fault *fault);

#endif
