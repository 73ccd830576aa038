/*
 * survey.c - discover, resolve, gather, judge; a family at a time.
 *
 * Collectors know two roles, the reference and the side that is held against it.  While authority is on the target the
 * roles change places here, once, for all of them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/boot.h"
#include "base/text.h"
#include "client/config.h"
#include "client/offsets.h"
#include "exit/discover.h"
#include "exit/stage.h"
#include "exit/survey.h"

#define TIMEOUT_MS_USUAL 30000
#define SURVEY_MEMORY    ((size_t)1 << 30) /* of facts and evidence: a ceiling, not a habit */

struct survey {
	struct loop *loop;
	const struct plan *plan;
	struct survey_options options;
	struct cluster *clusters[SIDE_COUNT];
	const struct cluster_config *configs[SIDE_COUNT];
	struct arena arena;                   /* of the whole survey */
	struct arena facts_arena, next_arena; /* of the last look; of the one under way */
	struct facts facts;
	struct facts roles; /* the same, its sides exchanged */
	bool discovered;
	uint8_t boot[16];
	struct epoch context;
	const char *under_way; /* the family, for progress */
};

/* ---- the world ---- */

static int open_cluster(struct survey *s, enum side side, const struct plan_text *where, struct fault *fault)
{
	const char *argument = plan_is_properties(where->text) ? plan_path(s->plan, where->text, &s->arena)
							       : (const char *)where->text.at;
	const struct cluster_config *config = NULL;
	int err;

	if (!argument)
		return fault_set(fault, ERR_MEMORY, "no memory for the %s", side_word(side));
	err = config_load(argument, &config, fault);
	if (err < 0) {
		fault_at(fault, "%s:%d:%d: %s", s->options.plan_file ? s->options.plan_file : "exit.yaml",
			 where->at.line, where->at.column, side_word(side));
		return err == ERR_MEMORY ? err : ERR_CONFIG;
	}
	s->configs[side] = config;
	return cluster_new(s->loop, side_word(side), config, &s->clusters[side], fault);
}

int survey_open(struct loop *loop, const struct plan *plan, const struct survey_options *options,
		struct survey **out, struct fault *fault)
{
	struct survey *s = calloc(1, sizeof *s);
	int err;

	if (!s)
		return fault_set(fault, ERR_MEMORY, "no memory to look at the clusters");
	s->loop = loop;
	s->plan = plan;
	s->options = *options;
	s->context = options->context;
	if (!s->options.timeout_ms)
		s->options.timeout_ms = TIMEOUT_MS_USUAL;
	arena_init(&s->arena, SURVEY_MEMORY);
	arena_init(&s->facts_arena, SURVEY_MEMORY);
	arena_init(&s->next_arena, SURVEY_MEMORY);
	boot_id(s->boot);
	err = open_cluster(s, SIDE_SOURCE, &plan->source, fault);
	err = err ? err : open_cluster(s, SIDE_TARGET, &plan->target, fault);
	if (err < 0) {
		survey_close(s);
		return err;
	}
	*out = s;
	return 0;
}

void survey_close(struct survey *s)
{
	if (!s)
		return;
	for (int side = 0; side < SIDE_COUNT; side++) {
		cluster_free(s->clusters[side]);
		config_release(s->configs[side]);
	}
	arena_done(&s->next_arena);
	arena_done(&s->facts_arena);
	arena_done(&s->arena);
	free(s);
}

struct cluster *survey_cluster(struct survey *s, enum side side)
{
	return s->clusters[side];
}

const struct cluster_config *survey_config(const struct survey *s, enum side side)
{
	return s->configs[side];
}

const struct facts *survey_facts(const struct survey *s)
{
	return s->discovered ? &s->facts : NULL;
}

struct epoch survey_context(const struct survey *s)
{
	return s->context;
}

struct moment survey_moment(const struct survey *s)
{
	const struct clock *clock = loop_clock(s->loop);
	struct moment moment = { clock_wall_ms(clock), clock_monotonic_ms(clock), { 0 } };

	memcpy(moment.boot, s->boot, sizeof moment.boot);
	return moment;
}

static void tell(struct survey *s, const char *family, const char *what, double part)
{
	if (s->options.progress)
		s->options.progress(s->options.progress_context, family, what, part);
}

/* ---- discovery ---- */

static bool wanted(void *context, const char *topic)
{
	const struct survey *s = context;
	struct view name = view_text(topic);

	for (int f = 0; f < s->plan->family_count; f++) {
		const struct plan_topics *topics = &s->plan->families[f].topics;

		for (int i = 0; i < topics->count; i++)
			if (topics->at[i].glob ? glob_match(topics->at[i].source, name)
					       : view_equal(topics->at[i].source, name) ||
							 view_equal(topics->at[i].target, name))
				return true;
	}
	return false;
}

static int look_at_both(struct survey *s, struct arena *arena, struct facts *out, struct fault *fault)
{
	struct facts facts = { .began = survey_moment(s) };

	for (int side = 0; side < SIDE_COUNT; side++) {
		const struct plan_text *where = side ? &s->plan->target : &s->plan->source;
		struct discovering discovering = {
			.cluster = s->clusters[side],
			.address = arena_printf(arena, "%.*s", VIEW_ARGS(where->text)),
			.timeout_ms = s->options.timeout_ms,
			.arena = arena,
			.wanted = wanted,
			.context = s,
		};
		int err;

		tell(s, side_word((enum side)side), "looking at the cluster", -1);
		err = discover_side(&discovering, &facts.sides[side], fault);
		if (err < 0)
			return err;
	}
	facts.ended = survey_moment(s);
	*out = facts;
	return 0;
}

int survey_discover(struct survey *s, struct fault *fault)
{
	struct arena former = s->facts_arena;
	struct sha256 hash;
	int err;

	arena_reset(&s->next_arena);
	err = look_at_both(s, &s->next_arena, &s->facts, fault);
	if (err < 0)
		return err;
	s->facts_arena = s->next_arena;
	s->next_arena = former;
	s->roles = s->facts;
	s->roles.sides[SIDE_SOURCE] = s->facts.sides[SIDE_TARGET];
	s->roles.sides[SIDE_TARGET] = s->facts.sides[SIDE_SOURCE];
	s->discovered = true;
	hash = facts_hash(&s->facts);
	if (!s->context.number || !sha256_equal(hash, s->context.hash))
		s->context = (struct epoch){ s->context.number + 1, hash };
	return 0;
}

/*
 * Facts may be as old as a third of what the class lets them be when they are used, so that a verdict which rests on them
 * outlives the next look.  Who reads the family is one of them, and is a part of its progress.
 */
static bool facts_are_old(const struct survey *s, const struct plan_family *family)
{
	int64_t age_ms = family->class->limits[LIMIT_COMPATIBILITY_AGE].value,
		progress_ms = family->class->limits[LIMIT_PROGRESS_AGE].value;

	if (progress_ms < age_ms)
		age_ms = progress_ms;
	return !s->discovered ||
	       clock_monotonic_ms(loop_clock(s->loop)) - s->facts.ended.monotonic_ms > age_ms / 3;
}

/* ---- gathering ---- */

static void on_progress(void *context, const char *what, double part)
{
	struct survey *s = context;

	tell(s, s->under_way, what, part);
}

/* From the first fence until writers were sent on: a flag may hold them. */
static bool is_fenced(struct view stage)
{
	static const enum stage fenced[] = { STAGE_FENCING, STAGE_QUIET, STAGE_LEVEL, STAGE_DECIDED,
					     STAGE_OPENING };

	for (size_t i = 0; i < sizeof fenced / sizeof *fenced; i++)
		if (view_is(stage, stage_word(fenced[i])))
			return true;
	return false;
}

static struct gather_run run_of(struct survey *s, struct surveyed *made, const struct survey_request *request)
{
	enum side here = request->reference, there = here == SIDE_SOURCE ? SIDE_TARGET : SIDE_SOURCE;

	return (struct gather_run){
		.g = &made->g,
		.loop = s->loop,
		.source = s->clusters[here],
		.target = s->clusters[there],
		.configs = { s->configs[here], s->configs[there] },
		.memory = s->options.memory_bytes ? s->options.memory_bytes
						  : (uint64_t)s->plan->reading.memory.value,
		.rate = s->options.rate_bytes_per_s ? s->options.rate_bytes_per_s
						    : (uint64_t)s->plan->reading.rate.value,
		.checkpoint = request->checkpoint,
		.world = { s->clusters[SIDE_SOURCE], s->clusters[SIDE_TARGET] },
		.history = request->history,
		.fire = request->fire,
		.fenced = is_fenced(request->stage),
		.timeout_ms = s->options.timeout_ms,
		.progress = on_progress,
		.context = s,
	};
}

static int gather_records_of(const struct gather_run *run, struct fault *fault)
{
	int err;

	run->progress(run->context, "sampling records", -1);
	err = gather_samples(run, fault);
	err = err ? err : gather_compatibility(run->g, fault);
	return err ? err : gather_schemas(run, fault);
}

static int gather_parity_of(const struct gather_run *run, struct fault *fault)
{
	enum side reference = run->g->mirrored ? SIDE_TARGET : SIDE_SOURCE;
	int err;

	if (!rules_hold_both(run->g->family, reference))
		return gather_kept(run, fault);
	err = gather_parity(run, fault);

	return err ? err : gather_counters(run, reference, fault);
}

static int gather_progress_of(const struct gather_run *run, struct fault *fault)
{
	bool both = rules_hold_both(run->g->family, run->g->mirrored ? SIDE_TARGET : SIDE_SOURCE);
	int err = gather_progress(run, both, fault);

	return err || !both ? err : gather_outside(run, fault);
}

/* What is on the target alone is found by the comparison; without it in this survey it must be made for this gate. */
static int gather_rollback_of(const struct gather_run *run, bool compared, struct boundary *out,
			      struct fault *fault)
{
	bool needed =
		run->g->mirrored && run->g->family->pattern.value == PLAN_PATTERN_DUAL_WRITE && !compared;
	int err = needed ? gather_parity(run, fault) : 0;

	return err ? err : gather_rollback(run, out, fault);
}

static int gather(const struct gather_run *run, enum gate gate, struct surveyed *made, struct fault *fault)
{
	switch (gate) {
	case GATE_COMPATIBILITY: return gather_records_of(run, fault);
	case GATE_PARITY: return gather_parity_of(run, fault);
	case GATE_PROGRESS: return gather_progress_of(run, fault);
	case GATE_ROLLBACK:
		return gather_rollback_of(run, made->gates & 1u << GATE_PARITY, &made->boundary, fault);
	case GATE_CAPACITY: return gather_capacity(run, fault);
	case GATE_OPERATIONS: return gather_operations(run, fault);
	default: return 0;
	}
}

/* ---- judging ---- */

/* Where every log that was read ends now, so that evidence is held against the present and not against itself. */
static int current_ends(struct survey *s, struct surveyed *made, struct fresh_now *now)
{
	const struct evidence_log *log = &made->log;
	struct offset_query *queries[SIDE_COUNT];
	struct position *ends;
	int total = 0, count = 0, counts[SIDE_COUNT] = { 0, 0 };

	for (int i = 0; i < log->count; i++)
		total += log->items[i]->position_count;
	ends = arena_array(&made->arena, (size_t)total + 1, sizeof *ends);
	queries[0] = arena_array(&made->arena, (size_t)total + 1, sizeof **queries);
	queries[1] = arena_array(&made->arena, (size_t)total + 1, sizeof **queries);
	if (!ends || !queries[0] || !queries[1])
		return ERR_MEMORY;
	/* Each log once, though many items have read it: their positions are put in order first. */
	for (int i = 0; i < log->count; i++)
		for (int p = 0; p < log->items[i]->position_count; p++)
			if (!log->items[i]->positions[p].group.at)
				ends[count++] = log->items[i]->positions[p];
	if (count)
		qsort(ends, (size_t)count, sizeof *ends, evidence_position_order);
	for (int i = 0; i < count; i++) {
		enum side side = ends[i].side;

		if (i && evidence_position_order(&ends[i - 1], &ends[i]) == 0)
			continue;
		queries[side][counts[side]++] =
			(struct offset_query){ .topic = arena_printf(&made->arena, "%.*s",
								     VIEW_ARGS(ends[i].topic)),
					       .partition = ends[i].partition,
					       .at = OFFSETS_LATEST };
	}
	count = 0;
	for (int side = 0; side < SIDE_COUNT; side++) {
		if (counts[side])
			offsets_list(s->clusters[side], queries[side], counts[side], false,
				     s->options.timeout_ms, NULL);
		for (int i = 0; i < counts[side]; i++)
			if (!queries[side][i].err)
				ends[count++] = (struct position){ .side = (uint8_t)side,
								   .topic = view_text(queries[side][i].topic),
								   .partition = queries[side][i].partition,
								   .leader_epoch = -1,
								   .end = queries[side][i].offset };
	}
	if (count)
		qsort(ends, (size_t)count, sizeof *ends, evidence_position_order);
	now->ends = ends;
	now->end_count = count;
	return 0;
}

static int subjects_of(struct surveyed *made, struct rule_subjects subjects[RULE_SCOPE_COUNT])
{
	const struct gathering *g = &made->g;
	struct view *topics = arena_array(&made->arena, (size_t)g->topic_count + 1, sizeof *topics);
	struct view *groups = arena_array(&made->arena, (size_t)g->family->groups.count + 1, sizeof *groups);

	if (!topics || !groups)
		return ERR_MEMORY;
	for (int i = 0; i < g->topic_count; i++)
		topics[i] = g->topics[i].source;
	for (int i = 0; i < g->family->groups.count; i++)
		groups[i] = g->family->groups.at[i].text;
	subjects[RULE_EACH_TOPIC] = (struct rule_subjects){ topics, g->topic_count, true };
	subjects[RULE_EACH_GROUP] =
		(struct rule_subjects){ groups, g->family->groups.count, g->family->groups.given };
	subjects[RULE_EACH_PRINCIPAL] =
		(struct rule_subjects){ g->principals, g->principal_count, g->principals_known };
	return 0;
}

/* What a judgement of now rests on. */
static int judging_now(struct survey *s, struct surveyed *made, const struct survey_request *request,
		       struct judging *out, struct fault *fault)
{
	struct judging judging = { .family = made->g.family,
				   .reference = request->reference,
				   .log = &made->log,
				   .stage = request->stage.size ? request->stage : VIEW_LITERAL("OBSERVING"),
				   .waivers = request->waivers,
				   .waiver_count = request->waiver_count };
	int err = current_ends(s, made, &judging.now);

	err = err ? err : subjects_of(made, judging.subjects);
	if (err < 0)
		return fault_set(fault, err, "no memory to judge family %.*s",
				 VIEW_ARGS(made->g.family->name.text));
	judging.now.epochs = made->g.epochs;
	judging.now.epochs.context = s->context;
	judging.now.moment = survey_moment(s);
	*out = judging;
	return 0;
}

static int gather_and_judge(struct survey *s, struct surveyed *made, const struct survey_request *request,
			    struct fault *fault)
{
	struct gather_run run = run_of(s, made, request);
	int err = asking_new(s->loop, s->plan, made->g.family, &run.asking, fault);

	/* An entry of `env:` that cannot be had silences the operator's commands, not the clusters. */
	if (err == ERR_CONFIG) {
		run.asking = NULL;
		err = 0;
	}
	err = err ? err : rules_bind(made->g.family, request->reference, &made->arena, &made->rules, fault);

	for (int gate = 0; gate < GATE_COUNT && !err; gate++) {
		if (made->gates & 1u << gate)
			err = gather(&run, (enum gate)gate, made, fault);
		err = err ? err : judging_now(s, made, request, &made->judging[gate], fault);
		err = err ? err
			  : judge_gate(&made->judging[gate], &made->rules, (enum gate)gate, &made->arena,
				       &made->results[gate], fault);
	}
	asking_free(run.asking);
	made->verdict = judge_over(made->results, made->gates);
	return err;
}

static int keep_former(struct surveyed *made, const struct survey_request *request, const struct moment *now,
		       struct fault *fault)
{
	for (int i = 0; i < request->kept_count; i++) {
		int err = evidence_log_append(&made->log, request->kept[i], now);

		if (err < 0)
			return fault_set(fault, err, "former evidence for %.*s could not be kept: %s",
					 VIEW_ARGS(request->kept[i]->claim),
					 err == ERR_STALE ? "it is dated after now" : err_text(err));
	}
	return 0;
}

int survey_family(struct survey *s, const struct plan_family *family, const struct survey_request *request,
		  struct surveyed **out, struct fault *fault)
{
	int err = facts_are_old(s, family) ? survey_discover(s, fault) : 0;
	struct surveyed *made = err ? NULL : calloc(1, sizeof *made);
	struct moment now = survey_moment(s);

	if (err < 0)
		return err;
	if (!made)
		return fault_set(fault, ERR_MEMORY, "no memory for family %.*s",
				 VIEW_ARGS(family->name.text));
	arena_init(&made->arena, SURVEY_MEMORY);
	evidence_log_init(&made->log);
	made->gates = request->gates ? request->gates & GATES_ALL : GATES_ALL;
	made->g = (struct gathering){ .arena = &made->arena,
				      .clock = loop_clock(s->loop),
				      .plan = s->plan,
				      .family = family,
				      .facts = request->reference == SIDE_TARGET ? &s->roles : &s->facts,
				      .world = &s->facts,
				      .mirrored = request->reference == SIDE_TARGET,
				      .log = &made->log };
	made->g.epochs = (struct epochs){ { request->plan_number ? request->plan_number : 1, s->plan->hash },
					  s->context,
					  request->authority ? request->authority : 1 };
	memcpy(made->g.boot, s->boot, sizeof made->g.boot);
	s->under_way = arena_printf(&made->arena, "%.*s", VIEW_ARGS(family->name.text));
	err = s->under_way ? gathering_resolve(&made->g) : ERR_MEMORY;
	if (err < 0)
		fault_set(fault, err, "no memory for family %.*s", VIEW_ARGS(family->name.text));
	err = err ? err : keep_former(made, request, &now, fault);
	err = err ? err : gather_and_judge(s, made, request, fault);
	s->under_way = NULL;
	/* What was gathered stays; the facts that it was gathered from may be replaced by the next look. */
	made->g.facts = made->g.world = NULL;
	if (err < 0) {
		surveyed_free(made);
		return err;
	}
	*out = made;
	return 0;
}

int survey_judge(struct survey *s, struct surveyed *surveyed, const struct survey_request *request,
		 struct judging *judging, struct judgement *out, struct fault *fault)
{
	struct judging now;
	int err = judging_now(s, surveyed, request, &now, fault);

	now.now.epochs.plan.number = request->plan_number ? request->plan_number : 1;
	now.now.epochs.authority = request->authority ? request->authority : 1;
	err = err ? err : judge_family(&now, surveyed->gates, &surveyed->arena, out, fault);
	if (err == 0)
		*judging = now;
	return err;
}

void surveyed_free(struct surveyed *surveyed)
{
	if (!surveyed)
		return;
	evidence_log_done(&surveyed->log);
	arena_done(&surveyed->arena);
	free(surveyed);
}
