/* test_step.c - the steps of a crossing, written out: by levers, pattern, order of groups, and direction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "exit/step.h"

#define FLAG      "flag: { get: exec g, set: exec s }"
#define BOOTSTRAP "bootstrap: { get: exec g, set: exec s }"
#define BILLING   "groups: { billing: { get: exec g, set: exec s } }"

struct row {
	const char *pattern, *first, *levers;
	enum authority to;
	const char *steps; /* one a line; what stood before is "-" */
};

static const struct row rows[] = {
	{ "dual-write", "consumers", FLAG, AUTHORITY_TARGET,
	  "fence flag hold\nplace positions:billing@target exact\nplace positions:stock@target exact\n"
	  "open flag target\n" },
	{ "dual-write", "consumers", FLAG, AUTHORITY_SOURCE,
	  "fence flag hold\nplace positions:billing@source exact\nplace positions:stock@source exact\n"
	  "open flag source\n" },
	/* A group that can be stopped for us is moved before anything is fenced, or after all has been opened. */
	{ "dual-write", "consumers", FLAG ", " BILLING, AUTHORITY_TARGET,
	  "groups first group:billing stop\ngroups first positions:billing@target exact\n"
	  "groups first group:billing start target\nfence flag hold\nplace positions:stock@target "
	  "exact\nopen flag target\n" },
	{ "dual-write", "producers", FLAG ", " BILLING, AUTHORITY_TARGET,
	  "fence flag hold\nplace positions:stock@target exact\nopen flag target\ngroups last group:billing "
	  "stop\n"
	  "groups last positions:billing@target exact\ngroups last group:billing start target\n" },
	{ "dual-write", "producers", FLAG ", " BILLING, AUTHORITY_SOURCE,
	  "fence flag hold\nplace positions:stock@source exact\nopen flag source\ngroups last group:billing "
	  "stop\n"
	  "groups last positions:billing@source exact\ngroups last group:billing start source\n" },
	/* The application stops first; the deny of the side that was left is lifted last, for mirror writes go on there. */
	{ "dual-write", "consumers", FLAG ", acl: yes, transactional-ids: [ tx ]", AUTHORITY_TARGET,
	  "fence flag hold\nfence acl:source deny\nfence transaction:tx@source fence\n"
	  "place positions:billing@target exact\nplace positions:stock@target exact\n"
	  "open acl:target -\nopen flag target\nopen acl:source -\n" },
	{ "dual-write", "consumers", FLAG ", acl: yes, transactional-ids: [ tx ]", AUTHORITY_SOURCE,
	  "fence flag hold\nfence acl:target deny\nfence transaction:tx@target fence\n"
	  "place positions:billing@source exact\nplace positions:stock@source exact\n"
	  "open acl:source -\nopen flag source\nopen acl:target -\n" },
	/* With stop-and-switch nobody writes to the side that was left, so its deny stays. */
	{ "stop-and-switch", "consumers", BOOTSTRAP ", acl: yes", AUTHORITY_TARGET,
	  "fence acl:source deny\nplace positions:billing@target exact\nplace positions:stock@target exact\n"
	  "open acl:target -\nopen bootstrap target\n" },
	/* The side that is left keeps more, and the other is as it was again; nobody is slowed down while anybody is fenced. */
	{ "dual-write", "consumers",
	  FLAG ", topic-config: { retention.ms: 864000000, retention.bytes: -1 }, quota: 1MB/s",
	  AUTHORITY_TARGET,
	  "before config:retention.ms@source raise\nbefore config:retention.bytes@source raise\n"
	  "before quota:source limit\nbefore quota:source -\nfence flag hold\n"
	  "place positions:billing@target exact\nplace positions:stock@target exact\nopen flag target\n"
	  "after config:retention.ms@target -\nafter config:retention.bytes@target -\n" },
	{ "dual-write", "producers", FLAG ", " BILLING ", topic-config: { retention.ms: 864000000 }",
	  AUTHORITY_SOURCE,
	  "before config:retention.ms@target raise\nfence flag hold\nplace positions:stock@source exact\n"
	  "open flag source\ngroups last group:billing stop\ngroups last positions:billing@source exact\n"
	  "groups last group:billing start source\nafter config:retention.ms@source -\n" },
	/* An address that is the only fence is asked to hold. */
	{ "stop-and-switch", "consumers", BOOTSTRAP, AUTHORITY_TARGET,
	  "fence bootstrap hold\nplace positions:billing@target exact\nplace positions:stock@target exact\n"
	  "open bootstrap target\n" },
	{ "stop-and-switch", "consumers", BOOTSTRAP, AUTHORITY_SOURCE,
	  "fence bootstrap hold\nplace positions:billing@source exact\nplace positions:stock@source exact\n"
	  "open bootstrap source\n" },
};

static struct plan *plan_of(const char *pattern, const char *first, const char *levers, const char *groups)
{
	struct plan_faults faults;
	struct plan *plan = NULL;
	struct buffer text;

	buffer_init(&text, PLAN_SIZE_MAX);
	buffer_printf(&text,
		      "exit: a\nsource: s:1\ntarget: t:1\nfamilies:\n- { name: orders, class: rehearsal, "
		      "pattern: %s, "
		      "topics: [ orders ],\n    groups: %s, first: %s, producers: [ 'User:shop' ],\n"
		      "    owners: { decision: lead@b }, levers: { %s } }\n",
		      pattern, groups, first, levers);
	plan_faults_init(&faults, "plan");
	if (plan_parse(buffer_bytes(&text), "", &faults, &plan) < 0)
		fail_msg("%s", faults.count ? faults.at[0].text : "no plan");
	plan_faults_done(&faults);
	buffer_done(&text);
	return plan;
}

static void the_list_is_this(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct plan *plan =
			plan_of(rows[i].pattern, rows[i].first, rows[i].levers, "[ billing, stock ]");
		struct arena arena;
		struct steps steps;
		struct buffer text;

		arena_init(&arena, 1 << 24);
		buffer_init(&text, 10000);
		assert_int_equal(steps_make(&plan->families[0], rows[i].to, &arena, &steps), 0);
		for (int s = 0; s < steps.count; s++)
			buffer_printf(&text, "%s %s %s\n", phase_word(steps.at[s].phase), steps.at[s].lever,
				      steps.at[s].word ? steps.at[s].word : "-");
		if (strcmp(buffer_string(&text), rows[i].steps) != 0)
			fail_msg("row %zu is\n%s", i, buffer_string(&text));
		buffer_done(&text);
		arena_done(&arena);
		plan_free(plan);
	}
}

/* A name is the key of an intent, so no two steps share one; phases never go back. */
static void names_are_keys(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct plan *plan =
			plan_of(rows[i].pattern, rows[i].first, rows[i].levers, "[ billing, stock ]");
		struct arena arena;
		struct steps steps;

		arena_init(&arena, 1 << 24);
		assert_int_equal(steps_make(&plan->families[0], rows[i].to, &arena, &steps), 0);
		for (int s = 0; s < steps.count; s++) {
			const struct step *step = &steps.at[s];

			assert_int_equal(
				strncmp(step->name, phase_word(step->phase), strlen(phase_word(step->phase))),
				0);
			assert_non_null(strstr(step->name, step->lever));
			assert_int_equal(step->may_lack_back, strncmp(step->lever, "transaction:", 12) == 0);
			for (int other = 0; other < s; other++) {
				assert_string_not_equal(step->name, steps.at[other].name);
				assert_true(steps.at[other].phase <= step->phase);
			}
		}
		arena_done(&arena);
		plan_free(plan);
	}
}

/* A deny that is lifted at once proves nothing of what comes after it. */
static void stillness_follows_from_what_can_be_proved(void **state)
{
#define DRAINED ", drained: exec d }"
	static const struct {
		const char *pattern, *levers;
		int64_t still_ms;
	} cases[] = {
		{ "dual-write", FLAG, STEPS_STILL_LONG_MS },
		{ "dual-write", FLAG ", acl: yes", STEPS_STILL_LONG_MS },
		{ "dual-write", "flag: { get: exec g, set: exec s" DRAINED, STEPS_STILL_SHORT_MS },
		{ "stop-and-switch", BOOTSTRAP, STEPS_STILL_LONG_MS },
		{ "stop-and-switch", BOOTSTRAP ", acl: yes", STEPS_STILL_SHORT_MS },
		{ "stop-and-switch", BOOTSTRAP ", transactional-ids: [ tx ]", STEPS_STILL_LONG_MS },
		{ "stop-and-switch", "bootstrap: { get: exec g, set: exec s" DRAINED, STEPS_STILL_SHORT_MS },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct plan *plan = plan_of(cases[i].pattern, "consumers", cases[i].levers, "[ billing ]");

		assert_int_equal(steps_still_ms(&plan->families[0]), cases[i].still_ms);
		plan_free(plan);
	}
}

static void too_many_are_refused(void **state)
{
	for (int more = -1; more <= 1; more++) {
		int groups = STEPS_MAX - 2 + more; /* two steps are the flag's */
		struct buffer names;
		struct plan *plan;
		struct arena arena;
		struct steps steps = { NULL, 7 };

		buffer_init(&names, 1 << 20);
		for (int i = 0; i < groups; i++)
			buffer_printf(&names, "%c g%d", i ? ',' : '[', i);
		buffer_text(&names, " ]");
		plan = plan_of("dual-write", "consumers", FLAG, buffer_string(&names));
		arena_init(&arena, 1 << 24);
		assert_int_equal(steps_make(&plan->families[0], AUTHORITY_TARGET, &arena, &steps),
				 more > 0 ? ERR_LIMIT : 0);
		assert_int_equal(steps.count, more > 0 ? 7 : groups + 2);
		arena_done(&arena);
		arena_init(&arena, 1000); /* and no memory is no list */
		assert_int_equal(steps_make(&plan->families[0], AUTHORITY_TARGET, &arena, &steps),
				 ERR_MEMORY);
		arena_done(&arena);
		plan_free(plan);
		buffer_done(&names);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_is_this),
		cmocka_unit_test(stillness_follows_from_what_can_be_proved),
		cmocka_unit_test(names_are_keys),
		cmocka_unit_test(too_many_are_refused),
	};

	return cmocka_run_group_tests_name("step", tests, NULL, NULL);
}
