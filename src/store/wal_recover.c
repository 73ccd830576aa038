/* wal_recover.c - what a log holds that was left behind: walked, judged, told. */
#include <stdio.h>
#include <stdlib.h>

#include "store/wal_inside.h"

/* What the folder holds, before any head was read. */
struct found {
	struct wal_file *wal;
	uint64_t *numbers;
	size_t count, capacity;
	int err;
};

static bool number_of(const char *name, const char *prefix, uint64_t *out)
{
	size_t size = strlen(prefix);
	char *end;

	if (strncmp(name, prefix, size) != 0 || strlen(name) != size + 24 ||
	    strcmp(name + size + 20, ".wal") != 0)
		return false;
	for (const char *at = name + size; at < name + size + 20; at++)
		if (*at < '0' || *at > '9')
			return false;
	*out = strtoull(name + size, &end, 10);
	return true;
}

static int find_one(void *context, const char *name)
{
	struct found *found = context;
	struct wal_file *wal = found->wal;
	uint64_t number;
	char path[4096];

	if (strcmp(name, WAL_AHEAD_NAME) == 0) {
		wal->place.disk->remove(wal->place.disk, wal_ahead_path(wal, path, sizeof path), NULL);
		return 0;
	}
	if (number_of(name, "spare-", &number)) {
		if (wal->spare_count < WAL_SPARES_MAX)
			wal->spares[wal->spare_count++] = number;
		else
			wal->place.disk->remove(wal->place.disk, wal_segment_path(wal, number, true), NULL);
		return 0;
	}
	if (!number_of(name, "", &number))
		return 0; /* not ours: let it be */
	if (found->count == found->capacity) {
		size_t capacity = found->capacity ? 2 * found->capacity : 64;
		uint64_t *more = realloc(found->numbers, capacity * sizeof *more);

		if (!more)
			return ERR_MEMORY;
		found->numbers = more;
		found->capacity = capacity;
	}
	found->numbers[found->count++] = number;
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

#define DAMAGE_ADVICE                                                                                        \
	"Nothing was changed. Restore the folder from a copy, or, to go on with what is before the damage "  \
	"and give up "                                                                                       \
	"what is behind it, move this segment and the later ones out of the folder"

/* A segment, and the memory for the next one. */
struct whole {
	uint8_t *at;
	uint64_t size, capacity;
};

/* Reads a whole segment; its head is checked. */
static int read_segment(struct wal_file *wal, uint64_t number, struct whole *out,
			struct wal_segment_head *head, struct fault *fault)
{
	struct disk *disk = wal->place.disk;
	const char *path = wal_segment_path(wal, number, false);
	struct disk_file *file;
	uint64_t size;
	int64_t got;
	int err = disk->open(disk, path, DISK_READ, &file, fault);

	if (err < 0)
		return err;
	err = disk->size(file, &size, fault);
	if (err == 0 && size > out->capacity) {
		uint8_t *more = realloc(out->at, size);

		err = more ? 0
			   : fault_set(fault, ERR_MEMORY, "%s: no memory for its %llu bytes", path,
				       (unsigned long long)size);
		if (more) {
			out->at = more;
			out->capacity = size;
		}
	}
	if (err == 0) {
		got = disk->read(file, 0, out->at, size, fault);
		err = got < 0 ? (int)got : 0;
		out->size = got < 0 ? 0 : (uint64_t)got;
	}
	disk_close(file);
	if (err < 0)
		return err;
	err = wal_segment_head_get(view_of(out->at, out->size), head, fault);
	if (err == ERR_UNSUPPORTED)
		return fault_at(fault, "%s", path);
	if (err < 0)
		return fault_set(fault, ERR_CHECKSUM,
				 "%s: damage: the head of the segment does not check out. %s", path,
				 DAMAGE_ADVICE);
	if (head->log_id != wal->place.log_id)
		return fault_set(fault, ERR_CONFIG,
				 "%s: belongs to another store than the metadata says: put together what "
				 "belongs together",
				 path);
	if (head->number != number)
		return fault_set(fault, ERR_CHECKSUM, "%s: damage: it holds segment %llu. %s", path,
				 (unsigned long long)head->number, DAMAGE_ADVICE);
	return 0;
}

/* Heads only, to know where each segment ends. */
static int read_heads(struct wal_file *wal, const struct found *found, struct wal_segment_head *heads,
		      struct fault *fault)
{
	for (size_t i = 0; i < found->count; i++) {
		struct disk *disk = wal->place.disk;
		const char *path = wal_segment_path(wal, found->numbers[i], false);
		uint8_t page[WAL_PAGE_SIZE];
		struct disk_file *file;
		int64_t got;
		int err;

		if (i && found->numbers[i] != found->numbers[i - 1] + 1)
			return fault_set(fault, ERR_CHECKSUM,
					 "%s: damage: the segment before it is missing. %s", path,
					 DAMAGE_ADVICE);
		err = disk->open(disk, path, DISK_READ, &file, fault);
		if (err < 0)
			return err;
		got = disk->read(file, 0, page, sizeof page, fault);
		disk_close(file);
		if (got < 0)
			return (int)got;
		err = wal_segment_head_get(view_of(page, (size_t)got), &heads[i], fault);
		if (err == ERR_UNSUPPORTED)
			return fault_at(fault, "%s", path);
		if (err < 0 || heads[i].number != found->numbers[i])
			return fault_set(fault, ERR_CHECKSUM,
					 "%s: damage: the head of the segment does not check out. %s", path,
					 DAMAGE_ADVICE);
	}
	return 0;
}

/* Walks one segment, tells of what is from `trimmed` on.  `end`: where the next one begins, or UINT64_MAX. */
static int walk_segment(struct wal_file *wal, const struct wal_segment_head *head, struct view bytes,
			uint64_t end, uint64_t trimmed, wal_each *each, void *context, struct fault *fault)
{
	struct wal_walk walk = { bytes, head->first_lsn, head->first_lsn, head->previous };
	struct wal_entry_head entry;
	struct view payload;

	while (walk.lsn < end && wal_walk_next(&walk, &entry, &payload) == 1) {
		int err = entry.head.lsn >= trimmed ? each(context, &entry.head, payload, fault) : 0;

		if (err < 0)
			return err;
	}
	if (end != UINT64_MAX ? walk.lsn != end : wal_group_after(bytes, head->first_lsn, walk.lsn) != 0)
		return fault_set(fault, ERR_CHECKSUM,
				 "%s: damage at byte %llu: entries that were durable do not check out, and "
				 "there are good "
				 "ones behind them. %s",
				 wal_segment_path(wal, head->number, false),
				 (unsigned long long)(walk.lsn - head->first_lsn + WAL_PAGE_SIZE),
				 DAMAGE_ADVICE);
	wal->lsn = walk.lsn;
	wal->previous = walk.previous;
	return 0;
}

/* What was read may still be on its way to the disk: it is told of only as durable. */
static int sync_segment(struct wal_file *wal, uint64_t number, struct fault *fault)
{
	struct disk *disk = wal->place.disk;
	struct disk_file *file;
	int err = disk->open(disk, wal_segment_path(wal, number, false), DISK_WRITE, &file, fault);

	if (err < 0)
		return err;
	err = disk->sync(file, fault);
	disk_close(file);
	return err;
}

static int walk_all(struct wal_file *wal, const struct found *found, const struct wal_segment_head *heads,
		    uint64_t trimmed, wal_each *each, void *context, struct fault *fault)
{
	struct whole bytes = { 0 };
	struct wal_segment_head head;
	int err = 0;

	for (size_t i = 0; i < found->count && err == 0; i++) {
		uint64_t end = i + 1 < found->count ? heads[i + 1].first_lsn : UINT64_MAX;

		err = wal_segment_add(wal, (struct wal_segment){ heads[i].number, heads[i].first_lsn },
				      fault);
		if (err < 0 || end <= trimmed)
			continue; /* wholly below: not looked at */
		err = read_segment(wal, heads[i].number, &bytes, &head, fault);
		if (err == 0 && end == UINT64_MAX)
			err = sync_segment(wal, heads[i].number, fault);
		if (err == 0)
			err = walk_segment(wal, &head, view_of(bytes.at, bytes.size), end, trimmed, each,
					   context, fault);
		if (err == 0 && end != UINT64_MAX && heads[i + 1].previous != wal->previous)
			err = fault_set(fault, ERR_CHECKSUM,
					"%s: damage: it does not follow the segment before it. %s",
					wal_segment_path(wal, heads[i + 1].number, false), DAMAGE_ADVICE);
	}
	free(bytes.at);
	return err;
}

int wal_recover(struct wal_file *wal, uint64_t trimmed, wal_each *each, void *context, struct fault *fault)
{
	struct found found = { .wal = wal };
	struct wal_segment_head *heads = NULL;
	int err = wal->place.disk->list(wal->place.disk, wal->folder, find_one, &found, fault);

	if (err < 0)
		goto free_found;
	if (found.count == 0 && trimmed > 0) {
		err = fault_set(fault, ERR_CHECKSUM,
				"%s: the write-ahead log is gone, and the metadata knows of one: restore the "
				"folder, or the "
				"metadata that belongs to it",
				wal->folder);
		goto free_found;
	}
	if (found.count == 0)
		goto free_found;
	qsort(found.numbers, found.count, sizeof *found.numbers, compare_numbers);
	heads = calloc(found.count, sizeof *heads);
	err = heads ? read_heads(wal, &found, heads, fault)
		    : fault_set(fault, ERR_MEMORY, "%s: out of memory", wal->folder);
	if (err == 0 && heads[0].first_lsn > trimmed)
		err = fault_set(fault, ERR_CHECKSUM, "%s: damage: segments before it are missing. %s",
				wal_segment_path(wal, heads[0].number, false), DAMAGE_ADVICE);
	if (err == 0)
		err = walk_all(wal, &found, heads, trimmed, each, context, fault);
	if (err == 0 && wal->lsn < trimmed)
		err = fault_set(
			fault, ERR_CHECKSUM,
			"%s: damage: the log ends before what the metadata says was uploaded from it. %s",
			wal_segment_path(wal, found.numbers[found.count - 1], false), DAMAGE_ADVICE);
	wal->next_number = found.numbers[found.count - 1] + 1;
free_found:
	free(heads);
	free(found.numbers);
	return err;
}
