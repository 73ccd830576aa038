/* test_fetcher.c - reading partitions from brokers that move, die, forget, cut, hurry and dawdle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "client/config.h"
#include "client/fake_cluster.h"
#include "client/fetcher.h"

#define PARTS 4

struct seen {
	struct fetch_part *part;
	int64_t next; /* expected offset of the next record */
	uint64_t records, bytes;
	int deliveries, aborted;
	bool ended;
	int64_t high_watermark, log_start;
	int events;
	struct fetch_event event; /* the last one */
	char words[300];
};

struct play {
	struct loop *loop;
	struct fake_cluster fake;
	const struct cluster_config *config;
	struct cluster *cluster;
	struct allowance *allowance;
	struct fetcher *fetcher;
	struct seen seen[PARTS];
	struct fetch_frame *held[1000];
	int held_count;
	bool hold;
	uint64_t records;
	int order[4000], order_count; /* partitions in the order of their deliveries */
	bool free_in_callback, freed;
};

static struct play the_play;

static void play_records(void *context, const struct fetched *fetched)
{
	struct play *play = context;
	struct seen *seen = fetched->owner;
	struct view left = fetched->records;
	struct batch batch;

	assert_false(play->freed);
	assert_int_equal(fetched->offset, seen->next);
	while (batch_next(&left, &batch) > 0) {
		if (batch_last_offset(&batch.head) < seen->next)
			continue;
		seen->records += (uint64_t)(batch_last_offset(&batch.head) + 1 - seen->next);
		play->records += (uint64_t)(batch_last_offset(&batch.head) + 1 - seen->next);
		assert_true(batch.head.base_offset <= seen->next); /* nothing is left out */
		seen->next = batch_last_offset(&batch.head) + 1;
	}
	if (fetched->records.size)
		assert_int_equal(fetched->next_offset, seen->next);
	seen->next = fetched->next_offset;
	seen->bytes += fetched->records.size;
	seen->deliveries += fetched->records.size > 0;
	seen->aborted += fetched->aborted_count;
	seen->ended = fetched->ended;
	seen->high_watermark = fetched->high_watermark;
	seen->log_start = fetched->log_start_offset;
	if (fetched->records.size && play->order_count < 4000)
		play->order[play->order_count++] = (int)(seen - play->seen);
	if (play->hold && fetched->records.size && play->held_count < 1000) {
		fetch_frame_hold(fetched->frame);
		play->held[play->held_count++] = fetched->frame;
	}
	if (play->free_in_callback) {
		fetcher_free(play->fetcher);
		play->fetcher = NULL;
		play->freed = true;
	}
}

static void play_event(void *context, const struct fetch_event *event)
{
	struct seen *seen = event->owner;

	seen->events++;
	seen->event = *event;
	snprintf(seen->words, sizeof seen->words, "%s", event->fault->text);
}

static struct play *play_begin(int nodes, const char *more)
{
	struct play *play = &the_play;
	char text[600];
	struct fault fault = { 0 };

	memset(play, 0, sizeof *play);
	assert_int_equal(loop_new(&clock_system, 1, &play->loop), 0);
	fake_cluster_open(&play->fake, play->loop, nodes);
	snprintf(text, sizeof text,
		 "bootstrap.servers=127.0.0.1:%u\nretry.backoff.ms=5\nretry.backoff.max.ms=20\n"
		 "reconnect.backoff.ms=5\nreconnect.backoff.max.ms=20\n%s",
		 play->fake.nodes[0].broker.acceptor.port, more ? more : "");
	if (config_parse(view_text(text), "test", &play->config, &fault) < 0)
		fail_msg("%s", fault.text);
	assert_int_equal(cluster_new(play->loop, "source", play->config, &play->cluster, &fault), 0);
	return play;
}

static void play_fetcher(struct play *play, struct fetcher_options options, size_t memory, uint64_t rate)
{
	assert_int_equal(allowance_new(play->loop, memory, rate, &play->allowance), 0);
	options.allowance = play->allowance;
	options.records = play_records;
	options.event = play_event;
	options.context = play;
	if (!options.wait_ms)
		options.wait_ms = 20;
	assert_int_equal(fetcher_new(play->cluster, &options, &play->fetcher), 0);
}

static void play_add(struct play *play, int index, int64_t offset, int64_t end)
{
	struct seen *seen = &play->seen[index];

	seen->next = offset;
	assert_int_equal(fetch_part_add(play->fetcher, "orders", NULL, index, offset, -1, end, seen, &seen->part), 0);
}

static void play_end(struct play *play)
{
	fetcher_free(play->fetcher);
	for (int i = 0; i < play->held_count; i++)
		fetch_frame_drop(play->held[i]);
	cluster_free(play->cluster);
	allowance_free(play->allowance);
	config_release(play->config);
	fake_cluster_close(&play->fake);
	loop_free(play->loop);
}

/* Runs until `condition`; a test that never gets there fails. */
#define RUN_UNTIL(play, condition)                                                                    \
	do {                                                                                          \
		bool never_ = false;                                                                  \
		int64_t give_up_ = loop_now_ms((play)->loop) + 20000;                                 \
		while (!(condition)) {                                                                \
			assert_true(loop_now_ms((play)->loop) < give_up_);                            \
			loop_until((play)->loop, &never_, loop_now_ms((play)->loop) + 5);             \
		}                                                                                     \
	} while (0)

static void run_ms(struct play *play, int64_t ms)
{
	bool never = false;

	loop_until(play->loop, &never, loop_now_ms(play->loop) + ms);
}

static bool all_ended(const struct play *play, int count)
{
	for (int i = 0; i < count; i++)
		if (!play->seen[i].ended)
			return false;
	return true;
}

static void fill(struct play *play, int parts, int batches, int records, size_t size)
{
	fake_topic_make(&play->fake, "orders", parts);
	for (int b = 0; b < batches; b++)
		for (int p = 0; p < parts; p++)
			fake_append(&play->fake, 0, p, records, size);
}

static void reads_everything_once(void **state)
{
	struct play *play = play_begin(2, NULL);

	fill(play, PARTS, 50, 3, 100);
	play_fetcher(play, (struct fetcher_options){ .request_size = 4000 }, 1 << 20, 0);
	for (int p = 0; p < PARTS; p++)
		play_add(play, p, 0, 150);
	RUN_UNTIL(play, all_ended(play, PARTS));
	for (int p = 0; p < PARTS; p++) {
		assert_int_equal(play->seen[p].records, 150);
		assert_int_equal(play->seen[p].high_watermark, 150);
		assert_int_equal(play->seen[p].events, 0);
	}
	/* At its end a bounded read asks for nothing more. */
	int fetches = play->fake.nodes[0].fetches;
	run_ms(play, 100);
	assert_int_equal(play->fake.nodes[0].fetches, fetches);
	assert_int_equal(allowance_used(play->allowance), 0);
	play_end(play);
}

static void begins_and_ends_in_the_middle(void **state)
{
	struct play *play = play_begin(1, NULL);

	fill(play, 1, 20, 10, 50);
	play_fetcher(play, (struct fetcher_options){ 0 }, 1 << 20, 0);
	play_add(play, 0, 35, 122);
	RUN_UNTIL(play, all_ended(play, 1));
	assert_int_equal(play->seen[0].next, 130); /* the batch that holds the end comes whole, none behind it */
	play_end(play);
}

static void follows_in_one_session(void **state)
{
	struct play *play = play_begin(1, NULL);

	fill(play, 2, 3, 1, 100);
	play_fetcher(play, (struct fetcher_options){ 0 }, 1 << 20, 0);
	play_add(play, 0, 0, INT64_MAX);
	play_add(play, 1, 0, INT64_MAX);
	RUN_UNTIL(play, play->records == 6);
	for (int i = 0; i < 5; i++) {
		fake_append(&play->fake, 0, 1, 2, 100);
		RUN_UNTIL(play, play->seen[1].records == 3 + 2 * (uint64_t)(i + 1));
	}
	assert_int_equal(play->fake.nodes[0].full_fetches, 1);
	play_end(play);
}

static void survives_lost_sessions(void **state)
{
	static const int16_t errors[] = { KAFKA_FETCH_SESSION_ID_NOT_FOUND, KAFKA_INVALID_FETCH_SESSION_EPOCH,
					  KAFKA_FETCH_SESSION_TOPIC_ID_ERROR };
	struct play *play = play_begin(1, NULL);

	fill(play, 2, 3, 1, 100);
	play_fetcher(play, (struct fetcher_options){ 0 }, 1 << 20, 0);
	play_add(play, 0, 0, INT64_MAX);
	play_add(play, 1, 0, INT64_MAX);
	RUN_UNTIL(play, play->records == 6);
	for (int i = 0; i < 3; i++) {
		int full = play->fake.nodes[0].full_fetches;

		play->fake.nodes[0].hurt_session = errors[i];
		RUN_UNTIL(play, play->fake.nodes[0].full_fetches > full);
		fake_append(&play->fake, 0, i & 1, 1, 100);
		RUN_UNTIL(play, play->records == 7 + (uint64_t)i);
	}
	assert_int_equal(play->seen[0].events + play->seen[1].events, 0);
	play_end(play);
}

static void works_without_sessions(void **state)
{
	struct play *play = play_begin(1, NULL);

	fill(play, PARTS, 30, 3, 100);
	play->fake.no_sessions = true;
	play_fetcher(play, (struct fetcher_options){ .request_size = 2000 }, 1 << 20, 0);
	for (int p = 0; p < PARTS; p++)
		play_add(play, p, 0, 90);
	RUN_UNTIL(play, all_ended(play, PARTS));
	play_end(play);
}

static void reads_from_old_brokers(void **state)
{
	static const int16_t fetches[] = { 4, 6, 7, 11, 12 };

	for (int i = 0; i < 5; i++) {
		struct play *play = play_begin(2, NULL);

		fill(play, PARTS, 10, 3, 100);
		play->fake.fetch_version_most = fetches[i];
		play->fake.metadata_version_most = i == 0 ? 3 : 5;
		play_fetcher(play, (struct fetcher_options){ .request_size = 2000 }, 1 << 20, 0);
		for (int p = 0; p < PARTS; p++)
			play_add(play, p, 0, 30);
		RUN_UNTIL(play, all_ended(play, PARTS));
		play_end(play);
	}
}

static void survives_lost_connections(void **state)
{
	struct play *play = play_begin(2, NULL);

	fill(play, PARTS, 40, 3, 100);
	play_fetcher(play, (struct fetcher_options){ .request_size = 4000 }, 1 << 20, 0);
	for (int p = 0; p < PARTS; p++)
		play_add(play, p, 0, 120);
	for (int i = 0; i < 4; i++) {
		int fetches = play->fake.nodes[i & 1].fetches;

		play->fake.nodes[i & 1].hurt_hang_up = true;
		RUN_UNTIL(play, !play->fake.nodes[i & 1].hurt_hang_up || all_ended(play, PARTS));
		RUN_UNTIL(play, play->fake.nodes[i & 1].fetches > fetches || all_ended(play, PARTS));
	}
	RUN_UNTIL(play, all_ended(play, PARTS));
	for (int p = 0; p < PARTS; p++)
		assert_int_equal(play->seen[p].records, 120);
	play_end(play);
}

static void follows_leaders(void **state)
{
	struct play *play = play_begin(3, NULL);
	struct fetch_totals totals;

	fill(play, PARTS, 5, 3, 100);
	play_fetcher(play, (struct fetcher_options){ 0 }, 1 << 20, 0);
	for (int p = 0; p < PARTS; p++)
		play_add(play, p, 0, INT64_MAX);
	RUN_UNTIL(play, play->records == PARTS * 15);
	for (int round = 0; round < 3; round++) {
		for (int p = 0; p < PARTS; p++) {
			struct fake_part *part = fake_part_of(&play->fake, 0, p);

			part->leader = (part->leader + 1) % 3;
			part->epoch++;
			fake_append(&play->fake, 0, p, 1, 100);
		}
		RUN_UNTIL(play, play->records == PARTS * (15 + (uint64_t)round + 1));
	}
	fetcher_totals(play->fetcher, &totals);
	assert_true(totals.moves >= PARTS);
	for (int p = 0; p < PARTS; p++)
		assert_int_equal(play->seen[p].events, 0);
	play_end(play);
}

static void outlives_a_broker(void **state)
{
	struct play *play = play_begin(2, NULL);

	fill(play, PARTS, 5, 3, 100);
	play_fetcher(play, (struct fetcher_options){ 0 }, 1 << 20, 0);
	for (int p = 0; p < PARTS; p++)
		play_add(play, p, 0, INT64_MAX);
	RUN_UNTIL(play, play->records == PARTS * 15);
	fake_cluster_kill(&play->fake, 1);
	for (int p = 0; p < PARTS; p++) {
		struct fake_part *part = fake_part_of(&play->fake, 0, p);

		part->epoch += part->leader == 1;
		part->leader = 0;
		fake_append(&play->fake, 0, p, 1, 100);
	}
	RUN_UNTIL(play, play->records == PARTS * 16);
	play_end(play);
}

static void tells_of_silence(void **state)
{
	struct play *play = play_begin(2, "request.timeout.ms=600\nsocket.connection.setup.timeout.ms=500\n");

	fill(play, 2, 5, 3, 100);
	play_fetcher(play, (struct fetcher_options){ .unreachable_ms = 300 }, 1 << 20, 0);
	play_add(play, 0, 0, INT64_MAX);
	play_add(play, 1, 0, INT64_MAX);
	RUN_UNTIL(play, play->records == 30);
	play->fake.nodes[1].silent = true;
	RUN_UNTIL(play, play->seen[1].events == 1);
	assert_int_equal(play->seen[1].event.kind, FETCH_UNREACHABLE);
	assert_true(play->seen[1].event.since_ms > 0);
	assert_int_equal(play->seen[0].events, 0);
	fake_append(&play->fake, 0, 0, 1, 100); /* the other broker's partition goes on meanwhile */
	RUN_UNTIL(play, play->seen[0].records == 16);
	play->fake.nodes[1].silent = false;
	fake_append(&play->fake, 0, 1, 1, 100);
	RUN_UNTIL(play, play->seen[1].records == 16 && play->seen[1].events == 2);
	assert_int_equal(play->seen[1].event.kind, FETCH_REACHABLE);
	play_end(play);
}

static void tells_where_the_log_begins_now(void **state)
{
	struct play *play = play_begin(1, NULL);

	fill(play, 2, 10, 3, 100);
	fake_part_of(&play->fake, 0, 0)->start = 12;
	play_fetcher(play, (struct fetcher_options){ 0 }, 1 << 20, 0);
	play_add(play, 0, 0, INT64_MAX);
	play_add(play, 1, 0, INT64_MAX);
	RUN_UNTIL(play, play->seen[0].events == 1 && play->seen[1].records == 30);
	assert_int_equal(play->seen[0].event.kind, FETCH_LOG_START_MOVED);
	assert_int_equal(play->seen[0].event.offset, 12);
	assert_int_equal(play->seen[0].records, 0);
	play->seen[0].next = 12;
	fetch_part_seek(play->seen[0].part, 12, -1, INT64_MAX);
	RUN_UNTIL(play, play->seen[0].records == 18);
	assert_int_equal(play->seen[0].log_start, 12);
	play_end(play);
}

static void tells_of_truncation(void **state)
{
	struct play *play = play_begin(1, NULL);
	struct fake_part *part;

	fill(play, 2, 10, 3, 100);
	play_fetcher(play, (struct fetcher_options){ 0 }, 1 << 20, 0);
	play_add(play, 0, 0, INT64_MAX);
	play_add(play, 1, 0, INT64_MAX);
	RUN_UNTIL(play, play->records == 60);
	/* Seen by the end of the log ... */
	fake_truncate(fake_part_of(&play->fake, 0, 0), 21);
	RUN_UNTIL(play, play->seen[0].events == 1);
	assert_int_equal(play->seen[0].event.kind, FETCH_TRUNCATED);
	assert_int_equal(play->seen[0].event.offset, 21);
	/* ... and, when the log has grown again, by the epochs. */
	part = fake_part_of(&play->fake, 0, 1);
	part->diverging_epoch = 0;
	part->diverging_end = 24;
	RUN_UNTIL(play, play->seen[1].events == 1);
	assert_int_equal(play->seen[1].event.kind, FETCH_TRUNCATED);
	assert_int_equal(play->seen[1].event.offset, 24);
	assert_int_equal(play->seen[1].event.leader_epoch, 0);
	play_end(play);
}

static void asks_old_brokers_for_the_end_of_an_epoch(void **state)
{
	struct play *play = play_begin(2, NULL);

	fill(play, 2, 10, 3, 100);
	play->fake.fetch_version_most = 11;
	play->fake.metadata_version_most = 9;
	play_fetcher(play, (struct fetcher_options){ 0 }, 1 << 20, 0);
	play_add(play, 0, 0, INT64_MAX);
	play_add(play, 1, 0, INT64_MAX);
	RUN_UNTIL(play, play->records == 60);
	for (int p = 0; p < 2; p++) { /* both get a new leader; one of them lacks the last three records */
		struct fake_part *part = fake_part_of(&play->fake, 0, p);

		part->leader = 1 - part->leader;
		part->epoch = 5;
		part->epoch_end = p == 0 ? 27 : -1;
		fake_append(&play->fake, 0, p, 4, 100);
	}
	RUN_UNTIL(play, play->seen[0].events == 1 && play->seen[1].records == 34);
	assert_int_equal(play->seen[0].event.kind, FETCH_TRUNCATED);
	assert_int_equal(play->seen[0].event.offset, 27);
	assert_int_equal(play->seen[0].records, 30);
	play_end(play);
}

static void tells_of_another_topic(void **state)
{
	struct play *play = play_begin(1, "metadata.max.age.ms=50\n");

	fill(play, 1, 10, 3, 100);
	play_fetcher(play, (struct fetcher_options){ 0 }, 1 << 20, 0);
	play_add(play, 0, 0, INT64_MAX);
	RUN_UNTIL(play, play->records == 30);
	memset(play->fake.topics[0].id.bytes, 99, 16);
	RUN_UNTIL(play, play->seen[0].events == 1);
	assert_int_equal(play->seen[0].event.kind, FETCH_RECREATED);
	play_end(play);
}

static void tells_of_missing_and_denied_topics(void **state)
{
	struct play *play = play_begin(1, "metadata.max.age.ms=50\n");
	int looks;

	fill(play, 1, 10, 3, 100);
	play_fetcher(play, (struct fetcher_options){ 0 }, 1 << 20, 0);
	play_add(play, 0, 0, INT64_MAX);
	RUN_UNTIL(play, play->records == 30);
	play->fake.topics[0].denied = true;
	RUN_UNTIL(play, play->seen[0].events == 1);
	assert_int_equal(play->seen[0].event.kind, FETCH_DENIED);
	play->fake.topics[0].denied = false;
	RUN_UNTIL(play, play->seen[0].part != NULL);
	looks = play->fake.looks;
	RUN_UNTIL(play, play->fake.looks >= looks + 2); /* the first of them was answered: it is allowed again */
	fetch_part_seek(play->seen[0].part, 30, -1, INT64_MAX);
	play->fake.topics[0].there = false;
	RUN_UNTIL(play, play->seen[0].events == 2);
	assert_int_equal(play->seen[0].event.kind, FETCH_MISSING);
	play_end(play);
}

static void refuses_what_cannot_be_mended(void **state)
{
	struct play *play = play_begin(1, NULL);

	fill(play, 2, 10, 3, 100);
	fake_part_of(&play->fake, 0, 0)->error = KAFKA_UNKNOWN_SERVER_ERROR;
	fake_part_of(&play->fake, 0, 1)->error = KAFKA_TOPIC_AUTHORIZATION_FAILED;
	play_fetcher(play, (struct fetcher_options){ 0 }, 1 << 20, 0);
	play_add(play, 0, 0, INT64_MAX);
	play_add(play, 1, 0, INT64_MAX);
	RUN_UNTIL(play, play->seen[0].events == 1 && play->seen[1].events == 1);
	assert_int_equal(play->seen[0].event.kind, FETCH_REFUSED);
	assert_non_null(strstr(play->seen[0].words, "UNKNOWN_SERVER_ERROR"));
	assert_int_equal(play->seen[1].event.kind, FETCH_DENIED);
	play_end(play);
}

static void reads_batches_larger_than_asked_for(void **state)
{
	struct play *play = play_begin(1, NULL);

	fake_topic_make(&play->fake, "orders", 2);
	for (int i = 0; i < 3; i++) {
		fake_append(&play->fake, 0, 0, 1, 3 << 20);
		fake_append(&play->fake, 0, 1, 1, 100);
	}
	fake_append(&play->fake, 0, 1, 1, 9 << 20);
	play_fetcher(play, (struct fetcher_options){ .request_size = 1 << 20, .batch_size_max = 8 << 20 }, 16 << 20, 0);
	play_add(play, 0, 0, 3);
	play_add(play, 1, 0, INT64_MAX);
	RUN_UNTIL(play, play->seen[0].ended && play->seen[1].events == 1);
	assert_int_equal(play->seen[1].event.kind, FETCH_TOO_LARGE);
	assert_int_equal(play->seen[1].records, 3);
	play_end(play);
}

static void waits_out_a_throttle(void **state)
{
	struct play *play = play_begin(1, NULL);
	struct fetch_totals totals;

	fill(play, 1, 10, 3, 100);
	play->fake.nodes[0].hurt_throttle = 30;
	play_fetcher(play, (struct fetcher_options){ .request_size = 1000 }, 1 << 20, 0);
	play_add(play, 0, 0, 30);
	RUN_UNTIL(play, all_ended(play, 1));
	fetcher_totals(play->fetcher, &totals);
	assert_int_equal(totals.throttled_ms, 30);
	play_end(play);
}

static void is_fair(void **state)
{
	struct play *play = play_begin(1, NULL);
	int count[PARTS] = { 0 };

	fill(play, PARTS, 200, 10, 1000);
	play_fetcher(play, (struct fetcher_options){ .request_size = 65536 }, 1 << 20, 0);
	for (int p = 0; p < PARTS; p++)
		play_add(play, p, 0, 2000);
	RUN_UNTIL(play, play->order_count >= 4 * PARTS);
	for (int i = 0; i < 4 * PARTS; i++)
		count[play->order[i]]++;
	for (int p = 0; p < PARTS; p++)
		assert_true(count[p] >= 3 && count[p] <= 5);
	RUN_UNTIL(play, all_ended(play, PARTS));
	play_end(play);
}

static void keeps_to_its_rate(void **state)
{
	struct play *play = play_begin(2, NULL);
	const uint64_t rate = 4000000;
	int64_t begun;

	fill(play, PARTS, 100, 10, 1000);
	play_fetcher(play, (struct fetcher_options){ .request_size = 1 << 20 }, 8 << 20, rate);
	begun = loop_now_ms(play->loop);
	for (int p = 0; p < PARTS; p++)
		play_add(play, p, 0, 1000);
	while (!all_ended(play, PARTS)) {
		run_ms(play, 20);
		/* Never more than the time allows, a quarter of a second of savings, and one answer a broker. */
		assert_true(allowance_total(play->allowance) <=
			    rate * (uint64_t)(loop_now_ms(play->loop) - begun) / 1000 + rate / 4 + 2 * (rate / 4));
	}
	play_end(play);
}

static void keeps_to_its_memory(void **state)
{
	struct play *play = play_begin(2, NULL);
	const size_t memory = 1 << 20;

	fill(play, PARTS, 100, 10, 1000);
	play->hold = true;
	play_fetcher(play, (struct fetcher_options){ .request_size = 1 << 18 }, memory, 0);
	for (int p = 0; p < PARTS; p++)
		play_add(play, p, 0, 1000);
	run_ms(play, 300);
	assert_false(all_ended(play, PARTS));
	while (!all_ended(play, PARTS)) { /* only what is given back lets more come */
		uint64_t records = play->records;

		/* The brokers keep to what is asked, give or take one batch. */
		assert_true(allowance_used(play->allowance) <= memory + 4 * 11000);
		while (play->held_count > 0)
			fetch_frame_drop(play->held[--play->held_count]);
		RUN_UNTIL(play, play->records > records || all_ended(play, PARTS));
	}
	play_end(play);
}

static void stops_without_credit(void **state)
{
	struct play *play = play_begin(1, NULL);
	struct fetch_state now;

	fill(play, 2, 100, 10, 1000);
	play_fetcher(play, (struct fetcher_options){ .request_size = 65536 }, 1 << 20, 0);
	play_add(play, 0, 0, 1000);
	play_add(play, 1, 0, 1000);
	fetch_part_credit(play->seen[0].part, 50000, true);
	RUN_UNTIL(play, play->seen[1].ended);
	run_ms(play, 100);
	fetch_part_state(play->seen[0].part, &now);
	assert_true(now.credit <= 0);
	assert_true(play->seen[0].bytes >= 50000 && play->seen[0].bytes < 50000 + 65536);
	assert_false(now.halted || now.ended);
	fetch_part_credit(play->seen[0].part, INT64_MAX, true);
	RUN_UNTIL(play, play->seen[0].ended);
	play_end(play);
}

static void may_be_moved_and_moved_back(void **state)
{
	struct play *play = play_begin(1, NULL);

	fill(play, 1, 20, 10, 100);
	play_fetcher(play, (struct fetcher_options){ .request_size = 4000 }, 1 << 20, 0);
	play_add(play, 0, 0, 200);
	RUN_UNTIL(play, play->seen[0].next >= 50);
	play->seen[0].next = 10;
	play->seen[0].records = 0;
	play->seen[0].ended = false;
	fetch_part_seek(play->seen[0].part, 10, -1, 40);
	RUN_UNTIL(play, play->seen[0].ended);
	assert_int_equal(play->seen[0].next, 40);
	assert_int_equal(play->seen[0].records, 30);
	fetch_part_set_end(play->seen[0].part, 200);
	RUN_UNTIL(play, play->seen[0].next == 200);
	/* Removed and added again, from the start, while the session still has it. */
	fetch_part_remove(play->seen[0].part);
	play->seen[0].ended = false;
	play_add(play, 0, 0, 200);
	RUN_UNTIL(play, play->seen[0].ended);
	play_end(play);
}

static void goes_over_a_gap_at_the_end(void **state)
{
	struct play *play = play_begin(1, NULL);
	struct fake_part *part;

	fill(play, 2, 5, 3, 100);
	part = fake_part_of(&play->fake, 0, 0);
	part->end += 7; /* the last seven were compacted away */
	play_fetcher(play, (struct fetcher_options){ 0 }, 1 << 20, 0);
	play_add(play, 0, 0, 22);
	play_add(play, 1, 0, 15);
	RUN_UNTIL(play, all_ended(play, 2));
	assert_int_equal(play->seen[0].records, 15);
	play_end(play);
}

static void reads_up_to_the_last_stable_offset(void **state)
{
	struct play *play = play_begin(1, NULL);
	struct fake_part *part;

	fill(play, 1, 5, 3, 100);
	part = fake_part_of(&play->fake, 0, 0);
	part->stable = 15;
	part->aborted_producer = 7;
	part->aborted_first = 3;
	play_fetcher(play, (struct fetcher_options){ .committed = true }, 1 << 20, 0);
	play_add(play, 0, 0, INT64_MAX);
	RUN_UNTIL(play, play->records == 15);
	assert_true(play->seen[0].aborted > 0);
	play_end(play);
}

static void may_be_freed_in_a_callback(void **state)
{
	struct play *play = play_begin(2, NULL);

	fill(play, PARTS, 5, 3, 100);
	play->free_in_callback = true;
	play_fetcher(play, (struct fetcher_options){ 0 }, 1 << 20, 0);
	for (int p = 0; p < PARTS; p++)
		play_add(play, p, 0, INT64_MAX);
	RUN_UNTIL(play, play->freed);
	run_ms(play, 50);
	play_end(play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_everything_once),
		cmocka_unit_test(begins_and_ends_in_the_middle),
		cmocka_unit_test(follows_in_one_session),
		cmocka_unit_test(survives_lost_sessions),
		cmocka_unit_test(works_without_sessions),
		cmocka_unit_test(reads_from_old_brokers),
		cmocka_unit_test(survives_lost_connections),
		cmocka_unit_test(follows_leaders),
		cmocka_unit_test(outlives_a_broker),
		cmocka_unit_test(tells_of_silence),
		cmocka_unit_test(tells_where_the_log_begins_now),
		cmocka_unit_test(tells_of_truncation),
		cmocka_unit_test(asks_old_brokers_for_the_end_of_an_epoch),
		cmocka_unit_test(tells_of_another_topic),
		cmocka_unit_test(tells_of_missing_and_denied_topics),
		cmocka_unit_test(refuses_what_cannot_be_mended),
		cmocka_unit_test(reads_batches_larger_than_asked_for),
		cmocka_unit_test(waits_out_a_throttle),
		cmocka_unit_test(is_fair),
		cmocka_unit_test(keeps_to_its_rate),
		cmocka_unit_test(keeps_to_its_memory),
		cmocka_unit_test(stops_without_credit),
		cmocka_unit_test(may_be_moved_and_moved_back),
		cmocka_unit_test(goes_over_a_gap_at_the_end),
		cmocka_unit_test(reads_up_to_the_last_stable_offset),
		cmocka_unit_test(may_be_freed_in_a_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
