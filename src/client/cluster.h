/*
 * cluster.h - one Kafka cluster seen from outside.
 *
 * A cluster keeps connections to each broker it needs, negotiates versions broker by broker, logs in, keeps
 * the metadata fresh, and sends requests to the right broker.  Everything has a deadline; what can be retried
 * safely is, with backoff and jitter, until then.
 *
 * All calls are made on the loop's thread.  A `struct call` is one request under way: made by cluster_call(),
 * ended by exactly one invocation of its `done`.  Top-level code that wants to wait uses cluster_ask() or a
 * `struct asks`.
 */
#ifndef CLIENT_CLUSTER_H
#define CLIENT_CLUSTER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"
#include "loop/loop.h"
#include "wire/message.h"

struct cluster;
struct cluster_config; /* client/config.h: addresses, TLS, SASL, time-outs */
struct call;
struct frame; /* client/frame.h: the bytes of one answer */

/* Where a call goes, when it is not a broker's id. */
enum {
	NODE_ANY = -1,	      /* the least busy broker that answers */
	NODE_CONTROLLER = -2, /* as the metadata has it (KRaft: any broker, which forwards) */
};

/* `name` is "source" or "target": it stands in every fault.  The config is copied.  Does not connect yet. */
int cluster_new(struct loop *loop, const char *name, const struct cluster_config *config,
		struct cluster **out, struct fault *fault);
void cluster_free(struct cluster *cluster); /* ends all calls with ERR_CANCELLED first; NULL is silent */

const char *cluster_name(const struct cluster *cluster);
struct loop *cluster_loop(const struct cluster *cluster);

/*
 * Waits until one broker has answered and the list of brokers is known (never from a callback).  ERR_NETWORK,
 * ERR_TIMEOUT, ERR_TLS, ERR_LOGIN with what happened at each address.  A refused login or certificate ends
 * the wait at once; everything else is tried again until the time is over.
 */
int cluster_connect(struct cluster *cluster, int64_t timeout_ms, struct fault *fault);

/* The same for one broker, after which cluster_versions() knows it. */
int cluster_reach(struct cluster *cluster, int32_t node, int64_t timeout_ms, struct fault *fault);

/*
 * What a call brought: `err` and `fault` when it failed for good (ERR_TIMEOUT, ERR_NETWORK, ERR_TLS,
 * ERR_LOGIN, ERR_UNSUPPORTED, ...); else the response, whose views and arrays hold until `done` returns.
 * Error codes inside the response are the caller's to judge.
 */
struct reply {
	int err;
	const struct fault *fault; /* names the cluster, the broker, and the request; NULL when err is 0 */
	int16_t version;           /* the version that was spoken */
	int32_t node;              /* the broker that answered */
	const void *response;      /* struct <api>_response */
	struct frame *frame;       /* the bytes behind it; frame_hold() to keep them longer */
	struct view body;          /* of the frame: the response without its head */
	int64_t throttle_ms; /* how long the broker asked us to wait; new calls to it are held back that long
			      */
};

typedef void call_done(void *context, const struct reply *reply);

/* Requests in one lane of a broker are answered in order: a long poll holds up what stands behind it, so it
 * has its own. */
enum { LANE_ASK = 0, LANE_FETCH = 1, LANES = 8 };

/*
 * One request to be sent.  Zero (with api_key, node, deadline_ms set) is a plain one.  `request` stays as it
 * is until the call ends: it is written when a connection is there and its versions are known, and again at a
 * retry.
 */
struct call_plan {
	int32_t node; /* a broker's id, NODE_ANY, NODE_CONTROLLER */
	int lane;     /* LANE_ASK */
	int16_t api_key;
	int16_t version_most;  /* the newest version to use; 0 for no limit of ours */
	int16_t version_least; /* ERR_UNSUPPORTED when the broker's newest is below it */
	const void *request;   /* struct <api>_request */

	/*
	 * When not NULL: called just before the request is written, to fill `request` for the version that
	 * will be spoken.  A negative return ends the call with that error.
	 */
	int (*prepare)(void *context, int16_t version, int32_t node);

	bool retry;          /* send again after a lost connection: only what may be done twice */
	bool unanswered;     /* nothing comes back (produce with acks=0): done when it is written */
	int64_t deadline_ms; /* monotonic; when it passes the call ends with ERR_TIMEOUT */
	int64_t memory;      /* most that the response's arrays may take; 0 for 64 MiB */
	call_done *done;
	void *context;
};

/* Starts a call.  Never calls `done` before it returns.  ERR_MEMORY, ERR_LIMIT (too many calls),
 * ERR_UNSUPPORTED. */
int cluster_call(struct cluster *cluster, const struct call_plan *plan, struct call **out);

/* Ends it without calling `done`.  NULL is silent. */
void call_cancel(struct call *call);

/*
 * Sends and waits (never from a callback): `response` is a struct <api>_response whose strings and arrays
 * live in `arena`.  Retries after lost connections: use it for what may be done twice.
 */
int cluster_ask(struct cluster *cluster, int32_t node, int16_t api_key, const void *request,
		int64_t timeout_ms, struct arena *arena, void *response, struct fault *fault);

/* Lanes for callers with long polls; LANE_FETCH when all are taken. */
int cluster_lane_take(struct cluster *cluster);
void cluster_lane_give(struct cluster *cluster, int lane);

/*
 * The range of versions that `node` (or any broker we have spoken to) and we both speak; ERR_UNSUPPORTED when
 * there is none, ERR_STALE when not known yet (cluster_reach() helps).
 */
int cluster_versions(struct cluster *cluster, int32_t node, int16_t api_key, int16_t *since, int16_t *until);

/* The lowest common newest version over all brokers spoken to so far; -1 when one of them lacks the API. */
int cluster_version_everywhere(struct cluster *cluster, int16_t api_key);

#endif
