/* group_join.c - JoinGroup, SyncGroup, Heartbeat, LeaveGroup. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/access.h"
#include "broker/api.h"
#include "broker/consumer_classic.h"
#include "broker/pipeline.h"

#define PROTOCOLS_MAX   100
#define ID_SIZE_MAX     200
#define FRESH_MEMBER_MS 300000
#define MEMBER_ID_SINCE 4 /* of JoinGroup: ids are given out first (KIP-394) */
#define SKIP_SINCE      9 /* a leader that came back is told not to assign (KIP-814) */

/* ---- answers --------------------------------------------------------------------------------------------------------- */

void join_refuse(struct request *request, int16_t error, struct view member_id)
{
	struct join_group_response *response = request_response(request);

	if (response) {
		response->error_code = error;
		response->member_id =
			arena_copy(&request->arena, member_id.at ? member_id : VIEW_LITERAL(""));
		response->protocol_name = request_version(request) >= 7 ? VIEW_NULL : VIEW_LITERAL("");
		response->leader = VIEW_LITERAL("");
	}
	request_answer(request, response);
}

static bool tell_members(struct request *request, const struct group *group,
			 struct join_group_response *response)
{
	response->members.at = REQUEST_ARRAY(request, join_group_response_member_shape, group->member_count);
	if (!response->members.at)
		return false;
	LIST_EACH(&group->members, link)
	{
		struct member *member = container_of(link, struct member, link);
		const struct member_protocol *protocol = member_protocol(member, group->protocol_name);
		struct join_group_response_member *out = &response->members.at[response->members.count++];

		out->member_id = view_text(member->id);
		out->group_instance_id = view_text(member->instance_id);
		out->metadata = protocol ? protocol->metadata : VIEW_LITERAL("");
	}
	return true;
}

void join_answer_member(struct member *member, struct request *request, bool skip_assignment)
{
	struct group *group = member->group;
	struct join_group_response *response = request_response(request);
	bool leads = group->leader && strcmp(group->leader, member->id) == 0, ok = response != NULL;

	if (response) {
		response->generation_id = group->generation;
		response->protocol_type = view_text(group->protocol_type);
		response->protocol_name =
			group->protocol_name ? view_text(group->protocol_name) : VIEW_LITERAL("");
		response->leader = group->leader ? view_text(group->leader) : VIEW_LITERAL("");
		response->member_id = view_text(member->id);
		response->skip_assignment = leads && skip_assignment;
		if (leads)
			ok = tell_members(request, group, response);
	}
	request_answer(request, ok ? response : NULL);
}

void sync_answer(struct request *request, int16_t error, const struct member *member)
{
	struct sync_group_response *response = request_response(request);

	if (response) {
		response->error_code = error;
		response->assignment = VIEW_LITERAL("");
		if (!error && member) {
			response->protocol_type = view_text(member->group->protocol_type);
			response->protocol_name = view_text(member->group->protocol_name);
			if (member->assignment.at)
				response->assignment = member->assignment;
		}
	}
	request_answer(request, response);
}

/* ---- JoinGroup ------------------------------------------------------------------------------------------------------- */

/* The name in front is what people see in listings, and what clients cut off again. */
char *member_id_make(const struct request *request, struct view instance_id)
{
	struct view name = instance_id.at ? instance_id : request->head.client_id;
	char *id = malloc(name.size + 40);
	uint8_t u[16];

	if (!id)
		return NULL;
	broker_uuid_make(u);
	sprintf(id, "%.*s-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		VIEW_ARGS(name), u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11],
		u[12], u[13], u[14], u[15]);
	return id;
}

static void protocols_free(struct member_protocol *protocols, int count)
{
	for (int i = 0; protocols && i < count; i++) {
		free(protocols[i].name);
		free((void *)protocols[i].metadata.at);
	}
	free(protocols);
}

/* What the member says now takes the place of what it said. */
static bool member_update(struct member *member, const struct join_group_request *in, int16_t version)
{
	struct member_protocol *protocols = calloc((size_t)in->protocols.count, sizeof *protocols);
	int count = 0;

	for (; protocols && count < in->protocols.count; count++) {
		struct view metadata = in->protocols.at[count].metadata;
		uint8_t *copy = malloc(metadata.size ? metadata.size : 1);

		protocols[count].name = view_string(in->protocols.at[count].name);
		protocols[count].metadata = view_of(copy, metadata.size);
		if (!copy || !protocols[count].name) {
			protocols_free(protocols, count + 1);
			return false;
		}
		if (metadata.size)
			memcpy(copy, metadata.at, metadata.size);
	}
	if (!protocols)
		return false;
	protocols_free(member->protocols, member->protocol_count);
	member->protocols = protocols;
	member->protocol_count = count;
	member->session_timeout_ms = in->session_timeout_ms;
	member->rebalance_timeout_ms = version >= 1 ? in->rebalance_timeout_ms : in->session_timeout_ms;
	return true;
}

static bool member_matches(const struct member *member, const struct join_group_request *in)
{
	if (member->protocol_count != in->protocols.count)
		return false;
	for (int i = 0; i < member->protocol_count; i++)
		if (!view_is(in->protocols.at[i].name, member->protocols[i].name) ||
		    !view_equal(in->protocols.at[i].metadata, member->protocols[i].metadata))
			return false;
	return true;
}

/* A request that is parked at the member; an older one of the same member is told to come again. */
static void park_join(struct member *member, struct request *request)
{
	struct request *older = member->join;

	member->join = request;
	if (older)
		join_refuse(older, KAFKA_REBALANCE_IN_PROGRESS, view_text(member->id));
}

static struct member *member_add(struct group *group, struct request *request, const char *id)
{
	const struct join_group_request *in = request->message;
	struct member *member = calloc(1, sizeof *member);

	if (!member)
		return NULL;
	list_init(&member->link);
	member->group = group;
	member->id = strdup(id);
	member->instance_id = in->group_instance_id.at ? view_string(in->group_instance_id) : NULL;
	member->client_id =
		view_string(request->head.client_id.at ? request->head.client_id : VIEW_LITERAL(""));
	member->client_host = strdup(request->pipeline ? request->pipeline->client_host : "");
	if (!group->protocol_type || group->member_count == 0) {
		free(group->protocol_type);
		group->protocol_type = view_string(in->protocol_type);
	}
	list_append(&group->members, &member->link);
	group->member_count++;
	if (!member->id || !member->client_id || !member->client_host || !group->protocol_type ||
	    !member_update(member, in, request_version(request))) {
		member_remove(member);
		return NULL;
	}
	if (!group->leader)
		group->leader = strdup(id);
	member_alive(member);
	return member;
}

static void add_and_rebalance(struct group *group, struct request *request, const char *id, bool fresh)
{
	struct member *member = member_add(group, request, id);

	if (!member) {
		join_refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, VIEW_NULL);
		return;
	}
	member->fresh = fresh;
	if (fresh)
		member->deadline_ms = loop_now_ms(request->broker->loop) + FRESH_MEMBER_MS;
	park_join(member, request);
	group_rebalance(group);
}

/* A static member that is back, in a group that need not rebalance for it. */
struct back {
	struct request *request;
	char *id, *old_leader; /* old_leader NULL: it does not lead, or may know that it does */
	bool skip;
};

static void answer_back(const struct back *back, struct member *member)
{
	struct request *request = back->request;
	struct group *group = member->group;
	struct join_group_response *response;

	if (!back->old_leader) {
		join_answer_member(member, request, back->skip);
		return;
	}
	/* Without KIP-814 it must not think that it leads: the leader that it is told of is who it was. */
	response = request_response(request);
	if (response) {
		response->generation_id = group->generation;
		response->protocol_type = view_text(group->protocol_type);
		response->protocol_name = view_text(group->protocol_name);
		response->leader = view_text(back->old_leader);
		response->member_id = view_text(member->id);
	}
	request_answer(request, response);
}

/* The log knows its new id, or does not: then it must not be told of it, and comes once more. */
static void back_kept(void *context, const struct store_appended *appended)
{
	const struct back *back = context;
	const struct join_group_request *in = back->request->message;
	struct group *group = group_named(broker_groups(back->request->broker), in->group_id);
	struct member *member = group ? member_find(group, view_text(back->id)) : NULL;

	if (appended->err)
		join_refuse(back->request, internal_append_error(appended->err), view_text(back->id));
	else if (!member)
		join_refuse(back->request, KAFKA_UNKNOWN_MEMBER_ID, view_text(back->id));
	else if (group->state != GROUP_STABLE)
		join_refuse(back->request, KAFKA_REBALANCE_IN_PROGRESS, view_text(back->id));
	else
		answer_back(back, member);
}

static void keep_back(struct request *request, struct member *member, const char *old_leader, bool skip)
{
	struct back *back = arena_take(&request->arena, sizeof *back);

	if (!back || !(back->id = arena_text(&request->arena, member->id))) {
		join_refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, view_text(member->id));
		return;
	}
	back->request = request;
	back->skip = skip;
	back->old_leader = old_leader && !skip ? arena_text(&request->arena, old_leader) : NULL;
	group_save_told(member->group, back_kept, back);
}

/* A static member came back under its name: the new id takes the place of the old one. */
static void static_back(struct group *group, struct request *request, struct member *member, char *id)
{
	const struct join_group_request *in = request->message;
	bool led = group->leader && strcmp(group->leader, member->id) == 0;
	bool skip = request_version(request) >= SKIP_SINCE;
	struct request *join = member->join, *sync = member->sync;
	char *old = member->id, *old_leader = NULL;
	const char *vote;

	member->join = member->sync = NULL;
	if (join)
		join_refuse(join, KAFKA_FENCED_INSTANCE_ID, view_text(old));
	if (sync)
		sync_answer(sync, KAFKA_FENCED_INSTANCE_ID, NULL);
	member->id = id;
	if (led) {
		old_leader = group->leader;
		group->leader = strdup(id);
	}
	if (!member_update(member, in, request_version(request))) {
		join_refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, view_text(id));
		goto done;
	}
	member_alive(member);
	vote = group_vote(group);
	if (group->state == GROUP_STABLE && vote && group->protocol_name &&
	    strcmp(vote, group->protocol_name) == 0) {
		keep_back(request, member, old_leader, skip);
		goto done;
	}
	park_join(member, request);
	group_rebalance(group);
done:
	free(old_leader);
	free(old);
}

static void join_new(struct group *group, struct request *request)
{
	const struct join_group_request *in = request->message;
	char *id = member_id_make(request, in->group_instance_id);
	struct member *member = in->group_instance_id.at ? member_static(group, in->group_instance_id) : NULL;
	struct pending_member *pending;

	if (!id) {
		join_refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, VIEW_NULL);
	} else if (member) {
		static_back(group, request, member, id);
		return;
	} else if (in->group_instance_id.at || request_version(request) < MEMBER_ID_SINCE) {
		add_and_rebalance(group, request, id, !in->group_instance_id.at);
	} else {
		pending = malloc(sizeof *pending + strlen(id) + 1);
		if (pending) {
			list_init(&pending->link);
			strcpy(pending->id, id);
			pending->deadline_ms = loop_now_ms(request->broker->loop) + in->session_timeout_ms;
			list_append(&group->pending, &pending->link);
		}
		join_refuse(request, pending ? KAFKA_MEMBER_ID_REQUIRED : KAFKA_UNKNOWN_SERVER_ERROR,
			    view_text(id));
	}
	free(id);
}

static void update_and_rebalance(struct member *member, struct request *request)
{
	if (!member_update(member, request->message, request_version(request))) {
		join_refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, view_text(member->id));
		return;
	}
	park_join(member, request);
	group_rebalance(member->group);
}

static void join_known(struct group *group, struct request *request)
{
	const struct join_group_request *in = request->message;
	struct pending_member *pending = pending_find(group, in->member_id);
	struct member *member;
	int16_t error;

	if (pending && !in->group_instance_id.at) {
		char *id = strdup(pending->id);

		pending_remove(pending);
		if (id)
			add_and_rebalance(group, request, id, false);
		else
			join_refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, in->member_id);
		free(id);
		return;
	}
	error = member_check(group, in->member_id, in->group_instance_id, &member);
	if (error || group->state == GROUP_EMPTY) {
		join_refuse(request, error ? error : KAFKA_UNKNOWN_MEMBER_ID, in->member_id);
		return;
	}
	member_alive(member);
	if (group->state == GROUP_COMPLETING && member_matches(member, in))
		join_answer_member(member, request, false); /* it did not get its answer */
	else if (group->state == GROUP_STABLE && member_matches(member, in) &&
		 !(group->leader && strcmp(group->leader, member->id) == 0))
		join_answer_member(member, request, false);
	else
		update_and_rebalance(member, request);
}

/* A full group takes nobody new. */
static bool room_for(const struct group *group, const struct broker *broker)
{
	return group->member_count < broker->properties.group_size_max;
}

/* All four ask the same of who takes part, before anything else. */
static int16_t may_join(const struct request *request, struct view group)
{
	int16_t error = access_group(request, ACL_OPERATION_READ, group);

	return error ? error : groups_serve(broker_groups(request->broker), group);
}

void handle_join_group(struct request *request)
{
	const struct join_group_request *in = request->message;
	struct broker *broker = request->broker;
	struct groups *groups = broker_groups(broker);
	int16_t error = may_join(request, in->group_id);
	struct group *group;

	if (!error && (in->session_timeout_ms < broker->properties.session_timeout_least_ms ||
		       in->session_timeout_ms > broker->properties.session_timeout_most_ms))
		error = KAFKA_INVALID_SESSION_TIMEOUT;
	if (!error &&
	    (in->protocols.count > PROTOCOLS_MAX || in->member_id.size > STORE_TOPIC_NAME_MAX + ID_SIZE_MAX ||
	     (in->group_instance_id.at && in->group_instance_id.size > STORE_TOPIC_NAME_MAX)))
		error = KAFKA_INVALID_REQUEST;
	group = error ? NULL : group_named(groups, in->group_id);
	if (!error && !group && in->member_id.size > 0)
		error = KAFKA_UNKNOWN_MEMBER_ID;
	if (!error && group && group->consumer && !group_is_empty(group)) {
		consumer_classic_join(request, group->consumer);
		return;
	}
	if (group && group->consumer)
		group_become_classic(group);
	if (!error && !group && !(group = group_make(groups, in->group_id)))
		error = KAFKA_UNKNOWN_SERVER_ERROR;
	if (!error && !group_supports(group, in->protocol_type, in))
		error = KAFKA_INCONSISTENT_GROUP_PROTOCOL;
	if (!error && !room_for(group, broker) && !member_find(group, in->member_id))
		error = KAFKA_GROUP_MAX_SIZE_REACHED;
	if (error)
		join_refuse(request, error,
			    error == KAFKA_GROUP_MAX_SIZE_REACHED ? VIEW_LITERAL("") : in->member_id);
	else if (in->member_id.size == 0)
		join_new(group, request);
	else
		join_known(group, request);
}

/* ---- SyncGroup ------------------------------------------------------------------------------------------------------- */

struct syncing {
	struct groups *groups;
	struct request *request; /* the leader's, whose assignments were written; parked at its member */
	int32_t generation;
	char *group;
	struct sync_group_request given; /* views of copies in `arena` */
	struct arena arena;
};

static void syncing_free(struct syncing *syncing)
{
	arena_done(&syncing->arena);
	free(syncing->group);
	free(syncing);
}

static void take_assignments(struct group *group, const struct sync_group_request *given)
{
	LIST_EACH(&group->members, link)
	{
		struct member *member = container_of(link, struct member, link);
		struct view mine = VIEW_LITERAL("");
		uint8_t *copy;

		for (int32_t i = 0; i < given->assignments.count; i++)
			if (view_is(given->assignments.at[i].member_id, member->id))
				mine = given->assignments.at[i].assignment;
		copy = malloc(mine.size ? mine.size : 1);
		if (!copy)
			continue;
		if (mine.size)
			memcpy(copy, mine.at, mine.size);
		free((void *)member->assignment.at);
		member->assignment = view_of(copy, mine.size);
	}
}

static void assignments_written(void *context, const struct store_appended *appended)
{
	struct syncing *syncing = context;
	struct group *group = group_named(syncing->groups, view_text(syncing->group));

	/* Another rebalance may have begun meanwhile: then this assignment is of the past. */
	if (group && group->state == GROUP_COMPLETING && group->generation == syncing->generation) {
		if (appended->err) {
			group_answer_syncs(group, internal_append_error(appended->err));
			group_rebalance(group);
		} else {
			take_assignments(group, &syncing->given);
			group_move(group, GROUP_STABLE);
			group_answer_syncs(group, KAFKA_NONE);
		}
	}
	syncing_free(syncing);
}

/* The request may be gone before the write is done. */
static bool copy_given(struct syncing *syncing, const struct sync_group_request *in)
{
	struct sync_group_request *out = &syncing->given;

	out->assignments.at =
		shape_array(&sync_group_request_assignment_shape, &syncing->arena, in->assignments.count);
	if (!out->assignments.at)
		return false;
	out->assignments.count = in->assignments.count;
	for (int32_t i = 0; i < in->assignments.count; i++) {
		out->assignments.at[i].member_id =
			arena_copy(&syncing->arena, in->assignments.at[i].member_id);
		out->assignments.at[i].assignment =
			arena_copy(&syncing->arena, in->assignments.at[i].assignment);
		if (!out->assignments.at[i].member_id.at || !out->assignments.at[i].assignment.at)
			return false;
	}
	return true;
}

static int write_assignments(struct group *group, const struct sync_group_request *in)
{
	struct syncing *syncing = calloc(1, sizeof *syncing);
	struct internal_batch batch;
	int err = ERR_MEMORY;

	if (!syncing)
		return err;
	arena_init(&syncing->arena, INTERNAL_BATCH_BYTES_MAX);
	syncing->groups = group->groups;
	syncing->generation = group->generation;
	syncing->group = strdup(group->id);
	if (syncing->group && copy_given(syncing, in)) {
		internal_batch_init(&batch, group->groups->broker);
		group_put(&batch, group, in);
		err = internal_batch_append(&batch,
					    internal_log_place(&group->groups->log, view_text(group->id)),
					    assignments_written, syncing);
	}
	if (err != 0)
		syncing_free(syncing);
	return err;
}

static int16_t sync_check(struct group *group, const struct sync_group_request *in, struct member **member)
{
	int16_t error = group ? member_check(group, in->member_id, in->group_instance_id, member)
			      : KAFKA_UNKNOWN_MEMBER_ID;

	if (error)
		return error;
	if (in->generation_id != group->generation)
		return KAFKA_ILLEGAL_GENERATION;
	if ((in->protocol_type.at && group->protocol_type &&
	     !view_is(in->protocol_type, group->protocol_type)) ||
	    (in->protocol_name.at && group->protocol_name &&
	     !view_is(in->protocol_name, group->protocol_name)))
		return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
	return KAFKA_NONE;
}

void handle_sync_group(struct request *request)
{
	const struct sync_group_request *in = request->message;
	struct groups *groups = broker_groups(request->broker);
	int16_t error = may_join(request, in->group_id);
	struct group *group = error ? NULL : group_named(groups, in->group_id);
	struct member *member = NULL;
	struct request *older;
	int err;

	if (!error && group && group->consumer) {
		consumer_classic_sync(request, group->consumer);
		return;
	}
	if (!error)
		error = sync_check(group, in, &member);
	if (error) {
		sync_answer(request, error, NULL);
		return;
	}
	member_alive(member);
	if (group->state == GROUP_PREPARING) {
		sync_answer(request, KAFKA_REBALANCE_IN_PROGRESS, NULL);
	} else if (group->state == GROUP_STABLE) {
		sync_answer(request, KAFKA_NONE, member);
	} else if (group->state == GROUP_EMPTY) {
		sync_answer(request, KAFKA_UNKNOWN_MEMBER_ID, NULL);
	} else {
		older = member->sync;
		member->sync = request;
		if (older)
			sync_answer(older, KAFKA_REBALANCE_IN_PROGRESS, NULL);
		if (!group->leader || strcmp(group->leader, member->id) != 0)
			return;
		err = write_assignments(group, in);
		if (err != 0) {
			group_answer_syncs(group, internal_append_error(err));
			group_rebalance(group);
		}
	}
}

/* ---- Heartbeat ------------------------------------------------------------------------------------------------------- */

void handle_heartbeat(struct request *request)
{
	const struct heartbeat_request *in = request->message;
	struct heartbeat_response *response = request_response(request);
	struct groups *groups = broker_groups(request->broker);
	int16_t error = may_join(request, in->group_id);
	struct group *group = error ? NULL : group_named(groups, in->group_id);
	struct member *member;

	if (!error && group && group->consumer) {
		if (response)
			response->error_code = consumer_classic_heartbeat(
				group->consumer, in->member_id, in->group_instance_id, in->generation_id);
		request_answer(request, response);
		return;
	}
	if (!error)
		error = group ? member_check(group, in->member_id, in->group_instance_id, &member)
			      : KAFKA_UNKNOWN_MEMBER_ID;
	if (!error && in->generation_id != group->generation)
		error = KAFKA_ILLEGAL_GENERATION;
	if (!error) {
		member_alive(member);
		if (group->state == GROUP_PREPARING)
			error = KAFKA_REBALANCE_IN_PROGRESS;
	}
	if (response)
		response->error_code = error;
	request_answer(request, response);
}

/* ---- LeaveGroup ------------------------------------------------------------------------------------------------------ */

static int16_t leave_one(struct group *group, struct view member_id, struct view instance_id)
{
	struct pending_member *pending;
	struct member *member;

	if (group->consumer)
		return consumer_classic_leave(group->consumer, member_id, instance_id);
	if (instance_id.at) {
		member = member_static(group, instance_id);
		if (!member)
			return KAFKA_UNKNOWN_MEMBER_ID;
		/* An administrator removes by name alone. */
		if (member_id.size > 0 && !view_is(member_id, member->id))
			return KAFKA_FENCED_INSTANCE_ID;
		member_remove(member);
		return KAFKA_NONE;
	}
	pending = pending_find(group, member_id);
	if (pending) {
		pending_remove(pending);
		return KAFKA_NONE;
	}
	member = member_find(group, member_id);
	if (!member)
		return KAFKA_UNKNOWN_MEMBER_ID;
	member_remove(member);
	return KAFKA_NONE;
}

struct leaving {
	struct request *request;
	struct leave_group_response *response;
};

static void left(void *context, int16_t error)
{
	struct leaving *leaving = context;

	if (error) {
		leaving->response->error_code = error;
		leaving->response->members.count = 0;
	}
	request_answer(leaving->request, leaving->response);
}

/* Somebody left; answers when that is kept. */
static void after_leaving(struct request *request, struct group *group, struct leave_group_response *response)
{
	struct leaving *leaving = group->consumer ? arena_take(&request->arena, sizeof *leaving) : NULL;

	if (group->consumer) {
		if (!consumer_downgrade(group->consumer)) {
			consumer_epoch_next(group->consumer);
			if (leaving) {
				*leaving = (struct leaving){ request, response };
				consumer_save(group->consumer, left, leaving);
				return;
			}
		}
	} else if (group->state == GROUP_PREPARING) {
		group_join_maybe(group);
	} else if (group->state != GROUP_EMPTY) {
		group_rebalance(group);
	}
	request_answer(request, response);
}

/* False when memory is out. */
static bool leave_all(struct request *request, struct group *group, struct leave_group_response *response,
		      bool *any)
{
	const struct leave_group_request *in = request->message;

	response->members.at = REQUEST_ARRAY(request, leave_group_response_member_shape, in->members.count);
	if (!response->members.at)
		return false;
	response->members.count = in->members.count;
	for (int32_t i = 0; i < in->members.count; i++) {
		struct leave_group_response_member *out = &response->members.at[i];

		out->member_id = in->members.at[i].member_id;
		out->group_instance_id = in->members.at[i].group_instance_id;
		out->error_code = group ? leave_one(group, out->member_id, out->group_instance_id)
					: KAFKA_UNKNOWN_MEMBER_ID;
		*any |= out->error_code == KAFKA_NONE;
	}
	return true;
}

void handle_leave_group(struct request *request)
{
	const struct leave_group_request *in = request->message;
	struct leave_group_response *response = request_response(request);
	struct groups *groups = broker_groups(request->broker);
	int16_t error = may_join(request, in->group_id);
	struct group *group = error ? NULL : group_named(groups, in->group_id);
	bool any = false;

	if (response && !error && request_version(request) >= 3) {
		if (!leave_all(request, group, response, &any))
			response = NULL;
	} else if (response) {
		if (!error)
			error = group ? leave_one(group, in->member_id, VIEW_NULL) : KAFKA_UNKNOWN_MEMBER_ID;
		response->error_code = error;
		any = error == KAFKA_NONE;
	}
	if (any && response)
		after_leaving(request, group, response);
	else
		request_answer(request, response);
}
