/* loop.c - events, timers, work and signals, over libuv. */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

#include "base/list.h"
#include "loop/loop.h"

struct loop {
	uv_loop_t uv;
	uv_timer_t deadline; /* wakes loop_until() */
	uv_prepare_t look;   /* before the loop sleeps */
	const bool *done;    /* what loop_until() waits for */
	const struct clock *clock;
	struct random random;
	struct list timers; /* of a simulated loop: those that run */
	int work_count;
	bool running, stopped, simulated;
};

struct timer {
	uv_timer_t uv;
	struct loop *loop;
	struct list link; /* in loop->timers */
	int64_t due_ms;
	timer_fn *fn;
	void *owner;
};

struct work {
	uv_work_t uv;
	work_fn *run, *done;
	void *context;
	struct loop *loop;
};

struct signals {
	uv_signal_t interrupt, terminate;
	void (*fn)(void *owner, int number);
	void *owner;
	int open_count;
};

/*
 * loop_until() looks at the clock itself; but who was kept from the processor for a moment has this timer run before the sleep
 * and not after it, and then nothing would end the sleep.
 */
static void deadline_passed(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

/*
 * A turn of libuv's runs timers first and sleeps then: when a timer brought what is waited for, it would sleep on until
 * something else happens.
 */
static void look_before_sleep(uv_prepare_t *look)
{
	struct loop *loop = container_of(look, struct loop, look);

	if (loop->done && *loop->done)
		uv_stop(&loop->uv);
}

int loop_new(const struct clock *clock, uint64_t seed, struct loop **out)
{
	struct loop *loop = calloc(1, sizeof *loop);

	if (!loop)
		return ERR_MEMORY;
	if (uv_loop_init(&loop->uv) < 0) {
		free(loop);
		return ERR_MEMORY;
	}
	uv_timer_init(&loop->uv, &loop->deadline);
	uv_prepare_init(&loop->uv, &loop->look);
	uv_prepare_start(&loop->look, look_before_sleep);
	uv_unref((uv_handle_t *)&loop->look);
	loop->clock = clock;
	list_init(&loop->timers);
	random_seed(&loop->random, seed);
	/* A peer that went away must be an error of write(), also inside OpenSSL, and not the end of the
	 * process. */
	signal(SIGPIPE, SIG_IGN);
	*out = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	uv_close((uv_handle_t *)&loop->deadline, NULL);
	uv_close((uv_handle_t *)&loop->look, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	int err = uv_loop_close(&loop->uv);
	assert(err == 0); /* else something that was made on the loop is still open */
	(void)err;
	free(loop);
}

const struct clock *loop_clock(const struct loop *loop)
{
	return loop->clock;
}

int64_t loop_now_ms(const struct loop *loop)
{
	return clock_monotonic_ms(loop->clock);
}

struct random *loop_random(struct loop *loop)
{
	return &loop->random;
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
	uv_stop(&loop->uv);
}

int loop_until(struct loop *loop, const bool *done, int64_t deadline_ms)
{
	int err = 0;

	assert(!loop->running);
	loop->running = true;
	loop->stopped = false;
	loop->done = done;
	while (!*done) {
		int64_t left_ms = deadline_ms == INT64_MAX ? INT64_MAX : deadline_ms - loop_now_ms(loop);

		if (loop->stopped) {
			err = ERR_CANCELLED;
			break;
		}
		if (left_ms <= 0) {
			err = ERR_TIMEOUT;
			break;
		}
		/* Without a deadline the timer still holds the loop open: somebody may be waiting for nothing
		 * but a signal. */
		uv_update_time(&loop->uv);
		uv_timer_start(&loop->deadline, deadline_passed,
			       left_ms < 3600000 ? (uint64_t)left_ms : 3600000, 0);
		uv_run(&loop->uv, UV_RUN_ONCE);
	}
	uv_timer_stop(&loop->deadline);
	loop->done = NULL;
	loop->running = false;
	return err;
}

/* Timers. */

static void timer_fired(uv_timer_t *uv)
{
	struct timer *timer = uv->data;

	timer->fn(timer->owner);
}

static void timer_closed(uv_handle_t *uv)
{
	free(uv->data);
}

int timer_new(struct loop *loop, timer_fn *fn, void *owner, struct timer **out)
{
	struct timer *timer = calloc(1, sizeof *timer);

	if (!timer)
		return ERR_MEMORY;
	uv_timer_init(&loop->uv, &timer->uv);
	timer->uv.data = timer;
	timer->loop = loop;
	list_init(&timer->link);
	timer->fn = fn;
	timer->owner = owner;
	*out = timer;
	return 0;
}

void timer_start(struct timer *timer, int64_t delay_ms)
{
	if (timer->loop->simulated) {
		timer->due_ms = loop_now_ms(timer->loop) + (delay_ms > 0 ? delay_ms : 0);
		list_remove(&timer->link);
		list_append(&timer->loop->timers, &timer->link);
		return;
	}
	/* libuv counts from the start of this turn of the loop, which may have been a while ago. */
	uv_update_time(timer->uv.loop);
	uv_timer_start(&timer->uv, timer_fired, delay_ms > 0 ? (uint64_t)delay_ms : 0, 0);
}

void timer_stop(struct timer *timer)
{
	list_remove(&timer->link);
	uv_timer_stop(&timer->uv);
}

void timer_free(struct timer *timer)
{
	if (!timer)
		return;
	list_remove(&timer->link);
	uv_close((uv_handle_t *)&timer->uv, timer_closed);
}

void loop_simulate(struct loop *loop)
{
	loop->simulated = true;
}

bool loop_step(struct loop *loop)
{
	struct timer *next = NULL;

	assert(loop->simulated);
	uv_run(&loop->uv, UV_RUN_NOWAIT); /* bells */
	for (struct list *at = loop->timers.next; at != &loop->timers; at = at->next) {
		struct timer *timer = container_of(at, struct timer, link);

		if (timer->due_ms <= loop_now_ms(loop) && (!next || timer->due_ms < next->due_ms))
			next = timer; /* of two at one time the one that was started first */
	}
	if (!next)
		return false;
	list_remove(&next->link);
	next->fn(next->owner);
	return true;
}

/* Work for other threads. */

static void work_run(uv_work_t *uv)
{
	struct work *work = uv->data;

	work->run(work->context);
}

static void work_done(uv_work_t *uv, int status)
{
	struct work *work = uv->data;
	work_fn *done = work->done;
	void *context = work->context;

	assert(status == 0); /* we never cancel */
	work->loop->work_count--;
	free(work);
	done(context);
}

int loop_work(struct loop *loop, work_fn *run, work_fn *done, void *context)
{
	struct work *work;

	if (loop->work_count == LOOP_WORK_MAX)
		return ERR_LIMIT;
	work = calloc(1, sizeof *work);
	if (!work)
		return ERR_MEMORY;
	work->uv.data = work;
	work->run = run;
	work->done = done;
	work->context = context;
	work->loop = loop;
	if (uv_queue_work(&loop->uv, &work->uv, work_run, work_done) < 0) {
		free(work);
		return ERR_MEMORY;
	}
	loop->work_count++;
	return 0;
}

/* Signals. */

static void signal_came(uv_signal_t *uv, int number)
{
	struct signals *signals = uv->data;

	signals->fn(signals->owner, number);
}

static void signal_closed(uv_handle_t *uv)
{
	struct signals *signals = uv->data;

	if (--signals->open_count == 0)
		free(signals);
}

int signals_new(struct loop *loop, void (*fn)(void *owner, int number), void *owner, struct signals **out)
{
	struct signals *signals = calloc(1, sizeof *signals);

	if (!signals)
		return ERR_MEMORY;
	signals->fn = fn;
	signals->owner = owner;
	signals->open_count = 2;
	uv_signal_init(&loop->uv, &signals->interrupt);
	uv_signal_init(&loop->uv, &signals->terminate);
	signals->interrupt.data = signals->terminate.data = signals;
	if (uv_signal_start(&signals->interrupt, signal_came, SIGINT) < 0 ||
	    uv_signal_start(&signals->terminate, signal_came, SIGTERM) < 0) {
		signals_free(signals);
		return ERR_IO;
	}
	/* Waiting for a signal alone is no reason to go on running. */
	uv_unref((uv_handle_t *)&signals->interrupt);
	uv_unref((uv_handle_t *)&signals->terminate);
	*out = signals;
	return 0;
}

void signals_free(struct signals *signals)
{
	if (!signals)
		return;
	uv_close((uv_handle_t *)&signals->interrupt, signal_closed);
	uv_close((uv_handle_t *)&signals->terminate, signal_closed);
}
