/* test_render_moving.c - countdown, runbook, report and diagnosis, as an operator sees them. */
#include "cli/harness.h"

#include "cli/render_countdown.h"
#include "cli/render_diagnose.h"
#include "cli/render_report.h"
#include "cli/render_runbook.h"

#define NOW_MS 1700000600000

static json_t *read_json(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, 0, &error);

	if (!value)
		fail_msg("%s at %d", error.text, error.position);
	return value;
}

static const char countdown_text[] =
	"{\"family\": \"orders\", \"state\": \"shut\", \"judged\": 1700000540000, \"fresh\": true, \"why\": "
	"null, \"times\": ["
	"{\"when\": \"a week before\", \"state\": \"shut\", \"items\": ["
	"{\"must\": \"a drill went forward and back\", \"state\": \"shut\", \"owner\": \"lead@example.org\","
	" \"why\": \"no drill\\u001b[2J was made\", \"code\": \"DRILL_MISSING\"},"
	"{\"must\": \"the target has the room for it\", \"state\": \"open\", \"owner\": null, \"why\": null, "
	"\"code\": null}]},"
	"{\"when\": \"an hour before\", \"state\": \"shut\", \"items\": []}]}";

static void a_countdown_names_owners(void **state)
{
	json_t *value = read_json(countdown_text);
	struct paper paper;

	paper_init(&paper, 100, false);
	countdown_paper(&paper, value, NOW_MS);
	golden("countdown.txt", buffer_string(&paper.text));
	assert_int_equal(countdown_status(value), STATUS_SHUT);
	paper_done(&paper);
	json_decref(value);
}

static const char diagnosis_text[] =
	"{\"exit\": \"next\", \"answer\": \"disagree\", \"journal\": {\"frames\": 46, \"whole\": false,"
	" \"why\": \"frame 47 does not follow\", \"controller\": false}, \"families\": ["
	"{\"family\": \"orders\", \"stage\": \"TARGET\", \"overlay\": \"HELD\", \"cause\": \"x\", \"epoch\": "
	"3, \"answer\": \"disagree\","
	" \"authority\": {\"journal\": \"target\", \"observed\": \"source\"}, \"stuck\": \"1 lever is not "
	"where the journal says\","
	" \"next\": \"flag stands at 'source' and should stand at 'target': find who changed it, then set it "
	"back\","
	" \"levers\": [{\"lever\": \"flag\", \"observed\": \"source\", \"expected\": \"target\", \"agrees\": "
	"false, \"frame\": 33,"
	" \"why\": null}, {\"lever\": \"group:billing\", \"observed\": null, \"expected\": null, \"agrees\": "
	"null, \"frame\": null,"
	" \"why\": \"no answer in time\"}],"
	" \"logs\": [{\"side\": \"source\", \"settled\": true, \"open_transactions\": 0, \"why\": null},"
	" {\"side\": \"target\", \"settled\": null, \"open_transactions\": null, \"why\": "
	"\"unreachable\"}]}]}";

static void a_diagnosis_says_what_to_do(void **state)
{
	json_t *value = read_json(diagnosis_text);
	struct paper paper;

	paper_init(&paper, 100, false);
	diagnosis_paper(&paper, value);
	golden("diagnosis.txt", buffer_string(&paper.text));
	assert_int_equal(diagnosis_status(value), STATUS_SHUT);
	json_object_set_new(value, "answer", json_string("unknown"));
	assert_int_equal(diagnosis_status(value), STATUS_UNKNOWN);
	paper_done(&paper);
	json_decref(value);
}

static const char book_text[] =
	"{\"family\": \"orders\", \"kind\": \"crossing\", \"to\": \"target\", "
	"\"plan\": \"5c03\", \"plan_in_force\": true,"
	" \"stage\": \"ARMED\", \"overlay\": null, \"authority\": \"source\", "
	"\"acknowledged\": {\"by\": \"lead@example.org\","
	" \"wall\": 1700000000000, \"current\": false}, \"pause_max_ms\": 2000, "
	"\"deadline_ms\": 30000, \"observe_ms\": 7200000, \"page_after_ms\": 300000, \"window\": {\"asks\": "
	"\"2 h 0 min on the target, 1 record\", \"over\": false, \"text\": null},"
	" \"owners\": {\"decision\": \"lead@example.org\", \"on_call\": null, "
	"\"source\": null, \"target\": null},"
	" \"call\": \"interlock promote orders\", \"pauses\": {\"last_ms\": 195, "
	"\"drill_ms\": null, \"drill_total_ms\": null},"
	" \"stops\": [{\"gate\": \"parity\", \"action\": \"revert\"}], \"boundary\": "
	"{\"target_only_records\": 0,"
	" \"clean_until\": 1700004200000}, \"steps\": [{\"step\": \"fence flag "
	"hold\", \"phase\": \"fence\", \"kind\": \"effect\","
	" \"command\": \"./flag set hold <b>\", \"before\": \"source\", \"desired\": "
	"\"hold\", \"owner\": \"lead@example.org\","
	" \"expected_ms\": 12, \"stop\": \"late\", \"undo\": \"./flag set source\", "
	"\"why\": null}, {\"step\": \"silence\","
	" \"phase\": \"proof\", \"kind\": \"proof\", \"command\": \"ask every "
	"leader\", \"before\": \"fenced\", \"desired\": null,"
	" \"owner\": null, \"expected_ms\": null, \"stop\": \"late\", \"undo\": "
	"\"nothing was changed\", \"why\": null}]}";

static void show_book(const json_t *value, bool html, const char *name)
{
	struct document page;

	document_init(&page, html, "Runbook");
	runbook_document(&page, value, NOW_MS);
	document_end(&page);
	golden(name, buffer_string(&page.text));
	document_done(&page);
}

static void a_runbook_has_steps_and_inverses(void **state)
{
	json_t *value = read_json(book_text), *json = runbook_json(value);

	show_book(value, false, "runbook.md");
	show_book(value, true, "runbook.html");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(json, "boundary"), "clean_until")),
		"2023-11-14T23:23:20.000Z");
	json_decref(json);
	json_decref(value);
}

static void the_final_runbook_names_the_baseline(void **state)
{
	json_t *value = read_json(
		"{\"family\": \"orders\", \"kind\": \"final\", \"removed\": [{\"item\": \"acl\", \"event\":"
		" \"absent\", \"proof\": \"not listed\"}], \"stays\": [\"the journal\"], \"baseline\": "
		"\"target\","
		" \"owners\": {\"decision\": \"lead@example.org\"}}");

	show_book(value, false, "runbook_final.md");
	json_decref(value);
}

static const char report_text[] =
	"{\"exit\": \"next\", \"plans\": [{\"number\": 1, \"hash\": \"5c03\", \"sequence\": 3, \"wall\": "
	"1700000000000}], \"notes\": [],"
	" \"audit\": {\"frames\": 46, \"head\": \"9911\", \"first\": 1700000000000, \"last\": 1700000500000, "
	"\"leases\": 2,"
	" \"checkpoints\": [{\"sequence\": 11, \"size\": 10, \"head\": \"282c\", \"wall\": 1700000001000, "
	"\"holders\": [\"a file\"],"
	" \"key\": \"3da8\"}]}, \"families\": [{\"family\": \"orders\", \"stage\": \"TARGET\", \"overlay\": "
	"null, \"cause\": null,"
	" \"authority\": \"target\", \"epoch\": 3, \"complete\": false, \"verdicts\": {\"open\": 1, "
	"\"shut\": 0, \"unknown\": 2},"
	" \"crossings\": [{\"attempt\": 1, \"to\": \"target\", \"began\": 1700000002000, \"ended\": "
	"1700000002626, \"result\": \"arrived\","
	" \"pause_ms\": 195, \"verdict\": \"21b471d667e5\", \"quiet\": 27, \"level\": 29, \"decision\": 30, "
	"\"proof\": \"drained\","
	" \"records\": 1338, \"matched\": 1338, \"claim\": \"key-order\", \"effects\": 5, \"act\": 7}], "
	"\"acts\": [{\"sequence\": 7,"
	" \"wall\": 1700000001500, \"act\": \"waive\", \"by\": \"lead@example.org\", \"second\": "
	"\"ops@example.org\", \"reason\": \"a|b\","
	" \"arguments\": {\"rule\": \"parity.duplicates\", \"value_max\": 12, \"expires\": 1700003600000}, "
	"\"result\": \"done\","
	" \"text\": \"ok\", \"answered\": 1700000001600}], \"holds\": [{\"sequence\": 40, \"wall\": "
	"1700000400000, \"overlay\": \"HELD\","
	" \"stage\": \"TARGET\", \"cause\": \"odd\"}], \"drills\": [], \"leaks\": [{\"sequence\": 41, "
	"\"wall\": 1700000410000, \"text\":"
	" \"one record\"}], \"scaffold\": []}]}";

static void a_report_tells_who_and_when(void **state)
{
	json_t *value = read_json(report_text), *json = report_json(value), *family;
	struct document page;

	document_init(&page, false, "Report");
	report_document(&page, value);
	document_end(&page);
	golden("report.md", buffer_string(&page.text));
	document_done(&page);
	family = json_array_get(json_object_get(json, "families"), 0);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(family, "holds"), 0), "wall")),
			    "2023-11-14T22:20:00.000Z");
	json_decref(json);
	json_decref(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_countdown_names_owners),
		cmocka_unit_test(a_diagnosis_says_what_to_do),
		cmocka_unit_test(a_runbook_has_steps_and_inverses),
		cmocka_unit_test(the_final_runbook_names_the_baseline),
		cmocka_unit_test(a_report_tells_who_and_when),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
