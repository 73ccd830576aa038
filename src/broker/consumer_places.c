/* consumer_places.c - sets of partitions as sorted arrays. */
#include <stdlib.h>
#include <string.h>

#include "broker/consumer_places.h"

static int compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = memcmp(x->topic, y->topic, sizeof x->topic);

	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

void places_done(struct places *places)
{
	free(places->at);
	*places = (struct places){ 0 };
}

bool places_add(struct places *places, const uint8_t topic[16], int32_t partition, int32_t epoch)
{
	struct place *one;

	if (places->count == places->capacity) {
		int capacity = places->capacity ? 2 * places->capacity : 8;

		one = realloc(places->at, (size_t)capacity * sizeof *one);
		if (!one)
			return false;
		places->at = one;
		places->capacity = capacity;
	}
	one = &places->at[places->count++];
	memcpy(one->topic, topic, sizeof one->topic);
	one->partition = partition;
	one->epoch = epoch;
	return true;
}

void places_sort(struct places *places)
{
	int kept = 0;

	if (places->count > 1)
		qsort(places->at, (size_t)places->count, sizeof *places->at, compare);
	for (int i = 0; i < places->count; i++)
		if (kept == 0 || compare(&places->at[kept - 1], &places->at[i]) != 0)
			places->at[kept++] = places->at[i];
	places->count = kept;
}

/* Walks both in order; takes what is in a alone, in b alone, in both. */
static bool merge(const struct places *a, const struct places *b, bool left, bool right, bool both,
		  struct places *out)
{
	int i = 0, k = 0;

	*out = (struct places){ 0 };
	while (i < a->count || k < b->count) {
		int order = i == a->count ? 1 : k == b->count ? -1 : compare(&a->at[i], &b->at[k]);
		const struct place *one = order <= 0 ? &a->at[i] : &b->at[k];

		if ((order < 0   ? left
		     : order > 0 ? right
				 : both) &&
		    !places_add(out, one->topic, one->partition, one->epoch)) {
			places_done(out);
			return false;
		}
		i += order <= 0;
		k += order >= 0;
	}
	return true;
}

bool places_without(const struct places *a, const struct places *b, struct places *out)
{
	return merge(a, b, true, false, false, out);
}

bool places_both(const struct places *a, const struct places *b, struct places *out)
{
	return merge(a, b, false, false, true, out);
}

bool places_either(const struct places *a, const struct places *b, struct places *out)
{
	return merge(a, b, true, true, true, out);
}

const struct place *places_find(const struct places *places, const struct place *place)
{
	return places->count ? bsearch(place, places->at, (size_t)places->count, sizeof *place, compare)
			     : NULL;
}

bool places_have(const struct places *places, const struct place *place)
{
	return places_find(places, place) != NULL;
}

bool places_equal(const struct places *a, const struct places *b)
{
	if (a->count != b->count)
		return false;
	for (int i = 0; i < a->count; i++)
		if (compare(&a->at[i], &b->at[i]) != 0)
			return false;
	return true;
}

bool places_meet(const struct places *a, const struct places *b)
{
	for (int i = 0; i < a->count; i++)
		if (places_have(b, &a->at[i]))
			return true;
	return false;
}

bool places_within(const struct places *a, const struct places *b)
{
	for (int i = 0; i < a->count; i++)
		if (!places_have(b, &a->at[i]))
			return false;
	return true;
}

int places_run(const struct places *places, int first)
{
	int end = first;

	while (end < places->count &&
	       memcmp(places->at[end].topic, places->at[first].topic, sizeof places->at[end].topic) == 0)
		end++;
	return end - first;
}
