/* nodes.c - listeners, advertised addresses, and who leads what. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "broker/door.h"
#include "broker/entrance.h"
#include "broker/nodes.h"

#define HOST_SIZE 256

static void accepted(void *owner, int fd)
{
	door_open(owner, NULL, fd);
}

/* "PLAINTEXT://host:port": what clients are told to connect to; further nodes have the ports behind it. */
static int read_advertised(const char *said, char host[HOST_SIZE], int32_t *port, struct fault *fault)
{
	const char *at = strstr(said, "://"), *colon;

	at = at ? at + 3 : said;
	colon = strrchr(at, ':');
	if (!colon || colon == at || strchr(at, ',') || atoi(colon + 1) <= 0)
		return fault_set(fault, ERR_CONFIG,
				 "advertised.listeners: one listener, as in PLAINTEXT://broker.example:9092");
	*port = atoi(colon + 1);
	snprintf(host, HOST_SIZE, "%.*s", (int)(colon - at), at);
	return 0;
}

static int advertise(struct broker *broker, const struct broker_options *options, struct fault *fault)
{
	char host[HOST_SIZE];
	int32_t port = 0;
	int err = 0;

	if (broker->properties.advertised)
		err = read_advertised(broker->properties.advertised, host, &port, fault);
	else if (options->host && *options->host && strcmp(options->host, "0.0.0.0") != 0 &&
		 strcmp(options->host, "::") != 0)
		snprintf(host, sizeof host, "%s", options->host);
	else if (gethostname(host, sizeof host) < 0)
		snprintf(host, sizeof host, "localhost");
	host[sizeof host - 1] = 0;
	if (err < 0)
		return err;
	broker->host = arena_text(&broker->properties.arena, host);
	if (!broker->host)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	for (int i = 0; i < broker->node_count; i++)
		broker->nodes[i].port = port ? port + i : listener_port(broker->nodes[i].listener);
	return 0;
}

/* With `listeners` clients come by the entrances. */
static int name_only_node(struct broker *broker, int count, struct fault *fault)
{
	if (count > 1)
		return fault_set(fault, ERR_CONFIG, "the property listeners is for one node");
	broker->nodes[0] = (struct node){
		.broker = broker,
		.id = (int32_t)broker->properties.node_id,
		.port = broker->entrances->at[0].port,
	};
	broker->host = broker->entrances->at[0].host;
	return 0;
}

int nodes_open(struct broker *broker, const struct broker_options *options, struct fault *fault)
{
	int count = options->nodes > 0 ? options->nodes : 1;
	int err = 0;

	if (count > BROKER_NODES_MAX)
		return fault_set(fault, ERR_CONFIG, "from 1 to %d nodes live in one process",
				 BROKER_NODES_MAX);
	if (options->port && options->port + count - 1 > UINT16_MAX)
		return fault_set(fault, ERR_CONFIG, "%d nodes want the ports from %u on, and these end at %d",
				 count, options->port, UINT16_MAX);
	broker->node_count = count;
	if (broker->entrances)
		return name_only_node(broker, count, fault);
	for (int i = 0; i < count && err == 0; i++) {
		struct node *node = &broker->nodes[i];
		struct listener_options listen = { .host = options->host };

		node->broker = broker;
		node->id = (int32_t)broker->properties.node_id + i;
		listen.port = (uint16_t)(options->port ? options->port + i : 0);
		err = listener_new(broker->loop, &listen, accepted, node, &node->listener, fault);
	}
	return err < 0 ? err : advertise(broker, options, fault);
}

void nodes_close(struct broker *broker)
{
	for (int i = 0; i < broker->node_count; i++) {
		listener_free(broker->nodes[i].listener);
		broker->nodes[i].listener = NULL;
	}
}

const struct node *node_leading(const struct broker *broker, const struct partition *partition)
{
	const struct store_topic *topic = store_partition_topic(partition);
	uint32_t first = (uint32_t)topic->id[0] << 8 | topic->id[1];

	return &broker->nodes[(first + (uint32_t)store_partition_index(partition)) %
			      (uint32_t)broker->node_count];
}

bool node_leads(const struct node *node, const struct partition *partition)
{
	return !node || node->broker->node_count == 1 || node_leading(node->broker, partition) == node;
}
