/* hash_wide.h - the part of hash.c that is compiled for AVX2, and taken only where the processor has it. */
#ifndef BASE_HASH_WIDE_H
#define BASE_HASH_WIDE_H

#include "base/hash.h"

#if defined(__x86_64__)
#define HASH_WIDE_CAN __builtin_cpu_supports("avx2")
#else
#define HASH_WIDE_CAN false
#endif

/* `secret` is what XXH3 makes of `seed`. */
struct digest hash128_wide(const void *at, size_t size, const uint8_t *secret, uint64_t seed);

#endif
