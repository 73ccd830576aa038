/* audit_act.c - whether what was carried out had been asked for, and by somebody who may. */
#include <stdio.h>

#include "exit/act.h"
#include "exit/act_right.h"
#include "exit/audit_inside.h"
#include "exit/watch.h"

const json_t *audit_act(const struct auditing *a, const json_t *body)
{
	char key[24];

	snprintf(key, sizeof key, "%llu", (unsigned long long)body_number(body, "act"));
	return json_object_get(json_object_get(a->state.root, "acts"), key);
}

const char *audit_act_wrong(const struct auditing *a, const json_t *act, const json_t *body,
			    struct fault *fault)
{
	const struct plan_family *family = audit_family(a, act);
	const char *name = body_text(act, "family"), *of = body_text(body, "family"),
		   *word = body_text(act, "act");

	if (!name || !of || strcmp(name, of) != 0)
		return "the act is about another family";
	if (!family || !word || act_find(view_text(word)) < 0)
		return "the act is none, or on a family that the plan in force does not name";
	return act_right(a->plan, family, a->state.root, act, fault) < 0 ? fault->text : NULL;
}

static void check(struct auditing *a, const struct frame *frame, const json_t *body, const json_t *act)
{
	struct fault fault = { 0 };
	const char *wrong;

	if (!a->plan) {
		audit_found(a, AUDIT_UNDECIDED, frame->sequence,
			    "frame %llu (%s): who may ask for it cannot be told without the plan",
			    (unsigned long long)frame->sequence, frame_kind_word(frame->kind));
		return;
	}
	wrong = audit_act_wrong(a, act, body, &fault);
	if (wrong)
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
			    "frame %llu (%s): was carried out for act %lld, and should not have been: %s",
			    (unsigned long long)frame->sequence, frame_kind_word(frame->kind),
			    (long long)body_number(body, "act"), wrong);
}

/*
 * Back to the source by itself: because a stop condition said so by the verdict that the family has, or because of a leak.
 * The verdict is asked as of the moment at which it was made, for preflight takes its time.
 */
static void check_stop(struct auditing *a, const struct frame *frame, const json_t *body,
		       const struct standing *now)
{
	const struct plan_family *family = audit_family(a, body);
	bool frozen = body_word(body, "overlay", overlay_find) == OVERLAY_HELD;
	enum watch_action asks;
	char cause[300];

	if (!family) {
		audit_found(
			a, a->plan ? AUDIT_NOT_REPRODUCIBLE : AUDIT_UNDECIDED, frame->sequence,
			"frame %llu (MOVE): whether a stop condition asked for it cannot be told without the "
			"plan",
			(unsigned long long)frame->sequence);
		return;
	}
	asks = watch_decide(family->class, now, now->verdict.wall_ms, cause, sizeof cause);
	if (frozen && (asks == WATCH_FREEZE || json_object_get(now->json, "leak")))
		return;
	if (!frozen && asks == WATCH_REVERT)
		return;
	audit_found(
		a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
		"frame %llu (MOVE): %s back to the source by itself, and no stop condition asked for that",
		(unsigned long long)frame->sequence, frozen ? "a freeze" : "a crossing");
}

/* A crossing begins for an act that waits, or by itself, and then only back to the source. */
static void check_move(struct auditing *a, const struct frame *frame, const json_t *body)
{
	const json_t *act = audit_act(a, body);
	const char *to = body_text(body, "to"), *word = body_text(act, "act");
	const char *fits = to && strcmp(to, "target") == 0 ? "promote" : "rollback";

	/* The shadow of a drill crosses for the drill's act, which was looked at when it began. */
	if (!a->now || a->now->of)
		return;
	if (body_number(body, "act") == 0 && to && strcmp(to, "source") == 0) {
		check_stop(a, frame, body, a->now);
		return;
	}
	if (!act || !word || strcmp(word, fits) != 0) {
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
			    "frame %llu (MOVE): a crossing to the %s that nobody had asked for",
			    (unsigned long long)frame->sequence, to ? to : "");
		return;
	}
	check(a, frame, body, act);
}

static void check_drill(struct auditing *a, const struct frame *frame, const json_t *body)
{
	const char *event = body_text(body, "event");
	const json_t *act = audit_act(a, body);
	const char *word = body_text(act, "act");

	if (!event || strcmp(event, "began") != 0) {
		a->drilled = frame->sequence;
		return;
	}
	if (word && strcmp(word, "drill") == 0)
		check(a, frame, body, act);
	else
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
			    "frame %llu (DRILL): a drill that nobody had asked for",
			    (unsigned long long)frame->sequence);
}

/* ---- answers ---- */

/* What must be so when an act was answered `done`; NULL: it is. */
static const char *not_so(const struct standing *now, enum act act, const json_t *arguments,
			  const struct frame *frame)
{
	switch (act) {
	case ACT_PROMOTE: return now->authority == AUTHORITY_TARGET ? NULL : "authority is not on the target";
	case ACT_ROLLBACK:
		return now->authority == AUTHORITY_SOURCE ? NULL : "authority is not on the source";
	case ACT_HOLD: return now->overlay != OVERLAY_NONE ? NULL : "the family is not held";
	case ACT_SEAL: return now->stage >= STAGE_SEALED ? NULL : "the family is not sealed";
	case ACT_RETIRE: return now->stage == STAGE_RETIRED ? NULL : "the family is not retired";
	case ACT_WAIVE:
		if (!body_text(arguments, "rule"))
			return "the waiver names no rule";
		return body_number(arguments, "expires") > frame->moment.wall_ms
			       ? NULL
			       : "the waiver had ended before it was granted";
	default: return NULL;
	}
}

/* What was given up says so in a RETURN, or in the end of a drill; what is not known lies over the family. */
static const char *without_cause(const struct auditing *a, const struct standing *now, const char *result,
				 enum act act, uint64_t asked)
{
	const json_t *given_up = json_object_get(now->json, "return");

	if (strcmp(result, "unknown") == 0)
		return now->overlay == OVERLAY_UNKNOWN ? NULL : "nothing about the family is unknown";
	if (strcmp(result, "returned") != 0)
		return NULL;
	if (act == ACT_DRILL)
		return a->drilled > asked ? NULL : "no drill has ended since";
	return given_up && body_count(given_up, "attempt") == now->attempt ? NULL
									   : "no crossing was given up";
}

static void check_answer(struct auditing *a, const struct frame *frame, const json_t *body)
{
	const char *result = body_text(body, "result"), *wrong;
	const json_t *act = audit_act(a, body);
	const char *word = body_text(act, "act");
	int kind = word ? act_find(view_text(word)) : -1;

	/* What the frame must say to stand there at all is for state_apply() to refuse. */
	if (!act || !result || strcmp(result, "refused") == 0)
		return;
	if (strcmp(result, "done") == 0) {
		check(a, frame, body, act);
		a->out->acts++;
	}
	if (kind < 0 || !a->now)
		return;
	wrong = strcmp(result, "done") == 0
			? not_so(a->now, (enum act)kind, json_object_get(act, "arguments"), frame)
			: without_cause(a, a->now, result, (enum act)kind, body_count(body, "act"));
	if (wrong)
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
			    "frame %llu (ANSWER): %s is called %s, and %s",
			    (unsigned long long)frame->sequence, word, result, wrong);
}

void audit_acts(struct auditing *a, const struct frame *frame, const json_t *body)
{
	switch (frame->kind) {
	case FRAME_MOVE: check_move(a, frame, body); break;
	case FRAME_DRILL: check_drill(a, frame, body); break;
	case FRAME_ANSWER: check_answer(a, frame, body); break;
	default: break;
	}
}
