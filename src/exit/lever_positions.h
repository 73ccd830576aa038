/*
 * lever_positions.h - where a consumer group stands on one side, as a lever: observed, set exactly, read back.
 *
 * The value is the sorted list of what is committed in the family's topics, "topic/partition=offset ..."; "" for nothing.
 * The word `exact` aims at the positions that the group must have on this side to skip nothing and read as little again as
 * can be, computed from matched records of both sides (parity/group_map.h); it is refused when one of them has no proof.
 *
 * Nothing is committed while the group has members on this side: a coordinator refuses that, and it would be wrong.
 */
#ifndef EXIT_LEVER_POSITIONS_H
#define EXIT_LEVER_POSITIONS_H

#include "exit/gather.h"
#include "exit/lever.h"
#include "loop/loop.h"

struct cluster;

struct positions_options {
	struct loop *loop;
	struct cluster *clusters[SIDE_COUNT];
	enum side side;                   /* that the positions are on */
	const struct plan_family *family; /* for identity and headers */
	const char *group;
	const struct gather_topic *topics; /* names on the source and on the target */
	int topic_count;
	uint64_t memory, rate; /* of reading; 0: the defaults */
};

/* The options are copied, what they point at is not.  ERR_MEMORY. */
int lever_positions_new(const struct positions_options *options, struct lever **out, struct fault *fault);

#endif
