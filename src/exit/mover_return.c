/*
 * mover_return.c - giving a crossing up before its decision: what we set is set back, in reverse, and nothing else.
 *
 * The list comes from the journal: intents of this attempt that were done, or whose effect may still come.  Values that
 * were observed before each of them are what is set.  A group that was moved first is moved back to where it stood: it
 * reads a few moments again rather than pass over a record.
 */
#include <stdio.h>

#include "exit/mover_inside.h"

static enum authority origin_of(const struct crossing *c)
{
	return c->to == AUTHORITY_TARGET ? AUTHORITY_SOURCE : AUTHORITY_TARGET;
}

int crossing_unknown(struct crossing *c, enum mover_answer *out)
{
	char cause[600];

	snprintf(cause, sizeof cause, "it cannot be established what became of an effect: %s", c->fault.text);
	*out = MOVER_UNKNOWN;
	return crossing_stage(c, c->now.stage, OVERLAY_UNKNOWN, cause, NULL);
}

int return_begin(struct crossing *c, enum mover_answer *out)
{
	int64_t limit_ms = c->family->class->limits[LIMIT_DEADLINE].value;

	crossing_tell(c, "gives up: %s", c->fault.text);
	*out = MOVER_RETURNED;
	/* Before the fence too: what was set late for groups that moved first must not equal what sets them back. */
	return crossing_frame(c, FRAME_RETURN,
			      json_pack("{s:I, s:o, s:I, s:I, s:b}", "attempt", (json_int_t)c->now.attempt,
					"cause", mover_text(c->fault.text[0] ? c->fault.text : "asked for"),
					"epoch", (json_int_t)(c->now.epoch + 1), "deadline",
					(json_int_t)(mover_wall(c->mover) + limit_ms), "failure",
					!c->asked_to_stop),
			      NULL);
}

/* ---- the list ---- */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* The first intent of this attempt for that lever: what stood there before all of them. */
static bool first_of(const struct crossing *c, const char *lever, struct intent *out)
{
	for (int i = 0; state_intent_at(&c->now, i, out); i++)
		if (strcmp(out->lever, lever) == 0 && !effect_is_undo(out->step))
			return true;
	return false;
}

static int undo(struct crossing *c, const char *lever, const char *word, const char *value, enum effect *out)
{
	int64_t left = c->return_ms - clock_monotonic_ms(journal_clock(c->mover->journal));
	char name[STEP_NAME_SIZE + 40];

	snprintf(name, sizeof name, "undo %s %s", lever, word);
	crossing_tell(c, "sets back: %s", lever);
	return effect_bring_about(c, name, lever, word, value, left < 1 ? 1 : left, out);
}

/*
 * A group that had been started on the other side is stopped there and started where it was, at the positions that it
 * left behind.  What it read meanwhile it reads again: the other side lags, so positions carried back from it could pass
 * over records that only this side has by now.
 */
static int undo_group(struct crossing *c, const char *group, const struct intent *first, enum effect *out)
{
	const char *side = authority_word(origin_of(c)), *before = arena_text(&c->arena, first->before);
	char lever[STEP_NAME_SIZE], word[32];
	bool started = false;
	struct intent each;
	int err = 0;

	if (!before)
		return fault_set(&c->fault, ERR_MEMORY, "no memory for a crossing");
	snprintf(lever, sizeof lever, "group:%s", group);
	snprintf(word, sizeof word, "start %s", side);
	for (int i = 0; state_intent_at(&c->now, i, &each); i++)
		started = started || (strcmp(each.lever, lever) == 0 && begins(each.word, "start ") &&
				      !effect_is_undo(each.step));
	if (started) {
		err = undo(c, lever, "stop", NULL, out);
		if (err || *out != EFFECT_DONE)
			return err;
	}
	return undo(c, lever, word, before, out);
}

/* Whether a later intent speaks of the same lever: each lever is set back once, when its last one comes up. */
static bool comes_again(const struct crossing *c, int index, const char *lever)
{
	struct intent each;

	for (int i = index + 1; state_intent_at(&c->now, i, &each); i++)
		if (strcmp(each.lever, lever) == 0 && !effect_is_undo(each.step))
			return true;
	return false;
}

/*
 * True for what is left as it is: fenced ids (their producers get a new epoch by themselves), positions on the side that
 * did not get authority (nobody reads by them), and a route that was never sent away.
 */
static bool stays(const struct intent *intent)
{
	return begins(intent->lever, "transaction:") || begins(intent->lever, "positions:");
}

static int undo_one(struct crossing *c, const struct intent *last, enum effect *out)
{
	struct intent first;
	const char *before, *lever = arena_text(&c->arena, last->lever);

	if (!lever || !first_of(c, lever, &first))
		return fault_set(&c->fault, ERR_MEMORY, "no memory for a crossing");
	if (begins(lever, "group:"))
		return undo_group(c, lever + 6, &first, out);
	before = arena_text(&c->arena, first.before);
	if (!before)
		return fault_set(&c->fault, ERR_MEMORY, "no memory for a crossing");
	return undo(c, lever, "back", before, out);
}

/* 0 with EFFECT_DONE: all is set back. */
static int undo_all(struct crossing *c, enum effect *out)
{
	struct intent each;
	int count = 0;

	*out = EFFECT_DONE;
	while (state_intent_at(&c->now, count, &each))
		count++;
	for (int i = count - 1; i >= 0; i--) {
		int err;

		state_intent_at(&c->now, i, &each);
		if (effect_is_undo(each.step) || stays(&each) || comes_again(c, i, each.lever))
			continue;
		err = undo_one(c, &each, out);
		if (err < 0 || *out != EFFECT_DONE)
			return err;
	}
	return 0;
}

/* True when each lever that must be set back has been, by its last intent: what else is unknown does no harm. */
static bool nothing_stands(const struct crossing *c)
{
	struct intent each, last;

	for (int i = 0; state_intent_at(&c->now, i, &each); i++) {
		if (stays(&each))
			continue;
		for (int j = i; state_intent_at(&c->now, j, &last); j++)
			if (strcmp(last.lever, each.lever) == 0)
				each = last;
		if (!effect_is_undo(each.step) || each.outcome != OUTCOME_DONE)
			return false;
	}
	return true;
}

/* ---- the end ---- */

/* The cause of the RETURN stays the cause; a failure is held until somebody has read it. */
static int arrive(struct crossing *c)
{
	char cause[600];
	bool asked = json_is_false(json_object_get(json_object_get(c->now.json, "return"), "failure"));

	snprintf(cause, sizeof cause, "%s", c->now.cause ? c->now.cause : "given up");
	/* Said in so many words: given up before the fence, the way back ends in the stage that it began in. */
	return crossing_stage(c, origin_of(c) == AUTHORITY_SOURCE ? STAGE_OBSERVING : STAGE_TARGET,
			      asked ? OVERLAY_NONE : OVERLAY_HELD, cause, json_pack("{s:b}", "arrived", 1));
}

int return_go_on(struct crossing *c, enum mover_answer *out)
{
	int64_t pause_ms = 20;

	/* By our own clock, and anew for whoever takes over: the fence is worth lifting late, too. */
	c->return_ms = clock_monotonic_ms(journal_clock(c->mover->journal)) +
		       c->family->class->limits[LIMIT_DEADLINE].value;
	*out = MOVER_RETURNED;
	for (;;) {
		enum effect effect;
		int err = undo_all(c, &effect);

		/* What was under way when somebody was killed: all of it is set back by now, so this is bookkeeping. */
		if (!err && effect == EFFECT_DONE)
			err = effect_settle(c, false, &effect);
		if (err < 0)
			return err;
		if (effect == EFFECT_UNKNOWN && nothing_stands(c))
			effect = EFFECT_DONE;
		if (effect == EFFECT_DONE)
			return arrive(c);
		if (effect == EFFECT_UNKNOWN ||
		    clock_monotonic_ms(journal_clock(c->mover->journal)) >= c->return_ms)
			return crossing_unknown(c, out);
		err = c->mover->world->ops->pause(c->mover->world, pause_ms);
		if (err < 0)
			return err;
		pause_ms = pause_ms > 500 ? 1000 : 2 * pause_ms;
	}
}
