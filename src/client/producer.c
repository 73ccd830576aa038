/*
 * producer.c - writes batches: one under way for each partition, so that they stay in order whatever happens.
 *
 *	queued --> sent --> told
 *	   ^         |
 *	   +- rest --+	after an error that may pass: at once safe with a sequence number, without one only when the
 *			broker said that it did not append
 *
 * Idempotence (KIP-98): the id comes from InitProducerId; id, epoch and sequence are written into the batch's head when
 * it is first sent and stay the same however often it is sent again.
 */
#include "client/producer.h"

#include <assert.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/crc32c.h"
#include "base/map.h"
#include "client/inside.h"
#include "wire/batch.h"

#define TIMEOUT_MS	30000
#define MEMORY_MAX	((size_t)64 << 20)
#define VERSION_BY_NAME 12 /* from 13 on topics go by id */

enum {
	HEAD_CRC = 17,
	HEAD_ATTRIBUTES = 21,
	HEAD_LAST_DELTA = 23,
	HEAD_PRODUCER_ID = 43,
	HEAD_PRODUCER_EPOCH = 51,
	HEAD_BASE_SEQUENCE = 53,
};

struct item {
	struct list link;
	uint8_t *at;
	size_t size;
	int64_t deadline_ms;
	bool sequenced; /* its head carries a sequence already */
	int tries;
	produced_fn *done;
	void *context;
};

struct lane { /* one partition */
	struct producer *producer;
	struct produce_topic *topic;
	int32_t index;
	struct list items; /* the first is the one under way */
	struct call *call;
	int64_t not_before_ms;
	int32_t sequence;  /* of the next record */
	uint64_t id_number; /* the producer id that `sequence` counts for */
	struct produce_request request;
	struct produce_request_topic request_topic;
	struct produce_request_partition request_partition;
};

struct produce_topic {
	struct list link;
	struct producer *producer;
	struct topic_watch watch;
	struct lane **lanes;
	int32_t lane_capacity;
};

struct outcome { /* of an item that has ended, to be told by the timer */
	struct list link;
	struct produced result;
	struct fault fault;
	produced_fn *done;
	void *context;
};

struct producer {
	struct cluster *cluster;
	struct producer_options options;
	char *transactional_id;
	struct list topics, outcomes;
	struct map by_name;
	struct timer *timer;
	int64_t timer_at_ms;
	size_t used;
	int open;
	bool idle, telling, closing;

	int64_t id;
	int16_t epoch;
	bool have_id;
	uint64_t id_number;
	struct call *id_call;
	struct init_producer_id_request id_request;
	int64_t id_not_before_ms;
	int id_tries;
};

static void lane_push(struct lane *lane);

static void due(struct producer *producer, int64_t at_ms)
{
	int64_t now = cluster_now(producer->cluster);

	if (at_ms >= producer->timer_at_ms)
		return;
	producer->timer_at_ms = at_ms;
	timer_start(producer->timer, at_ms > now ? at_ms - now : 0);
}

/* ---- ending ---- */

static void item_end(struct lane *lane, struct item *item, const struct produced *result, const struct fault *fault)
{
	struct producer *producer = lane->producer;
	struct outcome *outcome = calloc(1, sizeof *outcome);

	list_remove(&item->link);
	producer->used -= item->size;
	assert(outcome); /* a lost outcome would be a batch whose fate nobody learns */
	outcome->result = *result;
	if (fault)
		outcome->fault = *fault;
	outcome->done = item->done;
	outcome->context = item->context;
	list_append(&producer->outcomes, &outcome->link);
	free(item->at);
	free(item);
	due(producer, 0);
}

static void item_fail(struct lane *lane, struct item *item, int err, int16_t code, const char *words)
{
	struct produced result = { .err = err, .error_code = code, .offset = -1, .log_append_ms = -1 };
	struct fault fault;

	fault_set(&fault, err, "%s: writing to %s-%d: %s", lane->producer->cluster->name, lane->topic->watch.name,
		  lane->index, words);
	item_end(lane, item, &result, &fault);
}

static void outcomes_tell(struct producer *producer)
{
	producer->telling = true;
	while (!list_empty(&producer->outcomes)) {
		struct outcome *outcome = container_of(producer->outcomes.next, struct outcome, link);

		list_remove(&outcome->link);
		producer->open--;
		outcome->result.fault = outcome->result.err < 0 ? &outcome->fault : NULL;
		outcome->done(outcome->context, &outcome->result);
		free(outcome);
	}
	producer->telling = false;
	producer->idle = producer->open == 0;
}

/* ---- the producer's id ---- */

static void lanes_push(struct producer *producer)
{
	LIST_EACH(&producer->topics, at) {
		struct produce_topic *topic = container_of(at, struct produce_topic, link);

		for (int32_t i = 0; i < topic->lane_capacity; i++)
			if (topic->lanes[i])
				lane_push(topic->lanes[i]);
	}
}

static void lanes_fail(struct producer *producer, int err, int16_t code, const char *words)
{
	LIST_EACH(&producer->topics, at) {
		struct produce_topic *topic = container_of(at, struct produce_topic, link);

		for (int32_t i = 0; i < topic->lane_capacity; i++)
			while (topic->lanes[i] && !topic->lanes[i]->call && !list_empty(&topic->lanes[i]->items))
				item_fail(topic->lanes[i],
					  container_of(topic->lanes[i]->items.next, struct item, link), err, code,
					  words);
	}
}

static void id_came(void *context, const struct reply *reply)
{
	struct producer *producer = context;
	const struct init_producer_id_response *said = reply->response;
	int64_t now = cluster_now(producer->cluster);

	producer->id_call = NULL;
	if (reply->err == 0 && said->error_code == 0) {
		producer->id = said->producer_id;
		producer->epoch = said->producer_epoch;
		producer->have_id = true;
		producer->id_number++;
		producer->id_tries = 0;
		lanes_push(producer);
	} else if (reply->err < 0 ? !fault_is_final(reply->err) : kafka_error_retriable(said->error_code)) {
		producer->id_not_before_ms = now + cluster_backoff(producer->cluster, 100, 1000, producer->id_tries++);
		due(producer, producer->id_not_before_ms);
	} else if (reply->err < 0) {
		lanes_fail(producer, reply->err, 0, reply->fault->text);
	} else {
		lanes_fail(producer, error_code_err(said->error_code), said->error_code,
			   kafka_error_name(said->error_code));
	}
}

static void id_ask(struct producer *producer)
{
	struct call_plan plan = { .node = NODE_ANY, .api_key = API_INIT_PRODUCER_ID, .retry = true };

	if (producer->id_call || cluster_now(producer->cluster) < producer->id_not_before_ms)
		return;
	request_default(API_INIT_PRODUCER_ID, &producer->id_request);
	producer->id_request.transactional_id = VIEW_NULL;
	producer->id_request.transaction_timeout_ms = INT32_MAX;
	plan.request = &producer->id_request;
	plan.deadline_ms = cluster_now(producer->cluster) + producer->options.timeout_ms;
	plan.done = id_came;
	plan.context = producer;
	if (cluster_call(producer->cluster, &plan, &producer->id_call) < 0)
		producer->id_call = NULL;
}

/* ---- sending ---- */

static int32_t record_count(const struct item *item)
{
	return (int32_t)get_be32(item->at + HEAD_LAST_DELTA) + 1;
}

static void item_sequence(struct lane *lane, struct item *item)
{
	struct producer *producer = lane->producer;

	if (lane->id_number != producer->id_number) {
		lane->id_number = producer->id_number;
		lane->sequence = 0;
	}
	put_be64(item->at + HEAD_PRODUCER_ID, (uint64_t)producer->id);
	put_be16(item->at + HEAD_PRODUCER_EPOCH, (uint16_t)producer->epoch);
	put_be32(item->at + HEAD_BASE_SEQUENCE, (uint32_t)lane->sequence);
	put_be32(item->at + HEAD_CRC, crc32c(item->at + HEAD_ATTRIBUTES, item->size - HEAD_ATTRIBUTES));
	item->sequenced = true;
}

/* Sequences run from 0 to INT32_MAX and around. */
static void sequence_advance(struct lane *lane, const struct item *item)
{
	lane->sequence = (int32_t)(((int64_t)lane->sequence + record_count(item)) & INT32_MAX);
}

static void lane_rest(struct lane *lane, struct item *item)
{
	struct cluster *cluster = lane->producer->cluster;

	lane->not_before_ms = cluster_now(cluster) + cluster_backoff(cluster, cluster->config->retry_backoff_ms,
								    cluster->config->retry_backoff_ms_max, item->tries++);
	metadata_refresh(cluster);
	due(lane->producer, lane->not_before_ms);
}

/* Could the broker have appended it although it says, or we see, an error? */
static bool in_doubt(int16_t code)
{
	return code == KAFKA_REQUEST_TIMED_OUT || code == KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND ||
	       code == KAFKA_NETWORK_EXCEPTION;
}

/* A batch with a sequence that ends without certainty leaves a hole: go on under another id. */
static void id_spoilt(struct producer *producer)
{
	producer->have_id = false;
}

static void lane_answered(void *context, const struct reply *reply)
{
	struct lane *lane = context;
	struct producer *producer = lane->producer;
	struct item *item = container_of(lane->items.next, struct item, link);
	bool idempotent = item->sequenced, late = cluster_now(producer->cluster) >= item->deadline_ms;
	const struct produce_response *said = reply->response;
	struct produced result = { .offset = -1, .log_append_ms = -1 };
	const struct produce_response_partition *p = NULL;

	lane->call = NULL;
	if (reply->err < 0) {
		if (idempotent && !late && !fault_is_final(reply->err)) {
			lane_rest(lane, item);
			return;
		}
		if (idempotent)
			id_spoilt(producer);
		item_fail(lane, item, reply->err, 0, reply->fault->text);
		lane_push(lane);
		return;
	}
	if (said && said->responses.count == 1 && said->responses.at[0].partition_responses.count == 1)
		p = &said->responses.at[0].partition_responses.at[0];
	if (said && !p) {
		item_fail(lane, item, ERR_MALFORMED, 0, "an answer about something else");
		lane_push(lane);
		return;
	}
	if (p) {
		result.error_code = p->error_code;
		result.offset = p->error_code ? -1 : p->base_offset;
		result.log_append_ms = p->log_append_time_ms;
	}
	if (result.error_code == KAFKA_NONE || (idempotent && result.error_code == KAFKA_DUPLICATE_SEQUENCE_NUMBER)) {
		if (idempotent)
			sequence_advance(lane, item);
		item_end(lane, item, &result, NULL);
	} else if (kafka_error_retriable(result.error_code) && !late && item->size > 0 &&
		   (idempotent || !in_doubt(result.error_code))) {
		lane_rest(lane, item);
		return;
	} else {
		if (idempotent && (in_doubt(result.error_code) || result.error_code == KAFKA_UNKNOWN_PRODUCER_ID ||
				   result.error_code == KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER ||
				   result.error_code == KAFKA_INVALID_PRODUCER_EPOCH))
			id_spoilt(producer);
		item_fail(lane, item, error_code_err(result.error_code), result.error_code,
			  kafka_error_name(result.error_code));
	}
	lane_push(lane);
}

static int32_t leader_of(const struct lane *lane)
{
	const struct topic_info *info = &lane->topic->watch.info;

	for (int32_t i = 0; i < info->partition_count; i++)
		if (info->partitions[i].index == lane->index)
			return info->partitions[i].leader;
	return -1;
}

/* Sends the first item, if everything that it needs is there. */
static void lane_push(struct lane *lane)
{
	struct producer *producer = lane->producer;
	struct call_plan plan = { .api_key = API_PRODUCE, .version_most = VERSION_BY_NAME };
	struct item *item;
	int32_t leader = leader_of(lane);
	int64_t now = cluster_now(producer->cluster);

	if (lane->call || list_empty(&lane->items) || now < lane->not_before_ms || producer->closing)
		return;
	item = container_of(lane->items.next, struct item, link);
	if (lane->topic->watch.state == TOPIC_MISSING || lane->topic->watch.state == TOPIC_DENIED) {
		bool denied = lane->topic->watch.state == TOPIC_DENIED;

		item_fail(lane, item, denied ? ERR_DENIED : ERR_NOT_FOUND,
			  denied ? KAFKA_TOPIC_AUTHORIZATION_FAILED : KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
			  denied ? "not authorised to describe the topic" : "the topic does not exist");
		metadata_refresh(producer->cluster); /* who writes again may find it there, or be let in */
		return;
	}
	if (leader < 0) {
		metadata_refresh(producer->cluster); /* the watch will speak, or the deadline */
		return;
	}
	if (producer->options.idempotent && item->size && !item->sequenced) {
		if (!producer->have_id) {
			id_ask(producer);
			return;
		}
		item_sequence(lane, item);
	}
	request_default(API_PRODUCE, &lane->request);
	lane->request.transactional_id = view_text(producer->transactional_id);
	lane->request.acks = producer->options.acks;
	lane->request.timeout_ms = (int32_t)(item->deadline_ms - now > 0 ? item->deadline_ms - now : 1);
	lane->request.topic_data.at = &lane->request_topic;
	lane->request.topic_data.count = 1;
	lane->request_topic.name = view_text(lane->topic->watch.name);
	lane->request_topic.partition_data.at = &lane->request_partition;
	lane->request_topic.partition_data.count = 1;
	lane->request_partition.index = lane->index;
	lane->request_partition.records = view_of(item->at, item->size);
	plan.node = leader;
	plan.request = &lane->request;
	plan.unanswered = producer->options.acks == 0;
	plan.deadline_ms = item->deadline_ms;
	plan.done = lane_answered;
	plan.context = lane;
	if (cluster_call(producer->cluster, &plan, &lane->call) < 0) {
		lane->call = NULL;
		lane_rest(lane, item);
	}
}

static void producer_tick(void *owner)
{
	struct producer *producer = owner;
	int64_t now = cluster_now(producer->cluster);

	producer->timer_at_ms = INT64_MAX;
	LIST_EACH(&producer->topics, at) {
		struct produce_topic *topic = container_of(at, struct produce_topic, link);

		for (int32_t i = 0; i < topic->lane_capacity; i++) {
			struct lane *lane = topic->lanes[i];

			while (lane && !lane->call && !list_empty(&lane->items)) {
				struct item *item = container_of(lane->items.next, struct item, link);

				if (now < item->deadline_ms)
					break;
				if (item->sequenced)
					id_spoilt(producer);
				item_fail(lane, item, ERR_TIMEOUT, 0, "it could not be written in time");
			}
			if (!lane || list_empty(&lane->items))
				continue;
			lane_push(lane);
			due(producer, now + 500);
			if (lane->not_before_ms > now)
				due(producer, lane->not_before_ms);
		}
	}
	outcomes_tell(producer);
}

static void topic_changed(struct topic_watch *watch)
{
	struct produce_topic *topic = watch->owner;

	for (int32_t i = 0; i < topic->lane_capacity; i++)
		if (topic->lanes[i])
			lane_push(topic->lanes[i]);
}

/* ---- making, giving, waiting ---- */

int producer_new(struct cluster *cluster, const struct producer_options *options, struct producer **out,
		 struct fault *fault)
{
	struct producer *producer;
	int err;

	if (options->idempotent && options->acks != -1)
		return fault_set(fault, ERR_USAGE, "%s: an idempotent producer needs acks of all replicas (-1)",
				 cluster->name);
	producer = calloc(1, sizeof *producer);
	if (!producer)
		return fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	producer->cluster = cluster;
	producer->options = *options;
	if (!producer->options.timeout_ms)
		producer->options.timeout_ms = TIMEOUT_MS;
	if (!producer->options.memory)
		producer->options.memory = MEMORY_MAX;
	producer->timer_at_ms = INT64_MAX;
	producer->idle = true;
	list_init(&producer->topics);
	list_init(&producer->outcomes);
	map_init(&producer->by_name);
	producer->transactional_id = view_string(view_text(options->transactional_id));
	err = timer_new(cluster->loop, producer_tick, producer, &producer->timer);
	if (err < 0) {
		free(producer->transactional_id);
		free(producer);
		return fault_set(fault, err, "%s", err_text(err));
	}
	*out = producer;
	return 0;
}

void producer_free(struct producer *producer)
{
	if (!producer)
		return;
	assert(!producer->telling); /* not from within `done` */
	producer->closing = true;
	call_cancel(producer->id_call);
	LIST_EACH(&producer->topics, at) {
		struct produce_topic *topic = container_of(at, struct produce_topic, link);

		for (int32_t i = 0; i < topic->lane_capacity; i++) {
			struct lane *lane = topic->lanes[i];

			if (!lane)
				continue;
			call_cancel(lane->call);
			lane->call = NULL;
			while (!list_empty(&lane->items))
				item_fail(lane, container_of(lane->items.next, struct item, link), ERR_CANCELLED, 0,
					  "ended by ourselves");
		}
	}
	outcomes_tell(producer);
	LIST_EACH_SAFE(&producer->topics, at) {
		struct produce_topic *topic = container_of(at, struct produce_topic, link);

		for (int32_t i = 0; i < topic->lane_capacity; i++)
			free(topic->lanes[i]);
		topic_watch_stop(&topic->watch);
		free(topic->lanes);
		list_remove(at);
		free(topic);
	}
	map_done(&producer->by_name);
	timer_free(producer->timer);
	free(producer->transactional_id);
	free(producer);
}

static struct lane *lane_get(struct producer *producer, const char *name, int32_t index)
{
	struct produce_topic *topic = map_get(&producer->by_name, view_text(name));

	if (!topic) {
		topic = calloc(1, sizeof *topic);
		if (!topic)
			return NULL;
		topic->producer = producer;
		if (map_put(&producer->by_name, view_text(name), topic) < 0 ||
		    topic_watch_start(&topic->watch, producer->cluster, name, NULL, topic_changed, topic) < 0) {
			map_remove(&producer->by_name, view_text(name));
			free(topic);
			return NULL;
		}
		list_append(&producer->topics, &topic->link);
	}
	if (index >= topic->lane_capacity) {
		struct lane **lanes = realloc(topic->lanes, (size_t)(index + 1) * sizeof(struct lane *));

		if (!lanes)
			return NULL;
		memset(lanes + topic->lane_capacity, 0, (size_t)(index + 1 - topic->lane_capacity) * sizeof *lanes);
		topic->lanes = lanes;
		topic->lane_capacity = index + 1;
	}
	if (!topic->lanes[index]) {
		struct lane *lane = calloc(1, sizeof *lane);

		if (!lane)
			return NULL;
		lane->producer = producer;
		lane->topic = topic;
		lane->index = index;
		list_init(&lane->items);
		topic->lanes[index] = lane;
	}
	return topic->lanes[index];
}

int producer_send(struct producer *producer, const char *topic, int32_t partition, struct view records,
		  produced_fn *done, void *context)
{
	struct lane *lane;
	struct item *item;

	if (partition < 0 || partition > 1000000 || (records.size && records.size < BATCH_HEAD_SIZE))
		return ERR_USAGE;
	if (producer->closing)
		return ERR_CANCELLED;
	if (producer->used > 0 && producer->used + records.size > producer->options.memory)
		return ERR_LIMIT;
	lane = lane_get(producer, topic, partition);
	item = calloc(1, sizeof *item);
	if (item)
		item->at = malloc(records.size + 1);
	if (!lane || !item || !item->at) {
		free(item);
		return ERR_MEMORY;
	}
	if (records.size)
		memcpy(item->at, records.at, records.size);
	item->size = records.size;
	item->deadline_ms = cluster_now(producer->cluster) + producer->options.timeout_ms;
	item->done = done;
	item->context = context;
	list_append(&lane->items, &item->link);
	producer->used += item->size;
	producer->open++;
	producer->idle = false;
	lane_push(lane);
	due(producer, cluster_now(producer->cluster) + 500);
	return 0;
}

int producer_flush(struct producer *producer, int64_t timeout_ms)
{
	return loop_until(producer->cluster->loop, &producer->idle, cluster_now(producer->cluster) + timeout_ms);
}

struct putting {
	struct produced result;
	struct fault *fault;
	bool done;
};

static void put_done(void *context, const struct produced *result)
{
	struct putting *putting = context;

	putting->result = *result;
	if (result->err < 0 && putting->fault)
		*putting->fault = *result->fault;
	putting->done = true;
}

int producer_put(struct producer *producer, const char *topic, int32_t partition, struct view records,
		 int64_t *out_offset, struct fault *fault)
{
	struct putting putting = { .fault = fault };
	int err = producer_send(producer, topic, partition, records, put_done, &putting);

	if (err < 0)
		return fault_set(fault, err, "%s: writing to %s-%d: %s", producer->cluster->name, topic, partition,
				 err_text(err));
	/* It ends by its own deadline; a signal does not end it, for then its fate would not be known. */
	while (!putting.done)
		loop_until(producer->cluster->loop, &putting.done, INT64_MAX);
	if (putting.result.err == 0 && out_offset)
		*out_offset = putting.result.offset;
	return putting.result.err;
}
