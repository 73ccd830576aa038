/*
 * watch.h - stop conditions: what a verdict on the target means, while going back is still possible.
 *
 * Pure.  A gate that is shut asks for the action that its class names; one that is unknown asks to hold, whatever the
 * class says, for an instrument that fails is no reason to move authority.  A return by itself needs a way back that is
 * open and fresh at that moment; without it, it is a hold.  A leak behind the fence freezes.
 */
#ifndef EXIT_WATCH_H
#define EXIT_WATCH_H

#include "exit/plan.h"
#include "exit/state.h"

enum watch_action { WATCH_NOTHING, WATCH_RELEASE, WATCH_HOLD, WATCH_FREEZE, WATCH_REVERT };

/* The strongest action that the last verdict asks for; `cause` says why. */
enum watch_action watch_decide(const struct plan_class *class, const struct standing *family, int64_t now_ms,
			       char *cause, size_t size);

/* True while the family is held only because nothing could be told: such a hold ends by itself. */
bool watch_cannot_tell(const struct standing *family);

/*
 * Whether a hold for that cause is to be written down: of a family that is not held, or held only because nothing could be told
 * while now a gate is shut.  Else that hold would end by itself, and nobody would have read why the gate was shut.
 */
bool watch_takes_over(const struct standing *family, const char *cause);

/*
 * The gate whose being shut holds the family, as the hold's own cause says.  GATE_COUNT: it is not held, or by an owner, by a
 * return that failed, or because nothing could be told.
 */
enum gate watch_held_by(const struct standing *family);

/*
 * True when that gate is open again by a verdict that is fresh now.  The hold stays all the same: what was shut once is for a
 * person to read before anything goes on (`resume`), and status says so.
 */
bool watch_cause_is_gone(const struct standing *family, int64_t now_ms);

/* Causes that begin so are of a hold that ends by itself when the gates can be told again. */
#define WATCH_CANNOT_TELL "cannot tell: "

#endif
