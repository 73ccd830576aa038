/*
 * join_table.c - the tables of a join: waiting records by content, watched keys, homes of keys.
 *
 * All three are open addressing with linear probing over a power of two, at most three quarters full.
 */
#include <stdlib.h>

#include "parity/join_state.h"

#define CAPACITY_MIN 64

static bool crowded(size_t count, size_t capacity)
{
	return count * 4 >= capacity * 3;
}

/*
 * What must be equal for two records to be twins.  A record with a home partition is bound to it, so that it finds no
 * twin elsewhere before the end; without an identity its timestamp belongs to it, as long as timestamps are compared.
 */
uint64_t group_name(const struct join *join, struct digest digest, int64_t timestamp, uint64_t identity,
		    bool keyed, int32_t partition)
{
	uint64_t name = identity ? identity : digest.low;

	if (!identity && join->times_matter)
		name ^= mix((uint64_t)timestamp + 1);
	if (join->paired && (keyed || join->options.claim >= CLAIM_PARTITION_ORDER))
		name ^= mix((uint64_t)partition + 0x5bd1e995);
	return mix(name);
}

static bool same_content(const struct entry *entry, struct digest digest, uint64_t identity)
{
	return identity ? entry->identity == identity
			: !entry->identity && digest_equal(entry->digest, digest);
}

/* The slot of the group, or the empty one where it would go. */
static struct group *group_slot(const struct group_table *table, uint64_t name, struct digest digest,
				uint64_t identity)
{
	size_t mask = table->capacity - 1, i = (size_t)name & mask;

	while (table->slots[i].first &&
	       (table->slots[i].name != name || !same_content(table->slots[i].first, digest, identity)))
		i = (i + 1) & mask;
	return &table->slots[i];
}

struct group *group_find(const struct join *join, uint64_t name, struct digest digest, uint64_t identity)
{
	struct group *group;

	if (!join->groups.count)
		return NULL;
	group = group_slot(&join->groups, name, digest, identity);
	return group->first ? group : NULL;
}

static int groups_grow(struct join *join)
{
	struct group_table old = join->groups, new = { 0 };

	new.capacity = old.capacity ? old.capacity * 2 : CAPACITY_MIN;
	new.slots = calloc(new.capacity, sizeof *new.slots);
	if (!new.slots)
		return ERR_MEMORY;
	new.count = old.count;
	for (size_t i = 0; i < old.capacity; i++) {
		struct group *group = &old.slots[i];

		if (group->first)
			*group_slot(&new, group->name, group->first->digest, group->first->identity) = *group;
	}
	join->memory += (new.capacity - old.capacity) * sizeof *new.slots;
	free(old.slots);
	join->groups = new;
	return 0;
}

int group_add(struct join *join, uint64_t name, struct entry *entry)
{
	struct group *group;

	if (crowded(join->groups.count, join->groups.capacity) && groups_grow(join) < 0)
		return ERR_MEMORY;
	group = group_slot(&join->groups, name, entry->digest, entry->identity);
	entry->group_next = NULL;
	if (group->first) {
		entry->group_prev = group->last;
		group->last->group_next = entry;
		group->last = entry;
		return 0;
	}
	entry->group_prev = NULL;
	*group = (struct group){ name, entry, entry };
	join->groups.count++;
	return 0;
}

void group_remove(struct join *join, uint64_t name, struct entry *entry)
{
	struct group_table *table = &join->groups;
	struct group *group = group_slot(table, name, entry->digest, entry->identity);
	size_t mask = table->capacity - 1, hole, i;

	if (entry->group_prev)
		entry->group_prev->group_next = entry->group_next;
	else
		group->first = entry->group_next;
	if (entry->group_next)
		entry->group_next->group_prev = entry->group_prev;
	else
		group->last = entry->group_prev;
	if (group->first)
		return;
	hole = (size_t)(group - table->slots);
	for (i = (hole + 1) & mask; table->slots[i].first; i = (i + 1) & mask) {
		size_t home = (size_t)table->slots[i].name & mask;

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			table->slots[hole] = table->slots[i];
			hole = i;
		}
	}
	table->slots[hole] = (struct group){ 0 };
	table->count--;
}

int groups_rename(struct join *join)
{
	struct group_table old = join->groups;
	int err = 0;

	join->groups = (struct group_table){ 0 };
	join->memory -= old.capacity * sizeof *old.slots;
	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; p < join->options.partitions[side]; p++) {
			for (struct entry *e = join->streams[side][p].oldest; e; e = e->lane_next)
				if (!e->gap && err == 0)
					err = group_add(join, entry_group(join, e), e);
		}
	}
	free(old.slots);
	return err;
}

void groups_done(struct join *join)
{
	join->memory -= join->groups.capacity * sizeof *join->groups.slots;
	free(join->groups.slots);
	join->groups = (struct group_table){ 0 };
}

static struct unit **unit_slot(const struct unit_table *table, uint64_t name)
{
	size_t mask = table->capacity - 1, i = (size_t)name & mask;

	while (table->slots[i] && table->slots[i]->name != name)
		i = (i + 1) & mask;
	return &table->slots[i];
}

struct unit *unit_find(const struct join *join, uint64_t name)
{
	return join->units.count ? *unit_slot(&join->units, name) : NULL;
}

int unit_add(struct join *join, struct unit *unit)
{
	struct unit_table *table = &join->units;

	if (crowded(table->count, table->capacity)) {
		struct unit_table new = { .capacity = table->capacity ? table->capacity * 2 : CAPACITY_MIN };

		new.slots = calloc(new.capacity, sizeof *new.slots);
		if (!new.slots)
			return ERR_MEMORY;
		new.count = table->count;
		for (size_t i = 0; i < table->capacity; i++)
			if (table->slots[i])
				*unit_slot(&new, table->slots[i]->name) = table->slots[i];
		join->memory += (new.capacity - table->capacity) * sizeof *new.slots;
		free(table->slots);
		*table = new;
	}
	*unit_slot(table, unit->name) = unit;
	table->count++;
	return 0;
}

void unit_remove(struct join *join, struct unit *unit)
{
	struct unit_table *table = &join->units;
	size_t mask = table->capacity - 1, hole = (size_t)(unit_slot(table, unit->name) - table->slots), i;

	for (i = (hole + 1) & mask; table->slots[i]; i = (i + 1) & mask) {
		size_t home = (size_t)table->slots[i]->name & mask;

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			table->slots[hole] = table->slots[i];
			hole = i;
		}
	}
	table->slots[hole] = NULL;
	table->count--;
}

void units_done(struct join *join)
{
	for (size_t i = 0; i < join->units.capacity; i++) {
		if (join->units.slots[i]) {
			free(join->units.slots[i]->runs);
			free(join->units.slots[i]);
		}
	}
	free(join->units.slots);
	join->units = (struct unit_table){ 0 };
}

/* A slot with count 0 is empty. */
static struct home *home_slot(const struct home_table *table, uint64_t key)
{
	size_t mask = table->capacity - 1, i = (size_t)mix(key) & mask;

	while (table->slots[i].count && table->slots[i].key != key)
		i = (i + 1) & mask;
	return &table->slots[i];
}

const struct home *home_find(const struct join *join, uint64_t key)
{
	struct home *home = join->homes.count ? home_slot(&join->homes, key) : NULL;

	return home && home->count ? home : NULL;
}

int home_count(struct join *join, uint64_t key, const struct record_place place[2])
{
	struct home_table *table = &join->homes;
	struct home *home;

	if (crowded(table->count, table->capacity)) {
		struct home_table new = { .capacity = table->capacity ? table->capacity * 2 : CAPACITY_MIN };

		new.slots = calloc(new.capacity, sizeof *new.slots);
		if (!new.slots)
			return ERR_MEMORY;
		new.count = table->count;
		for (size_t i = 0; i < table->capacity; i++)
			if (table->slots[i].count)
				*home_slot(&new, table->slots[i].key) = table->slots[i];
		join->memory += (new.capacity - table->capacity) * sizeof *new.slots;
		free(table->slots);
		*table = new;
	}
	home = home_slot(table, key);
	if (!home->count) {
		*home = (struct home){ NULL, key, 1, { place[SOURCE], place[TARGET] } };
		table->count++;
		return 0;
	}
	while (home->place[TARGET].partition != place[TARGET].partition && home->next)
		home = home->next;
	if (home->place[TARGET].partition == place[TARGET].partition) {
		home->count++;
		return 0;
	}
	home->next = malloc(sizeof *home);
	if (!home->next)
		return ERR_MEMORY;
	*home->next = (struct home){ NULL, key, 1, { place[SOURCE], place[TARGET] } };
	join->memory += sizeof *home;
	return 0;
}

/* Sets how often a key that home_count() knows stands in a partition. */
void home_raise(struct join *join, uint64_t key, int32_t partition, uint64_t count)
{
	for (struct home *home = home_slot(&join->homes, key); home; home = home->next)
		if (home->count && home->place[TARGET].partition == partition)
			home->count = count;
}

int32_t home_partition(const struct home *home)
{
	const struct home *most = home;

	for (; home; home = home->next)
		if (home->count > most->count)
			most = home;
	return most->place[TARGET].partition;
}

void homes_done(struct join *join)
{
	for (size_t i = 0; i < join->homes.capacity; i++) {
		for (struct home *home = join->homes.slots[i].next, *next; home; home = next) {
			next = home->next;
			free(home);
		}
	}
	free(join->homes.slots);
	join->homes = (struct home_table){ 0 };
}
