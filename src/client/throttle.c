/*
 * throttle.c - finds the broker's wish to be left alone (throttle_time_ms) in the responses that we ask for.
 *
 * A broker that throttles also stops reading from the connection (KIP-219), so an API that is missing here is slowed
 * down all the same, only less politely.
 */
#include "client/inside.h"

int32_t reply_throttle_ms(int16_t api_key, int16_t version, const void *response)
{
#define CASE(key, type) \
	case key: return ((const struct type *)response)->throttle_time_ms
	switch (api_key) {
		CASE(API_PRODUCE, produce_response);
		CASE(API_FETCH, fetch_response);
		CASE(API_LIST_OFFSETS, list_offsets_response);
		CASE(API_METADATA, metadata_response);
		CASE(API_OFFSET_COMMIT, offset_commit_response);
		CASE(API_OFFSET_FETCH, offset_fetch_response);
		CASE(API_FIND_COORDINATOR, find_coordinator_response);
		CASE(API_DESCRIBE_GROUPS, describe_groups_response);
		CASE(API_LIST_GROUPS, list_groups_response);
		CASE(API_CREATE_TOPICS, create_topics_response);
		CASE(API_DELETE_TOPICS, delete_topics_response);
		CASE(API_INIT_PRODUCER_ID, init_producer_id_response);
		CASE(API_OFFSET_FOR_LEADER_EPOCH, offset_for_leader_epoch_response);
		CASE(API_DESCRIBE_ACLS, describe_acls_response);
		CASE(API_DESCRIBE_CONFIGS, describe_configs_response);
		CASE(API_DESCRIBE_LOG_DIRS, describe_log_dirs_response);
		CASE(API_DESCRIBE_CLIENT_QUOTAS, describe_client_quotas_response);
		CASE(API_DESCRIBE_CLUSTER, describe_cluster_response);
	default: return 0;
	}
#undef CASE
}
