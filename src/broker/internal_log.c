/* internal_log.c - reads internal topics at the start, and appends to them. */
#include "base/log.h"
#include "broker/internal_log.h"
#include "broker/nodes.h"
#include "wire/kafka_error.h"

#define READ_BYTES     ((int64_t)1 << 20)
#define OPENED_MAX     ((size_t)64 << 20)
#define SPANS          128
#define AGAIN_MS       1000
#define BATCH_SIZE_MAX (1 << 26)

static struct store_topic *topic_of(const struct internal_log *log)
{
	struct store_topic *topic = store_topic_named(log->broker->store, view_text(log->name));

	return topic && topic->owner ? topic : NULL;
}

/* The log engine shall take whatever the coordinators write. */
static void lift_limit(struct store_topic *topic)
{
	struct store_log_options options = topic->log;

	options.batch_size_max = BATCH_SIZE_MAX;
	options.retention_ms = options.retention_bytes = -1;
	store_topic_log_options(topic, &options);
}

static int replay_records(struct internal_log *log, const struct batch *batch, const struct records *records)
{
	struct record_span spans[SPANS];
	struct record_walk walk;
	int count;

	record_walk_init(&walk, records);
	while ((count = record_walk_next(&walk, spans, SPANS)) > 0) {
		for (int i = 0; i < count; i++) {
			struct internal_record one = { .head = &batch->head, .partition = log->partition };
			struct record record;

			if (record_split(view_of(spans[i].at, spans[i].size), &record) < 0)
				return ERR_MALFORMED;
			one.key = record.key;
			one.value = record.value;
			log->replay(log->context, &one);
		}
	}
	return count;
}

static int replay_batch(struct internal_log *log, const struct batch *batch)
{
	struct records records;
	struct control control;
	struct buffer opened;
	int err;

	buffer_init(&opened, OPENED_MAX);
	err = batch_open(batch, log->broker->inflater, &opened, &records, NULL);
	if (err == 0 && batch->head.control) {
		err = control_of(&records, &control);
		if (err == 0 && (control.type == CONTROL_ABORT || control.type == CONTROL_COMMIT))
			log->replay(log->context,
				    &(struct internal_record){ .head = &batch->head,
							       .marker = true,
							       .commit = control.type == CONTROL_COMMIT,
							       .partition = log->partition });
	} else if (err == 0) {
		err = replay_records(log, batch, &records);
	}
	buffer_done(&opened);
	return err;
}

/* Reads on in one partition.  1: more to do, 0: at its end, 2: waits for an object, or an error. */
static int load_some(struct internal_log *log, struct partition *partition)
{
	struct store_partition_state state;
	struct store_read read = { 0 };
	struct fault fault = { 0 };
	int err;

	store_partition_state(partition, &state);
	if (log->offset < state.log_start)
		log->offset = state.log_start;
	if (log->offset >= state.high_watermark)
		return 0;
	err = store_read(partition, log->offset, READ_BYTES, STORE_READ_UNCOMMITTED, &read, &fault);
	if (err == 1)
		return 2;
	for (int i = 0; err == 0 && i < read.count; i++) {
		struct view bytes = read.pieces[i].bytes;
		struct batch batch;

		while (err == 0 && batch_next(&bytes, &batch) == 1)
			if (batch_last_offset(&batch.head) >= log->offset)
				err = replay_batch(log, &batch);
	}
	if (err == 0 && read.next_offset <= log->offset)
		err = ERR_INTERNAL;
	if (err == 0)
		log->offset = read.next_offset;
	store_read_done(&read);
	store_read_free(&read);
	if (err < 0)
		log_line(LOG_ERROR, "broker: %s-%d cannot be read at offset %lld: %s", log->name,
			 log->partition, (long long)log->offset, fault.err ? fault.text : err_text(err));
	return err < 0 ? err : 1;
}

static void load(struct internal_log *log)
{
	struct store_topic *topic = topic_of(log);

	while (topic && log->partition < topic->partition_count) {
		int more = load_some(log, topic->partitions[log->partition]);

		if (more == 2) {
			store_watch_start(topic->partitions[log->partition], &log->watch);
			return;
		}
		if (more == ERR_IO || more == ERR_MEMORY) { /* that may pass */
			log->again_ms = loop_now_ms(log->broker->loop) + AGAIN_MS;
			return;
		}
		if (more < 0) {
			log->damaged =
				true; /* it would forget what it promised: it rather says that it is not there */
			return;
		}
		if (more == 0) {
			log->partition++;
			log->offset = 0;
		}
	}
	log->loaded = true;
}

void internal_log_tick(struct internal_log *log)
{
	if (log->again_ms && loop_now_ms(log->broker->loop) >= log->again_ms) {
		log->again_ms = 0;
		load(log);
	}
}

static void changed(struct store_watch *watch)
{
	load(container_of(watch, struct internal_log, watch));
}

void internal_log_init(struct internal_log *log, struct broker *broker, const char *name,
		       int32_t partition_count, internal_replay *replay, void *context)
{
	struct store_topic *topic;

	*log = (struct internal_log){ .broker = broker,
				      .name = name,
				      .partition_count = partition_count,
				      .replay = replay,
				      .context = context };
	store_watch_init(&log->watch, changed);
	topic = topic_of(log);
	if (topic) {
		lift_limit(topic);
		load(log);
	}
}

void internal_log_stop(struct internal_log *log)
{
	if (log->broker)
		store_watch_stop(&log->watch);
}

static void made(void *context, int16_t error, struct store_topic *topic)
{
	struct internal_log *log = context;

	log->making = false;
	if (!topic)
		return; /* the next question tries again */
	lift_limit(topic);
	log->loaded = true;
}

int16_t internal_log_ready(struct internal_log *log)
{
	struct topic_wish wish = { .name = view_text(log->name),
				   .partition_count = log->partition_count,
				   .replication_factor = 3 };

	if (log->damaged)
		return KAFKA_COORDINATOR_NOT_AVAILABLE;
	if (topic_of(log))
		return log->loaded ? KAFKA_NONE : KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
	if (!log->making) {
		wish.own[topic_config_find(VIEW_LITERAL("cleanup.policy"))] = "compact";
		wish.own[topic_config_find(VIEW_LITERAL("segment.bytes"))] = "104857600";
		log->making = topic_wish_make(log->broker, &wish, made, log) == KAFKA_NONE;
	}
	return KAFKA_COORDINATOR_NOT_AVAILABLE;
}

/* String.hashCode(): over UTF-16. */
static uint32_t java_hash(struct view text)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < text.size;) {
		uint32_t c = text.at[i++];
		int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

		c = more == 3 ? c & 7 : more == 2 ? c & 15 : more == 1 ? c & 31 : c;
		for (; more > 0 && i < text.size; more--)
			c = c << 6 | (text.at[i++] & 63u);
		if (c >= 0x10000) {
			hash = hash * 31 + (0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		hash = hash * 31 + c;
	}
	return hash;
}

struct partition *internal_log_place(struct internal_log *log, struct view key)
{
	struct store_topic *topic = topic_of(log);

	return topic ? topic->partitions[(java_hash(key) & INT32_MAX) % (uint32_t)topic->partition_count]
		     : NULL;
}

int16_t internal_log_serves(struct internal_log *log, struct view key)
{
	int16_t error = internal_log_ready(log);

	if (error)
		return error;
	return node_leads(log->broker->serving, internal_log_place(log, key)) ? KAFKA_NONE
									      : KAFKA_NOT_COORDINATOR;
}

void internal_batch_init(struct internal_batch *batch, struct broker *broker)
{
	memset(batch, 0, sizeof *batch);
	batch->options = batch_options_default;
	batch->now_ms = broker_wall_ms(broker);
	batch_writer_init(&batch->writer, &batch->options, NULL, INTERNAL_BATCH_BYTES_MAX);
	buffer_init(&batch->key, 1 << 20);
	buffer_init(&batch->value, INTERNAL_BATCH_BYTES_MAX);
}

void internal_batch_done(struct internal_batch *batch)
{
	batch_writer_done(&batch->writer);
	buffer_done(&batch->key);
	buffer_done(&batch->value);
}

void internal_batch_put(struct internal_batch *batch, const struct message *key_message, int16_t key_version,
			const void *key, const struct message *value_message, int16_t value_version,
			const void *value)
{
	int err;

	buffer_reset(&batch->key);
	buffer_reset(&batch->value);
	buffer_i16(&batch->key, key_version);
	err = message_write(key_message, key_version, key, &batch->key, NULL);
	if (err == 0 && value_message) {
		buffer_i16(&batch->value, value_version);
		err = message_write(value_message, value_version, value, &batch->value, NULL);
	}
	if (err == 0)
		err = batch_writer_add(&batch->writer, batch->now_ms, buffer_bytes(&batch->key),
				       value_message ? buffer_bytes(&batch->value) : VIEW_NULL, NULL, 0);
	if (err < 0 && batch->err == 0)
		batch->err = err;
}

int internal_batch_append(struct internal_batch *batch, struct partition *partition, store_append_done *done,
			  void *context)
{
	struct buffer bytes;
	int err = batch->err;

	buffer_init(&bytes, INTERNAL_BATCH_BYTES_MAX + 1024);
	batch->writer.options = batch->options; /* the producer may have been named since */
	if (err == 0)
		err = batch_writer_finish(&batch->writer, &bytes);
	if (err == 0)
		err = partition ? store_append(partition, buffer_bytes(&bytes), done, context)
				: ERR_NOT_FOUND;
	buffer_done(&bytes);
	internal_batch_done(batch);
	return err;
}

int16_t internal_append_error(int err)
{
	switch (err) {
	case 0: return KAFKA_NONE;
	case ERR_LIMIT:
	case ERR_FULL:
	case ERR_IO: return KAFKA_COORDINATOR_NOT_AVAILABLE;
	case ERR_NOT_FOUND:
	case ERR_CANCELLED:
	case ERR_STALE: return KAFKA_NOT_COORDINATOR;
	case STORE_BATCH_TOO_LARGE: return KAFKA_INVALID_COMMIT_OFFSET_SIZE;
	case STORE_PRODUCER_FENCED: return KAFKA_INVALID_PRODUCER_EPOCH;
	case STORE_INVALID_TXN_STATE: return KAFKA_INVALID_TXN_STATE;
	default: return KAFKA_UNKNOWN_SERVER_ERROR;
	}
}
