/* clusters.h - a loop with a source and a target on it, for verbs that talk to both. */
#ifndef CLI_CLUSTERS_H
#define CLI_CLUSTERS_H

#include "client/cluster.h"
#include "loop/loop.h"

struct clusters {
	struct loop *loop;
	struct cluster *source, *target;
};

/* Reads both configurations; nothing is connected yet.  A failure leaves nothing to close. */
int clusters_open(struct clusters *clusters, const char *source, const char *target, struct fault *fault);
void clusters_close(struct clusters *clusters);

#endif
