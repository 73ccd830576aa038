/*
 * crash_table.h - what happens next when a controller dies just before or just after something was done.
 *
 * One row for each kind of frame, each stage and each phase of effects.  A row that is `played` is met in the calm stories
 * of sim_points.c, where the controller is killed at it, before and after, and the story must still come to the same end;
 * what is not played there is written by other verbs, and its row says why dying at it is harmless.  sim_points.c fails
 * when a row is missing, or is not played and says that it is, or is met and says that it is not.
 */
#ifndef CRASH_TABLE_H
#define CRASH_TABLE_H

#include <stdbool.h>

static const struct {
	const char *what;
	bool played;
	const char *before, *after;
} crash_table[] = {
	{ "lease", true, "nobody has it: taken again", "it stands under a dead holder: taken from him" },
	{ "publish", true, "published again", "published again: a second holder's receipt does no harm" },

	{ "frame PLAN", true, "written again", "the plan is in force: its families begin to be observed" },
	{ "frame LEASE", true, "the store has it and the journal not: taken again", "it is held by a dead one: taken again" },
	{ "frame VERDICT", true, "judged again", "what follows from it is done by the next judgement" },
	{ "frame ACT", false, "the owner is not told that it was taken, and asks again", "it waits for whoever holds the lease" },
	{ "frame ANSWER", true, "the act waits on, is found done, and answered", "nothing is left to do" },
	{ "frame MOVE", true, "the act waits on: everything is looked at anew", "the crossing goes on" },
	{ "frame INTENT", true, "nothing was done", "looked at: it stands as it was, so it is tried" },
	{ "frame OBSERVATION", true, "looked at again", "looked at again" },
	{ "frame OUTCOME", true, "looked at again: done (recovered)", "the next step" },
	{ "frame QUIET", true, "measured again: the ends are only what the journal says", "the ends stand" },
	{ "frame LEVEL", true, "asked again for the same ends", "the decision, after the ends were looked at again" },
	{ "frame DECISION", true, "no authority has moved: the ends, the verdict and the deadline are looked at again",
	  "published, and then only forward" },
	{ "frame RETURN", true, "the owner's word still waits and is heard again", "what was set is set back" },
	{ "frame CHECKPOINT", true, "published again", "opening" },
	{ "frame SNAPSHOT", false, "readers begin at the one before", "readers begin at it" },
	{ "frame DRILL", false, "the drill counts for nothing", "it counts" },
	{ "frame LEAK", false, "the ends are looked at again and differ still", "the crossing is given up" },
	{ "frame SCAFFOLD", true, "the item is looked at again", "the next item" },
	{ "frame NOTE", true, "nobody misses it", "nothing is left to do" },
	{ "frame PAGE", false, "somebody is called once more", "nobody is called until it is time again" },

	{ "stage PLANNED", false, "no frame leads here", "no frame leads here" },
	{ "stage OBSERVING", true, "what leads here is done again", "it is observed; an act that waits is carried out" },
	{ "stage ARMED", true, "judged again", "the act that waits goes on" },
	{ "stage FENCING", true, "the crossing begins", "the fence is set" },
	{ "stage QUIET", true, "every fence is found done", "silence is measured" },
	{ "stage LEVEL", true, "silence is found proved", "level is asked" },
	{ "stage DECIDED", false, "a DECISION leads here, and no stage", "a DECISION leads here, and no stage" },
	{ "stage OPENING", true, "published again", "routes are opened" },
	{ "stage TARGET", true, "every step is found done", "the act is answered" },
	{ "stage SEALED", true, "the act waits on and is carried out", "the act is found done" },
	{ "stage RETIRED", true, "the act waits on and is carried out", "the act is found done" },

	{ "effect before", true, "looked at: not done, so it is tried", "looked at: done (recovered)" },
	{ "effect groups first", true, "looked at: not done, so it is tried", "looked at: done (recovered)" },
	{ "effect fence", true, "looked at: not done, so it is tried", "looked at: done (recovered), or waited for" },
	{ "effect place", true, "looked at: not done, so it is tried", "looked at: done (recovered)" },
	{ "effect open", true, "looked at: not done, so it is tried", "looked at: done (recovered)" },
	{ "effect groups last", true, "looked at: not done, so it is tried", "looked at: done (recovered)" },
	{ "effect after", true, "looked at: not done, so it is tried", "looked at: done (recovered)" },
	{ "effect undo", true, "looked at: not done, so it is tried", "looked at: done (recovered)" },
};

#endif
