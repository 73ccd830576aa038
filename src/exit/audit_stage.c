/*
 * audit_stage.c - what stands behind a change of stage that only people may ask for: sealed, retired, and let go on.
 *
 * The frame names its act; one of a time before it did rests on any act that waits and fits.
 */
#include "exit/act.h"
#include "exit/audit_inside.h"
#include "exit/watch.h"
#include "exit/window.h"

static bool is_about(const json_t *act, const json_t *body, unsigned kinds)
{
	const char *word = body_text(act, "act"), *of = body_text(act, "family"),
		   *name = body_text(body, "family");
	int kind = word ? act_find(view_text(word)) : -1;

	return kind >= 0 && (kinds >> kind & 1) && of && name && strcmp(of, name) == 0;
}

/* NULL when an act of one of those kinds, by somebody who may, waits to be carried out; else why not. */
static const char *not_asked_for(const struct auditing *a, const json_t *body, unsigned kinds,
				 struct fault *fault)
{
	const char *wrong = "nobody had asked for it", *key;
	json_t *act, *acts = json_object_get(a->state.root, "acts");

	if (json_object_get(body, "act")) {
		const json_t *named = audit_act(a, body);

		return named && is_about(named, body, kinds) ? audit_act_wrong(a, named, body, fault) : wrong;
	}
	json_object_foreach(acts, key, act)
	{
		if (!is_about(act, body, kinds))
			continue;
		wrong = audit_act_wrong(a, act, body, fault);
		if (!wrong)
			return NULL;
	}
	return wrong;
}

static void behind(struct auditing *a, const struct frame *frame, const json_t *body, const char *what,
		   unsigned kinds)
{
	unsigned long long number = frame->sequence;
	struct fault fault = { 0 };
	const char *wrong;

	if (!a->plan) {
		audit_found(a, AUDIT_UNDECIDED, frame->sequence,
			    "frame %llu (STAGE): who may ask for it cannot be told without the plan", number);
		return;
	}
	wrong = not_asked_for(a, body, kinds, &fault);
	if (wrong)
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence, "frame %llu (STAGE): %s: %s", number,
			    what, wrong);
}

/* The way back is closed on a verdict that is open, of this authority, and when the family was watched for long enough. */
static void check_seal(struct auditing *a, const struct frame *frame, const json_t *body,
		       const struct standing *now)
{
	const struct plan_family *family = audit_family(a, body);
	char text[WINDOW_TEXT_SIZE] = "";
	const char *wrong = NULL;

	behind(a, frame, body, "the way back was closed", 1u << ACT_SEAL);
	if (!family)
		return; /* which is said by now */
	if (now->verdict.verdict != VERDICT_OPEN || now->verdict.authority != now->epoch)
		wrong = "on a verdict that is not open";
	else if (!window_is_over(now, family, frame->moment.wall_ms, text, sizeof text))
		wrong = "while the family was still watched: ";
	if (wrong)
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
			    "frame %llu (STAGE): the way back was closed %s%s",
			    (unsigned long long)frame->sequence, wrong, text);
}

/* A hold because nothing could be told ends by itself: when it can be, or because what is told asks for more. */
static bool lets_go_by_itself(const struct auditing *a, const struct standing *now, const json_t *body)
{
	const struct plan_family *family = audit_family(a, body);
	char cause[300];

	if (!family || now->overlay != OVERLAY_HELD || !now->cause ||
	    strncmp(now->cause, WATCH_CANNOT_TELL, sizeof WATCH_CANNOT_TELL - 1) != 0)
		return false;
	switch (watch_decide(family->class, now, now->verdict.wall_ms, cause, sizeof cause)) {
	case WATCH_RELEASE:
	case WATCH_FREEZE:
	case WATCH_REVERT: return true;
	default: return false;
	}
}

void audit_stage(struct auditing *a, const struct frame *frame, const json_t *body)
{
	int stage = body_word(body, "stage", stage_find), overlay = body_word(body, "overlay", overlay_find);
	const struct standing *now = a->now;

	/* A shadow is nobody's: its drill was asked for. */
	if (!now || now->of)
		return;
	if (stage == STAGE_SEALED && now->stage != STAGE_SEALED)
		check_seal(a, frame, body, now);
	if (stage == STAGE_RETIRED && now->stage != STAGE_RETIRED)
		behind(a, frame, body, "the family was retired", 1u << ACT_RETIRE);
	if (now->overlay != OVERLAY_NONE && overlay <= OVERLAY_NONE && !lets_go_by_itself(a, now, body))
		behind(a, frame, body, "a held family was let go on", 1u << ACT_RESUME | 1u << ACT_ROLLBACK);
}
