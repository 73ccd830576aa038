/* object_read.c - what lies in an object, believed only with its checksums. */
#include "base/crc32c.h"
#include "store/object_read.h"

static int read_foot(struct object_store *objects, int64_t id, struct object_foot *foot, struct fault *fault)
{
	uint8_t bytes[OBJECT_FOOT_SIZE];
	uint64_t size;
	int64_t got;
	int err = object_size(objects, id, &size, fault);

	if (err < 0)
		return err;
	got = size < sizeof bytes ? 0
				  : object_get(objects, id, size - sizeof bytes, bytes, sizeof bytes, fault);
	if (got < 0)
		return (int)got;
	return object_foot_get(view_of(bytes, (size_t)got), size, foot, fault);
}

int object_index_read(struct object_store *objects, int64_t id, uint64_t log_id, struct buffer *index,
		      struct object_foot *foot, struct fault *fault)
{
	uint8_t *room;
	size_t size;
	int64_t got;
	int err = read_foot(objects, id, foot, fault);

	if (err == 0 && (foot->id != id || foot->log_id != log_id))
		err = fault_set(fault, ERR_CHECKSUM, "it is another one, object %lld", (long long)foot->id);
	if (err < 0)
		goto say_which;
	size = (size_t)foot->index_count * OBJECT_ENTRY_SIZE;
	buffer_reset(index);
	room = buffer_room(index, size);
	if (!room) {
		err = fault_set(fault, ERR_MEMORY, "out of memory");
		goto say_which;
	}
	got = object_get(objects, id, foot->index_position, room, size, fault);
	err = got < 0 ? (int)got : 0;
	if (err == 0) {
		buffer_grow(index, (size_t)got);
		err = object_index_check(foot, buffer_bytes(index), fault);
	}
say_which:
	/* An object was whole when it got its name: one that does not look like an object any more is damaged. */
	if (err == ERR_MALFORMED) {
		err = ERR_CHECKSUM;
		if (fault)
			fault->err = err;
	}
	if (err < 0)
		fault_at(fault, "object %lld", (long long)id);
	return err;
}

int object_block_read(struct object_store *objects, int64_t id, const struct object_block *block, uint8_t *at,
		      struct fault *fault)
{
	int64_t got = object_get(objects, id, block->position, at, block->size, fault);

	if (got >= 0 && ((uint32_t)got != block->size || crc32c(at, block->size) != block->crc))
		got = fault_set(
			fault, ERR_CHECKSUM,
			"the block at byte %llu does not match its checksum: restore the object from a copy",
			(unsigned long long)block->position);
	if (got < 0)
		fault_at(fault, "object %lld", (long long)id);
	return got < 0 ? (int)got : 0;
}
