/*
 * lever_config.h - one config of a family's topics, raised for a while and set back: a longer retention, a larger message.
 *
 * Its value is each topic's own setting, as every broker shows it: [["orders",null],["orders-dlq","86400000"]]; null where
 * the topic has none of its own and the broker's holds.  Setting null takes the topic's own away, so setting back leaves
 * no trace where there was none.
 *
 *	aim	raise	each topic to the lever's own setting, where it lives by less: nothing is ever lowered
 *
 * What a topic lives by is not in the value: a broker's default may change meanwhile, and that is no change of ours.  It is
 * remembered from the last look, on which an aim rests.  -1 is Kafka's word for no limit, and the largest.  Kafka has no
 * epochs for configs: `epoch` is not looked at.
 */
#ifndef EXIT_LEVER_CONFIG_H
#define EXIT_LEVER_CONFIG_H

#include "client/cluster.h"
#include "exit/lever.h"

#define LEVER_CONFIG_TOPICS_MAX 1000

/* All is copied but the cluster, which outlives the lever.  `setting` is a whole number, or "-1".  Needs ALTER_CONFIGS and
 * DESCRIBE_CONFIGS on each topic. */
int lever_config_new(const char *name, struct cluster *cluster, const char *const *topics, int count,
		     const char *key, const char *setting, struct lever **out, struct fault *fault);

#endif
