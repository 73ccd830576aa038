/* request.c - the life of one request. */
#include <assert.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/log.h"
#include "broker/pipeline.h"
#include "broker/throttle.h"

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
	if (request->done)
		request->done(request);
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
	if (request->api && request->head.api_key == API_PRODUCE)
		throttle_answer(request, NULL);
	answered(request);
}

void request_fail(struct request *request, const char *why)
{
	if (request->pipeline)
		pipeline_break(request->pipeline, why);
	answered(request);
}

/* 0 when the answer is in `out`, but for what was cut out of it. */
static int write_answer(struct request *request, const void *response, struct message_cuts *cuts, size_t more,
			size_t *body)
{
	struct fault fault = { 0 };
	int err;

	buffer_i32(&request->out, 0);
	response_head_write(request->api, request_version(request), request->head.correlation_id,
			    &request->out);
	*body = request->out.size;
	err = message_write_around(request->api->response, request_version(request), response, &request->out,
				   cuts, &fault);
	if (err == 0 && request->out.err == 0 && request->out.size - 4 + more <= INT32_MAX) {
		put_be32(request->out.at, (uint32_t)(request->out.size - 4 + more));
		return 0;
	}
	log_line(LOG_ERROR, "broker: an answer could not be written: %s", fault.text);
	buffer_reset(&request->out);
	return ERR_INTERNAL;
}

void request_write(struct request *request, void *response)
{
	size_t body;

	if (response)
		throttle_answer(request, response);
	if (request->pipeline && (!response || write_answer(request, response, NULL, 0, &body) < 0))
		pipeline_break(request->pipeline, "an answer could not be written");
}

static void add_piece(struct request *request, const void *at, size_t size)
{
	if (size)
		request->pieces[request->piece_count++] = (struct iovec){ (void *)(uintptr_t)at, size };
}

void request_write_around(struct request *request, void *response, const struct request_run *runs, int count)
{
	struct message_cuts cuts = { arena_array(&request->arena, (size_t)count + 1, sizeof *cuts.at), 0,
				     count };
	size_t more = 0, total = 2 * (size_t)count + 1, from = 0, body;

	if (!request->pipeline)
		return;
	if (response)
		throttle_answer(request, response);
	for (int i = 0; i < count; i++) {
		total += (size_t)runs[i].count;
		for (int k = 0; k < runs[i].count; k++)
			more += runs[i].pieces[k].iov_len;
	}
	request->pieces = arena_array(&request->arena, total, sizeof *request->pieces);
	if (!cuts.at || !request->pieces || !response ||
	    write_answer(request, response, &cuts, more, &body) < 0) {
		pipeline_break(request->pipeline, "an answer could not be written");
		return;
	}
	assert(cuts.count == count);
	for (int i = 0; i < count; i++) {
		size_t at = body + cuts.at[i];

		add_piece(request, request->out.at + from, at - from);
		for (int k = 0; k < runs[i].count; k++)
			add_piece(request, runs[i].pieces[k].iov_base, runs[i].pieces[k].iov_len);
		from = at;
	}
	add_piece(request, request->out.at + from, request->out.size - from);
}

void request_written(struct request *request)
{
	answered(request);
}

void request_answer(struct request *request, void *response)
{
	request_write(request, response);
	request_written(request);
}
