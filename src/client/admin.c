/* admin.c - what all administration shares: brokers known, refusals in words, asking every broker, changing one thing. */
#include "client/admin_inside.h"

#include <stdio.h>

int admin_ready(struct cluster *cluster, int64_t timeout_ms, struct fault *fault)
{
	return cluster->known ? 0 : cluster_connect(cluster, timeout_ms, fault);
}

int admin_refused(struct cluster *cluster, int16_t api_key, int16_t error_code, struct view words, struct fault *fault)
{
	const struct api *api = api_find(api_key);

	return fault_set(fault, error_code_err(error_code), "%s: %s: %s%s%.*s%s", cluster->name, api->name,
			 kafka_error_name(error_code), words.size ? " (" : "", VIEW_ARGS(words),
			 words.size ? ")" : "");
}

/* The release of Apache Kafka whose brokers answer the request. */
static const char *offered_since(int16_t api_key)
{
	switch (api_key) {
	case API_INCREMENTAL_ALTER_CONFIGS: return "2.3";
	case API_DESCRIBE_CLIENT_QUOTAS:
	case API_ALTER_CLIENT_QUOTAS: return "2.6";
	case API_DESCRIBE_USER_SCRAM_CREDENTIALS: return "2.7";
	case API_DESCRIBE_CLUSTER: return "2.8";
	case API_DESCRIBE_PRODUCERS: return "2.8";
	case API_DESCRIBE_QUORUM: return "3.3";
	case API_DESCRIBE_TRANSACTIONS:
	case API_LIST_TRANSACTIONS: return "3.0";
	case API_CONSUMER_GROUP_DESCRIBE: return "3.7";
	default: return NULL;
	}
}

int admin_unsupported(int16_t api_key, int err, struct fault *fault)
{
	const char *since = offered_since(api_key);

	if (err == ERR_UNSUPPORTED && since && fault) {
		size_t size = strlen(fault->text);

		snprintf(fault->text + size, sizeof fault->text - size, "; Apache Kafka %s and later do", since);
	}
	return err;
}

int admin_no_memory(struct cluster *cluster, struct fault *fault)
{
	return fault_set(fault, ERR_MEMORY, "%s: the answer is larger than the memory set aside for it", cluster->name);
}

int asks_add_brokers(struct asks *asks, int16_t api_key, const void *request)
{
	const struct broker_info *brokers;
	int count = metadata_brokers(asks->cluster, &brokers), err = 0;
	int32_t ids[1024]; /* an ask may route, and routing may renew the list */

	if (count > (int)(sizeof ids / sizeof ids[0]))
		return ERR_LIMIT;
	for (int i = 0; i < count; i++)
		ids[i] = brokers[i].id;
	for (int i = 0; i < count && err == 0; i++)
		err = asks_add(asks, ids[i], api_key, request, NULL);
	return err;
}

static int id_order(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

int admin_brokers_now(struct cluster *cluster, int64_t timeout_ms, struct arena *arena, int32_t **out,
		      int *count, struct fault *fault)
{
	struct metadata_snapshot snapshot;
	int32_t *ids;
	int err = metadata_snapshot(cluster, NULL, 0, timeout_ms, arena, &snapshot, fault);

	if (err < 0)
		return err;
	if (snapshot.broker_count == 0)
		return fault_set(fault, ERR_NETWORK, "%s: no broker is in the cluster", cluster->name);
	ids = arena_array(arena, (size_t)snapshot.broker_count, sizeof *ids);
	if (!ids)
		return admin_no_memory(cluster, fault);
	for (int i = 0; i < snapshot.broker_count; i++)
		ids[i] = snapshot.brokers[i].id;
	qsort(ids, (size_t)snapshot.broker_count, sizeof *ids, id_order);
	*out = ids;
	*count = snapshot.broker_count;
	return 0;
}

int admin_change(struct cluster *cluster, int16_t api_key, const void *request, int64_t timeout_ms,
		 struct arena *arena, void *response, int16_t (*code)(const void *response),
		 struct fault *fault)
{
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	int err = admin_ready(cluster, timeout_ms, fault);

	for (int round = 0; err == 0; round++) {
		int64_t left_ms = deadline_ms - cluster_now(cluster);
		int16_t said;

		err = cluster_ask(cluster, NODE_CONTROLLER, api_key, request, left_ms > 1 ? left_ms : 1,
				  arena, response, fault);
		if (err < 0)
			return admin_unsupported(api_key, err, fault);
		said = code(response);
		if (said != KAFKA_NOT_CONTROLLER && said != KAFKA_THROTTLING_QUOTA_EXCEEDED)
			return 0;
		if (cluster_now(cluster) >= deadline_ms)
			return admin_refused(cluster, api_key, said, VIEW_NULL, fault);
		metadata_refresh(cluster); /* another broker is the controller now */
		if (cluster_pause(cluster, cluster_backoff(cluster, 50, 500, round)) < 0)
			return fault_set(fault, ERR_CANCELLED, "%s: interrupted", cluster->name);
	}
	return err;
}

int asks_failed(const struct asks *asks, struct fault *failed)
{
	int count = 0;

	for (int i = 0; i < asks->count; i++)
		if (asks->at[i]->err < 0 && count++ == 0 && failed)
			*failed = asks->at[i]->fault;
	return count;
}

int64_t admin_round_ms(struct cluster *cluster, int64_t deadline_ms)
{
	int64_t left_ms = deadline_ms - cluster_now(cluster);

	if (left_ms > ADMIN_ROUND_MS)
		left_ms = ADMIN_ROUND_MS;
	return left_ms > 1 ? left_ms : 1;
}
