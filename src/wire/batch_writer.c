/* batch_writer.c - record batches of format 2, written. */
#include <assert.h>

#include "base/bits.h"
#include "base/crc32c.h"
#include "wire/batch_writer.h"

#define CONTROL_VERSION 0
#define MARKER_VERSION  0

const struct batch_options batch_options_default = {
	.partition_leader_epoch = -1,
	.level = CODEC_LEVEL_DEFAULT,
	.producer_id = -1,
	.producer_epoch = -1,
	.base_sequence = -1,
};

void batch_writer_init(struct batch_writer *writer, const struct batch_options *options,
		       struct deflater *deflater, size_t limit)
{
	*writer = (struct batch_writer){ .deflater = deflater };
	buffer_init(&writer->records, limit);
	batch_writer_reset(writer, options);
}

void batch_writer_done(struct batch_writer *writer)
{
	buffer_done(&writer->records);
}

void batch_writer_reset(struct batch_writer *writer, const struct batch_options *options)
{
	assert(options->codec == CODEC_NONE || writer->deflater);
	writer->options = *options;
	writer->count = writer->next_delta = 0;
	writer->last_delta = -1;
	writer->base_timestamp = writer->max_timestamp = -1;
	buffer_reset(&writer->records);
}

/* A batch with a horizon has it in place of its base timestamp. */
static int64_t base_of(const struct batch_writer *writer, int64_t timestamp)
{
	if (writer->options.delete_horizon)
		return writer->options.delete_horizon;
	return writer->count ? writer->base_timestamp : timestamp;
}

/* Begins a record; returns the size of the records before it. */
static size_t begin(struct batch_writer *writer, int64_t timestamp, size_t slice_size)
{
	size_t before = writer->records.size;
	int64_t base = base_of(writer, timestamp);

	record_head_encode(&writer->records, (int64_t)((uint64_t)timestamp - (uint64_t)base),
			   writer->next_delta, slice_size);
	return before;
}

static int end(struct batch_writer *writer, int64_t timestamp, size_t before)
{
	int err = writer->records.err;

	if (err < 0) {
		writer->records.size = before;
		writer->records.err = 0;
		return err;
	}
	if (writer->count == 0) {
		writer->base_timestamp = base_of(writer, timestamp);
		writer->max_timestamp = timestamp;
	}
	if (timestamp > writer->max_timestamp)
		writer->max_timestamp = timestamp;
	writer->last_delta = writer->next_delta++;
	writer->count++;
	return 0;
}

int batch_writer_add(struct batch_writer *writer, int64_t timestamp, struct view key, struct view value,
		     const struct header *headers, int header_count)
{
	size_t slice_size = record_measure(key, value, headers, header_count), before;

	if (slice_size > INT32_MAX / 2 || writer->next_delta == INT32_MAX)
		return ERR_LIMIT;
	before = begin(writer, timestamp, slice_size);
	record_encode(&writer->records, key, value, headers, header_count);
	return end(writer, timestamp, before);
}

int batch_writer_add_slice(struct batch_writer *writer, int64_t timestamp, struct view slice)
{
	size_t before;

	if (slice.size > INT32_MAX / 2 || writer->next_delta == INT32_MAX)
		return ERR_LIMIT;
	before = begin(writer, timestamp, slice.size);
	buffer_view(&writer->records, slice);
	return end(writer, timestamp, before);
}

void batch_writer_skip(struct batch_writer *writer, int32_t count)
{
	assert(count >= 0 && count < INT32_MAX - writer->next_delta);
	writer->next_delta += count;
	writer->last_delta = writer->next_delta - 1;
}

static uint16_t attributes_of(const struct batch_options *options)
{
	return (uint16_t)(options->codec | (options->log_append_time ? BATCH_ATTRIBUTE_LOG_APPEND_TIME : 0) |
			  (options->transactional ? BATCH_ATTRIBUTE_TRANSACTIONAL : 0) |
			  (options->control ? BATCH_ATTRIBUTE_CONTROL : 0) |
			  (options->delete_horizon ? BATCH_ATTRIBUTE_DELETE_HORIZON : 0));
}

/* Fills in the head in front of `size` bytes of records. */
static void put_head(const struct batch_writer *writer, uint8_t *at, size_t size)
{
	const struct batch_options *options = &writer->options;
	int64_t max = options->log_append_time ? options->append_timestamp : writer->max_timestamp;

	put_be64(at, (uint64_t)options->base_offset);
	put_be32(at + 8, (uint32_t)(size + BATCH_HEAD_SIZE - 12));
	put_be32(at + 12, (uint32_t)options->partition_leader_epoch);
	at[16] = 2;
	put_be16(at + 21, attributes_of(options));
	put_be32(at + 23, (uint32_t)(writer->last_delta < 0 ? 0 : writer->last_delta));
	put_be64(at + 27, (uint64_t)writer->base_timestamp);
	put_be64(at + 35, (uint64_t)max);
	put_be64(at + 43, (uint64_t)options->producer_id);
	put_be16(at + 51, (uint16_t)options->producer_epoch);
	put_be32(at + 53, (uint32_t)options->base_sequence);
	put_be32(at + 57, (uint32_t)writer->count);
	put_be32(at + 17, crc32c(at + 21, size + BATCH_HEAD_SIZE - 21));
}

int batch_writer_finish(struct batch_writer *writer, struct buffer *out)
{
	static const uint8_t blank[BATCH_HEAD_SIZE];
	size_t before = out->size, size;
	int err;

	buffer_put(out, blank, sizeof blank);
	err = out->err;
	if (err == 0)
		err = codec_deflate(writer->deflater, writer->options.codec, writer->options.level,
				    buffer_bytes(&writer->records), out);
	size = out->size - before;
	if (err == 0 && size > INT32_MAX)
		err = ERR_LIMIT;
	if (err < 0) {
		out->size = before;
		out->err = 0;
		return err;
	}
	put_head(writer, out->at + before, size - BATCH_HEAD_SIZE);
	return 0;
}

int batch_write_marker(struct buffer *out, const struct batch_options *options, bool commit,
		       int32_t coordinator_epoch, int64_t timestamp)
{
	struct batch_options marker = *options;
	struct batch_writer writer;
	uint8_t key[4], value[6];
	int err;

	marker.codec = CODEC_NONE; /* markers never are, nor do they have a sequence */
	marker.transactional = marker.control = true;
	marker.base_sequence = -1;
	put_be16(key, CONTROL_VERSION);
	put_be16(key + 2, commit ? CONTROL_COMMIT : CONTROL_ABORT);
	put_be16(value, MARKER_VERSION);
	put_be32(value + 2, (uint32_t)coordinator_epoch);
	batch_writer_init(&writer, &marker, NULL, 64);
	err = batch_writer_add(&writer, timestamp, view_of(key, sizeof key), view_of(value, sizeof value),
			       NULL, 0);
	if (err == 0)
		err = batch_writer_finish(&writer, out);
	batch_writer_done(&writer);
	return err;
}
