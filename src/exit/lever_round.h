/*
 * lever_round.h - every lever of a family that is told by the operator's command or address, asked once: where does it
 * stand, how long does it take to say so, and does it refuse the past?
 *
 * For `check --probe-levers`, and for a drill.  Nothing is told but each lever's own present word (lever_told_guard()).
 */
#ifndef EXIT_LEVER_ROUND_H
#define EXIT_LEVER_ROUND_H

#include "exit/lever_told.h"

struct lever_said {
	const char *family, *lever;      /* "orders", "flag" */
	const char *value;               /* NULL: it could not be told */
	const char *get, *set, *drained; /* the commands; `drained` NULL where the plan has none */
	enum lever_guard guard;
	int state;        /* LEVER_DRAINED, LEVER_WAITS; negative: not asked, or not known */
	int64_t took_us;  /* for `get` */
	const char *text; /* what is wrong, or what to know; NULL when all is well */
};

struct lever_round {
	struct lever_said *at; /* in the order of the plan; from the arena */
	int count;
	int silent; /* whose state or guard could not be established */
	int risks;  /* that accept an older epoch */
};

/*
 * Appends the levers of `family` to `out` (zero at first).  `epoch` is that of the present authority, 1 when it never
 * moved.  0 also when levers are silent; ERR_CONFIG when the plan's `env:` cannot be had, ERR_CANCELLED, ERR_MEMORY.
 */
int lever_round_ask(struct loop *loop, const struct plan *plan, const struct plan_family *family,
		    uint64_t epoch, struct arena *arena, struct lever_round *out, struct fault *fault);

#endif
