/* audit_inside.h - what the files of the auditor share; for them only. */
#ifndef EXIT_AUDIT_INSIDE_H
#define EXIT_AUDIT_INSIDE_H

#include "exit/audit.h"
#include "exit/rules.h"
#include "exit/state.h"

/* A note is made of the last frame; only acts of owners can come between it and its CHECKPOINT frame. */
#define AUDIT_LAST_COUNT 4096

/* A controller has one key for its life; with more than these, every key from outside counts. */
#define AUDIT_KEYS_MAX 64

/*
 * Evidence that one verdict after another names is read once in a while: by the first bytes of its hash, each item and all of
 * them bounded in size.
 */
#define AUDIT_KEPT_COUNT    1024
#define AUDIT_KEPT_ITEM_MAX (64 << 10)
#define AUDIT_KEPT_SIZE_MAX ((size_t)4 << 20)
#define AUDIT_AHEAD_COUNT   256 /* items of one verdict that are asked for together */
#define AUDIT_KEPT_MEMORY                                                                                    \
	((size_t)64 << 20) /* the last item that still begins below the bound, as it lies in memory */

struct audit_kept {
	struct sha256 id;
	const struct evidence *item; /* NULL: none */
};

struct auditing {
	const struct audit_options *options;
	struct audit *out;
	struct state state;
	struct plan *plan;  /* in force; NULL: none yet, or it could not be read */
	struct arena bound; /* what is made of the plan: rules, by reference and family */
	struct rules *rules[SIDE_COUNT];
	struct arena arena;  /* of one verdict */
	struct buffer basis; /* of the last verdict */
	struct sha256 basis_id;
	struct audit_kept *kept;
	struct arena kept_in;
	int next_note; /* the first from outside that is not passed yet */
	uint8_t keys[AUDIT_KEYS_MAX]
		    [NOTE_KEY_SIZE]; /* of the checkpoints in the journal, in the order they came up */
	int key_count;               /* beyond AUDIT_KEYS_MAX: there were more */
	int last_key;                /* of the last checkpoint; -1: none yet */
	struct journal_head head;    /* what the journal says of itself; sequence -1: it cannot be read */
	struct sha256 *last;         /* hashes of the last AUDIT_LAST_COUNT frames, by sequence */
	uint64_t observed;           /* the intent that the last OBSERVATION is of; 0: none yet */
	uint64_t drilled;            /* the last DRILL frame by which one ended */
	const struct standing
		*now;        /* of the family that the frame names, as it was before it; NULL: of none */
	struct fault *fault; /* of the walk itself */
};

/* Records what does not hold, about that frame (0: none); keeps the first sentence of the worst answer. */
void audit_found(struct auditing *a, enum audit_answer answer, uint64_t frame, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void audit_remark(struct auditing *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * A blob, appended.  1: it is not there, or not what it should be, which has been recorded; `what` names it in the
 * sentence.  Negative: the store failed.
 */
int audit_blob(struct auditing *a, const struct frame *frame, struct sha256 hash, const char *what,
	       struct buffer *out);

/*
 * Called with the state as it was before the frame, which may stand there.  0, or negative when the walk cannot go on;
 * what is found is recorded.
 */
int audit_plan(struct auditing *a, const struct frame *frame, const json_t *body);
int audit_verdict(struct auditing *a, const struct frame *frame, const json_t *body);
void audit_acts(struct auditing *a, const struct frame *frame, const json_t *body);
void audit_stage(struct auditing *a, const struct frame *frame, const json_t *body);
void audit_effect(struct auditing *a, const struct frame *frame, const json_t *body);
/* `read`: the note in it, whose signature holds; NULL: not read yet, or it cannot be. */
int audit_checkpoint(struct auditing *a, const struct frame *frame, const json_t *body,
		     const struct note *read);

/* The act that waits and that the body names under `act`; NULL when it names none. */
const json_t *audit_act(const struct auditing *a, const json_t *body);

/* Why nothing may be carried out for that act on the family that the body names; NULL: it may.  Needs a plan. */
const char *audit_act_wrong(const struct auditing *a, const json_t *act, const json_t *body,
			    struct fault *fault);

/* The family of the plan in force that the body names; NULL when there is none. */
const struct plan_family *audit_family(const struct auditing *a, const json_t *body);

/*
 * Notes from outside: before the walk, behind each frame, and after the last; `whole` when each frame was looked at, since
 * no note can be held against what stands behind damage.
 */
void audit_notes_begin(struct auditing *a);
void audit_notes_pass(struct auditing *a, const struct frame *frame);
void audit_notes_end(struct auditing *a, bool whole);

#endif
