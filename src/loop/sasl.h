/*
 * sasl.h - one side of a SASL exchange: bytes in, bytes out, no socket.
 *
 * PLAIN and GSSAPI come from GNU SASL; SCRAM-SHA-256, SCRAM-SHA-512 (RFC 5802, RFC 7677) and OAUTHBEARER (RFC
 * 7628) are ours, since GNU SASL knows neither SHA-512 nor OAUTHBEARER.
 */
#ifndef LOOP_SASL_H
#define LOOP_SASL_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/err.h"

struct sasl;

/* What the exchange needs; texts are copied. */
struct sasl_options {
	const char *mechanism; /* "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI" */
	const char *username, *password;
	const char *authorization_id; /* PLAIN and OAUTHBEARER; NULL for none */
	const char *token;            /* OAUTHBEARER */
	const char *extensions; /* OAUTHBEARER: "logicalCluster=lkc-1,identityPoolId=pool-1"; NULL for none */
	const char *service, *host; /* GSSAPI: "kafka", and the broker's name */
};

/*
 * GSSAPI: from now on the credentials of this process are those of `keytab` (its first principal), not a ticket cache
 * of the user's, which stays as it is.  The Kerberos library takes both from the environment; so call this before there
 * are threads, and expect ERR_CONFIG for a second, different keytab.
 */
int sasl_use_keytab(const char *keytab, struct fault *fault);

/* True when this build can speak `mechanism`. */
bool sasl_knows(const char *mechanism);

/* The client's side.  ERR_UNSUPPORTED, ERR_LOGIN (something is missing), with a sentence. */
int sasl_client_new(const struct sasl_options *options, struct sasl **out, struct fault *fault);
void sasl_free(struct sasl *sasl);

/*
 * Takes what the other side said (empty at the first step) and appends the answer to `out`.  Returns 1 when
 * the exchange is complete on our side, 0 when another message must come, or ERR_LOGIN (the other side could
 * not prove that it knows the password, or said no), ERR_MALFORMED.  No secret is put into the fault.
 */
int sasl_step(struct sasl *sasl, struct view in, struct buffer *out, struct fault *fault);

#endif
