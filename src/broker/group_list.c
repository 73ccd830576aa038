/* group_list.c - ListGroups, DescribeGroups, DeleteGroups: what an administrator asks and does. */
#include <stdlib.h>
#include <strings.h>

#include "broker/access.h"
#include "broker/api.h"
#include "broker/consumer_group.h"
#include "broker/nodes.h"

#define NOT_FOUND_SINCE                                                                                      \
	6 /* of DescribeGroups: a group that is not there is an error, and no dead one (KIP-1043) */

/* ---- ListGroups ------------------------------------------------------------------------------------------------------ */

static bool among(const struct view *words, int32_t count, const char *word)
{
	if (count <= 0)
		return true;
	for (int32_t i = 0; i < count; i++)
		if (words[i].size == strlen(word) &&
		    strncasecmp((const char *)words[i].at, word, words[i].size) == 0)
			return true;
	return false;
}

void handle_list_groups(struct request *request)
{
	const struct list_groups_request *in = request->message;
	struct list_groups_response *response = request_response(request);
	struct groups *groups = broker_groups(request->broker);
	bool all = access_allowed_silently(request, ACL_OPERATION_DESCRIBE, ACL_RESOURCE_CLUSTER,
					   ACCESS_CLUSTER);

	if (response)
		response->groups.at =
			REQUEST_ARRAY(request, list_groups_response_group_shape, groups->by_id.count);
	if (!response || !response->groups.at) {
		request_answer(request, NULL);
		return;
	}
	if (internal_log_ready(&groups->log) == KAFKA_COORDINATOR_LOAD_IN_PROGRESS) {
		response->error_code = KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
		request_answer(request, response);
		return;
	}
	MAP_EACH(&groups->by_id, slot)
	{
		struct group *group = slot->value;
		struct list_groups_response_group *out;

		if (!node_leads(request->node, internal_log_place(&groups->log, view_text(group->id))) ||
		    !among(in->states_filter.at, in->states_filter.count, group_state_name(group)) ||
		    !among(in->types_filter.at, in->types_filter.count, group_type_name(group)) ||
		    !(all || access_allowed_silently(request, ACL_OPERATION_DESCRIBE, ACL_RESOURCE_GROUP,
						     view_text(group->id))))
			continue;
		out = &response->groups.at[response->groups.count++];
		out->group_id = view_text(group->id);
		out->protocol_type = view_text(group->protocol_type ? group->protocol_type : "");
		out->group_state = view_text(group_state_name(group));
		out->group_type = view_text(group_type_name(group));
	}
	request_answer(request, response);
}

/* ---- DescribeGroups -------------------------------------------------------------------------------------------------- */

static bool describe_members(struct request *request, const struct group *group,
			     struct describe_groups_response_group *out)
{
	bool stable = group->state == GROUP_STABLE;

	out->members.at = REQUEST_ARRAY(request, describe_groups_response_member_shape, group->member_count);
	if (!out->members.at)
		return false;
	LIST_EACH(&group->members, link)
	{
		struct member *member = container_of(link, struct member, link);
		const struct member_protocol *protocol = member_protocol(member, group->protocol_name);
		struct describe_groups_response_member *one = &out->members.at[out->members.count++];

		one->member_id = view_text(member->id);
		one->group_instance_id = view_text(member->instance_id);
		one->client_id = view_text(member->client_id);
		one->client_host = view_text(member->client_host);
		one->member_metadata = stable && protocol ? protocol->metadata : VIEW_LITERAL("");
		one->member_assignment =
			stable && member->assignment.at ? member->assignment : VIEW_LITERAL("");
	}
	return true;
}

static bool describe_group(struct request *request, struct view id,
			   struct describe_groups_response_group *out)
{
	const struct describe_groups_request *in = request->message;
	struct groups *groups = broker_groups(request->broker);
	struct group *group;

	out->group_id = id;
	out->error_code = access_group(request, ACL_OPERATION_DESCRIBE, id);
	if (!out->error_code)
		out->error_code = groups_serve(groups, id);
	out->group_state = VIEW_LITERAL("");
	if (out->error_code)
		return true;
	group = group_named(groups, id);
	if (in->include_authorized_operations &&
	    ((group && !group->consumer) || request_version(request) < NOT_FOUND_SINCE))
		out->authorized_operations = access_operations(request, ACL_RESOURCE_GROUP, id);
	if (!group || group->consumer) {
		out->group_state = VIEW_LITERAL("Dead");
		if (request_version(request) >= NOT_FOUND_SINCE) {
			out->error_code = KAFKA_GROUP_ID_NOT_FOUND;
			out->error_message = view_text(arena_printf(
				&request->arena,
				group ? "Group %.*s is not a classic group." : "Group %.*s not found.",
				VIEW_ARGS(id)));
		}
		return true;
	}
	out->group_state = view_text(group_state_name(group));
	out->protocol_type = view_text(group->protocol_type ? group->protocol_type : "");
	out->protocol_data =
		view_text(group->state == GROUP_STABLE && group->protocol_name ? group->protocol_name : "");
	return describe_members(request, group, out);
}

void handle_describe_groups(struct request *request)
{
	const struct describe_groups_request *in = request->message;
	struct describe_groups_response *response = request_response(request);
	bool ok = response && (response->groups.at = REQUEST_ARRAY(
				       request, describe_groups_response_group_shape, in->groups.count));

	for (int32_t i = 0; ok && i < in->groups.count; i++)
		ok = describe_group(request, in->groups.at[i],
				    &response->groups.at[response->groups.count++]);
	request_answer(request, ok ? response : NULL);
}

/* ---- DeleteGroups ---------------------------------------------------------------------------------------------------- */

struct removal {
	struct request *request;
	struct delete_groups_response *response;
	int left;
};

struct removal_one {
	struct removal *removal;
	struct delete_groups_response_result *result;
};

static void removal_step(struct removal *removal)
{
	if (--removal->left == 0)
		request_answer(removal->request, removal->response);
}

static void removed(void *context, const struct store_appended *appended)
{
	struct removal_one *one = context;
	struct groups *groups = broker_groups(one->removal->request->broker);
	struct group *group = group_named(groups, one->result->group_id);

	one->result->error_code = internal_append_error(appended->err);
	/* Somebody may have joined meanwhile: then it is a group again, and its next write says so.  Where it stood it does not know. */
	if (!appended->err && group && group_is_empty(group) && list_empty(&group->pending))
		group_drop(group);
	else if (!appended->err && group)
		positions_forget_before(&group->positions, appended->base_offset);
	removal_step(one->removal);
}

static void remove_one(struct removal *removal, struct delete_groups_response_result *result)
{
	struct request *request = removal->request;
	struct groups *groups = broker_groups(request->broker);
	struct removal_one *one = arena_take(&request->arena, sizeof *one);
	struct internal_batch batch;
	struct group *group;
	int err;

	result->error_code = access_group(request, ACL_OPERATION_DELETE, result->group_id);
	if (!result->error_code)
		result->error_code = groups_serve(groups, result->group_id);
	if (result->error_code)
		return;
	group = group_named(groups, result->group_id);
	if (!group || !one) {
		result->error_code = KAFKA_GROUP_ID_NOT_FOUND;
		return;
	}
	if (!group_is_empty(group) || !list_empty(&group->transactional)) {
		result->error_code = KAFKA_NON_EMPTY_GROUP;
		return;
	}
	/* What is on its way to the log has no tombstone in this, and would be back after a start: a moment, please. */
	if (group->commits) {
		result->error_code = KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
		return;
	}
	internal_batch_init(&batch, request->broker);
	MAP_EACH(&group->positions, slot)
	{
		struct view topic;
		int32_t partition;

		position_key_split(slot->key, &topic, &partition);
		position_put(&batch, result->group_id, topic, partition, NULL);
	}
	if (group->consumer)
		consumer_put_gone(&batch, group->consumer);
	else
		group_put_gone(&batch, group);
	group_past_put(&batch, group);
	*one = (struct removal_one){ removal, result };
	removal->left++;
	err = internal_batch_append(&batch, internal_log_place(&groups->log, result->group_id), removed, one);
	if (err != 0) {
		removal->left--;
		result->error_code = internal_append_error(err);
	}
}

void handle_delete_groups(struct request *request)
{
	const struct delete_groups_request *in = request->message;
	struct removal *removal = arena_take(&request->arena, sizeof *removal);
	struct delete_groups_response *response = request_response(request);

	if (!removal || !response ||
	    !(response->results.at =
		      REQUEST_ARRAY(request, delete_groups_response_result_shape, in->groups_names.count))) {
		request_answer(request, NULL);
		return;
	}
	response->results.count = in->groups_names.count;
	*removal = (struct removal){ request, response, 1 };
	for (int32_t i = 0; i < in->groups_names.count; i++) {
		response->results.at[i].group_id = in->groups_names.at[i];
		remove_one(removal, &response->results.at[i]);
	}
	removal_step(removal);
}
