/* test_lever_cluster.c - the levers on a cluster, against brokers that answer as told: what they may touch, in which order,
 * and what brokers that disagree come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "client/admin_acls.h"
#include "client/fake_answers.h"
#include "exit/lever_acl.h"
#include "exit/lever_config.h"
#include "exit/lever_quota.h"
#include "exit/lever_transaction.h"

#define LONG_MS 10000

static struct buffer out;

/* What the lever says, or fails with `err`. */
static const char *observed(struct answers *a, struct lever *lever, int err)
{
	buffer_reset(&out);
	assert_int_equal(lever_observe(lever, LONG_MS, &out, &a->fault), err);
	return buffer_string(&out);
}

static const char *aimed(struct answers *a, struct lever *lever, const char *word, const char *before)
{
	buffer_reset(&out);
	if (lever_aim(lever, word, before, &out, &a->fault) < 0)
		fail_msg("%s", a->fault.text);
	return buffer_string(&out);
}

static struct answers *begin(answer_fn *answer)
{
	buffer_init(&out, 2 * LEVER_VALUE_SIZE_MAX);
	return answers_begin(answer);
}

static void end(struct answers *a, struct lever *lever)
{
	lever_free(lever);
	answers_end(a);
	buffer_done(&out);
}

/* ---- ACLs: each broker has a list of bindings; changes reach those that are not `deaf` ---- */

#define HELD_MOST 20

static struct held {
	char principal[32], resource[32];
	int type, operation;
} held[NODES + 1][HELD_MOST];
static int held_count[NODES + 1];
static bool deaf[NODES + 1], no_authorizer;
static int16_t refuse_create, refuse_delete;
static char story[1000]; /* what was made and taken away, in order */

static void tell(char sign, struct view principal, struct view resource)
{
	size_t size = strlen(story);

	snprintf(story + size, sizeof story - size, "%c%.*s@%.*s ", sign, VIEW_ARGS(principal),
		 VIEW_ARGS(resource));
}

static void hold(int node, const char *principal, int type, const char *resource)
{
	struct held *at = &held[node][held_count[node]++];

	snprintf(at->principal, sizeof at->principal, "%s", principal);
	snprintf(at->resource, sizeof at->resource, "%s", resource);
	at->type = type;
}

static int holds(int node, struct view principal, int type, struct view resource)
{
	for (int i = 0; i < held_count[node]; i++)
		if (view_is(principal, held[node][i].principal) && held[node][i].type == type &&
		    view_is(resource, held[node][i].resource))
			return i;
	return -1;
}

static void acls_create_say(const struct create_acls_request *asked, struct create_acls_response *said)
{
	static struct create_acls_response_result results[HELD_MOST];

	said->results.at = results;
	for (int i = 0; i < asked->creations.count; i++) {
		const struct create_acls_request_creation *at = &asked->creations.at[i];
		char principal[32], resource[32];

		results[said->results.count++] =
			(struct create_acls_response_result){ .error_code = refuse_create };
		if (refuse_create)
			continue;
		assert_int_equal(at->permission_type, ACL_PERMISSION_DENY);
		assert_int_equal(at->operation, ACL_OPERATION_WRITE);
		tell('+', at->principal, at->resource_name);
		snprintf(principal, sizeof principal, "%.*s", VIEW_ARGS(at->principal));
		snprintf(resource, sizeof resource, "%.*s", VIEW_ARGS(at->resource_name));
		for (int n = 1; n <= NODES; n++)
			if (!deaf[n] && holds(n, at->principal, at->resource_type, at->resource_name) < 0)
				hold(n, principal, at->resource_type, resource);
	}
}

static void acls_delete_say(const struct delete_acls_request *asked, struct delete_acls_response *said)
{
	static struct delete_acls_response_filter_result results[HELD_MOST];

	memset(results, 0, sizeof results);
	said->filter_results.at = results;
	for (int i = 0; i < asked->filters.count; i++) {
		const struct delete_acls_request_filter *at = &asked->filters.at[i];

		results[said->filter_results.count++].error_code = refuse_delete;
		if (refuse_delete)
			continue;
		tell('-', at->principal_filter, at->resource_name_filter);
		for (int n = 1; n <= NODES; n++) {
			int found = holds(n, at->principal_filter, at->resource_type_filter,
					  at->resource_name_filter);

			if (!deaf[n] && found >= 0)
				held[n][found] = held[n][--held_count[n]];
		}
	}
}

static enum what_next acl_answer(struct answers *a, int node, int16_t api_key, const void *request,
				 void *response)
{
	static struct describe_acls_response_resource resources[HELD_MOST];
	static struct describe_acls_response_acl acls[HELD_MOST];

	if (api_key == API_CREATE_ACLS) {
		acls_create_say(request, response);
	} else if (api_key == API_DELETE_ACLS) {
		acls_delete_say(request, response);
	} else {
		const struct describe_acls_request *asked = request;
		struct describe_acls_response *said = response;

		assert_int_equal(api_key, API_DESCRIBE_ACLS);
		if (no_authorizer)
			said->error_code = KAFKA_SECURITY_DISABLED;
		said->resources.at = resources;
		for (int i = 0; i < held_count[node] && !no_authorizer; i++) {
			struct describe_acls_response_resource *at = &resources[said->resources.count];

			if (!view_is(asked->principal_filter, held[node][i].principal))
				continue;
			memset(at, 0, sizeof *at);
			memset(&acls[said->resources.count], 0, sizeof acls[0]);
			at->resource_type = (int8_t)held[node][i].type;
			at->resource_name = view_text(held[node][i].resource);
			at->pattern_type = ACL_PATTERN_LITERAL;
			at->acls.at = &acls[said->resources.count];
			at->acls.count = 1;
			at->acls.at[0].principal = view_text(held[node][i].principal);
			at->acls.at[0].host = VIEW_LITERAL("*");
			at->acls.at[0].operation = ACL_OPERATION_WRITE;
			at->acls.at[0].permission_type = ACL_PERMISSION_DENY;
			said->resources.count++;
		}
	}
	return ANSWER;
}

static struct lever *acl_lever(struct answers *a, const char *witness)
{
	static const char *const principals[] = { "User:b", "User:a" }, *const topics[] = { "orders", "dlq" };
	static const char *const ids[] = { "tx" };
	const struct lever_acl_options options = { .name = "acl:source",
						   .cluster = a->cluster,
						   .principals = principals,
						   .principal_count = 2,
						   .topics = topics,
						   .topic_count = 2,
						   .ids = ids,
						   .id_count = 1,
						   .witness = witness };
	struct lever *lever;

	memset(held, 0, sizeof held);
	memset(held_count, 0, sizeof held_count);
	memset(deaf, 0, sizeof deaf);
	memset(story, 0, sizeof story);
	no_authorizer = false;
	refuse_create = refuse_delete = 0;
	if (lever_acl_new(&options, &lever, &a->fault) < 0)
		fail_msg("%s", a->fault.text);
	return lever;
}

#define ALL                                                                                                  \
	"[[\"User:a\",\"topic\",\"dlq\"],[\"User:b\",\"topic\",\"dlq\"],[\"User:us\",\"topic\",\"dlq\"],"    \
	"[\"User:a\",\"topic\",\"orders\"],[\"User:b\",\"topic\",\"orders\"],[\"User:us\",\"topic\","        \
	"\"orders\"],"                                                                                       \
	"[\"User:a\",\"transactional-id\",\"tx\"],[\"User:b\",\"transactional-id\",\"tx\"]]"

static void the_witness_is_made_last_and_taken_away_last(void **state)
{
	struct answers *a = begin(acl_answer);
	struct lever *lever = acl_lever(a, "User:us");

	assert_string_equal(observed(a, lever, 0), "[]");
	assert_string_equal(aimed(a, lever, "deny", "[]"), ALL);
	assert_int_equal(lever_set(lever, ALL, 1, LONG_MS, &a->fault), 0);
	assert_string_equal(story,
			    "+User:a@dlq +User:b@dlq +User:a@orders +User:b@orders +User:a@tx +User:b@tx "
			    "+User:us@dlq +User:us@orders ");
	assert_string_equal(observed(a, lever, 0), ALL);
	memset(story, 0, sizeof story);
	assert_int_equal(lever_set(lever, "[]", 1, LONG_MS, &a->fault), 0);
	assert_string_equal(story,
			    "-User:a@dlq -User:b@dlq -User:a@orders -User:b@orders -User:a@tx -User:b@tx "
			    "-User:us@dlq -User:us@orders ");
	assert_string_equal(observed(a, lever, 0), "[]");
	end(a, lever);
}

static void a_witness_of_the_family_is_last_too(void **state)
{
	struct answers *a = begin(acl_answer);
	struct lever *lever = acl_lever(a, "User:a");

	buffer_reset(&out);
	assert_int_equal(lever_aim(lever, "deny", "[]", &out, &a->fault), 0);
	assert_int_equal(lever_set(lever, buffer_string(&out), 1, LONG_MS, &a->fault), 0);
	assert_string_equal(story,
			    "+User:b@dlq +User:b@orders +User:b@tx +User:a@dlq +User:a@orders +User:a@tx ");
	end(a, lever);
}

static void setting_back_leaves_what_was_there(void **state)
{
	static const char before[] = "[[\"User:b\",\"topic\",\"orders\"]]";
	struct answers *a = begin(acl_answer);
	struct lever *lever = acl_lever(a, "User:us");

	for (int n = 1; n <= NODES; n++) {
		hold(n, "User:b", ACL_RESOURCE_TOPIC, "orders");
		hold(n, "User:b", ACL_RESOURCE_TOPIC, "payments"); /* not ours to look at */
		hold(n, "User:c", ACL_RESOURCE_TOPIC, "orders");
	}
	assert_string_equal(observed(a, lever, 0), before);
	assert_int_equal(lever_set(lever, ALL, 1, LONG_MS, &a->fault), 0);
	assert_string_equal(observed(a, lever, 0), ALL);
	assert_int_equal(lever_set(lever, before, 1, LONG_MS, &a->fault), 0);
	assert_string_equal(observed(a, lever, 0), before);
	assert_int_equal(held_count[1], 3);
	assert_string_equal(aimed(a, lever, "canary", before),
			    "[[\"User:us\",\"topic\",\"dlq\"],[\"User:b\",\"topic\",\"orders\"],"
			    "[\"User:us\",\"topic\",\"orders\"]]");
	end(a, lever);
}

static void brokers_that_lag_are_named(void **state)
{
	struct answers *a = begin(acl_answer);
	struct lever *lever = acl_lever(a, NULL);
	const char *seen;

	deaf[2] = true;
	assert_int_equal(lever_set(lever, "[[\"User:a\",\"topic\",\"orders\"]]", 1, LONG_MS, &a->fault), 0);
	seen = observed(a, lever, ERR_STALE);
	assert_string_equal(seen, "broker 1: [[\"User:a\",\"topic\",\"orders\"]]; broker 2: []; "
				  "broker 3: [[\"User:a\",\"topic\",\"orders\"]]");
	no_authorizer = true;
	assert_string_equal(observed(a, lever, ERR_UNSUPPORTED), "");
	buffer_reset(&out);
	assert_int_equal(lever_acl_felt(lever, true, LONG_MS, &out, &a->fault),
			 ERR_UNSUPPORTED); /* no witness */
	assert_int_equal(lever_aim(lever, "canary", "[]", &out, &a->fault), ERR_USAGE);
	end(a, lever);
}

static void only_what_changed_nothing_is_a_refusal(void **state)
{
	struct answers *a = begin(acl_answer);
	struct lever *lever = acl_lever(a, NULL);

	refuse_create = KAFKA_CLUSTER_AUTHORIZATION_FAILED;
	assert_int_equal(lever_set(lever, "[[\"User:a\",\"topic\",\"dlq\"]]", 1, LONG_MS, &a->fault),
			 ERR_DENIED);
	assert_string_equal(story, ""); /* nothing was taken away after that */
	refuse_create = 0;
	refuse_delete = KAFKA_CLUSTER_AUTHORIZATION_FAILED;
	assert_int_equal(lever_set(lever, "[[\"User:a\",\"topic\",\"dlq\"]]", 1, LONG_MS, &a->fault),
			 ERR_BROKER);
	assert_int_equal(lever_set(lever, "[]", 1, LONG_MS, &a->fault), ERR_DENIED);
	end(a, lever);
}

static void nothing_but_candidates_is_a_value(void **state)
{
	static const char *const wrong[] = {
		"",
		"{}",
		"[1]",
		"[[]]",
		"[[\"User:a\",\"topic\"]]",
		"[[\"User:z\",\"topic\",\"orders\"]]",
		"[[\"User:a\",\"group\",\"orders\"]]",
		"[[\"User:a\",\"topic\",\"payments\"]]",
		"[[\"User:us\",\"transactional-id\",\"tx\"]]",
		"broker 1: []; broker 2: []",
	};
	struct answers *a = begin(acl_answer);
	struct lever *lever = acl_lever(a, "User:us");

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(lever_set(lever, wrong[i], 1, LONG_MS, &a->fault), ERR_USAGE);
	assert_string_equal(story, "");
	assert_int_equal(lever_aim(lever, "hold", "[]", &out, &a->fault), ERR_USAGE);
	assert_int_equal(lever_drained(lever, 1, LONG_MS, &a->fault), ERR_UNSUPPORTED);
	end(a, lever);
}

static void names_are_checked_when_the_lever_is_made(void **state)
{
	static const char *const principals[] = { "User:\xff" }, *const topics[] = { "orders" };
	struct answers *a = begin(acl_answer);
	struct lever_acl_options options = { .name = "acl",
					     .cluster = a->cluster,
					     .principals = principals,
					     .principal_count = 1,
					     .topics = topics,
					     .topic_count = 1 };
	struct lever *lever = NULL;

	assert_int_equal(lever_acl_new(&options, &lever, &a->fault), ERR_USAGE);
	options.principal_count = 30000; /* not looked at: too many */
	assert_int_equal(lever_acl_new(&options, &lever, &a->fault), ERR_LIMIT);
	assert_int_equal(lever_transaction_new("ids", a->cluster, principals, 1, &lever, &a->fault),
			 ERR_USAGE);
	end(a, lever);
}

/* ---- transactional ids ---- */

static int32_t its_timeout_ms; /* 0: nobody has it */
static int taken;

static enum what_next id_answer(struct answers *a, int node, int16_t api_key, const void *request,
				void *response)
{
	static struct describe_transactions_response_transaction_state at;

	if (answers_coordinator(api_key, request, response))
		return ANSWER;
	if (api_key == API_DESCRIBE_TRANSACTIONS) {
		struct describe_transactions_response *said = response;

		at = (struct describe_transactions_response_transaction_state){ .transactional_id =
											VIEW_LITERAL("tx") };
		at.transaction_state = VIEW_LITERAL("Empty");
		at.transaction_timeout_ms = its_timeout_ms;
		at.error_code = its_timeout_ms ? 0 : KAFKA_TRANSACTIONAL_ID_NOT_FOUND;
		said->transaction_states.at = &at;
		said->transaction_states.count = 1;
	} else {
		const struct init_producer_id_request *asked = request;

		assert_int_equal(api_key, API_INIT_PRODUCER_ID);
		its_timeout_ms = asked->transaction_timeout_ms;
		taken++;
	}
	return ANSWER;
}

static void an_id_is_taken_and_let_go_of_only_while_it_is_ours(void **state)
{
	static const char *const ids[] = { "tx", "tx" };
	struct answers *a = begin(id_answer);
	struct lever *lever;

	assert_int_equal(lever_transaction_new("ids", a->cluster, ids, 2, &lever, &a->fault), 0);
	its_timeout_ms = 0;
	taken = 0;
	assert_string_equal(observed(a, lever, 0), "[[\"tx\",\"none\"]]");
	assert_string_equal(aimed(a, lever, "fence", "[[\"tx\",\"none\"]]"), "[[\"tx\",\"none\"]]");
	assert_int_equal(lever_set(lever, "[[\"tx\",\"none\"]]", 1, LONG_MS, &a->fault), 0);
	assert_int_equal(taken, 0);
	its_timeout_ms = 60000;
	assert_string_equal(observed(a, lever, 0), "[[\"tx\",60000]]");
	assert_string_equal(aimed(a, lever, "fence", "[[\"tx\",60000]]"), "[[\"tx\",\"fenced\"]]");
	assert_int_equal(lever_set(lever, "[[\"tx\",\"fenced\"]]", 1, LONG_MS, &a->fault), 0);
	assert_int_equal(lever_set(lever, "[[\"tx\",\"fenced\"]]", 1, LONG_MS, &a->fault),
			 0); /* once is enough */
	assert_int_equal(taken, 1);
	assert_string_equal(observed(a, lever, 0), "[[\"tx\",\"fenced\"]]");
	assert_int_equal(lever_set(lever, "[[\"tx\",60000]]", 1, LONG_MS, &a->fault), 0);
	assert_int_equal(taken, 2);
	assert_string_equal(observed(a, lever, 0), "[[\"tx\",60000]]");
	its_timeout_ms = 30000; /* the application is back, with another time-out: hands off */
	assert_int_equal(lever_set(lever, "[[\"tx\",60000]]", 1, LONG_MS, &a->fault), 0);
	assert_int_equal(taken, 2);
	assert_int_equal(lever_set(lever, "[[\"ty\",\"fenced\"]]", 1, LONG_MS, &a->fault), ERR_USAGE);
	assert_int_equal(lever_set(lever, "[[\"tx\",-1]]", 1, LONG_MS, &a->fault), ERR_USAGE);
	assert_int_equal(lever_set(lever, "[]", 1, LONG_MS, &a->fault), ERR_USAGE);
	end(a, lever);
}

/* ---- configs and quotas ---- */

static char setting[NODES + 1][20]; /* of the topic; "" for none of its own */
static double rate[NODES + 1];      /* 0: none */

static enum what_next setting_answer(struct answers *a, int node, int16_t api_key, const void *request,
				     void *response)
{
	static struct describe_configs_response_result result[NODES + 1];
	static struct describe_configs_response_config config[NODES + 1];
	static struct incremental_alter_configs_response_resource altered = { .resource_name = VIEW_LITERAL(
										      "orders") };
	static struct describe_client_quotas_response_entry entry[NODES + 1];
	static struct describe_client_quotas_response_value value[NODES + 1];
	static struct alter_client_quotas_response_entry limited;

	if (api_key == API_DESCRIBE_CONFIGS) {
		struct describe_configs_response *said = response;

		result[node] =
			(struct describe_configs_response_result){ .resource_name = VIEW_LITERAL("orders") };
		result[node].configs.at = &config[node];
		result[node].configs.count = 1;
		config[node] =
			(struct describe_configs_response_config){ .name = VIEW_LITERAL("retention.ms") };
		config[node].value = setting[node][0] ? view_text(setting[node]) : VIEW_LITERAL("604800000");
		config[node].config_source = setting[node][0] ? 1 : 5;
		said->results.at = &result[node];
		said->results.count = 1;
	} else if (api_key == API_INCREMENTAL_ALTER_CONFIGS) {
		const struct incremental_alter_configs_request *asked = request;
		struct incremental_alter_configs_response *said = response;
		const __typeof__(*asked->resources.at->configs.at) *one =
			&asked->resources.at[0].configs.at[0];

		for (int n = 1; n <= NODES; n++)
			if (!deaf[n])
				snprintf(setting[n], sizeof setting[n], "%.*s", VIEW_ARGS(one->value));
		said->responses.at = &altered;
		said->responses.count = 1;
	} else if (api_key == API_DESCRIBE_CLIENT_QUOTAS) {
		struct describe_client_quotas_response *said = response;

		assert_true(((const struct describe_client_quotas_request *)request)->strict);
		value[node].key = VIEW_LITERAL("producer_byte_rate");
		value[node].value = rate[node];
		entry[node].values.at = &value[node];
		entry[node].values.count = 1;
		said->entries.at = &entry[node];
		said->entries.count = rate[node] > 0;
	} else {
		const struct alter_client_quotas_request *asked = request;
		struct alter_client_quotas_response *said = response;

		assert_int_equal(api_key, API_ALTER_CLIENT_QUOTAS);
		for (int n = 1; n <= NODES; n++)
			if (!deaf[n])
				rate[n] = asked->entries.at[0].ops.at[0].remove
						  ? 0
						  : asked->entries.at[0].ops.at[0].value;
		said->entries.at = &limited;
		said->entries.count = 1;
	}
	return ANSWER;
}

static void a_config_is_set_back_without_a_trace(void **state)
{
	static const char *const topics[] = { "orders" };
	struct answers *a = begin(setting_answer);
	struct lever *lever;

	memset(setting, 0, sizeof setting);
	memset(deaf, 0, sizeof deaf);
	assert_int_equal(lever_config_new("config", a->cluster, topics, 1, "retention.ms", "864000000",
					  &lever, &a->fault),
			 0);
	assert_string_equal(observed(a, lever, 0), "[[\"orders\",null]]");
	assert_string_equal(aimed(a, lever, "raise", "[[\"orders\",null]]"), "[[\"orders\",\"864000000\"]]");
	deaf[3] = true;
	assert_int_equal(lever_set(lever, "[[\"orders\",\"864000000\"]]", 1, LONG_MS, &a->fault), 0);
	assert_string_equal(observed(a, lever, ERR_STALE),
			    "broker 1: [[\"orders\",\"864000000\"]]; broker 2: [[\"orders\",\"864000000\"]]; "
			    "broker 3: [[\"orders\",null]]");
	deaf[3] = false;
	assert_int_equal(lever_set(lever, "[[\"orders\",\"864000000\"]]", 1, LONG_MS, &a->fault), 0);
	assert_string_equal(observed(a, lever, 0), "[[\"orders\",\"864000000\"]]");
	assert_int_equal(lever_set(lever, "[[\"orders\",null]]", 1, LONG_MS, &a->fault), 0);
	assert_string_equal(observed(a, lever, 0), "[[\"orders\",null]]");
	assert_int_equal(lever_set(lever, "[[\"orders\",900]]", 1, LONG_MS, &a->fault), ERR_USAGE);
	end(a, lever);
}

/* What keeps as much already, or without limit, or is not told, is left as it is. */
static void a_config_is_never_lowered(void **state)
{
	static const struct {
		const char *stands, *least, *aims;
	} rows[] = {
		{ "900", "1000", "[[\"orders\",\"1000\"]]" },
		{ "1000", "1000", "[[\"orders\",\"1000\"]]" },
		{ "1001", "1000", "[[\"orders\",\"1001\"]]" },
		{ "-1", "1000", "[[\"orders\",\"-1\"]]" },
		{ "1001", "-1", "[[\"orders\",\"-1\"]]" },
		{ "", "1000", "[[\"orders\",null]]" },
		{ "compact", "1000", NULL },
	};
	static const char *const topics[] = { "orders" };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct answers *a = begin(setting_answer);
		struct lever *lever;
		char before[80];

		memset(deaf, 0, sizeof deaf);
		for (int n = 1; n <= NODES; n++)
			snprintf(setting[n], sizeof setting[n], "%s", rows[i].stands);
		assert_int_equal(lever_config_new("config", a->cluster, topics, 1, "retention.ms",
						  rows[i].least, &lever, &a->fault),
				 0);
		snprintf(before, sizeof before, "%s", observed(a, lever, 0));
		buffer_reset(&out);
		if (rows[i].aims)
			assert_string_equal(aimed(a, lever, "raise", before), rows[i].aims);
		else
			assert_int_equal(lever_aim(lever, "raise", before, &out, &a->fault), ERR_UNSUPPORTED);
		assert_int_equal(lever_aim(lever, "lower", before, &out, &a->fault), ERR_USAGE);
		end(a, lever);
	}
}

static void a_quota_is_set_back_without_a_trace(void **state)
{
	static const char *const users[] = { "orders" };
	struct answers *a = begin(setting_answer);
	struct lever *lever;

	memset(rate, 0, sizeof rate);
	memset(deaf, 0, sizeof deaf);
	assert_int_equal(
		lever_quota_new("quota", a->cluster, users, 1, "producer_byte_rate", 0.1, &lever, &a->fault),
		0);
	assert_string_equal(observed(a, lever, 0), "[[\"orders\",null]]");
	assert_string_equal(aimed(a, lever, "limit", "[[\"orders\",null]]"),
			    "[[\"orders\",\"0.10000000000000001\"]]");
	/* Whose own is tighter keeps it. */
	assert_string_equal(aimed(a, lever, "limit", "[[\"orders\",\"0.05\"]]"),
			    "[[\"orders\",\"0.050000000000000003\"]]");
	assert_string_equal(aimed(a, lever, "limit", "[[\"orders\",\"7\"]]"),
			    "[[\"orders\",\"0.10000000000000001\"]]");
	deaf[2] = true;
	assert_int_equal(lever_set(lever, "[[\"orders\",\"0.10000000000000001\"]]", 1, LONG_MS, &a->fault),
			 0);
	observed(a, lever, ERR_STALE);
	deaf[2] = false;
	assert_int_equal(lever_set(lever, "[[\"orders\",\"0.10000000000000001\"]]", 1, LONG_MS, &a->fault),
			 0);
	assert_string_equal(observed(a, lever, 0), "[[\"orders\",\"0.10000000000000001\"]]");
	assert_int_equal(lever_set(lever, "[[\"orders\",null]]", 1, LONG_MS, &a->fault), 0);
	assert_string_equal(observed(a, lever, 0), "[[\"orders\",null]]");
	assert_int_equal(lever_set(lever, "[[\"orders\",\"-1\"]]", 1, LONG_MS, &a->fault), ERR_USAGE);
	assert_int_equal(lever_set(lever, "[[\"orders\",\"1x\"]]", 1, LONG_MS, &a->fault), ERR_USAGE);
	end(a, lever);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_witness_is_made_last_and_taken_away_last),
		cmocka_unit_test(a_witness_of_the_family_is_last_too),
		cmocka_unit_test(setting_back_leaves_what_was_there),
		cmocka_unit_test(brokers_that_lag_are_named),
		cmocka_unit_test(only_what_changed_nothing_is_a_refusal),
		cmocka_unit_test(nothing_but_candidates_is_a_value),
		cmocka_unit_test(names_are_checked_when_the_lever_is_made),
		cmocka_unit_test(an_id_is_taken_and_let_go_of_only_while_it_is_ours),
		cmocka_unit_test(a_config_is_set_back_without_a_trace),
		cmocka_unit_test(a_config_is_never_lowered),
		cmocka_unit_test(a_quota_is_set_back_without_a_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
