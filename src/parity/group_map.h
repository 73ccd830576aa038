/*
 * group_map.h - where consumer groups of the source go on at the target: exactly, with the proof.
 *
 * A group stands at an offset of the source.  Everything at and behind that offset it has still to read: its *tail*.  On
 * the target it must go on at the lowest offset that holds a record of its tail, for then it skips nothing; what lies
 * behind that offset and is not of its tail it reads again.  Records are matched by content (or declared identity) as
 * the comparer matches them, the n-th equal record of one log with the n-th of the other, so it does not matter who
 * filled the target, whether offsets are shifted, or what transactions left gaps in either log.
 *
 * Nothing is written but by group_map_apply().
 */
#ifndef PARITY_GROUP_MAP_H
#define PARITY_GROUP_MAP_H

#include "base/arena.h"
#include "base/err.h"
#include "loop/loop.h"
#include "parity/options.h"

struct cluster;

struct group_map_options {
	const char *const *groups; /* names or globs over the source's groups; at least one */
	size_t group_count;
	const struct topic_choice
		*topics; /* as for a comparison; none: every topic in which a group has a position */
	size_t topic_count;
	enum identity_kind identity;
	const char *identity_header;
	const char *const *ignore_headers;
	size_t ignore_header_count;
	bool ignore_timestamp;
	int64_t settle_ms;     /* how long the target may take to show the tail */
	uint64_t memory, rate; /* bytes, bytes a second; 0: the defaults of a comparison */
	int64_t deadline_ms;   /* for each request, and how long a cluster may be away; 0: 30 s */

	void (*progress)(void *context, const char *what,
			 double part); /* may be NULL; part is 0 to 1, or negative */
	void *context;
};

/* What makes a position certain. */
enum place_proof {
	PROOF_NONE, /* it is not: `why` says so, and it is never applied */
	PROOF_NEXT, /* the next record of both sides has the same digest */
	PROOF_COVERS, /* every record of the tail that is there stands at it or behind, though not the next one first */
	PROOF_END,   /* both sides have nothing left to read, and the last record before is the same */
	PROOF_EMPTY, /* neither side holds a record */
};

enum place_applied {
	APPLIED_NOT_ASKED,
	APPLIED_DONE,    /* committed, and read back equal */
	APPLIED_ALREADY, /* stood there before */
	APPLIED_REFUSED, /* active members, or no proof: nothing was written */
	APPLIED_FAILED,  /* `why` says what the broker answered */
};

/* One group in one partition.  With unequal partition counts there is a row for each partition of the target. */
struct group_place {
	const char *group, *topic[2]; /* names by enum log_side */
	int32_t partition;
	int64_t source;  /* committed there; -1 with unequal partition counts */
	int64_t target;  /* where to go on; -1 without proof */
	int64_t current; /* committed on the target already; -1 when nothing is */
	enum place_proof proof;
	char digest[33];  /* of the record that the proof rests on, in hex; "" when there is none */
	uint64_t tail;    /* records that the group has still to read on the source */
	uint64_t skipped; /* records of the tail that it would never read on the target: must be none */
	uint64_t reread;  /* records that it has read already and would read again */
	uint64_t awaited; /* of the tail's end, not on the target yet */
	/* What a consumer without a position would do there, by auto.offset.reset. */
	int64_t earliest, latest; /* where it would begin */
	uint64_t earliest_reread; /* offsets from the log's start to `target`: an upper bound of records */
	uint64_t latest_skipped;  /* records from `target` to the log's end */
	enum place_applied applied;
	const char *code,
		*why; /* NULL when all is well: POSITION_SKIPS, POSITION_UNPROVED, GROUP_ACTIVE, ... */
	bool shut;    /* `code` proves that it cannot go on; otherwise it is not known */
};

struct group_map {
	struct arena arena;         /* behind every text */
	struct group_place *places; /* in order of group, topic, partition */
	size_t place_count;
	enum parity_verdict verdict; /* open: every position is proved and skips nothing */
	struct parity_speed speed;
	int64_t started_ms, ended_ms;
};

/*
 * Computes and fills `map`, which the caller ends with group_map_done() also after an error.  0 when there is an
 * answer, whatever it is; ERR_USAGE when no group or topic matches; ERR_NETWORK and its kind when a cluster was never
 * reached; ERR_MEMORY.
 */
int group_map_compute(struct loop *loop, struct cluster *source, struct cluster *target,
		      const struct group_map_options *options, struct group_map *map, struct fault *fault);

/*
 * Commits the proved positions of groups that have no active member on the target, and reads them back.  Fills in
 * `applied`, and `code` and `why` where it refused; the verdict stays that of the proof, and is shut when anything was
 * refused or failed.  An error only when the target could not be asked at all.
 */
int group_map_apply(struct loop *loop, struct cluster *target, struct group_map *map, int64_t deadline_ms,
		    struct fault *fault);

void group_map_done(struct group_map *map);

/* "next", "end", "empty"; NULL for none.  "done", "already", "refused", "failed"; NULL when not asked. */
const char *place_proof_word(enum place_proof proof);
const char *place_applied_word(enum place_applied applied);

#endif
