/* test_records.c - what may be written, where a reader may look, and what may be deleted: each rule, and its error. */
#include "broker/group.h"
#include "broker/guest.h"

static const struct view topic = VIEW_LITERAL("t");

static int begin(void **state)
{
	return begin_with(state, "message.max.bytes", "2000");
}

static void make_compacted(struct guest *guest, const char *name)
{
	struct create_topics_request request;
	struct create_topics_response response;

	message_default(&create_topics_request_message, &request);
	request.topics.at = words_one(&create_topics_request_topic_shape, &guest->arena);
	request.topics.count = 1;
	request.topics.at[0].name = view_text(name);
	request.topics.at[0].num_partitions = 1;
	request.topics.at[0].replication_factor = 1;
	request.topics.at[0].configs.at = words_one(&create_topics_request_config_shape, &guest->arena);
	request.topics.at[0].configs.count = 1;
	request.topics.at[0].configs.at[0].name = VIEW_LITERAL("cleanup.policy");
	request.topics.at[0].configs.at[0].value = VIEW_LITERAL("compact");
	guest_hear(guest, API_CREATE_TOPICS, 5, &request, &response);
	assert_int_equal(response.topics.at[0].error_code, 0);
}

/* ---- Produce --------------------------------------------------------------------------------------------------------- */

static int16_t write_to(struct guest *guest, struct view name, struct view records, int16_t acks)
{
	struct produce_request request = words_produce(&guest->arena, name, 0, records);
	struct produce_response response;

	request.acks = acks;
	guest_hear(guest, API_PRODUCE, 9, &request, &response);
	return response.responses.at[0].partition_responses.at[0].error_code;
}

static struct view batch_of(struct guest *guest, const struct batch_options *options, int64_t after_ms,
			    struct view key, struct view value)
{
	return words_batch(&guest->arena, options, clock_wall_ms(&clock_system) + after_ms, key, value);
}

static void what_may_not_be_written(void **state)
{
	enum { YEAR_MS = 365 * 86400000ll };
	struct batch_options plain = batch_options_default, unnumbered = plain, control = plain;
	struct view good, twice, key = VIEW_LITERAL("k"), value = VIEW_LITERAL("v");
	struct guest guest;
	char large[3000];
	uint8_t *copy;

	memset(large, 'x', sizeof large);
	guest_come(&guest, *state);
	ask_topic(&guest, "t", 1);
	make_compacted(&guest, "compacted");
	good = batch_of(&guest, &plain, 0, key, value);
	assert_int_equal(write_to(&guest, topic, good, 2), KAFKA_INVALID_REQUIRED_ACKS);
	assert_int_equal(write_to(&guest, topic, good, -2), KAFKA_INVALID_REQUIRED_ACKS);
	assert_int_equal(write_to(&guest, VIEW_LITERAL("nowhere"), good, -1),
			 KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	/* One batch, and not two; none, or one that ends early. */
	copy = arena_take(&guest.arena, 2 * good.size);
	memcpy(copy, good.at, good.size);
	memcpy(copy + good.size, good.at, good.size);
	twice = view_of(copy, 2 * good.size);
	assert_int_equal(write_to(&guest, topic, twice, -1), KAFKA_INVALID_RECORD);
	assert_int_equal(write_to(&guest, topic, VIEW_LITERAL(""), -1), KAFKA_INVALID_RECORD);
	assert_int_equal(write_to(&guest, topic, view_of(good.at, good.size - 1), -1), KAFKA_INVALID_RECORD);
	assert_int_equal(
		write_to(&guest, topic, batch_of(&guest, &plain, 0, key, view_of(large, sizeof large)), -1),
		KAFKA_MESSAGE_TOO_LARGE);
	/* The offsets of its records, at 23 of its bytes, are said to be two more than there are. */
	copy = arena_take(&guest.arena, good.size);
	memcpy(copy, good.at, good.size);
	copy[26] = 2;
	assert_int_equal(write_to(&guest, topic, view_of(copy, good.size), -1), KAFKA_INVALID_RECORD);
	control.control = true;
	assert_int_equal(write_to(&guest, topic, batch_of(&guest, &control, 0, key, value), -1),
			 KAFKA_INVALID_RECORD);
	unnumbered.producer_id = 5;
	unnumbered.producer_epoch = 0;
	unnumbered.base_sequence = -1;
	assert_int_equal(write_to(&guest, topic, batch_of(&guest, &unnumbered, 0, key, value), -1),
			 KAFKA_INVALID_RECORD);
	assert_int_equal(write_to(&guest, topic, batch_of(&guest, &plain, YEAR_MS, key, value), -1),
			 KAFKA_INVALID_TIMESTAMP);
	assert_int_equal(write_to(&guest, VIEW_LITERAL("compacted"),
				  batch_of(&guest, &plain, 0, VIEW_NULL, value), -1),
			 KAFKA_INVALID_RECORD);
	assert_int_equal(write_to(&guest, VIEW_LITERAL("compacted"), good, -1), 0);
	assert_int_equal(write_to(&guest, VIEW_LITERAL("__consumer_offsets"), good, -1),
			 KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	assert_int_equal(write_to(&guest, topic, good, -1), 0);
	guest_leave(&guest);
}

static void internal_topics_are_not_for_clients(void **state)
{
	struct offset_commit_request commit;
	struct offset_commit_response committed;
	struct delete_topics_request delete;
	struct delete_topics_response deleted;
	struct view name = VIEW_LITERAL("__consumer_offsets");
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "u", 1);
	commit = words_commit(&guest.arena, VIEW_LITERAL("g"), VIEW_LITERAL(""), -1, VIEW_LITERAL("u"), 0, 5);
	do {
		guest_hear(&guest, API_OFFSET_COMMIT, 8, &commit, &committed);
		turn(*state);
	} while (committed.topics.at[0].partitions.at[0].error_code == KAFKA_COORDINATOR_NOT_AVAILABLE);
	assert_int_equal(committed.topics.at[0].partitions.at[0].error_code, 0);
	assert_int_equal(
		write_to(&guest, name,
			 batch_of(&guest, &batch_options_default, 0, VIEW_LITERAL("k"), VIEW_LITERAL("v")),
			 -1),
		KAFKA_INVALID_TOPIC_EXCEPTION);
	message_default(&delete_topics_request_message, &delete);
	delete.topic_names.at = &name;
	delete.topic_names.count = 1;
	guest_hear(&guest, API_DELETE_TOPICS, 5, &delete, &deleted);
	assert_int_equal(deleted.responses.at[0].error_code, KAFKA_INVALID_REQUEST);
	/* The position goes with its topic, and a note of it may be only so long. */
	commit.topics.at[0].partitions.at[0].committed_metadata =
		view_of(arena_take(&guest.arena, 5000), 5000);
	memset((void *)commit.topics.at[0].partitions.at[0].committed_metadata.at, 'm', 5000);
	guest_hear(&guest, API_OFFSET_COMMIT, 8, &commit, &committed);
	assert_int_equal(committed.topics.at[0].partitions.at[0].error_code, KAFKA_OFFSET_METADATA_TOO_LARGE);
	name = VIEW_LITERAL("u");
	guest_hear(&guest, API_DELETE_TOPICS, 5, &delete, &deleted);
	assert_int_equal(deleted.responses.at[0].error_code, 0);
	ticks(*state);
	assert_int_equal(group_named(broker_groups(*state), VIEW_LITERAL("g"))->positions.count, 0);
	guest_leave(&guest);
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static struct fetch_response look(struct guest *guest, int64_t offset, int32_t leader_epoch,
				  int32_t last_epoch, int32_t partition_max_bytes, int partitions)
{
	struct fetch_request request;
	struct fetch_response response;

	message_default(&fetch_request_message, &request);
	request.session_epoch = -1;
	request.max_bytes = 1 << 20;
	request.topics.at = words_one(&fetch_request_topic_shape, &guest->arena);
	request.topics.count = 1;
	request.topics.at[0].topic = VIEW_LITERAL("read");
	request.topics.at[0].partitions.at =
		shape_array(&fetch_request_partition_shape, &guest->arena, partitions);
	request.topics.at[0].partitions.count = partitions;
	for (int i = 0; i < partitions; i++) {
		struct fetch_request_partition *one = &request.topics.at[0].partitions.at[i];

		one->partition = i;
		one->fetch_offset = offset;
		one->current_leader_epoch = leader_epoch;
		one->last_fetched_epoch = last_epoch;
		one->partition_max_bytes = partition_max_bytes;
	}
	guest_hear(guest, API_FETCH, 12, &request, &response);
	return response;
}

static int16_t looked(struct guest *guest, int64_t offset, int32_t leader_epoch)
{
	struct fetch_response response = look(guest, offset, leader_epoch, -1, 1 << 20, 1);

	return response.responses.at[0].partitions.at[0].error_code;
}

static int16_t listed(struct guest *guest, int32_t leader_epoch)
{
	struct list_offsets_request request;
	struct list_offsets_response response;

	message_default(&list_offsets_request_message, &request);
	request.topics.at = words_one(&list_offsets_request_topic_shape, &guest->arena);
	request.topics.count = 1;
	request.topics.at[0].name = VIEW_LITERAL("read");
	request.topics.at[0].partitions.at = words_one(&list_offsets_request_partition_shape, &guest->arena);
	request.topics.at[0].partitions.count = 1;
	request.topics.at[0].partitions.at[0].current_leader_epoch = leader_epoch;
	request.topics.at[0].partitions.at[0].timestamp = -1;
	guest_hear(guest, API_LIST_OFFSETS, 7, &request, &response);
	return response.topics.at[0].partitions.at[0].error_code;
}

static int16_t ends(struct guest *guest, int32_t leader_epoch)
{
	struct offset_for_leader_epoch_request request;
	struct offset_for_leader_epoch_response response;

	message_default(&offset_for_leader_epoch_request_message, &request);
	request.topics.at = words_one(&offset_for_leader_epoch_request_topic_shape, &guest->arena);
	request.topics.count = 1;
	request.topics.at[0].topic = VIEW_LITERAL("read");
	request.topics.at[0].partitions.at =
		words_one(&offset_for_leader_epoch_request_partition_shape, &guest->arena);
	request.topics.at[0].partitions.count = 1;
	request.topics.at[0].partitions.at[0].current_leader_epoch = leader_epoch;
	guest_hear(guest, API_OFFSET_FOR_LEADER_EPOCH, 4, &request, &response);
	return response.topics.at[0].partitions.at[0].error_code;
}

static int16_t cut(struct guest *guest, const char *name, int64_t offset)
{
	struct delete_records_request request;
	struct delete_records_response response;

	message_default(&delete_records_request_message, &request);
	request.timeout_ms = 10000;
	request.topics.at = words_one(&delete_records_request_topic_shape, &guest->arena);
	request.topics.count = 1;
	request.topics.at[0].name = view_text(name);
	request.topics.at[0].partitions.at =
		words_one(&delete_records_request_partition_shape, &guest->arena);
	request.topics.at[0].partitions.count = 1;
	request.topics.at[0].partitions.at[0].offset = offset;
	guest_hear(guest, API_DELETE_RECORDS, 1, &request, &response);
	return response.topics.at[0].partitions.at[0].error_code;
}

static void where_a_reader_may_look(void **state)
{
	struct store_partition_state now;
	const struct fetch_response_partition *part;
	struct fetch_response response;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "read", 2);
	for (int i = 0; i < 4; i++) {
		frame_produce(&guest, "read", i % 2, "some bytes", -1);
		guest_send(&guest);
	}
	guest_wait(&guest, 5);
	store_partition_state(store_topic_named(guest.broker->store, VIEW_LITERAL("read"))->partitions[0],
			      &now);
	assert_int_equal(looked(&guest, 2, -1), 0);
	assert_int_equal(looked(&guest, 3, -1), KAFKA_OFFSET_OUT_OF_RANGE);
	assert_int_equal(looked(&guest, -1, -1), KAFKA_OFFSET_OUT_OF_RANGE);
	/* Of another epoch of the leader. */
	assert_int_equal(looked(&guest, 0, now.leader_epoch), 0);
	assert_int_equal(looked(&guest, 0, now.leader_epoch + 1), KAFKA_UNKNOWN_LEADER_EPOCH);
	assert_int_equal(listed(&guest, now.leader_epoch), 0);
	assert_int_equal(listed(&guest, now.leader_epoch + 1), KAFKA_UNKNOWN_LEADER_EPOCH);
	assert_int_equal(ends(&guest, now.leader_epoch), 0);
	assert_int_equal(ends(&guest, now.leader_epoch + 1), KAFKA_UNKNOWN_LEADER_EPOCH);
	/* It has more of this epoch than there is: it has to go back. */
	response = look(&guest, 9, -1, now.leader_epoch, 1 << 20, 1);
	part = &response.responses.at[0].partitions.at[0];
	assert_int_equal(part->error_code, 0);
	assert_int_equal(part->diverging_epoch.epoch, now.leader_epoch);
	assert_int_equal(part->diverging_epoch.end_offset, 2);
	/* Only the first that has something may go past the limit. */
	response = look(&guest, 0, -1, -1, 1, 2);
	assert_true(response.responses.at[0].partitions.at[0].records.size > 1);
	assert_int_equal(response.responses.at[0].partitions.at[1].records.size, 0);

	assert_int_equal(cut(&guest, "read", 3), KAFKA_OFFSET_OUT_OF_RANGE);
	assert_int_equal(cut(&guest, "read", -2), KAFKA_OFFSET_OUT_OF_RANGE);
	assert_int_equal(cut(&guest, "read", 1), 0);
	assert_int_equal(looked(&guest, 0, -1), KAFKA_OFFSET_OUT_OF_RANGE);
	assert_int_equal(looked(&guest, 1, -1), 0);
	make_compacted(&guest, "compact-cut");
	assert_int_equal(cut(&guest, "compact-cut", 0), KAFKA_POLICY_VIOLATION);
	guest_leave(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_not_be_written),
		cmocka_unit_test(internal_topics_are_not_for_clients),
		cmocka_unit_test(where_a_reader_may_look),
	};

	return cmocka_run_group_tests(tests, begin, guest_end);
}
