/*
 * wal_maker.c - what the log does away from the appends: room ahead of them, and names behind them.
 *
 * A segment that is only reserved is slow to sync, for the file system notes of each piece that it is written now; and a rename
 * with its sync takes as long as many groups.  So a lane of less haste writes a whole segment of zeros before the one in use is
 * full, and makes spares of what was trimmed.
 *
 *	IDLE ---asked---> AT_WORK ---all of it is durable---> READY ---a segment begins in it---> IDLE
 *	                     |                                                                     ^
 *	                     +---cannot be made---> FAILED ---------a segment begins---------------+
 *
 * The file has no number until a segment begins in it, and what a crash leaves of it is removed: it never held anything.
 */
#include <stdio.h>

#include "store/wal_inside.h"

/* Small enough that a group which comes meanwhile waits for little. */
#define PIECE_COUNT 16

static const uint8_t blank[64 << 10];

const char *wal_ahead_path(const struct wal_file *wal, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", wal->folder, WAL_AHEAD_NAME);
	return out;
}

/* ---- ahead */

static int begin(struct wal_file *wal)
{
	struct disk *disk = wal->place.disk;
	char path[4096];
	int err;

	wal_ahead_path(wal, path, sizeof path);
	err = disk->open(disk, path, DISK_CREATE, &wal->ahead_file, NULL);
	if (err == ERR_CONFLICT) { /* left by an attempt that failed */
		disk->remove(disk, path, NULL);
		err = disk->open(disk, path, DISK_CREATE, &wal->ahead_file, NULL);
	}
	wal->ahead_size = 0;
	return err < 0 ? err : disk->reserve(wal->ahead_file, wal->place.segment_size, NULL);
}

static int write_piece(struct wal_file *wal)
{
	struct disk *disk = wal->place.disk;
	struct iovec pieces[PIECE_COUNT];
	uint64_t left = wal->place.segment_size - wal->ahead_size, size = 0;
	int count = 0, err;

	for (; count < PIECE_COUNT && size < left; count++) {
		size_t part = left - size < sizeof blank ? (size_t)(left - size) : sizeof blank;

		pieces[count] = (struct iovec){ (void *)(uintptr_t)blank, part };
		size += part;
	}
	err = disk->write(wal->ahead_file, wal->ahead_size, pieces, count, NULL);
	if (err == 0)
		err = disk->sync(wal->ahead_file, NULL);
	wal->ahead_size += size;
	return err;
}

/* A piece of it.  What comes of it all. */
static enum wal_ahead make(struct wal_file *wal)
{
	struct disk *disk = wal->place.disk;
	int err = wal->ahead_file ? 0 : begin(wal);
	char path[4096];

	if (err == 0)
		err = write_piece(wal);
	if (err == 0 && wal->ahead_size < wal->place.segment_size)
		return WAL_AHEAD_AT_WORK;
	disk_close(wal->ahead_file);
	wal->ahead_file = NULL;
	if (err == 0)
		return WAL_AHEAD_READY;
	disk->remove(disk, wal_ahead_path(wal, path, sizeof path), NULL);
	return WAL_AHEAD_FAILED;
}

/* ---- behind */

int wal_segment_release(struct wal_file *wal, uint64_t number, bool *gone, struct fault *fault)
{
	struct disk *disk = wal->place.disk;
	char from[4096];
	bool spare;
	int err;

	pthread_mutex_lock(&wal->mutex);
	spare = wal->spare_count < WAL_SPARES_MAX && number != wal->short_number;
	pthread_mutex_unlock(&wal->mutex);
	snprintf(from, sizeof from, "%s", wal_segment_path(wal, number, false));
	err = spare ? disk->rename(disk, from, wal_segment_path(wal, number, true), fault)
		    : disk->remove(disk, from, fault);
	*gone = err == 0;
	/*
	 * One by one and in order: a hole in the numbers would look like damage.  And a spare is one only once its name is kept, or
	 * a new head might come back under the old name.
	 */
	if (err == 0)
		err = disk->sync_folder(disk, wal->folder, fault);
	if (err < 0 || !spare)
		return err;
	pthread_mutex_lock(&wal->mutex);
	wal->spares[wal->spare_count++] = number;
	pthread_mutex_unlock(&wal->mutex);
	return 0;
}

/* ---- the job */

static void work(struct job *job)
{
	struct wal_file *wal = container_of(job, struct wal_file, make);
	enum wal_ahead ahead;
	bool leaving, gone = false;
	uint64_t number;
	int err = 0;

	pthread_mutex_lock(&wal->mutex);
	number = wal->leaving_from;
	leaving = number < wal->leaving_to;
	ahead = wal->ahead;
	pthread_mutex_unlock(&wal->mutex);
	if (leaving)
		err = wal_segment_release(wal, number, &gone, NULL);
	else if (ahead == WAL_AHEAD_AT_WORK)
		ahead = make(wal);
	pthread_mutex_lock(&wal->mutex);
	wal->leaving_from += gone;
	if (!leaving)
		wal->ahead = ahead;
	/* What cannot be released now is with the next trim. */
	leaving = err == 0 && wal->leaving_from < wal->leaving_to;
	ahead = wal->ahead;
	pthread_mutex_unlock(&wal->mutex);
	if (leaving || (ahead == WAL_AHEAD_AT_WORK && err == 0))
		lane_post(wal->place.maker, &wal->make);
}

void wal_maker_init(struct wal_file *wal)
{
	job_init(&wal->make, work);
}

void wal_leave(struct wal_file *wal, uint64_t to)
{
	pthread_mutex_lock(&wal->mutex);
	if (wal->leaving_from == wal->leaving_to)
		wal->leaving_from = wal->segments[0].number;
	wal->leaving_to = to;
	pthread_mutex_unlock(&wal->mutex);
	lane_post(wal->place.maker, &wal->make);
}

void wal_look_ahead(struct wal_file *wal)
{
	bool wanted;

	if (!wal->place.maker || !wal->file)
		return;
	pthread_mutex_lock(&wal->mutex);
	wanted = wal->ahead == WAL_AHEAD_IDLE && wal->spare_count == 0 &&
		 wal->position >= wal->size / (wal->slow ? 8 : 2);
	if (wanted)
		wal->ahead = WAL_AHEAD_AT_WORK;
	pthread_mutex_unlock(&wal->mutex);
	if (wanted)
		lane_post(wal->place.maker, &wal->make);
}

bool wal_should_move(struct wal_file *wal)
{
	bool better;

	if (!wal->slow || !wal->place.maker)
		return false;
	pthread_mutex_lock(&wal->mutex);
	better = wal->ahead == WAL_AHEAD_READY;
	pthread_mutex_unlock(&wal->mutex);
	return better;
}
