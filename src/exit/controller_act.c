/*
 * controller_act.c - one act of a verb: into the journal, and seen through by whoever holds the lease.
 *
 * The journal may go away meanwhile (its server restarts, its disk is full).  As long as writers may be held for this family
 * the verb stays, and goes on by itself once the journal is back; else it waits for the class's deadline, and then says
 * that it cannot tell.
 */
#include <stdio.h>

#include "exit/controller_inside.h"
#include "loop/loop.h"

#define WAIT_MS 30000 /* for the journal, where no class says how long */

struct answer_seen {
	uint64_t act;
	enum mover_answer answer;
	struct buffer *text;
	bool found;
};

static int find_answer(void *context, const struct frame *frame)
{
	static const char *const words[] = { "done", "refused", "returned", "unknown" };
	struct answer_seen *seen = context;
	json_t *body;

	if (frame->kind != FRAME_ANSWER)
		return 0;
	body = frame_body_read(frame, NULL);
	if ((uint64_t)body_number(body, "act") == seen->act) {
		const char *result = body_text(body, "result"), *text = body_text(body, "text");

		seen->found = true;
		for (int i = 0; result && i < 4; i++)
			if (strcmp(result, words[i]) == 0)
				seen->answer = (enum mover_answer)i;
		buffer_reset(seen->text);
		buffer_text(seen->text, text ? text : "");
	}
	json_decref(body);
	return 0;
}

/* How long the journal has been out of reach. */
struct trouble {
	int64_t since_ms; /* monotonic; 0: it is within reach */
	int64_t limit_ms;
	bool stay; /* a crossing may be under way: without us nobody may be there to end it */
};

/* 0: wait on; else the error to end with. */
static int bear(struct controller *c, struct trouble *trouble, int err, struct fault *fault)
{
	int64_t now_ms = loop_now_ms(c->options.loop);

	if (!trouble->since_ms) {
		trouble->since_ms = now_ms;
		controller_tell(c, NULL, fault->text);
	}
	return !trouble->stay && now_ms - trouble->since_ms >= trouble->limit_ms ? err : 0;
}

/* One try to get the act carried out.  1: it was answered; 0: not yet. */
static int try_act(struct controller *c, uint64_t act, const struct plan_family *family,
		   struct trouble *trouble, struct fault *fault)
{
	int err = journal_sync(c->journal, fault);

	if (err < 0)
		return err;
	trouble->since_ms = 0;
	trouble->stay = controller_is_moving(c, family);
	if (!controller_act_waits(c, act))
		return 1;
	err = controller_take_lease(c, fault);
	if (err == 0) {
		err = controller_carry_out(c, fault);
		if (c->lost)
			err = ERR_STALE;
		if (err == ERR_CANCELLED && controller_asked_to_end(c, err))
			controller_finish(c, fault);
	}
	/* Before the state is read again: what it knows now may be all that is known for a while. */
	trouble->stay = trouble->stay || controller_is_moving(c, family);
	controller_give_up_lease(c);
	return err;
}

/* Sees an act through, by whoever holds the lease. */
static int see_through(struct controller *c, uint64_t act, const struct plan_family *family,
		       struct fault *fault)
{
	struct trouble trouble = { .limit_ms =
					   family ? family->class->limits[LIMIT_DEADLINE].value : WAIT_MS };

	c->own_act = act;
	for (;;) {
		int err = try_act(c, act, family, &trouble, fault);

		if (err > 0)
			return 0;
		if (err < 0 && controller_asked_to_end(c, err))
			return ERR_CANCELLED;
		if (err < 0 && err != ERR_CONFLICT && err != ERR_STALE && err != ERR_CANCELLED) {
			err = controller_may_pass(err) ? bear(c, &trouble, err, fault) : err;
			if (err < 0)
				return err;
		}
		err = controller_rest(c, LEASE_POLL_MS);
		if (err < 0 && controller_asked_to_end(c, err))
			return ERR_CANCELLED;
	}
}

/* ---- into the journal ---- */

struct act_seen {
	const json_t *body;
	uint64_t act;
};

static int find_act(void *context, const struct frame *frame)
{
	struct act_seen *seen = context;
	json_t *body;

	if (frame->kind != FRAME_ACT)
		return 0;
	body = frame_body_read(frame, NULL);
	if (json_equal(body, seen->body))
		seen->act = frame->sequence;
	json_decref(body);
	return 0;
}

/*
 * Appends the act.  When the answer to that is lost, the act may stand in the journal, and would be carried out by whoever
 * comes next: so it is looked for, and written again only when it is not there.
 */
static int put_act(struct controller *c, json_t *body, const struct plan_family *family, uint64_t *act,
		   struct fault *fault)
{
	uint64_t since = journal_state(c->journal)->sequence + 1;
	struct trouble trouble = { .limit_ms =
					   family ? family->class->limits[LIMIT_DEADLINE].value : WAIT_MS };
	struct act_seen seen = { .body = body };
	int err = journal_append(c->journal, FRAME_ACT, json_incref(body), act, fault);

	while (err < 0 && controller_may_pass(err)) {
		err = bear(c, &trouble, err, fault);
		if (err < 0)
			return err;
		err = controller_rest(c, LEASE_POLL_MS);
		if (err < 0)
			return err;
		err = journal_sync(c->journal, fault);
		err = err < 0 ? err : journal_walk(c->journal, since, find_act, &seen, fault);
		if (err < 0)
			continue;
		*act = seen.act;
		err = seen.act ? 0 : journal_append(c->journal, FRAME_ACT, json_incref(body), act, fault);
	}
	return err;
}

/* A family has one act at a time; hold is for when another is under way. */
static bool another_waits(const struct controller *c, const json_t *body)
{
	const char *family = body_text(body, "family"), *word = body_text(body, "act");
	json_t *acts = json_object_get(journal_state(c->journal)->root, "acts"), *act;
	const char *key;

	if (word && (strcmp(word, "hold") == 0 || strcmp(word, "rollback") == 0))
		return false;
	json_object_foreach(acts, key, act)
	{
		const char *of = body_text(act, "family");

		if (family && of && strcmp(family, of) == 0)
			return true;
	}
	return false;
}

/* What nobody can establish now is in the journal, or is not; the next one who reaches it will know. */
static int cannot_tell(enum mover_answer *out, struct buffer *text, const struct fault *fault)
{
	*out = MOVER_UNKNOWN;
	buffer_reset(text);
	buffer_text(text, "where it stands cannot be established: ");
	buffer_text(text, fault->text);
	return 0;
}

int controller_act(struct controller *c, json_t *body, bool wait, enum mover_answer *out, struct buffer *text,
		   struct fault *fault)
{
	const char *name = body_text(body, "family");
	const struct plan_family *family = name ? plan_family(c->plan, view_text(name)) : NULL;
	struct answer_seen seen = { .text = text };
	char hash[SHA256_TEXT_SIZE];
	uint64_t act = 0;
	int err = journal_sync(c->journal, fault);

	/* What its owner was shown: whoever carries it out may have begun with another. */
	json_object_set_new(body, "plan", json_string(sha256_text(c->plan->hash, hash)));
	/* What a verb that was killed has left behind is carried out first, when nobody else is there to do it. */
	if (err >= 0 && another_waits(c, body)) {
		int taken = controller_take_lease(c, fault);

		if (taken == 0) {
			err = controller_carry_out(c, fault);
			controller_give_up_lease(c);
		} else if (taken == ERR_CONFIG || taken == ERR_MALFORMED || taken == ERR_CHECKSUM) {
			err = taken; /* nobody who comes later gets further */
		}
	}
	if (err >= 0 && another_waits(c, body))
		err = fault_set(fault, ERR_CONFLICT,
				"another act of this family is under way; `interlock status` shows it");
	if (err < 0) {
		json_decref(body);
		return err;
	}
	err = put_act(c, body, family, &act, fault);
	json_decref(body);
	if (controller_may_pass(err) && wait)
		return cannot_tell(out, text, fault);
	if (err < 0 || !wait)
		return err;
	seen.act = act;
	err = see_through(c, act, family, fault);
	/* Interrupted, and brought to an end nevertheless: the answer is there. */
	if (err == ERR_CANCELLED && !controller_act_waits(c, act))
		err = 0;
	err = err ? err : journal_walk(c->journal, act, find_answer, &seen, fault);
	if (controller_may_pass(err))
		return cannot_tell(out, text, fault);
	if (err < 0)
		return err;
	*out = seen.found ? seen.answer : MOVER_UNKNOWN;
	return 0;
}
