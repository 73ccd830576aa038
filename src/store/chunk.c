/* chunk.c - counted references to bytes. */
#include <assert.h>
#include <stdlib.h>

#include "store/chunk.h"

struct chunk *chunk_new(size_t size, _Atomic int64_t *account)
{
	struct chunk *chunk = malloc(sizeof *chunk + size);

	if (!chunk)
		return NULL;
	atomic_init(&chunk->references, 1);
	chunk->account = account;
	chunk->used = 0;
	chunk->size = size;
	if (account)
		atomic_fetch_add(account, (int64_t)size);
	return chunk;
}

void chunk_drop(struct chunk *chunk)
{
	int before;

	if (!chunk)
		return;
	before = atomic_fetch_sub_explicit(&chunk->references, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before > 1)
		return;
	if (chunk->account)
		atomic_fetch_sub(chunk->account, (int64_t)chunk->size);
	free(chunk);
}
