/* test_text.c - globs, near words, hex, and what may reach a terminal. */
#include "check.h"

#include "base/random.h"
#include "base/text.h"

/* The definition itself, exponential and plain, for patterns without brackets. */
static bool model_match(const char *p, const char *t)
{
	if (*p == '*')
		return model_match(p + 1, t) || (*t && model_match(p, t + 1));
	if (!*t)
		return !*p;
	return (*p == '?' || *p == *t) && *p && model_match(p + 1, t + 1);
}

static void globs_do_what_their_definition_says(void **state)
{
	struct random r;

	random_seed(&r, 1);
	for (int i = 0; i < 50000; i++) {
		char pattern[8] = { 0 }, text[10] = { 0 };

		for (size_t k = random_below(&r, 8); k > 0; k--)
			pattern[k - 1] = "ab*?"[random_below(&r, 4)];
		for (size_t k = random_below(&r, 10); k > 0; k--)
			text[k - 1] = "ab"[random_below(&r, 2)];
		if (glob_match(view_text(pattern), view_text(text)) != model_match(pattern, text))
			fail_msg("'%s' over '%s'", pattern, text);
	}
}

static void brackets_match(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} plays[] = {
		{ "order[s]", "orders", true },
		{ "order[a-r]", "orders", false },
		{ "[!a]b", "cb", true },
		{ "[!a]b", "ab", false },
		{ "[^a]b", "cb", true },
		{ "[]]", "]", true },
		{ "[", "[", true },
		{ "[a", "[a", true },
		{ "x[a-]", "x-", true },
		{ "*[0-9]", "topic-7", true },
		{ "*[0-9]", "topic-", false },
		{ "orders.*", "orders.dlq", true },
		{ "orders.*", "ordersxdlq", false },
		{ "", "", true },
		{ "", "a", false },
	};

	for (size_t i = 0; i < sizeof plays / sizeof *plays; i++)
		if (glob_match(view_text(plays[i].pattern), view_text(plays[i].text)) != plays[i].matches)
			fail_msg("'%s' over '%s'", plays[i].pattern, plays[i].text);
	assert_true(glob_is(VIEW_LITERAL("a*")) && glob_is(VIEW_LITERAL("?")) &&
		    glob_is(VIEW_LITERAL("[a]")));
	assert_false(glob_is(VIEW_LITERAL("orders.v2-a_b\0")));
}

static void many_stars_do_not_take_for_ever(void **state)
{
	char pattern[2001] = { 0 }, text[5001] = { 0 };

	for (int i = 0; i < 2000; i++)
		pattern[i] = i & 1 ? 'a' : '*';
	pattern[1999] = 'b';
	memset(text, 'a', 5000);
	assert_false(glob_match(view_text(pattern), view_text(text)));
}

static void the_nearest_word_is_found(void **state)
{
	static const char *const words[] = { "topics", "groups", "producers", "owners", "class", NULL };

	assert_string_equal(text_nearest(VIEW_LITERAL("topcis"), words), "topics");
	assert_string_equal(text_nearest(VIEW_LITERAL("topic"), words), "topics");
	assert_string_equal(text_nearest(VIEW_LITERAL("prodcers"), words), "producers");
	assert_string_equal(text_nearest(VIEW_LITERAL("class"), words), "class");
	assert_null(text_nearest(VIEW_LITERAL("retention"), words));
	assert_null(text_nearest(VIEW_LITERAL(""), words));
	assert_int_equal(text_distance(VIEW_LITERAL("ca"), VIEW_LITERAL("ac"), 9), 1);
	assert_int_equal(text_distance(VIEW_LITERAL("abc"), VIEW_LITERAL(""), 9), 3);
	assert_int_equal(text_distance(VIEW_LITERAL("abcdef"), VIEW_LITERAL("uvwxyz"), 2), 3);
}

static void distances_are_a_metric(void **state)
{
	struct random r;

	random_seed(&r, 1);
	for (int i = 0; i < 5000; i++) {
		char words[2][8];
		size_t sizes[2];
		int there;

		for (int k = 0; k < 2; k++) {
			sizes[k] = random_below(&r, 8);
			for (size_t n = 0; n < sizes[k]; n++)
				words[k][n] = "abc"[random_below(&r, 3)];
		}
		there = text_distance(view_of(words[0], sizes[0]), view_of(words[1], sizes[1]), 20);
		assert_int_equal(there,
				 text_distance(view_of(words[1], sizes[1]), view_of(words[0], sizes[0]), 20));
		assert_int_equal(there == 0,
				 sizes[0] == sizes[1] && memcmp(words[0], words[1], sizes[0]) == 0);
		assert_true(there <= (int)(sizes[0] > sizes[1] ? sizes[0] : sizes[1]));
	}
}

static void hex_goes_both_ways(void **state)
{
	uint8_t bytes[3];
	struct buffer out;

	buffer_init(&out, 100);
	text_hex(&out, VIEW_LITERAL("\0\x7f\xff"));
	assert_view_is(buffer_bytes(&out), "007fff");
	assert_true(text_unhex(VIEW_LITERAL("007FfF"), bytes, 3));
	assert_memory_equal(bytes, "\0\x7f\xff", 3);
	assert_false(text_unhex(VIEW_LITERAL("0"), bytes, 1));
	assert_false(text_unhex(VIEW_LITERAL("0011"), bytes, 3));
	assert_false(text_unhex(VIEW_LITERAL("00112233"), bytes, 3));
	assert_false(text_unhex(VIEW_LITERAL("11000g"), bytes, 3));
	assert_false(text_unhex(VIEW_LITERAL("11@000"), bytes, 3));
	assert_memory_equal(bytes, "\0\x7f\xff", 3);
	buffer_done(&out);
}

static void nothing_steers_the_terminal(void **state)
{
	struct random r;
	struct buffer out;

	buffer_init(&out, 1000);
	text_safe(&out, VIEW_LITERAL("a\x1b[2Jb\xff\xc3\xa9\xc2\x9b\n\x7f\xe2\x82"));
	assert_view_is(buffer_bytes(&out), "a\\x1b[2Jb\\xff\xc3\xa9\\xc2\\x9b\\x0a\\x7f\\xe2\\x82");
	random_seed(&r, 1);
	for (int i = 0; i < 5000; i++) {
		uint8_t bytes[12];
		struct view copy;

		for (size_t k = 0; k < sizeof bytes; k++)
			bytes[k] = (uint8_t)random_u64(&r);
		copy = copy_exactly(view_of(bytes, random_below(&r, sizeof bytes)));
		buffer_reset(&out);
		text_safe(&out, copy);
		assert_true(text_is_utf8(buffer_bytes(&out)) || out.size == 0);
		for (size_t k = 0; k < out.size; k++)
			assert_true(out.at[k] >= 0x20 && out.at[k] != 0x7f);
		free((void *)copy.at);
	}
	buffer_done(&out);
}

static void only_utf8_is_utf8(void **state)
{
	static const struct view good[] = {
		VIEW_LITERAL(""),
		VIEW_LITERAL("abc"),
		VIEW_LITERAL("\xc2\x80\xdf\xbf"),
		VIEW_LITERAL("\xe0\xa0\x80\xed\x9f\xbf"),
		VIEW_LITERAL("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
	};
	static const struct view bad[] = {
		VIEW_LITERAL("\x80"),
		VIEW_LITERAL("\xc0\x80"),
		VIEW_LITERAL("\xc1\xbf"),
		VIEW_LITERAL("\xe0\x9f\xbf"),
		VIEW_LITERAL("\xed\xa0\x80"),
		VIEW_LITERAL("\xf0\x8f\xbf\xbf"),
		VIEW_LITERAL("\xf4\x90\x80\x80"),
		VIEW_LITERAL("\xf5\x80\x80\x80"),
		VIEW_LITERAL("\xe2\x82"),
		VIEW_LITERAL("a\xff"),
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(text_is_utf8(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct view copy = copy_exactly(bad[i]);

		assert_false(text_is_utf8(copy));
		free((void *)copy.at);
	}
}

static void blanks_are_trimmed(void **state)
{
	assert_view_is(text_trim(VIEW_LITERAL(" \t a b\r\n")), "a b");
	assert_int_equal(text_trim(VIEW_LITERAL(" \n")).size, 0);
	assert_int_equal(text_trim(view_of("\0 ", 2)).size, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(globs_do_what_their_definition_says),
		cmocka_unit_test(brackets_match),
		cmocka_unit_test(many_stars_do_not_take_for_ever),
		cmocka_unit_test(the_nearest_word_is_found),
		cmocka_unit_test(distances_are_a_metric),
		cmocka_unit_test(hex_goes_both_ways),
		cmocka_unit_test(nothing_steers_the_terminal),
		cmocka_unit_test(only_utf8_is_utf8),
		cmocka_unit_test(blanks_are_trimmed),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
