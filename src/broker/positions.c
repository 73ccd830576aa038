/* positions.c - ListOffsets, OffsetForLeaderEpoch, DeleteRecords, DescribeProducers: questions about places in a log. */
#include "broker/access.h"
#include "broker/api.h"
#include "broker/nodes.h"
#include "broker/topic_config.h"
#include "broker/topics.h"

#define OFFSETS_WAIT_MS 30000
#define EPOCHS_SINCE    4 /* version of ListOffsets whose answer has leader epochs */

static struct partition *partition_find(struct broker *broker, struct view topic_name, int32_t index)
{
	struct store_topic *topic = store_topic_named(broker->store, topic_name);

	return topic && topic->owner && index >= 0 && index < topic->partition_count
		       ? topic->partitions[index]
		       : NULL;
}

/* KAFKA_NONE when it is there and the request came to the node that leads it; else the error. */
static int16_t place_error(const struct request *request, const struct partition *partition)
{
	if (!partition)
		return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	return node_leads(request->node, partition) ? KAFKA_NONE : KAFKA_NOT_LEADER_OR_FOLLOWER;
}

static int16_t epoch_check(int32_t asked, const struct store_partition_state *state)
{
	if (asked < 0 || asked == state->leader_epoch)
		return KAFKA_NONE;
	return asked < state->leader_epoch ? KAFKA_FENCED_LEADER_EPOCH : KAFKA_UNKNOWN_LEADER_EPOCH;
}

/* ---- ListOffsets ----------------------------------------------------------------------------------------------------- */

enum {
	TIME_LATEST = -1,
	TIME_EARLIEST = -2,
	TIME_MAX = -3,
	TIME_EARLIEST_LOCAL = -4,
	TIME_LAST_TIERED = -5,
	TIME_EARLIEST_PENDING_UPLOAD = -6,
};

typedef struct list_offsets_response_partition offset_t;

/* Some answers lie in an object that has to be fetched first. */
struct listing {
	struct request *request;
	struct list_offsets_response *response;
	struct listing_one *ones;
	struct timer *timer;
	int count, left;
};

struct listing_one {
	struct listing *listing;
	struct store_watch watch;
	offset_t *result;
	struct view topic;
	int64_t timestamp;
	bool waiting;
};

/* Older answers have no room for leader epochs. */
static void listing_answer(struct request *request, struct list_offsets_response *response)
{
	bool told = request_version(request) >= EPOCHS_SINCE;

	for (int32_t i = 0; response && !told && i < response->topics.count; i++)
		for (int32_t k = 0; k < response->topics.at[i].partitions.count; k++)
			response->topics.at[i].partitions.at[k].leader_epoch = -1;
	request_answer(request, response);
}

static void listing_end(struct listing *listing)
{
	for (int i = 0; i < listing->count; i++)
		store_watch_stop(&listing->ones[i].watch);
	timer_free(listing->timer);
	listing->request->gone = NULL;
	listing_answer(listing->request, listing->response);
}

static int64_t end_of(const struct list_offsets_request *in, const struct store_partition_state *state)
{
	return in->isolation_level ? state->last_stable : state->high_watermark;
}

/* The epoch in which `offset` was or would be written. */
static int32_t epoch_at(const struct partition *partition, const struct store_partition_state *state,
			int64_t offset)
{
	int32_t epoch = state->leader_epoch, found = epoch;
	int64_t end;

	while (epoch >= 0) {
		store_epoch_end(partition, epoch - 1, &found, &end);
		if (found < 0 || end <= offset)
			return epoch;
		epoch = found;
	}
	return epoch;
}

/* 0 when answered, 1 when it has to wait. */
static int by_time(struct request *request, struct partition *partition, int64_t timestamp,
		   const struct store_partition_state *state, offset_t *out)
{
	const struct list_offsets_request *in = request->message;
	struct store_timed timed;
	int err = store_offset_for_time(partition, timestamp, &timed, NULL);

	if (err == 1)
		return 1;
	if (err < 0) {
		out->error_code = err == ERR_CHECKSUM ? KAFKA_CORRUPT_MESSAGE : KAFKA_KAFKA_STORAGE_ERROR;
		return 0;
	}
	/* What lies past the end that this reader may see is not there for it. */
	if (timed.offset < 0 || timed.offset >= end_of(in, state))
		return 0;
	out->timestamp = timed.timestamp;
	out->offset = timed.offset;
	out->leader_epoch = timed.leader_epoch;
	return 0;
}

/* Since when a question can be asked that is not a time. */
static bool may_ask(const struct request *request, int64_t timestamp)
{
	static const int16_t since[] = {
		[-TIME_LATEST] = 0,         [-TIME_EARLIEST] = 0,    [-TIME_MAX] = 7,
		[-TIME_EARLIEST_LOCAL] = 8, [-TIME_LAST_TIERED] = 9, [-TIME_EARLIEST_PENDING_UPLOAD] = 11,
	};

	return timestamp >= 0 ||
	       (timestamp >= TIME_EARLIEST_PENDING_UPLOAD && request_version(request) >= since[-timestamp]);
}

static int list_one(struct request *request, struct view topic, int64_t timestamp, int32_t leader_epoch,
		    offset_t *out)
{
	const struct list_offsets_request *in = request->message;
	struct partition *partition = partition_find(request->broker, topic, out->partition_index);
	struct store_partition_state state;

	out->error_code =
		may_ask(request, timestamp) ? place_error(request, partition) : KAFKA_UNSUPPORTED_VERSION;
	if (out->error_code)
		return 0;
	store_partition_state(partition, &state);
	out->error_code = epoch_check(leader_epoch, &state);
	if (out->error_code)
		return 0;
	switch (timestamp) {
	case TIME_LATEST:
		out->offset = end_of(in, &state);
		out->leader_epoch = state.leader_epoch;
		return 0;
	case TIME_EARLIEST:
	case TIME_EARLIEST_LOCAL:
		out->offset = state.log_start;
		out->leader_epoch = epoch_at(partition, &state, state.log_start);
		return 0;
	case TIME_LAST_TIERED: /* nothing is tiered: objects are the log itself */
	case TIME_EARLIEST_PENDING_UPLOAD: return 0;
	case TIME_MAX: return by_time(request, partition, STORE_TIME_MAX, &state, out);
	default: return by_time(request, partition, timestamp, &state, out);
	}
}

static void listing_changed(struct store_watch *watch)
{
	struct listing_one *one = container_of(watch, struct listing_one, watch);
	struct listing *listing = one->listing;
	struct partition *partition =
		partition_find(listing->request->broker, one->topic, one->result->partition_index);

	if (!one->waiting)
		return;
	if (partition && list_one(listing->request, one->topic, one->timestamp, -1, one->result) == 1) {
		store_watch_start(partition, watch);
		return;
	}
	one->waiting = false;
	if (!partition)
		one->result->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	if (--listing->left == 0)
		listing_end(listing);
}

static void listing_late(void *owner)
{
	struct listing *listing = owner;

	for (int i = 0; i < listing->count; i++)
		if (listing->ones[i].waiting)
			listing->ones[i].result->error_code = KAFKA_REQUEST_TIMED_OUT;
	listing_end(listing);
}

static void listing_gone(struct request *request)
{
	listing_end(request->own);
}

static bool listing_wait(struct listing *listing)
{
	const struct list_offsets_request *in = listing->request->message;
	int64_t timeout_ms = request_version(listing->request) >= 10 && in->timeout_ms > 0 ? in->timeout_ms
											   : OFFSETS_WAIT_MS;

	if (timer_new(listing->request->broker->loop, listing_late, listing, &listing->timer) < 0)
		return false;
	timer_start(listing->timer, timeout_ms);
	for (int i = 0; i < listing->count; i++)
		if (listing->ones[i].waiting)
			store_watch_start(partition_find(listing->request->broker, listing->ones[i].topic,
							 listing->ones[i].result->partition_index),
					  &listing->ones[i].watch);
	listing->request->own = listing;
	listing->request->gone = listing_gone;
	return true;
}

static bool list_topic(struct listing *listing, const struct list_offsets_request_topic *in,
		       struct list_offsets_response_topic *out)
{
	struct request *request = listing->request;
	int16_t denied = access_topic(request, ACL_OPERATION_DESCRIBE, in->name);

	out->name = in->name;
	out->partitions.at =
		REQUEST_ARRAY(request, list_offsets_response_partition_shape, in->partitions.count);
	if (!out->partitions.at)
		return false;
	out->partitions.count = in->partitions.count;
	for (int32_t k = 0; k < in->partitions.count; k++) {
		struct listing_one *one = &listing->ones[listing->count++];

		*one = (struct listing_one){ .listing = listing,
					     .result = &out->partitions.at[k],
					     .topic = in->name,
					     .timestamp = in->partitions.at[k].timestamp };
		store_watch_init(&one->watch, listing_changed);
		one->result->partition_index = in->partitions.at[k].partition_index;
		one->result->error_code = denied;
		one->waiting =
			!denied && list_one(request, in->name, one->timestamp,
					    in->partitions.at[k].current_leader_epoch, one->result) == 1;
		listing->left += one->waiting;
	}
	return true;
}

void handle_list_offsets(struct request *request)
{
	const struct list_offsets_request *in = request->message;
	struct listing *listing = arena_take(&request->arena, sizeof *listing);
	struct list_offsets_response *response = request_response(request);
	size_t count = 0;
	bool ok;

	for (int32_t i = 0; i < in->topics.count; i++)
		count += (size_t)in->topics.at[i].partitions.count;
	ok = listing && response &&
	     (response->topics.at =
		      REQUEST_ARRAY(request, list_offsets_response_topic_shape, in->topics.count)) &&
	     (listing->ones = arena_array(&request->arena, count, sizeof *listing->ones));
	if (ok) {
		listing->request = request;
		listing->response = response;
		response->topics.count = in->topics.count;
	}
	for (int32_t i = 0; ok && i < in->topics.count; i++)
		ok = list_topic(listing, &in->topics.at[i], &response->topics.at[i]);
	if (ok && listing->left > 0 && listing_wait(listing))
		return;
	listing_answer(request, ok && listing->left == 0 ? response : NULL);
}

/* ---- OffsetForLeaderEpoch -------------------------------------------------------------------------------------------- */

static void end_one(struct request *request, struct view topic, int16_t denied,
		    const struct offset_for_leader_epoch_request_partition *in,
		    struct offset_for_leader_epoch_response_partition *out)
{
	struct partition *partition = partition_find(request->broker, topic, in->partition);
	struct store_partition_state state;

	out->partition = in->partition;
	out->error_code = denied ? denied : place_error(request, partition);
	if (out->error_code)
		return;
	store_partition_state(partition, &state);
	out->error_code = epoch_check(in->current_leader_epoch, &state);
	if (!out->error_code)
		store_epoch_end(partition, in->leader_epoch, &out->leader_epoch, &out->end_offset);
}

void handle_offset_for_leader_epoch(struct request *request)
{
	const struct offset_for_leader_epoch_request *in = request->message;
	struct offset_for_leader_epoch_response *response = request_response(request);
	/* Other brokers ask for all topics. */
	bool all = access_allowed_silently(request, ACL_OPERATION_CLUSTER_ACTION, ACL_RESOURCE_CLUSTER,
					   ACCESS_CLUSTER);
	bool ok = response &&
		  (response->topics.at = REQUEST_ARRAY(request, offset_for_leader_epoch_response_topic_shape,
						       in->topics.count));

	for (int32_t i = 0; ok && i < in->topics.count; i++) {
		struct offset_for_leader_epoch_response_topic *topic = &response->topics.at[i];
		int32_t count = in->topics.at[i].partitions.count;
		int16_t denied = all ? KAFKA_NONE
				     : access_topic(request, ACL_OPERATION_DESCRIBE, in->topics.at[i].topic);

		response->topics.count++;
		topic->topic = in->topics.at[i].topic;
		topic->partitions.at =
			REQUEST_ARRAY(request, offset_for_leader_epoch_response_partition_shape, count);
		ok = topic->partitions.at != NULL;
		topic->partitions.count = ok ? count : 0;
		for (int32_t k = 0; ok && k < count; k++)
			end_one(request, topic->topic, denied, &in->topics.at[i].partitions.at[k],
				&topic->partitions.at[k]);
	}
	request_answer(request, ok ? response : NULL);
}

/* ---- DeleteRecords --------------------------------------------------------------------------------------------------- */

struct cutting {
	struct request *request;
	struct delete_records_response *response;
	int left;
};

struct cutting_one {
	struct cutting *cutting;
	struct view topic;
	struct delete_records_response_partition *result;
};

static void cutting_step(struct cutting *cutting)
{
	if (--cutting->left == 0)
		request_answer(cutting->request, cutting->response);
}

static int16_t cut_error(int err)
{
	switch (err) {
	case 0: return KAFKA_NONE;
	case ERR_NOT_FOUND: return KAFKA_OFFSET_OUT_OF_RANGE;
	case ERR_CANCELLED: return KAFKA_NOT_LEADER_OR_FOLLOWER;
	default: return KAFKA_KAFKA_STORAGE_ERROR;
	}
}

static void was_cut(void *context, int err, const struct fault *fault)
{
	struct cutting_one *one = context;
	struct request *request = one->cutting->request;
	struct partition *partition =
		err == 0 ? partition_find(request->broker, one->topic, one->result->partition_index) : NULL;
	struct store_partition_state state;

	one->result->error_code = cut_error(err);
	if (partition) {
		store_partition_state(partition, &state);
		one->result->low_watermark = state.log_start;
	}
	cutting_step(one->cutting);
}

static void cut_one(struct cutting *cutting, struct view topic, int16_t denied,
		    const struct delete_records_request_partition *in,
		    struct delete_records_response_partition *out)
{
	struct request *request = cutting->request;
	struct partition *partition = partition_find(request->broker, topic, in->partition_index);
	struct cutting_one *one = arena_take(&request->arena, sizeof *one);
	struct store_partition_state state;
	int64_t offset;
	int err;

	out->partition_index = in->partition_index;
	out->low_watermark = -1;
	out->error_code = !one     ? KAFKA_UNKNOWN_SERVER_ERROR
			  : denied ? denied
				   : place_error(request, partition);
	if (out->error_code)
		return;
	if (!topic_state(store_partition_topic(partition))->deletes) {
		out->error_code = KAFKA_POLICY_VIOLATION;
		return;
	}
	store_partition_state(partition, &state);
	offset = in->offset == -1 ? state.high_watermark : in->offset;
	if (offset < 0 || offset > state.high_watermark) {
		out->error_code = KAFKA_OFFSET_OUT_OF_RANGE;
		return;
	}
	if (offset <= state.log_start) {
		out->low_watermark = state.log_start;
		return;
	}
	*one = (struct cutting_one){ cutting, topic, out };
	cutting->left++;
	err = store_log_start_move(partition, offset, was_cut, one);
	if (err != 0) {
		cutting->left--;
		out->error_code = cut_error(err);
	}
}

void handle_delete_records(struct request *request)
{
	const struct delete_records_request *in = request->message;
	struct cutting *cutting = arena_take(&request->arena, sizeof *cutting);
	struct delete_records_response *response = request_response(request);
	bool ok = cutting && response &&
		  (response->topics.at =
			   REQUEST_ARRAY(request, delete_records_response_topic_shape, in->topics.count));

	if (ok)
		*cutting = (struct cutting){ request, response, 1 };
	for (int32_t i = 0; ok && i < in->topics.count; i++) {
		struct delete_records_response_topic *topic = &response->topics.at[i];
		int32_t count = in->topics.at[i].partitions.count;

		int16_t denied = access_topic(request, ACL_OPERATION_DELETE, in->topics.at[i].name);

		response->topics.count++;
		topic->name = in->topics.at[i].name;
		topic->partitions.at = REQUEST_ARRAY(request, delete_records_response_partition_shape, count);
		if (!topic->partitions.at)
			continue; /* told as an empty list */
		topic->partitions.count = count;
		for (int32_t k = 0; k < count; k++)
			cut_one(cutting, topic->name, denied, &in->topics.at[i].partitions.at[k],
				&topic->partitions.at[k]);
	}
	if (ok)
		cutting_step(cutting);
	else
		request_answer(request, NULL);
}

/* ---- DescribeProducers ----------------------------------------------------------------------------------------------- */

typedef struct describe_producers_response_partition producers_t;

struct producers_into {
	producers_t *out;
	int32_t room, all;
};

static void count_producer(void *context, const struct store_producer *producer)
{
	((struct producers_into *)context)->all++;
}

static void tell_producer(void *context, const struct store_producer *producer)
{
	struct producers_into *into = context;
	struct describe_producers_response_active_producer *one;

	if (into->out->active_producers.count >= into->room)
		return;
	one = &into->out->active_producers.at[into->out->active_producers.count++];
	one->producer_id = producer->producer_id;
	one->producer_epoch = producer->epoch;
	one->last_sequence = producer->last_sequence;
	one->last_timestamp = producer->last_timestamp;
	one->coordinator_epoch = producer->coordinator_epoch;
	one->current_txn_start_offset = producer->transaction_first;
}

static bool tell_producers(struct request *request, struct view topic, int32_t index, int16_t denied,
			   producers_t *out)
{
	struct partition *partition = partition_find(request->broker, topic, index);
	struct producers_into into = { .out = out };

	out->partition_index = index;
	out->error_code = denied ? denied : place_error(request, partition);
	if (out->error_code)
		return true;
	store_producer_each(partition, count_producer, &into);
	out->active_producers.at =
		REQUEST_ARRAY(request, describe_producers_response_active_producer_shape, into.all);
	if (!out->active_producers.at)
		return false;
	into.room = into.all;
	store_producer_each(partition, tell_producer, &into);
	return true;
}

void handle_describe_producers(struct request *request)
{
	const struct describe_producers_request *in = request->message;
	struct describe_producers_response *response = request_response(request);
	bool ok = response && (response->topics.at = REQUEST_ARRAY(
				       request, describe_producers_response_topic_shape, in->topics.count));

	for (int32_t i = 0; ok && i < in->topics.count; i++) {
		struct describe_producers_response_topic *topic = &response->topics.at[i];
		int32_t count = in->topics.at[i].partition_indexes.count;
		int16_t denied = !topic_name_legal(in->topics.at[i].name)
					 ? KAFKA_INVALID_TOPIC_EXCEPTION
					 : access_topic(request, ACL_OPERATION_READ, in->topics.at[i].name);

		response->topics.count++;
		topic->name = in->topics.at[i].name;
		topic->partitions.at =
			REQUEST_ARRAY(request, describe_producers_response_partition_shape, count);
		ok = topic->partitions.at != NULL;
		topic->partitions.count = ok ? count : 0;
		for (int32_t k = 0; ok && k < count; k++)
			ok = tell_producers(request, topic->name, in->topics.at[i].partition_indexes.at[k],
					    denied, &topic->partitions.at[k]);
	}
	request_answer(request, ok ? response : NULL);
}
