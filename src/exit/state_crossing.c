/* state_crossing.c - the frames of a crossing: its stages, its effects, its proofs, the decision, and giving it up. */
#include "exit/state_inside.h"

/* Since when, and whether an owner asked for it: whoever asked needs no call. */
static int begin_held(struct applying *a)
{
	return body_put(a->family, "held",
			json_pack("{s:I, s:b}", "wall", (json_int_t)a->frame->moment.wall_ms, "asked",
				  json_is_true(json_object_get(a->body, "asked"))));
}

int apply_move(struct applying *a)
{
	int to = body_word(a->body, "to", authority_find);
	bool freezes = body_word(a->body, "overlay", overlay_find) == OVERLAY_HELD;
	struct intent each;
	int err;

	/* Whoever is held may still be frozen: that stops more. */
	if (a->now.moving != AUTHORITY_NONE || a->now.overlay == OVERLAY_UNKNOWN ||
	    (a->now.overlay == OVERLAY_HELD && !freezes))
		return state_wrong(a, "a crossing begins while the family is held or crossing");
	if (!(a->now.stage == STAGE_ARMED && to == AUTHORITY_TARGET) &&
	    !(a->now.stage == STAGE_TARGET && to == AUTHORITY_SOURCE))
		return state_wrong(a, "a crossing to %s begins in %s", authority_word((enum authority)to),
				   stage_word(a->now.stage));
	if (body_count(a->body, "attempt") != a->now.attempt + 1)
		return state_wrong(a, "attempt %lld after attempt %llu",
				   (long long)body_number(a->body, "attempt"),
				   (unsigned long long)a->now.attempt);
	for (int i = 0; state_intent_at(&a->now, i, &each); i++)
		if (each.outcome == OUTCOME_OPEN)
			return state_wrong(a, "a crossing begins while intent %llu has no outcome",
					   (unsigned long long)each.sequence);
	err = body_put(a->family, "intents", json_array());
	err = err ? err : body_copy(a->family, "moving", a->body, "to");
	err = err ? err : body_put(a->family, "returning", json_false());
	err = err ? err : body_copy(a->family, "attempt", a->body, "attempt");
	err = err ? err : body_copy(a->family, "act", a->body, "act");
	json_object_del(a->family, "scope");
	if (!err && json_object_get(a->body, "scope"))
		err = body_copy(a->family, "scope", a->body, "scope");
	/* A crossing that begins held is a freeze: it has the fence, and goes no further by itself. */
	if (freezes) {
		err = err ? err : body_copy(a->family, "overlay", a->body, "overlay");
		err = err ? err : body_copy(a->family, "cause", a->body, "cause");
		err = err ? err : begin_held(a);
	}
	json_object_del(a->family, "quiet");
	json_object_del(a->family, "level");
	json_object_del(a->family, "deadline");
	json_object_del(a->family, "return");
	json_object_del(a->family, "reverts");
	/* Nobody asked for it: a stop condition did, and why is worth keeping until somebody has looked. */
	if (!err && json_is_true(json_object_get(a->body, "reverts")))
		err = body_copy(a->family, "reverts", a->body, "cause");
	return err;
}

/* A crossing that was given up, or arrived, is at rest: nothing may be left without an outcome. */
static int end_crossing(struct applying *a, enum stage stage)
{
	struct intent each;
	bool back = a->now.returning;
	enum authority owner =
		(a->now.moving == AUTHORITY_TARGET) != back ? AUTHORITY_TARGET : AUTHORITY_SOURCE;
	int err;

	for (int i = 0; state_intent_at(&a->now, i, &each); i++)
		if (each.outcome == OUTCOME_OPEN)
			return state_wrong(a, "%s is reached while intent %llu has no outcome",
					   stage_word(stage), (unsigned long long)each.sequence);
	err = body_put(a->family, "authority", json_string(authority_word(owner)));
	err = err ? err : body_put(a->family, "moving", json_string("none"));
	err = err ? err : body_put(a->family, "returning", json_false());
	json_object_del(a->family, "deadline");
	if (!err && json_object_get(a->body, "pause_ms"))
		err = body_copy(a->family, "pause_ms", a->body, "pause_ms");
	return err;
}

static int begin_fencing(struct applying *a)
{
	int err;

	if (body_count(a->body, "epoch") != a->now.epoch + 1)
		return state_wrong(a, "authority epoch %lld after %llu",
				   (long long)body_number(a->body, "epoch"),
				   (unsigned long long)a->now.epoch);
	err = body_copy(a->family, "epoch", a->body, "epoch");
	err = err ? err : body_copy(a->family, "deadline", a->body, "deadline");
	return err ? err : body_put(a->family, "authority", json_string("none"));
}

/* ARMED and DECIDED each rest on something; the rest of the table says who may follow whom. */
static int check_stage(struct applying *a, enum stage stage)
{
	struct sha256 verdict;

	if (!stage_may_follow(a->now.stage, stage, a->now.moving, a->now.returning))
		return state_wrong(a, "%s may not follow %s", stage_word(stage), stage_word(a->now.stage));
	if (stage == STAGE_DECIDED)
		return state_wrong(a, "only a DECISION leads to DECIDED");
	if (stage == STAGE_ARMED && !a->now.of &&
	    (!body_hash(a->body, "verdict", &verdict) || !sha256_equal(verdict, a->now.verdict.hash) ||
	     a->now.verdict.verdict != VERDICT_OPEN || a->now.verdict.authority != a->now.epoch ||
	     a->now.verdict.valid_until_ms < a->frame->moment.wall_ms))
		return state_wrong(a, "ARMED without a verdict that is open and fresh");
	if (stage == STAGE_OPENING && body_count(json_object_get(a->state->root, "checkpoint"), "size") <
					      body_count(a->family, "decision"))
		return state_wrong(a, "OPENING before anybody holds the decision");
	if (stage == STAGE_LEVEL && !a->now.quiet)
		return state_wrong(a, "LEVEL before silence was proved");
	return 0;
}

int apply_stage(struct applying *a)
{
	int stage = body_word(a->body, "stage", stage_find),
	    overlay = body_word(a->body, "overlay", overlay_find);
	bool arrived = json_is_true(json_object_get(a->body, "arrived")), moves, ends, leaves_unknown;
	bool asked = json_is_true(json_object_get(a->body, "asked"));
	int err = 0;

	if (stage < 0 || !body_text(a->body, "cause"))
		return state_wrong(a, "names no stage, or no cause");
	moves = (enum stage)stage != a->now.stage;
	leaves_unknown = a->now.overlay == OVERLAY_UNKNOWN && overlay != OVERLAY_UNKNOWN;
	if (moves && a->now.overlay == OVERLAY_UNKNOWN && !leaves_unknown)
		return state_wrong(a, "a stage changes while the outcome of an effect is not known");
	if (leaves_unknown && !json_is_true(json_object_get(a->body, "observed")))
		return state_wrong(a, "UNKNOWN ends without an observation");
	if (moves) {
		err = check_stage(a, (enum stage)stage);
		if (err < 0)
			return err;
	}
	/* A crossing that was given up before its fence may end in the stage that it began in. */
	if (arrived != (moves && a->now.returning) &&
	    !(arrived && a->now.returning && a->now.moving == AUTHORITY_SOURCE && stage == STAGE_TARGET))
		return state_wrong(a, "a crossing that was given up ends, and says so");
	ends = arrived || (moves && a->now.moving != AUTHORITY_NONE && a->now.stage == STAGE_OPENING);
	if (ends)
		err = end_crossing(a, (enum stage)stage);
	else if (moves && stage == STAGE_FENCING)
		err = begin_fencing(a);
	if (err < 0)
		return err;
	if (moves)
		err = body_put(a->family, "since", json_integer(a->frame->moment.wall_ms));
	if (!err && moves && a->now.stage == STAGE_PLANNED)
		err = body_put(a->family, "observed", json_integer(a->frame->moment.wall_ms));
	/* What an owner let go on is judged anew: failures from before this frame stick no longer. */
	if (!err && a->now.overlay != OVERLAY_NONE && overlay <= 0)
		err = body_put(a->family, "window", json_integer((json_int_t)a->frame->sequence));
	/* A freeze that goes on as a crossing. */
	if (!err && !moves && stage == STAGE_FENCING && a->now.overlay == OVERLAY_HELD && overlay <= 0 &&
	    json_object_get(a->body, "deadline"))
		err = body_copy(a->family, "deadline", a->body, "deadline");
	err = err ? err : body_copy(a->family, "stage", a->body, "stage");
	err = err ? err : body_copy(a->family, "cause", a->body, "cause");
	if (overlay > 0 && ((enum overlay)overlay != a->now.overlay || asked))
		err = err ? err : begin_held(a);
	if (overlay > 0)
		return err ? err : body_copy(a->family, "overlay", a->body, "overlay");
	json_object_del(a->family, "overlay");
	json_object_del(a->family, "held");
	json_object_del(a->family, "paged");
	return err;
}

/* From the moment at which we may touch it, for its outcome may never be known. */
static int keep_standing(struct applying *a, const json_t *intent)
{
	json_t *standing = body_child(a->family, "standing");
	const char *lever = body_text(intent, "lever");

	if (!standing)
		return ERR_MEMORY;
	if (body_text(standing, lever) ||
	    strcmp(body_text(intent, "before"), body_text(intent, "desired")) == 0)
		return 0;
	return body_copy(standing, lever, intent, "before");
}

int apply_intent(struct applying *a)
{
	static const char *const texts[] = { "step", "lever", "word", "before", "desired", NULL };
	json_t *intents = json_object_get(a->family, "intents"), *intent;
	int err;

	for (int i = 0; texts[i]; i++)
		if (!body_text(a->body, texts[i]))
			return state_wrong(a, "has no %s", texts[i]);
	if (body_count(a->body, "attempt") != a->now.attempt)
		return state_wrong(a, "is of attempt %lld, and attempt %llu is under way",
				   (long long)body_number(a->body, "attempt"),
				   (unsigned long long)a->now.attempt);
	if (a->now.overlay == OVERLAY_UNKNOWN)
		return state_wrong(a, "an effect while the outcome of another is not known");
	intent = json_deep_copy(a->body);
	err = intent ? body_put(intent, "sequence", json_integer((json_int_t)a->frame->sequence))
		     : ERR_MEMORY;
	err = err ? err : body_put(intent, "wall", json_integer(a->frame->moment.wall_ms));
	if (err < 0) {
		json_decref(intent);
		return err;
	}
	json_object_del(intent, "family");
	err = keep_standing(a, intent);
	if (err < 0) {
		json_decref(intent);
		return err;
	}
	return json_array_append_new(intents, intent) < 0 ? ERR_MEMORY : 0;
}

static json_t *find_intent(struct applying *a)
{
	uint64_t sequence = body_count(a->body, "intent");
	json_t *intents = json_object_get(a->family, "intents"), *intent;
	size_t index;

	json_array_foreach(intents, index, intent)
	{
		if (body_count(intent, "sequence") == sequence)
			return intent;
	}
	return NULL;
}

int apply_observation(struct applying *a)
{
	json_t *intent = find_intent(a);

	if (!intent)
		return state_wrong(a, "of intent %lld, which is not of this attempt",
				   (long long)body_number(a->body, "intent"));
	return body_copy(intent, "observed", a->body, "value");
}

/* Seen to stand as we found it: nothing of ours is there any more. */
static void forget_standing(struct applying *a, const json_t *intent)
{
	json_t *standing = json_object_get(a->family, "standing");
	const char *lever = body_text(intent, "lever"), *original = body_text(standing, lever);
	const char *observed = body_text(intent, "observed");

	if (original && observed && strcmp(original, observed) == 0)
		json_object_del(standing, lever);
}

int apply_outcome(struct applying *a)
{
	json_t *intent = find_intent(a);
	enum outcome result = state_outcome(body_text(a->body, "result"));
	enum outcome before = intent ? state_outcome(body_text(intent, "result")) : OUTCOME_OPEN;
	const char *observed = body_text(intent, "observed");
	int err;

	if (!intent || result == OUTCOME_OPEN)
		return state_wrong(a, "an outcome of nothing");
	if (before != OUTCOME_OPEN && before != OUTCOME_UNKNOWN)
		return state_wrong(a, "intent %lld has an outcome already",
				   (long long)body_number(a->body, "intent"));
	if (result == OUTCOME_DONE && (!observed || strcmp(observed, body_text(intent, "desired")) != 0))
		return state_wrong(a, "intent %lld is called done, and was not seen to be",
				   (long long)body_number(a->body, "intent"));
	err = body_copy(intent, "result", a->body, "result");
	/* Of a time when it was not kept it is called `why`: what a snapshot of then holds must not change. */
	if (!err && body_text(a->body, "failed"))
		err = body_copy(intent, "failed", a->body, "failed");
	if (!err && result != OUTCOME_UNKNOWN)
		forget_standing(a, intent);
	return err;
}

int apply_quiet(struct applying *a)
{
	if (a->now.stage != STAGE_QUIET || a->now.returning ||
	    body_count(a->body, "attempt") != a->now.attempt ||
	    !json_is_array(json_object_get(a->body, "ends")))
		return state_wrong(a, "silence is proved in %s", stage_word(a->now.stage));
	return state_keep(a, "quiet");
}

int apply_level(struct applying *a)
{
	if (a->now.stage != STAGE_LEVEL || a->now.returning ||
	    body_count(a->body, "attempt") != a->now.attempt || body_count(a->body, "quiet") != a->now.quiet)
		return state_wrong(a, "a proof of being level that does not belong here");
	return state_keep(a, "level");
}

/* The one frame that moves authority.  All that it rests on must be of this attempt, and fresh. */
int apply_decision(struct applying *a)
{
	struct sha256 verdict;
	json_t *ends;
	int err;

	if (a->now.stage != STAGE_LEVEL || a->now.returning || a->now.overlay != OVERLAY_NONE)
		return state_wrong(a, "a decision in %s%s", stage_word(a->now.stage),
				   a->now.returning ? ", while the crossing is given up" : "");
	if (body_word(a->body, "authority", authority_find) != (int)a->now.moving ||
	    body_count(a->body, "attempt") != a->now.attempt ||
	    body_count(a->body, "epoch") != a->now.epoch + 1)
		return state_wrong(a, "moves authority elsewhere than the crossing goes");
	if (!a->now.quiet || !a->now.level || body_count(a->body, "quiet") != a->now.quiet ||
	    body_count(a->body, "level") != a->now.level)
		return state_wrong(a, "a decision without its proofs");
	/* The way back rests on its own proof: that the source holds all that the target does.  Other gates may well be shut. */
	if (!body_hash(a->body, "verdict", &verdict) || !sha256_equal(verdict, a->now.verdict.hash))
		return state_wrong(a, "a decision that names no verdict");
	if (a->now.moving == AUTHORITY_TARGET && !a->now.of && a->now.verdict.verdict != VERDICT_OPEN)
		return state_wrong(a, "a decision on a verdict that is not open");
	if (a->now.moving == AUTHORITY_TARGET && !a->now.of &&
	    a->now.verdict.valid_until_ms < a->frame->moment.wall_ms)
		return state_wrong(a, "a decision on a verdict that is no longer fresh");
	/* "ends" are the source's, whichever side was left. */
	ends = json_deep_copy(json_object_get(json_object_get(a->family, "quiet"), "ends"));
	err = body_put(a->family, a->now.moving == AUTHORITY_TARGET ? "ends" : "ends_to", ends);
	err = err ? err
		  : body_copy(a->family, a->now.moving == AUTHORITY_TARGET ? "ends_to" : "ends",
			      json_object_get(a->family, "level"), "ends");
	json_object_del(a->family, "watched");
	json_object_del(a->family, "leak"); /* it was behind a fence that this decision lifts or moves */
	err = err ? err : body_copy(a->family, "authority", a->body, "authority");
	err = err ? err : body_copy(a->family, "epoch", a->body, "epoch");
	err = err ? err : body_put(a->family, "decision", json_integer((json_int_t)a->frame->sequence));
	err = err ? err : body_put(a->family, "stage", json_string(stage_word(STAGE_DECIDED)));
	err = err ? err : body_put(a->family, "crossed", json_integer(a->frame->moment.wall_ms));
	return err ? err : body_put(a->family, "since", json_integer(a->frame->moment.wall_ms));
}

int apply_return(struct applying *a)
{
	int err;

	if (a->now.moving == AUTHORITY_NONE || a->now.returning || stage_is_decided(a->now.stage))
		return state_wrong(a, "there is no crossing to give up in %s", stage_word(a->now.stage));
	if (!body_text(a->body, "cause") || body_count(a->body, "attempt") != a->now.attempt ||
	    body_count(a->body, "epoch") != a->now.epoch + 1)
		return state_wrong(a, "gives up another crossing, or without a cause");
	err = body_put(a->family, "returning", json_true());
	err = err ? err : body_copy(a->family, "epoch", a->body, "epoch");
	err = err ? err : body_copy(a->family, "cause", a->body, "cause");
	err = err ? err : body_copy(a->family, "deadline", a->body, "deadline");
	return err ? err : state_keep(a, "return");
}
