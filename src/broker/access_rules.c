/*
 * access_rules.c - the index of access rules.
 *
 * Three tables: by resource and principal, the rules; by resource, how many there are (a resource without any is another thing than
 * one whose rules are about others); by type, how long the names of its prefixed rules are, so that only those lengths of a name are
 * looked for.
 *
 * As bytes a rule is, big-endian:
 *
 *	layout      1   this one: 1
 *	type, pattern, operation, permission    1 each, Kafka's numbers
 *	name, principal, host                   each with its size before it, 2
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "broker/access_rules.h"

#define LAYOUT       1
#define TYPES        8
#define KEY_SIZE_MAX (3 * 65536)

#define EVERYBODY VIEW_LITERAL("User:*")
#define ANYTHING  VIEW_LITERAL("*")

struct rule {
	struct list link;      /* in all rules */
	struct list neighbour; /* in its bucket */
	struct access_rule is;
	uint8_t bytes[];
};

/* The rules of one principal for one resource. */
struct bucket {
	struct list rules;
};

/* How many prefixed rules have names of this size. */
struct length {
	size_t size;
	int64_t count;
};

struct lengths {
	struct length *at;
	int count, capacity;
};

struct access_rules {
	int64_t limit, count;
	struct list all;
	struct map buckets;
	struct map places; /* to an int64_t on the heap */
	struct lengths prefixes[TYPES];
	struct buffer key;
};

int access_rules_new(int64_t limit, struct access_rules **out)
{
	struct access_rules *rules = calloc(1, sizeof *rules);

	if (!rules)
		return ERR_MEMORY;
	rules->limit = limit;
	list_init(&rules->all);
	map_init(&rules->buckets);
	map_init(&rules->places);
	buffer_init(&rules->key, KEY_SIZE_MAX);
	*out = rules;
	return 0;
}

void access_rules_free(struct access_rules *rules)
{
	if (!rules)
		return;
	LIST_EACH_SAFE(&rules->all, link)
	free(container_of(link, struct rule, link));
	MAP_EACH(&rules->buckets, slot)
	free(slot->value);
	MAP_EACH(&rules->places, slot)
	free(slot->value);
	map_done(&rules->buckets);
	map_done(&rules->places);
	for (int i = 0; i < TYPES; i++)
		free(rules->prefixes[i].at);
	buffer_done(&rules->key);
	free(rules);
}

int64_t access_rules_count(const struct access_rules *rules)
{
	return rules->count;
}

/* Of a resource, and of a principal there when one is given; holds until the next key is made. */
static struct view key_of(struct access_rules *rules, int8_t type, int8_t pattern, struct view name,
			  struct view principal)
{
	buffer_reset(&rules->key);
	buffer_i8(&rules->key, type);
	buffer_i8(&rules->key, pattern);
	buffer_i32(&rules->key, (int32_t)name.size);
	buffer_view(&rules->key, name);
	buffer_view(&rules->key, principal);
	return buffer_bytes(&rules->key);
}

static struct bucket *bucket_of(struct access_rules *rules, const struct access_rule *rule)
{
	return map_get(&rules->buckets,
		       key_of(rules, rule->type, rule->pattern, rule->name, rule->principal));
}

static struct rule *find(struct access_rules *rules, const struct access_rule *rule)
{
	struct bucket *bucket = bucket_of(rules, rule);

	if (!bucket)
		return NULL;
	LIST_EACH(&bucket->rules, link)
	{
		struct rule *one = container_of(link, struct rule, neighbour);

		if (one->is.operation == rule->operation && one->is.permission == rule->permission &&
		    view_equal(one->is.host, rule->host))
			return one;
	}
	return NULL;
}

bool access_rules_has(struct access_rules *rules, const struct access_rule *rule)
{
	return find(rules, rule) != NULL;
}

/* ---- adding and removing ---------------------------------------------------------------------------------------------------- */

static struct length *length_of(struct lengths *lengths, size_t size)
{
	for (int i = 0; i < lengths->count; i++)
		if (lengths->at[i].size == size)
			return &lengths->at[i];
	return NULL;
}

static bool lengths_add(struct lengths *lengths, size_t size)
{
	struct length *one = length_of(lengths, size), *more;

	if (one) {
		one->count++;
		return true;
	}
	if (lengths->count == lengths->capacity) {
		int capacity = lengths->capacity ? 2 * lengths->capacity : 8;

		more = realloc(lengths->at, (size_t)capacity * sizeof *more);
		if (!more)
			return false;
		lengths->at = more;
		lengths->capacity = capacity;
	}
	lengths->at[lengths->count++] = (struct length){ size, 1 };
	return true;
}

static void lengths_drop(struct lengths *lengths, size_t size)
{
	struct length *one = length_of(lengths, size);

	if (one && --one->count == 0)
		*one = lengths->at[--lengths->count];
}

/* One more or less in the table of resources; false when memory is out. */
static bool place_count(struct access_rules *rules, const struct access_rule *rule, int64_t more)
{
	struct view key = key_of(rules, rule->type, rule->pattern, rule->name, VIEW_NULL);
	int64_t *count = map_get(&rules->places, key);

	if (!count) {
		count = calloc(1, sizeof *count);
		if (!count || map_put(&rules->places, key, count) < 0) {
			free(count);
			return false;
		}
	}
	*count += more;
	if (*count <= 0) {
		map_remove(&rules->places, key);
		free(count);
	}
	return true;
}

static struct rule *copy_of(const struct access_rule *in)
{
	size_t size = in->name.size + in->principal.size + in->host.size;
	struct rule *rule = malloc(sizeof *rule + size);
	uint8_t *at;

	if (!rule)
		return NULL;
	at = rule->bytes;
	rule->is = *in;
	list_init(&rule->link);
	list_init(&rule->neighbour);
	for (int i = 0; i < 3; i++) {
		struct view *part = i == 0 ? &rule->is.name : i == 1 ? &rule->is.principal : &rule->is.host;

		if (part->size)
			memcpy(at, part->at, part->size);
		*part = view_of(at, part->size);
		at += part->size;
	}
	return rule;
}

static struct bucket *bucket_make(struct access_rules *rules, const struct access_rule *rule)
{
	struct bucket *bucket = bucket_of(rules, rule);

	if (bucket)
		return bucket;
	bucket = malloc(sizeof *bucket);
	if (!bucket)
		return NULL;
	list_init(&bucket->rules);
	if (map_put(&rules->buckets, buffer_bytes(&rules->key), bucket) < 0) {
		free(bucket);
		return NULL;
	}
	return bucket;
}

static void bucket_drop_empty(struct access_rules *rules, const struct access_rule *rule)
{
	struct bucket *bucket = bucket_of(rules, rule);

	if (bucket && list_empty(&bucket->rules))
		free(map_remove(&rules->buckets, buffer_bytes(&rules->key)));
}

int access_rules_add(struct access_rules *rules, const struct access_rule *in)
{
	struct bucket *bucket;
	struct rule *rule;

	if (in->type < 0 || in->type >= TYPES ||
	    in->name.size + in->principal.size + in->host.size > KEY_SIZE_MAX / 2)
		return ERR_LIMIT;
	if (find(rules, in))
		return 1;
	if (rules->count >= rules->limit)
		return ERR_LIMIT;
	rule = copy_of(in);
	bucket = rule ? bucket_make(rules, in) : NULL;
	if (!bucket)
		goto free_rule;
	if (!place_count(rules, in, 1))
		goto drop_bucket;
	if (in->pattern == ACL_PATTERN_PREFIXED && !lengths_add(&rules->prefixes[in->type], in->name.size))
		goto uncount;
	list_append(&bucket->rules, &rule->neighbour);
	list_append(&rules->all, &rule->link);
	rules->count++;
	return 0;
uncount:
	place_count(rules, in, -1);
drop_bucket:
	bucket_drop_empty(rules, in);
free_rule:
	free(rule);
	return ERR_MEMORY;
}

bool access_rules_remove(struct access_rules *rules, const struct access_rule *in)
{
	struct rule *rule = find(rules, in);

	if (!rule)
		return false;
	list_remove(&rule->neighbour);
	list_remove(&rule->link);
	rules->count--;
	bucket_drop_empty(rules, &rule->is);
	place_count(rules, &rule->is, -1);
	if (rule->is.pattern == ACL_PATTERN_PREFIXED)
		lengths_drop(&rules->prefixes[rule->is.type], rule->is.name.size);
	free(rule);
	return true;
}

void access_rules_each(const struct access_rules *rules, access_rules_each_fn *each, void *context)
{
	LIST_EACH(&rules->all, link)
	each(context, &container_of(link, struct rule, link)->is);
}

/* ---- the question ------------------------------------------------------------------------------------------------------------ */

bool access_same_address(struct view a, struct view b)
{
	char texts[2][INET6_ADDRSTRLEN];
	struct in6_addr addresses[2];

	for (int i = 0; i < 2; i++) {
		struct view one = i ? b : a;

		if (one.size == 0 || one.size >= sizeof texts[i] || !memchr(one.at, ':', one.size))
			return false;
		memcpy(texts[i], one.at, one.size);
		texts[i][one.size] = 0;
		if (inet_pton(AF_INET6, texts[i], &addresses[i]) != 1)
			return false;
	}
	return memcmp(&addresses[0], &addresses[1], sizeof addresses[0]) == 0;
}

static bool host_fits(struct view host, struct view asked)
{
	return view_is(host, "*") || view_equal(host, asked) || access_same_address(host, asked);
}

static bool implies(int8_t allowed, int8_t asked)
{
	if (asked == ACL_OPERATION_DESCRIBE)
		return allowed == ACL_OPERATION_READ || allowed == ACL_OPERATION_WRITE ||
		       allowed == ACL_OPERATION_DELETE || allowed == ACL_OPERATION_ALTER;
	return asked == ACL_OPERATION_DESCRIBE_CONFIGS && allowed == ACL_OPERATION_ALTER_CONFIGS;
}

static bool operation_fits(const struct access_rule *rule, int8_t asked)
{
	return rule->operation == ACL_OPERATION_ALL || rule->operation == asked ||
	       (rule->permission == ACL_PERMISSION_ALLOW && implies(rule->operation, asked));
}

struct found {
	bool any, allowed, denied;
};

/* What the rules of one resource say. */
static void look_at(struct access_rules *rules, const struct access_question *question, int8_t pattern,
		    struct view name, struct found *found)
{
	const struct view who[] = { question->principal, EVERYBODY };

	if (!map_get(&rules->places, key_of(rules, question->type, pattern, name, VIEW_NULL)))
		return;
	found->any = true;
	for (int i = 0; i < 2; i++) {
		struct bucket *bucket =
			map_get(&rules->buckets, key_of(rules, question->type, pattern, name, who[i]));

		if (!bucket)
			continue;
		LIST_EACH(&bucket->rules, link)
		{
			const struct access_rule *rule = &container_of(link, struct rule, neighbour)->is;

			if (!host_fits(rule->host, question->host) ||
			    !operation_fits(rule, question->operation))
				continue;
			found->allowed |= rule->permission == ACL_PERMISSION_ALLOW;
			found->denied |= rule->permission == ACL_PERMISSION_DENY;
		}
	}
}

static void look_at_prefixes(struct access_rules *rules, const struct access_question *question,
			     struct view name, struct found *found)
{
	const struct lengths *lengths = &rules->prefixes[question->type];

	for (int i = 0; i < lengths->count; i++)
		if (lengths->at[i].size <= name.size)
			look_at(rules, question, ACL_PATTERN_PREFIXED, view_of(name.at, lengths->at[i].size),
				found);
}

enum access_answer access_rules_ask(struct access_rules *rules, const struct access_question *question)
{
	struct found found = { 0 };

	if (question->type < 0 || question->type >= TYPES)
		return ACCESS_NO_RULE;
	look_at(rules, question, ACL_PATTERN_LITERAL, question->name, &found);
	if (!view_is(question->name, "*"))
		look_at(rules, question, ACL_PATTERN_LITERAL, ANYTHING, &found);
	look_at_prefixes(rules, question, question->name, &found);
	return found.denied    ? ACCESS_DENIED
	       : found.allowed ? ACCESS_ALLOWED
	       : found.any     ? ACCESS_NOT_ALLOWED
			       : ACCESS_NO_RULE;
}

/* Only the very operation counts here, and ALL: nothing is implied. */
static bool allows_exactly(const struct access_rule *rule, const struct access_question *question)
{
	return rule->type == question->type && rule->permission == ACL_PERMISSION_ALLOW &&
	       (rule->operation == question->operation || rule->operation == ACL_OPERATION_ALL) &&
	       (view_equal(rule->principal, question->principal) || view_equal(rule->principal, EVERYBODY)) &&
	       host_fits(rule->host, question->host);
}

bool access_rules_ask_any(struct access_rules *rules, const struct access_question *question)
{
	struct found all = { 0 };

	if (question->type < 0 || question->type >= TYPES)
		return false;
	look_at(rules, question, ACL_PATTERN_LITERAL, ANYTHING, &all);
	if (all.denied)
		return false;
	LIST_EACH(&rules->all, link)
	{
		const struct access_rule *rule = &container_of(link, struct rule, link)->is;
		struct found found = { 0 };

		if (!allows_exactly(rule, question))
			continue;
		if (rule->pattern == ACL_PATTERN_LITERAL && view_is(rule->name, "*"))
			return true;
		if (rule->pattern == ACL_PATTERN_LITERAL)
			look_at(rules, question, ACL_PATTERN_LITERAL, rule->name, &found);
		look_at_prefixes(rules, question, rule->name, &found);
		if (!found.denied)
			return true;
	}
	return false;
}

/* ---- as bytes ---------------------------------------------------------------------------------------------------------------- */

static void put_part(struct buffer *out, struct view part)
{
	buffer_i16(out, (int16_t)(uint16_t)part.size);
	buffer_view(out, part);
}

void access_rule_write(const struct access_rule *rule, struct buffer *out)
{
	buffer_i8(out, LAYOUT);
	buffer_i8(out, rule->type);
	buffer_i8(out, rule->pattern);
	buffer_i8(out, rule->operation);
	buffer_i8(out, rule->permission);
	put_part(out, rule->name);
	put_part(out, rule->principal);
	put_part(out, rule->host);
}

bool access_rule_read(struct view bytes, struct access_rule *out)
{
	struct cursor c = cursor_over(bytes);
	struct access_rule rule;
	int8_t layout = cursor_i8(&c);

	rule.type = cursor_i8(&c);
	rule.pattern = cursor_i8(&c);
	rule.operation = cursor_i8(&c);
	rule.permission = cursor_i8(&c);
	rule.name.size = cursor_u16(&c);
	rule.name.at = cursor_take(&c, rule.name.size);
	rule.principal.size = cursor_u16(&c);
	rule.principal.at = cursor_take(&c, rule.principal.size);
	rule.host.size = cursor_u16(&c);
	rule.host.at = cursor_take(&c, rule.host.size);
	if (c.fault || cursor_left(&c) > 0 || layout != LAYOUT || rule.type < 0 || rule.type >= TYPES)
		return false;
	*out = rule;
	return true;
}
