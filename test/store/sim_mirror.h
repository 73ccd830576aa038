/* sim_mirror.h - what a simulated link knows: of its source, of the mirror, of what is under way. */
#ifndef TEST_STORE_SIM_MIRROR_H
#define TEST_STORE_SIM_MIRROR_H

#include "sim.h"

#define PRODUCER_FIRST 5000
#define PRODUCER_COUNT 3 /* one without transactions */
#define HISTORY_MAX    40
#define PIECE_MAX      6

/* One batch of the source. */
struct linked {
	uint64_t number;
	int64_t base, last;
	int64_t producer; /* -1 for none */
	int32_t epoch, sequence;
	bool transactional, marker, commits;
	bool given_up; /* the mirror had it once */
};

struct sim_mirror {
	struct linked history[HISTORY_MAX + 1000];
	size_t history_count;
	struct linked *copy;
	size_t copy_count, copy_capacity;
	int64_t start, durable;
	int64_t tail_start; /* producers that wrote below it only are not known */
	int32_t epoch;

	/* Under way, or in doubt. */
	bool beginning, cutting, filling, moving, new_epoch, promoting;
	bool decided; /* the piece has no transaction whose marker is not there */
	bool promoted;
	int64_t cut_offset, fill_from, move_to;
	size_t fill_count;
	int32_t next_epoch;
};

static inline struct partition *mirror_partition(struct sim *sim)
{
	return sim->linked->partitions[0];
}

/* The bytes of a batch of the source. */
void mirror_make(const struct linked *linked, struct buffer *out);

/* After a restart: what was in doubt has happened if the mirror says so. */
void mirror_settle_doubt(struct sim_mirror *mirror, const struct store_partition_state *is);

#endif
