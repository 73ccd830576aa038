/*
 * mover_cross.c - the crossing: fence, silence, level, decision, opening.  Both directions are this one.
 *
 * Each part begins by asking the journal what is there already, so that it can be entered again after a crash.  Until the
 * decision every failure, and the deadline, leads to return_begin(); after it a failure is tried again, for ever.
 */
#include <stdio.h>

#include "exit/mover_inside.h"

#define STILL_LONG_REST_MS 500
#define LOOK_LEAST_MS      100
#define LOOK_TIMEOUT_MS    5000
#define PUBLISH_TIMEOUT_MS 5000
/* How long writers are slowed down for the other side to catch up; as long as preflight may take. */
#define CATCH_UP_MS          60000
#define CATCH_UP_REST_MS     100
#define FORWARD_PAUSE_MS     100
#define FORWARD_PAUSE_MS_MAX 2000
#define TURN_MS              5000 /* what can only go forward has for itself, before others have a turn */

static enum authority other(enum authority side)
{
	return side == AUTHORITY_TARGET ? AUTHORITY_SOURCE : AUTHORITY_TARGET;
}

/* Of the deadline, by the wall clock that the journal has and by our own monotonic one: a jump gives nobody more time. */
static int64_t left_of(const struct crossing *c)
{
	int64_t left = c->now.deadline_ms - mover_wall(c->mover);
	int64_t ours = c->family->class->limits[LIMIT_DEADLINE].value -
		       (clock_monotonic_ms(journal_clock(c->mover->journal)) - c->fenced_ms);

	left = left < ours ? left : ours;
	return left < 0 ? 0 : left;
}

/* An owner's word that came meanwhile: hold and rollback give a crossing up, as long as it can be. */
static int owner_says_stop(struct crossing *c)
{
	json_t *act;
	const char *key;
	int got;

	if (c->mover->give_up) {
		fault_set(&c->fault, ERR_CANCELLED, "the controller was asked to end");
		c->asked_to_stop = true;
		return 0;
	}
	got = journal_sync(c->mover->journal, &c->fault);
	if (got < 0)
		return got;
	/* Whether or not anything came just now: an append may have read it already. */
	crossing_look(c);
	json_object_foreach(json_object_get(journal_state(c->mover->journal)->root, "acts"), key, act)
	{
		const char *word = body_text(act, "act"), *family = body_text(act, "family");

		if (!family || strcmp(family, c->now.of ? c->now.of : c->name) != 0 ||
		    mover_may(c->mover, c->family, act, NULL) < 0)
			continue;
		if (strcmp(word, "hold") == 0 ||
		    (strcmp(word, "rollback") == 0 && c->to == AUTHORITY_TARGET)) {
			fault_set(&c->fault, ERR_CANCELLED, "%s asked for %s", body_text(act, "by"), word);
			c->asked_to_stop = true;
		}
	}
	return 0;
}

/* The last question before a deadline is given a moment too, so that the cause is its answer and not our haste. */
static int64_t look_ms(int64_t left)
{
	return left < LOOK_LEAST_MS ? LOOK_LEAST_MS : left < LOOK_TIMEOUT_MS ? left : LOOK_TIMEOUT_MS;
}

/* 0: go on; else it is time to give up, or to stop.  A short rest is part of it. */
static int may_wait(struct crossing *c, int64_t ms)
{
	int err = owner_says_stop(c);

	if (err < 0)
		return err;
	if (c->asked_to_stop)
		return ERR_TIMEOUT;
	if (left_of(c) == 0)
		return ERR_TIMEOUT;
	return c->mover->world->ops->pause(c->mover->world, ms);
}

/* Whether `bootstrap` was told to hold: only then has it an opinion about who still writes. */
static bool bootstrap_holds(const struct crossing *c)
{
	for (int i = 0; i < c->steps.count; i++)
		if (c->steps.at[i].phase == PHASE_FENCE && strcmp(c->steps.at[i].lever, "bootstrap") == 0)
			return true;
	return false;
}

/*
 * What an application that holds has on its way is let through before a deny comes: refused by it, it would wait for the
 * deny to be lifted, and the crossing for it.  One that does not finish within half of the time is denied nevertheless.
 */
static int drain_before_deny(struct crossing *c)
{
	int64_t until_ms = c->family->class->limits[LIMIT_DEADLINE].value / 2;
	struct world *world = c->mover->world;
	struct lever *lever =
		c->family->levers.flag.head.given ? world->ops->lever(world, c->family, "flag") : NULL;
	int err = 0;

	while (lever && lever->ops->drained && !err && left_of(c) > until_ms) {
		int64_t left = left_of(c) - until_ms;
		int answer = lever->ops->drained(
			lever, c->now.epoch, left < LOOK_TIMEOUT_MS ? left + 1 : LOOK_TIMEOUT_MS, &c->fault);

		if (answer == ERR_CANCELLED)
			return answer;
		if (answer == LEVER_DRAINED || answer == ERR_UNSUPPORTED || answer == ERR_CONFLICT)
			return 0;
		err = may_wait(c, 2);
	}
	return err;
}

/* Old, or not open: so it was when it was made anew, and whoever then wanted to give up could not write that down. */
static bool verdict_is_spent(const struct crossing *c)
{
	return c->to == AUTHORITY_TARGET && !c->now.of &&
	       (c->now.verdict.verdict != VERDICT_OPEN ||
		c->now.verdict.valid_until_ms < mover_wall(c->mover));
}

/*
 * What took time came first (a copier that caught up, a long silence), and nobody may decide on a verdict that grew old
 * meanwhile.  It is made anew, rather than let everybody have waited for nothing.  ERR_STALE: it is not open any more.
 */
static int judge_anew(struct crossing *c)
{
	const char *was = c->now.verdict.verdict == VERDICT_OPEN ? "the verdict grew old meanwhile"
								 : "the verdict is not open any more";
	char why[1000];
	int err;

	crossing_tell(c, "%s: %s; judges every gate anew", stage_word(c->now.stage), was);
	err = mover_judge_crossing(c);
	if (mover_must_stop(c, err))
		return err;
	if (err < 0) {
		snprintf(why, sizeof why, "%s", c->fault.text);
		return fault_set(&c->fault, ERR_STALE,
				 "%s, and the gates could not be judged anew: %s", was, why);
	}
	if (c->now.verdict.verdict == VERDICT_OPEN)
		return 0;
	mover_say_reasons(c, why, sizeof why);
	return fault_set(&c->fault, ERR_STALE,
			 "%s, and judged anew not every gate is open: %s", was, why);
}

/* Writers are slowed down: until nothing but the moment speaks for a long pause any more. */
static int wait_caught_up(struct crossing *c)
{
	int64_t until_ms = clock_monotonic_ms(journal_clock(c->mover->journal)) + CATCH_UP_MS;

	for (;;) {
		struct forecast forecast = { 0 };
		int err = owner_says_stop(c);

		if (err < 0 || c->asked_to_stop)
			return err < 0 ? err : ERR_TIMEOUT;
		err = c->mover->world->ops->forecast(c->mover->world, c->family, c->to, LOOK_TIMEOUT_MS,
						     &forecast, &c->fault);
		if (err == 0 && forecast.may &&
		    forecast.pause_ms + steps_still_ms(c->family) <=
			    c->family->class->limits[LIMIT_PAUSE].value) {
			err = verdict_is_spent(c) ? judge_anew(c) : 0;
			return err == ERR_STALE ? ERR_TIMEOUT : err;
		}
		if (err == 0)
			fault_set(&c->fault, ERR_TIMEOUT,
				  "under its quota the other side has not caught up in %d s: %s",
				  CATCH_UP_MS / 1000, forecast.text);
		if (err == ERR_CANCELLED || err == ERR_MEMORY)
			return err;
		if (clock_monotonic_ms(journal_clock(c->mover->journal)) >= until_ms)
			return ERR_TIMEOUT;
		err = c->mover->world->ops->pause(c->mover->world, CATCH_UP_REST_MS);
		if (err < 0)
			return err;
	}
}

static bool is_quota_back(const struct step *step)
{
	return !step->word && strncmp(step->lever, "quota:", 6) == 0;
}

static bool is_deny(const struct step *step)
{
	return step->word && strcmp(step->word, "deny") == 0;
}

/* All steps of a phase, in order, each done or nothing after it. */
static int bring_phase(struct crossing *c, enum step_phase phase, int64_t limit_ms, enum effect *out)
{
	*out = EFFECT_DONE;
	for (int i = 0; i < c->steps.count; i++) {
		const struct step *step = &c->steps.at[i];
		const char *back = NULL;
		int err = 0;

		if (step->phase != phase)
			continue;
		if (phase == PHASE_FENCE && is_deny(step))
			err = drain_before_deny(c);
		else if (is_quota_back(step))
			err = wait_caught_up(c);
		if (err == ERR_TIMEOUT) {
			*out = EFFECT_FAILED;
			return 0;
		}
		if (err < 0)
			return err;
		if (!step->word) {
			back = state_standing(&c->now, step->lever);
			if (!back)
				continue;
			back = arena_text(&c->arena, back);
		}
		crossing_tell(c, "%s: %s %s", stage_word(c->now.stage), step->lever,
			      step->word ? step->word : "as it was");
		err = effect_bring_about(c, step->name, step->lever, step->word ? step->word : "as it was",
					 back, limit_ms, out);
		if (err < 0 || *out != EFFECT_DONE)
			return err;
	}
	return 0;
}

/* ---- FENCING ---- */

static int fence(struct crossing *c, enum mover_answer *out)
{
	enum effect effect;
	int err = bring_phase(c, PHASE_FENCE, left_of(c), &effect);

	if (err < 0)
		return err;
	if (effect != EFFECT_DONE)
		return return_begin(c, out);
	return crossing_stage(c, STAGE_QUIET, -1, "the fence stands", NULL);
}

/* ---- QUIET ---- */

/* What is known of silence so far. */
struct silence {
	bool drained, denied; /* proofs that nobody can write any more */
	char proof[200];
	json_t *ends; /* as first seen still */
	int64_t since_ms;
	bool waits; /* something is known not to be silent yet; the fault says what */
};

/* Asks whoever writes whether anything is still on its way. */
static int ask_drained(struct crossing *c, const char *name, struct silence *silence)
{
	struct world *world = c->mover->world;
	struct lever *lever = world->ops->lever(world, c->family, name);
	int64_t left = left_of(c);
	int answer;

	if (!lever || !lever->ops->drained || silence->waits)
		return 0;
	answer = lever->ops->drained(lever, c->now.epoch, look_ms(left), &c->fault);
	/* It has seen a newer epoch than ours: no waiting makes it drain under this one. */
	if (answer == ERR_CANCELLED || answer == ERR_CONFLICT)
		return answer;
	if (answer == LEVER_DRAINED) {
		silence->drained = true;
		snprintf(silence->proof, sizeof silence->proof, "%s answered drained", name);
	} else if (answer != ERR_UNSUPPORTED) {
		silence->waits = true; /* it has an opinion and it is not yes */
		if (answer == LEVER_WAITS)
			fault_set(&c->fault, ERR_TIMEOUT, "%s still waits for writes that are on their way",
				  name);
	}
	return 0;
}

/* A write that writes nothing must be refused by every leader. */
static int ask_canaries(struct crossing *c, struct silence *silence)
{
	struct canaries canaries = { 0 };
	int64_t left = left_of(c);
	int err;

	if (!c->family->levers.acl.value || silence->waits)
		return 0;
	err = c->mover->world->ops->canary(c->mover->world, c->family, other(c->to), look_ms(left), &canaries,
					   &c->fault);
	if (err == ERR_CANCELLED)
		return err;
	if (err == 0 && canaries.denied > 0 && canaries.allowed == 0 && canaries.unknown == 0) {
		silence->denied = true;
		if (!silence->drained)
			snprintf(silence->proof, sizeof silence->proof, "%d leaders refused a canary",
				 canaries.denied);
		return 0;
	}
	silence->waits = true;
	if (err == 0)
		fault_set(&c->fault, ERR_TIMEOUT,
			  "the fence is not proved: %d of %d canaries were let through or not answered%s%s",
			  canaries.allowed + canaries.unknown,
			  canaries.denied + canaries.allowed + canaries.unknown, canaries.text[0] ? ": " : "",
			  canaries.text);
	return 0;
}

static int look_at_ends(struct crossing *c, struct look *look)
{
	int64_t left = left_of(c);

	*look = (struct look){ 0 };
	return c->mover->world->ops->look(c->mover->world, c->family, other(c->to), look_ms(left), look,
					  &c->fault);
}

/* One look; true in `still` when the ends have stood long enough. */
static int look_still(struct crossing *c, struct silence *silence, bool *still)
{
	int64_t now_ms, least_ms = steps_still_of(c->family, silence->drained, silence->denied);
	struct look look;
	int err;

	*still = false;
	if (silence->waits)
		return 0;
	err = look_at_ends(c, &look);
	if (err < 0)
		return err == ERR_CANCELLED ? err : 0;
	now_ms = clock_monotonic_ms(journal_clock(c->mover->journal));
	if (!look.settled || look.open_transactions != 0) {
		fault_set(&c->fault, ERR_TIMEOUT, "the %s is not silent: %s", authority_word(other(c->to)),
			  look.text[0] ? look.text : "open transactions cannot be told");
		json_decref(silence->ends);
		silence->ends = NULL;
	} else if (!silence->ends || !json_equal(silence->ends, look.ends)) {
		fault_set(&c->fault, ERR_TIMEOUT, "the ends of the %s have not stood still for %lld ms",
			  authority_word(other(c->to)), (long long)least_ms);
		json_decref(silence->ends);
		silence->ends = json_incref(look.ends);
		silence->since_ms = now_ms;
	} else {
		*still = now_ms - silence->since_ms >= least_ms;
	}
	json_decref(look.ends);
	return 0;
}

static int put_quiet(struct crossing *c, const struct silence *silence)
{
	return crossing_frame(
		c, FRAME_QUIET,
		json_pack("{s:I, s:s, s:O, s:I, s:s}", "attempt", (json_int_t)c->now.attempt, "side",
			  authority_word(other(c->to)), "ends", silence->ends, "still_ms",
			  (json_int_t)(clock_monotonic_ms(journal_clock(c->mover->journal)) -
				       silence->since_ms),
			  "proof", silence->proof[0] ? silence->proof : "the ends stood still for long"),
		NULL);
}

static int be_quiet(struct crossing *c, enum mover_answer *out)
{
	struct silence silence = { 0 };
	bool still = false;
	int err = 0;

	while (!c->now.quiet && !still && !err) {
		silence.waits = silence.drained = silence.denied = false;
		err = ask_drained(c, "flag", &silence);
		err = err || !bootstrap_holds(c) ? err : ask_drained(c, "bootstrap", &silence);
		err = err ? err : ask_canaries(c, &silence);
		err = err ? err : look_still(c, &silence, &still);
		if (!err && !still)
			err = may_wait(c, silence.waits ? 2
					  : steps_still_of(c->family, silence.drained, silence.denied) ==
							  STEPS_STILL_SHORT_MS
						  ? STEPS_STILL_SHORT_MS / 2
						  : STILL_LONG_REST_MS);
	}
	if (!err && !c->now.quiet)
		err = put_quiet(c, &silence);
	json_decref(silence.ends);
	if (mover_must_stop(c, err))
		return err;
	if (err < 0)
		return return_begin(c, out);
	return crossing_stage(c, STAGE_LEVEL, -1, "silence is proved", NULL);
}

/* ---- LEVEL ---- */

/* True when a partition ends further than it did; another leader alone is no record. */
static bool have_grown(const json_t *before, const json_t *now)
{
	json_t *row;
	size_t index;

	json_array_foreach(now, index, row)
	{
		json_t *was = json_array_get(before, index);

		if (json_integer_value(json_array_get(row, 2)) > json_integer_value(json_array_get(was, 2)))
			return true;
	}
	return false;
}

/* Whether the fenced side still ends where silence was proved. */
static int ends_unchanged(struct crossing *c)
{
	json_t *ends = json_object_get(json_object_get(c->now.json, "quiet"), "ends");
	struct look look;
	int err = look_at_ends(c, &look);

	if (err < 0)
		return err;
	if (have_grown(ends, look.ends))
		err = fault_set(&c->fault, ERR_CONFLICT,
				"a record came behind the fence: the %s grew after silence was proved",
				authority_word(other(c->to)));
	else if (!json_equal(ends, look.ends) || !look.settled)
		err = fault_set(&c->fault, ERR_TIMEOUT,
				"the %s is not as it was when silence was proved: a leader has changed, or a "
				"replica is behind",
				authority_word(other(c->to)));
	json_decref(look.ends);
	return err;
}

static int put_leak(struct crossing *c)
{
	return crossing_frame(c, FRAME_LEAK,
			      json_pack("{s:s, s:o}", "side", authority_word(other(c->to)), "text",
					mover_text(c->fault.text)),
			      NULL);
}

/* Asks until it is level, or contradicted, or the time is over. */
static int wait_level(struct crossing *c, struct level *level)
{
	json_t *ends = json_incref(json_object_get(json_object_get(c->now.json, "quiet"), "ends"));
	int err = 0;

	for (;;) {
		int64_t left = left_of(c);

		*level = (struct level){ 0 };
		err = c->mover->world->ops->level(c->mover->world, c->family, c->to, ends, look_ms(left),
						  level, &c->fault);
		if (err == ERR_CANCELLED || (err == 0 && level->answer == LEVEL_YES))
			break;
		if (err == 0)
			fault_set(&c->fault, ERR_TIMEOUT, "the %s is not level: %s", authority_word(c->to),
				  level->text);
		if (err == 0 && level->answer == LEVEL_DIFFERENT) {
			err = ERR_CONFLICT;
			break;
		}
		err = may_wait(c, 5);
		if (err < 0)
			break;
	}
	json_decref(ends);
	return err;
}

static int put_level(struct crossing *c, const struct level *level)
{
	struct look there = { 0 };
	int64_t left = left_of(c);
	int err = c->mover->world->ops->look(c->mover->world, c->family, c->to, look_ms(left), &there,
					     &c->fault);

	if (err < 0)
		return err;
	return crossing_frame(c, FRAME_LEVEL,
			      json_pack("{s:o, s:I, s:I, s:I, s:I, s:s, s:o}", "ends", there.ends, "attempt",
					(json_int_t)c->now.attempt, "quiet", (json_int_t)c->now.quiet,
					"records", (json_int_t)level->records, "matched",
					(json_int_t)level->matched, "claim", level->claim, "text",
					mover_text(level->text)),
			      NULL);
}

static int put_decision(struct crossing *c)
{
	char hash[SHA256_TEXT_SIZE];
	struct fault fault = { 0 };
	int err = journal_append_next(c->mover->journal, FRAME_DECISION,
				      json_pack("{s:s, s:I, s:s, s:I, s:s, s:I, s:I, s:I}", "family", c->name,
						"attempt", (json_int_t)c->now.attempt, "authority",
						authority_word(c->to), "epoch", (json_int_t)c->now.epoch + 1,
						"verdict", sha256_text(c->now.verdict.hash, hash), "quiet",
						(json_int_t)c->now.quiet, "level", (json_int_t)c->now.level,
						"act", (json_int_t)c->now.act),
				      NULL, &fault);

	crossing_look(c);
	if (verdict_is_spent(c) && crossing_came_late(c, err))
		return fault_set(&c->fault, ERR_STALE, "the verdict grew old while the decision was written");
	if (err < 0 && err != ERR_CONFLICT) {
		c->stopped = true;
		c->fault = fault;
	}
	return err;
}

/* The verdict must still be fresh, and nobody may have said stop, at the moment of the decision. */
static int may_decide(struct crossing *c)
{
	int err = owner_says_stop(c);

	if (err < 0 || c->asked_to_stop)
		return err < 0 ? err : ERR_TIMEOUT;
	err = ends_unchanged(c);
	if (err < 0)
		return err;
	/* What took time came first; these are true now. */
	if (left_of(c) == 0)
		return fault_set(&c->fault, ERR_TIMEOUT, "the deadline passed before the decision");
	if (verdict_is_spent(c))
		return fault_set(&c->fault, ERR_STALE,
				 "the verdict that the crossing rests on is no longer open and fresh");
	return 0;
}

/* Right behind what was read: an owner's word that came meanwhile is heard first. */
static int decide(struct crossing *c)
{
	int err = verdict_is_spent(c) && left_of(c) > 0 ? judge_anew(c) : 0;

	if (err < 0)
		return err;
	do
		err = may_decide(c);
	while (!err && (err = put_decision(c)) == ERR_CONFLICT && !c->stopped);
	return err;
}

static int be_level(struct crossing *c, enum mover_answer *out)
{
	enum effect effect = EFFECT_DONE;
	struct level level;
	int err = c->now.level ? 0 : wait_level(c, &level);

	if (!err && !c->now.level)
		err = put_level(c, &level);
	err = err ? err : bring_phase(c, PHASE_PLACE, left_of(c), &effect);
	err = err ? err : effect == EFFECT_DONE ? decide(c) : ERR_TIMEOUT;
	if (mover_must_stop(c, err))
		return err;
	if (err == ERR_CONFLICT && c->fault.err == ERR_CONFLICT && c->now.level) {
		int put = put_leak(c);

		if (put < 0)
			return put;
	}
	return err < 0 ? return_begin(c, out) : 0;
}

/* ---- DECIDED, OPENING: only forward ---- */

static int64_t monotonic_of(const struct crossing *c)
{
	return clock_monotonic_ms(journal_clock(c->mover->journal));
}

static bool gives_turn(struct crossing *c, int64_t since_ms)
{
	c->turned = c->mover->takes_turns && !c->mover->give_up && !c->now.of &&
		    monotonic_of(c) - since_ms >= TURN_MS;
	return c->turned;
}

/* Nothing is opened before somebody outside holds the decision. */
static int decided(struct crossing *c)
{
	int64_t pause_ms = FORWARD_PAUSE_MS, since_ms = monotonic_of(c);
	int err;

	while ((err = mover_publish(c->mover, &c->fault)) < 0) {
		if (err != ERR_NETWORK) {
			/* Of the journal, or the lease: nobody else's answer can help. */
			c->stopped = true;
			return err;
		}
		crossing_tell(c, "DECIDED: waits for somebody to hold the checkpoint: %s", c->fault.text);
		if (gives_turn(c, since_ms))
			return ERR_TIMEOUT;
		err = c->mover->world->ops->pause(c->mover->world, pause_ms);
		if (err < 0)
			return err;
		pause_ms = pause_ms * 2 > FORWARD_PAUSE_MS_MAX ? FORWARD_PAUSE_MS_MAX : pause_ms * 2;
	}
	crossing_look(c);
	return crossing_stage(c, STAGE_OPENING, -1, "the decision is held outside", NULL);
}

/* From the first fence of this attempt to the last route that was opened. */
static int64_t pause_of(const struct crossing *c)
{
	struct intent each;
	int64_t began_ms = 0;

	for (int i = 0; state_intent_at(&c->now, i, &each) && !began_ms; i++)
		if (strncmp(each.step, "fence ", 6) == 0)
			began_ms = body_number(
				json_array_get(json_object_get(c->now.json, "intents"), (size_t)i), "wall");
	return began_ms ? mover_wall(c->mover) - began_ms : 0;
}

static int fault_at_end(struct crossing *c)
{
	char why[sizeof c->fault.text];

	snprintf(why, sizeof why, "%s", c->fault.text);
	return fault_set(&c->fault, ERR_CANCELLED, "asked to end before %s was over; whoever comes next goes on: %s",
			 stage_word(c->now.stage), why);
}

/* Tried until it is so: writes are held, and there is no way back from here. */
static int open_phase(struct crossing *c, enum step_phase phase)
{
	int64_t pause_ms = FORWARD_PAUSE_MS, since_ms = monotonic_of(c);

	for (;;) {
		enum effect effect;
		int err = bring_phase(c, phase, EFFECT_TIMEOUT_MS, &effect);

		if (err < 0 || effect == EFFECT_DONE)
			return err;
		/* Writers are where they belong when groups are not yet: whoever is asked to end leaves those to who comes next. */
		if (c->mover->give_up && phase != PHASE_OPEN)
			return fault_at_end(c);
		crossing_tell(c, "%s: %s; trying again", stage_word(c->now.stage), c->fault.text);
		if (gives_turn(c, since_ms))
			return ERR_TIMEOUT;
		err = c->mover->world->ops->pause(c->mover->world, pause_ms);
		if (err < 0)
			return err;
		pause_ms = pause_ms * 2 > FORWARD_PAUSE_MS_MAX ? FORWARD_PAUSE_MS_MAX : pause_ms * 2;
	}
}

static int opening(struct crossing *c, enum mover_answer *out)
{
	const char *reverted;
	enum effect effect;
	int64_t pause_ms;
	int err = open_phase(c, PHASE_OPEN);

	if (err < 0)
		return err;
	pause_ms = pause_of(c);
	/* A way back that began as a freeze has moved no group yet; of any other these are found done. */
	err = open_phase(c, PHASE_GROUPS_FIRST);
	err = err ? err : open_phase(c, PHASE_GROUPS_LAST);
	err = err ? err : open_phase(c, PHASE_AFTER);
	/* What was begun by a step that was taken out of the plan meanwhile: it ends with what can be told of it. */
	err = err ? err : effect_settle(c, false, &effect);
	if (err < 0)
		return err;
	*out = MOVER_DONE;
	/* What a stop condition brought back is held until somebody has looked, in the same frame: whoever ends it may die. */
	reverted = body_text(c->now.json, "reverts");
	return crossing_stage(c, c->to == AUTHORITY_TARGET ? STAGE_TARGET : STAGE_OBSERVING,
			      reverted ? OVERLAY_HELD : -1,
			      reverted                    ? reverted
			      : c->to == AUTHORITY_TARGET ? "authority is on the target"
							  : "authority is back on the source",
			      json_pack("{s:I}", "pause_ms", (json_int_t)pause_ms));
}

/* ---- all of it ---- */

/* What is made ready, and groups that move first, while writes go on; then the fence. */
static int begin(struct crossing *c, enum mover_answer *out)
{
	int64_t limit_ms = c->family->class->limits[LIMIT_DEADLINE].value;
	enum effect effect;
	int err = bring_phase(c, PHASE_BEFORE, limit_ms, &effect);

	if (!err && effect == EFFECT_DONE)
		err = bring_phase(c, PHASE_GROUPS_FIRST, limit_ms, &effect);
	if (err < 0)
		return err;
	err = owner_says_stop(c);
	if (err < 0)
		return err;
	if (effect != EFFECT_DONE || c->asked_to_stop)
		return return_begin(c, out);
	c->fenced_ms = clock_monotonic_ms(journal_clock(c->mover->journal));
	c->fault.text[0] = 0;
	return crossing_stage(c, STAGE_FENCING, -1, "the crossing begins",
			      json_pack("{s:I, s:I}", "epoch", (json_int_t)c->now.epoch + 1, "deadline",
					(json_int_t)(mover_wall(c->mover) + limit_ms)));
}

int cross_go_on(struct crossing *c, enum mover_answer *out)
{
	int err = 0;

	c->turned = false;
	while (!err && c->now.moving != AUTHORITY_NONE && c->now.overlay != OVERLAY_UNKNOWN) {
		c->fault.err = 0;
		if (c->now.returning) {
			err = return_go_on(c, out);
			continue;
		}
		switch (c->now.stage) {
		case STAGE_ARMED:
		case STAGE_TARGET: err = begin(c, out); break;
		case STAGE_FENCING: err = fence(c, out); break;
		case STAGE_QUIET: err = be_quiet(c, out); break;
		case STAGE_LEVEL: err = be_level(c, out); break;
		case STAGE_DECIDED: err = decided(c); break;
		case STAGE_OPENING: err = opening(c, out); break;
		default:
			err = fault_set(&c->fault, ERR_INTERNAL, "a crossing in %s",
					stage_word(c->now.stage));
		}
	}
	return c->turned ? 0 : err;
}
