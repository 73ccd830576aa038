/* door.h - one connection of a client: a stream of the loop on one side, a pipeline on the other. */
#ifndef BROKER_DOOR_H
#define BROKER_DOOR_H

#include "broker/broker_inside.h"

/* Takes a connection that was accepted at a node's listener; `fd` is the door's, on failure too. */
void door_open(struct node *node, int fd);

/* Closes all. */
void doors_close(struct broker *broker);

/* Closes those that were idle for longer than connections.max.idle.ms. */
void doors_tick(struct broker *broker);

#endif
