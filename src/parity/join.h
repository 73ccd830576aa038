/*
 * join.h - two logs of one topic run against each other, record by record, in bounded memory.
 *
 * The owner pushes slabs of both sides in order of offset and says when a partition has ended; the join eats them as far
 * as it can decide, and in the end names every difference.  It has no clock, no socket and no file: the same two
 * logs give the same answer however they were cut into batches and slabs, and in whatever order these came.
 *
 *	join_new
 *	  join_push, join_end ... join_advance     until every partition of both sides has ended
 *	join_finish                                leftovers of both sides are paired
 *	  join_asks? -> join_answer ... (slabs of the source once more, aborted rows too)
 *	join_report                                counts, findings, examples
 *	join_free
 *
 * With equal partition counts partition p is held against partition p, in a *lane*: where both heads are equal
 * they are passed in runs and nothing is kept.  Where they differ a record waits in a table for its twin.  With unequal
 * counts the whole topic is one lane in which everything waits for its twin.
 */
#ifndef PARITY_JOIN_H
#define PARITY_JOIN_H

#include "base/buffer.h"
#include "base/cursor.h"
#include "base/err.h"
#include "parity/decode.h"
#include "parity/report.h"

struct join;

struct join_options {
	enum claim claim;
	int32_t partitions[2];
	bool ignore_timestamp;
	bool identities;	/* slabs carry hashes of a declared identity */
	uint64_t seed;		/* that of the decoder */
	uint32_t shard, shards;	/* which part of the keys this pass sees; 0 of 1 for all */
	size_t memory;		/* bytes that the join may hold besides queued slabs */
	int examples;		/* kept a class */
};

/* NULL when memory is out. */
struct join *join_new(const struct join_options *options);
void join_free(struct join *join);

/* Queues a slab, which the join now owns. */
void join_push(struct join *join, struct slab *slab);

/* Where reading begins, before the first slab.  `hole`: history before it is missing or cannot be known. */
int join_begin(struct join *join, enum log_side side, int32_t partition, int64_t offset, bool hole);

/* No more slabs will come for this partition. */
void join_end(struct join *join, enum log_side side, int32_t partition);

/* All that the partition holds was pushed; more may come, but while `dry` what the other side has is not held back for it. */
void join_dry(struct join *join, enum log_side side, int32_t partition, bool dry);

/*
 * Eats what can be eaten: 0, ERR_LIMIT when more would have to wait than memory allows (start again with more shards),
 * or ERR_MEMORY.  Does bounded work when `rows_most` is not 0; join_busy() then says whether there is more to do now.
 */
int join_advance(struct join *join, uint64_t rows_most);
bool join_busy(const struct join *join);

/* Bytes of slabs that wait for this partition, and whether the join could go on if more came. */
size_t join_queued(const struct join *join, enum log_side side, int32_t partition);
bool join_starved(const struct join *join, enum log_side side, int32_t partition);

/* The offset from which this partition has not been eaten yet. */
int64_t join_offset(const struct join *join, enum log_side side, int32_t partition);

size_t join_memory(const struct join *join);

struct join_glance {
	uint64_t records[2], bytes[2], matched, pending[2];
};
void join_look(const struct join *join, struct join_glance *out);

/* Records of one partition that wait for a twin, both sides together. */
uint64_t join_pending(const struct join *join, int32_t partition);

/* Rows that were pushed and not eaten yet. */
uint64_t join_ahead(const struct join *join, enum log_side side, int32_t partition);

/*
 * How a join stands that goes on: what it could say if nothing more came.  Where something is pending, no class has been
 * found yet for it; where nothing is, the findings are all there are, and `proved` is the level that holds for what was
 * eaten.  Looks at the homes of all keys when partition counts differ.
 */
struct join_standing {
	uint64_t ahead[2]; /* rows not eaten */
	uint64_t pending
		[2]; /* records that wait for a twin (claim `latest`: [SOURCE] counts keys that differ) */
	uint64_t gaps[2]; /* holes and unreadable batches: what they hide is not known */
	uint64_t records[2];
	uint64_t findings[FINDING_CLASSES]; /* those that the claim judges */
	bool offsets_shifted;               /* only where the claim is `offsets` */
	bool sums_agree;                    /* the two witnesses; only where nothing is ahead */
	enum claim proved;
};
void join_stand(const struct join *join, struct join_standing *out);

/* Records pushed so far; the rank of one is the number of those pushed before it. */
int64_t join_pushed(const struct join *join, enum log_side side, int32_t partition);

/*
 * Records of one partition, of those pushed before `rank`, that have no twin yet: how many, and the first `most` of them
 * in order.
 */
uint64_t join_waiting(const struct join *join, enum log_side side, int32_t partition, int64_t rank,
		      struct record_place *out, size_t most);

/* True when all of the partition that waits is its newest: nothing behind it has a twin. */
bool join_tail_only(const struct join *join, enum log_side side, int32_t partition);

/*
 * Another join that has eaten the same, to be finished while this one goes on.  0, ERR_UNSUPPORTED (claim `latest`),
 * ERR_LIMIT (its state is larger than `size_max` bytes), ERR_MEMORY.
 */
int join_clone(const struct join *join, size_t size_max, struct join **out);

/*
 * Leaves out of a copy what waits from `offset` on, on either side: too young to be missed, and counted as no part of the
 * comparison.  0 or ERR_MEMORY.
 */
int join_leave_out(struct join *join, enum log_side side, int32_t partition, int64_t offset);

/* True when a record below `offset` waits for its twin, or has not been eaten. */
bool join_waits_below(const struct join *join, enum log_side side, int32_t partition, int64_t offset);

/* Examples of findings so far, by class; at most `most`.  Returns how many. */
size_t join_examples(const struct join *join, struct finding *out, size_t most);

/*
 * The logs go on behind the end of this comparison, so a record that is missing may yet come.  It is *behind*, no finding but
 * a reason of not knowing, while
 *
 *	nothing later of its partition had arrived when the target began to be waited for, or
 *	only records of other keys had (where the claim does not order them), and not for `late_ms` yet.
 *
 * Else it is lost: what its own key has overtaken would break the order of the key even if it came, and what anybody has
 * overtaken for so long is not coming.  join_arrived() says when waiting began, by the ends of the target (one for each
 * partition): what is eaten by then, and what stands below them, had arrived.
 */
void join_goes_on(struct join *join);
void join_arrived(struct join *join, const int64_t *target_ends);

/*
 * A join has no clock, so whoever looks says: what is overtaken now was so at `since_ms` already, and now it is `now_ms`, on
 * the wall.  The moments are kept with the join, saved or not.
 */
void join_overtaken_since(struct join *join, int64_t since_ms, int64_t now_ms, int64_t late_ms);

/* True when something is behind only because it has not been overtaken for long enough. */
bool join_overtaken_lately(const struct join *join);

/*
 * The comparison ends here, though more may have been read while it waited for the target: a record of the target from
 * `offset` on that has no twin is nobody's fault.
 */
void join_limit(struct join *join, int32_t target_partition, int64_t offset);

/* Everything has been eaten: pairs what is left over.  0, ERR_MEMORY. */
int join_finish(struct join *join);

/* Contents of the target that only a second look at the source can name, and no look has yet.  0: no need to ask. */
uint64_t join_asks(const struct join *join);

/*
 * Looks through a slab of the source, read again with aborted rows, also beyond where the comparison ended: a record of
 * the target whose origin stands there is ahead of the comparison, and no fault.  The slab stays the caller's.
 */
void join_answer(struct join *join, const struct slab *slab);

/* The source cannot be asked: what only the target has stays unnamed. */
void join_unanswered(struct join *join);

/*
 * The answer: adds to `topic`.  May be called once for each shard with the same `topic`.  What it adds outside the topic
 * (normalisers, reasons that are no finding) goes to `report`.
 */
int join_report(struct join *join, struct parity_report *report, struct topic_report *topic);

/* Counts and ranges of what was eaten so far; no findings, nothing proved. */
int join_report_partly(struct join *join, struct parity_report *report, struct topic_report *topic);

/*
 * Puts all that was eaten, and nothing that is queued, behind `out`; and takes it up again into a new join of the same
 * options.  ERR_MALFORMED when the bytes are not such a state.
 */
int join_save(const struct join *join, struct buffer *out);
int join_load(struct join *join, struct cursor *in);

#endif
