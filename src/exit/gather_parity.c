/*
 * gather_parity.c - the comparer's report as evidence, and the controls that say whether to believe it.
 *
 * One comparison a family, for claim and identity are the family's.  Then the same comparer is pointed at the source
 * twice: two independent reads of one log must show no difference.  The faults of each class are planted by the
 * comparer itself before it says open (into a log of its own); that it did so is a control too.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "exit/gather_run.h"
#include "exit/mirror.h"
#include "exit/parity_choice.h"
#include "parity/compare.h"
#include "parity/controls.h"

#define METHOD "join"

/* Records that a control reads at most, roughly: enough to see, little enough not to cost. */
#define CONTROL_RECORDS_MAX 200000

static const char *unit_of(enum finding_class class)
{
	switch (class) {
	case FINDING_TORN_TXN: return "transactions";
	case FINDING_COMPACTED: return "keys";
	case FINDING_UNREADABLE: return "batches";
	default: return "records";
	}
}

/* ---- options ---- */

static int options_make(const struct gather_run *run, struct parity_options *out)
{
	int err = parity_choice(run->g->family, run->g->topics, run->g->topic_count, false, run->g->arena, out);

	if (err < 0)
		return err;
	if (run->memory)
		out->memory = run->memory;
	out->rate = run->rate;
	out->checkpoint = run->checkpoint;
	out->onward = run->checkpoint != NULL;
	out->goes_on = true;
	out->deadline_ms = run->timeout_ms;
	return 0;
}

static void on_progress(void *context, const struct parity_progress *progress)
{
	const struct gather_run *run = context;
	uint64_t expected = progress->records_expected[SOURCE] + progress->records_expected[TARGET];
	uint64_t done = progress->records[SOURCE] + progress->records[TARGET];

	if (run->progress)
		run->progress(run->context, "comparing", expected ? (double)done / (double)expected : -1);
}

/* ---- the report as evidence ---- */

static void put_positions(struct draft *d, const struct topic_report *topic)
{
	for (size_t i = 0; i < topic->range_count; i++) {
		for (int side = 0; side < 2; side++) {
			const struct covered *covered = &topic->ranges[i].covered[side];
			struct position position = { .side = (uint8_t)side,
						     .topic = view_text(topic->name[side]),
						     .partition = topic->ranges[i].partition,
						     .leader_epoch = -1,
						     .start = covered->from,
						     .end = covered->until,
						     .stable = -1,
						     .high_watermark = -1 };

			if (!covered->known)
				continue;
			position.topic = arena_copy(d->g->arena, position.topic);
			draft_position(d, &position);
		}
	}
}

static void say_place(struct draft *d, const struct finding *finding)
{
	const struct record_place *here = &finding->place[SOURCE], *there = &finding->place[TARGET];
	char a[80] = "", b[80] = "";

	if (here->known)
		snprintf(a, sizeof a, " %s %d:%lld", gathering_side(d->g, SIDE_SOURCE), here->partition,
			 (long long)here->offset);
	if (there->known)
		snprintf(b, sizeof b, " %s %d:%lld", gathering_side(d->g, SIDE_TARGET), there->partition,
			 (long long)there->offset);
	draft_say(d, "%s at%s%s", finding_word(finding->class), a, b);
}

static void say_examples(struct draft *d, const struct topic_report *topic)
{
	int said[FINDING_CLASSES] = { 0 };

	for (size_t i = 0; i < topic->example_count; i++)
		if (said[topic->examples[i].class]++ < 2)
			say_place(d, &topic->examples[i]);
}

/* The comparer speaks of what it was given first as the source; what a client says of a cluster is true as it is. */
static const char *reason_text(const struct gathering *g, const struct parity_reason *reason, char out[1000])
{
	if (!g->mirrored || strcmp(reason->code, "UNREACHABLE") == 0)
		return reason->text;
	mirror_words(reason->text, out, 1000);
	return out;
}

/* Causes of not knowing: those of this topic, and those of no topic. */
static void put_causes(struct draft *d, const struct parity_report *report, const char *topic)
{
	for (size_t i = 0; i < report->reason_count; i++) {
		const struct parity_reason *reason = &report->reasons[i];
		char text[1000];

		if (!reason->shut && (!reason->topic || !topic || strcmp(reason->topic, topic) == 0))
			draft_exclude(d, reason->code, "%s", reason_text(d->g, reason, text));
	}
}

static int put_topic(struct gathering *g, const struct parity_report *report,
		     const struct topic_report *topic, struct moment began, struct fault *fault)
{
	char a[UNIT_TEXT_SIZE], b[UNIT_TEXT_SIZE], c[UNIT_TEXT_SIZE];
	struct draft d;

	draft_begin(&d, g, "parity.topic", arena_copy(g->arena, view_text(topic->name[SOURCE])), METHOD);
	d.item.began = began;
	for (int class = 0; class < FINDING_CLASSES; class ++) {
		uint64_t count =
			class == FINDING_UNREADABLE ? topic->unreadable[TARGET] : topic->findings[class];

		draft_value(&d, finding_word((enum finding_class) class), unit_of((enum finding_class) class),
			    (int64_t)count);
	}
	draft_value(&d, "behind", "records", (int64_t)topic->behind);
	put_positions(&d, topic);
	put_causes(&d, report, topic->name[SOURCE]);
	for (size_t i = 0; i < report->normaliser_count; i++)
		draft_normaliser(&d, report->normalisers[i].name, report->normalisers[i].records);
	d.item.samples = topic->records[SOURCE];
	d.item.traffic_bytes = topic->bytes[SOURCE] + topic->bytes[TARGET];
	d.item.covered = d.item.total = topic->records[SOURCE] + topic->records[TARGET];
	draft_say(&d, "%s records on the source, %s on the target, %s are the same",
		  count_text(topic->records[SOURCE], a), count_text(topic->records[TARGET], b),
		  count_text(topic->matched, c));
	say_examples(&d, topic);
	return draft_end(&d, fault);
}

static bool is_finding(const char *code)
{
	return strncmp(code, "PARITY_", 7) == 0;
}

static int put_family(struct gathering *g, const struct parity_report *report, struct moment began,
		      struct fault *fault)
{
	const char *proved = claim_word(report->proved);
	uint64_t records = 0, matched = 0;
	int refuted = 0;
	struct draft d;

	draft_begin(&d, g, "parity.family", VIEW_NULL, METHOD);
	d.item.began = began;
	for (size_t i = 0; i < report->topic_count; i++) {
		records += report->topics[i].records[SOURCE];
		matched += report->topics[i].matched;
	}
	d.item.samples = records;
	d.item.traffic_bytes = report->speed.bytes_read;
	for (size_t i = 0; i < report->reason_count; i++) {
		char text[1000];

		if (!report->reasons[i].shut || is_finding(report->reasons[i].code))
			continue;
		refuted++;
		draft_say(&d, "%s: %s", report->reasons[i].code, reason_text(g, &report->reasons[i], text));
	}
	put_causes(&d, report, NULL);
	draft_value(&d, "refuted", "reasons", refuted);
	draft_value(&d, "matched", "records", (int64_t)matched);
	draft_say(&d, "claim %s, proved %s", claim_word(report->asked), proved ? proved : "none");
	return draft_end(&d, fault);
}

/* The measurement itself failed: said for everything that it would have spoken about. */
static int put_failure(struct gathering *g, const struct fault *why, struct fault *fault)
{
	struct draft d;
	int err = 0;

	for (int i = -1; i < g->topic_count && !err; i++) {
		draft_begin(&d, g, i < 0 ? "parity.family" : "parity.topic",
			    i < 0 ? VIEW_NULL : g->topics[i].source, METHOD);
		d.item.status = EVIDENCE_INSTRUMENT_ERROR;
		draft_say(&d, "%s", why->text);
		err = draft_end(&d, fault);
	}
	return err;
}

/* ---- controls ---- */

static int put_control(struct gathering *g, const char *claim, int64_t unexpected, uint64_t samples,
		       const char *text, struct fault *fault)
{
	struct draft d;

	draft_begin(&d, g, claim, VIEW_NULL, METHOD);
	d.item.kind = EVIDENCE_CONTROL;
	d.item.samples = samples;
	draft_value(&d, "unexpected", "findings", unexpected);
	draft_say(&d, "%s", text);
	return draft_end(&d, fault);
}

/* The smallest topic that holds anything, for the control to be cheap; NULL when all are empty. */
static const struct topic_report *control_topic(const struct parity_report *report)
{
	const struct topic_report *best = NULL;

	for (size_t i = 0; i < report->topic_count; i++) {
		const struct topic_report *topic = &report->topics[i];

		if (topic->partitions[SOURCE] > 0 && topic->records[SOURCE] > 0 &&
		    (!best || topic->records[SOURCE] < best->records[SOURCE]))
			best = topic;
	}
	return best;
}

/* The source against itself, by two reads; a long log only from a moment on, doubled until something was seen. */
static int same_twice(const struct gather_run *run, const struct parity_options *base,
		      const struct topic_report *topic, struct parity_report *report, struct fault *fault)
{
	struct topic_choice choice = { topic->name[SOURCE], topic->name[SOURCE] };
	struct parity_options options = *base;
	int64_t now_ms = clock_wall_ms(run->g->clock), window_ms = 600000;

	options.topics = &choice;
	options.topic_count = 1;
	options.checkpoint = NULL;
	options.onward = false;
	for (;;) {
		bool whole = topic->records[SOURCE] <= CONTROL_RECORDS_MAX || window_ms > now_ms / 2;
		int err;

		options.since_ms = whole ? PARITY_TIME_NONE : now_ms - window_ms;
		err = parity_compare(run->loop, run->source, run->source, &options, NULL, NULL, report,
				     fault);
		if (err < 0 || whole || (report->topic_count && report->topics[0].records[SOURCE]))
			return err;
		parity_report_done(report);
		window_ms *= 12;
	}
}

static int64_t findings_of(const struct parity_report *report)
{
	int64_t total = report->verdict == PARITY_OPEN ? 0 : 1;

	for (size_t i = 0; i < report->topic_count; i++)
		for (int class = 0; class < FINDING_CLASSES; class ++)
			total += (int64_t)report->topics[i].findings[class];
	return total;
}

static int control_same(const struct gather_run *run, const struct parity_options *options,
			const struct parity_report *measured, struct fault *fault)
{
	const struct topic_report *topic = control_topic(measured);
	struct parity_report report;
	struct fault why = { 0 };
	char text[400];
	int err;

	if (!topic)
		return put_control(run->g, "control.parity.same", 0, measured->topic_count,
				   "there are no records to compare with themselves", fault);
	err = same_twice(run, options, topic, &report, &why);
	if (err == ERR_CANCELLED || err == ERR_MEMORY) {
		parity_report_done(&report);
		return fault_set(fault, err, "%s", why.text);
	}
	if (err < 0) {
		err = put_control(run->g, "control.parity.same", 0, 0, why.text, fault);
	} else {
		uint64_t records = report.topic_count ? report.topics[0].records[SOURCE] : 0;

		snprintf(text, sizeof text, "%s of the %s against itself, read twice: %llu records, %s%s%s",
			 topic->name[SOURCE], gathering_side(run->g, SIDE_SOURCE),
			 (unsigned long long)records, parity_verdict_word(report.verdict),
			 report.reason_count ? ": " : "", report.reason_count ? report.reasons[0].text : "");
		err = put_control(run->g, "control.parity.same", findings_of(&report), records, text, fault);
	}
	parity_report_done(&report);
	return err;
}

/* Each class, planted by the comparer into logs of its own, must be found, and nothing else. */
static int control_planted(const struct gather_run *run, struct fault *fault)
{
	struct fault why = { 0 };
	int err = controls_run(&why);

	if (err == ERR_MEMORY)
		return fault_set(fault, err, "no memory for the controls");
	return put_control(
		run->g, "control.parity.planted", err < 0, FINDING_CLASSES,
		err < 0 ? why.text
			: "each class of finding was planted into logs of the comparer's own, and found",
		fault);
}

/* ---- all of it ---- */

int gather_parity(const struct gather_run *run, struct fault *fault)
{
	struct moment began = gathering_now(run->g);
	struct parity_options options;
	struct parity_report report;
	struct fault why = { 0 };
	int err = options_make(run, &options);

	if (err < 0)
		return fault_set(fault, err, "no memory for the comparison");
	err = parity_compare(run->loop, run->source, run->target, &options, on_progress, (void *)run, &report,
			     &why);
	if (err == ERR_CANCELLED || err == ERR_MEMORY) {
		fault_set(fault, err, "%s", why.text);
	} else if (err < 0) {
		err = put_failure(run->g, &why, fault);
	} else {
		for (size_t i = 0; i < report.topic_count && !err; i++)
			err = put_topic(run->g, &report, &report.topics[i], began, fault);
		err = err ? err : put_family(run->g, &report, began, fault);
		err = err ? err : control_planted(run, fault);
		if (run->progress)
			run->progress(run->context, "comparing the source with itself", -1);
		err = err ? err : control_same(run, &options, &report, fault);
	}
	parity_report_done(&report);
	return err;
}
