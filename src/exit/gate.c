/* gate.c - all rules of one gate, for all their subjects. */
#include <stdlib.h>

#include "exit/gate.h"

/*
 * How many results a rule gives: one for each subject.  When nobody said what the subjects are there is one that says
 * so; when somebody said that there are none, the rule holds for all of them, and gives none.
 */
static int results_of(const struct rule *rule, const struct rule_facts *facts)
{
	if (rule->scope == RULE_FAMILY || !facts->subjects[rule->scope].declared)
		return 1;
	return facts->subjects[rule->scope].count;
}

static void judge_all(const struct rule *rule, const struct rule_facts *facts, bool whole,
		      struct rule_result *out)
{
	const struct rule_subjects *subjects = &facts->subjects[rule->scope];

	if (rule->scope == RULE_FAMILY || !rule->measured) {
		for (int i = 0; i < results_of(rule, facts); i++)
			rule_judge(rule,
				   rule->scope == RULE_FAMILY || !subjects->declared ? VIEW_NULL
										     : subjects->at[i],
				   facts, whole, &out[i]);
	} else if (!subjects->declared) {
		*out = (struct rule_result){ .rule = rule, .why = RULE_NO_SUBJECT };
	} else {
		for (int i = 0; i < subjects->count; i++)
			rule_judge(rule, subjects->at[i], facts, whole, &out[i]);
	}
}

static int rank(const struct rule_result *result)
{
	if (result->rule->advisory)
		return 3;
	return result->verdict == VERDICT_SHUT ? 0 : result->verdict == VERDICT_UNKNOWN ? 1 : 2;
}

static int by_rank(const void *a, const void *b)
{
	const struct rule_result *x = a, *y = b;

	if (rank(x) != rank(y))
		return rank(x) - rank(y);
	/* Rules lie in one table, so their addresses are the order in which they were written. */
	if (x->rule != y->rule)
		return x->rule < y->rule ? -1 : 1;
	return view_compare(x->subject, y->subject);
}

static void count(struct gate_result *gate)
{
	int counted = 0;

	for (int i = 0; i < gate->result_count; i++) {
		const struct rule_result *result = &gate->results[i];

		if (result->rule->advisory)
			continue;
		gate->verdict = counted++ ? verdict_both(gate->verdict, result->verdict) : result->verdict;
		gate->open += result->verdict == VERDICT_OPEN;
		gate->shut += result->verdict == VERDICT_SHUT;
		gate->unknown += result->verdict == VERDICT_UNKNOWN;
		gate->waived += result->why == RULE_WAIVED;
	}
}

int gate_judge(enum gate gate, const struct rule *rules, int rule_count, const struct rule_facts *facts,
	       struct arena *arena, struct gate_result *out, struct fault *fault)
{
	struct gate_result result = { .gate = gate };
	bool whole = facts->log_is == LOG_NOT_LOOKED_AT ? evidence_log_whole(facts->log)
							: facts->log_is == LOG_WHOLE;
	int total = 0, at = 0;

	for (int i = 0; i < rule_count; i++) {
		int err = rule_check(&rules[i], fault);

		if (err < 0)
			return err;
		if (rules[i].gate == gate)
			total += results_of(&rules[i], facts);
	}
	result.results = arena_array(arena, (size_t)total, sizeof *result.results);
	if (!result.results)
		return fault_set(fault, ERR_MEMORY, "no memory for %d results of gate %s", total,
				 gate_word(gate));
	for (int i = 0; i < rule_count; i++) {
		if (rules[i].gate != gate)
			continue;
		judge_all(&rules[i], facts, whole, &result.results[at]);
		at += results_of(&rules[i], facts);
	}
	result.result_count = total;
	if (total)
		qsort(result.results, (size_t)total, sizeof *result.results, by_rank);
	count(&result);
	*out = result;
	return 0;
}
