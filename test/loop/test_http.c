/* test_http.c - requests against a small web server on the same loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "loop/accept.h"
#include "loop/http.h"

struct server {
	struct loop *loop;
	struct acceptor acceptor;
	struct stream *stream;
	struct buffer in;
	const char *answer; /* NULL: says nothing */
};

struct outcome {
	bool done;
	int err, status;
	char body[200], fault[400];
};

static void nothing(void *owner)
{
	(void)owner;
}

static void server_closed(void *owner, const struct fault *fault)
{
	struct server *server = owner;

	(void)fault;
	stream_free(server->stream);
	server->stream = NULL;
}

static void server_readable(void *owner)
{
	struct server *server = owner;
	ssize_t got;

	do {
		got = stream_read(server->stream, buffer_room(&server->in, 4096), 4096);
		if (got > 0)
			buffer_grow(&server->in, (size_t)got);
	} while (got > 0);
	if (got == 0 && server->answer && strstr(buffer_string(&server->in), "\r\n\r\n")) {
		struct iovec piece = { (void *)server->answer, strlen(server->answer) };

		server->answer = NULL;
		assert_int_equal(stream_write(server->stream, &piece, 1), 0);
	}
}

static void server_accepted(void *owner, int fd)
{
	static const struct stream_events events = { nothing, server_readable, NULL, server_closed };
	struct server *server = owner;

	stream_free(server->stream);
	assert_int_equal(
		stream_accepted(server->loop, fd, NULL, 1 << 20, 5000, &events, server, &server->stream), 0);
}

static void came(void *owner, const struct http_reply *reply)
{
	struct outcome *outcome = owner;

	outcome->done = true;
	outcome->err = reply->err;
	outcome->status = reply->status;
	snprintf(outcome->body, sizeof outcome->body, "%.*s", VIEW_ARGS(reply->body));
	snprintf(outcome->fault, sizeof outcome->fault, "%s", reply->fault ? reply->fault->text : "");
}

/* Sends one request to a server that answers `answer`; what the server heard is appended to `heard`. */
static void ask(const char *answer, struct http_request request, const char *before, const char *after,
		struct outcome *outcome, struct buffer *heard)
{
	struct server server = { .answer = answer };
	struct http_call *call;
	struct http *http;
	char url[200];

	memset(outcome, 0, sizeof *outcome);
	assert_int_equal(loop_new(&clock_system, 1, &server.loop), 0);
	buffer_init(&server.in, 1 << 20);
	assert_int_equal(acceptor_open(&server.acceptor, server.loop, server_accepted, &server), 0);
	snprintf(url, sizeof url, "%s%u%s", before, server.acceptor.port, after);
	request.url = url;
	assert_int_equal(http_new(server.loop, &http), 0);
	assert_int_equal(http_send(http, &request, came, outcome, &call), 0);
	assert_false(outcome->done);
	assert_int_equal(loop_until(server.loop, &outcome->done, loop_now_ms(server.loop) + 20000), 0);
	http_free(http);
	stream_free(server.stream);
	acceptor_close(&server.acceptor);
	loop_free(server.loop);
	if (heard)
		buffer_view(heard, buffer_bytes(&server.in));
	buffer_done(&server.in);
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static void asks_and_posts(void **state)
{
	static const char *const headers[] = { "Accept: application/x", NULL };
	struct http_request get = {
		.method = "GET", .headers = headers, .timeout_ms = 10000, .body_size_max = 100
	};
	struct http_request post = { .method = "POST",
				     .username = "me",
				     .password = "secret",
				     .body = VIEW_LITERAL("a=b"),
				     .timeout_ms = 10000,
				     .body_size_max = 100 };
	struct outcome outcome;
	struct buffer heard;

	buffer_init(&heard, 1 << 20);
	ask(OK, get, "http://127.0.0.1:", "/x?y", &outcome, &heard);
	assert_int_equal(outcome.err, 0);
	assert_int_equal(outcome.status, 200);
	assert_string_equal(outcome.body, "hello");
	assert_non_null(strstr(buffer_string(&heard), "GET /x?y HTTP/1.1\r\n"));
	assert_non_null(strstr(buffer_string(&heard), "Accept: application/x\r\n"));
	buffer_reset(&heard);
	ask("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", post, "http://127.0.0.1:", "/", &outcome, &heard);
	assert_int_equal(outcome.err, 0);
	assert_int_equal(outcome.status, 404);
	assert_non_null(strstr(buffer_string(&heard), "POST / HTTP/1.1\r\n"));
	assert_non_null(strstr(buffer_string(&heard), "Authorization: Basic bWU6c2VjcmV0\r\n"));
	assert_non_null(strstr(buffer_string(&heard), "\r\n\r\na=b"));
	buffer_done(&heard);
}

static void faults_are_clear_and_hide_secrets(void **state)
{
	struct http_request get = { .method = "GET", .timeout_ms = 10000, .body_size_max = 100 };
	struct http_request small = { .method = "GET", .timeout_ms = 10000, .body_size_max = 4 };
	struct http_request quick = { .method = "GET", .timeout_ms = 50, .body_size_max = 4 };
	struct outcome outcome;

	ask(OK, small, "http://127.0.0.1:", "/", &outcome, NULL);
	assert_int_equal(outcome.err, ERR_LIMIT);
	assert_non_null(strstr(outcome.fault, "larger than 4 bytes"));
	ask(NULL, quick, "http://user:hush@127.0.0.1:", "/p?token=hush", &outcome, NULL);
	assert_int_equal(outcome.err, ERR_TIMEOUT);
	assert_null(strstr(outcome.fault, "hush"));
	assert_non_null(strstr(outcome.fault, "/p"));
	ask("nonsense\r\n\r\n", quick, "https://127.0.0.1:", "/", &outcome, NULL);
	assert_true(outcome.err == ERR_TLS || outcome.err == ERR_TIMEOUT || outcome.err == ERR_NETWORK);
	ask(OK, get, "file:///etc/passwd?", "", &outcome, NULL);
	assert_int_equal(outcome.err, ERR_CONFIG);
	ask("HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", get,
	    "http://127.0.0.1:", "/", &outcome, NULL);
	assert_int_equal(outcome.err, ERR_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_and_posts),
		cmocka_unit_test(faults_are_clear_and_hide_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
