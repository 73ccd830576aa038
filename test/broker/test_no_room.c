/* test_no_room.c - coordinators while there is no room for their records: nothing is promised, and nothing that went is back. */
#include "broker/consumer_group.h"
#include "broker/guest.h"
#include "broker/transaction.h"

static const struct view group = VIEW_LITERAL("g"), topic = VIEW_LITERAL("t");

static int begin(void **state)
{
	return begin_holding(state, 1 << 14);
}

static int end(void **state)
{
	uploads_held = false;
	return guest_end(state);
}

static struct broker *again(void **state)
{
	broker_end(*state);
	return *state = broker_begin(NULL, NULL);
}

/* A member of KIP-848, which owns nothing yet; asked once. */
static int16_t beat_once(struct guest *guest, const char *id, int32_t *epoch)
{
	struct consumer_group_heartbeat_request request =
		words_consumer(&guest->arena, group, view_text(id), *epoch, topic,
			       store_topic_named(guest->broker->store, topic)->id, 0);
	struct consumer_group_heartbeat_response response;

	guest_hear(guest, API_CONSUMER_GROUP_HEARTBEAT, 1, &request, &response);
	*epoch = response.error_code ? *epoch : response.member_epoch;
	return response.error_code;
}

static int16_t beat(struct guest *guest, const char *id, int32_t *epoch)
{
	int16_t error = beat_once(guest, id, epoch);

	for (; error == KAFKA_COORDINATOR_NOT_AVAILABLE || error == KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
	     error = beat_once(guest, id, epoch))
		turn(guest->broker);
	return error;
}

static struct join_group_response join(struct guest *guest, struct view id)
{
	struct join_group_request request = words_join(&guest->arena, group, id, VIEW_LITERAL("m"));
	struct join_group_response response;

	do {
		guest_hear(guest, API_JOIN_GROUP, 5, &request, &response);
		turn(guest->broker);
	} while (response.error_code == KAFKA_COORDINATOR_NOT_AVAILABLE);
	return response;
}

static int16_t give(struct guest *guest, const struct join_group_response *as)
{
	struct sync_group_request request =
		words_sync(&guest->arena, group, as->member_id, as->generation_id, 1);
	struct sync_group_response response;

	request.assignments.at[0].member_id = as->member_id;
	request.assignments.at[0].assignment = VIEW_LITERAL("all");
	guest_hear(guest, API_SYNC_GROUP, 3, &request, &response);
	return response.error_code;
}

static int16_t commit(struct guest *guest, int64_t offset)
{
	struct offset_commit_request request =
		words_commit(&guest->arena, VIEW_LITERAL("alone"), VIEW_LITERAL(""), -1, topic, 0, offset);
	struct offset_commit_response response;

	guest_hear(guest, API_OFFSET_COMMIT, 8, &request, &response);
	return response.topics.at[0].partitions.at[0].error_code;
}

static int64_t position(struct guest *guest)
{
	struct offset_fetch_request request =
		words_position(&guest->arena, VIEW_LITERAL("alone"), topic, 0, true);
	struct offset_fetch_response response;

	guest_hear(guest, API_OFFSET_FETCH, 7, &request, &response);
	assert_int_equal(response.error_code, 0);
	return response.topics.at[0].partitions.at[0].committed_offset;
}

/* It leaves, the record that says so finds no room, and another takes its place. */
static void who_left_is_not_back(void **state)
{
	int32_t one = 0, two = 0, three = 0, leaves = -1, late = 100;
	struct guest guest, writer;

	guest_come(&guest, *state);
	guest_come(&writer, *state);
	ask_topic(&guest, "t", 4);
	assert_int_equal(beat(&guest, "one", &one), 0);
	assert_int_equal(beat(&guest, "two", &two), 0);
	no_room(&writer, "t");
	assert_int_not_equal(beat_once(&guest, "two", &leaves), 0);
	uploads_held = false;
	assert_int_equal(beat(&guest, "three", &three), 0);
	guest_leave(&guest);
	guest_leave(&writer);
	guest_come(&guest, again(state));
	assert_int_equal(beat(&guest, "two", &two), KAFKA_UNKNOWN_MEMBER_ID);
	assert_int_equal(beat(&guest, "three", &late), KAFKA_FENCED_MEMBER_EPOCH);
	guest_leave(&guest);
}

/* The same, and then the empty group turns into a classic one, which owes the log what the other kind could not write. */
static void who_left_before_the_group_turned_is_not_back(void **state)
{
	int32_t one = 0, leaves = -1, epoch;
	struct guest guest, writer;
	struct group *turned;

	guest_come(&guest, *state);
	guest_come(&writer, *state);
	ask_topic(&guest, "t", 4);
	assert_int_equal(beat(&guest, "one", &one), 0);
	epoch = one;
	no_room(&writer, "t");
	assert_int_not_equal(beat_once(&guest, "one", &leaves), 0);
	assert_int_equal(join(&guest, VIEW_NULL).error_code, KAFKA_MEMBER_ID_REQUIRED);
	turned = group_named(broker_groups(*state), group);
	assert_null(turned->consumer);
	assert_false(list_empty(&turned->past.gone));
	room_again(*state);
	ticks(*state);
	assert_false(group_owes(turned));
	guest_leave(&guest);
	guest_leave(&writer);
	guest_come(&guest, again(state));
	assert_int_equal(beat(&guest, "one", &epoch), KAFKA_GROUP_ID_NOT_FOUND);
	guest_leave(&guest);
}

/* It is back by the time that there is room: what the group owes is not about it any more. */
static void who_is_back_stays(void **state)
{
	int32_t one = 0, leaves = -1, epoch;
	struct guest guest, writer;

	guest_come(&guest, *state);
	guest_come(&writer, *state);
	ask_topic(&guest, "t", 4);
	assert_int_equal(beat(&guest, "one", &one), 0);
	no_room(&writer, "t");
	assert_int_not_equal(beat_once(&guest, "one", &leaves), 0);
	join(&guest, VIEW_NULL);
	/* Its id was never used: the group is without anybody, and turns back. */
	pending_remove(container_of(group_named(broker_groups(*state), group)->pending.next,
				    struct pending_member, link));
	one = 0;
	assert_int_not_equal(beat_once(&guest, "one", &one), 0);
	group_past_write(group_named(broker_groups(*state), group));
	assert_true(list_empty(&group_named(broker_groups(*state), group)->past.gone));
	room_again(*state);
	ticks(*state);
	assert_int_equal(beat(&guest, "one", &one), 0);
	epoch = one;
	guest_leave(&guest);
	guest_leave(&writer);
	guest_come(&guest, again(state));
	assert_int_equal(beat(&guest, "one", &epoch), 0);
	guest_leave(&guest);
}

static int begin_roomy(void **state)
{
	return begin_with(state, NULL, NULL);
}

static int16_t knows_much(struct guest *guest, const char *id, int32_t epoch, struct view *names, int count)
{
	struct consumer_group_heartbeat_request request =
		words_consumer(&guest->arena, group, view_text(id), epoch, topic,
			       store_topic_named(guest->broker->store, topic)->id, 0);
	struct consumer_group_heartbeat_response response;

	request.subscribed_topic_names.at = names;
	request.subscribed_topic_names.count = count;
	guest_hear(guest, API_CONSUMER_GROUP_HEARTBEAT, 1, &request, &response);
	return response.error_code;
}

/* What could not be kept is written again, and that is all of the group: it may be more than a batch takes. */
static void a_large_group_is_kept_as_well(void **state)
{
	enum { MEMBERS = 12, NAMES = 4000 };
	struct consumer_group *consumer;
	struct view *names;
	struct guest guest;
	char id[16];

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 4);
	names = arena_array(&guest.arena, NAMES, sizeof *names);
	for (int i = 0; i < NAMES; i++)
		names[i] = view_text(arena_printf(&guest.arena, "%0200d", i));
	for (int i = 0; i < MEMBERS; i++) {
		int16_t error = KAFKA_COORDINATOR_NOT_AVAILABLE;

		snprintf(id, sizeof id, "member-%d", i);
		for (; error == KAFKA_COORDINATOR_NOT_AVAILABLE; turn(*state))
			error = knows_much(&guest, id, 0, names, NAMES);
		assert_int_equal(error, 0);
	}
	consumer = group_named(broker_groups(*state), group)->consumer;
	consumer_all_new(consumer);
	assert_int_equal(knows_much(&guest, id, consumer->epoch, names, NAMES), 0);
	guest_leave(&guest);
	consumer = group_named(broker_groups(again(state)), group)->consumer;
	assert_int_equal(consumer->member_count, MEMBERS);
	assert_int_equal(consumer->epoch, MEMBERS);
	assert_int_equal(consumer->assignment_epoch, MEMBERS);
	guest_come(&guest, *state);
	assert_int_equal(knows_much(&guest, id, MEMBERS, NULL, -1), 0);
	guest_leave(&guest);
}

static struct join_group_response comes_back(struct guest *guest)
{
	struct join_group_request request = words_join(&guest->arena, group, VIEW_NULL, VIEW_LITERAL("m"));
	struct join_group_response response;

	request.group_instance_id = VIEW_LITERAL("i");
	guest_hear(guest, API_JOIN_GROUP, 5, &request, &response);
	return response;
}

/* A static member of a classic group gets another id: the log must know it before the member does, or fence it after a start. */
static void who_came_back_is_known(void **state)
{
	struct join_group_response one;
	struct heartbeat_request request;
	struct heartbeat_response response;
	struct guest guest, writer;
	char id[100];

	guest_come(&guest, *state);
	guest_come(&writer, *state);
	ask_topic(&guest, "t", 1);
	while ((one = comes_back(&guest)).error_code == KAFKA_COORDINATOR_NOT_AVAILABLE)
		turn(*state);
	assert_int_equal(one.error_code, 0);
	assert_int_equal(give(&guest, &one), 0);
	no_room(&writer, "t");
	assert_int_equal(comes_back(&guest).error_code, KAFKA_COORDINATOR_NOT_AVAILABLE);
	room_again(*state);
	one = comes_back(&guest);
	assert_int_equal(one.error_code, 0);
	assert_int_equal(one.generation_id, 1);
	snprintf(id, sizeof id, "%.*s", (int)one.member_id.size, (const char *)one.member_id.at);
	guest_leave(&guest);
	guest_leave(&writer);
	guest_come(&guest, again(state));
	request = words_heartbeat(group, view_text(id), 1);
	request.group_instance_id = VIEW_LITERAL("i");
	do {
		turn(*state);
		guest_hear(&guest, API_HEARTBEAT, 3, &request, &response);
	} while (response.error_code == KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
	assert_int_equal(response.error_code, 0);
	guest_leave(&guest);
}

static struct words_producer producer(struct guest *guest)
{
	struct init_producer_id_request request;
	struct init_producer_id_response response;

	message_default(&init_producer_id_request_message, &request);
	request.transactional_id = VIEW_LITERAL("p");
	request.transaction_timeout_ms = 60000;
	do {
		guest_hear(guest, API_INIT_PRODUCER_ID, 4, &request, &response);
		turn(guest->broker);
	} while (response.error_code == KAFKA_COORDINATOR_NOT_AVAILABLE);
	return (struct words_producer){ request.transactional_id, response.producer_id,
					response.producer_epoch };
}

static int16_t add(struct guest *guest, struct words_producer who)
{
	struct add_partitions_to_txn_request request = words_add(&guest->arena, who, topic, 0);
	struct add_partitions_to_txn_response response;

	guest_hear(guest, API_ADD_PARTITIONS_TO_TXN, 3, &request, &response);
	return response.results_by_topic_v3_and_below.at[0].results_by_partition.at[0].partition_error_code;
}

static int16_t finish(struct guest *guest, struct words_producer who)
{
	struct end_txn_request request = words_end(who, true);
	struct end_txn_response response;

	guest_hear(guest, API_END_TXN, 3, &request, &response);
	return response.error_code;
}

/* An assignment, a position, a transaction: none is there before its record is. */
static void what_is_not_kept_is_not_promised(void **state)
{
	struct join_group_response one;
	struct words_producer who;
	struct guest guest, writer;

	guest_come(&guest, *state);
	guest_come(&writer, *state);
	ask_topic(&guest, "t", 1);
	one = join(&guest, VIEW_NULL);
	one = join(&guest, one.member_id);
	assert_int_equal(one.error_code, 0);
	assert_int_equal(commit(&guest, 5), 0);
	who = producer(&guest);
	no_room(&writer, "t");
	assert_int_equal(give(&guest, &one), KAFKA_COORDINATOR_NOT_AVAILABLE);
	assert_int_equal(commit(&guest, 6), KAFKA_COORDINATOR_NOT_AVAILABLE);
	assert_int_equal(position(&guest), 5);
	assert_int_equal(add(&guest, who), KAFKA_COORDINATOR_NOT_AVAILABLE);
	room_again(*state);
	one = join(&guest, one.member_id);
	assert_int_equal(give(&guest, &one), 0);
	assert_int_equal(commit(&guest, 7), 0);
	assert_int_equal(position(&guest), 7);
	assert_int_equal(finish(&guest, who), KAFKA_INVALID_TXN_STATE);
	assert_int_equal(add(&guest, who), 0);
	assert_int_equal(finish(&guest, who), 0);
	guest_leave(&guest);
	guest_leave(&writer);
}

int main(void)
{
#define PLAY(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		PLAY(who_left_is_not_back),
		PLAY(who_left_before_the_group_turned_is_not_back),
		PLAY(who_is_back_stays),
		cmocka_unit_test_setup_teardown(a_large_group_is_kept_as_well, begin_roomy, end),
		PLAY(who_came_back_is_known),
		PLAY(what_is_not_kept_is_not_promised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
