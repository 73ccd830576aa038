/* topics.h - making topics, for the admin's request, for auto-creation and for the coordinators' own. */
#ifndef BROKER_TOPICS_H
#define BROKER_TOPICS_H

#include "broker/topic_config.h"

struct topic_wish {
	struct view name;
	int32_t partition_count;
	int16_t replication_factor;
	const char *own[TOPIC_CONFIGS_MAX]; /* configs of its own, by place in the table */
};

/* `error` is Kafka's; `topic` is there when it is none. */
typedef void topic_made(void *context, int16_t error, struct store_topic *topic);

/* Everything is copied.  An enum kafka_error: not made, and `done` is never called; KAFKA_NONE: it will be. */
int16_t topic_wish_make(struct broker *broker, const struct topic_wish *wish, topic_made *done,
			void *context);

/* What Kafka's error for an error of the store's is. */
int16_t topic_error(int err);

/* True when another topic's name differs in nothing but '.' for '_': their metrics would be one. */
bool topic_name_collides(struct broker *broker, struct view name);

#endif
