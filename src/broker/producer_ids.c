/* producer_ids.c - InitProducerId without a transactional id, and the stock of ids. */
#include <stdlib.h>

#include "broker/api.h"
#include "broker/producer_ids.h"

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

static void given(void *context, int16_t error, int64_t id)
{
	struct request *request = context;
	struct init_producer_id_response *response = request_response(request);

	if (response) {
		response->error_code = error;
		response->producer_id = error ? -1 : id;
		response->producer_epoch = error ? -1 : 0;
	}
	request_answer(request, response);
}

void handle_init_producer_id(struct request *request)
{
	const struct init_producer_id_request *in = request->message;

	if (in->transactional_id.at) {
		struct init_producer_id_response *response = request_response(request);

		if (response)
			response->error_code =
				KAFKA_COORDINATOR_NOT_AVAILABLE; /* no transactions in this version */
		request_answer(request, response);
		return;
	}
	producer_id_take(request->broker, given, request);
}
