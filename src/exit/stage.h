/*
 * stage.h - where a family stands, and what may follow what.
 *
 *	PLANNED --> OBSERVING <--> ARMED --> FENCING --> QUIET --> LEVEL --> DECIDED --> OPENING --> TARGET --> SEALED --> RETIRED
 *	                ^                      |          |          |                               |
 *	                +----------------------+----------+----------+  abort: lift the fence        |
 *	                +----------------------------------------------------------------------------+  the same, mirrored
 *
 * A crossing in either direction goes through FENCING to OPENING; which one it is stands beside the stage (`moving`).
 * HELD and UNKNOWN lie over a stage and do not replace it.  The table is data; whoever changes a stage asks it first,
 * the controller before it writes the frame and the auditor when it reads it.
 */
#ifndef EXIT_STAGE_H
#define EXIT_STAGE_H

#include "base/view.h"

enum stage {
	STAGE_PLANNED,
	STAGE_OBSERVING,
	STAGE_ARMED,
	STAGE_FENCING,
	STAGE_QUIET,
	STAGE_LEVEL,
	STAGE_DECIDED,
	STAGE_OPENING,
	STAGE_TARGET,
	STAGE_SEALED,
	STAGE_RETIRED,
	STAGE_COUNT,
};

enum overlay { OVERLAY_NONE, OVERLAY_HELD, OVERLAY_UNKNOWN, OVERLAY_COUNT };

/* Which cluster is the recovery baseline.  NONE only while crossing. */
enum authority { AUTHORITY_SOURCE, AUTHORITY_NONE, AUTHORITY_TARGET, AUTHORITY_COUNT };

/* "OBSERVING" ...; NULL past the end. */
const char *stage_word(enum stage stage);
const char *overlay_word(enum overlay overlay);       /* "HELD", "UNKNOWN"; NULL for none */
const char *authority_word(enum authority authority); /* "source", "none", "target" */

/* The value of that word, or -1. */
int stage_find(struct view word);
int overlay_find(struct view word);
int authority_find(struct view word);

/*
 * Whether `to` may follow `from`.  `moving` is the side that a crossing under way goes to, AUTHORITY_NONE when there is
 * none; `returning` says that it was given up before it was decided.
 */
bool stage_may_follow(enum stage from, enum stage to, enum authority moving, bool returning);

/* True from FENCING to OPENING. */
bool stage_is_crossing(enum stage stage);

/* True where only forward is left: DECIDED and OPENING. */
bool stage_is_decided(enum stage stage);

#endif
