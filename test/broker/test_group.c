/* test_group.c - classic groups: what members agree on, and rebalances as members see them. */
#include "broker/group.h"
#include "broker/guest.h"

/* ---- looking alone --------------------------------------------------------------------------------------------------- */

struct crowd {
	struct group group;
	struct member members[4];
	struct member_protocol protocols[4][3];
};

/* Each word of `said` is what one member can, in its order: "ab" is a, then b. */
static void gather(struct crowd *crowd, const char *const *said)
{
	static char names[][2] = { "a", "b", "c" }, kind[] = "consumer";

	*crowd = (struct crowd){ .group = { .state = GROUP_STABLE, .protocol_type = kind } };
	list_init(&crowd->group.members);
	list_init(&crowd->group.pending);
	for (int i = 0; said[i]; i++) {
		struct member *member = &crowd->members[i];

		member->group = &crowd->group;
		member->id = (char *)said[i];
		member->protocols = crowd->protocols[i];
		for (const char *c = said[i]; *c; c++)
			member->protocols[member->protocol_count++].name = names[*c - 'a'];
		list_append(&crowd->group.members, &member->link);
		crowd->group.member_count++;
	}
}

static void the_most_wanted_that_all_know(void **state)
{
	static const struct {
		const char *said[4], *chosen;
	} table[] = {
		{ { NULL }, NULL },
		{ { "a" }, "a" },
		{ { "ab", "ba", "ba" }, "b" },
		{ { "ab", "ab", "ba" }, "a" },
		{ { "ab", "ba" }, "a" },        /* as many votes: the first member's order */
		{ { "abc", "cb", "bc" }, "b" }, /* a is known to one only, whose vote goes on to b */
		{ { "a", "b" }, NULL },
		{ { "abc", "c" }, "c" },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct crowd crowd;
		const char *chosen;

		gather(&crowd, table[i].said);
		chosen = group_vote(&crowd.group);
		if (!table[i].chosen ? chosen != NULL : !chosen || strcmp(chosen, table[i].chosen) != 0)
			fail_msg("line %zu: %s", i, chosen ? chosen : "(none)");
	}
}

static void a_newcomer_must_speak_with_all(void **state)
{
	static const char *const said[] = { "ab", "b", NULL };
	struct join_group_request_protocol offered[2] = { { .name = VIEW_LITERAL("a") },
							  { .name = VIEW_LITERAL("b") } };
	struct join_group_request in = { .protocols = { .at = offered, .count = 1 } };
	struct view consumer = VIEW_LITERAL("consumer");
	struct crowd crowd;

	gather(&crowd, said);
	assert_false(group_supports(&crowd.group, consumer, &in));
	in.protocols.count = 2;
	assert_true(group_supports(&crowd.group, consumer, &in));
	assert_false(group_supports(&crowd.group, VIEW_LITERAL("connect"), &in));
	assert_false(group_supports(&crowd.group, VIEW_LITERAL(""), &in));
	in.protocols.count = 0;
	assert_false(group_supports(&crowd.group, consumer, &in));
	/* Nobody is there to disagree. */
	in.protocols.count = 1;
	gather(&crowd, (const char *const[]){ NULL });
	crowd.group.state = GROUP_EMPTY;
	assert_true(group_supports(&crowd.group, VIEW_LITERAL("connect"), &in));
}

static void who_is_who(void **state)
{
	static const char *const said[] = { "a", "b", NULL };
	struct crowd crowd;
	struct member *found;
	char instance[] = "i";

	gather(&crowd, said);
	crowd.members[1].instance_id = instance;
	assert_int_equal(member_check(&crowd.group, VIEW_LITERAL("a"), VIEW_NULL, &found), KAFKA_NONE);
	assert_ptr_equal(found, &crowd.members[0]);
	assert_int_equal(member_check(&crowd.group, VIEW_LITERAL("x"), VIEW_NULL, &found),
			 KAFKA_UNKNOWN_MEMBER_ID);
	assert_int_equal(member_check(&crowd.group, VIEW_LITERAL("b"), VIEW_LITERAL("i"), &found),
			 KAFKA_NONE);
	assert_int_equal(member_check(&crowd.group, VIEW_LITERAL("a"), VIEW_LITERAL("i"), &found),
			 KAFKA_FENCED_INSTANCE_ID);
	assert_int_equal(member_check(&crowd.group, VIEW_LITERAL("a"), VIEW_LITERAL("j"), &found),
			 KAFKA_UNKNOWN_MEMBER_ID);
}

static void positions_are_kept_by_place(void **state)
{
	uint8_t raw[POSITION_KEY_MAX];
	struct position *found, is;
	struct map positions;
	struct view topic;
	int32_t partition;

	map_init(&positions);
	is = (struct position){ .offset = 10, .leader_epoch = 3 };
	assert_true(position_set(&positions, VIEW_LITERAL("t"), 1, &is, VIEW_LITERAL("m")));
	assert_true(position_set(&positions, VIEW_LITERAL("t"), 2, &is, VIEW_NULL));
	is = (struct position){ .offset = 11, .leader_epoch = 4 };
	assert_true(position_set(&positions, VIEW_LITERAL("t"), 1, &is, VIEW_LITERAL("n")));
	assert_int_equal(positions.count, 2);
	found = map_get(&positions, position_key(raw, VIEW_LITERAL("t"), 1));
	assert_int_equal(found->offset, 11);
	assert_int_equal(found->leader_epoch, 4);
	assert_string_equal(found->metadata, "n");
	position_key_split(position_key(raw, VIEW_LITERAL("orders"), 70000), &topic, &partition);
	assert_true(view_is(topic, "orders"));
	assert_int_equal(partition, 70000);
	position_remove(&positions, VIEW_LITERAL("t"), 1);
	position_remove(&positions, VIEW_LITERAL("t"), 1);
	assert_int_equal(positions.count, 1);
	positions_done(&positions);
}

/* ---- plays ----------------------------------------------------------------------------------------------------------- */

static int begin(void **state)
{
	return begin_with(state, "offsets.topic.num.partitions", "2");
}

enum { JOIN = 5, SYNC = 3, BEAT = 3 };

static void ask_join(struct guest *guest, const char *member_id, const char *instance_id)
{
	struct join_group_request request =
		words_join(&guest->arena, VIEW_LITERAL("g"), view_text(member_id), VIEW_LITERAL("m"));

	request.group_instance_id = view_text(instance_id);
	guest_ask(guest, API_JOIN_GROUP, JOIN, &request);
}

static struct join_group_response joined(struct guest *guest)
{
	struct join_group_response response;

	guest_wait(guest, guest->count ? guest->count : 1);
	guest_read(guest, guest->count - 1, API_JOIN_GROUP, JOIN, &response);
	return response;
}

static struct join_group_response join(struct guest *guest, const char *member_id, const char *instance_id)
{
	struct join_group_response response;

	do {
		int count = guest->count;

		ask_join(guest, member_id, instance_id);
		guest_wait(guest, count + 1);
		response = joined(guest);
		turn(guest->broker); /* the topic of positions is being made */
	} while (response.error_code == KAFKA_COORDINATOR_NOT_AVAILABLE);
	return response;
}

static struct sync_group_response sync_with(struct guest *guest, const struct join_group_response *as,
					    const char *instance_id, const char *given)
{
	struct sync_group_request request =
		words_sync(&guest->arena, VIEW_LITERAL("g"), as->member_id, as->generation_id, given != NULL);
	struct sync_group_response response;

	request.group_instance_id = view_text(instance_id);
	if (given) {
		request.assignments.at[0].member_id = as->member_id;
		request.assignments.at[0].assignment = view_text(given);
	}
	guest_hear(guest, API_SYNC_GROUP, SYNC, &request, &response);
	return response;
}

static int16_t beat(struct guest *guest, const struct join_group_response *as)
{
	struct heartbeat_request request =
		words_heartbeat(VIEW_LITERAL("g"), as->member_id, as->generation_id);
	struct heartbeat_response response;

	guest_hear(guest, API_HEARTBEAT, BEAT, &request, &response);
	return response.error_code;
}

static void a_second_member_makes_a_rebalance(void **state)
{
	struct join_group_response one, two;
	struct sync_group_response synced;
	struct guest first, second;
	char id[128], other[128];

	guest_come(&first, *state);
	guest_come(&second, *state);
	one = join(&first, "", NULL);
	assert_int_equal(one.error_code, KAFKA_MEMBER_ID_REQUIRED);
	snprintf(id, sizeof id, "%.*s", VIEW_ARGS(one.member_id));
	one = join(&first, id, NULL);
	assert_int_equal(one.error_code, 0);
	assert_int_equal(one.generation_id, 1);
	assert_true(view_is(one.leader, id));
	assert_int_equal(one.members.count, 1);
	synced = sync_with(&first, &one, NULL, "all");
	assert_int_equal(synced.error_code, 0);
	assert_true(view_is(synced.assignment, "all"));
	assert_int_equal(beat(&first, &one), 0);
	/* The second waits for the first, which learns of it with its heartbeat. */
	two = join(&second, "", NULL);
	snprintf(other, sizeof other, "%.*s", VIEW_ARGS(two.member_id));
	ask_join(&second, other, NULL);
	assert_int_equal(beat(&first, &one), KAFKA_REBALANCE_IN_PROGRESS);
	one = join(&first, id, NULL);
	assert_int_equal(one.generation_id, 2);
	assert_int_equal(one.members.count, 2);
	guest_wait(&second, second.count < 2 ? 2 : second.count);
	two = joined(&second);
	assert_int_equal(two.generation_id, 2);
	assert_true(view_is(two.leader, id));
	assert_int_equal(two.members.count, 0);
	one.generation_id = 1;
	assert_int_equal(beat(&first, &one), KAFKA_ILLEGAL_GENERATION);
	assert_int_equal(join(&first, "nobody", NULL).error_code, KAFKA_UNKNOWN_MEMBER_ID);
	guest_leave(&first);
	guest_leave(&second);
}

static void a_static_member_keeps_its_place(void **state)
{
	struct join_group_response one, again;
	struct sync_group_response synced;
	struct guest guest;

	guest_come(&guest, *state);
	one = join(&guest, "", "i");
	assert_int_equal(one.error_code, 0);
	assert_int_equal(sync_with(&guest, &one, "i", "mine").error_code, 0);
	again = join(&guest, "", "i");
	assert_int_equal(again.error_code, 0);
	assert_int_equal(again.generation_id, one.generation_id);
	assert_false(view_equal(again.member_id, one.member_id));
	synced = sync_with(&guest, &again, "i", NULL);
	assert_int_equal(synced.error_code, 0);
	assert_true(view_is(synced.assignment, "mine"));
	assert_int_equal(sync_with(&guest, &one, "i", NULL).error_code, KAFKA_FENCED_INSTANCE_ID);
	guest_leave(&guest);
}

/* ---- expiry ---------------------------------------------------------------------------------------------------------- */

#define WEEK_MS (7 * 24 * 3600000ll)

static int begin_expiry(void **state)
{
	wall_shift_ms = 0;
	return begin_with(state, "offsets.retention.check.interval.ms", "1");
}

static void commit_alone(struct guest *guest, const char *group)
{
	struct offset_commit_request request =
		words_commit(&guest->arena, view_text(group), VIEW_LITERAL(""), -1, VIEW_LITERAL("t"), 0, 5);
	struct offset_commit_response response;
	int16_t error;

	do {
		guest_hear(guest, API_OFFSET_COMMIT, 8, &request, &response);
		error = response.topics.at[0].partitions.at[0].error_code;
		turn(guest->broker);
	} while (error == KAFKA_COORDINATOR_NOT_AVAILABLE);
	assert_int_equal(error, 0);
}

/* How many groups there are, after a while in which some may go. */
static int groups_left(struct broker *broker)
{
	for (int i = 0; i < 60; i++)
		turn(broker);
	return (int)broker_groups(broker)->by_id.count;
}

/* Of a member's group: its topic is subscribed to, for all that one can tell of what the member said. */
static void commit_as(struct guest *guest, const struct join_group_response *as)
{
	struct offset_commit_request request = words_commit(&guest->arena, VIEW_LITERAL("g"), as->member_id,
							    as->generation_id, VIEW_LITERAL("t"), 0, 5);
	struct offset_commit_response response;

	guest_hear(guest, API_OFFSET_COMMIT, 7, &request, &response);
	assert_int_equal(response.topics.at[0].partitions.at[0].error_code, 0);
}

static int16_t forget_position(struct guest *guest)
{
	struct offset_delete_request request;
	struct offset_delete_response response;

	message_default(&offset_delete_request_message, &request);
	request.group_id = VIEW_LITERAL("g");
	request.topics.at = words_one(&offset_delete_request_topic_shape, &guest->arena);
	request.topics.count = 1;
	request.topics.at[0].name = VIEW_LITERAL("t");
	request.topics.at[0].partitions.at = words_one(&offset_delete_request_partition_shape, &guest->arena);
	request.topics.at[0].partitions.count = 1;
	guest_hear(guest, API_OFFSET_DELETE, 0, &request, &response);
	assert_int_equal(response.error_code, 0);
	return response.topics.at[0].partitions.at[0].error_code;
}

static int positions_left(struct broker *broker)
{
	groups_left(broker);
	return (int)group_named(broker_groups(broker), VIEW_LITERAL("g"))->positions.count;
}

/* Positions count from when the last member left, and not from when they were committed. */
static void what_members_stand_for_is_kept(void **state)
{
	struct leave_group_request leave;
	struct leave_group_response left;
	struct join_group_response one;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 1);
	one = join(&guest, "", NULL);
	one = join(&guest, (const char *)arena_copy(&guest.arena, one.member_id).at, NULL);
	assert_int_equal(sync_with(&guest, &one, NULL, "all").error_code, 0);
	commit_as(&guest, &one);
	assert_int_equal(forget_position(&guest), KAFKA_GROUP_SUBSCRIBED_TO_TOPIC);
	wall_shift_ms = 2 * WEEK_MS;
	assert_int_equal(positions_left(*state), 1);
	leave = words_leave(VIEW_LITERAL("g"), one.member_id);
	guest_hear(&guest, API_LEAVE_GROUP, 2, &leave, &left);
	assert_int_equal(left.error_code, 0);
	wall_shift_ms = 3 * WEEK_MS - 60000;
	assert_int_equal(positions_left(*state), 1);
	assert_int_equal(forget_position(&guest), 0);
	assert_int_equal(groups_left(*state), 0); /* nothing is left of it */
	guest_leave(&guest);
	wall_shift_ms = 0;
}

static void what_nobody_used_for_long_is_given_up(void **state)
{
	struct join_group_response one;
	struct broker *broker = *state;
	struct guest guest;
	char id[128];

	guest_come(&guest, broker);
	ask_topic(&guest, "t", 1);
	commit_alone(&guest, "alone");
	one = join(&guest, "", NULL);
	snprintf(id, sizeof id, "%.*s", VIEW_ARGS(one.member_id));
	one = join(&guest, id, NULL);
	assert_int_equal(sync_with(&guest, &one, NULL, "all").error_code, 0);
	assert_int_equal(groups_left(broker), 2);
	wall_shift_ms = WEEK_MS - 60000;
	commit_alone(&guest, "later");
	assert_int_equal(groups_left(broker), 3);
	wall_shift_ms = WEEK_MS + 60000;
	assert_int_equal(groups_left(broker), 2); /* one has a member, one a position that is young */
	assert_null(group_named(broker_groups(broker), VIEW_LITERAL("alone")));
	guest_leave(&guest);
	broker_end(broker);
	/* The log says so as well. */
	*state = broker = broker_begin("offsets.retention.check.interval.ms", "1");
	assert_null(group_named(broker_groups(broker), VIEW_LITERAL("alone")));
	assert_non_null(group_named(broker_groups(broker), VIEW_LITERAL("later")));
	wall_shift_ms = 3 * WEEK_MS;
	assert_int_equal(groups_left(broker), 1);
	wall_shift_ms = 0;
}

/* The old position is looked at while the new one is on its way. */
static void what_is_being_committed_is_not_given_up(void **state)
{
	struct broker *broker = *state;
	struct offset_commit_request request;
	struct offset_commit_response committed;
	struct offset_fetch_request look;
	struct offset_fetch_response stands;
	struct guest guest;

	guest_come(&guest, broker);
	ask_topic(&guest, "t", 1);
	commit_alone(&guest, "g");
	wall_shift_ms = WEEK_MS + 1;
	request =
		words_commit(&guest.arena, VIEW_LITERAL("g"), VIEW_LITERAL(""), -1, VIEW_LITERAL("t"), 0, 9);
	guest.count = 0;
	guest_ask(&guest, API_OFFSET_COMMIT, 8, &request);
	groups_expire(broker_groups(broker));
	guest_wait(&guest, 1);
	guest_read(&guest, 0, API_OFFSET_COMMIT, 8, &committed);
	assert_int_equal(committed.topics.at[0].partitions.at[0].error_code, 0);
	ticks(broker);
	look = words_position(&guest.arena, VIEW_LITERAL("g"), VIEW_LITERAL("t"), 0, true);
	guest_hear(&guest, API_OFFSET_FETCH, 7, &look, &stands);
	assert_int_equal(stands.topics.at[0].partitions.at[0].committed_offset, 9);
	assert_int_equal(group_named(broker_groups(broker), VIEW_LITERAL("g"))->commits, 0);
	guest_leave(&guest);
	wall_shift_ms = 0;
}

static int16_t delete_group(struct guest *guest)
{
	struct view name = VIEW_LITERAL("g");
	struct delete_groups_request request;
	struct delete_groups_response response;

	message_default(&delete_groups_request_message, &request);
	request.groups_names.at = &name;
	request.groups_names.count = 1;
	guest_hear(guest, API_DELETE_GROUPS, 1, &request, &response);
	return response.results.at[0].error_code;
}

static void a_deleted_group_stays_away(void **state)
{
	struct offset_commit_request request;
	struct guest guest, other;
	int16_t error;

	guest_come(&guest, *state);
	guest_come(&other, *state);
	ask_topic(&guest, "t", 2);
	commit_alone(&guest, "g");
	request =
		words_commit(&guest.arena, VIEW_LITERAL("g"), VIEW_LITERAL(""), -1, VIEW_LITERAL("t"), 1, 9);
	guest.count = 0;
	guest_ask(&guest, API_OFFSET_COMMIT, 8, &request); /* on its way when the group is to go */
	error = delete_group(&other);
	guest_wait(&guest, 1);
	if (error == KAFKA_COORDINATOR_LOAD_IN_PROGRESS)
		error = delete_group(&other);
	assert_int_equal(error, 0);
	assert_int_equal(groups_left(*state), 0);
	guest_leave(&guest);
	guest_leave(&other);
	broker_end(*state);
	*state = broker_begin("offsets.topic.num.partitions", "2");
	assert_int_equal(groups_left(*state), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_wanted_that_all_know),
		cmocka_unit_test(a_newcomer_must_speak_with_all),
		cmocka_unit_test(who_is_who),
		cmocka_unit_test(positions_are_kept_by_place),
		cmocka_unit_test_setup_teardown(a_second_member_makes_a_rebalance, begin, guest_end),
		cmocka_unit_test_setup_teardown(what_nobody_used_for_long_is_given_up, begin_expiry,
						guest_end),
		cmocka_unit_test_setup_teardown(what_members_stand_for_is_kept, begin_expiry, guest_end),
		cmocka_unit_test_setup_teardown(what_is_being_committed_is_not_given_up, begin, guest_end),
		cmocka_unit_test_setup_teardown(a_deleted_group_stays_away, begin, guest_end),
		cmocka_unit_test_setup_teardown(a_static_member_keeps_its_place, begin, guest_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
