/* test_acl_rights.c - one row a decision, as Kafka's authorizer takes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "exit/acl_rights.h"

#define TOPIC ACL_RESOURCE_TOPIC
#define GROUP ACL_RESOURCE_GROUP
#define IS    ACL_PATTERN_LITERAL
#define PRE   ACL_PATTERN_PREFIXED
#define YES   ACL_PERMISSION_ALLOW
#define NO    ACL_PERMISSION_DENY
#define ALL   ACL_OPERATION_ALL
#define READ  ACL_OPERATION_READ
#define WRITE ACL_OPERATION_WRITE
#define DESC  ACL_OPERATION_DESCRIBE
#define CONF  ACL_OPERATION_DESCRIBE_CONFIGS
#define ALTC  ACL_OPERATION_ALTER_CONFIGS

/* clang-format off */
static const struct row {
	const char *name;
	struct acl acls[3];
	const char *super;
	bool everyone;
	int operation, type;
	const char *resource;
	enum rights_answer answer;
} rows[] = {
	{ "nothing", { { 0 } }, NULL, false, READ, TOPIC, "orders", RIGHTS_NO },
	{ "nothing, and that means yes", { { 0 } }, NULL, true, READ, TOPIC, "orders", RIGHTS_EVERYBODY },
	{ "another's ACL guards it", { { TOPIC, IS, READ, YES, "orders", "User:bob", "*" } }, NULL, true, READ, TOPIC, "orders", RIGHTS_NO },
	{ "its own", { { TOPIC, IS, READ, YES, "orders", "User:ann", "*" } }, NULL, false, READ, TOPIC, "orders", RIGHTS_YES },
	{ "another operation", { { TOPIC, IS, READ, YES, "orders", "User:ann", "*" } }, NULL, false, WRITE, TOPIC, "orders", RIGHTS_NO },
	{ "another kind of thing", { { GROUP, IS, READ, YES, "orders", "User:ann", "*" } }, NULL, false, READ, TOPIC, "orders", RIGHTS_NO },
	{ "another topic", { { TOPIC, IS, READ, YES, "orders", "User:ann", "*" } }, NULL, false, READ, TOPIC, "orders2", RIGHTS_NO },
	{ "by prefix", { { TOPIC, PRE, READ, YES, "ord", "User:ann", "*" } }, NULL, false, READ, TOPIC, "orders", RIGHTS_YES },
	{ "prefix is no glob", { { TOPIC, PRE, READ, YES, "ord*", "User:ann", "*" } }, NULL, false, READ, TOPIC, "orders", RIGHTS_NO },
	{ "by *", { { TOPIC, IS, READ, YES, "*", "User:ann", "*" } }, NULL, false, READ, TOPIC, "orders", RIGHTS_YES },
	{ "everybody by User:*", { { TOPIC, IS, READ, YES, "orders", "User:*", "*" } }, NULL, false, READ, TOPIC, "orders", RIGHTS_YES },
	{ "ALL is every operation", { { TOPIC, IS, ALL, YES, "orders", "User:ann", "*" } }, NULL, false, WRITE, TOPIC, "orders", RIGHTS_YES },
	{ "WRITE implies DESCRIBE", { { TOPIC, IS, WRITE, YES, "orders", "User:ann", "*" } }, NULL, false, DESC, TOPIC, "orders", RIGHTS_YES },
	{ "DESCRIBE implies nothing", { { TOPIC, IS, DESC, YES, "orders", "User:ann", "*" } }, NULL, false, READ, TOPIC, "orders", RIGHTS_NO },
	{ "ALTER_CONFIGS implies DESCRIBE_CONFIGS", { { TOPIC, IS, ALTC, YES, "orders", "User:ann", "*" } }, NULL, false, CONF, TOPIC, "orders", RIGHTS_YES },
	{ "deny beats allow", { { TOPIC, IS, READ, YES, "orders", "User:ann", "*" }, { TOPIC, IS, READ, NO, "orders", "User:ann", "*" } }, NULL, false, READ, TOPIC, "orders", RIGHTS_DENIED },
	{ "a wide deny beats a narrow allow", { { TOPIC, IS, READ, YES, "orders", "User:ann", "*" }, { TOPIC, PRE, ALL, NO, "o", "User:*", "*" } }, NULL, false, READ, TOPIC, "orders", RIGHTS_DENIED },
	{ "the order does not matter", { { TOPIC, PRE, ALL, NO, "o", "User:*", "*" }, { TOPIC, IS, READ, YES, "orders", "User:ann", "*" } }, NULL, false, READ, TOPIC, "orders", RIGHTS_DENIED },
	{ "a deny of WRITE does not deny DESCRIBE", { { TOPIC, IS, READ, YES, "orders", "User:ann", "*" }, { TOPIC, IS, WRITE, NO, "orders", "User:ann", "*" } }, NULL, false, DESC, TOPIC, "orders", RIGHTS_YES },
	{ "a deny of another", { { TOPIC, IS, READ, YES, "orders", "User:ann", "*" }, { TOPIC, IS, READ, NO, "orders", "User:bob", "*" } }, NULL, false, READ, TOPIC, "orders", RIGHTS_YES },
	{ "from one host", { { TOPIC, IS, READ, YES, "orders", "User:ann", "10.0.0.1" } }, NULL, false, READ, TOPIC, "orders", RIGHTS_HOST },
	{ "not from one host", { { TOPIC, IS, READ, YES, "orders", "User:ann", "*" }, { TOPIC, IS, READ, NO, "orders", "User:ann", "10.0.0.1" } }, NULL, false, READ, TOPIC, "orders", RIGHTS_HOST },
	{ "a super user", { { TOPIC, IS, READ, NO, "orders", "User:ann", "*" } }, "User:root; User:ann", false, READ, TOPIC, "orders", RIGHTS_SUPER },
	{ "no super user", { { 0 } }, "User:root;User:anna", false, READ, TOPIC, "orders", RIGHTS_NO },
};
/* clang-format on */

static void every_decision(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct acl acls[3];
		struct acl_list list = { .at = acls };
		struct rights_view view = { &list, rows[i].super, rows[i].everyone };
		enum rights_answer answer;

		memcpy(acls, rows[i].acls, sizeof acls);
		while (list.count < 3 && acls[list.count].principal)
			list.count++;
		answer = rights_of(&view, "User:ann", rows[i].operation, rows[i].type, rows[i].resource);
		if (answer != rows[i].answer)
			fail_msg("%s: %s, not %s", rows[i].name, rights_text(answer),
				 rights_text(rows[i].answer));
	}
}

static void without_an_authorizer_everybody_may(void **state)
{
	struct acl_list list = { .no_authorizer = true };
	struct rights_view view = { &list, NULL, false };

	assert_int_equal(rights_of(&view, "User:ann", WRITE, TOPIC, "orders"), RIGHTS_EVERYBODY);
	assert_true(rights_allow(RIGHTS_EVERYBODY) && rights_allow(RIGHTS_SUPER) && rights_allow(RIGHTS_YES));
	assert_false(rights_allow(RIGHTS_NO) || rights_allow(RIGHTS_DENIED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_decision),
		cmocka_unit_test(without_an_authorizer_everybody_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
