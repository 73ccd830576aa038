/*
 * sim_clients.c - what clients do: plain idempotent writers with several requests under way, transactional ones of both
 * versions with positions in their transactions, one that commits positions only, and readers of committed records.
 *
 * Each does what a patient client does: an error that may pass is asked again, a connection that is gone comes back, and a
 * transaction whose end is not known is ended by a new epoch.
 */
#include "sim.h"

#include "wire/control.h"
#include "wire/record.h"
#include "words.h"

enum {
	STATE_INIT,
	STATE_BEGIN,
	STATE_ADD,
	STATE_PRODUCE,
	STATE_ADD_GROUP,
	STATE_POSITION,
	STATE_END,
	STATE_REST,
	STATE_COMMIT,
	STATE_LOOK,
};

#define TOPIC VIEW_LITERAL("orders")

/* ---- frames */

void client_answered(struct client *client, struct view frame)
{
	assert(client->answer_count < client->asked_count);
	client->answers[client->answer_count++] = arena_copy(&client->arena, frame);
}

void client_init(struct client *client, struct world *world, enum client_kind kind, int32_t number)
{
	*client = (struct client){ .world = world, .kind = kind, .number = number, .producer_id = -1 };
	client->two = number % 2;
	client->state = kind == CLIENT_COMMITTER ? STATE_COMMIT
			: kind == CLIENT_READER  ? STATE_LOOK
						 : STATE_INIT;
	if (kind == CLIENT_MEMBER || kind == CLIENT_NEW_MEMBER)
		member_init(client);
}

void client_connect(struct client *client)
{
	net_connect(client);
	arena_init(&client->arena, (size_t)64 << 20);
}

static void forget(struct client *client)
{
	arena_done(&client->arena);
	client->asked_count = client->answer_count = 0;
}

void client_drop(struct client *client)
{
	if (!client->wire)
		return;
	net_break(client);
	forget(client);
}

/*
 * What a stray request does is only the broker's to answer for where the protocol lets it see that it is old: by a sequence, or
 * by the epoch of each transaction (KIP-890).  A position that was sent before another one and arrives behind it is neither.  Who
 * asks to join, and has not heard the answer, is a generation behind.
 */
static bool may_stray(const struct client *client)
{
	if (client->kind == CLIENT_MEMBER)
		return client->asked_count == 1 && client->asked[0].api == API_JOIN_GROUP;
	for (int i = 0; i < client->asked_count; i++)
		if (client->asked[i].api != API_PRODUCE && client->asked[i].api != API_FETCH &&
		    client->asked[i].api != API_OFFSET_FETCH &&
		    client->asked[i].api != API_INIT_PRODUCER_ID && !client->two)
			return false;
	return client->kind < CLIENT_COMMITTER || client->kind > CLIENT_NEW_MEMBER;
}

void client_leave(struct client *client)
{
	if (!client->wire || !may_stray(client)) {
		client_drop(client);
		return;
	}
	net_leave(client);
	forget(client);
}

static void ask(struct client *client, int16_t key, int16_t version, const void *request, struct asked asked)
{
	struct request_head head = { .api_key = key,
				     .api_version = version,
				     .correlation_id = client->correlation++,
				     .client_id = VIEW_LITERAL("sim") };
	struct buffer frame;
	struct fault fault = { 0 };

	asked.api = key;
	asked.version = version;
	assert(client->asked_count < ASKED_MAX);
	client->asked[client->asked_count++] = asked;
	buffer_init(&frame, 1 << 20);
	buffer_i32(&frame, 0);
	if (request_head_write(&head, &frame) < 0 ||
	    message_write(api_find(key)->request, version, request, &frame, &fault) < 0)
		abort();
	frame.at[0] = (uint8_t)((frame.size - 4) >> 24);
	frame.at[1] = (uint8_t)((frame.size - 4) >> 16);
	frame.at[2] = (uint8_t)((frame.size - 4) >> 8);
	frame.at[3] = (uint8_t)(frame.size - 4);
	net_send(client, buffer_bytes(&frame));
	buffer_done(&frame);
}

void client_ask_about(struct client *client, int16_t key, int16_t version, const void *request,
		      struct asked asked)
{
	ask(client, key, version, request, asked);
}

void client_ask(struct client *client, int16_t key, int16_t version, const void *request)
{
	ask(client, key, version, request, (struct asked){ 0 });
}

/* The oldest answer, read; false when there is none. */
static bool answer_take(struct client *client, struct asked *asked, void *out)
{
	struct cursor c;
	struct fault fault = { 0 };
	int32_t id;

	if (!client->answer_count)
		return false;
	c = cursor_over(client->answers[0]);
	*asked = client->asked[0];
	client->asked_count--;
	client->answer_count--;
	memmove(client->asked, client->asked + 1, (size_t)client->asked_count * sizeof *client->asked);
	memmove(client->answers, client->answers + 1, (size_t)client->answer_count * sizeof *client->answers);
	if (response_head_read(api_find(asked->api), asked->version, &c, &client->arena, &id, &fault) < 0 ||
	    message_read(api_find(asked->api)->response, asked->version, view_of(c.at, cursor_left(&c)),
			 &client->arena, out, &fault) < 0) {
		world_broken(client->world, "an answer of api %d that cannot be read: %s", asked->api,
			     fault.text);
		return false;
	}
	return true;
}

static struct view name_of(struct client *client)
{
	static char names[CLIENTS][16];

	snprintf(names[client->number], sizeof names[0], "client-%d", client->number);
	return view_text(names[client->number]);
}

static int32_t some_partition(struct client *client)
{
	return (int32_t)random_below(&client->world->random, WORLD_PARTITIONS);
}

/* ---- requests */

static void ask_init(struct client *client)
{
	struct init_producer_id_request request;

	message_default(&init_producer_id_request_message, &request);
	request.transactional_id = client->kind == CLIENT_TRANSACTOR ? name_of(client) : VIEW_NULL;
	request.transaction_timeout_ms = client->number == 3 ? 1500 : 60000;
	ask(client, API_INIT_PRODUCER_ID, 4, &request, (struct asked){ 0 });
}

static struct words_producer producer_of(struct client *client)
{
	return (struct words_producer){ name_of(client), client->producer_id, client->epoch };
}

static void ask_add(struct client *client)
{
	struct add_partitions_to_txn_request request =
		words_add(&client->arena, producer_of(client), TOPIC, client->pending_partition);

	ask(client, API_ADD_PARTITIONS_TO_TXN, 3, &request, (struct asked){ 0 });
}

static void ask_produce(struct client *client, uint32_t number, int32_t partition, int32_t sequence)
{
	struct batch_options options = batch_options_default;
	struct produce_request request;
	char text[16], key[16];

	options.producer_id = client->producer_id;
	options.producer_epoch = client->epoch;
	options.base_sequence = sequence;
	options.transactional = client->kind == CLIENT_TRANSACTOR;
	snprintf(text, sizeof text, "%u", number);
	snprintf(key, sizeof key, "key-%u", value_key(number));
	request = words_produce(&client->arena, TOPIC, partition,
				words_batch(&client->arena, &options, clock_wall_ms(&client->world->clock),
					    view_text(key), view_text(text)));
	request.transactional_id = options.transactional ? name_of(client) : VIEW_NULL;
	ask(client, API_PRODUCE, client->two ? 12 : 9, &request,
	    (struct asked){ .value = number, .partition = partition, .deed = client->deed });
}

static void ask_add_group(struct client *client)
{
	struct add_offsets_to_txn_request request = words_add_group(producer_of(client), name_of(client));

	ask(client, API_ADD_OFFSETS_TO_TXN, 3, &request, (struct asked){ 0 });
}

static void ask_position(struct client *client)
{
	struct txn_offset_commit_request request = words_txn_commit(
		&client->arena, producer_of(client), name_of(client), TOPIC, 0, client->position);

	client->position_sent = client->position;
	client->positioned = true;
	assert(client->position < WORLD_POSITIONS_MAX);
	ask(client, API_TXN_OFFSET_COMMIT, client->two ? 5 : 3, &request, (struct asked){ 0 });
}

static void ask_end(struct client *client)
{
	struct end_txn_request request = words_end(producer_of(client), client->commits);

	ask(client, API_END_TXN, client->two ? 5 : 3, &request, (struct asked){ 0 });
}

static void ask_commit(struct client *client)
{
	struct offset_commit_request request = words_commit(&client->arena, name_of(client), VIEW_LITERAL(""),
							    -1, TOPIC, 0, client->position);

	client->position_sent = client->position;
	assert(client->position < WORLD_POSITIONS_MAX);
	ask(client, API_OFFSET_COMMIT, 8, &request, (struct asked){ 0 });
}

static void ask_look(struct client *client)
{
	struct offset_fetch_request request = words_position(&client->arena, name_of(client), TOPIC, 0, true);

	ask(client, API_OFFSET_FETCH, 7, &request, (struct asked){ 0 });
}

static void ask_fetch(struct client *client)
{
	struct fetch_request request;
	int32_t partition = some_partition(client);

	message_default(&fetch_request_message, &request);
	request.session_epoch = -1;
	request.isolation_level = 1;
	request.max_wait_ms = 50;
	request.min_bytes = 1;
	request.max_bytes = 1 << 20;
	request.topics.at = shape_array(&fetch_request_topic_shape, &client->arena, 1);
	request.topics.count = 1;
	request.topics.at[0].topic = TOPIC;
	request.topics.at[0].partitions.at = shape_array(&fetch_request_partition_shape, &client->arena, 1);
	request.topics.at[0].partitions.count = 1;
	request.topics.at[0].partitions.at[0].partition = partition;
	request.topics.at[0].partitions.at[0].fetch_offset = client->offsets[partition];
	request.topics.at[0].partitions.at[0].partition_max_bytes =
		(int32_t)(200 + random_below(&client->world->random, 3000));
	ask(client, API_FETCH, 11, &request, (struct asked){ .partition = partition });
}

/* ---- answers */

/* A transaction's end as far as this client will ever know it. */
static void deed_ends(struct client *client, enum fate fate)
{
	struct deed *deed = &client->world->deeds[client->deed];

	if (deed->fate == FATE_OPEN)
		deed->fate = fate;
	world_totals.committed += fate == FATE_KEPT;
	world_totals.aborted += fate == FATE_GONE;
	world_totals.unknown += fate == FATE_UNKNOWN;
	world_note(client->world, "client %d: transaction %u %s", client->number, client->deed,
		   fate == FATE_KEPT   ? "committed"
		   : fate == FATE_GONE ? "aborted"
				       : "unknown");
	/* Only what is known to be committed binds; what was sent may show. */
	if (client->positioned && fate == FATE_KEPT)
		client->position_kept = client->position;
	if (client->positioned && fate == FATE_GONE)
		client->position_gone[client->position] = true;
	client->positioned = false;
}

/* Whatever was open is ended by the next epoch. */
static void begin_anew(struct client *client)
{
	if (client->state >= STATE_ADD && client->state <= STATE_END)
		deed_ends(client, client->state == STATE_END && client->commits ? FATE_UNKNOWN : FATE_GONE);
	client->state = STATE_INIT;
}

static void init_answered(struct client *client, const struct init_producer_id_response *in)
{
	if (in->error_code)
		return;
	client->producer_id = in->producer_id;
	client->epoch = in->producer_epoch;
	memset(client->sequence, 0, sizeof client->sequence);
	memset(client->known, 0, sizeof client->known);
	client->state = client->kind == CLIENT_TRANSACTOR ? STATE_BEGIN : STATE_PRODUCE;
}

static void next_of_transaction(struct client *client)
{
	if (--client->left > 0) {
		client->pending_partition = some_partition(client);
		client->pending_count = 0;
		client->state = client->two ? STATE_PRODUCE : STATE_ADD;
	} else if (random_below(&client->world->random, 3) == 0) {
		client->position = client->position_sent + 1;
		client->state = client->two ? STATE_POSITION : STATE_ADD_GROUP;
	} else {
		client->state = STATE_END;
	}
}

/* True when it is to be asked again as it was. */
static bool again(struct client *client, int16_t error)
{
	if (error && !kafka_error_retriable(error)) {
		world_note(client->world, "client %d: %s in state %d", client->number,
			   kafka_error_name(error), client->state);
		begin_anew(client);
	}
	return error != 0;
}

static void produced(struct client *client, const struct asked *asked, const struct produce_response *in)
{
	const struct produce_response_partition *part = &in->responses.at[0].partition_responses.at[0];
	struct world *world = client->world;

	world_note(world, "client %d: value %u: %s at %lld", client->number, asked->value,
		   kafka_error_name(part->error_code), (long long)part->base_offset);
	if (client->kind == CLIENT_TRANSACTOR) {
		if (again(client, part->error_code))
			return;
		value_acknowledged(world, asked->value, part->base_offset);
		client->sequence[asked->partition]++;
		next_of_transaction(client);
		return;
	}
	/* What was sent behind one that failed has a gap before it: all of it goes again, in order. */
	if (part->error_code) {
		if (!kafka_error_retriable(part->error_code) &&
		    part->error_code != KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER)
			world_broken(world, "value %u of client %d: %s", asked->value, client->number,
				     kafka_error_name(part->error_code));
		client->left = 1; /* something is to be sent again */
		return;
	}
	for (int i = 0; i < client->pending_count; i++)
		if (client->pending[i] == asked->value) {
			value_acknowledged(world, asked->value, part->base_offset);
			world->deeds[world->values[asked->value].deed].fate = FATE_KEPT;
			client->known[asked->partition] = true;
			client->pending_count--;
			memmove(client->pending + i, client->pending + i + 1,
				(size_t)(client->pending_count - i) * sizeof *client->pending);
			memmove(client->pending_sequence + i, client->pending_sequence + i + 1,
				(size_t)(client->pending_count - i) * sizeof *client->pending_sequence);
		}
}

static void ended(struct client *client, const struct end_txn_response *in)
{
	if (again(client, in->error_code))
		return;
	deed_ends(client, client->commits ? FATE_KEPT : FATE_GONE);
	if (client->two && (in->producer_id != client->producer_id || in->producer_epoch != client->epoch)) {
		client->producer_id = in->producer_id;
		client->epoch = in->producer_epoch;
		memset(client->sequence, 0, sizeof client->sequence);
	}
	client->state = STATE_REST;
}

static bool is_aborted(const struct fetch_response_partition *part, const struct batch_head *head,
		       bool *ended)
{
	for (int32_t i = 0; i < part->aborted_transactions.count; i++)
		if (part->aborted_transactions.at[i].producer_id == head->producer_id &&
		    part->aborted_transactions.at[i].first_offset <= head->base_offset && !ended[i])
			return true;
	return false;
}

/* An abort marker ends the oldest aborted range of its producer. */
static void marker_seen(const struct fetch_response_partition *part, const struct batch_head *head,
			bool *ended)
{
	for (int32_t i = 0; i < part->aborted_transactions.count; i++)
		if (part->aborted_transactions.at[i].producer_id == head->producer_id && !ended[i] &&
		    part->aborted_transactions.at[i].first_offset <= head->base_offset) {
			ended[i] = true;
			return;
		}
}

static void read_batch(struct client *client, int32_t partition, const struct batch *batch,
		       const struct records *records)
{
	struct record_walk walk;
	struct record_span span;
	struct record record;
	char text[16];

	record_walk_init(&walk, records);
	while (record_walk_next(&walk, &span, 1) == 1) {
		int64_t offset = record_offset(&walk, &span);

		if (offset < client->offsets[partition])
			continue; /* the batch began before */
		if (record_split(view_of(span.at, span.size), &record) < 0 ||
		    record.value.size >= sizeof text) {
			world_broken(client->world, "a record that nobody wrote at %lld", (long long)offset);
			return;
		}
		snprintf(text, sizeof text, "%.*s", (int)record.value.size, (const char *)record.value.at);
		value_seen(client->world, (uint32_t)strtoul(text, NULL, 10), partition, offset);
	}
}

/* Who reads below the start of the log goes on there. */
static bool start_moved(struct client *client, int32_t partition)
{
	int64_t start = world_start(client->world, partition);

	if (client->offsets[partition] >= start)
		return false;
	client->offsets[partition] = start;
	return true;
}

static void fetched(struct client *client, const struct asked *asked, const struct fetch_response *in)
{
	const struct fetch_response_partition *part;
	bool over[256] = { 0 };
	struct buffer inflated;
	struct view bytes;
	struct batch batch;

	if (in->error_code || in->responses.count != 1)
		return;
	part = &in->responses.at[0].partitions.at[0];
	if (part->error_code == KAFKA_OFFSET_OUT_OF_RANGE && start_moved(client, asked->partition))
		return;
	if (client->world->rotten &&
	    (part->error_code == KAFKA_CORRUPT_MESSAGE || part->error_code == KAFKA_KAFKA_STORAGE_ERROR)) {
		client->world->refused[asked->partition] = true;
		return;
	}
	if (part->error_code) {
		if (!kafka_error_retriable(part->error_code))
			world_broken(client->world, "reading %d at %lld: %s", asked->partition,
				     (long long)client->offsets[asked->partition],
				     kafka_error_name(part->error_code));
		return;
	}
	if (part->aborted_transactions.count > 256) {
		world_broken(client->world, "%d aborted transactions in one answer",
			     part->aborted_transactions.count);
		return;
	}
	buffer_init(&inflated, 1 << 20);
	bytes = part->records;
	while (batch_next(&bytes, &batch) > 0) {
		struct records records;
		struct control control;

		if (batch_check(&batch, NULL) < 0 ||
		    batch_open(&batch, client->world->inflater, &inflated, &records, NULL) < 0)
			world_broken(client->world, "a batch that cannot be read at %lld",
				     (long long)batch.head.base_offset);
		else if (batch.head.control && control_of(&records, &control) == 0 &&
			 control.type == CONTROL_ABORT)
			marker_seen(part, &batch.head, over);
		else if (!batch.head.control &&
			 !(batch.head.transactional && is_aborted(part, &batch.head, over)))
			read_batch(client, asked->partition, &batch, &records);
		client->offsets[asked->partition] = batch_last_offset(&batch.head) + 1;
	}
	buffer_done(&inflated);
}

static void deleted(struct client *client, const struct delete_records_response *in)
{
	const struct delete_records_response_partition *part = &in->topics.at[0].partitions.at[0];
	int64_t *kept = &client->world->start_kept[part->partition_index];

	world_note(client->world, "client %d: deleted below %lld of %d: %s", client->number,
		   (long long)part->low_watermark, part->partition_index, kafka_error_name(part->error_code));
	if (part->error_code)
		return;
	world_totals.deleted++;
	*kept = part->low_watermark > *kept ? part->low_watermark : *kept;
}

static void take_answers(struct client *client)
{
	struct asked asked;
	union any in;

	while (answer_take(client, &asked, &in)) {
		if (client->kind == CLIENT_MEMBER || client->kind == CLIENT_NEW_MEMBER) {
			member_answered(client, &asked, &in);
			continue;
		}
		switch (asked.api) {
		case API_INIT_PRODUCER_ID: init_answered(client, &in.init); break;
		case API_ADD_PARTITIONS_TO_TXN:
			if (!again(client, in.add.results_by_topic_v3_and_below.at[0]
						   .results_by_partition.at[0]
						   .partition_error_code))
				client->state = STATE_PRODUCE;
			break;
		case API_PRODUCE: produced(client, &asked, &in.produce); break;
		case API_ADD_OFFSETS_TO_TXN:
			if (!again(client, in.add_group.error_code))
				client->state = STATE_POSITION;
			break;
		case API_TXN_OFFSET_COMMIT:
			if (!again(client, in.position.topics.at[0].partitions.at[0].error_code))
				client->state = STATE_END;
			break;
		case API_END_TXN: ended(client, &in.end); break;
		case API_OFFSET_COMMIT:
			if (!in.commit.topics.at[0].partitions.at[0].error_code) {
				client->position_kept = client->position;
				client->state = STATE_REST;
			}
			break;
		case API_OFFSET_FETCH:
			if (!in.look.error_code && !in.look.topics.at[0].partitions.at[0].error_code)
				position_seen(
					client,
					in.look.topics.at[0].partitions.at[0].committed_offset < 0
						? 0
						: in.look.topics.at[0].partitions.at[0].committed_offset);
			client->state = client->kind == CLIENT_COMMITTER ? STATE_REST : client->state;
			break;
		case API_FETCH: fetched(client, &asked, &in.fetch); break;
		case API_DELETE_RECORDS: deleted(client, &in.deleted); break;
		default: break;
		}
	}
}

/* ---- what comes next */

static void writer_step(struct client *client)
{
	struct world *world = client->world;

	if (client->state == STATE_INIT) {
		if (!client->asked_count)
			ask_init(client);
		return;
	}
	if (!client->asked_count && client->pending_count && client->left) {
		client->left = 0;
		for (int i = 0; i < client->pending_count; i++)
			ask_produce(client, client->pending[i], client->pending_partition,
				    client->pending_sequence[i]);
		return;
	}
	if (client->left || client->pending_count == ASKED_MAX || client->asked_count == ASKED_MAX ||
	    world->finishing)
		return;
	/* As in Kafka, one whom the log does not know may begin with any sequence: also with the second, when the first failed. */
	if (client->pending_count && !client->known[client->pending_partition])
		return;
	if (!client->pending_count)
		client->pending_partition = some_partition(client);
	client->pending[client->pending_count] =
		value_new(world, deed_new(world), client->pending_partition, client->number);
	client->pending_sequence[client->pending_count] = client->sequence[client->pending_partition]++;
	client->pending_count++;
	ask_produce(client, client->pending[client->pending_count - 1], client->pending_partition,
		    client->pending_sequence[client->pending_count - 1]);
}

static void transactor_step(struct client *client)
{
	struct world *world = client->world;

	if (client->asked_count)
		return;
	switch (client->state) {
	case STATE_INIT: ask_init(client); break;
	case STATE_REST:
		if (random_below(&world->random, 3) == 0) {
			client->state = STATE_BEGIN;
			ask_look(client);
			break;
		}
		client->state = STATE_BEGIN;
		break;
	case STATE_BEGIN:
		if (world->finishing)
			break;
		client->deed = deed_new(world);
		client->left = 1 + (int)random_below(&world->random, 4);
		client->commits = random_below(&world->random, 4) != 0;
		client->positioned = false;
		client->pending_partition = some_partition(client);
		client->pending_count = 0;
		client->state = client->two ? STATE_PRODUCE : STATE_ADD;
		break;
	case STATE_ADD: ask_add(client); break;
	case STATE_PRODUCE:
		if (!client->pending_count) {
			client->pending[0] =
				value_new(world, client->deed, client->pending_partition, client->number);
			client->pending_count = 1;
		}
		ask_produce(client, client->pending[0], client->pending_partition,
			    client->sequence[client->pending_partition]);
		break;
	case STATE_ADD_GROUP: ask_add_group(client); break;
	case STATE_POSITION: ask_position(client); break;
	case STATE_END: ask_end(client); break;
	default: break;
	}
}

static void committer_step(struct client *client)
{
	if (client->asked_count)
		return;
	if (client->state == STATE_REST && !client->world->finishing) {
		client->position = client->position_sent + 1;
		client->state = random_below(&client->world->random, 3) ? STATE_COMMIT : STATE_LOOK;
	}
	if (client->state == STATE_COMMIT) {
		client->position = client->position ? client->position : 1;
		ask_commit(client);
	} else if (client->state == STATE_LOOK) {
		ask_look(client);
	}
}

/* Some of what a reader has seen may go. */
static void keeper_step(struct client *client)
{
	struct world *world = client->world;
	int32_t partition = some_partition(client);
	int64_t seen = world->clients[CLIENTS - 1].offsets[partition];
	struct delete_records_request request;

	if (client->asked_count || world->finishing || world->compacts || seen == 0 ||
	    random_below(&world->random, 4))
		return;
	message_default(&delete_records_request_message, &request);
	request.timeout_ms = 10000;
	request.topics.at = shape_array(&delete_records_request_topic_shape, &client->arena, 1);
	request.topics.count = 1;
	request.topics.at[0].name = TOPIC;
	request.topics.at[0].partitions.at =
		shape_array(&delete_records_request_partition_shape, &client->arena, 1);
	request.topics.at[0].partitions.count = 1;
	request.topics.at[0].partitions.at[0].partition_index = partition;
	request.topics.at[0].partitions.at[0].offset = (int64_t)random_below(&world->random, (uint64_t)seen);
	if (request.topics.at[0].partitions.at[0].offset > world->start_asked[partition])
		world->start_asked[partition] = request.topics.at[0].partitions.at[0].offset;
	ask(client, API_DELETE_RECORDS, 1, &request, (struct asked){ .partition = partition });
}

/* A connection that went away in the middle of things. */
static void after_loss(struct client *client)
{
	if (client->kind == CLIENT_WRITER)
		client->left = client->pending_count > 0;
	if (client->kind == CLIENT_MEMBER || client->kind == CLIENT_NEW_MEMBER)
		member_lost_connection(client);
	/* One that was adding or ending may ask again, or come with a new epoch. */
	if (client->kind == CLIENT_TRANSACTOR && client->state >= STATE_ADD && client->state <= STATE_END &&
	    random_below(&client->world->random, 2))
		begin_anew(client);
}

void client_step(struct client *client)
{
	if (!client->wire) {
		client_connect(client);
		after_loss(client);
	}
	take_answers(client);
	if (client->world->broken)
		return;
	if (client->kind == CLIENT_WRITER)
		writer_step(client);
	else if (client->kind == CLIENT_TRANSACTOR)
		transactor_step(client);
	else if (client->kind == CLIENT_COMMITTER)
		committer_step(client);
	else if (client->kind == CLIENT_KEEPER)
		keeper_step(client);
	else if (client->kind != CLIENT_READER)
		member_step(client);
	else if (!client->asked_count)
		ask_fetch(client);
}

void client_look(struct client *client)
{
	if (!client->wire)
		client_connect(client);
	if (!client->asked_count)
		ask_look(client);
}

bool client_idle(const struct client *client)
{
	if (client->asked_count)
		return false;
	if (client->kind == CLIENT_WRITER)
		return !client->pending_count;
	if (client->kind == CLIENT_MEMBER || client->kind == CLIENT_NEW_MEMBER)
		return member_idle(client);
	return client->kind == CLIENT_KEEPER || client->kind == CLIENT_READER ||
	       client->state == STATE_BEGIN || client->state == STATE_REST;
}
