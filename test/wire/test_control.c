/* test_control.c - markers written and read; aborted transactions against a plain model of the Java consumer. */
#include "batches.h"

static void markers_are_read_as_written(void **state)
{
	for (int commit = 0; commit < 2; commit++) {
		struct batch_options options = batch_options_default;
		struct record_span span;
		struct record_walk walk;
		struct records records;
		struct control control;
		struct buffer out;
		struct batch batch;
		struct view rest;

		options.producer_id = 9;
		options.producer_epoch = 2;
		options.base_offset = 1234;
		buffer_init(&out, 1000);
		assert_int_equal(batch_write_marker(&out, &options, commit, 7, 1700000000000), 0);
		rest = buffer_bytes(&out);
		assert_int_equal(batch_next(&rest, &batch), 1);
		assert_int_equal(batch_check(&batch, NULL), 0);
		assert_true(batch.head.control && batch.head.transactional);
		assert_int_equal(batch.head.producer_id, 9);
		assert_int_equal(batch_open(&batch, NULL, &out, &records, NULL), 0);
		assert_int_equal(control_of(&records, &control), 0);
		assert_int_equal(control.type, commit ? CONTROL_COMMIT : CONTROL_ABORT);
		assert_int_equal(control.coordinator_epoch, 7);
		record_walk_init(&walk, &records);
		assert_int_equal(record_walk_next(&walk, &span, 1), 1);
		assert_int_equal(span.timestamp, 1700000000000);
		buffer_done(&out);
	}
}

static void broken_control_records_are_refused(void **state)
{
	static const struct {
		struct view key, value;
	} plays[] = {
		{ { NULL, 0 }, VIEW_LITERAL("\0\0\0\0\0\1") },
		{ VIEW_LITERAL("\0\0\0"), VIEW_LITERAL("\0\0\0\0\0\1") },
		{ VIEW_LITERAL("\xff\xff\0\0"), VIEW_LITERAL("\0\0\0\0\0\1") },
		{ VIEW_LITERAL("\0\0\0\1"), { NULL, 0 } },
		{ VIEW_LITERAL("\0\0\0\1"), VIEW_LITERAL("\0\0\0\0\0") },
	};
	struct control control;
	struct buffer out;

	buffer_init(&out, 1000);
	for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
		buffer_reset(&out);
		record_encode(&out, plays[i].key, plays[i].value, NULL, 0);
		assert_int_equal(control_read(buffer_bytes(&out), &control), ERR_MALFORMED);
	}
	/* A type that does not exist yet is no error: it is passed over. */
	buffer_reset(&out);
	record_encode(&out, VIEW_LITERAL("\0\1\0\x63more"), VIEW_NULL, NULL, 0);
	assert_int_equal(control_read(buffer_bytes(&out), &control), 0);
	assert_int_equal(control.type, 99);
	assert_int_equal(control.version, 1);
	buffer_done(&out);
}

#define PRODUCERS 6
#define BATCHES   200

struct play {
	struct batch_head heads[BATCHES];
	bool is_abort[BATCHES], aborted[BATCHES];
	struct aborted list[BATCHES];
	int batches, listed;
};

/* A random log of one partition, with what became of each batch known as it is made. */
static void make_log(struct play *play, struct random *r)
{
	struct {
		bool open;
		int64_t first;
		int batches[BATCHES], count;
	} producers[PRODUCERS] = { 0 };
	int64_t offset = 0;

	*play = (struct play){ 0 };
	while (play->batches < BATCHES) {
		int id = (int)random_below(r, PRODUCERS), index = play->batches++;
		struct batch_head *head = &play->heads[index];
		bool ends = producers[id].open && random_below(r, 4) == 0;

		*head = (struct batch_head){
			.magic = 2, .base_offset = offset, .producer_id = id, .transactional = id > 0
		};
		if (ends) {
			head->control = true;
			play->is_abort[index] = random_below(r, 2);
			for (int i = 0; i < producers[id].count && play->is_abort[index]; i++)
				play->aborted[producers[id].batches[i]] = true;
			if (play->is_abort[index])
				play->list[play->listed++] = (struct aborted){ id, producers[id].first };
			producers[id].open = false;
		} else {
			head->last_offset_delta = (int32_t)random_below(r, 5);
			if (id > 0 && !producers[id].open) {
				producers[id].open = true;
				producers[id].first = offset;
				producers[id].count = 0;
			}
			producers[id].batches[producers[id].count++ % BATCHES] = index;
		}
		offset = batch_last_offset(head) + 1 + (int64_t)random_below(r, 3);
	}
}

static void aborted_batches_are_dropped_and_no_others(void **state)
{
	static struct play play;
	struct aborted_filter filter;
	struct random r;

	aborted_filter_init(&filter);
	for (uint64_t seed = 0; seed < 300; seed++) {
		random_seed(&r, seed);
		make_log(&play, &r);
		/* The list comes in any order. */
		for (int i = play.listed - 1; i > 0; i--) {
			int other = (int)random_below(&r, (uint64_t)i + 1);
			struct aborted swap = play.list[i];

			play.list[i] = play.list[other];
			play.list[other] = swap;
		}
		assert_int_equal(aborted_filter_set(&filter, play.list, play.listed), 0);
		for (int i = 0; i < BATCHES; i++) {
			if (play.is_abort[i])
				aborted_filter_ends(&filter, &play.heads[i]);
			else if (!play.heads[i].control)
				assert_int_equal(aborted_filter_drops(&filter, &play.heads[i]),
						 play.aborted[i]);
		}
	}
	assert_int_equal(aborted_filter_set(&filter, NULL, 0), 0);
	assert_false(aborted_filter_drops(&filter, &play.heads[0]));
	aborted_filter_done(&filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(markers_are_read_as_written),
		cmocka_unit_test(broken_control_records_are_refused),
		cmocka_unit_test(aborted_batches_are_dropped_and_no_others),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
