/*
 * slab.h - the decoded records of one piece of one partition: what decode makes and join eats.
 *
 * Rows are arrays side by side, so that two logs that stand equal are compared in runs.  A row is one committed record,
 * or, with `place` NULL, something that stands in the way of records: a batch that cannot be read, or a hole.
 *
 * A slab owns its arrays and inflated bytes, and holds on to the fetched bytes through `release`.
 */
#ifndef PARITY_SLAB_H
#define PARITY_SLAB_H

#include "base/buffer.h"
#include "base/hash.h"
#include "parity/report.h"

/*
 * What a row without a place stands for, a batch that cannot be read, history that is gone, or the place where reading
 * was given up:  in `sizes` are then these bits and the count of records that it hides.
 */
enum { ROW_UNREADABLE = 1u << 31, ROW_HOLE = 1u << 30, ROW_STOP = 1u << 29, ROW_COUNT_MOST = (1u << 29) - 1 };

/* The rows of one batch. */
struct slab_run {
	uint32_t first, count;
	bool transactional, aborted;	/* aborted rows are there only when decode was asked for them */
	int16_t producer_epoch;
	int64_t producer_id;
	int64_t base_offset;
};

/* A transaction marker, which stands before row `before`. */
struct slab_marker {
	uint32_t before;
	bool commit;
	int16_t producer_epoch;
	int64_t producer_id;
	int64_t offset;
};

/* Sums over rows.  All additive: those of a log are those of its slabs. */
struct slab_totals {
	uint64_t records;	/* an unreadable batch counts by its header */
	uint64_t bytes;		/* keys, values, header names and values, without ignored headers */
	uint64_t unreadable;	/* batches */
	uint64_t log_append;	/* records whose time the broker set */
	uint64_t loose;		/* records with a varint longer than need be */
	uint64_t legacy;	/* records of formats 0 and 1 */
	uint64_t stripped;	/* records that lost an ignored header */
	uint64_t unidentified;	/* records without the declared identity */
	struct digest sum;	/* of the digests of all rows of this shard */
};

void slab_totals_add(struct slab_totals *totals, const struct slab_totals *more);

struct slab {
	struct slab *next;	/* for a queue; the slab's holder's */
	enum log_side side;
	int32_t partition;
	int64_t from, until;	/* offsets that this slab covers, half-open */
	bool broken;		/* bytes that cannot begin a batch stand at `until`: nobody can read on from there */
	uint32_t count, capacity;
	struct digest *digests;
	int64_t *timestamps;	/* -1 when the record has none */
	int64_t *offsets;
	const uint8_t **places;	/* the canonical slice of the record */
	uint32_t *sizes;	/* of the slice */
	uint64_t *identities;	/* hash of the declared identity, 0 for none; NULL when identity is content */
	struct slab_run *runs;
	uint32_t run_count, run_capacity;
	struct slab_marker *markers;
	uint32_t marker_count, marker_capacity;
	struct slab_totals totals;
	struct buffer bytes;	/* slices that are not in the fetched bytes */
	bool borrows;		/* some are, so the fetched bytes must stay */
	size_t borrowed;	/* fetched bytes that this slab was made of */
	void (*release)(void *keep);	/* lets go of the fetched bytes; NULL when nobody needs to know */
	void *keep;
};

/* An empty slab; NULL when memory is out. */
struct slab *slab_new(enum log_side side, int32_t partition, int64_t from, bool identities);
void slab_free(struct slab *slab);	/* NULL is silent */

/* Room for `more` rows behind the last.  0 or ERR_MEMORY. */
int slab_reserve(struct slab *slab, uint32_t more);

/* Adds to runs and markers; NULL when memory is out. */
struct slab_run *slab_add_run(struct slab *slab);
struct slab_marker *slab_add_marker(struct slab *slab);

/* Appends one row that hides `count` records: `kind` is ROW_UNREADABLE or ROW_HOLE.  0 or ERR_MEMORY. */
int slab_add_gap(struct slab *slab, uint32_t kind, uint32_t count, int64_t offset, int64_t timestamp);

/* Bytes of memory that the slab holds, with the fetched bytes that it needs. */
size_t slab_memory(const struct slab *slab);

static inline struct view slab_slice(const struct slab *slab, uint32_t row)
{
	return view_of(slab->places[row], slab->sizes[row]);
}

#endif
