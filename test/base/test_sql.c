/* test_sql.c - one text for both engines; and a file of SQLite that is full, foreign, damaged, locked, or gone. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/place.h"
#include "base/sql.h"

static const char *const tables[] = {
	"CREATE TABLE thing (id INT64 PRIMARY KEY, name TEXT, content BYTES)",
	NULL,
};

static const struct sql_schema schema = { "box of things", 0x7e57, 1, tables };
static const struct sql_schema newer = { "box of things", 0x7e57, 2, tables };
static const struct sql_schema other = { "bag of things", 0x7e58, 1, tables };
static const struct sql_limits limits = { 2000, 2000 }, impatient = { 2000, 50 };

static struct sql *open_at(const char *address, enum sql_mode mode)
{
	struct fault fault = { 0 };
	struct sql *sql = NULL;

	if (sql_open(address, mode, &schema, &limits, &sql, &fault) < 0)
		fail_msg("%s", fault.text);
	return sql;
}

static int open_fails(const char *address, enum sql_mode mode, const struct sql_schema *as,
		      struct fault *fault)
{
	struct sql *untouched = (struct sql *)fault, *sql = untouched;
	int err = sql_open(address, mode, as, &limits, &sql, fault);

	assert_true(err < 0);
	assert_int_equal(fault->err, err);
	assert_ptr_equal(sql, untouched);
	return err;
}

static int add_inside(struct sql *sql, int64_t id, struct view content, struct fault *fault)
{
	return sql_exec(sql, "INSERT INTO thing (id, name, content) VALUES (?, ?, ?)",
			SQL_VALUES(sql_int(id), sql_text("thing"), sql_bytes(content)), NULL, fault);
}

static int add(struct sql *sql, int64_t id, struct view content, struct fault *fault)
{
	int err = sql_begin(sql, fault);

	if (err < 0)
		return err;
	err = add_inside(sql, id, content, fault);
	if (err == 0)
		return sql_commit(sql, fault);
	sql_rollback(sql);
	return err;
}

static int keep_int(void *context, const struct sql_value *row, int count)
{
	assert_true(sql_row_is(row, count, "i"));
	*(int64_t *)context = row->number;
	return 0;
}

static int64_t count_of(struct sql *sql)
{
	struct fault fault = { 0 };
	int64_t count = -1;

	if (sql_query(sql, "SELECT COUNT(*) FROM thing", SQL_NO_VALUES, keep_int, &count, &fault) < 0)
		fail_msg("%s", fault.text);
	return count;
}

static int check_row(void *context, const struct sql_value *row, int count)
{
	int *seen = context;

	assert_int_equal(count, 3);
	assert_int_equal(row[0].kind, SQL_INT);
	switch ((*seen)++) {
	case 0:
		assert_true(row[0].number == INT64_MIN);
		assert_int_equal(row[1].kind, SQL_NULL);
		assert_int_equal(row[2].kind, SQL_NULL);
		break;
	case 1:
		assert_int_equal(row[0].number, -1);
		assert_true(sql_row_is(row, count, "itb"));
		assert_int_equal(row[1].bytes.size, 0);
		assert_int_equal(row[2].bytes.size, 0);
		break;
	case 2:
		assert_true(row[0].number == INT64_MAX);
		assert_view_is(row[1].bytes, "gr\xc3\xbc\xc3\x9f' ?");
		assert_int_equal(row[2].bytes.size, 4);
		assert_memory_equal(row[2].bytes.at, "\0\xff?'", 4);
		break;
	}
	return 0;
}

static void values_come_back_as_they_went(void **state)
{
	struct sql *sql = open_at(place_new(), SQL_WRITE);
	const char *insert = "INSERT INTO thing (id, name, content) VALUES (?, ?, ?)";
	struct fault fault;
	int64_t affected = 0;
	int seen = 0;

	assert_int_equal(sql_begin(sql, &fault), 0);
	assert_int_equal(sql_exec(sql, insert,
				  SQL_VALUES(sql_int(INT64_MAX), sql_text("gr\xc3\xbc\xc3\x9f' ?"),
					     sql_bytes(view_of("\0\xff?'", 4))),
				  &affected, &fault),
			 0);
	assert_int_equal(affected, 1);
	assert_int_equal(sql_exec(sql, insert,
				  SQL_VALUES(sql_int(-1), sql_text(""), sql_bytes(view_of("", 0))), NULL,
				  &fault),
			 0);
	assert_int_equal(sql_exec(sql, insert, SQL_VALUES(sql_int(INT64_MIN), { SQL_NULL }, { SQL_NULL }),
				  NULL, &fault),
			 0);
	assert_int_equal(sql_commit(sql, &fault), 0);
	assert_int_equal(sql_query(sql, "SELECT id, name, content FROM thing ORDER BY id", SQL_NO_VALUES,
				   check_row, &seen, &fault),
			 0);
	assert_int_equal(seen, 3);

	/* A question mark inside quotes is one. */
	seen = 0;
	assert_int_equal(sql_query(sql, "SELECT id, name, content FROM thing WHERE name <> '?''?' AND id = ?",
				   SQL_VALUES(sql_int(-1)), check_row, &(int){ 1 }, &fault),
			 0);

	assert_int_equal(sql_begin(sql, &fault), 0);
	assert_int_equal(sql_exec(sql, "UPDATE thing SET name = ? WHERE id < ?",
				  SQL_VALUES(sql_text("x"), sql_int(0)), &affected, &fault),
			 0);
	assert_int_equal(affected, 2);
	assert_int_equal(sql_exec(sql, "UPDATE thing SET name = ? WHERE id = ?",
				  SQL_VALUES(sql_text("x"), sql_int(5)), &affected, &fault),
			 0);
	assert_int_equal(affected, 0);
	sql_rollback(sql);
	sql_close(sql);
}

static int stop_at_two(void *context, const struct sql_value *row, int count)
{
	return ++*(int *)context == 2 ? 42 : 0;
}

static void a_callback_ends_a_query(void **state)
{
	struct sql *sql = open_at(place_new(), SQL_WRITE);
	struct fault fault;
	int seen = 0;

	for (int i = 0; i < 5; i++)
		assert_int_equal(add(sql, i, VIEW_LITERAL("x"), &fault), 0);
	assert_int_equal(sql_query(sql, "SELECT id FROM thing", SQL_NO_VALUES, stop_at_two, &seen, &fault),
			 42);
	assert_int_equal(seen, 2);
	assert_int_equal(count_of(sql), 5);
	sql_close(sql);
}

static int count_row(void *context, const struct sql_value *row, int count)
{
	++*(int *)context;
	return 0;
}

/* The same text again and again, in turn with more others than are kept, after one that was cut short, and one that failed. */
static void a_text_that_is_asked_again(void **state)
{
	struct sql *sql = open_at(place_new(), SQL_WRITE);
	struct fault fault;
	int seen;

	for (int i = 0; i < 40; i++)
		assert_int_equal(add(sql, i, VIEW_LITERAL("x"), &fault), 0);
	assert_true(add(sql, 7, VIEW_LITERAL("x"), &fault) < 0);
	assert_int_equal(add(sql, 40, VIEW_LITERAL("x"), &fault), 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 40; i++) {
			char text[100];

			snprintf(text, sizeof text, "SELECT id FROM thing WHERE id >= ? AND id < %d", 41 + i);
			seen = 0;
			assert_int_equal(sql_query(sql, text, SQL_VALUES(sql_int(0)), stop_at_two, &seen, &fault), 42);
			seen = 0;
			assert_int_equal(sql_query(sql, text, SQL_VALUES(sql_int(i)), count_row, &seen, &fault), 0);
			assert_int_equal(seen, 41 - i);
		}
	}
	sql_close(sql);
}

static void what_was_rolled_back_never_was(void **state)
{
	struct sql *sql = open_at(place_new(), SQL_WRITE);
	struct fault fault;

	assert_int_equal(add(sql, 1, VIEW_LITERAL("x"), &fault), 0);
	assert_int_equal(sql_begin(sql, &fault), 0);
	assert_int_equal(add_inside(sql, 2, VIEW_LITERAL("x"), &fault), 0);
	assert_int_equal(count_of(sql), 2);
	sql_rollback(sql);
	assert_int_equal(count_of(sql), 1);
	sql_close(sql);
}

/* Whether the engine has rolled back by itself or not, nothing after a failure may be kept. */
static void a_failure_ends_a_transaction(void **state)
{
	struct sql *sql = open_at(place_new(), SQL_WRITE);
	struct fault fault;

	assert_int_equal(add(sql, 1, VIEW_LITERAL("x"), &fault), 0);
	assert_int_equal(sql_begin(sql, &fault), 0);
	assert_int_equal(add_inside(sql, 2, VIEW_LITERAL("x"), &fault), 0);
	assert_int_equal(add_inside(sql, 1, VIEW_LITERAL("x"), &fault), ERR_CONFLICT);
	assert_int_equal(add_inside(sql, 3, VIEW_LITERAL("x"), &fault), ERR_CONFLICT);
	assert_non_null(strstr(fault.text, "failed already"));
	sql_rollback(sql);
	assert_int_equal(count_of(sql), 1);
	assert_int_equal(add(sql, 4, VIEW_LITERAL("x"), &fault), 0);
	sql_close(sql);
}

static void what_is_kept_is_there_the_next_time(void **state)
{
	const char *address = place_new();
	struct sql *sql = open_at(address, SQL_WRITE);
	struct fault fault;

	assert_int_equal(add(sql, 1, VIEW_LITERAL("x"), &fault), 0);
	assert_int_equal(sql_begin(sql, &fault), 0);
	assert_int_equal(add_inside(sql, 2, VIEW_LITERAL("x"), &fault), 0);
	sql_close(sql); /* in the middle of a transaction */
	sql = open_at(address, SQL_WRITE);
	assert_int_equal(count_of(sql), 1);
	assert_int_equal(sql_reopen(sql, &fault), 0);
	assert_int_equal(count_of(sql), 1);
	sql_close(sql);
}

static void reading_changes_nothing(void **state)
{
	const char *address = place_new();
	struct fault fault;
	struct sql *sql;

	assert_int_equal(open_fails(address, SQL_READ, &schema, &fault), ERR_NOT_FOUND);
	sql = open_at(address, SQL_WRITE);
	assert_int_equal(add(sql, 1, VIEW_LITERAL("x"), &fault), 0);
	sql_close(sql);
	sql = open_at(address, SQL_READ);
	assert_int_equal(count_of(sql), 1);
	assert_int_equal(add(sql, 2, VIEW_LITERAL("x"), &fault), ERR_DENIED);
	assert_true(sql_query(sql, "DELETE FROM thing", SQL_NO_VALUES, keep_int, NULL, &fault) < 0);
	assert_int_equal(fault.err, ERR_DENIED);
	assert_int_equal(count_of(sql), 1);
	sql_close(sql);
}

static void a_newer_format_is_left_alone(void **state)
{
	const char *address = place_new();
	struct sql *sql = NULL;
	struct fault fault;

	assert_int_equal(sql_open(address, SQL_WRITE, &newer, &limits, &sql, &fault), 0);
	sql_close(sql);
	assert_int_equal(open_fails(address, SQL_WRITE, &schema, &fault), ERR_UNSUPPORTED);
	assert_non_null(strstr(fault.text, "format 2"));
	assert_non_null(strstr(fault.text, "use the version of Interlock that wrote it"));
	assert_int_equal(open_fails(address, SQL_READ, &schema, &fault), ERR_UNSUPPORTED);
	assert_int_equal(open_fails(address, SQL_WRITE, &other, &fault), ERR_CONFIG);
	assert_int_equal(sql_open(address, SQL_WRITE, &newer, &limits, &sql, &fault), 0);
	sql_close(sql);
}

static void one_waits_for_the_other_and_not_for_ever(void **state)
{
	const char *address = place_new();
	struct sql *one = open_at(address, SQL_WRITE), *two = NULL;
	struct fault fault;
	int err;

	assert_int_equal(sql_open(address, SQL_WRITE, &schema, &impatient, &two, &fault), 0);
	assert_int_equal(add(one, 1, VIEW_LITERAL("x"), &fault), 0);
	assert_int_equal(sql_begin(one, &fault), 0);
	assert_int_equal(sql_exec(one, "UPDATE thing SET name = ? WHERE id = ?",
				  SQL_VALUES(sql_text("one"), sql_int(1)), NULL, &fault),
			 0);
	err = sql_begin(two, &fault);
	if (err == 0) { /* a server locks rows: it waits at the row */
		err = sql_exec(two, "UPDATE thing SET name = ? WHERE id = ?",
			       SQL_VALUES(sql_text("two"), sql_int(1)), NULL, &fault);
		sql_rollback(two);
	}
	assert_int_equal(err, ERR_TIMEOUT);
	assert_int_equal(count_of(two), 1); /* readers do not wait */
	assert_int_equal(sql_commit(one, &fault), 0);
	assert_int_equal(add(two, 2, VIEW_LITERAL("x"), &fault), 0);
	assert_int_equal(count_of(one), 2);
	sql_close(one);
	sql_close(two);
}

/* Everything below is about files. */

static void a_file_is_its_owners_only(void **state)
{
	const char *path = place_file();
	struct sql *sql = open_at(path, SQL_WRITE);
	struct fault fault;
	struct stat st;
	char wal[220];

	assert_int_equal(add(sql, 1, VIEW_LITERAL("x"), &fault), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	snprintf(wal, sizeof wal, "%s-wal", path);
	assert_int_equal(stat(wal, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(st.st_size > 0); /* it is in WAL mode */
	assert_string_equal(sql_name(sql), path);
	sql_close(sql);
}

static void write_file(const char *path, const void *at, size_t size)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(at, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static size_t read_whole(const char *path, char *out, size_t size)
{
	FILE *file = fopen(path, "rb");
	size_t got;

	assert_non_null(file);
	got = fread(out, 1, size, file);
	fclose(file);
	return got;
}

static void somebody_elses_file_is_left_alone(void **state)
{
	static char before[100000], after[100000];
	const char *path = place_file();
	struct fault fault;
	sqlite3 *handle;
	size_t size;

	assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
	assert_int_equal(sqlite3_exec(handle, "CREATE TABLE photo (name TEXT)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(handle);
	size = read_whole(path, before, sizeof before);
	assert_int_equal(open_fails(path, SQL_WRITE, &schema, &fault), ERR_CONFIG);
	assert_non_null(strstr(fault.text, "somebody else's"));
	assert_int_equal(open_fails(path, SQL_READ, &schema, &fault), ERR_CONFIG);
	assert_int_equal(read_whole(path, after, sizeof after), size);
	assert_memory_equal(before, after, size);

	write_file(path,
		   "exit: shop\nstate: interlock.db\n# and so on, past the size of a header of SQLite: "
		   "0123456789\n",
		   91);
	assert_int_equal(open_fails(path, SQL_WRITE, &schema, &fault), ERR_MALFORMED);
	assert_int_equal(read_whole(path, after, sizeof after), 91);

	assert_int_equal(open_fails(place_folder, SQL_WRITE, &schema, &fault), ERR_CONFIG);
	assert_int_equal(open_fails("", SQL_WRITE, &schema, &fault), ERR_CONFIG);
	assert_int_equal(open_fails("/no/such/folder/x.db", SQL_WRITE, &schema, &fault), ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, "/no/such/folder/x.db"));
}

static void an_empty_file_is_a_new_one(void **state)
{
	const char *path = place_file();

	write_file(path, "", 0);
	sql_close(open_at(path, SQL_WRITE));
}

/* 200 rows of 1,000 bytes, closed, so that all of it is in the one file. */
static const char *filled_file(void)
{
	static char content[1000];
	const char *path = place_file();
	struct sql *sql = open_at(path, SQL_WRITE);
	struct fault fault;

	memset(content, 'c', sizeof content);
	assert_int_equal(sql_begin(sql, &fault), 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(add_inside(sql, i, view_of(content, sizeof content), &fault), 0);
	assert_int_equal(sql_commit(sql, &fault), 0);
	sql_close(sql);
	return path;
}

static int keep_nothing(void *context, const struct sql_value *row, int count)
{
	return 0;
}

/* What opening and reading all comes to; 0 when it all seems well. */
static int try_file(const char *path)
{
	struct sql *sql = NULL;
	struct fault fault;
	int err = sql_open(path, SQL_WRITE, &schema, &limits, &sql, &fault);

	if (err == 0)
		err = sql_query(sql, "SELECT id, name, content FROM thing", SQL_NO_VALUES, keep_nothing, NULL,
				&fault);
	if (err < 0)
		assert_non_null(strstr(fault.text, path));
	sql_close(sql);
	return err;
}

static void damage_is_told(void **state)
{
	static char whole[500000], broken[500000];
	const char *path = filled_file();
	size_t size = read_whole(path, whole, sizeof whole);
	int damaged = 0;

	assert_int_equal(try_file(path), 0);
	write_file(path, whole, size / 2);
	assert_int_equal(try_file(path), ERR_CHECKSUM);

	for (size_t page = 0; page < size / 4096; page++) {
		int err;

		memcpy(broken, whole, size);
		memset(broken + page * 4096, 0xa5, 64);
		write_file(path, broken, size);
		err = try_file(path);
		assert_true(err == 0 || err == ERR_CHECKSUM || err == ERR_MALFORMED);
		damaged += err < 0;
	}
	assert_true(damaged > (int)(size / 4096) / 2);
}

static void a_file_that_was_replaced_is_not_written(void **state)
{
	const char *path = place_file();
	struct sql *sql = open_at(path, SQL_WRITE), *second;
	struct fault fault;
	char aside[220];

	assert_int_equal(add(sql, 1, VIEW_LITERAL("x"), &fault), 0);
	snprintf(aside, sizeof aside, "%s.aside", path);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(add(sql, 2, VIEW_LITERAL("x"), &fault), ERR_STALE);
	assert_int_equal(sql_reopen(sql, &fault), ERR_STALE);
	second = open_at(path, SQL_WRITE);
	assert_int_equal(add(sql, 3, VIEW_LITERAL("x"), &fault), ERR_STALE);
	assert_int_equal(add(second, 3, VIEW_LITERAL("x"), &fault), 0);
	sql_close(second);
	sql_close(sql);
}

/* A tiny file system of its own, in name spaces of its own, so that it is gone with the child. */
static bool mount_here(const char *options, unsigned long flags)
{
	return (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", place_folder, "tmpfs", flags, options) == 0;
}

static int play_full_disk(void)
{
	static char big[100000];
	const char *path = place_file();
	struct sql *sql = NULL;
	struct fault fault;
	int rows = 0, err;
	char ballast[200];

	snprintf(ballast, sizeof ballast, "%s/ballast", place_folder);
	if (!mount_here("size=512k", 0))
		return 77;
	write_file(ballast, big, sizeof big);
	if (sql_open(path, SQL_WRITE, &schema, &limits, &sql, &fault) < 0)
		return 1;
	do
		err = add(sql, rows, view_of(big, 8000), &fault);
	while (err == 0 && ++rows < 1000);
	if (err != ERR_FULL || !strstr(fault.text, "make room"))
		return 2;
	if (count_of(sql) != rows)
		return 3;
	if (add(sql, rows, view_of(big, 8000), &fault) != ERR_FULL)
		return 4;
	unlink(ballast);
	if (sql_reopen(sql, &fault) < 0 || count_of(sql) != rows ||
	    add(sql, rows, view_of(big, 8000), &fault) < 0)
		return 5;
	sql_close(sql);
	return try_file(path) == 0 ? 0 : 6;
}

static void a_full_disk_is_told_and_got_over(void **state)
{
	in_a_child(play_full_disk);
}

static int play_disk_failure(void)
{
	static char big[100000];
	const char *path = place_file();
	struct rlimit limit = { 60000, RLIM_INFINITY };
	struct sql *sql = open_at(path, SQL_WRITE);
	struct fault fault;
	int err;

	signal(SIGXFSZ, SIG_IGN);
	if (add(sql, 1, view_of(big, 1000), &fault) < 0)
		return 1;
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 77;
	err = add(sql, 2, view_of(big, sizeof big), &fault);
	if (err != ERR_IO && err != ERR_FULL)
		return 2;
	limit.rlim_cur = RLIM_INFINITY;
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 77;
	if (sql_reopen(sql, &fault) < 0 || count_of(sql) != 1 ||
	    add(sql, 2, view_of(big, sizeof big), &fault) < 0)
		return 3;
	sql_close(sql);
	return 0;
}

static void a_write_that_fails_is_told(void **state)
{
	in_a_child(play_disk_failure);
}

/* A journal that was put away where nothing can be written, not even by root. */
static const char *put_away;

static int play_read_only_folder(void)
{
	static char whole[500000];
	const char *path = put_away;
	char log[220];
	struct sql *sql = NULL;
	struct fault fault;
	size_t size;

	size = read_whole(path, whole, sizeof whole);
	if (!mount_here("size=2m", 0))
		return 77;
	write_file(path, whole, size);
	if (mount("none", place_folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return 77;
	if (sql_open(path, SQL_READ, &schema, &limits, &sql, &fault) < 0 || count_of(sql) != 200)
		return 1;
	sql_close(sql);
	if (sql_open(path, SQL_WRITE, &schema, &limits, &sql, &fault) != ERR_DENIED)
		return 2;
	if (mount("none", place_folder, NULL, MS_REMOUNT, NULL) < 0)
		return 77;
	snprintf(log, sizeof log, "%s-wal", path);
	write_file(log, "x", 1);
	if (mount("none", place_folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return 77;
	if (sql_open(path, SQL_READ, &schema, &limits, &sql, &fault) != ERR_DENIED ||
	    !strstr(fault.text, "-wal"))
		return 3;
	return 0;
}

static void what_cannot_be_written_can_be_read(void **state)
{
	put_away = filled_file();
	in_a_child(play_read_only_folder);
}

/* Nothing listens at port 1: what matters is what is said. */
static void no_password_is_said(void **state)
{
	static const char *const addresses[] = {
		"postgres://exit:hunter2@127.0.0.1:1/journal",
		"postgresql://exit@127.0.0.1:1/journal?password=hunter2",
		"postgres://exit:p@hunter2@127.0.0.1:1/journal",
		"postgres://exit:p/hunter2@127.0.0.1:1/journal",
		"postgres://exit:hunter2/p@127.0.0.1:1/journal",
		"postgres://exit:p%zzhunter2@127.0.0.1:1/journal",
		"postgres://exit:hunter2@127.0.0.1:1/journal?no_such_option=hunter2",
		"postgres://exit:hunter2@[127.0.0.1:1/journal",
		"postgres://exit:127.0.0.1@127.0.0.1:1/hunter2?password=hunter2",
	};
	struct fault fault;
	struct sql *sql;

	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		int err = sql_open(addresses[i], SQL_WRITE, &schema, &limits, &sql, &fault);

		assert_true(err == ERR_NETWORK || err == ERR_CONFIG);
		assert_true(strlen(fault.text) > 20);
		if (i < 8)
			assert_null(strstr(fault.text, "hunter2"));
	}
	assert_int_equal(sql_open("postgres://exit@127.0.0.1:1,127.0.0.1:2/journal", SQL_READ, &schema,
				  &limits, &sql, &fault),
			 ERR_NETWORK);
	assert_non_null(strstr(fault.text, "postgres://127.0.0.1:1,127.0.0.1:2/journal"));
	assert_int_equal(
		sql_open("postgres://exit@a,b,c/journal?port=1,2", SQL_READ, &schema, &limits, &sql, &fault),
		ERR_CONFIG);
}

int main(void)
{
	const struct CMUnitTest both[] = {
		cmocka_unit_test(values_come_back_as_they_went),
		cmocka_unit_test(a_callback_ends_a_query),
		cmocka_unit_test(a_text_that_is_asked_again),
		cmocka_unit_test(what_was_rolled_back_never_was),
		cmocka_unit_test(a_failure_ends_a_transaction),
		cmocka_unit_test(what_is_kept_is_there_the_next_time),
		cmocka_unit_test(reading_changes_nothing),
		cmocka_unit_test(a_newer_format_is_left_alone),
		cmocka_unit_test(one_waits_for_the_other_and_not_for_ever),
	};
	const struct CMUnitTest files[] = {
		cmocka_unit_test(a_file_is_its_owners_only),
		cmocka_unit_test(somebody_elses_file_is_left_alone),
		cmocka_unit_test(an_empty_file_is_a_new_one),
		cmocka_unit_test(damage_is_told),
		cmocka_unit_test(a_file_that_was_replaced_is_not_written),
		cmocka_unit_test(a_full_disk_is_told_and_got_over),
		cmocka_unit_test(a_write_that_fails_is_told),
		cmocka_unit_test(what_cannot_be_written_can_be_read),
		cmocka_unit_test(no_password_is_said),
	};
	int failed = cmocka_run_group_tests_name("sql", both, places_set_up, places_tear_down);

	if (!place_is_server())
		failed += cmocka_run_group_tests_name("sql-files", files, places_set_up, places_tear_down);
	return failed;
}
