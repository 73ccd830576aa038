/* jwks.c - public keys as identity providers publish them. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

#include "base/base64url.h"
#include "loop/jwks_inside.h"

#define NUMBER_SIZE_MAX 2048 /* bytes of a modulus: 16384 bits, past which OpenSSL uses none */
#define RSA_BITS_LEAST  2048 /* RFC 7518, section 3.3 */

static const struct curve {
	const char *name, *group;
	int nid;
	size_t size;
} curves[] = {
	{ "P-256", "prime256v1", NID_X9_62_prime256v1, 32 },
	{ "P-384", "secp384r1", NID_secp384r1, 48 },
	{ "P-521", "secp521r1", NID_secp521r1, 66 },
};

void jwks_free(struct jwks *jwks)
{
	for (int i = 0; jwks && i < jwks->count; i++) {
		EVP_PKEY_free(jwks->at[i].key);
		free(jwks->at[i].id);
		free(jwks->at[i].algorithm);
	}
	free(jwks);
}

static bool number_take(json_t *object, const char *name, struct buffer *out)
{
	json_t *text = json_object_get(object, name);

	return json_is_string(text) &&
	       base64url_take(view_of(json_string_value(text), json_string_length(text)), out) &&
	       out->size > 0;
}

static EVP_PKEY *key_from(const char *kind, OSSL_PARAM_BLD *build)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
	EVP_PKEY *key = NULL;

	if (!context || !parameters || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
		key = NULL;
	OSSL_PARAM_free(parameters);
	EVP_PKEY_CTX_free(context);
	return key;
}

static EVP_PKEY *rsa_take(json_t *object)
{
	struct buffer n, e;
	BIGNUM *modulus = NULL, *exponent = NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY *key = NULL;

	buffer_init(&n, NUMBER_SIZE_MAX + 4);
	buffer_init(&e, 16);
	if (build && number_take(object, "n", &n) && number_take(object, "e", &e)) {
		modulus = BN_bin2bn(n.at, (int)n.size, NULL);
		exponent = BN_bin2bn(e.at, (int)e.size, NULL);
	}
	/* An even exponent, or 1, makes no signature: anything would pass for one. */
	if (modulus && exponent && BN_num_bits(modulus) >= RSA_BITS_LEAST &&
	    BN_num_bits(modulus) <= NUMBER_SIZE_MAX * 8 && BN_is_odd(modulus) && BN_is_odd(exponent) &&
	    !BN_is_one(exponent) && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
		key = key_from("RSA", build);
	BN_free(modulus);
	BN_free(exponent);
	OSSL_PARAM_BLD_free(build);
	buffer_done(&n);
	buffer_done(&e);
	return key;
}

/* Left zeros may be missing, though they should not. */
static bool coordinate_put(struct buffer *point, const struct buffer *number, size_t size)
{
	static const uint8_t zeros[80];

	if (number->size > size)
		return false;
	buffer_put(point, zeros, size - number->size);
	buffer_view(point, buffer_bytes(number));
	return point->err == 0;
}

static EVP_PKEY *curve_take(json_t *object, int *nid)
{
	const char *name = json_string_value(json_object_get(object, "crv"));
	const struct curve *curve = NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	struct buffer x, y, point;
	EVP_PKEY *key = NULL;

	for (size_t i = 0; name && i < sizeof curves / sizeof *curves; i++)
		if (strcmp(name, curves[i].name) == 0)
			curve = &curves[i];
	buffer_init(&x, 80);
	buffer_init(&y, 80);
	buffer_init(&point, 160);
	buffer_put(&point, "\004", 1);
	if (curve && build && number_take(object, "x", &x) && number_take(object, "y", &y) &&
	    coordinate_put(&point, &x, curve->size) && coordinate_put(&point, &y, curve->size) &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.at, point.size) == 1) {
		key = key_from("EC", build);
		*nid = curve->nid;
	}
	OSSL_PARAM_BLD_free(build);
	buffer_done(&x);
	buffer_done(&y);
	buffer_done(&point);
	return key;
}

/* False only when memory is out. */
static bool key_take(struct jwks *jwks, json_t *object)
{
	const char *kind = json_string_value(json_object_get(object, "kty"));
	const char *use = json_string_value(json_object_get(object, "use"));
	const char *id = json_string_value(json_object_get(object, "kid"));
	const char *algorithm = json_string_value(json_object_get(object, "alg"));
	struct jwks_key *key = &jwks->at[jwks->count];

	if (!kind || jwks->count == JWKS_KEYS_MAX || (use && strcmp(use, "sig") != 0))
		return true;
	*key = (struct jwks_key){ 0 };
	if (strcmp(kind, "RSA") == 0)
		key->key = rsa_take(object);
	else if (strcmp(kind, "EC") == 0)
		key->key = curve_take(object, &key->curve);
	ERR_clear_error();
	if (!key->key)
		return true;
	jwks->count++;
	key->id = id ? strdup(id) : NULL;
	key->algorithm = algorithm ? strdup(algorithm) : NULL;
	return (key->id || !id) && (key->algorithm || !algorithm);
}

int jwks_read(struct view json, struct jwks **out, struct fault *fault)
{
	json_t *object = json_loadb(json.size ? (const char *)json.at : "", json.size, 0, NULL);
	json_t *keys = json_object_get(object, "keys");
	struct jwks *jwks = calloc(1, sizeof *jwks);
	bool ok = jwks != NULL;
	int err = 0;

	for (size_t i = 0; ok && i < json_array_size(keys); i++)
		ok = key_take(jwks, json_array_get(keys, i));
	if (!ok)
		err = fault_set(fault, ERR_MEMORY, "out of memory");
	else if (!json_is_array(keys))
		err = fault_set(fault, ERR_MALFORMED, "this is not a JSON object with an array 'keys'");
	else if (jwks->count == 0)
		err = fault_set(
			fault, ERR_MALFORMED,
			"none of the %zu keys can be used: RSA from %d bits on, and P-256, P-384, P-521 can",
			json_array_size(keys), RSA_BITS_LEAST);
	json_decref(object);
	if (err < 0) {
		jwks_free(jwks);
		return err;
	}
	*out = jwks;
	return 0;
}
