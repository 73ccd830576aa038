/*
 * metadata.c - the tables, and the transaction that is around every change.
 *
 * The one row of store_state is the lock: each transaction first raises its serial number, and only under its own
 * incarnation.  When a commit ends in doubt, the serial number says whether it happened.
 */
#include <stdlib.h>

#include "store/metadata_inside.h"

static const char *const tables[] = {
	"CREATE TABLE store_state (id INT64 PRIMARY KEY CHECK (id = 1), log_id INT64 NOT NULL, incarnation "
	"INT64 NOT NULL,"
	" serial INT64 NOT NULL, trimmed_lsn INT64 NOT NULL, next_partition INT64 NOT NULL, next_object "
	"INT64 NOT NULL,"
	" next_producer INT64 NOT NULL)",
	"CREATE TABLE store_topic (id BYTES PRIMARY KEY, name TEXT NOT NULL UNIQUE, config BYTES NOT NULL)",
	"CREATE TABLE store_partition (id INT64 PRIMARY KEY, topic BYTES NOT NULL, idx INT64 NOT NULL,"
	" leader_epoch INT64 NOT NULL, log_start INT64 NOT NULL, committed_end INT64 NOT NULL, mirror INT64 "
	"NOT NULL,"
	" UNIQUE (topic, idx))",
	"CREATE TABLE store_epoch (partition_id INT64 NOT NULL, epoch INT64 NOT NULL, start_offset INT64 NOT "
	"NULL,"
	" PRIMARY KEY (partition_id, epoch))",
	"CREATE TABLE store_object (id INT64 PRIMARY KEY, state INT64 NOT NULL, size INT64 NOT NULL, refs "
	"INT64 NOT NULL,"
	" incarnation INT64 NOT NULL)",
	"CREATE TABLE store_extent (partition_id INT64 NOT NULL, base_offset INT64 NOT NULL, end_offset "
	"INT64 NOT NULL,"
	" object INT64 NOT NULL, pos INT64 NOT NULL, size INT64 NOT NULL, first_timestamp INT64 NOT NULL,"
	" max_timestamp INT64 NOT NULL, aborted BYTES NOT NULL, PRIMARY KEY (partition_id, base_offset))",
	"CREATE INDEX store_extent_object ON store_extent (object)",
	"CREATE TABLE store_snapshot (partition_id INT64 PRIMARY KEY, end_offset INT64 NOT NULL, content "
	"BYTES NOT NULL)",
	"CREATE TABLE store_setting (kind TEXT NOT NULL, name TEXT NOT NULL, value BYTES NOT NULL, PRIMARY "
	"KEY (kind, name))",
	NULL,
};

static const struct sql_schema schema = { "the metadata of a broker's store", 0x696c6b73, 1, tables };

struct row {
	int64_t *out;
	int columns;
	bool seen;
};

static int take_row(void *context, const struct sql_value *values, int count)
{
	struct row *row = context;

	if (count != row->columns)
		return ERR_MALFORMED;
	for (int i = 0; i < count; i++) {
		if (values[i].kind != SQL_INT)
			return ERR_MALFORMED;
		row->out[i] = values[i].number;
	}
	row->seen = true;
	return 0;
}

int metadata_one(struct metadata *metadata, const char *text, const struct sql_value *values, int count,
		 int64_t *out, int columns, struct fault *fault)
{
	int64_t numbers[SQL_COLUMNS_MAX];
	struct row row = { numbers, columns, false };
	int err = sql_query(metadata->sql, text, values, count, take_row, &row, fault);

	if (err == ERR_MALFORMED)
		return fault_set(fault, err, "%s: holds what no store writes", sql_name(metadata->sql));
	if (err < 0)
		return err;
	if (!row.seen)
		return fault_set(fault, ERR_NOT_FOUND, "%s: lacks a row it should have",
				 sql_name(metadata->sql));
	memcpy(out, numbers, (size_t)columns * sizeof *out);
	return 0;
}

int metadata_exec(struct metadata *metadata, const char *text, const struct sql_value *values, int count,
		  int64_t *affected, struct fault *fault)
{
	return sql_exec(metadata->sql, text, values, count, affected, fault);
}

int metadata_begin(struct metadata *metadata, struct fault *fault)
{
	int64_t affected = 0;
	int err = sql_begin(metadata->sql, fault);

	metadata->began = metadata->in_doubt = false;
	if (err < 0)
		return err;
	err = metadata_exec(metadata,
			    "UPDATE store_state SET serial = serial + 1 WHERE id = 1 AND incarnation = ?",
			    SQL_VALUES(sql_int(metadata->incarnation)), &affected, fault);
	if (err == 0 && affected != 1)
		err = fault_set(fault, ERR_STALE,
				"%s: another process has opened this store: this one stops writing",
				sql_name(metadata->sql));
	if (err == 0)
		err = metadata_one(metadata, "SELECT serial FROM store_state WHERE id = 1", SQL_NO_VALUES,
				   &metadata->serial, 1, fault);
	if (err < 0)
		sql_rollback(metadata->sql);
	metadata->began = err == 0;
	return err;
}

bool metadata_in_doubt(const struct metadata *metadata, bool before)
{
	return metadata->in_doubt || (before && !metadata->began);
}

/* A commit that ended in doubt: 1 when it happened, 0 when not, or an error when nobody can say. */
static int ask_back(struct metadata *metadata, struct fault *fault)
{
	int64_t found[2];
	int err = sql_reopen(metadata->sql, fault);

	if (err == 0)
		err = metadata_one(metadata, "SELECT incarnation, serial FROM store_state WHERE id = 1",
				   SQL_NO_VALUES, found, 2, fault);
	if (err < 0)
		return err;
	return found[0] == metadata->incarnation && found[1] == metadata->serial;
}

int metadata_end(struct metadata *metadata, int err, struct fault *fault)
{
	struct fault first = { 0 };
	int kept;

	if (err < 0) {
		sql_rollback(metadata->sql);
		return err;
	}
	kept = sql_commit(metadata->sql, &first);
	if (kept == ERR_CONFLICT) {
		if (fault)
			*fault = first;
		return kept;
	}
	if (kept < 0) {
		int asked = ask_back(metadata, NULL);

		metadata->in_doubt = asked < 0;
		if (asked <= 0) {
			if (fault)
				*fault = first;
			return kept;
		}
	}
	return err;
}

int metadata_doom(struct metadata *metadata, struct fault *fault)
{
	return metadata_exec(metadata, "UPDATE store_object SET state = 3 WHERE state = 2 AND refs <= 0",
			     SQL_NO_VALUES, NULL, fault);
}

/*
 * A mirror keeps the producer ids of its source, and brokers count theirs from 0 on.  So those that we give come from a block of
 * the store's own: 2^32 of them above a number from 1 to 2^20 - 1 that is made of its log id, and below 2^52, which programs
 * that know numbers as doubles can hold.
 */
static int64_t producers_first(int64_t log_id)
{
	return (log_id % ((INT64_C(1) << 20) - 1) + 1) << 32;
}

/* Makes the row of a new store, or takes over the one that is there. */
static int take_over(struct metadata *metadata, uint64_t log_id, struct metadata_state *state,
		     struct fault *fault)
{
	int64_t found[5];
	int err = sql_begin(metadata->sql, fault);

	if (err < 0)
		return err;
	err = metadata_exec(
		metadata, "INSERT INTO store_state VALUES (1, ?, 0, 0, 0, 1, 1, 1000) ON CONFLICT DO NOTHING",
		SQL_VALUES(sql_int((int64_t)log_id)), NULL, fault);
	if (err == 0)
		err = metadata_exec(
			metadata,
			"UPDATE store_state SET incarnation = incarnation + 1, serial = 0 WHERE id = 1",
			SQL_NO_VALUES, NULL, fault);
	/* One that was made before ids were given so goes on there. */
	if (err == 0)
		err = metadata_one(metadata, "SELECT log_id FROM store_state WHERE id = 1", SQL_NO_VALUES,
				   found, 1, fault);
	if (err == 0)
		err = metadata_exec(
			metadata,
			"UPDATE store_state SET next_producer = ? WHERE id = 1 AND next_producer < ?",
			SQL_VALUES(sql_int(producers_first(found[0])), sql_int(producers_first(found[0]))),
			NULL, fault);
	if (err == 0)
		err = metadata_one(metadata,
				   "SELECT log_id, incarnation, trimmed_lsn, next_partition, next_producer "
				   "FROM store_state"
				   " WHERE id = 1",
				   SQL_NO_VALUES, found, 5, fault);
	if (err < 0) {
		sql_rollback(metadata->sql);
		return err;
	}
	/* In doubt means not opened: the next attempt takes a later incarnation. */
	err = sql_commit(metadata->sql, fault);
	if (err < 0)
		return err;
	metadata->incarnation = found[1];
	*state = (struct metadata_state){
		.log_id = (uint64_t)found[0],
		.incarnation = found[1],
		.trimmed_lsn = (uint64_t)found[2],
		.next_partition = (uint32_t)found[3],
		.next_producer_id = found[4],
	};
	return 0;
}

int metadata_open(const char *address, uint64_t log_id, struct metadata **out, struct metadata_state *state,
		  struct fault *fault)
{
	struct metadata *metadata = calloc(1, sizeof *metadata);
	int err;

	if (!metadata)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	err = sql_open(address, SQL_WRITE, &schema, &SQL_LIMITS_DEFAULT, &metadata->sql, fault);
	if (err == 0)
		err = take_over(metadata, log_id, state, fault);
	if (err < 0) {
		metadata_close(metadata);
		return err;
	}
	*out = metadata;
	return 0;
}

void metadata_close(struct metadata *metadata)
{
	if (!metadata)
		return;
	sql_close(metadata->sql);
	free(metadata);
}
