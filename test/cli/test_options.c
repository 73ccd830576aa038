/* test_options.c - words into settings: every shape, every refusal, and that the tables themselves are whole. */
#include "cli/harness.h"

#include "cli/verb_parity.h"
#include "cli/verbs.h"

#define NOW_MS INT64_C(1700000000000)

struct parsed {
	struct parity_settings settings;
	struct texts rest;
	struct arena arena;
	struct fault fault;
	bool help;
	int err;
};

static void parse(struct parsed *parsed, const char *line)
{
	static char copy[2000];
	char *words[64];
	int count = 0;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		words[count++] = word;
	memset(parsed, 0, sizeof *parsed);
	arena_init(&parsed->arena, 1 << 20);
	parsed->err = options_parse(&verb_parity, count, words, NOW_MS, &parsed->arena, &parsed->settings,
				    &parsed->rest, &parsed->help, &parsed->fault);
}

#define BOTH "--source a:1 --target b:2 --topic t "

static void test_defaults(void **state)
{
	struct parsed parsed;

	parse(&parsed, BOTH);
	assert_int_equal(parsed.err, 0);
	assert_string_equal(parsed.settings.source, "a:1");
	assert_string_equal(parsed.settings.target, "b:2");
	assert_int_equal(parsed.settings.topics.count, 1);
	assert_int_equal(parsed.settings.claim, 2);
	assert_int_equal(parsed.settings.settle_ms, 5000);
	assert_true(parsed.settings.since_ms == OPTION_ABSENT);
	assert_true(parsed.settings.rate_bytes_per_s == OPTION_ABSENT);
	assert_int_equal(parsed.settings.memory_bytes, 256 << 20);
	assert_int_equal(parsed.settings.findings, 20);
	assert_string_equal(parsed.settings.identity, "content");
	assert_false(parsed.settings.follow);
	assert_int_equal(parsed.settings.common.color, COLOR_AUTO);
	arena_done(&parsed.arena);
}

static void test_every_shape(void **state)
{
	struct parsed parsed;

	parse(&parsed,
	      BOTH "--claim=latest --settle 2m --since -2h --until 2023-11-14T22:13:20Z --rate 100MB/s "
		   "--memory 64MiB --topic u=v --topic w* --ignore-header x --json --color never --follow");
	assert_int_equal(parsed.err, 0);
	assert_int_equal(parsed.settings.claim, 5);
	assert_int_equal(parsed.settings.settle_ms, 120000);
	assert_true(parsed.settings.since_ms == NOW_MS - 7200000);
	assert_true(parsed.settings.until_ms == NOW_MS);
	assert_int_equal(parsed.settings.rate_bytes_per_s, 100000000);
	assert_int_equal(parsed.settings.memory_bytes, 64 << 20);
	assert_int_equal(parsed.settings.topics.count, 3);
	assert_string_equal(parsed.settings.topics.at[1], "u=v");
	assert_string_equal(parsed.settings.topics.at[2], "w*");
	assert_true(parsed.settings.common.json);
	assert_true(parsed.settings.follow);
	assert_int_equal(parsed.settings.common.color, COLOR_NEVER);
	arena_done(&parsed.arena);
}

/* Each line: what is typed behind the required options, and what the refusal must say. */
static void test_refusals(void **state)
{
	static const char *const table[][2] = {
		{ BOTH "--clain x", "did you mean --claim?" },
		{ BOTH "--xyzzyx", "lists all" },
		{ BOTH "--claim key-oder", "did you mean 'key-order'?" },
		{ BOTH "--claim", "--claim needs a value" },
		{ BOTH "--claim --follow", "--claim needs a value" },
		{ BOTH "--claim=", "--claim is empty" },
		{ BOTH "--follow=yes", "takes no value" },
		{ BOTH "--settle 5", "--settle: '5' has no unit" },
		{ BOTH "--memory lots", "--memory: " },
		{ BOTH "--findings -1", "--findings: " },
		{ BOTH "--since yesterday", "--since: " },
		{ BOTH "--source c:3", "--source is given twice" },
		{ BOTH "-x", "two dashes" },
		{ BOTH "orders", "takes no other words" },
		{ "--target b:2 --topic t", "--source is missing" },
		{ "--source a:1 --target b:2", "--topic is missing" },
	};

	for (size_t index = 0; index < sizeof table / sizeof table[0]; index++) {
		struct parsed parsed;

		parse(&parsed, table[index][0]);
		assert_int_equal(parsed.err, ERR_USAGE);
		assert_int_equal(parsed.fault.err, ERR_USAGE);
		if (!strstr(parsed.fault.text, table[index][1]))
			fail_msg("'%s' said: %s", table[index][0], parsed.fault.text);
		arena_done(&parsed.arena);
	}
}

static void test_help_wins(void **state)
{
	struct parsed parsed;

	parse(&parsed, "--nonsense --help");
	assert_int_equal(parsed.err, 0);
	assert_true(parsed.help);
	arena_done(&parsed.arena);
	parse(&parsed, BOTH "-- --help");
	assert_int_equal(parsed.err, ERR_USAGE);
	assert_false(parsed.help);
	arena_done(&parsed.arena);
}

/* A default that its own parser refuses, a choice without words or a missing sentence is a mistake in a table. */
static void test_tables_are_whole(void **state)
{
	for (const struct verb *const *at = verbs; *at; at++) {
		const struct verb *verb = *at;
		char help_word[] = "--help";
		char *words[] = { help_word };
		struct common_settings *settings = calloc(1, verb->settings_size);
		struct fault fault = { 0 };
		struct arena arena;
		struct texts rest;
		bool help;

		arena_init(&arena, 1 << 20);
		assert_non_null(settings);
		assert_true(verb->settings_size >= sizeof(struct common_settings));
		assert_non_null(verb->summary);
		assert_non_null(verb->text);
		assert_non_null(verb->run);
		if (options_parse(verb, 1, words, NOW_MS, &arena, settings, &rest, &help, &fault) < 0)
			fail_msg("%s: %s", verb->name, fault.text);
		assert_true(help);
		for (const struct option *option = verb->options; option && option->name; option++) {
			assert_true(option->at >= sizeof(struct common_settings));
			assert_true(option->at < verb->settings_size);
			assert_non_null(option->help);
			assert_true((option->kind == OPTION_CHOICE) == (option->choices != NULL));
			assert_true((option->kind == OPTION_FLAG) == (option->value == NULL));
		}
		arena_done(&arena);
		free(settings);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),         cmocka_unit_test(test_every_shape),
		cmocka_unit_test(test_refusals),         cmocka_unit_test(test_help_wins),
		cmocka_unit_test(test_tables_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
