/*
 * stream.h - a stream of bytes to or from one peer: TCP, with TLS as a layer in between.
 *
 * The owner reads: `readable` says that there is something, stream_read() puts it where the owner wants it,
 * so that a large answer goes from the kernel straight into the frame that is being assembled.  Writes go out
 * at once; what the kernel does not take is copied into a bounded queue.
 *
 * All calls are made on the loop's thread.  Every call is allowed in every callback, stream_free() too; after
 * it no callback comes.
 */
#ifndef LOOP_STREAM_H
#define LOOP_STREAM_H

#include <stdbool.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/view.h"
#include "loop/loop.h"

struct stream;
struct tls;

struct stream_events {
	/* Connected, and TLS (when there is one) is up. */
	void (*open)(void *owner);

	/* stream_read() has something.  Comes again as long as something is left, unless reading is paused.
	 */
	void (*readable)(void *owner);

	/* What was queued has all been taken by the kernel.  May be NULL. */
	void (*drained)(void *owner);

	/*
	 * It is over, and `fault` says why: ERR_NETWORK (also when the peer closed), ERR_TIMEOUT, ERR_TLS.
	 * Comes at most once, never from within a call of the owner's, and nothing comes after it.
	 * stream_free() is still due.
	 */
	void (*closed)(void *owner, const struct fault *fault);
};

/* How to reach a peer.  Everything is copied or only used before stream_connect() returns, but for `tls`. */
struct stream_target {
	const char *host; /* a name, or an IPv4 or IPv6 address without brackets */
	uint16_t port;
	int64_t timeout_ms;      /* for resolving, connecting and the TLS handshake together */
	struct tls *tls;         /* NULL for none; outlives the stream */
	const char *tls_name;    /* the name that the certificate must carry; NULL: `host` */
	int receive_buffer_size; /* SO_RCVBUF and SO_SNDBUF in bytes; 0 leaves them to the kernel, which is
				    best */
	int send_buffer_size;
	size_t write_queue_size_max; /* bytes that may wait for the kernel */
};

/*
 * Starts to connect: resolves `host` and tries all its addresses in turn, each with a share of the time that
 * is left. Tells the outcome by `open` or `closed`, never before it returns.
 */
int stream_connect(struct loop *loop, const struct stream_target *target, const struct stream_events *events,
		   void *owner, struct stream **out);

/*
 * A stream over a connected socket that was accepted; owns `fd` from now on, on failure too.  With `tls` it
 * takes the server's part of the handshake.  Tells `open` as stream_connect() does.
 */
int stream_accepted(struct loop *loop, int fd, struct tls *tls, size_t write_queue_size_max,
		    int64_t timeout_ms, const struct stream_events *events, void *owner, struct stream **out);

/* Closes and forgets; what waits to be written is dropped.  NULL is silent. */
void stream_free(struct stream *stream);

/*
 * Up to `size` bytes into `at`.  Returns how many, 0 when there is nothing now, or a negative error after
 * which `closed` follows by itself.
 */
ssize_t stream_read(struct stream *stream, void *at, size_t size);

/* Stops and resumes `readable`.  A new stream reads. */
void stream_pause(struct stream *stream, bool paused);

/*
 * Writes all pieces, in order.  ERR_LIMIT when the rest would not fit into the queue: nothing was written
 * then. ERR_NETWORK when the stream is not open.
 */
int stream_write(struct stream *stream, const struct iovec *pieces, int count);

/*
 * The same without a copy, and without a limit: the pieces, and the array of them, are the stream's until it calls
 * `release`, once, also on failure and when it is freed, perhaps from within this call.  `release` must not call the stream.
 *
 * On plain sockets the kernel sends large pieces from where they are, and then they are released when the peer has them.  A
 * stream that ends before that is cut off (RST), for the kernel must have let go of the pieces when they are released.  Should it
 * not let go even then, they are never released, and stay as they are.
 */
int stream_write_held(struct stream *stream, struct iovec *pieces, int count, void (*release)(void *context),
		      void *context);

/* Bytes that wait for the kernel. */
size_t stream_queued(const struct stream *stream);

/* The peer in words: "broker.example:9092 (10.0.0.7)". */
const char *stream_peer(const struct stream *stream);

/* The subject of the certificate that the peer showed, as RFC 2253 writes it; false when it showed none. */
struct buffer;
bool stream_peer_subject(const struct stream *stream, struct buffer *out);

#endif
