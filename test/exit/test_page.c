/* test_page.c - who is called, when, about what; and what a journal may say of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "exit/page.h"
#include "exit/state_make.h"

#define MINUTE_MS 60000LL
#define AFTER_MS  (5 * MINUTE_MS)
#define AGAIN_MS  (60 * MINUTE_MS)
#define DEADLINE_MS 30000

static const struct plan_page page = { .head = { .given = true },
				       .after_ms = { .value = AFTER_MS },
				       .again_ms = { .value = AGAIN_MS } };

static bool is_due(const struct made_state *made, int64_t later_ms, char text[1200])
{
	struct standing now;

	assert_true(state_family(&made->state, "orders", &now));
	return page_is_due(&now, &page, DEADLINE_MS, STATE_MADE_MS + later_ms, text, 1200);
}

static void begin_held(struct made_state *made, const char *more)
{
	char body[300];

	state_begin(made);
	assert_int_equal(state_put(made, FRAME_STAGE, "{'family':'orders','stage':'OBSERVING','cause':'c'}"),
			 0);
	snprintf(body, sizeof body, "{'family':'orders','stage':'OBSERVING','cause':'it failed'%s}", more);
	assert_int_equal(state_put(made, FRAME_STAGE, body), 0);
}

static void after_a_time_and_again(void **state)
{
	struct made_state made;
	char text[1200];

	(void)state;
	for (int unknown = 0; unknown < 2; unknown++) {
		begin_held(&made, unknown ? ",'overlay':'UNKNOWN'" : ",'overlay':'HELD'");
		assert_false(is_due(&made, AFTER_MS - 1, text));
		assert_true(is_due(&made, AFTER_MS, text));
		assert_string_equal(
			text,
			unknown ? "family orders is UNKNOWN in OBSERVING for 5 min 0 s, authority is on the "
				  "source: it failed; `interlock status orders`"
				: "family orders is HELD in OBSERVING for 5 min 0 s, authority is on the "
				  "source: it failed; `interlock status orders`");
		made.wall_ms = STATE_MADE_MS + AFTER_MS;
		assert_int_equal(state_put(&made, FRAME_PAGE, "{'family':'orders','result':'called'}"), 0);
		assert_false(is_due(&made, AFTER_MS, text));
		assert_false(is_due(&made, AFTER_MS + AGAIN_MS - 1, text));
		assert_true(is_due(&made, AFTER_MS + AGAIN_MS, text));
		/* What failed is tried again at once, though written down once. */
		assert_int_equal(state_put(&made, FRAME_PAGE, "{'family':'orders','result':'failed'}"), 0);
		assert_true(is_due(&made, AFTER_MS, text));
		state_done(&made.state);
	}
}

/* Not for what an owner asked for or has taken over; what is UNKNOWN nobody asks for. */
static void not_for_what_is_known(void **state)
{
	struct made_state made;
	char text[1200];

	(void)state;
	begin_held(&made, ",'overlay':'HELD','asked':true");
	assert_false(is_due(&made, AGAIN_MS, text));
	assert_int_equal(state_put(&made, FRAME_STAGE,
				   "{'family':'orders','stage':'OBSERVING','cause':'c','overlay':'UNKNOWN'}"),
			 0);
	assert_true(is_due(&made, AFTER_MS, text));
	state_done(&made.state);

	begin_held(&made, ",'overlay':'HELD'");
	assert_true(is_due(&made, AFTER_MS, text));
	assert_int_equal(
		state_put(
			&made, FRAME_STAGE,
			"{'family':'orders','stage':'OBSERVING','cause':'an owner is at it','overlay':'HELD',"
			"'asked':true}"),
		0);
	assert_false(is_due(&made, AFTER_MS, text));
	state_done(&made.state);
}

/* A hold that ended says nothing of the next one; and nobody is called about a family that is not held. */
static void each_hold_by_itself(void **state)
{
	struct made_state made;
	char text[1200];

	(void)state;
	begin_held(&made, ",'overlay':'HELD'");
	assert_int_equal(state_put(&made, FRAME_PAGE, "{'family':'orders','result':'called'}"), 0);
	assert_int_equal(state_put(&made, FRAME_PAGE, "{'family':'orders','result':'perhaps'}"),
			 ERR_MALFORMED);
	assert_int_equal(state_put(&made, FRAME_STAGE, "{'family':'orders','stage':'OBSERVING','cause':'c'}"),
			 0);
	assert_false(is_due(&made, AGAIN_MS, text));
	assert_int_equal(state_put(&made, FRAME_PAGE, "{'family':'orders','result':'called'}"),
			 ERR_MALFORMED);
	made.wall_ms = STATE_MADE_MS + MINUTE_MS;
	assert_int_equal(state_put(&made, FRAME_STAGE,
				   "{'family':'orders','stage':'OBSERVING','cause':'c','overlay':'HELD'}"),
			 0);
	assert_false(is_due(&made, MINUTE_MS + AFTER_MS - 1, text));
	assert_true(is_due(&made, MINUTE_MS + AFTER_MS, text));
	state_done(&made.state);
}

/* Decided, and only forward: writers wait, so nobody waits for longer than a crossing may take, or than `after`. */
static void decided_and_stuck(void **state)
{
	struct standing now = { .name = "orders", .stage = STAGE_OPENING, .moving = AUTHORITY_TARGET };
	struct plan_page soon = page;
	char text[1200];

	(void)state;
	now.json = json_pack("{s:I}", "crossed", (json_int_t)STATE_MADE_MS);
	assert_false(
		page_is_due(&now, &page, DEADLINE_MS, STATE_MADE_MS + DEADLINE_MS - 1, text, sizeof text));
	assert_true(page_is_due(&now, &page, DEADLINE_MS, STATE_MADE_MS + DEADLINE_MS, text, sizeof text));
	assert_string_equal(
		text,
		"family orders was decided to go to the target 30.0 s ago, stands in OPENING and does not "
		"get on, and writers may be held: `interlock status orders`");
	soon.after_ms.value = 1000;
	assert_true(page_is_due(&now, &soon, DEADLINE_MS, STATE_MADE_MS + 1000, text, sizeof text));
	json_object_set_new(now.json, "paged",
			    json_pack("{s:s, s:I}", "result", "called", "wall",
				      (json_int_t)(STATE_MADE_MS + DEADLINE_MS)));
	assert_false(
		page_is_due(&now, &page, DEADLINE_MS, STATE_MADE_MS + 2 * DEADLINE_MS, text, sizeof text));
	json_object_del(now.json, "paged");

	/* Before the decision it goes back by itself, and what has arrived waits for nobody. */
	now.stage = STAGE_LEVEL;
	assert_false(page_is_due(&now, &page, DEADLINE_MS, STATE_MADE_MS + AGAIN_MS, text, sizeof text));
	now.stage = STAGE_TARGET;
	now.moving = AUTHORITY_NONE;
	assert_false(page_is_due(&now, &page, DEADLINE_MS, STATE_MADE_MS + AGAIN_MS, text, sizeof text));
	json_decref(now.json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_a_time_and_again),
		cmocka_unit_test(not_for_what_is_known),
		cmocka_unit_test(each_hold_by_itself),
		cmocka_unit_test(decided_and_stuck),
	};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
