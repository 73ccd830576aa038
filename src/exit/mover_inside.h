/* mover_inside.h - what the files of the mover share; for them only. */
#ifndef EXIT_MOVER_INSIDE_H
#define EXIT_MOVER_INSIDE_H

#include "exit/mover.h"
#include "exit/step.h"

/* One crossing, or the giving up of one, as this process carries it out. */
struct crossing {
	struct mover *mover;
	const struct plan_family *family;
	const char *name; /* of the family, with a NUL */
	struct arena arena;
	struct steps steps; /* to `to` */
	enum authority to;
	struct standing now; /* read again after every frame */
	struct fault fault;  /* why it fails, for the cause */
	int64_t fenced_ms;   /* monotonic: when this process began to fence, or came upon it */
	int64_t return_ms;   /* monotonic: until when it tries to set back what was set */
	bool stopped;        /* a frame could not be written: nothing more may be done */
	bool asked_to_stop;  /* an owner's hold or rollback came meanwhile: no failure */
	bool turned; /* it does not get on, and lets others have their turn: nothing is over, nobody is answered */
};

/* How long one question to a lever may take at most; the lever's own limit may be shorter. */
#define EFFECT_TIMEOUT_MS 10000

int64_t mover_wall(const struct mover *mover);

/* A text for a frame, whatever bytes it has: what is no UTF-8 becomes '?'.  NULL when memory is out. */
json_t *mover_text(const char *text);

/* Reads the standing again. */
void crossing_look(struct crossing *c);

/* Appends a frame about the family; takes over `body` and adds `family` to it. */
int crossing_frame(struct crossing *c, enum frame_kind kind, json_t *body, uint64_t *sequence);

/*
 * True when a frame was refused (`err`) because the clock ran past the verdict after it had been looked at: we were stopped
 * in between.  Nothing was written, and whoever asks goes on as if it had been seen in time.
 */
bool crossing_came_late(struct crossing *c, int err);

/* Goes to `stage` with `overlay` (as it is: -1), for `cause`. */
int crossing_stage(struct crossing *c, enum stage stage, int overlay, const char *cause, json_t *more);

/* True for errors after which nothing may be done any more: the journal, the lease, or being asked to end. */
bool mover_must_stop(const struct crossing *c, int err);

void crossing_tell(struct crossing *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- mover_effect.c ---- */

enum effect { EFFECT_DONE, EFFECT_FAILED, EFFECT_UNKNOWN };

/*
 * Brings about one step: observes, writes the INTENT, sets, observes until it is so or `limit_ms` have passed, and
 * writes OBSERVATION and OUTCOME.  When the journal has an intent of that step already, it first finds out what became of
 * it.  `desired` NULL: what the step's word amounts to.  A negative return means that nothing more may be done; otherwise
 * `out` says what happened, and c->fault why it failed.
 */
int effect_bring_about(struct crossing *c, const char *name, const char *lever, const char *word,
		       const char *desired, int64_t limit_ms, enum effect *out);

/* Establishes what became of every intent that has no outcome; EFFECT_UNKNOWN when one cannot be established. */
int effect_settle(struct crossing *c, bool again, enum effect *out);

/* Whether a step of that name sets back what an earlier one of its attempt did. */
bool effect_is_undo(const char *step);

/* ---- mover_cross.c ---- */

/* Goes on with the crossing from the stage that it is in, to its end. */
int cross_go_on(struct crossing *c, enum mover_answer *out);

/* ---- mover_return.c ---- */

/* Gives it up: writes RETURN, lifts what was fenced, and ends where it began, held if it was a failure. */
int return_begin(struct crossing *c, enum mover_answer *out);

/* Goes on with giving up. */
int return_go_on(struct crossing *c, enum mover_answer *out);

/* Lays UNKNOWN over the family. */
int crossing_unknown(struct crossing *c, enum mover_answer *out);

/* ---- mover.c ---- */

int crossing_open(struct crossing *c, struct mover *mover, const struct plan_family *family);
void crossing_close(struct crossing *c);

/* Writes the ANSWER of an act. */
int mover_answer_act(struct crossing *c, uint64_t act, enum mover_answer answer, const char *text);

/* Goes on with what is under way, and answers the act behind it. */
int mover_carry(struct crossing *c, enum mover_answer *out);

/* ---- mover_change.c ---- */

/* The MOVE frame that begins a crossing of what the plan has now; takes over `more`: its cause, or that it is a freeze. */
int crossing_move(struct crossing *c, enum authority to, uint64_t act, json_t *more);

/* Whether a plan may be put in force: ERR_CONFIG and a sentence when it cuts a crossing off that is under way. */
int mover_may_change(const struct state *state, const struct plan *plan, struct fault *fault);

/* ---- mover_keys.c ---- */

/*
 * { owner: public key in hexadecimal } of the files that the plan names; NULL when it names none.  A file that cannot be read
 * is an error: a plan whose keys are not known is not put in force.
 */
int mover_keys(const struct plan *plan, json_t **out, struct fault *fault);

/* Whether an act of the state may be carried out: act_right().  ERR_DENIED with a sentence. */
int mover_may(const struct mover *mover, const struct plan_family *family, const json_t *act,
	      struct fault *fault);

/* ---- mover_act.c ---- */

int mover_act_carry(struct crossing *c, uint64_t act, const json_t *json, enum mover_answer *out);

/* Judges, writes the VERDICT, arms or disarms. */
int mover_judge_crossing(struct crossing *c);

/* Why the last verdict is not open, in one sentence: "parity.lost: 2 records ...; progress.age, and 3 rules more: ...". */
void mover_say_reasons(const struct crossing *c, char *text, size_t size);

/* ---- mover_watch.c, mover_drill.c, mover_retire.c ---- */

int watch_stop_conditions(struct crossing *c);

/* Held in a crossing that nobody has given up, and not decided: it is frozen, or is to be. */
bool freeze_is_under_way(const struct crossing *c);

/*
 * Goes on with a freeze: each part of its fence that does not stand yet is tried once (more), and the family stays held.
 * `stands` says whether all of it stands by now; the cause in the journal says so too, and what is in the way.
 */
int freeze_go_on(struct crossing *c, bool *stands);

/* A drill that was cut short is given up, and what it left is taken away. */
int mover_drill_recover(struct crossing *c);
/* Takes away what drills of the family left, one thing at a time.  The fault says what does not go. */
int mover_drill_clear(struct crossing *c);
int mover_drill(struct crossing *c, uint64_t act, const json_t *json, enum mover_answer *out);
/* Once every family of the plan is retired: says so in the journal, if it does not stand there yet. */
int mover_complete(struct mover *mover, struct fault *fault);
int mover_retire(struct crossing *c, uint64_t act, const json_t *json, enum mover_answer *out);

#endif
