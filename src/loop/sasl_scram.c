/*
 * sasl_scram.c - SCRAM-SHA-256 and SCRAM-SHA-512, the client's side (RFC 5802, RFC 7677), without channel binding.
 *
 *	client-first	n,,n=user,r=NONCE
 *	server-first	r=NONCE+THEIRS,s=salt,i=iterations
 *	client-final	c=biws,r=NONCE+THEIRS,p=proof
 *	server-final	v=signature			or e=error
 *
 * The password is taken as UTF-8 as it stands: Kafka does not run SASLprep over it either.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/random.h"
#include "loop/sasl_inside.h"

#define NONCE_SIZE     24      /* bytes of chance, 32 characters */
#define ITERATIONS_MIN 4096    /* RFC 7677; Kafka's own minimum */
#define ITERATIONS_MAX 1000000 /* about a second; past that a peer only wants our time */
#define SALT_SIZE_MAX  1024

enum scram_state { SCRAM_FIRST, SCRAM_FINAL, SCRAM_VERIFY, SCRAM_DONE };

struct scram {
	struct sasl sasl;
	const EVP_MD *hash;
	enum scram_state state;
	char *password;
	struct buffer first_bare; /* n=user,r=nonce */
	char nonce[NONCE_SIZE / 3 * 4 + 1];
	uint8_t server_signature[EVP_MAX_MD_SIZE];
};

static void base64_put(struct buffer *out, const uint8_t *at, size_t size)
{
	uint8_t *room = buffer_room(out, (size + 2) / 3 * 4 + 1);

	if (room)
		buffer_grow(out, (size_t)EVP_EncodeBlock(room, at, (int)size));
}

/* Decodes into `out`; returns the size, or -1 when it is not base64 or does not fit. */
static int base64_take(struct view in, uint8_t *out, size_t room)
{
	uint8_t block[SALT_SIZE_MAX * 2];
	int size;

	if (in.size == 0 || in.size % 4 != 0 || in.size > sizeof block)
		return -1;
	size = EVP_DecodeBlock(block, in.at, (int)in.size);
	if (size < 0)
		return -1;
	size -= in.at[in.size - 1] == '=' ? in.at[in.size - 2] == '=' ? 2 : 1 : 0;
	if ((size_t)size > room)
		return -1;
	memcpy(out, block, (size_t)size);
	return size;
}

/* The value of `name=` up to the next comma; the null view when it is not there. */
static struct view attribute(struct view message, char name)
{
	size_t at = 0;

	while (at < message.size) {
		const uint8_t *comma = memchr(message.at + at, ',', message.size - at);
		size_t end = comma ? (size_t)(comma - message.at) : message.size;

		if (end - at >= 2 && message.at[at] == (uint8_t)name && message.at[at + 1] == '=')
			return view_of(message.at + at + 2, end - at - 2);
		at = end + 1;
	}
	return VIEW_NULL;
}

static void hmac(const struct scram *s, const uint8_t *key, struct view text, uint8_t *out)
{
	unsigned size;

	HMAC(s->hash, key, EVP_MD_get_size(s->hash), text.at, text.size, out, &size);
}

static int start(const struct sasl_options *options, const EVP_MD *hash, struct sasl **out,
		 struct fault *fault)
{
	struct scram *s;
	uint8_t chance[NONCE_SIZE];

	if (!options->username || !options->password)
		return fault_set(fault, ERR_LOGIN, "%s needs sasl.username and sasl.password",
				 options->mechanism);
	s = calloc(1, sizeof *s);
	if (!s)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	s->hash = hash;
	s->password = strdup(options->password);
	random_secret(chance, sizeof chance);
	EVP_EncodeBlock((uint8_t *)s->nonce, chance, sizeof chance); /* base64 has no comma */
	buffer_init(&s->first_bare, 4096);
	buffer_text(&s->first_bare, "n=");
	for (const char *at = options->username; *at; at++)
		if (*at == ',' || *at == '=')
			buffer_text(&s->first_bare, *at == ',' ? "=2C" : "=3D");
		else
			buffer_put(&s->first_bare, at, 1);
	buffer_printf(&s->first_bare, ",r=%s", s->nonce);
	*out = &s->sasl;
	return 0;
}

static int start_256(const struct sasl_options *options, struct sasl **out, struct fault *fault)
{
	return start(options, EVP_sha256(), out, fault);
}

static int start_512(const struct sasl_options *options, struct sasl **out, struct fault *fault)
{
	return start(options, EVP_sha512(), out, fault);
}

/* Checks the server's first message and takes salt and iterations from it. */
static int read_server_first(const struct scram *s, struct view in, struct view *nonce, uint8_t *salt,
			     int *salt_size, int *iterations, struct fault *fault)
{
	struct view count = attribute(in, 'i');
	char digits[12] = "";

	*nonce = attribute(in, 'r');
	if (attribute(in, 'e').at)
		return fault_set(fault, ERR_LOGIN, "the server refuses: %.*s", VIEW_ARGS(attribute(in, 'e')));
	if (!nonce->at || nonce->size <= strlen(s->nonce) ||
	    memcmp(nonce->at, s->nonce, strlen(s->nonce)) != 0)
		return fault_set(fault, ERR_LOGIN,
				 "the server's nonce does not continue ours; is somebody in between?");
	*salt_size = base64_take(attribute(in, 's'), salt, SALT_SIZE_MAX);
	if (*salt_size <= 0)
		return fault_set(fault, ERR_MALFORMED, "the server's first SCRAM message has no usable salt");
	if (count.size == 0 || count.size >= sizeof digits)
		return fault_set(fault, ERR_MALFORMED,
				 "the server's first SCRAM message has no iteration count");
	memcpy(digits, count.at, count.size);
	*iterations = atoi(digits);
	if (*iterations < ITERATIONS_MIN || *iterations > ITERATIONS_MAX)
		return fault_set(fault, ERR_LOGIN, "the server wants %d SCRAM iterations; we accept %d to %d",
				 *iterations, ITERATIONS_MIN, ITERATIONS_MAX);
	return 0;
}

static int client_final(struct scram *s, struct view in, struct buffer *out, struct fault *fault)
{
	uint8_t salt[SALT_SIZE_MAX], salted[EVP_MAX_MD_SIZE], client_key[EVP_MAX_MD_SIZE],
		stored_key[EVP_MAX_MD_SIZE];
	uint8_t server_key[EVP_MAX_MD_SIZE], signature[EVP_MAX_MD_SIZE];
	int salt_size = 0, iterations = 0, hash_size = EVP_MD_get_size(s->hash), err;
	struct buffer message; /* AuthMessage: first-bare,server-first,final-without-proof */
	struct view nonce;
	size_t final_at;

	err = read_server_first(s, in, &nonce, salt, &salt_size, &iterations, fault);
	if (err < 0)
		return err;
	buffer_init(&message, 16384);
	buffer_view(&message, buffer_bytes(&s->first_bare));
	buffer_text(&message, ",");
	buffer_view(&message, in);
	buffer_text(&message, ",");
	final_at = message.size;
	buffer_text(&message, "c=biws,r="); /* "n,," in base64 */
	buffer_view(&message, nonce);
	if (message.err < 0 || PKCS5_PBKDF2_HMAC(s->password, (int)strlen(s->password), salt, salt_size,
						 iterations, s->hash, hash_size, salted) != 1) {
		buffer_done(&message);
		return fault_set(fault, ERR_MALFORMED, "the server's first SCRAM message is too long");
	}
	hmac(s, salted, VIEW_LITERAL("Client Key"), client_key);
	EVP_Digest(client_key, (size_t)hash_size, stored_key, NULL, s->hash, NULL);
	hmac(s, stored_key, buffer_bytes(&message), signature);
	for (int i = 0; i < hash_size; i++)
		client_key[i] ^= signature[i]; /* the proof from here on */
	hmac(s, salted, VIEW_LITERAL("Server Key"), server_key);
	hmac(s, server_key, buffer_bytes(&message), s->server_signature);
	buffer_put(out, message.at + final_at, message.size - final_at);
	buffer_text(out, ",p=");
	base64_put(out, client_key, (size_t)hash_size);
	OPENSSL_cleanse(salted, sizeof salted);
	OPENSSL_cleanse(stored_key, sizeof stored_key);
	buffer_done(&message);
	return 0;
}

static int verify(const struct scram *s, struct view in, struct fault *fault)
{
	uint8_t signature[EVP_MAX_MD_SIZE];
	int size = base64_take(attribute(in, 'v'), signature, sizeof signature);

	if (attribute(in, 'e').at)
		return fault_set(fault, ERR_LOGIN, "the server refuses: %.*s", VIEW_ARGS(attribute(in, 'e')));
	if (size != EVP_MD_get_size(s->hash) ||
	    CRYPTO_memcmp(signature, s->server_signature, (size_t)size) != 0)
		return fault_set(fault, ERR_LOGIN,
				 "the server cannot prove that it knows the password; it is not the one it "
				 "claims to be");
	return 1;
}

static int scram_step(struct sasl *sasl, struct view in, struct buffer *out, struct fault *fault)
{
	struct scram *s = (struct scram *)sasl;
	int err;

	switch (s->state) {
	case SCRAM_FIRST:
		buffer_text(out, "n,,");
		buffer_view(out, buffer_bytes(&s->first_bare));
		s->state = SCRAM_FINAL;
		return 0;
	case SCRAM_FINAL:
		err = client_final(s, in, out, fault);
		s->state = SCRAM_VERIFY;
		return err;
	case SCRAM_VERIFY: s->state = SCRAM_DONE; return verify(s, in, fault);
	case SCRAM_DONE: break;
	}
	return fault_set(fault, ERR_MALFORMED, "the server goes on after the end of the SCRAM exchange");
}

static void scram_free(struct sasl *sasl)
{
	struct scram *s = (struct scram *)sasl;

	secret_free(s->password);
	buffer_done(&s->first_bare);
	OPENSSL_cleanse(s->server_signature, sizeof s->server_signature);
	free(s);
}

const struct sasl_mechanism scram_sha_256 = { "SCRAM-SHA-256", start_256, scram_step, scram_free };
const struct sasl_mechanism scram_sha_512 = { "SCRAM-SHA-512", start_512, scram_step, scram_free };
