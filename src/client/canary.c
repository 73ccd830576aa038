/* canary.c - an empty Produce to each broker, and an EndTxn of nobody's; what the error code gives away. */
#include "client/canary.h"

#include "client/admin_inside.h"

#define VERSION_BY_NAME 12	    /* of Produce: from 13 on topics go by id */
#define END_TXN_VERSION 4	    /* of EndTxn: 5 is for producers of the newer transactions */
#define NOBODYS_ID	INT64_C(0x7ffffffffffffff0) /* a producer id that no coordinator will have come to */

const char *canary_word(enum canary_answer answer)
{
	return answer == CANARY_DENIED ? "denied" : answer == CANARY_ALLOWED ? "allowed" : "unknown";
}

static int canary_order(const void *a, const void *b)
{
	const struct canary *x = a, *y = b;
	int order = (x->partition < 0) - (y->partition < 0);

	order = order ? order : strcmp(x->topic, y->topic);
	order = order ? order : (x->partition > y->partition) - (x->partition < y->partition);
	return order ? order : (x->node > y->node) - (x->node < y->node);
}

static enum canary_answer answer_of(int16_t code, bool of_id)
{
	switch (code) {
	case KAFKA_TOPIC_AUTHORIZATION_FAILED: return of_id ? CANARY_UNKNOWN : CANARY_DENIED;
	case KAFKA_INVALID_RECORD: return of_id ? CANARY_UNKNOWN : CANARY_ALLOWED;
	case KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED: return of_id ? CANARY_DENIED : CANARY_UNKNOWN;
	case KAFKA_INVALID_PRODUCER_ID_MAPPING:
	case KAFKA_NOT_COORDINATOR: return of_id ? CANARY_ALLOWED : CANARY_UNKNOWN;
	default: return CANARY_UNKNOWN;
	}
}

/* A run of canaries of one broker: its Produce has the topics one after the other, as they stand in the run. */
struct flight {
	struct canary *at;
	int count;
	bool of_id;
};

static int topics_ask(struct asks *asks, struct flight *flight, int64_t timeout_ms)
{
	struct produce_request *request = arena_take(asks->arena, sizeof *request);
	__typeof__(*request->topic_data.at) *topics =
		arena_array(asks->arena, (size_t)flight->count, sizeof *topics);
	__typeof__(*topics->partition_data.at) *parts = arena_array(asks->arena, (size_t)flight->count, sizeof *parts);

	if (!request || !topics || !parts)
		return ERR_MEMORY;
	request_default(API_PRODUCE, request);
	request->acks = -1; /* not 0, to which nothing is answered */
	request->timeout_ms = (int32_t)timeout_ms;
	request->topic_data.at = topics;
	for (int i = 0; i < flight->count; i++) {
		if (i == 0 || strcmp(flight->at[i].topic, flight->at[i - 1].topic) != 0) {
			topics[request->topic_data.count].name = view_text(flight->at[i].topic);
			topics[request->topic_data.count++].partition_data.at = &parts[i];
		}
		parts[i].index = flight->at[i].partition;
		parts[i].records = view_of("", 0); /* empty; null is another thing */
		topics[request->topic_data.count - 1].partition_data.count++;
	}
	return asks_add_capped(asks, flight->at->node, API_PRODUCE, VERSION_BY_NAME, request, flight);
}

static int id_ask(struct asks *asks, struct flight *flight)
{
	struct end_txn_request *request = arena_take(asks->arena, sizeof *request);

	if (!request)
		return ERR_MEMORY;
	request_default(API_END_TXN, request);
	request->transactional_id = view_text(flight->at->topic);
	request->producer_id = NOBODYS_ID;
	return asks_add_capped(asks, flight->at->node, API_END_TXN, END_TXN_VERSION, request, flight);
}

static void code_take(struct canary *canary, int16_t code, bool of_id)
{
	canary->err = 0;
	canary->error_code = code;
	canary->answer = answer_of(code, of_id);
}

static void produce_take(const struct produce_response *said, struct flight *flight)
{
	for (int32_t t = 0; t < said->responses.count; t++)
		for (int32_t p = 0; p < said->responses.at[t].partition_responses.count; p++)
			for (int i = 0; i < flight->count; i++)
				if (said->responses.at[t].partition_responses.at[p].index == flight->at[i].partition &&
				    view_is(said->responses.at[t].name, flight->at[i].topic))
					code_take(&flight->at[i],
						  said->responses.at[t].partition_responses.at[p].error_code, false);
}

static int flight_take(const struct ask *ask, struct arena *arena)
{
	struct flight *flight = ask->context;
	struct fault *fault;

	if (ask->err == 0) {
		if (flight->of_id)
			code_take(flight->at, ((const struct end_txn_response *)ask->response)->error_code, true);
		else
			produce_take(ask->response, flight);
		return 0;
	}
	fault = arena_take(arena, sizeof *fault);
	if (!fault)
		return ERR_MEMORY;
	*fault = ask->fault;
	for (int i = 0; i < flight->count; i++) {
		flight->at[i].err = ask->err;
		flight->at[i].fault = fault;
	}
	return 0;
}

/* One broker: what it leads of a topic, or one partition in its stead. */
static void topic_plan(const struct topic_info *topic, int32_t node, struct canary_list *list)
{
	bool any = false;

	for (int32_t p = 0; p < topic->partition_count; p++) {
		if (topic->partitions[p].leader != node)
			continue;
		any = true;
		list->at[list->count++] = (struct canary){ .topic = topic->name, .partition = topic->partitions[p].index,
							   .node = node, .leader = true, .err = ERR_MALFORMED };
	}
	if (!any && topic->partition_count > 0)
		list->at[list->count++] = (struct canary){ .topic = topic->name, .partition = topic->partitions[0].index,
							   .node = node, .err = ERR_MALFORMED };
}

static bool listed(const struct metadata_snapshot *s, int32_t node)
{
	for (int i = 0; i < s->broker_count; i++)
		if (s->brokers[i].id == node)
			return true;
	return false;
}

static int canaries_plan(struct cluster *cluster, const struct metadata_snapshot *s, const char *const *ids,
			 int id_count, struct arena *arena, struct canary_list *list, struct fault *fault)
{
	size_t most = (size_t)s->broker_count * (size_t)(s->topic_count + id_count);

	for (int t = 0; t < s->topic_count; t++) {
		if (s->topics[t].error)
			return fault_set(fault, error_code_err(s->topics[t].error), "%s: topic %s: %s", cluster->name,
					 s->topics[t].name, kafka_error_name(s->topics[t].error));
		most += (size_t)s->topics[t].partition_count;
	}
	list->at = arena_array(arena, most, sizeof *list->at);
	if (!list->at)
		return admin_no_memory(cluster, fault);
	for (int b = 0; b < s->broker_count; b++) {
		for (int t = 0; t < s->topic_count; t++)
			topic_plan(&s->topics[t], s->brokers[b].id, list);
		for (int i = 0; i < id_count; i++)
			list->at[list->count++] = (struct canary){ .topic = ids[i], .partition = -1,
								   .node = s->brokers[b].id, .err = ERR_MALFORMED };
	}
	/* A leader that nobody lists cannot be asked; its partition must not be missing from the list. */
	for (int t = 0; t < s->topic_count; t++)
		for (int32_t p = 0; p < s->topics[t].partition_count; p++)
			if (!listed(s, s->topics[t].partitions[p].leader))
				list->at[list->count++] = (struct canary){ .topic = s->topics[t].name,
									   .partition = s->topics[t].partitions[p].index,
									   .node = -1, .err = ERR_NOT_FOUND };
	return 0;
}

int canary_look(struct cluster *cluster, const char *const *topics, int topic_count, const char *const *ids,
		int id_count, int64_t timeout_ms, struct arena *arena, struct canary_list *out, struct fault *fault)
{
	int64_t deadline_ms = cluster_now(cluster) + timeout_ms;
	struct view *names = arena_array(arena, (size_t)topic_count, sizeof *names);
	struct metadata_snapshot snapshot;
	struct canary_list list = { 0 };
	struct flight *flights;
	struct asks asks;
	int flight_count = 0, err = 0;

	if (!names)
		return admin_no_memory(cluster, fault);
	for (int i = 0; i < topic_count; i++)
		names[i] = view_text(topics[i]);
	err = metadata_snapshot(cluster, names, topic_count, timeout_ms, arena, &snapshot, fault);
	if (err == 0)
		err = canaries_plan(cluster, &snapshot, ids, id_count, arena, &list, fault);
	if (err < 0)
		return err;
	flights = arena_array(arena, (size_t)list.count, sizeof *flights);
	if (!flights)
		return admin_no_memory(cluster, fault);
	asks_init(&asks, cluster, deadline_ms - cluster_now(cluster), arena);
	for (int i = 0; i < list.count && err == 0;) { /* the plan goes broker by broker, topics before ids */
		struct flight *flight = &flights[flight_count++];

		*flight = (struct flight){ .at = &list.at[i], .of_id = list.at[i].partition < 0 };
		do
			flight->count++, i++;
		while (!flight->of_id && i < list.count && list.at[i].node == flight->at->node &&
		       list.at[i].partition >= 0);
		if (flight->at->node >= 0)
			err = flight->of_id ? id_ask(&asks, flight) : topics_ask(&asks, flight, timeout_ms);
	}
	int stopped = asks_wait(&asks);
	for (int i = 0; i < asks.count && err == 0; i++)
		err = flight_take(asks.at[i], arena);
	if (err < 0)
		return admin_no_memory(cluster, fault);
	if (stopped < 0)
		return fault_set(fault, stopped, "%s: interrupted", cluster->name);
	for (int i = 0; i < list.count; i++) {
		list.denied += list.at[i].answer == CANARY_DENIED;
		list.allowed += list.at[i].answer == CANARY_ALLOWED;
		list.unknown += list.at[i].answer == CANARY_UNKNOWN;
	}
	if (list.count > 1)
		qsort(list.at, (size_t)list.count, sizeof *list.at, canary_order);
	*out = list;
	return 0;
}
