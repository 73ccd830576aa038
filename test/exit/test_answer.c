/* test_answer.c - what an operator's command may print, and what is made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "exit/answer.h"

/* Read from an allocation of its own, so that a look past the end shows. */
static int read_in_room(const char *text, bool body, struct answer *out)
{
	size_t size = strlen(text);
	uint8_t *room = malloc(size + 1);
	int err;

	assert_non_null(room);
	memcpy(room, text, size);
	err = body ? answer_read_body(view_of(room, size), out, NULL)
		   : answer_read_output(view_of(room, size), out, NULL);
	out->json = VIEW_NULL;
	free(room);
	return err;
}

static const struct row {
	const char *given, *text, *unit;
} lines[] = {
	{ "source", "source", "" },
	{ "  source \r\nand more\n", "source", "" },
	{ "running target\n", "running target", "" },
	{ "", "", "" },
	{ "\nsource\n", "", "" }, /* the first line is the answer, also when it is empty */
	{ "{\"value\": \"target\"}\n", "target", "" },
	{ "{\"value\": \" hold \"}", "hold", "" },
	{ "{\"value\": 12, \"unit\": \"ms\"}", "12", "ms" },
	{ "{\"value\": 12.5}", "12.5", "" },
	{ "{\"value\": 123456789012.25}", "123456789012.25", "" },
	{ "{\"value\": 0.00001}", "0.000010000", "" },
	{ "{\"value\": \"12345678901.123456\"}", "12345678901.123456", "" },
	{ "{\"value\": true, \"more\": [1]}", "true", "" },
	{ "{\"value\": false}", "false", "" },
	{ "{\"value\": 9223372036854775807}", "9223372036854775807", "" },
	{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "" },
};

static const char *const malformed[] = {
	"so\033[31murce",
	"so\xc2\x9burce",
	"\xff\xfe",
	"{",
	"{not json}",
	"{\"value\": null}",
	"{\"value\": [\"source\"]}",
	"{\"value\": \"a\\nb\"}",
	"{\"value\": \"source\", \"value\": \"target\"}",
	"{}",
	"{\"value\": 1, \"unit\": 3}",
	"{\"value\": 1, \"unit\": \"a unit that is much longer than a unit ever is\"}",
	"{\"value\": 9007199254740993.5}",
	"{\"value\": 1e300}",
	"{\"value\": 1e20}",
	"{\"value\": 99223372036854775807}",
	"{\"drained\": \"yes\"}",
	"{\"drained\": 1}",
	"{\"value\": \"source\"} trailing",
};

static void lines_are_read(void **state)
{
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct answer answer = { .kind = ANSWER_WAITS, .status = 7 };

		assert_int_equal(read_in_room(lines[i].given, false, &answer), 0);
		assert_string_equal(answer.text, lines[i].text);
		assert_string_equal(answer.unit, lines[i].unit);
		assert_int_equal(answer.kind, ANSWER_WAITS); /* left alone */
		assert_int_equal(answer.status, 7);
	}
}

static void what_cannot_be_read_is_left(void **state)
{
	for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
		struct answer answer = { .text = "before", .unit = "u" };

		assert_int_equal(read_in_room(malformed[i], false, &answer), ERR_MALFORMED);
		assert_string_equal(answer.text, "before");
		assert_string_equal(answer.unit, "u");
	}
}

static void bodies_are_json_alone(void **state)
{
	struct answer answer = { 0 };
	char longer[3000];

	assert_int_equal(read_in_room("{\n \"value\":\n \"source\"\n}\n", true, &answer), 0);
	assert_string_equal(answer.text, "source");
	assert_false(answer.says_drained);
	assert_int_equal(read_in_room("{\"drained\": true}", true, &answer), 0);
	assert_true(answer.says_drained && answer.drained);
	assert_string_equal(answer.text, "");
	assert_int_equal(read_in_room("{\"drained\": false}", true, &answer), 0);
	assert_true(answer.says_drained && !answer.drained);
	assert_int_equal(read_in_room("source", true, &answer), ERR_MALFORMED);
	assert_int_equal(read_in_room("\"source\"", true, &answer), ERR_MALFORMED);
	assert_int_equal(read_in_room("[]", true, &answer), ERR_MALFORMED);
	assert_int_equal(read_in_room("", true, &answer), ERR_MALFORMED);

	memset(longer, 'a', sizeof longer);
	longer[ANSWER_TEXT_SIZE_MAX] = 0;
	assert_int_equal(read_in_room(longer, false, &answer), 0);
	assert_int_equal(strlen(answer.text), ANSWER_TEXT_SIZE_MAX);
	longer[ANSWER_TEXT_SIZE_MAX] = 'a';
	longer[ANSWER_TEXT_SIZE_MAX + 1] = 0;
	assert_int_equal(read_in_room(longer, false, &answer), ERR_MALFORMED);
}

static const struct number {
	const char *text;
	int64_t millionths;
	const char *unit, *again;
} numbers[] = {
	{ "0", 0, "", "0" },
	{ "12", 12000000, "", "12" },
	{ "-3.25", -3250000, "", "-3.25" },
	{ "+7", 7000000, "", "7" },
	{ "12 ms", 12000000, "ms", "12 ms" },
	{ "12ms", 12000000, "ms", "12 ms" },
	{ "30%", 30000000, "%", "30%" },
	{ "0.5 EUR", 500000, "EUR", "0.5 EUR" },
	{ "0.1234564", 123456, "", "0.123456" },
	{ "0.1234565", 123457, "", "0.123457" },
	{ "0.99999999999", 1000000, "", "1" },
	{ "-0.000001", -1, "", "-0.000001" },
	{ "9000000000000", 9000000000000000000, "", "9000000000000" },
};

static const char *const no_numbers[] = { "",      "-",     "nan",   "inf",   "1e6",   "1e+",
					  "1,000", "1_000", "1 000", "0x10",  "1.2.3", "12.",
					  ".5",    "--1",   "1-2",   "12 -3", "one",   "1'000" };

static void numbers_are_exact(void **state)
{
	struct answer answer = { 0 };
	struct quantity quantity;
	char text[QUANTITY_TEXT_SIZE];

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		strcpy(answer.text, numbers[i].text);
		assert_int_equal(answer_quantity(&answer, &quantity, NULL), 0);
		assert_int_equal(quantity.millionths, numbers[i].millionths);
		assert_string_equal(quantity.unit, numbers[i].unit);
		assert_string_equal(quantity_text(&quantity, text), numbers[i].again);
	}
	for (size_t i = 0; i < sizeof no_numbers / sizeof *no_numbers; i++) {
		strcpy(answer.text, no_numbers[i]);
		assert_int_equal(answer_quantity(&answer, &quantity, NULL), ERR_MALFORMED);
	}
	strcpy(answer.text, "99999999999999");
	assert_int_equal(answer_quantity(&answer, &quantity, NULL), ERR_LIMIT);
	strcpy(answer.text, "99999999999999999999999999999999999999");
	assert_int_equal(answer_quantity(&answer, &quantity, NULL), ERR_LIMIT);
	strcpy(answer.text, "12 ms");
	strcpy(answer.unit, "s"); /* two units */
	assert_int_equal(answer_quantity(&answer, &quantity, NULL), ERR_MALFORMED);
	strcpy(answer.text, "12");
	assert_int_equal(answer_quantity(&answer, &quantity, NULL), 0);
	assert_string_equal(quantity.unit, "s");
}

static void yes_and_no_are_said(void **state)
{
	static const char *const yes[] = { "yes", "true", "1", "3 alerts", "0.5" };
	static const char *const no[] = { "no", "false", "0", "0 alerts" };
	static const char *const neither[] = { "", "maybe", "YES please", "-1", "ok", "y" };
	struct answer answer = { 0 };
	bool is;

	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
		is = false;
		strcpy(answer.text, yes[i]);
		assert_int_equal(answer_yes(&answer, &is, NULL), 0);
		assert_true(is);
	}
	for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
		is = true;
		strcpy(answer.text, no[i]);
		assert_int_equal(answer_yes(&answer, &is, NULL), 0);
		assert_false(is);
	}
	for (size_t i = 0; i < sizeof neither / sizeof *neither; i++) {
		strcpy(answer.text, neither[i]);
		assert_int_equal(answer_yes(&answer, &is, NULL), ERR_MALFORMED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read),        cmocka_unit_test(what_cannot_be_read_is_left),
		cmocka_unit_test(bodies_are_json_alone), cmocka_unit_test(numbers_are_exact),
		cmocka_unit_test(yes_and_no_are_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
