/*
 * bench_limit.c - the limit of a comparison: fetch both clusters, one connection to each broker, and throw the bytes away.
 *
 *	bench_limit --topic orders --source HOST:PORT [--target HOST:PORT] [--inflate] [--request SIZE] [--memory SIZE]
 *
 * What `interlock parity` needs for the same topics is held against this, in the same run.  With --inflate every batch
 * is opened as well, which is the limit of a comparison of compressed topics.  Prints one line: MB/s of both sides
 * together, seconds, the CPU seconds of this process, records and bytes.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/units.h"
#include "client/config.h"
#include "client/fetcher.h"
#include "client/offsets.h"
#include "wire/batch.h"

#define SIDES	   2
#define TIMEOUT_MS 20000

struct side {
	const char *name, *address;
	const struct cluster_config *config;
	struct cluster *cluster;
	struct fetcher *fetcher;
	int open; /* partitions that have not arrived at their end */
};

static struct side sides[SIDES] = { { .name = "source" }, { .name = "target" } };
static bool inflate, finished;
static uint64_t records, bytes, inflated;
static struct inflater *inflater;
static struct buffer scratch;

static void die(const struct fault *fault)
{
	fprintf(stderr, "bench_limit: %s\n", fault->text);
	exit(1);
}

static void take(void *context, const struct fetched *fetched)
{
	struct side *side = context;
	struct view left = fetched->records;
	struct batch batch;
	struct fault fault;

	bytes += fetched->records.size;
	while (batch_next(&left, &batch) > 0) {
		struct records opened;

		records += (uint64_t)batch.head.count;
		if (!inflate || batch.head.control)
			continue;
		buffer_reset(&scratch);
		if (batch_open(&batch, inflater, &scratch, &opened, &fault) < 0)
			die(&fault);
		inflated += opened.bytes.size;
	}
	if (fetched->ended && fetched->offset < fetched->next_offset && --side->open == 0)
		finished = sides[0].open + sides[1].open == 0;
}

static void trouble(void *context, const struct fetch_event *event)
{
	fprintf(stderr, "bench_limit: event %d: %s\n", event->kind, event->fault->text);
	if (event->kind != FETCH_UNREACHABLE && event->kind != FETCH_REACHABLE)
		exit(1);
}

static void side_open(struct side *side, struct loop *loop, const char *topic, struct fetcher_options options)
{
	struct view pattern = view_text(topic);
	struct metadata_snapshot snapshot;
	struct fault fault;
	struct arena arena;

	arena_init(&arena, (size_t)64 << 20);
	if (config_load(side->address, &side->config, &fault) < 0 ||
	    cluster_new(loop, side->name, side->config, &side->cluster, &fault) < 0 ||
	    cluster_connect(side->cluster, TIMEOUT_MS, &fault) < 0 ||
	    metadata_snapshot(side->cluster, &pattern, 1, TIMEOUT_MS, &arena, &snapshot, &fault) < 0)
		die(&fault);
	options.context = side;
	if (fetcher_new(side->cluster, &options, &side->fetcher) < 0)
		exit(1);
	for (int t = 0; t < snapshot.topic_count; t++) {
		const struct topic_info *info = &snapshot.topics[t];

		for (int32_t p = 0; p < info->partition_count; p++) {
			struct offset_query ends[2] = {
				{ .topic = info->name, .partition = p, .at = OFFSETS_EARLIEST },
				{ .topic = info->name, .partition = p, .at = OFFSETS_LATEST },
			};
			struct fetch_part *part;

			if (offsets_list(side->cluster, ends, 2, false, TIMEOUT_MS, &fault) < 0)
				die(&fault);
			if (ends[0].offset == ends[1].offset)
				continue;
			if (fetch_part_add(side->fetcher, info->name, &info->id, p, ends[0].offset, -1,
					   ends[1].offset, NULL, &part) < 0)
				exit(1);
			side->open++;
		}
	}
	arena_done(&arena);
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void report(double seconds, double cpu)
{
	struct rusage usage;
	struct fetch_totals totals;
	uint64_t answers = 0;

	for (int i = 0; i < SIDES; i++) {
		if (!sides[i].fetcher)
			continue;
		fetcher_totals(sides[i].fetcher, &totals);
		answers += totals.answers;
	}
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"limit_mb_per_s\": %.1f, \"seconds\": %.4f, \"cpu_seconds\": %.3f, \"records\": %" PRIu64
	       ", \"bytes\": %" PRIu64 ", \"inflated_bytes\": %" PRIu64 ", \"answers\": %" PRIu64
	       ", \"peak_rss_bytes\": %ld}\n",
	       (double)bytes / 1e6 / seconds, seconds, cpu, records, bytes, inflated, answers,
	       usage.ru_maxrss * 1024);
}

int main(int argc, char **argv)
{
	static const struct option words[] = {
		{ "topic", required_argument, NULL, 't' },  { "source", required_argument, NULL, 's' },
		{ "target", required_argument, NULL, 'g' }, { "inflate", no_argument, NULL, 'i' },
		{ "request", required_argument, NULL, 'r' }, { "memory", required_argument, NULL, 'm' },
		{ 0 },
	};
	const char *topic = NULL;
	uint64_t request = 0, memory = 128 << 20;
	struct fetcher_options options = { .records = take, .event = trouble };
	struct fault fault;
	struct loop *loop;
	int word;

	while ((word = getopt_long(argc, argv, "", words, NULL)) >= 0) {
		if (word == 't')
			topic = optarg;
		else if (word == 's' || word == 'g')
			sides[word == 'g'].address = optarg;
		else if (word == 'i')
			inflate = true;
		else if ((word == 'r' && size_parse(view_text(optarg), &request, &fault) < 0) ||
			 (word == 'm' && size_parse(view_text(optarg), &memory, &fault) < 0))
			die(&fault);
		else if (word == '?')
			return 64;
	}
	if (!topic || !sides[0].address) {
		fprintf(stderr, "bench_limit: --topic and --source are needed\n");
		return 64;
	}
	buffer_init(&scratch, (size_t)256 << 20);
	if (loop_new(&clock_system, 1, &loop) < 0 || (inflater = inflater_new((size_t)256 << 20)) == NULL ||
	    allowance_new(loop, memory, 0, &options.allowance) < 0)
		return 1;
	options.request_size = (int32_t)request;
	for (int i = 0; i < SIDES; i++)
		if (sides[i].address)
			side_open(&sides[i], loop, topic, options);
	int64_t begun = clock_system.monotonic_ns(&clock_system);
	double cpu = cpu_seconds();
	if (sides[0].open + sides[1].open > 0)
		loop_until(loop, &finished, INT64_MAX);
	report((double)(clock_system.monotonic_ns(&clock_system) - begun) / 1e9, cpu_seconds() - cpu);
	for (int i = 0; i < SIDES; i++) {
		fetcher_free(sides[i].fetcher);
		cluster_free(sides[i].cluster);
		config_release(sides[i].config);
	}
	allowance_free(options.allowance);
	inflater_free(inflater);
	buffer_done(&scratch);
	loop_free(loop);
	return 0;
}
