/*
 * preview.h - the very intents that an act would write, without writing or setting anything.
 *
 * It walks the same list of steps as the mover, observes the same levers and aims at the same values; a lever that comes
 * up twice is taken to stand where the earlier step puts it.
 */
#ifndef EXIT_PREVIEW_H
#define EXIT_PREVIEW_H

#include "exit/state.h"
#include "exit/step.h"
#include "exit/world.h"

/*
 * Appends to the list `out` one object a step: { step, phase, lever, word, before, desired, epoch, attempt, does, undo }, the
 * bodies of the INTENT frames, a sentence, and the exact inverse (null where the lever does not answer).  `before` and `desired` are null where the lever does not answer, and
 * `why` says so then.  ERR_CANCELLED, ERR_MEMORY.
 */
int preview_steps(struct world *world, const struct plan_family *family, const struct standing *now,
		  enum authority to, int64_t timeout_ms, json_t *out, struct fault *fault);

#endif
