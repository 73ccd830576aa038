/* test_session.c - fetch sessions (KIP-227), as a client sees them. */
#include "broker/guest.h"

static int begin(void **state)
{
	return begin_with(state, "max.incremental.fetch.session.cache.slots", "2");
}

static struct fetch_response fetch(struct guest *guest, int32_t id, int32_t epoch, const char *topic,
				   int partitions, int64_t offset)
{
	struct fetch_wish wish = { id, epoch, 0, 1, topic, partitions, offset };
	struct fetch_response response;
	int count = guest->count;

	frame_fetch(guest, &wish);
	guest_send(guest);
	guest_wait(guest, count + 1);
	guest_read(guest, count, API_FETCH, 12, &response);
	return response;
}

static void put(struct guest *guest, const char *topic, int32_t partition)
{
	int count = guest->count;

	frame_produce(guest, topic, partition, "v", -1);
	guest_send(guest);
	guest_wait(guest, count + 1);
}

static void only_changes_are_told(void **state)
{
	struct broker *broker = *state;
	struct guest guest;
	struct fetch_response response;
	int32_t id;

	guest_come(&guest, broker);
	ask_topic(&guest, "changes", 3);
	response = fetch(&guest, 0, 0, "changes", 3, 0);
	id = response.session_id;
	assert_true(id > 0);
	assert_int_equal(response.responses.at[0].partitions.count, 3);
	response = fetch(&guest, id, 1, NULL, 0, 0);
	assert_int_equal(response.error_code, 0);
	assert_int_equal(response.session_id, id);
	assert_int_equal(response.responses.count, 0);
	put(&guest, "changes", 1);
	response = fetch(&guest, id, 2, NULL, 0, 0);
	assert_int_equal(response.responses.count, 1);
	assert_int_equal(response.responses.at[0].partitions.count, 1);
	assert_int_equal(response.responses.at[0].partitions.at[0].partition_index, 1);
	assert_true(response.responses.at[0].partitions.at[0].records.size > 0);
	/* Behind what it has read: partition 0 as well, which has nothing new. */
	response = fetch(&guest, id, 3, "changes", 2, 1);
	assert_int_equal(response.responses.count, 1);
	assert_int_equal(response.responses.at[0].partitions.at[0].error_code, KAFKA_OFFSET_OUT_OF_RANGE);
	response = fetch(&guest, id, -1, NULL, 0, 0);
	assert_int_equal(response.session_id, 0);
	assert_int_equal(session_count(broker->sessions), 0);
	guest_leave(&guest);
}

static void wrong_ids_and_epochs_are_refused(void **state)
{
	struct guest guest;
	struct fetch_response response;
	int32_t id;

	guest_come(&guest, *state);
	ask_topic(&guest, "refused", 1);
	id = fetch(&guest, 0, 0, "refused", 1, 0).session_id;
	response = fetch(&guest, id, 2, NULL, 0, 0);
	assert_int_equal(response.error_code, KAFKA_INVALID_FETCH_SESSION_EPOCH);
	assert_int_equal(response.responses.count, 0);
	response = fetch(&guest, id == 1 ? 2 : id - 1, 1, NULL, 0, 0);
	assert_int_equal(response.error_code, KAFKA_FETCH_SESSION_ID_NOT_FOUND);
	/* The right one is still there. */
	response = fetch(&guest, id, 1, NULL, 0, 0);
	assert_int_equal(response.error_code, 0);
	response = fetch(&guest, id, 1, NULL, 0, 0);
	assert_int_equal(response.error_code,
			 KAFKA_INVALID_FETCH_SESSION_EPOCH); /* which was that of the last */
	/* It was begun with names, and goes on with names. */
	struct fetch_request by_id;

	message_default(&fetch_request_message, &by_id);
	by_id.session_id = id;
	by_id.session_epoch = 2;
	guest_hear(&guest, API_FETCH, 13, &by_id, &response);
	assert_int_equal(response.error_code, KAFKA_FETCH_SESSION_TOPIC_ID_ERROR);
	fetch(&guest, id, -1, NULL, 0, 0);
	guest_leave(&guest);
}

/* What is told once is not told again, but for what was an error; what is forgotten is not asked for any more. */
static void what_is_forgotten_and_what_comes_back(void **state)
{
	struct fetch_request request;
	struct fetch_response response;
	int32_t zero = 0, id;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "back", 2);
	put(&guest, "back", 0);
	id = fetch(&guest, 0, 0, "back", 2, 1).session_id;
	/* Partition 1 is empty: 1 is past its end, and it says so each time. */
	response = fetch(&guest, id, 1, NULL, 0, 0);
	assert_int_equal(response.responses.count, 1);
	assert_int_equal(response.responses.at[0].partitions.count, 1);
	assert_int_equal(response.responses.at[0].partitions.at[0].error_code, KAFKA_OFFSET_OUT_OF_RANGE);
	put(&guest, "back", 1);
	response = fetch(&guest, id, 2, NULL, 0, 0);
	assert_int_equal(response.responses.at[0].partitions.count, 1);
	assert_int_equal(response.responses.at[0].partitions.at[0].partition_index, 1);
	assert_int_equal(response.responses.at[0].partitions.at[0].error_code, 0);
	assert_int_equal(response.responses.at[0].partitions.at[0].high_watermark, 1);
	response = fetch(&guest, id, 3, NULL, 0, 0);
	assert_int_equal(response.responses.count, 0);
	message_default(&fetch_request_message, &request);
	request.session_id = id;
	request.session_epoch = 4;
	request.forgotten_topics_data.at = words_one(&fetch_request_forgotten_topic_shape, &guest.arena);
	request.forgotten_topics_data.count = 1;
	request.forgotten_topics_data.at[0].topic = VIEW_LITERAL("back");
	request.forgotten_topics_data.at[0].partitions.at = &zero;
	request.forgotten_topics_data.at[0].partitions.count = 1;
	put(&guest, "back", 0);
	put(&guest, "back", 1);
	guest_hear(&guest, API_FETCH, 12, &request, &response);
	assert_int_equal(response.error_code, 0);
	assert_int_equal(response.responses.at[0].partitions.count, 1);
	assert_int_equal(response.responses.at[0].partitions.at[0].partition_index, 1);
	fetch(&guest, id, -1, NULL, 0, 0);
	guest_leave(&guest);
}

static void there_are_no_more_than_configured(void **state)
{
	struct broker *broker = *state;
	struct guest guest;
	int32_t first, second;

	guest_come(&guest, broker);
	ask_topic(&guest, "full", 1);
	first = fetch(&guest, 0, 0, "full", 1, 0).session_id;
	second = fetch(&guest, 0, 0, "full", 1, 0).session_id;
	assert_true(first > 0 && second > 0 && first != second);
	assert_int_equal(fetch(&guest, 0, 0, "full", 1, 0).session_id, 0);
	assert_int_equal(session_count(broker->sessions), 2);
	/* A session that begins anew gives its place to itself. */
	assert_true(fetch(&guest, first, 0, "full", 1, 0).session_id > 0);
	fetch(&guest, second, -1, NULL, 0, 0);
	guest_leave(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_changes_are_told),
		cmocka_unit_test(wrong_ids_and_epochs_are_refused),
		cmocka_unit_test(what_is_forgotten_and_what_comes_back),
		cmocka_unit_test(there_are_no_more_than_configured),
	};

	return cmocka_run_group_tests(tests, begin, guest_end);
}
