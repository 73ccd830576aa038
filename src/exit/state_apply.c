/* state_apply.c - the fold of frames: what holds for every kind, and which function is whose. */
#include <stdio.h>

#include "exit/state_inside.h"

int state_wrong(struct applying *a, const char *format, ...)
{
	char text[500];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	return fault_set(a->fault, ERR_MALFORMED, "frame %llu (%s): %s",
			 (unsigned long long)a->frame->sequence, frame_kind_word(a->frame->kind), text);
}

int state_keep(struct applying *a, const char *key)
{
	json_t *note = json_deep_copy(a->body);
	int err =
		note ? body_put(note, "sequence", json_integer((json_int_t)a->frame->sequence)) : ERR_MEMORY;

	err = err ? err : body_put(note, "wall", json_integer(a->frame->moment.wall_ms));
	if (err < 0) {
		json_decref(note);
		return err;
	}
	json_object_del(note, "family");
	return body_put(a->family, key, note);
}

/* FAMILY: the frame is about one, which must exist; EITHER: it may name one. */
enum about { ABOUT_NONE, ABOUT_FAMILY, ABOUT_EITHER };

static const struct {
	apply_fn *apply;
	enum about about;
} kinds[FRAME_KINDS] = {
	[FRAME_PLAN] = { apply_plan, ABOUT_NONE },
	[FRAME_LEASE] = { apply_lease, ABOUT_NONE },
	[FRAME_VERDICT] = { apply_verdict, ABOUT_FAMILY },
	[FRAME_ACT] = { apply_act, ABOUT_EITHER },
	[FRAME_ANSWER] = { apply_answer, ABOUT_EITHER },
	[FRAME_MOVE] = { apply_move, ABOUT_FAMILY },
	[FRAME_STAGE] = { apply_stage, ABOUT_FAMILY },
	[FRAME_INTENT] = { apply_intent, ABOUT_FAMILY },
	[FRAME_OBSERVATION] = { apply_observation, ABOUT_FAMILY },
	[FRAME_OUTCOME] = { apply_outcome, ABOUT_FAMILY },
	[FRAME_QUIET] = { apply_quiet, ABOUT_FAMILY },
	[FRAME_LEVEL] = { apply_level, ABOUT_FAMILY },
	[FRAME_DECISION] = { apply_decision, ABOUT_FAMILY },
	[FRAME_RETURN] = { apply_return, ABOUT_FAMILY },
	[FRAME_CHECKPOINT] = { apply_checkpoint, ABOUT_NONE },
	[FRAME_SNAPSHOT] = { apply_snapshot, ABOUT_NONE },
	[FRAME_DRILL] = { apply_drill, ABOUT_FAMILY },
	[FRAME_LEAK] = { apply_leak, ABOUT_FAMILY },
	[FRAME_SCAFFOLD] = { apply_scaffold, ABOUT_FAMILY },
	[FRAME_NOTE] = { apply_note, ABOUT_EITHER },
	[FRAME_PAGE] = { apply_page, ABOUT_FAMILY },
};

/* Only an owner's act may be written without a lease, and every other frame only under the one that is held. */
static int check_lease(struct applying *a)
{
	const json_t *lease = json_object_get(a->state->root, "lease");

	if (a->frame->kind == FRAME_ACT || a->frame->kind == FRAME_LEASE)
		return 0;
	if (!json_is_true(json_object_get(lease, "taken")) || a->frame->lease != body_count(lease, "number"))
		return state_wrong(a, "was written under lease %llu, and lease %llu %s",
				   (unsigned long long)a->frame->lease,
				   (unsigned long long)body_count(lease, "number"),
				   json_is_true(json_object_get(lease, "taken")) ? "is held" : "has ended");
	return 0;
}

static int find_family(struct applying *a, const struct standing *now)
{
	const char *name = body_text(a->body, "family");
	enum about about = kinds[a->frame->kind].about;

	if (about == ABOUT_NONE || (about == ABOUT_EITHER && !name))
		return 0;
	if (now)
		a->now = *now;
	if (!name || (!now && !state_family(a->state, name, &a->now))) {
		/* An owner may ask before any controller has put the plan in force. */
		if (about == ABOUT_EITHER)
			return 0;
		return state_wrong(a, "is about a family that no plan named");
	}
	a->family = a->now.json;
	return 0;
}

static int check_place(struct applying *a)
{
	if (a->frame->sequence != a->state->sequence + 1)
		return state_wrong(a, "stands behind frame %llu", (unsigned long long)a->state->sequence);
	if (!sha256_equal(a->frame->previous, a->state->head))
		return state_wrong(a, "does not follow from the frame before it");
	return 0;
}

int state_apply_body(struct state *state, const struct frame *frame, const json_t *body,
		     const struct standing *now, struct fault *fault)
{
	struct applying a = { .state = state, .frame = frame, .body = body, .fault = fault };
	int err = check_place(&a);

	err = err ? err : check_lease(&a);
	err = err ? err : find_family(&a, now);
	err = err ? err : kinds[frame->kind].apply(&a);
	if (err == ERR_MEMORY)
		return fault_set(fault, err, "no memory for the state of the journal");
	if (err < 0)
		return err;
	state->sequence = frame->sequence;
	state->head = frame->hash;
	return 0;
}

int state_apply(struct state *state, const struct frame *frame, struct fault *fault)
{
	struct applying a = { .state = state, .frame = frame, .fault = fault };
	int err = check_place(&a);
	json_t *body = err ? NULL : frame_body_read(frame, fault);

	if (body)
		err = state_apply_body(state, frame, body, NULL, fault);
	else if (!err)
		err = ERR_MALFORMED;
	json_decref(body);
	return err;
}
