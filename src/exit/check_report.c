/*
 * check_report.c - from results to reasons.
 *
 * Many rules rest on one item of evidence; when that item is stale or partial, the cause is told once and not a dozen
 * times.  Texts are copied: a report outlives the facts.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "exit/check_report.h"

#define REPORT_MEMORY ((size_t)256 << 20)

static const char *copy(struct report *report, struct view text)
{
	struct view kept = arena_copy(&report->arena, text);

	return kept.at ? (const char *)kept.at : text.at ? "" : NULL;
}

struct report *check_report_new(const struct check_options *options)
{
	struct report *report = calloc(1, sizeof *report);

	if (!report)
		return NULL;
	arena_init(&report->arena, REPORT_MEMORY);
	report->gates = options->gates ? options->gates & GATES_ALL : GATES_ALL;
	report->plan_file = copy(report, view_text(options->plan_file ? options->plan_file : "exit.yaml"));
	return report;
}

/* ---- clusters ---- */

/* What the APIs of a cluster amount to: each release of Kafka brought one that tells it from the one before. */
static const char *software_of(const struct facts_side *side)
{
	static const struct {
		int16_t api;
		const char *text;
	} marks[] = {
		{ 88, "Kafka 4.1 or later" }, /* StreamsGroupHeartbeat */
		{ 76, "Kafka 4.0 or later" }, /* ShareGroupHeartbeat */
		{ 80, "Kafka 3.9 or later" }, /* AddRaftVoter */
		{ 68, "Kafka 3.7 or later" }, /* ConsumerGroupHeartbeat */
		{ 65, "Kafka 3.0 or later" }, /* DescribeTransactions */
		{ 60, "Kafka 2.8 or later" }, /* DescribeCluster */
		{ 50, "Kafka 2.7 or later" }, /* DescribeUserScramCredentials */
		{ 48, "Kafka 2.6 or later" }, /* DescribeClientQuotas */
		{ 43, "Kafka 2.2 or later" }, /* ElectLeaders */
	};

	for (size_t m = 0; m < sizeof marks / sizeof marks[0]; m++)
		for (int b = 0; b < side->detail.broker_count; b++)
			for (int i = 0; i < side->detail.brokers[b].api_count; i++)
				if (side->detail.brokers[b].apis[i].key == marks[m].api)
					return marks[m].text;
	return side->detail.broker_count && !side->detail_answer.err ? "Kafka before 2.2" : NULL;
}

static void put_side(struct report *report, const struct facts_side *side, const char *name,
		     struct report_side *out)
{
	*out = (struct report_side){
		.name = name,
		.address = copy(report, view_text(side->address)),
		.cluster_id = copy(report, view_text(side->metadata.cluster_id)),
		.software = software_of(side),
		.broker_count = side->metadata.broker_count,
		.topic_count = 0,
		.group_count = side->groups.count,
	};
	for (int i = 0; i < side->metadata.topic_count; i++)
		out->topic_count += !facts_topic_is_internal(&side->metadata.topics[i]);
}

/* Ten answers of each cluster, and what the journal has to say. */
#define NOTES_MAX 32

/* What a cluster did not tell, once for the exit. */
static void put_notes(struct report *report, const struct facts *facts)
{
	const char **notes = arena_array(&report->arena, NOTES_MAX, sizeof *notes);

	report->notes = notes;
	for (int side = 0; notes && side < SIDE_COUNT; side++) {
		const struct facts_side *at = &facts->sides[side];
		const struct {
			const char *what;
			const struct facts_answer *answer;
		} answers[] = {
			{ "versions", &at->detail_answer },
			{ "topic configs", &at->configs_answer },
			{ "broker configs", &at->broker_configs_answer },
			{ "groups", &at->groups_answer },
			{ "group members", &at->group_details_answer },
			{ "ACLs", &at->acls_answer },
			{ "quotas", &at->quotas_answer },
			{ "SCRAM users", &at->scram_answer },
			{ "producers", &at->producers_answer },
		};

		for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
			if (answers[i].answer->err)
				notes[report->note_count++] = arena_printf(
					&report->arena, "the %s did not tell its %s: %s",
					side_word((enum side)side), answers[i].what,
					answers[i].answer->text ? answers[i].answer->text
								: err_text(answers[i].answer->err));
		if (at->acls.no_authorizer && !at->acls_answer.err)
			notes[report->note_count++] =
				arena_printf(&report->arena,
					     "the %s has no authorizer: everybody may do everything, and no "
					     "ACL could fence a writer",
					     side_word((enum side)side));
	}
}

int check_report_begin(struct report *report, const struct plan *plan, const struct facts *facts)
{
	report->exit_name = copy(report, plan->exit.text);
	put_side(report, &facts->sides[SIDE_SOURCE], "source", &report->source);
	put_side(report, &facts->sides[SIDE_TARGET], "target", &report->target);
	put_notes(report, facts);
	report->families =
		arena_array(&report->arena, (size_t)plan->family_count + 1, sizeof *report->families);
	return report->families && report->notes ? 0 : ERR_MEMORY;
}

void check_report_note(struct report *report, const char *format, ...)
{
	const char **notes = (const char **)report->notes;
	char text[1200];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof text, format, list);
	va_end(list);
	if (report->note_count < NOTES_MAX)
		notes[report->note_count++] = arena_printf(&report->arena, "%s", text);
}

/* ---- reasons ---- */

static const char *result_text(struct report *report, const struct rule_result *result, bool says)
{
	const char *text = NULL;
	struct buffer buffer;

	buffer_init(&buffer, 64 * 1024);
	rule_result_text(result, says, &buffer);
	if (!buffer.err)
		text = arena_printf(&report->arena, "%s", buffer_string(&buffer));
	buffer_done(&buffer);
	return text ? text : "";
}

struct reasons {
	struct report *report;
	struct report_reason *at;
	int count, capacity;
	bool failed;
	const struct evidence *said; /* what the last reason's evidence says need not be said again */
};

static void add_reason(struct reasons *reasons, const struct report_reason *reason)
{
	for (int i = 0; i < reasons->count; i++) {
		const struct report_reason *had = &reasons->at[i];

		if (strcmp(had->code, reason->code) == 0 && strcmp(had->text, reason->text) == 0 &&
		    strcmp(had->subject ? had->subject : "", reason->subject ? reason->subject : "") == 0)
			return;
	}
	if (reasons->count == reasons->capacity) {
		int capacity = reasons->capacity ? 2 * reasons->capacity : 16;
		struct report_reason *at = arena_array(&reasons->report->arena, (size_t)capacity, sizeof *at);

		if (!at) {
			reasons->failed = true;
			return;
		}
		if (reasons->count)
			memcpy(at, reasons->at, (size_t)reasons->count * sizeof *at);
		reasons->at = at;
		reasons->capacity = capacity;
	}
	reasons->at[reasons->count++] = *reason;
}

/* Partial evidence names its causes, each with a code of its own. */
static void add_causes(struct reasons *reasons, const struct rule_result *result, struct report_reason reason)
{
	for (int i = 0; i < result->evidence->excluded_count; i++) {
		const struct evidence_remark *remark = &result->evidence->excluded[i];
		bool is_code = remark->what.size && remark->what.at[0] >= 'A' && remark->what.at[0] <= 'Z';

		reason.code = is_code ? copy(reasons->report, remark->what) : "EVIDENCE_PARTIAL";
		reason.text = copy(reasons->report, remark->why);
		add_reason(reasons, &reason);
	}
}

/* A rule's words may be made for the direction, and then live only as long as the rules. */
static const char *who_of(const struct reasons *reasons, const struct rule_result *result)
{
	return result->rule->who ? copy(reasons->report, view_text(result->rule->who)) : NULL;
}

static void add_result(struct reasons *reasons, const struct rule_result *result)
{
	struct report_reason reason = {
		.code = rule_result_code(result),
		.pull = result->verdict,
		.waived = result->why == RULE_WAIVED,
		.rule = result->rule->name,
		.subject = copy(reasons->report, result->subject),
		.who = result->verdict == VERDICT_UNKNOWN ? "interlock" : who_of(reasons, result),
	};

	if (reason.subject && !reason.subject[0])
		reason.subject = NULL;
	if (result->why == RULE_PARTIAL && result->evidence->excluded_count) {
		reason.who = who_of(reasons, result);
		add_causes(reasons, result, reason);
		return;
	}
	if (result->why == RULE_NO_SUBJECT) {
		reason.who = "owner";
		reason.text = result->rule->scope == RULE_EACH_GROUP
				      ? "the plan names no groups: name them, or say 'groups: none'"
				      : "whose rights matter is not known: name the family's 'producers' in "
					"the plan";
		add_reason(reasons, &reason);
		return;
	}
	reason.text = result_text(reasons->report, result, result->evidence != reasons->said);
	reasons->said = result->evidence;
	add_reason(reasons, &reason);
}

/* Things that are open and yet should be known. */
static void add_note(struct reasons *reasons, const struct rule_result *result)
{
	struct report_reason reason = { .code = "OPEN_ITEM",
					.rule = result->rule->name,
					.who = who_of(reasons, result),
					.pull = VERDICT_OPEN };

	if (!result->evidence ||
	    !memmem(result->evidence->text.at, result->evidence->text.size, "open item", 9))
		return;
	reason.subject = result->subject.size ? copy(reasons->report, result->subject) : NULL;
	reason.text = copy(reasons->report, result->evidence->text);
	add_reason(reasons, &reason);
}

/* ---- evidence ---- */

static bool had_evidence(const struct gate_result *gate, int until)
{
	for (int i = 0; i < until; i++)
		if (gate->results[i].evidence == gate->results[until].evidence)
			return true;
	return false;
}

static void put_item(struct report *report, const struct evidence *item, struct report_gate *out,
		     struct report_evidence *at)
{
	char id[SHA256_TEXT_SIZE];

	at[out->evidence_count++] = (struct report_evidence){
		.claim = copy(report, item->claim),
		.subject = item->subject.size ? copy(report, item->subject) : NULL,
		.text = copy(report, item->text),
		.status = evidence_status_word(item->status),
		.id = copy(report, view_text(sha256_text(item->id, id))),
		.covered = item->covered,
		.total = item->total,
		.samples = item->samples,
		.began_ms = item->began.wall_ms,
		.ended_ms = item->ended.wall_ms,
	};
}

/* "control.parity.same" belongs to gate parity. */
static bool is_control_of(const struct evidence *item, enum gate gate)
{
	const char *word = gate_word(gate);
	size_t size = strlen(word);

	return item->kind == EVIDENCE_CONTROL && item->claim.size > 8 + size &&
	       memcmp(item->claim.at, "control.", 8) == 0 && memcmp(item->claim.at + 8, word, size) == 0;
}

static int put_evidence(struct report *report, const struct gate_result *gate, const struct gathering *g,
			struct report_gate *out)
{
	struct report_evidence *at =
		arena_array(&report->arena, (size_t)(gate->result_count + g->log->count) + 1, sizeof *at);

	if (!at)
		return ERR_MEMORY;
	for (int i = 0; i < gate->result_count; i++)
		if (gate->results[i].evidence && !had_evidence(gate, i))
			put_item(report, gate->results[i].evidence, out, at);
	for (int i = 0; i < g->log->count; i++)
		if (is_control_of(g->log->items[i], gate->gate))
			put_item(report, g->log->items[i], out, at);
	out->evidence = at;
	return 0;
}

/* ---- one gate ---- */

static const struct evidence *family_item(const struct gate_result *gate, const char *claim)
{
	for (int i = 0; i < gate->result_count; i++)
		if (gate->results[i].evidence && view_is(gate->results[i].evidence->claim, claim))
			return gate->results[i].evidence;
	return NULL;
}

static const char *open_summary(struct report *report, const struct gate_result *gate,
				const struct gathering *g)
{
	const struct evidence *item = family_item(gate, "parity.family");
	char count[UNIT_TEXT_SIZE];

	if (gate->gate == GATE_PARITY && item)
		return arena_printf(&report->arena, "%s records equal, %.*s",
				    count_text(item->samples, count), VIEW_ARGS(item->text));
	item = family_item(gate, gate->gate == GATE_ROLLBACK ? "rollback.boundary" : "capacity.headroom");
	if (gate->gate >= GATE_ROLLBACK && item)
		return arena_printf(&report->arena, "%.*s", VIEW_ARGS(item->text));
	if (gate->gate >= GATE_ROLLBACK)
		return arena_printf(&report->arena, "%d thing%s asked for, all in place", gate->open,
				    gate->open == 1 ? "" : "s");
	if (gate->gate == GATE_PROGRESS && !g->family->groups.count)
		return "nothing reads it";
	if (gate->gate == GATE_PROGRESS)
		return arena_printf(&report->arena, "%d group%s at the same record on both sides",
				    g->family->groups.count, g->family->groups.count == 1 ? "" : "s");
	return arena_printf(&report->arena, "%d topic%s, %d group%s, %d principal%s: nothing in the way",
			    g->topic_count, g->topic_count == 1 ? "" : "s", g->family->groups.count,
			    g->family->groups.count == 1 ? "" : "s", g->principal_count,
			    g->principal_count == 1 ? "" : "s");
}

/* The first codes, each once: what an operator reads in the table. */
static const char *trouble_summary(struct report *report, const struct report_gate *gate)
{
	const char *said[3] = { NULL };
	struct buffer text;
	const char *kept;
	int count = 0;

	buffer_init(&text, 4096);
	for (int i = 0; i < gate->reason_count && count < 3; i++) {
		bool known = gate->reasons[i].pull != gate->verdict;

		for (int j = 0; j < count; j++)
			known |= strcmp(said[j], gate->reasons[i].code) == 0;
		if (known)
			continue;
		said[count] = gate->reasons[i].code;
		buffer_printf(&text, "%s%s%s%s", count ? ", " : "", gate->reasons[i].code,
			      gate->reasons[i].subject ? " " : "",
			      gate->reasons[i].subject ? gate->reasons[i].subject : "");
		count++;
	}
	kept = arena_printf(&report->arena, "%s", buffer_string(&text));
	buffer_done(&text);
	return kept ? kept : "";
}

static int put_words(struct report *report, const struct rules *rules, const struct gate_result *gate,
		     struct report_gate *out)
{
	const char **declined = arena_array(&report->arena, RULES_NOT_ASKED_MAX, sizeof *declined);
	const char **unchecked = arena_array(&report->arena, (size_t)rules->count + 1, sizeof *unchecked);

	if (!declined || !unchecked)
		return ERR_MEMORY;
	for (int i = 0; i < rules->not_asked_count; i++)
		if (rules->not_asked[i].gate == gate->gate)
			declined[out->not_asked_count++] = rules->not_asked[i].text;
	for (int i = 0; i < rules->count; i++)
		if (rules->at[i].gate == gate->gate && rules->at[i].unchecked)
			unchecked[out->unchecked_count++] = copy(report, view_text(rules->at[i].unchecked));
	out->not_asked = declined;
	out->unchecked = unchecked;
	return 0;
}

static int by_pull(const void *a, const void *b)
{
	static const int rank[] = { [VERDICT_SHUT] = 0, [VERDICT_UNKNOWN] = 1, [VERDICT_OPEN] = 2 };
	const struct report_reason *x = a, *y = b;

	if (rank[x->pull] != rank[y->pull])
		return rank[x->pull] - rank[y->pull];
	return strcmp(x->rule, y->rule);
}

int check_report_gate(struct report *report, const struct rules *rules, const struct gate_result *result,
		      const struct gathering *g, bool asked, struct report_gate *out)
{
	struct reasons reasons = { .report = report };
	int err;

	*out = (struct report_gate){
		.gate = result->gate,
		.verdict = result->verdict,
		.measured = (GATES_MEASURED & 1u << result->gate) != 0,
		.open = result->open,
		.shut = result->shut,
		.unknown = result->unknown,
		.waived = result->waived,
	};
	if (!asked && out->measured) {
		/* Nothing was gathered for it, so it is unknown, and a list of what is missing would say nothing. */
		out->verdict = VERDICT_UNKNOWN;
		out->open = out->shut = out->unknown = out->waived = 0;
		out->summary = "not asked for by --gate";
		return put_words(report, rules, result, out);
	}
	for (int i = 0; i < result->result_count; i++) {
		if (result->results[i].verdict != VERDICT_OPEN || result->results[i].why == RULE_WAIVED)
			add_result(&reasons, &result->results[i]);
		else
			add_note(&reasons, &result->results[i]);
	}
	if (reasons.count)
		qsort(reasons.at, (size_t)reasons.count, sizeof *reasons.at, by_pull);
	out->reasons = reasons.at;
	out->reason_count = reasons.count;
	err = put_evidence(report, result, g, out);
	err = err ? err : put_words(report, rules, result, out);
	out->summary = !out->measured                 ? "not measured yet"
		       : out->verdict == VERDICT_OPEN ? open_summary(report, result, g)
						      : trouble_summary(report, out);
	return err || reasons.failed || !out->summary ? ERR_MEMORY : 0;
}

/* ---- family and exit ---- */

void check_report_family(struct report *report, const struct gathering *g, struct report_family *out)
{
	int counted = 0;

	out->name = copy(report, g->family->name.text);
	out->class_name = copy(report, g->family->class->head.name);
	out->pattern = plan_pattern_words[g->family->pattern.value];
	out->rehearsal = g->family->class->rehearsal;
	out->topic_count = g->topic_count;
	out->group_count = g->family->groups.count;
	out->producer_count = g->family->producers.count;
	out->verdict = VERDICT_UNKNOWN;
	for (int gate = 0; gate < GATE_COUNT; gate++)
		if (report->gates & 1u << gate)
			out->verdict = counted++ ? verdict_both(out->verdict, out->gates[gate].verdict)
						 : out->gates[gate].verdict;
	report->rehearsal |= out->rehearsal;
}

void check_report_end(struct report *report, int64_t at_ms, double seconds)
{
	report->verdict = VERDICT_UNKNOWN;
	for (int i = 0; i < report->family_count; i++)
		report->verdict = i ? verdict_both(report->verdict, report->families[i].verdict)
				    : report->families[i].verdict;
	report->at_ms = at_ms;
	report->seconds = seconds;
}
