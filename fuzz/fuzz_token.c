/*
 * fuzz_token.c - what a client says in a login by token, and what a provider publishes as its keys.
 *
 * The first byte chooses: a whole OAUTHBEARER message, a token, or a key set.  A token that no key has signed never comes in:
 * the keys here have signed none.  A key set is read twice, to the same count, and holds no more keys than it may.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>

#include "loop/jwks_inside.h"
#include "loop/jwt.h"
#include "loop/sasl_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_MS INT64_C(1700000000000)

static const struct view audiences[] = { VIEW_LITERAL("a"), VIEW_LITERAL("b") };
static const struct jwt_rules rules[] = {
	{ .issuer = "i",
	  .audiences = audiences,
	  .audience_count = 2,
	  .skew_ms = 1000,
	  .subject_claim = "sub",
	  .scope_claim = "scope",
	  .issued_at_required = true },
	{ .subject_claim = "sub", .scope_claim = "scope" },
};

/* Keys of each kind, whose other halves nobody has. */
static const struct jwks *keys(void)
{
	static struct jwks all = { .count = 3 };
	static char id[] = "c";

	if (!all.at[0].key) {
		all.at[0].key = EVP_RSA_gen(2048);
		all.at[1].key = EVP_EC_gen("P-256");
		all.at[1].curve = NID_X9_62_prime256v1;
		all.at[2].key = EVP_EC_gen("P-384");
		all.at[2].curve = NID_secp384r1;
		all.at[2].id = id;
	}
	return &all;
}

static bool judge(void *context, struct view token, struct buffer *user)
{
	struct jwt_facts facts;
	struct jwt jwt;
	bool ok = false;

	if (jwt_read(token, &jwt, NULL) < 0)
		return false;
	assert(jwt_verify(&jwt, keys(), NULL) < 0);
	assert(!jwt_is_unsecured(&jwt) || jwt.signature.size == 0);
	for (int i = 0; i < 2; i++) {
		int err = jwt_judge(&jwt, &rules[i], NOW_MS, &facts, NULL);

		assert(err == 0 || err == ERR_LOGIN);
		if (err == 0) {
			assert(facts.subject.size > 0 && facts.expires_ms > NOW_MS - rules[i].skew_ms);
			ok = true;
		}
	}
	if (ok && user)
		buffer_view(user, facts.subject);
	jwt_done(&jwt);
	return ok;
}

/* Bytes and answers up to the end of the exchange; a newline ends a message. */
static void converse(struct view said)
{
	struct sasl_server_options options = { .mechanism = "OAUTHBEARER", .bearer = judge };
	struct sasl_server *server;
	int result = 0;

	if (sasl_server_new(&options, &server) < 0)
		abort();
	for (int i = 0; i < 4; i++) {
		const uint8_t *end = said.size ? memchr(said.at, '\n', said.size) : NULL;
		size_t part = end ? (size_t)(end - said.at) : said.size;
		struct buffer out;
		int now;

		buffer_init(&out, 1000);
		now = sasl_server_step(server, view_of(said.at, part), &out, NULL);
		assert(result == 0 || now < 0); /* what has ended stays so */
		assert(now != 1 || sasl_server_user(server).size > 0);
		buffer_done(&out);
		result = now;
		said = end ? view_of(end + 1, said.size - part - 1) : view_of(said.at, 0);
	}
	sasl_server_free(server);
}

static void read_keys(struct view text)
{
	struct jwks *one, *other;

	if (jwks_read(text, &one, NULL) < 0)
		return;
	assert(one->count > 0 && one->count <= JWKS_KEYS_MAX);
	if (jwks_read(text, &other, NULL) < 0)
		abort();
	assert(one->count == other->count);
	for (int i = 0; i < one->count; i++)
		assert(EVP_PKEY_eq(one->at[i].key, other->at[i].key) == 1);
	jwks_free(one);
	jwks_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view rest = view_of(data + 1, size ? size - 1 : 0);

	if (size == 0)
		return 0;
	switch (data[0] % 3) {
	case 0: converse(rest); break;
	case 1: judge(NULL, rest, NULL); break;
	default: read_keys(rest);
	}
	return 0;
}
