/* map.c - linear probing over a power of two, at most three quarters full; removal shifts back, so no tombstones. */
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/map.h"

#define MAP_CAPACITY_MIN 16

void map_init(struct map *map)
{
	*map = (struct map){ 0 };
}

void map_done(struct map *map)
{
	MAP_EACH(map, slot)
		free((void *)slot->key.at);
	free(map->slots);
	map_init(map);
}

static size_t home_of(const struct map *map, struct view key)
{
	return (size_t)hash64(key.at, key.size, 0) & (map->capacity - 1);
}

/* The slot of `key`, or the empty one where it would go. */
static struct map_slot *find(const struct map *map, struct view key)
{
	size_t i = home_of(map, key);

	while (map->slots[i].key.at && !view_equal(map->slots[i].key, key))
		i = (i + 1) & (map->capacity - 1);
	return &map->slots[i];
}

void *map_get(const struct map *map, struct view key)
{
	return map->count && key.at ? find(map, key)->value : NULL;
}

static int enlarge(struct map *map)
{
	struct map old = *map;
	size_t capacity = old.capacity ? old.capacity * 2 : MAP_CAPACITY_MIN;
	struct map_slot *slots = calloc(capacity, sizeof *slots);

	if (!slots)
		return ERR_MEMORY;
	map->slots = slots;
	map->capacity = capacity;
	MAP_EACH(&old, slot)
		*find(map, slot->key) = *slot;
	free(old.slots);
	return 0;
}

int map_put(struct map *map, struct view key, void *value)
{
	struct map_slot *slot;
	uint8_t *copy;
	int err;

	if (map->count * 4 >= map->capacity * 3 && (err = enlarge(map)) < 0)
		return err;
	slot = find(map, key);
	if (slot->key.at) {
		slot->value = value;
		return 0;
	}
	copy = malloc(key.size + 1);
	if (!copy)
		return ERR_MEMORY;
	if (key.size)
		memcpy(copy, key.at, key.size);
	copy[key.size] = 0;
	*slot = (struct map_slot){ view_of(copy, key.size), value };
	map->count++;
	return 0;
}

void *map_remove(struct map *map, struct view key)
{
	size_t mask = map->capacity - 1, hole, i;
	struct map_slot *slot;
	void *value;

	if (!map->count || !key.at || !(slot = find(map, key))->key.at)
		return NULL;
	value = slot->value;
	free((void *)slot->key.at);
	hole = (size_t)(slot - map->slots);
	for (i = (hole + 1) & mask; map->slots[i].key.at; i = (i + 1) & mask) {
		size_t home = home_of(map, map->slots[i].key);

		/* A slot may move into the hole unless its home lies cyclically behind the hole. */
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			map->slots[hole] = map->slots[i];
			hole = i;
		}
	}
	map->slots[hole] = (struct map_slot){ 0 };
	map->count--;
	return value;
}
