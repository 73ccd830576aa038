/*
 * live_follow.c - the follower in its thread: reads, marks time, keeps its checkpoint, tells how it stands, and answers.
 *
 * Time is marked in each partition: how many records had been pushed by then.  What was pushed before a mark and still
 * waits when the other side, `settle` later, has been read to its end, is overdue: its twin did not come in time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "parity/live_inside.h"

#define TICK_MS             250
#define QUESTION_TICK_MS    10 /* news that come without records: leaders, watermarks */
#define TELL_EVERY_MS       200
#define CHECKPOINT_EVERY_MS 2000
#define CHECKPOINT_SHARE    20 /* making one may take one part in so many of the time */
#define RATE_EVERY_MS       500
#define MARK_LEAST_MS       50

/* ---- the checkpoint: made here, written elsewhere, so that no disk holds up an answer ---- */

struct checkpoint_job {
	struct follower *follower;
	char *path;
	struct buffer bytes;
	struct fault fault;
	int err;
};

static void job_free(struct checkpoint_job *job)
{
	buffer_done(&job->bytes);
	free(job->path);
	free(job);
}

static void write_run(void *context)
{
	struct checkpoint_job *job = context;

	job->err = file_replace(job->path, buffer_bytes(&job->bytes), &job->fault);
}

static void write_done(void *context)
{
	struct checkpoint_job *job = context;
	struct follower *f = job->follower;

	if (job->err < 0)
		parity_report_reason(&f->report, false, "CHECKPOINT_FAILED", NULL, "%s", job->fault.text);
	f->saving = NULL;
	job_free(job);
}

static void keep_checkpoint(struct follower *f)
{
	int64_t now = loop_now_ms(f->loop), took;
	struct checkpoint_job *job;

	if (!f->compare.options->checkpoint || f->saving || now < f->checkpoint_due_ms)
		return;
	f->checkpoint_due_ms = now + CHECKPOINT_EVERY_MS;
	job = calloc(1, sizeof *job);
	if (!job)
		return; /* at the next time */
	job->follower = f;
	job->path = strdup(f->compare.options->checkpoint);
	job->err = checkpoint_make(&f->compare, &job->bytes, &job->fault);
	took = loop_now_ms(f->loop) - now;
	f->checkpoint_due_ms += took * CHECKPOINT_SHARE;
	if (job->err < 0 && job->path)
		parity_report_reason(&f->report, false, "CHECKPOINT_FAILED", NULL, "%s", job->fault.text);
	if (!job->path || job->err < 0 || loop_work(f->loop, write_run, write_done, job) < 0) {
		job_free(job);
		return;
	}
	f->saving = job;
}

static void wait_for_writer(struct follower *f)
{
	bool never = false;

	while (f->saving)
		loop_until(f->loop, &never, loop_now_ms(f->loop) + 5);
}

/* ---- marks ---- */

static bool part_caught_up(const struct part *part)
{
	return part_idle(part) && part->high >= 0 && part->position >= part->high &&
	       !part->unreachable_since_ms;
}

static void mark_part(struct part *part, int64_t now, bool mark)
{
	struct part_marks *marks = &part->marks;

	if (part_caught_up(part))
		marks->caught_ms = now;
	if (!mark)
		return;
	if (marks->count == MARKS) {
		memmove(&marks->at[0], &marks->at[1], (MARKS - 1) * sizeof marks->at[0]);
		marks->count--;
	}
	marks->at[marks->count].ms = now;
	marks->at[marks->count++].pushed = join_pushed(part->topic->join, part->side, part->partition);
}

static void mark_all(struct follower *f)
{
	int64_t now = loop_now_ms(f->loop);
	int64_t every = f->compare.options->settle_ms / 2 > MARK_LEAST_MS ? f->compare.options->settle_ms / 2
									  : MARK_LEAST_MS;
	bool mark = now - f->marked_ms >= every;

	if (mark)
		f->marked_ms = now;
	for (size_t i = 0; i < f->compare.topic_count; i++) {
		struct topic *topic = &f->compare.topics[i];

		for (int side = 0; side < 2 && topic->join; side++)
			for (int32_t p = 0; p < topic->partitions[side]; p++)
				mark_part(&topic->parts[side][p], now, mark);
	}
}

int64_t side_caught_ms(const struct topic *topic, int side)
{
	int64_t least = INT64_MAX;

	for (int32_t p = 0; p < topic->partitions[side]; p++)
		if (topic->parts[side][p].marks.caught_ms < least)
			least = topic->parts[side][p].marks.caught_ms;
	return least == INT64_MAX ? 0 : least;
}

/* How many records were pushed so long ago that their twins are overdue. */
static int64_t overdue_rank(const struct part *part, int64_t other_caught_ms, int64_t settle_ms)
{
	int64_t rank = 0;

	for (int i = 0; i < part->marks.count; i++)
		if (part->marks.at[i].ms + settle_ms <= other_caught_ms)
			rank = part->marks.at[i].pushed;
	return rank;
}

/* ---- how it stands ---- */

static void look_at_part(struct follower *f, const struct part *part, int64_t other_caught_ms,
			 struct live_place *place, struct live_glance *glance)
{
	const struct topic *topic = part->topic;
	int64_t rank = overdue_rank(part, other_caught_ms, f->compare.options->settle_ms);
	struct record_place places[LIVE_SUSPECTS_MAX];
	struct fetch_state state = { 0 };

	if (part->fetch)
		fetch_part_state(part->fetch, &state);
	*place = (struct live_place){
		.known = true,
		.stopped = part->stopped,
		.position = part->position,
		.high = part->high,
		.stable = part->stable,
		.silent_ms =
			state.unreachable_since_ms ? loop_now_ms(f->loop) - state.unreachable_since_ms : 0,
	};
	place->pending = join_waiting(topic->join, part->side, part->partition, INT64_MAX, NULL, 0);
	if (rank && place->pending)
		place->overdue = join_waiting(topic->join, part->side, part->partition, rank, places,
					      LIVE_SUSPECTS_MAX);
	glance->pending[part->side] += place->pending;
	glance->overdue[part->side] += place->overdue;
	for (uint64_t i = 0; i < place->overdue && i < LIVE_SUSPECTS_MAX; i++)
		if (glance->suspect_count < LIVE_SUSPECTS_MAX)
			glance->suspects[glance->suspect_count++] =
				(struct live_suspect){ live_name(f->live, topic->name[SOURCE]), part->side,
						       places[i] };
	glance->caught_up &= part_caught_up(part) && !place->pending;
}

static void look_at_topic(struct follower *f, const struct topic *topic, struct live_glance *glance)
{
	int64_t caught_ms[2] = { side_caught_ms(topic, SOURCE), side_caught_ms(topic, TARGET) };
	int32_t most = topic->partitions[SOURCE] > topic->partitions[TARGET] ? topic->partitions[SOURCE]
									     : topic->partitions[TARGET];
	struct join_standing stand;
	struct join_glance joined;

	if (topic->stage == TOPIC_DONE || !topic->join) {
		glance->caught_up = false;
		return;
	}
	join_look(topic->join, &joined);
	join_stand(topic->join, &stand);
	glance->matched += joined.matched;
	for (int side = 0; side < 2; side++) {
		glance->records[side] += joined.records[side];
		glance->bytes[side] += joined.bytes[side];
	}
	for (int class = 0; class < FINDING_CLASSES; class ++)
		glance->findings[class] += stand.findings[class];
	for (int32_t p = 0; p < most; p++) {
		struct live_partition *out = &glance->partitions[glance->partition_count++];

		*out = (struct live_partition){ .partition = p };
		for (int side = 0; side < 2; side++) {
			out->topic[side] = live_name(f->live, topic->name[side]);
			if (p < topic->partitions[side])
				look_at_part(f, &topic->parts[side][p],
					     caught_ms[log_other((enum log_side)side)], &out->side[side],
					     glance);
		}
	}
}

/* False while one of them has not been heard. */
static bool sum_ends(const struct live_glance *glance, int64_t ends[2])
{
	ends[SOURCE] = ends[TARGET] = 0;
	for (size_t i = 0; i < glance->partition_count; i++) {
		for (int side = 0; side < 2; side++) {
			const struct live_place *place = &glance->partitions[i].side[side];

			if (place->known && place->high < 0)
				return false;
			ends[side] += place->known ? place->high : 0;
		}
	}
	return glance->partition_count > 0;
}

/* What is read says nothing of what is written, as long as the past is read. */
static void add_growth(const struct follower *f, struct live_glance *glance, int64_t now)
{
	int64_t ends[2];

	if (!sum_ends(glance, ends))
		return;
	for (int i = 0; i < f->rate_count; i++) {
		const struct rate_sample *oldest = &f->rates[i];

		if (!oldest->ends_known)
			continue;
		for (int side = 0; side < 2 && now > oldest->ms; side++)
			if (ends[side] > oldest->ends[side])
				glance->growth_per_second[side] = (double)(ends[side] - oldest->ends[side]) *
								  1000 / (double)(now - oldest->ms);
		return;
	}
}

static void add_rates(struct follower *f, struct live_glance *glance)
{
	int64_t now = loop_now_ms(f->loop);
	struct rate_sample *newest = f->rate_count ? &f->rates[f->rate_count - 1] : NULL,
			   *oldest = &f->rates[0];

	if (!newest || now - newest->ms >= RATE_EVERY_MS) {
		if (f->rate_count == RATES)
			memmove(&f->rates[0], &f->rates[1], --f->rate_count * sizeof f->rates[0]);
		newest = &f->rates[f->rate_count++];
		*newest = (struct rate_sample){ .ms = now,
						.records = { glance->records[SOURCE], glance->records[TARGET] },
						.bytes = { glance->bytes[SOURCE], glance->bytes[TARGET] } };
		newest->ends_known = sum_ends(glance, newest->ends);
	}
	add_growth(f, glance, now);
	if (now <= oldest->ms)
		return;
	for (int side = 0; side < 2; side++) {
		double seconds = (double)(now - oldest->ms) / 1000;

		glance->records_per_second[side] =
			(double)(glance->records[side] - oldest->records[side]) / seconds;
		glance->bytes_per_second[side] =
			(double)(glance->bytes[side] - oldest->bytes[side]) / seconds;
	}
}

void follower_publish(struct follower *f, enum live_state state, const struct fault *fault)
{
	struct compare *compare = &f->compare;
	struct live_glance glance = { .state = state, .caught_up = state > LIVE_STARTING };
	size_t partitions = 0;

	if (fault)
		glance.fault = *fault;
	for (size_t i = 0; state == LIVE_READING && i < compare->topic_count; i++)
		for (int side = 0; side < 2; side++)
			if (compare->topics[i].partitions[side] > 0)
				partitions += (size_t)compare->topics[i].partitions[side];
	glance.partitions = calloc(partitions + 1, sizeof *glance.partitions);
	if (!glance.partitions)
		return; /* at the next time */
	for (size_t i = 0; state == LIVE_READING && i < compare->topic_count; i++)
		look_at_topic(f, &compare->topics[i], &glance);
	if (state == LIVE_READING) {
		add_rates(f, &glance);
		f->was_caught_up |= glance.caught_up;
		glance.state = f->was_caught_up ? LIVE_FOLLOWING : LIVE_READING;
	}
	for (size_t i = 0; i < f->report.reason_count && glance.reason_count < LIVE_REASONS_MAX; i++) {
		struct live_reason *reason = &glance.reasons[glance.reason_count++];

		snprintf(reason->code, sizeof reason->code, "%s", f->report.reasons[i].code);
		snprintf(reason->text, sizeof reason->text, "%s", f->report.reasons[i].text);
	}
	pthread_mutex_lock(&f->live->mutex);
	live_glance_done(&f->live->glance);
	f->live->glance = glance;
	f->live->glance_ms = loop_now_ms(f->loop);
	pthread_mutex_unlock(&f->live->mutex);
	f->told_ms = loop_now_ms(f->loop);
}

/* ---- answers ---- */

int64_t question_left_ms(const struct follower *f, const struct question *question)
{
	return question->deadline_ms - loop_now_ms(f->loop);
}

static bool should_stop(struct follower *f)
{
	bool stop;

	pthread_mutex_lock(&f->live->mutex);
	stop = f->live->stop;
	pthread_mutex_unlock(&f->live->mutex);
	return stop;
}

static void answer(struct follower *f)
{
	if (!f->question && !(f->question = question_take(f->live)))
		return;
	if (!(f->question->kind == QUESTION_LEVEL ? level_step(f, f->question) : judge_step(f, f->question)))
		return;
	question_answer(f->live, f->question);
	f->question = NULL;
}

static int64_t next_look_ms(const struct follower *f)
{
	int64_t now = loop_now_ms(f->loop), left;

	if (!f->question)
		return now + TICK_MS;
	left = question_left_ms(f, f->question);
	return now + (left < 0 ? 0 : left < QUESTION_TICK_MS ? left : QUESTION_TICK_MS);
}

int follower_run(struct follower *f)
{
	struct compare *compare = &f->compare;
	int err = 0;

	while (err == 0 && !should_stop(f)) {
		loop_until(compare->loop, &compare->wake, next_look_ms(f));
		compare->wake = false;
		if (compare->err)
			err = compare->err;
		for (size_t i = 0; i < compare->topic_count; i++)
			if (compare->topics[i].limit && compare->topics[i].stage != TOPIC_DONE)
				topic_window_full(&compare->topics[i]);
		mark_all(f);
		answer(f);
		if (loop_now_ms(f->loop) - f->told_ms >= TELL_EVERY_MS && !f->question)
			follower_publish(f, LIVE_READING, NULL);
		if (!f->question)
			keep_checkpoint(f);
	}
	wait_for_writer(f);
	if (err == 0 && compare->options->checkpoint)
		checkpoint_write(compare, NULL);
	return err;
}
