/* clusters.h - a source and a target from two words of the command line, for verbs that talk to both. */
#ifndef CLI_CLUSTERS_H
#define CLI_CLUSTERS_H

#include "client/cluster.h"
#include "loop/loop.h"

struct clusters {
	struct cluster *source, *target;
};

/* Reads both configurations; nothing is connected yet.  A failure leaves nothing to close. */
int clusters_open(struct clusters *clusters, struct loop *loop, const char *source, const char *target,
		  struct fault *fault);
void clusters_close(struct clusters *clusters);

#endif
