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
