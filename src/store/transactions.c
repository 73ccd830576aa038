/* transactions.c - open and aborted transactions of one partition. */
#include <stdlib.h>

#include "base/bits.h"
#include "store/transactions.h"

#define VERSION    1
#define HEAD_SIZE  8
#define RANGE_SIZE 24

void transactions_init(struct transactions *transactions)
{
	*transactions = (struct transactions){ 0 };
}

void transactions_done(struct transactions *transactions)
{
	free(transactions->open);
	free(transactions->aborted);
	transactions_init(transactions);
}

int64_t transactions_open(const struct transactions *transactions, int64_t producer_id)
{
	for (size_t i = 0; i < transactions->open_count; i++)
		if (transactions->open[i].producer_id == producer_id)
			return transactions->open[i].first_offset;
	return -1;
}

/* Room for `count` of them. */
static int reserve(struct transaction **at, size_t count, size_t *capacity)
{
	if (count > *capacity) {
		size_t more = count > 2 * *capacity ? count : 2 * *capacity;
		struct transaction *grown = realloc(*at, more * sizeof *grown);

		if (!grown)
			return ERR_MEMORY;
		*at = grown;
		*capacity = more;
	}
	return 0;
}

int transactions_reserve(struct transactions *transactions, size_t count)
{
	int err =
		reserve(&transactions->open, transactions->open_count + count, &transactions->open_capacity);

	return err < 0 ? err
		       : reserve(&transactions->aborted, transactions->aborted_count + count,
				 &transactions->aborted_capacity);
}

/* Offsets only grow, so the newest one goes last. */
int transactions_see(struct transactions *transactions, int64_t producer_id, int64_t base_offset)
{
	if (transactions_open(transactions, producer_id) >= 0)
		return 0;
	if (reserve(&transactions->open, transactions->open_count + 1, &transactions->open_capacity) < 0)
		return ERR_MEMORY;
	transactions->open[transactions->open_count++] = (struct transaction){ producer_id, base_offset, -1 };
	return 0;
}

static int add_aborted(struct transactions *transactions, struct transaction transaction)
{
	size_t at = transactions->aborted_count;

	if (reserve(&transactions->aborted, at + 1, &transactions->aborted_capacity) < 0)
		return ERR_MEMORY;
	while (at > 0 && transactions->aborted[at - 1].last_offset > transaction.last_offset)
		at--;
	memmove(transactions->aborted + at + 1, transactions->aborted + at,
		(transactions->aborted_count - at) * sizeof *transactions->aborted);
	transactions->aborted[at] = transaction;
	transactions->aborted_count++;
	return 0;
}

int transactions_end(struct transactions *transactions, int64_t producer_id, int64_t marker_offset,
		     bool committed)
{
	size_t at = 0;
	int err = 0;

	while (at < transactions->open_count && transactions->open[at].producer_id != producer_id)
		at++;
	if (at == transactions->open_count)
		return 0;
	if (!committed)
		err = add_aborted(transactions,
				  (struct transaction){ producer_id, transactions->open[at].first_offset,
							marker_offset });
	if (err < 0)
		return err;
	transactions->open_count--;
	memmove(transactions->open + at, transactions->open + at + 1,
		(transactions->open_count - at) * sizeof *transactions->open);
	return 0;
}

void transactions_take_aborted(struct transactions *transactions, const struct transactions *other)
{
	for (size_t i = 0; i < other->aborted_count; i++)
		add_aborted(transactions, other->aborted[i]);
}

bool transactions_aborted_in(const struct transactions *transactions, int64_t from, int64_t to)
{
	for (size_t i = 0; i < transactions->aborted_count; i++)
		if (transactions->aborted[i].last_offset >= from && transactions->aborted[i].last_offset < to)
			return true;
	return false;
}

void transactions_trim(struct transactions *transactions, int64_t log_start)
{
	size_t below = 0;

	while (below < transactions->aborted_count && transactions->aborted[below].last_offset < log_start)
		below++;
	if (!below)
		return;
	transactions->aborted_count -= below;
	memmove(transactions->aborted, transactions->aborted + below,
		transactions->aborted_count * sizeof *transactions->aborted);
}

static void write_ranges(const struct transaction *ranges, size_t count, struct buffer *out)
{
	uint8_t *at = buffer_room(out, HEAD_SIZE + count * RANGE_SIZE);

	if (!at)
		return;
	put_le32(at, VERSION);
	put_le32(at + 4, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		uint8_t *here = at + HEAD_SIZE + i * RANGE_SIZE;

		put_le64(here, (uint64_t)ranges[i].producer_id);
		put_le64(here + 8, (uint64_t)ranges[i].first_offset);
		put_le64(here + 16, (uint64_t)ranges[i].last_offset);
	}
	buffer_grow(out, HEAD_SIZE + count * RANGE_SIZE);
}

void transactions_write_aborted(const struct transactions *transactions, int64_t from, int64_t to,
				struct buffer *out)
{
	size_t first = 0, behind;

	while (first < transactions->aborted_count && transactions->aborted[first].last_offset < from)
		first++;
	for (behind = first;
	     behind < transactions->aborted_count && transactions->aborted[behind].last_offset < to;)
		behind++;
	if (behind > first)
		write_ranges(transactions->aborted + first, behind - first, out);
}

void transactions_write_open(const struct transactions *transactions, struct buffer *out)
{
	write_ranges(transactions->open, transactions->open_count, out);
}

typedef int add_range(struct transactions *transactions, struct transaction range);

static int add_open(struct transactions *transactions, struct transaction range)
{
	return transactions_see(transactions, range.producer_id, range.first_offset);
}

static int read_ranges(struct transactions *transactions, struct view bytes, add_range *add)
{
	uint32_t count;
	int err = 0;

	if (bytes.size == 0)
		return 0;
	if (bytes.size < HEAD_SIZE)
		return ERR_MALFORMED;
	if (get_le32(bytes.at) != VERSION)
		return ERR_UNSUPPORTED;
	count = get_le32(bytes.at + 4);
	if ((bytes.size - HEAD_SIZE) / RANGE_SIZE != count || (bytes.size - HEAD_SIZE) % RANGE_SIZE != 0)
		return ERR_MALFORMED;
	for (uint32_t i = 0; i < count && err == 0; i++) {
		const uint8_t *at = bytes.at + HEAD_SIZE + (size_t)i * RANGE_SIZE;

		err = add(transactions,
			  (struct transaction){ (int64_t)get_le64(at), (int64_t)get_le64(at + 8),
						(int64_t)get_le64(at + 16) });
	}
	return err;
}

int transactions_read_aborted(struct transactions *transactions, struct view bytes)
{
	return read_ranges(transactions, bytes, add_aborted);
}

int transactions_read_open(struct transactions *transactions, struct view bytes)
{
	return read_ranges(transactions, bytes, add_open);
}
