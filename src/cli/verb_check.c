/* verb_check.c - `interlock check`: gather evidence once, judge every gate, show what an operator needs to know. */
#include "base/text.h"
#include "cli/acting.h"
#include "cli/option_shared.h"
#include "cli/render_check.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "exit/check.h"

struct check_settings {
	SETTINGS_COMMON;
	const char *plan;
	struct texts gates;
	int64_t memory_bytes, rate_bytes_per_s, timeout_ms;
	bool evidence, probe_levers, fire;
};

#define LEVERS_MEMORY ((size_t)64 << 20)

#define AT(field) offsetof(struct check_settings, field)

/* clang-format off */
static const struct option options[] = {
	TAKES_PLAN(AT(plan)),
	{ .name = "gate", .value = "GATE", .kind = OPTION_TEXTS, .at = AT(gates),
	  .help = "judge by this gate only: compatibility, parity, progress, rollback, capacity or operations; repeats (all six "
		  "unless given)" },
	{ .name = "evidence", .kind = OPTION_FLAG, .at = AT(evidence),
	  .help = "show the evidence behind each gate too" },
	{ .name = "probe-levers", .kind = OPTION_FLAG, .at = AT(probe_levers),
	  .help = "ask every lever that is a command or an address where it stands, and tell it its own present word under an "
		  "older epoch, to see whether it refuses; only while nothing moves" },
	{ .name = "fire", .kind = OPTION_FLAG, .at = AT(fire),
	  .help = "make each alert fire that the plan gives a way to, and look whether it does: people will be called" },
	{ .name = "memory", .value = "SIZE", .kind = OPTION_SIZE, .at = AT(memory_bytes), .fallback = "256MiB",
	  .help = "the most memory that the comparison may take" },
	TAKES_RATE(AT(rate_bytes_per_s)),
	TAKES_TIMEOUT(AT(timeout_ms), "30s"),
	{ .name = NULL },
};

static const struct example examples[] = {
	{ "interlock check", "Every family and every gate of exit.yaml:" },
	{ "interlock check orders --gate parity --gate progress --json", "One family, two gates, for a script:" },
	{ "interlock check orders --probe-levers", "And where the levers stand, and whether they refuse the past:" },
	{ NULL, NULL },
};
/* clang-format on */

static void progress(void *context, const char *family, const char *what, double part)
{
	struct output *output = context;

	if (part >= 0)
		output_progress(output, "%s: %s %.0f %%", family, what, 100 * part);
	else
		output_progress(output, "%s: %s", family, what);
}

/* The gates asked for as bits; 0 when none was, which means all. */
static int read_gates(struct output *output, const struct texts *words, unsigned *out)
{
	const char *names[GATE_COUNT + 1] = { NULL };
	unsigned gates = 0;

	for (int gate = 0; gate < GATE_COUNT; gate++)
		names[gate] = gate_word(gate);
	for (int index = 0; index < words->count; index++) {
		const char *nearest = text_nearest(view_text(words->at[index]), names);
		int gate = gate_find(view_text(words->at[index]));

		if (gate < 0) {
			output_error(output, STATUS_USAGE,
				     "--gate: there is no gate '%s'%s%s%s; the gates are compatibility, "
				     "parity, progress, rollback, capacity and operations",
				     words->at[index], nearest ? "; did you mean '" : "",
				     nearest ? nearest : "", nearest ? "'?" : "");
			return ERR_USAGE;
		}
		gates |= 1u << gate;
	}
	*out = gates;
	return 0;
}

/* The check has read and accepted the plan; this reads it once more, for what only the levers need. */
static int probe_levers(struct session *session, const struct check_settings *settings,
			const struct report *report, struct arena *arena, struct lever_round *round,
			struct fault *fault)
{
	struct plan_faults faults;
	struct plan *plan = NULL;
	int err;

	plan_faults_init(&faults, settings->plan);
	err = plan_load(settings->plan, &faults, &plan);
	plan_faults_done(&faults);
	if (err < 0)
		return fault_set(fault, err, "%s has changed since it was read, and is wrong now",
				 settings->plan);
	for (int i = 0; i < report->family_count && !err; i++) {
		const struct report_family *checked = &report->families[i];
		const struct plan_family *family = plan_family(plan, view_text(checked->name));

		if (!family)
			continue;
		output_progress(session->output, "%s: asking the levers", checked->name);
		err = lever_round_ask(session->loop, plan, family, checked->epoch, arena, round, fault);
	}
	plan_free(plan);
	return err;
}

static enum status show(struct session *session, const struct check_settings *settings,
			const struct report *report)
{
	struct lever_round round = { 0 };
	struct fault fault = { 0 };
	struct arena arena;
	enum status status;

	arena_init(&arena, LEVERS_MEMORY);
	if (settings->probe_levers && probe_levers(session, settings, report, &arena, &round, &fault) < 0)
		status = output_fault(session->output, &fault);
	else
		status = render_check(session->output, report, settings->evidence,
				      settings->probe_levers ? &round : NULL);
	arena_done(&arena);
	return status;
}

static enum status run(struct output *output, const struct verb *verb, const void *given,
		       const struct texts *rest)
{
	const struct check_settings *settings = given;
	struct check_options asked = {
		.plan_file = settings->plan,
		.families = rest->at,
		.family_count = rest->count,
		.timeout_ms = settings->timeout_ms,
		.memory_bytes = (uint64_t)settings->memory_bytes,
		.rate_bytes_per_s = settings->rate_bytes_per_s == OPTION_ABSENT
					    ? 0
					    : (uint64_t)settings->rate_bytes_per_s,
		.fire = settings->fire,
		.progress = progress,
		.context = output,
	};
	struct plan_faults faults;
	struct report *report = NULL;
	struct fault fault = { 0 };
	struct session session;
	enum status status;
	int err;

	if (read_gates(output, &settings->gates, &asked.gates) < 0)
		return STATUS_USAGE;
	if (session_open(&session, output, true, &fault) < 0)
		return output_fault(output, &fault);
	plan_faults_init(&faults, settings->plan);
	err = check_run(session.loop, &asked, &faults, &report, &fault);
	if (err == ERR_CONFIG)
		status = acting_plan_is_wrong(output, &faults, &fault);
	else if (err < 0)
		status = output_fault(output, &fault);
	else
		status = show(&session, settings, report);
	report_free(report);
	plan_faults_done(&faults);
	session_close(&session);
	return status;
}

const struct verb verb_check = {
	.name = "check",
	.kind = VERB_READY,
	.summary = "gather evidence once and judge every gate of every family in the plan",
	.arguments = "[FAMILY...]",
	.arguments_most = OPTION_REPEATS_MAX,
	.options = options,
	.settings_size = sizeof(struct check_settings),
	.text = "Reads the plan and what the journal knows, looks at both clusters, and shows per family the "
		"six "
		"gates, each open, shut or unknown, and below them the reasons. Unknown never lets anything "
		"pass. "
		"Once authority is on the target, the source is held against it. What only a journal can "
		"tell (a "
		"drill, an acknowledged runbook, a confirmed on-call) is unknown before there is one, unless "
		"the "
		"family's class does not ask for it. The plan's probes and the question where its levers "
		"stand are "
		"asked; nothing is changed on either cluster, and nothing is written to the journal.\n\n"
		"With --probe-levers every lever of the plan that is a command or an address says where it "
		"stands. "
		"Each is then told the word that it stands at already, once under the present epoch and once "
		"under "
		"the one before, for a lever should refuse an epoch older than one that it has seen. One "
		"that does "
		"not is usable, and shown as a risk. One that does not answer makes an open verdict unknown.",
	.examples = examples,
	.run = run,
};
