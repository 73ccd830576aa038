/*
 * admin_alter.h - what an administrator changes: one config of a topic, one client quota, groups that are done with; and
 * how each broker sees the first two.
 *
 * Each change may be sent twice.  The controller says yes before every broker has heard of it, so what was set is read
 * back from all of them.  A change whose answer was lost may have been made, or may still be.
 */
#ifndef CLIENT_ADMIN_ALTER_H
#define CLIENT_ADMIN_ALTER_H

#include "client/admin_access.h"
#include "client/admin_topics.h"

/*
 * Sets one key of a topic's own configs; `value` NULL takes the topic's own value away, so that the broker's holds again.
 * All others stay as they are.  ERR_DENIED, ERR_USAGE (a value that the brokers refuse), ERR_NOT_FOUND.
 */
int topic_config_set(struct cluster *cluster, const char *topic, const char *key, const char *value, int64_t timeout_ms,
		     struct fault *fault);

/* One config of a topic as one broker sees it. */
struct config_sight {
	int32_t node;
	int err; /* 0; ERR_NOT_FOUND: no such topic there, or no such key */
	struct fault fault;
	struct config_entry entry; /* `source` is CONFIG_SOURCE_TOPIC when it is the topic's own */
};

/* Asks every broker that the cluster lists at this moment; in order of id. */
int topic_config_seen(struct cluster *cluster, const char *topic, const char *key, int64_t timeout_ms,
		      struct arena *arena, struct config_sight **out, int *count, struct fault *fault);

/* Sets the quota, or with `remove` takes it away; the entity is exact, and a NULL name is the default entity. */
int quota_set(struct cluster *cluster, const struct quota *quota, bool remove, int64_t timeout_ms, struct fault *fault);

struct quota_sight {
	int32_t node;
	int err;
	struct fault fault;
	bool there;
	double value; /* 0 when it is not there */
};

/* The quota of exactly this entity and key, as each broker sees it. */
int quota_seen(struct cluster *cluster, const struct quota *quota, int64_t timeout_ms, struct arena *arena,
	       struct quota_sight **out, int *count, struct fault *fault);

/*
 * Removes groups with all their positions: of our own making only.  ERR_CONFLICT while one has members; one that is not
 * there is no error.
 */
int groups_delete(struct cluster *cluster, const char *const *ids, int count, int64_t timeout_ms, struct fault *fault);

#endif
