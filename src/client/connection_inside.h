/*
 * connection_inside.h - what connection.c, connection_open.c and login.c share.  Not for anybody else.
 *
 * connection.c carries requests and answers; connection_open.c negotiates versions; login.c proves who we are, at the
 * beginning and again before a session ends.
 */
#ifndef CLIENT_CONNECTION_INSIDE_H
#define CLIENT_CONNECTION_INSIDE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "client/connection.h"
#include "client/inbox.h"
#include "client/token.h"
#include "loop/sasl.h"
#include "loop/stream.h"
#include "wire/messages.h"

#define API_KEY_COUNT 256 /* keys from here on are not ours */

enum connection_state {
	CONNECTION_CONNECTING,
	CONNECTION_VERSIONS,
	CONNECTION_LOGIN,
	CONNECTION_READY,
	CONNECTION_RELOGIN, /* the answers under way come first, then the login; new requests wait */
	CONNECTION_CLOSED,
};

/* A login may have a request under way beside all of the owner's. */
#define REQUEST_RING_SIZE (CONNECTION_IN_FLIGHT_MAX + 2)

struct request {
	int32_t id;
	int16_t version;
	const struct api *api;
	int64_t deadline_ms;
	int64_t sent_ms;
	answer_fn *answered; /* NULL: forgotten */
	void *context;
};

struct connector {
	struct loop *loop;
	const struct cluster_config *config;
	struct tls *tls;
	struct frame_pool *frames;
	struct tokens *tokens; /* NULL without OAUTHBEARER */
	int connection_count;
};

struct connection {
	struct connector *connector;
	struct loop *loop;
	struct connection_events events;
	void *owner;
	enum connection_state state;
	struct stream *stream;
	struct inbox inbox;
	struct buffer outbox; /* the request being written */
	struct buffer held;   /* requests that wait for a login */
	struct arena scratch; /* heads, and answers to requests of our own */

	struct request requests[REQUEST_RING_SIZE]; /* a ring, in the order sent */
	int request_first, request_count;
	int held_count; /* the last so many of the ring are not sent yet: see `held` */
	int32_t id_next;
	struct timer *deadline; /* the earliest of all requests' */
	int64_t deadline_at_ms;
	struct timer *idle;
	struct timer *soon;
	int64_t used_ms, heard_ms;

	struct arena versions_arena;
	struct api_versions_response versions;
	struct {
		int16_t since, until;
	} ranges[API_KEY_COUNT]; /* since > until: none */
	bool versions_known;

	struct sasl *sasl;
	bool sasl_complete;          /* on our side */
	int64_t session_lifetime_ms; /* as the last answer said */
	struct token_wait *token_wait;
	struct timer *relogin;
	bool answered_since_ready; /* the broker took at least one request of the owner's */

	struct fault fault;
	int calls;
	bool freed;
	char host[256];
	uint16_t port;
	char peer[400];
};

/* Ends the connection; the owner is told from the loop, a little later. */
void connection_fail(struct connection *c, const struct fault *fault);
int connection_fault(struct connection *c, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* connection_send() in any state. */
int connection_put(struct connection *c, const struct api *api, int16_t version, const void *request,
		   int64_t deadline_ms, answer_fn *answered, void *context, int32_t *out_id,
		   struct fault *fault);

/* Asks for the versions; goes on with login_start(). */
void connection_ask_versions(struct connection *c);

/* Logs in, when the config wants it; goes on with connection_logged_in(), or fails the connection. */
void login_start(struct connection *c);
void login_stop(struct connection *c);

/* `lifetime_ms` until the next login is due; 0: never. */
void connection_logged_in(struct connection *c, int64_t lifetime_ms);

#endif
