/* audit_act.c - whether what was carried out had been asked for, and by somebody who may. */
#include <stdio.h>

#include "exit/act.h"
#include "exit/act_sign.h"
#include "exit/audit_inside.h"

static const json_t *act_of(const struct auditing *a, const json_t *body)
{
	char key[24];

	snprintf(key, sizeof key, "%llu", (unsigned long long)body_number(body, "act"));
	return json_object_get(json_object_get(a->state.root, "acts"), key);
}

/* NULL when it may be done for that act. */
static const char *not_allowed(const struct auditing *a, const json_t *act, const json_t *body,
			       struct fault *fault)
{
	const struct plan_family *family = audit_family(a, act);
	const char *name = body_text(act, "family"), *of = body_text(body, "family"),
		   *word = body_text(act, "act");
	int kind = word ? act_find(view_text(word)) : -1;

	if (!name || !of || strcmp(name, of) != 0)
		return "the act is about another family";
	if (!family || kind < 0)
		return "the act is none, or on a family that the plan in force does not name";
	if (act_allowed(family, (enum act)kind, view_text(body_text(act, "by")), fault) < 0)
		return fault->text;
	return act_signature_check(act, body_text(a->state.root, "exit"),
				   json_object_get(json_object_get(a->state.root, "plan"), "keys"),
				   a->plan->signing.required.value == 1, fault) < 0
		       ? fault->text
		       : NULL;
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
	wrong = not_allowed(a, act, body, &fault);
	if (wrong)
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
			    "frame %llu (%s): was carried out for act %lld, and should not have been: %s",
			    (unsigned long long)frame->sequence, frame_kind_word(frame->kind),
			    (long long)body_number(body, "act"), wrong);
}

/* A crossing begins for an act that waits, or by itself, and then only back to the source. */
static void check_move(struct auditing *a, const struct frame *frame, const json_t *body)
{
	const json_t *act = act_of(a, body);
	const char *to = body_text(body, "to"), *word = body_text(act, "act");
	const char *fits = to && strcmp(to, "target") == 0 ? "promote" : "rollback";

	struct standing now;

	/* The shadow of a drill crosses for the drill's act, which was looked at when it began. */
	if (state_family(&a->state, body_text(body, "family") ? body_text(body, "family") : "", &now) &&
	    now.of)
		return;
	if (body_number(body, "act") == 0 && to && strcmp(to, "source") == 0)
		return;
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
	const json_t *act = act_of(a, body);
	const char *word = body_text(act, "act");

	if (!event || strcmp(event, "began") != 0)
		return;
	if (word && strcmp(word, "drill") == 0)
		check(a, frame, body, act);
	else
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
			    "frame %llu (DRILL): a drill that nobody had asked for",
			    (unsigned long long)frame->sequence);
}

void audit_acts(struct auditing *a, const struct frame *frame, const json_t *body)
{
	const char *result = body_text(body, "result");
	const json_t *act;

	if (frame->kind == FRAME_MOVE)
		check_move(a, frame, body);
	if (frame->kind == FRAME_DRILL)
		check_drill(a, frame, body);
	if (frame->kind != FRAME_ANSWER)
		return;
	act = act_of(a, body);
	if (!act || !result || strcmp(result, "done") != 0)
		return;
	check(a, frame, body, act);
	a->out->acts++;
}
