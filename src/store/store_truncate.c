/*
 * store_truncate.c - a mirror cut back to where its source still agrees with it.
 *
 * A source that elected an unclean leader has lost records that the mirror has.  They go, and what the source has in their place
 * is appended under a new leader epoch, which begins at the cut: a client that had read further finds that out by asking where
 * its epoch ended (KIP-320).
 *
 *	owner's thread   sealed; waits until nothing is on its way and all of it is in objects
 *	uploader         the batches below the cut, from the log's start: producers and transactions as of there
 *	keeper           one transaction: extents, end, epochs, snapshot
 *	owner's thread   the same in memory
 *
 * Nothing new is written into the write-ahead log.  What is to be cut is uploaded first, and the upload moves on the place from
 * where recovery reads the log; so after the transaction neither the log nor the metadata know of it, and before it nothing
 * has changed.  Objects stay as they are: they hold more than their extents say, and whoever reads one goes by the extent.
 */
#include <assert.h>
#include <stdlib.h>

#include "store/extent.h"

#define RETRY_MS       1000
#define BLOB_BYTES_MAX (1 << 30)

enum cut_step {
	CUT_WAITS,
	CUT_READ,
	CUT_COMMIT,
};

struct cut {
	struct job job, home;
	struct list link; /* store->cuts */
	struct store *store;
	struct partition *partition; /* the owner's: a partition with a cut is not freed */
	uint32_t id;
	enum cut_step step;
	int64_t offset; /* as asked for */
	int32_t leader_epoch;
	bool in_doubt; /* the commit failed, and is tried again at due_ms */
	int64_t due_ms;
	int err;
	struct fault fault;
	store_done *done;
	void *context;

	struct extent *extents; /* those that begin below the cut; the last one may be shortened */
	size_t extent_count;
	int64_t log_start;
	int64_t end; /* the cut, where a batch begins or none is: at or below `offset` */
	struct producers producers;
	struct transactions transactions; /* as of the end */
	struct transactions before;       /* only what was aborted, as it was */
	uint64_t size;                    /* of the extent that is being read */
	int64_t max_timestamp;
};

static void free_cut(struct cut *cut)
{
	list_remove(&cut->link);
	producers_done(&cut->producers);
	transactions_done(&cut->transactions);
	transactions_done(&cut->before);
	free(cut->extents);
	free(cut);
}

static void answer(struct cut *cut)
{
	struct partition *partition = cut->partition;

	partition->cut = NULL;
	partition->sealed = false;
	partition_changed(partition);
	if (cut->done)
		cut->done(cut->context, cut->err, &cut->fault);
	free_cut(cut);
}

/* ---- on other lanes */

/* In a log of very many producers those that have nothing open are forgotten, as they would have been by their age. */
static void forget_idle(struct producers *producers)
{
	for (size_t i = 0; i < producers->capacity; i++)
		if (producers->slots[i].id >= 0 && !producers->slots[i].in_transaction)
			producers_remove(producers, producers->slots[i--].id);
}

static int take_batch(void *context, const struct batch *batch, struct fault *fault)
{
	struct cut *cut = context;
	int64_t base = batch->head.base_offset;
	bool marker, commits;
	int32_t epoch;
	int err;

	if (base >= cut->end)
		return 0;
	if (batch_last_offset(&batch->head) >= cut->offset) {
		cut->end = base; /* a batch goes whole */
		return 0;
	}
	if (marker_read(batch, &marker, &commits, &epoch) < 0)
		return fault_set(fault, ERR_CHECKSUM, "the marker at offset %lld cannot be read",
				 (long long)base);
	cut->size += batch->bytes.size;
	if (batch->head.max_timestamp > cut->max_timestamp)
		cut->max_timestamp = batch->head.max_timestamp;
	err = producers_learn(&cut->producers, &cut->transactions, &batch->head, marker, commits, epoch);
	if (err == ERR_LIMIT) {
		forget_idle(&cut->producers);
		err = producers_learn(&cut->producers, &cut->transactions, &batch->head, marker, commits,
				      epoch);
	}
	return err < 0 ? fault_set(fault, err, "no room for what the producers of the log have sent") : 0;
}

static int read_what_stays(struct cut *cut)
{
	struct extent *extent = cut->extents;
	int err = 0;

	for (; extent < cut->extents + cut->extent_count && err == 0; extent++) {
		cut->size = 0;
		cut->max_timestamp = extent->first_timestamp;
		err = extent_read(cut->store, cut->id, extent, take_batch, cut, &cut->fault);
		if (err == 0 && extent->end_offset > cut->end) {
			extent->end_offset = cut->end;
			extent->size = cut->size;
			extent->max_timestamp = cut->max_timestamp;
		}
	}
	/* The batch that lies across the offset was the only one of its extent. */
	if (err == 0 && cut->extent_count && cut->extents[cut->extent_count - 1].base_offset >= cut->end)
		cut->extent_count--;
	if (cut->end <= cut->log_start)
		cut->extent_count = 0;
	return err;
}

/* A transaction that was aborted behind the cut is open again: so others than the last extent may change, too. */
static int put_extents(struct cut *cut, struct metadata_extent *rows, size_t *count, struct buffer *blobs)
{
	size_t *at = calloc(cut->extent_count + 1, sizeof *at), first = 0;

	if (!at)
		return ERR_MEMORY;
	for (size_t i = 0; i < cut->extent_count; i++) {
		const struct extent *extent = &cut->extents[i];

		if (i + 1 < cut->extent_count &&
		    !transactions_aborted_in(&cut->before, extent->base_offset, extent->end_offset) &&
		    !transactions_aborted_in(&cut->transactions, extent->base_offset, extent->end_offset))
			continue;
		transactions_write_aborted(&cut->transactions, extent->base_offset, extent->end_offset,
					   blobs);
		rows[*count] = (struct metadata_extent){ .partition = cut->id,
							 .base_offset = extent->base_offset,
							 .end_offset = extent->end_offset,
							 .object = extent->object,
							 .size = extent->size,
							 .max_timestamp = extent->max_timestamp };
		at[(*count)++] = blobs->size;
	}
	for (size_t i = 0; i < *count && !blobs->err; first = at[i++])
		rows[i].aborted = view_of(blobs->at + first, at[i] - first);
	free(at);
	return blobs->err;
}

static int commit(struct cut *cut)
{
	struct metadata_extent *rows = calloc(cut->extent_count + 1, sizeof *rows);
	struct metadata_cut change = { .partition = cut->id,
				       .end_offset = cut->end,
				       .leader_epoch = cut->leader_epoch,
				       .all = cut->end <= cut->log_start,
				       .extents = rows };
	struct buffer blobs, snapshot;
	int err;

	buffer_init(&blobs, BLOB_BYTES_MAX);
	buffer_init(&snapshot, BLOB_BYTES_MAX);
	producers_write(&cut->producers, &snapshot);
	transactions_write_open(&cut->transactions, &snapshot);
	err = rows ? put_extents(cut, rows, &change.extent_count, &blobs) : ERR_MEMORY;
	if (err == 0)
		err = snapshot.err;
	change.snapshot = buffer_bytes(&snapshot);
	if (err == 0)
		err = metadata_truncate(cut->store->metadata, &change, &cut->fault);
	else
		fault_set(&cut->fault, err, "out of memory");
	buffer_done(&blobs);
	buffer_done(&snapshot);
	free(rows);
	return err < 0 ? err : 0;
}

static void run(struct job *job)
{
	struct cut *cut = container_of(job, struct cut, job);

	cut->err = cut->step == CUT_READ ? read_what_stays(cut) : commit(cut);
	lane_post(cut->store->home, &cut->home);
}

/* ---- on the owner's thread */

static void next_step(struct cut *cut, enum cut_step step)
{
	cut->step = step;
	cut->in_doubt = false;
	cut->fault = (struct fault){ 0 };
	lane_post(cut->store->lanes[step == CUT_COMMIT ? LANE_KEEPER : LANE_UPLOADER], &cut->job);
}

static void cut_ring(struct partition *partition, const struct cut *cut)
{
	/* Where all goes, that is what was given up below the start as well. */
	while (partition->held_count &&
	       (cut->end <= cut->log_start ||
		held_at(partition, partition->held_count - 1)->last_offset >= cut->end))
		held_pop(partition);
	if (!partition->held_count && partition->cached_from > cut->end)
		partition->cached_from = cut->end;
}

static void cut_extents(struct partition *partition, const struct cut *cut)
{
	/* The same ones, from the start of the log: nobody has touched them since. */
	assert(partition->extent_count >= cut->extent_count);
	partition->extent_count = cut->extent_count;
	partition->extent_bytes = 0;
	for (size_t i = 0; i < cut->extent_count; i++) {
		partition->extents[i] = cut->extents[i];
		partition->extent_bytes += (int64_t)cut->extents[i].size;
	}
	extents_changed(partition);
}

/* Producers that were forgotten by their age are not known again. */
static void take_producers(struct partition *partition, struct cut *cut)
{
	struct producers *now = &cut->producers;

	for (size_t i = 0; i < now->capacity; i++) {
		const struct producer *known;

		if (now->slots[i].id < 0)
			continue;
		known = producers_find(&partition->producers, now->slots[i].id);
		if (!known && !now->slots[i].in_transaction)
			producers_remove(now, now->slots[i--].id);
		else
			now->slots[i].heard_ms = known ? known->heard_ms : store_now_ms(cut->store);
	}
	producers_done(&partition->producers);
	partition->producers = *now;
	producers_init(now);
}

static void take_in(struct cut *cut)
{
	struct partition *partition = cut->partition;

	cut_ring(partition, cut);
	cut_extents(partition, cut);
	take_producers(partition, cut);
	transactions_done(&partition->transactions);
	partition->transactions = cut->transactions;
	transactions_init(&cut->transactions);
	epochs_cut(&partition->epochs, cut->end);
	epochs_add(&partition->epochs, cut->leader_epoch, cut->end); /* there is room */
	partition->leader_epoch = cut->leader_epoch;
	partition->end = partition->high_watermark = partition->committed_end = cut->end;
	if (partition->log_start > cut->end)
		partition->log_start = cut->end;
	if (partition->compacted_to > cut->end)
		partition->compacted_to = cut->end;
	partition_settle(partition);
}

static void home(struct job *job)
{
	struct cut *cut = container_of(job, struct cut, home);

	if (cut->step == CUT_READ && cut->err == 0) {
		next_step(cut, CUT_COMMIT);
		return;
	}
	/* Whether it was done nobody could say: once more, and until somebody can the partition stays sealed. */
	if (cut->step == CUT_COMMIT && cut->err < 0 && cut->err != ERR_STALE && !cut->partition->deleted &&
	    !cut->store->closing) {
		cut->in_doubt = true;
		cut->due_ms = store_now_ms(cut->store) + RETRY_MS;
		return;
	}
	if (cut->step == CUT_COMMIT && cut->err == 0)
		take_in(cut);
	answer(cut);
}

/* All that it needs in memory, so that taking it in cannot fail. */
static int prepare(struct cut *cut)
{
	struct partition *partition = cut->partition;
	const struct transactions *now = &partition->transactions;

	cut->log_start = partition->log_start;
	cut->end = cut->offset < partition->end ? cut->offset : partition->end;
	cut->extents = malloc((partition->extent_count + 1) * sizeof *cut->extents);
	if (!cut->extents || epochs_reserve(&partition->epochs, 1) < 0 ||
	    transactions_reserve(&cut->before, now->aborted_count) < 0)
		return fault_set(&cut->fault, ERR_MEMORY, "out of memory");
	/* Where all of it goes, nothing has to be read. */
	for (size_t i = 0; cut->end > cut->log_start && i < partition->extent_count &&
			   partition->extents[i].base_offset < cut->end;
	     i++)
		cut->extents[cut->extent_count++] = partition->extents[i];
	if (now->aborted_count)
		memcpy(cut->before.aborted, now->aborted, now->aborted_count * sizeof *now->aborted);
	cut->before.aborted_count = now->aborted_count;
	return 0;
}

static void try_to_begin(struct cut *cut)
{
	struct partition *partition = cut->partition;

	if (partition->deleted) {
		cut->err = fault_set(&cut->fault, ERR_NOT_FOUND, "the topic was deleted");
		answer(cut);
	} else if (cut->store->write_err == ERR_IO) {
		/* What failed may be in the log, and would be back behind the cut. */
		cut->err = fault_set(&cut->fault, ERR_IO, "the write-ahead log broke: open the store again");
		answer(cut);
	} else if (partition->in_flight || partition->starts_moving || partition->fill_commits ||
		   rewrite_is_about(cut->store, cut->id)) {
		return;
	} else if (partition->committed_end < partition->end) {
		/* An upload that was planned before holds a part of it: another one follows. */
		flush_start(cut->store);
	} else {
		cut->err = prepare(cut);
		if (cut->err == 0)
			next_step(cut, CUT_READ);
		else
			answer(cut);
	}
}

void truncate_tick(struct store *store)
{
	if (store->closing)
		return;
	LIST_EACH_SAFE(&store->cuts, link)
	{
		struct cut *cut = container_of(link, struct cut, link);

		if (cut->step == CUT_WAITS)
			try_to_begin(cut);
		else if (cut->in_doubt && store_now_ms(store) >= cut->due_ms)
			next_step(cut, CUT_COMMIT);
	}
}

void truncate_free(struct store *store)
{
	while (!list_empty(&store->cuts)) {
		struct cut *cut = container_of(store->cuts.next, struct cut, link);

		cut->err = fault_set(&cut->fault, ERR_CANCELLED, "the store was closed");
		answer(cut);
	}
}

int store_truncate_mirror(struct partition *partition, int64_t offset, int32_t leader_epoch, store_done *done,
			  void *context)
{
	struct cut *cut;

	if (partition->deleted || partition->store->closing)
		return ERR_NOT_FOUND;
	if (!partition->mirror || leader_epoch <= partition->leader_epoch)
		return ERR_STALE;
	if (offset < 0)
		return ERR_USAGE;
	if (partition->sealed)
		return ERR_CONFLICT;
	cut = calloc(1, sizeof *cut);
	if (!cut)
		return ERR_MEMORY;
	job_init(&cut->job, run);
	job_init(&cut->home, home);
	cut->store = partition->store;
	cut->partition = partition;
	cut->id = partition->id;
	cut->offset = offset;
	cut->leader_epoch = leader_epoch;
	cut->done = done;
	cut->context = context;
	list_init(&cut->link);
	list_append(&cut->store->cuts, &cut->link);
	partition->sealed = true;
	partition->cut = cut;
	return 0;
}
