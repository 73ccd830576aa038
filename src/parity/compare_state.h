/*
 * compare_state.h - what a comparison of two clusters holds.  For the files of compare only.
 *
 *	topic:  READING --> SETTLING --> ASKING --> DONE	once for each pass over the keys that memory asks for
 *	part:   one partition of one side: fetch --> jobs (decoded on other threads, one at a time) --> join
 */
#ifndef PARITY_COMPARE_STATE_H
#define PARITY_COMPARE_STATE_H

#include "client/fetcher.h"
#include "client/offsets.h"
#include "parity/compare.h"
#include "parity/join.h"

#define DECODERS_KEPT 8

enum topic_stage { TOPIC_READING, TOPIC_SETTLING, TOPIC_ASKING, TOPIC_DONE };

/* A piece of a fetch answer on its way through a worker thread. */
struct job {
	struct job *next;
	struct part *part;
	uint32_t generation;	/* of the part when it was made: a later one drops it */
	struct fetch_frame *frame;
	struct decode_input input;
	int64_t next_offset;	/* behind the piece */
	struct decoder *decoder;
	struct decode_options options;
	struct slab *slabs, **slabs_end;
	size_t size;		/* bytes that it holds back from the part's credit */
	bool begun, more;
	int err;
};

/* Live: how many records of a partition had been pushed at moments of the past, oldest first. */
#define MARKS 4
struct part_marks {
	struct {
		int64_t ms, pushed;
	} at[MARKS];
	int count;
	int64_t caught_ms; /* when it was last seen read to its end; 0 never */
};

struct part {
	struct compare *compare;
	struct topic *topic;
	enum log_side side;
	int32_t partition;
	struct fetch_part *fetch;
	int64_t start;        /* where reading begins */
	int64_t first_end;    /* the end as it stood when the comparison began (or was stopped) */
	int64_t end;          /* read no further; INT64_MAX while there is none */
	int64_t position;     /* everything before has reached the join */
	int32_t epoch;        /* of the position */
	int64_t stable, high; /* last stable offset and high watermark, as last heard; -1 before */
	int64_t data_end;     /* behind the last record that was read; `resumed` or 0 before there was one */
	int64_t resumed;      /* where a checkpoint let it go on, or its start */
	bool confirm;         /* nothing to read, but its leader must say that the log is still the one */
	struct job *jobs, **jobs_end;
	size_t raw;		/* bytes in jobs */
	uint32_t generation;
	int64_t unreachable_since_ms;
	int64_t limit;		/* of the target: the first end of the first pass, or of a judgement */
	bool decoding;
	bool ended;   /* the join was told */
	bool stopped; /* cannot be read on; the reason is in the report */
	bool hole;    /* begins elsewhere than the other side */
	struct part_marks marks;
};

struct topic {
	struct compare *compare;
	char *name[2];
	struct uuid id[2];
	int32_t partitions[2];	/* -1: missing on this side */
	struct part *parts[2];
	struct join *join;
	enum topic_stage stage;
	uint32_t shard, shards;
	bool dirty, limit;	/* limit: the join ran out of memory */
	bool counts_only;
	int64_t settle_until_ms;
	uint64_t counted;     /* records of the target when its first end was reached; for counts */
	bool grew;            /* the source went on behind its end */
	size_t report;        /* index of its entry */
	struct buffer saved;  /* state of a join to begin with; while asking: as it was before */
	struct buffer onward; /* options.onward: state at its end, for the next run */
};

struct compare {
	struct loop *loop;
	struct cluster *clusters[2];
	const struct parity_options *options;
	struct parity_report *report;
	struct fault *fault;
	struct fetcher *fetchers[2];
	struct allowance *allowance;
	struct topic *topics;
	size_t topic_count;
	struct timer *pump, *tick;
	struct signals *signals;
	struct decoder *decoders[DECODERS_KEPT];
	int decoder_count, jobs_running;
	bool decoder_wanted;
	uint64_t seed;
	size_t part_quota, join_memory;
	bool wake;		/* ends the loop_until() of the top level */
	int stop_signals;	/* how many have come */
	bool driving;		/* past the first look; from then on signals are acted on between events */
	int err;		/* a failure that ends everything */
	int64_t started_ms;	/* monotonic */
	int64_t looked_ms;	/* on the wall: what the ends say stood there by then */
	uint64_t bytes_read;
	parity_progress_fn *progress;
	void *progress_context;
	char *cluster_id[2];
	int64_t checkpoint_ms; /* when it was last written */
	bool live;     /* goes on for ever: nothing ends by itself, and live.c says what happens when */
	bool pressing; /* live: somebody waits for an answer, so whoever is at its end holds nobody up */
};

static inline bool part_idle(const struct part *part)
{
	return !part->decoding && !part->jobs;
}

/* A checkpoint of it is read on from, with ends as they are then, and never says that a topic is done. */
static inline bool compare_goes_on(const struct compare *compare)
{
	return compare->options->follow || compare->options->onward;
}

/* compare.c */
int compare_open(struct compare *compare); /* controls, topics, checkpoint; then it reads */
void compare_close(struct compare *compare);

/* The leader has not said yet whether the log is still the one that was read. */
static inline bool part_confirming(const struct part *part)
{
	return part->confirm && part->high < 0 && !part->stopped;
}

/* compare_topics.c: which topics, how many partitions, where they begin and end. */
int topics_look(struct compare *compare);
int topics_ends(struct compare *compare);	/* ends as they stand now, for a comparison that followed */
int topic_source_ends(struct compare *compare, struct topic *topic, int64_t *ends);
void topics_free(struct compare *compare);

/* compare_read.c: parts, jobs, credit. */
int readers_start(struct compare *compare);
void readers_stop(struct compare *compare);
int topic_begin(struct topic *topic);		/* a new join, from the start */
int topic_arrived(struct topic *topic);		/* what the target holds below its limits is there now */
void topic_advance(struct topic *topic);	/* what the join can do now, and new credit */
int topic_ask(struct topic *topic);		/* reads the source once more */
void topic_settle(struct topic *topic);
void topic_stop_following(struct topic *topic);
void topic_window_full(struct topic *topic); /* more waits than memory holds, and it cannot be read again */
void part_cut(struct part *part);            /* what the other side has from here on is nobody's fault */
void part_end(struct part *part);            /* no more will come */
void part_stop(struct part *part, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* checkpoint.c */
int checkpoint_make(struct compare *compare, struct buffer *out,
		    struct fault *fault); /* what is to be written */
int checkpoint_write(struct compare *compare, struct fault *fault);
int checkpoint_read(struct compare *compare);	/* 0 also when there is none */

void compare_dirty(struct topic *topic);

#endif
