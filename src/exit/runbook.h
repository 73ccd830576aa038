/*
 * runbook.h - the steps of a crossing for people: generated from the plan, the levers as they stand, and what the journal
 * knows of earlier crossings and drills.
 *
 * The object: family, kind ("crossing", or "final" after RETIRED), to, plan (its hash), plan_in_force, stage, overlay,
 * authority, acknowledged { by, wall, current }, pause_max_ms, deadline_ms, observe_ms, owners { decision, on_call, source,
 * target }, call (the verb that does all of it), pauses { last_ms, drill_ms, drill_total_ms }, steps, stops [ { gate,
 * action } ], boundary (as the last verdict has it).
 *
 * A step is { step, phase, kind ("proof", "effect"), command, before, desired, owner, expected_ms, stop, undo, why }; texts
 * that nobody can tell are null.  A final runbook has removed [ { item, event, owner, copy, proof, wall } ], stays (a list of
 * sentences) and baseline ("target"): the cluster for restore, replay and reconciliation.
 */
#ifndef EXIT_RUNBOOK_H
#define EXIT_RUNBOOK_H

#include "exit/controller.h"

/* Asks the levers where they stand, and sets nothing.  The object is the caller's. */
int runbook_make(struct controller *controller, const struct plan_family *family, enum authority to,
		 json_t **out, struct fault *fault);

#endif
