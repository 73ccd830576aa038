/*
 * batch.h - cuts what a fetch brought into record batches, and opens them.
 *
 *	struct batch batch;
 *	struct records records;
 *
 *	while ((more = batch_next(&bytes, &batch)) > 0) {
 *		err = batch_check(&batch, &fault);
 *		if (err == 0)
 *			err = batch_open(&batch, inflater, &buffer, &records, &fault);
 *		if (err < 0)
 *			... unreadable: batch.head says where and how many ...
 *		record_walk_init(&walk, &records);		(record.h)
 *		while ((count = record_walk_next(&walk, spans, 256)) > 0)
 *			...
 *	}
 *
 * Format 2 in place (https://kafka.apache.org/documentation/#recordbatch), big-endian:
 *
 *	 0  base offset              8     23  last offset delta   4
 *	 8  length of what follows   4     27  base timestamp      8
 *	12  partition leader epoch   4     35  max timestamp       8
 *	16  magic                    1     43  producer id         8
 *	17  crc32c of all from 21    4     51  producer epoch      2
 *	21  attributes               2     53  base sequence       4
 *	                                   57  count of records    4,  and from 61 the records, compressed or
 *not
 *
 * Formats 0 and 1 (message sets of old sources) have the same first 17 bytes but for the leader epoch, which
 *is their CRC-32; batch_open() recodes their messages into records of format 2, so that everything above sees
 *one shape.
 */
#ifndef WIRE_BATCH_H
#define WIRE_BATCH_H

#include "wire/compress.h"

#define BATCH_HEAD_SIZE 61
#define RECORD_SIZE_MIN 7 /* seven fields of one byte each */

enum {
	BATCH_ATTRIBUTE_CODEC = 0x07,
	BATCH_ATTRIBUTE_LOG_APPEND_TIME = 0x08,
	BATCH_ATTRIBUTE_TRANSACTIONAL = 0x10,
	BATCH_ATTRIBUTE_CONTROL = 0x20,
	BATCH_ATTRIBUTE_DELETE_HORIZON = 0x40, /* KIP-534: the base timestamp is when tombstones may go */
};

struct batch_head {
	int64_t base_offset; /* formats 0 and 1: the offset of the message; of a wrapper, that of its last */
	size_t size;         /* of the whole batch, bytes */
	int32_t partition_leader_epoch; /* -1 in formats 0 and 1 */
	int8_t magic; /* the format: 0, 1, 2; anything else is for batch_check() to refuse */
	uint32_t crc;
	uint16_t attributes; /* as they are; below, what they say */
	uint8_t codec;       /* enum codec, or a number that Kafka has not given away */
	bool log_append_time, transactional, control, delete_horizon;
	int32_t last_offset_delta;
	int64_t base_timestamp, max_timestamp;
	int64_t producer_id; /* -1 for none */
	int16_t producer_epoch;
	int32_t base_sequence;
	int32_t count; /* as declared; formats 0 and 1: 1, a wrapper tells no more before it is opened */
};

struct batch {
	struct batch_head head;
	struct view bytes; /* all of it */
};

static inline int64_t batch_last_offset(const struct batch_head *head)
{
	return (int64_t)((uint64_t)head->base_offset + (uint64_t)(int64_t)head->last_offset_delta);
}

/* The sequence of the batch's last record; wraps from INT32_MAX to 0. */
int32_t batch_last_sequence(const struct batch_head *head);

/*
 * Cuts the next batch off the front of `bytes`.  1 when there is one; 0 when nothing is left or only the
 * beginning of a batch, as brokers send it (`bytes` stays; out->head.size is then the size of the whole
 * batch, or 0 when not even that is here); ERR_MALFORMED when these bytes cannot begin a batch, so that
 * nobody knows where the next one would.  Nothing but the head is looked at: a batch that is cut off here may
 * yet be unreadable.
 */
int batch_next(struct view *bytes, struct batch *out);

/*
 * Holds the batch against its checksum, and its head against reason (format, counts, offsets): 0,
 * ERR_CHECKSUM, ERR_MALFORMED, ERR_UNSUPPORTED (format).  The sentence says offset and format.
 */
int batch_check(const struct batch *batch, struct fault *fault);

/* The records of one batch, inflated, in format 2. */
struct records {
	struct view bytes;
	int64_t base_offset, base_timestamp;
	int64_t append_timestamp; /* when the broker set the time: that of every record */
	bool log_append_time;
	int32_t last_offset_delta, count;
};

/*
 * Opens a batch that batch_check() found good.  Records of format 2 without compression are views of the
 * batch; others are appended to `out` and are views of it, so they hold until it grows (an index from out->at
 * holds for longer).  ERR_MALFORMED, ERR_LIMIT, ERR_MEMORY, ERR_UNSUPPORTED (codec); then `out` holds what it
 * held before.
 */
int batch_open(const struct batch *batch, struct inflater *inflater, struct buffer *out,
	       struct records *records, struct fault *fault);

/* Writes over fields that the checksum leaves out, as a broker does when it appends. */
void batch_set_base_offset(uint8_t *batch, int64_t base_offset);
void batch_set_leader_epoch(uint8_t *batch, int32_t partition_leader_epoch);

#endif
