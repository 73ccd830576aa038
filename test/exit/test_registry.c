/* test_registry.c - two registries on the same loop, and what is made of what they answer or do not answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "exit/registry.h"
#include "loop/accept.h"

struct route {
	const char *path; /* "/schemas/ids/1" */
	int status;
	const char *body;
	int failures; /* so many answers are 503 before that */
};

#define CONNECTIONS_MAX 64

struct server {
	struct loop *loop;
	struct acceptor acceptor;
	struct route *routes; /* ends with a NULL path */
	bool silent, down;
	char heard[4000]; /* the last request */
	struct connection {
		struct server *server;
		struct stream *stream;
		struct buffer in;
	} connections[CONNECTIONS_MAX];
	int connection_count;
	int requests;
};

#define NO_SCHEMA "{\"error_code\":40403,\"message\":\"Schema not found\"}"

static void nothing(void *owner)
{
	(void)owner;
}

static void closed(void *owner, const struct fault *fault)
{
	struct connection *connection = owner;

	(void)fault;
	stream_free(connection->stream);
	connection->stream = NULL;
}

static void answer(struct connection *connection)
{
	struct server *server = connection->server;
	const char *text = buffer_string(&connection->in), *path = strchr(text, ' ') + 1;
	size_t size = strcspn(path, " ");
	struct route none = { NULL, 404, NO_SCHEMA, 0 }, *route = server->routes;
	struct iovec piece;
	char reply[8000];

	snprintf(server->heard, sizeof server->heard, "%s", text);
	server->requests++;
	while (route->path && (strlen(route->path) != size || strncmp(route->path, path, size) != 0))
		route++;
	if (!route->path)
		route = &none;
	if (route->failures > 0) {
		route->failures--;
		piece = (struct iovec){ reply,
					(size_t)snprintf(reply, sizeof reply,
							 "HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n") };
	} else {
		piece = (struct iovec){ reply,
					(size_t)snprintf(reply, sizeof reply,
							 "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n\r\n%s",
							 route->status, strlen(route->body), route->body) };
	}
	buffer_reset(&connection->in);
	assert_int_equal(stream_write(connection->stream, &piece, 1), 0);
}

static void readable(void *owner)
{
	struct connection *connection = owner;
	ssize_t got;

	do {
		got = stream_read(connection->stream, buffer_room(&connection->in, 4096), 4096);
		if (got > 0)
			buffer_grow(&connection->in, (size_t)got);
	} while (got > 0);
	if (got == 0 && !connection->server->silent && strstr(buffer_string(&connection->in), "\r\n\r\n"))
		answer(connection);
}

static void accepted(void *owner, int fd)
{
	static const struct stream_events events = { nothing, readable, NULL, closed };
	struct server *server = owner;
	struct connection *connection = &server->connections[server->connection_count++];

	assert_true(server->connection_count < CONNECTIONS_MAX);
	connection->server = server;
	buffer_init(&connection->in, 1 << 20);
	assert_int_equal(stream_accepted(server->loop, fd, NULL, 1 << 20, 5000, &events, connection,
					 &connection->stream),
			 0);
}

/* ---- the world: two servers, one topic ---- */

struct world {
	struct loop *loop;
	struct server servers[SIDE_COUNT];
	struct schema_uses uses[SIDE_COUNT];
	struct arena arena;
	struct registry_report report;
	const char *more; /* lines of both property files */
	bool unnamed[SIDE_COUNT];
	bool target_not_seen;
	struct registry_options options;
	struct registry_topic topic;
};

static void world_init(struct world *w)
{
	memset(w, 0, sizeof *w);
	arena_init(&w->arena, 1 << 22);
	assert_int_equal(loop_new(&clock_system, 1, &w->loop), 0);
	for (int side = 0; side < SIDE_COUNT; side++) {
		schema_uses_init(&w->uses[side], &w->arena);
		w->servers[side].loop = w->loop;
		assert_int_equal(
			acceptor_open(&w->servers[side].acceptor, w->loop, accepted, &w->servers[side]), 0);
	}
	w->more = "";
	w->options.timeout_ms = 10000;
}

static void world_done(struct world *w)
{
	for (int side = 0; side < SIDE_COUNT; side++) {
		struct server *server = &w->servers[side];

		for (int i = 0; i < server->connection_count; i++) {
			stream_free(server->connections[i].stream);
			buffer_done(&server->connections[i].in);
		}
		acceptor_close(&server->acceptor);
	}
	loop_free(w->loop);
	arena_done(&w->arena);
}

/* A record whose value carries `id`; a value of other lengths each time, as real ones have. */
static void carries(struct world *w, enum side side, int id, int times)
{
	uint8_t bytes[64] = { 0 };
	struct record record = { 0 };

	bytes[1] = (uint8_t)(id >> 24);
	bytes[2] = (uint8_t)(id >> 16);
	bytes[3] = (uint8_t)(id >> 8);
	bytes[4] = (uint8_t)id;
	for (int i = 0; i < times; i++) {
		record.value = view_of(bytes, (size_t)(10 + i % 7));
		assert_int_equal(schema_uses_add(&w->uses[side], &record, 3, 100 + i), 0);
	}
}

static void compare(struct world *w)
{
	const struct cluster_config *configs[SIDE_COUNT];
	struct fault fault = { 0 };

	w->topic = (struct registry_topic){
		"orders", { &w->uses[SIDE_SOURCE], w->target_not_seen ? NULL : &w->uses[SIDE_TARGET] }
	};
	for (int side = 0; side < SIDE_COUNT; side++) {
		char text[1000];

		snprintf(text, sizeof text, "bootstrap.servers=a:1\n%s", w->more);
		if (!w->unnamed[side])
			snprintf(text, sizeof text,
				 "bootstrap.servers=a:1\nschema.registry.url=http://127.0.0.1:%d/\n%s",
				 w->servers[side].down ? 1 : w->servers[side].acceptor.port, w->more);
		if (config_parse(view_text(text), "c", &configs[side], &fault) < 0)
			fail_msg("%s", fault.text);
	}
	if (registry_compare(w->loop, configs[SIDE_SOURCE], configs[SIDE_TARGET], &w->topic, 1, &w->options,
			     &w->arena, &w->report, &fault) < 0)
		fail_msg("%s", fault.text);
	config_release(configs[SIDE_SOURCE]);
	config_release(configs[SIDE_TARGET]);
}

/* The finding of that id must have this verdict and code. */
static const struct registry_finding *expect(struct world *w, int id, enum verdict verdict, const char *code,
					     const char *says)
{
	for (int i = 0; i < w->report.count; i++) {
		const struct registry_finding *finding = &w->report.at[i];

		if (finding->id.number != id)
			continue;
		if (finding->verdict != verdict || (code && strcmp(finding->code, code) != 0) ||
		    (says && !strstr(finding->reason, says)))
			fail_msg("id %d: %s %s %s", id, verdict_word(finding->verdict),
				 finding->code ? finding->code : "", finding->reason ? finding->reason : "");
		return finding;
	}
	fail_msg("nothing was found about id %d", id);
	return NULL;
}

#define INT      "{\"schema\":\"\\\"int\\\"\"}"
#define INT_TOO  "{\"schema\":\"{ \\\"type\\\" : \\\"int\\\" }\",\"schemaType\":\"AVRO\",\"id\":1}"
#define LONG     "{\"schema\":\"\\\"long\\\"\"}"
#define INT_JSON "{\"schema\":\"\\\"int\\\"\",\"schemaType\":\"JSON\"}"

static void same_missing_and_different(void **state)
{
	struct route source[] = { { "/schemas/ids/1", 200, INT, 2 },
				  { "/schemas/ids/2", 200, LONG, 0 },
				  { "/schemas/ids/3", 200, INT, 0 },
				  { "/schemas/ids/4", 200, INT, 0 },
				  { NULL } };
	struct route target[] = { { "/schemas/ids/1", 200, INT_TOO, 0 },
				  { "/schemas/ids/2", 200, INT, 0 },
				  { "/schemas/ids/4", 200, INT_JSON, 0 },
				  { NULL } };
	const struct registry_finding *finding;
	struct world w;

	world_init(&w);
	w.servers[SIDE_SOURCE].routes = source;
	w.servers[SIDE_TARGET].routes = target;
	for (int id = 1; id <= 4; id++) {
		carries(&w, SIDE_SOURCE, id, 10);
		carries(&w, SIDE_TARGET, id, 10);
	}
	w.more = "basic.auth.user.info=me:hush\n";
	compare(&w);
	assert_int_equal(w.report.count, 4);
	expect(&w, 1, VERDICT_OPEN, NULL, NULL);
	finding = expect(&w, 2, VERDICT_SHUT, "SCHEMA_DIFFERS", "schema id 2 of the values of orders");
	assert_true(finding->sides[SIDE_TARGET].found);
	assert_int_equal(finding->count, 10);
	assert_int_equal(finding->first_partition, 3);
	assert_int_equal(finding->first_offset, 100);
	expect(&w, 3, VERDICT_SHUT, "SCHEMA_MISSING", "not in the target's registry");
	expect(&w, 4, VERDICT_SHUT, "SCHEMA_DIFFERS", "JSON");
	assert_non_null(strstr(w.servers[SIDE_SOURCE].heard, "Authorization: Basic bWU6aHVzaA==\r\n"));
	assert_int_equal(w.report.shut, 3);
	assert_int_equal(w.report.open, 1);
	assert_false(w.report.same_registry);
	world_done(&w);
}

static void references_are_followed(void **state)
{
#define REFERRING(version)                                                                                   \
	"{\"schema\":\"{\\\"type\\\":\\\"array\\\",\\\"items\\\":\\\"x.E\\\"}\","                            \
	"\"references\":[{\"name\":\"x.E\",\"subject\":\"a/b c\",\"version\":" version "}]}"
	struct route source[] = { { "/schemas/ids/1", 200, REFERRING("1"), 0 },
				  { "/schemas/ids/2", 200, REFERRING("2"), 0 },
				  { "/schemas/ids/3", 200, REFERRING("3"), 0 },
				  { "/schemas/ids/4", 200, REFERRING("4"), 0 },
				  { "/subjects/a%2Fb%20c/versions/1", 200, INT, 0 },
				  { "/subjects/a%2Fb%20c/versions/2", 200, LONG, 0 },
				  { "/subjects/a%2Fb%20c/versions/4", 200, REFERRING("4"),
				    0 }, /* to itself */
				  { NULL } };
	struct route target[] = { { "/schemas/ids/1", 200, REFERRING("7"), 0 },
				  { "/schemas/ids/2", 200, REFERRING("7"), 0 },
				  { "/subjects/a%2Fb%20c/versions/7", 200, INT, 0 },
				  { NULL } };
	struct world w;

	world_init(&w);
	w.servers[SIDE_SOURCE].routes = source;
	w.servers[SIDE_TARGET].routes = target;
	for (int id = 1; id <= 4; id++)
		carries(&w, SIDE_SOURCE, id, 10);
	w.target_not_seen = true;
	compare(&w);
	expect(&w, 1, VERDICT_OPEN, NULL, NULL); /* another version there, with the same in it */
	expect(&w, 2, VERDICT_SHUT, "SCHEMA_DIFFERS", NULL);
	expect(&w, 3, VERDICT_UNKNOWN, "SCHEMA_UNRESOLVED",
	       "subjects/a%2Fb%20c/versions/3), which the registry does not have");
	expect(&w, 4, VERDICT_UNKNOWN, "SCHEMA_UNRESOLVED", "refers back");
	world_done(&w);
}

/* A dual-writing application registers on each side for itself: 5 here is 9 there. */
static void numbers_may_differ_where_the_bytes_do(void **state)
{
	struct route source[] = { { "/schemas/ids/5", 200, INT, 0 },
				  { "/schemas/ids/6", 200, INT_JSON, 0 },
				  { NULL } };
	struct route target[] = { { "/schemas/ids/9", 200, INT_TOO, 0 },
				  { "/schemas/ids/5", 200, LONG, 0 },
				  { NULL } };
	struct world w;

	world_init(&w);
	w.servers[SIDE_SOURCE].routes = source;
	w.servers[SIDE_TARGET].routes = target;
	carries(&w, SIDE_SOURCE, 5, 10);
	carries(&w, SIDE_TARGET, 9, 10);
	compare(&w);
	expect(&w, 5, VERDICT_OPEN, NULL, NULL);
	expect(&w, 9, VERDICT_OPEN, NULL, NULL);
	/* As soon as one record of the target carries the source's number, that number has to mean the same. */
	carries(&w, SIDE_TARGET, 5, 1);
	carries(&w, SIDE_SOURCE, 6, 1);
	carries(&w, SIDE_TARGET, 11, 1);
	compare(&w);
	expect(&w, 5, VERDICT_SHUT, "SCHEMA_DIFFERS", NULL);
	expect(&w, 6, VERDICT_SHUT, "SCHEMA_MISSING", NULL);
	expect(&w, 11, VERDICT_SHUT, "SCHEMA_MISSING", "records of the target");
	world_done(&w);
}

static void doubt_is_unknown(void **state)
{
	static const struct {
		struct route source, target;
		const char *code, *says;
	} table[] = {
		{ { "/schemas/ids/1", 200, INT },
		  { "/schemas/ids/1", 404, "<html>" },
		  "REGISTRY_UNREACHABLE",
		  "is the path in schema.registry.url right" },
		{ { "/schemas/ids/1", 200, INT },
		  { "/schemas/ids/1", 404, "{\"error_code\":404}" },
		  "REGISTRY_UNREACHABLE",
		  "is the path" },
		{ { "/schemas/ids/1", 200, INT },
		  { "/schemas/ids/1", 200, "<html>" },
		  "REGISTRY_UNREACHABLE",
		  "no schema registry" },
		{ { "/schemas/ids/1", 200, INT },
		  { "/schemas/ids/1", 200, "{\"schema\":7}" },
		  "REGISTRY_UNREACHABLE",
		  "no schema registry" },
		{ { "/schemas/ids/1", 200, INT },
		  { "/schemas/ids/1", 401, "" },
		  "REGISTRY_UNREACHABLE",
		  "basic.auth.user.info" },
		{ { "/schemas/ids/1", 200, INT },
		  { "/schemas/ids/1", 403, "" },
		  "SCHEMA_UNRESOLVED",
		  "basic.auth.user.info" },
		{ { "/schemas/ids/1", 200, INT },
		  { "/schemas/ids/1", 500, "" },
		  "REGISTRY_UNREACHABLE",
		  "answers 500" },
		{ { "/schemas/ids/1", 404, NO_SCHEMA },
		  { "/schemas/ids/1", 200, INT },
		  "SCHEMA_UNRESOLVED",
		  "not in the source's own registry" },
		{ { "/schemas/ids/1", 404, NO_SCHEMA },
		  { "/schemas/ids/1", 404, NO_SCHEMA },
		  "SCHEMA_UNRESOLVED",
		  "registries: none" },
		{ { "/schemas/ids/1", 200, "{\"schema\":\"x\",\"schemaType\":\"THRIFT\"}" },
		  { "/schemas/ids/1", 200, "{\"schema\":\"y\",\"schemaType\":\"THRIFT\"}" },
		  "SCHEMA_UNREADABLE",
		  "by hand" },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct route source[] = { table[i].source, { NULL } },
			     target[] = { table[i].target, { NULL } };
		struct world w;

		world_init(&w);
		w.servers[SIDE_SOURCE].routes = source;
		w.servers[SIDE_TARGET].routes = target;
		carries(&w, SIDE_SOURCE, 1, 10);
		carries(&w, SIDE_TARGET, 1, 10);
		compare(&w);
		assert_int_equal(w.report.count, 1);
		expect(&w, 1, VERDICT_UNKNOWN, table[i].code, table[i].says);
		world_done(&w);
	}
}

static void a_registry_that_is_not_there_is_asked_no_further(void **state)
{
	struct route source[] = { { "/schemas/ids/1", 200, INT, 0 }, { NULL } };
	struct world w;

	world_init(&w);
	w.servers[SIDE_SOURCE].routes = source;
	w.servers[SIDE_TARGET].down = true;
	w.options.at_once = 2;
	for (int id = 1; id <= 200; id++)
		carries(&w, SIDE_SOURCE, id, 2);
	compare(&w);
	expect(&w, 1, VERDICT_UNKNOWN, "REGISTRY_UNREACHABLE", "127.0.0.1:1/");
	assert_int_equal(w.report.unknown, 200);
	assert_true(w.report.requests < 220);
	world_done(&w);

	world_init(&w);
	w.servers[SIDE_SOURCE].routes = source;
	w.servers[SIDE_TARGET].silent = true;
	w.options.whole_ms = 100;
	carries(&w, SIDE_SOURCE, 1, 10);
	compare(&w);
	expect(&w, 1, VERDICT_UNKNOWN, "REGISTRY_UNREACHABLE", "in the time");
	world_done(&w);
}

static void an_answer_too_large_is_no_answer(void **state)
{
	struct route source[] = { { "/schemas/ids/1", 200, INT, 0 }, { NULL } };
	struct world w;

	world_init(&w);
	w.servers[SIDE_SOURCE].routes = w.servers[SIDE_TARGET].routes = source;
	w.options.schema_size_max = 5;
	carries(&w, SIDE_SOURCE, 1, 10);
	compare(&w);
	expect(&w, 1, VERDICT_UNKNOWN, "SCHEMA_UNRESOLVED", "larger than 5 bytes");
	world_done(&w);
}

static void registries_have_to_be_named(void **state)
{
	struct route routes[] = { { "/schemas/ids/1", 200, INT, 0 }, { NULL } };
	const struct registry_finding *finding;
	struct world w;

	world_init(&w);
	w.servers[SIDE_SOURCE].routes = w.servers[SIDE_TARGET].routes = routes;
	w.unnamed[SIDE_TARGET] = true;
	carries(&w, SIDE_SOURCE, 1, 10);
	carries(&w, SIDE_SOURCE, 2, 10);
	compare(&w);
	finding = expect(&w, 1, VERDICT_UNKNOWN, "REGISTRY_NOT_NAMED", "for the target");
	assert_int_equal(finding->ids, 2);
	assert_int_equal(finding->count, 20);
	assert_int_equal(w.report.requests, 0);

	w.unnamed[SIDE_SOURCE] = true;
	compare(&w);
	expect(&w, 1, VERDICT_UNKNOWN, "REGISTRY_NOT_NAMED", "for both clusters");
	w.more = "schema.registry.url=none\n";
	compare(&w);
	assert_int_equal(w.report.count, 0);
	assert_true(w.report.none_declared);

	/* The plan may name what the property files do not. */
	char url[100];

	snprintf(url, sizeof url, "http://127.0.0.1:%d/", w.servers[SIDE_SOURCE].acceptor.port);
	w.more = "";
	w.options.urls[SIDE_SOURCE] = w.options.urls[SIDE_TARGET] = url;
	compare(&w);
	expect(&w, 1, VERDICT_OPEN, NULL, NULL);
	assert_true(w.report.same_registry);
	world_done(&w);
}

static void other_bytes_are_noise(void **state)
{
	struct route routes[] = { { NULL } };
	struct record record = { .value = VIEW_LITERAL("{}") };
	struct world w;

	world_init(&w);
	w.servers[SIDE_SOURCE].routes = w.servers[SIDE_TARGET].routes = routes;
	carries(&w, SIDE_SOURCE, 77, 3);
	carries(&w, SIDE_TARGET, 77, 3);
	for (int i = 0; i < 100; i++)
		for (int side = 0; side < SIDE_COUNT; side++)
			assert_int_equal(schema_uses_add(&w.uses[side], &record, 0, i), 0);
	compare(&w);
	assert_int_equal(w.report.count, 0);
	assert_int_equal(w.report.noise, 3);
	world_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_missing_and_different),
		cmocka_unit_test(references_are_followed),
		cmocka_unit_test(numbers_may_differ_where_the_bytes_do),
		cmocka_unit_test(doubt_is_unknown),
		cmocka_unit_test(a_registry_that_is_not_there_is_asked_no_further),
		cmocka_unit_test(an_answer_too_large_is_no_answer),
		cmocka_unit_test(registries_have_to_be_named),
		cmocka_unit_test(other_bytes_are_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
