/*
 * wal.h - the write-ahead log: what makes an append durable.
 *
 * One log for all partitions.  A position in it (`lsn`) counts bytes since the log began and never comes back.  Entries are
 * taken in the order of wal_append() and are durable in that order: while one group of them is written and synced on the
 * committer's lane, the next one forms.  `done` of each entry is called, in order, by wal_deliver() on the thread that
 * appends; nothing of an entry may be touched before.
 *
 *	caller's thread   wal_append() ... wal_deliver() -> entry->done()          wal_trim(), wal_free()
 *	committer's lane      group -> write -> sync -> delivered on the home lane
 *	maker's lane              a segment of zeros ahead      segments behind recycled
 *
 * When a group cannot be written because the disk is full, its entries and all that were appended after them fail with
 * ERR_FULL, nothing of them is in the log, and the next append tries again.  Any other failure breaks the log: every
 * entry from then on fails with ERR_IO, and only opening it again can say what is there.
 *
 * A log that keeps its promises on other media (objects with sequenced keys) will stand behind the same functions.
 */
#ifndef STORE_WAL_H
#define STORE_WAL_H

#include "store/disk.h"
#include "store/lane.h"

enum wal_kind {
	WAL_PAD = 1,    /* fills a page; never handed out */
	WAL_BATCH = 2,  /* a record batch of format 2 */
	WAL_MIRROR = 3, /* the same, from a linked log: gaps in the offsets before it are meant */
};

struct wal_head {
	uint64_t lsn;
	uint32_t partition;    /* dense id */
	uint32_t leader_epoch; /* under which it was appended */
	int64_t base_offset;
	uint32_t offset_count; /* offsets that it takes: its last one is base_offset + offset_count - 1 */
	enum wal_kind kind;
};

struct wal_entry;
typedef void wal_done(struct wal_entry *entry, int err);

/* Embedded in what waits for it. */
struct wal_entry {
	struct list link;
	struct wal_head head; /* the log sets lsn */
	struct view payload;  /* must hold until `done` */
	wal_done *done;
	int err;
};

/* Called for each entry that is found at opening, in order.  Views hold until it returns; other than 0 ends the opening. */
typedef int wal_each(void *context, const struct wal_head *head, struct view payload, struct fault *fault);

struct wal_place {
	struct disk *disk;
	const char *folder;    /* made when it is not there */
	uint64_t segment_size; /* of new segments, bytes */
	uint64_t log_id;       /* of the store: another one's segments are refused */
	struct lane *committer, *home;
	struct lane *maker; /* room ahead and names behind; NULL: the committer does without, or does it */
};

#define WAL_SEGMENT_SIZE_MIN (64 << 10)
#define WAL_GROUP_SIZE_MAX   (8 << 20)
#define WAL_GROUP_COUNT_MAX  4096

struct wal {
	struct wal_operations const *operations;
};

struct wal_numbers {
	uint64_t first_lsn, end_lsn; /* what is kept, without what waits */
	uint64_t groups, bytes;      /* committed since it was opened */
	uint64_t size_on_disk;
};

struct wal_operations {
	void (*append)(struct wal *wal, struct wal_entry *entry);
	void (*trim)(struct wal *wal, uint64_t lsn);
	void (*numbers)(struct wal *wal, struct wal_numbers *out);
	size_t (*payload_max)(struct wal *wal);
	void (*free)(struct wal *wal);
};

/*
 * Opens the log in files, makes an empty one when there is none and `trimmed` is 0, and tells of every entry from `trimmed`
 * on.  What it tells of is durable from then on.  A torn tail is cut.  ERR_CHECKSUM: damage; ERR_UNSUPPORTED: written by a
 * newer program; ERR_CONFIG: another store's; each with a sentence that says what to do.
 */
int wal_file_open(const struct wal_place *place, uint64_t trimmed, wal_each *each, void *context,
		  struct wal **out, struct fault *fault);

/* Never fails: what goes wrong, `done` is told. */
static inline void wal_append(struct wal *wal, struct wal_entry *entry)
{
	wal->operations->append(wal, entry);
}

/* Everything below `lsn` will never be asked for again: its room is used anew, when the committer finds time. */
static inline void wal_trim(struct wal *wal, uint64_t lsn)
{
	wal->operations->trim(wal, lsn);
}

static inline void wal_numbers(struct wal *wal, struct wal_numbers *out)
{
	wal->operations->numbers(wal, out);
}

/* The largest payload that an entry may have. */
static inline size_t wal_payload_max(struct wal *wal)
{
	return wal->operations->payload_max(wal);
}

/* The committer's and the maker's lane must have ended.  Entries that wait are their owners'; their `done` is not called.  NULL is silent. */
static inline void wal_free(struct wal *wal)
{
	if (wal)
		wal->operations->free(wal);
}

#endif
