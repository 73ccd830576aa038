/* order.c - orders as record batches, there and back. */
#include <stdio.h>
#include <stdlib.h>

#include "demo/order.h"
#include "wire/batch_writer.h"
#include "wire/record.h"

#define BATCH_SIZE_MAX 4096
#define SPANS          64

int32_t order_customer(uint32_t number)
{
	return (int32_t)(number * 7 % ORDER_CUSTOMERS);
}

int32_t order_partition(uint32_t number)
{
	return order_customer(number) % ORDER_PARTITIONS;
}

static int write_one(const char *key, const char *value, const char *id, int64_t now_ms, struct buffer *out)
{
	struct header header = { VIEW_LITERAL("id"), view_text(id) };
	struct batch_writer writer;
	int err;

	batch_writer_init(&writer, &batch_options_default, NULL, BATCH_SIZE_MAX);
	err = batch_writer_add(&writer, now_ms, view_text(key), view_text(value), &header, 1);
	if (err == 0)
		err = batch_writer_finish(&writer, out);
	batch_writer_done(&writer);
	return err;
}

int order_write(uint32_t number, int64_t now_ms, struct buffer *out)
{
	char key[32], value[128], id[32];

	snprintf(key, sizeof key, "customer-%02d", order_customer(number));
	snprintf(value, sizeof value, "{\"order\": %u, \"items\": %u, \"total\": \"%u.%02u\"}", number,
		 number % 5 + 1, number % 97 + 3, number % 100);
	snprintf(id, sizeof id, "order-%u", number);
	return write_one(key, value, id, now_ms, out);
}

int order_write_stray(int64_t created_ms, struct buffer *out)
{
	return write_one("stray", "{\"total\": \"12.00\"}", "stray", created_ms, out);
}

static int64_t number_of(const struct record *record)
{
	struct view headers = record->headers;
	struct header header;

	while (header_next(&headers, &header) > 0) {
		char text[32];
		char *end;
		long number;

		if (!view_is(header.name, "id") || header.value.size < 7 ||
		    header.value.size >= sizeof text || memcmp(header.value.at, "order-", 6) != 0)
			continue;
		memcpy(text, header.value.at, header.value.size);
		text[header.value.size] = 0;
		number = strtol(text + 6, &end, 10);
		if (*end == 0 && number >= 0 && number < ORDERS_MAX)
			return number;
	}
	return -1;
}

static int read_batch(const struct batch *batch, int64_t offset, struct inflater *inflater,
		      struct buffer *scratch, order_seen *fn, void *context)
{
	struct record_span spans[SPANS];
	struct record_walk walk;
	struct records records;
	struct record record;
	int count, err = batch_check(batch, NULL);

	if (err < 0 || batch->head.control)
		return err;
	err = batch_open(batch, inflater, scratch, &records, NULL);
	if (err < 0)
		return err;
	record_walk_init(&walk, &records);
	while ((count = record_walk_next(&walk, spans, SPANS)) > 0) {
		for (int i = 0; i < count; i++) {
			if (record_offset(&walk, &spans[i]) < offset)
				continue;
			err = record_split(view_of(spans[i].at, spans[i].size), &record);
			if (err < 0)
				return err;
			fn(context, number_of(&record));
		}
	}
	return count;
}

int orders_read(struct view batches, int64_t offset, struct inflater *inflater, order_seen *fn, void *context)
{
	struct buffer scratch;
	struct batch batch;
	int err = 0, more;

	buffer_init(&scratch, (size_t)16 << 20);
	while (err == 0 && (more = batch_next(&batches, &batch)) != 0) {
		err = more < 0 ? more : read_batch(&batch, offset, inflater, &scratch, fn, context);
		buffer_reset(&scratch);
	}
	buffer_done(&scratch);
	return err;
}
