/*
 * fake_answers.h - three brokers that answer as a test's function says, request by request.
 *
 * Versions and metadata they answer by themselves; every other request is decoded and handed to `answer`, which fills the
 * response (all of its fields are at their defaults) and says what becomes of it.
 */
#ifndef TEST_CLIENT_FAKE_ANSWERS_H
#define TEST_CLIENT_FAKE_ANSWERS_H

#include "client/config.h"
#include "client/cluster.h"
#include "client/fake_broker.h"
#include "client/metadata.h"
#include "wire/kafka_error.h"

#define NODES      3
#define PARTITIONS 4

enum what_next { ANSWER, SILENCE, HANG_UP };

struct answers;
typedef enum what_next answer_fn(struct answers *a, int node, int16_t api_key, const void *request,
				 void *response);

struct answers {
	struct loop *loop;
	struct arena arena; /* of the test's own */
	struct fault fault;
	const struct cluster_config *config;
	struct cluster *cluster;
	struct answers_node {
		struct fake_broker broker;
		struct answers *answers;
		int id;
	} nodes[NODES];
	answer_fn *answer;
	/* One topic; leaders are ids of nodes. */
	int32_t leaders[PARTITIONS], epochs[PARTITIONS];
	int asked[100][NODES + 1]; /* by API and node */
};

static void answers_metadata(struct answers *a, const struct metadata_request *request,
			     struct metadata_response *said, struct arena *arena)
{
	struct metadata_response_broker *brokers = arena_array(arena, NODES, sizeof *brokers);
	struct metadata_response_topic *topic = arena_take(arena, sizeof *topic);
	struct metadata_response_partition *parts = arena_array(arena, PARTITIONS, sizeof *parts);

	said->cluster_id = VIEW_LITERAL("fake");
	said->controller_id = 1;
	said->brokers.at = brokers;
	for (int i = NODES; i-- > 0;) { /* not in order: nobody promises that */
		struct metadata_response_broker *b = &brokers[said->brokers.count++];

		b->node_id = a->nodes[i].id;
		b->host = VIEW_LITERAL("127.0.0.1");
		b->port = a->nodes[i].broker.acceptor.port;
	}
	if (request->topics.count <= 0)
		return;
	said->topics.at = topic;
	said->topics.count = 1;
	topic->name = VIEW_LITERAL("orders");
	topic->topic_authorized_operations = INT32_MIN;
	topic->partitions.at = parts;
	for (int p = 0; p < PARTITIONS; p++) {
		parts[p].partition_index = p;
		parts[p].leader_id = a->leaders[p];
		parts[p].leader_epoch = a->epochs[p];
		topic->partitions.count++;
	}
}

static void answers_answer(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	struct answers_node *node = container_of(peer->broker, struct answers_node, broker);
	struct answers *a = node->answers;
	const struct api *api = api_find(head->api_key);
	enum what_next next = ANSWER;
	struct arena arena;
	void *request, *response;

	if (head->api_key == API_API_VERSIONS) {
		fake_answer_versions(peer, head);
		return;
	}
	arena_init(&arena, 1 << 24);
	request = arena_take(&arena, message_size(api->request));
	response = arena_take(&arena, message_size(api->response));
	if (message_read(api->request, head->api_version, body, &arena, request, NULL) < 0)
		abort();
	message_default(api->response, response);
	a->asked[head->api_key][node->id]++;
	if (head->api_key == API_METADATA)
		answers_metadata(a, request, response, &arena);
	else
		next = a->answer(a, node->id, head->api_key, request, response);
	if (next == ANSWER)
		fake_answer(peer, head, head->api_version, response);
	if (next == HANG_UP)
		fake_hang_up(peer);
	arena_done(&arena);
}

static struct answers *answers_begin(answer_fn *answer)
{
	static struct answers the_answers;
	struct answers *a = &the_answers;
	char text[300];

	memset(a, 0, sizeof *a);
	a->answer = answer;
	arena_init(&a->arena, 1 << 24);
	if (loop_new(&clock_system, 1, &a->loop) < 0)
		abort();
	for (int i = 0; i < NODES; i++) {
		a->nodes[i].answers = a;
		a->nodes[i].id = i + 1;
		fake_open(&a->nodes[i].broker, a->loop, answers_answer);
	}
	for (int p = 0; p < PARTITIONS; p++) {
		a->leaders[p] = p % 2 + 1; /* the third leads nothing */
		a->epochs[p] = 5;
	}
	snprintf(text, sizeof text,
		 "bootstrap.servers=127.0.0.1:%u\nretry.backoff.ms=5\nretry.backoff.max.ms=20\n"
		 "reconnect.backoff.ms=5\nreconnect.backoff.max.ms=20\n",
		 a->nodes[0].broker.acceptor.port);
	if (config_parse(view_text(text), "test", &a->config, &a->fault) < 0 ||
	    cluster_new(a->loop, "source", a->config, &a->cluster, &a->fault) < 0)
		abort();
	return a;
}

static void answers_end(struct answers *a)
{
	cluster_free(a->cluster);
	config_release(a->config);
	for (int i = 0; i < NODES; i++)
		fake_close(&a->nodes[i].broker);
	loop_free(a->loop);
	arena_done(&a->arena);
}

/* The coordinator of everything is the second node. */
static inline bool answers_coordinator(int16_t api_key, const void *request, void *response)
{
	static struct find_coordinator_response_coordinator at[20];
	const struct find_coordinator_request *asked = request;
	struct find_coordinator_response *said = response;

	if (api_key != API_FIND_COORDINATOR)
		return false;
	said->coordinators.at = at;
	for (int i = 0; i < asked->coordinator_keys.count && i < 20; i++) {
		at[i] = (struct find_coordinator_response_coordinator){
			.key = asked->coordinator_keys.at[i]
		};
		at[i].host = VIEW_LITERAL("127.0.0.1");
		at[i].node_id = 2;
		said->coordinators.count++;
	}
	return true;
}

#endif
