/*
 * live_inside.h - what the files of a follower share; for them only.
 *
 *	live.c		the two sides of the door: the caller's calls, and the thread that they start
 *	live_follow.c	the follower: reads, keeps its checkpoint, says how it stands, answers questions
 *	live_level.c	one question: is it level?
 *	live_judge.c	another: what differs?
 */
#ifndef PARITY_LIVE_INSIDE_H
#define PARITY_LIVE_INSIDE_H

#include <pthread.h>

#include "loop/bell.h"
#include "parity/compare_state.h"
#include "parity/live.h"

enum question_kind { QUESTION_LEVEL, QUESTION_JUDGE };

/* What the caller waits for.  Between the two threads: whoever lets go last frees it. */
struct question {
	enum question_kind kind;
	struct live_end *ends[2]; /* copies with texts; ends[TARGET] NULL: to be asked for */
	size_t counts[2];
	int64_t asked_ns, deadline_ms;   /* monotonic */
	bool taken, answered, abandoned; /* under the mutex */

	/* Of the follower alone. */
	bool begun;
	int64_t begun_ms;
	uint64_t judged_at; /* records joined when what waits was last judged */
	struct live_answer answer;
	struct parity_report report; /* of a judgement */
};

struct live {
	struct live_options options;
	struct parity_options parity;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t answered;

	/* Under the mutex. */
	struct bell *bell; /* NULL before the loop and after it */
	bool stop;
	struct question *question;
	struct live_glance glance; /* as published last */
	int64_t glance_ms;
	char **names; /* of topics, given out to callers */
	size_t name_count;
};

struct rate_sample {
	int64_t ms;
	uint64_t records[2], bytes[2];
	bool ends_known;
	int64_t ends[2]; /* the sums of all high watermarks */
};

#define RATES 16

struct checkpoint_job;

struct follower {
	struct live *live;
	struct loop *loop;
	struct compare compare;
	struct parity_report report;
	struct fault fault;
	struct rate_sample rates[RATES];
	int rate_count;
	int64_t marked_ms, told_ms, checkpoint_due_ms;
	bool was_caught_up, blocking;
	struct question *question; /* the one at hand */
	struct checkpoint_job *saving;
};

/* live.c */
void ends_sort(struct live_end *ends, size_t count);
struct question *question_take(struct live *live); /* one that waits; NULL: none */
void question_answer(struct live *live,
		     struct question *question); /* whose answer is there; it may be gone then */
int64_t question_left_ms(const struct follower *f, const struct question *question);

/* live_follow.c: reads until it is told to stop (0), or cannot go on. */
int follower_run(struct follower *f);
void follower_publish(struct follower *f, enum live_state state, const struct fault *fault);
const char *live_name(struct live *live,
		      const char *name); /* one that lives as long as `live`; NULL: no memory */

int64_t side_caught_ms(const struct topic *topic,
		       int side); /* when all of it was last seen read to its end; 0 never */

/* live_judge.c: a step of the question; true once it has its answer. */
bool judge_step(struct follower *f, struct question *question);

/* live_level.c: a step of the question; true once it has its answer. */
bool level_step(struct follower *f, struct question *question);
void level_cannot(struct live_answer *answer, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
