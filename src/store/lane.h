/*
 * lane.h - jobs that run one after the other, away from the thread that wants them done.
 *
 * A lane either has a thread of its own, or is stepped by whoever holds it: the lane of jobs that must come home to the
 * caller's thread is such a one, and under a simulator all of them are, so that a seed decides who goes first.
 *
 * A job is embedded in what it is about and belongs to its owner, who keeps it while it is queued or running.  Any thread
 * may post.  A job that is queued already is not queued twice; one that runs may be posted again.
 */
#ifndef STORE_LANE_H
#define STORE_LANE_H

#include "base/list.h"

struct lane;
struct job;
typedef void job_run(struct job *job);

struct job {
	struct list link;
	job_run *run;
	bool queued; /* guarded by the lane */
};

typedef void lane_wake(void *context);

static inline void job_init(struct job *job, job_run *run)
{
	list_init(&job->link);
	job->run = run;
	job->queued = false;
}

/*
 * With a thread, called `name` (at most 15 bytes) where the system shows threads.  With `nice` above 0 it gets the processor
 * after those that want it more, as nice(1) has it.  ERR_MEMORY, ERR_LIMIT.
 */
int lane_new(const char *name, int nice, struct lane **out);

/* Without: `wake` (may be NULL) is called by the posting thread when the first job comes in. */
int lane_new_stepped(lane_wake *wake, void *context, struct lane **out);

void lane_post(struct lane *lane, struct job *job);

/* Runs the next job of a stepped lane on this thread; false when there is none. */
bool lane_step(struct lane *lane);

/* Of a stepped lane: waits until there is a job or the time is over. */
void lane_wait(struct lane *lane, int timeout_ms);

/* Ends after the job that runs now; jobs that wait are dropped and remain their owners'.  NULL is silent. */
void lane_free(struct lane *lane);

#endif
