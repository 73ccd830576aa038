/* sql.c - the rules that hold for both engines: when to connect, what a transaction may still do, whose database it is. */
#include <assert.h>
#include <stdlib.h>

#include "base/sql_inside.h"

bool sql_row_is(const struct sql_value *row, int count, const char *kinds)
{
	if (count != (int)strlen(kinds))
		return false;
	for (int i = 0; i < count; i++) {
		enum sql_kind kind = kinds[i] == 'i' ? SQL_INT : kinds[i] == 't' ? SQL_TEXT : SQL_BYTES;

		if (row[i].kind != kind)
			return false;
	}
	return true;
}

int sql_keep_int(void *context, const struct sql_value *row, int count)
{
	if (!sql_row_is(row, count, "i"))
		return ERR_MALFORMED;
	*(int64_t *)context = row->number;
	return 0;
}

const char *sql_name(const struct sql *sql)
{
	return sql->name;
}

/* Appends `text` with INT64 and BYTES as this engine says them. */
static void translate(const struct sql *sql, const char *text, struct buffer *out)
{
	static const char *const words[] = { "INT64", "BYTES" };
	const char *names[] = { sql->engine->integer, sql->engine->bytes };

	while (*text) {
		int i = 0;

		while (i < 2 && strncmp(text, words[i], strlen(words[i])) != 0)
			i++;
		if (i < 2) {
			buffer_text(out, names[i]);
			text += strlen(words[i]);
		} else {
			buffer_put(out, text++, 1);
		}
	}
}

static int create_tables(struct sql *sql, struct fault *fault)
{
	for (int i = 0; sql->schema->create[i]; i++) {
		struct buffer text;
		int err;

		buffer_init(&text, SQL_TEXT_SIZE_MAX);
		translate(sql, sql->schema->create[i], &text);
		assert(text.err != ERR_LIMIT);
		err = text.err ? fault_set(fault, text.err, "%s: out of memory", sql->name)
			       : sql_exec(sql, buffer_string(&text), SQL_NO_VALUES, NULL, fault);
		buffer_done(&text);
		if (err < 0)
			return err;
	}
	return 0;
}

/* Somebody else may be doing the same right now: whoever comes second finds the tables and is content. */
static int create(struct sql *sql, struct fault *fault)
{
	struct sql_stamp stamp;
	int err = sql_begin(sql, fault);

	if (err < 0)
		return err;
	if (sql->engine->lock_create)
		err = sql_exec(sql, sql->engine->lock_create, SQL_NO_VALUES, NULL, fault);
	if (err == 0)
		err = sql->engine->stamp_read(sql, &stamp, fault);
	if (err == 0 && stamp.application == 0) {
		err = create_tables(sql, fault);
		stamp = (struct sql_stamp){ sql->schema->application, sql->schema->format };
		if (err == 0)
			err = sql->engine->stamp_write(sql, stamp, fault);
	}
	if (err < 0) {
		sql_rollback(sql);
		return err;
	}
	return sql_commit(sql, fault);
}

static int check_stamp(const struct sql *sql, struct sql_stamp stamp, bool fresh, struct fault *fault)
{
	const struct sql_schema *schema = sql->schema;

	if (stamp.application == 0 && !fresh)
		return fault_set(fault, ERR_NOT_FOUND, "%s: holds no %s", sql->name, schema->name);
	if (stamp.application == 0)
		return 0;
	if (stamp.application != schema->application)
		return fault_set(
			fault, ERR_CONFIG,
			"%s: is somebody else's database, not %s; nothing was changed. Name another place",
			sql->name, schema->name);
	if (stamp.format > schema->format)
		return fault_set(fault, ERR_UNSUPPORTED,
				 "%s: %s in format %lld, and this program knows up to format %d: "
				 "use the version of Interlock that wrote it, or a newer one",
				 sql->name, schema->name, (long long)stamp.format, schema->format);
	if (stamp.format != schema->format)
		return fault_set(fault, ERR_MALFORMED, "%s: %s in format %lld, which never was", sql->name,
				 schema->name, (long long)stamp.format);
	return 0;
}

static int connect_checked(struct sql *sql, bool fresh, struct fault *fault)
{
	struct sql_stamp stamp;
	int err = sql->engine->connect(sql, fresh, fault);

	if (err == 0)
		err = sql->engine->stamp_read(sql, &stamp, fault);
	if (err == 0)
		err = check_stamp(sql, stamp, fresh, fault);
	if (err == 0)
		err = sql->engine->settle(sql, fault);
	if (err == 0 && stamp.application == 0)
		err = create(sql, fault);
	if (err < 0)
		sql->engine->disconnect(sql);
	return err;
}

int sql_open(const char *address, enum sql_mode mode, const struct sql_schema *schema,
	     const struct sql_limits *limits, struct sql **out, struct fault *fault)
{
	struct sql *sql = calloc(1, sizeof *sql);
	int err;

	assert(schema->application != 0 && schema->format > 0);
	assert(limits->connect_ms > 0 && limits->statement_ms > 0);
	if (!sql)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	sql->engine = sql_postgres_is(address) ? &sql_postgres : &sql_sqlite;
	sql->schema = schema;
	sql->limits = *limits;
	sql->mode = mode;
	err = sql->engine->init(sql, address, fault);
	if (err == 0)
		err = connect_checked(sql, mode == SQL_WRITE, fault);
	if (err < 0) {
		sql_close(sql);
		return err;
	}
	*out = sql;
	return 0;
}

void sql_close(struct sql *sql)
{
	if (!sql)
		return;
	assert(!sql->running);
	sql->engine->disconnect(sql);
	sql->engine->done(sql);
	free(sql->name);
	free(sql);
}

int sql_reopen(struct sql *sql, struct fault *fault)
{
	assert(!sql->running);
	sql->engine->disconnect(sql);
	sql->inside = false;
	sql->lost = 0;
	return connect_checked(sql, false, fault);
}

/* A connection to the database that was opened, for a call outside a transaction. */
static int be_connected(struct sql *sql, struct fault *fault)
{
	int err = sql->engine->connected(sql) ? sql->engine->unmoved(sql, fault) : 0;

	return err < 0 || sql->engine->connected(sql) ? err : connect_checked(sql, false, fault);
}

static int run(struct sql *sql, const char *text, const struct sql_value *values, int count, sql_row *each,
	       void *context, int64_t *affected, struct fault *fault)
{
	int err;

	assert(!sql->running);
	assert(count <= SQL_PARAMETERS_MAX);
	assert(strlen(text) < SQL_TEXT_SIZE_MAX);
	sql->running = true;
	err = sql->engine->run(sql, text, values, count, each, context, affected, fault);
	sql->running = false;
	return err;
}

int sql_begin(struct sql *sql, struct fault *fault)
{
	int err;

	assert(!sql->inside);
	if (sql->mode == SQL_READ)
		return fault_set(fault, ERR_DENIED, "%s: was opened for reading only", sql->name);
	/* While tables are being made the connection is there and not yet known to be ours; unmoved() is then true too. */
	err = be_connected(sql, fault);
	if (err == 0)
		err = run(sql, sql->engine->begin, SQL_NO_VALUES, NULL, NULL, NULL, fault);
	if (err < 0)
		return err;
	sql->inside = true;
	sql->lost = 0;
	return 0;
}

int sql_commit(struct sql *sql, struct fault *fault)
{
	int err;

	assert(sql->inside);
	assert(!sql->lost);
	assert(!sql->running);
	sql->inside = false;
	err = sql->engine->commit(sql, fault);
	if (err < 0)
		sql->engine->disconnect(
			sql); /* whatever is still open ends here; the next call begins anew */
	return err;
}

void sql_rollback(struct sql *sql)
{
	assert(sql->inside);
	sql->inside = false;
	if (sql->engine->connected(sql) && run(sql, "ROLLBACK", SQL_NO_VALUES, NULL, NULL, NULL, NULL) < 0)
		sql->engine->disconnect(sql);
	sql->lost = 0;
}

/* After a failure the engine may have rolled back by itself, and what follows would be kept on its own: so nothing does. */
static int say_lost(struct sql *sql, struct fault *fault)
{
	return fault_set(fault, sql->lost, "%s: the transaction has failed already: %s", sql->name,
			 err_text(sql->lost));
}

int sql_exec(struct sql *sql, const char *text, const struct sql_value *values, int count, int64_t *affected,
	     struct fault *fault)
{
	int err;

	assert(sql->inside);
	if (sql->lost)
		return say_lost(sql, fault);
	err = run(sql, text, values, count, NULL, NULL, affected, fault);
	if (err < 0)
		sql->lost = err;
	return err;
}

struct rows {
	sql_row *each;
	void *context;
	int stopped;
};

static int row_pass(void *context, const struct sql_value *row, int count)
{
	struct rows *rows = context;

	rows->stopped = rows->each(rows->context, row, count);
	return rows->stopped;
}

int sql_query(struct sql *sql, const char *text, const struct sql_value *values, int count, sql_row *each,
	      void *context, struct fault *fault)
{
	struct rows rows = { each, context, 0 };
	int err;

	if (sql->inside && sql->lost)
		return say_lost(sql, fault);
	err = sql->inside ? 0 : be_connected(sql, fault);
	if (err == 0)
		err = run(sql, text, values, count, row_pass, &rows, NULL, fault);
	if (err < 0 && sql->inside && !rows.stopped)
		sql->lost = err;
	return err;
}

/* One statement, kept at once. */
static int change(struct sql *sql, const char *text, const struct sql_value *values, int count,
		  struct fault *fault)
{
	int err = sql_begin(sql, fault);

	if (err < 0)
		return err;
	err = sql_exec(sql, text, values, count, NULL, fault);
	if (err < 0) {
		sql_rollback(sql);
		return err;
	}
	return sql_commit(sql, fault);
}

/*
 * What is written once, through the log, and then taken out of the tables leaves its room in both.  A crash in between leaves
 * a table that nobody reads; the next one takes it out.
 */
static int make_room(struct sql *sql, int64_t size, struct fault *fault)
{
	int err =
		change(sql, "CREATE TABLE IF NOT EXISTS interlock_room (content BLOB)", SQL_NO_VALUES, fault);

	err = err ? err
		  : change(sql, "INSERT INTO interlock_room (content) VALUES (zeroblob(?))",
			   SQL_VALUES(sql_int(size)), fault);
	/* Where the log cannot be begun anew, it can be brought home at least. */
	if (err == 0 && sql->engine->restart_log(sql, NULL) == ERR_FULL)
		err = fault_set(fault, ERR_FULL, "%s: the disk is full", sql->name);
	return err ? err : change(sql, "DROP TABLE interlock_room", SQL_NO_VALUES, fault);
}

int sql_reserve(struct sql *sql, int64_t size, struct fault *fault)
{
	int err;

	assert(!sql->inside);
	assert(size > 0 && size <= SQL_VALUE_SIZE_MAX);
	if (!sql->engine->has_room)
		return fault_set(fault, ERR_UNSUPPORTED, "%s: a server keeps its own room", sql->name);
	if (sql->mode == SQL_READ)
		return fault_set(fault, ERR_DENIED, "%s: was opened for reading only", sql->name);
	err = be_connected(sql, fault);
	err = err ? err : sql->engine->has_room(sql, size, fault);
	if (err == 0)
		err = make_room(sql, size, fault);
	if (err < 0)
		return err;
	err = be_connected(sql, fault);
	return err ? err : sql->engine->restart_log(sql, fault);
}
