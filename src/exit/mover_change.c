/*
 * mover_change.c - a plan that was edited under a crossing.
 *
 * A crossing is entered again from its journal, by the steps that the plan then has: what was begun by a step that the plan
 * has no more could not be set back, and a family that it has no more would stay where it is, with its writers held, and
 * nobody would say so.  What else was changed (how a lever is asked, a deadline) may be just what lets it go on.
 *
 * Past the decision nothing is set back, and groups hold no writer: one that does not start, or has no place, may be taken out,
 * and is then its owners' own.  Nothing else would end such a crossing, and there is no way back before its end.
 */
#include "exit/mover_inside.h"

#define STEPS_MEMORY ((size_t)16 << 20)

static bool has_step(const struct steps *steps, const char *name)
{
	for (int i = 0; i < steps->count; i++)
		if (strcmp(steps->at[i].name, name) == 0)
			return true;
	return false;
}

static bool may_go(const struct standing *now, const struct intent *intent)
{
	return effect_is_undo(intent->step) ||
	       (stage_is_decided(now->stage) &&
		(strncmp(intent->lever, "group:", 6) == 0 || strncmp(intent->lever, "positions:", 10) == 0));
}

static int check_steps(const struct standing *now, const struct steps *steps, struct fault *fault)
{
	struct intent each;

	for (int i = 0; state_intent_at(now, i, &each); i++)
		if (!may_go(now, &each) && !has_step(steps, each.step))
			return fault_set(
				fault, ERR_CONFIG,
				"family %s is crossing (%s), and the plan has its step '%s' no more: put it "
				"back until the crossing has ended",
				now->name, stage_word(now->stage), each.step);
	return 0;
}

static int check_family(const struct plan *plan, const struct standing *now, struct fault *fault)
{
	const struct plan_family *family = plan_family(plan, view_text(now->name));
	struct steps steps = { 0 };
	struct arena arena;
	int err;

	if (!family)
		return fault_set(
			fault, ERR_CONFIG,
			"family %s is crossing (%s), and the plan has it no more: put it back until the "
			"crossing has ended",
			now->name, stage_word(now->stage));
	arena_init(&arena, STEPS_MEMORY);
	err = steps_make(family, now->moving, &arena, &steps);
	err = err < 0 ? fault_set(fault, err, "family %s has more steps than a crossing may have", now->name)
		      : check_steps(now, &steps, fault);
	arena_done(&arena);
	return err;
}

int mover_may_change(const struct state *state, const struct plan *plan, struct fault *fault)
{
	const char *name;
	json_t *family;

	json_object_foreach(json_object_get(state->root, "families"), name, family)
	{
		struct standing now;
		int err = 0;

		if (state_family(state, name, &now) && now.moving != AUTHORITY_NONE && !now.of)
			err = check_family(plan, &now, fault);
		if (err < 0)
			return err;
	}
	return 0;
}
