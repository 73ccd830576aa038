/*
 * broker.h - the door of this floor: the Kafka protocol in front of the log engine, on one loop.
 *
 *	struct broker_options options = { .folder = "data", .host = "127.0.0.1", .port = 0 };
 *
 *	err = broker_open(loop, &options, &broker, &fault);	(recovers, listens)
 *	...	loop_until() ...
 *	broker_free(broker);					(ends in good order: what was acknowledged is kept)
 */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "broker/properties.h"
#include "loop/loop.h"

struct broker;
struct disk;
struct store_options;

struct broker_options {
	const char *folder; /* the store's; made when it is not there */
	const char *host;   /* to listen on; NULL or "": all addresses */
	uint16_t port;      /* 0 picks one */
	int nodes; /* virtual ones, each with a port of its own (those behind `port`) and an id behind node.id; 0: 1 */
	int64_t report_ms;                   /* a line of numbers to the log so often; 0: never */
	const struct properties *properties; /* used before broker_open() returns; NULL: all defaults */
	const char *const
		*scram_users;        /* made before it serves: scram_users.h; ends with NULL; may be NULL */
	struct disk *disk;           /* NULL: the system's */
	int64_t unflushed_bytes_max; /* of the store; 0: its default */

	/* A simulator's: how the store is opened, but for its folder, clock and wake; and what moves its lanes while the
	 * broker waits for them at the start. */
	const struct store_options *store;
	void (*step)(void *context);
	void *step_context;
};

/* Serves when it returns 0.  Errors of store_open() and listener_new(), with a sentence. */
int broker_open(struct loop *loop, const struct broker_options *options, struct broker **out,
		struct fault *fault);
void broker_free(struct broker *broker);

/*
 * The property `listeners` takes the place of host and port.  "SASL_SSL://127.0.0.1:9093" of the listener with this index, in
 * `out`; false when there is none.
 */
bool broker_listener_text(const struct broker *broker, int index, char *out, size_t size);

uint16_t broker_port(const struct broker *broker);

/* Of a virtual node, counted from 0; 0 when there is none. */
uint16_t broker_node_port(const struct broker *broker, int node);

/* "hIuPt1Q9R_qk5v0yZrWcBA": made at the first start, kept by the store. */
const char *broker_cluster_id(const struct broker *broker);

#endif
