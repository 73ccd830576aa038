/*
 * test_monotone.c - a gate cannot be talked open.
 *
 * From a seed: random rules, a random log of honest and dishonest items, controls, waivers.  Then one attack: an item
 * is removed, aged, dated anew, given another epoch, swapped; time passes; an epoch changes.  Whatever the gate said
 * before, unless it was open already it must not be open after.  A seed that fails is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/random.h"
#include "exit/evidence_make.h"

#define ROUNDS    30000
#define ITEMS_MAX 8
#define RULES_MAX 3

struct world {
	struct made items[ITEMS_MAX];
	struct evidence_log log;
	struct rule rules[RULES_MAX];
	struct waiver waivers[2];
	struct position ends[2];
	struct rule_facts facts;
	struct view topics[2];
	int rule_count;
};

static const char *const claims[] = { "claim.a", "claim.b" };
static const char *const subjects[] = { "orders", "refunds" };

/* True about once in `n`: most of a world is honest, or nothing would ever be open. */
static bool rarely(struct random *r, uint64_t n)
{
	return random_below(r, n) == 0;
}

static void random_rule(struct random *r, struct rule *rule)
{
	*rule = (struct rule){
		.name = rarely(r, 2) ? "rule.one" : "rule.two",
		.gate = GATE_PARITY,
		.scope = RULE_EACH_TOPIC,
		.claim = claims[random_below(r, 2)],
		.value = "v",
		.unit = "records",
		.success = RULE_ZERO,
		.failure = { 1 + (int64_t)random_below(r, 2), INT64_MAX },
		.coverage_permille_min = (int)random_below(r, 2) * 1000,
		.samples_min = random_below(r, 2) * 50,
		.fresh = { 60000, rarely(r, 2) ? -1 : 1000 },
		.controls = { rarely(r, 2) ? "control.a" : NULL },
		.control_age_ms_max = 60000,
		.measured = !rarely(r, 50),
		.hard = rarely(r, 3),
		.sticky = rarely(r, 2),
		.heals = rarely(r, 2),
		.advisory = rarely(r, 20),
		.code = "CODE",
		.text = "%",
		.who = "owner",
	};
}

static void random_item(struct random *r, struct made *made)
{
	if (rarely(r, 3)) {
		make_control(made, "control.a", rarely(r, 5));
	} else {
		make(made, claims[random_below(r, 2)], subjects[random_below(r, 2)], "v",
		     rarely(r, 3) ? (int64_t)random_below(r, 3) : 0);
	}
	if (rarely(r, 10))
		made->item.status = (enum evidence_status)random_below(r, 3);
	if (rarely(r, 10))
		made->item.ended = moment_at((int64_t)random_below(r, 120000) - 60000);
	if (rarely(r, 15))
		made->item.samples = random_below(r, 100);
	if (rarely(r, 15))
		made->item.covered = random_below(r, 101);
	/* Of an epoch before this one.  Numbers only grow, so an item of a later epoch cannot have been measured yet. */
	if (rarely(r, 15))
		made->item.epochs.context.number = 0;
	if (rarely(r, 15))
		made->item.epochs.authority = 0;
	assert_int_equal(evidence_seal(&made->item, NULL), 0);
}

static void random_waiver(struct random *r, struct waiver *waiver)
{
	*waiver = (struct waiver){ .rule = rarely(r, 2) ? VIEW_LITERAL("rule.one") : VIEW_LITERAL("rule.two"),
				   .subject = view_text(subjects[random_below(r, 2)]),
				   .value_max = (int64_t)random_below(r, 3),
				   .reason = VIEW_LITERAL("known"),
				   .owner = VIEW_LITERAL("ann"),
				   .second = rarely(r, 5) ? VIEW_LITERAL("ann") : VIEW_LITERAL("bob"),
				   .stage = VIEW_LITERAL("OBSERVING"),
				   .authority = random_below(r, 2),
				   .granted_ms = NOW_WALL_MS - 1000,
				   .expires_ms = NOW_WALL_MS + (int64_t)random_below(r, 100000) };
}

static void build(struct world *world, uint64_t seed)
{
	struct random r;
	int items = 0;

	random_seed(&r, seed);
	memset(world, 0, sizeof *world);
	evidence_log_init(&world->log);
	world->rule_count = 1 + (int)random_below(&r, RULES_MAX);
	for (int i = 0; i < world->rule_count; i++)
		random_rule(&r, &world->rules[i]);
	items = 2 + (int)random_below(&r, ITEMS_MAX - 1);
	for (int i = 0; i < items; i++) {
		do /* the log takes nothing from the future */
			random_item(&r, &world->items[i]);
		while (add(&world->log, &world->items[i]) < 0);
	}
	for (int i = 0; i < 2; i++)
		random_waiver(&r, &world->waivers[i]);
	memcpy(world->ends, ends_made, sizeof world->ends);
	world->facts = facts_made(&world->log);
	world->facts.now.ends = world->ends;
	world->facts.window = (int)random_below(&r, 2);
	world->facts.waivers = world->waivers;
	world->facts.waiver_count = (int)random_below(&r, 3);
	world->topics[0] = view_text(subjects[0]);
	world->topics[1] = view_text(subjects[1]);
	world->facts.subjects[RULE_EACH_TOPIC] =
		(struct rule_subjects){ world->topics, 1 + (int)random_below(&r, 2), true };
}

static enum verdict verdict_of(const struct world *world, struct arena *arena)
{
	struct gate_result gate = { 0 };

	arena_reset(arena);
	assert_int_equal(
		gate_judge(GATE_PARITY, world->rules, world->rule_count, &world->facts, arena, &gate, NULL),
		0);
	return gate.verdict;
}

static void pass_time(struct world *world, int64_t ms)
{
	world->facts.now.moment.wall_ms += ms;
	world->facts.now.moment.monotonic_ms += ms;
}

/* One attack; the items are this world's own, so it may bend them.  None of them seals anew: that is another item. */
static const char *attack(struct world *world, struct random *r)
{
	int victim = (int)random_below(r, (uint64_t)world->log.count);
	struct evidence *item = &world->items[victim].item;

	switch (random_below(r, 11)) {
	case 0:
		memmove(&world->log.items[victim], &world->log.items[victim + 1],
			(size_t)(world->log.count - victim - 1) * sizeof *world->log.items);
		world->log.count--;
		return "removed";
	case 1:
		item->began.wall_ms -= 100000;
		item->ended.wall_ms -= 100000;
		item->ended.monotonic_ms -= 100000;
		return "aged";
	case 2:
		item->began = moment_at(10);
		item->ended = moment_at(5);
		return "dated anew";
	case 3: item->epochs = world->facts.now.epochs; return "epochs made to fit";
	case 4: world->facts.now.epochs.context.number += 1 + random_below(r, 3); return "context changed";
	case 5:
		world->facts.now.epochs.plan.number++;
		random_secret(world->facts.now.epochs.plan.hash.bytes, 4);
		return "plan changed";
	case 6: world->facts.now.epochs.authority++; return "authority changed";
	case 7: pass_time(world, (int64_t)random_below(r, 200000)); return "time passed";
	case 8: item->values[0].number = 0; return "value edited";
	case 9: world->ends[random_below(r, 2)].end += (int64_t)random_below(r, 5000); return "log grew";
	default:
		item->status = EVIDENCE_OK;
		item->covered = item->total;
		return "status edited";
	}
}

static void nothing_opens_a_gate(void **state)
{
	struct arena arena;
	int shut = 0, unknown = 0, open = 0;

	arena_init(&arena, 1 << 20);
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct world world;
		struct random r;
		enum verdict before, after;
		const char *what = "";

		build(&world, seed);
		random_seed(&r, seed ^ 0x9e3779b97f4a7c15u);
		before = verdict_of(&world, &arena);
		shut += before == VERDICT_SHUT;
		unknown += before == VERDICT_UNKNOWN;
		open += before == VERDICT_OPEN;
		for (int step = 0; step < 3 && before != VERDICT_OPEN; step++) {
			if (!world.log.count)
				break;
			what = attack(&world, &r);
			after = verdict_of(&world, &arena);
			if (after == VERDICT_OPEN)
				fail_msg("seed %llu, step %d: %s, and the gate that was %s is open",
					 (unsigned long long)seed, step, what, verdict_word(before));
		}
		evidence_log_done(&world.log);
	}
	/* The search is worth something only if it met all three. */
	assert_true(shut > ROUNDS / 50 && unknown > ROUNDS / 50 && open > ROUNDS / 50);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_opens_a_gate) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
