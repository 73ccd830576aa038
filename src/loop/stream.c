/*
 * stream.c - a stream of bytes over a socket of its own, watched by the loop.
 *
 * The socket is polled and read by us, not by libuv's own stream, because only so a read can go straight into
 * the memory that the owner names at that moment, and only so TLS can read it without a copy in between.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/buffer.h"
#include "loop/dial.h"
#include "loop/layer.h"
#include "loop/parcel.h"
#include "loop/stream.h"

/* The watched socket; apart from the stream, since libuv lets go of it a turn after the stream is gone. */
struct watch {
	uv_poll_t poll;
	struct stream *stream;
	int fd;
	int events;
};

struct stream {
	struct loop *loop;
	struct stream_events events;
	void *owner;
	struct dial *dial;
	struct watch *watch;
	struct layer *layer;
	struct tls *tls;
	struct timer *limit; /* until open: the time that is left for it */
	struct timer *soon;  /* what must not be done from within a call of the owner's */
	struct buffer queue; /* waits for the kernel, from queue_start on */
	size_t queue_start;
	size_t queue_size_max;
	struct parcels parcels; /* behind the queue */
	struct fault fault;
	int64_t deadline_ms, timeout_ms;
	int calls; /* of the owner's functions, under way */
	bool opened, failed, told, freed, paused;
	bool write_broken; /* the peer takes nothing any more; what it said before can still be read */
	bool hung_up;      /* the peer says nothing more: this was seen while nobody read */
	bool dry;          /* the last read took all there was: no need to ask the kernel again this turn */
	char name[256];    /* for the certificate */
	char host[256];
	uint16_t port;
	char peer[400];
};

static void destroy(struct stream *stream)
{
	buffer_done(&stream->queue);
	free(stream);
}

static void watch_closed(uv_handle_t *uv)
{
	free(uv->data);
}

static void close_socket(struct stream *stream)
{
	if (stream->layer) {
		parcels_end(&stream->parcels, stream->layer);
		stream->layer->functions->free(stream->layer);
	}
	stream->layer = NULL;
	if (!stream->watch)
		return;
	uv_poll_stop(&stream->watch->poll);
	uv_close((uv_handle_t *)&stream->watch->poll, watch_closed);
	close(stream->watch->fd);
	stream->watch = NULL;
}

void stream_free(struct stream *stream)
{
	if (!stream || stream->freed)
		return;
	stream->freed = true;
	dial_cancel(stream->dial);
	close_socket(stream);
	timer_free(stream->limit);
	timer_free(stream->soon);
	if (stream->calls == 0)
		destroy(stream);
}

/* Remembers why it ended; `closed` is told a little later, from the loop. */
static void fail(struct stream *stream, const struct fault *fault)
{
	if (stream->failed)
		return;
	stream->failed = true;
	stream->fault = *fault;
	timer_stop(stream->limit);
	close_socket(stream);
	timer_start(stream->soon, 0);
}

/* Calls an event of the owner's.  False when the stream is gone after it. */
static bool tell(struct stream *stream, void (*event)(void *owner))
{
	stream->calls++;
	event(stream->owner);
	stream->calls--;
	if (stream->freed && stream->calls == 0)
		destroy(stream);
	else
		return !stream->freed;
	return false;
}

static void tell_closed(struct stream *stream)
{
	stream->told = true;
	stream->calls++;
	stream->events.closed(stream->owner, &stream->fault);
	stream->calls--;
	if (stream->freed && stream->calls == 0)
		destroy(stream);
}

static void socket_ready(uv_poll_t *poll, int status, int events);

static void watch_what_matters(struct stream *stream)
{
	int events = 0;

	if (!stream->watch)
		return;
	if (!stream->opened || !stream->paused)
		events |= UV_READABLE;
	if (stream->layer->wants_write || (stream->opened && stream_queued(stream) > 0))
		events |= UV_WRITABLE;
	/* That the kernel is done with what it was lent is told to watched sockets only. */
	if (!events && !list_empty(&stream->parcels.lent) && !stream->hung_up)
		events = UV_DISCONNECT;
	if (events == stream->watch->events)
		return;
	stream->watch->events = events;
	if (events)
		uv_poll_start(&stream->watch->poll, events, socket_ready);
	else
		uv_poll_stop(&stream->watch->poll);
}

/*
 * The peer may have said why before it closed (a TLS alert, an error response): that is worth more than "broken pipe", and
 * reading will come to it, and then to the end.
 */
static void write_failed(struct stream *stream, const struct fault *fault)
{
	stream->write_broken = true;
	stream->queue_start = stream->queue.size;
	parcels_drop(&stream->parcels);
	if (stream->paused)
		fail(stream, fault);
}

/* Gives the kernel what it takes. */
static void flush(struct stream *stream)
{
	struct fault fault = { 0 };

	while (stream->queue_start < stream->queue.size) {
		ssize_t put =
			stream->layer->functions->write(stream->layer, stream->queue.at + stream->queue_start,
							stream->queue.size - stream->queue_start, &fault);

		if (put == 0)
			break;
		if (put > 0) {
			stream->queue_start += (size_t)put;
			continue;
		}
		write_failed(stream, &fault);
		break;
	}
	if (stream->queue_start == stream->queue.size) {
		buffer_reset(&stream->queue);
		stream->queue_start = 0;
		if (!stream->failed && !stream->write_broken &&
		    parcels_flush(&stream->parcels, stream->layer, &fault) < 0)
			write_failed(stream, &fault);
	}
}

static bool tell_drained(struct stream *stream)
{
	if (stream->failed || !stream->events.drained || stream_queued(stream) > 0)
		return true;
	return tell(stream, stream->events.drained);
}

/* Returns false when the stream is gone. */
static bool shake_hands(struct stream *stream)
{
	struct fault fault = { 0 };
	int err = stream->layer->functions->handshake(stream->layer, &fault);

	if (err == 1) {
		timer_stop(stream->limit);
		stream->opened = true;
		if (!tell(stream, stream->events.open))
			return false;
		if (!stream->failed && stream->layer->functions->pending(stream->layer))
			timer_start(stream->soon, 0);
		return true;
	}
	if (err < 0)
		fail(stream, &fault);
	return true;
}

static bool tell_readable(struct stream *stream)
{
	if (stream->failed || stream->paused || !stream->opened)
		return true;
	if (!tell(stream, stream->events.readable))
		return false;
	/* Bytes inside the TLS layer wake nobody. */
	if (!stream->failed && !stream->paused && stream->layer->functions->pending(stream->layer))
		timer_start(stream->soon, 0);
	return true;
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
	struct stream *stream = ((struct watch *)poll->data)->stream;

	stream->dry = false;
	if (status < 0) {
		stream->watch->events = 0; /* libuv has stopped watching */
		/* A word of the kernel's on what it was lent looks like an error; of a real one the next call says more. */
		events = parcels_settle(&stream->parcels, stream->layer) ? 0 : UV_READABLE | UV_WRITABLE;
	}
	if (events & UV_DISCONNECT)
		stream->hung_up = true;
	if (!stream->opened) {
		if (!shake_hands(stream))
			return;
	} else {
		if (events & UV_WRITABLE) {
			bool queued = stream_queued(stream) > 0;

			flush(stream);
			if (queued && !tell_drained(stream))
				return;
		}
		/* A TLS read may have waited for the socket to be writable. */
		if (((events & UV_READABLE) || stream->tls) && !tell_readable(stream))
			return;
	}
	watch_what_matters(stream);
}

static void soon(void *owner)
{
	struct stream *stream = owner;

	if (stream->failed) {
		if (!stream->told)
			tell_closed(stream);
		return;
	}
	if (!stream->opened) {
		if (stream->layer && !shake_hands(stream))
			return;
	} else if (!stream->paused && !tell_readable(stream)) {
		return;
	}
	watch_what_matters(stream);
}

static void limit_passed(void *owner)
{
	struct stream *stream = owner;
	struct fault fault = { 0 };

	fault_set(&fault, ERR_TIMEOUT,
		  "%s did not complete the TLS handshake within %lld ms; is this a TLS port?", stream->peer,
		  (long long)stream->timeout_ms);
	fail(stream, &fault);
}

/* Takes over a connected socket.  `fd` is closed on failure. */
static int watch_socket(struct stream *stream, int fd, const char *tls_name)
{
	struct watch *watch = calloc(1, sizeof *watch);

	stream->layer = stream->tls ? layer_tls(fd, stream->tls, tls_name) : layer_plain(fd);
	if (!watch || !stream->layer || uv_poll_init(loop_uv(stream->loop), &watch->poll, fd) < 0) {
		if (stream->layer)
			stream->layer->functions->free(stream->layer);
		stream->layer = NULL;
		free(watch);
		close(fd);
		return ERR_MEMORY;
	}
	watch->poll.data = watch;
	watch->stream = stream;
	watch->fd = fd;
	stream->watch = watch;
	return 0;
}

static void connected(void *owner, int fd, const char *address, const struct fault *dial_fault)
{
	struct stream *stream = owner;
	struct fault fault = { 0 };
	bool v6 = strchr(stream->host, ':') != NULL;
	int64_t left_ms = stream->deadline_ms - loop_now_ms(stream->loop);

	stream->dial = NULL;
	if (fd < 0) {
		fail(stream, dial_fault);
		return;
	}
	if (strcmp(address, stream->host) == 0)
		snprintf(stream->peer, sizeof stream->peer, v6 ? "[%s]:%u" : "%s:%u", stream->host,
			 stream->port);
	else
		snprintf(stream->peer, sizeof stream->peer, "%s:%u (%s)", stream->host, stream->port,
			 address);
	if (watch_socket(stream, fd, stream->name) < 0) {
		fault_set(&fault, ERR_MEMORY, "out of memory");
		fail(stream, &fault);
		return;
	}
	timer_start(stream->limit, left_ms);
	if (shake_hands(stream))
		watch_what_matters(stream);
}

static struct stream *stream_make(struct loop *loop, const struct stream_events *events, void *owner)
{
	struct stream *stream = calloc(1, sizeof *stream);

	if (!stream)
		return NULL;
	stream->loop = loop;
	parcels_init(&stream->parcels);
	stream->events = *events;
	stream->owner = owner;
	if (timer_new(loop, limit_passed, stream, &stream->limit) < 0 ||
	    timer_new(loop, soon, stream, &stream->soon) < 0) {
		timer_free(stream->limit);
		free(stream);
		return NULL;
	}
	return stream;
}

int stream_connect(struct loop *loop, const struct stream_target *target, const struct stream_events *events,
		   void *owner, struct stream **out)
{
	struct stream *stream;
	const char *name = target->tls_name ? target->tls_name : target->host;
	int err;

	if (strlen(target->host) >= sizeof stream->host || strlen(name) >= sizeof stream->name)
		return ERR_LIMIT;
	stream = stream_make(loop, events, owner);
	if (!stream)
		return ERR_MEMORY;
	stream->tls = target->tls;
	stream->queue_size_max = target->write_queue_size_max;
	buffer_init(&stream->queue, SIZE_MAX / 2); /* stream_write() keeps the limit */
	stream->timeout_ms = target->timeout_ms;
	stream->deadline_ms = loop_now_ms(loop) + target->timeout_ms;
	stream->port = target->port;
	snprintf(stream->host, sizeof stream->host, "%s", target->host);
	snprintf(stream->name, sizeof stream->name, "%s", name);
	snprintf(stream->peer, sizeof stream->peer, strchr(target->host, ':') ? "[%s]:%u" : "%s:%u",
		 target->host, target->port);
	err = dial_start(loop, target->host, target->port, target->timeout_ms, target->receive_buffer_size,
			 target->send_buffer_size, connected, stream, &stream->dial);
	if (err < 0) {
		stream_free(stream);
		return err;
	}
	*out = stream;
	return 0;
}

int stream_accepted(struct loop *loop, int fd, struct tls *tls, size_t write_queue_size_max,
		    int64_t timeout_ms, const struct stream_events *events, void *owner, struct stream **out)
{
	struct stream *stream = stream_make(loop, events, owner);
	struct sockaddr_storage address;
	socklen_t size = sizeof address;
	char host[80] = "?", service[8] = "?";

	if (!stream) {
		close(fd);
		return ERR_MEMORY;
	}
	stream->tls = tls;
	stream->queue_size_max = write_queue_size_max;
	buffer_init(&stream->queue, SIZE_MAX / 2);
	stream->timeout_ms = timeout_ms;
	if (getpeername(fd, (struct sockaddr *)&address, &size) == 0)
		getnameinfo((struct sockaddr *)&address, size, host, sizeof host, service, sizeof service,
			    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(stream->peer, sizeof stream->peer, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, service);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	socket_prepare(fd, 0, 0);
	if (watch_socket(stream, fd, NULL) < 0) {
		stream_free(stream);
		return ERR_MEMORY;
	}
	timer_start(stream->limit, timeout_ms);
	timer_start(stream->soon, 0);
	*out = stream;
	return 0;
}

ssize_t stream_read(struct stream *stream, void *at, size_t size)
{
	struct fault fault = { 0 };
	ssize_t got;

	if (stream->failed || !stream->opened)
		return ERR_NETWORK;
	if (stream->dry || size == 0)
		return 0;
	got = stream->layer->functions->read(stream->layer, at, size, &fault);
	if (got < 0) {
		fail(stream, &fault);
		return got;
	}
	/* A socket that gave less than was asked for is empty; the poll tells of what comes later.  TLS gives
	 * records. */
	if (!stream->tls && (size_t)got < size)
		stream->dry = true;
	if (stream->layer->wants_write)
		watch_what_matters(stream);
	return got;
}

void stream_pause(struct stream *stream, bool paused)
{
	if (stream->paused == paused)
		return;
	stream->paused = paused;
	if (!paused && stream->opened && !stream->failed && stream->layer->functions->pending(stream->layer))
		timer_start(stream->soon, 0);
	watch_what_matters(stream);
}

int stream_write(struct stream *stream, const struct iovec *pieces, int count)
{
	size_t size = 0;

	if (stream->failed || !stream->opened || stream->write_broken)
		return ERR_NETWORK;
	for (int i = 0; i < count; i++)
		size += pieces[i].iov_len;
	if (size > stream->queue_size_max || stream_queued(stream) > stream->queue_size_max - size)
		return ERR_LIMIT;
	/* What the kernel took long ago must not hold memory for ever. */
	if (stream->queue_start > 65536 && stream->queue_start > stream->queue.size / 2) {
		stream->queue.size -= stream->queue_start;
		memmove(stream->queue.at, stream->queue.at + stream->queue_start, stream->queue.size);
		stream->queue_start = 0;
	}
	if (!list_empty(&stream->parcels.waiting)) /* the kernel took less than it was offered before this */
		return parcels_copy(&stream->parcels, pieces, count);
	if (!buffer_room(&stream->queue, size))
		return ERR_MEMORY;
	for (int i = 0; i < count; i++)
		buffer_put(&stream->queue, pieces[i].iov_base, pieces[i].iov_len);
	flush(stream);
	watch_what_matters(stream);
	return 0;
}

int stream_write_held(struct stream *stream, struct iovec *pieces, int count, void (*release)(void *context),
		      void *context)
{
	if (stream->failed || !stream->opened || stream->write_broken) {
		release(context);
		return ERR_NETWORK;
	}
	if (parcels_hold(&stream->parcels, pieces, count, release, context) < 0)
		return ERR_MEMORY;
	flush(stream);
	watch_what_matters(stream);
	return 0;
}

size_t stream_queued(const struct stream *stream)
{
	return stream->queue.size - stream->queue_start + stream->parcels.bytes;
}

const char *stream_peer(const struct stream *stream)
{
	return stream->peer;
}

bool stream_peer_subject(const struct stream *stream, struct buffer *out)
{
	return stream->layer && stream->layer->functions->subject &&
	       stream->layer->functions->subject(stream->layer, out);
}
