/*
 * bench_memory.c - what one core does in memory with record batches, beside what the machine could do at most.
 *
 * Each line runs over the same batches of about 1 MB, more of them than the caches hold, for at least half a second of
 * its thread's time, three times; the best counts, for what disturbs a run only ever makes it slower.
 *
 *	bench_memory [MiB of batches, default 256]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/crc32c.h"
#include "base/hash.h"
#include "base/random.h"
#include "wire/batch_writer.h"

#define BATCH_SIZE (1000 * 1000)
#define ROUNDS     3
#define SPANS      256

struct log {
	struct buffer bytes; /* batches, one behind the other */
	uint64_t records, inflated_size;
	struct inflater *inflater;
	struct buffer room;
	uint8_t *copy;
};

/* One way of going over the whole log; returns something that depends on all of it. */
typedef uint64_t pass(struct log *log);

static void fill(struct log *log, size_t record_size, enum codec codec, size_t size)
{
	struct batch_options options = batch_options_default;
	struct deflater *deflater = deflater_new();
	struct batch_writer writer;
	struct random random;
	uint8_t *value = malloc(record_size);
	int64_t timestamp = 1700000000000;

	random_seed(&random, 1);
	options.codec = codec;
	buffer_init(&log->bytes, size + 4 * BATCH_SIZE);
	buffer_init(&log->room, 16 * BATCH_SIZE);
	log->inflater = inflater_new(16 * BATCH_SIZE);
	log->records = log->inflated_size = 0;
	batch_writer_init(&writer, &options, deflater, 2 * BATCH_SIZE);
	while (log->inflated_size < size) {
		options.base_offset = (int64_t)log->records;
		batch_writer_reset(&writer, &options);
		while (batch_writer_size(&writer) < BATCH_SIZE) {
			uint64_t key = random_u64(&random);

			/* Half chance, half repetition: compresses about as an event in JSON does. */
			for (size_t i = 0; i < record_size; i += 8) {
				uint64_t word = i % 16 ? random_u64(&random) : 0x2c22646961702261;

				memcpy(value + i, &word, record_size - i < 8 ? record_size - i : 8);
			}
			timestamp += (int64_t)random_below(&random, 3);
			batch_writer_add(&writer, timestamp, view_of(&key, sizeof key),
					 view_of(value, record_size - 17), NULL, 0);
			log->records++;
		}
		log->inflated_size += batch_writer_size(&writer);
		if (batch_writer_finish(&writer, &log->bytes) < 0)
			abort();
	}
	batch_writer_done(&writer);
	deflater_free(deflater);
	free(value);
	log->copy = malloc(log->bytes.size);
}

static void empty(struct log *log)
{
	buffer_done(&log->bytes);
	buffer_done(&log->room);
	inflater_free(log->inflater);
	free(log->copy);
}

static uint64_t pass_copy(struct log *log)
{
	memcpy(log->copy, log->bytes.at, log->bytes.size);
	return log->copy[log->bytes.size / 2];
}

static uint64_t pass_crc(struct log *log)
{
	struct view rest = buffer_bytes(&log->bytes);
	struct batch batch;

	while (batch_next(&rest, &batch) > 0)
		if (batch_check(&batch, NULL) < 0)
			abort();
	return batch.head.crc;
}

/* With what is asked for, step by step up to all that the comparer does on its fast lane. */
static inline __attribute__((always_inline)) uint64_t walk(struct log *log, bool check, bool digest,
							   bool account)
{
	struct view rest = buffer_bytes(&log->bytes);
	struct digest sum = { 0 }, chain = { 0 };
	uint64_t count_all = 0, content = 0, times = 0;
	struct batch batch;

	while (batch_next(&rest, &batch) > 0) {
		struct record_span spans[SPANS];
		struct record_walk walk;
		struct records records;
		int count;

		if (check && batch_check(&batch, NULL) < 0)
			abort();
		buffer_reset(&log->room);
		if (batch_open(&batch, log->inflater, &log->room, &records, NULL) < 0)
			abort();
		record_walk_init(&walk, &records);
		while ((count = record_walk_next(&walk, spans, SPANS)) > 0) {
			count_all += (uint64_t)count;
			for (int i = 0; digest && i < count; i++) {
				struct digest one = hash128(spans[i].at, spans[i].size, 7);

				if (account) {
					sum = digest_add(sum, one);
					chain.low = (chain.low ^ one.low) * 0x9e3779b97f4a7c15;
					times += (uint64_t)spans[i].timestamp;
				} else {
					chain.low ^= one.low;
				}
			}
		}
		if (walk.fault)
			abort();
		content += walk.content_size;
	}
	return count_all + content + sum.high + chain.low + times;
}

static uint64_t pass_walk(struct log *log)
{
	return walk(log, false, false, false);
}

static uint64_t pass_digest(struct log *log)
{
	return walk(log, false, true, false);
}

static uint64_t pass_all(struct log *log)
{
	return walk(log, true, true, true);
}

static uint64_t pass_inflate(struct log *log)
{
	struct view rest = buffer_bytes(&log->bytes);
	struct records records;
	struct batch batch;

	while (batch_next(&rest, &batch) > 0) {
		buffer_reset(&log->room);
		if (batch_open(&batch, log->inflater, &log->room, &records, NULL) < 0)
			abort();
	}
	return records.bytes.size;
}

/* Of this thread's own time on a core, so that a busy machine does not count. */
static double seconds(void)
{
	struct timespec spent;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
	return (double)spent.tv_sec + (double)spent.tv_nsec / 1e9;
}

/* Results go here, so that no pass is left out as useless. */
static volatile uint64_t sink;

/* The best of three; prints GB/s of uncompressed batches and millions of records a second. */
static double measure(struct log *log, const char *what, pass *run, double limit)
{
	double best = 0;

	sink = run(log);
	for (int round = 0; round < ROUNDS; round++) {
		double start = seconds(), spent;
		int times = 0;

		do {
			sink = run(log);
			times++;
			spent = seconds() - start;
		} while (spent < 0.5);
		if ((double)times / spent > best)
			best = (double)times / spent;
	}
	printf("  %-44s %7.2f GB/s %8.1f M records/s", what, best * (double)log->inflated_size / 1e9,
	       best * (double)log->records / 1e6);
	if (limit > 0)
		printf("   %.2f of the limit", best / limit);
	printf("\n");
	fflush(stdout);
	return best;
}

static void plain(size_t record_size, size_t size)
{
	struct log log;
	double copy, crc;

	fill(&log, record_size, CODEC_NONE, size);
	printf("\nrecords of %zu B, not compressed, %.0f MB in %llu records\n", record_size,
	       (double)log.inflated_size / 1e6, (unsigned long long)log.records);
	copy = measure(&log, "limit: memcpy", pass_copy, 0);
	crc = measure(&log, "limit: CRC32C of each batch", pass_crc, 0);
	measure(&log, "walk", pass_walk, 0);
	measure(&log, "walk, digest", pass_digest, copy);
	measure(&log, "CRC32C, walk, digest, accumulators", pass_all, crc);
	empty(&log);
}

static void compressed(enum codec codec, size_t record_size, size_t size)
{
	struct log log;
	double inflate;
	char what[64];

	fill(&log, record_size, codec, size);
	printf("\nrecords of %zu B, %s, ratio %.2f\n", record_size, codec_name(codec),
	       (double)log.inflated_size / (double)log.bytes.size);
	snprintf(what, sizeof what, "limit: inflate");
	inflate = measure(&log, what, pass_inflate, 0);
	measure(&log, "CRC32C, inflate, walk, digest, accumulators", pass_all, inflate);
	empty(&log);
}

int main(int argc, char **argv)
{
	size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 256) << 20;

	if (size == 0) {
		fprintf(stderr, "usage: bench_memory [MiB of batches]\n");
		return 64;
	}
	plain(100, size);
	plain(1000, size);
	for (int codec = CODEC_GZIP; codec < CODEC_COUNT; codec++) {
		compressed((enum codec)codec, 100, size / 4);
		compressed((enum codec)codec, 1000, size / 4);
	}
	return 0;
}
