/*
 * lever_config.h - one config of a family's topics, set for a while and set back: a longer retention, a larger message.
 *
 * Its value is each topic's own setting, as every broker shows it: [["orders",null],["orders-dlq","86400000"]]; null where
 * the topic has none of its own and the broker's holds.  Setting null takes the topic's own away, so setting back leaves
 * no trace where there was none.
 *
 *	aim	set	each topic to the lever's own setting
 *		unset	none of its own
 *
 * What a topic would live by without (`lever_config_effective`) is not in the value: a broker's default may change
 * meanwhile, and that is no change of ours.  Kafka has no epochs for configs: `epoch` is not looked at.
 */
#ifndef EXIT_LEVER_CONFIG_H
#define EXIT_LEVER_CONFIG_H

#include "client/cluster.h"
#include "exit/lever.h"

#define LEVER_CONFIG_TOPICS_MAX 1000

/* All is copied but the cluster, which outlives the lever.  Needs ALTER_CONFIGS and DESCRIBE_CONFIGS on each topic. */
int lever_config_new(const char *name, struct cluster *cluster, const char *const *topics, int count,
		     const char *key, const char *setting, struct lever **out, struct fault *fault);

/* Appends what one of the topics lives by now, its own or not.  ERR_STALE while brokers disagree. */
int lever_config_effective(struct lever *lever, const char *topic, int64_t timeout_ms, struct buffer *out,
			   struct fault *fault);

#endif
