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

/* A file with room for a segment, under the name of a spare. */
static int find_spare(struct wal_file *wal, struct disk_file **out, uint64_t *number, uint64_t *size,
		      struct fault *fault)
{
	struct disk *disk = wal->place.disk;
	struct disk_file *file;
	int err;

	while (wal->spare_count) {
		*number = wal->spares[--wal->spare_count];
		if (disk->open(disk, wal_segment_path(wal, *number, true), DISK_WRITE, &file, NULL) == 0) {
			if (disk->size(file, size, NULL) == 0 && *size == wal->place.segment_size) {
				*out = file;
				return 0;
			}
			disk_close(file);
		}
		disk->remove(disk, wal_segment_path(wal, *number, true),
			     NULL); /* half made, or of another size */
	}
	*number = wal->next_number;
	*size = wal->place.segment_size;
	err = disk->open(disk, wal_segment_path(wal, *number, true), DISK_CREATE, &file, fault);
	if (err == ERR_CONFLICT) { /* left by an attempt that failed */
		disk->remove(disk, wal_segment_path(wal, *number, true), NULL);
		err = disk->open(disk, wal_segment_path(wal, *number, true), DISK_CREATE, &file, fault);
	}
	if (err < 0)
		return err;
	err = disk->reserve(file, *size, fault);
	if (err < 0) {
		disk_close(file);
		disk->remove(disk, wal_segment_path(wal, *number, true), NULL);
		return err;
	}
	*out = file;
	return 0;
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
	uint64_t number = 0, size = 0;
	char from[4096];
	int err = find_spare(wal, &file, &number, &size, fault);

	if (err < 0)
		return err;
	snprintf(from, sizeof from, "%s", wal_segment_path(wal, number, true));
	head.size = size;
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
		err = wal_segment_add(wal, segment, fault);
	if (err < 0) {
		disk_close(file);
		return err == ERR_FULL ? ERR_IO
				       : err; /* the name may be there or not: only opening can say */
	}
	disk_close(wal->file);
	wal->file = file;
	wal->next_number++;
	wal->size = size;
	wal->position = WAL_PAGE_SIZE;
	return 0;
}

int wal_segments_release(struct wal_file *wal, uint64_t lsn, struct fault *fault)
{
	struct disk *disk = wal->place.disk;
	size_t released = 0;
	int err = 0;

	while (released + 1 < wal->segment_count && wal->segments[released + 1].first_lsn <= lsn) {
		uint64_t number = wal->segments[released].number;
		bool spare = wal->spare_count < WAL_SPARES_MAX;
		char from[4096];

		snprintf(from, sizeof from, "%s", wal_segment_path(wal, number, false));
		err = spare ? disk->rename(disk, from, wal_segment_path(wal, number, true), fault)
			    : disk->remove(disk, from, fault);
		if (err < 0)
			break;
		released++;
		/*
		 * One by one and in order: a hole in the numbers would look like damage.  And a spare is one only once its name
		 * is kept, or a new head might come back under the old name.
		 */
		err = disk->sync_folder(disk, wal->folder, fault);
		if (err < 0)
			break;
		if (spare)
			wal->spares[wal->spare_count++] = number;
	}
	if (!released)
		return err;
	wal->segment_count -= released;
	memmove(wal->segments, wal->segments + released, wal->segment_count * sizeof *wal->segments);
	return err;
}
