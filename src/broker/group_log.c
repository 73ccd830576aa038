/* group_log.c - groups and positions as records of __consumer_offsets. */
#include <stdlib.h>

#include "broker/consumer_group.h"

enum { KEY_POSITION = 1, KEY_GROUP = 2 };

#define VALUE_VERSION 3
#define ARENA_MAX     ((size_t)64 << 20)

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static void replay_position(struct groups *groups, const struct internal_record *record, int16_t version,
			    struct view key_bytes, struct arena *arena)
{
	struct offset_commit_key key;
	struct offset_commit_value value;
	struct group *group;
	struct map *into;
	struct cursor c;
	int16_t value_version;

	if (message_read(&offset_commit_key_message, version, key_bytes, arena, &key, NULL) < 0)
		return;
	group = group_make(groups, key.group);
	if (!group)
		return;
	into = &group->positions;
	if (record->head->transactional) {
		struct pending_positions *pending =
			pending_positions_of(group, record->head->producer_id, true);

		if (!pending)
			return;
		into = &pending->positions;
	}
	if (!record->value.at) {
		position_remove(into, key.topic, key.partition);
		return;
	}
	c = cursor_over(record->value);
	value_version = cursor_i16(&c);
	if (!c.fault && message_read(&offset_commit_value_message, value_version,
				     view_of(c.at, cursor_left(&c)), arena, &value, NULL) == 0)
		position_set(into, key.topic, key.partition,
			     &(struct position){ value.offset, value.commit_timestamp, value.leader_epoch,
						 NULL, record->head->base_offset },
			     value.metadata);
}

static char *text_of(struct view v)
{
	return v.at ? view_string(v) : NULL;
}

static struct view bytes_of(struct view v)
{
	uint8_t *copy = malloc(v.size ? v.size : 1);

	if (!copy)
		return VIEW_NULL;
	if (v.size)
		memcpy(copy, v.at, v.size);
	return view_of(copy, v.size);
}

static void replay_member(struct group *group, const struct group_metadata_value_member_metadata *in)
{
	struct member *member = calloc(1, sizeof *member);

	if (!member)
		return;
	list_init(&member->link);
	member->group = group;
	member->id = text_of(in->member_id);
	member->instance_id = text_of(in->group_instance_id);
	member->client_id = text_of(in->client_id);
	member->client_host = text_of(in->client_host);
	member->session_timeout_ms = in->session_timeout;
	member->rebalance_timeout_ms =
		in->rebalance_timeout >= 0 ? in->rebalance_timeout : in->session_timeout;
	member->assignment = bytes_of(in->assignment);
	member->protocols = calloc(1, sizeof *member->protocols);
	list_append(&group->members, &member->link);
	group->member_count++;
	if (member->protocols && group->protocol_name) {
		member->protocol_count = 1;
		member->protocols[0].name = strdup(group->protocol_name);
		member->protocols[0].metadata = bytes_of(in->subscription);
	}
	member_alive(member);
}

void group_replay_empty(struct group *group)
{
	while (!list_empty(&group->members))
		member_remove(container_of(group->members.next, struct member, link));
	free(group->protocol_name);
	free(group->leader);
	group->protocol_name = group->leader = NULL;
	group->state = GROUP_EMPTY;
}

static void replay_group(struct groups *groups, const struct internal_record *record, struct view key_bytes,
			 struct arena *arena)
{
	struct group_metadata_key key;
	struct group_metadata_value value;
	struct group *group;
	struct cursor c;
	int16_t version;

	if (message_read(&group_metadata_key_message, KEY_GROUP, key_bytes, arena, &key, NULL) < 0)
		return;
	if (!record->value.at) {
		/* Its positions have tombstones of their own. */
		group = group_named(groups, key.group);
		if (group && !group->consumer && group->positions.count == 0 &&
		    list_empty(&group->transactional))
			group_drop(group);
		else if (group && !group->consumer)
			group_replay_empty(group);
		return;
	}
	c = cursor_over(record->value);
	version = cursor_i16(&c);
	if (c.fault || message_read(&group_metadata_value_message, version, view_of(c.at, cursor_left(&c)),
				    arena, &value, NULL) < 0)
		return;
	group = group_make(groups, key.group);
	if (!group)
		return;
	consumer_free(group->consumer); /* it became a classic one */
	group_replay_empty(group);
	free(group->protocol_type);
	group->protocol_type = value.protocol_type.size ? text_of(value.protocol_type) : NULL;
	group->protocol_name = text_of(value.protocol);
	group->leader = text_of(value.leader);
	group->generation = value.generation;
	group->state_ms = value.current_state_timestamp;
	for (int32_t i = 0; i < value.members.count; i++)
		replay_member(group, &value.members.at[i]);
	group->state = group->member_count ? GROUP_STABLE : GROUP_EMPTY;
}

void group_replay(void *context, const struct internal_record *record)
{
	struct groups *groups = context;
	struct cursor c = cursor_over(record->key);
	struct arena arena;
	int16_t version;

	if (record->marker) {
		groups_transaction_end(groups, record->partition, record->head->producer_id, record->commit);
		return;
	}
	version = cursor_i16(&c);
	if (c.fault)
		return;
	arena_init(&arena, ARENA_MAX);
	if (version <= KEY_POSITION)
		replay_position(groups, record, version, view_of(c.at, cursor_left(&c)), &arena);
	else if (version == KEY_GROUP)
		replay_group(groups, record, view_of(c.at, cursor_left(&c)), &arena);
	else
		consumer_replay(groups, version, view_of(c.at, cursor_left(&c)), record->value, &arena);
	arena_done(&arena);
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */

static struct view assigned(const struct member *member, const struct sync_group_request *given)
{
	for (int32_t i = 0; given && i < given->assignments.count; i++)
		if (view_is(given->assignments.at[i].member_id, member->id))
			return given->assignments.at[i].assignment;
	return given || !member->assignment.at ? VIEW_LITERAL("") : member->assignment;
}

void group_put(struct internal_batch *batch, const struct group *group,
	       const struct sync_group_request *assignments)
{
	struct group_metadata_key key;
	struct group_metadata_value value;
	struct arena arena;

	arena_init(&arena, ARENA_MAX);
	message_default(&group_metadata_key_message, &key);
	message_default(&group_metadata_value_message, &value);
	key.group = view_text(group->id);
	value.protocol_type = group->protocol_type ? view_text(group->protocol_type) : VIEW_LITERAL("");
	value.generation = group->generation;
	value.protocol = view_text(group->protocol_name);
	value.leader = view_text(group->leader);
	value.current_state_timestamp = group->state_ms;
	value.members.at =
		shape_array(&group_metadata_value_member_metadata_shape, &arena, group->member_count);
	LIST_EACH(&group->members, link)
	{
		struct member *member = container_of(link, struct member, link);
		const struct member_protocol *protocol = member_protocol(member, group->protocol_name);
		struct group_metadata_value_member_metadata *out;

		if (!value.members.at)
			break;
		out = &value.members.at[value.members.count++];
		out->member_id = view_text(member->id);
		out->group_instance_id = view_text(member->instance_id);
		out->client_id = view_text(member->client_id);
		out->client_host = view_text(member->client_host);
		out->rebalance_timeout = member->rebalance_timeout_ms;
		out->session_timeout = member->session_timeout_ms;
		out->subscription = protocol ? protocol->metadata : VIEW_LITERAL("");
		out->assignment = assigned(member, assignments);
	}
	if (!value.members.at && batch->err == 0)
		batch->err = ERR_MEMORY;
	internal_batch_put(batch, &group_metadata_key_message, KEY_GROUP, &key, &group_metadata_value_message,
			   VALUE_VERSION, &value);
	arena_done(&arena);
}

void group_put_gone(struct internal_batch *batch, const struct group *group)
{
	struct group_metadata_key key;

	message_default(&group_metadata_key_message, &key);
	key.group = view_text(group->id);
	internal_batch_put(batch, &group_metadata_key_message, KEY_GROUP, &key, NULL, 0, NULL);
}

void position_put(struct internal_batch *batch, struct view group_id, struct view topic, int32_t partition,
		  const struct position *position)
{
	struct offset_commit_key key;
	struct offset_commit_value value;

	message_default(&offset_commit_key_message, &key);
	message_default(&offset_commit_value_message, &value);
	key.group = group_id;
	key.topic = topic;
	key.partition = partition;
	if (position) {
		value.offset = position->offset;
		value.leader_epoch = position->leader_epoch;
		value.metadata = view_text(position->metadata);
		value.commit_timestamp = position->commit_ms;
	}
	internal_batch_put(batch, &offset_commit_key_message, KEY_POSITION, &key,
			   position ? &offset_commit_value_message : NULL, VALUE_VERSION, &value);
}

static void saved(void *context, const struct store_appended *appended)
{
	/* An empty group that is not noted comes back with members, whose sessions end. */
}

void group_save_told(struct group *group, store_append_done *done, void *context)
{
	struct internal_batch batch;
	int err = ERR_CANCELLED;

	if (!group->groups->stopped) {
		internal_batch_init(&batch, group->groups->broker);
		group_put(&batch, group, NULL);
		err = internal_batch_append(
			&batch, internal_log_place(&group->groups->log, view_text(group->id)), done, context);
	}
	if (err != 0)
		done(context, &(struct store_appended){ .err = err });
}

void group_save(struct group *group)
{
	group_save_told(group, saved, NULL);
}
