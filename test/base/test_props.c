/* test_props.c - property files as java.util.Properties reads them, and what we refuse on purpose. */
#include "check.h"

#include "base/buffer.h"
#include "base/props.h"

struct pair {
	const char *key, *value;
};

#define PAIRS 4

/* Each was read with java.util.Properties.load(Reader); the pairs are what it said. */
static const struct {
	const char *text;
	struct pair pairs[PAIRS];
} plays[] = {
	{ "a=b", { { "a", "b" } } },
	{ "a = b \n", { { "a", "b " } } },
	{ "a:b\na2 : c", { { "a", "b" }, { "a2", "c" } } },
	{ "a b c", { { "a", "b c" } } },
	{ "a\tb", { { "a", "b" } } },
	{ "a==b", { { "a", "=b" } } },
	{ "a=:b", { { "a", ":b" } } },
	{ "a", { { "a", "" } } },
	{ "a=", { { "a", "" } } },
	{ "=b", { { "", "b" } } },
	{ "  # no\n\t! no\n\n \f\r\na=b", { { "a", "b" } } },
	{ "# not continued \\\na=b", { { "a", "b" } } },
	{ "a=b # value", { { "a", "b # value" } } },
	{ "a=one,\\\n   two", { { "a", "one,two" } } },
	{ "a=one\\\r\n two\rb=c", { { "a", "onetwo" }, { "b", "c" } } },
	{ "a\\\n  b=c", { { "ab", "c" } } },
	{ "a \\\n = c", { { "a", "c" } } },
	{ "a = \\\n \\\n c", { { "a", "c" } } },
	{ "a=b\\\n\nc=d", { { "a", "b" }, { "c", "d" } } },
	{ "a=b\\\n# c", { { "a", "b# c" } } },
	{ "a=b\\", { { "a", "b" } } },
	{ "a\\=b\\:c\\ d=e", { { "a=b:c d", "e" } } },
	{ "a=\\t\\n\\r\\f\\\\\\q\\\"", { { "a", "\t\n\r\f\\q\"" } } },
	{ "a=\\u00e9\\u20AC\\ud83d\\ude00", { { "a", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" } } },
	{ "a=\xc3\xa9", { { "a", "\xc3\xa9" } } },
	{ "a=\\ b", { { "a", " b" } } },
	{ "\\#a=b", { { "#a", "b" } } },
	{ "jaas=Plain required \\\n\tusername=\"a\" ;", { { "jaas", "Plain required username=\"a\" ;" } } },
};

static void files_read_as_java_reads_them(void **state)
{
	for (size_t i = 0; i < sizeof plays / sizeof *plays; i++) {
		struct view text = copy_exactly(view_text(plays[i].text));
		struct fault fault;
		struct arena arena;
		struct props props;
		int count = 0;

		arena_init(&arena, 1 << 20);
		if (props_parse(text, "x", &arena, &props, &fault) < 0)
			fail_msg("%zu: %s", i, fault.text);
		while (count < PAIRS && plays[i].pairs[count].key)
			count++;
		if (props.count != count)
			fail_msg("%zu has %d keys", i, props.count);
		for (int k = 0; k < count; k++)
			if (!view_is(props_get(&props, plays[i].pairs[k].key), plays[i].pairs[k].value))
				fail_msg("%zu: '%s' is '%.*s'", i, plays[i].pairs[k].key,
					 VIEW_ARGS(props_get(&props, plays[i].pairs[k].key)));
		assert_null(props_get(&props, "absent").at);
		arena_done(&arena);
		free((void *)text.at);
	}
}

static void refusals_name_file_and_line(void **state)
{
	static const struct {
		const char *text, *says;
	} refused[] = {
		{ "a=b\n\na=c", "client.properties:3: 'a' is already given on line 1" },
		{ "x=y\na=\\u00g0", "client.properties:2: \\u" },
		{ "a=\\u00", "client.properties:1: \\u" },
		{ "\\u=1", "client.properties:1: \\u" },
	};

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct props props = { NULL, 17 };
		struct fault fault;
		struct arena arena;

		arena_init(&arena, 1 << 20);
		assert_int_equal(
			props_parse(view_text(refused[i].text), "client.properties", &arena, &props, &fault),
			ERR_CONFIG);
		if (!strstr(fault.text, refused[i].says))
			fail_msg("'%s' has no '%s'", fault.text, refused[i].says);
		assert_int_equal(props.count, 17); /* untouched */
		arena_done(&arena);
	}
}

static void lines_are_counted_over_continuations(void **state)
{
	struct fault fault;
	struct arena arena;
	struct props props;

	arena_init(&arena, 1 << 20);
	assert_int_equal(
		props_parse(VIEW_LITERAL("a=1\\\n2\\\r\n3\n# c\nb=4\n"), "x", &arena, &props, &fault), 0);
	assert_int_equal(props.at[0].line, 1);
	assert_int_equal(props.at[1].line, 5);
	arena_done(&arena);
}

static void too_many_keys_are_refused(void **state)
{
	struct fault fault;
	struct arena arena;
	struct props props;
	struct buffer text;

	arena_init(&arena, 1 << 20);
	buffer_init(&text, 1 << 20);
	for (int i = 0; i < PROPS_COUNT_MAX; i++)
		buffer_printf(&text, "k%d=v\n", i);
	assert_int_equal(props_parse(buffer_bytes(&text), "x", &arena, &props, &fault), 0);
	buffer_text(&text, "one=more");
	arena_reset(&arena);
	assert_int_equal(props_parse(buffer_bytes(&text), "x", &arena, &props, &fault), ERR_LIMIT);
	arena_done(&arena);
	arena_init(&arena, 100);
	assert_true(props_parse(VIEW_LITERAL("a=b"), "x", &arena, &props, &fault) < 0);
	arena_done(&arena);
	buffer_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_read_as_java_reads_them),
		cmocka_unit_test(refusals_name_file_and_line),
		cmocka_unit_test(lines_are_counted_over_continuations),
		cmocka_unit_test(too_many_keys_are_refused),
	};

	return cmocka_run_group_tests_name("props", tests, NULL, NULL);
}
