/*
 * connections.h - may a client come in: how many there are, in all and from its address, and how fast they come.
 *
 * Who comes too fast by a quota of its address (connection_creation_rate) is held, neither heard nor answered, and sent away
 * after its wait, as Kafka does: closing at once would only make it come again.  Past max.connection.creation.rate the listeners
 * pause, and who comes waits in the system's queue.
 */
#ifndef BROKER_CONNECTIONS_H
#define BROKER_CONNECTIONS_H

#include "broker/broker_inside.h"

/* What they need; to be called when the broker opens, and when it ends. */
int connections_open(struct broker *broker);
void connections_close(struct broker *broker);

/* How many connections there may be from `host`: max.connections.per.ip, or what the overrides say of this address. */
int64_t connections_of_address_max(const struct broker *broker, const char *host);

/*
 * True when `fd` may come in from `host` ("/127.0.0.1"), from which `same` are here; false when not, and then it was taken.
 */
bool connection_welcome(struct broker *broker, int fd, const char *host, int64_t same);

/*
 * A client has shown who it is: does it stay within interlock.max.connections.per.principal?  Those who need not say who they are
 * have no such limit.
 */
bool connection_principal_welcome(const struct broker *broker, struct view principal);

/* Sends away those that were held long enough. */
void connections_tick(struct broker *broker);

#endif
