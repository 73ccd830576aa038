/* metadata_inside.h - what the files of the metadata share. */
#ifndef STORE_METADATA_INSIDE_H
#define STORE_METADATA_INSIDE_H

#include "store/metadata.h"

struct metadata {
	struct sql *sql;
	int64_t incarnation, serial;
	bool began;    /* the last change got as far as its transaction */
	bool in_doubt; /* and nobody could say what became of it */
};

enum object_state {
	OBJECT_PREPARED = 1,
	OBJECT_COMMITTED = 2,
	OBJECT_DOOMED = 3,
};

/* Begins a transaction that is ours alone: ERR_STALE when another incarnation has taken over. */
int metadata_begin(struct metadata *metadata, struct fault *fault);

/*
 * Ends it: commits when `err` is 0 or more and rolls back otherwise.  Returns `err`, or what became of the commit: 0 or a
 * positive number surely done, negative surely not, but for ERR_NETWORK, ERR_IO and the like when nobody could be asked.
 */
int metadata_end(struct metadata *metadata, int err, struct fault *fault);

int metadata_exec(struct metadata *metadata, const char *text, const struct sql_value *values, int count,
		  int64_t *affected, struct fault *fault);

/* One row of integers.  0, or ERR_NOT_FOUND when there is none. */
int metadata_one(struct metadata *metadata, const char *text, const struct sql_value *values, int count,
		 int64_t *out, int columns, struct fault *fault);

/* An epoch that begins, in the place of those that begin there or behind it. */
int metadata_epoch_put(struct metadata *metadata, const struct metadata_epoch *epoch, struct fault *fault);

/* All of them in the place of all that were there. */
int metadata_epochs_put(struct metadata *metadata, uint32_t partition, const struct epoch_start *epochs,
			size_t count, struct fault *fault);

/* Objects that no extent needs any more. */
int metadata_doom(struct metadata *metadata, struct fault *fault);

#endif
