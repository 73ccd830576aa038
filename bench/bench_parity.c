/*
 * bench_parity.c - how fast two logs in memory are compared on one core: checksum, walk, digest and join, for the claim
 * key-order, in records and bytes of both sides together.  Beside it, in the same run, what memory itself allows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "parity/sample.h"

#define LOG_BYTES ((size_t)48 << 20)
#define PIECE     ((size_t)1 << 20)
#define ROUNDS    8

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One log of one partition in batches of about `batch_bytes`: `most` records, or as many as make a log. */
static size_t fill(struct sample_log *log, enum log_side side, size_t record_size, size_t batch_bytes,
		   size_t most)
{
	char *value = malloc(record_size + 1), key[20];
	size_t count = 0;
	struct random r;

	random_seed(&r, 1);
	sample_init(log, side, 1);
	log->batch_records = (int)(batch_bytes / record_size);
	for (; most ? count < most : log->partitions[0].bytes.size < LOG_BYTES; count++) {
		struct sample_record record = { .timestamp = 1700000000000 + (int64_t)count,
						.key = key,
						.value = value };

		snprintf(key, sizeof key, "%010u", (unsigned)random_below(&r, 1000000));
		for (size_t i = 0; i < record_size - 10; i++)
			value[i] = (char)('a' + (count * 31 + i * 7) % 26);
		snprintf(value, 12, "%010zu", count);
		value[10] = 'x';
		value[record_size - 10] = 0;
		sample_add(log, &record);
	}
	sample_flush(log);
	free(value);
	return count;
}

static double compare(const struct sample_log logs[2], struct join_glance *glance)
{
	struct decode_options decode = { .seed = 42, .shards = 1 };
	struct join_options options = { .claim = CLAIM_KEY_ORDER,
					.partitions = { 1, 1 },
					.seed = 42,
					.shards = 1,
					.memory = SIZE_MAX,
					.examples = 20 };
	struct join *join = join_new(&options);
	struct decoder *decoder = decoder_new(PIECE * 16);
	size_t at[2] = { 0, 0 };
	double start = seconds();
	bool more = true;

	while (more) {
		more = false;
		for (int side = 0; side < 2; side++) {
			struct view left = buffer_bytes(&logs[side].partitions[0].bytes);
			struct decode_input input = { .side = (enum log_side)side,
						      .until = INT64_MAX,
						      .slab_bytes = PIECE * 8 };
			struct slab *slab;
			size_t size = left.size - at[side] < PIECE ? left.size - at[side] : PIECE;

			if (!size)
				continue;
			more = true;
			input.bytes = view_of(left.at + at[side], size);
			input.from = join_offset(join, (enum log_side)side, 0);
			decode_begin(decoder, &input);
			while (decode_next(decoder, &decode, &input, &slab) > 0) {
				join_push(join, slab);
				input.from = slab->until;
			}
			/* What was cut off comes with the next piece, as with a fetch. */
			{
				struct view whole = view_of(left.at + at[side], size);
				struct batch batch;

				while (batch_next(&whole, &batch) > 0)
					;
				at[side] = (size_t)(whole.at - left.at);
			}
		}
		join_advance(join, 0);
	}
	join_end(join, SOURCE, 0);
	join_end(join, TARGET, 0);
	join_advance(join, 0);
	start = seconds() - start;
	join_look(join, glance);
	decoder_free(decoder);
	join_free(join);
	return start;
}

static double read_only(const struct sample_log logs[2])
{
	double start = seconds();
	volatile uint64_t sink = 0;

	for (int side = 0; side < 2; side++) {
		struct view bytes = buffer_bytes(&logs[side].partitions[0].bytes);
		uint64_t sum = 0;

		for (size_t i = 0; i + 8 <= bytes.size; i += 8)
			sum += *(const uint64_t *)(const void *)(bytes.at + i);
		sink += sum;
	}
	return seconds() - start;
}

int main(void)
{
	static const size_t sizes[] = { 100, 200, 1000, 16000 };

	printf("%8s %14s %10s %14s\n", "record", "records/s", "GB/s", "memory, GB/s");
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct sample_log logs[2];
		struct join_glance glance;
		double best = 1e9, memory = 1e9, bytes;
		size_t count = fill(&logs[SOURCE], SOURCE, sizes[i], 64000, 0);

		fill(&logs[TARGET], TARGET, sizes[i], 16000 + sizes[i], count);
		bytes = (double)(logs[SOURCE].partitions[0].bytes.size +
				 logs[TARGET].partitions[0].bytes.size);
		for (int round = 0; round < ROUNDS; round++) {
			double t = compare(logs, &glance), m = read_only(logs);

			best = t < best ? t : best;
			memory = m < memory ? m : memory;
		}
		printf("%8zu %12.1f M %10.2f %14.2f%s\n", sizes[i], (double)count * 2 / best / 1e6,
		       bytes / best / 1e9, bytes / memory / 1e9,
		       glance.matched == count ? "" : "   NOT EQUAL");
		sample_done(&logs[SOURCE]);
		sample_done(&logs[TARGET]);
	}
	return 0;
}
