/*
 * join_txn.c - transactions of the source, so that one which is only partly on the target can be called torn.
 *
 * A transaction is counted partition by partition: from its first record to its marker.  Where producer id and epoch
 * name one transaction alone, its parts in other partitions are counted together.
 */
#include <stdlib.h>

#include "parity/join_state.h"

#define LINKED_TXNS (1u << 14) /* direct-mapped: the newest that closed */

void txn_unref(struct join *join, struct txn *txn)
{
	if (txn && --txn->refs == 0) {
		join->memory -= sizeof *txn;
		free(txn);
	}
}

static struct txn **txn_find(struct stream *stream, int64_t producer_id)
{
	struct txn **at = &stream->open;

	while (*at && (*at)->producer_id != producer_id)
		at = &(*at)->next;
	return at;
}

int txn_count(struct join *join, struct stream *stream, const struct slab_run *run, uint32_t rows,
	      int64_t offset, int64_t timestamp)
{
	struct txn **at = txn_find(stream, run->producer_id), *txn = *at;

	if (!txn) {
		txn = calloc(1, sizeof *txn);
		if (!txn)
			return ERR_MEMORY;
		*txn = (struct txn){ .producer_id = run->producer_id,
				     .producer_epoch = run->producer_epoch,
				     .first_offset = offset,
				     .first_timestamp = timestamp,
				     .partition = stream->partition,
				     .refs = 1 };
		join->memory += sizeof *txn;
		*at = txn;
	}
	txn->records += rows;
	stream->current = txn;
	return 0;
}

static struct linked_txn *linked_slot(const struct join *join, int64_t producer_id, int16_t producer_epoch)
{
	uint64_t name = mix((uint64_t)producer_id * 65599 + (uint16_t)producer_epoch);

	return &join->linked[name & (LINKED_TXNS - 1)];
}

struct linked_txn *linked_find(const struct join *join, const struct txn *txn)
{
	struct linked_txn *linked =
		join->linked ? linked_slot(join, txn->producer_id, txn->producer_epoch) : NULL;

	return linked && linked->records && linked->producer_id == txn->producer_id &&
			       linked->producer_epoch == txn->producer_epoch
		       ? linked
		       : NULL;
}

/* Since KIP-890 a commit raises the epoch, so that producer id and epoch of the data name one transaction. */
int txn_close(struct join *join, struct stream *stream, const struct slab_marker *marker)
{
	struct txn **at = txn_find(stream, marker->producer_id), *txn = *at;
	struct linked_txn *linked;

	if (!txn)
		return 0;
	*at = txn->next;
	txn->next = NULL;
	txn->closed = true;
	stream->current = NULL;
	if (marker->producer_epoch == txn->producer_epoch + 1 && marker->commit) {
		if (!join->linked && !(join->linked = calloc(LINKED_TXNS, sizeof *join->linked)))
			return ERR_MEMORY;
		linked = linked_slot(join, txn->producer_id, txn->producer_epoch);
		if (!linked_find(join, txn))
			*linked = (struct linked_txn){ txn->producer_id, txn->producer_epoch, 0, 0, false };
		linked->records += txn->records;
		txn->linked = true;
	}
	txn_unref(join, txn);
	return 0;
}
