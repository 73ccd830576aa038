/*
 * guest.h - a client without a socket: frames into a pipeline of a real broker, answers out of it.
 *
 *	struct guest guest;
 *
 *	guest_come(&guest, broker);
 *	guest_ask(&guest, API_METADATA, 9, &request);
 *	guest_wait(&guest, 1);					(answers, in all)
 *	guest_read(&guest, 0, API_METADATA, 9, &response);
 */
#ifndef TEST_BROKER_GUEST_H
#define TEST_BROKER_GUEST_H

#include <ftw.h>
#include <unistd.h>

#include "base/check.h"
#include "broker/pipeline.h"
#include "broker/session.h"
#include "store/disk.h"
#include "words.h"

#define ANSWERS_MAX 512
#define WAIT_MS     20000

struct guest {
	struct broker *broker;
	struct pipeline pipeline;
	struct arena arena;
	struct view answers[ANSWERS_MAX]; /* in the arena, without their size */
	int count;
	size_t queued; /* what it says that it has not taken yet */
	int32_t next_id;
	bool paused, broken;
	struct buffer sent; /* instead of feeding, when `hold` */
	bool hold;
};

static inline void guest_sent(void *owner, struct view bytes)
{
	struct guest *guest = owner;

	assert_true(guest->count < ANSWERS_MAX);
	assert_true(bytes.size >= 8);
	assert_int_equal((size_t)(bytes.at[0] << 24 | bytes.at[1] << 16 | bytes.at[2] << 8 | bytes.at[3]),
			 bytes.size - 4);
	guest->answers[guest->count++] = arena_copy(&guest->arena, view_of(bytes.at + 4, bytes.size - 4));
}

static inline size_t guest_queued(void *owner)
{
	return ((struct guest *)owner)->queued;
}

static inline void guest_paused(void *owner, bool paused)
{
	((struct guest *)owner)->paused = paused;
}

static inline void guest_broken(void *owner, const char *why)
{
	((struct guest *)owner)->broken = true;
}

static const struct pipeline_functions guest_functions = { guest_sent, guest_queued, guest_paused,
							   guest_broken };

static inline void guest_come(struct guest *guest, struct broker *broker)
{
	*guest = (struct guest){ .broker = broker };
	arena_init(&guest->arena, (size_t)64 << 20);
	buffer_init(&guest->sent, (size_t)64 << 20);
	pipeline_init(&guest->pipeline, broker, &guest_functions, guest);
}

static inline void guest_leave(struct guest *guest)
{
	pipeline_close(&guest->pipeline);
	arena_done(&guest->arena);
	buffer_done(&guest->sent);
}

/* Appends the frame to `sent`. */
static inline void guest_frame(struct guest *guest, int16_t key, int16_t version, const void *request)
{
	struct request_head head = { .api_key = key,
				     .api_version = version,
				     .correlation_id = guest->next_id++ };
	struct fault fault = { 0 };
	struct buffer body;
	size_t at = guest->sent.size;

	buffer_init(&body, (size_t)64 << 20);
	assert_int_equal(request_head_write(&head, &body), 0);
	if (message_write(api_find(key)->request, version, request, &body, &fault) < 0)
		fail_msg("%s", fault.text);
	buffer_i32(&guest->sent, (int32_t)body.size);
	buffer_view(&guest->sent, buffer_bytes(&body));
	assert_int_equal(guest->sent.size, at + 4 + body.size);
	buffer_done(&body);
}

/* Sends what was framed. */
static inline void guest_send(struct guest *guest)
{
	pipeline_feed(&guest->pipeline, buffer_bytes(&guest->sent));
	buffer_reset(&guest->sent);
}

static inline void guest_ask(struct guest *guest, int16_t key, int16_t version, const void *request)
{
	guest_frame(guest, key, version, request);
	guest_send(guest);
}

static inline void turn(struct broker *broker)
{
	bool never = false;

	loop_until(broker->loop, &never, loop_now_ms(broker->loop) + 5);
}

static inline void guest_wait(struct guest *guest, int count)
{
	for (int64_t until = loop_now_ms(guest->broker->loop) + WAIT_MS;
	     guest->count < count && !guest->broken && loop_now_ms(guest->broker->loop) < until;)
		turn(guest->broker);
	assert_int_equal(guest->count, count);
}

static inline int32_t guest_id(const struct guest *guest, int index)
{
	struct cursor c = cursor_over(guest->answers[index]);

	return cursor_i32(&c);
}

static inline void guest_read(struct guest *guest, int index, int16_t key, int16_t version, void *out)
{
	struct cursor c = cursor_over(guest->answers[index]);
	struct fault fault = { 0 };
	int32_t id;

	assert_true(index < guest->count);
	assert_int_equal(response_head_read(api_find(key), version, &c, &guest->arena, &id, &fault), 0);
	if (message_read(api_find(key)->response, version, view_of(c.at, cursor_left(&c)), &guest->arena, out,
			 &fault) < 0)
		fail_msg("%s", fault.text);
}

/* Asks, waits, and reads the answer. */
static inline void guest_hear(struct guest *guest, int16_t key, int16_t version, const void *request,
			      void *out)
{
	int at = guest->count;

	guest_ask(guest, key, version, request);
	guest_wait(guest, at + 1);
	guest_read(guest, at, key, version, out);
}

/* ---- the broker, and requests that many tests want ------------------------------------------------------------------- */

static struct loop *the_loop;
static char the_folder[120];
static int64_t wall_shift_ms; /* how far ahead of the world the broker believes to be */
static int64_t
	loop_shift_ms; /* the same of its other clock, by which it measures; its timers go on by the world's */

static inline int64_t shifted_ns(const struct clock *clock)
{
	return clock_system.monotonic_ns(&clock_system) + loop_shift_ms * 1000000;
}

static inline int64_t shifted_ms(const struct clock *clock)
{
	return clock_system.wall_ms(&clock_system) + wall_shift_ms;
}

static const struct clock clock_shifted = { shifted_ns, shifted_ms, NULL };

static inline int guest_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static inline void place_make(void)
{
	snprintf(the_folder, sizeof the_folder, "%s/interlock-broker-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(the_folder));
}

static inline void place_remove(void)
{
	nftw(the_folder, guest_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline struct broker *broker_begin_as(struct broker_options options, const char *property,
					     const char *value)
{
	struct properties properties;
	struct broker *broker;
	struct fault fault = { 0 };

	properties_init(&properties);
	assert_int_equal(properties_set(&properties, VIEW_LITERAL("group.initial.rebalance.delay.ms"),
					VIEW_LITERAL("0"), NULL),
			 0);
	if (property)
		assert_int_equal(properties_set(&properties, view_text(property), view_text(value), NULL), 0);
	options.folder = the_folder;
	options.host = "127.0.0.1";
	options.properties = &properties;
	assert_int_equal(loop_new(&clock_shifted, 1, &the_loop), 0);
	if (broker_open(the_loop, &options, &broker, &fault) < 0)
		fail_msg("%s", fault.text);
	properties_done(&properties);
	return broker;
}

static inline struct broker *broker_begin(const char *property, const char *value)
{
	return broker_begin_as((struct broker_options){ 0 }, property, value);
}

static inline void broker_end(struct broker *broker)
{
	broker_free(broker);
	loop_free(the_loop);
}

/* For plays with a broker of their own: the one in *state. */
static inline int begin_with(void **state, const char *property, const char *value)
{
	place_make();
	*state = broker_begin(property, value);
	return 0;
}

/* With a disk on which no upload gets through while `uploads_held`, so that soon there is no room for appends. */
static _Atomic bool uploads_held;
static struct disk disk_that_holds;

static inline int open_unless_held(struct disk *of, const char *path, enum disk_how how,
				   struct disk_file **out, struct fault *fault)
{
	if (uploads_held && how == DISK_CREATE && strstr(path, ".new"))
		return fault_set(fault, ERR_IO, "held");
	return disk_system.open(of, path, how, out, fault);
}

static inline int begin_holding(void **state, int64_t room)
{
	place_make();
	disk_that_holds = disk_system;
	disk_that_holds.open = open_unless_held;
	*state = broker_begin_as(
		(struct broker_options){ .disk = &disk_that_holds, .unflushed_bytes_max = room }, NULL, NULL);
	return 0;
}

static inline int guest_end(void **state)
{
	broker_end(*state);
	place_remove();
	return 0;
}

/* Until the broker has looked at its clock. */
static inline void ticks(struct broker *broker)
{
	for (int64_t until = loop_now_ms(broker->loop) + 250; loop_now_ms(broker->loop) < until;)
		turn(broker);
}

/* The error, and how long to be silent. */
static inline int16_t make_topic(struct guest *guest, const char *name, int32_t partitions, int16_t version,
				 int32_t *throttle_time_ms)
{
	struct create_topics_request request;
	struct create_topics_response response;

	message_default(&create_topics_request_message, &request);
	request.topics.at = shape_array(&create_topics_request_topic_shape, &guest->arena, 1);
	request.topics.count = 1;
	request.topics.at[0].name = view_text(name);
	request.topics.at[0].num_partitions = partitions;
	request.topics.at[0].replication_factor = 1;
	guest_hear(guest, API_CREATE_TOPICS, version, &request, &response);
	*throttle_time_ms = response.throttle_time_ms;
	return response.topics.at[0].error_code;
}

static inline void ask_topic(struct guest *guest, const char *name, int32_t partitions)
{
	int32_t throttle_time_ms;

	assert_int_equal(make_topic(guest, name, partitions, 5, &throttle_time_ms), 0);
}

static int32_t produce_timeout_ms = 1000;

static inline void frame_produce(struct guest *guest, const char *topic, int32_t partition, const char *value,
				 int16_t acks)
{
	struct produce_request request =
		words_produce(&guest->arena, view_text(topic), partition,
			      words_batch(&guest->arena, &batch_options_default, clock_wall_ms(&clock_system),
					  VIEW_LITERAL("k"), view_text(value)));

	request.acks = acks;
	request.timeout_ms = produce_timeout_ms;
	guest_frame(guest, API_PRODUCE, 9, &request);
}

/* With begin_holding(): appends to the topic until there is no room for so little. */
static inline void no_room(struct guest *guest, const char *topic)
{
	uploads_held = true;
	for (int i = 0; i < 60 && !guest->broker->parked_bytes; i++) {
		for (int k = 0; k < 8; k++)
			frame_produce(guest, topic, 0, "v", -1);
		guest_send(guest);
		turn(guest->broker);
	}
	assert_true(guest->broker->parked_bytes > 0);
}

/* What waits for room goes on, or has waited long enough; and what was held is tried again a while later. */
static inline void room_again(struct broker *broker)
{
	enum { SOME = 4096 };

	uploads_held = false;
	for (int64_t until = loop_now_ms(broker->loop) + WAIT_MS;
	     (broker->parked_bytes || !store_has_room(broker->store, SOME)) &&
	     loop_now_ms(broker->loop) < until;)
		turn(broker);
	assert_int_equal(broker->parked_bytes, 0);
	assert_true(store_has_room(broker->store, SOME));
}

struct fetch_wish {
	int32_t session_id, session_epoch, max_wait_ms, min_bytes;
	const char *topic; /* NULL: nothing named */
	int partitions;
	int64_t offset;
};

static inline void frame_fetch(struct guest *guest, const struct fetch_wish *wish)
{
	struct fetch_request request;

	message_default(&fetch_request_message, &request);
	request.session_id = wish->session_id;
	request.session_epoch = wish->session_epoch;
	request.max_wait_ms = wish->max_wait_ms;
	request.min_bytes = wish->min_bytes;
	request.max_bytes = 1 << 20;
	if (wish->topic) {
		request.topics.at = shape_array(&fetch_request_topic_shape, &guest->arena, 1);
		request.topics.count = 1;
		request.topics.at[0].topic = view_text(wish->topic);
		request.topics.at[0].partitions.at =
			shape_array(&fetch_request_partition_shape, &guest->arena, wish->partitions);
		request.topics.at[0].partitions.count = wish->partitions;
		for (int i = 0; i < wish->partitions; i++) {
			request.topics.at[0].partitions.at[i].partition = i;
			request.topics.at[0].partitions.at[i].fetch_offset = wish->offset;
			request.topics.at[0].partitions.at[i].partition_max_bytes = 1 << 20;
		}
	}
	guest_frame(guest, API_FETCH, 12, &request);
}

#endif
