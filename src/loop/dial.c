/*
 * dial.c - resolve, then one address after the other.
 *
 * An address that swallows packets must not eat the time of those behind it: each gets an equal share of what
 * is left.  When all fail, the fault says how each of them did.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/buffer.h"
#include "loop/dial.h"
#include "loop/dns.h"

/* A socket on its way; apart from the dial, since libuv lets go of it a turn later. */
struct attempt {
	uv_poll_t poll;
	struct dial *dial;
	int fd;
};

struct dial {
	struct loop *loop;
	struct dns_query *query;
	struct timer *timer; /* the share of the address under way, or of the name server */
	struct attempt *attempt;
	struct dns_address *addresses;
	int address_count, address_index;
	int64_t deadline_ms, timeout_ms;
	int receive_buffer_size, send_buffer_size;
	struct buffer failures; /* "10.0.0.7: connection refused; ..." */
	dial_done *done;
	void *owner;
	char host[256];
	uint16_t port;
};

void socket_prepare(int fd, int receive_buffer_size, int send_buffer_size)
{
	int yes = 1, idle_s = 60, interval_s = 10, probes = 6;

	/* Nothing of this is worth a failed connection: what cannot be set is left. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
	if (receive_buffer_size > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer_size, sizeof receive_buffer_size);
	if (send_buffer_size > 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer_size, sizeof send_buffer_size);
}

static void attempt_closed(uv_handle_t *uv)
{
	free(uv->data);
}

/* Lets go of the attempt; returns its socket, open. */
static int attempt_end(struct dial *dial)
{
	struct attempt *attempt = dial->attempt;

	dial->attempt = NULL;
	uv_poll_stop(&attempt->poll);
	uv_close((uv_handle_t *)&attempt->poll, attempt_closed);
	return attempt->fd;
}

static void dial_free(struct dial *dial)
{
	if (dial->attempt)
		close(attempt_end(dial));
	dns_cancel(dial->query);
	timer_free(dial->timer);
	buffer_done(&dial->failures);
	free(dial->addresses);
	free(dial);
}

void dial_cancel(struct dial *dial)
{
	if (dial)
		dial_free(dial);
}

static void dial_end(struct dial *dial, int fd, const char *address, const struct fault *fault)
{
	dial_done *done = dial->done;
	void *owner = dial->owner;
	char text[DNS_TEXT_SIZE] = "";

	if (address)
		snprintf(text, sizeof text, "%s", address);
	dial_free(dial);
	done(owner, fd, address ? text : NULL, fault);
}

static void note_failure(struct dial *dial, const char *why)
{
	buffer_printf(&dial->failures, "%s%s: %s", dial->failures.size > 0 ? "; " : "",
		      dial->addresses[dial->address_index].text, why);
}

static void try_next(struct dial *dial);

static void attempt_ready(uv_poll_t *poll, int status, int events)
{
	struct attempt *attempt = poll->data;
	struct dial *dial = attempt->dial;
	int err = 0, fd;
	socklen_t size = sizeof err;

	(void)events;
	/* libuv says EBADF to every error of a socket; the socket knows better. */
	if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0)
		err = errno;
	else if (err == 0 && status < 0)
		err = -status;
	fd = attempt_end(dial);
	if (err == 0) {
		dial_end(dial, fd, dial->addresses[dial->address_index].text, NULL);
		return;
	}
	close(fd);
	note_failure(dial, strerror(err));
	dial->address_index++;
	try_next(dial);
}

/* Returns 0 when the attempt is under way, else an errno. */
static int attempt_start(struct dial *dial, const struct dns_address *address)
{
	struct attempt *attempt = calloc(1, sizeof *attempt);
	int fd, err;

	if (!attempt)
		return ENOMEM;
	fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		goto no_socket;
	socket_prepare(fd, dial->receive_buffer_size, dial->send_buffer_size);
	if (connect(fd, (const struct sockaddr *)&address->at, address->size) < 0 && errno != EINPROGRESS)
		goto no_connection;
	err = uv_poll_init(loop_uv(dial->loop), &attempt->poll, fd);
	if (err < 0) {
		errno = -err;
		goto no_connection;
	}
	attempt->poll.data = attempt;
	attempt->dial = dial;
	attempt->fd = fd;
	dial->attempt = attempt;
	uv_poll_start(&attempt->poll, UV_WRITABLE, attempt_ready);
	return 0;

no_connection:
	err = errno;
	close(fd);
	errno = err;
no_socket:
	err = errno;
	free(attempt);
	return err;
}

static void try_next(struct dial *dial)
{
	struct fault fault = { 0 };

	for (; dial->address_index < dial->address_count; dial->address_index++) {
		int64_t left_ms = dial->deadline_ms - loop_now_ms(dial->loop);
		int err;

		if (left_ms <= 0) {
			note_failure(dial, "not tried, the time was up");
			continue;
		}
		err = attempt_start(dial, &dial->addresses[dial->address_index]);
		if (err == 0) {
			timer_start(dial->timer, left_ms / (dial->address_count - dial->address_index));
			return;
		}
		note_failure(dial, strerror(err));
	}
	fault_set(&fault, ERR_NETWORK, "cannot connect to %s:%u: %s", dial->host, dial->port,
		  buffer_string(&dial->failures));
	dial_end(dial, -1, NULL, &fault);
}

static void time_is_up(void *owner)
{
	struct dial *dial = owner;
	struct fault fault = { 0 };

	if (dial->attempt) {
		close(attempt_end(dial));
		note_failure(dial, "no answer");
		dial->address_index++;
		try_next(dial);
		return;
	}
	fault_set(&fault, ERR_TIMEOUT, "the name '%s' was not resolved within %lld ms", dial->host,
		  (long long)dial->timeout_ms);
	dial_end(dial, -1, NULL, &fault);
}

static void resolved(void *owner, const struct dns_address *addresses, int count, const struct fault *fault)
{
	struct dial *dial = owner;
	struct fault no_memory = { 0 };

	dial->query = NULL;
	timer_stop(dial->timer);
	if (count == 0) {
		dial_end(dial, -1, NULL, fault);
		return;
	}
	dial->addresses = calloc((size_t)count, sizeof *addresses);
	if (!dial->addresses) {
		fault_set(&no_memory, ERR_MEMORY, "out of memory");
		dial_end(dial, -1, NULL, &no_memory);
		return;
	}
	memcpy(dial->addresses, addresses, (size_t)count * sizeof *addresses);
	dial->address_count = count;
	try_next(dial);
}

int dial_start(struct loop *loop, const char *host, uint16_t port, int64_t timeout_ms,
	       int receive_buffer_size, int send_buffer_size, dial_done *done, void *owner, struct dial **out)
{
	struct dial *dial = calloc(1, sizeof *dial);
	int err = ERR_MEMORY;

	if (!dial)
		return ERR_MEMORY;
	dial->loop = loop;
	dial->timeout_ms = timeout_ms;
	dial->deadline_ms = loop_now_ms(loop) + timeout_ms;
	dial->receive_buffer_size = receive_buffer_size;
	dial->send_buffer_size = send_buffer_size;
	dial->done = done;
	dial->owner = owner;
	dial->port = port;
	snprintf(dial->host, sizeof dial->host, "%s", host);
	buffer_init(&dial->failures, 700);
	if (timer_new(loop, time_is_up, dial, &dial->timer) < 0)
		goto fail;
	err = dns_resolve(loop, host, port, resolved, dial, &dial->query);
	if (err < 0)
		goto fail;
	timer_start(dial->timer, timeout_ms);
	*out = dial;
	return 0;

fail:
	dial_free(dial);
	return err;
}
