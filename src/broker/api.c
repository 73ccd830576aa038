/* api.c - the table of APIs, at the version ranges of Kafka 4.3.1; and ApiVersions, which tells it. */
#include "broker/access.h"
#include "broker/access_table.h"
#include "broker/api.h"
#include "broker/login.h"
#include "broker/pipeline.h"

/* clang-format off */
const struct api_line api_lines[] = {
	{ API_PRODUCE,                   3, 13, handle_produce },
	{ API_FETCH,                     4, 18, handle_fetch },
	{ API_LIST_OFFSETS,              1, 11, handle_list_offsets },
	{ API_METADATA,                  0, 13, handle_metadata },
	{ API_OFFSET_COMMIT,             2, 10, handle_offset_commit },
	{ API_OFFSET_FETCH,              1, 10, handle_offset_fetch },
	{ API_FIND_COORDINATOR,          0,  6, handle_find_coordinator },
	{ API_JOIN_GROUP,                0,  9, handle_join_group },
	{ API_HEARTBEAT,                 0,  4, handle_heartbeat },
	{ API_LEAVE_GROUP,               0,  5, handle_leave_group },
	{ API_SYNC_GROUP,                0,  5, handle_sync_group },
	{ API_DESCRIBE_GROUPS,           0,  6, handle_describe_groups },
	{ API_LIST_GROUPS,               0,  5, handle_list_groups },
	{ API_SASL_HANDSHAKE,            0,  1, handle_sasl_handshake },
	{ API_API_VERSIONS,              0,  4, handle_api_versions },
	{ API_CREATE_TOPICS,             2,  7, handle_create_topics },
	{ API_DELETE_TOPICS,             1,  6, handle_delete_topics },
	{ API_DELETE_RECORDS,            0,  2, handle_delete_records },
	{ API_INIT_PRODUCER_ID,          0,  5, handle_init_producer_id },
	{ API_OFFSET_FOR_LEADER_EPOCH,   2,  4, handle_offset_for_leader_epoch },
	{ API_ADD_PARTITIONS_TO_TXN,     0,  5, handle_add_partitions_to_txn },
	{ API_ADD_OFFSETS_TO_TXN,        0,  4, handle_add_offsets_to_txn },
	{ API_END_TXN,                   0,  5, handle_end_txn },
	{ API_WRITE_TXN_MARKERS,         1,  2, handle_write_txn_markers },
	{ API_TXN_OFFSET_COMMIT,         0,  5, handle_txn_offset_commit },
	{ API_DESCRIBE_ACLS,             1,  3, handle_describe_acls },
	{ API_CREATE_ACLS,               1,  3, handle_create_acls },
	{ API_DELETE_ACLS,               1,  3, handle_delete_acls },
	{ API_DESCRIBE_CONFIGS,          1,  4, handle_describe_configs },
	{ API_ALTER_CONFIGS,             0,  2, handle_alter_configs },
	{ API_DESCRIBE_LOG_DIRS,         1,  5, handle_describe_log_dirs },
	{ API_SASL_AUTHENTICATE,         0,  2, handle_sasl_authenticate },
	{ API_CREATE_PARTITIONS,         0,  3, handle_create_partitions },
	{ API_DELETE_GROUPS,             0,  2, handle_delete_groups },
	{ API_ELECT_LEADERS,             0,  2, handle_elect_leaders },
	{ API_INCREMENTAL_ALTER_CONFIGS, 0,  1, handle_incremental_alter_configs },
	{ API_ALTER_PARTITION_REASSIGNMENTS, 0, 1, handle_alter_partition_reassignments },
	{ API_LIST_PARTITION_REASSIGNMENTS, 0, 0, handle_list_partition_reassignments },
	{ API_OFFSET_DELETE,             0,  0, handle_offset_delete },
	{ API_DESCRIBE_CLIENT_QUOTAS,    0,  1, handle_describe_client_quotas },
	{ API_ALTER_CLIENT_QUOTAS,       0,  1, handle_alter_client_quotas },
	{ API_DESCRIBE_USER_SCRAM_CREDENTIALS, 0, 0, handle_describe_user_scram_credentials },
	{ API_ALTER_USER_SCRAM_CREDENTIALS, 0, 0, handle_alter_user_scram_credentials },
	{ API_DESCRIBE_CLUSTER,          0,  2, handle_describe_cluster },
	{ API_DESCRIBE_PRODUCERS,        0,  0, handle_describe_producers },
	{ API_DESCRIBE_TRANSACTIONS,     0,  0, handle_describe_transactions },
	{ API_LIST_TRANSACTIONS,         0,  1, handle_list_transactions },
	{ API_CONSUMER_GROUP_HEARTBEAT,  0,  1, handle_consumer_group_heartbeat },
	{ API_CONSUMER_GROUP_DESCRIBE,   0,  1, handle_consumer_group_describe },
	{ API_LIST_CONFIG_RESOURCES,     0,  1, handle_list_config_resources },
	{ API_DESCRIBE_TOPIC_PARTITIONS, 0,  0, handle_describe_topic_partitions },
	{ 0, 0, 0, NULL },
};
/* clang-format on */

static const struct api_line *line_find(int16_t key)
{
	for (const struct api_line *line = api_lines; line->handle; line++)
		if (line->key == key)
			return line;
	return NULL;
}

/* To a version of ApiVersions that we do not know Kafka answers in version 0, with its range of this one API (KIP-511). */
static void answer_version_zero(struct request *request)
{
	struct api_versions_response *response;

	request->head.api_version = 0;
	response = request_response(request);
	if (response) {
		response->error_code = KAFKA_UNSUPPORTED_VERSION;
		response->api_keys.at = REQUEST_ARRAY(request, api_versions_response_api_key_shape, 1);
		if (response->api_keys.at) {
			response->api_keys.count = 1;
			response->api_keys.at[0].api_key = API_API_VERSIONS;
			response->api_keys.at[0].min_version = 0;
			response->api_keys.at[0].max_version = request->line->until;
		}
	}
	request_answer(request, response);
}

void api_start(struct request *request)
{
	struct cursor c = cursor_over(view_of(request->frame, request->size));
	struct fault fault = { 0 };
	struct view left;
	struct broker *broker = request->broker;
	const char *refused;
	int err;

	if (login_takes_frame(request))
		return;
	err = request_head_read(&c, &request->arena, &request->head, NULL);
	if (err < 0 && err != ERR_UNSUPPORTED) {
		request_fail(request, "a request head that cannot be read");
		return;
	}
	request->line = line_find(request->head.api_key);
	request->api = api_find(request->head.api_key);
	if (!request->line || !request->api) {
		request_fail(request, "an API that is not advertised");
		return;
	}
	/* Whoever adds an API and forgets what it asks has added nothing, and a door less. */
	if (access_is_on(broker) && !access_line_of(request->head.api_key)) {
		request_fail(request, "an API without a line in access_table.c");
		return;
	}
	refused = login_refuses(request->pipeline->login, request->head.api_key,
				loop_now_ms(request->broker->loop));
	if (refused) {
		request_fail(request, refused);
		return;
	}
	if (request->head.api_version < request->line->since ||
	    request->head.api_version > request->line->until) {
		if (request->head.api_key == API_API_VERSIONS)
			answer_version_zero(request);
		else
			request_fail(request, "a version that is not advertised");
		return;
	}
	request->message = arena_take(&request->arena, message_size(request->api->request));
	if (err < 0 || !request->message ||
	    message_read_front(request->api->request, request->head.api_version,
			       view_of(c.at, cursor_left(&c)), &request->arena, request->message, &left,
			       &fault) < 0) {
		request_fail(request, fault.err ? fault.text : "a request that cannot be read");
		return;
	}
	broker->serving = request->node;
	request->line->handle(request); /* which may be its end */
	broker->serving = NULL;
}

/* Transactions of version 2 (KIP-890), groups of version 1 (KIP-848): what clients look at before they use either. */
static const struct feature {
	const char *name;
	int16_t level;
} features[] = { { "group.version", 1 }, { "transaction.version", 2 } };

#define FEATURES ((int32_t)(sizeof features / sizeof *features))

/* Before version 4 of the answer clients stumble over a feature that begins at 0. */
static bool tell_features(struct request *request, struct api_versions_response *response)
{
	response->finalized_features.at =
		REQUEST_ARRAY(request, api_versions_response_finalized_feature_shape, FEATURES);
	response->supported_features.at =
		REQUEST_ARRAY(request, api_versions_response_supported_feature_shape, FEATURES);
	if (!response->finalized_features.at || !response->supported_features.at)
		return false;
	response->finalized_features_epoch = 0;
	response->finalized_features.count = FEATURES;
	response->supported_features.count = request_version(request) >= 4 ? FEATURES : 0;
	for (int32_t i = 0; i < FEATURES; i++) {
		response->finalized_features.at[i].name = view_text(features[i].name);
		response->finalized_features.at[i].max_version_level =
			response->finalized_features.at[i].min_version_level = features[i].level;
		response->supported_features.at[i].name = view_text(features[i].name);
		response->supported_features.at[i].max_version = features[i].level;
	}
	return true;
}

void handle_api_versions(struct request *request)
{
	struct api_versions_response *response = request_response(request);
	int32_t count = 0;

	while (api_lines[count].handle)
		count++;
	if (response)
		response->api_keys.at = REQUEST_ARRAY(request, api_versions_response_api_key_shape, count);
	if (!response || !response->api_keys.at) {
		request_answer(request, NULL);
		return;
	}
	response->api_keys.count = count;
	for (int32_t i = 0; i < count; i++) {
		response->api_keys.at[i].api_key = api_lines[i].key;
		response->api_keys.at[i].min_version = api_lines[i].since;
		response->api_keys.at[i].max_version = api_lines[i].until;
		/* librdkafka takes formats of messages from the range of Produce: Kafka 4 tells it from 0 (KAFKA-18659). */
		if (api_lines[i].key == API_PRODUCE)
			response->api_keys.at[i].min_version = 0;
	}
	request_answer(request, tell_features(request, response) ? response : NULL);
}
