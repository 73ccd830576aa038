/* discover.c - one question after the other; each may fail alone. */
#include <stdlib.h>

#include "exit/discover.h"

/* Partitions whose producers are asked for, at most. */
#define PRODUCER_PARTITIONS_MAX 2000

static void answered(const struct discovering *d, struct facts_answer *answer, int err,
		     const struct fault *fault)
{
	*answer = (struct facts_answer){ err < 0 ? err : 0, NULL };
	if (err < 0)
		answer->text = arena_text(d->arena, fault->text[0] ? fault->text : err_text(err));
}

static bool is_wanted(const struct discovering *d, const struct topic_info *topic)
{
	if (topic->error)
		return false;
	return d->wanted ? d->wanted(d->context, topic->name) : !facts_topic_is_internal(topic);
}

/* The configs of wanted topics, in an array as long as the topics are; the others say that nobody asked. */
static int ask_configs(const struct discovering *d, struct facts_side *side)
{
	int total = side->metadata.topic_count, count = 0, at = 0, err;
	const char **names = arena_array(d->arena, (size_t)total + 1, sizeof *names);
	struct config_list *all = arena_array(d->arena, (size_t)total + 1, sizeof *all), *some = NULL;
	struct fault fault = { 0 };

	if (!names || !all)
		return ERR_MEMORY;
	for (int i = 0; i < total; i++) {
		all[i].err = ERR_NOT_FOUND;
		if (is_wanted(d, &side->metadata.topics[i]))
			names[count++] = side->metadata.topics[i].name;
	}
	err = count ? configs_describe(d->cluster, CONFIG_RESOURCE_TOPIC, names, count, d->timeout_ms,
				       d->arena, &some, &fault)
		    : 0;
	answered(d, &side->configs_answer, err, &fault);
	for (int i = 0; err >= 0 && at < count && i < total; i++)
		if (is_wanted(d, &side->metadata.topics[i]))
			all[i] = some[at++];
	side->configs = all;
	return err == ERR_MEMORY || err == ERR_CANCELLED ? err : 0;
}

static int ask_broker_configs(const struct discovering *d, struct facts_side *side)
{
	int count = side->detail.broker_count, err;
	const char **names = arena_array(d->arena, (size_t)count + 1, sizeof *names);
	struct fault fault = { 0 };

	if (!names)
		return ERR_MEMORY;
	for (int i = 0; i < count; i++)
		if (!(names[i] = arena_printf(d->arena, "%d", side->detail.brokers[i].info.id)))
			return ERR_MEMORY;
	err = count ? configs_describe(d->cluster, CONFIG_RESOURCE_BROKER, names, count, d->timeout_ms,
				       d->arena, &side->broker_configs, &fault)
		    : ERR_NOT_FOUND;
	answered(d, &side->broker_configs_answer, err, &fault);
	return err == ERR_MEMORY || err == ERR_CANCELLED ? err : 0;
}

static int ask_groups(const struct discovering *d, struct facts_side *side)
{
	struct fault fault = { 0 };
	const char **ids;
	int err = groups_list(d->cluster, d->timeout_ms, d->arena, &side->groups, &fault);

	if (err >= 0 && side->groups.failed_count) {
		err = side->groups.failed.err ? side->groups.failed.err : ERR_NETWORK;
		fault = side->groups.failed;
	}
	answered(d, &side->groups_answer, err, &fault);
	if (err == ERR_MEMORY || err == ERR_CANCELLED)
		return err;
	if (!side->groups.count)
		return 0;
	ids = arena_array(d->arena, (size_t)side->groups.count, sizeof *ids);
	if (!ids)
		return ERR_MEMORY;
	for (int i = 0; i < side->groups.count; i++)
		ids[i] = side->groups.at[i].id;
	fault = (struct fault){ 0 };
	err = groups_describe(d->cluster, ids, side->groups.count, d->timeout_ms, d->arena,
			      &side->group_details, &fault);
	if (err >= 0)
		err = groups_positions(d->cluster, ids, side->groups.count, false, d->timeout_ms, d->arena,
				       &side->group_positions, &fault);
	answered(d, &side->group_details_answer, err, &fault);
	return err == ERR_MEMORY || err == ERR_CANCELLED ? err : 0;
}

static int ask_access(const struct discovering *d, struct facts_side *side)
{
	struct fault fault = { 0 };
	int err = acls_list(d->cluster, d->timeout_ms, d->arena, &side->acls, &fault);

	answered(d, &side->acls_answer, err, &fault);
	if (err == ERR_MEMORY || err == ERR_CANCELLED)
		return err;
	fault = (struct fault){ 0 };
	err = quotas_list(d->cluster, d->timeout_ms, d->arena, &side->quotas, &fault);
	answered(d, &side->quotas_answer, err, &fault);
	if (err == ERR_MEMORY || err == ERR_CANCELLED)
		return err;
	fault = (struct fault){ 0 };
	err = scram_users_list(d->cluster, d->timeout_ms, d->arena, &side->scram_users, &fault);
	/* A cluster that has no such request has no such users that could be told. */
	answered(d, &side->scram_answer, err == ERR_UNSUPPORTED ? 0 : err, &fault);
	return err == ERR_MEMORY || err == ERR_CANCELLED ? err : 0;
}

static int ask_producers(const struct discovering *d, struct facts_side *side)
{
	struct group_partition *partitions =
		arena_array(d->arena, PRODUCER_PARTITIONS_MAX, sizeof *partitions);
	struct fault fault = { 0 };
	int count = 0, err;

	if (!partitions)
		return ERR_MEMORY;
	for (int i = 0; i < side->metadata.topic_count; i++) {
		const struct topic_info *topic = &side->metadata.topics[i];

		for (int p = 0;
		     is_wanted(d, topic) && p < topic->partition_count && count < PRODUCER_PARTITIONS_MAX;
		     p++)
			partitions[count++] =
				(struct group_partition){ topic->name, topic->partitions[p].index };
	}
	err = count ? producers_list(d->cluster, partitions, count, d->timeout_ms, d->arena, &side->producers,
				     &fault)
		    : 0;
	answered(d, &side->producers_answer, err, &fault);
	return err == ERR_MEMORY || err == ERR_CANCELLED ? err : 0;
}

int discover_side(const struct discovering *d, struct facts_side *out, struct fault *fault)
{
	struct facts_side side = { .address = d->address };
	struct fault detail = { 0 };
	int err = metadata_snapshot(d->cluster, NULL, -1, d->timeout_ms, d->arena, &side.metadata, fault);

	if (err < 0)
		return err;
	err = cluster_describe(d->cluster, d->timeout_ms, d->arena, &side.detail, &detail);
	answered(d, &side.detail_answer, err, &detail);
	if (err != ERR_MEMORY && err != ERR_CANCELLED)
		err = ask_configs(d, &side);
	err = err < 0 ? err : ask_broker_configs(d, &side);
	err = err < 0 ? err : ask_groups(d, &side);
	err = err < 0 ? err : ask_access(d, &side);
	err = err < 0 ? err : ask_producers(d, &side);
	if (err < 0)
		return fault_set(fault, err, "%s: %s", cluster_name(d->cluster), err_text(err));
	*out = side;
	return 0;
}
