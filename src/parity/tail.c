/*
 * tail.c - tables from keys to the records of the tail, and their twins.
 *
 *	key ----> lanes of that key, one for each partition in which it was seen
 *	lane ---> its records of the tail, in order; how many equal ones stand before them in the source; and records of
 *	          the target that found no twin here: spares, which other lanes of the key may take
 *
 * A record of the target whose key nobody knows is most often one from before the anchor.  From a *floor* on, the last
 * twin of a record that is leant on, it is kept: first in a plain list, after tail_fix() as the spare of a key of its own.
 *
 * Everything lies in arrays and is named by index, so that growing moves nothing that somebody points to.  A thousand
 * equal records cost no more than a thousand different ones: each list has a cursor that only moves on.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "parity/tail.h"

#define NONE UINT32_MAX

struct key {
	struct digest digest;
	uint32_t lanes;  /* the first */
	uint32_t cursor; /* the first that may still have a spare, while settling */
};

struct lane {
	uint32_t key, next; /* the next of the same key */
	int32_t partition;
	uint64_t heads;                /* before the tail, not yet seen on the target */
	uint32_t first, last, waiting; /* nodes; `waiting` is the first without a twin at home */
	uint32_t spare_first, spare_last, spare_cursor;
};

struct node {
	int64_t source, target; /* offsets; target -1 without a twin */
	uint64_t ordinal;       /* of the twin among the records of its partition */
	uint32_t next, lane;
	int32_t target_partition;
	bool crossed; /* the twin is a spare of another lane: undone at the next settling */
	bool beyond;  /* behind the source's end: to be read, and not missed */
};

struct spare {
	int64_t offset;
	uint64_t ordinal;
	uint32_t next;
};

/* Of the target, before the source's end stood: its key is unknown. */
struct unknown {
	struct digest digest;
	int64_t offset;
	uint64_t ordinal;
	int32_t partition;
};

struct array {
	void *at;
	uint32_t count, capacity;
};

/* Open addressing: places in an array, NONE where empty; a power of two. */
struct table {
	uint32_t *at;
	uint32_t capacity;
};

struct tail {
	int32_t partitions[2];
	size_t memory, taken; /* bytes */
	struct array keys, lanes, nodes, spares, unknown;
	struct table key_table, lane_table;
	uint64_t *records; /* of the target, by partition */
	uint64_t *floors;  /* of the target, by partition: how many records are old; NO_FLOOR before the first twin */
	int64_t *leans;    /* of the source, by partition */
	bool fixed;
};

#define NO_FLOOR UINT64_MAX

struct tail *tail_new(int32_t source_partitions, int32_t target_partitions, size_t memory)
{
	struct tail *tail = calloc(1, sizeof *tail);

	if (!tail)
		return NULL;
	tail->partitions[0] = source_partitions;
	tail->partitions[1] = target_partitions;
	tail->memory = memory;
	tail->records = calloc((size_t)target_partitions + 1, sizeof *tail->records);
	tail->floors = calloc((size_t)target_partitions + 1, sizeof *tail->floors);
	tail->leans = calloc((size_t)source_partitions + 1, sizeof *tail->leans);
	if (!tail->records || !tail->floors || !tail->leans) {
		tail_free(tail);
		return NULL;
	}
	for (int32_t partition = 0; partition < target_partitions; partition++)
		tail->floors[partition] = NO_FLOOR;
	for (int32_t partition = 0; partition < source_partitions; partition++)
		tail->leans[partition] = INT64_MIN;
	return tail;
}

void tail_free(struct tail *tail)
{
	if (!tail)
		return;
	free(tail->keys.at);
	free(tail->lanes.at);
	free(tail->nodes.at);
	free(tail->spares.at);
	free(tail->unknown.at);
	free(tail->key_table.at);
	free(tail->lane_table.at);
	free(tail->records);
	free(tail->floors);
	free(tail->leans);
	free(tail);
}

static struct key *key_at(const struct tail *tail, uint32_t index)
{
	return (struct key *)tail->keys.at + index;
}

static struct lane *lane_at(const struct tail *tail, uint32_t index)
{
	return (struct lane *)tail->lanes.at + index;
}

static struct node *node_at(const struct tail *tail, uint32_t index)
{
	return (struct node *)tail->nodes.at + index;
}

static struct spare *spare_at(const struct tail *tail, uint32_t index)
{
	return (struct spare *)tail->spares.at + index;
}

/* Room for one more element.  While an array grows both copies are alive, so there must be room for both. */
static int array_room(struct tail *tail, struct array *array, size_t size)
{
	uint32_t capacity = array->capacity ? array->capacity * 2 : 256;
	void *at;

	if (array->count < array->capacity)
		return 0;
	if (capacity > NONE / 2 || tail->taken + capacity * size > tail->memory)
		return ERR_LIMIT;
	at = realloc(array->at, capacity * size);
	if (!at)
		return ERR_MEMORY;
	tail->taken += (capacity - array->capacity) * size;
	array->at = at;
	array->capacity = capacity;
	return 0;
}

/* Digests are uniform already; the partition is spread over the bits by a multiplication. */
static uint64_t lane_hash(struct digest digest, int32_t partition)
{
	return digest.low ^ ((uint64_t)(uint32_t)partition + 1) * 0x9e3779b97f4a7c15u;
}

static uint32_t *key_slot(const struct tail *tail, const struct table *table, struct digest digest)
{
	uint32_t index = (uint32_t)digest.low & (table->capacity - 1);

	while (table->at[index] != NONE && !digest_equal(key_at(tail, table->at[index])->digest, digest))
		index = (index + 1) & (table->capacity - 1);
	return &table->at[index];
}

static uint32_t *lane_slot(const struct tail *tail, const struct table *table, uint32_t key,
			   int32_t partition)
{
	uint32_t index = (uint32_t)lane_hash(key_at(tail, key)->digest, partition) & (table->capacity - 1);

	while (table->at[index] != NONE && (lane_at(tail, table->at[index])->key != key ||
					    lane_at(tail, table->at[index])->partition != partition))
		index = (index + 1) & (table->capacity - 1);
	return &table->at[index];
}

/* A table for twice as many; the caller fills it.  0, ERR_LIMIT, ERR_MEMORY. */
static int table_larger(struct tail *tail, const struct table *table, struct table *out)
{
	out->capacity = table->capacity ? table->capacity * 2 : 1024;
	if (out->capacity > NONE / 2 || tail->taken + out->capacity * sizeof *out->at > tail->memory)
		return ERR_LIMIT;
	out->at = malloc(out->capacity * sizeof *out->at);
	if (!out->at)
		return ERR_MEMORY;
	memset(out->at, 0xff, out->capacity * sizeof *out->at);
	tail->taken += (out->capacity - table->capacity) * sizeof *out->at;
	return 0;
}

/* Half full at most, so that looking for what is not there is short. */
static int tables_room(struct tail *tail)
{
	struct table larger;
	int err;

	if (tail->keys.count >= tail->key_table.capacity / 2) {
		if ((err = table_larger(tail, &tail->key_table, &larger)) < 0)
			return err;
		for (uint32_t index = 0; index < tail->keys.count; index++)
			*key_slot(tail, &larger, key_at(tail, index)->digest) = index;
		free(tail->key_table.at);
		tail->key_table = larger;
	}
	if (tail->lanes.count >= tail->lane_table.capacity / 2) {
		if ((err = table_larger(tail, &tail->lane_table, &larger)) < 0)
			return err;
		for (uint32_t index = 0; index < tail->lanes.count; index++)
			*lane_slot(tail, &larger, lane_at(tail, index)->key,
				   lane_at(tail, index)->partition) = index;
		free(tail->lane_table.at);
		tail->lane_table = larger;
	}
	return 0;
}

static uint32_t key_find(const struct tail *tail, struct digest digest)
{
	return tail->key_table.capacity ? *key_slot(tail, &tail->key_table, digest) : NONE;
}

/* The lane, made when it is not there. */
static int lane_get(struct tail *tail, uint32_t key, int32_t partition, uint32_t *out)
{
	int err = array_room(tail, &tail->lanes, sizeof(struct lane));
	uint32_t *slot;

	if (err == 0)
		err = tables_room(tail);
	if (err < 0)
		return err;
	slot = lane_slot(tail, &tail->lane_table, key, partition);
	if (*slot == NONE) {
		*slot = tail->lanes.count++;
		*lane_at(tail, *slot) = (struct lane){
			.key = key,
			.next = key_at(tail, key)->lanes,
			.partition = partition,
			.first = NONE,
			.last = NONE,
			.waiting = NONE,
			.spare_first = NONE,
			.spare_last = NONE,
			.spare_cursor = NONE,
		};
		key_at(tail, key)->lanes = *slot;
	}
	*out = *slot;
	return 0;
}

static int key_get(struct tail *tail, struct digest digest, uint32_t *out)
{
	int err = array_room(tail, &tail->keys, sizeof(struct key));
	uint32_t *slot;

	if (err == 0)
		err = tables_room(tail);
	if (err < 0)
		return err;
	slot = key_slot(tail, &tail->key_table, digest);
	if (*slot == NONE) {
		*slot = tail->keys.count++;
		*key_at(tail, *slot) = (struct key){ .digest = digest, .lanes = NONE };
	}
	*out = *slot;
	return 0;
}

static void node_pair(struct node *node, int32_t partition, int64_t offset, uint64_t ordinal, bool crossed)
{
	node->target_partition = partition;
	node->target = offset;
	node->ordinal = ordinal;
	node->crossed = crossed;
}

int tail_add(struct tail *tail, struct digest digest, int32_t partition, int64_t offset)
{
	uint32_t key, at, index;
	struct lane *lane;
	struct node *node;
	int err = key_get(tail, digest, &key);

	if (err == 0)
		err = lane_get(tail, key, partition, &at);
	if (err == 0)
		err = array_room(tail, &tail->nodes, sizeof *node);
	if (err < 0)
		return err;
	lane = lane_at(tail, at);
	index = tail->nodes.count++;
	node = node_at(tail, index);
	*node = (struct node){
		.source = offset, .target = -1, .next = NONE, .lane = at, .beyond = tail->fixed
	};
	if (lane->last == NONE)
		lane->first = index;
	else
		node_at(tail, lane->last)->next = index;
	lane->last = index;
	if (lane->waiting == NONE && lane->spare_first != NONE) { /* its twin came first */
		const struct spare *spare = spare_at(tail, lane->spare_first);

		node_pair(node, partition, spare->offset, spare->ordinal, false);
		lane->spare_first = spare->next;
		if (lane->spare_first == NONE)
			lane->spare_last = NONE;
	} else if (lane->waiting == NONE) {
		lane->waiting = index;
	}
	return 0;
}

int tail_head(struct tail *tail, struct digest digest, int32_t partition)
{
	uint32_t key = key_find(tail, digest), at;
	int err;

	if (key == NONE)
		return 0;
	err = lane_get(tail, key, partition, &at);
	if (err == 0)
		lane_at(tail, at)->heads++;
	return err;
}

void tail_lean(struct tail *tail, int32_t partition, int64_t offset)
{
	tail->leans[partition] = offset;
}

static void raise_floor(struct tail *tail, int32_t partition, const struct lane *lane,
			const struct node *node)
{
	uint64_t *floor = &tail->floors[partition];

	if (*floor == NO_FLOOR ||
	    (node->source < tail->leans[lane->partition] && node->ordinal + 1 > *floor))
		*floor = node->ordinal + 1;
}

static int spare_add(struct tail *tail, uint32_t at, int64_t offset, uint64_t ordinal)
{
	struct lane *lane = lane_at(tail, at);
	int err = array_room(tail, &tail->spares, sizeof(struct spare));
	uint32_t index;

	if (err < 0)
		return err;
	index = tail->spares.count++;
	*spare_at(tail, index) = (struct spare){ .offset = offset, .ordinal = ordinal, .next = NONE };
	if (lane->spare_last == NONE)
		lane->spare_first = index;
	else
		spare_at(tail, lane->spare_last)->next = index;
	lane->spare_last = index;
	return 0;
}

static int spare_of_unknown(struct tail *tail, const struct unknown *unknown)
{
	uint32_t key, at;
	int err = key_get(tail, unknown->digest, &key);

	if (err == 0)
		err = lane_get(tail, key, unknown->partition, &at);
	return err < 0 ? err : spare_add(tail, at, unknown->offset, unknown->ordinal);
}

static int keep_unknown(struct tail *tail, const struct unknown *unknown)
{
	int err;

	if (tail->fixed)
		return spare_of_unknown(tail, unknown);
	if (tail->floors[unknown->partition] == NO_FLOOR)
		return 0;
	err = array_room(tail, &tail->unknown, sizeof *unknown);
	if (err == 0)
		((struct unknown *)tail->unknown.at)[tail->unknown.count++] = *unknown;
	return err;
}

int tail_target(struct tail *tail, struct digest digest, int32_t partition, int64_t offset)
{
	uint32_t key = key_find(tail, digest), at;
	uint64_t ordinal = tail->records[partition]++;
	struct lane *lane;
	struct node *node;
	int err;

	if (key == NONE)
		return keep_unknown(tail, &(struct unknown){ digest, offset, ordinal, partition });
	err = lane_get(tail, key, partition, &at);
	if (err < 0)
		return err;
	lane = lane_at(tail, at);
	if (lane->heads) {
		lane->heads--;
		return 0;
	}
	if (lane->waiting == NONE)
		return spare_add(tail, at, offset, ordinal);
	node = node_at(tail, lane->waiting);
	node_pair(node, partition, offset, ordinal, false);
	lane->waiting = node->next;
	raise_floor(tail, partition, lane, node);
	return 0;
}

int tail_fix(struct tail *tail)
{
	const struct unknown *unknown = tail->unknown.at;
	int err = 0;

	for (uint32_t index = 0; err == 0 && index < tail->unknown.count; index++)
		if (unknown[index].ordinal >= tail->floors[unknown[index].partition])
			err = spare_of_unknown(tail, &unknown[index]);
	tail->taken -= tail->unknown.capacity * sizeof *unknown;
	free(tail->unknown.at);
	tail->unknown = (struct array){ 0 };
	tail->fixed = true;
	return err;
}

/* The next spare of any lane of this key. */
static const struct spare *spare_take(const struct tail *tail, struct key *key, int32_t *partition)
{
	for (; key->cursor != NONE; key->cursor = lane_at(tail, key->cursor)->next) {
		struct lane *lane = lane_at(tail, key->cursor);
		const struct spare *spare;

		if (lane->spare_cursor == NONE)
			continue;
		spare = spare_at(tail, lane->spare_cursor);
		lane->spare_cursor = spare->next;
		*partition = lane->partition;
		return spare;
	}
	return NULL;
}

uint64_t tail_settle(struct tail *tail)
{
	uint64_t alone = 0;

	for (uint32_t index = 0; index < tail->keys.count; index++)
		key_at(tail, index)->cursor = key_at(tail, index)->lanes;
	for (uint32_t index = 0; index < tail->lanes.count; index++)
		lane_at(tail, index)->spare_cursor = lane_at(tail, index)->spare_first;
	for (uint32_t index = 0; index < tail->nodes.count; index++) {
		struct node *node = node_at(tail, index);
		const struct spare *spare;
		int32_t partition = 0;

		if (node->target >= 0 && !node->crossed)
			continue;
		spare = spare_take(tail, key_at(tail, lane_at(tail, node->lane)->key), &partition);
		if (spare)
			node_pair(node, partition, spare->offset, spare->ordinal, true);
		else
			node_pair(node, 0, -1, 0, false);
		alone += !spare && !node->beyond;
	}
	return alone;
}

/* Of the spares that nobody took, the lowest of each partition; and how many there are. */
static uint64_t find_strangers(const struct tail *tail, const struct spare **lowest)
{
	uint64_t count = 0;

	for (uint32_t index = 0; index < tail->lanes.count; index++) {
		const struct lane *lane = lane_at(tail, index);

		for (uint32_t at = lane->spare_cursor; at != NONE; at = spare_at(tail, at)->next) {
			const struct spare *spare = spare_at(tail, at);

			if (spare->ordinal < tail->floors[lane->partition])
				continue;
			count++;
			if (lowest && (!lowest[lane->partition] ||
				       spare->ordinal < lowest[lane->partition]->ordinal))
				lowest[lane->partition] = spare;
		}
	}
	return count;
}

uint64_t tail_strangers(const struct tail *tail)
{
	return find_strangers(tail, NULL);
}

/* What is gathered for one partition of the source while its nodes pass by. */
struct scan {
	int64_t first;       /* lowest offset of the tail; -1 for none */
	int64_t last_paired; /* highest offset of the tail that has a twin; -1 for none */
	int64_t before;      /* highest offset below the position; -1 for none */
	const struct node *before_node;
};

static void scan_sources(const struct tail *tail, const int64_t *positions, struct scan *scans)
{
	for (int32_t partition = 0; partition < tail->partitions[0]; partition++)
		scans[partition] = (struct scan){ .first = -1, .last_paired = -1, .before = -1 };
	for (uint32_t index = 0; index < tail->nodes.count; index++) {
		const struct node *node = node_at(tail, index);
		int32_t partition = lane_at(tail, node->lane)->partition;
		struct scan *scan = &scans[partition];

		if (positions[partition] < 0)
			continue;
		if (node->source < positions[partition]) {
			if (node->source > scan->before) {
				scan->before = node->source;
				scan->before_node = node;
			}
			continue;
		}
		if (scan->first < 0 || node->source < scan->first)
			scan->first = node->source;
		if (node->target >= 0 && node->source > scan->last_paired)
			scan->last_paired = node->source;
	}
}

/* The lowest record of the tail in each partition of the target, and how many of the tail stand there. */
static void place_by_tail(const struct tail *tail, const int64_t *positions, const struct scan *scans,
			  struct tail_place *out, uint64_t *ordinals)
{
	bool equal = tail->partitions[0] == tail->partitions[1];

	for (uint32_t index = 0; index < tail->nodes.count; index++) {
		const struct node *node = node_at(tail, index);
		int32_t partition = lane_at(tail, node->lane)->partition;
		const struct scan *scan = &scans[partition];
		struct tail_place *home = &out[equal ? partition : 0];
		struct tail_place *place;

		if (positions[partition] < 0 || node->source < positions[partition])
			continue;
		home->tail += !node->beyond;
		if (node->target < 0) {
			if (node->beyond)
				continue; /* what the source got later has had no time to come */
			if (node->source < scan->last_paired)
				home->skipped++;
			else
				home->awaited++;
			continue;
		}
		place = &out[node->target_partition];
		place->behind++; /* for now: records of the tail that stand here */
		if (place->target < 0 || node->target < place->target) {
			place->target = node->target;
			place->next = partition == node->target_partition && node->source == scan->first;
			place->key = key_at(tail, lane_at(tail, node->lane)->key)->digest;
			ordinals[node->target_partition] = node->ordinal;
		}
	}
}

/* Where no record of the tail is there yet, the twin of the last record before the position says where it will come. */
static void place_by_anchor(const struct tail *tail, const struct scan *scans, struct tail_place *out,
			    uint64_t *ordinals)
{
	for (int32_t partition = 0; partition < tail->partitions[1]; partition++) {
		const struct node *before =
			partition < tail->partitions[0] ? scans[partition].before_node : NULL;
		struct tail_place *place = &out[partition];

		if (!before || before->target < 0 || before->target_partition != partition)
			continue;
		if (place->target < 0) {
			place->target = before->target + 1;
			place->key = key_at(tail, lane_at(tail, before->lane)->key)->digest;
			place->anchored = true;
			ordinals[partition] = before->ordinal + 1;
		} else {
			place->anchored = before->ordinal + 1 == ordinals[partition];
		}
	}
}

/* What is nobody's twin may be on its way to the source, where it will stand behind every position: it is not passed by. */
static void hold_back(const struct tail *tail, const struct spare *const *lowest, struct tail_place *out,
		      uint64_t *ordinals)
{
	for (int32_t partition = 0; partition < tail->partitions[1]; partition++) {
		const struct spare *stranger = lowest[partition];
		struct tail_place *place = &out[partition];

		if (!stranger || place->target < 0 || stranger->ordinal >= ordinals[partition])
			continue;
		place->target = stranger->offset;
		ordinals[partition] = stranger->ordinal;
		place->next = place->anchored = false;
		place->held_back = true;
	}
}

int tail_place(const struct tail *tail, const int64_t *positions, struct tail_place *out)
{
	const struct spare **lowest = calloc((size_t)tail->partitions[1] + 1, sizeof *lowest);
	struct scan *scans = calloc((size_t)tail->partitions[0] + 1, sizeof *scans);
	uint64_t *ordinals = calloc((size_t)tail->partitions[1] + 1, sizeof *ordinals);
	int err = lowest && scans && ordinals ? 0 : ERR_MEMORY;

	for (int32_t partition = 0; err == 0 && partition < tail->partitions[1]; partition++)
		out[partition] = (struct tail_place){ .target = -1 };
	if (err == 0) {
		scan_sources(tail, positions, scans);
		place_by_tail(tail, positions, scans, out, ordinals);
		if (tail->partitions[0] == tail->partitions[1])
			place_by_anchor(tail, scans, out, ordinals);
		find_strangers(tail, lowest);
		hold_back(tail, lowest, out, ordinals);
	}
	for (int32_t partition = 0; err == 0 && partition < tail->partitions[1]; partition++) {
		struct tail_place *place = &out[partition];
		uint64_t twins = place->behind;

		place->behind = place->target < 0 ? 0 : tail->records[partition] - ordinals[partition];
		place->reread = place->behind - (place->target < 0 ? 0 : twins);
	}
	free(lowest);
	free(scans);
	free(ordinals);
	return err;
}
