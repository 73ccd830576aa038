/*
 * join_state.h - what a join holds between slabs.  For the files of the join only.
 *
 * Ranks, not offsets, are the coordinates of the join: the n-th record of a partition that was eaten has rank n (gaps
 * in offsets are legitimate, and differ between clusters).  A rank that stands for no record is negative.
 */
#ifndef PARITY_JOIN_STATE_H
#define PARITY_JOIN_STATE_H

#include "parity/join.h"
#include "parity/latest.h"

/* What `twin`, `before` and `after` say when it is no rank. */
enum { TWIN_START = -1, TWIN_WAITING = -2, TWIN_ELSEWHERE = -3 };

/* A transaction of the source in one partition. */
struct txn {
	int64_t producer_id, first_offset, first_timestamp;
	int32_t partition;
	int16_t producer_epoch;
	bool closed;
	uint32_t number; /* while it is saved */
	bool reported;	 /* as torn */
	bool linked;	 /* KIP-890: producer id and epoch name one transaction over all partitions */
	uint32_t refs;	 /* entries, and one while it is open or current */
	uint64_t records, missing;
	struct txn *next; /* in the stream's list of open ones; later in a list of torn ones */
};

/* A record that waits for its twin; later a leftover.  Also a gap: what cannot be read (gap_count) and may hide records. */
struct entry {
	struct entry *group_prev, *group_next; /* waiting records of the same content, oldest first */
	struct entry *lane_prev, *lane_next;   /* waiting records of the same stream, by rank */
	struct entry *unit_prev, *unit_next;   /* waiting records of the same key and side */
	struct unit *unit;
	struct txn *txn;
	struct digest digest;
	uint64_t identity;
	struct details details;
	int64_t timestamp, offset, rank;
	int64_t before, after; /* ranks of the twins of its neighbours */
	int32_t partition;
	uint32_t gap; /* ROW_UNREADABLE or ROW_HOLE with a count; 0 for a record */
	enum log_side side;
	bool named;  /* as a leftover: its finding is known, or it needs none */
	bool behind; /* as a leftover of logs that go on: it may still come */
};

/* Matched pairs that stand in the same order on both sides, with nothing waiting between them. */
struct run {
	int32_t partition[2];
	int64_t first[2], last[2]; /* ranks */
	int64_t offset[2], timestamp[2]; /* of the first pair */
	uint64_t weight;
};

/*
 * One key of one lane (or, where order within a partition is claimed, the lane itself) while records of it wait.  When
 * none waits any more, everything before on one side is matched to everything before on the other: the unit is judged
 * by its runs alone, and forgotten.
 */
struct unit {
	uint64_t name; /* hash of key and lane */
	uint64_t key;
	bool whole_lane;
	uint64_t waiting;
	struct entry *newest[2];
	int64_t high[2]; /* one past the greatest matched rank */
	int64_t passed;  /* as that of the stream, of the key alone, in the partition below; see join_late.c */
	int32_t passed_partition;
	struct run *runs;
	uint32_t run_count, run_capacity;
};

/* Moments, oldest first, and what had been overtaken by then. */
#define LATE_MARKS 12
struct late {
	struct {
		int64_t wall_ms, rank; /* of the source: everything missing below had been overtaken */
	} at[LATE_MARKS];
	int count;
	int64_t lost; /* overtaken for so long that it will not come */
	int64_t first_lost_ms; /* on the wall: when the first that is overtaken, and not for so long, will be; 0: none is */
};

struct stream {
	struct slab *head, *tail;
	size_t queued;	       /* bytes of slabs */
	uint32_t row, run, marker; /* where we are in the head */
	bool begun, ended;
	bool dry; /* has no more for now: the other side need not wait for it */
	int64_t from, until;   /* offsets eaten, half-open */
	int64_t limit;	       /* of the target: see join_limit() */
	int64_t arrived;       /* of the target: what stands below had arrived; see join_arrived() */
	int64_t passed;        /* of the source: one past the greatest rank whose twin had arrived */
	struct late late;      /* of the source */
	uint64_t beyond_records, beyond_bytes; /* read behind the limit, and no part of the comparison */
	int64_t rank;	       /* of the next record */
	int64_t twin;	       /* rank of the twin of the record before that */
	int64_t high;	       /* one past the greatest matched rank */
	uint64_t waiting;
	struct entry *oldest, *newest;
	struct slab_totals totals; /* of slabs eaten whole */
	struct txn *open, *current;
	int32_t partition;
	enum log_side side;
};

struct lane {
	struct unit *unit;	/* where partition order is claimed */
	bool disordered;	/* some pair crosses another, or has its twin in another partition */
	enum log_side turn;
	uint64_t streak, patience; /* records of this side without a hit, and how many before the other is tried */
	uint64_t forced;	   /* records of the side that patience turned to */
	bool hit;		   /* the last record taken found its twin */
	uint64_t key_moves;
	uint64_t crossings[64]; /* matched pairs by how far they were out of order: log2 of ranks */
	uint64_t pairs;
};

/* Waiting records of the same content: all of one side unless they are bound to different lanes. */
struct group {
	uint64_t name;
	struct entry *first, *last;
};

struct group_table {
	struct group *slots;
	size_t count, capacity;
};

struct unit_table {
	struct unit **slots;
	size_t count, capacity;
};

/* Unequal partition counts: where a key's matched records stand on the target. */
struct home {
	struct home *next; /* other partitions of the same key */
	uint64_t key, count;
	struct record_place place[2]; /* of the first */
};

/* A move found in a closed unit, kept until homes are known. */
struct moved {
	uint64_t key, weight;
	struct finding finding;
};

struct home_table {
	struct home *slots;
	size_t count, capacity;
};

struct example_list {
	struct finding *at;
	size_t count;
};

/* Direct-mapped: the newest closed transactions that are linked across partitions. */
/* What a second reading of the source says of one content that only the target has (any more). */
struct ask {
	struct entry *first; /* leftovers of this content, by group_next; NULL: an empty slot */
	struct record_place committed, aborted;
	bool ahead; /* committed on the source behind the end of the comparison */
};

struct linked_txn {
	int64_t producer_id;
	int16_t producer_epoch;
	uint64_t records, missing;
	bool reported;
};

struct join {
	struct join_options options;
	struct latest *latest; /* claim `latest`: slabs go there and nowhere else */
	bool paired;	   /* equal partition counts: a lane for each partition */
	bool times_matter; /* timestamps are compared */
	bool offsets_equal;
	bool finished, busy;
	struct stream *streams[2];
	struct lane *lanes; /* by partition when paired; else one */
	struct group_table groups;
	struct unit_table units;
	struct home_table homes;
	struct moved *moved;
	size_t moved_count, moved_capacity;
	struct linked_txn *linked;
	size_t memory;
	uint64_t matched, crossed; /* crossed: pairs in different partitions although paired */
	uint64_t strayed; /* misrouted records without a key: at home anywhere below `partition-order` */
	uint64_t gaps[2]; /* entries that are no records */
	uint64_t excused; /* leftovers put down to what cannot be read */
	uint64_t behind;  /* leftovers of the source that may yet come: only where the logs go on */
	uint64_t overtaken; /* of these: not the newest, but overtaken by other keys alone */
	bool goes_on;     /* see join_goes_on() */
	struct digest named_sum[2]; /* digests of pairs that are not equal */
	uint64_t findings[FINDING_CLASSES];
	struct example_list examples[FINDING_CLASSES];
	struct ask *asks; /* open addressing */
	size_t ask_count, ask_capacity, asks_open;
	bool instrument_fault, unanswered;
	bool source_done; /* everything of the source has been eaten: what has no twin by now gets none */
};

static inline struct stream *join_stream(const struct join *join, enum log_side side, int32_t partition)
{
	return &join->streams[side][partition];
}

static inline struct lane *join_lane(const struct join *join, int32_t partition)
{
	return &join->lanes[join->paired ? partition : 0];
}

static inline uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0x9fb21c651e98df25u;
	x ^= x >> 29;
	x *= 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

static inline struct record_place place_of(const struct entry *entry)
{
	return (struct record_place){ true, !entry->details.key_null, entry->partition, entry->offset,
				      entry->timestamp, entry->details.key };
}

/* join_table.c */
struct group *group_find(const struct join *join, uint64_t name, struct digest digest, uint64_t identity);
int group_add(struct join *join, uint64_t name, struct entry *entry);
void group_remove(struct join *join, uint64_t name, struct entry *entry);
int groups_rename(struct join *join); /* after times_matter changed */
void groups_done(struct join *join);
uint64_t group_name(const struct join *join, struct digest digest, int64_t timestamp, uint64_t identity, bool keyed,
		    int32_t partition);
static inline uint64_t entry_group(const struct join *join, const struct entry *entry)
{
	return group_name(join, entry->digest, entry->timestamp, entry->identity, !entry->details.key_null,
			  entry->partition);
}
struct unit *unit_find(const struct join *join, uint64_t name);
int unit_add(struct join *join, struct unit *unit);
void unit_remove(struct join *join, struct unit *unit);
void units_done(struct join *join);
int home_count(struct join *join, uint64_t key, const struct record_place place[2]);
const struct home *home_find(const struct join *join, uint64_t key);
void home_raise(struct join *join, uint64_t key, int32_t partition, uint64_t count);
int32_t home_partition(const struct home *home);
void homes_done(struct join *join);

/* join_order.c */
uint64_t unit_name(const struct join *join, uint64_t key, int32_t partition);
int unit_pair(struct join *join, struct unit *unit, const struct run *pair, const struct entry *waited);
int unit_close(struct join *join, struct unit *unit);

/* join_late.c */
void late_pair(struct stream *source, int64_t rank, const struct stream *target, int64_t offset, struct unit *unit);
void late_copy(const struct join *join, struct join *copy); /* what a saved state does not hold */
void late_judge(struct join *join); /* what is left over and may still come, before units are closed */

/* join.c, join_eat.c */
int entry_link(struct join *join, struct stream *stream, struct entry *entry); /* waits from now on */
int entry_drop(struct join *join, struct entry *entry); /* matched: out of every list, and freed */
void add_example(struct join *join, const struct finding *finding);

/* join_report.c */
bool join_judges(const struct join *join, enum finding_class class); /* under the claim that was asked for */
enum claim join_proves(const struct join *join, const uint64_t *found, uint64_t source, uint64_t target,
		       bool target_readable);

/* join_txn.c */
void txn_unref(struct join *join, struct txn *txn);
struct linked_txn *linked_find(const struct join *join, const struct txn *txn);

/* Counts `rows` records of a transactional batch, and makes its transaction the current one. */
int txn_count(struct join *join, struct stream *stream, const struct slab_run *run, uint32_t rows,
	      int64_t offset, int64_t timestamp);
int txn_close(struct join *join, struct stream *stream, const struct slab_marker *marker);

/* leftover.c */
struct leftovers {
	struct entry **at[2]; /* by partition and rank */
	size_t count[2];
};
int leftovers_pair(struct join *join, struct leftovers *left);

/* What the pair is when it is not equal: FINDING_ALTERED or FINDING_META. */
enum finding_class name_pair(const struct details *source, const struct details *target);

#endif
