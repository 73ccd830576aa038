/*
 * admin_cluster.h - the cluster itself: id, brokers, features, the versions each broker speaks, log
 * directories, quorum.
 */
#ifndef CLIENT_ADMIN_CLUSTER_H
#define CLIENT_ADMIN_CLUSTER_H

#include "client/metadata.h"

struct feature {
	const char *name; /* "metadata.version", "kraft.version", "transaction.version" ... */
	int16_t supported_since, supported_until; /* of the broker that was asked */
	int16_t finalized;                        /* the level in force; 0 when none */
};

struct api_range {
	int16_t key, since, until; /* as the broker says, beyond what we know */
};

struct broker_detail {
	struct broker_info info;
	bool fenced;
	int err; /* why its versions are not known */
	struct fault fault;
	struct api_range *apis; /* in order of key */
	int api_count;
};

struct cluster_detail {
	const char *id;
	int32_t controller;
	struct broker_detail *brokers; /* in order of id */
	int broker_count;
	struct feature *features;
	int feature_count;
};

/* Asks every broker, and waits.  An error only when none answered. */
int cluster_describe(struct cluster *cluster, int64_t timeout_ms, struct arena *arena,
		     struct cluster_detail *out, struct fault *fault);

/* NULL when the broker does not offer it. */
const struct api_range *api_range_find(const struct broker_detail *broker, int16_t key);

struct log_dir_partition {
	int32_t broker;
	const char *dir, *topic;
	int32_t partition;
	int64_t size; /* bytes on disk */
	int64_t offset_lag;
	bool future; /* on its way from another directory */
};

struct log_dir {
	int32_t broker;
	const char *path;
	int err;
	int16_t error_code;
	int64_t total_bytes, usable_bytes; /* -1 before 3.3 */
};

struct log_dirs {
	struct log_dir *dirs;
	int dir_count;
	struct log_dir_partition *partitions;
	int partition_count;
	int failed_count;
	struct fault failed;
};

/* Of all topics, or of `topics` (ends with NULL). */
int log_dirs_describe(struct cluster *cluster, const char *const *topics, int64_t timeout_ms,
		      struct arena *arena, struct log_dirs *out, struct fault *fault);

struct quorum_member {
	int32_t id;
	bool voter;
	int64_t log_end_offset, last_fetch_ms, last_caught_up_ms; /* -1 when not told */
};

struct quorum {
	int32_t leader, leader_epoch;
	int64_t high_watermark;
	struct quorum_member *members;
	int member_count;
};

/* ERR_UNSUPPORTED with ZooKeeper. */
int quorum_describe(struct cluster *cluster, int64_t timeout_ms, struct arena *arena, struct quorum *out,
		    struct fault *fault);

#endif
