/*
 * mover_effect.c - one effect, so that it is known before, during and after.
 *
 *	observe --> INTENT --> set --> observe until it is so --> OBSERVATION --> OUTCOME
 *
 * A crash after INTENT leaves it open.  Whoever finds it observes first:
 *
 *	it stands at `desired`			done (recovered)
 *	it stands at `before`			not done: it may be tried again
 *	an undo, and it stands where an earlier
 *	order of this attempt sent it		not done: that order came late, and an undo says otherwise
 *	anything else, or no answer		unknown: stop
 *
 * A set() that failed is judged in the same way, by looking.  Only a refusal in so many words is believed at once.  While a
 * crossing can still be given up, and writers may be held by it, two more answers of a lever that is told are: that it failed,
 * three times in a row; and a look that contradicts for half a second what it has acknowledged.  Silence is waited for.
 *
 * Who waits asks again.  Of several instances one may have been down when the word came: the others stand where it sent them,
 * that one where it stood, a look says no more than that they disagree, and nothing but the same word once more makes them
 * agree.  For the same reason an undo, and whatever comes after the decision, is said to a flag that does not show where it
 * stands; its epoch keeps the order of such words.  What is set on a cluster is a value, and the same value once more does no
 * harm: a request that a broken connection has taken with it is sent again.
 *
 * A group has no epoch between its stop and its start, so it is asked again only when it has answered, and never unseen.  One
 * that did not answer, and is then seen to stand where it stood for a while, is asked again where nobody could give up.
 *
 * Where a lever stands already where it is wanted, a look shows nothing.  An order of an earlier epoch may still be on its
 * way to it, and only one that has heard of this epoch refuses that: so one that is told has to acknowledge the set.
 */
#include <stdio.h>
#include <stdlib.h>

#include "exit/mover_inside.h"

#define LOOK_AGAIN_MS 5
#define LOOK_LEAST_MS 250 /* the last look has time for an answer: a lever that is well must not end up unknown */
#define LOOK_AGAIN_MS_MAX 200

#define SET_TRIES           3
#define SET_AGAIN_MS        100
#define CONTRADICTION_MS    500
#define CONTRADICTION_LOOKS 3

#define WORD_AGAIN_MS     300
#define WORD_AGAIN_MS_MAX 2000
#define GROUP_SILENT_MS   3000 /* a group's command that was not answered is not on its way any more */

/*
 * `until_ms` is on our own monotonic clock: a wall clock that jumps gives nobody more time, and takes none.  Every question is
 * given the time of an answer: that of one which had none would stand for what was said before.
 */
static int64_t left_of(const struct crossing *c, int64_t until_ms)
{
	int64_t left = until_ms - clock_monotonic_ms(journal_clock(c->mover->journal));

	return left < LOOK_LEAST_MS ? LOOK_LEAST_MS : left > EFFECT_TIMEOUT_MS ? EFFECT_TIMEOUT_MS : left;
}

/* What the last word to a lever came to, and why; ERR_TIMEOUT for one whose answer nobody heard. */
struct sent {
	int set;
	struct fault why;
};

static struct lever *lever_of(struct crossing *c, const char *name)
{
	struct world *world = c->mover->world;
	struct lever *lever = world->ops->lever(world, c->family, name);

	if (!lever)
		fault_set(&c->fault, ERR_NOT_FOUND, "the plan has no lever %s any more", name);
	return lever;
}

/* 0 with a text in `value`; ERR_STALE: its parts disagree; else it cannot be told. */
static int observe(struct crossing *c, struct lever *lever, int64_t timeout_ms, struct buffer *value)
{
	int err;

	buffer_reset(value);
	err = lever_observe(lever, timeout_ms, value, &c->fault);
	if (value->err)
		return fault_set(&c->fault, value->err, "%s: what it stands at is too long", lever->name);
	return err;
}

static int put_observation(struct crossing *c, uint64_t intent, const struct buffer *value, bool known)
{
	json_t *body = json_pack("{s:I}", "intent", (json_int_t)intent);
	json_t *text = known ? json_stringn((const char *)value->at, value->size) : NULL;

	if (body && text)
		json_object_set_new(body, "value", text);
	else if (body)
		json_object_set_new(body, "why", mover_text(c->fault.text));
	return crossing_frame(c, FRAME_OBSERVATION, body, NULL);
}

static int put_outcome(struct crossing *c, uint64_t intent, enum outcome outcome, bool recovered)
{
	json_t *body = json_pack("{s:I, s:s, s:b}", "intent", (json_int_t)intent, "result",
				 outcome_word(outcome), "recovered", recovered);

	if (body && outcome != OUTCOME_DONE)
		json_object_set_new(body, "failed", mover_text(c->fault.text));
	return crossing_frame(c, FRAME_OUTCOME, body, NULL);
}

bool effect_is_undo(const char *step)
{
	return strncmp(step, "undo ", 5) == 0;
}

static bool is_group(const struct lever *lever)
{
	return strncmp(lever->name, "group:", 6) == 0;
}

/*
 * An order that was given up for lost, of this very attempt, and it came while nobody looked: what stands there is ours
 * by the journal, and to be set back like all that is.  Only a lever that is told knows by the epoch which of the two is
 * the newer; of others nobody can say that the old order will not come again.
 */
static bool ours_and_late(const struct crossing *c, const struct lever *lever, const struct intent *undo,
			  struct view seen)
{
	struct intent each;

	if (!lever || !lever->told || !effect_is_undo(undo->step))
		return false;
	for (int i = 0; state_intent_at(&c->now, i, &each); i++)
		if (strcmp(each.lever, undo->lever) == 0 && !effect_is_undo(each.step) &&
		    each.epoch < undo->epoch && view_is(seen, each.desired))
			return true;
	return false;
}

/* It stood there already, or nobody saw where it stood: a look at what is told does not show whether it has heard. */
static bool shows_nothing(const struct intent *intent)
{
	return !intent->before[0] || strcmp(intent->before, intent->desired) == 0;
}

/* Whether a look says what became of an intent; if not, `fault` says what stands there, and what a person can do. */
static bool tells(struct crossing *c, const struct lever *lever, const struct intent *intent,
		  struct view seen, enum outcome *out)
{
	int size = (int)(seen.size < 200 ? seen.size : 200);
	bool one = shows_nothing(intent);

	*out = OUTCOME_DONE;
	if (view_is(seen, intent->desired))
		return true;
	*out = OUTCOME_NOT_DONE;
	if (view_is(seen, intent->before) || ours_and_late(c, lever, intent, seen))
		return true;
	*out = OUTCOME_UNKNOWN;
	if (one)
		fault_set(&c->fault, ERR_CONFLICT,
			  "%s stands at '%.*s', which nobody asked for: put it at '%.200s' and resume",
			  intent->lever, size, (const char *)seen.at, intent->desired);
	else
		fault_set(&c->fault, ERR_CONFLICT,
			  "%s stands at '%.*s', which is neither what it was nor what was asked for: put it at '%.200s', "
			  "as it was, or at '%.200s', and resume",
			  intent->lever, size, (const char *)seen.at, intent->before, intent->desired);
	return false;
}

/* What became of an intent, from a look at its lever, and from whether it has `heard`, where a look cannot tell. */
static int establish(struct crossing *c, const struct lever *lever, const struct intent *intent,
		     const struct buffer *value, int looked, bool heard, bool recovered, enum outcome *out)
{
	enum outcome outcome = OUTCOME_UNKNOWN;
	int err;

	if (looked == 0)
		tells(c, lever, intent, buffer_bytes(value), &outcome);
	if (outcome == OUTCOME_DONE && !heard && shows_nothing(intent))
		outcome = OUTCOME_NOT_DONE;
	*out = outcome;
	err = put_observation(c, intent->sequence, value, looked == 0);
	return err ? err : put_outcome(c, intent->sequence, outcome, recovered);
}

/* Whether there is a way back, and it is better taken at once than at the deadline.  Whoever gives up or freezes insists. */
static bool may_give_up(const struct crossing *c, const struct lever *lever)
{
	return lever->told && c->now.moving != AUTHORITY_NONE && !c->now.returning &&
	       c->now.overlay == OVERLAY_NONE && !stage_is_decided(c->now.stage);
}

/* Whether a word that came to `set`, `since_ms` ago, may be said once more; `stays`: it is seen to stand where it stood. */
static bool asks_again(const struct crossing *c, const struct lever *lever, const struct intent *intent,
		       int set, bool stays, int64_t since_ms)
{
	switch (set) {
	case 0:
	case ERR_CANCELLED:
	case ERR_USAGE:
	case ERR_DENIED:
	case ERR_CONFLICT: return false;
	case ERR_STALE:
	case ERR_BROKER: return true;
	default:
		return !is_group(lever) ||
		       (stays && since_ms >= GROUP_SILENT_MS &&
			(effect_is_undo(intent->step) || stage_is_decided(c->now.stage)));
	}
}

/* Says it once more, if the lease is still ours: a word without an epoch of its own must not come from who lost it. */
static int say_again(struct crossing *c, struct lever *lever, const struct intent *intent, int64_t until_ms,
		     struct sent *sent)
{
	int err = journal_lease_beat(c->mover->journal, &c->fault);

	c->stopped = c->stopped || err < 0;
	if (err < 0)
		return err;
	sent->set = lever_set(lever, intent->desired, intent->epoch, left_of(c, until_ms), &sent->why);
	return sent->set == ERR_CANCELLED ? ERR_CANCELLED : 0;
}

/*
 * Looks until it is so, or the time is over; parts that disagree are given the time, for brokers learn one by one, and what
 * may be asked again is.  Where a crossing can be given up, what is said plainly, and again, to be otherwise than was
 * acknowledged ends it too.  Negative for what ends the crossing's part here; else `looked` is what the last look came to.
 */
static int watch(struct crossing *c, struct lever *lever, const struct intent *intent, int64_t until_ms,
		 struct sent *sent, struct buffer *value, int *looked)
{
	int64_t pause_ms = LOOK_AGAIN_MS, since_ms = 0, again_ms = WORD_AGAIN_MS;
	int64_t said_ms = clock_monotonic_ms(journal_clock(c->mover->journal));
	int contradictions = 0, err;

	for (;;) {
		int64_t now_ms;

		*looked = observe(c, lever, left_of(c, until_ms), value);
		if (*looked == ERR_CANCELLED)
			return *looked;
		now_ms = clock_monotonic_ms(journal_clock(c->mover->journal));
		if ((*looked == 0 && view_is(buffer_bytes(value), intent->desired)) || now_ms >= until_ms)
			return 0;
		if (*looked == 0 && contradictions++ == 0)
			since_ms = now_ms;
		if (*looked == 0 && sent->set == 0 && contradictions >= CONTRADICTION_LOOKS &&
		    now_ms - since_ms >= CONTRADICTION_MS && may_give_up(c, lever))
			return 0;
		if (now_ms - said_ms >= again_ms &&
		    asks_again(c, lever, intent, sent->set,
			       *looked == 0 && view_is(buffer_bytes(value), intent->before),
			       now_ms - said_ms)) {
			err = say_again(c, lever, intent, until_ms, sent);
			if (err < 0)
				return err;
			said_ms = clock_monotonic_ms(journal_clock(c->mover->journal));
			again_ms = again_ms * 2 > WORD_AGAIN_MS_MAX ? WORD_AGAIN_MS_MAX : again_ms * 2;
			contradictions = 0;
			continue;
		}
		if (c->mover->world->ops->pause(c->mover->world, pause_ms) < 0)
			return ERR_CANCELLED;
		pause_ms = pause_ms * 2 > LOOK_AGAIN_MS_MAX ? LOOK_AGAIN_MS_MAX : pause_ms * 2;
	}
}

static int put_intent(struct crossing *c, const char *name, const char *lever, const char *word,
		      const char *desired, int64_t deadline_ms, const struct buffer *before,
		      struct intent *out)
{
	char hash[SHA256_TEXT_SIZE];
	json_t *body = json_pack("{s:s, s:s, s:s, s:s%, s:s, s:I, s:I, s:I, s:s}", "step", name, "lever",
				 lever, "word", word, "before", before->at ? (const char *)before->at : "",
				 before->size, "desired", desired, "epoch", (json_int_t)c->now.epoch,
				 "attempt", (json_int_t)c->now.attempt, "deadline", (json_int_t)deadline_ms,
				 "verdict", sha256_text(c->now.verdict.hash, hash));
	int err = crossing_frame(c, FRAME_INTENT, body, NULL);

	if (err == 0)
		state_intent(&c->now, name, out);
	return err;
}

/*
 * A contender watches the lease for JOURNAL_LEASE_MS before it takes it, so what was ours when the append began is ours for
 * that long.  Whoever was paused meanwhile, or had a very slow disk, asks before he sets what knows no epochs.
 */
static int still_ours(struct crossing *c, int64_t since_ms)
{
	int err;

	if (clock_monotonic_ms(journal_clock(c->mover->journal)) - since_ms < JOURNAL_LEASE_MS / 2)
		return 0;
	err = journal_lease_beat(c->mover->journal, &c->fault);
	c->stopped = c->stopped || err < 0;
	return err;
}

/* The lever knows of this epoch, or of a newer one, and refuses what is older.  Who only refused may have kept nothing. */
static bool is_heard(int set)
{
	return set == 0 || set == ERR_CONFLICT;
}

/*
 * Sets it; once more where the answer was that it failed (an instance may just have been starting), and until there is an
 * answer where nothing else would show that it was heard.  0: the last answer is in `sent`.
 */
static int insist(struct crossing *c, struct lever *lever, const struct intent *intent, int64_t until_ms,
		  struct sent *sent, struct buffer *value)
{
	bool mute = lever->told && shows_nothing(intent);
	int64_t pause_ms = SET_AGAIN_MS;
	int err = 0;

	sent->set = lever_set(lever, intent->desired, intent->epoch, left_of(c, until_ms), &sent->why);
	for (int i = 1; !err && !is_heard(sent->set) && sent->set != ERR_CANCELLED && sent->set != ERR_USAGE;
	     i++) {
		bool failed = sent->set == ERR_BROKER && may_give_up(c, lever);
		int looked;

		if ((failed ? i >= SET_TRIES : !mute) || (sent->set == ERR_DENIED && may_give_up(c, lever)) ||
		    clock_monotonic_ms(journal_clock(c->mover->journal)) >= until_ms)
			return 0;
		if (c->mover->world->ops->pause(c->mover->world, pause_ms) < 0)
			return ERR_CANCELLED;
		looked = mute ? ERR_STALE : observe(c, lever, left_of(c, until_ms), value);
		if (looked == ERR_CANCELLED)
			return looked;
		if (looked == 0 && view_is(buffer_bytes(value), intent->desired))
			return 0;
		if (!failed)
			pause_ms = pause_ms * 2 > 1000 ? 1000 : pause_ms * 2;
		err = say_again(c, lever, intent, until_ms, sent);
	}
	return sent->set == ERR_CANCELLED ? ERR_CANCELLED : err;
}

/* The frames that follow move the state on; who acts on an intent needs it until the end. */
static int keep_intent(struct crossing *c, const struct lever *lever, const struct intent *intent,
		       struct intent *out)
{
	*out = *intent;
	out->why = NULL;
	out->lever = lever->name;
	out->step = arena_text(&c->arena, intent->step);
	out->word = arena_text(&c->arena, intent->word);
	out->desired = arena_text(&c->arena, intent->desired);
	out->before = arena_text(&c->arena, intent->before);
	if (!out->step || !out->word || !out->desired || !out->before)
		return fault_set(&c->fault, ERR_MEMORY, "no memory for a crossing");
	return 0;
}

/* Sets it, and looks what came of it. */
static int set_and_see(struct crossing *c, struct lever *lever, const struct intent *intent, int64_t until_ms,
		       struct buffer *value, enum effect *out)
{
	enum outcome outcome;
	struct intent kept;
	struct sent sent = { 0 };
	int looked = 0, err = keep_intent(c, lever, intent, &kept);

	err = err ? err : insist(c, lever, &kept, until_ms, &sent, value);
	if (err < 0)
		return err;
	c->fault = sent.why;
	/* Refused or failed in so many words: one look, to say so on evidence.  Else as long as there is time. */
	if (sent.set == ERR_DENIED || sent.set == ERR_CONFLICT || sent.set == ERR_USAGE ||
	    (sent.set == ERR_BROKER && may_give_up(c, lever)))
		looked = observe(c, lever, left_of(c, until_ms), value);
	else
		err = watch(c, lever, &kept, until_ms, &sent, value, &looked);
	if (err < 0 || looked == ERR_CANCELLED)
		return err < 0 ? err : looked;
	err = establish(c, lever, &kept, value, looked, !lever->told || is_heard(sent.set), false, &outcome);
	*out = outcome == OUTCOME_DONE       ? EFFECT_DONE
	       : outcome == OUTCOME_NOT_DONE ? EFFECT_FAILED
					     : EFFECT_UNKNOWN;
	/* What the lever said of the change itself tells a person more than where it stands. */
	if (!err && outcome != OUTCOME_DONE && sent.set < 0)
		c->fault = sent.why;
	if (outcome == OUTCOME_NOT_DONE && !c->fault.err)
		fault_set(&c->fault, ERR_TIMEOUT, "%s was set to %s, and still stands at %s", kept.lever,
			  kept.desired, kept.before);
	return err;
}

/* What an earlier try of this step came to: 1 when it is settled and `out` says how, 0 when it may be tried (again). */
static int earlier(struct crossing *c, const char *name, struct lever *lever, int64_t until_ms,
		   struct buffer *value, enum effect *out)
{
	struct sent sent = { .set = ERR_TIMEOUT };
	struct intent intent, kept;
	enum outcome outcome;
	int looked, err;

	if (!state_intent(&c->now, name, &intent))
		return 0;
	/* Where only forward is left, what is not known is asked for once more; a fence that somebody needs now, too. */
	if (intent.outcome == OUTCOME_UNKNOWN && (stage_is_decided(c->now.stage) || freeze_is_under_way(c)))
		return 0;
	if (intent.outcome == OUTCOME_DONE || intent.outcome == OUTCOME_UNKNOWN) {
		*out = intent.outcome == OUTCOME_DONE ? EFFECT_DONE : EFFECT_UNKNOWN;
		return 1;
	}
	if (intent.outcome == OUTCOME_NOT_DONE)
		return 0;
	/* Whoever wrote the intent is gone: where nothing has happened, nobody waits; to ask again does no harm. */
	err = keep_intent(c, lever, &intent, &kept);
	if (err < 0)
		return err;
	looked = observe(c, lever, left_of(c, until_ms), value);
	if (looked < 0 && looked != ERR_CANCELLED)
		err = watch(c, lever, &kept, until_ms, &sent, value, &looked);
	if (err < 0 || looked == ERR_CANCELLED)
		return err < 0 ? err : looked;
	err = establish(c, lever, &kept, value, looked, !lever->told || is_heard(sent.set), true, &outcome);
	if (err < 0 || outcome == OUTCOME_NOT_DONE)
		return err;
	*out = outcome == OUTCOME_DONE ? EFFECT_DONE : EFFECT_UNKNOWN;
	return 1;
}

static int aim(struct crossing *c, struct lever *lever, const char *word, struct buffer *before,
	       struct buffer *desired)
{
	int err = lever_aim(lever, word, buffer_string(before), desired, &c->fault);

	if (err == 0 && (before->err || desired->err))
		err = fault_set(&c->fault, ERR_LIMIT, "%s: what it stands at is too long for the journal",
				lever->name);
	buffer_string(desired);
	return err;
}

/* Ours already in this attempt, and to be told whatever it stands at.  Of where it stood the intent then says nothing. */
static bool may_be_unseen(const struct crossing *c, const struct lever *lever, const char *name)
{
	struct intent each;

	if (!lever->told || is_group(lever) || !(effect_is_undo(name) || stage_is_decided(c->now.stage)))
		return false;
	for (int i = 0; state_intent_at(&c->now, i, &each); i++)
		if (strcmp(each.lever, lever->name) == 0)
			return true;
	return false;
}

/*
 * What stands there, and what is wanted.  Parts that still learn are given the time, and so is an aim that rests on records
 * which are on their way.
 */
static int prepare(struct crossing *c, struct lever *lever, const char *name, const char *word,
		   const char *desired, int64_t until_ms, struct buffer *before, struct buffer *wanted)
{
	int64_t pause_ms = LOOK_AGAIN_MS;

	for (;;) {
		bool seen;
		int err = observe(c, lever, left_of(c, until_ms), before);

		if (err < 0 && err != ERR_CANCELLED && err != ERR_MEMORY && err != ERR_LIMIT &&
		    may_be_unseen(c, lever, name)) {
			buffer_reset(before);
			err = 0;
		}
		seen = err == 0;
		buffer_reset(wanted);
		if (seen && !desired)
			err = aim(c, lever, word, before, wanted);
		if (err == 0 || err == ERR_CANCELLED || err == ERR_MEMORY || err == ERR_USAGE ||
		    err == ERR_LIMIT || !(seen || err == ERR_STALE) ||
		    clock_monotonic_ms(journal_clock(c->mover->journal)) >= until_ms)
			return err;
		if (c->mover->world->ops->pause(c->mover->world, pause_ms) < 0)
			return ERR_CANCELLED;
		pause_ms = pause_ms * 2 > LOOK_AGAIN_MS_MAX ? LOOK_AGAIN_MS_MAX : pause_ms * 2;
	}
}

int effect_bring_about(struct crossing *c, const char *name, const char *lever_name, const char *word,
		       const char *desired, int64_t limit_ms, enum effect *out)
{
	int64_t until_ms = clock_monotonic_ms(journal_clock(c->mover->journal)) + limit_ms;
	struct lever *lever = lever_of(c, lever_name);
	struct buffer before, wanted, value;
	struct intent intent;
	int64_t began_ms;
	int err, found;

	*out = EFFECT_FAILED;
	if (!lever)
		return 0;
	c->fault.err = 0;
	buffer_init(&before, LEVER_VALUE_SIZE_MAX / 4);
	buffer_init(&wanted, LEVER_VALUE_SIZE_MAX / 4);
	buffer_init(&value, LEVER_VALUE_SIZE_MAX / 4);
	found = earlier(c, name, lever, until_ms, &value, out);
	if (found) {
		err = found < 0 ? found : 0;
		goto done;
	}
	/* Not to be seen: nothing was done, nothing will be. */
	err = prepare(c, lever, name, word, desired, until_ms, &before, &wanted);
	if (err < 0) {
		err = err == ERR_CANCELLED || err == ERR_MEMORY ? err : 0;
		goto done;
	}
	began_ms = clock_monotonic_ms(journal_clock(c->mover->journal));
	err = put_intent(c, name, lever_name, word, desired ? desired : buffer_string(&wanted),
			 mover_wall(c->mover) + limit_ms, &before, &intent);
	err = err ? err : still_ours(c, began_ms);
	err = err ? err : set_and_see(c, lever, &intent, until_ms, &value, out);
done:
	buffer_done(&value);
	buffer_done(&wanted);
	buffer_done(&before);
	return err;
}

/* The last word that this attempt has for its lever. */
static bool is_last_word(const struct crossing *c, int index, const struct intent *intent)
{
	struct intent each;

	for (int i = index + 1; state_intent_at(&c->now, i, &each); i++)
		if (strcmp(each.lever, intent->lever) == 0)
			return false;
	return true;
}

/* What a look cannot tell is said once more, and looked at again, where that does no harm. */
static int say_and_look(struct crossing *c, struct lever *lever, const struct intent *intent,
			struct sent *sent, struct buffer *value, int *looked)
{
	int64_t until_ms = clock_monotonic_ms(journal_clock(c->mover->journal)) + EFFECT_TIMEOUT_MS;
	struct intent kept;
	int err = keep_intent(c, lever, intent, &kept);

	crossing_tell(c, "says once more: %s %s", lever->name, intent->desired);
	err = err ? err : say_again(c, lever, &kept, until_ms, sent);
	return err ? err : watch(c, lever, &kept, until_ms, sent, value, looked);
}

static int settle_one(struct crossing *c, int index, bool again, struct buffer *value, enum outcome *out)
{
	struct sent sent = { 0 };
	struct intent intent;
	struct lever *lever;
	int looked = ERR_NOT_FOUND, err = 0;

	state_intent_at(&c->now, index, &intent);
	*out = OUTCOME_DONE;
	if (intent.outcome != OUTCOME_OPEN && !(again && intent.outcome == OUTCOME_UNKNOWN))
		return 0;
	lever = lever_of(c, intent.lever);
	if (lever)
		looked = observe(c, lever, EFFECT_TIMEOUT_MS, value);
	if (looked != ERR_CANCELLED && again && lever && lever->told && !is_group(lever) &&
	    is_last_word(c, index, &intent) && (looked < 0 || shows_nothing(&intent)))
		err = say_and_look(c, lever, &intent, &sent, value, &looked);
	if (err < 0 || looked == ERR_CANCELLED)
		return err < 0 ? err : looked;
	if (intent.outcome != OUTCOME_UNKNOWN)
		return establish(c, lever, &intent, value, looked, is_heard(sent.set), true, out);
	/* It has that outcome already. */
	*out = OUTCOME_UNKNOWN;
	if (looked < 0 || !tells(c, lever, &intent, buffer_bytes(value), out))
		return 0;
	return establish(c, lever, &intent, value, looked, is_heard(sent.set), true, out);
}

/* The newest first: what a lever was told last says where it stands, and then what came of the words before. */
int effect_settle(struct crossing *c, bool again, enum effect *out)
{
	struct intent each;
	int count = 0, err = 0;

	*out = EFFECT_DONE;
	while (state_intent_at(&c->now, count, &each))
		count++;
	for (int i = count - 1; !err && i >= 0; i--) {
		enum outcome outcome;
		struct buffer value;

		buffer_init(&value, LEVER_VALUE_SIZE_MAX / 4);
		err = settle_one(c, i, again, &value, &outcome);
		if (!err && outcome == OUTCOME_UNKNOWN)
			*out = EFFECT_UNKNOWN;
		buffer_done(&value);
	}
	return err;
}
