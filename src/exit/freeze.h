/*
 * freeze.h - change freezes: is a moment inside one, when does it end, when does the next one begin.  Pure.
 *
 * Windows are local time.  Where a clock is put forward or back in the very minute that a window begins or ends, the
 * longer of the two windows is meant.
 */
#ifndef EXIT_FREEZE_H
#define EXIT_FREEZE_H

#include "base/zone.h"
#include "exit/plan.h"

#define FREEZE_NEVER INT64_MAX

struct freeze_state {
	bool frozen;
	int64_t until_ms; /* when the one that holds ends; 0 when none holds */
	int64_t next_ms;  /* when the next one begins; FREEZE_NEVER */
};

/* Starts a fold over several freezes: nothing holds, nothing comes. */
#define FREEZE_NONE ((struct freeze_state){ false, 0, FREEZE_NEVER })

/* Adds what one freeze makes of the moment; of two that hold the one that ends later counts. */
void freeze_judge(const struct plan_freeze *freeze, const struct zone *zone, int64_t now_ms,
		  struct freeze_state *state);

#endif
