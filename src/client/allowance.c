/*
 * allowance.c - a budget of bytes alive, a bucket of bytes a second, and the queue of those who wait for either.
 *
 * The size of an answer is known only when it has come, so the bucket may go below zero by one answer; then everybody
 * waits until it is above again.  On average the rate holds exactly.
 */
#include "client/allowance.h"

#include <assert.h>
#include <stdlib.h>

#define PIECE_MIN ((size_t)64 << 10)

struct allowance {
	struct loop *loop;
	struct timer *timer;
	size_t memory, used;
	uint64_t rate, total;
	double tokens;	     /* bytes; at most a quarter of a second of them */
	int64_t filled_ms;   /* when `tokens` was last brought up to date */
	struct list waiters; /* first come, first woken */
	bool waking;
};

static void fill(struct allowance *a)
{
	int64_t now = loop_now_ms(a->loop);
	double most = (double)a->rate / 4;

	a->tokens += (double)a->rate * (double)(now - a->filled_ms) / 1000;
	if (a->tokens > most)
		a->tokens = most;
	a->filled_ms = now;
}

static bool may_read(struct allowance *a, size_t size)
{
	if (a->used > 0 && a->used + size > a->memory)
		return false;
	if (!a->rate)
		return true;
	fill(a);
	return a->tokens > 0;
}

static void arm(struct allowance *a)
{
	int64_t delay_ms = 0;

	if (list_empty(&a->waiters))
		return;
	if (a->rate) {
		fill(a);
		if (a->tokens <= 0)
			delay_ms = 1 + (int64_t)(-a->tokens * 1000 / (double)a->rate);
	}
	timer_start(a->timer, delay_ms);
}

/* One after the other, until one has to go on waiting: it stays the first. */
static void wake(void *owner)
{
	struct allowance *a = owner;

	a->waking = true;
	while (!list_empty(&a->waiters)) {
		struct allowance_waiter *waiter = container_of(a->waiters.next, struct allowance_waiter, link);

		if (!may_read(a, 0))
			break;
		list_remove(&waiter->link);
		waiter->waiting = false;
		waiter->wake(waiter);
		if (waiter->waiting) {
			list_remove(&waiter->link);
			waiter->link.next = a->waiters.next;
			waiter->link.prev = &a->waiters;
			a->waiters.next->prev = &waiter->link;
			a->waiters.next = &waiter->link;
			break;
		}
	}
	a->waking = false;
	if (!list_empty(&a->waiters) && a->rate && a->used < a->memory)
		arm(a);
}

int allowance_new(struct loop *loop, size_t memory, uint64_t rate, struct allowance **out)
{
	struct allowance *a = calloc(1, sizeof *a);
	int err;

	if (!a)
		return ERR_MEMORY;
	a->loop = loop;
	a->memory = memory;
	a->rate = rate;
	a->filled_ms = loop_now_ms(loop);
	a->tokens = (double)rate / 8;
	list_init(&a->waiters);
	err = timer_new(loop, wake, a, &a->timer);
	if (err < 0) {
		free(a);
		return err;
	}
	*out = a;
	return 0;
}

void allowance_free(struct allowance *a)
{
	if (!a)
		return;
	assert(list_empty(&a->waiters));
	assert(a->used == 0);
	timer_free(a->timer);
	free(a);
}

void allowance_set(struct allowance *a, size_t memory, uint64_t rate)
{
	fill(a);
	a->memory = memory;
	a->rate = rate;
	arm(a);
}

size_t allowance_used(const struct allowance *a)
{
	return a->used;
}

uint64_t allowance_total(const struct allowance *a)
{
	return a->total;
}

size_t allowance_piece(const struct allowance *a, size_t most)
{
	if (most > a->memory / 4)
		most = a->memory / 4;
	if (a->rate && most > a->rate / 8)
		most = (size_t)(a->rate / 8);
	return most > PIECE_MIN ? most : PIECE_MIN;
}

bool allowance_reserve(struct allowance *a, size_t size, struct allowance_waiter *waiter)
{
	bool queued = !list_empty(&a->waiters) && !a->waking; /* others were here before */

	if (!waiter->waiting && !queued && may_read(a, size)) {
		a->used += size;
		return true;
	}
	if (!waiter->waiting) {
		waiter->waiting = true;
		list_init(&waiter->link);
		list_append(&a->waiters, &waiter->link);
		if (!a->waking && a->used < a->memory)
			arm(a);
	}
	return false;
}

void allowance_settle(struct allowance *a, size_t reserved, size_t alive)
{
	assert(a->used >= reserved);
	a->used += alive;
	a->total += alive;
	if (a->rate) {
		fill(a);
		a->tokens -= (double)alive;
	}
	allowance_release(a, reserved);
}

void allowance_release(struct allowance *a, size_t size)
{
	assert(a->used >= size);
	a->used -= size;
	if (size)
		arm(a);
}

void allowance_leave(struct allowance *a, struct allowance_waiter *waiter)
{
	if (!waiter->waiting)
		return;
	list_remove(&waiter->link);
	waiter->waiting = false;
	arm(a);
}
