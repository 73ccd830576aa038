/* test_cluster.c - calls that find their broker, or end with a sentence that says why not; offsets; writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "client/asks.h"
#include "client/config.h"
#include "client/fake_cluster.h"
#include "client/inside.h"
#include "client/metadata.h"
#include "client/offsets.h"
#include "client/producer.h"

struct play {
	struct loop *loop;
	struct fake_cluster fake;
	const struct cluster_config *config;
	struct cluster *cluster;
	struct arena arena;
	struct fault fault;
	int done, failed;
	int err;
};

static struct play the_play;

static struct play *play_at(int nodes, const char *bootstrap)
{
	struct play *play = &the_play;
	char text[600];

	memset(play, 0, sizeof *play);
	arena_init(&play->arena, 1 << 24);
	assert_int_equal(loop_new(&clock_system, 1, &play->loop), 0);
	fake_cluster_open(&play->fake, play->loop, nodes);
	snprintf(text, sizeof text,
		 "bootstrap.servers=%s127.0.0.1:%u\nretry.backoff.ms=5\nretry.backoff.max.ms=20\n"
		 "reconnect.backoff.ms=5\nreconnect.backoff.max.ms=20\n",
		 bootstrap, play->fake.nodes[0].broker.acceptor.port);
	if (config_parse(view_text(text), "test", &play->config, &play->fault) < 0)
		fail_msg("%s", play->fault.text);
	assert_int_equal(cluster_new(play->loop, "source", play->config, &play->cluster, &play->fault), 0);
	return play;
}

static struct play *play_begin(int nodes)
{
	return play_at(nodes, "");
}

static void play_end(struct play *play)
{
	cluster_free(play->cluster);
	config_release(play->config);
	fake_cluster_close(&play->fake);
	loop_free(play->loop);
	arena_done(&play->arena);
}

static void tells_what_each_address_said(void **state)
{
	struct play *play = play_begin(1);
	uint16_t port = play->fake.nodes[0].broker.acceptor.port;
	char address[40];

	fake_cluster_kill(&play->fake, 0); /* the port is closed now */
	snprintf(address, sizeof address, "127.0.0.1:%u: ", port);
	assert_int_equal(cluster_connect(play->cluster, 200, &play->fault), ERR_NETWORK);
	assert_non_null(strstr(play->fault.text, "source: "));
	assert_non_null(strstr(play->fault.text, address));
	play_end(play);
}

static void goes_past_a_dead_address(void **state)
{
	struct play *play = play_at(2, "127.0.0.1:1,");
	const struct broker_info *brokers;

	assert_int_equal(cluster_connect(play->cluster, 10000, &play->fault), 0);
	assert_int_equal(metadata_brokers(play->cluster, &brokers), 2);
	assert_int_equal(brokers[1].id, 2);
	play_end(play);
}

static void stays_with_its_cluster(void **state)
{
	struct play *play = play_begin(1);

	assert_int_equal(cluster_connect(play->cluster, 10000, &play->fault), 0);
	play->fake.id = "another";
	assert_int_equal(cluster_connect(play->cluster, 10000, &play->fault), ERR_STALE);
	assert_non_null(strstr(play->fault.text, "another cluster"));
	play_end(play);
}

static void call_ended(void *context, const struct reply *reply)
{
	struct play *play = context;

	play->done++;
	play->failed += reply->err < 0;
	play->err = reply->err;
	if (reply->err < 0)
		play->fault = *reply->fault;
}

static void run(struct play *play, const int *count, int wanted)
{
	int64_t give_up = loop_now_ms(play->loop) + 20000;
	bool never = false;

	while (*count < wanted) {
		assert_true(loop_now_ms(play->loop) < give_up);
		loop_until(play->loop, &never, loop_now_ms(play->loop) + 5);
	}
}

static struct call *call_once(struct play *play, int32_t node, bool retry, int64_t timeout_ms)
{
	static struct metadata_request request;
	struct call_plan plan = { .node = node, .api_key = API_METADATA, .request = &request, .retry = retry };
	struct call *call;

	message_default(&metadata_request_message, &request);
	plan.version_least = 1;
	plan.deadline_ms = loop_now_ms(play->loop) + timeout_ms;
	plan.done = call_ended;
	plan.context = play;
	assert_int_equal(cluster_call(play->cluster, &plan, &call), 0);
	return call;
}

static void tries_again_only_when_told(void **state)
{
	struct play *play = play_begin(1);

	assert_int_equal(cluster_connect(play->cluster, 10000, &play->fault), 0);
	play->fake.nodes[0].hurt_any = 3;
	call_once(play, 1, true, 10000);
	run(play, &play->done, 1);
	assert_int_equal(play->failed, 0);
	play->fake.nodes[0].hurt_any = 1;
	call_once(play, 1, false, 10000);
	run(play, &play->done, 2);
	assert_int_equal(play->failed, 1);
	assert_int_equal(play->err, ERR_NETWORK);
	assert_non_null(strstr(play->fault.text, "source: broker 1 at 127.0.0.1:"));
	play_end(play);
}

static void does_not_know_every_node(void **state)
{
	struct play *play = play_begin(1);

	call_once(play, 77, true, 300);
	run(play, &play->done, 1);
	assert_int_equal(play->err, ERR_NOT_FOUND);
	assert_non_null(strstr(play->fault.text, "broker 77"));
	play_end(play);
}

static void asks_the_broker_that_answers(void **state)
{
	struct play *play = play_begin(2);

	assert_int_equal(cluster_connect(play->cluster, 10000, &play->fault), 0);
	assert_int_equal(cluster_reach(play->cluster, 1, 10000, &play->fault), 0);
	assert_int_equal(cluster_reach(play->cluster, 2, 10000, &play->fault), 0);
	play->fake.nodes[0].silent = true; /* what is asked of it is tried elsewhere after a while */
	for (int i = 0; i < 4; i++)
		call_once(play, NODE_ANY, true, 15000);
	run(play, &play->done, 4);
	assert_int_equal(play->failed, 0);
	play_end(play);
}

/* Its kernel takes the connection, and nobody ever says a word: what is asked of any broker goes on to another. */
static void leaves_a_broker_that_never_answers(void **state)
{
	struct play *play = play_begin(2);
	struct call *bound;
	int asked;

	assert_int_equal(cluster_connect(play->cluster, 10000, &play->fault), 0);
	play->fake.nodes[1].silent = true;
	bound = call_once(play, 2, true,
			  60000); /* a connection that is on its way is what others would take */
	for (int i = 0; i < 4; i++)
		call_once(play, NODE_ANY, true, 4500);
	run(play, &play->done, 4);
	assert_int_equal(play->failed, 0);
	asked = play->fake.nodes[1].broker.accepted;
	call_once(play, NODE_ANY, false, 4500); /* it is known by now */
	run(play, &play->done, 5);
	assert_int_equal(play->failed, 0);
	assert_int_equal(play->fake.nodes[1].broker.accepted, asked);
	call_cancel(bound);
	play_end(play);
}

/* What changes something may go on to another broker as long as nobody has it, and not later. */
static void gives_a_change_to_one_broker(void **state)
{
	struct play *play = play_begin(2);

	assert_int_equal(cluster_connect(play->cluster, 10000, &play->fault), 0);
	assert_int_equal(cluster_reach(play->cluster, 1, 10000, &play->fault), 0);
	play->fake.nodes[0].silent = true;
	call_once(play, NODE_CONTROLLER, true, 2500); /* written, and not answered */
	run(play, &play->done, 1);
	assert_int_equal(play->failed, 1);
	assert_int_equal(play->err, ERR_TIMEOUT);
	for (int i = 0; i < 3; i++)
		call_once(play, NODE_CONTROLLER, true, 4500);
	run(play, &play->done, 4);
	assert_int_equal(play->failed, 1);
	play->fake.nodes[0].silent = false;
	assert_int_equal(cluster_reach(play->cluster, 1, 10000, &play->fault), 0); /* and is heard of again */
	play->fake.nodes[1].silent = true;
	call_once(play, NODE_CONTROLLER, true, 4500);
	run(play, &play->done, 5);
	assert_int_equal(play->failed, 1);
	play_end(play);
}

static void forgets_what_is_cancelled(void **state)
{
	struct play *play = play_begin(1);
	struct call *call = call_once(play, NODE_ANY, true, 10000);

	call_cancel(call);
	call_once(play, NODE_ANY, true, 10000);
	run(play, &play->done, 1);
	call = call_once(play, NODE_ANY, true, 10000); /* sent already */
	call_cancel(call);
	call_once(play, NODE_ANY, true, 10000);
	run(play, &play->done, 2);
	call_once(play, NODE_ANY, true, 10000);
	cluster_free(play->cluster); /* ends what is under way */
	play->cluster = NULL;
	assert_int_equal(play->done, 3);
	assert_int_equal(play->err, ERR_CANCELLED);
	play_end(play);
}

static void says_what_a_broker_does_not_offer(void **state)
{
	struct play *play = play_begin(1);
	struct list_groups_request request;
	struct list_groups_response said;

	message_default(&list_groups_request_message, &request);
	assert_int_equal(cluster_ask(play->cluster, NODE_ANY, API_LIST_GROUPS, &request, 10000, &play->arena, &said,
				     &play->fault),
			 ERR_UNSUPPORTED);
	assert_non_null(strstr(play->fault.text, "ListGroups"));
	play_end(play);
}

static void takes_snapshots(void **state)
{
	struct play *play = play_begin(2);
	struct metadata_snapshot snapshot;
	struct view patterns[] = { VIEW_LITERAL("or*"), VIEW_LITERAL("absent"), VIEW_LITERAL("secret") };

	fake_topic_make(&play->fake, "orders", 4);
	fake_topic_make(&play->fake, "orders-dlq", 1);
	fake_topic_make(&play->fake, "secret", 1);
	play->fake.topics[2].denied = true;
	assert_int_equal(metadata_snapshot(play->cluster, patterns, 3, 10000, &play->arena, &snapshot, &play->fault), 0);
	assert_int_equal(snapshot.topic_count, 4);
	assert_string_equal(snapshot.topics[0].name, "absent");
	assert_int_equal(snapshot.topics[0].error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	assert_string_equal(snapshot.topics[1].name, "orders");
	assert_int_equal(snapshot.topics[1].partition_count, 4);
	assert_int_equal(snapshot.topics[1].partitions[3].leader, 2);
	assert_int_equal(snapshot.topics[3].error, KAFKA_TOPIC_AUTHORIZATION_FAILED);
	assert_string_equal(snapshot.cluster_id, "fake");
	assert_non_null(metadata_find(&snapshot, "orders-dlq"));
	play_end(play);
}

static void finds_both_ends_of_every_partition(void **state)
{
	struct play *play = play_begin(3);
	struct offset_query queries[9];

	fake_topic_make(&play->fake, "orders", 4);
	for (int p = 0; p < 4; p++) {
		fake_append(&play->fake, 0, p, 10 + p, 10);
		fake_part_of(&play->fake, 0, p)->start = p;
		queries[2 * p] = (struct offset_query){ .topic = "orders", .partition = p, .at = OFFSETS_EARLIEST };
		queries[2 * p + 1] = (struct offset_query){ .topic = "orders", .partition = p, .at = OFFSETS_LATEST };
	}
	queries[8] = (struct offset_query){ .topic = "orders", .partition = 9, .at = OFFSETS_LATEST };
	fake_part_of(&play->fake, 0, 2)->stable = 5;
	for (int i = 0; i < FAKE_BROKERS; i++)
		play->fake.nodes[i].hurt_any = 1;
	assert_int_equal(offsets_list(play->cluster, queries, 9, true, 10000, &play->fault), ERR_NOT_FOUND);
	assert_non_null(strstr(play->fault.text, "orders-9"));
	for (int p = 0; p < 4; p++) {
		assert_int_equal(queries[2 * p].err, 0);
		assert_int_equal(queries[2 * p].offset, p);
		assert_int_equal(queries[2 * p + 1].offset, p == 2 ? 5 : 10 + p);
	}
	assert_int_equal(offsets_list(play->cluster, queries, 8, true, 10000, &play->fault), 0);
	play_end(play);
}

static void offsets_end_by_their_deadline(void **state)
{
	struct play *play = play_begin(1);
	struct offset_query query = { .topic = "orders", .partition = 0, .at = OFFSETS_LATEST };

	fake_topic_make(&play->fake, "orders", 1);
	fake_part_of(&play->fake, 0, 0)->leader = -1;
	assert_true(offsets_list(play->cluster, &query, 1, true, 700, &play->fault) < 0);
	assert_int_equal(query.error_code, KAFKA_LEADER_NOT_AVAILABLE);
	assert_non_null(strstr(play->fault.text, "LEADER_NOT_AVAILABLE"));
	play_end(play);
}

static void asks_many_at_once(void **state)
{
	struct play *play = play_begin(3);
	struct metadata_request request;
	struct asks asks;

	assert_int_equal(cluster_connect(play->cluster, 10000, &play->fault), 0);
	message_default(&metadata_request_message, &request);
	fake_cluster_kill(&play->fake, 2);
	asks_init(&asks, play->cluster, 500, &play->arena);
	for (int i = 0; i < 60; i++)
		assert_int_equal(asks_add(&asks, 1 + i % 3, API_METADATA, &request, NULL), 0);
	assert_int_equal(asks_wait(&asks), 0);
	for (int i = 0; i < 60; i++) {
		assert_int_equal(asks.at[i]->err < 0, i % 3 == 2);
		if (i % 3 != 2)
			assert_int_equal(((const struct metadata_response *)asks.at[i]->response)->brokers.count, 3);
	}
	play_end(play);
}

/* ---- writing ---- */

static struct view a_batch(int records, struct buffer *out)
{
	struct batch_writer writer;

	buffer_init(out, 1 << 20);
	batch_writer_init(&writer, &batch_options_default, NULL, 1 << 20);
	for (int i = 0; i < records; i++)
		batch_writer_add(&writer, 1700000000000, VIEW_LITERAL("k"), VIEW_LITERAL("v"), NULL, 0);
	assert_int_equal(batch_writer_finish(&writer, out), 0);
	batch_writer_done(&writer);
	return buffer_bytes(out);
}

static int64_t last_offset;

static void was_produced(void *context, const struct produced *result)
{
	struct play *play = context;

	play->done++;
	play->failed += result->err < 0;
	play->err = result->err;
	if (result->err < 0)
		play->fault = *result->fault;
	else
		last_offset = result->offset;
}

static struct producer *producer_begin(struct play *play, bool idempotent, int16_t acks)
{
	struct producer_options options = { .acks = acks, .idempotent = idempotent, .timeout_ms = 5000 };
	struct producer *producer;

	fake_topic_make(&play->fake, "orders", 2);
	assert_int_equal(producer_new(play->cluster, &options, &producer, &play->fault), 0);
	return producer;
}

static void writes_in_order_whatever_happens(void **state)
{
	struct play *play = play_begin(2);
	struct producer *producer = producer_begin(play, true, -1);
	struct buffer out;
	struct view batch = a_batch(3, &out);
	struct fake_part *part = fake_part_of(&play->fake, 0, 0);

	play->fake.nodes[0].hurt_after_append = true;
	play->fake.nodes[0].hurt_produce = KAFKA_NOT_ENOUGH_REPLICAS;
	for (int i = 0; i < 10; i++)
		assert_int_equal(producer_send(producer, "orders", 0, batch, was_produced, play), 0);
	run(play, &play->done, 3);
	part->leader = 1;
	part->epoch++;
	assert_int_equal(producer_flush(producer, 10000), 0);
	assert_int_equal(play->done, 10);
	assert_int_equal(play->failed, 0);
	assert_int_equal(part->end, 30); /* each once, although one answer was lost */
	assert_int_equal(last_offset, 27);
	producer_free(producer);
	buffer_done(&out);
	play_end(play);
}

static void says_when_a_fate_is_not_known(void **state)
{
	struct play *play = play_begin(1);
	struct producer *producer = producer_begin(play, false, 1);
	struct buffer out;
	struct view batch = a_batch(3, &out);

	play->fake.nodes[0].hurt_after_append = true;
	assert_int_equal(producer_send(producer, "orders", 0, batch, was_produced, play), 0);
	run(play, &play->done, 1);
	assert_int_equal(play->err, ERR_NETWORK);
	play->fake.nodes[0].hurt_produce = KAFKA_NOT_LEADER_OR_FOLLOWER; /* this one says that it did nothing */
	assert_int_equal(producer_send(producer, "orders", 0, batch, was_produced, play), 0);
	run(play, &play->done, 2);
	assert_int_equal(play->err, 0);
	play->fake.nodes[0].hurt_produce = KAFKA_TOPIC_AUTHORIZATION_FAILED;
	assert_int_equal(producer_put(producer, "orders", 1, batch, NULL, &play->fault), ERR_DENIED);
	assert_int_equal(producer_put(producer, "absent", 0, batch, NULL, &play->fault), ERR_NOT_FOUND);
	producer_free(producer);
	buffer_done(&out);
	play_end(play);
}

static void unheard(struct topic_watch *watch)
{
	(void)watch;
}

/* An answer that is on its way when a topic is first asked for does not speak of it: another look must. */
static void asks_for_who_comes_while_a_look_is_under_way(void **state)
{
	struct play *play = play_begin(1);
	struct producer *producer = producer_begin(play, false, -1);
	struct buffer out;
	struct view batch = a_batch(1, &out);

	assert_int_equal(cluster_connect(play->cluster, 5000, &play->fault), 0);
	play->fake.looked = false;
	metadata_refresh(play->cluster);
	assert_int_equal(loop_until(play->loop, &play->fake.looked, loop_now_ms(play->loop) + 5000), 0);
	assert_non_null(play->cluster->look); /* answered, and not read yet */
	assert_int_equal(producer_put(producer, "orders", 0, batch, NULL, &play->fault), 0);
	producer_free(producer);
	buffer_done(&out);
	play_end(play);
}

static void waits_for_a_broker_that_comes_back(void **state)
{
	struct play *play = play_begin(2);
	struct topic_watch watch;

	fake_topic_make(&play->fake, "orders", 1);
	play->fake.node_count = 1;
	assert_int_equal(topic_watch_start(&watch, play->cluster, "orders", NULL, unheard, play), 0);
	call_once(play, 2, true, 5000);
	run(play, &play->fake.looks, play->fake.looks + 2);
	play->fake.node_count = 2;
	run(play, &play->done, 1);
	assert_int_equal(play->err, 0);
	topic_watch_stop(&watch);
	play_end(play);
}

static void waits_for_a_leader(void **state)
{
	struct play *play = play_begin(1);
	struct producer *producer = producer_begin(play, false, -1);
	struct fake_part *part = fake_part_of(&play->fake, 0, 0);
	struct buffer out;
	struct view batch = a_batch(1, &out);

	part->leader = -1;
	assert_int_equal(producer_send(producer, "orders", 0, batch, was_produced, play), 0);
	run(play, &play->fake.looks, play->fake.looks + 2);
	part->leader = 0;
	run(play, &play->done, 1);
	assert_int_equal(play->err, 0);
	producer_free(producer);
	buffer_done(&out);
	play_end(play);
}

static void writes_without_an_answer(void **state)
{
	struct play *play = play_begin(1);
	struct producer *producer = producer_begin(play, false, 0);
	struct buffer out;
	struct view batch = a_batch(2, &out);
	int64_t offset = 0;

	for (int i = 0; i < 5; i++)
		assert_int_equal(producer_put(producer, "orders", 0, batch, &offset, &play->fault), 0);
	assert_int_equal(offset, -1);
	run(play, &play->fake.nodes[0].produces, 5);
	assert_int_equal(fake_part_of(&play->fake, 0, 0)->end, 10);
	assert_int_equal(producer_send(producer, "orders", 0, batch, was_produced, play), 0);
	producer_free(producer); /* what is under way is told of */
	assert_int_equal(play->done, 1);
	buffer_done(&out);
	play_end(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_each_address_said),
		cmocka_unit_test(goes_past_a_dead_address),
		cmocka_unit_test(stays_with_its_cluster),
		cmocka_unit_test(tries_again_only_when_told),
		cmocka_unit_test(does_not_know_every_node),
		cmocka_unit_test(asks_the_broker_that_answers),
		cmocka_unit_test(leaves_a_broker_that_never_answers),
		cmocka_unit_test(gives_a_change_to_one_broker),
		cmocka_unit_test(forgets_what_is_cancelled),
		cmocka_unit_test(says_what_a_broker_does_not_offer),
		cmocka_unit_test(takes_snapshots),
		cmocka_unit_test(finds_both_ends_of_every_partition),
		cmocka_unit_test(offsets_end_by_their_deadline),
		cmocka_unit_test(asks_many_at_once),
		cmocka_unit_test(writes_in_order_whatever_happens),
		cmocka_unit_test(says_when_a_fate_is_not_known),
		cmocka_unit_test(asks_for_who_comes_while_a_look_is_under_way),
		cmocka_unit_test(waits_for_a_broker_that_comes_back),
		cmocka_unit_test(waits_for_a_leader),
		cmocka_unit_test(writes_without_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
