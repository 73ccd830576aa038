/* key_count.c - a set of hashes of keys, with open addressing; half of it stays empty. */
#include <stdlib.h>

#include "base/random.h"
#include "parity/key_count.h"

#define INFLATE_MOST ((size_t)64 << 20)

struct key_count {
	uint64_t *slots; /* 0: empty */
	size_t mask;
	int64_t count, enough;
	uint64_t seed, topic; /* of the topic that is read */
};

int key_count_new(int64_t enough, struct key_count **out)
{
	struct key_count *keys;
	size_t capacity = 64;

	if (enough < 0 || enough > KEY_COUNT_MOST)
		return ERR_LIMIT;
	while (capacity < (size_t)enough * 2)
		capacity *= 2;
	keys = calloc(1, sizeof *keys);
	if (!keys)
		return ERR_MEMORY;
	*keys = (struct key_count){ .slots = calloc(capacity, sizeof *keys->slots),
				    .mask = capacity - 1,
				    .enough = enough };
	random_secret(&keys->seed, sizeof keys->seed);
	if (!keys->slots) {
		key_count_free(keys);
		return ERR_MEMORY;
	}
	*out = keys;
	return 0;
}

void key_count_free(struct key_count *keys)
{
	if (!keys)
		return;
	free(keys->slots);
	free(keys);
}

int64_t key_count_of(const struct key_count *keys)
{
	return keys->count;
}

static void add(struct key_count *keys, uint64_t name)
{
	size_t i = (size_t)(name ^ name >> 32) & keys->mask;

	name += name == 0;
	for (; keys->slots[i] && keys->slots[i] != name; i = (i + 1) & keys->mask)
		;
	keys->count += !keys->slots[i];
	keys->slots[i] = name;
}

bool key_count_add(struct key_count *keys, const struct slab *slab, uint64_t topic)
{
	for (uint32_t row = 0; row < slab->count && keys->count < keys->enough; row++) {
		/* No place: what cannot be read.  The varint of -1: no key. */
		if (slab->places[row] && slab->places[row][0] != 1)
			add(keys,
			    key_hash_of(slab_slice(slab, row), keys->seed) ^ topic * 0x9fb21c651e98df25u);
	}
	return keys->count >= keys->enough;
}

static int on_slab(void *context, const struct slab *slab)
{
	struct key_count *keys = context;

	return key_count_add(keys, slab, keys->topic) ? ERR_CONFLICT : 0;
}

int key_count_read(struct key_count *keys, struct loop *loop, struct cluster *cluster, const char *topic,
		   const struct scan_part *parts, int count, struct allowance *allowance, int64_t deadline_ms,
		   struct fault *fault)
{
	struct decode_options decode = { .seed = keys->seed, .shards = 1 };
	struct scan_options options = { .cluster = cluster,
					.topic = topic,
					.side = TARGET,
					.decode = &decode,
					.allowance = allowance,
					.deadline_ms = deadline_ms,
					.inflate_most = INFLATE_MOST,
					.visit = on_slab,
					.context = keys };
	struct scan_stop stop;
	int err;

	keys->topic++;
	if (keys->count >= keys->enough)
		return 0;
	err = scan_run(loop, &options, parts, count, &stop, fault);
	return err == ERR_CONFLICT ? 0 : err;
}
