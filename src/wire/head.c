/*
 * head.c - the heads of requests and responses, by hand: they are needed before key and version are known, and two
 * of their rules are exceptions.  The client id keeps its old encoding when everything else is compact, and the
 * response to ApiVersions always has the old head, for a client that cannot know yet what the broker speaks (KIP-511).
 */
#include "wire/message.h"
#include "wire/messages.h"

#define TAGS_MAX 64 /* nobody sends even one today */

static bool flexible(const struct api *api, int16_t version)
{
	return version >= api->flexible_since;
}

static int refuse(struct fault *fault, const char *what, const struct cursor *c)
{
	return fault_set(fault, ERR_MALFORMED, "%s: %s", what, c->fault);
}

static void read_tags(struct cursor *c, struct arena *arena, struct tags *out)
{
	uint32_t count = cursor_uvarint(c);
	int64_t previous = -1;

	if (count > TAGS_MAX) {
		cursor_fail(c, "too many tags");
		return;
	}
	out->at = count ? arena_array(arena, count, sizeof *out->at) : NULL;
	if (count && !out->at)
		cursor_fail(c, "no memory for its tags");
	for (uint32_t i = 0; i < count && !c->fault; i++) {
		uint32_t number = cursor_uvarint(c);
		uint32_t size = cursor_uvarint(c);

		if (!c->fault && number <= previous)
			cursor_fail(c, "tags out of order");
		previous = number;
		out->at[i] = (struct tag){ number, cursor_view(c, size) };
	}
	out->count = c->fault ? 0 : (int32_t)count;
}

static void write_tags(const struct tags *tags, struct buffer *out)
{
	buffer_uvarint(out, (uint32_t)tags->count);
	for (int32_t i = 0; i < tags->count; i++) {
		buffer_uvarint(out, tags->at[i].number);
		buffer_uvarint(out, tags->at[i].body.size);
		buffer_view(out, tags->at[i].body);
	}
}

int request_head_read(struct cursor *c, struct arena *arena, struct request_head *out, struct fault *fault)
{
	struct request_head head = { 0 };
	const struct api *api;
	int16_t size;

	head.api_key = cursor_i16(c);
	head.api_version = cursor_i16(c);
	head.correlation_id = cursor_i32(c);
	size = cursor_i16(c);
	if (size >= 0)
		head.client_id = cursor_view(c, (size_t)size);
	else if (size < -1)
		cursor_fail(c, "negative length of the client id");
	if (c->fault)
		return refuse(fault, "request head", c);

	api = api_find(head.api_key);
	if (!api || head.api_version < api->since || head.api_version > api->until) {
		*out = head; /* enough to answer with */
		return fault_set(fault, ERR_UNSUPPORTED,
				 "request of API %d version %d, which the tables do not know", head.api_key,
				 head.api_version);
	}
	if (flexible(api, head.api_version))
		read_tags(c, arena, &head.tags);
	if (c->fault)
		return refuse(fault, "request head", c);
	*out = head;
	return 0;
}

int request_head_write(const struct request_head *head, struct buffer *out)
{
	const struct api *api = api_find(head->api_key);

	if (!api)
		return ERR_UNSUPPORTED;
	if (head->client_id.size > INT16_MAX)
		return ERR_LIMIT;
	buffer_i16(out, head->api_key);
	buffer_i16(out, head->api_version);
	buffer_i32(out, head->correlation_id);
	buffer_i16(out, head->client_id.at ? (int16_t)head->client_id.size : -1);
	buffer_view(out, head->client_id);
	if (flexible(api, head->api_version))
		write_tags(&head->tags, out);
	return out->err;
}

static bool response_tagged(const struct api *api, int16_t version)
{
	return flexible(api, version) && api->key != API_API_VERSIONS;
}

int response_head_read(const struct api *api, int16_t version, struct cursor *c, struct arena *arena,
		       int32_t *correlation_id, struct fault *fault)
{
	int32_t id = cursor_i32(c);
	struct tags tags = { NULL, 0 };

	if (response_tagged(api, version))
		read_tags(c, arena, &tags);
	if (c->fault)
		return refuse(fault, "response head", c);
	*correlation_id = id;
	return 0;
}

int response_head_write(const struct api *api, int16_t version, int32_t correlation_id, struct buffer *out)
{
	buffer_i32(out, correlation_id);
	if (response_tagged(api, version))
		buffer_uvarint(out, 0);
	return out->err;
}
