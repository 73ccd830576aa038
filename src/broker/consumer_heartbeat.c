/* consumer_heartbeat.c - ConsumerGroupHeartbeat: joining, leaving, and one step towards what the assignor decided. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/access.h"
#include "broker/api.h"
#include "broker/consumer_assign.h"
#include "broker/consumer_classic.h"
#include "broker/login.h"
#include "broker/pipeline.h"

#define ID_SIZE_MAX   (STORE_TOPIC_NAME_MAX + 200)
#define TOPICS_MAX    100000
#define MEMBER_SINCE  1 /* the member makes its id itself (KIP-1082) */
#define MEMBER_LEAVES (-1)
#define FULL          "The consumer group has reached its maximum capacity."

typedef struct consumer_group_heartbeat_request asked_t;
typedef struct consumer_group_heartbeat_response told_t;

/* ---- answers --------------------------------------------------------------------------------------------------------- */

struct beat {
	struct request *request;
	told_t *response;
};

static void refuse(struct request *request, int16_t error, const char *text)
{
	told_t *response = request_response(request);

	if (response) {
		response->error_code = error;
		if (text)
			response->error_message = arena_copy(&request->arena, view_text(text));
	}
	request_answer(request, response);
}

static void answer(void *context, int16_t error)
{
	struct beat *beat = context;

	if (error)
		refuse(beat->request, error, NULL);
	else
		request_answer(beat->request, beat->response);
}

static bool tell_assignment(struct request *request, told_t *response, const struct places *assigned)
{
	struct consumer_group_heartbeat_response_assignment *out =
		REQUEST_ARRAY(request, consumer_group_heartbeat_response_assignment_shape, 1);

	response->assignment = out;
	if (!out)
		return false;
	out->topic_partitions.at = REQUEST_ARRAY(
		request, consumer_group_heartbeat_response_topic_partitions_shape, assigned->count);
	for (int i = 0, run; out->topic_partitions.at && i < assigned->count; i += run) {
		struct consumer_group_heartbeat_response_topic_partitions *one =
			&out->topic_partitions.at[out->topic_partitions.count++];

		run = places_run(assigned, i);
		memcpy(one->topic_id.bytes, assigned->at[i].topic, 16);
		one->partitions.at = arena_array(&request->arena, (size_t)run, sizeof(int32_t));
		if (!one->partitions.at)
			return false;
		for (int k = 0; k < run; k++)
			one->partitions.at[one->partitions.count++] = assigned->at[i + k].partition;
	}
	return out->topic_partitions.at != NULL;
}

/* ---- what Kafka has against a request -------------------------------------------------------------------------------- */

static bool empty(struct view v)
{
	return v.size == 0;
}

static const char *fault_of_first(const asked_t *in)
{
	if (in->rebalance_timeout_ms == -1)
		return "RebalanceTimeoutMs must be provided in first request.";
	if (in->topic_partitions.count != 0)
		return "TopicPartitions must be empty when (re-)joining.";
	if (in->subscribed_topic_names.count <= 0 && empty(in->subscribed_topic_regex))
		return "Either SubscribedTopicNames or SubscribedTopicRegex must be non-empty when "
		       "(re-)joining.";
	return NULL;
}

/* NULL, or the sentence. */
static const char *fault_of(const asked_t *in, int16_t version)
{
	if (empty(in->member_id) && (version >= MEMBER_SINCE || in->member_epoch != 0))
		return "MemberId can't be empty.";
	if (empty(in->group_id))
		return "GroupId can't be empty.";
	if (in->instance_id.at && empty(in->instance_id))
		return "InstanceId can't be empty.";
	if (in->rack_id.at && empty(in->rack_id))
		return "RackId can't be empty.";
	if (in->member_id.size > ID_SIZE_MAX || (in->instance_id.at && in->instance_id.size > ID_SIZE_MAX))
		return "MemberId or InstanceId is too long.";
	if (in->subscribed_topic_names.count > TOPICS_MAX)
		return "Too many SubscribedTopicNames.";
	if (in->member_epoch == 0)
		return fault_of_first(in);
	if (in->member_epoch == CONSUMER_STATIC_AWAY)
		return in->instance_id.at ? NULL : "InstanceId can't be null.";
	return in->member_epoch < CONSUMER_STATIC_AWAY ? "MemberEpoch is invalid." : NULL;
}

/* ---- leaving --------------------------------------------------------------------------------------------------------- */

static void leave(struct request *request, struct consumer_group *consumer)
{
	const asked_t *in = request->message;
	struct beat *beat = arena_take(&request->arena, sizeof *beat);
	struct consumer_member *member = in->instance_id.at
						 ? consumer_member_static(consumer, in->instance_id)
						 : consumer_member_find(consumer, in->member_id);
	told_t *response = request_response(request);

	if (!beat || !response) {
		request_answer(request, NULL);
		return;
	}
	if (!member) {
		refuse(request, KAFKA_UNKNOWN_MEMBER_ID,
		       arena_printf(&request->arena, "Member %.*s is not a member of group %s.",
				    VIEW_ARGS(in->member_id), consumer->group->id));
		return;
	}
	if (in->instance_id.at && !view_is(in->member_id, member->id)) {
		refuse(request, KAFKA_FENCED_INSTANCE_ID,
		       arena_printf(&request->arena,
				    "Static member %.*s with instance id %s was fenced by member %s.",
				    VIEW_ARGS(in->member_id), member->instance_id, member->id));
		return;
	}
	if (in->member_epoch == CONSUMER_STATIC_AWAY) {
		/* It keeps its place until its session ends. */
		member->is.epoch = CONSUMER_STATIC_AWAY;
		places_done(&member->is.revoking);
		member->revoke_deadline_ms = INT64_MAX;
		member->current_new = true;
	} else {
		consumer_member_remove(consumer, member);
	}
	response->member_id = in->member_id;
	response->member_epoch = in->member_epoch;
	if (consumer_downgrade(consumer)) {
		request_answer(request, response);
		return;
	}
	if (in->member_epoch != CONSUMER_STATIC_AWAY)
		consumer_epoch_next(consumer);
	*beat = (struct beat){ request, response };
	consumer_save(consumer, answer, beat);
}

/* ---- who it is ------------------------------------------------------------------------------------------------------- */

static const char *epoch_text(struct request *request, const struct consumer_member *member)
{
	const asked_t *in = request->message;

	return arena_printf(
		&request->arena,
		"The consumer group member has a %s member epoch (%d) than the one known by the group "
		"coordinator (%d). The member must abandon all its partitions and rejoin.",
		in->member_epoch > member->is.epoch ? "greater" : "smaller", in->member_epoch,
		member->is.epoch);
}

static struct consumer_member *unknown(struct request *request, struct consumer_group *consumer)
{
	const asked_t *in = request->message;

	refuse(request, KAFKA_UNKNOWN_MEMBER_ID,
	       arena_printf(&request->arena, "Member %.*s is not a member of group %s.",
			    VIEW_ARGS(in->member_id), consumer->group->id));
	return NULL;
}

static void refuse_pattern(struct request *request, const struct fault *fault)
{
	const asked_t *in = request->message;

	refuse(request, KAFKA_INVALID_REGULAR_EXPRESSION,
	       arena_printf(&request->arena,
			    "SubscribedTopicRegex `%.*s` is not a valid regular expression: %s.",
			    VIEW_ARGS(in->subscribed_topic_regex), fault->text));
}

/* Looked at before anybody joins or takes a place: who is refused must not have moved anything.  False: it was refused. */
static bool pattern_good(struct request *request)
{
	const asked_t *in = request->message;
	struct topic_pattern *pattern = NULL;
	struct fault fault = { 0 };

	if (in->subscribed_topic_regex.size > 0 &&
	    topic_pattern_new(in->subscribed_topic_regex, &pattern, &fault) == ERR_CONFIG) {
		refuse_pattern(request, &fault);
		return false;
	}
	topic_pattern_free(pattern);
	return true;
}

static struct consumer_member *add(struct request *request, struct consumer_group *consumer)
{
	const asked_t *in = request->message;
	struct consumer_member *member;

	if (consumer->member_count >= request->broker->properties.consumer_size_max) {
		refuse(request, KAFKA_GROUP_MAX_SIZE_REACHED, FULL);
		return NULL;
	}
	if (!pattern_good(request))
		return NULL;
	member = consumer_member_add(consumer, in->member_id);
	if (!member) {
		refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, NULL);
		return NULL;
	}
	if (in->instance_id.at)
		member->instance_id = view_string(in->instance_id);
	return member;
}

/* A member that is there says a name for the first time, or another. */
static struct consumer_member *take_name(struct request *request, struct consumer_member *member)
{
	const asked_t *in = request->message;
	char *name;

	if (!pattern_good(request))
		return NULL;
	name = view_string(in->instance_id);
	if (!name) {
		refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, NULL);
		return NULL;
	}
	free(member->instance_id);
	member->instance_id = name;
	member->said_new = true;
	return member;
}

/*
 * A static member joins: it is new, or takes the place of the one of its name, which must have let go of it.  One of the classic
 * protocol cannot say that: it goes without a word and comes back.
 */
static struct consumer_member *static_joins(struct request *request, struct consumer_group *consumer)
{
	const asked_t *in = request->message;
	struct consumer_member *member = consumer_member_static(consumer, in->instance_id), *same;

	same = consumer_member_find(consumer, in->member_id);
	if (!member && !same)
		return add(request, consumer);
	if (!member)
		return take_name(request, same);
	if (member->is.epoch != CONSUMER_STATIC_AWAY && !member->classic &&
	    !view_is(in->member_id, member->id)) {
		refuse(request, KAFKA_UNRELEASED_INSTANCE_ID,
		       arena_printf(
			       &request->arena,
			       "Static member %.*s with instance id %s cannot join the group because the "
			       "instance id is owned by member %s.",
			       VIEW_ARGS(in->member_id), member->instance_id, member->id));
		return NULL;
	}
	if (!pattern_good(request))
		return NULL;
	if (same && same != member) { /* an id has one member: the other one's place is free */
		consumer_member_remove(consumer, same);
		consumer_epoch_next(consumer);
	}
	if (consumer_member_rename(consumer, member, in->member_id) < 0) {
		refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, NULL);
		return NULL;
	}
	return member;
}

/* The member of the request, or NULL when it was refused. */
static struct consumer_member *member_of(struct request *request, struct consumer_group *consumer,
					 const struct places *owned)
{
	const asked_t *in = request->message;
	struct consumer_member *member;

	if (in->instance_id.at && in->member_epoch == 0)
		return static_joins(request, consumer);
	member = in->instance_id.at ? consumer_member_static(consumer, in->instance_id)
				    : consumer_member_find(consumer, in->member_id);
	if (!member)
		return in->member_epoch == 0 ? add(request, consumer) : unknown(request, consumer);
	if (!view_is(in->member_id, member->id)) {
		refuse(request, KAFKA_FENCED_INSTANCE_ID,
		       arena_printf(&request->arena,
				    "Static member %.*s with instance id %s was fenced by member %s.",
				    VIEW_ARGS(in->member_id), member->instance_id, member->id));
		return NULL;
	}
	if (!consumer_epoch_good(&member->is, in->member_epoch, owned)) {
		refuse(request, KAFKA_FENCED_MEMBER_EPOCH, epoch_text(request, member));
		return NULL;
	}
	return member;
}

/* ---- what it says ---------------------------------------------------------------------------------------------------- */

/* False when memory is out. */
static bool take_text(char **text, struct view said, bool *changed)
{
	char *copy;

	if (!said.at || (*text && view_is(said, *text)))
		return true;
	copy = view_string(said);
	if (!copy)
		return false;
	free(*text);
	*text = copy;
	*changed = true;
	return true;
}

/* 0, or an error; what the request does not say stays. */
static int take_said(struct request *request, struct consumer_group *consumer, struct consumer_member *member,
		     struct fault *fault)
{
	const asked_t *in = request->message;
	struct view client = request->head.client_id.at ? request->head.client_id : VIEW_LITERAL("");
	const char *host = request->pipeline ? request->pipeline->client_host : "";
	struct view principal = login_principal(request->pipeline ? request->pipeline->login : NULL);
	bool changed = false, other = false;
	int err;

	/* Before what it subscribes to is looked up: a pattern finds what its principal may see. */
	if (!take_text(&member->principal, principal, &other) ||
	    !take_text(&member->client_host, view_text(host), &changed))
		return ERR_MEMORY;
	if (other)
		consumer_look_again(consumer);

	err = consumer_subscribe(consumer, member, in->subscribed_topic_names.at,
				 in->subscribed_topic_names.count, in->subscribed_topic_regex, fault);
	if (err < 0)
		return err;
	if (!take_text(&member->rack_id, in->rack_id, &changed) ||
	    !take_text(&member->assignor, in->server_assignor, &changed) ||
	    !take_text(&member->client_id, client, &changed))
		return ERR_MEMORY;
	if (in->rebalance_timeout_ms >= 0 && in->rebalance_timeout_ms != member->rebalance_timeout_ms) {
		member->rebalance_timeout_ms = in->rebalance_timeout_ms;
		changed = true;
	}
	member->said_new |= changed;
	if (err == 1)
		consumer_epoch_next(consumer);
	return 0;
}

static bool take_owned(const asked_t *in, struct places *owned)
{
	for (int32_t i = 0; i < in->topic_partitions.count; i++)
		for (int32_t k = 0; k < in->topic_partitions.at[i].partitions.count; k++)
			if (!places_add(owned, in->topic_partitions.at[i].topic_id.bytes,
					in->topic_partitions.at[i].partitions.at[k], 0))
				return false;
	places_sort(owned);
	return true;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------- */

/* A group that was made for somebody who was refused. */
static void drop_unused(struct consumer_group *consumer)
{
	struct group *group = consumer->group;

	if (consumer->epoch == 0 && consumer->member_count == 0 && group->positions.count == 0 &&
	    list_empty(&group->transactional) && !group_owes(group))
		group_drop(group);
}

static void refuse_said(struct request *request, struct consumer_group *consumer,
			struct consumer_member *member, int err, const struct fault *fault)
{
	const asked_t *in = request->message;

	if (err == ERR_CONFIG)
		refuse_pattern(request, fault);
	else
		refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, NULL);
	/* Who never was a member does not become one by this. */
	if (member->is.epoch == 0 && member->is.assigned.count == 0 && in->member_epoch == 0)
		consumer_member_remove(consumer, member);
	drop_unused(consumer);
}

/* It is a full request when it says all that need not be said again: then the answer is full as well. */
static bool is_full(const asked_t *in)
{
	return in->rebalance_timeout_ms != -1 && in->topic_partitions.count >= 0 &&
	       (in->subscribed_topic_names.count >= 0 || in->subscribed_topic_regex.at);
}

static void beat_on(struct request *request, struct consumer_group *consumer, const struct places *owned)
{
	const asked_t *in = request->message;
	struct beat *beat = arena_take(&request->arena, sizeof *beat);
	struct consumer_member *member = member_of(request, consumer, owned);
	told_t *response;
	struct fault fault = { 0 };
	int err, changed;

	if (!member) {
		drop_unused(consumer);
		return;
	}
	if (member->classic) { /* it came back by the newer protocol */
		consumer_classic_free(member->classic);
		member->classic = NULL;
		member->said_new = true;
	}
	err = take_said(request, consumer, member, &fault);
	if (err < 0) {
		refuse_said(request, consumer, member, err, &fault);
		return;
	}
	err = consumer_refresh(consumer);
	changed = err < 0 ? err : consumer_step(consumer, member, owned);
	member->deadline_ms = loop_now_ms(request->broker->loop) + consumer_session_ms(consumer->group);
	response = beat ? request_response(request) : NULL;
	if (changed < 0 || !response) {
		refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, NULL);
		return;
	}
	response->member_id = arena_copy(&request->arena, view_text(member->id));
	response->member_epoch = member->is.epoch;
	response->heartbeat_interval_ms = (int32_t)consumer_heartbeat_ms(consumer->group);
	if ((in->member_epoch == 0 || is_full(in) || changed) &&
	    !tell_assignment(request, response, &member->is.assigned))
		response = NULL;
	*beat = (struct beat){ request, response };
	consumer_save(consumer, answer, beat);
}

/* In version 0 the broker may make the id. */
static bool name_member(struct request *request)
{
	asked_t *in = request->message;
	uint8_t u[16];
	const char *text;

	if (in->member_id.size > 0)
		return true;
	broker_uuid_make(u);
	text = arena_printf(&request->arena,
			    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0],
			    u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13],
			    u[14], u[15]);
	in->member_id = view_text(text);
	return text != NULL;
}

/* The group, made or turned into one of this kind where that may be; NULL when the request was refused. */
static struct consumer_group *group_of(struct request *request)
{
	const asked_t *in = request->message;
	struct groups *groups = broker_groups(request->broker);
	struct group *group = group_named(groups, in->group_id);
	int err = 0;

	if (!group && in->member_epoch == 0)
		group = group_make(groups, in->group_id);
	if (group && !group->consumer && group->state == GROUP_EMPTY && in->member_epoch == 0 &&
	    group_become_consumer(group) < 0) {
		refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, NULL);
		return NULL;
	}
	if (group && !group->consumer && group->member_count > 0 && in->member_epoch == 0)
		err = group_upgrade(group, in->member_id);
	if (err == ERR_MEMORY || err == ERR_LIMIT) {
		refuse(request, err == ERR_LIMIT ? KAFKA_GROUP_MAX_SIZE_REACHED : KAFKA_UNKNOWN_SERVER_ERROR,
		       err == ERR_LIMIT ? FULL : NULL);
		return NULL;
	}
	if (group && group->consumer)
		return group->consumer;
	refuse(request, KAFKA_GROUP_ID_NOT_FOUND,
	       arena_printf(&request->arena,
			    group ? "Group %.*s is not a consumer group." : "Group %.*s not found.",
			    VIEW_ARGS(in->group_id)));
	return NULL;
}

/* Nobody subscribes to what he may not see. */
static int16_t access_check(const struct request *request)
{
	const asked_t *in = request->message;
	int16_t error = access_group(request, ACL_OPERATION_READ, in->group_id);

	for (int32_t i = 0; !error && i < in->subscribed_topic_names.count; i++)
		error = access_topic(request, ACL_OPERATION_DESCRIBE, in->subscribed_topic_names.at[i]);
	return error;
}

void handle_consumer_group_heartbeat(struct request *request)
{
	const asked_t *in = request->message;
	int16_t error = access_check(request);
	const char *fault = error ? NULL : fault_of(in, request_version(request));
	struct consumer_group *consumer;
	struct places owned = { 0 };

	if (!error)
		error = fault ? KAFKA_INVALID_REQUEST
			      : groups_serve(broker_groups(request->broker), in->group_id);
	if (!error && in->server_assignor.at && !assignor_named(in->server_assignor)) {
		error = KAFKA_UNSUPPORTED_ASSIGNOR;
		fault = arena_printf(
			&request->arena,
			"ServerAssignor %.*s is not supported. Supported assignors: uniform, range.",
			VIEW_ARGS(in->server_assignor));
	}
	if (error) {
		refuse(request, error, fault);
		return;
	}
	consumer = group_of(request);
	if (!consumer)
		return;
	if (in->member_epoch < 0) {
		leave(request, consumer);
		return;
	}
	if (name_member(request) && take_owned(in, &owned))
		beat_on(request, consumer, in->topic_partitions.count >= 0 ? &owned : NULL);
	else
		refuse(request, KAFKA_UNKNOWN_SERVER_ERROR, NULL);
	places_done(&owned);
}
