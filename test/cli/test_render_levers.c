/* test_render_levers.c - what the levers answered, as an operator and as a script see it. */
#include "cli/harness.h"

#include "cli/render_levers.h"

static struct lever_said said[] = {
	{ .family = "orders",
	  .lever = "flag",
	  .value = "source",
	  .get = "./flag get",
	  .set = "./flag set WORD",
	  .drained = "./flag drained",
	  .guard = LEVER_GUARD_REFUSES,
	  .state = LEVER_WAITS,
	  .took_us = 4250 },
	{ .family = "orders",
	  .lever = "group:billing",
	  .value = "running source",
	  .get = "./group get billing",
	  .set = "./group set billing WORD",
	  .guard = LEVER_GUARD_ACCEPTS,
	  .state = -4,
	  .took_us = 500,
	  .text = "it accepts an epoch older than one that it has seen" },
	{ .family = "odd\033[2J",
	  .lever = "flag",
	  .get = "GET https://flags.example/odd",
	  .set = "PUT https://flags.example/odd {\"value\": \"WORD\"}",
	  .state = -4,
	  .took_us = 10000000,
	  .text = "lever flag: GET https://flags.example/odd: no answer in time" },
};

static const struct lever_round all = { said, 3, 1, 1 }, fine = { said, 1, 0, 0 }, none = { NULL, 0, 0, 0 };

static void show(const struct lever_round *round, const char *name)
{
	struct paper paper;

	paper_init(&paper, 100, false);
	levers_paper(&paper, round);
	golden(name, buffer_string(&paper.text));
	paper_done(&paper);
}

static void people_see_a_table(void **state)
{
	show(&all, "levers.txt");
	show(&fine, "levers_fine.txt");
	show(&none, "levers_none.txt");
}

static void machines_see_a_list(void **state)
{
	json_t *list = levers_json(&all);
	char *text = json_dumps(list, JSON_INDENT(1));

	assert_int_equal(json_array_size(list), 3);
	golden("levers.json", text);
	free(text);
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(people_see_a_table),
		cmocka_unit_test(machines_see_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
