/* object_read.h - index and blocks of an object, read and checked. */
#ifndef STORE_OBJECT_READ_H
#define STORE_OBJECT_READ_H

#include "store/object_format.h"
#include "store/object_store.h"

/* Reads the index of object `id` of the store `log_id` into `index`.  A failure says which object, and what is wrong with it. */
int object_index_read(struct object_store *objects, int64_t id, uint64_t log_id, struct buffer *index,
		      struct object_foot *foot, struct fault *fault);

/* Reads one block into `at`, which has room for block->size bytes. */
int object_block_read(struct object_store *objects, int64_t id, const struct object_block *block, uint8_t *at,
		      struct fault *fault);

#endif
