/* hash_wide.c - XXH3 once more, for AVX2: see CMakeLists.txt for the flag, hash.c for who calls. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/hash_wide.h"

struct digest hash128_wide(const void *at, size_t size, const uint8_t *secret, uint64_t seed)
{
	XXH128_hash_t hash = XXH3_128bits_withSecretandSeed(at, size, secret, XXH3_SECRET_DEFAULT_SIZE, seed);

	return (struct digest){ hash.low64, hash.high64 };
}
