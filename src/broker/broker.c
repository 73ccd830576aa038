/*
 * broker.c - a running broker: opens the store, loads what topics say, listens; ends in good order.
 *
 * One thread does everything above the store.  The store's own threads ring the bell, and its callbacks come from
 * store_poll() on this loop.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "broker/access.h"
#include "broker/api.h"
#include "broker/broker_config.h"
#include "broker/connections.h"
#include "broker/coordinator.h"
#include "broker/door.h"
#include "broker/nodes.h"
#include "broker/entrance.h"
#include "broker/pipeline.h"
#include "broker/scram_users.h"
#include "broker/session.h"
#include "broker/settings.h"
#include "broker/throttle.h"
#include "broker/topic_config.h"

#define TICK_MS      100
#define INFLATED_MAX ((size_t)256 << 20)

void broker_uuid_make(uint8_t out[16])
{
	random_secret(out, 16);
	out[6] = (uint8_t)((out[6] & 0x0f) | 0x40); /* a version 4 UUID, as Kafka's are */
	out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

static void store_wakes(void *context)
{
	bell_ring(context); /* any thread */
}

static void bell_rang(void *owner)
{
	struct broker *broker = owner;

	if (broker->store) {
		store_poll(broker->store);
		produce_resume(broker);
	}
	pipelines_pump(broker);
}

static void pump_soon(void *owner)
{
	pipelines_pump(owner);
}

static void tick(void *owner)
{
	struct broker *broker = owner;

	store_tick(broker->store);
	produce_resume(broker); /* some have waited long enough */
	doors_tick(broker);
	access_tick(broker);
	coordinator_tick(broker);
	health_look(broker);
	timer_start(broker->tick, TICK_MS);
}

/* Base64 for URLs, as Kafka writes ids. */
static void id_text(const uint8_t id[16], char out[BROKER_CLUSTER_ID_SIZE])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	for (int i = 0; i < BROKER_CLUSTER_ID_SIZE - 1; i++) {
		unsigned bit = (unsigned)i * 6, byte = bit / 8, two = (unsigned)id[byte] << 8;

		if (byte + 1 < 16)
			two |= id[byte + 1];
		out[i] = digits[(two >> (10 - bit % 8)) & 63];
	}
	out[BROKER_CLUSTER_ID_SIZE - 1] = 0;
}

/* A name for this cluster, made once. */
static int name_cluster(struct broker *broker, const struct broker_options *options, struct fault *fault)
{
	struct view kept = store_setting(broker->store, VIEW_LITERAL("cluster"), VIEW_LITERAL("id"));
	uint8_t id[16];
	int err;

	if (kept.at && kept.size == BROKER_CLUSTER_ID_SIZE - 1) {
		memcpy(broker->cluster_id, kept.at, kept.size);
		return 0;
	}
	broker_uuid_make(id);
	id_text(id, broker->cluster_id);
	err = setting_put_now(broker, options, "cluster", VIEW_LITERAL("id"), view_text(broker->cluster_id));
	return err < 0 ? fault_set(fault, err, "the new store cannot keep the cluster's id: %s",
				   err_text(err))
		       : 0;
}

static int load_topics(struct broker *broker, struct fault *fault)
{
	for (struct store_topic *topic = store_topic_next(broker->store, NULL); topic;
	     topic = store_topic_next(broker->store, topic)) {
		int err = topic_state_load(broker, topic);

		if (err < 0)
			return fault_set(fault, err, "the configuration of topic '%s' cannot be read: %s",
					 topic->name, err_text(err));
	}
	return 0;
}

static int open_store(struct broker *broker, const struct broker_options *options, struct fault *fault)
{
	struct store_options store;
	int err;

	if (options->store)
		store = *options->store;
	else
		store_options_default(&store);
	store.folder = options->folder;
	store.clock = loop_clock(broker->loop);
	if (options->disk)
		store.disk = options->disk;
	if (options->unflushed_bytes_max > 0) {
		store.unflushed_bytes_max = options->unflushed_bytes_max;
		store.flush_bytes = options->unflushed_bytes_max / 2;
	}
	store.wake = store_wakes;
	store.wake_context = broker->bell;
	store.retention_check_ms = broker->properties.retention_check_ms;
	store.producer_expiry_ms = broker->properties.producer_expiry_ms;
	err = store_open(&store, &broker->store, fault);
	if (err == 0)
		err = name_cluster(broker, options, fault);
	if (err == 0)
		broker_configs_apply(broker);
	if (err == 0)
		err = load_topics(broker, fault);
	return err;
}

static int copy_properties(struct broker *broker, const struct properties *from, struct fault *fault)
{
	int err = 0;

	properties_init(&broker->properties);
	for (int i = 0; from && property_table[i].name && err == 0; i++)
		if (from->given[i])
			err = properties_set(&broker->properties, view_text(property_table[i].name),
					     view_text(from->given[i]), fault);
	for (int i = 0; from && i < from->of_listeners_count && err == 0; i++)
		err = properties_set(&broker->properties, view_text(from->of_listeners[i].name),
				     view_text(from->of_listeners[i].value), fault);
	return err;
}

static int add_users(struct broker *broker, const struct broker_options *options, struct fault *fault)
{
	int err = 0;

	for (int i = 0; options->scram_users && options->scram_users[i] && err == 0; i++)
		err = scram_user_add(broker, options, view_text(options->scram_users[i]), fault);
	return err;
}

int broker_open(struct loop *loop, const struct broker_options *options, struct broker **out,
		struct fault *fault)
{
	struct broker *broker = calloc(1, sizeof *broker);
	int err;

	if (!broker)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	broker->loop = loop;
	broker->node_wish = options->nodes > 0 ? options->nodes : 1;
	broker->health.report_ms = options->report_ms;
	list_init(&broker->doors);
	list_init(&broker->held);
	list_init(&broker->ready);
	list_init(&broker->parked);
	err = copy_properties(broker, options->properties, fault);
	if (err == 0)
		err = (broker->inflater = inflater_new(INFLATED_MAX)) ? 0 : ERR_MEMORY;
	if (err == 0)
		err = (broker->deflater = deflater_new()) ? 0 : ERR_MEMORY;
	if (err == 0)
		err = bell_new(loop, bell_rang, broker, &broker->bell);
	if (err == 0)
		err = timer_new(loop, tick, broker, &broker->tick);
	if (err == 0)
		err = timer_new(loop, pump_soon, broker, &broker->soon);
	if (err == 0)
		err = sessions_new(broker, &broker->sessions);
	if (err == 0)
		err = throttle_new(broker, &broker->throttle);
	if (err == 0)
		err = connections_open(broker);
	if (err < 0 && fault && !fault->err)
		fault_set(fault, err, "the broker cannot start: %s", err_text(err));
	if (err == 0)
		err = open_store(broker, options, fault);
	if (err == 0)
		throttle_quotas_changed(broker->throttle);
	if (err == 0)
		err = coordinator_new(broker, &broker->coordinator, fault);
	if (err == 0)
		err = access_open(broker, fault);
	if (err == 0)
		err = add_users(broker, options, fault);
	if (err == 0)
		err = entrances_open(broker, fault);
	if (err == 0)
		err = nodes_open(broker, options, fault);
	if (err < 0 && fault && !fault->err)
		fault_set(fault, err, "the broker cannot start: %s", err_text(err));
	if (err < 0) {
		broker_free(broker);
		return err;
	}
	timer_start(broker->tick, TICK_MS);
	*out = broker;
	return 0;
}

void broker_free(struct broker *broker)
{
	if (!broker)
		return;
	broker->closing = true;
	nodes_close(broker);
	doors_close(broker);
	connections_close(broker);
	entrances_close(broker);
	coordinator_stop(broker->coordinator); /* parked requests end */
	for (struct store_topic *topic = broker->store ? store_topic_next(broker->store, NULL) : NULL; topic;
	     topic = store_topic_next(broker->store, topic))
		topic_state_free(topic);
	store_close(broker->store); /* what is under way ends, and its requests with it */
	broker->store = NULL;
	coordinator_free(broker->coordinator);
	sessions_free(broker->sessions);
	throttle_free(broker->throttle);
	access_free(broker->access);
	timer_free(broker->tick);
	timer_free(broker->soon);
	bell_free(broker->bell); /* only now nobody can ring it */
	inflater_free(broker->inflater);
	deflater_free(broker->deflater);
	properties_done(&broker->properties);
	free(broker);
}

bool broker_listener_text(const struct broker *broker, int index, char *out, size_t size)
{
	const struct entrance *entrance;

	if (!broker->entrances || index < 0 || index >= broker->entrances->count)
		return false;
	entrance = &broker->entrances->at[index];
	snprintf(out, size, strchr(entrance->host, ':') ? "%s://[%s]:%u" : "%s://%s:%u", entrance->name,
		 entrance->host, (unsigned)listener_port(entrance->listener));
	return true;
}

uint16_t broker_port(const struct broker *broker)
{
	if (broker->entrances)
		return broker->entrances->count ? listener_port(broker->entrances->at[0].listener) : 0;
	return broker_node_port(broker, 0);
}

uint16_t broker_node_port(const struct broker *broker, int node)
{
	return node < broker->node_count && broker->nodes[node].listener
		       ? listener_port(broker->nodes[node].listener)
		       : 0;
}

const char *broker_cluster_id(const struct broker *broker)
{
	return broker->cluster_id;
}
