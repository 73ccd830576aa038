/* metadata_change.c - topics, partitions, settings: the changes that people make. */
#include "store/metadata_inside.h"

static struct sql_value id_value(const uint8_t *id)
{
	return sql_bytes(view_of(id, TOPIC_ID_SIZE));
}

/* Null would be NULL; what is not there is empty. */
static struct sql_value bytes_value(struct view bytes)
{
	return sql_bytes(bytes.at ? bytes : VIEW_LITERAL(""));
}

static struct sql_value text_value(struct view text)
{
	return (struct sql_value){ SQL_TEXT, 0, text };
}

static int add_partitions(struct metadata *metadata, const uint8_t *topic, int32_t from, int32_t to,
			  uint32_t *first, struct fault *fault)
{
	int64_t next;
	int err = metadata_one(metadata, "SELECT next_partition FROM store_state WHERE id = 1", SQL_NO_VALUES,
			       &next, 1, fault);

	if (err == 0 && next + (to - from) > UINT32_MAX)
		err = fault_set(fault, ERR_LIMIT, "no partition ids are left");
	for (int32_t index = from; index < to && err == 0; index++) {
		err = metadata_exec(metadata, "INSERT INTO store_partition VALUES (?, ?, ?, 0, 0, 0, 0)",
				    SQL_VALUES(sql_int(next + index - from), id_value(topic), sql_int(index)),
				    NULL, fault);
		if (err == 0)
			err = metadata_exec(metadata, "INSERT INTO store_epoch VALUES (?, 0, 0)",
					    SQL_VALUES(sql_int(next + index - from)), NULL, fault);
	}
	if (err == 0)
		err = metadata_exec(metadata, "UPDATE store_state SET next_partition = ? WHERE id = 1",
				    SQL_VALUES(sql_int(next + to - from)), NULL, fault);
	if (err == 0)
		*first = (uint32_t)next;
	return err;
}

int metadata_topic_create(struct metadata *metadata, const struct metadata_topic *topic,
			  int32_t partition_count, uint32_t *first, struct fault *fault)
{
	uint32_t id = 0;
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	err = metadata_exec(
		metadata, "INSERT INTO store_topic VALUES (?, ?, ?)",
		SQL_VALUES(id_value(topic->id), text_value(topic->name), bytes_value(topic->config)), NULL,
		fault);
	if (err == 0)
		err = add_partitions(metadata, topic->id, 0, partition_count, &id, fault);
	err = metadata_end(metadata, err, fault);
	if (err == 0)
		*first = id;
	return err;
}

int metadata_partitions_add(struct metadata *metadata, const uint8_t *topic, int32_t from, int32_t to,
			    uint32_t *first, struct fault *fault)
{
	uint32_t id = 0;
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	err = metadata_end(metadata, add_partitions(metadata, topic, from, to, &id, fault), fault);
	if (err == 0)
		*first = id;
	return err;
}

int metadata_partitions_made(struct metadata *metadata, const uint8_t *topic, int32_t from, int32_t to,
			     uint32_t *first, struct fault *fault)
{
	int64_t found[2] = { 0 };
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	err = metadata_one(metadata,
			   "SELECT COUNT(*), COALESCE(MIN(id), 0) FROM store_partition WHERE topic = ? AND "
			   "idx >= ? AND idx < ?",
			   SQL_VALUES(id_value(topic), sql_int(from), sql_int(to)), found, 2, fault);
	err = metadata_end(metadata, err, fault);
	if (err < 0)
		return err;
	*first = (uint32_t)found[1];
	return found[0] == to - from;
}

int metadata_topic_configure(struct metadata *metadata, const uint8_t *topic, struct view config,
			     struct fault *fault)
{
	int64_t affected = 0;
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	err = metadata_exec(metadata, "UPDATE store_topic SET config = ? WHERE id = ?",
			    SQL_VALUES(bytes_value(config), id_value(topic)), &affected, fault);
	if (err == 0 && affected != 1)
		err = fault_set(fault, ERR_NOT_FOUND, "the topic is gone");
	return metadata_end(metadata, err, fault);
}

/* Objects lose the extents first, as long as they can still be counted. */
int metadata_topic_delete(struct metadata *metadata, const uint8_t *topic, struct fault *fault)
{
#define ITS_PARTITIONS "IN (SELECT id FROM store_partition WHERE topic = ?)"
	static const char *const texts[] = {
		"UPDATE store_object SET refs = refs - (SELECT count(*) FROM store_extent WHERE object = "
		"store_object.id"
		" AND partition_id " ITS_PARTITIONS
		") WHERE id IN (SELECT object FROM store_extent WHERE partition_id " ITS_PARTITIONS ")",
		"DELETE FROM store_extent WHERE partition_id " ITS_PARTITIONS,
		"DELETE FROM store_snapshot WHERE partition_id " ITS_PARTITIONS,
		"DELETE FROM store_epoch WHERE partition_id " ITS_PARTITIONS,
		"DELETE FROM store_partition WHERE topic = ?",
		"DELETE FROM store_topic WHERE id = ?",
	};
	const struct sql_value ids[] = { id_value(topic), id_value(topic) };
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	for (size_t i = 0; i < sizeof texts / sizeof *texts && err == 0; i++)
		err = metadata_exec(metadata, texts[i], ids, i == 0 ? 2 : 1, NULL, fault);
	if (err == 0)
		err = metadata_doom(metadata, fault);
	return metadata_end(metadata, err, fault);
}

static int put_setting(struct metadata *metadata, const struct metadata_setting *setting, struct fault *fault)
{
	int err =
		metadata_exec(metadata, "DELETE FROM store_setting WHERE kind = ? AND name = ?",
			      SQL_VALUES(text_value(setting->kind), text_value(setting->name)), NULL, fault);

	if (err == 0 && setting->value.at)
		err = metadata_exec(metadata, "INSERT INTO store_setting VALUES (?, ?, ?)",
				    SQL_VALUES(text_value(setting->kind), text_value(setting->name),
					       sql_bytes(setting->value)),
				    NULL, fault);
	return err;
}

int metadata_settings_put(struct metadata *metadata, const struct metadata_setting *all, int64_t count,
			  struct fault *fault)
{
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	for (int64_t i = 0; i < count && err == 0; i++)
		err = put_setting(metadata, &all[i], fault);
	return metadata_end(metadata, err, fault);
}

int metadata_producer_ids_take(struct metadata *metadata, int64_t count, int64_t *first, struct fault *fault)
{
	int64_t next = 0;
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	err = metadata_one(metadata, "SELECT next_producer FROM store_state WHERE id = 1", SQL_NO_VALUES,
			   &next, 1, fault);
	if (err == 0 && next > INT64_MAX - count)
		err = fault_set(fault, ERR_LIMIT, "no producer ids are left");
	if (err == 0)
		err = metadata_exec(metadata,
				    "UPDATE store_state SET next_producer = next_producer + ? WHERE id = 1",
				    SQL_VALUES(sql_int(count)), NULL, fault);
	err = metadata_end(metadata, err, fault);
	if (err == 0)
		*first = next;
	return err;
}

/* Epochs that never got a record end where this one begins: they say nothing. */
int metadata_epoch_put(struct metadata *metadata, const struct metadata_epoch *epoch, struct fault *fault)
{
	int err = metadata_exec(
		metadata, "DELETE FROM store_epoch WHERE partition_id = ? AND start_offset >= ?",
		SQL_VALUES(sql_int(epoch->partition), sql_int(epoch->start_offset)), NULL, fault);

	if (err == 0)
		err = metadata_exec(metadata, "INSERT INTO store_epoch VALUES (?, ?, ?)",
				    SQL_VALUES(sql_int(epoch->partition), sql_int(epoch->epoch),
					       sql_int(epoch->start_offset)),
				    NULL, fault);
	return err;
}

int metadata_epochs_put(struct metadata *metadata, uint32_t partition, const struct epoch_start *epochs,
			size_t count, struct fault *fault)
{
	int err = metadata_exec(metadata, "DELETE FROM store_epoch WHERE partition_id = ?",
				SQL_VALUES(sql_int(partition)), NULL, fault);

	for (size_t i = 0; i < count && err == 0; i++)
		err = metadata_exec(metadata, "INSERT INTO store_epoch VALUES (?, ?, ?)",
				    SQL_VALUES(sql_int(partition), sql_int(epochs[i].epoch),
					       sql_int(epochs[i].start_offset)),
				    NULL, fault);
	return err;
}

/* `is` holds what an attempt before this one has left, if it ended in doubt and had succeeded: 1 then, else 0. */
static int was_done(struct metadata *metadata, const char *is, const struct sql_value *values, int count,
		    struct fault *fault)
{
	int64_t there = 0;
	int err = metadata_one(metadata, is, values, count, &there, 1, fault);

	return err < 0 ? err : there > 0;
}

int metadata_mirror_begin(struct metadata *metadata, const struct metadata_epoch *epoch, struct fault *fault)
{
	const struct epoch_start first = { epoch->epoch, epoch->start_offset };
	int64_t affected = 0;
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	err = metadata_exec(metadata,
			    "UPDATE store_partition SET leader_epoch = ?, mirror = 1, log_start = ?, "
			    "committed_end = ? WHERE id = ? AND leader_epoch <= ? AND committed_end = 0",
			    SQL_VALUES(sql_int(epoch->epoch), sql_int(epoch->start_offset),
				       sql_int(epoch->start_offset), sql_int(epoch->partition),
				       sql_int(epoch->epoch)),
			    &affected, fault);
	if (err == 0 && affected != 1) {
		err = was_done(metadata,
			       "SELECT COUNT(*) FROM store_partition WHERE id = ? AND leader_epoch = ? AND "
			       "mirror = 1 AND log_start = ? AND committed_end = ?",
			       SQL_VALUES(sql_int(epoch->partition), sql_int(epoch->epoch),
					  sql_int(epoch->start_offset), sql_int(epoch->start_offset)),
			       fault);
		if (err == 1)
			return metadata_end(metadata, 0, fault);
		if (err == 0)
			err = fault_set(
				fault, ERR_STALE,
				"the partition has held records, has a later leader epoch, or is gone");
	}
	/* One that was cut back to nothing has noted its producers as of there. */
	if (err == 0)
		err = metadata_exec(metadata, "DELETE FROM store_snapshot WHERE partition_id = ?",
				    SQL_VALUES(sql_int(epoch->partition)), NULL, fault);
	if (err == 0)
		err = metadata_epochs_put(metadata, epoch->partition, &first, 1, fault);
	return metadata_end(metadata, err, fault);
}

int metadata_epoch_begin(struct metadata *metadata, const struct metadata_epoch *epoch, bool mirror,
			 struct fault *fault)
{
	int64_t affected = 0;
	int err = metadata_begin(metadata, fault);

	if (err < 0)
		return err;
	err = metadata_exec(
		metadata,
		"UPDATE store_partition SET leader_epoch = ?, mirror = ? WHERE id = ? AND leader_epoch < ?",
		SQL_VALUES(sql_int(epoch->epoch), sql_int(mirror), sql_int(epoch->partition),
			   sql_int(epoch->epoch)),
		&affected, fault);
	if (err == 0 && affected != 1) {
		err = was_done(metadata,
			       "SELECT COUNT(*) FROM store_partition WHERE id = ? AND leader_epoch = ? AND "
			       "mirror = ?",
			       SQL_VALUES(sql_int(epoch->partition), sql_int(epoch->epoch), sql_int(mirror)),
			       fault);
		if (err == 1)
			return metadata_end(metadata, 0, fault);
		if (err == 0)
			err = fault_set(fault, ERR_STALE,
					"the partition has a later leader epoch, or is gone");
	}
	if (err == 0)
		err = metadata_epoch_put(metadata, epoch, fault);
	return metadata_end(metadata, err, fault);
}
