/*
 * test_gather.c - from facts to evidence, and from evidence to a gate: compatibility, one row a difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "exit/config_harm.h"
#include "exit/facts_make.h"
#include "exit/gate.h"
#include "exit/gather.h"
#include "exit/rules.h"

static const char plan_text[] =
	"exit: a\nsource: s:1\ntarget: t:1\nclasses: { c: { like: rehearsal } }\nfamilies:\n"
	"- { name: orders, class: c, pattern: dual-write, topics: [ orders ], groups: [ billing ],\n"
	"    producers: [ 'User:shop' ], owners: { decision: a@b } }\n";

static int64_t still_ns(const struct clock *clock)
{
	return 5000000000;
}

static int64_t still_ms(const struct clock *clock)
{
	return 1700000000000;
}

/* Two clusters, a plan, a gathering; everything that a row may bend. */
struct world {
	struct facts_made made;
	struct api_range apis[2][16];
	struct broker_detail brokers[2];
	struct quota quotas[2];
	struct scram_user users[2];
	struct seen seen[2];
	struct plan *plan;
	struct arena arena;
	struct evidence_log log;
	struct clock clock;
	struct gathering g;
};

static const int16_t keys[] = { 0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 18, 22, 68 };
#define KEYS (int)(sizeof keys / sizeof keys[0])

static void world_init(struct world *w)
{
	struct plan_faults faults;

	memset(w, 0, sizeof *w);
	plan_faults_init(&faults, "p");
	assert_int_equal(plan_parse(view_text(plan_text), "", &faults, &w->plan), 0);
	plan_faults_done(&faults);
	made_topics(&w->made, "orders", 4);
	made_group(&w->made, "billing", "orders", NULL);
	for (int side = 0; side < SIDE_COUNT; side++) {
		struct facts_side *at = &w->made.facts.sides[side];

		for (int i = 0; i < KEYS; i++)
			w->apis[side][i] = (struct api_range){ keys[i], 0, 9 };
		w->brokers[side] = (struct broker_detail){ .info = { .id = 1 },
							   .apis = w->apis[side],
							   .api_count = KEYS };
		at->detail.brokers = &w->brokers[side];
		at->detail.broker_count = 1;
		made_config(&w->made, (enum side)side, "orders", "cleanup.policy", "delete");
		made_config(&w->made, (enum side)side, "orders", "retention.ms", "604800000");
		made_config(&w->made, (enum side)side, "orders", "max.message.bytes", "1000000");
		made_acl(&w->made, (enum side)side, "User:shop", ACL_PERMISSION_ALLOW, ACL_OPERATION_ALL,
			 ACL_PATTERN_LITERAL, "orders");
		w->seen[side] =
			(struct seen){ .sampled = true, .batches = 1, .records = 10, .batch_size_max = 500 };
		w->g.seen[side] = &w->seen[side];
	}
	arena_init(&w->arena, 16 << 20);
	evidence_log_init(&w->log);
	w->clock = (struct clock){ still_ns, still_ms, NULL };
	w->made.facts.began = w->made.facts.ended =
		(struct moment){ .wall_ms = 1700000000000, .monotonic_ms = 5000 };
	w->g.arena = &w->arena;
	w->g.clock = &w->clock;
	w->g.plan = w->plan;
	w->g.family = &w->plan->families[0];
	w->g.facts = w->g.world = &w->made.facts;
	w->g.log = &w->log;
}

static void world_done(struct world *w)
{
	evidence_log_done(&w->log);
	arena_done(&w->arena);
	plan_free(w->plan);
}

typedef void bend_fn(struct world *w);

static void nothing(struct world *w)
{
}

static void target_lacks_fetch(struct world *w)
{
	w->apis[SIDE_TARGET][1].key = 99;
}

static void no_version_in_common(struct world *w)
{
	w->apis[SIDE_TARGET][0] = (struct api_range){ 0, 10, 12 };
}

static void dropped_versions_are_told(struct world *w)
{
	w->apis[SIDE_TARGET][0].since = 3;
}

static void idempotence_seen_and_missing(struct world *w)
{
	w->seen[SIDE_SOURCE].idempotent = 1;
	w->apis[SIDE_TARGET][12].key = 99;
}

static void idempotence_missing_and_not_seen(struct world *w)
{
	w->apis[SIDE_TARGET][12].key = 99;
}

static void versions_not_told(struct world *w)
{
	w->brokers[SIDE_TARGET].err = ERR_TIMEOUT;
}

static void topic_missing(struct world *w)
{
	w->made.facts.sides[SIDE_TARGET].metadata.topic_count = 0;
}

static void other_partition_count(struct world *w)
{
	w->made.topics[SIDE_TARGET][0].partition_count = 6;
}

static void shorter_retention(struct world *w)
{
	w->made.entries[SIDE_TARGET][0][1].value = "3600000";
}

static void longer_retention(struct world *w)
{
	w->made.entries[SIDE_TARGET][0][1].value = "-1";
}

static void configs_denied(struct world *w)
{
	w->made.facts.sides[SIDE_TARGET].configs_answer =
		(struct facts_answer){ ERR_DENIED, "not authorised" };
	w->made.facts.sides[SIDE_TARGET].configs = NULL;
}

static void batch_too_large(struct world *w)
{
	w->seen[SIDE_SOURCE].batch_size_max = 1000001;
}

static void never_sampled(struct world *w)
{
	w->seen[SIDE_SOURCE] = (struct seen){ .why = "no leader" };
}

static void group_of_the_new_protocol(struct world *w)
{
	w->made.details[0].type = "consumer";
	w->apis[SIDE_TARGET][13].key = 99;
}

static void right_missing(struct world *w)
{
	w->made.acls[SIDE_TARGET][0].operation = ACL_OPERATION_READ;
}

static void right_denied(struct world *w)
{
	made_acl(&w->made, SIDE_TARGET, "User:*", ACL_PERMISSION_DENY, ACL_OPERATION_WRITE,
		 ACL_PATTERN_PREFIXED, "ord");
}

static void right_by_host(struct world *w)
{
	w->made.acls[SIDE_TARGET][0].host = "10.0.0.1";
}

static void acls_not_told(struct world *w)
{
	w->made.facts.sides[SIDE_TARGET].acls_answer = (struct facts_answer){ ERR_DENIED, "not authorised" };
}

static void nobody_guards(struct world *w)
{
	for (int side = 0; side < SIDE_COUNT; side++) {
		w->made.facts.sides[side].acls.no_authorizer = true;
		w->made.facts.sides[side].acls.count = 0;
	}
}

static void only_the_target_guards(struct world *w)
{
	w->made.facts.sides[SIDE_SOURCE].acls.no_authorizer = true;
	w->made.facts.sides[SIDE_SOURCE].acls.count = 0;
	w->made.facts.sides[SIDE_TARGET].acls.count = 0;
}

/* The plan names a producer that no ACL of the source lets in: a super user?  Then nothing is known of its rights. */
static void no_acl_names_it(struct world *w)
{
	w->made.facts.sides[SIDE_SOURCE].acls.count = 0;
}

static void only_the_source_guards(struct world *w)
{
	no_acl_names_it(w);
	w->made.facts.sides[SIDE_TARGET].acls = (struct acl_list){ .no_authorizer = true };
}

static void tighter_quota(struct world *w)
{
	w->quotas[0] = (struct quota){ { { "user", "shop" } }, 1, "producer_byte_rate", 1000 };
	w->made.facts.sides[SIDE_TARGET].quotas = (struct quota_list){ w->quotas, 1 };
}

static void tighter_for_everybody(struct world *w)
{
	w->quotas[0] = (struct quota){ { { "user", NULL } }, 1, "consumer_byte_rate", 1000 };
	w->made.facts.sides[SIDE_TARGET].quotas = (struct quota_list){ w->quotas, 1 };
}

static void quota_of_somebody_else(struct world *w)
{
	w->quotas[0] = (struct quota){ { { "user", "ann" } }, 1, "producer_byte_rate", 1000 };
	w->made.facts.sides[SIDE_TARGET].quotas = (struct quota_list){ w->quotas, 1 };
}

static void user_missing(struct world *w)
{
	w->users[0] = (struct scram_user){ "shop", 1, 4096 };
	w->made.facts.sides[SIDE_SOURCE].scram_users = (struct scram_user_list){ w->users, 1 };
}

static void user_on_both(struct world *w)
{
	user_missing(w);
	w->made.facts.sides[SIDE_TARGET].scram_users = (struct scram_user_list){ w->users, 1 };
}

/* clang-format off */
static const struct row {
	const char *name;
	bend_fn *bend;
	const char *rule;	/* whose result is looked at */
	enum verdict verdict;
	const char *says;	/* in its text, or its evidence's */
} rows[] = {
	{ "all is well", nothing, "compatibility.features", VERDICT_OPEN, "2 of 2 features" },
	{ "all is well with topics", nothing, "compatibility.partitions", VERDICT_OPEN, "4 partitions" },
	{ "all is well with rights", nothing, "compatibility.rights", VERDICT_OPEN, "2 rights" },
	{ "an API is missing", target_lacks_fetch, "compatibility.features", VERDICT_SHUT, "API 1 is missing on broker 1" },
	{ "no common version", no_version_in_common, "compatibility.features", VERDICT_SHUT, "no version in common" },
	{ "old versions dropped", dropped_versions_are_told, "compatibility.features", VERDICT_OPEN, "Produce below v3" },
	{ "idempotence seen and missing", idempotence_seen_and_missing, "compatibility.features", VERDICT_SHUT, "idempotent producers" },
	{ "idempotence missing, not used", idempotence_missing_and_not_seen, "compatibility.features", VERDICT_OPEN, "features" },
	{ "versions not told", versions_not_told, "compatibility.features", VERDICT_UNKNOWN, "not all of it" },
	{ "topic missing", topic_missing, "compatibility.topic", VERDICT_SHUT, "does not exist on the target" },
	{ "topic missing, partitions unknown", topic_missing, "compatibility.partitions", VERDICT_UNKNOWN, "" },
	{ "partition counts", other_partition_count, "compatibility.partitions", VERDICT_SHUT, "4 partitions on the source, 6 on the target" },
	{ "shorter retention", shorter_retention, "compatibility.configs", VERDICT_SHUT, "records go sooner" },
	{ "longer retention", longer_retention, "compatibility.configs", VERDICT_OPEN, "1 differ without harm" },
	{ "configs denied", configs_denied, "compatibility.configs", VERDICT_UNKNOWN, "not all of it" },
	{ "a batch too large", batch_too_large, "compatibility.records", VERDICT_SHUT, "a batch of 1000001 bytes" },
	{ "never sampled", never_sampled, "compatibility.records", VERDICT_UNKNOWN, "not all of it" },
	{ "a group of the new protocol", group_of_the_new_protocol, "compatibility.groups", VERDICT_SHUT, "consumer protocol" },
	{ "a right missing", right_missing, "compatibility.rights", VERDICT_SHUT, "may write topic orders on the source (yes), not on the target (no)" },
	{ "a right denied", right_denied, "compatibility.rights", VERDICT_SHUT, "(denied)" },
	{ "a right by host", right_by_host, "compatibility.rights", VERDICT_UNKNOWN, "" },
	{ "ACLs not told", acls_not_told, "compatibility.rights", VERDICT_UNKNOWN, "the plan does not say" },
	{ "nobody guards", nobody_guards, "compatibility.rights", VERDICT_OPEN, "" },
	{ "only the target guards", only_the_target_guards, "compatibility.rights", VERDICT_SHUT, "(everybody), not on the target (no)" },
	{ "no ACL names it", no_acl_names_it, "compatibility.rights", VERDICT_UNKNOWN, "not all of it" },
	{ "only the source guards", only_the_source_guards, "compatibility.rights", VERDICT_OPEN, "" },
	{ "a tighter quota", tighter_quota, "compatibility.quotas", VERDICT_SHUT, "not limited on the source and 1000" },
	{ "tighter for everybody", tighter_for_everybody, "compatibility.quotas", VERDICT_SHUT, "consumer_byte_rate" },
	{ "somebody else's quota", quota_of_somebody_else, "compatibility.quotas", VERDICT_OPEN, "none is tighter" },
	{ "a user missing", user_missing, "compatibility.credentials", VERDICT_SHUT, "shop has SCRAM-SHA-256 on the source only" },
	{ "a user on both", user_on_both, "compatibility.credentials", VERDICT_OPEN, "open item: whether the password of shop" },
};
/* clang-format on */

static void facts_of(const struct world *w, struct view *topics, struct view *groups, struct rule_facts *out)
{
	topics[0] = w->g.topics[0].source;
	groups[0] = w->g.family->groups.at[0].text;
	*out = (struct rule_facts){ .family = w->g.family->name.text, .log = &w->log };
	out->now.moment = gathering_now(&w->g);
	out->subjects[RULE_EACH_TOPIC] = (struct rule_subjects){ topics, 1, true };
	out->subjects[RULE_EACH_GROUP] = (struct rule_subjects){ groups, 1, true };
	out->subjects[RULE_EACH_PRINCIPAL] =
		(struct rule_subjects){ w->g.principals, w->g.principal_count, w->g.principals_known };
}

static bool play_row(const struct row *row)
{
	struct view topics[1], groups[1];
	const struct rule_result *found = NULL;
	struct rule_facts facts;
	struct gate_result gate;
	struct fault fault = { 0 };
	struct buffer text;
	struct rules rules;
	struct world w;

	world_init(&w);
	row->bend(&w);
	assert_int_equal(gathering_resolve(&w.g), 0);
	if (gather_compatibility(&w.g, &fault) < 0)
		fail_msg("%s: %s", row->name, fault.text);
	facts_of(&w, topics, groups, &facts);
	assert_int_equal(rules_bind(w.g.family, SIDE_SOURCE, &w.arena, &rules, &fault), 0);
	assert_int_equal(
		gate_judge(GATE_COMPATIBILITY, rules.at, rules.count, &facts, &w.arena, &gate, &fault), 0);
	for (int i = 0; i < gate.result_count; i++)
		if (strcmp(gate.results[i].rule->name, row->rule) == 0 && !found)
			found = &gate.results[i];
	assert_non_null(found);
	buffer_init(&text, 1 << 16);
	rule_result_text(found, true, &text);
	if (found->evidence)
		buffer_printf(&text, " | %.*s", VIEW_ARGS(found->evidence->text));
	bool right = found->verdict == row->verdict && strstr(buffer_string(&text), row->says);
	if (!right)
		print_error("%s: %s %s: %s\n", row->name, verdict_word(found->verdict),
			    rule_result_code(found), buffer_string(&text));
	buffer_done(&text);
	world_done(&w);
	return right;
}

static void every_row(void **state)
{
	int wrong = 0;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		wrong += !play_row(&rows[i]);
	assert_int_equal(wrong, 0);
}

/* ---- the table of configs ---- */

static void configs_that_do_harm(void **state)
{
	struct config_entry delete = { "cleanup.policy", "delete", CONFIG_SOURCE_TOPIC, false, false };
	struct config_entry compact = { "cleanup.policy", "compact", CONFIG_SOURCE_TOPIC, false, false };
	struct config_list deleting = { .entries = &delete, .count = 1 },
			   compacting = { .entries = &compact, .count = 1 };

	assert_non_null(config_harm("retention.ms", "100", "99", &deleting));
	assert_non_null(config_harm("retention.ms", "-1", "99", &deleting));
	assert_null(config_harm("retention.ms", "100", "-1", &deleting));
	assert_null(config_harm("retention.ms", "100", "99", &compacting));
	assert_non_null(config_harm("delete.retention.ms", "100", "99", &compacting));
	assert_null(config_harm("delete.retention.ms", "100", "99", &deleting));
	assert_non_null(config_harm("cleanup.policy", "delete", "compact", &deleting));
	assert_non_null(config_harm("min.insync.replicas", "2", "1", &deleting));
	assert_null(config_harm("min.insync.replicas", "1", "2", &deleting));
	assert_non_null(config_harm("unclean.leader.election.enable", "false", "true", &deleting));
	assert_null(config_harm("unclean.leader.election.enable", "true", "false", &deleting));
	assert_null(config_harm("segment.bytes", "1", "2", &deleting));
	assert_null(config_harm("compression.type", "producer", "zstd", &deleting));
}

/* ---- the table of rules ---- */

static void the_limits_of_a_class_bind_the_rules(void **state)
{
	struct plan_faults faults;
	struct plan *plan = NULL;
	struct rules strict, loose;
	struct fault fault = { 0 };
	struct arena arena;

	plan_faults_init(&faults, "p");
	assert_int_equal(
		plan_parse(VIEW_LITERAL("exit: a\nsource: s:1\ntarget: t:1\nclasses:\n"
					"  loose: { parity: { duplicates: 7, age: 1h, claim: content }, "
					"progress: { reread: 9 } }\n"
					"  strict: {}\nfamilies:\n"
					"- { name: a, class: strict, pattern: bridge, topics: a, owners: { "
					"decision: a@b, on-call: a@b } }\n"
					"- { name: b, class: loose, pattern: bridge, topics: b, owners: { "
					"decision: a@b, on-call: a@b },\n"
					"    counters: [ { name: n, source: exec s, target: exec t } ] }\n"),
			   "", &faults, &plan),
		0);
	arena_init(&arena, 1 << 20);
	assert_int_equal(rules_bind(&plan->families[0], SIDE_SOURCE, &arena, &strict, &fault), 0);
	assert_int_equal(rules_bind(&plan->families[1], SIDE_SOURCE, &arena, &loose, &fault), 0);
	assert_false(sha256_equal(strict.hash, loose.hash));
	assert_int_equal(strict.not_asked_count, 0);
	for (int i = 0; i < strict.count; i++)
		if (strcmp(strict.at[i].name, "parity.duplicates") == 0)
			assert_int_equal(strict.at[i].success.high, 0);
	bool order = false, counters = false;
	for (int i = 0; i < loose.count; i++) {
		const struct rule *rule = &loose.at[i];

		order |= strcmp(rule->name, "parity.key-order") == 0;
		counters |= strcmp(rule->name, "parity.counters") == 0 && rule->measured;
		if (strcmp(rule->name, "parity.duplicates") == 0) {
			assert_int_equal(rule->success.high, 7);
			assert_int_equal(rule->failure.low, 8);
			assert_int_equal(rule->fresh.age_ms_max, 3600000);
			assert_true(rule->sticky);
		}
		if (strcmp(rule->name, "progress.reread") == 0)
			assert_int_equal(rule->success.high, 9);
		if (strcmp(rule->name, "parity.lost") == 0)
			assert_true(rule->hard);
	}
	assert_false(order);   /* content claims none */
	assert_true(counters); /* declared, so it is asked for */
	arena_done(&arena);
	plan_free(plan);
	plan_faults_done(&faults);
}

static bool has_rule(const struct rules *rules, const char *name)
{
	for (int i = 0; i < rules->count; i++)
		if (strcmp(rules->at[i].name, name) == 0)
			return true;
	return false;
}

/* On the target of a family that nothing is carried back for, one log grows alone: no rule may call that a loss. */
static void a_log_that_goes_on_alone_is_not_compared(void **state)
{
	static const char *const of_both[] = { "parity.lost",      "parity.phantom",     "parity.claim",
					       "progress.skipped", "progress.positions", "compatibility.rights" };
	struct rules forward, alone, carried;
	struct plan_faults faults;
	struct plan *plan = NULL;
	struct fault fault = { 0 };
	struct arena arena;

	plan_faults_init(&faults, "p");
	assert_int_equal(
		plan_parse(
			VIEW_LITERAL(
				"exit: a\nsource: s:1\ntarget: t:1\nfamilies:\n"
				"- { name: a, class: rehearsal, pattern: stop-and-switch, topics: a, groups: g,\n"
				"    producers: [ \"User:a\" ], owners: { decision: a@b }, levers: { acl: yes,\n"
				"    bootstrap: { get: exec g, set: exec s } } }\n"
				"- { name: b, class: rehearsal, pattern: stop-and-switch, topics: b, groups: h,\n"
				"    owners: { decision: a@b }, levers: { bootstrap: { get: exec g, set: exec s } },\n"
				"    return: { filled-by: c, probe: exec p } }\n"),
			"", &faults, &plan),
		0);
	arena_init(&arena, 1 << 20);
	assert_int_equal(rules_bind(&plan->families[0], SIDE_SOURCE, &arena, &forward, &fault), 0);
	assert_int_equal(rules_bind(&plan->families[0], SIDE_TARGET, &arena, &alone, &fault), 0);
	assert_int_equal(rules_bind(&plan->families[1], SIDE_TARGET, &arena, &carried, &fault), 0);
	for (size_t i = 0; i < sizeof of_both / sizeof of_both[0]; i++) {
		assert_true(has_rule(&forward, of_both[i]));
		assert_false(has_rule(&alone, of_both[i]));
		assert_true(has_rule(&carried, of_both[i]));
	}
	assert_true(has_rule(&alone, "parity.kept") && has_rule(&alone, "progress.readers"));
	assert_false(has_rule(&forward, "parity.kept") || has_rule(&carried, "parity.kept"));
	arena_done(&arena);
	plan_free(plan);
	plan_faults_done(&faults);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(a_log_that_goes_on_alone_is_not_compared),
		cmocka_unit_test(configs_that_do_harm),
		cmocka_unit_test(the_limits_of_a_class_bind_the_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
