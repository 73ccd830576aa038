/*
 * sim_mirror.c - the life of a mirror: a source that grows, elects unclean leaders and is older than the link to it.
 *
 * The source is made up as it is needed.  `copy` is what the mirror was given of it, in order; `history` is what lies below the
 * mirror's start.  Batches are the same bytes whenever they are made, so what is read is held against them whole.  What was
 * under way at a crash is done or not, and the mirror's start and epoch say which; then all of it has to be as that says.
 */
#include <stdlib.h>

#include "sim_mirror.h"
#include "wire/batch_writer.h"

struct mirror_flight {
	struct sim *sim;
	int64_t end;
};

void mirror_free(struct sim_mirror *mirror)
{
	if (mirror)
		free(mirror->copy);
	free(mirror);
}

bool mirror_may_be_over(const struct sim_mirror *mirror)
{
	return mirror->promoting || mirror->promoted;
}

/* ---- the source */

void mirror_make(const struct linked *linked, struct buffer *out)
{
	struct batch_options options = batch_options_default;

	buffer_reset(out);
	options.base_offset = linked->base;
	options.partition_leader_epoch = linked->epoch;
	options.producer_id = linked->producer;
	options.producer_epoch = linked->producer < 0 ? -1 : 0;
	options.base_sequence = linked->sequence;
	options.transactional = linked->transactional;
	if (linked->marker)
		batch_write_marker(out, &options, linked->commits, 1, 5000);
	else
		sim_make_batch(out, &options, linked->number, (int32_t)(linked->last - linked->base + 1));
}

/* The newest batch of a producer among the first `count` of the copy and in the history, or NULL. */
static const struct linked *newest_of(const struct sim_mirror *mirror, size_t count, int64_t producer)
{
	for (size_t i = count; i > 0; i--)
		if (mirror->copy[i - 1].producer == producer)
			return &mirror->copy[i - 1];
	for (size_t i = mirror->history_count; i > 0; i--)
		if (mirror->history[i - 1].producer == producer)
			return &mirror->history[i - 1];
	return NULL;
}

static int32_t next_sequence(const struct sim_mirror *mirror, size_t count, int64_t producer)
{
	for (size_t i = count + mirror->history_count; i > 0; i--) {
		const struct linked *linked = i > mirror->history_count
						      ? &mirror->copy[i - 1 - mirror->history_count]
						      : &mirror->history[i - 1];

		if (linked->producer == producer && !linked->marker)
			return linked->sequence + (int32_t)(linked->last - linked->base + 1);
	}
	return 0;
}

/* What the source appends at or behind `end`, when it has the history and so much of the copy. */
static struct linked grow(struct sim *sim, size_t count, int64_t end, int32_t epoch)
{
	struct sim_mirror *mirror = sim->mirror;
	int64_t producer = (int64_t)random_below(&sim->random, PRODUCER_COUNT + 2) - 2;
	struct linked linked = { .number = ++sim->numbers, .producer = -1, .sequence = -1, .epoch = epoch };
	const struct linked *newest;

	/* As a rule one that has something to end, once there is a tail: what lies below it can be filled in then. */
	for (int64_t i = 1; count && i < PRODUCER_COUNT && random_below(&sim->random, 2); i++) {
		newest = newest_of(mirror, count, PRODUCER_FIRST + i);
		if (newest && !newest->marker)
			producer = i;
	}
	linked.base = end + (random_below(&sim->random, 5) ? 0 : (int64_t)random_below(&sim->random, 6));
	linked.last = linked.base + (int64_t)random_below(&sim->random, 4);
	if (producer < 0)
		return linked;
	linked.producer = PRODUCER_FIRST + producer;
	linked.transactional = producer > 0;
	newest = newest_of(mirror, count, linked.producer);
	if (linked.transactional && newest && !newest->marker && random_below(&sim->random, 3)) {
		linked.marker = true;
		linked.commits = random_below(&sim->random, 2);
		linked.last = linked.base;
	} else {
		linked.sequence = next_sequence(mirror, count, linked.producer);
	}
	return linked;
}

static void push(struct sim_mirror *mirror, const struct linked *linked)
{
	if (mirror->copy_count == mirror->copy_capacity) {
		mirror->copy_capacity = mirror->copy_capacity ? 2 * mirror->copy_capacity : 64;
		mirror->copy = realloc(mirror->copy, mirror->copy_capacity * sizeof *mirror->copy);
	}
	mirror->copy[mirror->copy_count++] = *linked;
}

/* ---- what has come about */

static void was_cut(struct sim_mirror *mirror)
{
	size_t count = mirror->copy_count;
	int64_t end = count && mirror->copy[count - 1].last + 1 > mirror->durable
			      ? mirror->copy[count - 1].last + 1
			      : mirror->durable;

	if (end > mirror->cut_offset)
		end = mirror->cut_offset;
	for (; end <= mirror->start && count; count--)
		;
	for (; count && mirror->copy[count - 1].last >= mirror->cut_offset; count--)
		if (mirror->copy[count - 1].base < end)
			end = mirror->copy[count - 1].base;
	mirror->copy_count = count;
	while (mirror->history_count && mirror->history[mirror->history_count - 1].last >= end)
		mirror->history_count--;
	if (mirror->start > end)
		mirror->start = end;
	/* Who had written only what was given up is not known any more. */
	if (mirror->tail_start < mirror->start)
		mirror->tail_start = mirror->start;
	if (mirror->durable > end)
		mirror->durable = end;
	mirror->epoch = mirror->next_epoch;
	mirror->cutting = false;
	sim_totals.cuts++;
}

static void was_filled(struct sim_mirror *mirror)
{
	size_t kept = mirror->history_count - mirror->fill_count, before = mirror->copy_count;

	for (size_t i = 0; i < mirror->fill_count; i++)
		push(mirror, &mirror->history[0]); /* room */
	if (mirror->fill_count) {
		memmove(mirror->copy + mirror->fill_count, mirror->copy, before * sizeof *mirror->copy);
		memcpy(mirror->copy, mirror->history + kept, mirror->fill_count * sizeof *mirror->copy);
	}
	mirror->history_count = kept;
	mirror->start = mirror->fill_from;
	mirror->filling = false;
	sim_totals.fills++;
}

/* What is given up is the source's still. */
static void was_moved(struct sim_mirror *mirror)
{
	size_t below = 0;

	mirror->start = mirror->move_to;
	mirror->moving = false;
	for (; below < mirror->copy_count && mirror->copy[below].last < mirror->start; below++) {
		mirror->copy[below].given_up = true;
		mirror->history[mirror->history_count++] = mirror->copy[below];
	}
	mirror->copy_count -= below;
	if (mirror->copy_count)
		memmove(mirror->copy, mirror->copy + below, mirror->copy_count * sizeof *mirror->copy);
}

/* ERR_CANCELLED: in doubt until the store is open again. */
static void begun(void *context, int err, const struct fault *fault)
{
	struct sim *sim = context;

	sim_note(sim, "mirror begun: %d", err);
	if (err != ERR_CANCELLED)
		sim->mirror->beginning = false;
}

static void cut_done(void *context, int err, const struct fault *fault)
{
	struct sim *sim = context;

	sim_note(sim, "cut at %lld: %d", (long long)sim->mirror->cut_offset, err);
	if (err == 0)
		was_cut(sim->mirror);
	else if (err != ERR_CANCELLED)
		sim->mirror->cutting = false;
}

static void fill_done(void *context, int err, const struct fault *fault)
{
	struct sim *sim = context;

	sim_note(sim, "filled from %lld: %d", (long long)sim->mirror->fill_from, err);
	if (err == 0) {
		was_filled(sim->mirror);
	} else if (err != ERR_CANCELLED) {
		bool undecided = strstr(fault->text, "not decided");

		sim->mirror->filling = false;
		sim_totals.undecided += undecided;
		if (undecided && sim->mirror->decided)
			sim_broken(sim, "a piece of the mirror was refused: %s", fault->text);
	}
}

static void move_done(void *context, int err, const struct fault *fault)
{
	struct sim *sim = context;

	sim_note(sim, "mirror begins at %lld: %d", (long long)sim->mirror->move_to, err);
	if (err == 0)
		was_moved(sim->mirror);
	else if (err != ERR_CANCELLED)
		sim->mirror->moving = false;
}

static void epoch_done(void *context, int err, const struct fault *fault)
{
	struct sim *sim = context;

	sim_note(sim, "mirror's epoch %d: %d", sim->mirror->next_epoch, err);
	if (err == 0)
		sim->mirror->epoch = sim->mirror->next_epoch;
	if (err != ERR_CANCELLED)
		sim->mirror->new_epoch = false;
}

static void promote_done(void *context, int err, const struct fault *fault)
{
	struct sim *sim = context;

	sim_note(sim, "mirror promoted: %d", err);
	if (err == 0) {
		sim->mirror->epoch = sim->mirror->next_epoch;
		sim->mirror->promoted = true;
	}
	if (err != ERR_CANCELLED)
		sim->mirror->promoting = false;
}

static void appended(void *context, const struct store_appended *appended)
{
	struct mirror_flight *flight = context;
	struct sim *sim = flight->sim;

	sim_note(sim, "mirrored up to %lld: %d", (long long)flight->end, appended->err);
	sim->flights--;
	if (appended->err == 0 && flight->end > sim->mirror->durable)
		sim->mirror->durable = flight->end;
	free(flight);
}

/* ---- what a link does */

/* So many new batches of the source behind the first `keep` of the copy; the source's high watermark lies in the one at `taken`. */
static int64_t grow_some(struct sim *sim, size_t keep, size_t count, size_t taken, struct buffer *out)
{
	struct sim_mirror *mirror = sim->mirror;
	int64_t high_watermark = INT64_MAX, end;
	struct store_partition_state is;
	struct buffer one;

	buffer_init(&one, 1 << 20);
	store_partition_state(mirror_partition(sim), &is);
	end = is.end;
	mirror->copy_count = keep;
	for (size_t i = 0; i < count; i++) {
		struct linked linked = grow(sim, mirror->copy_count, end, is.leader_epoch);
		uint64_t offsets = (uint64_t)(linked.last - linked.base + 1);

		if (i == taken)
			high_watermark = linked.base + (int64_t)random_below(&sim->random, offsets);
		end = linked.last + 1;
		mirror_make(&linked, &one);
		buffer_view(out, buffer_bytes(&one));
		push(mirror, &linked);
	}
	buffer_done(&one);
	return high_watermark;
}

static void append_some(struct sim *sim)
{
	struct sim_mirror *mirror = sim->mirror;
	size_t keep = mirror->copy_count, before = keep, count = 1 + random_below(&sim->random, 3);
	size_t taken = random_below(&sim->random, 4) ? count : random_below(&sim->random, count + 1);
	struct linked *kept = malloc((before + 1) * sizeof *kept);
	struct mirror_flight *flight = malloc(sizeof *flight);
	struct store_partition_state is;
	int64_t high_watermark;
	struct buffer out;
	int err;

	buffer_init(&out, 1 << 20);
	store_partition_state(mirror_partition(sim), &is);
	for (size_t i = 0; i < before; i++)
		kept[i] = mirror->copy[i];
	/* What failed is not there, or may be there after a restart: the source has something else in its place. */
	while (keep && mirror->copy[keep - 1].base >= is.end)
		keep--;
	high_watermark = grow_some(sim, keep, count, taken, &out);
	mirror->copy_count = keep + taken;
	*flight = (struct mirror_flight){ sim, taken ? mirror->copy[keep + taken - 1].last + 1 : 0 };
	sim->flights++;
	err = store_append_mirror(mirror_partition(sim), buffer_bytes(&out), high_watermark, appended,
				  flight);
	sim_note(sim, "mirror %zu of %zu from %lld: %d", taken, count, (long long)is.end, err);
	buffer_done(&out);
	if (err != 0) {
		sim->flights--;
		free(flight);
		mirror->copy_count = 0;
		for (size_t i = 0; i < before; i++)
			push(mirror, &kept[i]);
	}
	free(kept);
	store_partition_state(mirror_partition(sim), &is);
	sim_totals.mirrored += err == 0 ? taken : 0;
	if ((err > 0 || (err == 0 && !taken)) && !(err == STORE_NOT_COMMITTED && !taken))
		sim_broken(sim, "the mirror took %zu batches and said %d", taken, err);
	else if (err == 0 && is.end != mirror->copy[mirror->copy_count - 1].last + 1)
		sim_broken(sim, "the mirror ends at %lld, and was given up to %lld", (long long)is.end,
			   (long long)mirror->copy[mirror->copy_count - 1].last + 1);
}

static void cut_somewhere(struct sim *sim)
{
	struct sim_mirror *mirror = sim->mirror;
	struct store_partition_state is;
	int64_t from;

	/* Now and then with a merge on its way, and nothing else to wait for. */
	if (random_below(&sim->random, 4) == 0) {
		store_flush(sim->store, NULL, NULL);
		sim_settle(sim);
		sim->now_ms += 2000;
		store_tick(sim->store);
		if (sim_disk_dead(sim->disk) || mirror->filling)
			return;
	}
	store_partition_state(mirror_partition(sim), &is);
	from = mirror->filling ? mirror->start : mirror->start > 9 ? mirror->start - 9 : 0;
	/* Near the end as a rule. */
	if (is.end - from > 40 && random_below(&sim->random, 4))
		from = is.end - 40;
	mirror->cut_offset = from + (int64_t)random_below(&sim->random, (uint64_t)(is.end - from) + 3);
	mirror->next_epoch = mirror->epoch + 1 + (int32_t)random_below(&sim->random, 2);
	mirror->cutting = true;
	if (store_truncate_mirror(mirror_partition(sim), mirror->cut_offset, mirror->next_epoch, cut_done,
				  sim) != 0)
		mirror->cutting = false;
	sim_note(sim, "cut at %lld%s", (long long)mirror->cut_offset, mirror->cutting ? "" : ": refused");
}

/* Has the transaction of a batch of the history a marker in it, or in what of the copy can be read? */
static bool has_marker(const struct sim_mirror *mirror, size_t at, int64_t high_watermark)
{
	int64_t producer = mirror->history[at].producer;

	for (size_t i = at + 1; i < mirror->history_count; i++)
		if (mirror->history[i].producer == producer && mirror->history[i].marker)
			return true;
	for (size_t i = 0; i < mirror->copy_count && mirror->copy[i].last < high_watermark; i++)
		if (mirror->copy[i].producer == producer && mirror->copy[i].marker)
			return true;
	return false;
}

static void fill_some(struct sim *sim)
{
	struct sim_mirror *mirror = sim->mirror;
	size_t count = random_below(&sim->random, PIECE_MAX + 1), first;
	struct store_partition_state is;
	struct buffer out, one;
	int64_t lowest;
	int err;

	if (count > mirror->history_count)
		count = mirror->history_count;
	first = mirror->history_count - count;
	store_partition_state(mirror_partition(sim), &is);
	buffer_init(&out, 1 << 20);
	buffer_init(&one, 1 << 20);
	mirror->decided = true;
	for (size_t i = first; i < mirror->history_count; i++) {
		mirror_make(&mirror->history[i], &one);
		buffer_view(&out, buffer_bytes(&one));
		mirror->decided =
			mirror->decided && (!mirror->history[i].transactional || mirror->history[i].marker ||
					    has_marker(mirror, i, is.high_watermark));
	}
	/* From somewhere in the hole before it. */
	lowest = first ? mirror->history[first - 1].last + 1 : 0;
	mirror->fill_from = count ? mirror->history[first].base : mirror->start;
	if (random_below(&sim->random, 3) == 0)
		mirror->fill_from = lowest;
	/* A link that asks its source would know; now and then one does not. */
	if (mirror->fill_from < mirror->start && (mirror->decided || random_below(&sim->random, 4) == 0)) {
		mirror->fill_count = count;
		mirror->filling = true;
		err = store_backfill_mirror(mirror_partition(sim), mirror->fill_from, buffer_bytes(&out),
					    fill_done, sim);
		mirror->filling = err == 0;
		sim_note(sim, "fill in %zu from %lld: %d", count, (long long)mirror->fill_from, err);
		if (err > 0 || err == ERR_USAGE)
			sim_broken(sim, "a piece from %lld of the mirror was refused: %d",
				   (long long)mirror->fill_from, err);
	}
	buffer_done(&out);
	buffer_done(&one);
}

static void move_start(struct sim *sim)
{
	struct sim_mirror *mirror = sim->mirror;
	struct store_partition_state is;

	store_partition_state(mirror_partition(sim), &is);
	if (is.high_watermark == is.log_start)
		return;
	mirror->move_to = is.log_start + 1 +
			  (int64_t)random_below(&sim->random, (uint64_t)(is.high_watermark - is.log_start));
	mirror->moving = true;
	if (store_log_start_move(mirror_partition(sim), mirror->move_to, move_done, sim) != 0)
		mirror->moving = false;
}

static void begin_epoch(struct sim *sim)
{
	struct sim_mirror *mirror = sim->mirror;

	mirror->next_epoch = mirror->epoch + 1;
	mirror->new_epoch = true;
	if (store_epoch_begin(mirror_partition(sim), mirror->next_epoch, true, epoch_done, sim) != 0)
		mirror->new_epoch = false;
}

/* A piece, and often something that comes in its way while it is on its own. */
static void fill_and_disturb(struct sim *sim)
{
	struct sim_mirror *mirror = sim->mirror;

	fill_some(sim);
	if (!mirror->filling || random_below(&sim->random, 2))
		return;
	for (uint64_t steps = random_below(&sim->random, 8); steps; steps--) {
		lane_step(sim->lanes[random_below(&sim->random, STORE_LANES)]);
		store_poll(sim->store);
	}
	if (sim_disk_dead(sim->disk) || mirror->cutting || mirror->new_epoch || mirror->moving)
		return;
	if (random_below(&sim->random, 2))
		cut_somewhere(sim);
	else
		begin_epoch(sim);
	store_poll(sim->store);
}

void mirror_step(struct sim *sim)
{
	struct sim_mirror *mirror = sim->mirror;
	uint64_t dice = random_below(&sim->random, 100);

	if (dice < 55)
		append_some(sim);
	else if (dice < 80 && !mirror->filling)
		fill_and_disturb(sim);
	else if (dice < 86 && !mirror->cutting && !mirror->new_epoch && !mirror->moving)
		cut_somewhere(sim);
	else if (dice < 90 && !mirror->cutting && !mirror->new_epoch)
		begin_epoch(sim);
	else if (dice < 91 && !mirror->cutting && !mirror->moving && !mirror->filling)
		move_start(sim);
	else if (dice >= 95)
		mirror_check(sim, false);
}

/* What was in doubt at a crash has happened if the mirror says so. */
void mirror_settle_doubt(struct sim_mirror *mirror, const struct store_partition_state *is)
{
	if (mirror->filling && is->log_start == mirror->fill_from)
		was_filled(mirror);
	if (mirror->moving && is->log_start == mirror->move_to)
		was_moved(mirror);
	if (mirror->cutting && is->leader_epoch == mirror->next_epoch)
		was_cut(mirror);
	if (mirror->new_epoch && is->leader_epoch == mirror->next_epoch)
		mirror->epoch = mirror->next_epoch;
	if (mirror->promoting && is->leader_epoch == mirror->next_epoch) {
		mirror->epoch = mirror->next_epoch;
		mirror->promoted = true;
	}
	mirror->filling = mirror->moving = mirror->cutting = mirror->new_epoch = mirror->promoting = false;
	while (mirror->copy_count && mirror->copy[mirror->copy_count - 1].base >= is->high_watermark)
		mirror->copy_count--;
}

/* ---- beginning and end */

static void created(void *context, int err, const struct fault *fault)
{
	*(int *)context = err;
}

int mirror_begin(struct sim *sim)
{
	struct store_topic_new topic = { .name = VIEW_LITERAL("linked"), .partition_count = 1, .id = { 8 } };
	struct sim_mirror *mirror = calloc(1, sizeof *mirror);
	int64_t end = (int64_t)random_below(&sim->random, 30);
	int32_t epoch = (int32_t)random_below(&sim->random, 2);
	size_t count = random_below(&sim->random, HISTORY_MAX);
	int err = 1;

	sim->mirror = mirror;
	for (size_t i = 0; i < count; i++) {
		epoch += random_below(&sim->random, 8) == 0;
		mirror->history[i] = grow(sim, 0, end, epoch);
		end = mirror->history[i].last + 1;
		mirror->history_count++;
	}
	mirror->start = mirror->tail_start = mirror->durable = end + (int64_t)random_below(&sim->random, 3);
	mirror->epoch = epoch + (int32_t)random_below(&sim->random, 2);
	if (store_topic_create(sim->store, &topic, created, &err) < 0)
		return sim_broken(sim, "no topic for the mirror");
	sim_settle(sim);
	sim->linked = store_topic_named(sim->store, VIEW_LITERAL("linked"));
	mirror->beginning = true;
	if (!sim->linked ||
	    store_begin_mirror(mirror_partition(sim), mirror->start, mirror->epoch, begun, sim) != 0)
		return sim_broken(sim, "no mirror: %d", err);
	sim_settle(sim);
	return mirror->beginning ? sim_broken(sim, "the mirror was not begun") : 0;
}

static void plain_appended(void *context, const struct store_appended *appended)
{
	*(int64_t *)context = appended->err < 0 ? appended->err : appended->base_offset;
}

int mirror_promote(struct sim *sim)
{
	struct sim_mirror *mirror = sim->mirror;
	struct linked linked = { .number = ++sim->numbers, .producer = -1, .sequence = -1 };
	struct store_partition_state is;
	int64_t at = -1;
	struct buffer out;

	if (!mirror || random_below(&sim->random, 2))
		return 0;
	for (int i = 0; i < 20 && (mirror->cutting || mirror->filling || mirror->new_epoch); i++) {
		sim->now_ms += 2000;
		store_tick(sim->store);
		sim_settle(sim);
	}
	if (mirror->cutting || mirror->filling || mirror->new_epoch)
		return sim_broken(sim, "what the mirror does never ends");
	store_topic_log_options(sim->linked,
				&(struct store_log_options){ .retention_ms = -1, .retention_bytes = -1 });
	store_partition_state(mirror_partition(sim), &is);
	mirror->next_epoch = mirror->epoch + 1;
	mirror->promoting = true;
	if (store_promote_mirror(mirror_partition(sim), mirror->next_epoch, true, promote_done, sim) != 0)
		mirror->promoting = false;
	store_poll(sim->store);
	sim_settle(sim);
	if (!mirror->promoted)
		return sim_broken(sim, "the mirror was not promoted");
	sim_totals.promoted++;
	buffer_init(&out, 1 << 20);
	while (mirror->copy_count && mirror->copy[mirror->copy_count - 1].base >= is.high_watermark)
		mirror->copy_count--;
	linked.base = linked.last = is.high_watermark;
	linked.epoch = mirror->epoch;
	mirror_make(&linked, &out);
	if (store_append(mirror_partition(sim), buffer_bytes(&out), plain_appended, &at) == 0)
		sim_settle(sim);
	buffer_done(&out);
	if (at != linked.base)
		return sim_broken(sim, "behind the mirror's end at %lld: %lld", (long long)linked.base,
				  (long long)at);
	push(mirror, &linked);
	sim->now_ms += 2000;
	return mirror_check(sim, false);
}
