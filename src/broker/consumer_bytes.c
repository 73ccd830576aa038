/* consumer_bytes.c - subscriptions and assignments of the classic consumers' protocol. */
#include "broker/consumer_bytes.h"

#define VERSION_MAX    3 /* one that is later is read as this: what is new stands behind */
#define ARENA_SIZE_MAX ((size_t)16 << 20)

int16_t subscription_version(struct view bytes)
{
	struct cursor c = cursor_over(bytes);
	int16_t version = cursor_i16(&c);

	return c.fault || version < 0 ? 0 : version > VERSION_MAX ? VERSION_MAX : version;
}

/* What stands behind the version.  ERR_MALFORMED. */
static int body_of(struct view bytes, struct view *body)
{
	struct cursor c = cursor_over(bytes);
	int16_t version = cursor_i16(&c);

	if (c.fault || version < 0)
		return ERR_MALFORMED;
	*body = view_of(c.at, cursor_left(&c));
	return 0;
}

int subscription_read(struct view bytes, struct arena *arena, struct subscription *out)
{
	struct view body;
	int err = body_of(bytes, &body);

	if (err == 0)
		err = message_read(&consumer_protocol_subscription_message, subscription_version(bytes), body,
				   arena, &out->whole, NULL);
	if (err < 0)
		return err;
	out->topics = out->whole.topics.at;
	out->topic_count = out->whole.topics.count;
	out->rack_id = out->whole.rack_id;
	return 0;
}

bool subscription_owned(const struct subscription *said, struct store *store, struct places *out)
{
	for (int32_t i = 0; i < said->whole.owned_partitions.count; i++) {
		struct store_topic *topic =
			store_topic_named(store, said->whole.owned_partitions.at[i].topic);

		for (int32_t k = 0; topic && k < said->whole.owned_partitions.at[i].partitions.count; k++)
			if (!places_add(out, topic->id, said->whole.owned_partitions.at[i].partitions.at[k],
					0))
				return false;
	}
	places_sort(out);
	return true;
}

int assignment_read(struct view bytes, struct store *store, struct places *out)
{
	struct consumer_protocol_assignment assignment;
	struct arena arena;
	struct view body;
	int err;

	if (bytes.size == 0)
		return 0;
	err = body_of(bytes, &body);
	if (err < 0)
		return err;
	arena_init(&arena, ARENA_SIZE_MAX);
	err = message_read(&consumer_protocol_assignment_message, subscription_version(bytes), body, &arena,
			   &assignment, NULL);
	for (int32_t i = 0; err == 0 && i < assignment.assigned_partitions.count; i++) {
		struct store_topic *topic =
			store_topic_named(store, assignment.assigned_partitions.at[i].topic);

		for (int32_t k = 0;
		     topic && err == 0 && k < assignment.assigned_partitions.at[i].partitions.count; k++)
			if (!places_add(out, topic->id, assignment.assigned_partitions.at[i].partitions.at[k],
					0))
				err = ERR_MEMORY;
	}
	places_sort(out);
	arena_done(&arena);
	return err;
}

void assignment_write(const struct places *places, struct store *store, int16_t version, struct buffer *out)
{
	struct consumer_protocol_assignment assignment;
	struct arena arena;
	bool ok;

	arena_init(&arena, ARENA_SIZE_MAX);
	message_default(&consumer_protocol_assignment_message, &assignment);
	assignment.assigned_partitions.at =
		shape_array(&consumer_protocol_assignment_assigned_partition_shape, &arena, places->count);
	ok = assignment.assigned_partitions.at;
	for (int i = 0, run; ok && i < places->count; i += run) {
		struct store_topic *topic = store_topic_by_id(store, places->at[i].topic);
		struct consumer_protocol_assignment_assigned_partition *one;

		run = places_run(places, i);
		if (!topic)
			continue;
		one = &assignment.assigned_partitions.at[assignment.assigned_partitions.count++];
		one->topic = view_text(topic->name);
		one->partitions.at = arena_array(&arena, (size_t)run, sizeof(int32_t));
		ok = one->partitions.at;
		for (int k = 0; ok && k < run; k++)
			one->partitions.at[one->partitions.count++] = places->at[i + k].partition;
	}
	buffer_i16(out, version);
	if (!ok || message_write(&consumer_protocol_assignment_message, version, &assignment, out, NULL) < 0)
		out->err = out->err ? out->err : ERR_MEMORY;
	arena_done(&arena);
}
