/* wal_inside.h - what the files of the write-ahead log share: who owns what is said here. */
#ifndef STORE_WAL_INSIDE_H
#define STORE_WAL_INSIDE_H

#include <pthread.h>

#include "store/wal_format.h"

/* As many as a log that is trimmed in bursts takes up again: what is removed has to be made anew. */
#define WAL_SPARES_MAX 8

/* Room for a segment that is being made, or is ready. */
#define WAL_AHEAD_NAME "spare-next.wal"

enum wal_ahead {
	WAL_AHEAD_IDLE,
	WAL_AHEAD_AT_WORK,
	WAL_AHEAD_READY,
	WAL_AHEAD_FAILED, /* not tried again before a segment has begun */
};

struct wal_segment {
	uint64_t number, first_lsn;
};

struct wal_file {
	struct wal wal;
	struct wal_place place;
	char *folder;
	struct job commit, deliver, make;

	/* Under the mutex. */
	pthread_mutex_t mutex;
	struct list waiting, finished;
	uint64_t trim_to;
	struct wal_numbers numbers;
	int failing; /* what is appended now fails with it, until the caller has heard */
	bool broken; /* for good */
	uint64_t spares[WAL_SPARES_MAX];
	int spare_count;
	enum wal_ahead ahead;
	uint64_t leaving_from,
		leaving_to; /* numbers of segments that were trimmed and still have their names */

	/* The committer's. */
	struct disk_file *file; /* the segment that is written; NULL before the first one is made */
	struct wal_segment *segments;
	size_t segment_count, segment_capacity; /* the last one is the one that is written */
	uint64_t next_number;
	uint64_t size, position; /* of the file: where it ends, where the next group goes */
	uint64_t lsn;
	uint32_t previous;
	bool sealed; /* nothing was written since a group of only a pad */
	bool slow;   /* the segment was reserved only, and never written before */
	uint64_t
		short_number; /* the one that was left before it was full, for it was slow: not worth keeping; under the mutex */
	struct wal_entry **group;
	struct iovec *pieces;
	uint8_t *heads;

	/* The maker's. */
	struct disk_file *ahead_file;
	uint64_t ahead_size;
};

/* Files of the folder; a path holds until the next call by the same thread. */
const char *wal_segment_path(const struct wal_file *wal, uint64_t number, bool spare);

/* Remembers a segment as the last one.  ERR_MEMORY. */
int wal_segment_add(struct wal_file *wal, struct wal_segment segment, struct fault *fault);

/* Begins a segment at wal->lsn: a spare one, or new.  After ERR_FULL all is as it was. */
int wal_segment_begin(struct wal_file *wal, struct fault *fault);

/* Makes spares of (or removes) the segments that lie below `lsn` whole; or lets the maker do it, if there is one. */
int wal_segments_release(struct wal_file *wal, uint64_t lsn, struct fault *fault);

/* One of them.  *gone: it does not have its name any more, whatever is returned. */
int wal_segment_release(struct wal_file *wal, uint64_t number, bool *gone, struct fault *fault);

/* ---- wal_maker.c; but for the first two the committer's */
const char *wal_ahead_path(const struct wal_file *wal, char *out, size_t size);
void wal_maker_init(struct wal_file *wal);

/* All segments below number `to` are released by the maker, when it finds time. */
void wal_leave(struct wal_file *wal, uint64_t to);

/* Has room made when the segment is half full and no spare is there; earlier when it is a slow one. */
void wal_look_ahead(struct wal_file *wal);

/* Is there room that is better than that of the segment in use? */
bool wal_should_move(struct wal_file *wal);

/* Finds what is there and tells of it: wal_file_open() without the making. */
int wal_recover(struct wal_file *wal, uint64_t trimmed, wal_each *each, void *context, struct fault *fault);

#endif
