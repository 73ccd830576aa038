/* test_quota.c - rates and tokens by hand-made clocks, who has which quota, and clients that are made to be silent. */
#include "broker/connections.h"
#include "broker/guest.h"

#include "broker/quota.h"
#include "broker/quota_rate.h"
#include "broker/throttle.h"

/* ---- rates: eleven windows of a second, as Kafka has them ---------------------------------------------------------------------- */

static const struct quota_windows windows = { 11, 1000 };

static struct quota_rate *rate_new(void)
{
	struct quota_rate *rate = calloc(1, sizeof *rate + 12 * sizeof *rate->samples);

	assert_non_null(rate);
	return rate;
}

static void a_rate_is_over_ten_windows_from_the_start(void **state)
{
	struct quota_rate *rate = rate_new();
	int64_t span_ms;

	quota_rate_add(rate, &windows, 1000, 5000);
	assert_true(quota_rate_value(rate, &windows, 5000, &span_ms) == 100);
	assert_int_equal(span_ms, 10000);
	assert_true(quota_rate_value(rate, &windows, 5500, &span_ms) == 1000000.0 / 10500);
	assert_int_equal(span_ms, 10500);
	/* 1000 = 40 * (10.5 + wait) */
	assert_int_equal(quota_rate_wait_ms(rate, &windows, 40, 5500), 14500);
	assert_int_equal(quota_rate_wait_ms(rate, &windows, 100, 5500), 0);
	free(rate);
}

static void what_is_old_is_forgotten(void **state)
{
	struct quota_rate *rate = rate_new();
	int64_t span_ms;

	for (int64_t t = 0; t < 30000; t += 500)
		quota_rate_add(rate, &windows, 50, t);
	/* Samples start at 0, 1000, ...; those that saw anything in the last eleven seconds are looked at, whole. */
	assert_true(quota_rate_value(rate, &windows, 29500, &span_ms) == 1100.0 * 1000 / 10500);
	assert_int_equal(span_ms, 10500);
	assert_false(quota_rate_idle(rate, &windows, 29500));
	assert_true(quota_rate_idle(rate, &windows, 29500 + 11000));
	quota_rate_add(rate, &windows, 70, 90000);
	assert_true(quota_rate_value(rate, &windows, 90000, &span_ms) == 7);
	free(rate);
}

static void what_is_taken_back_does_not_count(void **state)
{
	struct quota_rate *rate = rate_new();

	quota_rate_add(rate, &windows, 500, 0);
	quota_rate_add(rate, &windows, -500, 10);
	assert_true(quota_rate_idle(rate, &windows, 20));
	assert_int_equal(quota_rate_wait_ms(rate, &windows, 1, 20), 0);
	free(rate);
}

static void a_rate_that_waits_as_told_comes_down(void **state)
{
	struct quota_rate *rate = rate_new();
	int64_t now = 1000, sum = 0;

	/* A client that sends as much as it can, and is silent for as long as it is told, ends up at its quota. */
	for (int i = 0; i < 2000; i++) {
		quota_rate_add(rate, &windows, 400, now);
		sum += 400;
		now += 1 + quota_rate_wait_ms(rate, &windows, 1000, now);
	}
	assert_in_range(sum * 1000 / now, 990, 1110);
	free(rate);
}

static void a_bucket_gives_a_burst_and_then_the_rate(void **state)
{
	struct quota_bucket bucket = { 0 };

	/* Two a second: 22 at once. */
	assert_int_equal(quota_bucket_wait_ms(&bucket, &windows, 2, 1000), 0);
	quota_bucket_take(&bucket, &windows, 2, 22, 1000);
	assert_int_equal(quota_bucket_wait_ms(&bucket, &windows, 2, 1000), 0);
	quota_bucket_take(&bucket, &windows, 2, 5, 1000);
	assert_int_equal(quota_bucket_wait_ms(&bucket, &windows, 2, 1000), 2500);
	assert_int_equal(quota_bucket_wait_ms(&bucket, &windows, 2, 2500), 1000);
	assert_int_equal(quota_bucket_wait_ms(&bucket, &windows, 2, 3500), 0);
	assert_int_equal(quota_bucket_wait_ms(&bucket, &windows, 2, 3600000), 0);
	assert_true(bucket.tokens == 22);
}

/* ---- which quota holds ------------------------------------------------------------------------------------------------------------ */

struct table {
	const char *names[8];
	int count, without;
};

/* Every entity but those before `without` has its place in the table as its quota. */
static struct view table_lookup(const void *context, struct view name)
{
	static uint8_t bytes[64];
	const struct table *table = context;
	struct quota_values values = { .set = { true } };
	struct buffer out;

	for (int i = table->without; i < table->count; i++) {
		if (!view_is(name, table->names[i]))
			continue;
		values.at[0] = i;
		buffer_init(&out, sizeof bytes);
		quota_values_write(&values, &out);
		memcpy(bytes, out.at, out.size);
		name.size = out.size;
		buffer_done(&out);
		return view_of(bytes, name.size);
	}
	return VIEW_NULL;
}

static void eight_levels_hold_in_order(void **state)
{
	struct table table = {
		{ "u5:alicec2:c1", "u5:alicec*", "u5:alice", "u*c2:c1", "u*c*", "u*", "c2:c1", "c*" }, 8, 0
	};
	static const char *const shares_names[] = { "u5:alicec2:c1", "u5:alicec2:c1", "u5:alice",
						    "u5:alicec2:c1", "u5:alicec2:c1", "u5:alice",
						    "c2:c1",         "c2:c1" };

	for (; table.without < 8; table.without++) {
		struct quota_entity shares;
		uint8_t bytes[QUOTA_NAME_MAX];
		double limit;

		assert_true(quota_limit(table_lookup, &table, QUOTA_PRODUCER_BYTE_RATE, VIEW_LITERAL("alice"),
					VIEW_LITERAL("c1"), &limit, &shares));
		assert_int_equal((int)limit, table.without);
		assert_true(view_is(quota_entity_name(&shares, bytes), shares_names[table.without]));
		/* Of another key nobody said anything. */
		assert_false(quota_limit(table_lookup, &table, QUOTA_CONSUMER_BYTE_RATE,
					 VIEW_LITERAL("alice"), VIEW_LITERAL("c1"), &limit, &shares));
	}
}

static void names_of_entities_are_read_back(void **state)
{
	static const char *const bad[] = { "",
					   "u",
					   "x*",
					   "u5:abc",
					   "u:a",
					   "u-1:a",
					   "u1:au1:b",
					   "u1a",
					   "u99999:a",
					   "c1:ab",
					   "u*c1:a*",
					   "i",
					   "u18446744073709551617:a" };
	struct quota_entity entity = { .has = { true, true }, .name = { VIEW_LITERAL("a:1*"), VIEW_NULL } },
			    again;
	uint8_t bytes[QUOTA_NAME_MAX];
	struct view name = quota_entity_name(&entity, bytes);

	assert_true(view_is(name, "u4:a:1*c*"));
	assert_true(quota_entity_read(name, &again));
	assert_true(again.has[QUOTA_USER] && again.has[QUOTA_CLIENT_ID] && !again.has[QUOTA_IP]);
	assert_true(view_equal(again.name[QUOTA_USER], entity.name[QUOTA_USER]));
	assert_null(again.name[QUOTA_CLIENT_ID].at);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(quota_entity_read(view_text(bad[i]), &again));
}

static void values_are_read_back(void **state)
{
	struct quota_values values = { .set = { true, false, true }, .at = { 1e9, 0, 0.25 } }, again;
	struct buffer out;

	buffer_init(&out, 100);
	quota_values_write(&values, &out);
	assert_true(quota_values_read(buffer_bytes(&out), &again));
	assert_true(again.set[0] && !again.set[1] && again.set[2] && again.at[0] == 1e9 &&
		    again.at[2] == 0.25);
	for (size_t i = 0; i < out.size; i++)
		assert_false(quota_values_read(view_of(out.at, i), &again));
	buffer_done(&out);
}

/* ---- clients ------------------------------------------------------------------------------------------------------------------------ */

static int begin(void **state)
{
	return begin_with(state, NULL, NULL);
}

/* For everybody who does not log in. */
static void set_quota(struct guest *guest, const char *key, double value)
{
	struct alter_client_quotas_request request;
	struct alter_client_quotas_response response;
	int count = guest->count;

	message_default(&alter_client_quotas_request_message, &request);
	request.entries.at = shape_array(&alter_client_quotas_request_entry_shape, &guest->arena, 1);
	request.entries.count = 1;
	request.entries.at[0].entity.at =
		shape_array(&alter_client_quotas_request_entity_shape, &guest->arena, 1);
	request.entries.at[0].entity.count = 1;
	request.entries.at[0].entity.at[0].entity_type = VIEW_LITERAL("user");
	request.entries.at[0].entity.at[0].entity_name = VIEW_LITERAL("ANONYMOUS");
	request.entries.at[0].ops.at = shape_array(&alter_client_quotas_request_op_shape, &guest->arena, 1);
	request.entries.at[0].ops.count = 1;
	request.entries.at[0].ops.at[0].key = view_text(key);
	request.entries.at[0].ops.at[0].value = value;
	request.entries.at[0].ops.at[0].remove = value == 0;
	guest_ask(guest, API_ALTER_CLIENT_QUOTAS, 1, &request);
	guest_wait(guest, count + 1);
	guest_read(guest, count, API_ALTER_CLIENT_QUOTAS, 1, &response);
	assert_int_equal(response.entries.at[0].error_code, 0);
}

static void frame_versions(struct guest *guest)
{
	struct api_versions_request request;

	message_default(&api_versions_request_message, &request);
	guest_frame(guest, API_API_VERSIONS, 1, &request);
}

static void turns(struct broker *broker)
{
	for (int i = 0; i < 4; i++)
		turn(broker);
}

/* Lets time pass by, as long as anybody may have been told to be silent. */
static void pass(struct broker *broker, int64_t ms)
{
	loop_shift_ms += ms;
	throttle_unmute(broker->throttle);
}

static void who_writes_too_fast_is_answered_and_then_not_heard(void **state)
{
	struct broker *broker = *state;
	struct guest guest, other;
	struct produce_response response;

	guest_come(&guest, broker);
	ask_topic(&guest, "fast", 1);
	set_quota(&guest, "producer_byte_rate", 1);
	frame_produce(&guest, "fast", 0, "some hundred bytes with what is around it", -1);
	frame_versions(&guest);
	guest_send(&guest);
	guest_wait(&guest, 3);
	guest_read(&guest, 2, API_PRODUCE, 9, &response);
	assert_int_equal(response.responses.at[0].partition_responses.at[0].error_code, 0);
	assert_true(response.throttle_time_ms > 60000);
	turns(broker);
	assert_int_equal(guest.count, 3); /* what it said behind it waits */
	assert_true(guest.paused);
	guest_come(&other, broker); /* and others do not */
	frame_versions(&other);
	guest_send(&other);
	guest_wait(&other, 1);
	guest_leave(&other);
	pass(broker, response.throttle_time_ms / 2);
	turns(broker);
	assert_int_equal(guest.count, 3);
	pass(broker, response.throttle_time_ms);
	guest_wait(&guest, 4);
	assert_false(guest.paused);
	set_quota(&guest, "producer_byte_rate", 0);
	guest_leave(&guest);
}

static void a_write_without_an_answer_is_counted_as_well(void **state)
{
	struct broker *broker = *state;
	struct guest guest;

	guest_come(&guest, broker);
	ask_topic(&guest, "quiet", 1);
	set_quota(&guest, "producer_byte_rate", 1);
	frame_produce(&guest, "quiet", 0, "some hundred bytes with what is around it", 0);
	guest_send(&guest);
	turns(broker);
	frame_versions(&guest);
	guest_send(&guest);
	turns(broker);
	assert_int_equal(guest.count, 2);
	pass(broker, 3600000);
	guest_wait(&guest, 3);
	set_quota(&guest, "producer_byte_rate", 0);
	guest_leave(&guest);
}

static void a_fetch_that_is_too_much_comes_back_empty(void **state)
{
	struct broker *broker = *state;
	struct guest guest;
	struct fetch_response response;
	struct fetch_wish wish = {
		.session_epoch = -1, .max_wait_ms = 0, .topic = "much", .partitions = 1, .min_bytes = 1
	};
	int empty = 0;

	guest_come(&guest, broker);
	ask_topic(&guest, "much", 1);
	frame_produce(&guest, "much", 0, "v", -1);
	guest_send(&guest);
	guest_wait(&guest, 2);
	set_quota(&guest, "consumer_byte_rate", 20); /* of which ten seconds are one answer, and not two */
	for (int i = 0; i < 4 && !empty; i++) {
		frame_fetch(&guest, &wish);
		guest_send(&guest);
		guest_wait(&guest, 4 + i);
		guest_read(&guest, 3 + i, API_FETCH, 12, &response);
		assert_int_equal(response.error_code, 0);
		if (response.responses.count == 0) {
			assert_true(response.throttle_time_ms > 0);
			empty = i;
		} else {
			assert_int_equal(response.throttle_time_ms, 0);
			assert_true(response.responses.at[0].partitions.at[0].records.size > 60);
		}
	}
	assert_in_range(empty, 1, 3);
	frame_fetch(&guest, &wish);
	guest_send(&guest);
	turns(broker);
	assert_int_equal(guest.count, 4 + empty);
	pass(broker, 3600000);
	guest_wait(&guest, 5 + empty);
	guest_read(&guest, 4 + empty, API_FETCH, 12, &response);
	assert_true(response.responses.at[0].partitions.at[0].records.size > 60);
	set_quota(&guest, "consumer_byte_rate", 0);
	guest_leave(&guest);
}

static void topics_are_made_no_faster_than_the_quota_says(void **state)
{
	struct broker *broker = *state;
	struct guest guest;
	int32_t wait_ms;

	guest_come(&guest, broker);
	set_quota(&guest, "controller_mutation_rate", 0.001);
	assert_int_equal(make_topic(&guest, "one", 2, 7, &wait_ms), 0); /* the last tokens may be overdrawn */
	assert_int_equal(wait_ms, 0);
	assert_int_equal(make_topic(&guest, "two", 2, 7, &wait_ms), KAFKA_THROTTLING_QUOTA_EXCEEDED);
	assert_true(wait_ms > 60000);
	pass(broker, wait_ms + 1000);
	/* An older version does not know the error: it gets its topic, and has to wait for it. */
	assert_int_equal(make_topic(&guest, "two", 2, 5, &wait_ms), 0);
	assert_true(wait_ms > 60000);
	pass(broker, wait_ms + 1000);
	set_quota(&guest, "controller_mutation_rate", 0);
	assert_int_equal(make_topic(&guest, "three", 50, 7, &wait_ms), 0);
	assert_int_equal(wait_ms, 0);
	guest_leave(&guest);
}

static void time_on_the_thread_is_counted(void **state)
{
	struct broker *broker = *state;
	struct guest guest;
	struct api_versions_response response;
	int count;

	guest_come(&guest, broker);
	set_quota(&guest, "request_percentage", 1e-9); /* whatever it costs is more */
	count = guest.count;
	frame_versions(&guest);
	frame_versions(&guest);
	guest_send(&guest);
	guest_wait(&guest, count + 1);
	guest_read(&guest, count, API_API_VERSIONS, 1, &response);
	assert_int_equal(response.throttle_time_ms, 1000); /* one window, and never more */
	assert_false(list_empty(&broker->throttle->muted));
	pass(broker, 3600000);
	guest_wait(&guest, count + 2);
	pass(broker, 3600000);
	set_quota(&guest, "request_percentage", 0);
	guest_leave(&guest);
}

/* From everywhere together; what a quota of one address does is seen under a real client. */
static void connections_come_no_faster_than_they_may(void **state)
{
	struct broker *broker = *state;
	struct throttle *throttle = broker->throttle;
	assert_int_equal(throttle_connection(throttle, VIEW_LITERAL("10.0.0.1")), 0);
	assert_int_equal(throttle_all_connections(throttle, INT32_MAX), 0);
	/* Ten windows of two a second. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(throttle_all_connections(throttle, 2), 0);
	assert_in_range(throttle_all_connections(throttle, 2), 1, 1000);
	loop_shift_ms += 60000;
	assert_int_equal(throttle_all_connections(throttle, 2), 0);
}

static int begin_overrides(void **state)
{
	return begin_with(state, "max.connections.per.ip.overrides",
			  "0:0:0:0:0:0:0:1:2, [fe80:0::7]:3,10.0.0.1:4");
}

/* Kafka writes addresses of IPv6 out, and the system writes them short. */
static void an_address_is_limited_however_it_is_written(void **state)
{
	struct broker *broker = *state;

	assert_int_equal(connections_of_address_max(broker, "/::1"), 2);
	assert_int_equal(connections_of_address_max(broker, "/fe80::7"), 3);
	assert_int_equal(connections_of_address_max(broker, "/10.0.0.1"), 4);
	assert_int_equal(connections_of_address_max(broker, "/10.0.0.2"), INT32_MAX);
	assert_int_equal(connections_of_address_max(broker, "/::2"), INT32_MAX);
}

/* Who leaves while it is not heard takes nothing with it. */
static void a_silent_client_may_leave(void **state)
{
	struct broker *broker = *state;
	struct guest guest;

	guest_come(&guest, broker);
	ask_topic(&guest, "left", 1);
	set_quota(&guest, "producer_byte_rate", 1);
	frame_produce(&guest, "left", 0, "some hundred bytes with what is around it", -1);
	frame_versions(&guest);
	guest_send(&guest);
	guest_wait(&guest, 3);
	assert_false(list_empty(&broker->throttle->muted));
	guest_leave(&guest);
	assert_true(list_empty(&broker->throttle->muted));
	pass(broker, 3600000);
	guest_come(&guest, broker);
	set_quota(&guest, "producer_byte_rate", 0);
	guest_leave(&guest);
}

/* Who hangs up before the answer has written all the same, and the next of his connections is told so. */
static void who_hangs_up_is_counted(void **state)
{
	struct broker *broker = *state;
	struct produce_response response;
	struct guest guest;

	guest_come(&guest, broker);
	ask_topic(&guest, "hung", 1);
	set_quota(&guest, "producer_byte_rate", 100);
	for (int i = 0; i < 20; i++) {
		guest_leave(&guest);
		guest_come(&guest, broker);
		frame_produce(&guest, "hung", 0, "some hundred bytes with what is around it", -1);
		guest_send(&guest);
		assert_int_equal(guest.count, 0);
	}
	guest_wait(&guest, 1);
	guest_read(&guest, 0, API_PRODUCE, 9, &response);
	assert_int_equal(response.responses.at[0].partition_responses.at[0].error_code, 0);
	assert_int_equal(response.responses.at[0].partition_responses.at[0].base_offset, 19);
	assert_true(response.throttle_time_ms > 0);
	pass(broker, 3600000);
	set_quota(&guest, "producer_byte_rate", 0);
	guest_leave(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_is_over_ten_windows_from_the_start),
		cmocka_unit_test(what_is_old_is_forgotten),
		cmocka_unit_test(what_is_taken_back_does_not_count),
		cmocka_unit_test(a_rate_that_waits_as_told_comes_down),
		cmocka_unit_test(a_bucket_gives_a_burst_and_then_the_rate),
		cmocka_unit_test(eight_levels_hold_in_order),
		cmocka_unit_test(names_of_entities_are_read_back),
		cmocka_unit_test(values_are_read_back),
		cmocka_unit_test_setup_teardown(who_writes_too_fast_is_answered_and_then_not_heard, begin,
						guest_end),
		cmocka_unit_test_setup_teardown(a_write_without_an_answer_is_counted_as_well, begin,
						guest_end),
		cmocka_unit_test_setup_teardown(a_fetch_that_is_too_much_comes_back_empty, begin, guest_end),
		cmocka_unit_test_setup_teardown(topics_are_made_no_faster_than_the_quota_says, begin,
						guest_end),
		cmocka_unit_test_setup_teardown(time_on_the_thread_is_counted, begin, guest_end),
		cmocka_unit_test_setup_teardown(a_silent_client_may_leave, begin, guest_end),
		cmocka_unit_test_setup_teardown(who_hangs_up_is_counted, begin, guest_end),
		cmocka_unit_test_setup_teardown(an_address_is_limited_however_it_is_written, begin_overrides,
						guest_end),
		cmocka_unit_test_setup_teardown(connections_come_no_faster_than_they_may, begin, guest_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
