/* producers.c - idempotent producers: a table, a judge, a snapshot. */
#include <assert.h>
#include <stdlib.h>

#include "base/bits.h"
#include "store/producers.h"

#define VERSION    1
#define HEAD_SIZE  24
#define BATCH_SIZE 32

void producers_init(struct producers *producers)
{
	*producers = (struct producers){ 0 };
}

void producers_done(struct producers *producers)
{
	free(producers->slots);
	producers_init(producers);
}

static size_t slot_of(const struct producers *producers, int64_t id)
{
	uint64_t hash = (uint64_t)id * 0x9e3779b97f4a7c15;

	return (size_t)(hash >> 32) & (producers->capacity - 1);
}

struct producer *producers_find(const struct producers *producers, int64_t id)
{
	if (!producers->capacity)
		return NULL;
	for (size_t at = slot_of(producers, id);; at = (at + 1) & (producers->capacity - 1)) {
		if (producers->slots[at].id == id)
			return &producers->slots[at];
		if (producers->slots[at].id < 0)
			return NULL;
	}
}

static struct producer *put(struct producers *producers, const struct producer *producer)
{
	size_t at = slot_of(producers, producer->id);

	while (producers->slots[at].id >= 0)
		at = (at + 1) & (producers->capacity - 1);
	producers->slots[at] = *producer;
	producers->count++;
	return &producers->slots[at];
}

static int grow(struct producers *producers)
{
	struct producers more = { .capacity = producers->capacity ? 2 * producers->capacity : 4 };

	more.slots = malloc(more.capacity * sizeof *more.slots);
	if (!more.slots)
		return ERR_MEMORY;
	for (size_t i = 0; i < more.capacity; i++)
		more.slots[i].id = -1;
	for (size_t i = 0; i < producers->capacity; i++)
		if (producers->slots[i].id >= 0)
			put(&more, &producers->slots[i]);
	free(producers->slots);
	*producers = more;
	return 0;
}

bool producers_full(const struct producers *producers, int64_t id)
{
	return producers->count >= PRODUCERS_MAX && !producers_find(producers, id);
}

struct producer *producers_add(struct producers *producers, int64_t id)
{
	struct producer *found = producers_find(producers, id);

	assert(id >= 0);
	if (found)
		return found;
	if (producers->count + 1 > producers->capacity / 4 * 3 && grow(producers) < 0)
		return NULL;
	return put(producers, &(struct producer){
				      .id = id, .epoch = -1, .coordinator_epoch = -1, .last_timestamp = -1 });
}

/* Those that were pushed behind it move up, so that a search ends at the first empty slot. */
void producers_remove(struct producers *producers, int64_t id)
{
	struct producer *found = producers_find(producers, id);
	size_t mask = producers->capacity - 1, hole, at;

	if (!found)
		return;
	hole = (size_t)(found - producers->slots);
	for (at = (hole + 1) & mask; producers->slots[at].id >= 0; at = (at + 1) & mask) {
		size_t home = slot_of(producers, producers->slots[at].id);

		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		producers->slots[hole] = producers->slots[at];
		hole = at;
	}
	producers->slots[hole].id = -1;
	producers->count--;
}

static bool follows(int32_t last, int32_t next)
{
	return (int64_t)last + 1 == next || (next == 0 && last == INT32_MAX);
}

/* As Kafka's ProducerAppendInfo: one that is not known (any more) may begin anywhere. */
static enum producer_verdict judge_sequence(const struct producer *producer, const struct batch_head *head)
{
	int32_t last = producer->count ? producer->batches[producer->count - 1].last_sequence : -1;

	if (producer->epoch < 0)
		return PRODUCER_TAKE;
	if (head->producer_epoch != producer->epoch)
		return head->base_sequence == 0 ? PRODUCER_TAKE : PRODUCER_OUT_OF_ORDER;
	return follows(last, head->base_sequence) ? PRODUCER_TAKE : PRODUCER_OUT_OF_ORDER;
}

enum producer_verdict producer_judge(const struct producer *producer, const struct batch_head *head,
				     int32_t coordinator_epoch, struct producer_batch *duplicate)
{
	int32_t last_sequence = batch_last_sequence(head);

	if (!producer)
		return PRODUCER_TAKE;
	if (head->producer_epoch < producer->epoch)
		return PRODUCER_FENCED;
	if (head->control)
		return coordinator_epoch < producer->coordinator_epoch ? PRODUCER_COORDINATOR_FENCED
								       : PRODUCER_TAKE;
	if (head->base_sequence < 0)
		return PRODUCER_TAKE; /* a coordinator's own: positions within a transaction are not numbered */
	for (int i = 0; i < producer->count && head->producer_epoch == producer->epoch; i++)
		if (producer->batches[i].first_sequence == head->base_sequence &&
		    producer->batches[i].last_sequence == last_sequence) {
			*duplicate = producer->batches[i];
			return PRODUCER_DUPLICATE;
		}
	if (producer->in_transaction && !head->transactional)
		return PRODUCER_INVALID_STATE;
	return judge_sequence(producer, head);
}

void producer_apply(struct producer *producer, const struct batch_head *head, int32_t coordinator_epoch)
{
	if (head->producer_epoch != producer->epoch) {
		producer->epoch = head->producer_epoch;
		producer->count = 0;
	}
	producer->last_timestamp = head->max_timestamp;
	if (head->control) {
		producer->coordinator_epoch = coordinator_epoch;
		producer->in_transaction = false;
		return;
	}
	producer->in_transaction = head->transactional;
	if (head->base_sequence < 0)
		return;
	if (producer->count == PRODUCER_BATCHES) {
		memmove(producer->batches, producer->batches + 1,
			(PRODUCER_BATCHES - 1) * sizeof *producer->batches);
		producer->count--;
	}
	producer->batches[producer->count++] = (struct producer_batch){
		.first_sequence = head->base_sequence,
		.last_sequence = batch_last_sequence(head),
		.base_offset = head->base_offset,
		.last_offset = batch_last_offset(head),
		.timestamp = head->max_timestamp,
	};
}

static void write_one(const struct producer *producer, struct buffer *out)
{
	uint8_t *at = buffer_room(out, HEAD_SIZE + (size_t)producer->count * BATCH_SIZE);

	if (!at)
		return;
	put_le64(at, (uint64_t)producer->id);
	put_le64(at + 8, (uint64_t)producer->last_timestamp);
	put_le32(at + 16, (uint32_t)producer->coordinator_epoch);
	put_le16(at + 20, (uint16_t)producer->epoch);
	at[22] = producer->count;
	at[23] = producer->in_transaction;
	for (int i = 0; i < producer->count; i++) {
		const struct producer_batch *batch = &producer->batches[i];
		uint8_t *here = at + HEAD_SIZE + i * BATCH_SIZE;

		put_le32(here, (uint32_t)batch->first_sequence);
		put_le32(here + 4, (uint32_t)batch->last_sequence);
		put_le64(here + 8, (uint64_t)batch->base_offset);
		put_le64(here + 16, (uint64_t)batch->last_offset);
		put_le64(here + 24, (uint64_t)batch->timestamp);
	}
	buffer_grow(out, HEAD_SIZE + (size_t)producer->count * BATCH_SIZE);
}

void producers_write(const struct producers *producers, struct buffer *out)
{
	uint8_t head[8];

	uint32_t count = 0;

	/* One without an epoch was made for a batch that is not durable yet. */
	for (size_t i = 0; i < producers->capacity; i++)
		count += producers->slots[i].id >= 0 && producers->slots[i].epoch >= 0;
	put_le32(head, VERSION);
	put_le32(head + 4, count);
	buffer_put(out, head, sizeof head);
	for (size_t i = 0; i < producers->capacity; i++)
		if (producers->slots[i].id >= 0 && producers->slots[i].epoch >= 0)
			write_one(&producers->slots[i], out);
}

/* The next `size` bytes of `bytes`, or NULL. */
static const uint8_t *take(struct view *bytes, size_t size)
{
	const uint8_t *at = bytes->at;

	if (bytes->size < size)
		return NULL;
	bytes->at += size;
	bytes->size -= size;
	return at;
}

static int read_one(struct producers *producers, struct view *bytes)
{
	const uint8_t *at = take(bytes, HEAD_SIZE);
	struct producer *producer;

	if (!at || (int64_t)get_le64(at) < 0 || at[22] > PRODUCER_BATCHES || at[23] > 1 ||
	    producers_find(producers, (int64_t)get_le64(at)))
		return ERR_MALFORMED;
	producer = producers_add(producers, (int64_t)get_le64(at));
	if (!producer)
		return ERR_MEMORY;
	producer->last_timestamp = (int64_t)get_le64(at + 8);
	producer->coordinator_epoch = (int32_t)get_le32(at + 16);
	producer->epoch = (int16_t)get_le16(at + 20);
	producer->count = at[22];
	producer->in_transaction = at[23];
	for (int i = 0; i < producer->count; i++) {
		const uint8_t *here = take(bytes, BATCH_SIZE);

		if (!here)
			return ERR_MALFORMED;
		producer->batches[i] = (struct producer_batch){
			.first_sequence = (int32_t)get_le32(here),
			.last_sequence = (int32_t)get_le32(here + 4),
			.base_offset = (int64_t)get_le64(here + 8),
			.last_offset = (int64_t)get_le64(here + 16),
			.timestamp = (int64_t)get_le64(here + 24),
		};
	}
	return 0;
}

int producers_read(struct producers *producers, struct view *bytes)
{
	struct view rest = *bytes;
	const uint8_t *head = take(&rest, 8);
	int err = 0;

	assert(producers->count == 0);
	if (!head)
		return ERR_MALFORMED;
	if (get_le32(head) != VERSION)
		return ERR_UNSUPPORTED;
	if (get_le32(head + 4) > rest.size / HEAD_SIZE)
		return ERR_MALFORMED;
	for (uint32_t left = get_le32(head + 4); left && err == 0; left--)
		err = read_one(producers, &rest);
	if (err < 0)
		producers_done(producers);
	else
		*bytes = rest;
	return err;
}
