/* consumer_describe.c - ConsumerGroupDescribe: a group of the newer protocol, as an administrator sees it. */
#include "broker/access.h"
#include "broker/api.h"
#include "broker/consumer_group.h"

#define MEMBER_CLASSIC  0
#define MEMBER_CONSUMER 1

typedef struct consumer_group_describe_response_group told_t;
typedef struct consumer_group_describe_response_member told_member_t;
typedef struct consumer_group_describe_response_assignment told_assignment_t;

/* A topic that is gone has no name to tell. */
static bool tell_places(struct request *request, const struct places *places, told_assignment_t *out)
{
	out->topic_partitions.at = REQUEST_ARRAY(
		request, consumer_group_describe_response_topic_partitions_shape, places->count);
	for (int i = 0, run; out->topic_partitions.at && i < places->count; i += run) {
		struct consumer_group_describe_response_topic_partitions *one;
		struct store_topic *topic = store_topic_by_id(request->broker->store, places->at[i].topic);

		run = places_run(places, i);
		if (!topic)
			continue;
		one = &out->topic_partitions.at[out->topic_partitions.count++];
		memcpy(one->topic_id.bytes, topic->id, 16);
		one->topic_name = arena_copy(&request->arena, view_text(topic->name));
		one->partitions.at = arena_array(&request->arena, (size_t)run, sizeof(int32_t));
		if (!one->partitions.at)
			return false;
		for (int k = 0; k < run; k++)
			one->partitions.at[one->partitions.count++] = places->at[i + k].partition;
	}
	return out->topic_partitions.at != NULL;
}

static bool tell_member(struct request *request, const struct consumer_member *member, told_member_t *out)
{
	out->member_id = view_text(member->id);
	out->instance_id = view_text(member->instance_id);
	out->rack_id = view_text(member->rack_id);
	out->member_epoch = member->is.epoch;
	out->client_id = view_text(member->client_id);
	out->client_host = view_text(member->client_host);
	out->subscribed_topic_regex = member->regex && *member->regex ? view_text(member->regex) : VIEW_NULL;
	out->member_type = member->classic ? MEMBER_CLASSIC : MEMBER_CONSUMER;
	out->subscribed_topic_names.at =
		arena_array(&request->arena, (size_t)member->topic_count, sizeof(struct view));
	if (!out->subscribed_topic_names.at)
		return false;
	for (int i = 0; i < member->topic_count; i++)
		out->subscribed_topic_names.at[out->subscribed_topic_names.count++] =
			view_text(member->topics[i]);
	return tell_places(request, &member->is.assigned, &out->assignment) &&
	       tell_places(request, &member->target, &out->target_assignment);
}

static bool tell_group(struct request *request, const struct consumer_group *consumer, told_t *out)
{
	const struct consumer_group_describe_request *in = request->message;

	out->group_state = view_text(consumer_state_name(consumer));
	out->group_epoch = consumer->epoch;
	out->assignment_epoch = consumer->assignment_epoch;
	out->assignor_name = view_text(consumer_assignor(consumer));
	if (in->include_authorized_operations)
		out->authorized_operations = access_operations(request, ACL_RESOURCE_GROUP, out->group_id);
	out->members.at =
		REQUEST_ARRAY(request, consumer_group_describe_response_member_shape, consumer->member_count);
	if (!out->members.at)
		return false;
	LIST_EACH(&consumer->members, link)
	if (!tell_member(request, container_of(link, struct consumer_member, link),
			 &out->members.at[out->members.count++]))
		return false;
	return true;
}

static bool may_show(struct request *request, const told_assignment_t *assignment)
{
	for (int32_t i = 0; i < assignment->topic_partitions.count; i++)
		if (access_topic(request, ACL_OPERATION_DESCRIBE,
				 assignment->topic_partitions.at[i].topic_name))
			return false;
	return true;
}

/* One topic that must not be seen, and nothing is told of the group. */
static void hide_denied(struct request *request, told_t *out)
{
	bool shown = true;

	for (int32_t i = 0; shown && i < out->members.count; i++)
		shown = may_show(request, &out->members.at[i].assignment) &&
			may_show(request, &out->members.at[i].target_assignment);
	if (shown)
		return;
	*out = (told_t){ .group_id = out->group_id,
			 .error_code = KAFKA_TOPIC_AUTHORIZATION_FAILED,
			 .error_message = VIEW_LITERAL("The group has topics that may not be described."),
			 .group_state = VIEW_LITERAL(""),
			 .assignor_name = VIEW_LITERAL(""),
			 .authorized_operations = INT32_MIN };
}

static bool describe(struct request *request, struct view id, told_t *out)
{
	struct groups *groups = broker_groups(request->broker);
	struct group *group;

	out->group_id = id;
	out->group_state = out->assignor_name = VIEW_LITERAL("");
	out->error_code = access_group(request, ACL_OPERATION_DESCRIBE, id);
	if (!out->error_code)
		out->error_code = groups_serve(groups, id);
	if (out->error_code)
		return true;
	group = group_named(groups, id);
	if (group && group->consumer) {
		if (!tell_group(request, group->consumer, out))
			return false;
		hide_denied(request, out);
		return true;
	}
	out->error_code = KAFKA_GROUP_ID_NOT_FOUND;
	out->error_message = view_text(arena_printf(
		&request->arena, group ? "Group %.*s is not a consumer group." : "Group %.*s not found.",
		VIEW_ARGS(id)));
	return true;
}

void handle_consumer_group_describe(struct request *request)
{
	const struct consumer_group_describe_request *in = request->message;
	struct consumer_group_describe_response *response = request_response(request);
	bool ok = response &&
		  (response->groups.at = REQUEST_ARRAY(request, consumer_group_describe_response_group_shape,
						       in->group_ids.count));

	for (int32_t i = 0; ok && i < in->group_ids.count; i++)
		ok = describe(request, in->group_ids.at[i], &response->groups.at[response->groups.count++]);
	request_answer(request, ok ? response : NULL);
}
