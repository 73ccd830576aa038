/*
 * journal_store_sql.c - the journal in a database.  Three tables:
 *
 *	interlock_head   one row: number and hash (hexadecimal) of the last frame; number, holder and beat of the lease
 *	interlock_frame  number, bytes
 *	interlock_blob   hash, bytes
 *
 * Everything that changes a journal changes the one row of the head first, and only if it is what the caller believes it
 * to be.  That row is the lock: a second transaction waits there until the first has ended, then finds its belief
 * wrong.  It is also how reopen() waits for a commit whose answer was lost: it changes the row to what it is.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "exit/journal_store.h"

/* Frames of one SELECT, which must end well before a server's statement time-out; and about how many bytes are held. */
#define PAGE_COUNT 1000
#define PAGE_SIZE  (4 << 20)

static const char *const tables[] = {
	"CREATE TABLE interlock_head ("
	" id INT64 PRIMARY KEY CHECK (id = 1), sequence INT64 NOT NULL, last TEXT NOT NULL,"
	" lease INT64 NOT NULL, holder TEXT NOT NULL, beat INT64 NOT NULL)",
	"CREATE TABLE interlock_frame (sequence INT64 PRIMARY KEY, frame BYTES NOT NULL)",
	"CREATE TABLE interlock_blob (hash BYTES PRIMARY KEY, content BYTES NOT NULL)",
	"INSERT INTO interlock_head (id, sequence, last, lease, holder, beat) VALUES (1, 0, '', 0, '', 0)",
	NULL,
};

static const struct sql_schema schema = {
	.name = "journal of Interlock",
	.application = 0x494c4b4a, /* "ILKJ" */
	.format = 1,
	.create = tables,
};

struct store {
	struct journal_store store;
	struct sql *sql;
	enum sql_mode mode;
	bool any; /* for an auditor: what is there, however damaged */
};

/* The row of the head, and the number of the last frame that is really there. */
struct row {
	struct journal_head head;
	struct journal_lease lease;
	int64_t frame;
	int count; /* of rows: one */
	bool good;
};

static struct store *of(struct journal_store *store)
{
	return (struct store *)store;
}

static int say_broken(struct store *own, struct fault *fault)
{
	return fault_set(
		fault, ERR_STALE,
		"%s: the last change ended in doubt; the journal must be read again before anything else",
		sql_name(own->sql));
}

static int say_damaged(struct store *own, struct fault *fault, const char *what)
{
	return fault_set(
		fault, ERR_CHECKSUM,
		"%s: the journal is damaged: %s. Nothing may act on it: restore a copy, and verify that",
		sql_name(own->sql), what);
}

static const char *last_text(const struct journal_head *head, char out[SHA256_TEXT_SIZE])
{
	return sha256_none(head->last) ? "" : sha256_text(head->last, out);
}

static bool last_read(struct view text, struct sha256 *out)
{
	*out = (struct sha256){ 0 };
	return text.size == 0 || text_unhex(text, out->bytes, SHA256_SIZE);
}

static int row_keep(void *context, const struct sql_value *value, int count)
{
	struct row *row = context;

	row->count++;
	row->good = sql_row_is(value, count, "ititii") && value[3].bytes.size < JOURNAL_HOLDER_SIZE_MAX &&
		    last_read(value[1].bytes, &row->head.last);
	if (!row->good)
		return 0;
	row->head.sequence = value[0].number;
	row->lease.number = value[2].number;
	if (value[3].bytes.size)
		memcpy(row->lease.holder, value[3].bytes.at, value[3].bytes.size);
	row->lease.beat = value[4].number;
	row->frame = value[5].number;
	return 0;
}

static int row_read(struct store *own, struct row *out, struct fault *fault)
{
	struct row row = { 0 };
	int err = sql_query(own->sql,
			    "SELECT sequence, last, lease, holder, beat,"
			    " COALESCE((SELECT MAX(sequence) FROM interlock_frame), 0) FROM interlock_head",
			    SQL_NO_VALUES, row_keep, &row, fault);

	if (err < 0)
		return err;
	if (row.count != 1 || !row.good || row.head.sequence < 0 || row.lease.number < 0 ||
	    sha256_none(row.head.last) != (row.head.sequence == 0))
		return say_damaged(own, fault, "its head cannot be read");
	if (row.head.sequence != row.frame && !own->any)
		return say_damaged(own, fault, "its head and its last frame do not belong together");
	*out = row;
	return 0;
}

static int begin(struct store *own, struct fault *fault)
{
	return own->store.broken ? say_broken(own, fault) : sql_begin(own->sql, fault);
}

/* Ends the transaction in which `err` came about: keeps it when that is 0. */
static int end(struct store *own, int err, struct fault *fault)
{
	if (err < 0) {
		sql_rollback(own->sql);
		return err;
	}
	err = sql_commit(own->sql, fault);
	if (err < 0 && err != ERR_CONFLICT)
		own->store.broken = true;
	return err;
}

static int store_head(struct journal_store *store, struct journal_head *out, struct fault *fault)
{
	struct store *own = of(store);
	struct row row;
	int err = store->broken ? say_broken(own, fault) : row_read(own, &row, fault);

	if (err == 0)
		*out = row.head;
	return err;
}

static int store_lease_read(struct journal_store *store, struct journal_lease *out, struct fault *fault)
{
	struct store *own = of(store);
	struct row row;
	int err = store->broken ? say_broken(own, fault) : row_read(own, &row, fault);

	if (err == 0)
		*out = row.lease;
	return err;
}

static int say_lease_lost(struct store *own, int64_t number, const struct row *row, struct fault *fault)
{
	if (row->lease.holder[0] == 0)
		return fault_set(fault, ERR_STALE, "%s: lease %lld is nobody's any more", sql_name(own->sql),
				 (long long)number);
	return fault_set(fault, ERR_STALE, "%s: lease %lld has ended; now it is lease %lld, of %s",
			 sql_name(own->sql), (long long)number, (long long)row->lease.number,
			 row->lease.holder);
}

/* The head was not what the caller believes.  Which of the two beliefs was wrong decides what he must do. */
static int say_refused(struct store *own, int64_t lease, const struct journal_head *before,
		       struct fault *fault)
{
	struct row row;
	int err = row_read(own, &row, fault);

	if (err < 0)
		return err;
	if (lease != 0 && (row.lease.number != lease || row.lease.holder[0] == 0))
		return say_lease_lost(own, lease, &row, fault);
	return fault_set(fault, ERR_CONFLICT,
			 "%s: ends with frame %lld, which is not the frame %lld that was to be followed",
			 sql_name(own->sql), (long long)row.head.sequence, (long long)before->sequence);
}

static int append_inside(struct store *own, int64_t lease, const struct journal_head *before,
			 struct view frame, const struct journal_head *next, struct fault *fault)
{
	char last[SHA256_TEXT_SIZE], last_next[SHA256_TEXT_SIZE];
	int64_t affected = 0;
	int err = sql_exec(own->sql,
			   "UPDATE interlock_head SET sequence = ?, last = ?, beat = beat + ?"
			   " WHERE sequence = ? AND last = ? AND (? = 0 OR (lease = ? AND holder <> ''))",
			   SQL_VALUES(sql_int(next->sequence), sql_text(last_text(next, last_next)),
				      sql_int(lease != 0), sql_int(before->sequence),
				      sql_text(last_text(before, last)), sql_int(lease), sql_int(lease)),
			   &affected, fault);

	if (err < 0)
		return err;
	if (affected != 1)
		return say_refused(own, lease, before, fault);
	err = sql_exec(own->sql,
		       "INSERT INTO interlock_frame (sequence, frame) VALUES (?, ?) ON CONFLICT (sequence) "
		       "DO NOTHING",
		       SQL_VALUES(sql_int(next->sequence), sql_bytes(frame)), &affected, fault);
	return err == 0 && affected != 1 ? say_damaged(own, fault, "there is a frame behind its head") : err;
}

static int store_append(struct journal_store *store, int64_t lease, const struct journal_head *before,
			struct view frame, struct journal_head *after, struct fault *fault)
{
	struct store *own = of(store);
	struct journal_head next = { before->sequence + 1, { { 0 } } };
	int err;

	assert(before->sequence >= 0);
	assert(lease >= 0);
	if (frame.size > JOURNAL_FRAME_SIZE_MAX)
		return fault_set(fault, ERR_LIMIT, "a frame of %zu bytes, and %d is the most", frame.size,
				 JOURNAL_FRAME_SIZE_MAX);
	next.last = sha256_of(frame);
	err = begin(own, fault);
	if (err < 0)
		return err;
	err = end(own, append_inside(own, lease, before, frame, &next, fault), fault);
	if (err == 0)
		*after = next;
	return err;
}

/* Frames that one SELECT brought, copied, so that whoever is shown them may ask the store meanwhile. */
struct page {
	struct buffer bytes;
	size_t sizes[PAGE_COUNT];
	int64_t from;
	int count, most;
	bool hole;
};

static int page_keep(void *context, const struct sql_value *row, int count)
{
	struct page *page = context;

	if (!sql_row_is(row, count, "ib") || row[0].number != page->from + page->count) {
		page->hole = true;
		return 1;
	}
	buffer_view(&page->bytes, row[1].bytes);
	page->sizes[page->count++] = row[1].bytes.size;
	return page->bytes.err ? page->bytes.err : page->bytes.size >= PAGE_SIZE;
}

static int page_read(struct store *own, struct page *page, int64_t to, struct fault *fault)
{
	int64_t last = to - page->from >= page->most ? page->from + page->most - 1 : to;
	int err;

	buffer_reset(&page->bytes);
	page->count = 0;
	err = sql_query(own->sql,
			"SELECT sequence, frame FROM interlock_frame WHERE sequence >= ? AND sequence <= ? "
			"ORDER BY sequence",
			SQL_VALUES(sql_int(page->from), sql_int(last)), page_keep, page, fault);
	if (err < 0)
		return page->bytes.err ? fault_set(fault, err, "%s: frames are larger than was ever written",
						   sql_name(own->sql))
				       : err;
	if (page->count == 0)
		page->hole = true;
	/* Large frames: ask for no more of them at a time than were wanted. */
	page->most = err > 0 && page->count > 0    ? page->count
		     : page->most * 2 < PAGE_COUNT ? page->most * 2
						   : PAGE_COUNT;
	return 0;
}

static int page_show(struct store *own, struct page *page, const struct journal_head *head,
		     journal_each *each, void *context, struct fault *fault)
{
	const uint8_t *at = page->bytes.at;
	char what[100];

	for (int i = 0; i < page->count; i++) {
		int64_t sequence = page->from + i;
		struct view frame = view_of(page->sizes[i] ? at : (const uint8_t *)"", page->sizes[i]);
		int result;

		if (!own->any && sequence == head->sequence && !sha256_equal(sha256_of(frame), head->last))
			return say_damaged(own, fault, "its last frame is not the one that was added last");
		result = each(context, sequence, frame);
		if (result != 0)
			return result;
		at += page->sizes[i];
	}
	page->from += page->count;
	if (!page->hole)
		return 0;
	snprintf(what, sizeof what, "frame %lld is missing or cannot be read", (long long)page->from);
	return say_damaged(own, fault, what);
}

static int last_keep(void *context, const struct sql_value *row, int count)
{
	if (sql_row_is(row, count, "i"))
		*(int64_t *)context = row[0].number;
	return 0;
}

/* The number of the last frame that is to be read: an auditor reads to the last one that is there. */
static int last_frame(struct store *own, struct journal_head *head, struct fault *fault)
{
	if (!own->any)
		return store_head(&own->store, head, fault);
	*head = (struct journal_head){ 0 };
	return sql_query(own->sql, "SELECT COALESCE(MAX(sequence), 0) FROM interlock_frame", SQL_NO_VALUES,
			 last_keep, &head->sequence, fault);
}

static int store_read(struct journal_store *store, int64_t from, journal_each *each, void *context,
		      struct fault *fault)
{
	struct store *own = of(store);
	struct journal_head head;
	struct page *page;
	int err = last_frame(own, &head, fault);

	assert(from >= 1);
	if (err < 0)
		return err;
	page = calloc(1, sizeof *page);
	if (!page)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	buffer_init(&page->bytes, PAGE_SIZE + JOURNAL_FRAME_SIZE_MAX);
	page->from = from;
	page->most = PAGE_COUNT;
	while (err == 0 && page->from <= head.sequence) {
		err = page_read(own, page, head.sequence, fault);
		if (err == 0) {
			err = page_show(own, page, &head, each, context, fault);
		} else if (own->any) { /* what came before the place that is damaged */
			int shown = page_show(own, page, &head, each, context, NULL);

			err = shown < 0 ? shown : err;
		}
	}
	buffer_done(&page->bytes);
	free(page);
	return err;
}

static int store_lease_take(struct journal_store *store, const struct journal_lease *seen, const char *holder,
			    struct journal_lease *taken, struct fault *fault)
{
	struct store *own = of(store);
	struct journal_lease next = { .number = seen->number + 1, .beat = seen->beat + 1 };
	int64_t affected = 0;
	int err;

	assert(*holder);
	if (strlen(holder) >= sizeof next.holder)
		return fault_set(fault, ERR_LIMIT, "a holder of %zu letters, and %zu is the most",
				 strlen(holder), sizeof next.holder - 1);
	memcpy(next.holder, holder, strlen(holder) + 1);
	err = begin(own, fault);
	if (err < 0)
		return err;
	err = sql_exec(
		own->sql,
		"UPDATE interlock_head SET lease = ?, holder = ?, beat = ? WHERE lease = ? AND beat = ?",
		SQL_VALUES(sql_int(next.number), sql_text(next.holder), sql_int(next.beat),
			   sql_int(seen->number), sql_int(seen->beat)),
		&affected, fault);
	if (err == 0 && affected != 1)
		err = fault_set(fault, ERR_CONFLICT,
				"%s: the lease is not as it was seen: its holder lives, or another took it",
				sql_name(own->sql));
	err = end(own, err, fault);
	if (err == 0)
		*taken = next;
	return err;
}

/* One statement that holds only under the lease `number`. */
static int under_lease(struct journal_store *store, const char *text, int64_t number, struct fault *fault)
{
	struct store *own = of(store);
	int64_t affected = 0;
	struct row row;
	int err = begin(own, fault);

	if (err < 0)
		return err;
	err = sql_exec(own->sql, text, SQL_VALUES(sql_int(number)), &affected, fault);
	if (err == 0 && affected != 1) {
		err = row_read(own, &row, fault);
		err = err < 0 ? err : say_lease_lost(own, number, &row, fault);
	}
	return end(own, err, fault);
}

static int store_lease_beat(struct journal_store *store, int64_t number, struct fault *fault)
{
	return under_lease(store,
			   "UPDATE interlock_head SET beat = beat + 1 WHERE lease = ? AND holder <> ''",
			   number, fault);
}

static int store_lease_release(struct journal_store *store, int64_t number, struct fault *fault)
{
	return under_lease(store, "UPDATE interlock_head SET holder = '' WHERE lease = ? AND holder <> ''",
			   number, fault);
}

static int store_blob_put(struct journal_store *store, struct sha256 hash, struct view bytes,
			  struct fault *fault)
{
	struct store *own = of(store);
	int err;

	assert(sha256_equal(hash, sha256_of(bytes)));
	if (bytes.size > JOURNAL_BLOB_SIZE_MAX)
		return fault_set(fault, ERR_LIMIT, "a blob of %zu bytes, and %d is the most", bytes.size,
				 JOURNAL_BLOB_SIZE_MAX);
	err = begin(own, fault);
	if (err < 0)
		return err;
	err = sql_exec(
		own->sql,
		"INSERT INTO interlock_blob (hash, content) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING",
		SQL_VALUES(sql_bytes(view_of(hash.bytes, SHA256_SIZE)), sql_bytes(bytes)), NULL, fault);
	return end(own, err, fault);
}

struct blob {
	struct sha256 hash;
	struct buffer *out;
	int count;
	bool good;
};

static int blob_keep(void *context, const struct sql_value *row, int count)
{
	struct blob *blob = context;

	blob->count++;
	blob->good = sql_row_is(row, count, "b") && sha256_equal(sha256_of(row->bytes), blob->hash);
	if (blob->good)
		buffer_view(blob->out, row->bytes);
	return 0;
}

static int store_blob_get(struct journal_store *store, struct sha256 hash, struct buffer *out,
			  struct fault *fault)
{
	struct store *own = of(store);
	struct blob blob = { hash, out, 0, false };
	char text[SHA256_TEXT_SIZE];
	int err;

	if (store->broken)
		return say_broken(own, fault);
	err = sql_query(own->sql, "SELECT content FROM interlock_blob WHERE hash = ?",
			SQL_VALUES(sql_bytes(view_of(hash.bytes, SHA256_SIZE))), blob_keep, &blob, fault);
	if (err < 0)
		return err;
	sha256_text(hash, text);
	if (blob.count == 0)
		return fault_set(fault, ERR_NOT_FOUND, "%s: holds nothing under %s", sql_name(own->sql),
				 text);
	if (!blob.good)
		return fault_set(fault, ERR_CHECKSUM, "%s: what it holds under %s is something else",
				 sql_name(own->sql), text);
	return out->err ? fault_set(fault, out->err, "%s: %s is too large", sql_name(own->sql), text) : 0;
}

/* Of one statement; where fewer are wanted nothing stands for the rest. */
#define BLOBS_COUNT 32

struct blobs {
	const struct sha256 *hashes;
	int count;
	journal_blob_each *each;
	void *context;
};

/* What has the hash of none of them was changed, and is passed over. */
static int blobs_keep(void *context, const struct sql_value *row, int count)
{
	struct blobs *blobs = context;
	struct sha256 hash;

	if (!sql_row_is(row, count, "b"))
		return 0;
	hash = sha256_of(row->bytes);
	for (int i = 0; i < blobs->count; i++)
		if (sha256_equal(blobs->hashes[i], hash))
			return blobs->each(blobs->context, &hash, row->bytes);
	return 0;
}

static int store_blobs_get(struct journal_store *store, const struct sha256 *hashes, int count,
			   journal_blob_each *each, void *context, struct fault *fault)
{
	struct store *own = of(store);
	int err = store->broken ? say_broken(own, fault) : 0;

	for (int from = 0; from < count && err == 0; from += BLOBS_COUNT) {
		struct blobs blobs = { hashes + from, count - from, each, context };
		struct sql_value values[BLOBS_COUNT];

		blobs.count = blobs.count < BLOBS_COUNT ? blobs.count : BLOBS_COUNT;
		for (int i = 0; i < BLOBS_COUNT; i++)
			values[i] = i < blobs.count ? sql_bytes(view_of(blobs.hashes[i].bytes, SHA256_SIZE))
						    : (struct sql_value){ SQL_NULL, 0, VIEW_NULL };
		err = sql_query(
			own->sql,
			"SELECT content FROM (VALUES (?), (?), (?), (?), (?), (?), (?), (?), (?), (?), (?),"
			" (?), (?), (?), (?), (?), (?), (?), (?), (?), (?), (?), (?), (?), (?), (?),"
			" (?), (?), (?), (?), (?), (?)) AS wanted"
			" CROSS JOIN interlock_blob WHERE hash = wanted.column1",
			values, BLOBS_COUNT, blobs_keep, &blobs, fault);
	}
	return err;
}

/* A commit whose answer was lost may still be under way on the server; it holds the row of the head until it ends. */
static int wait_for_others(struct store *own, struct fault *fault)
{
	int err = sql_begin(own->sql, fault);

	if (err < 0)
		return err;
	return end(own,
		   sql_exec(own->sql, "UPDATE interlock_head SET beat = beat", SQL_NO_VALUES, NULL, fault),
		   fault);
}

static int store_reopen(struct journal_store *store, struct fault *fault)
{
	struct store *own = of(store);
	struct row row;
	int err;

	store->broken = true;
	err = sql_reopen(own->sql, fault);
	if (err == 0 && own->mode == SQL_WRITE)
		err = wait_for_others(own, fault);
	if (err == 0)
		err = row_read(own, &row, fault);
	if (err == 0)
		store->broken = false;
	return err;
}

static int store_reserve(struct journal_store *store, int64_t size, struct fault *fault)
{
	struct store *own = of(store);

	return store->broken ? say_broken(own, fault) : sql_reserve(own->sql, size, fault);
}

static const char *store_name(const struct journal_store *store)
{
	return sql_name(((const struct store *)store)->sql);
}

static void store_free(struct journal_store *store)
{
	struct store *own = of(store);

	sql_close(own->sql);
	free(own);
}

static const struct journal_store_ops ops = {
	.head = store_head,
	.append = store_append,
	.read = store_read,
	.lease_read = store_lease_read,
	.lease_take = store_lease_take,
	.lease_beat = store_lease_beat,
	.lease_release = store_lease_release,
	.blob_put = store_blob_put,
	.blob_get = store_blob_get,
	.blobs_get = store_blobs_get,
	.reopen = store_reopen,
	.name = store_name,
	.free = store_free,
	.reserve = store_reserve,
};

static int open_store(const char *address, enum sql_mode mode, bool any, const struct sql_limits *limits,
		      struct journal_store **out, struct fault *fault)
{
	struct store *own = calloc(1, sizeof *own);
	struct row row;
	int err;

	if (!own)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	own->store.ops = &ops;
	own->mode = mode;
	own->any = any;
	err = sql_open(address, mode, &schema, limits, &own->sql, fault);
	if (err == 0 && !any)
		err = row_read(own, &row, fault);
	if (err < 0) {
		store_free(&own->store);
		return err;
	}
	*out = &own->store;
	return 0;
}

int journal_store_open(const char *address, enum sql_mode mode, const struct sql_limits *limits,
		       struct journal_store **out, struct fault *fault)
{
	return open_store(address, mode, false, limits, out, fault);
}

int journal_store_open_any(const char *address, const struct sql_limits *limits, struct journal_store **out,
			   struct fault *fault)
{
	return open_store(address, SQL_READ, true, limits, out, fault);
}
