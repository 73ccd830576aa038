/*
 * live_judge.c - what differs, asked of a follower that goes on.
 *
 *	ends of both sides      the target's first, so that what it holds has its origin within what is read; as far as
 *	                        committed, since what is committed later has had no time to settle
 *	wait                    until nothing below these ends waits; for `settle` at most, and then until both sides
 *	                        have been read to their ends once more
 *	a copy of the join      what is younger than the ends is left out; then as at the end of any comparison, but
 *	                        that what is missing may be behind, and not lost (see join.h)
 *	ask                     the source is read a second time for names of what only the target has
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "client/offsets.h"
#include "parity/live_inside.h"
#include "parity/scan.h"

#define COPY_SIZE_MAX ((size_t)256 << 20)
#define INFLATE_MOST  ((size_t)128 << 20)

static void cannot(struct question *question, const char *code, const char *topic, const char *text)
{
	parity_report_reason(&question->report, false, code, topic, "%s", text);
}

/* ---- ends ---- */

static int learn_side(struct follower *f, struct question *question, int side)
{
	struct compare *compare = &f->compare;
	struct offset_query *queries;
	size_t count = 0;
	int err = 0;

	for (size_t i = 0; i < compare->topic_count; i++)
		count += compare->topics[i].partitions[side] > 0 ? (size_t)compare->topics[i].partitions[side]
								 : 0;
	queries = calloc(count + 1, sizeof *queries);
	if (!queries)
		return fault_set(&f->fault, ERR_MEMORY, "out of memory");
	count = 0;
	for (size_t i = 0; i < compare->topic_count; i++)
		for (int32_t p = 0; p < compare->topics[i].partitions[side]; p++)
			queries[count++] = (struct offset_query){ .topic = compare->topics[i].name[side],
								  .partition = p,
								  .at = OFFSETS_LATEST };
	f->blocking = true;
	if (count)
		err = offsets_list(compare->clusters[side], queries, (int)count, true,
				   question_left_ms(f, question), &f->fault);
	f->blocking = false;
	count = 0;
	for (size_t i = 0; i < compare->topic_count && err == 0; i++)
		for (int32_t p = 0; p < compare->topics[i].partitions[side]; p++)
			compare->topics[i].parts[side][p].first_end =
				compare->topics[i].parts[side][p].limit = queries[count++].offset;
	free(queries);
	return err;
}

static int begin(struct follower *f, struct question *question)
{
	int err = learn_side(f, question, TARGET);

	if (err == 0)
		err = learn_side(f, question, SOURCE);
	for (size_t i = 0; i < f->compare.topic_count && err == 0; i++)
		if (f->compare.topics[i].join)
			err = topic_arrived(&f->compare.topics[i]);
	question->begun = true;
	f->compare.looked_ms = clock_wall_ms(loop_clock(f->loop));
	question->begun_ms = loop_now_ms(f->loop);
	f->compare.pressing = true;
	for (size_t i = 0; i < f->compare.topic_count; i++)
		compare_dirty(&f->compare.topics[i]);
	return err;
}

/* ---- waiting ---- */

static bool waits_below(const struct topic *topic)
{
	struct join_standing stand;

	if (topic->counts_only || topic->compare->options->claim == CLAIM_LATEST) {
		join_stand(topic->join, &stand);
		return stand.pending[SOURCE] || stand.ahead[SOURCE] || stand.ahead[TARGET] ||
		       (topic->counts_only && stand.records[SOURCE] != stand.records[TARGET]);
	}
	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < topic->partitions[side]; p++) {
			const struct part *part = &topic->parts[side][p];

			if (!part->stopped &&
			    (part->position < part->first_end ||
			     join_waits_below(topic->join, (enum log_side)side, p, part->first_end)))
				return true;
		}
	return false;
}

/* Everything below the ends was read, and both sides to their ends after the time to settle. */
static bool has_settled(const struct follower *f, const struct question *question, const struct topic *topic)
{
	int64_t since_ms = question->begun_ms + f->compare.options->settle_ms;

	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; p < topic->partitions[side]; p++) {
			const struct part *part = &topic->parts[side][p];

			if (part->stopped)
				continue;
			if (part->marks.caught_ms < since_ms || part->position < part->first_end ||
			    join_offset(topic->join, (enum log_side)side, p) < part->first_end)
				return false;
		}
	}
	return true;
}

/* ---- judging ---- */

struct asking {
	struct follower *f;
	struct question *question;
	struct join *copy;
};

static int on_slab(void *context, const struct slab *slab)
{
	const struct asking *asking = context;

	if (question_left_ms(asking->f, asking->question) <= 0)
		return ERR_TIMEOUT;
	join_answer(asking->copy, slab);
	return 0;
}

/* Reads the source once more, from where the comparison began to where it ends now, aborted records too. */
static int ask_source(struct follower *f, struct question *question, struct topic *topic, struct join *copy)
{
	const struct parity_options *parity = f->compare.options;
	struct decode_options decode = { .seed = f->compare.seed,
					 .ignore_headers = parity->ignore_headers,
					 .ignore_header_count = parity->ignore_header_count,
					 .identity = parity->identity,
					 .identity_header = parity->identity_header,
					 .shards = 1,
					 .with_aborted = true };
	struct asking asking = { f, question, copy };
	struct scan_options options = { .cluster = f->compare.clusters[SOURCE],
					.topic = topic->name[SOURCE],
					.topic_id = topic->id[SOURCE],
					.side = SOURCE,
					.decode = &decode,
					.allowance = f->compare.allowance,
					.deadline_ms = question_left_ms(f, question),
					.inflate_most = INFLATE_MOST,
					.visit = on_slab,
					.context = &asking };
	size_t count = (size_t)topic->partitions[SOURCE];
	struct scan_part *parts = calloc(count + 1, sizeof *parts);
	int64_t *ends = calloc(count + 1, sizeof *ends);
	struct scan_stop stop;
	int err = parts && ends ? 0 : ERR_MEMORY;

	f->blocking = true;
	if (err == 0)
		err = topic_source_ends(&f->compare, topic, ends);
	for (size_t p = 0; p < count && err == 0; p++)
		parts[p] = (struct scan_part){ (int32_t)p, topic->parts[SOURCE][p].start, ends[p] };
	if (err == 0)
		err = scan_run(f->loop, &options, parts, (int)count, &stop, &f->fault);
	f->blocking = false;
	free(parts);
	free(ends);
	return err;
}

static int leave_out_young(const struct topic *topic, struct join *copy)
{
	int err = 0;

	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < topic->partitions[side] && err == 0; p++)
			err = join_leave_out(copy, (enum log_side)side, p, topic->parts[side][p].first_end);
	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < topic->partitions[side]; p++)
			join_end(copy, (enum log_side)side, p);
	return err;
}

static int judge_topic(struct follower *f, struct question *question, struct topic *topic,
		       struct topic_report *report)
{
	struct join *copy = NULL;
	int err;

	join_overtaken_since(topic->join, f->compare.looked_ms, clock_wall_ms(loop_clock(f->loop)),
			     f->compare.options->late_ms);
	err = join_clone(topic->join, COPY_SIZE_MAX, &copy);
	if (err == ERR_LIMIT) {
		cannot(question, "WINDOW_FULL", topic->name[SOURCE],
		       "more waits for its twin than can be judged at once");
		return 0;
	}
	if (err == 0) {
		join_goes_on(copy);
		err = leave_out_young(topic, copy);
	}
	if (err == 0)
		err = join_advance(copy, 0);
	if (err == 0)
		err = join_finish(copy);
	if (err == 0 && join_asks(copy)) {
		int asked = ask_source(f, question, topic, copy);

		if (asked < 0) {
			cannot(question,
			       asked == ERR_TIMEOUT || asked == ERR_CANCELLED ? "NO_TIME" : "UNREACHABLE",
			       topic->name[SOURCE],
			       "what only the target has could not be named: the source could not be read a "
			       "second "
			       "time");
			join_unanswered(copy);
		}
		f->fault = (struct fault){ 0 };
	}
	if (err == 0)
		err = join_report(copy, &question->report, report);
	join_free(copy);
	return err;
}

static void judge_moving(struct question *question, const struct topic *topic, struct topic_report *report)
{
	struct join_standing stand;

	join_stand(topic->join, &stand);
	for (int side = 0; side < 2; side++) {
		report->records[side] = stand.records[side];
		report->partitions[side] = topic->partitions[side];
		if (topic->partitions[side] < 0)
			parity_report_reason(&question->report, true, "TOPIC_MISSING", topic->name[SOURCE],
					     "topic '%s' does not exist on the %s", topic->name[side],
					     cluster_name(topic->compare->clusters[side]));
	}
	report->matched = stand.records[SOURCE];
	report->proved = stand.proved;
	if (waits_below(topic))
		cannot(question, "MOVING", topic->name[SOURCE],
		       "both sides differ, and while they are written to nobody can say for how long");
}

static void judge(struct follower *f, struct question *question)
{
	for (size_t i = 0; i < f->report.reason_count; i++)
		parity_report_reason(&question->report, f->report.reasons[i].shut, f->report.reasons[i].code,
				     f->report.reasons[i].topic, "%s", f->report.reasons[i].text);
	for (size_t i = 0; i < f->report.normaliser_count; i++)
		parity_report_normaliser(&question->report, f->report.normalisers[i].name, 0);
	for (size_t i = 0; i < f->compare.topic_count; i++) {
		struct topic *topic = &f->compare.topics[i];
		struct topic_report *report =
			parity_report_topic(&question->report, topic->name[SOURCE], topic->name[TARGET]);
		int err = report ? 0 : ERR_MEMORY;

		if (err == 0 && topic->stage != TOPIC_DONE) {
			if (topic->counts_only || f->compare.options->claim == CLAIM_LATEST)
				judge_moving(question, topic, report);
			else
				err = judge_topic(f, question, topic, report);
		}
		if (err < 0)
			cannot(question, "NO_MEMORY", topic->name[SOURCE],
			       "there was no memory for the judgement");
	}
}

bool judge_step(struct follower *f, struct question *question)
{
	bool waits = false, settled = true;
	int err = 0;

	if (!question->begun)
		err = begin(f, question);
	if (err < 0) {
		cannot(question, "UNREACHABLE", NULL, f->fault.text);
		f->fault = (struct fault){ 0 };
		f->compare.pressing = false;
		return true;
	}
	for (size_t i = 0; i < f->compare.topic_count; i++) {
		const struct topic *topic = &f->compare.topics[i];

		if (topic->stage == TOPIC_DONE || !topic->join || !waits_below(topic))
			continue;
		waits = true;
		settled &= has_settled(f, question, topic);
	}
	if (waits && !settled) {
		if (question_left_ms(f, question) > 0)
			return false;
		cannot(question, "NO_TIME", NULL,
		       "there was no time to read everything, or for what waits to settle");
	}
	f->compare.pressing = false;
	judge(f, question);
	return true;
}
