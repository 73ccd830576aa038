/* coordinator.c - producer ids. */
#include <stdlib.h>

#include "broker/api.h"
#include "broker/coordinator.h"

#define IDS_EACH_TIME 1000

struct coordinator {
	struct broker *broker;
};

int coordinator_new(struct broker *broker, struct coordinator **out, struct fault *fault)
{
	struct coordinator *coordinator = calloc(1, sizeof *coordinator);

	if (!coordinator)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	coordinator->broker = broker;
	*out = coordinator;
	return 0;
}

void coordinator_stop(struct coordinator *coordinator)
{
}

void coordinator_free(struct coordinator *coordinator)
{
	free(coordinator);
}

void coordinator_tick(struct broker *broker)
{
}

void coordinator_topic_deleted(struct broker *broker, const struct store_topic *topic)
{
}

int16_t coordinator_may_write(struct broker *broker, const struct batch_head *head, int16_t produce_version)
{
	return KAFKA_INVALID_TXN_STATE; /* there are no transactions in this version */
}
