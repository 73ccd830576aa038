/*
 * topic_config.h - the configuration of topics: every name that Kafka 4.3.1 has, its default, and where a value comes from.
 *
 * A value is the topic's own, or that of a broker property (its synonym, wherever that has its value from), or Kafka's default, in
 * this order.
 */
#ifndef BROKER_TOPIC_CONFIG_H
#define BROKER_TOPIC_CONFIG_H

#include "broker/broker_inside.h"

#define TOPIC_CONFIG_SYNONYMS_MAX 3

struct topic_config {
	const char *name;
	enum config_type type;
	const char *fallback;
	const char *synonyms[TOPIC_CONFIG_SYNONYMS_MAX]; /* broker properties, strongest first */
	int64_t scales[TOPIC_CONFIG_SYNONYMS_MAX];       /* what to multiply theirs with; 0: 1 */
	int64_t least, most;
	const char *words; /* " a b c ": the values that may be, of each item of a list; NULL: any */
};

extern const struct topic_config topic_config_table[]; /* ends with a NULL name */
#define TOPIC_CONFIGS_MAX 48

/* Hangs at store_topic.owner. */
struct topic_state {
	const char *own[TOPIC_CONFIGS_MAX]; /* by place in the table; NULL when the topic does not say */
	int16_t replication_factor;         /* as it was asked for */
	bool compact, deletes, internal;    /* cleanup.policy says so */
	int64_t batch_size_max, before_max_ms, after_max_ms;
	bool log_append_time;
	int codec, level; /* compression.type: batches get it; -1: they stay as they came */
	struct arena arena;
};

/* The place in the table, or -1. */
int topic_config_find(struct view name);

/* 0, or ERR_CONFIG with Kafka's sort of sentence. */
int topic_config_check(int place, struct view value, struct fault *fault);

struct topic_config_value {
	const char *text; /* may be NULL */
	enum config_source source;
	char made[24]; /* where a synonym's value had to be converted */
};

/* What holds for a topic; `state` NULL: for a topic without configs of its own. */
void topic_config_value(const struct broker *broker, const struct topic_state *state, int place,
			struct topic_config_value *out);

/* The bytes that the store keeps, to and from.  `own` by place in the table, with NULLs. */
int topic_config_write(const char *const own[], int16_t replication_factor, struct buffer *out);

/* Reads what the store keeps for the topic and tells the log engine: at each start, and after each change. */
int topic_state_load(struct broker *broker, struct store_topic *topic);
void topic_state_free(struct store_topic *topic);

static inline struct topic_state *topic_state(const struct store_topic *topic)
{
	return topic->owner;
}

/* Legal by Kafka's rules: 1 to 249 of [a-zA-Z0-9._-], not "." or "..". */
bool topic_name_legal(struct view name);
bool topic_name_internal(struct view name);

#endif
