/* admin.c - what all administration shares: brokers known, refusals in words, asking every broker. */
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
	case API_DESCRIBE_CLIENT_QUOTAS: return "2.6";
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
