/*
 * lever_door.h - how an application of the play is told: one lever over HTTP and JSON on loopback, as docs/guide.md has it.
 *
 *	GET  /flag                      {"value": "source"}
 *	PUT  /flag                      takes {"value": "hold", "epoch": 7}; answers once it stands there
 *	GET  /flag/drained?epoch=7      {"drained": true}
 *
 * 409 refuses an epoch older than one that was seen, 400 what it does not understand, 503 says that it has not come about
 * in time.
 */
#ifndef DEMO_LEVER_DOOR_H
#define DEMO_LEVER_DOOR_H

#include "base/err.h"
#include "base/view.h"
#include "loop/loop.h"

struct lever_door;

/* What the application answers, on the loop's thread. */
struct lever_words {
	const char *name; /* "flag": the path */
	const char *(*get)(void *context);

	/* 0; ERR_STALE for an older epoch, ERR_USAGE for a word that it does not know.  `epoch` is -1 when none was told. */
	int (*set)(void *context, struct view word, int64_t epoch);

	/* Has the last word come about?  NULL: it has at once. */
	bool (*settled)(void *context);

	/* 1, 0, or ERR_STALE.  NULL: there is no such question. */
	int (*drained)(void *context, int64_t epoch);
};

int lever_door_new(struct loop *loop, const struct lever_words *words, void *context, struct lever_door **out,
		   struct fault *fault);
uint16_t lever_door_port(const struct lever_door *door);
void lever_door_free(struct lever_door *door); /* NULL is silent */

#endif
