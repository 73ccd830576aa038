/* broker_inside.h - what the files of this floor share: the one struct of a running broker. */
#ifndef BROKER_BROKER_INSIDE_H
#define BROKER_BROKER_INSIDE_H

#include "base/list.h"
#include "base/map.h"
#include "broker/broker.h"
#include "broker/health.h"
#include "loop/bell.h"
#include "loop/listen.h"
#include "store/store.h"

#define BROKER_CLUSTER_ID_SIZE 23

#define BROKER_NODES_MAX 16

struct access;
struct coordinator;
struct entrances;
struct sessions;
struct throttle;

/* What clients take for a broker: nodes.h.  There is always one. */
struct node {
	struct broker *broker;
	int32_t id, port; /* as clients are told */
	struct listener *listener;
};

struct broker {
	struct loop *loop;
	struct store *store;
	struct bell *bell;
	struct timer *tick;
	struct entrances *entrances; /* NULL: each node has a port of its own, open to everybody */
	struct timer *soon;          /* pumps the pipelines that are ready */
	struct list ready;
	struct list parked; /* of produce.c: requests that wait for an upload, oldest first */
	int64_t parked_bytes;
	struct properties properties;
	struct list doors; /* of door.c */
	int door_count;
	struct list held; /* of connections.c */
	int held_count;
	struct timer *listen_again; /* of connections.c, too */
	int64_t request_bytes; /* of all requests that are not answered */
	int64_t topics_in_creation;
	char cluster_id[BROKER_CLUSTER_ID_SIZE];
	const char *host; /* that clients are told */
	struct node nodes[BROKER_NODES_MAX];
	int node_count;
	int node_wish; /* how many it will be; before they are open as well */
	const struct node
		*serving; /* at whose door the request came in that is being started; NULL: none is */
	struct sessions *sessions;
	struct throttle *throttle;
	struct access *access; /* NULL: there is no authorizer */
	struct coordinator *coordinator;
	struct inflater *inflater;
	struct deflater *deflater;
	int64_t producer_id_next, producer_id_end; /* of the block we hold */
	struct health health;
	bool closing;
};

/* Too much waits for an answer: nobody is read until it is less. */
static inline bool broker_requests_full(const struct broker *broker)
{
	return broker->request_bytes > broker->properties.queued_bytes_max;
}

static inline int64_t broker_wall_ms(const struct broker *broker)
{
	return clock_wall_ms(loop_clock(broker->loop));
}

/* A random id that is no id of Kafka's own use (zero and one are). */
void broker_uuid_make(uint8_t out[16]);

#endif
