/*
 * sim_net.c - the network between clients and the broker: bytes that come in pieces, late, or not at all.
 *
 *	client  --net_send()-->  [ up ]    --wire_step()-->  pipeline
 *	client  <-- answers --   [ down ]  <--wire_step()--  [ parcels ]  <--  pipeline
 *
 * A wire carries some bytes with each step, in one direction.  It breaks between any two of them: what had not arrived is gone,
 * what was asked for may have been done, and nobody is told.  A client may also leave without the broker noticing: what it had
 * sent still arrives, after what the client sends on its next connection.  A client that does not read lets its answers pile up
 * where the broker keeps them, in pieces that the log still holds.
 */
#include "sim.h"

#define WIRES_MAX 100
#define PATIENCE                                                                                             \
	64 /* what waits counts as so many times its size: a megabyte is more than a world ever sends */

struct parcel {
	struct list link;
	struct iovec *pieces;
	int count, piece; /* which one is being taken ... */
	size_t at;        /* ... and from where */
	void (*release)(void *context);
	void *context;
	struct iovec one;
	uint8_t copy[];
};

struct wire {
	struct list link; /* world->wires */
	struct world *world;
	struct client *client; /* NULL: it has left */
	struct pipeline pipeline;
	bool paused, up;       /* what is stepped next */
	int64_t reads_from_ms; /* until then the client does not read */
	struct buffer sent;    /* by the client, not arrived from `sent_at` on */
	size_t sent_at;
	struct list parcels;
	size_t waiting; /* bytes in them */
	struct buffer got;
};

static void put_parcel(struct wire *wire, struct parcel *parcel)
{
	for (int i = 0; i < parcel->count; i++)
		wire->waiting += parcel->pieces[i].iov_len;
	list_append(&wire->parcels, &parcel->link);
}

static void answered(void *owner, struct view bytes)
{
	struct parcel *parcel = calloc(1, sizeof *parcel + bytes.size);

	memcpy(parcel->copy, bytes.at, bytes.size);
	parcel->one = (struct iovec){ parcel->copy, bytes.size };
	parcel->pieces = &parcel->one;
	parcel->count = 1;
	put_parcel(owner, parcel);
}

static void answered_held(void *owner, struct iovec *pieces, int count, void (*release)(void *context),
			  void *context)
{
	struct parcel *parcel = calloc(1, sizeof *parcel);

	*parcel = (struct parcel){ .pieces = pieces, .count = count, .release = release, .context = context };
	put_parcel(owner, parcel);
}

static void drop_parcel(struct parcel *parcel)
{
	list_remove(&parcel->link);
	if (parcel->release)
		parcel->release(parcel->context);
	free(parcel);
}

static size_t queued(void *owner)
{
	return PATIENCE * ((struct wire *)owner)->waiting;
}

static void paused(void *owner, bool is)
{
	((struct wire *)owner)->paused = is;
}

static void broken(void *owner, const char *why)
{
	world_broken(((struct wire *)owner)->world, "the broker broke a connection: %s", why);
}

static const struct pipeline_functions functions = { answered, queued, paused, broken, answered_held };

static void wire_free(struct wire *wire)
{
	pipeline_close(&wire->pipeline);
	while (!list_empty(&wire->parcels))
		drop_parcel(container_of(wire->parcels.next, struct parcel, link));
	if (wire->client)
		wire->client->wire = NULL;
	buffer_done(&wire->sent);
	buffer_done(&wire->got);
	list_remove(&wire->link);
	wire->world->wire_count--;
	free(wire);
}

void net_connect(struct client *client)
{
	struct world *world = client->world;
	struct wire *wire = calloc(1, sizeof *wire);

	if (world->wire_count == WIRES_MAX)
		abort(); /* who has left is gone with the next settling */
	wire->world = world;
	wire->client = client;
	list_init(&wire->parcels);
	buffer_init(&wire->sent, 1 << 20);
	buffer_init(&wire->got, 8 << 20);
	pipeline_init(&wire->pipeline, world->broker, &functions, wire);
	wire->pipeline.client_host = "/127.0.0.1";
	list_append(&world->wires, &wire->link);
	world->wire_count++;
	client->wire = wire;
}

void net_break(struct client *client)
{
	world_totals.breaks++;
	wire_free(client->wire);
}

void net_leave(struct client *client)
{
	world_totals.strays++;
	client->wire->client = NULL;
	client->wire = NULL;
}

void net_stall(struct client *client, int64_t ms)
{
	if (client->wire) {
		world_totals.stalls++;
		client->wire->reads_from_ms = client->world->now_ms + ms;
	}
}

void net_send(struct client *client, struct view bytes)
{
	buffer_view(&client->wire->sent, bytes);
}

void net_down(struct world *world)
{
	while (!list_empty(&world->wires))
		wire_free(container_of(world->wires.next, struct wire, link));
}

/* How many of `left` bytes come with this step: mostly all, else few. */
static size_t some(struct world *world, size_t left)
{
	return random_below(&world->random, 4) ? left : 1 + (size_t)random_below(&world->random, left);
}

static bool step_up(struct wire *wire)
{
	size_t left = wire->sent.size - wire->sent_at, room, size;
	const uint8_t *at = wire->sent.at + wire->sent_at;
	uint8_t *direct;

	if (!left || wire->paused)
		return false;
	size = some(wire->world, left);
	wire->sent_at += size;
	direct = pipeline_direct(&wire->pipeline, &room);
	if (direct) {
		size = size < room ? size : room;
		memcpy(direct, at, size);
		pipeline_filled(&wire->pipeline, size);
	} else {
		pipeline_feed(&wire->pipeline, view_of(at, size));
	}
	if (wire->sent_at == wire->sent.size)
		wire->sent.size = wire->sent_at = 0;
	return true;
}

/* Whole frames are answers, in the order of what was asked. */
static void cut_frames(struct wire *wire)
{
	struct view bytes = buffer_bytes(&wire->got);
	size_t at = 0;

	while (bytes.size - at >= 4) {
		const uint8_t *frame = bytes.at + at;
		size_t size =
			(size_t)frame[0] << 24 | (size_t)frame[1] << 16 | (size_t)frame[2] << 8 | frame[3];

		if (bytes.size - at - 4 < size)
			break;
		client_answered(wire->client, view_of(frame + 4, size));
		at += 4 + size;
	}
	memmove(wire->got.at, wire->got.at + at, wire->got.size - at);
	wire->got.size -= at;
}

static bool step_down(struct wire *wire)
{
	struct parcel *parcel;
	struct iovec *piece;
	size_t size;

	if (list_empty(&wire->parcels) ||
	    (wire->world->now_ms < wire->reads_from_ms && !wire->world->finishing))
		return false;
	parcel = container_of(wire->parcels.next, struct parcel, link);
	piece = &parcel->pieces[parcel->piece];
	if (piece->iov_len) {
		size = some(wire->world, piece->iov_len - parcel->at);
		if (wire->client)
			buffer_put(&wire->got, (uint8_t *)piece->iov_base + parcel->at, size);
		parcel->at += size;
		wire->waiting -= size;
	}
	if (parcel->at == piece->iov_len) {
		parcel->at = 0;
		if (++parcel->piece == parcel->count)
			drop_parcel(parcel);
	}
	if (wire->client && wire->got.size)
		cut_frames(wire);
	pipeline_drained(&wire->pipeline);
	return true;
}

/* Whoever has left and said all: now the broker sees it. */
static bool ends(struct wire *wire)
{
	if (wire->client || wire->sent_at < wire->sent.size)
		return false;
	wire_free(wire);
	return true;
}

static bool step(struct wire *wire)
{
	wire->up = !wire->up;
	return (wire->up ? step_up(wire) || step_down(wire) : step_down(wire) || step_up(wire)) || ends(wire);
}

bool net_step(struct world *world)
{
	uint64_t which = world->wire_count ? random_below(&world->random, (uint64_t)world->wire_count) : 0;

	LIST_EACH_SAFE(&world->wires, link)
	if (which-- == 0)
		return step(container_of(link, struct wire, link));
	return false;
}

bool net_settle(struct world *world)
{
	bool moved = false;

	LIST_EACH_SAFE(&world->wires, link)
	moved = step(container_of(link, struct wire, link)) || moved;
	return moved;
}
