/* quiet_transactions.c - transactions under way on the partitions that are looked at, and the name of a producer. */
#include "client/quiet.h"

#include "client/quiet_inside.h"

int quiet_transactions_ask(struct asks *asks, const int32_t *nodes, int count)
{
	struct list_transactions_request *request = arena_take(asks->arena, sizeof *request);
	struct quiet_batch *batch = arena_take(asks->arena, sizeof *batch);
	/* Those that may still append: the rest are empty or complete.  Brokers name states they do not know, no more. */
	static const char *const states[] = { "Ongoing", "PrepareCommit", "PrepareAbort",
					      "PrepareEpochFence" };
	int state_count = (int)(sizeof states / sizeof states[0]), err = 0;

	if (!request || !batch)
		return ERR_MEMORY;
	request_default(API_LIST_TRANSACTIONS, request);
	request->state_filters.at =
		arena_array(asks->arena, (size_t)state_count, sizeof *request->state_filters.at);
	if (!request->state_filters.at)
		return ERR_MEMORY;
	for (int i = 0; i < state_count; i++)
		request->state_filters.at[request->state_filters.count++] = view_text(states[i]);
	batch->place = PLACE_TRANSACTIONS;
	for (int i = 0; i < count && err == 0; i++)
		err = asks_add(asks, nodes[i], API_LIST_TRANSACTIONS, request, batch);
	return err;
}

static const struct quiet_partition *touched(const struct quiet *quiet, struct view topic, int32_t partition)
{
	for (int i = 0; i < quiet->known_count; i++)
		if (quiet->known[i].partition == partition && view_is(topic, quiet->known[i].topic))
			return &quiet->known[i];
	return NULL;
}

static int transaction_take(const struct quiet *quiet,
			    const struct describe_transactions_response_transaction_state *at,
			    int32_t coordinator, struct arena *arena, struct quiet_harvest *h)
{
	struct transaction *out = &h->transactions[h->transaction_count];
	size_t most = 0;

	*out = (struct transaction){ .coordinator = coordinator, .producer_id = at->producer_id };
	for (int32_t t = 0; t < at->topics.count; t++)
		most += (size_t)at->topics.at[t].partitions.count;
	out->partitions = arena_array(arena, most, sizeof *out->partitions);
	out->id = admin_text(arena, at->transactional_id);
	out->state = admin_text(arena, at->transaction_state);
	if (!out->partitions || !out->id || !out->state)
		return ERR_MEMORY;
	out->producer_epoch = at->producer_epoch;
	out->timeout_ms = at->transaction_timeout_ms;
	out->start_ms = at->transaction_start_time_ms;
	for (int32_t t = 0; t < at->topics.count; t++)
		for (int32_t p = 0; p < at->topics.at[t].partitions.count; p++) {
			const struct quiet_partition *one =
				touched(quiet, at->topics.at[t].topic, at->topics.at[t].partitions.at[p]);

			if (one)
				out->partitions[out->partition_count++] =
					(struct group_partition){ one->topic, one->partition };
		}
	h->transaction_count += out->partition_count > 0;
	return 0;
}

int quiet_transactions_find(const struct quiet *quiet, const struct asks *listed, int64_t timeout_ms,
			    struct arena *arena, struct quiet_harvest *h)
{
	struct asks asks;
	size_t most = 0;
	int err = 0;

	asks_init(&asks, quiet->cluster, timeout_ms, arena);
	for (int i = 0; i < listed->count && err == 0; i++) {
		const struct list_transactions_response *said = listed->at[i]->response;
		struct describe_transactions_request *request;

		if (((struct quiet_batch *)listed->at[i]->context)->place != PLACE_TRANSACTIONS)
			continue;
		if (listed->at[i]->err < 0 || said->error_code) {
			if (h->transactions_err == 0)
				h->transactions_err = listed->at[i]->err < 0
							      ? listed->at[i]->err
							      : error_code_err(said->error_code);
			continue;
		}
		if (said->transaction_states.count <= 0)
			continue;
		request = arena_take(arena, sizeof *request);
		if (!request)
			return ERR_MEMORY;
		request_default(API_DESCRIBE_TRANSACTIONS, request);
		request->transactional_ids.at = arena_array(arena, (size_t)said->transaction_states.count,
							    sizeof *request->transactional_ids.at);
		if (!request->transactional_ids.at)
			return ERR_MEMORY;
		for (int32_t t = 0; t < said->transaction_states.count; t++)
			request->transactional_ids.at[request->transactional_ids.count++] =
				said->transaction_states.at[t].transactional_id;
		most += (size_t)said->transaction_states.count;
		err = asks_add(&asks, listed->at[i]->node, API_DESCRIBE_TRANSACTIONS, request, NULL);
	}
	int stopped = asks_wait(&asks);
	h->transactions = arena_array(arena, most, sizeof *h->transactions);
	if (err < 0 || !h->transactions)
		return ERR_MEMORY;
	for (int a = 0; a < asks.count && err == 0; a++) {
		const struct describe_transactions_response *said = asks.at[a]->response;

		if (asks.at[a]->err < 0 && h->transactions_err == 0)
			h->transactions_err = asks.at[a]->err;
		/* One that has ended in between is of no more interest: its error is passed over. */
		for (int32_t s = 0; asks.at[a]->err == 0 && s < said->transaction_states.count && err == 0;
		     s++)
			if (said->transaction_states.at[s].error_code == 0)
				err = transaction_take(quiet, &said->transaction_states.at[s],
						       asks.at[a]->node, arena, h);
	}
	return err < 0 ? err : stopped;
}

int producer_name(struct cluster *cluster, int64_t producer_id, int64_t timeout_ms, struct arena *arena,
		  const char **out, struct fault *fault)
{
	struct list_transactions_request request;
	struct fault failed;
	struct asks asks;
	const char *name = NULL;
	int err = admin_ready(cluster, timeout_ms, fault);

	if (err < 0)
		return err;
	request_default(API_LIST_TRANSACTIONS, &request);
	request.producer_id_filters.at = &producer_id;
	request.producer_id_filters.count = 1;
	asks_init(&asks, cluster, timeout_ms, arena);
	err = asks_add_brokers(&asks, API_LIST_TRANSACTIONS, &request);
	int stopped = asks_wait(&asks);
	if (err < 0 || stopped < 0)
		return fault_set(fault, err < 0 ? err : stopped, "%s: naming a producer: %s", cluster->name,
				 err_text(err < 0 ? err : stopped));
	for (int i = 0; i < asks.count && !name; i++) {
		const struct list_transactions_response *said = asks.at[i]->response;

		if (asks.at[i]->err == 0 && said->error_code == 0 && said->transaction_states.count > 0) {
			name = admin_text(arena, said->transaction_states.at[0].transactional_id);
			if (!name)
				return admin_no_memory(cluster, fault);
		}
	}
	if (!name && asks_failed(&asks, &failed)) {
		if (fault)
			*fault = failed;
		return admin_unsupported(API_LIST_TRANSACTIONS, failed.err, fault);
	}
	*out = name;
	return 0;
}
