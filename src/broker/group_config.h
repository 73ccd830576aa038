/*
 * group_config.h - configs of single groups: what an administrator set for one group instead of the broker's property.
 *
 * Kept in the store as lines of "name=value", by the group's id; a group need not exist to have them, as in Kafka.
 */
#ifndef BROKER_GROUP_CONFIG_H
#define BROKER_GROUP_CONFIG_H

#include "broker/broker_inside.h"

#define GROUP_CONFIG_KIND VIEW_LITERAL("group-config")

enum group_config_place { GROUP_CONFIG_SESSION, GROUP_CONFIG_HEARTBEAT, GROUP_CONFIGS };

struct group_config {
	const char *name;
	const char *fallback, *least, *most; /* properties of the broker; all are numbers */
};

extern const struct group_config group_config_table[GROUP_CONFIGS];

/* -1 when there is none. */
int group_config_find(struct view name);

/* What was set for the group itself; a null view for nothing.  Holds until the next change. */
struct view group_config_own(const struct broker *broker, struct view group, enum group_config_place place);

/* What holds. */
int64_t group_config_value(const struct broker *broker, struct view group, enum group_config_place place);

/* 0, or ERR_CONFIG with a sentence as Kafka says it. */
int group_config_check(const struct broker *broker, const struct view own[GROUP_CONFIGS],
		       struct fault *fault);

/* As store_setting_put() of all that is set; a null view for what is not. */
int group_config_put(struct broker *broker, struct view group, const struct view own[GROUP_CONFIGS],
		     store_done *done, void *context);

#endif
