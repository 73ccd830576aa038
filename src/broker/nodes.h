/*
 * nodes.h - several virtual nodes in one broker: each has its own port and id, all stand on the one store.
 *
 * A client sees a cluster: metadata spread leaders and coordinators over the nodes, and whoever asks the wrong one is told
 * so, as in Kafka.  A node that is a node in name only cannot fail alone: this is for tests of clients, not for durability.
 */
#ifndef BROKER_NODES_H
#define BROKER_NODES_H

#include "broker/broker_inside.h"

/* Listens for each node, and says what clients are told.  ERR_CONFIG and the errors of listener_new(). */
int nodes_open(struct broker *broker, const struct broker_options *options, struct fault *fault);
void nodes_close(struct broker *broker);

/* Who leads it: partitions of a topic go round, beginning anywhere. */
const struct node *node_leading(const struct broker *broker, const struct partition *partition);

/* Does the node at whose door the request came in lead it?  `node` NULL: our own work, which is done anywhere. */
bool node_leads(const struct node *node, const struct partition *partition);

#endif
