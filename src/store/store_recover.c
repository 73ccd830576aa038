/*
 * store_recover.c - what was left behind, put together again.
 *
 * First the metadata: topics, partitions, extents, producers as of what is in objects.  Then the write-ahead log from where it
 * was trimmed: each batch goes into the cache as it did when it came in, and changes producers and transactions.  Nothing is
 * uploaded here; the caller is served at once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/store_inside.h"
#include "store/wal_format.h"

static int load_topic(void *context, const struct metadata_topic *row)
{
	struct store *store = context;
	struct topic *topic = topic_make(store, row->id, row->name, row->config, 0);

	if (!topic)
		return ERR_MEMORY;
	if (topic_link(topic) == 0)
		return 0;
	topic_free(topic);
	return ERR_MEMORY;
}

static int load_partition(void *context, const struct metadata_partition *row)
{
	struct store *store = context;
	struct store_topic *face = store_topic_by_id(store, row->topic);
	struct partition *partition, **more;

	if (!face || row->index != face->partition_count || row->index >= STORE_PARTITIONS_MAX ||
	    row->log_start < 0 || row->committed_end < 0 || row->id >= store->state.next_partition)
		return ERR_MALFORMED;
	more = realloc(face->partitions, ((size_t)face->partition_count + 1) * sizeof *more);
	if (!more)
		return ERR_MEMORY;
	face->partitions = more;
	partition = partition_make((struct topic *)face, row->id, row->index);
	if (!partition || partition_link(partition) < 0) {
		partition_free(partition);
		return ERR_MEMORY;
	}
	face->partitions[face->partition_count++] = partition;
	partition->leader_epoch = row->leader_epoch;
	partition->mirror = row->mirror;
	partition->log_start = row->log_start;
	partition->committed_end = partition->high_watermark = partition->end = partition->last_stable =
		partition->cached_from = row->committed_end;
	return 0;
}

static int load_epoch(void *context, const struct metadata_epoch *row)
{
	struct partition *partition = partition_of(context, row->partition);

	return partition ? epochs_add(&partition->epochs, row->epoch, row->start_offset) : ERR_MALFORMED;
}

static int load_extent(void *context, const struct metadata_extent *row)
{
	struct partition *partition = partition_of(context, row->partition);
	const struct extent extent = { row->base_offset,  row->end_offset, row->object,
				       row->position,     row->size,       row->first_timestamp,
				       row->max_timestamp };
	int err;

	if (!partition || row->base_offset < 0 || row->end_offset <= row->base_offset ||
	    row->end_offset > partition->committed_end ||
	    (partition->extent_count &&
	     partition->extents[partition->extent_count - 1].end_offset > row->base_offset))
		return ERR_MALFORMED;
	if (row->end_offset <= partition->log_start)
		return 0; /* it was given up before it was uploaded */
	err = extent_add(partition, &extent);
	return err < 0 ? err : transactions_read_aborted(&partition->transactions, row->aborted);
}

static int load_snapshot(void *context, const struct metadata_snapshot *row)
{
	struct partition *partition = partition_of(context, row->partition);
	struct view rest = row->content;
	int err;

	if (!partition || row->end_offset != partition->committed_end)
		return ERR_MALFORMED;
	err = producers_read(&partition->producers, &rest);
	for (size_t i = 0; i < partition->producers.capacity; i++)
		partition->producers.slots[i].heard_ms = store_now_ms(context);
	if (err == 0)
		err = transactions_read_open(&partition->transactions, rest);
	partition_settle(partition);
	return err;
}

static int load_setting(void *context, const struct metadata_setting *row)
{
	return setting_keep(context, row->kind, row->name, row->value);
}

static const struct metadata_sink sink = {
	.topic = load_topic,
	.partition = load_partition,
	.epoch = load_epoch,
	.extent = load_extent,
	.snapshot = load_snapshot,
	.setting = load_setting,
};

static int damaged(struct fault *fault, const struct wal_head *head, const struct partition *partition)
{
	return fault_set(fault, ERR_STALE,
			 "partition %" PRIu32 " ends at %" PRId64
			 ", and the write-ahead log goes on at %" PRId64
			 ": log and metadata do not belong together, put back those that were saved together",
			 head->partition, partition ? partition->end : -1, head->base_offset);
}

/* One entry of the log, as it was when it was appended. */
static int replay(void *context, const struct wal_head *head, struct view payload, struct fault *fault)
{
	struct store *store = context;
	struct partition *partition = partition_of(store, head->partition);
	struct view rest = payload;
	bool marker, commits;
	int32_t coordinator_epoch;
	struct batch batch;
	struct held *held;

	if (head->partition >= store->state.next_partition)
		return damaged(fault, head, NULL);
	store->durable_lsn = head->lsn + 1;
	if (!partition)
		return 0; /* deleted since */
	if (batch_next(&rest, &batch) != 1)
		return damaged(fault, head, partition);
	if (batch_last_offset(&batch.head) < partition->committed_end)
		return 0; /* in an object already */
	if (head->kind == WAL_BATCH ? head->base_offset != partition->end
				    : head->base_offset < partition->end)
		return damaged(fault, head, partition);
	if (marker_read(&batch, &marker, &commits, &coordinator_epoch) < 0)
		return damaged(fault, head, partition);
	held = held_push(partition, payload);
	if (!held || transactions_reserve(&partition->transactions, 1) < 0 ||
	    (batch.head.producer_id >= 0 && !producers_add(&partition->producers, batch.head.producer_id)))
		return fault_set(fault, ERR_MEMORY, "out of memory while the write-ahead log was read");
	held->base_offset = batch.head.base_offset;
	held->last_offset = batch_last_offset(&batch.head);
	held->first_timestamp = batch.head.base_timestamp;
	held->max_timestamp = batch.head.max_timestamp;
	store->unflushed_bytes += held->size;
	partition->end = held->last_offset + 1;
	partition_durable(partition, &batch.head, marker, commits, coordinator_epoch);
	return 0;
}

int store_recover(struct store *store, struct fault *fault)
{
	struct wal_place place = {
		.disk = store->disk,
		.segment_size = store->options.segment_bytes,
		.log_id = store->state.log_id,
		.committer = store->lanes[LANE_COMMITTER],
		.home = store->home,
		.maker = store->lanes[LANE_KEEPER], /* an upload or a merge would keep it for too long */
	};
	char *folder = NULL;
	int err = metadata_load(store->metadata, &sink, store, fault);

	if (err < 0)
		return err;
	if (asprintf(&folder, "%s/wal", store->folder) < 0)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	place.folder = folder;
	store->durable_lsn = store->state.trimmed_lsn;
	err = wal_file_open(&place, store->state.trimmed_lsn, replay, store, &store->wal, fault);
	free(folder);
	for (size_t i = 0; i < store->partition_capacity && err == 0; i++)
		if (store->partitions[i] &&
		    store->partitions[i]->high_watermark < store->partitions[i]->log_start)
			err = fault_set(fault, ERR_STALE,
					"partition %zu ends at %" PRId64 ", below its start at %" PRId64
					": log and metadata do not belong together, put back those that were "
					"saved together",
					i, store->partitions[i]->high_watermark,
					store->partitions[i]->log_start);
	store->dirty_since_ms = store_now_ms(store);
	return err;
}
