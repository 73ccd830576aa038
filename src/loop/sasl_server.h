/*
 * sasl_server.h - the accepting side of a SASL exchange: bytes in, bytes out, no socket and no users of its own.
 *
 * PLAIN (RFC 4616), SCRAM-SHA-256, SCRAM-SHA-512 (RFC 5802, RFC 7677) without channel binding, and OAUTHBEARER (RFC 7628).
 * Whoever owns the users is asked by functions.  What a peer sends is limited by its owner's frames; nothing of it is kept past the exchange but
 * the name.
 */
#ifndef LOOP_SASL_SERVER_H
#define LOOP_SASL_SERVER_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/err.h"
#include "base/view.h"

#define SCRAM_KEY_SIZE_MAX 64

/* What is kept of a password: it lets nobody in by itself. */
struct scram_credential {
	uint8_t salt[256];
	size_t salt_size;
	int iterations;
	uint8_t stored_key[SCRAM_KEY_SIZE_MAX], server_key[SCRAM_KEY_SIZE_MAX];
	size_t key_size;
};

struct sasl_server_options {
	const char *mechanism; /* "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER" */
	/* Is this the user's password?  In the same time whatever of it is wrong. */
	bool (*plain)(void *context, struct view user, struct view password);
	/* False when there is no such user. */
	bool (*scram)(void *context, struct view user, struct scram_credential *out);
	/* Whose token is this?  False when it is good for nobody. */
	bool (*bearer)(void *context, struct view token, struct buffer *user);
	void *context;
};

struct sasl_server;

bool sasl_server_knows(const char *mechanism);
/* ERR_UNSUPPORTED, ERR_MEMORY. */
int sasl_server_new(const struct sasl_server_options *options, struct sasl_server **out);
void sasl_server_free(struct sasl_server *server); /* NULL is silent */

/*
 * Takes what the peer said and appends the answer.  1 when the peer has proved who it is, 0 when it must say more,
 * ERR_LOGIN when it cannot come in, ERR_MALFORMED.  `fault` has a sentence for the peer: nothing in it tells a wrong name
 * from a wrong password.
 *
 * A refused token is an answer of its own, 0 and a JSON object; only when the client has said that it saw it (a byte 1)
 * comes ERR_LOGIN, with that object as its sentence (RFC 7628, section 3.2.3).
 */
int sasl_server_step(struct sasl_server *server, struct view in, struct buffer *out, struct fault *fault);

/* Who it is, once step() has returned 1. */
struct view sasl_server_user(const struct sasl_server *server);

/* The keys that belong to a salted password (of the hash's size), or to a password.  False for what is no such mechanism. */
bool scram_credential_of_salted(const char *mechanism, struct view salted, struct view salt, int iterations,
				struct scram_credential *out);
bool scram_credential_of_password(const char *mechanism, struct view password, struct view salt,
				  int iterations, struct scram_credential *out);

#endif
