/*
 * countdown.h - the plan read in reverse: what must be true a week, a day and an hour before a crossing.  Pure.
 *
 * Each item is about some rules of the gates, and is what they are: open, shut or unknown.  A rule that the class does not
 * ask for gives no item.  For the verb `countdown`, which shows them; nothing is decided here.
 */
#ifndef EXIT_COUNTDOWN_H
#define EXIT_COUNTDOWN_H

#include "exit/gate.h"
#include "exit/plan.h"

enum countdown_when { COUNTDOWN_WEEK, COUNTDOWN_DAY, COUNTDOWN_HOUR, COUNTDOWN_COUNT };

struct countdown_item {
	enum countdown_when when;
	enum verdict state;
	struct view owner; /* of the plan: whose it is to make it so */
	const char *must;  /* what must be true: "a drill went forward and back" */
	const char *why;   /* why it is not open, from the first rule that is not; NULL when it is */
	const char *code;  /* "DRILL_MISSING"; NULL when it is open */
};

struct countdown {
	struct countdown_item *items; /* a week before first; in each, shut, then unknown, then open */
	int count;
	enum verdict state[COUNTDOWN_COUNT]; /* of all that must be true then, and of what had to be before */
};

/* A family whose authority is on the target, for `after:` of others; and whether its observation window is over (window.h). */
struct countdown_moved {
	struct view name;
	bool watched;
	const char *window; /* what was seen of it, or is missing */
};

/*
 * `gates` as judged last; NULL: nothing was judged, and all is unknown.  `moved` are the families that have moved.  All that is made comes from the arena.  ERR_MEMORY.
 */
int countdown_make(const struct plan_family *family, const struct gate_result gates[GATE_COUNT],
		   const struct countdown_moved *moved, int moved_count, struct arena *arena, struct countdown *out);

/* "a week before", "a day before", "an hour before". */
const char *countdown_word(enum countdown_when when);

#endif
