/* judge.c - from evidence, limits and a moment to six answers. */
#include "exit/judge.h"

static struct rule_facts facts_of(const struct judging *judging)
{
	struct rule_facts facts = { .family = judging->family->name.text,
				    .log = judging->log,
				    .window = judging->window,
				    .now = judging->now,
				    .waivers = judging->waivers,
				    .waiver_count = judging->waiver_count,
				    .stage = judging->stage };

	memcpy(facts.subjects, judging->subjects, sizeof facts.subjects);
	return facts;
}

int judge_gate(const struct judging *judging, const struct rules *rules, enum gate gate, struct arena *arena,
	       struct gate_result *out, struct fault *fault)
{
	struct rule_facts facts = facts_of(judging);

	return gate_judge(gate, rules->at, rules->count, &facts, arena, out, fault);
}

enum verdict judge_over(const struct gate_result gates[GATE_COUNT], unsigned asked)
{
	enum verdict verdict = VERDICT_UNKNOWN;
	int counted = 0;

	for (int gate = 0; gate < GATE_COUNT; gate++)
		if (asked & 1u << gate)
			verdict = counted++ ? verdict_both(verdict, gates[gate].verdict)
					    : gates[gate].verdict;
	return verdict;
}

int judge_family(const struct judging *judging, unsigned gates, struct arena *arena, struct judgement *out,
		 struct fault *fault)
{
	struct judgement made = { 0 };
	struct rule_facts facts = facts_of(judging);
	int err = 0;

	if (judging->rules)
		made.rules = *judging->rules;
	else
		err = rules_bind(judging->family, judging->reference, arena, &made.rules, fault);
	facts.log_is = judging->log_whole || evidence_log_whole(judging->log) ? LOG_WHOLE : LOG_CHANGED;
	for (int gate = 0; gate < GATE_COUNT && !err; gate++)
		err = gate_judge((enum gate)gate, made.rules.at, made.rules.count, &facts, arena,
				 &made.gates[gate], fault);
	if (err < 0)
		return err;
	made.verdict = judge_over(made.gates, gates ? gates : GATES_ALL);
	*out = made;
	return 0;
}

bool judge_heals(const struct rules *rules, const struct evidence *failed, const struct evidence *item)
{
	for (int i = 0; i < rules->count; i++)
		if (rule_heals(&rules->at[i], failed, item))
			return true;
	return false;
}

bool judge_sticks(const struct rules *rules, const struct evidence *item)
{
	for (int i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->at[i];
		const struct evidence_value *value;

		if (!rule->sticky || !view_is(item->claim, rule->claim) ||
		    item->status == EVIDENCE_INSTRUMENT_ERROR)
			continue;
		value = evidence_value(item, view_text(rule->value));
		if (value && view_is(value->unit, rule->unit) && rule->failure.low <= value->number &&
		    value->number <= rule->failure.high)
			return true;
	}
	return false;
}
