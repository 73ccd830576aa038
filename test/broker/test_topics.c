/* test_topics.c - what administrators may ask for, and what they are told: topics, configs, users. */
#include "base/text.h"
#include "broker/guest.h"
#include "broker/nodes.h"

enum { SET = 0, DELETE = 1 };

static int begin(void **state)
{
	return begin_with(state, "ssl.keystore.password", "a secret");
}

static int16_t make(struct guest *guest, const char *name, bool validate_only)
{
	struct create_topics_request request;
	struct create_topics_response response;

	message_default(&create_topics_request_message, &request);
	request.validate_only = validate_only;
	request.topics.at = words_one(&create_topics_request_topic_shape, &guest->arena);
	request.topics.count = 1;
	request.topics.at[0].name = view_text(name);
	request.topics.at[0].num_partitions = 2;
	request.topics.at[0].replication_factor = 1;
	guest_hear(guest, API_CREATE_TOPICS, 5, &request, &response);
	return response.topics.at[0].error_code;
}

static int16_t grow(struct guest *guest, const char *name, int32_t count, bool validate_only)
{
	struct create_partitions_request request;
	struct create_partitions_response response;

	message_default(&create_partitions_request_message, &request);
	request.validate_only = validate_only;
	request.topics.at = words_one(&create_partitions_request_topic_shape, &guest->arena);
	request.topics.count = 1;
	request.topics.at[0].name = view_text(name);
	request.topics.at[0].count = count;
	request.topics.at[0].assignments.count = -1;
	guest_hear(guest, API_CREATE_PARTITIONS, 3, &request, &response);
	return response.results.at[0].error_code;
}

static int16_t alter(struct guest *guest, const char *name, int8_t operation, const char *value,
		     bool validate_only)
{
	struct incremental_alter_configs_request request;
	struct incremental_alter_configs_response response;

	message_default(&incremental_alter_configs_request_message, &request);
	request.validate_only = validate_only;
	request.resources.at = words_one(&incremental_alter_configs_request_resource_shape, &guest->arena);
	request.resources.count = 1;
	request.resources.at[0].resource_type = 2;
	request.resources.at[0].resource_name = VIEW_LITERAL("a.b");
	request.resources.at[0].configs.at =
		words_one(&incremental_alter_configs_request_config_shape, &guest->arena);
	request.resources.at[0].configs.count = 1;
	request.resources.at[0].configs.at[0].name = view_text(name);
	request.resources.at[0].configs.at[0].config_operation = operation;
	request.resources.at[0].configs.at[0].value = view_text(value);
	guest_hear(guest, API_INCREMENTAL_ALTER_CONFIGS, 1, &request, &response);
	return response.responses.at[0].error_code;
}

/* The value of one config; null when it is told as null. */
static struct view told(struct guest *guest, int8_t type, const char *resource, const char *name)
{
	struct describe_configs_request request;
	struct describe_configs_response response;
	struct view key = view_text(name);

	message_default(&describe_configs_request_message, &request);
	request.include_synonyms = true;
	request.resources.at = words_one(&describe_configs_request_resource_shape, &guest->arena);
	request.resources.count = 1;
	request.resources.at[0].resource_type = type;
	request.resources.at[0].resource_name = view_text(resource);
	request.resources.at[0].configuration_keys.at = &key;
	request.resources.at[0].configuration_keys.count = 1;
	guest_hear(guest, API_DESCRIBE_CONFIGS, 4, &request, &response);
	assert_int_equal(response.results.at[0].error_code, 0);
	assert_int_equal(response.results.at[0].configs.count, 1);
	for (int32_t i = 0; i < response.results.at[0].configs.at[0].synonyms.count; i++)
		assert_false(view_is(response.results.at[0].configs.at[0].synonyms.at[i].value, "a secret"));
	return response.results.at[0].configs.at[0].value;
}

static void topics_and_partitions(void **state)
{
	struct broker *broker = *state;
	struct guest guest;

	guest_come(&guest, broker);
	assert_int_equal(make(&guest, "a.b", true), 0);
	assert_null(store_topic_named(broker->store, VIEW_LITERAL("a.b")));
	assert_int_equal(make(&guest, "a.b", false), 0);
	assert_int_equal(make(&guest, "a.b", false), KAFKA_TOPIC_ALREADY_EXISTS);
	assert_int_equal(make(&guest, "a_b", false),
			 KAFKA_INVALID_TOPIC_EXCEPTION); /* one name for metrics */
	assert_int_equal(make(&guest, "a/b", false), KAFKA_INVALID_TOPIC_EXCEPTION);
	assert_int_equal(grow(&guest, "a.b", 2, false), KAFKA_INVALID_PARTITIONS);
	assert_int_equal(grow(&guest, "a.b", 1, false), KAFKA_INVALID_PARTITIONS);
	assert_int_equal(grow(&guest, "a.b", 3, true), 0);
	assert_int_equal(store_topic_named(broker->store, VIEW_LITERAL("a.b"))->partition_count, 2);
	assert_int_equal(grow(&guest, "a.b", 3, false), 0);
	assert_int_equal(store_topic_named(broker->store, VIEW_LITERAL("a.b"))->partition_count, 3);
	guest_leave(&guest);
}

/* What one change does not name stays as it is. */
static void configs(void **state)
{
	struct guest guest;

	guest_come(&guest, *state);
	make(&guest, "a.b", false);
	assert_int_equal(alter(&guest, "retention.ms", SET, "1000", false), 0);
	assert_int_equal(alter(&guest, "max.message.bytes", SET, "5000", false), 0);
	assert_int_equal(alter(&guest, "retention.ms", SET, "2000", true), 0);
	assert_true(view_is(told(&guest, 2, "a.b", "retention.ms"), "1000"));
	assert_true(view_is(told(&guest, 2, "a.b", "max.message.bytes"), "5000"));
	assert_int_equal(alter(&guest, "retention.ms", SET, "soon", false), KAFKA_INVALID_CONFIG);
	assert_int_equal(alter(&guest, "retention.ms", DELETE, NULL, false), 0);
	assert_true(view_is(told(&guest, 2, "a.b", "retention.ms"), "604800000"));
	assert_true(view_is(told(&guest, 2, "a.b", "max.message.bytes"), "5000"));
	/* Who asks for a password is told that there is one, and not which. */
	assert_null(told(&guest, 4, arena_printf(&guest.arena, "%d", guest.broker->nodes[0].id),
			 "ssl.keystore.password")
			    .at);
	guest_leave(&guest);
}

static int16_t add_user(struct guest *guest, int32_t iterations)
{
	static const uint8_t bytes[32] = { 1 };
	struct alter_user_scram_credentials_request request;
	struct alter_user_scram_credentials_response response;

	message_default(&alter_user_scram_credentials_request_message, &request);
	request.upsertions.at =
		words_one(&alter_user_scram_credentials_request_upsertion_shape, &guest->arena);
	request.upsertions.count = 1;
	request.upsertions.at[0].name = VIEW_LITERAL("alice");
	request.upsertions.at[0].mechanism = 1;
	request.upsertions.at[0].iterations = iterations;
	request.upsertions.at[0].salt = view_of(bytes, 16);
	request.upsertions.at[0].salted_password = view_of(bytes, 32);
	guest_hear(guest, API_ALTER_USER_SCRAM_CREDENTIALS, 0, &request, &response);
	return response.results.at[0].error_code;
}

static void users(void **state)
{
	struct guest guest;

	guest_come(&guest, *state);
	assert_int_equal(add_user(&guest, 4095), KAFKA_UNACCEPTABLE_CREDENTIAL);
	assert_int_equal(add_user(&guest, 16385), KAFKA_UNACCEPTABLE_CREDENTIAL);
	assert_int_equal(add_user(&guest, 4096), 0);
	guest_leave(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(topics_and_partitions),
		cmocka_unit_test(configs),
		cmocka_unit_test(users),
	};

	return cmocka_run_group_tests(tests, begin, guest_end);
}
