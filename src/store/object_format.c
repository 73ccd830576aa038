/* object_format.c - index and foot of an object, written and read. */
#include <assert.h>

#include "base/bits.h"
#include "base/crc32c.h"
#include "store/object_format.h"

static const uint8_t magic[8] = "ilk-obj";

void object_block_put(struct buffer *out, const struct object_block *block)
{
	uint8_t at[OBJECT_ENTRY_SIZE] = { 0 };

	put_le32(at, block->partition);
	put_le32(at + 4, block->crc);
	put_le64(at + 8, (uint64_t)block->base_offset);
	put_le64(at + 16, (uint64_t)block->end_offset);
	put_le64(at + 32, (uint64_t)block->first_timestamp);
	put_le64(at + 40, (uint64_t)block->max_timestamp);
	put_le64(at + 48, block->position);
	put_le32(at + 56, block->size);
	buffer_put(out, at, sizeof at);
}

void object_foot_put(struct buffer *out, const struct object_foot *foot, struct view index)
{
	uint8_t at[OBJECT_FOOT_SIZE] = { 0 };

	assert(index.size == (size_t)foot->index_count * OBJECT_ENTRY_SIZE);
	memcpy(at, magic, sizeof magic);
	put_le32(at + 8, OBJECT_VERSION);
	put_le32(at + 12, crc32c(index.at, index.size));
	put_le64(at + 16, foot->index_position);
	put_le32(at + 28, foot->index_count);
	put_le64(at + 32, (uint64_t)foot->id);
	put_le64(at + 40, foot->log_id);
	put_le32(at + 60, crc32c(at, 60));
	buffer_put(out, at, sizeof at);
}

int object_foot_get(struct view bytes, uint64_t object_size, struct object_foot *out, struct fault *fault)
{
	const uint8_t *at = bytes.at;
	struct object_foot foot;

	if (bytes.size != OBJECT_FOOT_SIZE || memcmp(at, magic, sizeof magic) != 0)
		return fault_set(fault, ERR_MALFORMED, "it does not end as an object of a store does");
	/* Before the checksum: a newer program may sum otherwise. */
	if (get_le32(at + 8) > OBJECT_VERSION)
		return fault_set(
			fault, ERR_UNSUPPORTED,
			"it was written by a newer program (format %u, this one knows %d): use that one",
			get_le32(at + 8), OBJECT_VERSION);
	if (get_le32(at + 60) != crc32c(at, 60))
		return fault_set(fault, ERR_CHECKSUM, "its foot does not match its checksum");
	foot = (struct object_foot){
		.index_position = get_le64(at + 16),
		.index_count = get_le32(at + 28),
		.index_crc = get_le32(at + 12),
		.id = (int64_t)get_le64(at + 32),
		.log_id = get_le64(at + 40),
	};
	if (foot.index_count > OBJECT_ENTRIES_MAX || object_size < OBJECT_FOOT_SIZE ||
	    foot.index_position > object_size - OBJECT_FOOT_SIZE ||
	    (uint64_t)foot.index_count * OBJECT_ENTRY_SIZE !=
		    object_size - OBJECT_FOOT_SIZE - foot.index_position)
		return fault_set(fault, ERR_MALFORMED, "its index does not fit into it");
	*out = foot;
	return 0;
}

void object_block_get(struct view index, uint32_t number, struct object_block *out)
{
	const uint8_t *at = index.at + (size_t)number * OBJECT_ENTRY_SIZE;

	assert(((size_t)number + 1) * OBJECT_ENTRY_SIZE <= index.size);
	*out = (struct object_block){
		.partition = get_le32(at),
		.crc = get_le32(at + 4),
		.base_offset = (int64_t)get_le64(at + 8),
		.end_offset = (int64_t)get_le64(at + 16),
		.first_timestamp = (int64_t)get_le64(at + 32),
		.max_timestamp = (int64_t)get_le64(at + 40),
		.position = get_le64(at + 48),
		.size = get_le32(at + 56),
	};
}

int object_index_check(const struct object_foot *foot, struct view index, struct fault *fault)
{
	if (index.size != (size_t)foot->index_count * OBJECT_ENTRY_SIZE)
		return fault_set(fault, ERR_MALFORMED, "its index is short");
	if (crc32c(index.at, index.size) != foot->index_crc)
		return fault_set(fault, ERR_CHECKSUM, "its index does not match its checksum");
	for (uint32_t i = 0; i < foot->index_count; i++) {
		struct object_block block;

		object_block_get(index, i, &block);
		if (block.position > foot->index_position ||
		    block.size > foot->index_position - block.position || block.base_offset < 0 ||
		    block.end_offset <= block.base_offset)
			return fault_set(fault, ERR_MALFORMED,
					 "entry %u of its index speaks of what is not there", i);
	}
	return 0;
}
