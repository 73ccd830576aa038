/* admin_fence.c - DescribeTransactions and InitProducerId for one transactional id, at its coordinator. */
#include "client/admin_fence.h"

#include "client/admin_inside.h"
#include "client/coordinator.h"

/* What one request to the coordinator comes to; ERR_STALE: ask again. */
typedef int once_fn(struct cluster *cluster, int32_t node, const char *id, int32_t transaction_timeout_ms,
		    int64_t left_ms, struct arena *arena, struct transaction_identity *out, struct fault *fault);

static int coded(struct cluster *cluster, int16_t api_key, const char *id, int16_t code, struct fault *fault)
{
	int err = admin_refused(cluster, api_key, code, VIEW_NULL, fault);

	fault_at(fault, "transactional id %s", id);
	return kafka_error_retriable(code) ? ERR_STALE : err;
}

static int look_once(struct cluster *cluster, int32_t node, const char *id, int32_t transaction_timeout_ms,
		     int64_t left_ms, struct arena *arena, struct transaction_identity *out, struct fault *fault)
{
	struct describe_transactions_request request;
	struct describe_transactions_response said;
	const struct describe_transactions_response_transaction_state *at;
	struct view name = view_text(id);
	int err;

	(void)transaction_timeout_ms;
	request_default(API_DESCRIBE_TRANSACTIONS, &request);
	request.transactional_ids.at = &name;
	request.transactional_ids.count = 1;
	err = cluster_ask(cluster, node, API_DESCRIBE_TRANSACTIONS, &request, left_ms, arena, &said, fault);
	if (err < 0)
		return admin_unsupported(API_DESCRIBE_TRANSACTIONS, err, fault);
	if (said.transaction_states.count != 1)
		return fault_set(fault, ERR_MALFORMED, "%s: DescribeTransactions: %d answers to one question",
				 cluster->name, said.transaction_states.count);
	at = &said.transaction_states.at[0];
	if (at->error_code)
		return coded(cluster, API_DESCRIBE_TRANSACTIONS, id, at->error_code, fault);
	out->producer_id = at->producer_id;
	out->producer_epoch = at->producer_epoch;
	out->timeout_ms = at->transaction_timeout_ms;
	out->state = admin_text(arena, at->transaction_state);
	return out->state ? 0 : admin_no_memory(cluster, fault);
}

static int fence_once(struct cluster *cluster, int32_t node, const char *id, int32_t transaction_timeout_ms,
		      int64_t left_ms, struct arena *arena, struct transaction_identity *out, struct fault *fault)
{
	struct init_producer_id_request request;
	struct init_producer_id_response said;
	int err;

	request_default(API_INIT_PRODUCER_ID, &request);
	request.transactional_id = view_text(id);
	request.transaction_timeout_ms = transaction_timeout_ms;
	/* Taken twice after a lost answer, the epoch is raised twice: that fences no less. */
	err = cluster_ask(cluster, node, API_INIT_PRODUCER_ID, &request, left_ms, arena, &said, fault);
	if (err < 0)
		return err;
	/* Two of these pass by themselves: it is being aborted, or the abort raised the epoch under the request. */
	if (said.error_code == KAFKA_CONCURRENT_TRANSACTIONS || said.error_code == KAFKA_PRODUCER_FENCED ||
	    said.error_code == KAFKA_INVALID_PRODUCER_EPOCH) {
		coded(cluster, API_INIT_PRODUCER_ID, id, said.error_code, fault);
		return ERR_STALE;
	}
	if (said.error_code == KAFKA_INVALID_TRANSACTION_TIMEOUT)
		return fault_set(fault, ERR_USAGE, "%s: transactional id %s: %s for %d ms", cluster->name, id,
				 kafka_error_name(said.error_code), transaction_timeout_ms);
	if (said.error_code)
		return coded(cluster, API_INIT_PRODUCER_ID, id, said.error_code, fault);
	out->producer_id = said.producer_id;
	out->producer_epoch = said.producer_epoch;
	out->timeout_ms = transaction_timeout_ms;
	out->state = NULL;
	return 0;
}

/* Finds the coordinator and asks it, again for as long as there is time. */
static int ask_coordinator(struct cluster *cluster, once_fn *once, const char *id, int32_t transaction_timeout_ms,
			   int64_t timeout_ms, struct arena *arena, struct transaction_identity *out, struct fault *fault)
{
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct transaction_identity found;
	struct fault last = { 0 };
	int err = ERR_STALE;

	for (int round = 0; err == ERR_STALE; round++) {
		struct coordinator coordinator = { .key = id };
		int64_t left_ms;

		if (round > 0 && cluster_pause(cluster, cluster_backoff(cluster, 10, 500, round - 1)) < 0)
			return fault_set(fault, ERR_CANCELLED, "%s: interrupted", cluster->name);
		left_ms = deadline_ms - cluster_now(cluster);
		if (left_ms <= 0)
			return fault_set(fault, ERR_TIMEOUT, "%s: transactional id %s: no answer in time: %s", cluster->name, id,
					 last.err ? last.text : "not asked");
		err = coordinators_find(cluster, COORDINATOR_TRANSACTION, &coordinator, 1, left_ms, &last);
		if (err < 0)
			break;
		left_ms = deadline_ms - cluster_now(cluster);
		err = once(cluster, coordinator.node, id, transaction_timeout_ms, left_ms > 1 ? left_ms : 1, arena, &found,
			   &last);
	}
	if (err < 0) {
		if (fault)
			*fault = last;
		return err;
	}
	*out = found;
	return 0;
}

int transaction_look(struct cluster *cluster, const char *id, int64_t timeout_ms, struct arena *arena,
		     struct transaction_identity *out, struct fault *fault)
{
	return ask_coordinator(cluster, look_once, id, 0, timeout_ms, arena, out, fault);
}

int transaction_fence(struct cluster *cluster, const char *id, int32_t transaction_timeout_ms, int64_t timeout_ms,
		      struct transaction_identity *out, struct fault *fault)
{
	struct arena arena;
	int err;

	arena_init(&arena, REPLY_MEMORY_MAX);
	err = ask_coordinator(cluster, fence_once, id, transaction_timeout_ms, timeout_ms, &arena, out, fault);
	arena_done(&arena);
	return err;
}
