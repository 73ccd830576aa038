/*
 * dial.h - finds a peer: resolves its name and tries the addresses in turn until one takes a TCP connection.
 * For this floor only.
 */
#ifndef LOOP_DIAL_H
#define LOOP_DIAL_H

#include "base/err.h"
#include "loop/loop.h"

struct dial;

/* `fd` is connected and the owner's, `address` says where to; or fd is -1 and `fault` is set. */
typedef void dial_done(void *owner, int fd, const char *address, const struct fault *fault);

/* `done` comes once, never before this returns; the dial is gone after it. */
int dial_start(struct loop *loop, const char *host, uint16_t port, int64_t timeout_ms,
	       int receive_buffer_size, int send_buffer_size, dial_done *done, void *owner,
	       struct dial **out);

/* Ends it without `done`.  NULL is silent. */
void dial_cancel(struct dial *dial);

/* What every socket of ours is: no delay, kept alive, not inherited, never blocking. */
void socket_prepare(int fd, int receive_buffer_size, int send_buffer_size);

#endif
