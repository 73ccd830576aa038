/* consumer_classic.c - JoinGroup, SyncGroup, Heartbeat and LeaveGroup to a consumer group.  See consumer_classic.h. */
#include <stdlib.h>

#include "broker/consumer_bytes.h"
#include "broker/consumer_classic.h"
#include "broker/login.h"
#include "broker/pipeline.h"

#define MEMBER_ID_SINCE 4 /* of JoinGroup: ids are given out first (KIP-394) */

static int64_t now_ms(const struct consumer_group *consumer)
{
	return loop_now_ms(consumer->group->groups->broker->loop);
}

/* ---- what such a member has ------------------------------------------------------------------------------------------ */

void consumer_classic_free(struct consumer_classic *classic)
{
	if (!classic)
		return;
	for (int i = 0; i < classic->protocol_count; i++) {
		free(classic->protocols[i].name);
		free((void *)classic->protocols[i].metadata.at);
	}
	free(classic->protocols);
	free(classic);
}

struct consumer_classic *consumer_classic_new(int32_t session_timeout_ms,
					      const struct member_protocol *protocols, int count)
{
	struct consumer_classic *classic = calloc(1, sizeof *classic);

	if (!classic)
		return NULL;
	classic->session_timeout_ms = session_timeout_ms;
	classic->act_deadline_ms = INT64_MAX;
	classic->protocols = calloc((size_t)count + 1, sizeof *classic->protocols);
	for (int i = 0; classic->protocols && i < count; i++) {
		size_t size = protocols[i].metadata.size;
		uint8_t *copy = malloc(size + 1);

		classic->protocols[i].name = strdup(protocols[i].name);
		classic->protocols[i].metadata = view_of(copy, size);
		classic->protocol_count++;
		if (!copy || !classic->protocols[i].name)
			break;
		if (size)
			memcpy(copy, protocols[i].metadata.at, size);
	}
	if (!classic->protocols || classic->protocol_count < count ||
	    (count && (!classic->protocols[count - 1].name || !classic->protocols[count - 1].metadata.at))) {
		consumer_classic_free(classic);
		return NULL;
	}
	return classic;
}

/* Of the request, which says names as views. */
static struct consumer_classic *classic_of(struct request *request)
{
	const struct join_group_request *in = request->message;
	struct member_protocol *all = arena_array(&request->arena, (size_t)in->protocols.count, sizeof *all);

	for (int32_t i = 0; all && i < in->protocols.count; i++) {
		struct view name = in->protocols.at[i].name;

		all[i].name = arena_take(&request->arena, name.size + 1);
		if (!all[i].name)
			return NULL;
		memcpy(all[i].name, name.at, name.size);
		all[i].name[name.size] = 0;
		all[i].metadata = in->protocols.at[i].metadata;
	}
	return all ? consumer_classic_new(in->session_timeout_ms, all, in->protocols.count) : NULL;
}

/* Is there one that all members of the classic protocol know? */
static bool supported(const struct consumer_group *consumer, const struct join_group_request *in)
{
	if (!view_is(in->protocol_type, "consumer"))
		return false;
	for (int32_t i = 0; i < in->protocols.count; i++) {
		bool all = true;

		LIST_EACH(&consumer->members, link)
		{
			const struct consumer_classic *classic =
				container_of(link, struct consumer_member, link)->classic;
			bool knows = !classic;

			for (int k = 0; classic && k < classic->protocol_count; k++)
				knows = knows ||
					view_is(in->protocols.at[i].name, classic->protocols[k].name);
			all = all && knows;
		}
		if (all)
			return true;
	}
	return false;
}

static void alive(struct consumer_group *consumer, struct consumer_member *member)
{
	member->deadline_ms = now_ms(consumer) + member->classic->session_timeout_ms;
}

static int16_t find(struct consumer_group *consumer, struct view id, struct view instance_id,
		    struct consumer_member **out)
{
	*out = instance_id.at ? consumer_member_static(consumer, instance_id)
			      : consumer_member_find(consumer, id);
	if (!*out || (!(*out)->classic && !instance_id.at))
		return KAFKA_UNKNOWN_MEMBER_ID;
	if (!view_is(id, (*out)->id))
		return KAFKA_FENCED_INSTANCE_ID;
	return (*out)->classic ? KAFKA_NONE : KAFKA_UNKNOWN_MEMBER_ID;
}

/* ---- JoinGroup ------------------------------------------------------------------------------------------------------- */

struct joining {
	struct request *request;
	struct join_group_response *response;
};

static void joined(void *context, int16_t error)
{
	struct joining *joining = context;

	if (error)
		join_refuse(joining->request, error, VIEW_NULL);
	else
		request_answer(joining->request, joining->response);
}

/* The member of the request, new or known; NULL when it was refused. */
static struct consumer_member *member_of(struct request *request, struct consumer_group *consumer, char *made)
{
	const struct join_group_request *in = request->message;
	struct view id = made ? view_text(made) : in->member_id;
	struct consumer_member *member = in->group_instance_id.at
						 ? consumer_member_static(consumer, in->group_instance_id)
						 : consumer_member_find(consumer, id);

	if (member && in->group_instance_id.at && !made && !view_is(id, member->id)) {
		join_refuse(request, KAFKA_FENCED_INSTANCE_ID, id);
		return NULL;
	}
	if (!member && in->group_instance_id.at && !made) {
		join_refuse(request, KAFKA_UNKNOWN_MEMBER_ID, id);
		return NULL;
	}
	if (member && !member->classic && !in->group_instance_id.at) {
		join_refuse(request, KAFKA_UNKNOWN_MEMBER_ID, id);
		return NULL;
	}
	if (!member && !in->group_instance_id.at && made && request_version(request) >= MEMBER_ID_SINCE) {
		join_refuse(request, KAFKA_MEMBER_ID_REQUIRED, id);
		return NULL;
	}
	if (!member && consumer->member_count >= request->broker->properties.consumer_size_max) {
		join_refuse(request, KAFKA_GROUP_MAX_SIZE_REACHED, VIEW_LITERAL(""));
		return NULL;
	}
	if (member && made && consumer_member_rename(consumer, member, id) < 0)
		member = NULL;
	else if (!member && (member = consumer_member_add(consumer, id)) && in->group_instance_id.at)
		member->instance_id = view_string(in->group_instance_id);
	if (!member)
		join_refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, id);
	return member;
}

/* What it says now takes the place of what it said.  False when memory is out. */
static bool take_said(struct request *request, struct consumer_group *consumer,
		      struct consumer_member *member, const struct subscription *said)
{
	const struct join_group_request *in = request->message;
	struct consumer_classic *classic = classic_of(request);
	char *client_id =
		view_string(request->head.client_id.at ? request->head.client_id : VIEW_LITERAL(""));
	char *host = strdup(request->pipeline ? request->pipeline->client_host : "");
	char *principal = view_string(login_principal(request->pipeline ? request->pipeline->login : NULL));
	int changed = classic && client_id && host && principal
			      ? consumer_subscribe(consumer, member, said->topics, said->topic_count,
						   VIEW_LITERAL(""), NULL)
			      : ERR_MEMORY;

	if (changed < 0) {
		consumer_classic_free(classic);
		free(client_id);
		free(host);
		free(principal);
		return false;
	}
	consumer_classic_free(member->classic);
	free(member->client_id);
	free(member->client_host);
	free(member->rack_id);
	free(member->assignor);
	free(member->principal);
	member->principal = principal;
	member->classic = classic;
	member->client_id = client_id;
	member->client_host = host;
	member->rack_id = said->rack_id.at ? view_string(said->rack_id) : NULL;
	member->assignor = NULL;
	member->rebalance_timeout_ms =
		request_version(request) >= 1 ? in->rebalance_timeout_ms : in->session_timeout_ms;
	member->said_new = true;
	if (changed)
		consumer_epoch_next(consumer);
	return true;
}

static void step(struct request *request, struct consumer_group *consumer, struct consumer_member *member,
		 const struct places *owned)
{
	struct joining *joining = arena_take(&request->arena, sizeof *joining);
	struct join_group_response *response = request_response(request);

	if (!joining || !response || consumer_refresh(consumer) < 0 ||
	    consumer_step(consumer, member, owned) < 0) {
		join_refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, view_text(member->id));
		return;
	}
	alive(consumer, member);
	member->classic->act_deadline_ms = now_ms(consumer) + member->rebalance_timeout_ms;
	response->member_id = arena_copy(&request->arena, view_text(member->id));
	response->generation_id = member->is.epoch;
	response->protocol_type = VIEW_LITERAL("consumer");
	response->protocol_name = arena_copy(&request->arena, view_text(member->classic->protocols[0].name));
	response->leader = VIEW_LITERAL("");
	*joining = (struct joining){ request, response };
	consumer_save(consumer, joined, joining);
}

void consumer_classic_join(struct request *request, struct consumer_group *consumer)
{
	const struct join_group_request *in = request->message;
	struct groups *groups = consumer->group->groups;
	struct subscription said;
	struct consumer_member *member;
	struct places owned = { 0 };
	char *made = NULL;

	if (!supported(consumer, in) ||
	    subscription_read(in->protocols.at[0].metadata, &request->arena, &said) < 0) {
		join_refuse(request, KAFKA_INCONSISTENT_GROUP_PROTOCOL, in->member_id);
		return;
	}
	if (in->member_id.size == 0 && !(made = member_id_make(request, in->group_instance_id))) {
		join_refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, VIEW_NULL);
		return;
	}
	member = member_of(request, consumer, made);
	if (member && (!take_said(request, consumer, member, &said) ||
		       !subscription_owned(&said, groups->broker->store, &owned))) {
		if (!member->classic)
			consumer_member_remove(consumer, member);
		join_refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, in->member_id);
	} else if (member) {
		step(request, consumer, member, &owned);
		/* A static member that came back by the classic protocol may have been the last of the other. */
		consumer_downgrade(consumer);
	}
	places_done(&owned);
	free(made);
}

/* ---- SyncGroup, Heartbeat, LeaveGroup -------------------------------------------------------------------------------- */

/* A new assignment waits for the member; one that is giving back finishes with that first. */
static bool behind(const struct consumer_group *consumer, const struct consumer_member *member)
{
	return consumer->epoch > member->is.epoch && member->is.state != CONSUMER_UNREVOKED;
}

static void must_act(struct consumer_group *consumer, struct consumer_member *member)
{
	if (member->classic->act_deadline_ms == INT64_MAX)
		member->classic->act_deadline_ms = now_ms(consumer) + member->rebalance_timeout_ms;
}

static int16_t sync_check(struct consumer_group *consumer, const struct sync_group_request *in,
			  struct consumer_member **member)
{
	int16_t error = find(consumer, in->member_id, in->group_instance_id, member);

	if (error)
		return error;
	if (in->generation_id != (*member)->is.epoch)
		return KAFKA_ILLEGAL_GENERATION;
	if ((in->protocol_type.at && !view_is(in->protocol_type, "consumer")) ||
	    (in->protocol_name.at && !view_is(in->protocol_name, (*member)->classic->protocols[0].name)))
		return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
	if (behind(consumer, *member)) {
		must_act(consumer, *member);
		return KAFKA_REBALANCE_IN_PROGRESS;
	}
	return KAFKA_NONE;
}

void consumer_classic_sync(struct request *request, struct consumer_group *consumer)
{
	const struct sync_group_request *in = request->message;
	struct store *store = request->broker->store;
	struct sync_group_response *response = request_response(request);
	struct consumer_member *member = NULL;
	int16_t error = sync_check(consumer, in, &member);
	struct buffer bytes;

	if (!response || error) {
		sync_answer(request, error, NULL);
		return;
	}
	alive(consumer, member);
	member->classic->act_deadline_ms = INT64_MAX;
	buffer_init(&bytes, REQUEST_ASSIGNMENT_MAX);
	assignment_write(&member->is.assigned, store,
			 subscription_version(member->classic->protocols[0].metadata), &bytes);
	response->protocol_type = VIEW_LITERAL("consumer");
	response->protocol_name = arena_copy(&request->arena, view_text(member->classic->protocols[0].name));
	response->assignment = arena_copy(&request->arena, buffer_bytes(&bytes));
	error = bytes.err || !response->assignment.at ? KAFKA_UNKNOWN_SERVER_ERROR : KAFKA_NONE;
	buffer_done(&bytes);
	if (error)
		sync_answer(request, error, NULL);
	else
		request_answer(request, response);
}

/* Is what it waits for still somebody else's? */
static bool waits(struct consumer_group *consumer, const struct consumer_member *member)
{
	for (int i = 0; i < member->target.count; i++)
		if (!places_have(&member->is.assigned, &member->target.at[i]) &&
		    consumer_taken_by_others(consumer, member, &member->target.at[i]))
			return true;
	return false;
}

int16_t consumer_classic_heartbeat(struct consumer_group *consumer, struct view member_id,
				   struct view instance_id, int32_t generation)
{
	struct consumer_member *member;
	int16_t error = find(consumer, member_id, instance_id, &member);

	if (error)
		return error;
	if (generation != member->is.epoch)
		return KAFKA_ILLEGAL_GENERATION;
	alive(consumer, member);
	/* Topics may have come: nobody else might ask. */
	if (consumer_refresh(consumer) == 0)
		consumer_save(consumer, NULL, NULL);
	if (member->is.epoch < consumer->epoch || member->is.state == CONSUMER_UNREVOKED ||
	    (member->is.state == CONSUMER_UNRELEASED && !waits(consumer, member))) {
		must_act(consumer, member);
		return KAFKA_REBALANCE_IN_PROGRESS;
	}
	return KAFKA_NONE;
}

int16_t consumer_classic_leave(struct consumer_group *consumer, struct view member_id,
			       struct view instance_id)
{
	struct consumer_member *member = instance_id.at ? consumer_member_static(consumer, instance_id)
							: consumer_member_find(consumer, member_id);

	/* An administrator removes static members by their name alone; of the others only the classic ones leave so. */
	if (!member || (!instance_id.at && !member->classic) ||
	    (instance_id.at && member_id.size > 0 && !member->classic))
		return KAFKA_UNKNOWN_MEMBER_ID;
	if (instance_id.at && member_id.size > 0 && !view_is(member_id, member->id))
		return KAFKA_FENCED_INSTANCE_ID;
	consumer_member_remove(consumer, member);
	return KAFKA_NONE;
}
