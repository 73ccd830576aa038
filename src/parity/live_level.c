/*
 * live_level.c - is it level?  One question, looked at again whenever something was read, until it can be answered.
 *
 *	everything of the source read up to its ends?   no: wait, or say what stands in the way
 *	everything of the target read up to its ends?   no: wait
 *	nothing left to eat, nothing waits, nothing found: level
 *	something waits: a copy of the join is brought to its end, which names what can be named.  What the target has too
 *	much of, altered or out of place stays so, for the source is held; what it lacks may still come.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/metadata.h"
#include "client/offsets.h"
#include "parity/live_inside.h"

#define CLONE_SIZE_MAX ((size_t)64 << 20)

/* What is known of all topics together. */
struct sight {
	bool read, eaten, clean;
	uint64_t joined; /* records, both sides */
	struct live_answer *answer;
};

/* ---- words ---- */

__attribute__((format(printf, 4, 0))) static void say(struct live_answer *answer, enum live_verdict verdict,
						      const char *code, const char *format, va_list args)
{
	if (answer->code[0])
		return;
	answer->verdict = verdict;
	snprintf(answer->code, sizeof answer->code, "%s", code);
	vsnprintf(answer->text, sizeof answer->text, format, args);
}

void level_cannot(struct live_answer *answer, const char *code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(answer, LIVE_CANNOT_TELL, code, format, args);
	va_end(args);
}

__attribute__((format(printf, 3, 4))) static void refute(struct live_answer *answer, const char *code,
							 const char *format, ...)
{
	va_list args;

	/* What is proved to differ beats what is not known. */
	if (answer->verdict == LIVE_CANNOT_TELL)
		answer->code[0] = 0;
	va_start(args, format);
	say(answer, LIVE_NOT_LEVEL, code, format, args);
	va_end(args);
}

static const char *side_name(const struct topic *topic, int side)
{
	return cluster_name(topic->compare->clusters[side]);
}

/* ---- ends ---- */

static const struct live_end *end_of(const struct question *question, const struct part *part)
{
	const struct live_end *ends = question->ends[part->side];
	size_t low = 0, high = ends ? question->counts[part->side] : 0;

	/* Sorted by topic and partition. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(ends[middle].topic, part->topic->name[part->side]);

		if (!order)
			order = (ends[middle].partition > part->partition) -
				(ends[middle].partition < part->partition);
		if (!order)
			return &ends[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The target's ends, read before anybody looks: what it holds beyond its origin is then within what was read. */
static int learn_target(struct follower *f, struct question *question)
{
	struct compare *compare = &f->compare;
	struct offset_query *queries;
	struct live_end *ends;
	size_t count = 0;
	int err;

	for (size_t i = 0; i < compare->topic_count; i++)
		count += compare->topics[i].partitions[TARGET] > 0
				 ? (size_t)compare->topics[i].partitions[TARGET]
				 : 0;
	queries = calloc(count + 1, sizeof *queries);
	ends = calloc(count + 1, sizeof *ends);
	err = queries && ends ? 0 : fault_set(&f->fault, ERR_MEMORY, "out of memory");
	count = 0;
	for (size_t i = 0; i < compare->topic_count && err == 0; i++)
		for (int32_t p = 0; p < compare->topics[i].partitions[TARGET]; p++)
			queries[count++] = (struct offset_query){ .topic = compare->topics[i].name[TARGET],
								  .partition = p,
								  .at = OFFSETS_LATEST };
	f->blocking = true;
	if (err == 0 && count)
		err = offsets_list(compare->clusters[TARGET], queries, (int)count, false,
				   question_left_ms(f, question), &f->fault);
	f->blocking = false;
	for (size_t i = 0; i < count && err == 0; i++) {
		ends[i] = (struct live_end){ strdup(queries[i].topic), queries[i].partition,
					     queries[i].leader_epoch, queries[i].offset };
		if (!ends[i].topic)
			err = fault_set(&f->fault, ERR_MEMORY, "out of memory");
	}
	free(queries);
	question->ends[TARGET] = ends;
	question->counts[TARGET] = count;
	if (err == 0)
		ends_sort(ends, count);
	return err;
}

/* ---- how far it was read ---- */

static void add_lag(struct follower *f, const struct question *question, const struct topic *topic, int32_t p,
		    struct live_answer *answer)
{
	struct live_lag lag = {
		live_name(f->live, topic->name[SOURCE]), p, { -1, -1 }, { -1, -1 }, { 0, 0 }
	};

	for (size_t i = 0; i < answer->lag_count; i++)
		if (answer->lags[i].partition == p && answer->lags[i].topic == lag.topic)
			return;
	if (answer->lag_count == LIVE_LAGS_MAX || !lag.topic) {
		answer->lags_left_out++;
		return;
	}
	for (int side = 0; side < 2; side++) {
		const struct part *part = &topic->parts[side][p];
		const struct live_end *end;

		if (p >= topic->partitions[side])
			continue;
		end = end_of(question, part);
		lag.position[side] = part->position;
		lag.end[side] = end ? end->offset : -1;
		if (topic->join)
			lag.pending[side] =
				join_waiting(topic->join, (enum log_side)side, p, INT64_MAX, NULL, 0);
	}
	answer->lags[answer->lag_count++] = lag;
}

/* The leader under which the end was read, or a later one, has said that what we have read is in its log. */
static bool leader_known(const struct part *part, const struct live_end *end)
{
	struct fetch_state state;

	if (!part->fetch)
		return false;
	fetch_part_state(part->fetch, &state);
	return state.confirmed_ms && !state.halted && state.confirmed_epoch >= end->leader_epoch;
}

static bool part_read_to(const struct part *part, const struct live_end *end)
{
	return part_idle(part) && part->position >= end->offset && leader_known(part, end);
}

/* Why it has not been read to its end, now that the time is over. */
static void explain(const struct question *question, const struct part *part, const struct live_end *end,
		    struct live_answer *answer)
{
	const struct topic *topic = part->topic;
	const char *side = side_name(topic, part->side), *name = topic->name[part->side];
	struct fetch_state state = { .confirmed_ms = 0 };

	if (part->fetch)
		fetch_part_state(part->fetch, &state);
	if (part->high >= end->offset && part->stable >= 0 && part->stable < end->offset &&
	    part->position >= part->stable)
		level_cannot(answer, "OPEN_TRANSACTION",
			     "%s: %s-%d: a transaction is open at offset %lld, and nothing behind it can be "
			     "read yet "
			     "(the log ends at %lld)",
			     side, name, part->partition, (long long)part->position, (long long)end->offset);
	else if (state.confirmed_ms < question->begun_ms && part->position < end->offset)
		level_cannot(answer, "UNREACHABLE",
			     "%s: the leader of %s-%d has not answered since the question", side, name,
			     part->partition);
	else if (part->position >= end->offset)
		level_cannot(
			answer, "UNREACHABLE",
			"%s: %s-%d: the leader of epoch %d, under which its end was read, has not answered",
			side, name, part->partition, end->leader_epoch);
	else
		level_cannot(answer, "FOLLOWER_BEHIND", "%s: %s-%d was read to %lld, and ends at %lld", side,
			     name, part->partition, (long long)part->position, (long long)end->offset);
}

/* A source that has records behind the ends that were given is not held, or they are ends of another time. */
static void look_behind(const struct part *part, const struct live_end *end, struct live_answer *answer)
{
	const char *name = part->topic->name[SOURCE];

	if (part->resumed > end->offset)
		level_cannot(answer, "ENDS_STALE",
			     "%s: %s-%d is said to end at %lld, and the checkpoint had been read to %lld",
			     side_name(part->topic, SOURCE), name, part->partition, (long long)end->offset,
			     (long long)part->resumed);
	else if (part->data_end > end->offset)
		refute(answer, "SOURCE_GREW", "%s: %s-%d is said to end at %lld, and has a record at %lld",
		       side_name(part->topic, SOURCE), name, part->partition, (long long)end->offset,
		       (long long)part->data_end - 1);
}

static void look_parts(struct follower *f, const struct question *question, const struct topic *topic,
		       bool late, struct sight *sight)
{
	for (int side = 0; side < 2; side++) {
		for (int32_t p = 0; p < topic->partitions[side]; p++) {
			const struct part *part = &topic->parts[side][p];
			const struct live_end *end = end_of(question, part);

			if (!end) {
				level_cannot(sight->answer, "END_MISSING", "%s: no end was given of %s-%d",
					     side_name(topic, side), topic->name[side], p);
				continue;
			}
			if (side == SOURCE)
				look_behind(part, end, sight->answer);
			if (!part_read_to(part, end)) {
				sight->read = false;
				if (late) {
					add_lag(f, question, topic, p, sight->answer);
					explain(question, part, end, sight->answer);
				}
			}
		}
	}
}

/* ---- what was found ---- */

static void add_examples(struct follower *f, const struct topic *topic, const struct finding *examples,
			 size_t count, struct live_answer *answer)
{
	for (size_t i = 0; i < count && answer->example_count < LIVE_EXAMPLES_MAX; i++) {
		answer->examples[answer->example_count] = examples[i];
		answer->example_topics[answer->example_count++] = live_name(f->live, topic->name[SOURCE]);
	}
}

/* Refutes by the class that matters most: what is not merely missing first. */
static void refute_findings(const struct topic *topic, const uint64_t *findings, struct live_answer *answer)
{
	char code[60];

	for (int pass = 0; pass < 2; pass++) {
		for (int class = 0; class < FINDING_CLASSES; class ++) {
			bool missing = class == FINDING_LOST || class == FINDING_TORN_TXN;

			if (!findings[class] || missing != (pass == 1))
				continue;
			snprintf(code, sizeof code, "PARITY_%s", finding_word((enum finding_class) class));
			refute(answer, code, "topic '%s': %s, %llu times", topic->name[SOURCE],
			       finding_word((enum finding_class) class), (unsigned long long)findings[class]);
		}
	}
}

/* All that is missing is the newest of its partition, so it may be on its way. */
static bool only_behind(const struct topic *topic)
{
	for (int32_t p = 0; p < topic->partitions[SOURCE]; p++)
		if (!join_tail_only(topic->join, SOURCE, p))
			return false;
	return true;
}

struct judgement {
	uint64_t findings[FINDING_CLASSES], extra, missing;
	bool known, differs;
};

/* Brings a copy of the join to its end. */
static int judge_copy(struct follower *f, const struct topic *topic, struct judgement *out,
		      struct live_answer *answer)
{
	struct parity_report report;
	struct topic_report *entry;
	struct join *copy = NULL;
	int err = join_clone(topic->join, CLONE_SIZE_MAX, &copy);

	if (err < 0)
		return err;
	parity_report_init(&report, f->compare.options->claim);
	entry = parity_report_topic(&report, topic->name[SOURCE], topic->name[TARGET]);
	for (int side = 0; side < 2; side++)
		for (int32_t p = 0; p < topic->partitions[side]; p++)
			join_end(copy, (enum log_side)side, p);
	err = entry ? join_advance(copy, 0) : ERR_MEMORY;
	if (err == 0)
		err = join_finish(copy);
	if (err == 0) {
		out->extra = join_asks(copy);
		join_unanswered(copy);
		err = join_report(copy, &report, entry);
	}
	if (err == 0) {
		memcpy(out->findings, entry->findings, sizeof out->findings);
		out->findings[FINDING_UNREADABLE] = entry->unreadable[TARGET];
		out->known = true;
		out->missing = out->findings[FINDING_LOST] + out->findings[FINDING_TORN_TXN];
		out->differs = out->extra > 0;
		for (int class = 0; class < FINDING_CLASSES; class ++)
			out->differs |=
				out->findings[class] && class != FINDING_LOST && class != FINDING_TORN_TXN;
		for (size_t i = 0; i < report.reason_count; i++)
			if (!report.reasons[i].shut)
				level_cannot(answer, report.reasons[i].code, "%s", report.reasons[i].text);
		if (entry->unreadable[SOURCE])
			level_cannot(answer, "PARITY_UNREADABLE",
				     "topic '%s': %llu batches of the %s cannot be read", topic->name[SOURCE],
				     (unsigned long long)entry->unreadable[SOURCE], side_name(topic, SOURCE));
		if (entry->proved < answer->proved)
			answer->proved = entry->proved;
		add_examples(f, topic, entry->examples, entry->example_count, answer);
	}
	join_free(copy);
	parity_report_done(&report);
	return err;
}

/* What is only on the target has no name yet, but a place. */
static void show_extra(struct follower *f, const struct topic *topic, struct live_answer *answer)
{
	for (int32_t p = 0; p < topic->partitions[TARGET]; p++) {
		struct record_place places[4];
		uint64_t count = join_waiting(topic->join, TARGET, p, INT64_MAX, places, 4);

		for (uint64_t i = 0; i < count && i < 4; i++) {
			struct finding finding = { FINDING_PHANTOM, { { .known = false }, places[i] } };

			add_examples(f, topic, &finding, 1, answer);
		}
	}
}

/* `late`: the time is over, so what is missing is not waited for any more. */
static void look_waiting(struct follower *f, const struct question *question, const struct topic *topic,
			 const struct join_standing *stand, bool late, struct sight *sight)
{
	struct live_answer *answer = sight->answer;
	struct judgement judged = { .known = false };
	int err = judge_copy(f, topic, &judged, answer);

	if (err == ERR_MEMORY || err == ERR_LIMIT) {
		level_cannot(answer, "WINDOW_FULL",
			     "topic '%s': more waits for its twin than can be judged at once",
			     topic->name[SOURCE]);
		return;
	}
	if (judged.known && !judged.missing && !judged.differs)
		return; /* what waits is paired after all: it stands in another partition, where the claim allows it */
	sight->clean = false;
	for (int class = 0; class < FINDING_CLASSES; class ++)
		answer->findings[class] += judged.findings[class];
	if (!judged.differs && !late)
		return;
	for (int32_t p = 0; p < topic->partitions[SOURCE]; p++)
		if (join_pending(topic->join, p))
			add_lag(f, question, topic, p, answer);
	if (judged.extra) {
		show_extra(f, topic, answer);
		refute(answer, "TARGET_EXTRA", "topic '%s': %llu records of the %s have no origin on the %s",
		       topic->name[SOURCE], (unsigned long long)judged.extra, side_name(topic, TARGET),
		       side_name(topic, SOURCE));
	}
	if (judged.missing && !judged.differs && only_behind(topic))
		refute(answer, "TARGET_BEHIND",
		       "topic '%s': the last %llu records of the %s are not on the %s", topic->name[SOURCE],
		       (unsigned long long)stand->pending[SOURCE], side_name(topic, SOURCE),
		       side_name(topic, TARGET));
	refute_findings(topic, judged.findings, answer);
	if (!judged.known)
		refute(answer, "PARITY_COMPACTED", "topic '%s': the last value of %llu keys differs",
		       topic->name[SOURCE], (unsigned long long)stand->pending[SOURCE]);
}

static void look_counts(const struct topic *topic, const struct join_standing *stand, bool late,
			struct sight *sight)
{
	uint64_t source = stand->records[SOURCE], target = stand->records[TARGET];

	if (source == target)
		return;
	sight->clean = false;
	if (late || target > source)
		refute(sight->answer, "COUNT_DIFFERS", "topic '%s': the %s has %llu records, the %s %llu",
		       topic->name[SOURCE], side_name(topic, SOURCE), (unsigned long long)source,
		       side_name(topic, TARGET), (unsigned long long)target);
}

/* Everything up to the ends was read and eaten. */
static void look_topic(struct follower *f, const struct question *question, const struct topic *topic,
		       bool late, struct sight *sight)
{
	struct live_answer *answer = sight->answer;
	enum claim asked = f->compare.options->claim;
	struct join_standing stand;

	for (int side = 0; side < 2; side++)
		if (topic->partitions[side] < 0)
			refute(answer, "TOPIC_MISSING", "topic '%s' does not exist on the %s",
			       topic->name[side], side_name(topic, side));
	join_stand(topic->join, &stand);
	for (int side = 0; side < 2; side++)
		answer->pending[side] += stand.pending[side];
	if (topic->counts_only) {
		look_counts(topic, &stand, late, sight);
		if (CLAIM_COUNTS < answer->proved)
			answer->proved = CLAIM_COUNTS;
		return;
	}
	if (stand.pending[SOURCE] || stand.pending[TARGET] || stand.gaps[SOURCE] || stand.gaps[TARGET]) {
		look_waiting(f, question, topic, &stand, late, sight);
		return;
	}
	for (int class = 0; class < FINDING_CLASSES; class ++) {
		answer->findings[class] += stand.findings[class];
		sight->clean &= !stand.findings[class];
	}
	if (!sight->clean) {
		struct finding examples[LIVE_EXAMPLES_MAX];

		add_examples(f, topic, examples, join_examples(topic->join, examples, LIVE_EXAMPLES_MAX),
			     answer);
		refute_findings(topic, stand.findings, answer);
	}
	if (stand.offsets_shifted)
		refute(answer, "OFFSETS_SHIFTED", "topic '%s': equal records have other offsets on the %s",
		       topic->name[SOURCE], side_name(topic, TARGET));
	if (!stand.sums_agree)
		level_cannot(answer, "INSTRUMENT_FAULT",
			     "topic '%s': the sums over both logs contradict the comparison of their "
			     "records: a bug in "
			     "Interlock; please report it",
			     topic->name[SOURCE]);
	if (stand.proved < answer->proved)
		answer->proved = stand.proved;
	if (stand.proved < asked)
		level_cannot(answer, "INSTRUMENT_FAULT",
			     "topic '%s': nothing differs, and yet no more than %s is proved: a bug in "
			     "Interlock; please "
			     "report it",
			     topic->name[SOURCE], stand.proved ? claim_word(stand.proved) : "nothing");
}

/* ---- the step ---- */

static void look_reasons(struct follower *f, struct live_answer *answer)
{
	for (size_t i = 0; i < f->report.reason_count; i++) {
		const struct parity_reason *reason = &f->report.reasons[i];

		if (reason->shut)
			refute(answer, reason->code, "%s", reason->text);
		else if (strcmp(reason->code, "CHECKPOINT_FAILED"))
			level_cannot(answer, reason->code, "%s", reason->text);
	}
}

static bool all_eaten(const struct compare *compare)
{
	for (size_t i = 0; i < compare->topic_count; i++) {
		const struct topic *topic = &compare->topics[i];

		if (topic->dirty)
			return false;
		for (int side = 0; side < 2; side++)
			for (int32_t p = 0; p < topic->partitions[side]; p++)
				if (join_queued(topic->join, (enum log_side)side, p))
					return false;
	}
	return true;
}

static void reach_all(struct follower *f, struct live_answer *answer)
{
	size_t count = 0;

	for (size_t i = 0; i < f->compare.topic_count; i++)
		for (int side = 0; side < 2; side++)
			count += f->compare.topics[i].partitions[side] > 0
					 ? (size_t)f->compare.topics[i].partitions[side]
					 : 0;
	answer->reached = calloc(count + 1, sizeof *answer->reached);
	for (size_t i = 0; i < f->compare.topic_count && answer->reached; i++) {
		const struct topic *topic = &f->compare.topics[i];

		for (int side = 0; side < 2; side++)
			for (int32_t p = 0; p < topic->partitions[side]; p++)
				answer->reached[answer->reached_count++] = (struct live_reach){
					live_name(f->live, topic->name[side]), (enum log_side)side, p,
					topic->parts[side][p].epoch, topic->parts[side][p].position
				};
	}
	if (!answer->reached)
		level_cannot(answer, "NOT_FOLLOWING", "out of memory");
}

static void reset(struct live_answer *answer)
{
	*answer = (struct live_answer){ .proved = CLAIM_LATEST, .asked_us = answer->asked_us };
}

static void look(struct follower *f, struct question *question, bool late)
{
	struct compare *compare = &f->compare;
	struct live_answer *answer = &question->answer;
	struct sight sight = { .read = true, .clean = true, .answer = answer };
	struct join_glance glance;

	reset(answer);
	look_reasons(f, answer);
	for (size_t i = 0; i < compare->topic_count && !answer->code[0]; i++) {
		if (compare->topics[i].stage == TOPIC_DONE)
			level_cannot(answer, "NOT_FOLLOWING", "topic '%s' is not read",
				     compare->topics[i].name[SOURCE]);
		else
			look_parts(f, question, &compare->topics[i], late, &sight);
	}
	if (answer->code[0] || !sight.read)
		return;
	if (!all_eaten(compare)) {
		if (late)
			level_cannot(answer, "FOLLOWER_BEHIND",
				     "more waits for its twin than can be judged at once, or there was no "
				     "time for it");
		return;
	}
	for (size_t i = 0; i < compare->topic_count; i++) {
		join_look(compare->topics[i].join, &glance);
		sight.joined += glance.records[SOURCE] + glance.records[TARGET];
		answer->matched += glance.matched;
	}
	/* Nothing has come since it was judged last. */
	if (question->judged_at == sight.joined + 1 && !late)
		return;
	question->judged_at = sight.joined + 1;
	for (size_t i = 0; i < compare->topic_count; i++)
		look_topic(f, question, &compare->topics[i], late, &sight);
	if (answer->code[0] || !sight.clean)
		return;
	answer->verdict = LIVE_LEVEL;
	reach_all(f, answer);
	if (!answer->code[0])
		snprintf(answer->code, sizeof answer->code, "%s", "LEVEL");
}

static void begin(struct follower *f, struct question *question)
{
	struct compare *compare = &f->compare;
	int64_t asked_ns = clock_system.monotonic_ns(&clock_system);

	question->begun = true;
	question->begun_ms = loop_now_ms(f->loop);
	compare->pressing = true;
	for (size_t i = 0; i < compare->topic_count; i++)
		compare_dirty(&compare->topics[i]);
	metadata_refresh(compare->clusters[SOURCE]);
	if (!question->ends[TARGET] && learn_target(f, question) < 0)
		level_cannot(&question->answer, "UNREACHABLE", "%s", f->fault.text);
	question->answer.asked_us = (clock_system.monotonic_ns(&clock_system) - asked_ns) / 1000;
}

bool level_step(struct follower *f, struct question *question)
{
	struct live_answer *answer = &question->answer;
	bool late;

	if (!question->begun)
		begin(f, question);
	late = question_left_ms(f, question) <= 0;
	if (!answer->code[0])
		look(f, question, late);
	if (!answer->code[0] && !late)
		return false;
	if (!answer->code[0])
		level_cannot(answer, "FOLLOWER_BEHIND", "the time was over before everything was read");
	if (answer->verdict == LIVE_LEVEL)
		answer->code[0] = 0;
	else
		answer->proved = CLAIM_NONE;
	f->compare.pressing = false;
	return true;
}
