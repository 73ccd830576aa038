/*
 * admin_groups.h - consumer groups: which there are, who is in them, where they stand, and setting where they
 * stand.
 */
#ifndef CLIENT_ADMIN_GROUPS_H
#define CLIENT_ADMIN_GROUPS_H

#include "client/cluster.h"

struct group_listing {
	const char *id;
	const char *protocol_type; /* "consumer", "connect", "" for one that only commits */
	const char *state;         /* "Stable", "Empty", ...; NULL from brokers before 2.6 */
	const char *type; /* "classic", "consumer", "share", "streams"; NULL from brokers before 3.8 */
	int32_t coordinator;
};

struct group_list {
	struct group_listing *at; /* in order of id */
	int count;
	int failed_count;    /* brokers that did not answer: the list may lack theirs */
	struct fault failed; /* of the first of them */
};

/* Asks every broker, and waits.  An error only when no broker answered. */
int groups_list(struct cluster *cluster, int64_t timeout_ms, struct arena *arena, struct group_list *out,
		struct fault *fault);

struct group_partition {
	const char *topic;
	int32_t partition;
};

struct group_member {
	const char *id, *instance_id; /* instance_id NULL for a dynamic member */
	const char *client_id, *client_host;
	const char *const *topics; /* subscribed; NULL entries never */
	int topic_count;
	struct group_partition *assigned;
	int assigned_count;
};

struct group_detail {
	const char *id;
	int err; /* ERR_NOT_FOUND when there is no such group (or no trace of it) */
	int16_t error_code;
	const char *error_text;
	const char *state;         /* "Stable", "Empty", "Dead", ... */
	const char *type;          /* "classic" or "consumer" */
	const char *protocol_type; /* "consumer", "connect"; "consumer" for the new protocol */
	const char *assignor;
	int32_t coordinator;
	struct group_member *members;
	int member_count;
};

/* Both protocols (KIP-848 from v0 of ConsumerGroupDescribe on).  `out` has one for each id, in the order
 * given. */
int groups_describe(struct cluster *cluster, const char *const *ids, int count, int64_t timeout_ms,
		    struct arena *arena, struct group_detail **out, struct fault *fault);

struct group_position {
	const char *topic;
	int32_t partition;
	int64_t offset;       /* of the next record to read; -1 when nothing is committed */
	int32_t leader_epoch; /* -1 when not told */
	const char *metadata; /* "" or NULL */
	int err;              /* of this partition */
	int16_t error_code;
};

struct group_positions {
	const char *id;
	int err;
	int16_t error_code;
	struct group_position
		*at; /* in order of topic and partition; what was never committed is not there */
	int count;
};

/*
 * All committed positions of each group.  `stable`: wait for open transactional commits to be decided (v7
 * on), which is what a consumer sees.
 */
int groups_positions(struct cluster *cluster, const char *const *ids, int count, bool stable,
		     int64_t timeout_ms, struct arena *arena, struct group_positions **out,
		     struct fault *fault);

/*
 * Sets positions as an administrator does: without a member, which the coordinator allows only while the
 * group has none. ERR_CONFLICT when it has.  Each position's `err` tells how it went; 0 when all are set.
 */
int group_commit(struct cluster *cluster, const char *id, struct group_position *positions, int count,
		 int64_t timeout_ms, struct fault *fault);

#endif
