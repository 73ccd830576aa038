/* store.c - the store opened, polled and closed. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "store/store_inside.h"

#define INFLATED_SIZE_MAX (256 << 20)
#define POLL_JOBS_MAX     1000
#define FIRST_PARTITION   1 /* the metadata of a store that never had a topic say so */

void store_options_default(struct store_options *options)
{
	*options = (struct store_options){
		.clock = &clock_system,
		.disk = &disk_system,
		.cache_bytes_max = 512 << 20,
		.unflushed_bytes_max = 256 << 20,
		.read_bytes_max = 128 << 20,
		.segment_bytes = 64 << 20,
		.flush_bytes = 64 << 20,
		.flush_ms = 30000,
		.retention_check_ms = 30000,
		.merge_count_min = 8,
		.producer_expiry_ms = 86400000,
	};
}

int64_t store_now_ms(const struct store *store)
{
	return clock_monotonic_ms(store->options.clock);
}

void store_rest(int64_t ns, int most_ms)
{
	int64_t most_ns = most_ms * INT64_C(1000000);
	struct timespec rest = { 0, ns < most_ns ? ns : most_ns };

	if (ns > 0)
		nanosleep(&rest, NULL);
}

static int make_lanes(struct store *store)
{
	static const char *const names[STORE_LANES] = { "store-commit", "store-keep", "store-upload",
							"store-read" };
	/* Who catches up waits for the processor behind those who write and those at the tail. */
	static const int nices[STORE_LANES] = { [LANE_READER] = 10 };
	int err = lane_new_stepped(store->options.wake, store->options.wake_context, &store->home);

	store->own_lanes = !store->options.lanes[0];
	for (int i = 0; i < STORE_LANES && err == 0; i++) {
		if (store->own_lanes)
			err = lane_new(names[i], nices[i], &store->lanes[i]);
		else
			store->lanes[i] = store->options.lanes[i];
	}
	return err;
}

/* A path inside the folder; the caller frees it. */
static char *inside(const struct store *store, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", store->folder, name) < 0 ? NULL : path;
}

static int take_folder(struct store *store, struct fault *fault)
{
	struct disk *disk = store->disk;
	char *path = inside(store, "lock");
	int err;

	if (!path)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	err = disk->make_folder(disk, store->folder, fault);
	if (err == 0)
		err = disk->lock(disk, path, &store->lock, fault);
	free(path);
	return err;
}

static int open_metadata(struct store *store, struct fault *fault)
{
	uint64_t log_id = store->options.random;
	char *path = store->options.metadata ? strdup(store->options.metadata) : inside(store, "metadata.db");
	int err;

	if (!path)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	if (!log_id)
		random_secret(&log_id, sizeof log_id);
	err = metadata_open(path, log_id & INT64_MAX, &store->metadata, &store->state, fault);
	free(path);
	return err;
}

static int open_objects(struct store *store, struct fault *fault)
{
	char *path;
	int err;

	store->objects = store->options.objects;
	if (store->objects)
		return 0;
	path = inside(store, "objects");
	if (!path)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	err = object_store_directory(store->disk, path, &store->objects, fault);
	free(path);
	return err;
}

static int nothing(void *context, const char *name)
{
	return 1; /* the folder is there: that is all that was asked */
}

/*
 * A store that has had a topic has both folders.  Where one is gone, what was acknowledged is gone with it, and an empty one
 * would hide that.
 */
static int must_be_whole(struct store *store, struct fault *fault)
{
	static const char *const folders[] = { "wal", "objects" };
	size_t count = store->options.objects ? 1 : 2;
	int err = 0;

	for (size_t i = 0; store->state.next_partition > FIRST_PARTITION && i < count && err >= 0; i++) {
		char *path = inside(store, folders[i]);

		err = path ? store->disk->list(store->disk, path, nothing, NULL, fault)
			   : fault_set(fault, ERR_MEMORY, "out of memory");
		if (err == ERR_NOT_FOUND)
			err = fault_set(
				fault, ERR_STALE,
				"%s: is not there, and the metadata say that records lie in it. Nothing "
				"was changed. Restore "
				"the whole store from one copy, or, to give up what was only there, make "
				"an empty folder",
				path);
		free(path);
	}
	return err < 0 ? err : 0;
}

static bool options_are_sane(const struct store_options *options)
{
	return options->folder && options->segment_bytes >= WAL_SEGMENT_SIZE_MIN &&
	       options->segment_bytes % 4096 == 0 && options->segment_bytes <= (uint64_t)1 << 30 &&
	       options->unflushed_bytes_max > 0 && options->unflushed_bytes_max <= options->cache_bytes_max &&
	       options->flush_bytes > 0 && options->flush_ms >= 0 && options->merge_count_min >= 2 &&
	       options->read_bytes_max >= 0;
}

int store_open(const struct store_options *options, struct store **out, struct fault *fault)
{
	struct store *store;
	int err;

	if (!options_are_sane(options))
		return fault_set(fault, ERR_USAGE, "options of the store that cannot be");
	store = calloc(1, sizeof *store);
	if (!store)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	store->options = *options;
	store->disk = options->disk;
	struct list *lists[] = { &store->topics, &store->dirty, &store->cached, &store->changed,
				 &store->blocks, &store->dying, &store->tasks,  &store->waiting_flushes,
				 &store->cuts,   &store->fills, &store->answers };
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		list_init(lists[i]);
	map_init(&store->by_name);
	map_init(&store->by_id);
	map_init(&store->settings);
	buffer_init(&store->inflated, INFLATED_SIZE_MAX);
	store->folder = strdup(options->folder);
	store->inflater = inflater_new(INFLATED_SIZE_MAX);
	err = store->folder && store->inflater ? make_lanes(store) : ERR_MEMORY;
	if (err < 0)
		fault_set(fault, err, "out of memory or of threads");
	if (err == 0)
		err = take_folder(store, fault);
	if (err == 0)
		err = open_metadata(store, fault);
	if (err == 0)
		err = must_be_whole(store, fault);
	if (err == 0)
		err = open_objects(store, fault);
	if (err == 0)
		err = store_recover(store, fault);
	if (err < 0) {
		store_close(store);
		return err;
	}
	store->retention_due_ms = store_now_ms(store) + options->retention_check_ms;
	*out = store;
	return 0;
}

/* Deleted topics whose partitions nobody needs any more. */
static void bury(struct store *store)
{
	LIST_EACH_SAFE(&store->dying, link)
	{
		struct topic *topic = container_of(link, struct topic, link);
		bool needed = false;

		for (int32_t i = 0; i < topic->face.partition_count; i++) {
			const struct partition *partition = topic->face.partitions[i];

			needed = needed || partition->in_flight || partition->fetch ||
				 partition->epoch_task || partition->cut || partition->fill ||
				 !list_empty(&partition->changed) || !list_empty(&partition->duplicates);
		}
		if (needed)
			continue;
		for (int32_t i = 0; i < topic->face.partition_count; i++)
			store->unflushed_bytes -= topic->face.partitions[i]->tail_bytes;
		topic_free(topic);
	}
}

static void tell_watches(struct store *store)
{
	while (!list_empty(&store->changed)) {
		struct partition *partition = container_of(store->changed.next, struct partition, changed);
		struct list told;

		list_remove(&partition->changed);
		epoch_try(partition);
		append_answer_duplicates(partition);
		list_init(&told);
		while (!list_empty(&partition->watches)) {
			struct list *link = partition->watches.next;

			list_remove(link);
			list_append(&told, link);
		}
		while (!list_empty(&told)) {
			struct store_watch *watch = container_of(told.next, struct store_watch, link);

			list_remove(&watch->link);
			watch->changed(watch);
		}
	}
}

static void tell_changes(struct store *store)
{
	do {
		append_tell(store);
		tell_watches(store);
	} while (!list_empty(&store->answers));
}

void store_poll(struct store *store)
{
	int count = 0;

	for (; count < POLL_JOBS_MAX && lane_step(store->home); count++)
		tell_changes(store);
	if (count == POLL_JOBS_MAX && store->options.wake)
		store->options.wake(store->options.wake_context); /* others want their turn, too */
	tell_changes(store);
	truncate_tick(store);
	backfill_tick(store);
	bury(store);
	cache_shrink(store);
	if (store->unflushed_bytes >= store->options.flush_bytes)
		flush_start(store);
}

void store_wait(struct store *store, int timeout_ms)
{
	lane_wait(store->home, timeout_ms);
}

void store_tick(struct store *store)
{
	store->tail_is_busy = store->appends != store->appends_before;
	store->appends_before = store->appends;
	tell_changes(store);
	tasks_tick(store);
	flush_tick(store);
	truncate_tick(store);
	backfill_tick(store);
	retain_tick(store);
}

void store_watch_start(struct partition *partition, struct store_watch *watch)
{
	list_remove(&watch->link);
	list_append(&partition->watches, &watch->link);
}

void store_watch_stop(struct store_watch *watch)
{
	list_remove(&watch->link);
}

void store_partition_state(const struct partition *partition, struct store_partition_state *out)
{
	*out = (struct store_partition_state){
		.log_start = partition->log_start,
		.high_watermark = partition->high_watermark,
		.last_stable = partition->last_stable,
		.end = partition->end,
		.committed_end = partition->committed_end,
		.leader_epoch = partition->leader_epoch,
		.mirror = partition->mirror,
		.size_bytes = partition->extent_bytes + partition->tail_bytes,
	};
}

struct store_topic *store_partition_topic(const struct partition *partition)
{
	return &partition->topic->face;
}

int32_t store_partition_index(const struct partition *partition)
{
	return partition->index;
}

void *store_partition_owner(const struct partition *partition)
{
	return partition->owner;
}

void store_partition_set_owner(struct partition *partition, void *owner)
{
	partition->owner = owner;
}

static void producer_face(const struct partition *partition, const struct producer *producer,
			  struct store_producer *out)
{
	*out = (struct store_producer){
		.producer_id = producer->id,
		.epoch = producer->epoch,
		.last_sequence = producer->count ? producer->batches[producer->count - 1].last_sequence : -1,
		.last_timestamp = producer->last_timestamp,
		.coordinator_epoch = producer->coordinator_epoch,
		.transaction_first = transactions_open(&partition->transactions, producer->id),
	};
}

bool store_producer(const struct partition *partition, int64_t producer_id, struct store_producer *out)
{
	const struct producer *producer =
		producer_id < 0 ? NULL : producers_find(&partition->producers, producer_id);

	if (!producer || producer->epoch < 0)
		return false;
	producer_face(partition, producer, out);
	return true;
}

void store_producer_each(const struct partition *partition, store_producer_each_fn *each, void *context)
{
	struct store_producer face;

	for (size_t i = 0; i < partition->producers.capacity; i++) {
		const struct producer *producer = &partition->producers.slots[i];

		if (producer->id < 0 || producer->epoch < 0)
			continue;
		producer_face(partition, producer, &face);
		each(context, &face);
	}
}

const char *store_place(const struct store *store)
{
	return store->folder;
}

int store_room(const struct store *store, int64_t *total, int64_t *usable, struct fault *fault)
{
	return store->disk->room(store->disk, store->folder, total, usable, fault);
}

void store_numbers(const struct store *store, struct store_numbers *out)
{
	struct wal_numbers wal;

	wal_numbers(store->wal, &wal);
	*out = (struct store_numbers){
		.cache_bytes = store->cache_bytes,
		.unflushed_bytes = store->unflushed_bytes,
		.read_bytes = store->read_bytes,
		.wal_bytes = wal.bytes,
		.wal_groups = wal.groups,
		.wal_bytes_on_disk = wal.size_on_disk,
		.flushes = store->flushes,
		.flush_failures = store->flush_failures,
		.rewrites = store->rewrites,
		.write_err = store->write_err,
		.upload_err = store->upload_err,
		.rewrite_err = store->rewrite_err,
	};
	if (store->rewrite_err)
		snprintf(out->rewrite_text, sizeof out->rewrite_text, "%s", store->rewrite_fault.text);
	if (store->upload_err)
		snprintf(out->upload_text, sizeof out->upload_text, "%s", store->upload_fault.text);
}

/* Lets what is being written come to its end; with lanes of somebody else's that is his to do, before. */
static void settle(struct store *store)
{
	bool busy = store->own_lanes && store->wal;

	while (busy) {
		busy = false;
		for (size_t i = 0; i < store->partition_capacity; i++)
			busy = busy || (store->partitions[i] && store->partitions[i]->in_flight);
		if (busy && !lane_step(store->home))
			lane_wait(store->home, 100);
		append_tell(store);
	}
}

static void cancel_tasks(struct store *store)
{
	while (!list_empty(&store->tasks)) {
		struct task *task = container_of(store->tasks.next, struct task, link);

		if (!task->err || task->in_doubt)
			task->err = fault_set(&task->fault, ERR_CANCELLED, "the store was closed");
		task->finish(task);
		task_free(task);
	}
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store->closing = true;
	settle(store);
	for (int i = 0; i < STORE_LANES; i++)
		if (store->own_lanes)
			lane_free(store->lanes[i]);
	lane_free(store->home);
	cancel_tasks(store);
	flush_free(store);
	sweep_free(store);
	rewrite_free(store);
	truncate_free(store);
	backfill_free(store);
	for (size_t i = 0; i < store->partition_capacity; i++) {
		struct partition *partition = store->partitions[i];

		if (!partition)
			continue;
		append_cancel_all(partition, ERR_CANCELLED);
		fetch_free(partition->fetch);
		partition->fetch = NULL;
		if (partition->epoch_task) { /* it had not begun */
			struct task *task = partition->epoch_task;

			task->err = fault_set(&task->fault, ERR_CANCELLED, "the store was closed");
			task->finish(task);
			task_free(task);
		}
	}
	append_tell(store);
	wal_free(store->wal);
	while (!list_empty(&store->topics))
		topic_free(container_of(store->topics.next, struct topic, link));
	while (!list_empty(&store->dying))
		topic_free(container_of(store->dying.next, struct topic, link));
	settings_free(store);
	map_done(&store->by_name);
	map_done(&store->by_id);
	if (!store->options.objects)
		object_store_free(store->objects);
	metadata_close(store->metadata);
	disk_close(store->lock);
	inflater_free(store->inflater);
	buffer_done(&store->inflated);
	free(store->partitions);
	free(store->folder);
	free(store);
}
