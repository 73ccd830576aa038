/* parcel.c - from waiting to released. */
#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loop/layer.h"
#include "loop/parcel.h"

#define PIECES_AT_ONCE 64
#define LEND_SIZE_MIN  32768 /* below it a copy is cheaper than pinning pages and hearing of them again */
#define END_MS_MAX     50
#define GIVEN_UP_MAX   8 /* connections */

/* Connections whose loans did not come back in time. */
static atomic_int given_up;

struct parcel {
	struct list link;
	struct iovec *next; /* what is left */
	int count;
	size_t size;
	void (*release)(void *context);
	void *context;
	uint32_t lend_first;        /* the number of its first loan; the others follow it */
	uint32_t lends, lends_left; /* all of them; those that are not returned */
	struct iovec own;
	uint8_t bytes[];
};

void parcels_init(struct parcels *parcels)
{
	list_init(&parcels->waiting);
	list_init(&parcels->lent);
	parcels->bytes = 0;
}

static void add(struct parcels *parcels, struct parcel *parcel)
{
	list_append(&parcels->waiting, &parcel->link);
	parcels->bytes += parcel->size;
}

static size_t size_of(const struct iovec *pieces, int count)
{
	size_t size = 0;

	for (int i = 0; i < count; i++)
		size += pieces[i].iov_len;
	return size;
}

int parcels_hold(struct parcels *parcels, struct iovec *pieces, int count, void (*release)(void *context),
		 void *context)
{
	struct parcel *parcel = malloc(sizeof *parcel);

	if (!parcel) {
		release(context);
		return ERR_MEMORY;
	}
	*parcel = (struct parcel){ .next = pieces,
				   .count = count,
				   .size = size_of(pieces, count),
				   .release = release,
				   .context = context };
	add(parcels, parcel);
	return 0;
}

int parcels_copy(struct parcels *parcels, const struct iovec *pieces, int count)
{
	size_t size = size_of(pieces, count), at = 0;
	struct parcel *parcel = malloc(sizeof *parcel + size);

	if (!parcel)
		return ERR_MEMORY;
	*parcel = (struct parcel){ .count = 1, .size = size, .own = { parcel->bytes, size } };
	parcel->next = &parcel->own;
	for (int i = 0; i < count; at += pieces[i++].iov_len)
		memcpy(parcel->bytes + at, pieces[i].iov_base, pieces[i].iov_len);
	add(parcels, parcel);
	return 0;
}

static void release(struct parcel *parcel)
{
	assert(parcel->lends_left == 0);
	list_remove(&parcel->link);
	if (parcel->release)
		parcel->release(parcel->context);
	free(parcel);
}

/* Nothing of it waits any more. */
static void leave(struct parcels *parcels, struct parcel *parcel)
{
	parcels->bytes -= parcel->size;
	parcel->size = 0;
	if (parcel->lends_left == 0) {
		release(parcel);
		return;
	}
	list_remove(&parcel->link);
	list_append(&parcels->lent, &parcel->link);
}

void parcels_drop(struct parcels *parcels)
{
	while (!list_empty(&parcels->waiting))
		leave(parcels, container_of(parcels->waiting.next, struct parcel, link));
}

static ssize_t write_some(struct layer *layer, struct parcel *parcel, struct fault *fault)
{
	const struct layer_functions *functions = layer->functions;
	int count = parcel->count < PIECES_AT_ONCE ? parcel->count : PIECES_AT_ONCE;
	bool lent = false;
	uint32_t number;
	ssize_t put;

	if (!functions->write_pieces)
		return functions->write(layer, parcel->next->iov_base, parcel->next->iov_len, fault);
	if (!functions->lend || !parcel->release || atomic_load(&given_up) >= GIVEN_UP_MAX ||
	    size_of(parcel->next, count) < LEND_SIZE_MIN)
		return functions->write_pieces(layer, parcel->next, count, fault);
	put = functions->lend(layer, parcel->next, count, &lent, &number, fault);
	if (!lent)
		return put;
	if (parcel->lends == 0)
		parcel->lend_first = number;
	assert(number == parcel->lend_first + parcel->lends);
	parcel->lends++;
	parcel->lends_left++;
	return put;
}

static void take(struct parcels *parcels, struct parcel *parcel, size_t size)
{
	parcel->size -= size;
	parcels->bytes -= size;
	for (; parcel->count && size >= parcel->next->iov_len; parcel->next++, parcel->count--)
		size -= parcel->next->iov_len;
	if (parcel->count) {
		parcel->next->iov_base = (uint8_t *)parcel->next->iov_base + size;
		parcel->next->iov_len -= size;
	}
}

int parcels_flush(struct parcels *parcels, struct layer *layer, struct fault *fault)
{
	/* What it is done with frees its count of loans, and it may have said that lending is of no use. */
	if (!list_empty(&parcels->lent))
		parcels_settle(parcels, layer);
	while (!list_empty(&parcels->waiting)) {
		struct parcel *parcel = container_of(parcels->waiting.next, struct parcel, link);
		ssize_t put = parcel->size ? write_some(layer, parcel, fault) : 0;

		if (put < 0)
			return (int)put;
		take(parcels, parcel, (size_t)put);
		if (parcel->size == 0)
			leave(parcels, parcel);
		else if (put == 0)
			return 0;
	}
	return 0;
}

/* The loans from `first` to `last`; numbers wrap, and of a connection's never so many are out that it would matter. */
static void returned(struct parcel *parcel, uint32_t first, uint32_t last)
{
	int64_t from = (int32_t)(first - parcel->lend_first), to = (int32_t)(last - parcel->lend_first);

	if (parcel->lends == 0)
		return;
	if (from < 0)
		from = 0;
	if (to >= parcel->lends)
		to = (int64_t)parcel->lends - 1;
	if (from > to)
		return;
	assert(to - from + 1 <= parcel->lends_left);
	parcel->lends_left -= (uint32_t)(to - from + 1);
}

bool parcels_settle(struct parcels *parcels, struct layer *layer)
{
	bool any = false;
	uint32_t first, last;

	if (!layer->functions->returned)
		return false;
	while (layer->functions->returned(layer, &first, &last)) {
		any = true;
		if (!list_empty(&parcels->waiting))
			returned(container_of(parcels->waiting.next, struct parcel, link), first, last);
		LIST_EACH_SAFE(&parcels->lent, link)
		{
			struct parcel *parcel = container_of(link, struct parcel, link);

			returned(parcel, first, last);
			if (parcel->lends_left == 0)
				release(parcel);
		}
	}
	return any;
}

/*
 * Once the connection is cut off the kernel has nothing more to send, and only what stands in the queue of the network card at this
 * moment is still out: a matter of microseconds.  What does not come back in time is given up for ever: rather lose the memory than
 * send what has become of it.  Where that happens again and again the network is not one to lend to.
 */
void parcels_end(struct parcels *parcels, struct layer *layer)
{
	parcels_drop(parcels);
	if (list_empty(&parcels->lent))
		return;
	parcels_settle(parcels, layer);
	if (list_empty(&parcels->lent))
		return;
	layer->functions->cut_off(layer);
	for (int ms = 0;; ms++) {
		parcels_settle(parcels, layer);
		if (list_empty(&parcels->lent))
			return;
		if (ms >= END_MS_MAX || atomic_load(&given_up) >= GIVEN_UP_MAX)
			break;
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
	atomic_fetch_add(&given_up, 1);
	while (!list_empty(&parcels->lent)) {
		struct parcel *parcel = container_of(parcels->lent.next, struct parcel, link);

		list_remove(&parcel->link);
		free(parcel); /* and what it held is never released */
	}
}
