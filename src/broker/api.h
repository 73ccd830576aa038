/*
 * api.h - what this broker can do: one line for each API.  ApiVersions tells exactly this table.
 */
#ifndef BROKER_API_H
#define BROKER_API_H

#include "broker/request.h"

struct api_line {
	int16_t key, since, until;
	void (*handle)(struct request *request);
};

extern const struct api_line api_lines[]; /* in order of key; ends with a NULL handler */

/* Reads the request's head and message, and calls its handler. */
void api_start(struct request *request);

/* Goes on with the requests of produce.c that wait for an upload; to be called behind store_poll(), and now and then. */
void produce_resume(struct broker *broker);

/* The handlers, each in the file of its family. */
#define API_HANDLERS(X)                                                                                      \
	X(produce)                                                                                           \
	X(fetch)                                                                                             \
	X(list_offsets)                                                                                      \
	X(metadata)                                                                                          \
	X(offset_commit)                                                                                     \
	X(offset_fetch)                                                                                      \
	X(find_coordinator) X(join_group) X(heartbeat) X(leave_group) X(sync_group) X(describe_groups) X(    \
		list_groups) X(api_versions) X(create_topics) X(delete_topics) X(delete_records)             \
		X(init_producer_id) X(offset_for_leader_epoch) X(add_partitions_to_txn) X(                   \
			add_offsets_to_txn) X(end_txn) X(txn_offset_commit) X(describe_configs)              \
			X(alter_configs) X(create_partitions) X(delete_groups) X(                            \
				incremental_alter_configs) X(offset_delete) X(describe_cluster)              \
				X(describe_producers) X(describe_transactions) X(list_transactions) X(       \
					describe_topic_partitions) X(describe_log_dirs) X(describe_acls)     \
					X(describe_client_quotas) X(describe_user_scram_credentials)         \
						X(consumer_group_heartbeat) X(consumer_group_describe) X(    \
							write_txn_markers) X(list_config_resources)          \
							X(elect_leaders) X(alter_partition_reassignments)    \
								X(list_partition_reassignments)              \
									X(alter_client_quotas)

#define API_LOGIN_HANDLERS(X)                                                                                \
	X(sasl_handshake) X(sasl_authenticate) X(alter_user_scram_credentials) X(create_acls) X(delete_acls)

#define X(name) void handle_##name(struct request *request);
API_HANDLERS(X)
API_LOGIN_HANDLERS(X)
#undef X

#endif
