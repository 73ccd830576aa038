/*
 * broker_config.h - configs of the broker that change while it runs: which, where they are kept, and how they take effect.
 *
 * They are settings of the store of kind "broker-config", one for each that was changed: the name is "1/log.retention.ms" for the
 * broker with this id, or "/log.retention.ms" for all.  The nodes of one process have their configs in common, so with several of
 * them only those for all can be changed.
 */
#ifndef BROKER_BROKER_CONFIG_H
#define BROKER_BROKER_CONFIG_H

#include "broker/broker_inside.h"

#define BROKER_CONFIG_KIND "broker-config"

/* May this property change while it runs?  Those of Kafka that have an effect here. */
bool broker_config_dynamic(int place);

/* The setting's name, for the broker with this id or (NULL) for all; in the arena. */
struct view broker_config_name(struct arena *arena, const char *id, int place);

/* NULL, or why the property cannot have this value, in Kafka's words; in the arena. */
const char *broker_config_check(struct arena *arena, int place, struct view value);

/* Takes over what the settings say: when the store was opened, and after each change; topics follow. */
void broker_configs_apply(struct broker *broker);

#endif
