/* test_quiet.c - logs at rest: what three places of a log prove, in which order, and what is made of leaders that move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "client/fake_answers.h"
#include "client/offsets.h"
#include "client/quiet.h"

#define LONG_MS 10000

static struct {
	int64_t stable[PARTITIONS], high[PARTITIONS], end[PARTITIONS];
	char order[NODES + 1][10]; /* of what each broker heard */
	int16_t producers_code;
	bool transaction;
	int lose;  /* the connection of the first node after so many of its answers; 0: never */
	bool move; /* partition 0 goes to the third node with the next answer */
} log_;

static void heard(int node, char letter)
{
	size_t size = strlen(log_.order[node]);

	if (size < sizeof log_.order[node] - 1)
		log_.order[node][size] = letter;
}

static void offsets_say(struct answers *a, int node, const struct list_offsets_request *asked,
			struct list_offsets_response *said)
{
	static struct list_offsets_response_topic topic[NODES + 1];
	static struct list_offsets_response_partition parts[NODES + 1][PARTITIONS];
	bool end = asked->replica_id == -2, stable = asked->isolation_level == 1;

	heard(node, end ? 'E' : stable ? 'S' : 'H');
	memset(parts[node], 0, sizeof parts[node]);
	topic[node] = (struct list_offsets_response_topic){ .name = asked->topics.at[0].name };
	topic[node].partitions.at = parts[node];
	for (int i = 0; i < asked->topics.at[0].partitions.count; i++) {
		int32_t p = asked->topics.at[0].partitions.at[i].partition_index;

		assert_int_equal(asked->topics.at[0].partitions.at[i].timestamp, OFFSETS_LATEST);
		parts[node][i].partition_index = p;
		if (a->leaders[p] != node)
			parts[node][i].error_code = KAFKA_NOT_LEADER_OR_FOLLOWER;
		else if (asked->topics.at[0].partitions.at[i].current_leader_epoch != a->epochs[p])
			parts[node][i].error_code = KAFKA_FENCED_LEADER_EPOCH;
		parts[node][i].offset = end ? log_.end[p] : stable ? log_.stable[p] : log_.high[p];
		parts[node][i].leader_epoch = a->epochs[p];
		topic[node].partitions.count++;
	}
	said->topics.at = &topic[node];
	said->topics.count = 1;
}

static void producers_say(int node, const struct describe_producers_request *asked,
			  struct describe_producers_response *said)
{
	static struct describe_producers_response_topic topic[NODES + 1];
	static struct describe_producers_response_partition parts[NODES + 1][PARTITIONS];
	static struct describe_producers_response_active_producer one = { .producer_id = 4711,
									  .last_timestamp = 1700 };

	heard(node, 'P');
	memset(parts[node], 0, sizeof parts[node]);
	topic[node] = (struct describe_producers_response_topic){ .name = asked->topics.at[0].name };
	topic[node].partitions.at = parts[node];
	for (int i = 0; i < asked->topics.at[0].partition_indexes.count; i++) {
		parts[node][i].partition_index = asked->topics.at[0].partition_indexes.at[i];
		parts[node][i].error_code = log_.producers_code;
		if (!log_.producers_code) {
			parts[node][i].active_producers.at = &one;
			parts[node][i].active_producers.count = 1;
		}
		topic[node].partitions.count++;
	}
	said->topics.at = &topic[node];
	said->topics.count = 1;
}

/* Two transactions at the second node: one on our partition 1 and on a stranger's topic, one on the stranger's alone. */
static void transactions_say(const struct describe_transactions_request *asked,
			     struct describe_transactions_response *said)
{
	static struct describe_transactions_response_transaction_state states[2];
	static struct describe_transactions_response_topic topics[2];
	static int32_t first = 1;

	memset(states, 0, sizeof states);
	memset(topics, 0, sizeof topics);
	topics[0].topic = VIEW_LITERAL("orders");
	topics[1].topic = VIEW_LITERAL("stranger");
	topics[0].partitions.at = topics[1].partitions.at = &first;
	topics[0].partitions.count = topics[1].partitions.count = 1;
	for (int i = 0; i < asked->transactional_ids.count; i++) {
		states[i].transactional_id = asked->transactional_ids.at[i];
		states[i].transaction_state = VIEW_LITERAL("Ongoing");
		states[i].topics.at = view_is(asked->transactional_ids.at[i], "ours") ? topics : &topics[1];
		states[i].topics.count = view_is(asked->transactional_ids.at[i], "ours") ? 2 : 1;
		said->transaction_states.count++;
	}
	said->transaction_states.at = states;
}

static enum what_next quiet_answer(struct answers *a, int node, int16_t api_key, const void *request,
				   void *response)
{
	if (node == 1 && log_.lose > 0 && --log_.lose == 0)
		return HANG_UP;
	if (api_key == API_LIST_OFFSETS) {
		offsets_say(a, node, request, response);
		if (log_.move) {
			log_.move = false;
			a->leaders[0] = 3;
			a->epochs[0]++;
		}
	} else if (api_key == API_DESCRIBE_PRODUCERS) {
		producers_say(node, request, response);
	} else if (api_key == API_LIST_TRANSACTIONS) {
		static struct list_transactions_response_transaction_state two[2];
		const struct list_transactions_request *asked = request;
		struct list_transactions_response *said = response;

		two[0].transactional_id = VIEW_LITERAL("ours");
		two[1].transactional_id = VIEW_LITERAL("theirs");
		two[0].transaction_state = two[1].transaction_state = VIEW_LITERAL("Ongoing");
		if (asked->producer_id_filters.count == 0)
			assert_int_equal(asked->state_filters.count, 4);
		said->transaction_states.at = two;
		said->transaction_states.count = node == 2 && log_.transaction ? 2 : 0;
		if (asked->producer_id_filters.count == 1 && asked->producer_id_filters.at[0] != 4711)
			said->transaction_states.count = 0;
	} else {
		assert_int_equal(api_key, API_DESCRIBE_TRANSACTIONS);
		assert_int_equal(node, 2);
		transactions_say(request, response);
	}
	return ANSWER;
}

static struct answers *begin(struct quiet **quiet)
{
	static const char *const topics[] = { "orders" };
	struct answers *a = answers_begin(quiet_answer);

	memset(&log_, 0, sizeof log_);
	for (int p = 0; p < PARTITIONS; p++)
		log_.stable[p] = log_.high[p] = log_.end[p] = 10 + p;
	assert_int_equal(quiet_new(a->cluster, topics, 1, quiet, &a->fault), 0);
	return a;
}

static struct quiet_look look_at(struct answers *a, struct quiet *quiet, int what)
{
	struct quiet_look look;

	if (quiet_look(quiet, what, LONG_MS, &a->arena, &look, &a->fault) < 0)
		fail_msg("%s", a->fault.text);
	return look;
}

static void end(struct answers *a, struct quiet *quiet)
{
	quiet_free(quiet);
	answers_end(a);
}

static void equal_places_in_this_order_are_level(void **state)
{
	struct quiet *quiet;
	struct answers *a = begin(&quiet);
	struct quiet_look first = look_at(a, quiet, QUIET_WRITERS | QUIET_TRANSACTIONS);
	struct quiet_look second;

	assert_true(first.all_level);
	assert_int_equal(first.partition_count, PARTITIONS);
	assert_int_equal(first.partitions[3].end, 13);
	assert_int_equal(first.partitions[3].leader, 2);
	assert_int_equal(first.partitions[3].leader_epoch, 5);
	assert_string_equal(log_.order[1], "PSHE");
	assert_string_equal(log_.order[2], "PSHE");
	assert_string_equal(log_.order[3], ""); /* it leads nothing */
	assert_int_equal(first.producer_count, PARTITIONS);
	assert_string_equal(first.producers[2].topic, "orders");
	assert_int_equal(first.producers[2].partition, 2);
	assert_int_equal(first.producers[2].id, 4711);
	int asked = a->asked[API_METADATA][1] + a->asked[API_METADATA][2] + a->asked[API_METADATA][3];
	second = look_at(a, quiet, QUIET_ENDS);
	assert_int_equal(second.producer_count, 0);
	assert_true(quiet_same(&first, &second));
	/* The leaders are remembered. */
	assert_int_equal(a->asked[API_METADATA][1] + a->asked[API_METADATA][2] + a->asked[API_METADATA][3],
			 asked);
	log_.stable[2] = log_.high[2] = log_.end[2] = 99;
	second = look_at(a, quiet, QUIET_ENDS);
	assert_true(second.all_level);
	assert_false(quiet_same(&first, &second));
	end(a, quiet);
}

static void what_is_not_committed_or_not_stable_is_not_level(void **state)
{
	struct quiet *quiet;
	struct answers *a = begin(&quiet);
	struct quiet_look look;

	log_.end[1]++;
	log_.stable[2]--;
	look = look_at(a, quiet, QUIET_ENDS);
	assert_false(look.all_level);
	assert_true(look.partitions[0].level);
	assert_false(look.partitions[1].level);
	assert_false(look.partitions[2].level);
	assert_true(look.partitions[3].level);
	end(a, quiet);
}

static void a_transaction_of_ours_is_told_and_nobody_elses(void **state)
{
	struct quiet *quiet;
	struct answers *a = begin(&quiet);
	struct quiet_look look;
	const char *name = NULL;

	log_.transaction = true;
	look = look_at(a, quiet, QUIET_TRANSACTIONS);
	assert_int_equal(look.transaction_count, 1);
	assert_string_equal(look.transactions[0].id, "ours");
	assert_int_equal(look.transactions[0].partition_count, 1);
	assert_string_equal(look.transactions[0].partitions[0].topic, "orders");
	assert_int_equal(look.transactions[0].partitions[0].partition, 1);
	assert_true(look.partitions[1].level); /* no record of it is there yet */
	assert_false(look.all_level);
	assert_int_equal(producer_name(a->cluster, 4711, LONG_MS, &a->arena, &name, &a->fault), 0);
	assert_string_equal(name, "ours");
	assert_int_equal(producer_name(a->cluster, 4712, LONG_MS, &a->arena, &name, &a->fault), 0);
	assert_null(name);
	end(a, quiet);
}

static void producers_that_may_not_be_seen_are_said(void **state)
{
	struct quiet *quiet;
	struct answers *a = begin(&quiet);
	struct quiet_look look;

	log_.producers_code = KAFKA_TOPIC_AUTHORIZATION_FAILED;
	look = look_at(a, quiet, QUIET_WRITERS);
	assert_int_equal(look.producers_err, ERR_DENIED);
	assert_int_equal(look.producer_count, 0);
	assert_true(look.all_level); /* the ends are told all the same */
	end(a, quiet);
}

static void a_leader_that_moves_is_asked_again(void **state)
{
	struct quiet *quiet;
	struct answers *a = begin(&quiet);
	struct quiet_look first = look_at(a, quiet, QUIET_ENDS), look;

	log_.move = true;
	look = look_at(a, quiet, QUIET_ENDS);
	assert_true(look.all_level);
	assert_int_equal(look.partitions[0].leader, 3);
	assert_int_equal(look.partitions[0].leader_epoch, 6);
	assert_false(quiet_same(&first, &look)); /* the same end, under another epoch */
	end(a, quiet);
}

static void a_lost_connection_leaves_the_order_as_it_is(void **state)
{
	for (int lost = 1; lost <= 4; lost++) {
		struct quiet *quiet;
		struct answers *a = begin(&quiet);
		struct quiet_look look;
		const char *order;

		look_at(a, quiet, QUIET_ENDS);
		memset(log_.order, 0, sizeof log_.order);
		log_.lose = lost;
		look = look_at(a, quiet, QUIET_WRITERS);
		assert_true(look.all_level);
		/* Whatever was asked twice: the last three are in the order that proves something. */
		order = log_.order[1];
		assert_true(strrchr(order, 'S') < strrchr(order, 'E'));
		end(a, quiet);
	}
}

static void no_leader_is_no_answer(void **state)
{
	struct quiet *quiet;
	struct answers *a = begin(&quiet);
	struct quiet_look look;

	a->leaders[2] = -1;
	assert_int_equal(quiet_look(quiet, QUIET_ENDS, 200, &a->arena, &look, &a->fault), 0);
	assert_false(look.all_level);
	assert_int_equal(look.partitions[2].err, ERR_STALE);
	assert_int_equal(look.partitions[2].end, -1);
	assert_true(look.partitions[1].level);
	assert_false(quiet_same(&look, &look));
	end(a, quiet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_places_in_this_order_are_level),
		cmocka_unit_test(what_is_not_committed_or_not_stable_is_not_level),
		cmocka_unit_test(a_transaction_of_ours_is_told_and_nobody_elses),
		cmocka_unit_test(producers_that_may_not_be_seen_are_said),
		cmocka_unit_test(a_leader_that_moves_is_asked_again),
		cmocka_unit_test(a_lost_connection_leaves_the_order_as_it_is),
		cmocka_unit_test(no_leader_is_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
