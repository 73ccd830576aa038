/*
 * gather_schemas.c - what the records are seen to be on both sides, and whether the schema ids that they carry mean the
 * same in both registries.
 */
#include "exit/gather_run.h"
#include "exit/registry.h"
#include "exit/sample_records.h"

/* ---- a look at the records ---- */

static int sample_side(const struct gather_run *run, enum side side, struct fault *fault)
{
	struct gathering *g = run->g;
	struct sample_request *requests = arena_array(g->arena, (size_t)g->topic_count + 1, sizeof *requests);
	const struct sample_limits limits = { .timeout_ms = run->timeout_ms };
	int count = 0;

	g->seen[side] = arena_array(g->arena, (size_t)g->topic_count + 1, sizeof **g->seen);
	if (!requests || !g->seen[side])
		return fault_set(fault, ERR_MEMORY, "no memory to sample records");
	for (int i = 0; i < g->topic_count; i++) {
		const struct topic_info *topic =
			facts_topic(&g->facts->sides[side],
				    side == SIDE_SOURCE ? g->topics[i].source : g->topics[i].target);

		seen_init(&g->seen[side][i], g->arena);
		if (topic)
			requests[count++] = (struct sample_request){ topic->name, topic->partition_count,
								     &g->seen[side][i] };
		else
			g->seen[side][i].why = "the topic is not there";
	}
	return sample_records(run->loop, side == SIDE_SOURCE ? run->source : run->target, requests, count,
			      &limits, g->arena, fault);
}

int gather_samples(const struct gather_run *run, struct fault *fault)
{
	int err = sample_side(run, SIDE_SOURCE, fault);

	return err < 0 ? err : sample_side(run, SIDE_TARGET, fault);
}

/* ---- both registries ---- */

/* What could not be sampled may carry ids that nobody saw. */
static void exclude_unsampled(struct draft *d, const struct gathering *g)
{
	for (int i = 0; i < g->topic_count; i++)
		for (int side = 0; side < SIDE_COUNT; side++)
			if (!g->seen[side] || !g->seen[side][i].sampled)
				draft_exclude(d, "SCHEMA_UNKNOWN",
					      "records of %.*s could not be sampled on the %s: %s",
					      VIEW_ARGS(g->topics[i].source),
					      gathering_side(g, (enum side)side),
					      g->seen[side] && g->seen[side][i].why ? g->seen[side][i].why
										    : "not tried");
}

static int compare(const struct gather_run *run, struct registry_report *report, struct fault *fault)
{
	struct gathering *g = run->g;
	const struct plan *plan = g->plan;
	struct registry_topic *topics = arena_array(g->arena, (size_t)g->topic_count + 1, sizeof *topics);
	struct registry_options options = { .timeout_ms = run->timeout_ms < 10000 ? run->timeout_ms : 10000 };

	if (!topics)
		return fault_set(fault, ERR_MEMORY, "no memory for the schema registries");
	if (plan->registries.head.given) {
		const struct plan_text *here = &plan->registries.source, *there = &plan->registries.target;

		options.urls[SIDE_SOURCE] =
			(const char *)arena_copy(g->arena, (g->mirrored ? there : here)->text).at;
		options.urls[SIDE_TARGET] =
			(const char *)arena_copy(g->arena, (g->mirrored ? here : there)->text).at;
	}
	for (int i = 0; i < g->topic_count; i++) {
		topics[i].topic = (const char *)arena_copy(g->arena, g->topics[i].source).at;
		if (!topics[i].topic)
			return fault_set(fault, ERR_MEMORY, "no memory for the schema registries");
		for (int side = 0; side < SIDE_COUNT; side++)
			if (g->seen[side])
				topics[i].uses[side] = &g->seen[side][i].schemas;
		/* With a target that was seen in part, what it does not carry is not known. */
		if (!g->seen[SIDE_TARGET] || !g->seen[SIDE_TARGET][i].sampled)
			topics[i].uses[SIDE_TARGET] = NULL;
	}
	if (run->progress)
		run->progress(run->context, "asking the schema registries", -1);
	return registry_compare(run->loop, run->configs[SIDE_SOURCE], run->configs[SIDE_TARGET], topics,
				g->topic_count, &options, g->arena, report, fault);
}

/* The findings as evidence: what is proved counts, what is in doubt is excluded, under its own code. */
static void tell(struct draft *d, const struct registry_report *report)
{
	int missing = 0, different = 0;

	for (int i = 0; i < report->count; i++) {
		const struct registry_finding *finding = &report->at[i];
		bool is_missing = finding->code && strcmp(finding->code, "SCHEMA_MISSING") == 0;

		if (finding->verdict == VERDICT_UNKNOWN)
			draft_exclude(d, finding->code, "%s", finding->reason);
		if (finding->verdict != VERDICT_SHUT)
			continue;
		missing += is_missing;
		different += !is_missing;
		draft_say(d, "%s", finding->reason);
	}
	draft_value(d, "missing", "schemas", missing);
	draft_value(d, "different", "schemas", different);
	d->item.samples = (uint64_t)report->count;
	if (report->none_declared)
		draft_say(d, "the property files say that there is no registry");
	else if (!report->count)
		draft_say(d, "no schema ids were seen in the records");
	else
		draft_say(d, "%d %s looked up, %d the same on both sides", report->count,
			  report->count == 1 ? "schema id" : "schema ids", report->open);
	if (report->noise)
		draft_say(d, "%llu records look as if they carried an id and do not",
			  (unsigned long long)report->noise);
	if (report->same_registry)
		draft_say(d, "both sides use the same registry: it must not live on the source");
}

int gather_schemas(const struct gather_run *run, struct fault *fault)
{
	const struct gathering *g = run->g;
	struct registry_report report = { 0 };
	struct draft d;
	int err;

	draft_begin(&d, run->g, "compatibility.schemas", VIEW_NULL, "registry");
	if (g->plan->registries.head.none) {
		draft_value(&d, "missing", "schemas", 0);
		draft_value(&d, "different", "schemas", 0);
		draft_say(&d, "not asked for");
		return draft_end(&d, fault);
	}
	err = compare(run, &report, fault);
	if (err < 0) {
		buffer_done(&d.text);
		return err;
	}
	if (!report.none_declared)
		exclude_unsampled(&d, g);
	tell(&d, &report);
	return draft_end(&d, fault);
}
