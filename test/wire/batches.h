/* batches.h - random batches and the model of what is in them, for the tests of the batch reader. */
#ifndef TEST_WIRE_BATCHES_H
#define TEST_WIRE_BATCHES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "wire/batch_writer.h"

#define HEADERS_MAX 3

/* One record as it was written. */
struct sample {
	int64_t offset, timestamp;
	struct view key, value;
	struct header headers[HEADERS_MAX];
	int header_count;
};

struct samples {
	struct sample at[400];
	int count;
	uint8_t pool[1 << 20]; /* where keys and values live */
	size_t pool_used;
};

/* Null, empty, short or long; half compressible. */
static inline struct view random_bytes(struct samples *s, struct random *r, size_t most)
{
	uint64_t kind = random_below(r, 10);
	size_t size = kind < 2 ? 0 : kind < 8 ? random_below(r, 60) : random_below(r, most);
	uint8_t *at = s->pool + s->pool_used;

	if (kind == 0)
		return VIEW_NULL;
	if (size > sizeof s->pool - s->pool_used)
		size = sizeof s->pool - s->pool_used;
	for (size_t i = 0; i < size; i++)
		at[i] = kind & 1 ? (uint8_t)random_u64(r) : (uint8_t)("order paid "[i % 11]);
	s->pool_used += size;
	return view_of(at, size);
}

/* Kafka's clients read names of headers as UTF-8. */
static inline struct view random_name(struct random *r)
{
	static const char names[] = "trace-id-of-the-order";

	return view_of(names, random_below(r, sizeof names));
}

/* Makes a batch of random records, remembering them in `s`. */
static inline void random_batch(struct random *r, struct batch_writer *writer,
				const struct batch_options *options, struct samples *s, struct buffer *out)
{
	int count = 1 + (int)random_below(r, random_below(r, 4) ? 20 : 300);
	int64_t timestamp = 1700000000000 + (int64_t)random_below(r, 1000000), offset = options->base_offset;
	size_t most = random_below(r, 4) ? 300 : 20000;

	s->count = 0;
	s->pool_used = 0;
	batch_writer_reset(writer, options);
	while (s->count < count) {
		struct sample *sample = &s->at[s->count];

		if (random_below(r, 20) == 0) {
			int gap = (int)random_below(r, 200);

			batch_writer_skip(writer, gap);
			offset += gap;
		}
		timestamp += random_below(r, 4) ? (int64_t)random_below(r, 100)
						: -(int64_t)random_below(r, 100000);
		*sample = (struct sample){ .offset = offset++, .timestamp = timestamp };
		sample->key = random_bytes(s, r, most);
		sample->value = random_bytes(s, r, most);
		sample->header_count = random_below(r, 3) ? 0 : (int)random_below(r, HEADERS_MAX + 1);
		for (int i = 0; i < sample->header_count; i++) {
			sample->headers[i].name = random_name(r);
			sample->headers[i].value = random_bytes(s, r, 200);
		}
		assert_int_equal(batch_writer_add(writer, timestamp, sample->key, sample->value,
						  sample->headers, sample->header_count),
				 0);
		if (options->log_append_time)
			sample->timestamp = options->append_timestamp;
		s->count++;
	}
	assert_int_equal(batch_writer_finish(writer, out), 0);
}

static inline void assert_view_equal(struct view a, struct view b)
{
	assert_int_equal(a.at == NULL, b.at == NULL);
	assert_int_equal(a.size, b.size);
	if (a.size)
		assert_memory_equal(a.at, b.at, a.size);
}

static inline size_t sample_content(const struct sample *sample)
{
	size_t size = sample->key.size + sample->value.size;

	for (int i = 0; i < sample->header_count; i++)
		size += sample->headers[i].name.size + sample->headers[i].value.size;
	return size;
}

static inline void assert_record_is(const struct record_span *span, const struct sample *sample)
{
	struct record record;
	struct header header;

	assert_int_equal(span->timestamp, sample->timestamp);
	assert_false(span->loose);
	assert_int_equal(record_split(view_of(span->at, span->size), &record), 0);
	assert_view_equal(record.key, sample->key);
	assert_view_equal(record.value, sample->value);
	assert_int_equal(record.header_count, sample->header_count);
	for (int i = 0; i < sample->header_count; i++) {
		assert_int_equal(header_next(&record.headers, &header), 1);
		assert_view_equal(header.name, sample->headers[i].name);
		assert_view_equal(header.value, sample->headers[i].value);
	}
	assert_int_equal(header_next(&record.headers, &header), 0);
}

/* Walks the records, `room` at a time, and holds each against the model. */
static inline void assert_records_are(const struct records *records, const struct samples *s, int room)
{
	struct record_span spans[256];
	struct record_walk walk;
	uint64_t content = 0;
	int seen = 0, count;

	record_walk_init(&walk, records);
	while ((count = record_walk_next(&walk, spans, room)) > 0)
		for (int i = 0; i < count; i++, seen++) {
			assert_true(seen < s->count);
			assert_int_equal(record_offset(&walk, &spans[i]), s->at[seen].offset);
			assert_record_is(&spans[i], &s->at[seen]);
			content += sample_content(&s->at[seen]);
		}
	assert_null(walk.fault);
	assert_int_equal(count, 0);
	assert_int_equal(seen, s->count);
	assert_int_equal(walk.content_size, content);
}

/*
 * Reads whatever `bytes` are, in an allocation of their own, all the way down; returns how many records came out of
 * batches that were readable.  For mutated input: nothing is expected but that it ends.
 */
static inline int read_anything(struct view bytes, struct inflater *inflater, struct buffer *room)
{
	uint8_t *copy = malloc(bytes.size ? bytes.size : 1);
	struct view rest = view_of(copy, bytes.size);
	struct batch batch;
	struct records records;
	struct fault fault;
	int total = 0;

	if (bytes.size)
		memcpy(copy, bytes.at, bytes.size);
	while (batch_next(&rest, &batch) > 0) {
		struct record_span spans[64];
		struct record_walk walk;
		struct control control;
		int count;

		batch_check(&batch, &fault); /* a bad checksum must not hide what lies behind it */
		buffer_reset(room);
		if (batch_open(&batch, inflater, room, &records, &fault) < 0)
			continue;
		record_walk_init(&walk, &records);
		while ((count = record_walk_next(&walk, spans, 64)) > 0)
			for (int i = 0; i < count; i++) {
				struct record record;
				struct header header;

				total++;
				assert_int_equal(record_split(view_of(spans[i].at, spans[i].size), &record),
						 0);
				while (header_next(&record.headers, &header) > 0)
					;
			}
		control_of(&records, &control);
	}
	free(copy);
	return total;
}

#endif
