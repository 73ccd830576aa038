/* group_expire.c - positions that nobody has used for long, and groups of which nothing is left. */
#include <stdlib.h>

#include "broker/consumer_group.h"

#define ARENA_MAX ((size_t)16 << 20)

/* As the members said in JoinGroup. */
bool group_subscribed(const struct group *group, struct view topic, struct arena *arena)
{
	if (group->consumer)
		return consumer_subscribed(group->consumer, topic);
	LIST_EACH(&group->members, link)
	{
		struct member *member = container_of(link, struct member, link);

		for (int i = 0; i < member->protocol_count; i++) {
			struct consumer_protocol_subscription said;
			struct cursor c = cursor_over(member->protocols[i].metadata);
			int16_t version = cursor_i16(&c);
			struct view left;

			version = version > 3 ? 3 : version;
			if (c.fault ||
			    message_read_front(&consumer_protocol_subscription_message, version,
					       view_of(c.at, cursor_left(&c)), arena, &said, &left, NULL) < 0)
				return true; /* who knows */
			for (int32_t k = 0; k < said.topics.count; k++)
				if (view_equal(said.topics.at[k], topic))
					return true;
		}
	}
	return false;
}

struct expiry {
	const struct group *group;
	int64_t now_ms, kept_ms;
	struct arena arena;
};

static bool expired(void *context, struct view topic, int32_t partition, const struct position *position)
{
	struct expiry *expiry = context;
	const struct group *group = expiry->group;
	int64_t since = position->commit_ms;

	/* Members were there until then; who commits without ever joining counts from each commit, as the newer protocol does. */
	if (!group->consumer && group->protocol_type && group_is_empty(group) && group->state_ms > since)
		since = group->state_ms;
	if (expiry->now_ms - since < expiry->kept_ms)
		return false;
	return group_is_empty(group) || !group_subscribed(group, topic, &expiry->arena);
}

/*
 * Of a classic group one knows what its members want once they have all said so.  And what is being committed would be taken for the
 * old position that it is to replace: its tombstone would stand behind it.
 */
static bool may_look(const struct group *group)
{
	if (!list_empty(&group->transactional) || !list_empty(&group->pending) || group->commits)
		return false;
	return group_is_empty(group) || group->consumer ||
	       (group->state == GROUP_STABLE && group->protocol_type &&
		strcmp(group->protocol_type, "consumer") == 0);
}

static void written(void *context, const struct store_appended *appended)
{
	/* A tombstone that was not written leaves an empty group after a start, which expires again. */
}

static void drop_if_over(struct group *group)
{
	struct internal_batch batch;

	if (!group_is_empty(group) || group->positions.count || !list_empty(&group->transactional) ||
	    !list_empty(&group->pending) || group->commits || group_owes(group))
		return;
	internal_batch_init(&batch, group->groups->broker);
	if (group->consumer)
		consumer_put_gone(&batch, group->consumer);
	else
		group_put_gone(&batch, group);
	internal_batch_append(&batch, internal_log_place(&group->groups->log, view_text(group->id)), written,
			      NULL);
	group_drop(group);
}

struct over {
	struct groups *groups;
	char id[];
};

static void forgotten(void *context, const struct store_appended *appended)
{
	struct over *over = context;
	struct group *group = group_named(over->groups, view_text(over->id));

	if (group && !appended->err && !over->groups->stopped)
		drop_if_over(group);
	free(over);
}

static void group_expire(struct group *group)
{
	struct broker *broker = group->groups->broker;
	struct expiry expiry = { .group = group,
				 .now_ms = broker_wall_ms(broker),
				 .kept_ms = broker->properties.offsets_retention_minutes * 60000 };
	struct over *over;

	if (!may_look(group))
		return;
	over = malloc(sizeof *over + strlen(group->id) + 1);
	if (!over)
		return;
	over->groups = group->groups;
	strcpy(over->id, group->id);
	arena_init(&expiry.arena, ARENA_MAX);
	if (group_forget(group, expired, &expiry, forgotten, over) != 0)
		free(over);
	arena_done(&expiry.arena);
}

void groups_expire(struct groups *groups)
{
	size_t count = 0;
	struct group **all = calloc(groups->by_id.count + 1, sizeof *all);

	/* A group may go while it is looked at: not while the table is walked. */
	if (all)
		MAP_EACH(&groups->by_id, slot)
	all[count++] = slot->value;
	for (size_t i = 0; i < count; i++)
		group_expire(all[i]);
	free(all);
}
