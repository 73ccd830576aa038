/* accept.h - the accepting side for tests: listens on a loopback port of the same loop and hands out streams. */
#ifndef TEST_LOOP_ACCEPT_H
#define TEST_LOOP_ACCEPT_H

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "loop/loop.h"
#include "loop/stream.h"

struct acceptor {
	uv_poll_t poll;
	int fd;
	uint16_t port;
	void (*accepted)(void *owner, int fd);
	void *owner;
	bool closed;
};

static void acceptor_ready(uv_poll_t *poll, int status, int events)
{
	struct acceptor *acceptor = poll->data;
	int fd = accept4(acceptor->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)status, (void)events;
	if (fd >= 0)
		acceptor->accepted(acceptor->owner, fd);
}

static inline int acceptor_open(struct acceptor *acceptor, struct loop *loop,
				void (*accepted)(void *owner, int fd), void *owner)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;

	memset(acceptor, 0, sizeof *acceptor);
	acceptor->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(acceptor->fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(acceptor->fd, 64) < 0)
		return ERR_NETWORK;
	getsockname(acceptor->fd, (struct sockaddr *)&at, &size);
	acceptor->port = ntohs(at.sin_port);
	acceptor->accepted = accepted;
	acceptor->owner = owner;
	uv_poll_init(loop_uv(loop), &acceptor->poll, acceptor->fd);
	acceptor->poll.data = acceptor;
	uv_poll_start(&acceptor->poll, UV_READABLE, acceptor_ready);
	return 0;
}

/* The acceptor's memory must outlive the loop's next turn: loop_free() is one. */
static inline void acceptor_close(struct acceptor *acceptor)
{
	if (acceptor->closed)
		return;
	acceptor->closed = true;
	uv_poll_stop(&acceptor->poll);
	uv_close((uv_handle_t *)&acceptor->poll, NULL);
	close(acceptor->fd);
}

#endif
