/*
 * fake_broker.h - a broker that says what a test tells it to, on a loopback port of the same loop.
 *
 * It cuts requests out of the stream and hands them to the test's `answer`, which answers with fake_answer(), with raw
 * bytes, late, in pieces, or not at all.
 */
#ifndef TEST_CLIENT_FAKE_BROKER_H
#define TEST_CLIENT_FAKE_BROKER_H

#include "base/bits.h"
#include "base/list.h"
#include "loop/accept.h"
#include "wire/messages.h"

struct fake_peer {
	struct list link;
	struct fake_broker *broker;
	struct stream *stream;
	struct buffer in;
	int requests; /* heard so far */
	int state;    /* the test's */
	void *mind;   /* the test's */
};

struct fake_broker {
	struct loop *loop;
	struct acceptor acceptor;
	struct list peers;
	struct tls *tls;
	int accepted;
	void (*answer)(struct fake_peer *peer, const struct request_head *head, struct view body);
	void (*ended)(struct fake_peer *peer); /* may be NULL */
	void *context;
};

static inline void fake_raw(struct fake_peer *peer, const void *bytes, size_t size)
{
	struct iovec piece = { (void *)bytes, size };

	if (stream_write(peer->stream, &piece, 1) < 0)
		abort();
}

/* The frame of an answer, appended to `out`. */
static inline void fake_encode(const struct request_head *head, int16_t version, const void *response,
			       struct buffer *out)
{
	const struct api *api = api_find(head->api_key);
	size_t start = out->size;
	struct fault fault = { 0 };

	buffer_i32(out, 0);
	if (response_head_write(api, version, head->correlation_id, out) < 0 ||
	    message_write(api->response, version, response, out, &fault) < 0)
		abort();
	put_be32(out->at + start, (uint32_t)(out->size - start - 4));
}

static inline void fake_answer(struct fake_peer *peer, const struct request_head *head, int16_t version,
			       const void *response)
{
	struct buffer out;

	buffer_init(&out, 1 << 28);
	fake_encode(head, version, response, &out);
	fake_raw(peer, out.at, out.size);
	buffer_done(&out);
}

/* Says that it speaks every API of our tables. */
static inline void fake_versions(const struct request_head *head, struct buffer *out)
{
	struct api_versions_response_api_key keys[200];
	struct api_versions_response response;
	int32_t count = 0;

	message_default(api_find(18)->response, &response);
	memset(keys, 0, sizeof keys);
	for (const struct api *api = api_table; api->request; api++) {
		keys[count].api_key = api->key;
		keys[count].min_version = api->since;
		keys[count++].max_version = api->until;
	}
	response.api_keys.at = keys;
	response.api_keys.count = count;
	fake_encode(head, head->api_version, &response, out);
}

static inline void fake_answer_versions(struct fake_peer *peer, const struct request_head *head)
{
	struct buffer out;

	buffer_init(&out, 1 << 20);
	fake_versions(head, &out);
	fake_raw(peer, out.at, out.size);
	buffer_done(&out);
}

static inline void fake_hang_up(struct fake_peer *peer)
{
	list_remove(&peer->link);
	stream_free(peer->stream);
	buffer_done(&peer->in);
	free(peer);
}

static void fake_opened(void *owner)
{
	(void)owner;
}

static void fake_closed(void *owner, const struct fault *fault)
{
	struct fake_peer *peer = owner;

	(void)fault;
	if (peer->broker->ended)
		peer->broker->ended(peer);
	fake_hang_up(peer);
}

/* Hands out one request; false when there is none, or the peer is gone. */
static bool fake_next(struct fake_peer *peer)
{
	struct fake_broker *broker = peer->broker;
	struct request_head head;
	struct arena arena;
	struct cursor cursor;
	uint32_t size;
	int accepted = broker->accepted;
	struct list *link = &peer->link;
	bool here = false;

	if (peer->in.size < 4 || peer->in.size - 4 < get_be32(peer->in.at))
		return false;
	size = get_be32(peer->in.at);

	uint8_t *copy = malloc(size);

	memcpy(copy, peer->in.at + 4, size);
	memmove(peer->in.at, peer->in.at + 4 + size, peer->in.size - 4 - size);
	peer->in.size -= 4 + size;
	peer->requests++;
	arena_init(&arena, 1 << 20);
	cursor = cursor_over(view_of(copy, size));
	if (request_head_read(&cursor, &arena, &head, NULL) < 0)
		abort();
	broker->answer(peer, &head, view_of(cursor.at, cursor_left(&cursor)));
	(void)accepted;
	LIST_EACH(&broker->peers, other)
	here |= other == link;
	arena_done(&arena);
	free(copy);
	return here;
}

static void fake_readable(void *owner)
{
	struct fake_peer *peer = owner;
	ssize_t got;

	do {
		uint8_t *room = buffer_room(&peer->in, 65536);

		got = stream_read(peer->stream, room, 65536);
		if (got > 0)
			buffer_grow(&peer->in, (size_t)got);
	} while (got > 0);
	while (fake_next(peer))
		;
}

static void fake_accepted(void *owner, int fd)
{
	static const struct stream_events events = { fake_opened, fake_readable, NULL, fake_closed };
	struct fake_broker *broker = owner;
	struct fake_peer *peer = calloc(1, sizeof *peer);

	broker->accepted++;
	peer->broker = broker;
	buffer_init(&peer->in, 1 << 28);
	list_append(&broker->peers, &peer->link);
	if (stream_accepted(broker->loop, fd, broker->tls, 1 << 30, 5000, &events, peer, &peer->stream) < 0)
		abort();
}

static inline void fake_open(struct fake_broker *broker, struct loop *loop,
			     void (*answer)(struct fake_peer *, const struct request_head *, struct view))
{
	memset(broker, 0, sizeof *broker);
	broker->loop = loop;
	broker->answer = answer;
	list_init(&broker->peers);
	if (acceptor_open(&broker->acceptor, loop, fake_accepted, broker) < 0)
		abort();
}

static inline void fake_close(struct fake_broker *broker)
{
	while (!list_empty(&broker->peers))
		fake_hang_up(container_of(broker->peers.next, struct fake_peer, link));
	acceptor_close(&broker->acceptor);
}

#endif
