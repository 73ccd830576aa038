/* door.h - one connection of a client: a stream of the loop on one side, a pipeline on the other. */
#ifndef BROKER_DOOR_H
#define BROKER_DOOR_H

#include "broker/broker_inside.h"

struct entrance;

/* Takes a connection that came to a node, by an entrance or (NULL) by its port that is open to everybody; `fd` is the door's, on failure too. */
void door_open(struct node *node, const struct entrance *entrance, int fd);

/* Connections of this principal ("User:alice"), of those who said who they are. */
int64_t doors_of_principal(const struct broker *broker, struct view principal);

/* Closes all. */
void doors_close(struct broker *broker);

/* Closes those that were idle for longer than connections.max.idle.ms. */
void doors_tick(struct broker *broker);

#endif
