/* admin_transactions.c - DescribeProducers at the leaders, ListTransactions everywhere, DescribeTransactions (KIP-664). */
#include "client/admin_transactions.h"

#include "client/admin_inside.h"

/* ---- producers ---- */

static int producers_ask(struct asks *asks, const struct group_partition *partitions, const int32_t *leaders,
			 int count, int first)
{
	struct describe_producers_request *request = arena_take(asks->arena, sizeof *request);

	if (!request)
		return ERR_MEMORY;
	request_default(API_DESCRIBE_PRODUCERS, request);
	request->topics.at = arena_array(asks->arena, (size_t)count, sizeof *request->topics.at);
	if (!request->topics.at)
		return ERR_MEMORY;
	for (int i = first; i < count; i++) {
		struct describe_producers_request_topic *topic = NULL;

		if (leaders[i] != leaders[first])
			continue;
		for (int32_t t = 0; t < request->topics.count; t++)
			if (view_is(request->topics.at[t].name, partitions[i].topic))
				topic = &request->topics.at[t];
		if (!topic) {
			topic = &request->topics.at[request->topics.count++];
			topic->name = view_text(partitions[i].topic);
			topic->partition_indexes.at =
				arena_array(asks->arena, (size_t)count, sizeof *topic->partition_indexes.at);
			if (!topic->partition_indexes.at)
				return ERR_MEMORY;
		}
		topic->partition_indexes.at[topic->partition_indexes.count++] = partitions[i].partition;
	}
	return asks_add(asks, leaders[first], API_DESCRIBE_PRODUCERS, request, NULL);
}

static size_t producers_count(const struct describe_producers_response *said)
{
	size_t count = 0;

	for (int32_t t = 0; t < said->topics.count; t++)
		for (int32_t p = 0; p < said->topics.at[t].partitions.count; p++)
			if (said->topics.at[t].partitions.at[p].active_producers.count > 0)
				count += (size_t)said->topics.at[t].partitions.at[p].active_producers.count;
	return count;
}

static void producers_failed(struct active_producer_list *list, int partitions, const struct fault *fault)
{
	if (list->failed_count == 0)
		list->failed = *fault;
	list->failed_count += partitions;
}

static int producers_take(struct cluster *cluster, const struct describe_producers_response *said,
			  struct arena *arena, struct active_producer_list *list)
{
	for (int32_t t = 0; t < said->topics.count; t++) {
		const char *topic = admin_text(arena, said->topics.at[t].name);

		for (int32_t p = 0; p < said->topics.at[t].partitions.count; p++) {
			const struct describe_producers_response_partition *part = &said->topics.at[t].partitions.at[p];

			if (part->error_code) {
				struct fault fault;

				admin_refused(cluster, API_DESCRIBE_PRODUCERS, part->error_code, part->error_message,
					      &fault);
				producers_failed(list, 1, &fault);
				continue;
			}
			for (int32_t i = 0; i < part->active_producers.count; i++) {
				const struct describe_producers_response_active_producer *one =
					&part->active_producers.at[i];

				list->at[list->count++] = (struct active_producer){
					.topic = topic,
					.partition = part->partition_index,
					.id = one->producer_id,
					.epoch = one->producer_epoch,
					.last_sequence = one->last_sequence,
					.last_ms = one->last_timestamp,
					.coordinator_epoch = one->coordinator_epoch,
					.open_since_offset = one->current_txn_start_offset,
				};
			}
		}
		if (!topic)
			return ERR_MEMORY;
	}
	return 0;
}

/* The leader of each partition, -1 where there is none. */
static int leaders_find(struct cluster *cluster, const struct group_partition *partitions, int count,
			int64_t timeout_ms, struct arena *arena, int32_t *out, struct fault *fault)
{
	struct view *names = arena_array(arena, (size_t)count, sizeof *names);
	struct metadata_snapshot snapshot;
	int name_count = 0, err;

	if (!names)
		return admin_no_memory(cluster, fault);
	for (int i = 0; i < count; i++) {
		bool named = false;

		for (int n = 0; n < name_count && !named; n++)
			named = view_is(names[n], partitions[i].topic);
		if (!named)
			names[name_count++] = view_text(partitions[i].topic);
	}
	err = metadata_snapshot(cluster, names, name_count, timeout_ms, arena, &snapshot, fault);
	for (int i = 0; i < count && err == 0; i++) {
		const struct topic_info *topic = metadata_find(&snapshot, partitions[i].topic);

		out[i] = -1;
		for (int32_t p = 0; topic && p < topic->partition_count; p++)
			if (topic->partitions[p].index == partitions[i].partition)
				out[i] = topic->partitions[p].leader;
	}
	return err;
}

int producers_list(struct cluster *cluster, const struct group_partition *partitions, int count, int64_t timeout_ms,
		   struct arena *arena, struct active_producer_list *out, struct fault *fault)
{
	int32_t *leaders = arena_array(arena, (size_t)count, sizeof *leaders);
	struct active_producer_list list = { 0 };
	struct asks asks;
	size_t most = 0;
	int err = leaders ? leaders_find(cluster, partitions, count, timeout_ms, arena, leaders, fault)
			  : admin_no_memory(cluster, fault);

	if (err < 0)
		return err;
	asks_init(&asks, cluster, timeout_ms, arena);
	for (int i = 0; i < count && err == 0; i++) {
		bool first = leaders[i] >= 0;

		for (int j = 0; j < i && first; j++)
			first = leaders[j] != leaders[i];
		if (first)
			err = producers_ask(&asks, partitions, leaders, count, i);
		if (leaders[i] < 0) {
			struct fault none;

			fault_set(&none, ERR_NETWORK, "%s: %s-%d has no leader", cluster->name, partitions[i].topic,
				  partitions[i].partition);
			producers_failed(&list, 1, &none);
		}
	}
	int stopped = asks_wait(&asks);
	if (err < 0)
		return admin_no_memory(cluster, fault);
	if (stopped < 0)
		return fault_set(fault, stopped, "%s: interrupted", cluster->name);
	for (int i = 0; i < asks.count; i++) {
		if (asks.at[i]->err == 0) {
			most += producers_count(asks.at[i]->response);
		} else if (asks.at[i]->err == ERR_UNSUPPORTED) {
			if (fault)
				*fault = asks.at[i]->fault;
			return admin_unsupported(API_DESCRIBE_PRODUCERS, ERR_UNSUPPORTED, fault);
		} else {
			producers_failed(&list, 1, &asks.at[i]->fault);
		}
	}
	list.at = arena_array(arena, most, sizeof *list.at);
	for (int i = 0; i < asks.count && err == 0 && list.at; i++)
		if (asks.at[i]->err == 0)
			err = producers_take(cluster, asks.at[i]->response, arena, &list);
	if (err < 0 || !list.at)
		return admin_no_memory(cluster, fault);
	*out = list;
	return 0;
}

/* ---- transactions ---- */

static int transaction_order(const void *a, const void *b)
{
	return strcmp(((const struct transaction *)a)->id, ((const struct transaction *)b)->id);
}

static int transactions_take(const struct ask *ask, struct arena *arena, struct transaction_list *list)
{
	const struct list_transactions_response *said = ask->response;

	for (int32_t i = 0; i < said->transaction_states.count; i++) {
		struct transaction *at = &list->at[list->count++];

		at->id = admin_text(arena, said->transaction_states.at[i].transactional_id);
		at->state = admin_text(arena, said->transaction_states.at[i].transaction_state);
		at->producer_id = said->transaction_states.at[i].producer_id;
		at->coordinator = ask->node;
		at->start_ms = -1;
		at->err = ERR_NOT_FOUND; /* until it is described */
		if (!at->id || !at->state)
			return ERR_MEMORY;
	}
	return 0;
}

static int transaction_take(const struct describe_transactions_response_transaction_state *said,
			    struct arena *arena, struct transaction *out)
{
	size_t most = 0;

	out->err = error_code_err(said->error_code);
	if (said->error_code)
		return 0;
	out->state = admin_text(arena, said->transaction_state);
	out->producer_epoch = said->producer_epoch;
	out->timeout_ms = said->transaction_timeout_ms;
	out->start_ms = said->transaction_start_time_ms;
	for (int32_t t = 0; t < said->topics.count; t++)
		most += (size_t)said->topics.at[t].partitions.count;
	out->partitions = arena_array(arena, most, sizeof *out->partitions);
	if (!out->partitions)
		return ERR_MEMORY;
	for (int32_t t = 0; t < said->topics.count; t++) {
		const char *topic = admin_text(arena, said->topics.at[t].topic);

		for (int32_t p = 0; p < said->topics.at[t].partitions.count; p++)
			out->partitions[out->partition_count++] =
				(struct group_partition){ topic, said->topics.at[t].partitions.at[p] };
	}
	return 0;
}

/* Asks each coordinator about its own. */
static int transactions_describe(struct cluster *cluster, struct transaction_list *list, int64_t timeout_ms,
				 struct arena *arena)
{
	struct asks asks;
	int err = 0;

	asks_init(&asks, cluster, timeout_ms, arena);
	for (int i = 0; i < list->count && err == 0; i++) {
		struct describe_transactions_request *request;
		bool first = true;

		for (int j = 0; j < i && first; j++)
			first = list->at[j].coordinator != list->at[i].coordinator;
		if (!first)
			continue;
		request = arena_take(arena, sizeof *request);
		if (!request)
			return ERR_MEMORY;
		request_default(API_DESCRIBE_TRANSACTIONS, request);
		request->transactional_ids.at =
			arena_array(arena, (size_t)list->count, sizeof *request->transactional_ids.at);
		if (!request->transactional_ids.at)
			return ERR_MEMORY;
		for (int j = i; j < list->count; j++)
			if (list->at[j].coordinator == list->at[i].coordinator)
				request->transactional_ids.at[request->transactional_ids.count++] =
					view_text(list->at[j].id);
		err = asks_add(&asks, list->at[i].coordinator, API_DESCRIBE_TRANSACTIONS, request, NULL);
	}
	int stopped = asks_wait(&asks);
	for (int a = 0; a < asks.count && err == 0; a++) {
		const struct describe_transactions_response *said = asks.at[a]->response;

		for (int32_t s = 0; asks.at[a]->err == 0 && s < said->transaction_states.count; s++)
			for (int i = 0; i < list->count && err == 0; i++)
				if (view_is(said->transaction_states.at[s].transactional_id, list->at[i].id))
					err = transaction_take(&said->transaction_states.at[s], arena, &list->at[i]);
	}
	return err < 0 ? err : stopped;
}

int transactions_list(struct cluster *cluster, int64_t timeout_ms, struct arena *arena, struct transaction_list *out,
		      struct fault *fault)
{
	struct list_transactions_request request;
	struct transaction_list list = { 0 };
	struct asks asks;
	size_t most = 0;
	int err = admin_ready(cluster, timeout_ms, fault);

	if (err < 0)
		return err;
	request_default(API_LIST_TRANSACTIONS, &request);
	asks_init(&asks, cluster, timeout_ms, arena);
	err = asks_add_brokers(&asks, API_LIST_TRANSACTIONS, &request);
	int stopped = asks_wait(&asks);
	if (err < 0 || stopped < 0)
		return fault_set(fault, err < 0 ? err : stopped, "%s: listing transactions: %s", cluster->name,
				 err_text(err < 0 ? err : stopped));
	for (int i = 0; i < asks.count; i++) {
		const struct list_transactions_response *said = asks.at[i]->response;

		if (asks.at[i]->err == 0 && said->error_code)
			asks.at[i]->err = admin_refused(cluster, API_LIST_TRANSACTIONS, said->error_code, VIEW_NULL,
							&asks.at[i]->fault);
		if (asks.at[i]->err == 0 && said->transaction_states.count > 0)
			most += (size_t)said->transaction_states.count;
	}
	list.failed_count = asks_failed(&asks, &list.failed);
	if (list.failed_count == asks.count) {
		if (fault)
			*fault = list.failed;
		return admin_unsupported(API_LIST_TRANSACTIONS, list.failed.err, fault);
	}
	list.at = arena_array(arena, most, sizeof *list.at);
	if (!list.at)
		return admin_no_memory(cluster, fault);
	for (int i = 0; i < asks.count && err == 0; i++)
		if (asks.at[i]->err == 0)
			err = transactions_take(asks.at[i], arena, &list);
	if (err == 0)
		err = transactions_describe(cluster, &list, timeout_ms, arena);
	if (err < 0)
		return err == ERR_MEMORY ? admin_no_memory(cluster, fault)
					 : fault_set(fault, err, "%s: interrupted", cluster->name);
	if (list.count > 1)
		qsort(list.at, (size_t)list.count, sizeof *list.at, transaction_order);
	*out = list;
	return 0;
}
