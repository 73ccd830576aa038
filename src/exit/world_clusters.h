/*
 * world_clusters.h - the world of a controller: two real clusters, the operator's levers, a follower for the family that
 * crosses, and whoever holds checkpoints.
 *
 * One exit, one loop.  What takes time is made ready by forecast() and kept until release(): the follower that proves the
 * target level in milliseconds, connections, levers.  Everything here waits, and is not called from a callback.
 */
#ifndef EXIT_WORLD_CLUSTERS_H
#define EXIT_WORLD_CLUSTERS_H

#include "exit/journal.h"
#include "exit/survey.h"
#include "exit/world.h"

struct world_options {
	struct loop *loop;
	const struct plan *plan;
	const char *plan_file;
	struct journal *journal;
	const char *state_folder; /* where checkpoints of comparisons are kept; "" or ending in '/' */
	int64_t timeout_ms;       /* for each request to a cluster; 0: the default */
	uint64_t memory_bytes, rate_bytes_per_s; /* 0: the plan's */
	const int *interrupts; /* how often we were asked to end, as signals count it; may be NULL */
	void (*tell)(void *context, const char *family, const char *text); /* may be NULL */
	void *context;
};

/* The options are copied; what they point at lives as long.  ERR_CONFIG, ERR_MEMORY. */
int world_open(const struct world_options *options, struct world **out, struct fault *fault);
void world_close(struct world *world); /* NULL is silent */

struct survey *world_survey(struct world *world);

/* True while a judgement gathers: it may be cut short by loop_stop(), and asked for again later. */
bool world_is_gathering(const struct world *world);

#endif
