/* mover_watch.c - what a stop condition asks for, done: hold, freeze, go back. */
#include <stdio.h>

#include "exit/mover_inside.h"
#include "exit/watch.h"

/* A frozen family waits for a person, for as long as that takes. */
#define FROZEN_MS (7LL * 86400 * 1000)

static enum authority other(enum authority side)
{
	return side == AUTHORITY_TARGET ? AUTHORITY_SOURCE : AUTHORITY_TARGET;
}

/*
 * The fence of a crossing back, without the rest of it: nobody writes, nothing is decided.  It is held from its first frame
 * on, so that whoever finds it after a crash goes on with freezing and not with crossing.
 */
static int freeze(struct crossing *c, const char *cause)
{
	int err = crossing_frame(c, FRAME_MOVE,
				 json_pack("{s:I, s:s, s:I, s:s, s:o}", "attempt", (json_int_t)c->now.attempt + 1,
					   "to", authority_word(other(c->now.authority)), "act", (json_int_t)0,
					   "overlay", overlay_word(OVERLAY_HELD), "cause", mover_text(cause)),
				 NULL);

	return err ? err : freeze_go_on(c);
}

int freeze_go_on(struct crossing *c)
{
	enum effect effect = EFFECT_DONE;
	char cause[800];
	int err = 0;

	snprintf(cause, sizeof cause, "%s", c->now.cause ? c->now.cause : "frozen");
	c->to = c->now.moving;
	err = steps_make(c->family, c->to, &c->arena, &c->steps);
	if (!err && c->now.stage == STAGE_TARGET)
		err = crossing_stage(c, STAGE_FENCING, OVERLAY_HELD, cause,
				     json_pack("{s:I, s:I}", "epoch", (json_int_t)c->now.epoch + 1, "deadline",
					       (json_int_t)(mover_wall(c->mover) + FROZEN_MS)));
	for (int i = 0; i < c->steps.count && !err && effect == EFFECT_DONE; i++) {
		const struct step *step = &c->steps.at[i];

		if (step->phase == PHASE_FENCE)
			err = effect_bring_about(c, step->name, step->lever, step->word, NULL,
						 EFFECT_TIMEOUT_MS, &effect);
	}
	return err;
}

/* A hold because nothing could be told gives way to what is told now; an owner's does not. */
static int unless_held(struct crossing *c, const char *cause)
{
	bool ours = c->now.overlay == OVERLAY_HELD && c->now.cause &&
		    strncmp(c->now.cause, WATCH_CANNOT_TELL, sizeof WATCH_CANNOT_TELL - 1) == 0;

	return ours ? crossing_stage(c, c->now.stage, OVERLAY_NONE, cause, NULL) : 0;
}

/*
 * Where nobody may write any more, nobody does: the side that was left by a family which no longer writes both.  (With a
 * dual write it goes on receiving mirror writes, with a `return` what is carried back; there a record without an origin is
 * found by parity.)
 */
static int look_behind_fence(struct crossing *c, bool *leaked)
{
	const json_t *leak = json_object_get(c->now.json, "leak"),
		     *ends = json_object_get(c->now.json, "ends");
	json_t *now = NULL;
	char text[600] = "";
	int found;

	*leaked = false;
	/* What an owner has seen and resumed from is known; what comes behind that is another one. */
	if (leak && body_number(c->now.json, "window") > body_number(leak, "sequence"))
		ends = json_object_get(leak, "now");
	else if (leak)
		return 0;
	if (!c->mover->world->ops->leak || c->now.stage != STAGE_TARGET || c->now.moving != AUTHORITY_NONE ||
	    c->family->pattern.value == PLAN_PATTERN_DUAL_WRITE || c->family->back.head.given ||
	    !json_array_size(ends))
		return 0;
	found = c->mover->world->ops->leak(c->mover->world, c->family, AUTHORITY_SOURCE, ends,
					   EFFECT_TIMEOUT_MS, text, sizeof text, &now, &c->fault);
	if (found <= 0)
		return found == ERR_CANCELLED || found == ERR_MEMORY ? found : 0;
	*leaked = true;
	return crossing_frame(c, FRAME_LEAK,
			      json_pack("{s:s, s:s, s:o}", "side", "source", "text", text, "now", now), NULL);
}

int watch_stop_conditions(struct crossing *c)
{
	char cause[800];
	enum mover_answer answer;
	bool leaked;
	int err = look_behind_fence(c, &leaked);

	if (err == 0 && leaked && c->now.overlay != OVERLAY_UNKNOWN) {
		snprintf(cause, sizeof cause, "a leak: %s",
			 body_text(json_object_get(c->now.json, "leak"), "text"));
		return freeze(c, cause);
	}
	if (err < 0)
		return err;
	switch (watch_decide(c->family->class, &c->now, mover_wall(c->mover), cause, sizeof cause)) {
	case WATCH_NOTHING: break;
	case WATCH_RELEASE:
		err = crossing_stage(c, c->now.stage, OVERLAY_NONE,
				     "every gate can be told again, and is open", NULL);
		break;
	case WATCH_HOLD:
		if (c->now.overlay == OVERLAY_NONE)
			err = crossing_stage(c, c->now.stage, OVERLAY_HELD, cause, NULL);
		break;
	case WATCH_FREEZE:
		err = unless_held(c, cause);
		if (!err && c->now.overlay == OVERLAY_NONE)
			err = freeze(c, cause);
		break;
	case WATCH_REVERT:
		err = unless_held(c, cause);
		if (!err && c->now.overlay == OVERLAY_NONE)
			err = mover_revert(c->mover, c->family, cause, &answer, &c->fault);
		break;
	}
	return err;
}
