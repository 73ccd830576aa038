/* broker_inside.h - what the files of this floor share: the one struct of a running broker. */
#ifndef BROKER_BROKER_INSIDE_H
#define BROKER_BROKER_INSIDE_H

#include "base/list.h"
#include "base/map.h"
#include "broker/broker.h"
#include "loop/bell.h"
#include "loop/listen.h"
#include "store/store.h"

#define BROKER_CLUSTER_ID_SIZE 23

struct coordinator;
struct sessions;

struct broker {
	struct loop *loop;
	struct store *store;
	struct bell *bell;
	struct timer *tick;
	struct listener *listener;
	struct timer *soon; /* pumps the pipelines that are ready */
	struct list ready;
	struct properties properties;
	struct list doors; /* of door.c */
	int door_count;
	int64_t request_bytes; /* of all requests that are not answered */
	int64_t topics_in_creation;
	char cluster_id[BROKER_CLUSTER_ID_SIZE];
	const char *host; /* that clients are told */
	int32_t port, node_id;
	struct sessions *sessions;
	struct coordinator *coordinator;
	struct inflater *inflater;
	int64_t producer_id_next, producer_id_end; /* of the block we hold */
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
