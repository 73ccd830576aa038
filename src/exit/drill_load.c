/* drill_load.c - a timer that makes batches, and two producers. */
#include <stdio.h>
#include <stdlib.h>

#include "exit/drill_load.h"
#include "loop/loop.h"
#include "wire/batch_writer.h"

#define TICK_MS         5
#define BATCH_SIZE_MAX  (256 * 1024) /* of one batch, unless a single record is larger */
#define UNDER_WAY_MAX   (16 * 1024 * 1024)
#define BATCHES_A_TICK  64
#define SEND_TIMEOUT_MS 30000
#define REFUSED_MS      10000 /* how long a mirror write may be refused */

struct drill_load {
	struct lever lever; /* first */
	struct drill_load_options options;
	char *topic;
	struct producer *producers[SIDE_COUNT];
	struct timer *timer;
	uint8_t *filler;
	int64_t *ends[SIDE_COUNT];
	enum side authority;
	bool held, stopped;
	uint64_t epoch; /* the newest that was seen */
	uint64_t next;  /* of the next record */
	int32_t partition;
	int64_t tick_ns, owed_millionths; /* of a record */
	size_t under_way;
	struct job *again; /* mirror writes that were refused, for the next tick */
	enum side last_side;
	int64_t last_ns; /* of the last acknowledgement by an authoritative side; 0: none yet */
	struct drill_count count;
};

/* One batch on its way through both sides. */
struct job {
	struct drill_load *load;
	enum side side;     /* where it is sent first */
	bool mirror;        /* the second of its two ways */
	struct job *next;   /* in `again` */
	int64_t refused_ns; /* since when; 0: it was not */
	int32_t partition;
	uint32_t records;
	struct buffer bytes;
};

static enum side other(enum side side)
{
	return side == SIDE_SOURCE ? SIDE_TARGET : SIDE_SOURCE;
}

static int64_t now_ns(const struct drill_load *load)
{
	const struct clock *clock = loop_clock(load->options.loop);

	return clock->monotonic_ns(clock);
}

static void job_free(struct job *job)
{
	job->load->under_way -= job->bytes.size;
	buffer_done(&job->bytes);
	free(job);
}

static void job_failed(struct job *job, enum side side, int err, const struct fault *fault)
{
	struct drill_load *load = job->load;

	load->count.failed += job->records;
	if (!load->count.text[0])
		snprintf(load->count.text, sizeof load->count.text, "the %s did not take a record: %s",
			 side_word(side), fault ? fault->text : err_text(err));
	job_free(job);
}

static void note_pause(struct drill_load *load, enum side side)
{
	int64_t at_ns = now_ns(load);

	if (load->last_ns && load->last_side != side)
		load->count.pause_ms = (at_ns - load->last_ns + 999999) / 1000000;
	load->last_ns = at_ns;
	load->last_side = side;
}

/*
 * Once authority has moved, the side that was left is denied for a moment longer: whoever writes both tries again.  A record
 * has a key of its own, so it does not matter whom it comes behind.
 */
static bool is_tried_again(struct job *job, int err)
{
	struct drill_load *load = job->load;

	if (!job->mirror || err != ERR_DENIED)
		return false;
	job->refused_ns = job->refused_ns ? job->refused_ns : now_ns(load);
	if (now_ns(load) - job->refused_ns > REFUSED_MS * INT64_C(1000000))
		return false;
	job->next = load->again;
	load->again = job;
	timer_start(load->timer, TICK_MS);
	return true;
}

static void on_done(void *context, const struct produced *result)
{
	struct job *job = context;
	struct drill_load *load = job->load;
	enum side side = job->mirror ? other(job->side) : job->side;
	int err;

	if (result->err < 0) {
		if (!is_tried_again(job, result->err))
			job_failed(job, side, result->err, result->fault);
		return;
	}
	if (result->offset >= 0)
		load->ends[side][job->partition] = result->offset + job->records;
	if (job->mirror) {
		load->count.mirrored += job->records;
		job_free(job);
		return;
	}
	load->count.written += job->records;
	note_pause(load, side);
	job->mirror = true;
	err = producer_send(load->producers[other(side)], load->topic, job->partition,
			    buffer_bytes(&job->bytes), on_done, job);
	if (err < 0)
		job_failed(job, other(side), err, NULL);
}

/* As many records as are due and fit, all to one partition; the next batch goes to the next one. */
static int fill(struct drill_load *load, uint64_t due, struct job *job)
{
	size_t least = load->options.size + 4096;
	size_t limit = least > BATCH_SIZE_MAX ? least : BATCH_SIZE_MAX;
	int64_t wall_ms = clock_wall_ms(loop_clock(load->options.loop));
	struct batch_writer writer;
	int err = 0;

	batch_writer_init(&writer, &batch_options_default, NULL, limit);
	while (!err && job->records < due) {
		char id[24];
		struct header header = { VIEW_LITERAL("id"), VIEW_NULL };

		snprintf(id, sizeof id, "%llu", (unsigned long long)load->next);
		header.value = view_text(id);
		err = batch_writer_add(&writer, wall_ms, view_text(id),
				       view_of(load->filler, load->options.size), &header, 1);
		if (err == 0) {
			job->records++;
			load->next++;
		}
	}
	if (err == ERR_LIMIT && job->records)
		err = 0; /* the rest goes into the next one */
	err = err ? err : batch_writer_finish(&writer, &job->bytes);
	batch_writer_done(&writer);
	return err;
}

/* Returns how many records it began; 0 when none could be. */
static uint64_t send_batch(struct drill_load *load, uint64_t due)
{
	struct job *job = calloc(1, sizeof *job);
	uint64_t records;
	int err;

	if (!job)
		return 0;
	*job = (struct job){ .load = load, .side = load->authority, .partition = load->partition };
	buffer_init(&job->bytes, load->options.size + 2 * BATCH_SIZE_MAX);
	err = fill(load, due, job);
	load->under_way += job->bytes.size;
	records = job->records;
	load->partition = (load->partition + 1) % load->options.partitions;
	err = err ? err
		  : producer_send(load->producers[job->side], load->topic, job->partition,
				  buffer_bytes(&job->bytes), on_done, job);
	if (err < 0) {
		job_failed(job, job->side, err, NULL);
		return 0;
	}
	return records;
}

static void send_again(struct drill_load *load)
{
	struct job *job = load->again, *next;

	load->again = NULL;
	for (; job; job = next) {
		int err = producer_send(load->producers[other(job->side)], load->topic, job->partition,
					buffer_bytes(&job->bytes), on_done, job);

		next = job->next;
		if (err < 0)
			job_failed(job, other(job->side), err, NULL);
	}
}

static void on_tick(void *owner)
{
	struct drill_load *load = owner;
	int64_t at_ns = now_ns(load), passed_ns = at_ns - load->tick_ns;

	load->tick_ns = at_ns;
	send_again(load);
	if (load->stopped)
		return;
	if (!load->held) {
		/* In steps of microseconds, so that a high rate does not run over. */
		load->owed_millionths += passed_ns / 1000 * (int64_t)load->options.rate;
		for (int i = 0; i < BATCHES_A_TICK && load->owed_millionths >= 1000000 &&
				load->under_way < UNDER_WAY_MAX;
		     i++) {
			uint64_t begun = send_batch(load, (uint64_t)load->owed_millionths / 1000000);

			if (!begun)
				break;
			load->owed_millionths -= (int64_t)begun * 1000000;
			load->count.due += begun;
		}
		/* What did not fit is owed, and counts against it when it stays so; a second of it is enough to know. */
		if (load->owed_millionths > (int64_t)load->options.rate * 1000000) {
			load->count.due += (uint64_t)load->owed_millionths / 1000000;
			load->owed_millionths = 0;
		}
	}
	timer_start(load->timer, TICK_MS);
}

/* ---- the flag ---- */

static const char *value_of(const struct drill_load *load)
{
	return load->held ? "hold" : side_word(load->authority);
}

static int flag_observe(struct lever *lever, int64_t timeout_ms, struct buffer *value, struct fault *fault)
{
	(void)timeout_ms;
	(void)fault;
	buffer_text(value, value_of((struct drill_load *)lever));
	return value->err;
}

static bool is_word(const char *word)
{
	return strcmp(word, "source") == 0 || strcmp(word, "target") == 0 || strcmp(word, "hold") == 0;
}

static int flag_aim(struct lever *lever, const char *word, const char *before, struct buffer *value,
		    struct fault *fault)
{
	(void)before;
	if (!is_word(word))
		return fault_set(fault, ERR_USAGE, "%s has no word '%s'", lever->name, word);
	buffer_text(value, word);
	return value->err;
}

static int older(const struct drill_load *load, uint64_t epoch, struct fault *fault)
{
	return fault_set(fault, ERR_CONFLICT, "the load has seen epoch %llu, and this is %llu",
			 (unsigned long long)load->epoch, (unsigned long long)epoch);
}

static int flag_set(struct lever *lever, const char *value, uint64_t epoch, int64_t timeout_ms,
		    struct fault *fault)
{
	struct drill_load *load = (struct drill_load *)lever;

	(void)timeout_ms;
	if (!is_word(value))
		return fault_set(fault, ERR_USAGE, "%s cannot stand at '%s'", lever->name, value);
	if (epoch < load->epoch)
		return older(load, epoch, fault);
	load->epoch = epoch;
	load->held = strcmp(value, "hold") == 0;
	if (!load->held)
		load->authority = strcmp(value, "target") == 0 ? SIDE_TARGET : SIDE_SOURCE;
	load->owed_millionths = 0;
	load->tick_ns = now_ns(load);
	return 0;
}

static int flag_drained(struct lever *lever, uint64_t epoch, int64_t timeout_ms, struct fault *fault)
{
	struct drill_load *load = (struct drill_load *)lever;

	(void)timeout_ms;
	if (epoch < load->epoch)
		return older(load, epoch, fault);
	return load->held && !drill_load_busy(load) ? LEVER_DRAINED : LEVER_WAITS;
}

static void flag_describe(const struct lever *lever, const char *word, struct buffer *out)
{
	buffer_printf(out, "tell the drill's load: %s %s", lever->name, word);
}

static void flag_free(struct lever *lever)
{
	(void)lever; /* a part of the load, which its owner frees */
}

static const struct lever_ops flag_ops = { .observe = flag_observe,
					   .aim = flag_aim,
					   .set = flag_set,
					   .drained = flag_drained,
					   .describe = flag_describe,
					   .free = flag_free };

/* ---- all of it ---- */

int drill_load_new(const struct drill_load_options *options, struct drill_load **out, struct fault *fault)
{
	struct producer_options producer = { .acks = -1, .idempotent = true, .timeout_ms = SEND_TIMEOUT_MS };
	struct drill_load *load = calloc(1, sizeof *load);
	int err = 0;

	if (!load)
		return fault_set(fault, ERR_MEMORY, "no memory for a drill's load");
	load->lever = (struct lever){ &flag_ops, "flag" };
	load->options = *options;
	load->count.pause_ms = -1;
	load->topic = strdup(options->topic);
	load->filler = malloc(options->size + 1);
	for (int side = 0; side < SIDE_COUNT; side++)
		load->ends[side] = calloc((size_t)options->partitions + 1, sizeof *load->ends[side]);
	if (!load->topic || !load->filler || !load->ends[SIDE_SOURCE] || !load->ends[SIDE_TARGET])
		err = fault_set(fault, ERR_MEMORY, "no memory for a drill's load");
	for (int side = 0; side < SIDE_COUNT && !err; side++)
		err = producer_new(options->clusters[side], &producer, &load->producers[side], fault);
	if (!err && timer_new(options->loop, on_tick, load, &load->timer) < 0)
		err = fault_set(fault, ERR_MEMORY, "no timer for a drill's load");
	if (err < 0) {
		drill_load_free(load);
		return err;
	}
	for (uint64_t i = 0; i < options->size; i++)
		load->filler[i] = (uint8_t)random_u64(loop_random(options->loop));
	load->tick_ns = now_ns(load);
	timer_start(load->timer, TICK_MS);
	*out = load;
	return 0;
}

void drill_load_free(struct drill_load *load)
{
	if (!load)
		return;
	load->stopped = true;
	timer_free(load->timer);
	/* What is under way ends here, and its jobs with it. */
	for (int side = 0; side < SIDE_COUNT; side++)
		producer_free(load->producers[side]);
	for (struct job *job = load->again, *next; job; job = next) {
		next = job->next;
		job_free(job);
	}
	for (int side = 0; side < SIDE_COUNT; side++)
		free(load->ends[side]);
	free(load->filler);
	free(load->topic);
	free(load);
}

struct lever *drill_load_flag(struct drill_load *load)
{
	return &load->lever;
}

void drill_load_stop(struct drill_load *load)
{
	load->stopped = true;
	if (!load->again)
		timer_stop(load->timer);
}

bool drill_load_busy(const struct drill_load *load)
{
	return load->under_way > 0;
}

void drill_load_count(const struct drill_load *load, struct drill_count *out)
{
	*out = load->count;
}

int32_t drill_load_partitions(const struct drill_load *load)
{
	return load->options.partitions;
}

int64_t drill_load_end(const struct drill_load *load, enum side side, int32_t partition)
{
	return load->ends[side][partition];
}
