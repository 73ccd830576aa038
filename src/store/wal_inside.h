/* wal_inside.h - what the files of the write-ahead log share: who owns what is said here. */
#ifndef STORE_WAL_INSIDE_H
#define STORE_WAL_INSIDE_H

#include <pthread.h>

#include "store/wal_format.h"

#define WAL_SPARES_MAX 2

struct wal_segment {
	uint64_t number, first_lsn;
};

struct wal_file {
	struct wal wal;
	struct wal_place place;
	char *folder;
	struct job commit, deliver;

	/* Under the mutex. */
	pthread_mutex_t mutex;
	struct list waiting, finished;
	uint64_t trim_to;
	struct wal_numbers numbers;
	int failing; /* what is appended now fails with it, until the caller has heard */
	bool broken; /* for good */

	/* The committer's. */
	struct disk_file *file; /* the segment that is written; NULL before the first one is made */
	struct wal_segment *segments;
	size_t segment_count, segment_capacity; /* the last one is the one that is written */
	uint64_t spares[WAL_SPARES_MAX];
	int spare_count;
	uint64_t next_number;
	uint64_t size, position; /* of the file: where it ends, where the next group goes */
	uint64_t lsn;
	uint32_t previous;
	bool sealed; /* nothing was written since a group of only a pad */
	struct wal_entry **group;
	struct iovec *pieces;
	uint8_t *heads;
};

/* Files of the folder; a path holds until the next call by the same thread. */
const char *wal_segment_path(const struct wal_file *wal, uint64_t number, bool spare);

/* Remembers a segment as the last one.  ERR_MEMORY. */
int wal_segment_add(struct wal_file *wal, struct wal_segment segment, struct fault *fault);

/* Begins a segment at wal->lsn: a spare one, or new.  After ERR_FULL all is as it was. */
int wal_segment_begin(struct wal_file *wal, struct fault *fault);

/* Makes spares of (or removes) the segments that lie below `lsn` whole. */
int wal_segments_release(struct wal_file *wal, uint64_t lsn, struct fault *fault);

/* Finds what is there and tells of it: wal_file_open() without the making. */
int wal_recover(struct wal_file *wal, uint64_t trimmed, wal_each *each, void *context, struct fault *fault);

#endif
