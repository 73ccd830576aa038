/*
 * fuzz_object.c - an object of data from anybody: foot, index, and the snapshots that the metadata keep beside it.
 *
 * A foot that is read describes an index that fits; an index that passes names blocks that lie in the object.  A snapshot that is
 * read is written again so that it reads the same.
 */
#include <assert.h>
#include <stdlib.h>

#include "store/object_format.h"
#include "store/producers.h"
#include "store/transactions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_object(struct view bytes)
{
	struct object_foot foot;
	struct view index;

	if (bytes.size < OBJECT_FOOT_SIZE ||
	    object_foot_get(view_of(bytes.at + bytes.size - OBJECT_FOOT_SIZE, OBJECT_FOOT_SIZE), bytes.size,
			    &foot, NULL) < 0)
		return;
	index = view_of(bytes.at + foot.index_position, (size_t)foot.index_count * OBJECT_ENTRY_SIZE);
	assert(index.at + index.size + OBJECT_FOOT_SIZE == bytes.at + bytes.size);
	if (object_index_check(&foot, index, NULL) < 0)
		return;
	for (uint32_t i = 0; i < foot.index_count; i++) {
		struct object_block block;

		object_block_get(index, i, &block);
		assert(block.position + block.size <= foot.index_position &&
		       block.end_offset > block.base_offset);
	}
}

/* The input as the index of an object whose checksums hold. */
static void read_index(struct view bytes)
{
	struct object_foot foot = { .index_count = (uint32_t)(bytes.size / OBJECT_ENTRY_SIZE),
				    .index_position = 3 };
	struct view index = view_of(bytes.at, (size_t)foot.index_count * OBJECT_ENTRY_SIZE);
	struct buffer out;

	buffer_init(&out, 1 << 24);
	buffer_put(&out, "abc", 3);
	buffer_view(&out, index);
	object_foot_put(&out, &foot, index);
	assert(!out.err);
	read_object(buffer_bytes(&out));
	buffer_done(&out);
}

static void read_snapshot(struct view bytes)
{
	struct producers producers, again;
	struct transactions transactions;
	struct buffer out;
	struct view rest = bytes;

	producers_init(&producers);
	producers_init(&again);
	transactions_init(&transactions);
	buffer_init(&out, 1 << 24);
	if (producers_read(&producers, &rest) == 0) {
		producers_write(&producers, &out);
		rest = buffer_bytes(&out);
		assert(producers_read(&again, &rest) == 0 && rest.size == 0);
		assert(again.count <= producers.count);
	} else {
		assert(producers.count == 0 && rest.at == bytes.at);
	}
	if (transactions_read_aborted(&transactions, bytes) == 0 && transactions.aborted_count) {
		buffer_reset(&out);
		transactions_write_aborted(&transactions, INT64_MIN, INT64_MAX, &out);
		assert(out.size <= bytes.size);
	}
	producers_done(&producers);
	producers_done(&again);
	transactions_done(&transactions);
	buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_object(view_of(data, size));
	read_index(view_of(data, size));
	read_snapshot(view_of(data, size));
	return 0;
}
