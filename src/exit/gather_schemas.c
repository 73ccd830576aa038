/*
 * gather_schemas.c - do the schema ids that the records carry mean the same in both registries?
 *
 * Records written by the serializers of a schema registry begin with a zero byte and four bytes of an id.  The bytes are
 * the same on both clusters when a copier filled the target; a dual-writing application may have registered on each side
 * for itself.  Either way a consumer that is moved must find the same schema.  Schemas are compared as JSON values where
 * they are JSON, else as text.
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

#define IDS_MAX 512 /* of one side, in all topics of a family */

/* The ids that one side's records carry, and what its registry says of each. */
struct ids {
	int32_t id[IDS_MAX];
	struct question answer[IDS_MAX];
	int count;
	bool cut;
};

static void collect(const struct gathering *g, enum side side, struct ids *out)
{
	for (int i = 0; i < g->topic_count; i++) {
		const struct seen *seen = &g->seen[side][i];

		out->cut |= seen->schemas_cut && looks_framed(seen);
		for (int s = 0; looks_framed(seen) && s < seen->schema_count; s++) {
			bool had = false;

			for (int k = 0; k < out->count; k++)
				had |= out->id[k] == seen->schemas[s];
			if (had)
				continue;
			if (out->count == IDS_MAX)
				out->cut = true;
			else
				out->id[out->count++] = seen->schemas[s];
		}
	}
}

/* True when it said something: here it is, or there is no such id. */
static bool answered(struct draft *d, enum side side, int32_t id, const struct question *q)
{
	if (!q->err && (q->status == 200 || q->status == 404))
		return true;
	if (q->err)
		draft_exclude(d, "SCHEMA_UNKNOWN", "the %s registry did not answer for id %d: %s",
			      side_word(side), id, err_text(q->err));
	else
		draft_exclude(d, "SCHEMA_UNKNOWN", "the %s registry answered HTTP %d for id %d",
			      side_word(side), q->status, id);
	return false;
}

static bool same(const struct question *a, const struct question *b)
{
	return !a->err && !b->err && a->schema && b->schema && strcmp(a->type, b->type) == 0 &&
	       json_equal(a->schema, b->schema);
}

static int ask_all(const struct gather_run *run, struct http *http, enum side side, struct ids *ids)
{
	const struct plan *plan = run->g->plan;
	struct view registry =
		side == SIDE_SOURCE ? plan->registries.source.text : plan->registries.target.text;

	for (int i = 0; i < ids->count; i++) {
		if (run->progress)
			run->progress(run->context, "asking the schema registries", (double)i / ids->count);
		ask(run, http, registry, ids->id[i], &ids->answer[i]);
		if (ids->answer[i].err == ERR_CANCELLED)
			return ERR_CANCELLED;
	}
	return 0;
}

/*
 * A schema of the source is at home on the target when a record there carries an id that means the same (a writer that
 * registers for itself), or when the very id of the source means the same there (a copier that leaves bytes alone).
 */
static int resolve(const struct gather_run *run, struct http *http, struct draft *d, const struct ids *source,
		   const struct ids *target, int *unresolved)
{
	for (int i = 0; i < source->count; i++) {
		struct question there;
		bool found = false;

		if (!answered(d, SIDE_SOURCE, source->id[i], &source->answer[i]))
			continue;
		if (!source->answer[i].schema) {
			++*unresolved;
			draft_say(d, "records carry id %d, which the source registry does not know",
				  source->id[i]);
			continue;
		}
		for (int k = 0; k < target->count && !found; k++)
			found = same(&source->answer[i], &target->answer[k]);
		if (found)
			continue;
		ask(run, http, run->g->plan->registries.target.text, source->id[i], &there);
		if (there.err == ERR_CANCELLED)
			return ERR_CANCELLED;
		if (answered(d, SIDE_TARGET, source->id[i], &there) && !same(&source->answer[i], &there)) {
			++*unresolved;
			draft_say(d, "id %d of the source is %s in the target registry", source->id[i],
				  there.schema ? "another schema" : "not known");
		}
		json_decref(there.schema);
	}
	for (int k = 0; k < target->count; k++) {
		if (!answered(d, SIDE_TARGET, target->id[k], &target->answer[k]) || target->answer[k].schema)
			continue;
		++*unresolved;
		draft_say(d, "records of the target carry id %d, which its registry does not know",
			  target->id[k]);
	}
	return 0;
}

static int check_ids(const struct gather_run *run, struct draft *d, int *asked, int *unresolved)
{
	struct ids *both = calloc(2, sizeof *both);
	struct http *http = NULL;
	int err = both ? http_new(run->loop, &http) : ERR_MEMORY;

	for (int side = 0; !err && side < SIDE_COUNT; side++) {
		collect(run->g, (enum side)side, &both[side]);
		if (both[side].cut)
			draft_exclude(d, "SCHEMA_UNKNOWN",
				      "the records of the %s carry more ids than are looked at",
				      side_word((enum side)side));
		err = ask_all(run, http, (enum side)side, &both[side]);
		*asked += both[side].count;
	}
	if (!err)
		err = resolve(run, http, d, &both[SIDE_SOURCE], &both[SIDE_TARGET], unresolved);
	for (int side = 0; both && side < SIDE_COUNT; side++)
		for (int i = 0; i < both[side].count; i++)
			json_decref(both[side].answer[i].schema);
	free(both);
	http_free(http);
	return err;
}

/* How many topics carry ids, on either side; what could not be sampled is said. */
static int count_framed(struct draft *d, const struct gathering *g)
{
	int framed = 0;

	for (int i = 0; i < g->topic_count; i++) {
		bool here = false;

		for (int side = 0; side < SIDE_COUNT; side++) {
			if (!g->seen[side] || !g->seen[side][i].sampled)
				draft_exclude(d, "SCHEMA_UNKNOWN",
					      "no records of %.*s could be sampled on the %s",
					      VIEW_ARGS(g->topics[i].source), side_word((enum side)side));
			else
				here |= looks_framed(&g->seen[side][i]);
		}
		framed += here;
		if (here && !g->plan->registries.head.given)
			draft_exclude(d, "REGISTRY_NOT_NAMED",
				      "the records of %.*s look as if they carried schema ids: name "
				      "'registries' in the plan, or say "
				      "'registries: none'",
				      VIEW_ARGS(g->topics[i].source));
	}
	return framed;
}

int gather_schemas(const struct gather_run *run, struct fault *fault)
{
	const struct gathering *g = run->g;
	int asked = 0, unresolved = 0, framed, err = 0;
	bool ask_them = g->plan->registries.head.given && !g->plan->registries.head.none;
	struct draft d;

	draft_begin(&d, run->g, "compatibility.schemas", VIEW_NULL, "registry");
	framed = count_framed(&d, g);
	if (framed && ask_them && g->seen[SIDE_SOURCE] && g->seen[SIDE_TARGET])
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
