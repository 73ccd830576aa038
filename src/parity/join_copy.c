/*
 * join_copy.c - a join that goes on cannot be finished, so a copy of it is: by way of its saved state, which is what a
 * checkpoint would bring back.
 */
#include "parity/join_state.h"

int join_clone(const struct join *join, size_t size_max, struct join **out)
{
	struct join *clone = NULL;
	struct buffer state;
	struct cursor in;
	int err;

	buffer_init(&state, size_max);
	err = join_save(join, &state);
	if (err == 0 && !(clone = join_new(&join->options)))
		err = ERR_MEMORY;
	if (err == 0) {
		in = cursor_over(buffer_bytes(&state));
		err = join_load(clone, &in);
	}
	if (err == 0)
		late_copy(join, clone);
	buffer_done(&state);
	if (err < 0) {
		join_free(clone);
		return err;
	}
	*out = clone;
	return 0;
}

int join_leave_out(struct join *join, enum log_side side, int32_t partition, int64_t offset)
{
	struct stream *stream = join_stream(join, side, partition);
	int err = 0;

	for (struct entry *entry = stream->newest, *before; entry && entry->offset >= offset && err == 0;
	     entry = before) {
		before = entry->lane_prev;
		if (entry->gap)
			continue;
		stream->beyond_records++;
		stream->beyond_bytes += entry->details.size;
		join->named_sum[side] = digest_add(join->named_sum[side], entry->digest);
		err = entry_drop(join, entry);
	}
	return err;
}
