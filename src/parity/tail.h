/*
 * tail.h - what groups have still to read, found again in another log.
 *
 * Pure: records of the source's tail go in, then how often equal records stand before them, then the records of the
 * target in order; out comes, for any vector of positions on the source, where to go on at the target and what that
 * costs.  Equal records are told apart by their number: the n-th of a partition of the source is the n-th of the same
 * partition of the target.  What finds no twin there is matched with what is left over in other partitions, because
 * records without a key may lie anywhere.
 *
 *	tail_lean() for each partition of the source
 *	tail_add() for each record of the source from the anchor on, in order within a partition
 *	tail_head() for each record of the source before that
 *	tail_target() for each record of the target, in order within a partition
 *	tail_fix(), tail_settle(), tail_place()
 *
 * While both logs are written to, one end must stand for anything to be decided.  From tail_fix() on it is the source's:
 * tail_target() takes what comes later, until every record below that end has its twin.  Then tail_add() takes what
 * the source got behind it: these records are still to be read too, so their twins hold a place back, but none of them is
 * missed.  What is left on the target then has no origin yet, and nobody can have read it (where a writer goes to the
 * target first, its record is on the way): no place is behind such a *stranger*.  So a place never skips, and may repeat.
 */
#ifndef PARITY_TAIL_H
#define PARITY_TAIL_H

#include <stdbool.h>

#include "base/hash.h"

struct tail;

/* `memory`: bytes that it may take.  NULL when memory is out. */
struct tail *tail_new(int32_t source_partitions, int32_t target_partitions, size_t memory);
void tail_free(struct tail *tail); /* NULL is silent */

/*
 * Before the first record: what stands on the target up to the twins of records of the source before `offset` is old, and
 * no stranger though it is not known.  Without a call nothing is leant on but the first twin.
 */
void tail_lean(struct tail *tail, int32_t partition, int64_t offset);

/* `key` is what records are matched by: a digest, or the hash of an identity.  0, ERR_LIMIT, ERR_MEMORY. */
int tail_add(struct tail *tail, struct digest key, int32_t partition, int64_t offset);
int tail_head(struct tail *tail, struct digest key, int32_t partition);
int tail_target(struct tail *tail, struct digest key, int32_t partition, int64_t offset);

/* The end of the source stands where the records that were added do.  0, ERR_LIMIT, ERR_MEMORY. */
int tail_fix(struct tail *tail);

/*
 * Matches across partitions what is left over, anew at each call.  Returns the records of the source below its end
 * without a twin.
 */
uint64_t tail_settle(struct tail *tail);

/* Records of the target that are nobody's twin, as settled last. */
uint64_t tail_strangers(const struct tail *tail);

struct tail_place {
	int64_t target; /* where to go on; -1 when nothing says where */
	bool next; /* the record at `target` is the twin of the first of the tail, in the same partition */
	bool anchored; /* the last record before the position on the source has its twin right before `target` */
	bool held_back; /* the record at `target` is a stranger, before the place that twins say */
	struct digest key; /* of the record that says so */
	uint64_t tail;     /* records at and behind the position and below the end, in this partition of the source */
	uint64_t skipped;  /* of these without a twin, before one that has a twin */
	uint64_t awaited;  /* of these without a twin, at the end */
	uint64_t reread;   /* records of the target from `target` on that are no twin of what is still to be read */
	uint64_t behind;   /* all records of the target from `target` on */
};

/*
 * `positions` has an offset for each partition of the source, -1 where there is none; `out` one place for each partition
 * of the target.  With unequal partition counts `tail`, `skipped` and `awaited` of the whole topic stand in the first.
 * 0 or ERR_MEMORY.
 */
int tail_place(const struct tail *tail, const int64_t *positions, struct tail_place *out);

#endif
