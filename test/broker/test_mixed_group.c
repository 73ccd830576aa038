/* test_mixed_group.c - members of both group protocols in one group, and groups that turn from one kind into the other. */
#include "guest.h"

#include "base/hash.h"
#include "base/random.h"
#include "broker/consumer_bytes.h"
#include "broker/consumer_group.h"

static int begin(void **state)
{
	return begin_with(state, "offsets.topic.num.partitions", "2");
}

static int begin_disabled(void **state)
{
	return begin_with(state, "group.consumer.migration.policy", "disabled");
}

static int begin_upgrade(void **state)
{
	return begin_with(state, "group.consumer.migration.policy", "Upgrade");
}

static int begin_small(void **state)
{
	return begin_with(state, "group.consumer.max.size", "1");
}

/* ---- the classic side ------------------------------------------------------------------------------------------------ */

/* A member as clients are: it wants topic t, and says what it owns. */
struct old {
	struct view id; /* null: none yet */
	int32_t generation;
	int owned; /* a bit for each partition */
	bool eager;
};

static const struct view group = VIEW_LITERAL("g"), topic = VIEW_LITERAL("t");

/* The answer stands at the returned index, when it is there. */
static int send_join(struct guest *guest, const struct old *old)
{
	struct join_group_request request =
		words_join(&guest->arena, group, old->id,
			   words_subscription(&guest->arena, topic, old->eager ? 0 : old->owned));
	int at = guest->count;

	request.rebalance_timeout_ms = 5000;
	guest_ask(guest, API_JOIN_GROUP, 5, &request);
	return at;
}

static int16_t joined(struct guest *guest, int at, struct old *old, struct join_group_response *out)
{
	guest_wait(guest, at + 1);
	guest_read(guest, at, API_JOIN_GROUP, 5, out);
	if (out->error_code == 0 || out->error_code == KAFKA_MEMBER_ID_REQUIRED)
		old->id = arena_copy(&guest->arena, out->member_id);
	if (out->error_code == 0)
		old->generation = out->generation_id;
	return out->error_code;
}

static int16_t join(struct guest *guest, struct old *old, struct join_group_response *out)
{
	int16_t error;

	do {
		turn(guest->broker);
		error = joined(guest, send_join(guest, old), old, out);
	} while (error == KAFKA_MEMBER_ID_REQUIRED || error == KAFKA_COORDINATOR_NOT_AVAILABLE);
	return error;
}

/* Takes over what it is given; `leader` gives itself everything of t, `all` partitions. */
static int16_t sync_up(struct guest *guest, struct old *old, int all)
{
	struct store *store = guest->broker->store;
	struct sync_group_request request =
		words_sync(&guest->arena, group, old->id, old->generation, all != 0);
	struct sync_group_response response;
	struct places places = { 0 };

	if (all) {
		request.assignments.at[0].member_id = old->id;
		request.assignments.at[0].assignment = words_assignment(&guest->arena, topic, (1 << all) - 1);
	}
	guest_hear(guest, API_SYNC_GROUP, 3, &request, &response);
	if (response.error_code)
		return response.error_code;
	assert_int_equal(assignment_read(response.assignment, store, &places), 0);
	old->owned = 0;
	for (int i = 0; i < places.count; i++)
		old->owned |= 1 << places.at[i].partition;
	places_done(&places);
	return 0;
}

static int16_t old_beat(struct guest *guest, const struct old *old)
{
	struct heartbeat_request request = words_heartbeat(group, old->id, old->generation);
	struct heartbeat_response response;

	guest_hear(guest, API_HEARTBEAT, 3, &request, &response);
	return response.error_code;
}

static int16_t old_commit(struct guest *guest, const struct old *old, int32_t generation)
{
	struct offset_commit_request request =
		words_commit(&guest->arena, group, old->id, generation, topic, 0, 5);
	struct offset_commit_response response;

	guest_hear(guest, API_OFFSET_COMMIT, 7, &request, &response);
	return response.topics.at[0].partitions.at[0].error_code;
}

static int16_t old_looks(struct guest *guest, const struct old *old, int32_t generation)
{
	struct offset_fetch_request request;
	struct offset_fetch_response response;

	message_default(&offset_fetch_request_message, &request);
	request.groups.at = words_one(&offset_fetch_request_group_shape, &guest->arena);
	request.groups.count = 1;
	request.groups.at[0].group_id = group;
	request.groups.at[0].member_id = old->id;
	request.groups.at[0].member_epoch = generation;
	request.groups.at[0].topics.count = -1;
	guest_hear(guest, API_OFFSET_FETCH, 9, &request, &response);
	return response.groups.at[0].error_code;
}

static int16_t old_leaves(struct guest *guest, const struct old *old)
{
	struct leave_group_request request = words_leave(group, old->id);
	struct leave_group_response response;

	guest_hear(guest, API_LEAVE_GROUP, 2, &request, &response);
	return response.error_code;
}

/* ---- the newer side -------------------------------------------------------------------------------------------------- */

struct new
{
	const char *id;
	int32_t epoch;
	int owned;
	const char *name; /* NULL: it is no static one */
};

static int16_t beat(struct guest *guest, struct new *new)
{
	struct consumer_group_heartbeat_request request =
		words_consumer(&guest->arena, group, view_text(new->id), new->epoch, topic,
			       store_topic_named(guest->broker->store, topic)->id, new->owned);
	struct consumer_group_heartbeat_response response;

	request.instance_id = view_text(new->name);
	guest_hear(guest, API_CONSUMER_GROUP_HEARTBEAT, 1, &request, &response);
	if (response.error_code)
		return response.error_code;
	new->epoch = response.member_epoch;
	if (!response.assignment)
		return 0;
	new->owned = 0;
	for (int32_t i = 0; i < response.assignment->topic_partitions.count; i++)
		for (int32_t k = 0; k < response.assignment->topic_partitions.at[i].partitions.count; k++)
			new->owned |= 1 << response.assignment->topic_partitions.at[i].partitions.at[k];
	return 0;
}

/* ---- plays ----------------------------------------------------------------------------------------------------------- */

static int bits(int owned)
{
	return __builtin_popcount((unsigned)owned);
}

/* A classic group of one, who owns all four partitions. */
static void one_old(struct guest *guest, struct broker *broker, struct old *old)
{
	struct join_group_response response;

	guest_come(guest, broker);
	ask_topic(guest, "t", 4);
	assert_int_equal(join(guest, old, &response), 0);
	assert_int_equal(sync_up(guest, old, 4), 0);
	assert_int_equal(old->owned, 15);
	assert_int_equal(old_beat(guest, old), 0);
}

/* Until both have what is theirs: what the old one is told by its heartbeats, it does. */
static void settle(struct guest *guest, struct old *old, struct new *new)
{
	struct join_group_response response;

	for (int i = 0; i < 10; i++) {
		assert_int_equal(beat(guest, new), 0);
		if (old_beat(guest, old) != KAFKA_REBALANCE_IN_PROGRESS)
			continue;
		if (old->eager)
			old->owned = 0;
		assert_int_equal(join(guest, old, &response), 0);
		assert_string_equal((const char *)arena_copy(&guest->arena, response.leader).at, "");
		assert_int_equal(sync_up(guest, old, 0), 0);
		assert_int_equal(old->owned & new->owned, 0);
	}
	assert_int_equal(bits(old->owned), 2);
	assert_int_equal(old->owned | new->owned, 15);
	assert_int_equal(old_beat(guest, old), 0);
}

static void rolls_up_and_down(void **state, bool eager)
{
	struct old old = { .eager = eager };
	struct new new = { "newer", 0, 0 };
	struct join_group_response response;
	struct guest guest;
	int32_t before;

	one_old(&guest, *state, &old);
	before = old.generation;
	assert_int_equal(beat(&guest, &new), 0);
	assert_int_equal(new.owned, 0); /* all of it is the old one's still */
	assert_int_equal(old_commit(&guest, &old, old.generation), 0);
	assert_int_equal(old_beat(&guest, &old), KAFKA_REBALANCE_IN_PROGRESS);
	assert_int_equal(beat(&guest, &new), 0);
	assert_int_equal(new.owned, 0);
	settle(&guest, &old, &new);
	assert_true(old.generation > before);
	assert_int_equal(old_commit(&guest, &old, old.generation + 1), KAFKA_ILLEGAL_GENERATION);
	assert_int_equal(old_commit(&guest, &old, old.generation), 0);

	new.epoch = -1;
	assert_int_equal(beat(&guest, &new), 0);
	/* It was up with the group, and may say how far it has come before it rejoins. */
	assert_int_equal(old_beat(&guest, &old), KAFKA_REBALANCE_IN_PROGRESS);
	assert_int_equal(old_commit(&guest, &old, old.generation), 0);
	assert_int_equal(join(&guest, &old, &response), 0);
	assert_true(view_equal(response.leader, old.id)); /* it leads again */
	assert_int_equal(response.members.count, 1);
	assert_int_equal(sync_up(&guest, &old, 4), 0);
	assert_int_equal(old_beat(&guest, &old), 0);
	guest_leave(&guest);
}

static void an_eager_member_rolls_up_and_down(void **state)
{
	rolls_up_and_down(state, true);
}

static void a_cooperative_member_rolls_up_and_down(void **state)
{
	rolls_up_and_down(state, false);
}

static void an_old_one_joins_the_newer_and_leaves(void **state)
{
	struct old old = { 0 };
	struct new new = { "newer", 0, 0 };
	struct join_group_response response;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 4);
	while (beat(&guest, &new) == KAFKA_COORDINATOR_NOT_AVAILABLE)
		turn(*state);
	assert_int_equal(new.owned, 15);
	assert_int_equal(join(&guest, &old, &response), 0);
	assert_int_equal(sync_up(&guest, &old, 0), 0);
	assert_int_equal(old.owned, 0);
	settle(&guest, &old, &new);
	assert_int_equal(old_leaves(&guest, &old), 0);
	assert_int_equal(old_beat(&guest, &old), KAFKA_UNKNOWN_MEMBER_ID);
	assert_int_equal(beat(&guest, &new), 0);
	assert_int_equal(new.owned, 15);
	guest_leave(&guest);
}

/* The newer one is gone before the old one has heard of it, and comes again: what the old one consumes still is not given away. */
static void a_newer_one_that_comes_and_goes(void **state)
{
	struct old old = { 0 };
	struct new new = { "newer", 0, 0 };
	struct guest guest;

	one_old(&guest, *state, &old);
	for (int i = 0; i < 2; i++) {
		new.epoch = 0;
		assert_int_equal(beat(&guest, &new), 0);
		assert_int_equal(new.owned, 0);
		new.epoch = -1;
		assert_int_equal(beat(&guest, &new), 0);
	}
	guest_leave(&guest);
}

/* It wants the first so many of t and u. */
static int16_t wants(struct guest *guest, const char *id, int32_t epoch, int count)
{
	static struct view both[] = { VIEW_LITERAL("t"), VIEW_LITERAL("u") };
	struct consumer_group_heartbeat_request request =
		words_consumer(&guest->arena, group, view_text(id), epoch, topic,
			       store_topic_named(guest->broker->store, topic)->id, 0);
	struct consumer_group_heartbeat_response response;

	request.subscribed_topic_names.at = both;
	request.subscribed_topic_names.count = count;
	guest_hear(guest, API_CONSUMER_GROUP_HEARTBEAT, 1, &request, &response);
	return response.error_code;
}

/* A topic comes, and right after it somebody who wants it, before anybody has looked: those who wanted it all along get of it too. */
static void a_new_topic_is_for_all(void **state)
{
	struct consumer_group *consumer;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 2);
	while (wants(&guest, "one", 0, 2) == KAFKA_COORDINATOR_NOT_AVAILABLE)
		turn(*state);
	loop_shift_ms += 1000;
	assert_int_equal(wants(&guest, "two", 0, 1), 0);
	ask_topic(&guest, "u", 4);
	assert_int_equal(wants(&guest, "two", 2, 2), 0);
	loop_shift_ms += 1000;
	assert_int_equal(wants(&guest, "two", 0, 2), 0);
	consumer = group_named(broker_groups(*state), group)->consumer;
	assert_int_equal(consumer_member_find(consumer, VIEW_LITERAL("one"))->target.count, 3);
	assert_int_equal(consumer_member_find(consumer, VIEW_LITERAL("two"))->target.count, 3);
	guest_leave(&guest);
}

/* The group is deleted, and somebody joins before that is kept: what it finds is what there will be after a start. */
static void who_joins_a_group_that_is_deleted(void **state)
{
	struct delete_groups_request request;
	struct delete_groups_response response;
	struct old nobody = { 0 };
	struct new new = { "newer", 0, 0 };
	struct guest guest, other;
	int before;

	guest_come(&guest, *state);
	guest_come(&other, *state);
	ask_topic(&guest, "t", 1);
	nobody.id = VIEW_LITERAL("");
	while (old_commit(&guest, &nobody, -1) == KAFKA_COORDINATOR_NOT_AVAILABLE)
		turn(*state);
	message_default(&delete_groups_request_message, &request);
	request.groups_names.at = (struct view *)&group;
	request.groups_names.count = 1;
	before = guest.count;
	guest_ask(&guest, API_DELETE_GROUPS, 2, &request);
	assert_int_equal(beat(&other, &new), 0);
	guest_wait(&guest, before + 1);
	guest_read(&guest, before, API_DELETE_GROUPS, 2, &response);
	assert_int_equal(response.results.at[0].error_code, 0);
	assert_int_equal(group_named(broker_groups(*state), group)->consumer->member_count, 1);
	assert_int_equal(group_named(broker_groups(*state), group)->positions.count, 0);
	guest_leave(&guest);
	guest_leave(&other);
}

/* A topic goes while somebody says how far he has come in it: one that is called the same later has another beginning. */
static void a_topic_takes_its_positions_along(void **state)
{
	struct offset_commit_request place;
	struct delete_topics_request request;
	struct delete_topics_response response;
	struct old nobody = { .id = VIEW_LITERAL("") };
	struct guest guest, other;

	guest_come(&guest, *state);
	guest_come(&other, *state);
	message_default(&delete_topics_request_message, &request);
	request.topic_names.at = (struct view *)&topic;
	request.topic_names.count = 1;
	for (int i = 0, before; i < 6; i++) {
		ask_topic(&guest, "t", 1);
		place = words_commit(&other.arena, group, nobody.id, -1, topic, 0, 5);
		while (i == 0 && old_commit(&other, &nobody, -1) == KAFKA_COORDINATOR_NOT_AVAILABLE)
			turn(*state);
		before = guest.count;
		if (i % 2)
			guest_ask(&other, API_OFFSET_COMMIT, 7, &place);
		guest_ask(&guest, API_DELETE_TOPICS, 5, &request);
		if (i % 2 == 0)
			guest_ask(&other, API_OFFSET_COMMIT, 7, &place);
		guest_wait(&guest, before + 1);
		guest_read(&guest, before, API_DELETE_TOPICS, 5, &response);
		assert_int_equal(response.responses.at[0].error_code, 0);
		ticks(*state);
		assert_int_equal(group_named(broker_groups(*state), group)->positions.count, 0);
	}
	guest_leave(&guest);
	guest_leave(&other);
	broker_end(*state);
	*state = broker_begin("offsets.topic.num.partitions", "2");
	if (group_named(broker_groups(*state), group))
		assert_int_equal(group_named(broker_groups(*state), group)->positions.count, 0);
}

/* An old one asked for an id and did not come with it yet: the group is empty still, and whoever comes first says of which kind. */
static void an_id_is_no_member(void **state)
{
	struct old old = { 0 };
	struct new new = { "newer", 0, 0 };
	struct join_group_response response;
	struct guest guest;
	int16_t error;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 4);
	do {
		turn(*state);
		error = joined(&guest, send_join(&guest, &old), &old, &response);
	} while (error == KAFKA_COORDINATOR_NOT_AVAILABLE);
	assert_int_equal(error, KAFKA_MEMBER_ID_REQUIRED);
	assert_int_equal(beat(&guest, &new), 0);
	assert_int_equal(new.owned, 15);
	assert_int_equal(join(&guest, &old, &response), 0);
	assert_int_equal(sync_up(&guest, &old, 0), 0);
	settle(&guest, &old, &new);
	guest_leave(&guest);
}

/* As others are told: when the record of it is kept. */
static void leaving_is_kept_before_it_is_told(void **state)
{
	struct old old = { 0 };
	struct new new = { "newer", 0, 0 };
	struct leave_group_request request;
	struct guest guest;
	int before;

	one_old(&guest, *state, &old);
	assert_int_equal(beat(&guest, &new), 0);
	settle(&guest, &old, &new);
	before = guest.count;
	request = words_leave(group, old.id);
	guest_ask(&guest, API_LEAVE_GROUP, 2, &request);
	assert_int_equal(guest.count, before);
	guest_wait(&guest, before + 1);
	assert_int_equal(old_beat(&guest, &old), KAFKA_UNKNOWN_MEMBER_ID);
	guest_leave(&guest);
}

static void a_mixed_group_comes_back_after_a_restart(void **state)
{
	struct old old = { 0 };
	struct new new = { "newer", 0, 0 };
	struct guest guest;

	one_old(&guest, *state, &old);
	assert_int_equal(old_commit(&guest, &old, old.generation), 0);
	assert_int_equal(beat(&guest, &new), 0);
	settle(&guest, &old, &new);
	char id[100];
	snprintf(id, sizeof id, "%.*s", (int)old.id.size, (const char *)old.id.at);
	old.id = view_text(id);
	guest_leave(&guest);
	broker_end(*state);
	*state = broker_begin("offsets.topic.num.partitions", "2");
	loop_shift_ms += 60000; /* it took long to read */
	ticks(*state);
	guest_come(&guest, *state);
	assert_int_equal(beat(&guest, &new), 0);
	assert_int_equal(old_beat(&guest, &old), 0);
	assert_int_equal(sync_up(&guest, &old, 0), 0);
	assert_int_equal(bits(old.owned), 2);
	assert_int_equal(old.owned | new.owned, 15);
	/* Nobody is left of the classic group that it was. */
	assert_int_equal(group_named(broker_groups(*state), group)->member_count, 0);
	guest_leave(&guest);
}

/* The broker ends in the middle of the rebalance: what the newer one had is nobody's until there is another. */
static void a_group_that_turned_back_rebalances_after_a_restart(void **state)
{
	struct old old = { 0 };
	struct new new = { "newer", 0, 0 };
	struct join_group_response response;
	struct guest guest;
	char id[100];

	one_old(&guest, *state, &old);
	assert_int_equal(beat(&guest, &new), 0);
	settle(&guest, &old, &new);
	new.epoch = -1;
	assert_int_equal(beat(&guest, &new), 0);
	ticks(*state);
	snprintf(id, sizeof id, "%.*s", (int)old.id.size, (const char *)old.id.at);
	old.id = view_text(id);
	guest_leave(&guest);
	broker_end(*state);
	*state = broker_begin("offsets.topic.num.partitions", "2");
	ticks(*state);
	guest_come(&guest, *state);
	assert_int_equal(old_beat(&guest, &old), KAFKA_REBALANCE_IN_PROGRESS);
	assert_int_equal(join(&guest, &old, &response), 0);
	assert_int_equal(sync_up(&guest, &old, 4), 0);
	assert_int_equal(old.owned, 15);
	guest_leave(&guest);
}

/* It is told that it is behind, and when it does not come in its rebalance timeout it is out. */
static void an_old_one_that_is_behind(void **state)
{
	struct old old = { 0 }, wrong;
	struct new new = { "newer", 0, 0 };
	struct guest guest;

	one_old(&guest, *state, &old);
	assert_int_equal(beat(&guest, &new), 0);
	settle(&guest, &old, &new);
	for (int by = -1; by <= 1; by += 2) {
		wrong = old;
		wrong.generation += by;
		assert_int_equal(old_beat(&guest, &wrong), KAFKA_ILLEGAL_GENERATION);
		assert_int_equal(sync_up(&guest, &wrong, 0), KAFKA_ILLEGAL_GENERATION);
		assert_int_equal(old_looks(&guest, &old, wrong.generation), KAFKA_ILLEGAL_GENERATION);
		assert_int_equal(old_looks(&guest, &old, old.generation), 0);
	}
	new.epoch = -1;
	assert_int_equal(beat(&guest, &new), 0);
	assert_int_equal(old_beat(&guest, &old), KAFKA_REBALANCE_IN_PROGRESS);
	loop_shift_ms += 4000;
	ticks(*state);
	assert_int_equal(old_beat(&guest, &old), KAFKA_REBALANCE_IN_PROGRESS);
	loop_shift_ms += 2000;
	ticks(*state);
	assert_int_equal(old_beat(&guest, &old), KAFKA_UNKNOWN_MEMBER_ID);
	guest_leave(&guest);
}

static void the_policy_may_forbid_it(void **state)
{
	struct old old = { 0 };
	struct new new = { "newer", 0, 0 };
	struct guest guest;

	one_old(&guest, *state, &old);
	assert_int_equal(beat(&guest, &new), KAFKA_GROUP_ID_NOT_FOUND);
	assert_int_equal(old_beat(&guest, &old), 0);
	guest_leave(&guest);
}

/* There is no place for the newer one: then there is no reason to turn. */
static void a_full_group_stays_classic(void **state)
{
	struct old old = { 0 };
	struct new new = { "newer", 0, 0 };
	struct guest guest;

	one_old(&guest, *state, &old);
	assert_int_equal(beat(&guest, &new), KAFKA_GROUP_MAX_SIZE_REACHED);
	assert_null(group_named(broker_groups(*state), group)->consumer);
	assert_int_equal(old_beat(&guest, &old), 0);
	guest_leave(&guest);
}

static void or_only_the_way_back(void **state)
{
	struct old old = { 0 };
	struct new new = { "newer", 0, 0 };
	struct join_group_response response;
	struct guest guest;

	one_old(&guest, *state, &old);
	assert_int_equal(beat(&guest, &new), 0);
	settle(&guest, &old, &new);
	new.epoch = -1;
	assert_int_equal(beat(&guest, &new), 0);
	assert_int_equal(old_beat(&guest, &old), KAFKA_REBALANCE_IN_PROGRESS);
	assert_int_equal(join(&guest, &old, &response), 0);
	assert_int_equal(response.leader.size, 0); /* the broker assigns still */
	assert_int_equal(sync_up(&guest, &old, 0), 0);
	assert_int_equal(old.owned, 15);
	guest_leave(&guest);
}

static void what_is_no_consumer_does_not_mix(void **state)
{
	struct new new = { "newer", 0, 0 };
	struct join_group_request request;
	struct join_group_response response;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 4);
	while (beat(&guest, &new) == KAFKA_COORDINATOR_NOT_AVAILABLE)
		turn(*state);
	for (int i = 0; i < 3; i++) {
		request =
			words_join(&guest.arena, group, VIEW_NULL, VIEW_LITERAL("\0\1\0\0")); /* ends early */
		request.protocol_type = i == 0 ? VIEW_LITERAL("connect") : VIEW_LITERAL("consumer");
		request.protocols.count = i != 1;
		guest_hear(&guest, API_JOIN_GROUP, 5, &request, &response);
		assert_int_equal(response.error_code, KAFKA_INCONSISTENT_GROUP_PROTOCOL);
	}
	guest_leave(&guest);
}

/* ---- whatever happens ------------------------------------------------------------------------------------------------ */

enum { MANY = 4, STEPS = 250 };

static uint64_t hash_places(const struct places *places, uint64_t hash)
{
	return places->count ? hash64(places->at, (size_t)places->count * sizeof *places->at, hash)
			     : hash + 1;
}

/* Of all that the log is to keep, in whatever order. */
static uint64_t hash_group(struct broker *broker)
{
	struct group *whole = group_named(broker_groups(broker), group);
	struct consumer_group *consumer = whole ? whole->consumer : NULL;
	uint64_t hash = 0;

	if (!consumer)
		return 0;
	LIST_EACH(&consumer->members, link)
	{
		struct consumer_member *member = container_of(link, struct consumer_member, link);
		int32_t numbers[] = { member->is.epoch, member->is.previous_epoch, (int32_t)member->is.state,
				      member->rebalance_timeout_ms, member->instance_id != NULL };
		uint64_t one = hash64(member->id, strlen(member->id), 0);

		one = hash64(numbers, sizeof numbers, one);
		one = hash_places(&member->is.assigned, one);
		one = hash_places(&member->is.revoking, one);
		hash ^= hash_places(&member->target, one);
	}
	return hash ^ ((uint64_t)consumer->epoch << 32) ^ (uint64_t)consumer->assignment_epoch;
}

/* Members that are honest, answers that they never hear, processes that die, and a broker that starts again: nobody owns what another one owns. */
static void nobody_owns_what_another_owns(void **state)
{
	static const char *const names[] = { "i", "k" };
	struct new all[MANY] = { 0 }, heard;
	char ids[MANY][16];
	struct random chance;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 8);
	random_seed(&chance, 848);
	for (int step = 0, number = 0; step < STEPS; step++) {
		int k = (int)random_below(&chance, MANY);
		uint64_t dice = random_below(&chance, 100);
		int16_t error;

		if (!all[k].id || dice < 4) { /* it is new, or died without a word */
			snprintf(ids[k], sizeof ids[k], "m-%d", number++);
			all[k] = (struct new){ ids[k], 0, 0, k < 2 ? names[k] : NULL };
		} else if (dice < 9) { /* it goes; a static one maybe for a while */
			all[k].epoch = k < 2 && dice < 8 ? CONSUMER_STATIC_AWAY : -1;
			beat(&guest, &all[k]);
			all[k] = (struct new){ 0 };
			continue;
		} else if (dice < 11) { /* it takes something for lost that is not */
			all[k].epoch = all[k].owned = 0;
		} else if (dice < 13) {
			uint64_t before;

			ticks(*state);
			before = hash_group(*state);
			guest_leave(&guest);
			broker_end(*state);
			*state = broker_begin("offsets.topic.num.partitions", "2");
			guest_come(&guest, *state);
			assert_true(hash_group(*state) == before);
		} else if (dice < 15) {
			loop_shift_ms += 6000;
			ticks(*state);
		}
		heard = all[k];
		error = beat(&guest, &heard);
		if (error && error != KAFKA_COORDINATOR_NOT_AVAILABLE &&
		    error != KAFKA_COORDINATOR_LOAD_IN_PROGRESS)
			all[k].epoch = all[k].owned = 0;
		else if (!error && random_below(&chance, 5))
			all[k] = heard;
		for (int i = 0; i < MANY; i++)
			for (int o = 0; o < i; o++)
				if (all[i].owned & all[o].owned)
					fail_msg("step %d: %s owns %x, %s owns %x", step, all[i].id,
						 (unsigned)all[i].owned, all[o].id, (unsigned)all[o].owned);
	}
	guest_leave(&guest);
}

int main(void)
{
#define PLAY(name, how) cmocka_unit_test_setup_teardown(name, how, guest_end)
	const struct CMUnitTest tests[] = {
		PLAY(an_eager_member_rolls_up_and_down, begin),
		PLAY(a_cooperative_member_rolls_up_and_down, begin),
		PLAY(an_old_one_joins_the_newer_and_leaves, begin),
		PLAY(a_newer_one_that_comes_and_goes, begin),
		PLAY(a_new_topic_is_for_all, begin),
		PLAY(who_joins_a_group_that_is_deleted, begin),
		PLAY(a_topic_takes_its_positions_along, begin),
		PLAY(an_id_is_no_member, begin),
		PLAY(leaving_is_kept_before_it_is_told, begin),
		PLAY(a_mixed_group_comes_back_after_a_restart, begin),
		PLAY(a_group_that_turned_back_rebalances_after_a_restart, begin),
		PLAY(an_old_one_that_is_behind, begin_upgrade),
		PLAY(the_policy_may_forbid_it, begin_disabled),
		PLAY(a_full_group_stays_classic, begin_small),
		PLAY(or_only_the_way_back, begin_upgrade),
		PLAY(what_is_no_consumer_does_not_mix, begin),
		PLAY(nobody_owns_what_another_owns, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
