/*
 * registry_client.c - documents of a registry: asked for, read, followed to what they refer to, and fingerprinted.
 *
 *	WAITING --> ASKED --> ANSWERED
 *	   ^          |
 *	   +-- LATER <+		a failure that may pass: again after a while, three times in all
 */
#include "exit/registry_client.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "base/text.h"
#include "loop/http.h"

#define DOCUMENTS_MAX       20000
#define DOCUMENTS_SIZE_MAX  (128 * 1024 * 1024) /* bytes of all texts */
#define REFERENCES_MAX      1000                /* of one document */
#define REFERENCE_DEPTH_MAX 32
#define TRIES               3
#define TRY_AGAIN_MS        200

struct document {
	struct list link; /* in the client's `waiting` or `later` */
	struct registry_client *client;
	char *path; /* behind the address: "schemas/ids/7" */
	struct http_call *call;
	int tries;
	bool answered;
	enum registry_answer answer;
	bool unreachable;
	char *why;
	enum schema_type type;
	char *text;
	struct reference {
		char *name;
		struct document *to;
	} * references;
	int reference_count;
	int depth; /* steps from what was wanted */
	enum { PRINT_NONE, PRINT_DOING, PRINT_DONE } printing;
	struct sha256 print;
	bool as_it_stands;
};

struct registry_client {
	struct loop *loop;
	const struct registry_config *config;
	struct registry_client_options options;
	struct http *http;
	struct timer *timer;
	struct map documents; /* by path */
	struct list waiting, later;
	int under_way, requests;
	size_t text_size;
	char *down; /* why nobody need ask any more */
	bool done;
};

/* ---- answers ---- */

__attribute__((format(printf, 2, 3))) static void document_fail(struct document *document, const char *format,
								...)
{
	va_list arguments;
	char why[1200];

	va_start(arguments, format);
	vsnprintf(why, sizeof why, format, arguments);
	va_end(arguments);
	document->answered = true;
	document->answer = REGISTRY_FAILED;
	free(document->why);
	document->why = strdup(why);
}

static void go_down(struct document *document)
{
	document->unreachable = true;
	if (!document->client->down)
		document->client->down = document->why ? strdup(document->why) : NULL;
}

static int document_want(struct registry_client *client, const char *path, int depth, struct document **out)
{
	struct document *document = map_get(&client->documents, view_text(path));

	*out = document;
	if (document)
		return 0;
	if (client->documents.count >= DOCUMENTS_MAX)
		return ERR_LIMIT;
	document = calloc(1, sizeof *document);
	if (!document)
		return ERR_MEMORY;
	list_init(&document->link);
	document->client = client;
	document->depth = depth;
	document->path = strdup(path);
	if (!document->path || map_put(&client->documents, view_text(path), document) < 0) {
		free(document->path);
		free(document);
		return ERR_MEMORY;
	}
	list_append(&client->waiting, &document->link);
	client->done = false;
	*out = document;
	return 0;
}

/* A subject may have any characters in it. */
static void put_escaped(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if ((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
		    (*text >= '0' && *text <= '9') || strchr("-._~", *text))
			buffer_put(out, text, 1);
		else
			buffer_printf(out, "%%%02X", (unsigned)(uint8_t)*text);
	}
}

static int follow(struct document *document, const json_t *reference)
{
	const char *name = json_string_value(json_object_get(reference, "name"));
	const char *subject = json_string_value(json_object_get(reference, "subject"));
	const json_t *version = json_object_get(reference, "version");
	struct reference *at = &document->references[document->reference_count];
	struct buffer path;
	int err;

	if (!name || !subject || !json_is_integer(version))
		return ERR_MALFORMED;
	buffer_init(&path, 4096);
	buffer_text(&path, "subjects/");
	put_escaped(&path, subject);
	if (json_integer_value(version) < 0)
		buffer_text(&path, "/versions/latest");
	else
		buffer_printf(&path, "/versions/%lld", (long long)json_integer_value(version));
	err = document_want(document->client, buffer_string(&path), document->depth + 1, &at->to);
	err = path.err < 0 ? path.err : err;
	buffer_done(&path);
	if (err < 0)
		return err;
	at->name = strdup(name);
	if (!at->name)
		return ERR_MEMORY;
	document->reference_count++;
	return 0;
}

static int follow_all(struct document *document, const json_t *references)
{
	size_t count = json_array_size(references);
	int err = 0;

	if (!count)
		return 0;
	if (count > REFERENCES_MAX || document->depth >= REFERENCE_DEPTH_MAX)
		return ERR_LIMIT;
	document->references = calloc(count, sizeof *document->references);
	if (!document->references)
		return ERR_MEMORY;
	for (size_t i = 0; i < count && err == 0; i++)
		err = follow(document, json_array_get(references, i));
	return err;
}

static void take_schema(struct document *document, const json_t *answer)
{
	struct registry_client *client = document->client;
	const char *text = json_string_value(json_object_get(answer, "schema"));
	int err;

	if (!text) {
		document_fail(document,
			      "what answers there is no schema registry: it knows %s without a schema in it",
			      document->path);
		go_down(document);
		return;
	}
	client->text_size += strlen(text);
	document->text = client->text_size <= DOCUMENTS_SIZE_MAX ? strdup(text) : NULL;
	if (!document->text) {
		document_fail(document, "the schemas take more than %d bytes together", DOCUMENTS_SIZE_MAX);
		return;
	}
	document->type = schema_type_named(json_string_value(json_object_get(answer, "schemaType")));
	err = follow_all(document, json_object_get(answer, "references"));
	if (err < 0) {
		document_fail(document, "what %s refers to cannot be followed: %s", document->path,
			      err_text(err));
		return;
	}
	document->answered = true;
	document->answer = REGISTRY_FOUND;
}

/*
 * Every one of these registries says 40401 to 40403 in its own words when it has no such subject, version or schema.  A
 * 404 without such a number comes from somebody who does not know the path: another service, or an older registry
 * that does not know GUIDs.
 */
static void take_not_found(struct document *document, const json_t *answer)
{
	json_int_t code = json_integer_value(json_object_get(answer, "error_code"));

	if (code >= 40401 && code <= 40403) {
		document->answered = true;
		document->answer = REGISTRY_MISSING;
	} else if (strncmp(document->path, "schemas/guids/", 14) == 0) {
		document_fail(document, "it does not look up schemas by GUID: it answers 404 to %s",
			      document->path);
	} else {
		document_fail(
			document,
			"it answers 404 to %s and does not say it as a schema registry would: is the path in "
			"schema.registry.url right?",
			document->path);
		go_down(document);
	}
}

/* ---- asking ---- */

static void pump(struct registry_client *client);

static void ask_again(struct document *document)
{
	struct registry_client *client = document->client;

	if (list_empty(&client->later))
		timer_start(client->timer, TRY_AGAIN_MS);
	list_append(&client->later, &document->link);
}

static void time_passed(void *owner)
{
	struct registry_client *client = owner;

	LIST_EACH_SAFE(&client->later, link)
	{
		list_remove(link);
		list_append(client->waiting.next, link); /* in front of all others */
	}
	pump(client);
}

static bool may_pass(const struct http_reply *reply)
{
	if (reply->err < 0)
		return reply->err == ERR_NETWORK || reply->err == ERR_TIMEOUT;
	return reply->status == 429 || reply->status >= 500;
}

static void take_refusal(struct document *document, const struct http_reply *reply)
{
	if (reply->err == ERR_LIMIT) {
		document_fail(document, "%s", reply->fault->text);
		return;
	}
	if (reply->err < 0)
		document_fail(document, "%s", reply->fault->text);
	else if (reply->status == 401 || reply->status == 403)
		document_fail(document,
			      "it answers %d to %s: set schema.registry.basic.auth.user.info (or "
			      "bearer.auth.token) to "
			      "credentials that may read schemas",
			      reply->status, document->path);
	else
		document_fail(document, "it answers %d to %s", reply->status, document->path);
	/* One schema may be denied, or be what the registry stumbles over, while the next one is not. */
	if (reply->err < 0 || reply->status != 403)
		go_down(document);
}

static void came(void *owner, const struct http_reply *reply)
{
	struct document *document = owner;
	struct registry_client *client = document->client;
	json_t *answer = NULL;

	document->call = NULL;
	client->under_way--;
	if (reply->err == 0)
		answer = json_loadb((const char *)reply->body.at, reply->body.size, 0, NULL);
	if (may_pass(reply) && document->tries < TRIES && !client->down)
		ask_again(document);
	else if (reply->err == 0 && reply->status == 200)
		take_schema(document, answer);
	else if (reply->err == 0 && reply->status == 404)
		take_not_found(document, answer);
	else
		take_refusal(document, reply);
	json_decref(answer);
	pump(client);
}

/* Which address: the first one first, and the next one at each further try. */
static const char *address_of(const struct registry_client *client, int try)
{
	int count = 0;

	while (client->config->urls[count])
		count++;
	return client->config->urls[try % count];
}

static void ask(struct document *document)
{
	struct registry_client *client = document->client;
	const struct registry_config *config = client->config;
	const char *headers[3] = { "Accept: application/vnd.schemaregistry.v1+json, application/json" };
	struct buffer url, token;
	int err;

	buffer_init(&url, 8192);
	buffer_init(&token, 65536);
	buffer_printf(&url, "%s/%s", address_of(client, document->tries), document->path);
	if (config->token) {
		buffer_printf(&token, "Authorization: Bearer %s", config->token);
		headers[1] = buffer_string(&token);
	}
	struct http_request request = {
		.method = "GET",
		.url = buffer_string(&url),
		.headers = headers,
		.username = config->token ? NULL : config->username,
		.password = config->password,
		.timeout_ms = client->options.timeout_ms,
		.body_size_max = client->options.schema_size_max,
		.tls = config->tls,
	};

	document->tries++;
	client->requests++;
	err = url.err < 0 ? url.err : token.err;
	if (err == 0)
		err = http_send(client->http, &request, came, document, &document->call);
	if (err < 0)
		document_fail(document, "%s could not be asked for: %s", document->path, err_text(err));
	else
		client->under_way++;
	if (token.at)
		memset(token.at, 0, token.size);
	buffer_done(&token);
	buffer_done(&url);
}

/* Nothing new is asked for while something failed and waits for its next try: the registry is in trouble. */
static bool may_ask(const struct registry_client *client)
{
	return client->down || (client->under_way < client->options.at_once && list_empty(&client->later));
}

static void pump(struct registry_client *client)
{
	while (!list_empty(&client->waiting) && may_ask(client)) {
		struct document *document = container_of(client->waiting.next, struct document, link);

		list_remove(&document->link);
		if (!client->down) {
			ask(document);
			continue;
		}
		document_fail(document, "%s", client->down);
		document->unreachable = true;
	}
	client->done = list_empty(&client->waiting) && list_empty(&client->later) && client->under_way == 0;
}

/* ---- from outside ---- */

int registry_client_new(struct loop *loop, const struct registry_config *config,
			const struct registry_client_options *options, struct registry_client **out)
{
	struct registry_client *client = calloc(1, sizeof *client);

	if (!client)
		return ERR_MEMORY;
	client->loop = loop;
	client->config = config;
	client->options = *options;
	client->done = true;
	list_init(&client->waiting);
	list_init(&client->later);
	map_init(&client->documents);
	if (http_new(loop, &client->http) < 0 || timer_new(loop, time_passed, client, &client->timer) < 0) {
		registry_client_free(client);
		return ERR_MEMORY;
	}
	if (config->refused) {
		client->down = strdup(config->refused);
		if (!client->down) {
			registry_client_free(client);
			return ERR_MEMORY;
		}
	}
	*out = client;
	return 0;
}

static void document_free(struct document *document)
{
	for (int i = 0; i < document->reference_count; i++)
		free(document->references[i].name);
	free(document->references);
	free(document->path);
	free(document->text);
	free(document->why);
	free(document);
}

void registry_client_free(struct registry_client *client)
{
	if (!client)
		return;
	http_free(client->http); /* ends what is under way */
	timer_free(client->timer);
	MAP_EACH(&client->documents, slot)
	document_free(slot->value);
	map_done(&client->documents);
	free(client->down);
	free(client);
}

static const char *path_of(const struct schema_id *id, char out[64])
{
	char text[SCHEMA_ID_TEXT_SIZE];

	snprintf(out, 64, "schemas/%s/%s", id->is_guid ? "guids" : "ids", schema_id_text(id, text));
	return out;
}

int registry_client_want(struct registry_client *client, const struct schema_id *id)
{
	struct document *document;
	char path[64];
	int err = document_want(client, path_of(id, path), 0, &document);

	if (err == 0)
		pump(client);
	return err == ERR_LIMIT ? 0 : err; /* get() says that it was never asked for */
}

static void give_up(struct document *document)
{
	http_cancel(document->call);
	document->call = NULL;
	list_remove(&document->link);
	document_fail(document, "no answer for %s in the time that was given to all of them", document->path);
	document->unreachable = true;
}

int registry_client_wait(struct registry_client *client, int64_t deadline_ms)
{
	int err = client->done ? 0 : loop_until(client->loop, &client->done, deadline_ms);

	if (err != ERR_TIMEOUT)
		return err;
	timer_stop(client->timer);
	MAP_EACH(&client->documents, slot)
	{
		struct document *document = slot->value;

		if (!document->answered)
			give_up(document);
	}
	client->under_way = 0;
	client->done = true;
	return 0;
}

/* Fingerprints from the leaves up.  Each document once, so that a net of references costs no more than its knots. */
static bool print_document(struct registry_client *client, struct document *document)
{
	struct schema_link *links;
	int how = 0;

	if (!document->answered || document->answer != REGISTRY_FOUND || document->printing == PRINT_DOING)
		return false;
	if (document->printing == PRINT_DONE)
		return true;
	document->printing = PRINT_DOING;
	links = calloc((size_t)document->reference_count + 1, sizeof *links);
	for (int i = 0; links && i < document->reference_count; i++) {
		struct reference *reference = &document->references[i];
		struct document *to = reference->to;

		if (!print_document(client, to)) {
			document_fail(document, "it refers to '%s' (%s), which %s", reference->name, to->path,
				      to->answer == REGISTRY_MISSING ? "the registry does not have"
				      : to->printing == PRINT_DOING  ? "refers back to it"
				      : to->why                      ? to->why
								     : "nobody asked for");
			document->unreachable = to->unreachable;
			break;
		}
		links[i] = (struct schema_link){ view_text(reference->name), to->print };
		document->as_it_stands |= to->as_it_stands;
	}
	if (links && document->answer == REGISTRY_FOUND)
		how = schema_print(document->type, view_text(document->text), &client->options.rules, links,
				   document->reference_count, &document->print);
	if (!links || how < 0)
		document_fail(document, "%s cannot be compared: %s", document->path,
			      err_text(links ? how : ERR_MEMORY));
	document->as_it_stands |= how == 1;
	document->printing = PRINT_DONE;
	free(links);
	return document->answer == REGISTRY_FOUND;
}

void registry_client_get(struct registry_client *client, const struct schema_id *id,
			 struct registry_schema *out)
{
	char path[64];
	struct document *document = map_get(&client->documents, view_text(path_of(id, path)));

	*out = (struct registry_schema){ .answer = REGISTRY_FAILED,
					 .why = "more schemas than are asked for" };
	if (!document)
		return;
	if (document->answer == REGISTRY_FOUND)
		print_document(client, document);
	out->answer = document->answer;
	out->type = document->type;
	out->print = document->print;
	out->as_it_stands = document->as_it_stands;
	out->unreachable = document->unreachable;
	out->why = document->answer != REGISTRY_FAILED ? NULL
		   : document->why                     ? document->why
						       : err_text(ERR_MEMORY);
}

int registry_client_requests(const struct registry_client *client)
{
	return client->requests;
}
