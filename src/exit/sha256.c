/* sha256.c - over OpenSSL. */
#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>

#include "exit/sha256.h"

/* Looked for once: to find it anew costs more than to hash a frame. */
static EVP_MD *method;
static pthread_once_t found = PTHREAD_ONCE_INIT;

static void find(void)
{
	method = EVP_MD_fetch(NULL, "SHA256", NULL);
}

struct sha256 sha256_of(struct view bytes)
{
	struct sha256 out;
	int done;

	pthread_once(&found, find);
	done = EVP_Digest(bytes.size ? bytes.at : (const uint8_t *)"", bytes.size, out.bytes, NULL, method, NULL);

	assert(done ==
	       1); /* it fails only without memory or without SHA-256: neither leaves anything to go on with */
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
