/* store_flush.c - uploads: planned, carried out by steps, tried again.  flush.h tells the story. */
#include <assert.h>
#include <stdlib.h>

#include "base/crc32c.h"
#include "store/flush.h"

#define RETRY_MS       1000
#define BLOB_BYTES_MAX (1 << 30)

static void free_flush(struct flush *flush)
{
	for (size_t i = 0; i < flush->piece_count; i++)
		chunk_drop(flush->chunks[i]);
	buffer_done(&flush->blobs);
	free(flush->parts);
	free(flush->blocks);
	free(flush->pieces);
	free(flush->chunks);
	free(flush);
}

/* ---- the plan */

static int grow(void **at, size_t count, size_t *capacity, size_t size)
{
	size_t wanted = *capacity ? 2 * *capacity : 16;
	void *more;

	if (count < *capacity)
		return 0;
	more = realloc(*at, wanted * size);
	if (!more)
		return ERR_MEMORY;
	*at = more;
	*capacity = wanted;
	return 0;
}

static int add_piece(struct flush *flush, const struct held *held)
{
	struct iovec *last = flush->piece_count ? &flush->pieces[flush->piece_count - 1] : NULL;
	size_t capacity = flush->piece_capacity;

	if (last && flush->chunks[flush->piece_count - 1] == held->chunk &&
	    (const uint8_t *)last->iov_base + last->iov_len == held->at) {
		last->iov_len += held->size;
		return 0;
	}
	if (grow((void **)&flush->pieces, flush->piece_count, &capacity, sizeof *flush->pieces) < 0 ||
	    grow((void **)&flush->chunks, flush->piece_count, &flush->piece_capacity,
		 sizeof(struct chunk *)) < 0)
		return ERR_MEMORY;
	flush->pieces[flush->piece_count] = (struct iovec){ (void *)(uintptr_t)held->at, held->size };
	flush->chunks[flush->piece_count++] = chunk_hold(held->chunk);
	return 0;
}

/* Into the block that is being filled, or a new one: at the beginning of a part, or when it would grow too large. */
static int add_to_block(struct flush *flush, const struct held *held, uint32_t partition, bool fresh)
{
	struct object_block *block =
		flush->block_count && !fresh ? &flush->blocks[flush->block_count - 1] : NULL;

	if (!block || block->size + held->size > OBJECT_BLOCK_SIZE) {
		if (flush->block_count >= OBJECT_ENTRIES_MAX)
			return ERR_LIMIT;
		if (grow((void **)&flush->blocks, flush->block_count, &flush->block_capacity,
			 sizeof *flush->blocks) < 0)
			return ERR_MEMORY;
		block = &flush->blocks[flush->block_count++];
		*block = (struct object_block){ .partition = partition,
						.base_offset = held->base_offset,
						.first_timestamp = held->first_timestamp,
						.max_timestamp = held->max_timestamp,
						.position = flush->size };
	}
	block->end_offset = held->last_offset + 1;
	block->size += held->size;
	if (held->max_timestamp > block->max_timestamp)
		block->max_timestamp = held->max_timestamp;
	return 0;
}

static int add_blobs(struct flush *flush, const struct partition *partition, struct flush_part *part)
{
	part->aborted_at = flush->blobs.size;
	transactions_write_aborted(&partition->transactions, part->extent.base_offset,
				   part->extent.end_offset, &flush->blobs);
	part->aborted_size = flush->blobs.size - part->aborted_at;
	part->snapshot_at = flush->blobs.size;
	producers_write(&partition->producers, &flush->blobs);
	transactions_write_open(&partition->transactions, &flush->blobs);
	part->snapshot_size = flush->blobs.size - part->snapshot_at;
	return flush->blobs.err;
}

/* Everything of the partition that is durable and not in objects. */
static int add_part(struct flush *flush, const struct partition *partition)
{
	size_t first = held_find(partition, partition->committed_end);
	struct flush_part *part;
	int err =
		grow((void **)&flush->parts, flush->part_count, &flush->part_capacity, sizeof *flush->parts);

	if (err < 0)
		return err;
	part = &flush->parts[flush->part_count];
	*part = (struct flush_part){ .partition = partition->id, .before = partition->committed_end };
	for (size_t i = first; i < partition->held_count && err == 0; i++) {
		const struct held *held = held_at(partition, i);

		if (held->base_offset >= partition->high_watermark)
			break;
		if (i == first)
			part->extent = (struct extent){ .base_offset = held->base_offset,
							.position = flush->size,
							.first_timestamp = held->first_timestamp,
							.max_timestamp = held->max_timestamp };
		err = add_to_block(flush, held, partition->id, i == first);
		if (err == 0)
			err = add_piece(flush, held);
		flush->size += held->size;
		part->extent.size += held->size;
		part->extent.end_offset = held->last_offset + 1;
		if (held->max_timestamp > part->extent.max_timestamp)
			part->extent.max_timestamp = held->max_timestamp;
	}
	assert(part->extent.size > 0);
	if (err == 0)
		err = add_blobs(flush, partition, part);
	if (err == 0)
		flush->part_count++;
	return err;
}

/* ---- the steps, on other lanes */

/* The checksum of `size` bytes of the pieces, from where *piece and *at stand. */
static uint32_t sum(const struct flush *flush, size_t *piece, size_t *at, size_t size)
{
	uint32_t crc = 0;

	while (size) {
		const struct iovec *here = &flush->pieces[*piece];
		size_t part = here->iov_len - *at < size ? here->iov_len - *at : size;

		crc = crc32c_extend(crc, (const uint8_t *)here->iov_base + *at, part);
		size -= part;
		*at += part;
		if (*at == here->iov_len) {
			(*piece)++;
			*at = 0;
		}
	}
	return crc;
}

static int put_object(struct flush *flush)
{
	struct object_foot foot = { flush->size, (uint32_t)flush->block_count, 0, flush->object,
				    flush->store->state.log_id };
	size_t piece = 0, at = 0;
	struct iovec *pieces;
	struct buffer tail;
	int err;

	buffer_init(&tail, (size_t)OBJECT_ENTRIES_MAX * OBJECT_ENTRY_SIZE + OBJECT_FOOT_SIZE);
	for (size_t i = 0; i < flush->block_count; i++) {
		flush->blocks[i].crc = sum(flush, &piece, &at, flush->blocks[i].size);
		object_block_put(&tail, &flush->blocks[i]);
	}
	if (!tail.err)
		object_foot_put(&tail, &foot, buffer_bytes(&tail));
	pieces = malloc((flush->piece_count + 1) * sizeof *pieces);
	if (!pieces || tail.err) {
		err = fault_set(&flush->fault, ERR_MEMORY, "out of memory");
	} else {
		memcpy(pieces, flush->pieces, flush->piece_count * sizeof *pieces);
		pieces[flush->piece_count] = (struct iovec){ tail.at, tail.size };
		flush->total_size = flush->size + tail.size;
		/* Of an attempt before this one: nothing refers to it. */
		err = object_remove(flush->store->objects, flush->object, &flush->fault);
		if (err == 0)
			err = object_put(flush->store->objects, flush->object, pieces,
					 (int)flush->piece_count + 1, &flush->fault);
	}
	free(pieces);
	buffer_done(&tail);
	return err;
}

static int commit_flush(struct flush *flush)
{
	struct metadata_extent *extents = calloc(flush->part_count + 1, sizeof *extents);
	struct metadata_snapshot *snapshots = calloc(flush->part_count + 1, sizeof *snapshots);
	int64_t *before = calloc(flush->part_count + 1, sizeof *before);
	struct metadata_flush rows = { .object = flush->object,
				       .size = flush->total_size,
				       .extents = extents,
				       .ends_before = before,
				       .extent_count = flush->part_count,
				       .snapshots = snapshots,
				       .snapshot_count = flush->part_count,
				       .trimmed_lsn = flush->trimmed_lsn };
	int err = ERR_MEMORY;

	if (!extents || !snapshots || !before)
		goto free_rows;
	for (size_t i = 0; i < flush->part_count; i++) {
		const struct flush_part *part = &flush->parts[i];

		extents[i] = (struct metadata_extent){
			.partition = part->partition,
			.base_offset = part->extent.base_offset,
			.end_offset = part->extent.end_offset,
			.position = part->extent.position,
			.size = part->extent.size,
			.first_timestamp = part->extent.first_timestamp,
			.max_timestamp = part->extent.max_timestamp,
			.aborted = view_of(flush->blobs.at + part->aborted_at, part->aborted_size),
		};
		snapshots[i] = (struct metadata_snapshot){
			part->partition,
			part->extent.end_offset,
			view_of(flush->blobs.at + part->snapshot_at, part->snapshot_size),
		};
		before[i] = part->before;
	}
	err = metadata_flush_commit(flush->store->metadata, &rows, &flush->fault);
free_rows:
	free(extents);
	free(snapshots);
	free(before);
	return err;
}

static void run_step(struct job *job)
{
	struct flush *flush = container_of(job, struct flush, job);

	switch (flush->step) {
	case FLUSH_PREPARE:
		flush->err = metadata_object_prepare(flush->store->metadata, &flush->object, &flush->fault);
		break;
	case FLUSH_PUT: flush->err = put_object(flush); break;
	case FLUSH_COMMIT: flush->err = commit_flush(flush); break;
	}
	lane_post(flush->store->home, &flush->home);
}

static void next_step(struct flush *flush, enum flush_step step)
{
	flush->step = step;
	flush->failed = false;
	flush->err = 0;
	lane_post(flush->store->lanes[step == FLUSH_PUT ? LANE_UPLOADER : LANE_KEEPER], &flush->job);
}

/* ---- back on the owner's thread */

static void answer_waiting(struct store *store, int err, const struct fault *fault)
{
	struct list told;

	list_init(&told);
	while (!list_empty(&store->waiting_flushes)) {
		struct list *link = store->waiting_flushes.next;

		list_remove(link);
		list_append(&told, link);
	}
	while (!list_empty(&told)) {
		struct task *task = container_of(told.next, struct task, link);

		task->err = err;
		if (task->done)
			task->done(task->context, err, fault);
		task_free(task);
	}
}

static void take_in(struct store *store, const struct flush *flush, const struct flush_part *part)
{
	struct partition *partition = partition_of(store, part->partition);
	struct extent extent = part->extent;

	if (!partition)
		return; /* deleted meanwhile */
	extent.object = flush->object;
	partition->committed_end = extent.end_offset;
	partition->tail_bytes -= (int64_t)extent.size;
	store->unflushed_bytes -= (int64_t)extent.size;
	/* The memory was made sure of when the upload was planned. */
	if (extent.end_offset > partition->log_start)
		extent_add(partition, &extent);
	if (partition->high_watermark == partition->committed_end)
		list_remove(&partition->dirty);
	if (list_empty(&partition->cached))
		list_append(&store->cached, &partition->cached);
}

static void succeed(struct flush *flush)
{
	struct store *store = flush->store;

	for (size_t i = 0; i < flush->part_count; i++)
		take_in(store, flush, &flush->parts[i]);
	wal_trim(store->wal, flush->trimmed_lsn);
	store->flushes++;
	store->upload_err = 0;
	store->spare_object = 0;
	store->flush = NULL;
	store->dirty_since_ms = store_now_ms(store);
	free_flush(flush);
	cache_shrink(store);
	if (!store->flush_wanted)
		answer_waiting(store, 0, NULL);
	else
		flush_start(store);
}

static void fail(struct flush *flush)
{
	struct store *store = flush->store;
	struct fault fault = flush->fault;
	bool swept;

	store->flush_failures++;
	store->upload_err = fault.err ? fault.err : flush->err;
	store->upload_fault = fault;
	store->flush_due_ms = store_now_ms(store) + RETRY_MS;
	flush->failed = true;
	/* It was in doubt, and all that it was about was deleted and swept meanwhile: the next one is planned anew. */
	swept = flush->step == FLUSH_COMMIT && flush->doubted && flush->err == ERR_STALE;
	flush->doubted |= flush->step == FLUSH_COMMIT && flush->err != ERR_STALE;
	if (flush->step != FLUSH_COMMIT || swept) {
		store->spare_object = swept ? 0 : flush->object;
		store->flush = NULL;
		free_flush(flush);
	}
	store->flush_wanted = false;
	answer_waiting(store, store->upload_err, &fault);
}

static void step_home(struct job *job)
{
	struct flush *flush = container_of(job, struct flush, home);

	if (flush->err < 0)
		fail(flush);
	else if (flush->step == FLUSH_COMMIT)
		succeed(flush);
	else
		next_step(flush, flush->step + 1);
}

static struct flush *plan(struct store *store)
{
	struct flush *flush = calloc(1, sizeof *flush);
	int err = 0;

	if (!flush)
		return NULL;
	flush->store = store;
	flush->object = store->spare_object;
	flush->trimmed_lsn = store->durable_lsn;
	job_init(&flush->job, run_step);
	job_init(&flush->home, step_home);
	buffer_init(&flush->blobs, BLOB_BYTES_MAX);
	LIST_EACH(&store->dirty, link)
	{
		struct partition *partition = container_of(link, struct partition, dirty);
		size_t room = partition->extent_count + 1;

		/* Room for the extent now, so that taking it in cannot fail. */
		if (room > partition->extent_capacity)
			err = grow((void **)&partition->extents, room, &partition->extent_capacity,
				   sizeof *partition->extents);
		if (err == 0)
			err = add_part(flush, partition);
		if (err < 0)
			break;
	}
	if (err == 0)
		return flush;
	free_flush(flush);
	return NULL;
}

void flush_start(struct store *store)
{
	if (store->closing)
		return;
	if (store->flush) {
		store->flush_wanted = true;
		return;
	}
	/* A flush that failed waits for its time. */
	if (store->upload_err && store_now_ms(store) < store->flush_due_ms)
		return;
	store->flush_wanted = false;
	if (list_empty(&store->dirty)) {
		answer_waiting(store, 0, NULL);
		return;
	}
	store->flush = plan(store);
	if (store->flush)
		next_step(store->flush, store->flush->object ? FLUSH_PUT : FLUSH_PREPARE);
	else
		store->flush_due_ms = store_now_ms(store) + RETRY_MS; /* out of memory */
}

void flush_tick(struct store *store)
{
	int64_t now = store_now_ms(store);

	if (store->flush) {
		/* Its commit failed, and it is not under way: once more. */
		if (store->flush->failed && now >= store->flush_due_ms)
			next_step(store->flush, FLUSH_COMMIT);
		return;
	}
	if (list_empty(&store->dirty)) {
		store->dirty_since_ms = now;
		return;
	}
	if (store->unflushed_bytes >= store->options.flush_bytes ||
	    now - store->dirty_since_ms >= store->options.flush_ms ||
	    (store->upload_err && now >= store->flush_due_ms))
		flush_start(store);
}

static int run_nothing(struct task *task)
{
	return 0;
}

static void answer_one(struct task *task)
{
	if (task->done)
		task->done(task->context, task->err, &task->fault);
}

int store_flush(struct store *store, store_done *done, void *context)
{
	struct task *task;

	if (store->closing)
		return ERR_CANCELLED;
	task = task_new(store, run_nothing, answer_one, done, context);
	if (!task)
		return ERR_MEMORY;
	if (!store->flush && list_empty(&store->dirty)) {
		task_start(task);
		return 0;
	}
	list_append(&store->waiting_flushes, &task->link);
	store->flush_due_ms = store_now_ms(store); /* somebody asks: now, not after a while */
	if (store->flush && store->flush->failed)
		next_step(store->flush, FLUSH_COMMIT);
	flush_start(store);
	return 0;
}

void flush_free(struct store *store)
{
	static const struct fault closed = { ERR_CANCELLED, "the store was closed" };

	if (store->flush)
		free_flush(store->flush);
	store->flush = NULL;
	answer_waiting(store, ERR_CANCELLED, &closed);
}
