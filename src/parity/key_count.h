/*
 * key_count.h - how many different keys ranges of topics hold, counted one by one, up to a number that is enough.
 *
 * Two topics have no key in common.  Records without a key have none.  For top-level code that waits.
 */
#ifndef PARITY_KEY_COUNT_H
#define PARITY_KEY_COUNT_H

#include "parity/scan.h"

struct key_count;

#define KEY_COUNT_MOST 1000000

/* `enough`: more are not counted, and nothing is read for them.  ERR_LIMIT past KEY_COUNT_MOST, ERR_MEMORY. */
int key_count_new(int64_t enough, struct key_count **out);
void key_count_free(struct key_count *keys); /* NULL is silent */

/* How many were found; never more than is enough. */
int64_t key_count_of(const struct key_count *keys);

/* Reads on until these parts are over or it is enough: 0; else as scan_run(), and what was found counts all the same. */
int key_count_read(struct key_count *keys, struct loop *loop, struct cluster *cluster, const char *topic,
		   const struct scan_part *parts, int count, struct allowance *allowance, int64_t deadline_ms,
		   struct fault *fault);

/* Of one decoded piece: true when it is enough.  For the reader above, and tests. */
bool key_count_add(struct key_count *keys, const struct slab *slab, uint64_t topic);

#endif
