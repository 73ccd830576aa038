/* configs.h - Kafka's numbers for what has configs. */
#ifndef BROKER_CONFIGS_H
#define BROKER_CONFIGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

struct request;

enum resource {
	RESOURCE_TOPIC = 2,
	RESOURCE_BROKER = 4,
	RESOURCE_BROKER_LOGGER = 8,
	RESOURCE_CLIENT_METRICS = 16,
	RESOURCE_GROUP = 32,
};

/* May its configs be described, or altered?  KAFKA_NONE, or the error of that kind of resource. */
int16_t config_access(const struct request *request, int operation, int8_t type, struct view name);

static inline bool resource_known(int8_t type)
{
	return type == RESOURCE_TOPIC || type == RESOURCE_BROKER || type == RESOURCE_BROKER_LOGGER ||
	       type == RESOURCE_CLIENT_METRICS || type == RESOURCE_GROUP;
}

#endif
