/*
 * consumer_places.h - sets of partitions, by the id of their topic: what members of consumer groups own and shall own.
 *
 * Sorted, each place once.  A set that was never filled is { 0 }; places_done() of it is silent.
 */
#ifndef BROKER_CONSUMER_PLACES_H
#define BROKER_CONSUMER_PLACES_H

#include <stdbool.h>
#include <stdint.h>

struct place {
	uint8_t topic[16];
	int32_t partition;
	int32_t epoch; /* of the member when it was given this; no part of the comparison */
};

struct places {
	struct place *at;
	int count, capacity;
};

void places_done(struct places *places);

/* Adds in any order; false when memory is out.  Then places_sort(), before anything else is asked. */
bool places_add(struct places *places, const uint8_t topic[16], int32_t partition, int32_t epoch);
void places_sort(struct places *places);

/* What is in a (and is taken from there) but not in b, or in both, or in either; `out` is new, and false leaves nothing in it. */
bool places_without(const struct places *a, const struct places *b, struct places *out);
bool places_both(const struct places *a, const struct places *b, struct places *out);
bool places_either(const struct places *a, const struct places *b, struct places *out);

const struct place *places_find(const struct places *places, const struct place *place); /* or NULL */
bool places_have(const struct places *places, const struct place *place);
bool places_equal(const struct places *a, const struct places *b);
bool places_meet(const struct places *a, const struct places *b);   /* is anything in both? */
bool places_within(const struct places *a, const struct places *b); /* is all of a in b? */

/* How many of the places from `first` on are of one topic. */
int places_run(const struct places *places, int first);

#endif
