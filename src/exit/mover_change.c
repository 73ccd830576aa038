/*
 * mover_change.c - a plan that was edited under a crossing.
 *
 * A crossing is entered again from its journal, by the steps that the plan then has: what was begun by a step that the plan
 * has no more could not be set back, and a family that it has no more would stay where it is, with its writers held, and
 * nobody would say so.  What else was changed (how a lever is asked, a deadline) may be just what lets it go on.
 *
 * What crosses stays what it was: a topic or a writer that came to it would cross unproved, and a deny of somebody else's for
 * it would be taken for ours; one that left would keep ours for ever.
 *
 * Past the decision nothing is set back, and groups hold no writer: one that does not start, or has no place, may be taken out,
 * and is then its owners' own.  Nothing else would end such a crossing, and there is no way back before its end.
 */
#include "exit/mover_inside.h"

#define STEPS_MEMORY ((size_t)16 << 20)

static void put_names(struct buffer *text, const char *what, const struct plan_names *names)
{
	for (int i = 0; i < names->count; i++)
		buffer_printf(text, "%s %.*s\n", what, VIEW_ARGS(names->at[i].text));
}

/* Of all that crosses, as the plan names it. */
static int scope_of(const struct plan_family *family, struct sha256 *out)
{
	struct buffer text;
	int err;

	buffer_init(&text, STEPS_MEMORY);
	buffer_printf(&text, "pattern %lld\n", (long long)family->pattern.value);
	for (int i = 0; i < family->topics.count; i++)
		buffer_printf(&text, "topic %.*s=%.*s\n", VIEW_ARGS(family->topics.at[i].source),
			      VIEW_ARGS(family->topics.at[i].target));
	put_names(&text, "producer", &family->producers);
	put_names(&text, "id", &family->levers.transactional_ids);
	err = text.err;
	if (err == 0)
		*out = sha256_of(buffer_bytes(&text));
	buffer_done(&text);
	return err;
}

int crossing_move(struct crossing *c, enum authority to, uint64_t act, json_t *more)
{
	json_t *body = json_pack("{s:I, s:s, s:I}", "attempt", (json_int_t)c->now.attempt + 1, "to",
				 authority_word(to), "act", (json_int_t)act);
	struct sha256 scope;

	if (!body || !more || json_object_update(body, more) < 0 || scope_of(c->family, &scope) < 0 ||
	    body_put_hash(body, "scope", scope) < 0) {
		json_decref(body);
		body = NULL;
	}
	json_decref(more);
	return crossing_frame(c, FRAME_MOVE, body, NULL);
}

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
	struct sha256 was, is;
	struct arena arena;
	int err;

	if (!family)
		return fault_set(
			fault, ERR_CONFIG,
			"family %s is crossing (%s), and the plan has it no more: put it back until the "
			"crossing has ended",
			now->name, stage_word(now->stage));
	/* A journal of a time before it was written down says nothing of it. */
	if (body_hash(now->json, "scope", &was) && (scope_of(family, &is) < 0 || !sha256_equal(was, is)))
		return fault_set(fault, ERR_CONFIG,
				 "family %s is crossing (%s), and the plan has other topics, producers or "
				 "transactional "
				 "ids for it, or another pattern, than when it began: put them back until "
				 "the crossing has "
				 "ended",
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
