/*
 * live.h - a comparison that never ends, beside whoever must know at any moment how two clusters stand.
 *
 * A follower reads both clusters in a thread of its own, with a loop and two clusters of its own, and keeps everything
 * compared but the tail.  So the question that a crossing asks while its writers are held, "does the target hold every
 * committed record of the source up to these ends, and nothing else?", is answered as soon as the last records have
 * been read: in milliseconds.  Which cluster is the "source" is the caller's choice: the authoritative one.
 *
 *	live_start
 *	  live_glance                        at any time, from any thread, without waiting
 *	  live_level(ends) / live_judge      from one thread at a time; they wait, within a limit
 *	live_stop
 *
 * What is level is proved as at the end of any comparison: each record found its twin, the order that the claim asks
 * for holds, the sums over both logs say the same as the join, each class planted into logs of the follower's own was
 * found before it began, and the leader of each partition of the source still has what was read from it.
 */
#ifndef PARITY_LIVE_H
#define PARITY_LIVE_H

#include "base/err.h"
#include "parity/options.h"

struct cluster_config;
struct live;

struct live_options {
	/*
	 * As for `parity --follow`; `follow`, `onward`, `signals`, `since_ms`, `until_ms` are the follower's own business.
	 * With a checkpoint it begins where that one stands (written by a follower or by a comparison that follows or goes
	 * `onward`, of the same topics and options), and keeps it written.  One follower, one file.
	 */
	const struct parity_options *parity;
	const struct cluster_config *configs[2]; /* by enum log_side */
	const char *names[2];                    /* of the clusters, in faults; NULL: "source" and "target" */
};

/*
 * Starts the thread.  The struct is copied; its texts, arrays and configs must hold until live_stop().  ERR_MEMORY,
 * ERR_LIMIT.  That a cluster cannot be reached is no error here: the follower tries again, and a glance says so.
 */
int live_start(const struct live_options *options, struct live **out, struct fault *fault);

/* Ends it, after a last checkpoint.  NULL is silent.  Nobody may use it any more. */
void live_stop(struct live *live);

/* ---- a glance ---- */

enum live_state {
	LIVE_STARTING, /* looks at both clusters, or tries again to: `fault` says why */
	LIVE_READING,  /* has not been at both ends yet since it began */
	LIVE_FOLLOWING,
	LIVE_FAILED, /* cannot go on: `fault`; only a new one may */
};

/* One partition of one side. */
struct live_place {
	bool known;           /* the side has this partition */
	bool stopped;         /* it cannot be read on; a reason says why */
	int64_t position;     /* everything before was read */
	int64_t high, stable; /* high watermark and last stable offset as last heard; -1 before */
	uint64_t pending;     /* read here, no twin on the other side yet */
	uint64_t
		overdue; /* of these for longer than `settle`, though the other side was read to its end since */
	int64_t silent_ms; /* its leader has not answered for so long; 0 while it does */
};

struct live_partition {
	const char *topic[2]; /* hold until live_stop() */
	int32_t partition;
	struct live_place side[2];
};

/* A record that has had no twin for longer than `settle`: suspected to be a difference, judged by live_judge(). */
struct live_suspect {
	const char *topic; /* the source's name */
	enum log_side side;
	struct record_place place;
};

#define LIVE_SUSPECTS_MAX 32
#define LIVE_REASONS_MAX  16

struct live_reason {
	char code[40], text[300];
};

struct live_glance {
	enum live_state state;
	bool caught_up; /* both sides were read to the ends that the leaders told last, and nothing is pending */
	uint64_t records[2], bytes[2], matched, pending[2], overdue[2];
	uint64_t findings[FINDING_CLASSES]; /* found while reading, as far as the claim judges them */
	double records_per_second[2], bytes_per_second[2]; /* as they were read, over the last seconds */
	double growth_per_second[2]; /* of the logs, in offsets, over the same; 0 as long as it is not known */
	int64_t age_ms;                                    /* of what this glance says */
	struct live_partition *partitions;
	size_t partition_count;
	struct live_suspect suspects[LIVE_SUSPECTS_MAX]; /* the first ones by topic and partition */
	size_t suspect_count;
	struct live_reason reasons
		[LIVE_REASONS_MAX]; /* what stands in the way of knowing: WINDOW_FULL, TRUNCATED, ... */
	size_t reason_count;
	struct fault fault; /* of LIVE_STARTING and LIVE_FAILED */
};

/* Copies what the follower knew last, at most a quarter of a second ago unless it is stuck.  0 or ERR_MEMORY. */
int live_glance(struct live *live, struct live_glance *out);
void live_glance_done(struct live_glance *glance);

/* ---- level? ---- */

struct live_end {
	const char *topic; /* as it is called on that side */
	int32_t partition;
	int32_t leader_epoch; /* under which it was read; -1 when not known */
	int64_t offset;       /* the log's end: one behind the last record, markers included */
};

enum live_verdict { LIVE_LEVEL, LIVE_NOT_LEVEL, LIVE_CANNOT_TELL };

/* One partition that is not level, or not known to be. */
struct live_lag {
	const char *topic; /* the source's name; holds until live_stop() */
	int32_t partition;
	int64_t position[2], end[2]; /* -1: that side has no such partition, or its end was not learnt */
	uint64_t pending[2];
};

/* What level was proved for: one partition of one side, read to `offset`. */
struct live_reach {
	const char *topic; /* as on that side; holds until live_stop() */
	enum log_side side;
	int32_t partition, leader_epoch;
	int64_t offset;
};

#define LIVE_LAGS_MAX     32
#define LIVE_EXAMPLES_MAX 32

struct live_answer {
	enum live_verdict verdict;
	/*
	 * "" when level.  Not level: TARGET_BEHIND (all that is missing is the newest of its partition), TARGET_EXTRA (on
	 * the target, without an origin; live_judge() names it), SOURCE_GREW (records behind the ends that were given),
	 * PARITY_<class>, COUNT_DIFFERS, OFFSETS_SHIFTED, TOPIC_MISSING, CLAIM_IMPOSSIBLE.  Cannot tell: NOT_FOLLOWING,
	 * END_MISSING, ENDS_STALE, OPEN_TRANSACTION, UNREACHABLE, FOLLOWER_BEHIND, COVERAGE_HOLE, INSTRUMENT_FAULT,
	 * WINDOW_FULL, TRUNCATED, TOPIC_RECREATED and whatever else stopped a partition.
	 */
	char code[40], text[400];
	enum claim proved;
	uint64_t matched, pending[2];
	uint64_t findings[FINDING_CLASSES];
	struct finding examples[LIVE_EXAMPLES_MAX];
	const char *example_topics[LIVE_EXAMPLES_MAX]; /* the source's name */
	size_t example_count;
	struct live_lag lags[LIVE_LAGS_MAX];
	size_t lag_count, lags_left_out;
	struct live_reach *reached; /* both sides; only when level */
	size_t reached_count;
	int64_t asked_us, took_us; /* learning the target's ends; all of it */
};

/*
 * Waits until everything of the source up to exactly `ends`, one for each partition that is compared, stands on the
 * target, and nothing else does; until that is refuted; or until the time is over.  The source's writers must be held
 * when the ends are taken.  `target_ends` are those of the target, taken afterwards; with NULL the follower asks for
 * them itself, which costs one round trip.  The target is then held against them: what it has beyond the origin is not
 * level.  Fills `out`, which the caller ends with live_answer_done(), and returns 0; ERR_MEMORY; ERR_CONFLICT when
 * another question is being answered.  At most 100 ms late.
 */
int live_level(struct live *live, const struct live_end *ends, size_t count,
	       const struct live_end *target_ends, size_t target_count, int64_t timeout_ms,
	       struct live_answer *out);
void live_answer_done(struct live_answer *answer);

/* ---- a judgement on the way ---- */

/*
 * Takes both ends as they stand now, waits until everything before them has found its twin, for `settle` at most, and
 * judges what has not, as a comparison judges at its end: also by asking the source a second time.  But the logs go on:
 * what is missing is behind (PARITY_BEHIND, unknown) or lost as join.h says, by the moments of these judgements.  Then it
 * follows on from where it is.  Records younger than the ends are no part of it.  Fills `report`, which the caller ends with
 * parity_report_done() also after an error.  0 when there is a verdict; the time that was given may be what makes it
 * unknown (reason NO_TIME).  ERR_CONFLICT when another question is being answered, ERR_TIMEOUT when the follower does
 * not answer at all, ERR_MEMORY.  Claims `latest` and `counts` are judged only while nothing differs; else unknown.
 */
int live_judge(struct live *live, int64_t timeout_ms, struct parity_report *report, struct fault *fault);

const char *live_verdict_word(enum live_verdict verdict); /* "level", "not level", "cannot tell" */
const char *live_state_word(enum live_state state);

#endif
