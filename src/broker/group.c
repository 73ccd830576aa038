/* group.c - members come and go, and how a rebalance goes.  What can be told by looking alone is group_members.c. */
#include <stdlib.h>

#include "base/hash.h"
#include "broker/consumer_group.h"
#include "broker/coordinator.h"

#define FRESH_MEMBER_MS                                                                                      \
	300000 /* Kafka's: a member that joined without an id first waits no longer than this */
#define TOPICS_LOOK_MS 500

static int64_t now_ms(const struct group *group)
{
	return loop_now_ms(group->groups->broker->loop);
}

/* ---- members --------------------------------------------------------------------------------------------------------- */

void pending_remove(struct pending_member *pending)
{
	list_remove(&pending->link);
	free(pending);
}

void member_alive(struct member *member)
{
	member->deadline_ms = now_ms(member->group) + member->session_timeout_ms;
}

static void member_free(struct member *member)
{
	for (int i = 0; i < member->protocol_count; i++) {
		free(member->protocols[i].name);
		free((void *)member->protocols[i].metadata.at);
	}
	free(member->protocols);
	free((void *)member->assignment.at);
	free(member->id);
	free(member->instance_id);
	free(member->client_id);
	free(member->client_host);
	free(member);
}

void member_remove(struct member *member)
{
	struct group *group = member->group;
	struct request *join = member->join, *sync = member->sync;

	list_remove(&member->link);
	group->member_count--;
	member->join = member->sync = NULL;
	if (join)
		join_refuse(join, KAFKA_UNKNOWN_MEMBER_ID, view_text(member->id));
	if (sync)
		sync_answer(sync, KAFKA_UNKNOWN_MEMBER_ID, NULL);
	if (group->leader && member->id && strcmp(group->leader, member->id) == 0) {
		free(group->leader);
		group->leader = NULL;
	}
	member_free(member);
}

/* ---- rebalance ------------------------------------------------------------------------------------------------------- */

void group_move(struct group *group, enum group_state state)
{
	static const uint8_t may[] = {
		[GROUP_EMPTY] = 1 << GROUP_PREPARING,
		[GROUP_PREPARING] = 1 << GROUP_COMPLETING | 1 << GROUP_EMPTY,
		[GROUP_COMPLETING] = 1 << GROUP_STABLE | 1 << GROUP_PREPARING,
		[GROUP_STABLE] = 1 << GROUP_PREPARING,
	};

	if (!(may[group->state] & 1 << state))
		abort();
	group->state = state;
	group->state_ms = broker_wall_ms(group->groups->broker);
}

void group_answer_syncs(struct group *group, int16_t error)
{
	LIST_EACH_SAFE(&group->members, link)
	{
		struct member *member = container_of(link, struct member, link);
		struct request *sync = member->sync;

		if (!sync)
			continue;
		member->sync = NULL;
		member_alive(member);
		sync_answer(sync, error, member);
	}
}

static int64_t longest_rebalance_ms(const struct group *group)
{
	int64_t longest = 0;

	LIST_EACH(&group->members, link)
	{
		struct member *member = container_of(link, struct member, link);

		if (member->rebalance_timeout_ms > longest)
			longest = member->rebalance_timeout_ms;
	}
	return longest;
}

static bool all_joined(const struct group *group)
{
	LIST_EACH(&group->members, link)
	if (!container_of(link, struct member, link)->join)
		return false;
	return list_empty(&group->pending);
}

/* Who did not come back in time is out, but for static members, whom only their session ends. */
static void leave_behind(struct group *group)
{
	LIST_EACH_SAFE(&group->members, link)
	{
		struct member *member = container_of(link, struct member, link);

		if (!member->join && !member->instance_id)
			member_remove(member);
	}
}

/* The leader must be one who has joined.  False when nobody has. */
static bool choose_leader(struct group *group)
{
	struct member *leader = group->leader ? member_find(group, view_text(group->leader)) : NULL;

	if (leader && leader->join)
		return true;
	LIST_EACH(&group->members, link)
	{
		struct member *member = container_of(link, struct member, link);

		if (!member->join)
			continue;
		free(group->leader);
		group->leader = strdup(member->id);
		return group->leader != NULL;
	}
	return false;
}

static void become_empty(struct group *group)
{
	free(group->leader);
	free(group->protocol_name);
	group->leader = group->protocol_name = NULL;
	group_move(group, GROUP_EMPTY);
	group_save(group);
}

static void complete_join(struct group *group)
{
	const char *chosen;

	leave_behind(group);
	if (group->member_count > 0 && !choose_leader(group)) {
		group->join_deadline_ms =
			now_ms(group) + longest_rebalance_ms(group); /* only absent static members */
		return;
	}
	group->generation++;
	if (group->member_count == 0) {
		become_empty(group);
		return;
	}
	chosen = group_vote(group);
	free(group->protocol_name);
	group->protocol_name = chosen ? strdup(chosen) : NULL;
	group_move(group, GROUP_COMPLETING);
	group->sync_deadline_ms = now_ms(group) + longest_rebalance_ms(group);
	LIST_EACH_SAFE(&group->members, link)
	{
		struct member *member = container_of(link, struct member, link);
		struct request *join = member->join;

		if (!join)
			continue;
		member->join = NULL;
		member->fresh = false;
		member_alive(member);
		join_answer_member(member, join, false);
	}
}

void group_join_maybe(struct group *group)
{
	if (group->state != GROUP_PREPARING)
		return;
	/* The first rebalance of a group waits for its delay alone: members that come in it make no rebalance of their own. */
	if (group->initial_left_ms < 0 && all_joined(group))
		complete_join(group);
}

void group_rebalance(struct group *group)
{
	int64_t delay_ms = group->groups->broker->properties.initial_delay_ms;
	int64_t longest_ms = longest_rebalance_ms(group);

	if (group->state == GROUP_PREPARING) {
		group->joined_since = true;
		group_join_maybe(group);
		return;
	}
	if (group->state == GROUP_COMPLETING)
		group_answer_syncs(group, KAFKA_REBALANCE_IN_PROGRESS);
	if (group->state == GROUP_EMPTY) {
		group->joined_since = false;
		group->initial_left_ms = longest_ms > delay_ms ? longest_ms - delay_ms : 0;
		group->join_deadline_ms = now_ms(group) + delay_ms;
		group_move(group, GROUP_PREPARING);
		if (delay_ms == 0)
			complete_join(group);
		return;
	}
	group->initial_left_ms = -1;
	group->join_deadline_ms = now_ms(group) + longest_ms;
	group_move(group, GROUP_PREPARING);
	group_join_maybe(group);
}

static void join_late(struct group *group)
{
	int64_t delay_ms = group->groups->broker->properties.initial_delay_ms;

	if (group->initial_left_ms > 0 && group->joined_since) {
		int64_t more_ms = delay_ms < group->initial_left_ms ? delay_ms : group->initial_left_ms;

		group->joined_since = false;
		group->initial_left_ms -= more_ms;
		group->join_deadline_ms = now_ms(group) + more_ms;
		return;
	}
	complete_join(group);
}

/* ---- time ------------------------------------------------------------------------------------------------------------ */

/* One whose session is over, or NULL. */
static struct member *one_expired(struct group *group, int64_t now)
{
	LIST_EACH(&group->members, link)
	{
		struct member *member = container_of(link, struct member, link);
		bool parked = member->join || member->sync;

		if (now >= member->deadline_ms && (!parked || (member->fresh && member->join)))
			return member;
	}
	return NULL;
}

/* The leader, or a member, that took its place and never asked for its assignment. */
static void sync_late(struct group *group)
{
	bool any = false;

	LIST_EACH_SAFE(&group->members, link)
	{
		struct member *member = container_of(link, struct member, link);

		if (member->sync || member->instance_id)
			continue;
		member_remove(member);
		any = true;
	}
	if (any)
		group_rebalance(group);
	else
		group->sync_deadline_ms = INT64_MAX;
}

static void group_tick(struct group *group)
{
	int64_t now = now_ms(group);
	struct member *gone;

	LIST_EACH_SAFE(&group->pending, link)
	{
		struct pending_member *pending = container_of(link, struct pending_member, link);

		if (now < pending->deadline_ms)
			continue;
		pending_remove(pending);
		group_join_maybe(group);
	}
	while ((gone = one_expired(group, now)) != NULL) {
		member_remove(gone);
		group_rebalance(group);
	}
	if (group->state == GROUP_PREPARING && now >= group->join_deadline_ms)
		join_late(group);
	if (group->state == GROUP_COMPLETING && now >= group->sync_deadline_ms)
		sync_late(group);
}

/* ---- all groups ------------------------------------------------------------------------------------------------------ */

struct group *group_named(struct groups *groups, struct view id)
{
	return map_get(&groups->by_id, id);
}

struct group *group_make(struct groups *groups, struct view id)
{
	struct group *group = group_named(groups, id);

	if (group)
		return group;
	group = calloc(1, sizeof *group);
	if (!group)
		return NULL;
	group->id = view_string(id);
	if (!group->id || map_put(&groups->by_id, id, group) < 0) {
		free(group->id);
		free(group);
		return NULL;
	}
	group->groups = groups;
	group->initial_left_ms = -1;
	group->state_ms = broker_wall_ms(groups->broker);
	list_init(&group->members);
	list_init(&group->pending);
	list_init(&group->transactional);
	list_init(&group->past.gone);
	map_init(&group->positions);
	return group;
}

static void group_free(struct group *group)
{
	while (!list_empty(&group->members))
		member_remove(container_of(group->members.next, struct member, link));
	while (!list_empty(&group->pending))
		pending_remove(container_of(group->pending.next, struct pending_member, link));
	while (!list_empty(&group->transactional)) {
		struct pending_positions *one =
			container_of(group->transactional.next, struct pending_positions, link);

		list_remove(&one->link);
		positions_done(&one->positions);
		free(one);
	}
	consumer_free(group->consumer);
	consumer_gone_free(&group->past.gone);
	positions_done(&group->positions);
	free(group->id);
	free(group->protocol_type);
	free(group->protocol_name);
	free(group->leader);
	free(group);
}

void group_drop(struct group *group)
{
	map_remove(&group->groups->by_id, view_text(group->id));
	group_free(group);
}

int16_t groups_serve(struct groups *groups, struct view id)
{
	return id.size == 0 ? KAFKA_INVALID_GROUP_ID : internal_log_serves(&groups->log, id);
}

int16_t groups_ready(struct groups *groups, struct view id)
{
	return id.size == 0 ? KAFKA_INVALID_GROUP_ID : internal_log_ready(&groups->log);
}

uint64_t groups_topics(struct groups *groups)
{
	struct store *store = groups->broker->store;
	int64_t now = loop_now_ms(groups->broker->loop);
	uint64_t hash = 0;

	if (groups->topics_ms && now - groups->topics_ms < TOPICS_LOOK_MS)
		return groups->topics_hash;
	for (struct store_topic *topic = store_topic_next(store, NULL); topic;
	     topic = store_topic_next(store, topic)) {
		hash = hash64(topic->id, sizeof topic->id, hash);
		hash = hash64(&topic->partition_count, sizeof topic->partition_count, hash);
	}
	groups->topics_ms = now;
	return groups->topics_hash = hash;
}

void groups_topics_again(struct groups *groups)
{
	groups->topics_ms = 0;
}

int groups_new(struct broker *broker, struct groups **out)
{
	struct groups *groups = calloc(1, sizeof *groups);

	if (!groups)
		return ERR_MEMORY;
	groups->broker = broker;
	groups->expired_ms = loop_now_ms(broker->loop);
	map_init(&groups->by_id);
	internal_log_init(&groups->log, broker, "__consumer_offsets",
			  (int32_t)broker->properties.offsets_partitions, group_replay, groups);
	*out = groups;
	return 0;
}

void groups_stop(struct groups *groups)
{
	groups->stopped = true;
	internal_log_stop(&groups->log);
	MAP_EACH(&groups->by_id, slot)
	{
		struct group *group = slot->value;

		while (!list_empty(&group->members))
			member_remove(container_of(group->members.next, struct member, link));
	}
}

void groups_free(struct groups *groups)
{
	if (!groups)
		return;
	MAP_EACH(&groups->by_id, slot)
	group_free(slot->value);
	map_done(&groups->by_id);
	free(groups);
}

/* Reading may have taken longer than a session, and nobody could be heard: everybody's time begins when it is done. */
static void begin_time(struct groups *groups)
{
	MAP_EACH(&groups->by_id, slot)
	{
		struct group *group = slot->value;

		LIST_EACH(&group->members, link)
		member_alive(container_of(link, struct member, link));
		if (group->consumer)
			consumer_begin_time(group->consumer);
		else if (group->state == GROUP_STABLE && !group->leader)
			group_rebalance(group); /* it turned into a classic one, and had not done so yet */
	}
	groups->time_begun = true;
}

void groups_tick(struct groups *groups)
{
	int64_t now = loop_now_ms(groups->broker->loop);

	if (groups->stopped)
		return;
	internal_log_tick(&groups->log);
	if (!groups->log.loaded)
		return;
	if (!groups->time_begun)
		begin_time(groups);
	MAP_EACH(&groups->by_id, slot)
	{
		struct group *group = slot->value;

		group_past_write(group);
		if (group->consumer)
			consumer_tick(group->consumer);
		else
			group_tick(group);
	}
	if (now - groups->expired_ms < groups->broker->properties.offsets_check_ms)
		return;
	groups->expired_ms = now;
	groups_expire(groups);
}
