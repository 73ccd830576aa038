/* slab.c - the memory of slabs. */
#include <stdlib.h>

#include "base/err.h"
#include "parity/slab.h"

#define SLAB_BYTES_MAX ((size_t)2 << 30)
#define SLAB_ROWS_MAX  (1u << 30)

void slab_totals_add(struct slab_totals *totals, const struct slab_totals *more)
{
	totals->records += more->records;
	totals->bytes += more->bytes;
	totals->unreadable += more->unreadable;
	totals->log_append += more->log_append;
	totals->loose += more->loose;
	totals->legacy += more->legacy;
	totals->stripped += more->stripped;
	totals->unidentified += more->unidentified;
	totals->sum = digest_add(totals->sum, more->sum);
}

struct slab *slab_new(enum log_side side, int32_t partition, int64_t from, bool identities)
{
	struct slab *slab = calloc(1, sizeof *slab);

	if (!slab)
		return NULL;
	slab->side = side;
	slab->partition = partition;
	slab->from = slab->until = from;
	buffer_init(&slab->bytes, SLAB_BYTES_MAX);
	if (identities && !(slab->identities = malloc(sizeof *slab->identities))) {
		free(slab);
		return NULL;
	}
	return slab;
}

void slab_free(struct slab *slab)
{
	if (!slab)
		return;
	if (slab->release)
		slab->release(slab->keep);
	free(slab->digests);
	free(slab->timestamps);
	free(slab->offsets);
	free(slab->places);
	free(slab->sizes);
	free(slab->identities);
	free(slab->runs);
	free(slab->markers);
	buffer_done(&slab->bytes);
	free(slab);
}

/* Each array grows by itself; the capacity is raised only when all have. */
#define GROW(array, capacity)                                                                                \
	do {                                                                                                 \
		void *grown = realloc(array, (capacity) * sizeof *(array));                                  \
		if (!grown)                                                                                  \
			return ERR_MEMORY;                                                                   \
		(array) = grown;                                                                             \
	} while (0)

int slab_reserve(struct slab *slab, uint32_t more)
{
	size_t capacity = slab->capacity ? slab->capacity : 64;

	if (slab->capacity - slab->count >= more)
		return 0;
	if (more > SLAB_ROWS_MAX - slab->count)
		return ERR_MEMORY;
	while (capacity < (size_t)slab->count + more)
		capacity *= 2;
	GROW(slab->digests, capacity);
	GROW(slab->timestamps, capacity);
	GROW(slab->offsets, capacity);
	GROW(slab->places, capacity);
	GROW(slab->sizes, capacity);
	if (slab->identities)
		GROW(slab->identities, capacity);
	slab->capacity = (uint32_t)capacity;
	return 0;
}

static int runs_grow(struct slab *slab)
{
	size_t capacity = slab->run_capacity ? (size_t)slab->run_capacity * 2 : 16;

	GROW(slab->runs, capacity);
	slab->run_capacity = (uint32_t)capacity;
	return 0;
}

static int markers_grow(struct slab *slab)
{
	size_t capacity = slab->marker_capacity ? (size_t)slab->marker_capacity * 2 : 8;

	GROW(slab->markers, capacity);
	slab->marker_capacity = (uint32_t)capacity;
	return 0;
}

struct slab_run *slab_add_run(struct slab *slab)
{
	struct slab_run *run;

	if (slab->run_count == slab->run_capacity && runs_grow(slab) < 0)
		return NULL;
	run = &slab->runs[slab->run_count++];
	*run = (struct slab_run){ .first = slab->count, .producer_id = -1 };
	return run;
}

struct slab_marker *slab_add_marker(struct slab *slab)
{
	struct slab_marker *marker;

	if (slab->marker_count == slab->marker_capacity && markers_grow(slab) < 0)
		return NULL;
	marker = &slab->markers[slab->marker_count++];
	*marker = (struct slab_marker){ .before = slab->count };
	return marker;
}

int slab_add_gap(struct slab *slab, uint32_t kind, uint32_t count, int64_t offset, int64_t timestamp)
{
	struct slab_run *run;
	uint32_t row = slab->count;

	if (slab_reserve(slab, 1) < 0 || !(run = slab_add_run(slab)))
		return ERR_MEMORY;
	run->count = 1;
	run->base_offset = offset;
	/* A digest that no record has, and no other gap on either side. */
	slab->digests[row] =
		(struct digest){ (uint64_t)offset, ~(uint64_t)0 - (uint64_t)slab->side - 2 * kind };
	slab->timestamps[row] = timestamp;
	slab->offsets[row] = offset;
	slab->places[row] = NULL;
	slab->sizes[row] = kind | (count < ROW_COUNT_MOST ? count : ROW_COUNT_MOST);
	if (slab->identities)
		slab->identities[row] = 0;
	slab->totals.sum = digest_add(slab->totals.sum, slab->digests[row]);
	slab->count++;
	return 0;
}

size_t slab_memory(const struct slab *slab)
{
	size_t row = sizeof *slab->digests + sizeof *slab->timestamps + sizeof *slab->offsets +
		     sizeof *slab->places + sizeof *slab->sizes +
		     (slab->identities ? sizeof *slab->identities : 0);

	return sizeof *slab + slab->capacity * row + slab->run_capacity * sizeof *slab->runs +
	       slab->marker_capacity * sizeof *slab->markers + slab->bytes.capacity +
	       (slab->borrows ? slab->borrowed : 0);
}
