/*
 * Access rules: what they say, how they are kept, and that no API is without its question.
 */
#include <setjmp.h>

#include "broker/access.h"
#include "broker/access_table.h"
#include "broker/api.h"
#include "base/text.h"
#include "guest.h"
#include "store/metadata_inside.h"
#include "store/store_inside.h"
#include "wire/shape.h"

#define AUTHORIZER "org.apache.kafka.metadata.authorizer.StandardAuthorizer"

/* ---- the index ---------------------------------------------------------------------------------------------------------------- */

static struct access_rule rule(int permission, const char *principal, int operation, int pattern,
			       const char *name)
{
	return (struct access_rule){ ACL_RESOURCE_TOPIC, (int8_t)pattern, (int8_t)operation,
				     (int8_t)permission, view_text(name), view_text(principal),
				     VIEW_LITERAL("*") };
}

static enum access_answer ask(struct access_rules *rules, const char *principal, int operation,
			      const char *name)
{
	struct access_question question = { ACL_RESOURCE_TOPIC, (int8_t)operation, view_text(name),
					    view_text(principal), VIEW_LITERAL("10.0.0.1") };

	return access_rules_ask(rules, &question);
}

static void allow(struct access_rules *rules, const char *principal, int operation, int pattern,
		  const char *name)
{
	struct access_rule one = rule(ACL_PERMISSION_ALLOW, principal, operation, pattern, name);

	assert_int_equal(access_rules_add(rules, &one), 0);
}

static void deny(struct access_rules *rules, const char *principal, int operation, int pattern,
		 const char *name)
{
	struct access_rule one = rule(ACL_PERMISSION_DENY, principal, operation, pattern, name);

	assert_int_equal(access_rules_add(rules, &one), 0);
}

#define READ     ACL_OPERATION_READ
#define WRITE    ACL_OPERATION_WRITE
#define DESCRIBE ACL_OPERATION_DESCRIBE
#define LITERAL  ACL_PATTERN_LITERAL
#define PREFIXED ACL_PATTERN_PREFIXED

static void rules_by_name_by_prefix_and_for_all(void **state)
{
	struct access_rules *rules;

	assert_int_equal(access_rules_new(100, &rules), 0);
	assert_int_equal(ask(rules, "User:a", READ, "orders"), ACCESS_NO_RULE);
	allow(rules, "User:a", READ, LITERAL, "orders");
	assert_int_equal(ask(rules, "User:a", READ, "orders"), ACCESS_ALLOWED);
	assert_int_equal(ask(rules, "User:b", READ, "orders"), ACCESS_NOT_ALLOWED);
	assert_int_equal(ask(rules, "User:a", READ, "orders-1"), ACCESS_NO_RULE);
	allow(rules, "User:b", WRITE, PREFIXED, "ord");
	assert_int_equal(ask(rules, "User:b", WRITE, "orders"), ACCESS_ALLOWED);
	assert_int_equal(ask(rules, "User:b", WRITE, "ord"), ACCESS_ALLOWED);
	assert_int_equal(ask(rules, "User:b", WRITE, "or"), ACCESS_NO_RULE);
	assert_int_equal(ask(rules, "User:b", READ, "orders-1"), ACCESS_NOT_ALLOWED);
	allow(rules, "User:*", READ, LITERAL, "*");
	assert_int_equal(ask(rules, "User:c", READ, "anything"), ACCESS_ALLOWED);
	/* A prefixed star is a name that begins with a star. */
	allow(rules, "User:c", WRITE, PREFIXED, "*");
	assert_int_equal(ask(rules, "User:c", WRITE, "anything"), ACCESS_NOT_ALLOWED);
	assert_int_equal(ask(rules, "User:c", WRITE, "*thing"), ACCESS_ALLOWED);
	access_rules_free(rules);
}

static void a_deny_goes_before_all(void **state)
{
	struct access_rules *rules;
	struct access_rule gone;

	assert_int_equal(access_rules_new(100, &rules), 0);
	allow(rules, "User:a", ACL_OPERATION_ALL, LITERAL, "orders");
	deny(rules, "User:*", WRITE, PREFIXED, "o");
	assert_int_equal(ask(rules, "User:a", READ, "orders"), ACCESS_ALLOWED);
	assert_int_equal(ask(rules, "User:a", WRITE, "orders"), ACCESS_DENIED);
	/* What is allowed implies; what is denied does not. */
	assert_int_equal(ask(rules, "User:a", DESCRIBE, "orders"), ACCESS_ALLOWED);
	deny(rules, "User:a", READ, LITERAL, "*");
	assert_int_equal(ask(rules, "User:a", DESCRIBE, "orders"), ACCESS_ALLOWED);
	gone = rule(ACL_PERMISSION_DENY, "User:*", WRITE, PREFIXED, "o");
	assert_true(access_rules_remove(rules, &gone));
	assert_false(access_rules_remove(rules, &gone));
	assert_int_equal(ask(rules, "User:a", WRITE, "orders"), ACCESS_ALLOWED);
	access_rules_free(rules);
}

static void what_implies_what(void **state)
{
	static const int describes[] = { READ, WRITE, ACL_OPERATION_DELETE, ACL_OPERATION_ALTER };
	struct access_rules *rules;
	char name[2] = "a";

	assert_int_equal(access_rules_new(100, &rules), 0);
	for (int operation = 3; operation <= 12; operation++, name[0]++) {
		bool implies = operation == DESCRIBE;

		for (size_t i = 0; i < 4; i++)
			implies |= describes[i] == operation;
		allow(rules, "User:a", operation, LITERAL, name);
		assert_int_equal(ask(rules, "User:a", DESCRIBE, name),
				 implies ? ACCESS_ALLOWED : ACCESS_NOT_ALLOWED);
		assert_int_equal(ask(rules, "User:a", ACL_OPERATION_DESCRIBE_CONFIGS, name),
				 operation == ACL_OPERATION_DESCRIBE_CONFIGS ||
						 operation == ACL_OPERATION_ALTER_CONFIGS
					 ? ACCESS_ALLOWED
					 : ACCESS_NOT_ALLOWED);
	}
	access_rules_free(rules);
}

static void hosts(void **state)
{
	struct access_rule one = rule(ACL_PERMISSION_ALLOW, "User:a", READ, LITERAL, "orders");
	struct access_question question = { ACL_RESOURCE_TOPIC, READ, VIEW_LITERAL("orders"),
					    VIEW_LITERAL("User:a"), VIEW_LITERAL("10.0.0.1") };
	struct access_rules *rules;

	assert_int_equal(access_rules_new(100, &rules), 0);
	one.host = VIEW_LITERAL("10.0.0.2");
	assert_int_equal(access_rules_add(rules, &one), 0);
	assert_int_equal(access_rules_ask(rules, &question), ACCESS_NOT_ALLOWED);
	question.host = VIEW_LITERAL("10.0.0.2");
	assert_int_equal(access_rules_ask(rules, &question), ACCESS_ALLOWED);
	/* As Java writes it, and as we do. */
	one.host = VIEW_LITERAL("0:0:0:0:0:0:0:1");
	assert_int_equal(access_rules_add(rules, &one), 0);
	question.host = VIEW_LITERAL("::1");
	assert_int_equal(access_rules_ask(rules, &question), ACCESS_ALLOWED);
	question.host = VIEW_LITERAL("::2");
	assert_int_equal(access_rules_ask(rules, &question), ACCESS_NOT_ALLOWED);
	access_rules_free(rules);
}

static bool ask_any(struct access_rules *rules, const char *principal)
{
	struct access_question question = { ACL_RESOURCE_TOPIC, WRITE, VIEW_NULL, view_text(principal),
					    VIEW_LITERAL("10.0.0.1") };

	return access_rules_ask_any(rules, &question);
}

static void somewhere_at_least(void **state)
{
	struct access_rules *rules;

	assert_int_equal(access_rules_new(100, &rules), 0);
	assert_false(ask_any(rules, "User:a"));
	allow(rules, "User:a", READ, LITERAL, "*");
	assert_false(ask_any(rules, "User:a"));
	allow(rules, "User:a", WRITE, LITERAL, "orders");
	assert_true(ask_any(rules, "User:a"));
	deny(rules, "User:a", WRITE, LITERAL, "orders");
	assert_false(ask_any(rules, "User:a"));
	allow(rules, "User:a", ACL_OPERATION_ALL, PREFIXED, "shop-");
	assert_true(ask_any(rules, "User:a"));
	deny(rules, "User:*", WRITE, PREFIXED, "sh");
	assert_false(ask_any(rules, "User:a"));
	allow(rules, "User:a", WRITE, LITERAL, "*");
	assert_true(ask_any(rules, "User:a"));
	deny(rules, "User:a", WRITE, LITERAL, "*");
	assert_false(ask_any(rules, "User:a"));
	access_rules_free(rules);
}

/* Random rules and questions: the index says what looking at every rule says. */
static uint64_t chance_state;

static unsigned chance(unsigned below)
{
	chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(chance_state >> 33) % below;
}

static const char *const names[] = { "*", "a", "ab", "abc", "abd", "b", "ba", "*a" };
static const char *const principals[] = { "User:*", "User:a", "User:b", "Group:a" };
static const char *const places[] = { "*", "h1", "h2" };

static struct access_rule random_rule(void)
{
	return (struct access_rule){ (int8_t)(2 + chance(2)),     (int8_t)(3 + chance(2)),
				     (int8_t)(2 + chance(9)),     (int8_t)(2 + chance(2)),
				     view_text(names[chance(8)]), view_text(principals[chance(4)]),
				     view_text(places[chance(3)]) };
}

static enum access_answer plainly(const struct access_rule *all, int count, const struct access_question *q)
{
	bool any = false, allowed = false, denied = false;

	for (int i = 0; i < count; i++) {
		const struct access_rule *one = &all[i];
		bool star = one->pattern == LITERAL && view_is(one->name, "*"), allows = one->permission == 3,
		     named = one->pattern == LITERAL
				     ? view_equal(one->name, q->name)
				     : one->name.size <= q->name.size &&
					       memcmp(one->name.at, q->name.at, one->name.size) == 0,
		     fits = one->operation == 2 || one->operation == q->operation;

		if (one->type != q->type || !(star || named))
			continue;
		any = true;
		if (allows && q->operation == 8)
			fits |= one->operation == 3 || one->operation == 4 || one->operation == 6 ||
				one->operation == 7;
		if (allows && q->operation == 10)
			fits |= one->operation == 11;
		if (!fits ||
		    !(view_equal(one->principal, q->principal) || view_is(one->principal, "User:*")) ||
		    !(view_is(one->host, "*") || view_equal(one->host, q->host)))
			continue;
		allowed |= allows;
		denied |= !allows;
	}
	return denied ? ACCESS_DENIED : allowed ? ACCESS_ALLOWED : any ? ACCESS_NOT_ALLOWED : ACCESS_NO_RULE;
}

static void the_index_says_what_all_rules_say(void **state)
{
	struct access_rule all[40];

	for (chance_state = 1; chance_state < 200; chance_state++) {
		uint64_t seed = chance_state;
		struct access_rules *rules;
		int count = 0;

		assert_int_equal(access_rules_new(100, &rules), 0);
		for (int i = 0; i < 120; i++) {
			struct access_question q;

			if (chance(3) > 0 && count < 40) {
				all[count] = random_rule();
				count += access_rules_add(rules, &all[count]) == 0;
			} else if (count > 0) {
				int at = (int)chance((unsigned)count);

				assert_true(access_rules_remove(rules, &all[at]));
				all[at] = all[--count];
			}
			assert_int_equal(access_rules_count(rules), count);
			q = (struct access_question){ (int8_t)(2 + chance(2)), (int8_t)(3 + chance(9)),
						      view_text(names[1 + chance(7)]),
						      view_text(principals[1 + chance(3)]),
						      view_text(places[1 + chance(2)]) };
			assert_int_equal(access_rules_ask(rules, &q), plainly(all, count, &q));
		}
		access_rules_free(rules);
		chance_state = seed;
	}
}

static void no_more_than_the_limit(void **state)
{
	struct access_rule one = rule(ACL_PERMISSION_ALLOW, "User:a", READ, LITERAL, "first"),
			   two = rule(ACL_PERMISSION_ALLOW, "User:a", READ, LITERAL, "second");
	struct access_rules *rules;

	assert_int_equal(access_rules_new(1, &rules), 0);
	assert_int_equal(access_rules_add(rules, &one), 0);
	assert_int_equal(access_rules_add(rules, &one), 1);
	assert_int_equal(access_rules_add(rules, &two), ERR_LIMIT);
	assert_int_equal(access_rules_count(rules), 1);
	access_rules_free(rules);
}

/* Every prefix and many flips of what is kept: read or refused, and never past its end. */
static void what_is_kept_is_read_again(void **state)
{
	struct access_rule in = rule(ACL_PERMISSION_DENY, "User:a", READ, PREFIXED, "orders"), out;
	struct buffer bytes;

	buffer_init(&bytes, 1000);
	access_rule_write(&in, &bytes);
	assert_true(access_rule_read(buffer_bytes(&bytes), &out));
	assert_int_equal(out.permission, ACL_PERMISSION_DENY);
	assert_int_equal(out.pattern, PREFIXED);
	assert_true(view_is(out.name, "orders") && view_is(out.principal, "User:a") &&
		    view_is(out.host, "*"));
	for (size_t size = 0; size < bytes.size; size++) {
		uint8_t *part = malloc(size ? size : 1);

		memcpy(part, bytes.at, size);
		assert_false(access_rule_read(view_of(part, size), &out));
		free(part);
	}
	for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
		uint8_t *whole = malloc(bytes.size);

		memcpy(whole, bytes.at, bytes.size);
		whole[bit / 8] ^= (uint8_t)(1 << bit % 8);
		access_rule_read(view_of(whole, bytes.size), &out);
		free(whole);
	}
	buffer_done(&bytes);
}

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
		cmocka_unit_test(rules_by_name_by_prefix_and_for_all),
		cmocka_unit_test(a_deny_goes_before_all),
		cmocka_unit_test(what_implies_what),
		cmocka_unit_test(hosts),
		cmocka_unit_test(somewhere_at_least),
		cmocka_unit_test(the_index_says_what_all_rules_say),
		cmocka_unit_test(no_more_than_the_limit),
		cmocka_unit_test(what_is_kept_is_read_again),
		cmocka_unit_test_setup_teardown(no_api_is_without_its_question, begin, guest_end),
		cmocka_unit_test(rules_outlive_a_restart),
		cmocka_unit_test_setup_teardown(many_rules_are_kept_together, begin, guest_end),
		cmocka_unit_test_setup_teardown(a_topic_by_its_id_is_asked_for, begin, guest_end),
		cmocka_unit_test_setup_teardown(a_rule_that_is_not_understood, begin, guest_end),
		cmocka_unit_test_setup_teardown(without_a_rule, begin_unruled, guest_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
