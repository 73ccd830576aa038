/*
 * consumer_assign.h - Kafka's two assignors on the broker's side, "uniform" and "range": who shall own which partition.
 *
 * Looking alone: topics and members go in, sets of places come out.  Neither depends on the order of the members.
 */
#ifndef BROKER_CONSUMER_ASSIGN_H
#define BROKER_CONSUMER_ASSIGN_H

#include "base/view.h"
#include "broker/consumer_places.h"

/* A topic that somebody subscribes to; in order of id. */
struct assign_topic {
	uint8_t id[16];
	int32_t partition_count;
};

struct assign_member {
	const char *id, *instance_id; /* instance_id NULL: dynamic */
	bool *wants;                  /* by topic */
	const struct places *had;     /* what it was to own until now */
	struct places gets;           /* the answer; the caller's to let go of */
};

typedef int assign_function(const struct assign_topic *topics, int topic_count, struct assign_member *members,
			    int member_count);

/* Fills `gets`; 0 or ERR_MEMORY, and then nothing is in it. */
assign_function assign_uniform, assign_range;

/* By Kafka's name, or NULL.  The first is the default. */
assign_function *assignor_named(struct view name);
extern const char *const assignor_names[]; /* ends with NULL */

#endif
