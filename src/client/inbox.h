/*
 * inbox.h - cuts a stream into frames: four bytes of length, then as many bytes.
 *
 * Small frames come through a staging buffer, many with one read; what a large frame still lacks is read straight into
 * its own memory.
 */
#ifndef CLIENT_INBOX_H
#define CLIENT_INBOX_H

#include "base/err.h"
#include "client/frame.h"
#include "loop/stream.h"

#define INBOX_STAGING_SIZE 16384

struct inbox {
	struct frame_pool *pool;
	size_t frame_size_max;
	struct frame *frame; /* being assembled */
	size_t have;         /* bytes of it */
	size_t start, end;   /* what is staged */
	uint64_t frame_count;
	uint8_t *staging;
};

int inbox_init(struct inbox *inbox, struct frame_pool *pool, size_t frame_size_max);
void inbox_done(struct inbox *inbox);

/*
 * The next whole frame, whose reference becomes the caller's.  Reads at most *budget bytes from the stream and counts
 * them off.  Returns 1, 0 when there is no whole frame now, or an error: of the stream (its `closed` will tell), or
 * ERR_MALFORMED, ERR_LIMIT, ERR_MEMORY with a fault.
 */
int inbox_next(struct inbox *inbox, struct stream *stream, int64_t *budget, struct frame **out,
	       struct fault *fault);

#endif
