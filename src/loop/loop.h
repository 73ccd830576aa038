/*
 * loop.h - events, timers and work, over libuv.
 *
 * One thread, one loop, callbacks that never block.  Program code at the top level (a verb) may wait with loop_until();
 * callbacks may not.  Time and chance come in through `struct world`, so that a test can replay a run.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"

struct loop;

int loop_new(const struct clock *clock, uint64_t seed, struct loop **out);

/* Everything that was made on the loop must be closed before. */
void loop_free(struct loop *loop);

const struct clock *loop_clock(const struct loop *loop);
int64_t loop_now_ms(const struct loop *loop);		/* monotonic */
struct random *loop_random(struct loop *loop);

/*
 * Runs callbacks until *done is true or `deadline_ms` (monotonic; INT64_MAX for never) passes.  0, ERR_TIMEOUT, or
 * ERR_CANCELLED when loop_stop() was called.  Must not be called from a callback.
 */
int loop_until(struct loop *loop, const bool *done, int64_t deadline_ms);

/* Ends the loop_until() under way; may be called from a callback. */
void loop_stop(struct loop *loop);

/* The libuv loop, for the other files of this floor only. */
struct uv_loop_s *loop_uv(struct loop *loop);

/* A one-shot timer that its owner embeds.  Starting a running one moves it. */
struct timer;
typedef void timer_fn(void *owner);
int timer_new(struct loop *loop, timer_fn *fn, void *owner, struct timer **out);
void timer_start(struct timer *timer, int64_t delay_ms);
void timer_stop(struct timer *timer);
void timer_free(struct timer *timer);	/* NULL is silent; safe in its own callback */

/*
 * For a simulator, before any timer is started: timers go by the loop's clock alone, and run in loop_step(), one a step
 * and the earliest first.  A step also takes what is ready now; it never sleeps.  False when no timer was due.
 */
void loop_simulate(struct loop *loop);
bool loop_step(struct loop *loop);

/*
 * Work for another thread: `run` there, then `done` on the loop's thread with the same context.  `run` may touch
 * nothing but its context.  At most LOOP_WORK_MAX are under way; ERR_LIMIT past that.
 */
#define LOOP_WORK_MAX 1024
typedef void work_fn(void *context);
int loop_work(struct loop *loop, work_fn *run, work_fn *done, void *context);

/* Calls `fn` when the process gets SIGINT or SIGTERM. */
struct signals;
int signals_new(struct loop *loop, void (*fn)(void *owner, int number), void *owner, struct signals **out);
void signals_free(struct signals *signals);

#endif
