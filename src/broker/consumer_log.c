/* consumer_log.c - consumer groups as records of __consumer_offsets, in Kafka's own form. */
#include <stdlib.h>

#include "broker/consumer_classic.h"

/* The version of a key says what it is a key of.  Kafka 4.0 knows a 4 as well, which nothing writes any more. */
enum { KEY_GROUP = 3, KEY_MEMBER = 5, KEY_TARGET = 6, KEY_TARGET_MEMBER = 7, KEY_CURRENT = 8 };

#define ARENA_MAX ((size_t)64 << 20)
#define PART_BYTES                                                                                           \
	((size_t)2 << 20) /* of members' records; one of a member that knows many topics comes on top */

/* ---- writing --------------------------------------------------------------------------------------------------------- */

/* Keys of the group alone and keys of a member have one layout each. */
static void put_of_group(struct internal_batch *batch, const struct group *group, int16_t kind,
			 const struct message *key_message, const struct message *value_message,
			 const void *value)
{
	struct consumer_group_metadata_key key = { .group_id = view_text(group->id) };

	internal_batch_put(batch, key_message, kind, &key, value_message, 0, value);
}

static void put_of_member(struct internal_batch *batch, const struct group *group, int16_t kind,
			  const struct message *key_message, const char *id,
			  const struct message *value_message, const void *value)
{
	struct consumer_group_member_metadata_key key = { .group_id = view_text(group->id),
							  .member_id = view_text(id) };

	internal_batch_put(batch, key_message, kind, &key, value_message, 0, value);
}

void consumer_put_member_gone(struct internal_batch *batch, const struct group *group, const char *id)
{
	put_of_member(batch, group, KEY_CURRENT, &consumer_group_current_member_assignment_key_message, id,
		      NULL, NULL);
	put_of_member(batch, group, KEY_TARGET_MEMBER, &consumer_group_target_assignment_member_key_message,
		      id, NULL, NULL);
	put_of_member(batch, group, KEY_MEMBER, &consumer_group_member_metadata_key_message, id, NULL, NULL);
}

void consumer_put_group_gone(struct internal_batch *batch, const struct group *group)
{
	put_of_group(batch, group, KEY_TARGET, &consumer_group_target_assignment_metadata_key_message, NULL,
		     NULL);
	put_of_group(batch, group, KEY_GROUP, &consumer_group_metadata_key_message, NULL, NULL);
}

typedef struct consumer_group_member_metadata_value_classic_member_metadata classic_t;

static classic_t *classic_said(const struct consumer_classic *classic, struct arena *arena)
{
	classic_t *out =
		classic ? shape_array(&consumer_group_member_metadata_value_classic_member_metadata_shape,
				      arena, 1)
			: NULL;

	if (!out)
		return NULL;
	out->session_timeout_ms = classic->session_timeout_ms;
	out->supported_protocols.at =
		shape_array(&consumer_group_member_metadata_value_supported_protocol_shape, arena,
			    classic->protocol_count);
	for (int i = 0; out->supported_protocols.at && i < classic->protocol_count; i++) {
		out->supported_protocols.at[i].name = view_text(classic->protocols[i].name);
		out->supported_protocols.at[i].metadata = classic->protocols[i].metadata;
		out->supported_protocols.count++;
	}
	return out->supported_protocols.at ? out : NULL;
}

static void put_said(struct internal_batch *batch, const struct consumer_group *consumer,
		     const struct consumer_member *member, struct arena *arena)
{
	struct consumer_group_member_metadata_value value;

	message_default(&consumer_group_member_metadata_value_message, &value);
	value.instance_id = view_text(member->instance_id);
	value.rack_id = view_text(member->rack_id);
	value.client_id = view_text(member->client_id);
	value.client_host = view_text(member->client_host);
	value.subscribed_topic_regex = view_text(member->regex);
	value.rebalance_timeout_ms = member->rebalance_timeout_ms;
	value.server_assignor = view_text(member->assignor);
	value.subscribed_topic_names.at =
		arena_array(arena, (size_t)member->topic_count, sizeof *value.subscribed_topic_names.at);
	if (!value.subscribed_topic_names.at) {
		batch->err = ERR_MEMORY;
		return;
	}
	for (int i = 0; i < member->topic_count; i++)
		value.subscribed_topic_names.at[i] = view_text(member->topics[i]);
	value.subscribed_topic_names.count = member->topic_count;
	value.classic_member_metadata = classic_said(member->classic, arena);
	if (member->classic && !value.classic_member_metadata)
		batch->err = ERR_MEMORY;
	put_of_member(batch, consumer->group, KEY_MEMBER, &consumer_group_member_metadata_key_message,
		      member->id, &consumer_group_member_metadata_value_message, &value);
}

/* The partitions of one topic, from `first` on. */
static int32_t *partitions_of(const struct places *places, int first, int count, struct arena *arena)
{
	int32_t *out = arena_array(arena, (size_t)count, sizeof *out);

	for (int i = 0; out && i < count; i++)
		out[i] = places->at[first + i].partition;
	return out;
}

static void put_target(struct internal_batch *batch, const struct consumer_group *consumer,
		       const struct consumer_member *member, struct arena *arena)
{
	struct consumer_group_target_assignment_member_value value;
	const struct places *target = &member->target;

	message_default(&consumer_group_target_assignment_member_value_message, &value);
	value.topic_partitions.at = shape_array(
		&consumer_group_target_assignment_member_value_topic_partition_shape, arena, target->count);
	for (int i = 0, run; value.topic_partitions.at && i < target->count; i += run) {
		struct consumer_group_target_assignment_member_value_topic_partition *one =
			&value.topic_partitions.at[value.topic_partitions.count++];

		run = places_run(target, i);
		memcpy(one->topic_id.bytes, target->at[i].topic, 16);
		one->partitions.at = partitions_of(target, i, run, arena);
		one->partitions.count = one->partitions.at ? run : 0;
		if (!one->partitions.at)
			batch->err = ERR_MEMORY;
	}
	if (!value.topic_partitions.at)
		batch->err = ERR_MEMORY;
	put_of_member(batch, consumer->group, KEY_TARGET_MEMBER,
		      &consumer_group_target_assignment_member_key_message, member->id,
		      &consumer_group_target_assignment_member_value_message, &value);
}

typedef struct consumer_group_current_member_assignment_value_topic_partitions current_t;

static current_t *current_of(const struct places *places, struct arena *arena, int32_t *count)
{
	current_t *all = shape_array(&consumer_group_current_member_assignment_value_topic_partitions_shape,
				     arena, places->count);

	*count = 0;
	for (int i = 0, run; all && i < places->count; i += run) {
		current_t *one = &all[(*count)++];

		run = places_run(places, i);
		memcpy(one->topic_id.bytes, places->at[i].topic, 16);
		one->partitions.at = partitions_of(places, i, run, arena);
		one->partitions.count = run;
		one->assignment_epochs.at = arena_array(arena, (size_t)run, sizeof(int32_t));
		one->assignment_epochs.count = run;
		if (!one->partitions.at || !one->assignment_epochs.at)
			return NULL;
		for (int k = 0; k < run; k++)
			one->assignment_epochs.at[k] = places->at[i + k].epoch;
	}
	return all;
}

static void put_current(struct internal_batch *batch, const struct consumer_group *consumer,
			const struct consumer_member *member, struct arena *arena)
{
	struct consumer_group_current_member_assignment_value value;

	message_default(&consumer_group_current_member_assignment_value_message, &value);
	value.member_epoch = member->is.epoch;
	value.previous_member_epoch = member->is.previous_epoch;
	value.state = (int8_t)member->is.state;
	value.assigned_partitions.at =
		current_of(&member->is.assigned, arena, &value.assigned_partitions.count);
	value.partitions_pending_revocation.at =
		current_of(&member->is.revoking, arena, &value.partitions_pending_revocation.count);
	if (!value.assigned_partitions.at || !value.partitions_pending_revocation.at) {
		batch->err = ERR_MEMORY;
		return;
	}
	put_of_member(batch, consumer->group, KEY_CURRENT,
		      &consumer_group_current_member_assignment_key_message, member->id,
		      &consumer_group_current_member_assignment_value_message, &value);
}

static bool anything_new(const struct consumer_group *consumer)
{
	if (consumer->epoch_new || consumer->assignment_new || !list_empty(&consumer->gone))
		return true;
	LIST_EACH(&consumer->members, link)
	{
		const struct consumer_member *member = container_of(link, struct consumer_member, link);

		if (member->said_new || member->target_new || member->current_new)
			return true;
	}
	return false;
}

struct consumer_saving {
	struct groups *groups;
	consumer_saved *done;
	void *context;
	struct list gone;    /* those whose tombstones are in it */
	struct list waiting; /* whoever had nothing new to say meanwhile */
	uint32_t lost;       /* as the group's when it was written */
	int parts, err;      /* batches under way; the first error of one */
	char group[];
};

struct waiting {
	struct list link;
	consumer_saved *done;
	void *context;
};

static void tell(struct consumer_saving *saving, int16_t error)
{
	if (saving->done)
		saving->done(saving->context, error);
	LIST_EACH_SAFE(&saving->waiting, link)
	{
		struct waiting *waiting = container_of(link, struct waiting, link);

		list_remove(&waiting->link);
		waiting->done(waiting->context, error);
		free(waiting);
	}
}

/* Nothing is new for it; but what it is to be told may be under way, and is told to nobody before it is kept. */
static void wait_for(struct consumer_saving *saving, consumer_saved *done, void *context)
{
	struct waiting *waiting = malloc(sizeof *waiting);

	if (!waiting) {
		done(context, KAFKA_UNKNOWN_SERVER_ERROR);
		return;
	}
	list_init(&waiting->link);
	waiting->done = done;
	waiting->context = context;
	list_append(&saving->waiting, &waiting->link);
}

/*
 * What is newer may be kept where something older was not: nobody is told of it before the older is kept too, or a member that
 * left would be back after a start, beside the one that has its partitions now.
 */
static void saved(struct consumer_saving *saving)
{
	struct group *group = group_named(saving->groups, view_text(saving->group));
	struct consumer_group *consumer = group ? group->consumer : NULL;
	int16_t error = internal_append_error(saving->err);

	if (consumer && consumer->last == saving)
		consumer->last = NULL;
	if (saving->err && consumer) {
		consumer_gone_move(consumer, &saving->gone, &consumer->gone);
		consumer_all_new(consumer);
		consumer->lost++;
	} else if (saving->err && group) { /* it turned into a classic one meanwhile, and owes them as such */
		consumer_gone_move(NULL, &saving->gone, &group->past.gone);
	} else if (consumer && consumer->lost != saving->lost) {
		error = KAFKA_COORDINATOR_NOT_AVAILABLE;
	}
	tell(saving, error);
	consumer_gone_free(&saving->gone);
	free(saving);
}

static void part_saved(void *context, const struct store_appended *appended)
{
	struct consumer_saving *saving = context;

	saving->err = saving->err ? saving->err : appended->err;
	if (--saving->parts == 0)
		saved(saving);
}

/* After one that could not be kept none is written: all of it is new again.  Nothing is nothing. */
static void send_part(struct consumer_saving *saving, struct internal_batch *batch, const struct group *group)
{
	int err;

	if (saving->err || (!batch->err && !batch->writer.count)) {
		internal_batch_done(batch);
		return;
	}
	saving->parts++;
	err = internal_batch_append(batch, internal_log_place(&group->groups->log, view_text(group->id)),
				    part_saved, saving);
	if (err != 0)
		part_saved(saving, &(struct store_appended){ .err = err });
}

/* What is full goes: a group may be larger than a batch. */
static void put_members(struct consumer_saving *saving, struct internal_batch *batch,
			struct consumer_group *consumer, struct arena *arena)
{
	LIST_EACH(&consumer->members, link)
	{
		struct consumer_member *member = container_of(link, struct consumer_member, link);

		if (member->said_new)
			put_said(batch, consumer, member, arena);
		if (member->target_new)
			put_target(batch, consumer, member, arena);
		if (member->current_new)
			put_current(batch, consumer, member, arena);
		member->said_new = member->target_new = member->current_new = false;
		if (batch_writer_size(&batch->writer) < PART_BYTES)
			continue;
		send_part(saving, batch, consumer->group);
		internal_batch_init(batch, consumer->group->groups->broker);
		arena_reset(arena);
	}
}

void consumer_gone_free(struct list *gone)
{
	LIST_EACH_SAFE(gone, link)
	{
		struct consumer_gone *one = container_of(link, struct consumer_gone, link);

		list_remove(&one->link);
		free(one);
	}
}

void consumer_gone_move(struct consumer_group *consumer, struct list *from, struct list *to)
{
	LIST_EACH_SAFE(from, link)
	{
		struct consumer_gone *one = container_of(link, struct consumer_gone, link);

		list_remove(&one->link);
		if (consumer && consumer_member_find(consumer, view_text(one->id)))
			free(one);
		else
			list_append(to, &one->link);
	}
}

/* The epoch of the assignment stands last: whoever finds only what is before it assigns anew. */
static void put_new(struct consumer_saving *saving, struct internal_batch *batch,
		    struct consumer_group *consumer, struct arena *arena)
{
	struct consumer_group_metadata_value group;
	struct consumer_group_target_assignment_metadata_value target;

	LIST_EACH(&consumer->gone, link)
	consumer_put_member_gone(batch, consumer->group, container_of(link, struct consumer_gone, link)->id);
	if (consumer->epoch_new) {
		message_default(&consumer_group_metadata_value_message, &group);
		group.epoch = consumer->epoch;
		group.metadata_hash = consumer->topics_hash;
		put_of_group(batch, consumer->group, KEY_GROUP, &consumer_group_metadata_key_message,
			     &consumer_group_metadata_value_message, &group);
	}
	put_members(saving, batch, consumer, arena);
	if (consumer->assignment_new) {
		message_default(&consumer_group_target_assignment_metadata_value_message, &target);
		target.assignment_epoch = consumer->assignment_epoch;
		target.assignment_timestamp = batch->now_ms;
		put_of_group(batch, consumer->group, KEY_TARGET,
			     &consumer_group_target_assignment_metadata_key_message,
			     &consumer_group_target_assignment_metadata_value_message, &target);
	}
	consumer->epoch_new = consumer->assignment_new = false;
}

void consumer_all_new(struct consumer_group *consumer)
{
	consumer->epoch_new = consumer->assignment_new = true;
	LIST_EACH(&consumer->members, link)
	{
		struct consumer_member *member = container_of(link, struct consumer_member, link);

		member->said_new = member->target_new = member->current_new = true;
	}
}

void consumer_save(struct consumer_group *consumer, consumer_saved *done, void *context)
{
	struct group *group = consumer->group;
	struct internal_batch batch;
	struct consumer_saving *saving;
	struct arena arena;

	if (!group->groups->stopped && !anything_new(consumer) && done && consumer->last) {
		wait_for(consumer->last, done, context);
		return;
	}
	if (group->groups->stopped || !anything_new(consumer)) {
		if (done)
			done(context, group->groups->stopped ? KAFKA_NOT_COORDINATOR : KAFKA_NONE);
		return;
	}
	saving = malloc(sizeof *saving + strlen(group->id) + 1);
	if (!saving) {
		if (done)
			done(context, KAFKA_UNKNOWN_SERVER_ERROR);
		return;
	}
	*saving = (struct consumer_saving){ .groups = group->groups,
					    .done = done,
					    .context = context,
					    .lost = consumer->lost,
					    .parts = 1 /* until all are sent */ };
	list_init(&saving->gone);
	list_init(&saving->waiting);
	strcpy(saving->group, group->id);
	arena_init(&arena, ARENA_MAX);
	internal_batch_init(&batch, group->groups->broker);
	put_new(saving, &batch, consumer, &arena);
	consumer_gone_move(consumer, &consumer->gone, &saving->gone);
	consumer->last = saving;
	arena_done(&arena);
	send_part(saving, &batch, group);
	part_saved(saving, &(struct store_appended){ 0 });
}

void consumer_put_gone(struct internal_batch *batch, const struct consumer_group *consumer)
{
	LIST_EACH(&consumer->gone, link)
	consumer_put_member_gone(batch, consumer->group, container_of(link, struct consumer_gone, link)->id);
	LIST_EACH(&consumer->members, link)
	consumer_put_member_gone(batch, consumer->group,
				 container_of(link, struct consumer_member, link)->id);
	consumer_put_group_gone(batch, consumer->group);
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static struct consumer_group *consumer_of(struct groups *groups, struct view id, bool make)
{
	struct group *group = make ? group_make(groups, id) : group_named(groups, id);

	if (!group)
		return NULL;
	if (!group->consumer && make && consumer_new(group)) {
		group_replay_empty(group); /* it was a classic one */
		free(group->protocol_type);
		group->protocol_type = strdup("consumer");
	}
	return group->consumer;
}

static char *text_of(struct view v)
{
	return v.at ? view_string(v) : NULL;
}

static void replay_group(struct groups *groups, struct view id, struct view value, struct arena *arena)
{
	struct consumer_group_metadata_value group;
	struct consumer_group *consumer = consumer_of(groups, id, value.at != NULL);

	if (!consumer)
		return;
	if (!value.at) {
		struct group *whole = consumer->group;

		consumer_free(consumer);
		if (whole->positions.count == 0 && list_empty(&whole->transactional))
			group_drop(whole);
	} else if (message_read(&consumer_group_metadata_value_message, 0, value, arena, &group, NULL) == 0) {
		consumer->epoch = group.epoch;
		consumer->topics_hash = group.metadata_hash;
	}
}

static void replay_target_epoch(struct consumer_group *consumer, struct view value, struct arena *arena)
{
	struct consumer_group_target_assignment_metadata_value target;

	if (value.at && message_read(&consumer_group_target_assignment_metadata_value_message, 0, value,
				     arena, &target, NULL) == 0)
		consumer->assignment_epoch = target.assignment_epoch;
}

static void replay_classic(struct consumer_member *member, const classic_t *said, struct arena *arena)
{
	struct member_protocol *all =
		said ? arena_array(arena, (size_t)said->supported_protocols.count, sizeof *all) : NULL;

	consumer_classic_free(member->classic);
	member->classic = NULL;
	for (int32_t i = 0; all && i < said->supported_protocols.count; i++) {
		struct view name = said->supported_protocols.at[i].name;

		all[i].name = arena_take(arena, name.size + 1);
		if (!all[i].name)
			return;
		memcpy(all[i].name, name.at, name.size);
		all[i].name[name.size] = 0;
		all[i].metadata = said->supported_protocols.at[i].metadata;
	}
	if (!all || !said->supported_protocols.count)
		return;
	member->classic =
		consumer_classic_new(said->session_timeout_ms, all, said->supported_protocols.count);
}

static void replay_said(struct consumer_group *consumer, struct consumer_member *member, struct view bytes,
			struct arena *arena)
{
	struct consumer_group_member_metadata_value value;

	if (message_read(&consumer_group_member_metadata_value_message, 0, bytes, arena, &value, NULL) < 0)
		return;
	free(member->instance_id);
	free(member->rack_id);
	free(member->client_id);
	free(member->client_host);
	free(member->assignor);
	member->instance_id = text_of(value.instance_id);
	member->rack_id = text_of(value.rack_id);
	member->client_id = text_of(value.client_id);
	member->client_host = text_of(value.client_host);
	member->assignor = text_of(value.server_assignor);
	member->rebalance_timeout_ms = value.rebalance_timeout_ms;
	replay_classic(member, value.classic_member_metadata, arena);
	consumer_subscribe(consumer, member, value.subscribed_topic_names.at,
			   value.subscribed_topic_names.count, value.subscribed_topic_regex, NULL);
}

static void replay_target(struct consumer_member *member, struct view bytes, struct arena *arena)
{
	struct consumer_group_target_assignment_member_value value;

	if (message_read(&consumer_group_target_assignment_member_value_message, 0, bytes, arena, &value,
			 NULL) < 0)
		return;
	places_done(&member->target);
	for (int32_t i = 0; i < value.topic_partitions.count; i++)
		for (int32_t k = 0; k < value.topic_partitions.at[i].partitions.count; k++)
			places_add(&member->target, value.topic_partitions.at[i].topic_id.bytes,
				   value.topic_partitions.at[i].partitions.at[k], 0);
	places_sort(&member->target);
}

/* Where the epochs are not told, as before Kafka 4.3, that of the member is the latest it can have been. */
static void take_current(struct places *places, const current_t *all, int32_t count, int32_t epoch)
{
	places_done(places);
	for (int32_t i = 0; i < count; i++)
		for (int32_t k = 0; k < all[i].partitions.count; k++)
			places_add(places, all[i].topic_id.bytes, all[i].partitions.at[k],
				   k < all[i].assignment_epochs.count ? all[i].assignment_epochs.at[k]
								      : epoch);
	places_sort(places);
}

static void replay_current(struct consumer_member *member, struct view bytes, struct arena *arena)
{
	struct consumer_group_current_member_assignment_value value;

	if (message_read(&consumer_group_current_member_assignment_value_message, 0, bytes, arena, &value,
			 NULL) < 0)
		return;
	member->is.epoch = value.member_epoch;
	member->is.previous_epoch = value.previous_member_epoch;
	member->is.state = value.state >= CONSUMER_STABLE && value.state <= CONSUMER_UNRELEASED
				   ? (enum consumer_state)value.state
				   : CONSUMER_UNRELEASED;
	take_current(&member->is.assigned, value.assigned_partitions.at, value.assigned_partitions.count,
		     value.member_epoch);
	take_current(&member->is.revoking, value.partitions_pending_revocation.at,
		     value.partitions_pending_revocation.count, value.member_epoch);
}

static void replay_member(struct consumer_group *consumer, int16_t kind, struct view id, struct view value,
			  struct arena *arena)
{
	struct consumer_member *member = consumer_member_find(consumer, id);

	if (!value.at) {
		/* All three records of a member go together; the last of them takes it away. */
		if (member && kind == KEY_MEMBER)
			consumer_member_remove(consumer, member);
		return;
	}
	if (!member && !(member = consumer_member_add(consumer, id)))
		return;
	if (kind == KEY_MEMBER)
		replay_said(consumer, member, value, arena);
	else if (kind == KEY_TARGET_MEMBER)
		replay_target(member, value, arena);
	else
		replay_current(member, value, arena);
}

/* What was read is in the log. */
static void nothing_new(struct consumer_group *consumer)
{
	consumer->epoch_new = consumer->assignment_new = false;
	consumer_gone_free(&consumer->gone);
	LIST_EACH(&consumer->members, link)
	{
		struct consumer_member *member = container_of(link, struct consumer_member, link);

		member->said_new = member->target_new = member->current_new = false;
	}
}

bool consumer_replay(struct groups *groups, int16_t kind, struct view key_bytes, struct view value,
		     struct arena *arena)
{
	struct consumer_group_member_metadata_key key;
	struct consumer_group_metadata_key group_key;
	bool of_group = kind == KEY_GROUP || kind == KEY_TARGET;
	struct consumer_group *consumer;
	struct group *group;

	if (!of_group && kind != KEY_MEMBER && kind != KEY_TARGET_MEMBER && kind != KEY_CURRENT)
		return false;
	if (value.at) {
		struct cursor c = cursor_over(value);

		if (cursor_i16(&c) != 0 || c.fault)
			return true; /* of a newer kind than Kafka's that we follow */
		value = view_of(c.at, cursor_left(&c));
	}
	if (of_group) {
		if (message_read(&consumer_group_metadata_key_message, KEY_GROUP, key_bytes, arena,
				 &group_key, NULL) < 0)
			return true;
		key.group_id = group_key.group_id;
	} else if (message_read(&consumer_group_member_metadata_key_message, KEY_MEMBER, key_bytes, arena,
				&key, NULL) < 0) {
		return true;
	}
	if (kind == KEY_GROUP) {
		replay_group(groups, key.group_id, value, arena);
	} else {
		consumer = consumer_of(groups, key.group_id, value.at != NULL);
		if (consumer && kind == KEY_TARGET)
			replay_target_epoch(consumer, value, arena);
		else if (consumer)
			replay_member(consumer, kind, key.member_id, value, arena);
	}
	group = group_named(groups, key.group_id);
	if (group && group->consumer)
		nothing_new(group->consumer);
	return true;
}
