/*
 * sim_check.c - the promises, checked by an onlooker who sees each frame as it becomes durable and each record as it is
 * committed, and shares no code with the mover.
 *
 *	I1  only the side that the last DECISION named acknowledges what its writers hold for authoritative
 *	I2  at a DECISION, and at the end, the owner holds everything that was acknowledged, in its order
 *	I3  a DECISION stands on a verdict that is open and fresh, on silence and on being level, of the same attempt
 *	I5  replaying the journal comes to the state that the controller acted on
 *	I6  at rest each lever stands where the journal says
 *	I7  what was given up left each lever as it was found, and what others set still stands
 *	I8  no frame asks for anything destructive: there is no such word
 */
#include <stdio.h>
#include <stdlib.h>

#include "exit/audit.h"
#include "exit/step.h"
#include "sim.h"

#define ACT_AGE_MS_MAX   3600000
#define PREFLIGHT_MS_MAX 120000

static const char *text_of(const json_t *body, const char *key)
{
	const char *text = body_text(body, key);

	return text ? text : "";
}

/* ---- records ---- */

void sim_committed(struct sim *sim, int side, int id)
{
	if (sim->authority_of[id] != side || sim->acked[id])
		return;
	if (side != sim->onlooker.owner)
		sim_fail(sim, "I1: record %d was acknowledged by side %d, and authority is on side %d", id, side,
			 sim->onlooker.owner);
	sim->acked[id] = true;
	sim->acked_at[id] = sim->now;
}

static void owner_holds_all(struct sim *sim, int owner, const char *when)
{
	int last[SIM_PARTITIONS];

	for (int p = 0; p < SIM_PARTITIONS; p++)
		last[p] = -1;
	for (int id = 0; id < sim->id_count; id++) {
		int p = id % SIM_PARTITIONS;

		if (!sim->acked[id])
			continue;
		if (!sim_has(sim, owner, id))
			sim_fail(sim, "I2: record %d was acknowledged, and side %d lacks it %s", id, owner, when);
		if (sim->at[owner][id] <= last[p])
			sim_fail(sim, "I2: record %d is out of order on side %d %s", id, owner, when);
		last[p] = sim->at[owner][id];
	}
}

/* ---- frames ---- */

void sim_frame_label(struct view bytes, char *out, size_t size)
{
	struct frame frame;
	json_t *body;

	if (frame_read(bytes, &frame, NULL) < 0)
		return;
	snprintf(out, size, "frame %s", frame_kind_word(frame.kind));
	if (frame.kind != FRAME_STAGE)
		return;
	body = frame_body_read(&frame, NULL);
	snprintf(out, size, "stage %s", text_of(body, "stage"));
	json_decref(body);
}

/* "fence flag hold" is an effect of phase fence; what is set back is of none. */
static void saw_intent(struct sim *sim, json_t *body)
{
	const char *step = text_of(body, "step");

	snprintf(sim->onlooker.effect, sizeof sim->onlooker.effect, "effect undo");
	for (int phase = 0; phase < PHASE_COUNT; phase++)
		if (strncmp(step, phase_word((enum step_phase)phase), strlen(phase_word((enum step_phase)phase))) == 0)
			snprintf(sim->onlooker.effect, sizeof sim->onlooker.effect, "effect %s",
				 phase_word((enum step_phase)phase));
}

static int lever_index(const char *name)
{
	for (int i = 0; sim_lever_name(i); i++)
		if (strcmp(sim_lever_name(i), name) == 0)
			return i;
	return -1;
}

static void saw_verdict(struct sim *sim, const struct frame *frame, json_t *body)
{
	sim->onlooker.verdict = frame->hash;
	sim->onlooker.verdict_open = strcmp(text_of(body, "verdict"), "open") == 0;
	sim->onlooker.verdict_until = body_number(body, "valid_until");
}

/* Nothing moves long after it was asked for.  Between the look at the clock and this frame the clock may have jumped. */
static void look_at_its_age(struct sim *sim, const struct frame *move, uint64_t act)
{
	struct frame asked;

	if (!act || act > (uint64_t)sim->frame_count || sim->now - sim->jumped_at < PREFLIGHT_MS_MAX)
		return;
	if (frame_read(view_of(sim->frames[act - 1].at, sim->frames[act - 1].size), &asked, NULL) == 0 &&
	    move->moment.wall_ms - asked.moment.wall_ms > ACT_AGE_MS_MAX + PREFLIGHT_MS_MAX)
		sim_fail(sim, "a crossing begins %lld s after it was asked for",
			 (long long)(move->moment.wall_ms - asked.moment.wall_ms) / 1000);
}

static void saw_move(struct sim *sim, const struct frame *frame, json_t *body)
{
	struct sim_onlooker *o = &sim->onlooker;

	if (o->crossing)
		sim_fail(sim, "a crossing begins in another");
	look_at_its_age(sim, frame, (uint64_t)body_number(body, "act"));
	o->crossing = true;
	o->returning = o->quiet = o->level = o->fenced = false;
	o->reverts = json_is_true(json_object_get(body, "reverts"));
	o->to = strcmp(text_of(body, "to"), "target") == 0;
	o->attempt = (uint64_t)body_number(body, "attempt");
	if (o->gave_up && !o->past_moved_at)
		o->past_moved_at = o->moved_at;
	o->gave_up = false;
	o->moved_at = sim->now;
	for (int i = 0; sim_lever_name(i); i++)
		sim_lever_stands(sim, i, o->before[i]);
}

static void saw_decision(struct sim *sim, const struct frame *frame, json_t *body)
{
	struct sim_onlooker *o = &sim->onlooker;
	struct sha256 verdict = { { 0 } };

	body_hash(body, "verdict", &verdict);
	if (!o->crossing || o->returning || !o->quiet || !o->level || (uint64_t)body_number(body, "attempt") != o->attempt)
		sim_fail(sim, "I3: a decision without silence and level");
	if ((strcmp(text_of(body, "authority"), "target") == 0) != o->to || o->owner == o->to)
		sim_fail(sim, "I3: a decision for another side");
	if (!sha256_equal(verdict, o->verdict) ||
	    (o->to == SIM_TARGET && (!o->verdict_open || o->verdict_until < frame->moment.wall_ms)))
		sim_fail(sim, "I3: a decision on a verdict that is not open and fresh");
	owner_holds_all(sim, o->owner, "before the decision");
	o->owner = o->to;
	o->decisions++;
	owner_holds_all(sim, o->owner, "at the decision");
}

static bool stays(const char *lever)
{
	return strncmp(lever, "positions:", 10) == 0 || strncmp(lever, "transaction:", 12) == 0;
}

static void hold(struct sim *sim, int64_t a, int64_t b)
{
	if (!sim->onlooker.decisions && !sim->onlooker.held++)
		sim_ask_for(sim, "hold");
}

static void saw_stage(struct sim *sim, json_t *body)
{
	struct sim_onlooker *o = &sim->onlooker;
	const char *stage = text_of(body, "stage");
	bool rest = strcmp(stage, "OBSERVING") == 0 || strcmp(stage, "TARGET") == 0;
	bool ends = o->returning ? json_is_true(json_object_get(body, "arrived")) : rest && o->owner == o->to;
	char now[80];

	/* The owner who thinks better of it. */
	if (sim->options.calm && strcmp(sim->options.story, "abort") == 0 && strcmp(stage, "QUIET") == 0)
		sim_at(sim, 1, hold, 0, 0);
	o->fenced = o->fenced || strcmp(stage, "FENCING") == 0;
	if (!o->crossing || !ends)
		return;
	o->crossing = false;
	/* In the frame of the arrival itself: whoever would say it in the next one may be dead. */
	if (o->reverts && !o->returning && strcmp(text_of(body, "overlay"), "HELD") != 0)
		sim_fail(sim, "what a stop condition brought back is not held");
	if (!o->returning)
		return;
	for (int i = 0; sim_lever_name(i); i++) {
		sim_lever_stands(sim, i, now);
		if (sim_lever_in_plan(sim, i) && !stays(sim_lever_name(i)) && strcmp(now, o->before[i]) != 0)
			sim_fail(sim, "I7: %s was at '%s' before the crossing that was given up, and is at '%s'",
				 sim_lever_name(i), o->before[i], now);
	}
}

static void saw_outcome(struct sim *sim, json_t *body)
{
	uint64_t sequence = (uint64_t)body_number(body, "intent");
	struct frame frame;
	json_t *intent;
	int index;

	if (strcmp(text_of(body, "result"), "done") != 0)
		return;
	if (sequence < 1 || sequence > (uint64_t)sim->frame_count ||
	    frame_read(view_of(sim->frames[sequence - 1].at, sim->frames[sequence - 1].size), &frame, NULL) < 0 ||
	    frame.kind != FRAME_INTENT) {
		sim_fail(sim, "I7: an outcome of no intent");
		return;
	}
	intent = frame_body_read(&frame, NULL);
	index = lever_index(text_of(intent, "lever"));
	if (index < 0)
		sim_fail(sim, "an effect on a lever that nobody has");
	else
		snprintf(sim->onlooker.wanted[index], sizeof sim->onlooker.wanted[0], "%s",
			 text_of(intent, "desired"));
	json_decref(intent);
}

void sim_saw(struct sim *sim, struct view bytes)
{
	struct sim_onlooker *o = &sim->onlooker;
	struct frame frame;
	json_t *body;

	if (frame_read(bytes, &frame, NULL) < 0 || !(body = frame_body_read(&frame, NULL))) {
		sim_fail(sim, "what was written is no frame");
		return;
	}
	sim_trace(sim, "frame %llu %s %.*s", (unsigned long long)frame.sequence, frame_kind_word(frame.kind),
		  (int)(frame.body.size < 300 ? frame.body.size : 300), (const char *)frame.body.at);
	switch (frame.kind) {
	case FRAME_VERDICT: saw_verdict(sim, &frame, body); break;
	case FRAME_MOVE: saw_move(sim, &frame, body); break;
	case FRAME_STAGE: saw_stage(sim, body); break;
	case FRAME_INTENT: saw_intent(sim, body); break;
	case FRAME_QUIET: o->quiet = true; break;
	case FRAME_LEVEL: o->level = o->quiet; break;
	case FRAME_RETURN: o->returning = o->gave_up = true; break;
	case FRAME_OUTCOME: saw_outcome(sim, body); break;
	case FRAME_DECISION: saw_decision(sim, &frame, body); break;
	default: break;
	}
	json_decref(body);
}

/* ---- at rest ---- */

static void same_state(struct sim *sim, const struct journal *live, const struct journal *again, const char *whose)
{
	struct sha256 is, replayed;

	if (!live || journal_state(live)->sequence != journal_state(again)->sequence)
		return;
	if (state_hash(journal_state(live), &is) < 0 || state_hash(journal_state(again), &replayed) < 0 ||
	    !sha256_equal(is, replayed))
		sim_fail(sim, "I5: the journal replays to another state than %s has", whose);
}

/* From the first frame, as somebody who has never seen the journal. */
void sim_check_replay(struct sim *sim)
{
	struct journal_options options = { .store = sim_store(sim, NULL), .clock = &sim->all[0].clock,
					   .holder = "an auditor", .read_only = true };
	struct journal *again = NULL;
	struct fault fault = { 0 };

	if (journal_open(&options, &again, &fault) < 0) {
		sim_fail(sim, "I5: the journal cannot be replayed: %s", fault.text);
		return;
	}
	for (int i = 0; i < sim->controllers; i++)
		same_state(sim, sim->all[i].journal, again, sim->all[i].holder);
	same_state(sim, sim->owners, again, "an owner");
	journal_close(again);
}

/*
 * The auditor knows nothing of this world but its journal, and must find nothing wrong in it: all that was carried out was
 * asked for by somebody who may, or by a stop condition, and everything said to have become so was looked at.  What verdicts
 * rest on is not kept here, so they cannot be made again.
 */
void sim_check_audit(struct sim *sim)
{
	struct journal_store *store = sim_store(sim, NULL);
	struct audit_options options = { .store = store };
	struct audit *audit = calloc(1, sizeof *audit);
	struct fault fault = { 0 };

	if (!audit)
		abort();
	if (audit_journal(&options, audit, &fault) < 0)
		sim_fail(sim, "the auditor: %s", fault.text);
	else if (audit->answer > AUDIT_UNDECIDED || audit->frames != (uint64_t)sim->frame_count)
		sim_fail(sim, "the auditor calls it %s: %s", audit_word(audit->answer), audit->text);
	free(audit);
	store->ops->free(store);
}

static void levers_stand(struct sim *sim)
{
	char now[80];

	for (int i = 0; sim_lever_name(i); i++) {
		const char *wanted = sim->onlooker.wanted[i];

		if (!sim_lever_in_plan(sim, i) || stays(sim_lever_name(i)))
			continue;
		sim_lever_stands(sim, i, now);
		if (strcmp(now, wanted) != 0)
			sim_fail(sim, "I6: %s stands at '%s', and by the journal at '%s'", sim_lever_name(i), now,
				 wanted);
	}
}

void sim_check_rest(struct sim *sim)
{
	for (int side = 0; side < SIM_SIDES; side++)
		if (sim->acl && !(sim->sides[side].deny & SIM_DENY_OTHERS))
			sim_fail(sim, "I7: a deny on side %d that was not ours is gone", side);
	levers_stand(sim);
	owner_holds_all(sim, sim->onlooker.owner, "at the end");
	for (int p = 0; sim->group_lever && sim->told[2].value < SIM_SIDES && p < SIM_PARTITIONS; p++) {
		int side = sim->told[2].value;

		for (int i = 0; i < sim->positions[side][p]; i++) {
			int id = sim->sides[side].logs[p].ids[i];

			if (sim->acked[id] && !sim->read_at[id])
				sim_fail(sim, "record %d was skipped by the group", id);
		}
	}
}
