/* test_ask.c - questions to commands and addresses that answer well, badly, late or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <signal.h>

#include "exit/plan_value.h"
#include "exit/told_make.h"

#define LONG_MS 60000

/* One command of one family, asked once. */
struct play {
	struct operator operator;
	struct arena arena;
	struct plan_exec exec;
	struct answer answer;
	struct fault fault;
	int err;
};

static void play_open(struct play *play, const char *head)
{
	memset(play, 0, sizeof *play);
	operator_open(&play->operator);
	operator_plans(&play->operator, head, "");
	arena_init(&play->arena, 1 << 20);
}

static void play_close(struct play *play)
{
	arena_done(&play->arena);
	operator_close(&play->operator);
}

static void play_ask(struct play *play, const char *exec, struct question question)
{
	if (!play->operator.asking)
		operator_asks(&play->operator);
	memset(&play->exec, 0, sizeof play->exec);
	assert_int_equal(plan_exec_parse(arena_copy(&play->arena, view_text(exec)), &play->arena, &play->exec,
					 &play->fault),
			 0);
	play->exec.given = true;
	memset(&play->fault, 0, sizeof play->fault);
	play->err = ask(play->operator.asking, &play->exec, &question, &play->answer, &play->fault);
	/* Whatever came: there is an answer, or there is a sentence. */
	assert_true((play->err == 0) == (play->answer.kind != ANSWER_UNKNOWN));
	assert_true((play->err == 0) == (play->fault.text[0] == 0));
}

static const struct row {
	const char *what, *script;
	enum question_kind kind;
	int err;
	enum answer_kind answer;
	const char *text; /* of the answer, or within the fault */
} rows[] = {
	{ "a word", "echo source", ASK_GET, 0, ANSWER_GIVEN, "source" },
	{ "blanks around it", "printf ' \\tsource \\r\\nmore\\n'", ASK_GET, 0, ANSWER_GIVEN, "source" },
	{ "JSON", "echo '{\"value\": \"target\"}'", ASK_GET, 0, ANSWER_GIVEN, "target" },
	{ "nothing", "true", ASK_GET, ERR_MALFORMED, ANSWER_UNKNOWN, "first line is empty" },
	{ "an empty line", "echo; echo source", ASK_GET, ERR_MALFORMED, ANSWER_UNKNOWN,
	  "first line is empty" },
	{ "no text", "printf '\\377\\376\\n'", ASK_GET, ERR_MALFORMED, ANSWER_UNKNOWN, "UTF-8" },
	{ "no, whatever it prints", "echo source; exit 1", ASK_GET, ERR_BROKER, ANSWER_UNKNOWN, "status 1" },
	{ "why", "echo because >&2; exit 3", ASK_GET, ERR_BROKER, ANSWER_UNKNOWN, "status 3: because" },
	{ "75 is no answer to get", "exit 75", ASK_GET, ERR_BROKER, ANSWER_UNKNOWN, "status 75" },
	{ "76 is no answer to get", "exit 76", ASK_GET, ERR_BROKER, ANSWER_UNKNOWN, "status 76" },
	{ "a signal", "echo source; kill -9 $$", ASK_GET, ERR_BROKER, ANSWER_UNKNOWN, "signal 9" },
	{ "too much", "yes", ASK_GET, ERR_LIMIT, ANSWER_UNKNOWN, "65536 bytes" },
	{ "too much noise", "echo source; yes >&2", ASK_GET, ERR_LIMIT, ANSWER_UNKNOWN, "65536 bytes" },
	{ "a child that holds the pipe", "echo source; sleep 1000 & echo $! > child; exit 0", ASK_GET, 0,
	  ANSWER_GIVEN, "source" },
	{ "set", "exit 0", ASK_SET, 0, ANSWER_GIVEN, "" },
	{ "set says something", "echo done", ASK_SET, 0, ANSWER_GIVEN, "" },
	{ "set is older", "exit 76", ASK_SET, 0, ANSWER_OLDER, "" },
	{ "set: not yet", "exit 75", ASK_SET, ERR_STALE, ANSWER_UNKNOWN, "status 75" },
	{ "set fails", "exit 2", ASK_SET, ERR_BROKER, ANSWER_UNKNOWN, "status 2" },
	{ "drained", "exit 0", ASK_DRAINED, 0, ANSWER_GIVEN, "" },
	{ "not drained", "exit 75", ASK_DRAINED, 0, ANSWER_WAITS, "" },
	{ "drained is older", "exit 76", ASK_DRAINED, 0, ANSWER_OLDER, "" },
	{ "drained fails", "exit 1", ASK_DRAINED, ERR_BROKER, ANSWER_UNKNOWN, "status 1" },
	{ "drained is killed", "kill -15 $$", ASK_DRAINED, ERR_BROKER, ANSWER_UNKNOWN, "signal 15" },
	{ "do it", "exit 0", ASK_DO, 0, ANSWER_GIVEN, "" },
	{ "it waits not", "exit 75", ASK_DO, ERR_BROKER, ANSWER_UNKNOWN, "status 75" },
	{ "it knows no epoch", "exit 76", ASK_DO, ERR_BROKER, ANSWER_UNKNOWN, "status 76" },
};

static void commands_answer(void **state)
{
	struct play play;
	char child[32];

	play_open(&play, "");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		operator_script(&play.operator, "tell", rows[i].script);
		play_ask(&play, "exec ./tell", (struct question){ rows[i].kind, { NULL }, 1, LONG_MS });
		if (play.err != rows[i].err || play.answer.kind != rows[i].answer)
			fail_msg("%s: %d %d: %s", rows[i].what, play.err, play.answer.kind, play.fault.text);
		if (play.err == 0)
			assert_string_equal(play.answer.text, rows[i].text);
		else if (!strstr(play.fault.text, rows[i].text))
			fail_msg("%s: %s", rows[i].what, play.fault.text);
	}
	operator_read(&play.operator, "child", child, sizeof child);
	assert_int_equal(kill((pid_t)atoi(child), SIGKILL), 0); /* it was left alone */
	play_close(&play);
}

static void silence_is_not_waited_for(void **state)
{
	struct play play;
	char child[32];

	play_open(&play, "");
	operator_script(&play.operator, "tell", "echo source; sleep 1000 & echo $! > child; wait");
	play_ask(&play, "exec ./tell", (struct question){ ASK_GET, { NULL }, 1, 300 });
	assert_int_equal(play.err, ERR_TIMEOUT);
	assert_non_null(strstr(play.fault.text, "300 ms"));
	assert_string_equal(play.answer.text, ""); /* what a late one had said already is no answer */

	/* The whole group is gone, children too. */
	operator_read(&play.operator, "child", child, sizeof child);
	for (int i = 0; i < 1000 && kill((pid_t)atoi(child), 0) == 0; i++) {
		char path[64], stat[200] = "";
		FILE *file;

		snprintf(path, sizeof path, "/proc/%d/stat", atoi(child));
		file = fopen(path, "r");
		if (!file || !fgets(stat, sizeof stat, file) || strstr(stat, ") Z"))
			i = 1000;
		if (file)
			fclose(file);
		usleep(10000);
		assert_int_not_equal(i, 999);
	}

	play_ask(&play, "exec ./tell", (struct question){ ASK_GET, { NULL }, 1, 0 });
	assert_int_equal(play.err, ERR_TIMEOUT);
	play_ask(&play, "exec ./no-such-command", (struct question){ ASK_GET, { NULL }, 1, LONG_MS });
	assert_int_equal(play.err, ERR_NOT_FOUND);
	play_close(&play);
}

static void the_environment_is_as_promised(void **state)
{
	char text[4096];
	struct play play;

	setenv("INTERLOCK_TEST_SECRET", "hunter2secret", 1);
	setenv("INTERLOCK_TEST_STRAY", "stray", 1);
	setenv("LANG", "C.UTF-8", 1);
	play_open(&play, "env: { PLAIN: 'a b', PASSWORD: '${env:INTERLOCK_TEST_SECRET}', "
			 "FROM_FILE: 'x-${file:secret.txt}', HOME: /plan/home }\n");
	operator_writes(&play.operator, "secret.txt", "filedsecret\n", 0600);
	operator_script(
		&play.operator, "tell",
		"/usr/bin/env | sort > seen; pwd > folder; printf '%s\\n' \"$@\" > arguments; echo ok");
	play_ask(&play, "exec ./tell set \"two words\" '$HOME'",
		 (struct question){ ASK_SET, { "start", "source" }, 7, LONG_MS });
	assert_int_equal(play.err, 0);

	operator_read(&play.operator, "arguments", text, sizeof text);
	assert_string_equal(text, "set\ntwo words\n$HOME\nstart\nsource\n");
	operator_read(&play.operator, "folder", text, sizeof text);
	assert_memory_equal(text, play.operator.folder, strlen(play.operator.folder) - 1);
	operator_read(&play.operator, "seen", text, sizeof text);
	assert_non_null(strstr(text, "PATH="));
	assert_non_null(strstr(text, "LANG=C.UTF-8\n"));
	assert_non_null(strstr(text, "HOME=/plan/home\n")); /* the plan's word counts */
	assert_non_null(strstr(text, "PLAIN=a b\n"));
	assert_non_null(strstr(text, "PASSWORD=hunter2secret\n"));
	assert_non_null(strstr(text, "FROM_FILE=x-filedsecret\n"));
	assert_non_null(strstr(text, "INTERLOCK_EXIT=shop\n"));
	assert_non_null(strstr(text, "INTERLOCK_FAMILY=orders\n"));
	assert_non_null(strstr(text, "INTERLOCK_EPOCH=7\n"));
	/* Nothing else, but for what a shell sets by itself. */
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		static const char *const known[] = { "PATH=",     "LANG=",      "HOME=",      "PLAIN=",
						     "PASSWORD=", "FROM_FILE=", "INTERLOCK_", "PWD=",
						     "OLDPWD=",   "SHLVL=",     "_=" };
		bool found = false;

		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			found |= strncmp(line, known[i], strlen(known[i])) == 0;
		if (!found || strstr(line, "STRAY"))
			fail_msg("%s", line);
	}
	play_close(&play);
}

static void secrets_are_not_seen(void **state)
{
	struct play play;
	struct buffer shown;

	setenv("INTERLOCK_TEST_SECRET", "hunter2secret", 1);
	play_open(&play, "env: { PASSWORD: '${env:INTERLOCK_TEST_SECRET}', SHORT: '${file:short}' }\n");
	operator_writes(&play.operator, "short", "abc", 0600);
	operator_script(&play.operator, "tell", "echo \"cannot log in with $PASSWORD\033[2J\" >&2; exit 1");
	play_ask(&play, "exec ./tell", (struct question){ ASK_GET, { NULL }, 1, LONG_MS });
	assert_int_equal(play.err, ERR_BROKER);
	assert_null(strstr(play.fault.text, "hunter2"));
	assert_null(strchr(play.fault.text, '\033'));
	assert_non_null(strstr(play.fault.text, "cannot log in with [hidden]"));
	buffer_init(&shown, 1000);
	asking_show(play.operator.asking, VIEW_LITERAL("hunter2secrethunter2secret.hunter2"), &shown);
	assert_string_equal(buffer_string(&shown), "[hidden][hidden].hunter2");
	buffer_done(&shown);

	/* Of an address neither user nor password nor query is told. */
	play_ask(&play, "http://me:hunter2secret@127.0.0.1:1/flag?token=hunter2secret",
		 (struct question){ ASK_GET, { NULL }, 1, LONG_MS });
	assert_int_equal(play.err, ERR_NETWORK);
	assert_null(strstr(play.fault.text, "hunter2"));
	assert_non_null(strstr(play.fault.text, "GET http://127.0.0.1:1/flag"));
	play_close(&play);
}

static void an_environment_that_cannot_be_had_is_a_fault(void **state)
{
	static const struct {
		const char *head, *says;
	} heads[] = {
		{ "env: { A: '${env:INTERLOCK_TEST_NO_SUCH}' }\n", "INTERLOCK_TEST_NO_SUCH is not set" },
		{ "env: { A: '${file:no-such-file}' }\n", "no-such-file" },
	};

	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		struct asking *asking = NULL;
		struct fault fault = { 0 };
		struct play play;

		play_open(&play, heads[i].head);
		assert_int_equal(asking_new(play.operator.loop, play.operator.plan, NULL, &asking, &fault),
				 ERR_CONFIG);
		assert_null(asking);
		if (!strstr(fault.text, heads[i].says))
			fail_msg("%s", fault.text);
		play_close(&play);
	}
}

static const struct call {
	const char *reply;
	enum question_kind kind;
	int err;
	enum answer_kind answer;
	const char *text;
} calls[] = {
	{ WEB_OK("{\"value\": \"source\"}"), ASK_GET, 0, ANSWER_GIVEN, "source" },
	{ WEB_OK("{\"value\": 12, \"unit\": \"ms\"}"), ASK_GET, 0, ANSWER_GIVEN, "12" },
	{ WEB_OK("source"), ASK_GET, ERR_MALFORMED, ANSWER_UNKNOWN, "not an object of JSON" },
	{ WEB_OK("{\"drained\": true}"), ASK_GET, ERR_MALFORMED, ANSWER_UNKNOWN, "no \"value\"" },
	{ WEB_STATUS("404 Not Found"), ASK_GET, ERR_BROKER, ANSWER_UNKNOWN, "status 404" },
	{ WEB_STATUS("409 Conflict"), ASK_GET, ERR_BROKER, ANSWER_UNKNOWN, "status 409" },
	{ WEB_STATUS("500 Internal Server Error"), ASK_GET, ERR_BROKER, ANSWER_UNKNOWN, "status 500" },
	{ "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\n", ASK_GET,
	  ERR_BROKER, ANSWER_UNKNOWN, "redirect" },
	{ "complete garbage\r\n\r\n", ASK_GET, ERR_NETWORK, ANSWER_UNKNOWN, "127.0.0.1" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"value\": \"source\"}", ASK_GET, ERR_NETWORK,
	  ANSWER_UNKNOWN, "127.0.0.1" },
	{ WEB_OK(""), ASK_SET, 0, ANSWER_GIVEN, "" },
	{ WEB_STATUS("204 No Content"), ASK_SET, 0, ANSWER_GIVEN, "" },
	{ WEB_STATUS("202 Accepted"), ASK_SET, ERR_STALE, ANSWER_UNKNOWN, "status 202" },
	{ WEB_STATUS("503 Service Unavailable"), ASK_SET, ERR_STALE, ANSWER_UNKNOWN, "status 503" },
	{ WEB_STATUS("409 Conflict"), ASK_SET, 0, ANSWER_OLDER, "" },
	{ WEB_STATUS("500 Internal Server Error"), ASK_SET, ERR_BROKER, ANSWER_UNKNOWN, "status 500" },
	{ WEB_OK("{\"drained\": true}"), ASK_DRAINED, 0, ANSWER_GIVEN, "" },
	{ WEB_OK("{\"drained\": false}"), ASK_DRAINED, 0, ANSWER_WAITS, "" },
	{ WEB_OK("{\"value\": true}"), ASK_DRAINED, ERR_MALFORMED, ANSWER_UNKNOWN, "no \"drained\"" },
	{ WEB_STATUS("204 No Content"), ASK_DRAINED, ERR_BROKER, ANSWER_UNKNOWN, "status 204" },
	{ WEB_STATUS("409 Conflict"), ASK_DRAINED, 0, ANSWER_OLDER, "" },
	{ WEB_OK("<html>a page</html>"), ASK_PAGE, 0, ANSWER_GIVEN, "" },
	{ WEB_STATUS("404 Not Found"), ASK_PAGE, ERR_BROKER, ANSWER_UNKNOWN, "status 404" },
};

static void addresses_answer(void **state)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		const char *answers[] = { calls[i].reply, NULL };
		struct play play;
		struct web web;
		char url[64];

		play_open(&play, "");
		web_open(&web, answers);
		snprintf(url, sizeof url, "http://127.0.0.1:%u/flag", web.port);
		play_ask(&play, url, (struct question){ calls[i].kind, { "hold" }, 3, LONG_MS });
		if (play.err != calls[i].err || play.answer.kind != calls[i].answer)
			fail_msg("row %zu: %d %d: %s", i, play.err, play.answer.kind, play.fault.text);
		if (play.err == 0)
			assert_string_equal(play.answer.text, calls[i].text);
		else if (!strstr(play.fault.text, calls[i].text))
			fail_msg("row %zu: %s", i, play.fault.text);
		play_close(&play);
		web_close(&web);
	}
}

/* What goes over the wire: method, place, epoch, word. */
static void addresses_hear_the_epoch(void **state)
{
	static const char *const answers[] = { WEB_OK("{\"value\": \"source\"}"),
					       WEB_OK("{\"value\": 4}"),
					       WEB_OK(""),
					       WEB_OK("{\"drained\": true}"),
					       WEB_OK(""),
					       NULL };
	struct play play;
	struct web web;
	char url[64];

	play_open(&play, "");
	web_open(&web, answers);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/flag", web.port);
	play_ask(&play, url, (struct question){ ASK_GET, { NULL }, 3, LONG_MS });
	play_ask(&play, url, (struct question){ ASK_GET, { "a b&c" }, 3, LONG_MS });
	play_ask(&play, url, (struct question){ ASK_SET, { "start", "source" }, 41, LONG_MS });
	snprintf(url, sizeof url, "http://127.0.0.1:%u/drained?of=orders", web.port);
	play_ask(&play, url, (struct question){ ASK_DRAINED, { NULL }, 42, LONG_MS });
	play_ask(&play, url, (struct question){ ASK_DO, { "fire" }, 43, LONG_MS });
	assert_int_equal(play.err, 0);
	play_close(&play);
	web_close(&web);
	assert_non_null(strstr(web.heard, "GET /flag HTTP/1.1\r\n"));
	assert_non_null(strstr(web.heard, "GET /flag?control=a%20b%26c HTTP/1.1\r\n"));
	assert_non_null(strstr(web.heard, "PUT /flag HTTP/1.1\r\n"));
	assert_non_null(strstr(web.heard, "{\"value\": \"start source\", \"epoch\": 41}"));
	assert_non_null(strstr(web.heard, "GET /drained?of=orders&epoch=42 HTTP/1.1\r\n"));
	assert_non_null(strstr(web.heard, "{\"value\": \"fire\", \"epoch\": 43}"));
	assert_non_null(strstr(web.heard, "Content-Type: application/json"));
}

static void addresses_are_bounded(void **state)
{
	static const char *const silence[] = { "", NULL };
	static char large[100000];
	const char *much[] = { large, NULL };
	struct play play;
	struct web web;
	char url[64];

	play_open(&play, "");
	web_open(&web, silence);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/flag", web.port);
	play_ask(&play, url, (struct question){ ASK_GET, { NULL }, 1, 300 });
	assert_int_equal(play.err, ERR_TIMEOUT);
	play_close(&play);
	web_close(&web);

	play_open(&play, "");
	memset(large, ' ', sizeof large - 1);
	memcpy(large, WEB_OK("{"), strlen(WEB_OK("{")));
	web_open(&web, much);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/flag", web.port);
	play_ask(&play, url, (struct question){ ASK_GET, { NULL }, 1, LONG_MS });
	assert_int_equal(play.err, ERR_LIMIT);
	play_close(&play);
	web_close(&web);
}

static void questions_are_described(void **state)
{
	static const struct {
		const char *exec;
		struct question question;
		const char *text;
	} says[] = {
		{ "exec ./flag get", { .kind = ASK_GET }, "./flag get" },
		{ "exec ./flag set",
		  { .kind = ASK_SET, .words = { "start", "source" } },
		  "./flag set start source" },
		{ "exec ./a 'b c' \"it's\" $x ''",
		  { .kind = ASK_DO, .words = { "fire" } },
		  "./a 'b c' 'it'\\''s' '$x' ''" },
		{ "https://u:p@flags.example/o?token=1",
		  { .kind = ASK_SET, .words = { "hold" } },
		  "PUT https://flags.example/o {\"value\": \"hold\"}" },
		{ "http://flags/o/drained", { .kind = ASK_DRAINED }, "GET http://flags/o/drained" },
	};
	struct arena arena;
	struct buffer out;

	arena_init(&arena, 1 << 20);
	buffer_init(&out, 10000);
	for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
		struct plan_exec exec = { 0 };

		assert_int_equal(plan_exec_parse(view_text(says[i].exec), &arena, &exec, NULL), 0);
		buffer_reset(&out);
		ask_describe(&exec, &says[i].question, &out);
		assert_string_equal(buffer_string(&out), says[i].text);
	}
	buffer_done(&out);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_answer),
		cmocka_unit_test(silence_is_not_waited_for),
		cmocka_unit_test(the_environment_is_as_promised),
		cmocka_unit_test(secrets_are_not_seen),
		cmocka_unit_test(an_environment_that_cannot_be_had_is_a_fault),
		cmocka_unit_test(addresses_answer),
		cmocka_unit_test(addresses_hear_the_epoch),
		cmocka_unit_test(addresses_are_bounded),
		cmocka_unit_test(questions_are_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
