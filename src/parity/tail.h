/*
 * tail.h - what groups have still to read, found again in another log.
 *
 * Pure: records of the source's tail go in, then how often equal records stand before them, then the records of the
 * target in order; out comes, for any vector of positions on the source, where to go on at the target and what that
 * costs.  Equal records are told apart by their number: the n-th of a partition of the source is the n-th of the same
 * partition of the target.  What finds no twin there is matched with what is left over in other partitions, because
 * records without a key may lie anywhere.
 *
 *	tail_add() for each record of the source from the anchor on, in order within a partition
 *	tail_head() for each record of the source before that
 *	tail_target() for each record of the target, in order within a partition
 *	tail_settle(), tail_place()
 *
 * tail_add() and tail_target() may be called again after that, for records that came later.
 */
#ifndef PARITY_TAIL_H
#define PARITY_TAIL_H

#include <stdbool.h>

#include "base/hash.h"

struct tail;

/* `memory`: bytes that it may take.  NULL when memory is out. */
struct tail *tail_new(int32_t source_partitions, int32_t target_partitions, size_t memory);
void tail_free(struct tail *tail); /* NULL is silent */

/* `key` is what records are matched by: a digest, or the hash of an identity.  0, ERR_LIMIT, ERR_MEMORY. */
int tail_add(struct tail *tail, struct digest key, int32_t partition, int64_t offset);
int tail_head(struct tail *tail, struct digest key, int32_t partition);
int tail_target(struct tail *tail, struct digest key, int32_t partition, int64_t offset);

/* Matches across partitions what is left over, anew at each call.  Returns the records of the tail without a twin. */
uint64_t tail_settle(struct tail *tail);

struct tail_place {
	int64_t target; /* where to go on; -1 when nothing says where */
	bool next; /* the record at `target` is the twin of the first of the tail, in the same partition */
	bool anchored; /* the last record before the position on the source has its twin right before `target` */
	struct digest key; /* of the record that says so */
	uint64_t tail;     /* records at and behind the position, in this partition of the source */
	uint64_t skipped;  /* of these without a twin, before one that has a twin */
	uint64_t awaited;  /* of these without a twin, at the end */
	uint64_t reread;   /* records of the target from `target` on that are no twin of the tail */
	uint64_t behind;   /* all records of the target from `target` on */
};

/*
 * `positions` has an offset for each partition of the source, -1 where there is none; `out` one place for each partition
 * of the target.  With unequal partition counts `tail`, `skipped` and `awaited` of the whole topic stand in the first.
 * 0 or ERR_MEMORY.
 */
int tail_place(const struct tail *tail, const int64_t *positions, struct tail_place *out);

#endif
