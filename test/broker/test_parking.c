/* test_parking.c - produce requests while uploads lag: they wait in order, go on once there is room, or are told to try again. */
#include "broker/guest.h"
#include "wire/kafka_error.h"

#define ROOM  4096
#define VALUE 1000

static int begin(void **state)
{
	return begin_holding(state, ROOM);
}

static int end(void **state)
{
	uploads_held = false;
	produce_timeout_ms = 1000;
	return guest_end(state);
}

static void produce(struct guest *guest, const char *topic, int count)
{
	char value[VALUE + 1];

	for (int i = 0; i < count; i++) {
		memset(value, 'a' + i, VALUE);
		value[VALUE] = 0;
		frame_produce(guest, topic, 0, value, -1);
	}
	guest_send(guest);
}

static int16_t outcome(struct guest *guest, int index, int64_t *offset)
{
	struct produce_response response;

	guest_read(guest, index, API_PRODUCE, 9, &response);
	*offset = response.responses.at[0].partition_responses.at[0].base_offset;
	return response.responses.at[0].partition_responses.at[0].error_code;
}

static void wait_parked(struct broker *broker)
{
	for (int64_t until = loop_now_ms(broker->loop) + WAIT_MS;
	     !broker->parked_bytes && loop_now_ms(broker->loop) < until;)
		turn(broker);
	assert_true(broker->parked_bytes > 0);
}

static void who_waits_too_long_is_told_to_try_again(void **state)
{
	struct broker *broker = *state;
	struct guest guest;
	int64_t offset;
	int taken = 0;

	guest_come(&guest, broker);
	ask_topic(&guest, "late", 1);
	uploads_held = true;
	produce(&guest, "late", 8);
	wait_parked(broker);
	guest_wait(&guest, 9); /* each says that it waits a second */
	for (int i = 0; i < 8; i++) {
		int16_t error = outcome(&guest, 1 + i, &offset);

		assert_int_equal(guest_id(&guest, 1 + i), 1 + i);
		if (error == KAFKA_NONE) {
			assert_int_equal(offset, taken);
			assert_int_equal(taken++, i); /* nobody got in behind one that did not */
		} else {
			assert_int_equal(error, KAFKA_NOT_ENOUGH_REPLICAS);
		}
	}
	assert_in_range(taken, 1, ROOM / VALUE);
	assert_int_equal(broker->parked_bytes, 0);
	uploads_held = false;
	guest_leave(&guest);
}

static void who_waits_goes_on_in_order(void **state)
{
	struct broker *broker = *state;
	struct guest guest;
	int64_t offset;

	guest_come(&guest, broker);
	ask_topic(&guest, "order", 1);
	produce_timeout_ms = WAIT_MS;
	uploads_held = true;
	produce(&guest, "order", 12);
	wait_parked(broker);
	uploads_held = false;
	guest_wait(&guest, 13);
	for (int i = 0; i < 12; i++) {
		assert_int_equal(outcome(&guest, 1 + i, &offset), KAFKA_NONE);
		assert_int_equal(offset, i);
	}
	guest_leave(&guest);
}

static void who_leaves_waits_no_more(void **state)
{
	struct broker *broker = *state;
	struct guest guest;

	guest_come(&guest, broker);
	ask_topic(&guest, "gone", 1);
	uploads_held = true;
	produce(&guest, "gone", 12);
	wait_parked(broker);
	guest_leave(&guest);
	assert_int_equal(broker->parked_bytes, 0);
	assert_true(list_empty(&broker->parked));
	assert_int_equal(broker->request_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_waits_too_long_is_told_to_try_again, begin, end),
		cmocka_unit_test_setup_teardown(who_waits_goes_on_in_order, begin, end),
		cmocka_unit_test_setup_teardown(who_leaves_waits_no_more, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
