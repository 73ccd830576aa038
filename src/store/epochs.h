/* epochs.h - which leader epoch began where: the history behind OffsetForLeaderEpoch (KIP-101, KIP-279). */
#ifndef STORE_EPOCHS_H
#define STORE_EPOCHS_H

#include "base/err.h"
#include "base/view.h"

struct epoch_start {
	int32_t epoch;
	int64_t start_offset;
};

struct epochs {
	struct epoch_start *at; /* both grow */
	size_t count, capacity;
};

void epochs_init(struct epochs *epochs);
void epochs_done(struct epochs *epochs);

/* Epochs that began at or behind `start_offset` got no record and say nothing.  Silent when it is there.  ERR_MEMORY. */
int epochs_add(struct epochs *epochs, int32_t epoch, int64_t start_offset);

/* Room for `count` more, so that adding them cannot fail.  ERR_MEMORY. */
int epochs_reserve(struct epochs *epochs, size_t count);

/* Forgets the epochs that began at or behind `offset`. */
void epochs_cut(struct epochs *epochs, int64_t offset);

/*
 * `runs` are the epochs of records that come in at [from, end), before all that is known from `end` on.  Do they follow what
 * began below, and is what is above later?
 */
bool epochs_fit(const struct epochs *epochs, const struct epochs *runs, int64_t from, int64_t end);

/* The history with them, in *out, which is empty: an epoch of theirs that goes on above began with them.  ERR_MEMORY. */
int epochs_fill(const struct epochs *epochs, const struct epochs *runs, int64_t from, int64_t end,
		struct epochs *out);

/* The largest epoch at or below the one asked for, and where it ended (`end`: where the newest one does); -1 for none. */
void epochs_end(const struct epochs *epochs, int32_t asked, int64_t end, int32_t *epoch, int64_t *end_offset);

/* The epoch that an offset was written under, -1 when it is before all. */
int32_t epochs_of(const struct epochs *epochs, int64_t offset);

#endif
