/* quiet.c - three ListOffsets and a DescribeProducers to each leader, ListTransactions to each broker: one round. */
#include "client/quiet.h"

#include "client/offsets.h"
#include "client/quiet_inside.h"

/* ListOffsets' own number for "a debugging consumer": it alone is told the end of the log itself. */
#define REPLICA_DEBUGGING (-2)
#define REPLICA_CONSUMER  (-1)
#define PARTITIONS_MAX    100000

int quiet_new(struct cluster *cluster, const char *const *topics, int count, struct quiet **out,
	      struct fault *fault)
{
	struct quiet *quiet = calloc(1, sizeof *quiet);

	if (!quiet)
		return fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	quiet->cluster = cluster;
	quiet->stale = true;
	arena_init(&quiet->arena, REPLY_MEMORY_MAX);
	arena_init(&quiet->places, REPLY_MEMORY_MAX);
	quiet->topics = arena_array(&quiet->arena, (size_t)count, sizeof *quiet->topics);
	for (int i = 0; quiet->topics && i < count; i++) {
		quiet->topics[i] = arena_text(&quiet->arena, topics[i]);
		if (!quiet->topics[i])
			break;
		quiet->topic_count++;
	}
	if (quiet->topic_count < count) {
		quiet_free(quiet);
		return fault_set(fault, ERR_MEMORY, "%s", err_text(ERR_MEMORY));
	}
	*out = quiet;
	return 0;
}

void quiet_free(struct quiet *quiet)
{
	if (!quiet)
		return;
	arena_done(&quiet->places);
	arena_done(&quiet->arena);
	free(quiet);
}

/* ---- who leads ---- */

static int by_name(const void *a, const void *b)
{
	const struct quiet_partition *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);

	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static int by_leader(const void *a, const void *b)
{
	const struct quiet_partition *x = a, *y = b;
	int order = (x->leader > y->leader) - (x->leader < y->leader);

	return order ? order : by_name(a, b);
}

static int leaders_find(struct quiet *quiet, int64_t timeout_ms, struct fault *fault)
{
	struct view *names;
	struct metadata_snapshot s;
	size_t most = 0;
	int err, count = 0;

	arena_reset(&quiet->places);
	quiet->known_count = quiet->node_count = 0;
	names = arena_array(&quiet->places, (size_t)quiet->topic_count, sizeof *names);
	if (!names)
		return admin_no_memory(quiet->cluster, fault);
	for (int i = 0; i < quiet->topic_count; i++)
		names[i] = view_text(quiet->topics[i]);
	err = metadata_snapshot(quiet->cluster, names, quiet->topic_count, timeout_ms, &quiet->places, &s,
				fault);
	if (err < 0)
		return err;
	for (int t = 0; t < s.topic_count; t++) {
		if (s.topics[t].error)
			return fault_set(fault, error_code_err(s.topics[t].error), "%s: topic %s: %s",
					 quiet->cluster->name, s.topics[t].name,
					 kafka_error_name(s.topics[t].error));
		most += (size_t)s.topics[t].partition_count;
	}
	if (most > PARTITIONS_MAX)
		return fault_set(fault, ERR_LIMIT, "%s: %zu partitions; at most %d can be watched at once",
				 quiet->cluster->name, most, PARTITIONS_MAX);
	quiet->known = arena_array(&quiet->places, most, sizeof *quiet->known);
	quiet->nodes = arena_array(&quiet->places, (size_t)s.broker_count, sizeof *quiet->nodes);
	if (!quiet->known || !quiet->nodes)
		return admin_no_memory(quiet->cluster, fault);
	for (int t = 0; t < s.topic_count; t++)
		for (int32_t p = 0; p < s.topics[t].partition_count; p++)
			quiet->known[count++] =
				(struct quiet_partition){ .topic = s.topics[t].name,
							  .partition = s.topics[t].partitions[p].index,
							  .leader = s.topics[t].partitions[p].leader,
							  .leader_epoch =
								  s.topics[t].partitions[p].leader_epoch };
	for (int b = 0; b < s.broker_count; b++)
		quiet->nodes[quiet->node_count++] = s.brokers[b].id;
	quiet->known_count = count;
	quiet->stale = false;
	if (count > 1)
		qsort(quiet->known, (size_t)count, sizeof *quiet->known, by_leader);
	return 0;
}

/* ---- asking ---- */

static int offsets_ask(struct asks *asks, struct quiet_batch *batch)
{
	struct list_offsets_request *request = arena_take(asks->arena, sizeof *request);
	__typeof__(*request->topics.at) *topics =
		arena_array(asks->arena, (size_t)batch->count, sizeof *topics);
	__typeof__(*topics->partitions.at) *parts =
		arena_array(asks->arena, (size_t)batch->count, sizeof *parts);
	int topic_count = 0;

	if (!request || !topics || !parts)
		return ERR_MEMORY;
	request_default(API_LIST_OFFSETS, request);
	request->replica_id = batch->place == PLACE_END ? REPLICA_DEBUGGING : REPLICA_CONSUMER;
	request->isolation_level = batch->place == PLACE_STABLE;
	request->timeout_ms = (int32_t)asks->cluster->config->request_timeout_ms;
	for (int i = 0; i < batch->count; i++) {
		const struct quiet_partition *at = &batch->first[i];

		if (i == 0 || strcmp(at->topic, at[-1].topic) != 0) {
			topics[topic_count].name = view_text(at->topic);
			topics[topic_count++].partitions.at = &parts[i];
		}
		parts[i].partition_index = at->partition;
		parts[i].current_leader_epoch = at->leader_epoch; /* another leader refuses */
		parts[i].timestamp = OFFSETS_LATEST;
		topics[topic_count - 1].partitions.count++;
	}
	request->topics.at = topics;
	request->topics.count = topic_count;
	return asks_add(asks, batch->first->leader, API_LIST_OFFSETS, request, batch);
}

static int producers_ask(struct asks *asks, struct quiet_batch *batch)
{
	struct describe_producers_request *request = arena_take(asks->arena, sizeof *request);
	__typeof__(*request->topics.at) *topics =
		arena_array(asks->arena, (size_t)batch->count, sizeof *topics);
	int32_t *parts = arena_array(asks->arena, (size_t)batch->count, sizeof *parts);
	int topic_count = 0;

	if (!request || !topics || !parts)
		return ERR_MEMORY;
	request_default(API_DESCRIBE_PRODUCERS, request);
	for (int i = 0; i < batch->count; i++) {
		if (i == 0 || strcmp(batch->first[i].topic, batch->first[i - 1].topic) != 0) {
			topics[topic_count].name = view_text(batch->first[i].topic);
			topics[topic_count++].partition_indexes.at = &parts[i];
		}
		parts[i] = batch->first[i].partition;
		topics[topic_count - 1].partition_indexes.count++;
	}
	request->topics.at = topics;
	request->topics.count = topic_count;
	return asks_add(asks, batch->first->leader, API_DESCRIBE_PRODUCERS, request, batch);
}

/* All questions to one leader, in the order that makes equal answers a proof. */
static int leader_ask(struct asks *asks, struct quiet_partition *first, int count, bool writers)
{
	static const enum quiet_place order[] = { PLACE_PRODUCERS, PLACE_STABLE, PLACE_HIGH_WATERMARK,
						  PLACE_END };
	const struct ask *before = NULL;
	int err = 0;

	for (size_t i = 0; i < sizeof order / sizeof order[0] && err == 0; i++) {
		struct quiet_batch *batch = arena_take(asks->arena, sizeof *batch);

		if (!batch)
			return ERR_MEMORY;
		*batch = (struct quiet_batch){ order[i], first, count, before };
		if (order[i] == PLACE_PRODUCERS) {
			err = writers ? producers_ask(asks, batch) : 0;
			continue;
		}
		err = offsets_ask(asks, batch);
		if (err == 0)
			before = asks->at[asks->count - 1];
	}
	return err;
}

/* ---- what they say ---- */

static void partition_failed(struct quiet_partition *at, int err, int16_t code)
{
	if (at->err == 0) {
		at->err = err;
		at->error_code = code;
	}
}

static void offsets_take(const struct list_offsets_response *said, const struct quiet_batch *batch)
{
	for (int i = 0; i < batch->count; i++) {
		struct quiet_partition *at = &batch->first[i];
		bool told = false;

		for (int32_t t = 0; t < said->topics.count; t++) {
			if (!view_is(said->topics.at[t].name, at->topic))
				continue;
			for (int32_t p = 0; p < said->topics.at[t].partitions.count; p++) {
				const __typeof__(*said->topics.at->partitions.at) *part =
					&said->topics.at[t].partitions.at[p];

				if (part->partition_index != at->partition)
					continue;
				told = true;
				if (part->error_code)
					partition_failed(at,
							 kafka_error_retriable(part->error_code)
								 ? ERR_STALE
								 : error_code_err(part->error_code),
							 part->error_code);
				else if (batch->place == PLACE_STABLE)
					at->last_stable = part->offset;
				else if (batch->place == PLACE_HIGH_WATERMARK)
					at->high_watermark = part->offset;
				else
					at->end = part->offset;
			}
		}
		if (!told)
			partition_failed(at, ERR_MALFORMED, 0);
	}
}

static int producer_add(struct quiet_harvest *h, struct arena *arena, const struct active_producer *one)
{
	if (h->producer_count == h->producer_capacity) {
		int capacity = h->producer_capacity ? 2 * h->producer_capacity : 64;
		struct active_producer *at = arena_array(arena, (size_t)capacity, sizeof *at);

		if (!at)
			return ERR_MEMORY;
		if (h->producer_count)
			memcpy(at, h->producers, (size_t)h->producer_count * sizeof *at);
		h->producers = at;
		h->producer_capacity = capacity;
	}
	h->producers[h->producer_count++] = *one;
	return 0;
}

static int producers_take(const struct describe_producers_response *said, const struct quiet_batch *batch,
			  struct arena *arena, struct quiet_harvest *h)
{
	for (int32_t t = 0; t < said->topics.count; t++) {
		const char *topic = NULL;

		for (int i = 0; i < batch->count && !topic; i++)
			if (view_is(said->topics.at[t].name, batch->first[i].topic))
				topic = batch->first[i].topic;
		for (int32_t p = 0; topic && p < said->topics.at[t].partitions.count; p++) {
			const struct describe_producers_response_partition *part =
				&said->topics.at[t].partitions.at[p];

			if (part->error_code && h->producers_err == 0)
				h->producers_err = error_code_err(part->error_code);
			for (int32_t i = 0; i < part->active_producers.count; i++) {
				const struct describe_producers_response_active_producer *one =
					&part->active_producers.at[i];
				struct active_producer producer = { .topic = topic,
								    .partition = part->partition_index,
								    .id = one->producer_id,
								    .epoch = one->producer_epoch };

				producer.last_sequence = one->last_sequence;
				producer.last_ms = one->last_timestamp;
				producer.coordinator_epoch = one->coordinator_epoch;
				producer.open_since_offset = one->current_txn_start_offset;
				if (producer_add(h, arena, &producer) < 0)
					return ERR_MEMORY;
			}
		}
	}
	return 0;
}

static int answer_take(const struct ask *ask, struct arena *arena, struct quiet_harvest *h)
{
	struct quiet_batch *batch = ask->context;

	if (batch->place == PLACE_TRANSACTIONS)
		return 0; /* all of them together, in the second round */
	if (ask->err == 0 && batch->place == PLACE_PRODUCERS)
		return producers_take(ask->response, batch, arena, h);
	if (ask->err == 0) {
		offsets_take(ask->response, batch);
		/* Sent again after a lost connection they may come in another order, which proves nothing. */
		for (int i = 0; i < batch->count && batch->before && batch->before->place > ask->place; i++)
			partition_failed(&batch->first[i], ERR_STALE, 0);
	} else if (batch->place == PLACE_PRODUCERS) {
		if (h->producers_err == 0)
			h->producers_err = ask->err;
	} else {
		for (int i = 0; i < batch->count; i++)
			partition_failed(&batch->first[i], ask->err, 0);
	}
	return 0;
}

/* ---- a look ---- */

static void partitions_reset(struct quiet *quiet)
{
	for (int i = 0; i < quiet->known_count; i++) {
		struct quiet_partition *at = &quiet->known[i];

		at->last_stable = at->high_watermark = at->end = -1;
		at->level = false;
		at->err = at->leader < 0 ? ERR_STALE : 0;
		at->error_code = at->leader < 0 ? KAFKA_LEADER_NOT_AVAILABLE : 0;
	}
}

static int round_do(struct quiet *quiet, int what, int64_t deadline_ms, struct arena *arena,
		    struct quiet_harvest *h, struct fault *fault)
{
	struct cluster *cluster = quiet->cluster;
	struct asks asks;
	int err = 0;

	if (quiet->stale)
		err = leaders_find(quiet, deadline_ms - cluster_now(cluster), fault);
	if (err < 0)
		return err;
	partitions_reset(quiet);
	*h = (struct quiet_harvest){ 0 };
	asks_init(&asks, cluster, deadline_ms - cluster_now(cluster), arena);
	for (int i = 0; i < quiet->known_count && err == 0;) {
		int count = 1;

		while (i + count < quiet->known_count &&
		       quiet->known[i + count].leader == quiet->known[i].leader)
			count++;
		if (quiet->known[i].leader >= 0)
			err = leader_ask(&asks, &quiet->known[i], count, what & QUIET_WRITERS);
		i += count;
	}
	if (err == 0 && (what & QUIET_TRANSACTIONS))
		err = quiet_transactions_ask(&asks, quiet->nodes, quiet->node_count);
	int stopped = asks_wait(&asks);
	for (int i = 0; i < asks.count && err == 0; i++)
		err = answer_take(asks.at[i], arena, h);
	if (err == 0 && stopped == 0 && (what & QUIET_TRANSACTIONS))
		err = quiet_transactions_find(quiet, &asks, deadline_ms - cluster_now(cluster), arena, h);
	if (err < 0 && err != ERR_CANCELLED)
		return admin_no_memory(cluster, fault);
	if (stopped < 0 || err < 0)
		return fault_set(fault, ERR_CANCELLED, "%s: interrupted", cluster->name);
	return 0;
}

static int producer_order(const void *a, const void *b)
{
	const struct active_producer *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);

	order = order ? order : (x->partition > y->partition) - (x->partition < y->partition);
	return order ? order : (x->id > y->id) - (x->id < y->id);
}

/* The look's own copy of a name; each is there, for nothing but partitions of ours was kept. */
static const char *name_kept(const struct quiet_look *look, const char *name)
{
	for (int i = 0; i < look->partition_count; i++)
		if (strcmp(look->partitions[i].topic, name) == 0)
			return look->partitions[i].topic;
	return "";
}

/* The names move into the caller's arena: what `quiet` knows is renewed under them. */
static int look_take(const struct quiet *quiet, const struct quiet_harvest *h, struct arena *arena,
		     struct quiet_look *out)
{
	struct quiet_look look = { .partition_count = quiet->known_count, .producers = h->producers };
	const char *topic = NULL;

	look.partitions = arena_array(arena, (size_t)quiet->known_count, sizeof *look.partitions);
	if (!look.partitions)
		return ERR_MEMORY;
	if (quiet->known_count)
		memcpy(look.partitions, quiet->known, (size_t)quiet->known_count * sizeof *look.partitions);
	look.all_level = true;
	if (look.partition_count > 1)
		qsort(look.partitions, (size_t)look.partition_count, sizeof *look.partitions, by_name);
	for (int i = 0; i < look.partition_count; i++) {
		struct quiet_partition *at = &look.partitions[i];

		at->level = at->err == 0 && at->last_stable == at->high_watermark &&
			    at->high_watermark == at->end;
		look.all_level &= at->level;
		if (!topic || strcmp(topic, at->topic) != 0)
			topic = arena_text(arena, at->topic);
		if (!topic)
			return ERR_MEMORY;
		at->topic = topic;
	}
	look.producer_count = h->producer_count;
	look.producers_err = h->producers_err;
	look.transactions = h->transactions;
	look.transaction_count = h->transaction_count;
	look.transactions_err = h->transactions_err;
	if (look.producer_count > 1)
		qsort(look.producers, (size_t)look.producer_count, sizeof *look.producers, producer_order);
	topic = "";
	for (int i = 0; i < look.producer_count; i++) {
		if (strcmp(look.producers[i].topic, topic) != 0)
			topic = name_kept(&look, look.producers[i].topic);
		look.producers[i].topic = topic;
	}
	for (int i = 0; i < look.transaction_count; i++)
		for (int p = 0; p < look.transactions[i].partition_count; p++)
			look.transactions[i].partitions[p].topic =
				name_kept(&look, look.transactions[i].partitions[p].topic);
	look.all_level &= look.transaction_count == 0;
	*out = look;
	return 0;
}

int quiet_look(struct quiet *quiet, int what, int64_t timeout_ms, struct arena *arena, struct quiet_look *out,
	       struct fault *fault)
{
	struct cluster *cluster = quiet->cluster;
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct quiet_harvest harvest = { 0 };
	int err = 0;

	for (int round = 0; err == 0; round++) {
		bool moved = false;

		err = round_do(quiet, what, deadline_ms, arena, &harvest, fault);
		for (int i = 0; i < quiet->known_count && err == 0; i++) {
			moved |= quiet->known[i].err == ERR_STALE;
			quiet->stale |= quiet->known[i].err < 0;
		}
		if (err < 0 || !moved || cluster_now(cluster) >= deadline_ms)
			break;
		err = cluster_pause(cluster, cluster_backoff(cluster, 20, 500, round));
		if (err < 0)
			return fault_set(fault, err, "%s: interrupted", cluster->name);
		if (cluster_now(cluster) >= deadline_ms)
			break;
	}
	if (err < 0)
		return err;
	return look_take(quiet, &harvest, arena, out) < 0 ? admin_no_memory(cluster, fault) : 0;
}

bool quiet_same(const struct quiet_look *a, const struct quiet_look *b)
{
	if (a->partition_count != b->partition_count)
		return false;
	for (int i = 0; i < a->partition_count; i++) {
		const struct quiet_partition *x = &a->partitions[i], *y = &b->partitions[i];

		if (x->err < 0 || y->err < 0 || x->partition != y->partition ||
		    strcmp(x->topic, y->topic) != 0 || x->end != y->end || x->leader_epoch != y->leader_epoch)
			return false;
	}
	return true;
}
