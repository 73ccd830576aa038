/*
 * batch_writer.h - makes record batches of format 2: for producing, for a broker's markers, for tests.
 *
 *	batch_writer_init(&writer, &options, deflater, limit);
 *	batch_writer_add(&writer, timestamp, key, value, headers, header_count);	(any number of times)
 *	err = batch_writer_finish(&writer, &out);
 *	batch_writer_done(&writer);
 */
#ifndef WIRE_BATCH_WRITER_H
#define WIRE_BATCH_WRITER_H

#include "wire/control.h"

struct batch_options {
	int64_t base_offset;
	int32_t partition_leader_epoch;
	enum codec codec;
	int level; /* CODEC_LEVEL_DEFAULT */
	bool log_append_time, transactional, control;
	int64_t append_timestamp; /* with log_append_time: what the batch says in place of its records */
	int64_t producer_id;      /* -1 for none, and then the two below as well */
	int16_t producer_epoch;
	int32_t base_sequence;
	int64_t delete_horizon; /* 0 for none: when tombstones and markers in it may go (KIP-534), ms */
};

/* A plain batch: no compression, no producer, leader epoch -1. */
extern const struct batch_options batch_options_default;

struct batch_writer {
	struct batch_options options;
	struct deflater *deflater; /* may be NULL without compression */
	struct buffer records;     /* its first failure sticks */
	int64_t base_timestamp, max_timestamp;
	int32_t count, next_delta, last_delta;
};

/* `limit`: bytes that the records may take before compression. */
void batch_writer_init(struct batch_writer *writer, const struct batch_options *options,
		       struct deflater *deflater, size_t limit);
void batch_writer_done(struct batch_writer *writer);

/* Empty again, with other options; keeps the memory. */
void batch_writer_reset(struct batch_writer *writer, const struct batch_options *options);

/* 0, or ERR_LIMIT when it does not fit: the batch is then as it was before and can be finished. */
int batch_writer_add(struct batch_writer *writer, int64_t timestamp, struct view key, struct view value,
		     const struct header *headers, int header_count);

/* The same from a canonical slice, which is taken as it is. */
int batch_writer_add_slice(struct batch_writer *writer, int64_t timestamp, struct view slice);

/* Leaves `count` offsets out, as compaction does. */
void batch_writer_skip(struct batch_writer *writer, int32_t count);

/* Bytes of records so far, before compression. */
static inline size_t batch_writer_size(const struct batch_writer *writer)
{
	return writer->records.size;
}

/* Appends the batch to `out`.  ERR_LIMIT, ERR_MEMORY; then `out` holds what it held before. */
int batch_writer_finish(struct batch_writer *writer, struct buffer *out);

/* Appends a control batch with one transaction marker, as a broker answers EndTxn (WriteTxnMarkers). */
int batch_write_marker(struct buffer *out, const struct batch_options *options, bool commit,
		       int32_t coordinator_epoch, int64_t timestamp);

#endif
