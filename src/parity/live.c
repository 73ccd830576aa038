/*
 * live.c - a follower's door: what callers call, and the thread behind it.
 *
 * The two sides share `struct live` under its mutex: the glance that was published last, and at most one question.  A
 * caller that has waited for too long leaves its question behind, and the follower frees it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "client/config.h"
#include "parity/live_inside.h"

#define AGAIN_MS   1000 /* until clusters that could not be reached are tried again */
#define LATE_MS    60   /* that a question may go unanswered past its time before its caller goes away */
#define NAMES_MOST ((size_t)1 << 20)

/* ---- names and questions ---- */

const char *live_name(struct live *live, const char *name)
{
	for (size_t i = 0; i < live->name_count; i++)
		if (!strcmp(live->names[i], name))
			return live->names[i];
	if ((live->name_count & (live->name_count - 1)) == 0) {
		size_t capacity = live->name_count ? live->name_count * 2 : 1;
		char **names = capacity <= NAMES_MOST ? realloc(live->names, capacity * sizeof *names) : NULL;

		if (!names)
			return NULL;
		live->names = names;
	}
	live->names[live->name_count] = strdup(name);
	return live->names[live->name_count] ? live->names[live->name_count++] : NULL;
}

static int end_compare(const void *a, const void *b)
{
	const struct live_end *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);

	return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

void ends_sort(struct live_end *ends, size_t count)
{
	if (count > 1)
		qsort(ends, count, sizeof *ends, end_compare);
}

static struct live_end *ends_copy(const struct live_end *ends, size_t count)
{
	struct live_end *copy = calloc(count + 1, sizeof *copy);

	for (size_t i = 0; i < count && copy; i++) {
		copy[i] = ends[i];
		copy[i].topic = strdup(ends[i].topic);
		if (copy[i].topic)
			continue;
		while (i--)
			free((char *)copy[i].topic);
		free(copy);
		return NULL;
	}
	if (copy)
		ends_sort(copy, count);
	return copy;
}

static void question_free(struct question *question)
{
	if (!question)
		return;
	for (int side = 0; side < 2; side++) {
		for (size_t i = 0; i < question->counts[side]; i++)
			free((char *)question->ends[side][i].topic);
		free(question->ends[side]);
	}
	live_answer_done(&question->answer);
	if (question->kind == QUESTION_JUDGE)
		parity_report_done(&question->report);
	free(question);
}

struct question *question_take(struct live *live)
{
	struct question *question;

	pthread_mutex_lock(&live->mutex);
	question = live->question && !live->question->answered ? live->question : NULL;
	if (question)
		question->taken = true;
	pthread_mutex_unlock(&live->mutex);
	return question;
}

void question_answer(struct live *live, struct question *question)
{
	bool abandoned;

	pthread_mutex_lock(&live->mutex);
	question->answered = true;
	abandoned = question->abandoned;
	if (abandoned)
		live->question = NULL;
	pthread_cond_broadcast(&live->answered);
	pthread_mutex_unlock(&live->mutex);
	if (abandoned)
		question_free(question);
}

/* ---- the thread ---- */

static void bell_rang(void *owner)
{
	struct follower *f = owner;
	bool stop;

	pthread_mutex_lock(&f->live->mutex);
	stop = f->live->stop || (f->live->question && f->live->question->abandoned);
	pthread_mutex_unlock(&f->live->mutex);
	f->compare.wake = true;
	/* It waits for an answer of a cluster, and nobody for what would come of it. */
	if (stop && f->blocking)
		loop_stop(f->loop);
}

/* Whoever asks while nothing is followed is told so. */
static void answer_no(struct follower *f)
{
	struct question *question = f->question ? f->question : question_take(f->live);

	f->question = NULL;
	if (!question)
		return;
	live_answer_done(&question->answer);
	question->answer = (struct live_answer){ .verdict = LIVE_CANNOT_TELL };
	level_cannot(&question->answer, "NOT_FOLLOWING", "%s",
		     f->fault.text[0] ? f->fault.text : "the follower has not begun to read");
	if (question->kind == QUESTION_JUDGE)
		parity_report_reason(&question->report, false, "NOT_FOLLOWING", NULL, "%s",
				     question->answer.text);
	question_answer(f->live, question);
}

/* Waits, and answers that it follows nothing.  True when it is time to stop. */
static bool rest(struct follower *f, int64_t ms)
{
	int64_t until = ms == INT64_MAX ? INT64_MAX : loop_now_ms(f->loop) + ms;
	bool stop = false;

	while (!stop && loop_now_ms(f->loop) < until) {
		loop_until(f->loop, &f->compare.wake, until);
		f->compare.wake = false;
		answer_no(f);
		pthread_mutex_lock(&f->live->mutex);
		stop = f->live->stop;
		pthread_mutex_unlock(&f->live->mutex);
	}
	return stop;
}

static const char *cluster_word(const struct live *live, int side)
{
	return live->options.names[side] ? live->options.names[side] : side == SOURCE ? "source" : "target";
}

/* One life of a comparison: 0 when it was told to stop. */
static int follow(struct follower *f)
{
	struct live *live = f->live;
	struct cluster *clusters[2] = { NULL, NULL };
	int err = 0;

	f->fault = (struct fault){ 0 };
	f->was_caught_up = false;
	f->rate_count = 0;
	parity_report_init(&f->report, live->parity.claim);
	for (int side = 0; side < 2 && err == 0; side++)
		err = cluster_new(f->loop, cluster_word(live, side), live->options.configs[side],
				  &clusters[side], &f->fault);
	f->compare = (struct compare){
		.loop = f->loop,
		.clusters = { clusters[SOURCE], clusters[TARGET] },
		.options = &live->parity,
		.report = &f->report,
		.fault = &f->fault,
		.seed = live->parity.seed,
		.live = true,
		.driving = true,
	};
	f->blocking = true;
	if (err == 0)
		err = compare_open(&f->compare);
	f->blocking = false;
	if (err == 0)
		err = follower_run(f);
	answer_no(f);
	compare_close(&f->compare);
	for (int side = 0; side < 2; side++)
		cluster_free(clusters[side]);
	parity_report_done(&f->report);
	return err;
}

/* What may be otherwise in a while. */
static bool may_pass(int err)
{
	return err == ERR_NETWORK || err == ERR_TIMEOUT || err == ERR_TLS || err == ERR_BROKER ||
	       err == ERR_LIMIT;
}

static bool told_to_stop(struct live *live)
{
	bool stop;

	pthread_mutex_lock(&live->mutex);
	stop = live->stop;
	pthread_mutex_unlock(&live->mutex);
	return stop;
}

static void live_again(struct follower *f)
{
	while (!told_to_stop(f->live)) {
		int err = follow(f);

		if (told_to_stop(f->live))
			return;
		if (!f->fault.text[0])
			fault_set(&f->fault, err, "%s", err_text(err));
		follower_publish(f, may_pass(err) ? LIVE_STARTING : LIVE_FAILED, &f->fault);
		if (rest(f, may_pass(err) ? AGAIN_MS : INT64_MAX))
			return;
	}
}

static void *live_main(void *context)
{
	struct live *live = context;
	struct follower f = { .live = live };
	struct bell *bell = NULL;
	sigset_t all;
	uint64_t seed;

	/* Signals are the program's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	random_secret(&seed, sizeof seed);
	if (loop_new(&clock_system, seed, &f.loop) < 0)
		return NULL;
	if (bell_new(f.loop, bell_rang, &f, &bell) == 0) {
		pthread_mutex_lock(&live->mutex);
		live->bell = bell;
		pthread_mutex_unlock(&live->mutex);
		live_again(&f);
		answer_no(&f);
		pthread_mutex_lock(&live->mutex);
		live->bell = NULL;
		pthread_mutex_unlock(&live->mutex);
	}
	bell_free(bell);
	loop_free(f.loop);
	return NULL;
}

/* ---- the door ---- */

static void live_free(struct live *live)
{
	for (size_t i = 0; i < live->name_count; i++)
		free(live->names[i]);
	free(live->names);
	live_glance_done(&live->glance);
	question_free(live->question);
	for (int side = 0; side < 2; side++)
		config_release(live->options.configs[side]);
	pthread_cond_destroy(&live->answered);
	pthread_mutex_destroy(&live->mutex);
	free(live);
}

int live_start(const struct live_options *options, struct live **out, struct fault *fault)
{
	struct live *live = calloc(1, sizeof *live);
	pthread_condattr_t attributes;

	if (!live)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	live->options = *options;
	live->parity = *options->parity;
	live->options.parity = &live->parity;
	live->parity.follow = true;
	live->parity.onward = live->parity.signals = false;
	live->parity.since_ms = live->parity.until_ms = PARITY_TIME_NONE;
	for (int side = 0; side < 2; side++)
		config_hold(options->configs[side]);
	pthread_mutex_init(&live->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&live->answered, &attributes);
	pthread_condattr_destroy(&attributes);
	if (pthread_create(&live->thread, NULL, live_main, live)) {
		live_free(live);
		return fault_set(fault, ERR_LIMIT, "the system gives no further thread");
	}
	*out = live;
	return 0;
}

void live_stop(struct live *live)
{
	if (!live)
		return;
	pthread_mutex_lock(&live->mutex);
	live->stop = true;
	if (live->bell)
		bell_ring(live->bell);
	pthread_mutex_unlock(&live->mutex);
	pthread_join(live->thread, NULL);
	live_free(live);
}

int live_glance(struct live *live, struct live_glance *out)
{
	struct live_partition *partitions;
	int err = 0;

	pthread_mutex_lock(&live->mutex);
	partitions = malloc((live->glance.partition_count + 1) * sizeof *partitions);
	if (partitions) {
		*out = live->glance;
		out->partitions = partitions;
		out->age_ms = live->glance_ms ? clock_monotonic_ms(&clock_system) - live->glance_ms : 0;
		if (out->partition_count)
			memcpy(partitions, live->glance.partitions,
			       out->partition_count * sizeof *partitions);
	} else {
		err = ERR_MEMORY;
	}
	pthread_mutex_unlock(&live->mutex);
	return err;
}

void live_glance_done(struct live_glance *glance)
{
	free(glance->partitions);
	*glance = (struct live_glance){ 0 };
}

void live_answer_done(struct live_answer *answer)
{
	free(answer->reached);
	*answer = (struct live_answer){ .verdict = LIVE_CANNOT_TELL };
}

/* Waits until it is answered, a little longer than its time.  False when the caller must go away without an answer. */
static bool wait_for(struct live *live, struct question *question)
{
	int64_t until_ms = question->deadline_ms + LATE_MS;
	struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
	int err = 0;

	while (!question->answered && err == 0)
		err = pthread_cond_timedwait(&live->answered, &live->mutex, &until);
	return question->answered;
}

/* Leaves the question with the follower, and takes it back with its answer; else it is the follower's to free. */
static int ask(struct live *live, struct question *question)
{
	bool answered;

	pthread_mutex_lock(&live->mutex);
	if (live->question) {
		pthread_mutex_unlock(&live->mutex);
		question_free(question);
		return ERR_CONFLICT;
	}
	live->question = question;
	if (live->bell)
		bell_ring(live->bell);
	answered = wait_for(live, question);
	if (answered || !question->taken)
		live->question = NULL;
	else
		question->abandoned = true;
	if (!answered && live->bell)
		bell_ring(live->bell);
	if (!answered && !question->taken)
		question_free(question);
	pthread_mutex_unlock(&live->mutex);
	return answered ? 0 : ERR_TIMEOUT;
}

static struct question *question_new(enum question_kind kind, int64_t timeout_ms)
{
	struct question *question = calloc(1, sizeof *question);

	if (!question)
		return NULL;
	question->kind = kind;
	question->asked_ns = clock_system.monotonic_ns(&clock_system);
	question->deadline_ms = question->asked_ns / 1000000 + timeout_ms;
	question->answer.verdict = LIVE_CANNOT_TELL;
	return question;
}

int live_level(struct live *live, const struct live_end *ends, size_t count,
	       const struct live_end *target_ends, size_t target_count, int64_t timeout_ms,
	       struct live_answer *out)
{
	struct question *question = question_new(QUESTION_LEVEL, timeout_ms);
	int64_t asked_ns = clock_system.monotonic_ns(&clock_system);
	int err;

	*out = (struct live_answer){ .verdict = LIVE_CANNOT_TELL };
	if (!question)
		return ERR_MEMORY;
	question->ends[SOURCE] = ends_copy(ends, count);
	question->counts[SOURCE] = question->ends[SOURCE] ? count : 0;
	if (target_ends) {
		question->ends[TARGET] = ends_copy(target_ends, target_count);
		question->counts[TARGET] = question->ends[TARGET] ? target_count : 0;
	}
	if (!question->ends[SOURCE] || (target_ends && !question->ends[TARGET])) {
		question_free(question);
		return ERR_MEMORY;
	}
	err = ask(live, question);
	if (err == 0) {
		*out = question->answer;
		question->answer.reached = NULL;
		question_free(question);
	} else if (err == ERR_TIMEOUT) {
		level_cannot(out, "NOT_FOLLOWING",
			     "the follower does not answer: it is still looking at the clusters, or "
			     "has more to do than there was time for");
		err = 0;
	}
	out->took_us = (clock_system.monotonic_ns(&clock_system) - asked_ns) / 1000;
	return err;
}

int live_judge(struct live *live, int64_t timeout_ms, struct parity_report *report, struct fault *fault)
{
	struct question *question = question_new(QUESTION_JUDGE, timeout_ms);
	int err;

	parity_report_init(report, live->parity.claim);
	if (!question)
		return fault_set(fault, ERR_MEMORY, "out of memory");
	parity_report_init(&question->report, live->parity.claim);
	err = ask(live, question);
	if (err == ERR_CONFLICT)
		return fault_set(fault, err, "another question is being answered");
	if (err < 0)
		return fault_set(fault, err,
				 "the follower does not answer: it is still looking at the clusters, or has "
				 "more to do than there was time for");
	*report = question->report;
	parity_report_init(&question->report, live->parity.claim);
	question_free(question);
	return parity_report_judge(report);
}

const char *live_verdict_word(enum live_verdict verdict)
{
	static const char *const words[] = { "level", "not level", "cannot tell" };

	return words[verdict];
}

const char *live_state_word(enum live_state state)
{
	static const char *const words[] = { "starting", "reading", "following", "failed" };

	return words[state];
}
