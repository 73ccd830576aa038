/*
 * evidence_make.h - small honest items for tests: one value, whole coverage, measured just before `NOW`.
 */
#ifndef TEST_EXIT_EVIDENCE_MAKE_H
#define TEST_EXIT_EVIDENCE_MAKE_H

#include <assert.h>
#include <stdlib.h>

#include "exit/gate.h"

#define NOW_WALL_MS      1700000000000LL
#define NOW_MONOTONIC_MS 5000000LL

/* An item with room of its own, so that a test can bend it. */
struct made {
	struct evidence item;
	struct evidence_value value[2];
	struct position position[2];
};

static inline struct moment moment_at(int64_t before_ms)
{
	struct moment moment = { NOW_WALL_MS - before_ms, NOW_MONOTONIC_MS - before_ms, { 7 } };

	return moment;
}

static inline struct epochs epochs_made(void)
{
	struct epochs epochs = { .plan = { .number = 1 }, .context = { .number = 1 }, .authority = 1 };

	epochs.plan.hash.bytes[0] = 1;
	epochs.context.hash.bytes[0] = 2;
	return epochs;
}

/* Sealed; of topic "orders", source 0..100 and target 0..100. */
static inline void make(struct made *made, const char *claim, const char *subject, const char *name,
			int64_t number)
{
	*made = (struct made){ 0 };
	made->value[0] = (struct evidence_value){ view_text(name), VIEW_LITERAL("records"), number };
	for (int side = 0; side < SIDE_COUNT; side++)
		made->position[side] = (struct position){ .side = (uint8_t)side,
							  .topic = VIEW_LITERAL("orders"),
							  .leader_epoch = 3,
							  .end = 100,
							  .stable = 100,
							  .high_watermark = 100 };
	made->item = (struct evidence){
		.kind = EVIDENCE_MEASUREMENT,
		.status = EVIDENCE_OK,
		.claim = view_text(claim),
		.subject = view_text(subject),
		.family = VIEW_LITERAL("orders"),
		.method = VIEW_LITERAL("join"),
		.version = VIEW_LITERAL("1"),
		.collector = VIEW_LITERAL("test"),
		.began = moment_at(2000),
		.ended = moment_at(1000),
		.covered = 100,
		.total = 100,
		.samples = 100,
		.traffic_bytes = 10000,
		.epochs = epochs_made(),
		.values = made->value,
		.value_count = 1,
		.positions = made->position,
		.position_count = 2,
	};
	assert(evidence_seal(&made->item, NULL) == 0);
}

static inline void make_control(struct made *made, const char *claim, int64_t unexpected)
{
	make(made, claim, NULL, "unexpected", unexpected);
	made->item.kind = EVIDENCE_CONTROL;
	assert(evidence_seal(&made->item, NULL) == 0);
}

/* Adds it to the log just now. */
static inline int add(struct evidence_log *log, const struct made *made)
{
	struct moment now = moment_at(0);

	return evidence_log_append(log, &made->item, &now);
}

/* The logs' ends, as far as `make` measured. */
static const struct position ends_made[] = {
	{ .side = SIDE_SOURCE, .topic = { (const uint8_t *)"orders", 6 }, .leader_epoch = 3, .end = 100 },
	{ .side = SIDE_TARGET, .topic = { (const uint8_t *)"orders", 6 }, .leader_epoch = 3, .end = 100 },
};

static inline struct rule_facts facts_made(const struct evidence_log *log)
{
	struct rule_facts facts = { .family = VIEW_LITERAL("orders"),
				    .log = log,
				    .stage = VIEW_LITERAL("OBSERVING") };

	facts.now = (struct fresh_now){ moment_at(0), epochs_made(), ends_made, 2 };
	return facts;
}

#endif
