/* coordinator.c - FindCoordinator, and what the coordinators have in common. */
#include <stdlib.h>

#include "broker/access.h"
#include "broker/api.h"
#include "broker/coordinator.h"
#include "broker/entrance.h"
#include "broker/group.h"
#include "broker/nodes.h"
#include "broker/transaction.h"

struct coordinator {
	struct broker *broker;
	struct groups *groups;
	struct transactions *transactions;
};

int coordinator_new(struct broker *broker, struct coordinator **out, struct fault *fault)
{
	struct coordinator *coordinator = calloc(1, sizeof *coordinator);

	if (!coordinator)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	coordinator->broker = broker;
	broker->coordinator = coordinator; /* groups and transactions look at each other */
	if (groups_new(broker, &coordinator->groups) < 0 ||
	    transactions_new(broker, &coordinator->transactions) < 0) {
		broker->coordinator = NULL;
		groups_free(coordinator->groups);
		free(coordinator);
		return fault_set(fault, ERR_MEMORY, "out of memory");
	}
	*out = coordinator;
	return 0;
}

struct groups *broker_groups(struct broker *broker)
{
	return broker->coordinator->groups;
}

struct transactions *broker_transactions(struct broker *broker)
{
	return broker->coordinator->transactions;
}

void coordinator_stop(struct coordinator *coordinator)
{
	if (!coordinator)
		return;
	groups_stop(coordinator->groups);
	transactions_stop(coordinator->transactions);
}

void coordinator_free(struct coordinator *coordinator)
{
	if (!coordinator)
		return;
	transactions_free(coordinator->transactions);
	groups_free(coordinator->groups);
	free(coordinator);
}

void coordinator_tick(struct broker *broker)
{
	groups_tick(broker->coordinator->groups);
	transactions_tick(broker->coordinator->transactions);
}

static bool of_topic(void *context, struct view topic, int32_t partition, const struct position *position)
{
	return view_equal(topic, *(struct view *)context);
}

void coordinator_topic_deleted(struct broker *broker, struct view topic)
{
	MAP_EACH(&broker_groups(broker)->by_id, slot)
	group_forget(slot->value, of_topic, &topic, NULL, NULL);
}

/* ---- FindCoordinator ------------------------------------------------------------------------------------------------- */

enum { KEY_GROUP = 0, KEY_TRANSACTION = 1, KEY_SHARE = 2 };

static bool may_serve(int16_t error)
{
	return error == KAFKA_NONE || error == KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
}

/* The node that leads its state, once the topic of that is there. */
static int16_t find(struct request *request, int8_t type, struct view key, const struct node **out)
{
	struct broker *broker = request->broker;
	struct internal_log *log;
	int16_t error = type == KEY_GROUP         ? access_group(request, ACL_OPERATION_DESCRIBE, key)
			: type == KEY_TRANSACTION ? access_transactional(request, ACL_OPERATION_DESCRIBE, key)
			: type == KEY_SHARE       ? access_cluster(request, ACL_OPERATION_CLUSTER_ACTION)
						  : KAFKA_NONE;

	*out = NULL;
	if (error)
		return error;
	if (type == KEY_SHARE)
		return KAFKA_COORDINATOR_NOT_AVAILABLE;
	if (type != KEY_GROUP && type != KEY_TRANSACTION)
		return KAFKA_INVALID_REQUEST;
	if (key.size == 0)
		return type == KEY_GROUP ? KAFKA_INVALID_GROUP_ID : KAFKA_INVALID_REQUEST;
	log = type == KEY_GROUP ? &broker_groups(broker)->log : &broker_transactions(broker)->log;
	error = internal_log_ready(log);
	/*
	 * A transaction may take a group's positions along, and a client may ask for that before it looks for the group's
	 * coordinator; Kafka needs no topic for it, we do.  So it is made by now.
	 */
	if (type == KEY_TRANSACTION && may_serve(error))
		error = internal_log_ready(&broker_groups(broker)->log);
	if (!may_serve(error))
		return error;
	*out = node_leading(broker, internal_log_place(log, key));
	return KAFKA_NONE;
}

static bool find_each(struct request *request, struct find_coordinator_response *response)
{
	const struct find_coordinator_request *in = request->message;
	int32_t count = in->coordinator_keys.count;

	response->coordinators.at =
		REQUEST_ARRAY(request, find_coordinator_response_coordinator_shape, count);
	if (!response->coordinators.at)
		return false;
	response->coordinators.count = count;
	for (int32_t i = 0; i < count; i++) {
		struct find_coordinator_response_coordinator *out = &response->coordinators.at[i];
		const struct node *node;

		out->key = in->coordinator_keys.at[i];
		out->error_code = find(request, in->key_type, out->key, &node);
		out->node_id = node ? node->id : -1;
		out->host = node ? entrance_host(request) : VIEW_LITERAL("");
		out->port = node ? entrance_port(request, node) : -1;
	}
	return true;
}

void handle_find_coordinator(struct request *request)
{
	const struct find_coordinator_request *in = request->message;
	struct find_coordinator_response *response = request_response(request);
	const struct node *node;

	if (response && request_version(request) >= 4) {
		if (!find_each(request, response))
			response = NULL;
	} else if (response) {
		response->error_code = find(request, in->key_type, in->key, &node);
		response->node_id = node ? node->id : -1;
		response->host = node ? entrance_host(request) : VIEW_LITERAL("");
		response->port = node ? entrance_port(request, node) : -1;
	}
	request_answer(request, response);
}
