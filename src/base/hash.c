/* hash.c - XXH3, inlined here so that it is compiled for the same machine as the rest. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash.h"

uint32_t hash32(const void *at, size_t size, uint32_t seed)
{
	return XXH32(at, size, seed);
}

uint64_t hash64(const void *at, size_t size, uint64_t seed)
{
	return XXH3_64bits_withSeed(at, size, seed);
}

struct digest hash128(const void *at, size_t size, uint64_t seed)
{
	XXH128_hash_t hash = XXH3_128bits_withSeed(at, size, seed);

	return (struct digest){ hash.low64, hash.high64 };
}
