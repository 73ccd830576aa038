/*
 * latest.h - the table view of a topic: the last value of each key, for the claim `latest`.
 *
 * Compaction makes two logs of the same table differ in everything but this: which key has which value (and headers) last.
 * A tombstone and no record at all are the same, since compaction may take tombstones away.
 */
#ifndef PARITY_LATEST_H
#define PARITY_LATEST_H

#include "parity/join.h"

struct latest;

/* NULL when memory is out. */
struct latest *latest_new(uint64_t seed);
void latest_free(struct latest *latest);

/* Takes in the rows of a slab; slabs of a partition come in order.  0 or ERR_MEMORY. */
int latest_eat(struct latest *latest, const struct slab *slab);

/* Keys whose last value differs between the sides now. */
uint64_t latest_differing(const struct latest *latest);
size_t latest_memory(const struct latest *latest);

/* The source has written the keys of these rows again behind the end of the comparison: no word about them. */
void latest_excuse(struct latest *latest, const struct slab *slab, int64_t from);

/* The target has written these keys again behind the end of the comparison: no word about them either. */
void latest_limit(struct latest *latest, int32_t target_partition, int64_t offset);

/*
 * What one side has at `offset` of a partition could not be read: no word about the keys of which it shows nothing behind
 * that.  `partition` -1: with unequal partition counts any key may have been there.
 */
void latest_gap(struct latest *latest, enum log_side side, int32_t partition, int64_t offset);

/* Keys that are equal and alive on both sides; each that differs is told to `tell`. */
uint64_t latest_judge(const struct latest *latest, void (*tell)(void *context, const struct finding *finding),
		      void *context);

#endif
