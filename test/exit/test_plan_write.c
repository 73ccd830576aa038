/* test_plan_write.c - a plan from what was found, which the parser and the same facts accept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "exit/facts_make.h"
#include "exit/plan.h"
#include "exit/plan_write.h"

static struct plan_writing writing = { .exit_name = "old-to-new",
				       .source = "old.properties",
				       .target = "new:9092" };

/* Writes, parses, holds against the facts; the text stays in `out`. */
static struct plan *round_trip(const struct facts_made *made, struct buffer *out,
			       struct init_summary *summary)
{
	struct plan_faults faults;
	struct plan *plan = NULL;
	struct fault fault = { 0 };
	struct buffer said;

	buffer_init(out, 1 << 20);
	buffer_init(&said, 1 << 20);
	plan_faults_init(&faults, "exit.yaml");
	if (plan_write(&writing, &made->facts, out, summary, &fault) < 0)
		fail_msg("%s", fault.text);
	if (plan_parse(buffer_bytes(out), "", &faults, &plan) < 0 ||
	    plan_check_against(plan, &made->facts, &faults)) {
		plan_faults_print(&faults, &said);
		fail_msg("%s\n%s", buffer_string(out), buffer_string(&said));
	}
	plan_faults_done(&faults);
	buffer_done(&said);
	return plan;
}

static void shop(struct facts_made *made)
{
	*made = (struct facts_made){ 0 };
	made_topics(made, "orders", 4);
	made_topics(made, "orders-dlq", 1);
	made_topics(made, "metrics.cpu", 8);
	made_topic(made, SIDE_SOURCE, "invoices", 4);
	made_topic(made, SIDE_TARGET, "invoices", 6);
	made_topics(made, "prices", 1);
	made_topic(made, SIDE_SOURCE, "old.stuff", 1);
	made_topics(made, "__consumer_offsets", 50);
	made_config(made, SIDE_SOURCE, "prices", "cleanup.policy", "compact");
	made_group(made, "billing", "orders", "invoices");
	made_group(made, "search: \"all\"", "orders", NULL);
	made_group(made, "grafana", "metrics.cpu", NULL);
	made_acl(made, SIDE_SOURCE, "User:shop", ACL_PERMISSION_ALLOW, ACL_OPERATION_WRITE,
		 ACL_PATTERN_PREFIXED, "orders");
	made_acl(made, SIDE_SOURCE, "User:admin", ACL_PERMISSION_ALLOW, ACL_OPERATION_ALL,
		 ACL_PATTERN_LITERAL, "*");
}

static void a_shop_becomes_families(void **state)
{
	struct facts_made made;
	struct init_summary summary;
	struct buffer out;
	struct plan *plan;
	const struct plan_family *orders, *metrics, *prices;

	shop(&made);
	plan = round_trip(&made, &out, &summary);
	orders = plan_family(plan, VIEW_LITERAL("orders"));
	metrics = plan_family(plan, VIEW_LITERAL("metrics"));
	prices = plan_family(plan, VIEW_LITERAL("prices"));
	assert_int_equal(plan->family_count, 3);
	assert_int_equal(summary.family_count, 3);
	assert_int_equal(summary.topic_count, 5);
	assert_int_equal(summary.group_count, 3);
	assert_int_equal(summary.principal_count, 1);
	assert_true(summary.open_count > 0);
	assert_int_equal(orders->topics.count, 3); /* billing reads invoices too */
	assert_int_equal(orders->groups.count, 2);
	assert_true(view_is(orders->groups.at[1].text, "search: \"all\""));
	assert_true(view_is(orders->producers.at[0].text, "User:shop"));
	assert_int_equal(metrics->groups.count, 1);
	assert_true(prices->groups.given && prices->groups.count == 0);
	assert_int_equal(prices->class->limits[LIMIT_PARITY_CLAIM].value, PLAN_CLAIM_LATEST);
	assert_int_equal(orders->pattern.value, PLAN_PATTERN_DUAL_WRITE);
	assert_non_null(
		strstr(buffer_string(&out), "invoices has 4 partitions on the source and 6 on the target"));
	assert_non_null(strstr(buffer_string(&out), "#   old.stuff"));
	assert_non_null(strstr(buffer_string(&out), "User:admin may write to topics of several families"));
	assert_null(strstr(buffer_string(&out), "__consumer"));
	plan_free(plan);
	buffer_done(&out);
}

static void a_common_beginning_says_nothing(void **state)
{
	struct facts_made made = { 0 };
	struct init_summary summary;
	struct buffer out;
	struct plan *plan;

	made_topics(&made, "prod.eu.orders", 1);
	made_topics(&made, "prod.eu.orders.dlq", 1);
	made_topics(&made, "prod.eu.refunds", 1);
	made_topics(&made, "mm2-offset-syncs.target.internal", 1);
	made.facts.sides[SIDE_SOURCE].acls.no_authorizer = true;
	plan = round_trip(&made, &out, &summary);
	assert_int_equal(plan->family_count, 2);
	assert_non_null(plan_family(plan, VIEW_LITERAL("orders")));
	assert_non_null(plan_family(plan, VIEW_LITERAL("refunds")));
	assert_int_equal(plan->families[0].pattern.value, PLAN_PATTERN_STOP_AND_SWITCH);
	plan_free(plan);
	buffer_done(&out);
}

static void only_what_was_asked_for(void **state)
{
	static const char *const topics[] = { "ord*" };
	struct facts_made made;
	struct init_summary summary;
	struct buffer out;
	struct plan *plan;
	struct fault fault = { 0 };

	shop(&made);
	writing.topics = topics;
	writing.topic_count = 1;
	plan = round_trip(&made, &out, &summary);
	assert_int_equal(summary.topic_count, 2);
	plan_free(plan);
	buffer_done(&out);

	writing.topics = (const char *const[]){ "nothing" };
	buffer_init(&out, 1 << 20);
	assert_int_equal(plan_write(&writing, &made.facts, &out, &summary, &fault), ERR_NOT_FOUND);
	writing.topics = (const char *const[]){ "old.stuff" };
	assert_int_equal(plan_write(&writing, &made.facts, &out, &summary, &fault), ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, "target"));
	writing.topic_count = 0;
	buffer_done(&out);
}

/* ---- the plan against what is there ---- */

static void names_that_match_nothing(void **state)
{
	static const char text[] =
		"exit: a\nsource: s:1\ntarget: t:1\nfamilies:\n"
		"- { name: f, class: rehearsal, pattern: bridge, owners: { decision: a@b },\n"
		"    topics: [ order, 'ord*', 'x*' ], groups: [ biling ] }\n"
		"- { name: g, class: rehearsal, pattern: bridge, owners: { decision: a@b },\n"
		"    topics: [ 'o*' ] }\n";
	struct facts_made made;
	struct plan_faults faults;
	struct plan *plan = NULL;
	struct buffer out;

	shop(&made);
	buffer_init(&out, 1 << 16);
	plan_faults_init(&faults, "p");
	assert_int_equal(plan_parse(view_text(text), "", &faults, &plan), ERR_CONFIG);
	plan_faults_print(&faults, &out); /* before the clusters are known */
	assert_string_equal(buffer_string(&out),
			    "p:6:15: topic 'order' is also taken in by 'o*' of family 'g' (line 8)\n"
			    "p:6:15: topic 'order' is also taken in by 'ord*' of family 'f' (line 6)\n");
	plan_faults_done(&faults);

	plan_faults_init(&faults, "p");
	char *without = strdup(text);
	memcpy(strstr(without, "order,"), "0rder,", 6);
	assert_int_equal(plan_parse(view_text(without), "", &faults, &plan), 0);
	assert_true(plan_check_against(plan, &made.facts, &faults) > 0);
	buffer_reset(&out);
	plan_faults_print(&faults, &out);
	assert_string_equal(buffer_string(&out),
			    "p:6:15: the source has no topic '0rder'; did you mean 'orders'?\n"
			    "p:6:30: 'x*' matches no topic of the source\n"
			    "p:6:48: the source has no group 'biling'; did you mean 'billing'?\n"
			    "p:8:15: 'o*' takes in topic 'orders', which is in family 'f' already\n"
			    "p:8:15: 'o*' takes in topic 'orders-dlq', which is in family 'f' already\n");
	free(without);
	plan_free(plan);
	plan_faults_done(&faults);
	buffer_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shop_becomes_families),
		cmocka_unit_test(a_common_beginning_says_nothing),
		cmocka_unit_test(only_what_was_asked_for),
		cmocka_unit_test(names_that_match_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
