/* compact.c - keys learned, batches sieved. */
#include <stdlib.h>

#include "base/random.h"
#include "store/compact.h"

#define SLOTS_FIRST 1024

int compaction_init(struct compaction *compaction, const struct transaction *aborted, size_t aborted_count,
		    int64_t now_ms, int64_t delete_retention_ms, size_t batch_size_max)
{
	if (delete_retention_ms > INT64_MAX - now_ms) /* for ever */
		delete_retention_ms = INT64_MAX - now_ms;
	*compaction = (struct compaction){ .aborted = aborted,
					   .aborted_count = aborted_count,
					   .now_ms = now_ms,
					   .delete_retention_ms = delete_retention_ms,
					   .inflater = inflater_new(batch_size_max),
					   .deflater = deflater_new() };
	random_secret(&compaction->seed, sizeof compaction->seed);
	buffer_init(&compaction->inflated, batch_size_max);
	producers_init(&compaction->live);
	batch_writer_init(&compaction->writer, &batch_options_default, compaction->deflater, batch_size_max);
	return compaction->inflater && compaction->deflater ? 0 : ERR_MEMORY;
}

void compaction_done(struct compaction *compaction)
{
	inflater_free(compaction->inflater);
	deflater_free(compaction->deflater);
	buffer_done(&compaction->inflated);
	batch_writer_done(&compaction->writer);
	producers_done(&compaction->live);
	free(compaction->slots);
}

static struct compact_slot *slot_of(const struct compaction *compaction, struct digest key)
{
	size_t at = (size_t)key.low & (compaction->capacity - 1);

	while (compaction->slots[at].offset >= 0 && !digest_equal(compaction->slots[at].key, key))
		at = (at + 1) & (compaction->capacity - 1);
	return &compaction->slots[at];
}

static int grow(struct compaction *compaction)
{
	struct compaction more = { .capacity =
					   compaction->capacity ? 2 * compaction->capacity : SLOTS_FIRST };

	more.slots = malloc(more.capacity * sizeof *more.slots);
	if (!more.slots)
		return ERR_MEMORY;
	for (size_t i = 0; i < more.capacity; i++)
		more.slots[i].offset = -1;
	for (size_t i = 0; i < compaction->capacity; i++)
		if (compaction->slots[i].offset >= 0)
			*slot_of(&more, compaction->slots[i].key) = compaction->slots[i];
	free(compaction->slots);
	compaction->slots = more.slots;
	compaction->capacity = more.capacity;
	return 0;
}

static int learn_key(struct compaction *compaction, struct view key, int64_t offset)
{
	struct digest digest = hash128(key.at, key.size, compaction->seed);
	struct compact_slot *slot;

	if (compaction->count + 1 > compaction->capacity / 4 * 3) {
		int err = compaction->count >= COMPACT_KEYS_MAX ? ERR_LIMIT : grow(compaction);

		if (err < 0)
			return err;
	}
	slot = slot_of(compaction, digest);
	compaction->count += slot->offset < 0;
	if (offset > slot->offset)
		*slot = (struct compact_slot){ digest, offset };
	return 0;
}

static bool is_aborted(const struct compaction *compaction, const struct batch_head *head)
{
	if (!head->transactional || head->control)
		return false;
	for (size_t i = 0; i < compaction->aborted_count; i++) {
		const struct transaction *aborted = &compaction->aborted[i];

		if (aborted->producer_id == head->producer_id && head->base_offset >= aborted->first_offset &&
		    head->base_offset <= aborted->last_offset)
			return true;
	}
	return false;
}

/* Opens the batch for a walk; false when it cannot be read. */
static bool open_batch(struct compaction *compaction, const struct batch *batch, struct record_walk *walk)
{
	struct records records;

	buffer_reset(&compaction->inflated);
	if (batch_open(batch, compaction->inflater, &compaction->inflated, &records, NULL) < 0)
		return false;
	record_walk_init(walk, &records);
	return true;
}

int compaction_learn(struct compaction *compaction, const struct batch *batch)
{
	struct record_walk walk;
	struct record_span span;
	struct record record;
	int err = 0;

	if (batch->head.control || is_aborted(compaction, &batch->head) ||
	    !open_batch(compaction, batch, &walk))
		return 0;
	while (err == 0 && record_walk_next(&walk, &span, 1) == 1)
		if (record_split(view_of(span.at, span.size), &record) == 0 && record.key.at)
			err = learn_key(compaction, record.key, record_offset(&walk, &span));
	return err;
}

/* Has somebody written this key later? */
static bool is_superseded(const struct compaction *compaction, struct view key, int64_t offset)
{
	const struct compact_slot *slot;

	if (!compaction->capacity)
		return false;
	slot = slot_of(compaction, hash128(key.at, key.size, compaction->seed));
	return slot->offset > offset;
}

static struct batch_options options_of(const struct batch_head *head, int64_t delete_horizon)
{
	return (struct batch_options){
		.base_offset = head->base_offset,
		.partition_leader_epoch = head->partition_leader_epoch,
		.codec = (enum codec)head->codec,
		.level = CODEC_LEVEL_DEFAULT,
		.log_append_time = head->log_append_time,
		.transactional = head->transactional,
		.control = head->control,
		.append_timestamp = head->max_timestamp,
		.producer_id = head->producer_id,
		.producer_epoch = head->producer_epoch,
		.base_sequence = head->base_sequence,
		.delete_horizon = delete_horizon,
	};
}

struct sieved {
	int32_t kept, dropped;
	bool tombstones; /* among those that stay */
};

/* Does the record stay? */
static bool stays(const struct compaction *compaction, const struct record_walk *walk,
		  const struct record_span *span, bool horizon_passed, struct sieved *sieved)
{
	struct record record;

	if (record_split(view_of(span->at, span->size), &record) < 0 || !record.key.at)
		return true;
	if (is_superseded(compaction, record.key, record_offset(walk, span)))
		return false;
	if (record.value.at)
		return true;
	if (horizon_passed)
		return false;
	sieved->tombstones = true;
	return true;
}

/* What would stay, without writing anything.  False when the batch cannot be read to its end. */
static bool look_through(struct compaction *compaction, const struct batch *batch, bool horizon_passed,
			 struct sieved *out)
{
	struct record_walk walk;
	struct record_span span;
	int found;

	*out = (struct sieved){ 0 };
	if (!open_batch(compaction, batch, &walk))
		return false;
	while ((found = record_walk_next(&walk, &span, 1)) == 1) {
		bool keep = stays(compaction, &walk, &span, horizon_passed, out);

		out->kept += keep;
		out->dropped += !keep;
	}
	return found == 0;
}

/* The batch again with what stays; `all`: everything does, and only the horizon is new. */
static int write_again(struct compaction *compaction, const struct batch *batch, int64_t horizon,
		       bool horizon_passed, bool all, struct buffer *out)
{
	struct batch_options options = options_of(&batch->head, horizon);
	struct batch_writer *writer = &compaction->writer;
	struct sieved ignored = { 0 };
	struct record_walk walk;
	struct record_span span;
	int err = 0;

	if (!open_batch(compaction, batch, &walk))
		return ERR_MALFORMED;
	batch_writer_reset(writer, &options);
	while (err == 0 && record_walk_next(&walk, &span, 1) == 1) {
		if (!all && !stays(compaction, &walk, &span, horizon_passed, &ignored))
			continue;
		batch_writer_skip(writer, span.offset_delta - writer->next_delta);
		err = batch_writer_add_slice(writer, span.timestamp, view_of(span.at, span.size));
	}
	if (err < 0)
		return err;
	if (writer->next_delta <= batch->head.last_offset_delta)
		batch_writer_skip(writer, batch->head.last_offset_delta + 1 - writer->next_delta);
	return batch_writer_finish(writer, out);
}

static int keep(const struct batch *batch, struct buffer *out)
{
	buffer_view(out, batch->bytes);
	return out->err;
}

static int sieve_control(struct compaction *compaction, const struct batch *batch, struct buffer *out)
{
	const struct batch_head *head = &batch->head;
	struct record_walk walk;
	struct record_span span;
	struct control control;

	if (!open_batch(compaction, batch, &walk) || record_walk_next(&walk, &span, 1) != 1 ||
	    control_read(view_of(span.at, span.size), &control) < 0 ||
	    (control.type != CONTROL_ABORT && control.type != CONTROL_COMMIT))
		return keep(batch, out);
	if (producers_find(&compaction->live, head->producer_id)) {
		producers_remove(&compaction->live, head->producer_id);
		return keep(batch, out);
	}
	if (!head->delete_horizon)
		return write_again(compaction, batch, compaction->now_ms + compaction->delete_retention_ms,
				   false, true, out);
	if (compaction->now_ms < head->base_timestamp)
		return keep(batch, out);
	return control.type == CONTROL_ABORT;
}

static int sieve_data(struct compaction *compaction, const struct batch *batch, struct buffer *out)
{
	const struct batch_head *head = &batch->head;
	bool passed = head->delete_horizon && compaction->now_ms >= head->base_timestamp;
	int64_t horizon = head->delete_horizon ? head->base_timestamp : 0;
	struct sieved sieved;

	if (!look_through(compaction, batch, passed, &sieved))
		return keep(batch, out);
	compaction->dropped += sieved.dropped;
	compaction->kept += sieved.kept;
	if (sieved.kept == 0)
		return 0;
	if (sieved.tombstones && !horizon)
		horizon = compaction->now_ms + compaction->delete_retention_ms;
	else if (sieved.dropped == 0)
		return keep(batch, out);
	return write_again(compaction, batch, horizon, passed, false, out);
}

int compaction_sieve(struct compaction *compaction, const struct batch *batch, struct buffer *out)
{
	const struct batch_head *head = &batch->head;
	size_t before = out->size;
	int err;

	if (head->control)
		return sieve_control(compaction, batch, out);
	if (is_aborted(compaction, head)) {
		compaction->dropped += head->count;
		return 0;
	}
	err = sieve_data(compaction, batch, out);
	if (err == 0 && head->transactional && out->size > before &&
	    !producers_add(&compaction->live, head->producer_id))
		err = ERR_MEMORY;
	return err;
}
