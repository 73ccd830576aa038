/*
 * connections.h - may a client come in: how many there are, in all and from its address, and how fast they come.
 *
 * Who comes too fast by a quota of its address (connection_creation_rate) is held, neither heard nor answered, and sent away
 * after its wait, as Kafka does: closing at once would only make it come again.
 */
#ifndef BROKER_CONNECTIONS_H
#define BROKER_CONNECTIONS_H

#include "broker/broker_inside.h"

/*
 * True when `fd` may come in from `host` ("/127.0.0.1"), from which `same` are here; false when not, and then it was taken.
 */
bool connection_welcome(struct broker *broker, int fd, const char *host, int64_t same);

/* Sends away those that were held long enough; all of them when the broker ends. */
void connections_tick(struct broker *broker);
void connections_close(struct broker *broker);

#endif
