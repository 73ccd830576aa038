/*
 * store.h - the door of this floor: logs of partitions that are durable when they say so.
 *
 * A batch is appended to the write-ahead log, acknowledged once that was synced, read from memory, uploaded with many others
 * into an object, and read from there once memory is wanted for newer ones.  What a reader sees is always durable: the
 * high watermark *is* the end of what would be there after a crash now.
 *
 *	struct store_options options;
 *
 *	store_options_default(&options);
 *	options.folder = "data";
 *	options.wake = ring_my_bell;				(called by any thread; then call store_poll())
 *	err = store_open(&options, &store, &fault);
 *	err = store_topic_create(store, &topic, 3, created, context);
 *	...
 *	err = store_append(topic->partitions[0], batch, &how, appended, context);
 *
 * Threads.  One thread, the owner's, makes every call of this header, and every callback comes on it, from within
 * store_poll() and from nowhere else.  Behind it work four lanes (lane.h): the committer (write-ahead log), the keeper
 * (metadata), the uploader (objects out) and the reader (objects in).  No call of this header blocks on a disk, but for
 * store_open() and store_close().
 *
 * Answers.  A function that is given a callback returns 0 and calls it once, later, or returns something else and never calls
 * it.  In a callback any call may be made but store_poll(), store_open() and store_close().
 *
 * What it does not know: the protocol, clients, groups, coordinators.  Their state lives in ordinary partitions and in
 * settings.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/clock.h"
#include "store/disk.h"
#include "store/lane.h"
#include "wire/batch.h"
#include "wire/control.h"

struct store;
struct partition;
struct object_store;

#define STORE_TOPIC_ID_SIZE  16
#define STORE_TOPIC_NAME_MAX 249
#define STORE_PARTITIONS_MAX 100000 /* of one topic */

struct store_options {
	const char *folder;        /* wal/, objects/ and a lock lie in it; made when it is not there */
	const char *metadata;      /* address for sql_open(); NULL: metadata.db in the folder */
	const struct clock *clock; /* wall time stamps and retention, monotonic time everything else */
	struct disk *disk;
	struct object_store
		*objects; /* NULL: files in objects/; else the caller's, who frees it: object_store.h */
	void (*wake)(
		void *context); /* may be called by any thread: store_poll() has something to do.  May be NULL */
	void *wake_context;
	uint64_t random; /* names a new store; 0: chance */

	int64_t cache_bytes_max;     /* batches in memory; what is not uploaded yet is in it */
	int64_t unflushed_bytes_max; /* appends past it are refused with ERR_LIMIT until an upload has ended */
	int64_t read_bytes_max;      /* blocks of objects in memory, beside the cache */
	uint64_t
		segment_bytes; /* of the write-ahead log: two to (unflushed / segment + 4) of them lie on the disk */
	int64_t flush_bytes; /* upload when so much is not uploaded ... */
	int64_t flush_ms;    /* ... or when the oldest of it waits so long */
	int64_t retention_check_ms;
	int32_t merge_count_min;    /* so many small neighbours in objects become one */
	int64_t producer_expiry_ms; /* producers that were silent so long are forgotten */

	struct lane *lanes
		[4]; /* committer, keeper, uploader, reader: NULL, or a simulator's; the store frees neither */
};

#define STORE_LANES 4

void store_options_default(struct store_options *options);

/*
 * Opens the store or makes a new one.  Recovers what a crash left and serves at once: uploads come later.  ERR_CONFLICT when
 * another process has it open; ERR_CHECKSUM for damage; ERR_UNSUPPORTED when a newer program wrote it; ERR_STALE when log and
 * metadata do not belong together; ERR_FULL, ERR_IO, ERR_MEMORY; always with a sentence that says what to do.
 */
int store_open(const struct store_options *options, struct store **out, struct fault *fault);

/*
 * Ends in good order: waits for what is being written, does not upload.  Callbacks that are still owed are called with
 * ERR_CANCELLED; what they were about is then kept or not.  NULL is silent.
 */
void store_close(struct store *store);

/* Runs the callbacks that are due.  To be called after each wake. */
void store_poll(struct store *store);

/* For programs without a loop: waits until there is something to poll, or the time is over. */
void store_wait(struct store *store, int timeout_ms);

/* Looks at the clock: uploads, retention, retries, expiry.  To be called about every 100 ms. */
void store_tick(struct store *store);

/* Changes what it was opened with. */
void store_producer_expiry(struct store *store, int64_t producer_expiry_ms);

typedef void store_done(void *context, int err, const struct fault *fault);

/* ---- topics and settings ----------------------------------------------------------------------------------------- */

/* What the log engine itself must know of a topic's configuration.  Set by whoever reads `config`, at each start. */
struct store_log_options {
	int64_t retention_ms, retention_bytes; /* -1: for ever, without limit (the default) */
	int32_t batch_size_max;                /* bytes; 0: what the write-ahead log can take */
	bool log_append_time;                  /* batches get the store's time in place of their own */

	bool compact; /* of each key only the latest record need be kept: cleanup.policy=compact */
	int64_t delete_retention_ms; /* tombstones and markers are kept so long after they were first compacted (KIP-534) */
	int64_t min_compaction_lag_ms; /* records younger than this are left alone */
	int32_t min_dirty_percent; /* compact when so much of the log is new: min.cleanable.dirty.ratio; 0 is 50 */
};

struct store_topic {
	uint8_t id[STORE_TOPIC_ID_SIZE];
	const char *name;
	struct view config; /* kept for the caller, means nothing here */
	int32_t partition_count;
	struct partition **partitions; /* by index */
	struct store_log_options log;
	void *owner; /* the caller's */
};

/* NULL when there is none.  A topic and its partitions are there until its deletion was answered. */
struct store_topic *store_topic_named(struct store *store, struct view name);
struct store_topic *store_topic_by_id(struct store *store, const uint8_t *id);

/* Every topic in turn: from NULL to NULL, in order of creation within this run. */
struct store_topic *store_topic_next(struct store *store, const struct store_topic *topic);

struct store_topic_new {
	struct view name, config;
	uint8_t id[STORE_TOPIC_ID_SIZE]; /* not all zero */
	int32_t partition_count;
};

/* ERR_CONFLICT: the name or the id is taken; at once, or by the callback.  The topic can be found once it was answered. */
int store_topic_create(struct store *store, const struct store_topic_new *topic, store_done *done,
		       void *context);
int store_partitions_add(struct store_topic *topic, int32_t partition_count, store_done *done, void *context);
int store_topic_configure(struct store_topic *topic, struct view config, store_done *done, void *context);

/* From here on appends to it fail with ERR_NOT_FOUND; when it is answered, topic and partitions are no more. */
int store_topic_delete(struct store_topic *topic, store_done *done, void *context);

void store_topic_log_options(struct store_topic *topic, const struct store_log_options *log);

/*
 * Small things that must be kept: access rules, quotas, users, configs of brokers.  `kind` and `name` are text, a null value
 * removes.  What store_setting() returns holds until the next change of it.
 */
int store_setting_put(struct store *store, struct view kind, struct view name, struct view value,
		      store_done *done, void *context);

/* The same for several, in order: all of them are kept, or none. */
struct store_setting {
	struct view kind, name, value;
};
int store_settings_put(struct store *store, const struct store_setting *all, int64_t count, store_done *done,
		       void *context);

struct view store_setting(struct store *store, struct view kind, struct view name);
typedef void store_setting_each_fn(void *context, struct view name, struct view value);
void store_setting_each(struct store *store, struct view kind, store_setting_each_fn *each, void *context);

/* A block of producer ids that nobody was given before; far above those of a Kafka cluster, which a mirror keeps. */
typedef void store_ids_done(void *context, int err, int64_t first, const struct fault *fault);
int store_producer_ids_take(struct store *store, int64_t count, store_ids_done *done, void *context);

/* ---- partitions --------------------------------------------------------------------------------------------------- */

struct store_partition_state {
	int64_t log_start;
	int64_t high_watermark; /* durable end: one behind the last record that can be read */
	int64_t last_stable;    /* first record of the oldest open transaction, or the high watermark */
	int64_t end;            /* with what is being written */
	int64_t committed_end;  /* what is below is in objects */
	int32_t leader_epoch;
	bool mirror;
	int64_t size_bytes; /* of all batches from log_start on, whole */
};

void store_partition_state(const struct partition *partition, struct store_partition_state *out);
struct store_topic *store_partition_topic(const struct partition *partition);
int32_t store_partition_index(const struct partition *partition);

/* The caller's own, NULL at first. */
void *store_partition_owner(const struct partition *partition);
void store_partition_set_owner(struct partition *partition, void *owner);

/* Why a batch was not taken, and it is the producer's matter.  In words of Kafka's errors. */
enum store_refusal {
	STORE_OUT_OF_ORDER_SEQUENCE = 1,
	STORE_PRODUCER_FENCED,    /* INVALID_PRODUCER_EPOCH: a later epoch of this producer has written */
	STORE_COORDINATOR_FENCED, /* TRANSACTION_COORDINATOR_FENCED: a marker from an older coordinator */
	STORE_INVALID_TXN_STATE,  /* a batch outside of its producer's open transaction */
	STORE_BATCH_TOO_LARGE,    /* MESSAGE_TOO_LARGE */
	STORE_BATCH_CORRUPT,      /* CORRUPT_MESSAGE: the checksum */
	STORE_BATCH_INVALID,      /* INVALID_RECORD: more than one batch, format, counts */
	STORE_NOT_COMMITTED,      /* of a mirror only: none of it is below the source's high watermark */
};

/*
 * err 0: durable, at `base_offset` (that of the first time, for a duplicate).  ERR_FULL: the disk is; nothing of it is kept,
 * and later appends may succeed.  ERR_IO: the write-ahead log broke; whether it is kept only a restart can say, and until
 * then nothing more is taken.  ERR_CANCELLED, ERR_NOT_FOUND (the topic was deleted).
 */
struct store_appended {
	int err;
	bool duplicate;
	int64_t base_offset;
	int64_t log_append_time; /* -1 unless the topic has it */
	int64_t log_start;
};

typedef void store_append_done(void *context, const struct store_appended *appended);

/*
 * Appends one batch of format 2, which is checked here (checksum and head; not what is compressed in it) and copied.  Base
 * offset and leader epoch are set.  0: will be answered.  An enum store_refusal: not taken.  ERR_LIMIT: too much waits for its
 * upload, try later; ERR_FULL, ERR_IO as above, when known at once; ERR_NOT_FOUND; ERR_STALE (a mirror, or sealed while its
 * epoch changes); ERR_MEMORY.
 *
 * A batch of an idempotent producer is held against the producer's last five: a duplicate is not written again.  Control
 * batches of the caller's coordinator come in by the same door: an abort or commit marker ends the producer's transaction.
 */
int store_append(struct partition *partition, struct view batch, store_append_done *done, void *context);

/* False while appends of so many bytes are refused with ERR_LIMIT for want of an upload: the answer changes in store_poll(). */
bool store_has_room(const struct store *store, size_t size);

/*
 * A partition that has never held anything, or was cut back to 0, becomes a mirror.  It begins and ends at `start_offset`, under `leader_epoch`, which
 * may be the one it has: the tail of the source first, and what is below later, by store_backfill_mirror().  One that holds
 * records becomes a mirror by store_epoch_begin(), from its end on.  0: will be answered; ERR_CONFLICT, ERR_STALE, ERR_USAGE,
 * ERR_NOT_FOUND, ERR_IO, ERR_MEMORY.
 *
 * A mirror is read like any partition, and takes nothing from store_append() (ERR_STALE).  It is not compacted and retention
 * leaves it alone: its start is moved by its owner, as the source's moves.
 */
int store_begin_mirror(struct partition *partition, int64_t start_offset, int32_t leader_epoch,
		       store_done *done, void *context);

/*
 * For a mirror: batches, close together, with the offsets, producers, epochs, sequences and control records of their source, gaps
 * included.  The first base offset must not be below the end (STORE_BATCH_INVALID).  They are written under the partition's
 * leader epoch: one of the source's is stood for by one of ours, begun with store_epoch_begin(), best by the same number.  Not
 * checked: sequences.
 *
 * Batches that do not end at or below the source's high watermark are left out, since the source itself may lose them at any
 * change of its leader: they come again, later.  So the mirror's high watermark is never above the source's, and what is in it
 * is cut away again only after an unclean election.  STORE_NOT_COMMITTED when that leaves nothing.  The partition's end says how
 * many were taken, after ERR_MEMORY as well.  One answer for all of them, when the last one is durable.
 */
int store_append_mirror(struct partition *partition, struct view batches, int64_t source_high_watermark,
			store_append_done *done, void *context);

/*
 * History of a mirror: all that its source has from `from` on up to the mirror's start, at most 32 MiB of batches, close together
 * and unchanged.  None is allowed: then there is nothing (any more) between.  The start comes down to `from`, in one step with the
 * records; a crash leaves it as before or filled.  The tail may be appended to and read meanwhile.  One piece of a partition at a
 * time, from the top down.
 *
 * Leader epochs are those of the batches: they must rise, follow those known from below and not be above those known at the
 * start, so the mirror's own must be by the source's numbers.  A transaction that does not end in the piece is looked up above it;
 * while it has no marker there the piece is answered with ERR_CONFLICT.  What producers wrote in it only is not remembered for
 * store_append(): as if they had been silent for long.
 *
 * 0: will be answered: ERR_CONFLICT too when start or epoch changed meanwhile.  STORE_BATCH_CORRUPT, STORE_BATCH_INVALID (order,
 * range, epochs); ERR_STALE: no mirror; ERR_CONFLICT: a piece is under way, the epoch changes, or records at the start are given
 * up and still there in part; ERR_USAGE (`from`), ERR_LIMIT, ERR_NOT_FOUND, ERR_MEMORY.
 */
int store_backfill_mirror(struct partition *partition, int64_t from, struct view batches, store_done *done,
			  void *context);

/*
 * Cuts a mirror back to `offset`, after its source has lost what is there: a batch that lies across goes whole, and the end is
 * then where it began.  Extents, producers, transactions and epochs are as they were at the end, and `leader_epoch`, above the
 * partition's, begins there.  An offset at or below the log's start empties it, and it begins and ends there.  Takes no appends
 * meanwhile and is read as before, until at once readers above get ERR_NOT_FOUND; a crash leaves it as before or cut.
 *
 * Waits until everything of the partition is in objects, and reads what stays from the log's start on.  0: will be answered,
 * ERR_CHECKSUM and ERR_IO when an object cannot be read or the write-ahead log broke, and nothing was changed.  ERR_STALE: no mirror, or a later epoch;
 * ERR_CONFLICT: its epoch changes, or it is being cut; ERR_NOT_FOUND, ERR_MEMORY.
 */
int store_truncate_mirror(struct partition *partition, int64_t offset, int32_t leader_epoch, store_done *done,
			  void *context);

enum store_isolation {
	STORE_READ_UNCOMMITTED = 0, /* up to the high watermark */
	STORE_READ_COMMITTED = 1,   /* up to the last stable offset */
};

struct store_piece {
	struct view bytes; /* whole batches, close together */
	struct chunk *chunk;
};

/* What was read; zeroed before first use.  Views hold until store_read_done(). */
struct store_read {
	struct store_piece *pieces;
	int count, capacity;
	int64_t size;        /* of all pieces, bytes */
	int64_t next_offset; /* one behind the last record in it, or the offset asked for */
	int64_t log_start, high_watermark, last_stable;
	struct aborted *aborted; /* read committed: transactions to leave out, by first offset */
	int32_t aborted_count, aborted_capacity;
};

/*
 * Reads batches from the one that holds `offset` on: at most `size_max` bytes, but at least one batch when there is one.
 * 0: what there is, perhaps nothing (offset at the end).  1: it lies in an object and is being fetched: ask again when a watch
 * of the partition calls.  ERR_NOT_FOUND: the offset is below the log's start or above its end.  ERR_CHECKSUM: the object is
 * damaged there; ERR_IO, ERR_MEMORY.
 */
int store_read(struct partition *partition, int64_t offset, int64_t size_max, enum store_isolation isolation,
	       struct store_read *out, struct fault *fault);

/* Lets go of the views; memory for the next read is kept. */
void store_read_done(struct store_read *read);
void store_read_free(struct store_read *read);

/*
 * Calls once, from store_poll(), when something changed: high watermark, last stable offset, log start, a fetched block,
 * deletion.  Embedded by the caller; may be started anew in its own callback.
 */
struct store_watch {
	struct list link;
	void (*changed)(struct store_watch *watch);
};

static inline void store_watch_init(struct store_watch *watch, void (*changed)(struct store_watch *watch))
{
	list_init(&watch->link);
	watch->changed = changed;
}

void store_watch_start(struct partition *partition, struct store_watch *watch);
void store_watch_stop(struct store_watch *watch);

struct store_timed {
	int64_t offset, timestamp; /* both -1 when there is none */
	int32_t leader_epoch;
};

#define STORE_TIME_MAX (-3) /* the first record with the latest timestamp of all */

/* The first record at or after `timestamp` (ms).  0, or 1, ERR_... as store_read(). */
int store_offset_for_time(struct partition *partition, int64_t timestamp, struct store_timed *out,
			  struct fault *fault);

/* The largest epoch at or below `leader_epoch`, and the offset where it ended; both -1 when there is none (KIP-101, 279). */
void store_epoch_end(const struct partition *partition, int32_t leader_epoch, int32_t *epoch,
		     int64_t *end_offset);

/*
 * A mirror becomes a partition like any other, under a leader epoch that begins at its end: one transaction.  With open
 * transactions ERR_CONFLICT, for nobody here would end them; unless `with_open`: then it is its owner's to append the markers,
 * again after a crash, for all of which store_producer_each() tells.  ERR_STALE: no mirror, or a later epoch; ERR_IO: the
 * write-ahead log broke, and where the mirror ends only a restart can say.
 */
int store_promote_mirror(struct partition *partition, int32_t leader_epoch, bool with_open, store_done *done,
			 void *context);

/*
 * Begins a new leader epoch, as a mirror or not: waits for what is being written, and takes nothing meanwhile.  Answered with
 * ERR_IO when the write-ahead log broke.  A mirror that is to be none any more is promoted: ERR_STALE.
 */
int store_epoch_begin(struct partition *partition, int32_t leader_epoch, bool mirror, store_done *done,
		      void *context);

/*
 * Records below `offset` (at most the high watermark) are given up.  ERR_NOT_FOUND when it is above; ERR_CONFLICT while the
 * partition is being cut.  DeleteRecords.
 */
int store_log_start_move(struct partition *partition, int64_t offset, store_done *done, void *context);

struct store_producer {
	int64_t producer_id;
	int16_t epoch;
	int32_t last_sequence;     /* -1 for none */
	int64_t last_timestamp;    /* ms, of its last batch */
	int32_t coordinator_epoch; /* of its last marker, -1 for none */
	int64_t transaction_first; /* first offset of its open transaction, -1 for none */
};

/* Durable state of producers, one or all.  False when it is not known. */
bool store_producer(const struct partition *partition, int64_t producer_id, struct store_producer *out);
typedef void store_producer_each_fn(void *context, const struct store_producer *producer);
void store_producer_each(const struct partition *partition, store_producer_each_fn *each, void *context);

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

struct store_numbers {
	int64_t cache_bytes, unflushed_bytes, read_bytes;
	uint64_t wal_bytes, wal_groups, wal_bytes_on_disk; /* committed since it was opened */
	int64_t flushes, flush_failures;
	int64_t rewrites; /* extents merged or compacted */
	int write_err;    /* 0; ERR_FULL while the disk is full; ERR_IO once the write-ahead log broke */
	int upload_err;   /* 0, or why the last upload failed; it is tried again */
	char upload_text[300];
	int rewrite_err; /* the same of merging and compaction */
	char rewrite_text[300];
};

void store_numbers(const struct store *store, struct store_numbers *out);

/* The folder, as it was given; and bytes of the file system that it lies on, all and those left.  Asks the disk: quick. */
const char *store_place(const struct store *store);
int store_room(const struct store *store, int64_t *total, int64_t *usable, struct fault *fault);

/* Uploads what is durable now, without waiting for its time.  Answered when it is in objects. */
int store_flush(struct store *store, store_done *done, void *context);

#endif
