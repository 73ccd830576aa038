/* watch.c - stop conditions. */
#include <stdio.h>

#include "exit/watch.h"

static const enum plan_limit limit_of[GATE_COUNT] = {
	[GATE_COMPATIBILITY] = LIMIT_STOP_COMPATIBILITY, [GATE_PARITY] = LIMIT_STOP_PARITY,
	[GATE_PROGRESS] = LIMIT_STOP_PROGRESS,           [GATE_ROLLBACK] = LIMIT_STOP_ROLLBACK,
	[GATE_CAPACITY] = LIMIT_STOP_CAPACITY,           [GATE_OPERATIONS] = LIMIT_STOP_OPERATIONS,
};

static enum watch_action action_of(const struct plan_class *class, enum gate gate)
{
	switch ((enum plan_action) class->limits[limit_of[gate]].value) {
	case PLAN_ACTION_FREEZE: return WATCH_FREEZE;
	case PLAN_ACTION_REVERT: return WATCH_REVERT;
	default: return WATCH_HOLD;
	}
}

/* The first reason that the verdict gives for a gate, for people. */
static const char *reason_of(const struct standing *family, enum gate gate)
{
	json_t *reason, *reasons = json_object_get(json_object_get(family->json, "verdict"), "reasons");
	size_t index;

	json_array_foreach(reasons, index, reason)
	{
		const char *of = body_text(reason, "gate"), *text = body_text(reason, "text");

		if (of && text && strcmp(of, gate_word(gate)) == 0)
			return text;
	}
	return "no reason was given";
}

static bool may_revert(const struct standing *family, int64_t now_ms)
{
	return family->verdict.gates[GATE_ROLLBACK] == VERDICT_OPEN &&
	       family->verdict.valid_until_ms > now_ms;
}

bool watch_cannot_tell(const struct standing *family)
{
	return family->overlay == OVERLAY_HELD && family->cause &&
	       strncmp(family->cause, WATCH_CANNOT_TELL, sizeof WATCH_CANNOT_TELL - 1) == 0;
}

bool watch_takes_over(const struct standing *family, const char *cause)
{
	return family->overlay == OVERLAY_NONE ||
	       (watch_cannot_tell(family) &&
		strncmp(cause, WATCH_CANNOT_TELL, sizeof WATCH_CANNOT_TELL - 1) != 0);
}

enum watch_action watch_decide(const struct plan_class *class, const struct standing *family, int64_t now_ms,
			       char *cause, size_t size)
{
	enum watch_action action = WATCH_NOTHING;
	bool told = false; /* the cause is a gate that is shut */

	cause[0] = 0;
	if (family->stage != STAGE_TARGET || family->moving != AUTHORITY_NONE ||
	    family->verdict.authority != family->epoch || family->overlay == OVERLAY_UNKNOWN)
		return WATCH_NOTHING;
	for (int gate = 0; gate < GATE_COUNT; gate++) {
		enum verdict verdict = family->verdict.gates[gate];
		enum watch_action asks = verdict == VERDICT_OPEN   ? WATCH_NOTHING
					 : verdict == VERDICT_SHUT ? action_of(class, (enum gate)gate)
								   : WATCH_HOLD;

		/* What is shut is not softened by another gate that cannot be told. */
		if (asks < action || asks == WATCH_NOTHING ||
		    (asks == action && (told || verdict != VERDICT_SHUT)))
			continue;
		action = asks;
		told = verdict == VERDICT_SHUT;
		snprintf(cause, size, "%s%s is %s: %s", verdict == VERDICT_SHUT ? "" : WATCH_CANNOT_TELL,
			 gate_word((enum gate)gate), verdict_word(verdict),
			 reason_of(family, (enum gate)gate));
	}
	if (action == WATCH_REVERT && !may_revert(family, now_ms))
		return WATCH_HOLD;
	if (action == WATCH_NOTHING && watch_cannot_tell(family))
		return WATCH_RELEASE;
	return action;
}

enum gate watch_held_by(const struct standing *family)
{
	if (family->overlay != OVERLAY_HELD || family->stage != STAGE_TARGET ||
	    family->moving != AUTHORITY_NONE || !family->cause)
		return GATE_COUNT;
	for (int gate = 0; gate < GATE_COUNT; gate++) {
		char begins[60];

		snprintf(begins, sizeof begins, "%s is %s: ", gate_word((enum gate)gate),
			 verdict_word(VERDICT_SHUT));
		if (strncmp(family->cause, begins, strlen(begins)) == 0)
			return (enum gate)gate;
	}
	return GATE_COUNT;
}

bool watch_cause_is_gone(const struct standing *family, int64_t now_ms)
{
	enum gate gate = watch_held_by(family);

	return gate != GATE_COUNT && family->verdict.gates[gate] == VERDICT_OPEN &&
	       family->verdict.authority == family->epoch && family->verdict.valid_until_ms > now_ms;
}
