/* test_window.c - one row a family on the target: has it been watched for long enough? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "exit/window.h"

#define CROSSED 1700000000000LL
#define HOUR    3600000LL

static struct plan_probe named[2];
static struct plan_class class;
static struct plan_family plan;

/* clang-format off */
static const struct row {
	const char *name, *watched; /* JSON as in the state; NULL: no verdict came since the crossing */
	enum stage stage;
	int64_t held_ms, records_least;
	int regimes;
	bool over;
	const char *says;
} rows[] = {
	{ "time, and nothing else is asked", NULL, STAGE_TARGET, 2 * HOUR, 0, 0, true, "2 h 0 min of 2 h 0 min" },
	{ "too early", NULL, STAGE_TARGET, 2 * HOUR - 1, 0, 0, false, "1 h 59 min of" },
	{ "a clock that was set back", NULL, STAGE_TARGET, -5 * HOUR, 0, 0, false, "0 ms of 2 h" },
	{ "nobody looked", NULL, STAGE_TARGET, 3 * HOUR, 1000, 2, false, "not known, and 1,000 are wanted, not seen yet: peak hour, nightly batch" },
	{ "traffic is not known", "{\"records\": null, \"regimes\": {}}", STAGE_TARGET, 3 * HOUR, 1, 0, false, "not known" },
	{ "too little traffic", "{\"records\": 999}", STAGE_TARGET, 3 * HOUR, 1000, 0, false, "999 of 1,000 records" },
	{ "enough", "{\"records\": 1000}", STAGE_TARGET, 3 * HOUR, 1000, 0, true, "1,000 of 1,000 records" },
	{ "one regime is missing", "{\"records\": 5000, \"regimes\": {\"peak hour\": 1}}", STAGE_TARGET, 3 * HOUR, 1000, 2, false, "not seen yet: nightly batch" },
	{ "another's name is not it", "{\"records\": 5000, \"regimes\": {\"peak\": 1, \"peak hour 2\": 1}}", STAGE_TARGET, 3 * HOUR, 0, 1, false, "not seen yet: peak hour" },
	{ "all were seen", "{\"records\": 5000, \"regimes\": {\"nightly batch\": 2, \"peak hour\": 1}}", STAGE_TARGET, 3 * HOUR, 1000, 2, true, "2 of 2 regimes seen" },
	{ "all were seen, and it is early", "{\"records\": 5000, \"regimes\": {\"nightly batch\": 2, \"peak hour\": 1}}", STAGE_TARGET, HOUR, 1000, 2, false, "1 h 0 min of 2 h" },
	{ "not on the target", "{\"records\": 5000}", STAGE_OBSERVING, 3 * HOUR, 1000, 0, false, "" },
	{ "still opening", "{\"records\": 5000}", STAGE_OPENING, 3 * HOUR, 1000, 0, false, "" },
	{ "was sealed", NULL, STAGE_SEALED, 0, 1000, 2, true, "" },
	{ "is retired", NULL, STAGE_RETIRED, 0, 1000, 2, true, "" },
};
/* clang-format on */

static void every_row(void **state)
{
	int wrong = 0;

	(void)state;
	named[0].name.text = VIEW_LITERAL("peak hour");
	named[1].name.text = VIEW_LITERAL("nightly batch");
	plan.class = &class;
	plan.regimes.at = named;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *row = &rows[i];
		json_t *json = json_object();
		struct standing family = { .json = json, .stage = row->stage, .crossed_ms = CROSSED };
		char text[WINDOW_TEXT_SIZE];
		bool over;

		if (row->watched)
			json_object_set_new(json, "watched", json_loads(row->watched, 0, NULL));
		class.limits[LIMIT_OBSERVE].value = 2 * HOUR;
		class.limits[LIMIT_OBSERVE_RECORDS].value = row->records_least;
		plan.regimes.count = row->regimes;
		over = window_is_over(&family, &plan, CROSSED + row->held_ms, text, sizeof text);
		json_decref(json);
		if (over == row->over && strstr(text, row->says))
			continue;
		wrong++;
		print_error("%s: %s, '%s'\n", row->name, over ? "over" : "not over", text);
	}
	assert_int_equal(wrong, 0);
}

/* Bytes and keys, beside records. */
static void bytes_and_keys(void **state)
{
	static const struct {
		const char *watched;
		int64_t bytes, keys;
		bool over;
		const char *says;
	} more[] = {
		{ "{\"records\": 9}", 0, 0, true, "2 h 0 min of 2 h 0 min" },
		{ "{\"records\": 9}", 1024, 0, false,
		  ", bytes written in it are not known, and 1.0 KiB are wanted" },
		{ "{\"bytes\": 1023}", 1024, 0, false, ", 1023 B of 1.0 KiB" },
		{ "{\"bytes\": 1024}", 1024, 0, true, ", 1.0 KiB of 1.0 KiB" },
		{ "{\"bytes\": 1024}", 1024, 3, false, ", 0 of 3 different keys" },
		{ "{\"bytes\": 1024, \"keys\": 2}", 0, 3, false, ", 2 of 3 different keys" },
		{ "{\"keys\": -1}", 0, 3, false, ", 0 of 3 different keys" },
		{ "{\"bytes\": 1024, \"keys\": 3}", 1024, 3, true, ", 3 of 3 different keys" },
	};

	(void)state;
	plan.class = &class;
	plan.regimes.count = 0;
	class.limits[LIMIT_OBSERVE].value = 2 * HOUR;
	class.limits[LIMIT_OBSERVE_RECORDS].value = 0;
	for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
		json_t *json = json_pack("{s:o}", "watched", json_loads(more[i].watched, 0, NULL));
		struct standing family = { .json = json, .stage = STAGE_TARGET, .crossed_ms = CROSSED };
		char text[WINDOW_TEXT_SIZE];
		bool over;

		class.limits[LIMIT_OBSERVE_BYTES].value = more[i].bytes;
		class.limits[LIMIT_OBSERVE_KEYS].value = more[i].keys;
		over = window_is_over(&family, &plan, CROSSED + 2 * HOUR, text, sizeof text);
		json_decref(json);
		if (over != more[i].over || !strstr(text, more[i].says))
			fail_msg("row %zu: %s, '%s'", i, over ? "over" : "not over", text);
	}
	class.limits[LIMIT_OBSERVE_BYTES].value = class.limits[LIMIT_OBSERVE_KEYS].value = 0;
}

/* What it asks for is said before there is anything to tell of it. */
static void what_it_asks_for(void **state)
{
	struct standing family = { .stage = STAGE_OBSERVING };
	json_t *told;

	(void)state;
	plan.class = &class;
	plan.regimes.at = named;
	plan.regimes.count = 2;
	named[0].name.text = VIEW_LITERAL("peak hour");
	named[1].name.text = VIEW_LITERAL("nightly batch");
	class.limits[LIMIT_OBSERVE].value = 2 * HOUR;
	class.limits[LIMIT_OBSERVE_RECORDS].value = 1000;
	class.limits[LIMIT_OBSERVE_BYTES].value = 1024;
	class.limits[LIMIT_OBSERVE_KEYS].value = 3;
	told = window_told(&plan, &family, CROSSED);
	assert_string_equal(body_text(told, "asks"),
			    "2 h 0 min on the target, 1,000 records, 1.0 KiB, 3 different "
			    "keys, and each of: peak hour, nightly batch");
	assert_true(json_is_null(json_object_get(told, "text")) &&
		    json_is_false(json_object_get(told, "over")));
	json_decref(told);
	class.limits[LIMIT_OBSERVE_BYTES].value = class.limits[LIMIT_OBSERVE_KEYS].value = 0;
}

/* What is said is cut, and never past its room. */
static void little_room(void **state)
{
	struct standing family = { .json = NULL, .stage = STAGE_TARGET, .crossed_ms = CROSSED };
	char text[16] = { 0 };

	(void)state;
	plan.regimes.count = 2;
	assert_false(window_is_over(&family, &plan, CROSSED + 3 * HOUR, text, 8));
	assert_int_equal(strlen(text), 7);
	assert_int_equal(text[8], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_row), cmocka_unit_test(bytes_and_keys),
					    cmocka_unit_test(what_it_asks_for),
					    cmocka_unit_test(little_room) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
