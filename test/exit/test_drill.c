/* test_drill.c - a shadow's names, and its life in the state: it begins, is decided without a verdict, and is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "exit/drill_shadow.h"
#include "exit/state_make.h"

static json_t *event_of(const char *event)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "family", "orders", "event", event, "shadow", "orders~drill",
			 "text", "because");
}

static json_t *stage_of(const char *family, const char *stage)
{
	return json_pack("{s:s, s:s, s:s}", "family", family, "stage", stage, "cause", "c");
}

static json_t *move_of(const char *family)
{
	return json_pack("{s:s, s:i, s:s, s:i}", "family", family, "attempt", 1, "to", "target", "act", 0);
}

static bool stands(struct made_state *w)
{
	struct standing now;

	return state_family(&w->state, "orders~drill", &now) && now.of && strcmp(now.of, "orders") == 0;
}

static void a_shadow_lives_as_long_as_its_drill(void **state)
{
	struct made_state w;

	(void)state;
	state_begin(&w);
	assert_int_equal(state_put_json(&w, FRAME_DRILL, event_of("abandoned")), ERR_MALFORMED);
	assert_int_equal(state_put_json(&w, FRAME_DRILL, event_of("began")), 0);
	assert_true(stands(&w));
	assert_int_equal(state_put_json(&w, FRAME_DRILL, event_of("began")), ERR_MALFORMED);
	assert_int_equal(state_put_json(&w, FRAME_DRILL, event_of("abandoned")), 0);
	assert_false(stands(&w));
	assert_null(json_object_get(json_object_get(json_object_get(w.state.root, "families"), "orders"),
				    "drill"));
	/* Whole this time: the result stays, the shadow does not. */
	assert_int_equal(state_put_json(&w, FRAME_DRILL, event_of("began")), 0);
	assert_int_equal(
		state_put_json(&w, FRAME_DRILL,
		    json_pack("{s:s, s:s, s:b}", "family", "orders", "shadow", "orders~drill", "ok", 1)),
		0);
	assert_false(stands(&w));
	assert_non_null(json_object_get(json_object_get(json_object_get(w.state.root, "families"), "orders"),
					"drill"));
	state_done(&w.state);
}

/* What lets a shadow go lets nothing else go. */
static void only_a_shadow_goes_without_a_verdict(void **state)
{
	struct made_state w;

	(void)state;
	state_begin(&w);
	assert_int_equal(state_put_json(&w, FRAME_STAGE, stage_of("orders", "OBSERVING")), 0);
	assert_int_equal(state_put_json(&w, FRAME_STAGE, stage_of("orders", "ARMED")), ERR_MALFORMED);
	assert_int_equal(state_put_json(&w, FRAME_DRILL, event_of("began")), 0);
	assert_int_equal(state_put_json(&w, FRAME_STAGE, stage_of("orders~drill", "OBSERVING")), 0);
	assert_int_equal(state_put_json(&w, FRAME_STAGE, stage_of("orders~drill", "ARMED")), 0);
	assert_int_equal(state_put_json(&w, FRAME_MOVE, move_of("orders")), ERR_MALFORMED);
	assert_int_equal(state_put_json(&w, FRAME_MOVE, move_of("orders~drill")), 0);
	/* Its other proofs are asked for. */
	assert_int_equal(
		state_put_json(&w, FRAME_DECISION,
		    json_pack("{s:s, s:i, s:s, s:i, s:s, s:i, s:i}", "family", "orders~drill", "attempt", 1,
			      "authority", "target", "epoch", 2, "verdict", SOME_HASH, "quiet", 0, "level", 0)),
		ERR_MALFORMED);
	state_done(&w.state);
}

static void what_a_drill_left_is_forgotten_once_it_is_gone(void **state)
{
	struct made_state w;
	json_t *scaffold;

	(void)state;
	state_begin(&w);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
			state_put_json(&w, FRAME_SCAFFOLD,
			    json_pack("{s:s, s:s, s:s, s:s, s:s}", "family", "orders", "item", "topic t",
				      "kind", i ? "plan" : "drill", "name", "t", "event", "present")),
			0);
		scaffold = json_object_get(
			json_object_get(json_object_get(w.state.root, "families"), "orders"), "scaffold");
		assert_int_equal(json_object_size(scaffold), 1);
		assert_int_equal(state_put_json(&w, FRAME_SCAFFOLD,
				     json_pack("{s:s, s:s, s:s, s:s}", "family", "orders", "item", "topic t",
					       "kind", i ? "plan" : "drill", "event", "absent")),
				 0);
		assert_int_equal(json_object_size(scaffold), i);
	}
	state_done(&w.state);
}

static void an_exit_is_complete_until_another_plan(void **state)
{
	struct made_state w;

	(void)state;
	state_begin(&w);
	assert_int_equal(state_put_json(&w, FRAME_NOTE, json_pack("{s:s}", "text", "a word")), 0);
	assert_null(json_object_get(w.state.root, "complete"));
	assert_int_equal(state_put_json(&w, FRAME_NOTE, json_pack("{s:s, s:b}", "text", "done", "complete", 1)), 0);
	assert_non_null(json_object_get(w.state.root, "complete"));
	assert_int_equal(state_put_json(&w, FRAME_PLAN,
			     json_pack("{s:s, s:s, s:i, s:[s]}", "exit", "e", "plan", SOME_HASH, "number", 2,
				       "families", "more")),
			 0);
	assert_null(json_object_get(w.state.root, "complete"));
	state_done(&w.state);
}

static void names_of_a_shadow_are_legal(void **state)
{
	static struct plan_class class;
	struct plan_family family = { .name = { .text = VIEW_LITERAL("orders/of \xc3\xa4 shop") },
				      .class = &class };
	struct shadow shadow;
	struct arena arena;
	char name[400];

	(void)state;
	arena_init(&arena, 65536);
	assert_int_equal(shadow_make(&family, 12, &arena, &shadow), 0);
	assert_string_equal(shadow.topic, "__interlock-drill-orders-of----shop-12");
	assert_string_equal(shadow.name, "orders/of \xc3\xa4 shop~drill");
	assert_true(shadow.family.levers.flag.head.given && shadow.family.groups.count == 1);
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = 0;
	family.name.text = view_text(name);
	assert_int_equal(shadow_make(&family, UINT64_MAX, &arena, &shadow), 0);
	assert_true(strlen(shadow.topic) < 200);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shadow_lives_as_long_as_its_drill),
		cmocka_unit_test(only_a_shadow_goes_without_a_verdict),
		cmocka_unit_test(what_a_drill_left_is_forgotten_once_it_is_gone),
		cmocka_unit_test(an_exit_is_complete_until_another_plan),
		cmocka_unit_test(names_of_a_shadow_are_legal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
