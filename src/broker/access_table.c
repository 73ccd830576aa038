/* access_table.c - what each API asks, when whoever asks may nothing. */
#include <stddef.h>

#include "broker/access_table.h"
#include "wire/acl.h"
#include "wire/messages.h"

#define ASK(operation, type)                                                                                 \
	{                                                                                                    \
		ACL_OPERATION_##operation, ACL_RESOURCE_##type                                               \
	}

/* clang-format off */
const struct access_line access_lines[] = {
	{ API_PRODUCE,                   { ASK(WRITE, TOPIC) } },
	{ API_FETCH,                     { ASK(READ, TOPIC) } },
	{ API_LIST_OFFSETS,              { ASK(DESCRIBE, TOPIC) } },
	{ API_METADATA,                  { ASK(DESCRIBE, TOPIC) } },
	{ API_OFFSET_COMMIT,             { ASK(READ, GROUP) } },
	{ API_OFFSET_FETCH,              { ASK(DESCRIBE, GROUP) } },
	{ API_FIND_COORDINATOR,          { ASK(DESCRIBE, GROUP) } },
	{ API_JOIN_GROUP,                { ASK(READ, GROUP) } },
	{ API_HEARTBEAT,                 { ASK(READ, GROUP) } },
	{ API_LEAVE_GROUP,               { ASK(READ, GROUP) } },
	{ API_SYNC_GROUP,                { ASK(READ, GROUP) } },
	{ API_DESCRIBE_GROUPS,           { ASK(DESCRIBE, GROUP) } },
	{ API_LIST_GROUPS,               { ASK(DESCRIBE, CLUSTER) } },
	{ API_SASL_HANDSHAKE,            { { 0, 0 } }, "it is how somebody says who he is" },
	{ API_API_VERSIONS,              { { 0, 0 } }, "it is asked before anybody is known" },
	{ API_CREATE_TOPICS,             { ASK(CREATE, CLUSTER), ASK(CREATE, TOPIC) } },
	{ API_DELETE_TOPICS,             { ASK(DELETE, CLUSTER), ASK(DESCRIBE, TOPIC) } },
	{ API_DELETE_RECORDS,            { ASK(DELETE, TOPIC) } },
	{ API_INIT_PRODUCER_ID,          { ASK(WRITE, TRANSACTIONAL_ID) } },
	{ API_OFFSET_FOR_LEADER_EPOCH,   { ASK(CLUSTER_ACTION, CLUSTER), ASK(DESCRIBE, TOPIC) } },
	{ API_ADD_PARTITIONS_TO_TXN,     { ASK(WRITE, TRANSACTIONAL_ID), ASK(WRITE, TOPIC) } },
	{ API_ADD_OFFSETS_TO_TXN,        { ASK(WRITE, TRANSACTIONAL_ID) } },
	{ API_END_TXN,                   { ASK(WRITE, TRANSACTIONAL_ID) } },
	{ API_WRITE_TXN_MARKERS,         { ASK(ALTER, CLUSTER), ASK(CLUSTER_ACTION, CLUSTER) } },
	{ API_TXN_OFFSET_COMMIT,         { ASK(WRITE, TRANSACTIONAL_ID) } },
	{ API_DESCRIBE_ACLS,             { ASK(DESCRIBE, CLUSTER) } },
	{ API_CREATE_ACLS,               { ASK(ALTER, CLUSTER) } },
	{ API_DELETE_ACLS,               { ASK(ALTER, CLUSTER) } },
	{ API_DESCRIBE_CONFIGS,          { ASK(DESCRIBE_CONFIGS, TOPIC) } },
	{ API_ALTER_CONFIGS,             { ASK(ALTER_CONFIGS, TOPIC) } },
	{ API_DESCRIBE_LOG_DIRS,         { ASK(DESCRIBE, CLUSTER) } },
	{ API_SASL_AUTHENTICATE,         { { 0, 0 } }, "it is how somebody says who he is" },
	{ API_CREATE_PARTITIONS,         { ASK(ALTER, TOPIC) } },
	{ API_DELETE_GROUPS,             { ASK(DELETE, GROUP) } },
	{ API_ELECT_LEADERS,             { ASK(ALTER, CLUSTER) } },
	{ API_INCREMENTAL_ALTER_CONFIGS, { ASK(ALTER_CONFIGS, TOPIC) } },
	{ API_ALTER_PARTITION_REASSIGNMENTS, { ASK(ALTER, CLUSTER) } },
	{ API_LIST_PARTITION_REASSIGNMENTS, { ASK(DESCRIBE, CLUSTER) } },
	{ API_OFFSET_DELETE,             { ASK(DELETE, GROUP) } },
	{ API_DESCRIBE_CLIENT_QUOTAS,    { ASK(DESCRIBE_CONFIGS, CLUSTER) } },
	{ API_ALTER_CLIENT_QUOTAS,       { ASK(ALTER_CONFIGS, CLUSTER) } },
	{ API_DESCRIBE_USER_SCRAM_CREDENTIALS, { ASK(DESCRIBE, CLUSTER) } },
	{ API_ALTER_USER_SCRAM_CREDENTIALS, { ASK(ALTER, CLUSTER) } },
	{ API_DESCRIBE_CLUSTER,          { ASK(DESCRIBE, CLUSTER) } },
	{ API_DESCRIBE_PRODUCERS,        { ASK(READ, TOPIC) } },
	{ API_DESCRIBE_TRANSACTIONS,     { ASK(DESCRIBE, TRANSACTIONAL_ID) } },
	{ API_LIST_TRANSACTIONS,         { ASK(DESCRIBE, TRANSACTIONAL_ID) } },
	{ API_CONSUMER_GROUP_HEARTBEAT,  { ASK(READ, GROUP) } },
	{ API_CONSUMER_GROUP_DESCRIBE,   { ASK(DESCRIBE, GROUP) } },
	{ API_LIST_CONFIG_RESOURCES,     { ASK(DESCRIBE_CONFIGS, CLUSTER) } },
	{ API_DESCRIBE_TOPIC_PARTITIONS, { ASK(DESCRIBE, TOPIC) } },
	{ -1 },
};
/* clang-format on */

const struct access_line *access_line_of(int16_t key)
{
	for (const struct access_line *line = access_lines; line->key >= 0; line++)
		if (line->key == key)
			return line;
	return NULL;
}
