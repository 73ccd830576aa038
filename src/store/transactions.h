/*
 * transactions.h - which transactions of a partition are open, and which were aborted: KIP-98's last stable offset and its
 * index of aborted ranges.
 *
 * Knows only what is durable: it is told of each batch in order of offset, once it can be read.
 */
#ifndef STORE_TRANSACTIONS_H
#define STORE_TRANSACTIONS_H

#include "base/buffer.h"
#include "base/err.h"
#include "wire/control.h"

struct transaction {
	int64_t producer_id;
	int64_t first_offset;
	int64_t last_offset; /* of its marker; -1 while it is open */
};

struct transactions {
	struct transaction *open; /* by first offset */
	size_t open_count, open_capacity;
	struct transaction *aborted; /* by last offset */
	size_t aborted_count, aborted_capacity;
};

void transactions_init(struct transactions *transactions);
void transactions_done(struct transactions *transactions);

/* First offset of the producer's open transaction, or -1. */
int64_t transactions_open(const struct transactions *transactions, int64_t producer_id);

/* A transactional data batch: opens one, unless it is open.  ERR_MEMORY. */
int transactions_see(struct transactions *transactions, int64_t producer_id, int64_t base_offset);

/* Makes sure that the next `count` of transactions_see() and transactions_end() find memory.  ERR_MEMORY. */
int transactions_reserve(struct transactions *transactions, size_t count);

/* A marker.  One without an open transaction changes nothing (it is written all the same, as Kafka does). */
int transactions_end(struct transactions *transactions, int64_t producer_id, int64_t marker_offset,
		     bool committed);

/* First offset of the oldest open one, or `otherwise`. */
static inline int64_t transactions_stable(const struct transactions *transactions, int64_t otherwise)
{
	return transactions->open_count ? transactions->open[0].first_offset : otherwise;
}

/* The aborted ones of `other` as well; there is room for them. */
void transactions_take_aborted(struct transactions *transactions, const struct transactions *other);

/* Is there one that was aborted by a marker in [from, to)? */
bool transactions_aborted_in(const struct transactions *transactions, int64_t from, int64_t to);

/* Forgets what ended below `log_start`. */
void transactions_trim(struct transactions *transactions, int64_t log_start);

/*
 * Aborted ranges as bytes: version 4 (1), count 4, then producer 8, first offset 8, last offset 8 of each.  Those whose marker
 * lies in [from, to); nothing at all when there are none.
 */
void transactions_write_aborted(const struct transactions *transactions, int64_t from, int64_t to,
				struct buffer *out);
int transactions_read_aborted(struct transactions *transactions, struct view bytes);

/* Open ones in the same shape, last offset -1. */
void transactions_write_open(const struct transactions *transactions, struct buffer *out);
int transactions_read_open(struct transactions *transactions, struct view bytes);

#endif
