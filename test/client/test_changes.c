/* test_changes.c - what an administrator changes: as it is written, and what each answer comes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "client/admin_acls.h"
#include "client/admin_alter.h"
#include "client/admin_fence.h"
#include "client/canary.h"
#include "client/fake_answers.h"

#define LONG_MS 10000

/* ---- ACLs ---- */

static struct acl binding(const char *principal, const char *topic)
{
	return (struct acl){ .resource_type = ACL_RESOURCE_TOPIC,
			     .pattern_type = ACL_PATTERN_LITERAL,
			     .operation = ACL_OPERATION_WRITE,
			     .permission = ACL_PERMISSION_DENY,
			     .resource = topic,
			     .principal = principal,
			     .host = "*" };
}

static char heard[500];
static int16_t codes[3];
static int rounds, not_controller;

static enum what_next create_answer(struct answers *a, int node, int16_t api_key, const void *request,
				    void *response)
{
	static struct create_acls_response_result results[3];
	const struct create_acls_request *asked = request;
	struct create_acls_response *said = response;
	size_t size = 0;

	assert_int_equal(api_key, API_CREATE_ACLS);
	rounds++;
	said->results.at = results;
	for (int i = 0; i < asked->creations.count; i++) {
		const struct create_acls_request_creation *at = &asked->creations.at[i];

		size += (size_t)snprintf(heard + size, sizeof heard - size, "%d:%.*s:%d:%.*s:%.*s:%d:%d ",
					 at->resource_type, VIEW_ARGS(at->resource_name),
					 at->resource_pattern_type, VIEW_ARGS(at->principal),
					 VIEW_ARGS(at->host), at->operation, at->permission_type);
		results[i] = (struct create_acls_response_result){ .error_code = codes[i] };
		if (not_controller)
			results[i].error_code = KAFKA_NOT_CONTROLLER;
		said->results.count++;
	}
	not_controller -= not_controller > 0;
	return ANSWER;
}

static int create_three(struct answers *a)
{
	struct acl three[] = { binding("User:b", "orders"), binding("User:a", "orders"),
			       binding("User:us", "orders") };

	return acls_create(a->cluster, three, 3, LONG_MS, &a->fault);
}

static void bindings_are_made_in_the_order_given(void **state)
{
	struct answers *a = answers_begin(create_answer);

	memset(codes, 0, sizeof codes);
	rounds = 0;
	not_controller = 1;
	assert_int_equal(create_three(a), 0);
	assert_int_equal(rounds, 2); /* the first went to no controller */
	assert_string_equal(heard,
			    "2:orders:3:User:b:*:4:2 2:orders:3:User:a:*:4:2 2:orders:3:User:us:*:4:2 ");
	answers_end(a);
}

static void only_a_whole_refusal_is_a_refusal(void **state)
{
	struct answers *a = answers_begin(create_answer);

	for (int i = 0; i < 3; i++)
		codes[i] = KAFKA_CLUSTER_AUTHORIZATION_FAILED;
	assert_int_equal(create_three(a), ERR_DENIED);
	assert_non_null(strstr(a->fault.text, "deny User:b to write topic orders: source: CreateAcls: "));
	codes[0] = 0;
	assert_int_equal(create_three(a), ERR_BROKER);
	assert_int_equal(a->fault.err, ERR_BROKER);
	assert_non_null(strstr(a->fault.text, "User:a"));
	for (int i = 0; i < 3; i++)
		codes[i] = KAFKA_SECURITY_DISABLED;
	assert_int_equal(create_three(a), ERR_UNSUPPORTED);
	answers_end(a);
}

static enum what_next delete_answer(struct answers *a, int node, int16_t api_key, const void *request,
				    void *response)
{
	static struct delete_acls_response_filter_result results[2];
	static struct delete_acls_response_matching_acl match;
	const struct delete_acls_request *asked = request;
	struct delete_acls_response *said = response;

	assert_int_equal(api_key, API_DELETE_ACLS);
	assert_int_equal(asked->filters.count, 2);
	memset(results, 0, sizeof results);
	memset(&match, 0, sizeof match);
	for (int i = 0; i < 2; i++) { /* exact: nothing may be left open */
		const struct delete_acls_request_filter *at = &asked->filters.at[i];

		assert_int_equal(at->resource_type_filter, ACL_RESOURCE_TOPIC);
		assert_int_equal(at->pattern_type_filter, ACL_PATTERN_LITERAL);
		assert_true(view_is(at->resource_name_filter, "orders"));
		assert_true(view_is(at->principal_filter, i ? "User:b" : "User:a"));
		assert_true(view_is(at->host_filter, "*"));
		assert_int_equal(at->operation, ACL_OPERATION_WRITE);
		assert_int_equal(at->permission_type, ACL_PERMISSION_DENY);
	}
	match.error_code = codes[0];
	match.resource_name = match.principal = match.host = VIEW_LITERAL("as asked");
	results[0].matching_acls.at = &match;
	results[0].matching_acls.count = 1;
	said->filter_results.at = results;
	said->filter_results.count = 2;
	return ANSWER;
}

static void exactly_these_are_removed(void **state)
{
	struct answers *a = answers_begin(delete_answer);
	struct acl two[] = { binding("User:a", "orders"), binding("User:b", "orders") };
	int removed = -1;

	memset(codes, 0, sizeof codes);
	assert_int_equal(acls_delete(a->cluster, two, 2, LONG_MS, &removed, &a->fault), 0);
	assert_int_equal(removed, 1); /* the other was not there, which is no error */
	codes[0] = KAFKA_UNKNOWN_SERVER_ERROR;
	assert_int_equal(acls_delete(a->cluster, two, 2, LONG_MS, NULL, &a->fault), ERR_BROKER);
	answers_end(a);
}

/* The first broker has both bindings, the second the older one, the third says no. */
static enum what_next seen_answer(struct answers *a, int node, int16_t api_key, const void *request,
				  void *response)
{
	static struct describe_acls_response_resource resource;
	static struct describe_acls_response_acl acls[2];
	const struct describe_acls_request *asked = request;
	struct describe_acls_response *said = response;

	assert_int_equal(api_key, API_DESCRIBE_ACLS);
	assert_true(view_is(asked->principal_filter, "User:a") || view_is(asked->principal_filter, "User:b"));
	assert_null(asked->host_filter.at);
	if (node == 3) {
		said->error_code = codes[0];
		return ANSWER;
	}
	resource = (struct describe_acls_response_resource){ .resource_type = ACL_RESOURCE_TOPIC };
	resource.resource_name = VIEW_LITERAL("orders");
	resource.pattern_type = ACL_PATTERN_LITERAL;
	resource.acls.at = acls;
	resource.acls.count = node == 1 ? 2 : 1;
	for (int i = 0; i < 2; i++) { /* to either filter the same: what overlaps is told once */
		acls[i] = (struct describe_acls_response_acl){ .operation = ACL_OPERATION_WRITE };
		acls[i].principal = i ? VIEW_LITERAL("User:a") : VIEW_LITERAL("User:b");
		acls[i].host = VIEW_LITERAL("*");
		acls[i].permission_type = ACL_PERMISSION_DENY;
	}
	said->resources.at = &resource;
	said->resources.count = 1;
	return ANSWER;
}

static void each_broker_is_asked_what_it_sees(void **state)
{
	struct answers *a = answers_begin(seen_answer);
	struct acl filters[] = { binding("User:a", NULL), binding("User:b", NULL) };
	struct acl_sight *sights;
	int count;

	filters[0].host = filters[1].host = NULL;
	codes[0] = KAFKA_CLUSTER_AUTHORIZATION_FAILED;
	assert_int_equal(acls_seen(a->cluster, filters, 2, LONG_MS, &a->arena, &sights, &count, &a->fault),
			 0);
	assert_int_equal(count, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sights[i].node, i + 1);
	assert_int_equal(sights[0].list.count, 2);
	assert_string_equal(sights[0].list.at[0].principal, "User:a");
	assert_string_equal(sights[0].list.at[1].principal, "User:b");
	assert_int_equal(sights[1].list.count, 1);
	assert_int_equal(sights[2].err, ERR_DENIED);
	codes[0] = KAFKA_SECURITY_DISABLED;
	assert_int_equal(acls_seen(a->cluster, filters, 2, LONG_MS, &a->arena, &sights, &count, &a->fault),
			 0);
	assert_int_equal(sights[2].err, 0);
	assert_true(sights[2].list.no_authorizer);
	answers_end(a);
}

/* ---- configs, quotas, groups ---- */

static enum what_next alter_answer(struct answers *a, int node, int16_t api_key, const void *request,
				   void *response)
{
	static struct incremental_alter_configs_response_resource configs;
	static struct alter_client_quotas_response_entry quotas;
	static struct delete_groups_response_result group;

	if (answers_coordinator(api_key, request, response))
		return ANSWER;
	if (api_key == API_INCREMENTAL_ALTER_CONFIGS) {
		const struct incremental_alter_configs_request *asked = request;
		struct incremental_alter_configs_response *said = response;
		const __typeof__(*asked->resources.at->configs.at) *config =
			&asked->resources.at[0].configs.at[0];

		snprintf(heard, sizeof heard, "%d %.*s %.*s %d %.*s", asked->resources.at[0].resource_type,
			 VIEW_ARGS(asked->resources.at[0].resource_name), VIEW_ARGS(config->name),
			 config->config_operation, VIEW_ARGS(config->value));
		configs = (struct incremental_alter_configs_response_resource){ .error_code = codes[0],
									 .resource_name = VIEW_LITERAL("orders") };
		said->responses.at = &configs;
		said->responses.count = 1;
	} else if (api_key == API_ALTER_CLIENT_QUOTAS) {
		const struct alter_client_quotas_request *asked = request;
		struct alter_client_quotas_response *said = response;

		snprintf(heard, sizeof heard, "%.*s %.*s %.*s %g %d",
			 VIEW_ARGS(asked->entries.at[0].entity.at[0].entity_type),
			 VIEW_ARGS(asked->entries.at[0].entity.at[0].entity_name),
			 VIEW_ARGS(asked->entries.at[0].ops.at[0].key), asked->entries.at[0].ops.at[0].value,
			 asked->entries.at[0].ops.at[0].remove);
		quotas = (struct alter_client_quotas_response_entry){ .error_code = codes[0] };
		said->entries.at = &quotas;
		said->entries.count = 1;
	} else {
		const struct delete_groups_request *asked = request;
		struct delete_groups_response *said = response;

		assert_int_equal(api_key, API_DELETE_GROUPS);
		assert_int_equal(node, 2);
		group = (struct delete_groups_response_result){ .group_id = asked->groups_names.at[0] };
		group.error_code =
			view_is(group.group_id, "gone") ? KAFKA_GROUP_ID_NOT_FOUND : codes[rounds++ > 0];
		said->results.at = &group;
		said->results.count = 1;
	}
	return ANSWER;
}

static void a_config_is_set_and_taken_away(void **state)
{
	struct answers *a = answers_begin(alter_answer);

	codes[0] = 0;
	assert_int_equal(topic_config_set(a->cluster, "orders", "retention.ms", "5", LONG_MS, &a->fault), 0);
	assert_string_equal(heard, "2 orders retention.ms 0 5");
	assert_int_equal(topic_config_set(a->cluster, "orders", "retention.ms", NULL, LONG_MS, &a->fault), 0);
	assert_string_equal(heard, "2 orders retention.ms 1 ");
	codes[0] = KAFKA_INVALID_CONFIG;
	assert_int_equal(topic_config_set(a->cluster, "orders", "retention.ms", "x", LONG_MS, &a->fault),
			 ERR_USAGE);
	assert_non_null(strstr(a->fault.text, "retention.ms of topic orders"));
	codes[0] = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	assert_int_equal(topic_config_set(a->cluster, "none", "retention.ms", "1", LONG_MS, &a->fault),
			 ERR_NOT_FOUND);
	answers_end(a);
}

static void a_quota_is_set_and_taken_away(void **state)
{
	struct answers *a = answers_begin(alter_answer);
	struct quota quota = { .entities = { { "user", "orders" } },
			       .entity_count = 1,
			       .key = "producer_byte_rate",
			       .value = 1024 };

	codes[0] = 0;
	assert_int_equal(quota_set(a->cluster, &quota, false, LONG_MS, &a->fault), 0);
	assert_string_equal(heard, "user orders producer_byte_rate 1024 0");
	assert_int_equal(quota_set(a->cluster, &quota, true, LONG_MS, &a->fault), 0);
	assert_string_equal(heard, "user orders producer_byte_rate 1024 1");
	codes[0] = KAFKA_CLUSTER_AUTHORIZATION_FAILED;
	assert_int_equal(quota_set(a->cluster, &quota, true, LONG_MS, &a->fault), ERR_DENIED);
	answers_end(a);
}

static void groups_are_removed_but_not_those_with_members(void **state)
{
	struct answers *a = answers_begin(alter_answer);
	const char *const ids[] = { "shadow", "gone" };

	rounds = 0;
	codes[0] = KAFKA_COORDINATOR_LOAD_IN_PROGRESS; /* the first time */
	codes[1] = 0;
	assert_int_equal(groups_delete(a->cluster, ids, 2, LONG_MS, &a->fault), 0);
	assert_int_equal(a->asked[API_DELETE_GROUPS][2], 3);
	codes[0] = codes[1] = KAFKA_NON_EMPTY_GROUP;
	assert_int_equal(groups_delete(a->cluster, ids, 2, LONG_MS, &a->fault), ERR_CONFLICT);
	assert_non_null(strstr(a->fault.text, "shadow"));
	answers_end(a);
}

/* ---- a transactional id ---- */

static enum what_next fence_answer(struct answers *a, int node, int16_t api_key, const void *request,
				   void *response)
{
	static struct describe_transactions_response_transaction_state at;

	if (answers_coordinator(api_key, request, response))
		return ANSWER;
	assert_int_equal(node, 2);
	if (api_key == API_DESCRIBE_TRANSACTIONS) {
		struct describe_transactions_response *said = response;

		at = (struct describe_transactions_response_transaction_state){ .error_code = codes[0] };
		at.transactional_id = VIEW_LITERAL("tx");
		at.transaction_state = VIEW_LITERAL("Empty");
		at.transaction_timeout_ms = 60000;
		at.producer_id = 4711;
		said->transaction_states.at = &at;
		said->transaction_states.count = 1;
	} else {
		const struct init_producer_id_request *asked = request;
		struct init_producer_id_response *said = response;

		assert_int_equal(api_key, API_INIT_PRODUCER_ID);
		assert_true(view_is(asked->transactional_id, "tx"));
		assert_int_equal(asked->transaction_timeout_ms, 7919);
		assert_int_equal(asked->producer_id, -1);
		said->error_code = codes[rounds < 2 ? rounds : 2];
		rounds++;
		said->producer_id = 4711;
		said->producer_epoch = 8;
	}
	return ANSWER;
}

static void an_id_is_taken_over_once_its_transaction_is_aborted(void **state)
{
	struct answers *a = answers_begin(fence_answer);
	struct transaction_identity identity = { 0 };

	rounds = 0;
	codes[0] = KAFKA_NOT_COORDINATOR;
	codes[1] = KAFKA_CONCURRENT_TRANSACTIONS;
	codes[2] = 0;
	assert_int_equal(transaction_fence(a->cluster, "tx", 7919, LONG_MS, &identity, &a->fault), 0);
	assert_int_equal(rounds, 3);
	assert_int_equal(identity.producer_epoch, 8);
	codes[2] = KAFKA_INVALID_TRANSACTION_TIMEOUT;
	assert_int_equal(transaction_fence(a->cluster, "tx", 7919, LONG_MS, &identity, &a->fault), ERR_USAGE);
	codes[2] = KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
	assert_int_equal(transaction_fence(a->cluster, "tx", 7919, LONG_MS, &identity, &a->fault),
			 ERR_DENIED);
	codes[2] = KAFKA_CONCURRENT_TRANSACTIONS; /* for ever */
	assert_int_equal(transaction_fence(a->cluster, "tx", 7919, 50, &identity, &a->fault), ERR_TIMEOUT);
	assert_non_null(strstr(a->fault.text, "CONCURRENT_TRANSACTIONS"));
	codes[0] = 0;
	assert_int_equal(transaction_look(a->cluster, "tx", LONG_MS, &a->arena, &identity, &a->fault), 0);
	assert_int_equal(identity.timeout_ms, 60000);
	codes[0] = KAFKA_TRANSACTIONAL_ID_NOT_FOUND;
	assert_int_equal(transaction_look(a->cluster, "tx", LONG_MS, &a->arena, &identity, &a->fault),
			 ERR_NOT_FOUND);
	answers_end(a);
}

/* ---- the canary ---- */

/* The first denies, the second lets through, the third (which leads nothing) does as `codes` says; -2: nothing. */
static enum what_next canary_answer(struct answers *a, int node, int16_t api_key, const void *request,
				    void *response)
{
	static struct produce_response_topic topic[NODES + 1];
	static struct produce_response_partition parts[NODES + 1][PARTITIONS];
	static const int16_t says[] = { 0, KAFKA_TOPIC_AUTHORIZATION_FAILED, KAFKA_INVALID_RECORD, 0 };

	if (api_key == API_END_TXN) {
		const struct end_txn_request *asked = request;
		struct end_txn_response *said = response;

		assert_false(asked->committed);
		said->error_code = node == 1   ? KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED
				   : node == 2 ? KAFKA_INVALID_PRODUCER_ID_MAPPING
					       : KAFKA_NOT_COORDINATOR;
		return ANSWER;
	}
	const struct produce_request *asked = request;
	struct produce_response *said = response;

	assert_int_equal(api_key, API_PRODUCE);
	assert_int_equal(asked->acks, -1);
	assert_int_equal(asked->topic_data.count, 1);
	if (node == 3 && codes[0] == -2)
		return SILENCE;
	memset(parts[node], 0, sizeof parts[node]);
	topic[node] = (struct produce_response_topic){ .name = asked->topic_data.at[0].name };
	topic[node].partition_responses.at = parts[node];
	for (int i = 0; i < asked->topic_data.at[0].partition_data.count; i++) {
		assert_non_null(
			asked->topic_data.at[0].partition_data.at[i].records.at); /* empty, not null */
		assert_int_equal(asked->topic_data.at[0].partition_data.at[i].records.size, 0);
		parts[node][i].index = asked->topic_data.at[0].partition_data.at[i].index;
		parts[node][i].error_code = node == 3 ? codes[0] : says[node];
		parts[node][i].current_leader.leader_id = parts[node][i].current_leader.leader_epoch = -1;
		topic[node].partition_responses.count++;
	}
	said->responses.at = &topic[node];
	said->responses.count = 1;
	return ANSWER;
}

static void canaries(struct answers *a, int64_t timeout_ms, struct canary_list *list)
{
	const char *const topics[] = { "orders" }, *const ids[] = { "tx" };

	assert_int_equal(canary_look(a->cluster, topics, 1, ids, 1, timeout_ms, &a->arena, list, &a->fault),
			 0);
	assert_int_equal(list->count,
			 8); /* four partitions at their leaders, one at the third; the id at each */
}

static void each_leader_and_each_broker_has_its_canary(void **state)
{
	struct answers *a = answers_begin(canary_answer);
	struct canary_list list;

	codes[0] = KAFKA_TOPIC_AUTHORIZATION_FAILED;
	canaries(a, LONG_MS, &list);
	assert_int_equal(list.denied, 4);
	assert_int_equal(list.allowed, 4);
	assert_int_equal(list.at[0].partition, 0);
	assert_int_equal(list.at[0].node, 1);
	assert_true(list.at[0].leader);
	assert_int_equal(list.at[0].answer, CANARY_DENIED);
	assert_int_equal(list.at[1].node, 3);
	assert_false(list.at[1].leader);
	assert_int_equal(list.at[2].answer, CANARY_ALLOWED);
	assert_string_equal(list.at[7].topic, "tx");
	assert_int_equal(list.at[7].answer,
			 CANARY_ALLOWED); /* not its coordinator: that comes after the authorisation */
	answers_end(a);
}

static void what_says_neither_is_unknown(void **state)
{
	struct answers *a = answers_begin(canary_answer);
	struct canary_list list;

	codes[0] = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
	canaries(a, LONG_MS, &list);
	assert_int_equal(list.unknown, 1);
	assert_int_equal(list.at[1].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
	codes[0] = 0; /* nothing may take an empty Produce */
	canaries(a, LONG_MS, &list);
	assert_int_equal(list.at[1].answer, CANARY_UNKNOWN);
	codes[0] = -2;
	canaries(a, 300, &list);
	assert_int_equal(list.at[1].answer, CANARY_UNKNOWN);
	assert_int_equal(list.at[1].err, ERR_TIMEOUT);
	assert_non_null(list.at[1].fault);
	answers_end(a);
}

static void a_partition_without_a_leader_is_unknown(void **state)
{
	struct answers *a = answers_begin(canary_answer);
	const char *const topics[] = { "orders" };
	struct canary_list list;

	codes[0] = KAFKA_TOPIC_AUTHORIZATION_FAILED;
	a->leaders[3] = -1;
	assert_int_equal(canary_look(a->cluster, topics, 1, NULL, 0, LONG_MS, &a->arena, &list, &a->fault),
			 0);
	assert_int_equal(list.unknown, 1);
	assert_int_equal(list.at[list.count - 1].partition, 3);
	assert_int_equal(list.at[list.count - 1].err, ERR_NOT_FOUND);
	answers_end(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bindings_are_made_in_the_order_given),
		cmocka_unit_test(only_a_whole_refusal_is_a_refusal),
		cmocka_unit_test(exactly_these_are_removed),
		cmocka_unit_test(each_broker_is_asked_what_it_sees),
		cmocka_unit_test(a_config_is_set_and_taken_away),
		cmocka_unit_test(a_quota_is_set_and_taken_away),
		cmocka_unit_test(groups_are_removed_but_not_those_with_members),
		cmocka_unit_test(an_id_is_taken_over_once_its_transaction_is_aborted),
		cmocka_unit_test(each_leader_and_each_broker_has_its_canary),
		cmocka_unit_test(what_says_neither_is_unknown),
		cmocka_unit_test(a_partition_without_a_leader_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
