/*
 * test_plan.c - a whole plan is understood; a wrong one is refused with the place, and with what to write instead.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/random.h"
#include "exit/plan_keys.h"

static const char whole[] =
	"exit: orders-to-next\n"
	"source: source.properties\n"
	"target: target.properties\n"
	"state: interlock.db                    # or postgres://...\n"
	"checkpoints: { topic: __interlock, file: /mnt/audit/orders.chk }\n"
	"limits: { target: { write: 200MB/s, disk: 2TB, brokers: 6 } }\n"
	"prices:\n"
	"  source: { broker-day: 12.50 EUR, gb-month: 0.08 EUR, transfer-gb: 0 EUR }\n"
	"  target: { broker-day: 9 EUR }\n"
	"classes:\n"
	"  ledger:\n"
	"    parity:    { claim: key-order, duplicates: 0, age: 1m, settle: 5s }\n"
	"    progress:  { skipped: 0, reread: 1000 }\n"
	"    rollback:  { keep: 24h, drill: 7d }\n"
	"    capacity:  { headroom: 30%, dual-run: 14d, cost-per-day: 120.50 EUR }\n"
	"    operations: { on-call: required, freeze: [ \"fri 16:00 .. mon 07:00 Europe/Berlin\" ] }\n"
	"    pause: 2s\n"
	"    deadline: 30s\n"
	"    observe: 2h\n"
	"  quick: { like: rehearsal, pause: 5s }\n"
	"families:\n"
	"  - name: orders\n"
	"    class: ledger\n"
	"    pattern: dual-write\n"
	"    topics: [ orders, orders-dlq=orders.dead ]\n"
	"    groups: [ billing, search ]\n"
	"    producers: [ \"User:orders\" ]\n"
	"    owners: { decision: payments-lead@example.org, on-call: https://example.org/oncall }\n"
	"    levers:\n"
	"      flag:      { get: exec ./flag get, set: exec ./flag \"set it\", drained: [ exec, ./flag, "
	"drained ] }\n"
	"      groups:    { billing: { get: exec ./group get billing, set: exec ./group set billing } }\n"
	"      acl:       yes\n"
	"    match: { identity: header:id }\n"
	"    outside: [ { flink: billing-job, checkpoint: exec ./position } ]\n"
	"    counters: [ { name: revenue, source: exec ./sum s, target: http://localhost:1/sum, tolerance: "
	"0.5 } ]\n"
	"    scaffold: [ { what: \"retention of orders on the source\", probe: exec ./p, remove: exec ./r } "
	"]\n"
	"    drill: { rate: 1000/s, size: 1KiB, for: 30s }\n"
	"    after: [ telemetry ]\n"
	"  - name: telemetry\n"
	"    class: quick\n"
	"    pattern: stop-and-switch\n"
	"    topics: [ \"metrics.*\" ]\n"
	"    groups: none\n"
	"    owners: { decision: ops@example.org }\n"
	"    return: { filled-by: mirror, probe: exec ./lag }\n";

static struct plan *parsed(const char *text)
{
	struct plan_faults faults;
	struct plan *plan = NULL;
	struct buffer out;

	plan_faults_init(&faults, "exit.yaml");
	buffer_init(&out, 1 << 20);
	if (plan_parse(view_text(text), "plans/", &faults, &plan) < 0) {
		plan_faults_print(&faults, &out);
		fail_msg("%s", buffer_string(&out));
	}
	buffer_done(&out);
	plan_faults_done(&faults);
	return plan;
}

static void a_whole_plan_is_understood(void **state)
{
	struct plan *plan = parsed(whole);
	const struct plan_family *orders = plan_family(plan, VIEW_LITERAL("orders"));
	const struct plan_family *telemetry = plan_family(plan, VIEW_LITERAL("telemetry"));
	const struct plan_number *limits = orders->class->limits;
	struct arena arena;

	assert_true(view_is(plan->exit.text, "orders-to-next"));
	assert_int_equal(plan->class_count, 3);
	assert_int_equal(plan->family_count, 2);
	assert_int_equal(limits[LIMIT_PARITY_CLAIM].value, PLAN_CLAIM_KEY_ORDER);
	assert_int_equal(limits[LIMIT_PROGRESS_REREAD].value, 1000);
	assert_int_equal(limits[LIMIT_ROLLBACK_DRILL].value, 7 * 86400000);
	assert_int_equal(limits[LIMIT_CAPACITY_HEADROOM].value, 300);
	assert_int_equal(limits[LIMIT_CAPACITY_COST_PER_DAY].value, 120500000);
	assert_true(view_is(limits[LIMIT_CAPACITY_COST_PER_DAY].unit, "EUR"));
	assert_true(limits[LIMIT_ROLLBACK_RETURN].by_default && limits[LIMIT_ROLLBACK_RETURN].given);
	assert_int_equal(limits[LIMIT_STOP_PARITY].value, PLAN_ACTION_HOLD);
	assert_int_equal(orders->class->freezes.at[0].from_minute, 4 * 1440 + 16 * 60);
	assert_int_equal(orders->class->freezes.at[0].to_minute, 7 * 60);
	assert_false(orders->class->rehearsal);

	assert_int_equal(orders->topics.count, 2);
	assert_true(view_is(orders->topics.at[1].source, "orders-dlq"));
	assert_true(view_is(orders->topics.at[1].target, "orders.dead"));
	assert_int_equal(orders->levers.flag.set.word_count, 2);
	assert_true(view_is(orders->levers.flag.set.words[1], "set it"));
	assert_int_equal(orders->levers.flag.drained.word_count, 2);
	assert_int_equal(orders->levers.flag.timeout_ms.value, 10000);
	assert_true(view_is(orders->levers.groups[0].head.name, "billing"));
	assert_int_equal(orders->levers.acl.value, 1);
	assert_true(view_is(orders->match.identity.text, "header:id"));
	assert_int_equal(orders->counters.at[0].tolerance.value, 500000);
	assert_true(view_is(orders->counters.at[0].target.url, "http://localhost:1/sum"));
	assert_int_equal(orders->drill.rate.value, 1000);
	assert_true(view_is(orders->after.at[0].text, "telemetry"));

	assert_true(telemetry->class->rehearsal);
	assert_int_equal(telemetry->class->limits[LIMIT_PAUSE].value, 5000);
	assert_true(telemetry->class->limits[LIMIT_ROLLBACK_DRILL].none);
	assert_true(telemetry->class->limits[LIMIT_OPERATIONS_ON_CALL].none);
	assert_true(telemetry->topics.at[0].glob);
	assert_true(telemetry->groups.given && telemetry->groups.count == 0);
	assert_false(telemetry->producers.given);
	assert_true(view_is(telemetry->match.identity.text, "content"));
	assert_int_equal(plan->reading.every_ms.value, 30000);
	/* A third of the minute that its evidence may be old. */
	assert_int_equal(plan_every_ms(plan, telemetry), 20000);

	assert_int_equal(plan->limits.target.write.value, 200000000);
	assert_int_equal(plan->limits.target.disk.value, 2000000000000);
	assert_int_equal(plan->limits.target.brokers.value, 6);
	assert_false(plan->limits.source.write.given || plan->limits.source.head.given);
	assert_int_equal(plan->prices.source.broker_day.value, 12500000);
	assert_true(plan->prices.source.transfer_gb.given && plan->prices.source.transfer_gb.value == 0);
	assert_false(plan->prices.target.gb_month.given);
	assert_int_equal(limits[LIMIT_OPERATIONS_ALERTS].value, 30 * 86400000LL);
	assert_true(limits[LIMIT_OPERATIONS_DASHBOARDS].given && !limits[LIMIT_OPERATIONS_DASHBOARDS].none);
	for (int limit = LIMIT_CAPACITY_HEADROOM; limit <= LIMIT_OPERATIONS_ALERTS; limit++)
		assert_true(telemetry->class->limits[limit].none);

	arena_init(&arena, 4096);
	assert_string_equal(plan_path(plan, plan->source.text, &arena), "plans/source.properties");
	assert_string_equal(plan_path(plan, VIEW_LITERAL("/etc/x"), &arena), "/etc/x");
	arena_done(&arena);
	plan_free(plan);
}

/* What every small plan below begins and ends with; the row's text stands between. */
#define HEAD "exit: a\nsource: s:1\ntarget: t:1\n"
#define FAMILY(more)                                                                                         \
	HEAD "families:\n- name: f\n  class: rehearsal\n  pattern: dual-write\n  topics: [ t ]\n  owners: "  \
	     "{ decision: a@b }\n" more
#define CLASS(text)                                                                                          \
	HEAD "classes:\n  c: " text "\nfamilies:\n- { name: f, class: c, pattern: bridge, topics: t, "       \
	     "owners: { decision: a@b, on-call: a@b } }\n"
#define SECOND(more)                                                                                         \
	FAMILY("- { name: g, class: rehearsal, pattern: bridge, owners: { decision: a@b }, " more " }\n")

/* clang-format off */
static const struct row {
	const char *text, *faults;
} rows[] = {
	{ "", "p: it is empty; `interlock init` writes a plan to start from\n" },
	{ "- a\n", "p:1:1: a plan is a mapping that begins with 'exit: NAME'\n" },
	{ "exit: [\n", "p:2:1: this is not YAML: did not find expected node content, while parsing a flow node; look at the indentation, the quotes and the brackets\n" },
	{ "exit: a\n\tsource: b\n", "p:2:1: this is not YAML: found a tab character that violates indentation, while scanning a plain scalar; look at the indentation, the quotes and the brackets\n" },
	{ FAMILY("---\nexit: b\n"), "p:10:1: a plan is one YAML document; this is where a second one begins\n" },
	{ "exit: a\n", "p:1:1: the plan needs 'families': what moves together\np:1:1: the plan needs 'source': the cluster that is left\np:1:1: the plan needs 'target': the cluster that is moved to\n" },
	{ FAMILY("nothing: x\n"), "p:10:1: unknown key 'nothing' in the plan; it knows exit, source, target, state, checkpoints, registries, signing, reading, limits, prices, env, classes, families\n" },
	{ FAMILY("  toppics: [ a ]\n"), "p:10:3: unknown key 'toppics' in a family; did you mean 'topics'?\n" },
	{ FAMILY("  class: rehearsal\n"), "p:10:3: 'class' stands twice; the first is in line 6\n" },
	{ FAMILY("  groups: [ a, a ]\n"), "p:10:16: 'a' stands twice in 'groups'\np:10:16: group 'a' stands twice in family 'f'; the first is in line 10\n" },
	{ FAMILY("  groups:\n"), "p:10:10: 'groups' has no value; write a list of names, like [ billing, search ]\n" },
	{ FAMILY("  groups: { a: b }\n"), "p:10:11: 'groups' must be a list of names, like [ billing, search ]\n" },
	{ FAMILY("env: { INTERLOCK_EPOCH: 9, A=B: x, 1A: y, A1_: z }\n"), "p:10:8: 'INTERLOCK_EPOCH': names that begin with INTERLOCK_ are set by Interlock itself\np:10:28: 'A=B' cannot be the name of a variable: letters, digits and '_', no digit first\np:10:36: '1A' cannot be the name of a variable: letters, digits and '_', no digit first\n" },
	{ FAMILY("  producers: orders\n"), "p:10:14: 'producers': 'orders' is not a principal; write it like User:orders\n" },
	{ FAMILY("  first: consumer\n"), "p:10:10: 'first': 'consumer' is not known; did you mean 'consumers'?\n" },
	{ FAMILY("  match: { identity: id }\n"), "p:10:22: 'identity': 'id' will not do; write content, header:NAME or key+header:NAME\n" },
	{ FAMILY("  match: { ignore-timestamp: perhaps }\n"), "p:10:30: 'ignore-timestamp': 'perhaps' will not do; write yes or no\n" },
	{ FAMILY("  levers: { flag: { get: exec ./f } }\n"), "p:10:19: a lever needs 'set': takes the word as its last argument\n" },
	{ FAMILY("  levers: { flag: { get: ./f, set: exec } }\n"), "p:10:26: 'get': './f' is neither a command nor an address; write it like exec ./f, or http://...\np:10:36: 'set': 'exec' names no command\n" },
	{ FAMILY("  levers: { flag: { get: exec 'a, set: exec b } }\n"), "p:10:26: 'get': a quote in ' 'a' never closes\n" },
	{ FAMILY("  levers: { bootstrap: { get: exec a, set: exec b } }\n"), "p:10:24: lever 'bootstrap' moves clients that write to one side; a dual-writing application is told by 'flag'\n" },
	{ FAMILY("  levers: { topic-config: { retention.ms: 5d, retention.bytes: -1, max.message.bytes: -1, cleanup.policy: compact } }\n"), "p:10:43: 'retention.ms' is a whole number, or -1 for no limit, as Kafka has it\np:10:87: 'max.message.bytes' is a whole number, as Kafka has it\np:10:91: 'topic-config' raises retention.ms, retention.bytes, delete.retention.ms, min.compaction.lag.ms and max.message.bytes, and not 'cleanup.policy'\n" },
	{ FAMILY("  levers: { quota: 1MB/s }\n"), "p:10:20: 'quota' slows the 'producers' of the family, and the plan names none\n" },
	{ FAMILY("  levers: { quota: 0B/s }\n  producers: [ 'Group:x' ]\n"), "p:10:20: 'quota' is more than nothing\np:11:16: 'quota' can slow users only: 'User:NAME'\n" },
	{ FAMILY("  levers: { quota: yes, topic-config: yes }\n"), "p:10:20: 'quota': 'yes' is not a rate; write it like 100MB/s\np:10:39: 'topic-config' must be a mapping from names to texts\n" },
	{ FAMILY("  groups: billing\n  levers: { groups: { biling: { get: exec a, set: exec b } } }\n"), "p:11:23: lever of group 'biling', which is not among the family's groups; did you mean 'billing'?\n" },
	{ FAMILY("  return: { filled-by: x, probe: exec p }\n"), "p:10:11: a dual write feeds its own way back; 'return' is for the other patterns\n" },
	{ FAMILY("  outside: [ { checkpoint: exec p } ]\n"), "p:10:14: an outside position names one of flink, connect, streams or other\n" },
	{ FAMILY("  counters:\n  - { name: a, source: exec s, target: exec t }\n  - { name: a, source: exec s, target: exec t }\n"), "p:12:13: counter 'a' stands twice; the first is in line 11\n" },
	{ FAMILY("  drill: { rate: 1000, size: 1, for: 30 }\n"), "p:10:18: 'rate': '1000' will not do; write records a second, like 1000/s\np:10:38: 'for': '30' has no unit; write it like 500ms, 5s, 10m, 2h or 7d\n" },
	{ FAMILY("  after: [ nowhere, f ]\n"), "p:10:12: 'after': there is no family 'nowhere'\np:10:21: family 'f' cannot come after itself\n" },
	{ FAMILY("  scaffold: [ x ]\n"), "p:10:15: 'scaffold' must be a list of mappings\n" },
	{ SECOND("topics: [ t ]"), "p:10:86: topic 't' is in family 'f' already (line 8); what moves together belongs into one family\n" },
	{ SECOND("topics: [ u=t ]"), "p:10:86: target topic 't' is in family 'f' already (line 8); what moves together belongs into one family\n" },
	{ SECOND("topics: [ 't*' ]"), "p:8:13: topic 't' is also taken in by 't*' of family 'g' (line 10)\n" },
	{ SECOND("topics: [ 'u*=v*' ]"), "p:10:86: 'topics': 'u*=v*': a pattern cannot rename; name the topics one by one\n" },
	{ SECOND("topics: [ '*' ]"), "p:10:86: 'topics': '*' takes in Kafka's own topics; write a narrower pattern\n" },
	{ SECOND("topics: [ 'a b' ]"), "p:10:86: 'topics': 'a b' is not a topic; a name has letters, digits, '.', '_' and '-', and '=' renames\n" },
	{ SECOND("topics: []"), "p:10:84: a family without topics moves nothing; name at least one\n" },
	{ FAMILY("  groups: x\n- { name: g, class: rehearsal, pattern: bridge, owners: { decision: a@b }, topics: u, groups: x }\n"), "p:11:95: group 'x' is in family 'f' already (line 10); what moves together belongs into one family\n" },
	{ FAMILY("  producers: 'User:x'\n- { name: g, class: rehearsal, pattern: bridge, owners: { decision: a@b }, topics: u, producers: 'User:x' }\n"), "p:11:98: producer 'User:x' is in family 'f' already (line 10); what moves together belongs into one family\n" },
	{ FAMILY("- { name: f, class: rehearsal, pattern: bridge, owners: { decision: a@b }, topics: u }\n"), "p:10:11: family 'f' stands twice; the first is in line 5\n" },
	{ FAMILY("  after: g\n- { name: g, class: rehearsal, pattern: bridge, owners: { decision: a@b }, topics: u, after: f }\n"), "p:11:94: 'after' goes in a ring: 'g' comes after 'f', which comes after it\n" },
	{ HEAD "families:\n- name: f\n  class: ledger\n  pattern: dual-writ\n  topics: [ t ]\n", "p:5:3: a family needs 'owners': who decides, and who is called\np:6:10: there is no class 'ledger'; write it under 'classes', or use rehearsal\np:7:12: 'pattern': 'dual-writ' is not known; did you mean 'dual-write'?\n" },
	{ HEAD "families:\n- { name: f, class: rehersal, pattern: bridge, topics: t, owners: { decision: me } }\n", "p:5:21: there is no class 'rehersal'; did you mean 'rehearsal'?\np:5:79: 'decision': 'me' will not do; write a mail address, or the address of a page\n" },
	{ "exit: a\nsource: s:1\ntarget: s:1\nfamilies: []\n", "p:3:9: source and target are the same; an exit leads from one cluster to another\n" },
	{ HEAD "families: []\n", "p:1:1: 'families' is empty; name at least one\n" },
	{ "exit: a b\nsource: kafka\ntarget: t:99999\nstate: mysql://x\nfamilies: x\n", "p:1:7: 'exit': 'a b' will not do; write a name of letters, digits, '.', '_' and '-'\np:2:9: 'source': 'kafka' will not do; write host:port[,host:port...] or a .properties file\np:3:9: 'target': 't:99999' will not do; write host:port[,host:port...] or a .properties file\np:4:8: 'state': 'mysql://x' will not do; write a path, or postgres://...\np:5:11: 'families' must be a list of mappings\n" },
	{ CLASS("{ parity: { age: 60 } }"), "p:5:23: 'age': '60' has no unit; write it like 500ms, 5s, 10m, 2h or 7d\n" },
	{ CLASS("{ parity: { age: 60q } }"), "p:5:23: 'age': '60q' has an unknown unit; write it like 500ms, 5s, 10m, 2h or 7d\n" },
	{ CLASS("{ parity: { age: none } }"), "p:5:23: 'age' cannot be none; write a duration, like 500ms, 5s, 10m, 2h or 7d\n" },
	{ CLASS("{ parity: { claim: keyorder } }"), "p:5:25: 'claim': 'keyorder' is not known; did you mean 'key-order'?\n" },
	{ CLASS("{ parity: { duplicates: 1.5 } }"), "p:5:30: 'duplicates': '1.5' is not a whole number\n" },
	{ CLASS("{ claim: content }"), "p:5:8: 'claim' belongs under 'parity'\n" },
	{ CLASS("{ capacity: { headroom: 300% } }"), "p:5:30: 'headroom': '300%' is more than all of it\n" },
	{ CLASS("{ capacity: { cost-per-day: 120 } }"), "p:5:34: 'cost-per-day': '120' has no currency; write it like 120 EUR\n" },
	{ CLASS("{ operations: { on-call: yes } }"), "p:5:31: 'on-call': 'yes' will not do; write the word 'required'\n" },
	{ CLASS("{ operations: { freeze: [ 'fri 16:00 .. mon 07:00' ] } }"), "p:5:32: 'freeze': 'fri 16:00 .. mon 07:00' will not do; write a list like [ \"fri 16:00 .. mon 07:00 Europe/Berlin\", \"2026-12-24 .. 2027-01-02 Europe/Berlin\" ]\n" },
	{ CLASS("{ operations: { freeze: [ '2026-12-24 .. 2027-01-02 Berlin' ] } }"), "p:5:32: 'freeze': 'Berlin' is not a time zone; write UTC or a name like Europe/Berlin\n" },
	{ CLASS("{ operations: { alerts: required } }"), "p:5:30: 'alerts': 'required' is not a number with a unit; write it like 500ms, 5s, 10m, 2h or 7d\n" },
	{ FAMILY("limits: { target: { write: 200MB } }\n"), "p:10:28: 'write': '200MB' is not a rate; write it like 100MB/s\n" },
	{ FAMILY("limits: { target: { writes: 200MB/s } }\n"), "p:10:21: unknown key 'writes' in limits of a cluster; did you mean 'write'?\n" },
	{ FAMILY("limits: { middle: { write: 200MB/s } }\n"), "p:10:11: unknown key 'middle' in 'limits'; it knows source, target\n" },
	{ FAMILY("limits: none\n"), "p:10:9: 'limits' must be a mapping\n" },
	{ FAMILY("prices: { source: { broker-day: 12 } }\n"), "p:10:33: 'broker-day': '12' has no currency; write it like 120 EUR\n" },
	{ FAMILY("prices: { source: 12 EUR }\n"), "p:10:19: 'source' must be a mapping\n" },
	{ CLASS("{ stop: { parity: revret } }"), "p:5:24: 'parity': 'revret' is not known; did you mean 'revert'?\n" },
	{ CLASS("{ pause: 1m }"), "p:5:15: class 'c': its pause is longer than its deadline, so no crossing could ever end\n" },
	{ CLASS("{ like: ledger }"), "p:5:14: there is no class 'ledger'; write it under 'classes', or use rehearsal\n" },
	{ CLASS("{ like: d }\n  d: { like: c }"), "p:6:14: class 'd' is like 'c', which is like it in turn; one of them must start\n" },
	{ CLASS("{}\n  rehearsal: { pause: 1s }"), "p:6:3: 'rehearsal' is built in; give yours another name, and start from it with 'like: rehearsal'\n" },
	{ HEAD "classes: { c: {} }\nfamilies:\n- { name: f, class: c, pattern: bridge, topics: t, owners: { decision: a@b } }\n", "p:6:60: 'owners' needs 'on-call': class 'c' asks for one; name it, or say 'operations: { on-call: none }' in the class\n" },
	{ FAMILY("  groups: [ \"a\\e[31mb\" ]\n  after: [ \"a\\e[31mb\" ]\n"), "p:11:12: 'after': there is no family 'a\\x1b[31mb'\n" },
};
/* clang-format on */

static void every_wrong_plan_is_refused_with_its_place(void **state)
{
	int wrong = 0;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct plan_faults faults;
		struct plan *plan = NULL;
		struct buffer out;

		plan_faults_init(&faults, "p");
		buffer_init(&out, 1 << 20);
		assert_int_equal(plan_parse(view_text(rows[i].text), "", &faults, &plan), ERR_CONFIG);
		assert_null(plan);
		plan_faults_print(&faults, &out);
		if (strcmp(buffer_string(&out), rows[i].faults) != 0 && ++wrong)
			print_error("row %zu:\n%s\n--- said:\n%s--- not:\n%s", i, rows[i].text,
				    buffer_string(&out), rows[i].faults);
		buffer_done(&out);
		plan_faults_done(&faults);
	}
	assert_int_equal(wrong, 0);
}

static void limits_hold(void **state)
{
	struct plan_faults faults;
	struct plan *plan = NULL;
	struct buffer text, out;

	buffer_init(&text, 4 << 20);
	buffer_init(&out, 1 << 20);
	for (int i = 0; i < 100; i++)
		buffer_text(&text, "[");
	plan_faults_init(&faults, "p");
	assert_int_equal(plan_parse(buffer_bytes(&text), "", &faults, &plan), ERR_CONFIG);
	assert_non_null(strstr(faults.at[0].text, "too deep"));
	plan_faults_done(&faults);

	/* Each line doubles the one before: a billion laughs, were aliases copied. */
	buffer_reset(&text);
	buffer_text(&text, "a0: &a0 [ x ]\n");
	for (int i = 1; i < 80; i++)
		buffer_printf(&text, "a%d: &a%d [ *a%d, *a%d ]\n", i, i, i - 1, i - 1);
	plan_faults_init(&faults, "p");
	assert_int_equal(plan_parse(buffer_bytes(&text), "", &faults, &plan), ERR_CONFIG);
	assert_non_null(strstr(faults.at[0].text, "too many aliases"));
	plan_faults_done(&faults);

	buffer_reset(&text);
	for (int i = 0; i < 300; i++)
		buffer_printf(&text, "key%d: x\n", i);
	plan_faults_init(&faults, "p");
	assert_int_equal(plan_parse(buffer_bytes(&text), "", &faults, &plan), ERR_CONFIG);
	assert_int_equal(faults.count, PLAN_FAULTS_MAX);
	plan_faults_print(&faults, &out);
	assert_non_null(strstr(buffer_string(&out), "and 254 more"));
	plan_faults_done(&faults);

	buffer_reset(&text);
	for (int i = 0; i < 30000; i++)
		buffer_text(&text, "# a comment that goes on and on and on\n");
	plan_faults_init(&faults, "p");
	assert_int_equal(plan_parse(buffer_bytes(&text), "", &faults, &plan), ERR_CONFIG);
	assert_non_null(strstr(faults.at[0].text, "larger than 1 MiB"));
	plan_faults_done(&faults);
	buffer_done(&text);
	buffer_done(&out);
}

static void the_hash_is_of_what_it_says(void **state)
{
	struct plan *a = parsed("exit: a\nsource: s:1\ntarget: t:1\nfamilies:\n- { name: f, class: "
				"rehearsal, pattern: bridge, "
				"topics: [ t ], owners: { decision: a@b } }\n");
	struct plan *b = parsed("# the same\ntarget: t:1\nsource:   's:1'\nexit: a\nfamilies:\n- name: f\n  "
				"class: rehearsal\n"
				"  pattern: bridge\n  owners:\n    decision: a@b\n  topics:\n  - t\n");
	struct plan *c = parsed("exit: a\nsource: s:1\ntarget: t:1\nfamilies:\n- { name: f, class: "
				"rehearsal, pattern: bridge, "
				"topics: [ u ], owners: { decision: a@b } }\n");

	assert_true(sha256_equal(a->hash, b->hash));
	assert_false(sha256_equal(a->hash, c->hash));
	plan_free(a);
	plan_free(b);
	plan_free(c);
}

/* An alias may stand for a part of the plan; one that holds itself must not go on for ever. */
static void aliases_are_read_and_rings_end(void **state)
{
	struct plan *plan = parsed(
		"exit: a\nsource: s:1\ntarget: t:1\nfamilies:\n- { name: f, class: rehearsal, pattern: "
		"bridge, "
		"topics: t, owners: &o { decision: a@b } }\n- { name: g, class: rehearsal, pattern: bridge, "
		"topics: u, owners: *o }\n");
	struct plan_faults faults;

	assert_true(view_is(plan->families[1].owners.decision.text, "a@b"));
	plan_free(plan);
	plan = NULL;
	plan_faults_init(&faults, "p");
	assert_int_equal(
		plan_parse(VIEW_LITERAL("exit: &x { exit: *x }\nfamilies: &y [ *y ]\n"), "", &faults, &plan),
		ERR_CONFIG);
	plan_faults_done(&faults);
}

static void prefixes_and_flips_do_no_harm(void **state)
{
	struct random r;

	random_seed(&r, 1);
	for (int i = 0; i < 3000; i++) {
		size_t size = i < 1500 ? (size_t)random_below(&r, sizeof whole) : sizeof whole - 1;
		char *copy = malloc(size + 1);
		struct plan_faults faults;
		struct plan *plan = NULL;

		memcpy(copy, whole, size);
		if (i >= 1500 && size)
			for (int k = 0; k < 3; k++)
				copy[random_below(&r, size)] ^= (char)(1 << random_below(&r, 8));
		plan_faults_init(&faults, "p");
		if (plan_parse(view_of(copy, size), "", &faults, &plan) == 0)
			plan_free(plan);
		else
			assert_true(faults.count > 0);
		plan_faults_done(&faults);
		free(copy);
	}
}

static void a_file_that_is_not_there(void **state)
{
	struct plan_faults faults;
	struct plan *plan = NULL;

	plan_faults_init(&faults, "nowhere/exit.yaml");
	assert_int_equal(plan_load("nowhere/exit.yaml", &faults, &plan), ERR_CONFIG);
	assert_int_equal(faults.count, 1);
	assert_non_null(strstr(faults.at[0].text, "interlock init"));
	plan_faults_done(&faults);
}

static void every_key_is_documented(void **state)
{
	struct buffer out;

	buffer_init(&out, 1 << 20);
	plan_keys_document(&out);
	for (const struct plan_key *key = plan_keys; key->section; key++) {
		assert_non_null(strstr(buffer_string(&out), key->key));
		assert_non_null(plan_section(key->section));
		assert_true(strlen(key->help) > 3);
		if (key->inner)
			assert_non_null(plan_section(key->inner));
	}
	buffer_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_plan_is_understood),
		cmocka_unit_test(every_wrong_plan_is_refused_with_its_place),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(the_hash_is_of_what_it_says),
		cmocka_unit_test(aliases_are_read_and_rings_end),
		cmocka_unit_test(prefixes_and_flips_do_no_harm),
		cmocka_unit_test(a_file_that_is_not_there),
		cmocka_unit_test(every_key_is_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
