/* preview.c - steps with what they would find and set. */
#include <stdio.h>

#include "base/map.h"
#include "exit/preview.h"

struct previewing {
	struct world *world;
	const struct plan_family *family;
	const struct standing *now;
	int64_t timeout_ms;
	struct arena arena;
	struct map seen; /* lever -> the value that it would stand at */
	json_t *out;
	struct fault *fault;
};

/* Where it stands before this step: as seen, or as an earlier step leaves it. */
static const char *before_of(struct previewing *p, struct lever *lever, struct fault *why)
{
	const char *value = map_get(&p->seen, view_text(lever->name));
	struct buffer seen;

	if (value)
		return value;
	buffer_init(&seen, LEVER_VALUE_SIZE_MAX);
	if (lever_observe(lever, p->timeout_ms, &seen, why) == 0)
		value = arena_text(&p->arena, buffer_string(&seen));
	buffer_done(&seen);
	return value;
}

static const char *desired_of(struct previewing *p, struct lever *lever, const struct step *step,
			      const char *before, struct fault *why)
{
	char key[STEP_NAME_SIZE + 8];
	const char *value = NULL;
	struct buffer aimed;

	snprintf(key, sizeof key, "back %s", step->lever);
	if (!step->word) /* set back: what stood there before we first touched it, in this crossing or an earlier one */
		return state_standing(p->now, step->lever) ? state_standing(p->now, step->lever)
							   : map_get(&p->seen, view_text(key));
	buffer_init(&aimed, LEVER_VALUE_SIZE_MAX);
	if (lever_aim(lever, step->word, before, &aimed, why) == 0)
		value = arena_text(&p->arena, buffer_string(&aimed));
	buffer_done(&aimed);
	return value;
}

static uint64_t epoch_of(const struct standing *now, enum step_phase phase)
{
	if (phase == PHASE_BEFORE || phase == PHASE_GROUPS_FIRST)
		return now->epoch;
	return now->epoch + (phase == PHASE_FENCE || phase == PHASE_PLACE ? 1 : 2);
}

/* What sets it back to where it stood before this step, as a person would type it. */
static void put_undo(const struct step *step, struct lever *lever, const char *before, struct buffer *out)
{
	if (step->may_lack_back)
		buffer_text(out, "cannot be set back, and need not be: its next owner begins anew");
	else if (strncmp(step->lever, "acl:", 4) == 0)
		lever->ops->describe(lever, before[0] ? "deny" : "allow", out);
	else if (strncmp(step->lever, "positions:", 10) == 0)
		lever->ops->describe(lever, "former", out);
	else
		lever->ops->describe(lever, before, out);
}

static json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

static int put_step(struct previewing *p, const struct step *step, struct lever *lever, const char *before,
		    const char *desired, const struct fault *why)
{
	json_t *object;
	struct buffer does, undo;

	buffer_init(&does, 8192);
	buffer_init(&undo, 8192);
	if (lever && before)
		put_undo(step, lever, before, &undo);
	if (lever)
		lever->ops->describe(lever, step->word ? step->word : "as it was", &does);
	object = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:s}", "step", step->name, "phase",
			   phase_word(step->phase), "lever", step->lever, "word",
			   step->word ? step->word : "as it was", "before", text_or_null(before), "desired",
			   text_or_null(desired), "epoch", (json_int_t)epoch_of(p->now, step->phase),
			   "attempt", (json_int_t)p->now->attempt + 1, "does", buffer_string(&does));
	if (object)
		json_object_set_new(object, "undo",
				    undo.size ? json_string(buffer_string(&undo)) : json_null());
	buffer_done(&undo);
	buffer_done(&does);
	if (object && (!before || !desired))
		json_object_set_new(object, "why", json_string(why->text));
	return json_array_append_new(p->out, object) < 0 ? ERR_MEMORY : 0;
}

static int preview_step(struct previewing *p, const struct step *step)
{
	struct lever *lever = p->world->ops->lever(p->world, p->family, step->lever);
	const char *before, *desired = NULL;
	struct fault why = { 0 };

	if (!lever) {
		fault_set(&why, ERR_NOT_FOUND,
			  "it needs the clusters, and they do not answer; or the plan has it no more");
		return put_step(p, step, NULL, NULL, NULL, &why);
	}
	before = before_of(p, lever, &why);
	if (why.err == ERR_CANCELLED || why.err == ERR_MEMORY)
		return fault_set(p->fault, why.err, "%s", why.text);
	/* The first touch of a lever in this crossing is what a later step sets back. */
	if (before && !map_get(&p->seen, view_text(step->lever)) && !state_standing(p->now, step->lever)) {
		char key[STEP_NAME_SIZE + 8];

		snprintf(key, sizeof key, "back %s", step->lever);
		if (step->word && map_put(&p->seen, view_text(key), (void *)before) < 0)
			return ERR_MEMORY;
	}
	if (before)
		desired = desired_of(p, lever, step, before, &why);
	if (!step->word && !desired)
		return 0; /* nothing of ours stands there: no step */
	if (desired && map_put(&p->seen, view_text(lever->name), (void *)desired) < 0)
		return ERR_MEMORY;
	return put_step(p, step, lever, before, desired, &why);
}

int preview_steps(struct world *world, const struct plan_family *family, const struct standing *now,
		  enum authority to, int64_t timeout_ms, json_t *out, struct fault *fault)
{
	struct previewing p = { .world = world,
				.family = family,
				.now = now,
				.timeout_ms = timeout_ms,
				.out = out,
				.fault = fault };
	struct steps steps;
	int err;

	arena_init(&p.arena, (size_t)64 << 20);
	map_init(&p.seen);
	err = steps_make(family, to, &p.arena, &steps);
	for (int i = 0; i < steps.count && !err; i++)
		err = preview_step(&p, &steps.at[i]);
	if (err == ERR_MEMORY)
		fault_set(fault, err, "no memory to look ahead");
	map_done(&p.seen);
	arena_done(&p.arena);
	return err;
}
