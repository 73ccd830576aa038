/*
 * properties.h - the broker's configuration, in Kafka's names with Kafka's defaults (those of 4.3.1).
 *
 * Every line of the table is a property that does something here, or that topics take their defaults from.  A property that
 * Kafka has and this broker does not know is told, with the nearest known one, and is not an error.
 */
#ifndef BROKER_PROPERTIES_H
#define BROKER_PROPERTIES_H

#include "base/arena.h"
#include "base/err.h"

/* Kafka's numbers for types, as DescribeConfigs tells them. */
enum config_type {
	CONFIG_BOOLEAN = 1,
	CONFIG_STRING = 2,
	CONFIG_INT = 3,
	CONFIG_SHORT = 4,
	CONFIG_LONG = 5,
	CONFIG_DOUBLE = 6,
	CONFIG_LIST = 7,
	CONFIG_CLASS = 8,
	CONFIG_PASSWORD = 9,
};

/* Kafka's numbers for sources, as DescribeConfigs tells them. */
enum config_source {
	CONFIG_SOURCE_TOPIC = 1,
	CONFIG_SOURCE_DYNAMIC_BROKER = 2,  /* changed while it runs, for this broker */
	CONFIG_SOURCE_DYNAMIC_DEFAULT = 3, /* and for all */
	CONFIG_SOURCE_BROKER = 4,          /* given at the start */
	CONFIG_SOURCE_DEFAULT = 5,
	CONFIG_SOURCE_GROUP = 8,
};

struct property {
	const char *name;
	enum config_type type;
	const char *fallback; /* NULL: Kafka's null */
	size_t at;            /* of an int64_t or const char * of struct properties; 0: only topics use it */
	int64_t least, most;
};

#define PROPERTIES_MAX          192
#define PROPERTIES_OF_LISTENERS 64

struct properties {
	struct arena arena;
	const char *given[PROPERTIES_MAX]; /* by place in the table; NULL: the default holds */
	/* What was changed while it runs, for this broker and for all; the strings are ours. */
	char *changed[2][PROPERTIES_MAX];
	struct {
		const char *name, *value; /* listener.name.NAME.… */
	} of_listeners[PROPERTIES_OF_LISTENERS];
	int of_listeners_count;

	int64_t node_id, partitions, replication_factor, auto_create, delete_topics;
	int64_t request_bytes_max, queued_bytes_max, fetch_bytes_max, sessions_max;
	int64_t connections_max, connections_per_address_max, idle_ms;
	int64_t session_timeout_least_ms, session_timeout_most_ms, initial_delay_ms, group_size_max;
	int64_t consumer_session_ms, consumer_session_least_ms, consumer_session_most_ms, consumer_size_max;
	int64_t consumer_heartbeat_ms, consumer_heartbeat_least_ms, consumer_heartbeat_most_ms;
	int64_t commit_metadata_max, offsets_partitions, offsets_retention_minutes, offsets_check_ms;
	int64_t transactions_partitions, transaction_timeout_most_ms, transactional_expiry_ms,
		transactional_check_ms, producer_expiry_ms;
	int64_t retention_check_ms;
	int64_t login_bytes_max, login_timeout_ms, reauth_ms;
	int64_t quota_windows, quota_window_seconds;
	int64_t connection_rate_max, connections_per_principal_max;
	const char *migration_policy; /* of groups with members: bidirectional, upgrade, downgrade, disabled */
	const char *connections_overrides; /* "127.0.0.1:10,::1:20" */
	const char *advertised;            /* "PLAINTEXT://host:port", or NULL */
	const char *authorizer;            /* a class name, or "" */
	int64_t allow_unruled;
};

extern const struct property property_table[]; /* ends with a NULL name */

void properties_init(struct properties *properties);
void properties_done(struct properties *properties);

/*
 * One property.  0; ERR_CONFIG for a value that cannot be, with a sentence; ERR_NOT_FOUND for a name that is not known: not a
 * reason to stop, but to be said (`fault` says it, with the nearest name).
 */
int properties_set(struct properties *properties, struct view name, struct view value, struct fault *fault);

/* A .properties file; unknown names are told by `warn`. */
typedef void properties_warn(void *context, const char *text);
int properties_read(struct properties *properties, const char *path, properties_warn *warn, void *context,
		    struct fault *fault);

/* The place in the table, or -1. */
int property_find(struct view name);

/*
 * Changes one while it runs, or (NULL) takes the change back; `source` is one of the two that are dynamic.  The value was
 * checked.  True when something else holds now.
 */
bool properties_change(struct properties *properties, int place, enum config_source source,
		       const char *value);

/* What one source from CONFIG_SOURCE_DYNAMIC_BROKER to CONFIG_SOURCE_DEFAULT says; NULL: nothing, or null. */
const char *properties_value_of(const struct properties *properties, int place, enum config_source source);

/* NULL when the property can have this value, or why not, in Kafka's words; `text` has room for the sentence. */
const char *property_check(int place, struct view value, char *text, size_t size);

/* What holds; `*given` says whether somebody set it. */
const char *properties_value(const struct properties *properties, const char *name, bool *given);

/*
 * What holds for one listener, whose name is `listener` in lower case: listener.name.NAME.<name>, or else what holds for all;
 * NULL when neither is there.
 */
const char *properties_listener_value(const struct properties *properties, const char *listener,
				      const char *name);

/* Does `value` have this type and lie within the bounds? */
bool config_value_fits(enum config_type type, struct view value, int64_t least, int64_t most,
		       int64_t *number);

#endif
