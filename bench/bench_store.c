/*
 * bench_store.c - the log engine on this disk: durable appends and a tail reader, beside the disk's own sync.
 *
 *	bench_store [FOLDER [SECONDS]]
 *	bench_store --leave FOLDER	(only 1 GiB of log, as a crash leaves it: for bench_broker.py)
 *
 * In FOLDER (bench.store here, which is removed again): fdatasync of 4 KiB and of 1 MiB one after the other, then appends with a
 * window of so many on their way, every one read back as soon as it can be; the last line is the opening after a crash with a
 * write-ahead log that nobody has uploaded.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/store.h"
#include "wire/batch_writer.h"

#define WINDOW_MAX  4096
#define SAMPLES_MAX (4 << 20)

static struct fault fault;
static double length = 2;

static void must(int err, const char *what)
{
	if (err >= 0)
		return;
	fprintf(stderr, "bench_store: %s: %s\n", what, fault.text);
	exit(1);
}

static double seconds(void)
{
	return (double)clock_system.monotonic_ns(&clock_system) / 1e9;
}

static uint8_t filler[1000];
static float *samples;
static size_t sample_count;

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

static double percentile(double share)
{
	return sample_count ? samples[(size_t)((double)(sample_count - 1) * share)] : 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void sync_alone(const char *folder, size_t size)
{
	char path[4096];
	uint8_t *bytes = calloc(1, size);
	double until;
	off_t at = 0;
	int fd;

	snprintf(path, sizeof path, "%s/alone", folder);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || posix_fallocate(fd, 0, 256 << 20)) {
		fprintf(stderr, "bench_store: no room in %s\n", folder);
		exit(1);
	}
	/* As the log finds its room when it is used again: written once. */
	for (off_t zero = 0; zero < 256 << 20; zero += (off_t)size)
		if (pwrite(fd, bytes, size, zero) < 0)
			exit(1);
	fdatasync(fd);
	sample_count = 0;
	for (until = seconds() + length / 2; seconds() < until;) {
		double before = seconds();

		if (pwrite(fd, bytes, size, at) < 0 || fdatasync(fd) < 0)
			exit(1);
		at = (at + (off_t)size) % (256 << 20);
		samples[sample_count++] = (float)((seconds() - before) * 1e3);
	}
	qsort(samples, sample_count, sizeof *samples, compare);
	printf("%-34s %8.0f MB/s %9.0f /s    p50 %7.2f  p99 %7.2f ms\n",
	       size > 65536 ? "disk alone, 1 MiB and fdatasync" : "disk alone, 4 KiB and fdatasync",
	       (double)(sample_count * size) / (length / 2) / 1e6, (double)sample_count / (length / 2),
	       percentile(0.5), percentile(0.99));
	close(fd);
	unlink(path);
	free(bytes);
}

struct flight {
	double sent;
	bool busy;
	struct load *load;
};

struct load {
	struct store *store;
	struct store_topic *topic;
	struct flight flights[WINDOW_MAX];
	int64_t *read_to;
	uint64_t acknowledged, read_bytes, failed;
};

static void ended(void *context, const struct store_appended *appended)
{
	struct flight *flight = context;

	flight->busy = false;
	if (appended->err < 0)
		flight->load->failed++;
	flight->load->acknowledged++;
	if (sample_count < SAMPLES_MAX)
		samples[sample_count++] = (float)((seconds() - flight->sent) * 1e3);
}

static void created(void *context, int err, const struct fault *why)
{
	if (why)
		fault = *why;
	must(err, "topic");
	*(bool *)context = true;
}

/* A consumer at the tail: whatever is durable is read once. */
static void read_tail(struct load *load, int index, struct store_read *read)
{
	struct partition *partition = load->topic->partitions[index];

	if (store_read(partition, load->read_to[index], 1 << 20, STORE_READ_UNCOMMITTED, read, NULL) != 0)
		return;
	load->read_bytes += (uint64_t)read->size;
	load->read_to[index] = read->next_offset;
}

static void run(const char *folder, size_t size, int partitions, int window)
{
	struct store_options options;
	struct store_topic_new topic = { .name = VIEW_LITERAL("bench"),
					 .id = { 1 },
					 .partition_count = partitions };
	struct load *load = calloc(1, sizeof *load);
	struct store_read read = { 0 };
	struct store_numbers numbers;
	struct batch_writer writer;
	struct buffer batch;
	char name[100], path[4096];
	double begin, end;
	bool done = false;
	int next = 0;

	snprintf(path, sizeof path, "%s/store", folder);
	store_options_default(&options);
	options.folder = path;
	must(store_open(&options, &load->store, &fault), "open");
	must(store_topic_create(load->store, &topic, created, &done), "topic");
	while (!done) {
		store_wait(load->store, 100);
		store_poll(load->store);
	}
	load->topic = store_topic_named(load->store, VIEW_LITERAL("bench"));
	load->read_to = calloc((size_t)partitions, sizeof *load->read_to);
	buffer_init(&batch, 8 << 20);
	batch_writer_init(&writer, &batch_options_default, NULL, 8 << 20);
	while (batch_writer_size(&writer) + 1020 < size)
		batch_writer_add(&writer, 1000, VIEW_NULL, view_of(filler, sizeof filler), NULL, 0);
	batch_writer_finish(&writer, &batch);
	sample_count = 0;
	begin = seconds();
	for (end = begin + length; seconds() < end;) {
		bool full = true;

		for (int i = 0; i < window; i++) {
			struct flight *flight = &load->flights[i];
			int err;

			if (flight->busy)
				continue;
			flight->load = load;
			flight->sent = seconds();
			flight->busy = true;
			err = store_append(load->topic->partitions[next++ % partitions], buffer_bytes(&batch),
					   ended, flight);
			if (err == ERR_LIMIT) {
				flight->busy = false;
				break;
			}
			must(err, "append");
			full = false;
		}
		if (full)
			store_wait(load->store, 1);
		store_poll(load->store);
		for (int i = 0; i < partitions; i++)
			read_tail(load, i, &read);
		if (load->acknowledged % 1000 == 0)
			store_tick(load->store);
	}
	end = seconds();
	qsort(samples, sample_count, sizeof *samples, compare);
	store_numbers(load->store, &numbers);
	snprintf(name, sizeof name, "%4zu KiB, %4d partitions, %4d deep", size >> 10, partitions, window);
	printf("%-34s %8.0f MB/s %9.0f /s    p50 %7.2f  p99 %7.2f ms   read %6.0f MB/s   %.1f a group, %lld "
	       "uploads%s\n",
	       name, (double)(load->acknowledged * batch.size) / (end - begin) / 1e6,
	       (double)load->acknowledged / (end - begin), percentile(0.5), percentile(0.99),
	       (double)load->read_bytes / (end - begin) / 1e6,
	       numbers.wal_groups ? (double)load->acknowledged / (double)numbers.wal_groups : 0.0,
	       (long long)numbers.flushes, load->failed ? "  FAILED" : "");
	store_read_free(&read);
	store_close(load->store);
	batch_writer_done(&writer);
	buffer_done(&batch);
	free(load->read_to);
	free(load);
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A write-ahead log of so many bytes, and the opening that reads it. */
static void recover(const char *folder, int64_t bytes, bool leave)
{
	struct store_options options;
	struct store_topic_new topic = { .name = VIEW_LITERAL("bench"), .id = { 1 }, .partition_count = 16 };
	struct load *load = calloc(1, sizeof *load);
	struct store_topic *found;
	struct buffer batch;
	struct batch_writer writer;
	char path[4096];
	double begin;
	bool done = false;
	int64_t sent = 0;

	snprintf(path, sizeof path, "%s/store", folder);
	store_options_default(&options);
	options.folder = path;
	options.cache_bytes_max = options.unflushed_bytes_max = 4 * bytes;
	options.flush_bytes = 4 * bytes;
	options.flush_ms = INT32_MAX;
	must(store_open(&options, &load->store, &fault), "open");
	must(store_topic_create(load->store, &topic, created, &done), "topic");
	while (!done) {
		store_wait(load->store, 100);
		store_poll(load->store);
	}
	found = store_topic_named(load->store, VIEW_LITERAL("bench"));
	buffer_init(&batch, 8 << 20);
	batch_writer_init(&writer, &batch_options_default, NULL, 8 << 20);
	while (batch_writer_size(&writer) < 60000)
		batch_writer_add(&writer, 1000, VIEW_NULL, view_of(path, 50), NULL, 0);
	batch_writer_finish(&writer, &batch);
	while (sent < bytes) {
		for (int i = 0; i < 64; i++) {
			load->flights[i] = (struct flight){ seconds(), true, load };
			must(store_append(found->partitions[i % 16], buffer_bytes(&batch), ended,
					  &load->flights[i]),
			     "append");
			sent += (int64_t)batch.size;
		}
		for (int i = 0; i < 64; i++)
			while (load->flights[i].busy) {
				store_wait(load->store, 10);
				store_poll(load->store);
			}
	}
	if (leave)
		_exit(0);
	store_close(load->store);
	begin = seconds();
	must(store_open(&options, &load->store, &fault), "open again");
	printf("opening with %lld MiB of log: %.2f s\n", (long long)(bytes >> 20), seconds() - begin);
	store_close(load->store);
	batch_writer_done(&writer);
	buffer_done(&batch);
	free(load);
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : "bench.store";

	if (argc > 2 && strcmp(argv[1], "--leave") != 0)
		length = atof(argv[2]);
	samples = malloc(SAMPLES_MAX * sizeof *samples);
	if (argc == 3 && strcmp(argv[1], "--leave") == 0) {
		must(disk_system.make_folder(&disk_system, argv[2], &fault), "folder");
		recover(argv[2], 1 << 30, true);
	}
	must(disk_system.make_folder(&disk_system, folder, &fault), "folder");
	sync_alone(folder, 4096);
	sync_alone(folder, 1 << 20);
	run(folder, 1 << 10, 1, 1);
	run(folder, 1 << 10, 16, 256);
	run(folder, 16 << 10, 4, 16);
	run(folder, 64 << 10, 4, 16);
	run(folder, 1 << 20, 4, 4);
	run(folder, 16 << 10, 1, 64);
	run(folder, 16 << 10, 100, 64);
	run(folder, 16 << 10, 1000, 64);
	recover(folder, 1 << 30, false);
	rmdir(folder);
	free(samples);
	return 0;
}
