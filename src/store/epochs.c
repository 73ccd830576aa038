/* epochs.c - the history of leader epochs of one partition. */
#include <stdlib.h>

#include "store/epochs.h"

void epochs_init(struct epochs *epochs)
{
	*epochs = (struct epochs){ 0 };
}

void epochs_done(struct epochs *epochs)
{
	free(epochs->at);
	epochs_init(epochs);
}

int epochs_reserve(struct epochs *epochs, size_t count)
{
	size_t capacity =
		2 * epochs->count > epochs->count + count ? 2 * epochs->count : epochs->count + count;
	struct epoch_start *more;

	if (epochs->count + count <= epochs->capacity)
		return 0;
	more = realloc(epochs->at, capacity * sizeof *more);
	if (!more)
		return ERR_MEMORY;
	epochs->at = more;
	epochs->capacity = capacity;
	return 0;
}

void epochs_cut(struct epochs *epochs, int64_t offset)
{
	while (epochs->count && epochs->at[epochs->count - 1].start_offset >= offset)
		epochs->count--;
}

int epochs_add(struct epochs *epochs, int32_t epoch, int64_t start_offset)
{
	if (epochs->count && epochs->at[epochs->count - 1].epoch >= epoch)
		return 0;
	if (epochs_reserve(epochs, 1) < 0)
		return ERR_MEMORY;
	epochs_cut(epochs, start_offset);
	epochs->at[epochs->count++] = (struct epoch_start){ epoch, start_offset };
	return 0;
}

bool epochs_fit(const struct epochs *epochs, const struct epochs *runs, int64_t from, int64_t end)
{
	int32_t first = runs->count ? runs->at[0].epoch : -1;
	int32_t last = runs->count ? runs->at[runs->count - 1].epoch : -1;

	for (size_t i = 0; i < epochs->count && runs->count; i++)
		if (epochs->at[i].start_offset < from
			    ? epochs->at[i].epoch > first
			    : epochs->at[i].start_offset >= end && epochs->at[i].epoch < last)
			return false;
	return !runs->count || epochs_of(epochs, end) < 0 || epochs_of(epochs, end) >= last;
}

int epochs_fill(const struct epochs *epochs, const struct epochs *runs, int64_t from, int64_t end,
		struct epochs *out)
{
	int32_t above = epochs_of(epochs, end);
	int err = epochs_reserve(out, epochs->count + runs->count + 1);

	if (err < 0)
		return err;
	for (size_t i = 0; i < epochs->count && epochs->at[i].start_offset < from; i++)
		epochs_add(out, epochs->at[i].epoch, epochs->at[i].start_offset);
	for (size_t i = 0; i < runs->count; i++)
		epochs_add(out, runs->at[i].epoch, runs->at[i].start_offset);
	/* What began in between goes on from the end. */
	if (above >= 0)
		epochs_add(out, above, end);
	for (size_t i = 0; i < epochs->count; i++)
		if (epochs->at[i].start_offset >= end)
			epochs_add(out, epochs->at[i].epoch, epochs->at[i].start_offset);
	return 0;
}

void epochs_end(const struct epochs *epochs, int32_t asked, int64_t end, int32_t *epoch, int64_t *end_offset)
{
	size_t at = epochs->count;

	while (at && epochs->at[at - 1].epoch > asked)
		at--;
	*epoch = at ? epochs->at[at - 1].epoch : -1;
	*end_offset = !at ? -1 : at == epochs->count ? end : epochs->at[at].start_offset;
}

int32_t epochs_of(const struct epochs *epochs, int64_t offset)
{
	size_t at = epochs->count;

	while (at && epochs->at[at - 1].start_offset > offset)
		at--;
	return at ? epochs->at[at - 1].epoch : -1;
}
