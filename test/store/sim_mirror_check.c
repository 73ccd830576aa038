/* sim_mirror_check.c - a mirror held against its source: bytes, start and end, epochs, producers, what is committed. */
#include "sim_mirror.h"
#include "wire/batch_writer.h"

static bool ended(const struct sim_mirror *mirror, size_t at, size_t count, bool *commits)
{
	for (size_t i = at + 1; i < count; i++)
		if (mirror->copy[i].producer == mirror->copy[at].producer && mirror->copy[i].marker) {
			*commits = mirror->copy[i].commits;
			return true;
		}
	return false;
}

static bool is_data(const struct linked *linked)
{
	return linked->transactional && !linked->marker;
}

/* A transaction that began in what was given up holds readers at the start, as long as the mirror knows of it. */
static bool is_held(const struct sim_mirror *mirror, size_t count)
{
	for (size_t i = 0; i < mirror->history_count; i++) {
		bool over = !mirror->history[i].given_up || !is_data(&mirror->history[i]);

		for (size_t k = i + 1; k < mirror->history_count && !over; k++)
			over = mirror->history[k].producer == mirror->history[i].producer &&
			       mirror->history[k].marker;
		for (size_t k = 0; k < count && !over; k++)
			over = mirror->copy[k].producer == mirror->history[i].producer &&
			       mirror->copy[k].marker;
		if (!over)
			return true;
	}
	return false;
}

static int check_bytes(struct sim *sim, const struct batch *batch, const struct linked *linked)
{
	struct buffer out;
	int err = 0;

	buffer_init(&out, 1 << 20);
	mirror_make(linked, &out);
	if (!view_equal(batch->bytes, buffer_bytes(&out)))
		err = sim_broken(sim, "the mirror has another batch at %lld than its source at %lld",
				 (long long)batch->head.base_offset, (long long)linked->base);
	buffer_done(&out);
	return err;
}

static int read_all(struct sim *sim, int64_t from, int64_t end, size_t count)
{
	struct sim_mirror *mirror = sim->mirror;
	struct store_read read = { 0 };
	size_t at = 0;
	int err = 0;

	while (err == 0 && from < end) {
		err = sim_read_store(sim, mirror_partition(sim), from,
				     1 + (int64_t)random_below(&sim->random, 20000), STORE_READ_UNCOMMITTED,
				     &read);
		if (err != 0 || (read.count == 0 && read.next_offset == from))
			break;
		for (int i = 0; i < read.count && err == 0; i++) {
			struct view bytes = read.pieces[i].bytes;
			struct batch batch;

			while (err == 0 && batch_next(&bytes, &batch) == 1)
				err = at < count ? check_bytes(sim, &batch, &mirror->copy[at++])
						 : sim_broken(sim, "the mirror has one more, at %lld",
							      (long long)batch.head.base_offset);
		}
		from = read.next_offset;
	}
	if (err == 0 && at < count)
		err = sim_broken(sim, "the mirror ends before %lld of its source",
				 (long long)mirror->copy[at].base);
	store_read_free(&read);
	return err;
}

static int read_committed(struct sim *sim, const struct store_partition_state *is, size_t count)
{
	struct sim_mirror *mirror = sim->mirror;
	int64_t offset = is->log_start +
			 (int64_t)random_below(&sim->random, (uint64_t)(is->last_stable - is->log_start) + 1);
	struct aborted_filter filter;
	struct store_read read = { 0 };
	size_t at = 0;
	int err;

	aborted_filter_init(&filter);
	err = sim_read_store(sim, mirror_partition(sim), offset,
			     1 + (int64_t)random_below(&sim->random, 50000), STORE_READ_COMMITTED, &read);
	if (err == 0)
		err = aborted_filter_set(&filter, read.aborted, read.aborted_count);
	for (int i = 0; i < read.count && err == 0; i++) {
		struct view bytes = read.pieces[i].bytes;
		struct batch batch;

		while (err == 0 && batch_next(&bytes, &batch) == 1) {
			bool commits = true, marker_commits = false;

			while (at < count && mirror->copy[at].base < batch.head.base_offset)
				at++;
			if (at == count || batch_last_offset(&batch.head) >= is->last_stable)
				err = sim_broken(sim, "the mirror shows %lld, and %lld is stable",
						 (long long)batch.head.base_offset,
						 (long long)is->last_stable);
			else if (batch.head.control && sim_marker_of(&batch, &marker_commits) &&
				 !marker_commits)
				aborted_filter_ends(&filter, &batch.head);
			else if (!batch.head.control &&
				 aborted_filter_drops(&filter, &batch.head) !=
					 (is_data(&mirror->copy[at]) && ended(mirror, at, count, &commits) &&
					  !commits))
				err = sim_broken(sim, "the mirror's batch at %lld %s",
						 (long long)batch.head.base_offset,
						 commits ? "is hidden" : "was aborted, and is shown");
		}
	}
	aborted_filter_done(&filter);
	store_read_free(&read);
	return err;
}

/* What the mirror knows of its producers is what the source would know. */
static int check_producers(struct sim *sim, size_t count)
{
	struct sim_mirror *mirror = sim->mirror;

	for (int64_t id = PRODUCER_FIRST; id < PRODUCER_FIRST + PRODUCER_COUNT; id++) {
		int64_t last_data = -1, open = -1;
		struct store_producer is;
		int32_t sequence = -1;
		bool known = store_producer(mirror_partition(sim), id, &is);

		for (size_t i = 0; i < count; i++) {
			const struct linked *linked = &mirror->copy[i];

			if (linked->producer != id)
				continue;
			if (linked->marker) {
				open = -1;
				continue;
			}
			last_data = linked->base;
			sequence = linked->sequence + (int32_t)(linked->last - linked->base);
			if (open < 0 && linked->transactional)
				open = linked->base;
		}
		if (last_data >= mirror->tail_start && !known)
			return sim_broken(sim, "the mirror does not know producer %lld", (long long)id);
		if (last_data >= mirror->tail_start &&
		    (is.last_sequence != sequence ||
		     (is.transaction_first != open && !is_held(mirror, count))))
			return sim_broken(
				sim,
				"the mirror has producer %lld at %d in a transaction from %lld, the "
				"source at %d from %lld",
				(long long)id, is.last_sequence, (long long)is.transaction_first, sequence,
				(long long)open);
	}
	return 0;
}

static int check_epochs(struct sim *sim, size_t count)
{
	const struct linked *copy = sim->mirror->copy;

	for (size_t i = 0; i < count; i++) {
		int64_t end = -1;
		int32_t epoch = -1;

		if (i + 1 < count && copy[i + 1].epoch == copy[i].epoch)
			continue;
		store_epoch_end(mirror_partition(sim), copy[i].epoch, &epoch, &end);
		if (epoch != copy[i].epoch || end <= copy[i].last ||
		    (i + 1 < count && end > copy[i + 1].base))
			return sim_broken(sim,
					  "epoch %d of the mirror: %d ends at %lld, the source's behind %lld",
					  copy[i].epoch, epoch, (long long)end, (long long)copy[i].last);
	}
	return 0;
}

int mirror_check(struct sim *sim, bool whole)
{
	struct sim_mirror *mirror = sim->mirror;
	struct store_partition_state is;
	int64_t stable;
	size_t count;
	int err;

	if (!mirror)
		return 0;
	if (!sim->linked)
		return sim_broken(sim, "the mirror is gone");
	if (!whole)
		sim_settle(sim);
	if (sim_disk_dead(sim->disk))
		return 0;
	store_partition_state(mirror_partition(sim), &is);
	if (whole) {
		mirror_settle_doubt(mirror, &is);
	} else if (mirror->filling || mirror->cutting || mirror->moving || mirror->new_epoch) {
		return 0; /* an object that cannot be written now holds it up */
	}
	for (count = mirror->copy_count; count && mirror->copy[count - 1].base >= is.high_watermark;)
		count--;
	if (is.mirror == mirror->promoted || is.leader_epoch != mirror->epoch ||
	    is.log_start != mirror->start)
		return sim_broken(sim, "the mirror begins at %lld in epoch %d%s, not at %lld in %d",
				  (long long)is.log_start, is.leader_epoch, is.mirror ? "" : ", promoted",
				  (long long)mirror->start, mirror->epoch);
	if (is.high_watermark < mirror->durable ||
	    (is.high_watermark != mirror->durable &&
	     (!count || is.high_watermark != mirror->copy[count - 1].last + 1)))
		return sim_broken(sim, "the mirror ends at %lld, and was told to be there up to %lld",
				  (long long)is.high_watermark, (long long)mirror->durable);
	mirror->durable = is.high_watermark;
	stable = is.high_watermark;
	for (size_t i = 0; i < count; i++) {
		bool commits;

		if (is_data(&mirror->copy[i]) && !ended(mirror, i, count, &commits)) {
			stable = mirror->copy[i].base > is.log_start ? mirror->copy[i].base : is.log_start;
			break;
		}
	}
	if (is.last_stable != stable && !(is_held(mirror, count) && is.last_stable == is.log_start))
		return sim_broken(sim, "the mirror is stable up to %lld, its source to %lld",
				  (long long)is.last_stable, (long long)stable);
	err = read_all(sim, is.log_start, is.high_watermark, count);
	if (err == 0 && !sim_disk_dead(sim->disk))
		err = check_producers(sim, count);
	if (err == 0 && !sim_disk_dead(sim->disk))
		err = check_epochs(sim, count);
	if (err == 0 && !sim_disk_dead(sim->disk))
		err = read_committed(sim, &is, count);
	return sim->broken ? -1 : 0;
}
