/*
 * mover.h - carries out owners' acts: the crossing, its mirror image, and giving it up.
 *
 * Everything it does is in the journal before it is done, and everything it knows it knows from the journal and from
 * looking; a mover that was killed anywhere is followed by another one that calls mover_recover() and goes on.
 *
 * Before the decision a failure means: lift the fence, nothing has moved, and the family is HELD until an owner resumes
 * it.  After it there is only forward.  An effect whose outcome cannot be established lays UNKNOWN over the family.
 */
#ifndef EXIT_MOVER_H
#define EXIT_MOVER_H

#include "exit/journal.h"
#include "exit/world.h"

struct mover {
	struct journal *journal; /* with the lease held */
	struct world *world;
	const struct plan *plan; /* the one in force in the journal */
	bool give_up;		 /* we are asked to end: what is not decided goes back, what is decided goes on */
	/*
	 * What can only go forward, and does not get on, lets go every few seconds, for others must not be left without
	 * anybody who watches them: call mover_recover() again in each round while mover_is_under_way() of any family.
	 */
	bool takes_turns;
};

/* What became of an act; the words stand in its ANSWER frame. */
enum mover_answer { MOVER_DONE, MOVER_REFUSED, MOVER_RETURNED, MOVER_UNKNOWN };

/* True while the family crosses, or comes back, and nothing holds it. */
bool mover_is_under_way(const struct mover *mover, const struct plan_family *family);

/* The oldest act behind frame `after` that can be carried out now, for its family is not under way; 0 when there is none. */
uint64_t mover_next_act(const struct mover *mover, uint64_t after);

/*
 * Carries out one act that waits in the state.  0 and the answer, which is in the journal too; an error when the journal
 * cannot be written, the lease was lost (ERR_STALE), or we were asked to end (ERR_CANCELLED): the act then waits on, as it
 * does (0) when its crossing lets others have their turn.
 */
int mover_act(struct mover *mover, uint64_t act, enum mover_answer *out, struct fault *fault);

/*
 * After the lease was taken: brings every family whose crossing was under way to where it belongs.  `moved` counts those.
 */
int mover_recover(struct mover *mover, int *moved, struct fault *fault);

/* Judges a family, writes the verdict, and lets it become ARMED or lets that decay. */
int mover_judge(struct mover *mover, const struct plan_family *family, struct fault *fault);

/* Calls somebody when the family has been held for long enough (page.h); `called`: it was tried. */
int mover_page(struct mover *mover, const struct plan_family *family, bool *called, struct fault *fault);

/*
 * Puts the plan in force when it is not: a PLAN frame, and families that begin to be observed.  The plan's text goes into
 * the journal too, for an auditor judges by it.
 */
int mover_plan(struct mover *mover, struct view text, struct fault *fault);

/* Signs and publishes a checkpoint; ERR_NETWORK when nobody holds it. */
int mover_publish(struct mover *mover, struct fault *fault);

/* Lays HELD over a family, or freezes it, because a stop condition or a leak says so. */
int mover_hold(struct mover *mover, const struct plan_family *family, const char *cause, struct fault *fault);

/*
 * Tries the fence of a family that is to be frozen once more, if it does not stand yet.  `stands`: all of it does by now, or
 * the family is not being frozen.
 */
int mover_freeze(struct mover *mover, const struct plan_family *family, bool *stands, struct fault *fault);

/* A stop condition's return by itself, without an act: only from TARGET, to the source. */
int mover_revert(struct mover *mover, const struct plan_family *family, const char *cause,
		 enum mover_answer *out, struct fault *fault);

#endif
