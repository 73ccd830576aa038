/*
 * jwt.h - signed tokens (RFC 7519 in the compact form of RFC 7515): read, checked against keys, judged by rules.
 *
 *	base64url(header) . base64url(claims) . base64url(signature)
 *
 * RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512.  The algorithm is the token's word, and so it is only taken
 * where the key is of its kind: a public key never serves as a secret one.  `none` is read and never verified.
 * No clock and no socket; no part of a token is put into a fault but claims that a key has vouched for.
 */
#ifndef LOOP_JWT_H
#define LOOP_JWT_H

#include "base/buffer.h"
#include "base/err.h"

struct jwks;
struct json_t;

#define JWT_SIZE_MAX 65536

struct jwt {
	struct json_t *header, *claims;
	const char *algorithm, *key_id; /* key_id may be NULL */
	struct view signed_part;        /* of the caller's token */
	struct buffer signature;
};

/* `out` holds as long as `token` does.  ERR_MALFORMED with nothing to release. */
int jwt_read(struct view token, struct jwt *out, struct fault *fault);
void jwt_done(struct jwt *jwt);

/* True for `alg: none` with an empty signature: nobody has signed it. */
bool jwt_is_unsecured(const struct jwt *jwt);

/* 0 when one of the keys has signed it.  ERR_NOT_FOUND when none is the one it names: newer keys may have it.  ERR_LOGIN. */
int jwt_verify(const struct jwt *jwt, const struct jwks *jwks, struct fault *fault);

struct jwt_rules {
	const char *issuer;           /* NULL: any */
	const struct view *audiences; /* one of them must be meant */
	int audience_count;           /* 0: any */
	int64_t skew_ms;              /* clocks may differ by this */
	const char *subject_claim, *scope_claim;
	bool issued_at_required; /* else it may be missing, and may not lie ahead */
};

struct jwt_facts {
	struct view subject; /* of the jwt, without blanks around it */
	int64_t expires_ms;  /* since 1970 */
};

/* Are the claims good at `now_ms` (since 1970)?  ERR_LOGIN with what is wrong. */
int jwt_judge(const struct jwt *jwt, const struct jwt_rules *rules, int64_t now_ms, struct jwt_facts *out,
	      struct fault *fault);

#endif
