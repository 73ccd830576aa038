/*
 * principal.h - who we are to a cluster's authorizer, as far as a client can know.
 *
 * No request tells.  What Kafka's own rule makes of each kind of login can be worked out; a cluster with a principal
 * builder or mapping rules of its own makes something else of it.  So this is a guess with a reason, to be shown and to be
 * tried (client/canary.h: a deny for the right name is felt), never to be relied on.
 */
#ifndef CLIENT_PRINCIPAL_H
#define CLIENT_PRINCIPAL_H

#include "client/config.h"

/*
 * Appends "User:alice", "User:ANONYMOUS", "User:CN=client,O=Shop".  ERR_UNSUPPORTED with the reason where nothing can be
 * known (a token's subject).
 */
int principal_guess(const struct cluster_config *config, struct buffer *out, struct fault *fault);

#endif
