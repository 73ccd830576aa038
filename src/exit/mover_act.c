/*
 * mover_act.c - what an owner asked for: whether it may be, and then doing it.
 *
 * A refusal changes nothing and says why.  Whatever leads to a crossing looks at everything anew first.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "exit/act.h"
#include "exit/mover_inside.h"
#include "exit/window.h"

#define FORECAST_TIMEOUT_MS 60000
#define FORECAST_SLOWED_MS  10000
#define UNSEEN_AGAIN_MS     60000
#define ACT_LIFE_MS         3600000 /* as long as a signature counts (act_sign.h) */

struct acting {
	struct crossing *c;
	uint64_t act;
	const json_t *json;
	enum mover_answer *out;
};

static int answer(struct acting *a, enum mover_answer what, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int answer(struct acting *a, enum mover_answer what, const char *format, ...)
{
	char text[1500];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	*a->out = what;
	return mover_answer_act(a->c, a->act, what, text);
}

/* ---- judging ---- */

/* ARMED comes and goes with the verdict; nothing else arms. */
static int arm_or_not(struct crossing *c)
{
	bool open = c->now.verdict.verdict == VERDICT_OPEN && c->now.verdict.authority == c->now.epoch &&
		    c->now.verdict.valid_until_ms > mover_wall(c->mover);
	char hash[SHA256_TEXT_SIZE];

	if (c->now.moving != AUTHORITY_NONE)
		return 0;
	if (c->now.stage == STAGE_OBSERVING && open && c->now.overlay == OVERLAY_NONE) {
		int err =
			crossing_stage(c, STAGE_ARMED, -1, "every gate is open and fresh",
				       json_pack("{s:s}", "verdict", sha256_text(c->now.verdict.hash, hash)));

		return crossing_came_late(c, err) ? 0 : err;
	}
	if (c->now.stage == STAGE_ARMED && !open)
		return crossing_stage(c, STAGE_OBSERVING, -1, "a gate is not open any more", NULL);
	return 0;
}

/* A judgement that cannot be made is none: what the last one said goes stale by itself. */
int mover_judge_crossing(struct crossing *c)
{
	json_t *body = NULL;
	int err;

	/* The authority may have moved since; evidence is stamped with what is now. */
	crossing_look(c);
	err = c->mover->world->ops->judge(c->mover->world, c->family, c->now.json, &body, &c->fault);
	if (err < 0)
		return err;
	err = crossing_frame(c, FRAME_VERDICT, body, NULL);
	return err ? err : arm_or_not(c);
}

/* Written down when it is news, and not in each round: the words of one outage differ by milliseconds and ports. */
static void put_unseen(struct crossing *c)
{
	const json_t *unseen = json_object_get(c->now.json, "unseen");
	const char *text = body_text(unseen, "text");
	struct fault why = c->fault;

	if (text && (strcmp(text, why.text) == 0 ||
		     mover_wall(c->mover) - body_number(unseen, "wall") < UNSEEN_AGAIN_MS))
		return;
	crossing_frame(c, FRAME_NOTE, json_pack("{s:s, s:o}", "look", "failed", "text", mover_text(why.text)),
		       NULL);
	c->fault = why;
}

int mover_judge(struct mover *mover, const struct plan_family *family, struct fault *fault)
{
	struct crossing c;
	int err = journal_sync(mover->journal, fault);

	if (err < 0)
		return err;
	err = crossing_open(&c, mover, family);
	if (err == 0) {
		err = mover_judge_crossing(&c);
		if (err == 0)
			err = watch_stop_conditions(&c);
		else if (!mover_must_stop(&c, err))
			put_unseen(&c);
		crossing_close(&c);
	}
	if (err < 0 && fault)
		*fault = c.fault;
	return err;
}

void mover_say_reasons(const struct crossing *c, char *text, size_t size)
{
	json_t *reason, *reasons = json_object_get(json_object_get(c->now.json, "verdict"), "reasons");
	size_t index, used = 0;

	text[0] = 0;
	json_array_foreach(reasons, index, reason)
	{
		const char *rule = body_text(reason, "rule"), *says = body_text(reason, "text");
		int count = body_alike(reasons, index, "text");
		char more[40] = "";

		if (count > 1)
			snprintf(more, sizeof more, ", and %d rule%s more", count - 1, count == 2 ? "" : "s");
		if (used < size && count)
			used += (size_t)snprintf(text + used, size - used, "%s%s%s: %s", used ? "; " : "",
						 rule ? rule : "", more, says ? says : "");
	}
	if (!text[0])
		snprintf(text, size, "not every gate is open");
}

/* ---- promote, rollback ---- */

/* Of what was carried on after the family had been frozen or unknown: where it stands now, if it is over. */
static int answer_end(struct acting *a, int err)
{
	const struct crossing *c = a->c;

	return err || c->turned ? err : answer(a, *a->out, "%s: %s", stage_word(c->now.stage), c->now.cause);
}

/* Families that must have held on the target first. */
static bool wave_waits(const struct crossing *c, char *text, size_t size)
{
	const struct plan_names *after = &c->family->after;
	int64_t now_ms = mover_wall(c->mover);

	for (int i = 0; i < after->count; i++) {
		const struct plan_family *family = plan_family(c->mover->plan, after->at[i].text);
		char name[300], why[WINDOW_TEXT_SIZE];
		struct standing first;

		snprintf(name, sizeof name, "%.*s", VIEW_ARGS(after->at[i].text));
		if (!state_family(journal_state(c->mover->journal), name, &first) ||
		    (first.stage != STAGE_TARGET && first.stage != STAGE_SEALED &&
		     first.stage != STAGE_RETIRED)) {
			snprintf(text, size, "family %s must be on the target first", name);
			return true;
		}
		if (first.overlay != OVERLAY_NONE || first.verdict.verdict != VERDICT_OPEN) {
			snprintf(text, size, "family %s is on the target, and is held or not open", name);
			return true;
		}
		if (family && !window_is_over(&first, family, now_ms, why, sizeof why)) {
			snprintf(text, size, "family %s is still watched: %s", name, why);
			return true;
		}
	}
	return false;
}

/*
 * What was written to the target since it got authority, and nothing carries back, is never given up.  The proof of being
 * level would not let it pass either; this says so at once, and asks no writer to wait.
 */
static int look_for_target_only(struct crossing *c, char *text, size_t size)
{
	const json_t *ends = json_object_get(c->now.json, "ends_to");
	int64_t written = 0;
	json_t *now = NULL, *row;
	char first[600] = "";
	size_t index;
	int found;

	if (c->to != AUTHORITY_SOURCE || c->family->pattern.value == PLAN_PATTERN_DUAL_WRITE ||
	    c->family->back.head.given || !c->mover->world->ops->leak || !json_array_size(ends))
		return 0;
	found = c->mover->world->ops->leak(c->mover->world, c->family, AUTHORITY_TARGET, ends,
					   FORECAST_TIMEOUT_MS, first, sizeof first, &now, &c->fault);
	if (found == ERR_CANCELLED || found == ERR_MEMORY)
		return found;
	if (found < 0)
		snprintf(text, size, "whether records are on the target alone cannot be told: %s",
			 c->fault.text);
	json_array_foreach(now, index, row)
	{
		int64_t was = json_integer_value(json_array_get(json_array_get(ends, index), 2)),
			is = json_integer_value(json_array_get(row, 2));

		written += is > was ? is - was : 0;
	}
	if (found > 0)
		snprintf(
			text, size,
			"%lld records (markers of transactions are counted too) are on the target alone, and "
			"the plan has no `return` that carries them back: going back would lose them",
			(long long)written);
	json_decref(now);
	return 0;
}

static void say_too_long(const struct crossing *c, int64_t pause_ms, int64_t still_ms, const char *why,
			 char *text, size_t size)
{
	char allowed[UNIT_TEXT_SIZE], predicted[UNIT_TEXT_SIZE], still[UNIT_TEXT_SIZE], more[300] = "";

	if (still_ms >= STEPS_STILL_LONG_MS)
		snprintf(more, sizeof more,
			 ": %s of it are stillness, for the plan has nothing that proves silence sooner; "
			 "give its flag "
			 "`drained`, or the class a `pause` and a `deadline` that long",
			 duration_text(still_ms, still));
	snprintf(text, size, "the predicted write pause is %s, and the class allows %s%s (%s)",
		 duration_text(pause_ms, predicted),
		 duration_text(c->family->class->limits[LIMIT_PAUSE].value, allowed), more, why);
}

/* Everything that takes time is made ready before anybody is asked to wait. */
static int forecast(struct crossing *c, char *text, size_t size)
{
	int64_t pause_max_ms = c->family->class->limits[LIMIT_PAUSE].value,
		still_ms = steps_still_ms(c->family);
	/* Who is only behind is given time under the quota, before anybody is fenced. */
	bool slows = c->family->levers.quota.given;
	struct forecast forecast = { 0 };
	int err;

	text[0] = 0;
	/* Who is fenced must not wait for somebody to make room on a disk. */
	err = journal_reserve(c->mover->journal, &c->fault);
	if (err == ERR_FULL)
		snprintf(text, size,
			 "preflight: the journal has no room for a crossing and its way back, %d MiB: %s",
			 JOURNAL_RESERVE_SIZE >> 20, c->fault.text);
	if (err == 0)
		err = look_for_target_only(c, text, size);
	if (text[0])
		return 0;
	if (err < 0)
		return err;
	err = c->mover->world->ops->forecast(c->mover->world, c->family, c->to,
					     slows ? FORECAST_SLOWED_MS : FORECAST_TIMEOUT_MS, &forecast,
					     &c->fault);
	if (err == ERR_CANCELLED || err == ERR_MEMORY)
		return err;
	if (err < 0)
		snprintf(text, size, "preflight could not look: %s", c->fault.text);
	else if (!forecast.may && !(forecast.behind && slows))
		snprintf(text, size, "preflight: %s", forecast.text);
	else if (forecast.may && forecast.pause_ms + still_ms > pause_max_ms)
		say_too_long(c, forecast.pause_ms + still_ms, still_ms, forecast.text, text, size);
	if (text[0])
		c->mover->world->ops->release(c->mover->world, c->family);
	else
		crossing_tell(c, "preflight: predicted pause %lld ms: %s",
			      (long long)(forecast.pause_ms + still_ms), forecast.text);
	return 0;
}

static json_t *act_of(const struct acting *a)
{
	return json_pack("{s:I}", "act", (json_int_t)a->act);
}

static int release_overlay(struct acting *a, const char *cause)
{
	struct crossing *c = a->c;
	int64_t limit_ms = c->family->class->limits[LIMIT_DEADLINE].value;
	json_t *more;

	if (c->now.overlay != OVERLAY_HELD)
		return 0;
	more = act_of(a);
	/* Frozen for however long: what goes on now has a crossing's time, from now on. */
	if (more && c->now.stage == STAGE_FENCING)
		json_object_set_new(more, "deadline",
				    json_integer((json_int_t)(mover_wall(c->mover) + limit_ms)));
	return crossing_stage(c, c->now.stage, OVERLAY_NONE, cause, more);
}

static int begin_crossing(struct acting *a)
{
	struct crossing *c = a->c;
	char text[1200];
	int err = mover_publish(c->mover, &c->fault);

	crossing_look(c);
	if (err == ERR_NETWORK)
		return answer(a, MOVER_REFUSED, "%s; a decision needs somebody outside who holds it",
			      c->fault.text);
	err = err ? err : forecast(c, text, sizeof text);
	if (err < 0) {
		c->stopped = true;
		return err;
	}
	if (text[0])
		return answer(a, MOVER_REFUSED, "%s", text);
	/* Preflight takes time, and the verdict grows old meanwhile: then it is made anew, for the follower is there now. */
	if (c->to == AUTHORITY_TARGET) {
		err = arm_or_not(c);
		err = err || c->now.stage == STAGE_ARMED ? err : mover_judge_crossing(c);
		if (mover_must_stop(c, err))
			return err;
		if (err < 0 || c->now.stage != STAGE_ARMED) {
			mover_say_reasons(c, text, sizeof text);
			c->mover->world->ops->release(c->mover->world, c->family);
			return answer(a, MOVER_REFUSED, "the evidence grew stale while preflight looked: %s",
				      err < 0 ? c->fault.text : text);
		}
	}
	/* A refusal left it as it was, held or not; from here on it moves. */
	err = release_overlay(a, "an owner asked for it");
	if (err < 0)
		return err;
	err = crossing_move(c, c->to, a->act, json_object());
	return err ? err : mover_carry(c, a->out);
}

/* The family is under way for this very act: somebody was killed; go on. */
static bool is_under_way(const struct acting *a)
{
	return a->c->now.moving != AUTHORITY_NONE && a->c->now.act == a->act;
}

static int promote(struct acting *a)
{
	struct crossing *c = a->c;
	char text[1200];
	int err;

	if (is_under_way(a))
		return mover_carry(c, a->out);
	if (c->now.overlay != OVERLAY_NONE)
		return answer(a, MOVER_REFUSED, "the family is %s: %s", overlay_word(c->now.overlay),
			      c->now.cause);
	if (c->now.stage >= STAGE_TARGET)
		return answer(a, MOVER_DONE, "authority is on the target already (%s)",
			      stage_word(c->now.stage));
	if (c->now.stage != STAGE_OBSERVING && c->now.stage != STAGE_ARMED)
		return answer(a, MOVER_REFUSED, "a crossing cannot begin in %s", stage_word(c->now.stage));
	if (wave_waits(c, text, sizeof text))
		return answer(a, MOVER_REFUSED, "%s", text);
	crossing_tell(c, "gathers evidence and judges every gate");
	err = mover_judge_crossing(c);
	if (err < 0 && !mover_must_stop(c, err))
		return answer(a, MOVER_REFUSED, "the gates could not be judged: %s", c->fault.text);
	if (err < 0)
		return err;
	if (c->now.stage != STAGE_ARMED) {
		mover_say_reasons(c, text, sizeof text);
		return answer(a, MOVER_REFUSED, "%s", text);
	}
	c->to = AUTHORITY_TARGET;
	return begin_crossing(a);
}

static int rollback(struct acting *a)
{
	struct crossing *c = a->c;
	int err;

	if (is_under_way(a))
		return mover_carry(c, a->out);
	if (c->now.overlay == OVERLAY_UNKNOWN)
		return answer(a, MOVER_REFUSED, "the family is UNKNOWN: %s", c->now.cause);
	if (c->now.moving == AUTHORITY_NONE && c->now.authority == AUTHORITY_SOURCE)
		return answer(a, MOVER_DONE, "authority is on the source already (%s)",
			      stage_word(c->now.stage));
	if (c->now.stage >= STAGE_SEALED)
		return answer(a, MOVER_REFUSED, "the family is %s: the way back was closed on purpose",
			      stage_word(c->now.stage));
	if (c->now.moving != AUTHORITY_NONE) { /* it was frozen on the way there */
		err = release_overlay(a, "an owner asked for rollback");
		c->to = c->now.moving;
		err = err ? err : mover_carry(c, a->out);
		return answer_end(a, err);
	}
	c->to = AUTHORITY_SOURCE;
	return begin_crossing(a);
}

/* ---- hold, resume ---- */

static int hold(struct acting *a)
{
	struct crossing *c = a->c;
	char cause[800];
	int err;

	if (c->now.overlay == OVERLAY_UNKNOWN)
		return answer(a, MOVER_DONE, "the family is UNKNOWN, and so is held already");
	if (c->now.stage == STAGE_RETIRED)
		return answer(a, MOVER_REFUSED,
			      "the family is RETIRED: nothing of it moves any more that could be held");
	snprintf(cause, sizeof cause, "%s: %s", body_text(a->json, "by"), body_text(a->json, "reason"));
	err = crossing_stage(c, c->now.stage, OVERLAY_HELD, cause, json_pack("{s:b}", "asked", 1));
	return err ? err : answer(a, MOVER_DONE, "%s is held in %s", c->name, stage_word(c->now.stage));
}

/* Out of UNKNOWN only by looking: every effect in doubt must be seen to stand where the journal can place it. */
static int resume_unknown(struct acting *a)
{
	struct crossing *c = a->c;
	enum effect effect;
	int err = effect_settle(c, true, &effect);

	if (err < 0)
		return err;
	if (effect == EFFECT_UNKNOWN)
		return answer(a, MOVER_REFUSED,
			      "observation and journal still disagree: %s; diagnose says what would make "
			      "them agree",
			      c->fault.text);
	err = crossing_stage(c, c->now.stage, OVERLAY_NONE,
			     "every effect in doubt was established by looking",
			     json_pack("{s:b, s:I}", "observed", 1, "act", (json_int_t)a->act));
	if (err < 0)
		return err;
	if (c->now.moving == AUTHORITY_NONE)
		return answer(a, MOVER_DONE, "%s goes on in %s", c->name, stage_word(c->now.stage));
	c->to = c->now.moving;
	err = steps_make(c->family, c->to, &c->arena, &c->steps);
	err = err ? err : mover_carry(c, a->out);
	return answer_end(a, err);
}

static int resume(struct acting *a)
{
	struct crossing *c = a->c;
	int err;

	if (c->now.overlay == OVERLAY_NONE)
		return answer(a, MOVER_DONE, "%s is not held", c->name);
	if (c->now.overlay == OVERLAY_UNKNOWN)
		return resume_unknown(a);
	if (c->now.moving == AUTHORITY_NONE) {
		err = release_overlay(a, "an owner resumed it");
		return err ? err
			   : answer(a, MOVER_DONE, "%s goes on in %s", c->name, stage_word(c->now.stage));
	}
	/* It was frozen: a resume without a rollback lifts the fence.  Given up first: killed in between, it must not cross. */
	c->to = c->now.moving;
	c->asked_to_stop = true;
	fault_set(&c->fault, ERR_CANCELLED, "an owner resumed it");
	err = stage_is_decided(c->now.stage) || c->now.returning ? 0 : return_begin(c, a->out);
	err = err ? err : release_overlay(a, "an owner resumed it");
	err = err ? err : mover_carry(c, a->out);
	/* Back where it was is what was asked for; where the way there could not be established, nobody says so. */
	if (*a->out != MOVER_UNKNOWN)
		*a->out = MOVER_DONE;
	return answer_end(a, err);
}

/* ---- seal, and what needs no effect ---- */

static int seal(struct acting *a)
{
	struct crossing *c = a->c;
	char text[1200];
	int err;

	if (c->now.stage == STAGE_SEALED || c->now.stage == STAGE_RETIRED)
		return answer(a, MOVER_DONE, "the way back is closed already (%s)", stage_word(c->now.stage));
	if (c->now.stage != STAGE_TARGET || c->now.overlay != OVERLAY_NONE)
		return answer(
			a, MOVER_REFUSED,
			"only a family that is on the target, and not held, can be sealed; it is %s%s%s",
			stage_word(c->now.stage), c->now.overlay ? ", " : "",
			c->now.overlay ? overlay_word(c->now.overlay) : "");
	err = mover_judge_crossing(c);
	if (err < 0 && !mover_must_stop(c, err))
		return answer(a, MOVER_REFUSED, "the gates could not be judged: %s", c->fault.text);
	if (err < 0)
		return err;
	if (c->now.verdict.verdict != VERDICT_OPEN) {
		mover_say_reasons(c, text, sizeof text);
		return answer(a, MOVER_REFUSED, "%s", text);
	}
	if (!window_is_over(&c->now, c->family, mover_wall(c->mover), text, sizeof text))
		return answer(a, MOVER_REFUSED, "it is still watched: %s", text);
	err = crossing_stage(c, STAGE_SEALED, -1, "an owner closed the way back", act_of(a));
	return err ? err : answer(a, MOVER_DONE, "%s is sealed: there is no way back from here", c->name);
}

static int waive(struct acting *a)
{
	const json_t *arguments = json_object_get(a->json, "arguments");
	int64_t expires_ms = body_number(arguments, "expires");

	if (!body_text(arguments, "rule") || expires_ms <= mover_wall(a->c->mover))
		return answer(a, MOVER_REFUSED, "a waiver names a rule, and ends in the future");
	return answer(a, MOVER_DONE, "%s is waived until then, within its bound",
		      body_text(arguments, "rule"));
}

static int note_it(struct acting *a)
{
	return answer(a, MOVER_DONE, "%s", "noted");
}

static int drill(struct acting *a)
{
	return mover_drill(a->c, a->act, a->json, a->out);
}

static int retire(struct acting *a)
{
	return mover_retire(a->c, a->act, a->json, a->out);
}

/*
 * Its owner was shown what another plan amounts to than the one that is kept here.  What stops, lets go on, or is bound to a
 * plan by itself is for every plan.
 */
static bool is_of_another_plan(const struct crossing *c, int kind, const json_t *json)
{
	struct sha256 shown;

	if (kind == ACT_HOLD || kind == ACT_RESUME || kind == ACT_ACKNOWLEDGE || kind == ACT_CONFIRM)
		return false;
	return body_hash(json, "plan", &shown) && !sha256_equal(shown, c->mover->plan->hash);
}

/*
 * Whoever asked gave up waiting, or was killed, and whoever comes long after that expects nothing of the kind to happen.  What
 * stops, and what only says something, is as true as it was.
 */
static bool is_forgotten(const struct acting *a, int kind)
{
	int64_t since_ms = mover_wall(a->c->mover) - body_number(a->json, "wall");

	return kind != ACT_HOLD && kind != ACT_ACKNOWLEDGE && kind != ACT_CONFIRM && !is_under_way(a) &&
	       since_ms > ACT_LIFE_MS;
}

int mover_act_carry(struct crossing *c, uint64_t act, const json_t *json, enum mover_answer *out)
{
	static int (*const carries[ACT_COUNT])(struct acting *) = {
		[ACT_PROMOTE] = promote, [ACT_ROLLBACK] = rollback, [ACT_HOLD] = hold,
		[ACT_RESUME] = resume,   [ACT_DRILL] = drill,       [ACT_WAIVE] = waive,
		[ACT_SEAL] = seal,       [ACT_RETIRE] = retire,     [ACT_ACKNOWLEDGE] = note_it,
		[ACT_CONFIRM] = note_it,
	};
	struct acting a = { c, act, json, out };
	int kind = act_find(view_text(body_text(json, "act")));

	if (kind < 0)
		return answer(&a, MOVER_REFUSED, "this version does not know the act '%s'",
			      body_text(json, "act"));
	if (mover_may(c->mover, c->family, json, &c->fault) < 0)
		return answer(&a, MOVER_REFUSED, "%s", c->fault.text);
	if (is_of_another_plan(c, kind, json))
		return answer(&a, MOVER_REFUSED,
			      "it was asked for by another text of the plan than the controller keeps, which reads it "
			      "when it begins: end `interlock run`, start it again, and ask once more");
	if (is_forgotten(&a, kind))
		return answer(&a, MOVER_REFUSED,
			      "it was asked for more than an hour ago, and nobody was there to carry it out: "
			      "nothing was done; "
			      "ask again");
	/* What is under way goes to its end first, and hears a hold by itself. */
	if (c->now.moving != AUTHORITY_NONE && c->now.overlay == OVERLAY_NONE && c->now.act != act) {
		int err = mover_carry(c, out);

		if (err < 0 || c->turned)
			return err;
	}
	return carries[kind](&a);
}

int mover_revert(struct mover *mover, const struct plan_family *family, const char *cause,
		 enum mover_answer *out, struct fault *fault)
{
	struct crossing c;
	char text[1200];
	int err = crossing_open(&c, mover, family);

	if (err < 0)
		goto say;
	c.to = AUTHORITY_SOURCE;
	err = steps_make(family, c.to, &c.arena, &c.steps);
	text[0] = 0;
	/* As for an owner: nobody is asked to wait for a decision that nobody outside could hold. */
	err = err ? err : mover_publish(mover, &c.fault);
	crossing_look(&c);
	if (err == ERR_NETWORK) {
		snprintf(text, sizeof text, "%s", c.fault.text);
		err = 0;
	} else {
		err = err ? err : forecast(&c, text, sizeof text);
	}
	if (!err && text[0]) {
		snprintf(c.fault.text, sizeof c.fault.text, "%s; it cannot go back by itself: %s", cause,
			 text);
		*out = MOVER_REFUSED;
		err = crossing_stage(&c, c.now.stage, OVERLAY_HELD, c.fault.text, NULL);
	} else if (!err) {
		err = crossing_move(&c, AUTHORITY_SOURCE, 0, json_pack("{s:b, s:o}", "reverts", 1, "cause", mover_text(cause)));
		err = err ? err : mover_carry(&c, out);
	}
	crossing_close(&c);
say:
	if (err < 0 && fault)
		*fault = c.fault;
	return err;
}
