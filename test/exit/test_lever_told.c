/* test_lever_told.c - flag, bootstrap and group, told by scripts and addresses of every temper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "exit/lever_told.h"
#include "exit/told_make.h"

#define LONG_MS 60000

/* A well-behaved flag: keeps its word and the newest epoch in files, and refuses older ones. */
static const char good_flag[] =
	"cd \"$(dirname \"$0\")\"\n"
	"seen=$(cat epoch 2>/dev/null || echo 0)\n"
	"echo \"$* $INTERLOCK_EPOCH\" >> log\n"
	"case $1 in\n"
	"get) cat word ;;\n"
	"set) [ \"$INTERLOCK_EPOCH\" -ge \"$seen\" ] || exit 76; echo \"$INTERLOCK_EPOCH\" > epoch; echo "
	"\"$2\" > word ;;\n"
	"drained) [ \"$INTERLOCK_EPOCH\" -ge \"$seen\" ] || exit 76; [ -e busy ] && exit 75; exit 0 ;;\n"
	"esac\n";

/* One that looks at no epoch. */
static const char careless_flag[] =
	"cd \"$(dirname \"$0\")\"\n"
	"case $1 in get) cat word ;; set) echo \"$2\" > word ;; drained) exit 0 ;; esac\n";

static const char levers[] =
	"  levers:\n"
	"    flag: { get: exec ./flag get, set: exec ./flag set, drained: exec ./flag drained, timeout: 20s "
	"}\n"
	"    groups: { billing: { get: exec ./group get billing, set: exec ./group set billing } }\n";

struct play {
	struct operator operator;
	struct lever *flag, *group;
	struct buffer value;
	struct fault fault;
};

static void play_open(struct play *play, const char *flag)
{
	memset(play, 0, sizeof *play);
	operator_open(&play->operator);
	operator_plans(&play->operator, "", levers);
	operator_asks(&play->operator);
	operator_script(&play->operator, "flag", flag);
	operator_writes(&play->operator, "word", "source\n", 0600);
	buffer_init(&play->value, LEVER_VALUE_SIZE_MAX);
	assert_int_equal(lever_flag_new(play->operator.asking, &play->operator.plan->families[0].levers.flag,
					&play->flag, &play->fault),
			 0);
	assert_int_equal(lever_group_new(play->operator.asking,
					 &play->operator.plan->families[0].levers.groups[0], &play->group,
					 &play->fault),
			 0);
}

static void play_close(struct play *play)
{
	lever_free(play->flag);
	lever_free(play->group);
	buffer_done(&play->value);
	operator_close(&play->operator);
}

static const char *value_of(struct play *play, struct lever *lever)
{
	buffer_reset(&play->value);
	memset(&play->fault, 0, sizeof play->fault);
	if (lever_observe(lever, LONG_MS, &play->value, &play->fault) < 0)
		return play->fault.text;
	return buffer_string(&play->value);
}

static void a_flag_is_told_and_set_back(void **state)
{
	struct play play;
	char log[2000];

	play_open(&play, good_flag);
	assert_string_equal(play.flag->name, "flag");
	lever_told_epoch(play.flag, 1);
	assert_string_equal(value_of(&play, play.flag), "source");
	buffer_reset(&play.value);
	assert_int_equal(lever_aim(play.flag, "hold", "source", &play.value, &play.fault), 0);
	assert_string_equal(buffer_string(&play.value), "hold");
	assert_int_equal(lever_set(play.flag, "hold", 2, LONG_MS, &play.fault), 0);
	assert_string_equal(value_of(&play, play.flag), "hold");

	operator_writes(&play.operator, "busy", "", 0600);
	assert_int_equal(lever_drained(play.flag, 2, LONG_MS, &play.fault), LEVER_WAITS);
	assert_int_equal(lever_drained(play.flag, 1, LONG_MS, &play.fault), ERR_CONFLICT);
	assert_int_equal(lever_set(play.flag, "source", 1, LONG_MS, &play.fault), ERR_CONFLICT);
	assert_non_null(strstr(play.fault.text, "epoch 1"));
	assert_int_equal(lever_set(play.flag, "source", 3, LONG_MS, &play.fault), 0);
	assert_string_equal(value_of(&play, play.flag), "source");

	operator_read(&play.operator, "log", log, sizeof log);
	assert_string_equal(
		log, "get 1\nset hold 2\nget 1\ndrained 2\ndrained 1\nset source 1\nset source 3\nget 1\n");
	play_close(&play);
}

static void words_and_values_are_checked(void **state)
{
	struct play play;
	char log[2000];

	play_open(&play, good_flag);
	assert_string_equal(value_of(&play, play.flag), "source");
	buffer_reset(&play.value);
	assert_int_equal(lever_aim(play.flag, "stop", "source", &play.value, &play.fault), ERR_USAGE);
	assert_int_equal(lever_set(play.flag, "both", 2, LONG_MS, &play.fault), ERR_USAGE);
	assert_int_equal(lever_aim(play.group, "hold", "stopped", &play.value, &play.fault), ERR_USAGE);
	assert_int_equal(lever_set(play.group, "start source", 2, LONG_MS, &play.fault), ERR_USAGE);
	assert_int_equal(play.value.size, 0);
	operator_read(&play.operator, "log", log, sizeof log);
	assert_string_equal(log, "get 0\n"); /* nobody was told anything */
	play_close(&play);
}

static const struct answer_row {
	const char *flag;
	int err;
	const char *says;
} answers[] = {
	{ "echo both", ERR_MALFORMED, "'both', which is none of source, target, hold" },
	{ "echo Source", ERR_MALFORMED, "'Source'" },
	{ "echo source please", ERR_MALFORMED, "'source please'" },
	{ "true", ERR_MALFORMED, "empty" },
	{ "exit 75", ERR_BROKER, "status 75" },
	{ "echo source; exit 1", ERR_BROKER, "status 1" },
	{ "kill -9 $$", ERR_BROKER, "signal 9" },
	{ "echo '{\"value\": \"sour\\u0000ce\"}'", ERR_MALFORMED, "JSON" },
};

static void a_strange_answer_is_no_answer(void **state)
{
	struct play play;

	play_open(&play, good_flag);
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		operator_script(&play.operator, "flag", answers[i].flag);
		buffer_reset(&play.value);
		assert_int_equal(lever_observe(play.flag, LONG_MS, &play.value, &play.fault), answers[i].err);
		assert_int_equal(play.value.size, 0);
		if (!strstr(play.fault.text, answers[i].says) || !strstr(play.fault.text, "lever flag"))
			fail_msg("%s", play.fault.text);
	}
	operator_script(&play.operator, "flag", "sleep 1000");
	assert_int_equal(lever_observe(play.flag, 200, &play.value, &play.fault), ERR_TIMEOUT);
	assert_int_equal(lever_set(play.flag, "hold", 2, 200, &play.fault), ERR_TIMEOUT);
	assert_int_equal(lever_drained(play.flag, 2, 200, &play.fault), ERR_TIMEOUT);
	/* One that says yes to everything is found out by the next `get`, and by nothing else. */
	operator_script(&play.operator, "flag", "echo source");
	assert_int_equal(lever_set(play.flag, "hold", 2, LONG_MS, &play.fault), 0);
	assert_string_equal(value_of(&play, play.flag), "source");
	play_close(&play);
}

static void a_group_is_told_in_two_words(void **state)
{
	struct play play;
	char log[2000];

	play_open(&play, good_flag);
	operator_script(&play.operator, "group",
			"cd \"$(dirname \"$0\")\"; echo \"$# $*\" >> said\n"
			"case \"$1 $3\" in 'get ') cat state ;; 'set stop') echo stopped > state ;;\n"
			"'set start') echo running $4 > state ;; *) exit 9 ;; esac");
	operator_writes(&play.operator, "state", "running source\n", 0600);
	assert_string_equal(play.group->name, "group:billing");
	assert_string_equal(value_of(&play, play.group), "running source");
	buffer_reset(&play.value);
	assert_int_equal(lever_aim(play.group, "stop", "running source", &play.value, &play.fault), 0);
	assert_int_equal(lever_aim(play.group, "start target", "stopped", &play.value, &play.fault), 0);
	assert_string_equal(buffer_string(&play.value), "stoppedrunning target");
	assert_int_equal(lever_set(play.group, "stopped", 2, LONG_MS, &play.fault), 0);
	assert_string_equal(value_of(&play, play.group), "stopped");
	assert_int_equal(lever_set(play.group, "running target", 3, LONG_MS, &play.fault), 0);
	assert_string_equal(value_of(&play, play.group), "running target");
	assert_int_equal(lever_drained(play.group, 3, LONG_MS, &play.fault), ERR_UNSUPPORTED);
	operator_read(&play.operator, "said", log, sizeof log);
	assert_string_equal(
		log, "2 get billing\n3 set billing stop\n2 get billing\n4 set billing start target\n2 get "
		     "billing\n");
	play_close(&play);
}

static void levers_are_described(void **state)
{
	static const struct {
		bool group;
		const char *word, *text;
	} says[] = {
		{ false, "get", "./flag get" },
		{ false, "hold", "./flag set hold" },
		{ false, "drained", "./flag drained" },
		{ true, "stop", "./group set billing stop" },
		{ true, "start target", "./group set billing start target" },
		{ true, "running source", "./group set billing start source" },
	};
	struct play play;

	play_open(&play, good_flag);
	for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
		buffer_reset(&play.value);
		lever_describe(says[i].group ? play.group : play.flag, says[i].word, &play.value);
		assert_string_equal(buffer_string(&play.value), says[i].text);
	}
	play_close(&play);
}

static void the_past_is_refused_or_a_risk(void **state)
{
	enum lever_guard guard;
	struct play play;
	char log[2000];

	play_open(&play, good_flag);
	assert_int_equal(lever_told_guard(play.flag, 1, LONG_MS, &guard, &play.fault), 0);
	assert_int_equal(guard, LEVER_GUARD_REFUSES);
	operator_read(&play.operator, "log", log, sizeof log);
	assert_string_equal(
		log, "get 0\nset source 1\nset source 0\nget 0\ndrained 0\n"); /* its own word, always */
	/* It has seen a newer epoch than ours: that is a refusal too. */
	operator_writes(&play.operator, "epoch", "8\n", 0600);
	assert_int_equal(lever_told_guard(play.flag, 3, LONG_MS, &guard, &play.fault), 0);
	assert_int_equal(guard, LEVER_GUARD_REFUSES);

	operator_script(&play.operator, "flag", careless_flag);
	assert_int_equal(lever_told_guard(play.flag, 3, LONG_MS, &guard, &play.fault), 0);
	assert_int_equal(guard, LEVER_GUARD_ACCEPTS);
	assert_string_equal(value_of(&play, play.flag), "source");

	/* `set` is guarded and `drained` is not. */
	operator_script(&play.operator, "flag",
			"case $1 in get) echo source ;; set) [ $INTERLOCK_EPOCH -ge 3 ] || exit 76 ;; esac");
	assert_int_equal(lever_told_guard(play.flag, 3, LONG_MS, &guard, &play.fault), 0);
	assert_int_equal(guard, LEVER_GUARD_ACCEPTS);

	/* Failing is not refusing. */
	operator_script(&play.operator, "flag",
			"case $1 in get) echo source ;; set) [ $INTERLOCK_EPOCH -ge 3 ] || exit 1 ;; esac");
	assert_int_equal(lever_told_guard(play.flag, 3, LONG_MS, &guard, &play.fault), ERR_BROKER);
	assert_int_equal(guard, LEVER_GUARD_UNKNOWN);

	/* Somebody else moves it meanwhile. */
	operator_script(&play.operator, "flag",
			"cd \"$(dirname \"$0\")\"; case $1 in get) cat word ;; set) echo hold > word; exit "
			"76 ;; esac");
	operator_writes(&play.operator, "word", "source\n", 0600);
	assert_int_equal(lever_told_guard(play.flag, 3, LONG_MS, &guard, &play.fault), ERR_CONFLICT);
	assert_int_equal(guard, LEVER_GUARD_UNKNOWN);
	assert_non_null(strstr(play.fault.text, "stands at hold now"));
	play_close(&play);
}

static void an_address_is_a_lever_too(void **state)
{
	static const char *const said[] = { WEB_OK("{\"value\": \"source\"}"),
					    WEB_OK("{\"value\": \"source\"}"),
					    WEB_STATUS("409 Conflict"),
					    WEB_OK("{\"value\": \"source\"}"),
					    WEB_OK("{\"drained\": false}"),
					    WEB_STATUS("503 Busy"),
					    NULL };
	struct lever *lever = NULL;
	struct operator operator;
	enum lever_guard guard;
	struct fault fault = { 0 };
	struct buffer value;
	struct web web;
	char plan[400];

	operator_open(&operator);
	web_open(&web, said);
	snprintf(plan, sizeof plan,
		 "  levers: { flag: { get: 'http://127.0.0.1:%u/f', set: 'http://127.0.0.1:%u/f', drained: "
		 "'http://127.0.0.1:%u/f/drained' } }\n",
		 web.port, web.port, web.port);
	operator_plans(&operator, "", plan);
	operator_asks(&operator);
	buffer_init(&value, 1000);
	assert_int_equal(
		lever_bootstrap_new(operator.asking, &operator.plan->families[0].levers.flag, &lever, &fault),
		0);
	assert_string_equal(lever->name, "bootstrap");
	/* source, its own word taken, the older epoch refused, still source; `drained` answers for an older epoch. */
	assert_int_equal(lever_told_guard(lever, 5, LONG_MS, &guard, &fault), 0);
	assert_int_equal(guard, LEVER_GUARD_ACCEPTS);
	assert_int_equal(lever_drained(lever, 5, LONG_MS, &fault), ERR_BROKER);
	lever_free(lever);
	buffer_done(&value);
	operator_close(&operator);
	web_close(&web);
	assert_non_null(strstr(web.heard, "{\"value\": \"source\", \"epoch\": 5}"));
	assert_non_null(strstr(web.heard, "{\"value\": \"source\", \"epoch\": 4}"));
	assert_non_null(strstr(web.heard, "GET /f/drained?epoch=4 "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flag_is_told_and_set_back),
		cmocka_unit_test(words_and_values_are_checked),
		cmocka_unit_test(a_strange_answer_is_no_answer),
		cmocka_unit_test(a_group_is_told_in_two_words),
		cmocka_unit_test(levers_are_described),
		cmocka_unit_test(the_past_is_refused_or_a_risk),
		cmocka_unit_test(an_address_is_a_lever_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
