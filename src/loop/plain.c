/*
 * plain.c - the layer that is the socket itself.
 *
 * It lends with MSG_ZEROCOPY (Linux 4.14): the kernel pins the pages, counts each such call, and tells on the socket's error queue
 * which of them it is done with.  Towards a peer on the same machine it takes a copy after all, later and dearer than at once, and
 * says so: then this connection lends no more.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h> /* wants struct timespec */

#include "loop/layer.h"

struct plain {
	struct layer layer;
	enum { LEND_UNTRIED, LEND_ON, LEND_OFF } lending;
	uint32_t lends; /* the kernel's count */
};

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

static ssize_t send_pieces(const struct layer *layer, const struct iovec *pieces, int count, int flags)
{
	struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = (size_t)count };

	return sendmsg(layer->fd, &message, MSG_NOSIGNAL | flags);
}

/* What sendmsg() returned, in the words of a layer. */
static ssize_t say(struct layer *layer, ssize_t put, struct fault *fault)
{
	layer->wants_write = false;
	if (put > 0)
		return put;
	if (put == 0 || errno == EAGAIN || errno == EINTR) {
		layer->wants_write = true;
		return 0;
	}
	return fault_set(fault, ERR_NETWORK, "the connection was lost: %s", strerror(errno));
}

static ssize_t plain_write_pieces(struct layer *layer, const struct iovec *pieces, int count,
				  struct fault *fault)
{
	return say(layer, send_pieces(layer, pieces, count, 0), fault);
}

static ssize_t plain_lend(struct layer *layer, const struct iovec *pieces, int count, bool *lent,
			  uint32_t *number, struct fault *fault)
{
	struct plain *plain = (struct plain *)layer;
	int on = 1;
	ssize_t put;

	if (plain->lending == LEND_UNTRIED)
		plain->lending = setsockopt(layer->fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on) == 0
					 ? LEND_ON
					 : LEND_OFF;
	if (plain->lending == LEND_OFF)
		return plain_write_pieces(layer, pieces, count, fault);
	put = send_pieces(layer, pieces, count, MSG_ZEROCOPY);
	/* As much is lent as may be (RLIMIT_MEMLOCK, net.core.optmem_max); a copy is always allowed. */
	if (put < 0 && errno == ENOBUFS)
		return plain_write_pieces(layer, pieces, count, fault);
	if (put > 0) { /* only such calls count */
		*lent = true;
		*number = plain->lends++;
	}
	return say(layer, put, fault);
}

static bool plain_returned(struct layer *layer, uint32_t *first, uint32_t *last)
{
	struct plain *plain = (struct plain *)layer;
	union {
		struct cmsghdr head;
		char room[256];
	} control;
	struct msghdr message = { .msg_control = &control, .msg_controllen = sizeof control };

	while (plain->lends && recvmsg(layer->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {
		for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
			struct sock_extended_err word;

			if (!(at->cmsg_level == SOL_IP && at->cmsg_type == IP_RECVERR) &&
			    !(at->cmsg_level == SOL_IPV6 && at->cmsg_type == IPV6_RECVERR))
				continue;
			memcpy(&word, CMSG_DATA(at), sizeof word);
			if (word.ee_errno || word.ee_origin != SO_EE_ORIGIN_ZEROCOPY)
				continue;
			if (word.ee_code & SO_EE_CODE_ZEROCOPY_COPIED)
				plain->lending = LEND_OFF;
			*first = word.ee_info;
			*last = word.ee_data;
			return true;
		}
		message.msg_controllen = sizeof control;
	}
	return false;
}

/* Unlike a close it leaves the error queue, and so the word of the kernel's on what it is done with. */
static void plain_cut_off(struct layer *layer)
{
	struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	connect(layer->fd, &nobody, sizeof nobody);
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
	plain_handshake, plain_read,         plain_write, plain_pending,  NULL,
	plain_free,      plain_write_pieces, plain_lend,  plain_returned, plain_cut_off,
};

struct layer *layer_plain(int fd)
{
	struct plain *plain = calloc(1, sizeof *plain);

	if (!plain)
		return NULL;
	plain->layer = (struct layer){ .functions = &plain_functions, .fd = fd };
	return &plain->layer;
}
