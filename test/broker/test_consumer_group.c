/* test_consumer_group.c - groups of the newer protocol: assignors, steps, patterns; and what members are told. */
#include "base/random.h"
#include "broker/consumer_assign.h"
#include "broker/consumer_group.h"
#include "broker/guest.h"

/* ---- steps of a member ----------------------------------------------------------------------------------------------- */

/* "012" are the partitions 0, 1 and 2 of one topic. */
static struct places set_of(const char *text)
{
	static const uint8_t topic[16] = { 1 };
	struct places places = { 0 };

	for (; text && *text; text++)
		assert_true(places_add(&places, topic, *text - '0', 0));
	places_sort(&places);
	return places;
}

static bool among(void *context, const struct place *place)
{
	return places_have(context, place);
}

static void one_step_at_a_time(void **state)
{
	static const struct {
		int32_t epoch;
		enum consumer_state state;
		const char *assigned, *revoking, *target, *owned, *taken; /* owned NULL: not said */
		int result;
		int32_t next_epoch;
		enum consumer_state next_state;
		const char *next_assigned, *next_revoking;
	} table[] = {
		/* It is there. */
		{ 5, CONSUMER_STABLE, "01", "", "01", NULL, "", 0, 0, 0, "", "" },
		/* The target moved on, and asks nothing of it. */
		{ 4, CONSUMER_STABLE, "01", "", "01", NULL, "", 1, 5, CONSUMER_STABLE, "01", "" },
		/* It joins, and gets what is free. */
		{ 0, CONSUMER_STABLE, "", "", "01", "", "", 1, 5, CONSUMER_STABLE, "01", "" },
		{ 0, CONSUMER_STABLE, "", "", "01", "", "1", 1, 5, CONSUMER_UNRELEASED, "0", "" },
		{ 0, CONSUMER_STABLE, "", "", "01", "", "01", 1, 5, CONSUMER_UNRELEASED, "", "" },
		/* It must let go first: in its old epoch, whatever else it is to get. */
		{ 4, CONSUMER_STABLE, "01", "", "12", NULL, "", 1, 4, CONSUMER_UNREVOKED, "1", "0" },
		{ 4, CONSUMER_STABLE, "01", "", "12", "01", "", 1, 4, CONSUMER_UNREVOKED, "1", "0" },
		/* It never had it, as it says. */
		{ 4, CONSUMER_STABLE, "01", "", "12", "1", "", 1, 5, CONSUMER_STABLE, "12", "" },
		/* It says nothing, or not yet what is waited for. */
		{ 4, CONSUMER_UNREVOKED, "1", "0", "12", NULL, "", 0, 0, 0, "", "" },
		{ 4, CONSUMER_UNREVOKED, "1", "0", "12", "01", "", 0, 0, 0, "", "" },
		/* It let go. */
		{ 4, CONSUMER_UNREVOKED, "1", "0", "12", "1", "", 1, 5, CONSUMER_STABLE, "12", "" },
		{ 4, CONSUMER_UNREVOKED, "1", "0", "12", "1", "2", 1, 5, CONSUMER_UNRELEASED, "1", "" },
		/* Meanwhile there is another target, for which it must let go of more. */
		{ 2, CONSUMER_UNREVOKED, "1", "0", "2", "1", "", 1, 3, CONSUMER_UNREVOKED, "", "1" },
		/* It waits for another member. */
		{ 5, CONSUMER_UNRELEASED, "0", "", "01", NULL, "1", 0, 0, 0, "", "" },
		{ 5, CONSUMER_UNRELEASED, "0", "", "01", NULL, "", 1, 5, CONSUMER_STABLE, "01", "" },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct consumer_current now = { .epoch = table[i].epoch,
						.previous_epoch = table[i].epoch - 1,
						.state = table[i].state,
						.assigned = set_of(table[i].assigned),
						.revoking = set_of(table[i].revoking) },
					next = { 0 };
		struct places target = set_of(table[i].target), owned = set_of(table[i].owned),
			      held = set_of(table[i].taken), assigned = set_of(table[i].next_assigned),
			      revoking = set_of(table[i].next_revoking);
		int result = consumer_reconcile(&now, &target, 5, table[i].owned ? &owned : NULL, among,
						&held, &next);

		if (result != table[i].result ||
		    (result == 1 &&
		     (next.epoch != table[i].next_epoch || next.state != table[i].next_state ||
		      next.previous_epoch != now.epoch || !places_equal(&next.assigned, &assigned) ||
		      !places_equal(&next.revoking, &revoking))))
			fail_msg("line %zu: %d, epoch %d, state %d", i, result, next.epoch, (int)next.state);
		if (result == 1)
			consumer_current_done(&next);
		consumer_current_done(&now);
		places_done(&target);
		places_done(&owned);
		places_done(&held);
		places_done(&assigned);
		places_done(&revoking);
	}
}

static void which_epochs_are_good(void **state)
{
	struct consumer_current now = { .epoch = 5, .previous_epoch = 4, .assigned = set_of("01") };
	struct places some = set_of("1"), more = set_of("12"), none = { 0 };

	assert_true(consumer_epoch_good(&now, 5, NULL));
	assert_true(consumer_epoch_good(&now, 0, &none)); /* it was fenced, and joins anew */
	assert_false(consumer_epoch_good(&now, 6, &some));
	assert_true(consumer_epoch_good(&now, 4, &some)); /* it did not hear of 5 */
	assert_false(consumer_epoch_good(&now, 4, &more));
	assert_false(consumer_epoch_good(&now, 4, NULL));
	assert_false(consumer_epoch_good(&now, 3, &some));
	consumer_current_done(&now);
	places_done(&some);
	places_done(&more);
}

/* ---- assignors ------------------------------------------------------------------------------------------------------- */

enum { TOPICS = 4, MEMBERS = 7 };

struct world {
	struct assign_topic topics[TOPICS];
	struct assign_member members[MEMBERS];
	bool wants[MEMBERS][TOPICS];
	struct places had[MEMBERS];
	char ids[MEMBERS][8];
	int topic_count, member_count, total;
};

static void world_make(struct world *world, struct random *chance, bool all_the_same)
{
	world->topic_count = 1 + (int)random_below(chance, TOPICS);
	world->member_count = 1 + (int)random_below(chance, MEMBERS);
	world->total = 0;
	for (int t = 0; t < world->topic_count; t++) {
		world->topics[t] =
			(struct assign_topic){ .id = { (uint8_t)(t + 1) },
					       .partition_count = (int32_t)random_below(chance, 12) };
		world->total += world->topics[t].partition_count;
	}
	for (int m = 0; m < world->member_count; m++) {
		snprintf(world->ids[m], sizeof world->ids[m], "%c", 'a' + m);
		for (int t = 0; t < world->topic_count; t++)
			world->wants[m][t] = all_the_same || random_below(chance, 2);
		/* What nobody wants is not told to the assignor. */
		for (int t = 0; m == 0 && t < world->topic_count; t++)
			world->wants[m][t] = true;
		world->members[m] = (struct assign_member){ .id = world->ids[m],
							    .wants = world->wants[m],
							    .had = &world->had[m] };
	}
}

/* Every partition has one owner, which wants it.  How many of them were the owner's before. */
static int world_check(const struct world *world)
{
	int kept = 0, given = 0;

	for (int m = 0; m < world->member_count; m++) {
		const struct places *gets = &world->members[m].gets;

		given += gets->count;
		for (int i = 0; i < gets->count; i++) {
			int t = gets->at[i].topic[0] - 1;

			assert_true(world->wants[m][t]);
			assert_in_range(gets->at[i].partition, 0, world->topics[t].partition_count - 1);
			kept += places_have(&world->had[m], &gets->at[i]);
		}
		for (int o = 0; o < m; o++)
			assert_false(places_meet(gets, &world->members[o].gets));
	}
	assert_int_equal(given, world->total);
	return kept;
}

static void world_keep(struct world *world)
{
	for (int m = 0; m < MEMBERS; m++) {
		places_done(&world->had[m]);
		world->had[m] = world->members[m].gets;
		world->members[m].gets = (struct places){ 0 };
	}
}

static void spread(const struct world *world, int *least, int *most)
{
	*least = world->total;
	*most = 0;
	for (int m = 0; m < world->member_count; m++) {
		int count = world->members[m].gets.count;

		*least = count < *least ? count : *least;
		*most = count > *most ? count : *most;
	}
}

static void uniform_is_even_and_sticky(void **state)
{
	struct world world = { 0 };
	struct random chance;

	random_seed(&chance, 7);
	for (int round = 0; round < 2000; round++) {
		bool same = round % 2;
		int least, most;

		world_make(&world, &chance, same);
		assert_int_equal(
			assign_uniform(world.topics, world.topic_count, world.members, world.member_count),
			0);
		world_check(&world);
		spread(&world, &least, &most);
		if (same)
			assert_in_range(most - least, 0, 1);
		/* Where nothing changed nothing moves. */
		world_keep(&world);
		assert_int_equal(
			assign_uniform(world.topics, world.topic_count, world.members, world.member_count),
			0);
		assert_int_equal(world_check(&world), world.total);
		/* One member goes: the others keep all they had. */
		world_keep(&world);
		if (same && world.member_count > 1) {
			int without = --world.member_count, lost = world.had[without].count;

			assert_int_equal(assign_uniform(world.topics, world.topic_count, world.members,
							world.member_count),
					 0);
			assert_int_equal(world_check(&world), world.total - lost);
			world_keep(&world);
		}
	}
	world_keep(&world);
}

/* Nobody could take one from somebody who has two more. */
static void uniform_evens_out_what_it_can(void **state)
{
	struct world world = { 0 };
	struct random chance;

	random_seed(&chance, 8);
	for (int round = 0; round < 1000; round++) {
		world_make(&world, &chance, false);
		assert_int_equal(
			assign_uniform(world.topics, world.topic_count, world.members, world.member_count),
			0);
		for (int m = 0; m < world.member_count; m++)
			for (int i = 0; i < world.members[m].gets.count; i++)
				for (int o = 0; o < world.member_count; o++)
					if (world.wants[o][world.members[m].gets.at[i].topic[0] - 1])
						assert_true(world.members[o].gets.count + 2 >
							    world.members[m].gets.count);
		world_keep(&world);
	}
	world_keep(&world);
}

static void range_gives_neighbours(void **state)
{
	struct world world = { 0 };
	struct random chance;

	random_seed(&chance, 9);
	for (int round = 0; round < 500; round++) {
		world_make(&world, &chance, round % 2);
		assert_int_equal(
			assign_range(world.topics, world.topic_count, world.members, world.member_count), 0);
		world_check(&world);
		for (int m = 0; m < world.member_count; m++) {
			const struct places *gets = &world.members[m].gets;

			for (int i = 1; i < gets->count; i++)
				if (gets->at[i].topic[0] == gets->at[i - 1].topic[0])
					assert_int_equal(gets->at[i].partition,
							 gets->at[i - 1].partition + 1);
		}
		world_keep(&world);
	}
	world_keep(&world);
}

/* ---- patterns -------------------------------------------------------------------------------------------------------- */

static void what_a_pattern_means(void **state)
{
	static const struct {
		const char *text, *name;
		bool matches;
	} table[] = {
		{ "orders", "orders", true },        { "orders", "orders-2", false }, /* the whole name */
		{ "order", "orders", false },        { "orders|bills", "bills", true },
		{ "(?:a|b)\\d+", "b17", true },      { "(?i)ORDERS", "orders", true },
		{ "(?P<kind>a|b)-.*", "a-x", true }, { "[[:alpha:]]+", "abc", true },
		{ "[[:alpha:]]+", "ab1", false },    { "[]+]*", "]+]", true },
		{ "a\\+\\+b", "a++b", true },        { "[*+]+x", "*+x", true },
		{ "a{2,3}", "aaa", true },           { "a.*?b", "axxb", true },
		{ "\\Qa.b\\E", "a.b", true },        { ".*", "", true },
	};
	static const char *const refused[] = { "(",       "a)",      "[a",     "(?=a)b", "(?!a)b", "(?<=a)b",
					       "(?<!a)b", "(a)\\1",  "(?>a)b", "a*+",    "a++",    "a?+",
					       "(?R)",    "(*FAIL)", "(?|a)",  "\\Ka",   "\\Ra",   "(?#a)b",
					       "a**",     "\\",      "\xff" };
	struct topic_pattern *pattern;
	struct fault fault;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		fault = (struct fault){ 0 };
		if (topic_pattern_new(view_text(table[i].text), &pattern, &fault) < 0)
			fail_msg("%s: %s", table[i].text, fault.text);
		if (topic_pattern_matches(pattern, view_text(table[i].name)) != table[i].matches)
			fail_msg("%s: %s", table[i].text, table[i].name);
		topic_pattern_free(pattern);
	}
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		fault = (struct fault){ 0 };
		if (topic_pattern_new(view_text(refused[i]), &pattern, &fault) != ERR_CONFIG || !*fault.text)
			fail_msg("%s was taken", refused[i]);
	}
}

/* Steps are counted: what would take for ever is no match. */
static void a_pattern_has_an_end(void **state)
{
	struct topic_pattern *pattern;
	char name[240];

	memset(name, 'a', sizeof name);
	assert_int_equal(topic_pattern_new(VIEW_LITERAL("(?:a*)*b"), &pattern, NULL), 0);
	assert_false(topic_pattern_matches(pattern, view_of(name, sizeof name)));
	topic_pattern_free(pattern);
}

/* ---- plays ----------------------------------------------------------------------------------------------------------- */

static int begin(void **state)
{
	return begin_with(state, "offsets.topic.num.partitions", "2");
}

static struct consumer_group_heartbeat_request first_of(const char *id)
{
	static struct view topic = VIEW_LITERAL("t");
	struct consumer_group_heartbeat_request request;

	message_default(&consumer_group_heartbeat_request_message, &request);
	request.group_id = VIEW_LITERAL("g");
	request.member_id = view_text(id);
	request.rebalance_timeout_ms = 10000;
	request.subscribed_topic_names.at = &topic;
	request.subscribed_topic_names.count = 1;
	request.topic_partitions.count = 0;
	return request;
}

static struct consumer_group_heartbeat_request next_of(const char *id, int32_t epoch)
{
	struct consumer_group_heartbeat_request request;

	message_default(&consumer_group_heartbeat_request_message, &request);
	request.group_id = VIEW_LITERAL("g");
	request.member_id = view_text(id);
	request.member_epoch = epoch;
	return request;
}

static struct consumer_group_heartbeat_response beat(struct guest *guest,
						     struct consumer_group_heartbeat_request request)
{
	struct consumer_group_heartbeat_response response;

	do {
		guest_hear(guest, API_CONSUMER_GROUP_HEARTBEAT, 1, &request, &response);
		turn(guest->broker);
	} while (response.error_code == KAFKA_COORDINATOR_NOT_AVAILABLE ||
		 response.error_code == KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
	return response;
}

/* How many partitions the answer gives; -1 when it does not say. */
static int told(const struct consumer_group_heartbeat_response *response)
{
	int count = 0;

	if (!response->assignment)
		return -1;
	for (int32_t i = 0; i < response->assignment->topic_partitions.count; i++)
		count += response->assignment->topic_partitions.at[i].partitions.count;
	return count;
}

/* The request that says: of the topic of `of` I own the first `count`. */
static struct consumer_group_heartbeat_request owns(struct guest *guest, const char *id, int32_t epoch,
						    const struct consumer_group_heartbeat_response *of)
{
	struct consumer_group_heartbeat_request request = next_of(id, epoch);

	request.topic_partitions.at =
		shape_array(&consumer_group_heartbeat_request_topic_partition_shape, &guest->arena, 1);
	request.topic_partitions.count = 1;
	request.topic_partitions.at[0].topic_id = of->assignment->topic_partitions.at[0].topic_id;
	request.topic_partitions.at[0].partitions.at = of->assignment->topic_partitions.at[0].partitions.at;
	request.topic_partitions.at[0].partitions.count =
		of->assignment->topic_partitions.at[0].partitions.count;
	return request;
}

static void a_partition_waits_for_its_owner(void **state)
{
	struct consumer_group_heartbeat_response one, two;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 4);
	one = beat(&guest, first_of("one"));
	assert_int_equal(one.error_code, 0);
	assert_int_equal(told(&one), 4);
	/* The second gets nothing until the first has let go. */
	two = beat(&guest, first_of("two"));
	assert_int_equal(told(&two), 0);
	one = beat(&guest, next_of("one", one.member_epoch));
	assert_int_equal(told(&one), 2);
	two = beat(&guest, next_of("two", two.member_epoch));
	assert_int_equal(told(&two), -1);
	one = beat(&guest, owns(&guest, "one", one.member_epoch, &one));
	assert_int_equal(one.error_code, 0);
	assert_int_equal(told(&one), -1);
	assert_int_equal(one.member_epoch, two.member_epoch);
	two = beat(&guest, next_of("two", two.member_epoch));
	assert_int_equal(told(&two), 2);
	guest_leave(&guest);
}

static void ask_beat(struct guest *guest, struct consumer_group_heartbeat_request request)
{
	guest_ask(guest, API_CONSUMER_GROUP_HEARTBEAT, 1, &request);
}

/* Its connection broke, and it asks again on another: there is nothing to write any more, but what there was is not kept yet. */
static void nobody_is_told_of_what_is_not_kept(void **state)
{
	struct consumer_group_heartbeat_response response;
	struct guest first, second;

	guest_come(&first, *state);
	guest_come(&second, *state);
	ask_topic(&first, "t", 2);
	assert_int_equal(beat(&first, first_of("other")).error_code, 0);
	assert_int_equal(beat(&first, next_of("other", -1)).error_code, 0);
	for (int i = 0, before; i < 3; i++) {
		before = first.count;
		ask_beat(&first, first_of("one"));
		ask_beat(&second, first_of("one"));
		assert_int_equal(first.count, before);
		assert_int_equal(second.count, i);
		guest_wait(&first, before + 1);
		guest_wait(&second, i + 1);
		guest_read(&second, i, API_CONSUMER_GROUP_HEARTBEAT, 1, &response);
		assert_int_equal(response.error_code, 0);
		assert_int_equal(told(&response), 2);
		assert_int_equal(beat(&first, next_of("one", -1)).error_code, 0);
	}
	guest_leave(&first);
	guest_leave(&second);
}

static void what_a_member_may_not_do(void **state)
{
	struct consumer_group_heartbeat_request request;
	struct consumer_group_heartbeat_response response;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 2);
	response = beat(&guest, next_of("one", 1));
	assert_int_equal(response.error_code, KAFKA_GROUP_ID_NOT_FOUND);
	response = beat(&guest, first_of("one"));
	assert_int_equal(response.error_code, 0);
	assert_int_equal(beat(&guest, next_of("two", 1)).error_code, KAFKA_UNKNOWN_MEMBER_ID);
	assert_int_equal(beat(&guest, next_of("two", -1)).error_code, KAFKA_UNKNOWN_MEMBER_ID);
	assert_int_equal(beat(&guest, next_of("one", response.member_epoch + 1)).error_code,
			 KAFKA_FENCED_MEMBER_EPOCH);
	assert_int_equal(beat(&guest, next_of("one", -2)).error_code, KAFKA_INVALID_REQUEST);
	assert_int_equal(beat(&guest, next_of("one", -3)).error_code, KAFKA_INVALID_REQUEST);
	assert_int_equal(beat(&guest, next_of("", 0)).error_code, KAFKA_INVALID_REQUEST);
	request = first_of("three");
	request.subscribed_topic_names.count = 0;
	assert_int_equal(beat(&guest, request).error_code, KAFKA_INVALID_REQUEST);
	request = first_of("three");
	request.rebalance_timeout_ms = -1;
	assert_int_equal(beat(&guest, request).error_code, KAFKA_INVALID_REQUEST);
	request = first_of("three");
	request.server_assignor = VIEW_LITERAL("sticky");
	assert_int_equal(beat(&guest, request).error_code, KAFKA_UNSUPPORTED_ASSIGNOR);
	request = first_of("three");
	request.subscribed_topic_regex = VIEW_LITERAL("(");
	assert_int_equal(beat(&guest, request).error_code, KAFKA_INVALID_REGULAR_EXPRESSION);
	assert_int_equal(beat(&guest, next_of("three", 0 + 1)).error_code, KAFKA_UNKNOWN_MEMBER_ID);
	/* The answer to its joining was lost: the same again is good. */
	request = first_of("one");
	response = beat(&guest, request);
	assert_int_equal(response.error_code, 0);
	assert_int_equal(told(&response), 2);
	guest_leave(&guest);
}

/* As KIP-848 asks: who is fenced gives everything up and joins anew, by its own id; it need not wait for the end of its session. */
static void who_is_fenced_joins_again(void **state)
{
	struct consumer_group_heartbeat_response one, two;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 4);
	one = beat(&guest, first_of("one"));
	two = beat(&guest, first_of("two"));
	one = beat(&guest, next_of("one", one.member_epoch));
	one = beat(&guest, owns(&guest, "one", one.member_epoch, &one));
	two = beat(&guest, next_of("two", two.member_epoch));
	assert_int_equal(told(&two), 2);
	assert_int_equal(beat(&guest, next_of("two", 100)).error_code, KAFKA_FENCED_MEMBER_EPOCH);
	two = beat(&guest, first_of("two"));
	assert_int_equal(two.error_code, 0);
	assert_int_equal(two.member_epoch, 2);
	assert_int_equal(told(&two), 2);
	/* In the middle of giving back: it has nothing any more. */
	beat(&guest, first_of("three"));
	two = beat(&guest, next_of("two", 2));
	assert_int_equal(told(&two), 1);
	assert_int_equal(two.member_epoch, 2);
	two = beat(&guest, first_of("two"));
	assert_int_equal(two.error_code, 0);
	assert_int_equal(two.member_epoch, 3);
	assert_int_equal(told(&two), 1);
	guest_leave(&guest);
}

static void a_static_member_has_its_name_alone(void **state)
{
	struct consumer_group_heartbeat_request request = first_of("one");
	struct consumer_group_heartbeat_response response;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 3);
	request.instance_id = VIEW_LITERAL("i");
	response = beat(&guest, request);
	assert_int_equal(response.error_code, 0);
	request.member_id = VIEW_LITERAL("two");
	assert_int_equal(beat(&guest, request).error_code, KAFKA_UNRELEASED_INSTANCE_ID);
	request = next_of("one", CONSUMER_STATIC_AWAY);
	request.instance_id = VIEW_LITERAL("i");
	response = beat(&guest, request);
	assert_int_equal(response.member_epoch, CONSUMER_STATIC_AWAY);
	request = first_of("two");
	request.instance_id = VIEW_LITERAL("i");
	response = beat(&guest, request);
	assert_int_equal(response.error_code, 0);
	assert_int_equal(response.member_epoch, 1); /* no rebalance */
	assert_int_equal(told(&response), 3);
	request = next_of("one", 1);
	request.instance_id = VIEW_LITERAL("i");
	assert_int_equal(beat(&guest, request).error_code, KAFKA_FENCED_INSTANCE_ID);
	guest_leave(&guest);
}

static struct consumer_group_heartbeat_request named(struct consumer_group_heartbeat_request request)
{
	request.instance_id = VIEW_LITERAL("i");
	return request;
}

static struct consumer_group *the_group(struct broker *broker)
{
	return group_named(broker_groups(broker), VIEW_LITERAL("g"))->consumer;
}

/* What is refused has not happened: its place waits for it still. */
static void a_refused_one_takes_no_place(void **state)
{
	struct consumer_group_heartbeat_request request = first_of("two");
	struct consumer_group_heartbeat_response response;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 3);
	assert_int_equal(beat(&guest, named(first_of("one"))).error_code, 0);
	assert_int_equal(beat(&guest, named(next_of("one", CONSUMER_STATIC_AWAY))).error_code, 0);
	request.subscribed_topic_regex = VIEW_LITERAL("(");
	assert_int_equal(beat(&guest, named(request)).error_code, KAFKA_INVALID_REGULAR_EXPRESSION);
	assert_int_equal(the_group(*state)->member_count, 1);
	response = beat(&guest, named(first_of("three")));
	assert_int_equal(response.error_code, 0);
	assert_int_equal(told(&response), 3);
	/* Nor is there a group because of it. */
	request.group_id = VIEW_LITERAL("other");
	assert_int_equal(beat(&guest, request).error_code, KAFKA_INVALID_REGULAR_EXPRESSION);
	assert_null(group_named(broker_groups(*state), request.group_id));
	guest_leave(&guest);
}

/* It was to give something back when it went: it has given back all, and its session is what it has time for. */
static void who_is_away_gives_nothing_back(void **state)
{
	struct consumer_group_heartbeat_response response;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 4);
	assert_int_equal(beat(&guest, named(first_of("one"))).error_code, 0);
	assert_int_equal(beat(&guest, first_of("two")).error_code, 0);
	response = beat(&guest, named(next_of("one", 1)));
	assert_int_equal(told(&response), 2);
	assert_int_equal(beat(&guest, named(next_of("one", CONSUMER_STATIC_AWAY))).error_code, 0);
	loop_shift_ms += 11000;
	ticks(*state);
	assert_int_equal(the_group(*state)->member_count, 2);
	response = beat(&guest, named(first_of("three")));
	assert_int_equal(response.error_code, 0);
	assert_int_equal(response.member_epoch, 2);
	assert_int_equal(told(&response), 2);
	guest_leave(&guest);
}

/* Ids are their members' own choice: two that choose the same are one. */
static void an_id_has_one_member(void **state)
{
	struct guest guest;
	int32_t epoch;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 3);
	assert_int_equal(beat(&guest, first_of("one")).error_code, 0);
	assert_int_equal(beat(&guest, named(first_of("one"))).error_code, 0);
	assert_int_equal(the_group(*state)->member_count, 1);
	assert_int_equal(beat(&guest, first_of("two")).error_code, 0);
	assert_int_equal(beat(&guest, named(next_of("one", CONSUMER_STATIC_AWAY))).error_code, 0);
	epoch = the_group(*state)->epoch;
	assert_int_equal(beat(&guest, named(first_of("two"))).error_code, 0);
	assert_int_equal(the_group(*state)->member_count, 1);
	assert_true(the_group(*state)->epoch > epoch);
	guest_leave(&guest);
	broker_end(*state);
	*state = broker_begin("offsets.topic.num.partitions", "2");
	assert_int_equal(the_group(*state)->member_count, 1);
	guest_come(&guest, *state);
	assert_int_equal(beat(&guest, named(next_of("two", the_group(*state)->epoch))).error_code, 0);
	guest_leave(&guest);
}

/* A log may take long to read, and nobody is heard meanwhile: that is not the members' fault. */
static void sessions_begin_when_all_is_read(void **state)
{
	struct consumer_group_heartbeat_response one, two;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 4);
	one = beat(&guest, first_of("one"));
	two = beat(&guest, first_of("two"));
	one = beat(&guest, next_of("one", one.member_epoch));
	assert_int_equal(told(&one), 2);
	guest_leave(&guest);
	broker_end(*state);
	*state = broker_begin("offsets.topic.num.partitions", "2");
	loop_shift_ms += 60000;
	ticks(*state);
	guest_come(&guest, *state);
	assert_int_equal(beat(&guest, next_of("one", one.member_epoch)).error_code, 0);
	assert_int_equal(beat(&guest, next_of("two", two.member_epoch)).error_code, 0);
	/* It has the whole time once more to give back what it was to give back; and no more than that. */
	loop_shift_ms += 9000;
	ticks(*state);
	assert_int_equal(the_group(*state)->member_count, 2);
	loop_shift_ms += 2000;
	ticks(*state);
	assert_int_equal(the_group(*state)->member_count, 1);
	guest_leave(&guest);
}

static int16_t commit(struct guest *guest, const char *id, int32_t epoch, int16_t version)
{
	struct offset_commit_request request =
		words_commit(&guest->arena, VIEW_LITERAL("g"), view_text(id), epoch, VIEW_LITERAL("t"), 0, 5);
	struct offset_commit_response response;

	guest_hear(guest, API_OFFSET_COMMIT, version, &request, &response);
	return response.topics.at[0].partitions.at[0].error_code;
}

static void positions_belong_to_the_epoch(void **state)
{
	struct consumer_group_heartbeat_response response;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 1);
	while (commit(&guest, "one", 1, 9) == KAFKA_COORDINATOR_NOT_AVAILABLE)
		turn(*state);
	assert_int_equal(commit(&guest, "one", 1, 9), KAFKA_GROUP_ID_NOT_FOUND);
	assert_int_equal(commit(&guest, "one", 1, 8), KAFKA_ILLEGAL_GENERATION);
	response = beat(&guest, first_of("one"));
	assert_int_equal(commit(&guest, "one", response.member_epoch, 9), 0);
	assert_int_equal(commit(&guest, "one", response.member_epoch - 1, 9), KAFKA_STALE_MEMBER_EPOCH);
	assert_int_equal(commit(&guest, "one", response.member_epoch + 1, 9), KAFKA_STALE_MEMBER_EPOCH);
	/* It has had the partition since the epoch that it says: what came meanwhile does not matter. */
	assert_int_equal(beat(&guest, first_of("other")).error_code, 0);
	response = beat(&guest, next_of("one", response.member_epoch));
	assert_int_equal(response.member_epoch, 2);
	assert_int_equal(commit(&guest, "one", 1, 9), 0);
	assert_int_equal(commit(&guest, "other", 1, 9), KAFKA_STALE_MEMBER_EPOCH);
	assert_int_equal(beat(&guest, next_of("other", -1)).error_code, 0);
	assert_int_equal(commit(&guest, "one", response.member_epoch, 8), KAFKA_UNSUPPORTED_VERSION);
	assert_int_equal(commit(&guest, "two", response.member_epoch, 9), KAFKA_UNKNOWN_MEMBER_ID);
	assert_int_equal(commit(&guest, "", -1, 9),
			 KAFKA_UNKNOWN_MEMBER_ID); /* an administrator, while somebody is there */
	assert_int_equal(beat(&guest, next_of("one", -1)).error_code, 0);
	assert_int_equal(commit(&guest, "", -1, 9), 0);
	guest_leave(&guest);
}

static int16_t set_interval(struct guest *guest, const char *value)
{
	struct incremental_alter_configs_request request;
	struct incremental_alter_configs_response response;
	int count = guest->count;

	message_default(&incremental_alter_configs_request_message, &request);
	request.resources.at =
		shape_array(&incremental_alter_configs_request_resource_shape, &guest->arena, 1);
	request.resources.count = 1;
	request.resources.at[0].resource_type = 32;
	request.resources.at[0].resource_name = VIEW_LITERAL("g");
	request.resources.at[0].configs.at =
		shape_array(&incremental_alter_configs_request_config_shape, &guest->arena, 1);
	request.resources.at[0].configs.count = 1;
	request.resources.at[0].configs.at[0].name = VIEW_LITERAL("consumer.heartbeat.interval.ms");
	request.resources.at[0].configs.at[0].value = view_text(value);
	guest_ask(guest, API_INCREMENTAL_ALTER_CONFIGS, 1, &request);
	guest_wait(guest, count + 1);
	guest_read(guest, count, API_INCREMENTAL_ALTER_CONFIGS, 1, &response);
	return response.responses.at[0].error_code;
}

static void a_group_has_configs_of_its_own(void **state)
{
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 1);
	assert_int_equal(beat(&guest, first_of("one")).heartbeat_interval_ms, 5000);
	assert_int_equal(set_interval(&guest, "7000"), 0);
	assert_int_equal(beat(&guest, next_of("one", 1)).heartbeat_interval_ms, 7000);
	assert_int_equal(set_interval(&guest, "4999"), KAFKA_INVALID_CONFIG);
	assert_int_equal(set_interval(&guest, "15001"), KAFKA_INVALID_CONFIG);
	guest_leave(&guest);
	broker_end(*state);
	*state = broker_begin("offsets.topic.num.partitions", "2");
	guest_come(&guest, *state);
	assert_int_equal(beat(&guest, next_of("one", 1)).heartbeat_interval_ms, 7000);
	guest_leave(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_step_at_a_time),
		cmocka_unit_test(which_epochs_are_good),
		cmocka_unit_test(uniform_is_even_and_sticky),
		cmocka_unit_test(uniform_evens_out_what_it_can),
		cmocka_unit_test(range_gives_neighbours),
		cmocka_unit_test(what_a_pattern_means),
		cmocka_unit_test(a_pattern_has_an_end),
		cmocka_unit_test_setup_teardown(a_partition_waits_for_its_owner, begin, guest_end),
		cmocka_unit_test_setup_teardown(nobody_is_told_of_what_is_not_kept, begin, guest_end),
		cmocka_unit_test_setup_teardown(what_a_member_may_not_do, begin, guest_end),
		cmocka_unit_test_setup_teardown(who_is_fenced_joins_again, begin, guest_end),
		cmocka_unit_test_setup_teardown(a_static_member_has_its_name_alone, begin, guest_end),
		cmocka_unit_test_setup_teardown(a_refused_one_takes_no_place, begin, guest_end),
		cmocka_unit_test_setup_teardown(who_is_away_gives_nothing_back, begin, guest_end),
		cmocka_unit_test_setup_teardown(an_id_has_one_member, begin, guest_end),
		cmocka_unit_test_setup_teardown(sessions_begin_when_all_is_read, begin, guest_end),
		cmocka_unit_test_setup_teardown(positions_belong_to_the_epoch, begin, guest_end),
		cmocka_unit_test_setup_teardown(a_group_has_configs_of_its_own, begin, guest_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
