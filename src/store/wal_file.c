/*
 * wal_file.c - the write-ahead log in files: group commit.  wal_format.h says what is on the disk.
 *
 *	waiting ---take---> group ---write, sync---> finished ---home lane---> done()
 *	   ^                                             ^
 *	   wal_append()            failing: straight to--+
 *
 * While the log is failing, that is from a group that could not be written until the caller has been told, whatever is
 * appended fails as well: its offsets follow those that were lost.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/wal_inside.h"

static const uint8_t zeros[2 * WAL_PAGE_SIZE];

#define PIECES_MAX (3 * WAL_GROUP_COUNT_MAX + 2)

/* The pad behind `size` bytes of a group: what fills the page, and has room for a head. */
static uint64_t pad_size(uint64_t size)
{
	uint64_t rest = (WAL_PAGE_SIZE - size % WAL_PAGE_SIZE) % WAL_PAGE_SIZE;

	return rest && rest < WAL_ENTRY_SIZE ? rest + WAL_PAGE_SIZE : rest;
}

static uint64_t room_left(const struct wal_file *wal)
{
	return wal->file ? wal->size - wal->position : 0;
}

/* What a group may take of it: one page stays for the pad that ends a log in good order. */
static uint64_t group_room_left(const struct wal_file *wal)
{
	uint64_t left = room_left(wal);

	return left > WAL_PAGE_SIZE ? left - WAL_PAGE_SIZE : 0;
}

/* Takes what waits, as much as one group may hold.  Returns how many. */
static int take_group(struct wal_file *wal)
{
	uint64_t size = 0;
	int count = 0;

	pthread_mutex_lock(&wal->mutex);
	while (count < WAL_GROUP_COUNT_MAX && !list_empty(&wal->waiting)) {
		struct wal_entry *entry = container_of(wal->waiting.next, struct wal_entry, link);
		uint64_t more = size + wal_entry_size(entry->payload.size);

		if (count && (more > WAL_GROUP_SIZE_MAX || more + pad_size(more) > group_room_left(wal)))
			break;
		list_remove(&entry->link);
		wal->group[count++] = entry;
		size = more;
	}
	pthread_mutex_unlock(&wal->mutex);
	return count;
}

/* The vectors of a group at wal->lsn.  Returns the bytes; *pieces is how many vectors. */
static uint64_t lay_out(struct wal_file *wal, int count, int *pieces, uint32_t *previous)
{
	uint64_t size = 0, pad;
	int used = 0;

	*previous = wal->previous;
	for (int i = 0; i < count; i++) {
		struct wal_entry *entry = wal->group[i];
		uint8_t *head = wal->heads + (size_t)i * WAL_ENTRY_SIZE;
		size_t whole = wal_entry_size(entry->payload.size), padding;

		entry->head.lsn = wal->lsn + size;
		*previous = wal_entry_put(head, &entry->head, (uint32_t)size, *previous, entry->payload);
		wal->pieces[used++] = (struct iovec){ head, WAL_ENTRY_SIZE };
		wal->pieces[used++] =
			(struct iovec){ (void *)(uintptr_t)entry->payload.at, entry->payload.size };
		padding = whole - WAL_ENTRY_SIZE - entry->payload.size;
		if (padding)
			wal->pieces[used++] = (struct iovec){ (void *)(uintptr_t)zeros, padding };
		size += whole;
	}
	pad = count ? pad_size(size) : WAL_PAGE_SIZE;
	if (pad) {
		struct wal_head head = { .lsn = wal->lsn + size, .kind = WAL_PAD };
		uint8_t *at = wal->heads + (size_t)count * WAL_ENTRY_SIZE;

		*previous = wal_entry_put(at, &head, (uint32_t)size, *previous,
					  view_of(zeros, pad - WAL_ENTRY_SIZE));
		wal->pieces[used++] = (struct iovec){ at, WAL_ENTRY_SIZE };
		wal->pieces[used++] = (struct iovec){ (void *)(uintptr_t)zeros, pad - WAL_ENTRY_SIZE };
		size += pad;
	}
	*pieces = used;
	return size;
}

/* A disk that is full in the middle of a group: what was written of it must not be found again. */
static int blot_out(struct wal_file *wal)
{
	struct iovec page = { (void *)(uintptr_t)zeros, WAL_PAGE_SIZE };
	struct disk *disk = wal->place.disk;

	return disk->write(wal->file, wal->position, &page, 1, NULL) == 0 && disk->sync(wal->file, NULL) == 0
		       ? ERR_FULL
		       : ERR_IO;
}

/* Writes and syncs the group.  0, ERR_FULL with nothing written, or an error that breaks the log. */
static int commit_group(struct wal_file *wal, int count)
{
	struct disk *disk = wal->place.disk;
	uint64_t size = 0, room;
	uint32_t previous;
	int pieces, err;

	for (int i = 0; i < count; i++)
		size += wal_entry_size(wal->group[i]->payload.size);
	size += count ? pad_size(size) : WAL_PAGE_SIZE;
	room = count ? group_room_left(wal) : room_left(wal);
	if (size > room || (count && wal_should_move(wal))) {
		err = wal_segment_begin(wal, NULL);
		if (err < 0 && (err != ERR_FULL || size > room))
			return err == ERR_FULL ? ERR_FULL : ERR_IO;
	}
	assert(size <= room_left(wal));
	size = lay_out(wal, count, &pieces, &previous);
	err = disk->write(wal->file, wal->position, wal->pieces, pieces, NULL);
	if (err == ERR_FULL)
		return blot_out(wal);
	if (err == 0)
		err = disk->sync(wal->file, NULL);
	if (err < 0)
		return ERR_IO; /* after a failed sync only opening can say what is there */
	wal->position += size;
	wal->lsn += size;
	wal->previous = previous;
	wal->sealed = count == 0;
	return 0;
}

/* Under the mutex, by the committer. */
static void count_up(struct wal_file *wal)
{
	uint64_t segments =
		wal->segment_count + (uint64_t)wal->spare_count + (wal->leaving_to - wal->leaving_from);

	segments += wal->ahead == WAL_AHEAD_AT_WORK || wal->ahead == WAL_AHEAD_READY;
	wal->numbers.first_lsn = wal->segment_count ? wal->segments[0].first_lsn : wal->lsn;
	wal->numbers.size_on_disk = segments * wal->place.segment_size;
}

static void finish(struct wal_file *wal, int count, int err)
{
	pthread_mutex_lock(&wal->mutex);
	for (int i = 0; i < count; i++) {
		wal->group[i]->err = err;
		list_append(&wal->finished, &wal->group[i]->link);
	}
	if (err < 0) {
		wal->failing = err;
		wal->broken = wal->broken || err != ERR_FULL;
		while (!list_empty(&wal->waiting)) {
			struct wal_entry *entry = container_of(wal->waiting.next, struct wal_entry, link);

			list_remove(&entry->link);
			entry->err = err;
			list_append(&wal->finished, &entry->link);
		}
	} else {
		wal->numbers.groups++;
		wal->numbers.bytes += wal->lsn - wal->numbers.end_lsn;
	}
	wal->numbers.end_lsn = wal->lsn;
	count_up(wal);
	pthread_mutex_unlock(&wal->mutex);
	lane_post(wal->place.home, &wal->deliver);
}

/* On the committer's lane. */
static void commit(struct job *job)
{
	struct wal_file *wal = container_of(job, struct wal_file, commit);
	uint64_t trim_to;
	bool broken, more;
	int count = take_group(wal);

	if (count)
		finish(wal, count, commit_group(wal, count));
	pthread_mutex_lock(&wal->mutex);
	trim_to = wal->trim_to;
	broken = wal->broken;
	pthread_mutex_unlock(&wal->mutex);
	if (!broken && trim_to)
		wal_segments_release(wal, trim_to,
				     NULL); /* what cannot be released now is with the next trim */
	if (!broken)
		wal_look_ahead(wal);
	pthread_mutex_lock(&wal->mutex);
	more = !list_empty(&wal->waiting);
	count_up(wal);
	pthread_mutex_unlock(&wal->mutex);
	if (more)
		lane_post(wal->place.committer, &wal->commit);
}

/* On the caller's thread. */
static void deliver(struct job *job)
{
	struct wal_file *wal = container_of(job, struct wal_file, deliver);
	struct list told;

	list_init(&told);
	pthread_mutex_lock(&wal->mutex);
	while (!list_empty(&wal->finished)) {
		struct list *link = wal->finished.next;

		list_remove(link);
		list_append(&told, link);
	}
	wal->failing = wal->broken ? ERR_IO : 0;
	pthread_mutex_unlock(&wal->mutex);
	while (!list_empty(&told)) {
		struct wal_entry *entry = container_of(told.next, struct wal_entry, link);

		list_remove(&entry->link);
		entry->done(entry, entry->err);
	}
}

static void append(struct wal *base, struct wal_entry *entry)
{
	struct wal_file *wal = (struct wal_file *)base;
	bool failing;

	assert(entry->payload.size <= wal_payload_max(base));
	pthread_mutex_lock(&wal->mutex);
	failing = wal->failing;
	entry->err = wal->failing;
	list_append(failing ? &wal->finished : &wal->waiting, &entry->link);
	pthread_mutex_unlock(&wal->mutex);
	if (failing)
		lane_post(wal->place.home, &wal->deliver);
	else
		lane_post(wal->place.committer, &wal->commit);
}

static void trim(struct wal *base, uint64_t lsn)
{
	struct wal_file *wal = (struct wal_file *)base;

	pthread_mutex_lock(&wal->mutex);
	if (lsn > wal->trim_to)
		wal->trim_to = lsn;
	pthread_mutex_unlock(&wal->mutex);
	lane_post(wal->place.committer, &wal->commit);
}

static void numbers(struct wal *base, struct wal_numbers *out)
{
	struct wal_file *wal = (struct wal_file *)base;

	pthread_mutex_lock(&wal->mutex);
	*out = wal->numbers;
	pthread_mutex_unlock(&wal->mutex);
}

static size_t payload_max(struct wal *base)
{
	const struct wal_file *wal = (struct wal_file *)base;

	return wal->place.segment_size - 3 * WAL_PAGE_SIZE;
}

/* In good order the log ends with a pad, so that damage to its last entries can be told from a tear. */
static void free_wal(struct wal *base)
{
	struct wal_file *wal = (struct wal_file *)base;

	if (wal->file && !wal->broken && !wal->sealed && wal->group && wal->pieces && wal->heads &&
	    room_left(wal) >= WAL_PAGE_SIZE)
		commit_group(wal, 0);
	disk_close(wal->file);
	disk_close(wal->ahead_file);
	pthread_mutex_destroy(&wal->mutex);
	free(wal->segments);
	free(wal->group);
	free(wal->pieces);
	free(wal->heads);
	free(wal->folder);
	free(wal);
}

static const struct wal_operations operations = {
	.append = append,
	.trim = trim,
	.numbers = numbers,
	.payload_max = payload_max,
	.free = free_wal,
};

int wal_file_open(const struct wal_place *place, uint64_t trimmed, wal_each *each, void *context,
		  struct wal **out, struct fault *fault)
{
	struct wal_file *wal = calloc(1, sizeof *wal);
	int err;

	assert(place->segment_size >= WAL_SEGMENT_SIZE_MIN && place->segment_size % WAL_PAGE_SIZE == 0);
	if (!wal)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	wal->wal.operations = &operations;
	wal->place = *place;
	wal->sealed = true;
	pthread_mutex_init(&wal->mutex, NULL);
	list_init(&wal->waiting);
	list_init(&wal->finished);
	job_init(&wal->commit, commit);
	job_init(&wal->deliver, deliver);
	wal_maker_init(wal);
	wal->folder = strdup(place->folder);
	wal->group = calloc(WAL_GROUP_COUNT_MAX, sizeof *wal->group);
	wal->pieces = calloc(PIECES_MAX, sizeof *wal->pieces);
	wal->heads = calloc(WAL_GROUP_COUNT_MAX + 1, WAL_ENTRY_SIZE);
	if (!wal->folder || !wal->group || !wal->pieces || !wal->heads) {
		err = fault_set(fault, ERR_MEMORY, "out of memory");
		goto free_wal;
	}
	err = place->disk->make_folder(place->disk, wal->folder, fault);
	if (err == 0)
		err = wal_recover(wal, trimmed, each, context, fault);
	if (err == 0)
		err = wal_segments_release(wal, trimmed, fault);
	if (err < 0)
		goto free_wal;
	/* The first group begins a segment: a full disk does not keep anybody from reading. */
	wal->numbers.end_lsn = wal->lsn;
	pthread_mutex_lock(&wal->mutex);
	count_up(wal);
	pthread_mutex_unlock(&wal->mutex);
	*out = &wal->wal;
	return 0;
free_wal:
	free_wal(&wal->wal);
	return err;
}
