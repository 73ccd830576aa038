/* sha256.h - SHA-256 (FIPS 180-4): the id of a thing is the hash of its canonical bytes. */
#ifndef EXIT_SHA256_H
#define EXIT_SHA256_H

#include "base/view.h"

#define SHA256_SIZE      32
#define SHA256_TEXT_SIZE 65 /* hexadecimal, with its NUL */

struct sha256 {
	uint8_t bytes[SHA256_SIZE];
};

struct sha256 sha256_of(struct view bytes);

/* The hash of `a` followed by `b`: one link of a chain. */
struct sha256 sha256_chain(struct sha256 a, struct sha256 b);

bool sha256_equal(struct sha256 a, struct sha256 b);

/* All zero: no hash at all. */
bool sha256_none(struct sha256 a);

char *sha256_text(struct sha256 a, char out[SHA256_TEXT_SIZE]);

#endif
