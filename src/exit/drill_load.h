/*
 * drill_load.h - the application of a drill: it writes every record twice, first to the side that its flag names and, once
 * that one has acknowledged it, to the other.
 *
 * It is told like any application (lever.h): `source`, `target`, `hold`; it refuses an epoch older than one that it has
 * seen, and is drained once nothing is under way on either side.  Records have a header `id`, by which a comparison knows
 * them again.  What it cannot write in time it counts, and does not write later.
 */
#ifndef EXIT_DRILL_LOAD_H
#define EXIT_DRILL_LOAD_H

#include "client/producer.h"
#include "exit/evidence.h"
#include "exit/lever.h"

struct drill_load;

struct drill_load_options {
	struct loop *loop;
	struct cluster *clusters[SIDE_COUNT];
	const char *topic; /* of the same name on both */
	int32_t partitions;
	uint64_t rate, size; /* records a second; bytes of a value */
};

/* Counts since it began. */
struct drill_count {
	uint64_t due;               /* that the rate asked for while it was not held */
	uint64_t written, mirrored; /* acknowledged by the authoritative side; by both */
	uint64_t failed;            /* whose fate is not known, or that one side has and the other has not */
	int64_t pause_ms; /* from the last write that one side acknowledged to the first of the other; -1: it never moved */
	char text[300]; /* the first failure */
};

/* Begins to write, to the source.  The options are copied; clusters and loop outlive it.  ERR_MEMORY. */
int drill_load_new(const struct drill_load_options *options, struct drill_load **out, struct fault *fault);

/* Ends at once; NULL is silent. */
void drill_load_free(struct drill_load *load);

/* The flag; it belongs to the load, and is freed by nobody. */
struct lever *drill_load_flag(struct drill_load *load);

/* Begins no more records.  Who waits for the rest looks at drill_load_busy(). */
void drill_load_stop(struct drill_load *load);
bool drill_load_busy(const struct drill_load *load);

void drill_load_count(const struct drill_load *load, struct drill_count *out);

int32_t drill_load_partitions(const struct drill_load *load);

/* Behind the last acknowledged record of that partition on that side; 0 when there is none. */
int64_t drill_load_end(const struct drill_load *load, enum side side, int32_t partition);

#endif
