/*
 * countdown_read.h - the countdown of a family, from what the journal keeps: its last verdict, judged again from its
 * evidence.
 */
#ifndef EXIT_COUNTDOWN_READ_H
#define EXIT_COUNTDOWN_READ_H

#include "exit/countdown.h"
#include "exit/journal.h"

/*
 * Asks no cluster.  The object, the caller's: { family, state, judged, fresh, why, times: [ { when, state, items: [ { must,
 * state, owner, why, code } ] } ] }; `judged` in wall ms, null when nothing was judged, and `why` says then why not.
 * `state` is over all items, and never open when the verdict is no longer fresh.  ERR_MEMORY, or what the journal says.
 */
int countdown_read(struct journal *journal, const struct plan *plan, const struct plan_family *family,
		   json_t **out, struct fault *fault);

#endif
