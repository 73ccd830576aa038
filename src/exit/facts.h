/*
 * facts.h - what both clusters looked like at one moment: the answers of their brokers, as they gave them.
 *
 * Plain data.  What could not be read says so and why; it is never an empty list instead.
 */
#ifndef EXIT_FACTS_H
#define EXIT_FACTS_H

#include "client/admin_access.h"
#include "client/admin_cluster.h"
#include "client/admin_groups.h"
#include "client/admin_topics.h"
#include "client/admin_transactions.h"
#include "client/metadata.h"
#include "exit/evidence.h"

/* How one question to a cluster went.  `err` 0: answered. */
struct facts_answer {
	int err;
	const char *text; /* why not, for people; NULL when it was */
};

struct facts_side {
	const char *address;               /* the bootstrap addresses */
	struct metadata_snapshot metadata; /* all topics, in order of name */
	struct cluster_detail detail;
	struct facts_answer detail_answer;
	struct config_list *configs; /* one for each topic of `metadata`, in its order; NULL when not read */
	struct facts_answer configs_answer;
	struct config_list *broker_configs; /* one for each broker of `detail` */
	struct facts_answer broker_configs_answer;
	struct group_list groups; /* in order of id */
	struct facts_answer groups_answer;
	struct group_detail *group_details; /* one for each group, in its order; NULL when not read */
	struct group_positions *group_positions;
	struct facts_answer group_details_answer;
	struct acl_list acls;
	struct facts_answer acls_answer;
	struct quota_list quotas;
	struct facts_answer quotas_answer;
	struct scram_user_list scram_users;
	struct facts_answer scram_answer;
	struct active_producer_list producers; /* of the topics that were asked about */
	struct facts_answer producers_answer;
};

struct facts {
	struct facts_side sides[SIDE_COUNT];
	struct moment began, ended;
};

/* True for topics that belong to Kafka, to its tools or to Interlock itself, and never to a family. */
bool facts_topic_is_internal(const struct topic_info *topic);

const struct topic_info *facts_topic(const struct facts_side *side, struct view name);

/* The effective config of a topic; NULL when it could not be read. */
const struct config_list *facts_topic_configs(const struct facts_side *side, struct view name);

/* NULL when the list has no such config. */
const struct config_entry *facts_config(const struct config_list *configs, const char *name);

/* The group's place in `groups`, or -1. */
int facts_group(const struct facts_side *side, struct view id);

/* True when the group has a committed position in the topic, or a member that subscribes to it. */
bool facts_group_reads(const struct facts_side *side, int group, const char *topic);

/* The fingerprint of everything in it that a verdict rests on; not of positions, members' addresses or time. */
struct sha256 facts_hash(const struct facts *facts);

#endif
