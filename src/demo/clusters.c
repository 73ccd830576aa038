/* clusters.c - a broker is opened on a loop, and lives there: broker/broker.h. */
#include <stdio.h>

#include "broker/broker.h"
#include "client/config.h"
#include "demo/clusters.h"

#define CONNECT_TIMEOUT_MS 10000

const char *const side_words[SIDES] = { "source", "target" };

static int broker_live(struct actor *actor, void *owner, struct fault *fault)
{
	struct embedded *embedded = owner;
	struct broker_options options = { .folder = embedded->folder, .host = "127.0.0.1" };
	struct properties properties;
	struct broker *broker = NULL;
	int err;

	properties_init(&properties);
	options.properties = &properties;
	/* Kafka waits three seconds for more members of a new group; in a play there are none. */
	err = properties_set(&properties, VIEW_LITERAL("group.initial.rebalance.delay.ms"), VIEW_LITERAL("0"),
			     fault);
	if (err == 0)
		err = broker_open(actor->loop, &options, &broker, fault);
	properties_done(&properties);
	if (err < 0)
		return err;
	embedded->port = broker_port(broker);
	snprintf(embedded->cluster_id, sizeof embedded->cluster_id, "%s", broker_cluster_id(broker));
	actor_ready(actor);
	while (!actor->ending)
		loop_until(actor->loop, &actor->ending, INT64_MAX);
	broker_free(broker);
	return 0;
}

int embedded_start(struct embedded *broker, const char *folder, struct fault *fault)
{
	if (snprintf(broker->folder, sizeof broker->folder, "%s", folder) >= (int)sizeof broker->folder)
		return fault_set(fault, ERR_USAGE, "the path of the folder is too long");
	return actor_start(&broker->actor, broker_live, broker, fault);
}

int embedded_end(struct embedded *broker, struct fault *fault)
{
	return actor_end(&broker->actor, fault);
}

int client_open(struct loop *loop, const char *name, uint16_t port, struct cluster **out, struct fault *fault)
{
	const struct cluster_config *config = NULL;
	struct cluster *cluster = NULL;
	char address[32];
	int err;

	snprintf(address, sizeof address, "127.0.0.1:%u", port);
	err = config_load(address, &config, fault);
	if (err == 0)
		err = cluster_new(loop, name, config, &cluster, fault);
	config_release(config);
	if (err == 0)
		err = cluster_connect(cluster, CONNECT_TIMEOUT_MS, fault);
	if (err < 0) {
		cluster_free(cluster);
		return err;
	}
	*out = cluster;
	return 0;
}
