/*
 * store_retain.c - where logs begin: DeleteRecords, retention by time and size; and objects that nobody needs any more.
 *
 * The start moves in the metadata first; only then are extents forgotten, and only then, after a while that is longer than
 * anybody reads, objects removed.  Retention takes whole extents, so what is kept is always at least what was asked for.
 */
#include <stdlib.h>

#include "store/store_inside.h"

#define SWEEP_EVERY_MS 10000
#define SWEEP_COUNT    64

struct sweep {
	struct job job, home;
	struct store *store;
	enum { SWEEP_LIST, SWEEP_REMOVE, SWEEP_FORGET } step;
	int64_t ids[SWEEP_COUNT];
	int count, err;
	struct fault fault;
};

/* ---- the start of a log */

static int start_run(struct task *task)
{
	return metadata_log_start_move(task->store->metadata, task->first, task->number, &task->fault);
}

static void start_finish(struct task *task)
{
	struct partition *partition = partition_of(task->store, task->first);

	if (partition)
		partition->starts_moving--;
	if (partition && task->err == 0 && task->number > partition->log_start) {
		partition->log_start = task->number;
		extents_cut(partition, task->number);
		partition_settle(partition);
		partition_changed(partition);
	}
	if (task->done)
		task->done(task->context, task->err, &task->fault);
}

int store_log_start_move(struct partition *partition, int64_t offset, store_done *done, void *context)
{
	struct task *task;

	if (partition->deleted || partition->store->closing || offset > partition->high_watermark ||
	    offset < 0)
		return ERR_NOT_FOUND;
	if (partition->cut || partition->fill_commits)
		return ERR_CONFLICT;
	task = task_new(partition->store, start_run, start_finish, done, context);
	if (!task)
		return ERR_MEMORY;
	task->first = partition->id;
	task->number = offset;
	partition->starts_moving++;
	task_start(task);
	return 0;
}

/* The extents that retention lets go of: the new start, or -1. */
static int64_t start_after_retention(const struct partition *partition, int64_t wall_ms)
{
	const struct store_log_options *log = &partition->topic->face.log;
	int64_t size = partition->extent_bytes + partition->tail_bytes, start = -1;

	for (size_t i = 0; i < partition->extent_count; i++) {
		const struct extent *extent = &partition->extents[i];
		bool old = log->retention_ms >= 0 && extent->max_timestamp < wall_ms - log->retention_ms;
		bool much = log->retention_bytes >= 0 && size - (int64_t)extent->size >= log->retention_bytes;

		if (!old && !much)
			break;
		size -= (int64_t)extent->size;
		start = extent->end_offset;
	}
	return start;
}

/* By our own clock: what clients write into their batches may be of another century. */
static void expire_producers(struct partition *partition, int64_t before_ms)
{
	struct producers *producers = &partition->producers;

	for (size_t i = 0; i < producers->capacity; i++) {
		const struct producer *producer = &producers->slots[i];

		if (producer->id < 0 || producer->heard_ms >= before_ms || producer->in_transaction ||
		    producers_find(&partition->ahead, producer->id))
			continue;
		producers_remove(producers, producer->id);
		i--; /* another one may have moved here */
	}
}

/* ---- objects that are not needed */

static void sweep_run(struct job *job)
{
	struct sweep *sweep = container_of(job, struct sweep, job);
	struct store *store = sweep->store;

	switch (sweep->step) {
	case SWEEP_LIST:
		sweep->count =
			metadata_objects_doomed(store->metadata, sweep->ids, SWEEP_COUNT, &sweep->fault);
		sweep->err = sweep->count < 0 ? sweep->count : 0;
		break;
	case SWEEP_REMOVE:
		for (int i = 0; i < sweep->count && sweep->err == 0; i++)
			sweep->err = object_remove(store->objects, sweep->ids[i], &sweep->fault);
		break;
	case SWEEP_FORGET:
		sweep->err =
			metadata_objects_forget(store->metadata, sweep->ids, sweep->count, &sweep->fault);
		break;
	}
	lane_post(store->home, &sweep->home);
}

static void sweep_home(struct job *job)
{
	struct sweep *sweep = container_of(job, struct sweep, home);
	struct store *store = sweep->store;

	if (sweep->err < 0 || sweep->count == 0 || sweep->step == SWEEP_FORGET) {
		/* What failed is doomed still, and comes up again. */
		store->sweep = NULL;
		free(sweep);
		return;
	}
	sweep->step++;
	/* The reader removes: so nothing is removed while it is being read by a fetch that began before. */
	lane_post(store->lanes[sweep->step == SWEEP_REMOVE ? LANE_READER : LANE_KEEPER], &sweep->job);
}

static void sweep_start(struct store *store)
{
	if (store->sweep)
		return;
	store->sweep = calloc(1, sizeof *store->sweep);
	if (!store->sweep)
		return;
	store->sweep->store = store;
	job_init(&store->sweep->job, sweep_run);
	job_init(&store->sweep->home, sweep_home);
	lane_post(store->lanes[LANE_KEEPER], &store->sweep->job);
}

void sweep_free(struct store *store)
{
	free(store->sweep);
	store->sweep = NULL;
}

void store_producer_expiry(struct store *store, int64_t producer_expiry_ms)
{
	store->options.producer_expiry_ms = producer_expiry_ms;
}

void retain_tick(struct store *store)
{
	int64_t now = store_now_ms(store), wall_ms = clock_wall_ms(store->options.clock);

	if (now >= store->sweep_due_ms) {
		store->sweep_due_ms = now + SWEEP_EVERY_MS;
		sweep_start(store);
	}
	rewrite_again(store);
	if (now < store->retention_due_ms)
		return;
	store->retention_due_ms = now + store->options.retention_check_ms;
	rewrite_tick(store);
	for (size_t i = 0; i < store->partition_capacity; i++) {
		struct partition *partition = store->partitions[i];
		int64_t start;

		if (!partition || partition->deleted)
			continue;
		expire_producers(partition, now - store->options.producer_expiry_ms);
		/* A mirror begins where its link says. */
		start = partition->mirror || partition->starts_moving
				? -1
				: start_after_retention(partition, wall_ms);
		if (start > partition->log_start)
			store_log_start_move(partition, start, NULL, NULL);
	}
}
