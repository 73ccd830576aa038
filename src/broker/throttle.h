/*
 * throttle.h - keeps clients to their quotas: counts what they do, tells them how long to be silent, and does not hear them
 * until then (KIP-219).
 *
 *	request --> handler --> answer: what it costs is counted, throttle_time_ms is set, it goes out at once
 *	                           |
 *	                           +--> the connection is muted: nothing is read from it, nothing of it is started
 *
 * Without quotas the question whether there are any is all that it costs.  Time is that of the loop's clock.
 */
#ifndef BROKER_THROTTLE_H
#define BROKER_THROTTLE_H

#include "broker/quota.h"
#include "broker/quota_rate.h"
#include "broker/request.h"

struct throttle {
	struct broker *broker;
	struct quota_windows windows;
	bool active[QUOTA_KEYS];       /* somebody has a quota of this key */
	struct map gauges[QUOTA_KEYS]; /* by who shares it */
	size_t sweep_at[QUOTA_KEYS];
	struct list muted; /* pipelines */
	struct timer *unmute;
	int64_t unmute_ms; /* when that timer is due; 0: it is not running */
};

int throttle_new(struct broker *broker, struct throttle **out);
void throttle_free(struct throttle *throttle);

/* To be called when the store was opened, and after each change of a quota. */
void throttle_quotas_changed(struct throttle *throttle);

/* Does somebody's time on the thread count?  Then it has to be measured. */
static inline bool throttle_wants_time(const struct throttle *throttle)
{
	return throttle->active[QUOTA_REQUEST_PERCENTAGE];
}

/* The thread begins to work for the request, or turns to something else. */
void throttle_time_begin(struct request *request);
void throttle_time_end(struct request *request);

/* Again, for a request that was parked; nothing when the thread is at it already. */
static inline void throttle_time_go_on(struct request *request)
{
	if (throttle_wants_time(request->broker->throttle) && !request->thread_since_ns)
		throttle_time_begin(request);
}

/* For pipeline.c: its client leaves before it is answered.  What it brought is counted all the same: else who hangs up has no quota. */
void throttle_gone(struct request *request);

/* For request.c: an answer is about to be written (NULL: the request has none); may set its throttle_time_ms. */
void throttle_answer(struct request *request, void *response);

/*
 * For fetch.c, once for each answer with `size` bytes: true when it must go out without any.  And how much may be read at all:
 * what all windows give.
 */
bool throttle_fetch(struct request *request, int64_t size);
int64_t throttle_fetch_room(const struct request *request, int64_t room);

/*
 * Before `count` partitions are made or deleted.  False: they must not be, the answer is THROTTLING_QUOTA_EXCEEDED; versions
 * before `strict_since` do not know it, and are only made to wait (KIP-599).
 */
bool throttle_mutate(struct request *request, int64_t count, int16_t strict_since);

/* A client has come from this address: 0, or how long to let it wait before it is sent away. */
int64_t throttle_connection(struct throttle *throttle, struct view ip);

/* A client was taken in, of at most `limit` a second from everywhere: 0, or how long to take in nobody. */
int64_t throttle_all_connections(struct throttle *throttle, int64_t limit);

/* How many are not heard now. */
int throttle_muted(const struct throttle *throttle);

/* Hears those again whose time is over. */
void throttle_unmute(struct throttle *throttle);

#endif
