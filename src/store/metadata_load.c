/* metadata_load.c - everything read back, table by table. */
#include "store/metadata_inside.h"

struct load {
	const struct metadata_sink *sink;
	void *context;
};

static bool topic_id_of(const struct sql_value *value, uint8_t *out)
{
	if (value->bytes.size != TOPIC_ID_SIZE)
		return false;
	memcpy(out, value->bytes.at, TOPIC_ID_SIZE);
	return true;
}

static int topic_row(void *context, const struct sql_value *row, int count)
{
	struct load *load = context;
	struct metadata_topic topic = { .name = row[1].bytes, .config = row[2].bytes };

	if (!sql_row_is(row, count, "btb") || !topic_id_of(&row[0], topic.id))
		return ERR_MALFORMED;
	return load->sink->topic(load->context, &topic);
}

static int partition_row(void *context, const struct sql_value *row, int count)
{
	struct load *load = context;
	struct metadata_partition partition;

	if (!sql_row_is(row, count, "ibiiiii") || !topic_id_of(&row[1], partition.topic))
		return ERR_MALFORMED;
	partition.id = (uint32_t)row[0].number;
	partition.index = (int32_t)row[2].number;
	partition.leader_epoch = (int32_t)row[3].number;
	partition.log_start = row[4].number;
	partition.committed_end = row[5].number;
	partition.mirror = row[6].number;
	return load->sink->partition(load->context, &partition);
}

static int epoch_row(void *context, const struct sql_value *row, int count)
{
	struct load *load = context;

	if (!sql_row_is(row, count, "iii"))
		return ERR_MALFORMED;
	return load->sink->epoch(
		load->context,
		&(struct metadata_epoch){ (uint32_t)row[0].number, (int32_t)row[1].number, row[2].number });
}

static int extent_row(void *context, const struct sql_value *row, int count)
{
	struct load *load = context;

	if (!sql_row_is(row, count, "iiiiiiiib"))
		return ERR_MALFORMED;
	return load->sink->extent(load->context, &(struct metadata_extent){
							 .partition = (uint32_t)row[0].number,
							 .base_offset = row[1].number,
							 .end_offset = row[2].number,
							 .object = row[3].number,
							 .position = (uint64_t)row[4].number,
							 .size = (uint64_t)row[5].number,
							 .first_timestamp = row[6].number,
							 .max_timestamp = row[7].number,
							 .aborted = row[8].bytes,
						 });
}

static int snapshot_row(void *context, const struct sql_value *row, int count)
{
	struct load *load = context;

	if (!sql_row_is(row, count, "iib"))
		return ERR_MALFORMED;
	return load->sink->snapshot(
		load->context,
		&(struct metadata_snapshot){ (uint32_t)row[0].number, row[1].number, row[2].bytes });
}

static int setting_row(void *context, const struct sql_value *row, int count)
{
	struct load *load = context;

	if (!sql_row_is(row, count, "ttb"))
		return ERR_MALFORMED;
	return load->sink->setting(load->context,
				   &(struct metadata_setting){ row[0].bytes, row[1].bytes, row[2].bytes });
}

int metadata_load(struct metadata *metadata, const struct metadata_sink *sink, void *context,
		  struct fault *fault)
{
	static const struct {
		const char *text;
		sql_row *each;
	} tables[] = {
		{ "SELECT id, name, config FROM store_topic ORDER BY name", topic_row },
		{ "SELECT id, topic, idx, leader_epoch, log_start, committed_end, mirror FROM "
		  "store_partition ORDER BY topic, idx",
		  partition_row },
		{ "SELECT partition_id, epoch, start_offset FROM store_epoch ORDER BY partition_id, epoch",
		  epoch_row },
		{ "SELECT partition_id, base_offset, end_offset, object, pos, size, first_timestamp, "
		  "max_timestamp, aborted"
		  " FROM store_extent ORDER BY partition_id, base_offset",
		  extent_row },
		{ "SELECT partition_id, end_offset, content FROM store_snapshot ORDER BY partition_id",
		  snapshot_row },
		{ "SELECT kind, name, value FROM store_setting ORDER BY kind, name", setting_row },
	};
	struct load load = { sink, context };

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		struct fault inside = { 0 };
		int err = sql_query(metadata->sql, tables[i].text, SQL_NO_VALUES, tables[i].each, &load,
				    &inside);

		if (err == 0)
			continue;
		if (!inside.err)
			return fault_set(fault, err, "%s: holds what no store writes (%s)",
					 sql_name(metadata->sql), err_text(err));
		if (fault)
			*fault = inside;
		return err;
	}
	return 0;
}
