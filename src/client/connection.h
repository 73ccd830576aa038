/*
 * connection.h - one connection to one broker: TCP, TLS, versions, login, then requests in order.
 *
 *	CONNECTING --> VERSIONS --> LOGIN --> READY <--> RELOGIN (KIP-368)
 *	     |             |          |         |            |
 *	     +-------------+----------+---------+------------+----> CLOSED
 *
 * Requests are pipelined; the broker answers in order.  A request whose deadline passes closes the
 *connection, since nothing behind it can be answered sooner.  A connection is not opened again: make a new
 *one.
 */
#ifndef CLIENT_CONNECTION_H
#define CLIENT_CONNECTION_H

#include "base/err.h"
#include "base/view.h"
#include "client/config.h"
#include "client/frame.h"
#include "loop/loop.h"
#include "wire/message.h"

struct connector;
struct connection;

/* What all connections to one cluster share: TLS, tokens, frame memory.  Outlives its connections.  Holds
 * `config`. */
int connector_new(struct loop *loop, const struct cluster_config *config, struct connector **out,
		  struct fault *fault);
void connector_free(struct connector *connector);
struct frame_pool *connector_frames(struct connector *connector);

struct connection_events {
	/* Logged in, versions known: connection_send() may be called. */
	void (*ready)(void *owner);

	/*
	 * It is over: ERR_NETWORK, ERR_TIMEOUT, ERR_TLS, ERR_LOGIN, ERR_MALFORMED (not before
	 * `ready`: what is no broker at all is ERR_NETWORK), ERR_UNSUPPORTED.
	 * Everything under way has had its answer before.  Comes at most once, never from within a call of
	 * the owner's; connection_free() is still due.  An idle close is ERR_CANCELLED.
	 */
	void (*closed)(void *owner, const struct fault *fault);
};

/* Starts to connect.  No event comes before this returns.  `host` is copied. */
int connection_new(struct connector *connector, const char *host, uint16_t port,
		   const struct connection_events *events, void *owner, struct connection **out);

/* Closes; everything under way is forgotten without an answer.  Allowed in every callback.  NULL is silent.
 */
void connection_free(struct connection *connection);

/* An answer, or the reason why there is none. */
struct answer {
	int err; /* 0, or fault->err */
	const struct fault *fault;
	const struct api *api;
	int16_t version;
	struct frame *frame; /* the receiver takes a reference with frame_hold() to keep it */
	struct view body;    /* in the frame, behind the response head: for message_read() */
};

typedef void answer_fn(void *context, const struct answer *answer);

#define CONNECTION_IN_FLIGHT_MAX 256

/*
 * Sends `request` (struct <api>_request) in `version`; it is encoded before this returns.  `answered` comes
 * exactly once, never from within this call, unless the request is forgotten or the connection freed. Returns
 * 0; ERR_LIMIT when too much is under way or queued; ERR_UNSUPPORTED when the request does not fit `version`;
 * ERR_NETWORK when the connection is not ready (any more).  `out_id` (may be NULL) names it for
 * connection_forget().
 */
int connection_send(struct connection *connection, int16_t api_key, int16_t version, const void *request,
		    int64_t deadline_ms, answer_fn *answered, void *context, int32_t *out_id,
		    struct fault *fault);

/*
 * The same for a request whose answer never comes (Produce with acks=0): nothing is waited for.
 */
int connection_post(struct connection *connection, int16_t api_key, int16_t version, const void *request,
		    struct fault *fault);

/* The answer to `id`, when it comes, is dropped.  Its deadline still stands. */
void connection_forget(struct connection *connection, int32_t id);

bool connection_ready(const struct connection *connection);
int connection_in_flight(const struct connection *connection);

/*
 * Versions that the broker and our tables both know.  ERR_STALE before `ready`, ERR_UNSUPPORTED when there is
 * none. `since` and `until` may be NULL.
 */
int connection_versions(const struct connection *connection, int16_t api_key, int16_t *since, int16_t *until);

/* What the broker itself said (struct api_versions_response, features included); NULL before `ready`. */
const void *connection_api_versions(const struct connection *connection);

/* "broker.example:9092 (10.0.0.7)". */
const char *connection_peer(const struct connection *connection);

/* Monotonic; when the last byte came. */
int64_t connection_heard_ms(const struct connection *connection);

#endif
