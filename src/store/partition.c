/* partition.c - one partition in memory: the ring of batches, its extents, what a durable batch changes. */
#include <assert.h>
#include <stdlib.h>

#include "store/store_inside.h"

#define CHUNK_SIZE_MIN (4 << 10)
#define CHUNK_SIZE_MAX (128 << 10)

struct partition *partition_make(struct topic *topic, uint32_t id, int32_t index)
{
	struct partition *partition = calloc(1, sizeof *partition);

	if (!partition)
		return NULL;
	partition->store = topic->store;
	partition->topic = topic;
	partition->id = id;
	partition->index = index;
	list_init(&partition->appends);
	list_init(&partition->duplicates);
	list_init(&partition->blocks);
	list_init(&partition->watches);
	list_init(&partition->dirty);
	list_init(&partition->cached);
	list_init(&partition->changed);
	return partition;
}

void partition_free(struct partition *partition)
{
	if (!partition)
		return;
	assert(list_empty(&partition->appends) && !partition->fetch);
	if (partition->id < partition->store->partition_capacity &&
	    partition->store->partitions[partition->id] == partition)
		partition->store->partitions[partition->id] = NULL;
	while (partition->held_count)
		held_shift(partition);
	chunk_drop(partition->open_chunk);
	blocks_drop(partition);
	list_remove(&partition->dirty);
	list_remove(&partition->cached);
	list_remove(&partition->changed);
	while (!list_empty(&partition->watches))
		list_remove(partition->watches.next);
	epochs_done(&partition->epochs);
	transactions_done(&partition->transactions);
	producers_done(&partition->producers);
	producers_done(&partition->ahead);
	free(partition->held);
	free(partition->extents);
	free(partition);
}

int partition_link(struct partition *partition)
{
	struct store *store = partition->store;

	if (partition->id >= store->partition_capacity) {
		size_t capacity = store->partition_capacity ? store->partition_capacity : 64;
		struct partition **more;

		while (capacity <= partition->id)
			capacity *= 2;
		more = realloc(store->partitions, capacity * sizeof *more);
		if (!more)
			return ERR_MEMORY;
		memset(more + store->partition_capacity, 0,
		       (capacity - store->partition_capacity) * sizeof *more);
		store->partitions = more;
		store->partition_capacity = capacity;
	}
	store->partitions[partition->id] = partition;
	return 0;
}

struct partition *partition_of(struct store *store, uint32_t id)
{
	return id < store->partition_capacity ? store->partitions[id] : NULL;
}

size_t held_find(const struct partition *partition, int64_t offset)
{
	size_t low = 0, high = partition->held_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (held_at(partition, middle)->last_offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int ring_grow(struct partition *partition)
{
	size_t capacity = partition->held_capacity ? 2 * partition->held_capacity : 4;
	struct held *more = malloc(capacity * sizeof *more);

	if (!more)
		return ERR_MEMORY;
	for (size_t i = 0; i < partition->held_count; i++)
		more[i] = *held_at(partition, i);
	free(partition->held);
	partition->held = more;
	partition->held_first = 0;
	partition->held_capacity = capacity;
	return 0;
}

/* A chunk with room for `size` more.  A partition that fills its chunks gets larger ones. */
static struct chunk *chunk_for(struct partition *partition, size_t size)
{
	struct chunk *open = partition->open_chunk, *chunk;
	size_t wanted = CHUNK_SIZE_MIN;

	if (open && open->size - open->used >= size)
		return open;
	if (size > CHUNK_SIZE_MAX / 2)
		return chunk_new(size, &partition->store->cache_bytes);
	if (open)
		wanted = open->size < CHUNK_SIZE_MAX ? 2 * open->size : CHUNK_SIZE_MAX;
	while (wanted < size)
		wanted *= 2;
	chunk = chunk_new(wanted, &partition->store->cache_bytes);
	if (!chunk)
		return NULL;
	chunk_drop(open);
	partition->open_chunk = chunk;
	return chunk;
}

struct held *held_push(struct partition *partition, struct view batch)
{
	struct chunk *chunk;
	struct held *held;

	if (partition->held_count == partition->held_capacity && ring_grow(partition) < 0)
		return NULL;
	chunk = chunk_for(partition, batch.size);
	if (!chunk)
		return NULL;
	held = held_at(partition, partition->held_count);
	*held = (struct held){ .at = chunk->at + chunk->used, .size = (uint32_t)batch.size };
	memcpy(chunk->at + chunk->used, batch.at, batch.size);
	chunk->used += batch.size;
	/* A chunk of its own has come with a reference. */
	held->chunk = chunk == partition->open_chunk ? chunk_hold(chunk) : chunk;
	partition->held_count++;
	return held;
}

void held_pop(struct partition *partition)
{
	assert(partition->held_count);
	chunk_drop(held_at(partition, --partition->held_count)->chunk);
}

void held_shift(struct partition *partition)
{
	struct held *held = held_at(partition, 0);

	assert(partition->held_count);
	partition->cached_from = held->last_offset + 1;
	chunk_drop(held->chunk);
	partition->held_first = (partition->held_first + 1) & (partition->held_capacity - 1);
	partition->held_count--;
}

/* One chunk of each partition in turn, oldest batches first. */
void cache_shrink(struct store *store)
{
	while (store->cache_bytes > store->options.cache_bytes_max && !list_empty(&store->cached)) {
		struct partition *partition = container_of(store->cached.next, struct partition, cached);
		const struct chunk *chunk = partition->held_count ? held_at(partition, 0)->chunk : NULL;

		while (partition->held_count && held_at(partition, 0)->chunk == chunk &&
		       held_at(partition, 0)->last_offset < partition->committed_end)
			held_shift(partition);
		list_remove(&partition->cached);
		if (partition->held_count && held_at(partition, 0)->last_offset < partition->committed_end) {
			list_append(&store->cached, &partition->cached);
		} else if (!partition->held_count) {
			chunk_drop(partition->open_chunk);
			partition->open_chunk = NULL;
		}
	}
}

void partition_changed(struct partition *partition)
{
	if (list_empty(&partition->changed))
		list_append(&partition->store->changed, &partition->changed);
}

int marker_read(const struct batch *batch, bool *marker, bool *commits, int32_t *coordinator_epoch)
{
	struct records records;
	struct control control;
	struct buffer out;
	int err;

	*marker = *commits = false;
	*coordinator_epoch = -1;
	if (!batch->head.control)
		return 0;
	if (batch->head.codec != CODEC_NONE)
		return ERR_MALFORMED;
	buffer_init(&out, 0);
	err = batch_open(batch, NULL, &out, &records, NULL);
	if (err == 0 && records.count == 0)
		return 0; /* compacted away */
	if (err == 0)
		err = control_of(&records, &control);
	if (err < 0)
		return ERR_MALFORMED;
	if (control.type != CONTROL_ABORT && control.type != CONTROL_COMMIT)
		return 0;
	*marker = true;
	*commits = control.type == CONTROL_COMMIT;
	*coordinator_epoch = control.coordinator_epoch;
	return 0;
}

/* A transaction that began below the log's start holds readers there. */
void partition_settle(struct partition *partition)
{
	int64_t stable = transactions_stable(&partition->transactions, partition->high_watermark);

	partition->last_stable = stable > partition->log_start ? stable : partition->log_start;
}

int producers_learn(struct producers *producers, struct transactions *transactions,
		    const struct batch_head *head, bool marker, bool commits, int32_t coordinator_epoch)
{
	struct producer *producer;

	if (head->producer_id < 0 || (head->control && !marker))
		return 0;
	if (producers_full(producers, head->producer_id))
		return ERR_LIMIT;
	producer = producers_add(producers, head->producer_id);
	if (!producer)
		return ERR_MEMORY;
	producer_apply(producer, head, coordinator_epoch);
	if (marker)
		return transactions_end(transactions, head->producer_id, head->base_offset, commits);
	return head->transactional ? transactions_see(transactions, head->producer_id, head->base_offset) : 0;
}

/* Memory was reserved when the batch came in: nothing here can fail. */
void partition_durable(struct partition *partition, const struct batch_head *head, bool marker, bool commits,
		       int32_t coordinator_epoch)
{
	int err = producers_learn(&partition->producers, &partition->transactions, head, marker, commits,
				  coordinator_epoch);
	struct producer *producer =
		head->producer_id < 0 ? NULL : producers_find(&partition->producers, head->producer_id);

	assert(err == 0);
	if (producer)
		producer->heard_ms = store_now_ms(partition->store);
	partition->high_watermark = batch_last_offset(head) + 1;
	partition_settle(partition);
	partition->tail_bytes += (int64_t)head->size;
	if (list_empty(&partition->dirty))
		list_append(&partition->store->dirty, &partition->dirty);
	partition_changed(partition);
}

int extents_reserve(struct partition *partition, size_t count)
{
	size_t capacity = partition->extent_capacity ? partition->extent_capacity : 4;
	struct extent *more;

	while (capacity < partition->extent_count + count)
		capacity *= 2;
	if (capacity == partition->extent_capacity)
		return 0;
	more = realloc(partition->extents, capacity * sizeof *more);
	if (!more)
		return ERR_MEMORY;
	partition->extents = more;
	partition->extent_capacity = capacity;
	return 0;
}

int extent_add(struct partition *partition, const struct extent *extent)
{
	if (extents_reserve(partition, 1) < 0)
		return ERR_MEMORY;
	partition->extents[partition->extent_count++] = *extent;
	partition->extent_bytes += (int64_t)extent->size;
	return 0;
}

void extents_changed(struct partition *partition)
{
	partition->generation++;
	blocks_drop(partition);
	partition->timed = (struct timed_search){ .log_start = -1 };
	partition->fetch_fault = (struct fault){ 0 };
	partition->fetch_blocks = 0;
}

void extents_cut(struct partition *partition, int64_t log_start)
{
	size_t below = 0;

	while (below < partition->extent_count && partition->extents[below].end_offset <= log_start)
		partition->extent_bytes -= (int64_t)partition->extents[below++].size;
	partition->extent_count -= below;
	if (below)
		memmove(partition->extents, partition->extents + below,
			partition->extent_count * sizeof *partition->extents);
	transactions_trim(&partition->transactions, log_start);
}
