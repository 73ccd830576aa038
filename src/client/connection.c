/*
 * connection.c - requests out, answers in, in order.
 *
 * Nothing is told from within a call of the owner's: a connection that fails remembers why, and a timer of no delay
 * gives everything under way its answer and then says that it is over.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "client/connection_inside.h"

#define REQUEST_SIZE_MAX  (128u << 20) /* brokers refuse more than 100 MiB by default */
#define WRITE_QUEUE_MAX   (256u << 20)
#define SCRATCH_SIZE_MAX  (4u << 20)
#define VERSIONS_SIZE_MAX (4u << 20)
#define OUTBOX_KEPT_MAX   (1u << 20)  /* one large request must not hold memory for ever */
#define READ_BUDGET       (8 << 20)   /* bytes in one turn, so that other connections have theirs */
#define FRAMES_IDLE_MAX   (32u << 20) /* see frame_pool_limit() */

#define API_PRODUCE 0

/* The connector. */

int connector_new(struct loop *loop, const struct cluster_config *config, struct connector **out,
		  struct fault *fault)
{
	struct connector *connector = calloc(1, sizeof *connector);
	int err;

	if (!connector)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	connector->loop = loop;
	connector->config = config_hold(config);
	err = frame_pool_new(FRAMES_IDLE_MAX, &connector->frames);
	if (err == 0 && config->token_source != TOKEN_NONE)
		err = tokens_new(loop, config, &connector->tokens);
	if (err < 0)
		fault_set(fault, err, "out of memory");
	if (err == 0 && config->use_tls)
		err = tls_new(&config->tls, &connector->tls, fault) < 0 ? fault_at(fault, "%s", config->name)
									: 0;
	if (err < 0) {
		connector_free(connector);
		return err;
	}
	*out = connector;
	return 0;
}

void connector_free(struct connector *connector)
{
	if (!connector)
		return;
	assert(connector->connection_count == 0);
	tokens_free(connector->tokens);
	tls_free(connector->tls);
	frame_pool_free(connector->frames);
	config_release(connector->config);
	free(connector);
}

struct frame_pool *connector_frames(struct connector *connector)
{
	return connector->frames;
}

/* The end of a connection. */

static void destroy(struct connection *c)
{
	inbox_done(&c->inbox);
	buffer_done(&c->outbox);
	buffer_done(&c->held);
	arena_done(&c->scratch);
	arena_done(&c->versions_arena);
	free(c);
}

/* Sockets, timers and the login go; the memory stays. */
static void let_go(struct connection *c)
{
	stream_free(c->stream);
	c->stream = NULL;
	login_stop(c);
}

void connection_free(struct connection *c)
{
	if (!c || c->freed)
		return;
	c->freed = true;
	let_go(c);
	timer_free(c->deadline);
	timer_free(c->idle);
	timer_free(c->soon);
	timer_free(c->relogin);
	c->connector->connection_count--;
	if (c->calls == 0)
		destroy(c);
}

/* Around everything that may call the owner. */
static void enter(struct connection *c)
{
	c->calls++;
}

/* False when the connection is gone. */
static bool leave(struct connection *c)
{
	c->calls--;
	if (!c->freed)
		return true;
	if (c->calls == 0)
		destroy(c);
	return false;
}

void connection_fail(struct connection *c, const struct fault *fault)
{
	bool opening = c->state == CONNECTION_CONNECTING || c->state == CONNECTION_VERSIONS;

	if (c->state == CONNECTION_CLOSED)
		return;
	c->state = CONNECTION_CLOSED;
	c->fault = *fault;
	/* What stands there and is no broker is, for whoever wants the cluster, one more way of not being reached. */
	if (opening && fault->err == ERR_MALFORMED)
		c->fault.err = ERR_NETWORK;
	if (c->stream)
		snprintf(c->peer, sizeof c->peer, "%s", stream_peer(c->stream));
	/* What could not even be connected to names the place itself. */
	if (strncmp(fault->text, "cannot connect", 14) != 0 &&
	    strncmp(fault->text, c->peer, strlen(c->peer)) != 0)
		fault_at(&c->fault, "%s", c->peer);
	let_go(c);
	timer_stop(c->deadline);
	timer_stop(c->idle);
	timer_stop(c->relogin);
	timer_start(c->soon, 0);
}

int connection_fault(struct connection *c, int err, const char *format, ...)
{
	struct fault fault = { .err = err };
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(fault.text, sizeof fault.text, format, arguments);
	va_end(arguments);
	connection_fail(c, &fault);
	return err;
}

static struct request *request_at(struct connection *c, int index)
{
	return &c->requests[(c->request_first + index) % REQUEST_RING_SIZE];
}

static struct request request_take(struct connection *c)
{
	struct request request = *request_at(c, 0);

	c->request_first = (c->request_first + 1) % REQUEST_RING_SIZE;
	c->request_count--;
	if (c->held_count > c->request_count)
		c->held_count = c->request_count;
	return request;
}

/* Adds one that has been sent, before those that are held; or one more that is held. */
static void request_add(struct connection *c, const struct request *request, bool held)
{
	int index = held ? c->request_count : c->request_count - c->held_count;

	for (int i = c->request_count; i > index; i--)
		*request_at(c, i) = *request_at(c, i - 1);
	*request_at(c, index) = *request;
	c->request_count++;
	c->held_count += held;
}

/* Gives everything under way its answer, then says that it is over. */
static void tell_closed(void *owner)
{
	struct connection *c = owner;

	enter(c);
	while (c->request_count > 0 && !c->freed) {
		struct request request = request_take(c);
		struct answer answer = { .err = c->fault.err,
					 .fault = &c->fault,
					 .api = request.api,
					 .version = request.version };

		if (request.answered)
			request.answered(request.context, &answer);
	}
	if (!c->freed)
		c->events.closed(c->owner, &c->fault);
	leave(c);
}

/* Deadlines. */

static const struct request *request_earliest(struct connection *c)
{
	const struct request *earliest = NULL;

	for (int i = 0; i < c->request_count; i++) {
		const struct request *request = request_at(c, i);

		if (!earliest || request->deadline_ms < earliest->deadline_ms)
			earliest = request;
	}
	return earliest;
}

/* Makes the timer stand at `deadline_ms`. */
static void watch_deadline(struct connection *c, int64_t deadline_ms)
{
	c->deadline_at_ms = deadline_ms;
	if (deadline_ms == INT64_MAX)
		timer_stop(c->deadline);
	else
		timer_start(c->deadline, deadline_ms - loop_now_ms(c->loop));
}

static void deadline_passed(void *owner)
{
	struct connection *c = owner;
	const struct request *request = request_earliest(c);
	int64_t now_ms = loop_now_ms(c->loop);

	if (!request || request->deadline_ms > now_ms) {
		/* The one that the timer stood for has been answered since. */
		watch_deadline(c, request ? request->deadline_ms : INT64_MAX);
		return;
	}
	connection_fault(c, ERR_TIMEOUT,
			 "no answer to %s within %lld ms; the connection is closed, since nothing behind it "
			 "can be answered sooner",
			 request->api->name, (long long)(now_ms - request->sent_ms));
}

static void idle_passed(void *owner)
{
	struct connection *c = owner;
	int64_t unused_ms = loop_now_ms(c->loop) - c->used_ms;
	int64_t idle_ms = c->connector->config->idle_ms;

	if (c->request_count == 0 && c->state == CONNECTION_READY && unused_ms >= idle_ms)
		connection_fault(c, ERR_CANCELLED, "closed by us after %lld ms without a request",
				 (long long)unused_ms);
	else
		timer_start(c->idle, unused_ms < idle_ms ? idle_ms - unused_ms : idle_ms);
}

/* Requests. */

/* Encodes the whole frame into the outbox. */
static int encode(struct connection *c, const struct api *api, int16_t version, const void *request,
		  int32_t id, struct fault *fault)
{
	struct request_head head = {
		.api_key = api->key,
		.api_version = version,
		.correlation_id = id,
		.client_id = view_text(c->connector->config->client_id),
	};
	int err;

	buffer_reset(&c->outbox);
	buffer_i32(&c->outbox, 0);
	err = request_head_write(&head, &c->outbox);
	if (err < 0)
		return fault_set(fault, err, "the head of %s cannot be written: %s", api->name,
				 err_text(err));
	err = message_write(api->request, version, request, &c->outbox, fault);
	if (err < 0)
		return err;
	put_be32(c->outbox.at, (uint32_t)(c->outbox.size - 4));
	return 0;
}

/* Sends what is in the outbox, or keeps it while a login is under way. */
static int transmit(struct connection *c, bool hold, struct fault *fault)
{
	struct iovec piece = { c->outbox.at, c->outbox.size };
	int err;

	if (hold) {
		buffer_view(&c->held, buffer_bytes(&c->outbox));
		err = c->held.err;
		if (err <
		    0) { /* whole requests only: a part that went in before the failure is impossible, see buffer.h */
			c->held.err = 0;
			return fault_set(fault, err, "%s: too many requests wait for the new login", c->peer);
		}
		return 0;
	}
	err = stream_write(c->stream, &piece, 1);
	if (c->outbox.capacity > OUTBOX_KEPT_MAX)
		buffer_done(&c->outbox);
	if (err == ERR_LIMIT)
		return fault_set(fault, err,
				 "%s: the broker takes no more requests now, and the queue is full", c->peer);
	if (err < 0)
		return fault_set(fault, err, "%s: the connection was lost", c->peer);
	return 0;
}

int connection_put(struct connection *c, const struct api *api, int16_t version, const void *request,
		   int64_t deadline_ms, answer_fn *answered, void *context, int32_t *out_id,
		   struct fault *fault)
{
	bool own = api->key == 17 || api->key == 36; /* the login itself does not wait for the login */
	bool hold = c->state == CONNECTION_RELOGIN && !own;
	struct request added = {
		.version = version,
		.api = api,
		.deadline_ms = deadline_ms,
		.answered = answered,
		.context = context,
	};
	int32_t id = c->id_next;
	int err;

	if (c->state == CONNECTION_CLOSED)
		return fault_set(fault, ERR_NETWORK, "%s", c->fault.text);
	if (!own && c->request_count >= CONNECTION_IN_FLIGHT_MAX)
		return fault_set(fault, ERR_LIMIT, "%s: %d requests are under way already", c->peer,
				 CONNECTION_IN_FLIGHT_MAX);
	err = encode(c, api, version, request, id, fault);
	if (err < 0)
		return err;
	assert(c->request_count < REQUEST_RING_SIZE);
	err = transmit(c, hold, fault);
	if (err < 0)
		return err;
	c->id_next = id == INT32_MAX ? 0 : id + 1;
	c->used_ms = loop_now_ms(c->loop);
	added.id = id;
	added.sent_ms = c->used_ms;
	request_add(c, &added, hold);
	if (deadline_ms < c->deadline_at_ms)
		watch_deadline(c, deadline_ms);
	if (out_id)
		*out_id = id;
	return 0;
}

static int check_version(const struct connection *c, int16_t api_key, int16_t version, struct fault *fault)
{
	int16_t since, until;
	int err;

	if (!connection_ready(c))
		return fault_set(fault, ERR_NETWORK, "%s: %s", c->peer,
				 c->state == CONNECTION_CLOSED ? c->fault.text : "not connected yet");
	err = connection_versions(c, api_key, &since, &until);
	if (err < 0 || version < since || version > until)
		return fault_set(fault, ERR_UNSUPPORTED, "%s: the broker does not speak version %d of API %d",
				 c->peer, version, api_key);
	return 0;
}

int connection_send(struct connection *c, int16_t api_key, int16_t version, const void *request,
		    int64_t deadline_ms, answer_fn *answered, void *context, int32_t *out_id,
		    struct fault *fault)
{
	int err = check_version(c, api_key, version, fault);

	if (err < 0)
		return err;
	return connection_put(c, api_find(api_key), version, request, deadline_ms, answered, context, out_id,
			      fault);
}

int connection_post(struct connection *c, int16_t api_key, int16_t version, const void *request,
		    struct fault *fault)
{
	int err = check_version(c, api_key, version, fault);

	assert(api_key == API_PRODUCE); /* every other request is answered */
	if (err == 0)
		err = encode(c, api_find(api_key), version, request, c->id_next, fault);
	if (err == 0)
		err = transmit(c, c->state == CONNECTION_RELOGIN, fault);
	if (err < 0)
		return err;
	c->id_next = c->id_next == INT32_MAX ? 0 : c->id_next + 1;
	c->used_ms = loop_now_ms(c->loop);
	return 0;
}

void connection_forget(struct connection *c, int32_t id)
{
	for (int i = 0; i < c->request_count; i++) {
		struct request *request = request_at(c, i);

		if (request->id == id)
			request->answered = NULL;
	}
}

/* Answers. */

/* Hands one frame to whoever asked.  An error ends the connection. */
static int deliver(struct connection *c, struct frame *frame, struct fault *fault)
{
	struct cursor cursor = cursor_over(view_of(frame->at, frame->size));
	struct answer answer = { .frame = frame };
	struct request request;
	int32_t id;
	int err;

	if (c->request_count == c->held_count)
		return fault_set(fault, ERR_MALFORMED, "an answer of %zu bytes came that nobody asked for",
				 frame->size);
	request = c->requests[c->request_first];
	arena_reset(&c->scratch);
	err = response_head_read(request.api, request.version, &cursor, &c->scratch, &id, fault);
	if (err < 0)
		return err;
	if (id != request.id)
		return fault_set(fault, ERR_MALFORMED,
				 "the answer has number %d where %d (%s) was due: the peer is not a Kafka "
				 "broker, or the stream is damaged",
				 id, request.id, request.api->name);
	request_take(c);
	if (c->state == CONNECTION_READY)
		c->answered_since_ready = true;
	answer.api = request.api;
	answer.version = request.version;
	answer.body = view_of(cursor.at, cursor_left(&cursor));
	if (request.answered)
		request.answered(request.context, &answer);
	return 0;
}

static void login_again(struct connection *c)
{
	if (c->state == CONNECTION_RELOGIN && c->request_count == c->held_count && !c->sasl && !c->token_wait)
		login_start(c);
}

static void readable(void *owner)
{
	struct connection *c = owner;
	struct fault fault = { 0 };
	int64_t budget = READ_BUDGET;
	struct frame *frame;
	int err;

	enter(c);
	c->heard_ms = loop_now_ms(c->loop);
	while ((err = inbox_next(&c->inbox, c->stream, &budget, &frame, &fault)) == 1) {
		err = deliver(c, frame, &fault);
		frame_release(frame);
		if (err < 0 || c->freed || c->state == CONNECTION_CLOSED)
			break;
	}
	if (err < 0 && fault.err < 0 && !c->freed)
		connection_fail(c, &fault);
	if (!c->freed && c->state == CONNECTION_RELOGIN)
		login_again(c);
	leave(c);
}

/* Opening. */

static void opened(void *owner)
{
	struct connection *c = owner;

	snprintf(c->peer, sizeof c->peer, "%s", stream_peer(c->stream));
	connection_ask_versions(c);
}

/* The stream is over: adds what the moment tells about the cause. */
static void stream_over(void *owner, const struct fault *fault)
{
	struct connection *c = owner;
	const char *hint = "";

	if (fault->err == ERR_NETWORK && c->state == CONNECTION_VERSIONS)
		hint = c->connector->config->use_tls
			       ? ""
			       : " at the first request; does this port want TLS (security.protocol)?";
	else if (fault->err == ERR_NETWORK && c->state == CONNECTION_LOGIN)
		hint = " during the login";
	else if (fault->err == ERR_NETWORK && c->state == CONNECTION_READY && c->request_count > 0 &&
		 !c->answered_since_ready && !c->connector->config->mechanism)
		hint = "; when this listener wants a login, set security.protocol to SASL_PLAINTEXT or "
		       "SASL_SSL";
	connection_fault(c, fault->err, "%s%s", fault->text, hint);
}

static void relogin_due(void *owner)
{
	struct connection *c = owner;

	if (c->state != CONNECTION_READY)
		return;
	c->state = CONNECTION_RELOGIN;
	login_again(c);
}

void connection_logged_in(struct connection *c, int64_t lifetime_ms)
{
	bool again = c->state == CONNECTION_RELOGIN;
	struct iovec piece = { c->held.at, c->held.size };

	c->state = CONNECTION_READY;
	c->used_ms = loop_now_ms(c->loop);
	/* Between 85 and 95 % of the session's life, as the Java client does, so that not all come at once. */
	if (lifetime_ms > 0)
		timer_start(c->relogin,
			    lifetime_ms / 100 * (85 + (int64_t)random_below(loop_random(c->loop), 10)));
	if (again) {
		if (c->held.size > 0 && stream_write(c->stream, &piece, 1) < 0)
			connection_fault(c, ERR_NETWORK, "the connection was lost");
		buffer_reset(&c->held);
		c->held_count = 0;
		return;
	}
	if (c->connector->config->idle_ms > 0)
		timer_start(c->idle, c->connector->config->idle_ms);
	c->events.ready(c->owner); /* every way here comes from readable(), which looks at `freed` */
}

static const struct stream_events stream_events = { opened, readable, NULL, stream_over };

static int connection_begin(struct connection *c)
{
	const struct cluster_config *config = c->connector->config;
	struct stream_target target = {
		.host = c->host,
		.port = c->port,
		.timeout_ms = config->connect_timeout_ms,
		.tls = c->connector->tls,
		.receive_buffer_size = config->receive_buffer_size,
		.send_buffer_size = config->send_buffer_size,
		.write_queue_size_max = WRITE_QUEUE_MAX,
	};

	if (inbox_init(&c->inbox, c->connector->frames, config->frame_size_max) < 0 ||
	    timer_new(c->loop, deadline_passed, c, &c->deadline) < 0 ||
	    timer_new(c->loop, idle_passed, c, &c->idle) < 0 ||
	    timer_new(c->loop, tell_closed, c, &c->soon) < 0 ||
	    timer_new(c->loop, relogin_due, c, &c->relogin) < 0)
		return ERR_MEMORY;
	return stream_connect(c->loop, &target, &stream_events, c, &c->stream);
}

int connection_new(struct connector *connector, const char *host, uint16_t port,
		   const struct connection_events *events, void *owner, struct connection **out)
{
	struct connection *c;
	int err;

	if (strlen(host) >= sizeof c->host)
		return ERR_LIMIT;
	c = calloc(1, sizeof *c);
	if (!c)
		return ERR_MEMORY;
	c->connector = connector;
	c->loop = connector->loop;
	c->events = *events;
	c->owner = owner;
	c->port = port;
	c->deadline_at_ms = INT64_MAX;
	c->heard_ms = c->used_ms = loop_now_ms(c->loop);
	snprintf(c->host, sizeof c->host, "%s", host);
	snprintf(c->peer, sizeof c->peer, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
	buffer_init(&c->outbox, REQUEST_SIZE_MAX);
	buffer_init(&c->held, REQUEST_SIZE_MAX);
	arena_init(&c->scratch, SCRATCH_SIZE_MAX);
	arena_init(&c->versions_arena, VERSIONS_SIZE_MAX);
	connector->connection_count++;
	err = connection_begin(c);
	if (err < 0) {
		connection_free(c);
		return err;
	}
	*out = c;
	return 0;
}

/* What others may ask. */

bool connection_ready(const struct connection *c)
{
	return c->state == CONNECTION_READY || c->state == CONNECTION_RELOGIN;
}

int connection_in_flight(const struct connection *c)
{
	return c->request_count;
}

int connection_versions(const struct connection *c, int16_t api_key, int16_t *since, int16_t *until)
{
	if (!c->versions_known || c->state == CONNECTION_VERSIONS)
		return ERR_STALE;
	if (api_key < 0 || api_key >= API_KEY_COUNT || c->ranges[api_key].since > c->ranges[api_key].until)
		return ERR_UNSUPPORTED;
	if (since)
		*since = c->ranges[api_key].since;
	if (until)
		*until = c->ranges[api_key].until;
	return 0;
}

const void *connection_api_versions(const struct connection *c)
{
	return c->versions_known ? &c->versions : NULL;
}

const char *connection_peer(const struct connection *c)
{
	return c->peer;
}

int64_t connection_heard_ms(const struct connection *c)
{
	return c->heard_ms;
}
