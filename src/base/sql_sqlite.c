/*
 * sql_sqlite.c - one file of SQLite.
 *
 * The file is in WAL mode with synchronous=FULL: a commit is one write and one sync of FILE-wal, and readers never wait.
 * WAL needs memory shared by all who have the file open, so a file on a network file system is refused: two hosts
 * would each believe that they hold the lock.
 *
 * A file may come from anywhere (`verify` reads other people's): views and triggers in it stay dead, sizes are limited,
 * and nothing is written before its application id was seen to be ours.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sql_inside.h"

#define KEPT_COUNT 16

struct sqlite {
	sqlite3 *handle;
	dev_t device; /* with inode: the file that was opened */
	ino_t inode;
	sqlite3_stmt *kept[KEPT_COUNT]; /* prepared, and at rest; NULL: room */
	int kept_next;
};

static int say(struct sql *sql, int code, const char *message, struct fault *fault)
{
	const char *name = sql->name;

	switch (code & 0xff) {
	case SQLITE_FULL:
		return fault_set(fault, ERR_FULL, "%s: the disk is full (%s): make room, then go on", name,
				 message);
	case SQLITE_NOMEM: return fault_set(fault, ERR_MEMORY, "%s: out of memory", name);
	case SQLITE_TOOBIG:
		return fault_set(fault, ERR_LIMIT, "%s: holds a value larger than we read or write", name);
	case SQLITE_CORRUPT:
		return fault_set(fault, ERR_CHECKSUM,
				 "%s: the file is damaged (%s): restore a copy, or its last whole part", name,
				 message);
	case SQLITE_NOTADB: return fault_set(fault, ERR_MALFORMED, "%s: is not a SQLite database", name);
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_READONLY:
		return fault_set(fault, ERR_DENIED,
				 "%s: may not be written (%s): look at the rights of the file and its folder",
				 name, message);
	case SQLITE_CANTOPEN:
		return fault_set(fault, ERR_IO,
				 "%s: cannot be opened (%s): look at the rights of the file and its folder",
				 name, message);
	case SQLITE_BUSY:
		if (code == SQLITE_BUSY_SNAPSHOT)
			return fault_set(fault, ERR_CONFLICT, "%s: was changed meanwhile", name);
		return fault_set(fault, ERR_TIMEOUT, "%s: somebody else holds its lock for more than %lld ms",
				 name, (long long)sql->limits.statement_ms);
	case SQLITE_LOCKED: return fault_set(fault, ERR_CONFLICT, "%s: %s", name, message);
	case SQLITE_IOERR:
		return fault_set(fault, ERR_IO, "%s: the disk failed: %s (%d, errno %d: %s)", name, message,
				 code, errno, strerror(errno));
	case SQLITE_CONSTRAINT: return fault_set(fault, ERR_CONFLICT, "%s: %s", name, message);
	case SQLITE_ERROR:
		return fault_set(fault, ERR_MALFORMED, "%s: does not hold the tables it should (%s)", name,
				 message);
	}
	return fault_set(fault, ERR_INTERNAL, "%s: SQLite: %s (%d)", name, message, code);
}

static int say_handle(struct sql *sql, struct fault *fault)
{
	struct sqlite *own = sql->own;

	/* The code first: asking for the system's errno may make a call of its own. */
	int code = sqlite3_extended_errcode(own->handle);

	errno = sqlite3_system_errno(own->handle);
	/* The write-ahead log meets the end of the disk, or of what this process may write, as a failed write. */
	if ((code & 0xff) == SQLITE_IOERR && (errno == ENOSPC || errno == EDQUOT))
		code = SQLITE_FULL;
	return say(sql, code, sqlite3_errmsg(own->handle), fault);
}

static int init(struct sql *sql, const char *address, struct fault *fault)
{
	if (!*address)
		return fault_set(fault, ERR_CONFIG, "an empty address names no database");
	sql->name = strdup(address);
	sql->own = calloc(1, sizeof(struct sqlite));
	return sql->name && sql->own ? 0 : fault_set(fault, ERR_MEMORY, "out of memory");
}

static void done(struct sql *sql)
{
	free(sql->own);
}

/*
 * Statements with values are kept for the next time, for to prepare one costs more than to find a row.  One that is under
 * way is not in its place meanwhile.
 */
static sqlite3_stmt *take_kept(struct sqlite *own, const char *text)
{
	for (int i = 0; i < KEPT_COUNT; i++) {
		sqlite3_stmt *statement = own->kept[i];

		if (statement && strcmp(sqlite3_sql(statement), text) == 0) {
			own->kept[i] = NULL;
			return statement;
		}
	}
	return NULL;
}

/* Where there is no room one gives way, in turn. */
static void keep(struct sqlite *own, sqlite3_stmt *statement)
{
	int at = own->kept_next;

	sqlite3_clear_bindings(statement); /* which pointed into the caller's memory */
	for (int i = 0; i < KEPT_COUNT && own->kept[at]; i++)
		at = (at + 1) % KEPT_COUNT;
	sqlite3_finalize(own->kept[at]);
	own->kept[at] = statement;
	own->kept_next = (at + 1) % KEPT_COUNT;
}

static void forget_kept(struct sqlite *own)
{
	for (int i = 0; i < KEPT_COUNT; i++) {
		sqlite3_finalize(own->kept[i]);
		own->kept[i] = NULL;
	}
}

static void disconnect(struct sql *sql)
{
	struct sqlite *own = sql->own;

	if (!own)
		return;
	forget_kept(own);
	sqlite3_close_v2(own->handle);
	own->handle = NULL;
}

static bool connected(const struct sql *sql)
{
	return ((const struct sqlite *)sql->own)->handle;
}

static int say_errno(struct sql *sql, const char *what, struct fault *fault)
{
	int number = errno;
	int err = number == ENOENT || number == ENOTDIR                    ? ERR_NOT_FOUND
		  : number == EACCES || number == EPERM || number == EROFS ? ERR_DENIED
		  : number == ENOSPC || number == EDQUOT                   ? ERR_FULL
									   : ERR_IO;

	return fault_set(fault, err, "%s: cannot %s: %s", sql->name, what, strerror(number));
}

/* From linux/magic.h; some names are not in the headers of older systems. */
static bool is_network(const struct statfs *fs)
{
	static const uint32_t magics[] = {
		0x6969,     /* NFS */
		0x517b,     /* SMB */
		0xff534d42, /* CIFS */
		0xfe534d42, /* SMB2 */
		0x5346414f, /* AFS */
		0x00c36400, /* Ceph */
		0x0bd00bd0, /* Lustre */
		0x47504653, /* GPFS */
	};

	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
		if ((uint32_t)fs->f_type == magics[i])
			return true;
	return false;
}

/*
 * Looks at the file, and makes an empty one when there is none and there may be.  An existing one is never opened here:
 * closing it again would drop the locks that another connection of this process holds on it (POSIX locks are like that).
 */
static int find_file(struct sql *sql, bool fresh, struct fault *fault)
{
	struct sqlite *own = sql->own;
	struct statfs fs;
	struct stat st;

	if (fresh) {
		int fd = open(sql->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		if (fd < 0 && errno != EEXIST)
			return say_errno(sql, "create it", fault);
		if (fd >= 0)
			close(fd);
	}
	if (stat(sql->name, &st) < 0 || statfs(sql->name, &fs) < 0)
		return say_errno(sql, "open it", fault);
	if (!S_ISREG(st.st_mode))
		return fault_set(fault, ERR_CONFIG, "%s: is not a file", sql->name);
	if (sql->mode == SQL_WRITE && is_network(&fs))
		return fault_set(
			fault, ERR_CONFIG,
			"%s: lies on a network file system, where two hosts could both hold its lock: "
			"use a local disk, or PostgreSQL (postgres://...) to share it",
			sql->name);
	own->device = st.st_dev;
	own->inode = st.st_ino;
	return 0;
}

static int unmoved(struct sql *sql, struct fault *fault)
{
	const struct sqlite *own = sql->own;
	struct stat st;

	if (stat(sql->name, &st) == 0 && st.st_dev == own->device && st.st_ino == own->inode)
		return 0;
	return fault_set(fault, ERR_STALE,
			 "%s: was moved, deleted or replaced while it was open: stop and look", sql->name);
}

/* `file:` names its path as a URI does, so that no character of it means anything else. */
static char *immutable_uri(const char *path)
{
	static const char plain[] = "/._-~";
	struct buffer uri;
	char *copy;

	buffer_init(&uri, 3 * strlen(path) + 100);
	buffer_text(&uri, "file:");
	for (; *path; path++) {
		bool is_plain = strchr(plain, *path) || (*path >= '0' && *path <= '9') ||
				((*path | 32) >= 'a' && (*path | 32) <= 'z');

		buffer_printf(&uri, is_plain ? "%c" : "%%%02X", (unsigned char)*path);
	}
	buffer_text(&uri, "?immutable=1");
	copy = uri.err ? NULL : view_string(buffer_bytes(&uri));
	buffer_done(&uri);
	return copy;
}

static int keep_nothing(void *context, const struct sql_value *row, int count)
{
	return 0;
}

static int run(struct sql *sql, const char *text, const struct sql_value *values, int count, sql_row *each,
	       void *context, int64_t *affected, struct fault *fault);

static int open_handle(struct sql *sql, const char *name, int flags, struct fault *fault)
{
	struct sqlite *own = sql->own;
	/* No locks of its own: a connection is asked by one thread at a time, which sql.c asserts. */
	int code = sqlite3_open_v2(
		name, &own->handle,
		flags | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOMUTEX, NULL);

	if (code != SQLITE_OK) {
		int err = say(sql, code, sqlite3_errstr(code), fault);

		disconnect(sql);
		return err;
	}
	sqlite3_busy_timeout(own->handle, sql->limits.statement_ms > INT32_MAX
						  ? INT32_MAX
						  : (int)sql->limits.statement_ms);
	sqlite3_limit(own->handle, SQLITE_LIMIT_LENGTH, SQL_VALUE_SIZE_MAX + 4096);
	sqlite3_limit(own->handle, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_db_config(own->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(own->handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(own->handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_db_config(own->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return 0;
}

/*
 * A file in WAL mode that lies where nothing may be written cannot be read as usual, for want of shared memory.  With no
 * log beside it the file is whole by itself, and nobody can change it there: so it is read as it is.
 */
static int open_unchanging(struct sql *sql, struct fault *fault)
{
	char *log = NULL, *uri;
	bool has_log;
	int err;

	if (asprintf(&log, "%s-wal", sql->name) < 0)
		return fault_set(fault, ERR_MEMORY, "%s: out of memory", sql->name);
	has_log = access(log, F_OK) == 0;
	free(log);
	if (has_log)
		return fault_set(fault, ERR_DENIED,
				 "%s: was not closed, and reading it needs a folder that may be written: "
				 "copy it with its -wal file, and read the copy",
				 sql->name);
	uri = immutable_uri(sql->name);
	if (!uri)
		return fault_set(fault, ERR_MEMORY, "%s: out of memory", sql->name);
	err = open_handle(sql, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, fault);
	free(uri);
	return err;
}

static int connect_(struct sql *sql, bool fresh, struct fault *fault)
{
	struct sqlite *own = sql->own;
	bool reading = sql->mode == SQL_READ;
	int err = own->inode ? unmoved(sql, fault) : find_file(sql, fresh, fault), code;

	if (err == 0)
		err = open_handle(sql, sql->name, reading ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE,
				  fault);
	/* SQLite would open what it may not write for reading, and say so only at the first change. */
	if (err == 0 && !reading && sqlite3_db_readonly(own->handle, "main") == 1)
		err = say(sql, SQLITE_READONLY, "read-only", fault);
	if (err < 0 || !reading)
		return err;
	err = run(sql, "SELECT COUNT(*) FROM sqlite_master", SQL_NO_VALUES, keep_nothing, NULL, NULL, fault);
	if (err == 0)
		return 0;
	code = sqlite3_errcode(own->handle) & 0xff;
	disconnect(sql);
	return code == SQLITE_CANTOPEN || code == SQLITE_READONLY ? open_unchanging(sql, fault) : err;
}

static int pragma(struct sql *sql, const char *text, int64_t *out, struct fault *fault)
{
	return run(sql, text, SQL_NO_VALUES, sql_keep_int, out, NULL, fault);
}

struct stamps {
	int64_t application, format, tables;
};

static int keep_stamps(void *context, const struct sql_value *row, int count)
{
	if (!sql_row_is(row, count, "iii"))
		return ERR_MALFORMED;
	*(struct stamps *)context = (struct stamps){ row[0].number, row[1].number, row[2].number };
	return 0;
}

/* In one statement: between two, somebody else may have made the file what it is. */
static int stamp_read(struct sql *sql, struct sql_stamp *out, struct fault *fault)
{
	struct stamps is = { 0 };
	int err =
		run(sql,
		    "SELECT (SELECT application_id FROM pragma_application_id()), "
		    "(SELECT user_version FROM pragma_user_version()), (SELECT COUNT(*) FROM sqlite_master)",
		    SQL_NO_VALUES, keep_stamps, &is, NULL, fault);

	if (err < 0)
		return err;
	/* Most programs set no application id: what holds tables and is not marked as ours is theirs. */
	if (is.application == 0 && (is.tables > 0 || is.format != 0))
		is.application = -1;
	*out = (struct sql_stamp){ is.application, is.format };
	return 0;
}

static int stamp_write(struct sql *sql, struct sql_stamp stamp, struct fault *fault)
{
	char text[100];
	int err;

	snprintf(text, sizeof text, "PRAGMA application_id = %lld", (long long)stamp.application);
	err = run(sql, text, SQL_NO_VALUES, keep_nothing, NULL, NULL, fault);
	snprintf(text, sizeof text, "PRAGMA user_version = %lld", (long long)stamp.format);
	return err < 0 ? err : run(sql, text, SQL_NO_VALUES, keep_nothing, NULL, NULL, fault);
}

static int keep_is_wal(void *context, const struct sql_value *row, int count)
{
	*(bool *)context = sql_row_is(row, count, "t") && view_is(row->bytes, "wal");
	return 0;
}

/*
 * Two who put one new file into WAL mode at once may each hold what the other waits for.  SQLite tells one of them so and does
 * not wait; a little later that one finds it done.
 */
static int put_into_wal(struct sql *sql, bool *is_wal, struct fault *fault)
{
	int64_t until_ms = clock_monotonic_ms(&clock_system) + sql->limits.statement_ms;
	int err;

	while ((err = run(sql, "PRAGMA journal_mode = WAL", SQL_NO_VALUES, keep_is_wal, is_wal, NULL,
			  fault)) == ERR_TIMEOUT &&
	       clock_monotonic_ms(&clock_system) < until_ms)
		sqlite3_sleep(20);
	return err;
}

static int settle(struct sql *sql, struct fault *fault)
{
	bool is_wal = false;
	int err;

	if (sql->mode == SQL_READ)
		return 0;
	err = put_into_wal(sql, &is_wal, fault);
	if (err < 0)
		return err;
	if (!is_wal)
		return fault_set(fault, ERR_CONFIG,
				 "%s: cannot be put into WAL mode there: use another file system", sql->name);
	return run(sql, "PRAGMA synchronous = FULL", SQL_NO_VALUES, keep_nothing, NULL, NULL, fault);
}

static int bind(sqlite3_stmt *statement, int index, const struct sql_value *value)
{
	const void *at = value->bytes.at ? (const void *)value->bytes.at : "";

	switch (value->kind) {
	case SQL_NULL: return sqlite3_bind_null(statement, index);
	case SQL_INT: return sqlite3_bind_int64(statement, index, value->number);
	case SQL_TEXT:
		return sqlite3_bind_text64(statement, index, at, value->bytes.size, SQLITE_STATIC,
					   SQLITE_UTF8);
	case SQL_BYTES: return sqlite3_bind_blob64(statement, index, at, value->bytes.size, SQLITE_STATIC);
	}
	return SQLITE_MISUSE;
}

static struct sql_value column(sqlite3_stmt *statement, int index)
{
	const void *at;

	switch (sqlite3_column_type(statement, index)) {
	case SQLITE_INTEGER: return sql_int(sqlite3_column_int64(statement, index));
	case SQLITE_TEXT:
		at = sqlite3_column_text(statement, index);
		return (struct sql_value){ SQL_TEXT, 0,
					   view_of(at, (size_t)sqlite3_column_bytes(statement, index)) };
	case SQLITE_BLOB:
		at = sqlite3_column_blob(statement, index); /* NULL when it is empty */
		return sql_bytes(view_of(at ? at : "", (size_t)sqlite3_column_bytes(statement, index)));
	}
	return (struct sql_value){ SQL_NULL, 0, VIEW_NULL }; /* a float too: nothing of ours is one */
}

static int run(struct sql *sql, const char *text, const struct sql_value *values, int count, sql_row *each,
	       void *context, int64_t *affected, struct fault *fault)
{
	struct sqlite *own = sql->own;
	struct sql_value row[SQL_COLUMNS_MAX];
	sqlite3_stmt *statement = take_kept(own, text);
	int code = SQLITE_OK, columns, err = 0;

	if (!statement)
		code = sqlite3_prepare_v2(own->handle, text, -1, &statement, NULL);

	for (int i = 0; code == SQLITE_OK && i < count; i++)
		code = bind(statement, i + 1, &values[i]);
	if (code != SQLITE_OK) {
		err = say_handle(sql, fault);
		goto give_back;
	}
	columns = sqlite3_column_count(statement);
	assert(columns <= SQL_COLUMNS_MAX);
	while (err == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		for (int i = 0; i < columns; i++)
			row[i] = column(statement, i);
		err = each ? each(context, row, columns) : 0;
	}
	if (err == 0 && code != SQLITE_DONE)
		err = say_handle(sql, fault);
	if (err == 0 && affected)
		*affected = sqlite3_changes(own->handle);
give_back:
	/* One that failed says so again when it is reset, and is not kept. */
	if (statement && count && sqlite3_reset(statement) == SQLITE_OK)
		keep(own, statement);
	else
		sqlite3_finalize(statement);
	return err;
}

static int commit(struct sql *sql, struct fault *fault)
{
	return run(sql, "COMMIT", SQL_NO_VALUES, NULL, NULL, NULL, fault);
}

/* ---- room of its own ---- */

/* How long a log that is to begin anew waits for those who read it. */
#define RESTART_WAIT_MS 500

/* Pages that are free inside of the file were written once, and so have their place on the disk; the log keeps its size. */
static int has_room(struct sql *sql, int64_t size, struct fault *fault)
{
	int64_t free_pages = 0, page_size = 0;
	char *log = NULL;
	struct stat st;
	bool grown;
	int err = pragma(sql, "PRAGMA freelist_count", &free_pages, fault);

	err = err ? err : pragma(sql, "PRAGMA page_size", &page_size, fault);
	if (err < 0)
		return err;
	if (asprintf(&log, "%s-wal", sql->name) < 0)
		return fault_set(fault, ERR_MEMORY, "%s: out of memory", sql->name);
	grown = stat(log, &st) == 0 && st.st_size >= size;
	free(log);
	return grown && free_pages * page_size >= size;
}

static int keep_is_busy(void *context, const struct sql_value *row, int count)
{
	*(bool *)context = !sql_row_is(row, count, "iii") || row[0].number != 0;
	return 0;
}

static int restart_log(struct sql *sql, struct fault *fault)
{
	struct sqlite *own = sql->own;
	bool is_busy = false;
	int err;

	sqlite3_busy_timeout(own->handle, RESTART_WAIT_MS);
	err = run(sql, "PRAGMA wal_checkpoint(RESTART)", SQL_NO_VALUES, keep_is_busy, &is_busy, NULL, fault);
	sqlite3_busy_timeout(own->handle, sql->limits.statement_ms > INT32_MAX
						  ? INT32_MAX
						  : (int)sql->limits.statement_ms);
	if (err < 0 || !is_busy)
		return err;
	return fault_set(fault, ERR_TIMEOUT, "%s: its log could not begin anew, for somebody reads it",
			 sql->name);
}

const struct sql_engine sql_sqlite = {
	.init = init,
	.done = done,
	.connect = connect_,
	.disconnect = disconnect,
	.connected = connected,
	.run = run,
	.commit = commit,
	.unmoved = unmoved,
	.stamp_read = stamp_read,
	.stamp_write = stamp_write,
	.settle = settle,
	.has_room = has_room,
	.restart_log = restart_log,
	.begin = "BEGIN IMMEDIATE",
	.integer = "INTEGER",
	.bytes = "BLOB",
};
