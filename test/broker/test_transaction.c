/* test_transaction.c - the rules of the transaction coordinator, as tables; and a transaction as a client sees it. */
#include "broker/group.h"
#include "broker/guest.h"
#include "broker/transaction.h"

enum { ID = 7, OTHER = 8, BEFORE = 6 };

#define LAST TRANSACTION_EPOCH_LAST

static struct transaction that(enum transaction_state state, int16_t epoch, int16_t last_epoch, bool busy)
{
	struct transaction t = { .is = { .producer_id = ID,
					 .previous_id = BEFORE,
					 .next_id = -1,
					 .epoch = epoch,
					 .last_epoch = last_epoch,
					 .state = state },
				 .busy = busy };

	map_init(&t.partitions);
	return t;
}

static void who_may_begin(void **state)
{
	static const struct {
		enum transaction_state state;
		int16_t epoch, last_epoch;
		bool busy;
		int64_t asks_id;
		int16_t asks_epoch;
		enum transaction_init_step step;
		int16_t error;
	} table[] = {
		/* Somebody new under the name. */
		{ TRANSACTION_EMPTY, 0, -1, false, -1, -1, TRANSACTION_INIT_BUMP, 0 },
		{ TRANSACTION_COMPLETE_COMMIT, 5, 4, false, -1, -1, TRANSACTION_INIT_BUMP, 0 },
		{ TRANSACTION_ONGOING, 5, 4, false, -1, -1, TRANSACTION_INIT_ABORT, 0 },
		{ TRANSACTION_PREPARE_COMMIT, 5, 4, false, -1, -1, TRANSACTION_INIT_REFUSE, 51 },
		{ TRANSACTION_PREPARE_ABORT, 5, 4, false, -1, -1, TRANSACTION_INIT_REFUSE, 51 },
		{ TRANSACTION_EMPTY, 5, 4, true, -1, -1, TRANSACTION_INIT_REFUSE, 51 },
		{ TRANSACTION_EMPTY, LAST - 1, -1, false, -1, -1, TRANSACTION_INIT_BUMP, 0 },
		{ TRANSACTION_EMPTY, LAST, -1, false, -1, -1, TRANSACTION_INIT_NEW_ID, 0 },
		{ TRANSACTION_COMPLETE_ABORT, INT16_MAX, -1, false, -1, -1, TRANSACTION_INIT_NEW_ID, 0 },
		/* The producer that had it. */
		{ TRANSACTION_EMPTY, 5, -1, false, ID, 5, TRANSACTION_INIT_BUMP, 0 },
		{ TRANSACTION_EMPTY, 5, 4, false, ID, 4, TRANSACTION_INIT_REPEAT, 0 },
		{ TRANSACTION_EMPTY, 5, -1, false, ID, 4, TRANSACTION_INIT_REFUSE, 90 },
		{ TRANSACTION_EMPTY, 5, 4, false, ID, 3, TRANSACTION_INIT_REFUSE, 90 },
		{ TRANSACTION_EMPTY, 5, 4, false, ID, 6, TRANSACTION_INIT_REFUSE, 90 },
		{ TRANSACTION_EMPTY, LAST, 4, false, ID, LAST, TRANSACTION_INIT_NEW_ID, 0 },
		{ TRANSACTION_EMPTY, LAST, LAST - 1, false, ID, LAST - 1, TRANSACTION_INIT_REPEAT, 0 },
		/* Another one. */
		{ TRANSACTION_EMPTY, 5, 4, false, OTHER, 5, TRANSACTION_INIT_REFUSE, 90 },
		{ TRANSACTION_ONGOING, 5, 4, false, OTHER, 5, TRANSACTION_INIT_REFUSE, 90 },
		{ TRANSACTION_PREPARE_ABORT, 5, 4, false, OTHER, 5, TRANSACTION_INIT_REFUSE, 90 },
		/* The id before, whose epochs were used up, and which did not hear of the new one. */
		{ TRANSACTION_EMPTY, 0, LAST, false, BEFORE, LAST, TRANSACTION_INIT_REPEAT, 0 },
		{ TRANSACTION_EMPTY, 0, LAST, false, BEFORE, LAST - 1, TRANSACTION_INIT_REFUSE, 90 },
		{ TRANSACTION_EMPTY, 1, 0, false, BEFORE, LAST, TRANSACTION_INIT_REFUSE, 90 },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct transaction t =
			that(table[i].state, table[i].epoch, table[i].last_epoch, table[i].busy);
		int16_t error = -7;
		enum transaction_init_step step =
			transaction_init_rule(&t, table[i].asks_id, table[i].asks_epoch, &error);

		if (step != table[i].step || error != table[i].error)
			fail_msg("line %zu: step %d, error %d", i, (int)step, error);
	}
}

static void who_may_end(void **state)
{
	static const struct {
		enum transaction_state state;
		int16_t epoch, asks_epoch;
		bool commit, bumps;
		enum transaction_end_step step;
		int16_t error;
	} table[] = {
		{ TRANSACTION_ONGOING, 5, 5, true, false, TRANSACTION_END_WRITE, 0 },
		{ TRANSACTION_ONGOING, 5, 5, true, true, TRANSACTION_END_WRITE, 0 },
		{ TRANSACTION_ONGOING, 5, 4, true, true, TRANSACTION_END_ANSWER, 90 },
		{ TRANSACTION_ONGOING, 5, 6, false, false, TRANSACTION_END_ANSWER, 90 },
		{ TRANSACTION_ONGOING, LAST, LAST, true, false, TRANSACTION_END_WRITE, 0 },
		{ TRANSACTION_ONGOING, LAST, LAST, true, true, TRANSACTION_END_NEW_ID, 0 },
		/* Nothing is open. */
		{ TRANSACTION_EMPTY, 5, 5, true, false, TRANSACTION_END_ANSWER, 48 },
		{ TRANSACTION_EMPTY, 5, 5, true, true, TRANSACTION_END_ANSWER, 48 },
		{ TRANSACTION_EMPTY, 5, 5, false, false, TRANSACTION_END_ANSWER, 48 },
		{ TRANSACTION_EMPTY, 5, 5, false, true, TRANSACTION_END_WRITE, 0 },
		/* Again, as its answer was lost: without an epoch of its own it is told by the state. */
		{ TRANSACTION_COMPLETE_COMMIT, 5, 5, true, false, TRANSACTION_END_ANSWER, 0 },
		{ TRANSACTION_COMPLETE_COMMIT, 5, 5, false, false, TRANSACTION_END_ANSWER, 48 },
		{ TRANSACTION_COMPLETE_ABORT, 5, 5, false, false, TRANSACTION_END_ANSWER, 0 },
		{ TRANSACTION_COMPLETE_COMMIT, 6, 5, true, true, TRANSACTION_END_ANSWER, 0 },
		{ TRANSACTION_COMPLETE_COMMIT, 6, 5, false, true, TRANSACTION_END_ANSWER, 48 },
		{ TRANSACTION_COMPLETE_ABORT, 6, 6, false, true, TRANSACTION_END_WRITE, 0 },
		/* Decided, and its markers are on their way. */
		{ TRANSACTION_PREPARE_COMMIT, 5, 5, true, false, TRANSACTION_END_ANSWER, 51 },
		{ TRANSACTION_PREPARE_COMMIT, 5, 5, false, false, TRANSACTION_END_ANSWER, 51 },
		{ TRANSACTION_PREPARE_COMMIT, 6, 6, false, true, TRANSACTION_END_ANSWER, 51 },
		{ TRANSACTION_PREPARE_ABORT, 6, 5, false, true, TRANSACTION_END_ANSWER, 51 },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct transaction t = that(table[i].state, table[i].epoch, -1, false);
		int16_t error = -7;
		enum transaction_end_step step = transaction_end_rule(
			&t, ID, table[i].asks_epoch, table[i].commit, table[i].bumps, &error);

		if (step != table[i].step || error != table[i].error)
			fail_msg("line %zu: step %d, error %d", i, (int)step, error);
		assert_int_equal(transaction_end_rule(&t, OTHER, table[i].asks_epoch, true, false, &error),
				 TRANSACTION_END_ANSWER);
		assert_int_equal(error, KAFKA_INVALID_PRODUCER_ID_MAPPING);
	}
}

static void who_may_write(void **state)
{
	struct transaction t = that(TRANSACTION_ONGOING, 5, -1, false);
	struct view topic = VIEW_LITERAL("orders"), id = VIEW_LITERAL("mine");
	char mine[] = "mine";
	uint8_t raw[POSITION_KEY_MAX];

	t.id = mine;
	assert_int_equal(map_put(&t.partitions, position_key(raw, topic, 2), &t), 0);
	assert_int_equal(transaction_write_rule(NULL, id, topic, 2, 5, 12),
			 KAFKA_INVALID_PRODUCER_ID_MAPPING);
	assert_int_equal(transaction_write_rule(&t, id, topic, 2, 5, 9), KAFKA_NONE);
	assert_int_equal(transaction_write_rule(&t, id, topic, 2, 4, 9), KAFKA_INVALID_PRODUCER_EPOCH);
	assert_int_equal(transaction_write_rule(&t, id, topic, 3, 5, 9), KAFKA_INVALID_TXN_STATE);
	assert_int_equal(transaction_write_rule(&t, id, topic, 3, 5, 11), KAFKA_TRANSACTION_ABORTABLE);
	/* Who may do as "yours" may not do as "mine", whatever producer id he says. */
	assert_int_equal(transaction_write_rule(&t, VIEW_LITERAL("yours"), topic, 2, 5, 9),
			 KAFKA_INVALID_PRODUCER_ID_MAPPING);
	assert_int_equal(transaction_write_rule(&t, VIEW_LITERAL("mine2"), topic, 2, 5, 9),
			 KAFKA_INVALID_PRODUCER_ID_MAPPING);
	t.is.state = TRANSACTION_PREPARE_COMMIT;
	assert_int_equal(transaction_write_rule(&t, id, topic, 2, 5, 9), KAFKA_INVALID_TXN_STATE);
	assert_int_equal(transaction_write_rule(&t, id, topic, 2, 5, 12), KAFKA_CONCURRENT_TRANSACTIONS);
	map_done(&t.partitions);
}

static void when_an_id_is_forgotten(void **state)
{
	struct transaction t = that(TRANSACTION_EMPTY, 5, -1, false);

	t.is.update_ms = 1000;
	assert_false(transaction_expired(&t, 1999, 1000));
	assert_true(transaction_expired(&t, 2000, 1000));
	t.busy = true;
	assert_false(transaction_expired(&t, 2000, 1000));
	t.busy = false;
	for (int s = TRANSACTION_EMPTY; s <= TRANSACTION_COMPLETE_ABORT; s++) {
		t.is.state = (enum transaction_state)s;
		assert_int_equal(transaction_expired(&t, 2000, 1000),
				 s == TRANSACTION_EMPTY || s >= TRANSACTION_COMPLETE_COMMIT);
	}
	t.is.state = TRANSACTION_EMPTY;
	t.is.producer_id = -1;
	assert_false(transaction_expired(&t, 2000, 1000));
}

/* ---- a play ---------------------------------------------------------------------------------------------------------- */

static int begin(void **state)
{
	return begin_with(state, "transaction.state.log.num.partitions", "3");
}

static struct init_producer_id_response init(struct guest *guest, const char *id, int64_t producer_id,
					     int16_t epoch, int32_t timeout_ms)
{
	struct init_producer_id_request request;
	struct init_producer_id_response response;

	do {
		message_default(&init_producer_id_request_message, &request);
		request.transactional_id = view_text(id);
		request.transaction_timeout_ms = timeout_ms;
		request.producer_id = producer_id;
		request.producer_epoch = epoch;
		guest_hear(guest, API_INIT_PRODUCER_ID, 4, &request, &response);
		turn(guest->broker);
	} while (response.error_code == KAFKA_COORDINATOR_NOT_AVAILABLE);
	return response;
}

static int16_t add(struct guest *guest, const char *id, int64_t producer_id, int16_t epoch, const char *topic,
		   int32_t partition)
{
	struct add_partitions_to_txn_request request =
		words_add(&guest->arena, (struct words_producer){ view_text(id), producer_id, epoch },
			  view_text(topic), partition);
	struct add_partitions_to_txn_response response;

	guest_hear(guest, API_ADD_PARTITIONS_TO_TXN, 3, &request, &response);
	return response.results_by_topic_v3_and_below.at[0].results_by_partition.at[0].partition_error_code;
}

static int16_t finish(struct guest *guest, const char *id, int64_t producer_id, int16_t epoch, bool commit)
{
	struct end_txn_request request =
		words_end((struct words_producer){ view_text(id), producer_id, epoch }, commit);
	struct end_txn_response response;

	guest_hear(guest, API_END_TXN, 3, &request, &response);
	return response.error_code;
}

static void a_producer_comes_back_and_fences(void **state)
{
	struct broker *broker = *state;
	struct init_producer_id_response one, two;
	struct guest guest;

	guest_come(&guest, broker);
	ask_topic(&guest, "fence", 1);
	assert_int_equal(init(&guest, "t", -1, -1, 0).error_code, KAFKA_INVALID_TRANSACTION_TIMEOUT);
	assert_int_equal(init(&guest, "t", -1, -1, 900001).error_code, KAFKA_INVALID_TRANSACTION_TIMEOUT);
	assert_int_equal(init(&guest, "t", 1, -1, 1000).error_code, KAFKA_INVALID_REQUEST);
	assert_int_equal(init(&guest, "", -1, -1, 1000).error_code, KAFKA_INVALID_REQUEST);
	/* An id that nobody knows is new, whoever asks. */
	one = init(&guest, "t", 12345, 3, 60000);
	assert_int_equal(one.error_code, 0);
	assert_int_equal(one.producer_epoch, 0);
	assert_int_equal(add(&guest, "t", one.producer_id, 0, "fence", 0), 0);
	assert_int_equal(add(&guest, "t", one.producer_id, 1, "fence", 0), KAFKA_PRODUCER_FENCED);
	assert_int_equal(add(&guest, "t", one.producer_id, 0, "nowhere", 0),
			 KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	/* What is open is aborted first, and its producer fenced. */
	two = init(&guest, "t", -1, -1, 60000);
	assert_int_equal(two.error_code, KAFKA_CONCURRENT_TRANSACTIONS);
	while (two.error_code == KAFKA_CONCURRENT_TRANSACTIONS)
		two = init(&guest, "t", -1, -1, 60000);
	assert_int_equal(two.error_code, 0);
	assert_int_equal(two.producer_id, one.producer_id);
	assert_int_equal(two.producer_epoch, 2);
	assert_int_equal(finish(&guest, "t", one.producer_id, 0, true), KAFKA_PRODUCER_FENCED);
	assert_int_equal(init(&guest, "t", one.producer_id, 0, 60000).error_code, KAFKA_PRODUCER_FENCED);
	assert_int_equal(finish(&guest, "t", two.producer_id, 2, true), KAFKA_INVALID_TXN_STATE);
	assert_int_equal(add(&guest, "t", two.producer_id, 2, "fence", 0), 0);
	assert_int_equal(finish(&guest, "t", two.producer_id, 2, true), 0);
	guest_leave(&guest);
}

/* ---- positions in a transaction -------------------------------------------------------------------------------------- */

static int16_t add_group(struct guest *guest, struct words_producer who, const char *group)
{
	struct add_offsets_to_txn_request request = words_add_group(who, view_text(group));
	struct add_offsets_to_txn_response response;

	do {
		guest_hear(guest, API_ADD_OFFSETS_TO_TXN, 3, &request, &response);
		turn(guest->broker);
	} while (response.error_code == KAFKA_COORDINATOR_NOT_AVAILABLE);
	return response.error_code;
}

static int16_t stand(struct guest *guest, struct words_producer who, const char *group, int64_t offset,
		     int32_t generation)
{
	struct txn_offset_commit_request request =
		words_txn_commit(&guest->arena, who, view_text(group), VIEW_LITERAL("t"), 0, offset);
	struct txn_offset_commit_response response;

	request.generation_id = generation;
	guest_hear(guest, API_TXN_OFFSET_COMMIT, 3, &request, &response);
	return response.topics.at[0].partitions.at[0].error_code;
}

/* Where it stands; -2 while a transaction is about to say. */
static int64_t stands(struct guest *guest, const char *group, bool stable)
{
	struct offset_fetch_request request =
		words_position(&guest->arena, view_text(group), VIEW_LITERAL("t"), 0, stable);
	struct offset_fetch_response response;

	do {
		guest_hear(guest, API_OFFSET_FETCH, 7, &request, &response);
		turn(guest->broker);
	} while (response.error_code == KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
	assert_int_equal(response.error_code, 0);
	return response.topics.at[0].partitions.at[0].error_code == KAFKA_UNSTABLE_OFFSET_COMMIT
		       ? -2
		       : response.topics.at[0].partitions.at[0].committed_offset;
}

static struct broker *start_again(void **state, struct guest *guest)
{
	guest_leave(guest);
	broker_end(*state);
	*state = broker_begin("transaction.state.log.num.partitions", "3");
	guest_come(guest, *state);
	return *state;
}

static void end_positions(struct guest *guest, struct words_producer who, int64_t offset, bool commit)
{
	int16_t error;

	assert_int_equal(add_group(guest, who, "g"), 0);
	assert_int_equal(stand(guest, who, "g", offset, -1), 0);
	do
		error = finish(guest, "p", who.id, who.epoch, commit);
	while (error == KAFKA_CONCURRENT_TRANSACTIONS);
	assert_int_equal(error, 0);
}

/* A guest, a topic "t", and the transactional id "p" begun. */
static struct words_producer come_with_producer(struct guest *guest, struct broker *broker)
{
	struct words_producer who = { VIEW_LITERAL("p") };
	struct init_producer_id_response begun;

	guest_come(guest, broker);
	ask_topic(guest, "t", 1);
	begun = init(guest, "p", -1, -1, 60000);
	who.id = begun.producer_id;
	who.epoch = begun.producer_epoch;
	return who;
}

static void positions_count_with_their_transaction(void **state)
{
	struct words_producer who;
	struct guest guest;

	who = come_with_producer(&guest, *state);
	assert_int_equal(add(&guest, "p", who.id, who.epoch, "t", 0), 0);
	/* Of a group that the transaction does not know, and of a member that is not there. */
	while (stand(&guest, who, "g", 4, -1) == KAFKA_COORDINATOR_NOT_AVAILABLE)
		turn(*state);
	assert_int_equal(stand(&guest, who, "g", 4, -1), KAFKA_INVALID_TXN_STATE);
	assert_int_equal(add_group(&guest, who, "g"), 0);
	assert_int_equal(stand(&guest, who, "g", 4, 1), KAFKA_ILLEGAL_GENERATION);
	assert_int_equal(stand(&guest, who, "g", 5, -1), 0);
	for (int starts = 0; starts < 2; starts++) {
		assert_int_equal(stands(&guest, "g", true), -2);
		assert_int_equal(stands(&guest, "g", false), -1);
		if (starts == 0)
			start_again(state, &guest);
	}
	assert_int_equal(finish(&guest, "p", who.id, who.epoch, false), 0);
	assert_int_equal(stands(&guest, "g", true), -1);
	end_positions(&guest, who, 6, true);
	assert_int_equal(stands(&guest, "g", true), 6);
	end_positions(&guest, who, 7, false);
	assert_int_equal(stands(&guest, "g", true), 6);
	start_again(state, &guest);
	assert_int_equal(stands(&guest, "g", true), 6);
	guest_leave(&guest);
}

/* Of a position in a transaction and one without, the one that was written last holds, whenever the transaction ends. */
static void the_later_position_holds(void **state)
{
	struct words_producer who;
	struct offset_commit_request request;
	struct offset_commit_response response;
	struct guest guest;

	who = come_with_producer(&guest, *state);
	assert_int_equal(add_group(&guest, who, "g"), 0);
	assert_int_equal(stand(&guest, who, "g", 5, -1), 0);
	request =
		words_commit(&guest.arena, VIEW_LITERAL("g"), VIEW_LITERAL(""), -1, VIEW_LITERAL("t"), 0, 9);
	guest_hear(&guest, API_OFFSET_COMMIT, 8, &request, &response);
	assert_int_equal(response.topics.at[0].partitions.at[0].error_code, 0);
	assert_int_equal(finish(&guest, "p", who.id, who.epoch, true), 0);
	assert_int_equal(stands(&guest, "g", true), 9);
	start_again(state, &guest);
	assert_int_equal(stands(&guest, "g", true), 9);
	end_positions(&guest, who, 11, true);
	assert_int_equal(stands(&guest, "g", true), 11);
	guest_leave(&guest);
}

/* ---- time and epochs ------------------------------------------------------------------------------------------------- */

static int32_t reads(struct guest *guest, const char *topic, int8_t isolation,
		     struct fetch_response *response)
{
	struct fetch_request request;

	message_default(&fetch_request_message, &request);
	request.session_epoch = -1;
	request.isolation_level = isolation;
	request.max_bytes = 1 << 20;
	request.topics.at = words_one(&fetch_request_topic_shape, &guest->arena);
	request.topics.count = 1;
	request.topics.at[0].topic = view_text(topic);
	request.topics.at[0].partitions.at = words_one(&fetch_request_partition_shape, &guest->arena);
	request.topics.at[0].partitions.count = 1;
	request.topics.at[0].partitions.at[0].partition_max_bytes = 1 << 20;
	guest_hear(guest, API_FETCH, 12, &request, response);
	return (int32_t)response->responses.at[0].partitions.at[0].records.size;
}

static int64_t listed(struct guest *guest, const char *topic, int8_t isolation, int64_t timestamp)
{
	struct list_offsets_request request;
	struct list_offsets_response response;

	message_default(&list_offsets_request_message, &request);
	request.isolation_level = isolation;
	request.topics.at = words_one(&list_offsets_request_topic_shape, &guest->arena);
	request.topics.count = 1;
	request.topics.at[0].name = view_text(topic);
	request.topics.at[0].partitions.at = words_one(&list_offsets_request_partition_shape, &guest->arena);
	request.topics.at[0].partitions.count = 1;
	request.topics.at[0].partitions.at[0].timestamp = timestamp;
	guest_hear(guest, API_LIST_OFFSETS, 7, &request, &response);
	return response.topics.at[0].partitions.at[0].offset;
}

static int16_t writes(struct guest *guest, struct words_producer who, const char *topic, int32_t sequence)
{
	struct batch_options options = batch_options_default;
	struct produce_request request;
	struct produce_response response;

	options.producer_id = who.id;
	options.producer_epoch = who.epoch;
	options.base_sequence = sequence;
	options.transactional = true;
	request = words_produce(&guest->arena, view_text(topic), 0,
				words_batch(&guest->arena, &options, clock_wall_ms(&clock_system),
					    VIEW_LITERAL("k"), VIEW_LITERAL("v")));
	request.transactional_id = who.transactional_id;
	guest_hear(guest, API_PRODUCE, 9, &request, &response);
	return response.responses.at[0].partition_responses.at[0].error_code;
}

/* What is open is not read by who reads what is committed, and ends when its time is over, by an epoch that fences its producer. */
static void a_transaction_that_takes_too_long(void **state)
{
	struct init_producer_id_response begun, other;
	struct words_producer who = { VIEW_LITERAL("p") };
	const struct fetch_response_partition *part;
	struct fetch_response response;
	struct guest guest;

	wall_shift_ms = 0;
	guest_come(&guest, *state);
	ask_topic(&guest, "t", 1);
	begun = init(&guest, "p", -1, -1, 60000);
	other = init(&guest, NULL, -1, -1, 60000);
	assert_true(init(&guest, NULL, -1, -1, 60000).producer_id != other.producer_id);
	assert_true(begun.producer_id != other.producer_id);
	who.id = begun.producer_id;
	assert_int_equal(writes(&guest, who, "t", 0), KAFKA_INVALID_TXN_STATE); /* it was not added */
	assert_int_equal(add(&guest, "p", who.id, 0, "t", 0), 0);
	assert_int_equal(writes(&guest, who, "t", 0), 0);
	assert_int_equal(reads(&guest, "t", 1, &response), 0);
	assert_true(reads(&guest, "t", 0, &response) > 60);
	assert_int_equal(listed(&guest, "t", 0, -1), 1);
	assert_int_equal(listed(&guest, "t", 1, -1), 0);
	assert_int_equal(listed(&guest, "t", 0, 0), 0);
	assert_int_equal(listed(&guest, "t", 1, 0), -1);
	wall_shift_ms = 59000;
	ticks(*state);
	assert_int_equal(listed(&guest, "t", 0, -1), 1);
	wall_shift_ms = 61000;
	ticks(*state);
	assert_int_equal(add(&guest, "p", who.id, 0, "t", 0), KAFKA_PRODUCER_FENCED);
	assert_int_equal(listed(&guest, "t", 1, -1), 2); /* and the marker */
	reads(&guest, "t", 1, &response);
	part = &response.responses.at[0].partitions.at[0];
	assert_int_equal(part->aborted_transactions.count, 1);
	assert_int_equal(part->aborted_transactions.at[0].producer_id, who.id);
	assert_int_equal(part->aborted_transactions.at[0].first_offset, 0);
	guest_leave(&guest);
	wall_shift_ms = 0;
}

static int16_t verify(struct guest *guest, struct words_producer who, const char *topic, int32_t partition)
{
	struct add_partitions_to_txn_request request;
	struct add_partitions_to_txn_response response;
	struct add_partitions_to_txn_request_transaction *one;

	message_default(&add_partitions_to_txn_request_message, &request);
	one = words_one(&add_partitions_to_txn_request_transaction_shape, &guest->arena);
	one->transactional_id = who.transactional_id;
	one->producer_id = who.id;
	one->producer_epoch = who.epoch;
	one->verify_only = true;
	one->topics.at = words_one(&add_partitions_to_txn_request_topic_shape, &guest->arena);
	one->topics.count = 1;
	one->topics.at[0].name = view_text(topic);
	one->topics.at[0].partitions.at = &partition;
	one->topics.at[0].partitions.count = 1;
	request.transactions.at = one;
	request.transactions.count = 1;
	guest_hear(guest, API_ADD_PARTITIONS_TO_TXN, 5, &request, &response);
	return response.results_by_transaction.at[0]
		.topic_results.at[0]
		.results_by_partition.at[0]
		.partition_error_code;
}

/* To be asked changes nothing. */
static void is_it_in_the_transaction(void **state)
{
	struct words_producer who = { VIEW_LITERAL("p") };
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 2);
	who.id = init(&guest, "p", -1, -1, 60000).producer_id;
	assert_int_equal(verify(&guest, who, "t", 0), KAFKA_TRANSACTION_ABORTABLE);
	assert_int_equal(add(&guest, "p", who.id, 0, "t", 0), 0);
	assert_int_equal(verify(&guest, who, "t", 0), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(verify(&guest, who, "t", 1), KAFKA_TRANSACTION_ABORTABLE);
	assert_int_equal(finish(&guest, "p", who.id, 0, true), 0);
	guest_leave(&guest);
}

/* The last epoch of an id: the next transaction is of another id, from its first epoch. */
/* The right to one transactional id is none to write into the transaction of another. */
static void nobody_writes_for_another(void **state)
{
	struct words_producer mine = { VIEW_LITERAL("mine") }, yours = { VIEW_LITERAL("yours") };
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 1);
	mine.id = init(&guest, "mine", -1, -1, 60000).producer_id;
	init(&guest, "yours", -1, -1, 60000);
	assert_int_equal(add(&guest, "mine", mine.id, 0, "t", 0), 0);
	yours.id = mine.id;
	assert_int_equal(writes(&guest, yours, "t", 0), KAFKA_INVALID_PRODUCER_ID_MAPPING);
	assert_int_equal(writes(&guest, mine, "t", 0), 0);
	assert_int_equal(writes(&guest, yours, "t", 1), KAFKA_INVALID_PRODUCER_ID_MAPPING);
	assert_int_equal(finish(&guest, "mine", mine.id, 0, true), 0);
	guest_leave(&guest);
}

static void epochs_may_be_used_up(void **state)
{
	struct init_producer_id_response begun;
	struct words_producer who = { VIEW_LITERAL("p"), 0, LAST };
	struct end_txn_request request;
	struct end_txn_response response;
	struct transaction *transaction;
	struct guest guest;

	guest_come(&guest, *state);
	ask_topic(&guest, "t", 1);
	begun = init(&guest, "p", -1, -1, 60000);
	transaction = transaction_named(broker_transactions(*state), VIEW_LITERAL("p"));
	transaction->is.epoch = LAST;
	who.id = begun.producer_id;
	assert_int_equal(add(&guest, "p", who.id, LAST, "t", 0), 0);
	request = words_end(who, true);
	guest_hear(&guest, API_END_TXN, 5, &request, &response);
	assert_int_equal(response.error_code, 0);
	assert_true(response.producer_id != who.id);
	assert_int_equal(response.producer_epoch, 0);
	ticks(*state);
	assert_int_equal(add(&guest, "p", who.id, LAST, "t", 0), KAFKA_INVALID_PRODUCER_ID_MAPPING);
	assert_int_equal(add(&guest, "p", response.producer_id, 0, "t", 0), 0);
	guest_leave(&guest);
}

/* Its last transaction took too long, which took the very last epoch; the answer to its abort tells it that one. */
static void the_very_last_epoch_ends_too(void **state)
{
	struct words_producer who = { VIEW_LITERAL("p"), 0, LAST };
	struct transaction *transaction;
	struct end_txn_request request;
	struct end_txn_response response;
	struct guest guest;

	wall_shift_ms = 0;
	guest_come(&guest, *state);
	ask_topic(&guest, "t", 1);
	who.id = init(&guest, "p", -1, -1, 60000).producer_id;
	transaction = transaction_named(broker_transactions(*state), VIEW_LITERAL("p"));
	transaction->is.epoch = LAST;
	assert_int_equal(add(&guest, "p", who.id, LAST, "t", 0), 0);
	wall_shift_ms = 61000;
	ticks(*state);
	request = words_end(who, false);
	guest_hear(&guest, API_END_TXN, 5, &request, &response);
	assert_int_equal(response.error_code, 0);
	assert_int_equal(response.producer_epoch, INT16_MAX);
	who.epoch = INT16_MAX;
	assert_int_equal(add(&guest, "p", who.id, INT16_MAX, "t", 0), 0);
	assert_int_equal(writes(&guest, who, "t", 0), 0);
	request = words_end(who, true);
	guest_hear(&guest, API_END_TXN, 5, &request, &response);
	assert_int_equal(response.error_code, 0);
	assert_true(response.producer_id != who.id);
	ticks(*state);
	assert_int_equal(listed(&guest, "t", 1, -1), listed(&guest, "t", 0, -1)); /* the marker is there */
	assert_int_equal(add(&guest, "p", response.producer_id, 0, "t", 0), 0);
	guest_leave(&guest);
}

static int begin_expiry(void **state)
{
	wall_shift_ms = 0;
	return begin_with(state, "transaction.remove.expired.transaction.cleanup.interval.ms", "1");
}

static void an_id_that_nobody_uses_is_forgotten(void **state)
{
	struct broker *broker = *state;
	struct init_producer_id_response one, two;
	struct guest guest;

	guest_come(&guest, broker);
	one = init(&guest, "old", -1, -1, 60000);
	assert_int_equal(one.error_code, 0);
	wall_shift_ms = 7 * 24 * 3600000ll + 1000;
	for (int i = 0; i < 60; i++)
		turn(broker);
	assert_null(transaction_named(broker_transactions(broker), VIEW_LITERAL("old")));
	guest_leave(&guest);
	broker_end(broker);
	*state = broker = broker_begin("transaction.remove.expired.transaction.cleanup.interval.ms", "1");
	assert_null(transaction_named(broker_transactions(broker), VIEW_LITERAL("old")));
	/* Its producer begins again, and is somebody new. */
	guest_come(&guest, broker);
	two = init(&guest, "old", one.producer_id, one.producer_epoch, 60000);
	assert_int_equal(two.error_code, 0);
	assert_true(two.producer_id != one.producer_id);
	assert_int_equal(two.producer_epoch, 0);
	guest_leave(&guest);
	wall_shift_ms = 0;
}

static struct write_txn_markers_response abort_in(struct guest *guest, const char *topic, int32_t partition,
						  int64_t producer_id, int16_t epoch,
						  int32_t coordinator_epoch)
{
	struct write_txn_markers_request request;
	struct write_txn_markers_response response;
	int count = guest->count;

	message_default(&write_txn_markers_request_message, &request);
	request.markers.at = shape_array(&write_txn_markers_request_marker_shape, &guest->arena, 1);
	request.markers.count = 1;
	request.markers.at[0].producer_id = producer_id;
	request.markers.at[0].producer_epoch = epoch;
	request.markers.at[0].coordinator_epoch = coordinator_epoch;
	request.markers.at[0].topics.at =
		shape_array(&write_txn_markers_request_topic_shape, &guest->arena, 1);
	request.markers.at[0].topics.count = 1;
	request.markers.at[0].topics.at[0].name = view_text(topic);
	request.markers.at[0].topics.at[0].partition_indexes.at = &partition;
	request.markers.at[0].topics.at[0].partition_indexes.count = 1;
	guest_ask(guest, API_WRITE_TXN_MARKERS, 1, &request);
	guest_wait(guest, count + 1);
	guest_read(guest, count, API_WRITE_TXN_MARKERS, 1, &response);
	return response;
}

static void an_administrator_ends_what_hangs(void **state)
{
	struct broker *broker = *state;
	struct write_txn_markers_response response;
	struct store_topic *topic;
	struct store_partition_state now;
	struct guest guest;

	guest_come(&guest, broker);
	ask_topic(&guest, "hangs", 1);
	response = abort_in(&guest, "nowhere", 0, 1, 0, 0);
	assert_int_equal(response.markers.at[0].topics.at[0].partitions.at[0].error_code,
			 KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	response = abort_in(&guest, "hangs", 0, 77, 3, 5);
	assert_int_equal(response.markers.at[0].producer_id, 77);
	assert_int_equal(response.markers.at[0].topics.at[0].partitions.at[0].error_code, 0);
	topic = store_topic_named(broker->store, VIEW_LITERAL("hangs"));
	store_partition_state(topic->partitions[0], &now);
	assert_int_equal(now.high_watermark, 1); /* the marker */
	response = abort_in(&guest, "hangs", 0, 77, 2, 5);
	assert_int_equal(response.markers.at[0].topics.at[0].partitions.at[0].error_code,
			 KAFKA_INVALID_PRODUCER_EPOCH);
	response = abort_in(&guest, "hangs", 0, 77, 3, 4);
	assert_int_equal(response.markers.at[0].topics.at[0].partitions.at[0].error_code,
			 KAFKA_TRANSACTION_COORDINATOR_FENCED);
	guest_leave(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_begin),
		cmocka_unit_test(who_may_end),
		cmocka_unit_test(who_may_write),
		cmocka_unit_test(when_an_id_is_forgotten),
		cmocka_unit_test_setup_teardown(an_id_that_nobody_uses_is_forgotten, begin_expiry, guest_end),
		cmocka_unit_test_setup_teardown(an_administrator_ends_what_hangs, begin, guest_end),
		cmocka_unit_test_setup_teardown(a_producer_comes_back_and_fences, begin, guest_end),
		cmocka_unit_test_setup_teardown(positions_count_with_their_transaction, begin, guest_end),
		cmocka_unit_test_setup_teardown(the_later_position_holds, begin, guest_end),
		cmocka_unit_test_setup_teardown(a_transaction_that_takes_too_long, begin, guest_end),
		cmocka_unit_test_setup_teardown(is_it_in_the_transaction, begin, guest_end),
		cmocka_unit_test_setup_teardown(nobody_writes_for_another, begin, guest_end),
		cmocka_unit_test_setup_teardown(epochs_may_be_used_up, begin, guest_end),
		cmocka_unit_test_setup_teardown(the_very_last_epoch_ends_too, begin, guest_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
