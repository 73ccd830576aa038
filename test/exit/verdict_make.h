/*
 * verdict_make.h - honest verdicts: for each claim and subject one item of evidence whose values prove every rule on it, the
 * judgement that they come to, and the body of the frame that says so.
 *
 * One family of the plan: topic orders, group billing, principal User:shop.  Time stands at NOW_WALL_MS.
 */
#ifndef TEST_EXIT_VERDICT_MAKE_H
#define TEST_EXIT_VERDICT_MAKE_H

#include "exit/basis.h"
#include "exit/evidence_make.h"
#include "exit/state.h"
#include "exit/verdict_body.h"

#define HONEST_ITEMS_MAX  100
#define HONEST_VALUES_MAX 20

struct verdict_maker {
	const struct plan *plan;
	struct arena *arena;
	int (*put_blob)(void *context, struct view bytes, struct sha256 *hash);
	void *context;
};

struct honest {
	struct evidence item;
	struct evidence_value values[HONEST_VALUES_MAX];
	struct position positions[2];
};

struct honest_items {
	struct honest at[HONEST_ITEMS_MAX];
	int count;
};

static inline struct honest *item_for(struct honest_items *items, const struct judging *judging,
				      const char *claim, struct view subject)
{
	struct honest *made;

	for (int i = 0; i < items->count; i++)
		if (view_is(items->at[i].item.claim, claim) &&
		    view_compare(items->at[i].item.subject, subject) == 0)
			return &items->at[i];
	assert(items->count < HONEST_ITEMS_MAX);
	made = &items->at[items->count++];
	memcpy(made->positions, ends_made, sizeof made->positions);
	made->item = (struct evidence){ .kind = EVIDENCE_MEASUREMENT,
					.status = EVIDENCE_OK,
					.claim = view_text(claim),
					.subject = subject,
					.family = judging->family->name.text,
					.method = VIEW_LITERAL("join"),
					.version = VIEW_LITERAL("1"),
					.collector = VIEW_LITERAL("test"),
					.began = moment_at(2000),
					.ended = moment_at(1000),
					.covered = 100,
					.total = 100,
					.samples = 100,
					.epochs = judging->now.epochs,
					.values = made->values,
					.positions = made->positions,
					.position_count = 2 };
	return made;
}

static inline struct view subject_of(const struct judging *judging, enum rule_scope scope)
{
	return scope == RULE_FAMILY ? VIEW_NULL : judging->subjects[scope].at[0];
}

static inline void prove(struct honest_items *items, const struct judging *judging, const struct rule *rule)
{
	struct honest *made = item_for(items, judging, rule->claim, subject_of(judging, rule->scope));
	int64_t proves = rule->success.low > 0    ? rule->success.low
			 : rule->success.high < 0 ? rule->success.high
						  : 0;

	for (int i = 0; rule->controls[i]; i++) {
		struct honest *control = item_for(items, judging, rule->controls[i], VIEW_NULL);

		control->item.kind = EVIDENCE_CONTROL;
		control->values[0] =
			(struct evidence_value){ VIEW_LITERAL("unexpected"), VIEW_LITERAL("findings"), 0 };
		control->item.value_count = 1;
	}
	for (int i = 0; i < made->item.value_count; i++)
		if (view_is(made->values[i].name, rule->value)) { /* two rules on one value: the stricter one */
			if (made->values[i].number < proves)
				made->values[i].number = proves;
			return;
		}
	assert(made->item.value_count < HONEST_VALUES_MAX);
	made->values[made->item.value_count++] =
		(struct evidence_value){ view_text(rule->value), view_text(rule->unit), proves };
}

static inline void verdict_must(int err, const struct fault *fault)
{
	if (err < 0) {
		fprintf(stderr, "an honest verdict cannot be made: %s\n", fault->text);
		abort();
	}
}

static inline void gather_honest(const struct verdict_maker *maker, const struct judging *judging,
				 struct evidence_log *log)
{
	struct honest_items *items = arena_take(maker->arena, sizeof *items);
	struct moment now = moment_at(0);
	struct fault fault = { 0 };
	struct rules rules;

	assert(items);
	verdict_must(rules_bind(judging->family, judging->reference, maker->arena, &rules, &fault), &fault);
	for (int i = 0; i < rules.count; i++)
		prove(items, judging, &rules.at[i]);
	for (int i = 0; i < items->count; i++) {
		struct buffer bytes;
		struct sha256 id;

		verdict_must(evidence_seal(&items->at[i].item, &fault), &fault);
		verdict_must(evidence_log_append(log, &items->at[i].item, &now), &fault);
		buffer_init(&bytes, EVIDENCE_SIZE_MAX);
		verdict_must(evidence_write(&items->at[i].item, &bytes), &fault);
		verdict_must(maker->put_blob(maker->context, buffer_bytes(&bytes), &id), &fault);
		buffer_done(&bytes);
	}
}

/* The body of a VERDICT frame on the plan's one family as it stands now, with all that it rests on kept. */
static inline json_t *verdict_make(const struct verdict_maker *maker, const struct standing *now)
{
	static const struct view topic = { (const uint8_t *)"orders", 6 },
				 group = { (const uint8_t *)"billing", 7 },
				 principal = { (const uint8_t *)"User:shop", 9 };
	struct judging judging = { .family = &maker->plan->families[0],
				   .now = { moment_at(0), epochs_made(), ends_made, 2 } };
	struct waiver waivers[VERDICT_WAIVERS_MAX];
	struct fault fault = { 0 };
	struct judgement judged;
	struct evidence_log log;
	struct basis basis;
	struct buffer bytes;
	struct sha256 input;
	json_t *body;

	judging.reference = now->authority == AUTHORITY_TARGET ? SIDE_TARGET : SIDE_SOURCE;
	judging.now.epochs.plan.hash = maker->plan->hash;
	judging.now.epochs.authority = now->epoch;
	judging.stage = view_text(stage_word(now->stage));
	judging.waivers = waivers;
	judging.waiver_count = verdict_waivers(now->json, waivers);
	judging.subjects[RULE_EACH_TOPIC] = (struct rule_subjects){ &topic, 1, true };
	judging.subjects[RULE_EACH_GROUP] = (struct rule_subjects){ &group, 1, true };
	judging.subjects[RULE_EACH_PRINCIPAL] = (struct rule_subjects){ &principal, 1, true };
	evidence_log_init(&log);
	judging.log = &log;
	gather_honest(maker, &judging, &log);
	verdict_must(judge_family(&judging, 0, maker->arena, &judged, &fault), &fault);
	verdict_must(basis_of(&judging, 0, &judged, maker->arena, &basis), &fault);
	buffer_init(&bytes, BASIS_SIZE_MAX);
	verdict_must(basis_write(&basis, &bytes), &fault);
	verdict_must(maker->put_blob(maker->context, buffer_bytes(&bytes), &input), &fault);
	body = verdict_body(&judged, &log, input, now->epoch, NOW_WALL_MS);
	json_object_set_new(body, "family", json_string(now->name));
	buffer_done(&bytes);
	evidence_log_done(&log);
	return body;
}

#endif
