/* door.c - between stream and pipeline. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "broker/connections.h"
#include "broker/door.h"
#include "broker/login.h"
#include "broker/pipeline.h"
#include "loop/stream.h"

#define OPEN_TIMEOUT_MS 10000 /* of the TLS handshake; the login's own limit may be shorter */
#define FAILED_DELAY_MS 100   /* connection.failed.authentication.delay.ms: who guesses passwords waits */
#define READ_SIZE       16384
#define READS_EACH_TURN 16 /* then the other connections have theirs */
#define ADDRESS_SIZE    INET6_ADDRSTRLEN
#define WRITE_QUEUE_SIZE_MAX                                                                                 \
	((size_t)1 << 31) /* the pipeline starts nothing while more than a little is queued */

struct door {
	struct list link;
	struct broker *broker;
	struct stream *stream;
	struct pipeline pipeline;
	struct login login;
	struct timer *end; /* closes it, out of whatever call found the reason */
	int64_t active_ms, opened_ms;
	char host[ADDRESS_SIZE + 1]; /* "/127.0.0.1" */
};

static void door_close(struct door *door)
{
	struct broker *broker = door->broker;

	pipeline_close(&door->pipeline);
	login_done(&door->login);
	stream_free(door->stream);
	timer_free(door->end);
	list_remove(&door->link);
	broker->door_count--;
	free(door);
}

static void end(void *owner)
{
	door_close(owner);
}

static void opened(void *owner)
{
	struct door *door = owner;
	struct buffer subject;

	buffer_init(&subject, 4096);
	if (stream_peer_subject(door->stream, &subject))
		login_certificate(&door->login, buffer_bytes(&subject));
	else if (subject.err < 0)
		pipeline_break(&door->pipeline, "the name in its certificate is too long");
	buffer_done(&subject);
	if (door->login.principal.size &&
	    !connection_principal_welcome(door->broker, login_principal(&door->login)))
		pipeline_break(&door->pipeline, "too many connections with this certificate "
						"(interlock.max.connections.per.principal)");
}

static void readable(void *owner)
{
	struct door *door = owner;
	uint8_t bytes[READ_SIZE];

	door->active_ms = loop_now_ms(door->broker->loop);
	for (int i = 0; i < READS_EACH_TURN && !door->pipeline.paused && !door->pipeline.broken; i++) {
		size_t size;
		uint8_t *direct = pipeline_direct(&door->pipeline, &size);
		ssize_t got =
			stream_read(door->stream, direct ? direct : bytes, direct ? size : sizeof bytes);

		if (got <= 0)
			return; /* `closed` comes by itself */
		if (direct)
			pipeline_filled(&door->pipeline, (size_t)got);
		else
			pipeline_feed(&door->pipeline, view_of(bytes, (size_t)got));
	}
}

static void drained(void *owner)
{
	struct door *door = owner;

	pipeline_drained(&door->pipeline);
}

static void closed(void *owner, const struct fault *fault)
{
	struct door *door = owner;

	log_line(LOG_DEBUG, "broker: %s: %s", stream_peer(door->stream), fault->text);
	door_close(door);
}

static const struct stream_events stream_events = { opened, readable, drained, closed };

static void door_send(void *owner, struct view bytes)
{
	struct door *door = owner;
	struct iovec piece = { (void *)bytes.at, bytes.size };
	int err = stream_write(door->stream, &piece, 1);

	door->active_ms = loop_now_ms(door->broker->loop);
	if (err == ERR_LIMIT || err == ERR_MEMORY)
		pipeline_break(&door->pipeline, "the answer does not fit into memory");
}

static void door_send_held(void *owner, struct iovec *pieces, int count, void (*release)(void *context),
			   void *context)
{
	struct door *door = owner;

	door->active_ms = loop_now_ms(door->broker->loop);
	if (stream_write_held(door->stream, pieces, count, release, context) == ERR_MEMORY)
		pipeline_break(&door->pipeline, "the answer does not fit into memory");
}

static size_t door_queued(void *owner)
{
	return stream_queued(((struct door *)owner)->stream);
}

static void door_pause(void *owner, bool paused)
{
	stream_pause(((struct door *)owner)->stream, paused);
}

static void door_broken(void *owner, const char *why)
{
	struct door *door = owner;

	log_line(LOG_INFO, "broker: closing the connection of %s: %s", stream_peer(door->stream), why);
	stream_pause(door->stream, true);
	timer_start(door->end, 0);
}

/* The answer goes out; the rest of what the client says is not heard. */
static void login_failed(void *owner)
{
	struct door *door = owner;

	timer_start(door->end, FAILED_DELAY_MS);
}

static const struct pipeline_functions pipeline_functions = { door_send, door_queued, door_pause, door_broken,
							      door_send_held };

static void address_of(int fd, char host[ADDRESS_SIZE + 1])
{
	struct sockaddr_storage address;
	socklen_t size = sizeof address;
	const void *at = &((struct sockaddr_in *)&address)->sin_addr;

	strcpy(host, "/");
	if (getpeername(fd, (struct sockaddr *)&address, &size) < 0)
		return;
	if (address.ss_family == AF_INET6)
		at = &((struct sockaddr_in6 *)&address)->sin6_addr;
	if (address.ss_family == AF_INET || address.ss_family == AF_INET6)
		inet_ntop(address.ss_family, at, host + 1, ADDRESS_SIZE);
	if (strncmp(host, "/::ffff:", 8) == 0 &&
	    strchr(host, '.')) /* the same client, by the older protocol */
		memmove(host + 1, host + 8, strlen(host + 8) + 1);
}

/* Connections from this address; not counted when nothing asks for it. */
static int64_t same_address(const struct broker *broker, const char *host)
{
	int64_t same = 0;

	if (connections_of_address_max(broker, host) >= INT32_MAX)
		return 0;
	LIST_EACH(&broker->doors, link)
	same += strcmp(container_of(link, struct door, link)->host, host) == 0;
	return same;
}

int64_t doors_of_principal(const struct broker *broker, struct view principal)
{
	int64_t count = 0;

	LIST_EACH(&broker->doors, link)
	{
		const struct login *login = &container_of(link, struct door, link)->login;

		count += login->principal.size > 0 && view_equal(login_principal(login), principal);
	}
	return count;
}

void door_open(struct node *node, const struct entrance *entrance, int fd)
{
	struct broker *broker = node->broker;
	struct door *door = calloc(1, sizeof *door);

	if (!door) {
		close(fd);
		return;
	}
	door->broker = broker;
	address_of(fd, door->host);
	if (!connection_welcome(broker, fd, door->host, same_address(broker, door->host))) {
		free(door);
		return;
	}
	if (timer_new(broker->loop, end, door, &door->end) < 0) {
		close(fd);
		free(door);
		return;
	}
	pipeline_init(&door->pipeline, broker, &pipeline_functions, door);
	door->pipeline.node = node;
	door->pipeline.client_host = door->host;
	login_init(&door->login, entrance, login_failed, door);
	door->pipeline.login = &door->login;
	door->active_ms = door->opened_ms = loop_now_ms(broker->loop);
	if (stream_accepted(broker->loop, fd, entrance ? entrance->tls : NULL, WRITE_QUEUE_SIZE_MAX,
			    broker->properties.login_timeout_ms < OPEN_TIMEOUT_MS
				    ? broker->properties.login_timeout_ms
				    : OPEN_TIMEOUT_MS,
			    &stream_events, door, &door->stream) < 0) {
		timer_free(door->end);
		free(door);
		return;
	}
	list_append(&broker->doors, &door->link);
	broker->door_count++;
}

void doors_close(struct broker *broker)
{
	while (!list_empty(&broker->doors))
		door_close(container_of(broker->doors.next, struct door, link));
}

void doors_tick(struct broker *broker)
{
	int64_t now_ms = loop_now_ms(broker->loop);

	connections_tick(broker);
	LIST_EACH_SAFE(&broker->doors, link)
	{
		struct door *door = container_of(link, struct door, link);

		/* Who was not read because the whole broker was full goes on when it is not. */
		if (door->pipeline.paused && !door->pipeline.broken)
			pipeline_drained(&door->pipeline);
		if (door->login.state != LOGIN_OPEN && door->login.state != LOGIN_DONE &&
		    !door->login.again && now_ms - door->opened_ms > broker->properties.login_timeout_ms) {
			log_line(LOG_INFO, "broker: closing the connection of %s: it did not log in",
				 stream_peer(door->stream));
			door_close(door);
			continue;
		}
		/* Of who is not heard nobody sees either whether he has left. */
		if (broker->properties.idle_ms >= 0 &&
		    (door->pipeline.count == 0 || door->pipeline.muted_until_ms) &&
		    now_ms - door->active_ms > broker->properties.idle_ms)
			door_close(door);
	}
}
