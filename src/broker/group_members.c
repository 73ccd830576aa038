/* group_members.c - who is a member, and what the members agree on: looking alone, without a clock, a request or a log. */
#include <stdlib.h>

#include "broker/consumer_group.h"

static const char *const state_names[] = { "Empty", "PreparingRebalance", "CompletingRebalance", "Stable" };

const char *group_state_name(const struct group *group)
{
	return group->consumer ? consumer_state_name(group->consumer) : state_names[group->state];
}

const char *group_type_name(const struct group *group)
{
	return group->consumer ? "consumer" : "classic";
}

bool group_is_empty(const struct group *group)
{
	return group->consumer ? group->consumer->member_count == 0 : group->state == GROUP_EMPTY;
}

struct member *member_find(struct group *group, struct view id)
{
	LIST_EACH(&group->members, link)
	{
		struct member *member = container_of(link, struct member, link);

		if (view_is(id, member->id))
			return member;
	}
	return NULL;
}

struct member *member_static(struct group *group, struct view instance_id)
{
	LIST_EACH(&group->members, link)
	{
		struct member *member = container_of(link, struct member, link);

		if (member->instance_id && view_is(instance_id, member->instance_id))
			return member;
	}
	return NULL;
}

struct pending_member *pending_find(struct group *group, struct view id)
{
	LIST_EACH(&group->pending, link)
	{
		struct pending_member *pending = container_of(link, struct pending_member, link);

		if (view_is(id, pending->id))
			return pending;
	}
	return NULL;
}

int16_t member_check(struct group *group, struct view id, struct view instance_id, struct member **out)
{
	if (instance_id.at) {
		*out = member_static(group, instance_id);
		if (!*out)
			return KAFKA_UNKNOWN_MEMBER_ID;
		return view_is(id, (*out)->id) ? KAFKA_NONE : KAFKA_FENCED_INSTANCE_ID;
	}
	*out = member_find(group, id);
	return *out ? KAFKA_NONE : KAFKA_UNKNOWN_MEMBER_ID;
}

const struct member_protocol *member_protocol(const struct member *member, const char *name)
{
	for (int i = 0; name && i < member->protocol_count; i++)
		if (strcmp(member->protocols[i].name, name) == 0)
			return &member->protocols[i];
	return NULL;
}

/* ---- which protocol -------------------------------------------------------------------------------------------------- */

static bool all_know(const struct group *group, const char *name)
{
	LIST_EACH(&group->members, link)
	if (!member_protocol(container_of(link, struct member, link), name))
		return false;
	return true;
}

bool group_supports(const struct group *group, struct view protocol_type, const struct join_group_request *in)
{
	if (protocol_type.size == 0 || in->protocols.count == 0)
		return false;
	if (group->state == GROUP_EMPTY && group->member_count == 0)
		return true;
	if (!group->protocol_type || !view_is(protocol_type, group->protocol_type))
		return false;
	for (int32_t i = 0; i < in->protocols.count; i++) {
		char *name = view_string(in->protocols.at[i].name);
		bool known = name && all_know(group, name);

		free(name);
		if (known)
			return true;
	}
	return false;
}

const char *group_vote(const struct group *group)
{
	const char *best = NULL;
	int best_votes = 0;
	struct member *first;

	if (list_empty(&group->members))
		return NULL;
	first = container_of(group->members.next, struct member, link);
	for (int i = 0; i < first->protocol_count; i++) {
		const char *name = first->protocols[i].name;
		int votes = 0;

		if (!all_know(group, name))
			continue;
		/* A member's vote goes to the first of its list that all know. */
		LIST_EACH(&group->members, link)
		{
			struct member *member = container_of(link, struct member, link);
			int k = 0;

			while (!all_know(group, member->protocols[k].name))
				k++;
			votes += strcmp(member->protocols[k].name, name) == 0;
		}
		if (!best || votes > best_votes) {
			best = name;
			best_votes = votes;
		}
	}
	return best;
}
