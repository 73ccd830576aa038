/*
 * join_report.c - the end of a join: units are closed, leftovers paired, the source asked once more, all added up.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "parity/join_state.h"

/* ---- finishing ---- */

static int close_units(struct join *join)
{
	int err = 0;

	for (size_t i = 0; i < join->units.capacity && err == 0;) {
		struct unit *unit = join->units.slots[i];

		/* Removal shifts later units back, so the slot is looked at again. */
		if (unit)
			err = unit_close(join, unit);
		else
			i++;
	}
	for (int32_t p = 0; join->paired && p < join->options.partitions[SOURCE] && err == 0; p++)
		if (join->lanes[p].unit)
			err = unit_close(join, join->lanes[p].unit);
	return err;
}

static void close_streams(struct join *join, struct leftovers *left)
{
	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; p < join->options.partitions[side]; p++) {
			struct stream *stream = join_stream(join, (enum log_side)side, p);
			struct entry *newest = stream->newest;

			/* Both logs end at the same place. */
			if (join->paired && newest && newest->rank == stream->rank - 1)
				newest->after = join_stream(join, log_other((enum log_side)side), p)->rank;
			for (struct entry *entry = stream->oldest; entry; entry = entry->lane_next) {
				entry->unit = NULL;
				left->at[side][left->count[side]++] = entry;
			}
		}
	}
}

/* Additive sums and the join are two witnesses of the same thing. */
static bool witnesses_agree(const struct join *join, const struct leftovers *left)
{
	struct digest sums[2], rest[2];

	for (int side = 0; side < 2; side++) {
		sums[side] = (struct digest){ 0, 0 };
		rest[side] = join->named_sum[side];
		for (int32_t p = 0; p < join->options.partitions[side]; p++)
			sums[side] = digest_add(sums[side], join->streams[side][p].totals.sum);
		for (size_t i = 0; i < left->count[side]; i++)
			rest[side] = digest_add(rest[side], left->at[side][i]->digest);
	}
	return digest_equal(digest_subtract(sums[SOURCE], sums[TARGET]),
			    digest_subtract(rest[SOURCE], rest[TARGET]));
}

static uint64_t ask_name(const struct digest *digest, uint64_t identity)
{
	return mix(identity ? identity : digest->low);
}

static struct ask *ask_slot(const struct join *join, const struct digest *digest, uint64_t identity)
{
	size_t mask = join->ask_capacity - 1, i = (size_t)ask_name(digest, identity) & mask;

	for (; join->asks[i].first; i = (i + 1) & mask) {
		const struct entry *first = join->asks[i].first;

		if (identity ? first->identity == identity
			     : !first->identity && digest_equal(first->digest, *digest))
			break;
	}
	return &join->asks[i];
}

static int ask(struct join *join, const struct leftovers *left)
{
	size_t count = 0;

	for (size_t i = 0; i < left->count[TARGET]; i++)
		count += !left->at[TARGET][i]->named && !left->at[TARGET][i]->gap;
	if (!count)
		return 0;
	for (join->ask_capacity = 64; join->ask_capacity < count * 2;)
		join->ask_capacity *= 2;
	join->asks = calloc(join->ask_capacity, sizeof *join->asks);
	if (!join->asks)
		return ERR_MEMORY;
	for (size_t i = 0; i < left->count[TARGET]; i++) {
		struct entry *entry = left->at[TARGET][i];
		struct ask *slot;

		if (entry->named || entry->gap)
			continue;
		slot = ask_slot(join, &entry->digest, entry->identity);
		join->ask_count += !slot->first;
		entry->group_next = slot->first;
		slot->first = entry;
	}
	join->asks_open = join->ask_count;
	return 0;
}

/* Read while the target was waited for; its origin may be behind the end of the source. */
static void leave_out(struct join *join, struct entry *entry)
{
	struct stream *stream = join_stream(join, TARGET, entry->partition);

	if (entry->named || entry->gap)
		return;
	entry->named = true;
	stream->beyond_records++;
	stream->beyond_bytes += entry->details.size;
}

static void excuse_latest(struct join *join)
{
	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < join->options.partitions[side]; p++)
			for (const struct entry *e = join->streams[side][p].oldest; e; e = e->lane_next)
				if (e->gap)
					latest_gap(join->latest, (enum log_side)side, join->paired ? p : -1,
						   e->offset);
}

int join_finish(struct join *join)
{
	struct leftovers left = { 0 };
	int err = ERR_MEMORY;

	join->finished = true;
	if (join->latest) {
		for (int32_t p = 0; p < join->options.partitions[TARGET]; p++)
			latest_limit(join->latest, p, join_stream(join, TARGET, p)->limit);
		excuse_latest(join);
		return 0;
	}

	for (int side = 0; side < 2; side++) {
		size_t count = 0;

		for (int32_t p = 0; p < join->options.partitions[side]; p++)
			count += join->streams[side][p].waiting;
		left.at[side] = malloc((count + 1) * sizeof *left.at[side]);
		if (!left.at[side])
			goto free_left;
	}
	if (join->goes_on)
		late_judge(join);
	err = close_units(join);
	if (err < 0)
		goto free_left;
	groups_done(join);
	close_streams(join, &left);
	join->instrument_fault = !witnesses_agree(join, &left);
	err = leftovers_pair(join, &left);
	for (size_t i = 0; i < left.count[TARGET] && err == 0; i++)
		if (left.at[TARGET][i]->offset >=
		    join_stream(join, TARGET, left.at[TARGET][i]->partition)->limit)
			leave_out(join, left.at[TARGET][i]);
	if (err == 0)
		err = ask(join, &left);

free_left:
	free(left.at[SOURCE]);
	free(left.at[TARGET]);
	return err;
}

/* ---- asking ---- */

uint64_t join_asks(const struct join *join)
{
	if (join->latest)
		return join->unanswered ? 0 : latest_differing(join->latest);
	return join->asks_open;
}

void join_answer(struct join *join, const struct slab *slab)
{
	if (join->latest) {
		latest_excuse(join->latest, slab, join_stream(join, SOURCE, slab->partition)->until);
		return;
	}
	for (uint32_t r = 0; r < slab->run_count; r++) {
		const struct slab_run *run = &slab->runs[r];

		for (uint32_t row = run->first; row < run->first + run->count && join->ask_count; row++) {
			uint64_t identity = slab->identities ? slab->identities[row] : 0;
			struct record_place place = {
				true, false, slab->partition, slab->offsets[row], slab->timestamps[row], 0
			};
			struct record_place *said;
			struct ask *slot;

			if (!slab->places[row])
				continue;
			slot = ask_slot(join, &slab->digests[row], identity);
			if (!slot->first)
				continue;
			if (!run->aborted &&
			    slab->offsets[row] >= join_stream(join, SOURCE, slab->partition)->until) {
				join->asks_open -= !slot->ahead && !slot->committed.known;
				slot->ahead = true;
				continue;
			}
			said = run->aborted ? &slot->aborted : &slot->committed;
			if (said->known && (said->partition == slot->first->partition ||
					    slab->partition != slot->first->partition))
				continue;
			if (!said->known && !run->aborted && !slot->ahead)
				join->asks_open--;
			place.keyed = slab->places[row][0] != 1;
			place.key = place.keyed ? key_hash_of(slab_slice(slab, row), join->options.seed) : 0;
			*said = place;
		}
	}
}

void join_unanswered(struct join *join)
{
	join->unanswered = true;
	join->asks_open = 0;
}

/* ---- naming what is left ---- */

static void name_target(struct join *join, const struct entry *entry)
{
	const struct ask *slot = ask_slot(join, &entry->digest, entry->identity);
	struct finding finding = { FINDING_PHANTOM, { slot->committed, place_of(entry) } };

	if (join->unanswered)
		return;
	if (slot->ahead && !slot->committed.known) {
		join_stream(join, TARGET, entry->partition)->beyond_records++;
		join_stream(join, TARGET, entry->partition)->beyond_bytes += entry->details.size;
		return;
	}
	if (slot->committed.known) {
		finding.class = FINDING_DUPLICATE;
	} else if (slot->aborted.known) {
		finding.class = FINDING_ABORTED_LEAK;
		finding.place[SOURCE] = slot->aborted;
	}
	join->findings[finding.class]++;
	add_example(join, &finding);
}

static void count_missing(struct join *join, const struct entry *entry)
{
	struct linked_txn *linked = entry->txn->linked ? linked_find(join, entry->txn) : NULL;

	entry->txn->missing++;
	if (linked)
		linked->missing++;
}

static bool is_torn(const struct join *join, const struct txn *txn)
{
	const struct linked_txn *linked = txn->linked ? linked_find(join, txn) : NULL;

	return linked ? linked->missing < linked->records : txn->missing < txn->records;
}

static void name_source(struct join *join, struct entry *entry)
{
	struct finding finding = { FINDING_LOST, { place_of(entry) } };
	struct linked_txn *linked;

	if (entry->behind) {
		join->behind++;
		join->overtaken += entry->rank < join_stream(join, SOURCE, entry->partition)->passed;
		return;
	}
	if (entry->txn && is_torn(join, entry->txn)) {
		linked = entry->txn->linked ? linked_find(join, entry->txn) : NULL;
		if (linked ? linked->reported : entry->txn->reported)
			return;
		if (linked)
			linked->reported = true;
		entry->txn->reported = true;
		finding.class = FINDING_TORN_TXN;
	}
	join->findings[finding.class]++;
	add_example(join, &finding);
}

static void name_gap(struct join *join, const struct entry *entry)
{
	struct finding finding = { .class = FINDING_UNREADABLE };

	if (!(entry->gap & ROW_UNREADABLE))
		return;
	finding.place[entry->side] =
		(struct record_place){ true, false, entry->partition, entry->offset, entry->timestamp, 0 };
	join->findings[FINDING_UNREADABLE]++;
	add_example(join, &finding);
}

static void name_leftovers(struct join *join)
{
	for (int32_t p = 0; p < join->options.partitions[SOURCE]; p++)
		for (struct entry *e = join->streams[SOURCE][p].oldest; e; e = e->lane_next)
			if (!e->named && !e->gap && e->txn)
				count_missing(join, e);
	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; p < join->options.partitions[side]; p++) {
			for (struct entry *e = join->streams[side][p].oldest; e; e = e->lane_next) {
				if (e->gap)
					name_gap(join, e);
				else if (!e->named && side == SOURCE)
					name_source(join, e);
				else if (!e->named)
					name_target(join, e);
			}
		}
	}
}

static void tell_compacted(void *context, const struct finding *finding)
{
	struct join *join = context;

	/* Without an answer, the source may have gone on where the target is ahead. */
	if (join->unanswered)
		return;
	join->findings[FINDING_COMPACTED]++;
	add_example(join, finding);
}

static void name_latest(struct join *join)
{
	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < join->options.partitions[side]; p++)
			for (const struct entry *e = join->streams[side][p].oldest; e; e = e->lane_next)
				name_gap(join, e);
	join->matched = latest_judge(join->latest, tell_compacted, join);
}

/* With unequal partition counts: a key's home is where most of it stands; what moved elsewhere is misrouted. */
static void name_homes(struct join *join)
{
	for (size_t i = 0; i < join->homes.capacity; i++) {
		const struct home *first = &join->homes.slots[i];
		int32_t home;

		if (!first->count || !first->next)
			continue;
		home = home_partition(first);
		for (const struct home *at = first; at; at = at->next) {
			struct finding finding = { FINDING_MISROUTED,
						   { at->place[SOURCE], at->place[TARGET] } };

			if (at->place[TARGET].partition == home)
				continue;
			join->findings[FINDING_MISROUTED] += at->count;
			add_example(join, &finding);
		}
	}
	for (size_t i = 0; i < join->moved_count; i++) {
		const struct moved *moved = &join->moved[i];
		const struct home *home = home_find(join, moved->key);

		if (home && home_partition(home) != moved->finding.place[TARGET].partition)
			continue;
		join->findings[FINDING_REORDERED_KEY] += moved->weight;
		add_example(join, &moved->finding);
	}
}

/* ---- adding up ---- */

bool join_judges(const struct join *join, enum finding_class class)
{
	switch (class) {
	case FINDING_MISROUTED:
	case FINDING_REORDERED_KEY: return join->options.claim >= CLAIM_KEY_ORDER;
	case FINDING_REORDERED_PARTITION: return join->options.claim >= CLAIM_PARTITION_ORDER;
	default: return true;
	}
}

enum claim join_proves(const struct join *join, const uint64_t *found, uint64_t source, uint64_t target,
		       bool target_readable)
{
	bool disordered = join->crossed + join->strayed > 0 || !join->paired || join->options.shards > 1;

	if (join->latest)
		return found[FINDING_COMPACTED] || !target_readable ? CLAIM_NONE : CLAIM_LATEST;

	if (found[FINDING_LOST] || found[FINDING_DUPLICATE] || found[FINDING_PHANTOM] ||
	    found[FINDING_ABORTED_LEAK] || found[FINDING_ALTERED] || found[FINDING_META] ||
	    found[FINDING_TORN_TXN] || !target_readable)
		return source == target ? CLAIM_COUNTS : CLAIM_NONE;
	if (found[FINDING_REORDERED_KEY] || found[FINDING_MISROUTED] > join->strayed)
		return CLAIM_CONTENT;
	for (int32_t p = 0; join->paired && p < join->options.partitions[SOURCE]; p++)
		disordered |= join->lanes[p].disordered;
	if (disordered)
		return CLAIM_KEY_ORDER;
	return join->offsets_equal ? CLAIM_OFFSETS : CLAIM_PARTITION_ORDER;
}

static int add_totals(struct join *join, struct parity_report *report, struct topic_report *topic)
{
	struct slab_totals all = { 0 };
	char name[300];
	int err = 0;

	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; p < join->options.partitions[side]; p++) {
			const struct slab_totals *totals = &join->streams[side][p].totals;

			slab_totals_add(&all, totals);
			topic->records[side] += totals->records - join->streams[side][p].beyond_records;
			topic->bytes[side] += totals->bytes - join->streams[side][p].beyond_bytes;
			topic->unreadable[side] += totals->unreadable;
		}
	}
	topic->unidentified += all.unidentified;
	if (all.loose)
		err = parity_report_normaliser(report, "varint", all.loose);
	/* With several headers that are ignored: how many records had any of them. */
	for (size_t i = 0; i < report->normaliser_count; i++)
		if (all.stripped && !strncmp(report->normalisers[i].name, "ignore-header:", 14))
			report->normalisers[i].records += all.stripped;
	if (all.legacy && err == 0)
		err = parity_report_normaliser(report, "legacy-format", all.legacy);
	if (all.log_append && err == 0) {
		snprintf(name, sizeof name, "log-append-time:%s", topic->name[SOURCE]);
		err = parity_report_normaliser(report, name, all.log_append);
	}
	if (join->options.ignore_timestamp && err == 0)
		err = parity_report_normaliser(report, "ignore-timestamp", all.records);
	return err;
}

static int add_ranges(struct join *join, struct topic_report *topic)
{
	int32_t most = join->options.partitions[SOURCE] > join->options.partitions[TARGET]
			       ? join->options.partitions[SOURCE]
			       : join->options.partitions[TARGET];

	if (most <= 0)
		return 0;
	topic->ranges = calloc((size_t)most, sizeof *topic->ranges);
	if (!topic->ranges)
		return ERR_MEMORY;
	topic->range_count = (size_t)most;
	for (int32_t p = 0; p < most; p++) {
		topic->ranges[p].partition = p;
		for (int side = 0; side < 2; side++) {
			const struct stream *stream;

			if (p >= join->options.partitions[side])
				continue;
			stream = join_stream(join, (enum log_side)side, p);
			topic->ranges[p].covered[side] =
				(struct covered){ true, stream->from, stream->until };
		}
	}
	return 0;
}

static int by_position(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	const struct record_place *p = &x->place[!x->place[SOURCE].known],
				  *q = &y->place[!y->place[SOURCE].known];

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	if (p->partition != q->partition)
		return p->partition < q->partition ? -1 : 1;
	return p->offset < q->offset ? -1 : p->offset > q->offset;
}

static int add_examples(struct join *join, struct topic_report *topic)
{
	size_t had[FINDING_CLASSES] = { 0 }, count = topic->example_count;
	struct finding *examples;

	for (size_t i = 0; i < topic->example_count; i++)
		had[topic->examples[i].class]++;
	for (int class = 0; class < FINDING_CLASSES; class ++)
		count += join->examples[class].count;
	examples = realloc(topic->examples, (count + 1) * sizeof *examples);
	if (!examples)
		return ERR_MEMORY;
	topic->examples = examples;
	for (int class = 0; class < FINDING_CLASSES; class ++) {
		const struct example_list *list = &join->examples[class];

		if (!join_judges(join, (enum finding_class) class))
			continue;
		for (size_t i = 0; i < list->count && had[class] + i < (size_t)join->options.examples; i++)
			examples[topic->example_count++] = list->at[i];
	}
	if (topic->example_count)
		qsort(examples, topic->example_count, sizeof *examples, by_position);
	return 0;
}

static bool has_hole(const struct join *join)
{
	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < join->options.partitions[side]; p++)
			for (const struct entry *e = join->streams[side][p].oldest; e; e = e->lane_next)
				if (e->gap & ROW_HOLE)
					return true;
	return false;
}

/* How many, and until when: whoever reads it may have to decide whether to wait. */
static int add_behind(struct join *join, struct parity_report *report, const char *name)
{
	unsigned long long all = join->behind, overtaken = join->overtaken;
	char when[UNIT_TEXT_SIZE], part[30] = "", text[300] = "the newest of the source";
	int64_t first_ms = 0;

	for (int32_t p = 0; p < join->options.partitions[SOURCE]; p++) {
		int64_t lost_ms = join->streams[SOURCE][p].late.first_lost_ms;

		first_ms = lost_ms && (!first_ms || lost_ms < first_ms) ? lost_ms : first_ms;
	}
	if (overtaken < all)
		snprintf(part, sizeof part, "%llu of them ", overtaken);
	if (overtaken && first_ms)
		snprintf(text, sizeof text,
			 "%sovertaken by other keys alone, %s called lost unless it comes before %s%s", part,
			 overtaken == 1 ? "and" : "the first of which is", time_text(first_ms, when),
			 overtaken < all ? "; the others are the newest of the source" : "");
	else if (overtaken)
		snprintf(text, sizeof text, "%sovertaken by other keys alone, and not for long", part);
	return parity_report_reason(report, false, "PARITY_BEHIND", name,
				    "%llu %s not on the target yet, and may still come: %s", all,
				    all == 1 ? "record is" : "records are", text);
}

static int add_reasons(struct join *join, struct parity_report *report, const struct topic_report *topic)
{
	const char *name = topic->name[SOURCE];
	int err = 0;

	if (join->instrument_fault)
		err = parity_report_reason(
			report, false, "INSTRUMENT_FAULT", name,
			"the sums over both logs contradict the comparison of their records: a bug "
			"in Interlock; please report it");
	if (err == 0 && join->behind)
		err = add_behind(join, report, name);
	if (err == 0 && has_hole(join))
		err = parity_report_reason(
			report, false, "COVERAGE_HOLE", name,
			"history that one side still has is gone on the other, or cannot be held "
			"against it; --since leaves it out");
	if (err == 0 && join->options.shards > 1 && join->options.claim >= CLAIM_PARTITION_ORDER &&
	    join->options.claim != CLAIM_LATEST)
		err = parity_report_reason(
			report, false, "ORDER_UNPROVED", name,
			"the differences do not fit into memory at once, so the order between keys "
			"could not be judged; a larger --memory may do");
	return err;
}

int join_report_partly(struct join *join, struct parity_report *report, struct topic_report *topic)
{
	int err = 0;

	if (join->options.shard == 0) {
		err = add_totals(join, report, topic);
		if (err == 0)
			err = add_ranges(join, topic);
	}
	topic->matched += join->matched;
	topic->proved = CLAIM_NONE;
	return err;
}

int join_report(struct join *join, struct parity_report *report, struct topic_report *topic)
{
	bool first = join->options.shard == 0;
	enum claim holds;
	int err = 0;

	if (join->latest) {
		name_latest(join);
	} else {
		name_leftovers(join);
		name_homes(join);
	}
	if (first) {
		err = add_totals(join, report, topic);
		if (err == 0)
			err = add_ranges(join, topic);
		topic->partitions[SOURCE] = join->options.partitions[SOURCE];
		topic->partitions[TARGET] = join->options.partitions[TARGET];
	}
	topic->matched += join->matched;
	topic->behind += join->behind;
	holds = join_proves(join, join->findings, topic->records[SOURCE], topic->records[TARGET],
			    !topic->unreadable[TARGET]);
	topic->proved = first || holds < topic->proved ? holds : topic->proved;
	if (err == 0)
		err = add_reasons(join, report, topic);
	if (err < 0)
		return err;
	if (join->options.claim == CLAIM_OFFSETS && !join->offsets_equal)
		return parity_report_reason(report, true, "OFFSETS_SHIFTED", topic->name[SOURCE],
					    "equal records have other offsets on the target");
	for (int class = 0; class < FINDING_CLASSES; class ++)
		if (join_judges(join, (enum finding_class) class) && (class != FINDING_UNREADABLE || first))
			topic->findings[class] += join->findings[class];
	return add_examples(join, topic);
}
