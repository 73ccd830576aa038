/* sha256.c - over OpenSSL. */
#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "exit/sha256.h"

/* Looked for once, and one context a thread: either costs more than to hash a frame. */
static EVP_MD *method;
static pthread_key_t contexts;
static pthread_once_t found = PTHREAD_ONCE_INIT;

static void end_context(void *context)
{
	EVP_MD_CTX_free(context);
}

static void find(void)
{
	int err = pthread_key_create(&contexts, end_context);

	assert(err == 0);
	method = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static EVP_MD_CTX *own_context(void)
{
	EVP_MD_CTX *context;

	pthread_once(&found, find);
	context = pthread_getspecific(contexts);
	if (!context) {
		context = EVP_MD_CTX_new();
		pthread_setspecific(contexts, context);
	}
	return context;
}

struct sha256 sha256_of(struct view bytes)
{
	EVP_MD_CTX *context = own_context();
	struct sha256 out;
	bool done = context && EVP_DigestInit_ex2(context, method, NULL) == 1 &&
		    EVP_DigestUpdate(context, bytes.at, bytes.size) == 1 &&
		    EVP_DigestFinal_ex(context, out.bytes, NULL) == 1;

	assert(done); /* it fails only without memory or without SHA-256: neither leaves anything to go on with */
	return out;
}

struct sha256 sha256_chain(struct sha256 a, struct sha256 b)
{
	uint8_t both[2 * SHA256_SIZE];

	memcpy(both, a.bytes, SHA256_SIZE);
	memcpy(both + SHA256_SIZE, b.bytes, SHA256_SIZE);
	return sha256_of(view_of(both, sizeof both));
}

bool sha256_equal(struct sha256 a, struct sha256 b)
{
	return memcmp(a.bytes, b.bytes, SHA256_SIZE) == 0;
}

bool sha256_none(struct sha256 a)
{
	static const struct sha256 zero;

	return sha256_equal(a, zero);
}

char *sha256_text(struct sha256 a, char out[SHA256_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < SHA256_SIZE; i++) {
		out[2 * i] = digits[a.bytes[i] >> 4];
		out[2 * i + 1] = digits[a.bytes[i] & 15];
	}
	out[2 * SHA256_SIZE] = 0;
	return out;
}
