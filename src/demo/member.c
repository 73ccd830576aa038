/* member.c - FindCoordinator, JoinGroup, SyncGroup, OffsetFetch; then Fetch, Heartbeat, OffsetCommit; LeaveGroup. */
#include <stdio.h>
#include <stdlib.h>

#include "client/admin_groups.h"
#include "client/asks.h"
#include "client/coordinator.h"
#include "client/fetcher.h"
#include "demo/billing.h"
#include "demo/member.h"
#include "wire/kafka_error.h"
#include "wire/messages.h"

#define ASK_MS         5000
#define SESSION_MS     6000
#define MEMORY         ((size_t)16 << 20)
#define ARENA_SIZE     ((size_t)1 << 20)
#define FETCH_WAIT     100
#define POSITION_NONE  (-1)
#define COMMIT_BY_NAME 9 /* from version 10 on topics go by their ids */

struct member {
	struct loop *loop;
	struct cluster *cluster;
	struct allowance *allowance;
	struct fetcher *fetcher;
	member_arrived *arrived;
	void *context;
	int32_t coordinator, generation;
	char id[200];
	int64_t positions[ORDER_PARTITIONS], epochs[ORDER_PARTITIONS];
	bool moved; /* past what was committed */
};

static int ask(struct member *member, int16_t api_key, const void *request, struct arena *arena,
	       void *response, struct fault *fault)
{
	return cluster_ask(member->cluster, member->coordinator, api_key, request, ASK_MS, arena, response,
			   fault);
}

static int refused(const char *what, int16_t error_code, struct fault *fault)
{
	return fault_set(fault, error_code ? ERR_STALE : ERR_BROKER, "billing: %s: %s", what,
			 kafka_error_name(error_code));
}

/* ---- joining ---- */

static int find_coordinator(struct member *member, struct fault *fault)
{
	struct coordinator found = { .key = BILLING_GROUP };
	int err = coordinators_find(member->cluster, COORDINATOR_GROUP, &found, 1, ASK_MS, fault);

	member->coordinator = found.node;
	return err;
}

/* What a member tells of itself and what it is given, as consumers write it: a version, and the message. */
static struct view subscription(struct arena *arena)
{
	struct consumer_protocol_subscription said;
	struct buffer bytes;
	struct view copy, topic = VIEW_LITERAL(ORDER_TOPIC);

	message_default(&consumer_protocol_subscription_message, &said);
	said.topics.at = &topic;
	said.topics.count = 1;
	buffer_init(&bytes, 4096);
	buffer_i16(&bytes, 0);
	message_write(&consumer_protocol_subscription_message, 0, &said, &bytes, NULL);
	copy = arena_copy(arena, buffer_bytes(&bytes));
	buffer_done(&bytes);
	return copy;
}

static struct view assignment(struct arena *arena)
{
	struct consumer_protocol_assignment said;
	struct consumer_protocol_assignment_assigned_partition topic;
	int32_t partitions[ORDER_PARTITIONS];
	struct buffer bytes;
	struct view copy;

	for (int i = 0; i < ORDER_PARTITIONS; i++)
		partitions[i] = i;
	message_default(&consumer_protocol_assignment_message, &said);
	shape_default(&consumer_protocol_assignment_assigned_partition_shape, &topic);
	topic.topic = VIEW_LITERAL(ORDER_TOPIC);
	topic.partitions.at = partitions;
	topic.partitions.count = ORDER_PARTITIONS;
	said.assigned_partitions.at = &topic;
	said.assigned_partitions.count = 1;
	buffer_init(&bytes, 4096);
	buffer_i16(&bytes, 0);
	message_write(&consumer_protocol_assignment_message, 0, &said, &bytes, NULL);
	copy = arena_copy(arena, buffer_bytes(&bytes));
	buffer_done(&bytes);
	return copy;
}

/* The first answer brings an id and no more. */
static int join(struct member *member, struct arena *arena, struct fault *fault)
{
	struct join_group_request request;
	struct join_group_request_protocol protocol;
	struct join_group_response response;
	int err = 0;

	shape_default(&join_group_request_protocol_shape, &protocol);
	protocol.name = VIEW_LITERAL("range");
	protocol.metadata = subscription(arena);
	for (int round = 0; round < 2 && err == 0; round++) {
		message_default(&join_group_request_message, &request);
		request.group_id = VIEW_LITERAL(BILLING_GROUP);
		request.session_timeout_ms = SESSION_MS;
		request.rebalance_timeout_ms = SESSION_MS;
		request.member_id = view_text(member->id);
		request.protocol_type = VIEW_LITERAL("consumer");
		request.protocols.at = &protocol;
		request.protocols.count = 1;
		err = ask(member, API_JOIN_GROUP, &request, arena, &response, fault);
		if (err < 0)
			return err;
		snprintf(member->id, sizeof member->id, "%.*s", VIEW_ARGS(response.member_id));
		if (response.error_code != KAFKA_MEMBER_ID_REQUIRED)
			break;
	}
	if (response.error_code)
		return refused("joining", response.error_code, fault);
	member->generation = response.generation_id;
	if (!view_equal(response.leader, response.member_id) || response.members.count != 1)
		return fault_set(fault, ERR_CONFLICT, "billing: somebody else is in the group");
	return 0;
}

static int take_partitions(struct member *member, struct arena *arena, struct fault *fault)
{
	struct sync_group_request request;
	struct sync_group_request_assignment mine;
	struct sync_group_response response;
	int err;

	shape_default(&sync_group_request_assignment_shape, &mine);
	mine.member_id = view_text(member->id);
	mine.assignment = assignment(arena);
	message_default(&sync_group_request_message, &request);
	request.group_id = VIEW_LITERAL(BILLING_GROUP);
	request.generation_id = member->generation;
	request.member_id = view_text(member->id);
	request.protocol_type = VIEW_LITERAL("consumer");
	request.protocol_name = VIEW_LITERAL("range");
	request.assignments.at = &mine;
	request.assignments.count = 1;
	err = ask(member, API_SYNC_GROUP, &request, arena, &response, fault);
	if (err == 0 && response.error_code)
		err = refused("taking its partitions", response.error_code, fault);
	return err;
}

static int find_place(struct member *member, bool first, struct arena *arena, struct fault *fault)
{
	const char *id = BILLING_GROUP;
	struct group_positions *found = NULL;
	int err = groups_positions(member->cluster, &id, 1, true, ASK_MS, arena, &found, fault);

	for (int i = 0; i < ORDER_PARTITIONS; i++)
		member->positions[i] = member->epochs[i] = POSITION_NONE;
	for (int i = 0; err == 0 && i < found->count; i++) {
		const struct group_position *at = &found->at[i];

		if (strcmp(at->topic, ORDER_TOPIC) != 0 || at->partition >= ORDER_PARTITIONS ||
		    at->offset < 0)
			continue;
		member->positions[at->partition] = at->offset;
		member->epochs[at->partition] = at->leader_epoch;
	}
	for (int i = 0; i < ORDER_PARTITIONS && err == 0; i++) {
		if (member->positions[i] != POSITION_NONE)
			continue;
		if (!first)
			return fault_set(fault, ERR_NOT_FOUND, "billing has no position in %s-%d on the %s",
					 ORDER_TOPIC, i, cluster_name(member->cluster));
		member->positions[i] = 0;
		member->moved = true;
	}
	return err;
}

/* ---- reading ---- */

static void on_records(void *context, const struct fetched *fetched)
{
	struct member *member = context;
	int64_t *position = fetched->owner;

	if (fetched->next_offset <= *position)
		return;
	member->arrived(member->context, fetched->records, fetched->offset);
	*position = fetched->next_offset;
	member->epochs[position - member->positions] = fetched->leader_epoch;
	member->moved = true;
}

/* The fetcher follows brokers by itself; what stops it for good, the checker of the play finds missing. */
static void on_event(void *context, const struct fetch_event *event)
{
}

static int begin_reading(struct member *member, struct fault *fault)
{
	struct fetcher_options options = { .committed = true,
					   .wait_ms = FETCH_WAIT,
					   .records = on_records,
					   .event = on_event,
					   .context = member };
	struct fetch_part *part;
	int err = allowance_new(member->loop, MEMORY, 0, &member->allowance);

	options.allowance = member->allowance;
	if (err == 0)
		err = fetcher_new(member->cluster, &options, &member->fetcher);
	for (int i = 0; i < ORDER_PARTITIONS && err == 0; i++)
		err = fetch_part_add(member->fetcher, ORDER_TOPIC, NULL, i, member->positions[i],
				     (int32_t)member->epochs[i], INT64_MAX, &member->positions[i], &part);
	return err < 0 ? fault_set(fault, err, "billing cannot read: %s", err_text(err)) : 0;
}

/* ---- while it is one ---- */

int member_beat(struct member *member)
{
	struct heartbeat_request request;
	struct heartbeat_response response;
	struct arena arena;
	int err;

	arena_init(&arena, ARENA_SIZE);
	message_default(&heartbeat_request_message, &request);
	request.group_id = VIEW_LITERAL(BILLING_GROUP);
	request.generation_id = member->generation;
	request.member_id = view_text(member->id);
	err = ask(member, API_HEARTBEAT, &request, &arena, &response, NULL);
	if (err == 0 && response.error_code)
		err = ERR_STALE;
	arena_done(&arena);
	return err;
}

static int commit(struct member *member, struct arena *arena)
{
	struct offset_commit_request request;
	struct offset_commit_request_topic topic;
	struct offset_commit_request_partition partitions[ORDER_PARTITIONS];
	const struct offset_commit_response *response;
	struct asks asks;
	int err;

	message_default(&offset_commit_request_message, &request);
	shape_default(&offset_commit_request_topic_shape, &topic);
	for (int i = 0; i < ORDER_PARTITIONS; i++) {
		shape_default(&offset_commit_request_partition_shape, &partitions[i]);
		partitions[i].partition_index = i;
		partitions[i].committed_offset = member->positions[i];
		partitions[i].committed_leader_epoch = (int32_t)member->epochs[i];
		partitions[i].committed_metadata = VIEW_LITERAL("");
	}
	topic.name = VIEW_LITERAL(ORDER_TOPIC);
	topic.partitions.at = partitions;
	topic.partitions.count = ORDER_PARTITIONS;
	request.group_id = VIEW_LITERAL(BILLING_GROUP);
	request.generation_id_or_member_epoch = member->generation;
	request.member_id = view_text(member->id);
	request.topics.at = &topic;
	request.topics.count = 1;
	member->moved = false; /* what arrives while we wait is for the next one */
	asks_init(&asks, member->cluster, ASK_MS, arena);
	err = asks_add_capped(&asks, member->coordinator, API_OFFSET_COMMIT, COMMIT_BY_NAME, &request, NULL);
	if (err == 0)
		err = asks_wait(&asks);
	if (err == 0)
		err = asks.at[0]->err;
	response = err == 0 ? asks.at[0]->response : NULL;
	for (int i = 0; response && i < response->topics.count; i++)
		for (int p = 0; p < response->topics.at[i].partitions.count; p++)
			if (response->topics.at[i].partitions.at[p].error_code)
				err = ERR_STALE;
	member->moved |= err < 0;
	return err;
}

int member_commit(struct member *member)
{
	struct arena arena;
	int err = 0;

	arena_init(&arena, ARENA_SIZE);
	if (member->moved)
		err = commit(member, &arena);
	arena_done(&arena);
	return err;
}

static void say_goodbye(struct member *member)
{
	struct leave_group_request request;
	struct leave_group_request_member mine;
	struct leave_group_response response;
	struct arena arena;

	arena_init(&arena, ARENA_SIZE);
	message_default(&leave_group_request_message, &request);
	shape_default(&leave_group_request_member_shape, &mine);
	mine.member_id = view_text(member->id);
	request.group_id = VIEW_LITERAL(BILLING_GROUP);
	request.members.at = &mine;
	request.members.count = 1;
	ask(member, API_LEAVE_GROUP, &request, &arena, &response,
	    NULL); /* unheard: its session ends by itself */
	arena_done(&arena);
}

static void member_free(struct member *member)
{
	fetcher_free(member->fetcher);
	allowance_free(member->allowance);
	cluster_free(member->cluster);
	free(member);
}

void member_leave(struct member *member)
{
	if (!member)
		return;
	fetcher_free(member->fetcher);
	member->fetcher = NULL;
	member_commit(member);
	say_goodbye(member);
	member_free(member);
}

int member_join(struct loop *loop, uint16_t port, const char *name, bool first, member_arrived *arrived,
		void *context, struct member **out, struct fault *fault)
{
	struct member *member = calloc(1, sizeof *member);
	struct arena arena;
	int err;

	if (!member)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	*member = (struct member){ .loop = loop, .arrived = arrived, .context = context };
	arena_init(&arena, ARENA_SIZE);
	err = client_open(loop, name, port, &member->cluster, fault);
	if (err == 0)
		err = find_coordinator(member, fault);
	if (err == 0)
		err = join(member, &arena, fault);
	if (err == 0)
		err = take_partitions(member, &arena, fault);
	if (err == 0)
		err = find_place(member, first, &arena, fault);
	if (err == 0)
		err = member_commit(member);
	if (err == 0)
		err = begin_reading(member, fault);
	arena_done(&arena);
	if (err < 0) {
		if (member->id[0] && member->cluster)
			say_goodbye(member);
		member_free(member);
		return err;
	}
	*out = member;
	return 0;
}
