/*
 * gather_schemas.c - do the schema ids that the records carry mean the same in both registries?
 *
 * Records written by the serializers of a schema registry begin with a zero byte and four bytes of an id.  The bytes are
 * the same on both clusters, so a consumer that is moved asks the target's registry for the source's id; what it gets
 * must be the same schema.  Schemas are compared as JSON values where they are JSON, else as text.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "exit/gather_run.h"
#include "loop/http.h"

#define SCHEMA_SIZE_MAX (1024 * 1024)

/* At least nine of ten values must begin so, or it is taken for chance. */
static bool looks_framed(const struct seen *seen)
{
	return seen->framed && seen->framed * 10 >= seen->values * 9;
}

/* ---- one question to one registry ---- */

struct question {
	bool done;
	int err, status;
	json_t *schema; /* what the answer's `schema` says: parsed when it is JSON, else a string */
	char type[40];
};

static void take_schema(struct question *q, struct view body)
{
	json_t *answer = json_loadb((const char *)body.at, body.size, 0, NULL);
	const char *text = json_string_value(json_object_get(answer, "schema"));
	const char *type = json_string_value(json_object_get(answer, "schemaType"));

	snprintf(q->type, sizeof q->type, "%s", type ? type : "AVRO");
	if (text) {
		q->schema = json_loads(text, JSON_DECODE_ANY, NULL);
		if (!q->schema)
			q->schema = json_string(text);
	}
	if (!q->schema)
		q->err = ERR_MALFORMED;
	json_decref(answer);
}

static void on_answer(void *owner, const struct http_reply *reply)
{
	struct question *q = owner;

	q->err = reply->err;
	q->status = reply->status;
	if (!q->err && q->status == 200)
		take_schema(q, reply->body);
	q->done = true;
}

/* http://user:password@host/... without what stands before the '@'; that goes into `user` and `password`. */
static char *without_login(struct view url, char user[200], char password[200])
{
	char *copy = view_string(url), *host = copy ? strstr(copy, "://") : NULL, *at, *colon;

	user[0] = password[0] = 0;
	if (!host)
		return copy;
	host += 3;
	at = strchr(host, '@');
	if (!at || (strchr(host, '/') && at > strchr(host, '/')))
		return copy;
	*at = 0;
	colon = strchr(host, ':');
	snprintf(user, 200, "%.*s", (int)(colon ? colon - host : at - host), host);
	snprintf(password, 200, "%s", colon ? colon + 1 : "");
	memmove(host, at + 1, strlen(at + 1) + 1);
	return copy;
}

static void ask(const struct gather_run *run, struct http *http, struct view registry, int32_t id,
		struct question *q)
{
	static const char *const headers[] = {
		"Accept: application/vnd.schemaregistry.v1+json, application/json", NULL
	};
	char user[200], password[200];
	char *base = without_login(registry, user, password);
	struct http_call *call;
	struct buffer url;

	*q = (struct question){ .err = ERR_MEMORY };
	buffer_init(&url, 4096);
	buffer_printf(&url, "%s%sschemas/ids/%d", base ? base : "",
		      base && *base && base[strlen(base) - 1] == '/' ? "" : "/", id);
	struct http_request request = {
		.method = "GET",
		.url = buffer_string(&url),
		.headers = headers,
		.username = user[0] ? user : NULL,
		.password = user[0] ? password : NULL,
		.timeout_ms = run->timeout_ms,
		.body_size_max = SCHEMA_SIZE_MAX,
	};
	if (base && !url.err)
		q->err = http_send(http, &request, on_answer, q, &call);
	if (q->err == 0) {
		int err = loop_until(run->loop, &q->done, loop_now_ms(run->loop) + run->timeout_ms + 1000);

		if (err < 0) {
			http_cancel(call);
			q->err = err;
		}
	}
	buffer_done(&url);
	memset(password, 0, sizeof password);
	free(base);
}

/* ---- both registries ---- */

/* 1: the same, 0: not, -1: could not be found out, and said. */
static int compare(struct draft *d, int32_t id, const struct question *a, const struct question *b)
{
	const struct question *both[] = { a, b };

	for (int side = 0; side < 2; side++) {
		if (both[side]->err || (both[side]->status != 200 && both[side]->status != 404)) {
			draft_exclude(d, "schemas", "the %s registry did not answer for id %d: %s",
				      side_word((enum side)side), id,
				      both[side]->err ? err_text(both[side]->err) : "an HTTP error");
			return -1;
		}
	}
	if (a->status == 404) {
		draft_exclude(d, "schemas", "the source registry does not know id %d", id);
		return -1;
	}
	if (b->status == 404) {
		draft_say(d, "id %d is not in the target registry", id);
		return 0;
	}
	if (strcmp(a->type, b->type) == 0 && json_equal(a->schema, b->schema))
		return 1;
	draft_say(d, "id %d is another schema in the target registry", id);
	return 0;
}

static int check_ids(const struct gather_run *run, struct draft *d, int *asked, int *unresolved)
{
	const struct gathering *g = run->g;
	struct http *http = NULL;
	int err = http_new(run->loop, &http);

	for (int i = 0; !err && i < g->topic_count; i++) {
		for (int s = 0; looks_framed(&g->seen[i]) && s < g->seen[i].schema_count; s++) {
			struct question a, b;
			int same;

			if (run->progress)
				run->progress(run->context, "asking the schema registries", -1);
			ask(run, http, g->plan->registries.source.text, g->seen[i].schemas[s], &a);
			ask(run, http, g->plan->registries.target.text, g->seen[i].schemas[s], &b);
			if (a.err == ERR_CANCELLED || b.err == ERR_CANCELLED)
				err = ERR_CANCELLED;
			same = compare(d, g->seen[i].schemas[s], &a, &b);
			++*asked;
			*unresolved += same == 0;
			json_decref(a.schema);
			json_decref(b.schema);
			if (err)
				break;
		}
	}
	http_free(http);
	return err;
}

int gather_schemas(const struct gather_run *run, struct fault *fault)
{
	const struct gathering *g = run->g;
	int asked = 0, unresolved = 0, framed = 0, err = 0;
	struct draft d;

	draft_begin(&d, run->g, "compatibility.schemas", VIEW_NULL, "registry");
	for (int i = 0; i < g->topic_count; i++) {
		if (!g->seen || !g->seen[i].sampled) {
			draft_exclude(&d, "schemas", "no records of %.*s could be sampled",
				      VIEW_ARGS(g->topics[i].source));
			continue;
		}
		framed += looks_framed(&g->seen[i]);
		if (g->seen[i].schemas_cut && looks_framed(&g->seen[i]))
			draft_exclude(&d, "schemas", "%.*s uses more ids than are looked at",
				      VIEW_ARGS(g->topics[i].source));
		if (looks_framed(&g->seen[i]) && !g->plan->registries.head.given)
			draft_exclude(&d, "schemas",
				      "the records of %.*s look as if they carried schema ids: name "
				      "'registries' in the plan, "
				      "or say 'registries: none'",
				      VIEW_ARGS(g->topics[i].source));
	}
	if (framed && g->plan->registries.head.given && !g->plan->registries.head.none)
		err = check_ids(run, &d, &asked, &unresolved);
	draft_value(&d, "unresolved", "schemas", unresolved);
	d.item.samples = (uint64_t)asked;
	if (g->plan->registries.head.none)
		draft_say(&d, "not asked for");
	else if (!framed)
		draft_say(&d, "no schema ids were seen in the records");
	else
		draft_say(&d, "%d schema ids looked up", asked);
	if (err == ERR_CANCELLED || err == ERR_MEMORY) {
		buffer_done(&d.text);
		return fault_set(fault, err, "the schema registries could not be asked: %s", err_text(err));
	}
	return draft_end(&d, fault);
}
