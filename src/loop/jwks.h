/*
 * jwks.h - public keys as identity providers publish them (RFC 7517): a JSON object with an array `keys`.
 *
 * RSA keys from 2048 bits on and the curves P-256, P-384, P-521.  What is not meant for signatures, or is of another kind, is
 * passed over: providers publish such keys beside the others.  Secret keys (`oct`) are passed over as well: a signature that
 * whoever checks it can make proves nothing here.
 */
#ifndef LOOP_JWKS_H
#define LOOP_JWKS_H

#include "base/err.h"
#include "base/view.h"

struct jwks;

/* ERR_MALFORMED when it is no such object or holds no key that can be used; ERR_MEMORY. */
int jwks_read(struct view json, struct jwks **out, struct fault *fault);
void jwks_free(struct jwks *jwks); /* NULL is silent */

#endif
