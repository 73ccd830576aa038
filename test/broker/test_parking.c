/* test_parking.c - produce requests while uploads lag: they wait in order, go on once there is room, or are told to try again. */
#include "broker/guest.h"
#include "store/disk.h"
#include "wire/kafka_error.h"

#define ROOM  4096
#define VALUE 1000

static struct disk disk;
static bool held; /* no upload gets through */

static int open_unless_held(struct disk *of, const char *path, enum disk_how how, struct disk_file **out,
			    struct fault *fault)
{
	if (__atomic_load_n(&held, __ATOMIC_SEQ_CST) && how == DISK_CREATE && strstr(path, ".new"))
		return fault_set(fault, ERR_IO, "held");
	return disk_system.open(of, path, how, out, fault);
}

static int begin(void **state)
{
	struct broker_options options = { .host = "127.0.0.1", .disk = &disk, .unflushed_bytes_max = ROOM };
	struct fault fault = { 0 };
	struct broker *broker;

	place_make();
	disk = disk_system;
	disk.open = open_unless_held;
	options.folder = the_folder;
	assert_int_equal(loop_new(&clock_system, 1, &the_loop), 0);
	if (broker_open(the_loop, &options, &broker, &fault) < 0)
		fail_msg("%s", fault.text);
	*state = broker;
	return 0;
}

static int end(void **state)
{
	__atomic_store_n(&held, false, __ATOMIC_SEQ_CST);
	produce_timeout_ms = 1000;
	broker_end(*state);
	place_remove();
	return 0;
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
	__atomic_store_n(&held, true, __ATOMIC_SEQ_CST);
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
	__atomic_store_n(&held, false, __ATOMIC_SEQ_CST);
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
	__atomic_store_n(&held, true, __ATOMIC_SEQ_CST);
	produce(&guest, "order", 12);
	wait_parked(broker);
	__atomic_store_n(&held, false, __ATOMIC_SEQ_CST);
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
	__atomic_store_n(&held, true, __ATOMIC_SEQ_CST);
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
