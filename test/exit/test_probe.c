/* test_probe.c - probes that tell, that lie, that are silent; and what becomes of them at the gate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "exit/gather_run.h"
#include "exit/probe.h"
#include "exit/rules.h"
#include "exit/told_make.h"

#define LONG_MS 60000

static const char probes[] =
	"  counters:\n"
	"  - { name: revenue, source: exec ./sum source, target: exec ./sum target, tolerance: 0.5, control: "
	"lose-one }\n"
	"  outside:\n"
	"  - { flink: billing-job, checkpoint: exec ./where, control: elsewhere }\n"
	"  dashboards: [ { name: board, probe: exec ./board, control: no-such-board } ]\n"
	"  alerts: [ { name: lag, probe: exec ./alert get, fire: exec ./alert fire }, { name: mute, probe: "
	"exec ./alert get } ]\n";

struct play {
	struct operator operator;
	struct fault fault;
	const struct plan_family *family;
};

static void play_open_with(struct play *play, const char *head, const char *family)
{
	memset(play, 0, sizeof *play);
	operator_open(&play->operator);
	operator_plans(&play->operator, head, family);
	play->family = &play->operator.plan->families[0];
}

static void play_open(struct play *play)
{
	play_open_with(play, "", probes);
	operator_asks(&play->operator);
}

static void play_close(struct play *play)
{
	operator_close(&play->operator);
}

/* ---- counters ---- */

static const struct counter_row {
	const char *what, *script; /* $1 is the side, $2 the control */
	int err;
	bool different;
	const char *says;
} counter_rows[] = {
	{ "the same", "[ \"$2\" ] && echo 11 || echo 12", 0, false, "" },
	{ "within the tolerance", "[ \"$2\" ] && { echo 9; exit; }; [ $1 = source ] && echo 12 || echo 12.5",
	  0, false, "" },
	{ "past the tolerance",
	  "[ \"$2\" ] && { echo 9; exit; }; [ $1 = source ] && echo 12 || echo 12.500001", 0, true, "" },
	{ "fewer", "[ \"$2\" ] && { echo 9; exit; }; [ $1 = source ] && echo 12 || echo 11", 0, true, "" },
	{ "with units", "[ \"$2\" ] && echo 1 EUR || echo 12 EUR", 0, false, "" },
	{ "with other units", "[ $1 = source ] && echo 12 EUR || echo 12 USD", ERR_MALFORMED, false,
	  "'EUR'" },
	{ "in JSON", "[ \"$2\" ] && echo 1 || echo '{\"value\": 12}'", 0, false, "" },
	{ "always the same", "echo 12", ERR_CHECKSUM, false, "still answers 12" },
	{ "always near", "[ \"$2\" ] && echo 12.5 || echo 12", ERR_CHECKSUM, false, "still answers 12.5" },
	{ "only the source can lie", "[ \"$2\" ] && [ $1 = source ] && echo 9 || echo 12", ERR_CHECKSUM,
	  false, "./sum target" },
	{ "no answer to the control", "[ \"$2\" ] && exit 3; echo 12", ERR_CHECKSUM, false,
	  "its control lose-one gave no answer" },
	{ "no number", "echo many", ERR_MALFORMED, false, "not a number" },
	{ "one side is silent", "[ $1 = target ] && exit 1; echo 12", ERR_BROKER, false, "./sum target" },
	{ "yes is no number", "echo yes", ERR_MALFORMED, false, "not a number" },
};

static void counters_are_compared(void **state)
{
	struct play play;

	play_open(&play);
	for (size_t i = 0; i < sizeof counter_rows / sizeof *counter_rows; i++) {
		const struct counter_row *row = &counter_rows[i];
		struct probe_counter found = { .apart_millionths = -1 };
		int err;

		operator_script(&play.operator, "sum", row->script);
		memset(&play.fault, 0, sizeof play.fault);
		err = probe_counter(play.operator.asking, &play.family->counters.at[0], SIDE_SOURCE, 1, 0,
				    &found, &play.fault);
		if (err != row->err || (err == 0 && found.different != row->different) ||
		    !strstr(play.fault.text, row->says))
			fail_msg("%s: %d, %s", row->what, err, play.fault.text);
		assert_true(err == 0 || found.apart_millionths == -1); /* untouched */
		assert_true(err < 0 || found.controlled);
	}
	play_close(&play);
}

/* Both sides go on counting, the target one behind: what the source showed before is what the target must reach. */
static void counters_that_move_are_the_same(void **state)
{
	struct probe_counter found;
	struct play play;

	play_open(&play);
	operator_script(&play.operator, "sum",
			"[ \"$2\" ] && { echo 1; exit; }\n"
			"n=$(cat n 2>/dev/null || echo 100); n=$((n + 1)); echo $n > n\n"
			"[ $1 = source ] && echo $n || echo $((n - 3))");
	assert_int_equal(probe_counter(play.operator.asking, &play.family->counters.at[0], SIDE_SOURCE, 1,
				       LONG_MS, &found, &play.fault),
			 0);
	assert_false(found.different);
	assert_true(found.other.millionths >= found.low.millionths);
	assert_true(found.high.millionths > found.low.millionths);

	/* While authority is on the target, the source is held against it: now the source runs ahead. */
	operator_script(&play.operator, "sum",
			"[ \"$2\" ] && { echo 1; exit; }\n"
			"n=$(cat n); n=$((n + 1)); echo $n > n\n"
			"[ $1 = source ] && echo $((n + 1000)) || echo $n");
	assert_int_equal(probe_counter(play.operator.asking, &play.family->counters.at[0], SIDE_TARGET, 1, 0,
				       &found, &play.fault),
			 0);
	assert_true(found.different);
	assert_true(found.other.millionths > found.high.millionths);
	play_close(&play);
}

/* ---- yes or no ---- */

static const struct yes_row {
	const char *script;
	int err;
	bool yes;
} yes_rows[] = {
	{ "[ \"$1\" ] && echo no || echo yes", 0, true },
	{ "echo no", 0, false },
	{ "echo 0", 0, false },
	{ "[ \"$1\" ] && echo 0 || echo 3 alerts", 0, true },
	{ "[ \"$1\" ] && echo '{\"value\": false}' || echo '{\"value\": true}'", 0, true },
	{ "echo yes", ERR_CHECKSUM, false }, /* one that always says yes is found out */
	{ "[ \"$1\" ] && exit 1; echo yes", ERR_CHECKSUM, false },
	{ "[ \"$1\" ] && echo perhaps || echo yes", ERR_CHECKSUM, false },
	{ "echo perhaps", ERR_MALFORMED, false },
	{ "exit 1", ERR_BROKER, false },
	{ "exit 75", ERR_BROKER, false },
};

static void yes_is_believed_with_its_control(void **state)
{
	struct play play;

	play_open(&play);
	for (size_t i = 0; i < sizeof yes_rows / sizeof *yes_rows; i++) {
		struct probing probing = probing_of(play.operator.asking, &play.family->dashboards.at[0], 1);
		bool yes = false;
		int err;

		operator_script(&play.operator, "board", yes_rows[i].script);
		err = probe_yes(&probing, &yes, &play.fault);
		if (err != yes_rows[i].err || yes != yes_rows[i].yes)
			fail_msg("%s: %d %d %s", yes_rows[i].script, err, yes, play.fault.text);
	}
	play_close(&play);
}

static void alerts_are_seen_to_fire(void **state)
{
	struct play play;

	play_open(&play);
	operator_script(
		&play.operator, "alert",
		"case $1 in fire) echo 2 > left ;; get) [ -e left ] || { echo no; exit; }\n"
		"n=$(cat left); [ $n = 0 ] && { echo yes; exit; }; echo $((n - 1)) > left; echo no ;; esac");
	assert_int_equal(
		probe_alert(play.operator.asking, &play.family->alerts.at[0], 1, LONG_MS, &play.fault), 0);
	/* It fires on, and has no control: another test would show nothing. */
	assert_int_equal(
		probe_alert(play.operator.asking, &play.family->alerts.at[0], 1, LONG_MS, &play.fault),
		ERR_CONFLICT);
	assert_int_equal(
		probe_alert(play.operator.asking, &play.family->alerts.at[1], 1, LONG_MS, &play.fault),
		ERR_UNSUPPORTED);
	operator_script(&play.operator, "alert", "echo no");
	assert_int_equal(probe_alert(play.operator.asking, &play.family->alerts.at[0], 1, 100, &play.fault),
			 ERR_TIMEOUT);
	operator_script(&play.operator, "alert", "[ $1 = fire ] && exit 1; echo no");
	assert_int_equal(probe_alert(play.operator.asking, &play.family->alerts.at[0], 1, 100, &play.fault),
			 ERR_BROKER);
	play_close(&play);
}

static void pages_are_there_or_not(void **state)
{
	static const char *const answers[] = {
		WEB_OK("<html>who is on call</html>"), WEB_STATUS("404 Not Found"),
		"HTTP/1.1 302 Found\r\nLocation: /login\r\nConnection: close\r\n\r\n", NULL
	};
	struct play play;
	struct web web;
	char url[64];

	play_open(&play);
	web_open(&web, answers);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/on-call", web.port);
	assert_int_equal(probe_page(play.operator.asking, view_text(url), LONG_MS, &play.fault), 0);
	assert_int_equal(probe_page(play.operator.asking, view_text(url), LONG_MS, &play.fault), ERR_BROKER);
	assert_int_equal(probe_page(play.operator.asking, view_text(url), LONG_MS, &play.fault), ERR_BROKER);
	assert_non_null(strstr(play.fault.text, "redirect"));
	play_close(&play);
	web_close(&web);
}

/* ---- outside positions ---- */

static const struct outside_row {
	const char *json;
	int err, positions, missing;
	bool translated;
	const char *target;
} outside_rows[] = {
	{ "{\"value\": 1}", 0, 0, 0, false, "" },
	{ "{\"value\": 1, \"target\": null}", 0, 0, 0, false, "" },
	{ "{\"value\": 1, \"target\": \"  \"}", 0, 0, 0, false, "" },
	{ "{\"value\": 1, \"target\": 17}", 0, 0, 0, true, "17" },
	{ "{\"value\": 1, \"target\": \"s3://moved\"}", 0, 0, 0, true, "s3://moved" },
	{ "{\"value\": 1, \"target\": true}", ERR_MALFORMED, 0, 0, false, "" },
	{ "{\"value\": 1, \"positions\": []}", 0, 0, 0, false, "" },
	{ "{\"value\": 1, \"positions\": [{\"topic\": \"o\", \"partition\": 0, \"source\": 5, \"target\": "
	  "4}]}",
	  0, 2, 0, true, "" },
	{ "{\"value\": 1, \"positions\": [{\"topic\": \"o\", \"partition\": 0, \"source\": 5}]}", 0, 1, 1,
	  false, "" },
	/* A place in one's own words does not make up for a partition without one. */
	{ "{\"value\": 1, \"target\": \"x\", \"positions\": [{\"topic\": \"o\", \"partition\": 0, "
	  "\"source\": 5}]}",
	  0, 1, 1, false, "x" },
	{ "{\"value\": 1, \"positions\": {}}", ERR_MALFORMED, 0, 0, false, "" },
	{ "{\"value\": 1, \"positions\": [3]}", ERR_MALFORMED, 0, 0, false, "" },
	{ "{\"value\": 1, \"positions\": [{\"topic\": \"o\", \"partition\": 0, \"source\": -5}]}",
	  ERR_MALFORMED, 0, 0, false, "" },
	{ "{\"value\": 1, \"positions\": [{\"topic\": \"o\", \"partition\": 0.5, \"source\": 5}]}",
	  ERR_MALFORMED, 0, 0, false, "" },
	{ "{\"value\": 1, \"positions\": [{\"topic\": \"o\", \"partition\": 0, \"source\": 5, \"target\": "
	  "5}, {\"topic\": "
	  "\"o\", \"partition\": 0, \"source\": 6, \"target\": 6}]}",
	  ERR_MALFORMED, 0, 0, false, "" },
};

static void outside_positions_are_read(void **state)
{
	struct arena arena;

	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < sizeof outside_rows / sizeof *outside_rows; i++) {
		const struct outside_row *row = &outside_rows[i];
		struct probe_outside out = { 0 };

		if (probe_outside_read(view_text(row->json), &arena, &out, NULL) != row->err ||
		    out.position_count != row->positions || out.missing != row->missing ||
		    out.translated != row->translated || strcmp(out.target, row->target) != 0)
			fail_msg("%s", row->json);
	}
	arena_done(&arena);
}

/* ---- at the gate ---- */

struct gate_play {
	struct play play;
	struct arena arena;
	struct evidence_log log;
	struct gathering g;
	struct gather_run run;
	struct rules rules;
};

static void gate_open_with(struct gate_play *p, const char *head, const char *family)
{
	memset(p, 0, sizeof *p);
	play_open_with(&p->play, head, family);
	arena_init(&p->arena, 16 << 20);
	evidence_log_init(&p->log);
	p->g = (struct gathering){
		.arena = &p->arena,
		.clock = &clock_system,
		.plan = p->play.operator.plan,
		.family = p->play.family,
		.log = &p->log,
		.epochs = { .plan = { .number = 1 }, .context = { .number = 1 }, .authority = 1 }
	};
	p->run = (struct gather_run){ .g = &p->g, .loop = p->play.operator.loop };
	assert_int_equal(rules_bind(p->play.family, SIDE_SOURCE, &p->arena, &p->rules, &p->play.fault), 0);
}

static void gate_close(struct gate_play *p)
{
	evidence_log_done(&p->log);
	arena_done(&p->arena);
	play_close(&p->play);
}

static struct rule_result judged(struct gate_play *p, const char *name)
{
	struct rule_facts facts = { .family = p->play.family->name.text,
				    .log = &p->log,
				    .now = { .moment = gathering_now(&p->g), .epochs = p->g.epochs } };
	struct rule_result result = { 0 };

	for (int i = 0; i < p->rules.count; i++)
		if (strcmp(p->rules.at[i].name, name) == 0)
			rule_judge(&p->rules.at[i], VIEW_NULL, &facts, evidence_log_whole(&p->log), &result);
	assert_non_null(result.rule);
	return result;
}

static const char two_counters[] =
	"  counters:\n"
	"  - { name: revenue, source: exec ./sum source, target: exec ./sum target, control: lose-one }\n"
	"  - { name: orders, source: exec ./count source, target: exec ./count target }\n"
	"  outside:\n"
	"  - { flink: billing-job, checkpoint: exec ./where, control: elsewhere }\n"
	"  - { other: warehouse, checkpoint: exec ./where2 }\n";

static void gate_open(struct gate_play *p)
{
	gate_open_with(p, "", two_counters);
}

static void counters_open_and_shut_the_gate(void **state)
{
	static const struct {
		const char *sum, *count;
		enum verdict verdict;
		enum rule_why why;
		const char *says;
	} rows[] = {
		{ "[ \"$2\" ] && echo 1 || echo 12", "echo 7", VERDICT_OPEN, RULE_PROVED,
		  "2 of 2 counters the same" },
		{ "[ \"$2\" ] && echo 1 || echo 12", "echo 7 $1", VERDICT_UNKNOWN, RULE_PARTIAL, "orders" },
		{ "[ \"$2\" ] && echo 1 || echo 12", "exit 1", VERDICT_UNKNOWN, RULE_PARTIAL, "status 1" },
		{ "echo 12", "echo 7", VERDICT_UNKNOWN, RULE_PARTIAL, "proves nothing" },
		{ "echo 12", "exit 1", VERDICT_UNKNOWN, RULE_INSTRUMENT, "0 of 2 counters" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rule_result result;
		struct gate_play p;

		gate_open(&p);
		operator_script(&p.play.operator, "sum", rows[i].sum);
		operator_script(&p.play.operator, "count", rows[i].count);
		assert_int_equal(judged(&p, "parity.counters").why, RULE_MISSING);
		assert_int_equal(gather_counters(&p.run, SIDE_SOURCE, &p.play.fault), 0);
		result = judged(&p, "parity.counters");
		if (result.verdict != rows[i].verdict || result.why != rows[i].why ||
		    !memmem(result.evidence->text.at, result.evidence->text.size, rows[i].says,
			    strlen(rows[i].says)))
			fail_msg("row %zu: %d %d %.*s", i, result.verdict, result.why,
				 VIEW_ARGS(result.evidence->text));
		assert_int_equal(result.evidence->parent_count, 2);
		assert_int_equal(result.evidence->kind, EVIDENCE_PROBE);
		assert_int_equal(p.log.count, 3);
		gate_close(&p);
	}
}

/* A difference that was seen shuts the gate, also beside a probe that is silent. */
static void a_difference_beats_silence(void **state)
{
	static const char family[] =
		"  counters:\n"
		"  - { name: revenue, source: exec ./sum source, target: exec ./sum target }\n"
		"  - { name: orders, source: exec ./count source, target: exec ./count target }\n";
	struct rule_result result;
	struct buffer text;
	struct gate_play p;

	gate_open_with(&p, "", family);
	/* The sides never agree: they are asked until then. */
	operator_script(&p.play.operator, "sum", "[ $1 = source ] && echo 12 || echo 11");
	operator_script(&p.play.operator, "count", "exit 1");
	assert_int_equal(gather_counters(&p.run, SIDE_SOURCE, &p.play.fault), 0);
	result = judged(&p, "parity.counters");
	assert_int_equal(result.verdict, VERDICT_SHUT);
	assert_int_equal(result.value, 1);
	buffer_init(&text, 10000);
	rule_result_text(&result, true, &text);
	assert_non_null(
		strstr(buffer_string(&text), "1 business counter differs by more than the plan allows"));
	assert_non_null(strstr(buffer_string(&text), "revenue: target is 1 apart, 0 is allowed"));
	assert_non_null(strstr(buffer_string(&text), "without a control"));
	buffer_done(&text);
	gate_close(&p);
}

static void outside_positions_open_and_shut_the_gate(void **state)
{
	static const struct {
		const char *where, *where2;
		enum verdict verdict;
		enum rule_why why;
		const char *says;
	} rows[] = {
		{ "[ \"$1\" ] && echo 2 || echo '{\"value\": 1, \"target\": 4}'",
		  "echo '{\"value\": \"a\", \"target\": \"b\"}'", VERDICT_OPEN, RULE_PROVED,
		  "2 of 2 outside positions" },
		{ "[ \"$1\" ] && echo 2 || echo 1", "echo '{\"value\": \"a\", \"target\": \"b\"}'",
		  VERDICT_SHUT, RULE_DISPROVED, "flink:billing-job says where it stands" },
		{ "echo '{\"value\": 1, \"target\": 4}'", "echo '{\"value\": \"a\", \"target\": \"b\"}'",
		  VERDICT_UNKNOWN, RULE_PARTIAL, "proves nothing" },
		{ "[ \"$1\" ] && echo 2 || echo '{\"value\": 1, \"target\": 4}'", "exit 1", VERDICT_UNKNOWN,
		  RULE_PARTIAL, "other:warehouse: ./where2: it exited with status 1" },
		{ "[ \"$1\" ] && echo 2 || echo '{\"value\": 1, \"positions\": [{\"topic\": \"orders\", "
		  "\"partition\": 3, "
		  "\"source\": 5, \"target\": 6}]}'",
		  "echo '{\"value\": \"a\", \"target\": \"b\"}'", VERDICT_OPEN, RULE_PROVED,
		  "2 of 2 outside positions" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rule_result result;
		struct gate_play p;

		gate_open(&p);
		operator_script(&p.play.operator, "where", rows[i].where);
		operator_script(&p.play.operator, "where2", rows[i].where2);
		assert_int_equal(gather_outside(&p.run, &p.play.fault), 0);
		result = judged(&p, "progress.outside");
		if (result.verdict != rows[i].verdict || result.why != rows[i].why ||
		    !memmem(result.evidence->text.at, result.evidence->text.size, rows[i].says,
			    strlen(rows[i].says)))
			fail_msg("row %zu: %d %d %.*s", i, result.verdict, result.why,
				 VIEW_ARGS(result.evidence->text));
		if (i == 4) {
			assert_int_equal(p.log.items[0]->position_count, 2);
			assert_true(view_is(p.log.items[0]->positions[1].group, "flink:billing-job"));
			assert_int_equal(p.log.items[0]->positions[1].end, 6);
		}
		gate_close(&p);
	}
}

static void nobody_can_be_asked_without_the_environment(void **state)
{
	struct rule_result result;
	struct gate_play p;

	gate_open_with(&p, "env: { PASSWORD: '${env:INTERLOCK_TEST_NO_SUCH}' }\n", two_counters);
	assert_int_equal(gather_counters(&p.run, SIDE_SOURCE, &p.play.fault), 0);
	assert_int_equal(gather_outside(&p.run, &p.play.fault), 0);
	result = judged(&p, "parity.counters");
	assert_int_equal(result.why, RULE_INSTRUMENT);
	assert_non_null(
		memmem(result.evidence->text.at, result.evidence->text.size, "INTERLOCK_TEST_NO_SUCH", 22));
	assert_int_equal(judged(&p, "progress.outside").why, RULE_INSTRUMENT);
	gate_close(&p);
}

static void no_secret_gets_into_evidence(void **state)
{
	static const char family[] =
		"  counters: [ { name: revenue, source: exec ./sum s, target: exec ./sum t } ]\n"
		"  outside: [ { other: w, checkpoint: exec ./where } ]\n";
	struct gate_play p;
	struct buffer bytes;

	setenv("INTERLOCK_TEST_SECRET", "huntersecret", 1);
	gate_open_with(&p, "env: { PASSWORD: '${env:INTERLOCK_TEST_SECRET}' }\n", family);
	operator_script(&p.play.operator, "sum", "echo \"12 $PASSWORD\"");
	operator_script(&p.play.operator, "where", "echo \"at-$PASSWORD\"");
	assert_int_equal(gather_counters(&p.run, SIDE_SOURCE, &p.play.fault), 0);
	assert_int_equal(gather_outside(&p.run, &p.play.fault), 0);
	operator_script(&p.play.operator, "sum", "echo \"no $PASSWORD\" >&2; exit 1");
	assert_int_equal(gather_counters(&p.run, SIDE_SOURCE, &p.play.fault), 0);
	buffer_init(&bytes, 1 << 20);
	for (int i = 0; i < p.log.count; i++)
		assert_int_equal(evidence_write(p.log.items[i], &bytes), 0);
	assert_true(bytes.size > 0);
	assert_null(memmem(bytes.at, bytes.size, "huntersecret", 12));
	assert_non_null(memmem(bytes.at, bytes.size, "[hidden]", 8));
	buffer_done(&bytes);
	gate_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_are_compared),
		cmocka_unit_test(counters_that_move_are_the_same),
		cmocka_unit_test(yes_is_believed_with_its_control),
		cmocka_unit_test(alerts_are_seen_to_fire),
		cmocka_unit_test(pages_are_there_or_not),
		cmocka_unit_test(outside_positions_are_read),
		cmocka_unit_test(counters_open_and_shut_the_gate),
		cmocka_unit_test(a_difference_beats_silence),
		cmocka_unit_test(outside_positions_open_and_shut_the_gate),
		cmocka_unit_test(nobody_can_be_asked_without_the_environment),
		cmocka_unit_test(no_secret_gets_into_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
