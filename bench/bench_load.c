/*
 * bench_load.c - a load that saturates a broker: producers that wait for nothing but their window, consumers at the tail.
 *
 *	bench_load --server HOST:PORT --topic T [--partitions N] [--producers N] [--consumers N] [--window N] [--batch BYTES]
 *	     [--record BYTES] [--acks -1] [--rate MB/S] [--warm S] [--seconds S] [--until BYTES] [--request BYTES]
 *
 * Plain sockets, one thread, every batch made once: so little of its own that the broker is what is measured.  A producer
 * sends one batch a request, to its partitions in turn, and keeps `window` of them unanswered; with --rate so many bytes are
 * due each second whether the broker keeps up or not, and latency counts from when they were due.  A consumer fetches its
 * share of the partitions from offset 0 on in a session, and walks the batches it gets.  Each batch carries the time at
 * which it was sent, so a consumer knows how old it is.  --until ends it once the consumers have had so many bytes.
 *
 * Prints one line of JSON: bytes a second in and out, acknowledgements, their latency and that of the delivery.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/buffer.h"
#include "base/crc32c.h"
#include "base/cursor.h"
#include "wire/batch_writer.h"

#define SAMPLES_MAX         (4 << 20)
#define HEAD_MAX            512 /* a request up to its batch */
#define BATCH_CRC_AT        17
#define BATCH_HEAD          61
#define NS                  1000000000LL
#define PARTITION_FETCH_MAX (1 << 20)

static const char *topic = "load";
static struct sockaddr_in server;
static int partitions = 1, producers = 1, consumers = 0, window = 4, acks = -1;
static size_t batch_size = 65536, record_size = 1000, request_size = 16 << 20;
static double rate, warm = 1, length = 5;
static uint64_t until;

static uint8_t *batch; /* the one batch; its time and checksum are each request's own */
static size_t batch_bytes, stamp_at;
static int records_each;

struct flight {
	int64_t due;
	uint8_t head[HEAD_MAX + BATCH_HEAD + 64]; /* request, and the batch up to its time */
	size_t head_size;
};

struct peer {
	int fd, epoll;
	bool consumer, wants_out;
	uint8_t *in;
	size_t in_size, in_capacity;

	/* a producer's */
	struct flight *flights;
	uint64_t sent, written, acknowledged; /* flights: made, wholly written, answered */
	size_t written_bytes;                 /* of the one that is being written */
	int next_partition, stride;
	int64_t due;

	/* a consumer's */
	int first, step;
	int64_t *offsets;
	int32_t session, epoch;
	int *changed, changed_count;
	struct buffer out;
	size_t out_written;
};

struct samples {
	float *at;
	size_t count;
};

static struct samples acknowledgement, delivery;
static uint64_t in_bytes, out_bytes, out_all, acks_count, errors;
static int64_t begun;
static bool counting, stop;

static void die(const char *what)
{
	fprintf(stderr, "bench_load: %s: %s\n", what, errno ? strerror(errno) : "not as expected");
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

static void sample(struct samples *samples, int64_t ns)
{
	if (counting && samples->count < SAMPLES_MAX)
		samples->at[samples->count++] = (float)ns / 1e6F;
}

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

static double percentile(const struct samples *samples, double share)
{
	return samples->count ? (double)samples->at[(size_t)((double)(samples->count - 1) * share)] : 0;
}

/* ---- the batch --------------------------------------------------------------------------------------------------------- */

static void make_batch(void)
{
	struct batch_writer writer;
	struct buffer out;
	uint8_t *value = malloc(record_size + 16);
	uint32_t seed = 1;

	if (!value)
		die("memory");
	for (size_t i = 0; i < record_size; i++) {
		seed = seed * 1664525 + 1013904223;
		value[i] = (uint8_t)(seed >> 24);
	}
	memset(value, 0xfe, 8);
	buffer_init(&out, 64 << 20);
	batch_writer_init(&writer, &batch_options_default, NULL, 64 << 20);
	do {
		batch_writer_add(&writer, (int64_t)time(NULL) * 1000, VIEW_NULL, view_of(value, record_size),
				 NULL, 0);
		records_each++;
	} while (batch_writer_size(&writer) + record_size + 20 < batch_size);
	if (batch_writer_finish(&writer, &out) < 0)
		die("batch");
	batch_bytes = out.size;
	batch = malloc(batch_bytes);
	if (!batch)
		die("memory");
	memcpy(batch, buffer_bytes(&out).at, batch_bytes);
	stamp_at = BATCH_HEAD;
	while (memcmp(batch + stamp_at, value, 8) != 0)
		stamp_at++;
	if (stamp_at > BATCH_HEAD + 40)
		die("batch");
	buffer_done(&out);
	batch_writer_done(&writer);
	free(value);
}

/* ---- requests ---------------------------------------------------------------------------------------------------------- */

static uint8_t *put16(uint8_t *at, int value)
{
	put_be16(at, (uint16_t)value);
	return at + 2;
}

static uint8_t *put32(uint8_t *at, int64_t value)
{
	put_be32(at, (uint32_t)value);
	return at + 4;
}

static uint8_t *put64(uint8_t *at, int64_t value)
{
	put_be64(at, (uint64_t)value);
	return at + 8;
}

static uint8_t *put_text(uint8_t *at, const char *text)
{
	size_t size = strlen(text);

	at = put16(at, (int)size);
	memcpy(at, text, size);
	return at + size;
}

static uint8_t *put_request(uint8_t *at, int api, int version, int64_t correlation)
{
	at = put16(at, api);
	at = put16(at, version);
	at = put32(at, correlation);
	return put_text(at, "load");
}

/* Produce v8 with one batch; what follows the time in it comes from the one batch. */
static void make_flight(struct peer *peer, struct flight *flight, int64_t due)
{
	uint8_t *at = flight->head + 4, *copy;

	at = put_request(at, 0, 8, (int64_t)peer->sent);
	at = put16(at, -1); /* no transaction */
	at = put16(at, acks);
	at = put32(at, 30000);
	at = put32(at, 1);
	at = put_text(at, topic);
	at = put32(at, 1);
	at = put32(at, peer->next_partition);
	at = put32(at, (int64_t)batch_bytes);
	copy = at;
	memcpy(copy, batch, stamp_at);
	put_be64(copy + stamp_at, (uint64_t)due);
	put_be32(copy + BATCH_CRC_AT, crc32c_extend(crc32c(copy + 21, stamp_at + 8 - 21),
						    batch + stamp_at + 8, batch_bytes - stamp_at - 8));
	flight->head_size = (size_t)(copy - flight->head) + stamp_at + 8;
	put_be32(flight->head, (uint32_t)(flight->head_size - stamp_at - 8 + batch_bytes - 4));
	flight->due = due;
	peer->next_partition = (peer->next_partition + peer->stride) % partitions;
}

static void want_out(struct peer *peer, bool want)
{
	struct epoll_event event = { EPOLLIN | (want ? EPOLLOUT : 0), { .ptr = peer } };

	if (peer->wants_out == want)
		return;
	peer->wants_out = want;
	if (epoll_ctl(peer->epoll, EPOLL_CTL_MOD, peer->fd, &event) < 0)
		die("epoll");
}

/* Writes what has been made.  False when the socket takes no more. */
static bool write_flights(struct peer *peer)
{
	while (peer->written < peer->sent) {
		struct flight *flight = &peer->flights[peer->written % (uint64_t)window];
		size_t rest = batch_bytes - stamp_at - 8, done = peer->written_bytes;
		struct iovec pieces[2] = { { flight->head, flight->head_size },
					   { batch + stamp_at + 8, rest } };
		struct iovec *from = pieces;
		ssize_t got;

		if (done >= flight->head_size) {
			from++;
			done -= flight->head_size;
		}
		from->iov_base = (uint8_t *)from->iov_base + done;
		from->iov_len -= done;
		got = writev(peer->fd, from, (int)(pieces + 2 - from));
		if (got < 0 && errno != EAGAIN)
			die("writev");
		if (got < 0)
			return false;
		peer->written_bytes += (size_t)got;
		if (peer->written_bytes < flight->head_size + rest)
			return false;
		peer->written_bytes = 0;
		peer->written++;
	}
	return true;
}

static void produce(struct peer *peer)
{
	bool room = write_flights(peer);

	while (room && !stop && peer->sent - peer->acknowledged < (uint64_t)window) {
		int64_t now = now_ns();

		if (rate > 0) {
			if (peer->due > now)
				break;
			make_flight(peer, &peer->flights[peer->sent % (uint64_t)window], peer->due);
			peer->due += (int64_t)((double)batch_bytes * producers / (rate * 1e6) * 1e9);
		} else {
			make_flight(peer, &peer->flights[peer->sent % (uint64_t)window], now);
		}
		peer->sent++;
		room = write_flights(peer);
	}
	want_out(peer, !room);
}

/* Fetch v11; the first of a session names all partitions, the others those that have moved. */
static void ask(struct peer *peer)
{
	int count =
		peer->epoch ? peer->changed_count : (partitions - peer->first + peer->step - 1) / peer->step;
	uint8_t *begin, *at;

	buffer_reset(&peer->out);
	begin = buffer_room(&peer->out, (size_t)count * 28 + 512);
	if (!begin)
		die("memory");
	at = put_request(begin + 4, 1, 11, 0);
	at = put32(at, -1);
	at = put32(at, 500);
	at = put32(at, 1);
	at = put32(at, (int64_t)request_size);
	*at++ = 0;
	at = put32(at, peer->session);
	at = put32(at, peer->epoch);
	at = put32(at, count > 0);
	if (count > 0) {
		at = put_text(at, topic);
		at = put32(at, count);
	}
	for (int i = 0; i < count; i++) {
		int partition = peer->epoch ? peer->changed[i] : peer->first + i * peer->step;

		at = put32(at, partition);
		at = put32(at, -1);
		at = put64(at, peer->offsets[partition]);
		at = put64(at, -1);
		at = put32(at, PARTITION_FETCH_MAX);
	}
	at = put32(at, 0);
	at = put_text(at, "");
	put_be32(begin, (uint32_t)(at - begin - 4));
	buffer_grow(&peer->out, (size_t)(at - begin));
	peer->out_written = 0;
	peer->changed_count = 0;
}

static void consume(struct peer *peer)
{
	while (peer->out_written < peer->out.size) {
		ssize_t got =
			write(peer->fd, peer->out.at + peer->out_written, peer->out.size - peer->out_written);

		if (got < 0 && errno != EAGAIN)
			die("write");
		if (got < 0)
			break;
		peer->out_written += (size_t)got;
	}
	want_out(peer, peer->out_written < peer->out.size);
}

/* ---- answers ----------------------------------------------------------------------------------------------------------- */

static void acknowledged(struct peer *peer, struct view frame)
{
	struct flight *flight = &peer->flights[peer->acknowledged % (uint64_t)window];
	struct cursor c = cursor_over(frame);
	int16_t error;

	cursor_take(&c, 8); /* correlation, count */
	cursor_take(&c, (size_t)cursor_i16(&c));
	cursor_take(&c, 8); /* count, index */
	error = cursor_i16(&c);
	peer->acknowledged++;
	if (c.fault)
		die("an answer to Produce");
	if (error && counting && errors++ == 0)
		fprintf(stderr, "bench_load: Produce was answered with error %d\n", error);
	if (!counting || error)
		return;
	sample(&acknowledgement, now_ns() - flight->due);
	in_bytes += batch_bytes;
	acks_count++;
}

static void walk(struct peer *peer, int partition, struct view records)
{
	int64_t now = now_ns();
	bool moved = false;

	while (records.size >= BATCH_HEAD) {
		uint64_t base = get_be64(records.at), size = 12 + (uint64_t)get_be32(records.at + 8);

		if (size > records.size)
			break; /* Kafka may cut the last one */
		if ((int64_t)base >= peer->offsets[partition]) {
			if (size == batch_bytes)
				sample(&delivery, now - (int64_t)get_be64(records.at + stamp_at));
			peer->offsets[partition] = (int64_t)base + (int32_t)get_be32(records.at + 23) + 1;
			moved = true;
		}
		out_all += size;
		if (counting)
			out_bytes += size;
		records.at += size;
		records.size -= size;
	}
	if (moved)
		peer->changed[peer->changed_count++] = partition;
}

static void fetched(struct peer *peer, struct view frame)
{
	struct cursor c = cursor_over(frame);
	int32_t topics;
	int16_t error;

	cursor_take(&c, 8); /* correlation, throttle */
	error = cursor_i16(&c);
	if (error)
		die("Fetch was refused");
	peer->session = cursor_i32(&c);
	peer->epoch = peer->session ? peer->epoch + 1 : 0;
	topics = cursor_i32(&c);
	for (int32_t t = 0; t < topics && !c.fault; t++) {
		int32_t count;

		cursor_take(&c, (size_t)cursor_i16(&c));
		count = cursor_i32(&c);
		for (int32_t i = 0; i < count && !c.fault; i++) {
			int32_t partition = cursor_i32(&c), aborted, size;
			const uint8_t *at;

			error = cursor_i16(&c);
			cursor_take(&c, 24);
			aborted = cursor_i32(&c);
			cursor_take(&c, aborted > 0 ? (size_t)aborted * 16 : 0);
			cursor_i32(&c);
			size = cursor_i32(&c);
			at = cursor_take(&c, size > 0 ? (size_t)size : 0);
			if (c.fault || partition < 0 || partition >= partitions)
				break;
			if (error && counting && errors++ == 0)
				fprintf(stderr, "bench_load: a partition was answered with error %d\n",
					error);
			if (size > 0)
				walk(peer, partition, view_of(at, (size_t)size));
		}
	}
	if (c.fault)
		die("an answer to Fetch");
	if (until && out_all >= until)
		stop = true;
}

static void readable(struct peer *peer)
{
	size_t at = 0;
	ssize_t got;

	if (peer->in_capacity - peer->in_size < 65536) {
		peer->in_capacity = peer->in_capacity * 2 + 262144;
		peer->in = realloc(peer->in, peer->in_capacity);
		if (!peer->in)
			die("memory");
	}
	got = read(peer->fd, peer->in + peer->in_size, peer->in_capacity - peer->in_size);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
		die("the broker hung up");
	peer->in_size += (size_t)got;
	while (peer->in_size - at >= 4) {
		size_t size = get_be32(peer->in + at);

		if (peer->in_size - at - 4 < size) {
			size_t need = size + 4 + 65536;

			if (need > peer->in_capacity) {
				peer->in = realloc(peer->in, need);
				peer->in_capacity = need;
			}
			break;
		}
		if (peer->consumer)
			fetched(peer, view_of(peer->in + at + 4, size));
		else
			acknowledged(peer, view_of(peer->in + at + 4, size));
		at += 4 + size;
		if (peer->consumer)
			ask(peer);
	}
	memmove(peer->in, peer->in + at, peer->in_size - at);
	peer->in_size -= at;
	if (peer->consumer)
		consume(peer);
	else
		produce(peer);
}

/* ---- the whole --------------------------------------------------------------------------------------------------------- */

static void peer_open(struct peer *peer, int epoll, int index, bool consumer)
{
	struct epoll_event event = { EPOLLIN, { .ptr = peer } };
	int one = 1;

	peer->fd = socket(AF_INET, SOCK_STREAM, 0);
	peer->epoll = epoll;
	peer->consumer = consumer;
	if (peer->fd < 0 || connect(peer->fd, (struct sockaddr *)&server, sizeof server) < 0)
		die("connect");
	setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	fcntl(peer->fd, F_SETFL, O_NONBLOCK);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, peer->fd, &event) < 0)
		die("epoll");
	peer->first = index;
	peer->step = consumers;
	peer->stride = producers;
	peer->next_partition = index % partitions;
	peer->offsets = calloc((size_t)partitions, sizeof *peer->offsets);
	peer->changed = calloc((size_t)partitions, sizeof *peer->changed);
	peer->flights = calloc((size_t)window, sizeof *peer->flights);
	if (!peer->offsets || !peer->changed || !peer->flights)
		die("memory");
	buffer_init(&peer->out, 64 << 20);
	/* Not all at the same moment: their requests would come in gusts. */
	peer->due = now_ns() +
		    (rate > 0 ? (int64_t)((double)index * (double)batch_bytes / (rate * 1e6) * 1e9) : 0);
	if (consumer) {
		ask(peer);
		consume(peer);
	} else {
		produce(peer);
	}
}

/* Until something is due, to the microsecond: a load that spins would be measured with the broker. */
static struct timespec wait_for(const struct peer *peers)
{
	int64_t now = now_ns(), due = now + NS / 50;

	for (int i = 0; rate > 0 && i < producers; i++)
		if (peers[i].sent - peers[i].acknowledged < (uint64_t)window && peers[i].due < due)
			due = peers[i].due;
	return (struct timespec){ 0, due > now ? due - now : 0 };
}

static void run(struct peer *peers, int epoll)
{
	struct epoll_event events[64];
	int64_t count_from = begun + (int64_t)(warm * 1e9), end = count_from + (int64_t)(length * 1e9);

	while (!stop) {
		struct timespec wait = wait_for(peers);
		int count = epoll_pwait2(epoll, events, 64, &wait, NULL);
		int64_t now = now_ns();

		if (!counting && now >= count_from) {
			counting = true;
			begun = now;
		}
		if (now >= end)
			break;
		for (int i = 0; i < count; i++) {
			struct peer *peer = events[i].data.ptr;

			if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				readable(peer);
			if (events[i].events & EPOLLOUT) {
				if (peer->consumer)
					consume(peer);
				else
					produce(peer);
			}
		}
		for (int i = 0; rate > 0 && i < producers; i++)
			produce(&peers[i]);
	}
}

static void report(void)
{
	double seconds = (double)(now_ns() - begun) / 1e9;
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	qsort(acknowledgement.at, acknowledgement.count, sizeof(float), compare);
	qsort(delivery.at, delivery.count, sizeof(float), compare);
	printf("{\"seconds\": %.3f, \"in_mb\": %.1f, \"out_mb\": %.1f, \"records_in\": %.0f, \"acks\": %.0f, "
	       "\"p50\": %.3f, "
	       "\"p99\": %.3f, \"p999\": %.3f, \"delivery_p50\": %.3f, \"delivery_p99\": %.3f, \"errors\": "
	       "%llu, "
	       "\"out_bytes\": %llu, \"cpu\": %.3f}\n",
	       seconds, (double)in_bytes / 1e6 / seconds, (double)out_bytes / 1e6 / seconds,
	       (double)acks_count * records_each / seconds, (double)acks_count / seconds,
	       percentile(&acknowledgement, 0.5), percentile(&acknowledgement, 0.99),
	       percentile(&acknowledgement, 0.999), percentile(&delivery, 0.5), percentile(&delivery, 0.99),
	       (unsigned long long)errors, (unsigned long long)out_all,
	       (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

static void set_server(const char *text)
{
	char host[64];
	const char *colon = strrchr(text, ':');

	if (!colon || (size_t)(colon - text) >= sizeof host)
		die("--server is HOST:PORT, an address of IPv4");
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = 0;
	server.sin_family = AF_INET;
	server.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &server.sin_addr) != 1)
		die("--server is HOST:PORT, an address of IPv4");
}

int main(int argc, char **argv)
{
	static const struct option words[] = {
		{ "server", 1, NULL, 's' },    { "topic", 1, NULL, 't' },     { "partitions", 1, NULL, 'n' },
		{ "producers", 1, NULL, 'p' }, { "consumers", 1, NULL, 'c' }, { "window", 1, NULL, 'w' },
		{ "batch", 1, NULL, 'b' },     { "record", 1, NULL, 'r' },    { "acks", 1, NULL, 'a' },
		{ "rate", 1, NULL, 'R' },      { "warm", 1, NULL, 'W' },      { "seconds", 1, NULL, 'S' },
		{ "until", 1, NULL, 'u' },     { "request", 1, NULL, 'q' },   { 0 },
	};
	struct peer *peers;
	int word, epoll = epoll_create1(0);

	while ((word = getopt_long(argc, argv, "", words, NULL)) >= 0) {
		switch (word) {
		case 's': set_server(optarg); break;
		case 't': topic = optarg; break;
		case 'n': partitions = atoi(optarg); break;
		case 'p': producers = atoi(optarg); break;
		case 'c': consumers = atoi(optarg); break;
		case 'w': window = atoi(optarg); break;
		case 'b': batch_size = strtoull(optarg, NULL, 10); break;
		case 'r': record_size = strtoull(optarg, NULL, 10); break;
		case 'a': acks = atoi(optarg); break;
		case 'R': rate = atof(optarg); break;
		case 'W': warm = atof(optarg); break;
		case 'S': length = atof(optarg); break;
		case 'u': until = strtoull(optarg, NULL, 10); break;
		case 'q': request_size = strtoull(optarg, NULL, 10); break;
		default: return 64;
		}
	}
	if (!server.sin_port || partitions < 1 || producers < 0 || consumers < 0 || window < 1 ||
	    record_size < 8 || strlen(topic) > 249) {
		fprintf(stderr, "bench_load: --server HOST:PORT, and counts that make sense\n");
		return 64;
	}
	acknowledgement.at = malloc(SAMPLES_MAX * sizeof(float));
	delivery.at = malloc(SAMPLES_MAX * sizeof(float));
	peers = calloc((size_t)(producers + consumers) + 1, sizeof *peers);
	if (!acknowledgement.at || !delivery.at || !peers)
		die("memory");
	make_batch();
	begun = now_ns();
	for (int i = 0; i < consumers; i++)
		peer_open(&peers[producers + i], epoll, i, true);
	for (int i = 0; i < producers; i++)
		peer_open(&peers[i], epoll, i, false);
	run(peers, epoll);
	report();
	return 0;
}
