/*
 * admin_topics.h - topics as configured: effective configs with their sources; creating them.
 */
#ifndef CLIENT_ADMIN_TOPICS_H
#define CLIENT_ADMIN_TOPICS_H

#include "client/cluster.h"

/* DescribeConfigs' own numbers. */
enum config_source {
	CONFIG_SOURCE_UNKNOWN = 0,
	CONFIG_SOURCE_TOPIC = 1,
	CONFIG_SOURCE_BROKER_DYNAMIC = 2,
	CONFIG_SOURCE_BROKERS_DYNAMIC = 3, /* the default of all brokers, set at run time */
	CONFIG_SOURCE_BROKER_STATIC = 4,
	CONFIG_SOURCE_DEFAULT = 5,
};
const char *config_source_name(enum config_source source); /* "topic", "broker", "default" ... */

enum { CONFIG_RESOURCE_TOPIC = 2, CONFIG_RESOURCE_BROKER = 4, CONFIG_RESOURCE_GROUP = 32 };

struct config_entry {
	const char *name;
	const char *value; /* NULL when sensitive or unset */
	enum config_source source;
	bool sensitive, read_only;
};

struct config_list {
	const char *resource; /* the topic's name, the broker's id */
	int err;
	int16_t error_code;
	const char *error_text;       /* the broker's words, or NULL */
	struct config_entry *entries; /* in order of name */
	int count;
};

/* The configs of `resources` of one kind; `out` has one list each, in the order given, in `arena`.  Waits. */
int configs_describe(struct cluster *cluster, int resource_kind, const char *const *resources, int count,
		     int64_t timeout_ms, struct arena *arena, struct config_list **out, struct fault *fault);

/* NULL when it is not there. */
const struct config_entry *config_find(const struct config_list *list, const char *name);

struct topic_spec {
	const char *name;
	int32_t partitions;         /* -1 for the broker's default */
	int16_t replication;        /* -1 for the broker's default */
	const char *const *configs; /* "name", "value", ..., NULL; or NULL */

	int err; /* filled in; ERR_CONFLICT when it exists already */
	int16_t error_code;
	const char *error_text;
	struct uuid id; /* zero from brokers before 2.8 */
};

/* 0 when each was made; else the first error, told in `fault`.  `validate_only` makes nothing. */
int topics_create(struct cluster *cluster, struct topic_spec *specs, int count, bool validate_only,
		  int64_t timeout_ms, struct arena *arena, struct fault *fault);

/* Of our own making only: shadow topics, tests. */
int topics_delete(struct cluster *cluster, const char *const *names, int count, int64_t timeout_ms,
		  struct fault *fault);

#endif
