/* wal_segment.c - segments begun, released and used again. */
#include <stdio.h>
#include <stdlib.h>

#include "store/wal_inside.h"

const char *wal_segment_path(const struct wal_file *wal, uint64_t number, bool spare)
{
	static _Thread_local char path[4096];

	snprintf(path, sizeof path, "%s/%s%020llu.wal", wal->folder, spare ? "spare-" : "",
		 (unsigned long long)number);
	return path;
}

int wal_segment_add(struct wal_file *wal, struct wal_segment segment, struct fault *fault)
{
	if (wal->segment_count == wal->segment_capacity) {
		size_t capacity = wal->segment_capacity ? 2 * wal->segment_capacity : 16;
		struct wal_segment *more = realloc(wal->segments, capacity * sizeof *more);

		if (!more)
			return fault_set(fault, ERR_MEMORY, "%s: out of memory", wal->folder);
		wal->segments = more;
		wal->segment_capacity = capacity;
	}
	wal->segments[wal->segment_count++] = segment;
	return 0;
}

/* Takes one of them off the list; false when there is none. */
static bool take_spare(struct wal_file *wal, uint64_t *number)
{
	bool found;

	pthread_mutex_lock(&wal->mutex);
	found = wal->spare_count > 0;
	if (found)
		*number = wal->spares[--wal->spare_count];
	pthread_mutex_unlock(&wal->mutex);
	return found;
}

/* What was made ahead is taken once, and after a failure the next segment may be tried again. */
static bool take_ahead(struct wal_file *wal)
{
	bool found;

	pthread_mutex_lock(&wal->mutex);
	found = wal->ahead == WAL_AHEAD_READY;
	if (wal->ahead != WAL_AHEAD_AT_WORK)
		wal->ahead = WAL_AHEAD_IDLE;
	pthread_mutex_unlock(&wal->mutex);
	return found;
}

/* The file, if it has the size of a segment; if not, it is removed. */
static struct disk_file *open_whole(struct wal_file *wal, const char *path)
{
	struct disk *disk = wal->place.disk;
	struct disk_file *file;
	uint64_t size;

	if (disk->open(disk, path, DISK_WRITE, &file, NULL) == 0) {
		if (disk->size(file, &size, NULL) == 0 && size == wal->place.segment_size)
			return file;
		disk_close(file);
	}
	disk->remove(disk, path, NULL); /* half made, or of another size */
	return NULL;
}

/* A file with room for a segment, under another name; *slow: nothing was ever written there. */
static int find_room(struct wal_file *wal, struct disk_file **out, char *path, size_t path_size, bool *slow,
		     struct fault *fault)
{
	struct disk *disk = wal->place.disk;
	struct disk_file *file = NULL;
	uint64_t number;
	int err;

	*slow = false;
	if (take_ahead(wal))
		file = open_whole(wal, wal_ahead_path(wal, path, path_size));
	while (!file && take_spare(wal, &number)) {
		snprintf(path, path_size, "%s", wal_segment_path(wal, number, true));
		file = open_whole(wal, path);
	}
	if (file) {
		*out = file;
		return 0;
	}
	*slow = true;
	snprintf(path, path_size, "%s", wal_segment_path(wal, wal->next_number, true));
	err = disk->open(disk, path, DISK_CREATE, &file, fault);
	if (err == ERR_CONFLICT) { /* left by an attempt that failed */
		disk->remove(disk, path, NULL);
		err = disk->open(disk, path, DISK_CREATE, &file, fault);
	}
	if (err < 0)
		return err;
	err = disk->reserve(file, wal->place.segment_size, fault);
	if (err < 0) {
		disk_close(file);
		disk->remove(disk, path, NULL);
		return err;
	}
	*out = file;
	return 0;
}

/* The one that was in use is left.  One that is mostly unwritten is no spare to be glad of. */
static void leave_behind(struct wal_file *wal)
{
	if (!wal->slow || wal->position > wal->size / 2 || !wal->segment_count)
		return;
	pthread_mutex_lock(&wal->mutex);
	wal->short_number = wal->segments[wal->segment_count - 1].number;
	pthread_mutex_unlock(&wal->mutex);
}

/* A segment has its name only once its head is durable, so a bad head under a good name is damage. */
int wal_segment_begin(struct wal_file *wal, struct fault *fault)
{
	struct disk *disk = wal->place.disk;
	struct wal_segment segment = { wal->next_number, wal->lsn };
	struct wal_segment_head head = { wal->place.log_id, segment.number, segment.first_lsn, 0,
					 wal->previous };
	uint8_t page[WAL_PAGE_SIZE];
	struct iovec piece = { page, sizeof page };
	struct disk_file *file;
	char from[4096];
	bool slow;
	int err = find_room(wal, &file, from, sizeof from, &slow, fault);

	if (err < 0)
		return err;
	head.size = wal->place.segment_size;
	wal_segment_head_put(page, &head);
	err = disk->write(file, 0, &piece, 1, fault);
	if (err == 0)
		err = disk->sync(file, fault);
	if (err < 0) {
		/* Whatever is in it now, it is a spare: its name says so. */
		disk_close(file);
		disk->remove(disk, from, NULL);
		return err;
	}
	err = disk->rename(disk, from, wal_segment_path(wal, segment.number, false), fault);
	if (err == 0)
		err = disk->sync_folder(disk, wal->folder, fault);
	if (err == 0)
		leave_behind(wal);
	if (err == 0)
		err = wal_segment_add(wal, segment, fault);
	if (err < 0) {
		disk_close(file);
		return err == ERR_FULL ? ERR_IO
				       : err; /* the name may be there or not: only opening can say */
	}
	disk_close(wal->file);
	wal->file = file;
	wal->next_number++;
	wal->size = wal->place.segment_size;
	wal->position = WAL_PAGE_SIZE;
	wal->slow = slow;
	return 0;
}

int wal_segments_release(struct wal_file *wal, uint64_t lsn, struct fault *fault)
{
	size_t below = 0, released = 0;
	int err = 0;

	while (below + 1 < wal->segment_count && wal->segments[below + 1].first_lsn <= lsn)
		below++;
	if (!below)
		return 0;
	if (wal->place.maker) {
		wal_leave(wal, wal->segments[below].number);
		released = below;
	}
	while (released < below && err == 0) {
		bool gone;

		err = wal_segment_release(wal, wal->segments[released].number, &gone, fault);
		released += gone;
	}
	wal->segment_count -= released;
	memmove(wal->segments, wal->segments + released, wal->segment_count * sizeof *wal->segments);
	return err;
}
