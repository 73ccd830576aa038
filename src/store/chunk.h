/*
 * chunk.h - bytes that several hold: the log cache, the write-ahead log, an upload, an answer on its way out.
 *
 * Whoever holds a chunk has a reference; the last one to let go frees it, on whatever thread that is.  Bytes below `used`
 * never change once somebody else can see them.
 */
#ifndef STORE_CHUNK_H
#define STORE_CHUNK_H

#include <stdatomic.h>

#include "base/view.h"

struct chunk {
	atomic_int references;
	_Atomic int64_t *account; /* the sum of the sizes of living chunks of one kind; NULL counts nowhere */
	size_t used, size;
	uint8_t at[];
};

/* With one reference; NULL when memory is out.  `account` must outlive the chunk. */
struct chunk *chunk_new(size_t size, _Atomic int64_t *account);

static inline struct chunk *chunk_hold(struct chunk *chunk)
{
	atomic_fetch_add_explicit(&chunk->references, 1, memory_order_relaxed);
	return chunk;
}

/* NULL is silent. */
void chunk_drop(struct chunk *chunk);

#endif
