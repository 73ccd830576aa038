/*
 * store_rewrite.c - extents that say the same in fewer bytes: small ones merged, those of compacted topics sieved.
 *
 *	owner's thread   which partition, which extents
 *	uploader         compaction only: learn the keys of what is to be compacted
 *	keeper           an id for an object             \
 *	uploader         read, sieve, write the object    | group by group
 *	keeper           one transaction: old out, new in |
 *	owner's thread   the same in memory              /
 *
 * One partition at a time, and what is in memory at once is bounded.  A reader may hold batches of before: they stay as they
 * are.  But whatever of before is still in a cache is let go when the new extents come in, because aborted transactions whose
 * data is gone are forgotten with it.
 *
 * Merging goes by size: a run of neighbours is merged when none is more than a quarter of the whole, so that no byte is
 * rewritten more than a few times; and not across more time or bytes than a fraction of the retention, which takes whole
 * extents.
 */
#include <stdlib.h>

#include "store/compact.h"
#include "store/extent.h"

#define GROUP_SIZE_MAX   (32 << 20)
#define MERGE_EXTENT_MAX (8 << 20)
#define MERGE_COUNT_MAX  64
#define BATCH_SIZE_MAX   (256 << 20)
#define RETRY_MS         1000

enum rewrite_step {
	REWRITE_LEARN,
	REWRITE_PREPARE,
	REWRITE_WRITE,
	REWRITE_COMMIT,
};

struct rewrite {
	struct job job, home;
	struct store *store;
	uint32_t partition;
	enum rewrite_step step;
	int err;
	struct fault fault;
	bool in_doubt; /* its commit may be done or not: once more at due_ms, which is 0 while it runs */
	bool doubted;  /* it was */
	int64_t due_ms;

	struct extent *extents;    /* all that this is about, as they were */
	size_t extent_count, done; /* `done` of them have been rewritten */
	size_t group;              /* so many from there on are the group under way */

	bool compact;
	struct compaction compaction;
	struct transaction *aborted; /* as of the beginning */
	size_t aborted_count;

	int64_t object;
	struct buffer bytes, aborted_bytes;
	int64_t *forgotten; /* abort markers that went: their offsets */
	size_t forgotten_count;
	struct extent written; /* size 0: nothing is left of the group */
	uint64_t object_size;
};

static void free_rewrite(struct rewrite *rewrite)
{
	if (rewrite->compact)
		compaction_done(&rewrite->compaction);
	buffer_done(&rewrite->bytes);
	buffer_done(&rewrite->aborted_bytes);
	free(rewrite->extents);
	free(rewrite->aborted);
	free(rewrite->forgotten);
	free(rewrite);
}

/* ---- on other lanes */

static int learn_batch(void *context, const struct batch *batch, struct fault *fault)
{
	struct rewrite *rewrite = context;

	return compaction_learn(&rewrite->compaction, batch);
}

static int read_extent(struct rewrite *rewrite, const struct extent *extent, extent_batch *each)
{
	return extent_read(rewrite->store, rewrite->partition, extent, each, rewrite, &rewrite->fault);
}

/* As many extents as there is room for keys; at least what was learned of the first one helps. */
static int learn(struct rewrite *rewrite)
{
	int err = 0;

	for (size_t i = 0; i < rewrite->extent_count && err == 0; i++)
		err = read_extent(rewrite, &rewrite->extents[i], learn_batch);
	return err == ERR_LIMIT ? 0 : err;
}

static int write_batch(void *context, const struct batch *batch, struct fault *fault)
{
	struct rewrite *rewrite = context;
	int went;

	if (!rewrite->compact) {
		buffer_view(&rewrite->bytes, batch->bytes);
		return rewrite->bytes.err;
	}
	went = compaction_sieve(&rewrite->compaction, batch, &rewrite->bytes);
	if (went == 1) {
		int64_t *more = realloc(rewrite->forgotten, (rewrite->forgotten_count + 1) * sizeof *more);

		if (!more)
			return ERR_MEMORY;
		rewrite->forgotten = more;
		more[rewrite->forgotten_count++] = batch->head.base_offset;
	}
	return went < 0 ? went : 0;
}

/* Aborted transactions that end in the group, but for those whose marker went. */
static int note_aborted(struct rewrite *rewrite, int64_t from, int64_t to)
{
	struct transactions left;
	int err = 0;

	transactions_init(&left);
	buffer_reset(&rewrite->aborted_bytes);
	for (size_t i = 0; i < rewrite->aborted_count && err == 0; i++) {
		const struct transaction *aborted = &rewrite->aborted[i];
		bool gone = aborted->last_offset < from || aborted->last_offset >= to;

		for (size_t k = 0; k < rewrite->forgotten_count && !gone; k++)
			gone = rewrite->forgotten[k] == aborted->last_offset;
		if (gone)
			continue;
		err = transactions_reserve(&left, 1);
		if (err == 0)
			left.aborted[left.aborted_count++] = *aborted;
	}
	if (err == 0)
		transactions_write_aborted(&left, from, to, &rewrite->aborted_bytes);
	transactions_done(&left);
	return err < 0 ? err : rewrite->aborted_bytes.err;
}

static int write_group(struct rewrite *rewrite)
{
	const struct extent *first = &rewrite->extents[rewrite->done], *last = first + rewrite->group - 1;
	int err = 0;

	buffer_reset(&rewrite->bytes);
	rewrite->forgotten_count = 0;
	for (const struct extent *extent = first; extent <= last && err == 0; extent++)
		err = read_extent(rewrite, extent, write_batch);
	if (err == 0)
		err = note_aborted(rewrite, first->base_offset, last->end_offset);
	if (err < 0)
		return err;
	rewrite->written = (struct extent){ .object = rewrite->object };
	if (rewrite->bytes.size == 0)
		return 0;
	return extent_write(rewrite->store, rewrite->partition, buffer_bytes(&rewrite->bytes),
			    &rewrite->written, &rewrite->object_size, &rewrite->fault);
}

static int commit_group(struct rewrite *rewrite)
{
	const struct extent *first = &rewrite->extents[rewrite->done], *last = first + rewrite->group - 1;
	const struct extent *written = &rewrite->written;
	struct metadata_extent row = { .partition = rewrite->partition,
				       .base_offset = written->base_offset,
				       .end_offset = written->end_offset,
				       .size = written->size,
				       .first_timestamp = written->first_timestamp,
				       .max_timestamp = written->max_timestamp,
				       .aborted = buffer_bytes(&rewrite->aborted_bytes) };
	struct metadata_merge merge = { .object = written->size ? rewrite->object : 0,
					.size = rewrite->object_size,
					.partition = rewrite->partition,
					.base_offset = first->base_offset,
					.end_offset = last->end_offset,
					.extents = &row,
					.extent_count = written->size ? 1 : 0,
					.replaced_count = rewrite->group };

	return metadata_merge_commit(rewrite->store->metadata, &merge, &rewrite->fault);
}

static void run(struct job *job)
{
	struct rewrite *rewrite = container_of(job, struct rewrite, job);

	switch (rewrite->step) {
	case REWRITE_LEARN: rewrite->err = learn(rewrite); break;
	case REWRITE_PREPARE:
		rewrite->err =
			metadata_object_prepare(rewrite->store->metadata, &rewrite->object, &rewrite->fault);
		break;
	case REWRITE_WRITE: rewrite->err = write_group(rewrite); break;
	case REWRITE_COMMIT:
		rewrite->err = commit_group(rewrite);
		rewrite->in_doubt = rewrite->err < 0 && rewrite->err != ERR_STALE &&
				    metadata_in_doubt(rewrite->store->metadata, rewrite->in_doubt);
		rewrite->doubted = rewrite->doubted || rewrite->in_doubt;
		break;
	}
	lane_post(rewrite->store->home, &rewrite->home);
}

/* ---- on the owner's thread */

static void next_step(struct rewrite *rewrite, enum rewrite_step step)
{
	bool keeper = step == REWRITE_PREPARE || step == REWRITE_COMMIT;

	rewrite->step = step;
	rewrite->err = 0;
	lane_post(rewrite->store->lanes[keeper ? LANE_KEEPER : LANE_UPLOADER], &rewrite->job);
}

static void next_group(struct rewrite *rewrite)
{
	uint64_t size = 0;

	rewrite->group = 0;
	while (rewrite->done + rewrite->group < rewrite->extent_count &&
	       (!rewrite->group ||
		size + rewrite->extents[rewrite->done + rewrite->group].size <= GROUP_SIZE_MAX))
		size += rewrite->extents[rewrite->done + rewrite->group++].size;
	next_step(rewrite, REWRITE_PREPARE);
}

/* The extents of the group are where they were: the metadata have said so. */
static void take_in(struct partition *partition, const struct rewrite *rewrite)
{
	const struct extent *first = &rewrite->extents[rewrite->done], *last = first + rewrite->group - 1;
	size_t from = 0, to;

	while (from < partition->extent_count && partition->extents[from].base_offset < first->base_offset)
		from++;
	for (to = from; to < partition->extent_count && partition->extents[to].end_offset <= last->end_offset;
	     to++)
		partition->extent_bytes -= (int64_t)partition->extents[to].size;
	if (rewrite->written.size && from < to) {
		partition->extents[from] = rewrite->written;
		partition->extent_bytes += (int64_t)rewrite->written.size;
		from++;
	}
	memmove(partition->extents + from, partition->extents + to,
		(partition->extent_count - to) * sizeof *partition->extents);
	partition->extent_count -= to - from;
	partition->generation++;
	blocks_drop(partition);
}

/* What the cache has of before may belong to aborted transactions that are forgotten now. */
static void forget(struct partition *partition, const struct rewrite *rewrite)
{
	int64_t end = rewrite->extents[rewrite->done + rewrite->group - 1].end_offset;
	struct transactions *transactions = &partition->transactions;
	size_t left = 0;

	while (partition->held_count && held_at(partition, 0)->last_offset < end)
		held_shift(partition);
	for (size_t i = 0; i < transactions->aborted_count; i++) {
		bool gone = false;

		for (size_t k = 0; k < rewrite->forgotten_count && !gone; k++)
			gone = rewrite->forgotten[k] == transactions->aborted[i].last_offset;
		if (!gone)
			transactions->aborted[left++] = transactions->aborted[i];
	}
	transactions->aborted_count = left;
	if (end > partition->compacted_to)
		partition->compacted_to = end;
}

static void finish(struct rewrite *rewrite)
{
	rewrite->store->rewrite = NULL;
	free_rewrite(rewrite);
}

static void give_up(struct rewrite *rewrite)
{
	struct store *store = rewrite->store;
	bool stale = rewrite->step == REWRITE_COMMIT && rewrite->err == ERR_STALE;

	/* An object that surely was not committed: the next upload takes its id. */
	if ((rewrite->step == REWRITE_WRITE || stale) && rewrite->object && !rewrite->doubted &&
	    !store->spare_object && !store->flush)
		store->spare_object = rewrite->object;
	if (rewrite->err < 0 && !stale) {
		store->rewrite_err = rewrite->err;
		store->rewrite_fault = rewrite->fault;
	}
	finish(rewrite);
}

static void home(struct job *job)
{
	struct rewrite *rewrite = container_of(job, struct rewrite, home);
	struct partition *partition = partition_of(rewrite->store, rewrite->partition);

	/* The old extents may be gone, and their objects with them: until that is known nobody may rely on either. */
	if (rewrite->in_doubt && !rewrite->store->closing) {
		rewrite->due_ms = store_now_ms(rewrite->store) + RETRY_MS;
		return;
	}
	/* ERR_STALE: retention or a deletion came between.  Whatever failed is tried anew some time, from what is there then. */
	if (rewrite->err < 0 || !partition || partition->deleted || rewrite->store->closing) {
		give_up(rewrite);
		return;
	}
	if (rewrite->step == REWRITE_PREPARE || rewrite->step == REWRITE_WRITE) {
		next_step(rewrite, rewrite->step + 1);
		return;
	}
	if (rewrite->step == REWRITE_COMMIT) {
		take_in(partition, rewrite);
		if (rewrite->compact)
			forget(partition, rewrite);
		rewrite->store->rewrites++;
		rewrite->store->rewrite_err = 0;
		rewrite->done += rewrite->group;
		partition_changed(partition);
	}
	if (rewrite->done < rewrite->extent_count)
		next_group(rewrite);
	else
		finish(rewrite);
}

static struct rewrite *make(struct partition *partition, size_t from, size_t count, bool compact)
{
	const struct store_log_options *log = &partition->topic->face.log;
	const struct transactions *transactions = &partition->transactions;
	struct store *store = partition->store;
	struct rewrite *rewrite = calloc(1, sizeof *rewrite);

	if (!rewrite)
		return NULL;
	rewrite->store = store;
	rewrite->partition = partition->id;
	job_init(&rewrite->job, run);
	job_init(&rewrite->home, home);
	buffer_init(&rewrite->bytes, BATCH_SIZE_MAX);
	buffer_init(&rewrite->aborted_bytes, BATCH_SIZE_MAX);
	rewrite->extents = malloc(count * sizeof *rewrite->extents);
	rewrite->aborted = malloc((transactions->aborted_count + 1) * sizeof *rewrite->aborted);
	if (!rewrite->extents || !rewrite->aborted)
		goto free_all;
	memcpy(rewrite->extents, partition->extents + from, count * sizeof *rewrite->extents);
	rewrite->extent_count = count;
	if (transactions->aborted_count)
		memcpy(rewrite->aborted, transactions->aborted,
		       transactions->aborted_count * sizeof *rewrite->aborted);
	rewrite->aborted_count = transactions->aborted_count;
	if (compact) {
		rewrite->compact = true;
		if (compaction_init(&rewrite->compaction, rewrite->aborted, rewrite->aborted_count,
				    clock_wall_ms(store->options.clock), log->delete_retention_ms,
				    BATCH_SIZE_MAX) < 0)
			goto free_all;
	}
	return rewrite;
free_all:
	free_rewrite(rewrite);
	return NULL;
}

/* How many extents, from the first on, are to be compacted now; 0 when it is not worth it. */
static size_t compactable(const struct partition *partition, int64_t wall_ms)
{
	const struct store_log_options *log = &partition->topic->face.log;
	int32_t percent = log->min_dirty_percent ? log->min_dirty_percent : 50;
	uint64_t all = 0, dirty = 0;
	size_t count = 0;

	if (!log->compact)
		return 0;
	for (; count < partition->extent_count; count++) {
		const struct extent *extent = &partition->extents[count];

		if (extent->end_offset > partition->last_stable ||
		    extent->max_timestamp > wall_ms - log->min_compaction_lag_ms)
			break;
		all += extent->size;
		if (extent->end_offset > partition->compacted_to)
			dirty += extent->size;
	}
	return dirty && dirty * 100 >= all * (uint64_t)percent ? count : 0;
}

/* May the extents from `from` to before `to` become one? */
static bool mergeable(const struct partition *partition, size_t from, size_t to)
{
	const struct store_log_options *log = &partition->topic->face.log;
	int64_t latest = INT64_MIN, earliest = INT64_MAX;
	uint64_t size = 0, largest = 0;

	for (size_t i = from; i < to; i++) {
		const struct extent *extent = &partition->extents[i];

		size += extent->size;
		largest = extent->size > largest ? extent->size : largest;
		latest = extent->max_timestamp > latest ? extent->max_timestamp : latest;
		earliest = extent->max_timestamp < earliest ? extent->max_timestamp : earliest;
	}
	/* With runs of eight and more: none may be more than a quarter of the whole. */
	return largest <= MERGE_EXTENT_MAX &&
	       largest * (uint64_t)partition->store->options.merge_count_min <= 2 * size &&
	       size <= GROUP_SIZE_MAX &&
	       (log->retention_ms < 0 || latest - earliest <= log->retention_ms / 8) &&
	       (log->retention_bytes < 0 || size <= (uint64_t)log->retention_bytes / 8);
}

/* The longest run worth merging: its length, or 0. */
static size_t find_run(const struct partition *partition, size_t *from)
{
	const size_t least = (size_t)partition->store->options.merge_count_min;

	for (size_t i = 0; i + least <= partition->extent_count; i++) {
		size_t most = partition->extent_count - i < MERGE_COUNT_MAX ? partition->extent_count - i
									    : MERGE_COUNT_MAX;

		if (partition->extents[i].size > MERGE_EXTENT_MAX)
			continue;
		for (size_t count = most; count >= least; count--)
			if (mergeable(partition, i, i + count)) {
				*from = i;
				return count;
			}
	}
	return 0;
}

static bool start(struct partition *partition, int64_t wall_ms)
{
	/* A mirror is what its source has: it is merged, but not compacted. */
	size_t from = 0, count = partition->mirror ? 0 : compactable(partition, wall_ms);
	bool compact = count > 0;

	if (!count)
		count = find_run(partition, &from);
	if (!count)
		return false;
	partition->store->rewrite = make(partition, from, count, compact);
	if (!partition->store->rewrite)
		return false;
	if (compact)
		next_step(partition->store->rewrite, REWRITE_LEARN);
	else
		next_group(partition->store->rewrite);
	return true;
}

void rewrite_tick(struct store *store)
{
	int64_t wall_ms = clock_wall_ms(store->options.clock);

	if (store->rewrite || store->closing)
		return;
	/* In turn, so that a busy partition does not keep the others waiting. */
	for (size_t i = 0; i < store->partition_capacity; i++) {
		uint32_t id = (uint32_t)((store->rewrite_next + i) % store->partition_capacity);
		struct partition *partition = store->partitions[id];

		if (partition && !partition->deleted && !partition->cut && partition->extent_count &&
		    start(partition, wall_ms)) {
			store->rewrite_next = id + 1;
			return;
		}
	}
}

void rewrite_again(struct store *store)
{
	struct rewrite *rewrite = store->rewrite;

	if (!rewrite || !rewrite->due_ms || store_now_ms(store) < rewrite->due_ms || store->closing)
		return;
	rewrite->due_ms = 0;
	next_step(rewrite, REWRITE_COMMIT);
}

bool rewrite_is_about(const struct store *store, uint32_t partition)
{
	return store->rewrite && store->rewrite->partition == partition;
}

void rewrite_free(struct store *store)
{
	if (store->rewrite)
		free_rewrite(store->rewrite);
	store->rewrite = NULL;
}
