/* group_positions.c - where groups stand, OffsetCommit, OffsetDelete. */
#include <stdlib.h>

#include "base/bits.h"
#include "broker/access.h"
#include "broker/api.h"
#include "broker/consumer_group.h"

#define TOPIC_IDS_SINCE    10
#define MEMBER_EPOCH_SINCE 9 /* of OffsetCommit (KIP-848) */

/* ---- positions in memory --------------------------------------------------------------------------------------------- */

struct view position_key(uint8_t out[POSITION_KEY_MAX], struct view topic, int32_t partition)
{
	size_t size = topic.size > STORE_TOPIC_NAME_MAX ? STORE_TOPIC_NAME_MAX : topic.size;

	put_be32(out, (uint32_t)partition);
	if (size)
		memcpy(out + 4, topic.at, size);
	return view_of(out, size + 4);
}

void position_key_split(struct view key, struct view *topic, int32_t *partition)
{
	*partition = (int32_t)get_be32(key.at);
	*topic = view_of(key.at + 4, key.size - 4);
}

static void position_free(struct position *position)
{
	if (!position)
		return;
	free(position->metadata);
	free(position);
}

bool position_set(struct map *positions, struct view topic, int32_t partition, const struct position *is,
		  struct view metadata)
{
	uint8_t raw[POSITION_KEY_MAX];
	struct view key = position_key(raw, topic, partition);
	struct position *position = map_get(positions, key);
	char *text = view_string(metadata.at ? metadata : VIEW_LITERAL(""));

	if (!text)
		return false;
	if (!position) {
		position = calloc(1, sizeof *position);
		if (!position || map_put(positions, key, position) < 0) {
			free(position);
			free(text);
			return false;
		}
	}
	free(position->metadata);
	*position = *is;
	position->metadata = text;
	return true;
}

void position_remove(struct map *positions, struct view topic, int32_t partition)
{
	uint8_t raw[POSITION_KEY_MAX];

	position_free(map_remove(positions, position_key(raw, topic, partition)));
}

void positions_forget_before(struct map *positions, int64_t offset)
{
	struct map kept;

	map_init(&kept);
	MAP_EACH(positions, slot)
	{
		struct position *position = slot->value;

		if (position->record < offset || map_put(&kept, slot->key, position) < 0)
			position_free(position);
	}
	map_done(positions);
	*positions = kept;
}

void positions_done(struct map *positions)
{
	MAP_EACH(positions, slot)
	position_free(slot->value);
	map_done(positions);
}

struct pending_positions *pending_positions_of(struct group *group, int64_t producer_id, bool make)
{
	struct pending_positions *one;

	LIST_EACH(&group->transactional, link)
	{
		one = container_of(link, struct pending_positions, link);
		if (one->producer_id == producer_id)
			return one;
	}
	one = make ? calloc(1, sizeof *one) : NULL;
	if (!one)
		return NULL;
	one->producer_id = producer_id;
	map_init(&one->positions);
	list_append(&group->transactional, &one->link);
	return one;
}

/* Somebody may have committed without a transaction since: that is what stands last in the log, and stays when it is compacted. */
static bool is_later(struct map *positions, struct view key, const struct position *position)
{
	const struct position *other = map_get(positions, key);

	return !other || position->record > other->record;
}

static void group_transaction_end(struct group *group, int64_t producer_id, bool commit)
{
	struct pending_positions *one = pending_positions_of(group, producer_id, false);

	if (!one)
		return;
	MAP_EACH(&one->positions, slot)
	{
		struct position *position = slot->value;
		struct view topic;
		int32_t partition;

		position_key_split(slot->key, &topic, &partition);
		if (commit && is_later(&group->positions, slot->key, position))
			position_set(&group->positions, topic, partition, position,
				     view_text(position->metadata));
	}
	list_remove(&one->link);
	positions_done(&one->positions);
	free(one);
}

void groups_transaction_end(struct groups *groups, int32_t partition, int64_t producer_id, bool commit)
{
	MAP_EACH(&groups->by_id, slot)
	{
		struct group *group = slot->value;
		struct partition *place = internal_log_place(&groups->log, view_text(group->id));

		if (place && store_partition_index(place) == partition)
			group_transaction_end(group, producer_id, commit);
	}
}

/* ---- OffsetCommit ---------------------------------------------------------------------------------------------------- */

static int16_t stale(bool transactional)
{
	return transactional ? KAFKA_ILLEGAL_GENERATION : KAFKA_STALE_MEMBER_EPOCH;
}

static int16_t consumer_commit_check(struct consumer_group *consumer, struct view member_id, int32_t epoch,
				     bool transactional, int16_t version)
{
	struct consumer_member *member;

	/* Nobody is there, or the transaction does not say who. */
	if (epoch < 0 && (consumer->member_count == 0 || (transactional && member_id.size == 0)))
		return KAFKA_NONE;
	member = consumer_member_find(consumer, member_id);
	if (!member)
		return KAFKA_UNKNOWN_MEMBER_ID;
	if (!transactional && !member->classic && version < MEMBER_EPOCH_SINCE)
		return KAFKA_UNSUPPORTED_VERSION;
	/* An older epoch may be good enough: commit_place_check(). */
	return epoch <= member->is.epoch ? KAFKA_NONE : stale(transactional || member->classic);
}

int16_t commit_place_check(struct group *group, struct view member_id, int32_t epoch,
			   const struct store_topic *topic, int32_t partition, bool transactional)
{
	struct consumer_member *member =
		group && group->consumer ? consumer_member_find(group->consumer, member_id) : NULL;
	struct place place = { .partition = partition };
	const struct place *found;

	if (!member || epoch == member->is.epoch || !topic)
		return KAFKA_NONE;
	memcpy(place.topic, topic->id, sizeof place.topic);
	found = places_find(&member->is.assigned, &place);
	if (!found)
		found = places_find(&member->is.revoking, &place);
	return found && epoch >= found->epoch ? KAFKA_NONE : stale(transactional || member->classic);
}

int16_t commit_check(struct group *group, struct view member_id, struct view instance_id, int32_t generation,
		     bool transactional, int16_t version)
{
	struct member *member;
	int16_t error;

	if (!group && generation >= 0)
		return !transactional && version >= MEMBER_EPOCH_SINCE ? KAFKA_GROUP_ID_NOT_FOUND
								       : KAFKA_ILLEGAL_GENERATION;
	if (!group)
		return KAFKA_NONE;
	if (group->consumer)
		return consumer_commit_check(group->consumer, member_id, generation, transactional, version);
	if (generation < 0 && group->state == GROUP_EMPTY)
		return KAFKA_NONE;
	if (generation >= 0 || member_id.size > 0 || instance_id.at) {
		error = member_check(group, member_id, instance_id, &member);
		if (error)
			return error;
		if (generation != group->generation)
			return KAFKA_ILLEGAL_GENERATION;
		member_alive(member);
	} else if (!transactional && group->state != GROUP_EMPTY) {
		return KAFKA_UNKNOWN_MEMBER_ID;
	}
	return !transactional && group->state == GROUP_COMPLETING ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

struct committing {
	struct request *request;
	struct offset_commit_response *response;
	struct view *names; /* of the request's topics */
	int64_t now_ms;
	bool denied; /* the whole group */
	bool counted;
};

/* Was something committed in it, and is it deleted by now? */
static bool went(const struct committing *committing, int32_t index)
{
	const struct offset_commit_response_topic *topic = &committing->response->topics.at[index];

	for (int32_t k = 0; k < topic->partitions.count; k++)
		if (!topic->partitions.at[k].error_code)
			return !store_topic_named(committing->request->broker->store,
						  committing->names[index]);
	return false;
}

static bool of_one_that_went(void *context, struct view topic, int32_t partition,
			     const struct position *position)
{
	const struct committing *committing = context;

	for (int32_t i = 0; i < committing->response->topics.count; i++)
		if (view_equal(committing->names[i], topic) && went(committing, i))
			return true;
	return false;
}

/* A topic that is deleted takes its positions along; these were not there yet when it did. */
static void forget_what_went(struct committing *committing, struct group *group)
{
	for (int32_t i = 0; i < committing->response->topics.count; i++)
		if (went(committing, i)) {
			group_forget(group, of_one_that_went, committing, NULL, NULL);
			return;
		}
}

static void committed(void *context, const struct store_appended *appended)
{
	struct committing *committing = context;
	struct request *request = committing->request;
	const struct offset_commit_request *in = request->message;
	struct group *group = group_named(broker_groups(request->broker), in->group_id);

	if (group && committing->counted && group->commits > 0)
		group->commits--;
	if (!group && !appended->err)
		group = group_make(broker_groups(request->broker), in->group_id);
	for (int32_t i = 0; i < in->topics.count; i++) {
		for (int32_t k = 0; k < in->topics.at[i].partitions.count; k++) {
			const struct offset_commit_request_partition *one =
				&in->topics.at[i].partitions.at[k];
			int16_t *error = &committing->response->topics.at[i].partitions.at[k].error_code;

			if (*error)
				continue;
			if (appended->err)
				*error = internal_append_error(appended->err);
			else if (!group ||
				 !position_set(&group->positions, committing->names[i], one->partition_index,
					       &(struct position){ one->committed_offset, committing->now_ms,
								   one->committed_leader_epoch, NULL,
								   appended->base_offset },
					       one->committed_metadata))
				*error = KAFKA_UNKNOWN_SERVER_ERROR;
		}
	}
	if (group)
		forget_what_went(committing, group);
	request_answer(request, committing->response);
}

/* One position: noted in the batch, or its error. */
static int16_t commit_one(struct request *request, struct internal_batch *batch, struct view topic_name,
			  const struct offset_commit_request_partition *in, int16_t error, int64_t now_ms)
{
	const struct offset_commit_request *all = request->message;
	struct store_topic *topic =
		topic_name.at ? store_topic_named(request->broker->store, topic_name) : NULL;
	struct position position = { in->committed_offset, now_ms, in->committed_leader_epoch, NULL, -1 };

	/* What is not there is not there, whatever is wrong with the member: Kafka looks before it asks the coordinator. */
	if (!topic || in->partition_index < 0 || in->partition_index >= topic->partition_count)
		return request_version(request) >= TOPIC_IDS_SINCE && !topic
			       ? KAFKA_UNKNOWN_TOPIC_ID
			       : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	if (error)
		return error;
	if (in->committed_metadata.at &&
	    (int64_t)in->committed_metadata.size > request->broker->properties.commit_metadata_max)
		return KAFKA_OFFSET_METADATA_TOO_LARGE;
	position.metadata =
		(char *)arena_copy(&request->arena,
				   in->committed_metadata.at ? in->committed_metadata : VIEW_LITERAL(""))
			.at;
	if (!position.metadata)
		return KAFKA_UNKNOWN_SERVER_ERROR;
	position_put(batch, all->group_id, topic_name, in->partition_index, &position);
	return KAFKA_NONE;
}

static struct view name_of(struct request *request, const struct offset_commit_request_topic *in)
{
	struct store_topic *topic;

	if (request_version(request) < TOPIC_IDS_SINCE)
		return in->name;
	topic = store_topic_by_id(request->broker->store, in->topic_id.bytes);
	return topic ? arena_copy(&request->arena, view_text(topic->name)) : VIEW_NULL;
}

static bool commit_all(struct committing *committing, struct internal_batch *batch, int16_t error, int *count)
{
	struct request *request = committing->request;
	const struct offset_commit_request *in = request->message;
	struct offset_commit_response *response = committing->response;

	committing->names = arena_array(&request->arena, (size_t)in->topics.count, sizeof *committing->names);
	response->topics.at = REQUEST_ARRAY(request, offset_commit_response_topic_shape, in->topics.count);
	if (!committing->names || !response->topics.at)
		return false;
	response->topics.count = in->topics.count;
	for (int32_t i = 0; i < in->topics.count; i++) {
		const struct offset_commit_request_topic *topic = &in->topics.at[i];
		struct offset_commit_response_topic *out = &response->topics.at[i];
		int16_t denied = KAFKA_NONE;

		committing->names[i] = name_of(request, topic);
		out->name = topic->name;
		out->topic_id = topic->topic_id;
		out->partitions.at = REQUEST_ARRAY(request, offset_commit_response_partition_shape,
						   topic->partitions.count);
		if (!out->partitions.at)
			return false;
		out->partitions.count = topic->partitions.count;
		if (committing->denied)
			denied = error;
		else if (committing->names[i].at)
			denied = access_topic(request, ACL_OPERATION_READ, committing->names[i]);
		for (int32_t k = 0; k < topic->partitions.count; k++) {
			out->partitions.at[k].partition_index = topic->partitions.at[k].partition_index;
			out->partitions.at[k].error_code =
				denied ? denied
				       : commit_one(request, batch, committing->names[i],
						    &topic->partitions.at[k], error, committing->now_ms);
			*count += out->partitions.at[k].error_code == KAFKA_NONE;
		}
	}
	return true;
}

/* One that may not be committed, and none is, as in Kafka. */
static int16_t places_check(struct request *request, struct group *group)
{
	const struct offset_commit_request *in = request->message;
	int16_t error = KAFKA_NONE;

	for (int32_t i = 0; i < in->topics.count && group && group->consumer; i++) {
		struct view name = name_of(request, &in->topics.at[i]);
		struct store_topic *topic = name.at ? store_topic_named(request->broker->store, name) : NULL;

		/* What the others are told must not say that it is there. */
		if (topic && !access_allowed_silently(request, ACL_OPERATION_READ, ACL_RESOURCE_TOPIC, name))
			continue;
		for (int32_t k = 0; k < in->topics.at[i].partitions.count && !error; k++)
			error = commit_place_check(group, in->member_id, in->generation_id_or_member_epoch,
						   topic, in->topics.at[i].partitions.at[k].partition_index,
						   false);
	}
	return error;
}

void handle_offset_commit(struct request *request)
{
	const struct offset_commit_request *in = request->message;
	struct groups *groups = broker_groups(request->broker);
	struct committing *committing = arena_take(&request->arena, sizeof *committing);
	int16_t denied = access_group(request, ACL_OPERATION_READ, in->group_id),
		error = denied ? denied : groups_serve(groups, in->group_id);
	struct internal_batch batch;
	struct group *group;
	int count = 0, err;

	if (!committing || !(committing->response = request_response(request))) {
		request_answer(request, NULL);
		return;
	}
	committing->request = request;
	committing->denied = denied != KAFKA_NONE;
	committing->now_ms = broker_wall_ms(request->broker);
	if (!error)
		error = commit_check(group_named(groups, in->group_id), in->member_id, in->group_instance_id,
				     in->generation_id_or_member_epoch, false, request_version(request));
	if (!error)
		error = places_check(request, group_named(groups, in->group_id));
	internal_batch_init(&batch, request->broker);
	if (!commit_all(committing, &batch, error, &count)) {
		internal_batch_done(&batch);
		request_answer(request, NULL);
		return;
	}
	if (count == 0) {
		internal_batch_done(&batch);
		request_answer(request, committing->response);
		return;
	}
	err = internal_batch_append(&batch, internal_log_place(&groups->log, in->group_id), committed,
				    committing);
	group = group_named(groups, in->group_id);
	committing->counted = err == 0 && group;
	if (committing->counted)
		group->commits++;
	if (err != 0)
		committed(committing, &(struct store_appended){ .err = err });
}

/* ---- forgetting ------------------------------------------------------------------------------------------------------ */

struct forgetting {
	struct groups *groups;
	char *group;
	store_append_done *done;
	void *context;
	size_t count;
	struct view keys[]; /* owned */
};

static void forgetting_free(struct forgetting *forgetting)
{
	for (size_t i = 0; i < forgetting->count; i++)
		free((void *)forgetting->keys[i].at);
	free(forgetting->group);
	free(forgetting);
}

static void forgotten(void *context, const struct store_appended *appended)
{
	struct forgetting *forgetting = context;
	struct group *group = group_named(forgetting->groups, view_text(forgetting->group));

	for (size_t i = 0; group && !appended->err && i < forgetting->count; i++)
		position_free(map_remove(&group->positions, forgetting->keys[i]));
	if (forgetting->done)
		forgetting->done(forgetting->context, appended);
	forgetting_free(forgetting);
}

int group_forget(struct group *group, position_wanted *wanted, void *context, store_append_done *done,
		 void *done_context)
{
	struct forgetting *forgetting =
		calloc(1, sizeof *forgetting + group->positions.count * sizeof *forgetting->keys);
	struct internal_batch batch;
	int err = 0;

	if (!forgetting)
		return ERR_MEMORY;
	forgetting->groups = group->groups;
	forgetting->done = done;
	forgetting->context = done_context;
	forgetting->group = strdup(group->id);
	internal_batch_init(&batch, group->groups->broker);
	MAP_EACH(&group->positions, slot)
	{
		struct view topic;
		int32_t partition;
		uint8_t *copy;

		position_key_split(slot->key, &topic, &partition);
		if (!wanted(context, topic, partition, slot->value))
			continue;
		copy = malloc(slot->key.size);
		if (!copy) {
			err = ERR_MEMORY;
			break;
		}
		memcpy(copy, slot->key.at, slot->key.size);
		forgetting->keys[forgetting->count++] = view_of(copy, slot->key.size);
		position_put(&batch, view_text(group->id), topic, partition, NULL);
	}
	if (err == 0 && forgetting->group && forgetting->count > 0) {
		err = internal_batch_append(&batch,
					    internal_log_place(&group->groups->log, view_text(group->id)),
					    forgotten, forgetting);
		if (err == 0)
			return 0;
	} else {
		internal_batch_done(&batch);
	}
	/* Nothing to forget is forgotten at once. */
	if (err == 0 && done)
		done(done_context, &(struct store_appended){ 0 });
	forgetting_free(forgetting);
	return err;
}

/* ---- OffsetDelete ---------------------------------------------------------------------------------------------------- */

struct deleting {
	struct request *request;
	struct offset_delete_response *response;
};

static bool asked_to_forget(void *context, struct view topic, int32_t partition,
			    const struct position *position)
{
	const struct deleting *deleting = context;
	const struct offset_delete_request *in = deleting->request->message;

	for (int32_t i = 0; i < in->topics.count; i++)
		for (int32_t k = 0;
		     view_equal(in->topics.at[i].name, topic) && k < in->topics.at[i].partitions.count; k++)
			if (in->topics.at[i].partitions.at[k].partition_index == partition &&
			    !deleting->response->topics.at[i].partitions.at[k].error_code)
				return true;
	return false;
}

static void deleted(void *context, const struct store_appended *appended)
{
	struct deleting *deleting = context;

	deleting->response->error_code = internal_append_error(appended->err);
	request_answer(deleting->request, deleting->response);
}

static bool fill_deleted(struct deleting *deleting, const struct group *group)
{
	struct request *request = deleting->request;
	const struct offset_delete_request *in = request->message;
	struct offset_delete_response *response = deleting->response;

	response->topics.at = REQUEST_ARRAY(request, offset_delete_response_topic_shape, in->topics.count);
	if (!response->topics.at)
		return false;
	response->topics.count = in->topics.count;
	for (int32_t i = 0; i < in->topics.count; i++) {
		struct offset_delete_response_topic *topic = &response->topics.at[i];
		bool taken = group_subscribed(group, in->topics.at[i].name, &request->arena);
		int16_t denied = access_topic(request, ACL_OPERATION_READ, in->topics.at[i].name);

		topic->name = in->topics.at[i].name;
		topic->partitions.at = REQUEST_ARRAY(request, offset_delete_response_partition_shape,
						     in->topics.at[i].partitions.count);
		if (!topic->partitions.at)
			return false;
		topic->partitions.count = in->topics.at[i].partitions.count;
		for (int32_t k = 0; k < topic->partitions.count; k++) {
			topic->partitions.at[k].partition_index =
				in->topics.at[i].partitions.at[k].partition_index;
			topic->partitions.at[k].error_code = denied  ? denied
							     : taken ? KAFKA_GROUP_SUBSCRIBED_TO_TOPIC
								     : KAFKA_NONE;
		}
	}
	return true;
}

void handle_offset_delete(struct request *request)
{
	const struct offset_delete_request *in = request->message;
	struct groups *groups = broker_groups(request->broker);
	struct deleting *deleting = arena_take(&request->arena, sizeof *deleting);
	struct offset_delete_response *response = request_response(request);
	int16_t denied = access_group(request, ACL_OPERATION_DELETE, in->group_id),
		error = denied ? denied : groups_serve(groups, in->group_id);
	struct group *group = error ? NULL : group_named(groups, in->group_id);
	int err;

	if (!deleting || !response) {
		request_answer(request, NULL);
		return;
	}
	*deleting = (struct deleting){ request, response };
	if (!error && !group)
		error = KAFKA_GROUP_ID_NOT_FOUND;
	if (!error && !group_is_empty(group) &&
	    !(group->protocol_type && strcmp(group->protocol_type, "consumer") == 0))
		error = KAFKA_NON_EMPTY_GROUP;
	response->error_code = error;
	if (error) {
		request_answer(request, response);
		return;
	}
	if (!fill_deleted(deleting, group)) {
		request_answer(request, NULL);
		return;
	}
	err = group_forget(group, asked_to_forget, deleting, deleted, deleting);
	if (err != 0)
		deleted(deleting, &(struct store_appended){ .err = err });
}
