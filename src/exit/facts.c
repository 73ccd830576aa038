/* facts.c - finding things in what was discovered. */
#include "exit/facts.h"

bool facts_topic_is_internal(const struct topic_info *topic)
{
	size_t size = strlen(topic->name), end = strlen(".internal");

	/* Two leading underscores mark what tools keep for themselves: positions, our own checkpoints. */
	if (topic->internal || strncmp(topic->name, "__", 2) == 0 || strcmp(topic->name, "_schemas") == 0)
		return true;
	/* MirrorMaker 2: mm2-offset-syncs.target.internal, source.checkpoints.internal */
	return size > end && strcmp(topic->name + size - end, ".internal") == 0;
}

const struct topic_info *facts_topic(const struct facts_side *side, struct view name)
{
	int low = 0, high = side->metadata.topic_count;

	while (low < high) {
		int middle = low + (high - low) / 2;
		int order = view_compare(view_text(side->metadata.topics[middle].name), name);

		if (order == 0)
			return &side->metadata.topics[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct config_list *facts_topic_configs(const struct facts_side *side, struct view name)
{
	const struct topic_info *topic = facts_topic(side, name);
	const struct config_list *configs;

	if (!topic || !side->configs)
		return NULL;
	configs = &side->configs[topic - side->metadata.topics];
	return configs->err ? NULL : configs;
}

const struct config_entry *facts_config(const struct config_list *configs, const char *name)
{
	for (int i = 0; i < configs->count; i++)
		if (strcmp(configs->entries[i].name, name) == 0)
			return &configs->entries[i];
	return NULL;
}

int facts_group(const struct facts_side *side, struct view id)
{
	for (int i = 0; i < side->groups.count; i++)
		if (view_is(id, side->groups.at[i].id))
			return i;
	return -1;
}

static bool member_reads(const struct group_member *member, const char *topic)
{
	for (int i = 0; i < member->topic_count; i++)
		if (strcmp(member->topics[i], topic) == 0)
			return true;
	for (int i = 0; i < member->assigned_count; i++)
		if (strcmp(member->assigned[i].topic, topic) == 0)
			return true;
	return false;
}

bool facts_group_reads(const struct facts_side *side, int group, const char *topic)
{
	const struct group_positions *positions =
		side->group_positions ? &side->group_positions[group] : NULL;
	const struct group_detail *detail = side->group_details ? &side->group_details[group] : NULL;

	for (int i = 0; positions && i < positions->count; i++)
		if (positions->at[i].offset >= 0 && strcmp(positions->at[i].topic, topic) == 0)
			return true;
	for (int i = 0; detail && i < detail->member_count; i++)
		if (member_reads(&detail->members[i], topic))
			return true;
	return false;
}

/* ---- the fingerprint ---- */

static void put(struct buffer *out, const char *text)
{
	buffer_i32(out, text ? (int32_t)strlen(text) : -1);
	buffer_text(out, text ? text : "");
}

static void put_topics(struct buffer *out, const struct facts_side *side)
{
	for (int i = 0; i < side->metadata.topic_count; i++) {
		const struct topic_info *topic = &side->metadata.topics[i];
		const struct config_list *configs = side->configs ? &side->configs[i] : NULL;

		if (facts_topic_is_internal(topic))
			continue;
		put(out, topic->name);
		buffer_put(out, &topic->id, sizeof topic->id);
		buffer_i32(out, topic->partition_count);
		for (int j = 0; configs && j < configs->count; j++) {
			put(out, configs->entries[j].name);
			put(out, configs->entries[j].value);
		}
	}
}

static void put_access(struct buffer *out, const struct facts_side *side)
{
	for (int i = 0; i < side->acls.count; i++) {
		const struct acl *acl = &side->acls.at[i];

		buffer_printf(out, "%d %d %d %d", acl->resource_type, acl->pattern_type, acl->operation,
			      acl->permission);
		put(out, acl->resource);
		put(out, acl->principal);
		put(out, acl->host);
	}
	for (int i = 0; i < side->quotas.count; i++) {
		const struct quota *quota = &side->quotas.at[i];

		for (int j = 0; j < quota->entity_count; j++) {
			put(out, quota->entities[j].type);
			put(out, quota->entities[j].name);
		}
		put(out, quota->key);
		buffer_printf(out, "%.17g", quota->value);
	}
	for (int i = 0; i < side->scram_users.count; i++) {
		put(out, side->scram_users.at[i].name);
		buffer_i32(out, side->scram_users.at[i].mechanism);
	}
}

static void put_brokers(struct buffer *out, const struct facts_side *side)
{
	put(out, side->metadata.cluster_id);
	for (int i = 0; i < side->detail.broker_count; i++) {
		const struct broker_detail *broker = &side->detail.brokers[i];

		buffer_i32(out, broker->info.id);
		for (int j = 0; j < broker->api_count; j++)
			buffer_printf(out, "%d %d %d ", broker->apis[j].key, broker->apis[j].since,
				      broker->apis[j].until);
	}
	for (int i = 0; i < side->detail.feature_count; i++) {
		put(out, side->detail.features[i].name);
		buffer_i16(out, side->detail.features[i].finalized);
	}
}

struct sha256 facts_hash(const struct facts *facts)
{
	struct sha256 hash;
	struct buffer bytes;

	buffer_init(&bytes, 256 * 1024 * 1024);
	for (int i = 0; i < SIDE_COUNT; i++) {
		put_brokers(&bytes, &facts->sides[i]);
		put_topics(&bytes, &facts->sides[i]);
		put_access(&bytes, &facts->sides[i]);
	}
	hash = sha256_of(buffer_bytes(&bytes));
	buffer_done(&bytes);
	return hash;
}
