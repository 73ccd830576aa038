/*
 * drill_shadow.h - the family that a drill moves in place of the real one: one topic, one group, a flag of its own.
 *
 * It is a family like any other, so that its crossing is carried out by the same code.  Its class is that of the family
 * (limits of time, settling), but for the claim, which is the one that a dual write with a header can always prove.
 */
#ifndef EXIT_DRILL_SHADOW_H
#define EXIT_DRILL_SHADOW_H

#include "exit/plan.h"

struct shadow {
	struct plan_family family;
	struct plan_class class;
	const char *name, *topic, *group; /* "orders~drill", "__interlock-drill-orders-N", the same */
	struct plan_topic topics[1];
	struct plan_text groups[1];
};

/* `number` makes the topic's name one that never was.  Texts live in `arena`; the plan outlives it.  ERR_MEMORY. */
int shadow_make(const struct plan_family *family, uint64_t number, struct arena *arena, struct shadow *out);

/* The shadow's name among the families of the state: "orders~drill". */
const char *shadow_name(const struct plan_family *family, struct arena *arena);

#endif
