/*
 * test_render_parity.c - what a comparison looks like to people and to machines, letter by letter.
 *
 * The report is made by hand here, so that a change of the layout is seen without a cluster.
 */
#include "cli/harness.h"

#include "cli/render_parity.h"

static struct topic_report *add_topic(struct parity_report *report, const char *source, const char *target)
{
	struct topic_report *topic = parity_report_topic(report, source, target);

	assert_non_null(topic);
	return topic;
}

/* 1,000 orders of which two are lost and one was altered on the way. */
static void fill_shut(struct parity_report *report)
{
	struct topic_report *topic;

	parity_report_init(report, CLAIM_KEY_ORDER);
	topic = add_topic(report, "orders", "orders");
	topic->partitions[0] = topic->partitions[1] = 1;
	topic->records[0] = 1000;
	topic->records[1] = 998;
	topic->bytes[0] = 104000;
	topic->bytes[1] = 103790;
	topic->matched = 997;
	topic->findings[FINDING_LOST] = 2;
	topic->findings[FINDING_ALTERED] = 1;
	topic->range_count = 1;
	topic->ranges = calloc(1, sizeof *topic->ranges);
	topic->ranges[0] = (struct partition_report){ 0, { { true, 0, 1000 }, { true, 5, 1003 } } };
	topic->example_count = 2;
	topic->examples = calloc(2, sizeof *topic->examples);
	topic->examples[0] =
		(struct finding){ FINDING_LOST,
				  { { true, true, 0, 17, 1700000000000, 0x9f00000000000001 }, { false } } };
	topic->examples[1] = (struct finding){ FINDING_ALTERED,
					       { { true, false, 0, 20, 1700000000100, 0 },
						 { true, false, 0, 24, 1700000000350, 0 } } };
	assert_int_equal(parity_report_normaliser(report, "ignore-header:trace", 1998), 0);
	report->speed = (struct parity_speed){ 1.2, 0.9, 207790, 90000000 };
	report->started_ms = 1700000001000;
	report->ended_ms = 1700000002200;
	assert_int_equal(parity_report_judge(report), 0);
}

static void test_shut_paper(void **state)
{
	struct parity_report report;
	struct paper paper;

	fill_shut(&report);
	paper_init(&paper, 100, false);
	parity_paper(&paper, &report);
	golden("parity_shut.txt", buffer_string(&paper.text));
	paper_done(&paper);
	parity_report_done(&report);
}

static void test_shut_json(void **state)
{
	struct parity_report report;
	json_t *object;
	char *text;

	fill_shut(&report);
	object = parity_json(&report);
	text = json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	golden("parity_shut.json", text);
	free(text);
	json_decref(object);
	parity_report_done(&report);
}

/* One topic is missing, one has other names and partition counts, one has a name that would clear the screen. */
static void test_names_and_sides(void **state)
{
	struct parity_report report;
	struct topic_report *topic;
	struct paper paper;

	parity_report_init(&report, CLAIM_CONTENT);
	topic = add_topic(&report, "gone", "gone");
	topic->partitions[0] = 3;
	topic = add_topic(&report, "pay", "pay.v2");
	topic->partitions[0] = 3;
	topic->partitions[1] = 6;
	topic->proved = CLAIM_KEY_ORDER;
	topic = add_topic(&report, "\033[2Jevil", "\033[2Jevil");
	topic->partitions[0] = topic->partitions[1] = 1;
	topic->proved = CLAIM_OFFSETS;
	assert_int_equal(
		parity_report_reason(&report, true, "TOPIC_MISSING", "gone", "the target has no such topic"),
		0);
	assert_int_equal(parity_report_reason(&report, false, "OPEN_TRANSACTION", "\033[2Jevil",
					      "producer 7 has one open"),
			 0);
	assert_int_equal(parity_report_judge(&report), 0);
	paper_init(&paper, 100, true);
	parity_paper(&paper, &report);
	golden("parity_sides.txt", buffer_string(&paper.text));
	assert_null(strstr(buffer_string(&paper.text), "\033[2J"));
	paper_done(&paper);
	parity_report_done(&report);
}

static void test_glance(void **state)
{
	struct parity_progress progress = {
		.stage = STAGE_READING,
		.records = { 600, 640 },
		.bytes = { 60000000, 64000000 },
		.records_expected = { 1500, 1600 },
		.matched = 590,
		.pending = { 10, 50 },
		.seconds = 2.0,
		.passes = 1,
	};
	char text[GLANCE_SIZE];

	assert_string_equal(parity_glance(&progress, text),
			    "reading 40 %: 590 records matched, 60 waiting for a twin, 59.1 MiB/s");
	progress.stage = STAGE_FOLLOWING;
	progress.partitions_level = 12;
	progress.partitions_hot = 1;
	assert_string_equal(parity_glance(&progress, text), "following: 590 records matched, 60 waiting for "
							    "a twin; partitions: 12 settled, 1 hot, 0 open, "
							    "0 diverged");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shut_paper),
		cmocka_unit_test(test_shut_json),
		cmocka_unit_test(test_names_and_sides),
		cmocka_unit_test(test_glance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
