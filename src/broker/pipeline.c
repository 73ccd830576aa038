/* pipeline.c - frames in, answers out, in order. */
#include "base/bits.h"
#include "broker/api.h"
#include "broker/login.h"
#include "broker/pipeline.h"
#include "broker/throttle.h"

#define DIRECT_MIN 4096

void pipeline_init(struct pipeline *pipeline, struct broker *broker,
		   const struct pipeline_functions *functions, void *owner)
{
	*pipeline = (struct pipeline){ .broker = broker,
				       .node = &broker->nodes[0],
				       .functions = functions,
				       .owner = owner,
				       .client_host = "/unknown" };
	list_init(&pipeline->requests);
	list_init(&pipeline->ready);
	list_init(&pipeline->muted);
}

static void forget(struct pipeline *pipeline, struct request *request)
{
	list_remove(&request->link);
	pipeline->count--;
	pipeline->bytes -= request->size;
	pipeline->broker->request_bytes -= (int64_t)request->size;
}

/* Takes a request that is being worked on out of the way: it ends by itself. */
static void abandon(struct pipeline *pipeline, struct request *request)
{
	forget(pipeline, request);
	throttle_gone(request);
	request->pipeline = NULL;
	if (request->gone)
		request->gone(request);
}

void pipeline_close(struct pipeline *pipeline)
{
	if (pipeline->closed)
		return;
	pipeline->closed = true;
	list_remove(&pipeline->ready);
	list_remove(&pipeline->muted);
	if (pipeline->filling)
		request_free(pipeline->filling);
	pipeline->filling = NULL;
	while (!list_empty(&pipeline->requests)) {
		struct request *request = container_of(pipeline->requests.next, struct request, link);

		if (request->state == REQUEST_STARTED) {
			abandon(pipeline, request);
		} else {
			forget(pipeline, request);
			request_free(request);
		}
	}
}

void pipeline_break(struct pipeline *pipeline, const char *why)
{
	if (pipeline->broken || pipeline->closed)
		return;
	pipeline->broken = true;
	pipeline->functions->broken(pipeline->owner, why);
}

static void sent(void *context)
{
	request_free(context);
}

/* For an owner that only takes whole answers. */
static void send_gathered(struct pipeline *pipeline, const struct request *request)
{
	struct buffer whole;

	buffer_init(&whole, SIZE_MAX / 2);
	for (int i = 0; i < request->piece_count; i++)
		buffer_put(&whole, request->pieces[i].iov_base, request->pieces[i].iov_len);
	if (whole.err)
		pipeline_break(pipeline, "the answer does not fit into memory");
	else
		pipeline->functions->send(pipeline->owner, buffer_bytes(&whole));
	buffer_done(&whole);
}

static void send_answers(struct pipeline *pipeline)
{
	while (!list_empty(&pipeline->requests) && !pipeline->broken) {
		struct request *request = container_of(pipeline->requests.next, struct request, link);

		if (request->state != REQUEST_ANSWERED)
			return;
		forget(pipeline, request);
		if (request->piece_count && pipeline->functions->send_held) {
			pipeline->functions->send_held(pipeline->owner, request->pieces, request->piece_count,
						       sent, request);
			continue;
		}
		if (request->piece_count)
			send_gathered(pipeline, request);
		else if (request->out.size)
			pipeline->functions->send(pipeline->owner, buffer_bytes(&request->out));
		request_free(request);
	}
}

static bool overlaps(const struct request *request)
{
	return request->size >= 2 && get_be16(request->frame) == API_PRODUCE;
}

static struct request *next_waiting(struct pipeline *pipeline)
{
	LIST_EACH(&pipeline->requests, link)
	{
		struct request *request = container_of(link, struct request, link);

		if (request->state == REQUEST_WAITING)
			return request;
	}
	return NULL;
}

static void start(struct pipeline *pipeline, struct request *request)
{
	request->state = REQUEST_STARTED;
	pipeline->running++;
	pipeline->running_alone += !overlaps(request);
	if (throttle_wants_time(pipeline->broker->throttle)) {
		throttle_time_begin(request);
		api_start(request); /* answered or not, it is still in the list */
		throttle_time_end(request);
		return;
	}
	api_start(request);
}

static void start_requests(struct pipeline *pipeline)
{
	struct request *request;

	while (!pipeline->broken && pipeline->running_alone == 0 && !pipeline->muted_until_ms &&
	       pipeline->functions->queued(pipeline->owner) < PIPELINE_OUT_BYTES_MAX) {
		request = next_waiting(pipeline);
		if (!request || (pipeline->running > 0 && !overlaps(request)))
			return;
		start(pipeline, request);
	}
}

static void pump(struct pipeline *pipeline)
{
	bool full;

	if (pipeline->pumping || pipeline->closed) {
		pipeline->again = true;
		return;
	}
	pipeline->pumping = true;
	do {
		pipeline->again = false;
		send_answers(pipeline);
		start_requests(pipeline);
	} while (pipeline->again && !pipeline->broken);
	pipeline->pumping = false;
	full = pipeline->count >= PIPELINE_REQUESTS_MAX || pipeline->bytes >= PIPELINE_BYTES_MAX ||
	       broker_requests_full(pipeline->broker) || pipeline->muted_until_ms;
	if (full != pipeline->paused) {
		pipeline->paused = full;
		pipeline->functions->pause(pipeline->owner, full);
	}
}

void pipeline_answered(struct pipeline *pipeline, struct request *request)
{
	pipeline->running--;
	pipeline->running_alone -= !overlaps(request);
	if (pipeline->pumping) {
		pipeline->again = true;
		return;
	}
	/* Whoever answers may be in the middle of something, and the next request could touch it. */
	if (list_empty(&pipeline->ready))
		list_append(&pipeline->broker->ready, &pipeline->ready);
	timer_start(pipeline->broker->soon, 0);
}

void pipeline_alone(struct request *request)
{
	if (request->pipeline && !request->alone)
		request->pipeline->running_alone++;
	request->alone = true;
}

void pipeline_overlap(struct request *request)
{
	if (request->pipeline && request->alone)
		request->pipeline->running_alone--;
	request->alone = false;
}

void pipelines_pump(struct broker *broker)
{
	timer_stop(broker->soon);
	while (!list_empty(&broker->ready)) {
		struct pipeline *pipeline = container_of(broker->ready.next, struct pipeline, ready);

		list_remove(&pipeline->ready);
		pump(pipeline);
	}
}

void pipeline_drained(struct pipeline *pipeline)
{
	pump(pipeline);
}

/* The length of the next frame is known. */
static bool frame_begin(struct pipeline *pipeline)
{
	int64_t size = (int32_t)get_be32(pipeline->head);

	pipeline->head_size = 0;
	if (size < 0 || size > login_frame_size_max(pipeline->login, pipeline->broker)) {
		pipeline_break(pipeline,
			       "a frame whose size is out of range (socket.request.max.bytes; before a "
			       "login sasl.server.max.receive.size)");
		return false;
	}
	pipeline->filling = request_new(pipeline->broker, pipeline, (size_t)size);
	pipeline->filled = 0;
	if (!pipeline->filling) {
		pipeline_break(pipeline, "no memory for a request");
		return false;
	}
	return true;
}

static void frame_end(struct pipeline *pipeline)
{
	struct request *request = pipeline->filling;

	pipeline->filling = NULL;
	list_append(&pipeline->requests, &request->link);
	pipeline->count++;
	pipeline->bytes += request->size;
	pipeline->broker->request_bytes += (int64_t)request->size;
}

void pipeline_feed(struct pipeline *pipeline, struct view bytes)
{
	struct cursor c = cursor_over(bytes);
	bool more = true;

	while (more && !pipeline->broken && !pipeline->closed) {
		if (!pipeline->filling) {
			while (pipeline->head_size < 4 && cursor_left(&c) > 0)
				pipeline->head[pipeline->head_size++] = *cursor_take(&c, 1);
			if (pipeline->head_size < 4)
				break;
			if (!frame_begin(pipeline))
				return;
		}
		size_t want = pipeline->filling->size - pipeline->filled;
		size_t take = want < cursor_left(&c) ? want : cursor_left(&c);

		if (take)
			memcpy(pipeline->filling->frame + pipeline->filled, cursor_take(&c, take), take);
		pipeline->filled += take;
		if (pipeline->filled == pipeline->filling->size)
			frame_end(pipeline);
		more = cursor_left(&c) > 0;
	}
	pump(pipeline);
}

uint8_t *pipeline_direct(struct pipeline *pipeline, size_t *size)
{
	size_t left = pipeline->filling ? pipeline->filling->size - pipeline->filled : 0;

	*size = left >= DIRECT_MIN ? left : 0;
	return *size ? pipeline->filling->frame + pipeline->filled : NULL;
}

void pipeline_filled(struct pipeline *pipeline, size_t size)
{
	pipeline->filled += size;
	if (pipeline->filled < pipeline->filling->size)
		return;
	frame_end(pipeline);
	pump(pipeline);
}
