/*
 * fuzz_batch.c - what a fetch brought, whatever it is: cut, checked, opened, walked, split.
 *
 * Checksums do not stop it (see legacy.c), so that what lies behind them is reached.  Besides doing no harm, two ways of
 * walking must agree, and a recoded record must be the record.
 */
#include <stdlib.h>

#include "wire/control.h"

#define LIMIT (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool so)
{
	if (!so)
		abort();
}

static void look_into(const struct record_span *span, struct buffer *scratch)
{
	struct view slice = view_of(span->at, span->size), again;
	struct record record, recoded;
	struct control control;
	int64_t content;

	must(record_split(slice, &record) == 0);
	buffer_reset(scratch);
	content = record_recode(slice, NULL, NULL, scratch);
	must(content >= 0);
	again = buffer_bytes(scratch);
	must(record_split(again, &recoded) == 0);
	must(view_equal(record.key, recoded.key) && view_equal(record.value, recoded.value));
	must(record.header_count == recoded.header_count);
	must(span->loose ? again.size < slice.size : view_equal(again, slice));
	control_read(slice, &control);
}

/* Walks `room` at a time; returns how many, or an error. */
static int walk(const struct records *records, int room, uint64_t *content, struct buffer *scratch)
{
	struct record_span spans[64];
	struct record_walk w;
	int total = 0, count;

	record_walk_init(&w, records);
	while ((count = record_walk_next(&w, spans, room)) > 0) {
		total += count;
		for (int i = 0; scratch && i < count; i++)
			look_into(&spans[i], scratch);
	}
	must((w.fault != NULL) == (count < 0));
	*content = w.content_size;
	return count < 0 ? count : total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct inflater *inflater;
	static struct buffer room, scratch;
	struct view rest = view_of(data, size);
	struct batch batch;

	if (!inflater) {
		inflater = inflater_new(LIMIT);
		buffer_init(&room, 2 * LIMIT);
		buffer_init(&scratch, 4 * LIMIT);
	}
	while (batch_next(&rest, &batch) > 0) {
		struct records records;
		struct fault fault;
		uint64_t content, content_again;
		int count;

		batch_check(&batch, &fault);
		buffer_reset(&room);
		if (batch_open(&batch, inflater, &room, &records, &fault) < 0) {
			must(room.size == 0 && room.err == 0);
			continue;
		}
		count = walk(&records, 64, &content, &scratch);
		must(count == walk(&records, 1, &content_again, NULL));
		must(count < 0 || content == content_again);
	}
	return 0;
}
