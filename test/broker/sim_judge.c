/* sim_judge.c - what clients were told and what readers found, held against each other. */
#include "sim.h"

int64_t world_start(const struct world *world, int32_t partition)
{
	struct store_partition_state state;

	store_partition_state(
		store_topic_named(world->broker->store, VIEW_LITERAL("orders"))->partitions[partition],
		&state);
	return state.log_start;
}

uint32_t deed_new(struct world *world)
{
	assert(world->deed_count < WORLD_VALUES_MAX);
	world->deeds[world->deed_count] = (struct deed){ .fate = FATE_OPEN };
	return world->deed_count++;
}

uint32_t value_new(struct world *world, uint32_t deed, int32_t partition, int32_t writer)
{
	assert(world->value_count < WORLD_VALUES_MAX);
	world->values[world->value_count] = (struct value){ deed, partition, writer, -1, false };
	return world->value_count++;
}

/* One offset, one value; one value, one offset. */
static int place(struct world *world, uint32_t number, int64_t offset)
{
	struct value *value = &world->values[number];
	uint32_t *at;

	if (offset < 0 || offset >= WORLD_OFFSETS_MAX)
		return world_broken(world, "value %u at offset %lld", number, (long long)offset);
	at = &world->at[value->partition][offset];
	if (*at && *at != number)
		return world_broken(world, "offset %lld of %d holds %u and held %u", (long long)offset,
				    value->partition, number, *at);
	if (value->offset >= 0 && value->offset != offset)
		return world_broken(world, "value %u at %lld and at %lld of %d", number, (long long)offset,
				    (long long)value->offset, value->partition);
	*at = number;
	value->offset = offset;
	return 0;
}

int value_acknowledged(struct world *world, uint32_t number, int64_t offset)
{
	world_totals.acknowledged++;
	return place(world, number, offset);
}

int value_seen(struct world *world, uint32_t number, int32_t partition, int64_t offset)
{
	if (number == 0 || number >= world->value_count)
		return world_broken(world, "a value that nobody sent: %u", number);
	if (world->values[number].partition != partition)
		return world_broken(world, "value %u of %d in %d", number, world->values[number].partition,
				    partition);
	if (world->deeds[world->values[number].deed].fate == FATE_GONE)
		return world_broken(world, "value %u was aborted, and read", number);
	world->values[number].found = true;
	world_totals.read++;
	return place(world, number, offset);
}

int position_seen(struct client *client, int64_t position)
{
	if (position < client->position_kept || position > client->position_sent)
		return world_broken(client->world, "group %d stands at %lld: kept %lld, sent %lld",
				    client->number, (long long)position, (long long)client->position_kept,
				    (long long)client->position_sent);
	if (client->position_gone[position])
		return world_broken(client->world, "group %d stands at %lld, which was aborted",
				    client->number, (long long)position);
	client->position_kept = position > 0 ? position : client->position_kept;
	world_totals.positions++;
	return 0;
}

/* May it be missing?  Deleted or old is what is below the start of its log; superseded what has a later one of its key. */
static bool may_be_gone(const struct world *world, uint32_t number)
{
	const struct value *value = &world->values[number];

	if (value->offset < 0)
		return false;
	if (value->offset < world_start(world, value->partition) || world->refused[value->partition])
		return true;
	for (int64_t offset = value->offset + 1; world->compacts && offset < WORLD_OFFSETS_MAX; offset++) {
		uint32_t other = world->at[value->partition][offset];

		if (other && world->values[other].found && value_key(other) == value_key(number))
			return true;
	}
	return false;
}

static int judge_start(struct world *world, int32_t partition)
{
	int64_t start = world_start(world, partition);

	if (start < world->start_kept[partition])
		return world_broken(world, "%d begins at %lld, and was cut at %lld", partition,
				    (long long)start, (long long)world->start_kept[partition]);
	if (!world->retains && start > world->start_asked[partition])
		return world_broken(world, "%d begins at %lld, and nobody asked for more than %lld",
				    partition, (long long)start, (long long)world->start_asked[partition]);
	return 0;
}

/* After a reading from the beginning to the end: `found` tells what is there. */
int world_judge(struct world *world)
{
	uint32_t last[CLIENTS][WORLD_PARTITIONS] = { 0 };

	for (int32_t partition = 0; partition < WORLD_PARTITIONS; partition++)
		if (judge_start(world, partition) < 0)
			return -1;
	for (uint32_t number = 1; number < world->value_count; number++) {
		struct value *value = &world->values[number];
		struct deed *deed = &world->deeds[value->deed];
		bool gone = !value->found && may_be_gone(world, number);

		world_totals.superseded += gone && value->offset >= world_start(world, value->partition);
		world_totals.cut += gone && value->offset < world_start(world, value->partition);

		deed->seen = deed->seen || value->found;
		deed->missing = deed->missing || (!value->found && !gone);
		if (deed->fate == FATE_KEPT && !value->found && !gone)
			return world_broken(world, "value %u was acknowledged and is not there", number);
		if (deed->fate == FATE_GONE && value->found)
			return world_broken(world, "value %u was aborted and is there", number);
		if (deed->seen && deed->missing)
			return world_broken(world, "transaction %u is torn at value %u", value->deed, number);
	}
	for (int32_t partition = 0; partition < WORLD_PARTITIONS; partition++)
		for (int64_t offset = 0; offset < WORLD_OFFSETS_MAX; offset++) {
			uint32_t number = world->at[partition][offset], *before;

			if (!number || !world->values[number].found)
				continue;
			before = &last[world->values[number].writer][partition];
			if (number < *before)
				return world_broken(world, "value %u stands behind %u of its writer", number,
						    *before);
			*before = number;
		}
	return 0;
}
