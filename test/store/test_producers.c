/* test_producers.c - each batch once: the judge as a table, and what survives a snapshot. */
#include "base/check.h"

#include "store/epochs.h"
#include "store/producers.h"
#include "store/transactions.h"

static struct batch_head head_of(int16_t epoch, int32_t sequence, int32_t count, bool transactional)
{
	return (struct batch_head){ .producer_id = 7,
				    .producer_epoch = epoch,
				    .base_sequence = sequence,
				    .last_offset_delta = count - 1,
				    .count = count,
				    .transactional = transactional };
}

static void the_judge(void **state)
{
	static const struct {
		int16_t epoch;
		int32_t sequence, count;
		bool transactional, control;
		int32_t coordinator_epoch;
		enum producer_verdict expected;
	} cases[] = {
		/* Known: epoch 3, six batches of 10 from sequence 0 on, so 10 to 59 are remembered; coordinator epoch 5. */
		{ 3, 60, 1, false, false, -1, PRODUCER_TAKE },
		{ 3, 61, 1, false, false, -1, PRODUCER_OUT_OF_ORDER },
		{ 3, 0, 1, false, false, -1, PRODUCER_OUT_OF_ORDER },
		{ 3, 50, 10, false, false, -1, PRODUCER_DUPLICATE },
		{ 3, 10, 10, false, false, -1, PRODUCER_DUPLICATE },
		{ 3, 0, 10, false, false, -1, PRODUCER_OUT_OF_ORDER }, /* too old to be told */
		{ 3, 50, 9, false, false, -1, PRODUCER_OUT_OF_ORDER },
		{ 2, 60, 1, false, false, -1, PRODUCER_FENCED },
		{ 4, 0, 1, false, false, -1, PRODUCER_TAKE },
		{ 4, 60, 1, false, false, -1, PRODUCER_OUT_OF_ORDER },
		{ 3, -1, 1, true, true, 5, PRODUCER_TAKE },
		{ 3, -1, 1, true, true, 4, PRODUCER_COORDINATOR_FENCED },
		{ 4, -1, 1, true, true, 6, PRODUCER_TAKE },
		{ 2, -1, 1, true, true, 6, PRODUCER_FENCED },
	};
	struct producer producer = { .id = 7, .epoch = -1, .coordinator_epoch = -1 };
	struct producer_batch first;
	struct batch_head head;

	for (int i = 0; i < 6; i++) {
		head = head_of(3, 10 * i, 10, false);
		head.base_offset = 100 + 10 * i;
		assert_int_equal(producer_judge(&producer, &head, -1, &first), PRODUCER_TAKE);
		producer_apply(&producer, &head, -1);
	}
	producer.coordinator_epoch = 5;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		head = head_of(cases[i].epoch, cases[i].sequence, cases[i].count, cases[i].transactional);
		head.control = cases[i].control;
		if (producer_judge(&producer, &head, cases[i].coordinator_epoch, &first) != cases[i].expected)
			fail_msg("case %zu", i);
	}
	head = head_of(3, 30, 10, false);
	assert_int_equal(producer_judge(&producer, &head, -1, &first), PRODUCER_DUPLICATE);
	assert_int_equal(first.base_offset, 130);
}

static void sequences_wrap(void **state)
{
	struct producer producer = { .id = 7, .epoch = -1 };
	struct batch_head head = head_of(0, INT32_MAX - 1, 2, false);
	struct producer_batch first;

	producer_apply(&producer, &head, -1);
	head = head_of(0, 0, 5, false);
	assert_int_equal(producer_judge(&producer, &head, -1, &first), PRODUCER_TAKE);
	head = head_of(0, 1, 5, false);
	assert_int_equal(producer_judge(&producer, &head, -1, &first), PRODUCER_OUT_OF_ORDER);
}

static void in_a_transaction_all_is_transactional(void **state)
{
	struct producer producer = { .id = 7, .epoch = -1 };
	struct batch_head head = head_of(0, 0, 1, true), marker = head_of(1, -1, 1, true);
	struct producer_batch first;

	producer_apply(&producer, &head, -1);
	head = head_of(0, 1, 1, false);
	assert_int_equal(producer_judge(&producer, &head, -1, &first), PRODUCER_INVALID_STATE);
	/* The marker of transactions v2 raises the epoch (KIP-890): the next sequence is 0. */
	marker.control = true;
	producer_apply(&producer, &marker, 2);
	head = head_of(0, 1, 1, true);
	assert_int_equal(producer_judge(&producer, &head, -1, &first), PRODUCER_FENCED);
	head = head_of(1, 0, 1, false);
	assert_int_equal(producer_judge(&producer, &head, -1, &first), PRODUCER_TAKE);
}

static void many_come_and_go(void **state)
{
	struct producers producers;

	producers_init(&producers);
	for (int64_t id = 0; id < 3000; id++)
		assert_non_null(producers_add(&producers, id * 64));
	for (int64_t id = 0; id < 3000; id += 2)
		producers_remove(&producers, id * 64);
	producers_remove(&producers, 5);
	assert_int_equal(producers.count, 1500);
	for (int64_t id = 0; id < 3000; id++)
		assert_int_equal(producers_find(&producers, id * 64) != NULL, id % 2);
	producers_done(&producers);
}

static void a_snapshot_holds_all(void **state)
{
	struct producers producers, again;
	struct buffer out, second;
	struct view rest;

	producers_init(&producers);
	producers_init(&again);
	buffer_init(&out, 1 << 20);
	buffer_init(&second, 1 << 20);
	for (int64_t id = 1; id < 40; id++) {
		struct producer *producer = producers_add(&producers, id);

		for (int i = 0; i < id % 8; i++) {
			struct batch_head head = head_of((int16_t)(id % 3), 10 * i, 10, id % 2);

			head.base_offset = 10 * i;
			producer_apply(producer, &head, -1);
		}
	}
	producers_write(&producers, &out);
	rest = buffer_bytes(&out);
	assert_int_equal(producers_read(&again, &rest), 0);
	assert_int_equal(rest.size, 0);
	assert_int_equal(again.count, 39 - 4); /* those with an epoch */
	assert_memory_equal(producers_find(&again, 13)->batches, producers_find(&producers, 13)->batches,
			    5 * sizeof(struct producer_batch));
	assert_int_equal(producers_find(&again, 13)->in_transaction, true);
	producers_done(&again);
	for (size_t i = 0; i < out.size; i++) {
		struct view part = copy_exactly(view_of(out.at, i));

		rest = part;
		assert_int_equal(producers_read(&again, &rest), ERR_MALFORMED);
		assert_int_equal(again.count, 0);
		free((void *)(uintptr_t)part.at);
	}
	out.at[0] = 2;
	rest = buffer_bytes(&out);
	assert_int_equal(producers_read(&again, &rest), ERR_UNSUPPORTED);
	producers_done(&producers);
	buffer_done(&out);
	buffer_done(&second);
}

static void transactions_open_and_end(void **state)
{
	struct transactions is, again;
	struct buffer out;

	transactions_init(&is);
	transactions_init(&again);
	buffer_init(&out, 1 << 16);
	assert_int_equal(transactions_stable(&is, 50), 50);
	transactions_see(&is, 1, 10);
	transactions_see(&is, 2, 12);
	transactions_see(&is, 1, 14);
	assert_int_equal(transactions_stable(&is, 50), 10);
	assert_int_equal(transactions_open(&is, 2), 12);
	transactions_end(&is, 1, 20, false);
	assert_int_equal(transactions_stable(&is, 50), 12);
	transactions_end(&is, 2, 21, true);
	assert_int_equal(transactions_stable(&is, 50), 50);
	transactions_end(&is, 9, 22, false); /* nothing was open */
	assert_int_equal(is.aborted_count, 1);
	transactions_see(&is, 3, 30);
	transactions_end(&is, 3, 31, false);
	transactions_write_aborted(&is, 0, 21, &out);
	assert_int_equal(transactions_read_aborted(&again, buffer_bytes(&out)), 0);
	assert_int_equal(again.aborted_count, 1);
	assert_int_equal(again.aborted[0].first_offset, 10);
	assert_int_equal(again.aborted[0].last_offset, 20);
	for (size_t i = 1; i < out.size; i++)
		assert_int_equal(transactions_read_aborted(&again, view_of(out.at, i)), ERR_MALFORMED);
	transactions_trim(&is, 21);
	assert_int_equal(is.aborted_count, 1);
	assert_int_equal(is.aborted[0].producer_id, 3);
	buffer_reset(&out);
	transactions_write_aborted(&is, 0, 21, &out);
	assert_int_equal(out.size, 0);
	transactions_done(&is);
	transactions_done(&again);
	buffer_done(&out);
}

static void epochs_end_where_the_next_begins(void **state)
{
	static const struct {
		int32_t asked, epoch;
		int64_t end;
	} cases[] = { { -1, -1, -1 }, { 0, 0, 10 }, { 1, 0, 10 }, { 2, 2, 30 },
		      { 4, 2, 30 },   { 5, 5, 99 }, { 9, 5, 99 } };
	struct epochs epochs;
	int64_t end;
	int32_t epoch;

	epochs_init(&epochs);
	epochs_end(&epochs, 3, 99, &epoch, &end);
	assert_int_equal(epoch, -1);
	assert_int_equal(end, -1);
	assert_int_equal(epochs_add(&epochs, 0, 0), 0);
	assert_int_equal(epochs_add(&epochs, 2, 10), 0);
	assert_int_equal(epochs_add(&epochs, 4, 30), 0); /* got no record: epoch 5 begins there too */
	assert_int_equal(epochs_add(&epochs, 5, 30), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		epochs_end(&epochs, cases[i].asked, 99, &epoch, &end);
		assert_int_equal(epoch, cases[i].epoch);
		assert_int_equal(end, cases[i].end);
	}
	assert_int_equal(epochs_of(&epochs, 9), 0);
	assert_int_equal(epochs_of(&epochs, 10), 2);
	assert_int_equal(epochs_of(&epochs, 1000), 5);
	epochs_done(&epochs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_judge),
		cmocka_unit_test(sequences_wrap),
		cmocka_unit_test(in_a_transaction_all_is_transactional),
		cmocka_unit_test(many_come_and_go),
		cmocka_unit_test(a_snapshot_holds_all),
		cmocka_unit_test(transactions_open_and_end),
		cmocka_unit_test(epochs_end_where_the_next_begins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
