/* test_watch.c - stop conditions: what each verdict on the target asks for, by each action of the class. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "exit/watch.h"

#define NOW_MS 1700000000000LL

struct play {
	struct plan_class class;
	struct standing now;
	char cause[300];
};

/* Every gate open and fresh on the target, the way back too; every stop condition says `action`. */
static void begin(struct play *play, enum plan_action action)
{
	*play = (struct play){ .now = { .name = "orders",
					.stage = STAGE_TARGET,
					.authority = AUTHORITY_TARGET,
					.moving = AUTHORITY_NONE,
					.epoch = 3,
					.verdict = { .verdict = VERDICT_OPEN,
						     .valid_until_ms = NOW_MS + 1,
						     .authority = 3 } } };
	for (int limit = LIMIT_STOP_COMPATIBILITY; limit <= LIMIT_STOP_OPERATIONS; limit++)
		play->class.limits[limit].value = action;
	for (int gate = 0; gate < GATE_COUNT; gate++)
		play->now.verdict.gates[gate] = VERDICT_OPEN;
}

static enum watch_action decide(struct play *play)
{
	return watch_decide(&play->class, &play->now, NOW_MS, play->cause, sizeof play->cause);
}

static void each_gate_by_each_action(void **state)
{
	static const struct {
		enum plan_action says;
		enum verdict verdict;
		enum watch_action asks;
	} rows[] = {
		{ PLAN_ACTION_HOLD, VERDICT_OPEN, WATCH_NOTHING },
		{ PLAN_ACTION_HOLD, VERDICT_SHUT, WATCH_HOLD },
		{ PLAN_ACTION_HOLD, VERDICT_UNKNOWN, WATCH_HOLD },
		{ PLAN_ACTION_FREEZE, VERDICT_OPEN, WATCH_NOTHING },
		{ PLAN_ACTION_FREEZE, VERDICT_SHUT, WATCH_FREEZE },
		{ PLAN_ACTION_FREEZE, VERDICT_UNKNOWN,
		  WATCH_HOLD }, /* what cannot be told holds, and no more */
		{ PLAN_ACTION_REVERT, VERDICT_OPEN, WATCH_NOTHING },
		{ PLAN_ACTION_REVERT, VERDICT_SHUT, WATCH_REVERT },
		{ PLAN_ACTION_REVERT, VERDICT_UNKNOWN, WATCH_HOLD },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (int gate = 0; gate < GATE_COUNT; gate++) {
			enum watch_action asks = rows[i].asks;
			struct play play;

			begin(&play, rows[i].says);
			play.now.verdict.gates[gate] = rows[i].verdict;
			/* With the way back itself shut there is none to take. */
			if (gate == GATE_ROLLBACK && asks == WATCH_REVERT)
				asks = WATCH_HOLD;
			if (decide(&play) != asks)
				fail_msg("row %zu, gate %s: %d", i, gate_word((enum gate)gate),
					 (int)decide(&play));
			if (asks == WATCH_NOTHING)
				assert_string_equal(play.cause, "");
			else
				assert_non_null(strstr(play.cause, gate_word((enum gate)gate)));
			assert_int_equal(strncmp(play.cause, WATCH_CANNOT_TELL, strlen(WATCH_CANNOT_TELL)) ==
						 0,
					 rows[i].verdict == VERDICT_UNKNOWN);
		}
	}
}

/* Each gate has its own action: shut is one gate, and the others say something else. */
static void no_gate_speaks_for_another(void **state)
{
	for (int gate = 0; gate < GATE_COUNT; gate++) {
		struct play play;

		begin(&play, PLAN_ACTION_HOLD);
		play.class.limits[LIMIT_STOP_COMPATIBILITY + gate].value = PLAN_ACTION_FREEZE;
		for (int shut = 0; shut < GATE_COUNT; shut++) {
			play.now.verdict.gates[shut] = VERDICT_SHUT;
			assert_int_equal(decide(&play), shut == gate ? WATCH_FREEZE : WATCH_HOLD);
			play.now.verdict.gates[shut] = VERDICT_OPEN;
		}
	}
}

static void the_strongest_counts(void **state)
{
	struct play play;

	begin(&play, PLAN_ACTION_HOLD);
	play.class.limits[LIMIT_STOP_PROGRESS].value = PLAN_ACTION_FREEZE;
	play.class.limits[LIMIT_STOP_CAPACITY].value = PLAN_ACTION_REVERT;
	play.now.verdict.gates[GATE_COMPATIBILITY] = VERDICT_UNKNOWN;
	assert_int_equal(decide(&play), WATCH_HOLD);
	play.now.verdict.gates[GATE_PROGRESS] = VERDICT_SHUT;
	assert_int_equal(decide(&play), WATCH_FREEZE);
	play.now.verdict.gates[GATE_CAPACITY] = VERDICT_SHUT;
	assert_int_equal(decide(&play), WATCH_REVERT);
	assert_non_null(strstr(play.cause, gate_word(GATE_CAPACITY)));
}

/* A return by itself: only while the way back is open, and fresh at that moment. */
static void a_return_needs_its_way(void **state)
{
	static const struct {
		enum verdict rollback;
		int64_t valid_for_ms;
		enum watch_action asks;
	} rows[] = {
		{ VERDICT_OPEN, 1, WATCH_REVERT },         { VERDICT_OPEN, 0, WATCH_HOLD },
		{ VERDICT_OPEN, -1, WATCH_HOLD },          { VERDICT_OPEN, -NOW_MS, WATCH_HOLD },
		{ VERDICT_SHUT, 1, WATCH_HOLD },           { VERDICT_UNKNOWN, 1, WATCH_HOLD },
		{ VERDICT_UNKNOWN, 86400000, WATCH_HOLD },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct play play;

		begin(&play, PLAN_ACTION_REVERT);
		play.class.limits[LIMIT_STOP_ROLLBACK].value = PLAN_ACTION_HOLD;
		play.now.verdict.gates[GATE_PARITY] = VERDICT_SHUT;
		play.now.verdict.gates[GATE_ROLLBACK] = rows[i].rollback;
		play.now.verdict.valid_until_ms = NOW_MS + rows[i].valid_for_ms;
		if (decide(&play) != rows[i].asks)
			fail_msg("row %zu: %d", i, (int)decide(&play));
		assert_non_null(strstr(play.cause, gate_word(GATE_PARITY)));
	}
}

/* Watched is what stands on the target, at rest, by a verdict of now. */
static void only_what_stands_on_the_target(void **state)
{
	struct play play;

	for (int stage = 0; stage < STAGE_COUNT; stage++) {
		begin(&play, PLAN_ACTION_REVERT);
		play.now.verdict.gates[GATE_PARITY] = VERDICT_SHUT;
		play.now.stage = (enum stage)stage;
		assert_int_equal(decide(&play), stage == STAGE_TARGET ? WATCH_REVERT : WATCH_NOTHING);
	}
	play.now.stage = STAGE_TARGET;
	play.now.moving = AUTHORITY_SOURCE;
	assert_int_equal(decide(&play), WATCH_NOTHING);
	play.now.moving = AUTHORITY_NONE;
	play.now.verdict.authority = 2; /* judged before the crossing */
	assert_int_equal(decide(&play), WATCH_NOTHING);
	play.now.verdict.authority = 3;
	play.now.overlay = OVERLAY_UNKNOWN;
	assert_int_equal(decide(&play), WATCH_NOTHING);
	play.now.overlay = OVERLAY_HELD;
	assert_int_equal(decide(&play), WATCH_REVERT);
}

/* What was held because nothing could be told is let go when it can be; what an owner held is not. */
static void only_its_own_hold_is_released(void **state)
{
	static const struct {
		enum overlay overlay;
		const char *cause;
		enum watch_action asks;
	} rows[] = {
		{ OVERLAY_HELD, WATCH_CANNOT_TELL "parity is unknown: no reason was given", WATCH_RELEASE },
		{ OVERLAY_HELD, "owner@b: cannot tell: so he says", WATCH_NOTHING },
		{ OVERLAY_HELD, "parity is shut: 2 records", WATCH_NOTHING },
		{ OVERLAY_HELD, NULL, WATCH_NOTHING },
		{ OVERLAY_NONE, WATCH_CANNOT_TELL, WATCH_NOTHING },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct play play;

		begin(&play, PLAN_ACTION_HOLD);
		play.now.overlay = rows[i].overlay;
		play.now.cause = rows[i].cause;
		if (decide(&play) != rows[i].asks)
			fail_msg("row %zu: %d", i, (int)decide(&play));
		play.now.verdict.gates[GATE_PARITY] = VERDICT_UNKNOWN;
		assert_int_equal(decide(&play), WATCH_HOLD); /* not while it still cannot be told */
	}
}

/* The cause says the first reason of that gate, and no other's. */
static void the_cause_is_the_gates_own(void **state)
{
	struct play play;
	json_t *json = json_pack("{s:{s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}]}}", "verdict", "reasons", "gate",
				 "progress", "text", "a group lags", "gate", "parity", "text",
				 "2 records differ", "gate", "parity", "text", "and more");

	begin(&play, PLAN_ACTION_HOLD);
	play.now.json = json;
	play.now.verdict.gates[GATE_PARITY] = VERDICT_SHUT;
	assert_int_equal(decide(&play), WATCH_HOLD);
	assert_string_equal(play.cause, "parity is shut: 2 records differ");
	json_decref(json);
}

/* A gate that is shut is not hidden by one that cannot be told, whichever of them comes first. */
static void shut_is_not_softened(void **state)
{
	for (int shut = 0; shut < GATE_COUNT; shut++)
		for (int unknown = 0; unknown < GATE_COUNT; unknown++) {
			struct play play;

			if (shut == unknown)
				continue;
			begin(&play, PLAN_ACTION_HOLD);
			play.now.verdict.gates[shut] = VERDICT_SHUT;
			play.now.verdict.gates[unknown] = VERDICT_UNKNOWN;
			assert_int_equal(decide(&play), WATCH_HOLD);
			assert_int_equal(strncmp(play.cause, gate_word((enum gate)shut),
						 strlen(gate_word((enum gate)shut))),
					 0);
		}
}

/* First it cannot be told, then it is shut: the hold is then a person's to end, whatever is seen later. */
static void a_hold_for_want_of_knowing_is_taken_over(void **state)
{
	struct play play;

	begin(&play, PLAN_ACTION_HOLD);
	assert_true(watch_takes_over(&play.now, WATCH_CANNOT_TELL "parity is unknown: x"));
	play.now.overlay = OVERLAY_HELD;
	play.now.cause = WATCH_CANNOT_TELL "parity is unknown: x";
	assert_false(watch_takes_over(&play.now, WATCH_CANNOT_TELL "progress is unknown: y"));
	play.now.verdict.gates[GATE_PARITY] = VERDICT_SHUT;
	assert_int_equal(decide(&play), WATCH_HOLD);
	assert_true(watch_takes_over(&play.now, play.cause));
	play.now.cause = play.cause;
	assert_false(watch_takes_over(&play.now, play.cause));
	play.now.verdict.gates[GATE_PARITY] = VERDICT_OPEN;
	assert_int_equal(watch_decide(&play.class, &play.now, NOW_MS, (char[300]){ 0 }, 300), WATCH_NOTHING);
	/* Nor is an owner's hold taken from him. */
	play.now.cause = "owner@b: I look at it";
	assert_false(watch_takes_over(&play.now, "parity is shut: 2 records"));
}

/* A hold outlives its cause, and it can be told that it did. */
static void a_cause_may_be_gone(void **state)
{
	static const struct {
		enum overlay overlay;
		const char *cause;
		enum verdict parity;
		int64_t valid_for_ms;
		uint64_t authority;
		enum gate held_by;
		bool gone;
	} rows[] = {
		{ OVERLAY_HELD, "parity is shut: 2 records", VERDICT_OPEN, 1, 3, GATE_PARITY, true },
		{ OVERLAY_HELD, "parity is shut: 2 records", VERDICT_SHUT, 1, 3, GATE_PARITY, false },
		{ OVERLAY_HELD, "parity is shut: 2 records", VERDICT_UNKNOWN, 1, 3, GATE_PARITY, false },
		{ OVERLAY_HELD, "parity is shut: 2 records", VERDICT_OPEN, 0, 3, GATE_PARITY, false },
		{ OVERLAY_HELD, "parity is shut: 2 records", VERDICT_OPEN, 1, 2, GATE_PARITY, false },
		{ OVERLAY_HELD, "owner@b: parity is shut: he says", VERDICT_OPEN, 1, 3, GATE_COUNT, false },
		{ OVERLAY_HELD, WATCH_CANNOT_TELL "parity is unknown: x", VERDICT_OPEN, 1, 3, GATE_COUNT,
		  false },
		{ OVERLAY_HELD, NULL, VERDICT_OPEN, 1, 3, GATE_COUNT, false },
		{ OVERLAY_NONE, "parity is shut: 2 records", VERDICT_OPEN, 1, 3, GATE_COUNT, false },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct play play;

		begin(&play, PLAN_ACTION_HOLD);
		play.now.overlay = rows[i].overlay;
		play.now.cause = rows[i].cause;
		play.now.verdict.gates[GATE_PARITY] = rows[i].parity;
		play.now.verdict.valid_until_ms = NOW_MS + rows[i].valid_for_ms;
		play.now.verdict.authority = rows[i].authority;
		if (watch_held_by(&play.now) != rows[i].held_by ||
		    watch_cause_is_gone(&play.now, NOW_MS) != rows[i].gone)
			fail_msg("row %zu", i);
	}
}

/* What says that a hold is over is what wrote it down. */
static void the_cause_that_is_written_is_the_one_that_is_read(void **state)
{
	for (int gate = 0; gate < GATE_COUNT; gate++) {
		struct play play;

		begin(&play, PLAN_ACTION_HOLD);
		play.now.verdict.gates[gate] = VERDICT_SHUT;
		assert_int_equal(decide(&play), WATCH_HOLD);
		play.now.overlay = OVERLAY_HELD;
		play.now.cause = play.cause;
		assert_int_equal(watch_held_by(&play.now), gate);
		play.now.verdict.gates[gate] = VERDICT_OPEN;
		assert_true(watch_cause_is_gone(&play.now, NOW_MS));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_gate_by_each_action),
		cmocka_unit_test(no_gate_speaks_for_another),
		cmocka_unit_test(the_strongest_counts),
		cmocka_unit_test(a_return_needs_its_way),
		cmocka_unit_test(only_what_stands_on_the_target),
		cmocka_unit_test(only_its_own_hold_is_released),
		cmocka_unit_test(the_cause_is_the_gates_own),
		cmocka_unit_test(shut_is_not_softened),
		cmocka_unit_test(a_hold_for_want_of_knowing_is_taken_over),
		cmocka_unit_test(a_cause_may_be_gone),
		cmocka_unit_test(the_cause_that_is_written_is_the_one_that_is_read),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
