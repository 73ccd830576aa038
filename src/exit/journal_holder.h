/*
 * journal_holder.h - who holds a lease, as one text; and whether that process is still there.
 *
 *	host=shop-1 boot=0f3c… pidns=4026531836 pid=4711 start=982113
 *
 * A process is told from a later one with the same number by the time at which it started, and its numbers mean something
 * only in its own boot and its own name space.  Where those differ nothing is known, and the lease time must be waited
 * for.  Where they are the same, a holder that was killed is seen to be gone at once.
 */
#ifndef EXIT_JOURNAL_HOLDER_H
#define EXIT_JOURNAL_HOLDER_H

#include "base/err.h"
#include "exit/journal_store.h"

enum holder_state {
	HOLDER_UNKNOWN, /* on another host, in another container, or cannot be told: it may be alive */
	HOLDER_SELF,    /* this very process */
	HOLDER_ALIVE,
	HOLDER_GONE, /* it was here, and is dead for certain */
};

/* This process.  ERR_IO when /proc does not say. */
int journal_holder_self(char out[JOURNAL_HOLDER_SIZE_MAX], struct fault *fault);

/* An empty or unreadable holder is unknown. */
enum holder_state journal_holder_state(const char *holder);

#endif
