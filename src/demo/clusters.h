/*
 * clusters.h - the two clusters of the play: brokers of ours inside this process, each on its own thread.
 */
#ifndef DEMO_CLUSTERS_H
#define DEMO_CLUSTERS_H

#include "client/cluster.h"
#include "demo/actor.h"

enum { SOURCE, TARGET, SIDES };
extern const char *const side_words[SIDES]; /* "source", "target" */

struct embedded {
	struct actor actor;
	char folder[4096];
	uint16_t port; /* on 127.0.0.1 */
	char cluster_id[40];
};

/* A broker with its data in `folder`, on a free port. */
int embedded_start(struct embedded *broker, const char *folder, struct fault *fault);
int embedded_end(struct embedded *broker, struct fault *fault);

/* A client of the broker on `port`, on the caller's loop.  Connected. */
int client_open(struct loop *loop, const char *name, uint16_t port, struct cluster **out,
		struct fault *fault);

#endif
