/*
 * join_save.c - a join as bytes: all that was eaten, and nothing that is queued.
 *
 * Big-endian, in this order: counters; lanes; for each side its streams, each with its open transactions and waiting
 * records; units with their runs; homes; moves; examples.  Whoever loads it reads on where join_offset() says, so a slab
 * that was eaten in part counts up to there.  The frame around it (checkpoint.c) has the checksum.
 */
#include <stdlib.h>

#include "parity/join_state.h"
#include "parity/saved_place.h"

/* ---- small things ---- */

static void put_digest(struct buffer *out, struct digest digest)
{
	put_u64(out, digest.low);
	put_u64(out, digest.high);
}

static struct digest take_digest(struct cursor *in)
{
	struct digest digest;

	digest.low = cursor_u64(in);
	digest.high = cursor_u64(in);
	return digest;
}

static void put_totals(struct buffer *out, const struct slab_totals *totals)
{
	put_u64(out, totals->records);
	put_u64(out, totals->bytes);
	put_u64(out, totals->unreadable);
	put_u64(out, totals->log_append);
	put_u64(out, totals->loose);
	put_u64(out, totals->legacy);
	put_u64(out, totals->stripped);
	put_u64(out, totals->unidentified);
	put_digest(out, totals->sum);
}

static void take_totals(struct cursor *in, struct slab_totals *totals)
{
	totals->records = cursor_u64(in);
	totals->bytes = cursor_u64(in);
	totals->unreadable = cursor_u64(in);
	totals->log_append = cursor_u64(in);
	totals->loose = cursor_u64(in);
	totals->legacy = cursor_u64(in);
	totals->stripped = cursor_u64(in);
	totals->unidentified = cursor_u64(in);
	totals->sum = take_digest(in);
}

/* A count from the file, held against the bytes that are left at `least` a piece. */
static uint64_t take_count(struct cursor *in, size_t least)
{
	uint64_t count = cursor_u64(in);

	if (count > cursor_left(in) / least) {
		cursor_fail(in, "a count runs past the end");
		return 0;
	}
	return count;
}

/* ---- a slab eaten in part ---- */

/* Totals of the stream up to its head row.  What is counted by the slab only (log-append time, ...) is shared out. */
static void totals_now(const struct join *join, const struct stream *stream, struct slab_totals *out)
{
	const struct slab *slab = stream->head;
	struct slab_totals part = { 0 };

	*out = stream->totals;
	if (!slab || !stream->row)
		return;
	for (uint32_t row = 0; row < stream->row; row++) {
		part.sum = digest_add(part.sum, slab->digests[row]);
		if (slab->places[row]) {
			part.records++;
			part.bytes += content_size_of(slab_slice(slab, row));
			part.unidentified += slab->identities && !slab->identities[row];
		} else if (slab->sizes[row] & ROW_UNREADABLE) {
			part.unreadable++;
			part.records += slab->sizes[row] & ROW_COUNT_MOST;
		}
	}
	part.log_append = slab->totals.log_append * stream->row / slab->count;
	part.loose = slab->totals.loose * stream->row / slab->count;
	part.legacy = slab->totals.legacy * stream->row / slab->count;
	part.stripped = slab->totals.stripped * stream->row / slab->count;
	(void)join;
	slab_totals_add(out, &part);
}

/* ---- saving ---- */

static void put_txn(struct buffer *out, const struct txn *txn)
{
	buffer_i64(out, txn->producer_id);
	buffer_i16(out, txn->producer_epoch);
	buffer_i64(out, txn->first_offset);
	buffer_i64(out, txn->first_timestamp);
	buffer_i8(out, (int8_t)(txn->closed | txn->linked << 1));
	put_u64(out, txn->records);
}

static void put_entry(struct buffer *out, const struct entry *entry)
{
	put_digest(out, entry->digest);
	put_u64(out, entry->identity);
	put_u64(out, entry->details.key);
	put_u64(out, entry->details.value);
	put_u64(out, entry->details.headers);
	buffer_i32(out, (int32_t)entry->details.size);
	buffer_i8(out, (int8_t)(entry->details.key_null | entry->details.value_null << 1));
	buffer_i64(out, entry->timestamp);
	buffer_i64(out, entry->offset);
	buffer_i64(out, entry->rank);
	buffer_i64(out, entry->before);
	buffer_i64(out, entry->after);
	buffer_i32(out, (int32_t)entry->gap);
	buffer_i32(out, entry->txn ? (int32_t)entry->txn->number : -1);
}

static void put_stream(const struct join *join, struct buffer *out, const struct stream *stream)
{
	struct slab_totals totals;
	uint64_t txns = 0;

	totals_now(join, stream, &totals);
	buffer_i8(out, (int8_t)(stream->begun));
	buffer_i64(out, stream->from);
	buffer_i64(out, join_offset(join, stream->side, stream->partition));
	buffer_i64(out, stream->rank);
	buffer_i64(out, stream->twin);
	buffer_i64(out, stream->high);
	buffer_i8(out, (int8_t)stream->late.count);
	for (int i = 0; i < stream->late.count; i++) {
		buffer_i64(out, stream->late.at[i].wall_ms);
		buffer_i64(out, stream->late.at[i].rank);
	}
	put_totals(out, &totals);
	put_u64(out, stream->beyond_records);
	put_u64(out, stream->beyond_bytes);

	/* Transactions are numbered as they come: first the open ones, then those that only entries remember. */
	for (struct entry *entry = stream->oldest; entry; entry = entry->lane_next)
		if (entry->txn)
			entry->txn->number = UINT32_MAX;
	for (struct txn *txn = stream->open; txn; txn = txn->next)
		txn->number = (uint32_t)txns++;
	put_u64(out, txns);
	for (struct txn *txn = stream->open; txn; txn = txn->next)
		put_txn(out, txn);
	for (struct entry *entry = stream->oldest; entry; entry = entry->lane_next)
		if (entry->txn && entry->txn->number == UINT32_MAX)
			entry->txn->number = (uint32_t)txns++;
	txns = 0;
	for (struct txn *txn = stream->open; txn; txn = txn->next)
		txns++;
	{
		uint64_t next = txns, more = 0;

		for (struct entry *entry = stream->oldest; entry; entry = entry->lane_next)
			if (entry->txn && entry->txn->number >= next + more)
				more = entry->txn->number - next + 1;
		put_u64(out, more);
		for (struct entry *entry = stream->oldest; entry; entry = entry->lane_next)
			if (entry->txn && entry->txn->number == next) {
				put_txn(out, entry->txn);
				next++;
			}
	}
	put_u64(out, stream->waiting);
	for (const struct entry *entry = stream->oldest; entry; entry = entry->lane_next)
		put_entry(out, entry);
}

static void put_unit(struct buffer *out, const struct unit *unit)
{
	put_u64(out, unit->name);
	put_u64(out, unit->key);
	buffer_i64(out, unit->high[SOURCE]);
	buffer_i64(out, unit->high[TARGET]);
	put_u64(out, unit->run_count);
	for (uint32_t i = 0; i < unit->run_count; i++) {
		const struct run *run = &unit->runs[i];

		for (int side = 0; side < 2; side++) {
			buffer_i32(out, run->partition[side]);
			buffer_i64(out, run->first[side]);
			buffer_i64(out, run->last[side]);
			buffer_i64(out, run->offset[side]);
			buffer_i64(out, run->timestamp[side]);
		}
		put_u64(out, run->weight);
	}
}

static void put_lane(struct buffer *out, const struct lane *lane)
{
	buffer_i8(out,
		  (int8_t)(lane->disordered | lane->turn << 1 | lane->hit << 2 | (lane->unit != NULL) << 3));
	put_u64(out, lane->streak);
	put_u64(out, lane->patience);
	put_u64(out, lane->forced);
	put_u64(out, lane->key_moves);
	put_u64(out, lane->pairs);
	for (int i = 0; i < 64; i++)
		put_u64(out, lane->crossings[i]);
	if (lane->unit)
		put_unit(out, lane->unit);
}

static int32_t lane_count(const struct join *join)
{
	return join->paired ? join->options.partitions[SOURCE] : 1;
}

int join_save(const struct join *join, struct buffer *out)
{
	size_t homes = 0;

	if (join->finished || join->latest)
		return ERR_UNSUPPORTED;
	buffer_i8(out, (int8_t)(join->times_matter | join->offsets_equal << 1));
	put_u64(out, join->matched);
	put_u64(out, join->crossed);
	put_digest(out, join->named_sum[SOURCE]);
	put_digest(out, join->named_sum[TARGET]);
	for (int class = 0; class < FINDING_CLASSES; class ++)
		put_u64(out, join->findings[class]);
	for (int32_t p = 0; p < lane_count(join); p++)
		put_lane(out, &join->lanes[p]);
	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < join->options.partitions[side]; p++)
			put_stream(join, out, &join->streams[side][p]);
	put_u64(out, join->units.count);
	for (size_t i = 0; i < join->units.capacity; i++)
		if (join->units.slots[i])
			put_unit(out, join->units.slots[i]);
	for (size_t i = 0; i < join->homes.capacity; i++)
		if (join->homes.slots[i].count)
			for (const struct home *home = &join->homes.slots[i]; home; home = home->next)
				homes++;
	put_u64(out, homes);
	for (size_t i = 0; i < join->homes.capacity; i++) {
		if (!join->homes.slots[i].count)
			continue;
		for (const struct home *home = &join->homes.slots[i]; home; home = home->next) {
			put_u64(out, join->homes.slots[i].key);
			put_u64(out, home->count);
			put_place(out, &home->place[SOURCE]);
			put_place(out, &home->place[TARGET]);
		}
	}
	put_u64(out, join->moved_count);
	for (size_t i = 0; i < join->moved_count; i++) {
		put_u64(out, join->moved[i].key);
		put_u64(out, join->moved[i].weight);
		put_place(out, &join->moved[i].finding.place[SOURCE]);
		put_place(out, &join->moved[i].finding.place[TARGET]);
	}
	for (int class = 0; class < FINDING_CLASSES; class ++) {
		put_u64(out, join->examples[class].count);
		for (size_t i = 0; i < join->examples[class].count; i++) {
			put_place(out, &join->examples[class].at[i].place[SOURCE]);
			put_place(out, &join->examples[class].at[i].place[TARGET]);
		}
	}
	return out->err;
}

/* ---- loading ---- */

static struct txn *take_txn(struct join *join, struct cursor *in, int32_t partition)
{
	struct txn *txn = calloc(1, sizeof *txn);
	int8_t bits;

	if (!txn)
		return NULL;
	txn->producer_id = cursor_i64(in);
	txn->producer_epoch = cursor_i16(in);
	txn->first_offset = cursor_i64(in);
	txn->first_timestamp = cursor_i64(in);
	bits = cursor_i8(in);
	txn->closed = bits & 1;
	txn->linked = bits & 2;
	txn->records = cursor_u64(in);
	txn->partition = partition;
	join->memory += sizeof *txn;
	return txn;
}

static int take_entry(struct join *join, struct cursor *in, struct stream *stream, struct txn **txns,
		      uint64_t txn_count)
{
	struct entry *entry = calloc(1, sizeof *entry);
	int32_t number;
	int8_t bits;

	if (!entry)
		return ERR_MEMORY;
	entry->digest = take_digest(in);
	entry->identity = cursor_u64(in);
	entry->details.key = cursor_u64(in);
	entry->details.value = cursor_u64(in);
	entry->details.headers = cursor_u64(in);
	entry->details.size = (uint32_t)cursor_i32(in);
	bits = cursor_i8(in);
	entry->details.key_null = bits & 1;
	entry->details.value_null = bits & 2;
	entry->timestamp = cursor_i64(in);
	entry->offset = cursor_i64(in);
	entry->rank = cursor_i64(in);
	entry->before = cursor_i64(in);
	entry->after = cursor_i64(in);
	entry->gap = (uint32_t)cursor_i32(in);
	number = cursor_i32(in);
	entry->partition = stream->partition;
	entry->side = stream->side;
	if (in->fault || (number >= 0 && (uint64_t)number >= txn_count)) {
		free(entry);
		return ERR_MALFORMED;
	}
	join->memory += sizeof *entry;
	join->gaps[stream->side] += entry->gap != 0;
	if (number >= 0) {
		entry->txn = txns[number];
		entry->txn->refs++;
	}
	entry_link(join, stream, entry);
	return entry->gap ? 0 : group_add(join, entry_group(join, entry), entry);
}

static bool take_late(struct cursor *in, struct late *late)
{
	late->count = cursor_i8(in);
	if (late->count < 0 || late->count > LATE_MARKS) {
		late->count = 0;
		return false;
	}
	for (int i = 0; i < late->count; i++) {
		late->at[i].wall_ms = cursor_i64(in);
		late->at[i].rank = cursor_i64(in);
	}
	return true;
}

static int take_stream(struct join *join, struct cursor *in, struct stream *stream)
{
	uint64_t open, more, waiting, count = 0;
	struct txn **txns, **last = &stream->open;
	int err = 0;

	stream->begun = cursor_i8(in) & 1;
	stream->from = cursor_i64(in);
	stream->until = cursor_i64(in);
	stream->rank = cursor_i64(in);
	stream->twin = cursor_i64(in);
	stream->high = cursor_i64(in);
	if (!take_late(in, &stream->late))
		return ERR_MALFORMED;
	take_totals(in, &stream->totals);
	stream->beyond_records = cursor_u64(in);
	stream->beyond_bytes = cursor_u64(in);
	open = take_count(in, 20);
	txns = calloc(open + cursor_left(in) / 20 + 1, sizeof *txns);
	if (!txns)
		return ERR_MEMORY;
	for (uint64_t i = 0; i < open && err == 0; i++) {
		txns[count] = take_txn(join, in, stream->partition);
		if (!txns[count]) {
			err = ERR_MEMORY;
			break;
		}
		txns[count]->refs = 1;
		*last = txns[count++];
		last = &(*last)->next;
	}
	more = err == 0 ? take_count(in, 20) : 0;
	for (uint64_t i = 0; i < more && err == 0; i++) {
		txns[count] = take_txn(join, in, stream->partition);
		err = txns[count] ? 0 : ERR_MEMORY;
		count += err == 0;
	}
	waiting = err == 0 ? take_count(in, 80) : 0;
	for (uint64_t i = 0; i < waiting && err == 0; i++)
		err = take_entry(join, in, stream, txns, count);
	/* One that nobody holds after all comes from a file that does not fit together. */
	for (uint64_t i = open; i < count; i++) {
		if (txns[i]->refs == 0) {
			free(txns[i]);
			err = err ? err : ERR_MALFORMED;
		}
	}
	free(txns);
	return err;
}

static int take_unit(struct join *join, struct cursor *in, struct unit *unit)
{
	unit->name = cursor_u64(in);
	unit->key = cursor_u64(in);
	unit->high[SOURCE] = cursor_i64(in);
	unit->high[TARGET] = cursor_i64(in);
	unit->run_count = (uint32_t)take_count(in, 72);
	if (!unit->run_count)
		return 0;
	unit->runs = calloc(unit->run_count, sizeof *unit->runs);
	if (!unit->runs) {
		unit->run_count = 0;
		return ERR_MEMORY;
	}
	unit->run_capacity = unit->run_count;
	join->memory += unit->run_capacity * sizeof *unit->runs;
	for (uint32_t i = 0; i < unit->run_count; i++) {
		struct run *run = &unit->runs[i];

		for (int side = 0; side < 2; side++) {
			run->partition[side] = cursor_i32(in);
			run->first[side] = cursor_i64(in);
			run->last[side] = cursor_i64(in);
			run->offset[side] = cursor_i64(in);
			run->timestamp[side] = cursor_i64(in);
			if (run->partition[side] < 0 ||
			    run->partition[side] >= join->options.partitions[side])
				cursor_fail(in, "a partition that does not exist");
		}
		run->weight = cursor_u64(in);
	}
	return 0;
}

static int take_lane(struct join *join, struct cursor *in, struct lane *lane)
{
	int8_t bits = cursor_i8(in);

	lane->disordered = bits & 1;
	lane->turn = bits & 2 ? TARGET : SOURCE;
	lane->hit = bits & 4;
	lane->streak = cursor_u64(in);
	lane->patience = cursor_u64(in);
	lane->forced = cursor_u64(in);
	lane->key_moves = cursor_u64(in);
	lane->pairs = cursor_u64(in);
	for (int i = 0; i < 64; i++)
		lane->crossings[i] = cursor_u64(in);
	if (!(bits & 8))
		return 0;
	lane->unit = calloc(1, sizeof *lane->unit);
	if (!lane->unit)
		return ERR_MEMORY;
	lane->unit->whole_lane = true;
	return take_unit(join, in, lane->unit);
}

/* Units were made anew as their entries were linked; here they get their runs back. */
static int take_units(struct join *join, struct cursor *in)
{
	uint64_t count = take_count(in, 40);
	int err = 0;

	for (uint64_t i = 0; i < count && err == 0; i++) {
		struct unit read = { 0 }, *unit;

		err = take_unit(join, in, &read);
		unit = err == 0 && !in->fault ? unit_find(join, read.name) : NULL;
		if (!unit || unit->runs) {
			free(read.runs);
			return err ? err : ERR_MALFORMED;
		}
		unit->high[SOURCE] = read.high[SOURCE];
		unit->high[TARGET] = read.high[TARGET];
		unit->runs = read.runs;
		unit->run_count = read.run_count;
		unit->run_capacity = read.run_capacity;
	}
	return err;
}

static int take_homes(struct join *join, struct cursor *in)
{
	uint64_t count = take_count(in, 74);
	int err = 0;

	for (uint64_t i = 0; i < count && err == 0; i++) {
		uint64_t key = cursor_u64(in), times = cursor_u64(in);
		struct record_place place[2];

		place[SOURCE] = take_place(in);
		place[TARGET] = take_place(in);
		if (in->fault)
			return ERR_MALFORMED;
		err = home_count(join, key, place);
		if (err == 0)
			home_raise(join, key, place[TARGET].partition, times);
	}
	return err;
}

static int take_findings(struct join *join, struct cursor *in)
{
	uint64_t count = take_count(in, 74);

	if (count) {
		join->moved = calloc(count, sizeof *join->moved);
		if (!join->moved)
			return ERR_MEMORY;
		join->moved_capacity = count;
		join->memory += count * sizeof *join->moved;
	}
	for (uint64_t i = 0; i < count; i++) {
		struct moved *moved = &join->moved[join->moved_count++];

		moved->key = cursor_u64(in);
		moved->weight = cursor_u64(in);
		moved->finding.class = FINDING_REORDERED_KEY;
		moved->finding.place[SOURCE] = take_place(in);
		moved->finding.place[TARGET] = take_place(in);
	}
	for (int class = 0; class < FINDING_CLASSES; class ++) {
		count = take_count(in, 50);
		for (uint64_t i = 0; i < count; i++) {
			struct finding finding = { .class = (enum finding_class) class };

			finding.place[SOURCE] = take_place(in);
			finding.place[TARGET] = take_place(in);
			add_example(join, &finding);
		}
	}
	return 0;
}

int join_load(struct join *join, struct cursor *in)
{
	int8_t bits = cursor_i8(in);
	int err = 0;

	join->times_matter = bits & 1;
	join->offsets_equal = bits & 2;
	join->matched = cursor_u64(in);
	join->crossed = cursor_u64(in);
	join->named_sum[SOURCE] = take_digest(in);
	join->named_sum[TARGET] = take_digest(in);
	for (int class = 0; class < FINDING_CLASSES; class ++)
		join->findings[class] = cursor_u64(in);
	for (int32_t p = 0; p < lane_count(join) && err == 0; p++)
		err = take_lane(join, in, &join->lanes[p]);
	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < join->options.partitions[side] && err == 0; p++)
			err = take_stream(join, in, &join->streams[side][p]);
	if (err == 0)
		err = take_units(join, in);
	if (err == 0)
		err = take_homes(join, in);
	if (err == 0)
		err = take_findings(join, in);
	return err ? err : in->fault ? ERR_MALFORMED : 0;
}
