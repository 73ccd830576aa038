/* gather_run.h - the collectors that go out and ask: for records, for ends, and the operator's own answers. */
#ifndef EXIT_GATHER_RUN_H
#define EXIT_GATHER_RUN_H

#include "exit/ask.h"
#include "exit/boundary.h"
#include "exit/gather.h"
#include "exit/history.h"
#include "loop/loop.h"

struct gather_run {
	struct gathering *g;
	struct loop *loop;
	struct cluster *source, *target; /* by role, as the facts of `g` */
	const struct cluster_config
		*configs[SIDE_COUNT];      /* for what goes with a cluster: its schema registry */
	uint64_t memory, rate;             /* bytes, bytes a second; 0: defaults */
	const char *checkpoint;            /* of the comparison: a path, or NULL */
	struct cluster *world[SIDE_COUNT]; /* by name */
	struct asking *asking; /* for probes and levers; NULL: nobody can be asked, which is unknown */
	const struct history *history; /* NULL: there is no journal */
	bool fire;                     /* alerts are made to fire */
	bool fenced;                   /* a crossing is under way, and writers are held by it */
	int64_t timeout_ms;
	void (*progress)(void *context, const char *what, double part); /* may be NULL */
	void *context;
};

/* Adds evidence to the log.  0, also when a measurement failed, for then the evidence says so; ERR_CANCELLED, ERR_MEMORY. */
int gather_parity(const struct gather_run *run, struct fault *fault);
/* Instead of parity, where the target's log goes on alone: whether it still reaches as far as it did at the crossing. */
int gather_kept(const struct gather_run *run, struct fault *fault);
/* `places` false: only who reads, for there is no other side to go on at. */
int gather_progress(const struct gather_run *run, bool places, struct fault *fault);
int gather_samples(const struct gather_run *run,
		   struct fault *fault); /* fills g->seen: before gather_compatibility() */
int gather_schemas(const struct gather_run *run, struct fault *fault);

/* The operator's probes; nothing when the family has none.  `reference`: the side that the other is held against. */
int gather_counters(const struct gather_run *run, enum side reference, struct fault *fault);
int gather_outside(const struct gather_run *run, struct fault *fault);
/* After parity, while authority is on the target.  `out` may be NULL. */
int gather_rollback(const struct gather_run *run, struct boundary *out, struct fault *fault);
int gather_capacity(const struct gather_run *run, struct fault *fault);
int gather_operations(const struct gather_run *run, struct fault *fault);
/* What only the journal tells; the three above call it.  Asks nobody. */
int gather_journal(const struct gather_run *run, enum gate gate, struct fault *fault);

#endif
