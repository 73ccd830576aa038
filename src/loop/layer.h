/*
 * layer.h - what a stream stands on: plain bytes of a socket, or TLS over one.  For this floor only.
 *
 * A layer is a struct of functions, so that a stream does not know which it has, and a test can be one.
 */
#ifndef LOOP_LAYER_H
#define LOOP_LAYER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"

struct buffer;
struct layer;
struct tls;

struct layer_functions {
	/* Returns 1 when done, 0 to be called again, or an error. */
	int (*handshake)(struct layer *layer, struct fault *fault);

	/* Bytes moved, 0 when the socket must be ready first, or an error (ERR_NETWORK at the peer's end). */
	ssize_t (*read)(struct layer *layer, void *at, size_t size, struct fault *fault);
	ssize_t (*write)(struct layer *layer, const void *at, size_t size, struct fault *fault);

	/* True when read() has bytes that the socket no longer has. */
	bool (*pending)(const struct layer *layer);

	/* The subject of the peer's certificate (RFC 2253) into `out`; false when it showed none.  NULL: never has one. */
	bool (*subject)(const struct layer *layer, struct buffer *out);
	void (*free)(struct layer *layer);

	/* As write(), from several pieces, in order; NULL: one after the other. */
	ssize_t (*write_pieces)(struct layer *layer, const struct iovec *pieces, int count,
				struct fault *fault);

	/*
	 * As write_pieces(), but the kernel may have been lent the bytes and not have taken a copy: then `*lent` is set, and none
	 * of them may change before returned() has told `*number`.  Numbers follow one another, and wrap.  NULL, with the two
	 * below: lends nothing.
	 */
	ssize_t (*lend)(struct layer *layer, const struct iovec *pieces, int count, bool *lent,
			uint32_t *number, struct fault *fault);

	/* The next loans that the kernel is done with; each is told once, in any order.  False: none just now. */
	bool (*returned)(struct layer *layer, uint32_t *first, uint32_t *last);

	/* Ends the connection at once, so that what is lent comes back. */
	void (*cut_off)(struct layer *layer);
};

struct layer {
	const struct layer_functions *functions;
	int fd;
	bool wants_write; /* the last 0 waits for the socket to take bytes, whatever was asked for */
};

/* Each takes no ownership of `fd`.  NULL when memory is out. */
struct layer *layer_plain(int fd);
struct layer *layer_tls(int fd, struct tls *tls,
			const char *name); /* the certificate's name; NULL as a server */

#endif
