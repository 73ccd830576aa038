/* test_lever_round.c - every told lever of a family is asked once, and only its own word is told to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "exit/lever_round.h"
#include "exit/told_make.h"

static const char levers[] =
	"  levers:\n"
	"    flag: { get: exec ./flag get, set: exec ./flag set, drained: exec ./flag drained }\n"
	"    groups: { billing: { get: exec ./group get billing, set: exec ./group set billing, timeout: "
	"300ms } }\n";

static const char good[] = "echo \"$0 $* $INTERLOCK_EPOCH\" >> log\n"
			   "case $1 in get) echo source ;;\n"
			   "set) [ $INTERLOCK_EPOCH -ge 1 ] || exit 76 ;;\n"
			   "drained) [ $INTERLOCK_EPOCH -ge 1 ] || exit 76; exit 75 ;; esac";

static const char careless[] = "echo \"$0 $* $INTERLOCK_EPOCH\" >> log\n"
			       "case $1 in get) echo running source ;; set) exit 0 ;; esac";

struct play {
	struct operator operator;
	struct arena arena;
	struct lever_round round;
	struct fault fault;
	int err;
};

static void play_open(struct play *play, const char *flag, const char *group)
{
	memset(play, 0, sizeof *play);
	arena_init(&play->arena, 1 << 20);
	operator_open(&play->operator);
	operator_plans(&play->operator, "", levers);
	operator_script(&play->operator, "flag", flag);
	operator_script(&play->operator, "group", group);
	play->err =
		lever_round_ask(play->operator.loop, play->operator.plan, &play->operator.plan->families[0],
				1, &play->arena, &play->round, &play->fault);
	assert_int_equal(play->err, 0);
	assert_int_equal(play->round.count, 2);
}

static void play_close(struct play *play)
{
	arena_done(&play->arena);
	operator_close(&play->operator);
}

static void a_round_is_told(void **state)
{
	const struct lever_said *flag, *group;
	struct play play;
	char log[4000];

	play_open(&play, good, careless);
	flag = &play.round.at[0];
	group = &play.round.at[1];
	assert_string_equal(flag->family, "orders");
	assert_string_equal(flag->lever, "flag");
	assert_string_equal(flag->value, "source");
	assert_string_equal(flag->get, "./flag get");
	assert_string_equal(flag->set, "./flag set WORD");
	assert_string_equal(flag->drained, "./flag drained");
	assert_int_equal(flag->guard, LEVER_GUARD_REFUSES);
	assert_int_equal(flag->state, LEVER_WAITS);
	assert_null(flag->text);
	assert_string_equal(group->lever, "group:billing");
	assert_string_equal(group->value, "running source");
	assert_int_equal(group->guard, LEVER_GUARD_ACCEPTS);
	assert_true(group->state < 0);
	assert_null(group->drained);
	assert_non_null(strstr(group->text, "older"));
	assert_int_equal(play.round.risks, 1);
	assert_int_equal(play.round.silent, 0);

	operator_read(&play.operator, "log", log, sizeof log);
	assert_string_equal(
		log, "./flag get 1\n./flag get 1\n./flag set source 1\n./flag set source 0\n./flag get 1\n"
		     "./flag drained 0\n./flag drained 1\n./group get billing 1\n./group get billing 1\n"
		     "./group set billing start source 1\n./group set billing start source 0\n"
		     "./group get billing 1\n");
	play_close(&play);
}

static void a_silent_lever_is_unknown_and_told_nothing(void **state)
{
	struct play play;
	char log[4000];

	play_open(&play, "echo both; echo \"$*\" >> log", "echo \"$*\" >> log; sleep 1000");
	assert_int_equal(play.round.silent, 2);
	assert_int_equal(play.round.risks, 0);
	assert_null(play.round.at[0].value);
	assert_int_equal(play.round.at[0].guard, LEVER_GUARD_UNKNOWN);
	assert_non_null(strstr(play.round.at[0].text, "'both'"));
	assert_non_null(strstr(play.round.at[1].text, "300 ms")); /* its own limit */
	operator_read(&play.operator, "log", log, sizeof log);
	assert_string_equal(log, "get\nget billing\n"); /* no `set`, for nobody knows its own word */
	play_close(&play);
}

static void a_family_without_levers_has_an_empty_round(void **state)
{
	struct play play = { 0 };

	arena_init(&play.arena, 1 << 20);
	operator_open(&play.operator);
	operator_plans(&play.operator, "", "");
	assert_int_equal(lever_round_ask(play.operator.loop, play.operator.plan,
					 &play.operator.plan->families[0], 1, &play.arena, &play.round,
					 &play.fault),
			 0);
	assert_int_equal(play.round.count, 0);
	play_close(&play);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_round_is_told),
		cmocka_unit_test(a_silent_lever_is_unknown_and_told_nothing),
		cmocka_unit_test(a_family_without_levers_has_an_empty_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
