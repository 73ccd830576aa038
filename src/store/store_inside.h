/* store_inside.h - what the files of the log engine share.  All of it belongs to the owner's thread, unless it says otherwise. */
#ifndef STORE_STORE_INSIDE_H
#define STORE_STORE_INSIDE_H

#include "base/map.h"
#include "store/chunk.h"
#include "store/epochs.h"
#include "store/metadata.h"
#include "store/object_store.h"
#include "store/producers.h"
#include "store/store.h"
#include "store/transactions.h"
#include "store/wal.h"

/* One batch in memory. */
struct held {
	int64_t base_offset, last_offset;
	int64_t first_timestamp, max_timestamp;
	const uint8_t *at; /* in the chunk */
	uint32_t size;
	struct chunk *chunk; /* a reference */
};

/* A run of batches in an object. */
struct extent {
	int64_t base_offset, end_offset;
	int64_t object;
	uint64_t position, size;
	int64_t first_timestamp, max_timestamp;
};

/* A block of an object in memory. */
struct block {
	struct list link;    /* partition->blocks, by offset */
	struct list used;    /* store->blocks, oldest use first */
	int64_t covers_from; /* whoever asks for an offset from here ... */
	int64_t end_offset;  /* ... to before here finds the next batch in it */
	int64_t max_timestamp;
	struct chunk *chunk;
};

/* How far a search for a time has come in the objects of a partition, and what the last fetch found for it. */
struct timed_search {
	int64_t timestamp, log_start; /* what is searched for, and since which start */
	int64_t resume;               /* nothing below it */
	int64_t asked,
		block_end; /* the first block from `asked` on that may hold it ends here; -1: there was none ... */
	int64_t next;      /* ... below this */
};

struct partition {
	struct store *store;
	struct topic *topic;
	uint32_t id;
	int32_t index;
	void *owner;

	int32_t leader_epoch;
	bool mirror, sealed, deleted;
	int64_t log_start, high_watermark, end, committed_end;
	int64_t last_stable; /* as of the last change */
	struct epochs epochs;
	struct transactions transactions;
	struct producers producers; /* durable */
	struct producers ahead;     /* those with batches on their way, as they will be */
	struct list appends;        /* on their way, in order */
	struct list duplicates;     /* wait for the first one to be durable */
	int in_flight;

	/* The cache: a ring of batches without a hole, the last ones not durable yet. */
	struct held *held;
	size_t held_first, held_count, held_capacity; /* a power of two */
	int64_t cached_from;                          /* from here on everything is in the ring */
	int64_t tail_bytes;                           /* durable, not in objects */
	struct chunk *open_chunk;                     /* takes small batches */

	struct extent *extents;
	size_t extent_count, extent_capacity;
	int64_t extent_bytes;
	uint64_t generation;  /* grows when extents are rewritten */
	int64_t compacted_to; /* since the store was opened */

	struct list blocks;
	struct fetch *fetch; /* under way, or NULL */
	struct fault fetch_fault;
	int64_t fetch_end; /* where the last one ended: who goes on there is read ahead for */
	int fetch_blocks;  /* how many */
	struct timed_search timed;

	struct list watches;
	struct list dirty;       /* store->dirty: has a tail */
	struct list cached;      /* store->cached: has what may be evicted */
	struct list changed;     /* store->changed: watches are to be called */
	struct task *epoch_task; /* waits for what is on its way */
	struct cut *cut;         /* the truncation that waits or is under way, or NULL */
	struct fill *fill;       /* the piece that comes in below the start, or NULL ... */
	bool fill_commits;       /* ... with the keeper: start and epochs may not change */
	int starts_moving;       /* so many moves of the start are with the keeper */
};

struct topic {
	struct store_topic face; /* first */
	struct store *store;
	struct list link; /* store->topics */
	bool deleting;
};

/* One batch on its way. */
struct append {
	struct wal_entry entry;
	struct list link; /* partition->appends, then store->answers */
	struct partition *partition;
	struct batch_head head;
	int32_t coordinator_epoch; /* of a marker */
	bool marker, commits;      /* it ends a transaction; and how */
	bool silent;               /* not the last of its call: nobody is told */
	store_append_done *done;
	void *context;
	struct store_appended appended;
};

/* Something for the keeper. */
struct task {
	struct job job, home;
	struct list link; /* store->tasks */
	struct store *store;
	int (*run)(
		struct task *task); /* on the keeper's lane: touches what the task holds, and the metadata */
	void (*finish)(struct task *task); /* on the owner's thread, once; also when it failed */
	int err;
	struct fault fault;
	store_done *done;
	void *context;

	struct topic *topic;
	struct partition *partition;
	uint8_t topic_id[STORE_TOPIC_ID_SIZE];
	struct view name, value; /* in `bytes` */
	struct buffer bytes;
	struct metadata_setting *settings; /* views of `bytes` */
	uint32_t first;
	int32_t from, to;
	int64_t number;
	bool flag;
	bool decided;  /* no transaction may be open */
	bool in_doubt; /* it may be done or not: run again at due_ms, which is 0 while it runs */
	int64_t due_ms;
	store_ids_done *ids_done;
};

struct store {
	struct store_options options;
	char *folder;
	struct disk *disk;
	struct disk_file *lock;
	struct lane *lanes[STORE_LANES], *home;
	bool own_lanes, closing;

	struct metadata *metadata; /* the keeper's, once open */
	struct object_store *objects;
	struct wal *wal;
	struct metadata_state state;

	struct list topics;
	struct map by_name, by_id;     /* of topics */
	struct partition **partitions; /* by id; NULL for those that are no more */
	size_t partition_capacity;
	struct map settings; /* kind, zero, name -> struct setting */

	_Atomic int64_t cache_bytes, read_bytes; /* of chunks, whoever holds them */
	int64_t unflushed_bytes;
	uint64_t appends, appends_before; /* that were sent, and how many when the clock was looked at last */
	bool tail_is_busy;                /* something was, between the last two looks */
	uint64_t durable_lsn;             /* everything below was delivered */
	int write_err;
	struct list dirty, cached, changed, blocks, dying, tasks;
	struct list answers;         /* of appends: who sent them is to be told */
	struct list cuts;            /* truncations */
	struct list fills;           /* pieces of history on their way in */
	int64_t filling_bytes;       /* of them */
	struct list waiting_flushes; /* of tasks */
	struct flush *flush;         /* under way or to be tried again */
	int64_t flush_due_ms, dirty_since_ms, retention_due_ms, sweep_due_ms;
	bool flush_wanted;
	int64_t spare_object; /* prepared, never written; 0 for none */
	int64_t flushes, flush_failures;
	int upload_err;
	struct fault upload_fault;
	struct inflater *inflater;
	struct buffer inflated;
	struct sweep *sweep;
	struct rewrite *rewrite; /* one at a time */
	uint32_t rewrite_next;   /* the partition to look at first */
	int64_t rewrites;
	int rewrite_err;
	struct fault rewrite_fault;
};

enum {
	LANE_COMMITTER,
	LANE_KEEPER,
	LANE_UPLOADER,
	LANE_READER,
};

int64_t store_now_ms(const struct store *store);

/* Sleeps on a lane that works for nobody who waits: so long, but not past `most_ms`. */
void store_rest(int64_t ns, int most_ms);

/* ---- store_topics.c */
struct topic *topic_make(struct store *store, const uint8_t *id, struct view name, struct view config,
			 int32_t count);
int topic_link(struct topic *topic); /* into the store's tables.  ERR_MEMORY */
void topic_free(struct topic *topic);
int setting_keep(struct store *store, struct view kind, struct view name, struct view value);
void settings_free(struct store *store);

/* Begins the epoch that waits, once nothing is in its way. */
void epoch_try(struct partition *partition);

/* A task, or NULL.  Once it was started it is freed behind its `finish`. */
struct task *task_new(struct store *store, int (*run)(struct task *), void (*finish)(struct task *),
		      store_done *done, void *context);
void task_start(struct task *task);
void tasks_tick(struct store *store); /* runs again what ended in doubt */
void task_free(struct task *task);

/* ---- partition.c */
struct partition *partition_make(struct topic *topic, uint32_t id, int32_t index);
void partition_free(struct partition *partition); /* lets go of all it holds; nothing may be on its way */
int partition_link(struct partition *partition);  /* into store->partitions.  ERR_MEMORY */
struct partition *partition_of(struct store *store, uint32_t id);

static inline struct held *held_at(const struct partition *partition, size_t index)
{
	return &partition->held[(partition->held_first + index) & (partition->held_capacity - 1)];
}

/* Index of the first batch in the ring that ends behind `offset`; held_count when there is none. */
size_t held_find(const struct partition *partition, int64_t offset);

/* Copies the batch into the cache as the ring's last; its bytes may still be patched.  NULL when memory is out. */
struct held *held_push(struct partition *partition, struct view batch);
void held_pop(struct partition *partition);   /* the last one */
void held_shift(struct partition *partition); /* the first one */

/* What a batch means for producers and transactions.  ERR_MEMORY, ERR_LIMIT (PRODUCERS_MAX). */
int producers_learn(struct producers *producers, struct transactions *transactions,
		    const struct batch_head *head, bool marker, bool commits, int32_t coordinator_epoch);

/* What a durable batch changes. */
void partition_durable(struct partition *partition, const struct batch_head *head, bool marker, bool commits,
		       int32_t coordinator_epoch);

/* Works out the last stable offset anew. */
void partition_settle(struct partition *partition);

/* Frees cache until it fits its limit, or nothing is left that may go. */
void cache_shrink(struct store *store);
void partition_changed(struct partition *partition);

/* The tail is in objects up to `end`. */
int extent_add(struct partition *partition, const struct extent *extent);
int extents_reserve(struct partition *partition, size_t count); /* room for `count` more */
void extents_cut(struct partition *partition, int64_t log_start);

/* Extents are not what they were: what was read of them is let go, and what is being read will be. */
void extents_changed(struct partition *partition);

/* What the first record of a control batch says.  ERR_MALFORMED when it is no marker. */
int marker_read(const struct batch *batch, bool *marker, bool *commits, int32_t *coordinator_epoch);

/* ---- store_append.c */
void append_cancel_all(struct partition *partition, int err);
void append_answer_duplicates(struct partition *partition); /* those whose first one is durable */
void append_tell(struct store *store);                      /* what is answered, to those who wait for it */

/* ---- store_flush.c */
void flush_tick(struct store *store);
void flush_start(struct store *store);
void flush_free(struct store *store); /* at the end: lanes have ended */

/* ---- store_fetch.c: blocks of objects into memory */
struct block *block_find(struct partition *partition, int64_t offset);
int fetch_start(struct partition *partition, int64_t offset, int64_t timestamp);
void fetch_free(struct fetch *fetch);
void blocks_drop(struct partition *partition);
void block_drop(struct block *block);

/* ---- store_retain.c */
void retain_tick(struct store *store);
void sweep_free(struct store *store);

/* ---- store_rewrite.c: extents merged and compacted */
void rewrite_tick(struct store *store);
void rewrite_again(struct store *store); /* what ended in doubt */
void rewrite_free(struct store *store);
bool rewrite_is_about(const struct store *store, uint32_t partition);

/* ---- store_backfill.c: history below the start of a mirror */
void backfill_tick(struct store *store);
void backfill_free(struct store *store);

/* ---- store_truncate.c: a mirror cut back */
void truncate_tick(struct store *store); /* those that wait, where nothing is in their way any more */
void truncate_free(struct store *store);

/* ---- store_recover.c */
int store_recover(struct store *store, struct fault *fault);

#endif
