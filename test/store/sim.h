/*
 * sim.h - a store in a simulated world: disk, clock, lanes and clients from one seed.
 *
 * The disk keeps what disk.h promises and nothing more: at a crash every write that was not synced is kept, lost or torn, and
 * every name that was not synced is kept or lost, each by the dice.  A crash comes at any call of the disk, in any job, or
 * between two.  After each one the store is opened again and everything in it is held against what the clients were told:
 *
 *	what was acknowledged, or once read, is there, at its offset, with its bytes
 *	nothing is there that nobody sent, and nothing of a producer with sequences twice
 *	offsets have no holes (in compacted worlds: what is missing has a later record of its key, or was aborted); the last stable offset and the aborted ranges are what the log itself says
 *
 * Metadata is real, in a file of SQLite that is closed without a word at a crash; its commits may end in doubt. In half of the worlds objects are files of that
 * disk, in the others they have a store of their own (sim_objects.c).
 */
#ifndef TEST_STORE_SIM_H
#define TEST_STORE_SIM_H

#include "base/random.h"
#include "store/store.h"

/* ---- sim_disk.c */

struct sim_disk;

struct sim_disk *sim_disk_new(struct random *random);
void sim_disk_free(struct sim_disk *disk);
struct disk *sim_disk_face(struct sim_disk *disk);

/* After `calls` more calls the power goes: that call and all later ones fail and change nothing.  0: never. */
void sim_disk_crash_after(struct sim_disk *disk, uint64_t calls);
bool sim_disk_dead(const struct sim_disk *disk);
uint64_t sim_disk_calls(const struct sim_disk *disk);

/* The call after `calls` more fails, as a disk does that has a bad moment; a write or a sync may have been done in part. */
void sim_disk_err_after(struct sim_disk *disk, uint64_t calls);

/* Has that come to pass since this was last asked? */
bool sim_disk_erred(struct sim_disk *disk);

/* Bytes that may be written more before it is full; INT64_MAX: any. */
void sim_disk_room(struct sim_disk *disk, int64_t bytes);

/* The power is back.  `gentle`: only the process had died, and the system had kept all. */
void sim_disk_restart(struct sim_disk *disk, bool gentle);

/* Lets one byte of a file rot.  False when there is nothing to rot. */
struct sim_rot {
	char path[200];
	uint64_t offset;
	bool in_last_write; /* of the newest segment: damage there looks like a tear */
	uint8_t flipped;
};
bool sim_disk_rot(struct sim_disk *disk, struct sim_rot *out);
void sim_disk_unrot(struct sim_disk *disk, const struct sim_rot *rot);

/* ---- sim_objects.c */

struct sim_objects;
struct object_store;

struct sim_objects_numbers {
	uint64_t troubles, done_and_denied, halves;
};

/* `late` (may be NULL) is told when an answer takes so long; it holds the lane back. */
struct sim_objects *sim_objects_new(struct random *random, const struct sim_disk *disk,
				    void (*late)(void *context, int64_t ms), void *context);
void sim_objects_free(struct sim_objects *objects);
struct object_store *sim_objects_face(struct sim_objects *objects);
int sim_objects_trouble(struct sim_objects *objects,
			int percent); /* so many calls go wrong; returns what it was */
const struct sim_objects_numbers *sim_objects_numbers(const struct sim_objects *objects);
bool sim_objects_rot(struct sim_objects *objects, int64_t *id, uint64_t *offset); /* one bit of one object */

/* ---- sim_sql.c */

/* The commit behind `after` more ends in doubt, `kept` or not; and the next `opens` who open the file to ask cannot. */
void sim_sql_doubt(int after, bool kept, int opens);
void sim_sql_calm(void);       /* no more of it.  To be called before the first file is opened */
uint64_t sim_sql_doubts(void); /* so many have come to pass, in all worlds */

/* ---- sim_model.c: what the clients were told */

#define SIM_PARTITIONS      3
#define SIM_RECORD_SIZE_MAX 3000

/* One batch that somebody sent.  Its number is in each of its records, and says how large they are. */
struct sent {
	uint64_t number;
	int64_t offset; /* where it is, once acknowledged or read; or -1 */
	int32_t count;
	int64_t producer; /* -1 for none */
	bool gone; /* it was not there after a crash, or was refused: it may not be seen, unless it is sent again */
	bool seen;       /* by the check that runs */
	uint8_t present; /* which of its records were seen by it: a bit for each */
};

#define SIM_COUNT_MAX 8 /* records of a batch */
#define SIM_KEYS      5 /* record i of batch n has key (n + i) % SIM_KEYS */

/* What a batch that was seen means for transactions, in order of offset. */
struct event {
	int64_t offset, last_offset, producer;
	bool transactional, control, commits;
	bool aborted; /* by a marker behind it */
};

struct model {
	struct sent *sent;
	size_t sent_count, sent_capacity;
	struct event *events;
	size_t event_count, event_capacity;
	int64_t log_start;
	int64_t seen_end; /* high watermark as last seen: it never goes back */
};

struct sim;

void model_done(struct model *model);
struct sent *model_send(struct model *model, uint64_t number, int32_t count, int64_t producer);
struct sent *model_find(struct model *model, uint64_t number);

/* What a batch means for transactions, told in order of offset; what was told before is passed over. */
void model_remember(struct model *model, const struct event *event);

/* An answer to the sender. */
int model_acknowledge(struct sim *sim, int index, uint64_t number, int64_t offset);

/* The bytes of a batch: the same for the same number, whenever it is sent. */
struct batch_options;
struct buffer;
void sim_make_batch(struct buffer *out, const struct batch_options *options, uint64_t number, int32_t count);

/*
 * Holds all of a partition against the model.  `whole`: what is not seen now is not there.  0, or -1 with `why` filled; or
 * the error of a read that failed, which only rot may cause.
 */
int model_check(struct sim *sim, int index, bool whole);

/* One read, with lanes stepped while it waits.  0, or an error that something excuses, or -1 with `why` filled. */
int sim_read_store(struct sim *sim, struct partition *partition, int64_t offset, int64_t size_max,
		   enum store_isolation isolation, struct store_read *read);

/* Is it a marker, and how does it end its transaction? */
bool sim_marker_of(const struct batch *batch, bool *commits);

/* ---- sim_mirror.c: a partition that mirrors another log */

struct sim_mirror;

/* The topic "linked", made a mirror.  Two thirds of the worlds have none: NULL. */
int mirror_begin(struct sim *sim);
void mirror_free(struct sim_mirror *mirror);

/* It may be promoted by now: retention and compaction would be right to take what they like. */
bool mirror_may_be_over(const struct sim_mirror *mirror);

/* One thing that a link does. */
void mirror_step(struct sim *sim);

/* Holds all of it against the source.  `whole`: after a restart, when what was under way is done or not. */
int mirror_check(struct sim *sim, bool whole);

/* Ends as a mirror. */
int mirror_promote(struct sim *sim);

/* ---- sim_run.c */

struct sim_options {
	uint64_t seed;
	bool trace;
	int mutant; /* a lie that must be caught: enum sim_mutant */
};

enum sim_mutant {
	MUTANT_NONE,
	MUTANT_SYNC_LIES,   /* the disk says that it synced, and did not */
	MUTANT_FOLDER_LIES, /* the same of folders */
	MUTANT_COUNT,
};

struct sim {
	struct sim_options options;
	struct random random;
	struct sim_disk *disk;
	struct sim_objects *objects; /* NULL: files of the disk */
	struct clock clock;
	int64_t now_ms;
	struct store *store;
	struct lane *lanes[STORE_LANES];
	struct store_topic *topic, *linked;
	struct sim_mirror *mirror; /* NULL: there is none */
	struct model models[SIM_PARTITIONS];
	struct sim_producer *producers; /* sim_run.c */
	uint64_t numbers, hash;
	char metadata[300];
	char why[1500];
	int flights;
	bool broken;
	bool compacting;   /* of each key the latest record is enough */
	bool rotten;       /* a read may fail */
	bool hurt;         /* so may one now: the disk had a bad moment */
	bool asking_again; /* of objects, without trouble */
};

/* What all worlds of this process have been through, so that nobody believes in worlds where nothing happens. */
struct sim_totals {
	uint64_t crashes, acknowledged, duplicates, failed, full, refused_full, batches_read, cold_reads,
		uploads, upload_failures, merges, errors, compacted, starts_moved, rotten, rot_seen, troubles,
		mirrored, cuts, fills, undecided, promoted;
};

extern struct sim_totals sim_totals;

/* 0 when all promises held.  `hash` says what happened, to see whether it replays. */
int sim_run(const struct sim_options *options, char why[1500], uint64_t *hash);

/* Sets why and returns -1. */
int sim_broken(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Steps lanes and polls until nothing moves any more or the disk is dead. */
void sim_settle(struct sim *sim);

/* Into the trace, and into the hash of this life. */
void sim_note(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Makes the disk lie. */
void sim_mutate_disk(struct sim_disk *disk, int mutant);

#endif
