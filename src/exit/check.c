/*
 * check.c - gather once, judge, report.
 *
 * Discovery first, for everything; then family by family: resolve, sample, gather, judge.  A measurement that fails is
 * evidence of an instrument error and makes its gate unknown; the check goes on.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/text.h"
#include "base/units.h"
#include "client/config.h"
#include "client/offsets.h"
#include "exit/check.h"
#include "exit/check_report.h"
#include "exit/discover.h"
#include "exit/gather_run.h"

#define TIMEOUT_MS_USUAL 30000
#define CHECK_MEMORY     ((size_t)1 << 30) /* of facts and evidence: a ceiling, not a habit */

struct checking {
	struct loop *loop;
	const struct check_options *options;
	int64_t timeout_ms;
	struct plan *plan;
	struct cluster *clusters[SIDE_COUNT];
	const struct cluster_config *configs[SIDE_COUNT];
	struct arena arena;        /* of the whole check */
	struct arena facts_arena;  /* of one discovery */
	struct arena family_arena; /* evidence and judgement of one family */
	struct facts facts;
	uint8_t boot[16];
	struct epoch context;
	struct report *report;
	const char *family; /* under way, for progress */
};

/* ---- the world ---- */

/* The kernel's id of this boot; zero when it tells none, and then only wall time is believed. */
static void read_boot(uint8_t out[16])
{
	struct buffer text, bytes;

	buffer_init(&text, 4096);
	buffer_init(&bytes, 64);
	if (file_read("/proc/sys/kernel/random/boot_id", &text, NULL) == 0) {
		char hex[64];
		size_t size = 0;

		for (size_t i = 0; i < text.size && size < sizeof hex; i++)
			if (text.at[i] != '-' && text.at[i] != '\n')
				hex[size++] = (char)text.at[i];
		if (text_unhex(&bytes, view_of(hex, size)) == 0 && bytes.size == 16)
			memcpy(out, bytes.at, 16);
	}
	buffer_done(&bytes);
	buffer_done(&text);
}

static int open_cluster(struct checking *c, enum side side, const struct plan_text *where,
			struct fault *fault)
{
	const char *argument = plan_is_properties(where->text) ? plan_path(c->plan, where->text, &c->arena)
							       : (const char *)where->text.at;
	const struct cluster_config *config = NULL;
	int err;

	if (!argument)
		return fault_set(fault, ERR_MEMORY, "no memory for the %s", side_word(side));
	err = config_load(argument, &config, fault);
	if (err < 0) {
		fault_at(fault, "%s:%d:%d: %s", c->options->plan_file ? c->options->plan_file : "exit.yaml",
			 where->at.line, where->at.column, side_word(side));
		return err == ERR_MEMORY ? err : ERR_CONFIG;
	}
	c->configs[side] = config;
	return cluster_new(c->loop, side_word(side), config, &c->clusters[side], fault);
}

static bool wanted(void *context, const char *topic)
{
	const struct checking *c = context;
	struct view name = view_text(topic);

	for (int f = 0; f < c->plan->family_count; f++) {
		const struct plan_topics *topics = &c->plan->families[f].topics;

		for (int i = 0; i < topics->count; i++)
			if (topics->at[i].glob ? glob_match(topics->at[i].source, name)
					       : view_equal(topics->at[i].source, name) ||
							 view_equal(topics->at[i].target, name))
				return true;
	}
	return false;
}

static void tell(struct checking *c, const char *family, const char *what, double part)
{
	if (c->options->progress)
		c->options->progress(c->options->context, family, what, part);
}

static struct moment now_of(const struct checking *c)
{
	const struct clock *clock = loop_clock(c->loop);
	struct moment moment = { clock_wall_ms(clock), clock_monotonic_ms(clock), { 0 } };

	memcpy(moment.boot, c->boot, sizeof moment.boot);
	return moment;
}

static int discover(struct checking *c, struct fault *fault)
{
	struct sha256 hash;

	arena_reset(&c->facts_arena);
	c->facts = (struct facts){ .began = now_of(c) };
	for (int side = 0; side < SIDE_COUNT; side++) {
		struct discovering discovering = {
			.cluster = c->clusters[side],
			.address =
				arena_printf(&c->facts_arena, "%.*s",
					     VIEW_ARGS(side ? c->plan->target.text : c->plan->source.text)),
			.timeout_ms = c->timeout_ms,
			.arena = &c->facts_arena,
			.wanted = wanted,
			.context = c,
		};
		int err;

		tell(c, side_word((enum side)side), "looking at the cluster", -1);
		err = discover_side(&discovering, &c->facts.sides[side], fault);
		if (err < 0)
			return err;
	}
	c->facts.ended = now_of(c);
	hash = facts_hash(&c->facts);
	if (!sha256_equal(hash, c->context.hash))
		c->context = (struct epoch){ c->context.number + 1, hash };
	return 0;
}

/* ---- one family ---- */

static void on_progress(void *context, const char *what, double part)
{
	struct checking *c = context;

	tell(c, c->family, what, part);
}

static bool gate_asked(const struct checking *c, enum gate gate)
{
	return c->report->gates & 1u << gate;
}

static int gather_records_of(struct checking *c, const struct gather_run *run, struct fault *fault)
{
	int err;

	on_progress(c, "sampling records", -1);
	err = gather_samples(run, fault);
	err = err ? err : gather_compatibility(run->g, fault);
	return err ? err : gather_schemas(run, fault);
}

static int gather_parity_of(const struct gather_run *run, struct fault *fault)
{
	int err = gather_parity(run, fault);

	return err ? err : gather_counters(run, SIDE_SOURCE, fault);
}

static int gather_progress_of(const struct gather_run *run, struct fault *fault)
{
	int err = gather_progress(run, fault);

	return err ? err : gather_outside(run, fault);
}

static int gather(struct checking *c, enum gate gate, struct gathering *g, struct fault *fault)
{
	struct gather_run run = {
		.g = g,
		.loop = c->loop,
		.source = c->clusters[SIDE_SOURCE],
		.target = c->clusters[SIDE_TARGET],
		.configs = { c->configs[SIDE_SOURCE], c->configs[SIDE_TARGET] },
		.memory = c->options->memory_bytes ? c->options->memory_bytes
						   : (uint64_t)c->plan->reading.memory.value,
		.rate = c->options->rate_bytes_per_s ? c->options->rate_bytes_per_s
						     : (uint64_t)c->plan->reading.rate.value,
		.timeout_ms = c->timeout_ms,
		.progress = on_progress,
		.context = c,
	};

	switch (gate) {
	case GATE_COMPATIBILITY: return gather_records_of(c, &run, fault);
	case GATE_PARITY: return gather_parity_of(&run, fault);
	case GATE_PROGRESS: return gather_progress_of(&run, fault);
	default: return 0;
	}
}

/* Where every log that was read ends now, so that evidence is held against the present and not against itself. */
static int current_ends(struct checking *c, const struct evidence_log *log, struct position **out, int *count)
{
	struct offset_query *queries[SIDE_COUNT];
	int total = 0, counts[SIDE_COUNT] = { 0, 0 };

	for (int i = 0; i < log->count; i++)
		total += log->items[i]->position_count;
	*out = arena_array(&c->family_arena, (size_t)total + 1, sizeof **out);
	queries[0] = arena_array(&c->family_arena, (size_t)total + 1, sizeof **queries);
	queries[1] = arena_array(&c->family_arena, (size_t)total + 1, sizeof **queries);
	if (!*out || !queries[0] || !queries[1])
		return ERR_MEMORY;
	for (int i = 0; i < log->count; i++) {
		for (int p = 0; p < log->items[i]->position_count; p++) {
			const struct position *position = &log->items[i]->positions[p];

			if (!position->group.at)
				queries[position->side][counts[position->side]++] = (struct offset_query){
					.topic = arena_printf(&c->family_arena, "%.*s",
							      VIEW_ARGS(position->topic)),
					.partition = position->partition,
					.at = OFFSETS_LATEST
				};
		}
	}
	*count = 0;
	for (int side = 0; side < SIDE_COUNT; side++) {
		if (counts[side])
			offsets_list(c->clusters[side], queries[side], counts[side], false, c->timeout_ms,
				     NULL);
		for (int i = 0; i < counts[side]; i++)
			if (!queries[side][i].err)
				(*out)[(*count)++] =
					(struct position){ .side = (uint8_t)side,
							   .topic = view_text(queries[side][i].topic),
							   .partition = queries[side][i].partition,
							   .leader_epoch = -1,
							   .end = queries[side][i].offset };
	}
	if (*count)
		qsort(*out, (size_t)*count, sizeof **out, evidence_position_order);
	return 0;
}

static void subjects_of(const struct gathering *g, struct view *topics, struct view *groups,
			struct rule_facts *facts)
{
	for (int i = 0; i < g->topic_count; i++)
		topics[i] = g->topics[i].source;
	for (int i = 0; i < g->family->groups.count; i++)
		groups[i] = g->family->groups.at[i].text;
	facts->subjects[RULE_EACH_TOPIC] = (struct rule_subjects){ topics, g->topic_count, true };
	facts->subjects[RULE_EACH_GROUP] =
		(struct rule_subjects){ groups, g->family->groups.count, g->family->groups.given };
	facts->subjects[RULE_EACH_PRINCIPAL] =
		(struct rule_subjects){ g->principals, g->principal_count, g->principals_known };
}

static int judge(struct checking *c, enum gate gate, const struct rules *rules, struct gathering *g,
		 struct report_gate *out, struct fault *fault)
{
	struct view *topics = arena_array(&c->family_arena, (size_t)g->topic_count + 1, sizeof *topics);
	struct view *groups =
		arena_array(&c->family_arena, (size_t)g->family->groups.count + 1, sizeof *groups);
	struct rule_facts facts = { .family = g->family->name.text,
				    .log = g->log,
				    .stage = VIEW_LITERAL("OBSERVING") };
	struct gate_result result = { 0 };
	struct position *ends = NULL;
	int err = topics && groups ? current_ends(c, g->log, &ends, &facts.now.end_count) : ERR_MEMORY;

	if (err < 0)
		return fault_set(fault, err, "no memory to judge family %.*s",
				 VIEW_ARGS(g->family->name.text));
	subjects_of(g, topics, groups, &facts);
	facts.now.ends = ends;
	facts.now.epochs = g->epochs;
	facts.now.moment = now_of(c);
	err = gate_judge(gate, rules->at, rules->count, &facts, &c->family_arena, &result, fault);
	return err ? err : check_report_gate(c->report, rules, &result, g, gate_asked(c, gate), out);
}

/*
 * Gate by gate, each judged as soon as its evidence is there: a comparison may take an hour, and what another gate rests
 * on would be stale by then.
 */
static int check_gates(struct checking *c, struct gathering *g, struct report_family *out,
		       struct fault *fault)
{
	struct rules rules;
	int err = rules_bind(g->family, &c->family_arena, &rules, fault);

	for (int gate = 0; gate < GATE_COUNT && !err; gate++) {
		if (gate_asked(c, (enum gate)gate))
			err = gather(c, (enum gate)gate, g, fault);
		err = err ? err : judge(c, (enum gate)gate, &rules, g, &out->gates[gate], fault);
	}
	if (!err)
		check_report_family(c->report, g, out);
	return err;
}

/* Facts may be as old as half of what the class lets them be when they are used. */
static bool facts_are_old(const struct checking *c, const struct plan_family *family)
{
	return clock_monotonic_ms(loop_clock(c->loop)) - c->facts.ended.monotonic_ms >
	       family->class->limits[LIMIT_COMPATIBILITY_AGE].value / 2;
}

static int check_family(struct checking *c, const struct plan_family *family, struct report_family *out,
			struct fault *fault)
{
	struct evidence_log log;
	struct gathering g = {
		.arena = &c->family_arena,
		.clock = loop_clock(c->loop),
		.plan = c->plan,
		.family = family,
		.facts = &c->facts,
		.log = &log,
	};
	int err = facts_are_old(c, family) ? discover(c, fault) : 0;

	if (err < 0)
		return err;
	/* One look: the plan is in its first epoch, and authority has never moved. */
	g.epochs = (struct epochs){ .plan = { 1, c->plan->hash }, .context = c->context, .authority = 1 };
	memcpy(g.boot, c->boot, sizeof g.boot);
	c->family = arena_printf(&c->arena, "%.*s", VIEW_ARGS(family->name.text));
	evidence_log_init(&log);
	arena_reset(&c->family_arena);
	err = gathering_resolve(&g);
	if (err < 0)
		fault_set(fault, err, "no memory for family %.*s", VIEW_ARGS(family->name.text));
	err = err ? err : check_gates(c, &g, out, fault);
	evidence_log_done(&log);
	return err;
}

/* ---- all of it ---- */

static bool is_chosen(const struct check_options *options, const struct plan_family *family)
{
	for (int i = 0; i < options->family_count; i++)
		if (view_is(family->name.text, options->families[i]))
			return true;
	return options->family_count == 0;
}

static int check_names(const struct checking *c, struct fault *fault)
{
	for (int i = 0; i < c->options->family_count; i++) {
		const char *words[PLAN_FAMILIES_MAX + 1] = { 0 };
		const char *near;
		struct arena scratch;

		if (plan_family(c->plan, view_text(c->options->families[i])))
			continue;
		arena_init(&scratch, 1024 * 1024);
		for (int f = 0; f < c->plan->family_count; f++)
			words[f] = arena_printf(&scratch, "%.*s", VIEW_ARGS(c->plan->families[f].name.text));
		near = text_nearest(view_text(c->options->families[i]), words);
		fault_set(fault, ERR_USAGE, "the plan has no family '%s'%s%s%s", c->options->families[i],
			  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
		arena_done(&scratch);
		return ERR_USAGE;
	}
	return 0;
}

static int wrong_plan(const struct plan_faults *faults, struct fault *fault)
{
	return fault_set(fault, ERR_CONFIG, "%s is wrong in %d place%s: nothing was checked", faults->file,
			 faults->count + faults->more, faults->count + faults->more == 1 ? "" : "s");
}

static int check_families(struct checking *c, struct fault *fault)
{
	int err = 0;

	for (int f = 0; f < c->plan->family_count && !err; f++) {
		const struct plan_family *family = &c->plan->families[f];

		if (is_chosen(c->options, family))
			err = check_family(c, family, &c->report->families[c->report->family_count++], fault);
	}
	return err;
}

static int check_all(struct checking *c, struct plan_faults *faults, struct fault *fault)
{
	int err = open_cluster(c, SIDE_SOURCE, &c->plan->source, fault);

	err = err ? err : open_cluster(c, SIDE_TARGET, &c->plan->target, fault);
	err = err ? err : discover(c, fault);
	if (err < 0)
		return err;
	if (plan_check_against(c->plan, &c->facts, faults) > 0)
		return wrong_plan(faults, fault);
	err = check_report_begin(c->report, c->plan, &c->facts);
	if (err < 0)
		return fault_set(fault, err, "no memory for the report");
	return check_families(c, fault);
}

int check_run(struct loop *loop, const struct check_options *options, struct plan_faults *faults,
	      struct report **out, struct fault *fault)
{
	struct checking c = { .loop = loop, .options = options, .timeout_ms = options->timeout_ms };
	int64_t began_ms = loop_now_ms(loop);
	int err = plan_load(options->plan_file ? options->plan_file : "exit.yaml", faults, &c.plan);

	if (err == ERR_CONFIG)
		return wrong_plan(faults, fault);
	if (err < 0)
		return fault_set(fault, err, "the plan could not be read: %s", err_text(err));
	if (!c.timeout_ms)
		c.timeout_ms = TIMEOUT_MS_USUAL;
	arena_init(&c.arena, CHECK_MEMORY);
	arena_init(&c.facts_arena, CHECK_MEMORY);
	arena_init(&c.family_arena, CHECK_MEMORY);
	read_boot(c.boot);
	c.report = check_report_new(options);
	err = c.report ? check_names(&c, fault) : fault_set(fault, ERR_MEMORY, "no memory for the report");
	err = err ? err : check_all(&c, faults, fault);
	for (int side = 0; side < SIDE_COUNT; side++) {
		cluster_free(c.clusters[side]);
		config_release(c.configs[side]);
	}
	if (err == 0) {
		check_report_end(c.report, clock_wall_ms(loop_clock(loop)),
				 (double)(loop_now_ms(loop) - began_ms) / 1000);
		*out = c.report;
	} else {
		report_free(c.report);
	}
	arena_done(&c.family_arena);
	arena_done(&c.facts_arena);
	arena_done(&c.arena);
	plan_free(c.plan);
	return err;
}
