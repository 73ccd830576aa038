/* jwt.c - signed tokens: read, verified by OpenSSL, judged. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>

#include "base/base64url.h"
#include "base/text.h"
#include "loop/jwks_inside.h"
#include "loop/jwt.h"

#define SECONDS_MOST 1e11 /* the year 5138; what lies past it is no time */

static const struct algorithm {
	const char *name, *hash;
	bool pss;
	int curve;        /* 0: RSA */
	size_t half_size; /* of a curve's signature */
} algorithms[] = {
	{ "RS256", "SHA256", false, 0, 0 },
	{ "RS384", "SHA384", false, 0, 0 },
	{ "RS512", "SHA512", false, 0, 0 },
	{ "PS256", "SHA256", true, 0, 0 },
	{ "PS384", "SHA384", true, 0, 0 },
	{ "PS512", "SHA512", true, 0, 0 },
	{ "ES256", "SHA256", false, NID_X9_62_prime256v1, 32 },
	{ "ES384", "SHA384", false, NID_secp384r1, 48 },
	{ "ES512", "SHA512", false, NID_secp521r1, 66 },
};

/* ---- reading -------------------------------------------------------------------------------------------------------------- */

/* Up to the next dot, and past it; null when there is no dot. */
static struct view take_part(struct view *rest)
{
	const uint8_t *dot = rest->size ? memchr(rest->at, '.', rest->size) : NULL;
	struct view part;

	if (!dot)
		return VIEW_NULL;
	part = view_of(rest->at, (size_t)(dot - rest->at));
	*rest = view_of(dot + 1, rest->size - part.size - 1);
	return part;
}

static json_t *object_of(struct view part)
{
	struct buffer text;
	json_t *object = NULL;

	buffer_init(&text, JWT_SIZE_MAX);
	if (part.size > 0 && base64url_take(part, &text))
		object = json_loadb((const char *)text.at, text.size, JSON_REJECT_DUPLICATES, NULL);
	buffer_done(&text);
	if (json_is_object(object))
		return object;
	json_decref(object);
	return NULL;
}

int jwt_read(struct view token, struct jwt *out, struct fault *fault)
{
	struct view rest = token, header = take_part(&rest), claims = take_part(&rest);
	struct jwt jwt = { 0 };
	bool ok = token.size <= JWT_SIZE_MAX && header.at && claims.at;

	buffer_init(&jwt.signature, JWT_SIZE_MAX);
	if (ok) {
		jwt.header = object_of(header);
		jwt.claims = object_of(claims);
		jwt.algorithm = json_string_value(json_object_get(jwt.header, "alg"));
		jwt.key_id = json_string_value(json_object_get(jwt.header, "kid"));
		jwt.signed_part = view_of(token.at, header.size + 1 + claims.size);
		/* `crit` names extensions that must be understood; there are none here. */
		ok = jwt.claims && jwt.algorithm && !json_object_get(jwt.header, "crit") &&
		     base64url_take(rest, &jwt.signature);
	}
	if (!ok) {
		jwt_done(&jwt);
		return fault_set(
			fault, ERR_MALFORMED,
			"this is not a token: three parts of base64url with dots between them, the first two "
			"JSON objects, no more than %d bytes",
			JWT_SIZE_MAX);
	}
	*out = jwt;
	return 0;
}

void jwt_done(struct jwt *jwt)
{
	json_decref(jwt->header);
	json_decref(jwt->claims);
	jwt->header = jwt->claims = NULL;
	buffer_done(&jwt->signature);
}

bool jwt_is_unsecured(const struct jwt *jwt)
{
	return strcmp(jwt->algorithm, "none") == 0 && jwt->signature.size == 0;
}

/* ---- signatures ----------------------------------------------------------------------------------------------------------- */

/* The two numbers of a curve's signature as OpenSSL wants them.  NULL when they are not there; freed with OPENSSL_free(). */
static uint8_t *der_of(const struct algorithm *algorithm, struct view signature, size_t *size)
{
	ECDSA_SIG *pair;
	BIGNUM *r, *s;
	uint8_t *der = NULL;
	int der_size;

	if (signature.size != 2 * algorithm->half_size)
		return NULL;
	pair = ECDSA_SIG_new();
	r = BN_bin2bn(signature.at, (int)algorithm->half_size, NULL);
	s = BN_bin2bn(signature.at + algorithm->half_size, (int)algorithm->half_size, NULL);
	if (!pair || !r || !s || ECDSA_SIG_set0(pair, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		ECDSA_SIG_free(pair);
		return NULL;
	}
	der_size = i2d_ECDSA_SIG(pair, &der);
	ECDSA_SIG_free(pair);
	*size = der_size > 0 ? (size_t)der_size : 0;
	return der_size > 0 ? der : NULL;
}

static bool signed_by(const struct jwt *jwt, const struct algorithm *algorithm, EVP_PKEY *key)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how = NULL;
	struct view signature = buffer_bytes(&jwt->signature);
	uint8_t *der = NULL;
	bool ok = context != NULL;

	if (ok && algorithm->curve) {
		size_t size = 0;

		der = der_of(algorithm, signature, &size);
		signature = view_of(der, size);
		ok = der != NULL;
	}
	ok = ok && EVP_DigestVerifyInit_ex(context, &how, algorithm->hash, NULL, NULL, key, NULL) == 1;
	if (ok && algorithm->pss)
		ok = EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && signature.size > 0 &&
	     EVP_DigestVerify(context, signature.at, signature.size, jwt->signed_part.at,
			      jwt->signed_part.size) == 1;
	OPENSSL_free(der);
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return ok;
}

int jwt_verify(const struct jwt *jwt, const struct jwks *jwks, struct fault *fault)
{
	const struct algorithm *algorithm = NULL;
	bool asked = false;

	for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
		if (strcmp(jwt->algorithm, algorithms[i].name) == 0)
			algorithm = &algorithms[i];
	if (!algorithm)
		return fault_set(fault, ERR_LOGIN,
				 strcmp(jwt->algorithm, "none") == 0
					 ? "nobody has signed the token (alg: none)"
					 : "the token is signed in a way that is not taken here; RS, PS and "
					   "ES with 256, 384 "
					   "and 512 are");
	for (int i = 0; i < jwks->count; i++) {
		const struct jwks_key *key = &jwks->at[i];

		if ((jwt->key_id && (!key->id || strcmp(key->id, jwt->key_id) != 0)) ||
		    key->curve != algorithm->curve ||
		    (key->algorithm && strcmp(key->algorithm, algorithm->name) != 0))
			continue;
		asked = true;
		if (signed_by(jwt, algorithm, key->key))
			return 0;
	}
	return asked ? fault_set(fault, ERR_LOGIN,
				 "the signature of the token is not that of the key it names")
		     : fault_set(fault, ERR_NOT_FOUND, "there is no key by which the token could be signed");
}

/* ---- claims --------------------------------------------------------------------------------------------------------------- */

/* A time as claims have it, in seconds.  1, 0 when it is not there, negative for what is no time. */
static int time_take(const struct jwt *jwt, const char *name, int64_t *ms)
{
	json_t *value = json_object_get(jwt->claims, name);
	double seconds = json_number_value(value);

	if (!value)
		return 0;
	if (!json_is_number(value) || !(seconds >= 0 && seconds <= SECONDS_MOST))
		return ERR_MALFORMED;
	*ms = (int64_t)(seconds * 1000);
	return 1;
}

static int judge_times(const struct jwt *jwt, const struct jwt_rules *rules, int64_t now_ms,
		       int64_t *expires_ms, struct fault *fault)
{
	int64_t expires = 0, begins = 0, issued = 0;
	int has_begin = time_take(jwt, "nbf", &begins), has_issue = time_take(jwt, "iat", &issued);

	if (time_take(jwt, "exp", &expires) != 1)
		return fault_set(fault, ERR_LOGIN, "the token does not say when it ends (exp)");
	if (has_begin < 0 || has_issue < 0 || (has_issue == 0 && rules->issued_at_required))
		return fault_set(fault, ERR_LOGIN,
				 "the token does not say when it was issued (iat), or says what is no time");
	if (now_ms - rules->skew_ms >= expires)
		return fault_set(fault, ERR_LOGIN, "the token ended %lld s ago",
				 (long long)(now_ms - expires) / 1000);
	if (has_begin && now_ms + rules->skew_ms < begins)
		return fault_set(fault, ERR_LOGIN, "the token begins in %lld s only",
				 (long long)(begins - now_ms) / 1000);
	if ((has_issue && expires < issued) || (has_begin && expires < begins))
		return fault_set(fault, ERR_LOGIN, "the token ends before it begins");
	if (!rules->issued_at_required && has_issue && issued > now_ms + rules->skew_ms)
		return fault_set(fault, ERR_LOGIN, "the token was issued in the future");
	*expires_ms = expires;
	return 0;
}

static bool is_expected(const struct jwt_rules *rules, json_t *audience)
{
	for (int i = 0; json_is_string(audience) && i < rules->audience_count; i++)
		if (view_equal(view_of(json_string_value(audience), json_string_length(audience)),
			       rules->audiences[i]))
			return true;
	return false;
}

static bool is_meant_for_us(const struct jwt *jwt, const struct jwt_rules *rules)
{
	json_t *audience = json_object_get(jwt->claims, "aud");
	bool ok = rules->audience_count == 0 || is_expected(rules, audience);

	for (size_t i = 0; !ok && i < json_array_size(audience); i++)
		ok = is_expected(rules, json_array_get(audience, i));
	return ok;
}

static bool is_word(json_t *value)
{
	return json_is_string(value) &&
	       text_trim(view_of(json_string_value(value), json_string_length(value))).size > 0;
}

/* Scopes are one text or many; they give no right here, but nonsense in their place is not a token of that provider. */
static bool has_sane_scopes(const struct jwt *jwt, const struct jwt_rules *rules)
{
	json_t *scopes = json_object_get(jwt->claims, rules->scope_claim);
	bool ok = !scopes || is_word(scopes) || json_is_array(scopes);

	for (size_t i = 0; ok && i < json_array_size(scopes); i++)
		ok = is_word(json_array_get(scopes, i));
	return ok;
}

int jwt_judge(const struct jwt *jwt, const struct jwt_rules *rules, int64_t now_ms, struct jwt_facts *out,
	      struct fault *fault)
{
	json_t *issuer = json_object_get(jwt->claims, "iss");
	json_t *subject = json_object_get(jwt->claims, rules->subject_claim);
	int64_t expires_ms = 0;
	int err = judge_times(jwt, rules, now_ms, &expires_ms, fault);

	if (err < 0)
		return err;
	if (rules->issuer &&
	    (!json_is_string(issuer) || strcmp(json_string_value(issuer), rules->issuer) != 0))
		return fault_set(fault, ERR_LOGIN, "the token is not of the expected issuer (iss)");
	if (!is_meant_for_us(jwt, rules))
		return fault_set(fault, ERR_LOGIN, "the token is meant for somebody else (aud)");
	if (!is_word(subject))
		return fault_set(fault, ERR_LOGIN, "the token names nobody (%s)", rules->subject_claim);
	if (!has_sane_scopes(jwt, rules))
		return fault_set(fault, ERR_LOGIN, "the scopes of the token (%s) are no words",
				 rules->scope_claim);
	out->subject = text_trim(view_of(json_string_value(subject), json_string_length(subject)));
	out->expires_ms = expires_ms;
	return 0;
}
