/*
 * discover.h - asks one cluster what it is: brokers, topics, configs, groups, ACLs, quotas, users, producers.
 *
 * Reads only.  What a cluster refuses to tell is written down as refused; only a cluster that cannot be reached at all
 * is an error.
 */
#ifndef EXIT_DISCOVER_H
#define EXIT_DISCOVER_H

#include "exit/facts.h"

struct discovering {
	struct cluster *cluster;
	const char *address; /* for people; no secret */
	int64_t timeout_ms;  /* for each request */
	struct arena *arena; /* behind everything in the facts */
	/* Which topics' configs and producers to ask for; NULL: all but internal ones. */
	bool (*wanted)(void *context, const char *topic);
	void *context;
};

/* 0; ERR_NETWORK and its kind when the cluster was not reached, ERR_MEMORY, ERR_CANCELLED. */
int discover_side(const struct discovering *discovering, struct facts_side *out, struct fault *fault);

#endif
