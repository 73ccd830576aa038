/* request.c - the life of one request. */
#include <stdlib.h>

#include "base/bits.h"
#include "base/log.h"
#include "broker/pipeline.h"

#define ANSWER_BYTES_MAX ((size_t)1 << 30)

struct request *request_new(struct broker *broker, struct pipeline *pipeline, size_t size)
{
	struct request *request = malloc(sizeof *request + size);

	if (!request)
		return NULL;
	*request = (struct request){ .broker = broker, .pipeline = pipeline, .size = size };
	request->node = pipeline ? pipeline->node : &broker->nodes[0];
	list_init(&request->link);
	arena_init(&request->arena, REQUEST_ARENA_MAX);
	buffer_init(&request->out, ANSWER_BYTES_MAX);
	return request;
}

void request_free(struct request *request)
{
	buffer_done(&request->out);
	arena_done(&request->arena);
	free(request);
}

void *request_response(struct request *request)
{
	void *response = arena_take(&request->arena, message_size(request->api->response));

	if (response)
		message_default(request->api->response, response);
	return response;
}

static void answered(struct request *request)
{
	request->state = REQUEST_ANSWERED;
	request->gone = NULL;
	if (request->pipeline)
		pipeline_answered(request->pipeline, request);
	else
		request_free(request);
}

void request_answer_nothing(struct request *request)
{
	answered(request);
}

void request_fail(struct request *request, const char *why)
{
	if (request->pipeline)
		pipeline_break(request->pipeline, why);
	answered(request);
}

/* 0 when the answer is in `out`. */
static int write_answer(struct request *request, const void *response)
{
	struct fault fault = { 0 };
	int err;

	buffer_i32(&request->out, 0);
	response_head_write(request->api, request_version(request), request->head.correlation_id,
			    &request->out);
	err = message_write(request->api->response, request_version(request), response, &request->out,
			    &fault);
	if (err == 0 && request->out.err == 0) {
		put_be32(request->out.at, (uint32_t)(request->out.size - 4));
		return 0;
	}
	log_line(LOG_ERROR, "broker: an answer could not be written: %s", fault.text);
	buffer_reset(&request->out);
	return ERR_INTERNAL;
}

void request_write(struct request *request, const void *response)
{
	if (request->pipeline && (!response || write_answer(request, response) < 0))
		pipeline_break(request->pipeline, "an answer could not be written");
}

void request_written(struct request *request)
{
	answered(request);
}

void request_answer(struct request *request, const void *response)
{
	request_write(request, response);
	request_written(request);
}
