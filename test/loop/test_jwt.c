/* test_jwt.c - tokens and key sets, made by OpenSSL and then cut and bent; clocks and rules as tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/base64url.h"
#include "loop/jwks.h"
#include "loop/jwt.h"

#define NOW_MS INT64_C(1700000000000)
#define GOOD                                                                                                 \
	"{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":[\"tea\",\"kafka\"],\"iat\":1699999990,\"exp\":"          \
	"1700000060}"

static EVP_PKEY *pair;
static struct buffer key_set, token;

static void put_base64url(struct buffer *out, const uint8_t *at, size_t size)
{
	uint8_t text[2000];
	size_t end = (size_t)EVP_EncodeBlock(text, at, (int)size);

	for (size_t i = 0; i < end && text[i] != '='; i++)
		buffer_put(out, text[i] == '+' ? "-" : text[i] == '/' ? "_" : (char *)&text[i], 1);
}

static void put_number(struct buffer *out, const char *name)
{
	BIGNUM *number = NULL;
	uint8_t bytes[512];

	assert_int_equal(EVP_PKEY_get_bn_param(pair, name, &number), 1);
	put_base64url(out, bytes, (size_t)BN_bn2bin(number, bytes));
	BN_free(number);
}

/* A token of these claims, signed with RS256, or with the pair's padding of PS256. */
static void make(struct buffer *out, const char *header, const char *claims, bool pss)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how;
	uint8_t signature[512];
	size_t size = sizeof signature;

	buffer_reset(out);
	put_base64url(out, (const uint8_t *)header, strlen(header));
	buffer_text(out, ".");
	put_base64url(out, (const uint8_t *)claims, strlen(claims));
	assert_int_equal(EVP_DigestSignInit(context, &how, EVP_sha256(), NULL, pair), 1);
	if (pss) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(EVP_DigestSign(context, signature, &size, out->at, out->size), 1);
	EVP_MD_CTX_free(context);
	buffer_text(out, ".");
	put_base64url(out, signature, size);
}

static int set_up(void **state)
{
	(void)state;
	pair = EVP_RSA_gen(2048);
	buffer_init(&key_set, 10000);
	buffer_init(&token, 10000);
	buffer_text(&key_set, "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"one\",\"use\":\"sig\",\"n\":\"");
	put_number(&key_set, OSSL_PKEY_PARAM_RSA_N);
	buffer_text(&key_set, "\",\"e\":\"");
	put_number(&key_set, OSSL_PKEY_PARAM_RSA_E);
	buffer_text(&key_set, "\"}]}");
	make(&token, "{\"alg\":\"RS256\",\"kid\":\"one\"}", GOOD, false);
	return pair ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(pair);
	buffer_done(&key_set);
	buffer_done(&token);
	return 0;
}

/* Read, verified and judged, from an allocation of its own. */
static int enter(struct view text, const struct jwks *keys, const struct jwt_rules *rules,
		 struct fault *fault)
{
	uint8_t *copy = malloc(text.size ? text.size : 1);
	struct jwt_facts facts;
	struct jwt jwt;
	int err;

	assert_non_null(copy);
	if (text.size)
		memcpy(copy, text.at, text.size);
	err = jwt_read(view_of(copy, text.size), &jwt, fault);
	if (err == 0) {
		err = keys ? jwt_verify(&jwt, keys, fault) : 0;
		if (err == 0)
			err = jwt_judge(&jwt, rules, NOW_MS, &facts, fault);
		if (err == 0) {
			assert_true(view_is(facts.subject, "alice"));
			assert_true(facts.expires_ms >= NOW_MS - rules->skew_ms);
		}
		jwt_done(&jwt);
	}
	free(copy);
	return err;
}

static const struct view audiences[] = { VIEW_LITERAL("other"), VIEW_LITERAL("kafka") };
static const struct jwt_rules strict = {
	.issuer = "us",
	.audiences = audiences,
	.audience_count = 2,
	.skew_ms = 5000,
	.subject_claim = "sub",
	.scope_claim = "scope",
	.issued_at_required = true,
};

static struct jwks *keys_of(struct view text)
{
	struct jwks *keys = NULL;
	struct fault fault;

	assert_int_equal(jwks_read(text, &keys, &fault), 0);
	return keys;
}

static void base64_of_urls(void **state)
{
	static const struct {
		const char *text, *bytes; /* NULL: none */
	} all[] = {
		{ "", "" },        { "Zg", "f" },        { "Zm8", "fo" },
		{ "Zm9v", "foo" }, { "Zm9vYg", "foob" }, { "-_-_", "\xfb\xff\xbf" },
		{ "Z", NULL },     { "Zg==", NULL },     { "Zm9v+", NULL },
		{ "Zm9 v", NULL }, { "Zm9vY", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct buffer out;

		buffer_init(&out, 100);
		assert_int_equal(base64url_take(view_text(all[i].text), &out), all[i].bytes != NULL);
		if (all[i].bytes)
			assert_string_equal(buffer_string(&out), all[i].bytes);
		buffer_done(&out);
	}
}

static void a_signed_token_comes_in_and_no_other(void **state)
{
	struct jwks *keys = keys_of(buffer_bytes(&key_set));
	struct fault fault;
	struct buffer other;

	(void)state;
	buffer_init(&other, 10000);
	assert_int_equal(enter(buffer_bytes(&token), keys, &strict, &fault), 0);
	make(&other, "{\"alg\":\"PS256\"}", GOOD, true);
	assert_int_equal(enter(buffer_bytes(&other), keys, &strict, &fault), 0);
	make(&other, "{\"alg\":\"PS256\",\"kid\":\"one\"}", GOOD, false);
	assert_int_equal(enter(buffer_bytes(&other), keys, &strict, &fault), ERR_LOGIN);
	make(&other, "{\"alg\":\"RS256\",\"kid\":\"two\"}", GOOD, false);
	assert_int_equal(enter(buffer_bytes(&other), keys, &strict, &fault), ERR_NOT_FOUND);
	make(&other, "{\"alg\":\"HS256\",\"kid\":\"one\"}", GOOD, false);
	assert_int_equal(enter(buffer_bytes(&other), keys, &strict, &fault), ERR_LOGIN);
	make(&other, "{\"alg\":\"none\"}", GOOD, false);
	assert_int_equal(enter(buffer_bytes(&other), keys, &strict, &fault), ERR_LOGIN);
	make(&other, "{\"alg\":\"RS256\",\"crit\":[]}", GOOD, false);
	assert_int_equal(enter(buffer_bytes(&other), keys, &strict, &fault), ERR_MALFORMED);
	buffer_done(&other);
	jwks_free(keys);
}

static void no_bent_token_comes_in(void **state)
{
	struct jwks *keys = keys_of(buffer_bytes(&key_set));
	struct fault fault;
	uint8_t bent[2000];

	(void)state;
	assert_true(token.size < sizeof bent);
	for (size_t size = 0; size < token.size; size++)
		assert_true(enter(view_of(token.at, size), keys, &strict, &fault) < 0);
	for (size_t at = 0; at < token.size; at++) {
		memcpy(bent, token.at, token.size);
		bent[at] ^= 0x10;
		/* The last letter of a signature holds bits that belong to nothing. */
		if (at + 1 < token.size)
			assert_true(enter(view_of(bent, token.size), keys, &strict, &fault) < 0);
	}
	jwks_free(keys);
}

static void claims_by_rules(void **state)
{
	static const struct {
		const char *claims, *words; /* NULL: good */
	} all[] = {
		{ GOOD, NULL },
		/* The same user, and not one of whom no rule knows. */
		{ "{\"sub\":\" alice\\t\",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1,\"exp\":1700000060}",
		  NULL },
		{ "{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1,\"exp\":1699999996.5}",
		  NULL },
		{ "{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1,\"exp\":1699999995}",
		  "ended 5 s ago" },
		{ "{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1,\"nbf\":1700000005,\"exp\":"
		  "1700000060}",
		  NULL },
		{ "{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1,\"nbf\":1700000006,\"exp\":"
		  "1700000060}",
		  "begins" },
		{ "{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1700000061,\"exp\":"
		  "1700000060}",
		  "ends before" },
		{ "{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":\"kafka\",\"exp\":1700000060}", "(iat)" },
		{ "{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":-1,\"exp\":1700000060}",
		  "(iat)" },
		{ "{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1,\"exp\":1e30}", "(exp)" },
		{ "{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1}", "(exp)" },
		{ "{\"sub\":\"alice\",\"iss\":\"them\",\"aud\":\"kafka\",\"iat\":1,\"exp\":1700000060}",
		  "(iss)" },
		{ "{\"sub\":\"alice\",\"aud\":\"kafka\",\"iat\":1,\"exp\":1700000060}", "(iss)" },
		{ "{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":\"kafk\",\"iat\":1,\"exp\":1700000060}",
		  "(aud)" },
		{ "{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":[[\"kafka\"]],\"iat\":1,\"exp\":1700000060}",
		  "(aud)" },
		{ "{\"sub\":\" \",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1,\"exp\":1700000060}", "(sub)" },
		{ "{\"sub\":[],\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1,\"exp\":1700000060}", "(sub)" },
		{ "{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1,\"exp\":1700000060,"
		  "\"scope\":[\"\"]}",
		  "(scope)" },
		{ "{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1,\"exp\":1700000060,"
		  "\"scope\":{}}",
		  "(scope)" },
		{ "{\"sub\":\"alice\",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1,\"exp\":1700000060,"
		  "\"scope\":[\"a\",\"b\"]}",
		  NULL },
		{ "{\"sub\":\"a\\u0000b\",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1,\"exp\":1700000060}",
		  "not a token" },
		{ "{\"sub\":\"alice\",\"sub\":\"bob\",\"iss\":\"us\",\"aud\":\"kafka\",\"iat\":1,\"exp\":"
		  "1700000060}",
		  "not a token" },
		{ "[]", "not a token" },
		{ "", "not a token" },
	};
	struct buffer made;

	(void)state;
	buffer_init(&made, 10000);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct fault fault = { 0 };

		make(&made, "{\"alg\":\"RS256\"}", all[i].claims, false);
		assert_int_equal(enter(buffer_bytes(&made), NULL, &strict, &fault) < 0, all[i].words != NULL);
		if (all[i].words)
			assert_non_null(strstr(fault.text, all[i].words));
	}
	buffer_done(&made);
}

static void keys_that_are_none(void **state)
{
	static const char *const all[] = {
		"",
		"hello",
		"[]",
		"{}",
		"{\"keys\":{}}",
		"{\"keys\":[]}",
		"{\"keys\":[1,\"a\",null,{},[]]}",
		"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
		"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", /* far too small */
		"{\"keys\":[{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"\"}]}",
		"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQ\",\"y\":\"AQ\"}]}", /* on no curve */
		"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-1\",\"x\":\"AQ\",\"y\":\"AQ\"}]}",
		"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\",\"y\":\"AQ\"}]}",
	};
	struct jwks *keys;

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		assert_int_equal(jwks_read(view_text(all[i]), &keys, NULL), ERR_MALFORMED);
	for (size_t size = 0; size < key_set.size; size++)
		assert_int_equal(jwks_read(view_of(key_set.at, size), &keys, NULL), ERR_MALFORMED);
	jwks_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_of_urls),
		cmocka_unit_test(a_signed_token_comes_in_and_no_other),
		cmocka_unit_test(no_bent_token_comes_in),
		cmocka_unit_test(claims_by_rules),
		cmocka_unit_test(keys_that_are_none),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
