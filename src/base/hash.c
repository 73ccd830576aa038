/*
 * hash.c - XXH3, inlined here so that it is compiled for the same machine as the rest; what is longer than a few
 * hundred bytes is hashed with wider registers where there are any (hash_wide.c).  All ways give the same digest.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash.h"
#include "base/hash_wide.h"

uint32_t hash32(const void *at, size_t size, uint32_t seed)
{
	return XXH32(at, size, seed);
}

uint64_t hash64(const void *at, size_t size, uint64_t seed)
{
	return XXH3_64bits_withSeed(at, size, seed);
}

/*
 * For long inputs XXH3 stretches the seed to a secret first, which takes as long as hashing a few hundred bytes; so the
 * last one is kept, a thread for itself.
 */
static const uint8_t *secret_of(uint64_t seed)
{
	static _Thread_local uint8_t secret[XXH3_SECRET_DEFAULT_SIZE];
	static _Thread_local uint64_t made_of;
	static _Thread_local bool made;

	if (!made || made_of != seed) {
		XXH3_generateSecret_fromSeed(secret, seed);
		made_of = seed;
		made = true;
	}
	return secret;
}

struct digest hash128(const void *at, size_t size, uint64_t seed)
{
	XXH128_hash_t hash;

	if (size <= XXH3_MIDSIZE_MAX)
		hash = XXH3_128bits_withSeed(at, size, seed);
	else if (HASH_WIDE_CAN)
		return hash128_wide(at, size, secret_of(seed), seed);
	else
		hash = XXH3_128bits_withSecretandSeed(at, size, secret_of(seed), XXH3_SECRET_DEFAULT_SIZE,
						      seed);
	return (struct digest){ hash.low64, hash.high64 };
}
