/*
 * sql_inside.h - what sql.c and its two engines share; nobody else includes it.
 *
 * An engine turns one address into connections.  sql.c holds the rules that are the same for both: when to connect,
 * what a transaction may do after a failure, whose database it is.
 */
#ifndef BASE_SQL_INSIDE_H
#define BASE_SQL_INSIDE_H

#include "base/sql.h"

#define SQL_TEXT_SIZE_MAX 8192

/* How a database is marked; all zero where nothing is yet. */
struct sql_stamp {
	int64_t application, format;
};

struct sql_engine {
	/* Takes what it needs of the address into sql->own, and sql->name.  Connects nowhere. */
	int (*init)(struct sql *sql, const char *address, struct fault *fault);
	void (*done)(struct sql *sql);

	/* `fresh`: SQL_WRITE and the first time: a file may come to be. */
	int (*connect)(struct sql *sql, bool fresh, struct fault *fault);
	void (*disconnect)(struct sql *sql);
	bool (*connected)(const struct sql *sql);

	/* One statement.  `each` and `affected` may be NULL. */
	int (*run)(struct sql *sql, const char *text, const struct sql_value *values, int count,
		   sql_row *each, void *context, int64_t *affected, struct fault *fault);

	/* As sql_commit(). */
	int (*commit)(struct sql *sql, struct fault *fault);

	/* Asked before each transaction: is this still the database that was opened? */
	int (*unmoved)(struct sql *sql, struct fault *fault);

	int (*stamp_read)(struct sql *sql, struct sql_stamp *out, struct fault *fault);
	/* Inside a transaction; the tables are made in the same one. */
	int (*stamp_write)(struct sql *sql, struct sql_stamp stamp, struct fault *fault);
	/* What is set once the database is known to be ours. */
	int (*settle)(struct sql *sql, struct fault *fault);

	/* Whether tables and log can take `size` more bytes without asking the disk: 1 or 0.  NULL: it is not ours to know. */
	int (*has_room)(struct sql *sql, int64_t size, struct fault *fault);
	/* Brings what stands in the log to where it belongs, and begins it anew in the room that it has. */
	int (*restart_log)(struct sql *sql, struct fault *fault);

	const char *begin, *lock_create; /* statements; the second may be NULL */
	const char *integer, *bytes;     /* what INT64 and BYTES are called */
};

struct sql {
	const struct sql_engine *engine;
	const struct sql_schema *schema;
	struct sql_limits limits;
	enum sql_mode mode;
	char *name;   /* for faults */
	void *own;    /* the engine's */
	bool inside;  /* a transaction is open, or was when the connection went */
	bool running; /* a callback is being called */
	int lost;     /* inside: the error that ended the transaction before its time, or 0 */
};

extern const struct sql_engine sql_sqlite, sql_postgres;

bool sql_postgres_is(const char *address);

/* A row callback that keeps one integer: the context is an int64_t. */
int sql_keep_int(void *context, const struct sql_value *row, int count);

#endif
