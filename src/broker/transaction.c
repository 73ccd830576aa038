/* transaction.c - the state of transactional ids, its records, and the markers that end transactions. */
#include <stdlib.h>

#include "base/log.h"
#include "broker/group.h"
#include "broker/transaction.h"

#define VALUE_VERSION     1
#define RETRY_MS          100
#define COORDINATOR_EPOCH 0 /* one coordinator, for ever */
#define ARENA_MAX         ((size_t)16 << 20)
#define NO_EPOCH          (-1)

static struct view producer_key(const int64_t *id)
{
	return view_of(id, sizeof *id);
}

struct transaction *transaction_named(struct transactions *transactions, struct view id)
{
	return map_get(&transactions->by_id, id);
}

struct transaction *transaction_of_producer(struct transactions *transactions, int64_t producer_id)
{
	return map_get(&transactions->by_producer, producer_key(&producer_id));
}

struct transaction *transaction_make(struct transactions *transactions, struct view id)
{
	struct transaction *transaction = calloc(1, sizeof *transaction);

	if (!transaction)
		return NULL;
	transaction->id = view_string(id);
	if (!transaction->id || map_put(&transactions->by_id, id, transaction) < 0) {
		free(transaction->id);
		free(transaction);
		return NULL;
	}
	transaction->all = transactions;
	transaction->is.producer_id = transaction->is.epoch = transaction->is.last_epoch = NO_EPOCH;
	transaction->is.next_id = transaction->is.previous_id = -1;
	map_init(&transaction->partitions);
	return transaction;
}

static void transaction_free(struct transaction *transaction)
{
	map_done(&transaction->partitions);
	free(transaction->id);
	free(transaction);
}

static void take_image(struct transaction *transaction, const struct transaction_image *image)
{
	struct transactions *all = transaction->all;

	if (transaction->is.producer_id != image->producer_id) {
		if (transaction->is.producer_id >= 0)
			map_remove(&all->by_producer, producer_key(&transaction->is.producer_id));
		if (map_put(&all->by_producer, producer_key(&image->producer_id), transaction) < 0)
			log_line(LOG_ERROR, "broker: out of memory; producer %lld is not known",
				 (long long)image->producer_id);
	}
	transaction->is = *image;
	if (image->state == TRANSACTION_EMPTY || image->state >= TRANSACTION_COMPLETE_COMMIT)
		map_done(&transaction->partitions);
}

static bool has_partitions(enum transaction_state state)
{
	return state >= TRANSACTION_ONGOING && state <= TRANSACTION_PREPARE_ABORT;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static void replay_value(struct transaction *transaction, const struct transaction_log_value *value)
{
	struct transaction_image image = { .producer_id = value->producer_id,
					   .next_id = value->next_producer_id,
					   .previous_id = value->previous_producer_id,
					   .epoch = value->producer_epoch,
					   .last_epoch = NO_EPOCH,
					   .timeout_ms = value->transaction_timeout_ms,
					   .state = (enum transaction_state)value->transaction_status,
					   .start_ms = value->transaction_start_timestamp_ms,
					   .update_ms = value->transaction_last_update_timestamp_ms };

	if (value->transaction_status < 0 || value->transaction_status > TRANSACTION_COMPLETE_ABORT)
		return;
	map_done(&transaction->partitions);
	take_image(transaction, &image);
	for (int32_t i = 0; has_partitions(image.state) && i < value->transaction_partitions.count; i++) {
		for (int32_t k = 0; k < value->transaction_partitions.at[i].partition_ids.count; k++) {
			uint8_t raw[POSITION_KEY_MAX];

			map_put(&transaction->partitions,
				position_key(raw, value->transaction_partitions.at[i].topic,
					     value->transaction_partitions.at[i].partition_ids.at[k]),
				transaction);
		}
	}
}

static void replay(void *context, const struct internal_record *record)
{
	struct transactions *transactions = context;
	struct cursor c = cursor_over(record->key);
	struct transaction_log_key key;
	struct transaction_log_value value;
	struct transaction *transaction;
	struct arena arena;
	int16_t version = cursor_i16(&c);

	if (record->marker || c.fault)
		return;
	arena_init(&arena, ARENA_MAX);
	if (message_read(&transaction_log_key_message, version, view_of(c.at, cursor_left(&c)), &arena, &key,
			 NULL) < 0)
		goto done;
	transaction = transaction_named(transactions, key.transactional_id);
	if (!record->value.at) {
		if (transaction) {
			map_remove(&transactions->by_producer, producer_key(&transaction->is.producer_id));
			map_remove(&transactions->by_id, key.transactional_id);
			transaction_free(transaction);
		}
		goto done;
	}
	c = cursor_over(record->value);
	version = cursor_i16(&c);
	if (c.fault || message_read(&transaction_log_value_message, version, view_of(c.at, cursor_left(&c)),
				    &arena, &value, NULL) < 0)
		goto done;
	if (!transaction)
		transaction = transaction_make(transactions, key.transactional_id);
	if (transaction)
		replay_value(transaction, &value);
done:
	arena_done(&arena);
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */

struct writing {
	struct transaction *transaction; /* busy, so it stays */
	struct transaction_image next;
	transaction_written *done;
	void *context;
	int count;
	struct view added[];
};

static void writing_free(struct writing *writing)
{
	for (int i = 0; i < writing->count; i++)
		free((void *)writing->added[i].at);
	free(writing);
}

static void written(void *context, const struct store_appended *appended)
{
	struct writing *writing = context;
	struct transaction *transaction = writing->transaction;
	int16_t error = internal_append_error(appended->err);

	transaction->busy = false;
	if (!error) {
		take_image(transaction, &writing->next);
		for (int i = 0; i < writing->count; i++)
			if (map_put(&transaction->partitions, writing->added[i], transaction) < 0)
				error = KAFKA_UNKNOWN_SERVER_ERROR;
	}
	writing->done(writing->context, transaction, error);
	writing_free(writing);
}

/* One entry for each partition: what Kafka groups by topic, and reads either way. */
static bool put_partitions(struct transaction_log_value *value, const struct transaction *transaction,
			   const struct view *added, int count, struct arena *arena)
{
	size_t most = transaction->partitions.count + (size_t)count;
	int32_t *ids = arena_array(arena, most, sizeof *ids);

	value->transaction_partitions.at =
		shape_array(&transaction_log_value_transaction_partition_shape, arena, (int32_t)most);
	value->transaction_partitions.count = 0;
	if (!ids || !value->transaction_partitions.at)
		return false;
	MAP_EACH(&transaction->partitions, slot)
	{
		struct transaction_log_value_transaction_partition *one =
			&value->transaction_partitions.at[value->transaction_partitions.count];

		one->partition_ids.at = &ids[value->transaction_partitions.count++];
		one->partition_ids.count = 1;
		position_key_split(slot->key, &one->topic, one->partition_ids.at);
	}
	for (int i = 0; i < count; i++) {
		struct transaction_log_value_transaction_partition *one =
			&value->transaction_partitions.at[value->transaction_partitions.count];

		one->partition_ids.at = &ids[value->transaction_partitions.count++];
		one->partition_ids.count = 1;
		position_key_split(added[i], &one->topic, one->partition_ids.at);
	}
	return true;
}

static int append_record(struct transaction *transaction, struct writing *writing)
{
	struct transactions *all = transaction->all;
	struct transaction_log_key key;
	struct transaction_log_value value;
	struct internal_batch batch;
	struct arena arena;
	int err;

	message_default(&transaction_log_key_message, &key);
	message_default(&transaction_log_value_message, &value);
	key.transactional_id = view_text(transaction->id);
	value.producer_id = writing->next.producer_id;
	value.producer_epoch = writing->next.epoch;
	value.previous_producer_id = writing->next.previous_id;
	value.next_producer_id = writing->next.next_id;
	value.next_producer_epoch = writing->next.next_id >= 0 ? 0 : -1;
	value.transaction_timeout_ms = writing->next.timeout_ms;
	value.transaction_status = (int8_t)writing->next.state;
	value.transaction_last_update_timestamp_ms = writing->next.update_ms;
	value.transaction_start_timestamp_ms = writing->next.start_ms;
	value.transaction_partitions.count = writing->next.state == TRANSACTION_EMPTY ? -1 : 0;
	arena_init(&arena, ARENA_MAX);
	internal_batch_init(&batch, all->broker);
	if (has_partitions(writing->next.state) &&
	    !put_partitions(&value, transaction, writing->added, writing->count, &arena))
		batch.err = ERR_MEMORY;
	internal_batch_put(&batch, &transaction_log_key_message, 0, &key, &transaction_log_value_message,
			   VALUE_VERSION, &value);
	arena_done(&arena);
	err = internal_batch_append(&batch, internal_log_place(&all->log, view_text(transaction->id)),
				    written, writing);
	return err;
}

void transaction_write(struct transaction *transaction, const struct transaction_image *next,
		       const struct view *added, int count, transaction_written *done, void *context)
{
	struct writing *writing = calloc(1, sizeof *writing + (size_t)count * sizeof *writing->added);
	int err = writing ? 0 : ERR_MEMORY;

	if (writing) {
		*writing = (struct writing){
			.transaction = transaction, .next = *next, .done = done, .context = context
		};
		writing->next.update_ms = broker_wall_ms(transaction->all->broker);
	}
	for (int i = 0; err == 0 && i < count; i++) {
		uint8_t *copy = malloc(added[i].size);

		if (!copy) {
			err = ERR_MEMORY;
			break;
		}
		memcpy(copy, added[i].at, added[i].size);
		writing->added[writing->count++] = view_of(copy, added[i].size);
	}
	transaction->busy = true;
	if (err == 0)
		err = append_record(transaction, writing);
	if (err == 0)
		return;
	transaction->busy = false;
	if (writing)
		writing_free(writing);
	done(context, transaction, internal_append_error(err));
}

/* ---- markers --------------------------------------------------------------------------------------------------------- */

struct marking {
	struct transaction *transaction;
	size_t size;
	uint8_t key[];
};

static void completed(void *context, struct transaction *transaction, int16_t error)
{
	transaction_end_tell(transaction);
	if (!error)
		return;
	/* The decision stands; the completion is written again. */
	transaction->marking = true;
	transaction->retry_ms = loop_now_ms(transaction->all->broker->loop) + RETRY_MS;
}

static void markers_done(struct transaction *transaction)
{
	struct transaction_image next = transaction->is;

	if (transaction->partitions.count > 0) { /* some failed */
		transaction->retry_ms = loop_now_ms(transaction->all->broker->loop) + RETRY_MS;
		return;
	}
	transaction->marking = false;
	next.state = next.state == TRANSACTION_PREPARE_COMMIT ? TRANSACTION_COMPLETE_COMMIT
							      : TRANSACTION_COMPLETE_ABORT;
	if (next.next_id >= 0) {
		next.previous_id = next.producer_id;
		next.producer_id = next.next_id;
		next.next_id = -1;
		next.epoch = 0;
	}
	transaction_write(transaction, &next, NULL, 0, completed, NULL);
}

static void marked(void *context, const struct store_appended *appended)
{
	struct marking *marking = context;
	struct transaction *transaction = marking->transaction;
	struct view key = view_of(marking->key, marking->size), topic;
	int32_t partition;

	position_key_split(key, &topic, &partition);
	if (!appended->err || appended->err == ERR_NOT_FOUND) {
		if (!appended->err && view_is(topic, "__consumer_offsets"))
			groups_transaction_end(broker_groups(transaction->all->broker), partition,
					       transaction->is.producer_id,
					       transaction->is.state == TRANSACTION_PREPARE_COMMIT);
		map_remove(&transaction->partitions, key);
	}
	free(marking);
	if (--transaction->markers_left == 0 && !transaction->all->stopped)
		markers_done(transaction);
}

/* 0 when `marked` will come. */
static int mark_one(struct transaction *transaction, struct view key, struct marking **out)
{
	struct broker *broker = transaction->all->broker;
	struct marking *marking = malloc(sizeof *marking + key.size);
	struct batch_options options = batch_options_default;
	struct store_topic *topic;
	struct buffer batch;
	struct view name;
	int32_t partition;
	int err;

	if (!marking)
		return ERR_MEMORY;
	*out = marking;
	marking->transaction = transaction;
	marking->size = key.size;
	memcpy(marking->key, key.at, key.size);
	position_key_split(key, &name, &partition);
	topic = store_topic_named(broker->store, name);
	if (!topic || partition >= topic->partition_count)
		return ERR_NOT_FOUND;
	options.producer_id = transaction->is.producer_id;
	options.producer_epoch = transaction->is.epoch;
	options.transactional = options.control = true;
	buffer_init(&batch, 1024);
	err = batch_write_marker(&batch, &options, transaction->is.state == TRANSACTION_PREPARE_COMMIT,
				 COORDINATOR_EPOCH, broker_wall_ms(broker));
	if (err == 0)
		err = store_append(topic->partitions[partition], buffer_bytes(&batch), marked, marking);
	buffer_done(&batch);
	return err;
}

void transaction_mark(struct transaction *transaction)
{
	size_t count = 0, capacity = transaction->partitions.count;
	struct view *keys = calloc(capacity ? capacity : 1, sizeof *keys);

	transaction->marking = true;
	transaction->retry_ms = INT64_MAX;
	if (!keys) {
		transaction->retry_ms = loop_now_ms(transaction->all->broker->loop) + RETRY_MS;
		return;
	}
	MAP_EACH(&transaction->partitions, slot)
	keys[count++] = slot->key;
	transaction->markers_left = 1;
	/* Nothing is removed before the first callback, and callbacks come later: the keys hold. */
	for (size_t i = 0; i < count; i++) {
		struct marking *marking = NULL;
		int err = mark_one(transaction, keys[i], &marking);

		transaction->markers_left += err == 0;
		/* A topic that is gone needs no marker; one that a later coordinator or epoch has passed has its end already. */
		if (err == ERR_NOT_FOUND || err == STORE_COORDINATOR_FENCED || err == STORE_PRODUCER_FENCED)
			keys[i] = view_of(marking->key, marking->size);
		else
			keys[i] = VIEW_NULL;
		if (err != 0 && !keys[i].at)
			free(marking);
	}
	for (size_t i = 0; i < count; i++) {
		if (!keys[i].at)
			continue;
		map_remove(&transaction->partitions, keys[i]);
		free(container_of(keys[i].at, struct marking, key));
	}
	free(keys);
	if (--transaction->markers_left == 0)
		markers_done(transaction);
}

int16_t transactions_serve(struct transactions *transactions, struct view id)
{
	return id.size == 0 ? KAFKA_INVALID_REQUEST : internal_log_serves(&transactions->log, id);
}

int16_t transactions_ready(struct transactions *transactions, struct view id)
{
	return id.size == 0 ? KAFKA_INVALID_REQUEST : internal_log_ready(&transactions->log);
}

/* ---- all ------------------------------------------------------------------------------------------------------------- */

int transactions_new(struct broker *broker, struct transactions **out)
{
	struct transactions *transactions = calloc(1, sizeof *transactions);

	if (!transactions)
		return ERR_MEMORY;
	transactions->broker = broker;
	transactions->expired_ms = loop_now_ms(broker->loop);
	map_init(&transactions->by_id);
	map_init(&transactions->by_producer);
	internal_log_init(&transactions->log, broker, "__transaction_state",
			  (int32_t)broker->properties.transactions_partitions, replay, transactions);
	*out = transactions;
	return 0;
}

void transactions_stop(struct transactions *transactions)
{
	transactions->stopped = true;
	MAP_EACH(&transactions->by_id, slot)
	transaction_end_tell(slot->value);
	internal_log_stop(&transactions->log);
}

void transactions_free(struct transactions *transactions)
{
	if (!transactions)
		return;
	MAP_EACH(&transactions->by_id, slot)
	transaction_free(slot->value);
	map_done(&transactions->by_id);
	map_done(&transactions->by_producer);
	free(transactions);
}

static void aborted(void *context, struct transaction *transaction, int16_t error)
{
	if (!error)
		transaction_mark(transaction);
}

/* Its producer is silent: it is aborted, and fenced by a higher epoch. */
static void time_over(struct transaction *transaction)
{
	struct transaction_image next = transaction->is;

	next.epoch = transaction_epoch_after(next.epoch);
	next.last_epoch = NO_EPOCH;
	next.state = TRANSACTION_PREPARE_ABORT;
	transaction_write(transaction, &next, NULL, 0, aborted, NULL);
}

/* ---- expiry ---------------------------------------------------------------------------------------------------------- */

static void forgotten(void *context, const struct store_appended *appended)
{
	struct transaction *transaction = context;
	struct transactions *all = transaction->all;

	transaction->busy = false;
	if (appended->err)
		return; /* the next look tries again */
	map_remove(&all->by_producer, producer_key(&transaction->is.producer_id));
	map_remove(&all->by_id, view_text(transaction->id));
	transaction_free(transaction);
}

/* Nobody used it for transactional.id.expiration.ms: its producer, if it is still there, gets a new id when it begins again. */
static void forget(struct transaction *transaction)
{
	struct transactions *all = transaction->all;
	struct transaction_log_key key;
	struct internal_batch batch;

	message_default(&transaction_log_key_message, &key);
	key.transactional_id = view_text(transaction->id);
	internal_batch_init(&batch, all->broker);
	internal_batch_put(&batch, &transaction_log_key_message, 0, &key, NULL, 0, NULL);
	transaction->busy = true;
	if (internal_batch_append(&batch, internal_log_place(&all->log, view_text(transaction->id)),
				  forgotten, transaction) != 0)
		transaction->busy = false;
}

static void expire(struct transactions *transactions, int64_t now, int64_t wall)
{
	const struct properties *properties = &transactions->broker->properties;

	if (now - transactions->expired_ms < properties->transactional_check_ms)
		return;
	transactions->expired_ms = now;
	MAP_EACH(&transactions->by_id, slot)
	if (transaction_expired(slot->value, wall, properties->transactional_expiry_ms))
		forget(slot->value);
}

void transactions_tick(struct transactions *transactions)
{
	int64_t now = loop_now_ms(transactions->broker->loop), wall = broker_wall_ms(transactions->broker);

	if (transactions->stopped)
		return;
	internal_log_tick(&transactions->log);
	if (!transactions->log.loaded)
		return;
	expire(transactions, now, wall);
	MAP_EACH(&transactions->by_id, slot)
	{
		struct transaction *transaction = slot->value;
		bool prepared = transaction_prepared(transaction);

		if (now >= transaction->ending_ms)
			transaction_end_tell(transaction);
		if (transaction->busy || transaction->markers_left > 0)
			continue;
		if (prepared && (!transaction->marking || now >= transaction->retry_ms))
			transaction_mark(transaction); /* after a start, or again */
		else if (transaction->is.state == TRANSACTION_ONGOING &&
			 wall - transaction->is.start_ms > transaction->is.timeout_ms)
			time_over(transaction);
	}
}
