/* test_doubt.c - commits of the metadata that end in doubt: the answer comes when somebody knows, and says what is. */
#include "make.h"
#include "sim.h"

/* Every way that it can come about. */
static const struct doubt {
	bool kept;
	int opens;
} doubts[] = { { false, 0 }, { true, 0 }, { false, 2 }, { true, 2 } };

#define DOUBTS (sizeof doubts / sizeof *doubts)

/* As WAIT_OK(), where the commit is in doubt. */
#define WAIT_IN_DOUBT(store, which, call)                                                                    \
	do {                                                                                                 \
		uint64_t doubts_before = sim_sql_doubts();                                                   \
                                                                                                             \
		sim_sql_doubt(0, doubts[which].kept, doubts[which].opens);                                   \
		WAIT_ANY(store, call);                                                                       \
		assert_true(sim_sql_doubts() > doubts_before);                                               \
	} while (0)

/* Not kept, and the file could be asked at once: then it has failed.  It is done again. */
#define WAIT_ANY(store, call)                                                                                \
	do {                                                                                                 \
		struct answer answer = { 0 };                                                                \
                                                                                                             \
		assert_int_equal(call, 0);                                                                   \
		wait_for(store, &answer.done);                                                               \
		if (answer.err < 0) {                                                                        \
			assert_int_equal(answer.err, ERR_IO);                                                \
			answer = (struct answer){ 0 };                                                       \
			assert_int_equal(call, 0);                                                           \
			wait_for(store, &answer.done);                                                       \
			assert_int_equal(answer.err, 0);                                                     \
		}                                                                                            \
	} while (0)

/* Fifty times as fast as the system's, and further when a test says so. */
static int64_t shift_ms;

static int64_t hurried(const struct clock *clock)
{
	return 50 * clock_system.monotonic_ns(&clock_system) + shift_ms * 1000000;
}

static int64_t wall(const struct clock *clock)
{
	return clock_system.wall_ms(&clock_system) + shift_ms;
}

static struct store *open_hurried(void)
{
	static const struct clock clock = { hurried, wall, NULL };
	struct store_options options = small_options();

	sim_sql_calm();
	options.clock = &clock;
	options.merge_count_min = 4;
	options.read_bytes_max = 0;
	options.retention_check_ms = 100000;
	return open_with(&options);
}

static void topics_are_made_and_deleted(void **state)
{
	struct store *store = open_hurried();

	for (size_t i = 0; i < DOUBTS; i++) {
		char name[2] = { (char)('a' + i), 0 };
		struct store_topic_new wish = { .name = view_text(name),
						.partition_count = 2,
						.id = { (uint8_t)(i + 1) } };
		struct answer deleted = { 0 };
		struct store_topic *topic;

		WAIT_IN_DOUBT(store, i, store_topic_create(store, &wish, answered, &answer));
		topic = store_topic_named(store, view_text(name));
		assert_non_null(topic);
		WAIT_IN_DOUBT(store, i, store_partitions_add(topic, 4, answered, &answer));
		assert_int_equal(topic->partition_count, 4);
		for (int k = 0; k < 4; k++)
			assert_int_equal(append_plain(store, topic->partitions[k], 1, 10, 1), 0);
		WAIT_IN_DOUBT(store, i, store_topic_configure(topic, VIEW_LITERAL("z=1"), answered, &answer));
		WAIT_IN_DOUBT(store, i, store_epoch_begin(topic->partitions[0], 3, false, answered, &answer));
		store_close(store);
		store = open_hurried();
		topic = store_topic_named(store, view_text(name));
		assert_view_is(topic->config, "z=1");
		assert_int_equal(topic->partition_count, 4);
		for (int k = 0; k < 4; k++)
			assert_int_equal(count_records(store, topic->partitions[k], 0, 1000), 1);
		/* What may be gone takes nothing. */
		sim_sql_doubt(0, doubts[i].kept, doubts[i].opens);
		assert_int_equal(store_topic_delete(topic, answered, &deleted), 0);
		while (!deleted.done) {
			struct buffer out;

			buffer_init(&out, 1 << 20);
			assert_int_equal(store_append(topic->partitions[0],
						      make_batch(&out, &batch_options_default, 1, 10, 1),
						      answered_append, &(struct answer){ 0 }),
					 ERR_NOT_FOUND);
			buffer_done(&out);
			store_wait(store, 10);
			store_poll(store);
			store_tick(store);
		}
		if (deleted.err)
			WAIT_OK(store, store_topic_delete(topic, answered, &answer));
		assert_null(store_topic_named(store, view_text(name)));
		store_close(store);
		store = open_hurried();
		assert_null(store_topic_named(store, view_text(name)));
	}
	store_close(store);
}

static void settings_and_ids(void **state)
{
	struct store *store = open_hurried();

	for (size_t i = 0; i < DOUBTS; i++) {
		struct view key = VIEW_LITERAL("k"), value = VIEW_LITERAL("v");

		WAIT_IN_DOUBT(store, i, store_setting_put(store, key, key, value, answered, &answer));
		assert_view_is(store_setting(store, key, key), "v");
		WAIT_IN_DOUBT(store, i, store_setting_put(store, key, key, VIEW_NULL, answered, &answer));
		assert_null(store_setting(store, key, key).at);
		store_close(store);
		store = open_hurried();
		assert_null(store_setting(store, key, key).at);
	}
	store_close(store);
}

/* All of the first partition, out of its objects: what is kept of them in memory makes room for the second one's. */
static void read_all(struct store *store, const struct store_topic *topic)
{
	assert_int_equal(count_records(store, topic->partitions[1], 0, 1000), 5);
	assert_int_equal(count_records(store, topic->partitions[0], 0, 1000), 20);
}

static void let_time_pass(struct store *store, const struct store_topic *topic)
{
	for (int i = 0; i < 3; i++) {
		store_tick(store);
		store_wait(store, 10);
		store_poll(store);
		read_all(store, topic);
	}
	shift_ms += 20000; /* objects are swept every ten seconds */
}

/* The old extents are gone, and swept, before anybody knows: what was merged is read from the new one. */
static void what_is_merged_is_read(void **state)
{
	struct store_numbers numbers;
	struct store_topic *topic;
	struct store *store;

	for (size_t i = 0; i < DOUBTS; i++) {
		char name[2] = { (char)('a' + i), 0 };
		int rounds = 0;

		store = open_hurried();
		topic = make_topic(store, name, 2);
		append_plain(store, topic->partitions[1], 5, 100, 1000);
		for (int k = 0; k < 4; k++) {
			append_plain(store, topic->partitions[0], 5, 100, 1000 + k);
			WAIT_OK(store, store_flush(store, answered, &answer));
		}
		store_close(store);
		store = open_hurried(); /* nothing of it is cached */
		topic = store_topic_named(store, view_text(name));
		let_time_pass(store, topic);
		sim_sql_doubt(1, doubts[i].kept, doubts[i].opens); /* behind the id of the object */
		shift_ms += 100000;
		do {
			let_time_pass(store, topic);
			store_numbers(store, &numbers);
			assert_true(++rounds < 50);
		} while (numbers.rewrites == 0);
		for (int k = 0; k < 5; k++)
			let_time_pass(store, topic);
		store_close(store);
	}
}

int main(void)
{
#define PLAY(name) cmocka_unit_test_setup_teardown(name, store_set_up, store_tear_down)
	const struct CMUnitTest tests[] = {
		PLAY(topics_are_made_and_deleted),
		PLAY(settings_and_ids),
		PLAY(what_is_merged_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
