/*
 * bearer.h - whose token is this?  OAUTHBEARER at one listener (KIP-255, KIP-768), by Kafka's properties.
 *
 * With sasl.oauthbearer.jwks.endpoint.url a token must be signed by one of the keys there.  Tokens that nobody signed are
 * believed only where the callback handler that does so is named: Kafka takes it when none is named, and here forgetting a
 * property does not open a door.
 */
#ifndef BROKER_BEARER_H
#define BROKER_BEARER_H

#include "broker/entrance.h"

struct bearer;

/* ERR_CONFIG with a sentence; it waits for keys. */
int bearer_new(const struct entrance *entrance, struct bearer **out, struct fault *fault);
void bearer_free(struct bearer *bearer); /* NULL is silent */

/* 0 with the user's name in `user` and when the token ends (since 1970); else an error, and `fault` for our own log. */
int bearer_judge(struct bearer *bearer, struct view token, struct buffer *user, int64_t *expires_ms,
		 struct fault *fault);

#endif
