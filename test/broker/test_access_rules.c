/*
 * Access rules: what they say, held against looking at every rule, and how they are written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "access_words.h"
#include "base/check.h"
#include "wire/kafka_error.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
