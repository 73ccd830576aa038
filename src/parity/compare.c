/* compare.c - one comparison from the first look to the verdict: what the top level decides between two waits. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/usage.h"
#include "parity/compare_state.h"
#include "parity/controls.h"

#define TICK_MS             250
#define TICK_SHORT_MS       10 /* of a comparison that ends: where nothing is left to read, nothing wakes it */
#define DEADLINE_DEFAULT_MS 30000
#define SHARDS_MOST         4096
#define CHECKPOINT_EVERY_MS 2000
#define SAVED_WHILE_ASKING  ((size_t)16 << 20)
#define ONWARD_SIZE_MAX     ((size_t)256 << 20)

/* ---- where a topic stands ---- */

/* As far as it can be read now: to the end that was set, or to where an open transaction blocks the view. */
static bool part_reached(const struct part *part)
{
	if (part->stopped || part->ended)
		return true;
	if (!part_idle(part) || part_confirming(part))
		return false;
	return part->position >= part->first_end || (part->stable >= 0 && part->position >= part->stable);
}

static bool topic_reached(const struct topic *topic)
{
	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < topic->partitions[side]; p++)
			if (!part_reached(&topic->parts[side][p]))
				return false;
	return topic->counts_only || !join_busy(topic->join);
}

/* Nothing is left to wait for. */
static bool topic_complete(const struct topic *topic)
{
	struct join_glance glance;

	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < topic->partitions[side]; p++) {
			const struct part *part = &topic->parts[side][p];

			if (!part->stopped && !part->ended && part->position < part->first_end)
				return false;
			if (side == SOURCE && join_queued(topic->join, SOURCE, p))
				return false;
		}
	join_look(topic->join, &glance);
	if (topic->counts_only)
		return topic->partitions[SOURCE] < 0 || topic->partitions[TARGET] < 0 ||
		       (topic->stage == TOPIC_SETTLING ? glance.records[SOURCE] <= glance.records[TARGET]
						       : glance.records[SOURCE] == glance.records[TARGET]);
	return !glance.pending[SOURCE];
}

/* ---- steps ---- */

/* Nothing of this side was left out: no history that only the other has, and read to its end. */
static bool side_whole(const struct topic *topic, enum log_side side)
{
	for (int32_t p = 0; p < topic->partitions[side]; p++) {
		const struct part *part = &topic->parts[side][p];

		if (part->stopped || (part->hole && part->start > 0))
			return false;
	}
	return true;
}

static int topic_missing_or_counts(struct compare *compare, struct topic *topic, struct topic_report *report)
{
	const char *name = topic->name[SOURCE];

	for (int side = 0; side < 2; side++)
		if (topic->partitions[side] < 0)
			return parity_report_reason(compare->report, true, "TOPIC_MISSING", name,
						    "topic '%s' does not exist on the %s", topic->name[side],
						    side == SOURCE ? "source" : "target");
	if (compare->options->claim != CLAIM_COUNTS)
		return 0;
	/* While the target caught up it may have run past the source's end; somewhere on the way both were equal. */
	if (topic->settle_until_ms && topic->counted <= report->records[SOURCE] &&
	    report->records[SOURCE] <= report->records[TARGET])
		report->records[TARGET] = report->records[SOURCE];
	report->proved = report->records[SOURCE] == report->records[TARGET] ? CLAIM_COUNTS : CLAIM_NONE;
	/* What could not be read may be what is missing; then another reason has said so. */
	if (report->proved == CLAIM_NONE &&
	    side_whole(topic, report->records[SOURCE] < report->records[TARGET] ? SOURCE : TARGET))
		return parity_report_reason(compare->report, true, "COUNT_DIFFERS", name,
					    "the source has %llu records, the target %llu",
					    (unsigned long long)report->records[SOURCE],
					    (unsigned long long)report->records[TARGET]);
	return 0;
}

static int topic_report(struct topic *topic)
{
	struct compare *compare = topic->compare;
	struct topic_report *report = &compare->report->topics[topic->report];
	int err = join_report(topic->join, compare->report, report);

	if (err == 0 && topic->counts_only) {
		report->proved = CLAIM_NONE;
		for (int side = 0; side < 2; side++)
			report->partitions[side] = topic->partitions[side];
		err = topic_missing_or_counts(compare, topic, report);
	}
	if (err < 0)
		return err;
	if (topic->shard + 1 < topic->shards) {
		topic->shard++;
		buffer_done(&topic->saved);
		return topic_begin(topic);
	}
	topic->stage = TOPIC_DONE;
	buffer_done(&topic->saved);
	if ((int)topic->shards > compare->report->passes)
		compare->report->passes = (int)topic->shards;
	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < topic->partitions[side]; p++) {
			fetch_part_remove(topic->parts[side][p].fetch);
			topic->parts[side][p].fetch = NULL;
		}
	join_free(topic->join);
	topic->join = NULL;
	return 0;
}

/* As many passes as what was eaten until memory was full lets one expect. */
static uint32_t shards_wanted(const struct topic *topic)
{
	uint32_t shards = topic->shards * 2;
	int64_t eaten = 0, whole = 0;

	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < topic->partitions[side]; p++) {
			const struct part *part = &topic->parts[side][p];

			eaten += join_offset(topic->join, (enum log_side)side, p) - part->start;
			whole += part->first_end - part->start;
		}
	while (shards < SHARDS_MOST && (double)eaten * shards / topic->shards < (double)whole * 1.2)
		shards *= 2;
	return shards;
}

/* Memory is full: read again, a share of the keys at a time.  What is followed cannot be read again for ever. */
static int topic_more_shards(struct topic *topic)
{
	struct compare *compare = topic->compare;
	struct topic_report *report = &compare->report->topics[topic->report];

	if (compare->options->follow || topic->shards >= SHARDS_MOST) {
		topic_window_full(topic);
		return 0;
	}
	topic->shards = shards_wanted(topic);
	topic->shard = 0;
	free(report->ranges);
	free(report->examples);
	*report = (struct topic_report){ .name = { report->name[SOURCE], report->name[TARGET] },
					 .partitions = { report->partitions[SOURCE],
							 report->partitions[TARGET] } };
	return topic_begin(topic);
}

/*
 * What the next run reads on from: everything that was eaten, before any end or cut is set into it.  What was given up has
 * no such state, and neither has a pass that sees only a share of the keys: it is read again from the start.
 */
static int keep_onward(struct topic *topic)
{
	int err;

	buffer_done(&topic->onward);
	topic->onward.limit = ONWARD_SIZE_MAX;
	if (!compare_goes_on(topic->compare) || !topic->compare->options->checkpoint || topic->shards > 1)
		return 0;
	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < topic->partitions[side]; p++)
			if (topic->parts[side][p].stopped)
				return 0;
	err = join_save(topic->join, &topic->onward);
	if (err < 0)
		buffer_done(&topic->onward);
	return err == ERR_MEMORY ? err : 0;
}

/* The ends are known and read: judges what there is. */
static int topic_finish(struct topic *topic)
{
	struct compare *compare = topic->compare;
	int err;

	if (compare->options->goes_on && !compare->live)
		join_overtaken_since(topic->join, compare->looked_ms,
				     clock_wall_ms(loop_clock(compare->loop)), compare->options->late_ms);
	err = keep_onward(topic);
	for (int side = 0; side < 2 && err == 0; side++) {
		for (int32_t p = 0; p < topic->partitions[side]; p++) {
			struct part *part = &topic->parts[side][p];

			if (!part->ended && part->position < part->first_end) {
				parity_report_reason(
					compare->report, false, "OPEN_TRANSACTION", topic->name[SOURCE],
					"%s: %s-%d: a transaction is open at offset %lld, and nothing behind "
					"it can be read yet",
					side == SOURCE ? "source" : "target", topic->name[side], p,
					(long long)part->position);
				part_cut(part);
			}
			/* A further pass reads the same. */
			if (side == TARGET && !part->ended)
				part->first_end = part->position;
			if (side == TARGET)
				join_limit(topic->join, p, part->limit);
			part_end(part);
		}
	}
	if (err == 0)
		err = join_advance(topic->join, 0);
	if (err == ERR_LIMIT)
		return topic_more_shards(topic);
	/* While the source is asked, this is what a checkpoint begins with again. */
	buffer_done(&topic->saved);
	topic->saved.limit = SAVED_WHILE_ASKING;
	if (err == 0 && compare->options->checkpoint && join_save(topic->join, &topic->saved) < 0)
		buffer_done(&topic->saved);
	if (err == 0)
		err = join_finish(topic->join);
	if (err < 0)
		return err;
	if (!join_asks(topic->join))
		return topic_report(topic);
	err = topic_ask(topic);
	if (err == 0 || err == ERR_MEMORY)
		return err;
	parity_report_reason(compare->report, false, "UNREACHABLE", topic->name[SOURCE], "%s",
			     compare->fault->text);
	join_unanswered(topic->join);
	return topic_report(topic);
}

static bool asked_all(const struct topic *topic)
{
	if (!join_asks(topic->join))
		return true;
	/* A writer that goes to the target first may still be on its way to the source. */
	if (topic->grew && loop_now_ms(topic->compare->loop) < topic->settle_until_ms)
		return false;
	for (int32_t p = 0; p < topic->partitions[SOURCE]; p++) {
		const struct part *part = &topic->parts[SOURCE][p];

		if (!part->stopped && (!part_idle(part) || part->position < part->end))
			return false;
	}
	return true;
}

/*
 * What others have overtaken may be a writer that comes back later than they did.  The next look knows since when, if this one
 * is kept; else nobody would ever know, and so this one waits.
 */
static bool waits_for_late(const struct topic *topic)
{
	const struct compare *compare = topic->compare;
	bool kept = compare->options->checkpoint && topic->shards == 1;

	return compare->options->goes_on && !kept && !topic->counts_only &&
	       clock_wall_ms(loop_clock(compare->loop)) - compare->looked_ms < compare->options->late_ms &&
	       loop_now_ms(compare->loop) - compare->started_ms < compare->options->late_ms * 2 &&
	       join_overtaken_lately(topic->join);
}

static int topic_step(struct topic *topic)
{
	struct compare *compare = topic->compare;
	int64_t now = loop_now_ms(compare->loop);
	struct join_glance glance;

	if (topic->limit && topic->stage != TOPIC_DONE)
		return topic_more_shards(topic);
	switch (topic->stage) {
	case TOPIC_READING:
		if (compare->options->follow && !compare->stop_signals)
			return 0;
		if (!topic_reached(topic) || topic->dirty)
			return 0;
		if (topic_complete(topic))
			return topic_finish(topic);
		topic->settle_until_ms = now + compare->options->settle_ms;
		join_look(topic->join, &glance);
		topic->counted = glance.records[TARGET];
		topic_settle(topic);
		return 0;
	case TOPIC_SETTLING:
		if (topic_complete(topic) || (now >= topic->settle_until_ms && !waits_for_late(topic)))
			return topic_finish(topic);
		return 0;
	case TOPIC_ASKING: return asked_all(topic) ? topic_report(topic) : 0;
	case TOPIC_DONE: return 0;
	}
	return 0;
}

/* A partition whose leader has been silent for longer than its deadline is given up. */
static void give_up_silent(struct topic *topic)
{
	struct compare *compare = topic->compare;
	int64_t deadline =
		compare->options->deadline_ms ? compare->options->deadline_ms : DEADLINE_DEFAULT_MS;

	if (topic->stage == TOPIC_DONE)
		return;
	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < topic->partitions[side]; p++) {
			struct part *part = &topic->parts[side][p];

			if (part->fetch && part->unreachable_since_ms &&
			    loop_now_ms(compare->loop) - part->unreachable_since_ms > deadline)
				part_stop(part, "UNREACHABLE",
					  "%s: the leader of %s-%d has not answered for %lld s",
					  cluster_name(compare->clusters[side]), topic->name[side], p,
					  (long long)deadline / 1000);
		}
}

/* ---- progress ---- */

static void glance_topic(const struct topic *topic, struct parity_progress *out)
{
	const struct topic_report *report = &topic->compare->report->topics[topic->report];
	struct join_glance glance;

	if (topic->stage == TOPIC_DONE) {
		for (int side = 0; side < 2; side++) {
			out->records[side] += report->records[side];
			out->bytes[side] += report->bytes[side];
		}
		out->matched += report->matched;
		out->partitions_level +=
			topic->partitions[SOURCE] > 0 ? (uint32_t)topic->partitions[SOURCE] : 0;
		return;
	}
	if (!topic->join)
		return;
	join_look(topic->join, &glance);
	out->matched += glance.matched;
	for (int side = 0; side < 2; side++) {
		out->records[side] += glance.records[side];
		out->bytes[side] += glance.bytes[side];
		out->pending[side] += glance.pending[side];
		for (int32_t p = 0; p < topic->partitions[side]; p++)
			out->records_expected[side] +=
				(uint64_t)(topic->parts[side][p].first_end - topic->parts[side][p].start);
	}
	for (int32_t p = 0; p < topic->partitions[SOURCE]; p++) {
		const struct part *source = &topic->parts[SOURCE][p];
		bool at_end = source->high >= 0 && source->position >= source->high;

		if (join_pending(topic->join, p))
			out->partitions_diverged++;
		else if (topic->stage == TOPIC_READING && !at_end && !source->ended)
			out->partitions_open++;
		else if (join_queued(topic->join, SOURCE, p))
			out->partitions_hot++;
		else
			out->partitions_level++;
	}
}

static void tell_progress(struct compare *compare, enum parity_stage stage)
{
	struct parity_progress progress = { .stage = stage, .pass = 1, .passes = 1 };

	if (!compare->progress)
		return;
	progress.seconds = (double)(loop_now_ms(compare->loop) - compare->started_ms) / 1000;
	for (size_t i = 0; i < compare->topic_count; i++) {
		const struct topic *topic = &compare->topics[i];

		glance_topic(topic, &progress);
		if (topic->stage != TOPIC_DONE && (int)topic->shards > progress.passes) {
			progress.passes = (int)topic->shards;
			progress.pass = (int)topic->shard + 1;
		}
		if (topic->stage == TOPIC_ASKING && progress.stage == STAGE_READING)
			progress.stage = STAGE_RESOLVING;
		if (topic->stage == TOPIC_SETTLING && progress.stage == STAGE_READING)
			progress.stage = STAGE_SETTLING;
	}
	compare->progress(compare->progress_context, &progress);
}

/* ---- ending ---- */

static void on_signal(void *owner, int number)
{
	struct compare *compare = owner;

	(void)number;
	compare->stop_signals++;
	compare->wake = true;
	if (!compare->driving) /* somebody waits for an answer of a cluster */
		loop_stop(compare->loop);
}

static int interrupted(struct compare *compare)
{
	int err = parity_report_reason(compare->report, false, "INTERRUPTED", NULL,
				       "the comparison was stopped before it was decided");

	for (size_t i = 0; i < compare->topic_count && err == 0; i++) {
		struct topic *topic = &compare->topics[i];

		if (topic->stage != TOPIC_DONE)
			err = join_report_partly(topic->join, compare->report,
						 &compare->report->topics[topic->report]);
	}
	return err;
}

static bool all_done(const struct compare *compare)
{
	for (size_t i = 0; i < compare->topic_count; i++)
		if (compare->topics[i].stage != TOPIC_DONE)
			return false;
	return true;
}

/* Now and then, and at signals.  A disk that is full does not end the comparison, but it is not passed over either. */
static void keep_checkpoint(struct compare *compare, bool now)
{
	struct fault fault = { 0 };

	if (!compare->options->checkpoint ||
	    (!now && loop_now_ms(compare->loop) - compare->checkpoint_ms < CHECKPOINT_EVERY_MS))
		return;
	if (checkpoint_write(compare, &fault) < 0)
		parity_report_reason(compare->report, false, "CHECKPOINT_FAILED", NULL, "%s", fault.text);
	compare->checkpoint_ms = loop_now_ms(compare->loop);
}

static bool stop_following(struct compare *compare, bool *stopped)
{
	const struct parity_options *options = compare->options;

	if (!options->follow || *stopped)
		return false;
	if (options->until_ms != PARITY_TIME_NONE &&
	    clock_wall_ms(loop_clock(compare->loop)) >= options->until_ms)
		compare->stop_signals += !compare->stop_signals;
	return compare->stop_signals > 0;
}

static int drive(struct compare *compare)
{
	int64_t told_ms = 0, tick_ms = compare->options->follow ? TICK_MS : TICK_SHORT_MS;
	bool stopped = false;
	int signals_seen = 0;
	int err = 0;

	while (err == 0 && !all_done(compare)) {
		int64_t now = loop_now_ms(compare->loop);

		if (loop_until(compare->loop, &compare->wake, now + tick_ms) == ERR_CANCELLED)
			compare->stop_signals++;
		compare->wake = false;
		if (compare->err)
			return compare->err;
		keep_checkpoint(compare, compare->stop_signals > signals_seen);
		signals_seen = compare->stop_signals;
		if (compare->stop_signals >= (compare->options->follow ? 2 : 1))
			return interrupted(compare);
		if (stop_following(compare, &stopped)) {
			stopped = true;
			err = topics_ends(compare);
			for (size_t i = 0; i < compare->topic_count && err == 0; i++)
				topic_stop_following(&compare->topics[i]);
			if (err < 0) {
				parity_report_reason(compare->report, false, "UNREACHABLE", NULL, "%s",
						     compare->fault->text);
				return interrupted(compare);
			}
		}
		for (size_t i = 0; i < compare->topic_count && err == 0; i++) {
			give_up_silent(&compare->topics[i]);
			err = topic_step(&compare->topics[i]);
		}
		if (loop_now_ms(compare->loop) - told_ms >= TICK_MS) {
			told_ms = loop_now_ms(compare->loop);
			tell_progress(compare, compare->options->follow && !compare->stop_signals
						       ? STAGE_FOLLOWING
						       : STAGE_READING);
		}
	}
	return err;
}

/* ---- the whole ---- */

static int list_topics(struct compare *compare)
{
	const struct parity_options *options = compare->options;

	for (size_t i = 0; i < compare->topic_count; i++) {
		struct topic *topic = &compare->topics[i];
		struct topic_report *report =
			parity_report_topic(compare->report, topic->name[SOURCE], topic->name[TARGET]);
		bool missing = topic->partitions[SOURCE] < 0 || topic->partitions[TARGET] < 0;

		if (!report)
			return ERR_MEMORY;
		topic->report = i;
		for (int side = 0; side < 2; side++)
			report->partitions[side] = topic->partitions[side];
		topic->counts_only = missing || options->claim == CLAIM_COUNTS;
		if (missing || topic->partitions[SOURCE] == topic->partitions[TARGET])
			continue;
		if (options->claim == CLAIM_PARTITION_ORDER || options->claim == CLAIM_OFFSETS) {
			topic->stage = TOPIC_DONE;
			if (parity_report_reason(
				    compare->report, true, "CLAIM_IMPOSSIBLE", topic->name[SOURCE],
				    "the source has %d partitions and the target %d: %s cannot hold",
				    topic->partitions[SOURCE], topic->partitions[TARGET],
				    claim_word(options->claim)) < 0)
				return ERR_MEMORY;
		}
	}
	return 0;
}

static int add_declared(struct compare *compare)
{
	const struct parity_options *options = compare->options;
	char name[300];
	int err = 0;

	for (size_t i = 0; i < options->ignore_header_count && err == 0; i++) {
		snprintf(name, sizeof name, "ignore-header:%s", options->ignore_headers[i]);
		err = parity_report_normaliser(compare->report, name, 0);
	}
	return err;
}

static void add_speed(struct compare *compare)
{
	struct parity_speed *speed = &compare->report->speed;
	struct usage usage;

	usage_read(&usage);
	speed->seconds = (double)(loop_now_ms(compare->loop) - compare->started_ms) / 1000;
	speed->cpu_seconds = usage.cpu_seconds;
	speed->bytes_read = compare->bytes_read;
	speed->peak_rss_bytes = usage.peak_rss_bytes;
}

int compare_open(struct compare *compare)
{
	int err;

	compare->started_ms = loop_now_ms(compare->loop);
	if (!compare->seed)
		random_secret(&compare->seed, sizeof compare->seed);
	err = controls_run(compare->fault);
	if (err == 0)
		err = topics_look(compare);
	compare->looked_ms = clock_wall_ms(loop_clock(compare->loop));
	if (err == 0)
		err = list_topics(compare);
	if (err == 0)
		err = add_declared(compare);
	if (err == 0 && compare->options->checkpoint)
		err = checkpoint_read(compare);
	if (err == 0)
		err = readers_start(compare);
	/* At once, so that a place where it cannot be kept is known now and not in an hour. */
	if (err == 0 && compare->options->checkpoint)
		err = checkpoint_write(compare, compare->fault);
	return err;
}

void compare_close(struct compare *compare)
{
	readers_stop(compare);
	topics_free(compare);
}

int parity_compare(struct loop *loop, struct cluster *source, struct cluster *target,
		   const struct parity_options *options, parity_progress_fn *progress, void *context,
		   struct parity_report *report, struct fault *fault)
{
	struct fault own = { 0 };
	struct compare compare = {
		.loop = loop,
		.clusters = { source, target },
		.options = options,
		.report = report,
		.fault = fault ? fault : &own,
		.progress = progress,
		.progress_context = context,
		.seed = options->seed,
	};
	int err = 0;

	parity_report_init(report, options->claim);
	report->started_ms = clock_wall_ms(loop_clock(loop));
	if (options->signals)
		err = signals_new(loop, on_signal, &compare, &compare.signals);
	if (err == 0)
		err = compare_open(&compare);
	compare.driving = true;
	if (err == 0)
		err = drive(&compare);
	else if (err == ERR_CANCELLED)
		err = parity_report_reason(report, false, "INTERRUPTED", NULL,
					   "the comparison was stopped before anything was read");
	/* What was read to the end is where the next run goes on. */
	if (err == 0 && options->onward && options->checkpoint && checkpoint_write(&compare, &own) < 0)
		err = parity_report_reason(report, false, "CHECKPOINT_FAILED", NULL, "%s", own.text);
	tell_progress(&compare, STAGE_DONE);
	compare_close(&compare);
	signals_free(compare.signals);
	if (err == 0)
		err = parity_report_judge(report);
	add_speed(&compare);
	report->ended_ms = clock_wall_ms(loop_clock(loop));
	if (err == ERR_MEMORY && !compare.fault->err)
		fault_set(compare.fault, err, "out of memory");
	return err;
}
