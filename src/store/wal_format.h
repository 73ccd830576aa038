/*
 * wal_format.h - the bytes of a write-ahead log in files.
 *
 * A folder of segments, `<number>.wal` with 20 digits, numbers without a hole; `spare-<number>.wal`, whose room will be
 * used again; and `spare-next.wal`, zeros that a segment will begin in, which are removed at opening.
 *
 * Integers are little-endian.  A segment begins with a page of 4,096 bytes:
 *
 *	 0  magic      8   "ilk-wal" and a zero
 *	 8  crc32c     4   of the 52 bytes from 12 on
 *	12  version    4   WAL_VERSION; a greater one is from a newer program
 *	16  log id     8   of the store
 *	24  number     8   of the segment
 *	32  first lsn  8   of the byte behind this page
 *	40  size       8   of the file, bytes
 *	48  previous   4   the checksum of the last entry of the segment before, 0 in the first
 *	52  zero      12
 *
 * Behind it entries stand close together, each beginning at a multiple of 8:
 *
 *	 0  magic      4   "ENT" and the version of the entry, 1
 *	 4  crc32c     4   of the 48 bytes from 8 on, and of the first 61 bytes of the payload
 *	 8  size       4   of the payload, bytes
 *	12  kind       2   enum wal_kind
 *	14  zero       2
 *	16  lsn        8   of the first byte of this head
 *	24  group      4   how many bytes before this head its group began
 *	28  partition  4
 *	32  leader epoch  4
 *	36  offset count  4
 *	40  base offset   8
 *	48  previous   4   the crc32c of the entry before: the chain
 *	52  zero       4
 *	56  and the payload, then zeros up to a multiple of 8
 *
 * 61 bytes are the head of a record batch.  It holds a checksum of the records behind it; the entry's covers the head.  So
 * every byte of a batch is covered, and none is summed twice.
 *
 * Entries are written in groups: one write, one sync, and only then the next group.  A group begins on a page and a pad fills
 * its last page, so no write touches a byte that was synced before.  Within a group that was being written when the power
 * went, any part may be missing; everything before it is whole.  Therefore:
 *
 *	- an entry that does not check out ends the log, if no *later* group does check out;
 *	- if one does, the entry was durable once, and this is damage: opening is refused;
 *	- bytes of an earlier life of the segment carry an earlier lsn and are never taken for entries.
 *
 * One thing cannot be told: damage within the very last group from a tear in it.  A log that was closed in good order ends
 * with a group of only a pad, so it is told there too.
 *
 * Opening never writes into what it found: it begins a segment.  The next segment's first lsn says where one ends, and a gap
 * before that is damage as well.
 */
#ifndef STORE_WAL_FORMAT_H
#define STORE_WAL_FORMAT_H

#include "store/wal.h"

#define WAL_VERSION        1
#define WAL_PAGE_SIZE      4096
#define WAL_ENTRY_SIZE     56
#define WAL_ENTRY_CRC_SIZE 61 /* bytes of the payload that the entry's checksum covers */

struct wal_segment_head {
	uint64_t log_id, number, first_lsn, size;
	uint32_t previous;
};

/* Fills a whole page. */
void wal_segment_head_put(uint8_t *page, const struct wal_segment_head *head);

/* ERR_MALFORMED (not a segment), ERR_CHECKSUM, ERR_UNSUPPORTED (newer), with a sentence that does not name the file. */
int wal_segment_head_get(struct view page, struct wal_segment_head *out, struct fault *fault);

struct wal_entry_head {
	struct wal_head head;
	uint32_t size, group, previous, crc;
};

static inline uint64_t wal_entry_size(uint64_t payload_size)
{
	return (WAL_ENTRY_SIZE + payload_size + 7) & ~(uint64_t)7;
}

/* Writes the head in front of `payload` and returns its checksum, for the chain. */
uint32_t wal_entry_put(uint8_t *at, const struct wal_head *head, uint32_t group, uint32_t previous,
		       struct view payload);

/*
 * Reads the entry at the front of `bytes`, which must be the one at `lsn`.  0 and the payload's view; ERR_MALFORMED when
 * there is none, or it does not check out in any way: the payload of a batch is checked whole.
 */
int wal_entry_get(struct view bytes, uint64_t lsn, struct wal_entry_head *out, struct view *payload);

/* What a segment holds, walked from its first entry. */
struct wal_walk {
	struct view bytes; /* the whole segment, with its page */
	uint64_t first_lsn, lsn;
	uint32_t previous;
};

/* 1 and an entry (pads are passed over), or 0 where the entries end, for whatever reason: walk->lsn says where. */
int wal_walk_next(struct wal_walk *walk, struct wal_entry_head *out, struct view *payload);

/* Is there a group in `bytes` (a whole segment) that begins behind `lsn` and checks out?  Its lsn, or 0. */
uint64_t wal_group_after(struct view bytes, uint64_t first_lsn, uint64_t lsn);

#endif
