/* journal_store_nothing.c - no frames, no lease, no blobs. */
#include <stdlib.h>

#include "exit/journal_store_nothing.h"

struct nothing {
	struct journal_store store;
	const char *name;
};

static int refuse(struct fault *fault)
{
	return fault_set(fault, ERR_DENIED, "the journal does not exist, and nothing is written by looking");
}

static int head(struct journal_store *store, struct journal_head *out, struct fault *fault)
{
	*out = (struct journal_head){ 0 };
	return 0;
}

static int append(struct journal_store *store, int64_t lease, const struct journal_head *before,
		  struct view frame, struct journal_head *after, struct fault *fault)
{
	return refuse(fault);
}

static int read_frames(struct journal_store *store, int64_t from, journal_each *each, void *context,
		       struct fault *fault)
{
	return 0;
}

static int lease_read(struct journal_store *store, struct journal_lease *out, struct fault *fault)
{
	*out = (struct journal_lease){ 0 };
	return 0;
}

static int lease_take(struct journal_store *store, const struct journal_lease *seen, const char *holder,
		      struct journal_lease *taken, struct fault *fault)
{
	return refuse(fault);
}

static int lease_keep(struct journal_store *store, int64_t number, struct fault *fault)
{
	return refuse(fault);
}

static int blob_put(struct journal_store *store, struct sha256 hash, struct view bytes, struct fault *fault)
{
	return refuse(fault);
}

static int blob_get(struct journal_store *store, struct sha256 hash, struct buffer *out, struct fault *fault)
{
	return fault_set(fault, ERR_NOT_FOUND, "the journal does not exist");
}

static int reopen(struct journal_store *store, struct fault *fault)
{
	return 0;
}

static const char *name_of(const struct journal_store *store)
{
	return ((const struct nothing *)store)->name;
}

static void free_it(struct journal_store *store)
{
	free(store);
}

int journal_store_nothing(const char *name, struct journal_store **out, struct fault *fault)
{
	static const struct journal_store_ops ops = {
		.head = head,
		.append = append,
		.read = read_frames,
		.lease_read = lease_read,
		.lease_take = lease_take,
		.lease_beat = lease_keep,
		.lease_release = lease_keep,
		.blob_put = blob_put,
		.blob_get = blob_get,
		.reopen = reopen,
		.name = name_of,
		.free = free_it,
	};
	struct nothing *made = malloc(sizeof *made);

	if (!made)
		return fault_set(fault, ERR_MEMORY, "no memory for a journal");
	*made = (struct nothing){ { &ops, false }, name };
	*out = &made->store;
	return 0;
}
