/* configs.h - Kafka's numbers for what has configs. */
#ifndef BROKER_CONFIGS_H
#define BROKER_CONFIGS_H

#include <stdbool.h>
#include <stdint.h>

enum resource {
	RESOURCE_TOPIC = 2,
	RESOURCE_BROKER = 4,
	RESOURCE_BROKER_LOGGER = 8,
	RESOURCE_CLIENT_METRICS = 16,
	RESOURCE_GROUP = 32,
};

static inline bool resource_known(int8_t type)
{
	return type == RESOURCE_TOPIC || type == RESOURCE_BROKER || type == RESOURCE_BROKER_LOGGER ||
	       type == RESOURCE_CLIENT_METRICS || type == RESOURCE_GROUP;
}

#endif
