/* facts_make.h - two small clusters in memory: a shop's, before and after. */
#ifndef TEST_EXIT_FACTS_MAKE_H
#define TEST_EXIT_FACTS_MAKE_H

#include "exit/facts.h"

struct facts_made {
	struct facts facts;
	struct topic_info topics[2][16];
	struct config_list configs[2][16];
	struct config_entry entries[2][16][8];
	struct group_listing groups[8];
	struct group_detail details[8];
	struct group_positions positions[8];
	struct group_position places[8][4];
	struct acl acls[2][16];
};

static inline void made_topic(struct facts_made *made, enum side side, const char *name, int32_t partitions)
{
	struct metadata_snapshot *metadata = &made->facts.sides[side].metadata;
	int at = metadata->topic_count++;

	/* In order of name, as a snapshot has them. */
	for (; at > 0 && strcmp(made->topics[side][at - 1].name, name) > 0; at--) {
		made->topics[side][at] = made->topics[side][at - 1];
		made->configs[side][at] = made->configs[side][at - 1];
	}
	made->topics[side][at] = (struct topic_info){ .name = name, .partition_count = partitions };
	made->configs[side][at] = (struct config_list){ .resource = name };
	metadata->topics = made->topics[side];
	made->facts.sides[side].configs = made->configs[side];
}

/* On both sides. */
static inline void made_topics(struct facts_made *made, const char *name, int32_t partitions)
{
	made_topic(made, SIDE_SOURCE, name, partitions);
	made_topic(made, SIDE_TARGET, name, partitions);
}

static inline void made_config(struct facts_made *made, enum side side, const char *topic, const char *name,
			       const char *value)
{
	struct facts_side *at = &made->facts.sides[side];
	int index = (int)(facts_topic(at, view_text(topic)) - at->metadata.topics);
	struct config_list *configs = &made->configs[side][index];

	if (!configs->entries)
		configs->entries = made->entries[side][index];
	configs->entries[configs->count++] =
		(struct config_entry){ name, value, CONFIG_SOURCE_TOPIC, false, false };
}

/* A group of the source that has positions in up to four topics. */
static inline void made_group(struct facts_made *made, const char *id, const char *a, const char *b)
{
	struct facts_side *source = &made->facts.sides[SIDE_SOURCE];
	int at = source->groups.count++;
	const char *topics[] = { a, b };

	made->groups[at] = (struct group_listing){ .id = id, .protocol_type = "consumer", .type = "classic" };
	made->details[at] = (struct group_detail){ .id = id, .state = "Stable", .type = "classic" };
	made->positions[at] = (struct group_positions){ .id = id, .at = made->places[at] };
	for (int i = 0; i < 2 && topics[i]; i++)
		made->places[at][made->positions[at].count++] =
			(struct group_position){ .topic = topics[i], .offset = 5 };
	source->groups.at = made->groups;
	source->group_details = made->details;
	source->group_positions = made->positions;
}

static inline void made_acl(struct facts_made *made, enum side side, const char *principal, int permission,
			    int operation, int pattern, const char *topic)
{
	struct acl_list *acls = &made->facts.sides[side].acls;

	acls->at = made->acls[side];
	acls->at[acls->count++] =
		(struct acl){ ACL_RESOURCE_TOPIC, pattern, operation, permission, topic, principal, "*" };
}

#endif
