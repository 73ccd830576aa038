/*
 * store_append.c - batches on their way in.
 *
 * A batch is judged, given its offset, copied into the ring and handed to the write-ahead log.  Until that says that it is
 * durable nobody reads it, and of its producer only the table `ahead` knows.  When it fails, everything of the partition that
 * was on its way fails with it, since offsets follow one another: the ring's end and `ahead` are forgotten, and what is
 * durable was never touched.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/crc32c.h"
#include "store/store_inside.h"

#define CRC_AT           17
#define CRC_FROM         21
#define ATTRIBUTES_AT    21
#define MAX_TIMESTAMP_AT 35

/*
 * Never at once: who is told may append, and while one partition has been told that its group failed, another one of the same
 * group may not have been.  What it took in between would follow offsets that are about to be taken back.
 */
static void answer(struct append *append)
{
	append->appended.log_start = append->partition->log_start;
	list_append(&append->partition->store->answers, &append->link);
}

void append_tell(struct store *store)
{
	while (!list_empty(&store->answers)) {
		struct append *append = container_of(store->answers.next, struct append, link);

		list_remove(&append->link);
		if (!append->silent && append->done)
			append->done(append->context, &append->appended);
		free(append);
	}
}

/* The original of each of these is durable now. */
void append_answer_duplicates(struct partition *partition)
{
	LIST_EACH_SAFE(&partition->duplicates, link)
	{
		struct append *append = container_of(link, struct append, link);

		if (append->appended.base_offset >= partition->high_watermark)
			continue;
		list_remove(link);
		answer(append);
	}
}

static void producer_left(struct partition *partition, int64_t id)
{
	struct producer *ahead = producers_find(&partition->ahead, id);

	if (ahead && --ahead->in_flight == 0)
		producers_remove(&partition->ahead, id);
}

/* Takes back all of the partition that is on its way, now that its first one has failed. */
static void roll_back(struct partition *partition, int err)
{
	while (partition->held_count &&
	       held_at(partition, partition->held_count - 1)->base_offset >= partition->high_watermark) {
		partition->store->unflushed_bytes -= held_at(partition, partition->held_count - 1)->size;
		held_pop(partition);
	}
	partition->end = partition->high_watermark;
	producers_done(&partition->ahead);
	LIST_EACH(&partition->appends, link)
	container_of(link, struct append, link)->appended.err = err;
}

static void written(struct wal_entry *entry, int err)
{
	struct append *append = container_of(entry, struct append, entry);
	struct partition *partition = append->partition;
	struct store *store = partition->store;

	if (err < 0 && !append->appended.err)
		roll_back(partition, err);
	list_remove(&append->link);
	partition->in_flight--;
	if (append->appended.err) {
		store->write_err = err < 0 ? err : store->write_err;
	} else {
		store->write_err = 0;
		store->durable_lsn =
			entry->head.lsn + 1; /* not asked for again: this entry, and all before it */
		if (append->head.producer_id >= 0)
			producer_left(partition, append->head.producer_id);
		partition_durable(partition, &append->head, append->marker, append->commits,
				  append->coordinator_epoch);
	}
	partition_changed(partition);
	if (append->appended.err) {
		/* Duplicates of what failed fail as well. */
		LIST_EACH_SAFE(&partition->duplicates, link)
		{
			struct append *duplicate = container_of(link, struct append, link);

			if (duplicate->appended.base_offset < partition->high_watermark)
				continue;
			list_remove(link);
			duplicate->appended.err = append->appended.err;
			answer(duplicate);
		}
	}
	answer(append);
	append_answer_duplicates(partition);
}

void append_cancel_all(struct partition *partition, int err)
{
	struct list *lists[] = { &partition->appends, &partition->duplicates };

	for (int i = 0; i < 2; i++)
		while (!list_empty(lists[i])) {
			struct append *append = container_of(lists[i]->next, struct append, link);

			list_remove(&append->link);
			list_remove(&append->entry.link);
			append->appended.err = err;
			answer(append);
		}
	partition->in_flight = 0;
}

static int refusal_of(enum producer_verdict verdict)
{
	switch (verdict) {
	case PRODUCER_TAKE:
	case PRODUCER_DUPLICATE: return 0;
	case PRODUCER_OUT_OF_ORDER: return STORE_OUT_OF_ORDER_SEQUENCE;
	case PRODUCER_FENCED: return STORE_PRODUCER_FENCED;
	case PRODUCER_COORDINATOR_FENCED: return STORE_COORDINATOR_FENCED;
	case PRODUCER_INVALID_STATE: return STORE_INVALID_TXN_STATE;
	}
	return ERR_INTERNAL;
}

bool store_has_room(const struct store *store, size_t size)
{
	return store->unflushed_bytes + (int64_t)size <= store->options.unflushed_bytes_max;
}

/* May anything be appended now? */
static int admit(const struct partition *partition, size_t size, bool mirror)
{
	const struct store *store = partition->store;

	if (partition->deleted)
		return ERR_NOT_FOUND;
	if (partition->mirror != mirror || partition->sealed || store->closing)
		return ERR_STALE;
	if (store->write_err == ERR_IO)
		return ERR_IO;
	if (!store_has_room(store, size))
		return ERR_LIMIT;
	return 0;
}

/* The one batch of `bytes`, checked. */
static int check_batch(const struct partition *partition, struct view bytes, struct batch *batch)
{
	int32_t limit = partition->topic->face.log.batch_size_max;
	struct view rest = bytes;
	int err;

	if ((limit > 0 && bytes.size > (size_t)limit) || bytes.size > wal_payload_max(partition->store->wal))
		return STORE_BATCH_TOO_LARGE;
	if (batch_next(&rest, batch) != 1 || rest.size != 0)
		return STORE_BATCH_INVALID;
	err = batch_check(batch, NULL);
	if (err == ERR_CHECKSUM)
		return STORE_BATCH_CORRUPT;
	if (err < 0 || batch->head.magic != 2 || batch->head.last_offset_delta < 0 ||
	    (batch->head.producer_id >= 0 && batch->head.producer_epoch < 0) ||
	    (batch->head.transactional && batch->head.producer_id < 0))
		return STORE_BATCH_INVALID;
	return 0;
}

/* Gives every record the store's time, as LogAppendTime asks for. */
static int64_t stamp(struct partition *partition, uint8_t *at, struct batch_head *head)
{
	int64_t now = clock_wall_ms(partition->store->options.clock);

	head->attributes |= BATCH_ATTRIBUTE_LOG_APPEND_TIME;
	head->log_append_time = true;
	head->max_timestamp = now;
	put_be16(at + ATTRIBUTES_AT, head->attributes);
	put_be64(at + MAX_TIMESTAMP_AT, (uint64_t)now);
	head->crc = crc32c(at + CRC_FROM, head->size - CRC_FROM);
	put_be32(at + CRC_AT, head->crc);
	return now;
}

/* All memory that the batch will ever need: behind this nothing can fail but the disk. */
static int make_room(struct partition *partition, const struct batch_head *head)
{
	if (transactions_reserve(&partition->transactions, (size_t)partition->in_flight + 1) < 0)
		return ERR_MEMORY;
	if (head->producer_id < 0)
		return 0;
	if (producers_full(&partition->producers, head->producer_id))
		return ERR_LIMIT;
	return producers_add(&partition->producers, head->producer_id) ? 0 : ERR_MEMORY;
}

static struct producer *look_ahead(struct partition *partition, int64_t id)
{
	struct producer *ahead = producers_find(&partition->ahead, id), *durable;

	if (ahead)
		return ahead;
	ahead = producers_add(&partition->ahead, id);
	durable = producers_find(&partition->producers, id);
	if (ahead && durable)
		*ahead = *durable;
	if (ahead)
		ahead->in_flight = 0;
	return ahead;
}

/* Copies, numbers and sends what has been judged.  `append` is the log's from here on, when it returns 0. */
static int send(struct partition *partition, struct append *append, const struct batch *batch,
		enum wal_kind kind, int64_t base_offset, int32_t leader_epoch)
{
	struct batch_head *head = &append->head;
	struct producer *ahead = NULL;
	struct held *held;
	uint8_t *at;
	int err = make_room(partition, &batch->head);

	if (err < 0)
		return err;
	if (batch->head.producer_id >= 0 && !(ahead = look_ahead(partition, batch->head.producer_id)))
		return ERR_MEMORY;
	held = held_push(partition, batch->bytes);
	if (!held) {
		if (ahead && ahead->in_flight == 0)
			producers_remove(&partition->ahead, batch->head.producer_id);
		return ERR_MEMORY;
	}
	*head = batch->head;
	head->base_offset = base_offset;
	head->partition_leader_epoch = leader_epoch;
	at = (uint8_t *)(uintptr_t)held->at;
	batch_set_base_offset(at, base_offset);
	batch_set_leader_epoch(at, leader_epoch);
	append->appended.log_append_time = -1;
	if (kind == WAL_BATCH && partition->topic->face.log.log_append_time && !head->control)
		append->appended.log_append_time = stamp(partition, at, head);
	held->base_offset = base_offset;
	held->last_offset = batch_last_offset(head);
	held->first_timestamp = head->base_timestamp;
	held->max_timestamp = head->max_timestamp;
	if (ahead && (!head->control || append->marker))
		producer_apply(ahead, head, append->coordinator_epoch);
	if (ahead)
		ahead->in_flight++;
	append->partition = partition;
	append->appended.base_offset = base_offset;
	append->entry = (struct wal_entry){
		.head = { .partition = partition->id,
			  .leader_epoch = (uint32_t)leader_epoch,
			  .base_offset = base_offset,
			  .offset_count = (uint32_t)head->last_offset_delta + 1,
			  .kind = kind },
		.payload = view_of(held->at, held->size),
		.done = written,
	};
	list_init(&append->entry.link);
	partition->end = held->last_offset + 1;
	partition->in_flight++;
	partition->store->unflushed_bytes += held->size;
	partition->store->appends++;
	list_append(&partition->appends, &append->link);
	wal_append(partition->store->wal, &append->entry);
	return 0;
}

/* The first of its kind is durable, or on its way: the answer is that of the first. */
static int answer_later(struct partition *partition, struct append *append,
			const struct producer_batch *first)
{
	append->partition = partition;
	append->appended.duplicate = true;
	append->appended.base_offset = first->base_offset;
	append->appended.log_append_time = partition->topic->face.log.log_append_time ? first->timestamp : -1;
	list_append(&partition->duplicates, &append->link);
	partition_changed(partition); /* store_poll() answers it when its time has come */
	return 0;
}

int store_append(struct partition *partition, struct view bytes, store_append_done *done, void *context)
{
	struct producer_batch first;
	struct append *append;
	struct producer *producer;
	struct batch batch;
	enum producer_verdict verdict = PRODUCER_TAKE;
	int err = admit(partition, bytes.size, false);

	if (err == 0)
		err = check_batch(partition, bytes, &batch);
	if (err != 0)
		return err;
	if (partition->end > INT64_MAX - 1 - batch.head.last_offset_delta)
		return ERR_LIMIT;
	append = calloc(1, sizeof *append);
	if (!append)
		return ERR_MEMORY;
	append->done = done;
	append->context = context;
	list_init(&append->link);
	list_init(&append->entry.link);
	if (marker_read(&batch, &append->marker, &append->commits, &append->coordinator_epoch) < 0) {
		free(append);
		return STORE_BATCH_INVALID;
	}
	if (batch.head.producer_id >= 0) {
		producer = producers_find(&partition->ahead, batch.head.producer_id);
		if (!producer)
			producer = producers_find(&partition->producers, batch.head.producer_id);
		verdict = producer_judge(producer, &batch.head, append->coordinator_epoch, &first);
	}
	if (verdict == PRODUCER_DUPLICATE)
		return answer_later(partition, append, &first);
	err = refusal_of(verdict);
	if (err == 0)
		err = send(partition, append, &batch, WAL_BATCH, partition->end, partition->leader_epoch);
	if (err != 0)
		free(append);
	return err;
}

/* Every batch is checked before the first one is sent; those that are committed at the source are left in *bytes. */
static int check_mirrored(const struct partition *partition, int64_t source_high_watermark,
			  struct view *bytes)
{
	struct view rest = *bytes;
	int64_t end = partition->end;
	size_t committed = 0;
	struct batch batch;
	int found;

	while ((found = batch_next(&rest, &batch)) == 1) {
		bool marker, commits;
		int32_t epoch;
		int err = batch_check(&batch, NULL);

		if (err == ERR_CHECKSUM)
			return STORE_BATCH_CORRUPT;
		if (err < 0 || batch.head.magic != 2 || batch.head.base_offset < end ||
		    batch.head.last_offset_delta < 0 ||
		    batch.head.base_offset > INT64_MAX - 1 - batch.head.last_offset_delta ||
		    (batch.head.producer_id >= 0 && batch.head.producer_epoch < 0) ||
		    (batch.head.transactional && batch.head.producer_id < 0) ||
		    marker_read(&batch, &marker, &commits, &epoch) < 0)
			return STORE_BATCH_INVALID;
		if (batch.bytes.size > wal_payload_max(partition->store->wal))
			return STORE_BATCH_TOO_LARGE;
		end = batch_last_offset(&batch.head) + 1;
		if (end <= source_high_watermark)
			committed = bytes->size - rest.size;
	}
	if (found < 0 || rest.size)
		return STORE_BATCH_INVALID;
	bytes->size = committed;
	return committed ? 0 : STORE_NOT_COMMITTED;
}

int store_append_mirror(struct partition *partition, struct view bytes, int64_t source_high_watermark,
			store_append_done *done, void *context)
{
	struct append *append = NULL;
	struct batch batch;
	int err = bytes.size ? admit(partition, bytes.size, true) : STORE_BATCH_INVALID;

	if (err == 0)
		err = check_mirrored(partition, source_high_watermark, &bytes);
	while (err == 0 && batch_next(&bytes, &batch) == 1) {
		append = calloc(1, sizeof *append);
		if (!append) {
			err = ERR_MEMORY;
			break;
		}
		append->silent = bytes.size != 0;
		append->done = done;
		append->context = context;
		list_init(&append->link);
		list_init(&append->entry.link);
		marker_read(&batch, &append->marker, &append->commits, &append->coordinator_epoch);
		err = send(partition, append, &batch, WAL_MIRROR, batch.head.base_offset,
			   partition->leader_epoch);
		if (err != 0)
			free(append);
	}
	return err;
}
