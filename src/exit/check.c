/* check.c - one survey of each family, written down as a report. */
#include "base/text.h"
#include "exit/check.h"
#include "exit/check_report.h"
#include "exit/history_read.h"
#include "exit/journal_look.h"
#include "exit/survey.h"
#include "exit/verdict_body.h"

struct checking {
	struct loop *loop;
	const struct check_options *options;
	struct plan *plan;
	struct survey *survey;
	struct report *report;
	struct arena arena;
	struct journal *journal; /* NULL: it could not be read */
};

/* ---- one family ---- */

static bool gate_asked(const struct checking *c, int gate)
{
	return c->report->gates & 1u << gate;
}

/* What the journal has of a family; NULL when it has never heard of it. */
static json_t *known(const struct checking *c, const struct plan_family *family)
{
	json_t *families = c->journal ? json_object_get(journal_state(c->journal)->root, "families") : NULL;
	const char *name;
	json_t *each;

	json_object_foreach(families, name, each) if (view_is(family->name.text, name)) return each;
	return NULL;
}

static int look(struct checking *c, const struct plan_family *family, const struct survey_request *request,
		struct report_family *out, struct fault *fault)
{
	struct surveyed *surveyed = NULL;
	int err = survey_family(c->survey, family, request, &surveyed, fault);

	for (int gate = 0; gate < GATE_COUNT && !err; gate++)
		err = check_report_gate(c->report, &surveyed->rules, &surveyed->results[gate], &surveyed->g,
					gate_asked(c, gate), &out->gates[gate]);
	if (!err)
		check_report_family(c->report, &surveyed->g, out);
	surveyed_free(surveyed);
	return err;
}

static int check_family(struct checking *c, const struct plan_family *family, struct report_family *out,
			struct fault *fault)
{
	struct survey_request request = { .gates = c->report->gates, .fire = c->options->fire };
	const json_t *root = c->journal ? journal_state(c->journal)->root : NULL;
	json_t *state = known(c, family);
	struct waiver waivers[VERDICT_WAIVERS_MAX];
	struct history_held held = { 0 };
	int err;

	out->epoch = 1;
	if (state) {
		out->stage = arena_printf(&c->report->arena, "%s", body_text(state, "stage"));
		out->authority = arena_printf(&c->report->arena, "%s", body_text(state, "authority"));
		out->epoch = (uint64_t)body_number(state, "epoch");
		history_read(state, &held);
		request.history = &held.history;
		request.plan_number = (uint64_t)body_number(json_object_get(root, "plan"), "number");
		request.authority = out->epoch;
		request.stage = view_text(body_text(state, "stage"));
		request.reference =
			strcmp(body_text(state, "authority"), "target") == 0 ? SIDE_TARGET : SIDE_SOURCE;
		request.waivers = waivers;
		request.waiver_count = verdict_waivers(state, waivers);
	}
	err = look(c, family, &request, out, fault);
	/* Which side has authority is not known: what was held against the source may mean nothing. */
	if (!err && !c->journal)
		out->verdict = verdict_both(out->verdict, VERDICT_UNKNOWN);
	history_done(&held);
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
	const struct survey_options options = {
		.plan_file = c->options->plan_file,
		.timeout_ms = c->options->timeout_ms,
		.memory_bytes = c->options->memory_bytes,
		.rate_bytes_per_s = c->options->rate_bytes_per_s,
		.progress = c->options->progress,
		.progress_context = c->options->context,
	};
	struct fault why = { 0 };
	int err = survey_open(c->loop, c->plan, &options, &c->survey, fault);

	err = err ? err : survey_discover(c->survey, fault);
	if (err < 0)
		return err;
	if (plan_check_against(c->plan, survey_facts(c->survey), faults) > 0)
		return wrong_plan(faults, fault);
	err = check_report_begin(c->report, c->plan, survey_facts(c->survey));
	if (err < 0)
		return fault_set(fault, err, "no memory for the report");
	if (journal_look(c->plan, loop_clock(c->loop), &c->arena, &c->journal, &why) < 0)
		check_report_note(c->report,
				  "the journal could not be read, so what only it tells is unknown: %s",
				  why.text);
	return check_families(c, fault);
}

int check_run(struct loop *loop, const struct check_options *options, struct plan_faults *faults,
	      struct report **out, struct fault *fault)
{
	struct checking c = { .loop = loop, .options = options };
	int64_t began_ms = loop_now_ms(loop);
	int err = plan_load(options->plan_file ? options->plan_file : "exit.yaml", faults, &c.plan);

	if (err == ERR_CONFIG)
		return wrong_plan(faults, fault);
	if (err < 0)
		return fault_set(fault, err, "the plan could not be read: %s", err_text(err));
	arena_init(&c.arena, 1024 * 1024);
	c.report = check_report_new(options);
	err = c.report ? check_names(&c, fault) : fault_set(fault, ERR_MEMORY, "no memory for the report");
	err = err ? err : check_all(&c, faults, fault);
	survey_close(c.survey);
	journal_close(c.journal);
	arena_done(&c.arena);
	if (err == 0) {
		check_report_end(c.report, clock_wall_ms(loop_clock(loop)),
				 (double)(loop_now_ms(loop) - began_ms) / 1000);
		*out = c.report;
	} else {
		report_free(c.report);
	}
	plan_free(c.plan);
	return err;
}
