/* lever_door.c - enough of HTTP/1.1 for a lever: one request at a time a connection, small bodies, kept open. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/list.h"
#include "demo/lever_door.h"
#include "loop/listen.h"
#include "loop/stream.h"

#define REQUEST_SIZE_MAX 8192
#define GUESTS_MAX       64
#define OPEN_TIMEOUT_MS  5000
#define PATIENCE_MS      8000 /* a word that has not come about by then is answered with 503 */
#define LOOK_MS          2

struct lever_door {
	struct loop *loop;
	const struct lever_words *words;
	void *context;
	struct listener *listener;
	struct timer *timer; /* looks whether what somebody waits for has come about */
	struct list guests;
	int guest_count;
};

struct guest {
	struct list link;
	struct lever_door *door;
	struct stream *stream;
	struct buffer inbox;
	int64_t waits_until_ms; /* 0: it waits for nothing */
};

static void guest_leave(struct guest *guest)
{
	stream_free(guest->stream);
	buffer_done(&guest->inbox);
	list_remove(&guest->link);
	guest->door->guest_count--;
	free(guest);
}

/* ---- answers ---- */

static int give(struct guest *guest, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int give(struct guest *guest, int status, const char *format, ...)
{
	char body[400], all[800];
	struct iovec piece = { all, 0 };
	va_list list;

	va_start(list, format);
	vsnprintf(body, sizeof body, format, list);
	va_end(list);
	piece.iov_len = (size_t)snprintf(all, sizeof all,
					 "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
					 "Content-Length: %zu\r\n\r\n%s",
					 status, status == 200 ? "OK" : "No", strlen(body), body);
	return stream_write(guest->stream, &piece, 1);
}

static int give_value(struct guest *guest)
{
	return give(guest, 200, "{\"value\": \"%s\"}", guest->door->words->get(guest->door->context));
}

static int give_error(struct guest *guest, int err)
{
	if (err == ERR_STALE)
		return give(guest, 409, "{\"error\": \"a newer epoch was seen\"}");
	return give(guest, 400, "{\"error\": \"not understood\"}");
}

static int answer_set(struct guest *guest, struct view body)
{
	struct lever_door *door = guest->door;
	json_t *asked = json_loadb((const char *)body.at, body.size, 0, NULL);
	const char *word = json_string_value(json_object_get(asked, "value"));
	json_t *epoch = json_object_get(asked, "epoch");
	int err = word ? door->words->set(door->context, view_text(word),
					  json_is_integer(epoch) ? json_integer_value(epoch) : -1)
		       : ERR_USAGE;

	json_decref(asked);
	if (err < 0)
		return give_error(guest, err);
	if (!door->words->settled || door->words->settled(door->context))
		return give_value(guest);
	guest->waits_until_ms = loop_now_ms(door->loop) + PATIENCE_MS;
	timer_start(door->timer, LOOK_MS);
	return 0;
}

static int answer_drained(struct guest *guest, const char *query)
{
	struct lever_door *door = guest->door;
	const char *epoch = strstr(query, "epoch=");
	int said = door->words->drained(door->context, epoch ? strtoll(epoch + 6, NULL, 10) : -1);

	return said < 0 ? give_error(guest, said)
			: give(guest, 200, "{\"drained\": %s}", said ? "true" : "false");
}

static int answer(struct guest *guest, const char *method, const char *path, struct view body)
{
	const struct lever_words *words = guest->door->words;
	size_t size = strlen(words->name);
	const char *rest = path + 1 + size;

	if (path[0] != '/' || strncmp(path + 1, words->name, size) != 0)
		return give(guest, 404, "{\"error\": \"no such lever\"}");
	if (strncmp(rest, "/drained", 8) == 0 && words->drained && strcmp(method, "GET") == 0)
		return answer_drained(guest, rest + 8);
	if (*rest != 0)
		return give(guest, 404, "{\"error\": \"no such lever\"}");
	if (strcmp(method, "PUT") == 0)
		return answer_set(guest, body);
	return strcmp(method, "GET") == 0 ? give_value(guest)
					  : give(guest, 405, "{\"error\": \"GET or PUT\"}");
}

/* ---- requests ---- */

static size_t content_length(const char *head)
{
	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
		if (strncasecmp(line + 2, "Content-Length:", 15) == 0)
			return strtoul(line + 17, NULL, 10);
	return 0;
}

/* Cuts one request off the front and answers it.  1; 0 when it is not all here; an error when it never will be. */
static int serve_one(struct guest *guest)
{
	char head[REQUEST_SIZE_MAX + 1], method[8], path[256];
	uint8_t *end = memmem(guest->inbox.at, guest->inbox.size, "\r\n\r\n", 4);
	size_t size, body_size;
	int err;

	if (!end)
		return guest->inbox.size >= REQUEST_SIZE_MAX ? ERR_LIMIT : 0;
	size = (size_t)(end - guest->inbox.at) + 4;
	memcpy(head, guest->inbox.at, size);
	head[size] = 0;
	body_size = content_length(head);
	if (body_size > REQUEST_SIZE_MAX - size)
		return ERR_LIMIT;
	if (guest->inbox.size < size + body_size)
		return 0;
	if (sscanf(head, "%7s %255s", method, path) != 2)
		return ERR_MALFORMED;
	err = answer(guest, method, path, view_of(guest->inbox.at + size, body_size));
	guest->inbox.size -= size + body_size;
	memmove(guest->inbox.at, guest->inbox.at + size + body_size, guest->inbox.size);
	return err < 0 ? err : 1;
}

static void serve(struct guest *guest)
{
	int served = 1;

	while (served > 0 && !guest->waits_until_ms)
		served = serve_one(guest);
	if (served < 0)
		guest_leave(guest);
}

static void look(void *owner)
{
	struct lever_door *door = owner;
	bool settled = door->words->settled(door->context), waits = false;

	LIST_EACH_SAFE(&door->guests, link)
	{
		struct guest *guest = container_of(link, struct guest, link);
		bool late = guest->waits_until_ms && loop_now_ms(door->loop) > guest->waits_until_ms;
		int err;

		if (!guest->waits_until_ms)
			continue;
		if (!settled && !late) {
			waits = true;
			continue;
		}
		guest->waits_until_ms = 0;
		err = settled ? give_value(guest)
			      : give(guest, 503, "{\"error\": \"it has not come about yet\"}");
		if (err < 0)
			guest_leave(guest);
		else
			serve(guest);
	}
	if (waits)
		timer_start(door->timer, LOOK_MS);
}

/* ---- connections ---- */

static void opened(void *owner)
{
}

static void readable(void *owner)
{
	struct guest *guest = owner;
	uint8_t *room = buffer_room(&guest->inbox, REQUEST_SIZE_MAX - guest->inbox.size);
	ssize_t got;

	if (!room || guest->inbox.size == REQUEST_SIZE_MAX) {
		guest_leave(guest);
		return;
	}
	got = stream_read(guest->stream, room, REQUEST_SIZE_MAX - guest->inbox.size);
	if (got <= 0)
		return; /* `closed` comes by itself */
	buffer_grow(&guest->inbox, (size_t)got);
	serve(guest);
}

static void closed(void *owner, const struct fault *fault)
{
	guest_leave(owner);
}

static const struct stream_events events = { opened, readable, NULL, closed };

static void accepted(void *owner, int fd)
{
	struct lever_door *door = owner;
	struct guest *guest = door->guest_count < GUESTS_MAX ? calloc(1, sizeof *guest) : NULL;

	if (!guest) {
		close(fd);
		return;
	}
	guest->door = door;
	buffer_init(&guest->inbox, REQUEST_SIZE_MAX);
	if (stream_accepted(door->loop, fd, NULL, REQUEST_SIZE_MAX, OPEN_TIMEOUT_MS, &events, guest,
			    &guest->stream) < 0) {
		free(guest);
		return;
	}
	list_append(&door->guests, &guest->link);
	door->guest_count++;
}

int lever_door_new(struct loop *loop, const struct lever_words *words, void *context, struct lever_door **out,
		   struct fault *fault)
{
	struct listener_options options = { .host = "127.0.0.1" };
	struct lever_door *door = calloc(1, sizeof *door);
	int err;

	if (!door)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	*door = (struct lever_door){ .loop = loop, .words = words, .context = context };
	list_init(&door->guests);
	err = timer_new(loop, look, door, &door->timer);
	if (err == 0)
		err = listener_new(loop, &options, accepted, door, &door->listener, fault);
	if (err < 0) {
		lever_door_free(door);
		return err;
	}
	*out = door;
	return 0;
}

uint16_t lever_door_port(const struct lever_door *door)
{
	return listener_port(door->listener);
}

void lever_door_free(struct lever_door *door)
{
	if (!door)
		return;
	listener_free(door->listener);
	while (!list_empty(&door->guests))
		guest_leave(container_of(door->guests.next, struct guest, link));
	timer_free(door->timer);
	free(door);
}
