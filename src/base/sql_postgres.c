/*
 * sql_postgres.c - a PostgreSQL server, through libpq's calls that do not block, each waited for with a deadline.
 *
 * A server that has stopped to answer (paused, unplugged) is given up after the limit and a grace in which its own time-out,
 * whose answer says more, can arrive.  Its connection is closed then: what it was doing ends with it, except for a COMMIT.
 * A session that idles inside a transaction is ended by the server, so a controller that was paused does not keep the
 * others out.
 */
#include <assert.h>
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/sql_postgres.h"

#define GRACE_MS 500

/* Of pg_type; they have never changed. */
enum {
	TYPE_BYTEA = 17,
	TYPE_INT8 = 20,
	TYPE_INT4 = 23,
	TYPE_TEXT = 25,
	TYPE_VARCHAR = 1043,
};

struct postgres {
	struct postgres_address *address;
	PGconn *connection;
};

static int init(struct sql *sql, const char *address, struct fault *fault)
{
	struct postgres *own = calloc(1, sizeof *own);

	sql->own = own;
	if (!own)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	return postgres_address_read(address, &own->address, &sql->name, fault);
}

static void done(struct sql *sql)
{
	struct postgres *own = sql->own;

	if (own)
		postgres_address_free(own->address);
	free(own);
}

static void disconnect(struct sql *sql)
{
	struct postgres *own = sql->own;

	if (!own || !own->connection)
		return;
	PQfinish(own->connection);
	own->connection = NULL;
}

static bool connected(const struct sql *sql)
{
	return ((const struct postgres *)sql->own)->connection;
}

/* What an SQLSTATE means to us; see the appendix on error codes in PostgreSQL's manual. */
static int err_of(const char *state)
{
	static const struct {
		const char *prefix;
		int err;
	} table[] = {
		{ "08", ERR_NETWORK },    /* connection exceptions */
		{ "57P01", ERR_NETWORK }, /* shut down by an administrator */
		{ "57P02", ERR_NETWORK }, /* another backend crashed */
		{ "57P03", ERR_NETWORK }, /* it is starting, or stopping */
		{ "57P05", ERR_NETWORK }, /* idle session */
		{ "53300", ERR_NETWORK }, /* too many connections */
		{ "53100", ERR_FULL },
		{ "53200", ERR_MEMORY },
		{ "57014", ERR_TIMEOUT }, /* statement time-out */
		{ "55P03", ERR_TIMEOUT }, /* lock time-out */
		{ "25P03", ERR_TIMEOUT }, /* idle inside a transaction */
		{ "25P04", ERR_TIMEOUT }, /* transaction time-out */
		{ "40", ERR_CONFLICT },   /* serialization, deadlock */
		{ "23", ERR_CONFLICT },   /* a constraint */
		{ "42501", ERR_DENIED },
		{ "25006", ERR_DENIED }, /* read-only: a standby */
		{ "28", ERR_LOGIN },
		{ "3D000", ERR_NOT_FOUND },
		{ "XX001", ERR_CHECKSUM }, /* data damaged */
		{ "XX002", ERR_CHECKSUM }, /* index damaged */
		{ "58", ERR_IO },
		{ "42", ERR_MALFORMED }, /* tables that are not as they should be */
		{ "3F000", ERR_CONFIG }, /* no such schema */
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strncmp(state, table[i].prefix, strlen(table[i].prefix)) == 0)
			return table[i].err;
	return ERR_IO;
}

static const char *advice(int err)
{
	switch (err) {
	case ERR_FULL: return ": make room on the server, then go on";
	case ERR_DENIED: return ": the user needs CREATE on the schema, SELECT, INSERT and UPDATE";
	case ERR_CHECKSUM: return ": the server's data are damaged: restore a copy";
	case ERR_TIMEOUT: return ": somebody else holds the lock, or the server is very slow";
	}
	return "";
}

static int say(struct sql *sql, int err, const char *message, struct fault *fault)
{
	struct postgres *own = sql->own;
	struct buffer text;

	buffer_init(&text, 600);
	postgres_address_tidy(own->address, message, &text);
	fault_set(fault, err, "%s: %s%s", sql->name, buffer_string(&text), advice(err));
	buffer_done(&text);
	return err;
}

/* The connection is no good any more. */
static int say_lost(struct sql *sql, struct fault *fault)
{
	struct postgres *own = sql->own;
	int err = say(sql, ERR_NETWORK, PQerrorMessage(own->connection), fault);

	disconnect(sql);
	return err;
}

static int say_silent(struct sql *sql, int err, struct fault *fault)
{
	disconnect(sql);
	return fault_set(fault, err, "%s: the server has not answered for %lld ms", sql->name,
			 (long long)sql->limits.statement_ms);
}

static int64_t now_ms(void)
{
	return clock_monotonic_ms(&clock_system);
}

/* 1 when the socket is ready, 0 when the deadline has passed. */
static int wait_for(PGconn *connection, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd fd = { PQsocket(connection), events, 0 };
		int64_t left = deadline_ms - now_ms();
		int ready;

		if (left <= 0)
			return 0;
		ready = poll(&fd, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (ready > 0 || (ready < 0 && errno != EINTR))
			return 1; /* an error of poll() shows again in libpq's own call */
	}
}

/* Calls of libpq that answer in their own thread of control must not print. */
static void notice_nobody(void *context, const char *message)
{
}

/* "FATAL:  28P01: password ...", as the verbose form of a message has it; a state of our own when there is none. */
static const char *state_in(const char *message, char state[6])
{
	static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (const char *at = message; (at = strstr(at, ":  ")) != NULL; at++) {
		if (strspn(at + 3, letters) == 5 && at[8] == ':') {
			memcpy(state, at + 3, 5);
			state[5] = 0;
			return state;
		}
	}
	return "08001";
}

static int dial(struct sql *sql, int host, struct fault *fault)
{
	struct postgres *own = sql->own;
	int64_t deadline_ms = now_ms() + sql->limits.connect_ms;
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	struct postgres_options options;
	char state[6];
	int err;

	postgres_address_options(own->address, host, &options);
	own->connection = PQconnectStartParams(options.keywords, options.values, 0);
	if (!own->connection)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	PQsetNoticeProcessor(own->connection, notice_nobody, NULL);
	PQsetErrorVerbosity(own->connection, PQERRORS_VERBOSE);
	if (PQstatus(own->connection) == CONNECTION_BAD)
		status = PGRES_POLLING_FAILED;
	while (status != PGRES_POLLING_OK && status != PGRES_POLLING_FAILED) {
		if (!wait_for(own->connection, status == PGRES_POLLING_READING ? POLLIN : POLLOUT,
			      deadline_ms)) {
			disconnect(sql);
			return fault_set(fault, ERR_NETWORK, "%s: no connection within %lld ms", sql->name,
					 (long long)sql->limits.connect_ms);
		}
		status = PQconnectPoll(own->connection);
	}
	if (status == PGRES_POLLING_FAILED) {
		err = err_of(state_in(PQerrorMessage(own->connection), state));
		err = say(sql, err, PQerrorMessage(own->connection), fault);
		disconnect(sql);
		return err;
	}
	PQsetErrorVerbosity(own->connection, PQERRORS_DEFAULT);
	PQsetnonblocking(own->connection, 1);
	return 0;
}

/* `?` outside of quotes becomes $1, $2 ... */
static void number_parameters(const char *text, struct buffer *out)
{
	bool quoted = false;
	int count = 0;

	for (; *text; text++) {
		quoted ^= *text == '\'';
		if (*text == '?' && !quoted)
			buffer_printf(out, "$%d", ++count);
		else
			buffer_put(out, text, 1);
	}
}

static int send(struct sql *sql, const char *text, const struct sql_value *values, int count,
		struct fault *fault)
{
	static const unsigned type_of[] = {
		[SQL_NULL] = 0, [SQL_INT] = TYPE_INT8, [SQL_TEXT] = TYPE_TEXT, [SQL_BYTES] = TYPE_BYTEA
	};
	struct postgres *own = sql->own;
	const char *at[SQL_PARAMETERS_MAX];
	uint8_t numbers[SQL_PARAMETERS_MAX][8];
	int sizes[SQL_PARAMETERS_MAX], formats[SQL_PARAMETERS_MAX], sent;
	Oid types[SQL_PARAMETERS_MAX];
	struct buffer numbered;

	for (int i = 0; i < count; i++) {
		const struct sql_value *value = &values[i];

		assert(value->bytes.size <= SQL_VALUE_SIZE_MAX);
		put_be64(numbers[i], (uint64_t)value->number);
		types[i] = type_of[value->kind];
		formats[i] = 1;
		sizes[i] = value->kind == SQL_INT ? 8 : (int)value->bytes.size;
		at[i] = value->kind == SQL_NULL  ? NULL
			: value->kind == SQL_INT ? (const char *)numbers[i]
			: value->bytes.at        ? (const char *)value->bytes.at
						 : "";
	}
	buffer_init(&numbered, SQL_TEXT_SIZE_MAX + 4 * SQL_PARAMETERS_MAX);
	number_parameters(text, &numbered);
	if (numbered.err) {
		buffer_done(&numbered);
		return fault_set(fault, ERR_MEMORY, "%s: out of memory", sql->name);
	}
	sent = PQsendQueryParams(own->connection, buffer_string(&numbered), count, types, at, sizes, formats,
				 1);
	buffer_done(&numbered);
	return sent ? 0 : say_lost(sql, fault);
}

/* Waits for the next result; *out is NULL after the last.  After a failure the connection is closed. */
static int receive(struct sql *sql, int64_t deadline_ms, PGresult **out, struct fault *fault)
{
	struct postgres *own = sql->own;

	for (;;) {
		int unsent = PQflush(own->connection);

		if (unsent < 0)
			return say_lost(sql, fault);
		if (unsent == 0 && !PQisBusy(own->connection))
			break;
		if (!wait_for(own->connection, unsent ? POLLIN | POLLOUT : POLLIN, deadline_ms))
			return say_silent(sql, ERR_TIMEOUT, fault);
		if (!PQconsumeInput(own->connection))
			return say_lost(sql, fault);
	}
	*out = PQgetResult(own->connection);
	return 0;
}

static struct sql_value column(const PGresult *result, int row, int index)
{
	const uint8_t *at = (const uint8_t *)PQgetvalue(result, row, index);
	size_t size = (size_t)PQgetlength(result, row, index);
	Oid type = PQftype(result, index);

	if (PQgetisnull(result, row, index))
		return (struct sql_value){ SQL_NULL, 0, VIEW_NULL };
	if (type == TYPE_INT8 && size == 8)
		return sql_int((int64_t)get_be64(at));
	if (type == TYPE_INT4 && size == 4)
		return sql_int((int32_t)get_be32(at));
	if (type == TYPE_TEXT || type == TYPE_VARCHAR)
		return (struct sql_value){ SQL_TEXT, 0, view_of(at, size) };
	if (type == TYPE_BYTEA)
		return sql_bytes(view_of(at, size));
	return (struct sql_value){ SQL_NULL, 0, VIEW_NULL }; /* nothing of ours is anything else */
}

static int show(const PGresult *result, sql_row *each, void *context)
{
	struct sql_value row[SQL_COLUMNS_MAX];
	int columns = PQnfields(result), err = 0;

	assert(columns <= SQL_COLUMNS_MAX);
	for (int i = 0; err == 0 && i < PQntuples(result); i++) {
		for (int j = 0; j < columns; j++)
			row[j] = column(result, i, j);
		err = each(context, row, columns);
	}
	return err;
}

/* One result out of those that a statement brings. */
static int take(struct sql *sql, PGresult *result, sql_row *each, void *context, int64_t *affected,
		char tag[32], struct fault *fault)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	switch (PQresultStatus(result)) {
	case PGRES_SINGLE_TUPLE:
	case PGRES_TUPLES_OK: return each ? show(result, each, context) : 0;
	case PGRES_COMMAND_OK:
		if (affected)
			*affected = strtoll(PQcmdTuples(result), NULL, 10);
		snprintf(tag, 32, "%s", PQcmdStatus(result));
		return 0;
	default: return say(sql, state ? err_of(state) : ERR_NETWORK, PQresultErrorMessage(result), fault);
	}
}

static int run_tagged(struct sql *sql, const char *text, const struct sql_value *values, int count,
		      sql_row *each, void *context, int64_t *affected, char tag[32], struct fault *fault)
{
	struct postgres *own = sql->own;
	int err = send(sql, text, values, count, fault), first = 0;

	if (err < 0)
		return err;
	if (each)
		PQsetSingleRowMode(own->connection);
	for (;;) {
		PGresult *result = NULL;

		/* Counted from the last answer: the time that a callback takes is not the server's. */
		err = receive(sql, now_ms() + sql->limits.statement_ms + GRACE_MS, &result, fault);
		if (err < 0)
			return first ? first : err;
		if (!result)
			break;
		if (first == 0)
			first = take(sql, result, each, context, affected, tag, fault);
		PQclear(result);
	}
	if (PQstatus(own->connection) == CONNECTION_BAD)
		disconnect(sql);
	return first;
}

static int run(struct sql *sql, const char *text, const struct sql_value *values, int count, sql_row *each,
	       void *context, int64_t *affected, struct fault *fault)
{
	char tag[32] = "";

	return run_tagged(sql, text, values, count, each, context, affected, tag, fault);
}

static int commit(struct sql *sql, struct fault *fault)
{
	char tag[32] = "";
	int err = run_tagged(sql, "COMMIT", SQL_NO_VALUES, NULL, NULL, NULL, tag, fault);

	/* A transaction that the server had given up already answers COMMIT with ROLLBACK. */
	if (err == 0 && strcmp(tag, "COMMIT") != 0)
		return fault_set(fault, ERR_CONFLICT, "%s: the server gave up the transaction", sql->name);
	if (err == ERR_NETWORK || err == ERR_TIMEOUT) {
		fault_at(fault, "the answer to COMMIT was lost, so nobody knows whether it was done");
		if (fault)
			fault->err = ERR_NETWORK;
		err = ERR_NETWORK;
	}
	return err;
}

/* The server may have hung up since the last call: then a new connection is as good, outside a transaction. */
static int unmoved(struct sql *sql, struct fault *fault)
{
	struct postgres *own = sql->own;

	if (!PQconsumeInput(own->connection) || PQstatus(own->connection) == CONNECTION_BAD)
		disconnect(sql);
	return 0;
}

struct settings {
	bool safe, asynchronous, read_only;
};

static int settings_keep(void *context, const struct sql_value *row, int count)
{
	struct settings *settings = context;

	if (!sql_row_is(row, count, "ttttttt"))
		return ERR_MALFORMED;
	settings->safe = view_is(row[4].bytes, "on");
	settings->asynchronous = view_is(row[5].bytes, "off");
	settings->read_only = view_is(row[6].bytes, "on");
	return 0;
}

static int keep_nothing(void *context, const struct sql_value *row, int count)
{
	return 0;
}

/* The session's own limits, and whether what this server calls kept is kept. */
static int prepare_session(struct sql *sql, struct fault *fault)
{
	struct sql_value reading = sql->mode == SQL_READ ? sql_text("on") : (struct sql_value){ SQL_NULL };
	struct settings settings = { 0 };
	char limit[32];
	int err;

	snprintf(limit, sizeof limit, "%lld", (long long)sql->limits.statement_ms);
	err = run(sql,
		  "SELECT set_config('statement_timeout', ?, false), set_config('lock_timeout', ?, false),"
		  " set_config('idle_in_transaction_session_timeout', ?, false),"
		  " set_config('default_transaction_read_only',"
		  " COALESCE(?, current_setting('default_transaction_read_only')), false),"
		  " current_setting('fsync'), current_setting('synchronous_commit'),"
		  " current_setting('transaction_read_only')",
		  SQL_VALUES(sql_text(limit), sql_text(limit), sql_text(limit), reading), settings_keep,
		  &settings, NULL, fault);
	if (err < 0 || sql->mode == SQL_READ)
		return err;
	if (settings.read_only)
		return fault_set(fault, ERR_DENIED, "%s: may only be read there: is it a standby?",
				 sql->name);
	if (!settings.safe)
		return fault_set(fault, ERR_CONFIG,
				 "%s: the server runs with fsync off, so what it calls kept may be gone "
				 "after a crash: "
				 "turn it on",
				 sql->name);
	if (!settings.asynchronous)
		return 0;
	return run(sql, "SELECT set_config('synchronous_commit', 'on', false)", SQL_NO_VALUES, keep_nothing,
		   NULL, NULL, fault);
}

static int connect_(struct sql *sql, bool fresh, struct fault *fault)
{
	struct postgres *own = sql->own;
	int err = ERR_NETWORK;

	for (int i = 0; err < 0 && i < postgres_address_hosts(own->address); i++) {
		err = dial(sql, i, fault);
		if (err == 0)
			err = prepare_session(sql, fault);
		if (err < 0)
			disconnect(sql);
	}
	return err;
}

static int stamp_keep(void *context, const struct sql_value *row, int count)
{
	if (!sql_row_is(row, count, "ii"))
		return ERR_MALFORMED;
	*(struct sql_stamp *)context = (struct sql_stamp){ row[0].number, row[1].number };
	return 0;
}

static int stamp_read(struct sql *sql, struct sql_stamp *out, struct fault *fault)
{
	struct sql_stamp stamp = { 0 };
	int64_t tables = 0;
	int err = run(sql,
		      "SELECT COUNT(*) FROM pg_catalog.pg_class WHERE oid = to_regclass('interlock_format')",
		      SQL_NO_VALUES, sql_keep_int, &tables, NULL, fault);

	if (err == 0 && tables > 0)
		err = run(sql, "SELECT application, format FROM interlock_format", SQL_NO_VALUES, stamp_keep,
			  &stamp, NULL, fault);
	if (err == 0)
		*out = stamp;
	return err;
}

static int stamp_write(struct sql *sql, struct sql_stamp stamp, struct fault *fault)
{
	int err = run(sql,
		      "CREATE TABLE interlock_format (id BIGINT PRIMARY KEY CHECK (id = 1),"
		      " application BIGINT NOT NULL, format BIGINT NOT NULL)",
		      SQL_NO_VALUES, NULL, NULL, NULL, fault);

	if (err < 0)
		return err;
	return run(sql, "INSERT INTO interlock_format (id, application, format) VALUES (1, ?, ?)",
		   SQL_VALUES(sql_int(stamp.application), sql_int(stamp.format)), NULL, NULL, NULL, fault);
}

static int settle(struct sql *sql, struct fault *fault)
{
	return 0;
}

const struct sql_engine sql_postgres = {
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
	.begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
	.lock_create = "SELECT pg_advisory_xact_lock(1229736778)",
	.integer = "BIGINT",
	.bytes = "BYTEA",
};
