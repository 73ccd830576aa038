/*
 * words.h - requests as clients word them, for guests (guest.h) and for simulated clients (sim.h): one topic, one partition.
 *
 * What is not said here stays as its default; whoever wants something else changes it.  Views hold as long as the arena.
 */
#ifndef TEST_BROKER_WORDS_H
#define TEST_BROKER_WORDS_H

#include <stdlib.h>

#include "broker/request.h"
#include "wire/batch_writer.h"

#define WORDS_PARTITIONS_MAX 8

static inline void *words_one(const struct shape *shape, struct arena *arena)
{
	void *one = shape_array(shape, arena, 1);

	if (!one)
		abort();
	return one;
}

static inline struct view *words_text(struct arena *arena, struct view text)
{
	struct view *one = arena_take(arena, sizeof *one);

	if (!one)
		abort();
	*one = text;
	return one;
}

/* The numbers of the bits of `owned`. */
static inline int32_t *words_bits(struct arena *arena, int owned, int32_t *count)
{
	int32_t *numbers = arena_take(arena, WORDS_PARTITIONS_MAX * sizeof *numbers);

	if (!numbers)
		abort();
	*count = 0;
	for (int i = 0; i < WORDS_PARTITIONS_MAX; i++)
		if (owned & 1 << i)
			numbers[(*count)++] = i;
	return numbers;
}

/* ---- members of classic groups */

/* What is inside of a subscription, or of an assignment: its version, 1, and a message. */
static inline struct view words_inside(struct arena *arena, const struct message *message, const void *said)
{
	struct buffer bytes;
	struct view copy;

	buffer_init(&bytes, 4096);
	buffer_i16(&bytes, 1);
	if (message_write(message, 1, said, &bytes, NULL) < 0)
		abort();
	copy = arena_copy(arena, buffer_bytes(&bytes));
	buffer_done(&bytes);
	return copy;
}

/* A subscription to one topic, of which it says that it owns a bit for each partition. */
static inline struct view words_subscription(struct arena *arena, struct view topic, int owned)
{
	struct consumer_protocol_subscription said;

	message_default(&consumer_protocol_subscription_message, &said);
	said.topics.at = words_text(arena, topic);
	said.topics.count = 1;
	said.owned_partitions.at = words_one(&consumer_protocol_subscription_owned_partition_shape, arena);
	said.owned_partitions.count = owned != 0;
	said.owned_partitions.at[0].topic = topic;
	said.owned_partitions.at[0].partitions.at =
		words_bits(arena, owned, &said.owned_partitions.at[0].partitions.count);
	return words_inside(arena, &consumer_protocol_subscription_message, &said);
}

/* The partitions of one topic, a bit for each, as a leader gives them. */
static inline struct view words_assignment(struct arena *arena, struct view topic, int given)
{
	struct consumer_protocol_assignment said;

	message_default(&consumer_protocol_assignment_message, &said);
	said.assigned_partitions.at =
		words_one(&consumer_protocol_assignment_assigned_partition_shape, arena);
	said.assigned_partitions.count = given != 0;
	said.assigned_partitions.at[0].topic = topic;
	said.assigned_partitions.at[0].partitions.at =
		words_bits(arena, given, &said.assigned_partitions.at[0].partitions.count);
	return words_inside(arena, &consumer_protocol_assignment_message, &said);
}

static inline struct join_group_request words_join(struct arena *arena, struct view group, struct view member,
						   struct view metadata)
{
	struct join_group_request request;

	message_default(&join_group_request_message, &request);
	request.group_id = group;
	request.session_timeout_ms = 10000;
	request.rebalance_timeout_ms = 60000;
	request.member_id = member.at ? member : VIEW_LITERAL("");
	request.protocol_type = VIEW_LITERAL("consumer");
	request.protocols.at = words_one(&join_group_request_protocol_shape, arena);
	request.protocols.count = 1;
	request.protocols.at[0].name = VIEW_LITERAL("range");
	request.protocols.at[0].metadata = metadata;
	return request;
}

/* With room for what `count` members are given. */
static inline struct sync_group_request words_sync(struct arena *arena, struct view group, struct view member,
						   int32_t generation, int count)
{
	struct sync_group_request request;

	message_default(&sync_group_request_message, &request);
	request.group_id = group;
	request.generation_id = generation;
	request.member_id = member;
	request.assignments.at = shape_array(&sync_group_request_assignment_shape, arena, count);
	request.assignments.count = count;
	if (count && !request.assignments.at)
		abort();
	return request;
}

static inline struct heartbeat_request words_heartbeat(struct view group, struct view member,
						       int32_t generation)
{
	struct heartbeat_request request;

	message_default(&heartbeat_request_message, &request);
	request.group_id = group;
	request.generation_id = generation;
	request.member_id = member;
	return request;
}

static inline struct leave_group_request words_leave(struct view group, struct view member)
{
	struct leave_group_request request;

	message_default(&leave_group_request_message, &request);
	request.group_id = group;
	request.member_id = member;
	return request;
}

/* ---- members of KIP-848 */

/* All that need not be said again: it wants one topic, and owns a bit for each partition of it. */
static inline struct consumer_group_heartbeat_request words_consumer(struct arena *arena, struct view group,
								     struct view member, int32_t epoch,
								     struct view topic,
								     const uint8_t topic_id[16], int owned)
{
	struct consumer_group_heartbeat_request request;

	message_default(&consumer_group_heartbeat_request_message, &request);
	request.group_id = group;
	request.member_id = member;
	request.member_epoch = epoch;
	request.rebalance_timeout_ms = 10000;
	request.subscribed_topic_names.at = words_text(arena, topic);
	request.subscribed_topic_names.count = 1;
	request.topic_partitions.at =
		words_one(&consumer_group_heartbeat_request_topic_partition_shape, arena);
	request.topic_partitions.count = owned != 0;
	memcpy(request.topic_partitions.at[0].topic_id.bytes, topic_id, 16);
	request.topic_partitions.at[0].partitions.at =
		words_bits(arena, owned, &request.topic_partitions.at[0].partitions.count);
	return request;
}

/* ---- positions */

/* Of a member, or of nobody: generation -1 and an empty name. */
static inline struct offset_commit_request words_commit(struct arena *arena, struct view group,
							struct view member, int32_t generation,
							struct view topic, int32_t partition, int64_t offset)
{
	struct offset_commit_request request;

	message_default(&offset_commit_request_message, &request);
	request.group_id = group;
	request.member_id = member;
	request.generation_id_or_member_epoch = generation;
	request.topics.at = words_one(&offset_commit_request_topic_shape, arena);
	request.topics.count = 1;
	request.topics.at[0].name = topic;
	request.topics.at[0].partitions.at = words_one(&offset_commit_request_partition_shape, arena);
	request.topics.at[0].partitions.count = 1;
	request.topics.at[0].partitions.at[0].partition_index = partition;
	request.topics.at[0].partitions.at[0].committed_offset = offset;
	return request;
}

/* As it was before version 8. */
static inline struct offset_fetch_request words_position(struct arena *arena, struct view group,
							 struct view topic, int32_t partition, bool stable)
{
	struct offset_fetch_request request;

	message_default(&offset_fetch_request_message, &request);
	request.group_id = group;
	request.require_stable = stable;
	request.topics.at = words_one(&offset_fetch_request_topic_shape, arena);
	request.topics.count = 1;
	request.topics.at[0].name = topic;
	request.topics.at[0].partition_indexes.at = arena_take(arena, sizeof(int32_t));
	request.topics.at[0].partition_indexes.at[0] = partition;
	request.topics.at[0].partition_indexes.count = 1;
	return request;
}

/* ---- transactions, as they were before version 4 of AddPartitionsToTxn */

/* Who writes: a producer under its transactional id. */
struct words_producer {
	struct view transactional_id;
	int64_t id;
	int16_t epoch;
};

static inline struct add_partitions_to_txn_request words_add(struct arena *arena, struct words_producer who,
							     struct view topic, int32_t partition)
{
	struct add_partitions_to_txn_request request;

	message_default(&add_partitions_to_txn_request_message, &request);
	request.v3_and_below_transactional_id = who.transactional_id;
	request.v3_and_below_producer_id = who.id;
	request.v3_and_below_producer_epoch = who.epoch;
	request.v3_and_below_topics.at = words_one(&add_partitions_to_txn_request_topic_shape, arena);
	request.v3_and_below_topics.count = 1;
	request.v3_and_below_topics.at[0].name = topic;
	request.v3_and_below_topics.at[0].partitions.at = arena_take(arena, sizeof(int32_t));
	request.v3_and_below_topics.at[0].partitions.at[0] = partition;
	request.v3_and_below_topics.at[0].partitions.count = 1;
	return request;
}

static inline struct add_offsets_to_txn_request words_add_group(struct words_producer who, struct view group)
{
	struct add_offsets_to_txn_request request;

	message_default(&add_offsets_to_txn_request_message, &request);
	request.transactional_id = who.transactional_id;
	request.group_id = group;
	request.producer_id = who.id;
	request.producer_epoch = who.epoch;
	return request;
}

static inline struct txn_offset_commit_request words_txn_commit(struct arena *arena,
								struct words_producer who, struct view group,
								struct view topic, int32_t partition,
								int64_t offset)
{
	struct txn_offset_commit_request request;

	message_default(&txn_offset_commit_request_message, &request);
	request.transactional_id = who.transactional_id;
	request.group_id = group;
	request.producer_id = who.id;
	request.producer_epoch = who.epoch;
	request.generation_id = -1;
	request.topics.at = words_one(&txn_offset_commit_request_topic_shape, arena);
	request.topics.count = 1;
	request.topics.at[0].name = topic;
	request.topics.at[0].partitions.at = words_one(&txn_offset_commit_request_partition_shape, arena);
	request.topics.at[0].partitions.count = 1;
	request.topics.at[0].partitions.at[0].partition_index = partition;
	request.topics.at[0].partitions.at[0].committed_offset = offset;
	return request;
}

static inline struct end_txn_request words_end(struct words_producer who, bool commit)
{
	struct end_txn_request request;

	message_default(&end_txn_request_message, &request);
	request.transactional_id = who.transactional_id;
	request.producer_id = who.id;
	request.producer_epoch = who.epoch;
	request.committed = commit;
	return request;
}

/* ---- records */

/* One record in a batch of its own. */
static inline struct view words_batch(struct arena *arena, const struct batch_options *options,
				      int64_t wall_ms, struct view key, struct view value)
{
	struct batch_writer writer;
	struct buffer batch;
	struct view copy;

	batch_writer_init(&writer, options, NULL, 1 << 20);
	buffer_init(&batch, 1 << 20);
	if (batch_writer_add(&writer, wall_ms, key, value, NULL, 0) < 0 ||
	    batch_writer_finish(&writer, &batch) < 0)
		abort();
	copy = arena_copy(arena, buffer_bytes(&batch));
	batch_writer_done(&writer);
	buffer_done(&batch);
	return copy;
}

static inline struct produce_request words_produce(struct arena *arena, struct view topic, int32_t partition,
						   struct view records)
{
	struct produce_request request;

	message_default(&produce_request_message, &request);
	request.acks = -1;
	request.timeout_ms = 30000;
	request.topic_data.at = words_one(&produce_request_topic_shape, arena);
	request.topic_data.count = 1;
	request.topic_data.at[0].name = topic;
	request.topic_data.at[0].partition_data.at = words_one(&produce_request_partition_shape, arena);
	request.topic_data.at[0].partition_data.count = 1;
	request.topic_data.at[0].partition_data.at[0].index = partition;
	request.topic_data.at[0].partition_data.at[0].records = records;
	return request;
}

#endif
