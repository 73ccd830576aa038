/*
 * fuzz_door.c - a client of the broker that sends anything: frames in any cut, over a real store, without a socket.
 *
 * Whatever it sends, the broker lives, answers no more than it was asked, and holds no request once the client has left and
 * what was under way has ended.
 */
#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "broker/pipeline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUTS_EACH_STORE 300 /* then a new one: what was written would slow the rest down */
#define TURNS_MAX         40

static struct loop *loop;
static struct broker *broker;
static char folder[100];
static int inputs, answers;
static bool broken;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void end(void)
{
	broker_free(broker);
	loop_free(loop);
	broker = NULL;
	loop = NULL;
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void begin(void)
{
	struct broker_options options = { .folder = folder, .host = "127.0.0.1" };
	struct properties properties;
	struct fault fault = { 0 };

	log_set_level(LOG_ERROR);
	snprintf(folder, sizeof folder, "%s/interlock-fuzz-XXXXXX",
		 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(folder))
		abort();
	properties_init(&properties);
	properties_set(&properties, VIEW_LITERAL("offsets.topic.num.partitions"), VIEW_LITERAL("2"), NULL);
	properties_set(&properties, VIEW_LITERAL("transaction.state.log.num.partitions"), VIEW_LITERAL("2"),
		       NULL);
	properties_set(&properties, VIEW_LITERAL("group.initial.rebalance.delay.ms"), VIEW_LITERAL("0"),
		       NULL);
	options.properties = &properties;
	if (loop_new(&clock_system, 1, &loop) < 0 || broker_open(loop, &options, &broker, &fault) < 0) {
		fprintf(stderr, "%s\n", fault.text);
		abort();
	}
	properties_done(&properties);
}

static void sent(void *owner, struct view bytes)
{
	assert(bytes.size >= 8);
	answers++;
}

static size_t queued(void *owner)
{
	return 0;
}

static void paused(void *owner, bool is)
{
}

static void was_broken(void *owner, const char *why)
{
	broken = true;
}

static const struct pipeline_functions functions = { sent, queued, paused, was_broken };

static void turn(int ms)
{
	bool never = false;

	loop_until(loop, &never, loop_now_ms(loop) + ms);
}

/* Frames in the input, whole or not. */
static int frames_in(const uint8_t *data, size_t size)
{
	int count = 0;

	for (size_t at = 0; at + 4 <= size; count++) {
		size_t frame = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 |
			       (size_t)data[at + 2] << 8 | data[at + 3];

		if (frame > size - at - 4)
			break;
		at += 4 + frame;
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pipeline pipeline;
	size_t cut = size ? data[0] % 64 + 1 : 1;

	if (broker && ++inputs % INPUTS_EACH_STORE == 0)
		end();
	if (!broker) {
		if (inputs == 0)
			atexit(end);
		begin();
	}
	if (size > 0) {
		data++; /* said how it is cut */
		size--;
	}
	answers = 0;
	broken = false;
	pipeline_init(&pipeline, broker, &functions, NULL);
	for (size_t at = 0; at < size && !broken;) {
		size_t piece = cut == 64 || size - at < cut * 16 ? size - at : cut * 16;
		size_t room;
		uint8_t *direct = pipeline_direct(&pipeline, &room);

		if (direct) {
			piece = room < size - at ? room : size - at;
			memcpy(direct, data + at, piece);
			pipeline_filled(&pipeline, piece);
		} else {
			pipeline_feed(&pipeline, view_of(data + at, piece));
		}
		at += piece;
	}
	for (int i = 0; i < TURNS_MAX && pipeline.count > 0 && !broken; i++)
		turn(1);
	assert(answers <= frames_in(data, size));
	pipeline_close(&pipeline);
	for (int i = 0; i < TURNS_MAX && broker->request_bytes > 0; i++)
		turn(1);
	assert(broker->request_bytes == 0);
	return 0;
}
