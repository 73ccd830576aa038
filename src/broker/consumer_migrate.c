/*
 * consumer_migrate.c - a group, with members or without, turns from one kind into the other.
 *
 * The tombstones of the one kind are written before the records of the other (group_past.c): after a crash between them a group has
 * no members, and its positions are there all the same; members are told that they are unknown and join again.
 */
#include <stdlib.h>
#include <strings.h>

#include "broker/consumer_bytes.h"
#include "broker/consumer_classic.h"

static bool policy_is(const struct group *group, const char *one_way)
{
	const char *policy = group->groups->broker->properties.migration_policy;

	return strcasecmp(policy, "bidirectional") == 0 || strcasecmp(policy, one_way) == 0;
}

/* Nothing is left of what it was; the records say so. */
static void end_consumer(struct group *group)
{
	struct consumer_group *consumer = group->consumer;

	consumer_gone_move(NULL, &consumer->gone, &group->past.gone);
	LIST_EACH(&consumer->members, link)
	consumer_note_gone(&group->past.gone, container_of(link, struct consumer_member, link)->id);
	consumer_free(consumer);
	group->past.consumer = true;
	group_past_write(group);
}

/* ---- without members ------------------------------------------------------------------------------------------------- */

int group_become_consumer(struct group *group)
{
	struct consumer_group *consumer = consumer_new(group);

	if (!consumer)
		return ERR_MEMORY;
	/* Whoever was given an id and comes with it later is a member of this kind of group then. */
	while (!list_empty(&group->pending))
		pending_remove(container_of(group->pending.next, struct pending_member, link));
	group->past.classic |= group->protocol_type != NULL; /* it may have been a classic group */
	group_past_write(group);
	free(group->protocol_type);
	group->protocol_type = strdup("consumer");
	group->generation = 0;
	consumer->epoch_new = true;
	return group->protocol_type ? 0 : ERR_MEMORY;
}

void group_become_classic(struct group *group)
{
	end_consumer(group);
}

/* ---- up -------------------------------------------------------------------------------------------------------------- */

/* The metadata that the group's assignments were made of. */
static struct view metadata_of(const struct group *group, const struct member *member)
{
	const struct member_protocol *protocol = member_protocol(member, group->protocol_name);

	return protocol                 ? protocol->metadata
	       : member->protocol_count ? member->protocols[0].metadata
					: VIEW_LITERAL("");
}

/* A member as it is: in the epoch of its generation, with what its leader gave it. */
static int add_member(struct consumer_group *consumer, const struct member *old, struct arena *arena)
{
	struct group *group = consumer->group;
	struct subscription said;
	struct consumer_member *member;
	int err = subscription_read(metadata_of(group, old), arena, &said);

	if (err < 0)
		return ERR_CONFIG;
	member = consumer_member_add(consumer, view_text(old->id));
	if (!member)
		return ERR_MEMORY;
	member->instance_id = old->instance_id ? strdup(old->instance_id) : NULL;
	member->client_id = strdup(old->client_id);
	member->client_host = strdup(old->client_host);
	member->rack_id = said.rack_id.at ? view_string(said.rack_id) : NULL;
	member->rebalance_timeout_ms = old->rebalance_timeout_ms;
	member->classic = consumer_classic_new(old->session_timeout_ms, old->protocols, old->protocol_count);
	if (!member->client_id || !member->client_host || !member->classic)
		return ERR_MEMORY;
	member->deadline_ms = loop_now_ms(group->groups->broker->loop) + old->session_timeout_ms;
	member->is.epoch = member->is.previous_epoch = group->generation;
	member->is.state = CONSUMER_STABLE;
	if (assignment_read(old->assignment, group->groups->broker->store, &member->is.assigned) < 0)
		return ERR_CONFIG;
	for (int i = 0; i < member->is.assigned.count; i++) {
		const struct place *place = &member->is.assigned.at[i];

		member->is.assigned.at[i].epoch = group->generation;
		if (!places_add(&member->target, place->topic, place->partition, 0))
			return ERR_MEMORY;
	}
	places_sort(&member->target);
	err = consumer_subscribe(consumer, member, said.topics, said.topic_count, VIEW_LITERAL(""), NULL);
	return err < 0 ? err : 0;
}

static int add_members(struct consumer_group *consumer)
{
	struct arena arena;
	int err = 0;

	arena_init(&arena, REQUEST_ASSIGNMENT_MAX);
	LIST_EACH(&consumer->group->members, link)
	if (err == 0)
		err = add_member(consumer, container_of(link, struct member, link), &arena);
	arena_done(&arena);
	return err;
}

/* Whoever waits for an answer is to come again, and finds a group of the other kind. */
static void send_away(struct group *group)
{
	group_answer_syncs(group, KAFKA_REBALANCE_IN_PROGRESS);
	while (!list_empty(&group->members)) {
		struct member *member = container_of(group->members.next, struct member, link);
		struct request *join = member->join;

		member->join = NULL;
		if (join)
			join_refuse(join, KAFKA_REBALANCE_IN_PROGRESS, view_text(member->id));
		member_remove(member);
	}
	while (!list_empty(&group->pending))
		pending_remove(container_of(group->pending.next, struct pending_member, link));
}

int group_upgrade(struct group *group, struct view joining)
{
	int64_t size_max = group->groups->broker->properties.consumer_size_max;
	struct consumer_group *consumer;
	int err;

	if (!policy_is(group, "upgrade") || !group->protocol_type ||
	    strcmp(group->protocol_type, "consumer") != 0 || group->member_count > size_max)
		return ERR_CONFIG;
	if (group->member_count == size_max && !member_find(group, joining))
		return ERR_LIMIT;
	consumer = consumer_new(group);
	if (!consumer)
		return ERR_MEMORY;
	consumer->epoch = consumer->assignment_epoch = group->generation;
	consumer->epoch_new = consumer->assignment_new = true;
	err = add_members(consumer);
	if (err < 0) {
		consumer_free(consumer);
		return err;
	}
	group->past.classic = true;
	group_past_write(group);
	send_away(group);
	free(group->protocol_name);
	free(group->leader);
	group->protocol_name = group->leader = NULL;
	group->state = GROUP_EMPTY; /* as a classic group it is one that nobody is in */
	return 0;
}

/* ---- down ------------------------------------------------------------------------------------------------------------ */

static bool all_classic(const struct consumer_group *consumer)
{
	LIST_EACH(&consumer->members, link)
	if (!container_of(link, struct consumer_member, link)->classic)
		return false;
	return consumer->member_count > 0;
}

static struct member *member_back(struct group *group, struct consumer_member *from)
{
	struct member *member = calloc(1, sizeof *member);
	struct consumer_classic *classic = from->classic;
	struct places has = { 0 };
	struct buffer bytes;

	/* Not what it was to have: if the group turns once more before it rejoins, nobody gets what it consumes still. */
	if (!member || !places_either(&from->is.assigned, &from->is.revoking, &has)) {
		free(member);
		return NULL;
	}
	list_init(&member->link);
	member->group = group;
	member->rebalance_timeout_ms = from->rebalance_timeout_ms;
	member->session_timeout_ms = classic->session_timeout_ms;
	buffer_init(&bytes, REQUEST_ASSIGNMENT_MAX);
	assignment_write(&has, group->groups->broker->store,
			 subscription_version(classic->protocols[0].metadata), &bytes);
	places_done(&has);
	member->assignment = bytes.err ? VIEW_NULL : buffer_bytes(&bytes); /* its owner now */
	if (bytes.err)
		buffer_done(&bytes);
	member->id = strdup(from->id);
	member->client_id = strdup(from->client_id ? from->client_id : "");
	member->client_host = strdup(from->client_host ? from->client_host : "");
	member->instance_id = from->instance_id ? strdup(from->instance_id) : NULL;
	member->protocols = classic->protocols;
	member->protocol_count = classic->protocol_count;
	classic->protocols = NULL;
	classic->protocol_count = 0;
	list_append(&group->members, &member->link);
	group->member_count++;
	member_alive(member);
	if (member->id && member->client_id && member->client_host)
		return member;
	free(member->id); /* a member without a name cannot be kept; it joins again */
	member->id = strdup("");
	member_remove(member);
	return NULL;
}

bool consumer_downgrade(struct consumer_group *consumer)
{
	struct group *group = consumer->group;

	if (!all_classic(consumer) || !policy_is(group, "downgrade") ||
	    consumer->member_count > group->groups->broker->properties.group_size_max)
		return false;
	LIST_EACH(&consumer->members, link)
	member_back(group, container_of(link, struct consumer_member, link));
	group->generation = consumer->epoch;
	end_consumer(group);
	if (!list_empty(&group->members)) {
		const char *vote = group_vote(group);

		/* Without a leader: who reads this record knows that it is to rebalance still. */
		free(group->leader);
		group->leader = NULL;
		group->protocol_name = vote ? strdup(vote) : NULL;
		group->state = GROUP_STABLE; /* as it would be, had it been one; then they rebalance */
		group_save(group);
		group_rebalance(group);
	}
	return true;
}
