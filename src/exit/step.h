/*
 * step.h - the steps of a crossing, as data: which lever is set to which word, in which order.
 *
 * Pure.  `plan` prints this list, `promote` and `rollback` carry it out, and the runbook is made of it, so they cannot
 * differ.  The way to the target and the way back are the same list with the sides exchanged.
 *
 *	BEFORE        what is left is to keep its records for longer; writers are slowed down until the other side has caught
 *	              up, and let go again; writes go on
 *	GROUPS_FIRST  consumers first: each group is stopped, placed exactly, started on the other side; writes go on
 *	FENCE         the authoritative side stops taking writes of the family; the pause begins
 *	PLACE         groups that nobody can stop for us get their positions on the other side
 *	OPEN          after the decision: routes change, what was fenced for good reasons of the other side is lifted
 *	GROUPS_LAST   producers first: as GROUPS_FIRST, after the decision
 *	AFTER         what the side that has authority now was to keep for longer is as it was
 */
#ifndef EXIT_STEP_H
#define EXIT_STEP_H

#include "exit/plan.h"
#include "exit/stage.h"

enum step_phase {
	PHASE_BEFORE,
	PHASE_GROUPS_FIRST,
	PHASE_FENCE,
	PHASE_PLACE,
	PHASE_OPEN,
	PHASE_GROUPS_LAST,
	PHASE_AFTER,
	PHASE_COUNT
};

#define STEP_NAME_SIZE 400
#define STEPS_MAX      4096

struct step {
	enum step_phase phase;
	char lever
		[STEP_NAME_SIZE /
		 2]; /* "flag", "bootstrap", "acl:source", "group:billing", "positions:billing@target", "transaction:id@source", "quota:source", "config:retention.ms@source" */
	char name[STEP_NAME_SIZE]; /* "fence flag": the key of its intent within an attempt */
	const char *
		word; /* NULL: what stood there before we first touched it; nothing to do when that was never */
	bool may_lack_back; /* it cannot be set back, and need not be: a fenced transactional id */
};

struct steps {
	struct step *at;
	int count;
};

/* "before", "groups first", "fence", "place", "open", "groups last", "after". */
const char *phase_word(enum step_phase phase);

/* From the arena.  `to` is where authority goes.  ERR_MEMORY, ERR_LIMIT (more than STEPS_MAX). */
int steps_make(const struct plan_family *family, enum authority to, struct arena *arena, struct steps *out);

/* Two looks that agree, so far apart, after a proof that nobody can write any more (a proved deny, or "drained"). */
#define STEPS_STILL_SHORT_MS 10
/* Without such a proof: longer than a producer may still have a record in flight (its delivery and request time-outs). */
#define STEPS_STILL_LONG_MS 150000

/*
 * How long the ends of the side that is left must stand still at the least, when every fence of the plan stands.  A deny proves
 * silence as long as it stands.  With a dual write it is lifted at once, for the mirror writes: then a write that was begun
 * before the flag was heard could still arrive and be taken for authoritative, so only the writers' own word makes it short.
 */
int64_t steps_still_ms(const struct plan_family *family);

/* The same by what was proved in a crossing: that nothing is on its way any more, that every leader refuses. */
int64_t steps_still_of(const struct plan_family *family, bool drained, bool denied);

#endif
