/*
 * store_backfill.c - history that comes in below the start of a mirror, piece by piece, downwards.
 *
 *	owner's thread   checked, copied; transactions that do not end in the piece looked for in the ring
 *	uploader         ... and in what lies above it in objects, as far as need be
 *	keeper           an id for an object
 *	uploader         the object
 *	keeper           one transaction: extent, start, epochs
 *	owner's thread   the same in memory
 *
 * The tail goes on meanwhile.  What came between and would change the plan (the start moved, another epoch, a truncation) ends
 * it with ERR_CONFLICT before anything has happened.
 *
 * A reader of committed records must be told of every aborted transaction that has data in the piece.  One whose marker lies
 * above gets a range that ends with the piece: the marker itself tells a reader who goes on from there when it is over, and what
 * the transaction has above has a range of its own.  One without a marker anywhere is not decided, and the piece has to wait.
 */
#include <stdlib.h>

#include "store/extent.h"

#define RETRY_MS       1000
#define PIECE_SIZE_MAX (32 << 20)
#define BYTES_MAX      (128 << 20) /* of all pieces that are on their way */
#define BLOB_BYTES_MAX (1 << 30)

enum fill_step {
	FILL_DECIDE,
	FILL_PREPARE,
	FILL_WRITE,
	FILL_COMMIT,
};

/* A transaction that has data in the piece and no marker. */
struct undecided {
	int64_t producer_id, first_offset;
	bool found, commits;             /* its marker, in objects ... */
	bool found_later, commits_later; /* ... or in the ring behind them */
};

struct fill {
	struct job job, home;
	struct list link; /* store->fills */
	struct store *store;
	struct partition *partition; /* the owner's: a partition that is being filled is not freed */
	uint32_t id;
	enum fill_step step;
	bool in_doubt, doubted;
	int64_t due_ms;
	int err;
	struct fault fault;
	store_done *done;
	void *context;

	int64_t from, before; /* the new start, and the old one, which may not move meanwhile */
	int32_t leader_epoch; /* the same of the partition's */
	struct buffer bytes;
	struct epochs runs;               /* of the piece */
	struct epochs epochs;             /* of the partition, as they will be */
	struct transactions transactions; /* of the piece */
	struct undecided *undecided;
	size_t undecided_count, found_count;
	struct extent *above; /* where their markers may be */
	size_t above_count;
	int64_t above_end; /* from here on everything was in the ring */
	struct extent extent;
	uint64_t object_size;
};

static void free_fill(struct fill *fill)
{
	list_remove(&fill->link);
	fill->store->filling_bytes -= (int64_t)fill->bytes.size;
	buffer_done(&fill->bytes);
	epochs_done(&fill->runs);
	epochs_done(&fill->epochs);
	transactions_done(&fill->transactions);
	free(fill->undecided);
	free(fill->above);
	free(fill);
}

static void answer(struct fill *fill)
{
	struct partition *partition = fill->partition;
	struct store *store = fill->store;

	/* An object that surely was not committed: the next upload takes its id. */
	if (fill->err < 0 && fill->extent.object && (fill->step != FILL_COMMIT || fill->err == ERR_STALE) &&
	    !fill->doubted && !store->spare_object && !store->flush)
		store->spare_object = fill->extent.object;
	partition->fill = NULL;
	partition->fill_commits = false;
	partition_changed(partition);
	if (fill->done)
		fill->done(fill->context, fill->err, &fill->fault);
	free_fill(fill);
}

/* ---- the piece, looked at */

static int take_batch(struct fill *fill, const struct batch *batch, int64_t *end)
{
	const struct batch_head *head = &batch->head;
	const struct epochs *runs = &fill->runs;
	bool marker, commits;
	int32_t epoch;
	int err = batch_check(batch, NULL);

	if (err == ERR_CHECKSUM)
		return STORE_BATCH_CORRUPT;
	if (err < 0 || head->magic != 2 || head->base_offset < *end || head->last_offset_delta < 0 ||
	    head->base_offset >= fill->before ||
	    head->base_offset >= fill->before - head->last_offset_delta ||
	    (head->producer_id >= 0 && head->producer_epoch < 0) ||
	    (head->transactional && head->producer_id < 0) || head->partition_leader_epoch < 0 ||
	    (runs->count && runs->at[runs->count - 1].epoch > head->partition_leader_epoch) ||
	    marker_read(batch, &marker, &commits, &epoch) < 0)
		return STORE_BATCH_INVALID;
	*end = batch_last_offset(head) + 1;
	err = epochs_add(&fill->runs, head->partition_leader_epoch, head->base_offset);
	if (err == 0 && marker)
		err = transactions_end(&fill->transactions, head->producer_id, head->base_offset, commits);
	else if (err == 0 && head->transactional && !head->control)
		err = transactions_see(&fill->transactions, head->producer_id, head->base_offset);
	return err;
}

static int look_through(struct fill *fill, struct view bytes)
{
	int64_t end = fill->from;
	struct batch batch;
	int found = 0, err = 0;

	while (err == 0 && (found = batch_next(&bytes, &batch)) == 1)
		err = take_batch(fill, &batch, &end);
	if (err == 0 && (found < 0 || bytes.size))
		err = STORE_BATCH_INVALID;
	return err;
}

/* ---- who has aborted */

static void find_marker(struct fill *fill, const struct batch *batch, bool later)
{
	bool marker, commits;
	int32_t epoch;

	if (!batch->head.control || marker_read(batch, &marker, &commits, &epoch) < 0 || !marker)
		return;
	for (size_t i = 0; i < fill->undecided_count; i++) {
		struct undecided *one = &fill->undecided[i];

		if (one->producer_id != batch->head.producer_id)
			continue;
		if (later && !one->found_later) {
			one->found_later = true;
			one->commits_later = commits;
		} else if (!later && !one->found) {
			one->found = true;
			one->commits = commits;
			fill->found_count++;
		}
	}
}

static void look_in_ring(struct fill *fill)
{
	const struct partition *partition = fill->partition;

	for (size_t i = 0; i < partition->held_count; i++) {
		const struct held *held = held_at(partition, i);
		struct view bytes = view_of(held->at, held->size);
		struct batch batch;

		if (held->base_offset >= partition->high_watermark)
			break;
		if (held->base_offset >= fill->before && batch_next(&bytes, &batch) == 1)
			find_marker(fill, &batch, true);
	}
}

static int look_at_batch(void *context, const struct batch *batch, struct fault *fault)
{
	struct fill *fill = context;

	if (batch->head.base_offset < fill->above_end)
		find_marker(fill, batch, false);
	return fill->found_count == fill->undecided_count ? 1 : 0;
}

static int plan_decisions(struct fill *fill)
{
	const struct transactions *piece = &fill->transactions;
	const struct partition *partition = fill->partition;

	fill->undecided = calloc(piece->open_count + 1, sizeof *fill->undecided);
	fill->above = malloc((partition->extent_count + 1) * sizeof *fill->above);
	if (!fill->undecided || !fill->above)
		return ERR_MEMORY;
	for (size_t i = 0; i < piece->open_count; i++)
		fill->undecided[fill->undecided_count++] =
			(struct undecided){ .producer_id = piece->open[i].producer_id,
					    .first_offset = piece->open[i].first_offset };
	if (!fill->undecided_count)
		return 0;
	look_in_ring(fill);
	fill->above_end = partition->cached_from;
	while (fill->above_count < partition->extent_count &&
	       partition->extents[fill->above_count].base_offset < fill->above_end) {
		fill->above[fill->above_count] = partition->extents[fill->above_count];
		fill->above_count++;
	}
	return 0;
}

/* ---- on other lanes */

static int decide(struct fill *fill)
{
	int err = 0;

	for (size_t i = 0; i < fill->above_count && err == 0; i++)
		err = extent_read(fill->store, fill->id, &fill->above[i], look_at_batch, fill, &fill->fault);
	for (size_t i = 0; i < fill->undecided_count && err >= 0; i++) {
		const struct undecided *one = &fill->undecided[i];

		if (!one->found && !one->found_later)
			return fault_set(&fill->fault, ERR_CONFLICT,
					 "the transaction of producer %lld at offset %lld is not decided in "
					 "what the mirror has: fill in this piece once it is",
					 (long long)one->producer_id, (long long)one->first_offset);
	}
	return err < 0 ? err : 0;
}

/* Ranges for those that are aborted above: they end with the piece. */
static int close_ranges(struct fill *fill, int64_t end)
{
	int err = 0;

	for (size_t i = 0; i < fill->undecided_count && err == 0; i++) {
		const struct undecided *one = &fill->undecided[i];

		err = transactions_end(&fill->transactions, one->producer_id, end - 1,
				       one->found ? one->commits : one->commits_later);
	}
	return err;
}

static int write_object(struct fill *fill)
{
	int err = extent_write(fill->store, fill->id, buffer_bytes(&fill->bytes), &fill->extent,
			       &fill->object_size, &fill->fault);

	if (err == 0)
		err = close_ranges(fill, fill->extent.end_offset);
	return err;
}

static int commit(struct fill *fill)
{
	const struct extent *extent = &fill->extent;
	struct metadata_fill rows = {
		.partition = fill->id,
		.log_start = fill->from,
		.before = fill->before,
		.object = extent->object,
		.size = fill->object_size,
		.extent = { .partition = fill->id,
			    .base_offset = extent->base_offset,
			    .end_offset = extent->end_offset,
			    .size = extent->size,
			    .first_timestamp = extent->first_timestamp,
			    .max_timestamp = extent->max_timestamp },
		.epochs = fill->epochs.at,
		.epoch_count = fill->epochs.count,
	};
	struct buffer blob;
	int err;

	buffer_init(&blob, BLOB_BYTES_MAX);
	transactions_write_aborted(&fill->transactions, extent->base_offset, extent->end_offset, &blob);
	rows.extent.aborted = buffer_bytes(&blob);
	err = blob.err ? fault_set(&fill->fault, blob.err, "out of memory")
		       : metadata_fill_commit(fill->store->metadata, &rows, &fill->fault);
	buffer_done(&blob);
	return err < 0 ? err : 0;
}

static void run(struct job *job)
{
	struct fill *fill = container_of(job, struct fill, job);

	switch (fill->step) {
	case FILL_DECIDE: fill->err = decide(fill); break;
	case FILL_PREPARE:
		fill->err =
			metadata_object_prepare(fill->store->metadata, &fill->extent.object, &fill->fault);
		break;
	case FILL_WRITE: fill->err = write_object(fill); break;
	case FILL_COMMIT: fill->err = commit(fill); break;
	}
	lane_post(fill->store->home, &fill->home);
}

/* ---- on the owner's thread */

static void next_step(struct fill *fill, enum fill_step step)
{
	bool keeper = step == FILL_PREPARE || step == FILL_COMMIT;

	fill->step = step;
	fill->in_doubt = false;
	fill->fault = (struct fault){ 0 };
	fill->partition->fill_commits = step == FILL_COMMIT;
	lane_post(fill->store->lanes[keeper ? LANE_KEEPER : LANE_UPLOADER], &fill->job);
}

/* Does everything still begin where it did?  A part of what lies at the start may be below it: that stays given up. */
static bool may_fill(const struct partition *partition, const struct fill *fill)
{
	return !partition->sealed && !partition->starts_moving && partition->log_start == fill->before &&
	       partition->leader_epoch == fill->leader_epoch &&
	       partition->committed_end >= partition->log_start &&
	       (!partition->extent_count || partition->extents[0].base_offset >= partition->log_start);
}

/* All that it needs in memory; and the epochs, which from here on stay as they are. */
static int prepare_commit(struct fill *fill)
{
	struct partition *partition = fill->partition;

	if (!may_fill(partition, fill))
		return fault_set(&fill->fault, ERR_CONFLICT,
				 "the partition's start or epoch has changed: fill in this piece again");
	/* One for this and one for an upload that was planned before. */
	if (extents_reserve(partition, 2) < 0 ||
	    epochs_fill(&partition->epochs, &fill->runs, fill->from, fill->before, &fill->epochs) < 0)
		return fault_set(&fill->fault, ERR_MEMORY, "out of memory");
	return 0;
}

static void take_in(struct fill *fill)
{
	struct partition *partition = fill->partition;
	struct epochs epochs = partition->epochs;

	/* What was given up may be in the cache still: from here on the piece is what is there. */
	while (partition->held_count && held_at(partition, 0)->last_offset < fill->before)
		held_shift(partition);
	if (partition->cached_from < fill->before)
		partition->cached_from = fill->before;
	if (fill->extent.size) {
		memmove(partition->extents + 1, partition->extents,
			partition->extent_count * sizeof *partition->extents);
		partition->extents[0] = fill->extent;
		partition->extent_count++;
		partition->extent_bytes += (int64_t)fill->extent.size;
	}
	partition->epochs = fill->epochs;
	fill->epochs = epochs;
	transactions_take_aborted(&partition->transactions, &fill->transactions);
	partition->log_start = fill->from;
	partition->compacted_to = 0;
	extents_changed(partition);
	partition_settle(partition);
}

static void finish(struct fill *fill)
{
	/*
	 * While the commit was in doubt, uploads may have taken the room that was made for it.  Where memory is out: it is in the
	 * metadata, and will be here after a restart: rare enough.
	 */
	if (extents_reserve(fill->partition, 2) < 0 ||
	    transactions_reserve(&fill->partition->transactions, fill->transactions.aborted_count) < 0)
		fill->err = fault_set(&fill->fault, ERR_MEMORY,
				      "out of memory: the piece is there after a restart");
	else
		take_in(fill);
	answer(fill);
}

static void home(struct job *job)
{
	struct fill *fill = container_of(job, struct fill, home);
	enum fill_step next = fill->step + 1;

	if (fill->step == FILL_COMMIT && fill->err == 0) {
		finish(fill);
		return;
	}
	/* Whether it was done nobody could say. */
	if (fill->step == FILL_COMMIT && fill->err != ERR_STALE && !fill->partition->deleted &&
	    !fill->store->closing) {
		fill->in_doubt = fill->doubted = true;
		fill->due_ms = store_now_ms(fill->store) + RETRY_MS;
		return;
	}
	if (fill->step == FILL_DECIDE && fill->bytes.size == 0)
		next = FILL_COMMIT; /* nothing is left there, and the start moves all the same */
	if (fill->err == 0 && next == FILL_COMMIT)
		fill->err = prepare_commit(fill);
	if (fill->err == 0)
		next_step(fill, next);
	else
		answer(fill);
}

void backfill_tick(struct store *store)
{
	if (store->closing)
		return;
	LIST_EACH(&store->fills, link)
	{
		struct fill *fill = container_of(link, struct fill, link);

		if (fill->in_doubt && store_now_ms(store) >= fill->due_ms)
			next_step(fill, FILL_COMMIT);
	}
}

void backfill_free(struct store *store)
{
	while (!list_empty(&store->fills)) {
		struct fill *fill = container_of(store->fills.next, struct fill, link);

		fill->err = fault_set(&fill->fault, ERR_CANCELLED, "the store was closed");
		answer(fill);
	}
}

static int begin(struct partition *partition, int64_t from, struct view batches, struct fill **out)
{
	struct fill *fill = calloc(1, sizeof *fill);
	int err = 0;

	if (!fill)
		return ERR_MEMORY;
	job_init(&fill->job, run);
	job_init(&fill->home, home);
	list_init(&fill->link);
	buffer_init(&fill->bytes, PIECE_SIZE_MAX);
	fill->store = partition->store;
	fill->partition = partition;
	fill->id = partition->id;
	fill->from = from;
	fill->before = partition->log_start;
	fill->leader_epoch = partition->leader_epoch;
	if (!may_fill(partition, fill))
		err = ERR_CONFLICT;
	if (err == 0)
		err = look_through(fill, batches);
	if (err == 0 && !epochs_fit(&partition->epochs, &fill->runs, from, fill->before))
		err = STORE_BATCH_INVALID;
	if (err == 0)
		err = plan_decisions(fill);
	if (err == 0)
		buffer_view(&fill->bytes, batches);
	if (err == 0)
		err = fill->bytes.err;
	fill->store->filling_bytes += (int64_t)fill->bytes.size;
	if (err != 0)
		free_fill(fill);
	else
		*out = fill;
	return err;
}

int store_backfill_mirror(struct partition *partition, int64_t from, struct view batches, store_done *done,
			  void *context)
{
	struct store *store = partition->store;
	struct fill *fill = NULL;
	int err;

	if (partition->deleted || store->closing)
		return ERR_NOT_FOUND;
	if (!partition->mirror)
		return ERR_STALE;
	if (partition->fill)
		return ERR_CONFLICT;
	if (from < 0 || from >= partition->log_start)
		return ERR_USAGE;
	if (batches.size > PIECE_SIZE_MAX || store->filling_bytes + (int64_t)batches.size > BYTES_MAX)
		return ERR_LIMIT;
	err = begin(partition, from, batches, &fill);
	if (err != 0)
		return err;
	fill->done = done;
	fill->context = context;
	partition->fill = fill;
	list_append(&store->fills, &fill->link);
	next_step(fill, FILL_DECIDE);
	return 0;
}
