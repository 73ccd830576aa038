/*
 * http.h - HTTP and HTTPS requests by libcurl, on the loop: token endpoints, schema registries, webhooks.
 *
 * Redirects are followed only to the same scheme, at most five.  Every request has a time limit and a body
 * limit.
 */
#ifndef LOOP_HTTP_H
#define LOOP_HTTP_H

#include "base/buffer.h"
#include "base/err.h"
#include "loop/loop.h"
#include "loop/tls.h"

struct http; /* one connection cache; one a client is enough */
struct http_call;

int http_new(struct loop *loop, struct http **out);
void http_free(struct http *http); /* ends all calls first, without their `done` */

struct http_request {
	const char *method; /* "GET", "POST", "PUT", "DELETE" */
	const char *url;
	const char *const *headers;      /* "Name: value"; ends with NULL; may be NULL */
	const char *username, *password; /* basic authentication; NULL for none */
	struct view body;                /* copied */
	int64_t timeout_ms;
	size_t body_size_max;          /* of the answer */
	bool stay;                     /* follow no redirect: its status is the answer */
	const struct tls_options *tls; /* NULL: the system's store, name checked */
};

struct http_reply {
	int err; /* 0 when an answer came, whatever its status; ERR_NETWORK, ERR_TIMEOUT, ERR_TLS, ERR_LIMIT
		  */
	int status;       /* 200, 404, ... */
	struct view body; /* holds until `done` returns */
	const struct fault *fault;
};

typedef void http_done(void *owner, const struct http_reply *reply);

/* Starts it.  `done` comes once, never before this returns; the call is gone after it. */
int http_send(struct http *http, const struct http_request *request, http_done *done, void *owner,
	      struct http_call **out);

/* Ends it without `done`. */
void http_cancel(struct http_call *call);

#endif
