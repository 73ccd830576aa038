/*
 * survey.h - two clusters held open, and one family looked at again and again.
 *
 * A survey belongs to a plan and a loop.  It discovers what the clusters are when that is needed, numbers the changes
 * that it sees (the context epoch), gathers what the six gates of a family rest on, and judges.  `check` does so once;
 * a controller does so as long as it runs, and hands in what only its journal knows.  Everything here waits, and must not
 * be called from a callback.
 */
#ifndef EXIT_SURVEY_H
#define EXIT_SURVEY_H

#include "exit/gather_run.h"
#include "exit/history.h"
#include "exit/judge.h"

struct survey;

struct survey_options {
	const char *plan_file;     /* for faults; NULL: exit.yaml */
	int64_t timeout_ms;        /* for each request to a cluster; 0: 30 s */
	uint64_t memory_bytes;     /* for comparing; 0: the plan's, else the comparer's own default */
	uint64_t rate_bytes_per_s; /* reading, both clusters together; 0: the plan's, else no limit */
	struct epoch context;      /* where the journal left it; zero: never seen */
	/* Told now and then what is under way; `part` is 0 to 1, negative when not known.  May be NULL. */
	void (*progress)(void *context, const char *family, const char *what, double part);
	void *progress_context;
};

/*
 * Opens both clusters; the plan outlives the survey.  Nothing is asked yet.  ERR_CONFIG: a property file is wrong;
 * ERR_MEMORY and what cluster_new() says.
 */
int survey_open(struct loop *loop, const struct plan *plan, const struct survey_options *options,
		struct survey **out, struct fault *fault);
void survey_close(struct survey *survey); /* NULL is silent */

/* Levers and followers may share them.  They live as long as the survey. */
struct cluster *survey_cluster(struct survey *survey, enum side side);
const struct cluster_config *survey_config(const struct survey *survey, enum side side);

/*
 * Looks at both clusters now, whether the facts are old or not.  The context's number grows when they have changed.
 * ERR_NETWORK, ERR_TIMEOUT, ERR_TLS, ERR_LOGIN: a cluster was not reached, and the facts are as they were; ERR_MEMORY,
 * ERR_CANCELLED.
 */
int survey_discover(struct survey *survey, struct fault *fault);

/* Of the last look; NULL before the first.  Until the next look. */
const struct facts *survey_facts(const struct survey *survey);
struct epoch survey_context(const struct survey *survey);

struct moment survey_moment(const struct survey *survey);

struct survey_request {
	unsigned gates; /* to gather for, bits 1u << enum gate; 0: all six.  The verdict is over these */
	enum side
		reference; /* SIDE_TARGET while authority is there: the source is then held against the target */
	uint64_t plan_number, authority; /* epochs; 0: the first */
	struct view stage;               /* "OBSERVING"; VIEW_NULL: that */
	const struct waiver *waivers;
	int waiver_count;
	const struct evidence *const
		*kept; /* of earlier surveys, that still counts: see judge_sticks().  Oldest first */
	int kept_count;
	const struct history *history; /* NULL: there is no journal */
	const char *checkpoint; /* of the comparison, so that it goes on where it was: a path, or NULL */
	bool fire;              /* make each alert fire that has a way to: people will be called */
};

/* What one look at a family came to.  Everything lives in its arena, but for `kept`, the plan and the waivers. */
struct surveyed {
	struct arena arena;
	struct gathering g;
	struct evidence_log log; /* of all items, sealed; judged gate by gate in this order */
	struct rules rules;
	unsigned gates; /* asked for */
	struct gate_result results[GATE_COUNT];
	struct judging
		judging[GATE_COUNT]; /* what each was judged by: subjects, waivers, and the moment in `now` */
	enum verdict verdict;
	struct boundary
		boundary; /* all zero, which means nothing, unless gate rollback was gathered for; `first` is NULL */
};

/*
 * Gathers and judges, gate by gate, each as soon as its evidence is there: a comparison may take an hour, and what
 * another gate rests on would be stale by then.  Facts are discovered anew when they are older than half of what the
 * family's class lets them be.  0 whatever the verdict; a measurement that fails is evidence of that.  ERR_CANCELLED,
 * ERR_MEMORY, or a cluster that was not reached by a discovery.
 */
int survey_family(struct survey *survey, const struct plan_family *family,
		  const struct survey_request *request, struct surveyed **out, struct fault *fault);

/*
 * Judges all gates once more on what is there, under one moment: now, with the ends of the logs as they are now.  What is
 * open then was open and fresh together.  `out` lives in the surveyed's arena; `judging`, for basis_of(), too.
 */
int survey_judge(struct survey *survey, struct surveyed *surveyed, const struct survey_request *request,
		 struct judging *judging, struct judgement *out, struct fault *fault);

void surveyed_free(struct surveyed *surveyed); /* NULL is silent */

#endif
