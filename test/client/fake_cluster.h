/*
 * fake_cluster.h - a cluster of fake brokers that keep logs: enough of Kafka to be read from, and to misbehave as told.
 *
 * A test makes topics, appends batches, moves leaders, cuts logs, and sets `hurt` to have the next answers go wrong.
 * Everything runs on the test's own loop.
 */
#ifndef TEST_CLIENT_FAKE_CLUSTER_H
#define TEST_CLIENT_FAKE_CLUSTER_H

#include "client/fake_broker.h"
#include "wire/batch.h"
#include "wire/batch_writer.h"
#include "wire/kafka_error.h"

#define FAKE_BROKERS 3
#define FAKE_TOPICS  4
#define FAKE_PARTS   8
#define FAKE_BATCHES 4000

struct fake_batch {
	struct buffer bytes;
	int64_t base, next;
};

struct fake_part {
	int leader; /* index of a broker, -1 for none */
	int32_t epoch;
	int64_t start, end, stable; /* stable -1: the end */
	struct fake_batch *batches; /* FAKE_BATCHES */
	int batch_count;
	int16_t error; /* answered to Fetch until set back */
	int32_t diverging_epoch; /* -1 for none */
	int64_t diverging_end;
	int64_t aborted_producer, aborted_first; /* -1 for none */
	int32_t next_sequence; /* of the one idempotent producer */
	int64_t epoch_end; /* where the epochs before the present one end; -1: at the end */
	int asked; /* times it was in a fetch that was answered */
};

struct fake_topic {
	char name[32];
	struct uuid id;
	bool there, denied;
	int count;
	struct fake_part parts[FAKE_PARTS];
};

struct fake_wanted { /* one partition of a fetch session */
	bool on;
	int topic, part;
	int64_t offset;
	int32_t size, epoch, last_epoch;
};

struct fake_session {
	int32_t id, epoch;
	struct fake_wanted wanted[FAKE_TOPICS * FAKE_PARTS];
	int count;
};

struct fake_cluster;

struct fake_late { /* an answer that waits for its time */
	struct fake_broker_node *node;
	struct fake_peer *peer;
	struct timer *timer;
	struct buffer bytes;
};

struct fake_broker_node {
	struct fake_broker broker;
	struct fake_cluster *cluster;
	int index;
	bool up, silent; /* silent: reads and says nothing, as a stopped process */
	struct fake_session session;
	int fetches, full_fetches, metadatas;
	struct fake_late late;
	/* To go wrong, once each. */
	int16_t hurt_session;	 /* top-level error of the next fetch */
	bool hurt_hang_up;	 /* close the connection instead of answering the next fetch */
	int32_t hurt_throttle;	 /* throttle_time_ms of the next fetch */
	int hurt_any;		 /* so many requests end in a lost connection */
	bool hurt_after_append;	 /* append the next batch, but hang up instead of saying so */
	int16_t hurt_produce;	 /* answered to the next produce, which is not appended */
	int produces;
};

struct fake_cluster {
	struct loop *loop;
	struct fake_broker_node nodes[FAKE_BROKERS];
	int node_count;
	struct fake_topic topics[FAKE_TOPICS];
	int topic_count;
	int16_t fetch_version_most, metadata_version_most; /* 0: the newest */
	int32_t next_session;
	const char *id; /* of the cluster */
	int wait_ms; /* how long an empty fetch waits */
	bool no_sessions;
	int looks; /* how often somebody asked for the metadata */
	bool looked; /* since it was set back */
};

/* ---- logs ---- */

static inline struct fake_part *fake_part_of(struct fake_cluster *c, int topic, int part)
{
	return &c->topics[topic].parts[part];
}

static inline int fake_topic_make(struct fake_cluster *c, const char *name, int count)
{
	int index = c->topic_count++;
	struct fake_topic *topic = &c->topics[index];

	snprintf(topic->name, sizeof topic->name, "%s", name);
	topic->there = true;
	topic->count = count;
	memset(topic->id.bytes, index + 1, sizeof topic->id.bytes);
	for (int p = 0; p < count; p++) {
		topic->parts[p] = (struct fake_part){ .leader = p % c->node_count, .stable = -1 };
		topic->parts[p].diverging_epoch = -1;
		topic->parts[p].epoch_end = -1;
		topic->parts[p].aborted_producer = -1;
		topic->parts[p].batches = calloc(FAKE_BATCHES, sizeof(struct fake_batch));
	}
	return index;
}

/* One batch of `count` records whose values have `size` bytes. */
static inline void fake_append(struct fake_cluster *c, int topic, int part, int count, size_t size)
{
	struct fake_part *p = fake_part_of(c, topic, part);
	struct fake_batch *batch = &p->batches[p->batch_count++];
	struct batch_options options = batch_options_default;
	struct batch_writer writer;
	uint8_t *value = calloc(1, size + 1);

	if (p->batch_count > FAKE_BATCHES)
		abort();
	options.base_offset = p->end;
	options.partition_leader_epoch = p->epoch;
	buffer_init(&batch->bytes, (size_t)1 << 28);
	batch_writer_init(&writer, &options, NULL, (size_t)1 << 28);
	for (int i = 0; i < count; i++)
		if (batch_writer_add(&writer, 1700000000000, VIEW_NULL, view_of(value, size), NULL, 0) < 0)
			abort();
	if (batch_writer_finish(&writer, &batch->bytes) < 0)
		abort();
	batch_writer_done(&writer);
	free(value);
	batch->base = p->end;
	batch->next = p->end += count;
}

/* Forgets the batches from `from` on, as a new leader that never had them. */
static inline void fake_truncate(struct fake_part *p, int64_t from)
{
	while (p->batch_count > 0 && p->batches[p->batch_count - 1].base >= from)
		buffer_done(&p->batches[--p->batch_count].bytes);
	p->end = p->batch_count ? p->batches[p->batch_count - 1].next : p->start;
}

/* ---- answers ---- */

static inline bool fake_alive(struct fake_broker_node *node, struct fake_peer *peer)
{
	LIST_EACH(&node->broker.peers, at)
		if (at == &peer->link)
			return true;
	return false;
}

static inline void fake_metadata(struct fake_broker_node *node, struct fake_peer *peer,
				 const struct request_head *head, const struct metadata_request *request)
{
	struct fake_cluster *c = node->cluster;
	struct metadata_response said;
	struct metadata_response_broker brokers[FAKE_BROKERS];
	struct metadata_response_topic topics[FAKE_TOPICS];
	struct metadata_response_partition parts[FAKE_TOPICS][FAKE_PARTS];
	int32_t nobody[1] = { 1 };

	c->looks++;
	c->looked = true;
	message_default(&metadata_response_message, &said);
	memset(brokers, 0, sizeof brokers);
	memset(topics, 0, sizeof topics);
	memset(parts, 0, sizeof parts);
	node->metadatas++;
	said.cluster_id = view_text(c->id);
	said.controller_id = 1;
	said.brokers.at = brokers;
	for (int i = 0; i < c->node_count; i++) {
		struct metadata_response_broker *b = &brokers[said.brokers.count++];

		b->node_id = i + 1;
		b->host = VIEW_LITERAL("127.0.0.1");
		b->port = c->nodes[i].broker.acceptor.port;
	}
	said.topics.at = topics;
	for (int t = 0; t < (request->topics.count < 0 ? c->topic_count : request->topics.count); t++) {
		struct metadata_response_topic *out = &topics[said.topics.count++];
		struct fake_topic *topic = NULL;

		for (int i = 0; i < c->topic_count; i++)
			if (request->topics.count < 0 ? i == t : view_is(request->topics.at[t].name, c->topics[i].name))
				topic = &c->topics[i];
		out->name = topic ? view_text(topic->name) : request->topics.at[t].name;
		out->topic_authorized_operations = INT32_MIN;
		if (!topic || !topic->there)
			out->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
		else if (topic->denied)
			out->error_code = KAFKA_TOPIC_AUTHORIZATION_FAILED;
		if (out->error_code)
			continue;
		out->topic_id = topic->id;
		out->partitions.at = parts[t];
		for (int p = 0; p < topic->count; p++) {
			struct metadata_response_partition *part = &parts[t][out->partitions.count++];

			part->partition_index = p;
			part->leader_id = topic->parts[p].leader < 0 ? -1 : topic->parts[p].leader + 1;
			part->leader_epoch = topic->parts[p].epoch;
			part->replica_nodes.at = part->isr_nodes.at = nobody;
			part->replica_nodes.count = part->isr_nodes.count = 1;
		}
	}
	fake_answer(peer, head, head->api_version, &said);
}

static inline void fake_offsets(struct fake_broker_node *node, struct fake_peer *peer,
				const struct request_head *head, const struct list_offsets_request *request)
{
	struct fake_cluster *c = node->cluster;
	struct list_offsets_response said;
	struct list_offsets_response_topic topics[FAKE_TOPICS];
	struct list_offsets_response_partition parts[FAKE_TOPICS][FAKE_PARTS];

	message_default(&list_offsets_response_message, &said);
	memset(topics, 0, sizeof topics);
	memset(parts, 0, sizeof parts);
	said.topics.at = topics;
	for (int t = 0; t < request->topics.count; t++) {
		struct list_offsets_response_topic *out = &topics[said.topics.count++];

		out->name = request->topics.at[t].name;
		out->partitions.at = parts[t];
		for (int p = 0; p < request->topics.at[t].partitions.count; p++) {
			struct list_offsets_response_partition *part = &parts[t][out->partitions.count++];
			int32_t index = request->topics.at[t].partitions.at[p].partition_index;
			struct fake_part *log = NULL;

			for (int i = 0; i < c->topic_count; i++)
				if (view_is(out->name, c->topics[i].name) && c->topics[i].there)
					log = &c->topics[i].parts[index];
			part->partition_index = index;
			part->timestamp = part->offset = -1;
			part->leader_epoch = -1;
			if (!log)
				part->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
			else if (log->leader != node->index)
				part->error_code = KAFKA_NOT_LEADER_OR_FOLLOWER;
			else if (request->topics.at[t].partitions.at[p].timestamp == -2)
				part->offset = log->start;
			else
				part->offset = request->isolation_level && log->stable >= 0 ? log->stable : log->end;
		}
	}
	fake_answer(peer, head, head->api_version, &said);
}

static inline void fake_epochs(struct fake_broker_node *node, struct fake_peer *peer, const struct request_head *head,
			       const struct offset_for_leader_epoch_request *request)
{
	struct offset_for_leader_epoch_response said;
	struct offset_for_leader_epoch_response_topic topic = { .topic = request->topics.at[0].topic };
	struct offset_for_leader_epoch_response_partition part = { 0 };
	struct fake_part *log =
		fake_part_of(node->cluster, 0, request->topics.at[0].partitions.at[0].partition);

	message_default(&offset_for_leader_epoch_response_message, &said);
	said.topics.at = &topic;
	said.topics.count = 1;
	topic.partitions.at = &part;
	topic.partitions.count = 1;
	part.partition = request->topics.at[0].partitions.at[0].partition;
	part.leader_epoch = request->topics.at[0].partitions.at[0].leader_epoch;
	part.end_offset = log->epoch_end >= 0 ? log->epoch_end : log->end;
	fake_answer(peer, head, head->api_version, &said);
}

/* What is asked for becomes the session's, as KIP-227 has it. */
static inline void fake_session_take(struct fake_broker_node *node, const struct fetch_request *request,
				     int16_t version)
{
	struct fake_cluster *c = node->cluster;
	struct fake_session *s = &node->session;

	if (request->session_epoch <= 0) {
		memset(s, 0, sizeof *s);
		node->full_fetches++;
	}
	for (int t = 0; t < request->topics.count; t++) {
		for (int p = 0; p < request->topics.at[t].partitions.count; p++) {
			const struct fetch_request_partition *in = &request->topics.at[t].partitions.at[p];
			int topic = -1, at = -1;

			for (int i = 0; i < c->topic_count; i++)
				if (version >= 13 ? memcmp(&c->topics[i].id, &request->topics.at[t].topic_id, 16) == 0
						  : view_is(request->topics.at[t].topic, c->topics[i].name))
					topic = i;
			for (int w = 0; w < s->count; w++)
				if (s->wanted[w].topic == topic && s->wanted[w].part == in->partition)
					at = w;
			if (topic < 0)
				continue; /* tests of unknown ids look at the metadata instead */
			if (at < 0)
				at = s->count++;
			s->wanted[at] = (struct fake_wanted){ true, topic, in->partition, in->fetch_offset,
							      in->partition_max_bytes, in->current_leader_epoch,
							      in->last_fetched_epoch };
		}
	}
	for (int t = 0; t < request->forgotten_topics_data.count; t++)
		for (int p = 0; p < request->forgotten_topics_data.at[t].partitions.count; p++)
			for (int w = 0; w < s->count; w++)
				if (s->wanted[w].part == request->forgotten_topics_data.at[t].partitions.at[p] &&
				    (version >= 13 ? memcmp(&c->topics[s->wanted[w].topic].id,
							    &request->forgotten_topics_data.at[t].topic_id, 16) == 0
						   : view_is(request->forgotten_topics_data.at[t].topic,
							     c->topics[s->wanted[w].topic].name)))
					s->wanted[w].on = false;
}

/* The bytes of one partition: whole batches up to the limits, but at least one when nothing else was had. */
static inline void fake_read(struct fake_part *log, const struct fake_wanted *w, size_t *left, bool *any,
			     struct buffer *pool, size_t *at, size_t *size)
{
	size_t limit = (size_t)w->size < *left ? (size_t)w->size : *left;

	*at = pool->size;
	for (int b = 0; b < log->batch_count; b++) {
		struct fake_batch *batch = &log->batches[b];
		size_t have = pool->size - *at;

		if (batch->next <= w->offset || batch->next <= log->start)
			continue;
		if (have + batch->bytes.size > limit && (*any || have))
			break;
		buffer_put(pool, batch->bytes.at, batch->bytes.size);
		*any = true;
	}
	*size = pool->size - *at;
	*left -= *size < *left ? *size : *left;
}

static inline void fake_late_send(void *owner)
{
	struct fake_late *late = owner;

	if (late->peer && fake_alive(late->node, late->peer) && !late->node->silent)
		fake_raw(late->peer, late->bytes.at, late->bytes.size);
	late->peer = NULL;
	buffer_reset(&late->bytes);
}

static inline void fake_fetch(struct fake_broker_node *node, struct fake_peer *peer,
			      const struct request_head *head, const struct fetch_request *request)
{
	struct fake_cluster *c = node->cluster;
	struct fake_session *s = &node->session;
	struct fetch_response said;
	struct fetch_response_topic topics[FAKE_TOPICS * FAKE_PARTS];
	struct fetch_response_partition parts[FAKE_TOPICS * FAKE_PARTS];
	struct fetch_response_aborted_transaction aborted[FAKE_TOPICS * FAKE_PARTS];
	size_t at[FAKE_TOPICS * FAKE_PARTS], left = (size_t)request->max_bytes;
	struct fake_wanted moved[FAKE_TOPICS * FAKE_PARTS];
	struct buffer pool;
	bool any = false, errors = false;
	int moved_count = 0, kept = 0;

	node->fetches++;
	if (node->hurt_hang_up) {
		node->hurt_hang_up = false;
		fake_hang_up(peer);
		return;
	}
	message_default(&fetch_response_message, &said);
	said.throttle_time_ms = node->hurt_throttle;
	node->hurt_throttle = 0;
	if (node->hurt_session || (request->session_epoch > 0 && (request->session_id != s->id || s->id == 0))) {
		said.error_code = node->hurt_session ? node->hurt_session : KAFKA_FETCH_SESSION_ID_NOT_FOUND;
		node->hurt_session = 0;
		memset(s, 0, sizeof *s);
		fake_answer(peer, head, head->api_version, &said);
		return;
	}
	if (request->session_epoch > 0 && request->session_epoch != s->epoch) {
		said.error_code = KAFKA_INVALID_FETCH_SESSION_EPOCH;
		fake_answer(peer, head, head->api_version, &said);
		return;
	}
	fake_session_take(node, request, head->api_version);
	if (request->session_epoch == 0 && !c->no_sessions)
		s->id = ++c->next_session;
	s->epoch = request->session_epoch + 1;
	said.session_id = c->no_sessions ? 0 : s->id;
	said.responses.at = topics;
	memset(topics, 0, sizeof topics);
	memset(parts, 0, sizeof parts);
	buffer_init(&pool, (size_t)1 << 28);
	for (int w = 0; w < s->count; w++) {
		struct fake_wanted *wanted = &s->wanted[w];
		struct fake_topic *topic = &c->topics[wanted->topic];
		struct fake_part *log = &topic->parts[wanted->part];
		int i = said.responses.count;
		struct fetch_response_partition *out = &parts[i];
		size_t size = 0;

		if (!wanted->on)
			continue;
		said.responses.count = i + 1;
		topics[i].topic = view_text(topic->name);
		topics[i].topic_id = topic->id;
		topics[i].partitions.at = out;
		topics[i].partitions.count = 1;
		out->partition_index = wanted->part;
		out->diverging_epoch.epoch = -1;
		out->diverging_epoch.end_offset = -1;
		out->current_leader.leader_id = out->current_leader.leader_epoch = -1;
		out->snapshot_id.end_offset = -1;
		out->snapshot_id.epoch = -1;
		out->preferred_read_replica = -1;
		out->high_watermark = out->last_stable_offset = out->log_start_offset = -1;
		out->aborted_transactions.count = -1;
		at[i] = 0;
		log->asked++;
		if (log->error || log->leader != node->index || !topic->there)
			out->error_code = log->error	  ? log->error
					  : !topic->there ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION
							  : KAFKA_NOT_LEADER_OR_FOLLOWER;
		else if (wanted->epoch >= 0 && wanted->epoch < log->epoch)
			out->error_code = KAFKA_FENCED_LEADER_EPOCH;
		else if (wanted->offset < log->start || wanted->offset > log->end)
			out->error_code = KAFKA_OFFSET_OUT_OF_RANGE;
		if (out->error_code) {
			errors = true;
			s->wanted[kept++] = *wanted;
			continue;
		}
		out->high_watermark = log->end;
		out->last_stable_offset = log->stable >= 0 ? log->stable : log->end;
		out->log_start_offset = log->start;
		if (log->diverging_epoch >= 0) {
			out->diverging_epoch.epoch = log->diverging_epoch;
			out->diverging_epoch.end_offset = log->diverging_end;
			errors = true;
		} else {
			fake_read(log, wanted, &left, &any, &pool, &at[i], &size);
		}
		if (log->aborted_producer >= 0 && request->isolation_level) {
			aborted[i].producer_id = log->aborted_producer;
			aborted[i].first_offset = log->aborted_first;
			memset(&aborted[i].tags, 0, sizeof aborted[i].tags);
			out->aborted_transactions.at = &aborted[i];
			out->aborted_transactions.count = 1;
		}
		out->records.size = size;
		if (size)
			moved[moved_count++] = *wanted;
		else
			s->wanted[kept++] = *wanted;
	}
	for (int m = 0; m < moved_count; m++) /* who got something stands last the next time */
		s->wanted[kept++] = moved[m];
	s->count = kept;
	for (int i = 0; i < said.responses.count; i++)
		parts[i].records = view_of((pool.at ? pool.at : (uint8_t *)"") + at[i], parts[i].records.size);
	if (any || errors || said.throttle_time_ms) {
		fake_answer(peer, head, head->api_version, &said);
	} else {
		node->late.node = node;
		node->late.peer = peer;
		buffer_reset(&node->late.bytes);
		fake_encode(head, head->api_version, &said, &node->late.bytes);
		timer_start(node->late.timer, c->wait_ms);
	}
	buffer_done(&pool);
}

static inline void fake_producer_id(struct fake_peer *peer, const struct request_head *head)
{
	struct init_producer_id_response said;

	message_default(&init_producer_id_response_message, &said);
	said.producer_id = 4711;
	said.producer_epoch = 0;
	fake_answer(peer, head, head->api_version, &said);
}

/* Appends, and holds sequences against what it has, as the leader of an idempotent producer does. */
static inline void fake_produce(struct fake_broker_node *node, struct fake_peer *peer, const struct request_head *head,
				const struct produce_request *request)
{
	struct fake_cluster *c = node->cluster;
	struct produce_response said;
	struct produce_response_topic topic = { .name = request->topic_data.at[0].name };
	struct produce_response_partition part = { .log_append_time_ms = -1, .log_start_offset = -1, .base_offset = -1 };
	const struct produce_request_partition *in = &request->topic_data.at[0].partition_data.at[0];
	struct fake_part *log = fake_part_of(c, 0, in->index);
	struct view left = in->records;
	struct batch batch;

	node->produces++;
	message_default(&produce_response_message, &said);
	said.responses.at = &topic;
	said.responses.count = 1;
	topic.partition_responses.at = &part;
	topic.partition_responses.count = 1;
	part.index = in->index;
	part.current_leader.leader_id = part.current_leader.leader_epoch = -1;
	if (node->hurt_produce) {
		part.error_code = node->hurt_produce;
		node->hurt_produce = 0;
	} else if (log->leader != node->index) {
		part.error_code = KAFKA_NOT_LEADER_OR_FOLLOWER;
	} else if (batch_next(&left, &batch) != 1 || batch_check(&batch, NULL) < 0) {
		part.error_code = KAFKA_INVALID_RECORD;
	} else if (batch.head.producer_id >= 0 && batch.head.base_sequence < log->next_sequence) {
		part.error_code = KAFKA_DUPLICATE_SEQUENCE_NUMBER;
	} else if (batch.head.producer_id >= 0 && batch.head.base_sequence > log->next_sequence) {
		part.error_code = KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
	} else {
		part.base_offset = log->end;
		log->end += batch.head.count;
		log->next_sequence += batch.head.count;
	}
	if (node->hurt_after_append) {
		node->hurt_after_append = false;
		fake_hang_up(peer);
	} else if (request->acks != 0) {
		fake_answer(peer, head, head->api_version, &said);
	}
}

static void fake_cluster_answer(struct fake_peer *peer, const struct request_head *head, struct view body)
{
	struct fake_broker_node *node = container_of(peer->broker, struct fake_broker_node, broker);
	struct fake_cluster *c = node->cluster;
	const struct api *api = api_find(head->api_key);
	struct arena arena;
	struct fault fault;
	void *request;

	if (node->silent)
		return;
	if (node->hurt_any > 0 && head->api_key != API_API_VERSIONS) {
		node->hurt_any--;
		fake_hang_up(peer);
		return;
	}
	if (head->api_key == API_API_VERSIONS) {
		struct api_versions_response_api_key keys[7] = {
			{ API_API_VERSIONS, 0, 4 },
			{ API_METADATA, 0, c->metadata_version_most ? c->metadata_version_most : 13 },
			{ API_FETCH, 4, c->fetch_version_most ? c->fetch_version_most : 17 },
			{ API_LIST_OFFSETS, 1, 9 },
			{ API_OFFSET_FOR_LEADER_EPOCH, 2, 4 },
			{ API_PRODUCE, 3, 11 },
			{ API_INIT_PRODUCER_ID, 0, 5 },
		};
		struct api_versions_response said;

		message_default(&api_versions_response_message, &said);
		said.api_keys.at = keys;
		said.api_keys.count = 7;
		fake_answer(peer, head, head->api_version, &said);
		return;
	}
	arena_init(&arena, 1 << 24);
	request = arena_take(&arena, message_size(api->request));
	if (message_read(api->request, head->api_version, body, &arena, request, &fault) < 0)
		abort();
	if (head->api_key == API_METADATA)
		fake_metadata(node, peer, head, request);
	else if (head->api_key == API_LIST_OFFSETS)
		fake_offsets(node, peer, head, request);
	else if (head->api_key == API_OFFSET_FOR_LEADER_EPOCH)
		fake_epochs(node, peer, head, request);
	else if (head->api_key == API_PRODUCE)
		fake_produce(node, peer, head, request);
	else if (head->api_key == API_INIT_PRODUCER_ID)
		fake_producer_id(peer, head);
	else if (head->api_key == API_FETCH)
		fake_fetch(node, peer, head, request);
	else
		abort();
	arena_done(&arena);
}

static inline void fake_cluster_open(struct fake_cluster *c, struct loop *loop, int nodes)
{
	memset(c, 0, sizeof *c);
	c->loop = loop;
	c->node_count = nodes;
	c->id = "fake";
	c->wait_ms = 10;
	for (int i = 0; i < nodes; i++) {
		c->nodes[i].cluster = c;
		c->nodes[i].index = i;
		c->nodes[i].up = true;
		fake_open(&c->nodes[i].broker, loop, fake_cluster_answer);
		buffer_init(&c->nodes[i].late.bytes, (size_t)1 << 28);
		if (timer_new(loop, fake_late_send, &c->nodes[i].late, &c->nodes[i].late.timer) < 0)
			abort();
	}
}

/* As a crash: every connection is gone, and no new one is taken. */
static inline void fake_cluster_kill(struct fake_cluster *c, int index)
{
	if (!c->nodes[index].up)
		return;
	c->nodes[index].up = false;
	c->nodes[index].late.peer = NULL;
	fake_close(&c->nodes[index].broker);
}

static inline void fake_cluster_close(struct fake_cluster *c)
{
	for (int i = 0; i < c->node_count; i++) {
		fake_cluster_kill(c, i);
		timer_free(c->nodes[i].late.timer);
		buffer_done(&c->nodes[i].late.bytes);
	}
	for (int t = 0; t < c->topic_count; t++) {
		for (int p = 0; p < c->topics[t].count; p++) {
			struct fake_part *part = &c->topics[t].parts[p];

			for (int b = 0; b < part->batch_count; b++)
				buffer_done(&part->batches[b].bytes);
			free(part->batches);
		}
	}
}

#endif
