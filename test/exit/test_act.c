/* test_act.c - who may ask for what, written out: every act by every role, second owners, and the three together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "exit/act.h"
#include "exit/act_right.h"

static struct plan_family family = {
	.name = { .text = VIEW_LITERAL("orders") },
	.owners = { .decision = { .text = VIEW_LITERAL("lead@b") },
		    .on_call = { .text = VIEW_LITERAL("duty@b") },
		    .source = { .text = VIEW_LITERAL("old@b") },
		    .target = { .text = VIEW_LITERAL("new@b") } },
};

static const char *const people[] = { "lead@b",     "duty@b", "old@b",  "new@b",
				      "stranger@x", "",       "LEAD@b", "lead@b " };

/* Columns are the first four people; nobody else may anything. */
static const char *const rights[ACT_COUNT] = {
	[ACT_PROMOTE] = "y...", [ACT_ROLLBACK] = "yy..",    [ACT_HOLD] = "yyyy", [ACT_RESUME] = "yy..",
	[ACT_DRILL] = "yyyy",   [ACT_WAIVE] = "y...",       [ACT_SEAL] = "y...", [ACT_RETIRE] = "y...",
	[ACT_CONFIRM] = "yy..", [ACT_ACKNOWLEDGE] = "yy..",
};

static void every_act_by_everybody(void **state)
{
	for (int act = 0; act < ACT_COUNT; act++) {
		for (size_t who = 0; who < sizeof people / sizeof *people; who++) {
			bool may = act_allowed(&family, (enum act)act, view_text(people[who]), NULL) == 0;

			if (may != (who < 4 && rights[act][who] == 'y'))
				fail_msg("%s by '%s': %s", act_word((enum act)act), people[who],
					 may ? "may" : "may not");
		}
	}
}

/* A role that the plan leaves out is nobody's, not everybody's. */
static void a_role_that_is_not_given(void **state)
{
	struct plan_family bare = { .name = family.name, .owners = { .decision = family.owners.decision } };
	struct fault fault = { 0 };

	assert_int_equal(act_allowed(&bare, ACT_HOLD, VIEW_NULL, &fault), ERR_DENIED);
	assert_int_equal(act_allowed(&bare, ACT_HOLD, VIEW_LITERAL(""), &fault), ERR_DENIED);
	assert_int_equal(act_allowed(&bare, ACT_HOLD, VIEW_LITERAL("duty@b"), &fault), ERR_DENIED);
	assert_non_null(strstr(fault.text, "lead@b (decision)"));
	assert_int_equal(act_second(&bare, VIEW_LITERAL("lead@b"), VIEW_LITERAL(""), &fault), ERR_DENIED);
	assert_int_equal(act_second(&bare, VIEW_LITERAL("lead@b"), VIEW_NULL, &fault), ERR_DENIED);
}

static void words_go_both_ways(void **state)
{
	for (int act = 0; act < ACT_COUNT; act++)
		assert_int_equal(act_find(view_text(act_word((enum act)act))), act);
	assert_int_equal(act_find(VIEW_LITERAL("delete")), -1);
	assert_null(act_word(ACT_COUNT));
}

static void which_acts_take_two(void **state)
{
	for (int act = 0; act < ACT_COUNT; act++) {
		assert_int_equal(act_takes_two((enum act)act, 1), act == ACT_WAIVE);
		assert_int_equal(act_takes_two((enum act)act, 2),
				 act == ACT_WAIVE || act == ACT_SEAL || act == ACT_RETIRE);
	}
}

/* Rows of acts that nobody signed: the second owner, and whether the plan wants two, or signatures. */
static void the_second_owner(void **state)
{
	static const struct {
		const char *act, *by, *second;
		int owners, required, may;
	} rows[] = {
		{ "seal", "lead@b", NULL, 1, 0, 1 },      { "seal", "lead@b", NULL, 2, 0, 0 },
		{ "seal", "lead@b", "duty@b", 2, 0, 1 },  { "seal", "lead@b", "old@b", 2, 0, 1 },
		{ "seal", "lead@b", "lead@b", 2, 0, 0 },  { "seal", "lead@b", "stranger@x", 2, 0, 0 },
		{ "seal", "lead@b", "", 2, 0, 0 },        { "seal", "duty@b", "lead@b", 2, 0, 0 },
		{ "seal", "lead@b", "duty@b", 2, 1, 0 },  { "retire", "lead@b", NULL, 2, 0, 0 },
		{ "retire", "lead@b", "new@b", 2, 0, 1 }, { "waive", "lead@b", NULL, 1, 0, 0 },
		{ "waive", "lead@b", "duty@b", 1, 0, 1 }, { "promote", "lead@b", NULL, 2, 0, 1 },
		{ "promote", "lead@b", NULL, 2, 1, 0 },   { "destroy", "lead@b", NULL, 1, 0, 0 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct plan plan = { .signing = { .required = { .value = rows[i].required },
						  .seal_owners = { .value = rows[i].owners } } };
		json_t *act = json_pack("{s:s, s:s, s:s, s:s, s:{}}", "family", "orders", "act", rows[i].act,
					"by", rows[i].by, "reason", "r", "arguments"),
		       *root = json_pack("{s:s}", "exit", "e");
		struct fault fault = { 0 };
		int err;

		if (rows[i].second)
			json_object_set_new(json_object_get(act, "arguments"), "second",
					    json_string(rows[i].second));
		err = act_right(&plan, &family, root, act, &fault);
		if (err != (rows[i].may ? 0 : ERR_DENIED))
			fail_msg("row %zu: %d %s", i, err, fault.text);
		json_object_del(act, "by");
		assert_int_equal(act_right(&plan, &family, root, act, &fault), ERR_DENIED);
		json_decref(act);
		json_decref(root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_act_by_everybody), cmocka_unit_test(a_role_that_is_not_given),
		cmocka_unit_test(words_go_both_ways),     cmocka_unit_test(which_acts_take_two),
		cmocka_unit_test(the_second_owner),
	};

	return cmocka_run_group_tests_name("act", tests, NULL, NULL);
}
