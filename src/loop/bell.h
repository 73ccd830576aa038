/*
 * bell.h - one thread wakes the loop of another.
 *
 * A bell is made and freed on the loop's thread; bell_ring() is the only call of this floor that any thread may make.
 * Rings that come before the loop has answered the first are answered together, so `fn` looks itself at what there is
 * to do.  Whoever rings must be sure that the bell is still there: its owner frees it when nobody can ring any more.
 */
#ifndef LOOP_BELL_H
#define LOOP_BELL_H

#include "loop/loop.h"

struct bell;
typedef void bell_fn(void *owner);

/* `fn` is called on the loop's thread after a ring.  0 or ERR_MEMORY. */
int bell_new(struct loop *loop, bell_fn *fn, void *owner, struct bell **out);
void bell_ring(struct bell *bell);
void bell_free(struct bell *bell); /* NULL is silent */

#endif
