/*
 * internal_log.h - an internal topic that holds a coordinator's state: __consumer_offsets, __transaction_state.
 *
 * Keys and values are Kafka's own records, so that any tool reads them; the last value of a key is what holds.  All of it is
 * read once, at the start; until then the coordinator says that it is loading.
 */
#ifndef BROKER_INTERNAL_LOG_H
#define BROKER_INTERNAL_LOG_H

#include "broker/topics.h"
#include "wire/batch_writer.h"
#include "wire/messages.h"

#define INTERNAL_BATCH_BYTES_MAX ((size_t)8 << 20)

/* A record, or a marker (control) that ends the transaction of `head->producer_id`. */
struct internal_record {
	const struct batch_head *head;
	struct view key, value; /* null value: the key is gone */
	bool marker, commit;
	int32_t partition;
};

typedef void internal_replay(void *context, const struct internal_record *record);

struct internal_log {
	struct broker *broker;
	const char *name;
	int32_t partition_count; /* when it is made */
	internal_replay *replay;
	void *context;
	bool loaded, making, damaged;
	int32_t partition; /* being read */
	int64_t offset;
	int64_t again_ms; /* when to read on after a disk or a memory that failed; 0: nothing failed */
	struct store_watch watch;
};

/* Begins to read; what is in memory has been read when it returns. */
void internal_log_init(struct internal_log *log, struct broker *broker, const char *name,
		       int32_t partition_count, internal_replay *replay, void *context);
void internal_log_stop(struct internal_log *log);

/* About every 100 ms: what could not be read for a moment is read again. */
void internal_log_tick(struct internal_log *log);

/* KAFKA_NONE; COORDINATOR_LOAD_IN_PROGRESS; COORDINATOR_NOT_AVAILABLE while the topic is being made, which this begins. */
int16_t internal_log_ready(struct internal_log *log);

/* The same; NOT_COORDINATOR when the request that is being started came to another node than the one that leads the key. */
int16_t internal_log_serves(struct internal_log *log, struct view key);

/* Where a key's state lies: Kafka's own rule (Java's hash of the text). */
struct partition *internal_log_place(struct internal_log *log, struct view key);

/* A batch of records that grows. */
struct internal_batch {
	struct batch_writer writer;
	struct batch_options options;
	struct buffer key, value;
	int64_t now_ms;
	int err;
};

void internal_batch_init(struct internal_batch *batch, struct broker *broker);
void internal_batch_done(struct internal_batch *batch);

/* A record in Kafka's form: version and message, key and value.  `value_message` NULL: the key is gone. */
void internal_batch_put(struct internal_batch *batch, const struct message *key_message, int16_t key_version,
			const void *key, const struct message *value_message, int16_t value_version,
			const void *value);

/* Appends and lets go of the batch.  0: `done` comes.  Else an error as that of store_append(), and `done` never comes. */
int internal_batch_append(struct internal_batch *batch, struct partition *partition, store_append_done *done,
			  void *context);

/* Kafka's error for an append to an internal topic that failed. */
int16_t internal_append_error(int err);

#endif
