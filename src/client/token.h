/*
 * token.h - OAUTHBEARER tokens: from a file, a command, or a token endpoint (OIDC client credentials).
 *
 * A token is fetched when a login needs it and kept while the source said that it is good.  Logins that come together
 * wait for the same fetch.
 */
#ifndef CLIENT_TOKEN_H
#define CLIENT_TOKEN_H

#include "client/config.h"
#include "loop/loop.h"

struct tokens;
struct token_wait;

int tokens_new(struct loop *loop, const struct cluster_config *config, struct tokens **out);
void tokens_free(struct tokens *tokens); /* nobody waits any more */

/* `token` holds until it returns; NULL exactly when `fault` is set (ERR_LOGIN, ERR_NETWORK, ERR_TIMEOUT, ...). */
typedef void token_fn(void *owner, const char *token, const struct fault *fault);

/* `done` comes once, never before this returns. */
int token_ask(struct tokens *tokens, token_fn *done, void *owner, struct token_wait **out);
void token_forget(struct token_wait *wait); /* NULL is silent; not after `done` */

#endif
