/*
 * asks.h - many requests at once, for top-level code that waits for all of them.
 *
 *	asks_init(&asks, cluster, timeout_ms, arena);
 *	for each broker: asks_add(&asks, broker, API_LIST_GROUPS, &request, NULL);
 *	asks_wait(&asks);
 *	for each asks.at[i]: .err, .fault, .response
 */
#ifndef CLIENT_ASKS_H
#define CLIENT_ASKS_H

#include "client/cluster.h"

struct ask {
	int32_t node;  /* asked; after an answer the broker that gave it */
	void *context; /* the caller's, to know its asks apart */
	const struct api *api;
	int err; /* 0 when there is a response */
	struct fault fault;
	int16_t version;
	const void *response; /* struct <api>_response, all of it in the arena */
	int place; /* 1 for the first that ended, 2 for the next: the order in which answers came */

	struct asks *asks; /* from here on private */
	struct call *call;
	bool ended;
};

struct asks {
	struct ask **at;
	int count;

	struct cluster *cluster; /* from here on private */
	struct arena *arena;
	int64_t deadline_ms;
	int capacity, open, ended_count;
	bool all_ended;
};

/* `arena` holds asks and responses, and must outlive them. */
void asks_init(struct asks *asks, struct cluster *cluster, int64_t timeout_ms, struct arena *arena);

/* `request` stays as it is until asks_wait() returns.  A failure to start is an ask that ended with that
 * error. */
int asks_add(struct asks *asks, int32_t node, int16_t api_key, const void *request, void *context);
int asks_add_capped(struct asks *asks, int32_t node, int16_t api_key, int16_t version_most,
		    const void *request, void *context);

/* Waits until each has an answer or has failed.  0, or ERR_CANCELLED when loop_stop() was called: all are
 * ended then. */
int asks_wait(struct asks *asks);

#endif
