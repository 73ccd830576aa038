/* connections.c - limits of connections. */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "broker/connections.h"
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

bool connection_welcome(struct broker *broker, int fd, const char *host, int64_t same)
{
	int64_t wait_ms;

	if (broker->closing || broker->door_count >= broker->properties.connections_max ||
	    same >= broker->properties.connections_per_address_max) {
		log_line(LOG_INFO, "broker: no room for a connection from %s", host);
		close(fd);
		return false;
	}
	wait_ms = throttle_connection(broker->throttle, view_text(host + 1));
	if (wait_ms > 0) {
		log_line(LOG_DEBUG, "broker: %s connects faster than its quota allows", host);
		hold(broker, fd, wait_ms);
		return false;
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
}
