/* quota.c - entities and values as bytes, and which quota holds. */
#include <stdio.h>

#include "base/bits.h"
#include "base/cursor.h"
#include "broker/quota.h"

#define LAYOUT 1

const char *const quota_key_names[QUOTA_KEYS] = { "producer_byte_rate", "consumer_byte_rate",
						  "request_percentage", "controller_mutation_rate",
						  "connection_creation_rate" };
const char *const quota_type_names[QUOTA_TYPES] = { "user", "client-id", "ip" };
static const char letters[QUOTA_TYPES] = { 'u', 'c', 'i' };

struct view quota_entity_name(const struct quota_entity *entity, uint8_t out[QUOTA_NAME_MAX])
{
	size_t size = 0;

	for (int i = 0; i < QUOTA_TYPES; i++) {
		struct view name = entity->name[i];
		char head[16];
		int head_size;

		if (!entity->has[i])
			continue;
		head_size = name.at ? snprintf(head, sizeof head, "%c%u:", letters[i], (unsigned)name.size)
				    : snprintf(head, sizeof head, "%c*", letters[i]);
		if (name.size > QUOTA_NAME_MAX || size + (size_t)head_size + name.size > QUOTA_NAME_MAX)
			return VIEW_NULL;
		memcpy(out + size, head, (size_t)head_size);
		size += (size_t)head_size;
		if (name.size)
			memcpy(out + size, name.at, name.size);
		size += name.size;
	}
	return view_of(out, size);
}

/* The digits before a colon; -1 when they are none. */
static int64_t read_size(struct cursor *c, uint8_t first)
{
	int64_t size = 0;

	for (uint8_t digit = first; digit != ':'; digit = (uint8_t)cursor_i8(c)) {
		if (c->fault || digit < '0' || digit > '9' || size > QUOTA_NAME_MAX)
			return -1;
		size = size * 10 + digit - '0';
	}
	return size;
}

bool quota_entity_read(struct view name, struct quota_entity *out)
{
	struct cursor c = cursor_over(name);
	struct quota_entity entity = { 0 };

	while (cursor_left(&c) > 0) {
		char letter = (char)cursor_i8(&c);
		uint8_t next = (uint8_t)cursor_i8(&c);
		int type = 0;
		int64_t size;

		while (type < QUOTA_TYPES && letters[type] != letter)
			type++;
		if (c.fault || type == QUOTA_TYPES || entity.has[type])
			return false;
		entity.has[type] = true;
		if (next == '*')
			continue;
		size = read_size(&c, next);
		if (size < 0)
			return false;
		entity.name[type] = cursor_view(&c, (size_t)size);
		if (c.fault)
			return false;
	}
	*out = entity;
	return name.size > 0;
}

bool quota_values_read(struct view value, struct quota_values *out)
{
	struct cursor c = cursor_over(value);
	struct quota_values values = { 0 };
	int8_t layout = cursor_i8(&c), count = cursor_i8(&c);

	if (layout != LAYOUT)
		return false;
	for (int i = 0; i < count && !c.fault; i++) {
		int8_t key = cursor_i8(&c);
		int64_t bits = cursor_i64(&c);

		if (key < 0 || key >= QUOTA_KEYS)
			return false;
		values.set[key] = true;
		memcpy(&values.at[key], &bits, sizeof bits);
	}
	if (c.fault || cursor_left(&c) > 0)
		return false;
	*out = values;
	return true;
}

void quota_values_write(const struct quota_values *values, struct buffer *out)
{
	int8_t count = 0;

	for (int i = 0; i < QUOTA_KEYS; i++)
		count = (int8_t)(count + values->set[i]);
	buffer_i8(out, LAYOUT);
	buffer_i8(out, count);
	for (int i = 0; i < QUOTA_KEYS; i++) {
		int64_t bits;

		if (!values->set[i])
			continue;
		memcpy(&bits, &values->at[i], sizeof bits);
		buffer_i8(out, (int8_t)i);
		buffer_i64(out, bits);
	}
}

/* ---- which holds ------------------------------------------------------------------------------------------------------------- */

static bool holds(quota_lookup *lookup, const void *context, enum quota_key key,
		  const struct quota_entity *entity, double *limit)
{
	uint8_t bytes[QUOTA_NAME_MAX];
	struct view name =
		quota_entity_name(entity, bytes); /* for one that is too long nobody can set anything */
	struct view value = name.at ? lookup(context, name) : VIEW_NULL;
	struct quota_values values;

	if (!value.at || !quota_values_read(value, &values) || !values.set[key])
		return false;
	*limit = values.at[key];
	return true;
}

enum part { PART_NONE, PART_NAME, PART_DEFAULT };

/* Strongest first. */
static const struct level {
	enum part user, client_id;
} levels[] = {
	{ PART_NAME, PART_NAME },    { PART_NAME, PART_DEFAULT },    { PART_NAME, PART_NONE },
	{ PART_DEFAULT, PART_NAME }, { PART_DEFAULT, PART_DEFAULT }, { PART_DEFAULT, PART_NONE },
	{ PART_NONE, PART_NAME },    { PART_NONE, PART_DEFAULT },
};

bool quota_limit(quota_lookup *lookup, const void *context, enum quota_key key, struct view user,
		 struct view client_id, double *limit, struct quota_entity *shares)
{
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		struct quota_entity entity = {
			.has = { levels[i].user != PART_NONE, levels[i].client_id != PART_NONE },
			.name = { levels[i].user == PART_NAME ? user : VIEW_NULL,
				  levels[i].client_id == PART_NAME ? client_id : VIEW_NULL },
		};

		if (!holds(lookup, context, key, &entity, limit))
			continue;
		if (entity.has[QUOTA_USER])
			entity.name[QUOTA_USER] = user;
		if (entity.has[QUOTA_CLIENT_ID])
			entity.name[QUOTA_CLIENT_ID] = client_id;
		*shares = entity;
		return true;
	}
	return false;
}

bool quota_limit_ip(quota_lookup *lookup, const void *context, struct view ip, double *limit)
{
	struct quota_entity entity = { .has = { false, false, true }, .name = { VIEW_NULL, VIEW_NULL, ip } };

	if (holds(lookup, context, QUOTA_CONNECTION_CREATION_RATE, &entity, limit))
		return true;
	entity.name[QUOTA_IP] = VIEW_NULL;
	return holds(lookup, context, QUOTA_CONNECTION_CREATION_RATE, &entity, limit);
}
