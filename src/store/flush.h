/*
 * flush.h - what is durable in the write-ahead log becomes an object.
 *
 *	owner's thread    plan: what, with references to its chunks
 *	keeper            prepare: an id for the object
 *	uploader          put: blocks, index, foot
 *	keeper            commit: extents, ends, snapshots, trim
 *	owner's thread    extents in memory; the cache may let go; the log is trimmed
 *
 * One at a time, in order.  A step that fails is tried again after a while: with the same plan once the object is written, since
 * the commit may have happened; with a new plan, and the same id, before.
 */
#ifndef STORE_FLUSH_H
#define STORE_FLUSH_H

#include "store/object_format.h"
#include "store/store_inside.h"

struct flush_part {
	uint32_t partition;
	int64_t before; /* the committed end that it follows */
	struct extent extent;
	size_t aborted_at, aborted_size, snapshot_at, snapshot_size; /* in flush->blobs */
};

enum flush_step {
	FLUSH_PREPARE,
	FLUSH_PUT,
	FLUSH_COMMIT,
};

struct flush {
	struct job job, home;
	struct store *store;
	enum flush_step step;
	bool failed;  /* its commit was told to have failed, and it is not under way: the owner's to know */
	bool doubted; /* and may have been done all the same */
	int err;     /* the lane's, until it is home */
	struct fault fault;
	int64_t object;
	uint64_t trimmed_lsn;

	struct flush_part *parts;
	size_t part_count, part_capacity;
	struct object_block *blocks;
	size_t block_count, block_capacity;
	struct iovec *pieces;
	struct chunk **chunks; /* one for each piece: references */
	size_t piece_count, piece_capacity;
	uint64_t size;       /* of all pieces */
	uint64_t total_size; /* with index and foot */
	struct buffer blobs;
};

#endif
