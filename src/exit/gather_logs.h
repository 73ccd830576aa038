/*
 * gather_logs.h - where logs begin and end, how large they are, how fast they grow, and what in them is still needed.
 *
 * Clusters are spoken of by name.  What a cluster does not tell is said in `why`, and leaves its numbers at -1.
 */
#ifndef EXIT_GATHER_LOGS_H
#define EXIT_GATHER_LOGS_H

#include "exit/gather_run.h"

struct log {
	const char *topic;
	int32_t partition;
	int topic_index;    /* in the gathering's topics; -1 for a topic of no interest to the family */
	bool of_plan;       /* some family of the plan names it */
	int readers;        /* groups of all families that do */
	int64_t start, end; /* -1: not told */
	int64_t size_bytes; /* of its largest replica; -1: not told */
	int64_t retention_ms, retention_bytes; /* BOUNDARY_NO_END, BOUNDARY_NOT_KNOWN */
	int replicas;
};

struct logs {
	struct log *at;
	int count;
	const char *why; /* the first reason why some offsets are missing; NULL when none is */
	const char *size_why;
	int64_t used_bytes; /* of all topics and replicas of the cluster; -1: not told */
	int64_t disk_bytes; /* of all log directories; -1 before Kafka 3.3 */
};

/* Partitions that are looked at on one side, at most; past them `why` says so. */
#define LOGS_COUNT_MAX 20000

/* The family's own.  Everything in `out` lives in the gathering's arena.  ERR_MEMORY, ERR_CANCELLED. */
int logs_of_family(const struct gather_run *run, enum side side, struct logs *out, struct fault *fault);

/* All topics of the cluster that are not Kafka's own. */
int logs_of_cluster(const struct gather_run *run, enum side side, struct logs *out, struct fault *fault);

/* What a record takes on disk, on average over the logs; -1: not known. */
int64_t logs_record_bytes(const struct logs *logs);

/* Where a log of the target ended at the crossing; 0 when the journal does not say. */
int64_t logs_crossed_at(const struct history *history, const struct log *log);

/*
 * How many records the target's logs have beyond the crossing, BOUNDARY_NOT_KNOWN.  Markers of transactions are counted too,
 * for no offset tells what stands at it.
 */
int64_t logs_grown_since_crossing(const struct gather_run *run, const struct logs *target);

/*
 * Offsets at a moment, one a log: the first record that is not older.  -1: all of it is older; -2: not told.  From the
 * arena, in the order of the logs.
 */
int logs_at(const struct gather_run *run, enum side side, const struct logs *logs, int64_t wall_ms,
	    int64_t **out);

/*
 * What going back needs of the family's logs on both sides, for boundary_judge(): where groups stand on a side, or the end
 * where none does.  Of a record that is needed its time is known as a bound only: it is young enough to be kept for
 * `keep_ms` more, or it is not.
 */
int logs_needed(const struct gather_run *run, const struct logs logs[SIDE_COUNT], int64_t keep_ms,
		struct boundary_log **out, int *count);

/* gather_window.c: what the observation window counts, of these logs of the target.  Nothing before authority is there. */
int gather_window(const struct gather_run *run, const struct logs *target, struct fault *fault);

#endif
