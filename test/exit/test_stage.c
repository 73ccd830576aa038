/* test_stage.c - the table of stages: every pair, at rest and in both directions, beside what authority allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "exit/stage.h"

enum { AT_REST, TO_TARGET, TO_SOURCE, FROM_TARGET_UP, FROM_SOURCE_UP, WAYS };

static const struct {
	enum authority moving;
	bool returning;
} ways[WAYS] = {
	[AT_REST] = { AUTHORITY_NONE, false },
	[TO_TARGET] = { AUTHORITY_TARGET, false },
	[TO_SOURCE] = { AUTHORITY_SOURCE, false },
	[FROM_TARGET_UP] = { AUTHORITY_TARGET, true }, /* the way to the target is given up */
	[FROM_SOURCE_UP] = { AUTHORITY_SOURCE, true },
};

/*
 * Rows are where a family stands, columns where it would go: P O A F Q L D o T S R, as in the picture atop stage.h.
 * A letter says by which ways it may: r at rest, t to the target, s to the source, u and v when given up.
 */
static const char *const table[STAGE_COUNT][STAGE_COUNT] = {
	/*                     P   O     A    F    Q     L     D     o     T    S    R   */
	[STAGE_PLANNED] =   { "", "r",  "",  "",  "",   "",   "",   "",   "",  "",  "" },
	[STAGE_OBSERVING] = { "", "",   "r", "",  "",   "",   "",   "",   "",  "",  "" },
	[STAGE_ARMED] =     { "", "ru", "",  "t", "",   "",   "",   "",   "",  "",  "" },
	[STAGE_FENCING] =   { "", "u",  "",  "",  "ts", "",   "",   "",   "v", "",  "" },
	[STAGE_QUIET] =     { "", "u",  "",  "",  "",   "ts", "",   "",   "v", "",  "" },
	[STAGE_LEVEL] =     { "", "u",  "",  "",  "",   "",   "ts", "",   "v", "",  "" },
	[STAGE_DECIDED] =   { "", "",   "",  "",  "",   "",   "",   "ts", "",  "",  "" },
	[STAGE_OPENING] =   { "", "s",  "",  "",  "",   "",   "",   "",   "t", "",  "" },
	[STAGE_TARGET] =    { "", "",   "",  "s", "",   "",   "",   "",   "",  "r", "" },
	[STAGE_SEALED] =    { "", "",   "",  "",  "",   "",   "",   "",   "",  "",  "r" },
	[STAGE_RETIRED] =   { "", "",   "",  "",  "",   "",   "",   "",   "",  "",  "" },
};

static void every_pair(void **state)
{
	static const char letters[WAYS] = { 'r', 't', 's', 'u', 'v' };

	for (int from = 0; from < STAGE_COUNT; from++) {
		for (int to = 0; to < STAGE_COUNT; to++) {
			for (int way = 0; way < WAYS; way++) {
				bool may = stage_may_follow((enum stage)from, (enum stage)to, ways[way].moving,
							    ways[way].returning);

				if (may != (strchr(table[from][to], letters[way]) != NULL))
					fail_msg("%s to %s by way '%c': %s", stage_word((enum stage)from),
						 stage_word((enum stage)to), letters[way], may ? "may" : "may not");
			}
		}
	}
}

/* A crossing that was decided cannot be given up; one that was sealed has no way back. */
static void no_way_back(void **state)
{
	for (int to = 0; to < STAGE_COUNT; to++) {
		for (int way = FROM_TARGET_UP; way <= FROM_SOURCE_UP; way++) {
			assert_false(stage_may_follow(STAGE_DECIDED, (enum stage)to, ways[way].moving, true));
			assert_false(stage_may_follow(STAGE_OPENING, (enum stage)to, ways[way].moving, true));
		}
		for (int way = AT_REST; way <= TO_SOURCE; way++) {
			assert_int_equal(stage_may_follow(STAGE_SEALED, (enum stage)to, ways[way].moving, false),
					 to == STAGE_RETIRED && way == AT_REST);
			assert_false(stage_may_follow(STAGE_RETIRED, (enum stage)to, ways[way].moving, false));
		}
	}
}

static void nothing_past_the_ends(void **state)
{
	assert_false(stage_may_follow(STAGE_COUNT, STAGE_OBSERVING, AUTHORITY_NONE, false));
	assert_false(stage_may_follow(STAGE_PLANNED, STAGE_COUNT, AUTHORITY_NONE, false));
	assert_false(stage_may_follow(STAGE_PLANNED, STAGE_OBSERVING, (enum authority)-1, false));
	assert_false(stage_may_follow((enum stage)-1, STAGE_OBSERVING, AUTHORITY_TARGET, true));
	assert_null(stage_word(STAGE_COUNT));
	assert_null(stage_word((enum stage)-1));
	assert_null(overlay_word(OVERLAY_COUNT));
	assert_null(authority_word(AUTHORITY_COUNT));
}

static void words_go_both_ways(void **state)
{
	for (int i = 0; i < STAGE_COUNT; i++)
		assert_int_equal(stage_find(view_text(stage_word((enum stage)i))), i);
	for (int i = 1; i < OVERLAY_COUNT; i++)
		assert_int_equal(overlay_find(view_text(overlay_word((enum overlay)i))), i);
	for (int i = 0; i < AUTHORITY_COUNT; i++)
		assert_int_equal(authority_find(view_text(authority_word((enum authority)i))), i);
	assert_null(overlay_word(OVERLAY_NONE));
	assert_int_equal(overlay_find(VIEW_LITERAL("")), -1);
	assert_int_equal(stage_find(VIEW_LITERAL("target")), -1);
	assert_int_equal(stage_find(VIEW_LITERAL("TARGETS")), -1);
	assert_int_equal(authority_find(VIEW_LITERAL("TARGET")), -1);
}

static void what_a_stage_is(void **state)
{
	static const enum stage crossing[] = { STAGE_FENCING, STAGE_QUIET, STAGE_LEVEL, STAGE_DECIDED, STAGE_OPENING };
	int count = 0;

	for (int i = 0; i < STAGE_COUNT; i++) {
		count += stage_is_crossing((enum stage)i);
		assert_int_equal(stage_is_decided((enum stage)i), i == STAGE_DECIDED || i == STAGE_OPENING);
	}
	assert_int_equal(count, 5);
	for (int i = 0; i < 5; i++)
		assert_true(stage_is_crossing(crossing[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair),		cmocka_unit_test(no_way_back),
		cmocka_unit_test(nothing_past_the_ends), cmocka_unit_test(words_go_both_ways),
		cmocka_unit_test(what_a_stage_is),
	};

	return cmocka_run_group_tests_name("stage", tests, NULL, NULL);
}
