/*
 * cluster.h - one Kafka cluster seen from outside.
 *
 * A cluster keeps a connection to each broker it needs, negotiates versions broker by broker, logs in, keeps the
 * metadata fresh, and sends requests to the right broker.  Everything has a deadline; what can be retried safely is,
 * with backoff and jitter, until then.
 *
 * All calls are made on the loop's thread.  A `struct call` is one request under way: made by cluster_call(), ended by
 * exactly one invocation of its `done`.  Top-level code that wants to wait uses cluster_ask().
 */
#ifndef CLIENT_CLUSTER_H
#define CLIENT_CLUSTER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"
#include "loop/loop.h"
#include "wire/message.h"

struct cluster;
struct cluster_config;		/* client/config.h: addresses, TLS, SASL, time-outs */
struct call;

/* Where a call goes, when it is not a broker's id. */
enum {
	NODE_ANY = -1,		/* the least busy broker that answers */
	NODE_CONTROLLER = -2,
};

/* `name` is "source" or "target": it stands in every fault.  The config is copied. */
int cluster_new(struct loop *loop, const char *name, const struct cluster_config *config, struct cluster **out,
		struct fault *fault);
void cluster_free(struct cluster *cluster);	/* ends all calls with ERR_CANCELLED first */

const char *cluster_name(const struct cluster *cluster);

/*
 * What a call brought: `err` and `fault` when it failed for good (ERR_TIMEOUT, ERR_NETWORK, ERR_TLS, ERR_LOGIN,
 * ERR_UNSUPPORTED, ...); else the response, whose views and arrays hold until `done` returns.  Error codes inside the
 * response are the caller's to judge.
 */
struct reply {
	int err;
	const struct fault *fault;
	int16_t version;		/* the version that was spoken */
	int32_t node;			/* the broker that answered */
	const void *response;		/* struct <api>_response */
	size_t wire_size;		/* bytes of the response frame */
};

typedef void call_done(void *context, const struct reply *reply);

/*
 * Sends `request` (struct <api>_request, copied into the frame before this returns) of `api_key` to `node` in the
 * newest version that both sides know, at most `version_most` when that is not -1.  Lost connections are retried until
 * `deadline_ms` (monotonic) only when `retry` is true.  Never calls `done` before it returns.
 */
int cluster_call(struct cluster *cluster, int32_t node, int16_t api_key, int16_t version_most, const void *request,
		 bool retry, int64_t deadline_ms, call_done *done, void *context, struct call **out);

/* Ends it without calling `done`. */
void call_cancel(struct call *call);

/*
 * The same, waiting for the answer (never from a callback): `response` is a struct <api>_response that is copied
 * into `arena`, strings and arrays included.
 */
int cluster_ask(struct cluster *cluster, int32_t node, int16_t api_key, const void *request, int64_t timeout_ms,
		struct arena *arena, void *response, struct fault *fault);

/* The range of versions that `node` and we both speak; ERR_UNSUPPORTED when there is none, ERR_STALE when not known yet. */
int cluster_versions(struct cluster *cluster, int32_t node, int16_t api_key, int16_t *since, int16_t *until);

#endif
