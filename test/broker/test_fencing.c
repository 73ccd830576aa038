/* test_fencing.c - who is behind, late or somebody else is told so, in groups of either protocol. */
#include "broker/consumer_group.h"
#include "broker/guest.h"

enum { JOIN = 5, SYNC = 3, BEAT = 3, LEAVE = 3, COMMIT = 7 };

static const struct view group = VIEW_LITERAL("g"), topic = VIEW_LITERAL("t");

/* A member of a classic group. */
struct as {
	struct view id, instance_id;
	int32_t generation, session_ms;
	struct view leader;
	int members; /* that it was told of */
};

static int begin(void **state)
{
	loop_shift_ms = 0;
	return begin_with(state, "offsets.topic.num.partitions", "2");
}

static int begin_small(void **state)
{
	return begin_with(state, "group.max.size", "1");
}

static int begin_small_consumer(void **state)
{
	return begin_with(state, "group.consumer.max.size", "1");
}

static int end(void **state)
{
	loop_shift_ms = 0;
	return guest_end(state);
}

static void pass(struct broker *broker, int64_t ms)
{
	loop_shift_ms += ms;
	ticks(broker);
}

static int send_join(struct guest *guest, const struct as *as)
{
	struct join_group_request request = words_join(&guest->arena, group, as->id, VIEW_LITERAL("m"));
	int at = guest->count;

	request.group_instance_id = as->instance_id;
	request.session_timeout_ms = as->session_ms ? as->session_ms : 10000;
	guest_ask(guest, API_JOIN_GROUP, JOIN, &request);
	return at;
}

static int16_t joined(struct guest *guest, int at, struct as *as)
{
	struct join_group_response response;

	guest_wait(guest, at + 1);
	guest_read(guest, at, API_JOIN_GROUP, JOIN, &response);
	as->id = response.member_id.size ? response.member_id : as->id;
	as->generation = response.generation_id;
	as->leader = response.leader;
	as->members = response.members.count;
	return response.error_code;
}

static int16_t join(struct guest *guest, struct as *as)
{
	int16_t error;

	do {
		turn(guest->broker); /* the topic of positions is being made */
		error = joined(guest, send_join(guest, as), as);
	} while (error == KAFKA_COORDINATOR_NOT_AVAILABLE || error == KAFKA_MEMBER_ID_REQUIRED);
	return error;
}

static int send_sync(struct guest *guest, const struct as *as, int32_t generation, const char *given)
{
	struct sync_group_request request =
		words_sync(&guest->arena, group, as->id, generation, given != NULL);
	int at = guest->count;

	request.group_instance_id = as->instance_id;
	if (given) {
		request.assignments.at[0].member_id = as->id;
		request.assignments.at[0].assignment = view_text(given);
	}
	guest_ask(guest, API_SYNC_GROUP, SYNC, &request);
	return at;
}

/* What it was given, when it was. */
static int16_t synced(struct guest *guest, int at, struct view *out)
{
	struct sync_group_response response;

	guest_wait(guest, at + 1);
	guest_read(guest, at, API_SYNC_GROUP, SYNC, &response);
	*out = response.assignment;
	return response.error_code;
}

static int16_t sync_up(struct guest *guest, const struct as *as, int32_t generation, const char *given)
{
	struct view assignment;

	return synced(guest, send_sync(guest, as, generation, given), &assignment);
}

static int16_t beat(struct guest *guest, const struct as *as, int32_t generation)
{
	struct heartbeat_request request = words_heartbeat(group, as->id, generation);
	struct heartbeat_response response;

	request.group_instance_id = as->instance_id;
	guest_hear(guest, API_HEARTBEAT, BEAT, &request, &response);
	return response.error_code;
}

static int16_t commit(struct guest *guest, const struct as *as, int32_t generation)
{
	struct offset_commit_request request =
		words_commit(&guest->arena, group, as->id, generation, topic, 0, 5);
	struct offset_commit_response response;

	request.group_instance_id = as->instance_id;
	guest_hear(guest, API_OFFSET_COMMIT, COMMIT, &request, &response);
	return response.topics.at[0].partitions.at[0].error_code;
}

static int16_t leave(struct guest *guest, const struct as *as)
{
	struct leave_group_request request;
	struct leave_group_response response;

	message_default(&leave_group_request_message, &request);
	request.group_id = group;
	request.members.at = words_one(&leave_group_request_member_shape, &guest->arena);
	request.members.count = 1;
	request.members.at[0].member_id = as->id.at ? as->id : VIEW_LITERAL("");
	request.members.at[0].group_instance_id = as->instance_id;
	guest_hear(guest, API_LEAVE_GROUP, LEAVE, &request, &response);
	return response.members.at[0].error_code;
}

/* ---- classic groups -------------------------------------------------------------------------------------------------- */

static void of_another_generation(void **state)
{
	struct as one = { 0 }, nobody = { .id = VIEW_LITERAL("") }, other = { .id = VIEW_LITERAL("other") };
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 1);
	assert_int_equal(join(&guest, &one), 0);
	assert_int_equal(sync_up(&guest, &one, 1, "all"), 0);
	/* Its leader comes again: the next generation, which has no assignment yet. */
	assert_int_equal(join(&guest, &one), 0);
	assert_int_equal(one.generation, 2);
	for (int32_t wrong = 1; wrong <= 3; wrong += 2) {
		assert_int_equal(beat(&guest, &one, wrong), KAFKA_ILLEGAL_GENERATION);
		assert_int_equal(commit(&guest, &one, wrong), KAFKA_ILLEGAL_GENERATION);
		assert_int_equal(sync_up(&guest, &one, wrong, "all"), KAFKA_ILLEGAL_GENERATION);
	}
	assert_int_equal(commit(&guest, &one, 2), KAFKA_REBALANCE_IN_PROGRESS);
	assert_int_equal(sync_up(&guest, &one, 2, "all"), 0);
	assert_int_equal(commit(&guest, &one, 1), KAFKA_ILLEGAL_GENERATION);
	assert_int_equal(commit(&guest, &one, 3), KAFKA_ILLEGAL_GENERATION);
	assert_int_equal(commit(&guest, &other, 2), KAFKA_UNKNOWN_MEMBER_ID);
	assert_int_equal(commit(&guest, &nobody, -1), KAFKA_UNKNOWN_MEMBER_ID); /* while somebody is there */
	assert_int_equal(commit(&guest, &one, 2), 0);
	guest_leave(&guest);
}

static void under_the_same_name(void **state)
{
	struct as one = { .instance_id = VIEW_LITERAL("i") }, two = one, by_name = one;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 1);
	assert_int_equal(join(&guest, &one), 0);
	assert_int_equal(sync_up(&guest, &one, 1, "all"), 0);
	assert_int_equal(join(&guest, &two), 0);
	assert_int_equal(beat(&guest, &one, 1), KAFKA_FENCED_INSTANCE_ID);
	assert_int_equal(commit(&guest, &one, 1), KAFKA_FENCED_INSTANCE_ID);
	assert_int_equal(leave(&guest, &one), KAFKA_FENCED_INSTANCE_ID);
	assert_int_equal(beat(&guest, &two, 1), 0);
	assert_int_equal(leave(&guest, &by_name), 0); /* an administrator */
	assert_int_equal(beat(&guest, &two, 1), KAFKA_UNKNOWN_MEMBER_ID);
	guest_leave(&guest);
}

/* A static member is away during a rebalance: it stays, and does not lead. */
static void away_while_others_join(void **state)
{
	struct as away = { .instance_id = VIEW_LITERAL("i"), .session_ms = 300000 }, here = { 0 };
	struct guest guest, other;
	int at;

	guest_come(&guest, *state);
	guest_come(&other, *state);
	assert_int_equal(join(&guest, &away), 0);
	assert_int_equal(sync_up(&guest, &away, 1, "all"), 0);
	assert_int_equal(joined(&other, send_join(&other, &here), &here), KAFKA_MEMBER_ID_REQUIRED);
	at = send_join(&other, &here);
	pass(*state, 50000);
	assert_int_equal(other.count, at);
	pass(*state, 11000);
	assert_int_equal(joined(&other, at, &here), 0);
	assert_true(view_equal(here.leader, here.id));
	assert_int_equal(here.members, 2);
	guest_leave(&guest);
	guest_leave(&other);
}

static void silent_for_a_session(void **state)
{
	struct as one = { 0 };
	struct guest guest;

	guest_come(&guest, *state);
	assert_int_equal(join(&guest, &one), 0);
	assert_int_equal(sync_up(&guest, &one, 1, "all"), 0);
	for (int i = 0; i < 2; i++) {
		pass(*state, 6000);
		assert_int_equal(beat(&guest, &one, 1), 0);
	}
	pass(*state, 11000);
	assert_int_equal(beat(&guest, &one, 1), KAFKA_UNKNOWN_MEMBER_ID);
	guest_leave(&guest);
}

/* What the leader gave is on its way to the log while the next generation begins: it is of the past when it is there. */
static void given_for_the_generation_before(void **state)
{
	struct as one = { 0 }, two = { 0 };
	struct guest leader, guest;
	struct view assignment;
	int at, waits;

	guest_come(&leader, *state);
	guest_come(&guest, *state);
	assert_int_equal(join(&leader, &one), 0);
	assert_int_equal(joined(&guest, send_join(&guest, &two), &two), KAFKA_MEMBER_ID_REQUIRED);
	at = send_sync(&leader, &one, 1, "of the past");
	waits = send_join(&guest, &two);
	send_join(&leader, &one);
	assert_int_equal(joined(&leader, at + 1, &one), 0);
	assert_int_equal(joined(&guest, waits, &two), 0);
	assert_int_equal(two.generation, 2);
	waits = send_sync(&guest, &two, 2, NULL);
	ticks(*state);
	assert_int_equal(guest.count, waits);
	assert_int_equal(sync_up(&leader, &one, 2, "all"), 0);
	assert_int_equal(synced(&guest, waits, &assignment), 0);
	assert_int_equal(assignment.size, 0);
	guest_leave(&leader);
	guest_leave(&guest);
}

/* Who is given nothing has nothing, whatever it had; and so it is after a start. */
static void given_nothing(void **state)
{
	struct as one = { 0 };
	struct view assignment;
	struct guest guest;
	char id[128];

	guest_come(&guest, *state);
	assert_int_equal(join(&guest, &one), 0);
	assert_int_equal(sync_up(&guest, &one, 1, "all"), 0);
	assert_int_equal(join(&guest, &one), 0);
	assert_int_equal(synced(&guest, send_sync(&guest, &one, 2, NULL), &assignment), 0);
	assert_int_equal(assignment.size, 0);
	snprintf(id, sizeof id, "%.*s", VIEW_ARGS(one.id));
	one.id = view_text(id);
	guest_leave(&guest);
	broker_end(*state);
	*state = broker_begin("offsets.topic.num.partitions", "2");
	guest_come(&guest, *state);
	assert_int_equal(synced(&guest, send_sync(&guest, &one, 2, NULL), &assignment), 0);
	assert_int_equal(assignment.size, 0);
	guest_leave(&guest);
}

static void one_too_many(void **state)
{
	struct as one = { 0 }, two = { 0 };
	struct guest guest;

	guest_come(&guest, *state);
	assert_int_equal(join(&guest, &one), 0);
	assert_int_equal(join(&guest, &two), KAFKA_GROUP_MAX_SIZE_REACHED);
	assert_int_equal(join(&guest, &one), 0); /* who is in comes again */
	guest_leave(&guest);
}

/* ---- KIP-848 --------------------------------------------------------------------------------------------------------- */

struct new
{
	const char *id, *instance_id;
	int32_t epoch;
	int owned;
};

static int16_t step(struct guest *guest, struct new *new)
{
	struct consumer_group_heartbeat_request request =
		words_consumer(&guest->arena, group, view_text(new->id), new->epoch, topic,
			       store_topic_named(guest->broker->store, topic)->id, new->owned);
	struct consumer_group_heartbeat_response response;

	request.instance_id = view_text(new->instance_id);
	do {
		guest_hear(guest, API_CONSUMER_GROUP_HEARTBEAT, 1, &request, &response);
		turn(guest->broker);
	} while (response.error_code == KAFKA_COORDINATOR_NOT_AVAILABLE);
	if (response.error_code)
		return response.error_code;
	new->epoch = response.member_epoch;
	for (int32_t i = 0; response.assignment && i < response.assignment->topic_partitions.count; i++)
		for (int32_t k = 0; k < response.assignment->topic_partitions.at[i].partitions.count; k++)
			new->owned |= 1 << response.assignment->topic_partitions.at[i].partitions.at[k];
	return 0;
}

static int16_t look(struct guest *guest, const struct new *new, int32_t epoch)
{
	struct offset_fetch_request request;
	struct offset_fetch_response response;

	message_default(&offset_fetch_request_message, &request);
	request.groups.at = words_one(&offset_fetch_request_group_shape, &guest->arena);
	request.groups.count = 1;
	request.groups.at[0].group_id = group;
	request.groups.at[0].member_id = view_text(new->id);
	request.groups.at[0].member_epoch = epoch;
	request.groups.at[0].topics.count = -1;
	guest_hear(guest, API_OFFSET_FETCH, 9, &request, &response);
	return response.groups.at[0].error_code;
}

static void a_consumer_that_is_silent_or_keeps_what_is_not_its_own(void **state)
{
	struct new one = { "one" }, two = { "two" };
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 4);
	assert_int_equal(step(&guest, &one), 0);
	assert_int_equal(one.owned, 15);
	assert_int_equal(look(&guest, &one, one.epoch), 0);
	assert_int_equal(look(&guest, &one, one.epoch - 1), KAFKA_STALE_MEMBER_EPOCH);
	for (int i = 0; i < 2; i++) {
		pass(*state, 30000);
		assert_int_equal(step(&guest, &one), 0);
	}
	assert_int_equal(step(&guest, &two), 0);
	/* It is told to let go of half, and does not: its rebalance timeout is ten seconds. */
	assert_int_equal(step(&guest, &one), 0);
	pass(*state, 9000);
	assert_int_equal(step(&guest, &one), 0);
	pass(*state, 2000);
	assert_int_equal(step(&guest, &one), KAFKA_UNKNOWN_MEMBER_ID);
	assert_int_equal(step(&guest, &two), 0);
	assert_int_equal(two.owned, 15);
	pass(*state, 46000);
	assert_int_equal(step(&guest, &two), KAFKA_UNKNOWN_MEMBER_ID);
	guest_leave(&guest);
}

static void a_consumer_under_the_same_name(void **state)
{
	struct new one = { "one", "i" }, away = { "one", "i", CONSUMER_STATIC_AWAY }, two = { "two", "i" },
		   gone = { "one", "i", -1 };
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 1);
	assert_int_equal(step(&guest, &one), 0);
	assert_int_equal(step(&guest, &away), 0);
	assert_int_equal(step(&guest, &two), 0);
	assert_int_equal(step(&guest, &gone), KAFKA_FENCED_INSTANCE_ID);
	assert_int_equal(step(&guest, &two), 0);
	guest_leave(&guest);
}

static void one_consumer_too_many(void **state)
{
	struct new one = { "one" }, two = { "two" };
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 1);
	assert_int_equal(step(&guest, &one), 0);
	assert_int_equal(step(&guest, &two), KAFKA_GROUP_MAX_SIZE_REACHED);
	guest_leave(&guest);
}

int main(void)
{
#define PLAY(name, how) cmocka_unit_test_setup_teardown(name, how, end)
	const struct CMUnitTest tests[] = {
		PLAY(of_another_generation, begin),
		PLAY(under_the_same_name, begin),
		PLAY(away_while_others_join, begin),
		PLAY(silent_for_a_session, begin),
		PLAY(given_for_the_generation_before, begin),
		PLAY(given_nothing, begin),
		PLAY(one_too_many, begin_small),
		PLAY(a_consumer_that_is_silent_or_keeps_what_is_not_its_own, begin),
		PLAY(a_consumer_under_the_same_name, begin),
		PLAY(one_consumer_too_many, begin_small_consumer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
