/*
 * parcel.h - bytes that wait for the kernel without being copied, held by whoever wrote them; and those that it still reads.  For
 * this floor only.
 *
 *	waiting --> the kernel has a copy of all -----------------------------> released
 *	   |                                                                        ^
 *	   +------> the kernel has all, and was lent some --> it is done with all --+
 *
 * Large ones are lent where the layer can do that (MSG_ZEROCOPY): the socket then sends from the very memory, now, and perhaps again
 * later.  So nothing that was lent is released before the kernel has said that it is done with it, whatever becomes of the connection
 * meanwhile: memory that is used for something else would be sent as what it has become.
 */
#ifndef LOOP_PARCEL_H
#define LOOP_PARCEL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/list.h"

struct layer;

struct parcels {
	struct list waiting, lent; /* oldest first; of the first that waits the kernel may have a part */
	size_t bytes;              /* that the kernel has not taken */
};

void parcels_init(struct parcels *parcels);

/* The pieces, and the array of them, are used until `release` is called.  ERR_MEMORY: it was called already. */
int parcels_hold(struct parcels *parcels, struct iovec *pieces, int count, void (*release)(void *context),
		 void *context);

/* A copy. */
int parcels_copy(struct parcels *parcels, const struct iovec *pieces, int count);

/* Gives the kernel what it takes.  An error is the layer's: nothing can be written any more. */
int parcels_flush(struct parcels *parcels, struct layer *layer, struct fault *fault);

/* Releases what the kernel is done with.  True when it said anything. */
bool parcels_settle(struct parcels *parcels, struct layer *layer);

/* Forgets what waits. */
void parcels_drop(struct parcels *parcels);

/*
 * Forgets everything, before the socket is closed.  A connection that still has something lent is cut off (RST): the kernel would go
 * on sending behind a close, and no longer say when it is done.
 */
void parcels_end(struct parcels *parcels, struct layer *layer);

#endif
