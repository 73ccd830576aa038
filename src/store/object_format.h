/*
 * object_format.h - the bytes of an object of data.
 *
 * Batches as they were appended, those of one partition together and in order; behind them an index, and at the end a foot of
 * 64 bytes.  Integers are little-endian.  An entry of the index speaks of one block: some batches of one partition that lie
 * close together, at least one, and not more than fit into OBJECT_BLOCK_SIZE unless it is a single one.
 *
 *	 0  partition  4                     32  first timestamp  8  of the block's first batch
 *	 4  crc32c     4  of the block       40  max timestamp    8  of all its batches
 *	 8  base offset  8                   48  position         8  in the object
 *	16  end offset   8  one behind       56  size             4
 *	24  reserved     8  zero             60  zero             4
 *
 *	foot:
 *	 0  magic    8  "ilk-obj" and a zero  28  count      4  of entries
 *	 8  version  4  OBJECT_VERSION        32  object id  8
 *	12  crc32c   4  of the index          40  log id     8  of the store
 *	16  position 8  of the index          48  zero      12
 *	24  zero     4                        60  crc32c     4  of the 60 bytes before it
 *
 * The checksum of a block covers all of it; so, with the batches' own, a byte that rotted is seen before anybody reads it.
 * An object is whole or it is not there (object_store.h): a foot that does not check out is damage.
 */
#ifndef STORE_OBJECT_FORMAT_H
#define STORE_OBJECT_FORMAT_H

#include "base/buffer.h"
#include "base/err.h"

#define OBJECT_VERSION     1
#define OBJECT_FOOT_SIZE   64
#define OBJECT_ENTRY_SIZE  64
#define OBJECT_BLOCK_SIZE  (512 << 10)
#define OBJECT_ENTRIES_MAX (1 << 20)

struct object_block {
	uint32_t partition, crc;
	int64_t base_offset, end_offset;
	int64_t first_timestamp, max_timestamp;
	uint64_t position;
	uint32_t size;
};

struct object_foot {
	uint64_t index_position;
	uint32_t index_count, index_crc;
	int64_t id;
	uint64_t log_id;
};

void object_block_put(struct buffer *out, const struct object_block *block);

/* Behind the index, which it sums. */
void object_foot_put(struct buffer *out, const struct object_foot *foot, struct view index);

/*
 * ERR_MALFORMED, ERR_CHECKSUM, ERR_UNSUPPORTED (newer), with a sentence that does not name the object.  `object_size` is that
 * of the whole: positions are held against it.
 */
int object_foot_get(struct view bytes, uint64_t object_size, struct object_foot *out, struct fault *fault);

/* Checks the index and reads its entry number `at`. */
int object_index_check(const struct object_foot *foot, struct view index, struct fault *fault);
void object_block_get(struct view index, uint32_t at, struct object_block *out);

#endif
