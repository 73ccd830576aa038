/* plain.c - the layer that is the socket itself. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "loop/layer.h"

static int plain_handshake(struct layer *layer, struct fault *fault)
{
	(void)layer, (void)fault;
	return 1;
}

static ssize_t plain_read(struct layer *layer, void *at, size_t size, struct fault *fault)
{
	ssize_t got = recv(layer->fd, at, size, 0);

	if (got > 0)
		return got;
	if (got == 0)
		return fault_set(fault, ERR_NETWORK, "the peer closed the connection");
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return fault_set(fault, ERR_NETWORK, "the connection was lost: %s", strerror(errno));
}

static ssize_t plain_write_pieces(struct layer *layer, const struct iovec *pieces, int count,
				  struct fault *fault)
{
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = (size_t)count };
	ssize_t put = sendmsg(layer->fd, &message, MSG_NOSIGNAL);

	layer->wants_write = false;
	if (put > 0)
		return put;
	if (put == 0 || errno == EAGAIN || errno == EINTR) {
		layer->wants_write = true;
		return 0;
	}
	return fault_set(fault, ERR_NETWORK, "the connection was lost: %s", strerror(errno));
}

static ssize_t plain_write(struct layer *layer, const void *at, size_t size, struct fault *fault)
{
	struct iovec piece = { (void *)(uintptr_t)at, size };

	return plain_write_pieces(layer, &piece, 1, fault);
}

static bool plain_pending(const struct layer *layer)
{
	(void)layer;
	return false;
}

static void plain_free(struct layer *layer)
{
	free(layer);
}

static const struct layer_functions plain_functions = {
	plain_handshake, plain_read, plain_write, plain_pending, NULL, plain_free, plain_write_pieces,
};

struct layer *layer_plain(int fd)
{
	struct layer *layer = calloc(1, sizeof *layer);

	if (!layer)
		return NULL;
	layer->functions = &plain_functions;
	layer->fd = fd;
	return layer;
}
