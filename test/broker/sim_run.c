/* sim_run.c - one simulated life of a broker: clients, lanes, time and crashes in an order that the seed decides. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim.h"

#define STEPS         1000
#define OPENINGS      200
#define SETTLE_ROUNDS 400
#define MINGLES       250

static const enum client_kind kinds[CLIENTS] = {
	CLIENT_WRITER,     CLIENT_WRITER,     CLIENT_TRANSACTOR, CLIENT_TRANSACTOR,
	CLIENT_TRANSACTOR, CLIENT_COMMITTER,  CLIENT_MEMBER,     CLIENT_MEMBER,
	CLIENT_NEW_MEMBER, CLIENT_NEW_MEMBER, CLIENT_KEEPER,     CLIENT_READER,
};

#define FIRST_MEMBER 6
#define MEMBERS      4

struct world_totals world_totals;

int world_broken(struct world *world, const char *format, ...)
{
	va_list args;

	if (world->broken)
		return -1;
	world->broken = true;
	va_start(args, format);
	vsnprintf(world->why, sizeof world->why, format, args);
	va_end(args);
	return -1;
}

void world_note(struct world *world, const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	for (const char *at = text; *at; at++)
		world->hash = (world->hash ^ (uint8_t)*at) * 0x100000001b3;
	if (world->trace)
		printf("%8lld ms  %s\n", (long long)world->now_ms, text);
}

static int64_t world_monotonic(const struct clock *clock)
{
	return ((struct world *)clock->context)->now_ms * 1000000;
}

static int64_t world_wall(const struct clock *clock)
{
	return 1700000000000 + ((struct world *)clock->context)->now_ms;
}

/* ---- opening and crashing */

/* An answer of the object store that takes so long: whoever asked waits, and nobody else does. */
static void late(void *context, int64_t ms)
{
	struct world *world = context;

	world->late_until_ms[world->stepped] = world->now_ms + ms;
}

static bool step_lane(struct world *world, int lane)
{
	if (world->now_ms < world->late_until_ms[lane])
		return false;
	world->stepped = lane;
	return lane_step(world->lanes[lane]);
}

/* The lanes move while the broker waits for its first word to be kept; so does the time that it gives it. */
static void step_lanes(void *context)
{
	struct world *world = context;

	world->now_ms++;
	for (int i = 0; i < STORE_LANES; i++)
		step_lane(world, i);
}

static void properties_of(struct properties *properties)
{
	static const char *const pairs[][2] = { { "offsets.topic.num.partitions", "2" },
						{ "transaction.state.log.num.partitions", "2" },
						{ "group.initial.rebalance.delay.ms", "0" },
						{ "group.min.session.timeout.ms", "500" },
						{ "group.consumer.min.session.timeout.ms", "500" },
						{ "group.consumer.session.timeout.ms", "1000" },
						{ "group.consumer.min.heartbeat.interval.ms", "300" },
						{ "group.consumer.heartbeat.interval.ms", "300" },
						{ "log.retention.check.interval.ms", "700" } };

	properties_init(properties);
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (properties_set(properties, view_text(pairs[i][0]), view_text(pairs[i][1]), NULL) < 0)
			abort();
}

static int open_once(struct world *world)
{
	struct broker_options options = { .folder = "sim", .host = "127.0.0.1" };
	struct store_options store;
	struct properties properties;
	struct fault fault = { 0 };
	int err;

	store_options_default(&store);
	store.metadata = world->metadata;
	store.random = world->seed | 1;
	store.objects = world->objects ? sim_objects_face(world->objects) : NULL;
	store.segment_bytes = 64 << 10;
	store.unflushed_bytes_max = 1 << 20;
	store.flush_bytes = 4000 + (int64_t)random_below(&world->random, 100000);
	store.flush_ms = 3000;
	memset(world->late_until_ms, 0, sizeof world->late_until_ms);
	for (int i = 0; i < STORE_LANES; i++) {
		if (lane_new_stepped(NULL, NULL, &world->lanes[i]) < 0)
			abort();
		store.lanes[i] = world->lanes[i];
	}
	properties_of(&properties);
	options.properties = &properties;
	options.disk = sim_disk_face(world->disk);
	options.store = &store;
	options.step = step_lanes;
	options.step_context = world;
	if (loop_new(&world->clock, world->seed, &world->loop) < 0)
		abort();
	loop_simulate(world->loop);
	err = broker_open(world->loop, &options, &world->broker, &fault);
	properties_done(&properties);
	world_note(world, "open: %d", err);
	world_totals.starts++;
	if (err == 0)
		return 0;
	world->broker = NULL;
	for (int i = 0; i < STORE_LANES; i++)
		lane_free(world->lanes[i]);
	loop_free(world->loop);
	if (world->rotten && (err == ERR_CHECKSUM || err == ERR_UNSUPPORTED || err == ERR_CONFIG))
		return err; /* as it should */
	if (!sim_disk_dead(world->disk))
		return world_broken(world, "it does not open: %s", fault.text);
	return err;
}

/* As a power cut does; clients notice. */
static void close_broker(struct world *world)
{
	for (int i = 0; i < CLIENTS; i++)
		client_drop(&world->clients[i]);
	for (size_t i = 0; i < sizeof world->groups / sizeof *world->groups; i++)
		world->groups[i].told = 0;
	net_down(world);
	for (int i = 0; i < STORE_LANES; i++)
		lane_free(world->lanes[i]);
	broker_free(world->broker);
	world->broker = NULL;
	loop_free(world->loop);
}

static int open_broker(struct world *world)
{
	for (int i = 0; i < OPENINGS; i++) {
		if (open_once(world) == 0)
			return 0;
		if (world->broken)
			return -1;
		sim_disk_restart(world->disk, random_below(&world->random, 3) == 0);
	}
	return world_broken(world, "it never opens");
}

static int crash(struct world *world)
{
	bool gentle = random_below(&world->random, 3) == 0;

	world_note(world, "crash%s", gentle ? " of the process" : "");
	world_totals.crashes++;
	sim_disk_crash_after(world->disk, 1);
	close_broker(world);
	sim_disk_restart(world->disk, gentle);
	if (random_below(&world->random, 4) == 0) /* and again while it comes up */
		sim_disk_crash_after(world->disk, 1 + random_below(&world->random, 60));
	return open_broker(world);
}

/* ---- a life */

static bool must_restart(struct world *world)
{
	struct store_numbers numbers;

	store_numbers(world->broker->store, &numbers);
	return sim_disk_dead(world->disk) || numbers.write_err == ERR_IO;
}

/* Until nothing moves by itself; time stands still. */
static void settle(struct world *world)
{
	for (int round = 0; round < SETTLE_ROUNDS && !sim_disk_dead(world->disk); round++) {
		bool moved = false;

		for (int i = 0; i < STORE_LANES && !sim_disk_dead(world->disk); i++)
			moved = step_lane(world, i) || moved;
		moved = loop_step(world->loop) || moved;
		moved = net_settle(world) || moved;
		if (!moved)
			break;
	}
}

static void one_step(struct world *world)
{
	uint64_t dice = random_below(&world->random, 1000);

	struct client *client = &world->clients[random_below(&world->random, CLIENTS)];

	if (dice < 260)
		client_step(client);
	else if (dice < 480)
		net_step(world);
	else if (dice < 680)
		step_lane(world, (int)random_below(&world->random, STORE_LANES));
	else if (dice < 830)
		loop_step(world->loop);
	else if (dice < 940)
		world->now_ms += (int64_t)random_below(&world->random, 20);
	else if (dice < 978)
		settle(world);
	else if (dice < 981)
		world->now_ms += 500;
	else if (dice < 985)
		client_drop(client);
	else if (dice < 988)
		client_leave(client);
	else if (dice < 991)
		net_stall(client, (int64_t)random_below(&world->random, 3000));
	else if (dice < 993)
		sim_disk_err_after(world->disk, 1 + random_below(&world->random, 20));
	else if (dice < 994)
		sim_disk_room(world->disk, (int64_t)random_below(&world->random, 100000));
	else if (dice < 996)
		sim_disk_room(world->disk, INT64_MAX);
	else if (dice < 997 && world->objects)
		sim_objects_trouble(world->objects, (int)random_below(&world->random, 80));
	else
		sim_disk_crash_after(world->disk, 1 + random_below(&world->random, 40));
}

static int run_on(struct world *world)
{
	settle(world);
	world->now_ms += 50;
	for (int i = 0; i < CLIENTS && !world->broken; i++)
		client_step(&world->clients[i]);
	if (!world->broken && must_restart(world))
		return crash(world);
	return world->broken ? -1 : 0;
}

/* Members alone, and all that they ask for is answered: so groups come far enough for somebody to be a generation behind. */
static int mingle(struct world *world)
{
	for (int round = 0; round < MINGLES && !world->broken; round++) {
		settle(world);
		world->now_ms += (int64_t)random_below(&world->random, 60);
		client_step(&world->clients[FIRST_MEMBER + random_below(&world->random, MEMBERS)]);
		if (!world->broken && must_restart(world) && crash(world) < 0)
			return -1;
	}
	return world->broken ? -1 : 0;
}

/* A third of the worlds compact, a third let go of what is old, a third keep all that nobody deletes. */
static void add_configs(struct world *world, struct client *client, struct create_topics_request_topic *topic)
{
	uint64_t dice = random_below(&world->random, 3);

	world->compacts = dice == 0;
	world->retains = dice == 1;
	topic->configs.at = shape_array(&create_topics_request_config_shape, &client->arena, 2);
	topic->configs.count = world->compacts ? 2 : world->retains ? 1 : 0;
	topic->configs.at[0].name =
		world->compacts ? VIEW_LITERAL("cleanup.policy") : VIEW_LITERAL("retention.ms");
	topic->configs.at[0].value = world->compacts ? VIEW_LITERAL("compact") : VIEW_LITERAL("1500");
	topic->configs.at[1].name = VIEW_LITERAL("min.cleanable.dirty.ratio");
	topic->configs.at[1].value = VIEW_LITERAL("0.01");
}

static int make_topic(struct world *world)
{
	struct client *client = &world->clients[CLIENTS - 1];
	struct create_topics_request request;

	client_connect(client);
	message_default(&create_topics_request_message, &request);
	request.timeout_ms = 10000;
	request.topics.at = shape_array(&create_topics_request_topic_shape, &client->arena, 1);
	request.topics.count = 1;
	request.topics.at[0].name = VIEW_LITERAL("orders");
	request.topics.at[0].num_partitions = WORLD_PARTITIONS;
	request.topics.at[0].replication_factor = 1;
	add_configs(world, client, &request.topics.at[0]);
	client_ask(client, API_CREATE_TOPICS, 5, &request);
	for (int round = 0; round < 100 && !client->answer_count; round++) {
		settle(world);
		world->now_ms += 10;
	}
	if (!client->answer_count)
		return world_broken(world, "the topic was not made");
	client_drop(client);
	return 0;
}

static const struct store_topic *orders(const struct world *world)
{
	return store_topic_named(world->broker->store, VIEW_LITERAL("orders"));
}

static bool read_all(const struct world *world, const struct client *reader)
{
	for (int32_t i = 0; i < WORLD_PARTITIONS; i++) {
		struct store_partition_state state;

		store_partition_state(orders(world)->partitions[i], &state);
		if (reader->offsets[i] != state.high_watermark && !world->refused[i])
			return false;
	}
	return true;
}

static int read_from_start(struct world *world)
{
	struct client *reader = &world->clients[CLIENTS - 1];

	client_drop(reader); /* with what it asked for */
	memset(reader->offsets, 0, sizeof reader->offsets);
	for (uint32_t i = 0; i < world->value_count; i++)
		world->values[i].found = false;
	for (int round = 0; round < 400 && !read_all(world, reader); round++)
		if (run_on(world) < 0)
			return -1;
	return read_all(world, reader) ? 0 : world_broken(world, "the reader never comes to the end");
}

/* Everybody comes to the end of what is under way; then one reader reads all, from the beginning. */
static int finish(struct world *world)
{
	struct client *reader = &world->clients[CLIENTS - 1];
	bool waits = true;

	world->finishing = true;
	sim_disk_crash_after(world->disk, 0);
	sim_disk_err_after(world->disk, INT32_MAX);
	sim_disk_room(world->disk, INT64_MAX);
	if (world->objects)
		sim_objects_trouble(world->objects, 0);
	for (int round = 0; round < 3000 && waits; round++) {
		if (run_on(world) < 0)
			return -1;
		waits = false;
		for (int i = 0; i < CLIENTS - 1; i++)
			waits = waits || !client_idle(&world->clients[i]);
	}
	for (int i = 0; i < CLIENTS - 1 && waits; i++)
		if (!client_idle(&world->clients[i]))
			return world_broken(world, "client %d never gets through: state %d, asked %d", i,
					    world->clients[i].state, world->clients[i].asked_count);
	if (random_below(&world->random, 2) && crash(world) < 0)
		return -1;
	if (read_from_start(world) < 0)
		return -1;
	for (int32_t i = 0; i < WORLD_PARTITIONS; i++) {
		struct store_partition_state state;

		store_partition_state(orders(world)->partitions[i], &state);
		if (reader->offsets[i] != state.high_watermark || state.last_stable != state.high_watermark)
			return world_broken(world, "the reader of %d is at %lld, stable to %lld of %lld", i,
					    (long long)reader->offsets[i], (long long)state.last_stable,
					    (long long)state.high_watermark);
	}
	return world_judge(world);
}

/* What positions say with a rotten byte somewhere: the truth, or nothing. */
static int look_at_positions(struct world *world)
{
	for (int i = 0; i < CLIENTS; i++)
		if (world->clients[i].kind == CLIENT_TRANSACTOR || world->clients[i].kind == CLIENT_COMMITTER)
			client_look(&world->clients[i]);
	for (int round = 0; round < 20; round++)
		if (run_on(world) < 0)
			return -1;
	return 0;
}

/*
 * One byte rots while nobody looks.  Then the broker does not open, or what it rotted in is refused to whoever reads it, or it
 * did not matter: but nothing is served that was not written, and nothing is missing without a word.
 */
static int rot(struct world *world)
{
	struct sim_rot rotten = { .path = "an object" };
	bool well = random_below(&world->random, 2), tear;
	int64_t id;

	if (!well)
		sim_disk_crash_after(world->disk, 1);
	close_broker(world);
	sim_disk_restart(world->disk, well);
	if (world->objects && random_below(&world->random, 2)
		    ? !sim_objects_rot(world->objects, &id, &rotten.offset)
		    : !sim_disk_rot(world->disk, &rotten))
		return 0;
	tear = rotten.in_last_write &&
	       !well; /* the one thing that cannot be told from a tear: wal_format.h */
	world_note(world, "rot: %s at %llu", rotten.path, (unsigned long long)rotten.offset);
	world->rotten = true;
	world_totals.rotten++;
	if (open_once(world) < 0) {
		world_totals.rot_seen += !world->broken;
		return world->broken ? -1 : 0;
	}
	if (look_at_positions(world) == 0 && read_from_start(world) == 0)
		world_judge(world);
	for (int i = 0; i < WORLD_PARTITIONS; i++)
		world_totals.rot_seen += world->refused[i];
	if (tear)
		world->broken = false;
	return world->broken ? -1 : 0;
}

static int live(struct world *world)
{
	if (open_broker(world) < 0 || make_topic(world) < 0)
		return -1;
	sim_mutate_disk(world->disk, world->mutant < MUTANT_COUNT ? world->mutant : MUTANT_NONE);
	for (int step = 0; step < STEPS && !world->broken; step++) {
		one_step(world);
		if (!world->broken && must_restart(world) && crash(world) < 0)
			return -1;
	}
	if (world->sociable && !world->broken && mingle(world) < 0)
		return -1;
	if (world->broken || finish(world) < 0)
		return -1;
	return random_below(&world->random, 3) ? 0 : rot(world);
}

static void remove_metadata(const struct world *world)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char path[320];

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(path, sizeof path, "%s%s", world->metadata, ends[i]);
		unlink(path);
	}
}

static void count_objects(const struct world *world)
{
	const struct sim_objects_numbers *numbers =
		world->objects ? sim_objects_numbers(world->objects) : &(struct sim_objects_numbers){ 0 };

	world_totals.troubles += numbers->troubles;
	world_totals.done_and_denied += numbers->done_and_denied;
	world_totals.halves += numbers->halves;
}

int world_run(uint64_t seed, bool trace, int mutant, char why[1000], uint64_t *hash)
{
	struct world *world = calloc(1, sizeof *world);
	const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm"
			    : getenv("TMPDIR")            ? getenv("TMPDIR")
							  : "/tmp";
	int err;

	world->seed = seed;
	world->trace = trace;
	world->mutant = mutant;
	world->hash = 0xcbf29ce484222325;
	random_seed(&world->random, seed);
	world->clock = (struct clock){ world_monotonic, world_wall, world };
	world->disk = sim_disk_new(&world->random);
	if (random_below(&world->random, 2)) {
		world->objects = sim_objects_new(&world->random, world->disk, late, world);
		sim_objects_trouble(world->objects, (int)random_below(&world->random, 40));
	}
	world->sociable = random_below(&world->random, 4) == 0;
	world->inflater = inflater_new(1 << 20);
	list_init(&world->wires);
	world->values = calloc(WORLD_VALUES_MAX, sizeof *world->values);
	world->deeds = calloc(WORLD_VALUES_MAX, sizeof *world->deeds);
	deed_new(world);
	value_new(world, 0, 0, 0); /* number 0 is none */
	for (int i = 0; i < CLIENTS; i++)
		client_init(&world->clients[i], world, kinds[i], i);
	snprintf(world->metadata, sizeof world->metadata, "%s/interlock-broker-sim-%d.db", place,
		 (int)getpid());
	err = live(world);
	if (world->broker)
		close_broker(world);
	err = world->broken ? -1 : err;
	snprintf(why, 1000, "%s", world->why);
	if (hash)
		*hash = world->hash;
	remove_metadata(world);
	inflater_free(world->inflater);
	count_objects(world);
	sim_objects_free(world->objects);
	sim_disk_free(world->disk);
	free(world->values);
	free(world->deeds);
	free(world);
	return err;
}
