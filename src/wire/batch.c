/* batch.c - heads of batches: cut, read, held against reason; and format 2 opened. */
#include <inttypes.h>

#include "base/bits.h"
#include "base/crc32c.h"
#include "wire/batch.h"
#include "wire/legacy.h"

#define PREFIX_SIZE 17 /* up to and with the magic: the same in all formats */
#define LENGTH_AT   8
#define LENGTH_END  12 /* the length counts from here */
#define CHECKED_AT  21 /* the checksum of format 2 counts from here */

int32_t batch_last_sequence(const struct batch_head *head)
{
	return (int32_t)(((uint32_t)head->base_sequence + (uint32_t)head->last_offset_delta) & INT32_MAX);
}

static void read_attributes(struct batch_head *head, uint16_t attributes)
{
	head->attributes = attributes;
	head->codec = attributes & BATCH_ATTRIBUTE_CODEC;
	head->log_append_time = attributes & BATCH_ATTRIBUTE_LOG_APPEND_TIME;
}

/* `at` has all of the batch, at least BATCH_HEAD_SIZE bytes. */
static void read_head(const uint8_t *at, struct batch_head *head)
{
	head->partition_leader_epoch = (int32_t)get_be32(at + 12);
	head->crc = get_be32(at + 17);
	read_attributes(head, get_be16(at + 21));
	head->transactional = head->attributes & BATCH_ATTRIBUTE_TRANSACTIONAL;
	head->control = head->attributes & BATCH_ATTRIBUTE_CONTROL;
	head->delete_horizon = head->attributes & BATCH_ATTRIBUTE_DELETE_HORIZON;
	head->last_offset_delta = (int32_t)get_be32(at + 23);
	head->base_timestamp = (int64_t)get_be64(at + 27);
	head->max_timestamp = (int64_t)get_be64(at + 35);
	head->producer_id = (int64_t)get_be64(at + 43);
	head->producer_epoch = (int16_t)get_be16(at + 51);
	head->base_sequence = (int32_t)get_be32(at + 53);
	head->count = (int32_t)get_be32(at + 57);
}

/* Formats 0 and 1: one message, perhaps a wrapper of others; `at` has at least LEGACY_LENGTH_MIN behind the length. */
static void read_legacy_head(const uint8_t *at, struct batch_head *head)
{
	head->partition_leader_epoch = -1;
	head->crc = get_be32(at + 12);
	read_attributes(head, at[17]);
	if (head->magic == 0)
		head->log_append_time = false;
	head->base_timestamp = head->max_timestamp = head->magic == 1 ? (int64_t)get_be64(at + 18) : -1;
	head->count = 1;
}

int batch_next(struct view *bytes, struct batch *out)
{
	struct batch_head head = { .producer_id = -1, .producer_epoch = -1, .base_sequence = -1 };
	int32_t length;

	out->head.size = 0;
	if (bytes->size < LENGTH_END)
		return 0;
	length = (int32_t)get_be32(bytes->at + LENGTH_AT);
	if (length < LEGACY_LENGTH_MIN)
		return ERR_MALFORMED;
	head.base_offset = (int64_t)get_be64(bytes->at);
	head.size = (size_t)length + LENGTH_END;
	if (head.size > bytes->size) {
		out->head.size = head.size;
		return 0;
	}
	head.magic = (int8_t)bytes->at[PREFIX_SIZE - 1];
	if (head.magic == 2 && head.size >= BATCH_HEAD_SIZE)
		read_head(bytes->at, &head);
	else if (head.magic == 0 || (head.magic == 1 && length >= LEGACY_LENGTH_MIN + 8))
		read_legacy_head(bytes->at, &head);
	out->head = head;
	out->bytes = view_of(bytes->at, head.size);
	*bytes = view_of(bytes->at + head.size, bytes->size - head.size);
	return 1;
}

/* What a head of format 2 may say, once the checksum has spoken for it. */
static const char *unreasonable(const struct batch_head *head)
{
	size_t records_size = head->size - BATCH_HEAD_SIZE;

	if (head->count < 0)
		return "a negative count of records";
	if (head->last_offset_delta < 0 || head->base_offset < 0)
		return "a negative offset";
	if (head->base_offset > INT64_MAX - head->last_offset_delta)
		return "an offset past the largest";
	if ((int64_t)head->count > (int64_t)head->last_offset_delta + 1)
		return "more records than offsets";
	if (head->codec == CODEC_NONE && (size_t)head->count > records_size / RECORD_SIZE_MIN)
		return "more records than bytes for them";
	return NULL;
}

int batch_check(const struct batch *batch, struct fault *fault)
{
	const struct batch_head *head = &batch->head;
	const char *what;

	if (head->magic == 0 || head->magic == 1)
		return legacy_check(batch, fault);
	if (head->magic != 2)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "the batch at offset %" PRId64
				 " has format %d, which this version does not know",
				 head->base_offset, head->magic);
	if (head->size < BATCH_HEAD_SIZE)
		return fault_set(fault, ERR_MALFORMED, "the batch at offset %" PRId64 " has only %zu bytes",
				 head->base_offset, head->size);
	if (crc32c(batch->bytes.at + CHECKED_AT, head->size - CHECKED_AT) != head->crc)
		return fault_set(fault, ERR_CHECKSUM,
				 "the batch at offset %" PRId64 " does not match its checksum",
				 head->base_offset);
	what = unreasonable(head);
	if (what)
		return fault_set(fault, ERR_MALFORMED, "the batch at offset %" PRId64 " has %s",
				 head->base_offset, what);
	return 0;
}

int batch_open(const struct batch *batch, struct inflater *inflater, struct buffer *out,
	       struct records *records, struct fault *fault)
{
	const struct batch_head *head = &batch->head;
	struct view body;
	size_t before = out->size;
	int err;

	if (head->magic == 0 || head->magic == 1)
		return legacy_open(batch, inflater, out, records, fault);
	if (head->magic != 2 || head->size < BATCH_HEAD_SIZE)
		return batch_check(batch, fault);
	body = view_of(batch->bytes.at + BATCH_HEAD_SIZE, head->size - BATCH_HEAD_SIZE);
	/* What compaction leaves of a batch whose records are all gone is a bare head. */
	if (head->codec != CODEC_NONE && body.size > 0) {
		err = codec_inflate(inflater, head->codec, false, body, out, fault);
		if (err < 0) {
			fault_at(fault, "the batch at offset %" PRId64, head->base_offset);
			return err;
		}
		body = out->at ? view_of(out->at + before, out->size - before) : VIEW_LITERAL("");
	}
	if (head->count < 0 || (size_t)head->count > body.size / RECORD_SIZE_MIN) {
		out->size = before;
		return fault_set(fault, ERR_MALFORMED,
				 "the batch at offset %" PRId64 " promises %d records in %zu bytes",
				 head->base_offset, head->count, body.size);
	}
	*records = (struct records){
		.bytes = body,
		.base_offset = head->base_offset,
		.base_timestamp = head->base_timestamp,
		.append_timestamp = head->max_timestamp,
		.log_append_time = head->log_append_time,
		.last_offset_delta = head->last_offset_delta,
		.count = head->count,
	};
	return 0;
}

void batch_set_base_offset(uint8_t *batch, int64_t base_offset)
{
	put_be64(batch, (uint64_t)base_offset);
}

void batch_set_leader_epoch(uint8_t *batch, int32_t partition_leader_epoch)
{
	put_be32(batch + 12, (uint32_t)partition_leader_epoch);
}
