/*
 * allowance.h - what several readers share: bytes that may be alive at once, and bytes a second.
 *
 * One allowance is handed to the fetchers of both clusters, so that `--memory` and `--rate` speak of the
 * process and not of a side.  Who has to wait is woken in order of arrival, so that no broker starves
 * another.
 */
#ifndef CLIENT_ALLOWANCE_H
#define CLIENT_ALLOWANCE_H

#include "base/list.h"
#include "loop/loop.h"

struct allowance;

/* `memory` in bytes; `rate` in bytes a second, 0 for no limit. */
int allowance_new(struct loop *loop, size_t memory, uint64_t rate, struct allowance **out);
void allowance_free(struct allowance *allowance); /* nobody may hold or wait any more; NULL is silent */

/* Changes the limits under way. */
void allowance_set(struct allowance *allowance, size_t memory, uint64_t rate);

size_t allowance_used(const struct allowance *allowance);    /* bytes alive */
uint64_t allowance_total(const struct allowance *allowance); /* bytes ever counted against the rate */

/* The largest single answer that it is sensible to ask for, at most `most`: an eighth of a second, of the
 * memory. */
size_t allowance_piece(const struct allowance *allowance, size_t most);

/* Somebody who waits.  The owner embeds it; zero-filled with `wake` set is ready for use. */
struct allowance_waiter {
	struct list link;
	bool waiting;
	void (*wake)(struct allowance_waiter *waiter); /* not from within allowance_reserve() */
};

/*
 * Reserves `size` bytes of memory, when the rate allows to read now.  True: go, and settle later.  False:
 * `waiter` is in the queue and will be woken once, when trying again makes sense.
 */
bool allowance_reserve(struct allowance *allowance, size_t size, struct allowance_waiter *waiter);

/* The answer has come: `reserved` bytes are given back, `alive` taken instead, and `alive` counted against
 * the rate. */
void allowance_settle(struct allowance *allowance, size_t reserved, size_t alive);

/* Bytes that are no longer alive. */
void allowance_release(struct allowance *allowance, size_t size);

void allowance_leave(struct allowance *allowance, struct allowance_waiter *waiter);

#endif
