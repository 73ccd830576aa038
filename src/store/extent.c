/* extent.c - batches of one partition out of an object, and into one. */
#include <stdlib.h>

#include "base/crc32c.h"
#include "store/extent.h"
#include "store/object_read.h"

struct reading {
	struct store *store;
	const struct extent *extent;
	extent_batch *each;
	void *context;
	struct fault *fault;
};

static int read_block(const struct reading *reading, const struct object_block *block)
{
	const struct extent *extent = reading->extent;
	uint8_t *bytes = malloc(block->size ? block->size : 1);
	struct view rest = view_of(bytes, block->size);
	struct batch batch;
	int found = 0, err;

	if (!bytes)
		return fault_set(reading->fault, ERR_MEMORY, "out of memory");
	err = object_block_read(reading->store->objects, extent->object, block, bytes, reading->fault);
	while (err == 0 && (found = batch_next(&rest, &batch)) == 1)
		if (batch.head.base_offset >= extent->base_offset &&
		    batch.head.base_offset < extent->end_offset)
			err = reading->each(reading->context, &batch, reading->fault);
	if (err == 0 && (found < 0 || rest.size))
		err = fault_set(reading->fault, ERR_CHECKSUM, "object %lld holds a block that is no batches",
				(long long)extent->object);
	free(bytes);
	return err;
}

int extent_read(struct store *store, uint32_t partition, const struct extent *extent, extent_batch *each,
		void *context, struct fault *fault)
{
	const struct reading reading = { store, extent, each, context, fault };
	struct object_foot foot = { 0 };
	struct buffer index;
	int err;

	buffer_init(&index, (size_t)OBJECT_ENTRIES_MAX * OBJECT_ENTRY_SIZE);
	err = object_index_read(store->objects, extent->object, store->state.log_id, &index, &foot, fault);
	for (uint32_t i = 0; i < foot.index_count && err == 0; i++) {
		struct object_block block;

		object_block_get(buffer_bytes(&index), i, &block);
		if (block.partition == partition && block.end_offset > extent->base_offset &&
		    block.base_offset < extent->end_offset)
			err = read_block(&reading, &block);
	}
	buffer_done(&index);
	return err;
}

/* Cuts `bytes` into blocks, notes them in the index, and says what they are together. */
static void index_blocks(uint32_t partition, struct view bytes, struct buffer *index, struct extent *out)
{
	struct object_block block = { 0 };
	struct view rest = bytes;
	struct batch batch;

	*out = (struct extent){ .object = out->object };
	while (batch_next(&rest, &batch) == 1) {
		const struct batch_head *head = &batch.head;

		if (block.size && block.size + batch.bytes.size > OBJECT_BLOCK_SIZE) {
			block.crc = crc32c(bytes.at + block.position, block.size);
			object_block_put(index, &block);
			block.size = 0;
		}
		if (block.size == 0)
			block = (struct object_block){ .partition = partition,
						       .base_offset = head->base_offset,
						       .first_timestamp = head->base_timestamp,
						       .max_timestamp = head->max_timestamp,
						       .position = (uint64_t)(batch.bytes.at - bytes.at) };
		if (out->size == 0) {
			out->base_offset = head->base_offset;
			out->first_timestamp = head->base_timestamp;
			out->max_timestamp = head->max_timestamp;
		}
		block.size += (uint32_t)batch.bytes.size;
		out->size += batch.bytes.size;
		block.end_offset = out->end_offset = batch_last_offset(head) + 1;
		if (head->max_timestamp > block.max_timestamp)
			block.max_timestamp = head->max_timestamp;
		if (head->max_timestamp > out->max_timestamp)
			out->max_timestamp = head->max_timestamp;
	}
	if (block.size) {
		block.crc = crc32c(bytes.at + block.position, block.size);
		object_block_put(index, &block);
	}
}

int extent_write(struct store *store, uint32_t partition, struct view bytes, struct extent *out,
		 uint64_t *object_size, struct fault *fault)
{
	struct object_foot foot = { .index_position = bytes.size,
				    .id = out->object,
				    .log_id = store->state.log_id };
	struct iovec pieces[2] = { { (void *)(uintptr_t)bytes.at, bytes.size } };
	struct buffer index;
	int err;

	buffer_init(&index, (size_t)OBJECT_ENTRIES_MAX * OBJECT_ENTRY_SIZE + OBJECT_FOOT_SIZE);
	index_blocks(partition, bytes, &index, out);
	foot.index_count = (uint32_t)(index.size / OBJECT_ENTRY_SIZE);
	if (!index.err)
		object_foot_put(&index, &foot, buffer_bytes(&index));
	if (index.err) {
		err = fault_set(fault, index.err, "out of memory");
	} else {
		pieces[1] = (struct iovec){ index.at, index.size };
		*object_size = bytes.size + index.size;
		err = object_put(store->objects, out->object, pieces, 2, fault);
	}
	buffer_done(&index);
	return err;
}
