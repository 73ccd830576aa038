/*
 * sim_run.c - one simulated life of a store: clients, lanes and crashes in an order that the seed decides.
 *
 * Of each partition there are four producers: one plain, one idempotent, two transactional.  One with sequences keeps up to
 * five batches on their way, and sends what failed again until it is told where it is; the plain one never sends twice.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim.h"
#include "wire/batch_writer.h"

#define PRODUCERS 4
#define IN_FLIGHT 5
#define STEPS     260
#define FOLDER    "sim"

struct sending {
	uint64_t number;
	int32_t sequence, count;
	bool in_flight, acknowledged, marker, commits;
};

struct sim_producer {
	int index; /* of the partition */
	int64_t id;
	int16_t epoch;
	int32_t sequence;
	bool transactional, in_transaction;
	struct sending queue[IN_FLIGHT]; /* oldest first */
	int count;
};

/* One call of store_append() that was answered with 0. */
struct flight {
	struct sim *sim;
	int producer;
	int index;
	uint64_t number;
	int32_t count;
	struct event event;
};

struct sim_totals sim_totals;

int sim_broken(struct sim *sim, const char *format, ...)
{
	va_list args;

	if (sim->broken)
		return -1;
	sim->broken = true;
	va_start(args, format);
	vsnprintf(sim->why, sizeof sim->why, format, args);
	va_end(args);
	return -1;
}

void sim_note(struct sim *sim, const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	for (const char *at = text; *at; at++)
		sim->hash = (sim->hash ^ (uint8_t)*at) * 0x100000001b3;
	if (sim->options.trace)
		printf("%6llu  %s\n", (unsigned long long)sim_disk_calls(sim->disk), text);
}

static int64_t sim_monotonic(const struct clock *clock)
{
	return ((struct sim *)clock->context)->now_ms * 1000000;
}

static int64_t sim_wall(const struct clock *clock)
{
	return 1700000000000 + ((struct sim *)clock->context)->now_ms;
}

static void producer_answered(struct sim *sim, struct sim_producer *producer, uint64_t number,
			      bool acknowledged)
{
	for (int i = 0; i < producer->count; i++)
		if (producer->queue[i].number == number) {
			producer->queue[i].in_flight = false;
			producer->queue[i].acknowledged = acknowledged;
			if (acknowledged && producer->queue[i].marker)
				producer->in_transaction = false;
		}
	while (producer->count && producer->queue[0].acknowledged) {
		producer->count--;
		memmove(producer->queue, producer->queue + 1,
			(size_t)producer->count * sizeof *producer->queue);
	}
}

static void send_plain(struct sim *sim, int index);

static void flight_ended(void *context, const struct store_appended *appended)
{
	struct flight *flight = context;
	struct sim *sim = flight->sim;
	bool marker = flight->number & (uint64_t)1 << 63;

	sim_note(sim, "answer %llu: %d at %lld%s", (unsigned long long)(flight->number & INT64_MAX),
		 appended->err, (long long)appended->base_offset, appended->duplicate ? " again" : "");
	sim->flights--;
	if (appended->err == 0) {
		sim_totals.acknowledged++;
		sim_totals.duplicates += appended->duplicate;
		if (!marker)
			model_acknowledge(sim, flight->index, flight->number, appended->base_offset);
		/* At once: compaction may take it before anybody has read it. */
		flight->event.offset = appended->base_offset;
		flight->event.last_offset = appended->base_offset + flight->count - 1;
		if (!appended->duplicate)
			model_remember(&sim->models[flight->index], &flight->event);
	} else {
		sim_totals.failed++;
		sim_totals.full += appended->err == ERR_FULL;
		/* Told that it failed for want of room: nothing of it may ever be seen. */
		if (appended->err == ERR_FULL && !marker)
			model_find(&sim->models[flight->index], flight->number)->gone = true;
	}
	if (flight->producer >= 0)
		producer_answered(sim, &sim->producers[flight->producer], flight->number, appended->err == 0);
	free(flight);
	/* Some send at once what comes next, while others of their group have not been told yet. */
	if (appended->err != ERR_CANCELLED && random_below(&sim->random, 8) == 0)
		send_plain(sim, (int)random_below(&sim->random, SIM_PARTITIONS));
}

/* Sends, and says whether it was taken. */
static bool send(struct sim *sim, int index, int producer, const struct batch_options *options,
		 struct sending *sending)
{
	struct flight *flight = malloc(sizeof *flight);
	struct buffer out;
	struct sent *sent = NULL;
	bool known = false;
	int err;

	buffer_init(&out, 1 << 20);
	*flight = (struct flight){ sim,
				   producer,
				   index,
				   sending->number,
				   sending->marker ? 1 : sending->count,
				   { .producer = options->producer_id,
				     .transactional = options->transactional,
				     .control = sending->marker,
				     .commits = sending->commits } };
	if (sending->marker) {
		batch_write_marker(&out, options, sending->commits, 1, 5000);
	} else {
		sim_make_batch(&out, options, sending->number, sending->count);
		sent = model_find(&sim->models[index], sending->number);
		known = sent && !sent->gone;
		sent = model_send(&sim->models[index], sending->number, sending->count, options->producer_id);
	}
	sending->in_flight = true;
	sim->flights++;
	err = store_append(sim->topic->partitions[index], buffer_bytes(&out), flight_ended, flight);
	sim_note(sim, "send %llu to %d: %d", (unsigned long long)(sending->number & INT64_MAX), index, err);
	buffer_done(&out);
	if (err == 0)
		return true;
	sim_totals.refused_full += err == ERR_LIMIT;
	sim->flights--;
	sending->in_flight = false;
	free(flight);
	if (sent && !known)
		sent->gone = true;
	if (err > 0)
		sim_broken(sim, "batch %llu was refused by partition %d: %d",
			   (unsigned long long)sending->number, index, err);
	return false;
}

static void send_plain(struct sim *sim, int index)
{
	struct sending sending = { .number = ++sim->numbers,
				   .count = 1 + (int32_t)random_below(&sim->random, 4) };

	send(sim, index, -1, &batch_options_default, &sending);
}

static bool any_in_flight(const struct sim_producer *producer)
{
	for (int i = 0; i < producer->count; i++)
		if (producer->queue[i].in_flight)
			return true;
	return false;
}

/* What failed goes again, from the oldest on, once nothing is on its way; else something new. */
static void producer_step(struct sim *sim, int which)
{
	struct sim_producer *producer = &sim->producers[which];
	struct batch_options options = batch_options_default;
	struct sending *sending;
	bool failed = false;

	for (int i = 0; i < producer->count; i++)
		failed = failed || (!producer->queue[i].in_flight && !producer->queue[i].acknowledged);
	options.producer_id = producer->id;
	options.producer_epoch = producer->epoch;
	options.transactional = producer->transactional;
	if (failed) {
		if (any_in_flight(producer))
			return;
		for (int i = 0; i < producer->count; i++) {
			options.base_sequence = producer->queue[i].marker ? -1 : producer->queue[i].sequence;
			if (!producer->queue[i].acknowledged &&
			    !send(sim, producer->index, which, &options, &producer->queue[i]))
				return;
		}
		return;
	}
	if (producer->count == IN_FLIGHT || (producer->count && producer->queue[producer->count - 1].marker))
		return;
	/* A new epoch now and then, as after an error that a client cannot mend. */
	if (!producer->transactional && producer->count == 0 && random_below(&sim->random, 30) == 0) {
		producer->epoch++;
		producer->sequence = 0;
		return;
	}
	sending = &producer->queue[producer->count++];
	*sending = (struct sending){ .number = ++sim->numbers,
				     .count = 1 + (int32_t)random_below(&sim->random, 3) };
	if (producer->in_transaction && producer->count == 1 && random_below(&sim->random, 4) == 0) {
		sending->number |= (uint64_t)1 << 63;
		sending->marker = true;
		sending->commits = random_below(&sim->random, 2);
		options.base_sequence = -1;
	} else {
		sending->sequence = producer->sequence;
		options.base_sequence = producer->sequence;
		producer->sequence += sending->count;
		producer->in_transaction = producer->transactional;
	}
	send(sim, producer->index, which, &options, sending);
}

/* ---- opening and crashing */

static void configure(struct sim *sim)
{
	struct store_log_options log = { .retention_ms = -1,
					 .retention_bytes = -1,
					 .compact = sim->compacting,
					 .delete_retention_ms = 500,
					 .min_dirty_percent = 1 };

	if (sim->topic)
		store_topic_log_options(sim->topic, &log);
	/* What a mirror has is not for it to give up: so this must not take anything. */
	if (sim->linked && sim->mirror && !mirror_may_be_over(sim->mirror)) {
		log.retention_ms = 100;
		store_topic_log_options(sim->linked, &log);
	}
}

static int open_store(struct sim *sim)
{
	struct store_options options;
	struct fault fault = { 0 };
	int err;

	store_options_default(&options);
	options.folder = FOLDER;
	options.metadata = sim->metadata;
	options.clock = &sim->clock;
	options.disk = sim_disk_face(sim->disk);
	options.objects = sim->objects ? sim_objects_face(sim->objects) : NULL;
	options.random = sim->options.seed | 1;
	options.segment_bytes = 64 << 10;
	options.unflushed_bytes_max = 60000;
	options.cache_bytes_max = 100000;
	options.read_bytes_max = 30000;
	options.flush_bytes = 2000 + (int64_t)random_below(&sim->random, 30000);
	options.merge_count_min = 2 + (int32_t)random_below(&sim->random, 3);
	options.retention_check_ms = sim->compacting ? 500 : 2000;
	options.flush_ms = 5000;
	for (int i = 0; i < STORE_LANES; i++) {
		if (lane_new_stepped(NULL, NULL, &sim->lanes[i]) < 0)
			abort();
		options.lanes[i] = sim->lanes[i];
	}
	err = store_open(&options, &sim->store, &fault);
	sim_note(sim, "open: %d", err);
	if (err < 0) {
		for (int i = 0; i < STORE_LANES; i++)
			lane_free(sim->lanes[i]);
		sim->store = NULL;
		if (!sim_disk_dead(sim->disk))
			snprintf(sim->why, sizeof sim->why, "%s", fault.text);
		return err;
	}
	sim->topic = store_topic_named(sim->store, VIEW_LITERAL("orders"));
	sim->linked = store_topic_named(sim->store, VIEW_LITERAL("linked"));
	configure(sim);
	return 0;
}

/* In good order when the disk is alive and everything was settled; else as a crash would. */
static void close_store(struct sim *sim)
{
	struct store_numbers numbers;

	store_numbers(sim->store, &numbers);
	sim_totals.uploads += (uint64_t)numbers.flushes;
	sim_totals.merges += (uint64_t)numbers.rewrites;
	sim_totals.upload_failures += (uint64_t)numbers.flush_failures;
	for (int i = 0; i < STORE_LANES; i++)
		lane_free(sim->lanes[i]);
	store_close(sim->store);
	sim->store = NULL;
	sim->topic = NULL;
}

void sim_settle(struct sim *sim)
{
	bool moved = true;

	while (moved && !sim_disk_dead(sim->disk)) {
		moved = false;
		for (int i = 0; i < STORE_LANES && !sim_disk_dead(sim->disk); i++)
			moved = lane_step(sim->lanes[i]) || moved;
		store_poll(sim->store);
	}
}

/* A write-ahead log that broke takes nothing more: its owner restarts. */
static bool must_restart(struct sim *sim)
{
	struct store_numbers numbers;

	if (sim_disk_erred(sim->disk)) {
		sim_totals.errors++;
		sim->hurt = true; /* whoever was reading may be told of it later */
	}
	store_numbers(sim->store, &numbers);
	if (sim_disk_dead(sim->disk))
		return true;
	return numbers.write_err == ERR_IO && random_below(&sim->random, 3) == 0;
}

static int restart(struct sim *sim)
{
	bool gentle = random_below(&sim->random, 3) == 0;
	int err;

	sim_totals.crashes++;
	sim_sql_calm();
	close_store(sim);
	if (sim->flights)
		return sim_broken(sim, "%d appends were never answered", sim->flights);
	do {
		sim_disk_restart(sim->disk, gentle);
		sim_note(sim, "restart%s", gentle ? ", gently" : "");
		/* The power may fail while it recovers, too. */
		if (random_below(&sim->random, 4) == 0)
			sim_disk_crash_after(sim->disk, 1 + random_below(&sim->random, 30));
		err = open_store(sim);
		if (err < 0 && !sim_disk_dead(sim->disk)) {
			char text[1400];

			snprintf(text, sizeof text, "%s", sim->why);
			return sim_broken(sim, "it does not open again: %s", text);
		}
	} while (err < 0);
	sim_disk_crash_after(sim->disk, 0);
	if (!sim->topic)
		return sim_broken(sim, "the topic is gone");
	for (int i = 0; i < SIM_PARTITIONS; i++)
		if (model_check(sim, i, true) < 0)
			return -1;
	return mirror_check(sim, true);
}

static void created(void *context, int err, const struct fault *fault)
{
	*(int *)context = err;
}

static int create_topic(struct sim *sim)
{
	struct store_topic_new topic = { .name = VIEW_LITERAL("orders"),
					 .partition_count = SIM_PARTITIONS,
					 .id = { 7 } };
	int err = 1;

	if (store_topic_create(sim->store, &topic, created, &err) < 0)
		return -1;
	sim_settle(sim);
	sim->topic = store_topic_named(sim->store, VIEW_LITERAL("orders"));
	configure(sim);
	return err == 0 && sim->topic ? 0 : sim_broken(sim, "no topic: %d", err);
}

static void move_start(struct sim *sim, int index)
{
	struct store_partition_state is;

	/* What is given up must have been seen: the model remembers transactions from it. */
	if (model_check(sim, index, false) != 0 || sim_disk_dead(sim->disk))
		return;
	store_partition_state(sim->topic->partitions[index], &is);
	sim_totals.starts_moved++;
	if (is.high_watermark > is.log_start)
		store_log_start_move(
			sim->topic->partitions[index],
			is.log_start + (int64_t)random_below(&sim->random,
							     (uint64_t)(is.high_watermark - is.log_start)),
			NULL, NULL);
}

static void one_step(struct sim *sim)
{
	uint64_t dice = random_below(&sim->random, 100);
	int index = (int)random_below(&sim->random, SIM_PARTITIONS);

	if (sim->mirror && random_below(&sim->random, 4) == 0)
		mirror_step(sim);
	else if (dice < 15)
		send_plain(sim, index);
	else if (dice < 50)
		producer_step(sim, (int)random_below(&sim->random, PRODUCERS * SIM_PARTITIONS));
	else if (dice < 75)
		lane_step(sim->lanes[random_below(&sim->random, STORE_LANES)]);
	else if (dice < 88)
		store_poll(sim->store);
	else if (dice < 92) {
		sim->now_ms += (int64_t)random_below(&sim->random, 3000);
		store_tick(sim->store);
	} else if (dice < 94)
		model_check(sim, index, false);
	else if (dice < 95)
		move_start(sim, index);
	else if (dice < 96)
		store_flush(sim->store, NULL, NULL);
	else if (dice < 97)
		sim_settle(sim);
	else if (dice < 98 && random_below(&sim->random, 3) == 0)
		sim_disk_err_after(sim->disk, 1 + random_below(&sim->random, 20));
	else if (dice < 98 && random_below(&sim->random, 2))
		sim_sql_doubt((int)random_below(&sim->random, 3), random_below(&sim->random, 2),
			      (int)random_below(&sim->random, 4));
	else if (dice < 98)
		sim_disk_room(sim->disk, (int64_t)random_below(&sim->random, 100000));
	else if (dice < 99)
		sim_disk_room(sim->disk, INT64_MAX);
	else if (sim->objects && random_below(&sim->random, 3) == 0)
		sim_objects_trouble(sim->objects, (int)random_below(&sim->random, 60));
	else
		sim_disk_crash_after(sim->disk, 1 + random_below(&sim->random, 40));
}

/* Everything that waits comes to its end: with room on the disk every sender gets through. */
static int finish(struct sim *sim)
{
	struct store_numbers numbers;

	sim_sql_calm();
	sim_disk_crash_after(sim->disk, 0);
	sim_disk_err_after(sim->disk, INT32_MAX);
	sim_disk_room(sim->disk, INT64_MAX);
	if (sim->objects)
		sim_objects_trouble(sim->objects, 0);
	sim_settle(sim);
	store_numbers(sim->store, &numbers);
	if (numbers.write_err == ERR_IO && restart(sim) < 0)
		return -1;
	for (int round = 0; round < 60; round++) {
		bool waits = false;

		sim_settle(sim);
		sim->now_ms += 2000;
		store_tick(sim->store);
		for (int i = 0; i < PRODUCERS * SIM_PARTITIONS; i++) {
			waits = waits || sim->producers[i].count;
			if (sim->producers[i].count)
				producer_step(sim, i);
		}
		if (!waits)
			break;
		if (round == 59)
			return sim_broken(sim, "a producer never gets through");
	}
	sim_settle(sim);
	for (int i = 0; i < SIM_PARTITIONS; i++)
		if (model_check(sim, i, false) < 0)
			return -1;
	return mirror_check(sim, false) < 0 ? -1 : mirror_promote(sim);
}

/* One byte rots while nobody looks: it is seen, or it does not matter; and nothing was made worse. */
static int rot(struct sim *sim, bool closed_well)
{
	struct sim_rot rotten = { .path = "an object" };
	int64_t id;
	int err;

	if (sim->objects && random_below(&sim->random, 2)
		    ? !sim_objects_rot(sim->objects, &id, &rotten.offset)
		    : !sim_disk_rot(sim->disk, &rotten))
		return 0;
	sim_note(sim, "rot: %s at %llu", rotten.path, (unsigned long long)rotten.offset);
	sim->rotten = true;
	sim_totals.rotten++;
	err = open_store(sim);
	if (err == 0) {
		for (int i = 0; i < SIM_PARTITIONS && err == 0; i++)
			err = model_check(sim, i, false);
		close_store(sim);
	} else if (err != ERR_CHECKSUM && err != ERR_UNSUPPORTED && err != ERR_CONFIG) {
		return sim_broken(sim, "%s rotted at %llu: %d (%s)", rotten.path,
				  (unsigned long long)rotten.offset, err, sim->why);
	}
	sim_totals.rot_seen += err < 0;
	if (sim->broken && rotten.in_last_write && !closed_well) {
		sim->broken = false; /* the one thing that cannot be told from a tear: wal_format.h */
		return 0;
	}
	if (sim->broken || err >= 0 || err == ERR_CHECKSUM || err == ERR_UNSUPPORTED || err == ERR_CONFIG)
		return sim->broken ? -1 : 0;
	return sim_broken(sim, "%s rotted at %llu, and reading said %d", rotten.path,
			  (unsigned long long)rotten.offset, err);
}

static int live(struct sim *sim)
{
	bool well;

	if (open_store(sim) < 0)
		return sim_broken(sim, "it does not open");
	if (create_topic(sim) < 0 || (random_below(&sim->random, 3) == 0 && mirror_begin(sim) < 0))
		return -1;
	sim_mutate_disk(sim->disk, sim->options.mutant);
	for (int step = 0; step < STEPS && !sim->broken; step++) {
		one_step(sim);
		if (!sim->broken && must_restart(sim) && restart(sim) < 0)
			return -1;
	}
	if (sim->broken || finish(sim) < 0)
		return -1;
	well = random_below(&sim->random, 2);
	if (!well)
		sim_disk_crash_after(sim->disk, 1);
	close_store(sim);
	sim_disk_restart(sim->disk, well);
	if (random_below(&sim->random, 3) == 0)
		return rot(sim, well);
	if (open_store(sim) < 0)
		return sim_broken(sim, "it does not open at the end");
	for (int i = 0; i < SIM_PARTITIONS; i++)
		if (model_check(sim, i, true) < 0)
			return -1;
	return mirror_check(sim, true);
}

int sim_run(const struct sim_options *options, char why[1500], uint64_t *hash)
{
	struct sim *sim = calloc(1, sizeof *sim);
	const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm"
			    : getenv("TMPDIR")            ? getenv("TMPDIR")
							  : "/tmp";
	char other[320];
	int err;

	sim->options = *options;
	sim->hash = 0xcbf29ce484222325;
	random_seed(&sim->random, options->seed);
	sim_sql_calm();
	sim->compacting = random_below(&sim->random, 3) == 0;
	sim->disk = sim_disk_new(&sim->random);
	if (random_below(&sim->random, 2)) {
		sim->objects = sim_objects_new(&sim->random, sim->disk, NULL, NULL);
		sim_objects_trouble(sim->objects, (int)random_below(&sim->random, 40));
	}
	sim->clock = (struct clock){ sim_monotonic, sim_wall, sim };
	sim->producers = calloc(PRODUCERS * SIM_PARTITIONS, sizeof *sim->producers);
	for (int i = 0; i < PRODUCERS * SIM_PARTITIONS; i++)
		sim->producers[i] = (struct sim_producer){ .index = i / PRODUCERS,
							   .id = 1000 + i,
							   .transactional = i % PRODUCERS >= 2 };
	snprintf(sim->metadata, sizeof sim->metadata, "%s/interlock-sim-%d.db", place, (int)getpid());
	err = live(sim);
	if (sim->store)
		close_store(sim);
	if (sim->broken)
		err = -1;
	snprintf(why, 1500, "%s", sim->why);
	if (hash)
		*hash = sim->hash;
	unlink(sim->metadata);
	snprintf(other, sizeof other, "%s-wal", sim->metadata);
	unlink(other);
	snprintf(other, sizeof other, "%s-shm", sim->metadata);
	unlink(other);
	for (int i = 0; i < SIM_PARTITIONS; i++)
		model_done(&sim->models[i]);
	mirror_free(sim->mirror);
	free(sim->producers);
	sim_totals.troubles += sim->objects ? sim_objects_numbers(sim->objects)->troubles : 0;
	sim_objects_free(sim->objects);
	sim_disk_free(sim->disk);
	free(sim);
	return err;
}
