/* jwks_inside.h - the keys themselves, for those who verify with them. */
#ifndef LOOP_JWKS_INSIDE_H
#define LOOP_JWKS_INSIDE_H

#include <openssl/types.h>

#include "loop/jwks.h"

#define JWKS_KEYS_MAX 100

struct jwks_key {
	char *id;        /* NULL: it has none */
	char *algorithm; /* the only one it may be used for; NULL: any that fits */
	EVP_PKEY *key;
	int curve; /* a NID, 0 for RSA */
};

struct jwks {
	struct jwks_key at[JWKS_KEYS_MAX];
	int count;
};

#endif
