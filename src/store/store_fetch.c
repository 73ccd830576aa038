/*
 * store_fetch.c - blocks of objects into memory, for those who read what the cache has let go.
 *
 * One fetch of a partition at a time, on the reader's lane: the appends and uploads have lanes of their own, so somebody who
 * catches up waits for himself alone.  Who goes on where the last fetch ended gets twice as many blocks, up to FETCH_BLOCKS_MAX.
 *
 * While records are appended, old ones are read by small pieces, and for each the lane rests PAUSE times as long as it took: the
 * disk, and the processors of this machine where the reader may be as well, are the tail's for most of the time.  When either is
 * short, a piece takes longer and so does the rest.
 * A block says from which offset on it is the one to look into, so that holes in the offsets need no second look.
 */
#include <assert.h>
#include <stdlib.h>

#include "store/object_read.h"
#include "store/store_inside.h"

#define FETCH_BLOCKS_MAX  16
#define FETCH_EXTENTS_MAX 16

#define BESIDE_BLOCKS_MAX 4 /* while the tail is busy */
#define PAUSE             7
#define PAUSE_MS_MAX      50

struct fetch {
	struct job job, home;
	struct store *store;
	uint32_t partition;
	int64_t offset;      /* blocks that end behind it ... */
	int64_t timestamp;   /* ... and hold something as late as this */
	uint64_t generation; /* of the partition's extents */
	int blocks_max;
	bool beside; /* the tail */
	int64_t covers_from;
	struct extent extents[FETCH_EXTENTS_MAX];
	int extent_count;

	struct block *blocks[FETCH_BLOCKS_MAX];
	int block_count;
	int err;
	struct fault fault;
};

static int read_block(struct fetch *fetch, int64_t object, const struct object_block *entry,
		      int64_t covers_from)
{
	struct block *block = calloc(1, sizeof *block);
	struct chunk *chunk = chunk_new(entry->size, &fetch->store->read_bytes);
	int err;

	if (!block || !chunk) {
		free(block);
		chunk_drop(chunk);
		return fault_set(&fetch->fault, ERR_MEMORY, "out of memory");
	}
	err = object_block_read(fetch->store->objects, object, entry, chunk->at, &fetch->fault);
	if (err < 0) {
		free(block);
		chunk_drop(chunk);
		return err;
	}
	chunk->used = entry->size;
	*block = (struct block){ .covers_from = covers_from,
				 .end_offset = entry->end_offset,
				 .max_timestamp = entry->max_timestamp,
				 .chunk = chunk };
	list_init(&block->link);
	list_init(&block->used);
	fetch->blocks[fetch->block_count++] = block;
	return 0;
}

static int read_extent(struct fetch *fetch, const struct extent *extent, struct buffer *index)
{
	struct object_foot foot = { 0 };
	int err = object_index_read(fetch->store->objects, extent->object, fetch->store->state.log_id, index,
				    &foot, &fetch->fault);

	for (uint32_t i = 0; i < foot.index_count && err == 0 && fetch->block_count < fetch->blocks_max;
	     i++) {
		struct object_block entry;

		object_block_get(buffer_bytes(index), i, &entry);
		if (entry.partition != fetch->partition || entry.end_offset <= extent->base_offset ||
		    entry.base_offset >= extent->end_offset)
			continue;
		/* What a mirror has cut away lies in the object still. */
		if (entry.end_offset > extent->end_offset)
			entry.end_offset = extent->end_offset;
		if (entry.end_offset > fetch->offset &&
		    (fetch->block_count || entry.max_timestamp >= fetch->timestamp))
			err = read_block(fetch, extent->object, &entry, fetch->covers_from);
		fetch->covers_from = entry.end_offset;
	}
	return err;
}

static void run(struct job *job)
{
	struct fetch *fetch = container_of(job, struct fetch, job);
	struct store *store = fetch->store;
	const struct clock *clock = store->options.clock;
	int64_t began_ns = clock->monotonic_ns(clock);
	bool beside = fetch->beside &&
		      store->own_lanes; /* under a simulator nobody rests: its lanes are one thread */
	struct buffer index;

	buffer_init(&index, (size_t)OBJECT_ENTRIES_MAX * OBJECT_ENTRY_SIZE);
	for (int i = 0; i < fetch->extent_count && fetch->err == 0 && fetch->block_count < fetch->blocks_max;
	     i++)
		fetch->err = read_extent(fetch, &fetch->extents[i], &index);
	/* By time there may be none: an extent's latest record can lie below the offset. */
	if (fetch->err == 0 && fetch->block_count == 0 && fetch->timestamp == INT64_MIN)
		fetch->err =
			fault_set(&fetch->fault, ERR_CHECKSUM,
				  "object %lld does not hold what the metadata says: restore it from a copy",
				  fetch->extent_count ? (long long)fetch->extents[0].object : 0LL);
	/* What was read before the fault is good. */
	if (fetch->block_count)
		fetch->err = 0;
	buffer_done(&index);
	lane_post(store->home, &fetch->home); /* which may be done with it at once */
	if (beside)
		store_rest(PAUSE * (clock->monotonic_ns(clock) - began_ns), PAUSE_MS_MAX);
}

void block_drop(struct block *block)
{
	list_remove(&block->link);
	list_remove(&block->used);
	chunk_drop(block->chunk);
	free(block);
}

void blocks_drop(struct partition *partition)
{
	while (!list_empty(&partition->blocks))
		block_drop(container_of(partition->blocks.next, struct block, link));
}

void fetch_free(struct fetch *fetch)
{
	if (!fetch)
		return;
	for (int i = 0; i < fetch->block_count; i++)
		block_drop(fetch->blocks[i]);
	free(fetch);
}

/* In order of offset; one that is there already is not taken twice. */
static void take_in(struct partition *partition, struct block *block)
{
	struct list *at = &partition->blocks;

	LIST_EACH(&partition->blocks, link)
	{
		const struct block *other = container_of(link, struct block, link);

		if (other->end_offset == block->end_offset) {
			block_drop(block);
			return;
		}
		if (other->end_offset > block->end_offset) {
			at = link;
			break;
		}
	}
	list_append(at, &block->link); /* before `at` */
	list_append(&partition->store->blocks, &block->used);
}

/* The oldest go, but never the ones that were just brought: whoever asked for them comes now. */
static void shrink(struct store *store, int keep)
{
	int count = 0;

	LIST_EACH(&store->blocks, link)
	count++;
	for (; count > keep && store->read_bytes > store->options.read_bytes_max; count--)
		block_drop(container_of(store->blocks.next, struct block, used));
}

static void home(struct job *job)
{
	struct fetch *fetch = container_of(job, struct fetch, home);
	struct partition *partition = partition_of(fetch->store, fetch->partition);
	int count = fetch->block_count;

	/* A partition that is being fetched for is not freed. */
	assert(partition && partition->fetch == fetch);
	partition->fetch = NULL;
	if (fetch->generation != partition->generation) {
		/* What it read was rewritten meanwhile, and may hold what is not to be shown any more: again. */
		fetch_free(fetch);
		partition_changed(partition);
		return;
	}
	partition->fetch_fault = fetch->fault;
	partition->fetch_fault.err = fetch->err;
	if (fetch->timestamp != INT64_MIN && fetch->err == 0 &&
	    partition->timed.timestamp == fetch->timestamp) {
		partition->timed.asked = fetch->offset;
		partition->timed.block_end = count ? fetch->blocks[0]->end_offset : -1;
		partition->timed.next = fetch->extents[fetch->extent_count - 1].end_offset;
	} else if (count) {
		partition->fetch_blocks = count;
		partition->fetch_end = fetch->blocks[count - 1]->end_offset;
	}
	for (int i = 0; i < count; i++)
		take_in(partition, fetch->blocks[i]);
	fetch->block_count = 0;
	shrink(fetch->store, count);
	free(fetch);
	partition_changed(partition);
}

struct block *block_find(struct partition *partition, int64_t offset)
{
	LIST_EACH(&partition->blocks, link)
	{
		struct block *block = container_of(link, struct block, link);

		if (offset >= block->end_offset)
			continue;
		if (offset < block->covers_from)
			break;
		list_remove(&block->used);
		list_append(&partition->store->blocks, &block->used);
		return block;
	}
	return NULL;
}

int fetch_start(struct partition *partition, int64_t offset, int64_t timestamp)
{
	struct store *store = partition->store;
	struct fetch *fetch;
	size_t first = 0;

	if (partition->fetch)
		return 1;
	fetch = calloc(1, sizeof *fetch);
	if (!fetch)
		return ERR_MEMORY;
	while (first < partition->extent_count && (partition->extents[first].end_offset <= offset ||
						   partition->extents[first].max_timestamp < timestamp))
		first++;
	fetch->covers_from = first ? partition->extents[first - 1].end_offset : 0;
	for (size_t i = first; i < partition->extent_count && fetch->extent_count < FETCH_EXTENTS_MAX; i++)
		fetch->extents[fetch->extent_count++] = partition->extents[i];
	if (!fetch->extent_count) {
		free(fetch);
		return ERR_INTERNAL;
	}
	fetch->blocks_max = 1;
	if (offset == partition->fetch_end && partition->fetch_blocks)
		fetch->blocks_max = 2 * partition->fetch_blocks < FETCH_BLOCKS_MAX
					    ? 2 * partition->fetch_blocks
					    : FETCH_BLOCKS_MAX;
	fetch->beside = store->tail_is_busy;
	if (fetch->beside && fetch->blocks_max > BESIDE_BLOCKS_MAX)
		fetch->blocks_max = BESIDE_BLOCKS_MAX;
	fetch->store = store;
	fetch->generation = partition->generation;
	fetch->partition = partition->id;
	fetch->offset = offset;
	fetch->timestamp = timestamp;
	job_init(&fetch->job, run);
	job_init(&fetch->home, home);
	partition->fetch = fetch;
	lane_post(store->lanes[LANE_READER], &fetch->job);
	return 1;
}
