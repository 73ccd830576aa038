/*
 * hash.h - digests of bytes: XXH3 with a seed.
 *
 * The seed is drawn for one comparison and not shown until it ends, so that nobody can craft records that collide
 * within it (see docs/architecture.md, "What a digest can and cannot prove").
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/view.h"

struct digest {
	uint64_t low, high;
};

/* XXH32, which lz4 frames carry; for nothing else. */
uint32_t hash32(const void *at, size_t size, uint32_t seed);

uint64_t hash64(const void *at, size_t size, uint64_t seed);
struct digest hash128(const void *at, size_t size, uint64_t seed);

static inline bool digest_equal(struct digest a, struct digest b)
{
	return a.low == b.low && a.high == b.high;
}

/* Sums modulo 2^128: additive, so that the order of records does not matter and pairs never cancel. */
static inline struct digest digest_add(struct digest a, struct digest b)
{
	unsigned __int128 sum =
		((unsigned __int128)a.high << 64 | a.low) + ((unsigned __int128)b.high << 64 | b.low);

	return (struct digest){ (uint64_t)sum, (uint64_t)(sum >> 64) };
}

static inline struct digest digest_subtract(struct digest a, struct digest b)
{
	unsigned __int128 left =
		((unsigned __int128)a.high << 64 | a.low) - ((unsigned __int128)b.high << 64 | b.low);

	return (struct digest){ (uint64_t)left, (uint64_t)(left >> 64) };
}

#endif
