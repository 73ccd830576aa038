/*
 * fetch_inside.h - what the files of the fetcher share, and nobody else sees.
 *
 *	fetcher.c	partitions: added, moved between brokers, halted, told about
 *	fetch_stream.c	one broker's requests: what to ask for next, sessions, backoff
 *	fetch_answer.c	what came: positions, watermarks, errors; the next request leaves before anybody is told
 *	fetch_repair.c	a position that a broker refuses: where does the log begin and end?
 */
#ifndef CLIENT_FETCH_INSIDE_H
#define CLIENT_FETCH_INSIDE_H

#include "base/map.h"
#include "client/fetcher.h"
#include "client/inside.h"

#define FETCH_REQUEST_SIZE	(16 << 20)
#define FETCH_PARTITION_MIN	(256 << 10)
#define FETCH_BATCH_SIZE_MAX	(64 << 20)
#define FETCH_WAIT_MS		500
#define FETCH_WAIT_SHORT_MS	25 /* while a partition waits for credit: it must not wait for a long poll as well */
#define FETCH_UNREACHABLE_MS	10000
#define FETCH_TICK_MS		500
#define FETCH_PACE_MS		4	     /* between small answers at the end of the log */
#define FETCH_SMALL_SIZE	(32 << 10)   /* what is a small answer */
#define FETCH_ODD_ANSWERS	3	     /* in a row, before we believe that nothing is there */
#define FETCH_REFUSALS_MAX	5	     /* errors of one partition that should not pass, before we give up */

struct fetch_topic {
	struct list link;
	struct fetcher *fetcher;
	struct topic_watch watch;
	struct fetch_part **parts; /* by index; NULL where none */
	int32_t part_capacity;
	int part_count;
};

struct fetch_stream;

struct repair {
	struct call *call;
	bool asking_latest; /* first the earliest offset, then the latest */
	int64_t earliest;
	struct offset_for_leader_epoch_request epoch_request;
	struct offset_for_leader_epoch_request_topic epoch_topic;
	struct offset_for_leader_epoch_request_partition epoch_partition;
	struct list_offsets_request request;
	struct list_offsets_request_topic topic;
	struct list_offsets_request_partition partition;
};

struct fetch_part {
	struct list ring;  /* in stream->parts or fetcher->adrift */
	struct list tell;  /* in fetcher->tells while an event is due */
	struct fetcher *fetcher;
	struct fetch_topic *topic;
	struct fetch_stream *stream; /* NULL while adrift */
	void *owner;
	int32_t index;
	int64_t position, end, credit;
	int32_t position_epoch, leader, leader_epoch;
	int64_t high_watermark, last_stable_offset, log_start_offset;

	uint32_t generation;	   /* grows whenever what is on the way must not count */
	bool in_session;	   /* the broker has it in its fetch session */
	uint32_t asked_generation; /* under which it was last asked for */
	int64_t asked_offset;
	int32_t asked_size, asked_leader_epoch, asked_position_epoch;

	int32_t wish_size; /* a batch larger than what we ask for; 0 for none */
	bool check_due;	   /* under a new leader: does it have what we have read?  (Fetch before version 12) */
	int32_t checked_epoch; /* the leader epoch under which it was found so */
	bool blind;	   /* do not tell the broker our epoch: it has no history to hold it against */
	int odd_count, refusal_count, rest_count;
	int64_t retry_at_ms, added_ms;
	uint64_t taken; /* number of the last answer that spoke of it */
	struct repair *repair;

	int64_t confirmed_ms, unreachable_since_ms;
	int32_t confirmed_epoch; /* of the leader that was asked then */
	bool told_unreachable, halted;
	enum fetch_event_kind halted_by, telling;
	int64_t tell_offset;
	int32_t tell_epoch;
	int err;
	struct fault *fault;
};

/* A partition to be taken out of a broker's session though it is no longer ours. */
struct fetch_forgotten {
	struct list link;
	char *topic;
	struct uuid topic_id;
	int32_t index;
	bool told; /* in the request that is under way */
};

struct fetch_stream {
	struct list link;
	struct fetcher *fetcher;
	int32_t node;
	struct list parts; /* in the order in which they are asked for: who got bytes goes to the end */
	int part_count;
	struct call *call;
	size_t reserved;
	int64_t asked_ms, not_before_ms;
	int failures;
	struct allowance_waiter waiter;

	int32_t session_id, session_epoch; /* epoch 0: the next request is a full one */
	bool with_ids, is_full;		   /* of the request that was sent last */
	struct list forgotten;

	struct fetch_request request;
	struct fetch_request_topic *topics;
	struct fetch_request_partition *partitions;
	struct fetch_request_forgotten_topic *forgotten_topics;
	int32_t *forgotten_indexes;
	int capacity, forgotten_capacity;
	int active_count; /* partitions that the last request covered */
};

/* One thing to tell after the next request has left. */
struct telling {
	struct fetch_part *part; /* NULL when it was removed meanwhile */
	uint32_t generation;
	struct fetched fetched;
};

struct fetch_frame {
	struct frame *frame;
	struct fetch_aborted *aborted;
	size_t size;
	int references;
	struct allowance *allowance;
};

struct fetcher {
	struct cluster *cluster;
	struct fetcher_options options;
	int lane;
	struct list topics, streams, adrift, tells;
	struct map by_name; /* name to fetch_topic */
	int part_count;
	struct timer *timer;
	int64_t timer_at_ms;
	struct telling *tellings; /* of the answer that is being told */
	int telling_count, telling_capacity;
	int depth;  /* callers' code that we stand in */
	bool freed; /* by that code: the memory goes when it has returned */
	struct fetch_totals totals;
};

/* fetcher.c */
int64_t fetch_now(const struct fetcher *fetcher);
void fetch_due(struct fetcher *fetcher, int64_t at_ms);
struct fetch_part *fetch_part_find(struct fetcher *fetcher, struct view topic, struct uuid id, int32_t index);
void fetch_part_assign(struct fetch_part *part);
void fetch_part_halt(struct fetch_part *part, enum fetch_event_kind kind, int64_t offset, int32_t epoch,
		     const char *format, ...) __attribute__((format(printf, 5, 6)));
void fetch_part_trouble(struct fetch_part *part, int err, const struct fault *fault);
void fetch_part_well(struct fetch_part *part);
bool fetch_part_hungry(const struct fetch_part *part);
bool fetch_part_active(const struct fetch_part *part, int64_t now);
void fetch_tell(struct fetcher *fetcher); /* may end with the fetcher freed, when depth is 0 */
void fetch_enter(struct fetcher *fetcher);
bool fetch_leave(struct fetcher *fetcher); /* false: the fetcher is gone */

/* fetch_stream.c */
struct fetch_stream *fetch_stream_get(struct fetcher *fetcher, int32_t node);
void fetch_stream_free(struct fetch_stream *stream);
void fetch_stream_kick(struct fetch_stream *stream);
void fetch_stream_leave(struct fetch_part *part); /* takes it out of its stream */
void fetch_session_reset(struct fetch_stream *stream);

/* fetch_answer.c */
void fetch_answered(void *context, const struct reply *reply);

/* fetch_repair.c */
void fetch_repair_start(struct fetch_part *part);
void fetch_repair_epoch(struct fetch_part *part);
void fetch_repair_stop(struct fetch_part *part);

#endif
