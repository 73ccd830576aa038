/*
 * lever_told.h - the levers that are told by the operator's own command or address: flag, bootstrap, group.
 *
 *	flag        which side is authoritative for a dual-writing application   source, target, hold
 *	bootstrap   where clients connect                                        source, target; hold where it knows it
 *	group       the application of a consumer group                          running source, running target, stopped
 *
 * Of flag and bootstrap the word is the value.  A group is told `start source`, `start target` or `stop`, and stands at
 * what comes of that.  An answer that is no value of the lever's is unknown, and so is one that does not come.
 *
 * Nothing here repeats, waits or believes: who sets a lever observes it afterwards.
 */
#ifndef EXIT_LEVER_TOLD_H
#define EXIT_LEVER_TOLD_H

#include "exit/ask.h"
#include "exit/lever.h"

/*
 * `asking` and the plan outlive the lever; several levers may share one `asking`.  ERR_MEMORY.  A lever that the plan
 * does not give (`head.given`) must not be made.
 */
int lever_flag_new(struct asking *asking, const struct plan_lever *plan, struct lever **out,
		   struct fault *fault);
int lever_bootstrap_new(struct asking *asking, const struct plan_lever *plan, struct lever **out,
			struct fault *fault);

/* Named after the group: "group:billing". */
int lever_group_new(struct asking *asking, const struct plan_lever *plan, struct lever **out,
		    struct fault *fault);

/* The epoch that goes with `get`, for the command's information; 0 until said. */
void lever_told_epoch(struct lever *lever, uint64_t epoch);

enum lever_guard {
	LEVER_GUARD_UNKNOWN,
	LEVER_GUARD_REFUSES, /* an older epoch is refused, as it should be */
	LEVER_GUARD_ACCEPTS, /* it is taken: a late answer to an abandoned attempt could move it.  Usable, and a named risk */
};

/*
 * Whether the lever refuses an epoch older than one that it has seen.  It is told the very word that it stands at: first
 * under `epoch` (of the present authority, at least 1), so that it has seen one, then under the one before; and where
 * the plan has `drained`, that is asked under the one before too.  In between and after, it must stand where it stood.
 *
 * For a time when nothing moves: only who holds the lease, or a person who knows that nobody does, may call it.
 * 0 and `*out`; else LEVER_GUARD_UNKNOWN, and why.
 */
int lever_told_guard(struct lever *lever, uint64_t epoch, int64_t timeout_ms, enum lever_guard *out,
		     struct fault *fault);

#endif
