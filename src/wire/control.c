/* control.c - the keys and values of control records, and the aborted transactions of a fetch. */
#include <stdlib.h>

#include "base/cursor.h"
#include "wire/control.h"

int control_read(struct view slice, struct control *out)
{
	struct control control = { .coordinator_epoch = -1 };
	struct record record;
	struct cursor c;

	if (record_split(slice, &record) < 0 || !record.key.at)
		return ERR_MALFORMED;
	c = cursor_over(record.key); /* a newer version may have more behind these two */
	control.version = cursor_i16(&c);
	control.type = cursor_i16(&c);
	if (c.fault || control.version < 0)
		return ERR_MALFORMED;
	if (control.type == CONTROL_ABORT || control.type == CONTROL_COMMIT) {
		if (!record.value.at)
			return ERR_MALFORMED;
		c = cursor_over(record.value);
		cursor_i16(&c); /* the version of the marker, EndTxnMarker */
		control.coordinator_epoch = cursor_i32(&c);
		if (c.fault)
			return ERR_MALFORMED;
	}
	*out = control;
	return 0;
}

int control_of(const struct records *records, struct control *out)
{
	struct record_span span;
	struct record_walk walk;

	record_walk_init(&walk, records);
	if (record_walk_next(&walk, &span, 1) != 1)
		return ERR_MALFORMED;
	return control_read(view_of(span.at, span.size), out);
}

void aborted_filter_init(struct aborted_filter *filter)
{
	*filter = (struct aborted_filter){ 0 };
}

void aborted_filter_done(struct aborted_filter *filter)
{
	free(filter->entries);
	aborted_filter_init(filter);
}

static int compare(const void *a, const void *b)
{
	const struct aborted *x = a, *y = b; /* the first member of each entry */

	if (x->producer_id != y->producer_id)
		return x->producer_id < y->producer_id ? -1 : 1;
	return x->first_offset < y->first_offset ? -1 : x->first_offset > y->first_offset;
}

int aborted_filter_set(struct aborted_filter *filter, const struct aborted *list, int32_t count)
{
	if (count > filter->capacity) {
		struct aborted_entry *entries = realloc(filter->entries, (size_t)count * sizeof *entries);

		if (!entries)
			return ERR_MEMORY;
		filter->entries = entries;
		filter->capacity = count;
	}
	filter->count = count > 0 ? count : 0;
	for (int32_t i = 0; i < filter->count; i++)
		filter->entries[i] = (struct aborted_entry){ list[i], i };
	if (filter->count)
		qsort(filter->entries, (size_t)filter->count, sizeof *filter->entries, compare);
	for (int32_t i = 0; i < filter->count; i++)
		filter->entries[i].open = i;
	return 0;
}

/* The first entry of the producer, or NULL. */
static struct aborted_entry *first_of(const struct aborted_filter *filter, int64_t producer_id)
{
	int32_t low = 0, high = filter->count;

	while (low < high) {
		int32_t middle = low + (high - low) / 2;

		if (filter->entries[middle].is.producer_id < producer_id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == filter->count || filter->entries[low].is.producer_id != producer_id)
		return NULL;
	return &filter->entries[low];
}

/* Has the producer an entry at `index` that began by `offset`? */
static bool began(const struct aborted_filter *filter, int32_t index, int64_t producer_id, int64_t offset)
{
	return index < filter->count && filter->entries[index].is.producer_id == producer_id &&
	       filter->entries[index].is.first_offset <= offset;
}

bool aborted_filter_drops(const struct aborted_filter *filter, const struct batch_head *head)
{
	const struct aborted_entry *first = head->transactional ? first_of(filter, head->producer_id) : NULL;

	return first && began(filter, first->open, head->producer_id, batch_last_offset(head));
}

void aborted_filter_ends(struct aborted_filter *filter, const struct batch_head *head)
{
	struct aborted_entry *first = first_of(filter, head->producer_id);

	while (first && began(filter, first->open, head->producer_id, batch_last_offset(head)))
		first->open++;
}
