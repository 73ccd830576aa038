/*
 * render_check.c - six gates a family, then the reasons, in the order in which somebody would act on them.
 *
 * JSON keeps the shape of `status`: "gates" maps a gate to its word, so that one script reads both; what stands behind
 * each gate is beside it in "details".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/json.h"
#include "cli/render_check.h"
#include "cli/render_levers.h"

static enum status status_of_verdict(enum verdict verdict)
{
	return verdict == VERDICT_OPEN ? STATUS_OPEN : verdict == VERDICT_SHUT ? STATUS_SHUT : STATUS_UNKNOWN;
}

static enum ink ink_of(enum verdict verdict)
{
	return ink_of_verdict(verdict_word(verdict));
}

static const char *plural(int count, const char *one, const char *many)
{
	return count == 1 ? one : many;
}

static void side_row(struct table *table, const struct report_side *side)
{
	table_cell(table, INK_DIM, "%s", side->name ? side->name : "?");
	table_name(table, INK_PLAIN, view_text(side->address ? side->address : "?"));
	table_name(table, INK_PLAIN, view_text(side->software ? side->software : "version not known"));
	table_cell(table, INK_PLAIN, "%d %s, %d %s, %d %s", side->broker_count,
		   plural(side->broker_count, "broker", "brokers"), side->topic_count,
		   plural(side->topic_count, "topic", "topics"), side->group_count,
		   plural(side->group_count, "group", "groups"));
}

static void head(struct paper *paper, const struct report *report)
{
	char at[UNIT_TEXT_SIZE];
	struct table table;

	paper_safe(paper, view_text(report->exit_name));
	paper_ink(paper, INK_PLAIN, ": ");
	paper_ink(paper, ink_of(report->verdict), "%s", verdict_word(report->verdict));
	paper_line(paper, "%s   (%s, in %.1f s)", report->rehearsal ? "   REHEARSAL" : "",
		   time_text(report->at_ms, at), report->seconds);
	table_init(&table, "llll", 2);
	side_row(&table, &report->source);
	side_row(&table, &report->target);
	table_print(&table, paper);
	table_done(&table);
}

static bool gate_asked(const struct report *report, enum gate gate)
{
	return report->gates == 0 || (report->gates & 1u << gate);
}

static void gates_table(struct paper *paper, const struct report *report, const struct report_family *family)
{
	struct table table;

	table_init(&table, "lll", 2);
	for (int index = 0; index < GATE_COUNT; index++) {
		const struct report_gate *gate = &family->gates[index];

		if (!gate_asked(report, gate->gate))
			continue;
		table_cell(&table, INK_PLAIN, "%s", gate_word(gate->gate));
		table_cell(&table, ink_of(gate->verdict), "%s%s", verdict_word(gate->verdict),
			   gate->waived ? " (WAIVED)" : "");
		table_name(&table, INK_PLAIN, view_text(gate->summary ? gate->summary : ""));
	}
	table_print(&table, paper);
	table_done(&table);
}

/* "shut     parity     orders: 2 records of the source are not on the target (PARITY_LOST; source operator)" */
static void reason_row(struct table *table, const struct report_gate *gate,
		       const struct report_reason *reason)
{
	bool said = reason->subject && !strstr(reason->text, reason->subject);

	table_cell(table, reason->waived ? INK_DOUBT : ink_of(reason->pull), "%s",
		   reason->waived                 ? "WAIVED"
		   : reason->pull == VERDICT_OPEN ? "note"
						  : verdict_word(reason->pull));
	table_cell(table, INK_PLAIN, "%s", gate_word(gate->gate));
	char *text = NULL;

	if (asprintf(&text, "%s%s%s (%s%s%s)", said ? reason->subject : "", said ? ": " : "", reason->text,
		     reason->code, reason->who ? "; " : "", reason->who ? reason->who : "") < 0)
		text = NULL;
	table_name(table, INK_PLAIN, view_text(text ? text : reason->text));
	free(text);
}

static void reasons_table(struct paper *paper, const struct report *report,
			  const struct report_family *family)
{
	static const enum verdict order[] = { VERDICT_SHUT, VERDICT_UNKNOWN, VERDICT_OPEN };
	struct table table;
	int rows = 0;

	table_init(&table, "lll", 2);
	for (int pull = 0; pull < 3; pull++) {
		for (int index = 0; index < GATE_COUNT; index++) {
			const struct report_gate *gate = &family->gates[index];

			if (!gate_asked(report, gate->gate) || !gate->measured)
				continue;
			for (int at = 0; at < gate->reason_count; at++) {
				if (gate->reasons[at].pull != order[pull])
					continue;
				reason_row(&table, gate, &gate->reasons[at]);
				rows++;
			}
		}
	}
	if (rows) {
		paper_gap(paper);
		table_print(&table, paper);
	}
	table_done(&table);
}

static void evidence_table(struct paper *paper, const struct report *report,
			   const struct report_family *family)
{
	struct table table;

	table_init(&table, "lllll", 2);
	table_head(&table, "evidence", "subject", "status", "digest", "says", NULL);
	for (int index = 0; index < GATE_COUNT; index++) {
		const struct report_gate *gate = &family->gates[index];

		for (int at = 0; gate_asked(report, gate->gate) && at < gate->evidence_count; at++) {
			const struct report_evidence *evidence = &gate->evidence[at];

			table_cell(&table, INK_PLAIN, "%s", evidence->claim);
			table_name(&table, INK_PLAIN, view_text(evidence->subject ? evidence->subject : "-"));
			table_cell(&table, INK_PLAIN, "%s", evidence->status);
			table_cell(&table, INK_DIM, "%.12s", evidence->id ? evidence->id : "");
			table_name(&table, INK_PLAIN, view_text(evidence->text));
		}
	}
	if (table.count > table.columns) {
		paper_gap(paper);
		table_print(&table, paper);
	}
	table_done(&table);
}

/* What a gate leaves out, by the class's wish or because it cannot see it. */
static void left_out(struct paper *paper, const struct report *report, const struct report_family *family,
		     bool evidence)
{
	for (int index = 0; index < GATE_COUNT; index++) {
		const struct report_gate *gate = &family->gates[index];

		if (!gate_asked(report, gate->gate))
			continue;
		for (int at = 0; at < gate->not_asked_count; at++)
			paper_line(paper, "  %s", gate->not_asked[at]);
		for (int at = 0; evidence && at < gate->unchecked_count; at++) {
			paper_ink(paper, INK_PLAIN, "  not checked: ");
			paper_wrap(paper, 15, 15, gate->unchecked[at]);
		}
	}
}

static void family_paper(struct paper *paper, const struct report *report, const struct report_family *family,
			 bool evidence)
{
	paper_gap(paper);
	paper_safe(paper, view_text(family->name));
	paper_ink(paper, INK_PLAIN, ": ");
	paper_ink(paper, ink_of(family->verdict), "%s", verdict_word(family->verdict));
	paper_line(paper, "   class %s, %s, %d %s, %d %s, %d %s%s", family->class_name, family->pattern,
		   family->topic_count, plural(family->topic_count, "topic", "topics"), family->group_count,
		   plural(family->group_count, "group", "groups"), family->producer_count,
		   plural(family->producer_count, "producer", "producers"),
		   family->rehearsal ? "   REHEARSAL" : "");
	if (family->stage)
		paper_line(paper, "  stands in %s, authority %s, epoch %llu", family->stage,
			   family->authority, (unsigned long long)family->epoch);
	gates_table(paper, report, family);
	reasons_table(paper, report, family);
	if (evidence)
		evidence_table(paper, report, family);
	left_out(paper, report, family, evidence);
}

void check_paper(struct paper *paper, const struct report *report, bool evidence)
{
	head(paper, report);
	for (int index = 0; index < report->family_count; index++)
		family_paper(paper, report, &report->families[index], evidence);
	for (int index = 0; index < report->note_count; index++) {
		paper_ink(paper, INK_PLAIN, "%snote: ", index ? "" : "\n");
		paper_wrap(paper, 6, 6, report->notes[index]);
	}
}

static json_t *side_json(const struct report_side *side)
{
	return json_pack("{s:o, s:o, s:o, s:i, s:i, s:i}", "address", json_words(side->address), "cluster_id",
			 json_words(side->cluster_id), "software", json_words(side->software), "brokers",
			 side->broker_count, "topics", side->topic_count, "groups", side->group_count);
}

static json_t *reason_json(const struct report_gate *gate, const struct report_reason *reason)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o}", "code", reason->code, "gate",
			 gate_word(gate->gate), "verdict", verdict_word(reason->pull), "waived",
			 reason->waived, "rule", json_words(reason->rule), "subject",
			 json_words(reason->subject), "text", json_words(reason->text), "who",
			 json_words(reason->who));
}

static json_t *evidence_json(const struct report_evidence *evidence)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "claim",
			 json_words(evidence->claim), "subject", json_words(evidence->subject), "text",
			 json_words(evidence->text), "status", json_words(evidence->status), "digest",
			 json_words(evidence->id), "covered", json_count(evidence->covered), "total",
			 json_count(evidence->total), "samples", json_count(evidence->samples), "began",
			 json_time(evidence->began_ms), "ended", json_time(evidence->ended_ms));
}

static json_t *gate_json(const struct report_gate *gate)
{
	json_t *evidence = json_array();

	for (int index = 0; index < gate->evidence_count; index++)
		json_array_append_new(evidence, evidence_json(&gate->evidence[index]));
	return json_pack("{s:s, s:b, s:o, s:{s:i, s:i, s:i, s:i}, s:o, s:o, s:o}", "verdict",
			 verdict_word(gate->verdict), "measured", gate->measured, "summary",
			 json_words(gate->summary), "rules", "open", gate->open, "shut", gate->shut,
			 "unknown", gate->unknown, "waived", gate->waived, "evidence", evidence, "not_asked",
			 json_list(gate->not_asked, gate->not_asked_count), "unchecked",
			 json_list(gate->unchecked, gate->unchecked_count));
}

static json_t *family_json(const struct report *report, const struct report_family *family)
{
	json_t *gates = json_object(), *details = json_object(), *reasons = json_array();

	for (int index = 0; index < GATE_COUNT; index++) {
		const struct report_gate *gate = &family->gates[index];

		if (!gate_asked(report, gate->gate))
			continue;
		json_object_set_new(gates, gate_word(gate->gate), json_string(verdict_word(gate->verdict)));
		json_object_set_new(details, gate_word(gate->gate), gate_json(gate));
		for (int at = 0; at < gate->reason_count; at++)
			json_array_append_new(reasons, reason_json(gate, &gate->reasons[at]));
	}
	return json_pack("{s:o, s:s?, s:s?, s:I, s:o, s:o, s:b, s:s, s:i, s:i, s:i, s:o, s:o, s:o}", "family",
			 json_words(family->name), "stage", family->stage, "authority", family->authority,
			 "epoch", (json_int_t)family->epoch, "class", json_words(family->class_name),
			 "pattern", json_words(family->pattern), "rehearsal", family->rehearsal, "verdict",
			 verdict_word(family->verdict), "topics", family->topic_count, "groups",
			 family->group_count, "producers", family->producer_count, "gates", gates, "reasons",
			 reasons, "details", details);
}

json_t *check_json(const struct report *report)
{
	json_t *families = json_array();

	for (int index = 0; index < report->family_count; index++)
		json_array_append_new(families, family_json(report, &report->families[index]));
	return json_pack("{s:o, s:o, s:s, s:b, s:o, s:f, s:o, s:o, s:o, s:o}", "exit",
			 json_words(report->exit_name), "plan", json_words(report->plan_file), "verdict",
			 verdict_word(report->verdict), "rehearsal", report->rehearsal, "at",
			 json_time(report->at_ms), "seconds", report->seconds, "source",
			 side_json(&report->source), "target", side_json(&report->target), "families",
			 families, "notes", json_list(report->notes, report->note_count));
}

enum status render_check(struct output *output, const struct report *report, bool evidence,
			 const struct lever_round *levers)
{
	enum status status = status_of_verdict(report->verdict);
	struct paper paper;

	if (output->json) {
		json_t *object = check_json(report);

		if (levers)
			json_object_set_new(object, "levers", levers_json(levers));
		output_json(output, object);
	} else {
		output_paper(output, &paper);
		check_paper(&paper, report, evidence);
		if (levers)
			levers_paper(&paper, levers);
		output_show(output, &paper);
	}
	return status == STATUS_OPEN && levers && levers->silent ? STATUS_UNKNOWN : status;
}
