/* store_read.c - batches on their way out: from the ring, from blocks; and what a time stands for. */
#include <assert.h>
#include <stdlib.h>

#include "store/store_inside.h"

static int add_piece(struct store_read *read, const uint8_t *at, size_t size, struct chunk *chunk)
{
	struct store_piece *last = read->count ? &read->pieces[read->count - 1] : NULL;

	read->size += (int64_t)size;
	if (last && last->chunk == chunk && last->bytes.at + last->bytes.size == at) {
		last->bytes.size += size;
		return 0;
	}
	if (read->count == read->capacity) {
		int capacity = read->capacity ? 2 * read->capacity : 8;
		struct store_piece *more = realloc(read->pieces, (size_t)capacity * sizeof *more);

		if (!more) {
			read->size -= (int64_t)size;
			return ERR_MEMORY;
		}
		read->pieces = more;
		read->capacity = capacity;
	}
	read->pieces[read->count++] = (struct store_piece){ view_of(at, size), chunk_hold(chunk) };
	return 0;
}

void store_read_done(struct store_read *read)
{
	for (int i = 0; i < read->count; i++)
		chunk_drop(read->pieces[i].chunk);
	read->count = 0;
	read->size = 0;
	read->aborted_count = 0;
}

void store_read_free(struct store_read *read)
{
	store_read_done(read);
	free(read->pieces);
	free(read->aborted);
	*read = (struct store_read){ 0 };
}

/* May one more batch go out? */
static bool fits(const struct store_read *read, size_t size, int64_t size_max)
{
	return read->size == 0 || read->size + (int64_t)size <= size_max;
}

/* Batches of the ring that end before `limit`. */
static int read_ring(struct partition *partition, int64_t limit, int64_t size_max, struct store_read *out)
{
	for (size_t i = held_find(partition, out->next_offset); i < partition->held_count; i++) {
		const struct held *held = held_at(partition, i);
		int err;

		if (held->last_offset >= limit || !fits(out, held->size, size_max))
			break;
		err = add_piece(out, held->at, held->size, held->chunk);
		if (err < 0)
			return err;
		out->next_offset = held->last_offset + 1;
	}
	return 0;
}

/* Returns 1 when there may be more behind the block, 0 when the limits were met, ERR_MEMORY. */
static int read_block(const struct block *block, int64_t limit, int64_t size_max, struct store_read *out)
{
	struct view rest = view_of(block->chunk->at, block->chunk->used);
	struct batch batch;

	while (batch_next(&rest, &batch) == 1) {
		int64_t last = batch_last_offset(&batch.head);
		int err;

		if (batch.head.base_offset >= block->end_offset)
			break; /* cut away: store_truncate.c */
		if (last < out->next_offset)
			continue;
		if (last >= limit || !fits(out, batch.bytes.size, size_max))
			return 0;
		err = add_piece(out, batch.bytes.at, batch.bytes.size, block->chunk);
		if (err < 0)
			return err;
		out->next_offset = last + 1;
	}
	if (out->next_offset < block->end_offset)
		out->next_offset = block->end_offset;
	return 1;
}

/* 1 when the first batch has to be fetched. */
static int read_cold(struct partition *partition, int64_t limit, int64_t size_max, struct store_read *out,
		     struct fault *fault)
{
	int more = 1;

	while (more == 1 && out->next_offset < partition->cached_from && out->next_offset < limit) {
		struct block *block = block_find(partition, out->next_offset);

		if (!block) {
			struct fault failed = partition->fetch_fault;

			if (out->size)
				break;
			/* Compaction may have left nothing between here and the cache. */
			if (!partition->extent_count ||
			    partition->extents[partition->extent_count - 1].end_offset <= out->next_offset) {
				out->next_offset = partition->cached_from;
				break;
			}
			partition->fetch_fault = (struct fault){ 0 };
			if (failed.err < 0) { /* of the last attempt: told once, then tried again */
				if (fault)
					*fault = failed;
				return failed.err;
			}
			return fetch_start(partition, out->next_offset, INT64_MIN);
		}
		more = read_block(block, limit, size_max, out);
	}
	/* Who reads on in a row finds the next block there already. */
	if (more >= 0 && out->next_offset < partition->cached_from && out->next_offset < limit &&
	    !partition->fetch && out->next_offset == partition->fetch_end && !partition->fetch_fault.err &&
	    !block_find(partition, out->next_offset))
		fetch_start(partition, out->next_offset, INT64_MIN);
	return more < 0 ? more : 0;
}

static int compare_aborted(const void *a, const void *b)
{
	const struct aborted *x = a, *y = b;

	return x->first_offset < y->first_offset ? -1 : x->first_offset > y->first_offset;
}

/* Aborted transactions that have anything between `from` and what was read. */
static int list_aborted(const struct transactions *transactions, int64_t from, struct store_read *out)
{
	size_t first = 0;

	while (first < transactions->aborted_count && transactions->aborted[first].last_offset < from)
		first++;
	for (size_t i = first; i < transactions->aborted_count; i++) {
		const struct transaction *aborted = &transactions->aborted[i];

		if (aborted->first_offset >= out->next_offset)
			continue;
		if (out->aborted_count == out->aborted_capacity) {
			int32_t capacity = out->aborted_capacity ? 2 * out->aborted_capacity : 8;
			struct aborted *more = realloc(out->aborted, (size_t)capacity * sizeof *more);

			if (!more)
				return ERR_MEMORY;
			out->aborted = more;
			out->aborted_capacity = capacity;
		}
		out->aborted[out->aborted_count++] =
			(struct aborted){ aborted->producer_id, aborted->first_offset };
	}
	if (out->aborted_count)
		qsort(out->aborted, (size_t)out->aborted_count, sizeof *out->aborted, compare_aborted);
	return 0;
}

int store_read(struct partition *partition, int64_t offset, int64_t size_max, enum store_isolation isolation,
	       struct store_read *out, struct fault *fault)
{
	int64_t limit =
		isolation == STORE_READ_COMMITTED ? partition->last_stable : partition->high_watermark;
	int err = 0;

	store_read_done(out);
	out->log_start = partition->log_start;
	out->high_watermark = partition->high_watermark;
	out->last_stable = partition->last_stable;
	out->next_offset = offset;
	if (partition->deleted)
		return fault_set(fault, ERR_NOT_FOUND, "the topic was deleted");
	if (offset < partition->log_start || offset > partition->high_watermark)
		return fault_set(fault, ERR_NOT_FOUND, "offset %lld is outside of the log, %lld to %lld",
				 (long long)offset, (long long)partition->log_start,
				 (long long)partition->high_watermark);
	if (offset < limit && offset < partition->cached_from)
		err = read_cold(partition, limit, size_max, out, fault);
	if (err == 0 && out->next_offset < limit && out->next_offset >= partition->cached_from)
		err = read_ring(partition, limit, size_max, out);
	if (err == 0 && isolation == STORE_READ_COMMITTED)
		err = list_aborted(&partition->transactions, offset, out);
	if (err != 0)
		store_read_done(out);
	return err == ERR_MEMORY ? fault_set(fault, err, "out of memory") : err;
}

/* ---- times */

/* The first record of the batch at or after `timestamp` and not below `from`; a marker is one, as it is for Kafka.  1: there is. */
static int find_in_batch(struct partition *partition, struct view bytes, int64_t from, int64_t timestamp,
			 struct store_timed *out, struct fault *fault)
{
	struct store *store = partition->store;
	struct record_walk walk;
	struct record_span span;
	struct records records;
	struct batch batch;
	int found, err;

	if (batch_next(&bytes, &batch) != 1)
		return fault_set(fault, ERR_INTERNAL, "a batch of the cache cannot be cut");
	if (batch.head.max_timestamp < timestamp || batch_last_offset(&batch.head) < from)
		return 0;
	buffer_reset(&store->inflated);
	err = batch_open(&batch, store->inflater, &store->inflated, &records, fault);
	if (err < 0)
		return err;
	record_walk_init(&walk, &records);
	while ((found = record_walk_next(&walk, &span, 1)) == 1) {
		if (span.timestamp < timestamp || record_offset(&walk, &span) < from)
			continue;
		*out = (struct store_timed){ record_offset(&walk, &span), span.timestamp,
					     epochs_of(&partition->epochs, batch.head.base_offset) };
		return 1;
	}
	return found < 0 ? fault_set(fault, found, "the batch at offset %lld cannot be read",
				     (long long)batch.head.base_offset)
			 : 0;
}

static int find_in_block(struct partition *partition, const struct block *block, int64_t from,
			 int64_t timestamp, struct store_timed *out, struct fault *fault)
{
	struct view rest = view_of(block->chunk->at, block->chunk->used);
	struct batch batch;

	while (batch_next(&rest, &batch) == 1 && batch.head.base_offset < block->end_offset) {
		int found = find_in_batch(partition, batch.bytes, from, timestamp, out, fault);

		if (found != 0)
			return found;
	}
	return 0;
}

static struct block *block_that_ends(const struct partition *partition, int64_t end_offset)
{
	LIST_EACH(&partition->blocks, link)
	{
		struct block *block = container_of(link, struct block, link);

		if (block->end_offset == end_offset)
			return block;
	}
	return NULL;
}

/*
 * In objects, below what is cached.  1: found; 0: not there; 2: has to be fetched.  What the fetch found for this very question
 * is in partition->timed, and how far the search for it has come.
 */
static int find_cold(struct partition *partition, int64_t timestamp, struct store_timed *out,
		     struct fault *fault)
{
	struct timed_search *timed = &partition->timed;

	if (timed->timestamp != timestamp || timed->log_start != partition->log_start)
		*timed = (struct timed_search){ timestamp, partition->log_start, partition->log_start, -1, -1,
						-1 };
	for (size_t i = 0; i < partition->extent_count;) {
		const struct extent *extent = &partition->extents[i];
		struct fault failed = partition->fetch_fault;
		struct block *block;
		int found;

		if (extent->max_timestamp < timestamp || extent->end_offset <= timed->resume) {
			i++;
			continue;
		}
		if (extent->base_offset >= partition->cached_from)
			return 0;
		if (timed->resume < extent->base_offset)
			timed->resume = extent->base_offset;
		if (timed->asked == timed->resume && timed->block_end < 0) {
			timed->resume = timed->next;
			continue;
		}
		block = timed->asked == timed->resume ? block_that_ends(partition, timed->block_end) : NULL;
		if (block) {
			found = find_in_block(partition, block, partition->log_start, timestamp, out, fault);
			if (found != 0)
				return found;
			timed->resume = block->end_offset;
			continue;
		}
		partition->fetch_fault = (struct fault){ 0 };
		if (failed.err < 0) {
			if (fault)
				*fault = failed;
			return failed.err;
		}
		found = fetch_start(partition, timed->resume, timestamp);
		return found < 0 ? found : 2;
	}
	return 0;
}

static int find_in_ring(struct partition *partition, int64_t timestamp, struct store_timed *out,
			struct fault *fault)
{
	for (size_t i = held_find(partition, partition->log_start); i < partition->held_count; i++) {
		const struct held *held = held_at(partition, i);
		int found;

		if (held->base_offset >= partition->high_watermark)
			break;
		if (held->max_timestamp < timestamp)
			continue;
		found = find_in_batch(partition, view_of(held->at, held->size), partition->log_start,
				      timestamp, out, fault);
		if (found != 0)
			return found;
	}
	return 0;
}

static int64_t latest_timestamp(const struct partition *partition)
{
	int64_t latest = INT64_MIN;

	for (size_t i = 0; i < partition->extent_count; i++)
		if (partition->extents[i].max_timestamp > latest)
			latest = partition->extents[i].max_timestamp;
	for (size_t i = 0; i < partition->held_count; i++)
		if (held_at(partition, i)->max_timestamp > latest &&
		    held_at(partition, i)->base_offset < partition->high_watermark)
			latest = held_at(partition, i)->max_timestamp;
	return latest;
}

int store_offset_for_time(struct partition *partition, int64_t timestamp, struct store_timed *out,
			  struct fault *fault)
{
	struct store_timed found = { -1, -1, -1 };
	int err;

	if (partition->deleted)
		return fault_set(fault, ERR_NOT_FOUND, "the topic was deleted");
	if (timestamp == STORE_TIME_MAX)
		timestamp = latest_timestamp(partition);
	err = find_cold(partition, timestamp, &found, fault);
	if (err == 0)
		err = find_in_ring(partition, timestamp, &found, fault);
	if (err < 0)
		return err;
	if (err == 2)
		return 1;
	*out = found;
	return 0;
}
