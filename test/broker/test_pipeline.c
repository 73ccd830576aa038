/* test_pipeline.c - frames in any cut, answers in the order of their requests, limits that hold. */
#include "broker/guest.h"

static int begin(void **state)
{
	return begin_with(state, NULL, NULL);
}

static void frame_versions(struct guest *guest)
{
	struct api_versions_request request;

	message_default(&api_versions_request_message, &request);
	guest_frame(guest, API_API_VERSIONS, 0, &request);
}

static void answers_come_in_the_order_of_requests(void **state)
{
	struct guest guest;
	struct produce_response response;

	guest_come(&guest, *state);
	ask_topic(&guest, "order", 1);
	for (int i = 0; i < 10; i++) {
		frame_produce(&guest, "order", 0, "v", -1);
		frame_versions(&guest);
	}
	guest_send(&guest);
	guest_wait(&guest, 21);
	for (int i = 0; i < 21; i++)
		assert_int_equal(guest_id(&guest, i), i);
	for (int i = 0; i < 10; i++) {
		guest_read(&guest, 1 + 2 * i, API_PRODUCE, 9, &response);
		assert_int_equal(response.responses.at[0].partition_responses.at[0].error_code, 0);
		assert_int_equal(response.responses.at[0].partition_responses.at[0].base_offset, i);
	}
	guest_leave(&guest);
}

static void a_frame_may_be_cut_anywhere(void **state)
{
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "cut", 1);
	frame_produce(&guest, "cut", 0, "v", -1);
	frame_versions(&guest);
	for (size_t i = 0; i < guest.sent.size; i++)
		pipeline_feed(&guest.pipeline, view_of(guest.sent.at + i, 1));
	guest_wait(&guest, 3);
	guest_leave(&guest);
}

static void a_large_frame_is_read_in_place(void **state)
{
	struct guest guest;
	struct metadata_request request;
	struct buffer name;
	uint8_t *at;
	size_t size, first = 100;

	guest_come(&guest, *state);
	buffer_init(&name, 1 << 20);
	for (int i = 0; i < 30000; i++)
		buffer_text(&name, "a");
	message_default(&metadata_request_message, &request);
	request.topics.at = shape_array(&metadata_request_topic_shape, &guest.arena, 1);
	request.topics.count = 1;
	request.topics.at[0].name = buffer_bytes(&name);
	guest_frame(&guest, API_METADATA, 9, &request);
	pipeline_feed(&guest.pipeline, view_of(guest.sent.at, first));
	at = pipeline_direct(&guest.pipeline, &size);
	assert_non_null(at);
	assert_int_equal(size, guest.sent.size - first);
	memcpy(at, guest.sent.at + first, size);
	pipeline_filled(&guest.pipeline, size);
	guest_wait(&guest, 1);
	buffer_done(&name);
	guest_leave(&guest);
}

static void what_is_not_acknowledged_has_no_answer(void **state)
{
	struct guest guest;
	struct fetch_response response;

	guest_come(&guest, *state);
	ask_topic(&guest, "quiet", 1);
	frame_produce(&guest, "quiet", 0, "v", 0);
	frame_fetch(&guest,
		    &(struct fetch_wish){
			    .session_epoch = -1, .max_wait_ms = 0, .topic = "quiet", .partitions = 1 });
	guest_send(&guest);
	guest_wait(&guest, 2);
	guest_read(&guest, 1, API_FETCH, 12, &response);
	assert_int_equal(response.responses.at[0].partitions.at[0].high_watermark, 1);
	frame_produce(&guest, "nowhere", 0, "v", 0); /* and one that fails ends the connection */
	guest_send(&guest);
	assert_true(guest.broken);
	guest_leave(&guest);
}

static void a_parked_fetch_is_woken_by_another(void **state)
{
	struct guest reader, writer;
	struct fetch_response response;

	guest_come(&reader, *state);
	guest_come(&writer, *state);
	ask_topic(&writer, "tail", 2);
	frame_fetch(&reader, &(struct fetch_wish){ .session_epoch = -1,
						   .max_wait_ms = 60000,
						   .min_bytes = 1,
						   .topic = "tail",
						   .partitions = 2 });
	frame_versions(&reader);
	guest_send(&reader);
	turn(*state);
	assert_int_equal(reader.count, 0); /* nor is what comes behind it answered */
	frame_produce(&writer, "tail", 1, "v", -1);
	guest_send(&writer);
	guest_wait(&reader, 2);
	guest_read(&reader, 0, API_FETCH, 12, &response);
	assert_int_equal(response.responses.at[0].partitions.at[0].records.size, 0);
	assert_true(response.responses.at[0].partitions.at[1].records.size > 60);
	guest_leave(&reader);
	guest_leave(&writer);
}

static void a_fetch_ends_when_its_time_is_over(void **state)
{
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "late", 1);
	frame_fetch(&guest, &(struct fetch_wish){ .session_epoch = -1,
						  .max_wait_ms = 20,
						  .min_bytes = 1,
						  .topic = "late",
						  .partitions = 1 });
	guest_send(&guest);
	guest_wait(&guest, 2);
	guest_leave(&guest);
}

/* Whoever leaves takes nothing with it: what it wrote is kept, what it parked is let go. */
static void a_client_may_leave_at_any_moment(void **state)
{
	struct broker *broker = *state;
	struct guest guest, other;
	struct fetch_response response;

	guest_come(&other, broker);
	ask_topic(&other, "gone", 1);
	for (int i = 0; i < 5; i++) {
		guest_come(&guest, broker);
		frame_produce(&guest, "gone", 0, "v", -1);
		frame_fetch(&guest, &(struct fetch_wish){ .session_epoch = -1,
							  .max_wait_ms = 60000,
							  .min_bytes = 1 << 20,
							  .topic = "gone",
							  .partitions = 1 });
		guest_send(&guest);
		if (i & 1)
			guest_wait(&guest, 1);
		guest_leave(&guest);
	}
	frame_fetch(&other, &(struct fetch_wish){ .session_epoch = -1,
						  .max_wait_ms = 20000,
						  .min_bytes = 1,
						  .topic = "gone",
						  .partitions = 1,
						  .offset = 4 });
	guest_send(&other);
	guest_wait(&other, 2);
	guest_read(&other, 1, API_FETCH, 12, &response);
	assert_int_equal(response.responses.at[0].partitions.at[0].error_code, 0);
	guest_leave(&other);
	assert_int_equal(broker->request_bytes, 0);
}

static void who_does_not_read_is_not_read(void **state)
{
	struct guest guest;

	guest_come(&guest, *state);
	guest.queued = PIPELINE_OUT_BYTES_MAX;
	for (int i = 0; i < 70; i++)
		frame_versions(&guest);
	guest_send(&guest);
	turn(*state);
	assert_int_equal(guest.count, 0);
	assert_true(guest.paused);
	guest.queued = 0;
	pipeline_drained(&guest.pipeline);
	guest_wait(&guest, 70);
	assert_false(guest.paused);
	guest_leave(&guest);
}

static void sizes_out_of_range_break(void **state)
{
	static const uint8_t sizes[][4] = { { 0xff, 0xff, 0xff, 0xff },
					    { 0x7f, 0xff, 0xff, 0xff },
					    { 0x06, 0x40, 0x00, 0x01 } };

	for (size_t i = 0; i < 3; i++) {
		struct guest guest;

		guest_come(&guest, *state);
		pipeline_feed(&guest.pipeline, view_of(sizes[i], 4));
		assert_true(guest.broken);
		guest_leave(&guest);
	}
}

/* What was promised to be there is advertised, and nothing twice. */
static void the_table_is_in_order(void **state)
{
	struct guest guest;
	struct api_versions_response response;

	guest_come(&guest, *state);
	frame_versions(&guest);
	guest_send(&guest);
	guest_wait(&guest, 1);
	guest_read(&guest, 0, API_API_VERSIONS, 0, &response);
	for (int32_t i = 1; i < response.api_keys.count; i++)
		assert_true(response.api_keys.at[i].api_key > response.api_keys.at[i - 1].api_key);
	for (int32_t i = 0; i < response.api_keys.count; i++) {
		const struct api *api = api_find(response.api_keys.at[i].api_key);

		assert_non_null(api);
		assert_true(response.api_keys.at[i].max_version <= api->until);
	}
	guest_leave(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_in_the_order_of_requests),
		cmocka_unit_test(a_frame_may_be_cut_anywhere),
		cmocka_unit_test(a_large_frame_is_read_in_place),
		cmocka_unit_test(what_is_not_acknowledged_has_no_answer),
		cmocka_unit_test(a_parked_fetch_is_woken_by_another),
		cmocka_unit_test(a_fetch_ends_when_its_time_is_over),
		cmocka_unit_test(a_client_may_leave_at_any_moment),
		cmocka_unit_test(who_does_not_read_is_not_read),
		cmocka_unit_test(sizes_out_of_range_break),
		cmocka_unit_test(the_table_is_in_order),
	};

	return cmocka_run_group_tests(tests, begin, guest_end);
}
