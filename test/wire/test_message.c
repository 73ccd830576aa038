/* What the reader and the writer of messages promise: round trips, defaults, and an answer to every kind of nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/text.h"
#include "wire/kafka_error.h"
#include "wire/messages.h"

#define MEMORY (1024 * 1024)

struct play {
	struct arena arena;
	struct buffer out;
	struct fault fault;
};

static int begin(void **state)
{
	struct play *play = calloc(1, sizeof *play);

	arena_init(&play->arena, MEMORY);
	buffer_init(&play->out, MEMORY);
	*state = play;
	return 0;
}

static int end(void **state)
{
	struct play *play = *state;

	arena_done(&play->arena);
	buffer_done(&play->out);
	free(play);
	return 0;
}

/* The bytes of `hex` (blanks are skipped) in an allocation of their own, so that a read past them shows. */
static struct view bytes_of(struct play *play, const char *hex)
{
	char digits[2000];
	size_t count = 0;
	uint8_t *at;

	for (; *hex; hex++)
		if (*hex != ' ')
			digits[count++] = *hex;
	at = arena_take(&play->arena, count / 2);
	assert_non_null(at);
	assert_true(text_unhex(view_of(digits, count), at, count / 2));
	return view_of(at, count / 2);
}

static void expect_refused(struct play *play, const struct message *message, int16_t version, const char *hex,
			   int err, const char *sentence)
{
	void *out = malloc(message_size(message));

	assert_int_equal(message_read(message, version, bytes_of(play, hex), &play->arena, out, &play->fault),
			 err);
	assert_string_equal(play->fault.text, sentence);
	free(out);
}

static void a_fetch_request_comes_back_as_it_went(void **state)
{
	struct play *play = *state;
	struct fetch_request request, back;

	message_default(&fetch_request_message, &request);
	assert_int_equal(request.replica_id, -1);
	assert_int_equal(request.max_bytes, INT32_MAX);
	assert_null(request.cluster_id.at);
	assert_non_null(request.rack_id.at);
	request.max_wait_ms = 500;
	request.topics.at = shape_array(&fetch_request_topic_shape, &play->arena, 2);
	request.topics.count = 2;
	request.topics.at[1].topic = view_text("orders");
	request.topics.at[1].partitions.at = shape_array(&fetch_request_partition_shape, &play->arena, 1);
	request.topics.at[1].partitions.count = 1;
	assert_int_equal(request.topics.at[1].partitions.at[0].current_leader_epoch, -1);
	request.topics.at[1].partitions.at[0].fetch_offset = 1234567890123;

	for (int16_t version = 4; version <= 12; version++) {
		buffer_reset(&play->out);
		assert_int_equal(
			message_write(&fetch_request_message, version, &request, &play->out, &play->fault),
			0);
		assert_int_equal(message_measure(&fetch_request_message, version, &request, NULL),
				 play->out.size);
		assert_int_equal(message_read(&fetch_request_message, version, buffer_bytes(&play->out),
					      &play->arena, &back, &play->fault),
				 0);
		assert_int_equal(back.max_wait_ms, 500);
		assert_int_equal(back.session_epoch, -1);
		assert_int_equal(back.topics.count, 2);
		assert_int_equal(back.topics.at[0].topic.size, 0);
		assert_true(view_is(back.topics.at[1].topic, "orders"));
		assert_int_equal(back.topics.at[1].partitions.at[0].fetch_offset, 1234567890123);
		assert_int_equal(back.topics.at[1].partitions.at[0].high_watermark, INT64_MAX);
	}
}

static void records_are_a_view_of_the_frame(void **state)
{
	struct play *play = *state;
	struct view body =
		bytes_of(play, "ffff ffff 0000 1388 0000 0001 0001 74 0000 0001 0000 0000 0000 0002 abcd");
	struct produce_request request;

	assert_int_equal(
		message_read(&produce_request_message, 3, body, &play->arena, &request, &play->fault), 0);
	assert_null(request.transactional_id.at);
	assert_int_equal(request.acks, -1);
	assert_ptr_equal(request.topic_data.at[0].partition_data.at[0].records.at, body.at + body.size - 2);
}

static void records_may_be_left_out(void **state)
{
	struct play *play = *state;
	static const char *const records[] = { "first", "", "and the third" };
	struct fetch_response response;
	struct fetch_response_partition *partitions;
	size_t at[3];

	message_default(&fetch_response_message, &response);
	response.responses.at = shape_array(&fetch_response_topic_shape, &play->arena, 1);
	response.responses.count = 1;
	partitions = shape_array(&fetch_response_partition_shape, &play->arena, 3);
	response.responses.at[0].partitions.at = partitions;
	response.responses.at[0].partitions.count = 3;
	for (int i = 0; i < 3; i++)
		partitions[i].records = view_text(records[i]);
	for (int16_t version = 4; version <= 12; version++) {
		struct message_cuts cuts = { at, 0, 2 };
		struct buffer around;

		buffer_init(&around, MEMORY);
		buffer_reset(&play->out);
		assert_int_equal(message_write(&fetch_response_message, version, &response, &play->out, NULL),
				 0);
		assert_int_equal(message_write_around(&fetch_response_message, version, &response, &around,
						      &cuts, NULL),
				 0);
		assert_int_equal(cuts.count, 2);
		assert_int_equal(around.size + strlen(records[0]) + strlen(records[2]), play->out.size);
		assert_memory_equal(around.at, play->out.at, at[0]);
		assert_memory_equal(play->out.at + at[0], records[0], strlen(records[0]));
		assert_memory_equal(around.at + at[0], play->out.at + at[0] + strlen(records[0]),
				    at[1] - at[0]);
		assert_memory_equal(play->out.at + at[1] + strlen(records[0]), records[2],
				    strlen(records[2]));
		assert_memory_equal(around.at + at[1],
				    play->out.at + at[1] + strlen(records[0]) + strlen(records[2]),
				    around.size - at[1]);
		buffer_done(&around);
	}
}

static void what_a_version_lacks_is_dropped_only_if_ignorable(void **state)
{
	struct play *play = *state;
	struct fetch_request request;

	message_default(&fetch_request_message, &request);
	request.session_id = 7;
	assert_int_equal(message_write(&fetch_request_message, 4, &request, &play->out, &play->fault), 0);
	request.topics.at = shape_array(&fetch_request_topic_shape, &play->arena, 1);
	request.topics.count = 1;
	request.topics.at[0].partitions.at = shape_array(&fetch_request_partition_shape, &play->arena, 1);
	request.topics.at[0].partitions.count = 1;
	request.topics.at[0].partitions.at[0].last_fetched_epoch = 3;
	assert_int_equal(message_write(&fetch_request_message, 11, &request, &play->out, &play->fault),
			 ERR_UNSUPPORTED);
	assert_string_equal(play->fault.text,
			    "FetchRequest v11: topics[0].partitions[0].last_fetched_epoch: set, but "
			    "this version does not have it");
}

static void null_goes_only_where_it_may(void **state)
{
	struct play *play = *state;
	struct metadata_request request;

	message_default(&metadata_request_message, &request);
	request.topics.count = -1;
	assert_int_equal(message_write(&metadata_request_message, 0, &request, &play->out, &play->fault),
			 ERR_UNSUPPORTED);
	assert_int_equal(play->out.size, 0);
	assert_int_equal(message_write(&metadata_request_message, 1, &request, &play->out, &play->fault), 0);
	expect_refused(play, &metadata_request_message, 0, "ffffffff", ERR_MALFORMED,
		       "MetadataRequest v0: topics: null, which is not allowed here, at byte 0");
	expect_refused(play, &metadata_request_message, 0, "fffffffe", ERR_MALFORMED,
		       "MetadataRequest v0: topics: negative count, at byte 0");
	expect_refused(play, &metadata_request_message, 0, "00000001 ffff", ERR_MALFORMED,
		       "MetadataRequest v0: topics[0].name: null, which is not allowed here, at byte 4");
	expect_refused(play, &metadata_request_message, 0, "00000001 fffe", ERR_MALFORMED,
		       "MetadataRequest v0: topics[0].name: negative length, at byte 4");
}

static void unknown_tags_pass_through_in_order(void **state)
{
	struct play *play = *state;
	/* cluster_id is tag 0, replica_state tag 1; 5 and 300 are nobody's */
	struct view body = bytes_of(play, "00000001 00000002 00000003 00 00000004 00000005 01 01 01"
					  "03 00 02 02 63 05 03 aabbcc ac02 00");
	struct fetch_request request;

	assert_int_equal(message_read(&fetch_request_message, 17, body, &play->arena, &request, &play->fault),
			 0);
	assert_true(view_is(request.cluster_id, "c"));
	assert_int_equal(request.tags.count, 2);
	assert_int_equal(request.tags.at[0].number, 5);
	assert_int_equal(request.tags.at[1].number, 300);
	request.replica_state.replica_id = 9;
	assert_int_equal(message_write(&fetch_request_message, 17, &request, &play->out, &play->fault), 0);
	assert_true(view_equal(
		buffer_bytes(&play->out),
		bytes_of(play, "00000001 00000002 00000003 00 00000004 00000005 01 01 01"
			       "04 00 02 02 63 01 0d 00000009 ffffffffffffffff 00 05 03 aabbcc ac02 00")));
	assert_int_equal(message_write(&fetch_request_message, 11, &request, &play->out, &play->fault),
			 ERR_UNSUPPORTED);
}

static void broken_tags_are_refused(void **state)
{
	struct play *play = *state;
	const struct message *message = &heartbeat_response_message; /* i32 i16 and tags */

	expect_refused(play, message, 4, "00000000 0000 02 05 00 05 00", ERR_MALFORMED,
		       "HeartbeatResponse v4: tag given twice, at byte 9");
	expect_refused(play, message, 4, "00000000 0000 02 05 00 04 00", ERR_MALFORMED,
		       "HeartbeatResponse v4: tags out of order, at byte 9");
	expect_refused(play, message, 4, "00000000 0000 01 05 03 aabb", ERR_MALFORMED,
		       "HeartbeatResponse v4: tag runs past the message, at byte 7");
	expect_refused(play, message, 4, "00000000 0000 ffffffff0f", ERR_MALFORMED,
		       "HeartbeatResponse v4: count of tags runs past the message, at byte 6");
	expect_refused(play, message, 4, "00000000 0000 ffffffffff01", ERR_MALFORMED,
		       "HeartbeatResponse v4: varint too long, at byte 6");
	expect_refused(play, message, 4, "00000000 0000 00 00", ERR_MALFORMED,
		       "HeartbeatResponse v4: bytes left over behind the message, at byte 7");
	/* a known tag whose body is longer, then shorter, than its field */
	expect_refused(play, &fetch_request_message, 12,
		       "00000000 00000000 00000000 00000000 00 00000000 00000000 01 01 01 01 00 03 02 63 64",
		       ERR_MALFORMED, "FetchRequest v12: cluster_id: bytes left over in its tag, at byte 33");
	expect_refused(
		play, &fetch_request_message, 12,
		"00000000 00000000 00000000 00000000 00 00000000 00000000 01 01 01 01 00 02 05 63 64 65 66",
		ERR_MALFORMED, "FetchRequest v12: cluster_id: length runs past the message, at byte 31");
}

static void a_tag_inside_a_tag_is_read_like_any_other(void **state)
{
	struct play *play = *state;
	struct fetch_request request;

	/* replica_state (tag 1) carries an unknown tag 9 of its own */
	struct view body = bytes_of(play, "00000001 00000002 00000003 00 00000004 00000005 01 01 01"
					  "01 01 0f 00000009 0000000000000007 01 09 00");

	assert_int_equal(message_read(&fetch_request_message, 15, body, &play->arena, &request, &play->fault),
			 0);
	assert_int_equal(request.replica_state.replica_epoch, 7);
	assert_int_equal(request.replica_state.tags.at[0].number, 9);
	assert_int_equal(message_write(&fetch_request_message, 15, &request, &play->out, &play->fault), 0);
	assert_true(view_equal(buffer_bytes(&play->out), body));
}

static void a_count_of_two_thousand_million_costs_nothing(void **state)
{
	struct play *play = *state;

	expect_refused(play, &metadata_request_message, 1, "7fffffff 0000", ERR_MALFORMED,
		       "MetadataRequest v1: topics: count runs past the message, at byte 0");
	expect_refused(play, &metadata_request_message, 9, "ffffffff07 00", ERR_MALFORMED,
		       "MetadataRequest v9: topics: count runs past the message, at byte 0");
	expect_refused(play, &metadata_request_message, 9, "ffffffff0f 00", ERR_MALFORMED,
		       "MetadataRequest v9: topics: count runs past the message, at byte 0");
	assert_true(play->arena.used < 4096);
}

static void memory_stays_below_the_arena_s_ceiling(void **state)
{
	struct play *play = *state;
	size_t size = 500 * 1000;
	uint8_t *bytes = calloc(1, size);
	struct metadata_request request;

	/* 125,000 topics of no name, 4 bytes each on the wire and 56 in memory */
	memcpy(bytes, "\x00\x03\xd0\x00", 4);
	assert_int_equal(message_read(&metadata_request_message, 0, view_of(bytes, size), &play->arena,
				      &request, &play->fault),
			 ERR_LIMIT);
	assert_non_null(strstr(play->fault.text, "topics: 249856 elements need more memory than the limit"));
	free(bytes);
}

static void versions_outside_the_tables_are_refused(void **state)
{
	struct play *play = *state;
	struct fetch_request request;

	expect_refused(play, &fetch_request_message, 3, "", ERR_UNSUPPORTED,
		       "FetchRequest v3: unknown version; the tables have 4 to 18");
	message_default(&fetch_request_message, &request);
	assert_int_equal(message_write(&fetch_request_message, 19, &request, &play->out, NULL),
			 ERR_UNSUPPORTED);
}

static void strings_end_at_32767_bytes(void **state)
{
	struct play *play = *state;
	struct sasl_handshake_request request;
	static char text[40000];

	memset(text, 'a', sizeof text);
	message_default(&sasl_handshake_request_message, &request);
	request.mechanism = view_of(text, 32767);
	assert_int_equal(message_write(&sasl_handshake_request_message, 1, &request, &play->out, NULL), 0);
	request.mechanism = view_of(text, 32768);
	assert_int_equal(
		message_write(&sasl_handshake_request_message, 1, &request, &play->out, &play->fault),
		ERR_LIMIT);
}

static void a_full_buffer_gets_nothing(void **state)
{
	struct play *play = *state;
	struct sasl_authenticate_request request;
	struct buffer small;

	message_default(&sasl_authenticate_request_message, &request);
	request.auth_bytes = VIEW_LITERAL("0123456789");
	buffer_init(&small, 13);
	assert_int_equal(message_write(&sasl_authenticate_request_message, 1, &request, &small, &play->fault),
			 ERR_LIMIT);
	assert_string_equal(play->fault.text,
			    "SaslAuthenticateRequest v1: 14 bytes do not fit: a limit was reached");
	assert_int_equal(small.size, 0);
	buffer_done(&small);
}

static void heads_know_their_exceptions(void **state)
{
	struct play *play = *state;
	struct request_head head = { .api_key = API_FETCH,
				     .api_version = 12,
				     .correlation_id = 7,
				     .client_id = VIEW_LITERAL("me") },
			    back;
	struct cursor c;
	int32_t id = 0;

	/* the client id is never compact, but the tags are there */
	assert_int_equal(request_head_write(&head, &play->out), 0);
	assert_true(view_equal(buffer_bytes(&play->out), bytes_of(play, "0001 000c 00000007 0002 6d65 00")));
	c = cursor_over(buffer_bytes(&play->out));
	assert_int_equal(request_head_read(&c, &play->arena, &back, &play->fault), 0);
	assert_true(view_is(back.client_id, "me"));
	assert_int_equal(cursor_left(&c), 0);

	head.client_id = VIEW_NULL;
	head.api_version = 11;
	buffer_reset(&play->out);
	assert_int_equal(request_head_write(&head, &play->out), 0);
	assert_true(view_equal(buffer_bytes(&play->out), bytes_of(play, "0001 000b 00000007 ffff")));

	/* the response to ApiVersions has the old head in every version */
	buffer_reset(&play->out);
	assert_int_equal(response_head_write(api_find(API_API_VERSIONS), 3, 8, &play->out), 0);
	assert_int_equal(response_head_write(api_find(API_FETCH), 12, 9, &play->out), 0);
	assert_int_equal(response_head_write(api_find(API_FETCH), 11, 10, &play->out), 0);
	assert_true(view_equal(buffer_bytes(&play->out), bytes_of(play, "00000008 00000009 00 0000000a")));
	c = cursor_over(bytes_of(play, "00000009 01 05 02 aabb"));
	assert_int_equal(response_head_read(api_find(API_FETCH), 12, &c, &play->arena, &id, &play->fault), 0);
	assert_int_equal(id, 9);
	assert_int_equal(cursor_left(&c), 0);
}

static void a_head_that_is_not_understood_can_be_answered(void **state)
{
	struct play *play = *state;
	struct request_head head;
	struct cursor c = cursor_over(bytes_of(play, "0012 0063 0000002a ffff 00"));

	assert_int_equal(request_head_read(&c, &play->arena, &head, &play->fault), ERR_UNSUPPORTED);
	assert_int_equal(head.api_key, API_API_VERSIONS);
	assert_int_equal(head.api_version, 99);
	assert_int_equal(head.correlation_id, 42);
	c = cursor_over(bytes_of(play, "0012 0003 0000002a 0010 61"));
	assert_int_equal(request_head_read(&c, &play->arena, &head, &play->fault), ERR_MALFORMED);
	c = cursor_over(bytes_of(play, "0012 0003 0000002a ffff ffffffff0f"));
	assert_int_equal(request_head_read(&c, &play->arena, &head, &play->fault), ERR_MALFORMED);
	assert_string_equal(play->fault.text, "request head: too many tags");
}

static void the_list_of_apis_is_in_order(void **state)
{
	for (const struct api *api = api_table; api->request; api++) {
		assert_true(api == api_table || api[-1].key < api->key);
		assert_ptr_equal(api_find(api->key), api);
		assert_true(api->since <= api->until);
	}
	assert_null(api_find(4)); /* LeaderAndIsr: between brokers, and gone */
	assert_null(api_find(-1));
	assert_string_equal(message_name(api_find(API_LIST_OFFSETS)->response), "ListOffsetsResponse");
}

static void error_codes_have_their_names(void **state)
{
	assert_string_equal(kafka_error_name(KAFKA_NONE), "NONE");
	assert_string_equal(kafka_error_name(-1), "UNKNOWN_SERVER_ERROR");
	assert_string_equal(kafka_error_name(KAFKA_SHARE_SESSION_LIMIT_REACHED),
			    "SHARE_SESSION_LIMIT_REACHED");
	assert_string_equal(kafka_error_name(134), "UNKNOWN_ERROR_CODE");
	assert_string_equal(kafka_error_name(-2), "UNKNOWN_ERROR_CODE");
	assert_string_equal(kafka_error_name(INT16_MIN), "UNKNOWN_ERROR_CODE");
	assert_true(kafka_error_refreshes(KAFKA_NOT_LEADER_OR_FOLLOWER));
	assert_true(kafka_error_moved_coordinator(KAFKA_NOT_COORDINATOR));
	assert_true(kafka_error_retriable(KAFKA_REQUEST_TIMED_OUT));
	assert_false(kafka_error_retriable(KAFKA_TOPIC_AUTHORIZATION_FAILED));
	assert_false(kafka_error_retriable(999));
}

#define PLAY(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAY(a_fetch_request_comes_back_as_it_went),
		PLAY(records_are_a_view_of_the_frame),
		PLAY(records_may_be_left_out),
		PLAY(what_a_version_lacks_is_dropped_only_if_ignorable),
		PLAY(null_goes_only_where_it_may),
		PLAY(unknown_tags_pass_through_in_order),
		PLAY(broken_tags_are_refused),
		PLAY(a_tag_inside_a_tag_is_read_like_any_other),
		PLAY(a_count_of_two_thousand_million_costs_nothing),
		PLAY(memory_stays_below_the_arena_s_ceiling),
		PLAY(versions_outside_the_tables_are_refused),
		PLAY(strings_end_at_32767_bytes),
		PLAY(a_full_buffer_gets_nothing),
		PLAY(heads_know_their_exceptions),
		PLAY(a_head_that_is_not_understood_can_be_answered),
		cmocka_unit_test(the_list_of_apis_is_in_order),
		cmocka_unit_test(error_codes_have_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
