/* rules.c - the table of rules. */
#include <stdio.h>

#include "exit/mirror.h"
#include "exit/plan_keys.h"
#include "exit/rules.h"

#define NO_LIMIT -1

/* A control is good for an hour: it is of the instrument, not of the data. */
#define CONTROL_AGE_MS 3600000

/* How the limit that a rule is bound to parts what proves it from what disproves it. */
enum bound {
	BOUND_MOST,  /* up to the limit proves, past it disproves */
	BOUND_LEAST, /* from the limit on proves, below it disproves */
	BOUND_MARGIN /* from the limit on proves, none at all disproves; in between it is too near to tell */
};

enum where { ANYWHERE, AT_SOURCE, AT_TARGET }; /* which side is the reference */

/* A rule, and the limits of a class that go into it. */
struct blank {
	struct rule rule;
	int limit;
	int age, behind, samples;
	bool (*wanted)(const struct plan_family *family); /* NULL: always */
	enum bound bound;
	enum where where;
	bool both;   /* holds the two logs against each other: only while both get the records */
	bool rights; /* of writers, whom a deny of ours may keep out on purpose */
};

static bool has_counters(const struct plan_family *family)
{
	return family->counters.count > 0;
}

static bool has_outside(const struct plan_family *family)
{
	return family->outside.count > 0;
}

static bool is_dual_write(const struct plan_family *family)
{
	return family->pattern.value == PLAN_PATTERN_DUAL_WRITE;
}

static bool asks(const struct plan_family *family, enum plan_limit limit)
{
	return !family->class->limits[limit].none;
}

static bool asks_return(const struct plan_family *family)
{
	return asks(family, LIMIT_ROLLBACK_RETURN);
}

/* A dual write feeds its own way back; the others have a copier that tells how far it is. */
static bool feeds_itself(const struct plan_family *family)
{
	return asks_return(family) && is_dual_write(family);
}

static bool is_fed_back(const struct plan_family *family)
{
	return asks_return(family) && !is_dual_write(family) && family->back.head.given;
}

/* Nothing carries back what is written to the target: there the log goes on alone. */
static bool goes_alone(const struct plan_family *family)
{
	return !is_dual_write(family) && !family->back.head.given;
}

static bool has_levers(const struct plan_family *family)
{
	return family->levers.flag.head.given || family->levers.bootstrap.head.given ||
	       family->levers.group_count;
}

static bool sends_writers(const struct plan_family *family)
{
	return family->levers.flag.head.given || family->levers.bootstrap.head.given;
}

static bool asks_drill(const struct plan_family *family)
{
	return asks(family, LIMIT_ROLLBACK_DRILL);
}

static bool tests_levers(const struct plan_family *family)
{
	return asks_drill(family) && has_levers(family);
}

static bool asks_headroom(const struct plan_family *family)
{
	return asks(family, LIMIT_CAPACITY_HEADROOM);
}

static bool asks_replay(const struct plan_family *family)
{
	return asks(family, LIMIT_CAPACITY_REPLAY) && family->groups.count;
}

static bool asks_dual_run(const struct plan_family *family)
{
	return asks(family, LIMIT_CAPACITY_DUAL_RUN);
}

static bool asks_cost(const struct plan_family *family)
{
	return asks(family, LIMIT_CAPACITY_COST_PER_DAY);
}

static bool asks_on_call(const struct plan_family *family)
{
	return asks(family, LIMIT_OPERATIONS_ON_CALL);
}

static bool asks_runbook(const struct plan_family *family)
{
	return asks(family, LIMIT_OPERATIONS_RUNBOOK);
}

static bool asks_dashboards(const struct plan_family *family)
{
	return asks(family, LIMIT_OPERATIONS_DASHBOARDS);
}

static bool asks_alerts(const struct plan_family *family)
{
	return asks(family, LIMIT_OPERATIONS_ALERTS);
}

/* Two limits of parity ask for order; the others leave it out. */
static bool claims_order(const struct plan_family *family)
{
	int64_t claim = family->class->limits[LIMIT_PARITY_CLAIM].value;

	return claim >= PLAN_CLAIM_KEY_ORDER && claim <= PLAN_CLAIM_OFFSETS;
}

static bool claims_table(const struct plan_family *family)
{
	return family->class->limits[LIMIT_PARITY_CLAIM].value == PLAN_CLAIM_LATEST;
}

/* clang-format off */
#define NONE_OF(name_, gate_, scope_, claim_, value_, unit_, code_, text_, who_) \
	.name = name_, .gate = gate_, .scope = scope_, .claim = claim_, .value = value_, .unit = unit_, \
	.success = { 0, 0 }, .failure = { 1, INT64_MAX }, .coverage_permille_min = 1000, .measured = true, \
	.code = code_, .text = text_, .who = who_

#define COMPATIBILITY(name, scope, claim, value, unit, code, text, who, unchecked_) \
	{ { NONE_OF(name, GATE_COMPATIBILITY, scope, claim, value, unit, code, text, who), .unchecked = unchecked_ }, \
	  NO_LIMIT, LIMIT_COMPATIBILITY_AGE, NO_LIMIT, NO_LIMIT, NULL }

/* Findings of the comparer: one rule a class of finding, all on the same evidence, a topic each. */
#define FINDING(name, value, unit, text, most, wanted, hard_) FINDING_THAT(name, value, unit, text, most, wanted, hard_, false)

/* What was missing and has come is missing no more; if it came out of order, that is another finding. */
#define MISSING(name, value, unit, text) FINDING_THAT(name, value, unit, text, NO_LIMIT, NULL, true, true)

#define FINDING_THAT(name, value, unit, text, most, wanted, hard_, heals_) \
	{ { NONE_OF(name, GATE_PARITY, RULE_EACH_TOPIC, "parity.topic", value, unit, "PARITY_" value, text, "owner"), \
	    .controls = { "control.parity.same", "control.parity.planted" }, .control_age_ms_max = CONTROL_AGE_MS, \
	    .sticky = true, .heals = heals_, .hard = hard_ }, \
	  most, LIMIT_PARITY_AGE, LIMIT_PARITY_BEHIND, NO_LIMIT, wanted, .both = true }

/* Where groups stand: found by the comparer's other half, which has a control of its own. */
#define PROGRESS(name, scope, claim, value, unit, code, text, most, hard_) \
	{ { NONE_OF(name, GATE_PROGRESS, scope, claim, value, unit, code, text, "owner"), \
	    .controls = { "control.progress.same" }, .control_age_ms_max = CONTROL_AGE_MS, .hard = hard_ }, \
	  most, LIMIT_PROGRESS_AGE, NO_LIMIT, NO_LIMIT, NULL, .both = true }

#define READERS(name, scope, claim, value, unit, code, text, most, hard_) \
	{ { NONE_OF(name, GATE_PROGRESS, scope, claim, value, unit, code, text, "owner"), .hard = hard_ }, \
	  most, LIMIT_PROGRESS_AGE, NO_LIMIT, NO_LIMIT, NULL }

/* What the operator's plan, journal and clusters say of going back. */
#define ROLLBACK(name, claim, value, unit, code, text, who, hard_, limit, wanted) \
	{ { NONE_OF(name, GATE_ROLLBACK, RULE_FAMILY, claim, value, unit, code, text, who), .hard = hard_ }, \
	  limit, LIMIT_COMPATIBILITY_AGE, NO_LIMIT, NO_LIMIT, wanted }

/* With authority on the target, going back loses what the source does not hold: found by the same comparison, mirrored. */
#define ROLLBACK_PARITY(name, scope, claim, value, unit, code, text, missing_) \
	{ { NONE_OF(name, GATE_ROLLBACK, scope, claim, value, unit, code, text, "owner"), \
	    .controls = { "control.parity.same", "control.parity.planted" }, .control_age_ms_max = CONTROL_AGE_MS, \
	    .sticky = true, .heals = missing_, .hard = missing_ }, \
	  NO_LIMIT, LIMIT_PARITY_AGE, LIMIT_PARITY_BEHIND, NO_LIMIT, feeds_itself, .where = AT_TARGET }

#define CAPACITY(name, claim, value, unit, code, text, limit, wanted, bound_, unchecked_) \
	{ { NONE_OF(name, GATE_CAPACITY, RULE_FAMILY, claim, value, unit, code, text, "owner"), .unchecked = unchecked_ }, \
	  limit, LIMIT_COMPATIBILITY_AGE, NO_LIMIT, NO_LIMIT, wanted, .bound = bound_ }

#define OPERATIONS(name, claim, value, unit, code, text, limit, wanted, bound_) \
	{ { NONE_OF(name, GATE_OPERATIONS, RULE_FAMILY, claim, value, unit, code, text, "owner") }, \
	  limit, LIMIT_COMPATIBILITY_AGE, NO_LIMIT, NO_LIMIT, wanted, .bound = bound_ }

static const struct blank blanks[] = {
	COMPATIBILITY("compatibility.features", RULE_FAMILY, "compatibility.features", "missing", "features", "FEATURE_MISSING",
		      "the target lacks % of what the family was seen to use", "target operator",
		      "what a client does that was not connected, and wrote nothing, while it was looked at"),
	COMPATIBILITY("compatibility.topic", RULE_EACH_TOPIC, "compatibility.topic", "missing", "topics", "TOPIC_MISSING",
		      "the topic is not on the target", "target operator", NULL),
	COMPATIBILITY("compatibility.partitions", RULE_EACH_TOPIC, "compatibility.topic", "partitions", "partitions", "PARTITIONS_DIFFER",
		      "the partition counts differ by %", "target operator", NULL),
	COMPATIBILITY("compatibility.configs", RULE_EACH_TOPIC, "compatibility.configs", "harmful", "configs", "CONFIG_DIFFERS",
		      "% {config differs|configs differ} in a way that can lose or change records", "target operator", NULL),
	COMPATIBILITY("compatibility.records", RULE_EACH_TOPIC, "compatibility.records", "refused", "kinds", "RECORDS_REFUSED",
		      "% {kind|kinds} of records that {was|were} seen would be refused by the target", "target operator",
		      "records older than the newest that were sampled"),
	COMPATIBILITY("compatibility.groups", RULE_EACH_GROUP, "compatibility.group", "missing", "protocols", "GROUP_PROTOCOL",
		      "the target does not speak the group's protocol", "target operator", NULL),
	{ { NONE_OF("compatibility.rights", GATE_COMPATIBILITY, RULE_EACH_PRINCIPAL, "compatibility.rights", "missing", "rights",
		    "RIGHTS_MISSING", "% {right|rights} that it has on the source {is|are} missing on the target", "target operator"),
	    .unchecked = "rights that a super user has without an ACL" },
	  NO_LIMIT, LIMIT_COMPATIBILITY_AGE, NO_LIMIT, NO_LIMIT, NULL, .rights = true },
	COMPATIBILITY("compatibility.quotas", RULE_EACH_PRINCIPAL, "compatibility.quotas", "tighter", "quotas", "QUOTA_TIGHTER",
		      "% {quota is|quotas are} tighter on the target", "target operator", NULL),
	COMPATIBILITY("compatibility.credentials", RULE_FAMILY, "compatibility.credentials", "missing", "users", "CREDENTIALS_MISSING",
		      "% {user|users} can log in on the source and not on the target", "target operator",
		      "whether a password is the same on both sides: no broker tells"),
	COMPATIBILITY("compatibility.schemas", RULE_FAMILY, "compatibility.schemas", "different", "schemas", "SCHEMA_DIFFERS",
		      "% {schema id|schema ids} found in records {does|do} not mean the same on both sides", "owner", NULL),
	COMPATIBILITY("compatibility.schemas-missing", RULE_FAMILY, "compatibility.schemas", "missing", "schemas", "SCHEMA_MISSING",
		      "% {schema id|schema ids} found in records {is|are} not in the target's registry", "owner", NULL),

	MISSING("parity.lost", "LOST", "records", "% {record|records} of the source {is|are} not on the target"),
	MISSING("parity.torn", "TORN_TXN", "transactions", "% committed {transaction is|transactions are} only partly on the target"),
	FINDING("parity.altered", "ALTERED", "records", "% {record has|records have} another key or value on the target", NO_LIMIT, NULL, false),
	FINDING("parity.meta", "META", "records", "% {record differs|records differ} in headers, timestamp or null-ness", NO_LIMIT, NULL, false),
	FINDING("parity.phantom", "PHANTOM", "records", "% {record|records} of the target {has|have} no origin on the source", NO_LIMIT, NULL, false),
	FINDING("parity.aborted", "ABORTED_LEAK", "records", "% {record|records} of the target {was|were} aborted on the source", NO_LIMIT, NULL, false),
	FINDING("parity.duplicates", "DUPLICATE", "records", "% {record is|records are} on the target more often than on the source", LIMIT_PARITY_DUPLICATES, NULL, false),
	FINDING("parity.misrouted", "MISROUTED", "records", "% {record is|records are} in another partition", NO_LIMIT, claims_order, false),
	FINDING("parity.key-order", "REORDERED_KEY", "records", "% {record is|records are} out of order within {its|their} key", NO_LIMIT, claims_order, false),
	FINDING("parity.partition-order", "REORDERED_PARTITION", "records", "% {record is|records are} out of order within {its|their} partition", NO_LIMIT, claims_order, false),
	FINDING("parity.compacted", "COMPACTED", "keys", "% {key has|keys have} another last value", NO_LIMIT, claims_table, false),
	FINDING("parity.unreadable", "UNREADABLE", "batches", "% {batch|batches} cannot be read", NO_LIMIT, NULL, false),
	{ { NONE_OF("parity.claim", GATE_PARITY, RULE_FAMILY, "parity.family", "refuted", "reasons", "PARITY_CLAIM",
		    "the claim does not hold, for % {reason|reasons}", "owner"),
	    .controls = { "control.parity.same", "control.parity.planted" }, .control_age_ms_max = CONTROL_AGE_MS, .sticky = true },
	  NO_LIMIT, LIMIT_PARITY_AGE, NO_LIMIT, LIMIT_PARITY_RECORDS, NULL, .both = true },
	{ { NONE_OF("parity.counters", GATE_PARITY, RULE_FAMILY, "parity.counters", "different", "counters", "COUNTER_DIFFERS",
		    "% business {counter differs|counters differ} by more than the plan allows", "owner"),
	    .unchecked = "what no counter of the plan counts" },
	  NO_LIMIT, LIMIT_PARITY_AGE, NO_LIMIT, NO_LIMIT, has_counters, .both = true },
	{ { NONE_OF("parity.kept", GATE_PARITY, RULE_FAMILY, "parity.kept", "short", "records", "PARITY_KEPT",
		    "% {record|records} that the source held at the crossing {is|are} not in its logs any more", "owner"),
	    .hard = true,
	    .unchecked = "what was written since the crossing: it stands on one side alone" },
	  NO_LIMIT, LIMIT_PARITY_AGE, NO_LIMIT, NO_LIMIT, goes_alone, .where = AT_TARGET },

	PROGRESS("progress.skipped", RULE_EACH_GROUP, "progress.group", "skipped", "records", "RECORDS_SKIPPED",
		 "% {record|records} would never be read", LIMIT_PROGRESS_SKIPPED, true),
	PROGRESS("progress.reread", RULE_EACH_GROUP, "progress.group", "reread", "records", "RECORDS_REREAD",
		 "% {record|records} would be read again", LIMIT_PROGRESS_REREAD, false),
	PROGRESS("progress.positions", RULE_EACH_GROUP, "progress.group", "blocked", "partitions", "POSITION_BLOCKED",
		 "% {position has|positions have} no place on the target", NO_LIMIT, true),
	READERS("progress.readers", RULE_FAMILY, "progress.readers", "undeclared", "groups", "READER_UNDECLARED",
		 "% {group reads|groups read} the family's topics and {is|are} not in the plan", NO_LIMIT, false),
	{ { NONE_OF("progress.outside", GATE_PROGRESS, RULE_FAMILY, "progress.outside", "untranslated", "positions", "OUTSIDE_POSITION",
		    "% {position|positions} outside Kafka {has|have} no place on the target", "owner"),
	    .unchecked = "whether a job that keeps its own position starts where its owner says" },
	  NO_LIMIT, LIMIT_PROGRESS_AGE, NO_LIMIT, NO_LIMIT, has_outside, .both = true },

	ROLLBACK("rollback.owner", "rollback.plan", "ownerless", "decisions", "OWNER_MISSING",
		 "nobody is named who decides about going back", "owner", true, NO_LIMIT, NULL),
	ROLLBACK("rollback.way", "rollback.way", "missing", "ways", "WAY_BACK_MISSING",
		 "no way back is declared, or nothing feeds it", "owner", true, NO_LIMIT, asks_return),
	ROLLBACK("rollback.behind", "rollback.way", "behind", "records", "RETURN_BEHIND",
		 "what feeds the way back is % {record|records} behind", "owner", false, LIMIT_PARITY_BEHIND, is_fed_back),
	ROLLBACK("rollback.levers", "rollback.levers", "silent", "levers", "LEVER_SILENT",
		 "% {lever does|levers do} not say where {it stands|they stand}", "owner", false, NO_LIMIT, has_levers),
	ROLLBACK("rollback.elsewhere", "rollback.levers", "elsewhere", "levers", "LEVER_ELSEWHERE",
		 "% {lever sends|levers send} writers elsewhere than to the side that has authority", "owner", true, NO_LIMIT,
		 sends_writers),
	{ { NONE_OF("rollback.tested", GATE_ROLLBACK, RULE_FAMILY, "rollback.tested", "failed", "levers", "LEVER_FAILED",
		    "% {lever|levers} could not be set and set back in a test", "owner") },
	  NO_LIMIT, LIMIT_ROLLBACK_DRILL, NO_LIMIT, NO_LIMIT, tests_levers },
	{ { NONE_OF("rollback.drill", GATE_ROLLBACK, RULE_FAMILY, "rollback.drill", "failed", "drills", "DRILL_FAILED",
		    "the last drill did not go forward and back", "owner"),
	    .unchecked = "what a drill on a shadow family does not meet: the family's own load and clients" },
	  NO_LIMIT, LIMIT_ROLLBACK_DRILL, NO_LIMIT, NO_LIMIT, asks_drill },
	ROLLBACK("rollback.target-only", "rollback.boundary", "target-only", "records", "TARGET_ONLY",
		 "% {record is|records are} on the target alone: going back now would lose {it|them}", "owner", true, NO_LIMIT,
		 feeds_itself),
	ROLLBACK("rollback.keep", "rollback.boundary", "short", "ms", "CLEAN_TOO_SHORT",
		 "going back does not stay clean for as long as the class asks", "owner", false, NO_LIMIT, NULL),
	ROLLBACK("rollback.leak", "rollback.leak", "leaks", "leaks", "FENCE_LEAK",
		 "a record was written behind a fence", "owner", true, NO_LIMIT, NULL),
	ROLLBACK_PARITY("rollback.lost", RULE_EACH_TOPIC, "parity.topic", "LOST", "records", "BACK_LOST",
			"% {record|records} of the source {is|are} not on the target, and going back would lose {it|them}", true),
	ROLLBACK_PARITY("rollback.torn", RULE_EACH_TOPIC, "parity.topic", "TORN_TXN", "transactions", "BACK_TORN_TXN",
			"% committed {transaction is|transactions are} only partly on the target", true),
	ROLLBACK_PARITY("rollback.altered", RULE_EACH_TOPIC, "parity.topic", "ALTERED", "records", "BACK_ALTERED",
			"% {record has|records have} another key or value on the target", false),

	CAPACITY("capacity.headroom", "capacity.headroom", "headroom", "permille", "HEADROOM_LOW",
		 "the target has too little room at the source's peak with one broker out", LIMIT_CAPACITY_HEADROOM, asks_headroom,
		 BOUND_LEAST, "peaks shorter than an hour or older than a day; reads; what a broker takes is what the plan says it takes"),
	CAPACITY("capacity.replay", "capacity.replay", "catches-up-in", "ms", "REPLAY_TOO_LONG",
		 "groups do not catch up on the target in the time that the class lets them take, at the source's peak with one broker out",
		 LIMIT_CAPACITY_REPLAY, asks_replay, BOUND_MOST,
		 "what other readers take; what a group reads again from further back; what a broker gives is what the plan says it gives"),
	CAPACITY("capacity.disk", "capacity.disk", "full-in", "ms", "DISK_FILLS",
		 "the target's disks are full before going back has stayed clean for as long as the class asks", LIMIT_ROLLBACK_KEEP,
		 NULL, BOUND_LEAST, NULL),
	CAPACITY("capacity.disk-run", "capacity.disk", "full-in", "ms", "DISK_FILLS",
		 "the target's disks are full before both sides have run as long as the class lets them", LIMIT_CAPACITY_DUAL_RUN,
		 asks_dual_run, BOUND_LEAST, NULL),
	CAPACITY("capacity.dual-run", "capacity.dual-run", "ran", "ms", "DUAL_RUN_OVER",
		 "both sides have run for longer than the class lets them", LIMIT_CAPACITY_DUAL_RUN, asks_dual_run, BOUND_MOST, NULL),
	CAPACITY("capacity.cost", "capacity.cost", "cost-per-day", "millionths", "COST_OVER",
		 "a day of running both sides costs more than the class lets it", LIMIT_CAPACITY_COST_PER_DAY, asks_cost, BOUND_MOST,
		 "whether the prices in the plan are those on the bill"),

	OPERATIONS("operations.owners", "operations.owners", "missing", "owners", "OWNER_MISSING",
		   "% {owner is|owners are} not named", NO_LIMIT, NULL, BOUND_MOST),
	OPERATIONS("operations.on-call", "operations.on-call", "left", "ms", "ON_CALL_UNCONFIRMED",
		   "nobody has confirmed to be on call now", LIMIT_COMPATIBILITY_AGE, asks_on_call, BOUND_MARGIN),
	OPERATIONS("operations.runbook", "operations.runbook", "missing", "runbooks", "RUNBOOK_UNACKNOWLEDGED",
		   "the runbook of this plan was not acknowledged", NO_LIMIT, asks_runbook, BOUND_MOST),
	OPERATIONS("operations.dashboards", "operations.dashboards", "missing", "dashboards", "DASHBOARD_MISSING",
		   "% {dashboard is|dashboards are} not there", NO_LIMIT, asks_dashboards, BOUND_MOST),
	OPERATIONS("operations.alerts", "operations.alerts", "missing", "alerts", "ALERT_MISSING",
		   "% {alert is|alerts are} not there", NO_LIMIT, asks_alerts, BOUND_MOST),
	{ { NONE_OF("operations.fired", GATE_OPERATIONS, RULE_FAMILY, "operations.fired", "silent", "alerts", "ALERT_SILENT",
		    "% {alert|alerts} did not fire in {its|their} test", "owner") },
	  NO_LIMIT, LIMIT_OPERATIONS_ALERTS, NO_LIMIT, NO_LIMIT, asks_alerts },
	OPERATIONS("operations.freeze", "operations.freeze", "left", "ms", "CHANGE_FREEZE",
		   "a change freeze holds", LIMIT_COMPATIBILITY_AGE, NULL, BOUND_MARGIN),
};
/* clang-format on */

static const struct {
	enum plan_limit limit;
	enum gate gate;
	const char *text;
} may_decline[] = {
	{ LIMIT_ROLLBACK_DRILL, GATE_ROLLBACK, "drill: not asked for" },
	{ LIMIT_ROLLBACK_RETURN, GATE_ROLLBACK, "return: not asked for" },
	{ LIMIT_CAPACITY_HEADROOM, GATE_CAPACITY, "headroom: not asked for" },
	{ LIMIT_CAPACITY_REPLAY, GATE_CAPACITY, "replay: not asked for" },
	{ LIMIT_CAPACITY_DUAL_RUN, GATE_CAPACITY, "dual-run: not asked for" },
	{ LIMIT_CAPACITY_COST_PER_DAY, GATE_CAPACITY, "cost-per-day: not asked for" },
	{ LIMIT_OPERATIONS_ON_CALL, GATE_OPERATIONS, "on-call: not asked for" },
	{ LIMIT_OPERATIONS_RUNBOOK, GATE_OPERATIONS, "runbook: not asked for" },
	{ LIMIT_OPERATIONS_DASHBOARDS, GATE_OPERATIONS, "dashboards: not asked for" },
	{ LIMIT_OPERATIONS_ALERTS, GATE_OPERATIONS, "alerts: not asked for" },
};

static void bind(struct rule *rule, enum bound bound, const struct plan_number *limit)
{
	int64_t value = limit->value;

	rule->no_limit = !limit->given;
	switch (bound) {
	case BOUND_MOST:
		rule->success = RULE_UP_TO(value);
		rule->failure = RULE_PAST(value);
		break;
	case BOUND_LEAST:
		rule->success = (struct rule_range){ value, INT64_MAX };
		rule->failure = (struct rule_range){ INT64_MIN, value - 1 };
		break;
	case BOUND_MARGIN:
		rule->success = (struct rule_range){ value > 0 ? value : 1, INT64_MAX };
		rule->failure = (struct rule_range){ INT64_MIN, 0 };
		break;
	}
}

static struct rule fill(const struct blank *blank, const struct plan_number *limits)
{
	struct rule rule = blank->rule;

	rule.fresh = (struct fresh_limits){ 0, -1 };
	if (blank->age != NO_LIMIT)
		rule.fresh.age_ms_max = limits[blank->age].value;
	if (blank->behind != NO_LIMIT)
		rule.fresh.behind_max = limits[blank->behind].value;
	if (blank->samples != NO_LIMIT)
		rule.samples_min = (uint64_t)limits[blank->samples].value;
	if (blank->limit != NO_LIMIT)
		bind(&rule, blank->bound, &limits[blank->limit]);
	return rule;
}

/* Of everything that decides a judgement, so that an auditor knows which rules it was. */
static struct sha256 hash_of(const struct rules *rules, enum side reference)
{
	struct sha256 hash = sha256_of(reference == SIDE_SOURCE ? VIEW_LITERAL("rules 1")
								: VIEW_LITERAL("rules 1, mirrored"));

	for (int i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->at[i];
		char text[1000];

		snprintf(text, sizeof text,
			 "%s %d %d %s %s %s %lld %lld %lld %lld %d %llu %lld %lld %s %s %lld %d%d%d%d%d%d",
			 rule->name, rule->gate, rule->scope, rule->claim, rule->value, rule->unit,
			 (long long)rule->success.low, (long long)rule->success.high,
			 (long long)rule->failure.low, (long long)rule->failure.high,
			 rule->coverage_permille_min, (unsigned long long)rule->samples_min,
			 (long long)rule->fresh.age_ms_max, (long long)rule->fresh.behind_max,
			 rule->controls[0] ? rule->controls[0] : "-",
			 rule->controls[0] && rule->controls[1] ? rule->controls[1] : "-",
			 (long long)rule->control_age_ms_max, rule->measured, rule->no_limit, rule->hard,
			 rule->sticky, rule->advisory, rule->heals);
		hash = sha256_chain(hash, sha256_of(view_text(text)));
	}
	return hash;
}

static const char *mirrored(const char *text, struct arena *arena)
{
	size_t size = text ? strlen(text) + 1 : 0;
	char *out = text ? arena_take(arena, size) : NULL;

	if (out)
		mirror_words(text, out, size);
	return out;
}

/* What the comparer finds is said of the reference; what going back, room and people come to is said of the clusters. */
static bool speaks_of_roles(const struct blank *blank)
{
	return blank->rule.gate <= GATE_PROGRESS || blank->where == AT_TARGET;
}

static int mirror_rule(struct rule *rule, struct arena *arena)
{
	bool has_unchecked = rule->unchecked != NULL;

	rule->text = mirrored(rule->text, arena);
	rule->who = mirrored(rule->who, arena);
	rule->unchecked = mirrored(rule->unchecked, arena);
	return rule->text && rule->who && (rule->unchecked || !has_unchecked) ? 0 : ERR_MEMORY;
}

bool rules_hold_both(const struct plan_family *family, enum side reference)
{
	return reference == SIDE_SOURCE || !goes_alone(family);
}

/* With another pattern than a dual write our deny stays on the side that was left, for as long as the exit lasts. */
static bool is_fenced(const struct plan_family *family, enum side reference)
{
	return reference == SIDE_TARGET && !is_dual_write(family) && family->levers.acl.value;
}

int rules_bind(const struct plan_family *family, enum side reference, struct arena *arena, struct rules *out,
	       struct fault *fault)
{
	const struct plan_number *limits = family->class->limits;
	struct rules rules = { 0 };

	rules.at = arena_array(arena, sizeof blanks / sizeof blanks[0], sizeof *rules.at);
	if (!rules.at)
		return fault_set(fault, ERR_MEMORY, "no memory for the rules of family %.*s",
				 VIEW_ARGS(family->name.text));
	for (size_t i = 0; i < sizeof blanks / sizeof blanks[0]; i++) {
		int err;

		if (blanks[i].wanted && !blanks[i].wanted(family))
			continue;
		if (blanks[i].where != ANYWHERE &&
		    (blanks[i].where == AT_TARGET) != (reference == SIDE_TARGET))
			continue;
		if ((blanks[i].both && !rules_hold_both(family, reference)) ||
		    (blanks[i].rights && is_fenced(family, reference)))
			continue;
		rules.at[rules.count] = fill(&blanks[i], limits);
		if (reference == SIDE_TARGET && speaks_of_roles(&blanks[i]) &&
		    mirror_rule(&rules.at[rules.count], arena) < 0)
			return fault_set(fault, ERR_MEMORY, "no memory for the rules of family %.*s",
					 VIEW_ARGS(family->name.text));
		err = rule_check(&rules.at[rules.count++], fault);
		if (err < 0)
			return err;
	}
	for (size_t i = 0; i < sizeof may_decline / sizeof may_decline[0]; i++) {
		if (!limits[may_decline[i].limit].none)
			continue;
		rules.not_asked[rules.not_asked_count].gate = may_decline[i].gate;
		rules.not_asked[rules.not_asked_count++].text = may_decline[i].text;
	}
	rules.hash = hash_of(&rules, reference);
	*out = rules;
	return 0;
}
