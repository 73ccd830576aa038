/* state_inside.h - what the files of the fold share; for them only. */
#ifndef EXIT_STATE_INSIDE_H
#define EXIT_STATE_INSIDE_H

#include "exit/state.h"

struct applying {
	struct state *state;
	const struct frame *frame;
	const json_t *body;
	json_t *family; /* NULL for frames that are about none */
	struct standing now;
	struct fault *fault;
};

/* One a kind.  Checks everything first and then changes the state: 0, ERR_MALFORMED (nothing changed), ERR_MEMORY. */
typedef int apply_fn(struct applying *a);

/* state_crossing.c */
apply_fn apply_move, apply_stage, apply_intent, apply_observation, apply_outcome, apply_quiet, apply_level,
	apply_decision, apply_return;

/* state_rest.c */
apply_fn apply_plan, apply_lease, apply_verdict, apply_act, apply_answer, apply_checkpoint, apply_snapshot,
	apply_drill, apply_leak, apply_scaffold, apply_note, apply_page;

/* "frame 12 (STAGE): ..."; returns ERR_MALFORMED. */
int state_wrong(struct applying *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Keeps the body under `key` of its family, with sequence and time. */
int state_keep(struct applying *a, const char *key);

/* The value of a word; what is none is unknown, and open. */
enum verdict state_verdict(const char *word);
enum outcome state_outcome(const char *word);

#endif
