/*
 * latest.c - one slot a key, for both sides: open addressing over a power of two, at most three quarters full.
 *
 * A key is known by 128 bits of its hash.  Within a partition the later offset is the later value; should a key stand in
 * several partitions of one side, the later timestamp is.
 */
#include <stdlib.h>

#include "parity/latest.h"

#define CAPACITY_MIN 1024

struct last {
	struct digest content; /* key, value and headers */
	int64_t offset, timestamp;
	int32_t partition;
	bool there, tombstone;
};

struct latest_slot {
	struct digest key;
	struct last side[2];
	bool used, excused;
};

struct latest {
	struct latest_slot *slots;
	size_t count, capacity;
	uint64_t seed, differing;
};

struct latest *latest_new(uint64_t seed)
{
	struct latest *latest = calloc(1, sizeof *latest);

	if (!latest)
		return NULL;
	latest->seed = seed;
	latest->capacity = CAPACITY_MIN;
	latest->slots = calloc(latest->capacity, sizeof *latest->slots);
	if (!latest->slots) {
		free(latest);
		return NULL;
	}
	return latest;
}

void latest_free(struct latest *latest)
{
	if (!latest)
		return;
	free(latest->slots);
	free(latest);
}

static struct latest_slot *find(const struct latest *latest, struct digest key)
{
	size_t mask = latest->capacity - 1, i = (size_t)key.low & mask;

	while (latest->slots[i].used && !digest_equal(latest->slots[i].key, key))
		i = (i + 1) & mask;
	return &latest->slots[i];
}

static int grow(struct latest *latest)
{
	struct latest old = *latest;

	latest->capacity *= 2;
	latest->slots = calloc(latest->capacity, sizeof *latest->slots);
	if (!latest->slots) {
		*latest = old;
		return ERR_MEMORY;
	}
	for (size_t i = 0; i < old.capacity; i++)
		if (old.slots[i].used)
			*find(latest, old.slots[i].key) = old.slots[i];
	free(old.slots);
	return 0;
}

static bool alive(const struct last *last)
{
	return last->there && !last->tombstone;
}

static bool differs(const struct latest_slot *slot)
{
	const struct last *source = &slot->side[SOURCE], *target = &slot->side[TARGET];

	if (slot->excused)
		return false;
	if (!alive(source) || !alive(target))
		return alive(source) || alive(target);
	return !digest_equal(source->content, target->content);
}

int latest_eat(struct latest *latest, const struct slab *slab)
{
	for (uint32_t row = 0; row < slab->count; row++) {
		struct latest_slot *slot;
		struct record record;
		struct digest key;
		struct last *last;

		if (!slab->places[row] || record_split(slab_slice(slab, row), &record) < 0 || !record.key.at)
			continue;
		if ((latest->count + 1) * 4 > latest->capacity * 3 && grow(latest) < 0)
			return ERR_MEMORY;
		key = hash128(record.key.at, record.key.size, latest->seed);
		slot = find(latest, key);
		last = &slot->side[slab->side];
		if (!slot->used) {
			slot->used = true;
			slot->key = key;
			latest->count++;
		}
		if (last->there && last->partition != slab->partition &&
		    last->timestamp > slab->timestamps[row])
			continue;
		latest->differing -= differs(slot);
		*last = (struct last){
			slab->digests[row], slab->offsets[row], slab->timestamps[row], slab->partition, true,
			!record.value.at
		};
		latest->differing += differs(slot);
	}
	return 0;
}

uint64_t latest_differing(const struct latest *latest)
{
	return latest->differing;
}

size_t latest_memory(const struct latest *latest)
{
	return latest->capacity * sizeof *latest->slots;
}

void latest_excuse(struct latest *latest, const struct slab *slab, int64_t from)
{
	for (uint32_t row = 0; row < slab->count; row++) {
		struct latest_slot *slot;
		struct record record;

		if (!slab->places[row] || slab->offsets[row] < from ||
		    record_split(slab_slice(slab, row), &record) < 0 || !record.key.at)
			continue;
		slot = find(latest, hash128(record.key.at, record.key.size, latest->seed));
		if (!slot->used)
			continue;
		latest->differing -= differs(slot);
		slot->excused = true;
	}
}

void latest_limit(struct latest *latest, int32_t target_partition, int64_t offset)
{
	for (size_t i = 0; i < latest->capacity && offset != INT64_MAX; i++) {
		struct latest_slot *slot = &latest->slots[i];
		const struct last *last = &slot->side[TARGET];

		if (!slot->used || !last->there || last->partition != target_partition ||
		    last->offset < offset || !differs(slot))
			continue;
		latest->differing--;
		slot->excused = true;
	}
}

void latest_gap(struct latest *latest, enum log_side side, int32_t partition, int64_t offset)
{
	for (size_t i = 0; i < latest->capacity; i++) {
		struct latest_slot *slot = &latest->slots[i];
		const struct last *last = &slot->side[side], *other = &slot->side[!side];

		if (!slot->used || !differs(slot))
			continue;
		if (partition >= 0 && (last->there ? last : other)->partition != partition)
			continue;
		if (partition >= 0 && last->there && last->offset >= offset)
			continue;
		latest->differing--;
		slot->excused = true;
	}
}

uint64_t latest_judge(const struct latest *latest, void (*tell)(void *context, const struct finding *finding),
		      void *context)
{
	uint64_t matched = 0;

	for (size_t i = 0; i < latest->capacity; i++) {
		const struct latest_slot *slot = &latest->slots[i];
		struct finding finding = { .class = FINDING_COMPACTED };

		if (!slot->used)
			continue;
		if (!differs(slot)) {
			matched += alive(&slot->side[SOURCE]) && alive(&slot->side[TARGET]) && !slot->excused;
			continue;
		}
		for (int side = 0; side < 2; side++) {
			const struct last *last = &slot->side[side];

			if (last->there)
				finding.place[side] = (struct record_place){
					true,         true, last->partition, last->offset, last->timestamp,
					slot->key.low
				};
		}
		tell(context, &finding);
	}
	return matched;
}
