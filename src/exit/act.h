/*
 * act.h - what owners may ask for, and who may ask for what.
 *
 * Rights follow from a family's `owners:`.  Pure, so that the auditor comes to the same answer from the plan in the
 * journal.
 */
#ifndef EXIT_ACT_H
#define EXIT_ACT_H

#include "exit/plan.h"

enum act {
	ACT_PROMOTE,
	ACT_ROLLBACK,
	ACT_HOLD,
	ACT_RESUME,
	ACT_DRILL,
	ACT_WAIVE,
	ACT_SEAL,
	ACT_RETIRE,
	ACT_ACKNOWLEDGE, /* the runbook */
	ACT_CONFIRM,     /* the on-call */
	ACT_COUNT,
};

const char *act_word(enum act act);
int act_find(struct view word); /* or -1 */

/* Whether `by` may ask for it; the fault names who may. */
int act_allowed(const struct plan_family *family, enum act act, struct view by, struct fault *fault);

/* Whether it takes two owners; `seal_owners` is the plan's signing.seal-owners. */
bool act_takes_two(enum act act, int64_t seal_owners);

/* Whether `second` (empty: nobody) may stand beside `by`: another owner whom the plan names.  ERR_DENIED. */
int act_second(const struct plan_family *family, struct view by, struct view second, struct fault *fault);

#endif
