/* test_journal.c - one journal over a store: append and read, the lease between two holders, damage, snapshots. */
#include "base/place.h"
#include "exit/journal.h"

static const struct sql_limits limits = { 3000, 10000 };

/* ---- a clock that stands until it is moved ---- */

static int64_t now_ms = 1000000;

static int64_t clock_monotonic(const struct clock *clock)
{
	return now_ms * 1000000;
}

static int64_t clock_wall(const struct clock *clock)
{
	return 1700000000000 + now_ms;
}

static const struct clock moved = { clock_monotonic, clock_wall, NULL };

static bool gone_ended(const char *holder)
{
	return strcmp(holder, "gone") == 0;
}

static int try_open(const char *address, const char *holder, bool read_only, struct journal **out,
		    struct fault *fault)
{
	struct journal_options options = {
		.clock = &moved, .holder = holder, .read_only = read_only, .ended = gone_ended
	};
	int err =
		journal_store_open(address, read_only ? SQL_READ : SQL_WRITE, &limits, &options.store, fault);

	return err ? err : journal_open(&options, out, fault);
}

static struct journal *open_as(const char *address, const char *holder)
{
	struct journal *journal = NULL;
	struct fault fault = { 0 };

	if (try_open(address, holder, false, &journal, &fault) < 0)
		fail_msg("%s", fault.text);
	return journal;
}

static json_t *word(const char *text)
{
	return json_pack("{s:s}", "text", text);
}

static json_t *act(void)
{
	return json_pack("{s:s, s:s, s:s}", "act", "hold", "by", "b", "reason", "r");
}

static void must(int err, const struct fault *fault)
{
	if (err < 0)
		fail_msg("%s", fault->text);
}

static uint64_t put(struct journal *journal, enum frame_kind kind, json_t *body)
{
	struct fault fault = { 0 };
	uint64_t sequence = 0;

	must(journal_append(journal, kind, body, &sequence, &fault), &fault);
	return sequence;
}

static void take(struct journal *journal)
{
	struct fault fault = { 0 };

	must(journal_lease_take(journal, &fault), &fault);
	assert_true(journal_lease_held(journal));
}

static void same_state(const struct journal *one, const struct journal *two)
{
	struct sha256 a, b;

	assert_int_equal(journal_state(one)->sequence, journal_state(two)->sequence);
	assert_int_equal(state_hash(journal_state(one), &a), 0);
	assert_int_equal(state_hash(journal_state(two), &b), 0);
	assert_true(sha256_equal(a, b));
}

struct counted {
	uint64_t first, last;
	int count;
	struct sha256 before;
	bool chained;
};

static int count_frame(void *context, const struct frame *frame)
{
	struct counted *counted = context;

	counted->first = counted->count ? counted->first : frame->sequence;
	counted->chained =
		counted->count ? counted->chained && sha256_equal(frame->previous, counted->before) : true;
	counted->before = frame->hash;
	counted->last = frame->sequence;
	return ++counted->count == 100000 ? ERR_LIMIT : 0;
}

/* ---- append and read ---- */

static void what_is_appended_is_there_for_whoever_comes(void **state)
{
	const char *address = place_new();
	struct journal *one = open_as(address, "one"), *two;
	struct counted counted = { 0 };
	char at[500];

	snprintf(at, sizeof at, "%s", address);
	assert_int_equal(put(one, FRAME_ACT, act()), 1); /* an owner needs no lease */
	take(one);
	assert_int_equal(put(one, FRAME_NOTE, word("a")), 3);
	two = open_as(at, "two");
	same_state(one, two);
	assert_int_equal(put(one, FRAME_NOTE, word("b")), 4);
	assert_true(journal_is_behind(two));
	assert_int_equal(journal_sync(two, NULL), 1);
	assert_false(journal_is_behind(two));
	assert_int_equal(journal_sync(two, NULL), 0);
	same_state(one, two);
	assert_int_equal(journal_walk(two, 2, count_frame, &counted, NULL), 0);
	assert_int_equal(counted.count, 3);
	assert_int_equal(counted.first, 2);
	assert_int_equal(counted.last, 4);
	assert_true(counted.chained);
	assert_true(sha256_equal(counted.before, journal_state(one)->head));
	journal_close(two);
	journal_close(one);
}

static void what_may_not_stand_is_not_written(void **state)
{
	const char *address = place_new();
	struct journal *journal = open_as(address, "one");
	struct fault fault = { 0 };
	struct sha256 before, after;
	uint64_t sequence = 99;

	assert_int_equal(journal_append(journal, FRAME_NOTE, word("a"), &sequence, &fault),
			 ERR_STALE); /* no lease */
	take(journal);
	assert_int_equal(state_hash(journal_state(journal), &before), 0);
	assert_int_equal(journal_append(journal, FRAME_NOTE, json_object(), &sequence, &fault),
			 ERR_MALFORMED);
	assert_int_equal(
		journal_append(journal, FRAME_NOTE, json_pack("{s:f}", "text", 1.5), &sequence, &fault),
		ERR_LIMIT);
	assert_int_equal(journal_append(journal, FRAME_NOTE, NULL, &sequence, &fault), ERR_MEMORY);
	assert_int_equal(sequence, 99);
	assert_int_equal(state_hash(journal_state(journal), &after), 0);
	assert_true(sha256_equal(before, after));
	assert_int_equal(put(journal, FRAME_NOTE, word("a")), 2); /* and nothing of it stands in the way */
	journal_close(journal);
}

/* Two write in turn: each frame goes behind the other's, and only who says so minds. */
static void behind_what_others_have_written(void **state)
{
	const char *address = place_new();
	struct journal *one = open_as(address, "one"), *two;
	struct fault fault = { 0 };
	char at[500];

	snprintf(at, sizeof at, "%s", address);
	two = open_as(at, "two");
	take(one);
	put(two, FRAME_ACT, act());
	assert_int_equal(journal_append_next(one, FRAME_NOTE, word("a"), NULL, &fault), ERR_CONFLICT);
	assert_int_equal(journal_state(one)->sequence, 2); /* it was read again, and ours is not there */
	same_state(one, two);
	assert_int_equal(journal_sync(one, &fault), 0);
	assert_int_equal(put(one, FRAME_NOTE, word("b")), 3);
	assert_int_equal(journal_append_next(one, FRAME_NOTE, word("c"), NULL, &fault), 0);
	assert_int_equal(put(two, FRAME_ACT, act()), 5);
	same_state(two, two);
	assert_int_equal(journal_sync(one, NULL), 1);
	same_state(one, two);
	journal_close(two);
	journal_close(one);
}

/* ---- the lease ---- */

static void two_holders_and_a_beat(void **state)
{
	const char *address = place_new();
	struct journal *one = open_as(address, "one"), *two;
	struct fault fault = { 0 };
	char at[500];

	snprintf(at, sizeof at, "%s", address);
	two = open_as(at, "two");
	take(one);
	take(one); /* it is ours: nothing to do */
	assert_int_equal(journal_state(one)->sequence, 1);
	/* While the other beats, watching it changes nothing. */
	for (int i = 0; i < 5; i++) {
		assert_int_equal(journal_lease_take(two, &fault), ERR_CONFLICT);
		now_ms += JOURNAL_LEASE_MS - 1;
		assert_int_equal(journal_lease_beat(one, &fault), 0);
	}
	assert_int_equal(journal_lease_take(two, &fault), ERR_CONFLICT);
	now_ms += JOURNAL_LEASE_MS - 1;
	assert_int_equal(journal_lease_take(two, &fault), ERR_CONFLICT);
	now_ms += 1;
	take(two);
	/* Who was asleep finds out at the next frame, and at the next beat. */
	assert_true(journal_lease_held(one));
	assert_int_equal(journal_append(one, FRAME_NOTE, word("late"), NULL, &fault), ERR_STALE);
	assert_false(journal_lease_held(one));
	assert_int_equal(journal_lease_beat(one, &fault), ERR_STALE);
	put(two, FRAME_NOTE, word("in time"));
	put(one, FRAME_ACT, act()); /* an owner's act needs none */
	journal_close(one);
	journal_close(two);
}

static void an_append_is_a_beat(void **state)
{
	const char *address = place_new();
	struct journal *one = open_as(address, "one"), *two;
	char at[500];

	snprintf(at, sizeof at, "%s", address);
	two = open_as(at, "two");
	take(one);
	assert_int_equal(journal_lease_take(two, NULL), ERR_CONFLICT);
	now_ms += JOURNAL_LEASE_MS - 1;
	put(one, FRAME_NOTE, word("a"));
	now_ms += 2;
	assert_int_equal(journal_lease_take(two, NULL), ERR_CONFLICT);
	journal_close(two);
	journal_close(one);
}

static void given_up_or_known_to_be_gone(void **state)
{
	const char *address = place_new();
	struct journal *one = open_as(address, "gone"), *two, *three;
	struct fault fault = { 0 };
	char at[500];

	snprintf(at, sizeof at, "%s", address);
	two = open_as(at, "two");
	three = open_as(at, "three");
	take(one);
	take(two); /* at once: the process that held it has ended */
	assert_int_equal(journal_append(one, FRAME_NOTE, word("late"), NULL, &fault), ERR_STALE);
	assert_int_equal(journal_lease_take(three, &fault), ERR_CONFLICT);
	assert_int_equal(journal_lease_release(two, &fault), 0);
	assert_int_equal(journal_append(two, FRAME_NOTE, word("late"), NULL, &fault), ERR_STALE);
	take(three); /* at once: it was given up */
	assert_int_equal(body_number(json_object_get(journal_state(three)->root, "lease"), "number"), 3);
	journal_close(one);
	journal_close(two);
	journal_close(three);
}

/* Taken and killed before the LEASE frame stood: the same holder takes it again, and the frame says so. */
static void a_lease_that_was_never_written_down(void **state)
{
	const char *address = place_new();
	struct journal_store *store;
	struct journal_lease lease, taken;
	struct journal *journal;
	char at[500];

	snprintf(at, sizeof at, "%s", address);
	journal = open_as(at, "one");
	assert_int_equal(journal_store_open(at, SQL_WRITE, &limits, &store, NULL), 0);
	assert_int_equal(store->ops->lease_read(store, &lease, NULL), 0);
	assert_int_equal(store->ops->lease_take(store, &lease, "one", &taken, NULL), 0);
	take(journal);
	assert_int_equal(body_number(json_object_get(journal_state(journal)->root, "lease"), "number"), 2);
	store->ops->free(store);
	journal_close(journal);
}

/* ---- damage ---- */

struct attack {
	const char *sql;
	int err;
	const char *text;
};

static void attack(const char *address, const char *text)
{
	static const char *const nothing[] = { NULL };
	static const struct sql_schema schema = { "journal of Interlock", 0x494c4b4a, 1, nothing };
	struct fault fault = { 0 };
	struct sql *sql;

	must(sql_open(address, SQL_WRITE, &schema, &limits, &sql, &fault), &fault);
	must(sql_begin(sql, &fault), &fault);
	must(sql_exec(sql, text, SQL_NO_VALUES, NULL, &fault), &fault);
	must(sql_commit(sql, &fault), &fault);
	sql_close(sql);
}

static void make_ten(const char *address)
{
	struct journal *journal = open_as(address, "one");

	take(journal);
	for (int i = 0; i < 8; i++)
		put(journal, FRAME_NOTE, word("a word"));
	journal_close(journal); /* and the lease is given up: ten frames */
}

/* In the words of SQLite: each is damage that somebody with a database client, or a disk, could do. */
static void damage_is_named_when_it_is_opened(void **state)
{
	static const struct attack rows[] = {
		{ "DELETE FROM interlock_frame WHERE sequence = 4", ERR_CHECKSUM, "frame 4" },
		{ "DELETE FROM interlock_frame WHERE sequence = 10", ERR_CHECKSUM, "head" },
		{ "DELETE FROM interlock_frame WHERE sequence > 7", ERR_CHECKSUM, "head" },
		{ "UPDATE interlock_frame SET frame = substr(frame, 1, 100) WHERE sequence = 5",
		  ERR_MALFORMED, "" },
		{ "UPDATE interlock_frame SET frame = CAST(substr(frame, 1, 90) || x'00' || substr(frame, "
		  "92) AS BLOB) "
		  "WHERE sequence = 5",
		  ERR_CHECKSUM, "frame 5" },
		{ "UPDATE interlock_frame SET frame = CAST('ILJ2' || substr(frame, 5) AS BLOB) WHERE "
		  "sequence = 5",
		  ERR_UNSUPPORTED, "newer" },
		{ "UPDATE interlock_frame SET frame = (SELECT frame FROM interlock_frame WHERE sequence = 6) "
		  "WHERE sequence = 5",
		  ERR_MALFORMED, "frame 6" },
		{ "UPDATE interlock_frame SET frame = x'' WHERE sequence = 5", ERR_MALFORMED, "" },
		{ "UPDATE interlock_head SET sequence = 9", ERR_CHECKSUM, "head" },
		{ "UPDATE interlock_head SET last = '00'", ERR_CHECKSUM, "head" },
		{ "INSERT INTO interlock_frame SELECT 11, frame FROM interlock_frame WHERE sequence = 10",
		  ERR_CHECKSUM, "head" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *address = place_file();
		struct journal *journal = NULL;
		struct fault fault = { 0 };
		int err;

		make_ten(address);
		attack(address, rows[i].sql);
		err = try_open(address, "two", true, &journal, &fault);
		if (err != rows[i].err || !strstr(fault.text, rows[i].text))
			fail_msg("row %zu: %d %s", i, err, fault.text);
		assert_null(journal);
	}
}

/* A journal that is open and finds its file put back believes nothing of it. */
static void put_back_under_an_open_journal(void **state)
{
	const char *address = place_file();
	struct journal *journal;
	struct fault fault = { 0 };
	char at[500];

	snprintf(at, sizeof at, "%s", address);
	make_ten(at);
	journal = open_as(at, "two");
	attack(at, "DELETE FROM interlock_frame WHERE sequence > 8");
	attack(at, "UPDATE interlock_head SET sequence = 8, last = (SELECT "
		   "'1122334455667788112233445566778811223344"
		   "55667788112233445566778811223344556677' || '88')");
	assert_true(journal_sync(journal, &fault) < 0);
	assert_true(journal_append(journal, FRAME_ACT, act(), NULL, &fault) < 0);
	journal_close(journal);
}

/* ---- snapshots ---- */

static int find_snapshot(void *context, const struct frame *frame)
{
	*(int *)context += frame->kind == FRAME_SNAPSHOT;
	return 0;
}

/* Begun at a snapshot, or from the first frame: the same state; and its bytes are not believed without their hash. */
static void begun_at_a_snapshot(void **state)
{
	const char *address = place_file();
	struct journal *one, *two;
	struct fault fault = { 0 };
	int snapshots = 0;
	char at[500];

	snprintf(at, sizeof at, "%s", address);
	one = open_as(at, "one");
	take(one);
	for (int i = 0; i < 2 * JOURNAL_SNAPSHOT_EVERY + 50; i++)
		put(one, FRAME_NOTE, word("a"));
	put(one, FRAME_ACT, act());
	assert_int_equal(journal_walk(one, 1, find_snapshot, &snapshots, NULL), 0);
	assert_int_equal(snapshots, 2);
	two = open_as(at, "two");
	same_state(one, two);
	put(one, FRAME_NOTE, word("more"));
	assert_int_equal(journal_sync(two, NULL), 1);
	same_state(one, two);
	journal_close(two);
	journal_close(one);
	attack(at, "UPDATE interlock_blob SET content = CAST('{}' AS BLOB)");
	two = NULL;
	assert_int_equal(try_open(at, "two", true, &two, &fault), ERR_CHECKSUM);
	assert_null(two);
}

static void blobs_are_kept_by_their_hash(void **state)
{
	const char *address = place_new();
	struct journal *journal = open_as(address, "one");
	struct fault fault = { 0 };
	struct sha256 hash, other = { { 1 } };
	struct buffer out;

	buffer_init(&out, 1000);
	assert_int_equal(journal_blob_put(journal, VIEW_LITERAL("a plan"), &hash, &fault), 0);
	assert_true(sha256_equal(hash, sha256_of(VIEW_LITERAL("a plan"))));
	assert_int_equal(journal_blob_put(journal, VIEW_LITERAL("a plan"), &hash, &fault), 0);
	assert_int_equal(journal_blob_get(journal, hash, &out, &fault), 0);
	assert_view_is(buffer_bytes(&out), "a plan");
	assert_int_equal(journal_blob_get(journal, other, &out, &fault), ERR_NOT_FOUND);
	buffer_done(&out);
	journal_close(journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_appended_is_there_for_whoever_comes),
		cmocka_unit_test(what_may_not_stand_is_not_written),
		cmocka_unit_test(behind_what_others_have_written),
		cmocka_unit_test(two_holders_and_a_beat),
		cmocka_unit_test(an_append_is_a_beat),
		cmocka_unit_test(given_up_or_known_to_be_gone),
		cmocka_unit_test(a_lease_that_was_never_written_down),
		cmocka_unit_test(damage_is_named_when_it_is_opened),
		cmocka_unit_test(put_back_under_an_open_journal),
		cmocka_unit_test(begun_at_a_snapshot),
		cmocka_unit_test(blobs_are_kept_by_their_hash),
	};

	return cmocka_run_group_tests_name("journal", tests, places_set_up, places_tear_down);
}
