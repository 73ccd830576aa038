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

/* What the cause of a frozen family ends with; before it stands why it was frozen. */
#define FREEZE_STANDS  "; frozen: the fence stands"
#define FREEZE_NOT_YET "; to be frozen, and the fence does not stand yet: "
#define FREEZE_NO_WAY  "; to be frozen, and its plan has no lever that could hold its writers"

/* Why it is frozen, without what became of the fence. */
static void why_frozen(const struct crossing *c, char *out, size_t size)
{
	static const char *const ends[] = { FREEZE_STANDS, FREEZE_NOT_YET, FREEZE_NO_WAY };

	snprintf(out, size, "%s", c->now.cause ? c->now.cause : "frozen");
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		char *end = strstr(out, ends[i]);

		if (end)
			*end = 0;
	}
}

bool freeze_is_under_way(const struct crossing *c)
{
	return c->now.moving != AUTHORITY_NONE && c->now.overlay == OVERLAY_HELD && !c->now.returning &&
	       (c->now.stage == STAGE_TARGET || c->now.stage == STAGE_FENCING);
}

/* Every part of the fence, whatever becomes of the others: half of one holds more than none.  The first failure is told. */
static int bring_fence(struct crossing *c, int *parts, bool *stands, struct fault *why)
{
	*parts = 0;
	*stands = true;
	for (int i = 0; i < c->steps.count; i++) {
		const struct step *step = &c->steps.at[i];
		enum effect effect;
		int err;

		if (step->phase != PHASE_FENCE)
			continue;
		(*parts)++;
		err = effect_bring_about(c, step->name, step->lever, step->word, NULL, EFFECT_TIMEOUT_MS,
					 &effect);
		if (err < 0)
			return err;
		if (effect != EFFECT_DONE && *stands)
			*why = c->fault;
		*stands = *stands && effect == EFFECT_DONE;
	}
	return 0;
}

int freeze_go_on(struct crossing *c, bool *stands)
{
	char why[800], cause[1400];
	struct fault fault = { 0 };
	int parts = 0, err;

	*stands = false;
	why_frozen(c, why, sizeof why);
	c->to = c->now.moving;
	err = steps_make(c->family, c->to, &c->arena, &c->steps);
	if (!err && c->now.stage == STAGE_TARGET)
		err = crossing_stage(c, STAGE_FENCING, OVERLAY_HELD, why,
				     json_pack("{s:I, s:I}", "epoch", (json_int_t)c->now.epoch + 1,
					       "deadline", (json_int_t)(mover_wall(c->mover) + FROZEN_MS)));
	err = err ? err : bring_fence(c, &parts, stands, &fault);
	if (err < 0)
		return err;
	*stands = *stands && parts > 0;
	snprintf(cause, sizeof cause, "%s%s%s", why,
		 *stands ? FREEZE_STANDS
		 : parts ? FREEZE_NOT_YET
			 : FREEZE_NO_WAY,
		 *stands ? "" : fault.text);
	if (c->now.cause && strcmp(c->now.cause, cause) == 0)
		return 0;
	crossing_tell(c, "%s", cause);
	return crossing_stage(c, c->now.stage, OVERLAY_HELD, cause, NULL);
}

/*
 * The fence of a crossing back, without the rest of it: nobody writes, nothing is decided.  It is held from its first frame
 * on, so that whoever finds it after a crash goes on with freezing and not with crossing.
 */
static int freeze(struct crossing *c, const char *cause)
{
	int err = crossing_move(
		c, other(c->now.authority), 0,
		json_pack("{s:s, s:o}", "overlay", overlay_word(OVERLAY_HELD), "cause", mover_text(cause)));
	bool stands;

	return err ? err : freeze_go_on(c, &stands);
}

int mover_freeze(struct mover *mover, const struct plan_family *family, bool *stands, struct fault *fault)
{
	struct crossing c;
	int err = crossing_open(&c, mover, family);

	*stands = true;
	if (err == 0) {
		err = freeze_is_under_way(&c) ? freeze_go_on(&c, stands) : 0;
		crossing_close(&c);
	}
	if (err < 0 && fault)
		*fault = c.fault;
	return err;
}

/* A hold because nothing could be told gives way to what is told now; an owner's does not. */
static int unless_held(struct crossing *c, const char *cause)
{
	return watch_cannot_tell(&c->now) ? crossing_stage(c, c->now.stage, OVERLAY_NONE, cause, NULL) : 0;
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
	/* One that a crossing met behind its own fence has led to its return, and says nothing of where it would end. */
	bool is_leak = json_object_get(leak, "now") != NULL;
	json_t *now = NULL;
	char text[600] = "";
	int found;

	*leaked = false;
	if (c->now.stage != STAGE_TARGET || c->now.moving != AUTHORITY_NONE)
		return 0;
	/* What an owner has seen and resumed from is known; what comes behind that is another one. */
	if (is_leak && body_number(c->now.json, "window") > body_number(leak, "sequence"))
		ends = json_object_get(leak, "now");
	else if (is_leak)
		*leaked = true; /* written down, and whoever did so got no further */
	if (*leaked || !c->mover->world->ops->leak || c->family->pattern.value == PLAN_PATTERN_DUAL_WRITE ||
	    c->family->back.head.given || !json_array_size(ends))
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
		snprintf(cause, sizeof cause, "a leak: %s%s%s",
			 body_text(json_object_get(c->now.json, "leak"), "text"),
			 c->now.overlay ? "; it was held before: " : "",
			 c->now.overlay && c->now.cause ? c->now.cause : "");
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
		if (watch_takes_over(&c->now, cause))
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
