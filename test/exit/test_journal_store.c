/* test_journal_store.c - the store over both engines: two who add, leases, blobs, damage, a disk that fails. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "base/place.h"
#include "exit/journal_holder.h"
#include "exit/journal_store.h"

static const struct sql_limits limits = { 3000, 10000 };

static struct journal_store *open_at(const char *address)
{
	struct journal_store *store = NULL;
	struct fault fault = { 0 };

	if (journal_store_open(address, SQL_WRITE, &limits, &store, &fault) < 0)
		fail_msg("%s", fault.text);
	return store;
}

static struct journal_head head_of(struct journal_store *store)
{
	struct journal_head head;
	struct fault fault = { 0 };

	if (store->ops->head(store, &head, &fault) < 0)
		fail_msg("%s", fault.text);
	return head;
}

static int append(struct journal_store *store, int64_t lease, struct journal_head *head, const char *text)
{
	return store->ops->append(store, lease, head, view_text(text), head, NULL);
}

static struct journal_lease take(struct journal_store *store, const char *holder)
{
	struct journal_lease lease;
	struct fault fault = { 0 };

	assert_int_equal(store->ops->lease_read(store, &lease, &fault), 0);
	assert_int_equal(store->ops->lease_take(store, &lease, holder, &lease, &fault), 0);
	return lease;
}

/* Keeps what it is shown as "1:one 2:two ". */
static int write_down(void *context, int64_t sequence, struct view frame)
{
	buffer_printf(context, "%lld:%.*s ", (long long)sequence, VIEW_ARGS(frame));
	return 0;
}

static int read_all(struct journal_store *store, int64_t from, char *out, size_t size, struct fault *fault)
{
	struct buffer text;
	int err;

	buffer_init(&text, size - 1);
	err = store->ops->read(store, from, write_down, &text, fault);
	snprintf(out, size, "%s", buffer_string(&text));
	buffer_done(&text);
	return err;
}

static void frames_come_back_in_order(void **state)
{
	const char *address = place_new();
	struct journal_store *store = open_at(address);
	struct journal_head head = head_of(store);
	struct fault fault;
	char text[200];

	assert_int_equal(head.sequence, 0);
	assert_true(sha256_none(head.last));
	assert_int_equal(read_all(store, 1, text, sizeof text, &fault), 0);
	assert_string_equal(text, "");
	assert_int_equal(append(store, 0, &head, "one"), 0);
	assert_int_equal(append(store, 0, &head, ""), 0);
	assert_int_equal(append(store, 0, &head, "three"), 0);
	assert_int_equal(head.sequence, 3);
	assert_true(sha256_equal(head.last, sha256_of(VIEW_LITERAL("three"))));
	store->ops->free(store);

	store = open_at(address);
	assert_int_equal(head_of(store).sequence, 3);
	assert_true(sha256_equal(head_of(store).last, head.last));
	assert_int_equal(read_all(store, 1, text, sizeof text, &fault), 0);
	assert_string_equal(text, "1:one 2: 3:three ");
	assert_int_equal(read_all(store, 3, text, sizeof text, &fault), 0);
	assert_string_equal(text, "3:three ");
	assert_int_equal(read_all(store, 4, text, sizeof text, &fault), 0);
	assert_string_equal(text, "");
	store->ops->free(store);
}

static void a_frame_follows_the_head_that_is_known(void **state)
{
	const char *address = place_new();
	struct journal_store *one = open_at(address), *two = open_at(address);
	struct journal_head head = head_of(one), other = head, forged;
	struct fault fault;
	char text[200];

	assert_int_equal(append(one, 0, &head, "one"), 0);
	assert_int_equal(two->ops->append(two, 0, &other, VIEW_LITERAL("first"), &other, &fault),
			 ERR_CONFLICT);
	assert_non_null(strstr(fault.text, "frame 1"));
	assert_int_equal(other.sequence, 0);
	assert_false(two->broken);

	/* The right number, of another history. */
	forged = (struct journal_head){ 1, sha256_of(VIEW_LITERAL("first")) };
	assert_int_equal(append(two, 0, &forged, "second"), ERR_CONFLICT);
	forged = (struct journal_head){ 2, head.last };
	assert_int_equal(append(two, 0, &forged, "third"), ERR_CONFLICT);
	other = head_of(two);
	assert_int_equal(append(two, 0, &other, "two"), 0);
	assert_int_equal(read_all(one, 1, text, sizeof text, &fault), 0);
	assert_string_equal(text, "1:one 2:two ");
	one->ops->free(one);
	two->ops->free(two);
}

static void a_lease_is_one_controllers(void **state)
{
	const char *address = place_new();
	struct journal_store *one = open_at(address), *two = open_at(address);
	struct journal_head head = head_of(one);
	struct journal_lease seen, first, second;
	struct fault fault;

	assert_int_equal(one->ops->lease_read(one, &seen, &fault), 0);
	assert_int_equal(seen.number, 0);
	assert_string_equal(seen.holder, "");
	assert_int_equal(append(one, 1, &head, "x"), ERR_STALE); /* nobody has it */

	first = take(one, "one");
	assert_int_equal(first.number, 1);
	assert_string_equal(first.holder, "one");
	assert_int_equal(two->ops->lease_take(two, &seen, "two", &second, &fault), ERR_CONFLICT);
	assert_int_equal(append(one, 1, &head, "by one"), 0);
	assert_int_equal(append(two, 0, &head, "an owner's act"), 0);
	assert_int_equal(append(two, 2, &head, "x"), ERR_STALE);

	/* It beat, also by what it wrote: whoever saw it before that may not take it. */
	assert_int_equal(two->ops->lease_read(two, &seen, &fault), 0);
	assert_true(seen.beat > first.beat);
	assert_int_equal(one->ops->lease_beat(one, 1, &fault), 0);
	assert_int_equal(two->ops->lease_take(two, &seen, "two", &second, &fault), ERR_CONFLICT);

	second = take(two, "two");
	assert_int_equal(second.number, 2);
	assert_int_equal(one->ops->append(one, 1, &head, VIEW_LITERAL("late"), &head, &fault), ERR_STALE);
	assert_non_null(strstr(fault.text, "lease 2, of two"));
	assert_int_equal(one->ops->lease_beat(one, 1, &fault), ERR_STALE);
	assert_int_equal(one->ops->lease_release(one, 1, &fault), ERR_STALE);
	assert_int_equal(append(two, 2, &head, "by two"), 0);
	assert_false(one->broken);

	assert_int_equal(two->ops->lease_release(two, 2, &fault), 0);
	assert_int_equal(append(two, 2, &head, "late"), ERR_STALE);
	assert_int_equal(two->ops->lease_beat(two, 2, &fault), ERR_STALE);
	assert_int_equal(one->ops->lease_read(one, &seen, &fault), 0);
	assert_string_equal(seen.holder, "");
	assert_int_equal(seen.number, 2);
	assert_int_equal(take(one, "one again").number, 3);
	assert_int_equal(head_of(one).sequence, 3);
	one->ops->free(one);
	two->ops->free(two);
}

static void a_long_holder_is_refused(void **state)
{
	struct journal_store *store = open_at(place_new());
	struct journal_lease lease = { 0 };
	char holder[JOURNAL_HOLDER_SIZE_MAX + 1];

	memset(holder, 'h', sizeof holder);
	holder[JOURNAL_HOLDER_SIZE_MAX] = 0;
	assert_int_equal(store->ops->lease_take(store, &lease, holder, &lease, NULL), ERR_LIMIT);
	holder[JOURNAL_HOLDER_SIZE_MAX - 1] = 0;
	assert_int_equal(store->ops->lease_take(store, &lease, holder, &lease, NULL), 0);
	assert_int_equal(store->ops->lease_read(store, &lease, NULL), 0);
	assert_string_equal(lease.holder, holder);
	store->ops->free(store);
}

#define RACERS 3
#define RACES  25

/* Adds RACES frames against the others; the exit status of its process. */
static int race(const char *address, int racer)
{
	/* A disk that is busy with other things makes the others wait long for their turn. */
	static const struct sql_limits patient = { 30000, 60000 };
	struct journal_store *store;
	struct journal_head head;
	char text[20];

	struct fault fault = { 0 };

	if (journal_store_open(address, SQL_WRITE, &patient, &store, &fault) < 0) {
		print_error("%s\n", fault.text);
		return 1;
	}
	for (int i = 0; i < RACES; i++) {
		int err;

		snprintf(text, sizeof text, "%d.%d", racer, i);
		do
			err = store->ops->head(store, &head, NULL) < 0 ? ERR_IO
								       : append(store, 0, &head, text);
		while (err == ERR_CONFLICT);
		if (err < 0)
			return 2;
	}
	store->ops->free(store);
	return 0;
}

static int in_turn(void *context, int64_t sequence, struct view frame)
{
	int *next = context;
	char text[20];

	snprintf(text, sizeof text, "%.*s", VIEW_ARGS(frame));
	assert_int_equal(atoi(text + 2), next[text[0] - '0']++);
	return 0;
}

/* All begin with a journal that is not there yet: one of them makes it. */
static void many_add_and_nothing_is_lost(void **state)
{
	char address[500];
	pid_t children[RACERS];
	int next[RACERS] = { 0 };
	struct journal_store *store;
	struct fault fault = { 0 };

	snprintf(address, sizeof address, "%s", place_new());
	for (int i = 0; i < RACERS; i++) {
		children[i] = fork();
		if (children[i] == 0)
			_exit(race(address, i));
	}
	for (int i = 0; i < RACERS; i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	store = open_at(address);
	assert_int_equal(head_of(store).sequence, RACERS * RACES);
	assert_int_equal(store->ops->read(store, 1, in_turn, next, &fault), 0);
	for (int i = 0; i < RACERS; i++)
		assert_int_equal(next[i], RACES);
	store->ops->free(store);
}

static void blobs_are_kept_under_their_hash(void **state)
{
	struct journal_store *store = open_at(place_new());
	struct sha256 hash = sha256_of(VIEW_LITERAL("\0evidence")), none = sha256_of(VIEW_LITERAL("none"));
	struct fault fault;
	struct buffer out;

	buffer_init(&out, 20);
	assert_int_equal(store->ops->blob_get(store, hash, &out, &fault), ERR_NOT_FOUND);
	assert_int_equal(store->ops->blob_put(store, hash, VIEW_LITERAL("\0evidence"), &fault), 0);
	assert_int_equal(store->ops->blob_put(store, hash, VIEW_LITERAL("\0evidence"), &fault), 0);
	assert_int_equal(store->ops->blob_put(store, sha256_of(VIEW_NULL), VIEW_NULL, &fault), 0);
	assert_int_equal(store->ops->blob_get(store, hash, &out, &fault), 0);
	assert_int_equal(store->ops->blob_get(store, sha256_of(VIEW_NULL), &out, &fault), 0);
	assert_int_equal(out.size, 9);
	assert_memory_equal(out.at, "\0evidence", 9);
	assert_int_equal(store->ops->blob_get(store, none, &out, &fault), ERR_NOT_FOUND);
	assert_int_equal(store->ops->blob_get(store, hash, &out, &fault), 0);
	assert_int_equal(store->ops->blob_get(store, hash, &out, &fault), ERR_LIMIT);
	assert_int_equal(head_of(store).sequence, 0);
	buffer_done(&out);
	store->ops->free(store);
}

static int count_large(void *context, int64_t sequence, struct view frame)
{
	int64_t *count = context;

	assert_int_equal(sequence, ++*count);
	assert_int_equal(frame.size, JOURNAL_FRAME_SIZE_MAX);
	assert_int_equal(frame.at[0], sequence);
	assert_int_equal(frame.at[frame.size - 1], sequence);
	return 0;
}

static void large_frames_are_read_in_bounded_memory(void **state)
{
	struct journal_store *store = open_at(place_new());
	uint8_t *large = malloc(JOURNAL_FRAME_SIZE_MAX + 1);
	struct journal_head head = head_of(store);
	struct fault fault = { 0 };
	int64_t count = 0;

	for (int i = 1; i <= 11; i++) {
		memset(large, i, JOURNAL_FRAME_SIZE_MAX);
		assert_int_equal(store->ops->append(store, 0, &head, view_of(large, JOURNAL_FRAME_SIZE_MAX),
						    &head, &fault),
				 0);
	}
	assert_int_equal(store->ops->append(store, 0, &head, view_of(large, JOURNAL_FRAME_SIZE_MAX + 1),
					    &head, &fault),
			 ERR_LIMIT);
	assert_int_equal(store->ops->read(store, 1, count_large, &count, &fault), 0);
	assert_int_equal(count, 11);
	free(large);
	store->ops->free(store);
}

/* The tables, past the store. */
static struct sql *tables_of(const char *address)
{
	static const char *const nothing[] = { NULL };
	static const struct sql_schema schema = { "journal of Interlock", 0x494c4b4a, 1, nothing };
	struct fault fault = { 0 };
	struct sql *sql = NULL;

	if (sql_open(address, SQL_WRITE, &schema, &limits, &sql, &fault) < 0)
		fail_msg("%s", fault.text);
	return sql;
}

static void change(const char *address, const char *text, const struct sql_value *values, int count)
{
	struct sql *sql = tables_of(address);
	struct fault fault = { 0 };

	assert_int_equal(sql_begin(sql, &fault), 0);
	if (sql_exec(sql, text, values, count, NULL, &fault) < 0)
		fail_msg("%s", fault.text);
	assert_int_equal(sql_commit(sql, &fault), 0);
	sql_close(sql);
}

/* `count` frames at once: "n" each. */
static void fill(const char *address, int count)
{
	struct sha256 last = sha256_of(VIEW_LITERAL("n"));
	struct sql *sql = tables_of(address);
	struct fault fault = { 0 };
	char text[SHA256_TEXT_SIZE];

	assert_int_equal(sql_begin(sql, &fault), 0);
	for (int i = 1; i <= count; i++)
		assert_int_equal(sql_exec(sql, "INSERT INTO interlock_frame (sequence, frame) VALUES (?, ?)",
					  SQL_VALUES(sql_int(i), sql_bytes(VIEW_LITERAL("n"))), NULL, &fault),
				 0);
	assert_int_equal(sql_exec(sql, "UPDATE interlock_head SET sequence = ?, last = ?",
				  SQL_VALUES(sql_int(count), sql_text(sha256_text(last, text))), NULL,
				  &fault),
			 0);
	assert_int_equal(sql_commit(sql, &fault), 0);
	sql_close(sql);
}

#define MANY_BLOBS 70

static int tick_off(void *context, const struct sha256 *hash, struct view bytes)
{
	int *seen = context, number = 0;

	assert_true(sha256_equal(*hash, sha256_of(bytes)));
	for (size_t i = 4; i < bytes.size; i++)
		number = 10 * number + bytes.at[i] - '0';
	seen[number]++;
	return seen[MANY_BLOBS] && !--seen[MANY_BLOBS] ? 77 : 0;
}

/* More than one question asks for; one is missing, and one was changed, which nobody is given. */
static void blobs_come_together(void **state)
{
	const char *address = place_new();
	struct journal_store *store = open_at(address);
	struct sha256 hashes[MANY_BLOBS];
	int seen[MANY_BLOBS + 1] = { 0 };
	struct fault fault;

	for (int i = 0; i < MANY_BLOBS; i++) {
		char text[20];

		snprintf(text, sizeof text, "blob%d", i);
		hashes[i] = sha256_of(view_text(text));
		if (i != 40)
			assert_int_equal(store->ops->blob_put(store, hashes[i], view_text(text), &fault), 0);
	}
	change(address, "UPDATE interlock_blob SET content = ? WHERE hash = ?",
	       SQL_VALUES(sql_bytes(VIEW_LITERAL("blob8")),
			  sql_bytes(view_of(hashes[7].bytes, SHA256_SIZE))));
	change(address, "UPDATE interlock_blob SET content = ? WHERE hash = ?",
	       SQL_VALUES(sql_bytes(VIEW_LITERAL("other")),
			  sql_bytes(view_of(hashes[9].bytes, SHA256_SIZE))));
	assert_int_equal(store->ops->blobs_get(store, hashes, 0, tick_off, seen, &fault), 0);
	assert_int_equal(store->ops->blobs_get(store, hashes, 1, tick_off, seen, &fault), 0);
	assert_int_equal(store->ops->blobs_get(store, hashes + 1, MANY_BLOBS - 1, tick_off, seen, &fault), 0);
	for (int i = 0; i < MANY_BLOBS; i++)
		assert_int_equal(seen[i], i == 7 || i == 9 || i == 40 ? 0 : i == 8 ? 2 : 1);
	seen[MANY_BLOBS] = 3;
	assert_int_equal(store->ops->blobs_get(store, hashes, MANY_BLOBS, tick_off, seen, &fault), 77);
	store->ops->free(store);
}

struct walk {
	struct journal_store *store;
	int64_t next, stop;
};

/* Whoever reads frames fetches the evidence that they name. */
static int walk(void *context, int64_t sequence, struct view frame)
{
	struct walk *walk = context;
	struct buffer out;

	buffer_init(&out, 100);
	assert_int_equal(sequence, walk->next++);
	assert_view_is(frame, "n");
	if (sequence % 700 == 0)
		assert_int_equal(
			walk->store->ops->blob_get(walk->store, sha256_of(VIEW_LITERAL("b")), &out, NULL), 0);
	buffer_done(&out);
	return sequence == walk->stop ? 17 : 0;
}

static void many_frames_are_read_page_by_page(void **state)
{
	char address[500];
	struct journal_store *store;
	struct walk one = { NULL, 1, 0 }, two = { NULL, 1500, 1700 };
	struct fault fault;

	snprintf(address, sizeof address, "%s", place_new());
	store = open_at(address);
	one.store = two.store = store;
	fill(address, 2500);
	assert_int_equal(store->ops->blob_put(store, sha256_of(VIEW_LITERAL("b")), VIEW_LITERAL("b"), &fault),
			 0);
	assert_int_equal(store->ops->read(store, 1, walk, &one, &fault), 0);
	assert_int_equal(one.next, 2501);
	assert_int_equal(store->ops->read(store, 1500, walk, &two, &fault), 17);
	assert_int_equal(two.next, 1701);
	store->ops->free(store);
}

static void damage_is_told(void **state)
{
	char address[500], text[500];
	struct journal_store *store;
	struct journal_head head;
	struct fault fault;

	snprintf(address, sizeof address, "%s", place_new());
	store = open_at(address);
	fill(address, 6);
	head = head_of(store);
	change(address, "DELETE FROM interlock_frame WHERE sequence = ?", SQL_VALUES(sql_int(4)));
	assert_int_equal(read_all(store, 1, text, sizeof text, &fault), ERR_CHECKSUM);
	assert_non_null(strstr(fault.text, "frame 4"));
	assert_string_equal(text, "1:n 2:n 3:n ");
	assert_int_equal(read_all(store, 4, text, sizeof text, &fault), ERR_CHECKSUM);
	assert_int_equal(read_all(store, 5, text, sizeof text, &fault), 0);

	change(address, "UPDATE interlock_frame SET frame = ? WHERE sequence = ?",
	       SQL_VALUES(sql_bytes(VIEW_LITERAL("m")), sql_int(6)));
	assert_int_equal(read_all(store, 5, text, sizeof text, &fault), ERR_CHECKSUM);
	assert_string_equal(text, "5:n ");

	/* Cut off, and longer than it says. */
	change(address, "DELETE FROM interlock_frame WHERE sequence = ?", SQL_VALUES(sql_int(6)));
	assert_int_equal(store->ops->head(store, &head, &fault), ERR_CHECKSUM);
	change(address, "INSERT INTO interlock_frame (sequence, frame) VALUES (?, ?)",
	       SQL_VALUES(sql_int(7), sql_bytes(VIEW_LITERAL("n"))));
	assert_int_equal(store->ops->head(store, &head, &fault), ERR_CHECKSUM);
	assert_int_equal(append(store, 0, &head, "over it"), ERR_CHECKSUM);
	assert_false(store->broken);

	/* A head that is none, and no head. */
	change(address, "UPDATE interlock_head SET last = ?", SQL_VALUES(sql_text("what?")));
	assert_int_equal(store->ops->head(store, &head, &fault), ERR_CHECKSUM);
	change(address, "DELETE FROM interlock_head", SQL_NO_VALUES);
	assert_int_equal(store->ops->head(store, &head, &fault), ERR_CHECKSUM);
	assert_int_equal(append(store, 0, &head, "into nothing"), ERR_CHECKSUM);
	assert_int_equal(store->ops->reopen(store, &fault), ERR_CHECKSUM);
	assert_true(store->broken);
	store->ops->free(store);
}

static void what_is_opened_for_reading_is_only_read(void **state)
{
	char address[500], text[100];
	struct journal_store *store = NULL;
	struct journal_head head;
	struct journal_lease lease;
	struct fault fault;

	snprintf(address, sizeof address, "%s", place_new());
	assert_int_equal(journal_store_open(address, SQL_READ, &limits, &store, &fault), ERR_NOT_FOUND);
	assert_null(store);
	store = open_at(address);
	head = head_of(store);
	assert_int_equal(append(store, 0, &head, "one"), 0);
	store->ops->free(store);
	assert_int_equal(journal_store_open(address, SQL_READ, &limits, &store, &fault), 0);
	assert_int_equal(read_all(store, 1, text, sizeof text, &fault), 0);
	assert_string_equal(text, "1:one ");
	assert_int_equal(append(store, 0, &head, "two"), ERR_DENIED);
	assert_int_equal(store->ops->lease_read(store, &lease, &fault), 0);
	assert_int_equal(store->ops->lease_take(store, &lease, "me", &lease, &fault), ERR_DENIED);
	assert_int_equal(store->ops->reopen(store, &fault), 0);
	assert_int_equal(head_of(store).sequence, 1);
	store->ops->free(store);
}

/*
 * A disk on which a write fails while a frame is made durable: then nobody knows, the store says nothing more, and after
 * it was opened again it tells one of the two truths.
 */
static int play_failed_commit(void)
{
	static char big[200000], text[100];
	struct rlimit limit = { 100000, RLIM_INFINITY };
	struct journal_store *store;
	struct journal_head head, before;
	struct journal_lease lease;
	struct fault fault;
	int err;

	signal(SIGXFSZ, SIG_IGN);
	if (journal_store_open(place_file(), SQL_WRITE, &limits, &store, &fault) < 0 ||
	    store->ops->head(store, &head, &fault) < 0 || append(store, 0, &head, "one") < 0)
		return 1;
	before = head;
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 77;
	err = store->ops->append(store, 0, &head, view_of(big, sizeof big), &head, &fault);
	if (err != ERR_IO || !store->broken || head.sequence != 1)
		return 2;
	if (append(store, 0, &head, "x") != ERR_STALE ||
	    store->ops->head(store, &head, &fault) != ERR_STALE ||
	    store->ops->lease_read(store, &lease, &fault) != ERR_STALE ||
	    store->ops->lease_take(store, &lease, "me", &lease, &fault) != ERR_STALE ||
	    read_all(store, 1, text, sizeof text, &fault) != ERR_STALE)
		return 3;
	limit.rlim_cur = RLIM_INFINITY;
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 77;
	if (store->ops->reopen(store, &fault) < 0 || store->broken ||
	    store->ops->head(store, &head, &fault) < 0)
		return 4;
	if (head.sequence != before.sequence || append(store, 0, &head, "two") < 0 ||
	    read_all(store, 1, text, sizeof text, &fault) < 0 || strcmp(text, "1:one 2:two ") != 0)
		return 5;
	store->ops->free(store);
	return 0;
}

static void after_a_failed_commit_nothing_is_believed(void **state)
{
	in_a_child(play_failed_commit);
}

/* A file system of its own, so small that the journal fills it. */
static int play_full_disk(void)
{
	static char frame[3000], ballast[200], big[100000];
	struct journal_store *store;
	struct journal_head head, known;
	struct fault fault;
	FILE *file;
	int err;

	if ((unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", place_folder, "tmpfs", 0, "size=600k") < 0)
		return 77;
	snprintf(ballast, sizeof ballast, "%s/ballast", place_folder);
	file = fopen(ballast, "wb");
	if (!file || fwrite(big, 1, sizeof big, file) != sizeof big || fclose(file) != 0)
		return 1;
	if (journal_store_open(place_file(), SQL_WRITE, &limits, &store, &fault) < 0 ||
	    store->ops->head(store, &head, &fault) < 0)
		return 2;
	do
		err = store->ops->append(store, 0, &head, view_of(frame, sizeof frame), &head, &fault);
	while (err == 0 && head.sequence < 10000);
	if (err != ERR_FULL || head.sequence == 0)
		return 3;
	/* Full as it is, it can be read. */
	if ((store->broken && store->ops->reopen(store, &fault) != 0 && fault.err != ERR_FULL))
		return 4;
	unlink(ballast);
	if (store->ops->reopen(store, &fault) < 0 || store->ops->head(store, &known, &fault) < 0)
		return 5;
	if (known.sequence != head.sequence || !sha256_equal(known.last, head.last) ||
	    append(store, 0, &known, "x") < 0)
		return 6;
	store->ops->free(store);
	return 0;
}

static void a_full_disk_is_told_and_got_over(void **state)
{
	in_a_child(play_full_disk);
}

/* Takes what is left of the file system. */
static int fill_disk(void)
{
	static const char page[4096];
	char ballast[200];
	int fd;

	snprintf(ballast, sizeof ballast, "%s/ballast", place_folder);
	fd = open(ballast, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0)
		return -1;
	while (write(fd, page, sizeof page) > 0)
		;
	return close(fd);
}

/* How many frames, with a beat each, still go in; `err` is what the next one came to. */
static int write_until(struct journal_store *store, int64_t lease, int most, int *err)
{
	static char frame[3000];
	struct journal_head head;
	struct fault fault;
	int count = 0;

	*err = store->ops->head(store, &head, &fault);
	while (!*err && count < most) {
		*err = store->ops->append(store, lease, &head, view_of(frame, sizeof frame), &head, &fault);
		*err = *err ? *err : store->ops->lease_beat(store, lease, &fault);
		count += !*err;
	}
	return count;
}

/* The disk fills up: what was reserved before goes in nevertheless, through the log and into the tables. */
static int play_reserve(void)
{
	const int64_t size = 4 << 20;
	struct journal_store *store;
	struct journal_lease lease;
	struct fault fault;
	int err, count;

	if ((unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", place_folder, "tmpfs", 0, "size=16m") < 0)
		return 77;
	if (journal_store_open(place_file(), SQL_WRITE, &limits, &store, &fault) < 0)
		return 1;
	lease = take(store, "me");
	if (write_until(store, lease.number, 300, &err) != 300 ||
	    store->ops->reserve(store, size, &fault) < 0)
		return 2;
	/* A second time there is nothing to do; and what is there is still there. */
	if (store->ops->reserve(store, size, &fault) < 0 || head_of(store).sequence != 300 || fill_disk() < 0)
		return 3;
	/* Each frame and each beat take some pages of the log: more than all of it, so that it begins anew meanwhile. */
	if (write_until(store, lease.number, 700, &err) != 700)
		return 4;
	count = write_until(store, lease.number, 100000, &err);
	if (err != ERR_FULL || count == 0)
		return 5;
	if (store->broken && store->ops->reopen(store, &fault) < 0 && fault.err != ERR_FULL)
		return 6;
	if (store->ops->reserve(store, size, &fault) != (store->broken ? ERR_STALE : ERR_FULL))
		return 7;
	store->ops->free(store);
	return 0;
}

static void what_was_reserved_goes_in_when_the_disk_is_full(void **state)
{
	in_a_child(play_reserve);
}

static void a_holder_is_known_dead_or_alive(void **state)
{
	char self[JOURNAL_HOLDER_SIZE_MAX], other[JOURNAL_HOLDER_SIZE_MAX] = "",
					    changed[JOURNAL_HOLDER_SIZE_MAX + 20];
	int pipe_[2];
	pid_t child;

	assert_int_equal(journal_holder_self(self, NULL), 0);
	assert_int_equal(journal_holder_state(self), HOLDER_SELF);

	assert_int_equal(pipe(pipe_), 0);
	child = fork();
	if (child == 0) {
		int err = journal_holder_self(other, NULL);

		if (err == 0 && write(pipe_[1], other, sizeof other) == sizeof other)
			pause();
		_exit(1);
	}
	assert_int_equal(read(pipe_[0], other, sizeof other), sizeof other);
	close(pipe_[0]);
	close(pipe_[1]);
	assert_string_not_equal(self, other);
	assert_int_equal(journal_holder_state(other), HOLDER_ALIVE);
	kill(child, SIGKILL);
	waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT);
	assert_int_equal(journal_holder_state(other), HOLDER_GONE); /* dead, its parent has not asked yet */
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(journal_holder_state(other), HOLDER_GONE);

	/* The same number, started at another time; another boot; nobody. */
	snprintf(changed, sizeof changed, "%s7", self);
	assert_int_equal(journal_holder_state(changed), HOLDER_GONE);
	snprintf(changed, sizeof changed, "host=elsewhere%s", strchr(self, ' '));
	assert_int_equal(journal_holder_state(changed), HOLDER_UNKNOWN);
	snprintf(changed, sizeof changed, "%s", other);
	*strstr(changed, "boot=") = 'b';
	strstr(changed, "boot=")[5] ^= 1;
	assert_int_equal(journal_holder_state(changed), HOLDER_UNKNOWN);
	assert_int_equal(journal_holder_state(""), HOLDER_UNKNOWN);
	assert_int_equal(journal_holder_state("host=a boot=b pidns=1 pid=-1 start=5"), HOLDER_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest both[] = {
		cmocka_unit_test(frames_come_back_in_order),
		cmocka_unit_test(a_frame_follows_the_head_that_is_known),
		cmocka_unit_test(a_lease_is_one_controllers),
		cmocka_unit_test(a_long_holder_is_refused),
		cmocka_unit_test(many_add_and_nothing_is_lost),
		cmocka_unit_test(blobs_are_kept_under_their_hash),
		cmocka_unit_test(blobs_come_together),
		cmocka_unit_test(large_frames_are_read_in_bounded_memory),
		cmocka_unit_test(many_frames_are_read_page_by_page),
		cmocka_unit_test(damage_is_told),
		cmocka_unit_test(what_is_opened_for_reading_is_only_read),
	};
	const struct CMUnitTest files[] = {
		cmocka_unit_test(after_a_failed_commit_nothing_is_believed),
		cmocka_unit_test(a_full_disk_is_told_and_got_over),
		cmocka_unit_test(what_was_reserved_goes_in_when_the_disk_is_full),
		cmocka_unit_test(a_holder_is_known_dead_or_alive),
	};
	int failed = cmocka_run_group_tests_name("journal_store", both, places_set_up, places_tear_down);

	if (!place_is_server())
		failed += cmocka_run_group_tests_name("journal_store-files", files, places_set_up,
						      places_tear_down);
	return failed;
}
