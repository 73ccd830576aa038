/*
 * connection_open.c - the first words: which versions does the broker speak?
 *
 * A broker answers a version of ApiVersions that it does not know with UNSUPPORTED_VERSION in the layout of version 0,
 * and since KIP-511 with the range that it does know.
 */
#include <stdlib.h>

#include "base/bits.h"
#include "client/connection_inside.h"

#define API_VERSIONS        18
#define UNSUPPORTED_VERSION 35

static void ask(struct connection *c, int16_t version);

/* What the broker says and what our tables know, key by key. */
static void keep_ranges(struct connection *c)
{
	for (int key = 0; key < API_KEY_COUNT; key++) {
		c->ranges[key].since = 0;
		c->ranges[key].until = -1;
	}
	for (int32_t i = 0; i < c->versions.api_keys.count; i++) {
		int16_t key = c->versions.api_keys.at[i].api_key;
		const struct api *api = key >= 0 && key < API_KEY_COUNT ? api_find(key) : NULL;
		int16_t since = c->versions.api_keys.at[i].min_version,
			until = c->versions.api_keys.at[i].max_version;

		if (!api)
			continue;
		c->ranges[key].since = since > api->since ? since : api->since;
		c->ranges[key].until = until < api->until ? until : api->until;
	}
	c->versions_known = true;
}

/* The version to try after `tried` was refused. */
static int16_t next_version(const struct connection *c, int16_t tried)
{
	for (int32_t i = 0; i < c->versions.api_keys.count; i++)
		if (c->versions.api_keys.at[i].api_key == API_VERSIONS &&
		    c->versions.api_keys.at[i].max_version < tried &&
		    c->versions.api_keys.at[i].max_version >= 0)
			return c->versions.api_keys.at[i].max_version;
	return 0;
}

static void answered(void *context, const struct answer *answer)
{
	struct connection *c = context;
	struct fault fault = { 0 };
	int16_t version = answer->version;
	int err;

	if (answer->err < 0)
		return; /* the connection is over and says so itself */
	if (answer->body.size >= 2 && get_be16(answer->body.at) == UNSUPPORTED_VERSION)
		version = 0;
	arena_reset(&c->versions_arena);

	/* The answer is kept for as long as the connection lives, and so must its bytes be. */
	struct view body = arena_copy(&c->versions_arena, answer->body);

	if (!body.at) {
		connection_fault(c, ERR_LIMIT, "the answer to ApiVersions is too large (%zu bytes)",
				 answer->body.size);
		return;
	}
	err = message_read(answer->api->response, version, body, &c->versions_arena, &c->versions, &fault);
	if (err < 0) {
		connection_fault(c, err, "the answer to ApiVersions cannot be read: %s", fault.text);
		return;
	}
	if (c->versions.error_code == UNSUPPORTED_VERSION && answer->version > 0) {
		ask(c, next_version(c, answer->version));
		return;
	}
	if (c->versions.error_code != 0) {
		connection_fault(c, ERR_BROKER, "the broker answers ApiVersions with error %d",
				 c->versions.error_code);
		return;
	}
	keep_ranges(c);
	login_start(c);
}

static void ask(struct connection *c, int16_t version)
{
	const struct api *api = api_find(API_VERSIONS);
	struct api_versions_request request;
	struct fault fault = { 0 };
	int64_t deadline_ms = loop_now_ms(c->loop) + c->connector->config->connect_timeout_ms;

	message_default(api->request, &request);
	request.client_software_name = VIEW_LITERAL("interlock");
	request.client_software_version = VIEW_LITERAL(INTERLOCK_VERSION);
	if (connection_put(c, api, version, &request, deadline_ms, answered, c, NULL, &fault) < 0)
		connection_fail(c, &fault);
}

void connection_ask_versions(struct connection *c)
{
	c->state = CONNECTION_VERSIONS;
	ask(c, api_find(API_VERSIONS)->until);
}
