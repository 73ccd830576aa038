/* seen.c - a look at batches and at the records in them. */
#include "exit/seen.h"

#define MOST(a, b) ((a) = (b) > (a) ? (b) : (a))

void seen_init(struct seen *seen, struct arena *arena)
{
	*seen = (struct seen){ 0 };
	schema_uses_init(&seen->schemas, arena);
}

static int note_header_name(struct seen *seen, struct view name)
{
	for (int i = 0; i < seen->header_name_count; i++)
		if (view_equal(seen->header_names[i], name))
			return 0;
	if (seen->header_name_count == SEEN_HEADER_NAMES_MAX) {
		seen->header_names_cut = true;
		return 0;
	}
	name = arena_copy(seen->schemas.arena, name);
	if (!name.at)
		return ERR_MEMORY;
	seen->header_names[seen->header_name_count++] = name;
	return 0;
}

static int note_headers(struct seen *seen, const struct record *record)
{
	struct view headers = record->headers;
	struct header header;
	int err = 0;

	seen->headers += record->header_count > 0;
	MOST(seen->header_count_max, (uint32_t)record->header_count);
	for (int i = 0; i < record->header_count && err == 0 && header_next(&headers, &header) > 0; i++)
		err = note_header_name(seen, header.name);
	return err;
}

static int note_record(struct seen *seen, const struct seen_input *input, const struct record_span *span,
		       int64_t offset)
{
	struct record record;
	int err;

	if (offset < input->from || offset >= input->until ||
	    record_split(view_of(span->at, span->size), &record) < 0)
		return 0;
	seen->records++;
	seen->bytes += span->size;
	MOST(seen->record_size_max, (uint64_t)span->size);
	seen->null_keys += !record.key.at;
	seen->empty_keys += record.key.at && !record.key.size;
	seen->null_values += !record.value.at;
	seen->timeless += span->timestamp < 0;
	err = note_headers(seen, &record);
	return err < 0 ? err : schema_uses_add(&seen->schemas, &record, input->partition, offset);
}

/* 0; ERR_MEMORY; anything else: the batch cannot be read. */
static int note_records(struct seen *seen, const struct seen_input *input, const struct batch *batch)
{
	struct record_walk walk;
	struct record_span spans[64];
	struct records records;
	int count, err;

	buffer_reset(input->scratch);
	err = batch_check(batch, NULL);
	if (err == 0)
		err = batch_open(batch, input->inflater, input->scratch, &records, NULL);
	if (err < 0)
		return err;
	MOST(seen->inflated_size_max, (uint64_t)records.bytes.size);
	MOST(seen->batch_records_max, (uint64_t)records.count);
	record_walk_init(&walk, &records);
	while ((count = record_walk_next(&walk, spans, 64)) > 0) {
		for (int i = 0; i < count; i++) {
			err = note_record(seen, input, &spans[i], record_offset(&walk, &spans[i]));
			if (err < 0)
				return err;
		}
	}
	return count;
}

static void note_batch(struct seen *seen, const struct batch_head *head, int64_t now_ms)
{
	if (head->magic >= 0 && head->magic < 8)
		seen->formats |= 1u << head->magic;
	seen->transactional += head->transactional;
	if (head->control) {
		seen->control_batches++;
		return;
	}
	seen->batches++;
	MOST(seen->batch_size_max, (uint64_t)head->size);
	seen->codecs |= 1u << (head->codec & 7);
	seen->idempotent += head->producer_id >= 0;
	seen->log_append += head->log_append_time;
	seen->create_time += !head->log_append_time;
	if (!head->log_append_time && head->max_timestamp > now_ms)
		MOST(seen->ahead_ms_max, head->max_timestamp - now_ms);
}

int seen_add(struct seen *seen, const struct seen_input *input)
{
	struct view bytes = input->batches;
	struct batch batch;
	int err;

	while ((err = batch_next(&bytes, &batch)) > 0) {
		if (batch_last_offset(&batch.head) < input->from || batch.head.base_offset >= input->until)
			continue;
		note_batch(seen, &batch.head, input->now_ms);
		if (batch.head.control)
			continue;
		err = note_records(seen, input, &batch);
		if (err == ERR_MEMORY)
			return err;
		seen->unreadable += err < 0;
	}
	seen->unreadable += err < 0; /* nobody knows where the next batch would begin */
	return 0;
}
