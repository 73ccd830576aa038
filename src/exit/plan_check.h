/* plan_check.h - what the parts of a plan mean together; for plan_read.c alone. */
#ifndef EXIT_PLAN_CHECK_H
#define EXIT_PLAN_CHECK_H

#include "exit/plan_keys.h"

/*
 * Resolves classes (`like`, then the defaults), ties families to them, and checks what no single value can show:
 * overlaps, cycles, unknown names, levers that do not fit the pattern.  Adds faults; 0 or ERR_MEMORY.
 */
int plan_check(struct plan *plan, struct plan_faults *faults);

/* Sets a key of the struct at `base` as if the plan had said `usual`. */
void plan_default(const struct plan_key *key, const char *usual, void *base);

#endif
