/*
 * member.h - one member of a consumer group (the classic protocol), alone in it, with all partitions of the orders.
 *
 * For code at the top of a loop, which waits; what is read arrives from callbacks meanwhile.
 */
#ifndef DEMO_MEMBER_H
#define DEMO_MEMBER_H

#include "demo/clusters.h"
#include "base/view.h"

struct member;

/* Whole batches; records below `offset` are not meant. */
typedef void member_arrived(void *context, struct view batches, int64_t offset);

/*
 * Joins, takes the partitions, and begins to read where the group stands.  `first`: a partition without a position is read
 * from its beginning, and that is committed; else it is ERR_NOT_FOUND, for a position was lost.  Any other error is a
 * reason to try again.
 */
int member_join(struct loop *loop, uint16_t port, const char *name, bool first, member_arrived *arrived,
		void *context, struct member **out, struct fault *fault);

/* Still here.  ERR_STALE: the group has changed, join again. */
int member_beat(struct member *member);

/* Where it stands, when that has changed. */
int member_commit(struct member *member);

/* Reads no more, commits, says goodbye, and is gone.  NULL is silent. */
void member_leave(struct member *member);

#endif
