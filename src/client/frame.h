/*
 * frame.h - the memory of one response: counted references, taken from a pool.
 *
 * A response to Fetch may be 50 MB.  The kernel copies it once, into the frame; everybody after that reads
 * the frame in place, on whatever thread, and the last one gives it back.  The pool keeps frames, so that
 * pages which have been faulted in once are not faulted in again for each response.  All functions may be
 * called on any thread.
 */
#ifndef CLIENT_FRAME_H
#define CLIENT_FRAME_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct frame_pool;

struct frame {
	uint8_t *at;
	size_t size;     /* bytes of the response, without the four of its length */
	size_t capacity; /* bytes of memory behind `at` */
	atomic_int references;
	struct frame_pool *pool;
	struct frame *next; /* while in the pool */
};

/* Keeps at most `idle_size_max` bytes that nobody uses. */
int frame_pool_new(size_t idle_size_max, struct frame_pool **out);

/* The pool lives on until the last frame is back. */
void frame_pool_free(struct frame_pool *pool);

/* Changes what frame_pool_new() was told; what is too much is given back at once. */
void frame_pool_limit(struct frame_pool *pool, size_t idle_size_max);

/* Bytes in use and kept, together: for a memory budget. */
size_t frame_pool_size(struct frame_pool *pool);

/* A frame of `size` bytes with one reference, or NULL when memory is out. */
struct frame *frame_take(struct frame_pool *pool, size_t size);
struct frame *frame_hold(struct frame *frame);
void frame_release(struct frame *frame); /* NULL is silent */

#endif
