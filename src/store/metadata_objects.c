/* metadata_objects.c - objects prepared, committed, doomed; extents put in and taken out. */
#include "store/metadata_inside.h"

int metadata_object_prepare(struct metadata *metadata, int64_t *id, struct fault *fault)
{
	int64_t next = 0;
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	err = metadata_one(metadata, "SELECT next_object FROM store_state WHERE id = 1", SQL_NO_VALUES, &next,
			   1, fault);
	if (err == 0)
		err = metadata_exec(metadata,
				    "UPDATE store_state SET next_object = next_object + 1 WHERE id = 1",
				    SQL_NO_VALUES, NULL, fault);
	if (err == 0)
		err = metadata_exec(metadata, "INSERT INTO store_object VALUES (?, 1, 0, 0, ?)",
				    SQL_VALUES(sql_int(next), sql_int(metadata->incarnation)), NULL, fault);
	err = metadata_end(metadata, err, fault);
	if (err == 0)
		*id = next;
	return err;
}

static int put_extent(struct metadata *metadata, const struct metadata_extent *extent, int64_t object,
		      struct fault *fault)
{
	return metadata_exec(metadata, "INSERT INTO store_extent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			     SQL_VALUES(sql_int(extent->partition), sql_int(extent->base_offset),
					sql_int(extent->end_offset), sql_int(object),
					sql_int((int64_t)extent->position), sql_int((int64_t)extent->size),
					sql_int(extent->first_timestamp), sql_int(extent->max_timestamp),
					sql_bytes(extent->aborted.at ? extent->aborted : VIEW_LITERAL(""))),
			     NULL, fault);
}

static int commit_object(struct metadata *metadata, int64_t object, uint64_t size, int64_t refs,
			 struct fault *fault)
{
	int64_t affected = 0;
	int err = metadata_exec(
		metadata, "UPDATE store_object SET state = ?, size = ?, refs = ? WHERE id = ? AND state = 1",
		SQL_VALUES(sql_int(refs ? OBJECT_COMMITTED : OBJECT_DOOMED), sql_int((int64_t)size),
			   sql_int(refs), sql_int(object)),
		&affected, fault);

	if (err == 0 && affected != 1)
		err = fault_set(fault, ERR_STALE, "object %lld was swept before it was committed",
				(long long)object);
	return err;
}

/* 1 when the partition is still there and its end was moved, 0 when it was deleted meanwhile. */
static int move_end(struct metadata *metadata, const struct metadata_extent *extent, int64_t before,
		    struct fault *fault)
{
	int64_t affected = 0, there = 0;
	int err = metadata_exec(
		metadata, "UPDATE store_partition SET committed_end = ? WHERE id = ? AND committed_end = ?",
		SQL_VALUES(sql_int(extent->end_offset), sql_int(extent->partition), sql_int(before)),
		&affected, fault);

	if (err < 0 || affected == 1)
		return err < 0 ? err : 1;
	err = metadata_one(metadata, "SELECT count(*) FROM store_partition WHERE id = ?",
			   SQL_VALUES(sql_int(extent->partition)), &there, 1, fault);
	if (err < 0)
		return err;
	return there ? fault_set(fault, ERR_STALE, "partition %u does not end at %lld in the metadata",
				 extent->partition, (long long)before)
		     : 0;
}

static int put_snapshot(struct metadata *metadata, const struct metadata_snapshot *snapshot,
			struct fault *fault)
{
	int err = metadata_exec(metadata, "DELETE FROM store_snapshot WHERE partition_id = ?",
				SQL_VALUES(sql_int(snapshot->partition)), NULL, fault);

	if (err == 0)
		err = metadata_exec(metadata,
				    "INSERT INTO store_snapshot SELECT id, CAST(? AS BIGINT), ? FROM "
				    "store_partition WHERE id = ?",
				    SQL_VALUES(sql_int(snapshot->end_offset), sql_bytes(snapshot->content),
					       sql_int(snapshot->partition)),
				    NULL, fault);
	return err;
}

int metadata_flush_commit(struct metadata *metadata, const struct metadata_flush *flush, struct fault *fault)
{
	int64_t refs = 0, done = 0;
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	/* An attempt before this one ended in doubt, and had succeeded. */
	if (flush->object)
		err = metadata_one(metadata, "SELECT count(*) FROM store_object WHERE id = ? AND state <> 1",
				   SQL_VALUES(sql_int(flush->object)), &done, 1, fault);
	if (err == 0 && done)
		return metadata_end(metadata, 0, fault);
	for (size_t i = 0; i < flush->extent_count && err >= 0; i++) {
		err = move_end(metadata, &flush->extents[i], flush->ends_before[i], fault);
		if (err == 1) {
			err = put_extent(metadata, &flush->extents[i], flush->object, fault);
			refs++;
		}
	}
	for (size_t i = 0; i < flush->snapshot_count && err >= 0; i++)
		err = put_snapshot(metadata, &flush->snapshots[i], fault);
	if (err >= 0 && flush->object)
		err = commit_object(metadata, flush->object, flush->size, refs, fault);
	if (err >= 0)
		err = metadata_exec(
			metadata, "UPDATE store_state SET trimmed_lsn = ? WHERE id = 1 AND trimmed_lsn <= ?",
			SQL_VALUES(sql_int((int64_t)flush->trimmed_lsn),
				   sql_int((int64_t)flush->trimmed_lsn)),
			NULL, fault);
	return metadata_end(metadata, err, fault);
}

/* Takes out the extents of one partition that lie within [base, end); *count is how many there were. */
static int take_extents(struct metadata *metadata, uint32_t partition, int64_t base, int64_t end,
			int64_t *count, struct fault *fault)
{
#define WITHIN "partition_id = ? AND base_offset >= ? AND end_offset <= ?"
	const struct sql_value values[] = { sql_int(partition), sql_int(base), sql_int(end),
					    sql_int(partition), sql_int(base), sql_int(end) };
	int err = metadata_exec(
		metadata,
		"UPDATE store_object SET refs = refs - (SELECT count(*) FROM store_extent WHERE object ="
		" store_object.id AND " WITHIN ") WHERE id IN (SELECT object FROM store_extent WHERE " WITHIN
		")",
		values, 6, NULL, fault);

	if (err == 0)
		err = metadata_exec(metadata, "DELETE FROM store_extent WHERE " WITHIN, values, 3, count,
				    fault);
	return err;
}

int metadata_log_start_move(struct metadata *metadata, uint32_t partition, int64_t log_start,
			    struct fault *fault)
{
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	err = metadata_exec(
		metadata, "UPDATE store_partition SET log_start = ? WHERE id = ? AND log_start < ?",
		SQL_VALUES(sql_int(log_start), sql_int(partition), sql_int(log_start)), NULL, fault);
	if (err == 0)
		err = take_extents(metadata, partition, 0, log_start, NULL, fault);
	if (err == 0)
		err = metadata_doom(metadata, fault);
	return metadata_end(metadata, err, fault);
}

int metadata_merge_commit(struct metadata *metadata, const struct metadata_merge *merge, struct fault *fault)
{
	int64_t taken = 0, done = 0;
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	/* An attempt before this one ended in doubt, and had succeeded. */
	if (merge->object)
		err = metadata_one(metadata, "SELECT count(*) FROM store_object WHERE id = ? AND state <> 1",
				   SQL_VALUES(sql_int(merge->object)), &done, 1, fault);
	if (err == 0 && done)
		return metadata_end(metadata, 0, fault);
	if (err == 0)
		err = take_extents(metadata, merge->partition, merge->base_offset, merge->end_offset, &taken,
				   fault);
	/* Of what is only removed, nothing may be there any more. */
	if (err == 0 && (size_t)taken != merge->replaced_count && (merge->object || taken))
		err = fault_set(fault, ERR_STALE,
				"the extents of partition %u changed while they were merged",
				merge->partition);
	for (size_t i = 0; i < merge->extent_count && err == 0; i++)
		err = put_extent(metadata, &merge->extents[i], merge->object, fault);
	if (err == 0 && merge->object)
		err = commit_object(metadata, merge->object, merge->size, (int64_t)merge->extent_count,
				    fault);
	if (err == 0)
		err = metadata_doom(metadata, fault);
	return metadata_end(metadata, err, fault);
}

/* 1: this very cut was made before, and its answer was lost. */
static int was_cut(struct metadata *metadata, const struct metadata_cut *cut, struct fault *fault)
{
	int64_t there = 0;
	int err = metadata_one(
		metadata,
		"SELECT count(*) FROM store_partition WHERE id = ? AND leader_epoch = ? AND "
		"committed_end = ?",
		SQL_VALUES(sql_int(cut->partition), sql_int(cut->leader_epoch), sql_int(cut->end_offset)),
		&there, 1, fault);

	if (err < 0)
		return err;
	return there ? 1
		     : fault_set(fault, ERR_STALE,
				 "partition %u is no mirror, has a later leader epoch, or is gone",
				 cut->partition);
}

static int change_extent(struct metadata *metadata, const struct metadata_extent *extent, struct fault *fault)
{
	int64_t affected = 0;
	int err = metadata_exec(
		metadata,
		"UPDATE store_extent SET end_offset = ?, size = ?, max_timestamp = ?, aborted = ? "
		"WHERE partition_id = ? AND base_offset = ? AND object = ?",
		SQL_VALUES(sql_int(extent->end_offset), sql_int((int64_t)extent->size),
			   sql_int(extent->max_timestamp),
			   sql_bytes(extent->aborted.at ? extent->aborted : VIEW_LITERAL("")),
			   sql_int(extent->partition), sql_int(extent->base_offset), sql_int(extent->object)),
		&affected, fault);

	if (err == 0 && affected != 1)
		err = fault_set(fault, ERR_STALE, "the extents of partition %u changed while it was cut",
				extent->partition);
	return err;
}

int metadata_truncate(struct metadata *metadata, const struct metadata_cut *cut, struct fault *fault)
{
	const struct metadata_epoch epoch = { cut->partition, cut->leader_epoch, cut->end_offset };
	int64_t affected = 0;
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	err = metadata_exec(
		metadata,
		"UPDATE store_partition SET leader_epoch = ?, committed_end = ?, log_start = CASE "
		"WHEN log_start > ? THEN ? ELSE log_start END WHERE id = ? AND leader_epoch < ? "
		"AND mirror = 1 AND committed_end >= ?",
		SQL_VALUES(sql_int(cut->leader_epoch), sql_int(cut->end_offset), sql_int(cut->end_offset),
			   sql_int(cut->end_offset), sql_int(cut->partition), sql_int(cut->leader_epoch),
			   sql_int(cut->end_offset)),
		&affected, fault);
	if (err == 0 && affected != 1)
		err = was_cut(metadata, cut, fault);
	if (err != 0)
		return metadata_end(metadata, err, fault);
	err = take_extents(metadata, cut->partition, cut->all ? 0 : cut->end_offset, INT64_MAX, NULL, fault);
	for (size_t i = 0; i < cut->extent_count && err == 0; i++)
		err = change_extent(metadata, &cut->extents[i], fault);
	if (err == 0)
		err = metadata_epoch_put(metadata, &epoch, fault);
	if (err == 0)
		err = put_snapshot(
			metadata,
			&(struct metadata_snapshot){ cut->partition, cut->end_offset, cut->snapshot }, fault);
	if (err == 0)
		err = metadata_doom(metadata, fault);
	return metadata_end(metadata, err, fault);
}

int metadata_fill_commit(struct metadata *metadata, const struct metadata_fill *fill, struct fault *fault)
{
	int64_t affected = 0, done = 0;
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	/* An attempt before this one ended in doubt, and had succeeded. */
	if (fill->object)
		err = metadata_one(metadata, "SELECT count(*) FROM store_object WHERE id = ? AND state <> 1",
				   SQL_VALUES(sql_int(fill->object)), &done, 1, fault);
	else
		err = metadata_one(
			metadata, "SELECT count(*) FROM store_partition WHERE id = ? AND log_start = ?",
			SQL_VALUES(sql_int(fill->partition), sql_int(fill->log_start)), &done, 1, fault);
	if (err == 0 && done)
		return metadata_end(metadata, 0, fault);
	if (err == 0)
		err = metadata_exec(
			metadata,
			"UPDATE store_partition SET log_start = ? WHERE id = ? AND log_start = ? AND mirror "
			"= 1",
			SQL_VALUES(sql_int(fill->log_start), sql_int(fill->partition), sql_int(fill->before)),
			&affected, fault);
	if (err == 0 && affected != 1)
		err = fault_set(fault, ERR_STALE,
				"partition %u is no mirror, does not begin at %lld, or is gone",
				fill->partition, (long long)fill->before);
	/* What was uploaded after it had been given up. */
	if (err == 0)
		err = take_extents(metadata, fill->partition, 0, fill->before, NULL, fault);
	if (err == 0)
		err = metadata_doom(metadata, fault);
	if (err == 0 && fill->object)
		err = put_extent(metadata, &fill->extent, fill->object, fault);
	if (err == 0 && fill->object)
		err = commit_object(metadata, fill->object, fill->size, 1, fault);
	if (err == 0)
		err = metadata_epochs_put(metadata, fill->partition, fill->epochs, fill->epoch_count, fault);
	return metadata_end(metadata, err, fault);
}

struct ids {
	int64_t *at;
	int count, room;
};

static int take_id(void *context, const struct sql_value *row, int count)
{
	struct ids *ids = context;

	if (!sql_row_is(row, count, "i"))
		return ERR_MALFORMED;
	if (ids->count < ids->room)
		ids->at[ids->count++] = row[0].number;
	return 0;
}

int metadata_objects_doomed(struct metadata *metadata, int64_t *out, int room, struct fault *fault)
{
	struct ids ids = { out, 0, room };
	int err = sql_query(metadata->sql,
			    "SELECT id FROM store_object WHERE state = 3 OR (state = 1 AND incarnation < ?) "
			    "ORDER BY id LIMIT ?",
			    SQL_VALUES(sql_int(metadata->incarnation), sql_int(room)), take_id, &ids, fault);

	return err < 0 ? err : ids.count;
}

int metadata_objects_forget(struct metadata *metadata, const int64_t *ids, int count, struct fault *fault)
{
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	for (int i = 0; i < count && err == 0; i++)
		err = metadata_exec(metadata, "DELETE FROM store_object WHERE id = ? AND state <> 2",
				    SQL_VALUES(sql_int(ids[i])), NULL, fault);
	return metadata_end(metadata, err, fault);
}
