/* test_render_check.c - the report of a check, as an operator and as a script see it. */
#include "cli/harness.h"

#include "cli/render_check.h"

static const struct report_reason parity_reasons[] = {
	{ "PARITY_LOST", VERDICT_SHUT, false, "parity.lost", "orders",
	  "2 records of the source are not on the target", "interlock" },
	{ "EVIDENCE_STALE", VERDICT_UNKNOWN, false, "parity.age", NULL,
	  "the newest comparison is 3 min old; the class allows 1 min", "interlock" },
};

static const struct report_reason compatibility_reasons[] = {
	{ "CREDENTIAL_UNREADABLE", VERDICT_OPEN, false, "compatibility.credentials", "User:orders",
	  "the SCRAM secret of User:orders cannot be read; it must be set on the target by hand",
	  "target operator" },
};

static const struct report_evidence parity_evidence[] = {
	{ "parity.faults", "orders", "998 of 1,000 records matched, LOST 2", "ok",
	  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", 1000, 1000, 1000, 1700000000000,
	  1700000001200 },
};

static const char *const not_asked[] = { "rollback.drill: not asked for" };
static const char *const unchecked[] = { "schema ids: the plan names no registry" };

static void fill(struct report *report, struct report_family *family)
{
	memset(report, 0, sizeof *report);
	memset(family, 0, sizeof *family);
	*family = (struct report_family){
		.name = "orders",
		.class_name = "ledger",
		.pattern = "dual-write",
		.stage = "TARGET",
		.authority = "target",
		.epoch = 3,
		.verdict = VERDICT_SHUT,
		.topic_count = 2,
		.group_count = 2,
		.producer_count = 1,
	};
	for (int gate = 0; gate < GATE_COUNT; gate++)
		family->gates[gate] =
			(struct report_gate){ .gate = (enum gate)gate,
					      .measured = true,
					      .summary = gate == GATE_ROLLBACK   ? "DRILL_MISSING"
							 : gate == GATE_CAPACITY ? "LIMIT_MISSING"
										 : "ON_CALL_UNCONFIRMED",
					      .unknown = 1 };
	family->gates[GATE_COMPATIBILITY] = (struct report_gate){
		.gate = GATE_COMPATIBILITY,
		.verdict = VERDICT_OPEN,
		.measured = true,
		.open = 9,
		.summary = "both sides speak all that the family uses",
		.reasons = compatibility_reasons,
		.reason_count = 1,
		.unchecked = unchecked,
		.unchecked_count = 1,
	};
	family->gates[GATE_PARITY] = (struct report_gate){
		.gate = GATE_PARITY,
		.verdict = VERDICT_SHUT,
		.measured = true,
		.open = 5,
		.shut = 1,
		.unknown = 1,
		.summary = "2 topics, 2,000 records, LOST 2",
		.reasons = parity_reasons,
		.reason_count = 2,
		.evidence = parity_evidence,
		.evidence_count = 1,
	};
	family->gates[GATE_PROGRESS] = (struct report_gate){
		.gate = GATE_PROGRESS,
		.verdict = VERDICT_OPEN,
		.measured = true,
		.open = 4,
		.summary = "2 groups in 8 partitions, nothing skipped, 12 read again",
	};
	family->gates[GATE_ROLLBACK].not_asked = not_asked;
	family->gates[GATE_ROLLBACK].not_asked_count = 1;
	*report = (struct report){
		.exit_name = "orders-to-next",
		.plan_file = "exit.yaml",
		.verdict = VERDICT_SHUT,
		.at_ms = 1700000002000,
		.seconds = 1.4,
		.families = family,
		.family_count = 1,
		.source = { "source", "old:9092", "4L6g3nShT-eMCtK--X86sw", "Kafka 3.9", 3, 40, 12 },
		.target = { "target", "new:9092", NULL, NULL, 1, 41, 1 },
	};
}

static void show(const char *name, bool evidence, int width)
{
	struct report_family family;
	struct report report;
	struct paper paper;

	fill(&report, &family);
	paper_init(&paper, width, false);
	check_paper(&paper, &report, evidence);
	golden(name, buffer_string(&paper.text));
	paper_done(&paper);
}

static void test_paper(void **state)
{
	show("check.txt", false, 100);
}

static void test_narrow_with_evidence(void **state)
{
	show("check_evidence.txt", true, 80);
}

static void test_only_the_gates_asked_for(void **state)
{
	struct report_family family;
	struct report report;
	json_t *object, *gates;

	fill(&report, &family);
	report.gates = 1u << GATE_PARITY | 1u << GATE_PROGRESS;
	object = check_json(&report);
	gates = json_object_get(json_array_get(json_object_get(object, "families"), 0), "gates");
	assert_int_equal(json_object_size(gates), 2);
	assert_string_equal(json_string_value(json_object_get(gates, "parity")), "shut");
	assert_string_equal(json_string_value(json_object_get(gates, "progress")), "open");
	json_decref(object);
}

static void test_json(void **state)
{
	struct report_family family;
	struct report report;
	json_t *object;
	char *text;

	fill(&report, &family);
	object = check_json(&report);
	text = json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	golden("check.json", text);
	free(text);
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paper),
		cmocka_unit_test(test_narrow_with_evidence),
		cmocka_unit_test(test_only_the_gates_asked_for),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
