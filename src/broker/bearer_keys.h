/*
 * bearer_keys.h - the public keys by which tokens are believed: read from where they are published, again now and then.
 *
 * The first ones must be there before the broker opens, as with Kafka. After that the old ones hold until newer ones have
 * come: an identity provider that is down for a while locks nobody out. A token that names a key which is not there has
 * them asked for at once, but not more often than each BEARER_KEYS_EARLY_MS.
 */
#ifndef BROKER_BEARER_KEYS_H
#define BROKER_BEARER_KEYS_H

#include "base/err.h"
#include "loop/loop.h"

#define BEARER_KEYS_EARLY_MS 10000

struct jwks;

struct bearer_keys_options {
	const char *url;     /* http, https or file; it must outlive the keys, as must the next */
	const char *ca_file; /* PEM; NULL: the system's store */
	int64_t refresh_ms, retry_ms, retry_most_ms;
	int64_t early_ms; /* BEARER_KEYS_EARLY_MS */
};

struct bearer_keys;

/* Waits for the first keys, on the loop.  ERR_CONFIG and others, with a sentence that names the address. */
int bearer_keys_new(struct loop *loop, const struct bearer_keys_options *options, struct bearer_keys **out,
		    struct fault *fault);
void bearer_keys_free(struct bearer_keys *keys); /* NULL is silent */

const struct jwks *bearer_keys_now(const struct bearer_keys *keys);

/* A key was looked for and not found: perhaps there are newer ones. */
void bearer_keys_missing(struct bearer_keys *keys);

#endif
