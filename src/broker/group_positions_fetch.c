/* group_positions_fetch.c - OffsetFetch: where groups stand, of either kind, in each version of the question. */
#include <stdlib.h>

#include "broker/access.h"
#include "broker/api.h"
#include "broker/consumer_group.h"

#define TOPIC_IDS_SINCE 10

/* A member of a consumer group, in the epoch that it is in. */
static int16_t epoch_check(struct consumer_group *consumer, struct view member_id, int32_t epoch)
{
	struct consumer_member *member = consumer_member_find(consumer, member_id);

	if (!member)
		return KAFKA_UNKNOWN_MEMBER_ID;
	if (member->is.epoch == epoch)
		return KAFKA_NONE;
	return member->classic ? KAFKA_ILLEGAL_GENERATION : KAFKA_STALE_MEMBER_EPOCH;
}

/* Is a transaction about to change it? */
static bool unstable(const struct group *group, struct view topic, int32_t partition)
{
	uint8_t raw[POSITION_KEY_MAX];
	struct view key = position_key(raw, topic, partition);

	LIST_EACH(&group->transactional, link)
	if (map_get(&container_of(link, struct pending_positions, link)->positions, key))
		return true;
	return false;
}

static void fetch_position(const struct request *request, struct group *group, struct view topic,
			   struct offset_fetch_response_group_partition *out)
{
	const struct offset_fetch_request *in = request->message;
	uint8_t raw[POSITION_KEY_MAX];
	struct position *position =
		group ? map_get(&group->positions, position_key(raw, topic, out->partition_index)) : NULL;

	out->committed_offset = -1;
	out->committed_leader_epoch = -1;
	out->metadata = VIEW_LITERAL("");
	if (group && in->require_stable && unstable(group, topic, out->partition_index)) {
		out->error_code = KAFKA_UNSTABLE_OFFSET_COMMIT;
	} else if (position) {
		out->committed_offset = position->offset;
		out->committed_leader_epoch = position->leader_epoch;
		out->metadata = view_text(position->metadata);
	}
}

static int by_topic(const void *a, const void *b)
{
	struct view x, y;
	int32_t p, q;
	int order;

	position_key_split(*(const struct view *)a, &x, &p);
	position_key_split(*(const struct view *)b, &y, &q);
	order = view_compare(x, y);
	return order ? order : (p > q) - (p < q);
}

/* All positions of a group. */
static bool fetch_all(struct request *request, struct group *group, struct offset_fetch_response_group *out)
{
	size_t count = group ? group->positions.count : 0, n = 0;
	struct view *keys = arena_array(&request->arena, count, sizeof *keys);

	out->topics.at = REQUEST_ARRAY(request, offset_fetch_response_group_topic_shape, count);
	if (!keys || !out->topics.at)
		return false;
	if (group)
		MAP_EACH(&group->positions, slot)
	keys[n++] = slot->key;
	qsort(keys, n, sizeof *keys, by_topic);
	for (size_t i = 0; i < n;) {
		struct offset_fetch_response_group_topic *topic = &out->topics.at[out->topics.count];
		struct store_topic *known;
		int32_t partition;
		size_t end = i;
		struct view name, other;

		position_key_split(keys[i], &name, &partition);
		for (other = name; end < n && view_equal(name, other);)
			if (++end < n)
				position_key_split(keys[end], &other, &partition);
		if (!access_allowed_silently(request, ACL_OPERATION_DESCRIBE, ACL_RESOURCE_TOPIC, name)) {
			i = end;
			continue;
		}
		out->topics.count++;
		topic->name = name;
		known = store_topic_named(request->broker->store, name);
		if (known)
			memcpy(topic->topic_id.bytes, known->id, 16);
		topic->partitions.at =
			REQUEST_ARRAY(request, offset_fetch_response_group_partition_shape, end - i);
		if (!topic->partitions.at)
			return false;
		for (; i < end; i++) {
			struct offset_fetch_response_group_partition *one =
				&topic->partitions.at[topic->partitions.count++];

			position_key_split(keys[i], &other, &one->partition_index);
			fetch_position(request, group, name, one);
		}
	}
	return true;
}

/* Those that were asked for. */
static bool fetch_some(struct request *request, struct group *group,
		       const struct offset_fetch_request_group *in, struct offset_fetch_response_group *out)
{
	bool ids = request_version(request) >= TOPIC_IDS_SINCE;

	out->topics.at = REQUEST_ARRAY(request, offset_fetch_response_group_topic_shape, in->topics.count);
	if (!out->topics.at)
		return false;
	out->topics.count = in->topics.count;
	for (int32_t i = 0; i < in->topics.count; i++) {
		const struct offset_fetch_request_group_topic *asked = &in->topics.at[i];
		struct offset_fetch_response_group_topic *topic = &out->topics.at[i];
		struct store_topic *known =
			ids ? store_topic_by_id(request->broker->store, asked->topic_id.bytes) : NULL;
		struct view name = ids ? VIEW_NULL : asked->name;
		int16_t denied = KAFKA_NONE;

		if (known)
			name = arena_copy(&request->arena, view_text(known->name));
		if (name.at)
			denied = access_topic(request, ACL_OPERATION_DESCRIBE, name);
		topic->name = asked->name;
		topic->topic_id = asked->topic_id;
		topic->partitions.at = REQUEST_ARRAY(request, offset_fetch_response_group_partition_shape,
						     asked->partition_indexes.count);
		if (!topic->partitions.at)
			return false;
		topic->partitions.count = asked->partition_indexes.count;
		for (int32_t k = 0; k < asked->partition_indexes.count; k++) {
			struct offset_fetch_response_group_partition *one = &topic->partitions.at[k];

			one->partition_index = asked->partition_indexes.at[k];
			fetch_position(request, name.at && !denied ? group : NULL,
				       name.at ? name : VIEW_LITERAL(""), one);
			if (denied || !name.at)
				one->error_code = denied ? denied : KAFKA_UNKNOWN_TOPIC_ID;
		}
	}
	return true;
}

static bool fetch_group(struct request *request, const struct offset_fetch_request_group *in,
			struct offset_fetch_response_group *out)
{
	struct groups *groups = broker_groups(request->broker);
	struct group *group;

	out->group_id = in->group_id;
	out->error_code = access_group(request, ACL_OPERATION_DESCRIBE, in->group_id);
	if (!out->error_code)
		out->error_code = groups_serve(groups, in->group_id);
	if (out->error_code)
		return true;
	group = group_named(groups, in->group_id);
	if (group && group->consumer && (in->member_id.at || in->member_epoch >= 0))
		out->error_code = epoch_check(group->consumer, in->member_id, in->member_epoch);
	if (out->error_code)
		return true;
	return in->topics.count < 0 ? fetch_all(request, group, out) : fetch_some(request, group, in, out);
}

/* Each partition says the error of the whole. */
static bool refuse_places(struct request *request, const struct offset_fetch_request_group *in,
			  struct offset_fetch_response_group *out)
{
	int32_t count = in->topics.count > 0 ? in->topics.count : 0;

	out->topics.at = REQUEST_ARRAY(request, offset_fetch_response_group_topic_shape, count);
	if (!out->topics.at)
		return false;
	for (int32_t i = 0; i < count; i++) {
		struct offset_fetch_response_group_topic *topic = &out->topics.at[out->topics.count++];
		int32_t places = in->topics.at[i].partition_indexes.count;

		topic->name = in->topics.at[i].name;
		topic->partitions.at =
			REQUEST_ARRAY(request, offset_fetch_response_group_partition_shape, places);
		if (!topic->partitions.at)
			return false;
		for (int32_t k = 0; k < places; k++) {
			struct offset_fetch_response_group_partition *one =
				&topic->partitions.at[topic->partitions.count++];

			one->partition_index = in->topics.at[i].partition_indexes.at[k];
			one->committed_offset = -1;
			one->committed_leader_epoch = -1;
			one->metadata = VIEW_LITERAL("");
			one->error_code = out->error_code;
		}
	}
	return true;
}

/* Before version 8: one group, in other fields; before version 2 without a place for its error. */
static bool fetch_old(struct request *request, struct offset_fetch_response *response)
{
	const struct offset_fetch_request *in = request->message;
	struct offset_fetch_request_group asked = { .group_id = in->group_id, .member_epoch = -1 };
	struct offset_fetch_response_group found = { 0 };

	asked.topics.count = in->topics.count;
	asked.topics.at =
		in->topics.count > 0
			? REQUEST_ARRAY(request, offset_fetch_request_group_topic_shape, in->topics.count)
			: NULL;
	if (in->topics.count > 0 && !asked.topics.at)
		return false;
	for (int32_t i = 0; i < in->topics.count; i++) {
		asked.topics.at[i].name = in->topics.at[i].name;
		asked.topics.at[i].partition_indexes.at = in->topics.at[i].partition_indexes.at;
		asked.topics.at[i].partition_indexes.count = in->topics.at[i].partition_indexes.count;
	}
	if (!fetch_group(request, &asked, &found))
		return false;
	if (found.error_code && request_version(request) < 2 && !refuse_places(request, &asked, &found))
		return false;
	response->error_code = found.error_code;
	response->topics.at = REQUEST_ARRAY(request, offset_fetch_response_topic_shape, found.topics.count);
	if (!response->topics.at)
		return false;
	response->topics.count = found.topics.count;
	for (int32_t i = 0; i < found.topics.count; i++) {
		struct offset_fetch_response_topic *topic = &response->topics.at[i];
		int32_t count = found.topics.at[i].partitions.count;

		topic->name = found.topics.at[i].name;
		topic->partitions.at = REQUEST_ARRAY(request, offset_fetch_response_partition_shape, count);
		if (!topic->partitions.at)
			return false;
		topic->partitions.count = count;
		for (int32_t k = 0; k < count; k++) {
			const struct offset_fetch_response_group_partition *from =
				&found.topics.at[i].partitions.at[k];

			topic->partitions.at[k].partition_index = from->partition_index;
			topic->partitions.at[k].committed_offset = from->committed_offset;
			topic->partitions.at[k].committed_leader_epoch = from->committed_leader_epoch;
			topic->partitions.at[k].metadata = from->metadata;
			topic->partitions.at[k].error_code = from->error_code;
		}
	}
	return true;
}

void handle_offset_fetch(struct request *request)
{
	const struct offset_fetch_request *in = request->message;
	struct offset_fetch_response *response = request_response(request);
	bool ok = response != NULL;

	if (ok && request_version(request) < 8) {
		ok = fetch_old(request, response);
	} else if (ok) {
		response->groups.at =
			REQUEST_ARRAY(request, offset_fetch_response_group_shape, in->groups.count);
		ok = response->groups.at != NULL;
		response->groups.count = ok ? in->groups.count : 0;
		for (int32_t i = 0; ok && i < in->groups.count; i++)
			ok = fetch_group(request, &in->groups.at[i], &response->groups.at[i]);
	}
	request_answer(request, ok ? response : NULL);
}
