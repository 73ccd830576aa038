/*
 * rule.c - from evidence to one answer.
 *
 * The order of the questions is the point.  A failure that sticks is asked for first and ends the matter.  Then each
 * way in which evidence can be no evidence: missing, changed, taken from the log, broken instrument, stale, no value,
 * instrument not shown to work.  Only what survives them may disprove; and only what is whole besides may prove.
 */
#include <assert.h>
#include <stdio.h>

#include "base/units.h"
#include "exit/rule.h"

static bool inside(struct rule_range range, int64_t value)
{
	return range.low <= value && value <= range.high;
}

static bool meet(struct rule_range a, struct rule_range b)
{
	return a.low <= a.high && b.low <= b.high && a.low <= b.high && b.low <= a.high;
}

int rule_check(const struct rule *rule, struct fault *fault)
{
	if (!rule->name || !rule->name[0])
		return fault_set(fault, ERR_CONFIG, "a rule has no name");
	if (rule->gate >= GATE_COUNT || rule->scope >= RULE_SCOPE_COUNT || !rule->claim || !rule->value ||
	    !rule->unit || !rule->code || !rule->text || !rule->who)
		return fault_set(fault, ERR_CONFIG, "rule %s is not whole", rule->name);
	if (rule->success.low > rule->success.high)
		return fault_set(fault, ERR_CONFIG, "rule %s can never be proved", rule->name);
	if (meet(rule->success, rule->failure))
		return fault_set(fault, ERR_CONFIG, "rule %s: a value can both prove and disprove it",
				 rule->name);
	if (rule->coverage_permille_min < 0 || rule->coverage_permille_min > 1000 ||
	    rule->fresh.age_ms_max < 0)
		return fault_set(fault, ERR_CONFIG, "rule %s has a limit that makes no sense", rule->name);
	return 0;
}

/* ---- finding evidence ---- */

static bool same_subject(struct view a, struct view b)
{
	return a.size == b.size && (!a.size || memcmp(a.at, b.at, a.size) == 0);
}

static bool about(const struct evidence *item, struct view claim, struct view subject, struct view family)
{
	return same_subject(item->claim, claim) && same_subject(item->subject, subject) &&
	       same_subject(item->family, family);
}

static bool intact(const struct rule_facts *facts, const struct evidence *item)
{
	return facts->log_is == LOG_WHOLE || evidence_intact(item);
}

/* The item that came last, by the log's order and not by its date. */
static const struct evidence *latest(const struct rule_facts *facts, const char *claim, struct view subject)
{
	struct view asked =
		view_text(claim); /* measured once, for this is asked of all there is, for each rule */

	for (int i = facts->log->count - 1; i >= 0; i--)
		if (about(facts->log->items[i], asked, subject, facts->family))
			return facts->log->items[i];
	return NULL;
}

static bool value_of(const struct rule *rule, const struct evidence *item, int64_t *out)
{
	const struct evidence_value *value = evidence_value(item, view_text(rule->value));

	if (!value || !view_is(value->unit, rule->unit))
		return false;
	*out = value->number;
	return true;
}

/* ---- controls ---- */

/*
 * Did the same instrument, the same version of it, lately find what was planted and nothing in nothing?  With
 * `ever`, lately does not matter: what was disproved stays disproved when the control grows old.
 */
static bool control_holds(const char *claim, const struct rule *rule, const struct evidence *measured,
			  const struct rule_facts *facts, bool ever)
{
	struct fresh_limits limits = { rule->control_age_ms_max, -1 };
	const struct evidence *control = latest(facts, claim, measured->subject);
	const struct evidence_value *unexpected;

	if (!control)
		control = latest(facts, claim, VIEW_NULL);
	if (!control || control->kind != EVIDENCE_CONTROL || control->status != EVIDENCE_OK ||
	    !control->samples)
		return false;
	if (!view_equal(control->method, measured->method) ||
	    !view_equal(control->version, measured->version))
		return false;
	unexpected = evidence_value(control, VIEW_LITERAL("unexpected"));
	if (!unexpected || unexpected->number != 0 || !intact(facts, control))
		return false;
	return ever || fresh_judge(control, &limits, &facts->now) == STALE_NOT;
}

static bool controls_hold(const struct rule *rule, const struct evidence *item,
			  const struct rule_facts *facts, bool ever)
{
	for (int i = 0; rule->controls[i]; i++)
		if (!control_holds(rule->controls[i], rule, item, facts, ever))
			return false;
	return true;
}

/* ---- failures that stick ---- */

/* Every range of `former` lies within one of `later`. */
static bool covers(const struct evidence *later, const struct evidence *former)
{
	for (int i = 0, j = 0; i < former->position_count; i++) {
		const struct position *range = &former->positions[i];

		while (j < later->position_count && evidence_position_order(&later->positions[j], range) < 0)
			j++;
		if (j == later->position_count || evidence_position_order(&later->positions[j], range) != 0 ||
		    later->positions[j].start > range->start || later->positions[j].end < range->end)
			return false;
	}
	return former->position_count > 0;
}

bool rule_heals(const struct rule *rule, const struct evidence *failed, const struct evidence *item)
{
	int64_t was, is;

	return rule->sticky && rule->heals &&
	       about(failed, view_text(rule->claim), item->subject, item->family) &&
	       view_is(item->claim, rule->claim) && value_of(rule, failed, &was) &&
	       inside(rule->failure, was) && value_of(rule, item, &is) && inside(rule->success, is) &&
	       item->status == EVIDENCE_OK && item->covered >= item->total &&
	       failed->epochs.authority == item->epochs.authority &&
	       failed->epochs.plan.number == item->epochs.plan.number &&
	       sha256_equal(failed->epochs.plan.hash, item->epochs.plan.hash) && covers(item, failed);
}

static bool is_healed(const struct rule *rule, const struct rule_facts *facts, int index)
{
	for (int i = index + 1; rule->heals && i < facts->log->count; i++)
		if (rule_heals(rule, facts->log->items[index], facts->log->items[i]) &&
		    intact(facts, facts->log->items[i]) &&
		    controls_hold(rule, facts->log->items[i], facts, true))
			return true;
	return false;
}

/* The worst failure since the window began, or NULL. */
static const struct evidence *stuck(const struct rule *rule, struct view subject,
				    const struct rule_facts *facts, int64_t *worst)
{
	const struct evidence *found = NULL;
	struct view claim = view_text(rule->claim);

	for (int i = facts->window < 0 ? 0 : facts->window; i < facts->log->count; i++) {
		const struct evidence *item = facts->log->items[i];
		int64_t value;

		if (!about(item, claim, subject, facts->family) || item->status == EVIDENCE_INSTRUMENT_ERROR)
			continue;
		if (!value_of(rule, item, &value) || !inside(rule->failure, value) ||
		    (found && value <= *worst))
			continue;
		if (!intact(facts, item) || !controls_hold(rule, item, facts, true) ||
		    is_healed(rule, facts, i))
			continue;
		found = item;
		*worst = value;
	}
	return found;
}

/* ---- waivers ---- */

static enum waiver_refusal waiver_judge(const struct waiver *waiver, const struct rule_result *result,
					const struct rule_facts *facts)
{
	int64_t now_ms = facts->now.moment.wall_ms;

	if (result->rule->hard)
		return WAIVER_HARD_RULE;
	if (result->rule->advisory)
		return WAIVER_ADVISORY;
	if (!waiver->reason.size)
		return WAIVER_NO_REASON;
	if (!waiver->owner.size || !waiver->second.size || view_equal(waiver->owner, waiver->second))
		return WAIVER_ONE_OWNER;
	if (waiver->granted_ms > now_ms)
		return WAIVER_NOT_YET;
	if (now_ms >= waiver->expires_ms || waiver->expires_ms - waiver->granted_ms > WAIVER_LIFE_MS_MAX)
		return WAIVER_EXPIRED;
	if (!same_subject(waiver->stage, facts->stage))
		return WAIVER_OTHER_STAGE;
	if (waiver->authority != facts->now.epochs.authority)
		return WAIVER_OTHER_EPOCH;
	if (result->verdict != VERDICT_SHUT)
		return WAIVER_UNKNOWN;
	if (!sha256_none(waiver->evidence) && !sha256_equal(waiver->evidence, result->evidence->id))
		return WAIVER_OTHER_EVIDENCE;
	if (result->value < 0 || result->value > waiver->value_max)
		return WAIVER_PAST_BOUND;
	return WAIVER_NONE;
}

/*
 * Only what failed under the present plan, context and clock can be waived: a waiver vouches for what its owners could
 * see.  The log must be whole too, or a worse failure may have been taken out of it.
 */
static bool may_be_waived(const struct rule_result *result, const struct rule_facts *facts, bool whole)
{
	return result->verdict == VERDICT_SHUT && whole && result->evidence->status == EVIDENCE_OK &&
	       controls_hold(result->rule, result->evidence, facts, false) &&
	       fresh_judge(result->evidence, &result->rule->fresh, &facts->now) == STALE_NOT;
}

static void waive(struct rule_result *result, const struct rule_facts *facts, bool whole)
{
	for (int i = 0; i < facts->waiver_count; i++) {
		const struct waiver *waiver = &facts->waivers[i];
		enum waiver_refusal refusal;

		if (!view_is(waiver->rule, result->rule->name) ||
		    !same_subject(waiver->subject, result->subject))
			continue;
		refusal = waiver_judge(waiver, result, facts);
		if (refusal == WAIVER_NONE && !may_be_waived(result, facts, whole))
			refusal = WAIVER_UNKNOWN;
		if (refusal == WAIVER_NONE) {
			result->verdict = VERDICT_OPEN;
			result->why = RULE_WAIVED;
			result->waiver = waiver;
			result->refusal = WAIVER_NONE;
			return;
		}
		result->refusal = refusal;
	}
}

/* ---- the judgement ---- */

static enum rule_why judge_value(const struct rule *rule, const struct evidence *item,
				 const struct rule_facts *facts, struct rule_result *out)
{
	bool trusted = controls_hold(rule, item, facts, false);

	/* What was left out says why there is no value; both are unknown. */
	if (!value_of(rule, item, &out->value))
		return item->status == EVIDENCE_PARTIAL && item->excluded_count ? RULE_PARTIAL
										: RULE_NO_VALUE;
	if (inside(rule->failure, out->value))
		return trusted ? RULE_DISPROVED : RULE_CONTROL;
	/* Neither of these proves anything; the more telling cause is named. */
	if (item->status != EVIDENCE_OK)
		return RULE_PARTIAL;
	if ((unsigned __int128)item->covered * 1000 <
	    (unsigned __int128)item->total * (unsigned)rule->coverage_permille_min)
		return RULE_COVERAGE;
	if (item->samples < rule->samples_min)
		return RULE_SAMPLES;
	if (!trusted)
		return RULE_CONTROL;
	return inside(rule->success, out->value) ? RULE_PROVED : RULE_NEITHER;
}

static enum rule_why judge(const struct rule *rule, struct view subject, const struct rule_facts *facts,
			   bool whole, struct rule_result *out)
{
	const struct evidence *item;
	enum rule_why why;

	if (!rule->measured)
		return RULE_NOT_MEASURED;
	if (rule->no_limit)
		return RULE_NO_LIMIT;
	if (rule->sticky) {
		out->evidence = stuck(rule, subject, facts, &out->value);
		if (out->evidence)
			return RULE_DISPROVED;
	}
	item = out->evidence = latest(facts, rule->claim, subject);
	if (!item)
		return RULE_MISSING;
	if (!intact(facts, item))
		return RULE_CHANGED;
	if (item->status == EVIDENCE_INSTRUMENT_ERROR)
		return RULE_INSTRUMENT;
	out->staleness = fresh_judge(item, &rule->fresh, &facts->now);
	if (out->staleness != STALE_NOT)
		return RULE_STALE;
	why = judge_value(rule, item, facts, out);
	return why == RULE_PROVED && !whole ? RULE_LOG_BROKEN : why;
}

void rule_judge(const struct rule *rule, struct view subject, const struct rule_facts *facts, bool whole,
		struct rule_result *out)
{
	*out = (struct rule_result){ .rule = rule, .subject = subject };
	out->why = judge(rule, subject, facts, whole, out);
	out->verdict = out->why == RULE_PROVED      ? VERDICT_OPEN
		       : out->why == RULE_DISPROVED ? VERDICT_SHUT
						    : VERDICT_UNKNOWN;
	if (out->verdict != VERDICT_OPEN)
		waive(out, facts, whole);
}

/* ---- words ---- */

static const struct {
	const char *code, *text;
} whys[] = {
	[RULE_NOT_MEASURED] = { "NOT_MEASURED", "not measured yet" },
	[RULE_PROVED] = { "PROVED", "proved" },
	[RULE_DISPROVED] = { "DISPROVED", "disproved" },
	[RULE_WAIVED] = { "WAIVED", "waived" },
	[RULE_MISSING] = { "EVIDENCE_MISSING", "no evidence was gathered" },
	[RULE_CHANGED] = { "EVIDENCE_CHANGED",
			   "the evidence is not what its id says: it was changed after it was measured" },
	[RULE_LOG_BROKEN] = { "EVIDENCE_LOG_BROKEN", "evidence was taken out of the log, or put into it" },
	[RULE_INSTRUMENT] = { "INSTRUMENT_ERROR", "the measurement failed" },
	[RULE_STALE] = { "EVIDENCE_STALE", "stale" },
	[RULE_NO_VALUE] = { "EVIDENCE_NO_VALUE", "the evidence lacks the value that the rule asks for" },
	[RULE_CONTROL] = { "CONTROL_NOT_PROVED", "the instrument was not shown to work: no fresh control" },
	[RULE_PARTIAL] = { "EVIDENCE_PARTIAL", "not all of it could be seen" },
	[RULE_COVERAGE] = { "COVERAGE_LOW", "too little was covered" },
	[RULE_SAMPLES] = { "SAMPLES_LOW", "too few samples" },
	[RULE_NEITHER] = { "VALUE_UNDECIDED", "the value neither proves nor disproves it" },
	[RULE_NO_SUBJECT] = { "NOT_DECLARED", "the plan does not say" },
	[RULE_NO_LIMIT] = { "LIMIT_MISSING", "the plan names no limit, and there is no safe one" },
};

const char *rule_result_code(const struct rule_result *result)
{
	if (result->why == RULE_DISPROVED)
		return result->rule->code;
	return result->why == RULE_STALE ? staleness_code(result->staleness) : whys[result->why].code;
}

/* The rule's own sentence: `%` is the value, and of `{one|many}` it is the one that fits it. */
static void failure_text(const struct rule *rule, int64_t value, struct buffer *out)
{
	char count[UNIT_TEXT_SIZE];

	for (const char *at = rule->text; *at; at++) {
		const char *bar = *at == '{' ? strchr(at, '|') : NULL, *end = bar ? strchr(bar, '}') : NULL;

		if (*at == '%') {
			buffer_text(out, count_text(value < 0 ? 0 : (uint64_t)value, count));
		} else if (end) {
			buffer_put(out, value == 1 ? at + 1 : bar + 1,
				   (size_t)(value == 1 ? bar - at - 1 : end - bar - 1));
			at = end;
		} else {
			buffer_put(out, at, 1);
		}
	}
}

static void numbers_text(const struct rule_result *result, struct buffer *out)
{
	char a[UNIT_TEXT_SIZE], b[UNIT_TEXT_SIZE];

	if (result->why == RULE_COVERAGE)
		buffer_printf(out, " (%s of %s)", count_text(result->evidence->covered, a),
			      count_text(result->evidence->total, b));
	else if (result->why == RULE_SAMPLES)
		buffer_printf(out, " (%s, at least %s)", count_text(result->evidence->samples, a),
			      count_text(result->rule->samples_min, b));
}

void rule_result_text(const struct rule_result *result, bool says, struct buffer *out)
{
	bool failed = result->why == RULE_DISPROVED || result->why == RULE_WAIVED;

	if (failed)
		failure_text(result->rule, result->value, out);
	else if (result->why == RULE_STALE)
		buffer_text(out, staleness_text(result->staleness));
	else
		buffer_text(out, whys[result->why].text);
	numbers_text(result, out);
	/* Why it was not all seen says more than what was. */
	if (result->why == RULE_PARTIAL && result->evidence->excluded_count)
		buffer_printf(out, ": %.*s", VIEW_ARGS(result->evidence->excluded[0].why));
	else if (says && result->evidence && result->evidence->text.size && result->why != RULE_PROVED)
		buffer_printf(out, ": %.*s", VIEW_ARGS(result->evidence->text));
	if (result->waiver)
		buffer_printf(out, " - WAIVED by %.*s and %.*s: %.*s", VIEW_ARGS(result->waiver->owner),
			      VIEW_ARGS(result->waiver->second), VIEW_ARGS(result->waiver->reason));
	else if (result->refusal != WAIVER_NONE)
		buffer_printf(out, "; %s", waiver_refusal_text(result->refusal));
}
