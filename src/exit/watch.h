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

/* Causes that begin so are of a hold that ends by itself when the gates can be told again. */
#define WATCH_CANNOT_TELL "cannot tell: "

#endif
