/* sim_model.c - what the clients know, and the log held against it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "sim.h"
#include "wire/batch_writer.h"

void model_done(struct model *model)
{
	free(model->sent);
	free(model->events);
	*model = (struct model){ 0 };
}

struct sent *model_send(struct model *model, uint64_t number, int32_t count, int64_t producer)
{
	struct sent *found = model_find(model, number);

	if (found) {
		found->gone = false;
		return found;
	}
	if (model->sent_count == model->sent_capacity) {
		model->sent_capacity = model->sent_capacity ? 2 * model->sent_capacity : 64;
		model->sent = realloc(model->sent, model->sent_capacity * sizeof *model->sent);
	}
	model->sent[model->sent_count] = (struct sent){ number, -1, count, producer, false, false, 0 };
	return &model->sent[model->sent_count++];
}

struct sent *model_find(struct model *model, uint64_t number)
{
	for (size_t i = model->sent_count; i > 0; i--)
		if (model->sent[i - 1].number == number)
			return &model->sent[i - 1];
	return NULL;
}

static size_t record_size(uint64_t number)
{
	uint64_t dice = number * 0x9e3779b97f4a7c15 >> 40;

	return 8 + (dice % 8 ? dice % 100 : dice % SIM_RECORD_SIZE_MAX);
}

static uint8_t key_of(uint64_t number, int32_t index)
{
	return (uint8_t)('a' + (number + (uint64_t)index) % SIM_KEYS);
}

void sim_make_batch(struct buffer *out, const struct batch_options *options, uint64_t number, int32_t count)
{
	static uint8_t value[8 + SIM_RECORD_SIZE_MAX];
	size_t size = record_size(number);
	struct batch_writer writer;

	batch_writer_init(&writer, options, NULL, 1 << 20);
	memset(value, (int)(number & 0x7f), size);
	put_le64(value, number);
	for (int32_t i = 0; i < count; i++) {
		uint8_t key = key_of(number, i);

		batch_writer_add(&writer, 1000 + (int64_t)number, view_of(&key, 1), view_of(value, size),
				 NULL, 0);
	}
	buffer_reset(out);
	batch_writer_finish(&writer, out);
	batch_writer_done(&writer);
}

int model_acknowledge(struct sim *sim, int index, uint64_t number, int64_t offset)
{
	struct sent *sent = model_find(&sim->models[index], number);

	if (!sent)
		return sim_broken(sim, "an answer for batch %llu, which nobody sent",
				  (unsigned long long)number);
	if (sent->offset >= 0 && sent->offset != offset)
		return sim_broken(sim, "batch %llu was at %lld of partition %d and is now at %lld",
				  (unsigned long long)number, (long long)sent->offset, index,
				  (long long)offset);
	sent->offset = offset;
	sent->gone = false;
	return 0;
}

/* The number in a batch, if all its records say the same and are as they were made; and which of them are there. */
static bool number_of(const struct batch *batch, uint64_t *number, uint8_t *present)
{
	struct record_walk walk;
	struct record_span span;
	struct records records;
	struct record record;
	struct buffer none;
	bool first = true;

	buffer_init(&none, 0);
	if (batch_check(batch, NULL) < 0 || batch_open(batch, NULL, &none, &records, NULL) < 0)
		return false;
	record_walk_init(&walk, &records);
	while (record_walk_next(&walk, &span, 1) == 1) {
		if (record_split(view_of(span.at, span.size), &record) < 0 || record.value.size < 8)
			return false;
		if (first)
			*number = get_le64(record.value.at);
		if (get_le64(record.value.at) != *number || record.value.size != record_size(*number) ||
		    span.offset_delta >= SIM_COUNT_MAX || record.key.size != 1 ||
		    *record.key.at != key_of(*number, span.offset_delta))
			return false;
		*present |= (uint8_t)(1 << span.offset_delta);
		for (size_t i = 8; i < record.value.size; i++)
			if (record.value.at[i] != (*number & 0x7f))
				return false;
		first = false;
	}
	return !first && !walk.fault;
}

bool sim_marker_of(const struct batch *batch, bool *commits)
{
	struct records records;
	struct control control;
	struct buffer none;

	buffer_init(&none, 0);
	if (batch_check(batch, NULL) < 0 || batch_open(batch, NULL, &none, &records, NULL) < 0 ||
	    control_of(&records, &control) < 0)
		return false;
	*commits = control.type == CONTROL_COMMIT;
	return true;
}

void model_remember(struct model *model, const struct event *event)
{
	if (model->event_count && model->events[model->event_count - 1].offset >= event->offset)
		return;
	if (model->event_count == model->event_capacity) {
		model->event_capacity = model->event_capacity ? 2 * model->event_capacity : 64;
		model->events = realloc(model->events, model->event_capacity * sizeof *model->events);
	}
	model->events[model->event_count++] = *event;
	if (!event->control || event->commits)
		return;
	/* An abort takes back what its producer has sent since its marker before. */
	for (size_t i = model->event_count - 1; i > 0; i--) {
		struct event *before = &model->events[i - 1];

		if (before->producer != event->producer)
			continue;
		if (before->control)
			break;
		before->aborted = before->transactional;
	}
}

static void remember(struct model *model, const struct batch *batch, bool commits)
{
	model_remember(model, &(struct event){ batch->head.base_offset, batch_last_offset(&batch->head),
					       batch->head.producer_id, batch->head.transactional,
					       batch->head.control, commits, false });
}

static bool is_aborted(const struct model *model, int64_t offset)
{
	for (size_t i = 0; i < model->event_count; i++)
		if (model->events[i].offset == offset)
			return model->events[i].aborted;
	return false;
}

/* Compaction may have taken the record: its transaction was aborted, or its key was written later. */
static bool may_be_gone(const struct model *model, const struct sent *sent, int32_t index)
{
	if (is_aborted(model, sent->offset))
		return true;
	for (size_t i = 0; i < model->sent_count; i++) {
		const struct sent *later = &model->sent[i];

		if (later->offset < 0 || is_aborted(model, later->offset))
			continue;
		for (int32_t k = 0; k < later->count; k++)
			if (later->offset + k > sent->offset + index &&
			    key_of(later->number, k) == key_of(sent->number, index))
				return true;
	}
	return false;
}

/* First offset of the oldest transaction without a marker, or `otherwise`. */
static int64_t stable_of(const struct model *model, int64_t otherwise)
{
	for (size_t i = 0; i < model->event_count; i++) {
		bool ended = false;

		if (!model->events[i].transactional || model->events[i].control)
			continue;
		for (size_t k = i + 1; k < model->event_count && !ended; k++)
			ended = model->events[k].control &&
				model->events[k].producer == model->events[i].producer;
		if (!ended)
			return model->events[i].offset > model->log_start ? model->events[i].offset
									  : model->log_start;
	}
	return otherwise;
}

static int check_batch(struct sim *sim, int index, const struct batch *batch, int64_t *next)
{
	struct model *model = &sim->models[index];
	int64_t base = batch->head.base_offset;
	uint64_t number = 0;
	bool commits = false;
	struct sent *sent;

	uint8_t present = 0;

	if (sim->compacting             ? batch_last_offset(&batch->head) < *next
	    : *next == model->log_start ? base > *next
					: base != *next)
		return sim_broken(sim, "partition %d has a hole: %lld follows %lld", index, (long long)base,
				  (long long)*next);
	*next = batch_last_offset(&batch->head) + 1;
	if (batch->head.control) {
		if (!sim_marker_of(batch, &commits))
			return sim_broken(sim, "the marker at %lld of partition %d is damaged",
					  (long long)base, index);
		remember(model, batch, commits);
		return 0;
	}
	if (!number_of(batch, &number, &present))
		return sim_broken(sim, "the batch at %lld of partition %d is damaged", (long long)base,
				  index);
	sent = model_find(model, number);
	if (!sent || sent->gone)
		return sim_broken(sim, "batch %llu at %lld of partition %d: %s", (unsigned long long)number,
				  (long long)base, index, sent ? "was gone, and is back" : "nobody sent it");
	if (sent->seen)
		return sim_broken(sim, "batch %llu is in partition %d twice, at %lld and %lld",
				  (unsigned long long)number, index, (long long)sent->offset,
				  (long long)base);
	sent->seen = true;
	sent->present = present;
	if ((sim->compacting ? sent->count < batch->head.count : sent->count != batch->head.count) ||
	    sent->producer != batch->head.producer_id)
		return sim_broken(sim, "batch %llu is another one", (unsigned long long)number);
	remember(model, batch, false);
	sim_totals.batches_read++;
	return model_acknowledge(sim, index, number, base);
}

int sim_read_store(struct sim *sim, struct partition *partition, int64_t offset, int64_t size_max,
		   enum store_isolation isolation, struct store_read *read)
{
	int32_t index = store_partition_index(partition);
	struct store_partition_state is;
	struct fault fault = { 0 };
	int err = 1;

	for (int i = 0; i < 100 && err == 1; i++) {
		err = store_read(partition, offset, size_max, isolation, read, &fault);
		if (err == 1) {
			sim_totals.cold_reads++;
			sim_settle(sim);
		}
		if (sim_disk_dead(sim->disk))
			return ERR_CANCELLED;
	}
	if (err == 1)
		return sim_broken(sim, "a read of partition %d at %lld never ends", index, (long long)offset);
	/* The start moved while it was read: another time. */
	store_partition_state(partition, &is);
	if (err == ERR_NOT_FOUND && offset < is.log_start)
		return ERR_CANCELLED;
	/* Told, and tried again by whoever reads: then it is there. */
	sim->hurt = sim_disk_erred(sim->disk) || sim->hurt;
	if (err == ERR_IO && sim->hurt) {
		sim->hurt = false;
		return sim_read_store(sim, partition, offset, size_max, isolation, read);
	}
	if (err == ERR_IO && sim->objects && !sim->asking_again) {
		int before = sim_objects_trouble(sim->objects, 0);

		sim->asking_again = true;
		err = sim_read_store(sim, partition, offset, size_max, isolation, read);
		sim->asking_again = false;
		sim_objects_trouble(sim->objects, before);
		return err;
	}
	if (err < 0 && !sim->rotten)
		return sim_broken(sim, "a read of partition %d at %lld: %s", index, (long long)offset,
				  fault.text);
	return err;
}

static int read_all(struct sim *sim, int index, int64_t *next)
{
	struct store_read read = { 0 };
	int err = 0;

	while (err == 0) {
		err = sim_read_store(sim, sim->topic->partitions[index], *next,
				     1 + (int64_t)random_below(&sim->random, 20000), STORE_READ_UNCOMMITTED,
				     &read);
		if (err != 0 || (read.count == 0 && read.next_offset == *next))
			break;
		if (read.count == 0 && sim->compacting)
			*next = read.next_offset; /* nothing was left there */
		for (int i = 0; i < read.count && err == 0; i++) {
			struct view bytes = read.pieces[i].bytes;
			struct batch batch;

			while (err == 0 && batch_next(&bytes, &batch) == 1)
				err = check_batch(sim, index, &batch, next);
			if (err == 0 && bytes.size)
				err = sim_broken(sim, "partition %d: half a batch", index);
		}
	}
	store_read_free(&read);
	return err;
}

/* A reader who asks for committed records gets those of no aborted transaction, and of no open one. */
static int read_committed(struct sim *sim, int index)
{
	struct model *model = &sim->models[index];
	struct store_partition_state is;
	struct aborted_filter filter;
	struct store_read read = { 0 };
	int64_t stable, offset;
	int err;

	store_partition_state(sim->topic->partitions[index], &is);
	if (is.log_start > model->log_start)
		return 0; /* the start moved while it was read: another time */
	stable = stable_of(model, is.high_watermark);
	if (is.last_stable != stable)
		return sim_broken(sim, "partition %d: last stable offset %lld, the log says %lld", index,
				  (long long)is.last_stable, (long long)stable);
	offset = is.log_start +
		 (int64_t)random_below(&sim->random, (uint64_t)(is.high_watermark - is.log_start) + 1);
	err = sim_read_store(sim, sim->topic->partitions[index], offset,
			     1 + (int64_t)random_below(&sim->random, 50000), STORE_READ_COMMITTED, &read);
	aborted_filter_init(&filter);
	if (err == 0)
		err = aborted_filter_set(&filter, read.aborted, read.aborted_count);
	for (int i = 0; i < read.count && err == 0; i++) {
		struct view bytes = read.pieces[i].bytes;
		struct batch batch;

		while (err == 0 && batch_next(&bytes, &batch) == 1) {
			size_t at = 0;
			bool commits = false;

			while (at < model->event_count && model->events[at].offset != batch.head.base_offset)
				at++;
			if (batch_last_offset(&batch.head) >= stable)
				err = sim_broken(sim, "partition %d: %lld was read, and %lld is stable",
						 index, (long long)batch.head.base_offset, (long long)stable);
			else if (at == model->event_count)
				err = sim_broken(sim, "partition %d: %lld was not there before", index,
						 (long long)batch.head.base_offset);
			else if (batch.head.control && sim_marker_of(&batch, &commits) && !commits)
				aborted_filter_ends(&filter, &batch.head);
			else if (!batch.head.control &&
				 aborted_filter_drops(&filter, &batch.head) != model->events[at].aborted)
				err = sim_broken(sim, "partition %d: the batch at %lld %s", index,
						 (long long)batch.head.base_offset,
						 model->events[at].aborted ? "was aborted, and is shown"
									   : "is hidden");
		}
	}
	aborted_filter_done(&filter);
	store_read_free(&read);
	return err;
}

int model_check(struct sim *sim, int index, bool whole)
{
	struct model *model = &sim->models[index];
	struct store_partition_state is;
	int64_t next;
	int err;

	store_partition_state(sim->topic->partitions[index], &is);
	if (is.log_start > model->log_start)
		model->log_start = is.log_start;
	if (is.log_start < model->log_start)
		return sim_broken(sim, "partition %d begins at %lld again, it was %lld", index,
				  (long long)is.log_start, (long long)model->log_start);
	if (is.high_watermark < model->seen_end && !sim->rotten)
		return sim_broken(sim, "partition %d ends at %lld, and %lld was readable", index,
				  (long long)is.high_watermark, (long long)model->seen_end);
	for (size_t i = 0; i < model->sent_count; i++) {
		model->sent[i].seen = false;
		model->sent[i].present = 0;
	}
	next = model->log_start;
	err = read_all(sim, index, &next);
	if (err != 0)
		return err;
	store_partition_state(sim->topic->partitions[index], &is);
	if (next != is.high_watermark)
		return sim_broken(sim, "partition %d: a reader ends at %lld, it says %lld", index,
				  (long long)next, (long long)is.high_watermark);
	for (size_t i = 0; i < model->sent_count; i++) {
		struct sent *sent = &model->sent[i];

		if (sent->offset < 0 && !sent->seen && whole)
			sent->gone = true;
		if (sent->offset < 0 || sent->gone)
			continue;
		for (int32_t k = 0; k < sent->count; k++)
			if (sent->offset + k >= model->log_start && !(sent->present & 1 << k) &&
			    ++sim_totals.compacted && !(sim->compacting && may_be_gone(model, sent, k)))
				return sim_broken(sim,
						  "batch %llu of partition %d is lost: record %d was at %lld",
						  (unsigned long long)sent->number, index, k,
						  (long long)sent->offset + k);
	}
	model->seen_end = is.high_watermark;
	return read_committed(sim, index);
}
