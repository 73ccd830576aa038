/*
 * rules.h - the rules of the six gates, bound to the limits of a family's class.
 *
 * The table is data; a class fills in its numbers.  What a class declines (`none`) gives no rule, and is listed, so that
 * every report can show it as not asked for.  The whole set has a hash, which a verdict names.
 */
#ifndef EXIT_RULES_H
#define EXIT_RULES_H

#include "exit/plan.h"
#include "exit/rule.h"

#define RULES_NOT_ASKED_MAX 16

struct rules {
	struct rule *at;
	int count;
	struct {
		enum gate gate;
		const char *text; /* "rollback.drill: not asked for" */
	} not_asked[RULES_NOT_ASKED_MAX];
	int not_asked_count;
	struct sha256 hash;
};

/*
 * The rules under which `reference` is the side that the other one is held against: the source until authority has
 * moved, then the target; their sentences name the sides accordingly.  From the arena.  ERR_MEMORY, or ERR_CONFIG when a rule of the table is not sound, which is a bug of ours.
 */
int rules_bind(const struct plan_family *family, enum side reference, struct arena *arena, struct rules *out,
	       struct fault *fault);

/*
 * Whether the two logs are held against each other.  Not when authority is on the target of a family that nothing is carried
 * back for: there one log grows alone, and that is no fault; what came to the other since is a leak (mover_watch.c).
 */
bool rules_hold_both(const struct plan_family *family, enum side reference);

#endif
