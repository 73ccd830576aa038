/*
 * admin_groups.c - which groups there are, and who is in them: ListGroups on every broker, then DescribeGroups or
 * ConsumerGroupDescribe at the coordinators.
 */
#include "client/admin_groups.h"

#include "client/admin_inside.h"
#include "client/coordinator.h"

static int listing_order(const void *a, const void *b)
{
	return strcmp(((const struct group_listing *)a)->id, ((const struct group_listing *)b)->id);
}

static int listings_take(const struct ask *ask, struct arena *arena, struct group_list *out)
{
	const struct list_groups_response *said = ask->response;

	for (int32_t g = 0; g < said->groups.count; g++) {
		struct group_listing *at = &out->at[out->count++];

		at->id = admin_text(arena, said->groups.at[g].group_id);
		at->protocol_type = admin_text(arena, said->groups.at[g].protocol_type);
		at->state = ask->version >= 4 ? admin_text(arena, said->groups.at[g].group_state) : NULL;
		at->type = ask->version >= 5 ? admin_text(arena, said->groups.at[g].group_type) : NULL;
		at->coordinator = ask->node;
		if (!at->id)
			return ERR_MEMORY;
	}
	return 0;
}

int groups_list(struct cluster *cluster, int64_t timeout_ms, struct arena *arena, struct group_list *out,
		struct fault *fault)
{
	struct list_groups_request request;
	struct group_list list = { 0 };
	struct asks asks;
	size_t most = 0;
	int err = admin_ready(cluster, timeout_ms, fault);

	if (err < 0)
		return err;
	request_default(API_LIST_GROUPS, &request);
	asks_init(&asks, cluster, timeout_ms, arena);
	err = asks_add_brokers(&asks, API_LIST_GROUPS, &request);
	int stopped = asks_wait(&asks);
	if (err < 0 || stopped < 0)
		return fault_set(fault, err < 0 ? err : stopped, "%s: listing the groups: %s", cluster->name,
				 err_text(err < 0 ? err : stopped));
	for (int i = 0; i < asks.count; i++) {
		const struct list_groups_response *said = asks.at[i]->response;

		if (asks.at[i]->err == 0 && said->error_code)
			asks.at[i]->err = admin_refused(cluster, API_LIST_GROUPS, said->error_code, VIEW_NULL,
							&asks.at[i]->fault);
		if (asks.at[i]->err == 0 && said->groups.count > 0)
			most += (size_t)said->groups.count;
	}
	list.failed_count = asks_failed(&asks, &list.failed);
	if (list.failed_count == asks.count) {
		if (fault)
			*fault = list.failed;
		return list.failed.err;
	}
	list.at = arena_array(arena, most, sizeof *list.at);
	if (!list.at)
		return admin_no_memory(cluster, fault);
	for (int i = 0; i < asks.count && err == 0; i++)
		if (asks.at[i]->err == 0)
			err = listings_take(asks.at[i], arena, &list);
	if (err < 0)
		return admin_no_memory(cluster, fault);
	if (list.count > 1)
		qsort(list.at, (size_t)list.count, sizeof *list.at, listing_order);
	*out = list;
	return 0;
}

/* ---- describing ---- */

static struct group_detail *detail_of(struct group_detail *details, int count, struct view id)
{
	for (int i = 0; i < count; i++)
		if (view_is(id, details[i].id))
			return &details[i];
	return NULL;
}

/* A member of the classic protocol tells its topics and partitions in bytes of its own (ConsumerProtocol*). */
static int classic_subscription(struct view bytes, struct arena *arena, struct group_member *out)
{
	struct consumer_protocol_subscription said;
	struct cursor c = cursor_over(bytes);
	int16_t version = cursor_i16(&c);
	const char **topics;
	struct view body = view_of(c.at, cursor_left(&c));

	if (c.fault || version < 0)
		return 0; /* another protocol than the consumers' (Connect): not ours to read */
	if (message_read(&consumer_protocol_subscription_message, version > 3 ? 3 : version, body, arena, &said,
			 NULL) < 0)
		return 0;
	topics = arena_array(arena, (size_t)said.topics.count, sizeof *topics);
	if (!topics)
		return ERR_MEMORY;
	for (int32_t i = 0; i < said.topics.count; i++)
		topics[i] = admin_text(arena, said.topics.at[i]);
	out->topics = topics;
	out->topic_count = said.topics.count;
	return 0;
}

static int classic_assignment(struct view bytes, struct arena *arena, struct group_member *out)
{
	struct consumer_protocol_assignment said;
	struct cursor c = cursor_over(bytes);
	int16_t version = cursor_i16(&c);
	struct view body = view_of(c.at, cursor_left(&c));
	size_t most = 0;

	if (c.fault || version < 0 ||
	    message_read(&consumer_protocol_assignment_message, version > 3 ? 3 : version, body, arena, &said,
			 NULL) < 0)
		return 0;
	for (int32_t t = 0; t < said.assigned_partitions.count; t++)
		most += (size_t)said.assigned_partitions.at[t].partitions.count;
	out->assigned = arena_array(arena, most, sizeof *out->assigned);
	if (!out->assigned)
		return ERR_MEMORY;
	for (int32_t t = 0; t < said.assigned_partitions.count; t++) {
		const char *topic = admin_text(arena, said.assigned_partitions.at[t].topic);

		for (int32_t p = 0; p < said.assigned_partitions.at[t].partitions.count; p++)
			out->assigned[out->assigned_count++] = (struct group_partition){
				topic, said.assigned_partitions.at[t].partitions.at[p]
			};
	}
	return 0;
}

static int classic_take(const struct ask *ask, struct arena *arena, struct group_detail *details, int count)
{
	const struct describe_groups_response *said = ask->response;

	for (int32_t g = 0; g < said->groups.count; g++) {
		const struct describe_groups_response_group *group = &said->groups.at[g];
		struct group_detail *out = detail_of(details, count, group->group_id);

		if (!out || (group->error_code && kafka_error_retriable(group->error_code)))
			continue;
		out->error_code = group->error_code;
		out->error_text = admin_text(arena, group->error_message);
		out->err = error_code_err(group->error_code);
		out->state = admin_text(arena, group->group_state);
		out->protocol_type = admin_text(arena, group->protocol_type);
		out->assignor = admin_text(arena, group->protocol_data);
		out->type = "classic";
		out->coordinator = ask->node;
		if (out->err == 0 && view_is(group->group_state, "Dead"))
			out->err = ERR_NOT_FOUND; /* so brokers before 4.0 say that there is no such group */
		out->members = arena_array(arena, (size_t)group->members.count, sizeof *out->members);
		if (!out->members)
			return ERR_MEMORY;
		out->member_count = group->members.count > 0 ? group->members.count : 0;
		for (int32_t m = 0; m < group->members.count; m++) {
			const struct describe_groups_response_member *one = &group->members.at[m];
			struct group_member *member = &out->members[m];

			member->id = admin_text(arena, one->member_id);
			member->instance_id = admin_text(arena, one->group_instance_id);
			member->client_id = admin_text(arena, one->client_id);
			member->client_host = admin_text(arena, one->client_host);
			if (!view_is(group->protocol_type, "consumer"))
				continue;
			if (classic_subscription(one->member_metadata, arena, member) < 0 ||
			    classic_assignment(one->member_assignment, arena, member) < 0)
				return ERR_MEMORY;
		}
	}
	return 0;
}

static int new_member_take(const struct consumer_group_describe_response_member *said, struct arena *arena,
			   struct group_member *out)
{
	size_t most = 0;
	const char **topics = arena_array(arena, (size_t)said->subscribed_topic_names.count, sizeof *topics);

	out->id = admin_text(arena, said->member_id);
	out->instance_id = admin_text(arena, said->instance_id);
	out->client_id = admin_text(arena, said->client_id);
	out->client_host = admin_text(arena, said->client_host);
	for (int32_t i = 0; topics && i < said->subscribed_topic_names.count; i++)
		topics[i] = admin_text(arena, said->subscribed_topic_names.at[i]);
	out->topics = topics;
	out->topic_count = topics ? said->subscribed_topic_names.count : 0;
	for (int32_t t = 0; t < said->assignment.topic_partitions.count; t++)
		most += (size_t)said->assignment.topic_partitions.at[t].partitions.count;
	out->assigned = arena_array(arena, most, sizeof *out->assigned);
	if (!topics || !out->assigned)
		return ERR_MEMORY;
	for (int32_t t = 0; t < said->assignment.topic_partitions.count; t++) {
		const char *topic = admin_text(arena, said->assignment.topic_partitions.at[t].topic_name);

		for (int32_t p = 0; p < said->assignment.topic_partitions.at[t].partitions.count; p++)
			out->assigned[out->assigned_count++] = (struct group_partition){
				topic, said->assignment.topic_partitions.at[t].partitions.at[p]
			};
	}
	return 0;
}

/* KIP-848.  A classic group answers GROUP_ID_NOT_FOUND here and is asked for the other way. */
static int new_take(const struct ask *ask, struct arena *arena, struct group_detail *details, int count)
{
	const struct consumer_group_describe_response *said = ask->response;

	for (int32_t g = 0; g < said->groups.count; g++) {
		const struct consumer_group_describe_response_group *group = &said->groups.at[g];
		struct group_detail *out = detail_of(details, count, group->group_id);

		if (!out || group->error_code)
			continue;
		out->error_code = 0;
		out->err = 0;
		out->state = admin_text(arena, group->group_state);
		out->protocol_type = "consumer";
		out->assignor = admin_text(arena, group->assignor_name);
		out->type = "consumer";
		out->coordinator = ask->node;
		out->members = arena_array(arena, (size_t)group->members.count, sizeof *out->members);
		if (!out->members)
			return ERR_MEMORY;
		out->member_count = group->members.count > 0 ? group->members.count : 0;
		for (int32_t m = 0; m < group->members.count; m++)
			if (new_member_take(&group->members.at[m], arena, &out->members[m]) < 0)
				return ERR_MEMORY;
	}
	return 0;
}

/* One request a coordinator, for those of its groups that are still open. */
static int describe_asks(struct asks *asks, bool new_protocol, const struct group_detail *details,
			 const struct coordinator *coordinators, int count)
{
	int err = 0;

	for (int i = 0; i < count && err == 0; i++) {
		struct view *ids;
		int id_count = 0;
		bool first = details[i].err == ERR_STALE && coordinators[i].err == 0;

		for (int j = 0; j < i && first; j++) /* the first open group of its coordinator asks for all */
			first = !(coordinators[j].node == coordinators[i].node && details[j].err == ERR_STALE &&
				  coordinators[j].err == 0);
		if (!first)
			continue;
		ids = arena_array(asks->arena, (size_t)count, sizeof *ids);
		if (!ids)
			return ERR_MEMORY;
		for (int j = i; j < count; j++)
			if (details[j].err == ERR_STALE && coordinators[j].err == 0 &&
			    coordinators[j].node == coordinators[i].node)
				ids[id_count++] = view_text(details[j].id);
		if (new_protocol) {
			struct consumer_group_describe_request *request = arena_take(asks->arena, sizeof *request);

			if (!request)
				return ERR_MEMORY;
			request_default(API_CONSUMER_GROUP_DESCRIBE, request);
			request->group_ids.at = ids;
			request->group_ids.count = id_count;
			err = asks_add(asks, coordinators[i].node, API_CONSUMER_GROUP_DESCRIBE, request, NULL);
		} else {
			struct describe_groups_request *request = arena_take(asks->arena, sizeof *request);

			if (!request)
				return ERR_MEMORY;
			request_default(API_DESCRIBE_GROUPS, request);
			request->groups.at = ids;
			request->groups.count = id_count;
			err = asks_add(asks, coordinators[i].node, API_DESCRIBE_GROUPS, request, NULL);
		}
	}
	return err;
}

static int describe_round(struct cluster *cluster, bool new_protocol, struct group_detail *details,
			  const struct coordinator *coordinators, int count, int64_t deadline_ms, struct arena *arena,
			  struct fault *last)
{
	struct asks asks;
	int err;

	asks_init(&asks, cluster, admin_round_ms(cluster, deadline_ms), arena);
	err = describe_asks(&asks, new_protocol, details, coordinators, count);
	int stopped = asks_wait(&asks);
	for (int i = 0; i < asks.count && err == 0; i++) {
		if (asks.at[i]->err < 0)
			*last = asks.at[i]->fault;
		else
			err = new_protocol ? new_take(asks.at[i], arena, details, count)
					   : classic_take(asks.at[i], arena, details, count);
	}
	return err < 0 ? err : stopped;
}

static bool details_open(const struct group_detail *details, int count)
{
	for (int i = 0; i < count; i++)
		if (details[i].err == ERR_STALE)
			return true;
	return false;
}

int groups_describe(struct cluster *cluster, const char *const *ids, int count, int64_t timeout_ms,
		    struct arena *arena, struct group_detail **out, struct fault *fault)
{
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct group_detail *details = arena_array(arena, (size_t)count, sizeof *details);
	struct coordinator *coordinators = arena_array(arena, (size_t)count, sizeof *coordinators);
	struct fault last = { 0 };
	int err = admin_ready(cluster, timeout_ms, fault);

	if (err < 0)
		return err;
	if (!details || !coordinators)
		return admin_no_memory(cluster, fault);
	for (int i = 0; i < count; i++) {
		details[i].id = arena_text(arena, ids[i]);
		details[i].err = ERR_STALE;
		details[i].coordinator = -1;
	}
	for (int round = 0; err == 0 && details_open(details, count) && cluster_now(cluster) < deadline_ms; round++) {
		if (round > 0)
			err = cluster_pause(cluster, cluster_backoff(cluster, 100, 1000, round - 1));
		for (int i = 0; i < count; i++)
			coordinators[i].key = details[i].id;
		if (err == 0)
			coordinators_find(cluster, COORDINATOR_GROUP, coordinators, count,
					  admin_round_ms(cluster, deadline_ms), &last);
		for (int i = 0; i < count; i++)
			if (details[i].err == ERR_STALE && fault_is_final(coordinators[i].err)) {
				details[i].err = coordinators[i].err;
				details[i].error_code = coordinators[i].error_code;
			}
		if (err == 0 && cluster_version_everywhere(cluster, API_CONSUMER_GROUP_DESCRIBE) >= 0)
			err = describe_round(cluster, true, details, coordinators, count, deadline_ms, arena, &last);
		if (err == 0)
			err = describe_round(cluster, false, details, coordinators, count, deadline_ms, arena, &last);
	}
	if (err == ERR_MEMORY)
		return admin_no_memory(cluster, fault);
	for (int i = 0; i < count; i++)
		if (details[i].err == ERR_STALE)
			details[i].err = err < 0 ? err : last.err ? last.err : ERR_TIMEOUT;
	if (err < 0)
		return fault_set(fault, err, "%s: describing groups: %s", cluster->name, err_text(err));
	*out = details;
	return 0;
}
