/*
 * Access rules in a broker: no API is without its question, and how rules are kept.
 */
#include <setjmp.h>

#include "broker/access.h"
#include "broker/access_table.h"
#include "broker/api.h"
#include "base/text.h"
#include "access_words.h"
#include "guest.h"
#include "store/metadata_inside.h"
#include "store/store_inside.h"
#include "wire/shape.h"

#define AUTHORIZER "org.apache.kafka.metadata.authorizer.StandardAuthorizer"

/* ---- every API ---------------------------------------------------------------------------------------------------------------- */

static int begin(void **state)
{
	return begin_with(state, "authorizer.class.name", AUTHORIZER);
}

/* One of everything. */
static void fill(const struct shape *shape, struct arena *arena, int16_t version, void *out);

static void fill_one(const struct field *field, struct arena *arena, int16_t version, void *at)
{
	switch (field->type) {
	case FIELD_BOOL: *(bool *)at = true; break;
	case FIELD_I8:
		/* Where a default says something it holds; a 2 is a topic, a deny, ALL, and what a filter matches. */
		*(int8_t *)at = strcmp(field->name, "key_type") == 0 ? 0
				: field->initial                     ? (int8_t)field->initial
								     : 2;
		break;
	case FIELD_I16:
		*(int16_t *)at = strcmp(field->name, "acks") == 0 ? 1 : (int16_t)field->initial;
		break;
	case FIELD_STRING:
	case FIELD_BYTES:
	case FIELD_RECORDS: *(struct view *)at = VIEW_LITERAL("x"); break;
	case FIELD_STRUCT: fill(field->shape, arena, version, at); break;
	default: break;
	}
}

static void fill(const struct shape *shape, struct arena *arena, int16_t version, void *out)
{
	for (int i = 0; i < shape->count; i++) {
		const struct field *field = &shape->fields[i];
		uint8_t *at = (uint8_t *)out + field->offset;

		if (!field_in(field, version) || field->tag >= 0)
			continue;
		if (field->flags & FIELD_ARRAY) {
			struct array *array = (struct array *)at;

			array->at = field->shape ? shape_array(field->shape, arena, 1)
						 : arena_array(arena, 1, field_size(field->type, NULL));
			array->count = 1;
			fill_one(field, arena, version, array->at);
		} else if (!(field->flags & FIELD_POINTER)) {
			fill_one(field, arena, version, at);
		}
	}
}

/* Is one of the errors in it that say "not authorized"? */
static bool says_no(const struct shape *shape, const void *in)
{
	bool no = false;

	for (int i = 0; i < shape->count; i++) {
		const struct field *field = &shape->fields[i];
		const uint8_t *at = (const uint8_t *)in + field->offset;
		const struct array *array = (const struct array *)at;

		if (field->type == FIELD_I16 && !(field->flags & FIELD_ARRAY) &&
		    strstr(field->name, "error_code")) {
			int16_t code = *(const int16_t *)at;

			no |= code == KAFKA_TOPIC_AUTHORIZATION_FAILED ||
			      code == KAFKA_GROUP_AUTHORIZATION_FAILED ||
			      code == KAFKA_CLUSTER_AUTHORIZATION_FAILED ||
			      code == KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
		}
		for (int32_t k = 0; field->flags & FIELD_ARRAY && field->shape && k < array->count; k++)
			no |= says_no(field->shape,
				      (const uint8_t *)array->at + (size_t)k * field->shape->size);
	}
	return no;
}

struct heard {
	struct access_ask asks[ACCESS_ASKS_MAX + 1];
	int count;
};

static void hear(void *context, const struct request *request, int operation, int type, struct view name,
		 bool allowed)
{
	struct heard *heard = context;
	struct access_ask ask = { (int8_t)operation, (int8_t)type };

	for (int i = 0; i < heard->count; i++)
		if (heard->asks[i].operation == ask.operation && heard->asks[i].type == ask.type)
			return;
	if (heard->count <= ACCESS_ASKS_MAX)
		heard->asks[heard->count++] = ask;
}

/* Where names are asked for, and where clients ask and not other brokers. */
static int16_t version_of(const struct api_line *line)
{
	switch (line->key) {
	case API_PRODUCE:
	case API_FETCH: return 12;
	case API_ADD_PARTITIONS_TO_TXN: return 3;
	default: return line->until;
	}
}

static bool tells_nobody(int16_t key)
{
	return key == API_LIST_GROUPS || key == API_LIST_TRANSACTIONS || key == API_DESCRIBE_CLUSTER;
}

static void everything_once(struct guest *guest, int16_t key, int16_t version)
{
	const struct api *api = api_find(key);
	void *message = arena_take(&guest->arena, message_size(api->request));

	message_default(api->request, message);
	if (key != API_LIST_TRANSACTIONS) /* there everything is a filter */
		fill(api->request->shape, &guest->arena, version, message);
	guest_ask(guest, key, version, message);
}

static void a_transaction_is_there(struct broker *broker, struct guest *guest)
{
	struct access_rule all = { ACL_RESOURCE_TRANSACTIONAL_ID,
				   LITERAL,
				   ACL_OPERATION_ALL,
				   ACL_PERMISSION_ALLOW,
				   VIEW_LITERAL("*"),
				   VIEW_LITERAL("User:*"),
				   VIEW_LITERAL("*") };
	struct init_producer_id_response response = { 0 };
	struct find_coordinator_request find;

	assert_int_equal(access_rules_add(access_rules_of(broker), &all), 0);
	message_default(&find_coordinator_request_message, &find);
	find.key = VIEW_LITERAL("x");
	find.key_type = 1;
	guest_ask(guest, API_FIND_COORDINATOR, 2, &find);
	guest_wait(guest, 1);
	for (int64_t until = loop_now_ms(broker->loop) + WAIT_MS; loop_now_ms(broker->loop) < until;) {
		struct init_producer_id_request init;
		int at = guest->count;

		message_default(&init_producer_id_request_message, &init);
		init.transactional_id = VIEW_LITERAL("x");
		init.transaction_timeout_ms = 10000;
		guest_ask(guest, API_INIT_PRODUCER_ID, 4, &init);
		guest_wait(guest, at + 1);
		guest_read(guest, at, API_INIT_PRODUCER_ID, 4, &response);
		turn(broker);
		if (!response.error_code)
			break;
	}
	assert_int_equal(response.error_code, 0);
	assert_true(access_rules_remove(access_rules_of(broker), &all));
}

static void no_api_is_without_its_question(void **state)
{
	struct broker *broker = *state;

	for (const struct api_line *line = api_lines; line->handle; line++) {
		const struct access_line *told = access_line_of(line->key);
		const struct api *api = api_find(line->key);
		int16_t version = version_of(line);
		struct heard heard = { .count = 0 };
		struct guest guest;
		int wanted = 0, at;

		if (!told)
			fail_msg("%s has no line in access_table.c", api->name);
		while (wanted < ACCESS_ASKS_MAX && told->asks[wanted].type)
			wanted++;
		if (wanted == 0) {
			assert_non_null(told->why);
			continue;
		}
		guest_come(&guest, broker);
		if (line->key == API_LIST_TRANSACTIONS)
			a_transaction_is_there(broker, &guest);
		access_watch(broker, hear, &heard);
		at = guest.count;
		everything_once(&guest, line->key, version);
		guest_wait(&guest, at + 1);
		access_watch(broker, NULL, NULL);
		if (heard.count != wanted ||
		    memcmp(heard.asks, told->asks, (size_t)wanted * sizeof *told->asks) != 0)
			fail_msg("%s asked %d questions, and the first is %d on %d", api->name, heard.count,
				 heard.asks[0].operation, heard.asks[0].type);
		if (!tells_nobody(line->key)) {
			void *response = arena_take(&guest.arena, message_size(api->response));

			guest_read(&guest, guest.count - 1, line->key, version, response);
			if (!says_no(api->response->shape, response))
				fail_msg("%s did not say that it is not authorized", api->name);
		}
		guest_leave(&guest);
	}
	for (const struct access_line *line = access_lines; line[1].key >= 0; line++)
		assert_true(line->key < line[1].key);
}

/* ---- the store ---------------------------------------------------------------------------------------------------------------- */

static void rules_outlive_a_restart(void **state)
{
	struct create_acls_request create;
	struct create_acls_response created;
	struct access_rule alter = { ACL_RESOURCE_CLUSTER,
				     LITERAL,
				     ACL_OPERATION_ALTER,
				     ACL_PERMISSION_ALLOW,
				     VIEW_LITERAL("kafka-cluster"),
				     VIEW_LITERAL("User:ANONYMOUS"),
				     VIEW_LITERAL("*") },
			   kept = rule(ACL_PERMISSION_ALLOW, "User:a", READ, LITERAL, "kept");
	struct delete_acls_request delete;
	struct delete_acls_response deleted;
	struct broker *broker;
	struct guest guest;

	place_make();
	for (int turn_number = 0; turn_number < 2; turn_number++) {
		broker = broker_begin("authorizer.class.name", AUTHORIZER);
		assert_int_equal(access_rules_count(access_rules_of(broker)), turn_number);
		assert_int_equal(access_rules_has(access_rules_of(broker), &kept), turn_number);
		assert_int_equal(access_rules_add(access_rules_of(broker), &alter), 0);
		guest_come(&guest, broker);
		if (turn_number == 0) {
			message_default(&create_acls_request_message, &create);
			create.creations.at =
				shape_array(&create_acls_request_creation_shape, &guest.arena, 2);
			create.creations.count = 2;
			for (int i = 0; i < 2; i++)
				create.creations.at[i] = (struct create_acls_request_creation){
					.resource_type = kept.type,
					.resource_name = i ? VIEW_LITERAL("") : kept.name,
					.resource_pattern_type = kept.pattern,
					.principal = kept.principal,
					.host = kept.host,
					.operation = kept.operation,
					.permission_type = kept.permission
				};
			guest_ask(&guest, API_CREATE_ACLS, 3, &create);
			guest_wait(&guest, 1);
			guest_read(&guest, 0, API_CREATE_ACLS, 3, &created);
			assert_int_equal(created.results.at[0].error_code, 0);
			assert_int_equal(created.results.at[1].error_code, KAFKA_INVALID_REQUEST);
		} else {
			message_default(&delete_acls_request_message, &delete);
			delete.filters.at = shape_array(&delete_acls_request_filter_shape, &guest.arena, 1);
			delete.filters.count = 1;
			delete.filters.at[0] = (struct delete_acls_request_filter){ 0 };
			delete.filters.at[0].resource_type_filter = ACL_RESOURCE_TOPIC;
			delete.filters.at[0].pattern_type_filter = ACL_PATTERN_ANY;
			delete.filters.at[0].operation = ACL_OPERATION_ANY;
			delete.filters.at[0].permission_type = ACL_PERMISSION_ANY;
			guest_ask(&guest, API_DELETE_ACLS, 3, &delete);
			guest_wait(&guest, 1);
			guest_read(&guest, 0, API_DELETE_ACLS, 3, &deleted);
			assert_int_equal(deleted.filter_results.at[0].matching_acls.count, 1);
			assert_true(view_is(deleted.filter_results.at[0].matching_acls.at[0].resource_name,
					    "kept"));
		}
		guest_leave(&guest);
		broker_end(broker);
	}
	broker = broker_begin("authorizer.class.name", AUTHORIZER);
	assert_int_equal(access_rules_count(access_rules_of(broker)), 0);
	broker_end(broker);
	place_remove();
}

/* Many rules of one request are one transaction of the metadata, which waits for the disk once. */
static void many_rules_are_kept_together(void **state)
{
	enum { MANY = 300 };
	struct broker *broker = *state;
	struct access_rule alter = { ACL_RESOURCE_CLUSTER,
				     LITERAL,
				     ACL_OPERATION_ALL,
				     ACL_PERMISSION_ALLOW,
				     VIEW_LITERAL("kafka-cluster"),
				     VIEW_LITERAL("User:ANONYMOUS"),
				     VIEW_LITERAL("*") };
	struct create_acls_request create;
	struct create_acls_response created;
	struct delete_acls_request delete;
	struct delete_acls_response deleted;
	struct delete_acls_request_filter filter = { .resource_type_filter = ACL_RESOURCE_TOPIC,
						     .pattern_type_filter = ACL_PATTERN_MATCH,
						     .operation = ACL_OPERATION_ANY,
						     .permission_type = ACL_PERMISSION_ANY };
	struct guest guest;
	int64_t before;

	guest_come(&guest, broker);
	assert_int_equal(access_rules_add(access_rules_of(broker), &alter), 0);
	message_default(&create_acls_request_message, &create);
	create.creations.at = shape_array(&create_acls_request_creation_shape, &guest.arena, MANY);
	create.creations.count = MANY;
	for (int i = 0; i < MANY; i++)
		create.creations.at[i] = (struct create_acls_request_creation){
			.resource_type = ACL_RESOURCE_TOPIC,
			.resource_name = view_text(arena_printf(&guest.arena, "orders-%d", i / 2)),
			.resource_pattern_type = i < 100 ? PREFIXED : LITERAL,
			.principal = i % 2 ? VIEW_LITERAL("User:a") : VIEW_LITERAL("User:b"),
			.host = VIEW_LITERAL("*"),
			.operation = READ,
			.permission_type = ACL_PERMISSION_ALLOW
		};
	before = broker->store->metadata->serial;
	guest_hear(&guest, API_CREATE_ACLS, 3, &create, &created);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(created.results.at[i].error_code, 0);
	assert_int_equal(broker->store->metadata->serial, before + 1);
	assert_int_equal(access_rules_count(access_rules_of(broker)), MANY + 1);
	/* What is about this one name, of one principal: by its name, and by its prefixes. */
	filter.resource_name_filter = VIEW_LITERAL("orders-12");
	filter.principal_filter = VIEW_LITERAL("User:a");
	message_default(&delete_acls_request_message, &delete);
	delete.filters.at = &filter;
	delete.filters.count = 1;
	guest_hear(&guest, API_DELETE_ACLS, 3, &delete, &deleted);
	assert_int_equal(deleted.filter_results.at[0].matching_acls.count, 2);
	for (int i = 0; i < 2; i++) {
		assert_true(view_is(deleted.filter_results.at[0].matching_acls.at[i].principal, "User:a"));
		assert_int_equal(deleted.filter_results.at[0].matching_acls.at[i].error_code, 0);
	}
	assert_int_equal(broker->store->metadata->serial, before + 2);
	assert_int_equal(access_rules_count(access_rules_of(broker)), MANY - 1);
	guest_leave(&guest);
}

static void put_done(void *context, int err, const struct fault *fault)
{
	assert_int_equal(err, 0);
	*(bool *)context = true;
}

/* One that is not understood may be a deny: the broker does not start without it. */
static void a_rule_that_is_not_understood(void **state)
{
	struct broker *broker = *state;
	struct properties properties;
	struct fault fault = { 0 };
	bool done = false;

	assert_int_equal(store_setting_put(broker->store, VIEW_LITERAL("acl"), VIEW_LITERAL("x"),
					   VIEW_LITERAL("of a newer version"), put_done, &done),
			 0);
	while (!done)
		turn(broker);
	broker_end(broker);
	properties_init(&properties);
	assert_int_equal(properties_set(&properties, VIEW_LITERAL("authorizer.class.name"),
					VIEW_LITERAL(AUTHORIZER), NULL),
			 0);
	assert_int_equal(loop_new(&clock_system, 1, &the_loop), 0);
	assert_int_equal(broker_open(the_loop,
				     &(struct broker_options){ .folder = the_folder,
							       .host = "127.0.0.1",
							       .properties = &properties },
				     &broker, &fault),
			 ERR_MALFORMED);
	assert_non_null(strstr(fault.text, "access rules"));
	properties_done(&properties);
	loop_free(the_loop);
	/* Without an authorizer nobody asks for them. */
	*state = broker_begin(NULL, NULL);
}

/* ---- by id ---------------------------------------------------------------------------------------------------------------------- */

/* A topic that is named by its id is asked for by its name, and nobody learns more than that it is not his. */
static void a_topic_by_its_id_is_asked_for(void **state)
{
	struct broker *broker = *state;
	struct access_rule create = { ACL_RESOURCE_CLUSTER,
				      LITERAL,
				      ACL_OPERATION_CREATE,
				      ACL_PERMISSION_ALLOW,
				      VIEW_LITERAL("kafka-cluster"),
				      VIEW_LITERAL("User:ANONYMOUS"),
				      VIEW_LITERAL("*") },
			   read_group = { ACL_RESOURCE_GROUP, LITERAL,
					  ACL_OPERATION_READ, ACL_PERMISSION_ALLOW,
					  VIEW_LITERAL("g"),  VIEW_LITERAL("User:ANONYMOUS"),
					  VIEW_LITERAL("*") },
			   mine = rule(ACL_PERMISSION_ALLOW, "User:ANONYMOUS", READ, LITERAL, "mine");
	struct produce_request produce;
	struct produce_response produced;
	struct fetch_request fetch;
	struct fetch_response fetched;
	struct offset_commit_request commit;
	struct offset_commit_response committed;
	struct offset_fetch_request look;
	struct offset_fetch_response found;
	struct delete_topics_request delete;
	struct delete_topics_response deleted;
	struct uuid id, my_id;
	struct guest guest;

	guest_come(&guest, broker);
	assert_int_equal(access_rules_add(access_rules_of(broker), &create), 0);
	assert_int_equal(access_rules_add(access_rules_of(broker), &read_group), 0);
	assert_int_equal(access_rules_add(access_rules_of(broker), &mine), 0);
	ask_topic(&guest, "theirs", 1);
	ask_topic(&guest, "mine", 1);
	memcpy(id.bytes, store_topic_named(broker->store, VIEW_LITERAL("theirs"))->id, 16);
	memcpy(my_id.bytes, store_topic_named(broker->store, VIEW_LITERAL("mine"))->id, 16);

	produce =
		words_produce(&guest.arena, VIEW_LITERAL(""), 0,
			      words_batch(&guest.arena, &batch_options_default, clock_wall_ms(&clock_system),
					  VIEW_LITERAL("k"), VIEW_LITERAL("v")));
	produce.topic_data.at[0].topic_id = id;
	guest_hear(&guest, API_PRODUCE, 13, &produce, &produced);
	assert_int_equal(produced.responses.at[0].partition_responses.at[0].error_code,
			 KAFKA_TOPIC_AUTHORIZATION_FAILED);

	message_default(&fetch_request_message, &fetch);
	fetch.session_epoch = -1;
	fetch.max_bytes = 1 << 20;
	fetch.topics.at = shape_array(&fetch_request_topic_shape, &guest.arena, 2);
	fetch.topics.count = 2;
	for (int i = 0; i < 2; i++) {
		fetch.topics.at[i].topic_id = i ? my_id : id;
		fetch.topics.at[i].partitions.at = words_one(&fetch_request_partition_shape, &guest.arena);
		fetch.topics.at[i].partitions.count = 1;
	}
	guest_hear(&guest, API_FETCH, 13, &fetch, &fetched);
	assert_int_equal(fetched.responses.at[0].partitions.at[0].error_code,
			 KAFKA_TOPIC_AUTHORIZATION_FAILED);
	assert_int_equal(fetched.responses.at[1].partitions.at[0].error_code, 0);

	commit = words_commit(&guest.arena, VIEW_LITERAL("g"), VIEW_LITERAL(""), -1, VIEW_LITERAL(""), 0, 5);
	commit.topics.at[0].topic_id = id;
	do {
		guest_hear(&guest, API_OFFSET_COMMIT, 10, &commit, &committed);
		turn(broker);
	} while (committed.topics.at[0].partitions.at[0].error_code == KAFKA_COORDINATOR_NOT_AVAILABLE);
	assert_int_equal(committed.topics.at[0].partitions.at[0].error_code,
			 KAFKA_TOPIC_AUTHORIZATION_FAILED);
	commit.topics.at[0].topic_id = my_id;
	do {
		guest_hear(&guest, API_OFFSET_COMMIT, 10, &commit, &committed);
		turn(broker);
	} while (committed.topics.at[0].partitions.at[0].error_code == KAFKA_COORDINATOR_NOT_AVAILABLE);
	assert_int_equal(committed.topics.at[0].partitions.at[0].error_code, 0);

	message_default(&offset_fetch_request_message, &look);
	look.groups.at = words_one(&offset_fetch_request_group_shape, &guest.arena);
	look.groups.count = 1;
	look.groups.at[0].group_id = VIEW_LITERAL("g");
	look.groups.at[0].topics.at = words_one(&offset_fetch_request_group_topic_shape, &guest.arena);
	look.groups.at[0].topics.count = 1;
	look.groups.at[0].topics.at[0].topic_id = id;
	look.groups.at[0].topics.at[0].partition_indexes.at = arena_take(&guest.arena, sizeof(int32_t));
	look.groups.at[0].topics.at[0].partition_indexes.at[0] = 0;
	look.groups.at[0].topics.at[0].partition_indexes.count = 1;
	guest_hear(&guest, API_OFFSET_FETCH, 10, &look, &found);
	assert_int_equal(found.groups.at[0].topics.at[0].partitions.at[0].error_code,
			 KAFKA_TOPIC_AUTHORIZATION_FAILED);
	/* Who may not see the topic any more does not find it among all positions of the group either. */
	look.groups.at[0].topics.count = -1;
	guest_hear(&guest, API_OFFSET_FETCH, 10, &look, &found);
	assert_int_equal(found.groups.at[0].topics.count, 1);
	assert_true(access_rules_remove(access_rules_of(broker), &mine));
	guest_hear(&guest, API_OFFSET_FETCH, 10, &look, &found);
	assert_int_equal(found.groups.at[0].error_code, 0);
	assert_int_equal(found.groups.at[0].topics.count, 0);

	message_default(&delete_topics_request_message, &delete);
	delete.topics.at = words_one(&delete_topics_request_topic_shape, &guest.arena);
	delete.topics.count = 1;
	delete.topics.at[0].topic_id = id;
	guest_hear(&guest, API_DELETE_TOPICS, 6, &delete, &deleted);
	assert_int_equal(deleted.responses.at[0].error_code, KAFKA_TOPIC_AUTHORIZATION_FAILED);
	assert_null(deleted.responses.at[0].name.at);
	guest_leave(&guest);
}

static int32_t beat(struct guest *guest, const char *member, int32_t epoch)
{
	static struct view topic = VIEW_LITERAL("mine");
	struct consumer_group_heartbeat_request request;
	struct consumer_group_heartbeat_response response;

	message_default(&consumer_group_heartbeat_request_message, &request);
	request.group_id = VIEW_LITERAL("g");
	request.member_id = view_text(member);
	request.member_epoch = epoch;
	if (epoch == 0) {
		request.rebalance_timeout_ms = 10000;
		request.subscribed_topic_names.at = &topic;
		request.subscribed_topic_names.count = 1;
		request.topic_partitions.count = 0;
	}
	do {
		guest_hear(guest, API_CONSUMER_GROUP_HEARTBEAT, 1, &request, &response);
		turn(guest->broker);
	} while (response.error_code == KAFKA_COORDINATOR_NOT_AVAILABLE ||
		 response.error_code == KAFKA_COORDINATOR_LOAD_IN_PROGRESS);
	assert_int_equal(response.error_code, 0);
	return response.member_epoch;
}

/* What the topics of a commit are told does not depend on whether another of them, which may not be read, is there. */
static void a_commit_does_not_tell_what_is_there(void **state)
{
	static const char *const others[] = { "theirs", "nowhere" };
	struct broker *broker = *state;
	const struct access_rule rules[] = {
		{ ACL_RESOURCE_CLUSTER, LITERAL, ACL_OPERATION_CREATE, ACL_PERMISSION_ALLOW,
		  VIEW_LITERAL("kafka-cluster"), VIEW_LITERAL("User:ANONYMOUS"), VIEW_LITERAL("*") },
		{ ACL_RESOURCE_GROUP, LITERAL, ACL_OPERATION_READ, ACL_PERMISSION_ALLOW, VIEW_LITERAL("g"),
		  VIEW_LITERAL("User:ANONYMOUS"), VIEW_LITERAL("*") },
		rule(ACL_PERMISSION_ALLOW, "User:ANONYMOUS", READ, LITERAL, "mine"),
	};
	struct guest guest;
	int32_t epoch;

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		assert_int_equal(access_rules_add(access_rules_of(broker), &rules[i]), 0);
	guest_come(&guest, broker);
	ask_topic(&guest, "mine", 1);
	ask_topic(&guest, "theirs", 1);
	epoch = beat(&guest, "one", 0);
	beat(&guest, "two", 0); /* which gets nothing, but the epoch goes on */
	assert_true(beat(&guest, "one", epoch) > epoch);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct offset_commit_request commit =
			words_commit(&guest.arena, VIEW_LITERAL("g"), VIEW_LITERAL("one"), epoch,
				     VIEW_LITERAL("mine"), 0, 5);
		struct offset_commit_response response;
		struct offset_commit_request_topic both[2] = { commit.topics.at[0], commit.topics.at[0] };

		both[1].name = view_text(others[i]);
		commit.topics.at = both;
		commit.topics.count = 2;
		guest_hear(&guest, API_OFFSET_COMMIT, 9, &commit, &response);
		assert_int_equal(response.topics.at[0].partitions.at[0].error_code, 0);
		assert_int_equal(response.topics.at[1].partitions.at[0].error_code,
				 KAFKA_TOPIC_AUTHORIZATION_FAILED);
	}
	guest_leave(&guest);
}

/* What goes on where there is no rule does not where there are some, about others. */
static int begin_unruled(void **state)
{
	struct properties *properties = calloc(1, sizeof *properties);
	static const char *const pairs[][2] = { { "authorizer.class.name", AUTHORIZER },
						{ "allow.everyone.if.no.acl.found", "true" },
						{ "super.users", "User:ANON;User:root" } };
	struct fault fault = { 0 };

	place_make();
	properties_init(properties);
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		assert_int_equal(
			properties_set(properties, view_text(pairs[i][0]), view_text(pairs[i][1]), NULL), 0);
	assert_int_equal(loop_new(&clock_system, 1, &the_loop), 0);
	if (broker_open(the_loop,
			&(struct broker_options){
				.folder = the_folder, .host = "127.0.0.1", .properties = properties },
			(struct broker **)state, &fault) < 0)
		fail_msg("%s", fault.text);
	properties_done(properties);
	free(properties);
	return 0;
}

static bool allowed(struct broker *broker, const char *principal)
{
	return access_allowed_to(broker, view_text(principal), "/10.0.0.1", READ, ACL_RESOURCE_TOPIC,
				 VIEW_LITERAL("orders"));
}

static void without_a_rule(void **state)
{
	struct broker *broker = *state;
	struct access_rule one = rule(ACL_PERMISSION_ALLOW, "User:a", READ, LITERAL, "orders");

	assert_true(allowed(broker, "User:b"));
	assert_int_equal(access_rules_add(access_rules_of(broker), &one), 0);
	assert_true(allowed(broker, "User:a"));
	assert_false(allowed(broker, "User:b"));
	assert_true(allowed(broker, "User:root"));
	assert_false(allowed(broker, "User:rooted")); /* a super user is one by the whole of its name */
	assert_false(allowed(broker, "User:ANONYMOUS"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_api_is_without_its_question, begin, guest_end),
		cmocka_unit_test(rules_outlive_a_restart),
		cmocka_unit_test_setup_teardown(many_rules_are_kept_together, begin, guest_end),
		cmocka_unit_test_setup_teardown(a_topic_by_its_id_is_asked_for, begin, guest_end),
		cmocka_unit_test_setup_teardown(a_commit_does_not_tell_what_is_there, begin, guest_end),
		cmocka_unit_test_setup_teardown(a_rule_that_is_not_understood, begin, guest_end),
		cmocka_unit_test_setup_teardown(without_a_rule, begin_unruled, guest_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
