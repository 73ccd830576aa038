/*
 * state.h - what the journal amounts to: the fold of its frames.
 *
 * One function applies a frame; the controller, `status` and the auditor all use it, so that replaying the journal cannot
 * come to another state than the one acted on.  It refuses a frame that may not stand where it stands (a stage that may
 * not follow, an outcome without an intent, a decision without its proofs), which is a bug of ours when we write and
 * damage or forgery when we read.
 *
 * The state is one JSON object, so that a SNAPSHOT frame is the state and not a second way of writing it down:
 *
 *	exit      name
 *	plan      { hash, number, sequence, keys }	keys: public ones, of owners who sign
 *	lease     { number, holder, taken }
 *	acts      { SEQUENCE: { act, family, by, reason, arguments, wall } }	asked for, and not answered yet
 *	nonces    { NONCE: wall }	of signed acts, for a while; an act whose nonce stands here already is `replayed`
 *	families  { NAME: family }
 *	checkpoint { size, wall }
 *	complete  wall ms, once every family of the plan was retired
 *
 *	family    stage, overlay, cause, since (wall ms of the stage), authority, epoch
 *	          moving ("none" at rest), returning, attempt, act, deadline
 *	          verdict   { sequence, hash, verdict, gates, wall, valid_until, authority }	the last one
 *	          intents   { SEQUENCE: { step, lever, word, before, desired, epoch, attempt, result } }	of this attempt
 *	          standing  { LEVER: the value before we first touched it }	what is ours to set back
 *	          quiet, level   of this attempt: { sequence, ... }
 *	          pause_ms, crossed (wall ms of the last DECISION), ends, ends_to (of source and target, then)
 *	          observed (wall ms since when), window (sequence of the frame from which failures stick)
 *	          watched   { records, bytes, keys, regimes { NAME: wall } }	seen since authority is on the target (window.h)
 *	          held      { wall, asked }	while it is HELD or UNKNOWN: since when, and whether an owner asked for it
 *	          paged     { wall, result }	of that: when somebody was called last, "called" or "failed"
 *	          drill, leak, acknowledged, confirmed, scaffold, waivers, window
 *	          of        of a drill's shadow only: the family that is rehearsed
 *
 * A *shadow* ("orders~drill") stands among the families while a drill is under way, so that its crossings are told like any
 * other.  It may be ARMED and decided without a verdict, for nothing of value goes with it; its other proofs are asked for
 * like those of the family.
 */
#ifndef EXIT_STATE_H
#define EXIT_STATE_H

#include "exit/body.h"
#include "exit/frame.h"
#include "exit/stage.h"
#include "exit/verdict.h"

struct state {
	json_t *root;
	uint64_t sequence; /* of the last frame applied */
	struct sha256 head;
};

/* An empty state; ERR_MEMORY. */
int state_init(struct state *state);
void state_done(struct state *state);

/*
 * Checks that the frame may stand here (sequence, chain, rules of its kind) and applies it.  ERR_MALFORMED with a sentence
 * that names the frame when it may not; the state is then as it was.  ERR_MEMORY: the state is lost.
 */
int state_apply(struct state *state, const struct frame *frame, struct fault *fault);

struct standing;

/*
 * The same for whoever has read the body already (frame_body_read()), which stays the caller's and as it is; and who may have
 * asked for the family that it names: `now` is what state_family() said of it in this state, NULL: it is asked here.
 */
int state_apply_body(struct state *state, const struct frame *frame, const json_t *body,
		     const struct standing *now, struct fault *fault);

/* The canonical bytes of the state, which a SNAPSHOT frame names by their hash. */
#define STATE_SIZE_MAX (64 * 1024 * 1024)
int state_write(const struct state *state, struct buffer *out);
int state_hash(const struct state *state, struct sha256 *out);

/* Begins at a SNAPSHOT frame instead of the first one, with the bytes that it names. */
int state_restore(struct state *state, const struct frame *snapshot, struct view bytes, struct fault *fault);

/* One family, typed, for whoever decides.  Texts and JSON belong to the state and hold until the next frame. */
struct standing {
	const char *name;
	json_t *json; /* the whole of it */
	enum stage stage;
	enum overlay overlay;
	const char *cause;
	enum authority authority, moving;
	bool returning;
	const char *of; /* of a shadow: whose; else NULL */
	uint64_t epoch, attempt, act;
	int64_t since_ms, deadline_ms, pause_ms, crossed_ms;
	struct {
		uint64_t sequence;
		struct sha256 hash;
		enum verdict verdict;
		enum verdict gates[GATE_COUNT];
		int64_t wall_ms, valid_until_ms;
		uint64_t authority;
	} verdict;
	uint64_t quiet, level; /* sequences in this attempt; 0: none yet */
};

/* False when the journal knows no such family. */
bool state_family(const struct state *state, const char *name, struct standing *out);

/* What one intent of the present attempt says. */
enum outcome { OUTCOME_OPEN, OUTCOME_DONE, OUTCOME_NOT_DONE, OUTCOME_UNKNOWN };

struct intent {
	uint64_t sequence, attempt, epoch;
	const char *step, *lever, *word, *before, *desired;
	const char *why; /* it did not come about; NULL: it did, or nothing was said of it */
	enum outcome outcome;
};

/* The newest intent for that step of the present attempt; false when there is none. */
bool state_intent(const struct standing *family, const char *step, struct intent *out);

/* Each intent of the present attempt, oldest first; false past the last. */
bool state_intent_at(const struct standing *family, int index, struct intent *out);

/* The value that the lever had before we first touched it; NULL when it is not ours to set back. */
const char *state_standing(const struct standing *family, const char *lever);

/* "done", "not done", "unknown"; NULL while it is open. */
const char *outcome_word(enum outcome outcome);

#endif
