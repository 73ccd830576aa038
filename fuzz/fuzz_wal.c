/*
 * fuzz_wal.c - a segment of a write-ahead log from anybody: any bytes, also behind a head and in entries that hold.
 *
 * What is told of are entries that follow one another, each a batch that is what its head says; a walk ends, and never beyond
 * the segment.
 */
#include <assert.h>
#include <stdlib.h>

#include "store/wal_format.h"
#include "wire/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(struct view bytes, uint64_t first_lsn, uint32_t previous)
{
	struct wal_walk walk = { bytes, first_lsn, first_lsn, previous };
	struct wal_entry_head entry;
	struct view payload;
	uint64_t before = first_lsn;

	while (wal_walk_next(&walk, &entry, &payload) == 1) {
		struct view rest = payload;
		struct batch batch;

		assert(entry.head.lsn >= before && walk.lsn == entry.head.lsn + wal_entry_size(payload.size));
		assert(payload.at >= bytes.at && payload.at + payload.size <= bytes.at + bytes.size);
		assert(batch_next(&rest, &batch) == 1 && rest.size == 0);
		assert(batch.head.base_offset == entry.head.base_offset);
		before = walk.lsn;
	}
	assert(walk.lsn - first_lsn <= bytes.size);
	if (bytes.size >= WAL_PAGE_SIZE)
		wal_group_after(bytes, first_lsn, walk.lsn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wal_segment_head head, before;
	struct wal_head entry = { .partition = 1, .kind = WAL_BATCH };
	uint8_t *segment;

	memset(&before, 3, sizeof before);
	head = before;
	if (wal_segment_head_get(view_of(data, size), &head, NULL) == 0)
		walk(view_of(data, size), head.first_lsn, head.previous);
	else
		assert(memcmp(&head, &before, sizeof head) == 0);

	/* Under a head that is good: the input as entries, and as the payload of one. */
	segment = calloc(1, 2 * WAL_PAGE_SIZE + 2 * size);
	head = (struct wal_segment_head){ .first_lsn = 8 };
	wal_segment_head_put(segment, &head);
	assert(wal_segment_head_get(view_of(segment, WAL_PAGE_SIZE), &head, NULL) == 0);
	if (size > WAL_ENTRY_SIZE) {
		memcpy(segment + WAL_PAGE_SIZE, data, size);
		walk(view_of(segment, WAL_PAGE_SIZE + size), 8, 0);
		memcpy(&entry.base_offset, data, 8);
		memcpy(&entry.offset_count, data + 23, 4);
		entry.offset_count = __builtin_bswap32(entry.offset_count) + 1;
		entry.base_offset = (int64_t)__builtin_bswap64((uint64_t)entry.base_offset);
		entry.lsn = 8;
		memcpy(segment + WAL_PAGE_SIZE + WAL_ENTRY_SIZE, data, size);
		wal_entry_put(segment + WAL_PAGE_SIZE, &entry, 0, 0, view_of(data, size));
		walk(view_of(segment, WAL_PAGE_SIZE + wal_entry_size(size)), 8, 0);
	}
	free(segment);
	return 0;
}
