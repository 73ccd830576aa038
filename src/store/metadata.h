/*
 * metadata.h - what is where: topics, partitions, objects, and how far each is kept.  SQLite or PostgreSQL (base/sql.h).
 *
 * Touched once for each upload and each administrative act, never for an append.  Every change is one transaction, and every
 * transaction says under which incarnation of the store it is made: whoever opened the store last wins, the one before gets
 * ERR_STALE from then on and changes nothing.  A commit that ends in doubt is looked up; so a change is done or not done,
 * and the answer says which.  When nobody can be asked, metadata_in_doubt() says so: then the change is to be made again, until
 * it has an answer.  For that each of them, done a second time, changes nothing and succeeds, or there is a question for it.
 *
 * Calls block; one thread at a time (the keeper's lane).  Errors are those of base/sql.h, with a sentence.
 */
#ifndef STORE_METADATA_H
#define STORE_METADATA_H

#include "base/sql.h"
#include "store/epochs.h"

#define TOPIC_ID_SIZE 16

struct metadata;

struct metadata_state {
	uint64_t log_id;      /* of the write-ahead log that belongs to it */
	uint64_t trimmed_lsn; /* what is below is in objects */
	int64_t incarnation;
	uint32_t next_partition;
	int64_t next_producer_id;
};

/* Takes the store over: a new incarnation.  `log_id` is used when nothing is there yet. */
int metadata_open(const char *address, uint64_t log_id, struct metadata **out, struct metadata_state *state,
		  struct fault *fault);
void metadata_close(struct metadata *metadata);

/*
 * Of the last change, which failed: may it be done all the same?  `before`: so it was when it was made before, and this time
 * it may not have got far enough to know.
 */
bool metadata_in_doubt(const struct metadata *metadata, bool before);

struct metadata_topic {
	uint8_t id[TOPIC_ID_SIZE];
	struct view name, config; /* the config means nothing to the store */
};

struct metadata_partition {
	uint32_t id; /* dense, never used twice */
	uint8_t topic[TOPIC_ID_SIZE];
	int32_t index;
	int32_t leader_epoch;
	int64_t log_start;
	int64_t committed_end; /* what is below is in objects */
	bool mirror;           /* fed by a link: read-only to clients */
};

struct metadata_epoch {
	uint32_t partition;
	int32_t epoch;
	int64_t start_offset;
};

/* A run of one partition's batches inside one object. */
struct metadata_extent {
	uint32_t partition;
	int64_t base_offset, end_offset; /* the end is one behind the last */
	int64_t object;
	uint64_t position, size; /* in the object, bytes */
	int64_t first_timestamp, max_timestamp;
	struct view aborted; /* transactions that end in it aborted: transactions.h */
};

struct metadata_snapshot {
	uint32_t partition;
	int64_t end_offset;
	struct view content; /* producers.h */
};

struct metadata_setting {
	struct view kind, name, value;
};

/* Told of everything, table by table in this order, by topic, partition and offset.  Views hold until the call returns. */
struct metadata_sink {
	int (*topic)(void *context, const struct metadata_topic *topic);
	int (*partition)(void *context, const struct metadata_partition *partition);
	int (*epoch)(void *context, const struct metadata_epoch *epoch);
	int (*extent)(void *context, const struct metadata_extent *extent);
	int (*snapshot)(void *context, const struct metadata_snapshot *snapshot);
	int (*setting)(void *context, const struct metadata_setting *setting);
};

int metadata_load(struct metadata *metadata, const struct metadata_sink *sink, void *context,
		  struct fault *fault);

/* ERR_CONFLICT when name or id exist.  `first` is the id of partition 0; the others follow. */
int metadata_topic_create(struct metadata *metadata, const struct metadata_topic *topic,
			  int32_t partition_count, uint32_t *first, struct fault *fault);

/* Adds partitions `from` to `to` - 1. */
int metadata_partitions_add(struct metadata *metadata, const uint8_t *topic, int32_t from, int32_t to,
			    uint32_t *first, struct fault *fault);

/* 1 when just these are there, since an attempt before this one ended in doubt, and had succeeded; 0 when not. */
int metadata_partitions_made(struct metadata *metadata, const uint8_t *topic, int32_t from, int32_t to,
			     uint32_t *first, struct fault *fault);
int metadata_topic_configure(struct metadata *metadata, const uint8_t *topic, struct view config,
			     struct fault *fault);
int metadata_topic_delete(struct metadata *metadata, const uint8_t *topic, struct fault *fault);

/* All or none, in order; a null value removes. */
int metadata_settings_put(struct metadata *metadata, const struct metadata_setting *all, int64_t count,
			  struct fault *fault);

/* A block of producer ids that nobody was given before, and that are not those of another cluster: metadata.c. */
int metadata_producer_ids_take(struct metadata *metadata, int64_t count, int64_t *first, struct fault *fault);

/* A new epoch that begins at `start_offset`, and whether the partition is a mirror under it.  A second time it succeeds. */
int metadata_epoch_begin(struct metadata *metadata, const struct metadata_epoch *epoch, bool mirror,
			 struct fault *fault);

/*
 * An object's id, noted as prepared before a byte of it is written.  What is prepared and not committed by this incarnation
 * is swept by the next one.
 */
int metadata_object_prepare(struct metadata *metadata, int64_t *id, struct fault *fault);

struct metadata_flush {
	int64_t object; /* 0: nothing was written, the log is only trimmed */
	uint64_t size;  /* of the object */
	const struct metadata_extent *extents;
	const int64_t *ends_before; /* the committed end that each extent follows */
	size_t extent_count;
	const struct metadata_snapshot *snapshots;
	size_t snapshot_count;
	uint64_t trimmed_lsn;
};

/* The object is whole and durable: it counts from here on.  A partition that was deleted meanwhile is left out. */
int metadata_flush_commit(struct metadata *metadata, const struct metadata_flush *flush, struct fault *fault);

struct metadata_fill {
	uint32_t partition;
	int64_t log_start, before; /* the new start and the old one */
	int64_t object;            /* 0: nothing came in */
	uint64_t size;             /* of the object */
	struct metadata_extent extent;
	const struct epoch_start *epochs; /* all of the partition */
	size_t epoch_count;
};

/* History below the start of a mirror.  Done a second time it changes nothing and succeeds.  ERR_STALE: no mirror, or another start. */
int metadata_fill_commit(struct metadata *metadata, const struct metadata_fill *fill, struct fault *fault);

/* A partition that holds nothing and ends at 0 becomes a mirror that begins and ends at `start_offset`.  ERR_STALE else. */
int metadata_mirror_begin(struct metadata *metadata, const struct metadata_epoch *epoch, struct fault *fault);

struct metadata_cut {
	uint32_t partition;
	int64_t end_offset;   /* the log ends here from now on; no batch lies across it */
	bool all;             /* it is at or below the log's start: no extent is left */
	int32_t leader_epoch; /* which begins there */
	struct view snapshot; /* producers as of there */
	/* Of the extents that are left: those whose aborted transactions are others now, or that are shorter. */
	const struct metadata_extent *extents;
	size_t extent_count;
};

/*
 * A mirror loses everything from an offset on: extents, epochs, state of producers.  Its start comes down with its end.
 * Done a second time it changes nothing and succeeds.  ERR_STALE when it is no mirror, or has a later leader epoch.
 */
int metadata_truncate(struct metadata *metadata, const struct metadata_cut *cut, struct fault *fault);

/* The log begins at `log_start`: extents that end at or before it are gone; objects that nobody needs are doomed. */
int metadata_log_start_move(struct metadata *metadata, uint32_t partition, int64_t log_start,
			    struct fault *fault);

struct metadata_merge {
	int64_t object; /* 0: the extents are only removed */
	uint64_t size;
	uint32_t partition;
	int64_t base_offset, end_offset;       /* all extents in here are replaced ... */
	const struct metadata_extent *extents; /* ... by these */
	size_t extent_count;
	size_t replaced_count; /* so many must have been there: ERR_STALE otherwise, and nothing happens */
};

/* Extents of one partition replaced by others that say the same. */
int metadata_merge_commit(struct metadata *metadata, const struct metadata_merge *merge, struct fault *fault);

/*
 * Objects that may be removed from the object store, at most `room`: doomed ones, and what an earlier incarnation prepared
 * and did not commit.  Returns how many.
 */
int metadata_objects_doomed(struct metadata *metadata, int64_t *ids, int room, struct fault *fault);

/* They are gone. */
int metadata_objects_forget(struct metadata *metadata, const int64_t *ids, int count, struct fault *fault);

#endif
