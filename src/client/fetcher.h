/*
 * fetcher.h - reads partitions at full speed.
 *
 * A fetcher has one stream of Fetch requests to each broker that leads one of its partitions.  The next
 *request leaves as soon as an answer has arrived whole, before anybody has looked into it.  Idle partitions
 *cost nothing but a long poll (fetch sessions, KIP-227).  Brokers that move, die or come back are followed;
 *what means that the log is not the one we were reading is told as an event and never papered over: there is
 *no automatic offset reset.
 *
 *	fetcher_new() - fetch_part_add()* - [records, events]* - fetch_part_remove()* - fetcher_free()
 *
 * All calls are made on the loop's thread; any of them may be made from within a callback.  The bytes of a
 * `struct fetched` may be read by other threads while the frame is held.
 */
#ifndef CLIENT_FETCHER_H
#define CLIENT_FETCHER_H

#include "client/allowance.h"
#include "client/metadata.h"

struct fetcher;
struct fetch_part;
struct fetch_frame;

struct fetch_aborted { /* a transaction that was rolled back: its records below its marker do not count */
	int64_t producer_id, first_offset;
};

/* What one answer says about one partition. */
struct fetched {
	struct fetch_part *part;
	void *owner;               /* as given to fetch_part_add() */
	struct fetch_frame *frame; /* behind `records` and `aborted`: hold it to keep them */
	struct view records; /* whole batches (v2, or a message set v0/v1); empty when there is nothing new */
	int64_t offset;      /* asked for: skip records below it, the first batch may begin earlier */
	int64_t next_offset; /* the position behind `records` */
	int64_t high_watermark;
	int64_t last_stable_offset;          /* the high watermark where the broker does not tell */
	int64_t log_start_offset;            /* -1 where the broker does not tell (before 1.0) */
	const struct fetch_aborted *aborted; /* of the committed view; in no order */
	int aborted_count;
	int32_t node;         /* the broker that answered */
	int32_t leader_epoch; /* under which the position stands: of the last batch; -1 when not known */
	bool ended;           /* next_offset is at or past the end that was set */
};

enum fetch_event_kind {
	/* The partition goes on by itself. */
	FETCH_UNREACHABLE, /* its leader cannot be reached or does not answer: `since_ms`; told once a spell
			    */
	FETCH_REACHABLE,   /* ... and answers again */

	/* The partition stands still until fetch_part_seek(). */
	FETCH_LOG_START_MOVED, /* our position is below the log's start: retention or DeleteRecords; `offset`:
				  the start */
	FETCH_TRUNCATED, /* the log was cut below our position: `offset` and `leader_epoch` where it still
			    agrees */
	FETCH_RECREATED, /* the topic was deleted and made again */
	FETCH_MISSING,   /* the topic or partition is gone */
	FETCH_DENIED,    /* not authorised */
	FETCH_TOO_LARGE, /* one batch is larger than `batch_size_max` */
	FETCH_REFUSED,   /* the broker says something that we cannot mend: `fault` */
};

struct fetch_event {
	enum fetch_event_kind kind;
	struct fetch_part *part;
	void *owner;
	int64_t offset;
	int32_t leader_epoch;
	int64_t since_ms;          /* monotonic */
	const struct fault *fault; /* always there: a sentence for an operator */
};

struct fetcher_options {
	bool committed;              /* isolation level: up to the last stable offset, with aborted ranges */
	int32_t request_size;        /* bytes to ask for at once from a broker; 0 for the default */
	int32_t batch_size_max;      /* 0 for 128 MiB */
	int32_t wait_ms;             /* of a long poll; 0 for 500 */
	int64_t unreachable_ms;      /* silence that counts as FETCH_UNREACHABLE; 0 for 10 s */
	struct allowance *allowance; /* not owned; needed */

	/* Records, or news of the watermarks.  Both must not block; heavy work goes to loop_work(). */
	void (*records)(void *context, const struct fetched *fetched);
	void (*event)(void *context, const struct fetch_event *event);
	void *context;
};

/* Fails only for want of memory or room. */
int fetcher_new(struct cluster *cluster, const struct fetcher_options *options, struct fetcher **out);

/* Frames that are held stay good until they are dropped; the allowance must outlive them.  NULL is silent. */
void fetcher_free(struct fetcher *fetcher);

/*
 * Reads `topic`-`partition` from `offset` on.  `leader_epoch` is that of the record before it, from a
 * checkpoint or `struct fetched`; -1 when not known.  `topic_id`: what the topic was when `offset` meant
 * something; NULL or zero when not known.  `end`: read no further than this offset (the last batch may run
 * past it); INT64_MAX to follow. Starts at once, with as much credit as it likes.
 */
int fetch_part_add(struct fetcher *fetcher, const char *topic, const struct uuid *topic_id, int32_t partition,
		   int64_t offset, int32_t leader_epoch, int64_t end, void *owner, struct fetch_part **out);

/* Nothing more comes for it, not even what is on the way.  NULL is silent. */
void fetch_part_remove(struct fetch_part *part);

/* Moves it, in either direction, and sets it going again after an event.  What is on the way is dropped. */
void fetch_part_seek(struct fetch_part *part, int64_t offset, int32_t leader_epoch, int64_t end);

/* Moves the end alone. */
void fetch_part_set_end(struct fetch_part *part, int64_t end);

/*
 * Flow control.  A partition is read only while its credit is above zero; each delivery takes its bytes from
 * it (so it can go below zero by one answer).  `bytes` are added; INT64_MAX means no limit and is what a new
 * partition has, 0 or less with `absolute` stops it.
 */
void fetch_part_credit(struct fetch_part *part, int64_t bytes, bool absolute);

struct fetch_state {
	const char *topic;
	int32_t partition;
	struct uuid topic_id;
	int64_t position, end;
	int32_t position_epoch;
	int64_t high_watermark, last_stable_offset, log_start_offset; /* -1 while not known */
	int32_t leader, leader_epoch;
	int64_t credit;
	int64_t confirmed_ms;         /* monotonic: the last good answer that covered it; 0 for never */
	int32_t confirmed_epoch;      /* of the leader that gave it, for our log was held against its own */
	int64_t unreachable_since_ms; /* 0 while its leader answers */
	bool ended;                   /* position >= end */
	bool halted;                  /* stands still after an event */
	enum fetch_event_kind halted_by;
	int err; /* why it is not reachable: ERR_NETWORK, ERR_LOGIN, ... */
};

void fetch_part_state(const struct fetch_part *part, struct fetch_state *out);

/* Counters since fetcher_new(). */
struct fetch_totals {
	uint64_t requests, answers, wire_bytes, record_bytes, batches, errors, moves, full_sessions,
		throttled_ms;
};
void fetcher_totals(const struct fetcher *fetcher, struct fetch_totals *out);

/* The bytes of an answer.  Held and dropped on the loop's thread; the last drop gives the memory back. */
void fetch_frame_hold(struct fetch_frame *frame);
void fetch_frame_drop(struct fetch_frame *frame);
size_t fetch_frame_size(const struct fetch_frame *frame); /* bytes it keeps alive */

#endif
