/* controller_inside.h - what the files of the controller share; for them only. */
#ifndef EXIT_CONTROLLER_INSIDE_H
#define EXIT_CONTROLLER_INSIDE_H

#include "exit/controller.h"
#include "exit/journal_holder.h"

#define LEASE_POLL_MS 100

/* When the fence of a family that is to be frozen is looked after again; monotonic. */
struct fence_again {
	int64_t at_ms, pause_ms;
};

struct controller {
	struct controller_options options;
	const char *file;
	struct arena arena;
	struct plan *plan;
	struct buffer text; /* of the plan, as it was read */
	struct journal *journal;
	struct world *world; /* while we hold the lease */
	struct mover mover;
	struct timer *beat;
	int64_t *judged_ms;         /* a family each, monotonic; when it was last judged */
	struct fence_again *fences; /* a family each */
	int64_t published_ms, page_due_ms;
	char holder[JOURNAL_HOLDER_SIZE_MAX];
	uint64_t own_act; /* of the verb that we are; 0 for `run` */
	bool takes_turns; /* `run` watches all families; a verb sees its own act through */
	bool lost;        /* set by the beat: the lease is gone */
	bool cut_short;   /* a judgement was stopped for an act, not for us to end */
};

/* `family` NULL: the exit. */
void controller_tell(struct controller *c, const char *family, const char *text);

/* 0 when the time has passed; ERR_CANCELLED when the loop was stopped. */
int controller_rest(struct controller *c, int64_t ms);

/*
 * Whether somebody wants us to end, after a call that came back with `err`.  Stopped by our own beat, for an act or because
 * the lease is gone, is no such wish.
 */
bool controller_asked_to_end(struct controller *c, int err);

/* Of the place where the journal is, and perhaps over in a moment: a server that is away, a disk that is full. */
bool controller_may_pass(int err);

/* 0: it is ours, and what was under way is brought to where it belongs; ERR_CONFLICT: somebody else's, for now. */
int controller_take_lease(struct controller *c, struct fault *fault);
void controller_give_up_lease(struct controller *c);

/* All acts that wait, oldest first. */
int controller_carry_out(struct controller *c, struct fault *fault);

/*
 * We are asked to end while writers are held: nobody may be left behind a fence.  What is not decided goes back, what is
 * decided goes on to its end; a second signal ends us at once, and the next controller does the same.
 */
int controller_finish(struct controller *c, struct fault *fault);

bool controller_act_waits(const struct controller *c, uint64_t act);

/* True when a crossing is under way, of that family or (NULL) of any, as far as we know. */
bool controller_is_moving(const struct controller *c, const struct plan_family *family);

#endif
