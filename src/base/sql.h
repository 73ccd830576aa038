/*
 * sql.h - one small way to ask SQLite or PostgreSQL, whichever the address names; one SQL text for both.
 *
 *	interlock.db, /var/lib/x.db                a file of SQLite
 *	postgres://user@host/db, postgresql://…    a server
 *
 * Texts keep to what both speak.  A parameter is written `?`; values are 64-bit integers, text, bytes or null.  Two
 * words differ between the engines and are written INT64 and BYTES in CREATE TABLE (sql_schema), nowhere else.
 *
 * Calls block, bounded by the limits; a host name is looked up by the C library in its own time.  One handle belongs
 * to one thread.  Whatever changes something happens between sql_begin() and sql_commit(), which takes the lock at
 * once; so only a COMMIT can end in doubt, and only one call has to explain it.
 *
 * Errors, always with a sentence that holds no password:
 *
 *	ERR_FULL         the disk is full (ours, or the server's)
 *	ERR_IO           the disk failed otherwise
 *	ERR_NETWORK      no connection to the server, or it was lost.  The next call outside a transaction connects again;
 *	                 inside one every call fails until sql_rollback()
 *	ERR_TIMEOUT      somebody else held the lock, or the server did not answer, for as long as the limits allow
 *	ERR_CONFLICT     the engine gave up this transaction for the sake of another
 *	ERR_CHECKSUM     the file is damaged
 *	ERR_MALFORMED    it is no database, or holds what these texts cannot have written
 *	ERR_CONFIG       it is somebody else's database; an address or a server setting that cannot be used
 *	ERR_UNSUPPORTED  it was written by a newer program
 *	ERR_NOT_FOUND    no such file, folder or database (reading never creates one)
 *	ERR_DENIED, ERR_LOGIN, ERR_STALE (the file was moved or replaced under us), ERR_LIMIT, ERR_MEMORY
 */
#ifndef BASE_SQL_H
#define BASE_SQL_H

#include "base/buffer.h"
#include "base/err.h"

#define SQL_VALUE_SIZE_MAX (128 << 20) /* bytes of one value */
#define SQL_COLUMNS_MAX    16
#define SQL_PARAMETERS_MAX 32

struct sql;

enum sql_mode {
	SQL_READ,  /* changes nothing, creates nothing */
	SQL_WRITE, /* creates the file (readable by its owner only) and the tables when they are not there */
};

struct sql_limits {
	int64_t connect_ms;   /* to each host of the address in turn */
	int64_t statement_ms; /* one statement, with its wait for locks */
};

#define SQL_LIMITS_DEFAULT ((struct sql_limits){ 3000, 5000 })

/* What the tables are for: how they are told from anybody else's, and how they are made. */
struct sql_schema {
	const char *name;          /* "a journal of Interlock", for faults */
	int32_t application;       /* marks the database as ours, not zero */
	int32_t format;            /* counts from 1; a greater one is from a newer program */
	const char *const *create; /* statements, the last one NULL */
};

enum sql_kind {
	SQL_NULL,
	SQL_INT,
	SQL_TEXT,
	SQL_BYTES,
};

struct sql_value {
	enum sql_kind kind;
	int64_t number;
	struct view bytes; /* of text and bytes; in a row it holds until the callback returns */
};

static inline struct sql_value sql_int(int64_t number)
{
	return (struct sql_value){ SQL_INT, number, VIEW_NULL };
}

static inline struct sql_value sql_text(const char *text)
{
	return (struct sql_value){ SQL_TEXT, 0, view_text(text) };
}

static inline struct sql_value sql_bytes(struct view bytes)
{
	return (struct sql_value){ SQL_BYTES, 0, bytes };
}

/* The two arguments `values, count` of a call: SQL_VALUES(sql_int(1), sql_text("x")). */
#define SQL_VALUES(...)                                                                                      \
	(const struct sql_value[]){ __VA_ARGS__ },                                                           \
		(int)(sizeof((const struct sql_value[]){ __VA_ARGS__ }) / sizeof(struct sql_value))
#define SQL_NO_VALUES NULL, 0

/*
 * Opens the database that `address` names, and in SQL_WRITE makes what `schema` says when nothing is there.  `schema`
 * must outlive the handle.  *out is untouched on failure.
 */
int sql_open(const char *address, enum sql_mode mode, const struct sql_schema *schema,
	     const struct sql_limits *limits, struct sql **out, struct fault *fault);

/* Rolls back what is open.  NULL is fine. */
void sql_close(struct sql *sql);

/*
 * Closes the connection and makes a new one, which begins with what is really there.  Needed after a commit that ended
 * in doubt; nothing is created.  A failure leaves the handle without a connection; the next call tries again.
 */
int sql_reopen(struct sql *sql, struct fault *fault);

/* The address as it may be shown: without a password. */
const char *sql_name(const struct sql *sql);

/*
 * Begins a transaction that is going to write.  Under SQLite it holds the one write lock from here on; under PostgreSQL
 * it is read-committed, and the first row that it changes is the lock: change the contended row first.
 */
int sql_begin(struct sql *sql, struct fault *fault);

/*
 * 0: kept, also when the power fails now.  ERR_CONFLICT: surely not kept.  Anything else: nobody knows; the answer may
 * have been lost on its way.  Then sql_reopen() and look, behind the same lock that the lost transaction held.
 * The transaction is over in every case.
 */
int sql_commit(struct sql *sql, struct fault *fault);

/* Ends the transaction and changes nothing.  Never fails: a connection that cannot roll back is closed, which does. */
void sql_rollback(struct sql *sql);

/* One statement that changes something, inside a transaction.  `affected`, which may be NULL, is the count of rows. */
int sql_exec(struct sql *sql, const char *text, const struct sql_value *values, int count, int64_t *affected,
	     struct fault *fault);

/*
 * Called for each row in turn.  It must not use the handle.  Other than 0 ends the query, which then returns that; a
 * callback that fails says why by itself.
 */
typedef int sql_row(void *context, const struct sql_value *row, int count);

/* One SELECT, in a transaction or not.  Rows stream: memory does not grow with their count. */
int sql_query(struct sql *sql, const char *text, const struct sql_value *values, int count, sql_row *each,
	      void *context, struct fault *fault);

/*
 * Makes room for `size` more bytes the database's own, in its tables and in its log, so that a disk that fills up afterwards
 * does not stop who writes no more than that.  Outside a transaction; costs a write of `size` bytes when the room is not
 * there already.  ERR_UNSUPPORTED: a server, whose disk is its own business.  ERR_TIMEOUT: the room is there, but somebody
 * reads the log, so that it could not be begun anew: it may still grow.  ERR_FULL: there is no such room.
 */
int sql_reserve(struct sql *sql, int64_t size, struct fault *fault);

/* True when the row has exactly these kinds: sql_row_is(row, count, "itb") for integer, text, bytes. */
bool sql_row_is(const struct sql_value *row, int count, const char *kinds);

#endif
