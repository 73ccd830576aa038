/* producer_ids.c - the stock of producer ids. */
#include <stdlib.h>

#include "broker/producer_ids.h"
#include "wire/kafka_error.h"

#define IDS_EACH_TIME 1000

struct taking {
	struct broker *broker;
	producer_id_done *done;
	void *context;
};

static void taken(void *context, int err, int64_t first, const struct fault *fault)
{
	struct taking *taking = context;
	struct broker *broker = taking->broker;

	if (err == 0) {
		/* Several may have asked at once: the older block is then used up first, or lost, which is no harm. */
		broker->producer_id_next = first + 1;
		broker->producer_id_end = first + IDS_EACH_TIME;
	}
	taking->done(taking->context, err == 0 ? KAFKA_NONE : KAFKA_COORDINATOR_NOT_AVAILABLE, first);
	free(taking);
}

void producer_id_take(struct broker *broker, producer_id_done *done, void *context)
{
	struct taking *taking;

	if (broker->producer_id_next < broker->producer_id_end) {
		done(context, KAFKA_NONE, broker->producer_id_next++);
		return;
	}
	taking = malloc(sizeof *taking);
	if (taking)
		*taking = (struct taking){ broker, done, context };
	if (!taking || store_producer_ids_take(broker->store, IDS_EACH_TIME, taken, taking) != 0) {
		free(taking);
		done(context, KAFKA_COORDINATOR_NOT_AVAILABLE, -1);
	}
}
