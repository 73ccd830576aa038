/* connections.c - limits of connections. */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "broker/access_rules.h"
#include "broker/connections.h"
#include "broker/door.h"
#include "broker/entrance.h"
#include "broker/throttle.h"

#define HELD_MAX 1000 /* who comes too fast past it is sent away at once */

struct held {
	struct list link;
	int fd;
	int64_t until_ms;
};

static void hold(struct broker *broker, int fd, int64_t wait_ms)
{
	struct held *held = broker->held_count < HELD_MAX ? calloc(1, sizeof *held) : NULL;

	if (!held) {
		close(fd);
		return;
	}
	held->fd = fd;
	held->until_ms = loop_now_ms(broker->loop) + wait_ms;
	list_append(&broker->held, &held->link);
	broker->held_count++;
}

static void send_away(struct broker *broker, struct held *held)
{
	list_remove(&held->link);
	broker->held_count--;
	close(held->fd);
	free(held);
}

static void pause_listeners(struct broker *broker, bool paused)
{
	for (int i = 0; i < broker->node_count; i++)
		if (broker->nodes[i].listener)
			listener_pause(broker->nodes[i].listener, paused);
	for (int i = 0; broker->entrances && i < broker->entrances->count; i++)
		listener_pause(broker->entrances->at[i].listener, paused);
}

static void go_on(void *owner)
{
	pause_listeners(owner, false);
}

int connections_open(struct broker *broker)
{
	return timer_new(broker->loop, go_on, broker, &broker->listen_again);
}

/* "/127.0.0.1" is 127.0.0.1 to those who write limits down. */
static struct view address_of(const char *host)
{
	return view_text(host + 1);
}

/* IPv6 in any way it is written, and in brackets as well, as Java reads it. */
static bool names(struct view written, struct view address)
{
	if (written.size > 2 && written.at[0] == '[' && written.at[written.size - 1] == ']')
		written = view_of(written.at + 1, written.size - 2);
	return view_equal(written, address) || access_same_address(written, address);
}

int64_t connections_of_address_max(const struct broker *broker, const char *host)
{
	struct view rest = view_text(broker->properties.connections_overrides);

	while (rest.size > 0) {
		const uint8_t *comma = memchr(rest.at, ',', rest.size);
		struct view item = text_trim(view_of(rest.at, comma ? (size_t)(comma - rest.at) : rest.size));
		const uint8_t *colon = item.size ? memrchr(item.at, ':', item.size) : NULL;

		if (colon && names(view_of(item.at, (size_t)(colon - item.at)), address_of(host)))
			return strtoll((const char *)colon + 1, NULL,
				       10); /* ends at a comma or the string's end */
		rest = comma ? view_of(comma + 1, rest.size - (size_t)(comma + 1 - rest.at)) : VIEW_NULL;
	}
	return broker->properties.connections_per_address_max;
}

bool connection_principal_welcome(const struct broker *broker, struct view principal)
{
	int64_t most = broker->properties.connections_per_principal_max;

	return most >= INT32_MAX || doors_of_principal(broker, principal) <= most;
}

bool connection_welcome(struct broker *broker, int fd, const char *host, int64_t same)
{
	int64_t wait_ms;

	if (broker->closing || broker->door_count >= broker->properties.connections_max ||
	    same >= connections_of_address_max(broker, host)) {
		log_line(LOG_INFO, "broker: no room for a connection from %s", host);
		close(fd);
		return false;
	}
	wait_ms = throttle_connection(broker->throttle, address_of(host));
	if (wait_ms > 0) {
		log_line(LOG_DEBUG, "broker: %s connects faster than its quota allows", host);
		hold(broker, fd, wait_ms);
		return false;
	}
	wait_ms = throttle_all_connections(broker->throttle, broker->properties.connection_rate_max);
	if (wait_ms > 0) {
		pause_listeners(broker, true);
		timer_start(broker->listen_again, wait_ms);
	}
	return true;
}

void connections_tick(struct broker *broker)
{
	int64_t now_ms = loop_now_ms(broker->loop);

	LIST_EACH_SAFE(&broker->held, link)
	{
		struct held *held = container_of(link, struct held, link);

		if (held->until_ms <= now_ms)
			send_away(broker, held);
	}
}

void connections_close(struct broker *broker)
{
	while (!list_empty(&broker->held))
		send_away(broker, container_of(broker->held.next, struct held, link));
	timer_free(broker->listen_again);
	broker->listen_again = NULL;
}
