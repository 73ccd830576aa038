/*
 * coordinator.h - which broker looks after a group or a transactional id (FindCoordinator: batched from v4
 * on).
 */
#ifndef CLIENT_COORDINATOR_H
#define CLIENT_COORDINATOR_H

#include "client/cluster.h"

enum { COORDINATOR_GROUP = 0, COORDINATOR_TRANSACTION = 1 };

struct coordinator {
	const char *key; /* group id or transactional id */
	int32_t node;    /* -1 when not found */
	int err;         /* 0; ERR_DENIED, ERR_TIMEOUT, ... */
	int16_t error_code;
};

/* Fills in `at[0..count)` and waits (never from a callback); 0 when each was found, else the first error. */
int coordinators_find(struct cluster *cluster, int kind, struct coordinator *at, int count,
		      int64_t timeout_ms, struct fault *fault);

#endif
