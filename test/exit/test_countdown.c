/* test_countdown.c - the plan read in reverse: what must be true, when, and who owns it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "exit/countdown.h"
#include "exit/judged_world.h"

static const struct countdown_item *item_that(const struct countdown *countdown, const char *must)
{
	for (int i = 0; i < countdown->count; i++)
		if (strstr(countdown->items[i].must, must))
			return &countdown->items[i];
	return NULL;
}

static void what_must_be_true_and_when(void **state)
{
	static struct world w;
	struct countdown_moved moved[] = { { VIEW_LITERAL("before"), true, NULL } };
	const struct countdown_item *item;
	struct countdown countdown;
	struct honest *alone;

	world_init(&w, SIDE_SOURCE);
	judge_now(&w);
	assert_int_equal(countdown_make(w.judging.family, w.judgement.gates, moved, 1, &w.arena, &countdown),
			 0);
	for (int when = 0; when < COUNTDOWN_COUNT; when++)
		assert_int_equal(countdown.state[when], VERDICT_OPEN);

	assert_int_equal(countdown_make(w.judging.family, w.judgement.gates, NULL, 0, &w.arena, &countdown),
			 0);
	item = item_that(&countdown, "family before has moved");
	assert_true(item && item->when == COUNTDOWN_DAY && item->state == VERDICT_SHUT);
	assert_int_equal(countdown.state[COUNTDOWN_WEEK], VERDICT_OPEN);
	assert_int_equal(countdown.state[COUNTDOWN_HOUR], VERDICT_SHUT);

	moved[0].watched = false;
	moved[0].window = "30 s of 2 h";
	assert_int_equal(countdown_make(w.judging.family, w.judgement.gates, moved, 1, &w.arena, &countdown),
			 0);
	item = item_that(&countdown, "family before was watched");
	assert_true(item && item->when == COUNTDOWN_HOUR && item->state == VERDICT_SHUT);
	assert_string_equal(item->why, "before is still watched: 30 s of 2 h");
	assert_int_equal(countdown.state[COUNTDOWN_DAY], VERDICT_OPEN);
	moved[0].watched = true;

	alone = again(&w, index_of(&w, "operations.on-call", VIEW_NULL));
	alone->values[0].number = -5;
	append(&w, alone);
	judge_now(&w);
	assert_int_equal(countdown_make(w.judging.family, w.judgement.gates, moved, 1, &w.arena, &countdown),
			 0);
	item = item_that(&countdown, "on call");
	assert_true(item && item->when == COUNTDOWN_HOUR && item->state == VERDICT_SHUT);
	assert_true(view_is(item->owner, "duty@b"));
	assert_string_equal(item->code, "ON_CALL_UNCONFIRMED");
	assert_int_equal(countdown.state[COUNTDOWN_DAY], VERDICT_OPEN);

	assert_int_equal(countdown_make(w.judging.family, NULL, moved, 1, &w.arena, &countdown), 0);
	assert_int_equal(countdown.state[COUNTDOWN_WEEK], VERDICT_UNKNOWN);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_must_be_true_and_when),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
