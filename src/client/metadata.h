/*
 * metadata.h - who leads what: brokers, topics, partitions.
 *
 * Two ways to look.  A *snapshot* is a copy of everything at one moment, for top-level code that waits.  A
 * *watched topic* is kept fresh as long as somebody watches it: on errors, on age, after lost connections;
 * the fetcher and the producer live on these.
 *
 * Looking never creates a topic: allow_auto_topic_creation is false from Metadata v4 on, and an older broker
 * is asked for all topics instead.
 */
#ifndef CLIENT_METADATA_H
#define CLIENT_METADATA_H

#include "base/list.h"
#include "client/cluster.h"

struct broker_info {
	int32_t id;
	const char *host;
	int32_t port;
	const char *rack; /* NULL when not told */
};

struct partition_info {
	int32_t index;
	int16_t error;        /* enum kafka_error: LEADER_NOT_AVAILABLE, ... */
	int32_t leader;       /* -1 for none */
	int32_t leader_epoch; /* -1 from brokers before 2.1 */
	int32_t replica_count, in_sync_count, offline_count;
};

struct topic_info {
	const char *name;
	struct uuid id; /* all zero from brokers before 2.8 */
	int16_t error;  /* enum kafka_error; partitions are none unless it is 0 */
	bool internal;
	struct partition_info *partitions; /* in order of index */
	int32_t partition_count;
};

struct metadata_snapshot {
	const char *cluster_id; /* NULL when not told */
	int32_t controller;     /* -1 when not told */
	struct broker_info *brokers;
	int broker_count;
	struct topic_info *topics; /* in order of name */
	int topic_count;
	bool has_topic_ids;
};

static inline bool uuid_is_zero(struct uuid id)
{
	static const struct uuid zero;

	return memcmp(&id, &zero, sizeof id) == 0;
}

static inline bool uuid_equal(struct uuid a, struct uuid b)
{
	return memcmp(&a, &b, sizeof a) == 0;
}

/*
 * Asks the cluster now and waits (never from a callback).  `patterns` are names and globs (base/text.h); none
 * at all (count -1) means every topic.  A name that does not exist is a topic_info with
 * UNKNOWN_TOPIC_OR_PARTITION; a glob that matches nothing adds nothing; one that is denied is
 * TOPIC_AUTHORIZATION_FAILED.  Partitions without a leader are told as they are.  Everything in `out` lives
 * in `arena`.
 */
int metadata_snapshot(struct cluster *cluster, const struct view *patterns, int count, int64_t timeout_ms,
		      struct arena *arena, struct metadata_snapshot *out, struct fault *fault);

/* The brokers as last seen, in order of id; valid until the next callback or wait. */
int metadata_brokers(struct cluster *cluster, const struct broker_info **out);

/* NULL, or the topic of that name in the snapshot. */
const struct topic_info *metadata_find(const struct metadata_snapshot *snapshot, const char *name);

enum topic_state {
	TOPIC_NOT_KNOWN_YET, /* nobody has answered */
	TOPIC_THERE,
	TOPIC_MISSING, /* said several times, over seconds: new topics take a moment to spread */
	TOPIC_DENIED,
	TOPIC_RECREATED, /* the same name, another topic.  Stays so */
};

/* A topic somebody watches.  The owner embeds it. */
struct topic_watch {
	enum topic_state state;
	struct topic_info info; /* as last seen; kept when the topic goes missing */
	int64_t seen_ms;        /* monotonic: when `info` was last confirmed; 0 for never */

	/* Called after each look that changed something, and after each that was asked for.  May unwatch. */
	void (*changed)(struct topic_watch *watch);
	void *owner;

	struct list link; /* from here on private */
	struct cluster *cluster;
	char *name;
	uint64_t look_number; /* the first look that asks about it */
	struct arena arena;
	int missing_count, regressed_count;
	int64_t missing_since_ms;
};

/*
 * Starts to watch.  When `expected` is not NULL and not zero, a topic with another id counts as re-created
 * from the first look on.  Where another watch knows the topic, this one knows it at once.  0 or ERR_MEMORY.
 */
int topic_watch_start(struct topic_watch *watch, struct cluster *cluster, const char *name,
		      const struct uuid *expected, void (*changed)(struct topic_watch *watch), void *owner);

/* What its owner has just learnt from a snapshot, so that it need not wait for the first look.  Never calls `changed`. */
void topic_watch_tell(struct topic_watch *watch, const struct topic_info *info, int64_t seen_ms);
void topic_watch_stop(struct topic_watch *watch);

/* Something does not fit any more: look again soon.  Many askers are one look; looks are spaced by backoff.
 */
void metadata_refresh(struct cluster *cluster);

#endif
