/* judged_world.h - a family with honest evidence for each of its rules, in memory, judged at will. */
#ifndef TEST_EXIT_JUDGED_WORLD_H
#define TEST_EXIT_JUDGED_WORLD_H

#include "exit/verdict_make.h"

static const char plan_text[] =
	"exit: a\nsource: s:1\ntarget: t:1\nclasses:\n"
	"  all: { parity: { records: 10 }, capacity: { cost-per-day: 120 EUR }, rollback: { keep: 1h } "
	"}\nfamilies:\n"
	"- { name: orders, class: all, pattern: dual-write, topics: [ orders ], groups: [ billing ],\n"
	"    producers: [ 'User:shop' ], owners: { decision: lead@b, on-call: duty@b, target: kafka@b },\n"
	"    levers: { flag: { get: exec g, set: exec s } }, after: [ before ],\n"
	"    counters: [ { name: revenue, source: exec a, target: exec b } ],\n"
	"    outside: [ { flink: job, checkpoint: exec c } ] }\n"
	"- { name: before, class: rehearsal, pattern: dual-write, topics: [ b ], groups: none, owners: { "
	"decision: a@b } }\n";

struct world {
	struct plan *plan;
	struct arena arena;
	struct rules rules;
	struct honest_items items;
	struct evidence_log log;
	struct judging judging;
	struct view topics[1], groups[1], principals[1];
	struct position ends[2];
	struct judgement judgement;
};

static inline int index_of(struct world *w, const char *claim, struct view subject)
{
	return (int)(item_for(&w->items, &w->judging, claim, subject) - w->items.at);
}

static inline void append(struct world *w, struct honest *made)
{
	struct moment now = moment_at(0);

	assert_int_equal(evidence_seal(&made->item, NULL), 0);
	assert_int_equal(evidence_log_append(&w->log, &made->item, &now), 0);
}

static inline void world_init(struct world *w, enum side reference)
{
	struct plan_faults faults;
	struct fault fault = { 0 };

	memset(w, 0, sizeof *w);
	plan_faults_init(&faults, "p");
	if (plan_parse(view_text(plan_text), "", &faults, &w->plan) < 0)
		fail_msg("%d:%d %s", faults.at[0].at.line, faults.at[0].at.column, faults.at[0].text);
	plan_faults_done(&faults);
	arena_init(&w->arena, 64 << 20);
	evidence_log_init(&w->log);
	w->topics[0] = VIEW_LITERAL("orders");
	w->groups[0] = VIEW_LITERAL("billing");
	w->principals[0] = VIEW_LITERAL("User:shop");
	memcpy(w->ends, ends_made, sizeof w->ends);
	w->judging = (struct judging){ .family = &w->plan->families[0],
				       .reference = reference,
				       .log = &w->log,
				       .now = { moment_at(0), epochs_made(), w->ends, 2 },
				       .stage = VIEW_LITERAL("OBSERVING") };
	w->judging.now.epochs.authority = reference == SIDE_TARGET ? 3 : 1;
	w->judging.subjects[RULE_EACH_TOPIC] = (struct rule_subjects){ w->topics, 1, true };
	w->judging.subjects[RULE_EACH_GROUP] = (struct rule_subjects){ w->groups, 1, true };
	w->judging.subjects[RULE_EACH_PRINCIPAL] = (struct rule_subjects){ w->principals, 1, true };
	assert_int_equal(rules_bind(w->judging.family, reference, &w->arena, &w->rules, &fault), 0);
	for (int i = 0; i < w->rules.count; i++)
		prove(&w->items, &w->judging, &w->rules.at[i]);
	for (int i = 0; i < w->items.count; i++)
		append(w, &w->items.at[i]);
}

static inline void world_done(struct world *w)
{
	evidence_log_done(&w->log);
	arena_done(&w->arena);
	plan_free(w->plan);
}

static inline enum verdict judge_now(struct world *w)
{
	struct fault fault = { 0 };

	if (judge_family(&w->judging, 0, &w->arena, &w->judgement, &fault) < 0)
		fail_msg("%s", fault.text);
	return w->judgement.verdict;
}

/* Whoever changes an item and is honest about it appends another one, which then is the latest. */
static inline struct honest *again(struct world *w, int victim)
{
	struct honest *copy = &w->items.at[w->items.count++];

	*copy = w->items.at[victim];
	copy->item.values = copy->values;
	copy->item.positions = copy->positions;
	return copy;
}

#endif
