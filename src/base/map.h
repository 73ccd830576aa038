/*
 * map.h - names to pointers: an open-addressing table keyed by bytes, which it copies.
 *
 * For names (topics, groups, keys of a plan), not for records: what must hold millions has a table of its own.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/view.h"

struct map_slot {
	struct view key;	/* owned by the map; at == NULL marks an empty slot */
	void *value;
};

struct map {
	struct map_slot *slots;
	size_t count, capacity;
};

#define MAP_EACH(map, slot) \
	for (struct map_slot *slot = (map)->slots; slot && slot < (map)->slots + (map)->capacity; slot++) \
		if (slot->key.at)

void map_init(struct map *map);

/* Frees the table and its keys; values belong to the caller. */
void map_done(struct map *map);

void *map_get(const struct map *map, struct view key);

/* Adds or replaces.  0 or ERR_MEMORY. */
int map_put(struct map *map, struct view key, void *value);

/* Takes it out and returns the value, or NULL. */
void *map_remove(struct map *map, struct view key);

#endif
