/*
 * act_right.h - whether an act that stands in the journal may be carried out, as far as people go: the right of who asks, the
 * signature, and the second owner where it takes two.
 *
 * Pure: the controller asks before it acts, and the auditor of everything that was carried out.
 */
#ifndef EXIT_ACT_RIGHT_H
#define EXIT_ACT_RIGHT_H

#include <jansson.h>

#include "exit/plan.h"

/*
 * `root` is the state before it is carried out (state.h), `plan` the one in force, `family` the act's.  0; ERR_DENIED with a
 * sentence.
 */
int act_right(const struct plan *plan, const struct plan_family *family, const json_t *root,
	      const json_t *act, struct fault *fault);

#endif
