/* sim_disk.c - the journal's store as memory that outlives its controllers: full at times, and unsure at others. */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

struct sim_store {
	struct journal_store store; /* first */
	struct sim *sim;
	struct sim_controller *k;
};

static struct sim_store *store_of(struct journal_store *store)
{
	return (struct sim_store *)store;
}

/* A call that reaches the disk, or why it does not. */
static int reach(struct sim_store *s, const char *what, struct fault *fault)
{
	if (!s->k)
		return 0;
	if (s->k->dead || s->sim->broken)
		return fault_set(fault, ERR_CANCELLED, "the process has ended");
	if (s->store.broken)
		return fault_set(fault, ERR_STALE, "the store must be opened again");
	sim_pass(s->sim, 1);
	if (sim_chance(s->sim, s->sim->disk_ppm))
		return fault_set(fault, ERR_NETWORK, "the database does not answer (%s)", what);
	return 0;
}

static int disk_head(struct journal_store *store, struct journal_head *out, struct fault *fault)
{
	struct sim_store *s = store_of(store);
	int err = reach(s, "head", fault);

	if (err == 0)
		*out = s->sim->head;
	return err;
}

static int lease_is(struct sim_store *s, int64_t lease, struct fault *fault)
{
	struct sim *sim = s->sim;

	if (!lease || sim->options.mutant == MUTANT_DISK_FORKS)
		return 0;
	if (lease != sim->lease.number || !sim->lease.holder[0])
		return fault_set(fault, ERR_STALE, "lease %lld is not held any more", (long long)lease);
	return 0;
}

static void put(struct sim_store *s, int64_t lease, struct view frame, struct journal_head *after)
{
	struct sim *sim = s->sim;
	uint8_t *copy = malloc(frame.size);

	if (!copy)
		abort();
	if (sim->frame_count == SIM_FRAMES_MAX) {
		free(copy);
		sim_fail(sim, "more frames than the simulator has room for");
		return;
	}
	memcpy(copy, frame.at, frame.size);
	sim->frames[sim->frame_count].at = copy;
	sim->frames[sim->frame_count].size = frame.size;
	sim->frame_count++;
	sim->head = (struct journal_head){ sim->frame_count, sha256_of(frame) };
	if (lease)
		sim->lease.beat++;
	*after = sim->head;
	sim_saw(sim, frame);
}

static int disk_append(struct journal_store *store, int64_t lease, const struct journal_head *before,
		       struct view frame, struct journal_head *after, struct fault *fault)
{
	struct sim_store *s = store_of(store);
	struct sim *sim = s->sim;
	char label[SIM_LABEL_SIZE] = "";
	bool doubt;
	int err = reach(s, "append", fault);

	if (err < 0)
		return err;
	if (s->k && sim->options.calm)
		sim_frame_label(frame, label, sizeof label);
	if (s->k && sim_point(s->k, "before", label) < 0)
		return fault_set(fault, ERR_CANCELLED, "the process has ended");
	if (sim->options.mutant != MUTANT_DISK_FORKS &&
	    (before->sequence != sim->head.sequence || !sha256_equal(before->last, sim->head.last)))
		return fault_set(fault, ERR_CONFLICT, "somebody else has written");
	err = lease_is(s, lease, fault);
	if (err < 0)
		return err;
	if (s->k && sim->now < sim->full_until && sim->reserved-- <= 0)
		return fault_set(fault, ERR_FULL, "the disk is full");
	doubt = s->k && sim_chance(sim, sim->disk_ppm);
	if (!doubt || sim_below(sim, 2))
		put(s, lease, frame, after);
	if (s->k && sim_point(s->k, "after", label) < 0)
		return fault_set(fault, ERR_CANCELLED, "the process has ended");
	if (!doubt)
		return 0;
	store->broken = true;
	return fault_set(fault, ERR_NETWORK, "the connection was lost while a frame was written");
}

static int disk_read(struct journal_store *store, int64_t from, journal_each *each, void *context,
		     struct fault *fault)
{
	struct sim_store *s = store_of(store);
	int err = reach(s, "read", fault), count = s->sim->frame_count;

	for (int i = (int)from - 1; i < count && !err; i++)
		err = each(context, i + 1, view_of(s->sim->frames[i].at, s->sim->frames[i].size));
	return err;
}

static int disk_lease_read(struct journal_store *store, struct journal_lease *out, struct fault *fault)
{
	struct sim_store *s = store_of(store);
	int err = reach(s, "lease", fault);

	if (err == 0)
		*out = s->sim->lease;
	return err;
}

static int disk_lease_take(struct journal_store *store, const struct journal_lease *seen, const char *holder,
			   struct journal_lease *taken, struct fault *fault)
{
	struct sim_store *s = store_of(store);
	struct journal_lease *lease = &s->sim->lease;
	int err = reach(s, "lease", fault);

	if (err == 0 && s->k && sim_point(s->k, "before", "lease") < 0)
		err = fault_set(fault, ERR_CANCELLED, "the process has ended");
	if (err < 0)
		return err;
	if (seen->number != lease->number || seen->beat != lease->beat || strcmp(seen->holder, lease->holder) != 0)
		return fault_set(fault, ERR_CONFLICT, "the lease has changed hands");
	lease->number++;
	lease->beat++;
	snprintf(lease->holder, sizeof lease->holder, "%s", holder);
	*taken = *lease;
	return s->k && sim_point(s->k, "after", "lease") < 0
		       ? fault_set(fault, ERR_CANCELLED, "the process has ended")
		       : 0;
}

static int disk_lease_beat(struct journal_store *store, int64_t number, struct fault *fault)
{
	struct sim_store *s = store_of(store);
	int err = reach(s, "lease", fault);

	err = err ? err : lease_is(s, number, fault);
	if (err == 0)
		s->sim->lease.beat++;
	return err;
}

static int disk_lease_release(struct journal_store *store, int64_t number, struct fault *fault)
{
	struct sim_store *s = store_of(store);
	int err = reach(s, "lease", fault);

	err = err ? err : lease_is(s, number, fault);
	if (err == 0)
		s->sim->lease.holder[0] = 0;
	return err;
}

static int disk_blob_put(struct journal_store *store, struct sha256 hash, struct view bytes, struct fault *fault)
{
	struct sim_store *s = store_of(store);
	struct sim *sim = s->sim;
	int err = reach(s, "blob", fault);

	if (err < 0)
		return err;
	for (int i = 0; i < sim->blob_count; i++)
		if (sha256_equal(sim->blobs[i].hash, hash))
			return 0;
	if (sim->blob_count == (int)(sizeof sim->blobs / sizeof sim->blobs[0]))
		return fault_set(fault, ERR_FULL, "no room for a blob");
	sim->blobs[sim->blob_count].hash = hash;
	buffer_init(&sim->blobs[sim->blob_count].bytes, JOURNAL_BLOB_SIZE_MAX);
	buffer_view(&sim->blobs[sim->blob_count].bytes, bytes);
	sim->blob_count++;
	return 0;
}

static int disk_blob_get(struct journal_store *store, struct sha256 hash, struct buffer *out, struct fault *fault)
{
	struct sim_store *s = store_of(store);
	int err = reach(s, "blob", fault);

	for (int i = 0; !err && i < s->sim->blob_count; i++) {
		if (sha256_equal(s->sim->blobs[i].hash, hash)) {
			buffer_view(out, buffer_bytes(&s->sim->blobs[i].bytes));
			return out->err;
		}
	}
	return err ? err : fault_set(fault, ERR_NOT_FOUND, "no such blob");
}

static int disk_reopen(struct journal_store *store, struct fault *fault)
{
	struct sim_store *s = store_of(store);

	if (s->k && s->k->dead)
		return fault_set(fault, ERR_CANCELLED, "the process has ended");
	sim_pass(s->sim, 5);
	if (sim_chance(s->sim, 20 * s->sim->disk_ppm))
		return fault_set(fault, ERR_NETWORK, "the database does not answer");
	store->broken = false;
	return 0;
}

static const char *disk_name(const struct journal_store *store)
{
	return "the simulated disk";
}

static int disk_reserve(struct journal_store *store, int64_t size, struct fault *fault)
{
	struct sim_store *s = store_of(store);
	int err = reach(s, "reserve", fault);

	if (err == 0 && s->sim->now < s->sim->full_until)
		err = fault_set(fault, ERR_FULL, "the disk is full");
	if (err == 0)
		s->sim->reserved = 300;
	return err;
}

static void disk_free(struct journal_store *store)
{
	free(store_of(store));
}

static const struct journal_store_ops ops = {
	disk_head,	disk_append,	   disk_read,	  disk_lease_read, disk_lease_take, disk_lease_beat,
	disk_lease_release, disk_blob_put, disk_blob_get, disk_reopen,	   disk_name,	    disk_free,
	disk_reserve,
};

struct journal_store *sim_store(struct sim *sim, struct sim_controller *k)
{
	struct sim_store *s = calloc(1, sizeof *s);

	if (!s)
		abort();
	s->store.ops = &ops;
	s->sim = sim;
	s->k = k;
	return &s->store;
}
