/*
 * offsets.h - where logs begin and end, and where a moment lies in them (ListOffsets).
 *
 * Many partitions at once: one request a leader, all leaders in parallel, again for those whose leader moved,
 * until the time is over.
 */
#ifndef CLIENT_OFFSETS_H
#define CLIENT_OFFSETS_H

#include "client/cluster.h"

enum {
	OFFSETS_EARLIEST = -2, /* as ListOffsets has them; a time in ms otherwise */
	OFFSETS_LATEST = -1,
};

struct offset_query {
	const char *topic;
	int32_t partition;
	int64_t at; /* OFFSETS_EARLIEST, OFFSETS_LATEST, or a time: first record not before it */

	int err;              /* 0; ERR_TIMEOUT, ERR_DENIED, ERR_NOT_FOUND, ERR_BROKER, ... */
	int16_t error_code;   /* the broker's last word, when there was one */
	int64_t offset;       /* for a time with nothing at or after it: -1 */
	int64_t timestamp;    /* of the record found by time; -1 otherwise */
	int32_t leader_epoch; /* -1 from brokers before 2.1 */
};

/*
 * Fills in all of them and waits (never from a callback).  `committed`: LATEST is the last stable offset,
 * before any open transaction.  0 when each has err 0; else the first error, with `fault` naming that
 * partition; the others are filled in nevertheless.
 */
int offsets_list(struct cluster *cluster, struct offset_query *queries, int count, bool committed,
		 int64_t timeout_ms, struct fault *fault);

#endif
