/* random.h - chance: a seeded generator for everything a test must be able to replay, and the kernel's for secrets. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state[4];	/* xoshiro256** */
};

void random_seed(struct random *r, uint64_t seed);
uint64_t random_u64(struct random *r);

/* 0 to limit - 1, evenly; limit > 0. */
uint64_t random_below(struct random *r, uint64_t limit);

/* From the kernel, for nonces and seeds.  Never fails: it ends the process when the kernel has none. */
void random_secret(void *out, size_t size);

#endif
