/*
 * extent.h - the batches of one partition that lie in an object: read in order, and written as an object of their own.
 *
 * Both touch nothing but what they are given and the object store: any lane may do it.
 */
#ifndef STORE_EXTENT_H
#define STORE_EXTENT_H

#include "store/store_inside.h"

/* 0, or what ends the reading; `fault` may be left empty. */
typedef int extent_batch(void *context, const struct batch *batch, struct fault *fault);

/*
 * Tells of each batch of the extent, in order; views hold until the call returns.  What the object holds of the partition
 * outside of the extent was given up, and is passed over.  ERR_CHECKSUM, ERR_IO, ERR_MEMORY, with a sentence.
 */
int extent_read(struct store *store, uint32_t partition, const struct extent *extent, extent_batch *each,
		void *context, struct fault *fault);

/*
 * Writes `bytes`, batches close together in order of offset, as the object out->object.  Fills in the rest of *out and the size
 * of the object.
 */
int extent_write(struct store *store, uint32_t partition, struct view bytes, struct extent *out,
		 uint64_t *object_size, struct fault *fault);

#endif
