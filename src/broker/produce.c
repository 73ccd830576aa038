/*
 * produce.c - Produce: each partition's batch goes to the log, and the answer when the last of them is durable.
 *
 * acks 1 waits like acks -1: what is acknowledged here survives a crash.
 *
 * While uploads lag the log takes no more.  Then a request is parked where it stands, and all that come after it behind it, so
 * that nobody is overtaken; they go on in order once there is room.  Who has waited as long as his request says, or finds too
 * much parked, is told to try again: nothing of that partition was written.
 */
#include "broker/access.h"
#include "broker/api.h"
#include "broker/coordinator.h"
#include "broker/group.h"
#include "broker/nodes.h"
#include "broker/pipeline.h"
#include "broker/recompress.h"
#include "broker/topic_config.h"
#include "broker/transaction.h"
#include "wire/batch.h"
#include "wire/record.h"

#define ZSTD_SINCE       7
#define TOPIC_IDS_SINCE  13
#define ADDS_SINCE       12
#define OPENED_BYTES_MAX ((size_t)256 << 20)
#define SPANS            256
#define PARKED_MS_MAX    30000 /* whatever the request says: clients give up after as long */
#define PARKED_SHARE                                                                                         \
	2 /* parked requests may hold this part of queued.max.request.bytes: readers need the rest */

struct production {
	struct request *request;
	struct produce_response *response;
	int left; /* appends under way, and one while we still ask */
	bool failed;
	int32_t topic, partition; /* the next to append */
	struct list parked;       /* in broker->parked */
	int64_t deadline_ms;
	bool late; /* has waited enough: the rest is refused */
};

struct production_partition {
	struct production *production;
	struct produce_response_partition *result;
};

typedef struct produce_response_partition result_t;

static void step(struct production *production)
{
	struct request *request = production->request;
	const struct produce_request *in = request->message;

	if (--production->left > 0)
		return;
	if (in->acks != 0)
		request_answer(request, production->response);
	else if (production->failed)
		request_fail(request, "a produce request without acknowledgement failed");
	else
		request_answer_nothing(request);
}

static void refuse(struct production *production, result_t *result, int16_t error, const char *text)
{
	result->error_code = error;
	result->base_offset = -1;
	result->log_start_offset = -1;
	if (text)
		result->error_message = arena_copy(&production->request->arena, view_text(text));
	production->failed = true;
}

static int16_t error_of(int err)
{
	switch (err) {
	case STORE_OUT_OF_ORDER_SEQUENCE: return KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
	case STORE_PRODUCER_FENCED: return KAFKA_INVALID_PRODUCER_EPOCH;
	case STORE_COORDINATOR_FENCED: return KAFKA_TRANSACTION_COORDINATOR_FENCED;
	case STORE_INVALID_TXN_STATE: return KAFKA_INVALID_TXN_STATE;
	case STORE_BATCH_TOO_LARGE: return KAFKA_MESSAGE_TOO_LARGE;
	case STORE_BATCH_CORRUPT: return KAFKA_CORRUPT_MESSAGE;
	case STORE_BATCH_INVALID: return KAFKA_INVALID_RECORD;
	case ERR_NOT_FOUND: return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	case ERR_STALE: return KAFKA_NOT_LEADER_OR_FOLLOWER;
	case ERR_LIMIT:
		return KAFKA_NOT_ENOUGH_REPLICAS; /* nothing was written, try again: what clients know for it */
	case ERR_FULL:
	case ERR_IO: return KAFKA_KAFKA_STORAGE_ERROR;
	case ERR_CANCELLED: return KAFKA_NOT_LEADER_OR_FOLLOWER; /* we are ending */
	default: return KAFKA_UNKNOWN_SERVER_ERROR;
	}
}

static void appended(void *context, const struct store_appended *appended)
{
	struct production_partition *one = context;

	if (appended->err) {
		refuse(one->production, one->result, error_of(appended->err), NULL);
	} else {
		one->result->base_offset = appended->base_offset;
		one->result->log_append_time_ms = appended->log_append_time;
		one->result->log_start_offset = appended->log_start;
	}
	step(one->production);
}

/* A compacted topic keeps the last record of each key, so each must have one. */
static int16_t keys_there(struct broker *broker, const struct batch *batch)
{
	struct record_span spans[SPANS];
	struct records records;
	struct record_walk walk;
	struct record record;
	struct buffer opened;
	int16_t error = KAFKA_NONE;
	int count = 0;

	buffer_init(&opened, OPENED_BYTES_MAX);
	if (batch_check(batch, NULL) < 0 ||
	    batch_open(batch, broker->inflater, &opened, &records, NULL) < 0) {
		error = KAFKA_CORRUPT_MESSAGE;
	} else {
		record_walk_init(&walk, &records);
		while (!error && (count = record_walk_next(&walk, spans, SPANS)) > 0)
			for (int i = 0; i < count && !error; i++)
				if (record_split(view_of(spans[i].at, spans[i].size), &record) < 0 ||
				    !record.key.at)
					error = KAFKA_INVALID_RECORD;
		if (count < 0)
			error = KAFKA_INVALID_RECORD;
	}
	buffer_done(&opened);
	return error;
}

/* What the log engine does not look at. */
static int16_t check_batch(struct production *production, const struct store_topic *of, int32_t index,
			   struct view records, const char **text)
{
	struct request *request = production->request;
	const struct topic_state *state = topic_state(of);
	struct view rest = records, topic = view_text(of->name);
	struct batch batch;
	int16_t error;

	if (!records.at || batch_next(&rest, &batch) != 1 || rest.size != 0) {
		*text = "Produce requests are required to have exactly one record batch per partition";
		return KAFKA_INVALID_RECORD;
	}
	if (batch.head.magic != 2) {
		*text = "Produce requests are required to have a record batch of format 2";
		return KAFKA_INVALID_RECORD;
	}
	if ((int64_t)records.size > state->batch_size_max) {
		*text = "The record batch is larger than max.message.bytes of the topic";
		return KAFKA_MESSAGE_TOO_LARGE;
	}
	if (batch.head.codec > CODEC_ZSTD ||
	    (batch.head.codec == CODEC_ZSTD && request_version(request) < ZSTD_SINCE)) {
		*text = "The compression type is not allowed in this version of Produce";
		return KAFKA_UNSUPPORTED_COMPRESSION_TYPE;
	}
	if (batch.head.count <= 0 || batch.head.last_offset_delta != batch.head.count - 1) {
		*text = "The offsets of a batch are as many as its records";
		return KAFKA_INVALID_RECORD;
	}
	if (batch.head.control) {
		*text = "Clients cannot write control records";
		return KAFKA_INVALID_RECORD;
	}
	if (!state->log_append_time && batch.head.max_timestamp >= 0) {
		int64_t now_ms = broker_wall_ms(request->broker);

		if (batch.head.max_timestamp - now_ms > state->after_max_ms ||
		    now_ms - batch.head.max_timestamp > state->before_max_ms) {
			*text = "Timestamps are too far from the broker's clock "
				"(message.timestamp.after.max.ms, "
				"message.timestamp.before.max.ms)";
			return KAFKA_INVALID_TIMESTAMP;
		}
	}
	if (batch.head.producer_id >= 0 && batch.head.base_sequence < 0) {
		*text = "Idempotent batches are numbered";
		return KAFKA_INVALID_RECORD;
	}
	if (batch.head.transactional) {
		const struct produce_request *in = request->message;

		error = coordinator_may_write(request->broker, in->transactional_id, topic, index,
					      &batch.head, request_version(request));
		if (error)
			return error;
	}
	if (state->compact) {
		error = keys_there(request->broker, &batch);
		if (error == KAFKA_INVALID_RECORD)
			*text = "A compacted topic cannot take a record without a key";
		return error;
	}
	return KAFKA_NONE;
}

/* As store_append(), in the topic's own compression. */
static int append(struct store_topic *topic, const struct produce_request_partition *in,
		  struct production_partition *one)
{
	const struct topic_state *state = topic_state(topic);
	struct partition *partition = topic->partitions[in->index];
	struct broker *broker = one->production->request->broker;
	struct view rest = in->records;
	struct buffer again;
	struct batch batch;
	int err;

	if (state->codec < 0 || batch_next(&rest, &batch) != 1 || batch.head.codec == state->codec)
		return store_append(partition, in->records, appended, one);
	buffer_init(&again, OPENED_BYTES_MAX);
	err = recompress(broker, &batch, state->codec, state->level, &again);
	if (err == 0)
		err = store_append(partition, buffer_bytes(&again), appended, one);
	else if (err == ERR_CHECKSUM)
		err = STORE_BATCH_CORRUPT;
	else if (err == ERR_MALFORMED || err == ERR_UNSUPPORTED)
		err = STORE_BATCH_INVALID;
	else if (err == ERR_LIMIT)
		err = STORE_BATCH_TOO_LARGE;
	buffer_done(&again);
	return err;
}

/* False: there is no room, and the request may wait for it. */
static bool produce_one(struct production *production, struct store_topic *topic,
			const struct produce_request_partition *in, result_t *result, int16_t missing)
{
	struct production_partition *one;
	const char *text = NULL;
	int16_t error;
	int err;

	result->index = in->index;
	if (!topic || !topic->owner || in->index < 0 || in->index >= topic->partition_count) {
		refuse(production, result, topic ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : missing, NULL);
		return true;
	}
	if (!node_leads(production->request->node, topic->partitions[in->index])) {
		refuse(production, result, KAFKA_NOT_LEADER_OR_FOLLOWER, NULL);
		return true;
	}
	error = check_batch(production, topic, in->index, in->records, &text);
	if (error) {
		refuse(production, result, error, text);
		return true;
	}
	/* Also when there would be room now: others wait, and it must not overtake them. */
	if (production->late) {
		refuse(production, result, error_of(ERR_LIMIT), NULL);
		return true;
	}
	if (!store_has_room(production->request->broker->store, in->records.size))
		return false;
	one = arena_take(&production->request->arena, sizeof *one);
	if (!one) {
		refuse(production, result, KAFKA_UNKNOWN_SERVER_ERROR, NULL);
		return true;
	}
	*one = (struct production_partition){ production, result };
	production->left++;
	err = append(topic, in, one);
	if (err != 0) {
		production->left--;
		refuse(production, result, error_of(err), NULL);
	}
	return true;
}

static bool prepare_topic(struct request *request, const struct produce_request_topic *in,
			  struct produce_response_topic *out)
{
	out->name = in->name;
	out->topic_id = in->topic_id;
	out->partition_responses.at =
		REQUEST_ARRAY(request, produce_response_partition_shape, in->partition_data.count);
	out->partition_responses.count = in->partition_data.count;
	return out->partition_responses.at != NULL;
}

/* The one where the production stands.  As produce_one(). */
static bool produce_next(struct production *production)
{
	struct request *request = production->request;
	const struct produce_request *asked = request->message;
	const struct produce_request_topic *in = &asked->topic_data.at[production->topic];
	struct store *store = request->broker->store;
	bool ids = request_version(request) >= TOPIC_IDS_SINCE;
	/* Looked up for each: it may have been deleted while the request was parked. */
	struct store_topic *topic =
		ids ? store_topic_by_id(store, in->topic_id.bytes) : store_topic_named(store, in->name);
	const struct produce_request_partition *one = &in->partition_data.at[production->partition];
	result_t *result = &production->response->responses.at[production->topic]
				    .partition_responses.at[production->partition];

	if (result->error_code)
		return true; /* refused before it began */
	result->index = one->index;
	if (asked->acks < -1 || asked->acks > 1)
		refuse(production, result, KAFKA_INVALID_REQUIRED_ACKS, NULL);
	else if (topic && topic_name_internal(view_text(topic->name)))
		refuse(production, result, KAFKA_INVALID_TOPIC_EXCEPTION, NULL);
	else
		return produce_one(production, topic, one, result,
				   ids ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	return true;
}

/* Appends what is left of it.  False when it must wait. */
static bool go_on(struct production *production)
{
	const struct produce_request *in = production->request->message;

	for (; production->topic < in->topic_data.count; production->topic++, production->partition = 0)
		for (; production->partition < in->topic_data.at[production->topic].partition_data.count;
		     production->partition++)
			if (!produce_next(production))
				return false;
	return true;
}

/* ---- waiting for room ------------------------------------------------------------------------------------------------ */

static void unpark(struct production *production)
{
	list_remove(&production->parked);
	production->request->broker->parked_bytes -= (int64_t)production->request->size;
	production->request->gone = NULL;
}

static void parked_gone(struct request *request)
{
	struct production *production = request->own;

	unpark(production);
	step(production);
}

/* False when too much is parked already, or it will not wait. */
static bool park(struct production *production)
{
	struct request *request = production->request;
	struct broker *broker = request->broker;
	const struct produce_request *in = request->message;
	int64_t wait_ms = in->timeout_ms < PARKED_MS_MAX ? in->timeout_ms : PARKED_MS_MAX;

	if (wait_ms <= 0 || broker->closing ||
	    broker->parked_bytes + (int64_t)request->size >
		    broker->properties.queued_bytes_max / PARKED_SHARE)
		return false;
	production->deadline_ms = loop_now_ms(broker->loop) + wait_ms;
	list_append(&broker->parked, &production->parked);
	broker->parked_bytes += (int64_t)request->size;
	request->own = production;
	request->gone = parked_gone;
	return true;
}

void produce_resume(struct broker *broker)
{
	int64_t now_ms = loop_now_ms(broker->loop);

	/* Each says for itself how long it waits, so not only the first may be too late. */
	LIST_EACH_SAFE(&broker->parked, link)
	{
		struct production *production = container_of(link, struct production, parked);

		production->late = production->deadline_ms <= now_ms;
		if (!production->late && broker->parked.next != link)
			continue;
		if (!go_on(production))
			continue;
		unpark(production);
		step(production);
	}
}

/* Does a batch of it belong to a transaction? */
static bool is_transactional(const struct produce_request *in)
{
	for (int32_t i = 0; i < in->topic_data.count; i++)
		for (int32_t k = 0; k < in->topic_data.at[i].partition_data.count; k++) {
			struct view rest = in->topic_data.at[i].partition_data.at[k].records;
			struct batch batch;

			if (rest.at && batch_next(&rest, &batch) == 1 && batch.head.transactional)
				return true;
		}
	return false;
}

/* What may not be written is refused before anything is looked at: nobody learns what is there. */
static void check_access(struct production *production)
{
	struct request *request = production->request;
	const struct produce_request *in = request->message;
	struct store *store = request->broker->store;
	int16_t whole = KAFKA_NONE;

	if (!access_is_on(request->broker))
		return;
	if (is_transactional(in))
		whole = in->transactional_id.at
				? access_transactional(request, ACL_OPERATION_WRITE, in->transactional_id)
				: KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
	for (int32_t i = 0; i < in->topic_data.count; i++) {
		struct produce_response_topic *out = &production->response->responses.at[i];
		struct store_topic *topic = request_version(request) >= TOPIC_IDS_SINCE
						    ? store_topic_by_id(store, out->topic_id.bytes)
						    : NULL;
		struct view name = topic ? view_text(topic->name) : out->name;
		int16_t error = whole;

		if (!error && name.size > 0)
			error = access_topic(request, ACL_OPERATION_WRITE, name);
		for (int32_t k = 0; error && k < out->partition_responses.count; k++) {
			out->partition_responses.at[k].index =
				in->topic_data.at[i].partition_data.at[k].index;
			refuse(production, &out->partition_responses.at[k], error, NULL);
		}
	}
}

/* Kept in the request; NULL when memory is out. */
static struct production *production_new(struct request *request)
{
	const struct produce_request *in = request->message;
	struct production *production = arena_take(&request->arena, sizeof *production);
	struct produce_response *response = request_response(request);

	if (!production || !response ||
	    !(response->responses.at =
		      REQUEST_ARRAY(request, produce_response_topic_shape, in->topic_data.count)))
		return NULL;
	response->responses.count = in->topic_data.count;
	for (int32_t i = 0; i < in->topic_data.count; i++)
		if (!prepare_topic(request, &in->topic_data.at[i], &response->responses.at[i]))
			return NULL;
	*production = (struct production){ .request = request, .response = response, .left = 1 };
	list_init(&production->parked);
	request->own = production;
	check_access(production);
	return production;
}

static void produce_now(struct request *request)
{
	struct production *production = request->own;

	if (!list_empty(&request->broker->parked) || !go_on(production)) {
		if (park(production))
			return;
		production->late = true;
		go_on(production);
	}
	step(production);
}

static void places_added(void *context, int16_t error)
{
	struct request *request = context;

	/* After an error the batches are outside of the transaction, and are refused as such. */
	pipeline_overlap(request);
	produce_now(request);
}

/* Partitions of the request that its transaction does not have yet, as keys; how many. */
static int new_places(struct request *request, const struct transaction *transaction, struct view *keys,
		      int room)
{
	const struct produce_request *in = request->message;
	struct store *store = request->broker->store;
	int count = 0;

	for (int32_t i = 0; i < in->topic_data.count; i++) {
		const struct produce_request_topic *asked = &in->topic_data.at[i];
		struct store_topic *topic = request_version(request) >= TOPIC_IDS_SINCE
						    ? store_topic_by_id(store, asked->topic_id.bytes)
						    : store_topic_named(store, asked->name);

		for (int32_t k = 0; topic && k < asked->partition_data.count && count < room; k++) {
			const struct production *production = request->own;
			struct view bytes = asked->partition_data.at[k].records,
				    name = view_text(topic->name);
			int32_t index = asked->partition_data.at[k].index;
			uint8_t raw[POSITION_KEY_MAX];
			struct batch batch;

			if (production->response->responses.at[i].partition_responses.at[k].error_code ||
			    !bytes.at || batch_next(&bytes, &batch) != 1 || !batch.head.transactional ||
			    transaction_owner_check(transaction, batch.head.producer_id,
						    batch.head.producer_epoch) ||
			    index < 0 || index >= topic->partition_count ||
			    (transaction->is.state == TRANSACTION_ONGOING &&
			     transaction_has(transaction, name, index)))
				continue;
			keys[count] = arena_copy(&request->arena, position_key(raw, name, index));
			count += keys[count].at != NULL;
		}
	}
	return count;
}

/* With transactions of version 2 (KIP-890) a producer just writes: the partitions are added for it. */
static bool add_places(struct request *request)
{
	const struct produce_request *in = request->message;
	struct transactions *all = broker_transactions(request->broker);
	struct transaction *transaction;
	struct view *keys;
	int count = 0;

	if (request_version(request) < ADDS_SINCE || !in->transactional_id.at || !all->log.loaded)
		return false;
	transaction = transaction_named(all, in->transactional_id);
	for (int32_t i = 0; i < in->topic_data.count; i++)
		count += in->topic_data.at[i].partition_data.count;
	keys = transaction ? arena_array(&request->arena, (size_t)count, sizeof *keys) : NULL;
	count = keys ? new_places(request, transaction, keys, count) : 0;
	if (count == 0)
		return false;
	pipeline_alone(request); /* what comes behind it must not overtake it */
	transaction_add(transaction, keys, count, places_added, request);
	return true;
}

void handle_produce(struct request *request)
{
	if (!production_new(request))
		request_answer(request, NULL);
	else if (!add_places(request))
		produce_now(request);
}
