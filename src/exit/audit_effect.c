/* audit_effect.c - one effect: it rests on a verdict, and what is said of it on a look at its lever. */
#include "exit/audit_inside.h"

/* An effect rests on the verdict that its family has then; a shadow has none, and names none. */
static void check_intent(struct auditing *a, const struct frame *frame, const json_t *body)
{
	const char *name = body_text(body, "family");
	struct sha256 verdict;

	if (!a->now)
		return;
	if (!body_hash(body, "verdict", &verdict) || !sha256_equal(verdict, a->now->verdict.hash))
		audit_found(a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
			    "frame %llu (INTENT): names a verdict that family %s does not have",
			    (unsigned long long)frame->sequence, name);
}

/* Not done and unknown are told by a look too, though it may have seen nothing: that look is the cause. */
static void check_outcome(struct auditing *a, const struct frame *frame, const json_t *body)
{
	uint64_t intent = body_count(body, "intent");

	if (intent != a->observed)
		audit_found(
			a, AUDIT_NOT_REPRODUCIBLE, frame->sequence,
			"frame %llu (OUTCOME): what became of intent %llu is said, and no look at its lever "
			"stands before it",
			(unsigned long long)frame->sequence, (unsigned long long)intent);
}

void audit_effect(struct auditing *a, const struct frame *frame, const json_t *body)
{
	switch (frame->kind) {
	case FRAME_INTENT: check_intent(a, frame, body); break;
	case FRAME_OBSERVATION: a->observed = body_count(body, "intent"); break;
	case FRAME_OUTCOME: check_outcome(a, frame, body); break;
	default: break;
	}
}
