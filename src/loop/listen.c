/* listen.c - a listening socket, polled like those of stream.c. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "loop/listen.h"

#define ACCEPTS_EACH_TURN 64 /* then the others of the loop have theirs */
#define RETRY_MS          100

struct listener {
	uv_poll_t poll;
	struct timer *retry; /* when this process is out of file descriptors */
	listener_accepted *accepted;
	void *owner;
	int fd;
	uint16_t port;
	int calls;
	bool paused, freed, closed;
};

static void destroy(struct listener *listener)
{
	if (listener->closed && listener->calls == 0)
		free(listener);
}

static void poll_closed(uv_handle_t *uv)
{
	struct listener *listener = uv->data;

	listener->closed = true;
	destroy(listener);
}

static void ready(uv_poll_t *poll, int status, int events)
{
	struct listener *listener = poll->data;

	listener->calls++;
	for (int i = 0; i < ACCEPTS_EACH_TURN && !listener->paused && !listener->freed; i++) {
		int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			listener->accepted(listener->owner, fd);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		/* Whoever waits would wake us again and again. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			uv_poll_stop(&listener->poll);
			timer_start(listener->retry, RETRY_MS);
		}
		break;
	}
	listener->calls--;
	destroy(listener);
}

static void retry(void *owner)
{
	struct listener *listener = owner;

	if (!listener->paused)
		uv_poll_start(&listener->poll, UV_READABLE, ready);
}

static int bind_one(const struct addrinfo *address, int backlog, int *out)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, saved;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address->ai_family == AF_INET6) {
		on = 0; /* all addresses are all addresses */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	}
	if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 ||
	    listen(fd, backlog > 0 ? backlog : SOMAXCONN) < 0) {
		saved = errno;
		close(fd);
		return -saved;
	}
	*out = fd;
	return 0;
}

/* The first address of `host` that can be had. */
static int bind_any(const struct listener_options *options, int *out, struct fault *fault)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE };
	const char *host = options->host && *options->host ? options->host : NULL;
	struct addrinfo *found;
	char port[8];
	int err;

	snprintf(port, sizeof port, "%u", options->port);
	err = getaddrinfo(host, port, &hints, &found);
	if (err != 0)
		return fault_set(fault, ERR_NETWORK, "cannot listen on %s:%s: %s", host ? host : "*", port,
				 gai_strerror(err));
	err = -EADDRNOTAVAIL;
	for (struct addrinfo *at = found; at && err < 0; at = at->ai_next)
		err = bind_one(at, options->backlog, out);
	freeaddrinfo(found);
	if (err == 0)
		return 0;
	return fault_set(fault, err == -EADDRINUSE ? ERR_CONFLICT : ERR_NETWORK, "cannot listen on %s:%s: %s",
			 host ? host : "*", port, strerror(-err));
}

static uint16_t bound_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof address;

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

int listener_new(struct loop *loop, const struct listener_options *options, listener_accepted *accepted,
		 void *owner, struct listener **out, struct fault *fault)
{
	struct listener *listener = calloc(1, sizeof *listener);
	int err;

	if (!listener)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	listener->accepted = accepted;
	listener->owner = owner;
	err = bind_any(options, &listener->fd, fault);
	if (err < 0)
		goto free_listener;
	err = timer_new(loop, retry, listener, &listener->retry);
	if (err == 0 && uv_poll_init(loop_uv(loop), &listener->poll, listener->fd) < 0) {
		timer_free(listener->retry);
		err = ERR_MEMORY;
	}
	if (err < 0) {
		fault_set(fault, err, "out of memory");
		goto close_socket;
	}
	listener->port = bound_port(listener->fd);
	listener->poll.data = listener;
	uv_poll_start(&listener->poll, UV_READABLE, ready);
	*out = listener;
	return 0;
close_socket:
	close(listener->fd);
free_listener:
	free(listener);
	return err;
}

uint16_t listener_port(const struct listener *listener)
{
	return listener->port;
}

void listener_pause(struct listener *listener, bool paused)
{
	if (listener->paused == paused)
		return;
	listener->paused = paused;
	timer_stop(listener->retry);
	if (paused)
		uv_poll_stop(&listener->poll);
	else
		uv_poll_start(&listener->poll, UV_READABLE, ready);
}

void listener_free(struct listener *listener)
{
	if (!listener || listener->freed)
		return;
	listener->freed = true;
	timer_free(listener->retry);
	uv_poll_stop(&listener->poll);
	close(listener->fd);
	uv_close((uv_handle_t *)&listener->poll, poll_closed);
}
