/*
 * join_inside.h - what the three files that feed a join share: the door, one record, the order of records.  For them only.
 */
#ifndef PARITY_JOIN_INSIDE_H
#define PARITY_JOIN_INSIDE_H

#include "parity/join_state.h"

#define PATIENCE_MIN 64 /* records of one side without a hit before the other side is read */

/* join_eat.c */
void join_retire(struct stream *stream);                     /* the head slab has been eaten */
bool join_has_row(struct join *join, struct stream *stream); /* eats empty and finished slabs on the way */
int join_pass(struct join *join, struct stream *stream, uint32_t rows); /* moves on in the head slab */
int join_begin_waiting(struct join *join, struct stream *stream);       /* the record at the head does */
int join_eat(struct join *join, struct stream *stream); /* 1: it found its twin; 0: it waits */
int lane_pair(struct join *join, struct lane *lane, int32_t partition, const struct run *pair,
	      const struct entry *waited);

/* join_lane.c: eat what can be eaten, about `most` rows of it; join->busy says whether there is more. */
int lane_advance(struct join *join, int32_t partition, uint64_t most);
int mixed_advance(struct join *join, uint64_t most); /* unequal partition counts */
int latest_advance(struct join *join);               /* the table view */

#endif
